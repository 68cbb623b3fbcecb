//! The options that say where collections change their encoding, as `types` asks for them.

use super::Config;
use crate::stdx::hash::Seed;
use crate::types::Limits;

impl Config {
    /// The thresholds in force, for tables hashed under `seed`.
    pub fn limits(&self, seed: Seed) -> Limits {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Limits {
            list_max_listpack_size: self.list_max_listpack_size,
            list_compress_depth: self.list_compress_depth,
            list_packed_threshold: None,
            set_max_intset_entries: size(self.set_max_intset_entries),
            set_max_listpack_entries: size(self.set_max_listpack_entries),
            set_max_listpack_value: size(self.set_max_listpack_value),
            hash_max_listpack_entries: size(self.hash_max_listpack_entries),
            hash_max_listpack_value: size(self.hash_max_listpack_value),
            zset_max_listpack_entries: size(self.zset_max_listpack_entries),
            zset_max_listpack_value: size(self.zset_max_listpack_value),
            hll_sparse_max_bytes: size(self.hll_sparse_max_bytes),
            stream_node_max_bytes: size(self.stream_node_max_bytes),
            stream_node_max_entries: size(self.stream_node_max_entries),
            stream_idmp_duration: u64::from(self.stream_idmp_duration),
            stream_idmp_maxsize: u64::from(self.stream_idmp_maxsize),
            seed,
        }
    }
}
