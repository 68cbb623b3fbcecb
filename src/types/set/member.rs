//! One member of a set's table.

use crate::ds::entry::{Entry, NewValue};
use std::convert::Infallible;

/// A member: one allocation, whose handle keeps the table's hint. It is an entry without a value, and its
/// key is the member.
pub type Member = Entry<Infallible>;

/// The member of these bytes.
#[inline]
pub(super) fn new_member(bytes: &[u8]) -> Member {
    Entry::new(bytes, NewValue::Inline(b""), None)
}
