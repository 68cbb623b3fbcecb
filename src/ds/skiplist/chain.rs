//! The list proper: blocks in order, each with a tower of hops.

use super::block::Block;
use super::chunked::Chunked;
use super::level::{Hop, Level};
use super::raw::Link;
use super::search::{Element, Place, Run};
use crate::stdx::alloc::Mover;

/// Levels there can be: enough for 4^16 blocks.
const LEVELS_MAX: usize = 16;
/// One block in so many of a level is in the next level too. A power of two.
const SPARSITY: u64 = 4;

/// The elements in order.
pub(super) struct Chain {
    /// By the number of their hop in the lowest level. A free number has an empty block.
    blocks: Chunked<Block>,
    /// From the lowest up; none without elements.
    levels: Vec<Level>,
    len: usize,
    /// Draws the heights of towers; never 0.
    random: u64,
}

/// The way to a place: in each level the last hop that starts before it. Levels that do not exist
/// have the first block's, as it will be when they come.
#[derive(Default)]
struct Path {
    hops: [u32; LEVELS_MAX],
    /// The ranks at which their blocks begin.
    starts: [usize; LEVELS_MAX],
}

/// Where an element is, until any is added or removed.
pub(super) struct Spot {
    path: Path,
    /// Its block,
    number: u32,
    /// and the place there.
    at: usize,
}

/// Blocks whose arrays are moved at a time.
const BLOCKS_MOVED: usize = 32;

/// What became of an element that was to leave its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It got its new score and is still in its block.
    Rescored,
    /// It is no longer in the list.
    Removed,
}

/// An element that the list holds, and where it may be put instead.
pub(super) struct Departure<'a> {
    pub(super) element: Element,
    pub(super) from: Place<'a>,
    pub(super) to: Option<Place<'a>>,
}

impl Chain {
    /// A list of nothing, which holds no memory. `seed` makes the heights of its towers.
    pub(super) fn new(seed: u64) -> Self {
        Self { blocks: Chunked::new(), levels: Vec::new(), len: 0, random: seed | 1 }
    }

    /// Adds an element.
    pub(super) fn insert(&mut self, element: Element, place: &Place<'_>) {
        if self.levels.is_empty() {
            self.levels.push(Level::new(0));
            self.blocks.push(Block::default());
        }
        let path = self.trace(|ahead, _| !place.is_before(ahead));
        for (level, &hop) in self.levels.iter_mut().zip(&path.hops) {
            level.get_mut(hop).span += 1;
        }
        self.len += 1;
        if let Some(right) = self.blocks.get_mut(path.hops[0]).insert(element, place) {
            self.add_after(&path, right);
        }
    }

    /// Puts a block behind the one that `path` leads to, which its elements were counted in.
    fn add_after(&mut self, path: &Path, block: Block) {
        let height = self.draw_height();
        while self.levels.len() < height {
            self.levels.push(Level::new(self.len));
        }
        let ahead = Some(block.run().element(0));
        let start = path.starts[0] + self.blocks.get(path.hops[0]).len();
        let mut block = Some(block);
        let mut down = 0;
        for (at, level) in self.levels[..height].iter_mut().enumerate() {
            let before = path.hops[at];
            let span = start - path.starts[at];
            let hop = *level.get(before);
            let next = level.add(Hop { span: hop.span - span, down, ..hop });
            *level.get_mut(before) = Hop { ahead, span, next, ..hop };
            if let Some(block) = block.take() {
                self.blocks.put(next, block);
            }
            down = next;
        }
    }

    /// Draws how many levels a new block is in.
    fn draw_height(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let levels_above = self.random.trailing_zeros() / SPARSITY.trailing_zeros();
        (1 + levels_above as usize).min(LEVELS_MAX)
    }

    /// Where this element is, which the list holds at this place.
    pub(super) fn spot(&self, element: Element, from: &Place<'_>) -> Spot {
        let path = self.trace(|ahead, _| from.is_after(ahead));
        let hop = self.levels[0].get(path.hops[0]);
        let is_first = hop.ahead.is_some_and(|ahead| ahead.link == element.link);
        let number = if is_first { hop.next } else { path.hops[0] };
        let at = if is_first { 0 } else { self.blocks.get(number).run().find(element) };
        Spot { path, number, at }
    }

    /// Gives the element there another link: its member has moved from `before`.
    pub(super) fn relink(&mut self, spot: &Spot, before: Link, link: Link) {
        self.blocks.get_mut(spot.number).relink(spot.at, link);
        for (level, &hop) in self.levels.iter_mut().zip(&spot.path.hops) {
            let ahead = &mut level.get_mut(hop).ahead;
            if let Some(first) = ahead.as_mut().filter(|first| first.link == before) {
                first.link = link;
            }
        }
    }

    /// Moves what lies badly of some blocks, and at the end of the hops; the number to go on with, if there are
    /// more blocks.
    pub(super) fn relocate(&mut self, from: usize, mover: &mut Mover) -> Option<usize> {
        let end = self.blocks.len().min(from.saturating_add(BLOCKS_MOVED));
        for number in from..end {
            self.blocks.get_mut(number as u32).relocate(mover);
        }
        if end < self.blocks.len() {
            return Some(end);
        }
        self.blocks.relocate(mover);
        self.levels.iter_mut().for_each(|level| level.relocate(mover));
        mover.vec(&mut self.levels);
        None
    }

    /// Removes an element, or gives it its new score where it is if that is in the same block.
    pub(super) fn depart(&mut self, departure: &Departure<'_>) -> Outcome {
        let Departure { element, from, to } = departure;
        let Spot { path, number, at } = self.spot(*element, from);
        let is_first = number != path.hops[0];
        let block = self.blocks.get_mut(number);
        if to.is_some_and(|to| block.rescore(at, &to)) {
            return Outcome::Rescored;
        }
        block.remove(at);
        self.settle(&path, is_first, 1);
        Outcome::Removed
    }

    /// Moves elements from rank `start` on to `out`: at most `max`, and those of one block. There
    /// must be such an element.
    pub(super) fn drain(&mut self, start: usize, max: usize, out: &mut Vec<Element>) {
        let path = self.trace(|_, ahead| ahead < start);
        let offset = start - path.starts[0];
        let is_first = offset == self.blocks.get(path.hops[0]).len();
        let (number, offset) = match is_first {
            true => (self.levels[0].get(path.hops[0]).next, 0),
            false => (path.hops[0], offset),
        };
        let before = out.len();
        self.blocks.get_mut(number).drain(offset, max, out);
        self.settle(&path, is_first, out.len() - before);
    }

    /// After elements were removed from the block that `path` leads to or, its first among them,
    /// from the one behind that: corrects the hops, and drops or merges what has become too small.
    fn settle(&mut self, path: &Path, from_next: bool, removed: usize) {
        self.len -= removed;
        if self.len == 0 {
            *self = Self::new(self.random);
            return;
        }
        let before = path.hops[0];
        let target = self.levels[0].get(before).ahead.filter(|_| from_next);
        let first = target.map(|_| self.blocks.get(self.levels[0].get(before).next).first());
        for (level, &number) in self.levels.iter_mut().zip(&path.hops) {
            let hop = level.get_mut(number);
            if from_next && hop.ahead == target {
                // An emptied block has no first element; its hops go below.
                hop.ahead = first.flatten().or(target);
                let next = hop.next;
                level.get_mut(next).span -= removed;
            } else {
                hop.span -= removed;
            }
        }
        self.merge(path);
        while self.levels.len() > 1 && self.levels.last().is_some_and(Level::is_empty) {
            self.levels.pop();
        }
    }

    /// Lets the block that `path` leads to take over the next, if one of them is sparse.
    fn merge(&mut self, path: &Path) {
        let hop = self.levels[0].get(path.hops[0]);
        let Some(ahead) = hop.ahead else { return };
        let [left, right] = [path.hops[0], hop.next].map(|number| self.blocks.get(number));
        if !left.should_absorb(right) {
            return;
        }
        let right = std::mem::take(self.blocks.get_mut(hop.next));
        self.blocks.get_mut(path.hops[0]).absorb(right);
        // The tower of the block that is gone: as high as hops lead to it.
        for (level, &number) in self.levels.iter_mut().zip(&path.hops) {
            if level.get(number).ahead != Some(ahead) {
                break;
            }
            level.skip_next(number);
        }
    }

    /// The block reached by taking every hop that `takes` agrees to, from the highest level down,
    /// and the rank at which it begins. `takes` is told the first element of the block that the hop
    /// leads to, and its rank. None without elements.
    #[inline]
    pub(super) fn find(
        &self,
        takes: impl FnMut(&Element, usize) -> bool,
    ) -> Option<(Run<'_>, usize)> {
        if self.len == 0 {
            return None;
        }
        let (number, start) = self.descend(takes, |_, _, _| ());
        Some((self.blocks.get(number).run(), start))
    }

    /// As [`find`](Self::find), and keeps the way.
    fn trace(&self, takes: impl FnMut(&Element, usize) -> bool) -> Path {
        let mut path = Path::default();
        self.descend(takes, |level, hop, start| {
            path.hops[level] = hop;
            path.starts[level] = start;
        });
        path
    }

    #[inline]
    fn descend(
        &self,
        mut takes: impl FnMut(&Element, usize) -> bool,
        mut leaves: impl FnMut(usize, u32, usize),
    ) -> (u32, usize) {
        let (mut number, mut start) = (0, 0);
        for (at, level) in self.levels.iter().enumerate().rev() {
            let mut hop = level.get(number);
            while let Some(ahead) = &hop.ahead
                && takes(ahead, start + hop.span)
            {
                start += hop.span;
                number = hop.next;
                hop = level.get(number);
            }
            leaves(at, number, start);
            if at > 0 {
                number = hop.down;
            }
        }
        (number, start)
    }

    /// The block with the element of this rank, which must be in range, and its place there.
    pub(super) fn block_of_rank(&self, rank: usize) -> (Run<'_>, usize) {
        let (run, start) = self.find(|_, ahead| ahead <= rank).expect("the rank is in range");
        (run, rank - start)
    }

    /// Bytes of all arrays.
    pub(super) fn alloc_bytes(&self) -> usize {
        let levels: usize = self.levels.iter().map(Level::alloc_bytes).sum();
        let arrays: usize = self.blocks.iter().map(Block::alloc_bytes).sum();
        self.levels.capacity() * size_of::<Level>() + levels + self.blocks.alloc_bytes() + arrays
    }
}

#[cfg(test)]
impl Chain {
    /// Panics unless blocks and hops are as they must be; returns the number of elements.
    pub(super) fn check(&self) -> usize {
        assert_eq!(self.levels.is_empty(), self.len == 0);
        let mut below = Vec::new();
        for (at, level) in self.levels.iter().enumerate() {
            let hops = level.walk();
            assert!(hops.len() > 1 || at == 0, "no level is needless");
            let mut starts: Vec<_> = hops.iter().map(|hop| hop.1).collect();
            starts.push(self.len);
            for (pair, (number, start, hop)) in starts.windows(2).zip(&hops) {
                assert_eq!(hop.span, pair[1] - pair[0], "spans are exact");
                if at == 0 {
                    self.blocks.get(*number).check();
                    assert_eq!(self.blocks.get(*number).len(), hop.span);
                } else {
                    assert!(below.contains(&(hop.down, *start)), "a tower is of one block");
                }
                if let Some(ahead) = hop.ahead {
                    let (run, offset) = self.block_of_rank(pair[1]);
                    assert_eq!((run.element(0), offset), (ahead, 0), "a hop knows where it leads");
                }
            }
            below = hops.into_iter().map(|(number, start, _)| (number, start)).collect();
        }
        self.len
    }
}
