//! The latest bytes of the stream of writes, kept once for all replicas.
//!
//! # Layout
//! ```text
//!   offset    start                                               end
//!             | block        | block        | block        | block   |
//!                     ^ a replica's cursor             ^ another's
//! ```
//! Blocks are filled one after the other and never change behind their end. A block goes when nobody can
//! want it: it lies before what is to be kept (`repl-backlog-size`), and before the cursor of every replica.
//!
//! # Invariants
//! 1. The blocks hold `end - start` bytes; none but the last is less than full.
//! 2. While the stream is not kept there are no blocks, and `start == end`.

use crate::effects::{Feed, Op};
use crate::resp::request::push_command;
use crate::stdx::fields::Fields;
use std::collections::VecDeque;
use std::io::IoSlice;

/// Bytes of a block.
const BLOCK: usize = 16 * 1024;
/// The queue of blocks has room for so many times as many, at most.
const SPARE: usize = 8;

/// The stream's end, and what is kept of it.
#[derive(Debug, Default)]
pub struct Backlog {
    blocks: VecDeque<Vec<u8>>,
    start: u64,
    end: u64,
    kept: bool,
    /// The database of the last write; none where whoever begins here has to be told.
    db: Option<u32>,
}

impl Backlog {
    /// The offset behind the last byte.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The offset of the first byte there is.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Whether the stream is kept.
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// Begins to keep the stream.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// Forgets what is kept, and keeps no more.
    pub fn drop_kept(&mut self) {
        self.kept = false;
        self.blocks.clear();
        self.start = self.end;
    }

    /// The stream goes on at another offset, with nothing kept of what was before.
    pub fn rebase(&mut self, offset: u64) {
        self.blocks.clear();
        self.start = offset;
        self.end = offset;
        self.db = None;
    }

    /// The database of the last write, where whoever follows knows it.
    pub fn db(&self) -> Option<u32> {
        self.db
    }

    /// The next write names its database.
    pub fn forget_db(&mut self) {
        self.db = None;
    }

    /// Whether the stream can be gone on with at `offset`.
    pub fn has(&self, offset: u64) -> bool {
        self.kept && (self.start..=self.end).contains(&offset)
    }

    /// Appends bytes of the stream.
    pub fn append(&mut self, mut bytes: &[u8]) {
        if !self.kept {
            return;
        }
        self.end += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = self.blocks.back().map_or(0, |block| BLOCK - block.len());
            if room == 0 {
                self.blocks.push_back(Vec::with_capacity(BLOCK));
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            if let Some(block) = self.blocks.back_mut() {
                block.extend_from_slice(now);
            }
            bytes = later;
        }
    }

    /// Lets blocks go that lie before `wanted` and are more than the latest `size` bytes.
    pub fn trim(&mut self, size: u64, wanted: u64) {
        while let Some(first) = self.blocks.front() {
            let next = self.start + first.len() as u64;
            if self.end - next < size || next > wanted {
                break;
            }
            self.start = next;
            self.blocks.pop_front();
        }
        // What a slow replica made the queue grow to is no part of what is kept anyway.
        if self.blocks.capacity() > SPARE * (self.blocks.len() + 1) {
            self.blocks.shrink_to(SPARE / 2 * (self.blocks.len() + 1));
        }
    }

    /// Fills `slices` with the stream from `offset` on; answers how many were filled.
    pub fn chunks<'a>(&'a self, offset: u64, slices: &mut [IoSlice<'a>]) -> usize {
        let skip = offset.saturating_sub(self.start) as usize;
        let (number, within) = (skip / BLOCK, skip % BLOCK);
        let blocks = self.blocks.iter().skip(number);
        let mut filled = 0;
        for (nth, (slice, block)) in slices.iter_mut().zip(blocks).enumerate() {
            let from = if nth == 0 { within } else { 0 };
            if from >= block.len() {
                break;
            }
            *slice = IoSlice::new(&block[from..]);
            filled += 1;
        }
        filled
    }

    /// The latest bytes, so many at most.
    pub fn latest(&self, most: usize) -> Vec<u8> {
        let from = self.start.max(self.end.saturating_sub(most as u64));
        // So few lie in two blocks at most.
        let mut slices = [IoSlice::new(&[]); 2];
        let filled = self.chunks(from, &mut slices);
        slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        self.blocks.len() * BLOCK + self.blocks.capacity() * size_of::<Vec<u8>>()
    }

    /// Its lines of INFO's section `replication`.
    pub fn info(&self, out: &mut Fields, size: u64) {
        out.put("repl_backlog_active", u8::from(self.kept));
        out.put("repl_backlog_size", size);
        let first = if self.kept { self.start + 1 } else { 0 };
        out.put("repl_backlog_first_byte_offset", first);
        out.put("repl_backlog_histlen", self.end - self.start);
    }
}

impl Feed for Backlog {
    fn feed(&mut self, op: Op<'_>) {
        if !self.kept {
            return;
        }
        if self.db != Some(op.db) {
            self.db = Some(op.db);
            let mut digits = itoa::Buffer::new();
            let select = [b"SELECT", digits.format(op.db).as_bytes()];
            let mut request = Vec::new();
            push_command(&mut request, select.into_iter());
            self.append(&request);
        }
        self.append(op.request);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The stream from `offset` on, read as a replica's socket would: a few slices at a time.
    fn read(backlog: &Backlog, mut offset: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); 2];
            let filled = backlog.chunks(offset, &mut slices);
            if filled == 0 {
                return bytes;
            }
            for slice in &slices[..filled] {
                bytes.extend_from_slice(slice);
                offset += slice.len() as u64;
            }
        }
    }

    fn check_invariants(backlog: &Backlog) {
        let held: usize = backlog.blocks.iter().map(Vec::len).sum();
        assert_eq!(held as u64, backlog.end - backlog.start);
        let full = |block: &Vec<u8>| block.len() == BLOCK;
        assert!(backlog.blocks.iter().rev().skip(1).all(full), "all but the last are full");
        assert!(backlog.kept || backlog.blocks.is_empty());
    }

    proptest! {
        #[test]
        fn what_is_kept_is_the_end_of_what_was_appended(
            began in 0u64..100_000,
            size in 1u64..60_000,
            pieces in prop::collection::vec((0usize..40_000, any::<u16>()), 1..30),
        ) {
            let mut backlog = Backlog::default();
            backlog.rebase(began);
            backlog.keep();
            let mut all = Vec::new();
            for (number, (len, cursor)) in pieces.into_iter().enumerate() {
                let piece: Vec<u8> = (0..len).map(|at| (at * 7 + number) as u8).collect();
                backlog.append(&piece);
                all.extend_from_slice(&piece);
                let held = backlog.end() - backlog.start();
                // Somewhere in what is held, a replica reads.
                let wanted = backlog.start() + u64::from(cursor) % (held + 1);
                backlog.trim(size, wanted);
                check_invariants(&backlog);
                prop_assert_eq!(backlog.end(), began + all.len() as u64);
                prop_assert!(backlog.has(wanted) && backlog.has(backlog.end()));
                prop_assert!(!backlog.has(backlog.end() + 1));
                prop_assert!(backlog.end() - backlog.start() >= size.min(all.len() as u64));
                prop_assert_eq!(read(&backlog, wanted), &all[(wanted - began) as usize..]);
                prop_assert_eq!(read(&backlog, backlog.start()).len() as u64, backlog.end() - backlog.start());
            }
        }
    }

    fn feed(backlog: &mut Backlog, db: u32, request: &[u8]) {
        backlog.feed(Op { db, request, to: crate::effects::Targets::ALL });
    }

    #[test]
    fn a_write_names_its_database_where_whoever_follows_does_not_know_it() {
        let mut backlog = Backlog::default();
        feed(&mut backlog, 0, b"A");
        assert_eq!((backlog.end(), backlog.db()), (0, None), "nothing is counted that is not kept");
        backlog.keep();
        feed(&mut backlog, 3, b"B");
        feed(&mut backlog, 3, b"C");
        backlog.forget_db();
        feed(&mut backlog, 3, b"D");
        let select = "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n";
        assert_eq!(read(&backlog, 0), format!("{select}BC{select}D").into_bytes());
    }

    #[test]
    fn what_is_dropped_is_not_gone_on_with() {
        let mut backlog = Backlog::default();
        backlog.keep();
        backlog.append(b"0123456789");
        assert!(backlog.has(0) && backlog.has(10));
        backlog.drop_kept();
        check_invariants(&backlog);
        assert!(!backlog.has(10), "what comes next is not kept");
        backlog.keep();
        assert!(backlog.has(10) && !backlog.has(9));
    }
}
