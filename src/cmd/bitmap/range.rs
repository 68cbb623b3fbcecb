//! Ranges of bits: counted, searched.

use crate::cmd::args::{Args, int};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, flag, key};
use crate::stdx::bits;
use std::ops::Range;

const UNIT: Arg =
    arg::one_of("unit", &[arg::token("byte", "BYTE"), arg::token("bit", "BIT")]).optional();

const UNIT_HISTORY: (&str, &str) = ("7.0.0", "A range can be told in bits.");

/// What a range is made of, in both commands.
const RANGE: &[Arg] = &[
    arg::integer("start"),
    arg::block("end-unit-block", &[arg::integer("end"), UNIT.since("7.0.0")]).optional(),
];

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "bitcount",
            summary: "Counts the bits that are set in a string or in a part of it.",
            since: "2.6.0",
            group: Group::Bitmap,
            complexity: "O(N)",
            arity: -2,
            flags: flag::READONLY,
            acl: acl::BITMAP,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::block("range", RANGE).optional()],
            history: &[UNIT_HISTORY, ("8.0.0", "A range may leave out its end.")],
            ..Spec::NEW
        },
        run: Run::Keys(bitcount),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "bitpos",
            summary: "Answers where the first bit is that is set, or the first that is not.",
            since: "2.8.7",
            group: Group::Bitmap,
            complexity: "O(N)",
            arity: -3,
            flags: flag::READONLY,
            acl: acl::BITMAP,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::integer("bit"), arg::block("range", RANGE).optional()],
            history: &[UNIT_HISTORY],
            ..Spec::NEW
        },
        run: Run::Keys(bitpos),
        ..Command::NEW
    },
];

/// A part of a string as commands tell it: both ends included, counted from the end where negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    start: i64,
    end: Option<i64>,
    /// It is counted in bits, not bytes.
    in_bits: bool,
}

impl Part {
    const WHOLE: Self = Self { start: 0, end: None, in_bits: false };

    /// `[start [end [BYTE | BIT]]]`. The unit is looked at before the end, as Redis does.
    fn parse(args: Args<'_>) -> Result<Self, CmdError> {
        let mut words = args.rest();
        let Some(start) = words.next() else { return Ok(Self::WHOLE) };
        let end = words.next();
        let mut part = Self { start: int(start)?, ..Self::WHOLE };
        if let Some(unit) = words.next() {
            part.in_bits = unit.eq_ignore_ascii_case(b"BIT");
            if !part.in_bits && !unit.eq_ignore_ascii_case(b"BYTE") {
                return Err(CmdError::Syntax);
            }
        }
        part.end = end.map(int).transpose()?;
        Ok(part)
    }

    /// Whether both ends are counted from the end, the wrong way round. Where both lie before the
    /// string, they would otherwise mean its first byte.
    fn is_reversed(self) -> bool {
        self.end.is_some_and(|end| self.start < 0 && end < 0 && self.start > end)
    }

    /// The bits it means in a string of `len` bytes.
    fn bits(self, len: usize) -> Range<u64> {
        let unit = if self.in_bits { 1 } else { 8 };
        let total = len as i64 * (8 / unit);
        let end = self.end.unwrap_or(-1);
        let from_front = |at: i64| if at < 0 { (total + at).max(0) } else { at };
        let (start, end) = (from_front(self.start), from_front(end).min(total - 1));
        if start > end { 0..0 } else { (start * unit) as u64..((end + 1) * unit) as u64 }
    }
}

/// BITCOUNT alone finds nothing in a range that is reversed.
fn bitcount(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let args = Args::new(argv, 2);
    if args.left() > 3 {
        return Err(CmdError::Syntax);
    }
    let part = Part::parse(args)?;
    let held = c.db.string(&argv[1])?;
    let count = held.map_or(0, |held| {
        let mut digits = itoa::Buffer::new();
        let bytes = held.bytes(&mut digits);
        let range = if part.is_reversed() { 0..0 } else { part.bits(bytes.len()) };
        bits::count_ones_in(bytes, range)
    });
    c.reply.int(count as i64);
    DONE
}

/// A string is taken to go on with zero bits, unless the range has an end: so a clear bit is found
/// behind the string at the latest.
fn bitpos(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let bit = match int(&argv[2])? {
        0 => false,
        1 => true,
        _ => return Err(CmdError::Msg("The bit argument must be 1 or 0.")),
    };
    let args = Args::new(argv, 3);
    if args.left() > 3 {
        return Err(CmdError::Syntax);
    }
    let part = Part::parse(args)?;
    let at = match c.db.string(&argv[1])? {
        None => (!bit).then_some(0),
        Some(held) => {
            let mut digits = itoa::Buffer::new();
            let bytes = held.bytes(&mut digits);
            let range = part.bits(bytes.len());
            let behind = (!bit && part.end.is_none() && !range.is_empty()).then_some(range.end);
            bits::position_in(bytes, range, bit).or(behind)
        }
    };
    c.reply.int(at.map_or(-1, |at| at as i64));
    DONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_never_leaves_the_string() {
        let ends = [i64::MIN, -49, -48, -7, -6, -5, -1, 0, 1, 5, 6, 47, 48, i64::MAX];
        for len in 0..6_usize {
            for (start, end) in ends.iter().flat_map(|start| ends.map(|end| (*start, end))) {
                for in_bits in [false, true] {
                    let bits = Part { start, end: Some(end), in_bits }.bits(len);
                    let inside = bits.start <= bits.end && bits.end <= len as u64 * 8;
                    assert!(inside, "{start} {end} {in_bits} of {len} bytes: {bits:?}");
                }
            }
        }
        assert_eq!(Part { start: -9, end: Some(-1), in_bits: true }.bits(2), 7..16);
        assert_eq!(Part { start: 1, end: None, in_bits: false }.bits(2), 8..16);
    }
}
