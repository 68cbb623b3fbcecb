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
use super::ziplist::ziplist;
use crate::ds::listpack::{Item, Listpack};
use crate::ds::quicklist::{NodeBytes, NodeRef, Quicklist};
use crate::stdx::lzf::decompress;
use crate::types::{Collection, FieldRef, Hash, List, ListForm, Set, SetForm, Value, Zset};
use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

/// The first version that has listpacks,
const FIRST_WITH_LISTPACKS: u16 = 10;
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
    let old = out.version() < FIRST_WITH_LISTPACKS;
    let type_byte = list_type(list, out.version());
    out.begin(type_byte);
    match list.form() {
        _ if type_byte == type_byte::LIST => elements(list, out),
        ListForm::Packed(listpack) if old => {
            out.length(1);
            out.string(&ziplist(listpack.iter()));
        }
        ListForm::Packed(listpack) => {
            out.length(1);
            out.length(container::PACKED);
            out.string(listpack.as_bytes());
        }
        ListForm::Quick(list) => nodes(list, out),
    }
}

/// The type that a list is written as: nodes, which in earlier versions are ziplists; element by element
/// where one of those would be too large.
pub(super) fn list_type(list: &List, version: u16) -> u8 {
    let fits = || match list.form() {
        ListForm::Packed(listpack) => fits_ziplist(listpack),
        ListForm::Quick(list) => list.nodes().all(|node| node.raw_len() <= ZIPLIST_MAX),
    };
    match version {
        FIRST_WITH_LISTPACKS.. => type_byte::LIST_QUICKLIST_2,
        _ if fits() => type_byte::LIST_QUICKLIST,
        _ => type_byte::LIST,
    }
}

/// A list element by element.
pub(super) fn elements(list: &List, out: &mut Encoder<'_>) {
    out.length(list.len());
    list.for_each(0..list.len(), |element| item(element, out));
}

/// Whether a ziplist of the same entries is surely no larger than one may be.
fn fits_ziplist(listpack: &Listpack) -> bool {
    listpack.byte_len() <= ZIPLIST_MAX
}

fn nodes(list: &Quicklist, out: &mut Saver<'_, '_>) {
    out.length(list.node_count());
    list.nodes().for_each(|bytes| node(bytes, out));
}

/// A node of a list.
pub(super) fn node(node: NodeRef<'_>, out: &mut Encoder<'_>) {
    if out.version() < FIRST_WITH_LISTPACKS {
        return old_node(node, out);
    }
    out.length(if node.is_plain() { container::PLAIN } else { container::PACKED });
    match node.bytes() {
        NodeBytes::Raw(bytes) => out.string(bytes),
        NodeBytes::Lzf { bytes, raw_len } => out.lzf(bytes, raw_len),
    }
}

/// A node of a list as a ziplist.
fn old_node(node: NodeRef<'_>, out: &mut Encoder<'_>) {
    let bytes = match node.bytes() {
        NodeBytes::Raw(bytes) => Cow::Borrowed(bytes),
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
        Some((listpack, false)) if out.version() >= FIRST_WITH_LISTPACKS => {
            out.begin(type_byte::HASH_LISTPACK);
            out.string(listpack.as_bytes());
        }
        Some((listpack, false)) if fits_ziplist(listpack) => {
            out.begin(type_byte::HASH_ZIPLIST);
            out.string(&ziplist(listpack.iter()));
        }
        Some((listpack, true)) if !is_of_valkey(out.version()) => {
            out.begin(type_byte::HASH_LISTPACK_EX);
            out.u64_le(hash.next_deadline().unwrap_or(0));
            out.string(listpack.as_bytes());
        }
        _ => hash_table(hash, out),
    }
}

/// A hash field by field.
fn hash_table(hash: &Hash, out: &mut Saver<'_, '_>) {
    let deadlines = Deadlines::of(hash, out.version());
    out.begin(deadlines.type_byte());
    deadlines.begin(out);
    out.length(hash.len());
    hash.iter(START_OF_TIME).for_each(|field| deadlines.field(&field, out));
}

/// Where the deadlines of a hash's fields are written.
#[derive(Clone, Copy)]
pub(super) enum Deadlines {
    /// There are none.
    None,
    /// Before each field, as the distance from this one, the first.
    After(u64),
    /// Behind each field.
    Behind,
}

impl Deadlines {
    pub(super) fn of(hash: &Hash, version: u16) -> Self {
        match hash.next_deadline() {
            None => Self::None,
            Some(_) if is_of_valkey(version) => Self::Behind,
            Some(first) => Self::After(first),
        }
    }

    pub(super) fn type_byte(self) -> u8 {
        match self {
            Self::None => type_byte::HASH,
            Self::After(_) => type_byte::HASH_METADATA,
            Self::Behind => type_byte::HASH_METADATA_PRE,
        }
    }

    /// Writes what comes before the number of fields.
    pub(super) fn begin(self, out: &mut Encoder<'_>) {
        if let Self::After(first) = self {
            out.u64_le(first);
        }
    }

    pub(super) fn field(self, field: &FieldRef<'_>, out: &mut Encoder<'_>) {
        const NONE_BEHIND: u64 = u64::MAX;
        if let Self::After(first) = self {
            out.length(field.deadline.map_or(0, |at| (at - first) as usize + 1));
        }
        item(field.name, out);
        item(field.value, out);
        if let Self::Behind = self {
            out.u64_le(field.deadline.unwrap_or(NONE_BEHIND));
        }
    }
}

pub(super) fn item(item: Item<'_>, out: &mut Encoder<'_>) {
    match item {
        Item::Int(int) => out.int_string(int),
        Item::Bytes(bytes) => out.string(bytes),
    }
}
