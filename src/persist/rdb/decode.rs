//! Reading lengths and strings. The bytes are foreign: nothing here panics on them, or allocates
//! much more than they could stand for.

use super::code;
pub use crate::ds::Corrupt;
use crate::stdx::lzf;
use crate::stdx::num::parse_f64;
use std::borrow::Cow;

/// Reads parts of RDB values from a slice, from its start to its end.
pub struct Decoder<'a> {
    rest: &'a [u8],
    /// How many bytes are read.
    at: usize,
    /// How many bytes more would have been needed where the input ended too early.
    missing: usize,
}

pub(super) const EARLY_END: &str = "early end";
const UNKNOWN_ENCODING: &str = "unknown string encoding";

/// How a string begins.
pub(super) enum TextHead {
    /// Its length, which so many bytes follow.
    Verbatim(usize),
    /// It is encoded.
    Encoded,
}

/// What a length's place can hold.
enum Prefix {
    Length(usize),
    /// The first byte of an encoded string.
    Encoding(u8),
}

impl<'a> Decoder<'a> {
    /// A decoder at the first byte of `input`.
    #[must_use]
    pub fn new(input: &'a [u8]) -> Self {
        Self { rest: input, at: 0, missing: 0 }
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// The input has ended; so for all that follow.
    pub fn byte(&mut self) -> Result<u8, Corrupt> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Reads a length.
    ///
    /// # Errors
    /// There is an encoded string instead, or no known form of a length.
    pub fn length(&mut self) -> Result<usize, Corrupt> {
        match self.prefix()? {
            Prefix::Length(len) => Ok(len),
            Prefix::Encoding(_) => Err(self.corrupt("no length but an encoded string")),
        }
    }

    /// Reads a string in any encoding; integers become text.
    ///
    /// # Errors
    /// The encoding is not known, or the string not whole.
    pub fn string(&mut self) -> Result<Vec<u8>, Corrupt> {
        self.text().map(Cow::into_owned)
    }

    /// Like [`Decoder::string`], without a copy of what stands there as it is.
    ///
    /// # Errors
    /// The same.
    pub fn text(&mut self) -> Result<Cow<'a, [u8]>, Corrupt> {
        let made = match self.prefix()? {
            Prefix::Length(len) => return Ok(Cow::Borrowed(self.bytes(len)?)),
            Prefix::Encoding(code::INT_8) => text(i8::from_le_bytes(self.array()?)),
            Prefix::Encoding(code::INT_16) => text(i16::from_le_bytes(self.array()?)),
            Prefix::Encoding(code::INT_32) => text(i32::from_le_bytes(self.array()?)),
            Prefix::Encoding(code::LZF) => self.lzf_string()?,
            Prefix::Encoding(_) => return Err(self.corrupt(UNKNOWN_ENCODING)),
        };
        Ok(Cow::Owned(made))
    }

    /// Reads a number of eight bytes, little-endian.
    ///
    /// # Errors
    /// They are not there.
    pub fn u64_le(&mut self) -> Result<u64, Corrupt> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads a signed number of four bytes, little-endian.
    ///
    /// # Errors
    /// They are not there.
    pub(super) fn i32_le(&mut self) -> Result<i32, Corrupt> {
        self.array().map(i32::from_le_bytes)
    }

    /// Reads a double of eight bytes, little-endian.
    ///
    /// # Errors
    /// They are not there.
    pub fn double(&mut self) -> Result<f64, Corrupt> {
        self.array().map(f64::from_le_bytes)
    }

    /// Reads a double as Redis wrote them before version 8: text behind a byte that is its length, or
    /// stands for what has no digits.
    ///
    /// # Errors
    /// It is not whole, or no text of a number.
    pub fn text_double(&mut self) -> Result<f64, Corrupt> {
        match self.byte()? {
            code::DOUBLE_NAN => Ok(f64::NAN),
            code::DOUBLE_INF => Ok(f64::INFINITY),
            code::DOUBLE_NEG_INF => Ok(f64::NEG_INFINITY),
            len => {
                let text = self.bytes(len.into())?;
                parse_f64(text).ok_or(self.corrupt("the text of no number"))
            }
        }
    }

    /// Reads a length, or what else stands in the place of a string's.
    ///
    /// # Errors
    /// There is no known form of either.
    pub(super) fn text_head(&mut self) -> Result<TextHead, Corrupt> {
        Ok(match self.prefix()? {
            Prefix::Length(len) => TextHead::Verbatim(len),
            Prefix::Encoding(_) => TextHead::Encoded,
        })
    }

    /// Passes over a string without making it.
    ///
    /// # Errors
    /// As [`Decoder::string`], but for what compressed bytes may hold.
    pub(super) fn skip_text(&mut self) -> Result<(), Corrupt> {
        let len = match self.prefix()? {
            Prefix::Length(len) => len,
            Prefix::Encoding(code::INT_8) => 1,
            Prefix::Encoding(code::INT_16) => 2,
            Prefix::Encoding(code::INT_32) => 4,
            Prefix::Encoding(code::LZF) => {
                let compressed_len = self.length()?;
                self.length()?;
                compressed_len
            }
            Prefix::Encoding(_) => return Err(self.corrupt(UNKNOWN_ENCODING)),
        };
        self.skip(len)
    }

    /// Passes over a double as [`Decoder::text_double`] reads it.
    ///
    /// # Errors
    /// It is not whole.
    pub(super) fn skip_text_double(&mut self) -> Result<(), Corrupt> {
        match self.byte()? {
            code::DOUBLE_NAN.. => Ok(()),
            len => self.skip(len.into()),
        }
    }

    /// Passes over so many bytes.
    ///
    /// # Errors
    /// They are not there.
    pub(super) fn skip(&mut self, len: usize) -> Result<(), Corrupt> {
        self.bytes(len).map(drop)
    }

    /// Notes that at least so many bytes must be left; whether they are.
    pub(super) fn has(&mut self, len: usize) -> bool {
        self.missing = len.saturating_sub(self.rest.len());
        self.missing == 0
    }

    /// How many bytes more, at least, were needed where something was not whole; 0 if all that was
    /// asked for was there.
    pub(super) fn missing(&self) -> usize {
        self.missing
    }

    /// How many bytes are read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// How many bytes are left to be read.
    #[must_use]
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Something is left.
    pub fn finish(self) -> Result<(), Corrupt> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.corrupt("bytes after the value")) }
    }

    fn lzf_string(&mut self) -> Result<Vec<u8>, Corrupt> {
        let compressed_len = self.length()?;
        let len = self.length()?;
        let compressed = self.bytes(compressed_len)?;
        lzf::decompress(compressed, len).map_err(|error| self.corrupt(error.what()))
    }

    fn prefix(&mut self) -> Result<Prefix, Corrupt> {
        let first = self.byte()?;
        let len = match first {
            0..code::LEN_14 => u64::from(first),
            code::LEN_14..code::LEN_32 => {
                u64::from(u16::from_be_bytes([first & !code::LEN_14, self.byte()?]))
            }
            code::LEN_32 => u64::from(u32::from_be_bytes(self.array()?)),
            code::LEN_64 => u64::from_be_bytes(self.array()?),
            code::INT_8.. => return Ok(Prefix::Encoding(first)),
            _ => return Err(self.corrupt("unknown form of a length")),
        };
        let len = usize::try_from(len).map_err(|_| self.corrupt("length beyond this machine"))?;
        Ok(Prefix::Length(len))
    }

    /// Reads so many bytes.
    ///
    /// # Errors
    /// They are not there.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let Some((&array, rest)) = self.rest.split_first_chunk() else {
            self.missing = N - self.rest.len();
            return Err(self.corrupt(EARLY_END));
        };
        self.advance_to(rest);
        Ok(array)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], Corrupt> {
        let Some((bytes, rest)) = self.rest.split_at_checked(len) else {
            self.missing = len - self.rest.len();
            return Err(self.corrupt(EARLY_END));
        };
        self.advance_to(rest);
        Ok(bytes)
    }

    fn advance_to(&mut self, rest: &'a [u8]) {
        self.at += self.rest.len() - rest.len();
        self.rest = rest;
    }

    /// What is wrong where the reading has come to.
    #[must_use]
    pub fn corrupt(&self, what: &'static str) -> Corrupt {
        Corrupt { at: self.at, what }
    }
}

fn text(int: impl Into<i32>) -> Vec<u8> {
    itoa::Buffer::new().format(int.into()).as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(input: &[u8]) -> Result<Vec<u8>, Corrupt> {
        let mut decoder = Decoder::new(input);
        let string = decoder.string()?;
        decoder.finish()?;
        Ok(string)
    }

    #[test]
    fn a_length_may_be_longer_than_it_need_be() {
        for prefix in [&b"\x03"[..], b"\x40\x03", b"\x80\0\0\0\x03", b"\x81\0\0\0\0\0\0\0\x03"] {
            assert_eq!(string(&[prefix, b"abc"].concat()).unwrap(), b"abc");
        }
    }

    #[test]
    fn integers_become_text() {
        assert_eq!(string(b"\xc0\x80").unwrap(), b"-128");
        assert_eq!(string(b"\xc1\x39\x30").unwrap(), b"12345");
        assert_eq!(string(b"\xc2\xff\xff\xff\xff").unwrap(), b"-1");
    }

    #[test]
    fn faults_are_named_with_their_place() {
        for (input, at, what) in [
            (&b""[..], 0, "early end"),
            (b"\x03ab", 1, "early end"),
            (b"\xc2abc", 1, "early end"),
            (b"\x81\xff\xff\xff\xff\xff\xff\xff\xff", 9, "early end"),
            (b"\x82\0\0", 1, "unknown form of a length"),
            (b"\xc4abc", 1, "unknown string encoding"),
            (b"\xc3\xc0\x01", 2, "no length but an encoded string"),
            (b"\x01ab", 2, "bytes after the value"),
            (b"\xc3\x02\x05\x03a", 5, "LZF data ends inside a chunk"),
            (b"\xc3\x04\x05\x00a\x20\x01", 7, "LZF match begins before the data"),
            (
                b"\xc3\x02\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x00a",
                13,
                "LZF data is not as long as stated",
            ),
        ] {
            assert_eq!(string(input), Err(Corrupt { at, what }), "{}", input.escape_ascii());
        }
    }
}
