//! Words made of an address and what is known about it: all that is unsafe about them.
#![expect(unsafe_code, reason = "a pointer shares its word with the kind and size of what it owns")]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error, realloc};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::num::NonZero;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};
use std::slice;

use super::{Any, Kinds, Mut, Owned, Ref};
use crate::ds::entry::size_class;
use crate::ds::intset::Intset;
use crate::ds::listpack::Listpack;
use crate::ds::sds::Sds;
use crate::stdx::alloc::Mover;

/// Bits of an address that a program of a 64-bit system is given; those above them are zero.
const ADDRESS_BITS: u32 = 48;
const ADDRESS: usize = (1 << ADDRESS_BITS) - 1;
const CLASS_SHIFT: u32 = ADDRESS_BITS;
const CLASS_MASK: usize = 0xff;
const KIND_SHIFT: u32 = 56;
const MARK_SHIFT: u32 = 60;
const FOUR_BITS: usize = 0xf;

/// Alignment of every block, and the unit of its size.
const ALIGN: usize = 8;

/// The kinds. That of an [`Sds`] is 0 because its word knows nothing of all this.
const SDS: u8 = 0;
/// The kind of a listpack's block.
pub(in crate::ds) const LISTPACK: u8 = 1;
/// The kind of an intset's block.
pub(in crate::ds) const INTSET: u8 = 2;
const A: u8 = 3;
const B: u8 = 4;
const C: u8 = 5;
const D: u8 = 6;
const E: u8 = 7;

/// What a word has above its address.
#[inline(always)]
fn bits(word: NonNull<u8>) -> usize {
    word.addr().get() & !ADDRESS
}

#[inline(always)]
fn kind(word: NonNull<u8>) -> u8 {
    (word.addr().get() >> KIND_SHIFT & FOUR_BITS) as u8
}

/// Where a word points to.
///
/// # Safety
/// The word is a pointer that [`with_bits`] gave bits.
#[inline(always)]
unsafe fn address(word: NonNull<u8>) -> NonNull<u8> {
    // SAFETY: `with_bits` saw that the address has no bits but the lower ones, of which not all are
    // zero, for it was not null.
    word.map_addr(|addr| unsafe { NonZero::new_unchecked(addr.get() & ADDRESS) })
}

#[inline(always)]
fn with_bits(pointer: NonNull<u8>, bits: usize) -> NonNull<u8> {
    assert!(pointer.addr().get() <= ADDRESS, "an address leaves sixteen bits free");
    pointer.map_addr(|addr| addr | bits)
}

/// The number of a size class.
#[inline(always)]
const fn class_of(size: usize) -> usize {
    let units = size / ALIGN;
    let shift = units.ilog2().saturating_sub(3);
    let class = ((shift as usize) << 3) + (units >> shift);
    assert!(class <= CLASS_MASK, "a block has at most 120 GiB");
    class
}

/// The size of the class of this number.
#[inline(always)]
const fn size_of_class(class: usize) -> usize {
    let shift = (class >> 3).saturating_sub(1);
    ((class - (shift << 3)) << shift) * ALIGN
}

/// Bytes in one allocation, as many as a size class has.
///
/// Safety rests on these, which every method finds and leaves true:
/// 1. the address is that of an allocation of the class's size, aligned to [`ALIGN`], that this owner
///    alone frees, and all of it is initialised;
/// 2. the kind is `KIND`.
#[repr(transparent)]
pub(in crate::ds) struct Block<const KIND: u8>(NonNull<u8>);

// SAFETY: the allocation is owned by this handle alone, as if it were a `Box<[u8]>`.
unsafe impl<const KIND: u8> Send for Block<KIND> {}
// SAFETY: through a shared handle memory is only read.
unsafe impl<const KIND: u8> Sync for Block<KIND> {}

impl<const KIND: u8> Block<KIND> {
    /// At least `len` bytes, all zero.
    #[inline]
    pub(in crate::ds) fn zeroed(len: usize) -> Self {
        let size = size_class(len);
        // SAFETY: no size class is zero. The allocation is of this size and initialised.
        unsafe { Self::adopt(alloc_zeroed(layout(size)), size, 0) }
    }

    /// A copy of `bytes`, and zeroes up to the size class.
    #[inline]
    pub(in crate::ds) fn copy_of(bytes: &[u8]) -> Self {
        let size = size_class(bytes.len());
        let layout = layout(size);
        // SAFETY: no size class is zero, and this one is not below `bytes.len()`; all of the new
        // allocation is written, which `bytes` cannot be in.
        unsafe {
            let block = alloc(layout);
            if !block.is_null() {
                ptr::copy_nonoverlapping(bytes.as_ptr(), block, bytes.len());
                block.add(bytes.len()).write_bytes(0, size - bytes.len());
            }
            Self::adopt(block, size, 0)
        }
    }

    /// Makes an allocation, or none if memory is out, a block.
    ///
    /// # Safety
    /// It is of `layout(size)`, and all of it is initialised. `size` is a size class.
    #[inline]
    unsafe fn adopt(block: *mut u8, size: usize, mark: u8) -> Self {
        let block = NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout(size)));
        let above = usize::from(mark) << MARK_SHIFT
            | usize::from(KIND) << KIND_SHIFT
            | class_of(size) << CLASS_SHIFT;
        Self(with_bits(block, above))
    }

    /// Gives it the size class of `len` bytes: cuts it off, or appends zeroes. The mark stays.
    pub(in crate::ds) fn resize(&mut self, len: usize) {
        let (old, new) = (self.len(), size_class(len));
        if new == old {
            return;
        }
        // SAFETY: invariant 1 gives the present layout. What was appended is initialised before
        // anything reads it. The old word is forgotten unread, for its allocation is gone.
        unsafe {
            let block = realloc(self.address().as_ptr(), layout(old), new);
            if new > old && !block.is_null() {
                block.add(old).write_bytes(0, new - old);
            }
            let moved = Self::adopt(block, new, self.mark());
            ptr::write(self, moved);
        }
    }

    /// Moves the allocation, if it lies badly.
    pub(in crate::ds) fn relocate(&mut self, mover: &mut Mover) {
        // SAFETY: invariant 1; the handle, borrowed exclusively, is the only one.
        if let Some(moved) = unsafe { mover.relocate(self.address(), layout(self.len())) } {
            self.0 = with_bits(moved, bits(self.0));
        }
    }

    /// The four bits that the word keeps for whoever owns it, 0 in a new one.
    #[inline(always)]
    pub(in crate::ds) fn mark(&self) -> u8 {
        (self.0.addr().get() >> MARK_SHIFT) as u8
    }

    /// Keeps four bits in the word.
    #[inline]
    pub(in crate::ds) fn set_mark(&mut self, mark: u8) {
        assert!(usize::from(mark) <= FOUR_BITS, "a mark has four bits");
        let kept = bits(self.0) & !(FOUR_BITS << MARK_SHIFT);
        self.0 = with_bits(self.address(), kept | usize::from(mark) << MARK_SHIFT);
    }

    #[inline(always)]
    fn address(&self) -> NonNull<u8> {
        // SAFETY: `adopt` and `set_mark` make words, and nothing else does.
        unsafe { address(self.0) }
    }

    #[inline(always)]
    pub(in crate::ds) fn len(&self) -> usize {
        size_of_class(self.0.addr().get() >> CLASS_SHIFT & CLASS_MASK)
    }
}

impl<const KIND: u8> Deref for Block<KIND> {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        // SAFETY: invariant 1; the borrow of `self` keeps the bytes from changing.
        unsafe { slice::from_raw_parts(self.address().as_ptr(), self.len()) }
    }
}

impl<const KIND: u8> DerefMut for Block<KIND> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: invariant 1; `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.address().as_ptr(), self.len()) }
    }
}

/// A copy has the same mark.
impl<const KIND: u8> Clone for Block<KIND> {
    fn clone(&self) -> Self {
        let mut copy = Self::copy_of(self);
        copy.set_mark(self.mark());
        copy
    }
}

impl<const KIND: u8> Drop for Block<KIND> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: invariant 1; nothing uses a dropped block.
        unsafe { dealloc(self.address().as_ptr(), layout(self.len())) }
    }
}

#[inline]
fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, ALIGN).expect("a block is smaller than the address space")
}

/// One of a family of values, in one word. `R` is the part that it plays: which of the family it may
/// be there is for its users to keep; every method works for all of them.
///
/// Safety rests on this: the word is, by its kind, a live [`Sds`], [`Listpack`] or [`Intset`], or what
/// `boxed` made of a `Box` of the family's type of that kind, and this owner alone drops it.
#[repr(transparent)]
pub struct OneOf<K: Kinds, R>(NonNull<u8>, PhantomData<(K, fn() -> R)>);

// SAFETY: it owns one of these, and no `K` or `R`.
unsafe impl<K, R> Send for OneOf<K, R> where
    K: Kinds<A: Send, B: Send, C: Send, D: Send, E: Send, F: Send>
{
}
// SAFETY: it lends one of these, and no `K` or `R`.
unsafe impl<K, R> Sync for OneOf<K, R> where
    K: Kinds<A: Sync, B: Sync, C: Sync, D: Sync, E: Sync, F: Sync>
{
}

const _: () = assert!(
    size_of::<Sds>() == size_of::<NonNull<u8>>()
        && size_of::<Listpack>() == size_of::<NonNull<u8>>()
        && size_of::<Intset>() == size_of::<NonNull<u8>>(),
    "each is a word"
);

/// The word that a value is, which is not dropped.
///
/// # Safety
/// `T` is a transparent wrapper of a `NonNull<u8>`.
#[inline(always)]
unsafe fn word_of<T>(value: T) -> NonNull<u8> {
    let value = ManuallyDrop::new(value);
    // SAFETY: the contract.
    unsafe { (&raw const value).cast::<NonNull<u8>>().read() }
}

/// The word of a boxed value.
#[inline]
fn boxed<T>(value: Box<T>, kind: u8) -> NonNull<u8> {
    let pointer = NonNull::from(Box::leak(value));
    with_bits(pointer.cast(), usize::from(kind) << KIND_SHIFT)
}

/// # Safety
/// The word is a live one that [`boxed`] made of a `T`, which is borrowed for `'a` by whoever asks.
#[inline(always)]
unsafe fn lent<'a, T>(word: NonNull<u8>) -> &'a T {
    // SAFETY: the contract.
    unsafe { address(word).cast::<T>().as_ref() }
}

/// # Safety
/// As [`lent`], and borrowed exclusively.
#[inline(always)]
unsafe fn lent_mut<'a, T>(word: NonNull<u8>) -> &'a mut T {
    // SAFETY: the contract.
    unsafe { address(word).cast::<T>().as_mut() }
}

/// # Safety
/// The word is one that [`boxed`] made of a `T`, and is not used again.
#[inline]
unsafe fn unboxed<T>(word: NonNull<u8>) -> Box<T> {
    // SAFETY: the contract; `boxed` leaked the box whose pointer this is.
    unsafe { Box::from_raw(address(word).cast::<T>().as_ptr()) }
}

impl<K: Kinds, R> OneOf<K, R> {
    /// Holds a value.
    #[inline]
    pub fn hold(value: Owned<K>) -> Self {
        let word = match value {
            // SAFETY: each is a transparent wrapper of its word, as those types' own modules say.
            Any::Sds(it) => unsafe { word_of(it) },
            // SAFETY: as above.
            Any::Listpack(it) => unsafe { word_of(it) },
            // SAFETY: as above.
            Any::Intset(it) => unsafe { word_of(it) },
            Any::A(it) => boxed(it, A),
            Any::B(it) => boxed(it, B),
            Any::C(it) => boxed(it, C),
            Any::D(it) => boxed(it, D),
            Any::E(it) => boxed(it, E),
            Any::F(it) => boxed(it, E + 1),
        };
        Self(word, PhantomData)
    }

    /// The value, lent.
    #[inline(always)]
    pub fn view(&self) -> Ref<'_, K> {
        let word = &raw const self.0;
        // SAFETY: the type's invariant says which it is; `self` is borrowed as long as that.
        unsafe {
            match kind(self.0) {
                SDS => Any::Sds(&*word.cast()),
                LISTPACK => Any::Listpack(&*word.cast()),
                INTSET => Any::Intset(&*word.cast()),
                A => Any::A(lent(self.0)),
                B => Any::B(lent(self.0)),
                C => Any::C(lent(self.0)),
                D => Any::D(lent(self.0)),
                E => Any::E(lent(self.0)),
                _ => Any::F(lent(self.0)),
            }
        }
    }

    /// The value, lent to be changed.
    #[inline(always)]
    pub fn view_mut(&mut self) -> Mut<'_, K> {
        let word = &raw mut self.0;
        // SAFETY: as in `view`, and borrowed exclusively. A string, listpack or intset that is put
        // in the place of the one lent is of the same kind, by the module's invariant 1.
        unsafe {
            match kind(self.0) {
                SDS => Any::Sds(&mut *word.cast()),
                LISTPACK => Any::Listpack(&mut *word.cast()),
                INTSET => Any::Intset(&mut *word.cast()),
                A => Any::A(lent_mut(self.0)),
                B => Any::B(lent_mut(self.0)),
                C => Any::C(lent_mut(self.0)),
                D => Any::D(lent_mut(self.0)),
                E => Any::E(lent_mut(self.0)),
                _ => Any::F(lent_mut(self.0)),
            }
        }
    }

    /// Moves the box of the value, if it has one and that lies badly. What the value itself owns stays where
    /// it is.
    pub fn relocate_box(&mut self, mover: &mut Mover) {
        let layout = match kind(self.0) {
            SDS | LISTPACK | INTSET => return,
            A => Layout::new::<K::A>(),
            B => Layout::new::<K::B>(),
            C => Layout::new::<K::C>(),
            D => Layout::new::<K::D>(),
            E => Layout::new::<K::E>(),
            _ => Layout::new::<K::F>(),
        };
        if layout.size() == 0 {
            return;
        }
        // SAFETY: the type's invariant says of which type the box is; the word, borrowed exclusively, is
        // the only one. The value moves along and is not dropped.
        if let Some(moved) = unsafe { mover.relocate(address(self.0), layout) } {
            self.0 = with_bits(moved, bits(self.0));
        }
    }

    /// Takes the value out.
    #[inline]
    pub fn release(self) -> Owned<K> {
        // SAFETY: it is not dropped after this.
        unsafe { Self::take(ManuallyDrop::new(self).0) }
    }

    /// # Safety
    /// The word is that of a value which nobody uses or drops afterwards, by this word.
    #[inline]
    unsafe fn take(word: NonNull<u8>) -> Owned<K> {
        let place = &raw const word;
        // SAFETY: the type's invariant says which it is, and the contract that it is taken once.
        unsafe {
            match kind(word) {
                SDS => Any::Sds(place.cast::<Sds>().read()),
                LISTPACK => Any::Listpack(place.cast::<Listpack>().read()),
                INTSET => Any::Intset(place.cast::<Intset>().read()),
                A => Any::A(unboxed(word)),
                B => Any::B(unboxed(word)),
                C => Any::C(unboxed(word)),
                D => Any::D(unboxed(word)),
                E => Any::E(unboxed(word)),
                _ => Any::F(unboxed(word)),
            }
        }
    }

    /// The same value in another part.
    #[inline(always)]
    pub fn as_part<S>(&self) -> &OneOf<K, S> {
        // SAFETY: both are transparent wrappers of the same word with the same invariant.
        unsafe { &*(&raw const *self).cast() }
    }

    /// The same value in another part, to be changed.
    #[inline(always)]
    pub fn as_part_mut<S>(&mut self) -> &mut OneOf<K, S> {
        // SAFETY: as in `as_part`: what is put there in one part has the invariant in the other.
        unsafe { &mut *(&raw mut *self).cast() }
    }

    /// The same value in another part.
    #[inline]
    pub fn into_part<S>(self) -> OneOf<K, S> {
        OneOf(ManuallyDrop::new(self).0, PhantomData)
    }
}

impl<K: Kinds, R> Drop for OneOf<K, R> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: nothing uses a dropped word.
        drop(unsafe { Self::take(self.0) });
    }
}

/// Panics unless classes are numbered as the module's head says.
#[cfg(test)]
pub(super) fn check_classes(up_to: usize) {
    let mut size = ALIGN;
    for class in 1.. {
        if size > up_to {
            break;
        }
        assert_eq!((class_of(size), size_of_class(class)), (class, size));
        assert!(class <= CLASS_MASK);
        size = size_class(size + 1);
    }
}
