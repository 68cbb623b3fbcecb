//! One numbered database: its dict and its deadlines.

use super::volatile::Volatile;
use crate::ds::dict::{Dict, DictStats, Husk};
use crate::stdx::hash::Seed;
use crate::types::Entry;

/// The keys of one database and the order in which they expire.
#[derive(Debug)]
pub struct Database {
    pub(super) dict: Dict<Entry>,
    pub(super) deadlines: Volatile,
}

impl Database {
    pub(super) fn new(seed: Seed) -> Self {
        Self { dict: Dict::new(seed), deadlines: Volatile::default() }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.dict.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.dict.is_empty()
    }

    /// Number of keys with a deadline.
    pub fn volatile(&self) -> usize {
        self.deadlines.keys()
    }

    /// The next deadline, ms since the epoch.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| deadline)
    }

    /// Mean time to live of the volatile keys that expire first, ms from `now_ms`; 0 if none.
    pub fn avg_ttl(&self, now_ms: u64) -> u64 {
        const SAMPLE: usize = 64;
        let ttls = self.deadlines.iter().take(SAMPLE).map(|(at, _)| at.saturating_sub(now_ms));
        let (count, sum) =
            ttls.fold((0u64, 0u64), |(n, sum), ttl| (n + 1, sum.saturating_add(ttl)));
        sum.checked_div(count).unwrap_or(0)
    }

    /// Tables, chains and fill of the dict.
    pub fn dict_stats(&self) -> DictStats {
        self.dict.stats()
    }

    /// Bytes of the tables and of the deadline index.
    pub fn overhead(&self) -> (usize, usize) {
        (self.dict.table_bytes(), self.deadlines.alloc_bytes())
    }

    /// Bytes of a table that was made and is yet to be filled.
    pub fn unfilled_bytes(&self) -> usize {
        self.dict.unfilled_bytes()
    }

    /// Every entry, in no order, without touching any.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.dict.iter()
    }

    /// The entry of `key`, as it lies there: neither expired nor touched.
    pub fn peek(&self, key: &[u8]) -> Option<&Entry> {
        self.dict.get(self.dict.hash(key), key)
    }

    /// One step of a walk through all entries, which may be marked; the next cursor, 0 at the end. It
    /// keeps SCAN's promise while the tables change between steps.
    pub fn walk(&mut self, cursor: u64, look: impl FnMut(&mut Entry)) -> u64 {
        self.dict.scan_mut(cursor, look)
    }

    /// The entry of `key`, to be marked.
    pub fn peek_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.dict.get_mut(self.dict.hash(key), key)
    }

    /// Fetches ahead the bucket of `key`; answers its hash.
    #[inline]
    pub fn prefetch_bucket(&self, key: &[u8]) -> u64 {
        let hash = self.dict.hash(key);
        self.dict.prefetch_bucket(hash);
        hash
    }

    /// Fetches ahead the entry, whose bucket was fetched before.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        self.dict.prefetch_item(hash);
    }

    pub(super) fn take(&mut self) -> Self {
        let seed = self.dict.seed();
        std::mem::replace(self, Self::new(seed))
    }

    pub(super) fn rehash(&mut self, buckets: usize, shrinks: bool) -> bool {
        if shrinks {
            self.dict.resize_if_needed();
        }
        self.dict.rehash(buckets)
    }

    pub(super) fn take_husk(&mut self) -> Option<Husk<Entry>> {
        self.dict.take_husk()
    }

    pub(super) fn set_resize_policy(&mut self, policy: crate::ds::dict::ResizePolicy) {
        self.dict.set_policy(policy);
    }
}
