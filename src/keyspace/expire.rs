//! Exact expiry: keys leave in the order of their deadlines, as soon as those are over.

use super::Keyspace;
use super::database::Database;
use super::place::Place;
use crate::ds::dict::Slot;

impl Keyspace {
    /// The nearest deadline of all databases, ms since the epoch.
    pub fn next_deadline(&self) -> Option<u64> {
        self.dbs.iter().filter_map(Database::next_deadline).min()
    }

    /// Removes up to `max` keys whose time is over; how many were removed. Fewer than `max` means
    /// that none is left.
    pub fn expire_due(&mut self, max: usize) -> usize {
        if self.shared.keeps_expired() {
            return 0;
        }
        let mut key = Vec::new();
        let mut removed = 0;
        for index in 0..self.dbs.len() {
            while removed < max && self.expire_one(index, &mut key) {
                removed += 1;
            }
        }
        removed
    }

    /// Removes the first key of a database, if its time is over; `key` is room to copy its name to.
    fn expire_one(&mut self, index: usize, key: &mut Vec<u8>) -> bool {
        let Self { dbs, shared } = self;
        let Database { dict, deadlines } = &mut dbs[index];
        let Some((deadline, tag)) = deadlines.first().filter(|(at, _)| *at <= shared.now_ms) else {
            return false;
        };
        let due = dict.find_tagged(tag, |entry| entry.deadline() == Some(deadline));
        key.clear();
        key.extend_from_slice(due.expect("every deadline in the index belongs to a key").key());
        let hash = dict.hash(key);
        let Slot::Occupied(slot) = dict.entry(hash, key) else {
            unreachable!("the key was found just now")
        };
        Place { shared, deadlines, db: index as u32, hash }.expire(slot);
        true
    }
}
