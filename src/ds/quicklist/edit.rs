//! Changes away from the ends.

use std::ops::Range;

use super::node::Node;
use super::segments::Place;
use super::{Direction, Item, Limits, Quicklist};

impl Quicklist {
    /// Puts `element` before number `index`, or after all others if there are `index`.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn insert(&mut self, index: usize, element: &[u8], limits: Limits) {
        if index == 0 {
            return self.push_front(element, limits);
        }
        let Some((place, number)) = self.segments.seek(index) else {
            assert_eq!(index, self.len(), "an element is inserted where others are");
            return self.push_back(element, limits);
        };
        if self.segments.node(place).has_room(element, limits) {
            self.segments.edit(place, |node| {
                node.open();
                node.insert(number, element);
            });
        } else if number == 0 {
            self.insert_between(place, element, limits);
        } else {
            self.insert_splitting(index, place, number, element, limits);
        }
        self.settle_ends();
        self.settle_around(index);
    }

    /// Puts `element` before this node, which has no room for it.
    fn insert_between(&mut self, place: Place, element: &[u8], limits: Limits) {
        let before = self.segments.prev(place);
        match before.filter(|at| self.segments.node(*at).has_room(element, limits)) {
            Some(before) => self.segments.edit(before, |node| {
                node.open();
                node.push_back(element);
            }),
            None => self.segments.insert(place, Node::new(element, limits)),
        }
    }

    /// Puts `element` before number `number` of a node without room for it: the node is split
    /// there, and its parts merged with the neighbours that have room.
    fn insert_splitting(
        &mut self,
        index: usize,
        place: Place,
        number: usize,
        element: &[u8],
        limits: Limits,
    ) {
        let tail = self.segments.edit(place, |node| node.split_off(number));
        match self.segments.next(place) {
            Some(next) => self.segments.insert(next, tail),
            None => self.segments.push_back(tail),
        }
        let (place, _) = self.segments.seek(index).expect("the tail begins there");
        self.insert_between(place, element, limits);
        if let Some((place, _)) = self.segments.seek(index + 1) {
            self.merge_with_next(place, limits);
        }
        if let Some((place, 0)) = self.segments.seek(index) {
            // The element has a node of its own.
            self.merge_with_next(place, limits);
        }
        if let Some((place, _)) = self.segments.seek(index - 1)
            && let Some(before) = self.segments.prev(place)
        {
            self.merge_with_next(before, limits);
        }
    }

    /// Makes this node and the one after it one, if the limits allow it.
    fn merge_with_next(&mut self, place: Place, limits: Limits) {
        let Some(next) = self.segments.next(place) else { return };
        if !self.segments.node(place).may_absorb(self.segments.node(next), limits) {
            return;
        }
        let (first, next) = self.segments.remove(place);
        let next = next.expect("it followed the removed node");
        self.segments.edit(next, |node| {
            let second = std::mem::replace(node, first);
            node.open();
            node.absorb(second);
        });
    }

    /// Puts `element` in the place of number `index`; false if there is none.
    pub fn set(&mut self, index: usize, element: &[u8], limits: Limits) -> bool {
        let Some((place, number)) = self.segments.seek(index) else { return false };
        let replaced = self.segments.edit(place, |node| node.replace(number, element, limits));
        if replaced {
            self.settle_ends();
            self.settle_around(index);
        } else {
            // It does not fit beside the others: they make room as for a new one.
            self.segments.edit(place, |node| node.remove_range(number..number + 1));
            self.insert(index, element, limits);
        }
        true
    }

    /// Removes the elements of a range, as far as there are any. The nodes that held nothing else
    /// are returned, to be dropped where it does no harm.
    pub fn remove_range(&mut self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let mut removed = Self::new(self.depth);
        let mut left = end.saturating_sub(range.start);
        left -= self.cut(range.start, left);
        if left > 0
            && let Some((start, 0)) = self.segments.seek(range.start)
        {
            let end = self.segments.seek(range.start + left).map(|(place, _)| place);
            removed.segments = self.segments.drain(start, end);
            left -= removed.len();
        }
        self.cut(range.start, left);
        self.settle_ends();
        self.settle_around(range.start);
        removed
    }

    /// Removes elements from number `from` on, at most `count`, from the one node that holds the
    /// first of them; unless it holds no other. Returns how many it removed.
    fn cut(&mut self, from: usize, count: usize) -> usize {
        let Some((place, number)) = self.segments.seek(from) else { return 0 };
        let entries = self.segments.node(place).entries();
        let cut = count.min(entries - number);
        if cut == 0 || cut == entries {
            return 0;
        }
        self.segments.edit(place, |node| node.remove_range(number..number + cut));
        cut
    }

    /// Removes the elements for which `remove` returns true, at most `limit`, seen in this
    /// direction. Returns how many were removed.
    pub fn remove_where(
        &mut self,
        direction: Direction,
        limit: usize,
        mut remove: impl FnMut(Item<'_>) -> bool,
    ) -> usize {
        let mut removed = 0;
        let mut next = match direction {
            Direction::Forward => self.segments.first(),
            Direction::Backward => self.segments.last(),
        };
        while let Some(place) = next
            && removed < limit
        {
            let edit = |node: &mut Node| node.remove_where(direction, limit - removed, &mut remove);
            removed += self.segments.edit(place, edit);
            next = self.step_over(place, direction);
        }
        self.settle_ends();
        removed
    }

    /// The place after this one in this direction. A node there without elements is removed, and a
    /// changed one compressed again.
    fn step_over(&mut self, place: Place, direction: Direction) -> Option<Place> {
        if self.segments.node(place).entries() > 0 {
            self.settle(place);
            return match direction {
                Direction::Forward => self.segments.next(place),
                Direction::Backward => self.segments.prev(place),
            };
        }
        let (_, following) = self.segments.remove(place);
        match (direction, following) {
            (Direction::Forward, following) => following,
            (Direction::Backward, Some(following)) => self.segments.prev(following),
            (Direction::Backward, None) => self.segments.last(),
        }
    }
}
