//! Growing and shrinking: when, to which size, and the moving of buckets bit by bit.
//!
//! Sizes are 2^k and 3 * 2^k, so growth adds a third or a half and a table is at least
//! two thirds as full as it may be; small tables double, as a rehash costs them more than
//! the space does. The old table is empty long before the next resize is due: growth by
//! a third leaves room for at least two insertions per old bucket, and each moves one; a
//! shrinking table has less than one item per bucket, and each removal moves several.

use super::raw::{BUCKET_BYTES, RawTable, SLOTS};
use super::{Dict, Keyed};
use std::alloc::{Layout, handle_alloc_error};

/// Below this many buckets a table doubles.
const DOUBLE_BELOW: usize = 16;

/// A table of so many buckets does not shrink.
const MIN_BUCKETS: usize = 4;

/// One operation moves buckets until so many items have moved ...
const STEP_ITEMS: usize = 4;

/// ... or so many buckets have been seen.
const STEP_BUCKETS: usize = 8;

/// How many buckets ahead the rehash asks for the old table's lines.
const LINES_AHEAD: usize = 4;

/// The load limit: items that fill 7/8 of all slots. There a bucket has 6.1 items on the
/// average, and one in four has a child.
fn limit(buckets: usize) -> usize {
    buckets * SLOTS * 7 / 8
}

/// As many items must go into a table where there is no room for a larger one.
fn full_enough(buckets: usize) -> usize {
    limit(buckets) / 5 * 8
}

/// With fewer items, 1/8 of all slots, a table is too big.
fn low_mark(buckets: usize) -> usize {
    if buckets <= MIN_BUCKETS { 0 } else { buckets * SLOTS / 8 }
}

/// The smallest size whose load limit allows so many items.
fn buckets_for(items: usize) -> usize {
    let mut buckets = 1;
    while limit(buckets) < items {
        buckets = next_size(buckets);
    }
    buckets
}

/// The size after `buckets` in 1, 2, 3, 4, 6, 8, 12, 16 ...
fn next_size(buckets: usize) -> usize {
    match buckets {
        1 => 2,
        power if power.is_power_of_two() => power / 2 * 3,
        three_halves => three_halves / 3 * 4,
    }
}

/// When a dict may change its size by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ResizePolicy {
    /// Grows at the load limit and shrinks when nearly empty.
    #[default]
    Enabled,
    /// Grows only when four times as full as it should be, never shrinks.
    Avoid,
    /// Neither; a rehash under way rests, except for explicit calls.
    Forbid,
}

/// Tables given up, perhaps with items: dropping it, on any thread, drops these and frees
/// the memory. That takes long for a big table, so it is not done where commands run.
pub struct Husk<T: Keyed> {
    tables: Vec<RawTable<T>>,
}

impl<T: Keyed> Husk<T> {
    /// How many items it still holds.
    pub fn len(&self) -> usize {
        self.tables.iter().map(RawTable::used).sum()
    }

    /// Whether there are no items left: only memory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of its tables and their children, items not counted.
    pub fn table_bytes(&self) -> usize {
        self.tables.iter().map(|table| (table.len() + table.children()) * BUCKET_BYTES).sum()
    }
}

impl<T: Keyed> Dict<T> {
    /// Sets when the dict may resize; takes effect with the next operation that would.
    pub fn set_policy(&mut self, policy: ResizePolicy) {
        self.policy = policy;
        self.set_marks();
    }

    /// Sets how many bytes a new table may take. Growth that needs more is put off, until the table is
    /// much too full: chains become longer meanwhile.
    #[inline]
    pub fn set_room(&mut self, bytes: usize) {
        self.room = bytes;
    }

    /// Whether items are in two tables.
    #[inline]
    pub fn is_rehashing(&self) -> bool {
        self.old.len() != 0
    }

    /// Makes room for `n_items` in all: what the caller knows to come then needs no growth
    /// on the way. Does nothing if there is room, while rehashing, or if there is no memory.
    pub fn expand(&mut self, n_items: usize) {
        let buckets = buckets_for(n_items);
        if !self.is_rehashing() && buckets > self.table.len() {
            self.start_resize(buckets);
        }
    }

    /// Whether the dict is so empty that [`resize_if_needed`](Self::resize_if_needed)
    /// would shrink it.
    pub fn needs_shrink(&self) -> bool {
        self.len() < self.shrink_below
    }

    /// Starts the resize that is due (it may be so without an insertion or removal, after a
    /// change of policy, [`expand`](Self::expand) or a rehash). Whether there was one.
    pub fn resize_if_needed(&mut self) -> bool {
        let buckets = self.table.len();
        if self.needs_shrink() {
            self.shrink();
        } else if buckets > 0 && self.len() >= self.grow_at {
            self.grow();
        }
        self.table.len() != buckets
    }

    /// Moves up to `max_buckets` buckets of the old table; whether there are more to move.
    pub fn rehash(&mut self, max_buckets: usize) -> bool {
        for _ in 0..max_buckets {
            if !self.is_rehashing() {
                break;
            }
            self.move_next_bucket();
        }
        self.is_rehashing()
    }

    /// The memory of big tables that resizing has left since the last call. To be dropped
    /// where time does not matter.
    pub fn take_husk(&mut self) -> Option<Husk<T>> {
        self.discarded.take()
    }

    /// The whole dict as something to be dropped, perhaps on another thread.
    pub fn into_husk(mut self) -> Husk<T> {
        let mut husk = self.take_husk().unwrap_or(Husk { tables: Vec::new() });
        husk.tables.extend([self.table, self.old]);
        husk
    }

    /// What each operation that may change the dict does for a rehash under way.
    #[inline]
    pub(super) fn rehash_step(&mut self) {
        if self.is_rehashing() && self.policy != ResizePolicy::Forbid {
            self.rehash_some();
        }
    }

    #[inline(never)]
    fn rehash_some(&mut self) {
        let mut items = 0;
        for _ in 0..STEP_BUCKETS {
            items += self.move_next_bucket();
            if items >= STEP_ITEMS || !self.is_rehashing() {
                break;
            }
        }
    }

    /// Moves one bucket, then asks for what moving the next will need; how many items it
    /// had. Only while rehashing.
    fn move_next_bucket(&mut self) -> usize {
        let moved = self.old.move_bucket(self.rehash_idx, &mut self.table, self.seed);
        self.rehash_idx += 1;
        if self.rehash_idx < self.old.len() {
            self.old.prefetch_move(self.rehash_idx);
            self.old.prefetch_line(self.rehash_idx + LINES_AHEAD);
        } else {
            let emptied = std::mem::replace(&mut self.old, RawTable::unallocated());
            self.rehash_idx = 0;
            self.discard(emptied);
            self.set_marks();
        }
        moved
    }

    /// Starts growth, if memory can be had: else chains grow until it can.
    #[cold]
    pub(super) fn grow(&mut self) {
        let buckets = self.table.len();
        let needed = buckets_for(self.len() + 1);
        let next = match buckets {
            0 => 1,
            small if small < DOUBLE_BELOW => small * 2,
            big => next_size(big),
        };
        let wanted = next.max(needed);
        let full = full_enough(buckets);
        if wanted.saturating_mul(BUCKET_BYTES) > self.room && self.len() < full {
            // It is tried again a little later.
            self.grow_at = full.min(self.len() + self.len() / 64 + 1);
            return;
        }
        self.start_resize(wanted);
        if self.table.len() == 0 {
            handle_alloc_error(Layout::new::<[u8; BUCKET_BYTES]>());
        }
    }

    /// Starts shrinking to a size that is half full at most, so that neither growth nor
    /// the next shrinking is near.
    #[cold]
    pub(super) fn shrink(&mut self) {
        let buckets = buckets_for(2 * self.len());
        if buckets < self.table.len() {
            self.start_resize(buckets);
        }
    }

    /// Makes a table of another size and, unless there is nothing to move, lets the rehash
    /// begin. Not while rehashing.
    fn start_resize(&mut self, buckets: usize) {
        debug_assert!(!self.is_rehashing(), "one resize at a time");
        let Some(table) = RawTable::with_buckets(buckets) else {
            return;
        };
        let old = std::mem::replace(&mut self.table, table);
        if old.used() == 0 {
            self.discard(old);
        } else {
            self.old = old;
        }
        self.set_marks();
    }

    /// Keeps an emptied big table for the owner; a small one costs nothing to free.
    fn discard(&mut self, table: RawTable<T>) {
        if table.is_mapped() {
            self.discarded.get_or_insert(Husk { tables: Vec::new() }).tables.push(table);
        }
    }

    /// Sets the numbers of items at which a resize starts.
    fn set_marks(&mut self) {
        let buckets = self.table.len();
        let (grow_at, shrink_below) = match self.policy {
            _ if buckets == 0 => (0, 0),
            _ if self.is_rehashing() => (usize::MAX, 0),
            ResizePolicy::Enabled => (limit(buckets), low_mark(buckets)),
            ResizePolicy::Avoid => (4 * limit(buckets), 0),
            ResizePolicy::Forbid => (usize::MAX, 0),
        };
        (self.grow_at, self.shrink_below) = (grow_at, shrink_below);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ds::entry::NewValue;
    use crate::stdx::hash::Seed;

    type Entry = crate::ds::entry::Entry<Box<u64>>;

    #[test]
    fn sizes_are_powers_of_two_and_three_times_them() {
        let sizes: Vec<_> =
            std::iter::successors(Some(1), |&n| Some(next_size(n))).take(10).collect();
        assert_eq!(sizes, [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]);
    }

    #[test]
    fn a_size_for_some_items_is_the_smallest_that_allows_them() {
        assert_eq!(buckets_for(0), 1);
        assert_eq!(buckets_for(6), 1);
        assert_eq!(buckets_for(7), 2);
        assert_eq!(buckets_for(1_000_000), 196_608);
    }

    #[test]
    fn growth_waits_for_room_but_not_for_ever() {
        let mut dict = Dict::new(Seed::new(1, 2));
        dict.set_room(0);
        let insert = |dict: &mut Dict<Entry>, n: u32| {
            let item = Entry::new(&n.to_le_bytes(), NewValue::Int(0), None);
            dict.insert_unique(dict.hash(&n.to_le_bytes()), item);
        };
        (0..100_000).for_each(|n| insert(&mut dict, n));
        dict.check_invariants();
        let buckets = dict.stats().buckets;
        assert!(limit(buckets) * 8 / 5 + buckets >= 100_000, "no table is fuller than that");
        dict.set_room(usize::MAX);
        while !dict.resize_if_needed() && !dict.is_rehashing() {
            let next = 100_000 + dict.len() as u32;
            insert(&mut dict, next);
        }
        assert!(dict.len() < 110_000, "it grows soon after there is room");
    }

    #[test]
    fn after_a_resize_no_other_is_near() {
        for buckets in std::iter::successors(Some(1), |&n| Some(next_size(n))).take(60) {
            let grown = next_size(buckets);
            assert!(limit(grown) - limit(buckets) >= buckets, "time to move every bucket");
            if low_mark(buckets) > 0 {
                let left = low_mark(buckets) - 1;
                let shrunk = buckets_for(2 * left);
                assert!(shrunk < buckets && left >= low_mark(shrunk) && 2 * left <= limit(shrunk));
            }
        }
    }
}
