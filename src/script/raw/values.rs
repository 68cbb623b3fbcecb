//! Values on the stack. Places count from 1 at the bottom of the running function's part, from -1 at the top.

use super::{Function, Lua, Raised, shim};
use crate::script::cjson::Settings;
use mlua_sys as ffi;
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::script) enum Kind {
    /// There is none at this place.
    None,
    Nil,
    Boolean,
    /// A pointer, as `cjson.null`.
    Light,
    Number,
    String,
    Table,
    Function,
    Userdata,
    Thread,
}

/// The table of what Lua code does not see.
pub(in crate::script) const REGISTRY: isize = ffi::LUA_REGISTRYINDEX as isize;
/// The table of the running thread's globals.
pub(in crate::script) const GLOBALS: isize = ffi::LUA_GLOBALSINDEX as isize;

/// The function that the running one stands in for, or the settings that it has.
pub(in crate::script) const STOCK: isize = GLOBALS - 2;

/// A value kept in the registry.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::script) struct Kept(c_int);

impl Lua {
    /// How many values there are.
    pub(in crate::script) fn top(self) -> usize {
        // SAFETY: it asks only.
        unsafe { ffi::lua_gettop(self.0.as_ptr()) as usize }
    }

    /// Drops values above this number of them, or adds nils.
    pub(in crate::script) fn set_top(self, top: usize) {
        // SAFETY: who adds has asked for the room.
        unsafe { ffi::lua_settop(self.0.as_ptr(), top as c_int) };
    }

    /// Drops the topmost values.
    pub(in crate::script) fn pop(self, n: usize) {
        debug_assert!(self.top() >= n, "there are values to drop");
        // SAFETY: they are there.
        unsafe { ffi::lua_settop(self.0.as_ptr(), -(n as c_int) - 1) };
    }

    /// Makes room for so many values more; whether there is.
    #[must_use]
    pub(in crate::script) fn ensure(self, n: usize) -> bool {
        let Ok(n) = c_int::try_from(n) else { return false };
        // SAFETY: it grows the stack, or says that it would be too large.
        unsafe { ffi::lua_checkstack(self.0.as_ptr(), n) != 0 }
    }

    /// What the value at a place is.
    pub(in crate::script) fn kind(self, at: isize) -> Kind {
        // SAFETY: it asks only; there need not be a value.
        match unsafe { ffi::lua_type(self.0.as_ptr(), at as c_int) } {
            ffi::LUA_TNIL => Kind::Nil,
            ffi::LUA_TBOOLEAN => Kind::Boolean,
            ffi::LUA_TLIGHTUSERDATA => Kind::Light,
            ffi::LUA_TNUMBER => Kind::Number,
            ffi::LUA_TSTRING => Kind::String,
            ffi::LUA_TTABLE => Kind::Table,
            ffi::LUA_TFUNCTION => Kind::Function,
            ffi::LUA_TUSERDATA => Kind::Userdata,
            ffi::LUA_TTHREAD => Kind::Thread,
            _ => Kind::None,
        }
    }

    /// The name of what the value at a place is, as errors tell it.
    pub(in crate::script) fn kind_name(self, at: isize) -> &'static str {
        match self.kind(at) {
            Kind::None => "no value",
            Kind::Nil => "nil",
            Kind::Boolean => "boolean",
            Kind::Light | Kind::Userdata => "userdata",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Table => "table",
            Kind::Function => "function",
            Kind::Thread => "thread",
        }
    }

    /// Pushes nil.
    pub(in crate::script) fn push_nil(self) {
        // SAFETY: there is room.
        unsafe { ffi::lua_pushnil(self.0.as_ptr()) };
    }

    /// Pushes a boolean.
    pub(in crate::script) fn push_bool(self, yes: bool) {
        // SAFETY: there is room.
        unsafe { ffi::lua_pushboolean(self.0.as_ptr(), c_int::from(yes)) };
    }

    /// Pushes a number.
    pub(in crate::script) fn push_number(self, n: f64) {
        // SAFETY: there is room.
        unsafe { ffi::lua_pushnumber(self.0.as_ptr(), n) };
    }

    /// Pushes a string.
    pub(in crate::script) fn push(self, bytes: &[u8]) {
        // SAFETY: there is room; Lua copies the bytes.
        unsafe {
            ffi::lua_pushlstring_(self.0.as_ptr(), bytes.as_ptr().cast::<c_char>(), bytes.len());
        }
    }

    /// Pushes a pointer that is only compared.
    pub(in crate::script) fn push_light(self, address: usize) {
        // SAFETY: there is room; nobody reads what it points to.
        unsafe {
            ffi::lua_pushlightuserdata(self.0.as_ptr(), std::ptr::without_provenance_mut(address))
        };
    }

    /// The pointer at a place, as a number.
    pub(in crate::script) fn light(self, at: isize) -> Option<usize> {
        if self.kind(at) != Kind::Light {
            return None;
        }
        // SAFETY: it is one.
        Some(unsafe { ffi::lua_touserdata(self.0.as_ptr(), at as c_int) }.addr())
    }

    /// Pushes the value at a place once more.
    pub(in crate::script) fn push_copy(self, at: isize) {
        // SAFETY: there is room, and the value.
        unsafe { ffi::lua_pushvalue(self.0.as_ptr(), at as c_int) };
    }

    /// Pushes a function.
    pub(in crate::script) fn push_function(self, function: Function) {
        // SAFETY: there is room; `enter` takes the closure's value for what it is.
        unsafe {
            ffi::lua_pushlightuserdata(self.0.as_ptr(), function as *mut c_void);
            ffi::lua_pushcclosure(self.0.as_ptr(), shim, 1);
        }
    }

    /// Pushes a function that has settings, which lie at a place: [`Lua::push_settings`].
    pub(in crate::script) fn push_function_of(self, function: Function, settings: isize) {
        self.push_copy(settings);
        self.wrap(function);
    }

    /// Pushes settings, for functions to hold. Scripts get hold of these never.
    pub(in crate::script) fn push_settings(self, settings: Settings) {
        const { assert!(!std::mem::needs_drop::<Settings>() && align_of::<Settings>() <= 8) };
        // SAFETY: there is room; what Lua gives has the size asked for and is aligned for whatever C has.
        unsafe {
            let place = ffi::lua_newuserdata(self.0.as_ptr(), size_of::<Settings>());
            place.cast::<Settings>().write(settings);
        }
    }

    /// The settings that the running function holds.
    pub(in crate::script) fn settings(&self) -> Result<&Settings, Raised> {
        if self.kind(STOCK) != Kind::Userdata {
            return Err(Raised::Words(c"this function has no settings"));
        }
        // SAFETY: what `push_settings` made is the only userdata there is, and the running function holds it.
        Ok(unsafe { &*ffi::lua_touserdata(self.0.as_ptr(), STOCK as c_int).cast::<Settings>() })
    }

    /// Puts a function in place of the topmost value, one of Lua's own functions, for which it stands in.
    pub(in crate::script) fn wrap(self, function: Function) {
        // SAFETY: there is room, and the value.
        unsafe {
            let l = self.0.as_ptr();
            ffi::lua_pushlightuserdata(l, function as *mut c_void);
            ffi::lua_insert(l, -2);
            ffi::lua_pushcclosure(l, shim, 2);
        }
    }

    /// Pushes a table with room for so many elements and fields.
    pub(in crate::script) fn push_table(self, elements: usize, fields: usize) {
        let most = |n: usize| n.min(1 << 20) as c_int;
        // SAFETY: there is room.
        unsafe { ffi::lua_createtable(self.0.as_ptr(), most(elements), most(fields)) };
    }

    /// Moves the topmost value to a place.
    pub(in crate::script) fn insert(self, at: isize) {
        // SAFETY: both are there.
        unsafe { ffi::lua_insert(self.0.as_ptr(), at as c_int) };
    }

    /// Drops the value at a place.
    pub(in crate::script) fn remove(self, at: isize) {
        // SAFETY: it is there.
        unsafe { ffi::lua_remove(self.0.as_ptr(), at as c_int) };
    }

    /// Puts the topmost value at a place, over what is there.
    pub(in crate::script) fn replace(self, at: isize) {
        // SAFETY: both are there.
        unsafe { ffi::lua_replace(self.0.as_ptr(), at as c_int) };
    }

    /// The boolean at a place; everything but nil and false is true.
    pub(in crate::script) fn bool(self, at: isize) -> bool {
        // SAFETY: it asks only.
        unsafe { ffi::lua_toboolean(self.0.as_ptr(), at as c_int) != 0 }
    }

    /// The number at a place, or what a string there says.
    pub(in crate::script) fn number(self, at: isize) -> Option<f64> {
        // SAFETY: it asks only.
        unsafe {
            let l = self.0.as_ptr();
            let is = ffi::lua_isnumber(l, at as c_int) != 0;
            is.then(|| ffi::lua_tonumber(l, at as c_int))
        }
    }

    /// The string at a place; a number there becomes one.
    pub(in crate::script) fn bytes(&self, at: isize) -> Option<&[u8]> {
        let mut len = 0;
        // SAFETY: the bytes are the string's, which stays where it is.
        unsafe {
            let start = ffi::lua_tolstring(self.0.as_ptr(), at as c_int, &raw mut len);
            (!start.is_null()).then(|| std::slice::from_raw_parts(start.cast::<u8>(), len))
        }
    }

    /// Argument `n` as a string.
    pub(in crate::script) fn bytes_argument(&self, n: usize) -> Result<&[u8], Raised> {
        self.bytes(n as isize).ok_or(Raised::Type(n, c"string"))
    }

    /// Argument `n` as a number.
    pub(in crate::script) fn number_argument(self, n: usize) -> Result<f64, Raised> {
        self.number(n as isize).ok_or(Raised::Type(n, c"number"))
    }

    /// Argument `n` must be a table.
    pub(in crate::script) fn table_argument(self, n: usize) -> Result<(), Raised> {
        if self.kind(n as isize) == Kind::Table { Ok(()) } else { Err(Raised::Type(n, c"table")) }
    }

    /// The length of the table or string at a place.
    pub(in crate::script) fn len(self, at: isize) -> usize {
        // SAFETY: it asks only.
        unsafe { ffi::lua_objlen(self.0.as_ptr(), at as c_int) }
    }

    /// Puts the value that the table at a place has for the topmost value in place of that.
    pub(in crate::script) fn raw_get(self, at: isize) {
        debug_assert_eq!(self.kind(at), Kind::Table, "only tables have values");
        // SAFETY: it is a table.
        unsafe { ffi::lua_rawget_(self.0.as_ptr(), at as c_int) };
    }

    /// Pushes the element of the table at a place.
    pub(in crate::script) fn raw_get_at(self, at: isize, index: usize) {
        debug_assert_eq!(self.kind(at), Kind::Table, "only tables have elements");
        // SAFETY: it is a table, and there is room.
        unsafe { ffi::lua_rawgeti_(self.0.as_ptr(), at as c_int, index as c_int) };
    }

    /// Pushes a field of the table at a place.
    pub(in crate::script) fn field(self, at: isize, name: &[u8]) {
        self.push(name);
        self.raw_get(if at < 0 && at > REGISTRY { at - 1 } else { at });
    }

    /// Sets the key below the topmost value to that, in the table at a place.
    pub(in crate::script) fn raw_set(self, at: isize) {
        debug_assert_eq!(self.kind(at), Kind::Table, "only tables have values");
        debug_assert!(!matches!(self.kind(-2), Kind::Nil | Kind::None), "nil is no key");
        // SAFETY: it is a table, and the key neither nil nor no number.
        unsafe { ffi::lua_rawset(self.0.as_ptr(), at as c_int) };
    }

    /// Sets an element of the table at a place to the topmost value.
    pub(in crate::script) fn raw_set_at(self, at: isize, index: usize) {
        debug_assert_eq!(self.kind(at), Kind::Table, "only tables have elements");
        // SAFETY: it is a table.
        unsafe { ffi::lua_rawseti_(self.0.as_ptr(), at as c_int, index as c_int) };
    }

    /// Sets a field of the table at a place to the topmost value.
    pub(in crate::script) fn set_field(self, at: isize, name: &[u8]) {
        self.push(name);
        self.insert(-2);
        self.raw_set(if at < 0 && at > REGISTRY { at - 1 } else { at });
    }

    /// Puts the key and value behind the topmost value, a key of the table at a place, in place of that; whether there
    /// are more. The first come behind nil.
    pub(in crate::script) fn next(self, at: isize) -> bool {
        debug_assert_eq!(self.kind(at), Kind::Table, "only tables have values");
        // SAFETY: it is a table, and the key one of it: nobody changes it meanwhile.
        unsafe { ffi::lua_next(self.0.as_ptr(), at as c_int) != 0 }
    }

    /// Makes the topmost value, a table, the metatable of the value at a place.
    pub(in crate::script) fn set_metatable(self, at: isize) {
        // SAFETY: both are there.
        unsafe { ffi::lua_setmetatable(self.0.as_ptr(), at as c_int) };
    }

    /// Pushes the metatable of the value at a place, if it has one.
    pub(in crate::script) fn metatable(self, at: isize) -> bool {
        // SAFETY: there is room.
        unsafe { ffi::lua_getmetatable(self.0.as_ptr(), at as c_int) != 0 }
    }

    /// Makes the topmost value the globals of whatever is compiled from now on.
    pub(in crate::script) fn set_globals(self) {
        // SAFETY: it is a table.
        unsafe { ffi::lua_replace(self.0.as_ptr(), ffi::LUA_GLOBALSINDEX) };
    }

    /// Keeps the topmost value.
    pub(in crate::script) fn keep(self) -> Kept {
        // SAFETY: it is there.
        Kept(unsafe { ffi::luaL_ref(self.0.as_ptr(), ffi::LUA_REGISTRYINDEX) })
    }

    /// Keeps a value no longer.
    pub(in crate::script) fn let_go(self, kept: Kept) {
        // SAFETY: it was kept, and is let go once.
        unsafe { ffi::luaL_unref(self.0.as_ptr(), ffi::LUA_REGISTRYINDEX, kept.0) };
    }

    /// Pushes a value that is kept.
    pub(in crate::script) fn push_kept(self, kept: &Kept) {
        // SAFETY: there is room.
        unsafe { ffi::lua_rawgeti_(self.0.as_ptr(), ffi::LUA_REGISTRYINDEX, kept.0) };
    }

    /// Pushes the value that is kept in a cell, if one is.
    #[must_use]
    pub(in crate::script) fn push_kept_in(self, cell: &Cell<Option<Kept>>) -> bool {
        let Some(kept) = cell.take() else { return false };
        self.push_kept(&kept);
        cell.set(Some(kept));
        true
    }

    /// A whole collection of what is not used any more.
    pub(in crate::script) fn collect(self) {
        // SAFETY: nothing in these states has a finalizer.
        unsafe { ffi::lua_gc(self.0.as_ptr(), ffi::LUA_GCCOLLECT, 0) };
    }

    /// A step of a collection; whether it ended one.
    pub(in crate::script) fn collect_step(self, size: c_int) -> bool {
        // SAFETY: nothing in these states has a finalizer.
        unsafe { ffi::lua_gc(self.0.as_ptr(), ffi::LUA_GCSTEP, size) != 0 }
    }
}

impl Lua {
    /// An error in these words, with the place that called the running function before them.
    pub(in crate::script) fn fail(self, words: &str) -> Raised {
        self.push_where(1);
        let text = [self.bytes(-1).unwrap_or_default(), words.as_bytes()].concat();
        self.push(&text);
        Raised::Value
    }

    /// The same about an argument.
    pub(in crate::script) fn fail_argument(self, n: usize, words: &str) -> Raised {
        let name = self.function_name();
        self.fail(&format!("bad argument #{n} to '{name}' ({words})"))
    }
}
