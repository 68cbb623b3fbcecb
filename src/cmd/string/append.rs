//! Parts of strings: appended, overwritten, cut out.

use crate::cmd::args::int;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{Str, new_padded, new_string, overwrite};
use std::ops::Range;

const APPEND: Event = Event::string("append");
const SETRANGE: Event = Event::string("setrange");

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "append",
            summary: "Appends to the string that a key holds, or creates it.",
            since: "2.0.0",
            group: Group::String,
            complexity: "O(1) amortised",
            arity: 3,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
            acl: acl::STRING,
            keys: &[key(1).rw().insert()],
            args: &[arg::key("key"), arg::string("value")],
            ..Spec::NEW
        },
        run: Run::Keys(append),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "setrange",
            summary: "Overwrites a part of the string that a key holds, or creates it.",
            since: "2.2.0",
            group: Group::String,
            complexity: "O(M), M being the length of the value; O(N) where the string has to grow",
            arity: 4,
            flags: flag::WRITE.with(flag::DENYOOM),
            acl: acl::STRING,
            keys: &[key(1).rw().update()],
            args: &[arg::key("key"), arg::integer("offset"), arg::string("value")],
            ..Spec::NEW
        },
        run: Run::Keys(setrange),
        ..Command::NEW
    },
    Command {
        spec: Spec { name: "getrange", since: "2.4.0", ..SUBSTRING },
        run: Run::Keys(getrange),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "substr",
            since: "1.0.0",
            deprecated: Some(("2.0.0", "`GETRANGE`")),
            ..SUBSTRING
        },
        run: Run::Keys(getrange),
        ..Command::NEW
    },
];

/// What GETRANGE and its old name share.
const SUBSTRING: Spec = Spec {
    summary: "Answers a part of the string that a key holds.",
    group: Group::String,
    complexity: "O(M), M being the length of the part",
    arity: 4,
    flags: flag::READONLY,
    acl: acl::STRING,
    keys: &[key(1).ro().access()],
    args: &[arg::key("key"), arg::integer("start"), arg::integer("end")],
    ..Spec::NEW
};

fn append(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (key, tail) = (&argv[1], &argv[2]);
    let max = c.config.proto_max_bulk_len;
    let len = match c.db.upsert(key) {
        Ok(mut edit) => {
            let held = edit.string().ok_or(CmdError::WrongType)?;
            let len = bounded(held.len(), tail.len(), max)?;
            edit.raw_string().push_slice(tail);
            edit.done(APPEND);
            len
        }
        Err(vacancy) => {
            let len = bounded(0, tail.len(), max)?;
            vacancy.insert(key, new_string(tail), None, APPEND);
            len
        }
    };
    c.reply.len(len);
    DONE
}

fn setrange(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (key, part) = (&argv[1], &argv[3]);
    let offset =
        usize::try_from(int(&argv[2])?).map_err(|_| CmdError::Msg("offset is out of range"))?;
    let max = c.config.proto_max_bulk_len;
    let len = match c.db.upsert(key) {
        Ok(edit) if part.is_empty() => edit.string().ok_or(CmdError::WrongType)?.len(),
        Err(_) if part.is_empty() => 0,
        Ok(mut edit) => {
            edit.string().ok_or(CmdError::WrongType)?;
            bounded(offset, part.len(), max)?;
            let string = edit.raw_string();
            overwrite(string, offset, part);
            let len = string.len();
            edit.done(SETRANGE);
            len
        }
        Err(vacancy) => {
            let len = bounded(offset, part.len(), max)?;
            vacancy.insert(key, new_padded(offset, part), None, SETRANGE);
            len
        }
    };
    c.reply.len(len);
    DONE
}

/// `len + more`, if a string may be as long.
fn bounded(len: usize, more: usize, max: u64) -> Result<usize, CmdError> {
    let total = len.checked_add(more).filter(|total| *total as u64 <= max);
    total.ok_or(CmdError::StringTooLong)
}

fn getrange(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (start, end) = (int(&argv[2])?, int(&argv[3])?);
    let held = c.db.string(&argv[1])?.unwrap_or(Str::Bytes(b""));
    let mut digits = itoa::Buffer::new();
    let bytes = held.bytes(&mut digits);
    c.reply.bulk(&bytes[part(start, end, bytes.len())]);
    DONE
}

/// The bytes from `start` to `end`, both included and counted from the end where negative; what
/// lies outside the string is left out.
fn part(start: i64, end: i64, len: usize) -> Range<usize> {
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let len = len as i64;
    let from_front = |at: i64| if at < 0 { (len + at).max(0) } else { at };
    let (start, end) = (from_front(start), from_front(end).min(len - 1));
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_never_leaves_the_string() {
        for len in 0..6_usize {
            for start in [i64::MIN, -7, -6, -5, -1, 0, 1, 4, 5, 6, i64::MAX] {
                for end in [i64::MIN, -7, -6, -5, -1, 0, 1, 4, 5, 6, i64::MAX] {
                    let part = part(start, end, len);
                    assert!(part.start <= part.end && part.end <= len, "{start} {end} {len}");
                }
            }
        }
        assert_eq!(part(0, -100, 5), 0..1);
        assert_eq!(part(-100, -101, 5), 0..0);
        assert_eq!(part(-4, -1, 5), 1..5);
    }
}
