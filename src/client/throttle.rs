//! Clients that wait for memory which is on its way: the state.

use super::{ClientId, Clients};

/// Nobody waits longer at a time: what memory waits for may itself be stuck.
const PATIENCE_MS: u64 = 100;

/// Who waits for memory.
#[derive(Debug, Default)]
pub struct Throttle {
    /// Somebody may have to wait.
    is_on: bool,
    waiting: Vec<ClientId>,
    /// When the first of them began to, ms since the epoch.
    since_ms: u64,
    /// So many commands may run though there is no room: they have waited.
    passes: usize,
    /// The first that waits is to be told of.
    news: bool,
    /// Commands that waited since the start.
    total: u64,
}

impl Throttle {
    /// Whether somebody may have to wait.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Whether somebody may have to wait from now on.
    pub fn set_on(&mut self, on: bool) {
        self.is_on = on;
    }

    /// Whether a command has been waited for, which may run now.
    pub fn take_pass(&mut self) -> bool {
        let has_one = self.passes > 0;
        self.passes = self.passes.saturating_sub(1);
        has_one
    }

    /// A client waits from now on.
    pub fn hold(&mut self, id: ClientId, now_ms: u64) {
        if self.waiting.is_empty() {
            (self.since_ms, self.news) = (now_ms, true);
        }
        self.waiting.push(id);
        self.total += 1;
    }

    /// Whether clients began to wait since this was asked last.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Whether anybody waits.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Lets all go on if there is room, or if they have waited long enough.
    pub fn release(&mut self, room: bool, now_ms: u64, clients: &mut Clients) {
        let overdue = now_ms.saturating_sub(self.since_ms) >= PATIENCE_MS;
        if !room && !overdue {
            return;
        }
        self.is_on = !room;
        self.passes = if room { 0 } else { self.waiting.len() };
        for id in self.waiting.drain(..) {
            if let Some(session) = clients.get_mut(id) {
                (session.flags.paused, session.flags.throttled) = (false, false);
                session.wake();
            }
        }
    }

    /// Commands that waited since the start.
    pub fn total(&self) -> u64 {
        self.total
    }
}
