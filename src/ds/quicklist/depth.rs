//! Which nodes are compressed.

use super::segments::Place;
use super::{Node, Quicklist};
use crate::stdx::lzf::Compressor;

/// Nodes that one operation may push inwards from an end: a node is split, and one comes between.
const PUSHED_INWARDS_MAX: usize = 2;
/// Nodes on either side of an insertion that it may have opened.
const OPENED_MAX: usize = 2;

impl Quicklist {
    /// Compresses the inner nodes and opens the others, whatever they are now.
    pub fn compress(&mut self) {
        self.settle_ends_within(usize::MAX);
    }

    /// Opens the nodes at both ends after nodes were added or removed, and compresses those that
    /// were pushed inwards.
    #[inline]
    pub(super) fn settle_ends(&mut self) {
        if self.depth > 0 {
            self.settle_ends_within(PUSHED_INWARDS_MAX);
        }
    }

    /// Opens the ends, and compresses up to `inwards` nodes next to either.
    fn settle_ends_within(&mut self, inwards: usize) {
        let nodes = self.segments.nodes();
        let depth = self.depth as usize;
        let inner = if depth == 0 { 0 } else { nodes.saturating_sub(2 * depth) };
        if inner == 0 {
            self.segments.front_mut(nodes).for_each(Node::open);
            return;
        }
        let inwards = inner.min(inwards);
        let mut compressor = None;
        let mut settle = |(number, node): (usize, &mut Node)| {
            if number < depth { node.open() } else { node.compress(&mut compressor) }
        };
        self.segments.front_mut(depth + inwards).enumerate().for_each(&mut settle);
        self.segments.back_mut(depth + inwards).enumerate().for_each(settle);
    }

    /// Compresses the nodes around element number `index` that a change may have opened.
    pub(super) fn settle_around(&mut self, index: usize) {
        if self.depth == 0 {
            return;
        }
        let Some((place, _)) = self.segments.seek(index) else { return };
        self.settle(place);
        let (mut before, mut after) = (Some(place), Some(place));
        for _ in 0..OPENED_MAX {
            before = before.and_then(|at| self.segments.prev(at));
            after = after.and_then(|at| self.segments.next(at));
            before.into_iter().chain(after).for_each(|at| self.settle(at));
        }
    }

    /// Compresses the node there, if it is an inner one.
    pub(super) fn settle(&mut self, place: Place) {
        if self.is_inner(place) {
            let mut compressor: Option<Compressor> = None;
            self.segments.edit(place, |node| node.compress(&mut compressor));
        }
    }

    /// Whether `depth` nodes or more lie on either side.
    fn is_inner(&self, place: Place) -> bool {
        let (mut before, mut after) = (Some(place), Some(place));
        for _ in 0..self.depth {
            before = before.and_then(|at| self.segments.prev(at));
            after = after.and_then(|at| self.segments.next(at));
        }
        self.depth > 0 && before.is_some() && after.is_some()
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self) {
        self.segments.check_invariants();
        let (nodes, depth) = (self.segments.nodes(), self.depth as usize);
        for (number, node) in self.segments.iter().enumerate() {
            let inner = depth > 0 && number >= depth && number + depth < nodes;
            if inner {
                assert!(node.is_settled(), "inner node {number} of {nodes} is raw");
            } else {
                assert!(!node.is_compressed(), "outer node {number} of {nodes} is compressed");
            }
        }
    }
}
