//! A key's place in its database and what lies beside it: how a key leaves, and how its deadline moves.

use super::volatile::Volatile;
use super::{Event, Shared};
use crate::ds::dict::{OccupiedSlot, VacantSlot, tag};
use crate::types::{Entry, Value, next_field_deadline};

/// Bytes of a value at most that is freed where commands run, though it is slow to free.
const FREED_AT_ONCE: usize = 128 << 10;

/// What lies beside a slot of the dict.
#[derive(Debug)]
pub(super) struct Place<'d> {
    pub(super) shared: &'d mut Shared,
    pub(super) deadlines: &'d mut Volatile,
    pub(super) db: u32,
    pub(super) hash: u64,
}

impl<'d> Place<'d> {
    /// Takes an entry out for good: the snapshot is shown it, unless it was before (`shown`), and its
    /// deadline leaves the index. Every removal of one key comes through here. Answers the key's
    /// slot as well, now vacant.
    pub(super) fn remove<'s>(
        &mut self,
        mut slot: OccupiedSlot<'s, Entry>,
        shown: bool,
    ) -> (Entry, VacantSlot<'s, Entry>) {
        if !shown {
            self.shared.before_change(self.db, slot.get_mut());
        }
        let (entry, vacant) = slot.remove_keeping_place();
        self.move_deadline(entry.deadline(), None);
        self.move_field_deadline(next_field_deadline(&entry), None);
        (entry, vacant)
    }

    /// As [`Place::remove`], of an entry that goes to [`Shared::free_entry`] next. A big value that the snapshot is
    /// yet to encode is given to it there, so that nobody waits while it is encoded at once.
    pub(super) fn remove_to_free<'s>(
        &mut self,
        slot: OccupiedSlot<'s, Entry>,
        shown: bool,
    ) -> (Entry, VacantSlot<'s, Entry>) {
        let shown = shown || self.shared.awaits(slot.get());
        self.remove(slot, shown)
    }

    /// Removes an entry whose time is over.
    #[cold]
    pub(super) fn expire(mut self, slot: OccupiedSlot<'d, Entry>) -> (VacantSlot<'d, Entry>, Self) {
        let (entry, vacant) = self.remove_to_free(slot, false);
        self.shared.expired(self.db, &entry);
        self.shared.free_entry(self.db, entry);
        (vacant, self)
    }

    /// Keeps the index in step with a key's deadline that was `from` and is `to`.
    #[inline]
    pub(super) fn move_deadline(&mut self, from: Option<u64>, to: Option<u64>) {
        if from != to {
            self.shared.note_deadline(to);
            self.deadlines.move_key(from, to, tag(self.hash));
        }
    }

    /// The same for the first deadline of a hash's fields.
    #[inline]
    pub(super) fn move_field_deadline(&mut self, from: Option<u64>, to: Option<u64>) {
        if from != to {
            self.shared.note_deadline(to);
            self.deadlines.move_fields(from, to, tag(self.hash));
        }
    }

    /// Whether the entry's time is over and it is ours to remove.
    #[inline]
    pub(super) fn is_due(&self, entry: &Entry) -> bool {
        !self.shared.keeps_expired() && self.shared.is_over(entry)
    }
}

impl Shared {
    /// Whether the entry's time is over.
    #[inline]
    pub(super) fn is_over(&self, entry: &Entry) -> bool {
        entry.deadline().is_some_and(|at| at <= self.now_ms)
    }

    /// Tells a removal at the deadline, which is no change to save: the deadline was saved.
    fn expired(&mut self, db: u32, entry: &Entry) {
        let late = entry.deadline().map_or(0, |at| self.now_ms.saturating_sub(at));
        self.stats.expired += 1;
        self.stats.expired_late_ms_max = self.stats.expired_late_ms_max.max(late);
        self.tell(db, entry.key(), Event::EXPIRED);
    }

    /// Frees an entry that left database `db`, or has another thread free its value if that takes long, or a snapshot
    /// keep it that is yet to encode it.
    pub(super) fn free_entry(&mut self, db: u32, entry: Entry) {
        if let Some(entry) = self.hand_to_snapshot(db, entry) {
            self.free_spent(entry);
        }
    }

    /// Frees an entry that a snapshot has no use for.
    pub(super) fn free_spent(&mut self, entry: Entry) {
        if let Some(value) = entry.into_value() {
            self.free_value(value);
        }
    }

    /// Frees a value, or has another thread free it if that takes long.
    pub(super) fn free_value(&mut self, value: Value) {
        if value.is_slow_to_free() {
            let bytes = value.memory();
            // Where the freeing thread falls behind, what takes no millisecond is freed at once.
            if bytes > FREED_AT_ONCE || self.unfreed().bytes() < self.unfreed_max() {
                self.discard_sized(value, bytes);
            }
        }
    }
}
