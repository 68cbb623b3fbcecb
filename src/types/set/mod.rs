//! Sets: integers in order, a few short members in one allocation, or a table.
//!
//! # Encodings
//! | OBJECT ENCODING | held as | while |
//! |---|---|---|
//! | `intset` | [`Intset`] | all members are integers, at most `set-max-intset-entries` |
//! | `listpack` | [`Listpack`] | at most `set-max-listpack-entries`, none above `set-max-listpack-value` bytes |
//! | `hashtable` | [`Dict`] of [`Member`]s | else |
//!
//! An addition converts from the top to the bottom, never back, and so does the announcement that more
//! members are to come ([`Set::expect`]). What takes members out leaves the encoding as it is, but for
//! [`Set::pop_many`] where it builds a new set of the few that stay.
//!
//! # Chance
//! Whatever is drawn at random, each member, or each choice of so many, is equally likely, however
//! sparse the table: [`Dict::random`] sees to it for single ones, selection sampling for many.

mod random;
#[cfg(test)]
mod tests;

pub use crate::ds::member::Member;

use super::distinct::are_distinct;
use super::value::{Members, OTHER_FORM, mark};
use super::{Collection, Kinds, Limits, Str, Type, Value, part};
use crate::ds::dict::{Dict, Slot};
use crate::ds::handle::{Any, OneOf};
use crate::ds::intset::Intset;
use crate::ds::listpack::{self, Item, Listpack};
use crate::ds::{dict, entry};
use crate::stdx::num;
use std::fmt;

/// Members above which a table is freed on another thread.
const SLOW_TO_FREE: usize = 64;

/// Bytes of a compact form from which that is so too: its pages go back to the system.
const SLOW_TO_UNMAP: usize = 1 << 20;

/// A set, in one of three encodings; the head of this file tells when each holds it.
pub type Set = OneOf<Kinds, part::Set>;

/// How it is held.
enum Form<I, P, T> {
    Ints(I),
    Pack(P),
    Table(T),
}

/// How a set is held, for those who write it down.
#[derive(Debug, Clone, Copy)]
pub enum SetForm<'a> {
    /// As an intset.
    Ints(&'a Intset),
    /// As a listpack.
    Pack(&'a Listpack),
    /// As a table.
    Table(&'a Dict<Member>),
}

impl Set {
    /// A set without members, of integers until another comes.
    pub fn new() -> Self {
        Self::ints(Intset::new())
    }

    /// A set without members, never of integers alone.
    pub fn new_pack() -> Self {
        Self::pack(Listpack::new())
    }

    /// An empty set, fit for `count` members of which this is the first.
    pub fn for_members(first: &[u8], count: usize, limits: &Limits) -> Self {
        if count <= limits.set_max_intset_entries && num::parse_i64(first).is_some() {
            Self::new()
        } else if count <= limits.set_max_listpack_entries {
            Self::new_pack()
        } else {
            Self::new_table(count, limits)
        }
    }

    /// An empty set for `count` members that are not known yet: a table, if no other form may hold so
    /// many.
    pub fn with_capacity(count: usize, limits: &Limits) -> Self {
        if count > limits.set_max_intset_entries.max(limits.set_max_listpack_entries) {
            Self::new_table(count, limits)
        } else {
            Self::new()
        }
    }

    /// A set without members that is a table from the start, with room for `count`.
    pub fn new_table(count: usize, limits: &Limits) -> Self {
        let mut table = Dict::new(limits.seed);
        table.expand(count);
        Self::table(table)
    }

    /// The set of these integers.
    pub fn from_ints(ints: Intset, limits: &Limits) -> Self {
        let mut set = Self::ints(ints);
        if set.len() > limits.set_max_intset_entries {
            set.make_table(0, limits);
        }
        set
    }

    /// The set of a listpack's elements; `None` if two are the same.
    pub fn from_pack(pack: Listpack, limits: &Limits) -> Option<Self> {
        if pack.len() <= limits.set_max_listpack_entries {
            return are_distinct(pack.iter()).then(|| Self::pack(pack));
        }
        let mut table = Dict::new(limits.seed);
        table.expand(pack.len());
        let mut digits = itoa::Buffer::new();
        let distinct = pack.iter().all(|item| add_to(&mut table, item.bytes(&mut digits)));
        distinct.then(|| Self::table(table))
    }

    /// Converts for `count` members that are about to be added, as if none of them were there.
    pub fn expect(&mut self, count: usize, limits: &Limits) {
        if self.is_outgrown_by(count, limits) {
            self.make_table(count, limits);
        }
    }

    /// Whether [`Set::expect`] would convert.
    pub fn is_outgrown_by(&self, count: usize, limits: &Limits) -> bool {
        match self.as_form() {
            Form::Ints(_) => count > limits.set_max_intset_entries,
            Form::Pack(_) => count > limits.set_max_listpack_entries,
            Form::Table(_) => false,
        }
    }

    /// Adds a member; whether it is new.
    pub fn add(&mut self, member: &[u8], limits: &Limits) -> bool {
        match self.form_mut() {
            Form::Table(table) => add_to(table, member),
            Form::Ints(ints) => match num::parse_i64(member) {
                Some(n) => {
                    let is_new = ints.insert(n);
                    if ints.len() > limits.set_max_intset_entries {
                        self.make_table(0, limits);
                    }
                    is_new
                }
                None => {
                    self.leave_ints(member, limits);
                    self.add(member, limits)
                }
            },
            Form::Pack(pack) => {
                if find(pack, member).is_some() {
                    return false;
                }
                if has_room(pack, member, limits) {
                    pack.push_back(member);
                    return true;
                }
                self.make_table(1, limits);
                self.add(member, limits)
            }
        }
    }

    /// Takes a member out; whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self.form_mut() {
            Form::Table(table) => table.remove(table.hash(member), member).is_some(),
            Form::Ints(ints) => num::parse_i64(member).is_some_and(|n| ints.remove(n)),
            Form::Pack(pack) => match find(pack, member) {
                Some(at) => {
                    pack.remove(at);
                    true
                }
                None => false,
            },
        }
    }

    /// Holds integers as such, if there is nothing else and they are few enough.
    pub fn prefer_ints(&mut self, limits: &Limits) {
        if matches!(self.as_form(), Form::Ints(_)) || self.len() > limits.set_max_intset_entries {
            return;
        }
        let mut ints = Intset::new();
        if self.iter().all(|member| member.int().is_some_and(|n| ints.insert(n))) {
            *self = Self::ints(ints);
        }
    }

    /// Whether this is a member.
    pub fn contains(&self, member: &[u8]) -> bool {
        match self.as_form() {
            Form::Table(table) => table.get(table.hash(member), member).is_some(),
            Form::Ints(ints) => num::parse_i64(member).is_some_and(|n| ints.contains(n)),
            Form::Pack(pack) => find(pack, member).is_some(),
        }
    }

    /// Whether a member of another set is one of this.
    pub fn contains_str(&self, member: Str<'_>) -> bool {
        match (self.as_form(), member) {
            (Form::Ints(ints), Str::Int(n)) => ints.contains(n),
            _ => self.contains(member.bytes(&mut itoa::Buffer::new())),
        }
    }

    /// Whether [`Set::contains`] takes long in a set of many members.
    pub fn is_slow_to_search(&self) -> bool {
        matches!(self.as_form(), Form::Pack(_))
    }

    /// The members: integers in their order, others as they lie.
    pub fn iter(&self) -> Iter<'_> {
        match self.as_form() {
            Form::Ints(ints) => Iter::Ints { ints, next: 0 },
            Form::Pack(pack) => Iter::Pack(pack.iter()),
            Form::Table(table) => Iter::Table(table.iter()),
        }
    }

    /// One step of SSCAN: shows the members around `cursor`, or all of a compact form, and answers the
    /// next cursor, 0 at the end.
    pub fn scan(&self, cursor: u64, mut show: impl FnMut(Str<'_>)) -> u64 {
        match self.as_form() {
            Form::Table(table) => table.scan(cursor, |member| show(Str::Bytes(member.key()))),
            Form::Ints(_) | Form::Pack(_) => {
                self.iter().for_each(show);
                0
            }
        }
    }

    fn ints(ints: Intset) -> Self {
        Self::hold(Any::Intset(ints))
    }

    fn pack(mut pack: Listpack) -> Self {
        pack.set_mark(mark::SET);
        Self::hold(Any::Listpack(pack))
    }

    fn table(table: Dict<Member>) -> Self {
        Self::hold(Members(Box::new(table)))
    }

    #[inline]
    fn as_form(&self) -> Form<&Intset, &Listpack, &Dict<Member>> {
        match self.view() {
            Any::Intset(ints) => Form::Ints(ints),
            Any::Listpack(pack) => Form::Pack(pack),
            Members(table) => Form::Table(table),
            _ => unreachable!("{OTHER_FORM}"),
        }
    }

    #[inline]
    fn form_mut(&mut self) -> Form<&mut Intset, &mut Listpack, &mut Dict<Member>> {
        match self.view_mut() {
            Any::Intset(ints) => Form::Ints(ints),
            Any::Listpack(pack) => Form::Pack(pack),
            Members(table) => Form::Table(table),
            _ => unreachable!("{OTHER_FORM}"),
        }
    }

    /// How it is held.
    pub fn form(&self) -> SetForm<'_> {
        match self.as_form() {
            Form::Ints(ints) => SetForm::Ints(ints),
            Form::Pack(pack) => SetForm::Pack(pack),
            Form::Table(table) => SetForm::Table(table),
        }
    }

    /// Makes room for a member that is no integer.
    fn leave_ints(&mut self, member: &[u8], limits: &Limits) {
        let Form::Ints(ints) = self.as_form() else { return };
        let ends = ints.first().into_iter().chain(ints.last());
        let longest = ends.map(num::i64_len).chain([member.len()]).max();
        let fits = ints.len() < limits.set_max_listpack_entries
            && longest.is_none_or(|len| len <= limits.set_max_listpack_value);
        if fits {
            let mut pack = Listpack::new();
            ints.iter().for_each(|n| pack.push_back_int(n));
            *self = Self::pack(pack);
        } else {
            self.make_table(1, limits);
        }
    }

    /// Moves all members to a table with room for some more.
    fn make_table(&mut self, more: usize, limits: &Limits) {
        let mut table = Dict::new(limits.seed);
        table.expand(self.len() + more);
        for member in self.iter() {
            add_to(&mut table, member.bytes(&mut itoa::Buffer::new()));
        }
        *self = Self::table(table);
    }
}

impl Default for Set {
    fn default() -> Self {
        Self::new()
    }
}

impl Collection for Set {
    const TYPE: Type = Type::Set;

    fn of(value: &Value) -> Option<&Self> {
        (value.kind() == Self::TYPE).then(|| value.as_part())
    }

    fn of_mut(value: &mut Value) -> Option<&mut Self> {
        (value.kind() == Self::TYPE).then(|| value.as_part_mut())
    }

    fn into_value(self) -> Value {
        self.into_part()
    }

    fn len(&self) -> usize {
        match self.as_form() {
            Form::Ints(ints) => ints.len(),
            Form::Pack(pack) => pack.len(),
            Form::Table(table) => table.len(),
        }
    }

    fn encoding_name(&self) -> &'static str {
        match self.as_form() {
            Form::Ints(_) => "intset",
            Form::Pack(_) => "listpack",
            Form::Table(_) => "hashtable",
        }
    }

    fn memory(&self, samples: usize) -> usize {
        match self.as_form() {
            Form::Ints(ints) => ints.alloc_size(),
            Form::Pack(pack) => pack.alloc_size(),
            Form::Table(table) => {
                let samples = samples.min(table.len());
                let sampled: usize = table.iter().take(samples).map(Member::alloc_size).sum();
                let members = sampled * table.len() / samples.max(1);
                entry::size_class(size_of::<Dict<Member>>()) + table.table_bytes() + members
            }
        }
    }

    fn is_slow_to_free(&self) -> bool {
        match self.as_form() {
            Form::Ints(ints) => ints.alloc_size() >= SLOW_TO_UNMAP,
            Form::Pack(pack) => pack.alloc_size() >= SLOW_TO_UNMAP,
            Form::Table(table) => table.len() > SLOW_TO_FREE,
        }
    }

    fn take_garbage(&mut self) -> Option<Box<dyn Send>> {
        match self.form_mut() {
            Form::Table(table) => table.take_husk().map(|husk| Box::new(husk) as _),
            Form::Ints(_) | Form::Pack(_) => None,
        }
    }
}

impl Clone for Set {
    fn clone(&self) -> Self {
        match self.as_form() {
            Form::Ints(ints) => Self::ints(ints.clone()),
            Form::Pack(pack) => Self::pack(pack.clone()),
            Form::Table(table) => {
                let mut copy = Dict::new(table.seed());
                copy.expand(table.len());
                for member in table.iter() {
                    copy.insert_unique(table.hash(member.key()), Member::new(member.key()));
                }
                Self::table(copy)
            }
        }
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Set").field("encoding", &self.encoding_name()).finish_non_exhaustive()
    }
}

/// Iterator over a set's members.
pub enum Iter<'a> {
    /// Of integers.
    Ints {
        /// The set.
        ints: &'a Intset,
        /// The rank of the next one.
        next: usize,
    },
    /// Of a listpack.
    Pack(listpack::Iter<'a>),
    /// Of a table.
    Table(dict::Iter<'a, Member>),
}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").finish_non_exhaustive()
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Str<'a>;

    #[inline]
    fn next(&mut self) -> Option<Str<'a>> {
        match self {
            Self::Table(members) => members.next().map(|member| Str::Bytes(member.key())),
            Self::Pack(items) => items.next().map(str_of),
            Self::Ints { ints, next } => {
                let n = ints.get(*next)?;
                *next += 1;
                Some(Str::Int(n))
            }
        }
    }
}

#[inline]
fn str_of(item: Item<'_>) -> Str<'_> {
    match item {
        Item::Int(n) => Str::Int(n),
        Item::Bytes(bytes) => Str::Bytes(bytes),
    }
}

fn find(pack: &Listpack, member: &[u8]) -> Option<listpack::At> {
    pack.find(member, pack.first()?, 0)
}

/// Whether a listpack may take one member more, and this one.
fn has_room(pack: &Listpack, member: &[u8], limits: &Limits) -> bool {
    pack.len() < limits.set_max_listpack_entries
        && member.len() <= limits.set_max_listpack_value
        && pack.byte_len() + Listpack::encoded_size(member) <= Listpack::SIZE_MAX
}

#[inline]
fn add_to(table: &mut Dict<Member>, member: &[u8]) -> bool {
    match table.entry(table.hash(member), member) {
        Slot::Occupied(_) => false,
        Slot::Vacant(place) => {
            place.insert(Member::new(member));
            true
        }
    }
}
