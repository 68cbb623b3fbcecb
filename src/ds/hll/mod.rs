//! HyperLogLogs: about how many different elements there were, in 12 KB or less. The bytes are
//! Redis's, so GET, SET, RDB files and DUMP payloads carry them as they are.
//!
//! An element is hashed to 64 bits. The low 14 choose one of 16384 registers; the position of the
//! lowest bit set in the other 50 (1 to 51) is the element's *rank*, and a register holds the
//! highest rank that it saw. Many different elements make high ranks likely: the estimate follows
//! from how often each rank stands in the registers (`estimate`). Its standard error is 0.81 %.
//!
//! # Layout
//! ```text
//!  0      4          5        8             16
//! +------+----------+--------+-------------+-- ... --+
//! | HYLL | encoding | unused | cardinality | registers
//! | 4    | 1        | 3      | 8           |
//! +------+----------+--------+-------------+-- ... --+
//! ```
//! `cardinality` is the last estimate, little endian; while its highest bit is set it is out of
//! date.
//!
//! Encoding 0, *dense*: 12288 bytes, six bits for each register, the first one in the lowest bits
//! of the first byte. Four registers `a b c d` fill three bytes, as one little-endian number of 24
//! bits:
//! ```text
//! bbaaaaaa  ccccbbbb  ddddddcc
//! ```
//! Encoding 1, *sparse*: runs of equal registers from the first to the last (`sparse`), in as few
//! bytes as there are runs. A register past 32, or more bytes than the configured limit, turns it
//! into a dense one.
//!
//! The three elements `a`, `b` and `c` make, as `PFDEBUG DECODE` tells it,
//! `Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603`:
//! ```text
//! 48 59 4c 4c              HYLL
//! 01 00 00 00              sparse
//! 00 00 00 00 00 00 00 80  no estimate yet
//! 60 f3                    8436 registers of 0
//! 80                       one of 1
//! 50 b1                    4274 of 0
//! 84                       one of 2
//! 4b fb                    3068 of 0
//! 80                       one of 1
//! 42 5a                    603 of 0
//! ```
//!
//! # Costs
//! Adding is O(1) to a dense one, O(bytes) to a sparse one. The estimate and a merge visit every
//! register: dense ones are unpacked 4 at a time in words and compared 16 and more at a time in
//! vectors.
//!
//! # Invariants
//! Anybody may SET such a string, so nothing is taken for granted: [`Hll::parse`] looks at the
//! header and the length, and what reads the registers of a sparse one answers [`Corrupt`] where
//! runs are cut off or do not come to 16384. An [`Editor`] is given only bytes that
//! [`Hll::validate`] has passed.
//!
//! 1. A dense one has 16 + 12288 bytes.
//! 2. A sparse one's runs come to 16384 registers.
//! 3. The cached cardinality is the estimate, or marked as out of date.

mod dense;
mod editor;
mod estimate;
mod hash;
mod registers;
mod self_test;
mod sparse;
#[cfg(test)]
mod tests;

pub use editor::Editor;
pub use registers::Registers;
pub use self_test::self_test;
pub use sparse::{Run, Runs};

use estimate::Histogram;

/// Registers of a HyperLogLog.
pub const REGISTERS: usize = 1 << INDEX_BITS;

/// Bits of the hash that choose the register.
const INDEX_BITS: u32 = 14;

/// Bits of the hash that make the rank.
const RANK_BITS: u32 = 64 - INDEX_BITS;

const HEADER: usize = 16;
const MAGIC: &[u8; 4] = b"HYLL";
const DENSE: u8 = 0;
const SPARSE: u8 = 1;

/// Bytes of a dense one.
const DENSE_LEN: usize = HEADER + dense::LEN;

/// Where the highest byte of the cardinality stands, whose highest bit says that it is out of date.
const CARDINALITY_TOP: usize = 15;
const OUT_OF_DATE: u8 = 0x80;

/// The registers cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// What an element does to a HyperLogLog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its register.
    index: usize,
    /// The value that the register must have at least.
    rank: u8,
}

impl Mark {
    /// The mark of `element`.
    pub fn of(element: &[u8]) -> Self {
        let hash = hash::murmur64a(element);
        // The bit behind the last one ends the search.
        let rest = hash >> INDEX_BITS | 1 << RANK_BITS;
        Self { index: hash as usize % REGISTERS, rank: rest.trailing_zeros() as u8 + 1 }
    }
}

/// A HyperLogLog's bytes, for reading.
#[derive(Debug, Clone, Copy)]
pub struct Hll<'a> {
    bytes: &'a [u8],
}

impl<'a> Hll<'a> {
    /// `bytes` as a HyperLogLog, if they have the header and length of one.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let fits = match *rest.first()? {
            DENSE => bytes.len() == DENSE_LEN,
            SPARSE => bytes.len() >= HEADER,
            _ => false,
        };
        fits.then_some(Self { bytes })
    }

    /// Whether every register can be read: the edits that follow then cannot fail.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn validate(self) -> Result<(), Corrupt> {
        self.runs().map_or(Ok(()), |runs| runs.try_for_each(|_| {}))
    }

    /// Whether it is a dense one.
    pub fn is_dense(self) -> bool {
        self.bytes[MAGIC.len()] == DENSE
    }

    /// The runs of a sparse one.
    pub fn runs(self) -> Option<Runs<'a>> {
        (!self.is_dense()).then(|| Runs::new(&self.bytes[HEADER..]))
    }

    /// The estimate that it carries, unless that is out of date.
    pub fn cached_count(self) -> Option<u64> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.bytes[8..HEADER]);
        (bytes[7] & OUT_OF_DATE == 0).then(|| u64::from_le_bytes(bytes))
    }

    /// The estimate, worked out.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn count(self) -> Result<u64, Corrupt> {
        let Some(runs) = self.runs() else {
            let mut registers = Registers::default();
            registers.merge(self)?;
            return Ok(registers.count());
        };
        let mut histogram = Histogram::default();
        runs.try_for_each(|run| histogram.add(run.value, run.len))?;
        Ok(histogram.estimate())
    }

    /// Whether `mark` would change it.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn lacks(self, mark: Mark) -> Result<bool, Corrupt> {
        let value = match self.runs() {
            None => dense::register(self.packed(), mark.index),
            Some(mut runs) => runs.find(mark.index)?.value,
        };
        Ok(value < mark.rank)
    }

    /// The registers of a dense one.
    fn packed(self) -> &'a dense::Packed {
        let packed = self.bytes[HEADER..].try_into();
        packed.expect("parse saw to the length")
    }
}

/// The bytes of a new one, which saw no element.
pub fn empty() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + 2);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[SPARSE, 0, 0, 0]);
    bytes.extend_from_slice(&0u64.to_le_bytes());
    sparse::push_zeros(&mut bytes, REGISTERS);
    bytes
}
