//! Replies as Lua values, and Lua values as replies.
//!
//! | reply | Lua |
//! |---|---|
//! | integer | number |
//! | bulk string | string |
//! | status, error | table with the field `ok`, `err` |
//! | array | table; a missing value is false |
//! | map, set, double, big number, verbatim string | table with a field of that name |
//! | boolean | boolean |
//! | null | false for RESP2, nil for RESP3 |
//!
//! The other way a number loses its fraction, false and nil are null, and an array ends before its first nil.

use super::raw::{Kind, Lua};
use crate::resp::{CmdError, Reply, Resp};
use crate::stdx::num::parse_i64;
use std::borrow::Cow;

/// The field of an error that statistics know of already.
pub(super) const COUNTED: &[u8] = b"ignore_error_stats_update";

/// Pushes a reply; false if it is an error.
pub(super) fn push_reply(lua: Lua, reply: &[u8]) -> bool {
    let mut reader = Reader { rest: reply, values: 0, full: false };
    reader.push_value(lua);
    if reader.full {
        lua.pop(1);
        push_tagged(lua, b"err", b"ERR not enough memory");
    }
    reply.first() != Some(&b'-') && !reader.full
}

/// The part of a reply that is still to be pushed.
struct Reader<'a> {
    rest: &'a [u8],
    /// Values so far.
    values: usize,
    /// There is no memory for the rest.
    full: bool,
}

impl<'a> Reader<'a> {
    /// The next line.
    fn line(&mut self) -> &'a [u8] {
        let end = memchr::memchr(b'\r', self.rest).unwrap_or(self.rest.len());
        let line = &self.rest[..end];
        self.rest = self.rest.get(end + 2..).unwrap_or_default();
        line
    }

    /// So many bytes, and the line end behind them.
    fn take(&mut self, len: usize) -> &'a [u8] {
        let bytes = &self.rest[..len.min(self.rest.len())];
        self.rest = self.rest.get(len + 2..).unwrap_or_default();
        bytes
    }

    fn push_value(&mut self, lua: Lua) {
        self.values += 1;
        // Looked at now and then: nothing is refused while a reply is taken.
        self.full |= self.values.is_multiple_of(1024) && lua.host().room() == 0;
        if self.full {
            // It may have to be a key.
            return lua.push_bool(false);
        }
        if !lua.ensure(8) {
            return lua.push_nil();
        }
        let line = self.line();
        let Some((kind, text)) = line.split_first() else { return lua.push_nil() };
        match kind {
            b'$' => match length(text) {
                Some(len) => lua.push(self.take(len)),
                None => lua.push_bool(false),
            },
            b':' => lua.push_number(parse_i64(text).unwrap_or_default() as f64),
            b'*' | b'>' => match length(text) {
                Some(len) => self.push_array(lua, len),
                None => lua.push_bool(false),
            },
            b'+' => push_tagged(lua, b"ok", text),
            b'-' => {
                push_tagged(lua, b"err", text);
                // It was counted when the command failed.
                lua.push_bool(true);
                lua.set_field(-2, COUNTED);
            }
            b'_' => lua.push_nil(),
            b'#' => lua.push_bool(text == b"t"),
            b',' => {
                lua.push_table(0, 1);
                lua.push_number(double(text));
                lua.set_field(-2, b"double");
            }
            b'(' => push_tagged(lua, b"big_number", text),
            b'=' => self.push_verbatim(lua, text),
            b'%' => self.push_map(lua, text),
            b'~' => self.push_set(lua, text),
            b'|' => self.skip_attribute(lua, text),
            _ => lua.push_nil(),
        }
    }

    fn push_array(&mut self, lua: Lua, len: usize) {
        lua.push_table(len, 0);
        for index in 1..=len {
            self.push_value(lua);
            lua.raw_set_at(-2, index);
        }
    }

    fn push_map(&mut self, lua: Lua, text: &[u8]) {
        lua.push_table(0, 1);
        let len = length(text).unwrap_or_default();
        lua.push_table(0, len);
        for _ in 0..len {
            self.push_value(lua);
            self.push_value(lua);
            lua.raw_set(-3);
        }
        lua.set_field(-2, b"map");
    }

    fn push_set(&mut self, lua: Lua, text: &[u8]) {
        lua.push_table(0, 1);
        let len = length(text).unwrap_or_default();
        lua.push_table(0, len);
        for _ in 0..len {
            self.push_value(lua);
            lua.push_bool(true);
            lua.raw_set(-3);
        }
        lua.set_field(-2, b"set");
    }

    fn push_verbatim(&mut self, lua: Lua, text: &[u8]) {
        let bytes = self.take(length(text).unwrap_or_default());
        let (format, string) = bytes.split_at(bytes.len().min(4));
        lua.push_table(0, 1);
        lua.push_table(0, 2);
        lua.push(string);
        lua.set_field(-2, b"string");
        lua.push(&format[..format.len().min(3)]);
        lua.set_field(-2, b"format");
        lua.set_field(-2, b"verbatim_string");
    }

    /// Scripts do not see attributes, but the reply behind them.
    fn skip_attribute(&mut self, lua: Lua, text: &[u8]) {
        for _ in 0..2 * length(text).unwrap_or_default() {
            self.push_value(lua);
            lua.pop(1);
        }
        self.push_value(lua);
    }
}

/// Pushes a table with one field.
fn push_tagged(lua: Lua, name: &[u8], text: &[u8]) {
    lua.push_table(0, 1);
    lua.push(text);
    lua.set_field(-2, name);
}

/// A length, or nothing for that of a null.
fn length(text: &[u8]) -> Option<usize> {
    parse_i64(text).and_then(|len| usize::try_from(len).ok())
}

fn double(text: &[u8]) -> f64 {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

/// Answers the topmost value, and drops it. `told` is the protocol that the script speaks: with RESP2, true is 1 even for
/// a client of RESP3.
pub(super) fn reply(lua: Lua, told: Resp, out: &mut Reply<'_>) {
    if !lua.ensure(6) {
        out.error(&CmdError::Msg("reached lua stack limit"));
        lua.pop(1);
        return;
    }
    match lua.kind(-1) {
        Kind::String => out.bulk(lua.bytes(-1).unwrap_or_default()),
        Kind::Number => out.int(whole(lua.number(-1).unwrap_or_default())),
        Kind::Boolean => match (told, lua.bool(-1)) {
            (Resp::V2, true) => out.int(1),
            (Resp::V2, false) => out.null(),
            (Resp::V3, yes) => out.bool(yes),
        },
        Kind::Table => reply_table(lua, told, out),
        _ => out.null(),
    }
    lua.pop(1);
}

/// A number without its fraction, as the processor converts it.
fn whole(n: f64) -> i64 {
    if n.is_nan() || n >= 9_223_372_036_854_775_808.0 { i64::MIN } else { n as i64 }
}

/// Answers the topmost value, a table: by the field that says what it is, else as an array.
fn reply_table(lua: Lua, told: Resp, out: &mut Reply<'_>) {
    let field = |name: &[u8], kind: Kind| {
        lua.field(-1, name);
        let is = lua.kind(-1) == kind;
        if !is {
            lua.pop(1);
        }
        is
    };
    if field(b"err", Kind::String) {
        out.error(&CmdError::Full(text(&lua).into_owned().into()));
    } else if field(b"ok", Kind::String) {
        out.simple(&line(text(&lua)));
    } else if field(b"double", Kind::Number) {
        out.double(lua.number(-1).unwrap_or_default());
    } else if field(b"map", Kind::Table) {
        reply_map(lua, told, out);
    } else if field(b"set", Kind::Table) {
        reply_set(lua, told, out);
    } else if field(b"big_number", Kind::String) {
        out.big_number(&line(text(&lua)));
    } else if field(b"verbatim_string", Kind::Table) {
        lua.field(-1, b"format");
        lua.field(-2, b"string");
        if lua.kind(-1) == Kind::String && lua.kind(-2) == Kind::String {
            reply_verbatim(lua, out);
            return lua.pop(3);
        }
        lua.pop(3);
        return reply_array(lua, told, out);
    } else {
        return reply_array(lua, told, out);
    }
    lua.pop(1);
}

/// The topmost value, a string.
fn text(lua: &Lua) -> Cow<'_, str> {
    String::from_utf8_lossy(lua.bytes(-1).unwrap_or_default())
}

/// Without line ends, which would end it.
fn line(text: Cow<'_, str>) -> Cow<'_, str> {
    const ENDS: [char; 2] = ['\r', '\n'];
    if text.contains(ENDS) { text.replace(ENDS, " ").into() } else { text }
}

/// Answers the topmost value, a string, whose format lies below it.
fn reply_verbatim(lua: Lua, out: &mut Reply<'_>) {
    let format = lua.bytes(-2).unwrap_or_default();
    let letters = format.iter().chain([&b' '; 3]).take(3);
    let format: String = letters.map(|byte| char::from(*byte)).filter(char::is_ascii).collect();
    let format = if format.len() == 3 { &format } else { "txt" };
    out.verbatim(format, lua.bytes(-1).unwrap_or_default());
}

fn pairs(lua: Lua) -> usize {
    let mut count = 0;
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        count += 1;
    }
    count
}

fn reply_map(lua: Lua, told: Resp, out: &mut Reply<'_>) {
    out.map(pairs(lua));
    lua.push_nil();
    while lua.next(-2) {
        lua.push_copy(-2);
        reply(lua, told, out);
        reply(lua, told, out);
    }
}

fn reply_set(lua: Lua, told: Resp, out: &mut Reply<'_>) {
    out.set(pairs(lua));
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        lua.push_copy(-1);
        reply(lua, told, out);
    }
}

fn reply_array(lua: Lua, told: Resp, out: &mut Reply<'_>) {
    let mut len = 0;
    loop {
        lua.raw_get_at(-1, len + 1);
        let ends = lua.kind(-1) == Kind::Nil;
        lua.pop(1);
        if ends {
            break;
        }
        len += 1;
    }
    out.array(len);
    for index in 1..=len {
        lua.raw_get_at(-1, index);
        reply(lua, told, out);
    }
}
