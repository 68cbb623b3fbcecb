//! Which clients watch which keys, and which changes break a watch.
//!
//! A watch says: run my EXEC only if this key is then as it is now. Any change breaks it, and so
//! does the key's deadline. A key that was past its deadline when it was watched counts as missing
//! though it still lies there, so its removal is no change.
//!
//! Invariants:
//! 1. A client is among a key's watchers exactly if the key is in its session's `watched`.
//! 2. A key without watchers, and a database without such keys, is not in the index.
//! 3. A client whose watch is broken (`flags.watch_broken`) watches nothing: its EXEC is settled.

use crate::client::{ClientId, Clients, Session, WatchedKey};
use crate::keyspace::{Change, Event, EventClass, Keyspace};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Watchers by database and key.
#[derive(Debug, Default)]
pub struct WatchIndex {
    databases: BTreeMap<u32, BTreeMap<Rc<[u8]>, Watchers>>,
}

/// A key's watchers, ordered by client.
type Watchers = Vec<(ClientId, Was)>;

/// What a key was when it was watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Was {
    Missing,
    /// There, but past its deadline.
    Expired,
    Present,
}

impl Was {
    fn now(keyspace: &Keyspace, db: u32, key: &[u8]) -> Self {
        match keyspace.database(db).peek(key) {
            None => Self::Missing,
            Some(entry) if entry.deadline().is_some_and(|at| at <= keyspace.shared.now_ms) => {
                Self::Expired
            }
            Some(_) => Self::Present,
        }
    }
}

impl WatchIndex {
    /// Whether nobody watches anything.
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty()
    }

    /// Keys that anybody watches.
    pub fn len(&self) -> usize {
        self.databases.values().map(BTreeMap::len).sum()
    }

    /// A client watches a key of the database it selected; nothing if it does so already.
    pub fn watch(
        &mut self,
        client: ClientId,
        session: &mut Session,
        key: &[u8],
        keyspace: &Keyspace,
    ) {
        let db = session.db;
        let was = Was::now(keyspace, db, key);
        let keys = self.databases.entry(db).or_default();
        let shared = match keys.get_key_value(key) {
            Some((shared, _)) => Rc::clone(shared),
            None => key.into(),
        };
        let watchers = keys.entry(Rc::clone(&shared)).or_default();
        if let Err(place) = watchers.binary_search_by_key(&client, |(id, _)| *id) {
            watchers.insert(place, (client, was));
            session.watched.push(WatchedKey { db, key: shared });
        }
    }

    /// A client watches nothing any more.
    pub fn unwatch(&mut self, client: ClientId, session: &mut Session) {
        for WatchedKey { db, key } in std::mem::take(&mut session.watched) {
            let Some(keys) = self.databases.get_mut(&db) else { continue };
            let Some(watchers) = keys.get_mut(&key) else { continue };
            if let Ok(place) = watchers.binary_search_by_key(&client, |(id, _)| *id) {
                watchers.remove(place);
            }
            if watchers.is_empty() {
                keys.remove(&key);
            }
            if keys.is_empty() {
                self.databases.remove(&db);
            }
        }
    }

    /// Whether a key that a client watches reached its deadline since, and was not removed yet.
    pub fn is_overdue(&self, client: ClientId, session: &Session, keyspace: &Keyspace) -> bool {
        session.watched.iter().any(|WatchedKey { db, key }| {
            let watchers = self.databases.get(db).and_then(|keys| keys.get(key));
            let was = watchers.and_then(|watchers| {
                let place = watchers.binary_search_by_key(&client, |(id, _)| *id).ok()?;
                Some(watchers[place].1)
            });
            was == Some(Was::Present) && Was::now(keyspace, *db, key) == Was::Expired
        })
    }

    /// Breaks the watches that a change concerns. Of a whole database's change `keyspace` has the
    /// outcome already.
    pub fn handle_change(&mut self, change: &Change, clients: &mut Clients, keyspace: &Keyspace) {
        let broken = match change.event.class {
            EventClass::KeyMiss
            | EventClass::Reading
            | EventClass::Claimable
            | EventClass::Untold
            | EventClass::Flushed => return,
            EventClass::Database => self.broken_by_database(change.db, keyspace),
            _ => self.broken_by_key(change),
        };
        for client in broken {
            if let Some(session) = clients.get_mut(client) {
                session.flags.watch_broken = true;
                self.unwatch(client, session);
            }
        }
    }

    fn broken_by_key(&mut self, change: &Change) -> Vec<ClientId> {
        let keys = self.databases.get_mut(&change.db);
        let Some(watchers) = keys.and_then(|keys| keys.get_mut(&*change.key)) else {
            return Vec::new();
        };
        let mut broken = Vec::new();
        for (client, was) in watchers {
            if *was == Was::Expired && change.event == Event::EXPIRED {
                *was = Was::Missing;
            } else {
                broken.push(*client);
            }
        }
        broken
    }

    /// A database was emptied, or got another's contents: that changes keys which were there, and
    /// keys which are there now.
    fn broken_by_database(&mut self, db: u32, keyspace: &Keyspace) -> Vec<ClientId> {
        let mut broken = Vec::new();
        for (key, watchers) in self.databases.get_mut(&db).into_iter().flatten() {
            let now = Was::now(keyspace, db, key);
            for (client, was) in watchers {
                if *was == Was::Present || now == Was::Present {
                    broken.push(*client);
                } else {
                    *was = now;
                }
            }
        }
        broken
    }
}
