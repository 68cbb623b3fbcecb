//! The folder of the append-only file, and what happens to its files.
//!
//! Two files change their role at once only by the manifest that is renamed into its place, so after a crash the
//! one manifest or the other is there, and the files of both are: what a manifest lists no longer is removed after
//! the next one is on stable storage. Where it is not known which of two manifests is there, because that failed, both
//! stay true: numbers are not used again, and files are kept until a later manifest is there.
//!
//! Before there is any manifest nothing is promised. But files get names then that hold data in other folders, and a folder of
//! data without a manifest is refused. So the first manifest is announced: it is written under another name, then the files are named, then
//! it gets its own. Who finds an announcement gives it that name if all it lists is there, and removes what it lists if not.

use super::manifest::{Manifest, Piece};
use crate::persist::disk::{self, Disk, File, Open, folder_of};
use crate::stdx::os::error::os_words;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The number of the file that was all there was before Redis 7.
const OLD_STYLE_SEQ: u64 = 1;

/// Where process `pid` writes a base: in the working directory, for the folder may not be there yet.
pub fn temp_base(pid: u32) -> PathBuf {
    format!("temp-rewriteaof-{pid}.aof").into()
}

/// What a base is called when it is whole, until the manifest lists it.
pub fn whole_base(pid: u32) -> String {
    format!("temp-rewriteaof-bg-{pid}.aof")
}

/// How the files are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    dir: PathBuf,
    file: String,
}

impl Names {
    /// Files in folder `dir` whose names begin with `file`.
    pub fn new(dir: &str, file: &str) -> Self {
        Self { dir: PathBuf::from(dir), file: file.to_owned() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The manifest.
    pub fn manifest(&self) -> PathBuf {
        self.path(&format!("{}.manifest", self.file))
    }

    fn base(&self, seq: u64, snapshot: bool) -> String {
        let form = if snapshot { "rdb" } else { "aof" };
        format!("{}.{seq}.base.{form}", self.file)
    }

    fn temp_manifest(&self) -> PathBuf {
        self.path(&format!("temp-{}.manifest", self.file))
    }

    /// The first manifest, while the files that it lists get their names.
    fn announcement(&self) -> PathBuf {
        self.path(&format!("temp-{}.first", self.file))
    }

    fn temp_base(&self, name: &str) -> PathBuf {
        self.path(&format!("temp-{name}"))
    }

    /// The increment that is written before there is a base for it.
    fn temp_increment(&self) -> String {
        format!("temp-{}.incr", self.file)
    }

    fn increment(&self, seq: u64) -> String {
        format!("{}.{seq}.incr.aof", self.file)
    }

    /// Whether a file was left by a rewrite that never came to its end.
    fn is_leftover(&self, name: &str) -> bool {
        let path = self.path(name);
        name == self.temp_increment()
            || path == self.temp_manifest()
            || name.strip_prefix("temp-").is_some_and(|base| self.is_data(base))
    }

    /// Whether a file without a manifest that lists it holds data nevertheless.
    fn is_data(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.file).unwrap_or_default();
        [".base.rdb", ".base.aof", ".incr.aof"].iter().any(|end| rest.ends_with(end))
    }
}

/// A base that is whole, before the manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Its name until then.
    pub temp: String,
    /// It is a snapshot, not commands.
    pub snapshot: bool,
}

/// A file that is written to.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: Box<dyn File>,
    /// Its length.
    pub len: u64,
}

/// The folder and what its manifest says.
#[derive(Debug)]
pub struct Folder {
    disk: Arc<dyn Disk>,
    names: Names,
    manifest: Manifest,
    /// There is a manifest on the disk, for certain.
    is_listed: bool,
    /// The manifest on the disk may be another than this one: writing one failed, maybe after it was in place.
    in_doubt: bool,
    keeps_history: bool,
}

impl Folder {
    /// Reads the manifest, if there is one; an append-only file of before Redis 7 is moved into the folder.
    ///
    /// # Errors
    /// Why the server must not start.
    pub fn read(disk: Arc<dyn Disk>, names: Names) -> Result<Self, String> {
        let mut folder = Self::read_manifest(disk, names)?;
        if folder.manifest.is_empty() {
            folder.settle_announced()?;
        }
        folder.refuse_unlisted()?;
        if folder.is_to_migrate() {
            folder.migrate().map_err(|error| {
                let (name, why) = (&folder.names.file, os_words(&error));
                format!("Can't move the old-style AOF file {name} into the AOF directory: {why}")
            })?;
        }
        Ok(folder)
    }

    /// Reads the manifest, if there is one.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_manifest(disk: Arc<dyn Disk>, names: Names) -> Result<Self, String> {
        let manifest = Manifest::default();
        let (is_listed, in_doubt, keeps_history) = (false, false, false);
        let mut folder = Self { disk, names, manifest, is_listed, in_doubt, keeps_history };
        match disk::read(&*folder.disk, &folder.names.manifest()) {
            Ok(text) => {
                folder.manifest = Manifest::parse(&text).map_err(|error| {
                    let path = folder.names.manifest();
                    format!("The AOF manifest {} is damaged: {error}", path.display())
                })?;
                folder.is_listed = true;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                let path = folder.names.manifest();
                let (path, why) = (path.display(), os_words(&error));
                return Err(format!(
                    "Fatal error: can't open the AOF manifest file {path} for reading: {why}"
                ));
            }
        }
        if folder.manifest.is_empty() {
            folder.number_past_unlisted();
        }
        Ok(folder)
    }

    /// What the manifest says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How the files are called.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The disk it is on.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Whether files that are needed no longer stay: `aof-disable-auto-gc`.
    pub fn set_keeps_history(&mut self, keeps: bool) {
        self.keeps_history = keeps;
        self.remove_history();
    }

    /// Makes the folder ready to be written to, once what it holds is loaded: the first base, if there is
    /// nothing at all, the last increment, or a new one behind a base. What is needed no longer is removed.
    ///
    /// # Errors
    /// It cannot be written to.
    pub fn open(&mut self, empty_base: &[u8], snapshot: bool) -> io::Result<Opened> {
        self.disk.create_dir(&self.names.dir)?;
        self.disk.sync_dir(folder_of(&self.names.dir))?;
        self.remove_leftovers();
        self.forget_announced()?;
        let mut manifest = self.manifest.clone();
        let new_base = manifest.base.is_none() && manifest.increments.is_empty();
        if new_base {
            manifest.set_base(self.names.base(manifest.base_seq + 1, snapshot));
        }
        let new_increment = manifest.increments.is_empty();
        if new_increment {
            manifest.push_increment(self.names.increment(manifest.increment_seq + 1));
        }
        if new_base {
            self.announce(&manifest)?;
        }
        if let Some(base) = manifest.base.as_ref().filter(|_| new_base) {
            let name = &base.name;
            tracing::info!("Creating AOF base file {name} on server start");
            let temp = self.names.temp_base(name);
            disk::replace(&*self.disk, &self.names.path(name), &temp, empty_base)?;
        }
        let last = manifest.increments.last().expect("there is one, or one was added");
        let path = self.names.path(&last.name);
        let opened = if new_increment {
            tracing::info!("Creating AOF incr file {} on server start", last.name);
            Opened { file: self.disk.open(&path, Open::Create)?, len: 0 }
        } else {
            tracing::info!("Opening AOF incr file {} on server start", last.name);
            let file = self.disk.open(&path, Open::Append)?;
            Opened { len: file.size()?, file }
        };
        if manifest != self.manifest {
            self.disk.sync_dir(&self.names.dir)?;
            self.put(&manifest)?;
            self.manifest = manifest;
        }
        self.remove_history();
        Ok(opened)
    }

    /// Begins a rewrite: what is written from now on belongs behind the base to come.
    ///
    /// # Errors
    /// There is no rewrite; writing goes on where it was.
    pub fn begin_rewrite(&mut self) -> io::Result<Opened> {
        let mut manifest = self.manifest.clone();
        let name = self.names.increment(manifest.increment_seq + 1);
        tracing::info!("Creating AOF incr file {name} on background rewrite");
        // The number is not used again, whatever becomes of this.
        self.manifest.increment_seq += 1;
        let file = self.disk.open(&self.names.path(&name), Open::Create)?;
        manifest.push_increment(name.clone());
        if let Err(error) = self.write(&manifest) {
            let seq = self.manifest.increment_seq;
            self.manifest.history.push(Piece { name, seq });
            return Err(error);
        }
        self.manifest = manifest;
        Ok(Opened { file, len: 0 })
    }

    /// Begins the first rewrite, before whose end there is no append-only file: writes go where nobody looks for
    /// them yet.
    ///
    /// # Errors
    /// There is no rewrite.
    pub fn begin_first(&mut self) -> io::Result<Opened> {
        self.disk.create_dir(&self.names.dir)?;
        self.disk.sync_dir(folder_of(&self.names.dir))?;
        let name = self.names.temp_increment();
        tracing::info!("Creating AOF incr file {name} on background rewrite");
        let file = self.disk.open(&self.names.path(&name), Open::Create)?;
        Ok(Opened { file, len: 0 })
    }

    /// Looks whether what is written to is the last increment yet, the other files are there, and the manifest is what it
    /// was; why not, if it is not so.
    pub fn lost(&self, opened: &Opened) -> Option<String> {
        let last = self.manifest.increments.last()?;
        let path = self.names.path(&last.name);
        let is_there = opened.file.is_at(&path).unwrap_or(true);
        let is_whole = || opened.file.size().map_or(true, |len| len >= opened.len);
        if !is_there || !is_whole() {
            return Some(format!(
                "{} was removed, replaced or cut by somebody else",
                path.display()
            ));
        }
        let is_gone = |piece: &&Piece| {
            self.length(&piece.name).is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        if let Some(gone) = self.manifest.to_load().find(is_gone) {
            return Some(format!(
                "{} was removed by somebody else",
                self.names.path(&gone.name).display()
            ));
        }
        let path = self.names.manifest();
        let lists_ours = |it: Manifest| {
            it.base == self.manifest.base && it.increments == self.manifest.increments
        };
        let is_ours = |text: Vec<u8>| Manifest::parse(&text).is_ok_and(lists_ours);
        let lost = match disk::read(&*self.disk, &path) {
            Ok(text) => !self.in_doubt && !is_ours(text),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        lost.then(|| format!("{} was removed or replaced by somebody else", path.display()))
    }

    /// Lists none of the files any more: what is there under their names is somebody else's.
    pub fn forget_files(&mut self) {
        self.manifest.base = None;
        self.manifest.increments.clear();
        self.manifest.history.clear();
    }

    /// The first rewrite came to nothing.
    pub fn give_up_first(&mut self) {
        // What cannot be removed now is when the folder is next opened.
        let _ = self.disk.remove(&self.names.path(&self.names.temp_increment()));
    }

    /// Ends a rewrite: there is a base, whole and synced, which the increments since `begin_rewrite` follow.
    ///
    /// # Errors
    /// All is as it was without the base.
    pub fn finish_rewrite(&mut self, base: &Base) -> io::Result<()> {
        let last = self.manifest.increments.len().saturating_sub(1);
        let manifest = self.manifest.without(last);
        self.set_base(manifest, base, None)
    }

    /// Puts a base in the place of all there is; nothing is written behind it.
    ///
    /// # Errors
    /// All is as it was.
    pub fn replace_all(&mut self, base: &Base) -> io::Result<()> {
        self.disk.create_dir(&self.names.dir)?;
        self.disk.sync_dir(folder_of(&self.names.dir))?;
        let manifest = self.manifest.without(self.manifest.increments.len());
        self.set_base(manifest, base, None)
    }

    /// Ends the first rewrite: its increment gets its name and follows the base.
    ///
    /// # Errors
    /// There is no append-only file.
    pub fn finish_first(&mut self, base: &Base) -> io::Result<()> {
        let mut manifest = self.manifest.without(self.manifest.increments.len());
        manifest.push_increment(self.names.increment(manifest.increment_seq + 1));
        // The number is not used again, whatever becomes of this.
        self.manifest.increment_seq += 1;
        let increment = manifest.increments.last().cloned();
        let temp = self.names.temp_increment();
        self.set_base(manifest, base, Some(&temp)).inspect_err(|_| {
            self.manifest.history.extend(increment);
        })
    }

    /// Lets a manifest hold that has a new base, and maybe a first increment, `temp` until now.
    fn set_base(&mut self, mut next: Manifest, base: &Base, temp: Option<&str>) -> io::Result<()> {
        // The number is not used again, whatever becomes of this.
        self.manifest.base_seq += 1;
        next.set_base(self.names.base(self.manifest.base_seq, base.snapshot));
        let put = self.name_and_put(&next, base, temp);
        if put.is_err() {
            self.manifest.history.extend(next.base);
            // What is left of it is found at the next start.
            let _ = self.forget_announced();
            return put;
        }
        self.manifest = next;
        self.remove_history();
        Ok(())
    }

    fn name_and_put(&mut self, next: &Manifest, base: &Base, temp: Option<&str>) -> io::Result<()> {
        self.announce(next)?;
        if let (Some(temp), Some(increment)) = (temp, next.increments.last()) {
            let name = &increment.name;
            self.disk.rename(&self.names.path(temp), &self.names.path(name))?;
            tracing::info!("Successfully renamed the temporary AOF incr file {temp} into {name}");
        }
        if let Some(Piece { name, .. }) = &next.base {
            let temp = &base.temp;
            self.disk.rename(Path::new(temp), &self.names.path(name))?;
            tracing::info!("Successfully renamed the temporary AOF base file {temp} into {name}");
        }
        self.disk.sync_dir(&self.names.dir)?;
        self.put(next)
    }

    /// Announces what is to be the first manifest, if there is none: on stable storage before any of the files that it
    /// lists has its name.
    fn announce(&self, manifest: &Manifest) -> io::Result<()> {
        if self.is_listed {
            return Ok(());
        }
        // What was announced before must not be there without that.
        self.forget_announced()?;
        let mut file = self.disk.open(&self.names.announcement(), Open::Create)?;
        file.write_all(manifest.format().as_bytes())?;
        file.sync()?;
        self.disk.sync_dir(&self.names.dir)
    }

    /// Puts a manifest in its place that was announced where there was none.
    fn put(&mut self, manifest: &Manifest) -> io::Result<()> {
        if self.is_listed {
            return self.write(manifest);
        }
        let (from, to) = (self.names.announcement(), self.names.manifest());
        let put = self.disk.rename(&from, &to).and_then(|()| self.disk.sync_dir(&self.names.dir));
        self.in_doubt = put.is_err();
        self.is_listed = put.is_ok();
        put
    }

    fn write(&mut self, manifest: &Manifest) -> io::Result<()> {
        let text = manifest.format();
        let (path, temp) = (self.names.manifest(), self.names.temp_manifest());
        let written = disk::replace(&*self.disk, &path, &temp, text.as_bytes());
        self.in_doubt = written.is_err();
        self.is_listed |= written.is_ok();
        written
    }

    /// What is announced; nothing where that is not whole, for then no file had got its name.
    fn announced(&self) -> Manifest {
        let text = disk::read(&*self.disk, &self.names.announcement());
        text.ok().and_then(|text| Manifest::parse(&text).ok()).unwrap_or_default()
    }

    /// Does with a manifest that was announced and is not in its place what there is to do at the start.
    fn settle_announced(&mut self) -> Result<(), String> {
        let announced = self.announced();
        let whole = announced.base.is_some()
            && announced.to_load().all(|piece| self.length(&piece.name).is_ok());
        let settled = match whole {
            true => self.put(&announced).map(|()| self.manifest = announced),
            false => self.forget_announced(),
        };
        settled.map_err(|error| {
            let (path, why) = (self.names.announcement(), os_words(&error));
            format!("Can't settle the AOF manifest {} that was begun: {why}", path.display())
        })
    }

    /// Removes what was announced and never came to be: the files first, for they must not be there unannounced.
    fn forget_announced(&self) -> io::Result<()> {
        let remove = |path: &Path| match self.disk.remove(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let announced = self.announced();
        for piece in announced.to_load().filter(|piece| !self.manifest.lists(piece)) {
            remove(&self.names.path(&piece.name))?;
        }
        if announced.base.is_some() {
            self.disk.sync_dir(&self.names.dir)?;
        }
        remove(&self.names.announcement())
    }

    /// Removes the files that the manifest lists as history. What cannot be removed stays listed.
    fn remove_history(&mut self) {
        if self.keeps_history || self.manifest.history.is_empty() {
            return;
        }
        let mut manifest = self.manifest.clone();
        // The one on the disk may need files that this one does not.
        if self.in_doubt && self.write(&manifest).is_err() {
            return;
        }
        manifest.history.retain(|piece| {
            tracing::info!("Removing the history file {} in the background", piece.name);
            let removed = self.disk.remove(&self.names.path(&piece.name));
            removed.is_err_and(|error| error.kind() != ErrorKind::NotFound)
        });
        // If the manifest cannot be written now, it lists files that are gone: nobody looks for history.
        if self.write(&manifest).is_ok() {
            self.manifest = manifest;
        }
    }

    fn remove_leftovers(&self) {
        let names = self.disk.list(&self.names.dir).unwrap_or_default();
        for name in names.iter().filter(|name| self.names.is_leftover(name)) {
            tracing::info!("Removing {name}, left by a rewrite that did not come to its end");
            // What cannot be removed does no harm.
            let _ = self.disk.remove(&self.names.path(name));
        }
    }

    /// Files that no manifest lists keep their numbers: what they hold may be wanted yet.
    fn number_past_unlisted(&mut self) {
        let names = self.disk.list(&self.names.dir).unwrap_or_default();
        let seqs = names.iter().filter(|name| self.names.is_data(name)).filter_map(|name| {
            let rest = name.strip_prefix(&self.names.file)?.strip_prefix('.')?;
            rest.split('.').next()?.parse::<u64>().ok()
        });
        let highest = seqs.max().unwrap_or(0);
        self.manifest.base_seq = highest;
        self.manifest.increment_seq = highest;
    }

    /// Files of data that no manifest lists would be left out of what is loaded, and then be written over.
    fn refuse_unlisted(&self) -> Result<(), String> {
        if !self.manifest.is_empty() {
            return Ok(());
        }
        let names = self.disk.list(&self.names.dir).unwrap_or_default();
        let holds_data = |name: &&String| {
            let file = self.disk.open(&self.names.path(name), Open::Read);
            self.names.is_data(name) && !file.and_then(|file| file.size()).is_ok_and(|len| len == 0)
        };
        names.iter().find(holds_data).map_or(Ok(()), |name| {
            let (dir, manifest) = (self.names.dir.display(), self.names.manifest());
            Err(format!(
                "Fatal error: the AOF directory {dir} holds {name}, but there is no manifest {} that lists it. \
                 Move the file away, or write the manifest.",
                manifest.display()
            ))
        })
    }

    /// Whether a single file of before Redis 7 is to become the base. The manifest may list it already, where the
    /// move broke off.
    fn is_to_migrate(&self) -> bool {
        let file = &self.names.file;
        let listed = self.manifest.base.as_ref().is_some_and(|base| base.name == *file);
        let only = self.manifest.increments.is_empty() && self.manifest.history.is_empty();
        let half_moved = listed && only && self.length(file).is_err();
        let is_there = |path: &Path| self.disk.open(path, Open::Read).is_ok();
        (self.manifest.is_empty() || half_moved) && is_there(Path::new(file))
    }

    fn migrate(&mut self) -> io::Result<()> {
        let Names { dir, file } = &self.names.clone();
        self.disk.create_dir(dir)?;
        self.disk.sync_dir(folder_of(dir))?;
        let base = Piece { name: file.clone(), seq: OLD_STYLE_SEQ };
        let manifest =
            Manifest { base_seq: OLD_STYLE_SEQ, base: Some(base), ..Manifest::default() };
        self.write(&manifest)?;
        self.disk.rename(Path::new(file), &self.names.path(file))?;
        self.disk.sync_dir(dir)?;
        self.disk.sync_dir(Path::new("."))?;
        let dir = dir.display();
        tracing::info!(
            "Successfully migrated an old-style AOF file ({file}) into the AOF directory ({dir})."
        );
        self.manifest = manifest;
        Ok(())
    }

    /// Bytes of a file.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn length(&self, name: &str) -> io::Result<u64> {
        self.disk.open(&self.names.path(name), Open::Read)?.size()
    }
}

impl Manifest {
    /// The manifest with its base and so many increments as history, the latest first.
    fn without(&self, increments: usize) -> Self {
        let mut manifest = self.clone();
        let past = manifest.base.take().into_iter().chain(manifest.increments.drain(..increments));
        let mut past: Vec<_> = past.collect();
        past.reverse();
        past.append(&mut manifest.history);
        manifest.history = past;
        manifest
    }

    fn lists(&self, piece: &Piece) -> bool {
        self.to_load().any(|listed| listed.name == piece.name)
    }

    fn set_base(&mut self, name: String) {
        self.base_seq += 1;
        self.base = Some(Piece { name, seq: self.base_seq });
    }

    fn push_increment(&mut self, name: String) {
        self.increment_seq += 1;
        self.increments.push(Piece { name, seq: self.increment_seq });
    }
}
