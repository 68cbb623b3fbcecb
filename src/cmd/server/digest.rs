//! DEBUG DIGEST: the digest that Redis makes of the same data, so that datasets of different
//! servers can be compared.
//!
//! It is built of SHA-1 in two ways. *Xor* folds a hash in so that order does not matter; *mix* does
//! the same and hashes the result again, so that order does. A value's digest mixes its type number
//! (32 bits, big endian) and its contents, and if it expires xors a fixed word. A key's digest is
//! its name mixed before that; a database mixes its number; the whole xors all keys' digests.

use crate::keyspace::Keyspace;
use crate::types::{Entry, Str};
use sha1::{Digest as _, Sha1};

#[derive(Default)]
struct Digest([u8; 20]);

impl Digest {
    fn xor(&mut self, bytes: &[u8]) {
        for (mine, theirs) in self.0.iter_mut().zip(Sha1::digest(bytes)) {
            *mine ^= theirs;
        }
    }

    fn mix(&mut self, bytes: &[u8]) {
        self.xor(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    fn text(&self) -> String {
        self.0.iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// The digest of all databases.
pub(super) fn dataset(keyspace: &Keyspace) -> String {
    let mut whole = Digest::default();
    for (index, database) in keyspace.databases().filter(|(_, db)| !db.is_empty()) {
        whole.mix(&index.to_be_bytes());
        for entry in database.iter() {
            let mut digest = Digest::default();
            digest.mix(entry.key());
            mix_value(&mut digest, entry);
            whole.xor(&digest.0);
        }
    }
    whole.text()
}

/// The digest of one value; zeros for a missing key.
pub(super) fn value(entry: Option<&Entry>) -> String {
    let mut digest = Digest::default();
    if let Some(entry) = entry {
        mix_value(&mut digest, entry);
    }
    digest.text()
}

fn mix_value(digest: &mut Digest, entry: &Entry) {
    const STRING: u32 = 0;
    digest.mix(&STRING.to_be_bytes());
    if let Some(value) = Str::of(entry) {
        digest.mix(value.bytes(&mut itoa::Buffer::new()));
    }
    if entry.deadline().is_some() {
        digest.xor(b"!!expire!!");
    }
}
