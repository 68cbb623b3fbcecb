//! The command logs: the last commands that took long, came in large, or were answered at length.
//!
//! An entry keeps what tells the case: arguments cut to a bound, so that a log of a hundred entries
//! stays small whatever clients send.

use crate::config::Config;
use std::collections::VecDeque;

/// Arguments an entry keeps.
const ARGS_MAX: usize = 32;
/// Bytes it keeps of one argument.
const ARG_BYTES_MAX: usize = 128;
/// What stands for an argument that must not be seen.
const REDACTED: &[u8] = b"(redacted)";

/// What a log is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// Time taken, µs.
    Slow,
    /// Bytes of the request.
    LargeRequest,
    /// Bytes of the reply.
    LargeReply,
}

impl LogKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Slow, Self::LargeRequest, Self::LargeReply];

    /// As COMMANDLOG names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::LargeRequest => "large-request",
            Self::LargeReply => "large-reply",
        }
    }

    /// Entries that the configuration lets the log hold.
    pub fn max_len(self, config: &Config) -> u64 {
        match self {
            Self::Slow => config.slowlog_max_len,
            Self::LargeRequest => config.commandlog_large_request_max_len,
            Self::LargeReply => config.commandlog_large_reply_max_len,
        }
    }
}

/// One logged command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Numbers a log's entries from its start, not begun anew by RESET.
    pub id: u64,
    /// When it ran, seconds since the epoch.
    pub time_s: u64,
    /// Microseconds or bytes, by the log's kind.
    pub value: u64,
    /// What ran.
    pub ran: Ran,
}

/// A command as the logs keep it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    /// Name and arguments, cut.
    pub argv: Vec<Box<[u8]>>,
    /// The client's address.
    pub peer: String,
    /// The name the client gave itself.
    pub client_name: Vec<u8>,
}

impl Ran {
    /// A command of the given client. `is_secret` says of an argument's number whether only its
    /// being there may be kept.
    pub fn new<'a>(
        argv: impl ExactSizeIterator<Item = &'a [u8]>,
        is_secret: impl Fn(usize) -> bool,
        peer: String,
        client_name: &[u8],
    ) -> Self {
        let count = argv.len();
        let kept = if count > ARGS_MAX { ARGS_MAX - 1 } else { count };
        let cut = |(i, arg): (usize, &[u8])| if is_secret(i) { REDACTED.into() } else { cut(arg) };
        let mut argv: Vec<Box<[u8]>> = argv.take(kept).enumerate().map(cut).collect();
        if kept < count {
            let more = format!("... ({} more arguments)", count - kept);
            argv.push(more.into_bytes().into());
        }
        Self { argv, peer, client_name: client_name.to_vec() }
    }
}

fn cut(arg: &[u8]) -> Box<[u8]> {
    let Some((kept, rest)) = arg.split_at_checked(ARG_BYTES_MAX).filter(|(_, r)| !r.is_empty())
    else {
        return arg.into();
    };
    let mut cut = kept.to_vec();
    cut.extend_from_slice(format!("... ({} more bytes)", rest.len()).as_bytes());
    cut.into()
}

/// One log, the newest entry first.
#[derive(Debug, Default)]
pub struct CommandLog {
    entries: VecDeque<LogEntry>,
    next_id: u64,
}

impl CommandLog {
    /// Adds an entry; those beyond `max_len` leave.
    pub fn push(&mut self, time_s: u64, value: u64, ran: Ran, max_len: u64) {
        let id = self.next_id;
        self.next_id += 1;
        self.entries.push_front(LogEntry { id, time_s, value, ran });
        self.trim(max_len);
    }

    /// Keeps the newest `max_len` entries.
    pub fn trim(&mut self, max_len: u64) {
        self.entries.truncate(usize::try_from(max_len).unwrap_or(usize::MAX));
    }

    /// The newest `count` entries, the newest first.
    pub fn newest(&self, count: usize) -> impl ExactSizeIterator<Item = &LogEntry> {
        self.entries.iter().take(count)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Drops every entry.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

/// All three logs.
#[derive(Debug, Default)]
pub struct CommandLogs([CommandLog; 3]);

impl CommandLogs {
    /// One log.
    pub fn of(&self, kind: LogKind) -> &CommandLog {
        &self.0[kind as usize]
    }

    /// One log, to be changed.
    pub fn of_mut(&mut self, kind: LogKind) -> &mut CommandLog {
        &mut self.0[kind as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(args: &[&[u8]]) -> Vec<String> {
        let ran = Ran::new(args.iter().copied(), |i| i == 2, String::new(), b"");
        ran.argv.iter().map(|a| String::from_utf8(a.to_vec()).unwrap()).collect()
    }

    #[test]
    fn the_thirty_second_argument_counts_those_left_out() {
        let args = vec![b"a".as_slice(); 32];
        assert_eq!(ran(&args).len(), 32);
        let args = vec![b"a".as_slice(); 40];
        let kept = ran(&args);
        assert_eq!((kept.len(), kept[31].as_str()), (32, "... (9 more arguments)"));
    }

    #[test]
    fn a_long_argument_is_cut_and_a_secret_one_not_shown() {
        let long = [b'x'; 129];
        let kept = ran(&[b"set", &long, b"password", &long[..128]]);
        assert_eq!(kept[1], format!("{}... (1 more bytes)", "x".repeat(128)));
        assert_eq!(kept[2], "(redacted)");
        assert_eq!(kept[3], "x".repeat(128));
    }

    #[test]
    fn a_full_log_drops_its_oldest_entry() {
        let mut log = CommandLog::default();
        (0..5).for_each(|n| log.push(n, n, Ran::default(), 3));
        let ids: Vec<_> = log.newest(10).map(|e| e.id).collect();
        assert_eq!(ids, [4, 3, 2]);
        log.clear();
        log.push(5, 5, Ran::default(), 3);
        assert_eq!(log.newest(1).next().unwrap().id, 5);
    }
}
