//! A value of one type: one encoder and one loader for each type byte.

use super::decode::{Corrupt, Decoder};

/// The bytes that name a value's type and its form.
pub(super) mod type_byte {
    /// A string.
    pub(crate) const STRING: u8 = 0;
}

/// A value as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// A string; if it was written as an integer, its text.
    Str(Vec<u8>),
}

/// Why a value could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// Its bytes make no sense.
    Corrupt(Corrupt),
    /// Its type is not known here.
    UnsupportedType(u8),
}

impl From<Corrupt> for LoadError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}

/// Reads the value that follows its type byte.
///
/// # Errors
/// The value is of no known type, or corrupt.
pub fn load(type_byte: u8, input: &mut Decoder<'_>) -> Result<Loaded, LoadError> {
    match type_byte {
        type_byte::STRING => Ok(Loaded::Str(input.string()?)),
        unknown => Err(LoadError::UnsupportedType(unknown)),
    }
}
