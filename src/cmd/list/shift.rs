//! One element from an end of one list to an end of another.

use super::{ENDS, bulk, end, popped, pushed, wait};
use crate::cmd::{Command, DONE, Denied, Flow, Outcome, Run, args};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, End, List};

const MOVE: Spec = Spec {
    since: "6.2.0",
    group: Group::List,
    complexity: "O(1)",
    flags: flag::WRITE.with(flag::DENYOOM),
    acl: acl::LIST,
    keys: &[key(1).rw().access().delete(), key(2).rw().insert()],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "lmove",
            summary: "Moves an element from an end of one list to an end of another, and answers \
                      it.",
            arity: 5,
            args: &[
                arg::key("source"),
                arg::key_of("destination", 1),
                arg::one_of("wherefrom", ENDS),
                arg::one_of("whereto", ENDS),
            ],
            ..MOVE
        },
        run: Run::Keys(lmove),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "rpoplpush",
            summary: "Moves the last element of one list before all others of another, and answers \
                      it.",
            since: "1.2.0",
            arity: 3,
            args: &[arg::key("source"), arg::key_of("destination", 1)],
            deprecated: Some(("6.2.0", "`LMOVE` with `RIGHT` and `LEFT`")),
            ..MOVE
        },
        run: Run::Keys(rpoplpush),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "blmove",
            summary: "Moves an element from an end of one list to an end of another, answers it, \
                      and waits for one where there is none.",
            arity: 6,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::BLOCKING),
            args: &[
                arg::key("source"),
                arg::key_of("destination", 1),
                arg::one_of("wherefrom", ENDS),
                arg::one_of("whereto", ENDS),
                arg::double("timeout"),
            ],
            ..MOVE
        },
        run: Run::Keys(blmove),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "brpoplpush",
            summary: "Moves the last element of one list before all others of another, answers it, \
                      and waits for one where there is none.",
            since: "2.2.0",
            arity: 4,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::BLOCKING),
            args: &[arg::key("source"), arg::key_of("destination", 1), arg::double("timeout")],
            history: &[("6.0.0", "The timeout may have a fraction.")],
            deprecated: Some(("6.2.0", "`BLMOVE` with `RIGHT` and `LEFT`")),
            ..MOVE
        },
        run: Run::Keys(brpoplpush),
        ..Command::NEW
    },
];

fn lmove(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (from, to) = (end(&argv[3])?, end(&argv[4])?);
    if !shift(c, &argv[1], &argv[2], from, to)? {
        c.reply.null();
    }
    DONE
}

fn rpoplpush(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    if !shift(c, &argv[1], &argv[2], End::Right, End::Left)? {
        c.reply.null();
    }
    DONE
}

fn blmove(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (from, to) = (end(&argv[3])?, end(&argv[4])?);
    let deadline_ms = args::deadline(&argv[5], c.db.now_ms())?;
    if !shift(c, &argv[1], &argv[2], from, to)? {
        return Ok(Flow::Block(wait(1..2, 1, deadline_ms, Denied::Null)));
    }
    c.propagate_as(&[b"LMOVE", &argv[1], &argv[2], &argv[3], &argv[4]]);
    DONE
}

fn brpoplpush(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let deadline_ms = args::deadline(&argv[3], c.db.now_ms())?;
    if !shift(c, &argv[1], &argv[2], End::Right, End::Left)? {
        return Ok(Flow::Block(wait(1..2, 1, deadline_ms, Denied::Null)));
    }
    c.propagate_as(&[b"RPOPLPUSH", &argv[1], &argv[2]]);
    DONE
}

/// Moves an element and answers it; whether there was one.
fn shift(
    c: &mut KeysCtx<'_>,
    source: &[u8],
    destination: &[u8],
    from: End,
    to: End,
) -> Result<bool, CmdError> {
    let Some(mut list) = c.db.edit_as::<List>(source)? else { return Ok(false) };
    if source == destination {
        let element = list.pop(from, |item| item.to_vec()).expect("no list is empty");
        list.extend(to, std::iter::once(&element[..]), c.limits);
        c.reply.bulk(&element);
        list.event(pushed(to));
        list.done(popped(from));
        return Ok(true);
    }
    let index = if from == End::Left { 0 } else { list.len() - 1 };
    let element = list.get(index, |item| item.to_vec()).expect("no list is empty");
    list.unchanged();
    // The addition is told before the removal.
    let mut list = c.db.edit_or_new(destination, List::default)?;
    list.extend(to, std::iter::once(&element[..]), c.limits);
    list.done_times(pushed(to), 0);
    if let Some(mut list) = c.db.edit_as::<List>(source)? {
        list.pop(from, |item| bulk(&mut c.reply, item));
        list.shrink(c.limits);
        list.done(popped(from));
    }
    Ok(true)
}
