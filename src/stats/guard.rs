//! Keeps what lies in RAM below what ends the process.
//!
//! `maxmemory` is about bytes that were allocated. What a control group counts is the pages they lie in,
//! and those may be twice as many: pages that are half empty, free pages that the allocator keeps, tables that
//! were made and are filled by and by. So the guard looks at the pages every so many allocations, and answers
//! how many bytes may be allocated just now.
//!
//! ```text
//!   0                                     ceiling          critical     there is
//!   |---- live pages -----|- free pages -|... |............... | ......... |
//!         bound: as much more as live pages are below the ceiling, or less by
//!         a multiple of what they are above it
//! ```
//!
//! Free pages do not count against the bound, for the next allocations are made in them; but they are given back
//! where they take the process above the ceiling. Above the critical mark nothing may grow at all.
//!
//! Invariants:
//! 1. Where it is not known how much memory there is, the bound is without end.
//! 2. Between two looks no more is allocated than a stride, but for the one command that passes it; a stride is
//!    a small part of what is left below the ceiling, or of the reserve above it.

/// Of the memory there is such a share is kept for what comes between two looks, and for what the kernel holds
/// for the process,
const RESERVE_SHARE: u64 = 16;
/// and no more than this.
const RESERVE_MAX: u64 = 256 << 20;
/// Of what is left, such a share is allocated between two looks,
const STRIDE_SHARE: u64 = 8;
/// and at least such a share of the reserve.
const STRIDE_LEAST_SHARE: u64 = 16;
/// A page is free when all that was in it is gone: of what is allocated, so many times as much has to go as
/// pages are above the ceiling. Free pages show at once, so this is once too much at most.
const EXCESS_WEIGHT: u64 = 8;
/// It is not told again for so long that the guard has the say.
const TELL_AGAIN_MS: u64 = 60_000;

/// How memory was found, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// In RAM, of the process, but for pages of files.
    pub resident: u64,
    /// Of that, pages which hold nothing.
    pub free: u64,
    /// In values that were given up, and whose freeing is under way.
    pub unfreed: u64,
    /// Allocated, and yet to be filled for the first time.
    pub coming: u64,
    /// Allocated, as `maxmemory` counts.
    pub counted: u64,
}

/// What to do with free pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relief {
    /// Nothing.
    Unneeded,
    /// They are to be given back.
    Soon,
    /// They are to be given back before anything else is done.
    Now,
}

/// How many bytes may be allocated. See the head of this file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Memory that there is; 0 where that is not known.
    there_is: u64,
    /// Of that, what is taken beside the process's own pages.
    beside: u64,
    bound: u64,
    is_critical: bool,
    /// The count of allocated bytes at which the next look is due.
    due: u64,
    told_ms: Option<u64>,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            there_is: 0,
            beside: 0,
            bound: u64::MAX,
            is_critical: false,
            due: u64::MAX,
            told_ms: None,
        }
    }
}

impl Guard {
    /// So much memory there is, of which so much is taken beside the process's own pages; a look is due.
    pub fn set_memory(&mut self, there_is: u64, beside: u64) {
        (self.there_is, self.beside) = (there_is, beside);
        self.due = if there_is > 0 { 0 } else { u64::MAX };
        if there_is == 0 {
            (self.bound, self.is_critical) = (u64::MAX, false);
        }
    }

    /// Whether a look is due when so many bytes have been allocated.
    #[inline]
    pub fn is_due(&self, allocated: u64) -> bool {
        allocated >= self.due
    }

    /// Sets the bound by what was seen when so many bytes had been allocated.
    pub fn look(&mut self, seen: &Seen, allocated: u64) -> Relief {
        if self.there_is == 0 {
            return Relief::Unneeded;
        }
        let reserve = (self.there_is / RESERVE_SHARE).min(RESERVE_MAX);
        let ceiling = self.there_is - reserve;
        let critical = ceiling + reserve / 2;
        let taken = seen.resident + self.beside;
        let filled = taken.saturating_sub(seen.free);
        let live = filled.saturating_sub(seen.unfreed) + seen.coming;
        let left = ceiling.saturating_sub(live);
        let excess = live.saturating_sub(ceiling);
        self.bound = (seen.counted + left).saturating_sub(excess * EXCESS_WEIGHT);
        self.is_critical = filled > critical;
        let stride = (left / STRIDE_SHARE).max(reserve / STRIDE_LEAST_SHARE);
        self.due = allocated.saturating_add(stride);
        match () {
            () if taken <= ceiling || seen.free < reserve / STRIDE_LEAST_SHARE => Relief::Unneeded,
            () if taken <= critical => Relief::Soon,
            () => Relief::Now,
        }
    }

    /// Bytes that may be allocated, as `maxmemory` counts.
    #[inline]
    pub fn bound(&self) -> u64 {
        self.bound
    }

    /// Whether nothing may grow.
    #[inline]
    pub fn is_critical(&self) -> bool {
        self.is_critical
    }

    /// Whether it is to be told now that less than `maxmemory` may be allocated.
    pub fn is_news(&mut self, maxmemory: u64, now_ms: u64) -> bool {
        let is_old = self.told_ms.is_some_and(|told| now_ms.saturating_sub(told) < TELL_AGAIN_MS);
        if self.bound >= maxmemory || is_old {
            return false;
        }
        self.told_ms = Some(now_ms);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    /// A guard of 256 MB, whose ceiling is 240 MB and whose critical mark is 248 MB.
    fn guard() -> Guard {
        let mut guard = Guard::default();
        guard.set_memory(256 * MB, 0);
        guard
    }

    fn seen(resident: u64, free: u64, counted: u64) -> Seen {
        Seen { resident: resident * MB, free: free * MB, counted: counted * MB, ..Seen::default() }
    }

    #[test]
    fn as_much_more_may_be_allocated_as_live_pages_are_below_the_ceiling() {
        let mut guard = guard();
        assert_eq!(guard.look(&seen(100, 0, 80), 0), Relief::Unneeded);
        assert_eq!(guard.bound(), (80 + 140) * MB);
        // Free pages are there to be used.
        assert_eq!(guard.look(&seen(230, 50, 150), 0), Relief::Unneeded);
        assert_eq!(guard.bound(), (150 + 60) * MB);
        assert!(!guard.is_critical());
    }

    #[test]
    fn above_the_ceiling_more_has_to_go_than_pages_are_above_it() {
        let mut guard = guard();
        assert_eq!(guard.look(&seen(245, 0, 130), 0), Relief::Unneeded, "no page is free");
        assert_eq!((guard.bound(), guard.is_critical()), (90 * MB, false));
        guard.look(&seen(250, 0, 3), 0);
        assert_eq!((guard.bound(), guard.is_critical()), (0, true));
    }

    #[test]
    fn free_pages_are_given_back_where_they_take_it_above_a_mark() {
        let mut guard = guard();
        assert_eq!(guard.look(&seen(245, 20, 150), 0), Relief::Soon);
        assert_eq!(guard.look(&seen(249, 20, 150), 0), Relief::Now);
        assert_eq!(guard.bound(), (150 + 11) * MB);
        assert!(!guard.is_critical(), "without them it is below");
    }

    #[test]
    fn what_is_being_freed_is_neither_data_nor_free_yet() {
        let mut guard = guard();
        let being_freed = Seen { unfreed: 40 * MB, ..seen(250, 0, 130) };
        guard.look(&being_freed, 0);
        assert_eq!((guard.bound(), guard.is_critical()), ((130 + 30) * MB, true));
    }

    #[test]
    fn a_table_yet_to_be_filled_counts_before_its_pages_are_there() {
        let mut guard = guard();
        guard.look(&Seen { coming: 50 * MB, ..seen(150, 0, 180) }, 0);
        assert_eq!(guard.bound(), (180 + 40) * MB);
    }

    #[test]
    fn others_in_the_group_take_from_what_there_is() {
        let mut guard = guard();
        guard.set_memory(256 * MB, 60 * MB);
        guard.look(&seen(100, 0, 80), 0);
        assert_eq!(guard.bound(), (80 + 80) * MB);
    }

    #[test]
    fn looks_come_the_sooner_the_less_is_left() {
        let mut guard = guard();
        assert!(guard.is_due(0), "what there is has just become known");
        guard.look(&seen(80, 0, 60), 1000);
        assert!(!guard.is_due(999 + 20 * MB) && guard.is_due(1000 + 20 * MB));
        guard.look(&seen(239, 0, 60), 0);
        assert!(!guard.is_due(MB - 1) && guard.is_due(MB));
        guard.look(&seen(255, 0, 60), 0);
        assert!(!guard.is_due(MB - 1) && guard.is_due(MB));
    }

    #[test]
    fn without_knowing_what_there_is_it_stays_out_of_the_way() {
        let mut guard = Guard::default();
        assert!(!guard.is_due(1 << 60));
        guard.set_memory(256 * MB, 0);
        guard.look(&seen(250, 0, 3), 0);
        guard.set_memory(0, 0);
        assert_eq!(guard.look(&seen(250, 0, 3), 0), Relief::Unneeded);
        assert_eq!((guard.bound(), guard.is_critical()), (u64::MAX, false));
        assert!(!guard.is_due(1 << 60));
    }

    #[test]
    fn the_reserve_of_a_large_machine_is_bounded() {
        let mut guard = Guard::default();
        guard.set_memory(64 << 30, 0);
        guard.look(&seen(0, 0, 0), 0);
        assert_eq!(guard.bound(), (64 << 30) - 256 * MB);
    }

    #[test]
    fn that_it_has_the_say_is_told_once_a_minute() {
        let mut guard = guard();
        guard.look(&seen(245, 0, 130), 0);
        assert!(!guard.is_news(80 * MB, 1000), "maxmemory is less");
        assert!(guard.is_news(192 * MB, 1000));
        assert!(!guard.is_news(192 * MB, 60_999));
        assert!(guard.is_news(192 * MB, 61_000));
    }
}
