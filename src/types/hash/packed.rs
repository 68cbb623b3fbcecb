//! Few short fields, one after another in a listpack.
//!
//! Without deadlines a field is two elements, its name and its value. With them it is three, the last
//! being the deadline, 0 for none; those with deadlines come first, in their order, so that the first
//! field is the first to expire. Of two with the same deadline the one that got it last comes first.

use super::{FieldRef, FieldTtl, is_live, listpack};
use crate::ds::listpack::{At, Listpack};
use crate::types::distinct::are_distinct;
use crate::types::value::mark;

/// The longest deadline there may be has 46 bits; this is the element that says there is none.
const NO_DEADLINE: i64 = 0;

/// A listpack, marked as that of a hash.
pub(super) fn marked(mut listpack: Listpack, timed: bool) -> Listpack {
    listpack.set_mark(if timed { mark::TIMED_HASH } else { mark::HASH });
    listpack
}

/// The same of a foreign listpack, if its fields are right.
pub(super) fn validated(listpack: Listpack, timed: bool) -> Option<Listpack> {
    let stride = if timed { 3 } else { 2 };
    if !listpack.len().is_multiple_of(stride) {
        return None;
    }
    let elements: Vec<_> = listpack.iter().collect();
    if !are_distinct(elements.iter().copied().step_by(stride)) {
        return None;
    }
    let mut last = 0;
    for field in elements.chunks_exact(stride) {
        if let Some(deadline) = field.get(2) {
            // No deadline counts as one behind all others.
            let order = match deadline.int()? {
                NO_DEADLINE => i64::MAX,
                deadline => deadline,
            };
            if order < last.max(1) {
                return None;
            }
            last = order;
        }
    }
    Some(marked(listpack, timed))
}

/// The fields in a marked listpack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed<'a> {
    listpack: &'a Listpack,
    /// Whether each field has the third element.
    timed: bool,
}

/// The same, to be changed.
#[derive(Debug)]
pub(super) struct PackedMut<'a> {
    listpack: &'a mut Listpack,
    timed: bool,
}

impl<'a> Packed<'a> {
    #[inline]
    pub(super) fn new(listpack: &'a Listpack) -> Self {
        Self { listpack, timed: listpack.mark() == mark::TIMED_HASH }
    }

    pub(super) fn listpack(self) -> &'a Listpack {
        self.listpack
    }

    pub(super) fn is_timed(self) -> bool {
        self.timed
    }

    pub(super) fn len(self) -> usize {
        self.listpack.len() / self.stride()
    }

    pub(super) fn get(self, name: &[u8]) -> Option<FieldRef<'a>> {
        self.find(name).map(|at| self.field(at))
    }

    #[inline]
    pub(super) fn next_deadline(self) -> Option<u64> {
        if self.timed { self.deadline(self.listpack.first()?) } else { None }
    }

    pub(super) fn iter(self) -> Iter<'a> {
        Iter { elements: self.listpack.iter(), timed: self.timed }
    }

    /// Elements of a field.
    #[inline]
    fn stride(self) -> usize {
        if self.timed { 3 } else { 2 }
    }

    /// Where the name of this field is.
    #[inline]
    fn find(self, name: &[u8]) -> Option<At> {
        self.listpack.find(name, self.listpack.first()?, self.stride() - 1)
    }

    /// The field whose name is at `at`.
    #[inline]
    fn field(self, at: At) -> FieldRef<'a> {
        let mut elements = self.listpack.iter_from(at);
        next_field(&mut elements, self.timed).expect(WHOLE)
    }

    fn value_at(self, name_at: At) -> At {
        self.listpack.next(name_at).expect(WHOLE)
    }

    #[inline]
    fn deadline(self, name_at: At) -> Option<u64> {
        if self.timed { self.field(name_at).deadline } else { None }
    }

    /// Before which field one with this deadline belongs; `None`: behind all.
    fn place_of(self, deadline: u64) -> Option<At> {
        let mut at = self.listpack.first();
        while let Some(name_at) = at {
            if self.deadline(name_at).is_none_or(|other| other >= deadline) {
                return at;
            }
            at = (0..3).try_fold(name_at, |at, _| self.listpack.next(at));
        }
        None
    }
}

impl<'a> PackedMut<'a> {
    #[inline]
    pub(super) fn new(listpack: &'a mut Listpack) -> Self {
        let timed = listpack.mark() == mark::TIMED_HASH;
        Self { listpack, timed }
    }

    #[inline]
    fn as_ref(&self) -> Packed<'_> {
        Packed { listpack: self.listpack, timed: self.timed }
    }

    /// As [`Hash::set`](super::Hash::set).
    pub(super) fn set(&mut self, name: &[u8], value: &[u8], ttl: FieldTtl, now_ms: u64) -> bool {
        if matches!(ttl, FieldTtl::At(_)) {
            self.make_timed();
        }
        let Some(at) = self.as_ref().find(name) else {
            self.insert(name, value, ttl.after(None));
            return true;
        };
        let old = self.as_ref().deadline(at);
        let is_new = !is_live(old, now_ms);
        let new = ttl.after(old.filter(|_| !is_new));
        if new == old {
            let value_at = self.as_ref().value_at(at);
            self.listpack.replace(value_at, value);
        } else {
            self.remove_at(at);
            self.insert(name, value, new);
        }
        is_new
    }

    /// As [`Hash::set_deadline`](super::Hash::set_deadline).
    pub(super) fn set_deadline(&mut self, name: &[u8], new: Option<u64>, now_ms: u64) -> bool {
        if new.is_some() {
            self.make_timed();
        }
        let Some(at) = self.as_ref().find(name) else { return false };
        let old = self.as_ref().deadline(at);
        if !is_live(old, now_ms) {
            return false;
        }
        if old != new {
            let value = self.as_ref().field(at).value.to_vec();
            self.remove_at(at);
            self.insert(name, &value, new);
        }
        true
    }

    /// As [`Hash::remove`](super::Hash::remove).
    pub(super) fn remove(&mut self, name: &[u8], now_ms: u64) -> bool {
        match self.as_ref().find(name) {
            Some(at) if is_live(self.as_ref().deadline(at), now_ms) => {
                self.remove_at(at);
                true
            }
            _ => false,
        }
    }

    /// As [`Hash::expire_due`](super::Hash::expire_due).
    pub(super) fn expire_due(
        &mut self,
        now_ms: u64,
        max: usize,
        told: &mut dyn FnMut(&[u8]),
    ) -> usize {
        let mut due = 0;
        let fields = self.as_ref().iter().take(max);
        for field in fields.take_while(|field| !is_live(field.deadline, now_ms)) {
            told(field.name.bytes(&mut itoa::Buffer::new()));
            due += 1;
        }
        if let Some(first) = self.listpack.first().filter(|_| due > 0) {
            self.listpack.remove_range(first, due * self.as_ref().stride());
        }
        due
    }

    fn remove_at(&mut self, at: At) {
        self.listpack.remove_range(at, self.as_ref().stride());
    }

    /// Puts a new field in its place.
    fn insert(&mut self, name: &[u8], value: &[u8], deadline: Option<u64>) {
        if !self.timed {
            self.listpack.push_back(name);
            self.listpack.push_back(value);
            return;
        }
        match deadline.and_then(|deadline| self.as_ref().place_of(deadline)) {
            None => {
                self.listpack.push_back(name);
                self.listpack.push_back(value);
                self.listpack.push_back_int(element_of(deadline));
            }
            Some(at) => {
                let at = self.listpack.insert_before(at, name);
                let at = self.listpack.insert_after(at, value);
                let mut digits = itoa::Buffer::new();
                self.listpack.insert_after(at, digits.format(element_of(deadline)).as_bytes());
            }
        }
    }

    /// Gives each field the third element.
    fn make_timed(&mut self) {
        if self.timed {
            return;
        }
        /// Bytes of an element that says there is no deadline.
        const ELEMENT: usize = 2;
        let size = self.listpack.byte_len() + self.as_ref().len() * ELEMENT;
        let mut timed = Listpack::with_capacity(size);
        for field in self.as_ref().iter() {
            timed.push_back(field.name.bytes(&mut itoa::Buffer::new()));
            timed.push_back(field.value.bytes(&mut itoa::Buffer::new()));
            timed.push_back_int(NO_DEADLINE);
        }
        *self.listpack = marked(timed, true);
        self.timed = true;
    }
}

const WHOLE: &str = "every field has all its elements";

fn element_of(deadline: Option<u64>) -> i64 {
    deadline.map_or(NO_DEADLINE, |at| i64::try_from(at).unwrap_or(i64::MAX))
}

/// The fields of a [`Packed`].
#[derive(Debug, Clone)]
pub(super) struct Iter<'a> {
    elements: listpack::Iter<'a>,
    timed: bool,
}

impl<'a> Iterator for Iter<'a> {
    type Item = FieldRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<FieldRef<'a>> {
        next_field(&mut self.elements, self.timed)
    }
}

#[inline]
fn next_field<'a>(elements: &mut listpack::Iter<'a>, timed: bool) -> Option<FieldRef<'a>> {
    let (name, value) = (elements.next()?, elements.next()?);
    let deadline = match timed {
        false => None,
        true => elements.next()?.int().filter(|at| *at != NO_DEADLINE),
    };
    Some(FieldRef { name, value, deadline: deadline.map(i64::cast_unsigned) })
}
