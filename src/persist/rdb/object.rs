//! A value of one type, with the byte that names the type and its form.

use super::decode::Corrupt;
use crate::ds::entry::ValueRef;
use crate::types::{Entry, Value};

/// The bytes that name a value's type and its form.
pub(super) mod type_byte {
    /// A string.
    pub(crate) const STRING: u8 = 0;
    /// A list, each element a string.
    pub(crate) const LIST: u8 = 1;
    /// A set, each member a string.
    pub(crate) const SET: u8 = 2;
    /// A sorted set, each member a string, its score text.
    pub(crate) const ZSET: u8 = 3;
    /// A hash, each field and value a string.
    pub(crate) const HASH: u8 = 4;
    /// A sorted set, each member a string, its score a double.
    pub(crate) const ZSET_2: u8 = 5;
    /// A value of a module, in a form that only the module can read.
    pub(crate) const MODULE: u8 = 6;
    /// A value of a module.
    pub(crate) const MODULE_2: u8 = 7;
    /// A hash in a zipmap.
    pub(crate) const HASH_ZIPMAP: u8 = 9;
    /// A list in a ziplist.
    pub(crate) const LIST_ZIPLIST: u8 = 10;
    /// A set in an intset.
    pub(crate) const SET_INTSET: u8 = 11;
    /// A sorted set in a ziplist.
    pub(crate) const ZSET_ZIPLIST: u8 = 12;
    /// A hash in a ziplist.
    pub(crate) const HASH_ZIPLIST: u8 = 13;
    /// A list in ziplists.
    pub(crate) const LIST_QUICKLIST: u8 = 14;
    /// A stream as Redis 5.0 wrote it.
    pub(crate) const STREAM: u8 = 15;
    /// A hash in a listpack.
    pub(crate) const HASH_LISTPACK: u8 = 16;
    /// A sorted set in a listpack.
    pub(crate) const ZSET_LISTPACK: u8 = 17;
    /// A list in listpacks.
    pub(crate) const LIST_QUICKLIST_2: u8 = 18;
    /// A stream as Redis 7.0 wrote it.
    pub(crate) const STREAM_2: u8 = 19;
    /// A set in a listpack.
    pub(crate) const SET_LISTPACK: u8 = 20;
    /// A stream.
    pub(crate) const STREAM_3: u8 = 21;
    /// A hash with deadlines of fields, as Redis 7.4's release candidates wrote it; in Valkey's versions
    /// as Valkey does.
    pub(crate) const HASH_METADATA_PRE: u8 = 22;
    /// A hash with deadlines of fields in a listpack, as Redis 7.4's release candidates wrote it.
    pub(crate) const HASH_LISTPACK_EX_PRE: u8 = 23;
    /// A hash with deadlines of fields.
    pub(crate) const HASH_METADATA: u8 = 24;
    /// A hash with deadlines of fields in a listpack.
    pub(crate) const HASH_LISTPACK_EX: u8 = 25;
    /// A stream with the names that producers gave entries, as Redis 8.6 writes it.
    pub(crate) const STREAM_4: u8 = 26;
    /// The same with what was handed back in groups, as Redis 8.8 writes it.
    pub(crate) const STREAM_5: u8 = 27;
}

/// What Redis's log calls the form of a value.
pub(super) fn form_name(kind: u8) -> &'static str {
    use type_byte as of;
    match kind {
        of::HASH_ZIPMAP => "Zipmap",
        of::LIST_ZIPLIST => "List ziplist",
        of::SET_INTSET => "Intset",
        of::ZSET_ZIPLIST => "Zset ziplist",
        of::HASH_ZIPLIST => "Hash ziplist",
        of::LIST_QUICKLIST => "Quicklist ziplist",
        of::HASH_LISTPACK | of::HASH_LISTPACK_EX | of::HASH_LISTPACK_EX_PRE => "Hash listpack",
        of::ZSET_LISTPACK => "Zset listpack",
        of::LIST_QUICKLIST_2 => "Quicklist listpack",
        of::SET_LISTPACK => "Set listpack",
        of::STREAM | of::STREAM_2 | of::STREAM_3 | of::STREAM_4 | of::STREAM_5 => "Stream listpack",
        _ => "Value",
    }
}

/// What a list's node is.
pub(super) mod container {
    /// One big element.
    pub(crate) const PLAIN: usize = 1;
    /// A listpack.
    pub(crate) const PACKED: usize = 2;
}

/// A value to be written.
#[derive(Clone, Copy, Debug)]
pub enum Saved<'a> {
    /// A string.
    Str(&'a [u8]),
    /// A string that is held as an integer.
    Int(i64),
    /// What is neither small nor an integer, of any type.
    Value(&'a Value),
}

impl<'a> From<&'a Entry> for Saved<'a> {
    fn from(entry: &'a Entry) -> Self {
        match entry.value() {
            ValueRef::Int(int) => Self::Int(int),
            ValueRef::Inline(bytes) => Self::Str(bytes),
            ValueRef::Other(value) => Self::Value(value),
        }
    }
}

/// A value as it was read.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// A string; if it was written as an integer, its text.
    Str(Vec<u8>),
    /// A collection, of one element at least.
    Value(Value),
}

impl<'a> From<&'a Loaded> for Saved<'a> {
    fn from(loaded: &'a Loaded) -> Self {
        match loaded {
            Loaded::Str(bytes) => Self::Str(bytes),
            Loaded::Value(value) => Self::Value(value),
        }
    }
}

/// Why a value could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// Its bytes make no sense.
    Corrupt(Corrupt),
    /// Its type is not known here.
    UnsupportedType(u8),
    /// It is a collection without elements, which is no value.
    Empty,
}

impl From<Corrupt> for LoadError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}
