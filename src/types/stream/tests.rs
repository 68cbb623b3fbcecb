use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

use super::*;

const CASES: u32 = if cfg!(miri) { 2 } else { 96 };

fn limits(entries: usize) -> Limits {
    Limits { stream_node_max_entries: entries, ..Limits::usual() }
}

#[derive(Clone, Debug)]
enum Step {
    /// Adds an entry so much above the last id, with this many fields.
    Add(u64, u8),
    Remove(prop::sample::Index),
    MaxLen(u64, bool),
    MinId(u64),
    Range(u64, u64),
    /// A consumer reads so many new entries.
    Read(u8, usize, bool),
    Ack(prop::sample::Index),
    /// A consumer takes what pends with another.
    Claim(u8, prop::sample::Index),
    Forget(u8),
    SetId(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        6 => (1..4_u64, 1..4_u8).prop_map(|(by, fields)| Step::Add(by, fields)),
        1 => index().prop_map(Step::Remove),
        1 => (0..60_u64, any::<bool>()).prop_map(|(max, whole)| Step::MaxLen(max, whole)),
        1 => (0..300_u64).prop_map(Step::MinId),
        2 => (0..300_u64, 0..300_u64).prop_map(|(from, to)| Step::Range(from, to)),
        2 => (0..4_u8, 1..20_usize, any::<bool>()).prop_map(|(c, n, p)| Step::Read(c, n, p)),
        2 => index().prop_map(Step::Ack),
        2 => (0..4_u8, index()).prop_map(|(consumer, at)| Step::Claim(consumer, at)),
        1 => (0..4_u8).prop_map(Step::Forget),
        1 => (0..300_u64).prop_map(Step::SetId),
    ];
    prop::collection::vec(step, 1..300)
}

type Words = Vec<Vec<u8>>;

#[derive(Default)]
struct Model {
    entries: BTreeMap<Id, Words>,
    last: Id,
    max_deleted: Id,
    added: u64,
    group_last: Id,
    /// Who has which entry, and how often it was given.
    pending: BTreeMap<Id, (u8, u64)>,
    consumers: BTreeSet<u8>,
}

fn id(n: u64) -> Id {
    Id::new(n / 5, n % 5)
}

const GROUP: &[u8] = b"g";

fn told(entry: &EntryRef<'_>) -> (Id, Words) {
    let words = entry.pairs().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]);
    (entry.id, words.collect())
}

fn consumer(stream: &mut Stream, model: &mut Model, name: u8) -> ConsumerId {
    let group = stream.group_mut(GROUP).unwrap();
    model.consumers.insert(name);
    group.find(&[name]).unwrap_or_else(|| group.add_consumer(&[name], 0))
}

fn apply(step: Step, stream: &mut Stream, model: &mut Model, limits: &Limits) {
    match step {
        Step::Add(by, fields) => {
            let at = id(model.last.ms * 5 + model.last.seq + by);
            assert_eq!(stream.next_id(NewId::Given(at), 0), Ok(at));
            let pairs = (0..fields).flat_map(|n| [vec![b'f', n % 2], at.to_string().into_bytes()]);
            let words: Words = pairs.collect();
            stream.append(at, words.iter().map(|word| &word[..]), limits);
            model.entries.insert(at, words);
            model.last = at;
            model.added += 1;
        }
        Step::Remove(at) if !model.entries.is_empty() => {
            let at = *model.entries.keys().nth(at.index(model.entries.len())).unwrap();
            assert!(stream.remove(at) && !stream.remove(at));
            model.entries.remove(&at);
            model.max_deleted = model.max_deleted.max(at);
        }
        Step::Remove(_) => assert!(!stream.remove(Id::new(1, 1))),
        Step::MaxLen(max, approximate) => {
            trim(
                stream,
                model,
                Trim {
                    by: TrimBy::MaxLen(max),
                    approximate,
                    limit: None,
                    references: References::Keep,
                },
            );
        }
        Step::MinId(min) => {
            trim(
                stream,
                model,
                Trim {
                    by: TrimBy::MinId(id(min)),
                    approximate: false,
                    limit: None,
                    references: References::Keep,
                },
            );
        }
        Step::Range(from, to) => range(stream, model, id(from), id(to)),
        Step::Read(name, max, pends) => read(stream, model, (name, max, pends)),
        step => work(step, stream, model),
    }
}

fn trim(stream: &mut Stream, model: &mut Model, trim: Trim) {
    let removed = stream.trim(&trim);
    for _ in 0..removed {
        model.entries.pop_first();
    }
    let surplus = match trim.by {
        TrimBy::MaxLen(max) => (model.entries.len() as u64).saturating_sub(max),
        TrimBy::MinId(min) => model.entries.range(..min).count() as u64,
    };
    let first = stream.nodes().first().map_or(0, |(_, node)| node.live() as u64);
    assert!(surplus == 0 || trim.approximate && surplus < first);
}

fn range(stream: &Stream, model: &Model, from: Id, to: Id) {
    let inside = |at: &Id| from <= *at && *at <= to;
    let expected: Vec<_> =
        model.entries.iter().filter(|(at, _)| inside(at)).map(|(a, b)| (*a, b.clone())).collect();
    let found: Vec<_> = stream.range(from, to).map(|entry| told(&entry)).collect();
    assert_eq!(found, expected);
    let mut back: Vec<_> = stream.range_back(from, to).map(|entry| told(&entry)).collect();
    back.reverse();
    assert_eq!(back, expected);
    assert_eq!(stream.get(from).is_some(), model.entries.contains_key(&from));
}

fn read(stream: &mut Stream, model: &mut Model, (name, max, pends): (u8, usize, bool)) {
    let consumer = consumer(stream, model, name);
    let to = Delivery { group: GROUP, consumer, max, now_ms: 5, pends };
    let mut given = Vec::new();
    let count = stream.deliver(to, |entry| {
        given.push(entry.id);
        true
    });
    assert_eq!(count, given.len());
    let behind = model.group_last.next().unwrap();
    let expected: Vec<Id> = model.entries.range(behind..).take(max).map(|(at, _)| *at).collect();
    assert_eq!(given, expected);
    model.group_last = given.last().copied().unwrap_or(model.group_last);
    if pends {
        model.pending.extend(given.iter().map(|at| (*at, (name, 1))));
    }
}

fn work(step: Step, stream: &mut Stream, model: &mut Model) {
    let nth = |model: &Model, at: prop::sample::Index| {
        let len = model.pending.len();
        (len > 0).then(|| *model.pending.keys().nth(at.index(len)).unwrap())
    };
    match step {
        Step::Ack(at) => {
            let at = nth(model, at).unwrap_or(Id::MAX);
            let released = stream.group_mut(GROUP).unwrap().release(at);
            assert_eq!(released, model.pending.remove(&at).is_some());
        }
        Step::Claim(name, at) => {
            let consumer = consumer(stream, model, name);
            let Some(at) = nth(model, at) else { return };
            let (_, times) = model.pending[&at];
            let pending = Pending::given(consumer, 9, times + 1);
            stream.group_mut(GROUP).unwrap().assign(at, pending);
            model.pending.insert(at, (name, times + 1));
        }
        Step::Forget(name) => {
            let group = stream.group_mut(GROUP).unwrap();
            let gone = group.find(&[name]).map(|consumer| group.remove_consumer(consumer));
            let before = model.pending.len();
            model.pending.retain(|_, (owner, _)| *owner != name);
            let was_there = model.consumers.remove(&name);
            assert_eq!(gone, was_there.then_some(before - model.pending.len()));
        }
        Step::SetId(at) => {
            let group = stream.group_mut(GROUP).unwrap();
            (group.last_id, group.entries_read) = (id(at), None);
            model.group_last = id(at);
        }
        _ => unreachable!("the others are done"),
    }
}

fn check(stream: &Stream, model: &Model) {
    let facts = Facts {
        len: model.entries.len() as u64,
        first_id: model.entries.keys().next().copied().unwrap_or_default(),
        last_id: model.last,
        max_deleted_id: model.max_deleted,
        entries_added: model.added,
    };
    assert_eq!(*stream.facts(), facts);
    let bytes: usize = stream.nodes().iter().map(|(_, node)| node.as_listpack().alloc_size()).sum();
    assert_eq!(stream.node_bytes, bytes);
    for (master, node) in stream.nodes().iter() {
        assert!(node.live() > 0);
        let again = StreamNode::from_listpack(node.as_listpack().clone(), *master);
        assert_eq!(again.as_ref(), Some(node));
    }
    let group = stream.group(GROUP).unwrap();
    assert_eq!(group.last_id, model.group_last);
    let pending: BTreeMap<Id, (u8, u64)> = group
        .pending()
        .iter()
        .map(|(at, it)| (*at, (group.consumer(it.consumer.unwrap()).name()[0], it.deliveries)))
        .collect();
    assert_eq!(pending, model.pending);
    assert!(group.consumers().map(|(_, it)| it.name()[0]).eq(model.consumers.iter().copied()));
    for (of, it) in group.consumers() {
        let own: Vec<Id> = it.pending().iter().map(|(at, ())| *at).collect();
        let found: Vec<Id> = group.pending_of(of, Id::MIN, Id::MAX).map(|(at, _)| at).collect();
        let expected = model.pending.iter().filter(|(_, (owner, _))| *owner == it.name()[0]);
        assert!(expected.map(|(at, _)| *at).eq(own.iter().copied()));
        assert_eq!(found, own);
    }
    // A lag that is told is right.
    let unread = model.entries.range(model.group_last.next().unwrap()..).count() as u64;
    if let Some(lag) = stream.facts().lag(group) {
        assert_eq!(lag, unread as i64, "{facts:?} {:?}", group.last_id);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_with_a_group_is_what_the_model_says(steps in steps(), entries in 1..20_usize) {
        let limits = limits(entries);
        let (mut stream, mut model) = (Stream::default(), Model::default());
        assert!(stream.add_group(GROUP, Group::new(Id::MIN, Some(0))));
        assert!(!stream.add_group(GROUP, Group::new(Id::MIN, None)));
        for step in steps {
            apply(step, &mut stream, &mut model, &limits);
            check(&stream, &model);
        }
        range(&stream, &model, Id::MIN, Id::MAX);
        check(&stream.clone(), &model);
    }
}

#[test]
fn ids_follow_the_clock_or_the_last_one() {
    let mut stream = Stream::default();
    let limits = limits(100);
    let mut add = |wanted, now| {
        let id = stream.next_id(wanted, now)?;
        stream.append(id, [&b"a"[..], b"b"].into_iter(), &limits);
        Ok(id)
    };
    assert_eq!(add(NewId::AutoSeq(0), 0), Ok(Id::new(0, 1)));
    assert_eq!(add(NewId::Auto, 5), Ok(Id::new(5, 0)));
    assert_eq!(add(NewId::Auto, 3), Ok(Id::new(5, 1)));
    assert_eq!(add(NewId::AutoSeq(5), 9), Ok(Id::new(5, 2)));
    assert_eq!(add(NewId::AutoSeq(4), 9), Err(AddError::IdTooLow));
    assert_eq!(add(NewId::Given(Id::new(5, 2)), 9), Err(AddError::IdTooLow));
    assert_eq!(add(NewId::Given(Id::new(7, u64::MAX)), 6), Ok(Id::new(7, u64::MAX)));
    assert_eq!(add(NewId::AutoSeq(7), 6), Err(AddError::IdTooLow));
    assert_eq!(add(NewId::Auto, 6), Ok(Id::new(8, 0)));
    assert_eq!(add(NewId::Given(Id::MAX), 6), Ok(Id::MAX));
    assert_eq!(add(NewId::Auto, 6), Err(AddError::Exhausted));
    assert_eq!(add(NewId::AutoSeq(u64::MAX), 6), Err(AddError::Exhausted));
}

#[test]
fn approximate_trimming_stops_at_its_limit() {
    let limits = limits(10);
    let mut stream = Stream::default();
    for n in 1..=100 {
        stream.append(Id::new(n, 0), [&b"a"[..], b"b"].into_iter(), &limits);
    }
    let mut trim = Trim {
        by: TrimBy::MaxLen(5),
        approximate: true,
        limit: Some(25),
        references: References::Keep,
    };
    assert_eq!(stream.trim(&trim), 20);
    trim.limit = None;
    assert_eq!(stream.trim(&trim), 70);
    trim.approximate = false;
    assert_eq!(stream.trim(&trim), 5);
    assert_eq!(stream.facts().first_id, Id::new(96, 0));
    trim.by = TrimBy::MaxLen(0);
    assert_eq!((stream.trim(&trim), stream.memory(1) < 1000), (5, true));
}

#[test]
fn where_no_names_are_remembered_no_producer_is() {
    let mut known = Idempotence::new(Memory { duration_s: 100, max_size: 0 });
    known.record(b"producer", b"name", Id::new(1, 1), 0);
    assert!(known.producers().is_empty());
}
