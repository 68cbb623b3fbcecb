//! One element: its forms, how long each is, and the length written behind it.

use crate::stdx::num::parse_i64;

use super::Item;

/// Longest lead of an element: a byte that tells the form, and an integer of 64 bits.
const LEAD_MAX: usize = 9;
/// Longest text that can be a canonical `i64`.
const INT_TEXT_MAX: usize = 20;

/// Elements up to this size have their length behind them in so many bytes, one more in each row.
///
/// Two of the marks lie one below what seven bits a byte can say: that is the format.
const BACKLEN_MARKS: [usize; 4] = [127, 16_382, 2_097_150, 268_435_454];

/// An element about to be stored: the lead bytes, the text after them if it is a string.
pub(super) struct Element<'a> {
    lead: [u8; LEAD_MAX],
    lead_len: usize,
    text: &'a [u8],
}

impl<'a> Element<'a> {
    /// The shortest form that says `text`.
    #[inline]
    pub(super) fn new(text: &'a [u8]) -> Self {
        if text.len() <= INT_TEXT_MAX
            && let Some(int) = parse_i64(text)
        {
            return Self::int(int);
        }
        let (lead, lead_len) = string_lead(text.len());
        Self { lead, lead_len, text }
    }

    /// The shortest form that says `int`.
    #[inline]
    pub(super) fn int(int: i64) -> Self {
        let (lead, lead_len) = int_lead(int);
        Self { lead, lead_len, text: &[] }
    }

    /// Bytes that the element takes, the length behind it included.
    #[inline]
    pub(super) const fn size(&self) -> usize {
        let span = self.lead_len + self.text.len();
        span + backlen_size(span)
    }

    /// Writes the element over `out`, which is as long as [`Self::size`] says.
    #[inline]
    pub(super) fn write(&self, out: &mut [u8]) {
        let (lead, rest) = out.split_at_mut(self.lead_len);
        lead.copy_from_slice(&self.lead[..self.lead_len]);
        let (text, backlen) = rest.split_at_mut(self.text.len());
        text.copy_from_slice(self.text);
        write_backlen(backlen, self.lead_len + self.text.len());
    }
}

/// Bytes that a string of `len` bytes takes as an element.
#[inline]
pub(super) const fn string_size(len: usize) -> usize {
    let lead = match len {
        0..=0x3f => 1,
        0x40..=0xfff => 2,
        _ => 5,
    };
    lead + len + backlen_size(lead + len)
}

/// The lead of a string of `len` bytes.
#[inline]
fn string_lead(len: usize) -> ([u8; LEAD_MAX], usize) {
    let mut lead = [0; LEAD_MAX];
    match len {
        0..=0x3f => {
            lead[0] = 0x80 | len as u8;
            (lead, 1)
        }
        0x40..=0xfff => {
            lead[0] = 0xe0 | (len >> 8) as u8;
            lead[1] = len as u8;
            (lead, 2)
        }
        _ => {
            let len = u32::try_from(len).expect("an element is shorter than 4 GiB");
            lead[0] = 0xf0;
            lead[1..5].copy_from_slice(&len.to_le_bytes());
            (lead, 5)
        }
    }
}

/// The whole of an integer but the length behind it.
#[inline]
fn int_lead(int: i64) -> ([u8; LEAD_MAX], usize) {
    let mut lead = [0; LEAD_MAX];
    let (form, width) = match int {
        0..=0x7f => {
            lead[0] = int as u8;
            return (lead, 1);
        }
        -0x1000..=0xfff => {
            lead[0] = 0xc0 | (int >> 8) as u8 & 0x1f;
            lead[1] = int as u8;
            return (lead, 2);
        }
        -0x8000..=0x7fff => (0xf1, 2),
        -0x80_0000..=0x7f_ffff => (0xf2, 3),
        -0x8000_0000..=0x7fff_ffff => (0xf3, 4),
        _ => (0xf4, 8),
    };
    lead[0] = form;
    lead[1..].copy_from_slice(&int.to_le_bytes());
    (lead, 1 + width)
}

/// Bytes of the length that stands behind an element of `span` bytes.
#[inline]
pub(super) const fn backlen_size(span: usize) -> usize {
    if span <= BACKLEN_MARKS[0] {
        return 1;
    }
    let mut size = 2;
    while size <= BACKLEN_MARKS.len() && span > BACKLEN_MARKS[size - 1] {
        size += 1;
    }
    size
}

/// Writes `span` over the whole of `out`: seven bits a byte, the low ones last, and all but the
/// first byte marked, so that who reads backwards knows where it begins.
#[inline]
pub(super) fn write_backlen(out: &mut [u8], mut span: usize) {
    for (place, byte) in out.iter_mut().enumerate().rev() {
        let mark = if place == 0 { 0 } else { 0x80 };
        *byte = span as u8 & 0x7f | mark;
        span >>= 7;
    }
}

/// Reads the length that ends where `bytes` ends: it, and how many bytes say it.
#[inline]
pub(super) fn read_backlen(bytes: &[u8]) -> (usize, usize) {
    let (mut span, mut size) = (0, 0);
    for byte in bytes.iter().rev() {
        span |= usize::from(byte & 0x7f) << (7 * size);
        size += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    (span, size)
}

/// Bytes of the lead that begins with `first`, without the length of a string but with the bytes
/// of an integer; `None` if nothing begins so.
#[inline]
pub(super) const fn lead_size(first: u8) -> Option<usize> {
    match first {
        0..=0xbf => Some(1),
        0xc0..=0xef => Some(2),
        0xf0 => Some(5),
        0xf1..=0xf3 => Some(2 + (first - 0xf0) as usize),
        0xf4 => Some(9),
        _ => None,
    }
}

/// How long the element at the start of `bytes` is, without the length behind it. At least its
/// lead must be there.
#[inline]
pub(super) fn span(bytes: &[u8]) -> usize {
    match bytes[0] {
        0..=0x7f => 1,
        first @ 0x80..=0xbf => 1 + usize::from(first & 0x3f),
        0xc0..=0xdf => 2,
        first @ 0xe0..=0xef => 2 + (usize::from(first & 0xf) << 8 | usize::from(bytes[1])),
        0xf0 => 5 + u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize,
        first => lead_size(first).expect("a validated element begins with a known form"),
    }
}

/// Reads the element at the start of `bytes`.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Item<'_> {
    match bytes[0] {
        first @ 0..=0x7f => Item::Int(i64::from(first)),
        0x80..=0xbf => Item::Bytes(&bytes[1..span(bytes)]),
        first @ 0xc0..=0xdf => {
            // Thirteen bits, shifted up and down again so that the sign extends.
            let bits = u16::from(first) << 8 | u16::from(bytes[1]);
            Item::Int(i64::from((bits << 3) as i16 >> 3))
        }
        0xe0..=0xef => Item::Bytes(&bytes[2..span(bytes)]),
        0xf0 => Item::Bytes(&bytes[5..span(bytes)]),
        _ => Item::Int(read_int(&bytes[1..span(bytes)])),
    }
}

/// A signed little-endian integer as wide as `bytes`.
#[inline]
fn read_int(bytes: &[u8]) -> i64 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let unused = 64 - 8 * bytes.len();
    i64::from_le_bytes(wide) << unused >> unused
}
