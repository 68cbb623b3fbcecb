//! Values: which encoding holds them, and when they change it.

mod collection;
mod distinct;
mod hash;
mod limits;
mod list;
mod set;
pub mod stream;
mod string;
mod value;
pub mod zset;

pub use collection::Collection;
pub use hash::{FieldRef, FieldTtl, Hash};
pub use limits::Limits;
pub use list::{End, List, ListForm, Needle};
pub use set::{Iter as SetIter, Member as SetMember, Set, SetForm};
pub use stream::Stream;
pub use string::{EMBSTR_MAX, Str, Text, new_padded, new_string, new_text, overwrite};
pub use value::{Kinds, Value, View, part};
pub use zset::Zset;

use crate::ds::entry::{NewValue, ValueRef};

/// A key with its value, as the keyspace holds them.
pub type Entry = crate::ds::entry::Entry<Value>;

/// The number of a collection's elements, where an entry holds one that is gone with its last one.
#[inline]
pub fn elements(entry: &Entry) -> Option<usize> {
    match entry.value() {
        ValueRef::Int(_) | ValueRef::Inline(_) => None,
        ValueRef::Other(value) => value.elements(),
    }
}

/// When the first of a hash's fields expires, ms since the epoch.
#[inline]
pub fn next_field_deadline(entry: &Entry) -> Option<u64> {
    match entry.value() {
        ValueRef::Int(_) | ValueRef::Inline(_) => None,
        ValueRef::Other(value) => value.next_field_deadline(),
    }
}

/// What TYPE answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A byte string.
    String,
    /// Elements in an order that whoever adds them chooses.
    List,
    /// Distinct members.
    Set,
    /// Fields with values.
    Hash,
    /// Distinct members in the order of their scores.
    Zset,
    /// Entries with ids, in the order they came.
    Stream,
}

impl Type {
    /// The type of an entry's value.
    pub fn of(entry: &Entry) -> Self {
        match entry.value() {
            ValueRef::Int(_) | ValueRef::Inline(_) => Self::String,
            ValueRef::Other(value) => value.kind(),
        }
    }

    /// Redis's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Hash => "hash",
            Self::Zset => "zset",
            Self::Stream => "stream",
        }
    }
}

/// Bits of the access clock.
pub const CLOCK_MASK: u32 = 0x00ff_ffff;

/// The access clock's reading: seconds, in 24 bits.
#[inline]
pub fn clock_seconds(now_ms: u64) -> u32 {
    (now_ms / 1000) as u32 & CLOCK_MASK
}

/// The value, if it is an integer that is kept as such.
pub fn integer(entry: &Entry) -> Option<i64> {
    match entry.value() {
        ValueRef::Int(n) => Some(n),
        ValueRef::Inline(_) | ValueRef::Other(_) => None,
    }
}

/// A copy of an entry's value and deadline under another key.
pub fn copy(entry: &Entry, key: &[u8]) -> Entry {
    let value = match entry.value() {
        ValueRef::Int(n) => NewValue::Int(n),
        ValueRef::Inline(bytes) => NewValue::Inline(bytes),
        ValueRef::Other(value) => NewValue::Other(value.clone()),
    };
    let mut copy = Entry::new(key, value, entry.deadline());
    copy.set_clock(entry.clock());
    copy
}

/// Bytes of a value's allocation: its own, or the entry's that holds it.
pub fn value_bytes(entry: &Entry) -> usize {
    match entry.value() {
        ValueRef::Other(value) => value.memory(),
        ValueRef::Int(_) | ValueRef::Inline(_) => entry.alloc_size(),
    }
}

/// Bytes that a string has room for beyond its length.
pub fn spare_bytes(entry: &Entry) -> usize {
    match entry.other().map(Value::as_is) {
        Some(View::Raw(s)) => s.capacity() - s.len(),
        _ => 0,
    }
}

/// Elements that are looked at for the memory of a collection, where nobody says how many.
pub const MEMORY_SAMPLES: usize = 256;

/// Bytes of a key with its value.
pub fn memory(entry: &Entry) -> usize {
    memory_by(entry, MEMORY_SAMPLES)
}

/// The same, as well as so many elements of a collection tell: MEMORY USAGE without the key's share of
/// the table.
pub fn memory_by(entry: &Entry, samples: usize) -> usize {
    let value = match entry.value() {
        ValueRef::Other(value) => value.memory_by(samples),
        ValueRef::Int(_) | ValueRef::Inline(_) => 0,
    };
    entry.alloc_size() + value
}

/// What OBJECT ENCODING answers.
pub fn encoding_name(entry: &Entry) -> &'static str {
    match entry.value() {
        ValueRef::Int(_) => "int",
        ValueRef::Inline(s) if s.len() <= EMBSTR_MAX => "embstr",
        ValueRef::Inline(_) => "raw",
        ValueRef::Other(value) => value.encoding_name(),
    }
}
