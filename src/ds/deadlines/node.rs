//! The tree above the leaves: nodes and the branches that hold them.

use super::Key;
#[cfg(test)]
use super::footprint::bytes_of;
use super::footprint::{Footprint, size_class};
use super::leaf::Leaf;
use super::search::partition_point;
use crate::stdx::alloc::Mover;

/// Children a branch can have.
const FANOUT: usize = 64;
/// Below this a branch looks for a neighbour to merge with.
const BRANCH_SPARSE: usize = FANOUT / 4;
/// Merging may not fill a branch further than this.
const BRANCH_MERGED_MAX: usize = FANOUT / 4 * 3;

/// Keys in a cache line.
const KEYS_PER_LINE: usize = 64 / size_of::<Key>();

/// A subtree.
pub(super) enum Node {
    Leaf(Leaf),
    Branch(Branch),
}

/// What an insertion hands up when a node became two: the new one, to the right of the old, and its
/// smallest key.
pub(super) struct Split<N> {
    pub(super) min: Key,
    pub(super) right: N,
}

/// An inner node.
#[derive(Default)]
pub(super) struct Branch {
    /// `bounds[i]` is the smallest key under `children[i + 1]`: exactly, not just some key that
    /// separates. So a key, if it is there at all, is under the last child whose bound is not above
    /// it, however many equal keys there are.
    bounds: Vec<Key>,
    /// All of one height, none empty.
    children: Vec<Node>,
}

impl Node {
    /// Adds `key`; the node may become two by it.
    pub(super) fn insert(&mut self, key: Key, footprint: &mut Footprint) -> Option<Split<Self>> {
        match self {
            Self::Leaf(leaf) => leaf.insert(key, footprint).map(|split| split.map(Self::Leaf)),
            Self::Branch(branch) => {
                branch.insert(key, footprint).map(|split| split.map(Self::Branch))
            }
        }
    }

    /// Removes one `key`; false if there is none. The node may be left empty or sparse.
    pub(super) fn remove(&mut self, key: Key, footprint: &mut Footprint) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.remove(key, footprint),
            Self::Branch(branch) => branch.remove(key, footprint),
        }
    }

    /// Removes and returns the smallest key. The node may be left empty or sparse.
    pub(super) fn pop_first(&mut self, footprint: &mut Footprint) -> Key {
        match self {
            Self::Leaf(leaf) => leaf.pop_first(footprint),
            Self::Branch(branch) => branch.pop_first(footprint),
        }
    }

    /// Moves what lies badly of the lowest branch of this number, with its leaves; a leaf without a branch
    /// counts as one.
    ///
    /// # Errors
    /// There are no more than so many.
    pub(super) fn relocate(&mut self, number: u64, mover: &mut Mover) -> Result<(), u64> {
        match self {
            Self::Leaf(_) if number > 0 => Err(1),
            Self::Leaf(leaf) => {
                leaf.relocate(mover);
                Ok(())
            }
            Self::Branch(branch) => branch.relocate(number, mover),
        }
    }

    /// The smallest key.
    pub(super) fn first(&self) -> Key {
        match self {
            Self::Leaf(leaf) => leaf.first(),
            Self::Branch(branch) => branch.children[0].first(),
        }
    }

    /// A key chosen at random.
    pub(super) fn sample(&self, rng: &mut impl FnMut() -> u64) -> Key {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(leaf) => return leaf.sample(rng()),
                Self::Branch(branch) => {
                    let children = branch.children();
                    node = &children[(rng() % children.len() as u64) as usize];
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.is_empty(),
            Self::Branch(branch) => branch.children.is_empty(),
        }
    }

    fn is_sparse(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.is_sparse(),
            Self::Branch(branch) => branch.children.len() < BRANCH_SPARSE,
        }
    }

    fn can_absorb(&self, right: &Self) -> bool {
        match (self, right) {
            (Self::Leaf(left), Self::Leaf(right)) => left.can_absorb(right),
            (Self::Branch(left), Self::Branch(right)) => {
                left.children.len() + right.children.len() <= BRANCH_MERGED_MAX
            }
            _ => unreachable!("siblings have one height"),
        }
    }

    /// Takes over everything under `right`, whose smallest key is `min`.
    fn absorb(&mut self, min: Key, right: Self, footprint: &mut Footprint) {
        match (self, right) {
            (Self::Leaf(left), Self::Leaf(right)) => left.absorb(right, footprint),
            (Self::Branch(left), Self::Branch(right)) => left.absorb(min, right, footprint),
            _ => unreachable!("siblings have one height"),
        }
    }

    /// Frees what the node itself holds; nothing is left under it.
    fn release(self, footprint: &mut Footprint) {
        match self {
            Self::Leaf(leaf) => leaf.release(footprint),
            Self::Branch(branch) => branch.release(footprint),
        }
    }

    /// Puts a branch over this node, the root, which became two.
    pub(super) fn rise(&mut self, split: Split<Self>, footprint: &mut Footprint) {
        let left = std::mem::replace(self, Self::Branch(Branch::default()));
        *self = Self::Branch(Branch::over(left, split, footprint));
    }

    /// Whether this node, the root, has nothing to hold: no elements, or only one child.
    pub(super) fn is_needless(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.is_empty(),
            Self::Branch(branch) => branch.children.len() < 2,
        }
    }

    /// The root that takes the place of this needless one.
    pub(super) fn into_successor(mut self, footprint: &mut Footprint) -> Option<Self> {
        let successor = match &mut self {
            Self::Leaf(_) => None,
            Self::Branch(branch) => branch.children.pop(),
        };
        self.release(footprint);
        successor
    }
}

impl<N> Split<N> {
    fn map<M>(self, wrap: impl FnOnce(N) -> M) -> Split<M> {
        Split { min: self.min, right: wrap(self.right) }
    }
}

impl Branch {
    fn over(left: Node, split: Split<Node>, footprint: &mut Footprint) -> Self {
        let mut branch = Self::default();
        footprint.grow(&mut branch.children);
        branch.children.push(left);
        branch.add(0, split, footprint);
        branch
    }

    fn insert(&mut self, key: Key, footprint: &mut Footprint) -> Option<Split<Self>> {
        let at = self.route(key);
        let split = self.children[at].insert(key, footprint)?;
        self.add(at, split, footprint);
        (self.children.len() > FANOUT).then(|| self.split(at + 1, footprint))
    }

    /// As [`Node::relocate`]; what it holds itself goes with its first lowest branch.
    fn relocate(&mut self, number: u64, mover: &mut Mover) -> Result<(), u64> {
        if number == 0 {
            mover.vec(&mut self.bounds);
            mover.vec(&mut self.children);
        }
        let count = self.children.len() as u64;
        match self.children.first() {
            Some(Node::Leaf(_)) if number > 0 => return Err(1),
            Some(Node::Leaf(_)) => {
                for child in &mut self.children {
                    // Each is a leaf, of which there is a first.
                    let _ = child.relocate(0, mover);
                }
                return Ok(());
            }
            Some(Node::Branch(child)) if child.is_lowest() && number >= count => return Err(count),
            Some(Node::Branch(_)) | None => {}
        }
        let mut left = number;
        for child in &mut self.children {
            match child.relocate(left, mover) {
                Ok(()) => return Ok(()),
                Err(passed) => left -= passed,
            }
        }
        Err(number - left)
    }

    fn is_lowest(&self) -> bool {
        matches!(self.children.first(), Some(Node::Leaf(_)))
    }

    /// Adds the node that split off to the right of `children[at]`.
    fn add(&mut self, at: usize, split: Split<Node>, footprint: &mut Footprint) {
        footprint.grow(&mut self.bounds);
        self.bounds.insert(at, split.min);
        footprint.grow(&mut self.children);
        self.children.insert(at + 1, split.right);
    }

    /// Moves the upper half of the children to a new branch; only the last, if it is the one just
    /// `added`, as runs mostly grow at their end.
    fn split(&mut self, added: usize, footprint: &mut Footprint) -> Split<Self> {
        let last = self.children.len() - 1;
        let at = if added == last { last } else { self.children.len() / 2 };
        let right =
            Self { bounds: self.bounds.split_off(at), children: self.children.split_off(at) };
        footprint.adopt(&right.bounds);
        footprint.adopt(&right.children);
        let min = self.bounds.pop().expect("each child but the first has a bound");
        self.shrink(footprint);
        Split { min, right }
    }

    fn remove(&mut self, key: Key, footprint: &mut Footprint) -> bool {
        let at = self.route(key);
        if !self.children[at].remove(key, footprint) {
            return false;
        }
        let child = &self.children[at];
        if at > 0 && self.bounds[at - 1] == key && !child.is_empty() {
            self.bounds[at - 1] = child.first();
        }
        self.tidy(at, footprint);
        true
    }

    fn pop_first(&mut self, footprint: &mut Footprint) -> Key {
        let key = self.children[0].pop_first(footprint);
        self.tidy(0, footprint);
        key
    }

    /// Drops or merges `children[at]` when a removal has left too little of it.
    fn tidy(&mut self, at: usize, footprint: &mut Footprint) {
        if self.children[at].is_empty() {
            self.children.remove(at).release(footprint);
            if !self.bounds.is_empty() {
                self.bounds.remove(at.saturating_sub(1));
            }
        } else if self.children[at].is_sparse() {
            let pairs = [at.checked_sub(1), Some(at)];
            let Some(left) = pairs.into_iter().flatten().find(|&left| self.can_merge(left)) else {
                return;
            };
            let right = self.children.remove(left + 1);
            let min = self.bounds.remove(left);
            self.children[left].absorb(min, right, footprint);
        } else {
            return;
        }
        self.shrink(footprint);
    }

    /// Whether `children[left]` and the next one can become one.
    fn can_merge(&self, left: usize) -> bool {
        self.children.get(left + 1).is_some_and(|right| self.children[left].can_absorb(right))
    }

    fn absorb(&mut self, min: Key, mut right: Self, footprint: &mut Footprint) {
        let children = self.children.len() + right.children.len();
        footprint.resize(&mut self.bounds, size_class(children - 1));
        self.bounds.push(min);
        self.bounds.append(&mut right.bounds);
        footprint.resize(&mut self.children, size_class(children));
        self.children.append(&mut right.children);
        right.release(footprint);
    }

    fn shrink(&mut self, footprint: &mut Footprint) {
        footprint.shrink(&mut self.bounds);
        footprint.shrink(&mut self.children);
    }

    fn release(self, footprint: &mut Footprint) {
        footprint.release(self.bounds);
        footprint.release(self.children);
    }

    /// The child under which `key` is, or belongs.
    fn route(&self, key: Key) -> usize {
        partition_point::<KEYS_PER_LINE, _>(&self.bounds, |&bound| bound <= key)
    }

    pub(super) fn children(&self) -> &[Node] {
        &self.children
    }
}

#[cfg(test)]
impl Node {
    /// How many vectors that have memory there are under this node.
    pub(super) fn vectors(&self) -> usize {
        let Self::Branch(Branch { bounds, children }) = self else { return 1 };
        let own = 1 + usize::from(bounds.capacity() > 0);
        own + children.iter().map(Self::vectors).sum::<usize>()
    }

    /// Checks the invariants of this subtree; returns its height, its elements and the bytes they
    /// hold.
    pub(super) fn check(&self, is_root: bool) -> (usize, usize, usize) {
        let branch = match self {
            Self::Leaf(leaf) => return (0, leaf.iter().count(), leaf.check()),
            Self::Branch(branch) => branch,
        };
        let Branch { bounds, children } = branch;
        assert!(children.len() <= FANOUT && children.len() > usize::from(is_root));
        assert_eq!(bounds.len(), children.len() - 1);
        let mut bytes = bytes_of(bounds) + bytes_of(children);
        let (mut heights, mut len) = (Vec::new(), 0);
        for (i, child) in children.iter().enumerate() {
            if i > 0 {
                assert_eq!(bounds[i - 1], child.first());
            }
            let (height, child_len, child_bytes) = child.check(false);
            heights.push(height);
            len += child_len;
            bytes += child_bytes;
        }
        assert!(heights.iter().all(|&height| height == heights[0]));
        (heights[0] + 1, len, bytes)
    }
}
