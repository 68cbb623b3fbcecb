//! Where the memory goes: one account, which INFO, MEMORY STATS and MEMORY DOCTOR read.

use crate::stdx::fields::{Fields, human_bytes};

/// What one database takes beside its entries, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DatabaseOverhead {
    /// Its number.
    pub index: u32,
    /// Its table of keys.
    pub table: u64,
    /// Its index of deadlines.
    pub deadlines: u64,
    /// Of the table, what a resize in progress is about to give up.
    pub rehashing: u64,
}

/// Bytes as they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breakdown {
    /// Given out by the allocator.
    pub used: u64,
    /// The most of that.
    pub peak: u64,
    /// The same before the first key.
    pub startup: u64,
    /// In RAM.
    pub rss: u64,
    /// RAM the machine has.
    pub total_system: u64,
    /// The allocator's account: in live allocations.
    pub allocated: u64,
    /// In pages that hold one.
    pub active: u64,
    /// In RAM by its reckoning.
    pub resident: u64,
    /// Freed lazily.
    pub muzzy: u64,
    /// Held by ordinary clients.
    pub clients_normal: u64,
    /// Held by replicas: the stream beyond what is kept anyway is theirs.
    pub clients_replicas: u64,
    /// The stream of writes that is kept for replicas,
    pub backlog: u64,
    /// and with what they have yet to be sent of it.
    pub stream: u64,
    /// Yet to be written to the append-only file.
    pub aof_buffer: u64,
    /// Used, but no reason to evict keys.
    pub not_counted: u64,
    /// Each database that has keys.
    pub databases: Vec<DatabaseOverhead>,
    /// Keys.
    pub keys: u64,
    /// Scripts and functions.
    pub scripts: ScriptFigures,
}

/// The account: what was found, and what follows from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// As found.
    pub found: Breakdown,
    /// Beside the data: the program itself, clients, tables.
    pub overhead: u64,
    /// The data.
    pub dataset: u64,
    /// Per key, without what the program took at its start.
    pub per_key: u64,
}

/// A ratio of two sizes and the bytes between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Excess {
    /// The larger as a multiple of the smaller.
    pub ratio: f64,
    /// How many bytes larger it is.
    pub bytes: i64,
}

impl Excess {
    fn of(whole: u64, part: u64) -> Self {
        let ratio = if part == 0 { 0.0 } else { whole as f64 / part as f64 };
        Self { ratio, bytes: whole as i64 - part as i64 }
    }

    /// Whether it is worth a word: so many times as much, and more than 10 MB.
    pub fn is_over(self, ratio: f64) -> bool {
        self.ratio > ratio && self.bytes > 10 << 20
    }
}

impl Memory {
    /// Draws up the account.
    pub fn new(found: Breakdown) -> Self {
        let tables: u64 = found.databases.iter().map(|db| db.table + db.deadlines).sum();
        let clients = found.clients_normal + found.clients_replicas;
        let overhead = found.startup + clients + found.backlog + tables + found.aof_buffer;
        let dataset = found.used.saturating_sub(overhead);
        let grown = found.used.saturating_sub(found.startup);
        let per_key = grown.checked_div(found.keys).unwrap_or(0);
        Self { found, overhead, dataset, per_key }
    }

    /// The data's share of what came after the start, in percent.
    pub fn dataset_percent(&self) -> f64 {
        percent(self.dataset, self.found.used.saturating_sub(self.found.startup))
    }

    /// What is used now of the peak, in percent.
    pub fn peak_percent(&self) -> f64 {
        percent(self.found.used, self.found.peak)
    }

    /// Tables, and deadlines, of all databases.
    pub fn tables(&self) -> u64 {
        self.found.databases.iter().map(|db| db.table + db.deadlines).sum()
    }

    /// What resizes in progress are about to give up.
    pub fn rehashing(&self) -> u64 {
        self.found.databases.iter().map(|db| db.rehashing).sum()
    }

    /// Pages' bytes that live allocations leave unused.
    pub fn allocator_fragmentation(&self) -> Excess {
        Excess::of(self.found.active, self.found.allocated)
    }

    /// Pages the allocator holds and does not use.
    pub fn allocator_rss(&self) -> Excess {
        Excess::of(self.found.resident, self.found.active)
    }

    /// What is in RAM beside the allocator's pages.
    pub fn rss_overhead(&self) -> Excess {
        Excess::of(self.found.rss, self.found.resident)
    }

    /// RAM beyond what is in use.
    pub fn fragmentation(&self) -> Excess {
        Excess::of(self.found.rss, self.found.used)
    }

    /// Section `memory`, up to the lines about limits.
    pub fn info(&self, out: &mut Fields) {
        let found = &self.found;
        out.bytes("used_memory", found.used);
        out.bytes("used_memory_rss", found.rss);
        out.bytes("used_memory_peak", found.peak);
        out.put("used_memory_peak_perc", format_args!("{:.2}%", self.peak_percent()));
        out.put("used_memory_overhead", self.overhead);
        out.put("used_memory_startup", found.startup);
        out.put("used_memory_dataset", self.dataset);
        out.put("used_memory_dataset_perc", format_args!("{:.2}%", self.dataset_percent()));
        out.put("allocator_allocated", found.allocated);
        out.put("allocator_active", found.active);
        out.put("allocator_resident", found.resident);
        out.put("allocator_muzzy", found.muzzy);
        out.bytes("total_system_memory", found.total_system);
        self.found.scripts.info(out);
    }

    /// Section `memory`, behind the lines about limits.
    pub fn ratios_info(&self, out: &mut Fields) {
        excess(out, "allocator_frag", self.allocator_fragmentation());
        excess(out, "allocator_rss", self.allocator_rss());
        excess(out, "rss_overhead", self.rss_overhead());
        excess(out, "mem_fragmentation", self.fragmentation());
        out.put("mem_not_counted_for_evict", self.found.not_counted);
        out.put("mem_replication_backlog", self.found.backlog);
        out.put("mem_total_replication_buffers", self.found.stream);
        out.put("mem_replica_full_sync_buffer", 0);
        out.put("mem_clients_slaves", self.found.clients_replicas);
        out.put("mem_clients_normal", self.found.clients_normal);
        out.put("mem_cluster_links", 0);
        out.put("mem_aof_buffer", self.found.aof_buffer);
        out.put("mem_overhead_db_hashtable_rehashing", self.rehashing());
    }
}

/// What scripts and functions take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScriptFigures {
    /// Bytes of the interpreter of scripts,
    pub interpreter: u64,
    /// and of that of functions.
    pub function_interpreter: u64,
    /// Bytes of scripts that are kept,
    pub cache: u64,
    /// and of libraries.
    pub libraries: u64,
    /// Scripts, functions and libraries.
    pub counts: [usize; 3],
}

impl ScriptFigures {
    fn info(&self, out: &mut Fields) {
        let [scripts, functions, libraries] = self.counts;
        let total = self.interpreter + self.function_interpreter;
        out.all(&["used_memory_lua", "used_memory_vm_eval"], self.interpreter);
        out.put("used_memory_lua_human", human_bytes(self.interpreter));
        out.put("used_memory_scripts_eval", self.cache);
        out.put("number_of_cached_scripts", scripts);
        out.put("number_of_functions", functions);
        out.put("number_of_libraries", libraries);
        out.put("used_memory_vm_functions", self.function_interpreter);
        out.put("used_memory_vm_total", total);
        out.put("used_memory_vm_total_human", human_bytes(total));
        out.put("used_memory_functions", self.libraries);
        out.bytes("used_memory_scripts", self.cache + self.libraries);
    }
}

fn excess(out: &mut Fields, name: &str, excess: Excess) {
    out.ratio(&format!("{name}_ratio"), excess.ratio);
    out.put(&format!("{name}_bytes"), excess.bytes);
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overhead_and_data_make_up_what_is_used() {
        let databases = vec![DatabaseOverhead { index: 0, table: 64, deadlines: 36, rehashing: 0 }];
        let memory = Memory::new(Breakdown {
            used: 2000,
            startup: 1000,
            clients_normal: 100,
            databases,
            keys: 10,
            ..Breakdown::default()
        });
        assert_eq!((memory.overhead, memory.dataset, memory.per_key), (1200, 800, 100));
        assert_eq!(memory.dataset_percent(), 80.0);
    }

    #[test]
    fn without_figures_nothing_divides_by_zero() {
        let memory = Memory::new(Breakdown::default());
        assert_eq!((memory.peak_percent(), memory.fragmentation().ratio), (0.0, 0.0));
    }
}
