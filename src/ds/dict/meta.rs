//! The first word of a bucket: seven fingerprints and the filter of its child.
//!
//! ```text
//!   bits  0..8   8..16  16..24  24..32  32..40  40..48  48..56   56..64
//!        print 0 print 1 print 2 print 3 print 4 print 5 print 6  filter
//! ```
//!
//! A *lane* is one of the seven low bytes, its print that of the item in the slot with the
//! same number, 0 if there is none. All lanes are compared at once (SWAR: SIMD within a
//! register); lane 0 is the lowest byte on every machine, for the word is only shifted.
//!
//! The *filter* is 0 if the bucket has no child. Else bit `print % 8` is set for each item
//! further down the chain (and may be set for one that has left), so that most lookups that
//! end in a full bucket need not touch the child.

/// One bit per lane, at the top of its byte.
const LANE_TOPS: u64 = 0x0080_8080_8080_8080;
const LOW_SEVEN_BITS: u64 = 0x7F7F_7F7F_7F7F_7F7F;
const ONES: u64 = 0x0101_0101_0101_0101;
const FILTER_SHIFT: u32 = 56;

/// The lane whose slot holds the child's address when there is a child.
pub(super) const CHILD_LANE: usize = 6;

/// A non-zero byte of the hash.
///
/// It is the last byte of the [`tag`](super::tag), so that a search by tag can use it too.
/// The bucket's number comes from the bits above: prints and numbers are independent up to
/// 2^24 buckets (100 million items); beyond, each doubling costs the print one bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Print(u8);

impl Print {
    #[inline]
    pub(super) fn of(hash: u64) -> Self {
        Self(((hash >> 32) as u8).max(1))
    }

    #[inline]
    pub(super) fn byte(self) -> u8 {
        self.0
    }

    #[inline]
    fn filter_bit(self) -> u64 {
        1 << (FILTER_SHIFT + u32::from(self.0 % 8))
    }
}

/// The first word of a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Meta(u64);

impl Meta {
    /// No items, no child: what zeroed memory holds.
    pub(super) const EMPTY: Self = Self(0);

    /// Lanes that hold `print`.
    #[inline]
    pub(super) fn matching(self, print: Print) -> Lanes {
        zero_lanes(self.0 ^ (ONES * u64::from(print.0)))
    }

    /// Lanes that hold an item.
    #[inline]
    pub(super) fn occupied(self) -> Lanes {
        Lanes(zero_lanes(self.0).0 ^ LANE_TOPS)
    }

    #[inline]
    pub(super) fn is_occupied(self, lane: usize) -> bool {
        debug_assert!(lane <= CHILD_LANE, "a bucket has seven lanes");
        self.0 >> (8 * lane) & 0xFF != 0
    }

    /// The lowest lane without an item. In a bucket with a child it would be the child's.
    #[inline]
    pub(super) fn free_lane(self) -> Option<usize> {
        debug_assert!(!self.has_child(), "new items go to the end of the chain");
        zero_lanes(self.0).next()
    }

    #[inline]
    pub(super) fn print(self, lane: usize) -> Print {
        debug_assert!(self.is_occupied(lane), "only items have prints");
        Print((self.0 >> (8 * lane)) as u8)
    }

    /// Writes the print of a free lane.
    #[inline]
    pub(super) fn set(&mut self, lane: usize, print: Print) {
        debug_assert!(!self.is_occupied(lane), "the lane is free");
        self.0 |= u64::from(print.0) << (8 * lane);
    }

    #[inline]
    pub(super) fn clear(&mut self, lane: usize) {
        self.0 &= !(0xFF << (8 * lane));
    }

    #[inline]
    pub(super) fn has_child(self) -> bool {
        self.0 >> FILTER_SHIFT != 0
    }

    /// Whether an item with `print` may be further down the chain.
    #[inline]
    pub(super) fn may_be_below(self, print: Print) -> bool {
        self.0 & print.filter_bit() != 0
    }

    /// Records that an item with `print` is further down the chain.
    #[inline]
    pub(super) fn add_below(&mut self, print: Print) {
        self.0 |= print.filter_bit();
    }

    /// Makes the filter say that exactly the items of `child` are further down; none of
    /// them means that there is no child.
    pub(super) fn set_below(&mut self, child: Self) {
        self.0 &= !(0xFF << FILTER_SHIFT);
        for lane in child.occupied() {
            self.add_below(child.print(lane));
        }
    }
}

/// The lanes whose byte is zero. Exact: a plain `x - 1 & !x` would also report a byte of 1
/// above a zero byte.
#[inline]
fn zero_lanes(word: u64) -> Lanes {
    let nonzero = ((word & LOW_SEVEN_BITS) + LOW_SEVEN_BITS) | word;
    Lanes(!nonzero & LANE_TOPS)
}

/// A set of lanes, iterated from the lowest.
#[derive(Clone, Copy)]
pub(super) struct Lanes(u64);

impl Lanes {
    #[inline]
    pub(super) fn count(self) -> usize {
        self.0.count_ones() as usize
    }
}

impl Iterator for Lanes {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let lane = self.0.trailing_zeros() as usize / 8;
        self.0 &= self.0 - 1;
        Some(lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes_by_bytes(word: u64, byte: u8) -> Vec<usize> {
        (0..7).filter(|&lane| word.to_le_bytes()[lane] == byte).collect()
    }

    /// All words of seven lanes over few bytes: those next to the borders of the bit tricks.
    fn words() -> impl Iterator<Item = u64> {
        const BYTES: [u8; 4] = [0, 1, 0x80, 0xFF];
        (0..4_usize.pow(8)).step_by(if cfg!(miri) { 971 } else { 1 }).map(|mut choice| {
            let mut word = [0; 8];
            for byte in &mut word {
                *byte = BYTES[choice % 4];
                choice /= 4;
            }
            u64::from_le_bytes(word)
        })
    }

    #[test]
    fn matching_agrees_with_a_byte_by_byte_search() {
        for word in words() {
            for print in [1, 2, 0x7F, 0x80, 0x81, 0xFE, 0xFF] {
                let found: Vec<_> = Meta(word).matching(Print(print)).collect();
                assert_eq!(found, lanes_by_bytes(word, print), "{word:#x} {print:#x}");
            }
        }
    }

    #[test]
    fn occupied_and_free_lanes_partition_the_bucket() {
        for word in words() {
            let meta = Meta(word);
            let empty = lanes_by_bytes(word, 0);
            let occupied: Vec<_> = (0..7).filter(|lane| !empty.contains(lane)).collect();
            assert_eq!(meta.occupied().count(), occupied.len());
            assert_eq!(meta.occupied().collect::<Vec<_>>(), occupied);
            if !meta.has_child() {
                assert_eq!(meta.free_lane(), empty.first().copied());
            }
        }
    }

    #[test]
    fn setting_and_clearing_a_lane_leaves_the_others() {
        let mut meta = Meta::EMPTY;
        for lane in 0..7 {
            meta.set(lane, Print(lane as u8 + 1));
        }
        assert_eq!(meta, Meta(0x0007_0605_0403_0201));
        meta.clear(3);
        assert_eq!(meta, Meta(0x0007_0605_0003_0201));
        assert_eq!(meta.print(4), Print(5));
    }

    #[test]
    fn the_filter_holds_the_child_and_vanishes_with_it() {
        let mut child = Meta::EMPTY;
        child.set(0, Print(3));
        child.set(5, Print(12));
        let mut meta = Meta(0x0000_0605_0403_0201);
        meta.set_below(child);
        assert_eq!(meta, Meta(0x1800_0605_0403_0201));
        assert!(meta.may_be_below(Print(11)) && !meta.may_be_below(Print(13)));
        meta.set_below(Meta::EMPTY);
        assert!(!meta.has_child());
    }

    #[test]
    fn a_print_is_never_zero() {
        assert_eq!(Print::of(0), Print(1));
        assert_eq!(Print::of(0xAB << 32 | 0x0000_00FF), Print(0xAB));
    }
}
