//! Iteration over a range of ranks, from both ends.

use std::ops::Range as Ranks;

use super::chain::Chain;
use super::raw::Alive;
use super::search::{Element, Run};

/// How many members ahead one is asked for: members lie anywhere in memory.
const AHEAD: usize = 6;

/// The elements of a range of ranks, ascending. A block is found by its rank, from the top, when
/// the one before is used up.
#[derive(Clone)]
pub struct Range<'a> {
    chain: &'a Chain,
    alive: Alive<'a>,
    /// The ranks still to come.
    ranks: Ranks<usize>,
    /// Elements from `ranks.start` on, as many as the block has; none before the first.
    front: Run<'a>,
    /// Elements before `ranks.end`, likewise.
    back: Run<'a>,
}

impl<'a> Range<'a> {
    pub(super) fn new(chain: &'a Chain, alive: Alive<'a>, ranks: Ranks<usize>) -> Self {
        Self { chain, alive, ranks, front: Run::EMPTY, back: Run::EMPTY }
    }

    fn follow(&self, Element { score, link }: Element) -> (&'a [u8], f64) {
        (link.bytes(self.alive), score)
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = (&'a [u8], f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rank = self.ranks.next()?;
        if self.front.len() == 0 {
            let (block, at) = self.chain.block_of_rank(rank);
            self.front = block.from(at);
            self.front.links.iter().take(AHEAD).for_each(|link| link.prefetch());
        }
        if let Some(link) = self.front.links.get(AHEAD) {
            link.prefetch();
        }
        let element = self.front.element(0);
        self.front = self.front.from(1);
        Some(self.follow(element))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        self.front = if n < self.front.len() { self.front.from(n) } else { Run::EMPTY };
        self.ranks.start = self.ranks.start.saturating_add(n).min(self.ranks.end);
        self.next()
    }
}

impl DoubleEndedIterator for Range<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let rank = self.ranks.next_back()?;
        if self.back.len() == 0 {
            let (block, at) = self.chain.block_of_rank(rank);
            self.back = block.until(at + 1);
            self.back.links.iter().rev().take(AHEAD).for_each(|link| link.prefetch());
        }
        let last = self.back.len() - 1;
        if let Some(ahead) = last.checked_sub(AHEAD) {
            self.back.links[ahead].prefetch();
        }
        let element = self.back.element(last);
        self.back = self.back.until(last);
        Some(self.follow(element))
    }
}

impl ExactSizeIterator for Range<'_> {}
