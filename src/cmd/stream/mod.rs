//! Stream commands.

mod ack;
mod add;
mod autoclaim;
mod claim;
mod delete;
mod delete_ex;
mod group;
mod id;
mod idempotence;
mod info;
mod info_full;
mod nack;
mod pending;
mod range;
mod read;
mod read_group;
mod streams;
mod trim;

use super::Command;
use crate::ds::listpack::Item;
use crate::keyspace::Held;
use crate::resp::{CmdError, Reply};
use crate::server::KeysCtx;
use crate::types::stream::{ConsumerId, EntryRef, Id, Pending, Stream};

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 15] = [
    add::COMMANDS,
    trim::COMMANDS,
    range::COMMANDS,
    delete::COMMANDS,
    delete_ex::COMMANDS,
    read::COMMANDS,
    read_group::COMMANDS,
    group::COMMANDS,
    ack::COMMANDS,
    nack::COMMANDS,
    idempotence::COMMANDS,
    pending::COMMANDS,
    claim::COMMANDS,
    autoclaim::COMMANDS,
    info::COMMANDS,
];

/// Answers an id.
#[inline]
fn reply_id(reply: &mut Reply<'_>, id: Id) {
    reply.bulk(id.text(&mut [0; Id::TEXT_MAX]));
}

/// Answers an entry: its id, and its fields and values by turns.
#[inline]
fn reply_entry(reply: &mut Reply<'_>, entry: &EntryRef<'_>) {
    reply.array(2);
    reply_body(reply, entry);
}

/// Answers an entry's id, and its fields and values, as two elements.
#[inline]
fn reply_body(reply: &mut Reply<'_>, entry: &EntryRef<'_>) {
    reply_id(reply, entry.id);
    reply.array(2 * entry.len);
    for (field, value) in entry.pairs() {
        reply_item(reply, field);
        reply_item(reply, value);
    }
}

#[inline]
fn reply_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Int(n) => reply.bulk_int(n),
    }
}

/// There is no such key or group.
#[cold]
fn no_group(key: &[u8], group: &[u8]) -> CmdError {
    let [key, group] = [key, group].map(String::from_utf8_lossy);
    CmdError::Full(format!("NOGROUP No such key '{key}' or consumer group '{group}'").into())
}

/// A subcommand does not stand so.
#[cold]
fn unknown_form(word: &[u8], container: &str) -> CmdError {
    let word = String::from_utf8_lossy(word);
    CmdError::err(format_args!(
        "unknown subcommand or wrong number of arguments for '{word}'. Try {container} HELP."
    ))
}

/// The consumer of this name, which comes to be if there is none; whether it did. `None` if there is no
/// such group.
fn consumer_of(
    stream: &mut Held<'_, Stream>,
    group: &[u8],
    name: &[u8],
    now_ms: u64,
) -> Option<(ConsumerId, bool)> {
    let found = stream.group_mut(group)?;
    let known = found.find(name);
    let id = known.unwrap_or_else(|| found.add_consumer(name, now_ms));
    found.consumer_mut(id).seen_ms = now_ms;
    Some((id, known.is_none()))
}

/// What others are told of one entry.
struct Claim {
    id: Id,
    pending: Pending,
    /// The group's last id by then.
    last: Id,
    /// Whom it pended with, if it is no longer in the stream and so pends with nobody now.
    holder: Option<Box<[u8]>>,
}

impl Claim {
    /// It pends with the one who claims it.
    fn given(id: Id, pending: Pending, last: Id) -> Self {
        Self { id, pending, last, holder: None }
    }

    /// It is no longer there to be claimed.
    fn gone(id: Id, pending: Pending, stream: &Stream, group: &[u8]) -> Self {
        let group = stream.group(group);
        let last = group.map_or(Id::MIN, |group| group.last_id);
        let holder = group.map_or_else(Box::default, |group| group.holder_name(&pending).into());
        Self { id, pending, last, holder: Some(holder) }
    }
}

/// What others are told of a group's work, command by command.
struct Told<'a> {
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
    /// The consumer is new.
    created: bool,
    /// What pends with it now that did not before, or is no longer there to be claimed.
    claimed: Vec<Claim>,
    /// The group's last id, and how much it has read, if they are to be told.
    progress: Option<(Id, Option<u64>)>,
}

impl Told<'_> {
    /// Gives the log and the replicas commands that make of them what was made here.
    fn propagate(&self, c: &mut KeysCtx<'_>) {
        // What was received is never what others are told.
        c.propagate_as(&[]);
        if !c.is_feeding() {
            return;
        }
        let (key, group, consumer) = (self.key, self.group, self.consumer);
        // Who was given something comes to be with that.
        if self.created && self.claimed.iter().all(|claim| claim.holder.is_some()) {
            c.propagate_as(&[b"XGROUP", b"CREATECONSUMER", key, group, consumer]);
        }
        let (mut time, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
        for Claim { id, pending, last, holder } in &self.claimed {
            let holder = holder.as_deref().filter(|name| !name.is_empty());
            c.propagate_as(&[
                b"XCLAIM",
                key,
                group,
                holder.unwrap_or(consumer),
                b"0",
                id.text(&mut [0; Id::TEXT_MAX]),
                b"TIME",
                time.format(pending.delivered_ms()).as_bytes(),
                b"RETRYCOUNT",
                count.format(pending.deliveries).as_bytes(),
                b"FORCE",
                b"JUSTID",
                b"LASTID",
                last.text(&mut [0; Id::TEXT_MAX]),
            ]);
        }
        if let Some((last, read)) = self.progress {
            let read = read.map_or("-1", |read| count.format(read)).as_bytes();
            let mut text = [0; Id::TEXT_MAX];
            let last: &[u8] = last.text(&mut text);
            c.propagate_as(&[b"XGROUP", b"SETID", key, group, last, b"ENTRIESREAD", read]);
        }
    }
}
