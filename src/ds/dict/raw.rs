//! One table of buckets: the pointers of the dict, behind a safe API.
//!
//! What every function here relies on and keeps:
//! - R1. A lane of `meta` is non-zero if and only if the slot of that number holds an item,
//!   which the bucket owns. `meta` is written after the item is, and cleared before or
//!   right when the item is taken.
//! - R2. The filter byte is non-zero if and only if slot 6 holds the address of a child,
//!   made by [`Bucket::alloc`], owned by this bucket and reachable through it alone. Its
//!   lane 6 is then zero.
//! - R3. `buckets` points at `len` buckets, valid and owned as long as the table lives;
//!   with `len == 0` it dangles. Whatever is handed out borrows the table.
#![expect(unsafe_code, reason = "buckets hold owners beside child pointers in raw memory")]

use super::hint::{TagRange, admits, hint_of};
use super::meta::{CHILD_LANE, Lanes, Meta, Print};
use super::{Keyed, tag};
use crate::stdx::alloc::Mover;
use crate::stdx::hash::Seed;
use crate::stdx::os::pages::ZeroPages;
use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// Slots of a bucket.
pub(super) const SLOTS: usize = 7;

/// Bytes of a bucket.
pub(super) const BUCKET_BYTES: usize = 64;

/// The top bits of a hash that choose the bucket, and the unit of scan cursors: a *cell* is
/// the set of all hashes with the same top 48 bits. A bucket is a whole number of cells.
pub(super) const CELL_BITS: u32 = 48;

/// Tables from here on are mapped, smaller ones come from the allocator. (Miri, too slow
/// for big tables, is to see both.)
const MAPPED_FROM_BYTES: usize = if cfg!(miri) { 1 << 10 } else { 256 << 10 };

/// Asks the CPU to fetch the cache line at `address`. Any address will do: a prefetch
/// neither faults nor reads.
#[inline(always)]
pub fn prefetch<P>(address: *const P) {
    // SAFETY: the instruction has no effect but on the cache; x86-64 always has it.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    // SAFETY: as above; AArch64 always has it, and it changes neither flags nor memory.
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address,
            options(nostack, readonly, preserves_flags));
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = address;
}

/// An item, or in slot 6 the child.
union Slot<T> {
    item: ManuallyDrop<T>,
    child: NonNull<Bucket<T>>,
}

/// A cache line. Zeroed memory is an empty bucket. Never dropped as a whole: the table
/// drops its items.
#[repr(C, align(64))]
struct Bucket<T> {
    meta: Meta,
    slots: [Slot<T>; SLOTS],
}

impl<T> Bucket<T> {
    const LAYOUT: Layout = Layout::new::<Self>();

    /// A new empty bucket outside the table.
    fn alloc() -> NonNull<Self> {
        // SAFETY: a bucket is not of size zero.
        let memory = unsafe { alloc(Self::LAYOUT) };
        let Some(bucket) = NonNull::new(memory.cast::<Self>()) else {
            handle_alloc_error(Self::LAYOUT)
        };
        // SAFETY: the memory is a bucket's; slots need no initial value while all lanes are 0.
        unsafe { (&raw mut (*bucket.as_ptr()).meta).write(Meta::EMPTY) };
        bucket
    }

    /// # Safety
    /// `bucket` came from [`alloc`](Self::alloc), holds no items or child that anyone still
    /// expects there, and is not used again.
    unsafe fn free(bucket: NonNull<Self>) {
        // SAFETY: as the caller promises; the layout is that of `alloc`.
        unsafe { dealloc(bucket.as_ptr().cast(), Self::LAYOUT) };
    }

    #[inline]
    fn child(&self) -> Option<NonNull<Self>> {
        // SAFETY: R2: with a non-zero filter the slot holds the child's address.
        self.meta.has_child().then(|| unsafe { self.slots[CHILD_LANE].child })
    }

    /// # Safety
    /// The lane is occupied.
    #[inline]
    unsafe fn item(&self, lane: usize) -> &T {
        debug_assert!(self.meta.is_occupied(lane), "only items are read");
        // SAFETY: R1; and occupied lanes are in range.
        unsafe { &self.slots.get_unchecked(lane).item }
    }

    /// The address of a slot as that of an item, good for writing: it does not go through
    /// a reference to the bucket.
    ///
    /// # Safety
    /// The bucket lives, and the lane is in range.
    #[inline]
    unsafe fn slot(bucket: NonNull<Self>, lane: usize) -> NonNull<T> {
        debug_assert!(lane < SLOTS, "a bucket has seven lanes");
        // SAFETY: within the bucket, as the caller promises.
        unsafe {
            let slots = NonNull::new_unchecked(&raw mut (*bucket.as_ptr()).slots);
            slots.cast::<T>().add(lane)
        }
    }

    /// Puts `item` into a free lane.
    #[inline]
    fn put(&mut self, lane: usize, print: Print, item: T) {
        self.slots[lane].item = ManuallyDrop::new(item);
        self.meta.set(lane, print);
    }

    /// # Safety
    /// The lane is occupied.
    #[inline]
    unsafe fn take(&mut self, lane: usize) -> (Print, T) {
        let print = self.meta.print(lane);
        self.meta.clear(lane);
        // SAFETY: R1: the slot held an item; with its lane cleared nobody takes it again.
        (print, unsafe { ManuallyDrop::take(&mut self.slots[lane].item) })
    }

    /// Empties the bucket: what it held, to be moved on or dropped by the caller.
    #[inline]
    fn take_all(&mut self) -> Self {
        let all = Self {
            meta: self.meta,
            // SAFETY: a bitwise copy; with `meta` emptied the items and the child have one
            // owner again, the copy.
            slots: unsafe { (&raw const self.slots).read() },
        };
        self.meta = Meta::EMPTY;
        all
    }
}

/// Where an item is: checked again at each use, so a stale one may panic or name another
/// item, but never reaches outside the table.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) bucket: usize,
    /// Steps down the chain.
    pub(super) level: usize,
    pub(super) lane: usize,
}

/// A table of buckets and what hangs below them.
pub(super) struct RawTable<T: Keyed> {
    buckets: NonNull<Bucket<T>>,
    len: usize,
    used: usize,
    children: usize,
    /// Buckets of the longest chain there has ever been.
    depth: usize,
    /// Holds the memory of a big table; a small one is the allocator's.
    pages: Option<ZeroPages>,
    owns: PhantomData<T>,
}

// SAFETY: a table owns its items and its memory, and shares neither.
unsafe impl<T: Keyed + Send> Send for RawTable<T> {}

impl<T: Keyed> RawTable<T> {
    /// A table without buckets, which holds nothing and owns no memory.
    pub(super) const fn unallocated() -> Self {
        const {
            assert!(size_of::<T>() == 8, "a dict stores 8-byte handles");
            assert!(size_of::<Bucket<T>>() == BUCKET_BYTES, "a bucket is a cache line");
        }
        Self {
            buckets: NonNull::dangling(),
            len: 0,
            used: 0,
            children: 0,
            depth: 1,
            pages: None,
            owns: PhantomData,
        }
    }

    /// An empty table of `len` buckets, or `None` if there is no memory for it.
    pub(super) fn with_buckets(len: usize) -> Option<Self> {
        assert!(len > 0 && len <= 1 << CELL_BITS, "a bucket is at least one cell");
        let mut table = Self::unallocated();
        let layout = Layout::array::<Bucket<T>>(len).ok()?;
        table.buckets = if layout.size() >= MAPPED_FROM_BYTES {
            table.pages.insert(ZeroPages::new(layout.size())?).as_ptr().cast()
        } else {
            // SAFETY: the layout is not of size zero.
            NonNull::new(unsafe { alloc_zeroed(layout) })?.cast()
        };
        table.len = len;
        Some(table)
    }

    /// The number of buckets, children not counted.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number of items.
    #[inline]
    pub(super) fn used(&self) -> usize {
        self.used
    }

    pub(super) fn children(&self) -> usize {
        self.children
    }

    /// An upper bound for the buckets of any chain.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether the memory comes from the system and not from the allocator.
    pub(super) fn is_mapped(&self) -> bool {
        self.pages.is_some()
    }

    /// The bucket of `hash`: monotone in the hash.
    #[inline]
    pub(super) fn index(&self, hash: u64) -> usize {
        let cell = hash & (u64::MAX << (64 - CELL_BITS));
        ((u128::from(cell) * self.len as u128) >> 64) as usize
    }

    /// The first cell of bucket `index`; for `len()` the end of all cells.
    pub(super) fn first_cell(&self, index: usize) -> u64 {
        ((index as u128) << CELL_BITS).div_ceil(self.len as u128) as u64
    }

    /// The bucket `index` of the table, which must be in range.
    #[inline]
    fn head(&self, index: usize) -> NonNull<Bucket<T>> {
        assert!(index < self.len, "bucket {index} of {}", self.len);
        // SAFETY: R3.
        unsafe { self.buckets.add(index) }
    }

    /// The bucket `level` steps down the chain of `index`.
    #[inline]
    fn bucket_at(&self, index: usize, level: usize) -> Option<NonNull<Bucket<T>>> {
        let mut bucket = self.head(index);
        for _ in 0..level {
            // SAFETY: R2, R3: a living bucket of this table.
            bucket = unsafe { bucket.as_ref() }.child()?;
        }
        Some(bucket)
    }

    /// The occupied slot at `at`, if there is such.
    #[inline]
    fn slot_at(&self, at: Position) -> Option<NonNull<T>> {
        let bucket = self.bucket_at(at.bucket, at.level)?;
        // SAFETY: R2, R3: a living bucket, borrowed with the table.
        let meta = unsafe { bucket.as_ref() }.meta;
        // SAFETY: as above, and the lane is in range.
        (at.lane < SLOTS && meta.is_occupied(at.lane))
            .then(|| unsafe { Bucket::slot(bucket, at.lane) })
    }

    /// The item at `at`, if there is one.
    #[inline]
    pub(super) fn item(&self, at: Position) -> Option<&T> {
        // SAFETY: an occupied slot, borrowed with the table.
        self.slot_at(at).map(|item| unsafe { item.as_ref() })
    }

    /// The item at `at`, if there is one.
    #[inline]
    pub(super) fn item_mut(&mut self, at: Position) -> Option<&mut T> {
        // SAFETY: an occupied slot, borrowed mutably with the table.
        self.slot_at(at).map(|mut item| unsafe { item.as_mut() })
    }

    /// All items of the chain of bucket `index`.
    #[inline]
    pub(super) fn items(&self, index: usize) -> Items<'_, T> {
        self.items_with(index, None)
    }

    /// The items of the chain of bucket `index` that have the same print as `hash`.
    pub(super) fn lookalikes(&self, index: usize, hash: u64) -> Items<'_, T> {
        self.items_with(index, Some(Print::of(hash)))
    }

    #[inline]
    fn items_with(&self, index: usize, print: Option<Print>) -> Items<'_, T> {
        // SAFETY: R3, borrowed with the table.
        let bucket = unsafe { self.head(index).as_ref() };
        Items { bucket, lanes: lanes_with(bucket.meta, print), print }
    }

    /// Calls `f` with each item of the chain of bucket `index`.
    pub(super) fn for_each_mut(&mut self, index: usize, mut f: impl FnMut(&mut T)) {
        let mut next = Some(self.head(index));
        while let Some(mut bucket) = next {
            // SAFETY: R2, R3: a living bucket, borrowed mutably with the table.
            let bucket = unsafe { bucket.as_mut() };
            for lane in bucket.meta.occupied() {
                // SAFETY: R1.
                f(unsafe { &mut bucket.slots[lane].item });
            }
            next = bucket.child();
        }
    }

    /// Moves the buckets, if they are the allocator's and lie badly.
    pub(super) fn relocate_buckets(&mut self, mover: &mut Mover) {
        if self.len == 0 || self.is_mapped() {
            return;
        }
        let layout = Layout::array::<Bucket<T>>(self.len).expect("it was made by this layout");
        // SAFETY: R3: the memory came from the allocator with this layout. Items and children's addresses
        // move along; nobody else points to a bucket while the table is borrowed mutably.
        if let Some(moved) = unsafe { mover.relocate(self.buckets.cast(), layout) } {
            self.buckets = moved.cast();
        }
    }

    /// Moves the children below bucket `index` that lie badly.
    pub(super) fn relocate_children(&mut self, index: usize, mover: &mut Mover) {
        let mut place = self.head(index);
        // SAFETY: R2, R3: living buckets of one chain, borrowed mutably with the table, one at a time. A
        // child came from `Bucket::alloc` and is reachable through its parent alone, which is told the new
        // address.
        unsafe {
            while let Some(child) = place.as_ref().child() {
                let moved = mover.relocate(child.cast(), Bucket::<T>::LAYOUT).map(NonNull::cast);
                let child = moved.unwrap_or(child);
                place.as_mut().slots[CHILD_LANE].child = child;
                place = child;
            }
        }
    }

    /// Adds an item; whether one with its key is there already is not looked at.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, mut item: T) -> (Position, &mut T) {
        item.set_hint(hint_of(hash));
        self.insert_print(self.index(hash), Print::of(hash), item)
    }

    #[inline]
    fn insert_print(&mut self, index: usize, print: Print, item: T) -> (Position, &mut T) {
        let mut place = self.head(index);
        let mut level = 0;
        // SAFETY: R2, R3: living buckets, borrowed mutably with the table, one at a time.
        let bucket = unsafe {
            while let Some(child) = place.as_ref().child() {
                place.as_mut().meta.add_below(print);
                place = child;
                level += 1;
            }
            place.as_mut()
        };
        self.used += 1;
        let (bucket, lane) = match bucket.meta.free_lane() {
            Some(lane) => (bucket, lane),
            None => {
                level += 1;
                self.children += 1;
                self.depth = self.depth.max(level + 1);
                (add_child(bucket, print), 1)
            }
        };
        bucket.put(lane, print, item);
        // SAFETY: R1, just put.
        let item: &mut T = unsafe { &mut bucket.slots[lane].item };
        (Position { bucket: index, level, lane }, item)
    }

    /// Takes the item at `at`, if there is one. Its place is filled from the end of the
    /// chain, so that only a last bucket has free lanes and no child stays needlessly.
    #[inline]
    pub(super) fn remove(&mut self, at: Position) -> Option<T> {
        let mut place = self.bucket_at(at.bucket, at.level)?;
        // SAFETY: R2, R3: a living bucket, borrowed mutably with the table.
        let bucket = unsafe { place.as_mut() };
        if at.lane >= SLOTS || !bucket.meta.is_occupied(at.lane) {
            return None;
        }
        // SAFETY: the lane is occupied.
        let (_, mut item) = unsafe { bucket.take(at.lane) };
        item.set_hint(0);
        self.used -= 1;
        if at.level > 0 || bucket.meta.has_child() {
            self.close_gap(at);
        }
        Some(item)
    }

    /// Restores the shape of a chain after the item at `at` was taken.
    #[inline(never)]
    fn close_gap(&mut self, at: Position) {
        let mut parent = self.head(at.bucket);
        // SAFETY: R2, R3: living buckets of one chain, borrowed mutably with the table;
        // `parent`, `last` and the bucket of `at` are distinct wherever two are used at once.
        unsafe {
            let mut last = parent.as_ref().child().expect("the chain has a child");
            let mut gap = (at.level == 0).then_some(parent);
            let mut level = 1;
            while let Some(child) = last.as_ref().child() {
                if at.level == level {
                    gap = Some(last);
                }
                (parent, last, level) = (last, child, level + 1);
            }
            if let Some(mut gap) = gap {
                let from = last.as_ref().meta.occupied().next().expect("a child has items");
                let (print, item) = last.as_mut().take(from);
                gap.as_mut().put(at.lane, print, item);
            }
            let meta = last.as_ref().meta;
            if meta.occupied().count() > 1 {
                parent.as_mut().meta.set_below(meta);
                return;
            }
            // What is left fits into the slot that held the child's address.
            let left = meta.occupied().next().expect("a child has two items or more");
            let (print, item) = last.as_mut().take(left);
            parent.as_mut().meta.set_below(Meta::EMPTY);
            parent.as_mut().put(CHILD_LANE, print, item);
            Bucket::free(last);
        }
        self.children -= 1;
    }

    /// Asks for the cache line of the bucket of `hash`.
    #[inline]
    pub(super) fn prefetch_bucket(&self, hash: u64) {
        self.prefetch_line(self.index(hash));
    }

    /// Asks for the cache line of bucket `index`, which need not be in range.
    #[inline]
    pub(super) fn prefetch_line(&self, index: usize) {
        prefetch(self.buckets.as_ptr().wrapping_add(index));
    }

    /// Drops all items and frees all children.
    fn drop_items(&mut self) {
        for index in 0..self.len {
            if self.used == 0 {
                return;
            }
            if index + 1 < self.len {
                self.prefetch_items(index + 1);
            }
            // SAFETY: R3, borrowed mutably with the table.
            let mut all = unsafe { self.head(index).as_mut() }.take_all();
            loop {
                self.used -= all.meta.occupied().count();
                for lane in all.meta.occupied() {
                    // SAFETY: R1; `all` owns the items and has no drop of its own.
                    unsafe { ManuallyDrop::drop(&mut all.slots[lane].item) };
                }
                match all.child() {
                    None => break,
                    Some(child) => all = self.take_child(child),
                }
            }
        }
    }

    /// Empties and frees a child that was reachable through an emptied bucket only.
    #[inline]
    fn take_child(&mut self, mut child: NonNull<Bucket<T>>) -> Bucket<T> {
        self.children -= 1;
        // SAFETY: R2: a living bucket from `alloc`; its contents are in the copy now.
        unsafe {
            let all = child.as_mut().take_all();
            Bucket::free(child);
            all
        }
    }

    /// Looks for the item with this hash that is the wanted one, and makes of its bucket, level
    /// and lane what the caller needs of them.
    #[inline(always)]
    fn probe<R>(
        &self,
        hash: u64,
        is_wanted: impl Fn(&T) -> bool,
        found: impl FnOnce(NonNull<Bucket<T>>, usize, usize) -> R,
    ) -> Option<R> {
        if self.len == 0 {
            return None;
        }
        let print = Print::of(hash);
        let mut place = self.head(self.index(hash));
        let mut level = 0;
        loop {
            // SAFETY: R2, R3: a living bucket, borrowed with the table.
            let bucket = unsafe { place.as_ref() };
            for lane in bucket.meta.matching(print) {
                // SAFETY: a print is not zero, so a matching lane is occupied.
                let item = unsafe { bucket.item(lane) };
                if admits(item.hint(), tag(hash)) && is_wanted(item) {
                    return Some(found(place, level, lane));
                }
            }
            if !bucket.meta.may_be_below(print) {
                return None;
            }
            place = bucket.child()?;
            level += 1;
        }
    }

    /// The item with this key.
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<&T> {
        // SAFETY: `probe` found an item there; borrowed with the table.
        self.probe(hash, has(key), |at, _, lane| unsafe { Bucket::slot(at, lane).as_ref() })
    }

    /// The item with this key.
    #[inline]
    pub(super) fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut T> {
        // SAFETY: `probe` found an item there; borrowed mutably with the table.
        self.probe(hash, has(key), |at, _, lane| unsafe { Bucket::slot(at, lane).as_mut() })
    }

    /// Where the item with this key is.
    #[inline]
    pub(super) fn locate(&self, hash: u64, key: &[u8]) -> Option<Position> {
        self.locate_where(hash, has(key))
    }

    /// Where the first item is that looks like this hash and is the wanted one.
    #[inline]
    pub(super) fn locate_where(
        &self,
        hash: u64,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Option<Position> {
        let bucket = self.index(hash);
        self.probe(hash, is_wanted, |_, level, lane| Position { bucket, level, lane })
    }

    /// Asks for what a lookup of `hash` will read after the bucket: the items that look
    /// like it, and the child if one of them may be there.
    #[inline]
    pub(super) fn prefetch_item(&self, hash: u64) {
        if self.len == 0 {
            return;
        }
        // SAFETY: R3, borrowed with the table.
        let bucket = unsafe { self.head(self.index(hash)).as_ref() };
        let print = Print::of(hash);
        for lane in bucket.meta.matching(print) {
            // SAFETY: a print is not zero, so a matching lane is occupied.
            let item = unsafe { bucket.item(lane) };
            if admits(item.hint(), tag(hash)) {
                item.prefetch();
            }
        }
        if bucket.meta.may_be_below(print)
            && let Some(child) = bucket.child()
        {
            prefetch(child.as_ptr());
        }
    }

    /// Asks for what [`move_bucket`](Self::move_bucket) of `index` will read besides the
    /// bucket: the child, and the items that do not tell where they belong.
    #[inline]
    pub(super) fn prefetch_move(&self, index: usize) {
        self.prefetch_items_if(index, |item| item.hint() == 0);
    }

    /// Asks for all items of bucket `index`, and for its child.
    #[inline]
    pub(super) fn prefetch_items(&self, index: usize) {
        self.prefetch_items_if(index, |_| true);
    }

    /// Asks for what a walk reads that is at bucket `index`: the items of the next one, and the one after it.
    #[inline]
    pub(super) fn prefetch_ahead(&self, index: usize) {
        self.prefetch_line(index + 2);
        if index + 1 < self.len {
            self.prefetch_items(index + 1);
        }
    }

    #[inline]
    fn prefetch_items_if(&self, index: usize, wanted: impl Fn(&T) -> bool) {
        // SAFETY: R3, borrowed with the table.
        let bucket = unsafe { self.head(index).as_ref() };
        for lane in bucket.meta.occupied() {
            // SAFETY: the lane is occupied.
            let item = unsafe { bucket.item(lane) };
            if wanted(item) {
                item.prefetch();
            }
        }
        if let Some(child) = bucket.child() {
            prefetch(child.as_ptr());
        }
    }

    /// Moves the chain of bucket `index` to another table; says how many items it had.
    ///
    /// Where all items of a bucket go is decided before any of them moves: so reads of
    /// their keys overlap in the CPU, and a `key` that panics loses no memory safety (only
    /// items of a chain).
    pub(super) fn move_bucket(&mut self, index: usize, to: &mut Self, seed: Seed) -> usize {
        let route = Route { tags: TagRange::of_bucket(index, self.len), seed };
        let mut place = self.head(index);
        let before = self.used;
        // SAFETY: R3, borrowed mutably with the table, here and in the next block.
        let targets = route.targets(unsafe { place.as_mut() }, to);
        // SAFETY: see above.
        let mut all = unsafe { place.as_mut() }.take_all();
        self.move_items(&mut all, &targets, to);
        while let Some(mut child) = all.child() {
            // SAFETY: R2: a living bucket; `all` is its only owner.
            let targets = route.targets(unsafe { child.as_mut() }, to);
            all = self.take_child(child);
            self.move_items(&mut all, &targets, to);
        }
        before - self.used
    }

    #[inline]
    fn move_items(&mut self, all: &mut Bucket<T>, targets: &[usize; SLOTS], to: &mut Self) {
        for lane in all.meta.occupied() {
            // SAFETY: the lane is occupied: each is taken once.
            let (print, item) = unsafe { all.take(lane) };
            to.insert_print(targets[lane], print, item);
            self.used -= 1;
        }
    }

    /// Panics unless the chain of bucket `index` is as the dict's invariants 3 to 6 say.
    pub(super) fn check_chain(&self, index: usize, seed: Seed) -> ChainSize {
        let mut size = ChainSize { items: 0, children: 0 };
        let mut next = Some(self.head(index));
        let mut filters = Vec::new();
        while let Some(place) = next {
            // SAFETY: R2, R3: a living bucket, borrowed with the table.
            let bucket = unsafe { place.as_ref() };
            next = bucket.child();
            for lane in bucket.meta.occupied() {
                // SAFETY: the lane is occupied.
                let item = unsafe { bucket.item(lane) };
                let hash = seed.hash(item.key());
                assert!(admits(item.hint(), tag(hash)), "a hint is that of the hash or 0");
                assert_eq!(self.index(hash), index, "an item is in the bucket of its hash");
                assert_eq!(bucket.meta.print(lane), Print::of(hash), "a lane is its print");
                assert!(
                    filters.iter().all(|above: &Meta| above.may_be_below(Print::of(hash))),
                    "filters above know the item"
                );
            }
            let items = bucket.meta.occupied().count();
            assert!(next.is_none() || items == CHILD_LANE, "a bucket with a child is full");
            assert!(filters.is_empty() || items >= 2, "a child holds two items or more");
            filters.push(bucket.meta);
            size.items += items;
            size.children += usize::from(next.is_some());
        }
        assert!(size.children < self.depth, "depth bounds all chains");
        size
    }
}

impl<T: Keyed> Drop for RawTable<T> {
    fn drop(&mut self) {
        self.drop_items();
        if self.len > 0 && self.pages.is_none() {
            let layout = Layout::array::<Bucket<T>>(self.len).expect("it was made by this layout");
            // SAFETY: R3; the memory came from the allocator with this layout.
            unsafe { dealloc(self.buckets.as_ptr().cast(), layout) };
        }
    }
}

/// The items of a chain, all or those with one print.
pub(super) struct Items<'a, T> {
    bucket: &'a Bucket<T>,
    /// Lanes of `bucket` still to come.
    lanes: Lanes,
    print: Option<Print>,
}

/// Whether an item has this key.
#[inline(always)]
fn has<T: Keyed>(key: &[u8]) -> impl Fn(&T) -> bool {
    move |item| item.key() == key
}

#[inline]
fn lanes_with(meta: Meta, print: Option<Print>) -> Lanes {
    print.map_or_else(|| meta.occupied(), |print| meta.matching(print))
}

impl<'a, T> Iterator for Items<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(lane) = self.lanes.next() {
                // SAFETY: the lane is occupied: a print is not zero.
                return Some(unsafe { self.bucket.item(lane) });
            }
            // SAFETY: R2: a living bucket, borrowed as long as its parent.
            self.bucket = unsafe { self.bucket.child()?.as_ref() };
            self.lanes = lanes_with(self.bucket.meta, self.print);
        }
    }
}

/// Hangs a child below a full `bucket` and moves the item there whose slot is needed for
/// the address. The child is made ready for a second item, with `print`, in lane 1.
#[inline(never)]
fn add_child<T>(bucket: &mut Bucket<T>, print: Print) -> &mut Bucket<T> {
    let mut place = Bucket::<T>::alloc();
    // SAFETY: just made, and owned by `bucket` from here on.
    let child = unsafe { place.as_mut() };
    // SAFETY: the bucket is full, so lane 6 is occupied.
    let (moved, item) = unsafe { bucket.take(CHILD_LANE) };
    child.put(0, moved, item);
    bucket.slots[CHILD_LANE].child = place;
    bucket.meta.set_below(child.meta);
    bucket.meta.add_below(print);
    child
}

/// What [`RawTable::check_chain`] counted.
pub(super) struct ChainSize {
    pub(super) items: usize,
    pub(super) children: usize,
}

/// How the items of one chain find their buckets in another table.
struct Route {
    /// What the place of the chain tells about the hashes.
    tags: Option<TagRange>,
    seed: Seed,
}

impl Route {
    /// The bucket for each item of one bucket, by lane.
    #[inline]
    fn targets<T: Keyed>(&self, bucket: &mut Bucket<T>, to: &RawTable<T>) -> [usize; SLOTS] {
        let mut targets = [0; SLOTS];
        for lane in bucket.meta.occupied() {
            // SAFETY: the lane is occupied (R1).
            let item = unsafe { &mut *bucket.slots[lane].item };
            targets[lane] = self.target(bucket.meta.print(lane), item, to);
        }
        targets
    }

    /// By what the handle knows if that is enough, else by the key.
    #[inline]
    fn target<T: Keyed>(&self, print: Print, item: &mut T, to: &RawTable<T>) -> usize {
        let known = self.tags.as_ref().and_then(|tags| tags.hashes(print, item.hint()));
        if let Some((first, last)) = known {
            let target = to.index(first);
            if target == to.index(last) {
                return target;
            }
        }
        let hash = self.seed.hash(item.key());
        item.set_hint(hint_of(hash));
        to.index(hash)
    }
}
