//! Some neighbouring entries of a stream in one listpack. The elements are Redis's, so that RDB files
//! and DUMP carry a node as it is.
//!
//! # Layout
//! A node is known by the id of its first entry, its *master id*, from which those of all its entries are
//! told by their distance. The fields of that entry are written once; an entry with the same fields in the
//! same order has only values.
//! ```text
//! master   live │ deleted │ n │ field 1 … field n │ 0
//! entry    flags 2 │ ms │ seq │ value 1 … value n │ back
//! entry    flags 0 │ ms │ seq │ m │ field 1 │ value 1 … field m │ value m │ back
//!
//! live, deleted  entries of either kind
//! flags          1: deleted, the rest stays as it was; 2: the fields are the master's
//! ms, seq        distance of the id from the master id, each half by itself
//! back           elements of the entry before this one, to be read backwards
//! ```
//! The entries 5-0 `a 1`, 5-1 `a 2` and 7-0 `b x` make the node of master id 5-0:
//! ```text
//! 3 0 1 "a" 0      three entries, none deleted, one field
//! 2 0 0 1 4        5-0, the same fields; its 4 elements
//! 2 0 1 2 4        5-1
//! 0 2 0 1 "b" "x" 6   7-0 with 1 field of its own
//! ```
//!
//! # Costs
//! An entry with the master's fields takes about ten bytes more than its values. It is appended at the
//! cost of its bytes, and found by walking from the start.
//!
//! # Invariants
//! 1. The listpack holds the master and `live + deleted` entries, and nothing else.
//! 2. Ids ascend strictly; `live` entries are not marked as deleted.
//!
//! Foreign listpacks pass [`StreamNode::from_listpack`], which checks both.

mod entries;
#[cfg(test)]
mod tests;
mod validate;

use crate::ds::idmap::Id;
use crate::ds::listpack::{At, Item, Listpack};
use crate::stdx::alloc::Mover;

pub use entries::{Entries, EntryRef, Pairs};

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;
/// Elements of an entry before its fields and values.
const HEAD: usize = 3;
const SOUND: &str = "the elements of a node are in their places";

/// Some neighbouring entries of a stream; see the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamNode(Listpack);

impl StreamNode {
    /// A node for an entry of these fields and values, by turns, which is then to be appended.
    pub fn new<'w>(words: impl ExactSizeIterator<Item = &'w [u8]> + Clone) -> Self {
        let mut pack = Listpack::new();
        let fields = words.clone().step_by(2);
        let head = [0, 0, (words.len() / 2) as i64];
        pack.append_with(room_for(&head, fields.clone()), |tail| {
            tail.ints(&head);
            fields.for_each(|field| tail.text(field));
            tail.int(0);
        });
        Self(pack)
    }

    /// The node in a listpack that came from elsewhere, if it is a sound one with that master id. All of its
    /// entries may be deleted.
    #[must_use]
    pub fn from_listpack(pack: Listpack, master: Id) -> Option<Self> {
        validate::is_sound(&pack, master).then_some(Self(pack))
    }

    /// Appends an entry with these fields and values, by turns. Its id must be the highest.
    pub fn append<'w>(
        &mut self,
        master: Id,
        id: Id,
        words: impl ExactSizeIterator<Item = &'w [u8]> + Clone,
    ) {
        let ms = id.ms.wrapping_sub(master.ms) as i64;
        let seq = id.seq.wrapping_sub(master.seq) as i64;
        let room = room_for(&[0, ms, seq, words.len() as i64], words.clone());
        if self.has_fields(words.clone()) {
            self.0.append_with(room, |tail| {
                tail.ints(&[SAME_FIELDS, ms, seq]);
                let mut words = words;
                let mut elements = HEAD;
                while let (Some(_), Some(value)) = (words.next(), words.next()) {
                    tail.text(value);
                    elements += 1;
                }
                tail.int(elements as i64);
            });
        } else {
            let elements = HEAD + 1 + words.len();
            self.0.append_with(room, |tail| {
                tail.ints(&[0, ms, seq, (words.len() / 2) as i64]);
                words.for_each(|word| tail.text(word));
                tail.int(elements as i64);
            });
        }
        let live = self.live() as i64 + 1;
        self.0.replace_int(self.first(), live);
    }

    /// Whether the fields of these words are the master's.
    fn has_fields<'w>(&self, mut words: impl ExactSizeIterator<Item = &'w [u8]>) -> bool {
        let (mut names, count) = self.names();
        if words.len() / 2 != count {
            return false;
        }
        while let (Some(field), Some(_)) = (words.next(), words.next()) {
            if !names.next().is_some_and(|name| name.equals(field)) {
                return false;
            }
        }
        true
    }

    /// Marks the entry at this place as deleted.
    pub fn delete(&mut self, at: At) {
        let flags = int(self.0.get(at));
        self.0.replace_int(at, flags | DELETED);
        self.move_to_deleted(1);
    }

    /// Marks entries as deleted from the first one on for which `wanted` says so, and up to the first for
    /// which it does not; how many.
    pub fn delete_front(&mut self, master: Id, mut wanted: impl FnMut(Id) -> bool) -> usize {
        let mut deleted = 0;
        let mut next = self.entries(master).next();
        while let Some(EntryRef { id, at, .. }) = next.filter(|entry| wanted(entry.id)) {
            let flags = int(self.0.get(at));
            // The marked entry may take fewer bytes than before, but begins at the same place.
            let at = self.0.replace_int(at, flags | DELETED);
            deleted += 1;
            next = self.entries_from(master, at).find(|entry| entry.id > id);
        }
        self.move_to_deleted(deleted);
        deleted
    }

    fn move_to_deleted(&mut self, count: usize) {
        let (live, deleted) = (self.live() - count, self.deleted() + count);
        let first = self.first();
        let at = self.0.replace_int(first, live as i64);
        let second = self.0.next(at).expect(SOUND);
        self.0.replace_int(second, deleted as i64);
    }

    /// Moves the allocation, if it lies badly.
    pub fn relocate(&mut self, mover: &mut Mover) {
        self.0.relocate(mover);
    }

    /// Gives back what of the allocation is not needed: nothing will be appended.
    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// How many entries are not deleted.
    #[must_use]
    pub fn live(&self) -> usize {
        int(self.0.get(self.first())) as usize
    }

    /// How many are.
    #[must_use]
    pub fn deleted(&self) -> usize {
        let second = self.0.next(self.first()).expect(SOUND);
        int(self.0.get(second)) as usize
    }

    /// The entries that are not deleted, from both ends.
    #[must_use]
    pub fn entries(&self, master: Id) -> Entries<'_> {
        let (names, count) = self.names();
        let mut rest = names.clone();
        rest.pass(count + 1);
        Entries::new(master, names, count, rest)
    }

    /// The entries from the one at this place on.
    fn entries_from(&self, master: Id, at: At) -> Entries<'_> {
        let (names, count) = self.names();
        let rest = names.starting_at(at);
        Entries::new(master, names, count, rest)
    }

    /// The entry with this id, unless it is deleted.
    #[must_use]
    pub fn find(&self, master: Id, id: Id) -> Option<EntryRef<'_>> {
        self.entries(master).from_id(id).next().filter(|entry| entry.id == id)
    }

    /// The listpack.
    #[must_use]
    pub fn as_listpack(&self) -> &Listpack {
        &self.0
    }

    fn first(&self) -> At {
        self.0.first().expect(SOUND)
    }

    /// The elements from the master's first field on, and the number of its fields.
    fn names(&self) -> (crate::ds::listpack::Iter<'_>, usize) {
        let mut elements = self.0.iter();
        elements.pass(2);
        let count = int(elements.next().expect(SOUND)) as usize;
        (elements, count)
    }
}

/// Bytes that these integers, these texts and the last integer of an entry take at most.
fn room_for<'w>(ints: &[i64], texts: impl ExactSizeIterator<Item = &'w [u8]>) -> usize {
    let last = Listpack::int_size((HEAD + 1 + texts.len()) as i64);
    let ints: usize = ints.iter().map(|int| Listpack::int_size(*int)).sum();
    ints + last + texts.map(|text| Listpack::size_max(text.len())).sum::<usize>()
}

/// A number of the layout, however it is stored.
#[inline]
fn int(item: Item<'_>) -> i64 {
    item.int().expect(SOUND)
}
