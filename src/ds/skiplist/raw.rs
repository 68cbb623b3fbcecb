//! A member in one allocation, its owner and its links: all that is unsafe about a sorted set.
//!
//! ```text
//!  0            8        9 (13)
//! +------------+--------+------------------+-------+
//! | score, f64 | length | bytes            | slack |
//! | 8          | 1 or 5 | length           |       |
//! +------------+--------+------------------+-------+
//! ```
//! A length below 255 is one byte; a longer one is 0xff and then a `u32`.
//!
//! What every function here relies on and keeps:
//! - R1. A [`Member`] without its hint points at `alloc_size()` bytes, aligned to [`ALIGN`], which
//!   it alone frees. Score, length and bytes are initialised and length and bytes never change.
//! - R2. A [`Link`] is in a list only while its member is in the dict beside that list, or in the
//!   hands of the call that takes it out of both; and an [`Alive`] is used only on links of the
//!   list beside its dict. [`Skiplist`]'s `insert`, `remove` and `remove_range` see to that, which
//!   alone put members in and take them out, and `relocate_from`, which has a member moved and its link
//!   in the list corrected before anything follows that. Links do not leave the module.
//!
//! [`Skiplist`]: super::Skiplist
#![expect(
    unsafe_code,
    reason = "dict and list share a member of variable size behind a thin pointer"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::num::NonZero;
use std::ptr::{self, NonNull};
use std::slice;

use crate::ds::dict::{Dict, Keyed, prefetch};
use crate::ds::entry::size_class;
use crate::stdx::alloc::Mover;

const ALIGN: usize = 8;
const LEN_AT: usize = size_of::<f64>();
/// A length that says that the real one follows.
const LONG: u8 = u8::MAX;

/// Bits of an address that a program of a 64-bit system is given; those above them are zero.
const ADDRESS_BITS: u32 = 48;
const ADDRESS: usize = (1 << ADDRESS_BITS) - 1;

/// The owner of a member: what the dict holds. The top bits of the pointer keep the dict's hint.
pub(super) struct Member(NonNull<u8>);

/// A member as the list refers to it. Equal links are the same member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Link(NonNull<u8>);

/// That no member of a dict is freed for as long as `'a`: what it takes to follow a [`Link`].
#[derive(Clone, Copy)]
pub(super) struct Alive<'a>(PhantomData<&'a Dict<Member>>);

// SAFETY: the allocation is owned by this handle alone, as if it were a `Box<(f64, [u8])>`.
unsafe impl Send for Member {}
// SAFETY: through a shared handle memory is only read.
unsafe impl Sync for Member {}
// SAFETY: a link is an address; what it is followed to needs an `Alive`, which borrows the dict.
unsafe impl Send for Link {}
// SAFETY: as above; length and bytes, all that is read through a link, never change.
unsafe impl Sync for Link {}

impl Member {
    /// A new member.
    ///
    /// # Panics
    /// If it is 4 GiB or longer.
    pub(super) fn new(bytes: &[u8], score: f64) -> Self {
        let layout = layout_for(bytes.len());
        // SAFETY: the size is not zero.
        let block = unsafe { alloc(layout) };
        let block = NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout));
        assert!(block.addr().get() <= ADDRESS, "an address leaves sixteen bits free");
        // SAFETY: `layout_for` counted all of these, and a fresh block overlaps nothing.
        unsafe {
            block.cast::<f64>().write(score);
            let at = match u8::try_from(bytes.len()) {
                Ok(len) if len != LONG => {
                    block.add(LEN_AT).write(len);
                    LEN_AT + 1
                }
                _ => {
                    let len = u32::try_from(bytes.len()).expect("a member is shorter than 4 GiB");
                    block.add(LEN_AT).write(LONG);
                    block.add(LEN_AT + 1).cast::<u32>().write_unaligned(len);
                    LEN_AT + 1 + size_of::<u32>()
                }
            };
            ptr::copy_nonoverlapping(bytes.as_ptr(), block.add(at).as_ptr(), bytes.len());
        }
        Self(block)
    }

    #[inline]
    pub(super) fn score(&self) -> f64 {
        // SAFETY: R1.
        unsafe { self.block().cast::<f64>().read() }
    }

    #[inline]
    pub(super) fn set_score(&mut self, score: f64) {
        // SAFETY: R1; nobody reads a score through a link.
        unsafe { self.block().cast::<f64>().write(score) }
    }

    #[inline]
    pub(super) fn link(&self) -> Link {
        Link(self.block())
    }

    /// Bytes of its allocation.
    pub(super) fn alloc_size(&self) -> usize {
        layout_for(self.key().len()).size()
    }

    /// Whether the allocation lies badly.
    pub(super) fn is_misplaced(&self, mover: &mut Mover) -> bool {
        // SAFETY: R1.
        unsafe { mover.wants(self.block(), layout_for(self.key().len())) }
    }

    /// Where the allocation is: the handle without its hint.
    #[inline(always)]
    fn block(&self) -> NonNull<u8> {
        // SAFETY: `new` admits no block whose address reaches into the hint's bits, so what is
        // left without them is the address of the block, which is not null.
        self.0.map_addr(|addr| unsafe { NonZero::new_unchecked(addr.get() & ADDRESS) })
    }
}

impl Keyed for Member {
    #[inline]
    fn key(&self) -> &[u8] {
        // SAFETY: R1; the member is borrowed for as long as the slice lives.
        unsafe { bytes_of(self.block()) }
    }

    #[inline]
    fn prefetch(&self) {
        self.link().prefetch();
    }

    #[inline]
    fn hint(&self) -> u16 {
        (self.0.addr().get() >> ADDRESS_BITS) as u16
    }

    #[inline]
    fn set_hint(&mut self, hint: u16) {
        let tag = usize::from(hint) << ADDRESS_BITS;
        self.0 = self.block().map_addr(|addr| addr | tag);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let layout = layout_for(self.key().len());
        // SAFETY: R1: the layout is that of `new`, and a dropped handle is not used again.
        unsafe { dealloc(self.block().as_ptr(), layout) };
    }
}

impl<'a> Alive<'a> {
    /// All members of `dict`.
    #[inline]
    pub(super) fn of(dict: &'a Dict<Member>) -> Self {
        let _ = dict;
        Self(PhantomData)
    }
}

impl Link {
    /// The member's bytes.
    #[inline]
    pub(super) fn bytes<'a>(self, alive: Alive<'a>) -> &'a [u8] {
        let _ = alive;
        // SAFETY: R2: the member is in the dict that `alive` borrows, and stays there for `'a`.
        unsafe { bytes_of(self.0) }
    }

    /// Takes the member out of its dict.
    pub(super) fn take_from(self, dict: &mut Dict<Member>) -> Member {
        // SAFETY: R2: the member is in the dict. Taking it out moves its handle alone: the bytes
        // stay where they are until the handle, which is returned, is dropped.
        let bytes = unsafe { bytes_of(self.0) };
        let hash = dict.hash(bytes);
        dict.remove(hash, bytes).expect("the dict holds every member of the list")
    }

    /// Moves the member, which is in this dict; its new link, unless it stays. The one there is must not be
    /// followed any more then.
    pub(super) fn carry(self, dict: &mut Dict<Member>, mover: &mut Mover) -> Option<Self> {
        // SAFETY: R2: the member is in the dict, and its bytes are where they are until it is moved.
        let bytes = unsafe { bytes_of(self.0) };
        let hash = dict.hash(bytes);
        let member = dict.get_mut(hash, bytes).expect("the dict holds every member of the list");
        let layout = layout_for(bytes.len());
        // SAFETY: R1; `bytes` is not used again, nor is the handle's old address, and the caller has the list
        // told of the new one.
        let moved = unsafe { mover.carry(member.block(), layout)? };
        let hint = member.hint();
        member.0 = moved;
        member.set_hint(hint);
        Some(member.link())
    }

    /// Asks the processor for the member, which is about to be read.
    #[inline]
    pub(super) fn prefetch(self) {
        /// Up to here reach the members that most sets have.
        const REACH: usize = 40;
        let first = self.0.as_ptr().cast_const();
        // Allocations are 8-aligned, so many lie across two cache lines.
        prefetch(first);
        prefetch(first.wrapping_add(REACH - 1));
    }
}

/// The bytes of the member at `block`.
///
/// # Safety
/// R1 must hold for `block`, and nobody free it as long as `'a`.
#[inline(always)]
unsafe fn bytes_of<'a>(block: NonNull<u8>) -> &'a [u8] {
    // SAFETY: R1.
    unsafe {
        let short = block.add(LEN_AT).read();
        if short != LONG {
            return slice::from_raw_parts(block.add(LEN_AT + 1).as_ptr(), short.into());
        }
        let len = block.add(LEN_AT + 1).cast::<u32>().read_unaligned();
        let at = LEN_AT + 1 + size_of::<u32>();
        slice::from_raw_parts(block.add(at).as_ptr(), len as usize)
    }
}

/// The allocation for a member of `len` bytes: the whole size class, so that its size is known.
#[inline]
fn layout_for(len: usize) -> Layout {
    let head = if len < LONG.into() { LEN_AT + 1 } else { LEN_AT + 1 + size_of::<u32>() };
    Layout::from_size_align(size_class(head + len), ALIGN)
        .expect("a member is smaller than the address space")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_keeps_score_bytes_and_hint() {
        for len in [0, 1, 7, 8, 16, 254, 255, 256, 70_000] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let mut member = Member::new(&bytes, 1.5);
            let link = member.link();
            member.set_hint(0xabcd);
            member.set_score(-2.5);
            assert_eq!((member.key(), member.score()), (&bytes[..], -2.5));
            assert_eq!((member.hint(), member.link()), (0xabcd, link));
            assert_eq!(member.alloc_size(), layout_for(len).size());
        }
    }

    #[test]
    fn a_usual_member_takes_32_bytes() {
        assert_eq!(Member::new(b"member:000012345", 0.0).alloc_size(), 32);
    }
}
