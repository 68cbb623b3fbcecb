//! An array that grows without ever being moved as a whole.

use crate::stdx::alloc::Mover;

/// Slots of a chunk. The last chunk grows as a vector does, so that a short array is small.
const CHUNK: usize = 512;

/// Slots numbered from 0, in chunks.
pub(super) struct Chunked<T> {
    chunks: Vec<Vec<T>>,
}

impl<T> Chunked<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// Adds a slot; returns its number.
    pub(super) fn push(&mut self, item: T) -> u32 {
        let number = u32::try_from(self.len()).expect("there is no memory for so many blocks");
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::new());
        }
        self.chunks.last_mut().expect("there is one now").push(item);
        number
    }

    /// Puts an item into a slot, which may be the one after the last.
    pub(super) fn put(&mut self, number: u32, item: T) {
        if number as usize == self.len() {
            self.push(item);
        } else {
            *self.get_mut(number) = item;
        }
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> &T {
        &self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> &mut T {
        &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    /// Moves the arrays that lie badly.
    pub(super) fn relocate(&mut self, mover: &mut Mover) {
        mover.vec(&mut self.chunks);
        self.chunks.iter_mut().for_each(|chunk| mover.vec(chunk));
    }

    pub(super) fn len(&self) -> usize {
        match &self.chunks[..] {
            [] => 0,
            [full @ .., last] => full.len() * CHUNK + last.len(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// Bytes of its allocations.
    pub(super) fn alloc_bytes(&self) -> usize {
        let slots: usize = self.chunks.iter().map(Vec::capacity).sum();
        slots * size_of::<T>() + self.chunks.capacity() * size_of::<Vec<T>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_keep_what_is_put_there() {
        let mut chunked = Chunked::new();
        for i in 0..3 * CHUNK as u32 + 1 {
            assert_eq!((chunked.len(), chunked.push(i)), (i as usize, i));
        }
        *chunked.get_mut(CHUNK as u32) += 7;
        assert_eq!([0, 511, 512, 1536].map(|at| *chunked.get(at)), [0, 511, 519, 1536]);
        assert_eq!(chunked.iter().count(), chunked.len());
    }

    #[test]
    fn a_short_array_is_small() {
        let mut chunked = Chunked::new();
        assert_eq!(chunked.alloc_bytes(), 0);
        chunked.push(0_u64);
        assert!(chunked.alloc_bytes() < 200);
    }
}
