//! A sorted set's members: in order of score and bytes with their ranks, and each found by its
//! bytes. An unrolled skiplist with spans, beside a dict.
//!
//! # Layout
//! A member is one allocation, drawn in `raw`: its score, its length, its bytes. Two structures
//! refer to it, by eight bytes each:
//! - a [`Dict`], which owns it, finds it by its bytes;
//! - a skiplist (Pugh, 1990) holds it in order. It is unrolled: what its towers stand on is not
//!   one element but a block of up to 128.
//!
//! ```text
//!   level 2   hop 0 ───────────────────────────────────────────────────────→ end
//!               ↓
//!   level 1   hop 0 ──────────────────────────────→ hop 1 ─────────────────→ end
//!               ↓                                     ↓
//!   level 0   hop 0 ─────────→ hop 1 ─────────────→ hop 2 ─────────────────→ end
//!               │                │                    │
//!   blocks    [1 2 3 5 8 …]    [34 34 55 …]         [89 144 …]
//!
//!   Block     scores → [f64 | f64 | …]    up to 1 KB, a size class of the allocator
//!             links  → [ptr | ptr | …]    as many
//!
//!    0                8                16     24     28     32
//!   +----------------+----------------+------+------+------+
//!   | score          | link           | span | next | down |   Hop
//!   +----------------+----------------+------+------+------+
//! ```
//! A hop copies the first element of the block that it leads to, so that a search decides whether
//! to take it without a look at the block; its span says how many elements it passes over, and the
//! spans of the hops taken add up to a rank. The hops of a level are kept together and apart from
//! the blocks, and know each other by number.
//!
//! The members `ant` and `bee`, both with score 2, and `cat` with score 3, are one block and one hop:
//!
//! ```text
//!   ant      00 00 00 00 00 00 00 40  03  61 6e 74  + 4 of slack: 2.0, three bytes, "ant"
//!   scores   00 00 00 00 00 00 00 40  00 00 00 00 00 00 00 40  00 00 00 00 00 00 08 40
//!   links    the addresses of ant, bee, cat
//!   hop 0    no link: the end; span 3
//! ```
//!
//! # Why blocks
//! With a million members the time goes into waiting for memory. A skiplist with a node for each
//! waits at each of some 25 steps, and pays for pointers and a span a member. Here there is one
//! tower for 90 members: all hops of a million take half a MB and stay in a near cache, so that a search
//! waits for the scores of one block, whose cache lines it asks for all at once. Of the members it
//! reads only those whose score is the very one looked for.
//!
//! # Costs
//! `score`: one lookup in the dict. `insert`, `remove`, `rank`, `get`, `rank_by`: O(log n)
//! expected, whatever the members, for heights are drawn with a secret seed; at most 2 KB are
//! moved, in a block. `range`: O(log n) for each 128 elements. A new score that stays within its
//! block changes no hop. Nothing but dropping, cloning and [`memory`](Skiplist::memory) looks at
//! everything, and no array is ever moved whole but a dict's, which rehashes step by step.
//!
//! A 16-byte member takes 32 bytes, 13 to 20 in the dict and 18 or 19 in the list; 17 if inserted
//! in ascending or descending order, which leaves full blocks behind. The slots of removed blocks
//! are kept for new ones, a byte for each former member, until the set is empty.
//!
//! # Invariants
//! 1. Dict and list hold the same members, with the same scores but for the sign of zero.
//! 2. Elements ascend within a block and from block to block, by score and then by bytes. No
//!    score is NaN; -0 and 0 are equal. No block is empty, but for those whose slot is free.
//! 3. Every level begins with the first block's hop, number 0. The blocks of a level are all in
//!    the level below. None but the lowest consists of the first block's hop alone.
//! 4. A hop's copy is exactly the first element of the block that it leads to, so it does not
//!    outlive its member; its span is exactly the number of elements up to there.
//! 5. `member_bytes` is the sum of the members' allocations.

mod block;
mod chain;
mod chunked;
mod level;
mod range;
mod raw;
mod search;
#[cfg(test)]
mod tests;

use std::ops::Range as Ranks;

use super::dict::{Dict, Husk as DictHusk, Keyed, Slot};
use crate::stdx::alloc::Mover;
use crate::stdx::hash::Seed;
use chain::{Chain, Departure, Outcome};
pub use range::Range;
use raw::{Alive, Member};
use search::{Element, Place};

/// The members of a sorted set with their scores. See the [module](self).
pub struct Skiplist {
    dict: Dict<Member>,
    chain: Chain,
    member_bytes: usize,
}

/// A dict's tables that resizing left behind: to be dropped where time does not matter.
pub struct Husk(#[expect(dead_code, reason = "it is only dropped")] DictHusk<Member>);

/// Where in a walk by [`Skiplist::relocate_from`] the dict is done and the blocks begin.
const BLOCKS_FROM: u64 = 1 << 48;

impl Skiplist {
    /// An empty set, which holds no memory.
    pub fn new(seed: Seed) -> Self {
        // Whoever knows a key's name but not the seed cannot guess the towers' heights.
        let chain = Chain::new(seed.hash(b"heights"));
        Self { dict: Dict::new(seed), chain, member_bytes: 0 }
    }

    /// Makes room for so many members in all, so that inserting them needs no rehash on the way.
    pub fn reserve(&mut self, members: usize) {
        self.dict.expand(members);
    }

    /// Gives a member its score, and adds it if it is new; returns its former score.
    ///
    /// # Panics
    /// If the member is 4 GiB or longer.
    pub fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        self.update(member, |_| Some(score))
    }

    /// Shows `choose` the score of a member, `None` if it is new, and gives it the score that comes
    /// back; without one nothing changes. Returns the former score.
    ///
    /// # Panics
    /// If the member is new and 4 GiB or longer.
    pub fn update(
        &mut self,
        member: &[u8],
        choose: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Option<f64> {
        let hash = self.dict.hash(member);
        match self.dict.entry(hash, member) {
            Slot::Vacant(slot) => {
                let score = choose(None)?;
                debug_assert!(!score.is_nan(), "a score is a number");
                let new = Member::new(member, score);
                self.member_bytes += new.alloc_size();
                let link = new.link();
                slot.insert(new);
                let alive = Alive::of(&self.dict);
                self.chain.insert(Element { score, link }, &Place { score, member, alive });
                None
            }
            Slot::Occupied(mut slot) => {
                let found = slot.get_mut();
                let former = Element { score: found.score(), link: found.link() };
                if let Some(score) = choose(Some(former.score)) {
                    debug_assert!(!score.is_nan(), "a score is a number");
                    found.set_score(score);
                    self.rescore(former, score, member);
                }
                Some(former.score)
            }
        }
    }

    /// Moves an element to where its new score belongs.
    fn rescore(&mut self, former: Element, score: f64, member: &[u8]) {
        if score == former.score {
            return;
        }
        let alive = Alive::of(&self.dict);
        let from = Place { score: former.score, member, alive };
        let to = Place { score, member, alive };
        let departure = Departure { element: former, from, to: Some(to) };
        if self.chain.depart(&departure) == Outcome::Removed {
            self.chain.insert(Element { score, link: former.link }, &to);
        }
    }

    /// Removes a member; returns its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let hash = self.dict.hash(member);
        let found = self.dict.remove(hash, member)?;
        let (score, link) = (found.score(), found.link());
        // `found` is out of the dict and yet alive, to the end of this function.
        let from = Place { score, member, alive: Alive::of(&self.dict) };
        self.chain.depart(&Departure { element: Element { score, link }, from, to: None });
        self.member_bytes -= found.alloc_size();
        Some(score)
    }

    /// Removes the elements of these ranks and hands each, in order, to `removed`.
    ///
    /// # Panics
    /// If the range reaches past the end.
    pub fn remove_range(&mut self, ranks: Ranks<usize>, mut removed: impl FnMut(&[u8], f64)) {
        assert!(ranks.end <= self.len(), "ranks {ranks:?} of {}", self.len());
        let mut left = ranks.len();
        let mut batch = Vec::with_capacity(left.min(block::BLOCK_MAX));
        while left > 0 {
            self.chain.drain(ranks.start, left, &mut batch);
            left -= batch.len();
            batch.iter().for_each(|element| element.link.prefetch());
            for Element { score, link } in batch.drain(..) {
                let member = link.take_from(&mut self.dict);
                self.member_bytes -= member.alloc_size();
                removed(member.key(), score);
            }
        }
    }

    /// One step of a walk that moves what lies badly: the members of a bucket, or some blocks. Answers the next
    /// cursor, 0 at the end. The set may change between the steps: members are found as in a scan.
    pub fn relocate_from(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        if let Some(from) = cursor.checked_sub(BLOCKS_FROM) {
            let next = self.chain.relocate(from as usize, mover);
            return next.map_or(0, |next| BLOCKS_FROM + next as u64);
        }
        let mut misplaced = Vec::new();
        let next = self.dict.relocate_from(cursor, mover, |member, mover| {
            if member.is_misplaced(mover) {
                misplaced.push(Element { score: member.score(), link: member.link() });
            }
        });
        for element in misplaced {
            let Element { score, link } = element;
            let alive = Alive::of(&self.dict);
            let from = Place { score, member: link.bytes(alive), alive };
            let spot = self.chain.spot(element, &from);
            if let Some(moved) = link.carry(&mut self.dict, mover) {
                self.chain.relink(&spot, link, moved);
            }
        }
        if next == 0 { BLOCKS_FROM } else { next }
    }

    /// The memory of big tables that resizing has left since the last call. It may be dropped on
    /// any thread.
    pub fn take_husk(&mut self) -> Option<Husk> {
        self.dict.take_husk().map(Husk)
    }

    /// The number of members.
    #[inline]
    pub fn len(&self) -> usize {
        self.dict.len()
    }

    /// Whether there are no members.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.dict.is_empty()
    }

    /// The score of a member.
    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.dict.get(self.dict.hash(member), member).map(Member::score)
    }

    /// The rank of a member, 0 for the lowest, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let found = self.dict.get(self.dict.hash(member), member)?;
        let (score, link) = (found.score(), found.link());
        let place = Place { score, member, alive: Alive::of(&self.dict) };
        let (run, start) = self.chain.find(|ahead, _| !place.is_before(ahead))?;
        Some((start + run.find(Element { score, link }), score))
    }

    /// The element of this rank.
    pub fn get(&self, rank: usize) -> Option<(&[u8], f64)> {
        if rank >= self.len() {
            return None;
        }
        let (run, at) = self.chain.block_of_rank(rank);
        let Element { score, link } = run.element(at);
        Some((link.bytes(Alive::of(&self.dict)), score))
    }

    /// The lowest element.
    pub fn first(&self) -> Option<(&[u8], f64)> {
        self.get(0)
    }

    /// The highest element.
    pub fn last(&self) -> Option<(&[u8], f64)> {
        self.get(self.len().checked_sub(1)?)
    }

    /// For how many leading elements `holds` holds, which sees their scores: it must for all up to
    /// some score and for none above.
    pub fn rank_by_score(&self, holds: impl Fn(f64) -> bool) -> usize {
        let Some((run, start)) = self.chain.find(|ahead, _| holds(ahead.score)) else { return 0 };
        start + run.scores.iter().map(|&score| usize::from(holds(score))).sum::<usize>()
    }

    /// For how many leading elements `holds` holds: it must for all elements before some place and
    /// for none after.
    pub fn rank_by(&self, mut holds: impl FnMut(f64, &[u8]) -> bool) -> usize {
        let alive = Alive::of(&self.dict);
        let mut holds = |element: Element| holds(element.score, element.link.bytes(alive));
        let Some((run, start)) = self.chain.find(|ahead, _| holds(*ahead)) else { return 0 };
        let (mut low, mut high) = (0, run.len());
        while low < high {
            let middle = low.midpoint(high);
            if holds(run.element(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        start + low
    }

    /// The elements of these ranks.
    ///
    /// # Panics
    /// If the range reaches past the end.
    pub fn range(&self, ranks: Ranks<usize>) -> Range<'_> {
        assert!(ranks.end <= self.len(), "ranks {ranks:?} of {}", self.len());
        Range::new(&self.chain, Alive::of(&self.dict), ranks)
    }

    /// All elements, ascending.
    pub fn iter(&self) -> Range<'_> {
        self.range(0..self.len())
    }

    /// An element chosen at random, each with exactly the same probability.
    pub fn random(&self, rng: &mut impl FnMut() -> u64) -> Option<(&[u8], f64)> {
        self.dict.random(rng).map(|member| (member.key(), member.score()))
    }

    /// One step of a scan, as [`Dict::scan`].
    pub fn scan(&self, cursor: u64, mut emit: impl FnMut(&[u8], f64)) -> u64 {
        self.dict.scan(cursor, |member| emit(member.key(), member.score()))
    }

    /// Bytes of all its allocations. Looks at every block: a microsecond for a thousand members.
    pub fn memory(&self) -> usize {
        self.member_bytes + self.dict.table_bytes() + self.chain.alloc_bytes()
    }

    /// Panics unless all [invariants](self#invariants) hold. Reads everything: for tests.
    #[cfg(test)]
    fn check_invariants(&self) {
        let counted = self.chain.check();
        self.dict.check_invariants();
        let elements: Vec<_> = self.iter().collect();
        let in_order = |pair: &[(&[u8], f64)]| {
            let [(a, x), (b, y)] = pair else { unreachable!("windows of two") };
            x < y || (x == y && a < b)
        };
        assert!(elements.windows(2).all(in_order), "elements ascend");
        assert_eq!(elements.len(), counted, "every element is counted");
        assert_eq!(elements.len(), self.dict.len(), "and in the dict");
        for (member, score) in elements {
            let found = self.dict.get(self.dict.hash(member), member).expect("in the dict too");
            assert!(std::ptr::eq(found.key(), member), "one allocation for both");
            assert_eq!(found.score(), score);
        }
        let bytes: usize = self.dict.iter().map(Member::alloc_size).sum();
        assert_eq!(self.member_bytes, bytes);
    }
}

impl Clone for Skiplist {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.dict.seed());
        copy.reserve(self.len());
        for (member, score) in self.iter() {
            copy.insert(member, score);
        }
        copy
    }
}

impl std::fmt::Debug for Skiplist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Skiplist").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<'a> IntoIterator for &'a Skiplist {
    type Item = (&'a [u8], f64);
    type IntoIter = Range<'a>;

    fn into_iter(self) -> Range<'a> {
        self.iter()
    }
}
