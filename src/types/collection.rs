//! What lists, sets, hashes and sorted sets have in common.

use super::{Type, Value};

/// A value of many elements, which is gone with its last one.
pub trait Collection: Sized {
    /// What TYPE answers.
    const TYPE: Type;

    /// The collection in a value, if that is one of this type.
    fn of(value: &Value) -> Option<&Self>;

    /// The same, to be changed.
    fn of_mut(value: &mut Value) -> Option<&mut Self>;

    /// A value that holds it.
    fn into_value(self) -> Value;

    /// Number of elements.
    fn len(&self) -> usize;

    /// Whether it has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What OBJECT ENCODING answers.
    fn encoding_name(&self) -> &'static str;

    /// Bytes of its allocations. Where those of its elements are not known, so many elements are looked at,
    /// or nodes of a list, and the others are taken to be like them.
    fn memory(&self, samples: usize) -> usize;

    /// Whether freeing it takes long enough to be another thread's work: more than a few dozen
    /// allocations, or pages to be given back.
    fn is_slow_to_free(&self) -> bool;

    /// What changes have left over that takes long to free, such as the table that a dict has
    /// outgrown: for another thread to drop.
    fn take_garbage(&mut self) -> Option<Box<dyn Send>> {
        None
    }
}
