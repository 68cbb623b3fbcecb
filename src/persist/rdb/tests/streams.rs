//! Streams, with groups and producers, in the forms of every version, and written in slices.

use super::super::encode::Encoder;
use super::super::object::type_byte;
use super::super::stream::{Cursor, begin, go_on, type_of, whole};
use super::{VERSIONS, limits, read, written};
use crate::types::stream::{Delivery, Group, Id, Memory, NewId, Stream, Trim, TrimBy};
use crate::types::stream::{Pending, References};
use crate::types::{Collection, Value};
use proptest::prelude::*;

const MEMORY: Memory = Memory { duration_s: 50, max_size: 7 };

/// A stream that so many steps have led to.
fn stream(steps: &[(u8, u8, u8)]) -> Stream {
    let mut limits = limits();
    limits.stream_node_max_entries = 5;
    let mut stream = Stream::default();
    for (at, (kind, a, b)) in steps.iter().enumerate() {
        let now_ms = 1000 + at as u64 * u64::from(steps[0].1);
        let group = [b'g', a % 3];
        let of = stream.group(&group);
        let pending = of.and_then(|of| of.pending().iter().nth(usize::from(b % 8)).copied());
        let entry = stream.range(Id::MIN, Id::MAX).nth(usize::from(b % 16)).map(|entry| entry.id);
        match kind % 12 {
            0..=4 => {
                let id = stream.next_id(NewId::Auto, now_ms).unwrap();
                let words: Vec<Vec<u8>> =
                    (0..2 + 2 * (a % 3)).map(|n| vec![b'a' + n; usize::from(b % 9)]).collect();
                stream.append(id, words.iter().map(|word| &**word), &limits);
                if kind % 12 == 4 {
                    let known = stream.idempotence_mut(MEMORY);
                    known.record(&[a % 4], &[b % 16], id, now_ms);
                    known.added += 1;
                    known.duplicates += u64::from(b % 3);
                }
            }
            5 => {
                let from = entry.filter(|_| b % 2 == 0).unwrap_or(Id::MIN);
                stream.add_group(&group, Group::new(from, (b % 4 > 0).then_some(3)));
            }
            6 | 7 => {
                let Some(of) = stream.group_mut(&group) else { continue };
                let name = [b'c', b % 3];
                let consumer = of.find(&name).unwrap_or_else(|| of.add_consumer(&name, now_ms));
                of.consumer_mut(consumer).active_ms = (b % 2 > 0).then_some(now_ms);
                let max = usize::from(b % 7);
                let to = Delivery { group: &group, consumer, max, now_ms, pends: true };
                stream.deliver(to, |_| true);
            }
            8 => {
                let back = pending.map(|(id, it): (Id, Pending)| (id, it.deliveries + 2));
                let Some(of) = stream.group_mut(&group) else { continue };
                back.into_iter().for_each(|(id, deliveries)| of.hand_back(id, deliveries));
            }
            9 => {
                let Some(of) = stream.group_mut(&group) else { continue };
                pending.into_iter().for_each(|(id, _)| assert!(of.release(id)));
            }
            10 => entry.into_iter().for_each(|id| assert!(stream.remove(id))),
            _ => {
                let references = [References::Keep, References::Delete, References::Acked];
                let references = references[usize::from(a % 3)];
                let by = TrimBy::MaxLen(u64::from(b % 32));
                stream.trim(&Trim { by, approximate: a % 2 > 0, limit: None, references });
            }
        }
    }
    stream
}

/// What the form of this type keeps of a stream, as text.
fn text(stream: &Stream, kind: u8) -> String {
    let facts = stream.facts();
    let mut text = format!("{:?} {:?} {:?}\n", facts.len, facts.first_id, facts.last_id);
    if kind >= type_byte::STREAM_2 {
        text += &format!("{:?} {:?}\n", facts.max_deleted_id, facts.entries_added);
    }
    for entry in stream.range(Id::MIN, Id::MAX) {
        text += &format!("{:?} {:?}\n", entry.id, entry.pairs().collect::<Vec<_>>());
    }
    for (name, group) in stream.groups() {
        let read = group.entries_read.filter(|_| kind >= type_byte::STREAM_2);
        text += &format!("{name:?} {:?} {read:?}\n", group.last_id);
        for (id, pending) in group.pending().iter() {
            let consumer = pending.consumer.map(|consumer| group.consumer(consumer).name());
            let (at, times) = (pending.delivered_ms(), pending.deliveries);
            text += &format!("  {id:?} {consumer:?} {at} {times}\n");
        }
        for (_, consumer) in group.consumers() {
            let active = consumer.active_ms.filter(|_| kind >= type_byte::STREAM_3);
            let ids: Vec<_> = consumer.pending().iter().map(|(id, ())| *id).collect();
            text += &format!("  {:?} {} {active:?} {ids:?}\n", consumer.name(), consumer.seen_ms);
        }
        let back: Vec<_> = group.handed_back(0).map(|(_, id)| id).collect();
        text += &format!("  {back:?} {}\n", group.handed_back_count());
    }
    let known = stream.idempotence().into_iter();
    for known in known.filter(|it| it.added > 0 || it.memory() == MEMORY) {
        text += &format!("{:?} {} {}\n", known.memory(), known.added, known.duplicates);
        for (producer, names) in known.producers() {
            text += &format!("  {producer:?} {:?}\n", names.names().collect::<Vec<_>>());
        }
    }
    text
}

fn check(stream: &Stream) {
    let value: Value = stream.clone().into_value();
    for version in VERSIONS {
        let kind = type_of(stream, version);
        let again = read(&written(&value, version, true), version, &limits());
        let again = Stream::of(&again).unwrap();
        // Where a form lacks how much groups have read it is found out anew.
        assert_eq!(text(again, kind), text(stream, kind), "version {version}");
    }
    let mut at_once = Vec::new();
    whole(stream, &mut Encoder::new(&mut at_once, None));
    for budget in 1..6 {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, None);
        let mut cursor = begin(stream, &mut encoder);
        while cursor != Cursor::End {
            cursor = go_on(cursor, stream, budget, &mut encoder);
        }
        assert_eq!(out, at_once, "in slices of {budget}");
    }
}

#[test]
fn what_newer_versions_brought_is_written_in_their_forms() {
    let plain = stream(&[(0, 1, 1), (5, 0, 1), (6, 0, 5)]);
    assert_eq!(VERSIONS.map(|version| type_of(&plain, version)), [15, 19, 21, 21, 21]);
    let named = stream(&[(4, 1, 1), (5, 0, 1), (6, 0, 5)]);
    assert_eq!(VERSIONS.map(|version| type_of(&named, version)), [26; 5]);
    let back = stream(&[(0, 1, 1), (5, 0, 1), (6, 0, 5), (8, 0, 0)]);
    assert_eq!(VERSIONS.map(|version| type_of(&back, version)), [27; 5]);
    [plain, named, back].iter().for_each(check);
}

proptest! {
    #[test]
    fn streams_come_back_in_every_version_and_in_slices(
        steps in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 1..150),
    ) {
        check(&stream(&steps));
    }
}
