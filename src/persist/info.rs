//! INFO's section `persistence`.

use super::Persist;
use crate::stdx::fields::Fields;

impl Persist {
    /// The section; `dirty` counts the changes since the last snapshot, `keys_read` the keys that a
    /// running one is past.
    pub fn info(&self, out: &mut Fields, dirty: u64, keys_read: usize, now_ms: u64) {
        out.all(&["loading", "async_loading"], 0);
        // No process is forked, so no page is ever copied for one.
        out.all(&["current_cow_peak", "current_cow_size", "current_cow_size_age"], 0);
        out.ratio("current_fork_perc", 0.0);
        self.snapshots.info(out, keys_read);
        self.saving.info(out, dirty, now_ms);
        out.all(&["rdb_last_load_keys_expired", "rdb_last_load_keys_loaded"], 0);
        self.aof.info(out, now_ms);
        out.all(&["module_fork_in_progress", "module_fork_last_cow_size"], 0);
        self.aof.info_on(out);
    }
}
