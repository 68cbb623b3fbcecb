//! Keys on their way to other servers, and what happens to them meanwhile.
//!
//! A key is sent as it is at one moment and removed when the other side has it. What changes it in between would be
//! lost with it, so who can wait does not change it: [`Moving::holds`]. Who cannot (a script, a flush, the stream of a
//! primary) is noticed: such a key is not removed.

use super::Key;
use crate::keyspace::{Change, Event, EventClass};
use std::collections::BTreeMap;

/// What a key is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is still to be sent: changes until then go along.
    Here,
    /// It was sent, and has not changed since.
    Sent,
    /// What was sent, or would be, is not what the key was.
    Changed,
}

/// One migration's interest in a key.
#[derive(Debug)]
struct Mark {
    migration: u64,
    db: u32,
    /// The key stays here, so that nobody need wait.
    copies: bool,
    state: State,
}

/// All keys on their way, by name.
#[derive(Debug, Default)]
pub struct Moving {
    keys: BTreeMap<Key, Vec<Mark>>,
}

impl Moving {
    /// A migration is to send a key of database `db`, and to remove it unless it `copies`.
    pub fn begin(&mut self, migration: u64, db: u32, key: &Key, copies: bool) {
        let mark = Mark { migration, db, copies, state: State::Here };
        self.keys.entry(key.clone()).or_default().push(mark);
    }

    /// The key is sent as it is now; false, if it is not the key that was meant.
    pub fn sent(&mut self, migration: u64, key: &Key) -> bool {
        let mark = self.mark(migration, key).filter(|mark| mark.state != State::Changed);
        mark.map(|mark| mark.state = State::Sent).is_some()
    }

    /// A key that was sent is to be sent anew.
    pub fn again(&mut self, migration: u64, key: &Key) {
        if let Some(mark) = self.mark(migration, key).filter(|mark| mark.state == State::Sent) {
            mark.state = State::Here;
        }
    }

    /// A migration is done with a key; whether it has not changed since it was sent.
    pub fn end(&mut self, migration: u64, key: &Key) -> bool {
        let Some(marks) = self.keys.get_mut(key) else { return false };
        let at = marks.iter().position(|mark| mark.migration == migration);
        let ended = at.map(|at| marks.swap_remove(at));
        if marks.is_empty() {
            self.keys.remove(key);
        }
        ended.is_some_and(|mark| mark.state != State::Changed)
    }

    /// Notes what became of keys.
    pub fn handle_changes(&mut self, changes: &[Change]) {
        for Change { db, key, event, .. } in changes {
            match event.class {
                // What goes by itself goes on the other side as well, and room is made of what is there already.
                EventClass::Expired | EventClass::Evicted => {}
                EventClass::KeyMiss | EventClass::Flushed | EventClass::Claimable => {}
                _ if *event == Event::HEXPIRED => {}
                EventClass::Database => {
                    let marks = self.keys.values_mut().flatten();
                    marks
                        .filter(|mark| mark.db == *db)
                        .for_each(|mark| mark.state = State::Changed);
                }
                _ => {
                    let marks = self.keys.get_mut(&**key).into_iter().flatten();
                    marks
                        .filter(|mark| mark.db == *db && mark.state == State::Sent)
                        .for_each(|mark| mark.state = State::Changed);
                }
            }
        }
    }

    /// Whether nobody may change the key now who can wait; `None` is any database.
    pub fn holds(&self, db: Option<u32>, key: &[u8]) -> bool {
        let marks = self.keys.get(key).into_iter().flatten();
        marks.filter(|mark| !mark.copies).any(|mark| db.is_none_or(|db| mark.db == db))
    }

    /// Whether no key is on its way.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn mark(&mut self, migration: u64, key: &Key) -> Option<&mut Mark> {
        self.keys.get_mut(key)?.iter_mut().find(|mark| mark.migration == migration)
    }
}
