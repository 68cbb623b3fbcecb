//! What is known of a load: the one that runs, and how the last one ended.

use super::{Batch, Failure, Options, Summary, read_rdb};
use crate::client::ClientId;
use crate::keyspace::Keyspace;
use crate::stdx::fields::Fields;
use crate::stdx::hash::Seed;
use std::fmt::Debug;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// The state of loading.
#[derive(Debug, Default)]
pub struct Loading {
    /// The load that runs.
    pub running: Option<Progress>,
    /// The load that is to run: whoever owns the loop takes it.
    pub task: Option<Task>,
    /// Keys that the last load inserted, or the running one so far.
    pub keys_loaded: u64,
    /// Keys that it left out, being past their deadline,
    pub keys_expired: u64,
    /// Those of the load at the start, with their databases, until the followers of their history are told.
    pub gone: Vec<(u32, Vec<u8>)>,
    /// or without elements.
    pub keys_empty: u64,
    /// The data set that is being loaded beside the one that is there.
    pub staged: Option<Staged>,
    /// The last load brought no whole data set: the process is about to end.
    pub failed: bool,
    /// `key-load-delay`.
    pub pace: Pace,
}

/// A load that runs.
#[derive(Debug)]
pub struct Progress {
    /// When it began, ms since the epoch.
    pub began_ms: u64,
    /// Bytes of all that is to be read.
    pub total_bytes: u64,
    /// Bytes read so far.
    pub loaded_bytes: u64,
    /// Memory that the server used which wrote the file, as the file says.
    pub used_memory: u64,
    /// What is there goes on being served meanwhile.
    pub asynchronous: bool,
    /// Keys that are there already give way.
    pub merge: bool,
    /// What follows when it is done.
    pub done: Done,
    /// Why it is to end early.
    pub refused: Option<String>,
}

/// What follows when a load is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The server begins to serve; without the data set it must not.
    Serve,
    /// A client is answered.
    Answer(ClientId),
    /// It is a primary's data set, which came by the attempt with this number to follow it.
    Sync(u64),
}

/// A data set that is to take the place of the present one.
#[derive(Debug)]
pub struct Staged {
    /// Its keys.
    pub keyspace: Keyspace,
    /// Its libraries of functions.
    pub functions: Vec<Vec<u8>>,
}

impl Staged {
    /// One without keys, in as many databases, which hash as those do that they are to replace.
    #[must_use]
    pub fn new(databases: usize, seed: Seed) -> Self {
        Self { keyspace: Keyspace::new(databases, seed), functions: Vec::new() }
    }
}

/// Where a load reads from.
pub trait Input: Read + Debug + Send {}

impl<T: Read + Debug + Send> Input for T {}

/// A load to be run on a thread.
#[derive(Debug)]
pub struct Task {
    /// The file, or what comes from a primary.
    pub input: Box<dyn Input>,
    /// How it is loaded.
    pub options: Options,
}

impl Progress {
    /// A load that begins.
    pub fn new(began_ms: u64, total_bytes: u64, done: Done) -> Self {
        Self {
            began_ms,
            total_bytes,
            loaded_bytes: 0,
            used_memory: 0,
            asynchronous: false,
            merge: false,
            done,
            refused: None,
        }
    }
}

impl Task {
    /// Reads the file to its end.
    ///
    /// # Errors
    /// As [`read_rdb`].
    pub fn run(mut self, sink: &mut dyn FnMut(Batch) -> bool) -> Result<Summary, Failure> {
        read_rdb(&mut self.input, &self.options, sink)
    }
}

/// How fast keys may be loaded: a thread reads it, the option `key-load-delay` sets it.
#[derive(Debug, Clone, Default)]
pub struct Pace(Arc<AtomicI32>);

impl Pace {
    /// Sets the option: microseconds for each key, or below zero the keys for one microsecond.
    pub fn set(&self, key_load_delay: i32) {
        self.0.store(key_load_delay, Ordering::Relaxed);
    }

    /// Whether keys are to go one by one.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Microseconds to wait after so many keys.
    #[must_use]
    pub fn delay_us(&self, keys: usize) -> u64 {
        match self.0.load(Ordering::Relaxed) {
            0 => 0,
            delay @ 1.. => u64::from(delay.unsigned_abs()) * keys as u64,
            delay => keys as u64 / u64::from(delay.unsigned_abs()),
        }
    }
}

impl Loading {
    /// Whether a data set is being loaded.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// The first lines of INFO's section `persistence`.
    pub fn info(&self, out: &mut Fields) {
        let asynchronous = self.running.as_ref().is_some_and(|run| run.asynchronous);
        out.put("loading", u8::from(self.is_on() && !asynchronous));
        out.put("async_loading", u8::from(asynchronous));
    }

    /// What the last load brought.
    pub fn info_last(&self, out: &mut Fields) {
        out.put("rdb_last_load_keys_expired", self.keys_expired);
        out.put("rdb_last_load_keys_loaded", self.keys_loaded);
    }

    /// The lines about the load that runs.
    pub fn info_running(&self, out: &mut Fields, now_ms: u64) {
        let Some(run) = &self.running else { return };
        let seconds = now_ms.saturating_sub(run.began_ms) / 1000;
        let left = run.total_bytes.saturating_sub(run.loaded_bytes);
        let eta = match seconds {
            0 => 1,
            seconds => seconds * left / (run.loaded_bytes + 1),
        };
        out.put("loading_start_time", run.began_ms / 1000);
        out.put("loading_total_bytes", run.total_bytes);
        out.put("loading_rdb_used_mem", run.used_memory);
        out.put("loading_loaded_bytes", run.loaded_bytes);
        let percent = run.loaded_bytes as f64 * 100.0 / run.total_bytes.max(1) as f64;
        out.ratio("loading_loaded_perc", percent);
        out.put("loading_eta_seconds", eta);
    }
}
