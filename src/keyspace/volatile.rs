//! The deadlines of one database: those of keys, which are counted, and of each hash the first of its
//! fields'.

use crate::ds::deadlines::Deadlines;
use crate::stdx::alloc::Mover;
use std::ops::Deref;

/// The index of deadlines, and how many of them are keys' own.
#[derive(Debug, Default)]
pub(super) struct Volatile {
    index: Deadlines,
    keys: usize,
}

impl Volatile {
    /// A key's deadline was `from` and is `to`.
    pub(super) fn move_key(&mut self, from: Option<u64>, to: Option<u64>, tag: u32) {
        self.keys = self.keys + usize::from(to.is_some()) - usize::from(from.is_some());
        self.move_fields(from, to, tag);
    }

    /// The first deadline of a hash's fields was `from` and is `to`.
    pub(super) fn move_fields(&mut self, from: Option<u64>, to: Option<u64>, tag: u32) {
        if from == to {
            return;
        }
        if let Some(from) = from {
            let known = self.index.remove(from, tag);
            debug_assert!(known, "every deadline is in the index");
        }
        if let Some(to) = to {
            self.index.insert(to, tag);
        }
    }

    /// One step of a walk, as [`Deadlines::relocate_from`].
    pub(super) fn relocate_from(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        self.index.relocate_from(cursor, mover)
    }

    /// Keys that have a deadline.
    pub(super) fn keys(&self) -> usize {
        self.keys
    }
}

impl Deref for Volatile {
    type Target = Deadlines;

    fn deref(&self) -> &Deadlines {
        &self.index
    }
}
