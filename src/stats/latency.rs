//! The latency monitor: for each kind of event the last moments at which it held the loop up for
//! `latency-monitor-threshold` or longer.

use std::collections::{BTreeMap, VecDeque};

/// Samples kept of one event.
const SAMPLES: usize = 160;

/// One second in which an event took long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LatencySample {
    /// Seconds since the epoch.
    pub time_s: u64,
    /// The longest of that second, ms.
    pub ms: u64,
}

/// An event's samples.
#[derive(Debug, Default, Clone)]
pub struct LatencySeries {
    samples: VecDeque<LatencySample>,
    max_ms: u64,
}

/// What LATENCY DOCTOR says of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencySummary {
    /// Samples.
    pub count: usize,
    /// Seconds from the first sample to the last, as often as there are gaps between them.
    pub period_s: f64,
    /// Mean of the samples, ms.
    pub mean_ms: f64,
    /// Mean distance of the samples from their mean, ms.
    pub deviation_ms: f64,
    /// The worst ever, ms.
    pub max_ms: u64,
}

impl LatencySeries {
    fn add(&mut self, time_s: u64, ms: u64) {
        self.max_ms = self.max_ms.max(ms);
        if let Some(last) = self.samples.back_mut().filter(|last| last.time_s == time_s) {
            last.ms = last.ms.max(ms);
            return;
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(LatencySample { time_s, ms });
    }

    /// The samples, the oldest first.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = LatencySample> + Clone {
        self.samples.iter().copied()
    }

    /// The latest sample; a series has at least one.
    pub fn latest(&self) -> Option<LatencySample> {
        self.samples.back().copied()
    }

    /// The worst since the series began, ms.
    pub fn max_ms(&self) -> u64 {
        self.max_ms
    }

    /// Means and extremes.
    pub fn summary(&self) -> LatencySummary {
        let count = self.samples.len();
        let n = count.max(1) as f64;
        let mean_ms = self.samples.iter().map(|s| s.ms as f64).sum::<f64>() / n;
        let distances = self.samples.iter().map(|s| (s.ms as f64 - mean_ms).abs());
        let ends = self.samples.front().zip(self.samples.back());
        let span = ends.map_or(0, |(first, last)| last.time_s.saturating_sub(first.time_s));
        LatencySummary {
            count,
            period_s: span as f64 / (n - 1.0).max(1.0),
            mean_ms,
            deviation_ms: distances.sum::<f64>() / n,
            max_ms: self.max_ms,
        }
    }
}

/// Every event that took long.
#[derive(Debug, Default)]
pub struct LatencyMonitor(BTreeMap<&'static str, LatencySeries>);

impl LatencyMonitor {
    /// Notes that an event took so long.
    pub fn add(&mut self, event: &'static str, time_s: u64, ms: u64) {
        self.0.entry(event).or_default().add(time_s, ms);
    }

    /// Every event with its samples, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'static str, &LatencySeries)> {
        self.0.iter().map(|(event, series)| (*event, series))
    }

    /// One event's samples.
    pub fn find(&self, event: &[u8]) -> Option<(&'static str, &LatencySeries)> {
        self.iter().find(|(name, _)| name.as_bytes() == event)
    }

    /// Forgets the events whose names `is_meant` accepts; how many there were.
    pub fn reset(&mut self, is_meant: impl Fn(&str) -> bool) -> usize {
        let before = self.0.len();
        self.0.retain(|event, _| !is_meant(event));
        before - self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_one_sample_its_worst() {
        let mut monitor = LatencyMonitor::default();
        for (time, ms) in [(10, 5), (10, 9), (10, 7), (11, 3)] {
            monitor.add("command", time, ms);
        }
        let (_, series) = monitor.find(b"command").unwrap();
        let samples: Vec<_> = series.samples().map(|s| (s.time_s, s.ms)).collect();
        assert_eq!(samples, [(10, 9), (11, 3)]);
        assert_eq!(series.max_ms(), 9);
        assert_eq!(monitor.reset(|event| event == "command"), 1);
    }

    #[test]
    fn the_oldest_sample_leaves_a_full_series() {
        let mut series = LatencySeries::default();
        (0..200).for_each(|n| series.add(n, 200 - n));
        assert_eq!(series.samples().len(), SAMPLES);
        assert_eq!(series.samples().next().map(|s| s.time_s), Some(40));
        assert_eq!(series.max_ms(), 200);
        let summary = series.summary();
        assert_eq!((summary.count, summary.period_s), (160, 1.0));
        assert_eq!(summary.mean_ms, 80.5);
    }
}
