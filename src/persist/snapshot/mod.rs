//! A snapshot: all keys as they were at one moment, taken while commands go on changing them.
//!
//! # How
//! The loop walks the databases bucket by bucket, a slice at a time, and encodes the entries it meets. An
//! entry that is about to change or to go before the walk has come to it is encoded first: the keyspace calls
//! [`Capture::before_change`] in the two places where that can happen. The encoded parts go through a
//! channel to a thread, which compresses, sums up and writes them ([`write()`]). No process is forked and no
//! page is copied; what a snapshot takes is the parts on their way.
//!
//! A value that takes long to encode is encoded in pieces, between which commands go on. It ends the lane of
//! what is to be sent until it is whole; what has to be encoded meanwhile goes beside it. Whoever would change
//! it has to wait for it, which `exec` sees to; where nobody can wait (in EXEC, say) it is finished at once. One
//! that is removed meanwhile goes from its database to the snapshot, which frees it when it is whole.
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
//! 4. Of the databases that the walk has passed, those entries are without the epoch that `waiting` or `amid`
//!    name, and no others.
//! 5. An entry that `waiting` or `amid` has itself bears no epoch and is in no database.

mod state;
#[cfg(test)]
mod tests;
mod write;

pub use crate::effects::SnapshotPurpose as Purpose;
pub use state::{Current, Snapshots, Task};
pub use write::{Destination, Form, Target, write, write_blocks};

use crate::keyspace::{Access, Capture, Database, Departed, Reading, Spent};
use crate::persist::aof::rewrite;
use crate::persist::rdb::encode::{Encoder, Verbatim};
use crate::persist::rdb::file::opcode;
use crate::persist::rdb::file::write as sections;
use crate::persist::rdb::file::write::Usage;
use crate::persist::rdb::pieces::{Piece, Pieces, is_big};
use crate::types::Entry;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

/// Bytes of a part that is sent on.
const PART: usize = 128 * 1024;

/// Bytes that wait for the thread before the loop reads no further: a slow disk is no reason to hold a
/// copy of the data set.
pub const IN_FLIGHT_MAX: usize = 8 << 20;
/// The same where memory is short: at least so much,
const IN_FLIGHT_LEAST: usize = 512 << 10;
/// or such a share of `maxmemory`.
const IN_FLIGHT_SHARE: u64 = 100;

/// Bytes that may wait for the thread. What changes before it is read is encoded all the same.
pub fn in_flight_max(maxmemory: u64) -> usize {
    match usize::try_from(maxmemory / IN_FLIGHT_SHARE) {
        Ok(share) if maxmemory > 0 => share.clamp(IN_FLIGHT_LEAST, IN_FLIGHT_MAX),
        _ => IN_FLIGHT_MAX,
    }
}

/// What the thread that writes is sent.
#[derive(Debug)]
pub enum Part {
    /// Encoded sections, and where in them strings stand that may be compressed.
    Sections(Vec<u8>, Vec<Verbatim>),
    /// A long string, to be encoded.
    Text(Bytes),
    /// All is there. A snapshot whose channel closes without this was given up.
    End,
}

impl Part {
    /// Bytes it takes.
    fn size(&self) -> usize {
        match self {
            Self::Sections(bytes, places) => bytes.len() + size_of_val(&places[..]),
            Self::Text(text) => text.len(),
            Self::End => 0,
        }
    }
}

/// What the loop and the thread that writes know of each other.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Flight>);

#[derive(Debug, Default)]
struct Flight {
    /// Bytes that were sent and are not written yet.
    bytes: AtomicUsize,
    /// Nothing more is written.
    ended: AtomicBool,
    /// No file is to come of it.
    abandoned: AtomicBool,
}

impl InFlight {
    /// Bytes that were sent and are yet to be written.
    pub fn bytes(&self) -> usize {
        let ended = self.0.ended.load(Ordering::Relaxed);
        if ended { 0 } else { self.0.bytes.load(Ordering::Relaxed) }
    }

    /// Lets no file come of it, if there is none yet.
    pub fn abandon(&self) {
        self.0.abandoned.store(true, Ordering::Relaxed);
    }

    fn is_abandoned(&self) -> bool {
        self.0.abandoned.load(Ordering::Relaxed)
    }

    fn sent(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn written(&self, bytes: usize) {
        self.0.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn end(&self) {
        self.0.ended.store(true, Ordering::Relaxed);
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

/// What is encoded and not sent yet.
#[derive(Debug, Default)]
struct Lane {
    bytes: Vec<u8>,
    places: Vec<Verbatim>,
    /// The database that its latest key is of.
    selected: Option<u32>,
}

/// A big value that is being encoded.
#[derive(Debug)]
struct Big {
    /// Its database at the beginning.
    db: u32,
    key: Box<[u8]>,
    pieces: Pieces,
    /// The entry, if it has left its database.
    departed: Option<Departed>,
}

/// A database of the beginning.
#[derive(Debug)]
enum Source {
    /// What it held is in the database that has this number now.
    Live(u32),
    /// It was emptied meanwhile, and what it held given to the snapshot.
    Given(Box<Database>),
    /// Nothing is left of it to be encoded.
    Done,
}

/// A running snapshot.
#[derive(Debug)]
pub struct Snapshot {
    epoch: u8,
    format: Format,
    version: u16,
    /// Reads access clocks as of its beginning.
    access: Access,
    /// Where parts go; `None` once nobody wants them.
    out: Option<Sender<Part>>,
    in_flight: InFlight,
    lane: Lane,
    /// What is encoded while `amid` ends the lane unfinished.
    beside: Lane,
    amid: Option<Big>,
    /// Big values that the walk has come to, or that somebody waits for.
    waiting: VecDeque<Big>,
    sources: Vec<Source>,
    /// The database that the walk is in, and how far.
    reading: usize,
    cursor: u64,
    keys: usize,
    served: usize,
    /// What was given and is of no use any more.
    spent: Vec<Spent>,
}

impl Lane {
    /// Says which database the next key is of.
    fn select(&mut self, db: u32, format: Format) {
        if self.selected != Some(db) {
            self.selected = Some(db);
            match format {
                Format::Rdb(_) => sections::select_db(
                    &mut Encoder::deferring(&mut self.bytes, &mut self.places),
                    db,
                ),
                Format::Commands => rewrite::select(&mut self.bytes, db),
            }
        }
    }

    fn encoder(&mut self, version: u16) -> Encoder<'_> {
        Encoder::deferring(&mut self.bytes, &mut self.places).for_version(version)
    }

    /// Takes what is in another.
    fn append(&mut self, other: Self) {
        let by = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.places.extend(other.places.into_iter().map(|place| place.moved(by)));
        self.selected = other.selected.or(self.selected);
    }
}

impl Big {
    fn new(db: u32, key: &[u8]) -> Self {
        Self { db, key: key.into(), pieces: Pieces::default(), departed: None }
    }

    fn is(&self, db: u32, key: &[u8]) -> bool {
        self.db == db && *self.key == *key
    }
}

impl Source {
    /// Where what it held is.
    fn database<'a>(&'a mut self, databases: &'a mut [Database]) -> Option<&'a mut Database> {
        match self {
            Self::Live(index) => databases.get_mut(*index as usize),
            Self::Given(database) => Some(database),
            Self::Done => None,
        }
    }
}

impl Snapshot {
    /// A snapshot of `databases` as they are now, under an epoch that no entry bears. `head` is what comes before
    /// the keys. It sends its parts to `out`, and counts them in what [`Snapshot::in_flight`] shows.
    pub fn new(
        epoch: u8,
        format: Format,
        access: Access,
        head: Vec<u8>,
        databases: u32,
        out: Sender<Part>,
    ) -> Self {
        Self {
            epoch,
            format,
            version: crate::persist::rdb::VERSION,
            access,
            out: Some(out),
            in_flight: InFlight::default(),
            lane: Lane { bytes: head, ..Lane::default() },
            beside: Lane::default(),
            amid: None,
            waiting: VecDeque::new(),
            sources: (0..databases).map(Source::Live).collect(),
            reading: 0,
            cursor: 0,
            keys: 0,
            served: 0,
            spent: Vec::new(),
        }
    }

    /// The same, in the forms of this version of the format.
    #[must_use]
    pub fn for_version(mut self, version: u16) -> Self {
        self.version = version;
        self
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

    /// The walk has come to an entry of database `db` of the beginning.
    fn visit(&mut self, db: u32, entry: &mut Entry) {
        if self.awaits(entry) {
            self.waiting.push_back(Big::new(db, entry.key()));
        } else {
            self.take(db, entry);
        }
    }

    /// Encodes an entry of database `db` of the beginning at once, unless it has been.
    fn take(&mut self, db: u32, entry: &mut Entry) {
        if entry.epoch() == self.epoch {
            return;
        }
        if let Some(mut big) = self.amid.take_if(|big| big.is(db, entry.key())) {
            while !self.write_piece(&mut big, entry) {}
            return;
        }
        self.mark(entry);
        if self.out.is_none() {
            return;
        }
        let lane = if self.amid.is_some() { &mut self.beside } else { &mut self.lane };
        lane.select(db, self.format);
        match self.format {
            Format::Rdb(usage) => {
                sections::key(&mut lane.encoder(self.version), entry, usage, &self.access);
            }
            Format::Commands => rewrite::entry(&mut lane.bytes, entry),
        }
        self.send_if_full();
    }

    fn mark(&mut self, entry: &mut Entry) {
        entry.set_epoch(self.epoch);
        self.keys += 1;
    }

    /// Encodes a piece of the big value whose turn it is; false where none waits.
    fn go_on_with_big(&mut self, databases: &mut [Database]) -> bool {
        let Some(mut big) = self.amid.take().or_else(|| self.waiting.pop_front()) else {
            return false;
        };
        if let Some(mut departed) = big.departed.take() {
            if self.write_piece(&mut big, &mut departed.entry) {
                self.spent.push(Spent::Entry(departed));
            } else {
                big.departed = Some(departed);
                self.amid = Some(big);
            }
            return true;
        }
        let db = big.db as usize;
        let mut source = std::mem::replace(&mut self.sources[db], Source::Done);
        let entry = source.database(databases).and_then(|database| database.peek_mut(&big.key));
        match entry.filter(|entry| entry.epoch() != self.epoch) {
            Some(entry) => {
                if !self.write_piece(&mut big, entry) {
                    self.amid = Some(big);
                }
            }
            // One that is gone, or bears the epoch, was encoded when it was about to change.
            None => self.served += 1,
        }
        self.sources[db] = source;
        true
    }

    /// Encodes the next piece of a big value; whether it was the last.
    fn write_piece(&mut self, big: &mut Big, entry: &mut Entry) -> bool {
        if self.out.is_none() {
            self.mark(entry);
            return true;
        }
        let Format::Rdb(usage) = self.format else {
            unreachable!("nothing awaits a value in pieces where commands are written")
        };
        if big.pieces.is_at_start() {
            self.lane.select(big.db, self.format);
            sections::attributes(&mut self.lane.encoder(self.version), entry, usage, &self.access);
        }
        let piece = big.pieces.write(entry, &mut self.lane.encoder(self.version));
        if piece == Piece::More {
            self.send_if_full();
            return false;
        }
        if let Piece::Text(text) = piece {
            self.send_lane();
            self.send(Part::Text(text));
        }
        self.mark(entry);
        self.served += 1;
        let beside = std::mem::take(&mut self.beside);
        self.lane.append(beside);
        self.send_if_full();
        true
    }

    fn send_if_full(&mut self) {
        if self.lane.bytes.len() >= PART {
            self.send_lane();
        }
    }

    /// Sends what is encoded on its way.
    fn send_lane(&mut self) {
        let bytes = std::mem::replace(&mut self.lane.bytes, Vec::with_capacity(PART + PART / 4));
        self.send_sections(bytes);
    }

    fn send_sections(&mut self, bytes: Vec<u8>) {
        let places = std::mem::take(&mut self.lane.places);
        self.send(Part::Sections(bytes, places));
    }

    fn send(&mut self, part: Part) {
        self.in_flight.sent(part.size());
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
            self.lane.bytes.push(opcode::END);
        }
        let bytes = std::mem::take(&mut self.lane.bytes);
        self.send_sections(bytes);
        self.send(Part::End);
        self.give_up();
    }

    /// Reads the next bucket of the database whose turn it is; false where all are read.
    fn read_bucket(&mut self, databases: &mut [Database]) -> bool {
        // No big value waits: what the walk has passed is encoded.
        if let Some(passed) = self.reading.checked_sub(1)
            && let Source::Given(spent) = std::mem::replace(&mut self.sources[passed], Source::Done)
        {
            self.spent.push(Spent::Database(spent));
        }
        let db = self.reading;
        let Some(source) = self.sources.get_mut(db) else { return false };
        let mut source = std::mem::replace(source, Source::Done);
        self.cursor = match source.database(databases) {
            Some(database) => database.walk(self.cursor, |entry| self.visit(db as u32, entry)),
            None => 0,
        };
        self.sources[db] = source;
        if self.cursor == 0 {
            self.reading += 1;
        }
        true
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

    fn departed(&mut self, db: u32, departed: Departed) -> Option<Departed> {
        let Some(db) = self.original(db) else { return Some(departed) };
        let key = departed.entry.key();
        match self.amid.as_mut().filter(|big| big.is(db, key)) {
            Some(big) => big.departed = Some(departed),
            None => {
                let big = Big::new(db, key);
                self.waiting.push_back(Big { departed: Some(departed), ..big });
            }
        }
        None
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
            if !self.go_on_with_big(databases) && !self.read_bucket(databases) {
                self.complete();
                return Reading::Complete;
            }
        }
        Reading::More
    }

    fn awaits(&self, entry: &Entry) -> bool {
        // Commands are written a value at a time.
        let in_pieces = self.format != Format::Commands;
        in_pieces
            && self.out.is_some()
            && entry.epoch() != self.epoch
            && is_big(entry, self.version)
    }

    fn hurry(&mut self, db: u32, key: &[u8]) {
        let Some(db) = self.original(db) else { return };
        let next = self.amid.as_ref().or(self.waiting.front());
        if !next.is_some_and(|big| big.is(db, key)) {
            self.waiting.push_front(Big::new(db, key));
        }
    }

    fn served(&self) -> usize {
        self.served
    }

    fn take_spent(&mut self) -> Option<Spent> {
        self.spent.pop()
    }

    fn give_up(&mut self) {
        self.out = None;
        self.lane = Lane::default();
        self.beside = Lane::default();
        // Nothing is to be finished, but what is in a database is still to be marked.
        self.waiting.extend(self.amid.take());
        for source in self.sources.iter_mut().filter(|it| matches!(it, Source::Given(_))) {
            if let Source::Given(database) = std::mem::replace(source, Source::Done) {
                self.spent.push(Spent::Database(database));
            }
        }
    }

    fn keys_read(&self) -> usize {
        self.keys
    }
}
