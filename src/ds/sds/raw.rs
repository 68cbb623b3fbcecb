//! The allocation behind an [`Sds`]: all that is unsafe about it.
#![expect(
    unsafe_code,
    reason = "header and bytes share one allocation behind a thin tagged pointer"
)]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error, realloc};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::slice;

use bytes::BufMut;
use bytes::buf::UninitSlice;

use super::Sds;
use crate::ds::entry::size_class;
use crate::stdx::alloc::Mover;

/// Alignment of every block; its low bits are free for the tag.
const ALIGN: usize = 8;
const TAG_MASK: usize = 3;

/// What a string without an allocation points to: length 0, capacity 0, never written.
#[repr(C, align(8))]
struct EmptyBlock([u8; 8]);
static EMPTY: EmptyBlock = EmptyBlock([0; 8]);

/// Owner of one block laid out as the module's head draws it.
///
/// Safety rests on these, which every method finds and leaves true:
/// 1. address less tag is the start of [`EMPTY`], if the capacity is 0, else of a block of
///    [`alloc_size`](Self::alloc_size) bytes, aligned to [`ALIGN`], that this owner alone frees;
/// 2. the tag says the width of the header's two fields;
/// 3. the block's first eight bytes are initialised, and so are as many bytes of the string as its
///    length says, which is at most the capacity.
#[repr(transparent)]
pub(super) struct Raw(NonNull<u8>);

// SAFETY: the block is owned by this handle alone, as if it were a `Box<[u8]>`.
unsafe impl Send for Raw {}
// SAFETY: through a shared handle memory is only read.
unsafe impl Sync for Raw {}

/// Where the fields of a block are: the tag says it all.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tag(usize);

impl Tag {
    /// The narrowest header for a block that has room for `capacity` bytes, and the block's size.
    #[inline]
    fn for_capacity(capacity: usize) -> (Self, usize) {
        let tag = [Self(0), Self(1), Self(2)]
            .into_iter()
            .find(|tag| capacity <= tag.max_capacity())
            .unwrap_or(Self(3));
        let needed = tag.header().checked_add(capacity);
        (tag, size_class(needed.expect("capacity overflow")))
    }

    /// The capacity of the largest size class that a field narrower than 64 bits can describe.
    #[inline(always)]
    const fn max_capacity(self) -> usize {
        (1 << self.field_bits()) - self.header()
    }

    /// Bits of the length, and of the capacity.
    #[inline(always)]
    const fn field_bits(self) -> u32 {
        8 << self.0
    }

    #[inline(always)]
    const fn field_mask(self) -> u64 {
        u64::MAX >> (64 - self.field_bits())
    }

    /// Bytes before the string's own.
    #[inline(always)]
    const fn header(self) -> usize {
        2 << self.0
    }
}

impl Raw {
    #[inline]
    pub(super) const fn empty() -> Self {
        Self(NonNull::from_ref(&EMPTY).cast())
    }

    /// An empty string with room for `capacity` bytes.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        if capacity == 0 {
            return Self::empty();
        }
        let (tag, size) = Tag::for_capacity(capacity);
        // SAFETY: the size is at least 8, and the block made for it; no byte counts in.
        unsafe { Self::adopt(alloc(layout(size)), tag, size, 0) }
    }

    /// A string of the same bytes.
    #[inline]
    pub(super) fn copy_of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::empty();
        }
        let (tag, size) = Tag::for_capacity(bytes.len());
        // SAFETY: the size is at least 8, and the block made for it; it has room for the bytes,
        // which it cannot overlap, and they are there before anything reads them.
        unsafe {
            let raw = Self::adopt(alloc(layout(size)), tag, size, bytes.len());
            ptr::copy_nonoverlapping(bytes.as_ptr(), raw.data().as_ptr(), bytes.len());
            raw
        }
    }

    /// So many zero bytes, which the allocator gets from the system without touching them if they
    /// are many; at least one.
    pub(super) fn zeroed(len: usize) -> Self {
        let (tag, size) = Tag::for_capacity(len);
        // SAFETY: the size is at least 8, and the block made for it; all its bytes are zero.
        unsafe { Self::adopt(alloc_zeroed(layout(size)), tag, size, len) }
    }

    /// Makes a fresh block of `size` bytes, or none if memory is out, a string.
    ///
    /// # Safety
    /// The block must be of `layout(size)` and `size` one for this tag; the first `len` bytes
    /// behind its header must be initialised before they are read.
    #[inline]
    unsafe fn adopt(block: *mut u8, tag: Tag, size: usize, len: usize) -> Self {
        let block = NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout(size)));
        let capacity = (size - tag.header()) as u64;
        // SAFETY: a block has eight bytes at least, and sixteen if its header has.
        unsafe {
            if tag.0 == 3 {
                block.cast::<u64>().write((len as u64).to_le());
                block.add(8).cast::<u64>().write(capacity.to_le());
            } else {
                let word = len as u64 | capacity << tag.field_bits();
                block.cast::<u64>().write(word.to_le());
            }
        }
        Self(block.map_addr(|address| address | tag.0))
    }

    #[inline(always)]
    fn tag(&self) -> Tag {
        Tag(self.0.addr().get() & TAG_MASK)
    }

    #[inline(always)]
    fn block(&self) -> NonNull<u8> {
        // SAFETY: invariant 1.
        unsafe { self.0.sub(self.tag().0) }
    }

    /// The string's first byte.
    #[inline(always)]
    fn data(&self) -> NonNull<u8> {
        // SAFETY: the header is inside the block, even of `EMPTY`.
        unsafe { self.block().add(self.tag().header()) }
    }

    /// The block's first eight bytes: of a narrow header both fields and perhaps some of the string.
    #[inline(always)]
    fn word(&self) -> u64 {
        // SAFETY: invariants 1 and 3; blocks are aligned to 8.
        u64::from_le(unsafe { self.block().cast::<u64>().read() })
    }

    /// # Safety
    /// The word must be what invariants 1 and 3 ask, and the block not `EMPTY`.
    #[inline(always)]
    unsafe fn set_word(&mut self, word: u64) {
        // SAFETY: as for `word`, and the block is this handle's own.
        unsafe { self.block().cast::<u64>().write(word.to_le()) }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        (self.word() & self.tag().field_mask()) as usize
    }

    #[inline(always)]
    pub(super) fn capacity(&self) -> usize {
        let tag = self.tag();
        if tag.0 == 3 {
            // SAFETY: invariant 2: there are two fields of eight bytes; both are written when the
            // block is made.
            return u64::from_le(unsafe { self.block().add(8).cast::<u64>().read() }) as usize;
        }
        (self.word() >> tag.field_bits() & tag.field_mask()) as usize
    }

    #[inline]
    pub(super) fn alloc_size(&self) -> usize {
        match self.capacity() {
            0 => 0,
            capacity => self.tag().header() + capacity,
        }
    }

    /// # Safety
    /// The first `len` bytes of the string must be initialised.
    #[inline]
    pub(super) unsafe fn set_len(&mut self, len: usize) {
        assert!(len <= self.capacity(), "length beyond the capacity");
        if self.capacity() != 0 {
            let kept = self.word() & !self.tag().field_mask();
            // SAFETY: invariant 3 by the contract; not `EMPTY`.
            unsafe { self.set_word(kept | len as u64) };
        }
    }

    /// # Safety
    /// `capacity` must be what the block has behind its header, which must not be `EMPTY`.
    unsafe fn set_capacity(&mut self, capacity: usize) {
        let tag = self.tag();
        if tag.0 == 3 {
            // SAFETY: invariant 2.
            unsafe { self.block().add(8).cast::<u64>().write((capacity as u64).to_le()) };
            return;
        }
        let kept = self.word() & !(tag.field_mask() << tag.field_bits());
        // SAFETY: the contract; the length stays, and it is at most the new capacity.
        unsafe { self.set_word(kept | (capacity as u64) << tag.field_bits()) };
    }

    #[inline(always)]
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: invariant 3; the borrow of `self` keeps the bytes from changing.
        unsafe { slice::from_raw_parts(self.data().as_ptr(), self.len()) }
    }

    #[inline(always)]
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: invariant 3; `self` is borrowed exclusively. Of `EMPTY` no byte is lent.
        unsafe { slice::from_raw_parts_mut(self.data().as_ptr(), self.len()) }
    }

    /// The bytes between length and capacity.
    #[inline]
    fn spare_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        let (len, capacity) = (self.len(), self.capacity());
        // SAFETY: these bytes are in the block, by invariants 1 and 3, and `self` is borrowed
        // exclusively. Nobody outside this file can write uninitialised bytes through it.
        unsafe { slice::from_raw_parts_mut(self.data().add(len).cast().as_ptr(), capacity - len) }
    }

    /// Appends the bytes if there is room for them, else says no.
    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        let (word, len) = (self.word(), self.len());
        if bytes.len() > self.capacity() - len {
            return false;
        }
        if !bytes.is_empty() {
            // SAFETY: there is room, so it is not `EMPTY`; the sum stays in the length's field. The
            // bytes come after the head, some of which they may be part of, and before any read.
            unsafe {
                self.set_word(word + bytes.len() as u64);
                let end = self.data().add(len).as_ptr();
                ptr::copy_nonoverlapping(bytes.as_ptr(), end, bytes.len());
            }
        }
        true
    }

    /// Appends `n` zero bytes for which there must be room.
    pub(super) fn push_zeroes(&mut self, n: usize) {
        self.spare_mut()[..n].fill(MaybeUninit::new(0));
        // SAFETY: as many more bytes were just written.
        unsafe { self.set_len(self.len() + n) }
    }

    #[inline]
    pub(super) fn truncate(&mut self, len: usize) {
        if len < self.len() {
            // SAFETY: fewer bytes than are initialised already.
            unsafe { self.set_len(len) }
        }
    }

    /// Moves the string to the block that fits `capacity`, which must not be below the length.
    pub(super) fn set_block(&mut self, capacity: usize) {
        assert!(capacity >= self.len(), "capacity below the length");
        let (tag, size) = Tag::for_capacity(capacity);
        if self.capacity() == 0 || tag != self.tag() || capacity == 0 {
            let mut moved = Self::with_capacity(capacity);
            assert!(moved.push(self.bytes()), "the capacity is at least the length");
            *self = moved;
        } else if size != self.alloc_size() {
            self.resize_block(size);
        }
    }

    /// Moves the block, if there is one and it lies badly.
    pub(super) fn relocate(&mut self, mover: &mut Mover) {
        let (tag, size) = (self.tag(), self.alloc_size());
        if size == 0 {
            return;
        }
        // SAFETY: invariant 1, and not `EMPTY`; the handle, borrowed exclusively, is the only one.
        if let Some(moved) = unsafe { mover.relocate(self.block(), layout(size)) } {
            self.0 = moved.map_addr(|address| address | tag.0);
        }
    }

    /// Gives the block, which is not `EMPTY`, another size with room for header and string.
    fn resize_block(&mut self, size: usize) {
        let (tag, new) = (self.tag(), layout(size));
        // SAFETY: invariant 1 says that this is the block's layout; `size` is not zero. The header
        // moves along, and after it the string: the assertion in `set_block` keeps it whole.
        unsafe {
            let block = realloc(self.block().as_ptr(), layout(self.alloc_size()), size);
            let block = NonNull::new(block).unwrap_or_else(|| handle_alloc_error(new));
            self.0 = block.map_addr(|address| address | tag.0);
            self.set_capacity(size - tag.header());
        }
    }
}

impl Drop for Raw {
    #[inline]
    fn drop(&mut self) {
        let size = self.alloc_size();
        if size != 0 {
            // SAFETY: invariant 1; nothing uses a dropped string.
            unsafe { dealloc(self.block().as_ptr(), layout(size)) }
        }
    }
}

// SAFETY: `chunk_mut` lends exactly the bytes that `advance_mut` then counts in.
unsafe impl BufMut for Sds {
    #[inline]
    fn remaining_mut(&self) -> usize {
        isize::MAX as usize - self.len()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, n: usize) {
        let len = self.len().checked_add(n).expect("length beyond the capacity");
        // SAFETY: the caller initialised the first `n` bytes of the chunk.
        unsafe { self.0.set_len(len) }
    }

    /// The spare capacity; room is made only when there is none, so reserve what is expected.
    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        if self.len() == self.capacity() {
            self.reserve(64);
        }
        UninitSlice::uninit(self.0.spare_mut())
    }

    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        self.push_slice(bytes);
    }
}

#[inline]
fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, ALIGN).expect("a string is smaller than the address space")
}

/// A string with the widest header, which only a capacity of 4 GiB would ask for.
#[cfg(test)]
pub(super) fn widest(capacity: usize) -> Sds {
    let tag = Tag(3);
    let size = size_class(tag.header() + capacity);
    // SAFETY: the size is at least 16, and the block made for it; no byte counts in.
    unsafe { Sds(Raw::adopt(alloc(layout(size)), tag, size, 0)) }
}

/// Panics unless the invariants of the module's head hold.
#[cfg(test)]
pub(super) fn check_invariants(sds: &Sds) {
    let (raw, tag) = (&sds.0, sds.0.tag());
    assert!(raw.len() <= raw.capacity());
    assert!(raw.capacity() as u64 <= tag.field_mask());
    assert!(raw.capacity() == 0 || Tag::for_capacity(raw.capacity()) == (tag, raw.alloc_size()));
    assert_eq!(raw.block().addr().get() % ALIGN, 0);
    if raw.capacity() == 0 {
        assert!(ptr::eq(raw.block().as_ptr(), (&raw const EMPTY).cast()));
    }
}
