//! Removals at the ends, of one list or of the first of several that there is.

use super::{bulk, discard, pop_name, popped, remove_from, show_from, wait};
use crate::cmd::{Command, DONE, Denied, Flow, Outcome, Run, args};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key, range};
use crate::stdx::num;
use crate::types::{Collection, End, List};

const POP: Spec = Spec {
    since: "1.0.0",
    group: Group::List,
    complexity: "O(N), of N elements answered",
    arity: -2,
    flags: flag::WRITE.with(flag::FAST),
    acl: acl::LIST,
    keys: &[key(1).rw().access().delete()],
    args: &[arg::key("key"), arg::integer("count").optional().since("6.2.0")],
    history: &[("6.2.0", "Takes a count.")],
    ..Spec::NEW
};

const BLOCKING_POP: Spec = Spec {
    since: "2.0.0",
    group: Group::List,
    complexity: "O(N), of N keys",
    arity: -3,
    flags: flag::WRITE.with(flag::BLOCKING),
    acl: acl::LIST,
    keys: &[range(1, -2, 1).rw().access().delete()],
    args: &[arg::key("key").multiple(), arg::double("timeout")],
    history: &[("6.0.0", "The timeout may have a fraction.")],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "lpop",
            summary: "Removes and answers the first elements of a list, or the first one.",
            ..POP
        },
        run: Run::Keys(lpop),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "rpop",
            summary: "Removes and answers the last elements of a list, or the last one.",
            ..POP
        },
        run: Run::Keys(rpop),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "blpop",
            summary: "Removes and answers the first element of the first of these lists that there \
                      is, and waits for one where there is none.",
            ..BLOCKING_POP
        },
        run: Run::Keys(blpop),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "brpop",
            summary: "Removes and answers the last element of the first of these lists that there \
                      is, and waits for one where there is none.",
            ..BLOCKING_POP
        },
        run: Run::Keys(brpop),
        ..Command::NEW
    },
];

fn lpop(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    pop(c, argv, End::Left, "lpop")
}

fn rpop(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    pop(c, argv, End::Right, "rpop")
}

fn blpop(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    blocking_pop(c, argv, End::Left)
}

fn brpop(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    blocking_pop(c, argv, End::Right)
}

fn pop(c: &mut KeysCtx<'_>, argv: &Argv<'_>, end: End, name: &'static str) -> Outcome {
    if argv.len() > 3 {
        return Err(CmdError::Arity(name));
    }
    if let Some(count) = argv.get(2) {
        return pop_many(c, &argv[1], end, count);
    }
    let Some(mut list) = c.db.edit_as::<List>(&argv[1])? else {
        c.reply.null();
        return DONE;
    };
    list.pop(end, |item| bulk(&mut c.reply, item));
    list.shrink(c.limits);
    list.done(popped(end));
    DONE
}

fn pop_many(c: &mut KeysCtx<'_>, key: &[u8], end: End, count: &[u8]) -> Outcome {
    let count = num::parse_i64(count).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or(CmdError::Msg("value is out of range, must be positive"))?;
    let Some(list) = c.db.edit_as::<List>(key)? else {
        c.reply.null_array();
        return DONE;
    };
    let count = count.min(list.len());
    c.reply.array(count);
    if count == 0 {
        list.unchanged();
        return DONE;
    }
    show_from(&list, end, count, |item| bulk(&mut c.reply, item));
    let removed = remove_from(list, end, count, c.limits);
    discard(&mut c.db, removed);
    DONE
}

fn blocking_pop(c: &mut KeysCtx<'_>, argv: &Argv<'_>, end: End) -> Outcome {
    let keys = 1..argv.len() - 1;
    let deadline_ms = args::deadline(&argv[keys.end], c.db.now_ms())?;
    for key in keys.clone().map(|at| &argv[at]) {
        let Some(mut list) = c.db.edit_as::<List>(key)? else { continue };
        c.reply.array(2);
        c.reply.bulk(key);
        list.pop(end, |item| bulk(&mut c.reply, item));
        list.shrink(c.limits);
        list.done(popped(end));
        c.propagate_as(&[pop_name(end), key]);
        return DONE;
    }
    Ok(Flow::Block(wait(keys, 1, deadline_ms, Denied::NullArray)))
}
