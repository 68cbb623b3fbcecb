//! Which clients wait for which keys to be filled, in the order they came.
//!
//! Invariants:
//! 1. A client is in the queue of a key exactly if the key is among those of its session's wait.
//! 2. A key nobody waits for, and a database without such keys, is not listed.
//! 3. A client with a deadline is among the deadlines exactly while it is in the queues; so is one that
//!    has a time to run again among those times.

use crate::client::{ClientId, Clients, KeysWait, ReplyMode};
use crate::keyspace::{Change, Event, EventClass};
use crate::resp::{CmdError, Reply};
use crate::spec::CommandId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// Those who wait for one key, by ticket.
type Queue = BTreeMap<u64, ClientId>;

/// How a wait ends that was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GaveUp {
    /// Its time is over, or CLIENT UNBLOCK says so.
    Timeout,
    /// CLIENT UNBLOCK ERROR.
    Error,
    /// The server has become a replica.
    RoleChanged,
}

impl GaveUp {
    /// What the client is told instead of a null array.
    pub fn error(self) -> Option<CmdError> {
        match self {
            Self::Timeout => None,
            Self::Error => Some(CmdError::code("UNBLOCKED client unblocked via CLIENT UNBLOCK")),
            Self::RoleChanged => Some(CmdError::code(
                "UNBLOCKED force unblock from blocking operation, instance state changed (master -> \
                 replica?)",
            )),
        }
    }
}

/// Clients that wait, by database and key, and the keys that something happened to.
#[derive(Debug, Default)]
pub struct BlockedClients {
    databases: BTreeMap<u32, BTreeMap<Rc<[u8]>, Queue>>,
    deadlines: BTreeSet<(u64, u64, ClientId)>,
    /// When clients run again though nothing changed.
    agains: BTreeSet<(u64, u64, ClientId)>,
    next_ticket: u64,
    /// Clients that go on as well when a key of theirs is gone.
    heed_gone: usize,
    /// Keys that changed while somebody waited for them, in the order of their changes.
    ready: VecDeque<(u32, Rc<[u8]>)>,
}

impl BlockedClients {
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty()
    }

    /// Keys that anybody waits for.
    pub fn keys(&self) -> usize {
        self.databases.values().map(BTreeMap::len).sum()
    }

    /// Clients that wait no longer than to some time.
    pub fn with_deadline(&self) -> usize {
        self.deadlines.len()
    }

    /// Whether anybody goes on as well when a key is gone.
    pub fn anybody_heeds_gone(&self) -> bool {
        self.heed_gone > 0
    }

    /// When the first client has waited long enough, ms since the epoch.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(at, ..)| *at)
    }

    /// When the first client is to run again though nothing changed, ms since the epoch.
    pub fn next_again(&self) -> Option<u64> {
        self.agains.first().map(|(at, ..)| *at)
    }

    /// The first client that is to run again at `now_ms`.
    pub fn first_again(&self, now_ms: u64) -> Option<ClientId> {
        self.agains.first().filter(|(at, ..)| *at <= now_ms).map(|(.., client)| *client)
    }

    /// A client that goes on to wait runs again at another time.
    pub fn put_off(&mut self, client: ClientId, wait: &mut KeysWait, again_ms: Option<u64>) {
        let (ticket, before) = (wait.ticket, std::mem::replace(&mut wait.again_ms, again_ms));
        if let Some(at) = before {
            self.agains.remove(&(at, ticket, client));
        }
        self.agains.extend(again_ms.map(|at| (at, ticket, client)));
    }

    /// The place in the order of arrival of who comes next.
    pub fn next_ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// The name of a key as the queues share it.
    pub fn share(&self, db: u32, key: &[u8]) -> Rc<[u8]> {
        let known = self.databases.get(&db).and_then(|keys| keys.get_key_value(key));
        known.map_or_else(|| key.into(), |(shared, _)| Rc::clone(shared))
    }

    /// A client joins the queues of its keys.
    pub fn join(&mut self, client: ClientId, wait: &KeysWait) {
        self.heed_gone += usize::from(wait.or_gone);
        let keys = self.databases.entry(wait.db).or_default();
        for key in &wait.keys {
            keys.entry(Rc::clone(key)).or_default().insert(wait.ticket, client);
        }
        self.deadlines.extend(wait.deadline_ms.map(|at| (at, wait.ticket, client)));
        self.agains.extend(wait.again_ms.map(|at| (at, wait.ticket, client)));
    }

    /// A client waits no longer for keys, if it did; its wait is handed out.
    pub fn end(&mut self, client: ClientId, clients: &mut Clients) -> Option<Box<KeysWait>> {
        let wait = clients.get_mut(client)?.take_keys_wait()?;
        self.leave(client, &wait);
        Some(wait)
    }

    /// Answers a client that waits for keys without serving it; its command, if there was one.
    pub fn give_up(
        &mut self,
        client: ClientId,
        clients: &mut Clients,
        how: GaveUp,
    ) -> Option<CommandId> {
        let wait = self.end(client, clients)?;
        let session = clients.get_mut(client)?;
        if session.reply_mode == ReplyMode::On {
            let mut reply = Reply::new(&mut session.out, session.resp);
            match how.error() {
                None => reply.null_array(),
                Some(error) => reply.error(&error),
            }
        }
        session.wake();
        wait.request.commands().next().map(|(command, _)| command)
    }

    /// A client leaves the queues.
    pub fn leave(&mut self, client: ClientId, wait: &KeysWait) {
        if let Some(at) = wait.deadline_ms {
            self.deadlines.remove(&(at, wait.ticket, client));
        }
        if let Some(at) = wait.again_ms {
            self.agains.remove(&(at, wait.ticket, client));
        }
        self.heed_gone -= usize::from(wait.or_gone);
        let Some(keys) = self.databases.get_mut(&wait.db) else { return };
        for key in &wait.keys {
            let Some(queue) = keys.get_mut(key) else { continue };
            queue.remove(&wait.ticket);
            if queue.is_empty() {
                keys.remove(key);
            }
        }
        if keys.is_empty() {
            self.databases.remove(&wait.db);
        }
    }

    /// The first client whose time to wait is over at `now_ms`.
    pub fn first_overdue(&self, now_ms: u64) -> Option<ClientId> {
        self.deadlines.first().filter(|(at, ..)| *at <= now_ms).map(|(.., client)| *client)
    }

    /// Notes a change of a key that somebody waits for.
    pub fn handle_change(&mut self, change: &Change) {
        let Some(keys) = self.databases.get(&change.db) else { return };
        match change.event.class {
            EventClass::KeyMiss | EventClass::Untold | EventClass::Flushed => {}
            // Nothing else about readers is anything to read.
            EventClass::Reading if change.event != Event::GROUP_DESTROYED => {}
            // Any key may have come with another database's contents.
            EventClass::Database => {
                self.ready.extend(keys.keys().map(|key| (change.db, Rc::clone(key))));
            }
            _ => {
                let waited_for = keys.get_key_value(&*change.key);
                self.ready.extend(waited_for.map(|(key, _)| (change.db, Rc::clone(key))));
            }
        }
    }

    /// Whether keys changed that somebody waits for.
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next key that changed.
    pub fn next_ready(&mut self) -> Option<(u32, Rc<[u8]>)> {
        self.ready.pop_front()
    }

    /// Who waits for a key with the next ticket after `ticket`.
    pub fn next_in_queue(&self, db: u32, key: &[u8], ticket: u64) -> Option<(u64, ClientId)> {
        let queue = self.databases.get(&db)?.get(key)?;
        queue.range(ticket + 1..).next().map(|(ticket, client)| (*ticket, *client))
    }
}
