//! LATENCY GRAPH's drawing: a column for each sample, the oldest at the left, its age below it.
//!
//! ```text
//!  #
//!  |
//!  |o
//! _||
//!
//! 421
//! sss
//! ```

use crate::stats::LatencySeries;
use std::fmt::Write;

/// Lines of the columns.
const LINES: u64 = 4;
/// A column's top, by how much of its line it fills.
const TOPS: [char; 3] = ['_', 'o', '#'];
/// Columns at most: what fits a terminal.
const COLUMNS: usize = 80;

/// Draws an event's samples, as they look at `now_s`.
pub(super) fn draw(event: &str, series: &LatencySeries, now_s: u64) -> String {
    let skipped = series.samples().len().saturating_sub(COLUMNS);
    let samples = series.samples().skip(skipped);
    let low = samples.clone().map(|s| s.ms).min().unwrap_or(0);
    let high = samples.clone().map(|s| s.ms).max().unwrap_or(0);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{event} - high {high} ms, low {low} ms (all time high {} ms)\n{}",
        series.max_ms(),
        "-".repeat(COLUMNS)
    );
    let heights: Vec<u64> = samples.clone().map(|s| height(s.ms, low, high)).collect();
    for line in (0..LINES).rev() {
        text.extend(heights.iter().map(|height| cell(*height, line)));
        text.push('\n');
    }
    let ages: Vec<String> = samples.map(|s| age(now_s.saturating_sub(s.time_s))).collect();
    text.push_str(&" ".repeat(ages.len()));
    text.push('\n');
    for at in 0..ages.iter().map(String::len).max().unwrap_or(0) {
        text.extend(ages.iter().map(|age| char::from(*age.as_bytes().get(at).unwrap_or(&b' '))));
        text.push('\n');
    }
    text
}

/// A sample's height in steps, three to a line, scaled so that the extremes fill the drawing.
fn height(ms: u64, low: u64, high: u64) -> u64 {
    let steps = LINES * TOPS.len() as u64 - 1;
    let span = (high - low).max(1);
    ((ms - low) * steps + span / 2) / span
}

fn cell(height: u64, line: u64) -> char {
    let per_line = TOPS.len() as u64;
    match line.cmp(&(height / per_line)) {
        std::cmp::Ordering::Less => '|',
        std::cmp::Ordering::Equal => TOPS[(height % per_line) as usize],
        std::cmp::Ordering::Greater => ' ',
    }
}

/// How long ago, in the largest unit it fills.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::LatencyMonitor;

    #[test]
    fn columns_stand_between_the_lowest_and_the_highest_sample() {
        let mut monitor = LatencyMonitor::default();
        for (time, ms) in [(1, 20), (3, 50), (4, 30)] {
            monitor.add("command", time, ms);
        }
        let (event, series) = monitor.find(b"command").unwrap();
        let drawing = draw(event, series, 5);
        let lines: Vec<_> = drawing.lines().collect();
        assert_eq!(lines[0], "command - high 50 ms, low 20 ms (all time high 50 ms)");
        assert_eq!(lines[2..], [" # ", " | ", " |o", "_||", "   ", "421", "sss"]);
    }
}
