//! Writing a value with its type byte, in the form that Redis writes of its encoding: packed values as
//! they lie in memory, the others element by element.

use super::encode::Encoder;
use super::object::{Saved, container, type_byte};
use crate::ds::listpack::Item;
use crate::ds::quicklist::{NodeBytes, NodeRef, Quicklist};
use crate::types::{Collection, FieldRef, Hash, List, ListForm, Set, SetForm, Value, Zset};
use std::ops::{Deref, DerefMut};

/// Writes a value behind its type byte, and in a file behind the key it has there, which comes after the
/// type byte.
pub(super) fn save(value: Saved<'_>, key: Option<&[u8]>, out: &mut Encoder<'_>) {
    let out = &mut Saver { out, key };
    match value {
        Saved::Str(bytes) => string(bytes, out),
        Saved::Int(int) => {
            out.begin(type_byte::STRING);
            out.int_string(int);
        }
        Saved::Value(Value::Raw(bytes)) => string(bytes.as_slice(), out),
        Saved::Value(Value::Shared(bytes)) => string(bytes, out),
        Saved::Value(Value::List(value)) => list(value, out),
        Saved::Value(Value::Set(value)) => set(value, out),
        Saved::Value(Value::Hash(value)) => hash(value, out),
        Saved::Value(Value::Zset(value)) => zset(value, out),
    }
}

/// An encoder of one value.
struct Saver<'e, 'a> {
    out: &'e mut Encoder<'a>,
    key: Option<&'e [u8]>,
}

impl Saver<'_, '_> {
    /// Writes the type byte, and the key.
    fn begin(&mut self, type_byte: u8) {
        self.out.byte(type_byte);
        if let Some(key) = self.key {
            self.out.string(key);
        }
    }
}

impl<'a> Deref for Saver<'_, 'a> {
    type Target = Encoder<'a>;

    fn deref(&self) -> &Encoder<'a> {
        self.out
    }
}

impl<'a> DerefMut for Saver<'_, 'a> {
    fn deref_mut(&mut self) -> &mut Encoder<'a> {
        self.out
    }
}

fn string(bytes: &[u8], out: &mut Saver<'_, '_>) {
    out.begin(type_byte::STRING);
    out.string(bytes);
}

/// A list, whose compressed nodes stay compressed.
fn list(list: &List, out: &mut Saver<'_, '_>) {
    out.begin(type_byte::LIST_QUICKLIST_2);
    match list.form() {
        ListForm::Packed(listpack) => {
            out.length(1);
            out.length(container::PACKED);
            out.string(listpack.as_bytes());
        }
        ListForm::Quick(list) => nodes(list, out),
    }
}

fn nodes(list: &Quicklist, out: &mut Saver<'_, '_>) {
    out.length(list.node_count());
    list.nodes().for_each(|bytes| node(bytes, out));
}

pub(super) fn node(node: NodeRef<'_>, out: &mut Encoder<'_>) {
    out.length(if node.is_plain() { container::PLAIN } else { container::PACKED });
    match node.bytes() {
        NodeBytes::Raw(bytes) => out.string(bytes),
        NodeBytes::Lzf { bytes, raw_len } => out.lzf(bytes, raw_len),
    }
}

fn set(set: &Set, out: &mut Saver<'_, '_>) {
    match set.form() {
        SetForm::Ints(ints) => {
            out.begin(type_byte::SET_INTSET);
            out.string(ints.as_bytes());
        }
        SetForm::Pack(listpack) => {
            out.begin(type_byte::SET_LISTPACK);
            out.string(listpack.as_bytes());
        }
        SetForm::Table(table) => {
            out.begin(type_byte::SET);
            out.length(table.len());
            table.iter().for_each(|member| out.string(member.key()));
        }
    }
}

/// A sorted set. From the highest to the lowest as Redis does, for whom each is the cheapest to insert
/// then.
fn zset(zset: &Zset, out: &mut Saver<'_, '_>) {
    if let Some(listpack) = zset.as_listpack() {
        out.begin(type_byte::ZSET_LISTPACK);
        out.string(listpack.as_bytes());
        return;
    }
    out.begin(type_byte::ZSET_2);
    out.length(zset.len());
    for element in zset.iter().rev() {
        item(element.member, out);
        out.double(element.score);
    }
}

fn hash(hash: &Hash, out: &mut Saver<'_, '_>) {
    match hash.as_listpack() {
        Some((listpack, false)) => {
            out.begin(type_byte::HASH_LISTPACK);
            out.string(listpack.as_bytes());
        }
        Some((listpack, true)) => {
            out.begin(type_byte::HASH_LISTPACK_EX);
            out.u64_le(hash.next_deadline().unwrap_or(0));
            out.string(listpack.as_bytes());
        }
        None => hash_table(hash, out),
    }
}

/// A hash field by field; deadlines, if there are any, as distances from the first.
fn hash_table(hash: &Hash, out: &mut Saver<'_, '_>) {
    /// Every field is written: at this time none is over.
    const START_OF_TIME: u64 = 0;
    let first = hash.next_deadline();
    match first {
        None => out.begin(type_byte::HASH),
        Some(first) => {
            out.begin(type_byte::HASH_METADATA);
            out.u64_le(first);
        }
    }
    out.length(hash.len());
    hash.iter(START_OF_TIME).for_each(|it| field(&it, first, out));
}

/// A field of a hash whose first deadline is `first`.
pub(super) fn field(field: &FieldRef<'_>, first: Option<u64>, out: &mut Encoder<'_>) {
    if let Some(first) = first {
        out.length(field.deadline.map_or(0, |at| (at - first) as usize + 1));
    }
    item(field.name, out);
    item(field.value, out);
}

pub(super) fn item(item: Item<'_>, out: &mut Encoder<'_>) {
    match item {
        Item::Int(int) => out.int_string(int),
        Item::Bytes(bytes) => out.string(bytes),
    }
}
