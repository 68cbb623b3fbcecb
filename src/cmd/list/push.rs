//! Additions at the ends.

use super::pushed;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::Argv;
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, End, List};

const ARGS: &[Arg] = &[arg::key("key"), arg::string("element").multiple()];

/// The row of an addition.
const PUSH: Spec = Spec {
    group: Group::List,
    complexity: "O(1), for each element",
    arity: -3,
    flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
    acl: acl::LIST,
    keys: &[key(1).rw().insert()],
    args: ARGS,
    history: &[("2.4.0", "Takes several elements.")],
    ..Spec::NEW
};

/// The row of an addition to what is a list already.
const PUSHX: Spec =
    Spec { since: "2.2.0", history: &[("4.0.0", "Takes several elements.")], ..PUSH };

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "lpush",
            summary: "Puts elements before all others of a list, each before the one before it; \
                      makes the list where there is none.",
            since: "1.0.0",
            ..PUSH
        },
        run: Run::Keys(lpush),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "rpush",
            summary: "Puts elements after all others of a list; makes the list where there is none.",
            since: "1.0.0",
            ..PUSH
        },
        run: Run::Keys(rpush),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "lpushx",
            summary: "Puts elements before all others of a list that exists.",
            ..PUSHX
        },
        run: Run::Keys(lpushx),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "rpushx",
            summary: "Puts elements after all others of a list that exists.",
            ..PUSHX
        },
        run: Run::Keys(rpushx),
        ..Command::NEW
    },
];

fn lpush(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    push(c, argv, End::Left)
}

fn rpush(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    push(c, argv, End::Right)
}

fn lpushx(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    push_existing(c, argv, End::Left)
}

fn rpushx(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    push_existing(c, argv, End::Right)
}

fn push(c: &mut KeysCtx<'_>, argv: &Argv<'_>, end: End) -> Outcome {
    let mut list = c.db.edit_or_new(&argv[1], List::default)?;
    list.extend(end, argv.from(2), c.limits);
    c.reply.len(list.len());
    list.done_times(pushed(end), argv.from(2).len() as u64);
    DONE
}

fn push_existing(c: &mut KeysCtx<'_>, argv: &Argv<'_>, end: End) -> Outcome {
    let Some(mut list) = c.db.edit_as::<List>(&argv[1])? else {
        c.reply.int(0);
        return DONE;
    };
    list.extend(end, argv.from(2), c.limits);
    c.reply.len(list.len());
    list.done_times(pushed(end), argv.from(2).len() as u64);
    DONE
}
