//! Where a range of a sorted set begins and ends: by score, or by the members' bytes.

use std::ops::Bound;

/// A range of scores. Infinite bounds are scores like others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreRange {
    /// Where it begins.
    pub min: Bound<f64>,
    /// Where it ends.
    pub max: Bound<f64>,
}

impl ScoreRange {
    /// Whether `score` comes before the range.
    pub(super) fn is_after(&self, score: f64) -> bool {
        match self.min {
            Bound::Included(min) => score < min,
            Bound::Excluded(min) => score <= min,
            Bound::Unbounded => false,
        }
    }

    /// Whether `score` does not come after the range.
    pub(super) fn reaches(&self, score: f64) -> bool {
        match self.max {
            Bound::Included(max) => score <= max,
            Bound::Excluded(max) => score < max,
            Bound::Unbounded => true,
        }
    }
}

/// One end of a range of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// `-`: before all members.
    Lowest,
    /// `+`: after all members.
    Highest,
    /// `[`: a member that belongs to the range.
    Included(&'a [u8]),
    /// `(`: a member that does not.
    Excluded(&'a [u8]),
}

/// A range of members, which means something where all scores are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// Where it begins.
    pub min: LexBound<'a>,
    /// Where it ends.
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    /// Whether `member` comes before the range.
    pub(super) fn is_after(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Included(min) => member < min,
            LexBound::Excluded(min) => member <= min,
        }
    }

    /// Whether `member` does not come after the range.
    pub(super) fn reaches(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Included(max) => member <= max,
            LexBound::Excluded(max) => member < max,
        }
    }
}
