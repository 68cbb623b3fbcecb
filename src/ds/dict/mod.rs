//! A hash table of 8-byte handles that grows and shrinks without a pause: it holds the
//! keys of a database, the fields of a hash, the members of a set and of a sorted set.
//!
//! # Layout
//! A table is an array of buckets, each one cache line:
//! ```text
//!   byte 0            7 8        16                 56          64
//!        ┌─────────┬───┬──────────┬─── ... ──────────┬───────────┐
//!        │prints   │ f │ item 0   │ item 1 ... 5     │ item 6 or │
//!        │ 0 ... 6 │   │          │                  │ the child │
//!        └─────────┴───┴──────────┴─── ... ──────────┴───────────┘
//! ```
//! A *print* is one byte of the item's hash, never 0; 0 marks a free slot. An eighth item
//! makes a *child*, a bucket allocated apart whose address takes slot 6; children chain.
//! `f` is 0 without a child, else a filter of eight bits over the prints below.
//!
//! For example `06 91 00 00 00 00 00 00` before two addresses: `f` is 0, so there is no
//! child, and slots 0 and 1 hold items with prints 0x06 and 0x91. A lookup whose print is
//! neither is a miss and has read one line. `06 91 1b 4c e0 33 00 24` is full: six items,
//! and in slot 6 a child with items whose prints are 2 or 5 modulo 8. Only a lookup whose
//! print is so too goes on to the child.
//!
//! # Order
//! The bucket of a hash is `hash * buckets >> 64` (of the top 48 bits): it grows with the
//! hash, whatever the number of buckets, which is 2^k or 3 * 2^k. So a table of any size
//! is the same line of hashes cut into equal pieces, and two things are simple:
//! - *Rehash.* To resize, a new table is made, and the buckets of the old one move to it in
//!   order, one with each operation that may change the dict. All hashes before the next bucket to
//!   move are in the new table, all others in the old one: an operation looks into one.
//! - *Scan.* A cursor is a point on the line of hashes. A step hands out the bucket there
//!   and returns where the bucket ends, so resizing between steps loses nothing.
//!
//! # Costs
//! A miss reads one cache line (at the load limit one miss in twelve reads a child too), a
//! hit that and the item. At the limit, 7/8 of all slots, an item costs 13.4 bytes of table,
//! children counted. An operation while rehashing moves one bucket of the old table, a few
//! if they are sparse: 30 ns an item, or twice to four times as much in a dict that outgrows
//! the caches and whose handles keep no [hints](Keyed::hint). A table given up is left to
//! the owner to free ([`Dict::take_husk`]).
//!
//! # Invariants
//! 1. An item whose hash belongs to a bucket of the old table before `rehash_idx` is in
//!    the new table, every other in the old one; without rehash there is no old table.
//! 2. Old buckets before `rehash_idx` are empty.
//! 3. An item is in the bucket of its hash, or in a child of it, and its lane is its print.
//! 4. A bucket with a child holds six items, a child at least two.
//! 5. The filter of a bucket has the bit of every item further down the chain.
//! 6. The [hint](Keyed::hint) of an item is 0 or that of its hash.
//! 7. `len` is the number of items; keys are distinct.

mod hint;
mod meta;
mod raw;
mod resize;
mod slot;
#[cfg(test)]
mod tests;
mod walk;

use crate::stdx::hash::Seed;
use hint::admits;
pub use raw::prefetch;
use raw::{BUCKET_BYTES, RawTable};
pub use resize::{Husk, ResizePolicy};
pub use slot::{OccupiedSlot, Slot, VacantSlot};
pub use walk::Iter;

/// What a dict stores: an 8-byte owning handle that knows its key.
pub trait Keyed {
    /// The key. It must stay the same as long as the handle is in a dict: else the item
    /// may not be found again (nothing worse).
    fn key(&self) -> &[u8];

    /// Asks the CPU to fetch the allocation behind the handle, see [`prefetch`].
    fn prefetch(&self) {}

    /// The hint last set, or 0 if none is kept.
    ///
    /// A pointer leaves the top 16 bits of its handle unused. A handle that keeps a part of
    /// the hash there is moved in a rehash without a look at its item: no wait for memory
    /// and no hashing, so that insertions into a big dict cost half. The dict sets the hint
    /// of what is inserted, and sets 0 for what is removed. A handle written over another in
    /// the dict must have the hint 0 (as has a new one, or one removed from a dict) or that
    /// of the other.
    fn hint(&self) -> u16 {
        0
    }

    /// Keeps `hint`, if the handle has room for it.
    fn set_hint(&mut self, hint: u16) {
        let _ = hint;
    }
}

/// The first 32 bits of a hash: enough to find the bucket and the print of an item.
#[inline]
pub fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The hash table. See the [module](self).
pub struct Dict<T: Keyed> {
    /// All items, or while rehashing those that have moved or came since.
    table: RawTable<T>,
    /// While rehashing the table that is being emptied, else without buckets.
    old: RawTable<T>,
    /// The first bucket of `old` that has not moved.
    rehash_idx: usize,
    /// An insertion at this number of items starts growth.
    grow_at: usize,
    /// A removal that leaves fewer items than this starts shrinking.
    shrink_below: usize,
    seed: Seed,
    policy: ResizePolicy,
    /// Bytes that a new table may take.
    room: usize,
    discarded: Option<Husk<T>>,
}

/// Figures for MEMORY STATS and DEBUG HTSTATS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DictStats {
    /// Buckets of the table, children not counted.
    pub buckets: usize,
    /// Buckets of the table that is being emptied, 0 if there is none.
    pub old_buckets: usize,
    /// Items in both.
    pub items: usize,
    /// Children of all buckets of both.
    pub children: usize,
    /// The next bucket of the old table to move.
    pub rehash_idx: usize,
}

impl<T: Keyed> std::fmt::Debug for Dict<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Dict").field(&self.stats()).finish()
    }
}

impl<T: Keyed> Dict<T> {
    /// An empty dict. It allocates with the first insertion.
    pub const fn new(seed: Seed) -> Self {
        Self {
            table: RawTable::unallocated(),
            old: RawTable::unallocated(),
            rehash_idx: 0,
            grow_at: 0,
            shrink_below: 0,
            seed,
            policy: ResizePolicy::Enabled,
            room: usize::MAX,
            discarded: None,
        }
    }

    /// The number of items.
    #[inline]
    pub fn len(&self) -> usize {
        self.table.used() + self.old.used()
    }

    /// Whether there are no items.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The hash of `key` that all other operations expect.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.seed.hash(key)
    }

    /// The hash function.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The item with this key. Moves nothing.
    #[inline]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<&T> {
        self.side(hash).find(hash, key)
    }

    /// The item with this key; it may be replaced by another with the same key.
    #[inline]
    pub fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut T> {
        self.rehash_step();
        self.side_mut(hash).find_mut(hash, key)
    }

    /// The place of the item with this key, filled or free: find or insert in one probe.
    #[inline]
    pub fn entry(&mut self, hash: u64, key: &[u8]) -> Slot<'_, T> {
        self.rehash_step();
        match self.side(hash).locate(hash, key) {
            Some(at) => Slot::Occupied(OccupiedSlot::new(self, hash, at)),
            None => Slot::Vacant(VacantSlot::new(self, hash)),
        }
    }

    /// The item with this hash for which `is_wanted` holds, where its key is not at hand.
    pub fn occupied_where(
        &mut self,
        hash: u64,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Option<OccupiedSlot<'_, T>> {
        self.rehash_step();
        let seed = self.seed;
        let is = |item: &T| is_wanted(item) && seed.hash(item.key()) == hash;
        let at = self.side(hash).locate_where(hash, is)?;
        Some(OccupiedSlot::new(self, hash, at))
    }

    /// Adds an item whose key the caller knows to be absent.
    #[inline]
    pub fn insert_unique(&mut self, hash: u64, item: T) -> &mut T {
        debug_assert!(self.get(hash, item.key()).is_none(), "the key is absent");
        self.rehash_step();
        self.insert_vacant(hash, item).1
    }

    /// Takes the item with this key out.
    #[inline]
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<T> {
        self.rehash_step();
        let at = self.side(hash).locate(hash, key)?;
        self.remove_at(hash, at)
    }

    /// Among the items whose hash has the [`tag`], the first for which `accept` holds.
    pub fn find_tagged(&self, tag: u32, mut accept: impl FnMut(&T) -> bool) -> Option<&T> {
        let hash = u64::from(tag) << 32;
        self.spans_of_tag(tag).find_map(|span| {
            // The print is part of the tag, so few items with another tag are looked at;
            // for the one accepted the hash decides.
            span.table.lookalikes(span.bucket, hash).find(|item| {
                admits(item.hint(), tag) && accept(item) && self::tag(self.hash(item.key())) == tag
            })
        })
    }

    /// Drops all items and frees all memory, here and now: see [`into_husk`](Self::into_husk)
    /// for a dict that may be big. The resize policy stays.
    pub fn clear(&mut self) {
        let policy = self.policy;
        *self = Self::new(self.seed);
        self.set_policy(policy);
    }

    /// First of two steps before a lookup that would wait for memory: asks for the bucket.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.side(hash).prefetch_bucket(hash);
    }

    /// Second step, when the bucket has had time to come: asks for the items in it that
    /// have the print of `hash`, mostly the one or none.
    #[inline]
    pub fn prefetch_item(&self, hash: u64) {
        self.side(hash).prefetch_item(hash);
    }

    /// Sizes and counts.
    pub fn stats(&self) -> DictStats {
        DictStats {
            buckets: self.table.len(),
            old_buckets: self.old.len(),
            items: self.len(),
            children: self.table.children() + self.old.children(),
            rehash_idx: self.rehash_idx,
        }
    }

    /// Bytes of a grown table that nothing was moved to yet: memory that was asked for and is hardly used.
    pub fn unfilled_bytes(&self) -> usize {
        let left = self.old.len().saturating_sub(self.rehash_idx);
        let share = self.table.len() as u128 * left as u128;
        share.checked_div(self.old.len() as u128).unwrap_or(0) as usize * BUCKET_BYTES
    }

    /// Bytes of both tables and all children; items not counted, nor what is discarded.
    pub fn table_bytes(&self) -> usize {
        let stats = self.stats();
        (stats.buckets + stats.old_buckets + stats.children) * BUCKET_BYTES
    }

    /// Panics unless all [invariants](self#invariants) hold. Reads everything: for tests.
    pub fn check_invariants(&self) {
        for (table, from) in [(&self.table, 0), (&self.old, self.rehash_idx)] {
            let (mut items, mut children) = (0, 0);
            for bucket in 0..table.len() {
                let size = table.check_chain(bucket, self.seed);
                assert!(bucket >= from || size.items == 0, "a moved bucket is empty");
                (items, children) = (items + size.items, children + size.children);
                for item in table.items(bucket) {
                    let hash = self.hash(item.key());
                    let side = self.side(hash);
                    assert!(std::ptr::eq(side, table), "an item is where its hash says");
                    let found = side.find(hash, item.key());
                    assert!(found.is_some_and(|it| std::ptr::eq(it, item)), "distinct keys");
                }
            }
            assert_eq!((items, children), (table.used(), table.children()), "counts");
        }
        assert!(self.is_rehashing() || self.rehash_idx == 0, "no rehash, no index");
    }

    /// The table that holds `hash`.
    #[inline]
    fn side(&self, hash: u64) -> &RawTable<T> {
        if self.is_in_old(hash) { &self.old } else { &self.table }
    }

    #[inline]
    fn side_mut(&mut self, hash: u64) -> &mut RawTable<T> {
        if self.is_in_old(hash) { &mut self.old } else { &mut self.table }
    }

    #[inline]
    fn is_in_old(&self, hash: u64) -> bool {
        self.is_rehashing() && self.old.index(hash) >= self.rehash_idx
    }
}
