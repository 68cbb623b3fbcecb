use std::mem;
use std::rc::Rc;

use super::raw::check_classes;
use super::*;
use crate::stdx::alloc::Mover;

/// A family for trying out; each box counts its owners.
struct Family;

impl Kinds for Family {
    type A = Rc<str>;
    type B = (u64, Rc<str>);
    type C = Vec<Rc<str>>;
    type D = Option<Rc<str>>;
    type E = [u8; 3];
    type F = String;
}

type Word = OneOf<Family, ()>;

fn listpack(texts: &[&str]) -> Listpack {
    let mut listpack = Listpack::new();
    texts.iter().for_each(|text| listpack.push_back(text.as_bytes()));
    listpack
}

fn intset(ints: &[i64]) -> Intset {
    let mut set = Intset::new();
    ints.iter().for_each(|&n| assert!(set.insert(n)));
    set
}

/// One of each kind; `counted` is owned by four of them.
fn all(counted: &Rc<str>) -> Vec<Word> {
    let counted = || Rc::clone(counted);
    vec![
        Word::hold(Any::Sds(Sds::new())),
        Word::hold(Any::Sds(Sds::from_slice(&[7; 300]))),
        Word::hold(Any::Listpack(listpack(&["a", "12"]))),
        Word::hold(Any::Intset(intset(&[1, -70_000]))),
        Word::hold(Any::A(Box::new(counted()))),
        Word::hold(Any::B(Box::new((1, counted())))),
        Word::hold(Any::C(Box::new(vec![counted()]))),
        Word::hold(Any::D(Box::new(Some(counted())))),
        Word::hold(Any::E(Box::new([1, 2, 3]))),
        Word::hold(Any::F(Box::new("six".to_owned()))),
    ]
}

/// What a word holds, in letters.
fn told(word: &Word) -> String {
    match word.view() {
        Any::Sds(it) => format!("sds of {}", it.len()),
        Any::Listpack(it) => format!("{it:?}"),
        Any::Intset(it) => format!("{it:?}"),
        Any::A(it) => format!("A {it}"),
        Any::B(it) => format!("B {it:?}"),
        Any::C(it) => format!("C {it:?}"),
        Any::D(it) => format!("D {it:?}"),
        Any::E(it) => format!("E {it:?}"),
        Any::F(it) => format!("F {it}"),
    }
}

const TOLD: [&str; 10] = [
    "sds of 0",
    "sds of 300",
    r#"["a", "12"]"#,
    "{-70000, 1}",
    "A x",
    r#"B (1, "x")"#,
    r#"C ["x"]"#,
    r#"D Some("x")"#,
    "E [1, 2, 3]",
    "F six",
];

#[test]
fn classes_are_numbered_in_the_order_of_their_sizes() {
    check_classes(120 << 30);
}

#[test]
fn a_block_keeps_its_mark_and_the_bytes_that_fit_through_every_size() {
    let mut block = Block::<LISTPACK>::copy_of(b"0123456");
    assert_eq!((&block[..], block.mark()), (&b"0123456\0"[..], 0));
    block.set_mark(9);
    for len in [9, 100, 5000, 70_000, 300, 8] {
        let before = block.len();
        block.resize(len);
        assert_eq!((block.len(), block.mark()), (crate::ds::entry::size_class(len), 9));
        block.relocate(&mut Mover::of_all());
        assert_eq!((block.len(), block.mark()), (crate::ds::entry::size_class(len), 9));
        assert_eq!(&block[..7], b"0123456");
        assert!(block.get(before..).is_none_or(|fresh| fresh.iter().all(|&byte| byte == 0)));
        block[8..].fill(0xee);
    }
    let copy = block.clone();
    assert_eq!((&copy[..], copy.mark()), (&block[..], 9));
    assert!(Block::<INTSET>::zeroed(0).iter().eq([0; 8].iter()));
}

#[test]
fn a_word_holds_lends_and_gives_back_a_value_of_each_kind() {
    assert_eq!(size_of::<Option<Word>>(), 8);
    let counted: Rc<str> = "x".into();
    let words = all(&counted);
    assert!(words.iter().map(told).eq(TOLD));
    assert_eq!(Rc::strong_count(&counted), 5);
    let words: Vec<_> = words.into_iter().map(|word| Word::hold(word.release())).collect();
    assert!(words.iter().map(told).eq(TOLD));
    drop(words);
    assert_eq!(Rc::strong_count(&counted), 1);
}

#[test]
fn what_is_lent_may_be_changed_and_written_over() {
    let counted: Rc<str> = "x".into();
    let mut words = all(&counted);
    for word in &mut words {
        match word.view_mut() {
            Any::Sds(it) => it.push_slice(&[0; 70_000]),
            Any::Listpack(it) => {
                it.set_mark(15);
                (0..100).for_each(|n| it.push_back_int(n));
                assert_eq!(it.mark(), 15);
                drop(mem::replace(it, listpack(&["b"])));
            }
            Any::Intset(it) => *it = intset(&[5]),
            Any::A(it) => *it = "y".into(),
            Any::B(it) => it.0 = 2,
            Any::C(it) => it.clear(),
            Any::D(it) => *it = None,
            Any::E(it) => it[0] = 0,
            Any::F(it) => it.clear(),
        }
    }
    let expected = [
        "sds of 70000",
        "sds of 70300",
        r#"["b"]"#,
        "{5}",
        "A y",
        r#"B (2, "x")"#,
        "C []",
        "D None",
        "E [0, 2, 3]",
        "F ",
    ];
    assert!(words.iter().map(told).eq(expected));
    assert_eq!(Rc::strong_count(&counted), 2);
}

#[test]
fn a_value_stays_what_it_is_when_its_box_is_moved() {
    let counted: Rc<str> = "x".into();
    let mut words = all(&counted);
    let mut mover = Mover::of_all();
    words.iter_mut().for_each(|word| word.relocate_box(&mut mover));
    assert_eq!(mover.hits(), 6, "six of them have a box");
    assert!(words.iter().map(told).eq(TOLD));
    drop(words);
    assert_eq!(Rc::strong_count(&counted), 1);
}

#[test]
fn a_value_may_play_another_part() {
    let mut word = Word::hold(Any::Listpack(listpack(&["a"])));
    let other: &mut OneOf<Family, u8> = word.as_part_mut();
    *other = OneOf::hold(Any::E(Box::new([0; 3])));
    assert!(matches!(word.as_part::<u16>().view(), Any::E([0, 0, 0])));
    assert_eq!(told(&word.into_part::<u32>().into_part()), "E [0, 0, 0]");
}
