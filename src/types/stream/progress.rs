//! How far a group has read, counted in entries of the stream's whole life.
//!
//! The count is known where no entry was deleted by name behind the group's last id; trimming does not
//! disturb it, for what is trimmed is older than all that is left.

use std::cmp::Ordering;

use super::{Facts, Group, Id};

impl Facts {
    /// How many entries were ever added up to this id, if that can be told.
    pub fn entries_up_to(&self, id: Id) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.len == 0 && id <= self.last_id {
            return Some(self.entries_added);
        }
        if id >= self.last_id {
            return (id == self.last_id).then_some(self.entries_added);
        }
        // Nothing that is left has a gap if all that was deleted is older.
        let whole = self.max_deleted_id == Id::MIN || self.max_deleted_id < self.first_id;
        let before_first = self.entries_added.saturating_sub(self.len);
        match id.cmp(&self.first_id) {
            Ordering::Less if whole => Some(before_first),
            Ordering::Equal if whole => Some(before_first + 1),
            _ => None,
        }
    }

    /// Whether an entry behind this id was deleted by name, among those that trimming has left.
    pub fn has_gap_behind(&self, id: Id) -> bool {
        self.len > 0
            && self.max_deleted_id != Id::MIN
            && self.first_id <= self.max_deleted_id
            && id <= self.max_deleted_id
    }

    /// Whether a group's count of entries read goes on by one with each entry that is left.
    fn is_in_step(&self, group: &Group) -> bool {
        group.last_id >= self.first_id && !self.has_gap_behind(group.last_id)
    }

    /// How many entries a group has not been given yet, if that can be told. It is below 0 where the group
    /// was said to have read more than there ever was.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        if self.entries_added == 0 || self.len == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if self.is_in_step(group) => Some(read),
            _ => self.entries_up_to(group.last_id),
        };
        read.map(|read| self.entries_added.wrapping_sub(read) as i64)
    }

    /// How many entries a group has been given once it has the entry `id`, the next one behind its last.
    pub(super) fn read_up_to(&self, group: &Group, id: Id) -> Option<u64> {
        match group.entries_read {
            Some(read) if self.is_in_step(group) => Some(read + 1),
            read if self.entries_added == 0 => read,
            _ => self.entries_up_to(id),
        }
    }
}
