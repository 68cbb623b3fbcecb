//! Setting and removing fields.

use super::{HDEL, HSET};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{FieldTtl, Hash};

/// A row that the commands below complete.
const SETTER: Spec = Spec {
    since: "2.0.0",
    group: Group::Hash,
    complexity: "O(N), N being the number of fields",
    arity: -4,
    flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
    acl: acl::HASH,
    keys: &[key(1).rw().update()],
    args: &[
        arg::key("key"),
        arg::block("data", &[arg::string("field"), arg::string("value")]).multiple(),
    ],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "hset",
            summary: "Sets fields to values and answers how many are new.",
            history: &[("4.0.0", "Takes several fields with values.")],
            ..SETTER
        },
        run: Run::Keys(hset),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hmset",
            summary: "Sets fields to values.",
            deprecated: Some(("4.0.0", "`HSET` with multiple field-value pairs")),
            ..SETTER
        },
        run: Run::Keys(hmset),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hsetnx",
            summary: "Sets a field to a value unless it is there.",
            complexity: "O(1)",
            arity: 4,
            keys: &[key(1).rw().insert()],
            args: &[arg::key("key"), arg::string("field"), arg::string("value")],
            ..SETTER
        },
        run: Run::Keys(hsetnx),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hdel",
            summary: "Removes fields, and the hash with the last one.",
            arity: -3,
            flags: flag::WRITE.with(flag::FAST),
            keys: &[key(1).rw().delete()],
            args: &[arg::key("key"), arg::string("field").multiple()],
            history: &[("2.4.0", "Takes several fields.")],
            ..SETTER
        },
        run: Run::Keys(hdel),
        ..Command::NEW
    },
];

fn hset(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let new = set_pairs(c, argv, "hset")?;
    c.reply.len(new);
    DONE
}

fn hmset(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    set_pairs(c, argv, "hmset")?;
    c.reply.ok();
    DONE
}

/// Sets the fields from argument 2 on; how many are new.
fn set_pairs(c: &mut KeysCtx<'_>, argv: &Argv<'_>, name: &'static str) -> Result<usize, CmdError> {
    let mut args = argv.from(2);
    if !args.len().is_multiple_of(2) {
        return Err(CmdError::Arity(name));
    }
    let pairs = args.len() / 2;
    let now = c.db.now_ms();
    let mut held = c.db.edit_or_new(&argv[1], Hash::new)?;
    let hash: &mut Hash = &mut held;
    hash.prepare(pairs, c.limits);
    let mut new = 0;
    while let (Some(field), Some(value)) = (args.next(), args.next()) {
        new += usize::from(hash.set(field, value, FieldTtl::Clear, now, c.limits));
    }
    held.name_fields(argv.from(2).step_by(2));
    held.done_times(HSET, pairs as u64);
    Ok(new)
}

fn hsetnx(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let now = c.db.now_ms();
    let mut held = c.db.edit_or_new(&argv[1], Hash::new)?;
    let is_new = !held.contains(&argv[2], now);
    if is_new {
        held.set(&argv[2], &argv[3], FieldTtl::Clear, now, c.limits);
        held.name_fields(argv.from(2).take(1));
        held.done(HSET);
    } else {
        held.unchanged();
    }
    c.reply.int(i64::from(is_new));
    DONE
}

fn hdel(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let now = c.db.now_ms();
    let mut removed = 0;
    if let Some(mut held) = c.db.edit_as::<Hash>(&argv[1])? {
        if argv.from(2).any(|field| held.contains(field, now)) {
            let (named, mut names) = (held.wants_fields(), Vec::new());
            let hash: &mut Hash = &mut held;
            for field in argv.from(2).filter(|field| hash.remove(field, now)) {
                removed += 1;
                names.extend(named.then_some(field));
            }
            held.name_fields(names.into_iter());
            held.done_times(HDEL, removed as u64);
        } else {
            held.unchanged();
        }
    }
    c.reply.len(removed);
    DONE
}
