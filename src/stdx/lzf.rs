//! LZF, the fast byte-oriented compression that RDB files and DUMP payloads use for strings.
//!
//! # Format
//! A stream of chunks; the top three bits of the first byte say which kind:
//!
//! ```text
//!   000lllll  l+1 bytes           literal run: the next l+1 bytes (1 to 32) as they are
//!   lllooooo  oooooooo            match: l+2 bytes (3 to 8, l is 1 to 6) from o+1 bytes back
//!   111ooooo  llllllll  oooooooo  long match: l+9 bytes (9 to 264) from o+1 bytes back
//! ```
//!
//! A match may overlap what it produces: `o = 0` repeats the last byte. Thirty times `a`,
//! compressed:
//!
//! ```text
//!   01 61 61   two literals
//!   e0 11 00   0x11 + 9 = 26 bytes from one byte back
//!   01 61 61   two literals
//! ```
//!
//! # Same bytes as liblzf
//! The format leaves the choice of matches to the compressor. A DUMP taken here is to be byte for
//! byte the one Redis gives, so [`Compressor`] makes liblzf's choices (its settings VERY_FAST, HLOG
//! 16):
//! - three bytes are hashed to 16 bits, and only the latest position with that hash is looked at;
//! - position 0 is never a match's source, nor is anything more than 8192 bytes back;
//! - a match ends at the first difference, and mostly two bytes before the end of the input
//!   (`match_len` has the rule);
//! - after a match, only its last two positions enter the table;
//! - the bounds on the output are tested before each match and before the closing literals, both a
//!   little pessimistically.
//!
//! # Cost
//! The table has 65,536 slots of four bytes. Clearing it would cost more than compressing a short
//! string does, so it is never cleared: each call counts positions on from where the last one
//! ended, and an older slot shows itself by its smaller number.

use std::ops::Range;

/// Slots of the table: one for each hash of three bytes.
const SLOTS: usize = 1 << 16;
/// The farthest distance a match can express.
const DISTANCE_MAX: usize = 1 << 13;
/// The shortest match: as many bytes as are hashed.
const MATCH_MIN: usize = 3;
/// The longest match.
const MATCH_MAX: usize = LONG_MATCH_MIN + 255;
/// From this length on a match has a length byte.
const LONG_MATCH_MIN: usize = 9;
/// The longest literal run.
const LITERALS_MAX: usize = 1 << 5;
/// Bytes of a long match's chunk.
const LONG_MATCH_BYTES: usize = 3;

/// An output longer than this is measured before it is decompressed.
const UNMEASURED_MAX: usize = 1 << 16;
/// Bytes that are copied at once where there is room.
const BLOCK: usize = 8;

/// The compressor's memory: worth keeping from one string to the next.
pub struct Compressor {
    /// Hash of three bytes → `base` + their latest position, or a smaller number left by an earlier
    /// input.
    slots: Box<[u32; SLOTS]>,
    /// Added to every position of the present input. A slot not above it is stale, or is position
    /// 0, which is never a source.
    base: u32,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// A compressor with its table, which comes zeroed from the allocator (256 KB).
    #[must_use]
    pub fn new() -> Self {
        let slots = vec![0; SLOTS].try_into().expect("the vector is as long as the array");
        Self { slots, base: 0 }
    }

    /// Appends `input` compressed to `out` and returns true; or leaves `out` as it was and returns
    /// false, if that would take more than `max_len` bytes (or a few less: the head says when the
    /// bounds are tested).
    pub fn compress(&mut self, input: &[u8], out: &mut Vec<u8>, max_len: usize) -> bool {
        let Ok(len) = u32::try_from(input.len()) else {
            return false;
        };
        if len == 0 {
            return false;
        }
        if self.base.checked_add(len).is_none() {
            self.slots.fill(0);
            self.base = 0;
        }
        let start = out.len();
        // Beyond this not even the pessimistic tests of the bounds ever look.
        let most = input.len() + input.len() / LITERALS_MAX + 8;
        out.resize(start + max_len.min(most), 0);
        let mut sink = Sink { out: &mut out[start..], len: 0 };
        let fits = self.compress_into(input, &mut sink);
        let written = if fits { sink.len } else { 0 };
        out.truncate(start + written);
        self.base += len;
        fits
    }

    fn compress_into(&mut self, input: &[u8], sink: &mut Sink<'_>) -> bool {
        // Positions from here on have no three bytes to hash.
        let hashed_end = input.len().saturating_sub(MATCH_MIN - 1);
        let mut literals = 0;
        while let Some((source, at)) = self.next_match(input, literals) {
            if !sink.has_room_for_match(at - literals) {
                return false;
            }
            let len = match_len(input, source, at);
            sink.literals(input, literals..at);
            sink.copy(at - source, len);
            literals = at + len;
            if literals < hashed_end {
                self.enter(input, literals - 2);
                self.enter(input, literals - 1);
            }
        }
        if !sink.has_room_for_tail(hashed_end.saturating_sub(literals)) {
            return false;
        }
        sink.literals(input, literals..input.len());
        true
    }

    /// Where the next match begins, at or behind `from`, and before it the position that it
    /// repeats.
    fn next_match(&mut self, input: &[u8], from: usize) -> Option<(usize, usize)> {
        for (at, window) in (from..).zip(input[from..].array_windows()) {
            let seen = self.exchange(window, at);
            if seen > self.base {
                let source = (seen - self.base) as usize;
                if at - source <= DISTANCE_MAX && input[source..].first_chunk() == Some(window) {
                    return Some((source, at));
                }
            }
        }
        None
    }

    /// Enters a position of which no match is wanted.
    fn enter(&mut self, input: &[u8], at: usize) {
        let window = input[at..].first_chunk().expect("three bytes are left");
        self.exchange(window, at);
    }

    /// Enters the position `at` of these three bytes in the table; returns what their slot held.
    fn exchange(&mut self, window: &[u8; MATCH_MIN], at: usize) -> u32 {
        // `compress` has made sure that the sum does not overflow.
        std::mem::replace(&mut self.slots[hash(window)], self.base + at as u32)
    }
}

/// The compressed chunks, and liblzf's tests of whether they may grow.
struct Sink<'a> {
    /// As long as the output may become.
    out: &'a mut [u8],
    /// How much of it is written.
    len: usize,
}

impl Sink<'_> {
    /// Whether `literals` pending bytes and a match fit, with a byte to spare for the start of the
    /// next run.
    fn has_room_for_match(&self, literals: usize) -> bool {
        let runs = literals.div_ceil(LITERALS_MAX);
        self.len + literals + runs + LONG_MATCH_BYTES + 1 < self.out.len()
    }

    /// Whether the closing run fits, of whose bytes `literals` have been looked at; the others, two
    /// at most, are counted as three.
    fn has_room_for_tail(&self, literals: usize) -> bool {
        self.len + literals + literals / LITERALS_MAX + 1 + 3 <= self.out.len()
    }

    fn literals(&mut self, input: &[u8], range: Range<usize>) {
        let mut from = range.start;
        while from < range.end {
            let len = (range.end - from).min(LITERALS_MAX);
            self.put(len as u8 - 1);
            copy_run(&input[from..], &mut self.out[self.len..], len);
            self.len += len;
            from += len;
        }
    }

    fn copy(&mut self, distance: usize, len: usize) {
        let [high, low] = (distance as u16 - 1).to_be_bytes();
        if len < LONG_MATCH_MIN {
            self.put(((len - 2) as u8) << 5 | high);
        } else {
            self.put(7 << 5 | high);
            self.put((len - LONG_MATCH_MIN) as u8);
        }
        self.put(low);
    }

    fn put(&mut self, byte: u8) {
        self.out[self.len] = byte;
        self.len += 1;
    }
}

/// Copies the first `len` bytes, a literal run. Where there is room the longest possible run is
/// copied: what lies beyond is written later, and a fixed length is no call.
fn copy_run(from: &[u8], to: &mut [u8], len: usize) {
    match (from.first_chunk::<LITERALS_MAX>(), to.first_chunk_mut::<LITERALS_MAX>()) {
        (Some(from), Some(to)) => *to = *from,
        _ => to[..len].copy_from_slice(&from[..len]),
    }
}

/// liblzf's hash: of the three bytes as overlapping big-endian pairs, the first less five times the
/// second.
fn hash(&[a, b, c]: &[u8; MATCH_MIN]) -> usize {
    let first = u32::from(a) << 8 | u32::from(b);
    let second = u32::from(b) << 8 | u32::from(c);
    first.wrapping_sub(second * 5) as usize % SLOTS
}

/// How long the match is that begins with the three bytes at `source` and `at`. It stops two bytes
/// before the end of the input, but not before it has `MATCH_MIN` bytes; and where that leaves 17
/// or 18, the 19 that liblzf's unrolled comparison looks at before it looks at the end.
fn match_len(input: &[u8], source: usize, at: usize) -> usize {
    let len_max = match input.len() - at - 2 {
        17 | 18 => 19,
        left => left.clamp(MATCH_MIN, MATCH_MAX),
    };
    let from = &input[source + MATCH_MIN..source + len_max];
    let to = &input[at + MATCH_MIN..at + len_max];
    MATCH_MIN + common_prefix(from, to)
}

/// At how many leading bytes two slices of equal length agree.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let (a_words, _) = a.as_chunks::<8>();
    let (b_words, _) = b.as_chunks::<8>();
    let words = a_words.iter().zip(b_words).take_while(|(a, b)| a == b).count();
    let rest = a[words * 8..].iter().zip(&b[words * 8..]);
    words * 8 + rest.take_while(|(a, b)| a == b).count()
}

/// Why [`decompress`] refused its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LzfError {
    /// The input ends inside a chunk.
    Truncated,
    /// A match begins before the first byte.
    BadDistance,
    /// The output is not as long as was said.
    WrongLength,
}

impl LzfError {
    /// The reason in words.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Truncated => "LZF data ends inside a chunk",
            Self::BadDistance => "LZF match begins before the data",
            Self::WrongLength => "LZF data is not as long as stated",
        }
    }
}

impl std::fmt::Display for LzfError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.what())
    }
}

impl std::error::Error for LzfError {}

/// Decompresses `input`, which must give exactly `out_len` bytes.
///
/// A long output is measured before memory is taken for it, so a false length costs 64 KB at most.
///
/// # Errors
/// The input breaks off, refers to what is not there, or gives more or less than `out_len`.
pub fn decompress(input: &[u8], out_len: usize) -> Result<Vec<u8>, LzfError> {
    if out_len > UNMEASURED_MAX && output_len(input)? != out_len {
        return Err(LzfError::WrongLength);
    }
    let mut out = vec![0; out_len];
    let mut at = 0;
    let mut rest = input;
    while let Some((&control, after)) = rest.split_first() {
        if control < 0b001_00000 {
            let len = usize::from(control) + 1;
            if len > after.len() {
                return Err(LzfError::Truncated);
            }
            if len > out_len - at {
                return Err(LzfError::WrongLength);
            }
            copy_run(after, &mut out[at..], len);
            at += len;
            rest = &after[len..];
        } else {
            let (distance, len, after) = read_match(control, after).ok_or(LzfError::Truncated)?;
            if len > out_len - at {
                return Err(LzfError::WrongLength);
            }
            if distance > at {
                return Err(LzfError::BadDistance);
            }
            copy_match(&mut out, at, distance, len);
            at += len;
            rest = after;
        }
    }
    if at == out_len { Ok(out) } else { Err(LzfError::WrongLength) }
}

/// How many bytes `input` will give.
fn output_len(input: &[u8]) -> Result<usize, LzfError> {
    let mut total = 0;
    let mut rest = input;
    while let Some((&control, after)) = rest.split_first() {
        let (len, after) = if control < 0b001_00000 {
            let len = usize::from(control) + 1;
            (len, after.get(len..).ok_or(LzfError::Truncated)?)
        } else {
            let (_, len, after) = read_match(control, after).ok_or(LzfError::Truncated)?;
            (len, after)
        };
        total += len;
        rest = after;
    }
    Ok(total)
}

/// Distance and length of the match that `control` begins, and the input behind it.
fn read_match(control: u8, input: &[u8]) -> Option<(usize, usize, &[u8])> {
    let (len, rest) = match control >> 5 {
        7 => {
            let (&more, rest) = input.split_first()?;
            (usize::from(more) + LONG_MATCH_MIN, rest)
        }
        short => (usize::from(short) + 2, input),
    };
    let (&low, rest) = rest.split_first()?;
    let distance = usize::from(u16::from_be_bytes([control & 0b000_11111, low])) + 1;
    Some((distance, len, rest))
}

/// Copies the `len` bytes that stand `distance` before `at` to `at`. They may reach into what is
/// being written.
fn copy_match(out: &mut [u8], at: usize, distance: usize, len: usize) {
    let source = at - distance;
    if distance >= BLOCK && at + len.next_multiple_of(BLOCK) <= out.len() {
        // Most matches are a few bytes long: whole blocks, though they write beyond the match, beat
        // exact copies.
        for offset in (0..len).step_by(BLOCK) {
            let block = *out[source + offset..].first_chunk::<BLOCK>().expect("a block is left");
            out[at + offset..][..BLOCK].copy_from_slice(&block);
        }
        return;
    }
    // What is there from `source` on doubles with each round.
    let mut copied = 0;
    while copied < len {
        let round = (len - copied).min(distance + copied);
        out.copy_within(source..source + round, at + copied);
        copied += round;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compressed(input: &[u8], max_len: usize) -> Option<Vec<u8>> {
        let mut out = b"before".to_vec();
        let fits = Compressor::new().compress(input, &mut out, max_len);
        assert_eq!(&out[..6], b"before");
        let out = out.split_off(6);
        assert!(fits || out.is_empty());
        fits.then_some(out)
    }

    /// Bytes with repetitions near and far, so that every kind of chunk and the ends of matches
    /// come up.
    fn repetitive() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            prop::collection::vec(0u8..3, 0..40),
            (any::<u8>(), 0usize..700).prop_map(|(byte, len)| vec![byte; len]),
            (0usize..50, 0usize..300).prop_map(|(from, len)| {
                (0..len).flat_map(|i| format!("key:{} ", from + i).into_bytes()).collect()
            }),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    /// What a redis-server makes of `input`, which it keeps uncompressed unless that saves four
    /// bytes.
    fn check(input: &[u8], expected: Option<&[u8]>) {
        let found = compressed(input, input.len() - 4);
        assert_eq!(found.as_deref(), expected, "{}", input.escape_ascii());
    }

    #[test]
    fn matches_end_where_those_of_redis_end() {
        check(&[b'a'; 21], Some(b"\x01aa\xe0\x0a\x00"));
        check(&[b'a'; 22], Some(b"\x01aa\xe0\x0a\x00\x00a"));
        check(&[b'a'; 23], Some(b"\x01aa\xe0\x0a\x00\x01aa"));
        check(&[b'a'; 24], Some(b"\x01aa\xe0\x0b\x00\x01aa"));
        check(&[b'a'; 300], Some(b"\x01aa\xe0\xff\x00\xe0\x17\x00\x01aa"));
    }

    #[test]
    fn the_last_bytes_match_as_those_of_redis_do() {
        for (tail, expected) in [
            ("bcd", &b"\x08bcdefghij\x20\x08"[..]),
            ("bcde", b"\x08bcdefghij\x20\x08\x00e"),
            ("bcdef", b"\x08bcdefghij\x20\x08\x01ef"),
            ("bcdefg", b"\x08bcdefghij\x40\x08\x01fg"),
        ] {
            let input = ["a".repeat(40), "bcdefghij".into(), tail.into()].concat();
            check(input.as_bytes(), Some(&[b"\x01aa\xe0\x1d\x00", expected].concat()));
        }
    }

    #[test]
    fn output_is_refused_at_the_length_at_which_redis_refuses_it() {
        let digits = "0123456789abcdefghijklmnopqrstuvwxyz";
        check(["aaaaaaaaaaaa", digits, "12345"].concat().as_bytes(), None);
        let expected = b"\x01aa\xe0\x01\x00\x1f0123456789abcdefghijklmnopqrstuv\x03wxyz@\x22\x0156";
        check(["aaaaaaaaaaaa", digits, "123456"].concat().as_bytes(), Some(expected));
    }

    #[test]
    fn what_cannot_shrink_is_refused() {
        for input in [&b""[..], b"a", b"ab", b"abc", b"abcd", b"The quick brown fox"] {
            assert_eq!(compressed(input, input.len()), None);
        }
        assert_eq!(compressed(b"abc", 100).unwrap(), b"\x02abc");
    }

    #[test]
    fn earlier_inputs_leave_no_trace() {
        let mut used = Compressor::new();
        let mut out = Vec::new();
        // So near to the end of the numbers that the next input begins anew.
        used.base = u32::MAX - 100;
        for input in [&b"abcdefghabcdefghabcdefgh"[..], b"xabcdefghyyyyyyyyyyyy", &[b'a'; 90]] {
            out.clear();
            assert!(used.compress(input, &mut out, input.len()));
            assert_eq!(out, compressed(input, input.len()).unwrap());
        }
        assert!(used.base < 1000);
    }

    #[test]
    fn a_length_beyond_reach_is_refused() {
        assert_eq!(decompress(b"\x00a", usize::MAX), Err(LzfError::WrongLength));
        assert_eq!(decompress(b"\x00a\xe0\xff\x00", 266), Err(LzfError::WrongLength));
        assert_eq!(decompress(b"\x00a\xe0\xff\x00", 265), Ok(vec![b'a'; 265]));
    }

    #[test]
    fn a_long_output_is_measured_first() {
        let input = vec![b'a'; 3 * UNMEASURED_MAX];
        let packed = compressed(&input, input.len()).unwrap();
        assert_eq!(decompress(&packed, input.len()).unwrap(), input);
        for wrong in [input.len() - 1, input.len() + 1, usize::MAX] {
            assert_eq!(decompress(&packed, wrong), Err(LzfError::WrongLength));
        }
        let cut = &packed[..packed.len() - 1];
        assert_eq!(decompress(cut, input.len()), Err(LzfError::Truncated));
    }

    #[test]
    fn broken_input_is_named() {
        assert_eq!(decompress(b"", 0), Ok(vec![]));
        assert_eq!(decompress(b"\x02ab", 3), Err(LzfError::Truncated));
        assert_eq!(decompress(b"\x00a\x20", 4), Err(LzfError::Truncated));
        assert_eq!(decompress(b"\x00a\xe0\x00", 10), Err(LzfError::Truncated));
        assert_eq!(decompress(b"\x00a\x20\x01", 4), Err(LzfError::BadDistance));
        assert_eq!(decompress(b"\x01ab", 3), Err(LzfError::WrongLength));
        assert_eq!(decompress(b"\x01ab", 1), Err(LzfError::WrongLength));
    }

    proptest! {
        /// The oracle ends matches near the input's end otherwise than liblzf does; 31 bytes that
        /// match nothing keep that out of the comparison.
        #[test]
        fn output_is_that_of_the_lzf_crate(mut input in repetitive()) {
            input.iter_mut().for_each(|byte| *byte %= 200);
            input.extend(200..=230);
            prop_assert_eq!(compressed(&input, input.len()), lzf::compress(&input).ok());
        }

        #[test]
        fn round_trip(input in repetitive(), spared in 0usize..40) {
            if let Some(compressed) = compressed(&input, input.len().saturating_sub(spared)) {
                prop_assert!(compressed.len() <= input.len() - spared);
                prop_assert_eq!(&decompress(&compressed, input.len()).unwrap(), &input);
                prop_assert_eq!(&lzf::decompress(&compressed, input.len()).unwrap(), &input);
            }
        }

        #[test]
        fn a_used_table_changes_nothing(inputs in prop::collection::vec(repetitive(), 1..6)) {
            let mut used = Compressor::new();
            for input in &inputs {
                let mut out = Vec::new();
                let fits = used.compress(input, &mut out, input.len());
                prop_assert_eq!(fits.then_some(out), compressed(input, input.len()));
            }
        }

        #[test]
        fn any_bytes_decompress_to_the_stated_length_or_to_an_error(
            input in prop::collection::vec(
                prop_oneof![any::<u8>(), 0u8..4, Just(0x20), Just(0xe0)],
                0..60,
            ),
            out_len in prop_oneof![0usize..600, any::<usize>()],
        ) {
            if let Ok(out) = decompress(&input, out_len) {
                prop_assert_eq!(out.len(), out_len);
            }
        }
    }
}
