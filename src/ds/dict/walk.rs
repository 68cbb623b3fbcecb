//! Ways through a dict: the scan that survives resizing, iteration, random choice.

use super::raw::{CELL_BITS, Items, Position, RawTable, SLOTS};
use super::{Dict, Keyed, tag};
use crate::stdx::alloc::Mover;

/// The end of the line of hashes, in cells.
const CELLS: u64 = 1 << CELL_BITS;

/// A bucket as part of the line of hashes, from some cell inside it on.
pub(super) struct Span<'a, T: Keyed> {
    pub(super) table: &'a RawTable<T>,
    pub(super) bucket: usize,
    in_old: bool,
    /// The cell where the next span begins.
    end: u64,
}

impl<T: Keyed> Dict<T> {
    /// One step of a scan: hands the items around `cursor` to `emit` and returns the next
    /// cursor. Begin with 0; 0 comes back at the end.
    ///
    /// A cursor is a number of 48 bits: the first hash not yet covered, without its low 16
    /// bits. Whatever happens to the dict between the steps, an item that is there from
    /// the first step to the last is emitted; some may be so more than once, when a bucket
    /// is entered in its middle after a resize.
    pub fn scan(&self, cursor: u64, emit: impl FnMut(&T)) -> u64 {
        let Some(span) = self.span(cursor % CELLS) else {
            return 0;
        };
        span.table.prefetch_items(span.bucket);
        span.table.prefetch_ahead(span.bucket);
        span.table.items(span.bucket).for_each(emit);
        span.end % CELLS
    }

    /// As [`scan`](Self::scan), for items that may be replaced by others with the same key. It expects the
    /// next step soon, and asks for the memory of its items now.
    pub fn scan_mut(&mut self, cursor: u64, emit: impl FnMut(&mut T)) -> u64 {
        let Some(Span { bucket, in_old, end, .. }) = self.span(cursor % CELLS) else {
            return 0;
        };
        let table = if in_old { &mut self.old } else { &mut self.table };
        table.prefetch_ahead(bucket);
        table.for_each_mut(bucket, emit);
        end % CELLS
    }

    /// One step of a scan that moves what lies badly: the tables at the start, then the children of a bucket;
    /// `each` does so with an item, which it may replace by another with the same key.
    pub fn relocate_from(
        &mut self,
        cursor: u64,
        mover: &mut Mover,
        mut each: impl FnMut(&mut T, &mut Mover),
    ) -> u64 {
        if cursor == 0 {
            self.table.relocate_buckets(mover);
            self.old.relocate_buckets(mover);
        }
        if let Some(Span { bucket, in_old, .. }) = self.span(cursor % CELLS) {
            let table = if in_old { &mut self.old } else { &mut self.table };
            table.relocate_children(bucket, mover);
        }
        self.scan_mut(cursor, |item| each(item, mover))
    }

    /// All items, in no order that means anything.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { dict: self, live: self.live_buckets(), next: 0, items: None, left: self.len() }
    }

    /// Calls `f` with each item, which may be replaced by another with the same key.
    pub fn for_each_mut(&mut self, mut f: impl FnMut(&mut T)) {
        for table in [&mut self.table, &mut self.old] {
            for bucket in 0..table.len() {
                table.for_each_mut(bucket, &mut f);
            }
        }
    }

    /// An item chosen at random, each with exactly the same probability.
    ///
    /// Of all places where an item may be (seven slots of every bucket, as many levels as
    /// the longest chain has had) one is drawn until there is an item in it. That takes
    /// places / items tries on the average: about 5 in a full table, and with
    /// [`Enabled`](super::ResizePolicy::Enabled) no more than some 30 in a table just
    /// about to shrink. A table left sparser (by another policy, or by `expand`) is read
    /// through to an item of random rank when as many tries as would take that long have
    /// failed: both ways are uniform, and so is their mixture.
    pub fn random(&self, rng: &mut impl FnMut() -> u64) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        let live = self.live_buckets();
        let slots = SLOTS * self.table.depth().max(self.old.depth());
        // A try waits for memory, the reading through hardly: it is 16 times as fast.
        for _ in 0..(live.count() / 16).max(64) {
            let place = below((live.count() * slots) as u64, rng) as usize;
            let (table, bucket) = self.live_bucket(live, place / slots);
            let (level, lane) = (place % slots / SLOTS, place % SLOTS);
            if let Some(item) = table.item(Position { bucket, level, lane }) {
                return Some(item);
            }
        }
        self.iter().nth(below(self.len() as u64, rng) as usize)
    }

    /// The spans that hold the hashes with this tag: one, or two where a bucket ends.
    pub(super) fn spans_of_tag(&self, wanted: u32) -> impl Iterator<Item = Span<'_, T>> {
        let first = u64::from(wanted) << 32 >> (64 - CELL_BITS);
        std::iter::successors(self.span(first), move |span| {
            let hash = span.end << (64 - CELL_BITS);
            (span.end < CELLS && tag(hash) == wanted).then(|| self.span(span.end)).flatten()
        })
    }

    /// The bucket that holds the items of `cell`. `None` before there are buckets.
    fn span(&self, cell: u64) -> Option<Span<'_, T>> {
        let hash = cell << (64 - CELL_BITS);
        let in_old = self.is_in_old(hash);
        let table = if in_old { &self.old } else { &self.table };
        if table.len() == 0 {
            return None;
        }
        let bucket = table.index(hash);
        let mut end = table.first_cell(bucket + 1);
        if self.is_rehashing() && !in_old {
            // Where the new bucket goes on, items may still be in the old table.
            end = end.min(self.old.first_cell(self.rehash_idx));
        }
        Some(Span { table, bucket, in_old, end })
    }

    /// The buckets that may hold items.
    fn live_buckets(&self) -> LiveBuckets {
        let moved = match (self.is_rehashing(), self.rehash_idx) {
            (false, _) => self.table.len(),
            (true, 0) => 0,
            (true, next) => {
                let last = self.old.first_cell(next) - 1;
                self.table.index(last << (64 - CELL_BITS)) + 1
            }
        };
        LiveBuckets { moved, unmoved: self.old.len() - self.rehash_idx }
    }

    /// The live bucket of this number.
    fn live_bucket(&self, live: LiveBuckets, number: usize) -> (&RawTable<T>, usize) {
        match number.checked_sub(live.moved) {
            None => (&self.table, number),
            Some(number) => (&self.old, self.rehash_idx + number),
        }
    }
}

/// How many buckets may hold items: outside a rehash all.
#[derive(Clone, Copy)]
struct LiveBuckets {
    /// The first ones of the new table, which have been moved into.
    moved: usize,
    /// The last ones of the old table.
    unmoved: usize,
}

impl LiveBuckets {
    fn count(self) -> usize {
        self.moved + self.unmoved
    }
}

/// A number below `bound`, each with the same probability: the high word of a product,
/// with those draws refused that would favour some results.
fn below(bound: u64, rng: &mut impl FnMut() -> u64) -> u64 {
    loop {
        let product = u128::from(rng()) * u128::from(bound);
        // `bound` is far below 2^64, so the remainder is hardly ever worth computing.
        if product as u64 >= bound || product as u64 >= bound.wrapping_neg() % bound {
            return (product >> 64) as u64;
        }
    }
}

/// Iterator over all items of a dict.
pub struct Iter<'a, T: Keyed> {
    dict: &'a Dict<T>,
    live: LiveBuckets,
    /// The number of the next live bucket.
    next: usize,
    items: Option<Items<'a, T>>,
    left: usize,
}

impl<'a, T: Keyed> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(item) = self.items.as_mut().and_then(Iterator::next) {
                self.left -= 1;
                return Some(item);
            }
            if self.next == self.live.count() {
                return None;
            }
            let (table, bucket) = self.dict.live_bucket(self.live, self.next);
            table.prefetch_ahead(bucket);
            self.next += 1;
            self.items = Some(table.items(bucket));
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T: Keyed> ExactSizeIterator for Iter<'_, T> {}

impl<'a, T: Keyed> IntoIterator for &'a Dict<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
