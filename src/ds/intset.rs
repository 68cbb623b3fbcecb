//! A set of integers as one sorted array: the compact form of a small set whose members are all
//! numbers. The bytes are Redis's intset, so RDB files and DUMP payloads carry them as they are.
//!
//! # Layout
//! Little endian throughout.
//! ```text
//!  0       4       8
//! +-------+-------+-----------+-----------+-- ... --+-----------+- ... -+
//! | width | count | element 0 | element 1 |         | element n | slack |
//! | 4     | 4     | width     | width     |         | width     |       |
//! +-------+-------+-----------+-----------+-- ... --+-----------+- ... -+
//! ```
//! `width` is the bytes of each element: 2, 4 or 8, as the widest one so far needed. Elements are
//! two's complement and ascend. The slack is the rest of the allocation and no part of the value.
//!
//! The set of -2, 5 and 300 is used to the 14th byte of an allocation of 16:
//! ```text
//! 02 00 00 00   width 2
//! 03 00 00 00   three elements
//! fe ff         -2
//! 05 00         5
//! 2c 01         300
//! 00 00         slack
//! ```
//! With 40000, which needs four bytes, the width becomes 4 and every element is written anew.
//!
//! # Costs
//! A lookup is a binary search. An insertion or removal moves the elements behind it, and
//! reallocates only where the [size class](size_class) changes; one that needs a wider element
//! rewrites all, which happens twice in a set's life at most, for removals never narrow it.
//!
//! # Invariants
//! 1. The allocation is as large as the size class of the used bytes.
//! 2. The width is 2, 4 or 8.
//! 3. Elements ascend strictly.

use std::fmt;

use super::Corrupt;
use super::entry::size_class;
use super::handle::{Block, INTSET};
use crate::stdx::alloc::Mover;

/// Bytes of width and count.
const HEAD: usize = 8;

/// A sorted set of integers. See the [module](self).
#[derive(Clone)]
#[repr(transparent)]
pub struct Intset {
    bytes: Block<INTSET>,
}

impl Default for Intset {
    fn default() -> Self {
        Self::new()
    }
}

impl Intset {
    /// An empty set, of the narrowest width.
    pub fn new() -> Self {
        Self::allocate(2, 0)
    }

    /// Moves the allocation, if it lies badly.
    pub fn relocate(&mut self, mover: &mut Mover) {
        self.bytes.relocate(mover);
    }

    /// The set that `bytes` are, which are checked throughout. One without elements is taken too: it
    /// is for the loader to say that no key holds it.
    ///
    /// # Errors
    /// [`Corrupt`], where the width is none, the length is not what width and count make, or the
    /// elements do not ascend.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Corrupt> {
        Self::validate(bytes)?;
        Ok(Self { bytes: Block::copy_of(bytes) })
    }

    /// Checks that `bytes` are an intset to the last byte; the number of its elements.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes).
    pub fn validate(bytes: &[u8]) -> Result<usize, Corrupt> {
        let Some((head, elements)) = bytes.split_at_checked(HEAD) else {
            return Err(Corrupt { at: bytes.len(), what: "the intset's head is cut off" });
        };
        let (width, len) = (head_field(head, 0), head_field(head, 4));
        if !matches!(width, 2 | 4 | 8) {
            return Err(Corrupt { at: 0, what: "no width of an intset" });
        }
        if len.checked_mul(width) != Some(elements.len()) {
            return Err(Corrupt { at: 4, what: "an intset's count does not fit its length" });
        }
        let mut pairs = ints(elements, width).zip(ints(elements, width).skip(1));
        match pairs.position(|(one, next)| one >= next) {
            None => Ok(len),
            Some(n) => {
                let at = HEAD + (n + 1) * width;
                Err(Corrupt { at, what: "an intset's elements do not ascend" })
            }
        }
    }

    /// Adds `n`; whether it was not there yet.
    ///
    /// # Panics
    /// If the set holds 2^32 - 1 elements.
    pub fn insert(&mut self, n: i64) -> bool {
        if width_of(n) > self.width() {
            self.widen_with(n);
            return true;
        }
        let Err(index) = self.search(n) else {
            return false;
        };
        let (len, width, used) = (self.len(), self.width(), self.used());
        let at = HEAD + index * width;
        self.reallocate(used + width);
        self.bytes.copy_within(at..used, at + width);
        self.write(index, n);
        self.set_len(len + 1);
        true
    }

    /// Takes `n` out; whether it was there.
    pub fn remove(&mut self, n: i64) -> bool {
        let Ok(index) = self.search(n) else {
            return false;
        };
        let (len, width, used) = (self.len(), self.width(), self.used());
        let at = HEAD + index * width;
        self.bytes.copy_within(at + width..used, at);
        self.set_len(len - 1);
        self.reallocate(used - width);
        true
    }

    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        head_field(&self.bytes, 4)
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `n` is an element.
    #[inline]
    pub fn contains(&self, n: i64) -> bool {
        self.search(n).is_ok()
    }

    /// The element of this rank, the least one being 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<i64> {
        let width = self.width();
        self.elements().chunks_exact(width).nth(index).map(int)
    }

    /// The least element.
    pub fn first(&self) -> Option<i64> {
        self.get(0)
    }

    /// The greatest element.
    pub fn last(&self) -> Option<i64> {
        self.get(self.len().checked_sub(1)?)
    }

    /// The elements, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + Clone + '_ {
        ints(self.elements(), self.width())
    }

    /// The value as Redis writes it: no slack.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.used()]
    }

    /// Bytes of the allocation, slack included.
    pub fn alloc_size(&self) -> usize {
        self.bytes.len()
    }

    /// A set with room for `len` elements of this width, and none there yet.
    fn allocate(width: usize, len: usize) -> Self {
        let mut bytes = Block::zeroed(HEAD + len * width);
        bytes[..4].copy_from_slice(&(width as u32).to_le_bytes());
        Self { bytes }
    }

    /// Makes the elements as wide as `n` needs, and adds it. What needed less lies all on one side of
    /// it.
    #[cold]
    fn widen_with(&mut self, n: i64) {
        let len = self.len();
        let mut wide = Self::allocate(width_of(n), len + 1);
        let shift = usize::from(n < 0);
        for (index, element) in self.iter().enumerate() {
            wide.write(index + shift, element);
        }
        wide.write(if n < 0 { 0 } else { len }, n);
        wide.set_len(len + 1);
        *self = wide;
    }

    /// The rank of `n`, or the one it would have.
    #[inline]
    fn search(&self, n: i64) -> Result<usize, usize> {
        match self.width() {
            2 => search::<2>(self.elements(), n),
            4 => search::<4>(self.elements(), n),
            _ => search::<8>(self.elements(), n),
        }
    }

    /// Writes an element that the width is enough for; there is room.
    #[inline]
    fn write(&mut self, index: usize, n: i64) {
        let width = self.width();
        self.bytes[HEAD + index * width..][..width].copy_from_slice(&n.to_le_bytes()[..width]);
    }

    fn set_len(&mut self, len: usize) {
        let len = u32::try_from(len).expect("an intset counts its elements in 32 bits");
        self.bytes[4..HEAD].copy_from_slice(&len.to_le_bytes());
    }

    /// Makes the allocation fit for `used` bytes.
    #[inline]
    fn reallocate(&mut self, used: usize) {
        if size_class(used) != self.bytes.len() {
            self.resize(used);
        }
    }

    #[cold]
    fn resize(&mut self, used: usize) {
        self.bytes.resize(used);
    }

    #[inline]
    fn width(&self) -> usize {
        head_field(&self.bytes, 0)
    }

    /// Bytes of head and elements.
    #[inline]
    fn used(&self) -> usize {
        HEAD + self.len() * self.width()
    }

    #[inline]
    fn elements(&self) -> &[u8] {
        &self.bytes[HEAD..self.used()]
    }

    /// Panics unless all [invariants](self#invariants) hold.
    #[cfg(test)]
    fn check_invariants(&self) {
        assert_eq!(Self::validate(self.as_bytes()), Ok(self.len()), "invariants 2 and 3");
        assert_eq!(self.alloc_size(), size_class(self.used()), "invariant 1");
    }
}

impl fmt::Debug for Intset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Sets are equal that have the same elements, whatever their widths.
impl PartialEq for Intset {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Intset {}

/// Bytes of the narrowest element that can hold `n`.
#[inline]
fn width_of(n: i64) -> usize {
    if i64::from(n as i16) == n {
        2
    } else if i64::from(n as i32) == n {
        4
    } else {
        8
    }
}

/// One of the two numbers of a head.
#[inline]
fn head_field(head: &[u8], at: usize) -> usize {
    let field = head[at..at + 4].try_into().expect("four bytes were cut out");
    u32::from_le_bytes(field) as usize
}

/// The elements in `bytes`.
#[inline]
fn ints(
    bytes: &[u8],
    width: usize,
) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + Clone + '_ {
    bytes.chunks_exact(width).map(int)
}

/// An element of any width.
#[inline]
fn int(element: &[u8]) -> i64 {
    match *element {
        [a, b] => sized([a, b]),
        [a, b, c, d] => sized([a, b, c, d]),
        _ => sized::<8>(element.try_into().expect("an element has 2, 4 or 8 bytes")),
    }
}

/// An element of `W` bytes: its sign bit comes to stand at the top and is drawn down again.
#[inline]
fn sized<const W: usize>(element: [u8; W]) -> i64 {
    let mut word = [0; 8];
    word[8 - W..].copy_from_slice(&element);
    i64::from_le_bytes(word) >> (64 - 8 * W)
}

#[inline]
fn search<const W: usize>(elements: &[u8], n: i64) -> Result<usize, usize> {
    let (elements, _) = elements.as_chunks::<W>();
    elements.binary_search_by_key(&n, |element| sized(*element))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set_of(elements: &[i64]) -> Intset {
        let mut set = Intset::new();
        for &n in elements {
            set.insert(n);
        }
        set.check_invariants();
        set
    }

    fn head(width: u32, count: u32) -> Vec<u8> {
        [width.to_le_bytes(), count.to_le_bytes()].concat()
    }

    #[test]
    fn the_bytes_are_those_of_the_module_head() {
        let set = set_of(&[300, -2, 5]);
        let elements: &[u8] = &[0xfe, 0xff, 5, 0, 0x2c, 1];
        assert_eq!(set.as_bytes(), [&head(2, 3), elements].concat());
        assert_eq!(set.alloc_size(), 16);
    }

    #[test]
    fn an_empty_set_has_nothing() {
        let mut set = Intset::default();
        set.check_invariants();
        assert!(set.is_empty() && !set.contains(0) && !set.remove(0));
        assert_eq!((set.first(), set.last(), set.get(0)), (None, None, None));
        assert_eq!(set.as_bytes(), head(2, 0));
    }

    #[test]
    fn each_border_of_a_width_is_held_by_the_narrower_one() {
        let borders = [
            (i64::from(i16::MIN), 2),
            (i64::from(i16::MAX), 2),
            (i64::from(i16::MIN) - 1, 4),
            (i64::from(i16::MAX) + 1, 4),
            (i64::from(i32::MIN), 4),
            (i64::from(i32::MAX), 4),
            (i64::from(i32::MIN) - 1, 8),
            (i64::from(i32::MAX) + 1, 8),
            (i64::MIN, 8),
            (i64::MAX, 8),
        ];
        for (n, width) in borders {
            let set = set_of(&[n]);
            assert_eq!((set.width(), set.first(), set.contains(n)), (width, Some(n), true), "{n}");
        }
    }

    #[test]
    fn every_widening_keeps_what_was_there_on_either_side_of_the_new_element() {
        let (narrow, middle) = ([-7, 0, 7], [-70_000, 0, 70_000]);
        for (held, n) in [
            (narrow, 70_000),
            (narrow, -70_000),
            (narrow, i64::MAX),
            (narrow, i64::MIN),
            (middle, i64::MAX),
            (middle, i64::MIN),
        ] {
            let mut set = set_of(&held);
            assert!(!set.contains(n) && set.insert(n), "{n} joins {held:?}");
            let expected = BTreeSet::from_iter(held.into_iter().chain([n]));
            assert!(set.iter().eq(expected), "{n} joins {held:?}");
            set.check_invariants();
        }
    }

    #[test]
    fn removals_never_narrow() {
        let mut set = set_of(&[1, i64::MAX]);
        assert!(set.remove(i64::MAX) && !set.remove(i64::MAX));
        assert_eq!((set.width(), set.len()), (8, 1));
        assert_eq!(set, set_of(&[1]), "equality is of elements");
    }

    #[test]
    fn each_fault_is_refused_where_it_is() {
        let check = |bytes: &[u8], at| {
            assert_eq!(Intset::from_bytes(bytes).map_err(|fault| fault.at), Err(at), "{bytes:?}");
        };
        check(&[], 0);
        check(&head(2, 0)[..7], 7);
        for width in [0, 1, 3, 6, 16, u32::MAX] {
            check(&head(width, 0), 0);
        }
        check(&[&head(2, 1)[..], &[1]].concat(), 4);
        check(&[&head(2, 1)[..], &[1, 0, 2]].concat(), 4);
        check(&head(8, u32::MAX), 4);
        check(&[&head(2, 2)[..], &[1, 0, 1, 0]].concat(), 10);
        check(&[&head(2, 3)[..], &[1, 0, 2, 0, 0xff, 0xff]].concat(), 12);
    }

    #[test]
    fn a_fault_reads_as_words() {
        let fault = Intset::validate(&[]).unwrap_err();
        assert_eq!(fault.to_string(), "the intset's head is cut off at byte 0");
    }

    /// Numbers of all widths, few enough that they meet again.
    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![
            8 => -20..20i64,
            2 => (-5..5i64).prop_map(|n| 32_767 + n),
            2 => (-5..5i64).prop_map(|n| -32_768 + n),
            1 => (-5..5i64).prop_map(|n| (1 << 31) + n),
            1 => (-5..5i64).prop_map(|n| -(1 << 31) + n),
            1 => prop_oneof![Just(i64::MIN), Just(i64::MAX)],
        ]
    }

    proptest! {
        #[test]
        fn it_does_as_a_sorted_set_of_std_does(steps in vec((any::<bool>(), number()), 1..200)) {
            let (mut set, mut model) = (Intset::new(), BTreeSet::new());
            for (insert, n) in steps {
                if insert {
                    prop_assert_eq!(set.insert(n), model.insert(n));
                } else {
                    prop_assert_eq!(set.remove(n), model.remove(&n));
                }
                set.check_invariants();
                prop_assert!(set.iter().eq(model.iter().copied()));
                prop_assert!(set.iter().rev().eq(model.iter().rev().copied()));
                prop_assert_eq!(set.contains(n), insert);
                prop_assert_eq!(set.len(), model.len());
                prop_assert_eq!(set.first(), model.first().copied());
                prop_assert_eq!(set.last(), model.last().copied());
            }
            for (index, n) in model.iter().enumerate() {
                prop_assert_eq!(set.get(index), Some(*n));
            }
            prop_assert_eq!(set.get(model.len()), None);
            let again = Intset::from_bytes(set.as_bytes()).unwrap();
            again.check_invariants();
            prop_assert_eq!(again, set);
        }

        #[test]
        fn no_bytes_that_pass_the_check_make_a_later_call_fail(
            (width, count, elements) in (0..10u32, 0..6u32, vec(any::<u8>(), 0..48)),
            n in number(),
        ) {
            let bytes = [head(width, count), elements].concat();
            let Ok(mut set) = Intset::from_bytes(&bytes) else { return Ok(()) };
            set.check_invariants();
            prop_assert_eq!(set.as_bytes(), bytes);
            let model = BTreeSet::from_iter(set.iter());
            prop_assert_eq!(model.len(), set.len());
            prop_assert_eq!(set.insert(n), !model.contains(&n));
            set.check_invariants();
            prop_assert!(set.remove(n) && !set.contains(n));
            set.check_invariants();
        }

        #[test]
        fn a_change_of_any_byte_is_refused_or_gives_another_set(
            elements in vec(number(), 1..20),
            place in any::<prop::sample::Index>(),
            flip in 1..=255u8,
        ) {
            let set = set_of(&elements);
            let mut bytes = set.as_bytes().to_vec();
            let at = place.index(bytes.len());
            bytes[at] ^= flip;
            if let Ok(other) = Intset::from_bytes(&bytes) {
                other.check_invariants();
                prop_assert_ne!(other, set);
            }
        }
    }
}
