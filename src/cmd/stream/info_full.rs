//! XINFO STREAM FULL.

use super::info::{facts, field, known};
use super::range::reply_all;
use super::reply_id;
use crate::resp::Reply;
use crate::types::Limits;
use crate::types::stream::{ConsumerId, Group, Id, Stream};

/// Answers all that there is to tell of a stream, with so many entries, and so many that pend, at most.
pub(super) fn stream(reply: &mut Reply<'_>, stream: &Stream, known: (&Limits, u64), count: usize) {
    reply.map(15);
    facts(reply, stream, known);
    reply_all(field(reply, "entries"), stream.range(Id::MIN, Id::MAX).take(count));
    field(reply, "groups").array(stream.groups().len());
    for (name, of) in stream.groups() {
        group(reply, stream, (name, of), count);
    }
}

fn group(reply: &mut Reply<'_>, stream: &Stream, (name, group): (&[u8], &Group), count: usize) {
    reply.map(8);
    field(reply, "name").bulk(name);
    reply_id(field(reply, "last-delivered-id"), group.last_id);
    known(field(reply, "entries-read"), group.entries_read.map(|read| read as i64));
    known(field(reply, "lag"), stream.facts().lag(group));
    field(reply, "pel-count").len(group.pending().len());
    field(reply, "nacked-count").len(group.handed_back_count());
    field(reply, "pending").array(group.pending().len().min(count));
    for (id, pending) in group.pending().iter().take(count) {
        reply.array(4);
        reply_id(reply, *id);
        reply.bulk(group.holder_name(pending));
        reply.int(pending.delivered_ms() as i64);
        reply.int(pending.deliveries as i64);
    }
    field(reply, "consumers").array(group.consumers().len());
    for (id, _) in group.consumers() {
        consumer(reply, group, id, count);
    }
}

fn consumer(reply: &mut Reply<'_>, group: &Group, id: ConsumerId, count: usize) {
    let consumer = group.consumer(id);
    reply.map(5);
    field(reply, "name").bulk(consumer.name());
    field(reply, "seen-time").int(consumer.seen_ms as i64);
    field(reply, "active-time").int(consumer.active_ms.map_or(-1, |at| at as i64));
    field(reply, "pel-count").len(consumer.pending().len());
    field(reply, "pending").array(consumer.pending().len().min(count));
    for (id, pending) in group.pending_of(id, Id::MIN, Id::MAX).take(count) {
        reply.array(3);
        reply_id(reply, id);
        reply.int(pending.delivered_ms() as i64);
        reply.int(pending.deliveries as i64);
    }
}
