//! RESTORE payloads: foreign bytes are refused or read, and what was read is dumped and read again
//! as the same value.
//!
//! The input is a value without its version and checksum, which are added here: a fuzzer does not
//! guess a CRC-64.
#![no_main]

use larder::config::Config;
use larder::persist::rdb::{self, Dumper, Loaded};
use larder::stdx::crc::crc64;
use larder::stdx::hash::Seed;
use larder::types::Limits;
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::sync::LazyLock;

/// The versions whose types are told apart: Redis 7.2's, and Valkey's.
const VERSIONS: [u16; 2] = [rdb::VERSION, 80];

static LIMITS: LazyLock<Limits> = LazyLock::new(|| Config::default().limits(Seed::new(1, 2)));

thread_local! {
    static DUMPER: RefCell<Dumper> = RefCell::default();
}

fuzz_target!(|value: &[u8]| {
    let bare = rdb::restore(value, true, &LIMITS);
    assert!(bare.is_err() || value.len() > 10, "a payload has its checksum");
    VERSIONS.into_iter().for_each(|version| check(value, version));
});

fn check(value: &[u8], version: u16) {
    let mut payload = value.to_vec();
    payload.extend_from_slice(&version.to_le_bytes());
    payload.extend_from_slice(&crc64(0, &payload).to_le_bytes());
    let Ok(loaded) = rdb::restore(&payload, true, &LIMITS) else { return };
    for compress in [false, true] {
        let dumped = dump(&loaded, compress);
        let again = rdb::restore(&dumped, true, &LIMITS).expect("what was dumped can be restored");
        // A table may come back in another order, but not longer.
        assert_eq!(dump(&again, false).len(), dump(&loaded, false).len());
    }
    payload[value.len() / 2] ^= 1;
    assert!(rdb::restore(&payload, true, &LIMITS).is_err(), "the checksum guards every byte");
}

fn dump(loaded: &Loaded, compress: bool) -> Vec<u8> {
    DUMPER.with_borrow_mut(|dumper| dumper.dump(loaded, compress))
}
