//! A disk in memory: what is not synced is lost when the power fails, and operations can be made to
//! fail from a chosen one on.

use super::{Disk, File, Open, folder_of};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// A disk whose handles share what it holds.
#[derive(Debug, Clone, Default)]
pub struct Simulated(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The files by name, as whoever reads the folder now sees them.
    names: BTreeMap<PathBuf, usize>,
    /// The names as they would be after a crash.
    stable_names: BTreeMap<PathBuf, usize>,
    folders: Vec<PathBuf>,
    contents: Vec<Content>,
    /// Operations that change something, so far.
    operations: u64,
    /// Those of these numbers fail, as `error` says.
    failing: Vec<RangeInclusive<u64>>,
    error: Option<io::ErrorKind>,
    /// What syncs of files fail with, whatever their number.
    no_sync: Option<io::ErrorKind>,
}

#[derive(Debug, Default, Clone)]
struct Content {
    bytes: Vec<u8>,
    /// Its bytes at the last sync.
    stable: Vec<u8>,
}

/// An open file of it.
#[derive(Debug)]
struct Handle {
    disk: Simulated,
    number: usize,
    read_at: usize,
}

impl Simulated {
    /// Lets every operation that changes something fail, from number `first` on (0 is the next).
    pub fn fail_from(&self, first: u64, error: io::ErrorKind) {
        self.fail_between(first, u64::MAX, error);
    }

    /// Lets operations `first` to `last` from now fail, too, and those after them succeed again.
    pub fn fail_between(&self, first: u64, last: u64, error: io::ErrorKind) {
        let mut state = self.state();
        let now = state.operations;
        state.failing.push(now + first..=now.saturating_add(last));
        state.error = Some(error);
    }

    /// Lets every sync of a file fail, or none any more.
    pub fn fail_syncs(&self, error: Option<io::ErrorKind>) {
        self.state().no_sync = error;
    }

    /// Lets them succeed again.
    pub fn heal(&self) {
        self.state().failing.clear();
    }

    /// How many operations that change something were asked for.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The disk as it is found after the power failed now: names as of the last sync of their folder,
    /// contents as of the last sync of the file and of what came after it the first `kept` in 256
    /// parts.
    #[must_use]
    pub fn after_crash(&self, kept: u8) -> Self {
        let state = self.state();
        let names = state.stable_names.clone();
        state.found(names, |file| file.after_crash(kept))
    }

    /// As [`Self::after_crash`], but the names are there as they are now: what a device does that is ahead of what it was asked to sync.
    #[must_use]
    pub fn after_crash_with_names(&self, kept: u8) -> Self {
        let state = self.state();
        let names = state.names.clone();
        state.found(names, |file| file.after_crash(kept))
    }

    /// The disk as it is found after only the process ended now: nothing is lost.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        let state = self.state();
        let names = state.names.clone();
        state.found(names, |file| Content { stable: file.bytes.clone(), bytes: file.bytes.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl Content {
    fn after_crash(&self, kept: u8) -> Self {
        let common = self.stable.len().min(self.bytes.len());
        let bytes = if self.bytes[..common] == self.stable[..common] {
            let more = self.bytes.len().saturating_sub(common) * usize::from(kept) / 256;
            let cut_shorter = self.bytes.len() < self.stable.len() && kept > 0;
            let end = if cut_shorter { common } else { self.stable.len() };
            let source = if self.bytes.len() > end { &self.bytes } else { &self.stable };
            source[..(end + more).min(source.len())].to_vec()
        } else {
            self.stable.clone()
        };
        Self { stable: bytes.clone(), bytes }
    }
}

impl State {
    /// A disk that holds these names for what has become of the files.
    fn found(
        &self,
        names: BTreeMap<PathBuf, usize>,
        become_of: impl Fn(&Content) -> Content,
    ) -> Simulated {
        Simulated(Arc::new(Mutex::new(Self {
            stable_names: names.clone(),
            names,
            folders: self.folders.clone(),
            contents: self.contents.iter().map(become_of).collect(),
            ..Self::default()
        })))
    }

    /// Counts an operation that changes something.
    fn operate(&mut self) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        let failing = self.failing.iter().any(|range| range.contains(&number));
        match self.error {
            Some(error) if failing => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or(io::ErrorKind::NotFound.into())
    }

    fn create(&mut self, path: &Path) -> usize {
        self.contents.push(Content::default());
        self.names.insert(path.to_owned(), self.contents.len() - 1);
        self.contents.len() - 1
    }
}

impl Disk for Simulated {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        let known = state.find(path);
        let number = match (how, known) {
            (Open::Read, known) => known?,
            (Open::Append, Ok(number)) => number,
            (Open::Create, Ok(number)) => {
                state.operate()?;
                state.contents[number].bytes.clear();
                number
            }
            (Open::Create | Open::Append, Err(_)) => {
                state.operate()?;
                state.create(path)
            }
        };
        drop(state);
        Ok(Box::new(Handle { disk: self.clone(), number, read_at: 0 }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        let number = state.find(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.find(path)?;
        state.names.remove(path);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let inside = state.names.keys().filter(|path| folder_of(path) == dir);
        let name = |path: &PathBuf| path.file_name()?.to_str().map(str::to_owned);
        Ok(inside.filter_map(name).collect())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if !state.folders.iter().any(|known| known == dir) {
            state.folders.push(dir.to_owned());
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        let State { names, stable_names, .. } = &mut *state;
        stable_names.retain(|path, _| folder_of(path) != dir);
        let inside = names.iter().filter(|(path, _)| folder_of(path) == dir);
        stable_names.extend(inside.map(|(path, number)| (path.clone(), *number)));
        Ok(())
    }
}

impl Read for Handle {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.state();
        let bytes = &state.contents[self.number].bytes;
        let rest = bytes.get(self.read_at..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        drop(state);
        self.read_at += n;
        Ok(n)
    }
}

impl Write for Handle {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.operate()?;
        state.contents[self.number].bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl File for Handle {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate()?;
        if let Some(error) = state.no_sync {
            return Err(error.into());
        }
        let content = &mut state.contents[self.number];
        content.stable.clone_from(&content.bytes);
        Ok(())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate()?;
        let bytes = &mut state.contents[self.number].bytes;
        bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state().contents[self.number].bytes.len() as u64)
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(self.disk.state().names.get(path) == Some(&self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{read, replace};
    use super::*;

    fn path(name: &str) -> PathBuf {
        PathBuf::from(name)
    }

    #[test]
    fn bytes_and_names_that_were_not_synced_are_lost() {
        let disk = Simulated::default();
        let mut file = disk.open(&path("d/a"), Open::Create).unwrap();
        file.write_all(b"one").unwrap();
        file.sync().unwrap();
        assert!(read(&disk.after_crash(0), &path("d/a")).is_err(), "its name was not synced");
        disk.sync_dir(&path("d")).unwrap();
        file.write_all(b"two").unwrap();
        assert_eq!(read(&disk.after_crash(0), &path("d/a")).unwrap(), b"one");
        assert_eq!(read(&disk.after_crash(128), &path("d/a")).unwrap(), b"onet");
        assert_eq!(read(&disk, &path("d/a")).unwrap(), b"onetwo");
    }

    #[test]
    fn a_replaced_file_is_one_of_the_two_after_a_crash_anywhere() {
        for operation in 0..6 {
            let disk = Simulated::default();
            replace(&disk, &path("f"), &path("f.new"), b"old").unwrap();
            disk.fail_from(operation, io::ErrorKind::StorageFull);
            let replaced = replace(&disk, &path("f"), &path("f.new"), b"young").is_ok();
            let found = read(&disk.after_crash(0), &path("f")).unwrap();
            assert!(found == b"young" || (found == b"old" && !replaced), "{operation}");
        }
    }

    #[test]
    fn operations_fail_between_two_of_them() {
        let disk = Simulated::default();
        disk.fail_between(1, 2, io::ErrorKind::StorageFull);
        let mut file = disk.open(&path("a"), Open::Append).unwrap();
        assert!(file.write_all(b"x").is_err());
        assert!(file.sync().is_err());
        assert!(file.write_all(b"y").is_ok());
        assert_eq!(file.size().unwrap(), 1);
    }
}
