//! The clock by which uses of keys are ordered. It ticks with time, a tick a unit, and beside that with
//! what comes and goes while memory is short.
//!
//! A key that nobody uses is evicted after about as many evictions as there are keys: a turnover. Where a
//! turnover takes seconds, a clock of seconds tells hardly anything about which key was used last. So
//! keys that come or are evicted move the clock too, [`Pace::turnover`] ticks a turnover, however long
//! that takes. Without evictions it counts units of time, but for a bounded number of ticks for the keys
//! that fill the memory at first.
//!
//! What time a tick was is known from marks, kept where the clock changed its pace; between two of them
//! it is interpolated. Where there are many, older ones are thinned out.
//!
//! Invariants:
//! 1. The clock never goes back; without extra ticks it reads the units since the epoch.
//! 2. `excess` of the marks, the ticks that no time passed for, never falls from one mark to the next.

use std::collections::VecDeque;

/// Marks kept at most.
const MARKS_MAX: usize = 512;
/// Ticks that keys may cause which come while nothing is evicted, in all.
const FILLING_MAX: u64 = 1 << 15;

/// How fast a clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Milliseconds of a tick, while nothing is evicted.
    pub unit_ms: u64,
    /// Ticks in the time in which all keys are evicted that nobody uses.
    pub turnover: u64,
    /// Bits of a reading that an entry keeps.
    pub bits: u32,
}

/// A point where the pace changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    tick: u64,
    excess: u64,
}

/// The clock.
#[derive(Debug, Clone)]
pub struct Ticks {
    pace: Pace,
    now: u64,
    /// The unit of time that it is, since the epoch.
    unit: u64,
    /// When that unit ends, ms since the epoch.
    unit_ends_ms: u64,
    /// The reading when the unit began.
    began: u64,
    marks: VecDeque<Mark>,
    /// Whether keys move it.
    fine: bool,
    /// Keys that come or go for one tick.
    every: u64,
    /// Keys that came or went since the last tick.
    moved: u64,
    /// Ticks that keys may still cause by coming alone.
    filling: u64,
}

impl Ticks {
    /// A clock that begins at this time.
    pub fn new(pace: Pace, now_ms: u64) -> Self {
        let unit = now_ms / pace.unit_ms;
        Self {
            pace,
            now: unit,
            unit,
            unit_ends_ms: (unit + 1) * pace.unit_ms,
            began: unit,
            marks: VecDeque::new(),
            fine: false,
            every: 1,
            moved: 0,
            filling: FILLING_MAX,
        }
    }

    /// How fast it ticks.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Begins to tick with the keys that come and go, or ends it.
    pub fn set_fine(&mut self, fine: bool) {
        self.fine = fine;
    }

    /// Its reading, as an entry keeps it.
    #[inline]
    pub fn stamp(&self) -> u32 {
        self.now as u32 & self.mask()
    }

    /// Tells the time.
    #[inline]
    pub fn set_time(&mut self, now_ms: u64) {
        if now_ms >= self.unit_ends_ms {
            self.next_unit(now_ms);
        }
    }

    /// There are so many keys.
    #[inline]
    pub fn set_keys(&mut self, keys: usize) {
        self.every = (keys as u64 / self.pace.turnover).max(1);
    }

    /// A key came.
    #[inline]
    pub fn key_came(&mut self) {
        if self.fine && self.filling > 0 && self.moves() {
            self.filling -= 1;
            self.now += 1;
        }
    }

    /// A key was evicted. For each of them another may come.
    #[inline]
    pub fn key_evicted(&mut self) {
        if self.fine && self.moves() {
            self.filling = FILLING_MAX.min(self.filling + 2);
            self.now += 1;
        }
    }

    /// How many ticks ago it read `stamp`; the last sixteenth of what an entry can tell counts as now.
    #[inline]
    pub fn age(&self, stamp: u32) -> u64 {
        let age = (self.now as u32).wrapping_sub(stamp) & self.mask();
        // A copy of the clock may stand still while others go on: what they stamped is not old.
        if age > self.mask() / 16 * 15 { 0 } else { age.into() }
    }

    /// How many units of time ago it read `stamp`.
    #[inline]
    pub fn idle(&self, stamp: u32) -> u64 {
        let age = self.age(stamp);
        if age <= self.now - self.began { 0 } else { self.units_since(age) }
    }

    /// What it read so many units of time ago, as an entry keeps it.
    pub fn stamp_of_idle(&self, units: u64) -> u32 {
        let wanted = self.unit.saturating_sub(units);
        let after = self.marks.partition_point(|mark| mark.tick - mark.excess <= wanted);
        let excess = match (after.checked_sub(1).map(|at| self.marks[at]), self.marks.get(after)) {
            (None, Some(next)) => next.excess,
            (None, None) => self.now - self.unit,
            (Some(mark), None) => mark.excess,
            (Some(mark), Some(next)) => {
                let (from, to) = (mark.tick - mark.excess, next.tick - next.excess);
                share(next.excess - mark.excess, wanted - from, to - from) + mark.excess
            }
        };
        (wanted + excess).min(self.now) as u32 & self.mask()
    }

    fn mask(&self) -> u32 {
        u32::MAX >> (32 - self.pace.bits)
    }

    #[inline]
    fn moves(&mut self) -> bool {
        self.moved += 1;
        let ticks = self.moved >= self.every;
        if ticks {
            self.moved = 0;
        }
        ticks
    }

    #[cold]
    fn next_unit(&mut self, now_ms: u64) {
        let unit = now_ms / self.pace.unit_ms;
        if self.now > self.began {
            self.mark(self.began, self.unit);
            self.mark(self.now + 1, self.unit + 1);
        }
        self.now += unit - self.unit;
        (self.unit, self.began) = (unit, self.now);
        self.unit_ends_ms = (unit + 1) * self.pace.unit_ms;
    }

    fn mark(&mut self, tick: u64, unit: u64) {
        let mark = Mark { tick, excess: tick - unit };
        if self.marks.back().is_some_and(|last| last.tick >= tick) {
            return;
        }
        self.marks.push_back(mark);
        if self.marks.len() > MARKS_MAX {
            // The first stays: all before it was even.
            let mut number = 0;
            self.marks.retain(|_| {
                number += 1;
                number % 2 == 1 || number > MARKS_MAX / 2
            });
        }
    }

    /// Units of time since the reading that was `age` ticks ago.
    fn units_since(&self, age: u64) -> u64 {
        let tick = self.now.saturating_sub(age);
        let after = self.marks.partition_point(|mark| mark.tick <= tick);
        let excess = match (after.checked_sub(1).map(|at| self.marks[at]), self.marks.get(after)) {
            (None, Some(next)) => next.excess,
            (None, None) => self.began - self.unit,
            (Some(mark), None) => mark.excess,
            (Some(mark), Some(next)) => {
                let rise = next.excess - mark.excess;
                share(rise, tick - mark.tick, next.tick - mark.tick) + mark.excess
            }
        };
        self.unit.saturating_sub(tick.saturating_sub(excess))
    }
}

/// `part / whole` of `amount`.
fn share(amount: u64, part: u64, whole: u64) -> u64 {
    let product = u128::from(amount) * u128::from(part);
    // No larger than `amount`, for `part` is no larger than `whole`.
    product.checked_div(u128::from(whole)).unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: Pace = Pace { unit_ms: 1000, turnover: 1024, bits: 24 };

    fn clock() -> Ticks {
        let mut ticks = Ticks::new(SECONDS, 1_700_000_000_000);
        ticks.set_fine(true);
        ticks
    }

    #[test]
    fn without_evictions_it_counts_seconds() {
        let mut ticks = clock();
        assert_eq!(ticks.stamp(), 1_700_000_000 & 0xff_ffff);
        let stamp = ticks.stamp();
        ticks.set_time(1_700_000_100_500);
        assert_eq!((ticks.age(stamp), ticks.idle(stamp)), (100, 100));
        assert_eq!(ticks.idle(ticks.stamp_of_idle(1_000_000)), 1_000_000);
    }

    #[test]
    fn evictions_are_told_apart_within_a_second_and_seconds_stay_what_they_were() {
        let mut ticks = clock();
        ticks.set_keys(2048);
        let mut stamps = Vec::new();
        for second in 0..2000u64 {
            ticks.set_time(1_700_000_000_000 + second * 1000);
            stamps.push(ticks.stamp());
            // For a while much is evicted, then nothing.
            let evicted = if second < 1200 { 40 + second % 7 } else { 0 };
            (0..evicted).for_each(|_| ticks.key_evicted());
        }
        assert!(ticks.age(stamps[0]) > 2000 + 1200 * 18);
        for (second, stamp) in stamps.iter().enumerate() {
            let idle = ticks.idle(*stamp);
            let error = idle.abs_diff(1999 - second as u64);
            assert!(error <= 2, "{second}: {idle}");
            let back = ticks.idle(ticks.stamp_of_idle(idle));
            assert!(back.abs_diff(idle) <= 1, "{second}: {back} for {idle}");
        }
    }

    #[test]
    fn keys_that_only_come_move_it_no_further_than_the_bound() {
        let mut ticks = clock();
        let before = ticks.stamp();
        (0..1_000_000).for_each(|_| ticks.key_came());
        assert_eq!(ticks.age(before), FILLING_MAX);
    }

    #[test]
    fn a_clock_set_back_goes_on() {
        let mut ticks = clock();
        ticks.set_time(1_600_000_000_000);
        assert_eq!(ticks.idle(ticks.stamp()), 0);
    }
}
