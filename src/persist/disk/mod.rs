//! The seam to files: all that persistence reads and writes goes through [`Disk`].
//!
//! Two stand behind it: [`Files`], the real ones, and [`Simulated`], a disk in memory that forgets what was not synced
//! when the power fails, and fails from any chosen operation on.
//!
//! What survives a crash is what the operating system promises: bytes of a file up to its last
//! [`File::sync`], and names of a folder (created, renamed, removed) up to its last [`Disk::sync_dir`].

mod real;
mod simulated;

pub use real::Files;
pub use simulated::Simulated;

use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::path::Path;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// To be read from its start; it must be there.
    Read,
    /// To be written from its start; made, or emptied if it is there.
    Create,
    /// To be written behind what it holds; made if it is not there.
    Append,
}

/// An open file. Reading goes from its start to its end, writing to its end.
pub trait File: Read + Write + Debug + Send {
    /// Waits until all bytes written so far are on stable storage.
    ///
    /// # Errors
    /// They may not be; what was written since the last sync is in doubt.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to `len` bytes; what is written next follows them.
    ///
    /// # Errors
    /// It was not cut.
    fn cut(&mut self, len: u64) -> io::Result<()>;

    /// Its size in bytes.
    ///
    /// # Errors
    /// It is not known.
    fn size(&self) -> io::Result<u64>;

    /// Whether it is the file that has this name now.
    ///
    /// # Errors
    /// It is not known.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
}

/// Where files are. Shared with the threads that write; an operation may take as long as the device takes.
pub trait Disk: Debug + Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be opened so.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>>;

    /// Gives a file another name, in place of a file that has it.
    ///
    /// # Errors
    /// Nothing was renamed.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// It is still there, or was not.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder, in no order.
    ///
    /// # Errors
    /// The folder cannot be read.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes a folder, unless it is there.
    ///
    /// # Errors
    /// It is not there.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Waits until the folder's names are on stable storage.
    ///
    /// # Errors
    /// They may not be.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// The folder that holds `path`; `.` for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// Reads a whole file.
///
/// # Errors
/// It cannot be opened or read.
pub fn read(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    disk.open(path, Open::Read)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Puts a whole file in the place of another so that after a crash one of the two is there, whole:
/// written beside it, synced, renamed, and the folder synced.
///
/// # Errors
/// What was there still is; `beside` may be left behind.
pub fn replace(disk: &dyn Disk, path: &Path, beside: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = disk.open(beside, Open::Create)?;
    file.write_all(bytes)?;
    file.sync()?;
    disk.rename(beside, path)?;
    disk.sync_dir(folder_of(path))
}
