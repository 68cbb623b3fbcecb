//! The RDB format: how values are written down in snapshots, DUMP payloads and full syncs.
//!
//! - [`encode`] and [`decode`]: what all types are made of, lengths and strings;
//! - [`object`]: a value of one type and form; `save` writes it, `load` has a loader for each form;
//! - [`mod@dump`]: the payload of DUMP and RESTORE around one value;
//! - [`mod@file`]: the file around a whole data set.
//!
//! # Layout
//! The top two bits of a length's first byte say how it goes on; numbers longer than a byte are
//! big-endian here:
//!
//! ```text
//!   00nnnnnn                     n (0 to 63)
//!   01nnnnnn nnnnnnnn            n (to 16,383)
//!   10000000 + 4 bytes           n (to 2³² − 1)
//!   10000001 + 8 bytes           n
//!   11eeeeee                     no length: a string in encoding e follows
//! ```
//!
//! A string is a length and that many bytes, or one of the encodings, whose integers are
//! little-endian:
//!
//! ```text
//!   c0 + 1 byte                  an integer, to be read as its decimal text
//!   c1 + 2 bytes                 the same
//!   c2 + 4 bytes                 the same
//!   c3 length length bytes       LZF: compressed length, the string's length, compressed bytes
//! ```
//!
//! Collections are a count and their elements, or a packed form of memory (listpack, intset) as one
//! string. A list is a count of nodes, each a container (1: one element, 2: a listpack) and a string; a
//! member's score is a double of eight bytes, little-endian. A hash some of whose fields have a deadline
//! begins with the first of them (8 bytes, little-endian, ms since the epoch); each field's then stands
//! before it as the distance from the first, plus one, and 0 is none.
//!
//! A DUMP payload is a type byte, the value, the RDB version (2 bytes, little-endian) and the
//! CRC-64 of all before it (8 bytes, little-endian). `SET k 300`, `DUMP k`:
//!
//! ```text
//!   00  c1 2c 01  0b 00  fc 9d dc 81 98 1d b5 99
//!   │   │         │      └ CRC-64
//!   │   │         └ version 11
//!   │   └ a 16-bit integer, 0x012c
//!   └ type 0: string
//! ```

pub mod decode;
pub mod dump;
pub mod encode;
pub mod file;
mod load;
pub mod object;
pub mod pieces;
mod save;
mod stream;
#[cfg(test)]
mod tests;
mod ziplist;

pub use dump::{Dumper, PayloadError, restore};
pub use object::{Loaded, Saved};

/// The version of the format that is written unless another is asked for: Redis 7.2's.
pub const VERSION: u16 = 11;

/// Whether a file or payload of this version can be read: Redis's up to 8.x, and Valkey 9's, which
/// counts from 80 on.
#[must_use]
pub fn is_readable_version(version: u16) -> bool {
    matches!(version, 1..=12 | 80)
}

/// Valkey's own count begins here; some of its types, and the magic of its files, are others.
pub const FIRST_OF_VALKEY: u16 = 80;

/// Whether a version is of Valkey's own count.
fn is_of_valkey(version: u16) -> bool {
    version >= FIRST_OF_VALKEY
}

/// First bytes of an encoded string, and of lengths that have their number behind them.
mod code {
    pub(super) const LEN_14: u8 = 0b01_000000;
    pub(super) const LEN_32: u8 = 0b10_000000;
    pub(super) const LEN_64: u8 = 0b10_000001;
    pub(super) const INT_8: u8 = 0b11_000000;
    pub(super) const INT_16: u8 = 0b11_000001;
    pub(super) const INT_32: u8 = 0b11_000010;
    pub(super) const LZF: u8 = 0b11_000011;

    /// In the place of a double's length as text.
    pub(super) const DOUBLE_NAN: u8 = 253;
    pub(super) const DOUBLE_INF: u8 = 254;
    pub(super) const DOUBLE_NEG_INF: u8 = 255;
}
