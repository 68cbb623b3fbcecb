//! Fields as numbers that are counted up and down.

use crate::cmd::args::int;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::ds::listpack::Item;
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::stdx::f80::F80;
use crate::types::{FieldTtl, Hash};

const HINCRBY: Event = Event::hash("hincrby");
const HINCRBYFLOAT: Event = Event::hash("hincrbyfloat");

/// A row that the commands below complete.
const COUNTER: Spec = Spec {
    group: Group::Hash,
    complexity: "O(1)",
    arity: 4,
    flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
    acl: acl::HASH,
    keys: &[key(1).rw().access().update()],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "hincrby",
            summary: "Adds to the integer that a field holds.",
            since: "2.0.0",
            args: &[arg::key("key"), arg::string("field"), arg::integer("increment")],
            ..COUNTER
        },
        run: Run::Keys(hincrby),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hincrbyfloat",
            summary: "Adds to the floating-point number that a field holds.",
            since: "2.6.0",
            args: &[arg::key("key"), arg::string("field"), arg::double("increment")],
            ..COUNTER
        },
        run: Run::Keys(hincrbyfloat),
        ..Command::NEW
    },
];

fn hincrby(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let by = int(&argv[3])?;
    let now = c.db.now_ms();
    let mut held = c.db.edit_or_new(&argv[1], Hash::new)?;
    let sum = match held.get(&argv[2], now) {
        None => Ok(by),
        Some(field) => match field.value.int() {
            None => Err(CmdError::Msg("hash value is not an integer")),
            Some(value) => value.checked_add(by).ok_or(CmdError::Overflow),
        },
    };
    let sum = match sum {
        Ok(sum) => sum,
        Err(error) => {
            held.unchanged();
            return Err(error);
        }
    };
    let mut digits = itoa::Buffer::new();
    held.set(&argv[2], digits.format(sum).as_bytes(), FieldTtl::Keep, now, c.limits);
    held.name_fields(argv.from(2).take(1));
    held.done(HINCRBY);
    c.reply.int(sum);
    DONE
}

/// Propagates the sum: another machine may round otherwise. HSET would take the field's deadline away.
fn hincrbyfloat(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (key, name) = (&argv[1], &argv[2]);
    let by = F80::parse(&argv[3]).map_err(|_| CmdError::NotFloat)?;
    if !by.is_finite() {
        return Err(CmdError::Msg("value is NaN or Infinity"));
    }
    let now = c.db.now_ms();
    let mut held = c.db.edit_or_new(key, Hash::new)?;
    let old = held.get(name, now);
    let deadline = old.and_then(|field| field.deadline);
    let sum = match old.map_or(Ok(by), |field| Ok(float(field.value)?.add(by))) {
        Ok(sum) if sum.is_finite() => sum.to_text(),
        result => {
            held.unchanged();
            result?;
            return Err(CmdError::Msg("increment would produce NaN or Infinity"));
        }
    };
    held.set(name, &sum, FieldTtl::Keep, now, c.limits);
    held.name_fields(argv.from(2).take(1));
    held.done(HINCRBYFLOAT);
    match deadline {
        None => c.propagate_as(&[b"HSET", key, name, &sum]),
        Some(_) => c.propagate_as(&[b"HSETEX", key, b"KEEPTTL", b"FIELDS", b"1", name, &sum]),
    }
    c.reply.bulk(&sum);
    DONE
}

/// The number that a value spells.
fn float(value: Item<'_>) -> Result<F80, CmdError> {
    let number = F80::parse(value.bytes(&mut itoa::Buffer::new()));
    number.map_err(|_| CmdError::Msg("hash value is not a float"))
}
