//! Files of the operating system.

use super::{Disk, File, Open};
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;

/// Whoever closes a removed file that nobody else has open waits for its blocks to be freed. From this size on, bytes,
/// that is a thread of its own.
const LARGE: u64 = 1 << 20;

/// The file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Files;

#[derive(Debug)]
struct RealFile(fs::File);

impl Read for RealFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for RealFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl File for RealFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)?;
        self.0.seek(SeekFrom::End(0)).map(drop)
    }

    fn size(&self) -> io::Result<u64> {
        self.0.metadata().map(|meta| meta.len())
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let named = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            named => named?,
        };
        let own = self.0.metadata()?;
        Ok((own.dev(), own.ino()) == (named.dev(), named.ino()))
    }
}

impl Disk for Files {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>> {
        let mut options = OpenOptions::new();
        match how {
            Open::Read => options.read(true),
            // Each write goes to the end that the file has then: where somebody cuts it, its length shows that.
            Open::Create | Open::Append => options.append(true).create(true),
        };
        let file = options.open(path)?;
        if how == Open::Create {
            file.set_len(0)?;
        }
        if how == Open::Read && file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Box::new(RealFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let is_large = |file: fs::Metadata| file.is_file() && file.len() >= LARGE;
        let large = fs::symlink_metadata(path).is_ok_and(is_large);
        let opened = large.then(|| fs::File::open(path).ok()).flatten();
        fs::remove_file(path)?;
        if let Some(file) = opened {
            // Where no thread can be started it is closed here.
            let _ = thread::Builder::new().name("larder-close".into()).spawn(move || drop(file));
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name()));
        let names: io::Result<Vec<_>> = names.collect();
        Ok(names?.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        match fs::create_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
            made => made,
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }
}
