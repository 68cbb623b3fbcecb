//! Changing a HyperLogLog.

use smallvec::SmallVec;

use super::sparse::{self, Run};
use super::{
    CARDINALITY_TOP, Corrupt, DENSE, DENSE_LEN, HEADER, Hll, MAGIC, Mark, OUT_OF_DATE, Registers,
    dense,
};
use crate::ds::sds::Sds;

/// How many runs from the one before the changed one on are looked at for neighbours to be joined.
const JOIN_RUNS: usize = 5;

/// A HyperLogLog's bytes, for changing. They passed [`Hll::validate`]; where they did not, an edit
/// may panic.
#[derive(Debug)]
pub struct Editor<'a> {
    bytes: &'a mut Sds,
    /// The most bytes that a sparse one may grow to.
    sparse_max: usize,
}

impl<'a> Editor<'a> {
    /// Edits `bytes`, which become dense rather than sparse of more than `sparse_max`.
    pub fn new(bytes: &'a mut Sds, sparse_max: usize) -> Self {
        debug_assert!(Hll::parse(bytes).is_some_and(|hll| hll.validate().is_ok()));
        Self { bytes, sparse_max }
    }

    /// Sees an element; whether that changed anything. The cached estimate stays as it is.
    pub fn mark(&mut self, mark: Mark) -> bool {
        if self.hll().is_dense() { self.mark_dense(mark) } else { self.mark_sparse(mark) }
    }

    /// Takes over the registers of a merge that this one was part of.
    pub fn assume(&mut self, merged: &Registers) {
        for (index, rank) in merged.iter().enumerate() {
            if self.hll().is_dense() {
                merged.pack_into(self.packed());
                return;
            }
            if rank > 0 {
                self.mark_sparse(Mark { index, rank });
            }
        }
    }

    /// Makes a sparse one dense; whether it was sparse.
    pub fn make_dense(&mut self) -> bool {
        if self.hll().is_dense() {
            return false;
        }
        let mut registers = Registers::default();
        let merged = registers.merge(self.hll());
        debug_assert_eq!(merged, Ok::<_, Corrupt>(()), "it was validated");
        let mut header = [0; HEADER];
        header.copy_from_slice(&self.bytes[..HEADER]);
        header[MAGIC.len()] = DENSE;
        let mut dense = Sds::with_capacity(DENSE_LEN);
        dense.push_slice(&header);
        dense.resize(DENSE_LEN);
        *self.bytes = dense;
        registers.pack_into(self.packed());
        true
    }

    /// Notes that the cached estimate is out of date.
    pub fn invalidate_count(&mut self) {
        self.bytes[CARDINALITY_TOP] |= OUT_OF_DATE;
    }

    /// Caches the estimate.
    pub fn cache_count(&mut self, count: u64) {
        self.bytes[8..HEADER].copy_from_slice(&count.to_le_bytes());
    }

    fn hll(&self) -> Hll<'_> {
        Hll { bytes: self.bytes.as_slice() }
    }

    fn packed(&mut self) -> &mut dense::Packed {
        let packed = (&mut self.bytes[HEADER..]).try_into();
        packed.expect("a dense one has this length")
    }

    fn mark_dense(&mut self, mark: Mark) -> bool {
        let packed = self.packed();
        let raises = dense::register(packed, mark.index) < mark.rank;
        if raises {
            dense::set_register(packed, mark.index, mark.rank);
        }
        raises
    }

    /// Splits the run that holds the register into the part before it, the register alone and the
    /// part behind it; then neighbours are joined again.
    fn mark_sparse(&mut self, mark: Mark) -> bool {
        let (before, run) = self.locate(mark.index);
        if run.value >= mark.rank {
            return false;
        }
        if mark.rank > sparse::VALUE_MAX {
            self.make_dense();
            return self.mark_dense(mark);
        }
        let mut parts: SmallVec<[u8; 5]> = SmallVec::new();
        let keep = |len: usize, parts: &mut SmallVec<[u8; 5]>| match (len, run.value) {
            (0, _) => {}
            (_, 0) => sparse::push_zeros(parts, len),
            (_, value) => parts.push(sparse::value_run(value, len)),
        };
        keep(mark.index - run.first, &mut parts);
        parts.push(sparse::value_run(mark.rank, 1));
        keep(run.first + run.len - mark.index - 1, &mut parts);
        if parts.len() > run.size && self.bytes.len() + parts.len() - run.size > self.sparse_max {
            self.make_dense();
            return self.mark_dense(mark);
        }
        self.replace(run, &parts);
        self.join(before);
        true
    }

    /// The first byte of the run before the one that holds register `index`, and that run. The
    /// first run stands for the one before itself.
    fn locate(&self, index: usize) -> (usize, Run) {
        let mut runs = self.hll().runs().expect("it is sparse");
        let mut before = 0;
        loop {
            let run = runs.try_next().ok().flatten().expect("it was validated");
            if index < run.first + run.len {
                return (before, run);
            }
            before = run.at;
        }
    }

    /// Puts `parts` in the place of `run`.
    fn replace(&mut self, run: Run, parts: &[u8]) {
        let (start, end) = (HEADER + run.at, HEADER + run.end());
        let old_len = self.bytes.len();
        let new_len = old_len - run.size + parts.len();
        if new_len > old_len {
            self.bytes.resize(new_len);
        }
        self.bytes.copy_within(end..old_len, start + parts.len());
        self.bytes[start..start + parts.len()].copy_from_slice(parts);
        self.bytes.truncate(new_len);
    }

    /// Joins neighbours of one value, from the run at byte `from` on.
    fn join(&mut self, from: usize) {
        let mut at = HEADER + from;
        for _ in 0..JOIN_RUNS {
            let Some(&byte) = self.bytes.get(at) else { return };
            let next = self.bytes.get(at + 1);
            match next.and_then(|next| sparse::joined(byte, *next)) {
                // What was joined may be joined once more.
                Some(joined) => {
                    self.bytes.copy_within(at + 1.., at);
                    self.bytes[at] = joined;
                    self.bytes.truncate(self.bytes.len() - 1);
                }
                None => at += if sparse::is_long(byte) { 2 } else { 1 },
            }
        }
    }
}
