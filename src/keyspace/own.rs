//! Keys with a deadline that clients of a replica set themselves, where they may write. No primary knows of
//! them, so no DEL of it will come; the replica removes these, and these alone.

use super::database::Database;
use super::place::Place;
use super::{Change, Event, Keyspace};
use crate::ds::dict::Slot;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// A key of a database.
type Name = (u32, Rc<[u8]>);

/// The keys, and the order in which they expire.
#[derive(Debug, Default)]
pub(super) struct Own {
    deadlines: HashMap<Name, u64>,
    order: BTreeSet<(u64, u32, Rc<[u8]>)>,
}

impl Own {
    /// A key has this deadline now, or none.
    fn set(&mut self, db: u32, key: &[u8], deadline: Option<u64>) {
        let name: Name = (db, key.into());
        if let Some(before) = self.deadlines.remove(&name) {
            self.order.remove(&(before, db, Rc::clone(&name.1)));
        }
        if let Some(deadline) = deadline {
            self.order.insert((deadline, db, Rc::clone(&name.1)));
            self.deadlines.insert(name, deadline);
        }
    }

    /// Takes the first key out whose time is over.
    fn pop_due(&mut self, now_ms: u64) -> Option<(u64, u32, Rc<[u8]>)> {
        self.order.first().filter(|(deadline, ..)| *deadline <= now_ms)?;
        let (deadline, db, key) = self.order.pop_first()?;
        self.deadlines.remove(&(db, Rc::clone(&key)));
        Some((deadline, db, key))
    }
}

impl Keyspace {
    /// Notes which of the keys that a replica's client changed have a deadline. One that is past its deadline is missed
    /// by whoever reads it, and is the primary's all the same.
    pub fn note_own(&mut self, changes: &[Change]) {
        let changed = changes.iter().filter(|change| change.event != Event::KEY_MISS);
        for Change { db, key, .. } in changed {
            let deadline = self.dbs[*db as usize].peek(key).and_then(|entry| entry.deadline());
            self.shared.note_deadline(deadline);
            self.shared.own.set(*db, key, deadline);
        }
    }

    /// Nobody but this server sets deadlines any more.
    pub fn forget_own(&mut self) {
        self.shared.own = Own::default();
    }

    /// The nearest deadline of such a key, ms since the epoch, while a primary says when others go.
    pub fn next_own_deadline(&self) -> Option<u64> {
        let first = self.shared.own.order.first().map(|(deadline, ..)| *deadline);
        first.filter(|_| self.shared.waits_for_primary())
    }

    /// Removes up to `max` of them whose time is over; how many were looked at.
    pub(super) fn expire_own(&mut self, max: usize) -> usize {
        for looked_at in 0..max {
            let Some((deadline, db, key)) = self.shared.own.pop_due(self.shared.now_ms) else {
                return looked_at;
            };
            let (database, shared) = self.parts(db);
            let Database { dict, deadlines } = database;
            let hash = dict.hash(&key);
            // Unless the primary has given it another deadline since.
            if let Slot::Occupied(slot) = dict.entry(hash, &key)
                && slot.get().deadline() == Some(deadline)
            {
                Place { shared, deadlines, db, hash }.expire(slot);
            }
        }
        max
    }
}
