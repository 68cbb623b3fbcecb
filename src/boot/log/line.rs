//! One line, as text: the three formats and their timestamps.
//!
//! ```text
//! redis   4021:M 20 Nov 2026 17:01:02.123 * Saved keys=3
//! logfmt  pid=4021 role=primary timestamp="2026-11-20T17:01:02.123+01:00" level=notice
//!         message="Saved" keys=3
//! json    {"pid":4021,"role":"primary","timestamp":"2026-11-20T17:01:02.123+01:00",
//!         "level":"notice","message":"Saved","keys":3}
//! ```
use super::{Level, Role};
use crate::stdx::{civil::Civil, os::time};
use std::{
    fmt::{self, Write},
    sync::atomic::{AtomicI64, AtomicU8, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};
use tracing::field::{Field, Visit};

/// Bytes a line has at most; the message is cut so that it fits.
pub const LINE_MAX: usize = 8192;

/// What a line is cut to before its last characters are written: room for `"}` and the newline.
const CONTENT_MAX: usize = LINE_MAX - 8;

/// How a line is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Format {
    /// Redis's line.
    #[default]
    Redis,
    /// `name=value` pairs.
    Logfmt,
    /// One JSON object.
    Json,
}

/// How a moment is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Timestamps {
    /// `20 Nov 2026 17:01:02.123`, local
    #[default]
    Redis,
    /// `2026-11-20T17:01:02.123+01:00`, local
    Iso8601,
    /// Milliseconds since the Unix epoch.
    Milliseconds,
}

impl Format {
    /// The timestamps a format has when none are asked for.
    #[must_use]
    pub fn own_timestamps(self) -> Timestamps {
        match self {
            Self::Redis => Timestamps::Redis,
            Self::Logfmt | Self::Json => Timestamps::Iso8601,
        }
    }
}

/// Format and timestamps together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) format: Format,
    pub(super) timestamps: Timestamps,
}

/// The style in force: format in the high half, timestamps in the low.
static STYLE: AtomicU8 = AtomicU8::new(0);

pub(super) fn set_style(style: Style) {
    STYLE.store((style.format as u8) << 4 | style.timestamps as u8, Ordering::Relaxed);
}

pub(super) fn style() -> Style {
    let both = STYLE.load(Ordering::Relaxed);
    Style {
        format: match both >> 4 {
            1 => Format::Logfmt,
            2 => Format::Json,
            _ => Format::Redis,
        },
        timestamps: match both & 15 {
            1 => Timestamps::Iso8601,
            2 => Timestamps::Milliseconds,
            _ => Timestamps::Redis,
        },
    }
}

/// A moment and the zone it is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    unix_ms: i64,
    /// Seconds east of UTC.
    offset: i32,
}

/// The offset last asked for and its second: `second << 20 | offset + 2^19`. libc's zone lock is
/// taken once a second.
static OFFSET: AtomicI64 = AtomicI64::new(i64::MIN);
const OFFSET_BIAS: i64 = 1 << 19;

impl Moment {
    /// Now, in local time.
    pub(super) fn now() -> Self {
        let unix_ms = wall_ms();
        let second = unix_ms.div_euclid(1000);
        let known = OFFSET.load(Ordering::Relaxed);
        if known >> 20 == second {
            return Self::with_known_offset(unix_ms, known);
        }
        let offset = time::utc_offset(second);
        OFFSET.store(second << 20 | (i64::from(offset) + OFFSET_BIAS), Ordering::Relaxed);
        Self { unix_ms, offset }
    }

    /// Now, in the zone of the line logged last: no lock, for the crash report.
    pub(crate) fn now_without_lock() -> Self {
        let known = OFFSET.load(Ordering::Relaxed);
        if known == i64::MIN {
            return Self { unix_ms: wall_ms(), offset: 0 };
        }
        Self::with_known_offset(wall_ms(), known)
    }

    fn with_known_offset(unix_ms: i64, known: i64) -> Self {
        let offset = (known & ((1 << 20) - 1)) - OFFSET_BIAS;
        Self { unix_ms, offset: offset as i32 }
    }

    /// Writes the moment as Redis does.
    pub(crate) fn write_redis(self, out: &mut impl Write) -> fmt::Result {
        let (at, ms) = self.local();
        let (day, month, year) = (at.day, at.month_name(), at.year);
        let (hour, minute, second) = (at.hour, at.minute, at.second);
        write!(out, "{day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02}.{ms:03}")
    }

    fn write_iso8601(self, out: &mut impl Write) -> fmt::Result {
        let (at, ms) = self.local();
        let (year, month, day) = (at.year, at.month, at.day);
        let (hour, minute, second) = (at.hour, at.minute, at.second);
        let sign = if self.offset < 0 { '-' } else { '+' };
        let zone = self.offset.unsigned_abs() / 60;
        let (zone_hours, zone_minutes) = (zone / 60, zone % 60);
        write!(out, "{year:04}-{month:02}-{day:02}")?;
        write!(out, "T{hour:02}:{minute:02}:{second:02}.{ms:03}")?;
        write!(out, "{sign}{zone_hours:02}:{zone_minutes:02}")
    }

    fn local(self) -> (Civil, i64) {
        let seconds = self.unix_ms.div_euclid(1000) + i64::from(self.offset);
        (Civil::from_unix(seconds), self.unix_ms.rem_euclid(1000))
    }
}

fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |span| span.as_millis() as i64)
}

/// The parts of a line that do not come from the event.
pub(super) struct Head {
    pub(super) pid: u32,
    pub(super) role: Role,
    pub(super) level: Level,
    pub(super) at: Moment,
}

impl Role {
    /// Its name in structured lines.
    fn name(self) -> &'static str {
        match self {
            Self::Child => "child",
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Sentinel => "sentinel",
        }
    }
}

/// Writes the event as one line with its newline, in place of what `out` held.
pub(super) fn write_line(out: &mut String, style: Style, head: &Head, event: &tracing::Event<'_>) {
    out.clear();
    write_head(out, style, head);
    write_fields(out, style.format, event);
    if style.format == Format::Json {
        out.push('}');
    }
    out.push('\n');
}

/// Writes the event's message and fields alone, in place of what `out` held: for syslog, which adds
/// time and process id itself.
pub(super) fn write_message(out: &mut String, event: &tracing::Event<'_>) {
    out.clear();
    write_fields(out, Format::Redis, event);
}

/// The message comes first, whatever its place among the fields.
fn write_fields(out: &mut String, format: Format, event: &tracing::Event<'_>) {
    for fields in [false, true] {
        event.record(&mut Body { out, format, fields });
    }
}

fn write_head(out: &mut String, style: Style, head: &Head) {
    let (pid, level) = (head.pid, head.level.name());
    let role = head.role.name();
    // Writing to a String does not fail.
    let _ = match style.format {
        Format::Redis => {
            let _ = write!(out, "{pid}:{} ", char::from(head.role as u8));
            write_moment(out, style, head.at);
            write!(out, " {} ", head.level.mark())
        }
        Format::Logfmt => {
            let _ = write!(out, "pid={pid} role={role} timestamp=");
            write_moment(out, style, head.at);
            write!(out, " level={level}")
        }
        Format::Json => {
            let _ = write!(out, r#"{{"pid":{pid},"role":"{role}","timestamp":"#);
            write_moment(out, style, head.at);
            write!(out, r#","level":"{level}""#)
        }
    };
}

fn write_moment(out: &mut String, style: Style, at: Moment) {
    let quoted = style.format != Format::Redis && style.timestamps != Timestamps::Milliseconds;
    let quote = if quoted { "\"" } else { "" };
    out.push_str(quote);
    // Writing to a String does not fail.
    let _ = match style.timestamps {
        Timestamps::Redis => at.write_redis(out),
        Timestamps::Iso8601 => at.write_iso8601(out),
        Timestamps::Milliseconds => write!(out, "{}", at.unix_ms),
    };
    out.push_str(quote);
}

/// Receives the event's fields: the message on the first walk, all others on the second.
struct Body<'a> {
    out: &'a mut String,
    format: Format,
    fields: bool,
}

impl Body<'_> {
    /// Writes the name of a field, if this is the walk it belongs to.
    fn starts(&mut self, field: &Field) -> bool {
        let is_message = field.name() == "message";
        if is_message == self.fields {
            return false;
        }
        let name = field.name();
        // Writing to a String does not fail.
        let _ = match self.format {
            Format::Redis if is_message => Ok(()),
            Format::Redis | Format::Logfmt => write!(self.out, " {name}="),
            Format::Json => write!(self.out, r#","{name}":"#),
        };
        // In Redis's line the separating space is the head's.
        true
    }

    /// A value that needs neither quotes nor escapes.
    fn plain(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if self.starts(field) {
            // Writing to a String does not fail.
            let _ = self.out.write_fmt(value);
        }
    }

    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if !self.starts(field) {
            return;
        }
        let quoted = self.format != Format::Redis;
        if quoted {
            self.out.push('"');
        }
        let mut harmless = Harmless { format: self.format, out: self.out };
        // It fails when the line is full: the rest is dropped.
        let _ = harmless.write_fmt(value);
        if quoted {
            self.out.push('"');
        }
    }
}

impl Visit for Body<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, format_args!("{value}"));
    }
}

/// Escapes what could break out of the line or of the quotes, and stops when the line is full.
struct Harmless<'a> {
    format: Format,
    out: &'a mut String,
}

impl Write for Harmless<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            // An escape takes up to 12 bytes.
            if self.out.len() + 12 > CONTENT_MAX {
                return Err(fmt::Error);
            }
            self.put(c)?;
        }
        Ok(())
    }
}

impl Harmless<'_> {
    fn put(&mut self, c: char) -> fmt::Result {
        let quoted = self.format != Format::Redis;
        match c {
            '"' | '\\' if quoted => {
                self.out.push('\\');
                self.out.push(c);
            }
            '\n' => self.out.push_str("\\n"),
            '\r' => self.out.push_str("\\r"),
            '\t' => self.out.push_str("\\t"),
            // The two separators end a line for some readers although they are no control
            // characters.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                return if self.format == Format::Json || c > '\u{ff}' {
                    write!(self.out, "\\u{:04x}", u32::from(c))
                } else {
                    write!(self.out, "\\x{:02x}", u32::from(c))
                };
            }
            c => self.out.push(c),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::{Layer, Registry, layer::Context, prelude::*};

    /// Five hours and a half east, at 2026-11-20 17:04:11.204 UTC.
    const AT: Moment = Moment { unix_ms: 1_795_194_251_204, offset: 19_800 };

    struct Record(Style, Arc<Mutex<String>>);

    impl<S: tracing::Subscriber> Layer<S> for Record {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let head = Head {
                pid: 17,
                role: Role::Primary,
                level: Level::of(*event.metadata().level()),
                at: AT,
            };
            write_line(&mut self.1.lock().unwrap(), self.0, &head, event);
        }
    }

    fn check(format: Format, emit: impl FnOnce(), expected: &str) {
        check_with(format, format.own_timestamps(), emit, expected);
    }

    fn check_with(format: Format, timestamps: Timestamps, emit: impl FnOnce(), expected: &str) {
        let style = Style { format, timestamps };
        let text = Arc::new(Mutex::new(String::new()));
        let subscriber = Registry::default().with(Record(style, text.clone()));
        tracing::subscriber::with_default(subscriber, emit);
        assert_eq!(text.lock().unwrap().as_str(), expected);
    }

    #[test]
    fn a_line_as_redis_writes_it() {
        check(
            Format::Redis,
            || crate::log_notice!("Ready to accept connections {}", "tcp"),
            "17:M 20 Nov 2026 22:34:11.204 * Ready to accept connections tcp\n",
        );
        check(
            Format::Redis,
            || crate::log_warning!(keys = 3, path = "a b", "saved"),
            "17:M 20 Nov 2026 22:34:11.204 # saved keys=3 path=a b\n",
        );
    }

    #[test]
    fn a_line_as_logfmt() {
        check(
            Format::Logfmt,
            || crate::log_notice!(keys = 3, path = "a \"b\"", "it's \\ saved"),
            "pid=17 role=primary timestamp=\"2026-11-20T22:34:11.204+05:30\" level=notice \
             message=\"it's \\\\ saved\" keys=3 path=\"a \\\"b\\\"\"\n",
        );
    }

    #[test]
    fn a_line_as_json() {
        check(
            Format::Json,
            || crate::log_verbose!(ok = true, name = "x\u{7f}\n", "a \"quoted\" word"),
            "{\"pid\":17,\"role\":\"primary\",\"timestamp\":\"2026-11-20T22:34:11.204+05:30\",\
             \"level\":\"verbose\",\"message\":\"a \\\"quoted\\\" word\",\"ok\":true,\
             \"name\":\"x\\u007f\\n\"}\n",
        );
        check_with(
            Format::Json,
            Timestamps::Milliseconds,
            || crate::log_debug!("m"),
            "{\"pid\":17,\"role\":\"primary\",\"timestamp\":1795194251204,\"level\":\"debug\",\
             \"message\":\"m\"}\n",
        );
    }

    #[test]
    fn a_message_cannot_forge_a_line() {
        check(
            Format::Redis,
            || crate::log_notice!("{}", "a\r\n1:M \x1b[31m\u{85}\u{2028}b\\"),
            "17:M 20 Nov 2026 22:34:11.204 * a\\r\\n1:M \\x1b[31m\\x85\\u2028b\\\n",
        );
    }

    #[test]
    fn a_long_message_is_cut_and_the_line_stays_whole() {
        for format in [Format::Redis, Format::Logfmt, Format::Json] {
            let style = Style { format, timestamps: Timestamps::Redis };
            let text = Arc::new(Mutex::new(String::new()));
            let subscriber = Registry::default().with(Record(style, text.clone()));
            tracing::subscriber::with_default(subscriber, || {
                crate::log_notice!("{}", "é\n".repeat(LINE_MAX));
            });
            let line = text.lock().unwrap();
            assert!(line.len() <= LINE_MAX && line.len() > LINE_MAX - 50);
            assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
            assert_eq!(format == Format::Json, line.ends_with("\"}\n"));
        }
    }

    #[test]
    fn west_of_greenwich_the_sign_turns() {
        let mut text = String::new();
        let at = Moment { unix_ms: 0, offset: -12_600 };
        at.write_iso8601(&mut text).unwrap();
        assert_eq!(text, "1969-12-31T20:30:00.000-03:30");
    }

    #[test]
    fn an_offset_survives_its_packing() {
        for offset in [-43_200, -1, 0, 1, 50_400] {
            let known = 1_795_194_251 << 20 | (offset + OFFSET_BIAS);
            assert_eq!(i64::from(Moment::with_known_offset(0, known).offset), offset);
            assert_eq!(known >> 20, 1_795_194_251);
        }
    }
}
