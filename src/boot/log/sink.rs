//! Where lines go: stdout or a file, and syslog beside it.
use super::Level;
use crate::stdx::os::syslog;
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{fd::AsRawFd, unix::fs::MetadataExt, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
};

/// The main output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Standard output: an empty `logfile`.
    #[default]
    Stdout,
    /// A file, appended to.
    File(PathBuf),
}

/// The system logger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    /// The program's name in its lines.
    pub ident: String,
    /// What they are filed under.
    pub facility: syslog::Facility,
}

static SINK: Mutex<Sink> = Mutex::new(Sink::Stdout);
static SYSLOG: AtomicBool = AtomicBool::new(false);

const STDOUT: i32 = 1;
/// The descriptor lines go to, for the crash handler, which must not take the lock.
static FD: AtomicI32 = AtomicI32::new(STDOUT);

enum Sink {
    Stdout,
    File(LogFile),
}

/// An open log file and what it was when opened.
struct LogFile {
    path: PathBuf,
    file: File,
    /// Device and inode: whether the path still leads here.
    identity: (u64, u64),
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        // A relative path must keep its meaning when the data directory becomes the working
        // directory.
        let path = std::path::absolute(path)?;
        let file = OpenOptions::new().append(true).create(true).mode(0o644).open(&path)?;
        let about = file.metadata()?;
        Ok(Self { path, file, identity: (about.dev(), about.ino()) })
    }

    /// Opens the path anew when it leads elsewhere or nowhere. One stat(2), which costs less than
    /// the open and close of every line that it saves. When opening fails, writing goes on to the
    /// old file rather than nowhere.
    fn follow_path(&mut self) {
        let moved = match self.path.metadata() {
            Ok(about) => (about.dev(), about.ino()) != self.identity,
            Err(_) => true,
        };
        if moved && let Ok(fresh) = Self::open(&self.path) {
            self.replace(fresh);
        }
    }

    /// The new descriptor is announced before the old one closes, so that a crash in between writes
    /// somewhere.
    fn replace(&mut self, fresh: Self) {
        FD.store(fresh.file.as_raw_fd(), Ordering::Release);
        *self = fresh;
    }
}

fn with_sink<R>(work: impl FnOnce(&mut Sink) -> R) -> R {
    work(&mut SINK.lock().unwrap_or_else(PoisonError::into_inner))
}

pub(super) fn set_output(output: &Output) -> io::Result<()> {
    let (fresh, fd) = match output {
        Output::Stdout => (Sink::Stdout, STDOUT),
        Output::File(path) => {
            let log = LogFile::open(path)?;
            let fd = log.file.as_raw_fd();
            (Sink::File(log), fd)
        }
    };
    with_sink(|sink| {
        FD.store(fd, Ordering::Release);
        *sink = fresh;
    });
    Ok(())
}

pub(super) fn set_syslog(settings: Option<&Syslog>) {
    if let Some(settings) = settings {
        syslog::open(&settings.ident, settings.facility);
    }
    SYSLOG.store(settings.is_some(), Ordering::Relaxed);
}

pub(super) fn reopen() -> io::Result<()> {
    with_sink(|sink| match sink {
        Sink::Stdout => Ok(()),
        Sink::File(log) => {
            let fresh = LogFile::open(&log.path)?;
            log.replace(fresh);
            Ok(())
        }
    })
}

/// Writes whole lines to the main output. What cannot be written is dropped: nobody is left to
/// tell.
pub(super) fn write(lines: &[u8]) {
    with_sink(|sink| {
        let _ = match sink {
            Sink::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(lines).and_then(|()| out.flush())
            }
            Sink::File(log) => {
                log.follow_path();
                log.file.write_all(lines)
            }
        };
    });
}

/// Sends a message without its prefix to syslog, if that is on.
pub(super) fn write_syslog(level: Level, message: &str) {
    if SYSLOG.load(Ordering::Relaxed) {
        syslog::write(super::priority(level), message);
    }
}

pub(super) fn syslog_is_on() -> bool {
    SYSLOG.load(Ordering::Relaxed)
}

pub(super) fn fd() -> i32 {
    FD.load(Ordering::Acquire)
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use std::fs;

    fn line(log: &mut LogFile, text: &str) {
        log.follow_path();
        log.file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_rotated_file_is_followed_without_a_signal() {
        let dir = tempfile::tempdir().unwrap();
        let (path, old) = (dir.path().join("log"), dir.path().join("log.1"));
        let mut log = LogFile::open(&path).unwrap();
        line(&mut log, "one\n");
        fs::rename(&path, &old).unwrap();
        line(&mut log, "two\n");
        assert_eq!(fs::read_to_string(&old).unwrap(), "one\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
    }

    #[test]
    fn a_removed_file_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogFile::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        line(&mut log, "here\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "here\n");
    }

    #[test]
    fn a_truncated_file_is_appended_to_from_its_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogFile::open(&path).unwrap();
        line(&mut log, "long line\n");
        File::create(&path).unwrap();
        line(&mut log, "x\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "x\n");
    }

    #[test]
    fn without_its_directory_the_old_file_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, aside) = (dir.path().join("d"), dir.path().join("e"));
        fs::create_dir(&inside).unwrap();
        let mut log = LogFile::open(&inside.join("log")).unwrap();
        fs::rename(&inside, &aside).unwrap();
        line(&mut log, "kept\n");
        assert_eq!(fs::read_to_string(aside.join("log")).unwrap(), "kept\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error() {
        let refused = LogFile::open(Path::new("/nonexistent/log")).err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::NotFound);
    }
}
