//! RESTORE payloads: foreign bytes are refused or read, and what was read is dumped and read again
//! as the same value.
//!
//! The input is a value without its version and checksum, which are added here: a fuzzer does not
//! guess a CRC-64.
#![no_main]

use larder::persist::rdb::{self, DumpValue, Loaded};
use larder::stdx::crc::crc64;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    assert!(rdb::restore(value).is_err() || value.len() > 10, "a payload has its checksum");
    let mut payload = value.to_vec();
    payload.extend_from_slice(&rdb::VERSION.to_le_bytes());
    payload.extend_from_slice(&crc64(0, &payload).to_le_bytes());
    let Ok(loaded) = rdb::restore(&payload) else { return };
    let Loaded::Str(string) = &loaded;
    for compress in [false, true] {
        let again = rdb::dump(DumpValue::Str(string), compress);
        assert_eq!(rdb::restore(&again).as_ref(), Ok(&loaded));
    }
    payload[value.len() / 2] ^= 1;
    assert!(rdb::restore(&payload).is_err(), "the checksum guards every byte");
});
