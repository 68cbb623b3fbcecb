//! An RDB file: a whole data set as one stream, written by [`mod@write`], read by [`read`].
//!
//! # Layout
//! ```text
//!   "REDIS" and four digits      magic and version; Valkey from 80 on: "VALKEY" and three digits
//!   sections, each behind a byte that says what it is (see `opcode`):
//!     fa key value                a fact about the file: which server wrote it, when
//!     f5 code                     a library of functions, as its source
//!     fe db                       the keys that follow are in this database
//!     fb keys volatile            so many keys follow in it, so many of them with a deadline
//!     [fc ms] [f8 idle | f9 freq] type key value
//!                                 a key: the deadline (8 bytes, little-endian, ms since the epoch; `fd` and
//!                                 4 bytes for seconds), when it was last used or how often, the type byte
//!   ff                            the end
//!   8 bytes                       CRC-64 of all before it, little-endian; zeros where it was switched off
//! ```
//! Lengths, strings and values are those of [`rdb`](super). `SET k 300` with a deadline of 1,000 ms, in version 11:
//!
//! ```text
//!   52 45 44 49 53 30 30 31 31      REDIS0011
//!   fe 00                           database 0
//!   fb 01 01                        one key, one of them volatile
//!   fc e8 03 00 00 00 00 00 00      deadline 1,000
//!   00 01 6b c1 2c 01               a string; "k"; 300
//!   ff + 8 bytes                    the end
//! ```

mod error;
mod extent;
pub mod read;
#[cfg(test)]
mod tests;
pub mod write;

/// The bytes that begin a section; any other is the type byte of a key.
pub mod opcode {
    /// Which slot the keys that follow are in, and how many: of a cluster's node.
    pub const SLOT_INFO: u8 = 244;
    /// A library of functions.
    pub const FUNCTION: u8 = 245;
    /// A library of functions as Redis 7.0's release candidates wrote it.
    pub const FUNCTION_PRE: u8 = 246;
    /// Data of a module beside the keys.
    pub const MODULE_AUX: u8 = 247;
    /// Seconds since the key was last used.
    pub const IDLE: u8 = 248;
    /// How often the key was used.
    pub const FREQ: u8 = 249;
    /// A fact about the file.
    pub const AUX: u8 = 250;
    /// How many keys follow.
    pub const RESIZE_DB: u8 = 251;
    /// The key's deadline, ms since the epoch.
    pub const EXPIRE_MS: u8 = 252;
    /// The key's deadline, seconds since the epoch.
    pub const EXPIRE_S: u8 = 253;
    /// Which database the keys that follow are in.
    pub const SELECT_DB: u8 = 254;
    /// The end.
    pub const END: u8 = 255;
}
