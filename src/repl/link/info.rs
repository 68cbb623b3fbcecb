//! What INFO and ROLE tell of the connection.

use super::{Link, State};
use crate::config::Config;
use crate::resp::Reply;
use crate::stdx::fields::Fields;

impl Link {
    /// Its lines of INFO's section `replication`; `applied` is the offset up to which the stream was run.
    pub fn info(&self, out: &mut Fields, config: &Config, applied: u64, now_ms: u64) {
        let seconds_since = |then_ms: u64| now_ms.saturating_sub(then_ms) / 1000;
        let up = self.is_up();
        out.put("master_link_status", if up { "up" } else { "down" });
        let silent = if up { seconds_since(self.io_ms) as i64 } else { -1 };
        out.put("master_last_io_seconds_ago", silent);
        out.put("master_sync_in_progress", u8::from(self.is_syncing()));
        out.put("slave_read_repl_offset", applied + self.unapplied() as u64);
        out.put("slave_repl_offset", applied);
        if let (true, Some(sync)) = (self.is_syncing(), &self.sync) {
            let (total, read) = (sync.total.unwrap_or(0), sync.read);
            out.put("master_sync_total_bytes", total);
            out.put("master_sync_read_bytes", read);
            out.put("master_sync_left_bytes", total as i64 - read as i64);
            let percent = read as f64 * 100.0 / total as f64;
            out.ratio("master_sync_perc", if total > 0 { percent } else { 0.0 });
            out.put("master_sync_last_io_seconds_ago", seconds_since(self.io_ms));
        }
        if !up {
            let down = self.down_since_ms.map_or(-1, |since| seconds_since(since) as i64);
            out.put("master_link_down_since_seconds", down);
        }
        out.put("slave_priority", config.replica_priority);
        out.put("slave_read_only", u8::from(config.replica_read_only));
        out.put("replica_announced", u8::from(config.replica_announced));
    }

    /// The state and the offset that ROLE tells of it.
    pub fn role(&self, reply: &mut Reply<'_>, applied: u64) {
        reply.bulk(self.state_name().as_bytes());
        reply.int(if self.is_up() { applied as i64 } else { -1 });
    }

    /// The state as ROLE names it.
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Off => "none",
            State::Waiting { .. } => "connect",
            State::Connecting => "connecting",
            State::Greeting(_) => "handshake",
            State::Receiving(_) | State::Loading => "sync",
            State::Streaming { .. } => "connected",
        }
    }

    /// Bytes of the stream that were received and not run yet.
    fn unapplied(&self) -> usize {
        if self.is_up() { self.input.len() + self.pending.len() } else { 0 }
    }
}
