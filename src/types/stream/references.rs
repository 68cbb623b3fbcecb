//! What removing an entry does to groups in which it pends.

use super::{Id, Stream};

/// What becomes of an entry's place in groups when it is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// It goes on to pend.
    #[default]
    Keep,
    /// It pends no longer in any group.
    Delete,
    /// It is removed only if every group was given it and had it acknowledged.
    Acked,
}

/// What became of an entry that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is not there.
    Missing,
    /// It is removed.
    Removed,
    /// A group was not given it yet, or has not acknowledged it.
    Referred,
}

impl Stream {
    /// Whether any group was not given an entry yet, or has not acknowledged it.
    pub fn is_referred_to(&self, id: Id) -> bool {
        self.groups.values().any(|group| group.last_id < id || group.pending().get(id).is_some())
    }

    /// An entry pends in no group any longer; in how many it did.
    pub fn release_everywhere(&mut self, id: Id) -> usize {
        self.groups.values_mut().filter_map(|group| group.release(id).then_some(())).count()
    }

    /// Removes an entry. Where nobody reads in groups nobody has acknowledged anything.
    pub fn remove_with(&mut self, id: Id, references: References) -> Removal {
        let blocked =
            references == References::Acked && (self.groups.is_empty() || self.is_referred_to(id));
        if blocked {
            return if self.get(id).is_some() { Removal::Referred } else { Removal::Missing };
        }
        if self.remove(id) { Removal::Removed } else { Removal::Missing }
    }
}
