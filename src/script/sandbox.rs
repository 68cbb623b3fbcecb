//! What scripts find in their globals, and that none of them changes it for the others.
//!
//! Lua 5.1 has no tables that cannot be written. So scripts never get the tables themselves, but for each a guard: an
//! empty table whose metatable reads from the table behind it and refuses to write. The functions that go past
//! metatables (`rawset`, `next` and others) stand there in a form that knows guards: [`super::guarded`].

use super::raw::{Done, Function, GLOBALS, Lua, Outcome, REGISTRY, Raised};
use super::{api, bit, cjson, cmsgpack, guarded, pack, random};

/// What a write is answered.
pub(super) const READ_ONLY: &str = "Attempt to modify a readonly table";
/// The key in a guard's metatable under which the table is that it guards. Lua code gets hold of neither.
const GUARDED: usize = 1;
/// The registry's field of the guard that stands for the metatables of guards.
const BLANK: &[u8] = b"larder.blank";

/// Globals that are Lua's own.
const BASE: &[&str] = &[
    "_VERSION",
    "assert",
    "error",
    "gcinfo",
    "getmetatable",
    "ipairs",
    "rawequal",
    "select",
    "tonumber",
    "tostring",
    "type",
];

/// Which kind of code a state is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Scripts,
    Functions,
}

/// Makes a fresh state's globals those of scripts.
pub(super) fn prepare_scripts(lua: Lua) -> Outcome {
    prepare(lua, For::Scripts);
    Ok(Done::Values(0))
}

/// Makes a fresh state's globals those of functions.
pub(super) fn prepare_functions(lua: Lua) -> Outcome {
    prepare(lua, For::Functions);
    Ok(Done::Values(0))
}

fn prepare(lua: Lua, whom: For) {
    push_blank(lua);
    lua.set_field(REGISTRY, BLANK);
    lua.push_table(0, 48);
    for name in BASE {
        lua.field(GLOBALS, name.as_bytes());
        lua.set_field(-2, name.as_bytes());
    }
    for (name, function) in guarded::BASE {
        wrapped(lua, GLOBALS, name, *function);
        lua.set_field(-2, name.as_bytes());
    }
    add_stock_libraries(lua);
    add_own_libraries(lua);
    add_redis(lua, whom);
    lua.push_table(0, 1);
    lua.push_function(refuse_missing);
    lua.set_field(-2, b"__index");
    lua.set_metatable(-2);
    // `_G` is the guard, which is not there yet.
    lua.push_copy(-1);
    guard(lua);
    lua.push_copy(-1);
    lua.set_field(-3, b"_G");
    lua.push_copy(-1);
    lua.set_globals();
    protect_strings(lua);
    let engine = &lua.host().engine;
    engine.globals_guard.set(Some(lua.keep()));
    engine.globals.set(Some(lua.keep()));
}

/// Pushes one of Lua's functions, behind the one that stands in for it.
fn wrapped(lua: Lua, table: isize, name: &str, function: Function) {
    lua.field(table, name.as_bytes());
    lua.wrap(function);
}

/// Adds Lua's libraries to the topmost value, the table of globals.
fn add_stock_libraries(lua: Lua) {
    for name in ["coroutine", "string", "table", "math"] {
        lua.field(GLOBALS, name.as_bytes());
        for (_, function_name, function) in
            guarded::LIBRARIES.iter().filter(|(library, ..)| *library == name)
        {
            wrapped(lua, -1, function_name, *function);
            lua.set_field(-2, function_name.as_bytes());
        }
        if name == "math" {
            api::add_functions(lua, random::FUNCTIONS);
        }
        guard(lua);
        lua.set_field(-2, name.as_bytes());
    }
    lua.push_table(0, 1);
    lua.push_function(guarded::clock);
    lua.set_field(-2, b"clock");
    guard(lua);
    lua.set_field(-2, b"os");
}

fn add_own_libraries(lua: Lua) {
    for name in ["cjson", "cmsgpack", "struct", "bit"] {
        match name {
            "cjson" => cjson::push_library(lua),
            "cmsgpack" => cmsgpack::push_library(lua),
            "struct" => pack::push_library(lua),
            _ => bit::push_library(lua),
        }
        guard(lua);
        lua.set_field(-2, name.as_bytes());
    }
}

/// Adds `redis`, and the same as `server`.
fn add_redis(lua: Lua, whom: For) {
    lua.push_table(0, 32);
    api::add_facts(lua);
    api::add_targets(lua);
    api::add_functions(lua, api::FUNCTIONS);
    if whom == For::Scripts {
        api::add_functions(lua, api::SCRIPT_FUNCTIONS);
    }
    guard(lua);
    lua.push_copy(-1);
    lua.set_field(-3, b"redis");
    lua.set_field(-2, b"server");
}

/// Pushes the globals that a library finds while it is loaded: nearly none.
pub(super) fn push_loading_globals(lua: Lua) {
    lua.push_table(0, 2);
    lua.push_table(0, 16);
    api::add_facts(lua);
    api::add_functions(lua, &[("register_function", api::register_function)]);
    lua.push_table(0, 1);
    lua.push_function(refuse_missing);
    lua.set_field(-2, b"__index");
    lua.set_metatable(-2);
    guard(lua);
    lua.push_copy(-1);
    lua.set_field(-3, b"redis");
    lua.set_field(-2, b"server");
    lua.push_table(0, 1);
    lua.push_function(refuse_missing);
    lua.set_field(-2, b"__index");
    lua.set_metatable(-2);
}

/// Lets the globals' guard read from the topmost value, a table, which it drops.
pub(super) fn read_globals_from(lua: Lua) {
    lua.push_globals_guard();
    lua.metatable(-1);
    lua.push_copy(-3);
    lua.set_field(-2, b"__index");
    lua.pop(3);
}

/// Puts a guard in place of the topmost value, a table.
pub(super) fn guard(lua: Lua) {
    lua.push_table(0, 0);
    lua.push_table(0, 4);
    lua.push_copy(-3);
    lua.set_field(-2, b"__index");
    lua.push_function(refuse_write);
    lua.set_field(-2, b"__newindex");
    lua.field(REGISTRY, BLANK);
    lua.set_field(-2, b"__metatable");
    lua.push_light(GUARDED);
    lua.push_copy(-4);
    lua.raw_set(-3);
    lua.set_metatable(-2);
    lua.remove(-2);
}

/// Pushes what scripts get for the metatable of a guard: the guard of an empty table, which is its own metatable's too.
fn push_blank(lua: Lua) {
    lua.push_table(0, 0);
    lua.push_table(0, 4);
    lua.push_function(refuse_write);
    lua.set_field(-2, b"__newindex");
    lua.push_copy(-2);
    lua.set_field(-2, b"__metatable");
    lua.push_light(GUARDED);
    lua.push_table(0, 0);
    lua.raw_set(-3);
    lua.set_metatable(-2);
}

/// Whether the value at a place is a guard: the table behind it is pushed then.
pub(super) fn push_guarded(lua: Lua, at: isize) -> bool {
    if !lua.metatable(at) {
        return false;
    }
    lua.push_light(GUARDED);
    lua.raw_get(-2);
    let is = lua.kind(-1) == super::raw::Kind::Table;
    if is {
        lua.remove(-2);
    } else {
        lua.pop(2);
    }
    is
}

/// All strings share a metatable, which scripts may look at and not change.
fn protect_strings(lua: Lua) {
    lua.push(b"");
    lua.metatable(-1);
    lua.push_table(0, 1);
    lua.push_globals_guard_of(b"string");
    lua.set_field(-2, b"__index");
    guard(lua);
    lua.set_field(-2, b"__metatable");
    lua.pop(2);
}

/// A guard is written.
fn refuse_write(_: Lua) -> Outcome {
    Err(Raised::Words(c"Attempt to modify a readonly table"))
}

/// A global is read that there is not.
fn refuse_missing(lua: Lua) -> Outcome {
    let name = String::from_utf8_lossy(lua.bytes(2).unwrap_or(b"(null)")).into_owned();
    lua.push_where(1);
    let place = String::from_utf8_lossy(lua.bytes(-1).unwrap_or_default()).into_owned();
    let words = format!("{place}Script attempted to access nonexistent global variable '{name}'");
    lua.push(words.as_bytes());
    Err(Raised::Value)
}

impl Lua {
    /// Pushes the guard of the globals.
    fn push_globals_guard(self) {
        if !self.push_kept_in(&self.host().engine.globals_guard) {
            self.push_copy(GLOBALS);
        }
    }

    /// Pushes a global.
    fn push_globals_guard_of(self, name: &[u8]) {
        self.push_globals_guard();
        push_guarded(self, -1);
        self.field(-1, name);
        self.remove(-2);
        self.remove(-2);
    }
}
