//! A value in one word, and how it is told what it is.
//!
//! What a word holds says what the value is, but for a listpack: that may be any collection, so its
//! [`mark`] says which. Whoever puts a listpack in the place of another marks it anew.

use super::hash::Table;
use super::set::Member;
use super::{Collection, Hash, List, MEMORY_SAMPLES, Set, Stream, Type, Zset};
use crate::ds::dict::Dict;
use crate::ds::handle::{Any, OneOf};
use crate::ds::quicklist::Quicklist;
use crate::ds::sds::Sds;
use crate::ds::skiplist::Skiplist;
use crate::stdx::alloc::Mover;
use bytes::Bytes;
use std::fmt;

/// What a value may hold in a box.
#[derive(Debug)]
pub struct Kinds;

impl crate::ds::handle::Kinds for Kinds {
    type A = Bytes;
    type B = Quicklist;
    type C = Dict<Member>;
    type D = Table;
    type E = Skiplist;
    type F = Stream;
}

pub(super) use Any::{A as Shared, B as Quick, C as Members, D as Fields, E as Tree, F as Log};

/// The parts that a word plays.
pub mod part {
    /// Any value.
    #[derive(Debug)]
    pub struct Value;
    /// A list.
    #[derive(Debug)]
    pub struct List;
    /// A set.
    #[derive(Debug)]
    pub struct Set;
    /// A hash.
    #[derive(Debug)]
    pub struct Hash;
    /// A sorted set.
    #[derive(Debug)]
    pub struct Zset;
}

/// The marks of listpacks.
pub(super) mod mark {
    pub(in crate::types) const LIST: u8 = 1;
    pub(in crate::types) const SET: u8 = 2;
    pub(in crate::types) const ZSET: u8 = 3;
    pub(in crate::types) const HASH: u8 = 4;
    /// A hash whose fields have deadlines.
    pub(in crate::types) const TIMED_HASH: u8 = 5;
}

pub(super) const OTHER_FORM: &str = "this type of value has no such form";

/// A value too large, or of too rich a type, to stand inside its [`Entry`](super::Entry): one word.
pub type Value = OneOf<Kinds, part::Value>;

/// With a key of 16 bytes the entry then takes 32.
const _: () = assert!(size_of::<Value>() == 8);

/// A [`Value`] as what it is.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    /// A string with room to grow.
    Raw(&'a Sds),
    /// A long string as it was received; replies may share it.
    Shared(&'a Bytes),
    /// A list.
    List(&'a List),
    /// A set.
    Set(&'a Set),
    /// A hash.
    Hash(&'a Hash),
    /// A sorted set.
    Zset(&'a Zset),
    /// A stream.
    Stream(&'a Stream),
}

impl Value {
    /// A string with room to grow.
    #[inline]
    pub fn raw(string: Sds) -> Self {
        Self::hold(Any::Sds(string))
    }

    /// A long string as it was received.
    #[inline]
    pub fn shared(string: Bytes) -> Self {
        Self::hold(Shared(Box::new(string)))
    }

    /// The string with room to grow, if it is one.
    #[inline]
    pub fn as_raw_mut(&mut self) -> Option<&mut Sds> {
        match self.view_mut() {
            Any::Sds(string) => Some(string),
            _ => None,
        }
    }

    /// What it is.
    #[inline]
    pub fn as_is(&self) -> View<'_> {
        match (self.kind(), self.view()) {
            (_, Any::Sds(string)) => View::Raw(string),
            (_, Shared(string)) => View::Shared(string),
            (_, Log(stream)) => View::Stream(stream),
            (Type::String | Type::Stream, _) => unreachable!("{OTHER_FORM}"),
            (Type::List, _) => View::List(self.as_part()),
            (Type::Set, _) => View::Set(self.as_part()),
            (Type::Hash, _) => View::Hash(self.as_part()),
            (Type::Zset, _) => View::Zset(self.as_part()),
        }
    }

    /// What TYPE answers.
    #[inline]
    pub fn kind(&self) -> Type {
        match self.view() {
            Any::Sds(_) | Shared(_) => Type::String,
            Any::Listpack(pack) => match pack.mark() {
                mark::LIST => Type::List,
                mark::SET => Type::Set,
                mark::ZSET => Type::Zset,
                mark::HASH | mark::TIMED_HASH => Type::Hash,
                _ => unreachable!("a value's listpack is marked"),
            },
            Quick(_) => Type::List,
            Any::Intset(_) | Members(_) => Type::Set,
            Fields(_) => Type::Hash,
            Tree(_) => Type::Zset,
            Log(_) => Type::Stream,
        }
    }

    /// Bytes of its allocations, as well as some of its elements tell.
    pub fn memory(&self) -> usize {
        self.memory_by(MEMORY_SAMPLES)
    }

    /// The same, as well as so many elements tell.
    pub fn memory_by(&self, samples: usize) -> usize {
        match self.as_is() {
            View::Raw(s) => s.alloc_size(),
            View::Shared(s) => s.len(),
            View::List(list) => list.memory(samples),
            View::Set(set) => set.memory(samples),
            View::Hash(hash) => hash.memory(samples),
            View::Zset(zset) => zset.memory(samples),
            View::Stream(stream) => stream.memory(samples),
        }
    }

    /// What changes have left over that takes long to free.
    pub fn take_garbage(&mut self) -> Option<Box<dyn Send>> {
        match self.kind() {
            Type::String | Type::Stream => None,
            Type::List => self.as_part_mut::<part::List>().take_garbage(),
            Type::Set => self.as_part_mut::<part::Set>().take_garbage(),
            Type::Hash => self.as_part_mut::<part::Hash>().take_garbage(),
            Type::Zset => self.as_part_mut::<part::Zset>().take_garbage(),
        }
    }

    /// One step of a walk that moves what lies badly of its allocations: some dozens of elements. Begin with 0;
    /// answers the next cursor, 0 at the end. Whatever happens to the value between the steps, and
    /// whatever it is by then, any cursor will do. A string that replies may share stays where it is.
    pub fn relocate_from(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        if cursor == 0 {
            self.relocate_box(mover);
        }
        match self.view_mut() {
            Any::Sds(string) => string.relocate(mover),
            Any::Listpack(pack) => pack.relocate(mover),
            Any::Intset(ints) => ints.relocate(mover),
            Shared(_) => {}
            Quick(list) => return list.relocate_from(cursor, mover),
            Members(members) => return members.relocate_from(cursor, mover, Member::relocate),
            Fields(table) => return table.relocate_from(cursor, mover),
            Tree(tree) => return tree.relocate_from(cursor, mover),
            Log(stream) => return stream.relocate_from(cursor, mover),
        }
        0
    }

    /// About how many allocations it has, in which a walk by [`Value::relocate_from`] has something to do.
    pub fn parts(&self) -> usize {
        match self.view() {
            Any::Sds(_) | Any::Listpack(_) | Any::Intset(_) | Shared(_) => 1,
            Quick(list) => list.node_count(),
            Members(members) => members.len(),
            Fields(table) => table.len(),
            Tree(tree) => tree.len(),
            Log(stream) => stream.nodes().len(),
        }
    }

    /// Whether freeing it takes long enough to be another thread's work.
    pub fn is_slow_to_free(&self) -> bool {
        match self.as_is() {
            View::Raw(_) | View::Shared(_) => self.memory() >= 1 << 20,
            View::List(list) => list.is_slow_to_free(),
            View::Set(set) => set.is_slow_to_free(),
            View::Hash(hash) => hash.is_slow_to_free(),
            View::Zset(zset) => zset.is_slow_to_free(),
            View::Stream(stream) => stream.is_slow_to_free(),
        }
    }

    /// Number of elements of a collection that is gone with its last one; `None` of a string or stream,
    /// which may be there with nothing in it.
    pub fn elements(&self) -> Option<usize> {
        match self.as_is() {
            View::Raw(_) | View::Shared(_) | View::Stream(_) => None,
            View::List(list) => Some(list.len()),
            View::Set(set) => Some(set.len()),
            View::Hash(hash) => Some(hash.len()),
            View::Zset(zset) => Some(zset.len()),
        }
    }

    /// When the first of a hash's fields expires, ms since the epoch.
    #[inline]
    pub fn next_field_deadline(&self) -> Option<u64> {
        match self.kind() {
            Type::Hash => self.as_part::<part::Hash>().next_deadline(),
            _ => None,
        }
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding_name(&self) -> &'static str {
        match self.as_is() {
            View::Raw(_) | View::Shared(_) => "raw",
            View::List(list) => list.encoding_name(),
            View::Set(set) => set.encoding_name(),
            View::Hash(hash) => hash.encoding_name(),
            View::Zset(zset) => zset.encoding_name(),
            View::Stream(stream) => stream.encoding_name(),
        }
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        match self.as_is() {
            View::Raw(s) => Self::raw(s.clone()),
            View::Shared(s) => Self::shared(s.clone()),
            View::List(list) => list.clone().into_part(),
            View::Set(set) => set.clone().into_part(),
            View::Hash(hash) => hash.clone().into_part(),
            View::Zset(zset) => zset.clone().into_part(),
            View::Stream(stream) => stream.clone().into_value(),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_is().fmt(f)
    }
}
