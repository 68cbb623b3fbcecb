//! Writing lengths and strings, with Redis's choices of encoding: the same value gives the same
//! bytes.

use super::{VERSION, code};
use crate::stdx::lzf::Compressor;

/// The longest text of a 32-bit integer.
const INT_TEXT_MAX: usize = "-2147483648".len();
/// Strings up to this length are not worth compressing.
const UNCOMPRESSED_MAX: usize = 20;
/// What compression must save at least, so that its two lengths pay.
const COMPRESSION_GAIN_MIN: usize = 4;

/// Appends parts of RDB values to a buffer.
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    compression: Compression<'a>,
    version: u16,
    /// Where a string is compressed before its compressed length is known.
    compressed: Vec<u8>,
}

/// What becomes of strings that are long enough to be compressed.
enum Compression<'a> {
    /// `rdbcompression` is off.
    Off,
    Now(&'a mut Compressor),
    /// They are written as they are, and their places noted.
    Later(&'a mut Vec<Verbatim>),
}

/// A string written as it is that [`compress`] may make shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verbatim {
    /// The offset of its length.
    pub at: usize,
    /// Where the string itself begins.
    pub text_at: usize,
    /// Where it ends.
    pub end: usize,
}

impl Verbatim {
    /// Its place when what it is in stands `by` bytes further on.
    #[must_use]
    pub fn moved(self, by: usize) -> Self {
        Self { at: self.at + by, text_at: self.text_at + by, end: self.end + by }
    }
}

impl<'a> Encoder<'a> {
    /// An encoder that appends to `out`, and compresses strings if it has a compressor.
    pub fn new(out: &'a mut Vec<u8>, compressor: Option<&'a mut Compressor>) -> Self {
        let compression = compressor.map_or(Compression::Off, Compression::Now);
        Self { out, compression, version: VERSION, compressed: Vec::new() }
    }

    /// An encoder that leaves compression to [`compress`], and notes in `places`, in order, which strings
    /// are long enough for it.
    pub fn deferring(out: &'a mut Vec<u8>, places: &'a mut Vec<Verbatim>) -> Self {
        Self {
            out,
            compression: Compression::Later(places),
            version: VERSION,
            compressed: Vec::new(),
        }
    }

    /// The same, for values in the forms that this version of the format has.
    #[must_use]
    pub fn for_version(mut self, version: u16) -> Self {
        self.version = version;
        self
    }

    /// The version that is written.
    pub(super) fn version(&self) -> u16 {
        self.version
    }

    /// Writes one byte as it is.
    pub fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// Writes a length.
    pub fn length(&mut self, len: usize) {
        if len < 1 << 6 {
            self.out.push(len as u8);
        } else if len < 1 << 14 {
            let [high, low] = (len as u16).to_be_bytes();
            self.out.extend_from_slice(&[code::LEN_14 | high, low]);
        } else if let Ok(len) = u32::try_from(len) {
            self.out.push(code::LEN_32);
            self.out.extend_from_slice(&len.to_be_bytes());
        } else {
            self.out.push(code::LEN_64);
            self.out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }

    /// Writes a string: as an integer if it is the text of a 32-bit one, else compressed if that is
    /// on and pays, else as it is.
    pub fn string(&mut self, bytes: &[u8]) {
        if let Some(int) = canonical_i32(bytes) {
            self.int(int);
        } else if !self.compressed(bytes) {
            self.verbatim(bytes);
        }
    }

    /// Writes a string of `len` bytes of which there is the compressed form.
    pub fn lzf(&mut self, compressed: &[u8], len: usize) {
        self.byte(code::LZF);
        self.length(compressed.len());
        self.length(len);
        self.out.extend_from_slice(compressed);
    }

    /// Writes bytes as they are, without a length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Writes a number of eight bytes, little-endian.
    pub fn u64_le(&mut self, number: u64) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    /// Writes a double of eight bytes, little-endian.
    pub fn double(&mut self, number: f64) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    /// Writes the string that is the text of `int`.
    pub fn int_string(&mut self, int: i64) {
        match i32::try_from(int) {
            Ok(int) => self.int(int),
            Err(_) => self.verbatim(itoa::Buffer::new().format(int).as_bytes()),
        }
    }

    fn int(&mut self, int: i32) {
        if let Ok(int) = i8::try_from(int) {
            self.out.push(code::INT_8);
            self.out.extend_from_slice(&int.to_le_bytes());
        } else if let Ok(int) = i16::try_from(int) {
            self.out.push(code::INT_16);
            self.out.extend_from_slice(&int.to_le_bytes());
        } else {
            self.out.push(code::INT_32);
            self.out.extend_from_slice(&int.to_le_bytes());
        }
    }

    /// Writes a string compressed; false, and nothing, if that is off or does not pay.
    fn compressed(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() <= UNCOMPRESSED_MAX {
            return false;
        }
        let compressor = match &mut self.compression {
            Compression::Off => return false,
            Compression::Now(compressor) => compressor,
            Compression::Later(_) => {
                self.note_verbatim(bytes);
                return true;
            }
        };
        let mut compressed = std::mem::take(&mut self.compressed);
        compressed.clear();
        let pays = compressor.compress(bytes, &mut compressed, bytes.len() - COMPRESSION_GAIN_MIN);
        if pays {
            self.lzf(&compressed, bytes.len());
        }
        self.compressed = compressed;
        pays
    }

    fn verbatim(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    /// Writes a string as it is and notes where.
    fn note_verbatim(&mut self, bytes: &[u8]) {
        let at = self.out.len();
        self.length(bytes.len());
        let text_at = self.out.len();
        self.out.extend_from_slice(bytes);
        if let Compression::Later(places) = &mut self.compression {
            places.push(Verbatim { at, text_at, end: self.out.len() });
        }
    }
}

/// Appends `encoded` to `out` with those strings compressed for which it pays: what an encoder with a
/// compressor would have written in place of one that [defers](Encoder::deferring).
pub fn compress(
    encoded: &[u8],
    places: &[Verbatim],
    compressor: &mut Compressor,
    out: &mut Vec<u8>,
) {
    let mut encoder = Encoder::new(out, Some(compressor));
    let mut done = 0;
    for place in places {
        encoder.out.extend_from_slice(&encoded[done..place.at]);
        done = if encoder.compressed(&encoded[place.text_at..place.end]) {
            place.end
        } else {
            place.at
        };
    }
    encoder.out.extend_from_slice(&encoded[done..]);
}

/// The integer whose text is exactly `bytes`: without plus sign, leading zeros or minus zero, which
/// would not come back.
fn canonical_i32(bytes: &[u8]) -> Option<i32> {
    if bytes.len() > INT_TEXT_MAX {
        return None;
    }
    let int: i32 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(int).as_bytes() == bytes).then_some(int)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &[u8]) {
        let mut out = Vec::new();
        Encoder::new(&mut out, Some(&mut Compressor::new())).string(bytes);
        assert_eq!(out, expected, "{}", bytes.escape_ascii());
    }

    #[test]
    fn lengths_take_the_shortest_form() {
        for (len, expected) in [
            (0, &[0][..]),
            (63, &[0x3f]),
            (64, &[0x40, 0x40]),
            (16_383, &[0x7f, 0xff]),
            (16_384, &[0x80, 0, 0, 0x40, 0]),
            (0xffff_ffff, &[0x80, 0xff, 0xff, 0xff, 0xff]),
            (0x1_0000_0000, &[0x81, 0, 0, 0, 1, 0, 0, 0, 0]),
        ] {
            let mut out = Vec::new();
            Encoder::new(&mut out, None).length(len);
            assert_eq!(out, expected, "{len}");
        }
    }

    #[test]
    fn integers_take_the_narrowest_form() {
        check(b"0", b"\xc0\x00");
        check(b"-128", b"\xc0\x80");
        check(b"128", b"\xc1\x80\x00");
        check(b"-32768", b"\xc1\x00\x80");
        check(b"32768", b"\xc2\x00\x80\x00\x00");
        check(b"-2147483648", b"\xc2\x00\x00\x00\x80");
        check(b"2147483648", b"\x0a2147483648");
    }

    #[test]
    fn text_that_an_integer_would_not_give_back_stays_text() {
        for text in ["", "-", "+1", "01", "-0", "1 ", "1.0", "\u{661}"] {
            let mut expected = vec![text.len() as u8];
            expected.extend_from_slice(text.as_bytes());
            check(text.as_bytes(), &expected);
        }
    }

    #[test]
    fn only_strings_above_20_bytes_are_compressed() {
        check(&[b'a'; 20], b"\x14aaaaaaaaaaaaaaaaaaaa");
        check(&[b'a'; 21], b"\xc3\x06\x15\x01aa\xe0\x0a\x00");
    }

    #[test]
    fn compressing_later_gives_the_bytes_of_compressing_at_once() {
        let strings = [
            &b"short"[..],
            &[b'a'; 300],
            b"12345678",
            b"no twin in all of these 26 bytes",
            &[7; 21],
        ];
        let (mut at_once, mut plain, mut places) = (Vec::new(), Vec::new(), Vec::new());
        let mut compressor = Compressor::new();
        for string in strings {
            Encoder::new(&mut at_once, Some(&mut compressor)).string(string);
            Encoder::deferring(&mut plain, &mut places).string(string);
        }
        assert_eq!(places.len(), 3);
        let mut later = Vec::new();
        compress(&plain, &places, &mut compressor, &mut later);
        assert_eq!(later, at_once);
    }

    #[test]
    fn an_integer_value_is_written_as_its_text_would_be() {
        for int in [0, -129, 40_000, i64::from(i32::MIN), 1 << 31, i64::MIN, i64::MAX] {
            let (mut of_int, mut of_text) = (Vec::new(), Vec::new());
            Encoder::new(&mut of_int, None).int_string(int);
            Encoder::new(&mut of_text, None).string(int.to_string().as_bytes());
            assert_eq!(of_int, of_text);
        }
    }
}
