//! Many or long fields: a table with one allocation a field, and an index of the deadlines.

use super::{FieldRef, FieldTtl, is_live};
use crate::ds::deadlines::Deadlines;
use crate::ds::dict::{self, Dict, Husk, Slot, tag};
use crate::ds::entry::{Entry, INLINE_MAX, NewValue, ValueRef};
use crate::ds::listpack::Item;
use crate::ds::sds::Sds;
use crate::stdx::alloc::Mover;
use crate::stdx::hash::Seed;
use crate::stdx::num::parse_i64;

/// The fields of a large hash.
pub struct Table {
    dict: Dict<Field>,
    /// The deadline of every field that has one, with the tag of its name's hash.
    deadlines: Deadlines,
}

/// Where in a walk by `relocate_from` the fields are done and the deadlines begin.
const DEADLINES_FROM: u64 = 1 << 48;

/// A field: name, value and deadline in one allocation, but for a long value.
pub(super) type Field = Entry<Sds>;

#[inline]
fn lend(field: &Field) -> FieldRef<'_> {
    let value = match field.value() {
        ValueRef::Int(int) => Item::Int(int),
        ValueRef::Inline(bytes) => Item::Bytes(bytes),
        ValueRef::Other(bytes) => Item::Bytes(bytes.as_slice()),
    };
    FieldRef { name: Item::Bytes(field.key()), value, deadline: field.deadline() }
}

fn field_memory(field: &Field) -> usize {
    field.alloc_size() + field.other().map_or(0, Sds::alloc_size)
}

fn copy_of(field: &Field) -> Field {
    let value = match field.value() {
        ValueRef::Int(int) => NewValue::Int(int),
        ValueRef::Inline(bytes) => NewValue::Inline(bytes),
        ValueRef::Other(bytes) => NewValue::Other(bytes.clone()),
    };
    Entry::new(field.key(), value, field.deadline())
}

/// The form that holds a value best: an integer where its text is one, else inline, else apart.
#[inline]
fn value_of(text: &[u8]) -> NewValue<'_, Sds> {
    // The longest integer has 20 characters.
    if text.len() <= 20
        && let Some(int) = parse_i64(text)
    {
        return NewValue::Int(int);
    }
    if text.len() <= INLINE_MAX {
        NewValue::Inline(text)
    } else {
        NewValue::Other(Sds::from_slice(text))
    }
}

impl Table {
    /// An empty table with room for `fields`.
    pub(super) fn new(seed: Seed, fields: usize) -> Self {
        let mut dict = Dict::new(seed);
        dict.expand(fields);
        Self { dict, deadlines: Deadlines::new() }
    }

    pub(in crate::types) fn len(&self) -> usize {
        self.dict.len()
    }

    #[inline]
    pub(super) fn get(&self, name: &[u8]) -> Option<FieldRef<'_>> {
        self.dict.get(self.dict.hash(name), name).map(lend)
    }

    /// As [`Hash::set`](super::Hash::set).
    #[inline]
    pub(super) fn set(&mut self, name: &[u8], value: &[u8], ttl: FieldTtl, now_ms: u64) -> bool {
        let hash = self.dict.hash(name);
        let (is_new, old, new) = match self.dict.entry(hash, name) {
            Slot::Occupied(mut slot) => {
                let old = slot.get().deadline();
                let is_new = !is_live(old, now_ms);
                let new = ttl.after(old.filter(|_| !is_new));
                slot.get_mut().set(value_of(value), new);
                (is_new, old, new)
            }
            Slot::Vacant(slot) => {
                let new = ttl.after(None);
                slot.insert(Entry::new(name, value_of(value), new));
                (true, None, new)
            }
        };
        self.move_deadline(hash, old, new);
        is_new
    }

    /// As [`Hash::set_deadline`](super::Hash::set_deadline).
    pub(super) fn set_deadline(&mut self, name: &[u8], new: Option<u64>, now_ms: u64) -> bool {
        let hash = self.dict.hash(name);
        let Some(field) =
            self.dict.get_mut(hash, name).filter(|field| is_live(field.deadline(), now_ms))
        else {
            return false;
        };
        let old = field.deadline();
        field.set_deadline(new);
        self.move_deadline(hash, old, new);
        true
    }

    /// As [`Hash::remove`](super::Hash::remove).
    pub(super) fn remove(&mut self, name: &[u8], now_ms: u64) -> bool {
        let hash = self.dict.hash(name);
        let deadline = match self.dict.entry(hash, name) {
            Slot::Occupied(slot) if is_live(slot.get().deadline(), now_ms) => {
                slot.remove().deadline()
            }
            _ => return false,
        };
        self.move_deadline(hash, deadline, None);
        true
    }

    /// As [`Hash::expire_due`](super::Hash::expire_due).
    pub(super) fn expire_due(
        &mut self,
        now_ms: u64,
        max: usize,
        told: &mut dyn FnMut(&[u8]),
    ) -> usize {
        let mut removed = 0;
        while removed < max
            && let Some((deadline, tag)) = self.deadlines.pop_due(now_ms)
        {
            let due = self.dict.find_tagged(tag, |field| field.deadline() == Some(deadline));
            let name = due.expect("every deadline in the index belongs to a field").key().to_vec();
            self.dict.remove(self.dict.hash(&name), &name);
            told(&name);
            removed += 1;
        }
        removed
    }

    /// As [`Value::relocate_from`](super::Value::relocate_from): the fields, then the index of deadlines.
    pub(in crate::types) fn relocate_from(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        if let Some(cursor) = cursor.checked_sub(DEADLINES_FROM) {
            let next = self.deadlines.relocate_from(cursor, mover);
            return if next == 0 { 0 } else { DEADLINES_FROM + next };
        }
        let next = self.dict.relocate_from(cursor, mover, |field, mover| {
            field.relocate(mover);
            if let Some(value) = field.other_mut() {
                value.relocate(mover);
            }
        });
        if next == 0 { DEADLINES_FROM } else { next }
    }

    #[inline]
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| deadline)
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        Iter(self.dict.iter())
    }

    pub(super) fn scan(&self, cursor: u64, show: &mut impl FnMut(FieldRef<'_>)) -> u64 {
        self.dict.scan(cursor, |field| show(lend(field)))
    }

    /// A field drawn evenly from all, those whose time is over included.
    pub(super) fn random(&self, rng: &mut impl FnMut() -> u64) -> Option<FieldRef<'_>> {
        self.dict.random(rng).map(lend)
    }

    /// Bytes of what it holds, by so many of its fields.
    pub(super) fn memory(&self, samples: usize) -> usize {
        let looked_at = samples.min(self.len());
        let seen: usize = self.dict.iter().take(looked_at).map(field_memory).sum();
        let fields = (seen * self.len()).checked_div(looked_at).unwrap_or(0);
        self.dict.table_bytes() + self.deadlines.alloc_bytes() + fields
    }

    /// Keeps the index in step with a deadline that was `from` and is `to`.
    #[inline]
    fn move_deadline(&mut self, hash: u64, from: Option<u64>, to: Option<u64>) {
        if from == to {
            return;
        }
        if let Some(from) = from {
            let known = self.deadlines.remove(from, tag(hash));
            debug_assert!(known, "every deadline is in the index");
        }
        if let Some(to) = to {
            self.deadlines.insert(to, tag(hash));
        }
    }

    /// The table that resizing has emptied, if there is one.
    pub(super) fn take_husk(&mut self) -> Option<Husk<Field>> {
        self.dict.take_husk()
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self) {
        self.dict.check_invariants();
        let mut deadlines: Vec<_> = (self.dict.iter())
            .filter_map(|field| Some((field.deadline()?, tag(self.dict.hash(field.key())))))
            .collect();
        deadlines.sort_unstable();
        assert!(self.deadlines.iter().eq(deadlines), "the index has every deadline");
    }
}

impl Clone for Table {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.dict.seed(), self.len());
        for field in &self.dict {
            let hash = self.dict.hash(field.key());
            copy.move_deadline(hash, None, field.deadline());
            copy.dict.insert_unique(hash, copy_of(field));
        }
        copy
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.dict.iter().map(|field| (field.key(), lend(field)))).finish()
    }
}

/// The fields of a [`Table`].
pub(super) struct Iter<'a>(dict::Iter<'a, Field>);

impl std::fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Iter").field(&self.0.len()).finish()
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = FieldRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<FieldRef<'a>> {
        self.0.next().map(lend)
    }
}
