//! What pends in a group, by age: what was handed back, in the order in which that happened, and then what
//! is with consumers, the longest first.
//!
//! It costs some 50 bytes for each entry that pends, so a group keeps it only once somebody has claimed by
//! age or handed anything back.

use std::collections::BTreeSet;

use super::Id;

/// The place of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age {
    /// Whether it is with a consumer.
    pub(super) is_held: bool,
    /// Since when, ms since the epoch; else its turn.
    pub(super) since: u64,
    /// Its id.
    pub(super) id: Id,
}

/// The places of all that pends.
#[derive(Clone, Debug, Default)]
pub(super) struct Ages {
    all: BTreeSet<Age>,
    handed_back: usize,
}

impl Ages {
    pub(super) fn insert(&mut self, age: Age) {
        self.handed_back += usize::from(self.all.insert(age) && !age.is_held);
    }

    pub(super) fn remove(&mut self, age: &Age) {
        self.handed_back -= usize::from(self.all.remove(age) && !age.is_held);
    }

    /// The oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Age> {
        self.all.iter()
    }

    /// What was handed back, from a turn on.
    pub(super) fn handed_back(&self, from: u64) -> impl Iterator<Item = &Age> {
        let first = Age { is_held: false, since: from, id: Id::MIN };
        self.all.range(first..).take_while(|age| !age.is_held)
    }

    pub(super) fn handed_back_count(&self) -> usize {
        self.handed_back
    }

    /// Bytes of its allocations, roughly.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.all.len() * size_of::<Age>() * 3 / 2
    }

    /// How many allocations there are, roughly.
    pub(super) fn parts(&self) -> usize {
        self.all.len() / 8
    }
}

impl FromIterator<Age> for Ages {
    fn from_iter<I: IntoIterator<Item = Age>>(ages: I) -> Self {
        let all: BTreeSet<Age> = ages.into_iter().collect();
        let handed_back = all.iter().take_while(|age| !age.is_held).count();
        Self { all, handed_back }
    }
}
