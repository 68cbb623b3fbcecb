//! Hashes: fields with values, each of which may have a deadline of its own.
//!
//! | `OBJECT ENCODING` | held as | while |
//! |---|---|---|
//! | `listpack` | a listpack of field, value, … | there are few fields, all short |
//! | `listpackex` | a listpack of field, value, deadline, …, the soonest deadline first | the same, and a field has had a deadline |
//! | `hashtable` | a table with an allocation a field, and an index of the deadlines there are | else |
//!
//! A hash never goes back to an encoding above its own. A field whose time is over is hidden from
//! whoever asks with a `now_ms` not before its deadline, until [`Hash::expire_due`] removes it; only
//! [`len`](Collection::len) counts it.

mod packed;
mod random;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;

use super::value::{Fields, OTHER_FORM};
use super::{Collection, Kinds, Limits, Type, Value, part};
use crate::ds::handle::{Any, OneOf};
use crate::ds::listpack::{self, Item, Listpack};
use crate::stdx::hash::Seed;

use packed::{Packed, PackedMut};
pub use table::Table;

/// Fields with values; see the module.
pub type Hash = OneOf<Kinds, part::Hash>;

#[derive(Debug)]
enum Form<P, T> {
    Packed(P),
    Table(T),
}

/// A field as a hash lends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldRef<'a> {
    /// Its name.
    pub name: Item<'a>,
    /// Its value.
    pub value: Item<'a>,
    /// When it expires, ms since the epoch.
    pub deadline: Option<u64>,
}

/// What becomes of a field's deadline when its value is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldTtl {
    /// It goes.
    Clear,
    /// It stays.
    Keep,
    /// It is this, ms since the epoch.
    At(u64),
}

impl FieldTtl {
    /// The deadline after `old`.
    fn after(self, old: Option<u64>) -> Option<u64> {
        match self {
            Self::Clear => None,
            Self::Keep => old,
            Self::At(deadline) => Some(deadline),
        }
    }
}

/// Whether a field with this deadline is there at `now_ms`.
#[inline]
fn is_live(deadline: Option<u64>, now_ms: u64) -> bool {
    deadline.is_none_or(|at| at > now_ms)
}

impl Hash {
    /// A hash without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::hold(Any::Listpack(packed::marked(Listpack::new(), false)))
    }

    /// A hash of a listpack that came from elsewhere, with or without deadlines. `None` if it is no
    /// hash: a field is not whole, stands there twice, or is not in the order of deadlines.
    #[must_use]
    pub fn from_listpack(listpack: Listpack, timed: bool, limits: &Limits) -> Option<Self> {
        let mut hash = Self::hold(Any::Listpack(packed::validated(listpack, timed)?));
        if hash.len() > limits.hash_max_listpack_entries {
            hash.make_table(limits.seed, 0);
        }
        Some(hash)
    }

    /// The listpack that holds it, and whether that has deadlines, while one does.
    #[must_use]
    pub fn as_listpack(&self) -> Option<(&Listpack, bool)> {
        match self.as_form() {
            Form::Packed(packed) => Some((packed.listpack(), packed.is_timed())),
            Form::Table(_) => None,
        }
    }

    /// Prepares for `fields` to be set: so many of them that there is no room for them in a listpack
    /// get a table of the right size at once, though some may be the same.
    pub fn prepare(&mut self, fields: usize, limits: &Limits) {
        if fields > limits.hash_max_listpack_entries {
            self.make_table(limits.seed, fields);
        }
    }

    /// Sets a field; whether it is new.
    pub fn set(
        &mut self,
        name: &[u8],
        value: &[u8],
        ttl: FieldTtl,
        now_ms: u64,
        limits: &Limits,
    ) -> bool {
        if let Form::Packed(packed) = self.as_form() {
            let longest = name.len().max(value.len());
            let size = packed.listpack().byte_len() + name.len() + value.len();
            if longest > limits.hash_max_listpack_value || size > Listpack::SIZE_MAX {
                self.make_table(limits.seed, 0);
            }
        }
        let is_new = match self.form_mut() {
            Form::Packed(mut packed) => packed.set(name, value, ttl, now_ms),
            Form::Table(table) => table.set(name, value, ttl, now_ms),
        };
        if is_new
            && matches!(self.as_form(), Form::Packed(packed) if packed.len() > limits.hash_max_listpack_entries)
        {
            self.make_table(limits.seed, 0);
        }
        is_new
    }

    /// Gives a field a deadline, or with `None` takes it away; whether the field is there.
    pub fn set_deadline(&mut self, name: &[u8], deadline: Option<u64>, now_ms: u64) -> bool {
        match self.form_mut() {
            Form::Packed(mut packed) => packed.set_deadline(name, deadline, now_ms),
            Form::Table(table) => table.set_deadline(name, deadline, now_ms),
        }
    }

    /// Removes a field; whether it was there.
    pub fn remove(&mut self, name: &[u8], now_ms: u64) -> bool {
        match self.form_mut() {
            Form::Packed(mut packed) => packed.remove(name, now_ms),
            Form::Table(table) => table.remove(name, now_ms),
        }
    }

    /// Removes up to `max` fields whose time is over by `now_ms`, in the order of their deadlines;
    /// `told` is shown each one's name.
    pub fn expire_due(&mut self, now_ms: u64, max: usize, told: &mut dyn FnMut(&[u8])) -> usize {
        match self.form_mut() {
            Form::Packed(mut packed) => packed.expire_due(now_ms, max, told),
            Form::Table(table) => table.expire_due(now_ms, max, told),
        }
    }

    /// When the first of its fields expires, ms since the epoch.
    #[inline]
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        match self.as_form() {
            Form::Packed(packed) => packed.next_deadline(),
            Form::Table(table) => table.next_deadline(),
        }
    }

    /// A field's value and deadline.
    #[must_use]
    pub fn get(&self, name: &[u8], now_ms: u64) -> Option<FieldRef<'_>> {
        let field = match self.as_form() {
            Form::Packed(packed) => packed.get(name),
            Form::Table(table) => table.get(name),
        };
        field.filter(|field| is_live(field.deadline, now_ms))
    }

    /// Whether there is such a field.
    #[must_use]
    pub fn contains(&self, name: &[u8], now_ms: u64) -> bool {
        self.get(name, now_ms).is_some()
    }

    /// Number of fields whose time is not over.
    #[must_use]
    pub fn live_len(&self, now_ms: u64) -> usize {
        if is_live(self.next_deadline(), now_ms) { self.len() } else { self.iter(now_ms).count() }
    }

    /// All fields whose time is not over, in no order that means anything. With a `now_ms` of 0 there
    /// is no field whose time is over.
    #[must_use]
    pub fn iter(&self, now_ms: u64) -> Iter<'_> {
        let form = match self.as_form() {
            Form::Packed(packed) => FormIter::Packed(packed.iter()),
            Form::Table(table) => FormIter::Table(table.iter()),
        };
        Iter { form, now_ms }
    }

    /// One step of HSCAN: shows the fields of the step and answers the next cursor, 0 at the end. All
    /// fields of a listpack are one step.
    pub fn scan(&self, cursor: u64, now_ms: u64, mut show: impl FnMut(FieldRef<'_>)) -> u64 {
        let mut show_live = |field: FieldRef<'_>| {
            if is_live(field.deadline, now_ms) {
                show(field);
            }
        };
        match self.as_form() {
            Form::Packed(packed) => {
                packed.iter().for_each(show_live);
                0
            }
            Form::Table(table) => table.scan(cursor, &mut show_live),
        }
    }

    fn table(table: Table) -> Self {
        Self::hold(Fields(Box::new(table)))
    }

    #[inline]
    fn as_form(&self) -> Form<Packed<'_>, &Table> {
        match self.view() {
            Any::Listpack(listpack) => Form::Packed(Packed::new(listpack)),
            Fields(table) => Form::Table(table),
            _ => unreachable!("{OTHER_FORM}"),
        }
    }

    #[inline]
    fn form_mut(&mut self) -> Form<PackedMut<'_>, &mut Table> {
        match self.view_mut() {
            Any::Listpack(listpack) => Form::Packed(PackedMut::new(listpack)),
            Fields(table) => Form::Table(table),
            _ => unreachable!("{OTHER_FORM}"),
        }
    }

    /// Holds it as a table, with room for so many fields at least.
    fn make_table(&mut self, seed: Seed, fields: usize) {
        let Form::Packed(packed) = self.as_form() else { return };
        let mut table = Table::new(seed, fields.max(packed.len()));
        for FieldRef { name, value, deadline } in packed.iter() {
            let (mut names, mut values) = (itoa::Buffer::new(), itoa::Buffer::new());
            let ttl = deadline.map_or(FieldTtl::Clear, FieldTtl::At);
            table.set(name.bytes(&mut names), value.bytes(&mut values), ttl, 0);
        }
        *self = Self::table(table);
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Hash {
    fn clone(&self) -> Self {
        match self.as_form() {
            Form::Packed(packed) => Self::hold(Any::Listpack(packed.listpack().clone())),
            Form::Table(table) => Self::table(table.clone()),
        }
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_form().fmt(f)
    }
}

impl Collection for Hash {
    const TYPE: Type = Type::Hash;

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
            Form::Packed(packed) => packed.len(),
            Form::Table(table) => table.len(),
        }
    }

    fn encoding_name(&self) -> &'static str {
        match self.as_form() {
            Form::Packed(packed) if packed.is_timed() => "listpackex",
            Form::Packed(_) => "listpack",
            Form::Table(_) => "hashtable",
        }
    }

    fn memory(&self, samples: usize) -> usize {
        match self.as_form() {
            Form::Packed(packed) => packed.listpack().alloc_size(),
            Form::Table(table) => size_of::<Table>() + table.memory(samples),
        }
    }

    fn is_slow_to_free(&self) -> bool {
        /// Allocations whose freeing nobody waits for.
        const FEW: usize = 64;
        matches!(self.as_form(), Form::Table(table) if table.len() > FEW)
    }

    fn take_garbage(&mut self) -> Option<Box<dyn Send>> {
        match self.form_mut() {
            Form::Packed(_) => None,
            Form::Table(table) => Some(Box::new(table.take_husk()?)),
        }
    }
}

/// The fields of a [`type@Hash`] whose time is not over.
#[derive(Debug)]
pub struct Iter<'a> {
    form: FormIter<'a>,
    now_ms: u64,
}

#[derive(Debug)]
enum FormIter<'a> {
    Packed(packed::Iter<'a>),
    Table(table::Iter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = FieldRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<FieldRef<'a>> {
        loop {
            let field = match &mut self.form {
                FormIter::Packed(fields) => fields.next(),
                FormIter::Table(fields) => fields.next(),
            }?;
            if is_live(field.deadline, self.now_ms) {
                return Some(field);
            }
        }
    }
}
