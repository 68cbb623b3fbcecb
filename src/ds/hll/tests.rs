use proptest::prelude::*;

use super::*;
use crate::ds::sds::Sds;

const NO_LIMIT: usize = usize::MAX;

fn of<'e>(elements: impl IntoIterator<Item = &'e [u8]>, sparse_max: usize) -> Sds {
    let mut bytes = Sds::from_slice(&empty());
    let mut editor = Editor::new(&mut bytes, sparse_max);
    for element in elements {
        editor.mark(Mark::of(element));
    }
    editor.invalidate_count();
    bytes
}

fn registers(bytes: &[u8]) -> Vec<u8> {
    let mut registers = Registers::default();
    registers.merge(Hll::parse(bytes).unwrap()).unwrap();
    registers.iter().collect()
}

/// The bytes that redis-server 7.0 makes of the same elements.
#[test]
fn three_elements_make_the_bytes_of_the_head() {
    let bytes = of([&b"a"[..], b"b", b"c"], NO_LIMIT);
    let expected = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x60\xf3\x80\x50\xb1\x84\x4b\xfb\x80\x42\x5a";
    assert_eq!(bytes.as_slice(), expected);
    assert_eq!(Hll::parse(&bytes).unwrap().count(), Ok(3));
}

#[test]
fn a_new_one_is_one_run_of_zeros_and_counts_nothing() {
    let bytes = empty();
    assert_eq!(bytes, b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
    let hll = Hll::parse(&bytes).unwrap();
    assert_eq!((hll.cached_count(), hll.count()), (Some(0), Ok(0)));
}

#[test]
fn a_sparse_one_grows_to_its_limit_and_no_further() {
    let elements: Vec<Vec<u8>> = (0..2000).map(|n: u32| n.to_string().into_bytes()).collect();
    for limit in [0, 18, 100, 3000] {
        let mut bytes = Sds::from_slice(&empty());
        for element in &elements {
            Editor::new(&mut bytes, limit).mark(Mark::of(element));
            let hll = Hll::parse(&bytes).unwrap();
            assert!(hll.is_dense() || bytes.len() <= limit.max(HEADER + 2), "{limit}");
        }
        assert!(Hll::parse(&bytes).unwrap().is_dense(), "{limit}");
        let sparse = of(elements.iter().map(Vec::as_slice), NO_LIMIT);
        assert!(!Hll::parse(&sparse).unwrap().is_dense());
        assert_eq!(registers(&bytes), registers(&sparse));
    }
}

#[test]
fn a_rank_past_32_makes_it_dense() {
    let mut bytes = Sds::from_slice(&empty());
    for (rank, raises, dense) in [(32, true, false), (33, true, true), (33, false, true)] {
        assert_eq!(Editor::new(&mut bytes, NO_LIMIT).mark(Mark { index: 7, rank }), raises);
        assert_eq!(Hll::parse(&bytes).unwrap().is_dense(), dense);
    }
    assert_eq!(registers(&bytes)[7], 33);
}

#[test]
fn foreign_headers_are_refused() {
    let good = of([&b"a"[..]], NO_LIMIT);
    assert!(Hll::parse(&good).is_some());
    for len in 0..HEADER {
        assert!(Hll::parse(&good[..len]).is_none(), "{len} bytes");
    }
    let mut other = good.clone();
    other[4] = 2;
    assert!(Hll::parse(&other).is_none(), "an unknown encoding");
    other[4] = DENSE;
    assert!(Hll::parse(&other).is_none(), "too short for a dense one");
    other[0] = b'h';
    assert!(Hll::parse(&other).is_none(), "other letters");
}

#[test]
fn registers_that_see_elements_count_as_the_bytes_that_did() {
    let elements: Vec<_> = (0..5000).map(|n| format!("element:{n}").into_bytes()).collect();
    let bytes = of(elements.iter().map(Vec::as_slice), 3000);
    let mut seen = Registers::default();
    elements.iter().for_each(|element| seen.mark(Mark::of(element)));
    assert!(seen.iter().eq(registers(&bytes)));
    assert_eq!(Ok(seen.count()), Hll::parse(&bytes).unwrap().count());
}

#[test]
fn the_self_test_passes() {
    self_test().unwrap();
}

/// The twin of the merge of packed registers: one register after the other.
fn merged_one_by_one(into: &mut [u8], packed: &dense::Packed) {
    for (index, held) in into.iter_mut().enumerate() {
        *held = dense::register(packed, index).max(*held);
    }
}

fn marks() -> impl Strategy<Value = Vec<Mark>> {
    // Registers close to each other, so that runs meet.
    let mark = prop_oneof![
        (0..40usize, 1..6u8),
        (0..REGISTERS, 1..=32u8),
        (REGISTERS - 5..REGISTERS, 1..3u8),
    ];
    proptest::collection::vec(mark.prop_map(|(index, rank)| Mark { index, rank }), 0..200)
}

proptest! {
    #[test]
    fn both_forms_hold_the_highest_ranks(marks in marks(), limit in prop_oneof![
        Just(NO_LIMIT), 20..300usize,
    ]) {
        let mut model = vec![0; REGISTERS];
        let mut bytes = Sds::from_slice(&empty());
        for mark in marks {
            let hll = Hll::parse(&bytes).unwrap();
            let raises = model[mark.index] < mark.rank;
            prop_assert_eq!(hll.lacks(mark), Ok(raises));
            prop_assert_eq!(Editor::new(&mut bytes, limit).mark(mark), raises);
            model[mark.index] = mark.rank.max(model[mark.index]);
            prop_assert_eq!(Hll::parse(&bytes).unwrap().validate(), Ok(()));
        }
        prop_assert_eq!(&registers(&bytes), &model);
        let count = Hll::parse(&bytes).unwrap().count();
        let sparse = Hll::parse(&bytes).unwrap().runs().is_some();
        prop_assert_eq!(Editor::new(&mut bytes, limit).make_dense(), sparse);
        prop_assert_eq!(&registers(&bytes), &model);
        prop_assert_eq!(Hll::parse(&bytes).unwrap().count(), count);
    }

    #[test]
    fn merging_packed_registers_agrees_with_one_at_a_time(seed: [u64; 2]) {
        let packed = |seed: u64| -> Vec<u8> {
            let mut state = seed | 1;
            let next = |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
                (state >> 56) as u8
            };
            (0..dense::LEN).map(next).collect()
        };
        let [a, b] = seed.map(packed);
        let (a, b): (&dense::Packed, &dense::Packed) =
            (a[..].try_into().unwrap(), b[..].try_into().unwrap());
        let mut model = vec![0; REGISTERS];
        let mut merged = Registers::default();
        for packed in [a, b] {
            merged_one_by_one(&mut model, packed);
            let mut bytes = empty();
            bytes.truncate(HEADER);
            bytes[4] = DENSE;
            bytes.extend_from_slice(packed);
            merged.merge(Hll::parse(&bytes).unwrap()).unwrap();
        }
        prop_assert!(merged.iter().eq(model.iter().copied()));
        let mut again = [0; dense::LEN];
        merged.pack_into(&mut again);
        let repacked = (0..REGISTERS).map(|index| dense::register(&again, index));
        prop_assert!(repacked.eq(model));
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        index in 0..REGISTERS,
    ) {
        let mut hll = empty();
        hll.truncate(HEADER);
        hll.extend_from_slice(&bytes);
        let hll = Hll::parse(&hll).unwrap();
        let valid = hll.validate();
        prop_assert_eq!(hll.count().map(|_| ()), valid);
        prop_assert_eq!(Registers::default().merge(hll), valid);
        let _ = hll.lacks(Mark { index, rank: 1 });
    }
}
