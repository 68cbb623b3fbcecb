//! Pauses of clients: the state, and who is woken when one ends.

use super::Clients;

/// Who asks for a pause. Each one's begins and ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pauser {
    /// CLIENT PAUSE.
    Client,
    /// FAILOVER: what is written now the next primary would not have.
    Failover,
    /// The end of the process: neither would the replicas, nor the last save.
    Shutdown,
}

/// What one of them asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Asked {
    /// When it ends, ms since the epoch; 0 when none was asked for.
    until_ms: u64,
    /// Every command waits, not only those that may write.
    all: bool,
}

/// The pauses that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pause {
    asked: [Asked; 3],
    /// At least one was asked for, and not found to be over.
    any: bool,
}

impl Pause {
    /// Whether one was asked for; its time may be over.
    #[inline]
    pub fn was_asked(&self) -> bool {
        self.any
    }

    /// Whether a pause is in force.
    pub fn is_on(&self, now_ms: u64) -> bool {
        self.any && self.asked.iter().any(|asked| asked.until_ms > now_ms)
    }

    /// Whether every command waits.
    pub fn is_of_all(&self, now_ms: u64) -> bool {
        self.asked.iter().any(|asked| asked.until_ms > now_ms && asked.all)
    }

    /// Begins a pause, or makes that of the same pauser longer and wider; it is never made shorter.
    pub fn begin(&mut self, who: Pauser, now_ms: u64, until_ms: u64, all: bool) {
        let asked = &mut self.asked[who as usize];
        let before = if asked.until_ms > now_ms { *asked } else { Asked::default() };
        *asked = Asked { until_ms: before.until_ms.max(until_ms), all: all || before.all };
        self.any = true;
    }

    /// Ends a pause: those who waited go on, unless another holds them.
    pub fn end(&mut self, who: Pauser, clients: &mut Clients) {
        self.asked[who as usize] = Asked::default();
        self.follow(clients);
    }

    /// Ends the pauses whose time is over; whether one was.
    pub fn end_overdue(&mut self, now_ms: u64, clients: &mut Clients) -> bool {
        let is_over = |asked: &Asked| asked.until_ms != 0 && asked.until_ms <= now_ms;
        let any = self.asked.iter().any(is_over);
        for asked in self.asked.iter_mut().filter(|asked| is_over(asked)) {
            *asked = Asked::default();
        }
        if any {
            self.follow(clients);
        }
        any
    }

    /// Those who waited look again whether they may go on.
    fn follow(&mut self, clients: &mut Clients) {
        self.any = self.asked.iter().any(|asked| asked.until_ms != 0);
        for (_, session) in clients.iter_mut().filter(|(_, c)| c.flags.paused) {
            session.flags.paused = false;
            session.wake();
        }
    }
}
