use std::collections::BTreeMap;

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::*;
use crate::stdx::alloc::Mover;

/// Small enough that few steps lead from one encoding to the next.
const ENTRIES: usize = 8;
const VALUE: usize = 16;

fn limits() -> Limits {
    Limits { hash_max_listpack_entries: ENTRIES, hash_max_listpack_value: VALUE, ..Limits::usual() }
}

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

fn hash_of(fields: usize) -> Hash {
    let mut hash = Hash::new();
    for n in 0..fields {
        hash.set(format!("f{n}").as_bytes(), b"v", FieldTtl::Clear, 0, &limits());
    }
    hash
}

fn names(hash: &Hash, now_ms: u64) -> Vec<String> {
    hash.iter(now_ms).map(|field| String::from_utf8(field.name.to_vec()).unwrap()).collect()
}

/// Checks the invariants, and that what there is at `now_ms` is `model`.
fn check(hash: &Hash, model: &Model, now_ms: u64) {
    if let Form::Table(table) = hash.as_form() {
        table.check_invariants();
    }
    assert_eq!(hash.len(), model.len());
    let all: Model = hash
        .iter(0)
        .map(|field| (field.name.to_vec(), (field.value.to_vec(), field.deadline)))
        .collect();
    assert_eq!(all, *model);
    let mut scanned = Vec::new();
    let mut cursor = 0;
    loop {
        cursor = hash.scan(cursor, now_ms, |field| scanned.push(field.name.to_vec()));
        if cursor == 0 {
            break;
        }
    }
    scanned.sort();
    let live = || model.iter().filter(|(_, (_, at))| at.is_none_or(|at| at > now_ms));
    assert!(live().map(|(name, _)| name).eq(&scanned));
    assert_eq!(hash.live_len(now_ms), live().count());
    assert_eq!(hash.next_deadline(), model.values().filter_map(|(_, at)| *at).min());
    if let Some((listpack, timed)) = hash.as_listpack() {
        assert!(Hash::from_listpack(listpack.clone(), timed, &limits()).is_some());
        assert!(hash.len() <= ENTRIES);
        assert!(model.iter().all(|(name, (value, _))| name.len().max(value.len()) <= VALUE));
    }
}

#[test]
fn a_table_is_the_same_after_all_of_it_was_moved() {
    let (mut hash, mut model) = (Hash::new(), Model::new());
    for n in 0..200_u64 {
        let (name, value) = (format!("f{n}").into_bytes(), vec![n as u8; n as usize * 20]);
        let deadline = n.is_multiple_of(3).then_some(1000 + n);
        let ttl = deadline.map_or(FieldTtl::Clear, FieldTtl::At);
        hash.set(&name, &value, ttl, 0, &limits());
        model.insert(name, (value, deadline));
    }
    let (mut mover, mut cursor) = (Mover::of_all(), 0);
    loop {
        cursor = hash.as_part_mut::<part::Value>().relocate_from(cursor, &mut mover);
        check(&hash, &model, 0);
        if cursor == 0 {
            break;
        }
    }
    // Those of more than a kilobyte are apart from their fields.
    assert!(mover.hits() > 200 + 148, "{} allocations", mover.hits());
}

#[test]
fn the_entry_past_the_limit_makes_a_table() {
    let mut hash = hash_of(ENTRIES);
    assert_eq!(hash.encoding_name(), "listpack");
    hash.set(b"f0", b"w", FieldTtl::Clear, 0, &limits());
    assert_eq!(hash.encoding_name(), "listpack");
    hash.set(b"more", b"w", FieldTtl::Clear, 0, &limits());
    assert_eq!(hash.encoding_name(), "hashtable");
    for _ in 0..ENTRIES {
        let name = hash.iter(0).next().unwrap().name.to_vec();
        hash.remove(&name, 0);
    }
    assert_eq!((hash.len(), hash.encoding_name()), (1, "hashtable"));
}

#[test]
fn the_byte_past_the_limit_makes_a_table() {
    for (name, value, encoding) in [
        (VALUE, VALUE, "listpack"),
        (VALUE + 1, VALUE, "hashtable"),
        (VALUE, VALUE + 1, "hashtable"),
    ] {
        let mut hash = Hash::new();
        hash.set(&vec![b'n'; name], &vec![b'v'; value], FieldTtl::Clear, 0, &limits());
        assert_eq!(hash.encoding_name(), encoding);
    }
    let mut many = Hash::new();
    many.prepare(ENTRIES, &limits());
    assert_eq!(many.encoding_name(), "listpack");
    many.prepare(ENTRIES + 1, &limits());
    assert_eq!(many.encoding_name(), "hashtable");
}

#[test]
fn small_hashes_keep_fields_with_deadlines_in_their_order() {
    let mut hash = hash_of(5);
    hash.set_deadline(b"f2", Some(200), 0);
    assert_eq!(hash.encoding_name(), "listpackex");
    assert_eq!(names(&hash, 0), ["f2", "f0", "f1", "f3", "f4"]);
    hash.set_deadline(b"f4", Some(300), 0);
    hash.set_deadline(b"f3", Some(300), 0);
    assert_eq!(names(&hash, 0), ["f2", "f3", "f4", "f0", "f1"]);
    // Without a deadline it goes behind all others, with another one to its new place.
    hash.set(b"f2", b"w", FieldTtl::Clear, 0, &limits());
    hash.set(b"f4", b"w", FieldTtl::At(100), 0, &limits());
    hash.set(b"f3", b"w", FieldTtl::Keep, 0, &limits());
    assert_eq!(names(&hash, 0), ["f4", "f3", "f0", "f1", "f2"]);
    hash.set_deadline(b"f4", None, 0);
    hash.set_deadline(b"f3", None, 0);
    assert_eq!((hash.next_deadline(), hash.encoding_name()), (None, "listpackex"));
}

#[test]
fn a_field_whose_time_is_over_is_as_good_as_none() {
    for padding in [0, ENTRIES] {
        let mut hash = hash_of(padding);
        hash.set(b"due", b"v", FieldTtl::At(100), 0, &limits());
        assert!(hash.contains(b"due", 99));
        assert!(!hash.contains(b"due", 100));
        assert!(!hash.set_deadline(b"due", None, 100));
        assert!(!hash.remove(b"due", 100));
        assert_eq!((hash.len(), hash.live_len(100)), (padding + 1, padding));
        assert!(hash.set(b"due", b"w", FieldTtl::Keep, 100, &limits()), "it is new");
        assert_eq!(hash.get(b"due", 100).unwrap().deadline, None);
    }
}

#[test]
fn due_fields_are_removed_in_slices_and_in_order() {
    for padding in [0, ENTRIES] {
        let mut hash = hash_of(padding);
        for (name, at) in [("c", 30), ("a", 10), ("d", 40), ("b", 20)] {
            hash.set(name.as_bytes(), b"v", FieldTtl::At(at), 0, &limits());
        }
        let mut told = Vec::new();
        let mut expire = |max| hash.expire_due(30, max, &mut |name| told.extend_from_slice(name));
        assert_eq!((expire(2), expire(2), expire(2)), (2, 1, 0));
        assert_eq!(told, b"abc");
        assert_eq!((hash.len(), hash.next_deadline()), (padding + 1, Some(40)));
    }
}

#[test]
fn a_foreign_listpack_must_be_a_hash() {
    let listpack = |texts: &[&str]| {
        let mut listpack = Listpack::new();
        texts.iter().for_each(|text| listpack.push_back(text.as_bytes()));
        listpack
    };
    let is_hash =
        |texts: &[&str], timed| Hash::from_listpack(listpack(texts), timed, &limits()).is_some();
    assert!(is_hash(&["a", "1", "b", "1"], false));
    assert!(!is_hash(&["a", "1", "b"], false), "no value");
    assert!(!is_hash(&["a", "1", "a", "2"], false), "the same field twice");
    assert!(is_hash(&["a", "1", "5", "b", "1", "5", "c", "1", "0"], true));
    assert!(!is_hash(&["a", "1", "6", "b", "1", "5"], true), "descending");
    assert!(!is_hash(&["a", "1", "0", "b", "1", "5"], true), "none before one");
    assert!(!is_hash(&["a", "1", "-5"], true), "before the epoch");
    assert!(!is_hash(&["a", "1", "x"], true), "no number");
    assert!(!is_hash(&["a", "1"], true), "no deadline");
    let many: Vec<String> = (0..2 * ENTRIES + 2).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let hash = Hash::from_listpack(listpack(&many), false, &limits()).unwrap();
    assert_eq!((hash.len(), hash.encoding_name()), (ENTRIES + 1, "hashtable"));
}

#[test]
fn every_field_is_drawn_as_often() {
    const ROUNDS: usize = 4000;
    for fields in [4, 4 * ENTRIES] {
        let mut hash = hash_of(fields);
        hash.set(b"due", b"v", FieldTtl::At(1), 0, &limits());
        let mut rng = SmallRng::seed_from_u64(7);
        let mut counts = [const { BTreeMap::<Vec<u8>, usize>::new() }; 3];
        let [single, several, distinct] = &mut counts;
        for _ in 0..ROUNDS {
            let name = hash.random(&mut rng, 1).unwrap().name.to_vec();
            *single.entry(name).or_insert(0) += 3;
            hash.draw(3, &mut rng, 1, |f| *several.entry(f.name.to_vec()).or_insert(0) += 1);
            let mut drawn = Vec::new();
            hash.draw_distinct(3, &mut rng, 1, |f| drawn.push(f.name.to_vec()));
            for name in &drawn {
                *distinct.entry(name.clone()).or_insert(0) += 1;
            }
            drawn.sort();
            drawn.dedup();
            assert_eq!(drawn.len(), 3);
        }
        let mean = 3 * ROUNDS / fields;
        for counts in counts {
            assert_eq!(counts.len(), fields);
            for (name, count) in counts {
                let name = String::from_utf8(name).unwrap();
                assert!(count.abs_diff(mean) < mean / 3, "{name}: {count} times, not {mean}");
            }
        }
    }
}

#[test]
fn a_sparse_choice_of_a_big_table_is_of_distinct_fields() {
    let hash = hash_of(1000);
    let mut rng = SmallRng::seed_from_u64(7);
    for count in [0, 1, 31, 999, 1000, 1001, usize::MAX] {
        let mut drawn = Vec::new();
        hash.draw_distinct(count, &mut rng, 0, |field| drawn.push(field.name.to_vec()));
        drawn.sort();
        drawn.dedup();
        assert_eq!(drawn.len(), count.min(1000));
    }
    Hash::new().draw(5, &mut rng, 0, |_| unreachable!("there is no field"));
}

#[test]
fn memory_of_many_fields_is_estimated_from_some() {
    let small = hash_of(1000).memory(100);
    let big = hash_of(4000).memory(100);
    assert!((3 * small..6 * small).contains(&big), "{small} and {big}");
    let all = hash_of(1000);
    assert_eq!(all.memory(usize::MAX), all.memory(1000));
}

#[derive(Clone, Debug)]
enum Change {
    Set(u8, Vec<u8>, FieldTtl),
    SetDeadline(u8, Option<u64>),
    Remove(u8),
    /// Time passes, and some of what is due is removed.
    Expire(u64, usize),
    Clone,
}

fn change() -> impl Strategy<Value = Change> {
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..6),
        any::<i32>().prop_map(|int| int.to_string().into_bytes()),
        prop::sample::select(vec![VALUE, VALUE + 1, 1024, 1025]).prop_map(|len| vec![b'v'; len]),
    ];
    let ttl = prop_oneof![
        Just(FieldTtl::Clear),
        Just(FieldTtl::Keep),
        (1_u64..100).prop_map(FieldTtl::At)
    ];
    prop_oneof![
        6 => (0_u8..14, value, ttl).prop_map(|(name, value, ttl)| Change::Set(name, value, ttl)),
        3 => (0_u8..14, prop::option::of(1_u64..100))
            .prop_map(|(name, at)| Change::SetDeadline(name, at)),
        3 => (0_u8..14).prop_map(Change::Remove),
        1 => (0_u64..10, 0_usize..3).prop_map(|(ms, max)| Change::Expire(ms, max)),
        1 => Just(Change::Clone),
    ]
}

/// Makes a change to both at `now_ms`, which it may move.
fn make(change: &Change, hash: &mut Hash, model: &mut Model, now_ms: &mut u64) {
    let name = |n: u8| if n < 7 { vec![b'0' + n] } else { vec![b'a'; usize::from(n)] };
    let live = |model: &Model, name: &[u8], now_ms: u64| {
        model.get(name).is_some_and(|(_, at)| is_live(*at, now_ms))
    };
    match change {
        Change::Set(n, value, ttl) => {
            let name = name(*n);
            let was = live(model, &name, *now_ms);
            let old = model.get(&name).and_then(|(_, at)| *at).filter(|_| was);
            assert_eq!(hash.set(&name, value, *ttl, *now_ms, &limits()), !was);
            model.insert(name, (value.clone(), ttl.after(old)));
        }
        Change::SetDeadline(n, at) => {
            let name = name(*n);
            let was = live(model, &name, *now_ms);
            assert_eq!(hash.set_deadline(&name, *at, *now_ms), was);
            if let Some(field) = model.get_mut(&name).filter(|_| was) {
                field.1 = *at;
            }
        }
        Change::Remove(n) => {
            let name = name(*n);
            let was = live(model, &name, *now_ms);
            assert_eq!(hash.remove(&name, *now_ms), was);
            model.retain(|other, _| !was || *other != name);
        }
        Change::Expire(ms, max) => {
            *now_ms += ms;
            let removed = hash.expire_due(*now_ms, *max, &mut |name| {
                let (_, at) = model.remove(name).unwrap();
                assert!(at.is_some_and(|at| at <= *now_ms));
            });
            assert!(removed <= *max);
        }
        Change::Clone => *hash = hash.clone(),
    }
}

proptest! {
    #[test]
    fn changes_do_what_they_do_to_a_map(changes in prop::collection::vec(change(), 1..60)) {
        let (mut hash, mut model, mut now_ms) = (Hash::new(), Model::new(), 1);
        for change in &changes {
            make(change, &mut hash, &mut model, &mut now_ms);
            check(&hash, &model, now_ms);
        }
    }
}

#[test]
fn outgrown_tables_are_given_away() {
    let limits = limits();
    let (mut hash, mut given) = (Hash::new(), 0);
    for n in 0..60_000 {
        hash.set(format!("field:{n}").as_bytes(), b"value", FieldTtl::Clear, 0, &limits);
        given += usize::from(hash.take_garbage().is_some());
    }
    assert!(given > 0, "a table of so many fields outgrew others");
    assert!(hash.take_garbage().is_none());
}
