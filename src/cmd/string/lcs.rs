//! LCS: the longest common subsequence of two strings.
//!
//! The classic table: cell (i, j) is the length for the first i bytes of one string and the first j
//! of the other. The subsequence is read off it from the end backwards; where two ways are equally
//! long, a byte of the second string is skipped first, so that ranges come out as Redis has them.

use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, range};
use crate::types::Str;

/// This command.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "lcs",
        summary: "Answers the longest common subsequence of two strings.",
        since: "7.0.0",
        group: Group::String,
        complexity: "O(N*M), N and M being the lengths of the strings",
        arity: -3,
        flags: flag::READONLY,
        acl: acl::STRING,
        keys: &[range(1, 1, 1).ro().access()],
        args: &[
            arg::key("key1"),
            arg::key("key2"),
            arg::token("len", "LEN").optional(),
            arg::token("idx", "IDX").optional(),
            arg::integer("min-match-len").after("MINMATCHLEN").optional(),
            arg::token("withmatchlen", "WITHMATCHLEN").optional(),
        ],
        ..Spec::NEW
    },
    run: Run::Keys(lcs),
    ..Command::NEW
}];

/// What LCS answers.
#[derive(Debug, Default)]
struct Options {
    /// Only the length.
    len: bool,
    /// Where the common parts lie.
    idx: bool,
    /// With IDX: the lengths of the parts as well.
    with_match_len: bool,
    /// With IDX: shorter parts are left out.
    min_match_len: i64,
}

impl Options {
    fn parse(mut args: Args<'_>) -> Result<Self, CmdError> {
        let mut options = Self::default();
        while args.left() > 0 {
            if args.word("LEN") {
                options.len = true;
            } else if args.word("IDX") {
                options.idx = true;
            } else if args.word("WITHMATCHLEN") {
                options.with_match_len = true;
            } else if args.word("MINMATCHLEN") {
                options.min_match_len = args.int()?;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        if options.len && options.idx {
            let words = "If you want both the length and indexes, please just use IDX.";
            return Err(CmdError::Msg(words));
        }
        Ok(options)
    }
}

/// Types are looked at before the options, as Redis does.
fn lcs(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (one, other) = (string(c, &argv[1])?, string(c, &argv[2])?);
    let options = Options::parse(Args::new(argv, 3))?;
    let table = Table::new(&one, &other, c.config.proto_max_bulk_len)?;
    if options.len {
        c.reply.len(table.len());
    } else if options.idx {
        reply_parts(c, &options, &table);
    } else {
        let mut common = Vec::with_capacity(table.len());
        for part in table.parts().iter().rev() {
            common.extend_from_slice(&one[part.one..][..part.len]);
        }
        c.reply.bulk(&common);
    }
    DONE
}

/// A copy of what the key holds: both strings are needed at once.
fn string(c: &mut KeysCtx<'_>, key: &[u8]) -> Result<Vec<u8>, CmdError> {
    let words = "The specified keys must contain string values";
    match c.db.fetch(key) {
        None => Ok(Vec::new()),
        Some(entry) => Ok(Str::of(entry).ok_or(CmdError::Msg(words))?.to_vec()),
    }
}

fn reply_parts(c: &mut KeysCtx<'_>, options: &Options, table: &Table<'_>) {
    let mut parts = table.parts();
    parts.retain(|part| part.len as i64 >= options.min_match_len);
    c.reply.map(2);
    c.reply.bulk(b"matches");
    c.reply.array(parts.len());
    for part in parts {
        c.reply.array(2 + usize::from(options.with_match_len));
        for start in [part.one, part.other] {
            c.reply.array(2);
            c.reply.len(start);
            c.reply.len(start + part.len - 1);
        }
        if options.with_match_len {
            c.reply.len(part.len);
        }
    }
    c.reply.bulk(b"len");
    c.reply.len(table.len());
}

/// A run of bytes of the subsequence that is one in both strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    /// Where it begins in the first string.
    one: usize,
    /// Where it begins in the second.
    other: usize,
    /// Bytes, at least one.
    len: usize,
}

/// Lengths for all pairs of beginnings of two strings.
#[derive(Debug)]
struct Table<'a> {
    one: &'a [u8],
    other: &'a [u8],
    cells: Vec<u32>,
}

impl<'a> Table<'a> {
    /// Fills a table of at most `max` bytes.
    fn new(one: &'a [u8], other: &'a [u8], max: u64) -> Result<Self, CmdError> {
        let longest = one.len().max(other.len());
        if longest >= u32::MAX as usize - 1 {
            return Err(CmdError::Msg("String too long for LCS"));
        }
        let size = (one.len() as u128 + 1) * (other.len() as u128 + 1);
        if size * size_of::<u32>() as u128 > u128::from(max) {
            let words = "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
            return Err(CmdError::Msg(words));
        }
        let mut cells = Vec::new();
        let words = "Insufficient memory, failed allocating transient memory for LCS";
        cells.try_reserve_exact(size as usize).map_err(|_| CmdError::Msg(words))?;
        cells.resize(size as usize, 0);
        let mut table = Self { one, other, cells };
        table.fill();
        Ok(table)
    }

    fn fill(&mut self) {
        let width = self.other.len() + 1;
        for (i, byte) in self.one.iter().enumerate() {
            let (above, row) = self.cells[i * width..][..2 * width].split_at_mut(width);
            for (j, other) in self.other.iter().enumerate() {
                row[j + 1] = if byte == other { above[j] + 1 } else { above[j + 1].max(row[j]) };
            }
        }
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.cells[i * (self.other.len() + 1) + j]
    }

    /// Length of the subsequence.
    fn len(&self) -> usize {
        self.at(self.one.len(), self.other.len()) as usize
    }

    /// The parts of the subsequence, the last one first.
    fn parts(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let (mut i, mut j) = (self.one.len(), self.other.len());
        while i > 0 && j > 0 {
            if self.one[i - 1] == self.other[j - 1] {
                match parts.last_mut() {
                    Some(part) if part.one == i && part.other == j => {
                        *part = Part { one: i - 1, other: j - 1, len: part.len + 1 };
                    }
                    _ => parts.push(Part { one: i - 1, other: j - 1, len: 1 }),
                }
                i -= 1;
                j -= 1;
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        parts
    }
}
