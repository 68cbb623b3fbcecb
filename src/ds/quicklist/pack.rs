//! A node's listpack, whose first elements may be gone.
//!
//! To take the first element out of a listpack all others have to move. A queue does just that, for
//! each element anew; so what is taken from the front only stops to count, until it is half of the
//! bytes: then the others move once. An element is so moved once or twice on its way to the front,
//! and not a hundred times.

use std::borrow::Cow;

use crate::ds::listpack::{At, Item, Iter, Listpack};
use crate::stdx::alloc::Mover;

/// A listpack and where its first element is that counts. There always is one, but in the middle of an
/// operation.
#[derive(Debug, Clone)]
pub(super) struct Pack {
    listpack: Listpack,
    first: At,
}

impl Pack {
    pub(super) const fn new(listpack: Listpack) -> Self {
        Self { listpack, first: Listpack::START }
    }

    /// Bytes of a listpack of the elements that count.
    pub(super) fn byte_len(&self) -> usize {
        self.listpack.byte_len() - self.listpack.bytes_before(self.first)
    }

    /// Bytes of its allocation.
    pub(super) fn alloc_size(&self) -> usize {
        self.listpack.alloc_size()
    }

    #[inline]
    pub(super) fn first(&self) -> Item<'_> {
        self.listpack.get(self.first)
    }

    #[inline]
    pub(super) fn last(&self) -> Item<'_> {
        self.listpack.get(self.listpack.last().expect("no node is empty"))
    }

    /// The elements, from both ends.
    pub(super) fn iter(&self) -> Iter<'_> {
        self.listpack.iter_from(self.first)
    }

    /// Where element number `index` is, of so many; it is counted from the end that is nearer.
    pub(super) fn at(&self, index: usize, entries: usize) -> At {
        let from_end = entries - index;
        if index < from_end {
            let mut elements = self.iter();
            elements.pass(index);
            return elements.place();
        }
        let from_end = -(from_end as isize);
        self.listpack.seek(from_end).expect("the index was found by the node's count")
    }

    /// The element there.
    pub(super) fn get(&self, at: At) -> Item<'_> {
        self.listpack.get(at)
    }

    /// The element there and those behind it.
    #[inline]
    pub(super) fn iter_from(&self, at: At) -> Iter<'_> {
        self.listpack.iter_from(at)
    }

    /// Takes the first element out; another is left.
    #[inline]
    pub(super) fn remove_first(&mut self) {
        self.first = self.listpack.next(self.first).expect("others are left");
        if self.listpack.bytes_before(self.first) * 2 >= self.listpack.byte_len() {
            self.close();
        }
    }

    /// The listpack, for a change at its end.
    #[inline]
    pub(super) fn edit_back(&mut self) -> &mut Listpack {
        &mut self.listpack
    }

    /// The listpack, of nothing but the elements that count, for any change.
    #[inline]
    pub(super) fn edit(&mut self) -> &mut Listpack {
        if !self.is_whole() {
            self.close();
        }
        &mut self.listpack
    }

    /// The bytes of a listpack of the elements that count.
    pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
        if self.is_whole() {
            return Cow::Borrowed(self.listpack.as_bytes());
        }
        let mut whole = self.clone();
        Cow::Owned(whole.edit().as_bytes().to_vec())
    }

    /// The same by value.
    pub(super) fn into_listpack(mut self) -> Listpack {
        self.edit();
        self.listpack
    }

    /// Moves the listpack, if it lies badly. Places in it stay what they are.
    pub(super) fn relocate(&mut self, mover: &mut Mover) {
        self.listpack.relocate(mover);
    }

    #[inline]
    fn is_whole(&self) -> bool {
        self.first == Listpack::START
    }

    fn close(&mut self) {
        self.listpack.remove_before(self.first);
        self.first = Listpack::START;
    }
}
