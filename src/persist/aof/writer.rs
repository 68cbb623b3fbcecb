//! What puts the log into its file, and changes files when it is rewritten.
//!
//! It is given jobs in order and does them in order. It knows no thread and no clock: whoever runs it calls
//! [`Writer::work`] when there are jobs or when [`Writer::wake_at`] says so, and passes on what it reports. Where the disk
//! refuses, what is left of a write is cut off and all waits, to be tried again; nothing is left out.

use super::files::{Base, Folder, Names, Opened};
use crate::config::AppendFsync;
use crate::persist::disk::Disk;
use crate::stdx::os::error::os_words;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How long after a failure it is tried again, ms.
const RETRY_MS: u64 = 100;
/// How long after a sync the next one is due, ms, where there is one every second.
const SYNC_EVERY_MS: u64 = 1000;

/// How often it is looked whether the files are there yet, ms.
const LOOK_EVERY_MS: u64 = 1000;

/// What the writer is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Job {
    /// Bytes of the log.
    Append(Vec<u8>),
    /// A rewrite begins: what follows belongs behind the base to come.
    Begin {
        /// There is no append-only file before this rewrite.
        first: bool,
    },
    /// Its base is in place.
    Finish {
        /// As at its beginning.
        first: bool,
        /// The base.
        base: Base,
    },
    /// A base is in place of all there was, though nothing is logged behind it.
    Replace(Base),
    /// The files are somebody else's: they are left alone, and a first rewrite is next.
    Abandon,
    /// The first rewrite came to nothing.
    GiveUp,
    /// What holds from now on.
    Follow(Policy),
    /// Whoever runs the writer is to pause so long before each write, for tests that look at the order of things.
    Pause(Duration),
    /// Sync what there is, whatever the policy.
    Sync,
    /// Sync and close the file.
    Close,
}

impl Job {
    /// Whether the file is closed by it.
    fn closes(&self) -> bool {
        matches!(self, Self::Close | Self::GiveUp | Self::Abandon)
    }

    /// Whether the disk may take long for it, whatever the policy: the file is synced, or a manifest.
    fn takes_long(&self) -> bool {
        match self {
            Self::Begin { .. } | Self::Finish { .. } | Self::Replace(_) => true,
            Self::Sync | Self::Close => true,
            Self::Append(_) | Self::Follow(_) | Self::Pause(_) => false,
            Self::Abandon | Self::GiveUp => false,
        }
    }
}

/// How the file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// When it is synced.
    pub sync: AppendFsync,
    /// Not even then, for a snapshot is being written: `no-appendfsync-on-rewrite`.
    pub rests: bool,
    /// Files that are needed no longer stay.
    pub keeps_history: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { sync: AppendFsync::Everysec, rests: false, keeps_history: false }
    }
}

impl Policy {
    /// Whether what is written is synced before it is answered.
    pub fn syncs_first(&self) -> bool {
        self.sync == AppendFsync::Always && !self.rests
    }
}

/// How far the log is put into files, as offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Written up to here,
    pub written: u64,
    /// synced up to here,
    pub synced: u64,
    /// and what was logged before here may be answered.
    pub answerable: u64,
    /// Bytes of the file that is written to.
    pub len: u64,
}

impl Progress {
    /// Whether all may be answered at once, written or not: where not each write is synced, nobody waits for a sync of others' writes, or
    /// for a disk that refuses.
    pub fn lets_go(&self) -> bool {
        self.answerable == u64::MAX
    }
}

/// What the writer has to tell.
#[derive(Debug, PartialEq, Eq)]
pub enum Report {
    /// It got further.
    Progress(Progress),
    /// It cannot write or sync, and why; it goes on trying.
    Failing(Failure),
    /// It can again.
    Healed,
    /// The files are not those that it writes any more: all has to be written anew.
    Lost,
    /// A rewrite has begun, or could not.
    Began(Result<(), String>),
    /// A rewrite is complete, or could not be made so.
    Finished(Result<(), String>),
}

/// Why something could not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// It was the sync that failed, not the write.
    pub syncing: bool,
    /// The operating system's words.
    pub why: String,
}

/// Puts the log into its file.
#[derive(Debug)]
pub struct Writer {
    disk: Arc<dyn Disk>,
    names: Names,
    folder: Option<Folder>,
    /// A rewrite has begun and not ended.
    rewriting: bool,
    opened: Option<Opened>,
    /// Bytes of the file that are synced.
    synced_len: u64,
    /// Whether more may be in the file than its length says: the beginning of a write that failed.
    torn: bool,
    jobs: VecDeque<Job>,
    /// Bytes of the log that are not in the file yet.
    unwritten: Vec<u8>,
    policy: Policy,
    progress: Progress,
    /// As it was last reported.
    told: Progress,
    last_sync_ms: u64,
    /// When it was last looked whether the files are there yet.
    looked_ms: u64,
    /// They are not, and that was told.
    lost: bool,
    /// It is no part of the files yet that is written to: a first rewrite runs.
    unlisted: bool,
    /// Those who wait for no more than a write are let go, for it will take long.
    lets_go: bool,
    failure: Option<Failure>,
    retry_ms: u64,
    pause: Duration,
    reports: Vec<Report>,
}

impl Writer {
    /// A writer without a file; the first rewrite gives it one.
    pub fn new(disk: Arc<dyn Disk>, names: Names) -> Self {
        Self {
            disk,
            names,
            folder: None,
            rewriting: false,
            opened: None,
            synced_len: 0,
            torn: false,
            jobs: VecDeque::new(),
            unwritten: Vec::new(),
            policy: Policy::default(),
            progress: Progress::default(),
            told: Progress::default(),
            last_sync_ms: 0,
            looked_ms: 0,
            lost: false,
            unlisted: false,
            lets_go: false,
            failure: None,
            retry_ms: 0,
            pause: Duration::ZERO,
            reports: Vec::new(),
        }
    }

    /// A writer that goes on with a file; the log begins at offset `from`.
    pub fn with_file(folder: Folder, opened: Opened, from: u64) -> Self {
        let mut writer = Self::new(Arc::clone(folder.disk()), folder.names().clone());
        writer.progress =
            Progress { written: from, synced: from, answerable: from, len: opened.len };
        writer.told = writer.progress;
        writer.synced_len = opened.len;
        writer.folder = Some(folder);
        writer.opened = Some(opened);
        writer
    }

    /// Whether what is written is synced before it is answered.
    pub fn syncs_first(&self) -> bool {
        self.policy.syncs_first()
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Bytes of the base, as it is found.
    pub fn base_bytes(&self) -> u64 {
        let base = self.folder.as_ref().and_then(|folder| {
            let base = folder.manifest().base.as_ref()?;
            folder.length(&base.name).ok()
        });
        base.unwrap_or(0)
    }

    /// Adds a job behind the others.
    pub fn add(&mut self, job: Job) {
        match (self.jobs.back_mut(), job) {
            (Some(Job::Append(bytes)), Job::Append(more)) => bytes.extend_from_slice(&more),
            (_, Job::Pause(pause)) => self.pause = pause,
            (_, job) => self.jobs.push_back(job),
        }
    }

    /// How long to pause before the next work, if that is to write something.
    pub fn pause(&self) -> Option<Duration> {
        let writes = || self.jobs.iter().any(|job| matches!(job, Job::Append(_)));
        (!self.pause.is_zero() && (!self.unwritten.is_empty() || writes())).then_some(self.pause)
    }

    /// Does what there is to do at `now_ms` of any steady clock, and tells what came of it.
    pub fn work(&mut self, now_ms: u64) -> Vec<Report> {
        let waits = self.failure.is_some() && now_ms < self.retry_ms;
        if !waits {
            match self.do_jobs(now_ms) {
                Ok(()) => self.succeeded(),
                Err(failure) => self.failed(failure, now_ms),
            }
        }
        std::mem::take(&mut self.reports)
    }

    /// When there will be something to do though no job is added.
    pub fn wake_at(&self) -> Option<u64> {
        if self.failure.is_some() {
            return Some(self.retry_ms);
        }
        if !self.jobs.is_empty() {
            return Some(0);
        }
        self.sync_is_due_at()
    }

    /// The end: makes one attempt to write and sync all there is.
    ///
    /// # Errors
    /// Not all could be.
    pub fn end(&mut self) -> Result<(), Failure> {
        // Nobody is left who could be told before.
        self.lets_go = true;
        self.do_jobs(u64::MAX)?;
        self.sync()
    }

    fn do_jobs(&mut self, now_ms: u64) -> Result<(), Failure> {
        self.look_at_files(now_ms)?;
        while let Some(job) = self.jobs.pop_front() {
            match job {
                Job::Append(bytes) if self.unwritten.is_empty() => self.unwritten = bytes,
                Job::Append(bytes) => self.unwritten.extend_from_slice(&bytes),
                job if job.takes_long() && !self.may_take_long() => {
                    self.jobs.push_front(job);
                    return self.let_go();
                }
                job => self.do_job(job)?,
            }
        }
        self.write()?;
        if self.sync_is_due_at().is_some_and(|at| at <= now_ms) {
            if !self.may_take_long() {
                return self.let_go();
            }
            // One that fails is due again at once: until one succeeds nothing is mended.
            self.sync()?;
            self.last_sync_ms = now_ms;
        }
        self.lets_go = false;
        self.tell_progress();
        Ok(())
    }

    /// Looks, once in a while, whether the files are there yet. Who writes into a file that was removed keeps nothing.
    fn look_at_files(&mut self, now_ms: u64) -> Result<(), Failure> {
        let looks =
            self.failure.is_some() || now_ms.saturating_sub(self.looked_ms) >= LOOK_EVERY_MS;
        if !looks || self.unlisted || self.jobs.iter().any(Job::closes) {
            return Ok(());
        }
        self.looked_ms = now_ms;
        let (Some(folder), Some(opened)) = (&self.folder, &self.opened) else { return Ok(()) };
        let Some(why) = folder.lost(opened) else { return Ok(()) };
        if !std::mem::replace(&mut self.lost, true) {
            self.reports.push(Report::Lost);
        }
        Err(Failure { syncing: false, why })
    }

    /// Whether something that takes long may begin: nobody waits for something else behind it.
    fn may_take_long(&self) -> bool {
        self.lets_go || self.policy.syncs_first()
    }

    /// Tells that nobody is to wait, for something that takes long is next. That begins when it is told.
    fn let_go(&mut self) -> Result<(), Failure> {
        self.write()?;
        self.lets_go = true;
        self.tell_progress();
        Ok(())
    }

    /// Does a job of its own, behind the bytes before it. If these cannot be written it is still to be done.
    fn do_job(&mut self, job: Job) -> Result<(), Failure> {
        let closes = job.closes();
        let ready = self.write().and_then(|()| match job {
            Job::Begin { .. } | Job::Sync | Job::Close => self.sync(),
            _ => Ok(()),
        });
        match ready {
            Err(failure) if !closes => {
                self.jobs.push_front(job);
                return Err(failure);
            }
            Err(failure) => self.failed(failure, 0),
            Ok(()) => {}
        }
        match job {
            Job::Append(_) | Job::Pause(_) | Job::Sync => {}
            Job::Follow(policy) => self.follow(policy),
            Job::Begin { first } => {
                // So that the length of the file before is known.
                self.tell_progress();
                let began = self.begin(first);
                self.reports.push(Report::Began(began));
            }
            Job::Finish { first, base } => {
                let finished = self.finish(first, &base);
                self.reports.push(Report::Finished(finished));
            }
            Job::Replace(base) => {
                let replaced = self
                    .folder()
                    .and_then(|folder| folder.replace_all(&base).map_err(|error| os_words(&error)));
                self.reports.push(Report::Finished(replaced));
            }
            Job::GiveUp => {
                self.close();
                self.folder.iter_mut().for_each(Folder::give_up_first);
            }
            Job::Abandon => {
                self.close();
                self.folder.iter_mut().for_each(Folder::forget_files);
            }
            Job::Close => self.close(),
        }
        Ok(())
    }

    fn follow(&mut self, policy: Policy) {
        self.policy = policy;
        self.folder.iter_mut().for_each(|folder| folder.set_keeps_history(policy.keeps_history));
    }

    fn begin(&mut self, first: bool) -> Result<(), String> {
        self.rewriting = false;
        let folder = self.folder()?;
        let opened = if first { folder.begin_first() } else { folder.begin_rewrite() };
        self.opened = Some(opened.map_err(|error| os_words(&error))?);
        self.rewriting = true;
        self.unlisted = first;
        self.synced_len = 0;
        self.torn = false;
        Ok(())
    }

    /// The folder; its manifest is read if nobody has.
    fn folder(&mut self) -> Result<&mut Folder, String> {
        let Self { folder, disk, names, policy, .. } = self;
        Ok(match folder {
            Some(folder) => folder,
            none => {
                let folder = Folder::read_manifest(Arc::clone(disk), names.clone())?;
                let folder = none.insert(folder);
                folder.set_keeps_history(policy.keeps_history);
                folder
            }
        })
    }

    fn finish(&mut self, first: bool, base: &Base) -> Result<(), String> {
        // Where it could not begin no increment belongs behind the base.
        if !std::mem::take(&mut self.rewriting) {
            return Err("it had not begun".to_owned());
        }
        let folder = self.folder.as_mut().expect("a rewrite begins in it");
        let finished = if first { folder.finish_first(base) } else { folder.finish_rewrite(base) };
        self.unlisted &= finished.is_err();
        finished.map_err(|error| os_words(&error))
    }

    /// Forgets the file, and what was to be written to it.
    fn close(&mut self) {
        self.opened = None;
        self.lost = false;
        self.rewriting = false;
        self.synced_len = 0;
        self.torn = false;
        self.forget_unwritten();
        self.succeeded();
    }

    fn forget_unwritten(&mut self) {
        self.progress.written += self.unwritten.len() as u64;
        self.progress.synced = self.progress.written;
        self.unwritten.clear();
    }

    /// Writes what is to be written, and syncs it if nothing may be answered before that.
    fn write(&mut self) -> Result<(), Failure> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let Some(opened) = &mut self.opened else {
            self.forget_unwritten();
            return Ok(());
        };
        let failure = |syncing| move |error| Failure { syncing, why: os_words(&error) };
        if self.torn {
            opened.file.cut(opened.len).map_err(failure(false))?;
            self.torn = false;
        }
        let syncs = self.policy.syncs_first();
        let mut done = opened.file.write_all(&self.unwritten).map_err(failure(false));
        if syncs && done.is_ok() {
            // What a failed sync leaves in the file is in doubt, so it is written again as a whole.
            done = opened.file.sync().map_err(failure(true));
        }
        if done.is_err() {
            self.torn = true;
            return done;
        }
        let written = self.unwritten.len() as u64;
        opened.len += written;
        self.progress.written += written;
        if syncs {
            self.synced_len = opened.len;
            self.progress.synced = self.progress.written;
        }
        self.unwritten.clear();
        Ok(())
    }

    /// Syncs what is written.
    fn sync(&mut self) -> Result<(), Failure> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        if self.synced_len < opened.len {
            let failure = |error| Failure { syncing: true, why: os_words(&error) };
            opened.file.sync().map_err(failure)?;
            self.synced_len = opened.len;
        }
        self.progress.synced = self.progress.written;
        Ok(())
    }

    fn sync_is_due_at(&self) -> Option<u64> {
        let unsynced = self.opened.as_ref().is_some_and(|opened| opened.len > self.synced_len);
        if !unsynced || self.policy.rests {
            return None;
        }
        match self.policy.sync {
            AppendFsync::No => None,
            // What was written under another policy.
            AppendFsync::Always => Some(0),
            AppendFsync::Everysec => Some(self.last_sync_ms + SYNC_EVERY_MS),
        }
    }

    fn tell_progress(&mut self) {
        let Progress { written, synced, .. } = self.progress;
        let answerable = match (self.policy.syncs_first(), self.lets_go) {
            (true, _) => synced,
            (false, true) => u64::MAX,
            (false, false) => written,
        };
        let len = self.opened.as_ref().map_or(0, |opened| opened.len);
        let progress = Progress { written, synced, answerable, len };
        self.progress = progress;
        if progress != self.told {
            self.told = progress;
            self.reports.push(Report::Progress(progress));
        }
    }

    fn failed(&mut self, failure: Failure, now_ms: u64) {
        self.retry_ms = now_ms + RETRY_MS;
        self.lets_go = true;
        self.tell_progress();
        if self.failure.as_ref() != Some(&failure) {
            self.failure = Some(failure.clone());
            self.reports.push(Report::Failing(failure));
        }
    }

    fn succeeded(&mut self) {
        if self.failure.take().is_some() {
            self.reports.push(Report::Healed);
        }
    }
}
