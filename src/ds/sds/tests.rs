use bytes::BufMut;
use proptest::prelude::*;

use super::raw::{check_invariants, widest};
use super::*;
use crate::ds::entry::size_class;

/// Lengths around every change of header width, and of the allocation's growth.
const EDGES: &[usize] = &[
    0, 1, 5, 6, 7, 14, 253, 254, 255, 256, 257, 316, 317, 65_531, 65_532, 65_533, 65_535, 65_536,
    81_912, 81_913,
];

fn config() -> ProptestConfig {
    if cfg!(miri) {
        ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() }
    } else {
        ProptestConfig { cases: 1000, ..ProptestConfig::default() }
    }
}

/// Made once, as making it takes long when interpreted.
const PERIOD: [u8; 251] = {
    let mut period = [0; 251];
    let mut i = 0;
    while i < period.len() {
        period[i] = i as u8;
        i += 1;
    }
    period
};

/// Bytes that tell where they are.
fn pattern(len: usize) -> Vec<u8> {
    let mut bytes = PERIOD.repeat(len.div_ceil(PERIOD.len()));
    bytes.truncate(len);
    bytes
}

fn check(sds: &Sds, expected: &[u8]) {
    check_invariants(sds);
    assert!(sds.as_slice() == expected, "{} bytes for {}", sds.len(), expected.len());
}

#[derive(Clone, Debug)]
enum Op {
    Push(Vec<u8>),
    Put(Vec<u8>),
    Read(usize, usize),
    Resize(usize),
    Truncate(usize),
    Reserve(usize),
    ReserveExact(usize),
    Shrink,
    Clone,
    Relocate,
    Set(usize, u8),
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 0..40_usize,
        3 => 200..330_usize,
        1 => if cfg!(miri) { 330..400_usize } else { 65_400..82_000_usize },
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => size().prop_map(|n| Op::Push(pattern(n))),
        1 => size().prop_map(|n| Op::Put(pattern(n))),
        1 => (size(), size()).prop_map(|(max, n)| Op::Read(max, n.min(max))),
        2 => size().prop_map(Op::Resize),
        1 => size().prop_map(Op::Truncate),
        1 => size().prop_map(Op::Reserve),
        1 => size().prop_map(Op::ReserveExact),
        1 => Just(Op::Shrink),
        1 => Just(Op::Clone),
        1 => Just(Op::Relocate),
        1 => (size(), any::<u8>()).prop_map(|(at, byte)| Op::Set(at, byte)),
    ]
}

fn apply(sds: &mut Sds, model: &mut Vec<u8>, op: Op) {
    match op {
        Op::Push(bytes) => {
            sds.push_slice(&bytes);
            model.extend_from_slice(&bytes);
        }
        Op::Put(bytes) => {
            // Byte by byte through the trait's own methods, to have chunks grow.
            for byte in bytes.iter().take(100) {
                sds.chunk_mut();
                sds.put_u8(*byte);
            }
            model.extend(bytes.iter().take(100));
        }
        Op::Read(max, n) => {
            let filled = sds.extend_from_reader(max, |window| {
                assert!(window.len() == max && window.iter().all(|&byte| byte == 0));
                window[..n].copy_from_slice(&pattern(n));
                n
            });
            assert_eq!(filled, n);
            model.extend(pattern(n));
        }
        Op::Resize(n) => {
            sds.resize(n);
            model.resize(n, 0);
        }
        Op::Truncate(n) => {
            let capacity = sds.capacity();
            sds.truncate(n);
            assert_eq!(sds.capacity(), capacity);
            model.truncate(n);
        }
        Op::Reserve(n) => {
            sds.reserve(n);
            assert!(sds.capacity() - sds.len() >= n);
        }
        Op::ReserveExact(n) => {
            sds.reserve_exact(n);
            assert!(sds.capacity() - sds.len() >= n);
        }
        Op::Shrink => {
            sds.shrink_to_fit();
            assert_eq!(sds.alloc_size(), Sds::from_slice(model).alloc_size());
        }
        Op::Clone => *sds = sds.clone(),
        Op::Relocate => sds.relocate(&mut Mover::of_all()),
        Op::Set(at, byte) => {
            if let Some(place) = sds.get_mut(at) {
                *place = byte;
                model[at] = byte;
            }
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn does_what_a_vector_does(ops in prop::collection::vec(op(), 1..30)) {
        let (mut sds, mut model) = (Sds::new(), Vec::new());
        for op in ops {
            apply(&mut sds, &mut model, op);
            check(&sds, &model);
        }
    }

    #[test]
    fn is_ordered_and_equal_as_its_bytes_are(
        a in prop::collection::vec(0..3_u8, 0..6),
        b in prop::collection::vec(0..3_u8, 0..6),
    ) {
        let (x, y) = (Sds::from(a.clone()), Sds::from(b.as_slice()));
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        prop_assert_eq!(x == y, a == b);
    }
}

#[test]
fn is_one_pointer_wide_as_an_option_too() {
    assert_eq!(size_of::<Sds>(), 8);
    assert_eq!(size_of::<Option<Sds>>(), 8);
}

#[test]
fn an_empty_string_owns_nothing() {
    for sds in [Sds::new(), Sds::default(), Sds::with_capacity(0), Sds::from_slice(b"")] {
        check(&sds, b"");
        assert_eq!((sds.capacity(), sds.alloc_size()), (0, 0));
    }
    let mut sds = Sds::new();
    sds.truncate(0);
    sds.resize(0);
    sds.push_slice(b"");
    assert_eq!(sds.extend_from_reader(0, |window| window.len()), 0);
    assert!(sds.as_mut_slice().is_empty());
    assert_eq!(sds.alloc_size(), 0);
}

#[test]
fn every_pair_of_edge_lengths_can_be_grown_and_shrunk_between() {
    let edges = if cfg!(miri) { &EDGES[..11] } else { EDGES };
    for &from in edges {
        for &to in edges {
            let mut sds = Sds::from_slice(&pattern(from));
            check(&sds, &pattern(from));
            sds.resize(to);
            let mut expected = pattern(from);
            expected.resize(to, 0);
            check(&sds, &expected);
            sds.shrink_to_fit();
            check(&sds, &expected);
        }
    }
}

#[test]
fn a_header_is_as_narrow_as_the_capacity_allows() {
    for (len, block) in [(1, 8), (6, 8), (7, 16), (14, 16), (38, 40), (254, 256)] {
        let sds = Sds::from_slice(&pattern(len));
        assert_eq!((sds.alloc_size(), sds.capacity()), (block, block - 2), "length {len}");
    }
    for (len, header) in [(255, 4), (65_532, 4), (65_533, 8)] {
        let sds = Sds::with_capacity(len);
        assert_eq!(sds.alloc_size(), size_class(header + len), "length {len}");
        assert_eq!(sds.alloc_size() - sds.capacity(), header, "length {len}");
    }
}

#[test]
fn appending_doubles_the_capacity_and_later_adds_a_step() {
    let mut sds = Sds::from_slice(&pattern(1000));
    sds.reserve(100);
    assert_eq!(sds.alloc_size(), size_class(2 * 1100 + 4));
    sds.reserve_exact(5000);
    assert_eq!(sds.alloc_size(), size_class(6000 + 4));
    let large = 3 * GREEDY_STEP;
    sds.reserve(large);
    assert_eq!(sds.alloc_size(), size_class(1000 + large + GREEDY_STEP + 8));
}

#[test]
fn the_widest_header_is_read_and_written_like_the_others() {
    let mut sds = widest(100);
    assert_eq!((sds.len(), sds.capacity(), sds.alloc_size()), (0, 120 - 16, 120));
    sds.push_slice(b"four bytes");
    sds.truncate(4);
    sds.resize(6);
    assert_eq!(sds.as_slice(), b"four\0\0");
    assert_eq!(sds.clone(), sds);
    sds.shrink_to_fit();
    check(&sds, b"four\0\0");
    assert_eq!(sds.alloc_size(), 8);
}

#[test]
#[ignore = "reserves 5 GiB of address space, which a small machine may refuse"]
fn a_string_beyond_four_gibibytes_keeps_its_length() {
    // Zeroed memory that is not touched takes no room.
    let len = (4 << 30) + 10;
    let mut sds = Sds::new();
    sds.resize(len);
    check_invariants(&sds);
    sds[len - 1] = 7;
    assert_eq!((sds.len(), sds[len - 1], sds[len - 2]), (len, 7, 0));
    sds.truncate(3);
    sds.shrink_to_fit();
    check(&sds, &[0, 0, 0]);
}

#[test]
fn a_reader_that_panics_leaves_the_string_as_it_was() {
    let mut sds = Sds::from_slice(b"kept");
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        sds.extend_from_reader(10, |_| panic!("no more input"));
    }));
    assert!(outcome.is_err());
    check(&sds, b"kept");
}

#[test]
#[should_panic(expected = "claims more")]
fn a_reader_that_claims_too_much_is_refused() {
    Sds::new().extend_from_reader(10, |_| 11);
}

#[test]
#[should_panic(expected = "capacity overflow")]
fn a_length_beyond_the_address_space_is_refused() {
    Sds::from_slice(b"x").reserve_exact(usize::MAX);
}

#[test]
fn moves_between_threads() {
    let sds = Sds::from_slice(b"sent");
    let back = std::thread::spawn(move || sds).join().expect("the thread only returns");
    check(&back, b"sent");
    assert_eq!(format!("{:?}", Sds::from_slice(b"a\0\"")), r#""a\x00\"""#);
}
