use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Bound;

fn limits(entries: usize, value: usize) -> Limits {
    Limits { zset_max_listpack_entries: entries, zset_max_listpack_value: value, ..Limits::usual() }
}

fn contents(zset: &Zset) -> Vec<(String, f64)> {
    zset.iter().map(text).collect()
}

fn text(element: Element<'_>) -> (String, f64) {
    let member = String::from_utf8(element.member.to_vec()).expect("tests use text");
    (member, element.score)
}

/// The same set in both encodings.
fn both(members: &[(&str, f64)]) -> [Zset; 2] {
    [limits(1000, 64), limits(0, 64)].map(|limits| {
        let mut zset = Zset::with_hints(&limits, members.len(), 1);
        for (member, score) in members {
            zset.insert(&limits, member.as_bytes(), *score);
        }
        zset
    })
}

#[test]
fn it_converts_at_one_member_too_many() {
    let limits = limits(3, 8);
    let mut zset = Zset::new();
    for (member, encoding) in [
        ("a", "listpack"),
        ("b", "listpack"),
        ("c", "listpack"),
        ("a", "listpack"),
        ("d", "skiplist"),
    ] {
        zset.insert(&limits, member.as_bytes(), 1.0);
        assert_eq!(zset.encoding_name(), encoding, "after {member}");
    }
    assert_eq!(zset.len(), 4);
    zset.remove_range(0..3, |_| ());
    assert_eq!(zset.encoding_name(), "skiplist", "it is never converted back");
}

#[test]
fn it_converts_at_one_byte_too_many() {
    let limits = limits(128, 8);
    let mut zset = Zset::new();
    zset.insert(&limits, b"12345678", 1.0);
    assert_eq!(zset.encoding_name(), "listpack");
    zset.insert(&limits, b"123456789", -1.0);
    assert_eq!(zset.encoding_name(), "skiplist");
    assert_eq!(contents(&zset), [("123456789".to_owned(), -1.0), ("12345678".to_owned(), 1.0)]);
}

#[test]
fn hints_choose_the_encoding() {
    let limits = limits(3, 8);
    for (members, longest, encoding) in
        [(3, 8, "listpack"), (4, 1, "skiplist"), (1, 9, "skiplist"), (usize::MAX, 0, "skiplist")]
    {
        let zset = Zset::with_hints(&limits, members, longest);
        assert_eq!(zset.encoding_name(), encoding, "{members} of {longest}");
    }
}

#[test]
fn a_small_skiplist_can_be_compacted() {
    let small = limits(3, 8);
    for (members, encoding) in [
        (&["a", "b", "c"][..], "listpack"),
        (&["a", "b", "c", "d"], "skiplist"),
        (&["123456789"], "skiplist"),
    ] {
        let mut zset = Zset::with_hints(&small, usize::MAX, 0);
        for member in members {
            zset.insert(&small, member.as_bytes(), 0.5);
        }
        let before = contents(&zset);
        let zset = zset.compacted(&small);
        assert_eq!((zset.encoding_name(), contents(&zset)), (encoding, before));
    }
}

#[test]
fn a_listpack_has_redis_bytes() {
    let [zset, _] = both(&[("c", f64::INFINITY), ("a", -0.0), ("b", 1.5), ("7", 3.0)]);
    let expected: &[u8] = b"\x20\0\0\0\x08\0\x81a\x02\0\x01\x81b\x02\x831.5\x04\x07\x01\x03\x01\x81c\x02\x83inf\x04\xff";
    assert_eq!(zset.as_listpack().expect("it is small").as_bytes(), expected);
}

#[test]
fn options_decide_what_is_added() {
    let none = AddOptions::default();
    let nx = AddOptions { only_new: true, ..none };
    let xx = AddOptions { only_existing: true, ..none };
    let gt = AddOptions { only_greater: true, ..none };
    let lt = AddOptions { only_less: true, ..none };
    let incr = AddOptions { increment: true, ..none };
    for (member, score, options, expected) in [
        ("a", 2.0, none, Ok(Added::Updated(2.0))),
        ("a", 1.0, none, Ok(Added::Unchanged(1.0))),
        ("b", 2.0, none, Ok(Added::New(2.0))),
        ("a", 2.0, nx, Ok(Added::Skipped)),
        ("b", 2.0, nx, Ok(Added::New(2.0))),
        ("a", 2.0, xx, Ok(Added::Updated(2.0))),
        ("b", 2.0, xx, Ok(Added::Skipped)),
        ("a", 2.0, gt, Ok(Added::Updated(2.0))),
        ("a", 1.0, gt, Ok(Added::Skipped)),
        ("b", -2.0, gt, Ok(Added::New(-2.0))),
        ("a", 0.0, lt, Ok(Added::Updated(0.0))),
        ("a", 1.0, lt, Ok(Added::Skipped)),
        ("a", 2.0, incr, Ok(Added::Updated(3.0))),
        ("a", 0.0, incr, Ok(Added::Unchanged(1.0))),
        ("b", 2.0, incr, Ok(Added::New(2.0))),
        ("a", -1.0, AddOptions { increment: true, ..gt }, Ok(Added::Skipped)),
        ("z", f64::NEG_INFINITY, incr, Err(NotANumber)),
        ("z", f64::NEG_INFINITY, AddOptions { increment: true, ..nx }, Ok(Added::Skipped)),
    ] {
        for mut zset in both(&[("a", 1.0), ("z", f64::INFINITY)]) {
            let outcome = zset.add(&limits(1000, 64), member.as_bytes(), score, options);
            assert_eq!(outcome, expected, "{member} {score} {options:?} {}", zset.encoding_name());
            if let Ok(Added::New(score) | Added::Updated(score) | Added::Unchanged(score)) = outcome
            {
                assert_eq!(zset.score(member.as_bytes()), Some(score));
            }
        }
    }
}

#[test]
fn bounds_become_ranks() {
    use Bound::{Excluded, Included, Unbounded};
    for zset in both(&[("a", 1.0), ("b", 2.0), ("c", 2.0), ("d", 3.0)]) {
        for (min, max, ranks) in [
            (Included(2.0), Included(2.0), 1..3),
            (Excluded(1.0), Excluded(3.0), 1..3),
            (Excluded(2.0), Included(2.0), 3..3),
            (Included(3.0), Included(1.0), 3..3),
            (Included(f64::NEG_INFINITY), Included(f64::INFINITY), 0..4),
            (Unbounded, Excluded(1.0), 0..0),
            (Excluded(3.0), Unbounded, 4..4),
        ] {
            assert_eq!(zset.ranks_by_score(&ScoreRange { min, max }), ranks, "{min:?} {max:?}");
        }
    }
}

#[test]
fn lex_bounds_become_ranks() {
    use LexBound::{Excluded, Highest, Included, Lowest};
    for zset in both(&[("a", 0.0), ("b", 0.0), ("c", 0.0), ("10", 0.0)]) {
        for (min, max, ranks) in [
            (Lowest, Highest, 0..4),
            (Included(b"a"), Included(b"b"), 1..3),
            (Excluded(b"a"), Excluded(b"c"), 2..3),
            (Lowest, Included(b"10"), 0..1),
            (Excluded(b""), Excluded(b"a"), 0..1),
            (Highest, Lowest, 4..4),
            (Included(b"c"), Included(b"a"), 3..3),
        ] {
            assert_eq!(zset.ranks_by_lex(&LexRange { min, max }), ranks, "{min:?} {max:?}");
        }
    }
}

#[test]
fn random_elements_are_all_met() {
    for zset in both(&[("a", 1.0), ("b", 2.0), ("c", 2.0)]) {
        let (mut seen, mut state) = (BTreeMap::new(), 1_u64);
        for _ in 0..200 {
            let mut rng = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state ^ state >> 29
            };
            let (member, score) = text(zset.random(&mut rng).expect("it is not empty"));
            seen.insert(member, score);
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), contents(&zset));
    }
    assert_eq!(Zset::new().random(&mut || 0), None);
}

#[test]
fn outgrown_tables_are_given_away() {
    let (limits, mut zset, mut given) = (limits(0, 64), Zset::new(), 0);
    for i in 0..60_000_u32 {
        zset.insert(&limits, &i.to_le_bytes(), 1.0);
        given += usize::from(zset.take_garbage().is_some());
    }
    assert!(given > 0, "a table of so many members outgrew others");
    assert!(zset.take_garbage().is_none());
}

#[test]
fn a_listpack_from_outside_is_checked() {
    let of = |items: &[&str]| {
        let mut pack = Listpack::new();
        items.iter().for_each(|item| pack.push_back(item.as_bytes()));
        Zset::from_listpack(pack, &limits(2, 8)).map(|zset| zset.encoding_name())
    };
    assert_eq!(of(&["a", "1", "b", "1.5"]), Some("listpack"));
    assert_eq!(of(&["b", "-inf", "a", "1", "long member", "7"]), Some("skiplist"));
    assert_eq!(of(&[]), None, "empty");
    assert_eq!(of(&["a", "1", "b"]), None, "a member without score");
    assert_eq!(of(&["a", "x"]), None, "a score that is no number");
    assert_eq!(of(&["a", "nan"]), None, "not a number");
    assert_eq!(of(&["a", "2", "b", "1"]), None, "unsorted scores");
    assert_eq!(of(&["b", "1", "a", "1"]), None, "unsorted members");
    assert_eq!(of(&["a", "1", "a", "2"]), None, "a member twice");
    assert_eq!(of(&["a", "1", "a", "1"]), None, "an element twice");
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, i8),
    Increment(u8, i8),
    Remove(u8),
    RemoveRange(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..60_u8, any::<i8>()).prop_map(|(member, score)| Step::Insert(member, score)),
        1 => (0..60_u8, any::<i8>()).prop_map(|(member, score)| Step::Increment(member, score)),
        2 => (0..60_u8).prop_map(Step::Remove),
        1 => (0..60_usize, 0..6_usize).prop_map(|(start, len)| Step::RemoveRange(start, len)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_encoding_does_what_a_map_does(
        entries in prop::sample::select(vec![0, 16, 1000]),
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let limits = limits(entries, 64);
        let (mut zset, mut model) = (Zset::new(), BTreeMap::<String, f64>::new());
        for step in steps {
            let member = |number: u8| format!("{}{number}", if number.is_multiple_of(2) { "" } else { "m" });
            match step {
                Step::Insert(number, score) => {
                    let (member, score) = (member(number), f64::from(score) / 4.0);
                    let former = zset.insert(&limits, member.as_bytes(), score);
                    prop_assert_eq!(former, model.insert(member, score));
                }
                Step::Increment(number, by) => {
                    let (member, by) = (member(number), f64::from(by) / 4.0);
                    let options = AddOptions { increment: true, ..AddOptions::default() };
                    zset.add(&limits, member.as_bytes(), by, options).expect("finite");
                    *model.entry(member).or_default() += by;
                }
                Step::Remove(number) => {
                    let member = member(number);
                    prop_assert_eq!(zset.remove(member.as_bytes()), model.remove(&member));
                }
                Step::RemoveRange(start, len) => {
                    let start = start.min(zset.len());
                    let ranks = start..zset.len().min(start + len);
                    let doomed: Vec<_> = zset.range(ranks.clone()).map(text).collect();
                    let mut removed = Vec::new();
                    zset.remove_range(ranks, |element| removed.push(text(element)));
                    prop_assert_eq!(&removed, &doomed);
                    for (member, score) in removed {
                        prop_assert_eq!(model.remove(&member), Some(score));
                    }
                }
            }
            let mut expected: Vec<_> = model.clone().into_iter().collect();
            expected.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
            prop_assert_eq!(contents(&zset), &expected[..]);
            let reversed: Vec<_> = zset.iter().rev().map(text).collect();
            prop_assert!(reversed.iter().eq(expected.iter().rev()));
            for (rank, (member, score)) in expected.iter().enumerate() {
                prop_assert_eq!(zset.rank(member.as_bytes()), Some((rank, *score)));
                prop_assert_eq!(zset.get(rank).map(text), Some((member.clone(), *score)));
            }
            let copy = zset.clone();
            prop_assert_eq!(contents(&copy), expected);
        }
    }
}
