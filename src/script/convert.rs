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

/// Bytes of a string up to which memory is looked at only now and then.
const SMALL: usize = 4096;

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
                Some(len) => self.push_string(lua, len),
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

    fn push_string(&mut self, lua: Lua, len: usize) {
        self.full |= len > SMALL && lua.host().room() == 0;
        if self.full {
            return lua.push_bool(false);
        }
        lua.push(self.take(len));
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

/// A reply holds more than a state does.
#[derive(Debug)]
pub(super) struct TooLarge;

/// Answers the topmost value, and drops it. `told` is the protocol that the script speaks: with RESP2, true is 1 even for
/// a client of RESP3.
///
/// # Errors
/// Each value counted as often as it stands there, it takes more memory than the state may: tables that hold one another
/// would be written for ever.
pub(super) fn reply(lua: Lua, told: Resp, out: &mut Reply<'_>) -> Result<(), TooLarge> {
    let mut writer = Writer { lua, told, out, room: lua.host().limit(), open: Vec::new() };
    writer.value()?;
    while let Some(open) = writer.open.last_mut() {
        if open.push_next(lua) {
            writer.value()?;
        } else {
            writer.open.pop();
            lua.pop(1);
        }
    }
    Ok(())
}

/// Bytes that Lua takes for a value in a table, and for a table, at least.
const VALUE_BYTES: usize = 16;
const TABLE_BYTES: usize = 56;

/// A reply being written. Tables inside tables lie on Lua's stack, whose limit is that of their depth.
struct Writer<'a, 'o> {
    lua: Lua,
    told: Resp,
    out: &'a mut Reply<'o>,
    /// Bytes that what follows may take.
    room: usize,
    /// What was begun of the tables on the stack.
    open: Vec<Open>,
}

/// How far a table was written: it lies on top of the stack.
enum Open {
    Array {
        next: usize,
        len: usize,
    },
    /// On the table lies the key that came last; on that, if the key alone was written, its value.
    Map {
        keyed: bool,
    },
    /// On the table lies the key that came last.
    Set,
}

impl Open {
    /// Pushes the value that is written next; false if there is none, and only the table left.
    fn push_next(&mut self, lua: Lua) -> bool {
        match self {
            Self::Array { next, len } => {
                if next > len {
                    return false;
                }
                lua.raw_get_at(-1, *next);
                *next += 1;
                true
            }
            Self::Map { keyed: keyed @ true } => {
                *keyed = false;
                true
            }
            Self::Map { keyed } => {
                *keyed = lua.next(-2);
                if *keyed {
                    lua.push_copy(-2);
                }
                *keyed
            }
            Self::Set => {
                let more = lua.next(-2);
                if more {
                    lua.pop(1);
                    lua.push_copy(-1);
                }
                more
            }
        }
    }
}

impl Writer<'_, '_> {
    /// Writes the topmost value and drops it, or begins to, if it is a table.
    fn value(&mut self) -> Result<(), TooLarge> {
        let Self { lua, told, ref mut out, .. } = *self;
        if !lua.ensure(6) {
            out.error(&CmdError::Msg("reached lua stack limit"));
            lua.pop(1);
            return Ok(());
        }
        match lua.kind(-1) {
            Kind::String => {
                out.bulk(lua.bytes(-1).unwrap_or_default());
                self.take(lua.len(-1))?;
            }
            Kind::Number => out.int(whole(lua.number(-1).unwrap_or_default())),
            Kind::Boolean => match (told, lua.bool(-1)) {
                (Resp::V2, true) => out.int(1),
                (Resp::V2, false) => out.null(),
                (Resp::V3, yes) => out.bool(yes),
            },
            Kind::Table => {
                self.take(VALUE_BYTES + TABLE_BYTES)?;
                return self.table();
            }
            _ => out.null(),
        }
        lua.pop(1);
        self.take(VALUE_BYTES)
    }

    /// A value takes so many bytes. One that is alone may take more than there is room for: it was in the state.
    fn take(&mut self, bytes: usize) -> Result<(), TooLarge> {
        if self.room == 0 {
            return Err(TooLarge);
        }
        self.room = self.room.saturating_sub(bytes);
        Ok(())
    }

    /// Puts the field of this name in place of the topmost value, a table, if it is of this kind.
    fn is_tagged(&self, name: &[u8], kind: Kind) -> bool {
        self.lua.field(-1, name);
        let is = self.lua.kind(-1) == kind;
        if is {
            self.lua.replace(-2);
        } else {
            self.lua.pop(1);
        }
        is
    }

    /// Writes or begins the topmost value, a table: by the field that says what it is, else as an array.
    fn table(&mut self) -> Result<(), TooLarge> {
        let lua = self.lua;
        if self.is_tagged(b"err", Kind::String) {
            self.out.error(&CmdError::Full(text(&lua).into_owned().into()));
        } else if self.is_tagged(b"ok", Kind::String) {
            self.out.simple(&line(text(&lua)));
        } else if self.is_tagged(b"double", Kind::Number) {
            self.out.double(lua.number(-1).unwrap_or_default());
        } else if self.is_tagged(b"map", Kind::Table) {
            self.out.map(pairs(lua));
            return self.open(Open::Map { keyed: false });
        } else if self.is_tagged(b"set", Kind::Table) {
            self.out.set(pairs(lua));
            return self.open(Open::Set);
        } else if self.is_tagged(b"big_number", Kind::String) {
            self.out.big_number(&line(text(&lua)));
        } else if !self.verbatim() {
            let len = array_len(lua);
            self.out.array(len);
            return self.open(Open::Array { next: 1, len });
        }
        let bytes = if lua.kind(-1) == Kind::String { lua.len(-1) } else { 0 };
        lua.pop(1);
        self.take(bytes)
    }

    fn open(&mut self, open: Open) -> Result<(), TooLarge> {
        if !matches!(open, Open::Array { .. }) {
            self.lua.push_nil();
        }
        self.open.push(open);
        Ok(())
    }

    /// Writes the topmost value, a table, as a verbatim string and puts the string in its place, if it is one.
    fn verbatim(&mut self) -> bool {
        let lua = self.lua;
        lua.field(-1, b"verbatim_string");
        if lua.kind(-1) != Kind::Table {
            lua.pop(1);
            return false;
        }
        lua.field(-1, b"format");
        lua.field(-2, b"string");
        let is = lua.kind(-1) == Kind::String && lua.kind(-2) == Kind::String;
        if is {
            reply_verbatim(lua, self.out);
            lua.replace(-4);
            lua.pop(2);
        } else {
            lua.pop(3);
        }
        is
    }
}

/// A number without its fraction, as the processor converts it.
fn whole(n: f64) -> i64 {
    if n.is_nan() || n >= 9_223_372_036_854_775_808.0 { i64::MIN } else { n as i64 }
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

/// The pairs of the topmost value, a table.
fn pairs(lua: Lua) -> usize {
    let mut count = 0;
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        count += 1;
    }
    count
}

/// The elements of the topmost value, a table, before the first nil.
fn array_len(lua: Lua) -> usize {
    let mut len = 0;
    loop {
        lua.raw_get_at(-1, len + 1);
        let ends = lua.kind(-1) == Kind::Nil;
        lua.pop(1);
        if ends {
            return len;
        }
        len += 1;
    }
}
