//! The id of a stream's entry.

use std::fmt;

/// A time in milliseconds and a number that tells apart what came in one. Written `ms-seq`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Milliseconds, since the epoch as a rule.
    pub ms: u64,
    /// The number within them.
    pub seq: u64,
}

impl Id {
    /// The lowest, `0-0`, which no entry has.
    pub const MIN: Self = Self::new(0, 0);
    /// The highest.
    pub const MAX: Self = Self::new(u64::MAX, u64::MAX);
    /// Bytes of the longest text.
    pub const TEXT_MAX: usize = "18446744073709551615-18446744073709551615".len();

    /// The id of these halves.
    #[must_use]
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// The next higher one; there is none above the highest.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => self.ms.checked_add(1).map(|ms| Self { ms, seq: 0 }),
        }
    }

    /// The next lower one; there is none below the lowest.
    #[must_use]
    pub fn prev(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => self.ms.checked_sub(1).map(|ms| Self { ms, seq: u64::MAX }),
        }
    }

    /// Its text; `buffer` holds it.
    #[inline]
    pub fn text(self, buffer: &mut [u8; Self::TEXT_MAX]) -> &[u8] {
        let mut digits = itoa::Buffer::new();
        let ms = digits.format(self.ms).as_bytes();
        let at = ms.len();
        buffer[..at].copy_from_slice(ms);
        buffer[at] = b'-';
        let seq = digits.format(self.seq).as_bytes();
        let end = at + 1 + seq.len();
        buffer[at + 1..end].copy_from_slice(seq);
        &buffer[..end]
    }

    /// The two halves, big endian: the order of the bytes is that of the ids.
    #[must_use]
    pub fn to_be_bytes(self) -> [u8; 16] {
        ((u128::from(self.ms) << 64) | u128::from(self.seq)).to_be_bytes()
    }

    /// The opposite.
    #[must_use]
    pub fn from_be_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self { ms: (both >> 64) as u64, seq: both as u64 }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}
