//! INFO's section `persistence`: what is reported while nothing is saved or loaded.

use crate::stdx::fields::Fields;

/// The section; `dirty` counts the changes since the start, `started_s` is when that was.
pub fn info(out: &mut Fields, dirty: u64, started_s: u64) {
    let none = [
        "loading",
        "async_loading",
        "current_cow_peak",
        "current_cow_size",
        "current_cow_size_age",
    ];
    out.all(&none, 0);
    out.ratio("current_fork_perc", 0.0);
    out.all(&["current_save_keys_processed", "current_save_keys_total"], 0);
    out.put("rdb_changes_since_last_save", dirty);
    out.put("rdb_bgsave_in_progress", 0);
    out.put("rdb_last_save_time", started_s);
    out.put("rdb_last_bgsave_status", "ok");
    out.all(&["rdb_last_bgsave_time_sec", "rdb_current_bgsave_time_sec"], -1);
    let none = [
        "rdb_saves",
        "rdb_last_cow_size",
        "rdb_last_load_keys_expired",
        "rdb_last_load_keys_loaded",
        "aof_enabled",
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled",
    ];
    out.all(&none, 0);
    out.all(&["aof_last_rewrite_time_sec", "aof_current_rewrite_time_sec"], -1);
    out.put("aof_last_bgrewrite_status", "ok");
    out.all(&["aof_rewrites", "aof_rewrites_consecutive_failures"], 0);
    out.put("aof_last_write_status", "ok");
    let none = ["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"];
    out.all(&none, 0);
}
