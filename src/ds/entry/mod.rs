//! One key of the keyspace in one allocation: header, deadline, key, and the value too when it is
//! small. The dict of a database holds [`Entry`]s, eight bytes each.
//!
//! # Layout
//! Packed, little endian, 8-aligned as a whole; a field in brackets is there only if the flags say so.
//! ```text
//!  0     1       4        5 (8)
//! +-----+-------+--------+-----------+------------+------------------------------------+-------+
//! |flags| clock |key len | key       | [deadline] | value                              | slack |
//! | 1   | 3     | 1 or 4 | key len   | 8          | Int: 1, 2, 4 or 8 bytes            |       |
//! |     |       |        |           |            | Inline: length (1 or 2), bytes     |       |
//! |     |       |        |           |            | Other: gap to a multiple of 8, `V` |       |
//! +-----+-------+--------+-----------+------------+------------------------------------+-------+
//! flags  bits 0-2  kind: 0-3 Int of 1 << kind bytes, 4 and 5 Inline with a u8 or u16 length, 6 Other
//!        bit  3    has a deadline
//!        bit  4    key length is a u32, not a u8
//!        bits 5-6  snapshot epoch
//!        bit  7    0
//! ```
//! The key comes right after its length, so that the eight bytes at the front, read as one word, tell
//! where everything is; what a lookup does not need comes last.
//!
//! The key `greet` with the value `hi`, a deadline of 1,000 ms and the clock at 7 takes 21 bytes, in an
//! allocation of 24:
//! ```text
//! 0c                       flags: Inline with a u8 length (4), deadline (8)
//! 07 00 00                 clock 7
//! 05                       key length
//! 67 72 65 65 74           "greet"
//! e8 03 00 00 00 00 00 00  deadline 1000
//! 02                       value length
//! 68 69                    "hi"
//! ```
//!
//! # Costs
//! A 16-byte key takes 40 bytes with a 16-byte value (48 with a deadline), 32 with an integer below
//! 2^31 or with an eight-byte `V`. Reading key, value or deadline is one load for the head and one for
//! the field. A change reallocates only if the [size class](size_class) changes, and then copies the
//! key once.
//!
//! # Invariants
//! 1. The allocation is as large as the size class of the used bytes: so its size need not be stored,
//!    and an update is in place exactly when it leaves the class unchanged.
//! 2. The first eight bytes are always initialised, whatever uses them.
//! 3. An integer ends at offset 8 or later, so that it can be read as the end of a whole word:
//!    with a key of less than two bytes it has four bytes at least.
//! 4. Kind, deadline flag and key width are the narrowest that fit, but for what 3 asks.

mod layout;
mod raw;
#[cfg(test)]
mod tests;

use super::dict::Keyed;
use crate::stdx::alloc::Mover;
use std::fmt;

pub use layout::size_class;
use raw::Raw;

/// Longest value that is kept inline. Above it a value is worth an allocation of its own: it then
/// need not move when the key's entry does.
pub const INLINE_MAX: usize = 1024;

/// A value as an entry lends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRef<'a, V> {
    /// An integer, kept as such.
    Int(i64),
    /// Bytes in the entry itself.
    Inline(&'a [u8]),
    /// Anything else.
    Other(&'a V),
}

/// A value to be put into an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewValue<'a, V> {
    /// An integer.
    Int(i64),
    /// At most [`INLINE_MAX`] bytes, which the entry copies.
    Inline(&'a [u8]),
    /// Anything else; the entry owns it.
    Other(V),
}

/// A key with its value, deadline, access clock and snapshot epoch: the owner of one allocation.
///
/// `V` is what a value is when it is neither an integer nor short; it may be 8-aligned at most.
#[repr(transparent)]
pub struct Entry<V>(Raw<V>);

impl<V> Entry<V> {
    /// An entry with clock and epoch 0. The deadline is in milliseconds, as everywhere here.
    ///
    /// # Panics
    /// If the key is 4 GiB or longer, or an inline value longer than [`INLINE_MAX`].
    pub fn new(key: &[u8], value: NewValue<'_, V>, deadline: Option<u64>) -> Self {
        Self(Raw::new(key, value, deadline))
    }

    /// Replaces the value and keeps all else. A replaced `V` is given back, so that the owner can
    /// free it where that holds nobody up.
    ///
    /// # Panics
    /// If an inline value is longer than [`INLINE_MAX`].
    pub fn set_value(&mut self, value: NewValue<'_, V>) -> Option<V> {
        self.0.set(value, self.0.deadline())
    }

    /// Replaces value and deadline with at most one reallocation. A replaced `V` is given back.
    ///
    /// # Panics
    /// If an inline value is longer than [`INLINE_MAX`].
    pub fn set(&mut self, value: NewValue<'_, V>, deadline: Option<u64>) -> Option<V> {
        self.0.set(value, deadline)
    }

    /// Sets or, with `None`, removes the deadline.
    pub fn set_deadline(&mut self, deadline: Option<u64>) {
        self.0.set_deadline(deadline);
    }

    /// The bytes of an inline value, to be changed without changing their number.
    #[inline]
    pub fn inline_mut(&mut self) -> Option<&mut [u8]> {
        self.0.inline_mut()
    }

    /// The value, if it is a `V`.
    #[inline]
    pub fn other(&self) -> Option<&V> {
        match self.value() {
            ValueRef::Other(value) => Some(value),
            ValueRef::Int(_) | ValueRef::Inline(_) => None,
        }
    }

    /// The value, if it is a `V`, to be changed.
    #[inline]
    pub fn other_mut(&mut self) -> Option<&mut V> {
        self.0.other_mut()
    }

    /// Sets the access clock (or counter: the owner decides); only the low 24 bits are kept.
    #[inline]
    pub fn set_clock(&mut self, clock: u32) {
        self.0.set_clock(clock);
    }

    /// Sets the snapshot epoch; only the low two bits are kept.
    #[inline]
    pub fn set_epoch(&mut self, epoch: u8) {
        self.0.set_epoch(epoch);
    }

    /// The same value, deadline, clock and epoch under another key.
    ///
    /// # Panics
    /// If the key is 4 GiB or longer.
    pub fn rename(self, key: &[u8]) -> Self {
        let (deadline, clock, epoch) = (self.deadline(), self.clock(), self.epoch());
        let value = match self.value() {
            ValueRef::Int(int) => NewValue::Int(int),
            ValueRef::Inline(bytes) => NewValue::Inline(bytes),
            ValueRef::Other(_) => {
                let value = self.into_value().expect("the value was just seen to be a V");
                return Self::new(key, NewValue::Other(value), deadline).marked(clock, epoch);
            }
        };
        Self::new(key, value, deadline).marked(clock, epoch)
    }

    /// Moves the allocation, if it lies badly; what a `V` owns elsewhere stays where it is.
    pub fn relocate(&mut self, mover: &mut Mover) {
        self.0.relocate(mover);
    }

    /// Takes a `V` out and frees the rest.
    pub fn into_value(self) -> Option<V> {
        self.0.into_value()
    }

    /// The sixteen bits that the handle keeps for whoever owns it, 0 in a new one and wherever the
    /// entry moved to another allocation.
    #[inline]
    pub fn hint(&self) -> u16 {
        self.0.hint()
    }

    /// Keeps sixteen bits in the handle.
    #[inline]
    pub fn set_hint(&mut self, hint: u16) {
        self.0.set_hint(hint);
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        self.0.key()
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> ValueRef<'_, V> {
        self.0.value()
    }

    /// When the key expires, in milliseconds, if it ever does.
    #[inline]
    pub fn deadline(&self) -> Option<u64> {
        self.0.deadline()
    }

    /// The access clock: 24 bits.
    #[inline]
    pub fn clock(&self) -> u32 {
        self.0.head().clock()
    }

    /// The snapshot epoch: two bits.
    #[inline]
    pub fn epoch(&self) -> u8 {
        self.0.head().epoch()
    }

    /// Bytes of the allocation, slack included; what a `V` owns elsewhere is not counted.
    pub fn alloc_size(&self) -> usize {
        self.0.plan().size
    }

    /// Asks the processor to fetch the front of the allocation, which is about to be read.
    #[inline]
    pub fn prefetch(&self) {
        self.0.prefetch();
    }

    fn marked(mut self, clock: u32, epoch: u8) -> Self {
        self.set_clock(clock);
        self.set_epoch(epoch);
        self
    }
}

impl<V> Keyed for Entry<V> {
    #[inline]
    fn key(&self) -> &[u8] {
        self.key()
    }

    #[inline]
    fn prefetch(&self) {
        self.prefetch();
    }

    #[inline]
    fn hint(&self) -> u16 {
        self.hint()
    }

    #[inline]
    fn set_hint(&mut self, hint: u16) {
        self.set_hint(hint);
    }
}

impl<V: fmt::Debug> fmt::Debug for Entry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key().escape_ascii().to_string())
            .field("value", &self.value())
            .field("deadline", &self.deadline())
            .field("clock", &self.clock())
            .field("epoch", &self.epoch())
            .finish()
    }
}
