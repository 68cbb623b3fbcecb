//! Lua's own functions in a form that cannot be misused: to write what is guarded, to load bytecode, to exhaust the
//! stack, or to hold memory that nobody counts.

use super::raw::{Done, Function, Kind, Lua, Outcome, Raised, STOCK};
use super::sandbox::{READ_ONLY, push_guarded};
use std::ffi::{CStr, CString};

/// Bytes of stack that matching takes for each byte of a pattern, at most.
const MATCH_FRAME: usize = 400;
/// Bytes of source at most: beyond that the compiler's own counters do not reach.
const SOURCE_MAX: usize = 256 << 20;
/// Bytes of stack that are left for whatever a coroutine calls.
const RESERVE: usize = 1 << 20;
/// Places below a table's first that may be inserted at.
const POSITION_MAX: i32 = 1 << 20;
/// The first byte of compiled code.
const BYTECODE: u8 = 0x1b;

/// Functions that are globals.
pub(super) static BASE: &[(&str, Function)] = &[
    ("next", next),
    ("pairs", pairs),
    ("rawget", rawget),
    ("rawset", rawset),
    ("setmetatable", setmetatable),
    ("pcall", pcall),
    ("xpcall", xpcall),
    ("load", load),
    ("loadstring", loadstring),
    ("unpack", unpack),
    ("collectgarbage", collectgarbage),
];

/// Functions of libraries.
pub(super) static LIBRARIES: &[(&str, &str, Function)] = &[
    ("table", "insert", insert),
    ("table", "foreach", next),
    ("string", "rep", rep),
    ("string", "find", find),
    ("string", "match", find),
    ("string", "gmatch", find),
    ("string", "gfind", find),
    ("string", "gsub", find),
    ("coroutine", "resume", resume),
    ("coroutine", "wrap", wrap),
];

/// Goes through the table behind a guard.
fn next(lua: Lua) -> Outcome {
    if lua.kind(1) == Kind::Table && push_guarded(lua, 1) {
        lua.replace(1);
    }
    Ok(Done::Stock)
}

/// `pairs(t)` is `next, t, nil`.
fn pairs(lua: Lua) -> Outcome {
    lua.table_argument(1)?;
    let engine = &lua.host().engine;
    if !lua.push_kept_in(&engine.next) {
        lua.push_globals_next();
        lua.push_copy(-1);
        engine.next.set(Some(lua.keep()));
    }
    lua.push_copy(1);
    lua.push_nil();
    Ok(Done::Values(3))
}

impl Lua {
    /// Pushes the `next` of this module.
    fn push_globals_next(self) {
        if !self.push_kept_in(&self.host().engine.globals) {
            return self.push_nil();
        }
        self.field(-1, b"next");
        self.remove(-2);
    }
}

fn rawget(lua: Lua) -> Outcome {
    next(lua)
}

/// What writes to its first argument.
fn rawset(lua: Lua) -> Outcome {
    if lua.kind(1) == Kind::Table && push_guarded(lua, 1) {
        lua.push(READ_ONLY.as_bytes());
        return Err(Raised::Value);
    }
    Ok(Done::Stock)
}

fn setmetatable(lua: Lua) -> Outcome {
    rawset(lua)
}

/// Everything from the position on moves up by one: one place after the other, also where there is nothing.
fn insert(lua: Lua) -> Outcome {
    // The C library takes the low bits.
    let far = lua.top() == 3 && lua.number(2).is_some_and(|at| (at as i64 as i32) < -POSITION_MAX);
    if far {
        return Err(Raised::Argument(2, c"position out of bounds"));
    }
    rawset(lua)
}

/// As Lua's, but that a command's error is caught as its words.
fn pcall(lua: Lua) -> Outcome {
    let args = lua.top();
    if args == 0 {
        return Err(Raised::Argument(1, c"value expected"));
    }
    lua.push_bool(true);
    lua.insert(1);
    if lua.call(args - 1, None) {
        return Ok(Done::Values(lua.top()));
    }
    lua.end_if_killed()?;
    if lua.kind(-1) == Kind::Table {
        lua.field(-1, b"err");
        if lua.kind(-1) == Kind::String {
            lua.replace(-2);
        } else {
            lua.pop(1);
        }
    }
    lua.push_bool(false);
    lua.insert(-2);
    Ok(Done::Values(2))
}

/// As Lua's.
fn xpcall(lua: Lua) -> Outcome {
    lua.end_if_killed()?;
    Ok(Done::Stock)
}

/// The name of a chunk as a C string: what is behind a NUL is none of it.
fn chunk_name(bytes: &[u8]) -> CString {
    let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    CString::new(name).unwrap_or_default()
}

/// Pushes the function that source is, or nil and the error.
fn compile(lua: Lua, source: &[u8], name: &CStr) -> Outcome {
    let refused = match source {
        [BYTECODE, ..] => Some("attempt to load chunk with wrong mode"),
        _ if source.len() > SOURCE_MAX => Some("chunk is too long"),
        _ => None,
    };
    if refused.is_none() && lua.load(source, name) {
        return Ok(Done::Values(1));
    }
    if let Some(words) = refused {
        lua.push(words.as_bytes());
    }
    lua.push_nil();
    lua.insert(-2);
    Ok(Done::Values(2))
}

fn loadstring(lua: Lua) -> Outcome {
    let source = lua.bytes_argument(1)?;
    let name = match lua.kind(2) {
        Kind::None | Kind::Nil => chunk_name(source),
        _ => chunk_name(lua.bytes_argument(2)?),
    };
    compile(lua, source, &name)
}

/// Takes the source in pieces from a function.
fn load(lua: Lua) -> Outcome {
    if lua.kind(1) != Kind::Function {
        return Err(Raised::Type(1, c"function"));
    }
    let name = match lua.kind(2) {
        Kind::None | Kind::Nil => c"=(load)".to_owned(),
        _ => chunk_name(lua.bytes_argument(2)?),
    };
    let mut source = Vec::new();
    loop {
        lua.push_copy(1);
        if !lua.call(0, 1) {
            lua.push_nil();
            lua.insert(-2);
            return Ok(Done::Values(2));
        }
        let piece = match lua.kind(-1) {
            Kind::Nil => break,
            _ => lua.bytes(-1),
        };
        let Some(piece) = piece else {
            lua.push_nil();
            lua.push(b"reader function must return a string");
            return Ok(Done::Values(2));
        };
        if piece.is_empty() {
            break;
        }
        source.extend_from_slice(piece);
        lua.pop(1);
        if source.len() > SOURCE_MAX.min(lua.host().room()) {
            lua.push_nil();
            lua.push(b"chunk is too long");
            return Ok(Done::Values(2));
        }
    }
    compile(lua, &source, &name)
}

fn unpack(lua: Lua) -> Outcome {
    lua.table_argument(1)?;
    let bound = |n: usize, otherwise: usize| match lua.kind(n as isize) {
        Kind::None | Kind::Nil => Ok(otherwise as i64),
        _ => lua.number_argument(n).map(|bound| bound as i64),
    };
    let first = bound(2, 1)?;
    let last = bound(3, lua.len(1))?;
    if first > last {
        return Ok(Done::Values(0));
    }
    let count = usize::try_from(i128::from(last) - i128::from(first) + 1).unwrap_or(usize::MAX);
    if !lua.ensure(count) {
        return Err(Raised::Words(c"too many results to unpack"));
    }
    for index in first..=last {
        lua.push_number(index as f64);
        lua.raw_get(1);
    }
    Ok(Done::Values(count))
}

/// Collecting is for the state as a whole: scripts may hasten it, and not stop it.
fn collectgarbage(lua: Lua) -> Outcome {
    let what = match lua.kind(1) {
        Kind::None | Kind::Nil => b"collect".to_vec(),
        _ => lua.bytes_argument(1)?.to_vec(),
    };
    match what.as_slice() {
        b"count" => return Ok(Done::Stock),
        b"collect" => {
            lua.collect();
            lua.push_number(0.0);
        }
        b"step" => lua.push_bool(lua.collect_step(0)),
        b"stop" | b"restart" | b"setpause" | b"setstepmul" => lua.push_number(0.0),
        // Its error.
        _ => return Ok(Done::Stock),
    }
    Ok(Done::Values(1))
}

/// Memory is asked for at once, so that what is too much is refused before it is filled.
fn rep(lua: Lua) -> Outcome {
    let bytes = lua.bytes_argument(1)?;
    let times = lua.number_argument(2)?;
    let times = if times >= 1.0 { times as usize } else { 0 };
    match bytes.len().checked_mul(times) {
        Some(len) if len <= lua.host().room() / 2 => {}
        _ => {
            lua.push(b"not enough memory");
            return Err(Raised::Value);
        }
    }
    let repeated = bytes.repeat(times);
    lua.push(&repeated);
    Ok(Done::Values(1))
}

/// Every part of a pattern takes stack while what is behind it is tried.
fn find(lua: Lua) -> Outcome {
    let plain = lua.bool(4);
    if lua.kind(2) == Kind::String && lua.len(2) * MATCH_FRAME > lua.stack_left() / 2 && !plain {
        return Err(Raised::Words(c"pattern too complex"));
    }
    Ok(Done::Stock)
}

/// A coroutine that resumes another, and that one another, takes stack for each.
fn resume(lua: Lua) -> Outcome {
    lua.end_if_killed()?;
    if lua.stack_left() < RESERVE {
        lua.push_bool(false);
        lua.push(b"C stack overflow");
        return Ok(Done::Values(2));
    }
    Ok(Done::Stock)
}

/// The function that it gives resumes a coroutine too.
fn wrap(lua: Lua) -> Outcome {
    lua.push_copy(STOCK);
    lua.insert(1);
    if !lua.call(lua.top() - 1, 1) {
        return Err(Raised::Value);
    }
    lua.wrap(resume_wrapped);
    Ok(Done::Values(1))
}

fn resume_wrapped(lua: Lua) -> Outcome {
    lua.end_if_killed()?;
    if lua.stack_left() < RESERVE {
        return Err(Raised::Words(c"C stack overflow"));
    }
    lua.push_copy(STOCK);
    lua.insert(1);
    if !lua.call(lua.top() - 1, None) {
        return Err(Raised::Value);
    }
    Ok(Done::Values(lua.top()))
}

/// Seconds of processor time.
pub(super) fn clock(lua: Lua) -> Outcome {
    let us = lua.with_caller(|caller| caller.clock_us());
    lua.push_number(us as f64 / 1e6);
    Ok(Done::Values(1))
}
