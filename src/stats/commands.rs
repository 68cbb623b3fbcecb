//! One command's counters.

/// Durations in ns, two significant digits: INFO latencystats, LATENCY HISTOGRAM.
pub type Histogram = hdrhistogram::Histogram<u64>;

/// The longest duration a histogram tells apart, ns.
const LONGEST_NS: u64 = 1_000_000_000;

/// Calls of one command, how long they took, how they ended.
#[derive(Debug, Default)]
pub struct CommandStats {
    /// Calls.
    pub calls: u64,
    /// Time spent, ns.
    pub nanos: u64,
    /// Refused before running.
    pub rejected: u64,
    /// Ended in an error.
    pub failed: u64,
    /// Made when first used: it takes some 24 KB.
    histogram: Option<Box<Histogram>>,
}

impl CommandStats {
    /// Counts a call.
    #[inline]
    pub fn ran(&mut self, nanos: u64, tracking: bool) {
        self.calls += 1;
        self.nanos += nanos;
        if tracking {
            self.record(nanos);
        }
    }

    /// Time spent, µs.
    pub fn usec(&self) -> u64 {
        self.nanos / 1000
    }

    /// Whether there is anything to tell.
    pub fn is_noted(&self) -> bool {
        self.calls > 0 || self.rejected > 0 || self.failed > 0
    }

    /// The durations, where latency tracking is on and the command ran.
    pub fn histogram(&self) -> Option<&Histogram> {
        self.histogram.as_deref()
    }

    #[inline]
    fn record(&mut self, nanos: u64) {
        let histogram = self.histogram.get_or_insert_with(|| {
            let new = Histogram::new_with_bounds(1, LONGEST_NS, 2);
            Box::new(new.expect("the bounds are sound"))
        });
        histogram.saturating_record(nanos.max(1));
    }
}
