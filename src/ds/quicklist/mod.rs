//! Quicklist: the long list. Its elements stand packed in nodes of some kilobytes, so that an
//! element costs little more than its bytes, and a change moves no more than one node's.
//!
//! # Layout
//! A node is a listpack of many elements, or, *plain*, the bytes of one element too large to stand
//! beside others. Nodes away from both ends may be compressed with LZF. The nodes stand in segments
//! of up to 64, and the segments in a row:
//!
//! ```text
//!   Quicklist  depth │ nodes │ entries
//!              segments → [segment | segment | …]                ring, 40 bytes each
//!                              │ entries 8
//!                              └ nodes → [node | node | …]       ring, 32 bytes each
//!                                           │ entries 4, stubborn 1, kind 1, raw length 4
//!                                           └ bytes → listpack, element or LZF
//! ```
//!
//! Why segments: a ring of all nodes would be copied whole when it grows and moved by half when a
//! node comes into its middle, which with millions of nodes holds everybody up. Nodes linked to
//! each other need memory reached by pointers, or an arena, which never shrinks; and either way an
//! index is found by visiting node after node. Here growing copies 64 nodes or the short row of
//! segments, an emptied segment gives its memory back, and an index is found by adding up the
//! counts of segments, which lie next to each other, and then of the nodes of one.
//!
//! The list `a`, `1000`, then 9,000 times `x`, with nodes of 8 KB, is one segment of two nodes:
//!
//! ```text
//!   entries 2, packed   0d 00 00 00  02 00   81 61 02   c3 e8 02   ff
//!                       bytes: 13    count   "a"        1000       end
//!   entries 1, plain    78 78 78 …           the 9,000 bytes themselves
//! ```
//!
//! # Limits
//! [`Limits`] say what fits in a node, by bytes or by elements as `list-max-listpack-size` has it.
//! They come with each call that adds something, and a change of them shows in what is added next.
//! `depth` is the list's own: so many nodes at either end are never compressed, and 0 compresses
//! none. An insertion into the middle of a full node splits it, and the parts are merged with their
//! neighbours where these have room. A replacement may make a node up to twice as large.
//!
//! # Costs
//! - `push_*`, `pop_*`: O(1), and the moving of one listpack; a new node every few kilobytes.
//!   `push_back` and `pop_back` move nothing, `pop_front` once for half of a node.
//! - `get`, `set`, `insert`, where a range begins: the index costs a step for each segment (a
//!   million nodes have 16,000) up to the middle, from the nearer end; then one listpack is walked.
//! - `remove_range`: O(1) for each node cut out; nothing is freed: the nodes come back as a list,
//!   to be dropped where it does no harm.
//! - Reading an inner node of a compressed list decompresses it into memory of its own and leaves
//!   it as it is. To change one decompresses and compresses it.
//!
//! # Invariants
//! 1. No node and no segment is empty.
//! 2. The counts of the segments and of the list are the sums of their nodes' counts.
//! 3. A plain node has one element.
//! 4. The first and last `depth` nodes are raw, and so are all if `depth` is 0.
//! 5. Every other node is compressed, unless that saves less than 8 bytes or there are fewer than
//!    48.

mod depth;
mod edit;
mod limits;
mod node;
mod pack;
mod segments;
#[cfg(test)]
mod tests;

pub use limits::Limits;
pub use node::{NodeBytes, NodeRef};

use std::ops::{ControlFlow, Range};

use crate::ds::listpack::{Item, Listpack};
use crate::stdx::alloc::Mover;
use node::Node;
use segments::Segments;

/// A list in packed nodes.
#[derive(Debug, Clone, Default)]
pub struct Quicklist {
    segments: Segments,
    /// Nodes at either end that are never compressed; 0: none ever is.
    depth: u32,
}

/// Which way a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the head to the tail.
    Forward,
    /// From the tail to the head.
    Backward,
}

impl Quicklist {
    /// An empty list, whose nodes beyond `depth` from either end are compressed; 0 compresses none.
    #[must_use]
    pub fn new(depth: u32) -> Self {
        Self { segments: Segments::default(), depth }
    }

    /// A list of one node, which takes the listpack as it is.
    #[must_use]
    pub fn from_listpack(listpack: Listpack, depth: u32) -> Self {
        let mut list = Self::new(depth);
        list.append_listpack(listpack);
        list
    }

    /// Puts `element` before all others.
    #[inline]
    pub fn push_front(&mut self, element: &[u8], limits: Limits) {
        if self.segments.front().is_some_and(|node| node.has_room(element, limits)) {
            self.segments.edit_front(|node| node.push_front(element));
        } else {
            self.segments.push_front(Node::new(element, limits));
            self.settle_ends();
        }
    }

    /// Puts `element` after all others.
    #[inline]
    pub fn push_back(&mut self, element: &[u8], limits: Limits) {
        if self.segments.back().is_some_and(|node| node.has_room(element, limits)) {
            self.segments.edit_back(|node| node.push_back(element));
        } else {
            self.segments.push_back(Node::new(element, limits));
            self.settle_ends();
        }
    }

    /// Removes the first element, after it was shown to `look`, whose result is returned.
    #[inline]
    pub fn pop_front<R>(&mut self, look: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let node = self.segments.front()?;
        let result = look(node.first());
        if node.entries() > 1 {
            self.segments.edit_front(Node::remove_first);
        } else {
            self.segments.pop_front();
            self.settle_ends();
        }
        Some(result)
    }

    /// Removes the last element, after it was shown to `look`, whose result is returned.
    #[inline]
    pub fn pop_back<R>(&mut self, look: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let node = self.segments.back()?;
        let result = look(node.last());
        if node.entries() > 1 {
            self.segments.edit_back(Node::remove_last);
        } else {
            self.segments.pop_back();
            self.settle_ends();
        }
        Some(result)
    }

    /// Appends a node of a listpack's elements; nothing, if it has none. When all are there,
    /// [`Quicklist::compress`] is due.
    pub fn append_listpack(&mut self, listpack: Listpack) {
        if !listpack.is_empty() {
            self.segments.push_back(Node::packed(listpack));
        }
    }

    /// Appends a plain node. When all are there, [`Quicklist::compress`] is due.
    pub fn append_plain(&mut self, element: Box<[u8]>) {
        self.segments.push_back(Node::plain(element));
    }

    /// One step of a walk that moves what lies badly: the nodes of the segment of number `cursor`. Answers
    /// the next cursor, 0 at the end. Segments that come or go between the steps may let one be passed
    /// over.
    pub fn relocate_from(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        let next = self.segments.relocate(cursor as usize, mover);
        next.unwrap_or(0) as u64
    }

    /// Number of elements.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments.entries()
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of nodes.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.segments.nodes()
    }

    /// Nodes at either end that are never compressed; 0: none ever is.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Shows element number `index`, if there is one, and returns what `look` does.
    pub fn get<R>(&self, index: usize, look: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let (place, number) = self.segments.seek(index)?;
        Some(self.segments.node(place).get(number, look))
    }

    /// Shows the elements of a range, as far as there are any, in order.
    #[inline]
    pub fn for_each(&self, range: Range<usize>, mut look: impl FnMut(Item<'_>)) {
        let Some((place, mut from)) = self.segments.seek(range.start) else { return };
        let mut left = range.len();
        for node in self.segments.iter_from(place) {
            if left == 0 {
                break;
            }
            let count = left.min(node.entries() - from);
            node.for_each(from, count, &mut look);
            left -= count;
            from = 0;
        }
    }

    /// Shows element number `from` and those that follow it in this direction, until told to stop.
    /// Nothing is shown where there is no such element.
    pub fn walk<B>(
        &self,
        from: usize,
        direction: Direction,
        mut look: impl FnMut(Item<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let Some((place, mut number)) = self.segments.seek(from) else {
            return ControlFlow::Continue(());
        };
        match direction {
            Direction::Forward => {
                for node in self.segments.iter_from(place) {
                    node.walk(number, direction, &mut look)?;
                    number = 0;
                }
            }
            Direction::Backward => {
                let mut number = Some(number);
                for node in self.segments.iter_back_from(place) {
                    let from = number.take().unwrap_or(node.end(direction));
                    node.walk(from, direction, &mut look)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// The nodes in order.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeRef<'_>> {
        self.segments.iter().map(NodeRef)
    }

    /// The nodes from this number on, front to back.
    pub fn nodes_from(&self, number: usize) -> impl Iterator<Item = NodeRef<'_>> {
        self.segments.iter_from_number(number).map(NodeRef)
    }

    /// The node that is the whole list, where one is a raw listpack.
    #[must_use]
    pub fn sole_listpack(&self) -> Option<NodeRef<'_>> {
        let node = self.segments.front().filter(|node| node.is_listpack())?;
        (self.node_count() == 1).then_some(NodeRef(node))
    }

    /// The listpack that is the whole list.
    ///
    /// # Errors
    /// The list itself, where [`Quicklist::sole_listpack`] finds none.
    pub fn into_listpack(mut self) -> Result<Listpack, Self> {
        if self.sole_listpack().is_none() {
            return Err(self);
        }
        let first = self.segments.first().expect("there is one node");
        let (node, _) = self.segments.remove(first);
        Ok(node.into_listpack().expect("it was seen to be one"))
    }

    /// Bytes of all allocations, estimated from the first `samples` nodes.
    #[must_use]
    pub fn alloc_size(&self, samples: usize) -> usize {
        let looked_at = samples.min(self.node_count());
        let sampled: usize = self.segments.iter().take(looked_at).map(Node::alloc_size).sum();
        let nodes = if looked_at == 0 {
            0
        } else {
            (sampled as u128 * self.node_count() as u128 / looked_at as u128) as usize
        };
        self.segments.alloc_size() + nodes
    }
}
