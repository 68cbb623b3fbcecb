//! The nodes in their order, in segments of some dozens.

use std::collections::VecDeque;

use super::node::Node;
use crate::stdx::alloc::Mover;

/// Nodes of a segment at most.
const SEGMENT_MAX: usize = 64;
/// Two neighbours with no more nodes together become one segment.
const SEGMENTS_MERGED_MAX: usize = SEGMENT_MAX / 2;
/// What a new segment has room for. Most lists have few nodes, and pay for no more.
const SEGMENT_MIN: usize = 2;

/// All nodes of a list.
#[derive(Debug, Clone, Default)]
pub(super) struct Segments {
    /// None is empty.
    segments: VecDeque<Segment>,
    nodes: usize,
    /// Elements of all nodes.
    entries: usize,
}

#[derive(Debug, Clone)]
struct Segment {
    nodes: VecDeque<Node>,
    /// Elements of its nodes.
    entries: usize,
}

/// Where a node is, until nodes are added or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    segment: usize,
    node: usize,
}

impl Segment {
    fn new(node: Node) -> Self {
        let mut nodes = VecDeque::with_capacity(SEGMENT_MIN);
        let entries = node.entries();
        nodes.push_back(node);
        Self { nodes, entries }
    }

    /// Leaves the first `len` nodes, and returns the others.
    fn split_off(&mut self, len: usize) -> Self {
        let nodes = self.nodes.split_off(len);
        let entries = nodes.iter().map(Node::entries).sum();
        self.entries -= entries;
        Self { nodes, entries }
    }
}

impl Segments {
    pub(super) fn nodes(&self) -> usize {
        self.nodes
    }

    #[inline]
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// Bytes of the tables, without what the nodes refer to.
    pub(super) fn alloc_size(&self) -> usize {
        // A segment's table has room for a third more on the average of its growth.
        self.segments.capacity() * size_of::<Segment>() + self.nodes * size_of::<Node>() * 4 / 3
    }

    #[inline]
    pub(super) fn front(&self) -> Option<&Node> {
        self.segments.front()?.nodes.front()
    }

    #[inline]
    pub(super) fn back(&self) -> Option<&Node> {
        self.segments.back()?.nodes.back()
    }

    /// Changes the first node, if there is one; it must have elements afterwards.
    #[inline]
    pub(super) fn edit_front(&mut self, change: impl FnOnce(&mut Node)) {
        if let Some(segment) = self.segments.front_mut()
            && let Some(node) = segment.nodes.front_mut()
        {
            recount(&mut segment.entries, &mut self.entries, node, change);
        }
    }

    /// Changes the last node, if there is one; it must have elements afterwards.
    #[inline]
    pub(super) fn edit_back(&mut self, change: impl FnOnce(&mut Node)) {
        if let Some(segment) = self.segments.back_mut()
            && let Some(node) = segment.nodes.back_mut()
        {
            recount(&mut segment.entries, &mut self.entries, node, change);
        }
    }

    /// Changes the node there; one left without elements must be removed next.
    pub(super) fn edit<R>(&mut self, at: Place, change: impl FnOnce(&mut Node) -> R) -> R {
        let segment = &mut self.segments[at.segment];
        recount(&mut segment.entries, &mut self.entries, &mut segment.nodes[at.node], change)
    }

    pub(super) fn push_front(&mut self, node: Node) {
        self.count_in(&node);
        match self.segments.front_mut() {
            Some(segment) if segment.nodes.len() < SEGMENT_MAX => {
                segment.entries += node.entries();
                segment.nodes.push_front(node);
            }
            _ => self.segments.push_front(Segment::new(node)),
        }
    }

    pub(super) fn push_back(&mut self, node: Node) {
        self.count_in(&node);
        match self.segments.back_mut() {
            Some(segment) if segment.nodes.len() < SEGMENT_MAX => {
                segment.entries += node.entries();
                segment.nodes.push_back(node);
            }
            _ => self.segments.push_back(Segment::new(node)),
        }
    }

    /// Moves what lies badly of segment number `number`, and with the first the ring of all; the number of the
    /// next, if there is one.
    pub(super) fn relocate(&mut self, number: usize, mover: &mut Mover) -> Option<usize> {
        if number == 0 {
            mover.ring(&mut self.segments);
        }
        let segment = self.segments.get_mut(number)?;
        mover.ring(&mut segment.nodes);
        segment.nodes.iter_mut().for_each(|node| node.relocate(mover));
        (number + 1 < self.segments.len()).then_some(number + 1)
    }

    fn count_in(&mut self, node: &Node) {
        self.nodes += 1;
        self.entries += node.entries();
    }

    /// Puts a node before the one there.
    pub(super) fn insert(&mut self, before: Place, node: Node) {
        self.count_in(&node);
        let Place { segment: mut index, node: mut at } = before;
        if self.segments[index].nodes.len() == SEGMENT_MAX {
            let right = self.segments[index].split_off(SEGMENT_MAX / 2);
            self.segments.insert(index + 1, right);
            if at > SEGMENT_MAX / 2 {
                (index, at) = (index + 1, at - SEGMENT_MAX / 2);
            }
        }
        let segment = &mut self.segments[index];
        segment.entries += node.entries();
        segment.nodes.insert(at, node);
    }

    /// Removes a node, and returns it and the place of the one that followed it.
    pub(super) fn remove(&mut self, at: Place) -> (Node, Option<Place>) {
        let segment = &mut self.segments[at.segment];
        let node = segment.nodes.remove(at.node).expect("a place is a node's");
        segment.entries -= node.entries();
        self.nodes -= 1;
        self.entries -= node.entries();
        (node, self.tidy(at))
    }

    /// Removes the segment of this place if it is empty, and merges it with a neighbour if both
    /// have few nodes. Returns the place of the node that is there or next.
    fn tidy(&mut self, Place { segment: index, node }: Place) -> Option<Place> {
        let mut at = Place { segment: index, node };
        if self.segments[index].nodes.is_empty() {
            self.segments.remove(index);
            at.node = 0;
        } else if index + 1 < self.segments.len() && self.are_sparse(index) {
            self.merge(index);
        } else if index > 0 && self.are_sparse(index - 1) {
            at = Place { segment: index - 1, node: node + self.segments[index - 1].nodes.len() };
            self.merge(index - 1);
        }
        let segment = self.segments.get(at.segment)?;
        if at.node < segment.nodes.len() {
            return Some(at);
        }
        let next = Place { segment: at.segment + 1, node: 0 };
        (next.segment < self.segments.len()).then_some(next)
    }

    fn are_sparse(&self, left: usize) -> bool {
        self.segments[left].nodes.len() + self.segments[left + 1].nodes.len() <= SEGMENTS_MERGED_MAX
    }

    fn merge(&mut self, left: usize) {
        let mut right = self.segments.remove(left + 1).expect("there are two");
        let left = &mut self.segments[left];
        left.nodes.append(&mut right.nodes);
        left.entries += right.entries;
    }

    /// Removes the first node.
    pub(super) fn pop_front(&mut self) {
        if self.nodes > 0 {
            self.remove(Place { segment: 0, node: 0 });
        }
    }

    /// Removes the last node.
    pub(super) fn pop_back(&mut self) {
        if let Some(last) = self.last() {
            self.remove(last);
        }
    }

    /// Removes the nodes from `start` to before `end` (`None`: all that follow), and returns them.
    pub(super) fn drain(&mut self, start: Place, end: Option<Place>) -> Self {
        let mut removed = VecDeque::new();
        let end = end.unwrap_or(Place { segment: self.segments.len(), node: 0 });
        let first = if start.node == 0 {
            start.segment
        } else {
            let mut tail = self.segments[start.segment].split_off(start.node);
            if start.segment == end.segment {
                let kept = tail.split_off(end.node - start.node);
                self.segments.insert(start.segment + 1, kept);
            }
            removed.push_back(tail);
            start.segment + 1
        };
        if end.segment > start.segment || start.node == 0 {
            removed.extend(self.segments.drain(first..end.segment));
            if end.node > 0 {
                let kept = self.segments[first].split_off(end.node);
                removed.push_back(std::mem::replace(&mut self.segments[first], kept));
            }
        }
        removed.retain(|segment| !segment.nodes.is_empty());
        let mut removed = Self { segments: removed, nodes: 0, entries: 0 };
        removed.nodes = removed.segments.iter().map(|segment| segment.nodes.len()).sum();
        removed.entries = removed.segments.iter().map(|segment| segment.entries).sum();
        self.nodes -= removed.nodes;
        self.entries -= removed.entries;
        if first > 0 && first < self.segments.len() && self.are_sparse(first - 1) {
            self.merge(first - 1);
        }
        removed
    }

    /// The node with element number `index` of the list, and the element's number in it.
    pub(super) fn seek(&self, index: usize) -> Option<(Place, usize)> {
        if index >= self.entries {
            return None;
        }
        if index < self.entries / 2 { self.seek_forward(index) } else { self.seek_backward(index) }
    }

    fn seek_forward(&self, index: usize) -> Option<(Place, usize)> {
        let mut left = index;
        let mut number = 0;
        while left >= self.segments[number].entries {
            left -= self.segments[number].entries;
            number += 1;
        }
        for (node_number, node) in self.segments[number].nodes.iter().enumerate() {
            if left < node.entries() {
                return Some((Place { segment: number, node: node_number }, left));
            }
            left -= node.entries();
        }
        None
    }

    fn seek_backward(&self, index: usize) -> Option<(Place, usize)> {
        // Elements from the wanted one to the end.
        let mut left = self.entries - index;
        let mut number = self.segments.len() - 1;
        while left > self.segments[number].entries {
            left -= self.segments[number].entries;
            number -= 1;
        }
        for (node_number, node) in self.segments[number].nodes.iter().enumerate().rev() {
            if left <= node.entries() {
                return Some((Place { segment: number, node: node_number }, node.entries() - left));
            }
            left -= node.entries();
        }
        None
    }

    pub(super) fn node(&self, at: Place) -> &Node {
        &self.segments[at.segment].nodes[at.node]
    }

    pub(super) fn first(&self) -> Option<Place> {
        (self.nodes > 0).then_some(Place { segment: 0, node: 0 })
    }

    pub(super) fn last(&self) -> Option<Place> {
        let segment = self.segments.len().checked_sub(1)?;
        Some(Place { segment, node: self.segments[segment].nodes.len() - 1 })
    }

    pub(super) fn next(&self, at: Place) -> Option<Place> {
        if at.node + 1 < self.segments[at.segment].nodes.len() {
            return Some(Place { node: at.node + 1, ..at });
        }
        (at.segment + 1 < self.segments.len()).then_some(Place { segment: at.segment + 1, node: 0 })
    }

    pub(super) fn prev(&self, at: Place) -> Option<Place> {
        if let Some(node) = at.node.checked_sub(1) {
            return Some(Place { node, ..at });
        }
        let segment = at.segment.checked_sub(1)?;
        Some(Place { segment, node: self.segments[segment].nodes.len() - 1 })
    }

    /// All nodes in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Node> {
        self.segments.iter().flat_map(|segment| segment.nodes.iter())
    }

    /// The nodes from this one on.
    pub(super) fn iter_from(&self, at: Place) -> impl Iterator<Item = &Node> {
        let first = self.segments[at.segment].nodes.range(at.node..);
        let others = self.segments.range(at.segment + 1..);
        first.chain(others.flat_map(|segment| segment.nodes.iter()))
    }

    /// The nodes from this number on. Those before it cost a step for each segment.
    pub(super) fn iter_from_number(&self, mut number: usize) -> impl Iterator<Item = &Node> {
        let mut first = 0;
        while let Some(segment) = self.segments.get(first).filter(|s| s.nodes.len() <= number) {
            number -= segment.nodes.len();
            first += 1;
        }
        let segments = self.segments.range(first..);
        segments.flat_map(|segment| segment.nodes.iter()).skip(number)
    }

    /// This node and those before it, backwards.
    pub(super) fn iter_back_from(&self, at: Place) -> impl Iterator<Item = &Node> {
        let first = self.segments[at.segment].nodes.range(..=at.node).rev();
        let others = self.segments.range(..at.segment).rev();
        first.chain(others.flat_map(|segment| segment.nodes.iter().rev()))
    }

    /// The first `count` nodes, to be compressed or opened.
    pub(super) fn front_mut(&mut self, count: usize) -> impl Iterator<Item = &mut Node> {
        self.segments.iter_mut().flat_map(|segment| segment.nodes.iter_mut()).take(count)
    }

    /// The last `count` nodes, backwards, to be compressed or opened.
    pub(super) fn back_mut(&mut self, count: usize) -> impl Iterator<Item = &mut Node> {
        self.segments
            .iter_mut()
            .rev()
            .flat_map(|segment| segment.nodes.iter_mut().rev())
            .take(count)
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self) {
        assert_eq!(self.nodes, self.iter().count());
        assert_eq!(self.entries, self.iter().map(Node::entries).sum::<usize>());
        for segment in &self.segments {
            assert!((1..=SEGMENT_MAX).contains(&segment.nodes.len()));
            let entries: usize = segment.nodes.iter().map(Node::entries).sum();
            assert_eq!(segment.entries, entries);
        }
        self.iter().for_each(Node::check_invariants);
    }
}

/// Changes a node, and keeps both counts of its elements.
#[inline]
fn recount<R>(
    of_segment: &mut usize,
    of_list: &mut usize,
    node: &mut Node,
    change: impl FnOnce(&mut Node) -> R,
) -> R {
    let before = node.entries();
    let result = change(node);
    *of_segment = *of_segment - before + node.entries();
    *of_list = *of_list - before + node.entries();
    result
}
