//! One level of the list: the hops from block to block, or over many at once.

use super::chunked::Chunked;
use super::search::Element;
use crate::stdx::alloc::Mover;

/// From one block of a level to the next. All hops of a level lie close together, apart from what
/// they lead over: 32 bytes each, so that a search finds most of them in a near cache.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Hop {
    /// The first element of the block that it leads to: what decides whether to take it, so that
    /// only blocks on the way are looked into. `None` at the end of the level.
    pub(super) ahead: Option<Element>,
    /// Elements that it passes over: those from the first of its own block up to `ahead`, or up to
    /// the end.
    pub(super) span: usize,
    /// The hop of the block that it leads to, if there is one.
    pub(super) next: u32,
    /// The hop of the same block in the level below, if there is one.
    pub(super) down: u32,
}

/// The hops of a level, numbered. Number 0 is the first block's, which every level has, and to
/// which none leads.
pub(super) struct Level {
    hops: Chunked<Hop>,
    /// The first of the numbers that are free, which are chained by `next`; 0 if none is.
    free: u32,
}

impl Level {
    /// A level with the hop of the first block alone, which passes over everything.
    pub(super) fn new(span: usize) -> Self {
        let mut hops = Chunked::new();
        hops.push(Hop { ahead: None, span, next: 0, down: 0 });
        Self { hops, free: 0 }
    }

    /// Adds a hop; returns its number.
    pub(super) fn add(&mut self, hop: Hop) -> u32 {
        if self.free == 0 {
            return self.hops.push(hop);
        }
        let number = self.free;
        let slot = self.hops.get_mut(number);
        self.free = slot.next;
        *slot = hop;
        number
    }

    /// Takes out the hop of the block that hop `number` leads to, which then leads over it. Returns
    /// the number that is free now.
    pub(super) fn skip_next(&mut self, number: u32) -> u32 {
        let next = self.get(number).next;
        let gone = *self.get(next);
        let hop = self.get_mut(number);
        hop.ahead = gone.ahead;
        hop.next = gone.next;
        hop.span += gone.span;
        *self.get_mut(next) = Hop { ahead: None, span: 0, next: self.free, down: 0 };
        self.free = next;
        next
    }

    pub(super) fn relocate(&mut self, mover: &mut Mover) {
        self.hops.relocate(mover);
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> &Hop {
        self.hops.get(number)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> &mut Hop {
        self.hops.get_mut(number)
    }

    /// Whether nothing but the first block is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.get(0).ahead.is_none()
    }

    pub(super) fn alloc_bytes(&self) -> usize {
        self.hops.alloc_bytes()
    }
}

#[cfg(test)]
impl Level {
    /// The hops from the first on, each with its number and the rank at which its block begins.
    pub(super) fn walk(&self) -> Vec<(u32, usize, Hop)> {
        let (mut hops, mut number, mut start) = (Vec::new(), 0, 0);
        loop {
            let hop = *self.get(number);
            hops.push((number, start, hop));
            if hop.ahead.is_none() {
                return hops;
            }
            (number, start) = (hop.next, start + hop.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hops_share_a_cache_line() {
        assert_eq!(size_of::<Hop>(), 32);
    }
}
