//! The library `cmsgpack`: Lua values as MessagePack.

use super::api;
use super::raw::{Done, Function, Kind, Lua, Outcome, Raised};

/// Tables inside tables that are packed; deeper ones become nil.
const NESTING_MAX: usize = 16;

static FUNCTIONS: &[(&str, Function)] = &[
    ("pack", pack),
    ("unpack", unpack),
    ("unpack_one", unpack_one),
    ("unpack_limit", unpack_limit),
];

/// Pushes the library.
pub(super) fn push_library(lua: Lua) {
    lua.push_table(0, 8);
    api::add_functions(lua, FUNCTIONS);
    for (name, text) in [
        ("_NAME", "cmsgpack"),
        ("_VERSION", "lua-cmsgpack 0.4.0"),
        ("_DESCRIPTION", "MessagePack C implementation for Lua"),
    ] {
        lua.push(text.as_bytes());
        lua.set_field(-2, name.as_bytes());
    }
}

fn pack(lua: Lua) -> Outcome {
    let count = lua.top();
    if count == 0 {
        return Err(Raised::Argument(0, c"MessagePack pack needs input."));
    }
    let mut out = Vec::new();
    for n in 1..=count {
        lua.push_copy(n as isize);
        encode(lua, &mut out, 0)?;
    }
    lua.push(&out);
    Ok(Done::Values(1))
}

/// Packs the topmost value, and drops it.
fn encode(lua: Lua, out: &mut Vec<u8>, depth: usize) -> Result<(), Raised> {
    if !lua.ensure(6) {
        return Err(lua.fail("stack overflow (in function mp_check)"));
    }
    lua.step()?;
    if out.len() > lua.host().room() {
        return Err(lua.fail("not enough memory"));
    }
    match lua.kind(-1) {
        Kind::String => {
            let bytes = lua.bytes(-1).unwrap_or_default();
            put_len(out, bytes.len(), (0xa0, 31), [Some(0xd9), Some(0xda), Some(0xdb)]);
            out.extend_from_slice(bytes);
        }
        Kind::Boolean => out.push(0xc2 + u8::from(lua.bool(-1))),
        Kind::Number => put_number(out, lua.number(-1).unwrap_or_default()),
        Kind::Table if depth < NESTING_MAX => encode_table(lua, out, depth)?,
        _ => out.push(0xc0),
    }
    lua.pop(1);
    Ok(())
}

/// A length with the first byte that its size asks for: a short one is part of that byte.
fn put_len(out: &mut Vec<u8>, len: usize, short: (u8, usize), kinds: [Option<u8>; 3]) {
    let (first, most) = short;
    match kinds {
        _ if len <= most => out.push(first | len as u8),
        [Some(kind), ..] if len <= 0xff => out.extend_from_slice(&[kind, len as u8]),
        [_, Some(kind), _] if len <= 0xffff => {
            out.push(kind);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        [.., last] => {
            out.push(last.unwrap_or_default());
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
}

fn put_number(out: &mut Vec<u8>, number: f64) {
    // Beyond this range not every double is an integer of 64 bits.
    let most = 2.0_f64.powi(63);
    let in_range = (-most..most).contains(&number);
    if in_range && number.trunc() == number {
        return put_integer(out, number as i64);
    }
    let short = number as f32;
    if f64::from(short) == number {
        out.push(0xca);
        out.extend_from_slice(&short.to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

fn put_integer(out: &mut Vec<u8>, n: i64) {
    let (kind, bytes): (u8, usize) = match n {
        -32..=0x7f => return out.push(n as u8),
        0x80..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -0x80.. => (0xd0, 1),
        -0x8000.. => (0xd1, 2),
        -0x8000_0000.. => (0xd2, 4),
        _ => (0xd3, 8),
    };
    out.push(kind);
    out.extend_from_slice(&n.to_be_bytes()[8 - bytes..]);
}

/// The length of the topmost value, a table, if its keys are 1 to that.
fn array_len(lua: Lua) -> Option<usize> {
    let (mut count, mut most) = (0_usize, 0.0_f64);
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        let key = if lua.kind(-1) == Kind::Number { lua.number(-1) } else { None };
        match key {
            Some(key) if key > 0.0 && key.trunc() == key => most = most.max(key),
            _ => {
                lua.pop(1);
                return None;
            }
        }
        count += 1;
    }
    (most == count as f64).then_some(count)
}

fn encode_table(lua: Lua, out: &mut Vec<u8>, depth: usize) -> Result<(), Raised> {
    if let Some(len) = array_len(lua) {
        put_len(out, len, (0x90, 15), [None, Some(0xdc), Some(0xdd)]);
        for index in 1..=len {
            lua.raw_get_at(-1, index);
            encode(lua, out, depth + 1)?;
        }
        return Ok(());
    }
    let mut count = 0;
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        count += 1;
    }
    put_len(out, count, (0x80, 15), [None, Some(0xde), Some(0xdf)]);
    lua.push_nil();
    while lua.next(-2) {
        lua.push_copy(-2);
        encode(lua, out, depth + 1)?;
        encode(lua, out, depth + 1)?;
    }
    Ok(())
}

/// Why input is no value.
enum Fault {
    Missing,
    Bad,
    /// Tables inside tables, more than the stack takes.
    Deep,
    Memory,
}

fn unpack(lua: Lua) -> Outcome {
    unpack_some(lua, None, 0.0)
}

fn unpack_one(lua: Lua) -> Outcome {
    let offset = optional(lua, 2)?;
    unpack_some(lua, Some(1.0), offset)
}

fn unpack_limit(lua: Lua) -> Outcome {
    let limit = lua.number_argument(2)?;
    let offset = optional(lua, 3)?;
    // No limit from the start is what `unpack` does.
    let all = limit == 0.0 && offset == 0.0;
    unpack_some(lua, (!all).then_some(limit), offset)
}

fn optional(lua: Lua, n: usize) -> Result<f64, Raised> {
    match lua.kind(n as isize) {
        Kind::None | Kind::Nil => Ok(0.0),
        _ => lua.number_argument(n),
    }
}

/// Unpacks values from an offset on: all, or so many and where the next one is.
fn unpack_some(lua: Lua, limit: Option<f64>, offset: f64) -> Outcome {
    let data = lua.bytes_argument(1)?.to_vec();
    let (offset, most) = (offset as i64, limit.map(|limit| limit as i64));
    if offset < 0 || most.is_some_and(|most| most < 0) {
        let limit = most.unwrap_or(0);
        let words =
            format!("Invalid request to unpack with offset of {offset} and limit of {limit}.");
        return Err(lua.fail(&words));
    }
    let Some(rest) = data.get(offset as usize..) else {
        let len = data.len();
        let words = format!("Start offset {offset} greater than input length {len}.");
        return Err(lua.fail(&words));
    };
    lua.set_top(1);
    let mut reader = Reader { rest, values: 0 };
    let mut count = 0;
    while !reader.rest.is_empty() && most.is_none_or(|most| count < most as usize) {
        if let Err(fault) = reader.push_value(lua) {
            return Err(lua.fail(match fault {
                Fault::Missing => "Missing bytes in input.",
                Fault::Bad => "Bad data format in input.",
                Fault::Deep => "stack overflow (in function mp_decode_to_lua_array)",
                Fault::Memory => "not enough memory",
            }));
        }
        count += 1;
    }
    if most.is_some() {
        let next = data.len() - reader.rest.len();
        lua.push_number(if reader.rest.is_empty() { -1.0 } else { next as f64 });
        lua.insert(2);
        count += 1;
    }
    Ok(Done::Values(count))
}

/// Input that is not unpacked yet.
struct Reader<'a> {
    rest: &'a [u8],
    /// Values so far.
    values: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Fault::Missing)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn unsigned(&mut self, bytes: usize) -> Result<u64, Fault> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn signed(&mut self, bytes: usize) -> Result<i64, Fault> {
        let unused = 64 - 8 * bytes as u32;
        Ok((self.unsigned(bytes)? << unused) as i64 >> unused)
    }

    fn push_value(&mut self, lua: Lua) -> Result<(), Fault> {
        if !lua.ensure(6) {
            return Err(Fault::Deep);
        }
        self.values += 1;
        // Looked at now and then: nothing is refused while this library works.
        if self.values.is_multiple_of(1024) && lua.host().room() == 0 {
            return Err(Fault::Memory);
        }
        let kind = self.take(1)?[0];
        match kind {
            0x00..=0x7f => lua.push_number(f64::from(kind)),
            0xe0..=0xff => lua.push_number(f64::from(kind as i8)),
            0x80..=0x8f => self.push_map(lua, usize::from(kind & 15))?,
            0x90..=0x9f => self.push_array(lua, usize::from(kind & 15))?,
            0xa0..=0xbf => lua.push(self.take(usize::from(kind & 31))?),
            0xc0 => lua.push_nil(),
            0xc2 | 0xc3 => lua.push_bool(kind == 0xc3),
            0xca => lua.push_number(f64::from(f32::from_bits(self.unsigned(4)? as u32))),
            0xcb => lua.push_number(f64::from_bits(self.unsigned(8)?)),
            0xcc..=0xce => lua.push_number(self.unsigned(1 << (kind - 0xcc))? as f64),
            // As signed, for so it is read elsewhere.
            0xcf => lua.push_number(self.signed(8)? as f64),
            0xd0..=0xd3 => lua.push_number(self.signed(1 << (kind - 0xd0))? as f64),
            0xd9..=0xdb => self.push_string(lua, 1 << (kind - 0xd9))?,
            0xdc | 0xdd => {
                let len = self.unsigned(2 << (kind - 0xdc))? as usize;
                self.push_array(lua, len)?;
            }
            0xde | 0xdf => {
                let len = self.unsigned(2 << (kind - 0xde))? as usize;
                self.push_map(lua, len)?;
            }
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => return Err(Fault::Bad),
        }
        Ok(())
    }

    fn push_string(&mut self, lua: Lua, bytes: usize) -> Result<(), Fault> {
        let len = self.unsigned(bytes)? as usize;
        lua.push(self.take(len)?);
        Ok(())
    }

    fn push_array(&mut self, lua: Lua, len: usize) -> Result<(), Fault> {
        // Every element takes a byte at least.
        lua.push_table(len.min(self.rest.len()), 0);
        for index in 1..=len {
            self.push_value(lua)?;
            lua.raw_set_at(-2, index);
        }
        Ok(())
    }

    fn push_map(&mut self, lua: Lua, len: usize) -> Result<(), Fault> {
        lua.push_table(0, len.min(self.rest.len() / 2));
        for _ in 0..len {
            self.push_value(lua)?;
            self.push_value(lua)?;
            let no_key = match lua.kind(-2) {
                Kind::Nil => true,
                Kind::Number => lua.number(-2).is_some_and(f64::is_nan),
                _ => false,
            };
            if no_key {
                return Err(Fault::Bad);
            }
            lua.raw_set(-3);
        }
        Ok(())
    }
}
