//! XLEN, XRANGE, XREVRANGE.

use super::{id, reply_entry};
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::Collection;
use crate::types::stream::{EntryRef, Stream};

const RANGE: Spec = Spec {
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(N), of N entries answered",
    arity: -4,
    flags: flag::READONLY,
    acl: acl::STREAM,
    keys: &[key(1).ro().access()],
    history: &[("6.2.0", "Takes bounds that are not part of the range.")],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "xlen",
            summary: "Answers how many entries a stream has.",
            since: "5.0.0",
            group: Group::Stream,
            arity: 2,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::STREAM,
            keys: &[key(1).ro()],
            args: &[arg::key("key")],
            ..Spec::NEW
        },
        run: Run::Keys(xlen),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "xrange",
            summary: "Answers the entries from one id to another.",
            args: &[
                arg::key("key"),
                arg::string("start"),
                arg::string("end"),
                arg::integer("count").after("COUNT").optional(),
            ],
            ..RANGE
        },
        run: Run::Keys(xrange),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "xrevrange",
            summary: "Answers the entries from one id back to another.",
            args: &[
                arg::key("key"),
                arg::string("end"),
                arg::string("start"),
                arg::integer("count").after("COUNT").optional(),
            ],
            ..RANGE
        },
        run: Run::Keys(xrevrange),
        ..Command::NEW
    },
];

fn xlen(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let stream = c.db.fetch_as::<Stream>(&argv[1])?;
    c.reply.len(stream.map_or(0, Collection::len));
    DONE
}

fn xrange(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    range(c, argv, false)
}

fn xrevrange(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    range(c, argv, true)
}

fn range(c: &mut KeysCtx<'_>, argv: &Argv<'_>, back: bool) -> Outcome {
    let (start, end) = if back { (&argv[3], &argv[2]) } else { (&argv[2], &argv[3]) };
    let (from, to) = (id::start(start)?, id::end(end)?);
    let mut args = Args::new(argv, 4);
    let mut count = None;
    while args.left() > 0 {
        if args.left() < 2 || !args.word("COUNT") {
            return Err(CmdError::Syntax);
        }
        count = Some(id::count(args.any()?)?);
    }
    let Some(stream) = c.db.fetch_as::<Stream>(&argv[1])? else {
        c.reply.array(0);
        return DONE;
    };
    if count == Some(0) {
        c.reply.null_array();
        return DONE;
    }
    let max = count.map_or(usize::MAX, |count| count as usize);
    if back {
        reply_all(&mut c.reply, stream.range_back(from, to).take(max));
    } else {
        reply_all(&mut c.reply, stream.range(from, to).take(max));
    }
    DONE
}

/// Answers an array of entries.
pub(super) fn reply_all<'a>(reply: &mut Reply<'_>, entries: impl Iterator<Item = EntryRef<'a>>) {
    let opened = reply.open();
    let mut len = 0;
    for entry in entries {
        reply_entry(reply, &entry);
        len += 1;
    }
    reply.close_array(opened, len);
}
