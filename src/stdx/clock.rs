//! The clocks: wall time, monotonic time, and a tick counter cheap enough to read twice per
//! command.
//!
//! Everything below `net` gets its time as an argument; these are for the edge that hands it out.
//!
//! | read | source | cost |
//! |---|---|---|
//! | [`Clock::now_ms`], [`Clock::now_us`] | `CLOCK_REALTIME` | 20-30 ns |
//! | [`Clock::mono_ns`] | `CLOCK_MONOTONIC` | 20-30 ns |
//! | [`Ticks::now`] | RDTSC where it can be trusted, else `CLOCK_MONOTONIC` | 10 ns |
//!
//! The counter is trusted when the CPU calls it invariant (one rate in all power states) *and* the
//! kernel lists `tsc` among its clock sources: it strikes the counter off that list when it has
//! seen the cores' counters drift apart.
use crate::stdx::os::time;
use std::{
    fs,
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Reads the system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(self) -> i64 {
        self.now_us() / 1000
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn now_us(self) -> i64 {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => micros(since),
            Err(before) => -micros(before.duration()),
        }
    }

    /// Microseconds of a clock that never steps back. Its start means nothing.
    #[must_use]
    pub fn mono_us(self) -> u64 {
        time::monotonic_ns() / 1000
    }

    /// Nanoseconds of the clock of [`mono_us`](Self::mono_us).
    #[must_use]
    pub fn mono_ns(self) -> u64 {
        time::monotonic_ns()
    }
}

/// How long the counter is compared with the clock. Reading the pair blurs by some 50 ns: 25
/// millionths of this.
const CALIBRATION_NS: u64 = 2_000_000;

/// A reading of the tick counter; the difference of two is a [`TickSpan`]. Readings of one program
/// compare, and never step back by more than the cores' counters differ, which [`TickSpan`] hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks(u64);

/// Ticks between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TickSpan(pub u64);

impl Ticks {
    /// Reads the counter. The first read of the program takes [a few milliseconds](Self::warm_up).
    #[inline]
    #[must_use]
    pub fn now() -> Self {
        Self(if SCALE.tsc { time::tsc() } else { time::monotonic_ns() })
    }

    /// The counter's bare value, for those who keep readings as numbers.
    #[inline]
    #[must_use]
    pub fn count(self) -> u64 {
        self.0
    }

    /// Compares the counter with the clock, which takes 2 ms, so that no command pays for it. Once
    /// at start-up.
    pub fn warm_up() {
        LazyLock::force(&SCALE);
    }

    /// Ticks from `earlier` to this reading, 0 if that is later.
    #[inline]
    #[must_use]
    pub fn since(self, earlier: Self) -> TickSpan {
        TickSpan(self.0.saturating_sub(earlier.0))
    }

    /// Ticks from this reading to now.
    #[inline]
    #[must_use]
    pub fn elapsed(self) -> TickSpan {
        Self::now().since(self)
    }

    /// What the ticks are, as INFO's `monotonic_clock` says it.
    #[must_use]
    pub fn source() -> String {
        if SCALE.tsc {
            format!("X86 TSC @ {} ticks/us", SCALE.ticks_per_us())
        } else {
            "POSIX clock_gettime".to_owned()
        }
    }
}

impl TickSpan {
    /// Nanoseconds.
    #[inline]
    #[must_use]
    pub fn as_ns(self) -> u64 {
        ticks_to_ns(self.0)
    }

    /// Whole microseconds.
    #[inline]
    #[must_use]
    pub fn as_us(self) -> u64 {
        self.as_ns() / 1000
    }
}

/// Converts a number of ticks to nanoseconds.
#[inline]
#[must_use]
pub fn ticks_to_ns(ticks: u64) -> u64 {
    SCALE.to_ns(ticks)
}

/// Converts a number of ticks to whole microseconds.
#[inline]
#[must_use]
pub fn ticks_to_us(ticks: u64) -> u64 {
    ticks_to_ns(ticks) / 1000
}

static SCALE: LazyLock<Scale> = LazyLock::new(Scale::measure);

/// What a tick is worth.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// Whether ticks come from the CPU's counter.
    tsc: bool,
    /// Nanoseconds per tick, as a fixed-point number with 32 fraction bits.
    ns_per_tick: u64,
}

impl Scale {
    /// One tick is one nanosecond: the clock itself.
    const CLOCK: Self = Self { tsc: false, ns_per_tick: 1 << 32 };

    fn measure() -> Self {
        if !time::has_invariant_tsc() || !kernel_trusts_tsc() {
            return Self::CLOCK;
        }
        let (start_ns, start) = tsc_at();
        while time::monotonic_ns() - start_ns < CALIBRATION_NS {
            std::hint::spin_loop();
        }
        let (end_ns, end) = tsc_at();
        Self::from_rate(end.wrapping_sub(start), end_ns - start_ns)
    }

    /// The scale for a counter that made so many ticks in so much time; the clock when that cannot
    /// be (slower than 1 per µs, or a step back).
    fn from_rate(ticks: u64, ns: u64) -> Self {
        if ticks < ns / 1000 || ticks > ns.saturating_mul(1000) || ticks == 0 {
            return Self::CLOCK;
        }
        let ns_per_tick = (u128::from(ns) << 32) / u128::from(ticks);
        Self { tsc: true, ns_per_tick: u64::try_from(ns_per_tick).expect("at most 1000 ns a tick") }
    }

    #[inline]
    fn to_ns(self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.ns_per_tick)) >> 32) as u64
    }

    fn ticks_per_us(self) -> u64 {
        let thousand = 1000u64 << 32;
        (thousand + self.ns_per_tick / 2) / self.ns_per_tick
    }
}

/// The clock and the counter at one moment: the closest of several pairs, for a thread may be
/// interrupted between two reads.
fn tsc_at() -> (u64, u64) {
    let pair = || {
        let before = time::monotonic_ns();
        let ticks = time::tsc();
        let after = time::monotonic_ns();
        (after - before, before + (after - before) / 2, ticks)
    };
    let (_, ns, ticks) =
        (0..16).map(|_| pair()).min_by_key(|&(blur, ..)| blur).expect("sixteen pairs");
    (ns, ticks)
}

/// Linux lists `tsc` while it has no reason to doubt it. Where the file is missing there is no such
/// doubt to read.
fn kernel_trusts_tsc() -> bool {
    fs::read_to_string("/sys/devices/system/clocksource/clocksource0/available_clocksource")
        .is_ok_and(|sources| sources.split_ascii_whitespace().any(|s| s == "tsc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Under Miri's isolation wall time is not the host's.
    #[cfg(not(miri))]
    #[test]
    fn wall_time_is_after_this_was_written() {
        let ms = Clock.now_ms();
        assert!(ms > 1_700_000_000_000);
        assert!((Clock.now_us() / 1000 - ms) < 10_000);
    }

    #[test]
    fn units_agree() {
        let us = Clock.mono_us();
        let ns = Clock.mono_ns();
        assert!(ns / 1000 >= us);
    }

    /// A reading of the counter between two of the clock.
    fn bracketed() -> (u64, Ticks, u64) {
        (Clock.mono_ns(), Ticks::now(), Clock.mono_ns())
    }

    #[test]
    fn ticks_measure_time() {
        Ticks::warm_up();
        let (before_start, start, after_start) = bracketed();
        let wait = if cfg!(miri) { 100_000 } else { 5_000_000 };
        while Clock.mono_ns() - after_start < wait {
            std::hint::spin_loop();
        }
        let (before_end, end, after_end) = bracketed();
        let span = end.since(start);
        // However long the thread was kept waiting between two reads, the truth lies between these.
        let (least, most) = (before_end - after_start, after_end - before_start);
        let bounds = least - least / 50..=most + most / 50;
        let (ns, source) = (span.as_ns(), Ticks::source());
        assert!(bounds.contains(&ns), "{ns} outside {bounds:?} ns, {source}");
        assert_eq!(span.as_us(), ns / 1000);
        assert!(start.elapsed() >= span);
    }

    #[test]
    fn an_earlier_reading_is_no_time_ago() {
        assert_eq!(Ticks(5).since(Ticks(9)).as_ns(), 0);
    }

    #[test]
    fn a_rate_becomes_a_scale() {
        let three_ghz = Scale::from_rate(6_000_000, 2_000_000);
        assert!(three_ghz.tsc);
        assert_eq!(three_ghz.ticks_per_us(), 3000);
        // The fixed-point number is cut off, never rounded up.
        assert_eq!(three_ghz.to_ns(3_000_000_000), 999_999_999);
        let one_ghz = Scale::from_rate(1_000_000, 1_000_000);
        assert_eq!(one_ghz.to_ns(u64::MAX), u64::MAX);
    }

    #[test]
    fn an_impossible_rate_falls_back_to_the_clock() {
        for (ticks, ns) in [(0, 2_000_000), (u64::MAX - 5, 2_000_000), (1, 2_000_000)] {
            assert!(!Scale::from_rate(ticks, ns).tsc);
        }
    }
}
