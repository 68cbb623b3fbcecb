//! Guards for writing: what an existing key goes through, and what a missing one does.

use super::place::Place;
use super::{Event, Listener};
use crate::ds::dict::{OccupiedSlot, VacantSlot};
use crate::ds::entry::{NewValue, ValueRef};
use crate::ds::sds::Sds;
use crate::types::{
    Collection, Entry, Hash, Str, Type, Value, View, elements, new_string, next_field_deadline,
};

/// One existing key held for writing. It ends with [`Edit::done`], [`Edit::delete`] or
/// [`Edit::unchanged`]; one that changed something and is merely dropped is a bug, which debug
/// builds assert.
#[derive(Debug)]
pub struct Edit<'d> {
    slot: OccupiedSlot<'d, Entry>,
    place: Place<'d>,
    /// The snapshot was shown the entry.
    shown: bool,
    /// What the deadline index knows of the entry's fields, once the entry was shown.
    fields_due: Option<u64>,
    /// The key is new, which nobody was told yet.
    is_new: bool,
    /// Something changed that `done` must tell.
    touched: Untold,
}

/// Asserts in debug builds that a change was told before its guard went.
#[derive(Debug, Default)]
struct Untold(bool);

impl Drop for Untold {
    fn drop(&mut self) {
        debug_assert!(!self.0 || std::thread::panicking(), "a change was dropped without done()");
    }
}

/// A missing key's place.
#[derive(Debug)]
pub struct Vacancy<'d> {
    slot: VacantSlot<'d, Entry>,
    place: Place<'d>,
}

impl<'d> Edit<'d> {
    pub(super) fn new(slot: OccupiedSlot<'d, Entry>, place: Place<'d>) -> Self {
        Self { slot, place, shown: false, fields_due: None, is_new: false, touched: Untold(false) }
    }

    /// Puts an empty collection where a key is missing; the key stays only if it is filled.
    pub(super) fn of_new(vacancy: Vacancy<'d>, key: &[u8], value: Value) -> Self {
        let Vacancy { slot, place } = vacancy;
        let mut entry = Entry::new(key, NewValue::Other(value), None);
        entry.set_clock(place.shared.access.new_clock());
        place.shared.access.ticks_mut().key_came();
        place.shared.before_insert(&mut entry);
        let slot = slot.insert_keeping_place(entry);
        Self { slot, place, shown: true, fields_due: None, is_new: true, touched: Untold(true) }
    }

    /// The entry.
    pub fn entry(&self) -> &Entry {
        self.slot.get()
    }

    /// The string it holds, if it is one.
    pub fn string(&self) -> Option<Str<'_>> {
        Str::of(self.slot.get())
    }

    /// Its deadline, ms since the epoch.
    pub fn deadline(&self) -> Option<u64> {
        self.slot.get().deadline()
    }

    /// Replaces the value; the deadline stays.
    pub fn set_value(&mut self, value: NewValue<'_, Value>) {
        let old = self.change().set_value(value);
        if let Some(old) = old {
            self.place.shared.free_value(old);
        }
    }

    /// Replaces the value and the deadline at once.
    pub fn set(&mut self, value: NewValue<'_, Value>, deadline: Option<u64>) {
        let before = self.deadline();
        let old = self.change().set(value, deadline);
        if let Some(old) = old {
            self.place.shared.free_value(old);
        }
        self.place.move_deadline(before, deadline);
    }

    /// Replaces the string.
    pub fn set_string(&mut self, bytes: &[u8]) {
        self.set_value(new_string(bytes));
    }

    /// Replaces the string by an integer.
    pub fn set_int(&mut self, n: i64) {
        self.set_value(NewValue::Int(n));
    }

    /// The string as bytes that may be changed and grown; it is held as `raw` from then on.
    pub fn raw_string(&mut self) -> &mut Sds {
        let copy = match self.slot.get().value() {
            ValueRef::Int(n) => Some(Sds::from_slice(itoa::Buffer::new().format(n).as_bytes())),
            ValueRef::Inline(bytes) => Some(Sds::from_slice(bytes)),
            ValueRef::Other(value) => match value.as_is() {
                View::Shared(bytes) => Some(Sds::from_slice(bytes)),
                _ => None,
            },
        };
        if let Some(copy) = copy {
            self.set_value(NewValue::Other(Value::raw(copy)));
        }
        let value = self.change().other_mut().and_then(Value::as_raw_mut);
        value.expect("it was made raw just above")
    }

    /// Sets, moves or takes away the deadline.
    pub fn set_deadline(&mut self, deadline: Option<u64>) {
        let before = self.deadline();
        self.change().set_deadline(deadline);
        self.place.move_deadline(before, deadline);
    }

    /// The change is complete: counted, and named for those who listen. A collection that was
    /// emptied is removed, which is told as well.
    #[inline]
    pub fn done(self, event: Event) {
        self.done_times(event, 1);
    }

    /// Whether anybody listens to what [`Edit::name_fields`] tells.
    #[inline]
    pub fn wants_fields(&self) -> bool {
        self.place.shared.has_listener(Listener::Fields)
    }

    /// The next event is about these fields.
    #[inline]
    pub fn name_fields<'f>(&mut self, fields: impl Iterator<Item = &'f [u8]>) {
        if self.wants_fields() {
            self.place.shared.name_fields(fields);
        }
    }

    /// Like [`Edit::done`], for what counts as several changes: one for each element, as a rule.
    #[inline]
    pub fn done_times(mut self, event: Event, times: u64) {
        self.touched.0 = false;
        self.tell_new();
        self.place.shared.dirty += times;
        self.place.shared.tell(self.place.db, self.slot.get().key(), event);
        if elements(self.slot.get()) == Some(0) {
            let (entry, place) = self.take_to_free();
            place.shared.tell(place.db, entry.key(), Event::DEL);
            place.shared.free_entry(place.db, entry);
        } else {
            self.move_fields();
            self.free_leftovers();
        }
    }

    /// Like [`Edit::done_times`], for a change that is nobody's business but the log's.
    pub fn done_untold(mut self, times: u64) {
        self.touched.0 = false;
        self.tell_new();
        self.place.shared.dirty += times;
        self.place.shared.tell_untold(self.place.db, self.slot.get().key());
    }

    /// Has another thread free what the change has left over.
    fn free_leftovers(&mut self) {
        if let Some(garbage) = self.slot.get_mut().other_mut().and_then(Value::take_garbage) {
            self.place.shared.discard(garbage);
        }
    }

    /// Removes up to `max` fields of a hash whose time is over; how many. The hash goes with its last
    /// field.
    pub(super) fn expire_fields(mut self, max: usize) -> usize {
        let now = self.place.shared.now_ms;
        let named = self.place.shared.has_listener(Listener::Feed) || self.wants_fields();
        let mut fields = Vec::new();
        let hash = self.change().other_mut().and_then(Hash::of_mut);
        let hash = hash.expect("only a hash has fields with deadlines");
        let removed = hash.expire_due(now, max, &mut |field: &[u8]| {
            if named {
                fields.push(field.into());
            }
        });
        let Place { shared, db, .. } = &mut self.place;
        shared.stats.expired_fields += removed as u64;
        shared.tell_fields(*db, self.slot.get().key(), fields);
        self.done_times(Event::SILENT, 0);
        removed
    }

    /// Nothing changed in the end: the place of a collection that was made and not filled is given
    /// back.
    pub(super) fn abandon(mut self) {
        self.touched.0 = false;
        if self.is_new || elements(self.slot.get()) == Some(0) {
            let (entry, place) = self.take_to_free();
            place.shared.free_entry(place.db, entry);
        }
    }

    /// A value of type `by` is about to take the whole place of this one, whatever it is: what is
    /// told of that. The replacement and `done` come after.
    #[inline]
    pub fn overwritten_by(&mut self, by: Type) {
        let entry = self.slot.get();
        self.place.shared.tell_overwritten(self.place.db, entry.key(), Type::of(entry), by);
    }

    /// Names one more event of the same change; `done` comes after.
    pub fn event(&mut self, event: Event) {
        self.tell_new();
        self.place.shared.tell(self.place.db, self.slot.get().key(), event);
    }

    /// Removes the key; the change is told as `event`.
    pub fn delete(self, event: Event) {
        let (entry, place) = self.take_to_free();
        place.shared.changed(place.db, entry.key(), event);
        place.shared.free_entry(place.db, entry);
    }

    /// Removes the key to make room for another under its name: those who watch it are told,
    /// subscribers hear of what comes instead. The type of what went, which
    /// [`Db::tell_overwritten`](super::Db::tell_overwritten) asks for then.
    pub fn delete_untold(self) -> Type {
        let (entry, place) = self.take_to_free();
        let kind = Type::of(&entry);
        place.shared.tell(place.db, entry.key(), Event::SILENT);
        place.shared.free_entry(place.db, entry);
        kind
    }

    /// Removes the key and hands it out, to be put elsewhere with [`Db::adopt`](super::Db::adopt). The
    /// caller tells both changes.
    pub fn take_out(self) -> Entry {
        self.take().0
    }

    /// What the key holds is answered to the client.
    pub(super) fn count_hit(&mut self) {
        self.place.shared.stats.hits += 1;
    }

    /// Nothing changed.
    pub fn unchanged(self) {
        debug_assert!(!self.touched.0, "a change was made and then denied");
    }

    fn take(self) -> (Entry, Place<'d>) {
        let (slot, mut place, shown) = self.end();
        let (entry, _) = place.remove(slot, shown);
        (entry, place)
    }

    /// As [`Edit::take`], where the entry is to be freed next.
    fn take_to_free(self) -> (Entry, Place<'d>) {
        let (slot, mut place, shown) = self.end();
        let (entry, _) = place.remove_to_free(slot, shown);
        (entry, place)
    }

    /// The slot, what lies beside it, and whether the snapshot was shown it.
    fn end(self) -> (OccupiedSlot<'d, Entry>, Place<'d>, bool) {
        let Self { slot, mut place, shown, fields_due, mut touched, .. } = self;
        touched.0 = false;
        if shown {
            place.move_field_deadline(fields_due, next_field_deadline(slot.get()));
        }
        (slot, place, shown)
    }

    /// Tells that there is a new key, before anything else is told of it.
    #[inline]
    fn tell_new(&mut self) {
        if std::mem::take(&mut self.is_new) {
            self.place.shared.tell(self.place.db, self.slot.get().key(), Event::NEW);
        }
    }

    /// Keeps the index in step with the deadlines of a hash's fields.
    #[inline]
    fn move_fields(&mut self) {
        if !self.shown {
            return;
        }
        self.place.move_field_deadline(self.fields_due, next_field_deadline(self.slot.get()));
    }

    /// The entry, about to change: the snapshot sees it as it was.
    pub(super) fn change(&mut self) -> &mut Entry {
        if !self.shown {
            self.place.shared.before_change(self.place.db, self.slot.get_mut());
            self.shown = true;
            self.fields_due = next_field_deadline(self.slot.get());
        }
        self.touched.0 = true;
        self.slot.get_mut()
    }
}

impl<'d> Vacancy<'d> {
    pub(super) fn new(slot: VacantSlot<'d, Entry>, place: Place<'d>) -> Self {
        Self { slot, place }
    }

    /// That there is no such key is answered to the client.
    pub(super) fn count_miss(&mut self, key: &[u8]) {
        self.place.shared.stats.misses += 1;
        self.place.shared.tell(self.place.db, key, Event::KEY_MISS);
    }

    /// Puts the key there; the change is told as `event`.
    pub fn insert(
        self,
        key: &[u8],
        value: NewValue<'_, Value>,
        deadline: Option<u64>,
        event: Event,
    ) {
        self.insert_times(key, value, deadline, event, 1);
    }

    /// Like [`Vacancy::insert`], for what counts as several changes.
    pub fn insert_times(
        self,
        key: &[u8],
        value: NewValue<'_, Value>,
        deadline: Option<u64>,
        event: Event,
        times: u64,
    ) {
        let mut entry = Entry::new(key, value, deadline);
        entry.set_clock(self.place.shared.access.new_clock());
        self.place.shared.access.ticks_mut().key_came();
        let (key, place) = self.put(entry);
        place.shared.dirty += times;
        place.shared.tell(place.db, key, event);
    }

    /// Puts a whole entry there and tells that there is a new key; what the change was is told after.
    pub(super) fn put(self, mut entry: Entry) -> (&'d [u8], Place<'d>) {
        let Self { slot, mut place } = self;
        place.shared.before_insert(&mut entry);
        place.move_deadline(None, entry.deadline());
        place.move_field_deadline(None, next_field_deadline(&entry));
        let key = slot.insert(entry).key();
        place.shared.tell(place.db, key, Event::NEW);
        (key, place)
    }
}
