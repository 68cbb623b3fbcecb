//! The index behind exact expiry: a multiset of (deadline, tag), ordered, for the keys of one
//! database that have a deadline. The tag is the upper half of the key's hash: enough to find the
//! key again, so that no pointer is kept, and nothing here has to change when an entry moves.
//!
//! # Layout
//! A B+tree. Its leaves hold up to 128 elements of eight bytes, each a difference to the leaf's
//! base and a tag; branches hold up to 64 children and, for each but the first, its smallest key.
//!
//! ```text
//!   Branch   bounds    → [key 16 | key 16 | …]             smallest keys of children 1, 2, …
//!            children  → [node 48 | node 48 | node 48 | …]  branches or leaves, by value
//!
//!   Leaf     base 8
//!            elements  → [tag 4, delta 4 | tag 4, delta 4 | …]  as numbers, delta << 32 | tag
//! ```
//!
//! The elements (1700000005123, 0xaaaa0001) and (1700000005124, 0x00000002), the first two of a
//! database: the leaf's base is the first deadline less 2³¹ − 1, 1697852521476, so that earlier and
//! later ones fit beside it, and the leaf's bytes are
//!
//! ```text
//!   01 00 aa aa  ff ff ff 7f     tag 0xaaaa0001, delta 2147483647
//!   02 00 00 00  00 00 00 80     tag 0x00000002, delta 2147483648
//! ```
//!
//! A leaf spans at most 49.7 days. Elements farther apart are in different leaves, however few they
//! are; a leaf moves its base when that helps. Vectors are sized as the allocator's size classes
//! are, an eighth of a power of two at a time: a leaf after a split is not half empty, and one from
//! which was removed gives its memory back.
//!
//! # Costs
//! `insert`, `remove`, `pop_due`: O(log n), and the moving of at most 1 KB in a leaf and 4 KB in
//! each branch that changes; five levels, leaves included, carry a hundred million elements.
//! `first`: O(log n). Nothing but `clear`, `iter` and dropping does more. With millions of elements
//! the time goes into waiting for memory, so a search looks at all cache lines of a node at once
//! rather than at one after the other.
//!
//! Bytes an element by `alloc_bytes`, with five million elements (a `BTreeSet<(u64, u32)>`: 29):
//!
//! ```text
//!                                          inserted   half of them removed
//!   one key a millisecond, one time to live      8.6   11.2
//!   500 keys a millisecond, one time to live     9.6   11.8
//!   deadlines anywhere within an hour            9.5   11.8
//! ```
//!
//! # Invariants
//! 1. Elements ascend within a leaf and from leaf to leaf. Equal ones may stand in several leaves.
//! 2. Every element of a leaf lies within `base ..= base + u32::MAX`.
//! 3. A branch's bounds are exactly the smallest keys of its children.
//! 4. All leaves are at one depth; no node is empty; the root, if a branch, has two children at
//!    least.
//! 5. `footprint` is the sum of all capacities.

mod footprint;
mod leaf;
mod node;
mod search;

use crate::stdx::alloc::Mover;
use footprint::Footprint;
use leaf::{Elements, Leaf};
use node::Node;

/// An ordered multiset of deadlines in milliseconds, each with a tag.
#[derive(Default)]
pub struct Deadlines {
    root: Option<Node>,
    len: usize,
    footprint: Footprint,
}

impl std::fmt::Debug for Deadlines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deadlines").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Deadlines {
    /// An empty index, which holds no memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an element, beside equal ones if there are any.
    pub fn insert(&mut self, deadline: u64, tag: u32) {
        let key = Key::new(deadline, tag);
        self.len += 1;
        let Some(root) = &mut self.root else {
            self.root = Some(Node::Leaf(Leaf::new(key, &mut self.footprint)));
            return;
        };
        if let Some(split) = root.insert(key, &mut self.footprint) {
            root.rise(split, &mut self.footprint);
        }
    }

    /// Removes one element; false if there is none such.
    pub fn remove(&mut self, deadline: u64, tag: u32) -> bool {
        let Some(root) = &mut self.root else {
            return false;
        };
        let removed = root.remove(Key::new(deadline, tag), &mut self.footprint);
        if removed {
            self.len -= 1;
            self.tidy_root();
        }
        removed
    }

    /// The first element.
    #[must_use]
    pub fn first(&self) -> Option<(u64, u32)> {
        self.root.as_ref().map(|root| root.first().parts())
    }

    /// An element chosen at random, all about as likely as each other: in each node every child is as
    /// likely as the next, though one may hold twice as many elements.
    #[must_use]
    pub fn sample(&self, rng: &mut impl FnMut() -> u64) -> Option<(u64, u32)> {
        self.root.as_ref().map(|root| root.sample(rng).parts())
    }

    /// Removes and returns the first element, if its deadline is not after `now`.
    pub fn pop_due(&mut self, now: u64) -> Option<(u64, u32)> {
        let root = self.root.as_mut().filter(|root| root.first().deadline() <= now)?;
        let key = root.pop_first(&mut self.footprint);
        self.len -= 1;
        self.tidy_root();
        Some(key.parts())
    }

    /// One step of a walk that moves what lies badly: some dozens of leaves. Answers the next cursor, 0 at
    /// the end. What comes or goes between the steps may let some be passed over.
    pub fn relocate_from(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        let moved = self.root.as_mut().is_some_and(|root| root.relocate(cursor, mover).is_ok());
        if moved { cursor + 1 } else { 0 }
    }

    /// Removes all elements. That takes time in proportion to their number: where there may be
    /// many, [`take`](Self::take) them and drop them elsewhere.
    pub fn clear(&mut self) {
        drop(self.take());
    }

    /// Leaves an empty index behind and returns all elements, for another thread to drop.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All elements, ascending.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            path: vec![self.root.as_slice().iter()],
            elements: Elements::default(),
            left: self.len,
        }
    }

    /// Bytes held on the heap; kept up to date, so asking costs nothing.
    #[must_use]
    pub fn alloc_bytes(&self) -> usize {
        self.footprint.bytes()
    }

    /// After a removal: drops a root without elements, and branches with but one child.
    fn tidy_root(&mut self) {
        while let Some(root) = self.root.take_if(|root| root.is_needless()) {
            self.root = root.into_successor(&mut self.footprint);
        }
    }

    #[cfg(test)]
    fn check_invariants(&self) {
        let (len, bytes) = self.root.as_ref().map_or((0, 0), |root| {
            let (_, len, bytes) = root.check(true);
            (len, bytes)
        });
        assert_eq!(self.len, len);
        assert_eq!(self.footprint.bytes(), bytes);
        assert!(self.iter().is_sorted());
    }
}

impl<'a> IntoIterator for &'a Deadlines {
    type Item = (u64, u32);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The elements of a [`Deadlines`], ascending.
#[derive(Clone)]
pub struct Iter<'a> {
    /// What is left to visit in each branch from the root down.
    path: Vec<std::slice::Iter<'a, Node>>,
    /// What is left to visit in the present leaf.
    elements: Elements<'a>,
    left: usize,
}

impl Iterator for Iter<'_> {
    type Item = (u64, u32);

    fn next(&mut self) -> Option<(u64, u32)> {
        loop {
            if let Some(key) = self.elements.next() {
                self.left -= 1;
                return Some(key.parts());
            }
            match self.path.last_mut()?.next() {
                Some(Node::Leaf(leaf)) => self.elements = leaf.iter(),
                Some(Node::Branch(branch)) => self.path.push(branch.children().iter()),
                None => drop(self.path.pop()),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// A deadline and a tag as one number, so that one comparison orders them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u128);

impl Key {
    fn new(deadline: u64, tag: u32) -> Self {
        Self(u128::from(deadline) << 32 | u128::from(tag))
    }

    fn deadline(self) -> u64 {
        (self.0 >> 32) as u64
    }

    fn tag(self) -> u32 {
        self.0 as u32
    }

    fn parts(self) -> (u64, u32) {
        (self.deadline(), self.tag())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// The index beside a model of it.
    #[derive(Default)]
    struct Pair {
        index: Deadlines,
        model: BTreeMap<(u64, u32), usize>,
        len: usize,
    }

    impl Pair {
        fn insert(&mut self, deadline: u64, tag: u32) {
            self.index.insert(deadline, tag);
            *self.model.entry((deadline, tag)).or_default() += 1;
            self.len += 1;
        }

        fn remove(&mut self, deadline: u64, tag: u32) {
            let expected = self.take_from_model((deadline, tag));
            assert_eq!(self.index.remove(deadline, tag), expected);
        }

        fn pop_due(&mut self, now: u64) -> Option<(u64, u32)> {
            let due = self.model.first_key_value().map(|(&key, _)| key).filter(|key| key.0 <= now);
            if let Some(key) = due {
                self.take_from_model(key);
            }
            assert_eq!(self.index.pop_due(now), due);
            due
        }

        fn take_from_model(&mut self, key: (u64, u32)) -> bool {
            let Some(count) = self.model.get_mut(&key) else {
                return false;
            };
            *count -= 1;
            if *count == 0 {
                self.model.remove(&key);
            }
            self.len -= 1;
            true
        }

        fn check(&self) {
            self.index.check_invariants();
            assert_eq!(self.index.len(), self.len);
            assert_eq!(self.index.is_empty(), self.len == 0);
            assert_eq!(self.index.first(), self.model.first_key_value().map(|(&key, _)| key));
            let all = self.model.iter().flat_map(|(&key, &count)| std::iter::repeat_n(key, count));
            assert_eq!(self.index.iter().len(), self.len);
            assert!(self.index.iter().eq(all));
        }
    }

    /// Small steps of a fixed pseudo-random sequence, so that one proptest value stands for many
    /// operations.
    struct Draws(u64);

    impl Draws {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound
        }
    }

    /// Many operations of one kind. Deadlines are multiples of `unit`, which at its largest gives
    /// each its own leaf.
    #[derive(Clone, Debug)]
    enum Step {
        Ascending { start: u64, count: u64 },
        Descending { start: u64, count: u64 },
        Random { range: u64, count: u64 },
        Equal { deadline: u64, count: u64 },
        RemoveRandom { one_in: u64 },
        RemoveAbsent { count: u64 },
        PopDue { count: u64 },
        Relocate,
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        let count = || 1u64..1500;
        prop_oneof![
            3 => (0u64..5000, count()).prop_map(|(start, count)| Step::Ascending { start, count }),
            1 => (0u64..5000, count()).prop_map(|(start, count)| Step::Descending { start, count }),
            3 => (1u64..10_000, count()).prop_map(|(range, count)| Step::Random { range, count }),
            1 => (0u64..5000, 1u64..400)
                .prop_map(|(deadline, count)| Step::Equal { deadline, count }),
            3 => (1u64..5).prop_map(|one_in| Step::RemoveRandom { one_in }),
            1 => (1u64..50).prop_map(|count| Step::RemoveAbsent { count }),
            2 => count().prop_map(|count| Step::PopDue { count }),
            1 => Just(Step::Relocate),
            1 => Just(Step::Clear),
        ]
    }

    /// Moves everything, and sees that every vector was moved.
    fn relocate_all(index: &mut Deadlines) {
        let vectors = |index: &Deadlines| index.root.as_ref().map_or(0, Node::vectors);
        let (mut mover, mut cursor) = (Mover::of_all(), 0);
        loop {
            cursor = index.relocate_from(cursor, &mut mover);
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(mover.hits() as usize, vectors(index));
    }

    fn apply(pair: &mut Pair, step: &Step, unit: u64, draws: &mut Draws) {
        let at = |i: u64| i.saturating_mul(unit);
        match *step {
            Step::Ascending { start, count } => {
                (start..start + count)
                    .for_each(|i| pair.insert(at(i), draws.below(1 << 32) as u32));
            }
            Step::Descending { start, count } => {
                (start..start + count)
                    .rev()
                    .for_each(|i| pair.insert(at(i), draws.below(9) as u32));
            }
            Step::Random { range, count } => {
                (0..count).for_each(|_| pair.insert(at(draws.below(range)), draws.below(9) as u32));
            }
            Step::Equal { deadline, count } => {
                (0..count).for_each(|_| pair.insert(at(deadline), 7))
            }
            Step::RemoveRandom { one_in } => {
                let chosen = pair.index.iter().filter(|_| draws.below(one_in) == 0);
                let mut chosen: Vec<_> = chosen.collect();
                while !chosen.is_empty() {
                    let (deadline, tag) =
                        chosen.swap_remove(draws.below(chosen.len() as u64) as usize);
                    pair.remove(deadline, tag);
                }
            }
            Step::RemoveAbsent { count } => {
                (0..count).for_each(|_| pair.remove(at(draws.below(9000)), draws.below(9) as u32));
            }
            Step::PopDue { count } => {
                let now = at(draws.below(9000));
                let _ = (0..count).take_while(|_| pair.pop_due(now).is_some()).count();
            }
            Step::Relocate => relocate_all(&mut pair.index),
            Step::Clear => {
                pair.index.clear();
                pair.model.clear();
                pair.len = 0;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        #[cfg_attr(miri, ignore = "too slow, and nothing here is unsafe")]
        fn does_what_an_ordered_multiset_does(
            unit in prop::sample::select(vec![1, 1 << 24, 1 << 31, (1 << 32) + 1, u64::MAX / 9000]),
            seed in 1u64..,
            steps in prop::collection::vec(step(), 1..15),
        ) {
            let (mut pair, mut draws) = (Pair::default(), Draws(seed));
            for step in &steps {
                apply(&mut pair, step, unit, &mut draws);
                pair.check();
            }
        }
    }

    fn filled(deadlines: impl IntoIterator<Item = u64>) -> Pair {
        let (mut pair, mut draws) = (Pair::default(), Draws(1));
        deadlines
            .into_iter()
            .for_each(|deadline| pair.insert(deadline, draws.below(1 << 32) as u32));
        pair
    }

    #[test]
    fn pops_nothing_before_its_deadline() {
        let mut index = Deadlines::new();
        index.insert(1000, 7);
        assert_eq!(index.pop_due(999), None);
        assert_eq!(index.pop_due(1000), Some((1000, 7)));
        assert_eq!(index.pop_due(u64::MAX), None);
    }

    #[test]
    fn the_ends_of_time_stand_side_by_side() {
        let ends = [0, 1, u64::from(u32::MAX), 1 << 32, 1 << 63, u64::MAX - 1, u64::MAX];
        let mut pair = filled(ends.into_iter().chain(ends.into_iter().rev()));
        pair.check();
        while pair.pop_due(u64::MAX).is_some() {
            pair.check();
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "too slow, and nothing here is unsafe")]
    fn a_deep_tree_grows_and_shrinks_to_nothing() {
        // Each element in a leaf of its own: as deep as a hundred times as many would be.
        let pair = filled((0..6000u64).map(|i| i << 33));
        pair.check();
        let root = pair.index.root.as_ref().unwrap();
        assert!(root.check(true).0 >= 3);
        let mut emptied = pair;
        let mut keys: Vec<_> = emptied.index.iter().collect();
        let mut draws = Draws(3);
        while !keys.is_empty() {
            let (deadline, tag) = keys.swap_remove(draws.below(keys.len() as u64) as usize);
            emptied.remove(deadline, tag);
            if keys.len().is_multiple_of(500) {
                emptied.check();
            }
        }
        assert_eq!(emptied.index.alloc_bytes(), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "too slow, and nothing here is unsafe")]
    fn ascending_runs_pack_their_leaves() {
        // Two runs at once, as keys with two different times to live make them.
        let pair =
            filled((0..50_000u64).flat_map(|i| [1_700_000_000_000 + i, 1_700_000_600_000 + i]));
        assert!(pair.index.alloc_bytes() < pair.len * 9);
    }

    #[test]
    #[cfg_attr(miri, ignore = "too slow, and nothing here is unsafe")]
    fn memory_stays_in_proportion_through_random_changes() {
        let mut draws = Draws(5);
        let mut pair = filled((0..100_000).map(|_| draws.below(1 << 31)));
        assert!(pair.index.alloc_bytes() < pair.len * 10);
        let keys: Vec<_> = pair.index.iter().collect();
        keys.iter()
            .filter(|_| draws.below(100) > 0)
            .for_each(|&(deadline, tag)| pair.remove(deadline, tag));
        pair.check();
        assert!(pair.index.alloc_bytes() < pair.len * 16);
    }

    #[test]
    #[cfg_attr(miri, ignore = "too slow, and nothing here is unsafe")]
    fn another_thread_may_drop_it() {
        let mut pair = filled(0..10_000);
        let all = pair.index.take();
        std::thread::spawn(move || drop(all)).join().unwrap();
        assert!(pair.index.is_empty() && pair.index.first().is_none());
        assert_eq!(pair.index.alloc_bytes(), 0);
    }
}
