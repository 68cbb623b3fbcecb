//! Strings as numbers that are counted up and down.

use crate::cmd::args::int;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::ds::entry::NewValue;
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::stdx::f80::F80;
use crate::types::{Str, new_text};

pub(super) const INCRBY: Event = Event::string("incrby");
pub(super) const INCRBYFLOAT: Event = Event::string("incrbyfloat");

/// A row that the commands below complete.
const COUNTER: Spec = Spec {
    group: Group::String,
    complexity: "O(1)",
    flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
    acl: acl::STRING,
    keys: &[key(1).rw().access().update()],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "incr",
            summary: "Adds one to the integer that a key holds.",
            since: "1.0.0",
            arity: 2,
            args: &[arg::key("key")],
            ..COUNTER
        },
        run: Run::Keys(incr),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "decr",
            summary: "Takes one from the integer that a key holds.",
            since: "1.0.0",
            arity: 2,
            args: &[arg::key("key")],
            ..COUNTER
        },
        run: Run::Keys(decr),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "incrby",
            summary: "Adds to the integer that a key holds.",
            since: "1.0.0",
            arity: 3,
            args: &[arg::key("key"), arg::integer("increment")],
            ..COUNTER
        },
        run: Run::Keys(incrby),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "decrby",
            summary: "Takes from the integer that a key holds.",
            since: "1.0.0",
            arity: 3,
            args: &[arg::key("key"), arg::integer("decrement")],
            ..COUNTER
        },
        run: Run::Keys(decrby),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "incrbyfloat",
            summary: "Adds to the floating-point number that a key holds.",
            since: "2.6.0",
            arity: 3,
            args: &[arg::key("key"), arg::double("increment")],
            ..COUNTER
        },
        run: Run::Keys(incrbyfloat),
        ..Command::NEW
    },
];

fn incr(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    add(c, &argv[1], 1)
}

fn decr(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    add(c, &argv[1], -1)
}

fn incrby(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    add(c, &argv[1], int(&argv[2])?)
}

fn decrby(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let by = int(&argv[2])?.checked_neg().ok_or(CmdError::Msg("decrement would overflow"))?;
    add(c, &argv[1], by)
}

#[inline]
fn add(c: &mut KeysCtx<'_>, key: &[u8], by: i64) -> Outcome {
    let sum = match c.db.upsert(key) {
        Ok(mut edit) => {
            let held = edit.string().ok_or(CmdError::WrongType)?;
            let sum = held.int().ok_or(CmdError::NotInteger)?.checked_add(by);
            let sum = sum.ok_or(CmdError::Overflow)?;
            edit.set_int(sum);
            edit.done(INCRBY);
            sum
        }
        Err(vacancy) => {
            vacancy.insert(key, NewValue::Int(by), None, INCRBY);
            by
        }
    };
    c.reply.int(sum);
    DONE
}

/// The number that a string spells, in the precision of INCRBYFLOAT.
pub(super) fn float(held: Str<'_>) -> Result<F80, CmdError> {
    F80::parse(held.bytes(&mut itoa::Buffer::new())).map_err(|_| CmdError::NotFloat)
}

/// Propagates as SET of the sum: another machine may round otherwise.
fn incrbyfloat(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let key = &argv[1];
    let by = F80::parse(&argv[2]).map_err(|_| CmdError::NotFloat);
    let sum = match c.db.upsert(key) {
        Ok(mut edit) => {
            let held = float(edit.string().ok_or(CmdError::WrongType)?)?;
            let sum = finite(held.add(by?))?.to_text();
            edit.set_value(new_text(&sum));
            edit.done(INCRBYFLOAT);
            sum
        }
        Err(vacancy) => {
            let sum = finite(by?)?.to_text();
            vacancy.insert(key, new_text(&sum), None, INCRBYFLOAT);
            sum
        }
    };
    c.propagate_as(&[b"SET", key, &sum, b"KEEPTTL"]);
    c.reply.bulk(&sum);
    DONE
}

/// Only a finite number may be stored.
pub(super) fn finite(number: F80) -> Result<F80, CmdError> {
    let words = "increment would produce NaN or Infinity";
    if number.is_finite() { Ok(number) } else { Err(CmdError::Msg(words)) }
}
