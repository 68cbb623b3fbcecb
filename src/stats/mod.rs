//! What is counted: commands, errors, traffic; and which commands took long.

mod commandlog;
mod commands;
mod defrag;
mod guard;
pub mod hotkeys;
mod info;
mod latency;
mod memory;
mod rates;
mod watch;

pub use commandlog::{CommandLog, CommandLogs, LogEntry, LogKind, Ran};
pub use commands::{CommandStats, Histogram};
pub use defrag::DefragStats;
pub use guard::{Guard, Relief, Seen};
pub use latency::{LatencyMonitor, LatencySample, LatencySeries, LatencySummary};
pub use memory::{Breakdown, DatabaseOverhead, Excess, Memory, ScriptFigures};
pub use rates::{Rates, Totals};
pub use watch::Watch;

use crate::config::Config;
use crate::spec::CommandId;
use hotkeys::Hotkeys;
use std::collections::BTreeMap;

/// Kinds of error are counted by their code up to so many; a flood of made-up codes counts no more.
const ERROR_KINDS_MAX: usize = 128;

/// The server's counters. CONFIG RESETSTAT sets most of them back.
#[derive(Debug, Default)]
pub struct Stats {
    /// Per command, by [`CommandId`].
    commands: Vec<CommandStats>,
    /// Error replies by their code.
    pub errors: BTreeMap<String, u64>,
    /// Error replies.
    pub error_replies: u64,
    /// Commands of the primary or of a log that failed here.
    pub unexpected_errors: u64,
    /// Bytes of the primary's stream.
    pub repl_in: u64,
    /// Commands run.
    pub commands_processed: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused at maxclients or in protected mode.
    pub connections_rejected: u64,
    /// Bytes received.
    pub net_in: u64,
    /// Bytes sent.
    pub net_out: u64,
    /// Bytes sent to replicas.
    pub repl_out: u64,
    /// Reads from sockets that brought something.
    pub reads: u64,
    /// Writes to sockets.
    pub writes: u64,
    /// Clients closed because all together held too much.
    pub evicted_clients: u64,
    /// Clients closed because their input grew too long.
    pub query_limit_closed: u64,
    /// Clients closed because their output grew too long.
    pub output_limit_closed: u64,
    /// Refused AUTH and HELLO AUTH.
    pub auth_denied: u64,
    /// Largest input and output buffers seen lately.
    pub largest_input: usize,
    /// The same of output.
    pub largest_output: usize,
    /// Highest memory use seen.
    pub peak_memory: u64,
    /// Memory in use before the first key.
    pub startup_memory: u64,
    /// Turns of connections.
    pub turns: u64,
    /// Time those took, ns.
    pub turn_nanos: u64,
    /// Time spent on keys past their deadline, ns.
    pub expire_nanos: u64,
    /// What active defragmentation did.
    pub defrag: DefragStats,
    /// Per-second rates.
    pub rates: Rates,
    /// Bounds that make a command notable.
    pub watch: Watch,
    /// Commands that took long, came in large or were answered at length.
    pub logs: CommandLogs,
    /// Events that held the loop up.
    pub latency: LatencyMonitor,
    /// Which keys cost most.
    pub hotkeys: Hotkeys,
}

impl Stats {
    /// For a table of `commands` commands.
    pub fn new(commands: usize) -> Self {
        let mut stats = Self::default();
        stats.commands.resize_with(commands, CommandStats::default);
        stats
    }

    /// One command's counters.
    #[inline]
    pub fn command(&mut self, id: CommandId) -> &mut CommandStats {
        &mut self.commands[usize::from(id.0)]
    }

    /// One command's counters, to read.
    pub fn of(&self, id: CommandId) -> &CommandStats {
        &self.commands[usize::from(id.0)]
    }

    /// Counts an error reply by its first word.
    pub fn error(&mut self, text: &str) {
        self.error_replies += 1;
        let code = text.split(' ').next().unwrap_or_default();
        if let Some(count) = self.errors.get_mut(code) {
            *count += 1;
        } else if self.errors.len() < ERROR_KINDS_MAX {
            self.errors.insert(code.to_owned(), 1);
        }
    }

    /// Takes over what the configuration says: the bounds, how long the logs may be, and whether hot keys are looked for.
    pub fn configure(&mut self, config: &Config, now_ms: u64) {
        self.hotkeys.configure(config, now_ms);
        self.follow_watch(config);
        for kind in LogKind::ALL {
            self.logs.of_mut(kind).trim(kind.max_len(config));
        }
    }

    /// Sees anew what makes a command notable.
    pub fn follow_watch(&mut self, config: &Config) {
        self.watch = Watch::of(config);
        self.hotkeys.follow(&mut self.watch);
    }

    /// Ends the session of hot keys, or, if `overdue`, only one whose time is over; whether there was one. `cpu_seconds` tells
    /// the process's system and user time.
    pub fn end_hotkeys(
        &mut self,
        config: &Config,
        now_ms: u64,
        overdue: bool,
        cpu_seconds: impl Fn() -> (f64, f64),
    ) -> bool {
        let ended = self.hotkeys.end(now_ms, overdue, cpu_seconds);
        if ended {
            self.follow_watch(config);
        }
        ended
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&mut self) {
        let old = std::mem::take(self);
        *self = Self {
            peak_memory: old.peak_memory,
            startup_memory: old.startup_memory,
            watch: old.watch,
            logs: old.logs,
            latency: old.latency,
            auth_denied: old.auth_denied,
            hotkeys: old.hotkeys,
            ..Self::new(old.commands.len())
        };
    }
}
