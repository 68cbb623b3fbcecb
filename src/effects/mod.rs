//! What follows from a command: operations to propagate, and things only `net` can do.

mod blocked;
mod tracking;
mod watch;

pub use blocked::{BlockedClients, GaveUp};
pub use tracking::{Spent, TrackingIndex};
pub use watch::WatchIndex;

use crate::client::ClientId;
use crate::config::Undo;
use crate::config::rewrite::Missing;
use crate::stdx::hash::Seed;

/// One write as the AOF and the replicas see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// The database it ran in.
    pub db: u32,
    /// Name and arguments.
    pub argv: Vec<Vec<u8>>,
}

/// Takes every write, in order: the AOF and the replication backlog.
pub trait Feed: std::fmt::Debug {
    /// One write.
    fn feed(&mut self, op: &Op);
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
    /// Write the configuration file anew, with what is `missing` there, and answer the client that
    /// waits for it, if one does.
    #[expect(missing_docs, reason = "told above")]
    RewriteConfig { client: Option<ClientId>, missing: Missing },
    /// Write the snapshots that have begun: `persist::snapshot::Snapshots` has their tasks.
    WriteSnapshot,
    /// A snapshot is a whole file of so many bytes, or there is none, for a reason that the log is to tell.
    #[expect(missing_docs, reason = "told above")]
    SnapshotEnded { purpose: SnapshotPurpose, result: Result<u64, String> },
    /// Save at once, with everybody waiting, and answer the client.
    #[expect(missing_docs, reason = "told above")]
    Save { client: ClientId },
    /// Die by a signal: DEBUG SEGFAULT.
    Crash,
}

/// What a snapshot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotPurpose {
    /// The RDB file.
    Save,
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
    /// Who is told if it does.
    pub client: Option<ClientId>,
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
    ops: Vec<Op>,
    /// The form that the command running now gave itself; collected behind what expired under it.
    rewritten: Option<Vec<Op>>,
    feeds: Vec<Box<dyn Feed>>,
    actions: Vec<Action>,
}

impl Effects {
    /// Nothing was caused, and nobody waits for anything. Keys will be hashed under `seed`.
    pub fn new(seed: Seed) -> Self {
        Self {
            watch: WatchIndex::default(),
            blocked: BlockedClients::default(),
            tracking: TrackingIndex::new(seed),
            ops: Vec::new(),
            rewritten: None,
            feeds: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Adds a taker of writes.
    pub fn add_feed(&mut self, feed: Box<dyn Feed>) {
        self.feeds.push(feed);
    }

    /// Whether anybody takes writes; nothing is collected otherwise.
    #[inline]
    pub fn is_feeding(&self) -> bool {
        !self.feeds.is_empty()
    }

    /// A write to propagate.
    pub fn push(&mut self, op: Op) {
        self.ops.push(op);
    }

    /// The running command propagates as `op` (and those given before), not as it was received.
    pub fn rewrite(&mut self, op: Option<Op>) {
        self.rewritten.get_or_insert_default().extend(op);
    }

    /// The running command's own form, if it gave one; asked once, after it.
    #[inline]
    pub fn take_rewritten(&mut self) -> Option<Vec<Op>> {
        self.rewritten.take()
    }

    /// Hands the collected writes to every feed; several of one command are one transaction.
    pub fn deliver(&mut self) {
        if self.ops.is_empty() {
            return;
        }
        let word = |word: &str, db| Op { db, argv: vec![word.as_bytes().to_vec()] };
        let mut ops = std::mem::take(&mut self.ops);
        if let [first, _, ..] = &ops[..] {
            let db = first.db;
            ops.insert(0, word("MULTI", db));
            ops.push(word("EXEC", db));
        }
        for op in &ops {
            for feed in &mut self.feeds {
                feed.feed(op);
            }
        }
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
