//! Where values change their encoding: the configured thresholds.

use crate::stdx::hash::Seed;

/// Thresholds between the compact encodings and the others. What is above one is held the other way
/// from the next change on; nothing is converted back, but for lists.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `list-max-listpack-size`: most elements of a list's node if positive; from -1 to -5 most bytes
    /// of it, 4 KB doubled with each step.
    pub list_max_listpack_size: i32,
    /// `list-compress-depth`: nodes at each end of a list that are never compressed; 0 compresses none.
    pub list_compress_depth: u32,
    /// DEBUG QUICKLIST-PACKED-THRESHOLD: bytes from which an element of a list has a node of its own,
    /// whatever the size of nodes; `None` outside tests.
    pub list_packed_threshold: Option<usize>,
    /// `set-max-intset-entries`.
    pub set_max_intset_entries: usize,
    /// `set-max-listpack-entries`.
    pub set_max_listpack_entries: usize,
    /// `set-max-listpack-value`, bytes.
    pub set_max_listpack_value: usize,
    /// `hash-max-listpack-entries`.
    pub hash_max_listpack_entries: usize,
    /// `hash-max-listpack-value`, bytes.
    pub hash_max_listpack_value: usize,
    /// `zset-max-listpack-entries`.
    pub zset_max_listpack_entries: usize,
    /// `zset-max-listpack-value`, bytes.
    pub zset_max_listpack_value: usize,
    /// `hll-sparse-max-bytes`.
    pub hll_sparse_max_bytes: usize,
    /// `stream-node-max-bytes`; 0 is no bound.
    pub stream_node_max_bytes: usize,
    /// `stream-node-max-entries`; 0 is no bound.
    pub stream_node_max_entries: usize,
    /// `stream-idmp-duration`, seconds.
    pub stream_idmp_duration: u64,
    /// `stream-idmp-maxsize`.
    pub stream_idmp_maxsize: u64,
    /// The seed of the tables that hold large sets, hashes and sorted sets.
    pub seed: Seed,
}

#[cfg(test)]
impl Limits {
    /// Redis's own thresholds, for tests that are about one of them.
    pub(super) fn usual() -> Self {
        Self {
            list_max_listpack_size: -2,
            list_compress_depth: 0,
            list_packed_threshold: None,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            hash_max_listpack_entries: 128,
            hash_max_listpack_value: 64,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            hll_sparse_max_bytes: 3000,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
            stream_idmp_duration: 100,
            stream_idmp_maxsize: 100,
            seed: Seed::new(1, 2),
        }
    }
}
