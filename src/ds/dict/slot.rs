//! The place of one key in a dict, filled or free.

use super::hint::hint_of;
use super::raw::Position;
use super::{Dict, Keyed};

/// What [`Dict::entry`] found.
pub enum Slot<'a, T: Keyed> {
    /// The item with the key.
    Occupied(OccupiedSlot<'a, T>),
    /// There is none, and one may be inserted.
    Vacant(VacantSlot<'a, T>),
}

/// An item in its dict.
pub struct OccupiedSlot<'a, T: Keyed> {
    dict: &'a mut Dict<T>,
    hash: u64,
    /// Of an item in the table of `hash`: nothing moves while this slot borrows the dict.
    at: Position,
}

const STAYS: &str = "an occupied slot keeps its item";

impl<'a, T: Keyed> OccupiedSlot<'a, T> {
    #[inline]
    pub(super) fn new(dict: &'a mut Dict<T>, hash: u64, at: Position) -> Self {
        Self { dict, hash, at }
    }

    /// The item.
    #[inline]
    pub fn get(&self) -> &T {
        self.dict.side(self.hash).item(self.at).expect(STAYS)
    }

    /// The item; it may be replaced by another with the same key.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.dict.side_mut(self.hash).item_mut(self.at).expect(STAYS)
    }

    /// The item for as long as the dict was borrowed.
    #[inline]
    pub fn into_mut(self) -> &'a mut T {
        self.dict.side_mut(self.hash).item_mut(self.at).expect(STAYS)
    }

    /// Takes the item out.
    #[inline]
    pub fn remove(self) -> T {
        self.dict.remove_at(self.hash, self.at).expect(STAYS)
    }

    /// Takes the item out and keeps its place, now vacant.
    #[inline]
    pub fn remove_keeping_place(self) -> (T, VacantSlot<'a, T>) {
        let Self { dict, hash, at } = self;
        let item = dict.remove_at(hash, at).expect(STAYS);
        (item, VacantSlot { dict, hash })
    }

    /// Puts an item with the same key in its place; returns what was there.
    #[inline]
    pub fn replace(&mut self, mut item: T) -> T {
        debug_assert_eq!(self.get().key(), item.key(), "a replacement has the same key");
        item.set_hint(hint_of(self.hash));
        let mut before = std::mem::replace(self.get_mut(), item);
        before.set_hint(0);
        before
    }
}

/// A place for an item whose key is not in the dict.
pub struct VacantSlot<'a, T: Keyed> {
    dict: &'a mut Dict<T>,
    hash: u64,
}

impl<'a, T: Keyed> VacantSlot<'a, T> {
    #[inline]
    pub(super) fn new(dict: &'a mut Dict<T>, hash: u64) -> Self {
        Self { dict, hash }
    }

    /// Adds the item, which must have the key that was looked for.
    #[inline]
    pub fn insert(self, item: T) -> &'a mut T {
        debug_assert_eq!(self.dict.hash(item.key()), self.hash, "the key that was looked for");
        self.dict.insert_vacant(self.hash, item).1
    }

    /// Adds the item as [`VacantSlot::insert`] does, and goes on holding its place.
    pub fn insert_keeping_place(self, item: T) -> OccupiedSlot<'a, T> {
        let Self { dict, hash } = self;
        debug_assert_eq!(dict.hash(item.key()), hash, "the key that was looked for");
        let (at, _) = dict.insert_vacant(hash, item);
        OccupiedSlot::new(dict, hash, at)
    }
}

impl<T: Keyed> std::fmt::Debug for OccupiedSlot<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OccupiedSlot").field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl<T: Keyed> std::fmt::Debug for VacantSlot<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VacantSlot").field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl<T: Keyed> Dict<T> {
    /// Adds an item with a new key. Growth that starts here moves nothing yet.
    #[inline]
    pub(super) fn insert_vacant(&mut self, hash: u64, item: T) -> (Position, &mut T) {
        if self.len() >= self.grow_at {
            self.grow();
        }
        self.side_mut(hash).insert(hash, item)
    }

    #[inline]
    pub(super) fn remove_at(&mut self, hash: u64, at: Position) -> Option<T> {
        let item = self.side_mut(hash).remove(at)?;
        if self.len() < self.shrink_below {
            self.shrink();
        }
        Some(item)
    }
}
