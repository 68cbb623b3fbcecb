//! Several strings at once.

use super::compare::Condition;
use super::ttl::{self, Deadline, Ttl, fill};
use super::{EXPIRE, SET};
use crate::cmd::args::{Args, int};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, counted, flag, range};
use crate::types::{Str, Type, new_string};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "mget",
            summary: "Answers the strings that several keys hold.",
            since: "1.0.0",
            group: Group::String,
            complexity: "O(N), N being the number of keys",
            arity: -2,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::STRING,
            keys: &[range(1, -1, 1).ro().access()],
            args: &[arg::key("key").multiple()],
            tips: &["request_policy:multi_shard"],
            ..Spec::NEW
        },
        run: Run::Keys(mget),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "mset",
            summary: "Sets several keys to strings, whatever they held.",
            since: "1.0.1",
            group: Group::String,
            complexity: "O(N), N being the number of keys",
            arity: -3,
            flags: flag::WRITE.with(flag::DENYOOM),
            acl: acl::STRING,
            keys: &[range(1, -1, 2).ow().update()],
            args: &[arg::block("data", PAIR).multiple()],
            tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
            ..Spec::NEW
        },
        run: Run::Keys(mset),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "msetnx",
            summary: "Sets several keys to strings, if none of the keys is there.",
            since: "1.0.1",
            group: Group::String,
            complexity: "O(N), N being the number of keys",
            arity: -3,
            flags: flag::WRITE.with(flag::DENYOOM),
            acl: acl::STRING,
            keys: &[range(1, -1, 2).ow().insert()],
            args: &[arg::block("data", PAIR).multiple()],
            ..Spec::NEW
        },
        run: Run::Keys(msetnx),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "msetex",
            summary: "Sets several keys to strings, with one condition and time to live for all.",
            since: "8.4.0",
            group: Group::String,
            complexity: "O(N), N being the number of keys",
            arity: -4,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::MOVABLE_KEYS),
            acl: acl::STRING,
            keys: &[counted(1, 2).ow().update()],
            args: &[
                arg::integer("numkeys"),
                arg::block("data", PAIR).multiple(),
                arg::one_of("condition", &[arg::token("nx", "NX"), arg::token("xx", "XX")])
                    .optional(),
                arg::one_of("expiration", &[ttl::EX, ttl::PX, ttl::EXAT, ttl::PXAT, ttl::KEEPTTL])
                    .optional(),
            ],
            tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
            ..Spec::NEW
        },
        run: Run::Keys(msetex),
        ..Command::NEW
    },
];

const PAIR: &[Arg] = &[arg::key("key"), arg::string("value")];

fn mget(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    c.reply.array(argv.len() - 1);
    for key in argv.from(1) {
        match c.db.fetch(key).and_then(Str::of) {
            Some(held) => c.reply.bulk(held.bytes(&mut itoa::Buffer::new())),
            None => c.reply.null(),
        }
    }
    DONE
}

fn mset(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let pairs = all_pairs(argv, "mset")?;
    for (key, value) in pairs {
        c.db.set_string(key, value, None, SET);
    }
    c.reply.ok();
    DONE
}

fn msetnx(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let pairs = all_pairs(argv, "msetnx")?;
    let clear = pairs.clone().all(|(key, _)| c.db.edit(key).is_none());
    if clear {
        for (key, value) in pairs {
            c.db.set_string(key, value, None, SET);
        }
    }
    c.reply.int(i64::from(clear));
    DONE
}

/// Keys and values, all that argv has.
fn all_pairs<'a>(
    argv: &Argv<'a>,
    command: &'static str,
) -> Result<impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone + use<'a>, CmdError> {
    if argv.len().is_multiple_of(2) {
        return Err(CmdError::Arity(command));
    }
    Ok(pairs(argv, 1, argv.len() / 2))
}

/// `count` keys and values from argument `first` on.
fn pairs<'a>(
    argv: &Argv<'a>,
    first: usize,
    count: usize,
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone + use<'a> {
    let keys = argv.from(first).step_by(2);
    keys.zip(argv.from(first + 1).step_by(2)).take(count)
}

fn msetex(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let count = int(&argv[1]).ok().and_then(|count| i32::try_from(count).ok());
    let count = count.filter(|count| *count > 0);
    let count = count.ok_or(CmdError::Msg("invalid numkeys value or out of range"))? as usize;
    let end = 2 + 2 * count;
    if end > argv.len() {
        return Err(CmdError::Syntax);
    }
    let (mut condition, mut ttl) = (None, None);
    let mut args = Args::new(argv, end);
    while args.left() > 0 {
        if args.word("NX") {
            fill(&mut condition, Condition::Nx)?;
        } else if args.word("XX") {
            fill(&mut condition, Condition::Xx)?;
        } else if args.word("KEEPTTL") {
            fill(&mut ttl, Ttl::Keep)?;
        } else {
            fill(&mut ttl, Ttl::take(&mut args)?.ok_or(CmdError::Syntax)?)?;
        }
    }
    let deadline = ttl::resolve(ttl, c.db.clock_ms(), "msetex")?;
    let allowed = pairs(argv, 2, count).all(|(key, _)| match condition {
        None => true,
        Some(Condition::Nx) => c.db.edit(key).is_none(),
        Some(_) => c.db.edit(key).is_some(),
    });
    if allowed {
        for (key, value) in pairs(argv, 2, count) {
            set_and_propagate(c, key, value, deadline);
        }
    }
    c.reply.int(i64::from(allowed));
    DONE
}

/// Sets one key of MSETEX, and propagates it as a SET of its own, which every version of Redis
/// knows.
fn set_and_propagate(c: &mut KeysCtx<'_>, key: &[u8], value: &[u8], deadline: Deadline) {
    match deadline {
        Deadline::Clear => {
            c.db.set_string(key, value, None, SET);
            c.propagate_as(&[b"SET", key, value]);
        }
        Deadline::At(at) => {
            c.db.set_string(key, value, Some(at), SET);
            c.db.tell(key, EXPIRE);
            let at = itoa::Buffer::new().format(at).to_owned();
            c.propagate_as(&[b"SET", key, value, b"PXAT", at.as_bytes()]);
        }
        Deadline::Keep => {
            let value_as_held = new_string(value);
            match c.db.upsert(key) {
                Ok(mut edit) => {
                    edit.overwritten_by(Type::String);
                    edit.set_value(value_as_held);
                    edit.done(SET);
                }
                Err(vacancy) => vacancy.insert(key, value_as_held, None, SET),
            }
            c.propagate_as(&[b"SET", key, value, b"KEEPTTL"]);
        }
    }
}
