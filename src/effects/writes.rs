//! Writes that were collected and not delivered yet, one behind the other.

use super::Feed;
use crate::resp::request::push_command;
use crate::script::Targets;

/// Room that is kept from command to command, bytes.
const KEPT: usize = 64 * 1024;
/// And writes.
const KEPT_OPS: usize = 1024;

/// One write as the AOF and the replicas see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op<'a> {
    /// The database it ran in.
    pub db: u32,
    /// The command as a client would send it.
    pub request: &'a [u8],
    /// Who gets it.
    pub to: Targets,
}

/// Writes in order.
#[derive(Debug, Default)]
pub(super) struct Writes {
    requests: Vec<u8>,
    /// The database of each, where its request ends, and who gets it.
    ends: Vec<(u32, usize, Targets)>,
}

impl Writes {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds one.
    pub(super) fn push<'a>(
        &mut self,
        db: u32,
        argv: impl ExactSizeIterator<Item = &'a [u8]>,
        to: Targets,
    ) {
        push_command(&mut self.requests, argv);
        self.ends.push((db, self.requests.len(), to));
    }

    /// Those behind the first so many are for none but these.
    pub(super) fn keep_for(&mut self, from: usize, targets: Targets) {
        for (_, _, to) in &mut self.ends[from..] {
            to.0 &= targets.0;
        }
    }

    /// Takes those of another.
    pub(super) fn append(&mut self, other: &mut Self) {
        let before = self.requests.len();
        self.requests.extend_from_slice(&other.requests);
        let ends = other.ends.iter();
        self.ends.extend(ends.map(|(db, end, to)| (*db, before + end, *to)));
        other.clear();
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Op<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |(db, end, to)| {
            let request = &self.requests[start..*end];
            start = *end;
            Op { db: *db, request, to: *to }
        })
    }

    /// Hands those that are for `targets` to a feed; several of them are one transaction.
    pub(super) fn feed(&self, feed: &mut dyn Feed, targets: Targets) {
        let wanted = |op: &Op<'_>| op.to.has(targets);
        let several = self.len() > 1 && self.iter().filter(&wanted).count() > 1;
        let mut last_db = None;
        for op in self.iter().filter(&wanted) {
            // MULTI and EXEC are in no database: none need be selected for them.
            if several && last_db.is_none() {
                feed.feed(Op { request: b"*1\r\n$5\r\nMULTI\r\n", ..op });
            }
            feed.feed(op);
            last_db = Some(op.db);
        }
        if let Some(db) = last_db.filter(|_| several) {
            feed.feed(Op { db, request: b"*1\r\n$4\r\nEXEC\r\n", to: targets });
        }
    }

    /// Forgets them.
    pub(super) fn clear(&mut self) {
        self.requests.clear();
        self.requests.shrink_to(KEPT);
        self.ends.clear();
        self.ends.shrink_to(KEPT_OPS);
    }
}
