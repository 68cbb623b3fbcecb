//! Moving blocks out of slabs that are badly filled, so that whole slabs become free: what active
//! defragmentation does to each allocation that it comes by.
//!
//! jemalloc cuts a run of pages, a *slab*, into places of one size. A slab goes back when its last place is
//! free, so after many have gone a few blocks may hold many slabs. A block is moved by allocating another,
//! copying and freeing, all past the thread's cache: the arena then gives a place in the slab that it is
//! filling, or in the oldest that has one, and the slab that was left is emptier by one.
//!
//! # What is moved
//! A block lies *sparsely* if its slab is not the one being filled, is not full, and is no fuller than
//! 9/8 of what the slabs of its size are on the average. The eighth keeps things moving where all are
//! filled alike. Slabs in which, or in whose bin, less than one place in 32 is free are left alone:
//! no slab would be gained by it.
#![expect(unsafe_code, reason = "a block is copied and freed behind its owner's handle")]

use super::SlabUse;
use super::je::{self, SlabQuery};
use std::alloc::{Layout, alloc, dealloc};
use std::collections::VecDeque;
use std::hint::black_box;
use std::ptr::{self, NonNull};

/// Blocks of more bytes have pages of their own and are never moved. With eight size classes per doubling
/// slabs have blocks of up to 30 KB.
const MOVED_MAX: usize = 32 << 10;
/// Owners keep hints above an address of so many bits.
const ADDRESS_BITS: u32 = 48;
/// A slab or bin with a smaller share of free places is full enough.
const FREE_SHARE: usize = 32;

/// Moves blocks, and counts them.
#[derive(Debug)]
pub struct Mover {
    way: Way,
    hits: u64,
    misses: u64,
}

/// Which blocks are moved.
#[derive(Debug)]
enum Way {
    /// All: for tests, whatever the allocator.
    All,
    /// Those that lie sparsely in jemalloc's slabs, which is where the global allocator has them.
    Sparse(SlabQuery),
}

impl SlabUse {
    /// Whether a block at this address lies sparsely, as the module's head says.
    fn is_sparse(&self, address: usize) -> bool {
        let is_current = (self.current..self.current + self.size).contains(&address);
        let is_worth = |free: usize, places: usize| free * FREE_SHARE > places;
        if is_current
            || !is_worth(self.free, self.places)
            || !is_worth(self.bin_free, self.bin_places)
        {
            return false;
        }
        let (used, bin_used) = (self.places - self.free, self.bin_places - self.bin_free);
        used * self.bin_places * 8 <= bin_used * self.places * 9
    }
}

impl Mover {
    /// A mover of what lies sparsely. `None` where the allocator does not tell, or jemalloc is not the
    /// global one.
    #[must_use]
    pub fn of_sparse() -> Option<Self> {
        let query = SlabQuery::find().filter(|_| jemalloc_is_global())?;
        Some(Self::new(Way::Sparse(query)))
    }

    /// A mover of everything, for tests of those who are moved.
    #[must_use]
    pub fn of_all() -> Self {
        Self::new(Way::All)
    }

    fn new(way: Way) -> Self {
        Self { way, hits: 0, misses: 0 }
    }

    /// Blocks that were moved.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// Blocks that were looked at and stayed.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.misses
    }

    /// Whether [`Mover::carry`] is to be called for this block; if not, it is counted as one that stays.
    ///
    /// # Safety
    /// `block` is a live allocation by the global allocator with this layout.
    pub unsafe fn wants(&mut self, block: NonNull<u8>, layout: Layout) -> bool {
        let wanted = match self.way {
            Way::All => true,
            Way::Sparse(_) if layout.size() > MOVED_MAX => false,
            // SAFETY: the contract, and the global allocator is jemalloc.
            Way::Sparse(query) => unsafe { query.ask(block.as_ptr()) }
                .is_some_and(|slab| slab.is_sparse(block.addr().get())),
        };
        self.misses += u64::from(!wanted);
        wanted
    }

    /// Moves a block: it is freed, and what it held is at the address returned, in an allocation of the same
    /// layout by the global allocator. `None` where there is no memory, or none below 2^48: it stays then.
    ///
    /// # Safety
    /// `block` is a live allocation by the global allocator with this layout, whose size is not 0. If it is
    /// moved nobody uses the old address any more, and what the block holds is nowhere dropped by that.
    pub unsafe fn carry(&mut self, block: NonNull<u8>, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the size is not 0. The new block is as large as the old one and another; the old one
        // is freed in the way that its allocator, the global one, has it.
        let moved = unsafe {
            let moved = NonNull::new(self.allocate(layout))?;
            if moved.addr().get() >> ADDRESS_BITS != 0 {
                self.release(moved, layout);
                self.misses += 1;
                return None;
            }
            ptr::copy_nonoverlapping(block.as_ptr(), moved.as_ptr(), layout.size());
            self.release(block, layout);
            moved
        };
        self.hits += 1;
        Some(moved)
    }

    /// Both: moves a block if it lies sparsely; its new address then.
    ///
    /// # Safety
    /// As [`Mover::carry`].
    pub unsafe fn relocate(&mut self, block: NonNull<u8>, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the contract.
        unsafe { if self.wants(block, layout) { self.carry(block, layout) } else { None } }
    }

    /// Moves what a vector holds.
    pub fn vec<T>(&mut self, vec: &mut Vec<T>) {
        let layout = Layout::array::<T>(vec.capacity()).expect("it was allocated by this layout");
        if layout.size() == 0 {
            return;
        }
        let (len, capacity) = (vec.len(), vec.capacity());
        let Some(block) = NonNull::new(vec.as_mut_ptr()) else { return };
        // SAFETY: the vector owns an allocation of this layout and is borrowed exclusively. Where it was
        // moved, a vector of the new one takes the place of the old vector, which is not dropped.
        unsafe {
            if let Some(moved) = self.relocate(block.cast(), layout) {
                ptr::write(vec, Vec::from_raw_parts(moved.cast().as_ptr(), len, capacity));
            }
        }
    }

    /// Moves what a ring holds, if it is not too large to be put in order first.
    pub fn ring<T>(&mut self, ring: &mut VecDeque<T>) {
        if ring.capacity() * size_of::<T>() <= MOVED_MAX {
            let mut vec = Vec::from(std::mem::take(ring));
            self.vec(&mut vec);
            *ring = vec.into();
        }
    }

    /// Moves what a box holds.
    pub fn boxed<T>(&mut self, boxed: &mut Box<T>) {
        let layout = Layout::new::<T>();
        if layout.size() == 0 {
            return;
        }
        let block = NonNull::from(&mut **boxed).cast();
        // SAFETY: the box owns an allocation of this layout and is borrowed exclusively; as in `vec`.
        unsafe {
            if let Some(moved) = self.relocate(block, layout) {
                ptr::write(boxed, Box::from_raw(moved.cast::<T>().as_ptr()));
            }
        }
    }

    /// Moves what a box of several holds.
    pub fn slice<T>(&mut self, slice: &mut Box<[T]>) {
        let mut vec = std::mem::take(slice).into_vec();
        self.vec(&mut vec);
        // Its capacity is its length, as before: nothing is reallocated.
        *slice = vec.into_boxed_slice();
    }

    /// # Safety
    /// The layout's size is not 0.
    unsafe fn allocate(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the contract.
        unsafe {
            match self.way {
                Way::All => alloc(layout),
                Way::Sparse(_) => je::allocate_uncached(layout),
            }
        }
    }

    /// # Safety
    /// `block` is a live allocation by the global allocator, or by `allocate`, with this layout, and is not
    /// used again.
    unsafe fn release(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the contract. Where blocks are moved that lie sparsely, the global allocator is jemalloc.
        unsafe {
            match self.way {
                Way::All => dealloc(block.as_ptr(), layout),
                Way::Sparse(_) => je::release_uncached(block.as_ptr(), layout),
            }
        }
    }
}

/// Whether what the program allocates comes from jemalloc: whether jemalloc counts it.
fn jemalloc_is_global() -> bool {
    const BYTES: u64 = 1 << 12;
    let counted = || je::read::<u64>(b"thread.allocated\0").unwrap_or(0);
    let before = counted();
    let block = black_box(Vec::<u8>::with_capacity(BYTES as usize));
    let after = counted();
    drop(block);
    after.wrapping_sub(before) >= BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_moved_holds_what_it_held() {
        let mut mover = Mover::of_all();
        let mut vec = Vec::with_capacity(10);
        vec.extend(["a", "b"].map(String::from));
        mover.vec(&mut vec);
        assert_eq!((&vec[..], vec.capacity()), (&["a".to_owned(), "b".to_owned()][..], 10));
        let mut ring: VecDeque<_> = (0..5).collect();
        ring.rotate_left(2);
        mover.ring(&mut ring);
        assert_eq!(ring, [2, 3, 4, 0, 1]);
        let mut boxed = Box::new(String::from("c"));
        mover.boxed(&mut boxed);
        assert_eq!(*boxed, "c");
        let mut slice: Box<[u16]> = Box::new([1, 2, 3]);
        mover.slice(&mut slice);
        assert_eq!(*slice, [1, 2, 3]);
        assert_eq!((mover.hits(), mover.misses()), (4, 0));
    }

    #[test]
    fn what_has_no_memory_is_not_moved() {
        let mut mover = Mover::of_all();
        mover.vec(&mut Vec::<u64>::new());
        mover.vec(&mut vec![(); 3]);
        mover.ring(&mut VecDeque::<u64>::new());
        mover.slice(&mut Box::<[u8]>::default());
        mover.boxed(&mut Box::new(()));
        assert_eq!((mover.hits(), mover.misses()), (0, 0));
    }

    #[test]
    fn without_jemalloc_as_the_global_allocator_nothing_is_sparse() {
        // The library's tests run with the system's allocator.
        assert!(Mover::of_sparse().is_none());
    }

    #[test]
    fn a_slab_is_sparse_that_is_no_fuller_than_others() {
        let slab = SlabUse {
            current: 0x1000,
            size: 0x1000,
            free: 50,
            places: 100,
            bin_free: 500,
            bin_places: 1000,
        };
        let elsewhere = 0x5000;
        assert!(slab.is_sparse(elsewhere), "as full as the average");
        assert!(!slab.is_sparse(0x1800), "the one being filled");
        assert!(SlabUse { free: 44, ..slab }.is_sparse(elsewhere), "an eighth fuller");
        assert!(!SlabUse { free: 43, ..slab }.is_sparse(elsewhere), "fuller than that");
        assert!(!SlabUse { free: 0, ..slab }.is_sparse(elsewhere), "full");
        let filled = SlabUse { bin_free: 30, ..slab };
        assert!(!filled.is_sparse(elsewhere), "the bin has no slab to spare");
        let large = SlabUse { places: 1, ..SlabUse::default() };
        assert!(!large.is_sparse(elsewhere), "pages of its own");
    }
}
