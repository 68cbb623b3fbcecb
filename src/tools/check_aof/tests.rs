//! What is said of files, and what becomes of them. The words were taken from redis-check-aof 7.0.15.

use crate::persist::disk::{self, Disk, Open, Simulated};
use crate::tools::{Console, Tool};
use std::path::Path;

const GOOD: &str = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
const SET: &str = "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1\r\ny\r\n";
const MULTI: &str = "*1\r\n$5\r\nMULTI\r\n";
const EXEC: &str = "*1\r\n$4\r\nEXEC\r\n";

fn disk_with(files: &[(&str, &[u8])]) -> Simulated {
    let disk = Simulated::default();
    for (path, bytes) in files {
        let mut file = disk.open(Path::new(path), Open::Create).unwrap();
        file.write_all(bytes).unwrap();
    }
    disk
}

/// Runs the tool with these words, and a user who types `typed`.
fn run_on(disk: &Simulated, words: &[&str], typed: &str) -> (u8, String) {
    let mut out = Vec::new();
    let console = Console { input: &mut typed.as_bytes(), out: &mut out };
    let words = words.iter().map(|word| (*word).into());
    let code = Tool::CheckAof.run("redis-check-aof", words, disk, 0, console);
    (code, String::from_utf8(out).unwrap())
}

#[track_caller]
fn check_file(bytes: &str, code: u8, expected: &str) {
    let disk = disk_with(&[("x.aof", bytes.as_bytes())]);
    let said = run_on(&disk, &["x.aof"], "");
    assert_eq!(said, (code, format!("Start checking Old-Style AOF\n{expected}")));
}

#[track_caller]
fn check_damaged(bytes: &str, expected: &str) {
    let hint = "AOF x.aof is not valid. Use the --fix option to try fixing it.\n";
    check_file(&format!("{GOOD}{bytes}"), 1, &format!("{expected}\n{hint}"));
}

#[test]
fn whole_files_are_valid() {
    let analyzed = "AOF analyzed: filename=x.aof, size=50, ok_up_to=50, ok_up_to_line=13, diff=0\n";
    check_file(GOOD, 0, &format!("{analyzed}AOF x.aof is valid\n"));
    let text = format!("#TS:1700000000\r\n{GOOD}{MULTI}{SET}{EXEC}");
    let analyzed =
        "AOF analyzed: filename=x.aof, size=122, ok_up_to=122, ok_up_to_line=26, diff=0\n";
    check_file(&text, 0, &format!("{analyzed}AOF x.aof is valid\n"));
    check_file("", 0, "AOF x.aof is empty\n");
}

#[test]
fn damage_is_told_with_its_place() {
    check_damaged(
        "hello\r\n",
        "AOF x.aof format error\n\
         AOF analyzed: filename=x.aof, size=57, ok_up_to=50, ok_up_to_line=13, diff=7",
    );
    check_damaged(
        "*x\r\n",
        "0x              32: Expected \\r\\n, got: 780d\n\
         AOF analyzed: filename=x.aof, size=54, ok_up_to=50, ok_up_to_line=13, diff=4",
    );
    check_damaged(
        "*1\r\n*4\r\nPING\r\n",
        "0x              36: Expected prefix '$', got: '*'\n\
         AOF analyzed: filename=x.aof, size=64, ok_up_to=50, ok_up_to_line=14, diff=14",
    );
    check_damaged(
        "*1\r\n$4\r\nPINGxx",
        "0x              3a: Expected \\r\\n, got: 7878\n\
         AOF analyzed: filename=x.aof, size=64, ok_up_to=50, ok_up_to_line=15, diff=14",
    );
    check_damaged(
        "*1\r\n$-4\r\n",
        "0x              36: Expected to read string of -4 bytes, which is not in the suitable \
         range\n\
         AOF analyzed: filename=x.aof, size=59, ok_up_to=50, ok_up_to_line=15, diff=9",
    );
    check_damaged(
        EXEC,
        "0x              3a: Unexpected EXEC in AOF x.aof\n\
         AOF analyzed: filename=x.aof, size=64, ok_up_to=50, ok_up_to_line=16, diff=14",
    );
}

#[test]
fn what_is_torn_off_is_told_with_its_place() {
    check_damaged(
        "*1\r\n$4\r\nPI",
        "0x              3a: Expected to read 6 bytes, got 2 bytes\n\
         AOF analyzed: filename=x.aof, size=60, ok_up_to=50, ok_up_to_line=15, diff=10",
    );
    check_damaged(
        "*1\r\n$4",
        "0x              36: Expected \\r\\n, got: 0000\n\
         AOF analyzed: filename=x.aof, size=56, ok_up_to=50, ok_up_to_line=14, diff=6",
    );
    check_damaged(
        &format!("{MULTI}{SET}"),
        "0x              59: Reached EOF before reading EXEC for MULTI\n\
         AOF analyzed: filename=x.aof, size=92, ok_up_to=50, ok_up_to_line=23, diff=42",
    );
}

#[test]
fn a_torn_end_is_cut_off_when_the_user_says_so() {
    let torn = format!("{GOOD}{MULTI}{SET}");
    let disk = disk_with(&[("x.aof", torn.as_bytes())]);
    let (code, said) = run_on(&disk, &["--fix", "x.aof"], "n\n");
    assert_eq!(code, 1);
    let end = "This will shrink the AOF x.aof from 92 bytes, with 42 bytes, to 50 bytes\n\
               Continue? [y/N]: Aborting...\n";
    assert!(said.ends_with(end), "{said}");
    assert_eq!(disk::read(&disk, Path::new("x.aof")).unwrap(), torn.as_bytes());
    let (code, said) = run_on(&disk, &["--fix", "x.aof"], "Yes\n");
    assert_eq!(code, 0);
    assert!(said.ends_with("[y/N]: Successfully truncated AOF x.aof\n"), "{said}");
    assert_eq!(disk::read(&disk, Path::new("x.aof")).unwrap(), GOOD.as_bytes());
}

/// Cuts a file with entries of the seconds 10, 20 and 30, the last in a transaction that began in second 20.
#[track_caller]
fn check_cut(seconds: &str, code: u8, len: usize, expected: &str) {
    let text =
        format!("#TS:10\r\n{GOOD}#TS:20\r\n{SET}{MULTI}{SET}#TS:30\r\n{SET}{EXEC}").into_bytes();
    let disk = disk_with(&[("x.aof", &text)]);
    let said = run_on(&disk, &["--truncate-to-timestamp", seconds, "x.aof"], "");
    assert_eq!(said, (code, format!("Start checking Old-Style AOF\n{expected}\n")));
    assert_eq!(disk::read(&disk, Path::new("x.aof")).unwrap(), &text[..len]);
}

#[test]
fn a_file_is_cut_to_a_time_but_not_into_a_transaction() {
    let all = 8 + 50 + 8 + 27 + 15 + 27 + 8 + 27 + 14;
    check_cut("5", 1, all, "AOF x.aof has nothing before timestamp 5, aborting...");
    check_cut("15", 0, 58, "Successfully truncated AOF x.aof to timestamp 15");
    check_cut("25", 0, 93, "Successfully truncated AOF x.aof to timestamp 25");
    let nothing = "Truncate nothing in AOF x.aof to timestamp 30\nAOF x.aof is valid";
    check_cut("30", 0, all, nothing);
}

fn two_parts(first: &str, second: &str) -> Simulated {
    let manifest = "file a.1.base.aof seq 1 type b\nfile a.1.incr.aof seq 1 type i\n\
                    file a.2.incr.aof seq 2 type i\n";
    disk_with(&[
        ("dir/a.manifest", manifest.as_bytes()),
        ("dir/a.1.base.aof", b""),
        ("dir/a.1.incr.aof", first.as_bytes()),
        ("dir/a.2.incr.aof", second.as_bytes()),
    ])
}

const BEGIN: &str = "Start checking Multi Part AOF\nStart to check BASE AOF (RESP format).\n\
                     BASE AOF a.1.base.aof is empty\nStart to check INCR files.\n";

#[test]
fn all_files_of_a_manifest_are_checked() {
    let (code, said) = run_on(&two_parts(GOOD, SET), &["dir/a.manifest"], "");
    let expected = "AOF analyzed: filename=a.1.incr.aof, size=50, ok_up_to=50, ok_up_to_line=13, \
                    diff=0\nINCR AOF a.1.incr.aof is valid\n\
                    AOF analyzed: filename=a.2.incr.aof, size=27, ok_up_to=27, ok_up_to_line=20, \
                    diff=0\nINCR AOF a.2.incr.aof is valid\n\
                    All AOF files and manifest are valid\n";
    assert_eq!((code, said), (0, format!("{BEGIN}{expected}")));
}

#[test]
fn only_the_last_file_of_a_manifest_is_cut() {
    let torn = &GOOD[..40];
    let (code, said) = run_on(&two_parts(torn, GOOD), &["--fix", "dir/a.manifest"], "y\n");
    let end = "Failed to truncate AOF a.1.incr.aof because it is not the last file\n";
    assert_eq!((code, said.ends_with(end)), (1, true), "{said}");
    let disk = two_parts(GOOD, torn);
    let (code, said) = run_on(&disk, &["--fix", "dir/a.manifest"], "y\n");
    let end = "Successfully truncated AOF a.2.incr.aof\nAll AOF files and manifest are valid\n";
    assert_eq!((code, said.ends_with(end)), (0, true), "{said}");
    assert_eq!(disk::read(&disk, Path::new("dir/a.2.incr.aof")).unwrap(), &GOOD.as_bytes()[..23]);
}

#[test]
fn what_follows_a_file_that_is_cut_to_a_time_must_go_first() {
    let disk = two_parts(&format!("{GOOD}#TS:20\r\n{SET}"), SET);
    let words = &["--truncate-to-timestamp", "10", "dir/a.manifest"];
    let (code, said) = run_on(&disk, words, "");
    let told = "AOF dir/a.1.incr.aof to timestamp 10 to offset 50 because it is not the last file.";
    assert_eq!((code, said.contains(told)), (1, true), "{said}");
}

#[test]
fn a_manifest_with_a_wrong_line_is_refused() {
    let disk = disk_with(&[("m", b"file a seq 1 type x\n")]);
    let (code, said) = run_on(&disk, &["m"], "");
    assert_eq!((code, said.contains("at line 1\n>>> 'file a seq 1 type x'")), (1, true), "{said}");
}

/// An RDB file of version 11 without keys, its checksum switched off.
const RDB: &[u8] = b"REDIS0011\xff\0\0\0\0\0\0\0\0";

#[test]
fn commands_may_follow_an_rdb_file() {
    let disk = disk_with(&[("x.aof", &[RDB, GOOD.as_bytes(), b"*1"].concat())]);
    let (code, said) = run_on(&disk, &["x.aof"], "");
    let end = "RDB preamble is OK, proceeding with AOF tail...\n\
               0x              44: Expected \\r\\n, got: 0000\n\
               AOF analyzed: filename=x.aof, size=70, ok_up_to=68, ok_up_to_line=13, diff=2\n\
               AOF x.aof is not valid. Use the --fix option to try fixing it.\n";
    assert_eq!((code, said.ends_with(end)), (1, true), "{said}");
    let disk = disk_with(&[("x.aof", &RDB[..15])]);
    let (code, said) = run_on(&disk, &["x.aof"], "");
    let end = "RDB preamble of AOF file is not sane, aborting.\n";
    assert_eq!((code, said.ends_with(end)), (1, true), "{said}");
}

#[test]
fn a_command_line_that_makes_no_sense_is_answered_with_the_usage() {
    let disk = disk_with(&[]);
    for words in [&[][..], &["--bogus", "x"], &["a", "b"], &["--fix"]] {
        let (code, said) = run_on(&disk, words, "");
        assert_eq!(code, 1);
        assert!(said.contains("Usage: redis-check-aof"), "{said}");
    }
    let (code, said) = run_on(&disk, &["--truncate-to-timestamp", "x", "y"], "");
    assert_eq!((code, said.as_str()), (1, "Invalid timestamp, aborting...\n"));
    assert_eq!(run_on(&disk, &["--help"], "").0, 0);
    let (code, said) = run_on(&disk, &["-v"], "");
    assert_eq!((code, said.starts_with("redis-check-aof 0.")), (0, true), "{said}");
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    let (code, said) = run_on(&disk_with(&[]), &["x.aof"], "");
    assert_eq!(code, 1);
    assert!(said.starts_with("Cannot open file x.aof: "), "{said}");
}
