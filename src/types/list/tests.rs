use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn limits(list_max_listpack_size: i32, list_compress_depth: u32) -> Limits {
    Limits { list_max_listpack_size, list_compress_depth, ..Limits::usual() }
}

fn list_of(elements: &[&str], limits: &Limits) -> List {
    let mut list = List::default();
    list.extend(End::Right, elements.iter().map(|element| element.as_bytes()), limits);
    list
}

fn all(list: &List) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    list.for_each(0..list.len(), |item| elements.push(item.to_vec()));
    elements
}

/// The elements as words, and the encoding.
fn check(list: &List, words: &str, encoding: &str) {
    let elements: Vec<_> = all(list).into_iter().map(|e| String::from_utf8(e).unwrap()).collect();
    assert_eq!((elements.join(" ").as_str(), list.encoding_name()), (words, encoding));
}

#[test]
fn a_list_grows_into_a_quicklist_by_all_that_is_added_at_once() {
    let limits = limits(4, 0);
    let mut list = list_of(&["a", "b", "c"], &limits);
    check(&list, "a b c", "listpack");
    list.extend(End::Left, [&b"d"[..], b"e"].into_iter(), &limits);
    check(&list, "e d a b c", "quicklist");
}

#[test]
fn a_list_shrinks_into_a_listpack_at_half_the_limits() {
    let limits = limits(4, 0);
    let mut list = list_of(&["a", "b", "c", "d", "e"], &limits);
    assert!(list.remove_range(3..5, &limits).is_none());
    check(&list, "a b c", "quicklist");
    list.pop(End::Right, |_| ());
    check(&list, "a b", "quicklist");
    list.shrink(&limits);
    check(&list, "a b", "listpack");
}

#[test]
fn an_element_that_grows_and_shrinks_again_takes_its_list_with_it() {
    let limits = limits(-1, 0);
    let mut list = list_of(&["a", &"b".repeat(2000)], &limits);
    list.set(0, &[b'c'; 2100], &limits);
    assert_eq!(list.encoding_name(), "quicklist");
    list.set(1, b"b", &limits);
    assert_eq!(list.encoding_name(), "quicklist");
    list.set(0, b"c", &limits);
    check(&list, "c b", "listpack");
}

#[test]
fn a_loaded_list_is_packed_within_the_whole_limits() {
    let limits = limits(4, 0);
    let mut nodes = Quicklist::new(0);
    let Any::Listpack(listpack) = list_of(&["a", "b", "c", "d"], &limits).release() else {
        panic!("four elements are within the limits");
    };
    nodes.append_listpack(listpack.clone());
    check(&List::from_quicklist(nodes.clone(), &limits), "a b c d", "listpack");
    nodes.append_listpack(listpack);
    check(&List::from_quicklist(nodes, &limits), "a b c d a b c d", "quicklist");
}

#[test]
fn what_takes_long_to_free_comes_back() {
    let limits = limits(1, 0);
    let words = vec!["w"; 100];
    let mut list = list_of(&words, &limits);
    assert!(list.is_slow_to_free());
    let removed = list.remove_range(10..90, &limits).expect("eighty nodes");
    assert_eq!((removed.len(), list.len()), (80, 20));
    assert!(list.remove_range(0..10, &limits).is_none());
    assert!(!list.is_slow_to_free());
}

#[test]
fn one_large_element_is_slow_to_free() {
    let list = list_of(&[&"x".repeat(BYTES_FREED_AT_ONCE)], &limits(-2, 0));
    assert!(list.is_slow_to_free());
}

#[test]
fn integers_are_found_by_their_text() {
    for limits in [limits(-2, 0), limits(1, 0)] {
        let list = list_of(&["10", "010", "+10", "-10", "x"], &limits);
        let at = |text: &str| list.position(Needle::new(text.as_bytes()));
        assert_eq!(
            ["10", "010", "+10", "-10", "x", "1"].map(at),
            [Some(0), Some(1), Some(2), Some(3), Some(4), None]
        );
    }
}

#[derive(Clone, Debug)]
enum Op {
    Extend(bool, Vec<Vec<u8>>),
    Pop(bool),
    Insert(usize, Vec<u8>),
    Set(usize, Vec<u8>),
    RemoveRange(usize, usize),
    RemoveEqual(Vec<u8>, bool, usize),
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => (0_u32..9).prop_map(|n| n.to_string().into_bytes()),
        1 => (0_usize..40).prop_map(|len| vec![b'x'; len]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (any::<bool>(), vec(element(), 1..5)).prop_map(|(left, e)| Op::Extend(left, e)),
        2 => any::<bool>().prop_map(Op::Pop),
        2 => (any::<usize>(), element()).prop_map(|(at, e)| Op::Insert(at, e)),
        2 => (any::<usize>(), element()).prop_map(|(at, e)| Op::Set(at, e)),
        1 => (any::<usize>(), 0_usize..8).prop_map(|(from, n)| Op::RemoveRange(from, n)),
        1 => (element(), any::<bool>(), 0_usize..4)
            .prop_map(|(e, left, limit)| Op::RemoveEqual(e, left, limit)),
    ]
}

fn end(left: bool) -> End {
    if left { End::Left } else { End::Right }
}

fn apply(op: Op, limits: &Limits, list: &mut List, model: &mut VecDeque<Vec<u8>>) {
    match op {
        Op::Extend(left, elements) => {
            list.extend(end(left), elements.iter().map(|e| &e[..]), limits);
            let add = if left { VecDeque::push_front } else { VecDeque::push_back };
            elements.into_iter().for_each(|e| add(model, e));
        }
        Op::Pop(left) => {
            let expected = if left { model.pop_front() } else { model.pop_back() };
            assert_eq!(list.pop(end(left), |item| item.to_vec()), expected);
            list.shrink(limits);
        }
        Op::Insert(at, element) => {
            let at = at % (model.len() + 1);
            list.insert(at, &element, limits);
            model.insert(at, element);
        }
        Op::Set(at, element) => {
            if let Some(at) = at.checked_rem(model.len()) {
                list.set(at, &element, limits);
                model[at] = element;
            }
        }
        Op::RemoveRange(from, count) => {
            let from = from % (model.len() + 1);
            drop(list.remove_range(from..from + count, limits));
            model.drain(from..model.len().min(from + count));
        }
        Op::RemoveEqual(element, left, limit) => {
            let mut places: Vec<_> = (0..model.len()).filter(|i| model[*i] == element).collect();
            if !left {
                places.reverse();
            }
            places.truncate(limit);
            places.sort_unstable();
            let removed = list.remove_equal(Needle::new(&element), end(left), limit, limits);
            assert_eq!(removed, places.len());
            places.into_iter().rev().for_each(|at| drop(model.remove(at)));
        }
    }
}

fn check_reads(list: &List, model: &VecDeque<Vec<u8>>) {
    assert_eq!(list.len(), model.len());
    assert_eq!(all(list), Vec::from(model.clone()));
    let mut backwards = Vec::new();
    let _ = list.walk::<()>(End::Right, |item| {
        backwards.push(item.to_vec());
        ControlFlow::Continue(())
    });
    backwards.reverse();
    assert_eq!(backwards, Vec::from(model.clone()));
    for (at, element) in model.iter().enumerate() {
        assert_eq!(list.get(at, |item| item.to_vec()).as_ref(), Some(element));
        let first = model.iter().position(|e| e == element);
        assert_eq!(list.position(Needle::new(element)), first);
    }
    assert_eq!(list.get(model.len(), |_| ()), None);
}

proptest! {
    #[test]
    fn a_list_behaves_like_a_deque_in_both_encodings(
        size in prop_oneof![1_i32..6, Just(-1)],
        depth in 0_u32..3,
        ops in vec(op(), 1..40),
    ) {
        let limits = limits(size, depth);
        let (mut list, mut model) = (List::default(), VecDeque::new());
        for op in ops {
            apply(op, &limits, &mut list, &mut model);
            check_reads(&list, &model);
            if list.encoding_name() == "listpack" && size > 0 {
                prop_assert!(list.len() <= size as usize);
            }
        }
    }
}
