//! What XREAD and XREADGROUP have in common: their arguments.

use super::id;
use crate::cmd::args::{self, Args};
use crate::resp::{Argv, CmdError, Reply};
use crate::types::stream::Id;
use std::ops::Range;

const NEGATIVE_TIMEOUT: CmdError = CmdError::Msg("timeout is negative");

/// A request for what streams hold behind certain ids.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// The streams, as numbers of arguments; their ids follow.
    pub(super) keys: Range<usize>,
    /// Entries of a stream at most.
    pub(super) count: usize,
    /// Whether to wait where there is nothing, and until when.
    pub(super) block: Option<Option<u64>>,
    /// The group and the consumer.
    pub(super) group: Option<(&'a [u8], &'a [u8])>,
    /// What is read does not pend.
    pub(super) no_ack: bool,
    /// What has been with another consumer for so long is read first.
    pub(super) claim_min_ms: Option<u64>,
    /// Entries of all streams at most.
    pub(super) total_max: usize,
    /// Bytes of the whole reply at most.
    pub(super) bytes_max: usize,
}

/// How much more a reply may hold, of all streams together. It holds one entry in any case.
#[derive(Debug)]
pub(super) struct Room {
    entries: usize,
    /// Where the output ends that is full.
    end: usize,
    is_empty: bool,
}

impl Room {
    /// The room for a reply that begins now.
    pub(super) fn new(reply: &Reply<'_>, request: &Request<'_>) -> Self {
        let end = reply.written().saturating_add(request.bytes_max);
        Self { entries: request.total_max, end, is_empty: true }
    }

    /// How many more entries may be answered, unless they are large.
    pub(super) fn left(&self) -> usize {
        self.entries
    }

    /// Whether nothing more is to be answered.
    pub(super) fn is_full(&self) -> bool {
        self.entries == 0
    }

    /// Answers an entry, if there is room for it; whether there was.
    #[inline]
    pub(super) fn put(
        &mut self,
        reply: &mut Reply<'_>,
        write: impl FnOnce(&mut Reply<'_>),
    ) -> bool {
        if self.is_full() {
            return false;
        }
        let before = reply.open();
        write(reply);
        if reply.written() > self.end && !self.is_empty {
            reply.cut(before);
            self.entries = 0;
            return false;
        }
        self.entries -= 1;
        self.is_empty = false;
        true
    }
}

/// Where the reading of a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// Behind this id.
    Behind(Id),
    /// `$`: behind all there is.
    Top,
    /// `+`: with the last entry.
    Last,
    /// `>`: behind what the group was given.
    Unread,
}

/// Parses a request of XREAD, or of XREADGROUP if it is `grouped`.
pub(super) fn parse<'a>(
    argv: &Argv<'a>,
    grouped: bool,
    now_ms: u64,
) -> Result<Request<'a>, CmdError> {
    let mut request = Request {
        keys: 0..0,
        count: usize::MAX,
        block: None,
        group: None,
        no_ack: false,
        claim_min_ms: None,
        total_max: usize::MAX,
        bytes_max: usize::MAX,
    };
    let mut args = Args::new(argv, 1);
    loop {
        let more = args.left() > 1;
        if more && args.word("STREAMS") {
            break;
        } else if more && args.word("BLOCK") {
            request.block = Some(deadline(args.any()?, now_ms)?);
        } else if more && args.word("COUNT") {
            request.count = match id::count(args.any()?)? {
                0 => usize::MAX,
                count => count as usize,
            };
        } else if more && args.word("MAXCOUNT") {
            request.total_max = at_most(&mut args, "MAXCOUNT must be a positive integer")?;
        } else if more && args.word("MAXSIZE") {
            request.bytes_max = at_most(&mut args, "MAXSIZE must be a positive integer")?;
        } else if !of_group(&mut request, &mut args, grouped)? {
            return Err(CmdError::Syntax);
        }
    }
    if request.count != usize::MAX && request.total_max < request.count {
        return Err(CmdError::Msg("MAXCOUNT must be greater than or equal to COUNT"));
    }
    let (first, count) = (args.position(), args.left());
    if count % 2 == 1 {
        return Err(unbalanced(grouped));
    }
    request.keys = first..first + count / 2;
    if grouped && request.group.is_none() {
        return Err(CmdError::Msg("Missing GROUP option for XREADGROUP"));
    }
    Ok(request)
}

/// Takes an option that only XREADGROUP has, if one comes next; whether it was.
fn of_group<'a>(
    request: &mut Request<'a>,
    args: &mut Args<'a>,
    grouped: bool,
) -> Result<bool, CmdError> {
    let refusal = if args.left() > 2 && args.word("GROUP") {
        request.group = Some((args.any()?, args.any()?));
        "The GROUP option is only supported by XREADGROUP. You called XREAD instead."
    } else if args.word("NOACK") {
        request.no_ack = true;
        "The NOACK option is only supported by XREADGROUP. You called XREAD instead."
    } else if args.left() > 1 && args.word("CLAIM") {
        if grouped {
            request.claim_min_ms = Some(claim_min_ms(args.any()?)?);
        }
        "The CLAIM option is only supported by XREADGROUP. You called XREAD instead."
    } else {
        return Ok(false);
    };
    if grouped { Ok(true) } else { Err(CmdError::Msg(refusal)) }
}

fn claim_min_ms(arg: &[u8]) -> Result<u64, CmdError> {
    let ms = args::int(arg).map_err(|_| CmdError::Msg("min-idle-time is not an integer"))?;
    u64::try_from(ms).map_err(|_| CmdError::Msg("min-idle-time must be a positive integer"))
}

fn at_most(args: &mut Args<'_>, otherwise: &'static str) -> Result<usize, CmdError> {
    args.int_in(1, i64::MAX, CmdError::Msg(otherwise)).map(|max| max as usize)
}

impl Request<'_> {
    /// The argument that says where the reading of the stream at number `key` begins.
    pub(super) fn start_at(&self, key: usize) -> usize {
        key + self.keys.len()
    }
}

#[cold]
fn unbalanced(grouped: bool) -> CmdError {
    CmdError::Msg(if grouped {
        "Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be \
         specified."
    } else {
        "Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be \
         specified."
    })
}

/// Where reading begins, as XREAD or XREADGROUP takes it.
pub(super) fn from(arg: &[u8], grouped: bool) -> Result<From, CmdError> {
    match (arg, grouped) {
        (b"$", false) => Ok(From::Top),
        (b"+", false) => Ok(From::Last),
        (b">", true) => Ok(From::Unread),
        (b">", false) => Err(CmdError::Msg(
            "The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
             <consumer> option.",
        )),
        (b"$", true) => Err(CmdError::Msg(
            "The $ ID is meaningless in the context of XREADGROUP: you want to read the history \
             of this consumer by specifying a proper ID, or use the > ID to get new messages. The \
             $ ID would just return an empty result set.",
        )),
        (b"+", true) => Err(CmdError::Msg(
            "The + ID is meaningless in the context of XREADGROUP: you want to read the history \
             of this consumer by specifying a proper ID, or use the > ID to get new messages. The \
             + ID would just return an empty result set.",
        )),
        _ => id::id(arg, 0).map(From::Behind),
    }
}

/// How long to wait, in milliseconds, as the time when it is over; `None` is for ever.
fn deadline(arg: &[u8], now_ms: u64) -> Result<Option<u64>, CmdError> {
    let ms = args::int(arg);
    let ms = ms.map_err(|_| CmdError::Msg("timeout is not an integer or out of range"))?;
    let ms = u64::try_from(ms).map_err(|_| NEGATIVE_TIMEOUT)?;
    if ms == 0 {
        return Ok(None);
    }
    let at = now_ms.checked_add(ms).filter(|at| i64::try_from(*at).is_ok());
    at.map(Some).ok_or(CmdError::Msg("timeout is out of range"))
}
