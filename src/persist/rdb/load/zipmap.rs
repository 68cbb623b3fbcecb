//! Zipmaps: how Redis wrote small hashes before 2.6. Only read here.
//!
//! # Layout
//! ```text
//!   count (1; 254 and more: unknown) │ fields │ ff
//!
//!   a field: length │ name │ length │ spare bytes (1) │ value │ so many bytes of no meaning
//!   a length: 1 byte up to 253, or fe + 4 bytes, little-endian
//! ```
//!
//! `f` is `v1`:
//!
//! ```text
//!   01   01 66   02 00 76 31   ff
//!   one  "f"     "v1"          end
//! ```

use crate::persist::rdb::decode::Corrupt;

const END: u8 = 0xff;
/// Stands for a length of four bytes that follows.
const LONG: u8 = 0xfe;
/// From this count on the fields must be counted.
const COUNT_UNKNOWN: u8 = 254;

/// A name and a value.
pub(super) type Field<'a> = (&'a [u8], &'a [u8]);

/// A zipmap's fields in order, as they are found to be whole.
pub(super) struct Zipmap<'a> {
    bytes: &'a [u8],
    at: usize,
    seen: usize,
}

impl<'a> Zipmap<'a> {
    /// The fields of `bytes`.
    ///
    /// # Errors
    /// Not even an empty zipmap fits there.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Corrupt> {
        if bytes.len() < 2 {
            return Err(Corrupt { at: 0, what: "shorter than an empty zipmap" });
        }
        Ok(Self { bytes, at: 1, seen: 0 })
    }

    /// The next field with its value; `None` behind the last.
    ///
    /// # Errors
    /// It is not whole, or there are not so many as the count says.
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>, Corrupt> {
        if self.bytes.get(self.at) == Some(&END) {
            return self.check_end().map(|()| None);
        }
        let name_len = self.length()?;
        let name = self.take(name_len)?;
        let value_len = self.length()?;
        let spare = self.take(1)?[0];
        let value = self.take(value_len)?;
        self.take(spare.into())?;
        self.seen += 1;
        Ok(Some((name, value)))
    }

    fn length(&mut self) -> Result<usize, Corrupt> {
        match self.take(1)?[0] {
            END => Err(self.corrupt("a zipmap's end in the middle of a field")),
            LONG => {
                let len: [u8; 4] = self.take(4)?.try_into().expect("it is four bytes");
                Ok(u32::from_le_bytes(len) as usize)
            }
            len => Ok(len.into()),
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Corrupt> {
        let taken = self.bytes[self.at..].get(..len);
        let taken = taken.ok_or(self.corrupt("a zipmap's field reaches beyond its end"))?;
        self.at += len;
        Ok(taken)
    }

    fn check_end(&self) -> Result<(), Corrupt> {
        let count = self.bytes[0];
        if self.at != self.bytes.len() - 1 {
            return Err(self.corrupt("bytes behind a zipmap's end"));
        }
        if count < COUNT_UNKNOWN && usize::from(count) != self.seen {
            return Err(Corrupt { at: 0, what: "a zipmap's count is wrong" });
        }
        Ok(())
    }

    fn corrupt(&self, what: &'static str) -> Corrupt {
        Corrupt { at: self.at, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(bytes: &[u8]) -> Result<Vec<Field<'_>>, Corrupt> {
        let mut zipmap = Zipmap::new(bytes)?;
        let mut fields = Vec::new();
        while let Some(field) = zipmap.next()? {
            fields.push(field);
        }
        Ok(fields)
    }

    #[test]
    fn the_zipmap_drawn_in_the_head_is_read() {
        assert_eq!(fields(b"\x01\x01f\x02\0v1\xff"), Ok(vec![(&b"f"[..], &b"v1"[..])]));
    }

    #[test]
    fn spare_bytes_are_no_part_of_the_value() {
        assert_eq!(fields(b"\x01\x01f\x02\x03v1\xff\xff\xff\xff").unwrap()[0].1, b"v1");
    }

    proptest! {
        #[test]
        fn any_bytes_give_fields_or_an_error(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..4, 0xfeu8..=0xff], 0..40),
        ) {
            if let Ok(fields) = fields(&bytes) {
                prop_assert!(fields.len() <= bytes.len() / 3);
            }
        }
    }
}
