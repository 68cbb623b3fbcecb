//! Pauses of clients, and what they do to keys past their deadline.

use super::Server;
use crate::client::Pauser;
use crate::keyspace::Keeper;

impl Server {
    /// Begins a pause, until a time in ms since the epoch, of `all` commands or of those that may write. While one lasts
    /// keys past their deadline are hidden and kept, and removed when writing goes on.
    pub fn begin_pause(&mut self, who: Pauser, until_ms: u64, all: bool) {
        self.pause.begin(who, self.now_ms(), until_ms, all);
        self.keep_what_is_paused();
    }

    /// Ends a pause.
    pub fn end_pause(&mut self, who: Pauser) {
        self.pause.end(who, &mut self.clients);
        self.keep_what_is_paused();
    }

    /// Ends the pauses whose time is over.
    pub fn end_overdue_pauses(&mut self) {
        if self.pause.was_asked() && self.pause.end_overdue(self.now_ms(), &mut self.clients) {
            self.keep_what_is_paused();
        }
    }

    fn keep_what_is_paused(&mut self) {
        self.keyspace.shared.keep_expired(Keeper::Pause, self.pause.was_asked());
    }
}
