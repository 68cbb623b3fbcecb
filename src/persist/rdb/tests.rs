//! Every value in the forms of every version: what is written is read as it was.

mod streams;

use super::decode::Decoder;
use super::encode::Encoder;
use super::load::load;
use super::pieces::{Piece, Pieces, is_big};
use super::save::save;
use super::{Loaded, Saved};
use crate::config::Config;
use crate::ds::entry::NewValue;
use crate::stdx::hash::Seed;
use crate::stdx::lzf::Compressor;
use crate::types::{Collection, End, Entry, FieldTtl, Hash, Limits, List, Set, Value, View, Zset};
use proptest::prelude::*;

const VERSIONS: [u16; 5] = [9, 10, 11, 12, 80];

fn limits() -> Limits {
    Config::default().limits(Seed::new(1, 2))
}

/// Bytes of a value in this version.
fn written(value: &Value, version: u16, compress: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut compressor = Compressor::new();
    let compressor = compress.then_some(&mut compressor);
    save(Saved::Value(value), None, &mut Encoder::new(&mut out, compressor).for_version(version));
    out
}

fn read(bytes: &[u8], version: u16, limits: &Limits) -> Value {
    let mut input = Decoder::new(&bytes[1..]);
    let loaded = load(bytes[0], version, &mut input, limits).unwrap();
    input.finish().unwrap();
    match loaded {
        Loaded::Value(value) => value,
        Loaded::Str(_) => panic!("a string"),
    }
}

/// The types that `value` is written as, of each version.
fn types(value: &Value) -> [u8; 5] {
    VERSIONS.map(|version| written(value, version, true)[0])
}

fn texts(value: &Value) -> Vec<Vec<u8>> {
    let mut texts = match value.as_is() {
        View::List(list) => {
            let mut texts = Vec::new();
            list.for_each(0..list.len(), |item| texts.push(item.to_vec()));
            return texts;
        }
        View::Set(set) => set.iter().map(|member| member.to_vec()).collect(),
        View::Zset(zset) => zset
            .iter()
            .map(|one| [one.member.to_vec(), one.score.to_bits().to_le_bytes().into()].concat())
            .collect(),
        View::Hash(hash) => hash
            .iter(0)
            .map(|field| {
                let deadline = field.deadline.unwrap_or(0).to_le_bytes();
                [field.name.to_vec(), b"=".to_vec(), field.value.to_vec(), deadline.into()].concat()
            })
            .collect::<Vec<_>>(),
        View::Raw(_) | View::Shared(_) => Vec::new(),
        View::Stream(stream) => return vec![format!("{stream:?}").into_bytes()],
    };
    texts.sort();
    texts
}

fn check(value: &Value, limits: &Limits) {
    for version in VERSIONS {
        for compress in [false, true] {
            let again = read(&written(value, version, compress), version, limits);
            assert_eq!(texts(&again), texts(value), "version {version}");
        }
    }
}

fn list(elements: &[Vec<u8>], limits: &Limits) -> Value {
    let mut list = List::default();
    list.extend(End::Right, elements.iter().map(|element| &**element), limits);
    list.into_value()
}

fn hash(fields: &[(Vec<u8>, Vec<u8>, Option<u64>)], limits: &Limits) -> Value {
    let mut hash = Hash::new();
    for (name, value, deadline) in fields {
        let ttl = deadline.map_or(FieldTtl::Clear, FieldTtl::At);
        hash.set(name, value, ttl, 0, limits);
    }
    hash.into_value()
}

#[test]
fn each_version_has_its_forms() {
    let limits = limits();
    let short = |n: usize| format!("e{n}").into_bytes();
    let some: Vec<_> = (0..3).map(short).collect();
    let many: Vec<_> = (0..600).map(short).collect();
    assert_eq!(types(&list(&some, &limits)), [14, 18, 18, 18, 18]);
    let set = |members: &[Vec<u8>]| {
        let mut set = Set::new();
        members.iter().for_each(|member| assert!(set.add(member, &limits)));
        set.into_value()
    };
    assert_eq!(types(&set(&some)), [2, 2, 20, 20, 20]);
    assert_eq!(types(&set(&many)), [2; 5]);
    assert_eq!(types(&set(&[b"1".to_vec()])), [11; 5]);
    let zset = |members: &[Vec<u8>]| {
        let mut zset = Zset::with_hints(&limits, members.len(), 0);
        members.iter().for_each(|member| assert!(zset.insert(&limits, member, 1.5).is_none()));
        zset.into_value()
    };
    assert_eq!(types(&zset(&some)), [12, 17, 17, 17, 17]);
    assert_eq!(types(&zset(&many)), [5; 5]);
    let fields = |names: &[Vec<u8>], deadline| {
        let fields: Vec<_> =
            names.iter().map(|name| (name.clone(), b"v".to_vec(), deadline)).collect();
        hash(&fields, &limits)
    };
    assert_eq!(types(&fields(&some, None)), [13, 16, 16, 16, 16]);
    assert_eq!(types(&fields(&many, None)), [4; 5]);
    assert_eq!(types(&fields(&some, Some(9000))), [25, 25, 25, 25, 22]);
    assert_eq!(types(&fields(&many, Some(9000))), [24, 24, 24, 24, 22]);
    for value in [set(&some), set(&many), zset(&some), zset(&many), fields(&many, Some(9000))] {
        check(&value, &limits);
    }
}

#[test]
fn entries_of_every_width_are_written_in_ziplists() {
    let limits = limits();
    let mut elements: Vec<Vec<u8>> =
        [0, 63, 64, 253, 254, 300, 16_383, 16_384, 70_000].map(|len| vec![b'x'; len]).into();
    let ints =
        [0, 12, 13, -1, 127, -128, 128, 32_767, 32_768, -8_388_608, 8_388_608, 1 << 31, i64::MIN];
    elements.extend(ints.map(|int: i64| int.to_string().into_bytes()));
    check(&list(&elements, &limits), &limits);
}

#[test]
fn more_entries_than_a_ziplist_counts_are_read_again() {
    let mut limits = limits();
    limits.list_max_listpack_size = 100_000;
    let elements: Vec<_> = (0..70_000).map(|n| (n % 10).to_string().into_bytes()).collect();
    check(&list(&elements, &limits), &limits);
}

#[test]
fn compressed_nodes_are_written_in_every_version() {
    let mut limits = limits();
    (limits.list_compress_depth, limits.list_max_listpack_size) = (1, 50);
    let elements: Vec<_> = (0..1000).map(|n| vec![b'a' + (n % 3) as u8; 40]).collect();
    check(&list(&elements, &limits), &limits);
}

proptest! {
    #[test]
    fn lists_and_hashes_come_back_in_every_version(
        elements in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                any::<i64>().prop_map(|int| int.to_string().into_bytes()),
            ],
            1..60,
        ),
        deadlines in prop::collection::vec(prop::option::of(1u64..1 << 40), 60),
    ) {
        let limits = limits();
        check(&list(&elements, &limits), &limits);
        let fields: Vec<_> = elements.iter().zip(&deadlines)
            .map(|(name, deadline)| (name.clone(), name.clone(), *deadline)).collect();
        check(&hash(&fields, &limits), &limits);
    }
}

#[test]
fn big_values_in_pieces_are_the_same_in_every_version() {
    let mut limits = limits();
    limits.list_max_listpack_size = 20;
    let names: Vec<_> = (0..3000).map(|n| format!("name:{n}").into_bytes()).collect();
    let fields: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(n, name)| (name.clone(), name.clone(), (n % 3 == 0).then_some(9000 + n as u64)))
        .collect();
    for value in [list(&names, &limits), hash(&fields, &limits)] {
        let entry = Entry::new(b"k", NewValue::Other(value.clone()), None);
        assert!(is_big(&entry, 11));
        for version in VERSIONS.into_iter().filter(|version| is_big(&entry, *version)) {
            let (mut out, mut pieces) = (Vec::new(), Pieces::default());
            let mut encoder = Encoder::new(&mut out, None).for_version(version);
            while pieces.write(&entry, &mut encoder) == Piece::More {}
            let at_once = written(&value, version, false);
            assert_eq!((out[0], &out[1..3]), (at_once[0], &b"\x01k"[..]));
            out.drain(1..3);
            assert_eq!(texts(&read(&out, version, &limits)), texts(&value), "version {version}");
        }
    }
}
