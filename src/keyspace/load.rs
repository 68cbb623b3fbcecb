//! Putting a loaded data set into the databases: nothing is told, and nothing counts as a change.

use super::Keyspace;
use super::database::Database;
use super::place::Place;
use crate::ds::dict::Slot;
use crate::types::{Entry, next_field_deadline};

impl Keyspace {
    /// Makes room for so many keys in database `db`, where that is more than there are.
    pub fn expect_keys(&mut self, db: u32, keys: usize) {
        self.dbs[db as usize].dict.expand(keys);
    }

    /// Fetches ahead the places of keys that are to be loaded.
    pub fn prefetch(&self, db: u32, hashes: impl Iterator<Item = u64>) {
        let dict = &self.dbs[db as usize].dict;
        hashes.for_each(|hash| dict.prefetch_bucket(hash));
    }

    /// Puts a key into database `db`; `hash` is that of its name. One that is there already gives way to it
    /// if `replace`.
    ///
    /// # Errors
    /// The entry, if there is such a key already.
    pub fn load(&mut self, db: u32, hash: u64, entry: Entry, replace: bool) -> Result<(), Entry> {
        let (database, shared) = self.parts(db);
        let Database { dict, deadlines } = database;
        let mut place = Place { shared, deadlines, db, hash };
        let mut entry = entry;
        let vacant = match dict.entry(hash, entry.key()) {
            Slot::Vacant(slot) => slot,
            Slot::Occupied(_) if !replace => return Err(entry),
            Slot::Occupied(slot) => {
                let (old, vacant) = place.remove_to_free(slot, false);
                place.shared.free_entry(db, old);
                vacant
            }
        };
        place.shared.before_insert(&mut entry);
        place.move_deadline(None, entry.deadline());
        place.move_field_deadline(None, next_field_deadline(&entry));
        vacant.insert(entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Keyspace;
    use crate::stdx::hash::Seed;

    #[test]
    fn a_table_made_for_keys_to_come_stays_until_they_have() {
        let mut keyspace = Keyspace::new(1, Seed::new(1, 2));
        keyspace.expect_keys(0, 100_000);
        let bytes = keyspace.dbs[0].dict.table_bytes();
        while keyspace.rehash(64, false) {}
        assert_eq!(keyspace.dbs[0].dict.table_bytes(), bytes);
        while keyspace.rehash(64, true) {}
        assert!(keyspace.dbs[0].dict.table_bytes() < bytes);
    }
}
