//! Manifests: foreign bytes are refused or read, and what was read is written and read again as the same.
#![no_main]

use larder::persist::aof::manifest::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Ok(manifest) = Manifest::parse(text) else { return };
    let written = manifest.format();
    if written.is_empty() {
        assert!(manifest.is_empty());
        return;
    }
    assert_eq!(Manifest::parse(written.as_bytes()), Ok(manifest));
});
