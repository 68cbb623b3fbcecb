//! A walk through all keys that moves what lies badly in the allocator's slabs. It changes no contents: so
//! nobody is told, and a running snapshot, which knows its places by keys and numbers, goes on as if
//! nothing had been.
//!
//! The walk goes by scan cursors, a bucket of keys at a time. A value of many allocations is put aside and
//! moved in pieces before the walk goes on. Between the pieces it may be changed or replaced, or be gone:
//! it is looked up anew each time, and a cursor is good for whatever is found.

use super::{Database, Keyspace};
use crate::stdx::alloc::Mover;
use crate::types::Entry;

/// A value of more allocations is put aside, whatever may be moved at once: a bucket has several keys.
const AT_ONCE: usize = 128;

/// How far a walk is, and what it has seen.
#[derive(Debug, Default)]
pub struct Round {
    /// The database that it is in,
    db: usize,
    /// and where there.
    place: Place,
    /// Values put aside.
    big: Vec<Big>,
    /// Keys of which something was moved.
    pub key_hits: u64,
    /// Keys of which nothing was.
    pub key_misses: u64,
}

/// Where a walk is in a database.
#[derive(Debug)]
enum Place {
    /// Among the keys.
    Keys(u64),
    /// In the index of deadlines.
    Deadlines(u64),
}

/// A value that is moved in pieces.
#[derive(Debug)]
struct Big {
    key: Box<[u8]>,
    cursor: u64,
    /// Something of its key was moved.
    hit: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self::Keys(0)
    }
}

impl Keyspace {
    /// Goes on with a walk: the keys of a bucket, a piece of a value of more than `parts_max` allocations, or
    /// one of the index of deadlines. False at the end.
    pub fn relocate_on(&mut self, round: &mut Round, mover: &mut Mover, parts_max: usize) -> bool {
        let Some(database) = self.dbs.get_mut(round.db) else { return false };
        if let Some(mut big) = round.big.pop() {
            if big.relocate_piece(database, mover) {
                round.big.push(big);
            } else {
                round.count(big.hit);
            }
            return true;
        }
        round.place = match round.place {
            Place::Keys(cursor) => {
                let parts_max = parts_max.min(AT_ONCE);
                let visit = |entry: &mut Entry, mover: &mut Mover| {
                    round.visit(entry, mover, parts_max);
                };
                match database.dict.relocate_from(cursor, mover, visit) {
                    0 => Place::Deadlines(0),
                    next => Place::Keys(next),
                }
            }
            Place::Deadlines(cursor) => match database.deadlines.relocate_from(cursor, mover) {
                0 => {
                    round.db += 1;
                    Place::Keys(0)
                }
                next => Place::Deadlines(next),
            },
        };
        true
    }
}

impl Round {
    fn visit(&mut self, entry: &mut Entry, mover: &mut Mover, parts_max: usize) {
        let before = mover.hits();
        entry.relocate(mover);
        let Some(value) = entry.other_mut() else { return self.count(mover.hits() > before) };
        if value.parts() > parts_max {
            let hit = mover.hits() > before;
            self.big.push(Big { key: entry.key().into(), cursor: 0, hit });
            return;
        }
        let mut cursor = value.relocate_from(0, mover);
        while cursor != 0 {
            cursor = value.relocate_from(cursor, mover);
        }
        self.count(mover.hits() > before);
    }

    fn count(&mut self, hit: bool) {
        self.key_hits += u64::from(hit);
        self.key_misses += u64::from(!hit);
    }
}

impl Big {
    /// Moves the next piece; whether there are more.
    fn relocate_piece(&mut self, database: &mut Database, mover: &mut Mover) -> bool {
        let value = database.peek_mut(&self.key).and_then(Entry::other_mut);
        let before = mover.hits();
        self.cursor = value.map_or(0, |value| value.relocate_from(self.cursor, mover));
        self.hit |= mover.hits() > before;
        self.cursor != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::ds::entry::NewValue;
    use crate::keyspace::{Db, Event};
    use crate::stdx::hash::Seed;
    use crate::types::{Collection, Hash, Set};

    const SEED: Seed = Seed::new(3, 4);

    fn set_of(members: std::ops::Range<usize>) -> Set {
        let limits = Config::default().limits(SEED);
        let mut set = Set::new();
        for number in members {
            set.add(format!("member:{number:08}").as_bytes(), &limits);
        }
        set
    }

    fn keyspace() -> Keyspace {
        let mut keyspace = Keyspace::new(2, SEED);
        for db in 0..2 {
            let mut db = keyspace.db(db);
            for number in 0..200 {
                let key = format!("key:{number}");
                db.set_string(key.as_bytes(), &[b'x'; 50][..], Some(1 << 40), Event::SILENT);
            }
            db.store(b"big", set_of(0..3000), Event::SILENT);
        }
        keyspace
    }

    #[test]
    fn a_walk_comes_by_every_key_of_every_database_once() {
        let mut keyspace = keyspace();
        let (mut round, mut mover) = (Round::default(), Mover::of_all());
        while keyspace.relocate_on(&mut round, &mut mover, 1000) {}
        assert_eq!((round.key_hits, round.key_misses), (402, 0));
        assert!(mover.hits() > 2 * 3200, "{} allocations", mover.hits());
        for db in 0..2 {
            keyspace.database(db).dict.check_invariants();
            let entry = keyspace.database(db).peek(b"big").expect("it is there still");
            let set = entry.other().and_then(Set::of).expect("it is a set");
            assert_eq!(set.len(), 3000);
            assert!(set.contains(b"member:00002999"));
            assert_eq!(keyspace.database(db).volatile(), 200);
        }
    }

    #[test]
    fn a_value_may_change_or_go_between_its_pieces() {
        let replacements: [fn(&mut Db<'_>) -> bool; 3] = [
            |db| db.delete(b"big", Event::SILENT),
            |db| db.store(b"big", set_of(0..2), Event::SILENT),
            |db| {
                let value = NewValue::Other(Hash::default().into_value());
                let gone = db.delete(b"big", Event::SILENT);
                db.adopt(Entry::new(b"big", value, None));
                gone
            },
        ];
        for replace in replacements {
            let mut keyspace = keyspace();
            let (mut round, mut mover) = (Round::default(), Mover::of_all());
            while round.big.last().is_none_or(|big| big.cursor == 0) {
                assert!(keyspace.relocate_on(&mut round, &mut mover, 1000), "there is a big value");
            }
            assert!(replace(&mut keyspace.db(0)));
            while keyspace.relocate_on(&mut round, &mut mover, 1000) {}
            assert_eq!(round.key_hits + round.key_misses, 402);
            keyspace.database(0).dict.check_invariants();
        }
    }
}
