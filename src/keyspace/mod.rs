//! The keys: numbered databases, exact expiry, and the guard every change goes through.
//!
//! A command sees one database through [`Db`]. Reading is [`Db::fetch`]; writing goes through an
//! [`Edit`] guard, whose `done` counts the change, names the event and keeps the deadline index in
//! step. What happened is recorded as [`Change`]s, which `exec::settle` delivers; this module knows
//! no client.

mod access;
mod change;
mod database;
mod db;
mod defrag;
mod edit;
mod evict;
mod expire;
mod held;
mod info;
mod lfu;
mod load;
mod own;
mod place;
mod shared;
#[cfg(test)]
mod tests;
mod ticks;
mod volatile;

pub use access::{Access, Record};
pub use change::{Change, Event, EventClass};
pub use database::Database;
pub use db::{Db, KnownHash, Touch};
pub use defrag::Round;
pub use edit::{Edit, Vacancy};
pub use evict::Wanted;
pub use held::Held;
pub use lfu::Lfu;
pub use shared::{
    Capture, Departed, Garbage, Keeper, KeyspaceStats, Listener, Reading, Shared, Spent,
};

use crate::ds::dict::ResizePolicy;
use crate::stdx::hash::Seed;

/// All databases and what they share.
#[derive(Debug)]
pub struct Keyspace {
    dbs: Vec<Database>,
    /// What every database shares: time, statistics, what changed.
    pub shared: Shared,
    /// Keys that might be evicted.
    pool: evict::Pool,
}

impl Keyspace {
    /// `databases` empty ones, hashed under `seed`.
    pub fn new(databases: usize, seed: Seed) -> Self {
        let dbs = (0..databases).map(|_| Database::new(seed)).collect();
        Self { dbs, shared: Shared::default(), pool: evict::Pool::default() }
    }

    /// A view of database `index`.
    ///
    /// # Panics
    /// If there is no such database; SELECT lets none through.
    #[inline]
    pub fn db(&mut self, index: u32) -> Db<'_> {
        assert!((index as usize) < self.dbs.len(), "database {index} of {}", self.dbs.len());
        Db::new(self, index)
    }

    /// Number of databases.
    pub fn len(&self) -> usize {
        self.dbs.len()
    }

    /// Whether there is no database at all.
    pub fn is_empty(&self) -> bool {
        self.dbs.is_empty()
    }

    /// Database `index` as it lies there, for counts and statistics.
    pub fn database(&self, index: u32) -> &Database {
        &self.dbs[index as usize]
    }

    /// Every database with its index.
    pub fn databases(&self) -> impl Iterator<Item = (u32, &Database)> {
        (0u32..).zip(&self.dbs)
    }

    /// Keys in all databases.
    pub fn total_keys(&self) -> usize {
        self.dbs.iter().map(Database::len).sum()
    }

    /// Swaps two databases' contents; every key of both counts as changed for those who watch.
    pub fn swap(&mut self, a: u32, b: u32) {
        if a == b {
            // Nothing moves; it counts and is told to others as a write all the same.
            self.shared.dirty += 1;
            return;
        }
        self.dbs.swap(a as usize, b as usize);
        self.shared.swapped(a, b);
    }

    /// Empties one database, or all; answers how many keys went. The freeing thread gives their
    /// memory back.
    pub fn flush(&mut self, index: Option<u32>) -> usize {
        self.shared.flushes += u64::from(index.is_none());
        let range = index.map_or(0..self.dbs.len(), |i| i as usize..i as usize + 1);
        let mut removed = 0;
        for i in range {
            if self.dbs[i].is_empty() {
                continue;
            }
            removed += self.dbs[i].len();
            let old = self.dbs[i].take();
            self.shared.flushed(i as u32, old);
        }
        self.shared.tell_flushed();
        removed
    }

    /// Puts another keyspace's databases in the place of these, all at once.
    pub fn replace(&mut self, other: Self) {
        self.shared.flushes += 1;
        for (index, database) in (0u32..).zip(other.dbs) {
            let old = std::mem::replace(&mut self.dbs[index as usize], database);
            self.shared.flushed(index, old);
        }
        self.shared.tell_flushed();
        self.shared.nearer_deadline = true;
    }

    /// Has the freeing thread free another keyspace.
    pub fn discard(&mut self, other: Self) {
        other.dbs.into_iter().for_each(|database| self.shared.discard_database(database));
    }

    /// Moves some buckets of the tables that are being resized and, if `shrinks`, starts to shrink sparse ones;
    /// true while there is more to do.
    pub fn rehash(&mut self, buckets: usize, shrinks: bool) -> bool {
        let mut more = false;
        for db in &mut self.dbs {
            more |= db.rehash(buckets, shrinks);
            if let Some(table) = db.take_husk() {
                let bytes = table.table_bytes();
                self.shared.discard_sized(table, bytes);
            }
        }
        more
    }

    /// Lets the running snapshot read a piece of the databases, about `buckets` buckets; `Complete` also
    /// where none runs.
    pub fn read_on_snapshot(&mut self, buckets: usize) -> Reading {
        let Self { dbs, shared, .. } = self;
        let Some(snapshot) = shared.snapshot() else { return Reading::Complete };
        let reading = snapshot.read_on(dbs, buckets);
        let spent: Vec<_> = std::iter::from_fn(|| snapshot.take_spent()).collect();
        for spent in spent {
            match spent {
                Spent::Database(database) => shared.discard_database(*database),
                Spent::Entry(departed) => shared.free_spent(departed.into_entry()),
            }
        }
        reading
    }

    /// Whether tables grow and shrink: DEBUG DICT-RESIZING.
    pub fn set_resize_policy(&mut self, policy: ResizePolicy) {
        for db in &mut self.dbs {
            db.set_resize_policy(policy);
        }
    }

    fn parts(&mut self, index: u32) -> (&mut Database, &mut Shared) {
        (&mut self.dbs[index as usize], &mut self.shared)
    }
}
