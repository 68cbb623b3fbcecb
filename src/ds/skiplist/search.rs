//! Places in the order of all elements, and searching the elements of a block.

use super::raw::{Alive, Link};

/// A place in the order of all elements: that of a score and a member.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) score: f64,
    pub(super) member: &'a [u8],
    pub(super) alive: Alive<'a>,
}

/// A run in order: the scores, and in the same order the members.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) scores: &'a [f64],
    pub(super) links: &'a [Link],
}

/// An element of a run.
#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(C)]
pub(super) struct Element {
    pub(super) score: f64,
    pub(super) link: Link,
}

impl Place<'_> {
    /// Whether it comes before `other`.
    #[inline]
    pub(super) fn is_before(&self, other: &Element) -> bool {
        self.score < other.score
            || (self.score == other.score && self.member < other.link.bytes(self.alive))
    }

    /// Whether it comes after `other`.
    #[inline]
    pub(super) fn is_after(&self, other: &Element) -> bool {
        self.score > other.score
            || (self.score == other.score && self.member > other.link.bytes(self.alive))
    }

    /// How many elements of `run` are not after this place. Members are read only where scores are
    /// equal.
    #[inline]
    pub(super) fn leading(&self, run: Run<'_>) -> usize {
        let below = count_below(run.scores, self.score);
        let ties = run.scores[below..].iter().take_while(|&&score| score == self.score).count();
        if ties == 0 {
            return below;
        }
        let tied = &run.links[below..below + ties];
        below + tied.partition_point(|link| link.bytes(self.alive) <= self.member)
    }
}

impl<'a> Run<'a> {
    pub(super) const EMPTY: Self = Self { scores: &[], links: &[] };

    #[inline]
    pub(super) fn len(self) -> usize {
        self.scores.len()
    }

    #[inline]
    pub(super) fn element(self, at: usize) -> Element {
        Element { score: self.scores[at], link: self.links[at] }
    }

    #[inline]
    pub(super) fn from(self, start: usize) -> Self {
        Self { scores: &self.scores[start..], links: &self.links[start..] }
    }

    #[inline]
    pub(super) fn until(self, end: usize) -> Self {
        Self { scores: &self.scores[..end], links: &self.links[..end] }
    }

    /// The place of a member that the run is known to hold, found without reading any.
    pub(super) fn find(self, element: Element) -> usize {
        let below = count_below(self.scores, element.score);
        let ahead = self.links[below..].iter().position(|&link| link == element.link);
        below + ahead.expect("the list holds every member of the dict")
    }
}

/// How many of the ascending `scores` are below `score`.
///
/// All are looked at: that loads the few cache lines of a run at once, where a binary search would
/// wait for one after the other, and it compiles to vector instructions without branches.
#[inline]
fn count_below(scores: &[f64], score: f64) -> usize {
    scores.iter().map(|&other| usize::from(other < score)).sum()
}
