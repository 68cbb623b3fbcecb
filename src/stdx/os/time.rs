//! Time as the kernel and the CPU tell it: raw monotonic nanoseconds, the zone's offset, the time
//! stamp counter.
#![expect(
    unsafe_code,
    reason = "clock_gettime, localtime_r and RDTSC have no safe form in std or nix"
)]

use std::mem::MaybeUninit;

/// Nanoseconds of `CLOCK_MONOTONIC`: since boot on Linux, never stepping back.
#[must_use]
pub fn monotonic_ns() -> u64 {
    nanos_of(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds of CPU time that the calling thread has used.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    nanos_of(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// What one of the clocks says that are never negative.
fn nanos_of(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid, writable timespec for the length of the call.
    let rc = unsafe { libc::clock_gettime(clock, &raw mut now) };
    assert_eq!(rc, 0, "every supported system has the monotonic clock and the threads' own");
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Seconds east of UTC that the local zone (`TZ`, `/etc/localtime`) has at this moment of the Unix
/// clock. Takes libc's time zone lock: not for a signal handler.
#[must_use]
pub fn utc_offset(unix_seconds: i64) -> i32 {
    let mut parts = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call, and a zeroed `tm` is a valid value (a null zone
    // name included), so reading it back is sound even if the call should fail.
    let parts = unsafe {
        libc::localtime_r(&raw const unix_seconds, parts.as_mut_ptr());
        parts.assume_init()
    };
    // At most 26 hours either way.
    parts.tm_gmtoff as i32
}

/// Whether the CPU promises a time stamp counter that ticks at one rate in all power states.
/// (CPUID leaf 0x8000_0007, EDX bit 8.)
#[must_use]
pub fn has_invariant_tsc() -> bool {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        const POWER_LEAF: u32 = 0x8000_0007;
        let highest = core::arch::x86_64::__cpuid(0x8000_0000).eax;
        highest >= POWER_LEAF && core::arch::x86_64::__cpuid(POWER_LEAF).edx & (1 << 8) != 0
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    false
}

/// The time stamp counter, or monotonic nanoseconds on a CPU without one.
/// Unordered with the instructions around it, which costs a command's timing a few nanoseconds of
/// blur.
#[inline]
#[must_use]
pub fn tsc() -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: every x86_64 CPU has RDTSC, and Linux lets user space run it.
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    monotonic_ns()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_never_steps_back() {
        let mut last = monotonic_ns();
        for _ in 0..100 {
            let now = monotonic_ns();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn the_zone_is_within_a_day_of_utc() {
        assert!(utc_offset(1_700_000_000).abs() <= 26 * 3600);
    }

    #[test]
    fn the_tick_counter_moves() {
        let before = tsc();
        while tsc() == before {
            std::hint::spin_loop();
        }
    }
}
