//! Elements one after another, from both ends.

use super::{At, Item, before, behind, element};

/// The elements of a [`Listpack`](super::Listpack), or of its tail; made by
/// [`iter`](super::Listpack::iter) and [`iter_from`](super::Listpack::iter_from).
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    /// The listpack up to where the last element that is left ends.
    bytes: &'a [u8],
    /// Where the first element that is left begins.
    at: usize,
}

impl<'a> Iter<'a> {
    /// The elements that begin at `at` and end where `bytes` ends.
    #[inline]
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next element is, if there is one.
    #[inline]
    #[must_use]
    pub fn place(&self) -> At {
        At(self.at)
    }

    /// Passes over so many elements, or all if there are fewer.
    #[inline]
    pub fn pass(&mut self, count: usize) {
        for _ in 0..count {
            if self.at >= self.bytes.len() {
                return;
            }
            self.at = behind(self.bytes, self.at);
        }
    }

    /// Passes over so many elements at the end, or all if there are fewer.
    #[inline]
    pub fn pass_back(&mut self, count: usize) {
        for _ in 0..count {
            if self.at >= self.bytes.len() {
                return;
            }
            self.bytes = &self.bytes[..before(self.bytes, self.bytes.len())];
        }
    }

    /// Begins at another element, which is no further than the end.
    #[inline]
    #[must_use]
    pub fn starting_at(&self, at: At) -> Self {
        Self { bytes: self.bytes, at: at.0 }
    }

    /// Where what is left ends.
    #[inline]
    #[must_use]
    pub fn end(&self) -> At {
        At(self.bytes.len())
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let item = element::read(&self.bytes[self.at..]);
        self.at = behind(self.bytes, self.at);
        Some(item)
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let start = before(self.bytes, self.bytes.len());
        let (rest, last) = self.bytes.split_at(start);
        self.bytes = rest;
        Some(element::read(last))
    }
}

impl std::iter::FusedIterator for Iter<'_> {}
