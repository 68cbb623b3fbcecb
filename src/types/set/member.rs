//! One member of a set's table.

use crate::ds::dict::Keyed;
use crate::ds::entry::{Entry, NewValue};
use std::convert::Infallible;
use std::fmt;

/// A member: one allocation, whose handle keeps the table's hint. It is an entry without a value.
pub struct Member(Entry<Infallible>);

impl Member {
    /// The member of these bytes.
    #[inline]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Entry::new(bytes, NewValue::Inline(b""), None))
    }

    /// Its bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.0.key()
    }

    /// Bytes of the allocation.
    pub fn alloc_size(&self) -> usize {
        self.0.alloc_size()
    }
}

impl Keyed for Member {
    #[inline]
    fn key(&self) -> &[u8] {
        self.0.key()
    }

    #[inline]
    fn prefetch(&self) {
        self.0.prefetch();
    }

    #[inline]
    fn hint(&self) -> u16 {
        self.0.hint()
    }

    #[inline]
    fn set_hint(&mut self, hint: u16) {
        self.0.set_hint(hint);
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member({})", self.bytes().escape_ascii())
    }
}
