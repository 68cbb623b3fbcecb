//! The log: `tracing` events in front, Redis's lines behind.
//!
//! ```text
//! 12345:M 20 Nov 2026 17:01:02.123 * Ready to accept connections tcp
//! pid   |  local time              |  message, fields of the event after it as name=value
//!       |                          `- mark: . debug  - verbose  * notice  # warning
//!       `- role: C start-up and tools, M primary, S replica, X sentinel
//! ```
//!
//! Code of any room logs through `tracing`'s macros, which know five levels; Redis has four:
//!
//! | Redis | mark | event | macro here |
//! |---|---|---|---|
//! | debug | `.` | `trace!` | [`log_debug!`](crate::log_debug) |
//! | verbose | `-` | `debug!` | [`log_verbose!`](crate::log_verbose) |
//! | notice | `*` | `info!` | [`log_notice!`](crate::log_notice) |
//! | warning | `#` | `warn!`, `error!` | [`log_warning!`](crate::log_warning) |
//!
//! Libraries are heard from warnings up: their chatter has other readers.
//!
//! # Promises
//! 1. One event is one line: control characters in messages are written as escapes, so a
//!    client's name cannot forge a line. Only [`raw`] writes as given.
//! 2. A line is at most [`LINE_MAX`] bytes, whatever a client put into it.
//! 3. A line is one write(2) to a file opened for appending; lines of several processes do not mix.
//! 4. A log file that was moved or removed is opened anew before the next line: rotation needs no
//!    signal, and [`reopen`] serves those who send one.
//! 5. Logging never fails its caller: what cannot be written is dropped.

mod layer;
mod level;
mod line;
mod sink;

pub use layer::init;
pub use level::{Level, level, set_level};
pub(crate) use line::Moment;
pub use line::{Format, LINE_MAX, Timestamps};
pub use sink::{Output, Syslog};

use crate::stdx::os::syslog;
use std::{
    io,
    sync::atomic::{AtomicU8, Ordering},
};

/// Who speaks in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// A server starting up, or a tool.
    Child = b'C',
    /// A server that takes writes.
    Primary = b'M',
    /// A server that follows a primary.
    Replica = b'S',
    /// A sentinel.
    Sentinel = b'X',
}

static ROLE: AtomicU8 = AtomicU8::new(Role::Child as u8);

/// Changes the role of all lines from now on.
pub fn set_role(role: Role) {
    ROLE.store(role as u8, Ordering::Relaxed);
}

/// The role of the lines written now.
#[must_use]
pub fn role() -> Role {
    match ROLE.load(Ordering::Relaxed) {
        b'M' => Role::Primary,
        b'S' => Role::Replica,
        b'X' => Role::Sentinel,
        _ => Role::Child,
    }
}

/// What the configuration says about the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `loglevel`
    pub level: Level,
    /// `logfile`
    pub output: Output,
    /// `log-format`
    pub format: Format,
    /// `log-timestamp-format`; by itself what suits the format.
    pub timestamps: Option<Timestamps>,
    /// `syslog-enabled`, `syslog-ident`, `syslog-facility`
    pub syslog: Option<Syslog>,
}

/// Applies the settings, and installs the log when [`init`] was not called yet.
///
/// # Errors
/// What the system says when the log file cannot be opened; then nothing has changed. The server's
/// word for it is `Can't open the log file: ` and this error.
pub fn configure(settings: &Settings) -> io::Result<()> {
    sink::set_output(&settings.output)?;
    sink::set_syslog(settings.syslog.as_ref());
    set_format(settings.format, settings.timestamps);
    set_level(settings.level);
    init();
    Ok(())
}

/// Changes how lines are written, at run time.
pub fn set_format(format: Format, timestamps: Option<Timestamps>) {
    line::set_style(line::Style {
        format,
        timestamps: timestamps.unwrap_or(format.own_timestamps()),
    });
}

/// Opens the log file anew, as SIGHUP asks. Keeps the old one when that fails.
///
/// # Errors
/// What the system says when the file cannot be opened.
pub fn reopen() -> io::Result<()> {
    sink::reopen()
}

/// Writes `text` as it is, without prefix, if `level` is on: the logo, a report of many lines. Goes
/// to the file or stdout, not to syslog.
pub fn raw(level: Level, text: &str) {
    if level.is_on() {
        sink::write(text.as_bytes());
    }
}

/// The descriptor that a crash report goes to: the log file's, or stdout's.
#[must_use]
pub fn crash_fd() -> i32 {
    sink::fd()
}

/// A line that one part makes and another logs, because the log may not be set up yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How important it is.
    pub level: Level,
    /// The message.
    pub text: String,
}

impl Note {
    /// A note of level notice.
    #[must_use]
    pub fn notice(text: impl Into<String>) -> Self {
        Self { level: Level::Notice, text: text.into() }
    }

    /// A note of level warning.
    #[must_use]
    pub fn warning(text: impl Into<String>) -> Self {
        Self { level: Level::Warning, text: text.into() }
    }

    /// Logs it now.
    pub fn log(&self) {
        match self.level {
            Level::Debug => crate::log_debug!("{}", self.text),
            Level::Verbose => crate::log_verbose!("{}", self.text),
            Level::Notice => crate::log_notice!("{}", self.text),
            Level::Warning => crate::log_warning!("{}", self.text),
            Level::Nothing => {}
        }
    }
}

/// The syslog priority of a level.
fn priority(level: Level) -> syslog::Priority {
    match level {
        Level::Debug => syslog::Priority::Debug,
        Level::Verbose => syslog::Priority::Info,
        Level::Notice => syslog::Priority::Notice,
        Level::Warning | Level::Nothing => syslog::Priority::Warning,
    }
}
