//! What is known of snapshots to the RDB file: the one that runs, and how the last ones ended.

use crate::stdx::fields::Fields;
use std::path::PathBuf;

/// The state of saving.
#[derive(Debug)]
pub struct Saving {
    /// When the last snapshot was complete, ms since the epoch; the start of the server before that.
    pub last_save_ms: u64,
    /// Whether the last one succeeded.
    pub last_ok: bool,
    /// How long it took, ms.
    pub last_duration_ms: Option<u64>,
    /// The one that runs.
    pub running: Option<Running>,
    /// One is to begin when what runs now has ended.
    pub scheduled: bool,
    /// When one was last begun, ms since the epoch.
    pub last_try_ms: u64,
    /// How many were begun since the start.
    pub count: u64,
}

/// A snapshot that runs.
#[derive(Debug)]
pub struct Running {
    /// When it began, ms since the epoch.
    pub began_ms: u64,
    /// Changes since the snapshot before it, as of its beginning.
    pub dirty: u64,
    /// Commands go on meanwhile.
    pub background: bool,
    /// Nobody asked for it: it is of what FLUSHALL left, and gives way to any other.
    pub gives_way: bool,
    /// How many times everything had been removed when it began.
    pub flushes: u64,
    /// The file that it writes.
    pub temp: PathBuf,
}

impl Default for Saving {
    fn default() -> Self {
        Self {
            last_save_ms: 0,
            last_ok: true,
            last_duration_ms: None,
            running: None,
            scheduled: false,
            last_try_ms: 0,
            count: 0,
        }
    }
}

impl Saving {
    /// Its lines of INFO's section `persistence`; `dirty` counts the changes since the last snapshot. One that is sent to
    /// replicas counts as running, too: `sends`.
    pub fn info(&self, out: &mut Fields, dirty: u64, sends: bool, now_ms: u64) {
        let seconds = |ms: Option<u64>| ms.map_or(-1, |ms| (ms / 1000) as i64);
        let running_ms = self.running.as_ref().map(|run| now_ms.saturating_sub(run.began_ms));
        out.put("rdb_changes_since_last_save", dirty);
        out.put("rdb_bgsave_in_progress", u8::from(self.running.is_some() || sends));
        out.put("rdb_last_save_time", self.last_save_ms / 1000);
        out.put("rdb_last_bgsave_status", if self.last_ok { "ok" } else { "err" });
        out.put("rdb_last_bgsave_time_sec", seconds(self.last_duration_ms));
        out.put("rdb_current_bgsave_time_sec", seconds(running_ms));
        out.put("rdb_saves", self.count);
        out.put("rdb_last_cow_size", 0);
    }
}
