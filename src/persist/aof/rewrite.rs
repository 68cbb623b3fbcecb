//! A data set as commands: the base of a log that is to be readable throughout, `aof-use-rdb-preamble no`.

mod stream;

use crate::resp::request::{push_command, push_head, push_word};
use crate::stdx::num::f64_shortest_text;
use crate::types::{Collection, Entry, Hash, List, Set, Str, Value, View, Zset};

/// Elements that one command adds at most.
const GROUP: usize = 64;
/// A hash shows all its fields at this time.
const START_OF_TIME: u64 = 0;

/// Appends the command that selects a database.
pub fn select(out: &mut Vec<u8>, db: u32) {
    push_command(out, [b"SELECT", itoa::Buffer::new().format(db).as_bytes()].into_iter());
}

/// Appends the commands that make an entry.
pub fn entry(out: &mut Vec<u8>, entry: &Entry) {
    let mut digits = itoa::Buffer::new();
    let key = entry.key();
    if let Some(text) = Str::of(entry) {
        push_command(out, [b"SET", key, text.bytes(&mut digits)].into_iter());
    } else if let Some(value) = entry.other() {
        collection(out, key, value);
    }
    if let Some(deadline) = entry.deadline() {
        push_command(out, [b"PEXPIREAT", key, digits.format(deadline).as_bytes()].into_iter());
    }
}

fn collection(out: &mut Vec<u8>, key: &[u8], value: &Value) {
    match value.as_is() {
        // They are strings, which the caller has written.
        View::Raw(_) | View::Shared(_) => {}
        View::List(value) => list(out, key, value),
        View::Set(value) => set(out, key, value),
        View::Hash(value) => hash(out, key, value),
        View::Zset(value) => zset(out, key, value),
        View::Stream(value) => stream::rewrite(out, key, value),
    }
}

/// Begins a command where the one before has as many elements as one may, or there is none.
struct Groups<'a> {
    out: &'a mut Vec<u8>,
    name: &'static [u8],
    key: &'a [u8],
    /// Words of an element.
    width: usize,
    /// Elements that are still to come, and those of them that belong to the command begun.
    left: usize,
    left_in_group: usize,
}

impl<'a> Groups<'a> {
    fn new(
        out: &'a mut Vec<u8>,
        name: &'static [u8],
        key: &'a [u8],
        width: usize,
        len: usize,
    ) -> Self {
        Self { out, name, key, width, left: len, left_in_group: 0 }
    }

    /// Appends an element.
    fn push(&mut self, words: &[&[u8]]) {
        if self.left_in_group == 0 {
            self.left_in_group = self.left.min(GROUP);
            push_head(self.out, 2 + self.left_in_group * self.width);
            push_word(self.out, self.name);
            push_word(self.out, self.key);
        }
        words.iter().for_each(|word| push_word(self.out, word));
        self.left_in_group -= 1;
        self.left -= 1;
    }
}

fn list(out: &mut Vec<u8>, key: &[u8], list: &List) {
    let mut digits = itoa::Buffer::new();
    let mut groups = Groups::new(out, b"RPUSH", key, 1, list.len());
    list.for_each(0..list.len(), |item| groups.push(&[item.bytes(&mut digits)]));
}

fn set(out: &mut Vec<u8>, key: &[u8], set: &Set) {
    let mut digits = itoa::Buffer::new();
    let mut groups = Groups::new(out, b"SADD", key, 1, set.len());
    set.iter().for_each(|member| groups.push(&[member.bytes(&mut digits)]));
}

fn zset(out: &mut Vec<u8>, key: &[u8], zset: &Zset) {
    let mut digits = itoa::Buffer::new();
    let mut groups = Groups::new(out, b"ZADD", key, 2, zset.len());
    for element in zset.iter() {
        groups.push(&[&f64_shortest_text(element.score), element.member.bytes(&mut digits)]);
    }
}

fn hash(out: &mut Vec<u8>, key: &[u8], hash: &Hash) {
    let (mut name_digits, mut digits) = (itoa::Buffer::new(), itoa::Buffer::new());
    let mut groups = Groups::new(out, b"HMSET", key, 2, hash.len());
    for field in hash.iter(START_OF_TIME) {
        groups.push(&[field.name.bytes(&mut name_digits), field.value.bytes(&mut digits)]);
    }
    for field in hash.iter(START_OF_TIME) {
        let Some(deadline) = field.deadline else { continue };
        let name = field.name.bytes(&mut name_digits);
        let at = digits.format(deadline).as_bytes();
        push_command(out, [b"HPEXPIREAT", key, at, b"FIELDS", b"1", name].into_iter());
    }
}
