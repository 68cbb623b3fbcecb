//! How full a node may become.

/// What is added to an element's length to estimate the bytes it takes in a listpack.
const ENTRY_OVERHEAD: usize = 8;
/// A node limited by its entries is limited to so many bytes as well.
const SAFE_BYTES: usize = 8192;
/// Bytes of a node at fill -1; each further step down doubles them.
const FIRST_LEVEL_BYTES: usize = 4096;
/// The lowest fill that means something of its own.
const LEVELS: u32 = 5;

/// The limits of a node, as `list-max-listpack-size` states them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    bytes: usize,
    entries: usize,
    /// From this length on an element gets a node of its own.
    large: usize,
}

impl Limits {
    /// A positive `fill` counts entries; -1 to -5 stand for 4, 8, 16, 32 and 64 KB.
    #[must_use]
    pub const fn new(fill: i32) -> Self {
        let (bytes, entries) = match fill {
            0 => (SAFE_BYTES, 1),
            1.. => (SAFE_BYTES, fill.unsigned_abs() as usize),
            _ => {
                let step = if fill.unsigned_abs() < LEVELS { fill.unsigned_abs() } else { LEVELS };
                (FIRST_LEVEL_BYTES << (step - 1), usize::MAX)
            }
        };
        Self { bytes, entries, large: bytes + 1 }
    }

    /// A node limited by its bytes alone, to less than any fill can say.
    #[cfg(test)]
    pub(super) fn of_bytes(bytes: usize) -> Self {
        Self { bytes, entries: usize::MAX, large: bytes + 1 }
    }

    /// The same with elements of `threshold` bytes and more in nodes of their own, whatever the
    /// nodes' limits are; 0 leaves it to them.
    #[must_use]
    pub const fn with_packed_threshold(self, threshold: usize) -> Self {
        let large = if threshold == 0 { self.bytes + 1 } else { threshold };
        Self { large, ..self }
    }

    /// Half of these limits: what a list must have shrunk to before it changes back to a listpack.
    /// Between the two it stays what it is, so that it does not change to and fro.
    #[must_use]
    pub const fn halved(self) -> Self {
        let entries = if self.entries == usize::MAX { usize::MAX } else { self.entries / 2 };
        Self { bytes: self.bytes / 2, entries, ..self }
    }

    /// Whether one listpack may be so large.
    #[must_use]
    pub const fn fit(&self, bytes: usize, entries: usize) -> bool {
        bytes <= self.bytes && entries <= self.entries
    }

    /// Whether a node of this size may take in one more element.
    #[inline]
    pub(super) const fn has_room(&self, bytes: usize, entries: usize, element: &[u8]) -> bool {
        !self.is_large(element) && self.fit(bytes + element.len() + ENTRY_OVERHEAD, entries + 1)
    }

    /// Whether a node of so many bytes may take in an element in place of one that it has. A node
    /// may grow to twice its size by this before it is split: elements that grow a little and
    /// shrink again do not scatter over more and more nodes.
    pub(super) const fn has_room_instead(&self, bytes: usize, element: &[u8]) -> bool {
        !self.is_large(element) && bytes + element.len() <= 2 * self.bytes
    }

    /// Whether an element must stand in a node of its own.
    #[inline]
    #[must_use]
    pub const fn is_large(&self, element: &[u8]) -> bool {
        element.len() >= self.large
    }
}
