//! The blocks: up to 128 elements in order, the scores in one array and the members in another.

use super::raw::Link;
use super::search::{Element, Place, Run};
use crate::ds::entry::size_class;
use crate::stdx::alloc::Mover;

/// Elements a block can hold: 1 KB of scores, 1 KB of links. Half of that costs a tenth more time
/// with a million members, as there are twice the hops. (Miri is to see many blocks of few.)
pub(super) const BLOCK_MAX: usize = if cfg!(miri) { 16 } else { 128 };
/// Below this a block looks for a neighbour to merge with.
const BLOCK_SPARSE: usize = BLOCK_MAX / 4;
/// Merging may not fill a block further than this, so that it does not split again soon.
const BLOCK_MERGED_MAX: usize = BLOCK_MAX / 4 * 3;
/// Arrays are as long as a size class of the allocator, but not shorter than this.
const ROOM_MIN: usize = 8;

/// A run of elements. Without any it holds no memory.
#[derive(Default)]
pub(super) struct Block {
    scores: Vec<f64>,
    links: Vec<Link>,
}

impl Block {
    /// Adds an element; a full block becomes two, of which the right one is returned.
    pub(super) fn insert(&mut self, element: Element, place: &Place<'_>) -> Option<Self> {
        let at = place.leading(self.run());
        let len = self.len();
        if len < BLOCK_MAX {
            self.put(at, element);
            return None;
        }
        if at == 0 || at == len {
            // A run that grows at its end leaves full blocks behind, not halves.
            let mut right = Self::default();
            right.put(0, element);
            if at == 0 {
                std::mem::swap(self, &mut right);
            }
            return Some(right);
        }
        let mut right = self.split_off(len / 2);
        if at <= len / 2 {
            self.put(at, element);
        } else {
            right.put(at - len / 2, element);
        }
        Some(right)
    }

    /// Gives the element at `at` a new score if it can then stay in this block, and neither become
    /// nor cease to be its first.
    pub(super) fn rescore(&mut self, at: usize, place: &Place<'_>) -> bool {
        let score = place.score;
        let [first, .., last] = self.scores[..] else { return false };
        if at == 0 || !(first < score && score < last) {
            return false;
        }
        let follows = self.scores[at - 1] < score;
        if follows && self.scores.get(at + 1).is_none_or(|&next| score < next) {
            self.scores[at] = score;
            return true;
        }
        let link = self.links.remove(at);
        self.scores.remove(at);
        let to = place.leading(self.run());
        self.put(to, Element { score, link });
        true
    }

    /// Removes the element at `at`.
    pub(super) fn remove(&mut self, at: usize) {
        self.scores.remove(at);
        self.links.remove(at);
        self.give_back();
    }

    /// Gives the element at `at` another link.
    pub(super) fn relink(&mut self, at: usize, link: Link) {
        self.links[at] = link;
    }

    /// Moves the arrays that lie badly.
    pub(super) fn relocate(&mut self, mover: &mut Mover) {
        mover.vec(&mut self.scores);
        mover.vec(&mut self.links);
    }

    /// Moves up to `max` elements from `start` on to `out`.
    pub(super) fn drain(&mut self, start: usize, max: usize, out: &mut Vec<Element>) {
        let end = self.len().min(start.saturating_add(max));
        let scores = self.scores.drain(start..end);
        let links = self.links.drain(start..end);
        out.extend(scores.zip(links).map(|(score, link)| Element { score, link }));
        self.give_back();
    }

    /// Whether `right`, the next block, should join this one: one is sparse, and there is room. An
    /// empty block always takes the next one's place.
    pub(super) fn should_absorb(&self, right: &Self) -> bool {
        let is_sparse = |block: &Self| block.len() < BLOCK_SPARSE;
        self.len() == 0
            || right.len() == 0
            || ((is_sparse(self) || is_sparse(right))
                && self.len() + right.len() <= BLOCK_MERGED_MAX)
    }

    /// Takes over the elements of `right`, the next block.
    pub(super) fn absorb(&mut self, right: Self) {
        if self.len() == 0 {
            *self = right;
        } else if right.len() > 0 {
            self.resize(room_for(self.len() + right.len()));
            self.scores.extend_from_slice(&right.scores);
            self.links.extend_from_slice(&right.links);
        }
    }

    #[inline]
    pub(super) fn run(&self) -> Run<'_> {
        Run { scores: &self.scores, links: &self.links }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.scores.len()
    }

    /// The first element, if it is not empty.
    pub(super) fn first(&self) -> Option<Element> {
        (self.len() > 0).then(|| self.run().element(0))
    }

    /// Bytes of both arrays.
    pub(super) fn alloc_bytes(&self) -> usize {
        self.scores.capacity() * size_of::<f64>() + self.links.capacity() * size_of::<Link>()
    }

    fn put(&mut self, at: usize, element: Element) {
        if self.len() == self.scores.capacity() {
            self.resize(room_for(self.len() + 1));
        }
        self.scores.insert(at, element.score);
        self.links.insert(at, element.link);
    }

    fn split_off(&mut self, at: usize) -> Self {
        let right = Self { scores: self.scores[at..].to_vec(), links: self.links[at..].to_vec() };
        self.scores.truncate(at);
        self.links.truncate(at);
        self.resize(room_for(at + 1));
        right
    }

    /// Gives room back, if much of it lies idle, but keeps room for the next element.
    fn give_back(&mut self) {
        if self.scores.capacity() > room_kept(self.len()) {
            self.resize(room_for(self.len() + 1));
        }
    }

    fn resize(&mut self, room: usize) {
        if room > self.scores.capacity() {
            self.scores.reserve_exact(room - self.scores.len());
            self.links.reserve_exact(room - self.links.len());
        } else {
            self.scores.shrink_to(room);
            self.links.shrink_to(room);
        }
    }
}

/// The capacity for so many elements: all that the allocator would give anyway, so that hardly any
/// of it lies idle, and yet most insertions reallocate nothing.
fn room_for(len: usize) -> usize {
    size_class(len.max(ROOM_MIN) * size_of::<f64>()) / size_of::<f64>()
}

/// The largest capacity that an array with so many elements keeps.
fn room_kept(len: usize) -> usize {
    room_for(len + len / 4 + ROOM_MIN)
}

#[cfg(test)]
impl Block {
    pub(super) fn check(&self) {
        assert_eq!(self.scores.len(), self.links.len());
        assert!((1..=BLOCK_MAX).contains(&self.len()), "no block is empty or too long");
        assert!(self.scores.capacity() <= room_kept(self.len()), "little room is idle");
    }
}
