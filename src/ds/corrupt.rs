//! What foreign bytes are answered that are not what they should be.

use std::fmt;

/// What is wrong with bytes that came from elsewhere, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// How many bytes in.
    pub at: usize,
    /// In a few words.
    pub what: &'static str,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Corrupt {}
