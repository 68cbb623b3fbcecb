//! What is in a list, by its place.

use super::{bulk, nth, span};
use crate::cmd::{Command, DONE, Outcome, Run, args};
use crate::resp::Argv;
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, List};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "llen",
            summary: "Answers the number of a list's elements.",
            since: "1.0.0",
            group: Group::List,
            complexity: "O(1)",
            arity: 2,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::LIST,
            keys: &[key(1).ro()],
            args: &[arg::key("key")],
            ..Spec::NEW
        },
        run: Run::Keys(llen),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "lindex",
            summary: "Answers the element at an index of a list, which counts from the tail where \
                      it is negative.",
            since: "1.0.0",
            group: Group::List,
            complexity: "O(N), of N elements to the nearer end; O(1) at the ends",
            arity: 3,
            flags: flag::READONLY,
            acl: acl::LIST,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::integer("index")],
            ..Spec::NEW
        },
        run: Run::Keys(lindex),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "lrange",
            summary: "Answers the elements of a list from one index to another.",
            since: "1.0.0",
            group: Group::List,
            complexity: "O(S+N), of S elements before the range to the nearer end, and N in it",
            arity: 4,
            flags: flag::READONLY,
            acl: acl::LIST,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::integer("start"), arg::integer("stop")],
            ..Spec::NEW
        },
        run: Run::Keys(lrange),
        ..Command::NEW
    },
];

fn llen(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let len = c.db.fetch_as::<List>(&argv[1])?.map_or(0, List::len);
    c.reply.len(len);
    DONE
}

/// The index is looked at only once the key turned out to be a list.
fn lindex(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let Some(list) = c.db.fetch_as::<List>(&argv[1])? else {
        c.reply.null();
        return DONE;
    };
    let index = nth(args::int(&argv[2])?, list.len());
    let found = index.and_then(|index| list.get(index, |item| bulk(&mut c.reply, item)));
    if found.is_none() {
        c.reply.null();
    }
    DONE
}

fn lrange(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (start, stop) = (args::int(&argv[2])?, args::int(&argv[3])?);
    let Some(list) = c.db.fetch_as::<List>(&argv[1])? else {
        c.reply.array(0);
        return DONE;
    };
    let range = span(start, stop, list.len());
    c.reply.array(range.len());
    list.for_each(range, |item| bulk(&mut c.reply, item));
    DONE
}
