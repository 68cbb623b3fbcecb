//! Iteration over a sorted set, whatever its encoding.

use super::packed::Pairs;
use crate::ds::listpack::Item;
use crate::ds::skiplist;

/// A member with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Element<'a> {
    /// The member.
    pub member: Item<'a>,
    /// Its score.
    pub score: f64,
}

impl<'a> From<(&'a [u8], f64)> for Element<'a> {
    #[inline]
    fn from((member, score): (&'a [u8], f64)) -> Self {
        Self { member: Item::Bytes(member), score }
    }
}

/// The elements of a range of ranks, ascending, from both ends.
#[derive(Clone)]
pub struct Elements<'a>(pub(super) Form<'a>);

/// An [`Elements`] by encoding.
#[derive(Clone)]
pub(super) enum Form<'a> {
    Packed(Pairs<'a>),
    Tree(skiplist::Range<'a>),
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        match &mut self.0 {
            Form::Packed(pairs) => pairs.next(),
            Form::Tree(range) => range.next().map(Element::from),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Form::Packed(pairs) => pairs.size_hint(),
            Form::Tree(range) => range.size_hint(),
        }
    }
}

impl DoubleEndedIterator for Elements<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Form::Packed(pairs) => pairs.next_back(),
            Form::Tree(range) => range.next_back().map(Element::from),
        }
    }
}

impl ExactSizeIterator for Elements<'_> {}
