use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::collections::{BTreeMap, BTreeSet};

fn limits() -> Limits {
    Limits {
        set_max_intset_entries: 6,
        set_max_listpack_entries: 8,
        set_max_listpack_value: 5,
        ..Limits::usual()
    }
}

fn text(n: usize) -> Vec<u8> {
    format!("m{n}").into_bytes()
}

/// A set of `count` members in each encoding that `limits` lets hold them.
fn each_encoding(count: usize) -> Vec<(Set, Limits)> {
    let wide = Limits {
        set_max_intset_entries: 1 << 20,
        set_max_listpack_entries: 1 << 20,
        set_max_listpack_value: 64,
        ..limits()
    };
    let mut ints = Set::new();
    let mut pack = Set::new_pack();
    let mut table = Set::new_table(0, &wide);
    for n in 0..count {
        ints.add(n.to_string().as_bytes(), &wide);
        pack.add(&text(n), &wide);
        table.add(&text(n), &wide);
    }
    let names = [&ints, &pack, &table].map(Set::encoding_name);
    assert_eq!(names, ["intset", "listpack", "hashtable"]);
    [ints, pack, table].map(|set| (set, wide.clone())).into()
}

fn members(set: &Set) -> BTreeSet<Vec<u8>> {
    set.iter().map(Str::to_vec).collect()
}

/// Whether each of `counts` is what `trials` draws of equal chance among them would give: within six
/// standard deviations.
fn check_even(counts: &BTreeMap<Vec<u8>, usize>, choices: usize, trials: usize, what: &str) {
    assert_eq!(counts.len(), choices, "{what}: every choice comes up");
    let mean = trials as f64 / choices as f64;
    for (choice, count) in counts {
        let off = (*count as f64 - mean).abs();
        assert!(off < 6.0 * mean.sqrt(), "{what}: {count} of {trials} for {choice:?}");
    }
}

#[test]
fn a_single_draw_is_even_in_each_encoding() {
    let mut rng = SmallRng::seed_from_u64(1);
    for (set, _) in each_encoding(20) {
        let mut counts = BTreeMap::new();
        for _ in 0..20_000 {
            *counts.entry(set.random(&mut rng).unwrap().to_vec()).or_default() += 1;
        }
        check_even(&counts, 20, 20_000, set.encoding_name());
    }
}

#[test]
fn draws_are_even_in_a_table_that_lost_most_of_its_members() {
    let mut rng = SmallRng::seed_from_u64(2);
    let limits = limits();
    let mut set = Set::new_table(0, &limits);
    (0..2000).for_each(|n| _ = set.add(&text(n), &limits));
    (0..2000).filter(|n| n % 200 != 7).for_each(|n| _ = set.remove(&text(n)));
    let mut counts = BTreeMap::new();
    set.draw(20_000, &mut rng, |member| *counts.entry(member.to_vec()).or_default() += 1);
    check_even(&counts, 10, 20_000, "sparse");
}

#[test]
fn a_sample_has_each_member_once_and_every_choice_evenly() {
    let mut rng = SmallRng::seed_from_u64(3);
    for (set, _) in each_encoding(5) {
        let mut counts = BTreeMap::new();
        for _ in 0..20_000 {
            let mut sample = Vec::new();
            set.sample(2, &mut rng, |member| sample.push(member.to_vec()));
            sample.sort();
            *counts.entry(sample.concat()).or_default() += 1;
        }
        // Two of five: ten choices, none of which is one member twice.
        check_even(&counts, 10, 20_000, set.encoding_name());
    }
}

#[test]
fn a_small_sample_of_a_large_table_is_even_too() {
    let mut rng = SmallRng::seed_from_u64(4);
    let (set, _) = each_encoding(20).pop().unwrap();
    let mut counts = BTreeMap::new();
    for _ in 0..5_000 {
        let mut sample = BTreeSet::new();
        set.sample(4, &mut rng, |member| assert!(sample.insert(member.to_vec())));
        assert_eq!(sample.len(), 4);
        sample.into_iter().for_each(|member| *counts.entry(member).or_default() += 1);
    }
    check_even(&counts, 20, 20_000, "four of twenty");
}

#[test]
fn a_sample_of_more_than_all_is_all() {
    let mut rng = SmallRng::seed_from_u64(5);
    for (set, _) in each_encoding(9) {
        for count in [9, 10, usize::MAX] {
            let mut sample = BTreeSet::new();
            set.sample(count, &mut rng, |member| assert!(sample.insert(member.to_vec())));
            assert_eq!(sample, members(&set));
        }
    }
}

#[test]
fn what_is_popped_and_what_stays_are_the_whole() {
    let mut rng = SmallRng::seed_from_u64(6);
    for count in 1..30 {
        for (mut set, limits) in each_encoding(30) {
            let (before, encoding) = (members(&set), set.encoding_name());
            let mut popped = BTreeSet::new();
            let rest = set.pop_many(count, &limits, &mut rng, |member| {
                assert!(popped.insert(member.to_vec()));
            });
            assert_eq!((popped.len(), set.len()), (count, 30 - count), "{encoding}");
            assert_eq!(&(&popped | &members(&set)), &before, "{encoding}");
            let is_rebuilt = encoding == "hashtable" && (30 - count) * 5 <= count;
            assert_eq!(rest.is_some(), is_rebuilt, "{encoding}, {count}");
            let expected = if is_rebuilt { "listpack" } else { encoding };
            assert_eq!(set.encoding_name(), expected, "{count}");
        }
    }
}

#[test]
fn pops_are_even_in_each_encoding() {
    let mut rng = SmallRng::seed_from_u64(7);
    for (set, limits) in each_encoding(10) {
        for count in [1, 3, 9] {
            let mut counts = BTreeMap::new();
            for _ in 0..3_000 {
                let mut set = set.clone();
                set.pop_many(count, &limits, &mut rng, |member| {
                    *counts.entry(member.to_vec()).or_default() += 1;
                });
            }
            check_even(&counts, 10, 3_000 * count, set.encoding_name());
        }
    }
}

#[test]
fn a_listpack_with_a_member_twice_is_no_set() {
    let mut pack = Listpack::new();
    [b"a".as_slice(), b"1", b"b"].into_iter().for_each(|member| pack.push_back(member));
    let set = Set::from_pack(pack.clone(), &limits()).unwrap();
    assert_eq!((set.len(), set.encoding_name()), (3, "listpack"));
    let few = Limits { set_max_listpack_entries: 2, ..limits() };
    let set = Set::from_pack(pack.clone(), &few).unwrap();
    assert_eq!((set.len(), set.encoding_name()), (3, "hashtable"));
    pack.push_back(b"1");
    assert!(Set::from_pack(pack, &limits()).is_none());
}

#[test]
fn the_memory_of_a_table_grows_with_its_members() {
    let mut sizes = each_encoding(1000).into_iter().map(|(set, _)| set.memory(64));
    let (ints, pack, table) = (sizes.next(), sizes.next(), sizes.next());
    assert!(ints > Some(2000) && ints < Some(3000), "two bytes each: {ints:?}");
    assert!(pack > Some(5000) && pack < Some(9000), "six bytes each: {pack:?}");
    assert!(table > Some(9_000) && table < Some(25_000), "the table alone: {table:?}");
}

#[test]
fn outgrown_tables_are_given_away() {
    let (limits, mut set, mut given) = (limits(), Set::new_table(0, &limits()), 0);
    for n in 0..60_000 {
        set.add(&text(n), &limits);
        given += usize::from(set.take_garbage().is_some());
    }
    assert!(given > 0, "a table of so many members outgrew others");
    assert!(set.take_garbage().is_none());
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>),
    Remove(Vec<u8>),
    Expect(usize),
    Pop,
    PreferInts,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let member = prop_oneof![
        3 => (-3..9i64).prop_map(|n| n.to_string().into_bytes()),
        1 => (99_998..100_002i64).prop_map(|n| n.to_string().into_bytes()),
        2 => "[a-d]{0,2}".prop_map(String::into_bytes),
        1 => "[a-b]{5,6}".prop_map(String::into_bytes),
    ];
    let step = prop_oneof![
        8 => member.clone().prop_map(Step::Add),
        6 => member.prop_map(Step::Remove),
        1 => (0..10usize).prop_map(Step::Expect),
        2 => Just(Step::Pop),
        1 => Just(Step::PreferInts),
    ];
    vec(step, 1..80)
}

proptest! {
    #[test]
    fn it_does_as_a_set_of_std_does(steps in steps(), seed in any::<u64>()) {
        let (mut rng, limits) = (SmallRng::seed_from_u64(seed), limits());
        let (mut set, mut model) = (Set::new(), BTreeSet::new());
        for step in steps {
            match step {
                Step::Add(member) => prop_assert_eq!(set.add(&member, &limits), model.insert(member)),
                Step::Remove(member) => prop_assert_eq!(set.remove(&member), model.remove(&member)),
                Step::Expect(count) => set.expect(count, &limits),
                Step::PreferInts => set.prefer_ints(&limits),
                Step::Pop => {
                    let was_empty = model.is_empty();
                    let mut popped = None;
                    set.pop(&mut rng, |member| popped = Some(member.to_vec()));
                    prop_assert_eq!(popped.is_some_and(|it| model.remove(&it)), !was_empty);
                }
            }
            check(&set, &model, &limits)?;
        }
    }
}

fn check(set: &Set, model: &BTreeSet<Vec<u8>>, limits: &Limits) -> Result<(), TestCaseError> {
    prop_assert_eq!(set.len(), model.len());
    prop_assert_eq!(&members(set), model);
    let copy = set.clone();
    prop_assert_eq!(members(&copy), members(set));
    let mut scanned = BTreeSet::new();
    let mut cursor = 0;
    loop {
        cursor = set.scan(cursor, |member| _ = scanned.insert(member.to_vec()));
        if cursor == 0 {
            break;
        }
    }
    prop_assert_eq!(&scanned, model);
    for member in model {
        prop_assert!(set.contains(member));
    }
    match set.form() {
        SetForm::Ints(ints) => prop_assert!(ints.len() <= limits.set_max_intset_entries),
        SetForm::Pack(pack) => prop_assert!(pack.len() <= limits.set_max_listpack_entries),
        SetForm::Table(table) => table.check_invariants(),
    }
    Ok(())
}
