//! What a client waits for.

use super::Transaction;
use crate::types::Type;
use std::rc::Rc;

/// Why a client's next command may not run yet.
#[derive(Debug)]
pub enum Wait {
    /// The process does what a command of it asked for; [`Session::end_wait`](super::Session::end_wait)
    /// answers it.
    Process,
    /// Keys that are to be filled; `effects::BlockedClients` lists it among those who wait for them.
    Keys(Box<KeysWait>),
    /// Its writes are to be synced; `persist::Aof` lists it among those who wait for that.
    Sync(SyncWait),
    /// Its writes are to be applied by replicas; `repl::Repl` lists it among those who wait for that.
    Replicas(ReplicasWait),
}

/// What WAITAOF waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncWait {
    /// That this server has synced what the client wrote,
    pub local: bool,
    /// and that so many replicas have,
    pub replicas: u64,
    /// up to this offset of the stream.
    pub offset: u64,
    /// When it waits no longer, ms since the epoch; `None` for never.
    pub deadline_ms: Option<u64>,
}

/// What WAIT waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicasWait {
    /// That so many replicas
    pub replicas: u64,
    /// have applied the stream up to this offset.
    pub offset: u64,
    /// When it waits no longer, ms since the epoch; `None` for never.
    pub deadline_ms: Option<u64>,
}

/// A command that goes on once one of its keys is filled.
#[derive(Debug)]
pub struct KeysWait {
    /// The command, a queue of one; it runs again when there is something for it.
    pub request: Transaction,
    /// The database it was sent to.
    pub db: u32,
    /// The keys it waits for, each once.
    pub keys: Vec<Rc<[u8]>>,
    /// Its place in the order of arrival, the same in the queues of all its keys.
    pub ticket: u64,
    /// What a key must hold for it,
    pub kind: Type,
    /// and how many elements of it at least.
    pub at_least: usize,
    /// It goes on as well when a key is gone or holds another type.
    pub or_gone: bool,
    /// When it runs again though nothing of its keys has changed, ms since the epoch.
    pub again_ms: Option<u64>,
    /// When it waits no longer, ms since the epoch; `None` for never.
    pub deadline_ms: Option<u64>,
}

impl KeysWait {
    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        let keys: usize = self.keys.iter().map(|key| key.len()).sum();
        size_of::<Self>() + self.request.memory() + keys
    }
}
