//! Redis's log levels, on `tracing`'s.
use std::sync::atomic::{AtomicU8, Ordering};

/// How important a message must be to be logged, or is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// A lot, for development.
    Debug,
    /// Much that is rarely useful.
    Verbose,
    /// What an operator wants to know.
    #[default]
    Notice,
    /// What an operator must know.
    Warning,
    /// As a threshold: log nothing. No message has this level.
    Nothing,
}

/// The threshold in force, a `Level` as a number.
static THRESHOLD: AtomicU8 = AtomicU8::new(Level::Notice as u8);

impl Level {
    /// The level of an event.
    #[must_use]
    pub fn of(event: tracing::Level) -> Self {
        match event {
            tracing::Level::TRACE => Self::Debug,
            tracing::Level::DEBUG => Self::Verbose,
            tracing::Level::INFO => Self::Notice,
            _ => Self::Warning,
        }
    }

    /// Its name in configuration and in structured lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Verbose => "verbose",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Nothing => "nothing",
        }
    }

    /// Its mark in Redis's line.
    #[must_use]
    pub fn mark(self) -> char {
        match self {
            Self::Debug => '.',
            Self::Verbose => '-',
            Self::Notice => '*',
            Self::Warning | Self::Nothing => '#',
        }
    }

    /// Whether a message of this level is logged now.
    #[must_use]
    pub fn is_on(self) -> bool {
        self as u8 >= THRESHOLD.load(Ordering::Relaxed) && self != Self::Nothing
    }
}

/// The threshold in force.
#[must_use]
pub fn level() -> Level {
    match THRESHOLD.load(Ordering::Relaxed) {
        0 => Level::Debug,
        1 => Level::Verbose,
        2 => Level::Notice,
        3 => Level::Warning,
        _ => Level::Nothing,
    }
}

/// Changes the threshold, at any time. Call sites that are off then cost one load.
pub fn set_level(level: Level) {
    THRESHOLD.store(level as u8, Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
}

/// Logs at Redis's level debug.
#[macro_export]
macro_rules! log_debug {
    ($($part:tt)*) => { ::tracing::trace!($($part)*) };
}

/// Logs at Redis's level verbose.
#[macro_export]
macro_rules! log_verbose {
    ($($part:tt)*) => { ::tracing::debug!($($part)*) };
}

/// Logs at Redis's level notice.
#[macro_export]
macro_rules! log_notice {
    ($($part:tt)*) => { ::tracing::info!($($part)*) };
}

/// Logs at Redis's level warning.
#[macro_export]
macro_rules! log_warning {
    ($($part:tt)*) => { ::tracing::warn!($($part)*) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_map_to_the_four_levels() {
        let levels = [
            tracing::Level::TRACE,
            tracing::Level::DEBUG,
            tracing::Level::INFO,
            tracing::Level::WARN,
            tracing::Level::ERROR,
        ];
        let marks: String = levels.map(|event| Level::of(event).mark()).iter().collect();
        assert_eq!(marks, ".-*##");
    }

    #[test]
    fn levels_are_ordered_by_importance() {
        assert!(Level::Debug < Level::Verbose && Level::Verbose < Level::Notice);
        assert!(Level::Notice < Level::Warning && Level::Warning < Level::Nothing);
    }
}
