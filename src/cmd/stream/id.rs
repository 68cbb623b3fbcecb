//! Ids as arguments.

use crate::cmd::args;
use crate::resp::CmdError;
use crate::stdx::num;
use crate::types::stream::Id;

const INVALID: CmdError = CmdError::Msg("Invalid stream ID specified as stream command argument");
/// Bytes of an argument beyond which it is no id.
const TEXT_MAX: usize = 127;

/// `ms-seq`, or `ms` alone, to which `missing` is the second half.
pub(super) fn id(arg: &[u8], missing: u64) -> Result<Id, CmdError> {
    parse(arg, missing).ok_or(INVALID)
}

/// The same, or `None` for what is none.
pub(super) fn parse(arg: &[u8], missing: u64) -> Option<Id> {
    if arg.len() > TEXT_MAX {
        return None;
    }
    let Some(dash) = arg.iter().position(|byte| *byte == b'-') else {
        return Some(Id::new(num::parse_u64_as_c(arg)?, missing));
    };
    let (ms, seq) = (&arg[..dash], &arg[dash + 1..]);
    Some(Id::new(num::parse_u64_as_c(ms)?, num::parse_u64_as_c(seq)?))
}

/// The same for an id that is to be given: `ms-*` is one too, whose second half is `None`.
pub(super) fn to_give(arg: &[u8]) -> Result<(u64, Option<u64>), CmdError> {
    if let Some(ms) = arg.strip_suffix(b"-*")
        && arg.len() <= TEXT_MAX
    {
        return num::parse_u64_as_c(ms).map(|ms| (ms, None)).ok_or(INVALID);
    }
    let Id { ms, seq } = id(arg, 0)?;
    Ok((ms, Some(seq)))
}

/// One end of a range: an id, or `-` or `+` for the lowest or highest; whether it is itself left out.
fn bound(arg: &[u8], missing: u64) -> Result<(Id, bool), CmdError> {
    match arg {
        b"-" => Ok((Id::MIN, false)),
        b"+" => Ok((Id::MAX, false)),
        [b'(', rest @ ..] if !matches!(rest, b"-" | b"+") => Ok((id(rest, missing)?, true)),
        _ => Ok((id(arg, missing)?, false)),
    }
}

/// The start of a range.
pub(super) fn start(arg: &[u8]) -> Result<Id, CmdError> {
    let (id, exclusive) = bound(arg, 0)?;
    let next = if exclusive { id.next() } else { Some(id) };
    next.ok_or(CmdError::Msg("invalid start ID for the interval"))
}

/// The end of a range.
pub(super) fn end(arg: &[u8]) -> Result<Id, CmdError> {
    let (id, exclusive) = bound(arg, u64::MAX)?;
    let prev = if exclusive { id.prev() } else { Some(id) };
    prev.ok_or(CmdError::Msg("invalid end ID for the interval"))
}

/// Ids in the arguments from number `from` on.
pub(super) fn all<'a>(args: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Id>, CmdError> {
    args.map(|arg| id(arg, 0)).collect()
}

/// A count that stands where one may: what is negative is 0.
pub(super) fn count(arg: &[u8]) -> Result<u64, CmdError> {
    args::int(arg).map(|count| u64::try_from(count).unwrap_or(0))
}
