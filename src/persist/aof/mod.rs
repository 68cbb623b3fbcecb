//! The append-only file: every write as a command, from which the data set is made again.
//!
//! - [`log`]: what is written, collected as commands run;
//! - [`writer`]: puts it into files, on a thread that `net` runs;
//! - [`files`] and [`manifest`]: the folder, its files, and how their roles change;
//! - [`read`], [`batch`] and [`load`]: the way back, from bytes to commands, to batches of them, from all files;
//! - [`rewrite`]: a data set as commands.
//!
//! [`Aof`] is what the server knows: it hands jobs to the writer and learns from its reports. `exec::aof` decides
//! what is done and what follows.

pub mod batch;
pub mod files;
mod info;
pub mod load;
pub mod log;
pub mod manifest;
pub mod read;
pub mod rewrite;
#[cfg(test)]
mod tests;
pub mod writer;

use crate::client::{ClientId, Session};
use crate::config::Config;
use files::Names;
use log::Log;
use writer::{Failure, Job, Policy, Progress, Writer};

/// Bytes that may wait for the writer before writes are refused.
const BEHIND_MAX: u64 = 256 << 20;
/// Bytes of a job from which on another is begun: growing it would copy too much at once.
const APPEND_MAX: usize = 1 << 20;
/// Rewrites that fail one after the other before they are put off,
const FAILURES_FREE: u32 = 3;
/// by a time that doubles with each up to this one, minutes.
const PUT_OFF_MAX_MINUTES: u64 = 60;
const MINUTE_MS: u64 = 60_000;

/// Whether there is an append-only file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// There is none.
    #[default]
    Off,
    /// Its first base is being written.
    Beginning,
    /// There is one.
    On,
}

/// What the server knows of its append-only file.
#[derive(Debug, Default)]
pub struct Aof {
    /// What is to be written.
    pub log: Log,
    /// Whether there is a file.
    pub state: State,
    /// How far it is written.
    pub progress: Progress,
    /// Why it cannot be written at the moment.
    pub failure: Option<Failure>,
    /// Somebody took the files away: until all is written anew, nothing that is written would be kept.
    pub lost: bool,
    /// Rewrites.
    pub rewrites: Rewrites,
    /// Bytes of the files before the one that is written to.
    pub earlier_bytes: u64,
    /// Bytes of all files after the last rewrite or at the start.
    pub base_bytes: u64,
    /// Replies wait for their writes to be in the file, and synced with `appendfsync always`.
    pub holds: bool,
    /// Clients whose replies do.
    pub held: Vec<ClientId>,
    /// How often a client's reply began to wait.
    pub held_ever: u64,
    /// Clients in WAITAOF.
    pub waiting: Vec<ClientId>,
    /// Writes are refused: it cannot be written, or is too far behind.
    pub refuses: bool,
    /// Up to which offset a sync is due, and since when, ms since the epoch,
    pub due: Option<(u64, u64)>,
    /// whether it is late,
    pub late: bool,
    /// and how often one was.
    pub delayed: u64,
    /// A load that is to run: whoever owns the loop takes it.
    pub load: Option<load::Task>,
    /// Who waits for the files to be loaded anew, once they hold the log up to this offset.
    pub reload: Option<(ClientId, u64)>,
    /// The policy that the writer was told last.
    policy: Option<Policy>,
    jobs: Vec<Job>,
    writer: Option<Box<Writer>>,
    /// There is a writer, here or where it runs.
    has_writer: bool,
}

/// Rewrites: the one that runs, and how the last ones ended.
#[derive(Debug)]
pub struct Rewrites {
    /// The one that runs.
    pub running: Option<Rewrite>,
    /// One is to begin when what runs now has ended.
    pub scheduled: bool,
    /// Whether the last one succeeded.
    pub last_ok: bool,
    /// How long it took, ms.
    pub last_duration_ms: Option<u64>,
    /// How many were begun since the start.
    pub count: u64,
    /// How many failed since the last that did not.
    pub failures: u32,
    /// Until when none begins by itself, ms since the epoch.
    put_off_until_ms: u64,
}

/// A rewrite that runs.
#[derive(Debug)]
pub struct Rewrite {
    /// When it began, ms since the epoch.
    pub began_ms: u64,
    /// There was no append-only file before.
    pub first: bool,
    /// There is none, but for the base that this makes.
    pub alone: bool,
    /// The base is a snapshot, not commands.
    pub snapshot: bool,
    /// Bytes of its base, once it is whole.
    pub base_bytes: Option<u64>,
    /// It was given up: no failure, but no success.
    pub given_up: bool,
}

impl Default for Rewrites {
    fn default() -> Self {
        Self {
            running: None,
            scheduled: false,
            last_ok: true,
            last_duration_ms: None,
            count: 0,
            failures: 0,
            put_off_until_ms: 0,
        }
    }
}

impl Rewrites {
    /// Whether one may begin by itself; after several that failed it waits.
    pub fn may_begin(&self, now_ms: u64) -> bool {
        now_ms >= self.put_off_until_ms
    }

    /// Forgets those that failed: the next need not wait.
    pub fn forgive(&mut self) {
        self.failures = 0;
        self.put_off_until_ms = 0;
    }

    /// One ended; answers for how many minutes the next is put off, if it is.
    pub fn ended(&mut self, ok: bool, now_ms: u64) -> Option<u64> {
        let running = self.running.take();
        self.last_duration_ms = running.map(|run| now_ms.saturating_sub(run.began_ms));
        self.last_ok = ok;
        self.failures = if ok { 0 } else { self.failures + 1 };
        self.put_off_until_ms = 0;
        let doublings = self.failures.checked_sub(FAILURES_FREE)?;
        let minutes = 1u64.checked_shl(doublings).unwrap_or(u64::MAX).min(PUT_OFF_MAX_MINUTES);
        self.put_off_until_ms = now_ms + minutes * MINUTE_MS;
        Some(minutes)
    }
}

impl Aof {
    /// What the configuration says of its files' names.
    pub fn names(config: &Config) -> Names {
        Names::new(&config.appenddirname, &config.appendfilename)
    }

    /// Bytes of all its files.
    pub fn bytes(&self) -> u64 {
        self.earlier_bytes + self.progress.len
    }

    /// Bytes of the log that are not in the file yet.
    pub fn behind(&self) -> u64 {
        self.log.end().saturating_sub(self.progress.written)
    }

    /// Begins to log: behind what the files hold that the writer goes on with, or into the first increment of a
    /// file to be.
    pub fn begin(&mut self, state: State) {
        self.state = state;
        self.log.set_on(true);
    }

    /// Gives it what writes its files.
    pub fn set_writer(&mut self, writer: Box<Writer>) {
        self.writer = Some(writer);
        self.has_writer = true;
    }

    /// Whether nobody has made the writer yet.
    pub fn needs_writer(&self) -> bool {
        !self.has_writer
    }

    /// Whether there is an append-only file that has what a client wrote, synced. What it wrote in the EXEC that runs
    /// does not count.
    pub fn has_synced(&self, session: &Session) -> bool {
        let wrote_to = session.wrote_to.min(self.log.end());
        self.state == State::On && self.progress.synced >= wrote_to
    }

    /// Ends the log; what it holds is handed over first.
    pub fn end(&mut self, last: Job) {
        self.ask(last);
        self.log.set_on(false);
    }

    /// Tells the writer what holds from now on, if it is another thing than before.
    pub fn follow(&mut self, policy: Policy) {
        if self.policy != Some(policy) {
            self.policy = Some(policy);
            self.ask(Job::Follow(policy));
        }
        self.judge();
    }

    /// Asks the writer for something, behind all that was written so far.
    pub fn ask(&mut self, job: Job) {
        self.hand_over_pending();
        self.jobs.push(job);
    }

    /// Whether there is something for the writer to do.
    #[inline]
    pub fn has_jobs(&self) -> bool {
        self.log.has_pending() || !self.jobs.is_empty()
    }

    /// Moves what the writer is to do behind what waits for it already.
    pub fn hand_over(&mut self, queue: &mut Vec<Job>) {
        if self.jobs.is_empty()
            && let Some(Job::Append(bytes)) = queue.last_mut()
            && bytes.len() < APPEND_MAX
        {
            bytes.extend_from_slice(self.log.pending());
            self.log.clear_pending();
        } else {
            self.hand_over_pending();
            queue.append(&mut self.jobs);
        }
        self.judge();
    }

    /// The writer, for whoever runs it.
    pub fn take_writer(&mut self) -> Option<Box<Writer>> {
        self.writer.take()
    }

    /// Sees whether replies are to be held, and writes refused.
    pub fn judge(&mut self) {
        let syncs_first = self.policy.is_some_and(|policy| policy.syncs_first());
        self.holds = self.state == State::On && (syncs_first || !self.progress.lets_go());
        let cannot = self.failure.is_some() || self.behind() > BEHIND_MAX;
        self.refuses = self.lost || (self.log.is_on() && cannot);
    }

    /// Whether the file cannot be written, and lacks what was acknowledged.
    pub fn lacks_writes(&self) -> bool {
        let cannot = self.failure.as_ref().is_some_and(|failure| !failure.syncing);
        self.state == State::On && cannot && self.progress.written < self.log.end()
    }

    /// Why writes are refused.
    pub fn refusal(&self) -> &str {
        match &self.failure {
            Some(failure) => &failure.why,
            None if self.lost => "its files were taken away, and are being written anew",
            None => "the disk does not keep up with what is written",
        }
    }

    fn hand_over_pending(&mut self) {
        if self.log.has_pending() {
            self.jobs.push(Job::Append(self.log.pending().to_vec()));
            self.log.clear_pending();
        }
    }
}
