//! The append-only file: every change as the command that makes it.
//!
//! - [`read`]: commands out of a file's bytes, strictly, with the offset of everything.

pub mod read;
