//! INFO's lines about the append-only file.

use super::{Aof, State};
use crate::stdx::fields::Fields;

impl Aof {
    /// Whether the configuration has one, and the rewrites of it.
    pub fn info(&self, out: &mut Fields, now_ms: u64) {
        let seconds = |ms: Option<u64>| ms.map_or(-1, |ms| (ms / 1000) as i64);
        let rewrites = &self.rewrites;
        let running_ms = rewrites.running.as_ref().map(|run| now_ms.saturating_sub(run.began_ms));
        let word = |ok| if ok { "ok" } else { "err" };
        out.put("aof_enabled", u8::from(self.state != State::Off));
        out.put("aof_rewrite_in_progress", u8::from(rewrites.running.is_some()));
        out.put("aof_rewrite_scheduled", u8::from(rewrites.scheduled));
        out.put("aof_last_rewrite_time_sec", seconds(rewrites.last_duration_ms));
        out.put("aof_current_rewrite_time_sec", seconds(running_ms));
        out.put("aof_last_bgrewrite_status", word(rewrites.last_ok));
        out.put("aof_rewrites", rewrites.count);
        out.put("aof_rewrites_consecutive_failures", rewrites.failures);
        out.put("aof_last_write_status", word(self.failure.is_none() && !self.lost));
        out.put("aof_last_cow_size", 0);
    }

    /// What is told only of one that there is.
    pub fn info_on(&self, out: &mut Fields) {
        if self.state == State::Off {
            return;
        }
        out.put("aof_current_size", self.bytes());
        out.put("aof_base_size", self.base_bytes);
        out.put("aof_pending_rewrite", u8::from(self.rewrites.scheduled));
        out.put("aof_buffer_length", self.behind());
        out.put("aof_pending_bio_fsync", u8::from(self.late));
        out.put("aof_delayed_fsync", self.delayed);
    }
}
