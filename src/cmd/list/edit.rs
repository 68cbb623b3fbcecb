//! Changes inside a list.

use super::{discard, nth, opposable, span};
use crate::cmd::{Command, DONE, Outcome, Run, args};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, End, List, Needle};

const LSET: Event = Event::list("lset");
const LTRIM: Event = Event::list("ltrim");
const LINSERT: Event = Event::list("linsert");
const LREM: Event = Event::list("lrem");

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "lset",
            summary: "Puts another element in the place of the one at an index of a list.",
            since: "1.0.0",
            group: Group::List,
            complexity: "O(N), of N elements to the nearer end; O(1) at the ends",
            arity: 4,
            flags: flag::WRITE.with(flag::DENYOOM),
            acl: acl::LIST,
            keys: &[key(1).rw().update()],
            args: &[arg::key("key"), arg::integer("index"), arg::string("element")],
            ..Spec::NEW
        },
        run: Run::Keys(lset),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "ltrim",
            summary: "Removes the elements of a list that are not from one index to another.",
            since: "1.0.0",
            group: Group::List,
            complexity: "O(N), of N elements removed",
            arity: 4,
            flags: flag::WRITE,
            acl: acl::LIST,
            keys: &[key(1).rw().delete()],
            args: &[arg::key("key"), arg::integer("start"), arg::integer("stop")],
            ..Spec::NEW
        },
        run: Run::Keys(ltrim),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "linsert",
            summary: "Puts an element before or after another one of a list.",
            since: "2.2.0",
            group: Group::List,
            complexity: "O(N), of N elements before the other one",
            arity: 5,
            flags: flag::WRITE.with(flag::DENYOOM),
            acl: acl::LIST,
            keys: &[key(1).rw().insert()],
            args: &[
                arg::key("key"),
                arg::one_of(
                    "where",
                    &[arg::token("before", "BEFORE"), arg::token("after", "AFTER")],
                ),
                arg::string("pivot"),
                arg::string("element"),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(linsert),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "lrem",
            summary: "Removes elements of this value from a list: so many from the head, from the \
                      tail if the count is negative, or all if it is 0.",
            since: "1.0.0",
            group: Group::List,
            complexity: "O(N+M), of N elements looked at and M removed",
            arity: 4,
            flags: flag::WRITE,
            acl: acl::LIST,
            keys: &[key(1).rw().delete()],
            args: &[arg::key("key"), arg::integer("count"), arg::string("element")],
            ..Spec::NEW
        },
        run: Run::Keys(lrem),
        ..Command::NEW
    },
];

/// The index is looked at only once the key turned out to be a list.
fn lset(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let mut list = c.db.edit_as::<List>(&argv[1])?.ok_or(CmdError::NoSuchKey)?;
    let index = nth(args::int(&argv[2])?, list.len());
    let index = index.ok_or(CmdError::Msg("index out of range"))?;
    list.set(index, &argv[3], c.limits);
    list.done(LSET);
    c.reply.ok();
    DONE
}

fn ltrim(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (start, stop) = (args::int(&argv[2])?, args::int(&argv[3])?);
    c.reply.ok();
    let Some(mut list) = c.db.edit_as::<List>(&argv[1])? else { return DONE };
    let len = list.len();
    let kept = span(start, stop, len);
    let tail = list.remove_range(kept.end..len, c.limits);
    let head = list.remove_range(0..kept.start, c.limits);
    list.done_times(LTRIM, (len - kept.len()) as u64);
    discard(&mut c.db, tail);
    discard(&mut c.db, head);
    DONE
}

fn linsert(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let after = if args::is(&argv[2], "AFTER") {
        true
    } else if args::is(&argv[2], "BEFORE") {
        false
    } else {
        return Err(CmdError::Syntax);
    };
    let Some(mut list) = c.db.edit_as::<List>(&argv[1])? else {
        c.reply.int(0);
        return DONE;
    };
    let Some(pivot) = list.position(Needle::new(&argv[3])) else {
        list.unchanged();
        c.reply.int(-1);
        return DONE;
    };
    list.insert(pivot + usize::from(after), &argv[4], c.limits);
    c.reply.len(list.len());
    list.done(LINSERT);
    DONE
}

fn lrem(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let count = opposable(args::int(&argv[2])?)?;
    let needle = Needle::new(&argv[3]);
    let Some(mut list) = c.db.edit_as::<List>(&argv[1])? else {
        c.reply.int(0);
        return DONE;
    };
    if list.position(needle).is_none() {
        list.unchanged();
        c.reply.int(0);
        return DONE;
    }
    let end = if count < 0 { End::Right } else { End::Left };
    let limit = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let removed = list.remove_equal(needle, end, limit, c.limits);
    list.done_times(LREM, removed as u64);
    c.reply.len(removed);
    DONE
}
