//! Exact expiry: keys leave in the order of their deadlines, as soon as those are over.

use super::database::Database;
use super::place::Place;
use super::{Edit, Keyspace};
use crate::ds::dict::Slot;
use crate::types::{Entry, next_field_deadline};

impl Keyspace {
    /// The nearest deadline of all databases, ms since the epoch.
    pub fn next_deadline(&self) -> Option<u64> {
        self.dbs.iter().filter_map(Database::next_deadline).min()
    }

    /// Removes up to `max` keys and fields of hashes whose time is over; how many were removed. Fewer
    /// than `max` means that none is left.
    pub fn expire_due(&mut self, max: usize) -> usize {
        if self.shared.waits_for_primary() {
            return self.expire_own(max);
        }
        if self.shared.keeps_expired() {
            return 0;
        }
        let mut key = Vec::new();
        let mut removed = 0;
        for index in 0..self.dbs.len() {
            while removed < max {
                match self.expire_first(index, &mut key, max - removed) {
                    0 => break,
                    n => removed += n,
                }
            }
        }
        removed
    }

    /// Removes the first key of a database, if its time is over, or up to `max` of its fields; how many
    /// of either. `key` is room to copy its name to.
    fn expire_first(&mut self, index: usize, key: &mut Vec<u8>, max: usize) -> usize {
        let Self { dbs, shared } = self;
        let Database { dict, deadlines } = &mut dbs[index];
        let Some((deadline, tag)) = deadlines.first().filter(|(at, _)| *at <= shared.now_ms) else {
            return 0;
        };
        let is_due = |entry: &Entry| {
            entry.deadline() == Some(deadline) || next_field_deadline(entry) == Some(deadline)
        };
        let due = dict.find_tagged(tag, is_due);
        key.clear();
        key.extend_from_slice(due.expect("every deadline in the index belongs to a key").key());
        let hash = dict.hash(key);
        let Slot::Occupied(slot) = dict.entry(hash, key) else {
            unreachable!("the key was found just now")
        };
        let place = Place { shared, deadlines, db: index as u32, hash };
        if place.is_due(slot.get()) {
            place.expire(slot);
            return 1;
        }
        Edit::new(slot, place).expire_fields(max)
    }
}
