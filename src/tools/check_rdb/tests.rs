//! What is said of RDB files. The words were taken from redis-check-rdb 7.0.15 and 8.0.6.

use crate::persist::disk::{Disk, Open, Simulated};
use crate::stdx::crc::crc64;
use crate::tools::{Console, Tool};
use std::path::Path;

/// A fact, database 3, `k1` that is a string, and `k2` that was one until 1,000 ms.
const SECTIONS: &[u8] = b"\xfa\x09redis-ver\x057.2.4\xfe\x03\xfb\x02\x01\x00\x02k1\x02v1\
                          \xfc\xe8\x03\0\0\0\0\0\0\x00\x02k2\x02v2";

fn file(sections: &[u8]) -> Vec<u8> {
    let mut bytes = [b"REDIS0011", sections, b"\xff"].concat();
    bytes.extend_from_slice(&crc64(0, &bytes).to_le_bytes());
    bytes
}

#[track_caller]
fn check(bytes: &[u8], code: u8, expected: &str) {
    let disk = Simulated::default();
    disk.open(Path::new("x.rdb"), Open::Create).unwrap().write_all(bytes).unwrap();
    let mut out = Vec::new();
    let console = Console { input: &mut &b""[..], out: &mut out };
    let said = Tool::CheckRdb.run("redis-check-rdb", ["x.rdb".into()], &disk, 2000, console);
    let out = String::from_utf8(out).unwrap();
    assert_eq!((out, said), (format!("[offset 0] Checking RDB file x.rdb\n{expected}"), code));
}

const READ: &str = "[offset 26] AUX FIELD redis-ver = '7.2.4'\n[offset 28] Selecting DB ID 3\n";
const COUNTS: &str =
    "[info] 2 keys read\n[info] 1 expires\n[info] 1 already expired\n[info] 0 subexpires\n";
const FAILED: &str = "--- RDB ERROR DETECTED ---\n";
const NO_COUNTS: &str =
    "[info] 0 keys read\n[info] 0 expires\n[info] 0 already expired\n[info] 0 subexpires\n";

#[test]
fn a_good_file_looks_ok() {
    let end = "[offset 63] Checksum OK\n[offset 63] \\o/ RDB looks OK! \\o/\n";
    check(&file(SECTIONS), 0, &format!("{READ}{end}{COUNTS}"));
}

#[test]
fn a_file_may_lack_its_checksum() {
    let mut bytes = file(SECTIONS);
    let len = bytes.len();
    bytes[len - 8..].fill(0);
    let end = "[offset 63] RDB file was saved with checksum disabled: no check performed.\n\
               [offset 63] \\o/ RDB looks OK! \\o/\n";
    check(&bytes, 0, &format!("{READ}{end}{COUNTS}"));
}

#[test]
fn a_wrong_checksum_is_told() {
    let mut bytes = file(b"");
    bytes[17] ^= 1;
    let (stored, computed) = (bytes[10..].to_vec(), crc64(0, &bytes[..10]));
    let stored = u64::from_le_bytes(stored.try_into().unwrap());
    let what = format!("RDB CRC error: {stored:016x} is stored, {computed:016x} computed");
    let end = format!("[offset 18] {what}\n[additional info] While doing: check-sum\n");
    check(&bytes, 1, &format!("{FAILED}{end}{NO_COUNTS}"));
}

#[test]
fn what_was_being_read_is_told() {
    let eof = "Unexpected EOF reading RDB file\n[additional info] While doing:";
    let cut = |len: usize| file(SECTIONS)[..len].to_vec();
    check(
        &cut(5),
        1,
        &format!(
            "{FAILED}[offset 0] Wrong signature trying to load DB from file\n\
        [additional info] While doing: start\n{NO_COUNTS}"
        ),
    );
    check(&cut(20), 1, &format!("{FAILED}[offset 9] {eof} read-aux\n{NO_COUNTS}"));
    let key = "[additional info] Reading key 'k1'\n[additional info] Reading type 0 (string)\n";
    check(
        &cut(36),
        1,
        &format!("{READ}{FAILED}[offset 31] {eof} read-object-value\n{key}{NO_COUNTS}"),
    );
    let damaged = file(&[SECTIONS, b"\x63\x01k"].concat());
    let end = "[offset 54] Invalid object type: 99\n[additional info] While doing: read-type\n";
    check(&damaged, 1, &format!("{READ}{FAILED}{end}{COUNTS}"));
    let version = "[offset 0] Can't handle RDB format version 99\n";
    let start = "[additional info] While doing: start\n";
    check(b"REDIS0099\xff", 1, &format!("{FAILED}{version}{start}{NO_COUNTS}"));
}
