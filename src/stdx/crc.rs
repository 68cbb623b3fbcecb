//! The two checksums of Redis's formats: CRC-64 over RDB files, DUMP payloads and the cluster's
//! messages, and CRC-16 over a key, which names its cluster slot.
//!
//! - CRC-64: Jones's polynomial 0xad93d23594c935a9, bits reflected, start value 0, nothing xored at
//!   the end. The checksum of a prefix is therefore the seed of the rest, and a file can be summed
//!   block by block. `crc-fast` computes it with carry-less multiplication, at tens of GB/s; its
//!   fixed cost is some 20 ns, so sum whole buffers, not fields.
//! - CRC-16: XMODEM (polynomial 0x1021, most significant bit first, start value 0). Keys are short,
//!   so what counts is the latency of one lookup after another; the table is sliced, so that eight
//!   bytes take one round of independent lookups.

use crc_fast::{CrcAlgorithm, Digest};

/// Continues Redis's CRC-64 from `seed` (0 at the start) over `bytes`.
#[must_use]
pub fn crc64(seed: u64, bytes: &[u8]) -> u64 {
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc64Redis, seed);
    digest.update(bytes);
    digest.finalize()
}

/// CRC-16/XMODEM of `bytes`. A cluster slot is this modulo 16384.
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    let (chunks, rest) = bytes.as_chunks::<SLICES>();
    let mut crc = 0u16;
    for chunk in chunks {
        let [high, low] = crc.to_be_bytes();
        let mut bytes = *chunk;
        bytes[0] ^= high;
        bytes[1] ^= low;
        crc = 0;
        for (i, byte) in bytes.into_iter().enumerate() {
            crc ^= CRC16[SLICES - 1 - i][usize::from(byte)];
        }
    }
    for &byte in rest {
        crc = (crc << 8) ^ CRC16[0][usize::from((crc >> 8) as u8 ^ byte)];
    }
    crc
}

/// How many bytes one round of table lookups takes in.
const SLICES: usize = 8;

const CRC16_POLYNOMIAL: u16 = 0x1021;

/// `CRC16[k][byte]` is the checksum of `byte` followed by `k` zero bytes. Checksums are linear, so
/// that of eight bytes is the xor of eight such entries.
static CRC16: [[u16; 256]; SLICES] = crc16_tables();

const fn crc16_tables() -> [[u16; 256]; SLICES] {
    let mut tables = [[0u16; 256]; SLICES];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc << 1) ^ if crc & 0x8000 != 0 { CRC16_POLYNOMIAL } else { 0 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < SLICES {
        byte = 0;
        while byte < 256 {
            let crc = tables[zeros - 1][byte];
            tables[zeros][byte] = (crc << 8) ^ tables[0][(crc >> 8) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// CRC-16/XMODEM a bit at a time, straight from its definition.
    fn crc16_by_bits(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0u16, |crc, &byte| {
            (0..8).rev().fold(crc, |crc, bit| {
                let out = (crc >> 15) ^ u16::from(byte >> bit & 1);
                (crc << 1) ^ (out * CRC16_POLYNOMIAL)
            })
        })
    }

    #[test]
    fn check_values_are_those_of_the_catalogue() {
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn nothing_leaves_the_checksum_as_it_was() {
        assert_eq!(crc64(0, b""), 0);
        assert_eq!(crc64(7, b""), 7);
        assert_eq!(crc16(b""), 0);
    }

    #[test]
    fn slots_are_those_a_cluster_answers() {
        let slot = |key: &[u8]| crc16(key) % 16384;
        assert_eq!(slot(b"foo"), 12182);
        assert_eq!(slot(b"hello"), 866);
        assert_eq!(slot(b"user1000"), 3443);
        assert_eq!(slot(b"a rather long key, longer than a slice"), 10801);
    }

    proptest! {
        #[test]
        fn crc64_equals_the_table_driven_one(
            seed in any::<u64>(),
            bytes in prop::collection::vec(any::<u8>(), 0..2000),
        ) {
            prop_assert_eq!(crc64(seed, &bytes), crc64::crc64(seed, &bytes));
        }

        #[test]
        fn crc64_of_parts_is_that_of_the_whole(
            bytes in prop::collection::vec(any::<u8>(), 0..600),
            cut in 0usize..600,
        ) {
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(crc64(crc64(0, head), tail), crc64(0, &bytes));
        }

        #[test]
        fn crc16_equals_its_definition(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(crc16(&bytes), crc16_by_bits(&bytes));
        }
    }
}
