//! Owners of one word: a `Block` of bytes that knows its size without a place for it, and
//! [`OneOf`], which holds one of several values and knows which.
//!
//! # Layout
//! A pointer needs 48 bits of its word. The others say what is behind it:
//! ```text
//!  63    60 59    56 55         48 47                                        0
//! +--------+--------+-------------+-------------------------------------------+
//! | mark 4 | kind 4 | class 8     | address 48                                |
//! +--------+--------+-------------+-------------------------------------------+
//! kind   0 an Sds, which has two more bits at the low end of its address and no class or mark;
//!        1 a Listpack; 2 an Intset; 3 to 8 a Box of the first to sixth of the family's own types
//! class  of a block: its size class
//! mark   of a block: for whoever owns it
//! ```
//! Size classes are numbered by size, in units of eight bytes: number `c` is of `c` units up to 16, and of
//! `(8 + c % 8) << (c / 8 - 1)` from 8 on; the last is of 120 GiB. A listpack of 200 bytes whose owner
//! marked it with 3 is a block of 208 bytes, 26 units, class 21; at address 0x7f12_3456_7890 its word
//! is `31 15 7f 12 34 56 78 90`, the highest byte first.
//!
//! # Costs
//! An address is one `and` away, a block's length a few operations on the same register: neither reads
//! memory. A value in a [`OneOf`] is found by a jump over its kind.
//!
//! # Invariants
//! 1. The kind is that of the type whose word it is. It belongs to the type and not to the holder: so a
//!    `&mut Listpack` that a [`OneOf`] lends may be written over with any other listpack.
//! 2. The class is that of the allocation; all of that is initialised.

mod raw;
#[cfg(test)]
mod tests;

use std::fmt;

use super::intset::Intset;
use super::listpack::Listpack;
use super::sds::Sds;

pub use raw::OneOf;
pub(super) use raw::{Block, INTSET, LISTPACK};

/// The types, beside the three that are one word by themselves, of which a [`OneOf`] holds one.
pub trait Kinds {
    /// The first of those that get a box.
    type A;
    /// The second.
    type B;
    /// The third.
    type C;
    /// The fourth.
    type D;
    /// The fifth.
    type E;
    /// The sixth.
    type F;
}

/// What a [`OneOf`] holds: owned, or lent.
#[derive(Clone, Copy, Debug)]
pub enum Any<S, L, I, A, B, C, D, E, F> {
    /// A string.
    Sds(S),
    /// A listpack.
    Listpack(L),
    /// A set of integers.
    Intset(I),
    /// A [`Kinds::A`].
    A(A),
    /// A [`Kinds::B`].
    B(B),
    /// A [`Kinds::C`].
    C(C),
    /// A [`Kinds::D`].
    D(D),
    /// A [`Kinds::E`].
    E(E),
    /// A [`Kinds::F`].
    F(F),
}

/// What a [`OneOf`] is made of.
pub type Owned<K> = Any<
    Sds,
    Listpack,
    Intset,
    Box<<K as Kinds>::A>,
    Box<<K as Kinds>::B>,
    Box<<K as Kinds>::C>,
    Box<<K as Kinds>::D>,
    Box<<K as Kinds>::E>,
    Box<<K as Kinds>::F>,
>;

/// What a [`OneOf`] lends.
pub type Ref<'a, K> = Any<
    &'a Sds,
    &'a Listpack,
    &'a Intset,
    &'a <K as Kinds>::A,
    &'a <K as Kinds>::B,
    &'a <K as Kinds>::C,
    &'a <K as Kinds>::D,
    &'a <K as Kinds>::E,
    &'a <K as Kinds>::F,
>;

/// What a [`OneOf`] lends to be changed.
pub type Mut<'a, K> = Any<
    &'a mut Sds,
    &'a mut Listpack,
    &'a mut Intset,
    &'a mut <K as Kinds>::A,
    &'a mut <K as Kinds>::B,
    &'a mut <K as Kinds>::C,
    &'a mut <K as Kinds>::D,
    &'a mut <K as Kinds>::E,
    &'a mut <K as Kinds>::F,
>;

impl<const KIND: u8> fmt::Debug for Block<KIND> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Block").field(&self.escape_ascii().to_string()).finish()
    }
}
