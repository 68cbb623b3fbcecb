//! The access clocks of entries: what a use of a key writes there, and what is read from it. What that is
//! depends on `maxmemory-policy`.

use super::ticks::{Pace, Ticks};
use super::{Lfu, Touch};
use crate::types::Entry;

/// What the access clocks of entries hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Record {
    /// When a key was last used.
    #[default]
    Use,
    /// When it was last changed.
    Change,
    /// How often it was used, and when last.
    Count(Lfu),
}

/// Seconds, which OBJECT IDLETIME tells.
const RECENCY: Pace = Pace { unit_ms: 1000, turnover: 1024, bits: 24 };
/// Minutes, by which counters fall.
const FREQUENCY: Pace = Pace { unit_ms: 60_000, turnover: 64, bits: 16 };

/// Reads and writes access clocks.
#[derive(Debug, Clone)]
pub struct Access {
    record: Record,
    ticks: Ticks,
    /// Where the randomness of counters stands; never zero.
    chance: u64,
}

impl Default for Access {
    fn default() -> Self {
        // Any start but zero will do.
        let chance = 0x9e37_79b9_7f4a_7c15;
        Self { record: Record::Use, ticks: Ticks::new(RECENCY, 0), chance }
    }
}

impl Access {
    /// Sets what is recorded from now on, and whether the order of uses must be told finer than by time.
    /// What entries hold stays there, and is read in the new way.
    pub fn set_record(&mut self, record: Record, fine: bool, now_ms: u64) {
        let pace = if matches!(record, Record::Count(_)) { FREQUENCY } else { RECENCY };
        if self.ticks.pace() != pace {
            self.ticks = Ticks::new(pace, now_ms);
        }
        self.ticks.set_fine(fine);
        self.record = record;
    }

    /// What is recorded.
    pub fn record(&self) -> Record {
        self.record
    }

    /// How uses are counted, if they are.
    pub fn lfu(&self) -> Option<Lfu> {
        match self.record {
            Record::Count(lfu) => Some(lfu),
            Record::Use | Record::Change => None,
        }
    }

    /// The clock behind it.
    pub(super) fn ticks_mut(&mut self) -> &mut Ticks {
        &mut self.ticks
    }

    /// The access clock of a new entry.
    #[inline]
    pub fn new_clock(&self) -> u32 {
        match self.record {
            Record::Count(_) => Lfu::start(self.ticks.stamp()),
            Record::Use | Record::Change => self.ticks.stamp(),
        }
    }

    /// A key was looked up for reading.
    #[inline]
    pub(super) fn read(&mut self, entry: &mut Entry, touch: Touch) {
        if touch == Touch::Use && self.record != Record::Change {
            self.note(entry);
        }
    }

    /// A key was looked up to be changed.
    #[inline]
    pub(super) fn edited(&mut self, entry: &mut Entry, touch: Touch) {
        if touch == Touch::Use || self.record == Record::Change {
            self.note(entry);
        }
    }

    #[inline]
    fn note(&mut self, entry: &mut Entry) {
        let clock = match self.record {
            Record::Use | Record::Change => self.ticks.stamp(),
            Record::Count(lfu) => {
                let clock = entry.clock();
                let idle = self.ticks.idle(clock >> 8);
                lfu.used(clock, self.ticks.stamp(), idle, self.chance())
            }
        };
        // An entry that is read over and over is not written to each time.
        if entry.clock() != clock {
            entry.set_clock(clock);
        }
    }

    /// Seconds since a key was last used, by its access clock.
    pub fn idle_seconds(&self, entry: &Entry) -> u64 {
        match self.record {
            Record::Count(_) => 0,
            Record::Use | Record::Change => self.ticks.idle(entry.clock()),
        }
    }

    /// A key's counter of uses, as far as it has fallen by now.
    pub fn frequency(&self, entry: &Entry) -> u32 {
        let clock = entry.clock();
        self.lfu().map_or(0, |lfu| lfu.counter(clock, self.ticks.idle(clock >> 8)))
    }

    /// The access clock of a key that was last used so many seconds ago, or has this counter; that of a new
    /// one if what is known is not what is recorded.
    pub fn clock_of(&self, idle_seconds: Option<u64>, frequency: Option<u8>) -> u32 {
        match (self.record, frequency, idle_seconds) {
            (Record::Count(_), Some(counter), _) => Lfu::clock(counter.into(), self.ticks.stamp()),
            (Record::Use | Record::Change, _, Some(idle)) => self.ticks.stamp_of_idle(idle),
            _ => self.new_clock(),
        }
    }

    /// How well a key with this access clock would be evicted: the greater, the sooner.
    #[inline]
    pub(super) fn rank(&self, clock: u32) -> u64 {
        match self.record {
            Record::Use | Record::Change => self.ticks.age(clock),
            Record::Count(lfu) => {
                let counter = lfu.counter(clock, self.ticks.idle(clock >> 8));
                let age = self.ticks.age(clock >> 8);
                u64::from(u8::MAX - counter as u8) << 16 | age
            }
        }
    }

    /// A random number for the counters, whose quality matters little (xorshift).
    fn chance(&mut self) -> u32 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 32) as u32
    }
}
