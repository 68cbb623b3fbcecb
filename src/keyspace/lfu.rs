//! The access counter of the LFU policies: 16 bits that tell when a key was last used and an 8-bit
//! logarithmic counter, in the entry's access clock.
//!
//! The counter grows with a probability that falls as it rises, so that 255 stands for millions of
//! uses, and falls by one for each `lfu-decay-time` minutes without use. (Redis's documentation of
//! its LFU mode describes both.)

/// A new key begins here, so that it has a chance to be used before it is evicted.
const START: u32 = 5;
/// How uses are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lfu {
    /// `lfu-log-factor`: how many uses bring the counter up.
    pub log_factor: u32,
    /// `lfu-decay-time`: minutes for which it falls by one; 0 for never.
    pub decay_minutes: u32,
}

impl Lfu {
    /// The access clock of a new key. `stamp` is when it is, in 16 bits.
    #[inline]
    pub fn start(stamp: u32) -> u32 {
        Self::clock(START, stamp)
    }

    /// The access clock of a key with this counter.
    #[inline]
    pub fn clock(counter: u32, stamp: u32) -> u32 {
        stamp << 8 | counter
    }

    /// The counter of an access clock, as far as it has fallen in so many minutes.
    #[inline]
    pub fn counter(self, clock: u32, idle_minutes: u64) -> u32 {
        let fallen = idle_minutes.checked_div(self.decay_minutes.into()).unwrap_or(0);
        (clock & 0xff).saturating_sub(fallen.min(0xff) as u32)
    }

    /// The access clock after one more use, so many minutes after the last; `chance` is random.
    #[inline]
    pub fn used(self, clock: u32, stamp: u32, idle_minutes: u64, chance: u32) -> u32 {
        let counter = self.counter(clock, idle_minutes);
        let above = counter.saturating_sub(START);
        let odds = f64::from(above) * f64::from(self.log_factor) + 1.0;
        let grows = counter < 255 && f64::from(chance) < f64::from(u32::MAX) / odds;
        Self::clock(counter + u32::from(grows), stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LFU: Lfu = Lfu { log_factor: 10, decay_minutes: 1 };

    #[test]
    fn a_counter_grows_ever_more_slowly() {
        let mut clock = Lfu::start(0);
        let mut chance = 1u32;
        let mut counters = Vec::new();
        for use_number in 1..=100_000u32 {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            clock = LFU.used(clock, 0, 0, chance);
            if [100, 1000, 100_000].contains(&use_number) {
                counters.push(clock & 0xff);
            }
        }
        // Redis documents about 10, 18 and 142 for the default factor.
        assert!((8..=13).contains(&counters[0]), "{counters:?}");
        assert!((14..=24).contains(&counters[1]), "{counters:?}");
        assert!((120..=165).contains(&counters[2]), "{counters:?}");
    }

    #[test]
    fn a_counter_falls_by_one_for_each_period_without_use() {
        let clock = Lfu::start(0) + 10;
        assert_eq!(LFU.counter(clock, 4), 11);
        assert_eq!(LFU.counter(clock, 1000), 0);
        assert_eq!(Lfu { decay_minutes: 0, ..LFU }.counter(clock, 1000), 15);
    }
}
