//! Checks an RDB file: reads it as the server would, and tells what is in it and where it is damaged.
//!
//! Words and exit codes are those of redis-check-rdb. Values are checked as strictly as when they are loaded.

#[cfg(test)]
mod tests;

use super::{BAD, Console, GOOD, Refused, file_argument, file_of};
use crate::config::Config;
use crate::persist::disk::{Disk, File, Open};
use crate::persist::rdb::file::opcode;
use crate::persist::rdb::file::read::{
    Checksum, FIRST_SUMMED_VERSION, Fault, Found, Item, Key, ReadError, Reader,
};
use crate::stdx::hash::Seed;
use crate::stdx::os::error::os_words;
use crate::types::Limits;
use clap::{ArgMatches, Command};
use std::io;

/// How many bytes are read at once.
const PIECE: usize = 64 * 1024;

/// What the type bytes stand for.
const TYPES: &[&str] = &[
    "string",
    "list-linked",
    "set-hashtable",
    "zset-v1",
    "hash-hashtable",
    "zset-v2",
    "module-pre-release",
    "module-value",
    "",
    "hash-zipmap",
    "list-ziplist",
    "set-intset",
    "zset-ziplist",
    "hash-ziplist",
    "quicklist",
    "stream",
    "hash-listpack",
    "zset-listpack",
    "quicklist-v2",
    "stream-v2",
    "set-listpack",
    "stream-v3",
    "hash-hashtable-md-pre-release",
    "hash-listpack-md-pre-release",
    "hash-hashtable-md",
    "hash-listpack-md",
];

pub(super) fn command() -> Command {
    Command::new("check-rdb").about("Checks an RDB file").arg(file_argument("rdb-file-name"))
}

pub(super) fn run(
    matches: &ArgMatches,
    disk: &dyn Disk,
    now_ms: u64,
    console: &mut Console<'_>,
) -> u8 {
    let path = file_of(matches);
    let name = path.display().to_string();
    let mut file = match disk.open(path, Open::Read) {
        Ok(file) => file,
        Err(error) => {
            console.say(format_args!("Cannot open file {name}: {}", os_words(&error)));
            return BAD;
        }
    };
    let input = Input { name: &name, first: Vec::new(), file: &mut *file };
    match examine(input, now_ms, console) {
        Ok(_) => GOOD,
        Err(Refused) => BAD,
    }
}

/// Whether a file that begins so is an RDB file.
pub(super) fn is_rdb(first: &[u8]) -> bool {
    first.starts_with(b"REDIS") || first.starts_with(b"VALKEY")
}

/// What is to be checked.
pub(super) struct Input<'a> {
    /// The file as it is called in what is said.
    pub(super) name: &'a str,
    /// Its first bytes, if they have been read already.
    pub(super) first: Vec<u8>,
    /// The rest.
    pub(super) file: &'a mut dyn File,
}

/// What was read behind the end of an RDB file.
pub(super) struct Tail {
    /// Where it begins.
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

/// Reads an RDB file to its end, or tells why that cannot be done.
pub(super) fn examine(
    input: Input<'_>,
    now_ms: u64,
    console: &mut Console<'_>,
) -> Result<Tail, Refused> {
    let mut report = Report { console, now_ms, offset: 0, counts: Counts::default() };
    report.say(format_args!("Checking RDB file {}", input.name));
    let size = input.file.size().ok();
    let mut reader = Reader::new(size);
    let read = report.read(&mut reader, input);
    match &read {
        Ok(()) => report.say("\\o/ RDB looks OK! \\o/"),
        Err(failure) => report.failed(&reader, failure),
    }
    report.tell_counts();
    read.map(|()| Tail { at: reader.at(), bytes: reader.into_rest() }).map_err(|_| Refused)
}

/// Why the end was not reached.
enum Failure {
    Io(io::Error),
    Read(ReadError),
    Checksum { stored: u64, computed: u64 },
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// What was found.
#[derive(Default)]
struct Counts {
    keys: u64,
    volatile: u64,
    expired: u64,
    /// Hashes with fields that have a deadline.
    volatile_fields: u64,
}

struct Report<'a, 'c> {
    console: &'a mut Console<'c>,
    now_ms: u64,
    /// How much of the file has been read.
    offset: u64,
    counts: Counts,
}

impl Report<'_, '_> {
    fn say(&mut self, what: impl std::fmt::Display) {
        let offset = self.offset;
        self.console.say(format_args!("[offset {offset}] {what}"));
    }

    fn read(&mut self, reader: &mut Reader, input: Input<'_>) -> Result<(), Failure> {
        let limits = Config::default().limits(Seed::new(0, 0));
        let mut piece = vec![0; PIECE];
        reader.feed(&input.first);
        while !self.items(reader, &limits)? {
            let len = input.file.read(&mut piece).map_err(Failure::Io)?;
            if len == 0 {
                reader.finish()?;
                break;
            }
            reader.feed(&piece[..len]);
        }
        Ok(())
    }

    /// Goes through what has been read; true at the end.
    fn items(&mut self, reader: &mut Reader, limits: &Limits) -> Result<bool, Failure> {
        while let Some(Found { item, .. }) = reader.next(limits)? {
            self.offset = reader.at();
            match item {
                Item::Aux { name, value } => {
                    let (name, value) = (shown(&name), shown(&value));
                    self.say(format_args!("AUX FIELD {name} = '{value}'"));
                }
                Item::SelectDb(db) => self.say(format_args!("Selecting DB ID {db}")),
                Item::Key(key) => self.count(&key),
                Item::End(checksum) => return self.end(reader, checksum).map(|()| true),
                Item::Function(_) | Item::ResizeDb { .. } | Item::SlotInfo { .. } => {}
            }
        }
        Ok(false)
    }

    fn count(&mut self, key: &Key) {
        let counts = &mut self.counts;
        counts.keys += 1;
        counts.volatile += u64::from(key.deadline.is_some());
        counts.expired += u64::from(key.deadline.is_some_and(|deadline| deadline < self.now_ms));
        counts.volatile_fields += u64::from(type_name(key.kind).contains("-md"));
    }

    fn end(&mut self, reader: &Reader, checksum: Checksum) -> Result<(), Failure> {
        match checksum {
            Checksum::Right => self.say("Checksum OK"),
            Checksum::Missing if reader.version() < Some(FIRST_SUMMED_VERSION) => {}
            Checksum::Missing => {
                self.say("RDB file was saved with checksum disabled: no check performed.");
            }
            Checksum::Wrong { stored, computed } => {
                return Err(Failure::Checksum { stored, computed });
            }
        }
        Ok(())
    }

    fn failed(&mut self, reader: &Reader, failure: &Failure) {
        self.console.say("--- RDB ERROR DETECTED ---");
        let (doing, key) = doing(reader, failure);
        match failure {
            Failure::Io(error) => self.say(format_args!("Cannot read file: {}", os_words(error))),
            Failure::Read(error) => {
                self.offset = error.at;
                self.say(words(&error.fault));
            }
            Failure::Checksum { stored, computed } => {
                let what = format!("{stored:016x} is stored, {computed:016x} computed");
                self.say(format_args!("RDB CRC error: {what}"));
            }
        }
        self.console.say(format_args!("[additional info] While doing: {doing}"));
        if let Some((kind, name)) = key {
            if let Some(name) = name {
                let name = shown(&name);
                self.console.say(format_args!("[additional info] Reading key '{name}'"));
            }
            let what = type_name(kind);
            self.console.say(format_args!("[additional info] Reading type {kind} ({what})"));
        }
    }

    fn tell_counts(&mut self) {
        let counts = &self.counts;
        for (count, what) in [
            (counts.keys, "keys read"),
            (counts.volatile, "expires"),
            (counts.expired, "already expired"),
            (counts.volatile_fields, "subexpires"),
        ] {
            self.console.say(format_args!("[info] {count} {what}"));
        }
    }
}

/// Bytes as text that does no harm to a terminal.
fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

fn type_name(kind: u8) -> &'static str {
    TYPES.get(usize::from(kind)).copied().unwrap_or_default()
}

/// What was being read when it failed, and of a key its type and name.
type Doing = (&'static str, Option<(u8, Option<Vec<u8>>)>);

fn doing(reader: &Reader, failure: &Failure) -> Doing {
    if matches!(failure, Failure::Checksum { .. }) {
        return ("check-sum", None);
    }
    if reader.version().is_none() {
        return ("start", None);
    }
    match reader.in_hand() {
        None => ("read-type", None),
        Some((opcode::END, _)) => ("check-sum", None),
        Some((opcode::AUX, _)) => ("read-aux", None),
        Some((opcode::FUNCTION | opcode::FUNCTION_PRE, _)) => ("read-functions", None),
        Some((opcode::MODULE_AUX, _)) => ("read-module-aux", None),
        Some((opcode::EXPIRE_MS | opcode::EXPIRE_S, _)) => ("read-expire", None),
        Some((opcode::SLOT_INFO.., _)) => ("read-len", None),
        Some((kind, _)) if type_name(kind).is_empty() => ("read-type", None),
        Some((kind, None)) => ("read-key", Some((kind, None))),
        Some((kind, name)) => ("read-object-value", Some((kind, name))),
    }
}

fn words(fault: &Fault) -> String {
    match fault {
        Fault::Magic => "Wrong signature trying to load DB from file".to_owned(),
        Fault::Version(version) => format!("Can't handle RDB format version {version}"),
        Fault::EarlyEnd => "Unexpected EOF reading RDB file".to_owned(),
        Fault::Unknown(byte) => format!("Invalid object type: {byte}"),
        other => other.to_string(),
    }
}
