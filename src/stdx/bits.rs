//! Byte strings as strings of bits: counting, searching, combining, and integers of any width.
//!
//! Bit 0 is the most significant bit of byte 0, as in Redis's bitmaps: the bytes `a0 01` are the
//! bits 1010 0000 0000 0001, of which 0, 2 and 15 are set. What lies behind the last byte reads as
//! zero.
//!
//! The loops over many bytes are plain folds over fixed-size chunks without an early exit, which is
//! the form that the compiler turns into vector instructions of whatever machine it builds for. The
//! tests hold each against a twin that looks at one bit at a time.

use std::ops::Range;

/// The number of bits set.
pub fn count_ones(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<COUNT_BLOCK>();
    let blocks: u64 = blocks.iter().map(count_ones_of_block).sum();
    let rest: u64 = rest.iter().map(|byte| u64::from(byte.count_ones())).sum();
    blocks + rest
}

/// The number of bits set among those of `range`, which lies inside `bytes`.
///
/// # Panics
/// If it does not.
pub fn count_ones_in(bytes: &[u8], range: Range<u64>) -> u64 {
    if range.is_empty() {
        return 0;
    }
    let (first, last) = (byte_of(range.start), byte_of(range.end - 1));
    let before = bytes[first] & !head_mask(range.start);
    let behind = bytes[last] & !tail_mask(range.end);
    count_ones(&bytes[first..=last]) - u64::from(before.count_ones() + behind.count_ones())
}

/// The first bit among those of `range`, which lies inside `bytes`, that is `bit`.
///
/// # Panics
/// If the range does not lie inside.
pub fn position_in(bytes: &[u8], range: Range<u64>, bit: bool) -> Option<u64> {
    if range.is_empty() {
        return None;
    }
    let (first, last) = (byte_of(range.start), byte_of(range.end - 1));
    // With this flipped, what is looked for is always a set bit.
    let flip = if bit { 0x00 } else { 0xff };
    let head = (bytes[first] ^ flip) & head_mask(range.start);
    let (byte, found) = if head == 0 {
        let at = first + 1 + position_of_other(&bytes[first + 1..=last], flip)?;
        (at, bytes[at] ^ flip)
    } else {
        (first, head)
    };
    let at = byte as u64 * 8 + u64::from(found.leading_zeros());
    (at < range.end).then_some(at)
}

/// Bit `at`.
pub fn bit(bytes: &[u8], at: u64) -> bool {
    bytes.get(byte_of(at)).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)
}

/// Sets or clears bit `at`.
///
/// # Panics
/// If it lies behind the last byte.
pub fn set_bit(bytes: &mut [u8], at: u64, bit: bool) {
    let byte = &mut bytes[byte_of(at)];
    let mask = 0x80 >> (at % 8);
    *byte = if bit { *byte | mask } else { *byte & !mask };
}

/// The unsigned integer in the `width` bits (1 to 64) from bit `at` on, most significant bit first.
pub fn field(bytes: &[u8], at: u64, width: u32) -> u64 {
    debug_assert!((1..=64).contains(&width), "a field of {width} bits");
    ((window(bytes, at) << (at % 8)) >> (u128::BITS - width)) as u64
}

/// Writes the `width` low bits (1 to 64) of `value` from bit `at` on.
///
/// # Panics
/// If a bit lies behind the last byte.
pub fn set_field(bytes: &mut [u8], at: u64, width: u32, value: u64) {
    debug_assert!((1..=64).contains(&width), "a field of {width} bits");
    let shift = u128::BITS - width - (at % 8) as u32;
    let mask = (u128::MAX >> (u128::BITS - width)) << shift;
    let window = (window(bytes, at) & !mask) | ((u128::from(value) << shift) & mask);
    let part = &mut bytes[byte_of(at)..=byte_of(at + u64::from(width) - 1)];
    part.copy_from_slice(&window.to_be_bytes()[..part.len()]);
}

/// How strings are combined bit by bit; shorter ones are taken to end in zero bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combination {
    /// Set in all of them.
    And,
    /// Set in any.
    Or,
    /// Set in an odd number of them.
    Xor,
    /// Not set in the first, and only, one.
    Not,
    /// Set in the first and in no other.
    Diff,
    /// Set in any but the first, and not in the first.
    Diff1,
    /// Set in the first and in any other.
    AndOr,
    /// Set in exactly one.
    One,
}

/// Combines `sources`, of which there is at least one, into `out`, which holds zeros and is as long
/// as the longest of them. It is done in blocks that stay in the nearest cache, so that every
/// source is read once and the result written once, however many sources there are.
pub fn combine(combination: Combination, sources: &[&[u8]], out: &mut [u8]) {
    for (number, block) in out.chunks_mut(COMBINE_BLOCK).enumerate() {
        let start = number * COMBINE_BLOCK;
        let end = start + block.len();
        let parts = sources.iter().map(|s| &s[start.min(s.len())..end.min(s.len())]);
        combine_block(combination, parts, block);
    }
}

/// Bytes counted at a time: eight vectors of four words.
const COUNT_BLOCK: usize = 256;

/// Bytes combined at a time.
const COMBINE_BLOCK: usize = 4096;

/// Four words that one vector instruction, or two, work on.
type Lanes = [u64; 4];

/// Counts by adding bits in columns: seven carry-save adders make one vector of bits worth eight,
/// and three worth four, two and one, out of eight vectors; so half as many vectors need their bits
/// added up.
fn count_ones_of_block(block: &[u8; COUNT_BLOCK]) -> u64 {
    let mut words = [Lanes::default(); 8];
    let (chunks, _) = block.as_chunks::<8>();
    for (word, chunk) in words.as_flattened_mut().iter_mut().zip(chunks) {
        *word = u64::from_ne_bytes(*chunk);
    }
    let [a, b, c, d, e, f, g, h] = words;
    let (ones, twos_a) = add(a, b, c);
    let (ones, twos_b) = add(ones, d, e);
    let (ones, twos_c) = add(ones, f, g);
    let (ones, twos_d) = add(ones, h, Lanes::default());
    let (twos, fours_a) = add(twos_a, twos_b, twos_c);
    let (twos, fours_b) = add(twos, twos_d, Lanes::default());
    let (fours, eights) = add(fours_a, fours_b, Lanes::default());
    let count = |lanes: Lanes| lanes.iter().map(|w| u64::from(w.count_ones())).sum::<u64>();
    count(ones) + 2 * count(twos) + 4 * count(fours) + 8 * count(eights)
}

/// Adds three bits in each column: the sums, and the carries.
fn add(a: Lanes, b: Lanes, c: Lanes) -> (Lanes, Lanes) {
    let mut sums = Lanes::default();
    let mut carries = Lanes::default();
    for lane in 0..4 {
        let either = a[lane] ^ b[lane];
        sums[lane] = either ^ c[lane];
        carries[lane] = (a[lane] & b[lane]) | (either & c[lane]);
    }
    (sums, carries)
}

/// The first byte that is not `byte`.
fn position_of_other(bytes: &[u8], byte: u8) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks::<64>();
    let same = |chunk: &[u8; 64]| chunk.iter().fold(0, |other, b| other | (b ^ byte)) == 0;
    let skipped = 64 * chunks.iter().take_while(|chunk| same(chunk)).count();
    Some(skipped + bytes[skipped..].iter().position(|b| *b != byte)?)
}

/// Combines one block's `parts` of the sources into `out`, which holds zeros.
fn combine_block<'a>(
    combination: Combination,
    mut parts: impl Iterator<Item = &'a [u8]>,
    out: &mut [u8],
) {
    let first = parts.next().unwrap_or_default();
    let (head, beyond) = out.split_at_mut(first.len());
    match combination {
        Combination::Diff1 | Combination::AndOr => {
            parts.for_each(|part| fold(out, part, |all, b| all | b));
            if combination == Combination::Diff1 {
                fold(out, first, |all, b| all & !b);
            } else {
                intersect(out, first);
            }
            return;
        }
        Combination::Not => {
            fold(head, first, |_, b| !b);
            beyond.fill(0xff);
            return;
        }
        _ => head.copy_from_slice(first),
    }
    match combination {
        Combination::And => parts.for_each(|part| intersect(out, part)),
        Combination::Or => parts.for_each(|part| fold(out, part, |all, b| all | b)),
        Combination::Xor => parts.for_each(|part| fold(out, part, |all, b| all ^ b)),
        Combination::Diff => parts.for_each(|part| fold(out, part, |all, b| all & !b)),
        Combination::One => {
            let mut twice = [0; COMBINE_BLOCK];
            for part in parts {
                for ((odd, twice), b) in out.iter_mut().zip(&mut twice).zip(part) {
                    *twice |= *odd & b;
                    *odd ^= b;
                }
            }
            fold(out, &twice, |odd, twice| odd & !twice);
        }
        Combination::Not | Combination::Diff1 | Combination::AndOr => {}
    }
}

/// Combines `part` into the beginning of `out`.
fn fold(out: &mut [u8], part: &[u8], combine: impl Fn(u8, u8) -> u8) {
    for (out, byte) in out.iter_mut().zip(part) {
        *out = combine(*out, *byte);
    }
}

/// Keeps in `out` what is set in `part` as well, which may be shorter.
fn intersect(out: &mut [u8], part: &[u8]) {
    fold(out, part, |all, b| all & b);
    out[part.len()..].fill(0);
}

/// The 16 bytes from the one that holds bit `at`, as a big-endian integer.
fn window(bytes: &[u8], at: u64) -> u128 {
    let from = bytes.get(byte_of(at)..).unwrap_or_default();
    let mut window = [0; 16];
    let len = from.len().min(window.len());
    window[..len].copy_from_slice(&from[..len]);
    u128::from_be_bytes(window)
}

/// The byte that holds bit `at`.
fn byte_of(at: u64) -> usize {
    (at / 8) as usize
}

/// The bits of a byte from bit `start` of the string on.
fn head_mask(start: u64) -> u8 {
    0xff >> (start % 8)
}

/// The bits of a byte before bit `end` of the string, which is not the first bit of a byte unless
/// the whole byte before it is meant.
fn tail_mask(end: u64) -> u8 {
    let used = end % 8;
    if used == 0 { 0xff } else { !(0xff >> used) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Combination; 8] = [
        Combination::And,
        Combination::Or,
        Combination::Xor,
        Combination::Not,
        Combination::Diff,
        Combination::Diff1,
        Combination::AndOr,
        Combination::One,
    ];

    fn bits(bytes: &[u8]) -> Vec<bool> {
        bytes.iter().flat_map(|byte| (0..8).map(move |i| byte & (0x80 >> i) != 0)).collect()
    }

    fn bytes_of(bits: &[bool]) -> Vec<u8> {
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        bits.chunks(8).map(byte).collect()
    }

    /// The twin of [`combine`] for one bit.
    fn combined(combination: Combination, bits: &[bool]) -> bool {
        let set = bits.iter().filter(|bit| **bit).count();
        let (first, others) = (bits[0], bits[1..].contains(&true));
        match combination {
            Combination::And => set == bits.len(),
            Combination::Or => set > 0,
            Combination::Xor => set % 2 == 1,
            Combination::Not => !first,
            Combination::Diff => first && !others,
            Combination::Diff1 => others && !first,
            Combination::AndOr => first && others,
            Combination::One => set == 1,
        }
    }

    fn check_combine(combination: Combination, sources: &[Vec<u8>]) {
        let sources = if combination == Combination::Not { &sources[..1] } else { sources };
        let slices: Vec<&[u8]> = sources.iter().map(Vec::as_slice).collect();
        let len = slices.iter().map(|s| s.len()).max().unwrap();
        let mut out = vec![0; len];
        combine(combination, &slices, &mut out);
        let expected: Vec<bool> = (0..len as u64 * 8)
            .map(|at| combined(combination, &slices.iter().map(|s| bit(s, at)).collect::<Vec<_>>()))
            .collect();
        assert_eq!(out, bytes_of(&expected), "{combination:?} of {sources:?}");
    }

    /// Mostly runs of one byte, as bitmaps have them.
    fn bitmap() -> impl Strategy<Value = Vec<u8>> {
        let run = (prop_oneof![Just(0x00), Just(0xff), any::<u8>()], 0usize..300);
        proptest::collection::vec(run, 0..4).prop_map(|runs| {
            runs.into_iter().flat_map(|(b, n)| std::iter::repeat_n(b, n)).collect()
        })
    }

    proptest! {
        #[test]
        fn counting_and_searching_agree_with_one_bit_at_a_time(
            bytes in bitmap(),
            ends in any::<[prop::sample::Index; 2]>(),
            wanted: bool,
        ) {
            let model = bits(&bytes);
            let [a, b] = ends.map(|end| end.index(model.len() + 1));
            let (start, end) = (a.min(b), a.max(b));
            let range = start as u64..end as u64;
            let ones = model[start..end].iter().filter(|bit| **bit).count() as u64;
            prop_assert_eq!(count_ones_in(&bytes, range.clone()), ones);
            let at = model[start..end].iter().position(|bit| *bit == wanted);
            prop_assert_eq!(position_in(&bytes, range, wanted), at.map(|at| (start + at) as u64));
            let all = model.iter().filter(|bit| **bit).count() as u64;
            prop_assert_eq!(count_ones(&bytes), all);
        }

        #[test]
        fn a_field_holds_what_was_written_and_nothing_else_changes(
            bytes in proptest::collection::vec(any::<u8>(), 9..40),
            at in 0u64..320,
            width in 1u32..=64,
            value: u64,
        ) {
            let at = at % (bytes.len() as u64 * 8 - u64::from(width) + 1);
            let value = value >> (64 - width);
            let mut changed = bytes.clone();
            set_field(&mut changed, at, width, value);
            prop_assert_eq!(field(&changed, at, width), value);
            let mut model = bits(&bytes);
            for i in 0..width {
                model[at as usize + i as usize] = value >> (width - 1 - i) & 1 == 1;
            }
            prop_assert_eq!(&changed, &bytes_of(&model));
            for i in 0..u64::from(width) {
                let wanted = bit(&bytes, at + i);
                set_bit(&mut changed, at + i, wanted);
            }
            prop_assert_eq!(changed, bytes);
        }

        #[test]
        fn combining_agrees_with_one_bit_at_a_time(
            sources in proptest::collection::vec(bitmap(), 1..5),
        ) {
            ALL.iter().for_each(|combination| check_combine(*combination, &sources));
        }
    }

    #[test]
    fn blocks_meet_without_a_seam() {
        for len in [COMBINE_BLOCK - 1, COMBINE_BLOCK, COMBINE_BLOCK + 1, 2 * COMBINE_BLOCK + 9] {
            let long: Vec<u8> = (0..len).map(|i| (i * 7 + i / 256) as u8).collect();
            let short = long[..COMBINE_BLOCK - 3].iter().map(|b| !b ^ 0x11).collect();
            let other = long.iter().rev().copied().collect();
            let sources = [short, long, vec![], other];
            ALL.iter().for_each(|combination| check_combine(*combination, &sources));
        }
    }

    #[test]
    fn what_lies_behind_the_end_reads_as_zero() {
        assert!(!bit(b"\xff", 8));
        assert_eq!(field(b"\xff", 4, 8), 0xf0);
        assert_eq!(field(b"", 1 << 40, 64), 0);
        assert_eq!(field(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 7, 64), u64::MAX);
    }
}
