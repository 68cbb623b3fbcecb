//! INFO's section `persistence`.

use super::Persist;
use super::snapshot::Purpose;
use crate::stdx::fields::Fields;

impl Persist {
    /// The section; `dirty` counts the changes since the last snapshot, `keys_read` the keys that a
    /// running one is past.
    pub fn info(&self, out: &mut Fields, dirty: u64, keys_read: usize, now_ms: u64) {
        self.loading.info(out);
        // No process is forked, so no page is ever copied for one.
        out.all(&["current_cow_peak", "current_cow_size", "current_cow_size_age"], 0);
        out.ratio("current_fork_perc", 0.0);
        self.snapshots.info(out, keys_read);
        let sends = self.snapshots.current.iter().any(|it| it.purpose == Purpose::Sync);
        self.saving.info(out, dirty, sends, now_ms);
        self.loading.info_last(out);
        self.aof.info(out, now_ms);
        out.all(&["module_fork_in_progress", "module_fork_last_cow_size"], 0);
        self.aof.info_on(out);
        self.loading.info_running(out, now_ms);
    }
}
