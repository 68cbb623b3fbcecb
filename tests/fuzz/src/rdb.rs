//! RDB files: any split of any bytes gives the same items as the whole, and an end or an error.
//!
//! The input's first byte says which version it is of (the low four bits) and seeds the lengths of the pieces;
//! the rest are the sections. A checksum that is wrong is an item like others.
#![no_main]

mod pieces;

use larder::config::Config;
use larder::persist::rdb::file::read::{Found, Item, Reader};
use larder::persist::rdb::file::write::magic;
use larder::stdx::hash::Seed;
use larder::types::Limits;
use libfuzzer_sys::fuzz_target;
use pieces::Pieces;
use std::sync::LazyLock;

const VERSIONS: [u16; 13] = [11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 80];

static LIMITS: LazyLock<Limits> = LazyLock::new(|| Config::default().limits(Seed::new(1, 2)));

fuzz_target!(|data: &[u8]| {
    let Some((&how, sections)) = data.split_first() else { return };
    let version = VERSIONS[usize::from(how & 15) % VERSIONS.len()];
    let file = [magic(version).as_bytes(), sections].concat();
    let total = Some(file.len() as u64);
    let whole = read(std::iter::once(&file[..]), total);
    assert_eq!(whole, read(Pieces { rest: &file, seed: how >> 1 }, total));
    // One whose length is not known may be refused later, but gives the same items before.
    let unknown = read(Pieces { rest: &file, seed: !how }, None);
    assert_eq!(whole, unknown);
});

/// What was found, and whether it came to an end.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>, total: Option<u64>) -> (Vec<String>, bool) {
    let mut reader = Reader::new(total);
    let mut found = Vec::new();
    for piece in pieces {
        reader.feed(piece);
        loop {
            match reader.next(&LIMITS) {
                Ok(Some(item)) => found.push(told(item, &reader)),
                Ok(None) => break,
                Err(error) => {
                    let again = reader.next(&LIMITS).expect_err("it stays broken");
                    assert_eq!(error, again);
                    return (found, false);
                }
            }
        }
    }
    let ended = reader.finish().is_ok();
    (found, ended)
}

/// An item as text; a table may list its entries in any order.
fn told(Found { at, item }: Found, reader: &Reader) -> String {
    assert!(at < reader.at(), "an item is not empty, and what was taken is behind it");
    match item {
        Item::Key(key) => {
            format!("{at} {} {:?} {:?} {:?}", key.db, key.kind, key.name, key.deadline)
        }
        other => format!("{at} {other:?}"),
    }
}
