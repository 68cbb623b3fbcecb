//! A collection held for writing.

use super::{Edit, Event};
use crate::resp::CmdError;
use crate::types::{Collection, Entry};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// A key whose value is a collection of type `T`, held for writing: an [`Edit`] that knows the type.
/// Reading through it changes nothing; the first use as `&mut T` counts as the change, so the guard
/// ends with [`Held::done`] then.
pub struct Held<'d, T> {
    edit: Edit<'d>,
    of: PhantomData<T>,
}

const IS_ONE: &str = "the guard was made for a value of this type";

impl<'d, T: Collection> Held<'d, T> {
    /// The guard of a key that holds a `T`.
    ///
    /// # Errors
    /// [`CmdError::WrongType`] where it holds another type.
    pub(super) fn new(edit: Edit<'d>) -> Result<Self, CmdError> {
        let holds = edit.entry().other().and_then(T::of).is_some();
        if holds { Ok(Self { edit, of: PhantomData }) } else { Err(CmdError::WrongType) }
    }

    /// The entry.
    pub fn entry(&self) -> &Entry {
        self.edit.entry()
    }

    /// The change is complete: counted once, and named for those who listen. An emptied collection is
    /// removed with the event `del`.
    pub fn done(self, event: Event) {
        self.edit.done(event);
    }

    /// Like [`Held::done`], counted as many times as elements changed.
    pub fn done_times(self, event: Event, times: u64) {
        self.edit.done_times(event, times);
    }

    /// Like [`Held::done_times`], for a change that is nobody's business but the log's.
    pub fn done_untold(self, times: u64) {
        self.edit.done_untold(times);
    }

    /// Whether anybody listens to what [`Held::name_fields`] tells.
    pub fn wants_fields(&self) -> bool {
        self.edit.wants_fields()
    }

    /// The next event is about these fields.
    pub fn name_fields<'f>(&mut self, fields: impl Iterator<Item = &'f [u8]>) {
        self.edit.name_fields(fields);
    }

    /// Names one more event of the same change; `done` comes after.
    pub fn event(&mut self, event: Event) {
        self.edit.event(event);
    }

    /// Removes the key with all elements; the change is told as `event`.
    pub fn delete(self, event: Event) {
        self.edit.delete(event);
    }

    /// Nothing changed. A collection made by [`Db::edit_or_new`](super::Db::edit_or_new) and left empty
    /// is gone again.
    pub fn unchanged(self) {
        self.edit.abandon();
    }
}

impl<T: Collection> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.edit.entry().other().and_then(T::of).expect(IS_ONE)
    }
}

impl<T: Collection> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.edit.change().other_mut().and_then(T::of_mut).expect(IS_ONE)
    }
}

impl<T> fmt::Debug for Held<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.edit).finish()
    }
}
