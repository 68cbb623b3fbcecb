//! The words by which string commands give a key a time to live, and their arithmetic.

use crate::cmd::args::{Args, int};
use crate::resp::CmdError;
use crate::spec::{Arg, arg};
use std::mem::discriminant;

/// `EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds`, with the
/// number as received, or a word about the deadline there is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ttl<'a> {
    Ex(&'a [u8]),
    Px(&'a [u8]),
    ExAt(&'a [u8]),
    PxAt(&'a [u8]),
    Keep,
    Persist,
}

/// What becomes of a key's deadline when its value is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deadline {
    Clear,
    Keep,
    /// Milliseconds since the epoch.
    At(u64),
}

pub(super) const EX: Arg = arg::integer("seconds").after("EX");
pub(super) const PX: Arg = arg::integer("milliseconds").after("PX");
pub(super) const EXAT: Arg = arg::unix_time("unix-time-seconds").after("EXAT");
pub(super) const PXAT: Arg = arg::unix_time("unix-time-milliseconds").after("PXAT");
pub(super) const KEEPTTL: Arg = arg::token("keepttl", "KEEPTTL");
pub(super) const PERSIST: Arg = arg::token("persist", "PERSIST");

impl<'a> Ttl<'a> {
    /// Takes one of the four words with a number, if it is the next.
    pub(super) fn take(args: &mut Args<'a>) -> Result<Option<Self>, CmdError> {
        type Word<'a> = (&'static str, fn(&'a [u8]) -> Ttl<'a>);
        let words: [Word<'a>; 4] =
            [("EX", Ttl::Ex), ("PX", Ttl::Px), ("EXAT", Ttl::ExAt), ("PXAT", Ttl::PxAt)];
        match words.into_iter().find(|(word, _)| args.word(word)) {
            Some((_, ttl)) => Ok(Some(ttl(args.any()?))),
            None => Ok(None),
        }
    }

    /// The deadline, of a word with a number. It may be in the past, but not before the epoch, and
    /// a relative number must be positive; `command` names itself in the error.
    pub(super) fn deadline(
        self,
        now_ms: u64,
        command: &'static str,
    ) -> Result<Option<u64>, CmdError> {
        let (number, unit_ms, base) = match self {
            Self::Ex(number) => (number, 1000, now_ms),
            Self::Px(number) => (number, 1, now_ms),
            Self::ExAt(number) => (number, 1000, 0),
            Self::PxAt(number) => (number, 1, 0),
            Self::Keep | Self::Persist => return Ok(None),
        };
        deadline(int(number)?, unit_ms, base).ok_or(CmdError::InvalidExpire(command)).map(Some)
    }
}

/// `number` units after `base`; `None` past the end of time or if `number` is not positive.
fn deadline(number: i64, unit_ms: i64, base: u64) -> Option<u64> {
    let ms = number.checked_mul(unit_ms).filter(|ms| *ms > 0)?;
    ms.checked_add(i64::try_from(base).ok()?).map(i64::unsigned_abs)
}

/// What SET and its kin do to the deadline, given the word they got, if any.
pub(super) fn resolve(
    ttl: Option<Ttl<'_>>,
    now_ms: u64,
    command: &'static str,
) -> Result<Deadline, CmdError> {
    match ttl {
        None | Some(Ttl::Persist) => Ok(Deadline::Clear),
        Some(Ttl::Keep) => Ok(Deadline::Keep),
        Some(ttl) => Ok(ttl.deadline(now_ms, command)?.map_or(Deadline::Clear, Deadline::At)),
    }
}

/// Fills a slot for words that exclude each other. The same word again replaces the first.
pub(super) fn fill<T>(slot: &mut Option<T>, word: T) -> Result<(), CmdError> {
    if slot.as_ref().is_some_and(|taken| discriminant(taken) != discriminant(&word)) {
        return Err(CmdError::Syntax);
    }
    *slot = Some(word);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_past_the_end_of_time_is_refused() {
        let now = 1_700_000_000_000;
        let max = i64::MAX.to_string();
        let at = |ttl: Ttl<'_>| ttl.deadline(now, "set").ok().flatten();
        assert_eq!(at(Ttl::Ex(b"10")), Some(now + 10_000));
        assert_eq!(at(Ttl::PxAt(max.as_bytes())), Some(i64::MAX as u64));
        assert_eq!(at(Ttl::Px(max.as_bytes())), None);
        assert_eq!(at(Ttl::Ex(b"9223372036854775")), None);
        assert_eq!(at(Ttl::ExAt(b"9223372036854775")), Some(9_223_372_036_854_775_000));
        assert_eq!(at(Ttl::ExAt(b"9223372036854776")), None);
        assert_eq!(at(Ttl::ExAt(b"0")), None);
        assert_eq!(at(Ttl::Ex(b"-1")), None);
    }
}
