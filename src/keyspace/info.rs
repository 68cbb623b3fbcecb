//! INFO's lines about the databases and what was counted of them.

use super::{Keyspace, KeyspaceStats};
use crate::stdx::fields::Fields;

impl Keyspace {
    /// Section `keyspace`: a line for each database that has keys.
    pub fn info(&self, out: &mut Fields) {
        let now = self.shared.now_ms;
        for (index, db) in self.databases().filter(|(_, db)| !db.is_empty()) {
            let line = format_args!(
                "keys={},expires={},avg_ttl={}",
                db.len(),
                db.volatile(),
                db.avg_ttl(now)
            );
            out.put(&format!("db{index}"), line);
        }
    }
}

impl KeyspaceStats {
    /// Their lines of section `stats`. A key leaves when its time is over, so none is ever stale,
    /// and no cycle runs out of time.
    pub fn info(&self, out: &mut Fields, expire_nanos: u64, evicted_clients: u64) {
        out.put("expired_subkeys", self.expired_fields);
        out.put("expired_keys", self.expired);
        out.ratio("expired_stale_perc", 0.0);
        out.put("expired_time_cap_reached_count", 0);
        out.put("expired_late_ms_max", self.expired_late_ms_max);
        out.put("expire_cycle_cpu_milliseconds", expire_nanos / 1_000_000);
        out.put("evicted_keys", 0);
        out.put("evicted_clients", evicted_clients);
        let none =
            ["evicted_scripts", "total_eviction_exceeded_time", "current_eviction_exceeded_time"];
        out.all(&none, 0);
        out.put("keyspace_hits", self.hits);
        out.put("keyspace_misses", self.misses);
    }
}
