//! An ordered map from the ids of a stream's entries: to the stream's nodes, and to what is known of
//! the entries that were handed out and not acknowledged yet.
//!
//! Ids mostly come in ascending order and go from the low end, so this is a queue of sorted chunks:
//! a B-tree of two levels.
//!
//! # Layout
//! ```text
//!  chunks: a ring of                 items: one allocation, up to 64 of
//! +-----------+-------+             +---------+-------+
//! | first 16  | items | ──────────▶ | id 16   | value |
//! +-----------+-------+             +---------+-------+
//! | first 16  | items |             | id 16   | value |
//! +-----------+-------+             +---------+-------+
//!  …                                 …
//! ```
//! The ids 1-0, 2-0 to 64-0 and 70-0, put in one after another, are a chunk with the first 1-0 and
//! 64 items, which is full, and a chunk with the first 70-0 and one item.
//!
//! # Costs
//! A lookup is two binary searches, of which the first stays in the ring; at either end it is none. An
//! item costs its own bytes where all came in order, for a chunk is left full then. A change moves at
//! most 64 items; one in the middle that fills or empties a chunk moves up to half of the ring, 40 bytes
//! for 64 items.
//!
//! # Invariants
//! 1. Ids ascend strictly, within a chunk and from one to the next.
//! 2. No chunk is empty, and none has more than `CHUNK_MAX` items.
//! 3. `first` is the id of the chunk's first item.
//! 4. `len` is the sum of the chunks' lengths.

mod id;
mod iter;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use crate::stdx::alloc::Mover;
pub use id::Id;
pub use iter::{IntoIter, Iter};

/// Items of a chunk at most.
const CHUNK_MAX: usize = 64;
/// A chunk with fewer is put together with a neighbour,
const CHUNK_MIN: usize = CHUNK_MAX / 4;
/// if both have no more than so many: what comes next shall not split them again.
const MERGED_MAX: usize = CHUNK_MAX / 4 * 3;

/// An ordered map from ids; see the module.
#[derive(Clone, Debug)]
pub struct IdMap<V> {
    chunks: VecDeque<Chunk<V>>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Chunk<V> {
    first: Id,
    items: Vec<(Id, V)>,
}

/// Where an item is: the chunk, and the place in it.
type Place = (usize, usize);

impl<V> Default for IdMap<V> {
    fn default() -> Self {
        Self { chunks: VecDeque::new(), len: 0 }
    }
}

impl<V> IdMap<V> {
    /// Puts an item in; the value that its id had before.
    pub fn insert(&mut self, id: Id, value: V) -> Option<V> {
        if self.last().is_none_or(|(last, _)| *last < id) {
            self.push_back(id, value);
            return None;
        }
        let chunk = self.chunk_of(id).unwrap_or(0);
        let items = &mut self.chunks[chunk].items;
        match items.binary_search_by_key(&id, |item| item.0) {
            Ok(found) => Some(std::mem::replace(&mut items[found].1, value)),
            Err(at) => {
                self.insert_at((chunk, at), id, value);
                None
            }
        }
    }

    /// Puts an item behind all others. Its id must be the highest.
    fn push_back(&mut self, id: Id, value: V) {
        self.len += 1;
        if let Some(chunk) = self.chunks.back_mut().filter(|chunk| chunk.items.len() < CHUNK_MAX) {
            chunk.items.push((id, value));
            return;
        }
        // One that follows a full one is likely to be filled as well.
        let room = if self.chunks.is_empty() { 1 } else { CHUNK_MAX };
        if self.chunks.is_empty() {
            self.chunks.reserve_exact(1);
        }
        let mut items = Vec::with_capacity(room);
        items.push((id, value));
        self.chunks.push_back(Chunk { first: id, items });
    }

    fn insert_at(&mut self, (mut chunk, mut at): Place, id: Id, value: V) {
        if self.chunks[chunk].items.len() == CHUNK_MAX {
            let upper = self.chunks[chunk].items.split_off(CHUNK_MAX / 2);
            self.chunks.insert(chunk + 1, Chunk { first: upper[0].0, items: upper });
            if at > CHUNK_MAX / 2 {
                (chunk, at) = (chunk + 1, at - CHUNK_MAX / 2);
            }
        }
        let chunk = &mut self.chunks[chunk];
        chunk.items.insert(at, (id, value));
        chunk.first = chunk.items[0].0;
        self.len += 1;
    }

    /// Takes an item out.
    pub fn remove(&mut self, id: Id) -> Option<V> {
        self.find(id).map(|place| self.remove_at(place).1)
    }

    /// Takes the item with the lowest id out.
    pub fn pop_first(&mut self) -> Option<(Id, V)> {
        (self.len > 0).then(|| self.remove_at((0, 0)))
    }

    fn remove_at(&mut self, (chunk, at): Place) -> (Id, V) {
        self.len -= 1;
        let items = &mut self.chunks[chunk].items;
        let removed = items.remove(at);
        match items.first() {
            None => {
                self.chunks.remove(chunk);
            }
            Some((first, _)) => {
                self.chunks[chunk].first = *first;
                self.merge(chunk);
            }
        }
        removed
    }

    /// Puts a chunk that has become small together with a neighbour that is not large. The first one is
    /// left to shrink: it is where items go.
    fn merge(&mut self, chunk: usize) {
        if chunk == 0 || self.chunks[chunk].items.len() >= CHUNK_MIN {
            return;
        }
        let len_of = |at: usize| self.chunks.get(at).map_or(CHUNK_MAX, |chunk| chunk.items.len());
        let fits = |neighbour: usize| len_of(chunk) + len_of(neighbour) <= MERGED_MAX;
        let lower = if fits(chunk - 1) {
            chunk - 1
        } else if fits(chunk + 1) {
            chunk
        } else {
            return;
        };
        if let Some(upper) = self.chunks.remove(lower + 1) {
            self.chunks[lower].items.extend(upper.items);
        }
    }

    /// One step of a walk that moves what lies badly: the chunk of number `cursor`, and the ring at the start;
    /// `each` does so with a value. Answers the next cursor, 0 at the end. Chunks that come or go between
    /// the steps may let one be passed over.
    pub fn relocate_from(
        &mut self,
        cursor: u64,
        mover: &mut Mover,
        mut each: impl FnMut(&mut V, &mut Mover),
    ) -> u64 {
        if cursor == 0 {
            mover.ring(&mut self.chunks);
        }
        let Some(chunk) = self.chunks.get_mut(cursor as usize) else { return 0 };
        mover.vec(&mut chunk.items);
        chunk.items.iter_mut().for_each(|(_, value)| each(value, mover));
        if cursor as usize + 1 < self.chunks.len() { cursor + 1 } else { 0 }
    }

    /// The value of an id.
    #[must_use]
    pub fn get(&self, id: Id) -> Option<&V> {
        self.find(id).map(|(chunk, at)| &self.chunks[chunk].items[at].1)
    }

    /// The value of an id, to be changed.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut V> {
        self.find(id).map(|(chunk, at)| &mut self.chunks[chunk].items[at].1)
    }

    /// The item with the highest id that is not above `id`.
    #[must_use]
    pub fn floor(&self, id: Id) -> Option<&(Id, V)> {
        let (chunk, at) = self.floor_place(id)?;
        Some(&self.chunks[chunk].items[at])
    }

    /// The same, to be changed.
    pub fn floor_mut(&mut self, id: Id) -> Option<(Id, &mut V)> {
        let (chunk, at) = self.floor_place(id)?;
        let (id, value) = &mut self.chunks[chunk].items[at];
        Some((*id, value))
    }

    /// The item with the lowest id.
    #[must_use]
    pub fn first(&self) -> Option<&(Id, V)> {
        self.chunks.front()?.items.first()
    }

    /// The item with the lowest id, to be changed.
    pub fn first_mut(&mut self) -> Option<(Id, &mut V)> {
        let (id, value) = self.chunks.front_mut()?.items.first_mut()?;
        Some((*id, value))
    }

    /// The item with the highest id.
    #[inline]
    #[must_use]
    pub fn last(&self) -> Option<&(Id, V)> {
        self.chunks.back()?.items.last()
    }

    /// The item with the highest id, to be changed.
    #[inline]
    pub fn last_mut(&mut self) -> Option<(Id, &mut V)> {
        let (id, value) = self.chunks.back_mut()?.items.last_mut()?;
        Some((*id, value))
    }

    /// All items.
    pub fn iter(&self) -> Iter<'_, V> {
        self.range(Id::MIN..=Id::MAX)
    }

    /// The items with ids in a range.
    pub fn range(&self, ids: RangeInclusive<Id>) -> Iter<'_, V> {
        let (start, end) = (self.ceiling_place(*ids.start()), self.end_place(*ids.end()));
        Iter::new(&self.chunks, start, end.max(start))
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many chunks there are: allocations.
    #[must_use]
    pub fn chunk_count(&self) -> usize {
        self.chunks.len()
    }

    /// Bytes of all allocations, without what the values own.
    #[must_use]
    pub fn memory(&self) -> usize {
        let items = self.chunks.iter().map(|chunk| chunk.items.capacity()).sum::<usize>();
        self.chunks.capacity() * size_of::<Chunk<V>>() + items * size_of::<(Id, V)>()
    }

    /// The chunk that an id belongs to, if it is not below all of them.
    #[inline]
    fn chunk_of(&self, id: Id) -> Option<usize> {
        let last = self.chunks.len().checked_sub(1)?;
        if self.chunks[last].first <= id {
            return Some(last);
        }
        self.chunks.partition_point(|chunk| chunk.first <= id).checked_sub(1)
    }

    fn find(&self, id: Id) -> Option<Place> {
        let chunk = self.chunk_of(id)?;
        let found = self.chunks[chunk].items.binary_search_by_key(&id, |item| item.0);
        found.ok().map(|at| (chunk, at))
    }

    fn floor_place(&self, id: Id) -> Option<Place> {
        let chunk = self.chunk_of(id)?;
        let above = self.chunks[chunk].items.partition_point(|item| item.0 <= id);
        // The chunk's first item is not above it.
        Some((chunk, above - 1))
    }

    /// Where the lowest item is that is not below `id`, or the end.
    fn ceiling_place(&self, id: Id) -> Place {
        let Some(chunk) = self.chunk_of(id) else { return (0, 0) };
        self.canonical((chunk, self.chunks[chunk].items.partition_point(|item| item.0 < id)))
    }

    /// Where the lowest item is that is above `id`, or the end.
    fn end_place(&self, id: Id) -> Place {
        let Some(chunk) = self.chunk_of(id) else { return (0, 0) };
        self.canonical((chunk, self.chunks[chunk].items.partition_point(|item| item.0 <= id)))
    }

    /// The end of a chunk is the start of the next.
    fn canonical(&self, (chunk, at): Place) -> Place {
        if at == self.chunks[chunk].items.len() { (chunk + 1, 0) } else { (chunk, at) }
    }
}

impl<V> IntoIterator for IdMap<V> {
    type Item = (Id, V);
    type IntoIter = IntoIter<V>;

    fn into_iter(self) -> IntoIter<V> {
        IntoIter::new(self.chunks)
    }
}
