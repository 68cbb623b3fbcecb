use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use super::*;

const CASES: u32 = if cfg!(miri) { 4 } else { 128 };

#[derive(Clone, Debug)]
enum Step {
    /// Puts so many items behind all others.
    Extend(u8),
    Insert(u64),
    Remove(u64),
    /// Takes so many from the front.
    Drain(u8),
    Look(u64, u64),
    /// Moves the chunk of this number, and what it holds.
    Relocate(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        any::<u8>().prop_map(Step::Extend),
        (0..2000_u64).prop_map(Step::Insert),
        (0..2000_u64).prop_map(Step::Remove),
        (0..2000_u64).prop_map(Step::Remove),
        any::<u8>().prop_map(Step::Drain),
        (0..2000_u64, 0..2000_u64).prop_map(|(from, to)| Step::Look(from, to)),
        (0..8_u64).prop_map(Step::Relocate),
    ];
    prop::collection::vec(step, 1..200)
}

/// Ids whose order the halves decide by turns.
fn id(n: u64) -> Id {
    Id::new(n / 3, n % 3)
}

fn check_invariants<V>(map: &IdMap<V>) {
    let ids: Vec<Id> = map.chunks.iter().flat_map(|chunk| &chunk.items).map(|it| it.0).collect();
    assert!(ids.is_sorted_by(|a, b| a < b));
    assert_eq!(map.len, ids.len());
    for chunk in &map.chunks {
        assert!((1..=CHUNK_MAX).contains(&chunk.items.len()));
        assert_eq!(chunk.first, chunk.items[0].0);
    }
}

fn apply(step: &Step, map: &mut IdMap<u64>, model: &mut BTreeMap<Id, u64>) {
    match *step {
        Step::Extend(count) => {
            let next = map.last().map_or(0, |(id, _)| id.ms * 3 + id.seq + 1);
            for n in next..next + u64::from(count) {
                assert_eq!(map.insert(id(n), n), model.insert(id(n), n));
            }
        }
        Step::Insert(n) => assert_eq!(map.insert(id(n), n + 1), model.insert(id(n), n + 1)),
        Step::Remove(n) => assert_eq!(map.remove(id(n)), model.remove(&id(n))),
        Step::Drain(count) => {
            for _ in 0..count {
                assert_eq!(map.pop_first(), model.pop_first());
            }
        }
        Step::Look(from, to) => look(id(from), id(to), map, model),
        Step::Relocate(chunk) => {
            let mut seen = 0;
            let next = map.relocate_from(chunk, &mut Mover::of_all(), |_, _| seen += 1);
            let has_more = chunk as usize + 1 < map.chunk_count();
            assert_eq!(next, if has_more { chunk + 1 } else { 0 });
            assert_eq!(seen, map.chunks.get(chunk as usize).map_or(0, |chunk| chunk.items.len()));
        }
    }
}

fn look(from: Id, to: Id, map: &mut IdMap<u64>, model: &BTreeMap<Id, u64>) {
    assert_eq!(map.get(from), model.get(&from));
    assert_eq!(map.get_mut(from).map(|it| *it), model.get(&from).copied());
    let floor = model.range(..=from).next_back().map(|(id, n)| (*id, *n));
    assert_eq!(map.floor(from).copied(), floor);
    assert_eq!(map.floor_mut(from).map(|(id, n)| (id, *n)), floor);
    assert_eq!(map.first().copied(), model.first_key_value().map(|(id, n)| (*id, *n)));
    assert_eq!(map.last().copied(), model.last_key_value().map(|(id, n)| (*id, *n)));
    let expected: Vec<(Id, u64)> = if from <= to {
        model.range(from..=to).map(|(id, n)| (*id, *n)).collect()
    } else {
        Vec::new()
    };
    assert!(map.range(from..=to).copied().eq(expected.iter().copied()));
    assert!(map.range(from..=to).rev().copied().eq(expected.into_iter().rev()));
    let behind = model.range((Excluded(to), Unbounded)).map(|(id, n)| (*id, *n));
    assert!(to.next().is_none_or(|to| map.range(to..=Id::MAX).copied().eq(behind)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn it_is_a_sorted_map(steps in steps()) {
        let (mut map, mut model) = (IdMap::default(), BTreeMap::new());
        for step in &steps {
            apply(step, &mut map, &mut model);
            check_invariants(&map);
            assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
        }
        assert!(map.iter().copied().eq(model.iter().map(|(id, n)| (*id, *n))));
        assert!(map.into_iter().eq(model));
    }
}

#[test]
fn items_that_come_in_order_leave_full_chunks() {
    let mut map = IdMap::default();
    (1..=64).for_each(|ms| assert_eq!(map.insert(Id::new(ms, 0), ()), None));
    map.insert(Id::new(70, 0), ());
    let chunks: Vec<_> = map.chunks.iter().map(|it| (it.first.ms, it.items.len())).collect();
    assert_eq!(chunks, [(1, 64), (70, 1)]);
    assert_eq!(map.chunk_count(), 2);
}

#[test]
fn ids_step_over_the_border_of_their_halves() {
    let border = Id::new(4, u64::MAX);
    assert_eq!(border.next(), Some(Id::new(5, 0)));
    assert_eq!(Id::new(5, 0).prev(), Some(border));
    assert_eq!((Id::MIN.prev(), Id::MAX.next()), (None, None));
    assert_eq!(Id::MAX.text(&mut [0; Id::TEXT_MAX]), Id::MAX.to_string().as_bytes());
    assert_eq!(Id::from_be_bytes(border.to_be_bytes()), border);
}
