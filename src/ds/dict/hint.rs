//! What a handle and its place tell about the hash of an item that nobody has to read.
//!
//! ```text
//!   hash   63      56 55              40 39       32 31        0
//!          ├─────────┼──────────────────┼───────────┼──────────┤
//!          │         │ hint: 16 bits    │ print     │          │
//!          ├─────────┴──────────────────┴───────────┤
//!          │ tag                                    │
//! ```
//! The bucket's number gives the topmost bits: with 512 buckets or more the bucket, the
//! hint and the print together give the tag, and that is enough to find the bucket in a
//! table of another size, unless a border happens to run through the tag.

use super::meta::Print;

/// Tables with fewer buckets leave more of the topmost bits open than the hint begins with.
const MIN_BUCKETS: u64 = 512;

/// Bits of a tag that the hint and the print know.
const KNOWN_BITS: u32 = 24;

/// The hint for an item with this hash. 0 serves as "not known".
#[inline]
pub(super) fn hint_of(hash: u64) -> u16 {
    (hash >> 40) as u16
}

/// The tags of the hashes that belong to one bucket.
pub(super) struct TagRange {
    first: u32,
    /// The last, or one more.
    last: u32,
}

impl TagRange {
    /// That of bucket `index` of so many; `None` if hints are of no use there.
    #[inline]
    pub(super) fn of_bucket(index: usize, buckets: usize) -> Option<Self> {
        let (index, buckets) = (index as u64, buckets as u64);
        if !(MIN_BUCKETS..1 << 32).contains(&buckets) {
            return None;
        }
        let first = (index << 32) / buckets;
        let end = ((index + 1) << 32) / buckets;
        Some(Self { first: first as u32, last: end.min(u32::MAX.into()) as u32 })
    }

    /// The first and the last hash that an item of this bucket can have. `None` if the
    /// hint is not known, or belongs to another bucket and is wrong.
    #[inline]
    pub(super) fn hashes(&self, print: Print, hint: u16) -> Option<(u64, u64)> {
        if hint == 0 {
            return None;
        }
        let known = u32::from(hint) << 8 | u32::from(print.byte());
        let mut tag = self.first >> KNOWN_BITS << KNOWN_BITS | known;
        if tag < self.first {
            tag = tag.checked_add(1 << KNOWN_BITS)?;
        }
        if tag > self.last {
            return None;
        }
        // A print of 1 may stand for a byte of 0.
        let least = if print == Print::of(0) { tag - 1 } else { tag };
        Some((u64::from(least) << 32, u64::from(tag) << 32 | u64::from(u32::MAX)))
    }
}

/// Whether an item with this hint can have the tag, as far as the hint knows.
#[inline]
pub(super) fn admits(hint: u16, wanted: u32) -> bool {
    hint == 0 || hint == hint_of(u64::from(wanted) << 32)
}

#[cfg(test)]
mod tests {
    use super::super::tag;
    use super::*;

    fn index(hash: u64, buckets: usize) -> usize {
        ((u128::from(hash >> 16 << 16) * buckets as u128) >> 64) as usize
    }

    #[test]
    fn bucket_hint_and_print_contain_the_hash() {
        let mut hash = 1_u64;
        for buckets in [512, 768, 1024, 3 << 19, 1 << 30, 3 << 30] {
            for round in 0..if cfg!(miri) { 200 } else { 100_000 } {
                hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round);
                // Prints of 0 and 1, and the ends of the line, are the odd cases.
                let hash = match round % 8 {
                    0 => hash & !(0xFF << 32),
                    1 => hash & !(0xFE << 32) | 1 << 32,
                    2 => hash | !0 << 40,
                    3 => hash >> 9,
                    _ => hash,
                };
                let range = TagRange::of_bucket(index(hash, buckets), buckets).expect("enough");
                match range.hashes(Print::of(hash), hint_of(hash)) {
                    None => assert_eq!(hint_of(hash), 0),
                    Some((first, last)) => {
                        assert!((first..=last).contains(&hash), "{hash:#x} of {buckets}");
                        assert!(tag(last) - tag(first) <= 1);
                    }
                }
            }
        }
    }

    #[test]
    fn hints_do_not_serve_small_tables() {
        assert!(TagRange::of_bucket(0, 1).is_none());
        assert!(TagRange::of_bucket(0, 384).is_none());
    }

    #[test]
    fn a_hint_of_another_bucket_is_noticed() {
        let range = TagRange::of_bucket(5, 1 << 16).expect("enough buckets");
        let other = 700 << 48 | 9 << 32;
        assert!(range.hashes(Print::of(other), hint_of(other)).is_none());
    }
}
