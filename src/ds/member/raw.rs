//! The word that is a member, and the allocation behind it: all that is unsafe about them.
#![expect(unsafe_code, reason = "a word is a short member's bytes or a pointer to a longer one's")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::num::NonZero;
use std::ptr::{self, NonNull};
use std::slice;

use crate::ds::dict::prefetch;
use crate::ds::entry::size_class;
use crate::stdx::alloc::Mover;

/// Bits of an address that a program of a 64-bit system is given; those above them are zero.
const ADDRESS_BITS: u32 = 48;
const ADDRESS: usize = (1 << ADDRESS_BITS) - 1;
/// Alignment of every allocation.
const ALIGN: usize = 8;
/// The bit of a word that is a member.
const SHORT: usize = 1;
/// The longest member that is a word.
const SHORT_MAX: usize = size_of::<usize>() - 1;
/// A length that says that the real one follows.
const LONG: u8 = u8::MAX;

const _: () = assert!(
    size_of::<usize>() == 8 && cfg!(target_endian = "little"),
    "the first byte of a word in memory is its lowest, and an address leaves sixteen bits free"
);

/// Owner of a member.
///
/// Safety rests on these, which every method finds and leaves true:
/// 1. if the lowest bit is set, the rest of the lowest byte is a length up to [`SHORT_MAX`], and the
///    other bytes of the word are that many of the member's, then zeroes;
/// 2. else the word, its hint taken away, points to an allocation of [`layout_for`] the member's
///    length, whose length and bytes are initialised and never change, and which this owner alone
///    frees.
#[repr(transparent)]
pub(super) struct Raw(NonNull<u8>);

// SAFETY: the allocation is owned by this handle alone, as if it were a `Box<[u8]>`.
unsafe impl Send for Raw {}
// SAFETY: through a shared handle memory is only read.
unsafe impl Sync for Raw {}

impl Raw {
    #[inline]
    pub(super) fn new(bytes: &[u8]) -> Self {
        if bytes.len() > SHORT_MAX {
            return Self::allocate(bytes);
        }
        let mut word = [0; size_of::<usize>()];
        word[0] = (bytes.len() << 1 | SHORT) as u8;
        word[1..=bytes.len()].copy_from_slice(bytes);
        let word = NonZero::new(usize::from_le_bytes(word)).expect("its lowest bit is set");
        Self(NonNull::without_provenance(word))
    }

    fn allocate(bytes: &[u8]) -> Self {
        let layout = layout_for(bytes.len());
        // SAFETY: the size is not zero.
        let block = unsafe { alloc(layout) };
        let block = NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout));
        assert!(block.addr().get() <= ADDRESS, "an address leaves sixteen bits free");
        // SAFETY: `layout_for` counted all of these, and a fresh block overlaps nothing.
        unsafe {
            let at = match u8::try_from(bytes.len()) {
                Ok(len) if len != LONG => {
                    block.write(len);
                    1
                }
                _ => {
                    let len = u32::try_from(bytes.len()).expect("a member is shorter than 4 GiB");
                    block.write(LONG);
                    block.add(1).cast::<u32>().write_unaligned(len.to_le());
                    1 + size_of::<u32>()
                }
            };
            ptr::copy_nonoverlapping(bytes.as_ptr(), block.add(at).as_ptr(), bytes.len());
        }
        Self(block)
    }

    #[inline(always)]
    fn is_short(&self) -> bool {
        self.0.addr().get() & SHORT != 0
    }

    /// Where the allocation is, of a member that has one: the word without its hint.
    #[inline(always)]
    fn block(&self) -> NonNull<u8> {
        debug_assert!(!self.is_short());
        // SAFETY: invariant 2: what is left is the address of an allocation. Of a short member it
        // is not zero either, for its lowest bit is set.
        self.0.map_addr(|addr| unsafe { NonZero::new_unchecked(addr.get() & ADDRESS) })
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        if self.is_short() {
            let len = (self.0.addr().get() as u8 >> 1) as usize;
            let word = (&raw const self.0).cast::<u8>();
            // SAFETY: invariant 1: so many bytes of this word, behind its first, are initialised;
            // `self` is borrowed as long as they are.
            return unsafe { slice::from_raw_parts(word.add(1), len) };
        }
        let block = self.block();
        // SAFETY: invariant 2; the borrow of `self` keeps the allocation.
        unsafe {
            match block.read() {
                LONG => {
                    let len = u32::from_le(block.add(1).cast::<u32>().read_unaligned());
                    slice::from_raw_parts(block.add(1 + size_of::<u32>()).as_ptr(), len as usize)
                }
                len => slice::from_raw_parts(block.add(1).as_ptr(), usize::from(len)),
            }
        }
    }

    /// Moves the allocation, if there is one and it lies badly. The hint stays.
    pub(super) fn relocate(&mut self, mover: &mut Mover) {
        if self.is_short() {
            return;
        }
        let layout = layout_for(self.bytes().len());
        // SAFETY: invariant 2; the handle, borrowed exclusively, is the only one.
        if let Some(moved) = unsafe { mover.relocate(self.block(), layout) } {
            let hint = self.hint();
            self.0 = moved;
            self.set_hint(hint);
        }
    }

    pub(super) fn alloc_size(&self) -> usize {
        if self.is_short() { 0 } else { layout_for(self.bytes().len()).size() }
    }

    #[inline]
    pub(super) fn prefetch(&self) {
        if !self.is_short() {
            prefetch(self.block().as_ptr());
        }
    }

    #[inline(always)]
    pub(super) fn hint(&self) -> u16 {
        if self.is_short() { 0 } else { (self.0.addr().get() >> ADDRESS_BITS) as u16 }
    }

    #[inline(always)]
    pub(super) fn set_hint(&mut self, hint: u16) {
        if !self.is_short() {
            let above = usize::from(hint) << ADDRESS_BITS;
            self.0 = self.block().map_addr(|addr| addr | above);
        }
    }
}

impl Drop for Raw {
    #[inline]
    fn drop(&mut self) {
        if !self.is_short() {
            let layout = layout_for(self.bytes().len());
            // SAFETY: invariant 2; a dropped handle is not used again.
            unsafe { dealloc(self.block().as_ptr(), layout) };
        }
    }
}

/// The allocation for a member of this length.
#[inline]
fn layout_for(len: usize) -> Layout {
    let head = if len < usize::from(LONG) { 1 } else { 1 + size_of::<u32>() };
    Layout::from_size_align(size_class(head + len), ALIGN)
        .expect("a member is smaller than the address space")
}
