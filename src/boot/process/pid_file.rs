//! The pid file: where init scripts look for the process.
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The file a server in the background writes when none was named.
const DEFAULT_PATH: &str = "/var/run/redis.pid";

/// A pid file that this process wrote.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    pid: u32,
}

impl PidFile {
    /// Which file to write: the one configured, else a default for a server in the background, else
    /// none.
    #[must_use]
    pub fn path_for(configured: Option<&Path>, in_background: bool) -> Option<PathBuf> {
        match configured {
            Some(path) if !path.as_os_str().is_empty() => Some(path.to_owned()),
            _ => in_background.then(|| PathBuf::from(DEFAULT_PATH)),
        }
    }

    /// Writes this process's id, after going into the background. The server goes on without the
    /// file when that fails, and logs `Failed to write PID file: ` with the error.
    ///
    /// # Errors
    /// What the system answered.
    pub fn create(path: &Path) -> io::Result<Self> {
        // Absolute, for the working directory changes later.
        let path = std::path::absolute(path)?;
        let pid = std::process::id();
        fs::write(&path, format!("{pid}\n"))?;
        Ok(Self { path, pid })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file at exit, unless another process has written its own id meanwhile: a
    /// successor started early keeps its file.
    pub fn remove(self) {
        let ours =
            fs::read_to_string(&self.path).is_ok_and(|text| text.trim() == self.pid.to_string());
        if ours {
            // Best effort, as all about this file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_the_id_until_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("larder.pid");
        let file = PidFile::create(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
        file.remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_successors_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("larder.pid");
        let file = PidFile::create(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        file.remove();
        assert!(path.exists());
    }

    #[test]
    fn a_file_is_written_when_named_or_in_the_background() {
        let named = Path::new("x.pid");
        assert_eq!(PidFile::path_for(None, false), None);
        assert_eq!(PidFile::path_for(Some(Path::new("")), false), None);
        assert_eq!(PidFile::path_for(Some(named), false).unwrap(), named);
        let default = PidFile::path_for(None, true).unwrap();
        assert_eq!(default, Path::new(DEFAULT_PATH));
    }
}
