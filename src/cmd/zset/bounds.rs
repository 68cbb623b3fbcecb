//! Bounds of ranges, as clients write them.

use crate::resp::CmdError;
use crate::stdx::num;
use crate::types::zset::{LexBound, LexRange, ScoreRange};
use std::ops::{Bound, Range};

/// A range of scores. A bound with `(` before it is left out itself.
///
/// # Errors
/// One of them is no number.
pub(super) fn scores(min: &[u8], max: &[u8]) -> Result<ScoreRange, CmdError> {
    Ok(ScoreRange { min: score(min)?, max: score(max)? })
}

fn score(text: &[u8]) -> Result<Bound<f64>, CmdError> {
    let (text, bound): (_, fn(f64) -> Bound<f64>) = match text {
        [b'(', rest @ ..] => (rest, Bound::Excluded),
        _ => (text, Bound::Included),
    };
    let score = num::parse_f64_bound(text).ok_or(CmdError::Msg("min or max is not a float"))?;
    Ok(bound(score))
}

/// A range of members by their bytes: `[` before a bound takes it in, `(` leaves it out, `-` stands
/// before all and `+` behind all.
///
/// # Errors
/// One of them is nothing of this.
pub(super) fn lexical<'a>(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>, CmdError> {
    Ok(LexRange { min: lexical_bound(min)?, max: lexical_bound(max)? })
}

fn lexical_bound(text: &[u8]) -> Result<LexBound<'_>, CmdError> {
    match text {
        b"-" => Ok(LexBound::Lowest),
        b"+" => Ok(LexBound::Highest),
        [b'[', member @ ..] => Ok(LexBound::Included(member)),
        [b'(', member @ ..] => Ok(LexBound::Excluded(member)),
        _ => Err(CmdError::Msg("min or max not valid string range item")),
    }
}

/// The ranks from `start` to `stop`, of `len`. Both are taken in; negative ones count from the end.
pub(super) fn ranks(start: i64, stop: i64, len: usize) -> Range<usize> {
    let from_end = |at: i64| if at < 0 { at.saturating_add(len as i64) } else { at };
    let start = from_end(start).clamp(0, len as i64);
    let end = from_end(stop).saturating_add(1).clamp(start, len as i64);
    start as usize..end as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_stay_within_the_elements_whatever_was_asked_for() {
        assert_eq!(ranks(0, -1, 3), 0..3);
        assert_eq!(ranks(-2, -1, 3), 1..3);
        assert_eq!(ranks(-9, 9, 3), 0..3);
        assert_eq!(ranks(i64::MIN, i64::MAX, 3), 0..3);
        assert!(ranks(2, 1, 3).is_empty());
        assert!(ranks(5, -1, 3).is_empty());
        assert!(ranks(0, -5, 3).is_empty());
        assert!(ranks(i64::MAX, i64::MIN, 3).is_empty());
        assert!(ranks(0, -1, 0).is_empty());
    }
}
