//! Why a command failed, and how that reads on the wire.

use std::borrow::Cow;

/// The reason a command answers an error. Only [`CmdError::text`] knows the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CmdError {
    /// The key holds another type.
    WrongType,
    /// Unknown words among the options, or words that exclude each other.
    Syntax,
    /// Not an integer of 64 bits.
    NotInteger,
    /// Not a floating-point number.
    NotFloat,
    /// Wrong number of arguments for the command or `container|subcommand` of this name.
    Arity(&'static str),
    /// The key must exist and does not.
    NoSuchKey,
    /// A result or offset past proto-max-bulk-len.
    StringTooLong,
    /// An increment past 64 bits.
    Overflow,
    /// An expiry that is not positive or past the end of time, with the command's name.
    InvalidExpire(&'static str),
    /// A database index past `databases`, or none.
    DbIndexOutOfRange,
    /// `ERR` with fixed words.
    Msg(&'static str),
    /// A code and words made for the case: `"WRONGPASS invalid …"`.
    Full(Cow<'static, str>),
}

impl CmdError {
    /// `ERR` with words made for the case.
    pub fn err(words: impl std::fmt::Display) -> Self {
        Self::Full(Cow::Owned(format!("ERR {words}")))
    }

    /// An error with a code of its own: `CmdError::code("NOAUTH Authentication required.")`.
    pub const fn code(text: &'static str) -> Self {
        Self::Full(Cow::Borrowed(text))
    }

    /// Code and words, as sent after the `-`.
    pub fn text(&self) -> Cow<'_, str> {
        let fixed = match self {
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::Syntax => "ERR syntax error",
            Self::NotInteger => "ERR value is not an integer or out of range",
            Self::NotFloat => "ERR value is not a valid float",
            Self::NoSuchKey => "ERR no such key",
            Self::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Self::Overflow => "ERR increment or decrement would overflow",
            Self::DbIndexOutOfRange => "ERR DB index is out of range",
            Self::Arity(name) => {
                return format!("ERR wrong number of arguments for '{name}' command").into();
            }
            Self::InvalidExpire(name) => {
                return format!("ERR invalid expire time in '{name}' command").into();
            }
            Self::Msg(words) => return format!("ERR {words}").into(),
            Self::Full(text) => return Cow::Borrowed(text),
        };
        Cow::Borrowed(fixed)
    }
}
