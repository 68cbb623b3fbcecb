use proptest::prelude::*;

use super::element::Element;
use super::*;

const CASES: u32 = if cfg!(miri) { 4 } else { 256 };

/// Texts at every border of every form: integers that need one bit more, strings that are nearly
/// integers, and lengths where a wider lead or back length begins.
fn borders() -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> =
        ["", "a", "-", "-0", "007", "+1", "1.0", "9223372036854775808", "-9223372036854775809"]
            .map(|text| text.as_bytes().to_vec())
            .into();
    for bits in [0, 7, 12, 15, 23, 31, 62] {
        for sign in [1, -1] {
            for off in -1..=1 {
                texts.push((sign * (1_i64 << bits) + off).to_string().into_bytes());
            }
        }
    }
    texts.extend([i64::MIN, i64::MAX].map(|int| int.to_string().into_bytes()));
    for len in [62, 63, 64, 123, 124, 125, 126, 4094, 4095, 4096, 16_376, 16_377, 16_378, 16_379] {
        texts.push(vec![b'x'; len]);
    }
    texts
}

/// Those of the integers.
fn border_ints() -> Vec<i64> {
    let texts = borders();
    texts.iter().filter_map(|text| parse_i64(text)).collect()
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        (any::<i64>(), 0..64_u32).prop_map(|(int, by)| (int >> by).to_string().into_bytes()),
        prop::sample::select(borders()),
    ]
}

fn listpack_of<T: AsRef<[u8]>>(texts: &[T]) -> Listpack {
    let mut listpack = Listpack::new();
    for text in texts {
        listpack.push_back(text.as_ref());
    }
    listpack
}

fn texts_of(listpack: &Listpack) -> Vec<Vec<u8>> {
    listpack.iter().map(Item::to_vec).collect()
}

/// Checks the invariants, and that what there is is `model`, read in all ways there are.
fn check(listpack: &Listpack, model: &[Vec<u8>]) {
    assert_eq!(Listpack::validate(listpack.as_bytes()), Ok(model.len()));
    assert!(listpack.byte_len() <= listpack.alloc_size());
    assert_eq!(listpack.alloc_size(), size_class(listpack.alloc_size()), "no size class");
    assert_eq!(listpack.len(), model.len());
    assert_eq!(listpack.is_empty(), model.is_empty());
    let sizes: usize = model.iter().map(|text| Listpack::encoded_size(text)).sum();
    assert_eq!(listpack.byte_len(), HEAD + sizes + 1);
    assert_eq!(texts_of(listpack), model);
    let mut backwards: Vec<_> = listpack.iter().rev().map(Item::to_vec).collect();
    backwards.reverse();
    assert_eq!(backwards, model);
}

#[test]
fn bytes_are_those_that_redis_writes() {
    // RPUSH of these and DUMP, redis-server 7.0.15.
    let texts = [
        "",
        "0",
        "127",
        "128",
        "-1",
        "4095",
        "4096",
        "-4096",
        "-4097",
        "32767",
        "32768",
        "-32769",
        "8388607",
        "8388608",
        "-8388609",
        "2147483647",
        "2147483648",
        "-2147483649",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "007",
        "-0",
    ];
    let mut expected = vec![0, 0, 0, 0, 23, 0];
    expected
        .extend(b"\x80\x01\x00\x01\x7f\x01\xc0\x80\x02\xdf\xff\x02\xcf\xff\x02\xf1\x00\x10\x03");
    expected.extend(
        b"\xd0\x00\x02\xf1\xff\xef\x03\xf1\xff\x7f\x03\xf2\x00\x80\x00\x04\xf2\xff\x7f\xff\x04",
    );
    expected.extend(b"\xf2\xff\xff\x7f\x04\xf3\x00\x00\x80\x00\x05\xf3\xff\xff\x7f\xff\x05");
    expected.extend(b"\xf3\xff\xff\xff\x7f\x05\xf4\x00\x00\x00\x80\x00\x00\x00\x00\x09");
    expected.extend(
        b"\xf4\xff\xff\xff\x7f\xff\xff\xff\xff\x09\xf4\xff\xff\xff\xff\xff\xff\xff\x7f\x09",
    );
    expected.extend(b"\xf4\x00\x00\x00\x00\x00\x00\x00\x80\x09\x939223372036854775808\x14");
    expected.extend(b"\x83007\x04\x82-0\x03\xff");
    expected[0] = expected.len() as u8;
    assert_eq!(listpack_of(&texts).as_bytes(), expected);
}

#[test]
fn the_example_of_the_module_is_true() {
    let listpack = listpack_of(&["greet", "hi", "n", "1000"]);
    let expected = b"\x18\0\0\0\x04\0\x85greet\x06\x82hi\x03\x81n\x02\xc3\xe8\x02\xff";
    assert_eq!(listpack.as_bytes(), expected);
}

#[test]
fn strings_get_the_leads_and_back_lengths_that_redis_writes() {
    // The bytes before and behind the text, redis-server 7.0.15.
    let cases: [(usize, &[u8], &[u8]); 12] = [
        (63, &[0xbf], &[0x40]),
        (64, &[0xe0, 0x40], &[0x42]),
        (125, &[0xe0, 0x7d], &[0x7f]),
        (126, &[0xe0, 0x7e], &[0x01, 0x80]),
        (4095, &[0xef, 0xff], &[0x20, 0x81]),
        (4096, &[0xf0, 0x00, 0x10, 0, 0], &[0x20, 0x85]),
        (16_377, &[0xf0, 0xf9, 0x3f, 0, 0], &[0x7f, 0xfe]),
        (16_378, &[0xf0, 0xfa, 0x3f, 0, 0], &[0x00, 0xff, 0xff]),
        (16_379, &[0xf0, 0xfb, 0x3f, 0, 0], &[0x01, 0x80, 0x80]),
        (2_097_145, &[0xf0, 0xf9, 0xff, 0x1f, 0], &[0x7f, 0xff, 0xfe]),
        (2_097_146, &[0xf0, 0xfa, 0xff, 0x1f, 0], &[0x00, 0xff, 0xff, 0xff]),
        (2_097_147, &[0xf0, 0xfb, 0xff, 0x1f, 0], &[0x01, 0x80, 0x80, 0x80]),
    ];
    for (len, lead, backlen) in cases {
        let text = vec![b'z'; len];
        let listpack = listpack_of(&[&text]);
        let element = &listpack.as_bytes()[HEAD..listpack.end()];
        assert!(element.starts_with(lead), "lead of {len}");
        assert!(element.ends_with(backlen), "back length of {len}");
        assert_eq!(element.len(), lead.len() + len + backlen.len());
        check(&listpack, &[text]);
    }
}

#[test]
fn every_border_is_read_as_it_was_written() {
    let model = borders();
    let listpack = listpack_of(&model);
    check(&listpack, &model);
    for (index, text) in model.iter().enumerate() {
        let at = listpack.seek(index as isize).unwrap();
        assert_eq!(listpack.get(at).to_vec(), *text);
        assert_eq!(listpack.get(at).len(), text.len());
        assert_eq!(listpack.seek(index as isize - model.len() as isize), Some(at));
        assert!(listpack.get(at).equals(text));
        let found = listpack.find(text, listpack.first().unwrap(), 0).unwrap();
        assert_eq!(listpack.get(found).to_vec(), *text);
    }
}

#[test]
fn every_integer_of_sixteen_bits_is_read_as_it_was_written() {
    for int in i64::from(i16::MIN) - 2..=i64::from(i16::MAX) + 2 {
        let element = Element::int(int);
        let mut bytes = vec![0; element.size()];
        element.write(&mut bytes);
        assert_eq!(element::read(&bytes), Item::Int(int));
    }
}

#[test]
fn a_place_outside_is_none() {
    let empty = Listpack::new();
    assert_eq!((empty.first(), empty.last()), (None, None));
    let listpack = listpack_of(&["a", "b"]);
    for index in [2, 3, isize::MAX, -3, -4, isize::MIN] {
        assert_eq!(listpack.seek(index), None, "{index}");
        assert_eq!(empty.seek(index), None, "{index}");
    }
    assert_eq!(listpack.next(listpack.last().unwrap()), None);
    assert_eq!(listpack.prev(listpack.first().unwrap()), None);
}

#[test]
fn a_field_is_looked_for_among_fields_alone() {
    let listpack = listpack_of(&["f", "g", "g", "1", "1", "last"]);
    let first = listpack.first().unwrap();
    assert_eq!(listpack.find(b"g", first, 1), listpack.seek(2));
    assert_eq!(listpack.find(b"1", first, 1), listpack.seek(4));
    assert_eq!(listpack.find(b"last", first, 1), None);
    assert_eq!(listpack.find(b"last", first, 4), listpack.seek(5));
    assert_eq!(listpack.find(b"last", first, usize::MAX - 1), None);
}

#[test]
fn an_integer_that_a_foreign_file_holds_as_a_string_is_found() {
    let listpack = Listpack::from_bytes(b"\x0a\0\0\0\x01\0\x815\x02\xff").unwrap();
    assert_eq!(listpack.find(b"5", listpack.first().unwrap(), 0), listpack.first());
    assert_eq!(listpack.iter().next().unwrap().int(), Some(5));
}

#[test]
fn elements_are_counted_by_walking_when_the_count_has_no_room() {
    let many = usize::from(COUNT_UNKNOWN) + 2;
    let mut listpack = Listpack::new();
    for n in 0..many {
        listpack.push_back_int(n as i64 % 100);
        if n == many - 4 {
            assert_eq!(listpack.as_bytes()[4..6], [0xfe, 0xff]);
        }
    }
    assert_eq!(listpack.as_bytes()[4..6], [0xff, 0xff]);
    assert_eq!(listpack.len(), many);
    assert_eq!(Listpack::validate(listpack.as_bytes()), Ok(many));
    assert_eq!(listpack.seek(-1), listpack.last());
    assert_eq!(listpack.seek(-(many as isize)), listpack.first());
    assert_eq!(listpack.seek(many as isize - 1), listpack.last());
    assert_eq!(listpack.seek(many as isize), None);
    assert_eq!(listpack.seek(-(many as isize) - 1), None);

    let tail = listpack.split_off(listpack.seek(10).unwrap());
    assert_eq!((listpack.len(), tail.len()), (10, many - 10));
    assert_eq!(listpack.as_bytes()[4..6], [10, 0]);
    let mut back = tail.clone();
    back.append(&listpack);
    assert_eq!(back.len(), many);
    assert_eq!(back.remove_range(back.first().unwrap(), many - 3).map(|at| at.0), Some(HEAD));
    assert_eq!(back.len(), 3);
}

#[test]
fn slack_is_given_back_when_half_of_the_allocation_is_slack() {
    let mut listpack = listpack_of(&vec!["0123456789"; 100]);
    let full = listpack.alloc_size();
    listpack.remove(listpack.first().unwrap());
    assert_eq!(listpack.alloc_size(), full);
    listpack.remove_range(listpack.first().unwrap(), 60);
    assert!(listpack.alloc_size() < full / 2 + 8);
    listpack.clear();
    assert_eq!(listpack.alloc_size(), 8);
    let mut roomy = Listpack::with_capacity(1000);
    roomy.push_back(b"x");
    assert_eq!(roomy.alloc_size(), 1024);
    roomy.shrink_to_fit();
    assert_eq!(roomy.alloc_size(), 16);
    check(&roomy, &[b"x".to_vec()]);
}

#[test]
fn foreign_bytes_are_refused_for_every_lie() {
    let good = b"\x0e\0\0\0\x02\0\x82hi\x03\xc3\xe8\x02\xff";
    assert_eq!(Listpack::validate(good), Ok(2));
    let lie = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        Listpack::validate(&bytes).unwrap_err().what
    };
    assert_eq!(lie(0, 0x0f), "another length than its head says");
    assert_eq!(lie(4, 3), "another count than its head says");
    assert_eq!(lie(6, 0xf9), "an element of unknown form");
    assert_eq!(lie(6, 0xbf), "an element that reaches over the end");
    assert_eq!(lie(6, 0xf0), "an element that reaches over the end");
    assert_eq!(lie(9, 4), "an element with a wrong back length");
    assert_eq!(lie(10, 0xf4), "an element whose lead is cut off");
    assert_eq!(lie(13, 0), "no end where the head says");
    assert_eq!(Listpack::validate(&good[..6]).unwrap_err().what, "shorter than an empty listpack");
    let refused = Listpack::from_bytes(&good[..13]).unwrap_err();
    assert_eq!(refused.to_string(), "another length than its head says at byte 0");
}

#[test]
fn a_back_length_longer_than_needed_is_refused() {
    assert!(Listpack::validate(b"\x0b\0\0\0\x01\0\x81x\x00\x82\xff").is_err());
}

/// A change, with places as indexes that are taken modulo the length.
#[derive(Clone, Debug)]
enum Change {
    PushBack(Vec<u8>),
    PushFront(Vec<u8>),
    InsertBefore(usize, Vec<u8>),
    InsertAfter(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    ReplaceInt(usize, i64),
    Remove(usize),
    RemoveRange(usize, usize),
    /// Splits, and appends the two parts the other way round.
    Rotate(usize),
    ShrinkToFit,
}

fn change() -> impl Strategy<Value = Change> {
    use Change::*;
    let at = any::<usize>;
    prop_oneof![
        4 => text().prop_map(PushBack),
        2 => text().prop_map(PushFront),
        2 => (at(), text()).prop_map(|(at, text)| InsertBefore(at, text)),
        2 => (at(), text()).prop_map(|(at, text)| InsertAfter(at, text)),
        2 => (at(), text()).prop_map(|(at, text)| Replace(at, text)),
        1 => (at(), any::<i64>()).prop_map(|(at, int)| ReplaceInt(at, int)),
        3 => at().prop_map(Remove),
        1 => (at(), 0_usize..5).prop_map(|(at, count)| RemoveRange(at, count)),
        1 => at().prop_map(Rotate),
        1 => Just(ShrinkToFit),
    ]
}

/// Makes a change to both. Those that need an element do nothing without one.
fn make(change: &Change, listpack: &mut Listpack, model: &mut Vec<Vec<u8>>) {
    let place = |at: usize, listpack: &Listpack| {
        let index = at.checked_rem(listpack.len())?;
        Some((index, listpack.seek(index as isize).unwrap()))
    };
    match change {
        Change::PushBack(text) => {
            listpack.push_back(text);
            model.push(text.clone());
        }
        Change::PushFront(text) => {
            listpack.push_front(text);
            model.insert(0, text.clone());
        }
        Change::ShrinkToFit => listpack.shrink_to_fit(),
        Change::InsertBefore(at, _)
        | Change::InsertAfter(at, _)
        | Change::Replace(at, _)
        | Change::ReplaceInt(at, _)
        | Change::Remove(at)
        | Change::RemoveRange(at, _)
        | Change::Rotate(at) => {
            if let Some((index, at)) = place(*at, listpack) {
                make_at(change, index, at, listpack, model);
            }
        }
    }
}

fn make_at(
    change: &Change,
    index: usize,
    at: At,
    listpack: &mut Listpack,
    model: &mut Vec<Vec<u8>>,
) {
    match change {
        Change::InsertBefore(_, text) => {
            assert_eq!(listpack.insert_before(at, text), at);
            model.insert(index, text.clone());
        }
        Change::InsertAfter(_, text) => {
            let new = listpack.insert_after(at, text);
            assert!(listpack.get(new).equals(text));
            model.insert(index + 1, text.clone());
        }
        Change::Replace(_, text) => {
            assert_eq!(listpack.replace(at, text), at);
            model[index] = text.clone();
        }
        Change::ReplaceInt(_, int) => {
            listpack.replace_int(at, *int);
            model[index] = int.to_string().into_bytes();
        }
        Change::Remove(_) => {
            model.remove(index);
            assert_eq!(listpack.remove(at), (index < model.len()).then_some(at));
        }
        Change::RemoveRange(_, count) => {
            model.drain(index..model.len().min(index + count));
            let left = listpack.remove_range(at, *count);
            assert_eq!(left, (index < model.len()).then_some(at));
        }
        _ => {
            let mut tail = listpack.split_off(at);
            let model_tail = model.split_off(index);
            check(&tail, &model_tail);
            check(listpack, model);
            tail.append(listpack);
            *listpack = tail;
            model.splice(0..0, model_tail);
        }
    }
}

/// Calls everything there is on bytes that `validate` let pass: nothing may panic.
fn exercise(bytes: &[u8]) {
    let Ok(count) = Listpack::validate(bytes) else {
        assert!(Listpack::from_bytes(bytes).is_err());
        return;
    };
    let listpack = Listpack::from_bytes(bytes).unwrap();
    let model = texts_of(&listpack);
    assert_eq!((listpack.len(), listpack.iter().rev().count()), (count, count));
    for (index, text) in model.iter().enumerate() {
        let at = listpack.seek(index as isize).unwrap();
        assert_eq!(listpack.seek(index as isize - count as isize), Some(at));
        assert!(listpack.find(text, listpack.first().unwrap(), 0).is_some());
        let mut changed = listpack.clone();
        let tail = changed.split_off(at);
        changed.append(&tail);
        assert_eq!(changed.remove(at), (index + 1 < count).then_some(at));
        changed.push_front(b"front");
        assert_eq!(changed.len(), count);
        assert!(Listpack::validate(changed.as_bytes()).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn changes_do_what_they_do_to_a_vector(changes in prop::collection::vec(change(), 1..40)) {
        let (mut listpack, mut model) = (Listpack::new(), Vec::new());
        for change in &changes {
            make(change, &mut listpack, &mut model);
            check(&listpack, &model);
        }
    }

    #[test]
    fn an_iterator_meets_itself(texts in prop::collection::vec(text(), 0..8), turns: u16) {
        let listpack = listpack_of(&texts);
        let (mut found, mut model) = (listpack.iter(), texts.iter());
        for turn in 0..10 {
            let (item, text) = if turns >> turn & 1 == 0 {
                (found.next(), model.next())
            } else {
                (found.next_back(), model.next_back())
            };
            prop_assert_eq!(item.map(Item::to_vec), text.cloned());
        }
    }

    #[test]
    fn random_bytes_that_pass_never_panic(
        body in prop::collection::vec(
            prop_oneof![any::<u8>(), 0_u8..8, 0x80_u8..0x88, 0xf0_u8..], 0..24,
        ),
        count in prop_oneof![0_u16..6, Just(COUNT_UNKNOWN)],
    ) {
        let mut bytes = (body.len() as u32 + 7).to_le_bytes().to_vec();
        bytes.extend(count.to_le_bytes());
        bytes.extend(body);
        bytes.push(END);
        exercise(&bytes);
    }

    #[test]
    fn mutated_bytes_that_pass_never_panic(
        texts in prop::collection::vec(text(), 0..6),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = listpack_of(&texts).as_bytes().to_vec();
        for (at, byte) in mutations {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        exercise(&bytes);
    }
}

#[test]
fn appending_together_gives_the_bytes_of_pushing_one_by_one() {
    let (texts, ints) = (borders(), border_ints());
    let mut at_once = Listpack::new();
    at_once.push_back(b"first");
    let room = texts.iter().map(|text| Listpack::size_max(text.len())).sum::<usize>()
        + ints.iter().map(|int| Listpack::int_size(*int)).sum::<usize>();
    at_once.append_with(room, |tail| {
        texts.iter().for_each(|text| tail.text(text));
        ints.iter().for_each(|int| tail.int(*int));
    });
    let mut model = vec![b"first".to_vec()];
    model.extend(texts);
    model.extend(ints.iter().map(|int| int.to_string().into_bytes()));
    check(&at_once, &model);
    assert_eq!(at_once, listpack_of(&model));
}

#[test]
fn the_size_of_an_integer_is_told_exactly() {
    for int in border_ints() {
        assert_eq!(Listpack::int_size(int), Listpack::encoded_size(int.to_string().as_bytes()));
    }
}

#[test]
fn appending_together_again_and_again_seldom_reallocates() {
    let mut pack = Listpack::new();
    let mut moves = 0;
    for int in 0..1_000 {
        let before = pack.alloc_size();
        pack.append_with(Listpack::int_size(int), |tail| tail.int(int));
        moves += usize::from(pack.alloc_size() != before);
    }
    assert!(moves < 20, "{moves} reallocations");
    assert_eq!(pack, listpack_of(&(0..1_000).map(|int: i64| int.to_string()).collect::<Vec<_>>()));
}

#[test]
#[should_panic(expected = "out of range")]
fn more_than_was_asked_room_for_is_not_appended() {
    Listpack::new().append_with(2, |tail| tail.text(&[b'x'; 100]));
}

#[test]
fn elements_are_passed_over_at_both_ends() {
    let listpack = listpack_of(&["a", "1000", "c", "d"]);
    let mut iter = listpack.iter();
    iter.pass(1);
    assert_eq!(listpack.get(iter.place()), Item::Int(1000));
    iter.pass_back(1);
    let rest = iter.starting_at(listpack.first().unwrap());
    assert_eq!(rest.map(Item::to_vec).collect::<Vec<_>>(), [&b"a"[..], b"1000", b"c"]);
    assert_eq!(listpack.get(iter.end()), Item::Bytes(b"d"));
    iter.pass(9);
    iter.pass_back(9);
    assert_eq!(iter.next(), None);
}
