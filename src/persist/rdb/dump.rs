//! The payload of DUMP and RESTORE: one value with a version and a checksum. `rdb`'s head draws it.

use super::decode::{Corrupt, Decoder};
use super::encode::Encoder;
use super::file::{opcode, write as sections};
use super::load::load;
use super::object::{LoadError, Loaded, Saved, form_name};
use super::save::save;
use super::{VERSION, is_readable_version};
use crate::stdx::crc::crc64;
use crate::stdx::lzf::Compressor;
use crate::types::Limits;

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
            LoadError::Corrupt(_) | LoadError::Empty => Self::BadFormat,
            LoadError::UnsupportedType(byte) => Self::UnsupportedType(byte),
        }
    }
}

/// Makes payloads, one after another, with one table of the compressor.
pub struct Dumper {
    /// Whether the checksums of payloads and files are verified: DEBUG SET-SKIP-CHECKSUM-VALIDATION.
    pub verify: bool,
    version: u16,
    /// Made when first needed: its table is large.
    compressor: Option<Compressor>,
}

impl std::fmt::Debug for Dumper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dumper").finish_non_exhaustive()
    }
}

impl Default for Dumper {
    fn default() -> Self {
        Self { verify: true, version: VERSION, compressor: None }
    }
}

impl Dumper {
    /// Makes payloads of this version from now on.
    pub fn set_version(&mut self, version: u16) {
        self.version = version;
    }

    /// The payload of `value`; with `compress`, longer strings in it are compressed.
    #[must_use]
    pub fn dump<'v>(&mut self, value: impl Into<Saved<'v>>, compress: bool) -> Vec<u8> {
        let mut payload = self.value(value, compress);
        payload.extend_from_slice(&self.version.to_le_bytes());
        let checksum = crc64(0, &payload);
        payload.extend_from_slice(&checksum.to_le_bytes());
        payload
    }

    /// The payload of FUNCTION DUMP: the sources of libraries.
    #[must_use]
    pub fn dump_functions<'t>(
        &mut self,
        texts: impl Iterator<Item = &'t [u8]>,
        compress: bool,
    ) -> Vec<u8> {
        let compressor = compress.then(|| self.compressor.get_or_insert_default());
        let mut payload = Vec::new();
        let mut encoder = Encoder::new(&mut payload, compressor).for_version(self.version);
        texts.for_each(|text| sections::function(&mut encoder, text));
        payload.extend_from_slice(&self.version.to_le_bytes());
        let checksum = crc64(0, &payload);
        payload.extend_from_slice(&checksum.to_le_bytes());
        payload
    }

    /// The same without version and checksum: the type byte and the value.
    #[must_use]
    pub fn value<'v>(&mut self, value: impl Into<Saved<'v>>, compress: bool) -> Vec<u8> {
        let compressor = compress.then(|| self.compressor.get_or_insert_default());
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, compressor).for_version(self.version);
        save(value.into(), None, &mut encoder);
        out
    }
}

/// The value in `payload`, in the encoding that `limits` ask for. Whether its checksum is right is asked only
/// if it is to be verified.
///
/// # Errors
/// The version is not known, the checksum wrong, or the whole not one value.
pub fn restore(payload: &[u8], verify: bool, limits: &Limits) -> Result<Loaded, PayloadError> {
    let (value, version) = opened(payload, verify).ok_or(PayloadError::BadVersionOrChecksum)?;
    let mut input = Decoder::new(value);
    let type_byte = input.byte().map_err(LoadError::from)?;
    let loaded = load(type_byte, version, &mut input, limits);
    let loaded = loaded.and_then(|value| Ok(input.finish().map(|()| value)?));
    loaded.map_err(|error| {
        if let LoadError::Corrupt(Corrupt { at, what }) = error {
            let form = form_name(type_byte);
            tracing::warn!("{form} integrity check failed: {form} with {what}, at byte {at}");
        }
        error.into()
    })
}

/// The sources of libraries in a payload of FUNCTION DUMP.
///
/// # Errors
/// As [`restore`].
pub fn restore_functions(payload: &[u8], verify: bool) -> Result<Vec<Vec<u8>>, PayloadError> {
    let (mut value, _) = opened(payload, verify).ok_or(PayloadError::BadVersionOrChecksum)?;
    let mut texts = Vec::new();
    while let [kind, rest @ ..] = value {
        if *kind != opcode::FUNCTION {
            return Err(PayloadError::BadFormat);
        }
        let mut input = Decoder::new(rest);
        texts.push(input.string().map_err(LoadError::from)?);
        value = &rest[rest.len() - input.left()..];
    }
    Ok(texts)
}

/// The payload without its version and checksum, and the version, if those are right.
fn opened(payload: &[u8], verify: bool) -> Option<(&[u8], u16)> {
    let (summed, checksum) = payload.split_last_chunk()?;
    let (value, version) = summed.split_last_chunk()?;
    let version = u16::from_le_bytes(*version);
    let whole = !verify || crc64(0, summed) == u64::from_le_bytes(*checksum);
    (whole && is_readable_version(version)).then_some((value, version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::stdx::hash::Seed;
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

    fn limits() -> Limits {
        Config::default().limits(Seed::new(1, 2))
    }

    /// The string in a payload.
    fn string(payload: &[u8]) -> Result<Vec<u8>, PayloadError> {
        match restore(payload, true, &limits())? {
            Loaded::Str(bytes) => Ok(bytes),
            Loaded::Value(value) => panic!("not a string but {value:?}"),
        }
    }

    fn error(payload: &[u8]) -> PayloadError {
        restore(payload, true, &limits()).expect_err("it is to be refused")
    }

    fn dump(value: Saved<'_>, compress: bool) -> Vec<u8> {
        Dumper::default().dump(value, compress)
    }

    #[test]
    fn payloads_of_a_redis_server_load() {
        for (value, payload) in REDIS_7_0 {
            assert_eq!(string(&bytes(payload)).unwrap(), *value);
        }
        assert_eq!(string(&bytes(UNCOMPRESSED)).unwrap(), [b'a'; 21]);
    }

    #[test]
    fn values_are_written_as_a_redis_server_writes_them() {
        let mut dumper = Dumper::default();
        for (value, payload) in REDIS_7_0 {
            let expected = sealed(&bytes(payload)[..payload.len() / 2 - FOOTER], 11);
            assert_eq!(dumper.dump(Saved::Str(value), true), expected);
            let int = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
            if let Some(int) = int.filter(|_| *value != b"007") {
                assert_eq!(dumper.dump(Saved::Int(int), true), expected);
            }
        }
        let uncompressed = &bytes(UNCOMPRESSED)[..UNCOMPRESSED.len() / 2 - FOOTER];
        assert_eq!(dump(Saved::Str(&[b'a'; 21]), false), sealed(uncompressed, 11));
        let list = &bytes(LIST)[..LIST.len() / 2 - FOOTER];
        let loaded = restore(&bytes(LIST), true, &limits()).unwrap();
        assert_eq!(dump(Saved::from(&loaded), true), sealed(list, 11));
    }

    #[test]
    fn the_payload_drawn_in_the_head_is_right() {
        assert_eq!(dump(Saved::Int(300), true), bytes("00c12c010b00fc9ddc81981db599"));
    }

    #[test]
    fn versions_of_redis_and_valkey_load_and_others_do_not() {
        for version in [1, 10, 11, 12, 80] {
            assert_eq!(string(&sealed(b"\0\x01a", version)).unwrap(), b"a", "{version}");
        }
        for version in [0, 13, 79, 81, 0x0b00, u16::MAX] {
            let payload = sealed(b"\0\x01a", version);
            assert_eq!(error(&payload), PayloadError::BadVersionOrChecksum, "{version}");
        }
    }

    #[test]
    fn any_flipped_bit_or_missing_byte_is_noticed() {
        let payload = dump(Saved::Str(b"some value"), true);
        for at in 0..payload.len() * 8 {
            let mut changed = payload.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert_eq!(error(&changed), PayloadError::BadVersionOrChecksum, "bit {at}");
        }
        for len in 0..payload.len() {
            assert_eq!(error(&payload[..len]), PayloadError::BadVersionOrChecksum, "{len} bytes");
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
            let found = error(&sealed(value, 11));
            assert_eq!(found, PayloadError::BadFormat, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn a_count_beyond_the_payload_reserves_nothing() {
        for kind in [1, 2, 3, 4, 5, 14, 18, 22] {
            for count in [&b"\x05"[..], b"\x80\xff\xff\xff\xff", b"\x81\x7f\0\0\0\0\0\0\0"] {
                let value = [&[kind], count, b"\x01a"].concat();
                assert_eq!(error(&sealed(&value, 11)), PayloadError::BadFormat, "type {kind}");
            }
        }
    }

    #[test]
    fn a_type_that_is_not_there_is_named() {
        assert_eq!(error(&sealed(b"\x07\x01a", 11)), PayloadError::UnsupportedType(7));
    }

    /// A value of each type and form, to be broken: hex without the footer.
    const VALUES: &[&str] = &[
        "010201610162",
        "020201610162",
        "03020161013101620132",
        "04020166017601670177",
        "05010161000000000000f03f",
        "090801016602007631ff",
        "0a1010000000 0d0000000200000161 03f6ff",
        "0b0c02000000020000000100 0200",
        "0c1010000000 0d0000000200000161 03f6ff",
        "0d1010000000 0d0000000200000161 03f6ff",
        "0e011010000000 0d0000000200000161 03f6ff",
        "100d0d0000000200816602817602ff",
        "110c0c00000002008161020101ff",
        "1201020c0c00000002008161020101ff",
        "140c0c00000002008161020101ff",
        "1601000166 0176",
        "170f0f000000030081660281760200 01ff",
        "180a000000000000000101016601 76",
        "190a000000000000000f0f000000030081660281760200 01ff",
    ];

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
            prop_assert_eq!(string(&dump(Saved::Str(&value), compress)).unwrap(), value);
        }

        #[test]
        fn integers_come_back_as_text(int in any::<i64>(), shift in 0u32..64) {
            let int = int >> shift;
            let restored = string(&dump(Saved::Int(int), true));
            prop_assert_eq!(restored.unwrap(), int.to_string().into_bytes());
        }

        #[test]
        fn any_sealed_bytes_give_a_value_or_an_error(
            value in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..20, 0xc0u8..0xc5], 0..40),
        ) {
            let value = [&[0][..], &value].concat();
            if let Ok(bytes) = string(&sealed(&value, 11)) {
                prop_assert!(bytes.len() <= value.len() * 264);
            }
        }

        #[test]
        fn broken_collections_are_refused_or_whole(
            number in 0..VALUES.len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut value = bytes(&VALUES[number].replace(' ', ""));
            for (at, byte) in changes {
                let at = at.index(value.len() - 1) + 1;
                value[at] = byte;
            }
            let mut dumper = Dumper::default();
            if let Ok(loaded) = restore(&sealed(&value, 11), true, &limits()) {
                let dumped = dumper.dump(&loaded, true);
                let again = restore(&dumped, true, &limits()).expect("what was dumped can be restored");
                prop_assert_eq!(dumper.dump(&again, true).len(), dumped.len());
            }
        }
    }

    #[test]
    fn every_form_is_read() {
        for value in VALUES {
            let value = bytes(&value.replace(' ', ""));
            let loaded = restore(&sealed(&value, 11), true, &limits());
            assert!(loaded.is_ok(), "type {}: {loaded:?}", value[0]);
        }
    }
}
