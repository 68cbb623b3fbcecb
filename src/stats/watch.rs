//! What makes a command notable, worked out from the configuration so that each command costs two
//! comparisons.

use crate::config::Config;

/// Bounds from which on a command is looked at more closely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The least of the times below: a command shorter than that is of no further interest.
    pub nanos: u64,
    /// The same of sizes, of request and reply together.
    pub bytes: usize,
    /// `slowlog-log-slower-than`, ns; the largest number where it is off.
    pub slow_nanos: u64,
    /// `latency-monitor-threshold`, ns; the largest number where it is off.
    pub latency_nanos: u64,
    /// `commandlog-request-larger-than`; the largest number where it is off.
    pub request_bytes: usize,
    /// `commandlog-reply-larger-than`; the largest number where it is off.
    pub reply_bytes: usize,
}

impl Watch {
    /// The bounds that `config` sets. Negative ones are off; of latency, 0 is.
    pub fn of(config: &Config) -> Self {
        let scaled = |n: u64, by: u64| n.saturating_mul(by);
        let slow = u64::try_from(config.slowlog_log_slower_than);
        let latency = config.latency_monitor_threshold;
        let bytes = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
        let slow_nanos = slow.map_or(u64::MAX, |us| scaled(us, 1000));
        let latency_nanos = if latency == 0 { u64::MAX } else { scaled(latency, 1_000_000) };
        let request_bytes = bytes(config.commandlog_request_larger_than);
        let reply_bytes = bytes(config.commandlog_reply_larger_than);
        Self {
            nanos: slow_nanos.min(latency_nanos),
            bytes: request_bytes.min(reply_bytes),
            slow_nanos,
            latency_nanos,
            request_bytes,
            reply_bytes,
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::of(&Config::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_off_is_never_reached() {
        let config = Config {
            slowlog_log_slower_than: -1,
            latency_monitor_threshold: 0,
            commandlog_request_larger_than: -1,
            commandlog_reply_larger_than: -1,
            ..Config::default()
        };
        let watch = Watch::of(&config);
        assert_eq!((watch.nanos, watch.bytes), (u64::MAX, usize::MAX));
    }

    #[test]
    fn the_nearest_bound_counts() {
        let config = Config {
            slowlog_log_slower_than: 10_000,
            latency_monitor_threshold: 5,
            commandlog_reply_larger_than: 0,
            ..Config::default()
        };
        let watch = Watch::of(&config);
        assert_eq!((watch.nanos, watch.bytes), (5_000_000, 0));
    }
}
