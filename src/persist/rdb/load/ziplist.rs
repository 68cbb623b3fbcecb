//! Ziplists: the packed form before listpacks, which Redis wrote until 6.2. Only read here.
//!
//! # Layout
//! Numbers are little-endian, but for the lengths of strings:
//!
//! ```text
//!   total bytes (4) │ offset of the last entry (4) │ count (2; ffff: unknown) │ entries │ ff
//!
//!   an entry: length of the entry before it │ form │ content
//!             1 byte, or fe + 4 bytes
//!
//!   00nnnnnn                    a string of n bytes
//!   01nnnnnn nnnnnnnn           the same
//!   10------ + 4 bytes          the same
//!   c0 + 2, d0 + 4, e0 + 8      an integer of so many bytes
//!   f0 + 3, fe + 1              the same
//!   f1 … fd                     an integer from 0 to 12
//! ```
//!
//! `a`, then 5:
//!
//! ```text
//!   10 00 00 00  0d 00 00 00  02 00   00 01 61   03 f6   ff
//!   total: 16    the last: 13 count   "a"        5       end
//! ```

use crate::ds::listpack::{Item, Listpack};
use crate::persist::rdb::decode::Corrupt;

/// Bytes before the first entry.
const HEAD: usize = 10;
const END: u8 = 0xff;
/// Stands for a length of four bytes that follows.
const LONG: u8 = 0xfe;
/// More entries than the head can count.
const COUNT_UNKNOWN: u16 = u16::MAX;

/// A ziplist's entries in order, as they are found to be whole.
pub(super) struct Ziplist<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the entry before begins, and its length; that of none is 0.
    last: usize,
    last_len: usize,
    seen: usize,
}

impl<'a> Ziplist<'a> {
    /// The entries of `bytes`, whose head must fit them.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Corrupt> {
        let ends = bytes.len() > HEAD && bytes.last() == Some(&END);
        if !ends || u32_at(bytes, 0)? as usize != bytes.len() {
            return Err(Corrupt { at: 0, what: "a ziplist of another length than its head says" });
        }
        Ok(Self { bytes, at: HEAD, last: HEAD, last_len: 0, seen: 0 })
    }

    /// The next entry; `None` behind the last.
    ///
    /// # Errors
    /// It is not whole, or what head and entries say of each other is not true.
    pub(super) fn next(&mut self) -> Result<Option<Item<'a>>, Corrupt> {
        if self.at == self.bytes.len() - 1 {
            return self.check_head().map(|()| None);
        }
        let start = self.at;
        let before = match self.byte()? {
            END => return Err(self.corrupt("a ziplist's end before its end")),
            LONG => u32_at(self.take(4)?, 0)? as usize,
            len => usize::from(len),
        };
        if before != self.last_len {
            return Err(self.corrupt("a ziplist's entry is wrong about the one before"));
        }
        let item = self.content()?;
        (self.last, self.last_len) = (start, self.at - start);
        self.seen += 1;
        Ok(Some(item))
    }

    /// All that is left, as a listpack.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub(super) fn into_listpack(mut self) -> Result<Listpack, Corrupt> {
        // Every entry takes about as much there as here.
        let mut listpack = Listpack::with_capacity(self.bytes.len());
        while let Some(item) = self.next()? {
            match item {
                Item::Int(int) => listpack.push_back_int(int),
                Item::Bytes(bytes) => listpack.push_back(bytes),
            }
        }
        Ok(listpack)
    }

    fn content(&mut self) -> Result<Item<'a>, Corrupt> {
        let form = self.byte()?;
        let len = match form {
            0..0x40 => usize::from(form),
            0x40..0x80 => usize::from(form & 0x3f) << 8 | usize::from(self.byte()?),
            0x80..0xc0 => {
                let len: [u8; 4] = self.take(4)?.try_into().expect("it is four bytes");
                u32::from_be_bytes(len) as usize
            }
            0xc0 => return self.int(2),
            0xd0 => return self.int(4),
            0xe0 => return self.int(8),
            0xf0 => return self.int(3),
            0xfe => return self.int(1),
            0xf1..=0xfd => return Ok(Item::Int(i64::from(form - 0xf1))),
            _ => return Err(self.corrupt("unknown form of a ziplist's entry")),
        };
        Ok(Item::Bytes(self.take(len)?))
    }

    fn int(&mut self, width: usize) -> Result<Item<'a>, Corrupt> {
        let bytes = self.take(width)?;
        let negative = bytes[width - 1] & 0x80 != 0;
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..width].copy_from_slice(bytes);
        Ok(Item::Int(i64::from_le_bytes(wide)))
    }

    fn byte(&mut self) -> Result<u8, Corrupt> {
        Ok(self.take(1)?[0])
    }

    /// So many bytes, which must leave the end's in place.
    fn take(&mut self, len: usize) -> Result<&'a [u8], Corrupt> {
        let left = self.bytes.len() - 1 - self.at;
        if len > left {
            return Err(self.corrupt("a ziplist's entry reaches beyond its end"));
        }
        let taken = &self.bytes[self.at..self.at + len];
        self.at += len;
        Ok(taken)
    }

    /// What the head says of the entries, now that they are known.
    fn check_head(&self) -> Result<(), Corrupt> {
        let count = u16::from_le_bytes([self.bytes[8], self.bytes[9]]);
        if count != COUNT_UNKNOWN && usize::from(count) != self.seen {
            return Err(Corrupt { at: 8, what: "a ziplist's count is wrong" });
        }
        if u32_at(self.bytes, 4)? as usize != self.last {
            return Err(Corrupt { at: 4, what: "a ziplist's last entry is elsewhere" });
        }
        Ok(())
    }

    fn corrupt(&self, what: &'static str) -> Corrupt {
        Corrupt { at: self.at, what }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Corrupt> {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk);
    four.map(|four| u32::from_le_bytes(*four)).ok_or(Corrupt { at, what: "early end" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Corrupt> {
        let listpack = Ziplist::new(bytes)?.into_listpack()?;
        Ok(listpack.iter().map(Item::to_vec).collect())
    }

    #[test]
    fn the_ziplist_drawn_in_the_head_is_read() {
        let bytes = b"\x10\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xf6\xff";
        assert_eq!(texts(bytes).unwrap(), [b"a", b"5"]);
    }

    #[test]
    fn integers_of_every_width_are_read() {
        let mut bytes = vec![0; HEAD];
        let mut before = 0;
        let mut last = HEAD;
        for content in [
            &b"\xf1"[..],
            b"\xfd",
            b"\xfe\x80",
            b"\xc0\0\x80",
            b"\xf0\xff\xff\x7f",
            b"\xf0\0\0\x80",
            b"\xd0\0\0\0\x80",
            b"\xe0\0\0\0\0\0\0\0\x80",
        ] {
            last = bytes.len();
            bytes.push(before);
            bytes.extend_from_slice(content);
            before = content.len() as u8 + 1;
        }
        bytes.push(END);
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        bytes[4..8].copy_from_slice(&(last as u32).to_le_bytes());
        bytes[8] = 8;
        let expected = [
            "0",
            "12",
            "-128",
            "-32768",
            "8388607",
            "-8388608",
            "-2147483648",
            "-9223372036854775808",
        ];
        assert_eq!(texts(&bytes).unwrap(), expected.map(|text| text.as_bytes().to_vec()));
    }

    proptest! {
        #[test]
        fn any_bytes_give_entries_or_an_error(
            entries in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..5, 0xf0u8..=0xff], 0..40),
            count in 0u8..5,
            last in 8u8..20,
        ) {
            let mut bytes = vec![0; HEAD];
            bytes.extend_from_slice(&entries);
            bytes.push(END);
            bytes[0] = bytes.len() as u8;
            bytes[4] = last;
            bytes[8] = count;
            if let Ok(texts) = texts(&bytes) {
                prop_assert_eq!(texts.len(), usize::from(count));
            }
        }
    }
}
