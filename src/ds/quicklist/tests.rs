use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Direction, Limits, NodeBytes, Quicklist};
use crate::ds::listpack::{Item, Listpack};
use crate::stdx::alloc::Mover;

/// What is done to a list. Numbers are taken modulo the places there are.
#[derive(Clone, Debug)]
enum Op {
    PushFront(Vec<u8>),
    PushBack(Vec<u8>),
    PopFront,
    PopBack,
    Insert(usize, Vec<u8>),
    Set(usize, Vec<u8>),
    RemoveRange(usize, usize),
    RemoveWhere {
        direction: Direction,
        limit: usize,
        len: usize,
    },
    /// Moves everything.
    Relocate,
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0_u32..2000).prop_map(|n| n.to_string().into_bytes()),
        4 => (0_u8..5, 0_usize..70).prop_map(|(byte, len)| vec![b'a' + byte; len]),
        2 => vec(any::<u8>(), 0..90),
        1 => (0_u8..5, 200_usize..300).prop_map(|(byte, len)| vec![b'a' + byte; len]),
    ]
}

fn direction() -> impl Strategy<Value = Direction> {
    select(vec![Direction::Forward, Direction::Backward])
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => element().prop_map(Op::PushFront),
        4 => element().prop_map(Op::PushBack),
        1 => Just(Op::PopFront),
        1 => Just(Op::PopBack),
        6 => (any::<usize>(), element()).prop_map(|(at, element)| Op::Insert(at, element)),
        3 => (any::<usize>(), element()).prop_map(|(at, element)| Op::Set(at, element)),
        1 => (any::<usize>(), 0_usize..12).prop_map(|(from, count)| Op::RemoveRange(from, count)),
        1 => Just(Op::Relocate),
        1 => (direction(), 0_usize..4, 0_usize..40)
            .prop_map(|(direction, limit, len)| Op::RemoveWhere { direction, limit, len }),
    ]
}

/// Small nodes, so that few elements make many: by elements, and by bytes with large ones apart.
fn limits() -> impl Strategy<Value = Limits> {
    prop_oneof![
        (0_i32..6).prop_map(Limits::new),
        (1_usize..100).prop_map(|large| Limits::new(5).with_packed_threshold(large)),
        (60_usize..200).prop_map(Limits::of_bytes),
    ]
}

fn apply(op: Op, limits: Limits, list: &mut Quicklist, model: &mut VecDeque<Vec<u8>>) {
    match op {
        Op::PushFront(element) => {
            list.push_front(&element, limits);
            model.push_front(element);
        }
        Op::PushBack(element) => {
            list.push_back(&element, limits);
            model.push_back(element);
        }
        Op::PopFront => assert_eq!(list.pop_front(to_vec), model.pop_front()),
        Op::PopBack => assert_eq!(list.pop_back(to_vec), model.pop_back()),
        Op::Insert(at, element) => {
            let at = at % (model.len() + 1);
            list.insert(at, &element, limits);
            model.insert(at, element);
        }
        Op::Set(at, element) => {
            let at = at % (model.len() + 1);
            assert_eq!(list.set(at, &element, limits), at < model.len());
            if let Some(place) = model.get_mut(at) {
                *place = element;
            }
        }
        Op::RemoveRange(from, count) => {
            let from = from % (model.len() + 1);
            let removed = list.remove_range(from..from + count);
            removed.segments.check_invariants();
            let end = model.len().min(from + count);
            let expected: Vec<_> = model.drain(from..end).collect();
            assert!(is_run_of(&all(&removed), &expected));
        }
        Op::RemoveWhere { direction, limit, len } => {
            let removed = list.remove_where(direction, limit, |item| to_vec(item).len() == len);
            assert_eq!(removed, remove_from(model, direction, limit, len));
        }
        Op::Relocate => {
            let (mut mover, mut cursor) = (Mover::of_all(), 0);
            loop {
                cursor = list.relocate_from(cursor, &mut mover);
                if cursor == 0 {
                    break;
                }
            }
            // Each node's bytes at least.
            assert!(mover.hits() as usize >= list.node_count());
        }
    }
}

fn remove_from(
    model: &mut VecDeque<Vec<u8>>,
    direction: Direction,
    limit: usize,
    len: usize,
) -> usize {
    let mut places: Vec<_> = (0..model.len()).filter(|at| model[*at].len() == len).collect();
    if direction == Direction::Backward {
        places.reverse();
    }
    places.truncate(limit);
    places.sort_unstable();
    for at in places.iter().rev() {
        model.remove(*at);
    }
    places.len()
}

fn is_run_of(part: &[Vec<u8>], whole: &[Vec<u8>]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|window| window == part)
}

fn to_vec(item: Item<'_>) -> Vec<u8> {
    item.to_vec()
}

fn range(list: &Quicklist, range: Range<usize>) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    list.for_each(range, |item| elements.push(item.to_vec()));
    elements
}

fn all(list: &Quicklist) -> Vec<Vec<u8>> {
    range(list, 0..list.len())
}

fn walked(list: &Quicklist, from: usize, direction: Direction, count: usize) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    let _ = list.walk(from, direction, |item| {
        if elements.len() == count {
            return ControlFlow::Break(());
        }
        elements.push(item.to_vec());
        ControlFlow::Continue(())
    });
    elements
}

/// Everything that can be read, against the model.
fn check_reads(list: &Quicklist, model: &VecDeque<Vec<u8>>, from: usize, count: usize) {
    assert_eq!(list.len(), model.len());
    assert_eq!(all(list), model.iter().cloned().collect::<Vec<_>>());
    let from = from % (model.len() + 1);
    assert_eq!(list.get(from, to_vec), model.get(from).cloned());
    let expected: Vec<_> = model.iter().skip(from).take(count).cloned().collect();
    assert_eq!(range(list, from..from + count), expected);
    assert_eq!(walked(list, from, Direction::Forward, count), expected);
    let skipped = model.len().saturating_sub(from + 1);
    let backwards = model.iter().rev().skip(skipped).take(count).cloned();
    let expected: Vec<_> = if from < model.len() { backwards.collect() } else { Vec::new() };
    assert_eq!(walked(list, from, Direction::Backward, count), expected);
}

proptest! {
    #[test]
    fn a_list_behaves_like_a_deque(
        limits in limits(),
        depth in 0_u32..4,
        steps in vec((op(), any::<usize>(), 0_usize..9), 1..120),
    ) {
        let mut list = Quicklist::new(depth);
        let mut model = VecDeque::new();
        for (op, from, count) in steps {
            apply(op, limits, &mut list, &mut model);
            list.check_invariants();
            check_reads(&list, &model, from, count);
        }
        let copy = list.clone();
        copy.check_invariants();
        prop_assert_eq!(all(&copy), all(&list));
    }

    #[test]
    fn many_nodes_stay_in_order(
        depth in 0_u32..3,
        steps in vec((any::<bool>(), any::<usize>(), 0_usize..150), 1..20),
    ) {
        let limits = Limits::new(1);
        let mut list = Quicklist::new(depth);
        let mut model = VecDeque::new();
        for (grows, at, count) in steps {
            for n in 0..count {
                let at = (at + n * (at % 3)) % (model.len() + 1);
                if grows {
                    let element = vec![b'a' + (n % 26) as u8; 50];
                    apply(Op::Insert(at, element), limits, &mut list, &mut model);
                } else if n % 8 == 0 {
                    apply(Op::RemoveRange(at, n), limits, &mut list, &mut model);
                }
            }
            list.check_invariants();
            check_reads(&list, &model, at, count);
        }
    }
}

/// Elements of 10 bytes in nodes of 4, a digit each.
fn digits(count: usize, depth: u32) -> Quicklist {
    let mut list = Quicklist::new(depth);
    for n in 0..count {
        list.push_back(&[b'0' + n as u8; 30], Limits::new(4));
    }
    list
}

fn entries(list: &Quicklist) -> Vec<usize> {
    list.nodes().map(|node| node.entries()).collect()
}

fn compressed(list: &Quicklist) -> Vec<bool> {
    list.nodes().map(|node| matches!(node.bytes(), NodeBytes::Lzf { .. })).collect()
}

#[test]
fn fill_levels_double_from_four_kilobytes() {
    for (fill, bytes) in [(-1, 4096), (-2, 8192), (-3, 16384), (-4, 32768), (-5, 65536)] {
        assert!(Limits::new(fill).fit(bytes, 1 << 20));
        assert!(!Limits::new(fill).fit(bytes + 1, 1));
    }
    assert_eq!(Limits::new(i32::MIN), Limits::new(-5));
}

#[test]
fn a_positive_fill_counts_elements_within_eight_kilobytes() {
    assert!(Limits::new(3).fit(8192, 3));
    assert!(!Limits::new(3).fit(100, 4));
    assert!(!Limits::new(3).fit(8193, 1));
    assert_eq!(Limits::new(0), Limits::new(1));
}

#[test]
fn an_element_larger_than_a_node_is_plain() {
    let limits = Limits::new(-1);
    let mut list = Quicklist::new(0);
    list.push_back(&[b'x'; 4096], limits);
    list.push_back(&[b'x'; 4097], limits);
    list.push_back(b"small", limits);
    let plain: Vec<_> = list.nodes().map(|node| node.is_plain()).collect();
    assert_eq!(plain, [false, true, false]);
    assert_eq!(list.nodes().nth(1).map(|node| node.raw_len()), Some(4097));
}

#[test]
fn a_packed_threshold_makes_smaller_elements_plain() {
    let limits = Limits::new(-2).with_packed_threshold(3);
    let mut list = Quicklist::new(0);
    for element in ["ab", "abc", "12"] {
        list.push_back(element.as_bytes(), limits);
    }
    let plain: Vec<_> = list.nodes().map(|node| node.is_plain()).collect();
    assert_eq!(plain, [false, true, false]);
    assert_eq!(limits.with_packed_threshold(0), Limits::new(-2));
}

#[test]
fn an_insertion_splits_a_full_node_and_merges_the_parts_with_their_neighbours() {
    let mut list = digits(10, 0);
    assert_eq!(entries(&list), [4, 4, 2]);
    list.insert(7, b"new", Limits::new(4));
    assert_eq!(entries(&list), [4, 4, 3]);
    list.insert(4, b"new", Limits::new(4));
    assert_eq!(entries(&list), [4, 1, 4, 3]);
    list.insert(2, b"new", Limits::new(4));
    assert_eq!(entries(&list), [3, 3, 4, 3]);
}

#[test]
fn the_layout_is_what_the_head_says() {
    assert_eq!(size_of::<super::Node>(), 32);
    let mut list = Quicklist::new(0);
    for element in ["a", "1000"] {
        list.push_back(element.as_bytes(), Limits::new(-2));
    }
    let bytes = b"\x0d\0\0\0\x02\0\x81a\x02\xc3\xe8\x02\xff";
    let node = list.sole_listpack().expect("one node");
    assert_eq!(node.bytes(), NodeBytes::Raw(Cow::Borrowed(bytes)));
}

#[test]
fn nodes_are_compressed_beyond_the_depth() {
    let mut list = digits(20, 1);
    assert_eq!(compressed(&list), [false, true, true, true, false]);
    list.remove_range(0..4);
    assert_eq!(compressed(&list), [false, true, true, false]);
    assert_eq!(compressed(&digits(20, 2)), [false, false, true, false, false]);
    assert_eq!(compressed(&digits(20, 0)), [false; 5]);
}

#[test]
fn what_compression_does_not_shorten_stays_raw() {
    let mut list = Quicklist::new(1);
    for n in 0..3_u8 {
        let noise: Vec<u8> = (0..200_u32).map(|i| (i * i * 7 + i / 3) as u8 ^ n).collect();
        list.push_back(&noise, Limits::new(1));
    }
    list.check_invariants();
    let mut short = Quicklist::new(1);
    for _ in 0..3 {
        short.push_back(&[b'x'; 30], Limits::new(1));
    }
    assert_eq!(compressed(&short), [false; 3]);
}

#[test]
fn a_removed_range_hands_out_its_whole_nodes() {
    let mut list = digits(40, 1);
    let removed = list.remove_range(3..33);
    assert_eq!(entries(&removed), [4; 7]);
    assert_eq!(entries(&list), [3, 3, 4]);
    list.check_invariants();
}

/// A list of the numbers below 100 in one node, of which the first `gone` were popped.
fn popped(gone: usize) -> Quicklist {
    let mut list = Quicklist::new(0);
    for n in 0..100 {
        list.push_back(format!("element {n}").as_bytes(), Limits::new(-2));
    }
    for n in 0..gone {
        list.pop_front(|item| assert_eq!(item.to_vec(), format!("element {n}").into_bytes()));
    }
    list.check_invariants();
    list
}

/// What the elements are.
fn texts(list: &Quicklist) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    list.for_each(0..list.len(), |item| all.push(item.to_vec()));
    all
}

#[test]
fn what_is_popped_leaves_no_trace_in_a_nodes_bytes() {
    for gone in [0, 1, 30, 49, 50, 51, 98, 99] {
        let list = popped(gone);
        let mut fresh = Quicklist::new(0);
        texts(&list).iter().for_each(|text| fresh.push_back(text, Limits::new(-2)));
        let (node, wanted) = (list.sole_listpack().unwrap(), fresh.sole_listpack().unwrap());
        assert_eq!((node.raw_len(), node.bytes()), (wanted.raw_len(), wanted.bytes()), "{gone}");
        assert_eq!(list.into_listpack().unwrap(), fresh.into_listpack().unwrap(), "{gone}");
    }
}

#[test]
fn every_change_finds_its_place_behind_popped_elements() {
    let limits = Limits::new(-2);
    type Change = fn(&mut Quicklist, Limits);
    type Wanted = fn(&mut Vec<Vec<u8>>);
    let changes: [(Change, Wanted); 6] = [
        (|list, limits| list.push_front(b"x", limits), |all| all.insert(0, b"x".to_vec())),
        (|list, limits| list.push_back(b"x", limits), |all| all.push(b"x".to_vec())),
        (|list, limits| list.insert(7, b"x", limits), |all| all.insert(7, b"x".to_vec())),
        (|list, limits| assert!(list.set(7, b"x", limits)), |all| all[7] = b"x".to_vec()),
        (|list, _| drop(list.remove_range(3..9)), |all| drop(all.drain(3..9))),
        (|list, _| assert!(list.pop_back(|_| ()).is_some()), |all| drop(all.pop())),
    ];
    for (change, wanted) in changes {
        let mut list = popped(30);
        let mut all = texts(&list);
        change(&mut list, limits);
        wanted(&mut all);
        list.check_invariants();
        assert_eq!(texts(&list), all);
        let at = all.len() / 2;
        assert_eq!(list.get(at, |item| item.to_vec()), Some(all[at].clone()));
    }
}

#[test]
fn a_list_of_one_listpack_gives_it_back() {
    let mut listpack = Listpack::new();
    listpack.push_back(b"a");
    let list = Quicklist::from_listpack(listpack.clone(), 0);
    assert_eq!(list.into_listpack().expect("one node").as_bytes(), listpack.as_bytes());
    let two = digits(5, 0).into_listpack().expect_err("two nodes");
    assert_eq!(two.len(), 5);
    assert!(Quicklist::new(0).into_listpack().is_err());
    assert!(Quicklist::from_listpack(Listpack::new(), 0).is_empty());
}

#[test]
fn nodes_from_elsewhere_are_compressed_when_all_are_there() {
    let source = digits(20, 2);
    let mut list = Quicklist::new(1);
    for node in source.nodes() {
        match node.bytes() {
            NodeBytes::Raw(bytes) => {
                list.append_listpack(Listpack::from_bytes(&bytes).expect("a listpack"));
            }
            NodeBytes::Lzf { .. } => list.append_plain(vec![b'p'; 60].into()),
        }
    }
    list.compress();
    list.check_invariants();
    assert_eq!(list.len(), 17);
    assert_eq!(compressed(&list), [false, true, true, true, false]);
}

#[test]
fn sizes_are_estimated_from_the_first_nodes() {
    let list = digits(40, 0);
    let bytes: usize = list.segments.iter().map(super::Node::alloc_size).sum();
    let tables = list.segments.alloc_size();
    assert_eq!(list.alloc_size(usize::MAX), tables + bytes);
    assert_eq!(list.alloc_size(1), tables + bytes);
    assert_eq!(list.alloc_size(100), tables + bytes);
    assert_eq!(Quicklist::new(0).alloc_size(5), Quicklist::new(0).segments.alloc_size());
}
