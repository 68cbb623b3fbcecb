//! Writes that were collected and not delivered yet, one behind the other.

use crate::resp::request::push_command;

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
}

/// Writes in order.
#[derive(Debug, Default)]
pub(super) struct Writes {
    requests: Vec<u8>,
    /// The database of each, and where its request ends.
    ends: Vec<(u32, usize)>,
}

impl Writes {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds one.
    pub(super) fn push<'a>(&mut self, db: u32, argv: impl ExactSizeIterator<Item = &'a [u8]>) {
        push_command(&mut self.requests, argv);
        self.ends.push((db, self.requests.len()));
    }

    /// Forgets all but the first so many.
    pub(super) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.requests.truncate(self.ends.last().map_or(0, |(_, end)| *end));
    }

    /// Takes those of another.
    pub(super) fn append(&mut self, other: &mut Self) {
        let before = self.requests.len();
        self.requests.extend_from_slice(&other.requests);
        self.ends.extend(other.ends.iter().map(|(db, end)| (*db, before + end)));
        other.clear();
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Op<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |(db, end)| {
            let request = &self.requests[start..*end];
            start = *end;
            Op { db: *db, request }
        })
    }

    /// Forgets them.
    pub(super) fn clear(&mut self) {
        self.requests.clear();
        self.requests.shrink_to(KEPT);
        self.ends.clear();
        self.ends.shrink_to(KEPT_OPS);
    }
}
