//! What SCAN, SSCAN, HSCAN and ZSCAN share: their options, their steps and their reply.

use super::args::Args;
use crate::resp::{Bulks, CmdError, Reply};
use crate::spec::{Arg, arg};
use crate::stdx::glob;
use crate::types::Type;

/// Buckets that one call looks at for each element of COUNT, so that it ends in sparse tables too.
const STEPS_PER_ELEMENT: u64 = 10;

/// `MATCH`, as their rows name it.
pub const MATCH: Arg = arg::pattern("pattern").after("MATCH").optional();
/// `COUNT`, as their rows name it.
pub const COUNT: Arg = arg::integer("count").after("COUNT").optional();

/// The option that one of them has and the others have not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// None.
    None,
    /// SCAN's `TYPE`, with a type's name.
    Type,
    /// This word: the elements alone, without their values or scores.
    NamesOnly(&'static str),
}

/// The options of one call.
#[derive(Debug)]
pub struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    /// Elements to look at, about.
    pub count: u64,
    kind: Option<&'a [u8]>,
    /// Values or scores are not wanted.
    pub names_only: bool,
}

impl<'a> ScanOptions<'a> {
    /// Takes the options from `args`, which hold nothing else.
    ///
    /// # Errors
    /// As Redis answers them.
    pub fn parse(mut args: Args<'a>, extra: Extra) -> Result<Self, CmdError> {
        let mut options = Self { pattern: None, count: 10, kind: None, names_only: false };
        while args.left() > 0 {
            if args.word("match") {
                options.pattern = Some(args.any()?).filter(|p| p != b"*");
            } else if args.word("count") {
                let count = args.int()?;
                options.count =
                    u64::try_from(count).ok().filter(|n| *n > 0).ok_or(CmdError::Syntax)?;
            } else if extra == Extra::Type && args.word("type") {
                options.kind = Some(args.any()?);
            } else if matches!(extra, Extra::NamesOnly(word) if args.word(word)) {
                options.names_only = true;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }

    /// Whether an element of this name is asked for.
    pub fn wants(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name, false))
    }

    /// Whether a key of this type is.
    pub fn wants_type(&self, kind: Type) -> bool {
        self.kind.is_none_or(|name| name.eq_ignore_ascii_case(kind.name().as_bytes()))
    }

    /// Takes steps through a table from `cursor` on until enough elements were seen. `step` is given a
    /// cursor and the count of elements seen, to be raised, and answers the next cursor, 0 at the end;
    /// so does this.
    pub fn walk(&self, mut cursor: u64, mut step: impl FnMut(u64, &mut u64) -> u64) -> u64 {
        let mut seen = 0;
        let mut steps = self.count.saturating_mul(STEPS_PER_ELEMENT);
        loop {
            cursor = step(cursor, &mut seen);
            steps -= 1;
            if cursor == 0 || seen >= self.count || steps == 0 {
                return cursor;
            }
        }
    }
}

/// The cursor that a call goes on from.
///
/// # Errors
/// It is no number of 64 bits.
pub fn cursor(arg: &[u8]) -> Result<u64, CmdError> {
    let cursor = std::str::from_utf8(arg).ok().and_then(|text| text.parse().ok());
    cursor.ok_or(CmdError::Msg("invalid cursor"))
}

/// Answers where to go on, and what was found.
pub fn reply(reply: &mut Reply<'_>, next: u64, found: Bulks) {
    reply.array(2);
    reply.bulk(next.to_string().as_bytes());
    reply.bulks(found);
}
