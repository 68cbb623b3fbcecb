//! Reading fields by their names, and all of them.

use super::{bulk, read, value_or_null};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::Argv;
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, FieldRef};

/// A row about a field that the commands below complete.
const FIELD: Spec = Spec {
    since: "2.0.0",
    group: Group::Hash,
    complexity: "O(1)",
    arity: 3,
    flags: flag::READONLY.with(flag::FAST),
    acl: acl::HASH,
    keys: &[key(1).ro()],
    args: &[arg::key("key"), arg::string("field")],
    ..Spec::NEW
};

/// A row about all fields that the commands below complete.
const WHOLE: Spec = Spec {
    since: "2.0.0",
    group: Group::Hash,
    complexity: "O(N), N being the number of fields",
    arity: 2,
    flags: flag::READONLY,
    acl: acl::HASH,
    keys: &[key(1).ro().access()],
    args: &[arg::key("key")],
    tips: &["nondeterministic_output_order"],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "hget",
            summary: "Answers the value of a field.",
            keys: &[key(1).ro().access()],
            ..FIELD
        },
        run: Run::Keys(hget),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hmget",
            summary: "Answers the values of several fields.",
            complexity: "O(N), N being the number of fields asked for",
            arity: -3,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::string("field").multiple()],
            ..FIELD
        },
        run: Run::Keys(hmget),
        ..Command::NEW
    },
    Command {
        spec: Spec { name: "hexists", summary: "Tells whether a field is there.", ..FIELD },
        run: Run::Keys(hexists),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hstrlen",
            summary: "Answers how many bytes a field's value has.",
            since: "3.2.0",
            ..FIELD
        },
        run: Run::Keys(hstrlen),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hlen",
            summary: "Answers how many fields a hash has.",
            arity: 2,
            args: &[arg::key("key")],
            ..FIELD
        },
        run: Run::Keys(hlen),
        ..Command::NEW
    },
    Command {
        spec: Spec { name: "hgetall", summary: "Answers all fields with their values.", ..WHOLE },
        run: Run::Keys(hgetall),
        ..Command::NEW
    },
    Command {
        spec: Spec { name: "hkeys", summary: "Answers the names of all fields.", ..WHOLE },
        run: Run::Keys(hkeys),
        ..Command::NEW
    },
    Command {
        spec: Spec { name: "hvals", summary: "Answers the values of all fields.", ..WHOLE },
        run: Run::Keys(hvals),
        ..Command::NEW
    },
];

fn hget(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (hash, now) = read(&mut c.db, &argv[1])?;
    value_or_null(&mut c.reply, hash.and_then(|hash| hash.get(&argv[2], now)));
    DONE
}

fn hmget(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (hash, now) = read(&mut c.db, &argv[1])?;
    let fields = argv.from(2);
    c.reply.array(fields.len());
    for name in fields {
        value_or_null(&mut c.reply, hash.and_then(|hash| hash.get(name, now)));
    }
    DONE
}

fn hexists(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (hash, now) = read(&mut c.db, &argv[1])?;
    let is_there = hash.is_some_and(|hash| hash.contains(&argv[2], now));
    c.reply.int(i64::from(is_there));
    DONE
}

fn hstrlen(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (hash, now) = read(&mut c.db, &argv[1])?;
    let field = hash.and_then(|hash| hash.get(&argv[2], now));
    c.reply.len(field.map_or(0, |field| field.value.len()));
    DONE
}

fn hlen(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (hash, _) = read(&mut c.db, &argv[1])?;
    c.reply.len(hash.map_or(0, Collection::len));
    DONE
}

fn hgetall(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (hash, now) = read(&mut c.db, &argv[1])?;
    c.reply.map(hash.map_or(0, |hash| hash.live_len(now)));
    for FieldRef { name, value, .. } in hash.into_iter().flat_map(|hash| hash.iter(now)) {
        bulk(&mut c.reply, name);
        bulk(&mut c.reply, value);
    }
    DONE
}

fn hkeys(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (hash, now) = read(&mut c.db, &argv[1])?;
    c.reply.array(hash.map_or(0, |hash| hash.live_len(now)));
    for field in hash.into_iter().flat_map(|hash| hash.iter(now)) {
        bulk(&mut c.reply, field.name);
    }
    DONE
}

fn hvals(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (hash, now) = read(&mut c.db, &argv[1])?;
    c.reply.array(hash.map_or(0, |hash| hash.live_len(now)));
    for field in hash.into_iter().flat_map(|hash| hash.iter(now)) {
        bulk(&mut c.reply, field.value);
    }
    DONE
}
