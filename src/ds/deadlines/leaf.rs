//! The leaves: sorted runs of elements packed to eight bytes each.

use super::Key;
use super::footprint::{Footprint, size_class};
use super::node::Split;
use super::search::partition_point;
use crate::stdx::alloc::Mover;

/// Elements a leaf can hold: 1 KB of them.
const LEAF_MAX: usize = 128;
/// Below this a leaf looks for a neighbour to merge with.
const LEAF_SPARSE: usize = LEAF_MAX / 4;
/// Merging may not fill a leaf further than this, so that it does not split again soon.
const LEAF_MERGED_MAX: usize = LEAF_MAX / 4 * 3;
/// The largest difference to its base that a packed deadline can express: 49.7 days.
const DELTA_MAX: u64 = u32::MAX as u64;

/// Elements in a cache line.
const ELEMENTS_PER_LINE: usize = 64 / size_of::<u64>();

/// Up to [`LEAF_MAX`] elements, each `(deadline - base) << 32 | tag`, ascending.
pub(super) struct Leaf {
    /// Not above any deadline in this leaf, nor more than [`DELTA_MAX`] below it.
    base: u64,
    elements: Vec<u64>,
}

impl Leaf {
    pub(super) fn new(key: Key, footprint: &mut Footprint) -> Self {
        // The first element in the middle of the window: others may come before and after it.
        let base = key.deadline().saturating_sub(DELTA_MAX / 2);
        let mut elements = Vec::new();
        footprint.grow(&mut elements);
        elements.push(pack(base, key));
        Self { base, elements }
    }

    /// Adds `key`. When the leaf is full, or cannot express it, a second leaf is needed.
    pub(super) fn insert(&mut self, key: Key, footprint: &mut Footprint) -> Option<Split<Self>> {
        if !self.cover(key.deadline(), key.deadline()) {
            return Some(self.set_beside(key, footprint));
        }
        let element = pack(self.base, key);
        let at = self.position(|other| other <= element);
        if self.elements.len() < LEAF_MAX {
            footprint.grow(&mut self.elements);
            self.elements.insert(at, element);
            None
        } else if at == 0 || at == self.elements.len() {
            // A run that grows at its end leaves full leaves behind, not halves.
            Some(self.set_beside(key, footprint))
        } else {
            Some(self.split(at, element, footprint))
        }
    }

    /// Makes a leaf of `key` alone, which comes before or after all elements here.
    fn set_beside(&mut self, key: Key, footprint: &mut Footprint) -> Split<Self> {
        let mut right = Self::new(key, footprint);
        if key < self.first() {
            std::mem::swap(self, &mut right);
        }
        Split { min: right.first(), right }
    }

    /// Moves the upper half to a new leaf and inserts `element`, whose place in the whole is `at`.
    fn split(&mut self, at: usize, element: u64, footprint: &mut Footprint) -> Split<Self> {
        let middle = self.elements.len() / 2;
        let mut right = Self { base: self.base, elements: Vec::new() };
        let upper = &self.elements[middle..];
        footprint.resize(&mut right.elements, size_class(upper.len()));
        right.elements.extend_from_slice(upper);
        self.elements.truncate(middle);
        footprint.resize(&mut self.elements, size_class(middle));
        let (leaf, at) = if at <= middle { (&mut *self, at) } else { (&mut right, at - middle) };
        footprint.grow(&mut leaf.elements);
        leaf.elements.insert(at, element);
        Split { min: right.first(), right }
    }

    pub(super) fn relocate(&mut self, mover: &mut Mover) {
        mover.vec(&mut self.elements);
    }

    /// Removes one `key`; false if there is none.
    pub(super) fn remove(&mut self, key: Key, footprint: &mut Footprint) -> bool {
        if !self.covers(key.deadline(), key.deadline()) {
            return false;
        }
        let element = pack(self.base, key);
        let at = self.position(|other| other < element);
        if self.elements.get(at) != Some(&element) {
            return false;
        }
        self.elements.remove(at);
        footprint.shrink(&mut self.elements);
        true
    }

    /// Removes the smallest element.
    pub(super) fn pop_first(&mut self, footprint: &mut Footprint) -> Key {
        let key = unpack(self.base, self.elements.remove(0));
        footprint.shrink(&mut self.elements);
        key
    }

    /// Whether the elements of `right`, the next leaf, could join the ones here.
    pub(super) fn can_absorb(&self, right: &Self) -> bool {
        self.elements.len() + right.elements.len() <= LEAF_MERGED_MAX
            && right.last().deadline() - self.first().deadline() <= DELTA_MAX
    }

    /// Takes over the elements of `right`, which `can_absorb` has approved.
    pub(super) fn absorb(&mut self, right: Self, footprint: &mut Footprint) {
        let expressible = self.cover(right.first().deadline(), right.last().deadline());
        assert!(expressible, "can_absorb has looked at the deadlines");
        let len = self.elements.len() + right.elements.len();
        footprint.resize(&mut self.elements, size_class(len));
        let moved =
            right.elements.iter().map(|&element| pack(self.base, unpack(right.base, element)));
        self.elements.extend(moved);
        footprint.release(right.elements);
    }

    /// Moves the base, if need be, so that deadlines from `first` to `last` can be expressed beside
    /// those that are here; false if they lie too far apart.
    fn cover(&mut self, first: u64, last: u64) -> bool {
        if self.covers(first, last) {
            return true;
        }
        let first = first.min(self.first().deadline());
        let last = last.max(self.last().deadline());
        let Some(room) = DELTA_MAX.checked_sub(last - first) else {
            return false;
        };
        let base = first.saturating_sub(room / 2);
        for element in &mut self.elements {
            *element = pack(base, unpack(self.base, *element));
        }
        self.base = base;
        true
    }

    fn covers(&self, first: u64, last: u64) -> bool {
        self.base <= first && last - self.base <= DELTA_MAX
    }

    fn position(&self, before: impl Fn(u64) -> bool) -> usize {
        partition_point::<ELEMENTS_PER_LINE, _>(&self.elements, |&element| before(element))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    pub(super) fn is_sparse(&self) -> bool {
        self.elements.len() < LEAF_SPARSE
    }

    /// The smallest element. No leaf of the tree is empty.
    pub(super) fn first(&self) -> Key {
        unpack(self.base, self.elements[0])
    }

    /// The element that a random number chooses.
    pub(super) fn sample(&self, random: u64) -> Key {
        unpack(self.base, self.elements[(random % self.elements.len() as u64) as usize])
    }

    fn last(&self) -> Key {
        unpack(self.base, self.elements[self.elements.len() - 1])
    }

    pub(super) fn iter(&self) -> Elements<'_> {
        Elements { base: self.base, packed: self.elements.iter() }
    }

    pub(super) fn release(self, footprint: &mut Footprint) {
        footprint.release(self.elements);
    }

    /// Checks this leaf's invariants and returns the bytes it holds.
    #[cfg(test)]
    pub(super) fn check(&self) -> usize {
        assert!(!self.elements.is_empty() && self.elements.len() <= LEAF_MAX);
        assert!(self.elements.is_sorted());
        assert!(self.elements.capacity() <= LEAF_MAX);
        assert!(self.first().deadline().abs_diff(self.base) <= DELTA_MAX);
        assert_eq!(pack(self.base, self.last()), self.elements[self.elements.len() - 1]);
        super::footprint::bytes_of(&self.elements)
    }
}

/// The elements of one leaf, ascending.
#[derive(Clone, Default)]
pub(super) struct Elements<'a> {
    base: u64,
    packed: std::slice::Iter<'a, u64>,
}

impl Iterator for Elements<'_> {
    type Item = Key;

    fn next(&mut self) -> Option<Key> {
        self.packed.next().map(|&element| unpack(self.base, element))
    }
}

/// `key` as a leaf with this `base` holds it; the caller has made sure that the leaf covers it.
fn pack(base: u64, key: Key) -> u64 {
    (key.deadline() - base) << 32 | u64::from(key.tag())
}

fn unpack(base: u64, element: u64) -> Key {
    Key::new(base + (element >> 32), element as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leaf_decoded_in_the_head_is_right() {
        let mut footprint = Footprint::default();
        let mut leaf = Leaf::new(Key::new(1_700_000_005_123, 0xaaaa_0001), &mut footprint);
        let split = leaf.insert(Key::new(1_700_000_005_124, 2), &mut footprint);
        assert!(split.is_none());
        assert_eq!(leaf.base, 1_697_852_521_476);
        assert_eq!(leaf.elements[0].to_le_bytes(), *b"\x01\0\xaa\xaa\xff\xff\xff\x7f");
        assert_eq!(leaf.elements[1].to_le_bytes(), *b"\x02\0\0\0\0\0\0\x80");
    }
}
