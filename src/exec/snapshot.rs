//! Taking snapshots: how one begins, is read in slices, and ends.

use super::primary::sync;
use super::{aof, held, save};
use crate::config::{Choice, Config};
use crate::effects::Action;
use crate::keyspace::Reading;
use crate::persist::aof::log;
use crate::persist::rdb::encode::Encoder;
use crate::persist::rdb::file::opcode;
use crate::persist::rdb::file::write as sections;
use crate::persist::rdb::file::write::Usage;
use crate::persist::snapshot::{Current, Destination, Format, Part, Purpose, Snapshot, Task};
use crate::resp::request::push_command;
use crate::server::{REDIS_VERSION, Server};
use crate::stdx::crc::crc64;
use std::sync::mpsc;

/// How long a slice holds the loop, at most.
const SLICE_NANOS: u64 = 300_000;
/// Buckets read between two looks at the time.
const BUCKETS: usize = 4;
/// Looks at the time in a slice, at most: a bound for clocks that stand still.
const LOOKS: usize = 4096;

/// A snapshot to be taken.
#[derive(Debug)]
pub struct Job {
    /// What it is for.
    pub purpose: Purpose,
    /// Where it goes.
    pub to: Destination,
    /// How keys are written.
    pub format: Format,
    /// The version of the RDB format.
    pub version: u16,
}

/// The moment another one is being read: two cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// Begins a snapshot of the keys as they are now; its number. Its end is told to what it is for.
///
/// # Errors
/// Another one is being read, or the data set is being loaded.
pub fn begin(s: &mut Server, job: Job) -> Result<u64, Busy> {
    if s.persist.loading.is_on()
        || s.keyspace.shared.has_snapshot()
        || s.persist.snapshots.runs(job.purpose)
    {
        return Err(Busy);
    }
    let epoch = s.persist.snapshots.next_epoch();
    let head = head(s, job.purpose, job.format, job.version);
    let access = s.keyspace.shared.access.clone();
    let (out, parts) = mpsc::channel::<Part>();
    let databases = s.keyspace.len() as u32;
    let snapshot =
        Snapshot::new(epoch, job.format, access, head, databases, out).for_version(job.version);
    let in_flight = snapshot.in_flight();
    s.keyspace.shared.set_snapshot(Some(Box::new(snapshot)));
    let Job { purpose, to, .. } = job;
    let keys = s.keyspace.total_keys();
    let snapshots = &mut s.persist.snapshots;
    let number = snapshots.next_number();
    snapshots.reading = Some(number);
    snapshots.served = 0;
    let known = in_flight.clone();
    snapshots.current.push(Current { number, purpose, keys, in_flight: known, aborted: false });
    snapshots.tasks.push(Task { number, purpose, to, parts, in_flight });
    s.effects.act(Action::WriteSnapshot);
    Ok(number)
}

/// Reads on for a slice of time.
pub fn slice(s: &mut Server) -> Reading {
    let reading = read(s);
    if reading == Reading::Complete {
        s.keyspace.shared.set_snapshot(None);
        s.persist.snapshots.reading = None;
    }
    held::release(s);
    reading
}

fn read(s: &mut Server) -> Reading {
    let one_by_one = s.config.rdb_key_save_delay != 0 && !s.persist.snapshots.is_given_up();
    let (looks, buckets) = if one_by_one { (1, 1) } else { (LOOKS, BUCKETS) };
    let began = s.timer.now();
    for _ in 0..looks {
        if s.keyspace.read_on_snapshot(buckets) == Reading::Complete {
            return Reading::Complete;
        }
        if s.timer.nanos(s.timer.now().wrapping_sub(began)) >= SLICE_NANOS {
            break;
        }
    }
    Reading::More
}

/// Microseconds to wait after a slice that went past so many keys: `rdb-key-save-delay`, which below zero is
/// the number of keys for one microsecond.
pub fn delay_us(s: &Server, keys: usize) -> u64 {
    match s.config.rdb_key_save_delay {
        _ if s.persist.snapshots.is_given_up() => 0,
        delay @ 0.. => u64::from(delay.unsigned_abs()) * keys as u64,
        delay => keys as u64 / u64::from(delay.unsigned_abs()),
    }
}

/// Gives up what is being taken for a purpose: no file comes of it, and that is no failure.
pub fn abort(s: &mut Server, purpose: Purpose) {
    let snapshots = &mut s.persist.snapshots;
    let mut reads = false;
    for current in snapshots.current.iter_mut().filter(|current| current.purpose == purpose) {
        current.aborted = true;
        current.in_flight.abandon();
        reads |= snapshots.reading == Some(current.number);
    }
    if let Some(snapshot) = s.keyspace.shared.snapshot().filter(|_| reads) {
        snapshot.give_up();
    }
}

/// Reads what nobody wants any more to its end, which marks and encodes nothing. What somebody wants is left
/// to its slices.
pub fn finish_given_up(s: &mut Server) {
    let reads = |s: &Server| s.persist.snapshots.reading.is_some();
    while reads(s) && s.persist.snapshots.is_given_up() && slice(s) == Reading::More {}
}

/// Gives up what is being taken for a purpose, and does not wait for its end.
pub fn abandon(s: &mut Server, purpose: Purpose) {
    abort(s, purpose);
    let numbers = s.persist.snapshots.current.iter().filter(|it| it.purpose == purpose);
    for number in numbers.map(|it| it.number).collect::<Vec<_>>() {
        ended(s, number, Err("Another takes its place".to_owned()));
    }
}

/// A snapshot is a whole file of so many bytes, or there is none.
pub fn ended(s: &mut Server, number: u64, result: Result<u64, String>) {
    let reads = s.persist.snapshots.reading == Some(number);
    if let Some(snapshot) = s.keyspace.shared.snapshot().filter(|_| reads && result.is_err()) {
        snapshot.give_up();
    }
    let Some(Current { purpose, aborted, .. }) = s.persist.snapshots.take(number) else { return };
    match purpose {
        Purpose::Save => save::ended(s, result, aborted),
        Purpose::AofBase => aof::base_ended(s, result),
        Purpose::Sync => sync::ended(s, number, result, aborted),
    }
}

/// The base of an append-only file before there is any key.
pub(super) fn empty_base(s: &Server, snapshot: bool) -> Vec<u8> {
    let version = s.config.rdb_version.number();
    match snapshot {
        true => end(s, head(s, Purpose::AofBase, Format::Rdb(Usage::None), version)),
        false => Vec::new(),
    }
}

/// What a replica gets that wants no keys.
pub(super) fn without_keys(s: &Server, functions: bool) -> Vec<u8> {
    let mut file = facts(s, Purpose::Sync, s.config.rdb_version.number());
    if functions {
        libraries(s, &mut file);
    }
    end(s, file)
}

/// The end of a file that has no keys.
fn end(s: &Server, mut base: Vec<u8>) -> Vec<u8> {
    base.push(opcode::END);
    let sum = if s.config.rdbchecksum { crc64(0, &base) } else { 0 };
    base.extend_from_slice(&sum.to_le_bytes());
    base
}

/// What a file has before the keys.
fn head(s: &Server, purpose: Purpose, format: Format, version: u16) -> Vec<u8> {
    if format == Format::Commands {
        let mut head = Vec::new();
        if s.config.aof_timestamp_enabled {
            log::annotate(&mut head, s.now_ms() / 1000);
        }
        for (_, library) in s.scripting.libraries.iter() {
            let words: [&[u8]; 3] = [b"FUNCTION", b"LOAD", &library.text];
            push_command(&mut head, words.into_iter());
        }
        return head;
    }
    let mut head = facts(s, purpose, version);
    libraries(s, &mut head);
    let mut out = Encoder::new(&mut head, None);
    for (db, database) in s.keyspace.databases().filter(|(_, database)| !database.is_empty()) {
        sections::select_db(&mut out, db);
        sections::resize_db(&mut out, database.len(), database.volatile());
    }
    head
}

fn libraries(s: &Server, head: &mut Vec<u8>) {
    let mut out = Encoder::new(head, None);
    for (_, library) in s.scripting.libraries.iter() {
        sections::function(&mut out, &library.text);
    }
}

/// What a file says of itself.
fn facts(s: &Server, purpose: Purpose, version: u16) -> Vec<u8> {
    let mut head = Vec::new();
    let aof_base = if purpose == Purpose::AofBase { "1" } else { "0" };
    head.extend_from_slice(sections::magic(version).as_bytes());
    let mut out = Encoder::new(&mut head, None);
    sections::aux(&mut out, "redis-ver", REDIS_VERSION);
    sections::aux(&mut out, "redis-bits", &usize::BITS.to_string());
    sections::aux(&mut out, "ctime", &(s.now_ms() / 1000).to_string());
    sections::aux(&mut out, "used-mem", &(s.facts.figures.used_memory)().to_string());
    if purpose != Purpose::AofBase && s.repl.backlog.is_kept() {
        sections::aux(&mut out, "repl-stream-db", &s.repl.stream_db().to_string());
        sections::aux(&mut out, "repl-id", &s.repl.replid);
        sections::aux(&mut out, "repl-offset", &s.repl.offset().to_string());
    }
    sections::aux(&mut out, "aof-base", aof_base);
    head
}

/// What is told of each key's use: what `maxmemory-policy` goes by.
pub fn usage(config: &Config) -> Usage {
    match config.maxmemory_policy.choice() {
        Choice::Lru | Choice::Lrm => Usage::Idle,
        Choice::Lfu => Usage::Frequency,
        Choice::Random | Choice::Ttl | Choice::Nothing => Usage::None,
    }
}
