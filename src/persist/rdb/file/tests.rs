//! Files as real servers wrote them, files of every version and type, and files of any bytes.

use super::read::{Checksum, Fault, Found, Item, ReadError, Reader};
use super::{opcode, write};
use crate::config::Config;
use crate::keyspace::Access;
use crate::persist::rdb::encode::Encoder;
use crate::persist::rdb::{Dumper, Loaded};
use crate::stdx::crc::crc64;
use crate::stdx::hash::Seed;
use crate::types::Limits;
use proptest::prelude::*;

/// A file of redis-server 7.0.15.
const REDIS_7_0: &str = "\
    524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa0563\
    74696d65c2ea5d0c6bfa08757365642d6d656dc2989c1000fa08616f662d62617365c000f5404423216c7561\
    206e616d653d6c69620a72656469732e72656769737465725f66756e6374696f6e282766272c2066756e6374\
    696f6e28292072657475726e203120656e6429fe00fb080100046c6f6e67c3093c016161e02f000161611204\
    6c69737401020f0f00000003008161028162020301ff0b04696e74730e020000000300000001000200b80b02\
    047061636b020179017800016bc12c0110046861736812120000000400816602817602816e020501fffcba1a\
    c938955c00000004746578740568656c6c6f11047a73657414140000000400816102010181620283322e3504\
    fffe03fb010000056f74686572c001ff003d657d9b8dafcf";
/// A file of redis-server 8.0.6, under an LFU policy.
const REDIS_8_0: &str = "\
    524544495330303132fa0972656469732d76657205382e302e36fa0a72656469732d62697473c040fa056374\
    696d65c2f45d0c6bfa08757365642d6d656dc280400c00fa08616f662d62617365c000fe00fb0401f9000004\
    75736564c001f900180362696700d8c32cbb030000020001670177010166c3094046016262e03900016262f9\
    00190574696d656400d8c32cbb0300001f1f0000000600816602817602f400d8c32cbb030000098167028177\
    020001fffc7241c938955c0000f90000016bc12c01ff078b28e683c67f41";
/// A file of valkey-server 9.1.2.
const VALKEY_9_1: &str = "\
    56414c4b4559303830fa0a76616c6b65792d76657205392e312e32fa0a72656469732d62697473c040fa0563\
    74696d65c2ea5d0c6bfa08757365642d6d656dc238651100fa08616f662d62617365c000f5404423216c7561\
    206e616d653d6c69620a72656469732e72656769737465725f66756e6374696f6e282766272c2066756e6374\
    696f6e28292072657475726e203120656e6429fe00fb0901fc0b1cc938955c00000004746578740568656c6c\
    6f00046c6f6e67c3093c016161e02f0001616112046c69737401020f0f00000003008161028162020301ff0b\
    04696e74730e020000000300000001000200b80b14047061636b0d0d0000000200817802817902ff10046861\
    736812120000000400816602817602816e020501ff160574696d65640201660176ff3f7a10f35a0000016701\
    77ffffffffffffffff11047a73657414140000000400816102010181620283322e3504ff00016bc12c01fe03\
    fb010000056f74686572c001fff6920f08674fc8fa";

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().as_chunks::<2>().0;
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.iter().map(byte).collect()
}

fn limits() -> Limits {
    Config::default().limits(Seed::new(1, 2))
}

/// All items of an input that comes in these pieces.
fn read_pieces<'p>(
    pieces: impl IntoIterator<Item = &'p [u8]>,
    total: Option<u64>,
) -> Result<Vec<Found>, ReadError> {
    let limits = limits();
    let mut reader = Reader::new(total);
    let mut found = Vec::new();
    for piece in pieces {
        reader.feed(piece);
        while let Some(item) = reader.next(&limits)? {
            found.push(item);
        }
    }
    reader.finish()?;
    Ok(found)
}

fn read(file: &[u8]) -> Result<Vec<Found>, ReadError> {
    read_pieces([file], Some(file.len() as u64))
}

/// One line for each item; a value is the bytes that would be written of it.
fn lines(found: &[Found]) -> Vec<String> {
    let mut dumper = Dumper::default();
    let value = |value: &Option<Loaded>| match value {
        None => "nothing".to_owned(),
        Some(Loaded::Str(text)) => format!("{:?}", String::from_utf8_lossy(text)),
        Some(value) => format!("{}", dumper.value(value, false).escape_ascii()),
    };
    let mut value = value;
    let line = |found: &Found| match &found.item {
        Item::Key(key) => format!(
            "{}: {}:{} type {} at {:?} idle {:?} freq {:?} = {}",
            found.at,
            key.db,
            key.name.escape_ascii(),
            key.kind,
            key.deadline,
            key.idle_seconds,
            key.frequency,
            value(&key.value)
        ),
        item => format!("{}: {item:?}", found.at),
    };
    found.iter().map(line).collect()
}

/// A file of this version with these sections, and a right checksum.
fn file(version: u16, sections: &[u8]) -> Vec<u8> {
    let mut file = [write::magic(version).as_bytes(), sections, &[opcode::END]].concat();
    if version >= 5 {
        file.extend_from_slice(&crc64(0, &file).to_le_bytes());
    }
    file
}

fn keys(file: &[u8]) -> Vec<String> {
    let found = read(file).unwrap();
    assert!(matches!(found.last().unwrap().item, Item::End(Checksum::Right)));
    lines(&found).into_iter().filter(|line| line.contains(" type ")).collect()
}

fn fault(file: &[u8]) -> (u64, Fault) {
    let error = read(file).expect_err("it is to be refused");
    (error.at, error.fault)
}

#[test]
fn a_file_of_redis_7_0_is_read() {
    assert_eq!(keys(&bytes(REDIS_7_0)).len(), 9);
    let found = lines(&read(&bytes(REDIS_7_0)).unwrap());
    for line in [
        "151: SelectDb(0)",
        "153: ResizeDb { keys: 8, volatile: 1 }",
        "230: 0:k type 0 at None idle None freq None = \"300\"",
        "261: 0:text type 0 at Some(101795972586170) idle None freq None = \"hello\"",
    ] {
        assert!(found.iter().any(|found| found == line), "{line} in {found:#?}");
    }
    assert!(found[5].contains("Function"));
}

#[test]
fn deadlines_of_fields_and_counters_of_redis_8_0_are_read() {
    let found = keys(&bytes(REDIS_8_0));
    assert_eq!(found.len(), 4);
    assert!(found[0].contains("freq Some(0) = \"1\""), "{found:#?}");
    assert!(found[1].contains("big type 24") && found[2].contains("timed type 25"));
}

#[test]
fn a_file_of_valkey_9_1_is_read() {
    let found = keys(&bytes(VALKEY_9_1));
    assert_eq!(found.len(), 10);
    assert!(found.iter().any(|line| line.contains("timed type 22")));
}

#[test]
fn a_collection_without_elements_is_a_key_without_a_value() {
    let empty: [&[u8]; 4] = [
        b"\x0c\x01e\x0b\x0b\0\0\0\x0a\0\0\0\0\0\xff",
        b"\x10\x01e\x07\x07\0\0\0\0\0\xff",
        b"\x11\x01e\x07\x07\0\0\0\0\0\xff",
        b"\x14\x01e\x07\x07\0\0\0\0\0\xff",
    ];
    for section in empty {
        assert!(keys(&file(11, section))[0].ends_with("= nothing"));
    }
    let found = keys(&file(11, b"\x02\x01e\0\0\x01k\x01v"));
    assert_eq!(found[0], "9: 0:e type 2 at None idle None freq None = nothing");
    assert!(found[1].ends_with("= \"v\""));
}

#[test]
fn what_a_later_server_wrote_is_refused_by_name() {
    let at = 9;
    for (sections, expected) in [
        (&b"\x63abc"[..], Fault::Unknown(0x63)),
        (b"\xf3abc", Fault::Unknown(243)),
        (b"\xf6", Fault::EarlyFunction),
    ] {
        assert_eq!(fault(&file(12, sections)), (at, expected));
    }
    assert_eq!(fault(b"REDIS0013\xff"), (0, Fault::Version(13)));
    assert_eq!(fault(b"REDIS0080\xff"), (0, Fault::Version(80)));
    assert_eq!(fault(b"VALKEY011\xff"), (0, Fault::Version(11)));
    assert_eq!(fault(b"REDIS00x1\xff"), (0, Fault::Magic));
    assert_eq!(fault(b"*1\r\n$4\r\nPING\r\n"), (0, Fault::Magic));
}

#[test]
fn a_module_is_named() {
    // "vectorset" in six bits a character, and version 1.
    let id = b"\x81\xbd\xe7\x2d\xa2\xbb\x1e\xb4\x01";
    let name = "vectorset".to_owned();
    let of_key = [&b"\x07\x01k"[..], id].concat();
    let fault_of = |kind| Fault::Module { name: name.clone(), version: 1, kind };
    assert_eq!(fault(&file(12, &of_key)), (9, fault_of(Some(7))));
    assert_eq!(fault(&file(12, &[&b"\xf7"[..], id].concat())), (9, fault_of(None)));
}

#[test]
fn a_wrong_checksum_is_told_and_none_is_fine() {
    let mut file = file(11, b"\0\x01k\x01v");
    let sum = file.len() - 8;
    file[sum] ^= 1;
    let end = |file: &[u8]| match read(file).unwrap().pop().unwrap().item {
        Item::End(checksum) => checksum,
        item => panic!("no end but {item:?}"),
    };
    assert!(matches!(end(&file), Checksum::Wrong { stored, computed } if stored == computed ^ 1));
    file[sum..].fill(0);
    assert_eq!(end(&file), Checksum::Missing);
    assert_eq!(end(b"REDIS0004\xff"), Checksum::Missing);
}

#[test]
fn a_file_that_is_cut_ends_inside_the_section_that_is_named() {
    let whole = file(11, b"\0\x01k\x02vw\x01\x01l\x02\x01a\x01b");
    for len in 0..whole.len() {
        let cut = &whole[..len];
        let known = read(cut).expect_err("it is cut");
        let unknown = read_pieces([cut], None).expect_err("it is cut");
        assert!(known.at <= len as u64 && unknown.at <= len as u64);
        if len >= 9 {
            assert_eq!(unknown.fault, Fault::EarlyEnd, "{len}");
        }
    }
}

#[test]
fn a_length_beyond_the_end_is_noticed_at_once_and_reserves_nothing() {
    let sections = b"\0\x01k\x81\x00\x00\x00\xff\xff\xff\xff\xff";
    assert_eq!(fault(&file(11, sections)), (9, Fault::EarlyEnd));
    let sections = b"\x02\x01k\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x01a";
    let expected = Fault::Corrupt("more elements than there are bytes");
    assert_eq!(fault(&file(11, sections)), (21, expected));
}

#[test]
fn what_comes_behind_the_end_is_left() {
    let file = file(11, b"\0\x01k\x01v");
    let mut reader = Reader::new(None);
    reader.feed(&[&file, &b"*1\r\n"[..]].concat());
    while reader.next(&limits()).unwrap().is_some() {}
    assert_eq!(reader.at(), file.len() as u64);
    reader.finish().unwrap();
    assert_eq!(reader.into_rest(), b"*1\r\n");
}

#[test]
fn a_long_string_comes_whole_in_any_pieces() {
    let text: Vec<u8> = (0..300_000u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
    let mut sections = b"\xfc\x01\0\0\0\0\0\0\0".to_vec();
    sections.extend_from_slice(b"\0\x01k\x80\x00\x04\x93\xe0");
    sections.extend_from_slice(&text);
    sections.extend_from_slice(b"\0\x01l\x01v");
    let file = file(11, &sections);
    for piece in [1, 7, 4096, 100_000, file.len()] {
        for total in [None, Some(file.len() as u64)] {
            let found = read_pieces(file.chunks(piece), total).unwrap();
            let Item::Key(key) = &found[0].item else { panic!("no key") };
            assert!(matches!(&key.value, Some(Loaded::Str(value)) if *value == text));
            assert_eq!((found[0].at, key.deadline), (9, Some(1)));
            assert_eq!(found[1].at, 9 + 9 + 8 + 300_000);
            assert!(matches!(found[2].item, Item::End(Checksum::Right)));
        }
    }
}

/// A value of each type and form, with a key `k` behind the type byte.
const SECTIONS: &[&[u8]] = &[
    b"\0\x01k\xc1\x2c\x01",
    b"\x01\x01k\x02\x01a\x01b",
    b"\x02\x01k\x02\x01a\x01b",
    b"\x03\x01k\x02\x01a\x011\x01b\xfe",
    b"\x04\x01k\x02\x01f\x01v\x01g\x01w",
    b"\x05\x01k\x01\x01a\0\0\0\0\0\0\xf0\x3f",
    b"\x09\x01k\x08\x01\x01f\x02\0v1\xff",
    b"\x0a\x01k\x10\x10\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xf6\xff",
    b"\x0b\x01k\x0c\x02\0\0\0\x02\0\0\0\x01\0\x02\0",
    b"\x0c\x01k\x10\x10\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xf6\xff",
    b"\x0d\x01k\x10\x10\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xf6\xff",
    b"\x0e\x01k\x01\x10\x10\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xf6\xff",
    b"\x10\x01k\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x02\xff",
    b"\x11\x01k\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff",
    b"\x12\x01k\x02\x02\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff\x01\x03big",
    b"\x14\x01k\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff",
    b"\x16\x01k\x01\0\x01f\x01v",
    b"\x17\x01k\x0f\x0f\0\0\0\x03\0\x81f\x02\x81v\x02\0\x01\xff",
    b"\x18\x01k\x0a\0\0\0\0\0\0\0\x01\x01\x01f\x01v",
    b"\x19\x01k\x0a\0\0\0\0\0\0\0\x0f\x0f\0\0\0\x03\0\x81f\x02\x81v\x02\0\x01\xff",
    b"\xfa\x04name\x05value",
    b"\xf5\x06source",
    b"\xf4\x05\x40\x41\x01",
    b"\xfe\x03",
    b"\xfb\x03\x01",
    b"\xfc\x01\0\0\0\0\0\0\0",
    b"\xfd\x01\0\0\0",
    b"\xf8\x40\x50",
    b"\xf9\x07",
];

#[test]
fn every_section_is_read_in_any_pieces() {
    for section in SECTIONS {
        let file = file(12, &[section, &b"\0\x01z\x01v"[..]].concat());
        let whole = lines(&read(&file).unwrap());
        for piece in 1..file.len() {
            let found = read_pieces(file.chunks(piece), None).unwrap();
            assert_eq!(lines(&found), whole, "{}", section.escape_ascii());
        }
    }
}

#[test]
fn the_file_drawn_in_the_head_is_read_and_written() {
    let drawn = b"REDIS0011\xfe\0\xfb\x01\x01\xfc\xe8\x03\0\0\0\0\0\0\0\x01k\xc1\x2c\x01\xff";
    let mut out = write::magic(11).into_bytes();
    let mut encoder = Encoder::new(&mut out, None);
    write::select_db(&mut encoder, 0);
    write::resize_db(&mut encoder, 1, 1);
    let value = crate::ds::entry::NewValue::Int(300);
    let entry = crate::types::Entry::new(b"k", value, Some(1000));
    write::key(&mut encoder, &entry, write::Usage::None, &Access::default());
    assert_eq!(out, drawn[..drawn.len() - 1]);
    assert_eq!(keys(&file(11, &drawn[9..drawn.len() - 1])).len(), 1);
}

proptest! {
    #[test]
    fn any_split_gives_the_same_items(
        sections in prop::collection::vec(0..SECTIONS.len(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        known in any::<bool>(),
    ) {
        let sections: Vec<u8> = sections.iter().flat_map(|number| SECTIONS[*number]).copied().collect();
        let file = file(12, &sections);
        let mut cuts: Vec<usize> = cuts.iter().map(|at| at.index(file.len())).collect();
        cuts.sort_unstable();
        let ends = cuts.iter().copied().chain([file.len()]);
        let pieces: Vec<&[u8]> = [0].into_iter().chain(cuts.iter().copied()).zip(ends)
            .map(|(from, to)| &file[from..to]).collect();
        let found = read_pieces(pieces, known.then_some(file.len() as u64)).unwrap();
        prop_assert_eq!(lines(&found), lines(&read(&file).unwrap()));
    }

    #[test]
    fn any_bytes_give_the_same_in_any_pieces(
        sections in prop::collection::vec(0..SECTIONS.len(), 0..4),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        piece in 1usize..40,
        version in prop_oneof![1u16..=12, Just(80)],
    ) {
        let sections: Vec<u8> = sections.iter().flat_map(|number| SECTIONS[*number]).copied().collect();
        let mut file = file(version, &sections);
        for (at, byte) in changes {
            let at = at.index(file.len() - 9) + 9;
            file[at] = byte;
        }
        let whole = read_pieces([&file[..]], None).map(|found| lines(&found));
        let pieces = read_pieces(file.chunks(piece), None).map(|found| lines(&found));
        prop_assert_eq!(&whole.is_ok(), &pieces.is_ok());
        if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
            prop_assert_eq!(whole, pieces);
        }
    }
}

/// Found by fuzzing: a group needs fewer bytes than a consumer.
#[test]
fn a_small_group_may_be_the_last_of_a_file() {
    let stream = b"\x15\0\0\0\0\0\0\0\x01\x01\x01\x01\x01\x01\x01\x05\0\0\0";
    let file = [write::magic(11).as_bytes(), stream, &[opcode::END], &[0; 8]].concat();
    let limits = Config::default().limits(Seed::new(1, 2));
    for size in [1, file.len()] {
        let mut reader = Reader::new(Some(file.len() as u64));
        let mut keys = 0;
        for piece in file.chunks(size) {
            reader.feed(piece);
            while let Some(found) = reader.next(&limits).unwrap() {
                keys += usize::from(matches!(found.item, Item::Key(_)));
            }
        }
        assert_eq!(keys, 1, "in pieces of {size}");
    }
}
