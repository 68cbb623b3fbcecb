//! Items one after another, from both ends.

use std::collections::{VecDeque, vec_deque};
use std::vec;

use super::{Chunk, Id, Place};

/// The items of an [`IdMap`](super::IdMap), or of a range of ids.
#[derive(Clone, Debug)]
pub struct Iter<'a, V> {
    chunks: &'a VecDeque<Chunk<V>>,
    /// The next item from the front,
    front: Place,
    /// and the place behind the next one from the back.
    back: Place,
}

impl<'a, V> Iter<'a, V> {
    pub(super) fn new(chunks: &'a VecDeque<Chunk<V>>, front: Place, back: Place) -> Self {
        Self { chunks, front, back }
    }
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = &'a (Id, V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let (chunk, at) = self.front;
        let items = &self.chunks[chunk].items;
        self.front = if at + 1 == items.len() { (chunk + 1, 0) } else { (chunk, at + 1) };
        Some(&items[at])
    }
}

impl<V> DoubleEndedIterator for Iter<'_, V> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let (mut chunk, mut at) = self.back;
        if at == 0 {
            chunk -= 1;
            at = self.chunks[chunk].items.len();
        }
        self.back = (chunk, at - 1);
        Some(&self.chunks[chunk].items[at - 1])
    }
}

/// All items of an [`IdMap`](super::IdMap), owned.
#[derive(Debug)]
pub struct IntoIter<V> {
    chunks: vec_deque::IntoIter<Chunk<V>>,
    items: vec::IntoIter<(Id, V)>,
}

impl<V> IntoIter<V> {
    pub(super) fn new(chunks: VecDeque<Chunk<V>>) -> Self {
        Self { chunks: chunks.into_iter(), items: Vec::new().into_iter() }
    }
}

impl<V> Iterator for IntoIter<V> {
    type Item = (Id, V);

    fn next(&mut self) -> Option<(Id, V)> {
        loop {
            if let Some(item) = self.items.next() {
                return Some(item);
            }
            self.items = self.chunks.next()?.items.into_iter();
        }
    }
}
