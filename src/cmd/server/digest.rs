//! DEBUG DIGEST: the digest that Redis makes of the same data, so that datasets of different
//! servers can be compared.
//!
//! It is built of SHA-1 in two ways. *Xor* folds a hash in so that order does not matter; *mix* does
//! the same and hashes the result again, so that order does. A value's digest mixes its type number
//! (32 bits, big endian) and its contents, and if it expires xors a fixed word. A key's digest is
//! its name mixed before that; a database mixes its number; the whole xors all keys' digests. A list
//! mixes its elements, a set xors them; a pair of a hash or sorted set mixes its halves into a digest of
//! its own, which is xored. A stream mixes each entry's id, fields and values.

use crate::keyspace::Keyspace;
use crate::stdx::num;
use crate::types::stream::Id;
use crate::types::{Collection, Entry, Str, Type, Value, View};
use sha1::{Digest as _, Sha1};

/// A hash shows all its fields at this time.
const START_OF_TIME: u64 = 0;

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
    let number: u32 = match Type::of(entry) {
        Type::String => 0,
        Type::List => 1,
        Type::Set => 2,
        Type::Zset => 3,
        Type::Hash => 4,
        Type::Stream => 6,
    };
    digest.mix(&number.to_be_bytes());
    if let Some(value) = Str::of(entry) {
        digest.mix(value.bytes(&mut itoa::Buffer::new()));
    } else if let Some(value) = entry.other() {
        mix_elements(digest, value);
    }
    if entry.deadline().is_some() {
        digest.xor(b"!!expire!!");
    }
}

/// Mixes in what a collection holds: in its order that of a list, each element by itself that of others.
fn mix_elements(digest: &mut Digest, value: &Value) {
    let mut digits = itoa::Buffer::new();
    match value.as_is() {
        View::Raw(_) | View::Shared(_) => {}
        View::List(list) => {
            list.for_each(0..list.len(), |item| digest.mix(item.bytes(&mut digits)));
        }
        View::Set(set) => set.iter().for_each(|member| digest.xor(member.bytes(&mut digits))),
        View::Zset(zset) => zset.iter().for_each(|element| {
            let mut of_element = Digest::default();
            of_element.mix(element.member.bytes(&mut digits));
            of_element.mix(&num::f64_shortest_text(element.score));
            digest.xor(&of_element.0);
        }),
        View::Stream(stream) => stream.range(Id::MIN, Id::MAX).for_each(|entry| {
            digest.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
            for (field, value) in entry.pairs() {
                digest.mix(field.bytes(&mut digits));
                digest.mix(value.bytes(&mut digits));
            }
        }),
        View::Hash(hash) => hash.iter(START_OF_TIME).for_each(|field| {
            let mut of_field = Digest::default();
            of_field.mix(field.name.bytes(&mut digits));
            of_field.mix(field.value.bytes(&mut digits));
            if field.deadline.is_some() {
                of_field.xor(b"!!hexpire!!");
            }
            digest.xor(&of_field.0);
        }),
    }
}
