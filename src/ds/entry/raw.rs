//! The allocation behind an [`Entry`](super::Entry): all that is unsafe about it.
#![expect(
    unsafe_code,
    reason = "a header, a key and a value share one allocation behind a thin pointer"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::num::NonZero;
use std::ptr::{self, NonNull};
use std::slice;

use super::layout::{
    ALIGN, Form, Head, KIND_INLINE_U8, KIND_INLINE_U16, KIND_OTHER, Plan, inline_prefix, other_at,
};
use super::{INLINE_MAX, NewValue, ValueRef};
use crate::stdx::alloc::Mover;

/// Bits of an address that a program of a 64-bit system is given; those above them are zero.
const ADDRESS_BITS: u32 = 48;
const ADDRESS: usize = (1 << ADDRESS_BITS) - 1;

/// Owner of one allocation laid out as the module's head draws it.
///
/// Safety rests on these, which every method finds and leaves true:
/// 1. the pointer, its hint taken away, is to `plan().size` bytes, aligned to [`ALIGN`], that this owner alone frees;
/// 2. the first eight bytes are initialised, and so is every byte up to `plan().end` but the gap
///    before a `V` and the bytes of the `V` itself, which both lie at offset 8 or later;
/// 3. the head describes the bytes after it; an integer ends at offset 8 or later;
/// 4. if the kind is `KIND_OTHER` there is a live `V` at `plan().body_at`.
#[repr(transparent)]
pub(super) struct Raw<V>(NonNull<u8>, PhantomData<V>);

// SAFETY: the allocation is owned by this handle alone, as if it were a `Box<(Box<[u8]>, V)>`.
unsafe impl<V: Send> Send for Raw<V> {}
// SAFETY: through a shared handle memory is only read, and `V` only lent as `&V`.
unsafe impl<V: Sync> Sync for Raw<V> {}

impl<V> Raw<V> {
    /// Where the allocation is: the handle without its hint.
    #[inline(always)]
    fn block(&self) -> NonNull<u8> {
        // SAFETY: `allocate` gives no block whose address reaches into the hint's bits, so what is
        // left without them is the address of the block, which is not null.
        self.0.map_addr(|addr| unsafe { NonZero::new_unchecked(addr.get() & ADDRESS) })
    }

    /// The sixteen bits that the handle keeps beside the address, for whoever owns it.
    #[inline(always)]
    pub(super) fn hint(&self) -> u16 {
        (self.0.addr().get() >> ADDRESS_BITS) as u16
    }

    #[inline(always)]
    pub(super) fn set_hint(&mut self, hint: u16) {
        let tag = usize::from(hint) << ADDRESS_BITS;
        self.0 = self.block().map_addr(|addr| addr | tag);
    }

    const V_FITS_ALIGNMENT: () = assert!(align_of::<V>() <= ALIGN, "V may be 8-aligned at most");

    pub(super) fn new(key: &[u8], value: NewValue<'_, V>, deadline: Option<u64>) -> Self {
        let () = Self::V_FITS_ALIGNMENT;
        let plan = Plan::new::<V>(key.len(), form_of(&value, key.len()), deadline.is_some());
        let block = allocate(plan.size);
        // SAFETY: `plan` places the head, the key and, by `write_tail`, all the rest inside
        // `plan.size` fresh bytes; `key` cannot overlap them. A size is at least 8.
        unsafe {
            block.cast::<u64>().write(Head::new(&plan).word().to_le());
            let key_at = plan.key_end() - key.len();
            ptr::copy_nonoverlapping(key.as_ptr(), block.add(key_at).as_ptr(), key.len());
            write_tail(block, &plan, value, deadline);
        }
        Self(block, PhantomData)
    }

    #[inline(always)]
    pub(super) fn head(&self) -> Head {
        // SAFETY: invariants 1 and 2: eight aligned, initialised bytes.
        Head::from_word(u64::from_le(unsafe { self.block().cast::<u64>().read() }))
    }

    /// Changes clock, epoch or (with the tail written to match, right after) the plan's flags.
    ///
    /// # Safety
    /// Clock and epoch aside, the bytes behind the head must be made to agree with it before
    /// anything else reads them.
    #[inline(always)]
    unsafe fn set_head(&mut self, head: Head) {
        // SAFETY: invariant 1.
        unsafe { self.block().cast::<u64>().write(head.word().to_le()) }
    }

    #[inline(always)]
    pub(super) fn set_clock(&mut self, clock: u32) {
        // SAFETY: only the clock differs.
        unsafe { self.set_head(self.head().with_clock(clock)) }
    }

    #[inline(always)]
    pub(super) fn set_epoch(&mut self, epoch: u8) {
        // SAFETY: only the epoch differs.
        unsafe { self.set_head(self.head().with_epoch(epoch)) }
    }

    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        let head = self.head();
        // SAFETY: invariant 3; the borrow of `self` keeps the bytes from changing.
        unsafe { slice::from_raw_parts(self.block().add(head.key_at()).as_ptr(), head.key_len()) }
    }

    #[inline]
    pub(super) fn deadline(&self) -> Option<u64> {
        let head = self.head();
        if !head.has_deadline() {
            return None;
        }
        // SAFETY: invariant 3: the flag says that these eight bytes are a deadline.
        let bits = unsafe { self.block().add(head.deadline_at()).cast::<u64>().read_unaligned() };
        Some(u64::from_le(bits))
    }

    #[inline]
    pub(super) fn value(&self) -> ValueRef<'_, V> {
        let head = self.head();
        let tail_at = head.tail_at();
        match head.kind() {
            KIND_OTHER => {
                // SAFETY: invariant 4; 8-aligned, which `V_FITS_ALIGNMENT` found to be enough.
                ValueRef::Other(unsafe { self.block().add(other_at(tail_at)).cast::<V>().as_ref() })
            }
            KIND_INLINE_U8 | KIND_INLINE_U16 => {
                let (at, len) = self.inline_span();
                // SAFETY: invariant 3; the borrow of `self` keeps the bytes from changing.
                ValueRef::Inline(unsafe {
                    slice::from_raw_parts(self.block().add(at).as_ptr(), len)
                })
            }
            log => {
                // The eight bytes that end where the integer ends: shifting the foreign ones out
                // extends its sign too, whatever its width.
                let width = 1_usize << log;
                // SAFETY: invariant 3 keeps the start inside the allocation; by 2 all are
                // initialised.
                let bits =
                    unsafe { self.block().add(tail_at + width - 8).cast::<i64>().read_unaligned() };
                ValueRef::Int(i64::from_le(bits) >> (64 - 8 * width))
            }
        }
    }

    /// Offset and length of the bytes of an inline value. The kind must be one of the inline ones.
    #[inline(always)]
    fn inline_span(&self) -> (usize, usize) {
        let head = self.head();
        debug_assert!(matches!(head.kind(), KIND_INLINE_U8 | KIND_INLINE_U16));
        let is_wide = usize::from(head.kind() == KIND_INLINE_U16);
        let at = head.tail_at() + 1 + is_wide;
        // The two bytes that end where the length ends: shifting a foreign one out costs no branch,
        // which among values of mixed lengths would often be guessed wrong.
        // SAFETY: invariant 3; what comes before the length is initialised head or key at least.
        let bits = unsafe { self.block().add(at - 2).cast::<u16>().read_unaligned() };
        (at, usize::from(u16::from_le(bits) >> (8 - 8 * is_wide)))
    }

    #[inline]
    pub(super) fn inline_mut(&mut self) -> Option<&mut [u8]> {
        if !matches!(self.head().kind(), KIND_INLINE_U8 | KIND_INLINE_U16) {
            return None;
        }
        let (at, len) = self.inline_span();
        // SAFETY: invariant 3; `self` is borrowed exclusively for as long as the slice lives.
        Some(unsafe { slice::from_raw_parts_mut(self.block().add(at).as_ptr(), len) })
    }

    #[inline]
    pub(super) fn other_mut(&mut self) -> Option<&mut V> {
        let head = self.head();
        if head.kind() != KIND_OTHER {
            return None;
        }
        // SAFETY: invariant 4; `self` is borrowed exclusively for as long as the value is lent.
        Some(unsafe { self.block().add(other_at(head.tail_at())).cast::<V>().as_mut() })
    }

    #[inline]
    pub(super) fn plan(&self) -> Plan {
        let head = self.head();
        let form = match head.kind() {
            KIND_OTHER => Form::Other,
            KIND_INLINE_U8 | KIND_INLINE_U16 => Form::Inline { len: self.inline_span().1 },
            log => Form::Int { log },
        };
        Plan::new::<V>(head.key_len(), form, head.has_deadline())
    }

    pub(super) fn set(&mut self, value: NewValue<'_, V>, deadline: Option<u64>) -> Option<V> {
        let old = self.plan();
        let new = old.with::<V>(form_of(&value, old.key_len), deadline.is_some());
        // Whatever can panic is done before the old value is taken: it must not be dropped twice.
        let block = if new.size == old.size { self.block() } else { self.allocate_with_key(&new) };
        // SAFETY: the old `V` is read once and then overwritten or freed unread. `block` has room
        // for `new`, holds head and key, and `value` cannot borrow from `self`.
        unsafe {
            let taken = self.take_other(&old);
            self.move_to(block, old.size);
            self.set_head(self.head().with_plan(&new));
            write_tail(self.block(), &new, value, deadline);
            taken
        }
    }

    pub(super) fn set_deadline(&mut self, deadline: Option<u64>) {
        let head = self.head();
        if head.has_deadline() == deadline.is_some() {
            if let Some(ms) = deadline {
                // SAFETY: invariant 3: the flag says that there are eight bytes for it.
                unsafe { write_deadline(self.block(), head.deadline_at(), ms) };
            }
            return;
        }
        let old = self.plan();
        let new = old.with::<V>(old.form, deadline.is_some());
        let block = if new.size == old.size { self.block() } else { self.allocate_with_key(&new) };
        // SAFETY: both plans hold the same value, so both bodies are as long and inside their
        // blocks. It is moved, a `V` too, before anything is written over it; the head is read
        // anew because its last bytes may belong to the body.
        unsafe {
            let (from, to) = (self.block().add(old.body_at), block.add(new.body_at));
            ptr::copy(from.as_ptr(), to.as_ptr(), old.end - old.body_at);
            self.move_to(block, old.size);
            self.set_head(self.head().with_plan(&new));
            if let Some(ms) = deadline {
                write_deadline(self.block(), new.key_end(), ms);
            }
        }
    }

    /// Moves the allocation, if it lies badly. The hint stays.
    pub(super) fn relocate(&mut self, mover: &mut Mover) {
        let layout = layout(self.plan().size);
        // SAFETY: invariant 1; a `V` moves along and is not dropped, and the handle, borrowed exclusively, is
        // the only one.
        if let Some(moved) = unsafe { mover.relocate(self.block(), layout) } {
            let hint = self.hint();
            self.0 = moved;
            self.set_hint(hint);
        }
    }

    /// A new allocation for `plan` that has this entry's head and key.
    fn allocate_with_key(&self, plan: &Plan) -> NonNull<u8> {
        let block = allocate(plan.size);
        // The head is a whole word even where the key ends before it does (invariant 2).
        let len = plan.key_end().max(size_of::<u64>());
        // SAFETY: `plan` has this entry's key, so both blocks are at least that long.
        unsafe { ptr::copy_nonoverlapping(self.block().as_ptr(), block.as_ptr(), len) };
        block
    }

    /// Makes `block` the entry's allocation and frees the old one, of `old_size` bytes, if it is
    /// another.
    ///
    /// # Safety
    /// `block` must hold an entry, or be made to before anything else reads it; `old_size` must be
    /// the size of the present allocation, whose `V` nobody will look at again.
    unsafe fn move_to(&mut self, block: NonNull<u8>, old_size: usize) {
        if block != self.block() {
            // SAFETY: invariant 1 and the contract.
            unsafe { dealloc(self.block().as_ptr(), layout(old_size)) };
            self.0 = block;
        }
    }

    /// Reads the `V` out, if the value is one.
    ///
    /// # Safety
    /// `plan` must be this entry's; the `V` in the allocation must not be used afterwards.
    unsafe fn take_other(&self, plan: &Plan) -> Option<V> {
        // SAFETY: invariant 4; by the contract this is the only use of the value from now on.
        (plan.form == Form::Other)
            .then(|| unsafe { self.block().add(plan.body_at).cast::<V>().read() })
    }

    pub(super) fn into_value(self) -> Option<V> {
        // SAFETY: `ManuallyDrop` keeps the entry from being released a second time.
        unsafe { ManuallyDrop::new(self).release() }
    }

    /// Frees the allocation and gives the `V` back, if there was one.
    ///
    /// # Safety
    /// The entry must not be used again.
    unsafe fn release(&mut self) -> Option<V> {
        let plan = self.plan();
        // SAFETY: the `V` is moved out before its memory goes; invariant 1 gives the size.
        unsafe {
            let taken = self.take_other(&plan);
            dealloc(self.block().as_ptr(), layout(plan.size));
            taken
        }
    }

    /// The bytes of all fields: for tests, of entries whose value is not a `V`.
    #[cfg(test)]
    pub(super) fn used_bytes(&self) -> &[u8] {
        let plan = self.plan();
        assert!(plan.form != Form::Other, "a V's bytes need not be initialised");
        // SAFETY: invariant 2; the borrow of `self` keeps the bytes from changing.
        unsafe { slice::from_raw_parts(self.block().as_ptr(), plan.end) }
    }

    #[inline]
    pub(super) fn prefetch(&self) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            /// A usual key with a usual inline value.
            const REACH: usize = 40;
            let first = self.block().as_ptr().cast_const().cast::<i8>();
            // Allocations are 8-aligned, so many lie across two cache lines.
            let last = first.wrapping_add(REACH - 1);
            // SAFETY: a prefetch reads nothing; any address will do.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(first);
                _mm_prefetch::<_MM_HINT_T0>(last);
            }
        }
    }
}

impl<V> Drop for Raw<V> {
    fn drop(&mut self) {
        // SAFETY: nothing uses a dropped entry. The value is dropped after its memory is freed, so
        // a panic in its destructor leaks nothing.
        drop(unsafe { self.release() });
    }
}

/// How `value` will be stored beside a key of this length. Panics if it is too long to be inline.
#[inline]
fn form_of<V>(value: &NewValue<'_, V>, key_len: usize) -> Form {
    match value {
        NewValue::Int(int) => Form::int(*int, key_len),
        NewValue::Inline(bytes) => {
            assert!(bytes.len() <= INLINE_MAX, "an inline value is INLINE_MAX bytes at most");
            Form::Inline { len: bytes.len() }
        }
        NewValue::Other(_) => Form::Other,
    }
}

/// Writes deadline and value behind the key.
///
/// # Safety
/// `block` must be an allocation of `plan.size` bytes, `value` and `deadline` be what `plan` was
/// made for, and the bytes behind the key hold nothing that still has to be dropped.
#[inline]
unsafe fn write_tail<V>(
    block: NonNull<u8>,
    plan: &Plan,
    value: NewValue<'_, V>,
    deadline: Option<u64>,
) {
    // SAFETY: `plan` was made for these, so each write ends at `plan.end` or before; the body of a
    // `V` is 8-aligned, which `V_FITS_ALIGNMENT` found to be enough.
    unsafe {
        if let Some(ms) = deadline {
            write_deadline(block, plan.key_end(), ms);
        }
        let body = block.add(plan.body_at);
        match value {
            NewValue::Int(int) => {
                // The widths spelt out: a copy of unknown length would be a call.
                match plan.end - plan.body_at {
                    1 => body.write(int as u8),
                    2 => body.cast().write_unaligned((int as u16).to_le()),
                    4 => body.cast().write_unaligned((int as u32).to_le()),
                    _ => body.cast().write_unaligned((int as u64).to_le()),
                }
            }
            NewValue::Inline(bytes) => {
                let prefix = inline_prefix(bytes.len());
                if prefix == 1 {
                    body.write(bytes.len() as u8);
                } else {
                    body.cast().write_unaligned((bytes.len() as u16).to_le());
                }
                ptr::copy_nonoverlapping(bytes.as_ptr(), body.add(prefix).as_ptr(), bytes.len());
            }
            NewValue::Other(value) => body.cast::<V>().write(value),
        }
    }
}

/// # Safety
/// There must be eight bytes at offset `at` of `block`.
#[inline]
unsafe fn write_deadline(block: NonNull<u8>, at: usize, ms: u64) {
    // SAFETY: the contract.
    unsafe { block.add(at).cast::<u64>().write_unaligned(ms.to_le()) }
}

/// Uninitialised memory of a size that a plan says.
#[inline]
fn allocate(size: usize) -> NonNull<u8> {
    let layout = layout(size);
    // SAFETY: no plan's size is zero.
    let block = unsafe { alloc(layout) };
    let block = NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout));
    assert!(block.addr().get() <= ADDRESS, "an address leaves sixteen bits free");
    block
}

#[inline]
fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, ALIGN).expect("an entry is smaller than the address space")
}
