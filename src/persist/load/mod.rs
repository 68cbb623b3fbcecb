//! Loading a data set: from the bytes of an RDB file to entries of the keyspace.
//!
//! [`read_rdb`] is plain code for a thread of its own: it reads, verifies, decodes and builds, and hands over
//! [`Batch`]es that whoever owns the keyspace has only to insert. It serves a file at the start, the base of
//! an append-only file, and a full sync.

mod facts;
pub mod receive;
mod state;

pub use state::{Done, Input, Loading, Pace, Progress, Staged, Task};

use super::rdb::file::read::{Checksum, Found, Item, Key, ReadError, Reader};
use super::rdb::object::Loaded;
use crate::ds::entry::NewValue;
use crate::keyspace::Access;
use crate::types::{Entry, Limits, Value, new_string};
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;
/// A batch is handed over with so many keys: to wake the loop has its price, and what it gets should still lie in a cache;
const BATCH_KEYS: usize = 2048;
/// or after so many bytes of input.
const BATCH_BYTES: u64 = 1 << 20;
/// Strings from this length on are held in the memory that they were read to.
const SHARED_MIN: usize = 64 * 1024;
/// Keys without elements that the log names, at most.
const EMPTY_NAMED: u64 = 10;

/// How a file is to be loaded.
#[derive(Debug, Clone)]
pub struct Options {
    /// The encodings of collections, and the seed under which keys are hashed.
    pub limits: Limits,
    /// The time, ms since the epoch.
    pub now_ms: u64,
    /// How long the input is, if that is known.
    pub total: Option<u64>,
    /// Databases there are.
    pub databases: u32,
    /// Makes access clocks.
    pub access: Box<Access>,
    /// Keys past their deadline are loaded too: what follows the base of an append-only file was written
    /// with them there.
    pub keep_expired: bool,
    /// The checksum must be right.
    pub verify: bool,
    /// Nothing may follow the file's end: a primary says where its data set ends, and where bytes are left over this is
    /// not the data set that it means.
    pub sole: bool,
    /// How fast it may go.
    pub pace: Pace,
    /// What the file says of itself is not for the log.
    pub quiet: bool,
}

/// What has been read since the last batch. Its parts are for the keyspace in this order.
#[derive(Debug, Default)]
pub struct Batch {
    /// The database of all of it.
    pub db: u32,
    /// So many keys will follow in the database: room is to be made.
    pub expected: usize,
    /// The keys.
    pub keys: VecDeque<Fresh>,
    /// Sources of libraries of functions.
    pub functions: Vec<Vec<u8>>,
    /// Bytes of the input read so far.
    pub read: u64,
    /// Keys that were left out since the last batch, being past their deadline,
    pub expired: u64,
    /// their names, if the file says which history it is of: its followers have to be told,
    pub gone: Vec<Vec<u8>>,
    /// or without elements.
    pub empty: u64,
    /// What the file says of the memory that its server used.
    pub used_memory: Option<u64>,
}

/// A key to be inserted.
#[derive(Debug)]
pub struct Fresh {
    /// Where it stands in the input.
    pub at: u64,
    /// The hash of its key.
    pub hash: u64,
    /// The key with all that it has.
    pub entry: Entry,
}

/// What was loaded.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Keys handed over.
    pub keys: u64,
    /// Keys left out, being past their deadline,
    pub expired: u64,
    /// or without elements.
    pub empty: u64,
    /// Facts about the history of writes that the file belongs to: fields whose names begin with `repl-`.
    pub replication: Vec<(Vec<u8>, Vec<u8>)>,
    /// Bytes that were read from behind the end, where the commands of an append-only file follow.
    pub rest: Vec<u8>,
}

impl Summary {
    /// One of the facts about the history of writes.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.replication.iter().find(|(known, _)| known == name.as_bytes())?;
        String::from_utf8(value.clone()).ok()
    }

    /// One that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }
}

/// Why a load ended early.
#[derive(Debug)]
pub enum Failure {
    /// The input cannot be read.
    Io(io::Error),
    /// The input is no RDB file, or not whole.
    File(ReadError),
    /// It is one, but cannot be loaded here.
    #[expect(missing_docs, reason = "told above")]
    Refused { at: u64, why: String },
    /// Nobody takes the keys any more.
    Stopped,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "it cannot be read: {error}"),
            Self::File(error) => error.fmt(f),
            Self::Refused { at, why } => write!(f, "{why} at byte {at}"),
            Self::Stopped => f.write_str("loading was given up"),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::File(error)
    }
}

/// Reads an RDB file to its end and hands its keys to `sink`, which answers whether to go on.
///
/// # Errors
/// Why it was not loaded as a whole: what was handed over until then is a part of it.
pub fn read_rdb(
    input: &mut dyn Read,
    options: &Options,
    sink: &mut dyn FnMut(Batch) -> bool,
) -> Result<Summary, Failure> {
    let mut reader = Reader::new(options.total);
    let mut load = Load { options, sink, batch: Batch::default(), summary: Summary::default() };
    let mut chunk = vec![0; CHUNK];
    loop {
        let len = read(input, &mut chunk)?;
        if len == 0 {
            break;
        }
        reader.feed(&chunk[..len]);
        while let Some(found) = reader.next(&options.limits)? {
            if let Item::End(checksum) = found.item {
                load.check(found.at, checksum)?;
                load.batch.read = reader.at();
                load.hand_over()?;
                let at = reader.at();
                load.summary.rest = reader.into_rest();
                if options.sole && !(load.summary.rest.is_empty() && ends(input)?) {
                    let why = "there are bytes behind the end of the RDB file,".to_owned();
                    return Err(Failure::Refused { at, why });
                }
                return Ok(load.summary);
            }
            load.take(found, &mut reader)?;
        }
        load.went_on(reader.at())?;
    }
    reader.finish()?;
    Ok(load.summary)
}

/// Reads what is there next, nothing at the end.
fn read(input: &mut dyn Read, buf: &mut [u8]) -> Result<usize, Failure> {
    loop {
        match input.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(Failure::Io),
        }
    }
}

/// Whether nothing more comes.
fn ends(input: &mut dyn Read) -> Result<bool, Failure> {
    Ok(read(input, &mut [0])? == 0)
}

/// A load under way.
struct Load<'l> {
    options: &'l Options,
    sink: &'l mut dyn FnMut(Batch) -> bool,
    batch: Batch,
    summary: Summary,
}

impl Load<'_> {
    fn take(&mut self, found: Found, reader: &mut Reader) -> Result<(), Failure> {
        let Found { at, item } = found;
        match item {
            Item::Key(key) => return self.key(at, key, reader),
            Item::SelectDb(db) => return self.select(at, db),
            Item::ResizeDb { keys, .. } => self.expect(at, keys),
            Item::Function(code) => self.batch.functions.push(code),
            Item::Aux { name, value } => {
                if !self.options.quiet {
                    facts::log(&name, &value, self.options.now_ms);
                }
                if name == b"used-mem" {
                    self.batch.used_memory = facts::number(&value);
                }
                if name.starts_with(b"repl-") {
                    self.summary.replication.push((name, value));
                }
            }
            Item::SlotInfo { .. } | Item::End(_) => {}
        }
        Ok(())
    }

    fn select(&mut self, at: u64, db: u64) -> Result<(), Failure> {
        let known = u32::try_from(db).ok().filter(|db| *db < self.options.databases);
        let Some(db) = known else {
            let databases = self.options.databases;
            let why =
                format!("database {db}, where there are only {databases} (option databases),");
            return Err(Failure::Refused { at, why });
        };
        if db != self.batch.db {
            self.hand_over()?;
            self.batch.db = db;
        }
        Ok(())
    }

    /// Room is made for no more keys than the input can hold.
    fn expect(&mut self, at: u64, keys: u64) {
        /// A type byte, the length of a name, a value.
        const KEY_BYTES_MIN: u64 = 3;
        /// Where the input's length is not known.
        const EXPECTED_MAX: u64 = 1 << 20;
        let most = match self.options.total {
            Some(total) => total.saturating_sub(at) / KEY_BYTES_MIN,
            None => EXPECTED_MAX,
        };
        self.batch.expected = keys.min(most) as usize;
    }

    fn key(&mut self, at: u64, key: Key, reader: &mut Reader) -> Result<(), Failure> {
        let Some(value) = key.value else {
            self.batch.empty += 1;
            self.summary.empty += 1;
            if self.summary.empty <= EMPTY_NAMED && !self.options.quiet {
                tracing::info!("skipping empty key: {}", key.name.escape_ascii());
            }
            return Ok(());
        };
        let over = key.deadline.is_some_and(|at| at < self.options.now_ms);
        if over && !self.options.keep_expired {
            self.batch.expired += 1;
            self.summary.expired += 1;
            if self.summary.replication.is_empty() {
                return Ok(());
            }
            self.batch.gone.push(key.name.to_vec());
            return if self.batch.gone.len() < BATCH_KEYS { Ok(()) } else { self.hand_over() };
        }
        if u32::try_from(key.name.len()).is_err() {
            let why = "a key of 4 GiB or more".to_owned();
            return Err(Failure::Refused { at, why });
        }
        let clock = self.options.access.clock_of(key.idle_seconds, key.frequency);
        let mut entry = entry(&key.name, value, key.deadline, reader);
        entry.set_clock(clock);
        let hash = self.options.limits.seed.hash(&key.name);
        reader.take_back(key.name);
        self.batch.keys.push_back(Fresh { at, hash, entry });
        self.summary.keys += 1;
        if self.batch.keys.len() >= BATCH_KEYS || self.options.pace.is_slow() {
            self.batch.read = at;
            self.hand_over()?;
        }
        Ok(())
    }

    /// The input was read up to here.
    fn went_on(&mut self, read: u64) -> Result<(), Failure> {
        let before = std::mem::replace(&mut self.batch.read, read);
        if read - before >= BATCH_BYTES { self.hand_over() } else { Ok(()) }
    }

    fn hand_over(&mut self) -> Result<(), Failure> {
        let next = Batch { db: self.batch.db, read: self.batch.read, ..Batch::default() };
        let batch = std::mem::replace(&mut self.batch, next);
        if (self.sink)(batch) { Ok(()) } else { Err(Failure::Stopped) }
    }

    fn check(&self, at: u64, checksum: Checksum) -> Result<(), Failure> {
        match checksum {
            Checksum::Wrong { stored, computed } if self.options.verify => {
                let why = format!(
                    "RDB CRC error: the checksum is {stored:016x}, that of the bytes {computed:016x},"
                );
                Err(Failure::Refused { at, why })
            }
            _ => Ok(()),
        }
    }
}

/// The entry of a key.
fn entry(name: &[u8], value: Loaded, deadline: Option<u64>, reader: &mut Reader) -> Entry {
    let value = match value {
        Loaded::Str(text) if text.len() >= SHARED_MIN => {
            NewValue::Other(Value::shared(Bytes::from(text)))
        }
        Loaded::Str(text) => {
            let entry = Entry::new(name, new_string(&text), deadline);
            reader.take_back(text);
            return entry;
        }
        Loaded::Value(value) => NewValue::Other(value),
    };
    Entry::new(name, value, deadline)
}
