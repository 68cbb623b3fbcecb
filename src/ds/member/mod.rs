//! One member of a table-encoded set: up to seven bytes in the handle itself, else an allocation of its
//! length and its bytes. It is a key without a value, clock or deadline, which is why it is no
//! [`Entry`](super::entry::Entry).
//!
//! # Layout
//! The handle is one word, shown here with its lowest byte first:
//! ```text
//!  0           1                        8        0                        6      8
//! +-----------+------------------------+       +------------------------+------+
//! | len and 1 | bytes, then zeroes     |   or  | address                | hint |
//! | 1         | 7                      |       | 6                      | 2    |
//! +-----------+------------------------+       +------------------------+------+
//!
//!  0        1 (5)
//! +--------+-------------+-------+
//! | length | bytes       | slack |    what is at the address
//! | 1 or 5 | length      |       |
//! +--------+-------------+-------+
//! ```
//! The lowest bit says which: an allocation is aligned to 8, so an address has none there. Above it, in
//! the first byte, is the length. In an allocation a length below 255 is one byte; a longer one is 0xff
//! and then a `u32`, little endian.
//!
//! The member `123456` is the word `0d 31 32 33 34 35 36 00`: length 6 and the bit. The member
//! `greetings` is an allocation of 16 bytes, `09` and the nine letters.
//!
//! # Costs
//! A short member costs no allocation and no wait for memory: what the table's bucket shows is all. So
//! it keeps no hint, for to hash it anew is as cheap.
//!
//! # Invariants
//! 1. A member of seven bytes or less is in its handle, and only such a one.
//! 2. The allocation is as large as the [size class](super::entry::size_class) of length and bytes.

mod raw;
#[cfg(test)]
mod tests;

use super::dict::Keyed;
use crate::stdx::alloc::Mover;
use std::fmt;

use raw::Raw;

/// A member. See the [module](self).
#[repr(transparent)]
pub struct Member(Raw);

impl Member {
    /// A member of these bytes.
    ///
    /// # Panics
    /// If they are 4 GiB or more.
    #[inline]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Raw::new(bytes))
    }

    /// Moves its allocation, if there is one and it lies badly.
    pub fn relocate(&mut self, mover: &mut Mover) {
        self.0.relocate(mover);
    }

    /// Its bytes.
    #[inline]
    pub fn key(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Bytes of its allocation; 0 if there is none.
    pub fn alloc_size(&self) -> usize {
        self.0.alloc_size()
    }
}

impl Keyed for Member {
    #[inline]
    fn key(&self) -> &[u8] {
        self.key()
    }

    #[inline]
    fn prefetch(&self) {
        self.0.prefetch();
    }

    #[inline]
    fn hint(&self) -> u16 {
        self.0.hint()
    }

    #[inline]
    fn set_hint(&mut self, hint: u16) {
        self.0.set_hint(hint);
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Member").field(&self.key().escape_ascii().to_string()).finish()
    }
}
