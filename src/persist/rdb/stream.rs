//! Writing a stream: its nodes as they lie in memory, what is known of it, and its groups; all at once or
//! bit by bit.
//!
//! ```text
//!   length                  nodes, of each: its master id (a string of 16 bytes, each half big-endian)
//!                           and its listpack (a string)
//!   length                  entries
//!   length length           last id
//!   length length           first id                       ┐
//!   length length           highest id that was deleted    ├ from version 10 on
//!   length                  entries ever added             ┘
//!   length                  groups, of each:
//!     string                its name
//!     length length         last id given out
//!     length                entries read, or -1            — from version 10 on
//!     length                what pends, of each: id (16 bytes), when delivered (8 bytes,
//!                           little-endian, ms), and a length: how often
//!     length                consumers, of each:
//!       string              its name
//!       8 bytes             when last seen (little-endian, ms)
//!       8 bytes             when last active, or -1        — from version 11 on
//!       length              what pends with it: ids (16 bytes each)
//!     length                what was handed back, in its order: ids (16 bytes each)
//!                                                          — where anything was, in type 27
//!   length length           seconds and number of names remembered   ┐
//!   length                  producers, of each:                      │
//!     string                its name                                 │ where producers gave entries
//!     length                names, of each: a string, and the        ├ names, or anything was handed
//!                           entry's id (length length)               │ back: in types 26 and 27
//!   length                  entries ever added under a name          │
//!   length                  and not added, for theirs was known      ┘
//! ```

use std::ops::Bound::{Excluded, Unbounded};

use super::encode::Encoder;
use super::object::type_byte;
use crate::types::Collection;
use crate::types::stream::{Facts, Group, Id, Memory, Stream};

/// The first version with facts beside the last id,
const FIRST_WITH_FACTS: u16 = 10;
/// and the first with the time when consumers were active.
const FIRST_WITH_ACTIVITY: u16 = 11;
/// What is written of producers where none has given an entry a name: what Redis remembers.
const USUAL_MEMORY: Memory = Memory { duration_s: 100, max_size: 100 };
/// What a node costs, counted in ids.
const NODE_COST: usize = 32;

/// The type byte of a stream in a version. What older forms lack has it written in the form that has it,
/// whatever the version: that is refused by who does not know it, and lost by nobody.
pub(super) fn type_of(stream: &Stream, version: u16) -> u8 {
    if stream.groups().values().any(|group| group.handed_back_count() > 0) {
        return type_byte::STREAM_5;
    }
    match version {
        _ if stream.idempotence().is_some() => type_byte::STREAM_4,
        ..FIRST_WITH_FACTS => type_byte::STREAM,
        FIRST_WITH_FACTS => type_byte::STREAM_2,
        FIRST_WITH_ACTIVITY.. => type_byte::STREAM_3,
    }
}

/// How far a stream is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Nodes from this id on.
    Nodes(Id),
    /// The facts, and the number of groups.
    Facts,
    /// The group behind this one, or the first; its head.
    Group(Option<Box<[u8]>>),
    /// What pends in a group, from an id on.
    Pending(Box<[u8]>, Id),
    /// The consumer of a group behind this one, or the first; its head.
    Consumer(Box<[u8]>, Option<Box<[u8]>>),
    /// What pends with a consumer of a group, from an id on.
    Ids(Box<[u8]>, Box<[u8]>, Id),
    /// How much was handed back in a group.
    HandedBack(Box<[u8]>),
    /// What was handed back in a group, from a turn on.
    Turns(Box<[u8]>, u64),
    /// What is known of producers.
    Names,
    /// The names of the producer behind this one, or the first.
    Producer(Option<Box<[u8]>>),
    /// All is written.
    End,
}

/// Writes a whole stream, behind its type byte.
pub(super) fn whole(stream: &Stream, out: &mut Encoder<'_>) {
    let mut cursor = begin(stream, out);
    while cursor != Cursor::End {
        cursor = go_on(cursor, stream, usize::MAX, out);
    }
}

/// Writes a stream's head.
pub(super) fn begin(stream: &Stream, out: &mut Encoder<'_>) -> Cursor {
    out.length(stream.nodes().len());
    Cursor::Nodes(Id::MIN)
}

/// Writes on: about so many ids, or what they cost. How far it is then.
pub(super) fn go_on(
    mut cursor: Cursor,
    stream: &Stream,
    mut budget: usize,
    out: &mut Encoder<'_>,
) -> Cursor {
    let kind = type_of(stream, out.version());
    while budget > 0 && cursor != Cursor::End {
        cursor = step(cursor, stream, kind, &mut budget, out);
    }
    cursor
}

fn step(
    cursor: Cursor,
    stream: &Stream,
    kind: u8,
    budget: &mut usize,
    out: &mut Encoder<'_>,
) -> Cursor {
    match cursor {
        Cursor::Nodes(from) => nodes(stream, from, budget, out),
        Cursor::Facts => {
            facts(stream, kind, out);
            out.length(stream.groups().len());
            Cursor::Group(None)
        }
        Cursor::Group(before) => {
            let behind = before.map_or(Unbounded, Excluded);
            let next = stream.groups().range::<Box<[u8]>, _>((behind, Unbounded)).next();
            match next {
                None if kind >= type_byte::STREAM_4 => Cursor::Names,
                None => Cursor::End,
                Some((name, group)) => {
                    group_head(name, group, kind, out);
                    Cursor::Pending(name.clone(), Id::MIN)
                }
            }
        }
        Cursor::Pending(ref name, _)
        | Cursor::Consumer(ref name, _)
        | Cursor::Ids(ref name, ..)
        | Cursor::HandedBack(ref name)
        | Cursor::Turns(ref name, _) => match stream.group(name) {
            Some(group) => of_group(cursor, group, kind, budget, out),
            None => Cursor::End,
        },
        Cursor::Names => names(stream, out),
        Cursor::Producer(before) => producer(stream, before, budget, out),
        Cursor::End => Cursor::End,
    }
}

/// Goes on inside a group.
fn of_group(
    cursor: Cursor,
    group: &Group,
    kind: u8,
    budget: &mut usize,
    out: &mut Encoder<'_>,
) -> Cursor {
    match cursor {
        Cursor::Pending(name, from) => pending(name, group, from, budget, out),
        Cursor::Consumer(name, before) => consumer(name, group, before.as_deref(), kind, out),
        Cursor::Ids(name, who, from) => ids((name, who), group, from, budget, out),
        Cursor::HandedBack(name) => {
            out.length(group.handed_back_count());
            Cursor::Turns(name, 0)
        }
        Cursor::Turns(name, from) => {
            for (turn, id) in group.handed_back(from) {
                if *budget == 0 {
                    return Cursor::Turns(name, turn);
                }
                out.bytes(&id.to_be_bytes());
                *budget -= 1;
            }
            Cursor::Group(Some(name))
        }
        other => other,
    }
}

/// Writes what is known of producers, but for their names.
fn names(stream: &Stream, out: &mut Encoder<'_>) -> Cursor {
    let known = stream.idempotence();
    let memory = known.map_or(USUAL_MEMORY, |known| known.memory());
    out.length(memory.duration_s as usize);
    out.length(memory.max_size as usize);
    out.length(known.map_or(0, |known| known.producers().len()));
    Cursor::Producer(None)
}

fn producer(
    stream: &Stream,
    before: Option<Box<[u8]>>,
    budget: &mut usize,
    out: &mut Encoder<'_>,
) -> Cursor {
    let known = stream.idempotence();
    let behind = before.map_or(Unbounded, Excluded);
    let next =
        known.and_then(|it| it.producers().range::<Box<[u8]>, _>((behind, Unbounded)).next());
    let Some((name, producer)) = next else {
        out.length(known.map_or(0, |known| known.added as usize));
        out.length(known.map_or(0, |known| known.duplicates as usize));
        return Cursor::End;
    };
    out.string(name);
    out.length(producer.len());
    for (entry, its_name) in producer.names() {
        out.string(its_name);
        id(entry, out);
        *budget = budget.saturating_sub(1);
    }
    Cursor::Producer(Some(name.clone()))
}

fn nodes(stream: &Stream, from: Id, budget: &mut usize, out: &mut Encoder<'_>) -> Cursor {
    for (master, node) in stream.nodes().range(from..=Id::MAX) {
        if *budget == 0 {
            return Cursor::Nodes(*master);
        }
        out.string(&master.to_be_bytes());
        out.string(node.as_listpack().as_bytes());
        *budget = budget.saturating_sub(NODE_COST);
    }
    Cursor::Facts
}

fn facts(stream: &Stream, kind: u8, out: &mut Encoder<'_>) {
    let Facts { len, first_id, last_id, max_deleted_id, entries_added } = *stream.facts();
    out.length(len as usize);
    id(last_id, out);
    if kind >= type_byte::STREAM_2 {
        id(first_id, out);
        id(max_deleted_id, out);
        out.length(entries_added as usize);
    }
}

fn id(id: Id, out: &mut Encoder<'_>) {
    out.length(id.ms as usize);
    out.length(id.seq as usize);
}

fn group_head(name: &[u8], group: &Group, kind: u8, out: &mut Encoder<'_>) {
    out.string(name);
    id(group.last_id, out);
    if kind >= type_byte::STREAM_2 {
        out.length(group.entries_read.map_or(usize::MAX, |read| read as usize));
    }
    out.length(group.pending().len());
}

fn pending(
    name: Box<[u8]>,
    group: &Group,
    from: Id,
    budget: &mut usize,
    out: &mut Encoder<'_>,
) -> Cursor {
    for (id, pending) in group.pending().range(from..=Id::MAX) {
        if *budget == 0 {
            return Cursor::Pending(name, *id);
        }
        out.bytes(&id.to_be_bytes());
        out.u64_le(pending.delivered_ms());
        out.length(pending.deliveries as usize);
        *budget -= 1;
    }
    out.length(group.consumers().len());
    Cursor::Consumer(name, None)
}

fn consumer(
    name: Box<[u8]>,
    group: &Group,
    before: Option<&[u8]>,
    kind: u8,
    out: &mut Encoder<'_>,
) -> Cursor {
    let Some((_, consumer)) = group.next_consumer(before) else {
        return match kind {
            type_byte::STREAM_5 => Cursor::HandedBack(name),
            _ => Cursor::Group(Some(name)),
        };
    };
    out.string(consumer.name());
    out.u64_le(consumer.seen_ms);
    if kind >= type_byte::STREAM_3 {
        out.u64_le(consumer.active_ms.unwrap_or(u64::MAX));
    }
    out.length(consumer.pending().len());
    Cursor::Ids(name, consumer.name().into(), Id::MIN)
}

fn ids(
    (name, who): (Box<[u8]>, Box<[u8]>),
    group: &Group,
    from: Id,
    budget: &mut usize,
    out: &mut Encoder<'_>,
) -> Cursor {
    let consumer = group.find(&who).map(|id| group.consumer(id));
    for (id, ()) in consumer.iter().flat_map(|it| it.pending().range(from..=Id::MAX)) {
        if *budget == 0 {
            return Cursor::Ids(name, who, *id);
        }
        out.bytes(&id.to_be_bytes());
        *budget -= 1;
    }
    *budget = budget.saturating_sub(1);
    Cursor::Consumer(name, Some(who))
}

/// Whether writing a stream at once would take long.
pub(super) fn is_big(stream: &Stream, ids_max: usize) -> bool {
    let pending = stream.groups().values().map(|group| 2 * group.pending().len());
    let consumers = stream.groups().values().map(|group| group.consumers().len());
    let known = stream.idempotence().map(|known| known.producers().values());
    let names: usize = known.into_iter().flatten().map(|it| it.len()).sum();
    let cost = names + stream.nodes().len() * NODE_COST + pending.chain(consumers).sum::<usize>();
    debug_assert_eq!(stream.is_empty(), stream.nodes().is_empty(), "no node is empty");
    cost > ids_max
}
