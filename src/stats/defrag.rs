//! What active defragmentation has done.

use crate::stdx::fields::Fields;

/// Counters of active defragmentation.
#[derive(Debug, Default, Clone, Copy)]
pub struct DefragStats {
    /// Allocations that were moved,
    pub hits: u64,
    /// and those that were looked at and stayed.
    pub misses: u64,
    /// Keys of which something was moved,
    pub key_hits: u64,
    /// and those of which nothing was.
    pub key_misses: u64,
    /// For how long it was at work, microseconds, before it is so now,
    pub total_us: u64,
    /// and since when it is, if it is.
    pub since_us: Option<u64>,
}

impl DefragStats {
    /// It is at work no more.
    pub fn stopped(&mut self, now_us: u64) {
        self.total_us += self.current_us(now_us);
        self.since_us = None;
    }

    fn current_us(&self, now_us: u64) -> u64 {
        self.since_us.map_or(0, |since| now_us.saturating_sub(since))
    }

    /// Its lines of section `stats`. The times are those during which it was at work, its rests included.
    pub fn info(&self, out: &mut Fields, now_us: u64) {
        let current_us = self.current_us(now_us);
        out.put("active_defrag_hits", self.hits);
        out.put("active_defrag_misses", self.misses);
        out.put("active_defrag_key_hits", self.key_hits);
        out.put("active_defrag_key_misses", self.key_misses);
        out.put("total_active_defrag_time", (self.total_us + current_us) / 1000);
        out.put("current_active_defrag_time", current_us / 1000);
    }
}
