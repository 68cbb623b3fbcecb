//! The heap bytes of the index, counted at the one place where its vectors change their capacity.

/// Bytes held on the heap.
#[derive(Default)]
pub(super) struct Footprint {
    bytes: usize,
}

impl Footprint {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes room for one more element.
    pub(super) fn grow<T>(&mut self, vec: &mut Vec<T>) {
        if vec.len() == vec.capacity() {
            self.resize(vec, size_class(vec.len() + 1));
        }
    }

    /// Gives room back, if more than a step of it lies idle, but keeps room for the next element.
    pub(super) fn shrink<T>(&mut self, vec: &mut Vec<T>) {
        let len = vec.len();
        if vec.capacity() > size_class(len + step(len)) {
            self.resize(vec, size_class(len + 1));
        }
    }

    /// Sets the capacity, which must not be below the length.
    pub(super) fn resize<T>(&mut self, vec: &mut Vec<T>, capacity: usize) {
        let before = bytes_of(vec);
        if capacity > vec.capacity() {
            vec.reserve_exact(capacity - vec.len());
        } else {
            vec.shrink_to(capacity);
        }
        self.bytes = self.bytes - before + bytes_of(vec);
    }

    /// Counts a vector that was made elsewhere.
    pub(super) fn adopt<T>(&mut self, vec: &Vec<T>) {
        self.bytes += bytes_of(vec);
    }

    /// Frees a vector. What its elements hold themselves is not counted off.
    pub(super) fn release<T>(&mut self, vec: Vec<T>) {
        self.bytes -= bytes_of(&vec);
    }
}

pub(super) fn bytes_of<T>(vec: &Vec<T>) -> usize {
    vec.capacity() * size_of::<T>()
}

/// The capacity for `len` elements: rounded up as the allocator would, to an eighth of the next
/// power of two. So hardly any room is idle, in the vector or in the allocator, and still a growing
/// vector moves only every few insertions.
pub(super) fn size_class(len: usize) -> usize {
    len.next_multiple_of(step(len))
}

fn step(len: usize) -> usize {
    (len.next_power_of_two() / 8).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacities_are_at_most_a_quarter_above_the_length() {
        for len in 8..1000 {
            let capacity = size_class(len);
            assert!(capacity >= len && capacity * 4 <= len * 5 + 4, "{len} -> {capacity}");
        }
        assert_eq!([0, 1, 16, 17, 64, 65, 128].map(size_class), [0, 2, 16, 20, 64, 80, 128]);
    }

    #[test]
    fn capacity_does_not_go_to_and_fro() {
        let (mut footprint, mut vec) = (Footprint::default(), Vec::new());
        for i in 0..100u64 {
            footprint.grow(&mut vec);
            vec.push(i);
        }
        while vec.pop().is_some() {
            footprint.shrink(&mut vec);
            let capacity = vec.capacity();
            footprint.grow(&mut vec);
            assert_eq!(vec.capacity(), capacity, "room for the next one is left");
            assert_eq!(footprint.bytes(), bytes_of(&vec));
        }
        footprint.release(vec);
        assert_eq!(footprint.bytes(), 0);
    }
}
