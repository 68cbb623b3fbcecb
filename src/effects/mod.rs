//! What follows from a command: operations to propagate, and things only `net` can do.

mod blocked;
mod tracking;
mod watch;
mod writes;

pub use crate::script::Targets;
pub use blocked::{BlockedClients, GaveUp};
pub use tracking::{Spent, TrackingIndex};
pub use watch::WatchIndex;
pub use writes::Op;

use crate::client::ClientId;
use crate::config::Undo;
use crate::config::rewrite::Missing;
use crate::stdx::hash::Seed;
use writes::Writes;

/// Takes every write, in order: the AOF and the replication backlog.
pub trait Feed: std::fmt::Debug {
    /// One write.
    fn feed(&mut self, op: Op<'_>);
}

/// Asked for below, done by `net`.
#[derive(Debug)]
pub enum Action {
    /// End the process in order.
    Shutdown(EndHow),
    /// End it at once with this exit code.
    Exit(i32),
    /// Apply what a changed configuration means to the process: log level, title, limits, and where
    /// to listen, if `listen`. Then answer the client that waits for it, if one does. What cannot be
    /// applied is undone.
    #[expect(missing_docs, reason = "told above")]
    Reconfigure { client: Option<ClientId>, undo: Box<Undo>, listen: bool },
    /// Answer OK to a client that waits, once all that was discarded so far is freed.
    #[expect(missing_docs, reason = "told above")]
    AwaitFreeing { client: ClientId },
    /// Answer OK to a client that waited.
    #[expect(missing_docs, reason = "told above")]
    Answer { client: ClientId },
    /// Have the allocator give free pages back, where nobody waits for it.
    Purge,
    /// Write the configuration file anew, with what is `missing` there, and answer the client that
    /// waits for it, if one does.
    #[expect(missing_docs, reason = "told above")]
    RewriteConfig { client: Option<ClientId>, missing: Missing },
    /// Load the append-only file in place of what is in memory, and answer the client.
    #[expect(missing_docs, reason = "told above")]
    ReloadLog { client: ClientId },
    /// Go on with the script that is suspended.
    GoOnWithScript,
    /// Write the snapshots that have begun: `persist::snapshot::Snapshots` has their tasks.
    WriteSnapshot,
    /// The snapshot with this number is a whole file of so many bytes, or there is none, for a reason that the log is to tell.
    #[expect(missing_docs, reason = "told above")]
    SnapshotEnded { number: u64, result: Result<u64, String> },
    /// Send replicas the RDB file they wait for: `repl::Repl` has it open.
    SendFile,
    /// Every key of every database was removed by a command.
    FlushedAll,
    /// Save at once, with everybody waiting, and answer the client.
    #[expect(missing_docs, reason = "told above")]
    Save { client: ClientId },
    /// Run the load that has begun: `persist::load::Loading` has its task.
    Load,
    /// Save at once, if `save`, then load the file and answer the client.
    #[expect(missing_docs, reason = "told above")]
    Reload { client: ClientId, save: bool, how: Reload },
    /// Connect to the primary, and serve the connection.
    Connect(Box<Connect>),
    /// Run the migration with this number: `cluster::migrate::Migrations` has it.
    Migrate(u64),
    /// The server has become a replica, or a primary.
    RoleChanged,
    /// Die by a signal: DEBUG SEGFAULT.
    Crash,
}

/// Where a primary is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// The attempt that it is for.
    pub attempt: u64,
    /// The host's name or address,
    pub host: String,
    /// and its port.
    pub port: u16,
    /// The address that the connection comes from; empty for any.
    pub source: String,
}

/// How a file is loaded into a server that has keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reload {
    /// In place of what there is.
    pub flush: bool,
    /// Keys that are there give way to those of the file; else there must be none.
    pub merge: bool,
}

/// What a snapshot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotPurpose {
    /// The RDB file.
    Save,
    /// The base of the append-only file.
    AofBase,
    /// It is sent to replicas.
    Sync,
}

/// How SHUTDOWN ends the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndHow {
    /// Save, or do not, whatever the save points say.
    pub save: Option<bool>,
    /// Do not wait for replicas.
    pub now: bool,
    /// End even if saving fails.
    pub force: bool,
}

/// What the commands since the last settling caused.
#[derive(Debug)]
pub struct Effects {
    /// Who watches which keys.
    pub watch: WatchIndex,
    /// Who waits for which keys.
    pub blocked: BlockedClients,
    /// Who may have which keys in a cache.
    pub tracking: TrackingIndex,
    writes: Writes,
    /// The form that the command running now gave itself, if it did; collected behind what expired under it.
    rewritten: Writes,
    is_rewritten: bool,
    feeds: Vec<Box<dyn Feed>>,
    /// Writes are logged: [`Effects::deliver`] is given the log.
    logged: bool,
    /// They go to replicas: it is given the stream, too.
    replicated: bool,
    actions: Vec<Action>,
}

impl Effects {
    /// Nothing was caused, and nobody waits for anything. Keys will be hashed under `seed`.
    pub fn new(seed: Seed) -> Self {
        Self {
            watch: WatchIndex::default(),
            blocked: BlockedClients::default(),
            tracking: TrackingIndex::new(seed),
            writes: Writes::default(),
            rewritten: Writes::default(),
            is_rewritten: false,
            feeds: Vec::new(),
            logged: false,
            replicated: false,
            actions: Vec::new(),
        }
    }

    /// Adds a taker of writes.
    pub fn add_feed(&mut self, feed: Box<dyn Feed>) {
        self.feeds.push(feed);
    }

    /// Begins to collect writes for the log, or ends it.
    pub fn set_logged(&mut self, on: bool) {
        self.logged = on;
    }

    /// Begins to collect writes for replicas, or ends it.
    pub fn set_replicated(&mut self, on: bool) {
        self.replicated = on;
    }

    /// Whether anybody takes writes; nothing is collected otherwise.
    #[inline]
    pub fn is_feeding(&self) -> bool {
        self.logged || self.replicated || !self.feeds.is_empty()
    }

    /// How many writes were collected since they were last delivered.
    #[inline]
    pub fn collected(&self) -> usize {
        self.writes.len()
    }

    /// A write to propagate.
    #[inline]
    pub fn push<'a>(&mut self, db: u32, argv: impl ExactSizeIterator<Item = &'a [u8]>) {
        self.writes.push(db, argv, Targets::ALL);
    }

    /// Something that replicas alone are told, for it changes no key.
    pub fn tell_replicas<'a>(&mut self, db: u32, argv: impl ExactSizeIterator<Item = &'a [u8]>) {
        if self.replicated {
            self.writes.push(db, argv, Targets::REPLICA);
        }
    }

    /// The running command propagates as `argv` (and what was given before), not as it was received; as nothing, if
    /// that is all and it is empty.
    pub fn rewrite(&mut self, db: u32, argv: &[&[u8]]) {
        self.is_rewritten = true;
        if !argv.is_empty() {
            self.rewritten.push(db, argv.iter().copied(), Targets::ALL);
        }
    }

    /// Collects the running command's own form, if it gave one; whether it did. Asked once, after it.
    #[inline]
    pub fn collect_rewritten(&mut self) -> bool {
        let is_rewritten = std::mem::take(&mut self.is_rewritten);
        if is_rewritten {
            self.writes.append(&mut self.rewritten);
        }
        is_rewritten
    }

    /// What was collected since there were so many writes is for none but these.
    pub fn keep_for(&mut self, from: usize, targets: Targets) {
        self.writes.keep_for(from, targets);
    }

    /// Forgets what was collected.
    pub fn forget(&mut self) {
        self.collect_rewritten();
        self.writes.clear();
    }

    /// Hands the collected writes to the log, to the stream for replicas if there is one, and to every feed; several
    /// of one command are one transaction.
    pub fn deliver(&mut self, log: &mut dyn Feed, stream: Option<&mut dyn Feed>) {
        let Self { writes, feeds, .. } = self;
        writes.feed(log, Targets::AOF);
        if let Some(stream) = stream {
            writes.feed(stream, Targets::REPLICA);
        }
        for feed in feeds {
            writes.feed(&mut **feed, Targets::AOF);
        }
        writes.clear();
    }

    /// Asks `net` for something.
    pub fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// What was asked of `net`.
    #[inline]
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Whether something was asked of `net`.
    #[inline]
    pub fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }
}
