//! Strings: an integer, bytes inside the entry, or bytes of their own with room to grow.

use super::{Entry, Value, value};
use bytes::Bytes;

use crate::ds::entry::{INLINE_MAX, NewValue, ValueRef};
use crate::ds::handle::Any;
use crate::ds::sds::Sds;
use crate::stdx::num;

/// The longest string that OBJECT ENCODING calls `embstr`.
pub const EMBSTR_MAX: usize = 44;

/// A string's value while it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Str<'a> {
    /// Held as an integer.
    Int(i64),
    /// Held as bytes.
    Bytes(&'a [u8]),
    /// Held as bytes that replies may share.
    Shared(&'a Bytes),
}

/// A string on its way in. A long one was received into memory of its own, which becomes the
/// value's without a copy.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    bytes: &'a [u8],
    shared: Option<&'a Bytes>,
}

impl<'a> Text<'a> {
    /// Bytes that lie in memory of their own.
    pub fn shared(bytes: &'a Bytes) -> Self {
        Self { bytes, shared: Some(bytes) }
    }
}

impl<'a> From<&'a [u8]> for Text<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes, shared: None }
    }
}

impl<'a> From<&'a Vec<u8>> for Text<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self { bytes, shared: None }
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl<'a> Str<'a> {
    /// The string an entry holds; `None` if it holds another type.
    #[inline]
    pub fn of(entry: &'a Entry) -> Option<Self> {
        match entry.value() {
            ValueRef::Int(n) => Some(Self::Int(n)),
            ValueRef::Inline(bytes) => Some(Self::Bytes(bytes)),
            ValueRef::Other(value) => match value.view() {
                Any::Sds(s) => Some(Self::Bytes(s.as_slice())),
                value::Shared(s) => Some(Self::Shared(s)),
                _ => None,
            },
        }
    }

    /// Its bytes; an integer is written to `digits`.
    #[inline]
    pub fn bytes<'b>(self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Self::Int(n) => digits.format(n).as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    /// Its bytes, copied.
    pub fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// Its length in bytes.
    pub fn len(self) -> usize {
        self.bytes(&mut itoa::Buffer::new()).len()
    }

    /// Whether it has no bytes.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Its value as an integer, if it is one by Redis's strict rules.
    #[inline]
    pub fn int(self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(n),
            Self::Bytes(bytes) => num::parse_i64(bytes),
            Self::Shared(_) => None,
        }
    }

    /// Whether its bytes are `other`.
    pub fn equals(self, other: &[u8]) -> bool {
        self.bytes(&mut itoa::Buffer::new()) == other
    }
}

/// The form that holds `bytes` best: an integer where the text is one, else inline, else its own
/// allocation.
#[inline]
pub fn new_string<'a>(text: impl Into<Text<'a>>) -> NewValue<'a, Value> {
    let Text { bytes, shared } = text.into();
    if let Some(shared) = shared {
        return NewValue::Other(Value::shared(shared.clone()));
    }
    // The longest integer has 20 characters.
    if bytes.len() <= 20
        && let Some(n) = num::parse_i64(bytes)
    {
        return NewValue::Int(n);
    }
    new_text(bytes)
}

/// The form that holds `bytes` best as text, even where they spell an integer: what INCRBYFLOAT
/// stores is `embstr` or `raw`.
#[inline]
pub fn new_text(bytes: &[u8]) -> NewValue<'_, Value> {
    if bytes.len() <= INLINE_MAX {
        NewValue::Inline(bytes)
    } else {
        NewValue::Other(Value::raw(Sds::from_slice(bytes)))
    }
}

/// `bytes` behind `offset` zero bytes, held as `raw`.
pub fn new_padded(offset: usize, bytes: &[u8]) -> NewValue<'static, Value> {
    let mut string = Sds::new();
    overwrite(&mut string, offset, bytes);
    NewValue::Other(Value::raw(string))
}

/// Writes `bytes` at `offset`; what is missing before it becomes zero bytes.
pub fn overwrite(string: &mut Sds, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if end > string.len() {
        string.resize(end);
    }
    string[offset..end].copy_from_slice(bytes);
}
