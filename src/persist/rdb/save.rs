//! Writing a value with its type byte, in the form that Redis writes of its encoding: packed values as
//! they lie in memory, the others element by element.
//!
//! Earlier versions of the format lack some forms: 10 has no sets in listpacks, 9 no listpacks at all but
//! ziplists. Deadlines of fields have a form in 12 and another in Valkey's versions; in earlier ones they are
//! written in that of 12 all the same, for a server that refuses them loses less than one that never
//! sees them.

use super::encode::Encoder;
use super::is_of_valkey;
use super::object::{Saved, container, type_byte};
use super::stream;
use super::ziplist::ziplist;
use crate::ds::listpack::{Item, Listpack};
use crate::ds::quicklist::{NodeBytes, NodeRef, Quicklist};
use crate::stdx::lzf::decompress;
use crate::types::{Collection, FieldRef, Hash, List, ListForm, Set, SetForm, View, Zset};
use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

/// The first version that has listpacks,
pub(super) const FIRST_WITH_LISTPACKS: u16 = 10;
/// and the first that has sets in them.
const FIRST_WITH_SET_LISTPACKS: u16 = 11;
/// Bytes of a listpack from which no ziplist is made, whose lengths have 32 bits.
const ZIPLIST_MAX: usize = 1 << 30;
/// Every field is written: at this time none is over.
pub(super) const START_OF_TIME: u64 = 0;

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
        Saved::Value(value) => match value.as_is() {
            View::Raw(bytes) => string(bytes.as_slice(), out),
            View::Shared(bytes) => string(bytes, out),
            View::List(value) => list(value, out),
            View::Set(value) => set(value, out),
            View::Hash(value) => hash(value, out),
            View::Zset(value) => zset(value, out),
            View::Stream(value) => {
                out.begin(stream::type_of(value, out.version()));
                stream::whole(value, out);
            }
        },
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
    if out.version() < FIRST_WITH_LISTPACKS {
        return old_list(list, out);
    }
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

/// A list whose nodes are ziplists; element by element where one of them would be too large.
fn old_list(list: &List, out: &mut Saver<'_, '_>) {
    let nodes = match list.form() {
        ListForm::Packed(listpack) if fits_ziplist(listpack) => {
            out.begin(type_byte::LIST_QUICKLIST);
            out.length(1);
            return out.string(&ziplist(listpack.iter()));
        }
        ListForm::Quick(list) if list.nodes().all(|node| node.raw_len() <= ZIPLIST_MAX) => list,
        _ => {
            out.begin(type_byte::LIST);
            out.length(list.len());
            return list.for_each(0..list.len(), |element| item(element, out));
        }
    };
    out.begin(type_byte::LIST_QUICKLIST);
    out.length(nodes.node_count());
    for node in nodes.nodes() {
        let bytes = match node.bytes() {
            NodeBytes::Raw(bytes) => bytes,
            NodeBytes::Lzf { bytes, raw_len } => {
                Cow::Owned(decompress(bytes, raw_len).expect("the list compressed it"))
            }
        };
        let entries = if node.is_plain() {
            ziplist([Item::Bytes(&bytes)])
        } else {
            let listpack = Listpack::from_bytes(&bytes).expect("the list's nodes are listpacks");
            ziplist(listpack.iter())
        };
        out.string(&entries);
    }
}

/// Whether a ziplist of the same entries is surely no larger than one may be.
fn fits_ziplist(listpack: &Listpack) -> bool {
    listpack.byte_len() <= ZIPLIST_MAX
}

fn nodes(list: &Quicklist, out: &mut Saver<'_, '_>) {
    out.length(list.node_count());
    list.nodes().for_each(|bytes| node(bytes, out));
}

pub(super) fn node(node: NodeRef<'_>, out: &mut Encoder<'_>) {
    out.length(if node.is_plain() { container::PLAIN } else { container::PACKED });
    match node.bytes() {
        NodeBytes::Raw(bytes) => out.string(&bytes),
        NodeBytes::Lzf { bytes, raw_len } => out.lzf(bytes, raw_len),
    }
}

fn set(set: &Set, out: &mut Saver<'_, '_>) {
    match set.form() {
        SetForm::Ints(ints) => {
            out.begin(type_byte::SET_INTSET);
            out.string(ints.as_bytes());
        }
        SetForm::Pack(listpack) if out.version() < FIRST_WITH_SET_LISTPACKS => {
            out.begin(type_byte::SET);
            out.length(listpack.len());
            listpack.iter().for_each(|member| item(member, out));
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
    match zset.as_listpack() {
        Some(listpack) if out.version() >= FIRST_WITH_LISTPACKS => {
            out.begin(type_byte::ZSET_LISTPACK);
            return out.string(listpack.as_bytes());
        }
        Some(listpack) if fits_ziplist(listpack) => {
            out.begin(type_byte::ZSET_ZIPLIST);
            return out.string(&ziplist(listpack.iter()));
        }
        _ => {}
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
        Some((listpack, false)) if out.version() < FIRST_WITH_LISTPACKS => {
            if fits_ziplist(listpack) {
                out.begin(type_byte::HASH_ZIPLIST);
                out.string(&ziplist(listpack.iter()));
            } else {
                hash_table(hash, out);
            }
        }
        Some((_, true)) if is_of_valkey(out.version()) => valkey_hash(hash, out),
        Some((listpack, false)) => {
            out.begin(type_byte::HASH_LISTPACK);
            out.string(listpack.as_bytes());
        }
        Some((listpack, true)) => {
            out.begin(type_byte::HASH_LISTPACK_EX);
            out.u64_le(hash.next_deadline().unwrap_or(0));
            out.string(listpack.as_bytes());
        }
        None if is_of_valkey(out.version()) && hash.next_deadline().is_some() => {
            valkey_hash(hash, out);
        }
        None => hash_table(hash, out),
    }
}

/// A hash with deadlines of fields as Valkey writes it: each field's name, value and deadline.
fn valkey_hash(hash: &Hash, out: &mut Saver<'_, '_>) {
    const NONE: u64 = u64::MAX;
    out.begin(type_byte::HASH_METADATA_PRE);
    out.length(hash.len());
    for field in hash.iter(START_OF_TIME) {
        item(field.name, out);
        item(field.value, out);
        out.u64_le(field.deadline.unwrap_or(NONE));
    }
}

/// A hash field by field; deadlines, if there are any, as distances from the first.
fn hash_table(hash: &Hash, out: &mut Saver<'_, '_>) {
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
