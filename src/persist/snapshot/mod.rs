//! A snapshot: all keys as they were at one moment, taken while commands go on changing them.
//!
//! # How
//! The loop walks the databases bucket by bucket, a slice at a time, and encodes the entries it meets. An
//! entry that is about to change or to go before the walk has come to it is encoded first: the keyspace calls
//! [`Capture::before_change`] in the two places where that can happen. The encoded parts go through a
//! channel to a thread, which compresses, sums up and writes them ([`write()`]). No process is forked and no
//! page is copied; what a snapshot takes is the parts on their way.
//!
//! # What is done
//! Each entry has an epoch of two bits. It is that of the running snapshot once the entry has been encoded, or
//! if it came later. When a snapshot ends every entry bears its epoch, so the next one need only take
//! another (0 is that of entries which came while none ran). For that reason a snapshot that is given up
//! still walks to its end and marks; it is fast then.
//!
//! # Invariants
//! 1. Every entry that was there at the beginning is encoded once, as it was then, under the database it was in
//!    then; no other is encoded.
//! 2. `sources` has every database of the beginning, in order: where its keys are now, or that it is read.
//! 3. Entries of a database in `Source::Live` without the epoch are those that it had at the beginning.

mod state;
#[cfg(test)]
mod tests;
mod write;

pub use crate::effects::SnapshotPurpose as Purpose;
pub use state::{Current, Snapshots, Task};
pub use write::{Target, write};

use crate::keyspace::{Capture, Database, Reading};
use crate::persist::aof::rewrite;
use crate::persist::rdb::encode::{Encoder, Verbatim};
use crate::persist::rdb::file::opcode;
use crate::persist::rdb::file::write as sections;
use crate::persist::rdb::file::write::Usage;
use crate::types::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

/// Bytes of a part that is sent on.
const PART: usize = 128 * 1024;

/// What the thread that writes is sent.
#[derive(Debug)]
pub enum Part {
    /// Encoded sections, and where in them strings stand that may be compressed.
    Sections(Vec<u8>, Vec<Verbatim>),
    /// All is there. A snapshot whose channel closes without this was given up.
    End,
}

/// Bytes that were sent and are not written yet.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// How many there are.
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn sent(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn written(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// How keys are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As sections of an RDB file.
    Rdb(Usage),
    /// As the commands that make them.
    Commands,
}

/// Where the keys of one database of the beginning are.
#[derive(Debug)]
enum Source {
    /// In the database that has this number now.
    Live(u32),
    /// It was emptied meanwhile, and what it held given to the snapshot.
    Given(Box<Database>),
    /// All are encoded.
    Done,
}

/// A running snapshot.
#[derive(Debug)]
pub struct Snapshot {
    epoch: u8,
    format: Format,
    /// When it began, ms since the epoch.
    began_ms: u64,
    /// Where parts go; `None` once nobody wants them.
    out: Option<Sender<Part>>,
    in_flight: InFlight,
    part: Vec<u8>,
    places: Vec<Verbatim>,
    sources: Vec<Source>,
    /// The database being read, and how far.
    reading: usize,
    cursor: u64,
    /// The database that the latest key was of.
    selected: Option<u32>,
    keys: usize,
    /// A database that was given and is read to its end.
    spent: Option<Box<Database>>,
}

impl Snapshot {
    /// A snapshot of `databases` as they are now, under an epoch that no entry bears. `head` is what comes before
    /// the keys. It sends its parts to `out`, and counts them in `in_flight`.
    pub fn new(
        epoch: u8,
        format: Format,
        began_ms: u64,
        head: Vec<u8>,
        databases: u32,
        out: Sender<Part>,
    ) -> Self {
        Self {
            epoch,
            format,
            began_ms,
            out: Some(out),
            in_flight: InFlight::default(),
            part: head,
            places: Vec::new(),
            sources: (0..databases).map(Source::Live).collect(),
            reading: 0,
            cursor: 0,
            selected: None,
            keys: 0,
            spent: None,
        }
    }

    /// What was sent and is not written yet.
    pub fn in_flight(&self) -> InFlight {
        self.in_flight.clone()
    }

    /// The number that the database with number `now` had at the beginning, if what it holds was there then.
    fn original(&self, now: u32) -> Option<u32> {
        let is_it = |source: &Source| matches!(source, Source::Live(index) if *index == now);
        self.sources.iter().position(is_it).map(|db| db as u32)
    }

    /// Encodes an entry of database `db` of the beginning, unless it has been, and marks it.
    fn take(&mut self, db: u32, entry: &mut Entry) {
        if entry.epoch() == self.epoch {
            return;
        }
        entry.set_epoch(self.epoch);
        self.keys += 1;
        if self.out.is_none() {
            return;
        }
        let selects = self.selected != Some(db);
        self.selected = Some(db);
        match self.format {
            Format::Rdb(usage) => {
                let mut encoder = Encoder::deferring(&mut self.part, &mut self.places);
                if selects {
                    sections::select_db(&mut encoder, db);
                }
                sections::key(&mut encoder, entry, usage, self.began_ms);
            }
            Format::Commands => {
                if selects {
                    rewrite::select(&mut self.part, db);
                }
                rewrite::entry(&mut self.part, entry);
            }
        }
        if self.part.len() >= PART {
            self.send_part();
        }
    }

    /// Sends what is encoded on its way.
    fn send_part(&mut self) {
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART + PART / 4));
        let places = std::mem::take(&mut self.places);
        self.in_flight.sent(part.len());
        self.send(Part::Sections(part, places));
    }

    fn send(&mut self, part: Part) {
        // Whoever writes may have failed; the loop is told of that by other ways.
        if self.out.as_ref().is_some_and(|out| out.send(part).is_err()) {
            self.give_up();
        }
    }

    /// All keys are encoded.
    fn complete(&mut self) {
        if self.out.is_none() {
            return;
        }
        if self.format != Format::Commands {
            self.part.push(opcode::END);
        }
        self.send_part();
        self.send(Part::End);
        self.give_up();
    }

    /// Reads the next bucket of the database that is its turn; `None` where there is none left.
    fn read_bucket(&mut self, databases: &mut [Database]) -> Option<()> {
        let source = self.sources.get_mut(self.reading)?;
        let mut source = std::mem::replace(source, Source::Done);
        let database = match &mut source {
            Source::Live(index) => &mut databases[*index as usize],
            Source::Given(database) => database,
            Source::Done => {
                self.next_database();
                return Some(());
            }
        };
        let db = self.reading as u32;
        self.cursor = database.walk(self.cursor, |entry| self.take(db, entry));
        if self.cursor == 0 {
            if let Source::Given(database) = source {
                self.spent = Some(database);
            }
            self.next_database();
        } else {
            self.sources[self.reading] = source;
        }
        Some(())
    }

    fn next_database(&mut self) {
        self.reading += 1;
        self.cursor = 0;
    }
}

impl Capture for Snapshot {
    fn before_change(&mut self, db: u32, entry: &mut Entry) {
        if entry.epoch() == self.epoch {
            return;
        }
        if let Some(original) = self.original(db) {
            self.take(original, entry);
        }
    }

    fn before_insert(&mut self, entry: &mut Entry) {
        entry.set_epoch(self.epoch);
    }

    fn flushed(&mut self, db: u32, database: Database) -> Option<Database> {
        let original = self.original(db).filter(|_| self.out.is_some());
        let Some(original) = original else { return Some(database) };
        self.sources[original as usize] = Source::Given(Box::new(database));
        None
    }

    fn swapped(&mut self, a: u32, b: u32) {
        for source in &mut self.sources {
            match source {
                Source::Live(index) if *index == a => *index = b,
                Source::Live(index) if *index == b => *index = a,
                _ => {}
            }
        }
    }

    fn read_on(&mut self, databases: &mut [Database], buckets: usize) -> Reading {
        for _ in 0..buckets {
            if self.read_bucket(databases).is_none() {
                self.complete();
                return Reading::Complete;
            }
        }
        Reading::More
    }

    fn take_spent(&mut self) -> Option<Box<Database>> {
        self.spent.take()
    }

    fn give_up(&mut self) {
        self.out = None;
        self.part = Vec::new();
        self.places = Vec::new();
    }

    fn keys_read(&self) -> usize {
        self.keys
    }
}
