//! The library `cjson`: Lua values as JSON.

mod decode;
mod encode;

use super::raw::{Done, Function, Kind, Lua, Outcome, Raised};
use std::cell::Cell;

/// Bytes for which room is kept from call to call.
const KEPT: usize = 64 * 1024;

/// How values are written and read; scripts may change it, for all that use the same library: the one that is there for
/// everybody, or one of their own that `cjson.new` made.
#[derive(Debug)]
pub(super) struct Settings {
    /// Tables with holes: written as objects rather than refused,
    sparse_convert: Cell<bool>,
    /// where there are so many times as many places as elements,
    sparse_ratio: Cell<i32>,
    /// and more than so many places.
    sparse_safe: Cell<i32>,
    /// Tables inside tables.
    encode_max_depth: Cell<i32>,
    decode_max_depth: Cell<i32>,
    /// Digits of numbers.
    precision: Cell<i32>,
    keep_buffer: Cell<bool>,
    encode_invalid: Cell<Invalid>,
    decode_invalid: Cell<bool>,
}

/// What becomes of numbers that JSON has not: infinity and what is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sparse_convert: Cell::new(false),
            sparse_ratio: Cell::new(2),
            sparse_safe: Cell::new(10),
            encode_max_depth: Cell::new(1000),
            decode_max_depth: Cell::new(1000),
            precision: Cell::new(14),
            keep_buffer: Cell::new(true),
            encode_invalid: Cell::new(Invalid::Refused),
            decode_invalid: Cell::new(true),
        }
    }
}

static FUNCTIONS: &[(&str, Function)] = &[
    ("encode", encode::encode),
    ("decode", decode::decode),
    ("encode_sparse_array", encode_sparse_array),
    ("encode_max_depth", |lua| depth(lua, &lua.settings()?.encode_max_depth)),
    ("decode_max_depth", |lua| depth(lua, &lua.settings()?.decode_max_depth)),
    ("encode_number_precision", encode_number_precision),
    ("encode_keep_buffer", |lua| switch(lua, &lua.settings()?.keep_buffer)),
    ("encode_invalid_numbers", encode_invalid_numbers),
    ("decode_invalid_numbers", |lua| switch(lua, &lua.settings()?.decode_invalid)),
    ("new", new),
];

/// Pushes the library, with settings of its own.
pub(super) fn push_library(lua: Lua) {
    lua.push_settings(Settings::default());
    lua.push_table(0, 16);
    for (name, function) in FUNCTIONS {
        lua.push_function_of(*function, -2);
        lua.set_field(-2, name.as_bytes());
    }
    lua.remove(-2);
    lua.push_light(0);
    lua.set_field(-2, b"null");
    lua.push(b"cjson");
    lua.set_field(-2, b"_NAME");
    lua.push(b"2.1.0");
    lua.set_field(-2, b"_VERSION");
}

/// Once more the library, with the settings that it has at first.
fn new(lua: Lua) -> Outcome {
    push_library(lua);
    Ok(Done::Values(1))
}

/// There are at most so many arguments.
fn check_count(lua: Lua, most: usize) -> Result<(), Raised> {
    if lua.top() <= most {
        Ok(())
    } else {
        Err(Raised::Argument(most + 1, c"found too many arguments"))
    }
}

/// Takes argument `n` for a setting, if it is given, and pushes the setting.
fn integer(lua: Lua, n: usize, setting: &Cell<i32>, min: i32, max: i32) -> Result<(), Raised> {
    if !matches!(lua.kind(n as isize), Kind::None | Kind::Nil) {
        let number = lua.number_argument(n)?;
        let given = number as i64;
        if given < i64::from(min) || given > i64::from(max) {
            let words = format!("expected integer between {min} and {max}");
            return Err(lua.fail_argument(n, &words));
        }
        setting.set(given as i32);
    }
    lua.push_number(f64::from(setting.get()));
    Ok(())
}

/// The same for a switch.
fn boolean(lua: Lua, n: usize, setting: &Cell<bool>) -> Result<(), Raised> {
    match lua.kind(n as isize) {
        Kind::None | Kind::Nil => {}
        Kind::Boolean => setting.set(lua.bool(n as isize)),
        _ => match lua.bytes_argument(n)? {
            b"on" => setting.set(true),
            b"off" => setting.set(false),
            other => {
                let words = format!("invalid option '{}'", String::from_utf8_lossy(other));
                return Err(lua.fail_argument(n, &words));
            }
        },
    }
    lua.push_bool(setting.get());
    Ok(())
}

fn depth(lua: Lua, setting: &Cell<i32>) -> Outcome {
    check_count(lua, 1)?;
    integer(lua, 1, setting, 1, i32::MAX)?;
    Ok(Done::Values(1))
}

fn switch(lua: Lua, setting: &Cell<bool>) -> Outcome {
    check_count(lua, 1)?;
    boolean(lua, 1, setting)?;
    Ok(Done::Values(1))
}

fn encode_sparse_array(lua: Lua) -> Outcome {
    let settings = lua.settings()?;
    check_count(lua, 3)?;
    lua.set_top(3);
    boolean(lua, 1, &settings.sparse_convert)?;
    integer(lua, 2, &settings.sparse_ratio, 0, i32::MAX)?;
    integer(lua, 3, &settings.sparse_safe, 0, i32::MAX)?;
    Ok(Done::Values(3))
}

fn encode_number_precision(lua: Lua) -> Outcome {
    check_count(lua, 1)?;
    integer(lua, 1, &lua.settings()?.precision, 1, 14)?;
    Ok(Done::Values(1))
}

fn encode_invalid_numbers(lua: Lua) -> Outcome {
    let setting = &lua.settings()?.encode_invalid;
    check_count(lua, 1)?;
    match lua.kind(1) {
        Kind::None | Kind::Nil => {}
        Kind::Boolean if lua.bool(1) => setting.set(Invalid::Written),
        Kind::Boolean => setting.set(Invalid::Refused),
        _ => match lua.bytes_argument(1)? {
            b"off" => setting.set(Invalid::Refused),
            b"on" => setting.set(Invalid::Written),
            b"null" => setting.set(Invalid::Null),
            other => {
                let words = format!("invalid option '{}'", String::from_utf8_lossy(other));
                return Err(lua.fail_argument(1, &words));
            }
        },
    }
    match setting.get() {
        Invalid::Refused => lua.push_bool(false),
        Invalid::Written => lua.push_bool(true),
        Invalid::Null => lua.push(b"null"),
    }
    Ok(Done::Values(1))
}
