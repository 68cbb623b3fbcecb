//! The log: writes as the append-only file has them, in the order they happened.
//!
//! Each is the command as a client would send it. `SELECT` stands before one whose database is another than that of the
//! one before, and, where that is wanted, `#TS:` and the seconds since the epoch before the first of a second. Bytes are
//! counted from the start of the server on; such a count is an offset, and tells how far the log is written and
//! synced.

use crate::effects::{Feed, Op};
use crate::resp::request::push_command;

/// Room for pending bytes that is kept from turn to turn.
const KEPT: usize = 1 << 20;

/// Collects writes for the thread that puts them into the file.
#[derive(Debug, Default)]
pub struct Log {
    /// Whether writes are collected.
    on: bool,
    /// What was not handed over yet.
    pending: Vec<u8>,
    /// The database of the last write; none at the start of a file.
    db: Option<u32>,
    /// The offset behind the last write.
    end: u64,
    /// The second that the next write happens in, where that is to be told.
    second: Option<u64>,
    /// The one last told.
    told: u64,
}

impl Log {
    /// Whether writes are collected.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// The offset behind the last write.
    #[inline]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Begins to collect, or ends it: what was not handed over is forgotten then.
    pub fn set_on(&mut self, on: bool) {
        self.on = on;
        if !on {
            self.end -= self.pending.len() as u64;
            self.pending = Vec::new();
        }
        self.begin_file();
    }

    /// The next write is the first in its file.
    pub fn begin_file(&mut self) {
        self.db = None;
    }

    /// Tells when the next write happens, ms since the epoch; nothing, if the log is not to say so.
    #[inline]
    pub fn set_time(&mut self, now_ms: Option<u64>) {
        self.second = now_ms.map(|ms| ms / 1000);
    }

    /// Whether there is something to be handed over.
    #[inline]
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// What was not handed over yet.
    pub fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// It was handed over.
    pub fn clear_pending(&mut self) {
        self.pending.clear();
        self.pending.shrink_to(KEPT);
    }
}

impl Feed for Log {
    fn feed(&mut self, op: Op<'_>) {
        if !self.on {
            return;
        }
        let before = self.pending.len();
        if let Some(second) = self.second.filter(|second| *second > self.told) {
            self.told = second;
            annotate(&mut self.pending, second);
        }
        if self.db != Some(op.db) {
            self.db = Some(op.db);
            let mut digits = itoa::Buffer::new();
            let select = [b"SELECT", digits.format(op.db).as_bytes()];
            push_command(&mut self.pending, select.into_iter());
        }
        self.pending.extend_from_slice(op.request);
        self.end += (self.pending.len() - before) as u64;
    }
}

/// Appends when what follows was written, seconds since the epoch.
pub fn annotate(out: &mut Vec<u8>, second: u64) {
    out.extend_from_slice(b"#TS:");
    out.extend_from_slice(itoa::Buffer::new().format(second).as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a command of these words.
    fn feed(log: &mut Log, db: u32, words: &[&str]) {
        let mut request = Vec::new();
        push_command(&mut request, words.iter().map(|word| word.as_bytes()));
        log.feed(Op { db, request: &request, to: crate::effects::Targets::ALL });
    }

    fn take(log: &mut Log) -> String {
        let text = String::from_utf8(log.pending().to_vec()).unwrap().replace("\r\n", " ");
        log.clear_pending();
        text
    }

    #[test]
    fn a_write_names_its_database_where_it_is_another_one() {
        let mut log = Log::default();
        feed(&mut log, 0, &["SET", "a", "1"]);
        assert_eq!((take(&mut log).as_str(), log.end()), ("", 0), "nothing is collected while off");
        log.set_on(true);
        feed(&mut log, 3, &["DEL", "ab"]);
        feed(&mut log, 3, &["DEL", ""]);
        assert_eq!(log.end(), log.pending().len() as u64);
        let select = "*2 $6 SELECT $1 3 ";
        assert_eq!(take(&mut log), format!("{select}*2 $3 DEL $2 ab *2 $3 DEL $0  "));
        log.begin_file();
        feed(&mut log, 3, &["X"]);
        assert_eq!(take(&mut log), format!("{select}*1 $1 X "));
    }

    #[test]
    fn a_second_is_told_once() {
        let mut log = Log::default();
        log.set_on(true);
        for now_ms in [7_999, 7_999, 8_000, 8_500] {
            log.set_time(Some(now_ms));
            feed(&mut log, 0, &["X"]);
        }
        log.set_time(None);
        feed(&mut log, 0, &["X"]);
        let x = "*1 $1 X ";
        let expected = format!("#TS:7 *2 $6 SELECT $1 0 {x}{x}#TS:8 {x}{x}{x}");
        assert_eq!(take(&mut log), expected);
    }

    #[test]
    fn what_was_not_handed_over_is_forgotten_with_the_log() {
        let mut log = Log::default();
        log.set_on(true);
        feed(&mut log, 0, &["X"]);
        let handed_over = log.end();
        log.clear_pending();
        feed(&mut log, 0, &["Y"]);
        log.set_on(false);
        assert_eq!((log.end(), log.has_pending()), (handed_over, false));
    }
}
