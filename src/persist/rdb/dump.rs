//! The payload of DUMP and RESTORE: one value with a version and a checksum. `rdb`'s head draws it.

use super::decode::Decoder;
use super::encode::Encoder;
use super::object::{self, LoadError, Loaded, type_byte};
use super::{VERSION, is_readable_version};
use crate::stdx::crc::crc64;
use crate::stdx::lzf::Compressor;

/// A value to be dumped.
#[derive(Clone, Copy, Debug)]
pub enum DumpValue<'a> {
    /// A string.
    Str(&'a [u8]),
    /// A string that is held as an integer.
    Int(i64),
}

/// Why a payload was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// It was cut or changed on the way, or is from a version that is not known here.
    BadVersionOrChecksum,
    /// It is as it was sent, but no value.
    BadFormat,
    /// It is of a type that is not known here.
    UnsupportedType(u8),
}

impl std::fmt::Display for PayloadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BadVersionOrChecksum => f.write_str("DUMP payload version or checksum are wrong"),
            Self::BadFormat => f.write_str("Bad data format"),
            Self::UnsupportedType(byte) => write!(f, "Bad data format (value of type {byte})"),
        }
    }
}

impl std::error::Error for PayloadError {}

impl From<LoadError> for PayloadError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Corrupt(_) => Self::BadFormat,
            LoadError::UnsupportedType(byte) => Self::UnsupportedType(byte),
        }
    }
}

/// The payload of `value`; with `compress`, longer strings in it are compressed.
///
/// Where payloads are made again and again, [`dump_with`] saves the compressor's table.
#[must_use]
pub fn dump(value: DumpValue<'_>, compress: bool) -> Vec<u8> {
    dump_with(value, compress.then(Compressor::new).as_mut())
}

/// The payload of `value`, with longer strings in it compressed if there is a compressor.
#[must_use]
pub fn dump_with(value: DumpValue<'_>, compressor: Option<&mut Compressor>) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut encoder = Encoder::new(&mut payload, compressor);
    match value {
        DumpValue::Str(bytes) => {
            encoder.byte(type_byte::STRING);
            encoder.string(bytes);
        }
        DumpValue::Int(int) => {
            encoder.byte(type_byte::STRING);
            encoder.int_string(int);
        }
    }
    payload.extend_from_slice(&VERSION.to_le_bytes());
    let checksum = crc64(0, &payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// The value in `payload`.
///
/// # Errors
/// The version is not known, the checksum wrong, or the whole not one value.
pub fn restore(payload: &[u8]) -> Result<Loaded, PayloadError> {
    let value = verified(payload).ok_or(PayloadError::BadVersionOrChecksum)?;
    let mut input = Decoder::new(value);
    let type_byte = input.byte().map_err(LoadError::from)?;
    let loaded = object::load(type_byte, &mut input)?;
    input.finish().map_err(LoadError::from)?;
    Ok(loaded)
}

/// The payload without its version and checksum, if those are right.
fn verified(payload: &[u8]) -> Option<&[u8]> {
    let (summed, checksum) = payload.split_last_chunk()?;
    let (value, version) = summed.split_last_chunk()?;
    let right = is_readable_version(u16::from_le_bytes(*version))
        && crc64(0, summed) == u64::from_le_bytes(*checksum);
    right.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes of the version and the checksum.
    const FOOTER: usize = 10;

    /// Payloads of redis-server 7.0.15, which writes version 10.
    const REDIS_7_0: &[(&[u8], &str)] = &[
        (b"", "00000a005d9b5c400f7fa2da"),
        (b"0", "00c0000a009840a778f8500308"),
        (b"-1", "00c0ff0a000c937e2485089dc5"),
        (b"127", "00c07f0a000db5eb315254c514"),
        (b"128", "00c180000a00eb7ab3b510cf4b65"),
        (b"300", "00c12c010a00954261f265825c10"),
        (b"-32769", "00c2ff7fffff0a00aee34c4d06c68536"),
        (b"2147483647", "00c2ffffff7f0a002c74e59ee02eada1"),
        (b"2147483648", "000a323134373438333634380a00e7b129a34c1d76ee"),
        (b"9223372036854775807", "0013393232333337323033363835343737353830370a003a657e9481e85f22"),
        (
            b"-9223372036854775808",
            "00142d393232333337323033363835343737353830380a00ede2b956eb709e81",
        ),
        (b"007", "00033030370a007258e27b4c69bad9"),
        (b"hello", "000568656c6c6f0a006372df766534200a"),
        (b"\x00\xff\r\n\x80bin", "000800ff0d0a8062696e0a00f05a0b9a9795bdb0"),
        (&[b'a'; 21], "00c30615016161e00a000a00fd0cb36807413f68"),
        (&[b'a'; 300], "00c30c412c016161e0ff00e017000161610a004b1bc2625246e713"),
        (
            b"The quick brown fox jumps over the lazy dog, and the quick brown fox jumps again.",
            "00c33d40511f54686520717569636b2062726f776e20666f78206a756d7073206f7665722074201e0c6c617a\
             7920646f672c20616e646011e00d3005616761696e2e0a007dcdcd03f22424e8",
        ),
    ];

    /// A redis-server's payload of 21 times `a` with `rdbcompression no`.
    const UNCOMPRESSED: &str = "00156161616161616161616161616161616161616161610a0017e5a5206213f47e";
    /// Its payload of a list of one element.
    const LIST: &str = "1201020a0a0000000100816102ff0a0009b9edf594ded995";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().as_chunks::<2>().0;
        digits
            .iter()
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// `value`, type byte included, with a right footer.
    fn sealed(value: &[u8], version: u16) -> Vec<u8> {
        let mut payload = [value, &version.to_le_bytes()].concat();
        payload.extend_from_slice(&crc64(0, &payload).to_le_bytes());
        payload
    }

    fn string(bytes: &[u8]) -> Result<Loaded, PayloadError> {
        Ok(Loaded::Str(bytes.to_vec()))
    }

    #[test]
    fn payloads_of_a_redis_server_load() {
        for (value, payload) in REDIS_7_0 {
            assert_eq!(restore(&bytes(payload)), string(value));
        }
        assert_eq!(restore(&bytes(UNCOMPRESSED)), string(&[b'a'; 21]));
    }

    #[test]
    fn values_are_written_as_a_redis_server_writes_them() {
        let mut compressor = Compressor::new();
        for (value, payload) in REDIS_7_0 {
            let expected = sealed(&bytes(payload)[..payload.len() / 2 - FOOTER], 11);
            assert_eq!(dump_with(DumpValue::Str(value), Some(&mut compressor)), expected);
            assert_eq!(dump(DumpValue::Str(value), true), expected);
            let int = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
            if let Some(int) = int.filter(|_| *value != b"007") {
                assert_eq!(dump(DumpValue::Int(int), true), expected);
            }
        }
        let uncompressed = &bytes(UNCOMPRESSED)[..UNCOMPRESSED.len() / 2 - FOOTER];
        assert_eq!(dump(DumpValue::Str(&[b'a'; 21]), false), sealed(uncompressed, 11));
    }

    #[test]
    fn the_payload_drawn_in_the_head_is_right() {
        assert_eq!(dump(DumpValue::Int(300), true), bytes("00c12c010b00fc9ddc81981db599"));
    }

    #[test]
    fn versions_of_redis_and_valkey_load_and_others_do_not() {
        for version in [1, 10, 11, 12, 80] {
            assert_eq!(restore(&sealed(b"\0\x01a", version)), string(b"a"), "{version}");
        }
        for version in [0, 13, 79, 81, 0x0b00, u16::MAX] {
            let payload = sealed(b"\0\x01a", version);
            assert_eq!(restore(&payload), Err(PayloadError::BadVersionOrChecksum), "{version}");
        }
    }

    #[test]
    fn any_flipped_bit_or_missing_byte_is_noticed() {
        let payload = dump(DumpValue::Str(b"some value"), true);
        for at in 0..payload.len() * 8 {
            let mut changed = payload.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert_eq!(restore(&changed), Err(PayloadError::BadVersionOrChecksum), "bit {at}");
        }
        for len in 0..payload.len() {
            let cut = restore(&payload[..len]);
            assert_eq!(cut, Err(PayloadError::BadVersionOrChecksum), "{len} bytes");
        }
    }

    #[test]
    fn a_sealed_payload_that_is_no_value_is_a_bad_format() {
        for value in [
            &b""[..],
            b"\0",
            b"\0\x02a",
            b"\0\x01ab",
            b"\0\xc5",
            b"\0\xc3\x02\x80\xff\xff\xff\xff\0a",
        ] {
            let found = restore(&sealed(value, 11));
            assert_eq!(found, Err(PayloadError::BadFormat), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn a_type_that_is_not_there_is_named() {
        assert_eq!(restore(&bytes(LIST)), Err(PayloadError::UnsupportedType(18)));
    }

    proptest! {
        #[test]
        fn strings_come_back(
            value in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..100),
                prop::collection::vec(0u8..3, 0..20_000),
                any::<i64>().prop_map(|int| int.to_string().into_bytes()),
                any::<i16>().prop_map(|int| int.to_string().into_bytes()),
            ],
            compress in any::<bool>(),
        ) {
            prop_assert_eq!(restore(&dump(DumpValue::Str(&value), compress)), string(&value));
        }

        #[test]
        fn integers_come_back_as_text(int in any::<i64>(), shift in 0u32..64) {
            let int = int >> shift;
            let restored = restore(&dump(DumpValue::Int(int), true));
            prop_assert_eq!(restored, string(int.to_string().as_bytes()));
        }

        #[test]
        fn any_sealed_bytes_give_a_value_or_an_error(
            value in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..20, 0xc0u8..0xc5], 0..40),
        ) {
            let value = [&[0][..], &value].concat();
            if let Ok(Loaded::Str(bytes)) = restore(&sealed(&value, 11)) {
                prop_assert!(bytes.len() <= value.len() * 264);
            }
        }
    }
}
