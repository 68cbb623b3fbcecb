//! Rates per second, as means over the last samples.

/// Samples kept of each rate.
const SAMPLES: usize = 16;

/// Counters that rates are taken of, as they stand.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Commands run.
    pub commands: u64,
    /// Bytes received.
    pub net_in: u64,
    /// Bytes sent.
    pub net_out: u64,
    /// Turns of connections.
    pub turns: u64,
    /// Time those took, ns.
    pub turn_nanos: u64,
}

/// Rates of INFO's `instantaneous_*`.
#[derive(Debug, Default)]
pub struct Rates {
    last_ms: u64,
    commands: Track,
    net_in: Track,
    net_out: Track,
    turns: Track,
    turn_nanos: Track,
}

#[derive(Debug, Default)]
struct Track {
    last: u64,
    samples: [u64; SAMPLES],
    at: usize,
}

impl Track {
    fn sample(&mut self, total: u64, elapsed_ms: u64) {
        // A reset counter begins again.
        let grown = total.saturating_sub(self.last);
        self.last = total;
        self.samples[self.at] = grown.saturating_mul(1000) / elapsed_ms;
        self.at = (self.at + 1) % SAMPLES;
    }

    fn mean(&self) -> u64 {
        self.samples.iter().sum::<u64>() / SAMPLES as u64
    }
}

impl Rates {
    /// Takes a sample of the totals; called some ten times a second.
    pub fn sample(&mut self, now_ms: u64, totals: Totals) {
        let elapsed = now_ms.saturating_sub(self.last_ms);
        if self.last_ms != 0 && elapsed > 0 {
            self.commands.sample(totals.commands, elapsed);
            self.net_in.sample(totals.net_in, elapsed);
            self.net_out.sample(totals.net_out, elapsed);
            self.turns.sample(totals.turns, elapsed);
            self.turn_nanos.sample(totals.turn_nanos, elapsed);
        }
        self.last_ms = now_ms;
    }

    /// Commands per second.
    pub fn commands(&self) -> u64 {
        self.commands.mean()
    }

    /// Bytes received per second.
    pub fn net_in(&self) -> u64 {
        self.net_in.mean()
    }

    /// Bytes sent per second.
    pub fn net_out(&self) -> u64 {
        self.net_out.mean()
    }

    /// Turns per second.
    pub fn turns(&self) -> u64 {
        self.turns.mean()
    }

    /// Mean time of a turn, µs.
    pub fn turn_us(&self) -> u64 {
        (self.turn_nanos.mean() / 1000).checked_div(self.turns()).unwrap_or(0)
    }
}
