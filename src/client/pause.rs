//! CLIENT PAUSE: the state, and who is woken when it ends.

use super::Clients;

/// A pause of all clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pause {
    /// When it ends, ms since the epoch; 0 when none was asked for.
    pub until_ms: u64,
    /// Every command waits, not only those that may write.
    pub all: bool,
}

impl Pause {
    /// Whether a pause is in force.
    pub fn is_on(self, now_ms: u64) -> bool {
        self.until_ms > now_ms
    }

    /// Begins a pause, or makes the one in force longer and wider; it is never made shorter.
    pub fn begin(&mut self, now_ms: u64, until_ms: u64, all: bool) {
        let before = if self.is_on(now_ms) { *self } else { Self::default() };
        *self = Self { until_ms: before.until_ms.max(until_ms), all: all || before.all };
    }

    /// Ends the pause: those who waited go on.
    pub fn end(&mut self, clients: &mut Clients) {
        *self = Self::default();
        for (_, session) in clients.iter_mut().filter(|(_, c)| c.flags.paused) {
            session.flags.paused = false;
            session.wake();
        }
    }
}
