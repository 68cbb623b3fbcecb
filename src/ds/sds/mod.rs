//! `Sds`: a growable, binary-safe byte string behind one thin pointer. What a string value is when it
//! is too long to be kept in its key's entry, and what hashes, sets and sorted sets have as members.
//!
//! # Layout
//! One block, aligned to 8, whose size is always a [size class](size_class): all that the allocator
//! would waste is capacity instead. The two fields before the bytes are as wide as the capacity needs,
//! and the low two bits of the pointer (the tag) say how wide: `1 << tag` bytes each, little endian.
//! ```text
//! pointer = address of the block | tag          tag  fields  header  capacity up to
//! +--------+----------+-------------+-------+    0    u8      2           254
//! | length | capacity | bytes       | spare |    1    u16     4        65,532
//! +--------+----------+-------------+-------+    2    u32     8     4 GiB - 8
//! 0        1 << tag   2 << tag                   3    u64    16      the rest
//! ```
//! `hello` is a block of 8 bytes with the tag 0:
//! ```text
//! 05              length
//! 06              capacity: 8 less the header
//! 68 65 6c 6c 6f  "hello"
//! ??              one byte to spare
//! ```
//! An empty string without capacity points to a static block of zeroes and owns nothing.
//!
//! # Costs
//! Length and bytes are one load of the block's first word, masked by the tag: no branch. Appending is
//! amortised O(1): `reserve` doubles up to 1 MiB and then adds 1 MiB, and the size classes above that
//! are a quarter of a power of two apart, so blocks still grow geometrically. Growth keeps the block
//! where it is if the allocator can (`realloc`), unless the header must become wider.
//!
//! # Invariants
//! 1. The block is the static empty one exactly if the capacity is 0; else header and capacity together
//!    are a size class.
//! 2. The tag is the narrowest that the capacity fits.
//! 3. The block's first eight bytes are initialised, whatever uses them, and so are as many bytes of
//!    the string as the length says.

mod raw;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};

use crate::stdx::alloc::Mover;
use raw::Raw;

#[cfg(doc)]
use crate::ds::entry::size_class;

/// Up to here appending doubles the capacity, from here on it adds as much.
const GREEDY_STEP: usize = 1 << 20;

/// A growable byte string, eight bytes wide (an `Option` of it too).
///
/// It implements [`bytes::BufMut`], so that a socket can be read straight into it: its chunk is the
/// whole spare capacity, and grows only once that is used up.
#[repr(transparent)]
pub struct Sds(Raw);

impl Sds {
    /// An empty string; allocates nothing.
    #[inline]
    pub const fn new() -> Self {
        Self(Raw::empty())
    }

    /// An empty string with room for at least `capacity` bytes.
    ///
    /// # Panics
    /// If `capacity` is beyond the address space; so do all that grow a string.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Raw::with_capacity(capacity))
    }

    /// A copy of `bytes`.
    #[inline]
    pub fn from_slice(bytes: &[u8]) -> Self {
        Self(Raw::copy_of(bytes))
    }

    /// Appends `bytes`.
    #[inline]
    pub fn push_slice(&mut self, bytes: &[u8]) {
        if !self.0.push(bytes) {
            self.grow(bytes.len());
            assert!(self.0.push(bytes), "room was just made");
        }
    }

    /// Makes room for `additional` bytes more, and for further appends.
    #[inline]
    pub fn reserve(&mut self, additional: usize) {
        if additional > self.capacity() - self.len() {
            let needed = self.len().checked_add(additional).expect("capacity overflow");
            let greedy = needed.saturating_add(needed.min(GREEDY_STEP));
            self.0.set_block(greedy);
        }
    }

    /// Makes room for `additional` bytes more and no more than the size class gives.
    pub fn reserve_exact(&mut self, additional: usize) {
        if additional > self.capacity() - self.len() {
            self.0.set_block(self.len().checked_add(additional).expect("capacity overflow"));
        }
    }

    /// Moves the allocation, if there is one and it lies badly.
    pub fn relocate(&mut self, mover: &mut Mover) {
        self.0.relocate(mover);
    }

    /// Gives back the capacity that another size class could save.
    pub fn shrink_to_fit(&mut self) {
        self.0.set_block(self.len());
    }

    /// Cuts the string off or extends it with zero bytes. When the zeroes are more than the string
    /// was and need a new block they come with it, and are not written one by one: that an offset of
    /// 500 MB costs nothing is the system's merit.
    pub fn resize(&mut self, new_len: usize) {
        let len = self.len();
        if new_len <= len {
            return self.truncate(new_len);
        }
        if new_len > self.capacity() && new_len - len > len {
            let mut grown = Raw::zeroed(new_len);
            grown.bytes_mut()[..len].copy_from_slice(self);
            self.0 = grown;
        } else {
            self.reserve_exact(new_len - len);
            self.0.push_zeroes(new_len - len);
        }
    }

    /// Cuts the string off after `len` bytes, if it is longer. The capacity stays.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Appends what `read` writes: it gets `max` bytes, zeroed, and says how many it filled, from the
    /// front. Gives that number back.
    ///
    /// # Panics
    /// If `read` says more than `max`.
    pub fn extend_from_reader(
        &mut self,
        max: usize,
        read: impl FnOnce(&mut [u8]) -> usize,
    ) -> usize {
        let len = self.len();
        self.reserve(max);
        self.0.push_zeroes(max);
        let mut window = Window { sds: self, len };
        let filled = read(&mut window.sds[len..]);
        assert!(filled <= max, "a reader claims more than it was given");
        window.len += filled;
        filled
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The bytes, to be changed in place.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.0.bytes_mut()
    }

    /// Number of bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// If there are no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes the string can have without a new block.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Bytes of the allocation, header and spare capacity included; 0 if there is none.
    #[inline]
    pub fn alloc_size(&self) -> usize {
        self.0.alloc_size()
    }

    /// Makes room for `additional` bytes, of which there is not enough, and for further appends.
    #[cold]
    fn grow(&mut self, additional: usize) {
        let needed = self.len().checked_add(additional).expect("capacity overflow");
        self.0.set_block(needed.saturating_add(needed.min(GREEDY_STEP)));
    }
}

/// Cuts the string back to what was read, even if the reader panics.
struct Window<'a> {
    sds: &'a mut Sds,
    len: usize,
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        self.sds.truncate(self.len);
    }
}

impl Deref for Sds {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl DerefMut for Sds {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        self.as_mut_slice()
    }
}

impl AsRef<[u8]> for Sds {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Borrow<[u8]> for Sds {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl Default for Sds {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Sds {
    /// A copy without the spare capacity.
    fn clone(&self) -> Self {
        Self::from_slice(self)
    }
}

impl From<&[u8]> for Sds {
    fn from(bytes: &[u8]) -> Self {
        Self::from_slice(bytes)
    }
}

impl From<Vec<u8>> for Sds {
    /// Copies: a vector has no room for the header.
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_slice(&bytes)
    }
}

impl PartialEq for Sds {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Sds {}

impl PartialOrd for Sds {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sds {
    /// Bytewise, a prefix before what it is a prefix of.
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Sds {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Sds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}
