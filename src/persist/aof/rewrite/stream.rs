//! A stream as commands.

use super::{push_command, push_head, push_word};
use crate::types::Collection;
use crate::types::stream::{Facts, Group, Id, Idempotence, Memory, Stream};

/// Appends the commands that make a stream.
pub(super) fn rewrite(out: &mut Vec<u8>, key: &[u8], stream: &Stream) {
    let (mut digits, mut more) = (itoa::Buffer::new(), itoa::Buffer::new());
    for entry in stream.range(Id::MIN, Id::MAX) {
        push_head(out, 3 + 2 * entry.len);
        push_word(out, b"XADD");
        push_word(out, key);
        push_word(out, text(entry.id, &mut new()));
        for (field, value) in entry.pairs() {
            push_word(out, field.bytes(&mut digits));
            push_word(out, value.bytes(&mut more));
        }
    }
    let Facts { last_id, max_deleted_id, entries_added, .. } = *stream.facts();
    if stream.is_empty() {
        // A stream comes to be with an entry, which is trimmed at once.
        let mut id = new();
        let id = text(last_id.max(Id::new(0, 1)), &mut id);
        let add: [&[u8]; 7] = [b"XADD", key, b"MAXLEN", b"0", id, b"x", b"y"];
        push_command(out, add.into_iter());
    }
    let (mut last, mut deleted) = (new(), new());
    let facts: [&[u8]; 7] = [
        b"XSETID",
        key,
        text(last_id, &mut last),
        b"ENTRIESADDED",
        digits.format(entries_added).as_bytes(),
        b"MAXDELETEDID",
        text(max_deleted_id, &mut deleted),
    ];
    push_command(out, facts.into_iter());
    for (name, group) in stream.groups() {
        self::group(out, key, name, group);
    }
    if let Some(known) = stream.idempotence() {
        names(out, key, known);
    }
}

/// What is known of producers.
fn names(out: &mut Vec<u8>, key: &[u8], known: &Idempotence) {
    let (mut digits, mut more) = (itoa::Buffer::new(), itoa::Buffer::new());
    let Memory { duration_s, max_size } = known.memory();
    let set: [&[u8]; 6] = [
        b"XCFGSET",
        key,
        b"IDMP-DURATION",
        digits.format(duration_s).as_bytes(),
        b"IDMP-MAXSIZE",
        more.format(max_size).as_bytes(),
    ];
    push_command(out, set.into_iter());
    for (producer, its) in known.producers() {
        for (entry, name) in its.names() {
            let mut id = new();
            let id = text(entry, &mut id);
            push_command(out, [b"XIDMPRECORD", key, producer, name, id].into_iter());
        }
    }
}

fn group(out: &mut Vec<u8>, key: &[u8], name: &[u8], group: &Group) {
    let (mut digits, mut more) = (itoa::Buffer::new(), itoa::Buffer::new());
    let mut last = new();
    let read: &[u8] = match group.entries_read {
        Some(read) => digits.format(read).as_bytes(),
        None => b"-1",
    };
    let last = text(group.last_id, &mut last);
    push_command(out, [b"XGROUP", b"CREATE", key, name, last, b"ENTRIESREAD", read].into_iter());
    for (id, consumer) in group.consumers() {
        let who = consumer.name();
        let create: [&[u8]; 5] = [b"XGROUP", b"CREATECONSUMER", key, name, who];
        push_command(out, create.into_iter());
        for (entry, pending) in group.pending_of(id, Id::MIN, Id::MAX) {
            let mut id = new();
            let claim: [&[u8]; 12] = [
                b"XCLAIM",
                key,
                name,
                who,
                b"0",
                text(entry, &mut id),
                b"TIME",
                digits.format(pending.delivered_ms()).as_bytes(),
                b"RETRYCOUNT",
                more.format(pending.deliveries).as_bytes(),
                b"JUSTID",
                b"FORCE",
            ];
            push_command(out, claim.into_iter());
        }
    }
    for (_, entry) in group.handed_back(0) {
        let mut id = new();
        let deliveries = group.pending().get(entry).map_or(0, |pending| pending.deliveries);
        let back: [&[u8]; 10] = [
            b"XNACK",
            key,
            name,
            b"FAIL",
            b"IDS",
            b"1",
            text(entry, &mut id),
            b"RETRYCOUNT",
            more.format(deliveries).as_bytes(),
            b"FORCE",
        ];
        push_command(out, back.into_iter());
    }
}

fn new() -> [u8; Id::TEXT_MAX] {
    [0; Id::TEXT_MAX]
}

fn text(id: Id, buffer: &mut [u8; Id::TEXT_MAX]) -> &[u8] {
    id.text(buffer)
}
