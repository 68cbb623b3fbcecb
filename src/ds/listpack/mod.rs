//! Many small elements, strings and integers, in one allocation: the compact form of lists, hashes,
//! sets, sorted sets and of a stream's nodes. The bytes are Redis's, so that RDB files and DUMP
//! carry a listpack as it is.
//!
//! # Layout
//! All numbers are little endian but for the back length. What is behind the end is slack: the
//! allocation is as large as the allocator would make it anyway, or larger if [`Listpack::append_with`]
//! made it so.
//! ```text
//!  0         4        6
//! +---------+--------+---------+---------+-----+------+-------+
//! | total 4 | count 2| element | element | …   | 0xff | slack |
//! +---------+--------+---------+---------+-----+------+-------+
//! total    bytes up to and including the 0xff
//! count    elements; 65,535 if there are that many or more: then only walking counts them
//!
//! element  lead                      what follows
//!          0xxxxxxx                                  integer 0 to 127
//!          10xxxxxx                  x bytes         string
//!          110xxxxx xxxxxxxx                         integer of 13 bits
//!          1110xxxx xxxxxxxx         x bytes         string
//!          f0 and a u32              so many bytes   string
//!          f1, f2, f3, f4            2, 3, 4, 8      integer of so many bytes
//!          and then its back length: how many bytes all this took, seven bits a byte, the last
//!          byte the low ones; all but the first have the top bit set, to be read backwards
//! ```
//! The elements `greet`, `hi`, `n` and `1000`:
//! ```text
//! 18 00 00 00           total 24
//! 04 00                 count 4
//! 85 67 72 65 65 74 06  string of 5, "greet", took 6
//! 82 68 69 03           string of 2, "hi", took 3
//! 81 6e 02              string of 1, "n", took 2
//! c3 e8 02              integer 0x3e8 in 13 bits, took 2
//! ff                    end
//! ```
//!
//! # Costs
//! An element of up to 63 bytes takes two bytes more than its text, an integer up to 127 takes two.
//! A step to either side reads the bytes of one element's ends; a change moves all that lies behind
//! it, so this is for some kilobytes at most. Reallocation comes only where the
//! [size class](crate::ds::entry::size_class) changes; when elements go, not before half of the
//! allocation would be slack.
//!
//! # Invariants
//! 1. `total` and `count` say what is there, the byte at `total - 1` is the end, and every byte
//!    between head and end belongs to an element.
//! 2. Every element begins with a known lead and has its whole body and the shortest back length
//!    that its format allows behind it.
//! 3. `total` is at most the length of the allocation, which is a size class.
//!
//! Whatever a file brings passes [`Listpack::validate`], which checks 1 and 2, so nothing that comes
//! later can step outside. An element put in as the canonical text of an `i64` is stored as an integer;
//! foreign bytes may hold such a text as a string, or an integer in too wide a form, and are read alike.

mod element;
mod iter;
mod tail;
#[cfg(test)]
mod tests;
mod validate;

use std::fmt;

use crate::ds::Corrupt;
use crate::ds::entry::size_class;
use crate::ds::handle::{Block, LISTPACK};
use crate::stdx::alloc::Mover;
use crate::stdx::num::{i64_len, parse_i64};

use element::Element;
pub use iter::Iter;
pub use tail::Tail;

/// Bytes before the first element.
const HEAD: usize = 6;
/// The last byte.
const END: u8 = 0xff;
/// The count that says: too many to be counted here.
const COUNT_UNKNOWN: u16 = u16::MAX;

/// Elements in one allocation; see the module.
#[derive(Clone)]
#[repr(transparent)]
pub struct Listpack {
    /// The allocation, slack included.
    bytes: Block<LISTPACK>,
}

/// An element's place: good until the next change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At(usize);

/// An element as a listpack lends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// An integer, stored as such.
    Int(i64),
    /// Any other string.
    Bytes(&'a [u8]),
}

impl Listpack {
    /// Where the first element is, if there is one.
    pub const START: At = At(HEAD);

    /// The largest a listpack should be made, by the users' own limits or by this one.
    pub const SIZE_MAX: usize = 1 << 30;

    /// An empty listpack.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty listpack that has room to grow to `bytes` of [`Self::byte_len`].
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let mut listpack = Self { bytes: Block::zeroed(bytes.max(HEAD + 1)) };
        listpack.bytes[HEAD] = END;
        listpack.set_head(HEAD + 1, 0);
        listpack
    }

    /// A listpack of bytes that came from elsewhere.
    ///
    /// # Errors
    /// They are no listpack, see [`Self::validate`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Corrupt> {
        Self::validate(bytes)?;
        Ok(Self { bytes: Block::copy_of(bytes) })
    }

    /// Whether `bytes` are one whole listpack: the number of its elements.
    ///
    /// # Errors
    /// Where and why they are not.
    pub fn validate(bytes: &[u8]) -> Result<usize, Corrupt> {
        validate::elements(bytes)
    }

    /// Bytes that any text so long takes as an element at most: as a string, for no integer takes more
    /// than its text would.
    #[must_use]
    #[inline]
    pub const fn size_max(len: usize) -> usize {
        element::string_size(len)
    }

    /// Bytes that this integer takes as an element.
    #[must_use]
    #[inline]
    pub fn int_size(int: i64) -> usize {
        Element::int(int).size()
    }

    /// Bytes that an element with this text takes.
    #[must_use]
    pub fn encoded_size(text: &[u8]) -> usize {
        Element::new(text).size()
    }

    /// Appends an element.
    ///
    /// # Panics
    /// As every method that adds: if the listpack would be 4 GiB or larger.
    #[inline]
    pub fn push_back(&mut self, text: &[u8]) {
        self.insert(self.end(), &Element::new(text));
    }

    /// Appends an integer.
    #[inline]
    pub fn push_back_int(&mut self, int: i64) {
        self.insert(self.end(), &Element::int(int));
    }

    /// Appends the elements that `write` writes, which take at most `room` bytes together. Where the
    /// allocation has no room for them it grows once, by a half at least: what is appended to again
    /// and again is seldom moved.
    ///
    /// # Panics
    /// If they take more.
    #[inline]
    pub fn append_with(&mut self, room: usize, write: impl FnOnce(&mut Tail<'_>)) {
        let (end, count) = (self.end(), self.count());
        if end + room + 1 > self.bytes.len() {
            self.reallocate((end + room + 1).max(end + end / 2));
        }
        let mut tail = Tail::new(&mut self.bytes[end..]);
        write(&mut tail);
        let (size, added) = tail.finish();
        self.set_head(end + size, count.saturating_add(added));
    }

    /// Puts an element before all others.
    #[inline]
    pub fn push_front(&mut self, text: &[u8]) {
        self.insert(HEAD, &Element::new(text));
    }

    /// Puts an element before the one at `at`: where it is.
    pub fn insert_before(&mut self, at: At, text: &[u8]) -> At {
        self.insert(at.0, &Element::new(text));
        at
    }

    /// Puts an element behind the one at `at`: where it is.
    pub fn insert_after(&mut self, at: At, text: &[u8]) -> At {
        let behind = self.behind(at.0);
        self.insert(behind, &Element::new(text));
        At(behind)
    }

    /// Puts an element in the place of the one at `at`: where it is.
    pub fn replace(&mut self, at: At, text: &[u8]) -> At {
        self.swap(at, &Element::new(text))
    }

    /// Puts an integer in the place of the element at `at`: where it is.
    #[inline]
    pub fn replace_int(&mut self, at: At, int: i64) -> At {
        match (self.bytes[at.0], u8::try_from(int)) {
            // Both are their lead byte, as counters mostly are.
            (0..=0x7f, Ok(small @ 0..=0x7f)) => {
                self.bytes[at.0] = small;
                at
            }
            _ => self.swap(at, &Element::int(int)),
        }
    }

    /// Takes the element at `at` out: where the one behind it is now, if there was one.
    pub fn remove(&mut self, at: At) -> Option<At> {
        self.remove_range(at, 1)
    }

    /// Takes `count` elements out, or as many as there are, the one at `from` first: where the one
    /// behind them is now, if there was one.
    pub fn remove_range(&mut self, from: At, count: usize) -> Option<At> {
        let (mut to, mut removed) = (from.0, 0);
        while removed < count && to < self.end() {
            to = self.behind(to);
            removed += 1;
        }
        self.cut(from.0, to, removed);
        self.place(from.0)
    }

    /// Takes all elements before the one at `at` out.
    pub fn remove_before(&mut self, at: At) {
        let (mut to, mut removed) = (HEAD, 0);
        while to < at.0 {
            to = self.behind(to);
            removed += 1;
        }
        self.cut(HEAD, to, removed);
    }

    /// Takes all elements out.
    pub fn clear(&mut self) {
        self.set_head(HEAD + 1, 0);
        self.bytes[HEAD] = END;
        self.shrink_to_fit();
    }

    /// The four bits that the handle keeps for whoever owns it, 0 in a new one. A copy has them too.
    #[inline]
    #[must_use]
    pub fn mark(&self) -> u8 {
        self.bytes.mark()
    }

    /// Keeps four bits in the handle.
    ///
    /// # Panics
    /// If `mark` has more.
    #[inline]
    pub fn set_mark(&mut self, mark: u8) {
        self.bytes.set_mark(mark);
    }

    /// Appends all elements of `other`, as they are stored there.
    pub fn append(&mut self, other: &Self) {
        let (count, added) = (self.count(), other.count());
        let at = self.end();
        let elements = &other.as_bytes()[HEAD..];
        self.set_len(at + elements.len());
        self.bytes[at..at + elements.len()].copy_from_slice(elements);
        // The sum saturates at the count that is unknown, which either of them may be already.
        self.set_count(count.saturating_add(added));
    }

    /// Takes the element at `at` and all behind it out, into a listpack of their own.
    #[must_use]
    pub fn split_off(&mut self, at: At) -> Self {
        let tail = &self.as_bytes()[at.0..];
        let mut other = Self::with_capacity(HEAD + tail.len());
        other.bytes[HEAD..HEAD + tail.len()].copy_from_slice(tail);
        other.set_head(HEAD + tail.len(), 0);
        let moved = other.iter().count();
        other.set_count(known(moved));
        self.bytes[at.0] = END;
        let left = if self.count() == COUNT_UNKNOWN { None } else { Some(self.len() - moved) };
        self.set_head(at.0 + 1, 0);
        let left = left.unwrap_or_else(|| self.iter().count());
        self.set_count(known(left));
        self.release();
        other
    }

    /// Moves the allocation, if it lies badly.
    pub fn relocate(&mut self, mover: &mut Mover) {
        self.bytes.relocate(mover);
    }

    /// Gives back what of the allocation is not needed.
    pub fn shrink_to_fit(&mut self) {
        self.bytes.resize(self.byte_len());
    }

    /// How many elements there are. With 65,535 or more of them they are walked.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.count() {
            COUNT_UNKNOWN => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.byte_len() == HEAD + 1
    }

    /// How many bytes long it is, without slack.
    #[inline]
    #[must_use]
    pub fn byte_len(&self) -> usize {
        u32::from_le_bytes([self.bytes[0], self.bytes[1], self.bytes[2], self.bytes[3]]) as usize
    }

    /// How many bytes the elements before the one at `at` take.
    #[inline]
    #[must_use]
    pub fn bytes_before(&self, at: At) -> usize {
        at.0 - HEAD
    }

    /// Bytes of the allocation.
    #[must_use]
    pub fn alloc_size(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes, without slack.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.byte_len()]
    }

    /// Where the first element is.
    #[must_use]
    pub fn first(&self) -> Option<At> {
        self.place(HEAD)
    }

    /// Where the last element is.
    #[must_use]
    pub fn last(&self) -> Option<At> {
        self.before(self.end()).map(At)
    }

    /// Where the element behind the one at `at` is.
    #[must_use]
    pub fn next(&self, at: At) -> Option<At> {
        self.place(self.behind(at.0))
    }

    /// Where the element before the one at `at` is.
    #[must_use]
    pub fn prev(&self, at: At) -> Option<At> {
        self.before(at.0).map(At)
    }

    /// Where the element with this index is; a negative one counts from the end, -1 being the last.
    /// Walks from the end that is nearer, if the count is known.
    #[must_use]
    pub fn seek(&self, index: isize) -> Option<At> {
        let (from_first, from_last) = match self.count() {
            COUNT_UNKNOWN if index >= 0 => (index.unsigned_abs(), usize::MAX),
            COUNT_UNKNOWN => (usize::MAX, index.unsigned_abs() - 1),
            count => {
                let len = usize::from(count);
                let from_first = match usize::try_from(index) {
                    Ok(index) => index,
                    Err(_) => len.checked_sub(index.unsigned_abs())?,
                };
                (from_first, len.checked_sub(from_first + 1)?)
            }
        };
        let mut at = if from_first <= from_last { self.first() } else { self.last() };
        for _ in 0..from_first.min(from_last) {
            at = if from_first <= from_last { self.next(at?) } else { self.prev(at?) };
        }
        at
    }

    /// The element at `at`.
    ///
    /// # Panics
    /// Perhaps, as every method that takes a place, if a change made it a wrong one.
    #[inline]
    #[must_use]
    pub fn get(&self, at: At) -> Item<'_> {
        element::read(&self.bytes[at.0..])
    }

    /// All elements, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        self.iter_from(At(HEAD))
    }

    /// The element at `at` and those behind it, in order.
    #[must_use]
    pub fn iter_from(&self, at: At) -> Iter<'_> {
        Iter::new(&self.as_bytes()[..self.end()], HEAD.max(at.0))
    }

    /// Where the first element from `from` on is that says `text`, if after each one looked at
    /// `skip` are passed over: the field of a hash is found from the first element with a `skip` of 1.
    #[must_use]
    pub fn find(&self, text: &[u8], from: At, skip: usize) -> Option<At> {
        let int = parse_i64(text);
        let bytes = self.as_bytes();
        let mut at = from.0;
        while bytes[at] != END {
            let is_it = match element::read(&bytes[at..]) {
                Item::Bytes(found) => found == text,
                Item::Int(found) => Some(found) == int,
            };
            if is_it {
                return Some(At(at));
            }
            for _ in 0..=skip {
                if bytes[at] == END {
                    return None;
                }
                at = behind(bytes, at);
            }
        }
        None
    }

    #[inline]
    fn insert(&mut self, at: usize, element: &Element<'_>) {
        self.splice(at, 0, Some(element));
        self.set_count(self.count().saturating_add(1));
    }

    #[inline]
    fn swap(&mut self, at: At, element: &Element<'_>) -> At {
        let before = self.behind(at.0) - at.0;
        self.splice(at.0, before, Some(element));
        if element.size() < before {
            self.release();
        }
        at
    }

    /// Puts `element`, or nothing, in the place of the `removed` bytes at `at`. The count stays.
    #[inline]
    fn splice(&mut self, at: usize, removed: usize, element: Option<&Element<'_>>) {
        let added = element.map_or(0, Element::size);
        if added != removed {
            let tail = at + removed;
            let used = self.byte_len();
            self.set_len(used - removed + added);
            self.bytes.copy_within(tail..used, at + added);
        }
        if let Some(element) = element {
            element.write(&mut self.bytes[at..at + added]);
        }
    }

    /// Takes out the `removed` elements between these places.
    fn cut(&mut self, from: usize, to: usize, removed: usize) {
        self.splice(from, to - from, None);
        self.lower_count(removed);
        self.release();
    }

    /// Makes room for `total` bytes, if that is more than there are, and says so in the head.
    #[inline]
    fn set_len(&mut self, total: usize) {
        self.set_total(total);
        if total > self.bytes.len() {
            self.reallocate(total);
        }
    }

    /// Lowers the count, unless it is unknown.
    fn lower_count(&mut self, by: usize) {
        let count = self.count();
        if count != COUNT_UNKNOWN {
            self.set_count(known(usize::from(count) - by));
        }
    }

    /// Gives slack back if it is half of the allocation.
    fn release(&mut self) {
        if size_class(self.byte_len()) <= self.bytes.len() / 2 {
            self.shrink_to_fit();
        }
    }

    /// Makes the allocation fit for so many bytes.
    #[cold]
    fn reallocate(&mut self, size: usize) {
        self.bytes.resize(size);
    }

    fn set_head(&mut self, total: usize, count: u16) {
        self.set_total(total);
        self.set_count(count);
    }

    #[inline]
    fn set_total(&mut self, total: usize) {
        let total = u32::try_from(total).expect("a listpack is smaller than 4 GiB");
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
    }

    #[inline]
    fn set_count(&mut self, count: u16) {
        self.bytes[4..HEAD].copy_from_slice(&count.to_le_bytes());
    }

    /// The count as the head has it.
    #[inline]
    fn count(&self) -> u16 {
        u16::from_le_bytes([self.bytes[4], self.bytes[5]])
    }

    /// Where the end byte is.
    #[inline]
    fn end(&self) -> usize {
        self.byte_len() - 1
    }

    /// The place `at`, unless it is the end.
    #[inline]
    fn place(&self, at: usize) -> Option<At> {
        (at < self.end()).then_some(At(at))
    }

    /// Where the element at `at` ends.
    #[inline]
    fn behind(&self, at: usize) -> usize {
        behind(&self.bytes, at)
    }

    /// Where the element that ends at `at` begins.
    #[inline]
    fn before(&self, at: usize) -> Option<usize> {
        (at > HEAD).then(|| before(&self.bytes, at))
    }
}

impl<'a> Item<'a> {
    /// Whether it says `text`.
    #[inline]
    #[must_use]
    pub fn equals(self, text: &[u8]) -> bool {
        match self {
            Self::Int(int) => parse_i64(text) == Some(int),
            Self::Bytes(bytes) => bytes == text,
        }
    }

    /// Its text; `buffer` holds it, if it is an integer.
    #[inline]
    #[must_use]
    pub fn bytes<'b>(self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Self::Int(int) => buffer.format(int).as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// How long its text is.
    #[expect(clippy::len_without_is_empty, reason = "an element, not a collection")]
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::Int(int) => i64_len(int),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Its text, owned.
    #[must_use]
    pub fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// The integer that its text says, if it says one, however it is stored.
    #[inline]
    #[must_use]
    pub fn int(self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(int),
            Self::Bytes(bytes) => parse_i64(bytes),
        }
    }
}

impl Default for Listpack {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Listpack {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Listpack {}

impl<'a> IntoIterator for &'a Listpack {
    type Item = Item<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Listpack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.iter().map(|item| item.to_vec().escape_ascii().to_string());
        f.debug_list().entries(texts).finish()
    }
}

/// A number of elements as the head says it.
#[inline]
fn known(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(COUNT_UNKNOWN)
}

/// Where the element at `at` ends: where the next one, or the end, begins.
#[inline]
fn behind(bytes: &[u8], at: usize) -> usize {
    let span = element::span(&bytes[at..]);
    at + span + element::backlen_size(span)
}

/// Where the element that ends at `at` begins.
#[inline]
fn before(bytes: &[u8], at: usize) -> usize {
    let (span, size) = element::read_backlen(&bytes[..at]);
    at - size - span
}
