//! Hash commands.

mod deadline;
mod ex;
mod expire;
mod fields;
mod get;
mod number;
mod random;
mod set;

use super::Command;
use crate::ds::listpack::Item;
use crate::keyspace::Event;
use crate::resp::{CmdError, Reply};
use crate::types::{FieldRef, Hash};

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 6] = [
    set::COMMANDS,
    get::COMMANDS,
    number::COMMANDS,
    random::COMMANDS,
    expire::COMMANDS,
    ex::COMMANDS,
];

const HSET: Event = Event::hash("hset");
const HDEL: Event = Event::hash("hdel");
const HEXPIRE: Event = Event::hash("hexpire");
const HPERSIST: Event = Event::hash("hpersist");

/// A field's name or value as a bulk string.
#[inline]
fn bulk(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Int(int) => reply.bulk_int(int),
        Item::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// The value of a field that may be missing.
#[inline]
fn value_or_null(reply: &mut Reply<'_>, field: Option<FieldRef<'_>>) {
    match field {
        Some(field) => bulk(reply, field.value),
        None => reply.null(),
    }
}

/// The hash of `key` for reading, and the time at which it is read.
fn read<'d>(
    db: &'d mut crate::keyspace::Db<'_>,
    key: &[u8],
) -> Result<(Option<&'d Hash>, u64), CmdError> {
    let now_ms = db.now_ms();
    Ok((db.fetch_as::<Hash>(key)?, now_ms))
}
