//! What std lacks: numbers as text, strings of bits, glob, checksums, hashing, the clocks, the
//! allocator, OS calls.
//! What std lacks: numbers as text, glob, words on a line, checksums, hashing, the clocks, the allocator, OS calls.
pub mod alloc;
pub mod bits;
pub mod civil;
pub mod clock;
pub mod crc;
pub mod f80;
pub mod fields;
pub mod glob;
pub mod hash;
pub mod lzf;
pub mod memory;
pub mod num;
pub mod os;
pub mod words;
