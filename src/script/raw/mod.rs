//! Lua's C interface, and the only place that touches it.
//!
//! [`State`] owns a Lua state; [`Lua`] is what functions written in Rust see of it. Rules that everything here relies
//! on and keeps:
//! 1. A Lua error is a `longjmp`, which runs no destructor. So a function of ours never raises one while it runs: it
//!    returns [`Raised`], everything it owned is dropped, and [`shim`], which owns nothing, raises it.
//! 2. While a function of ours runs no allocation is refused ([`Host::lenient`]), so none of the calls that it makes
//!    raises an error for want of memory. What it calls that runs Lua code again is protected (`lua_pcall`), and there
//!    allocations are refused again.
//! 3. Of the calls made here only those raise other errors that [`shim`] makes.
//! 4. A slice of a string on the stack is used only while the string stays there.
//! 5. A function of ours has room for twenty values more on the stack than it was given; who needs more asks for it
//!    with [`Lua::ensure`] first.
//! 6. The state's scripts run on a stack of their own ([`State::start`]). A script that is suspended there keeps it, and
//!    the state, until it has run to its end; if that never comes both are leaked, for nothing may unwind through Lua.

#![expect(unsafe_code, reason = "Lua is written in C")]

mod host;
mod values;

pub(super) use host::Host;
pub(super) use values::{GLOBALS, Kept, Kind, REGISTRY, STOCK};

use super::Caller;
use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult};
use mlua_sys as ffi;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};

/// Bytes of the stack that scripts run on: address space, of which only what is used becomes memory.
const STACK_BYTES: usize = 16 << 20;
/// Instructions between two looks at the time.
const HOOK_INSTRUCTIONS: c_int = 100_000;
/// Steps of functions of ours between two looks at the time.
const LOOK_STEPS: u32 = 10_000;

/// A caller whose lifetime is not told: only while the state runs with it.
pub(super) type CallerPointer = NonNull<dyn Caller>;

/// How a function of ours ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// With so many results, the topmost values.
    Values(usize),
    /// By leaving it to the function that it stands in for.
    Stock,
}

/// The error that a function of ours ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raised {
    /// The topmost value.
    Value,
    /// These words, with the place that called the function before them.
    Words(&'static CStr),
    /// Something about an argument.
    Argument(usize, &'static CStr),
    /// An argument is not of this type.
    Type(usize, &'static CStr),
}

/// How a function of ours ended.
pub(super) type Outcome = Result<Done, Raised>;

/// A function of ours.
pub(super) type Function = fn(Lua) -> Outcome;

/// One thread of a state, as functions see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lua(NonNull<ffi::lua_State>);

/// What a call left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It goes on when it is resumed.
    Suspended,
    /// Its result is on the stack.
    Well,
    /// Its error is on the stack.
    Badly,
}

type Fiber = Coroutine<CallerPointer, (), bool>;

/// A Lua state and the stack its scripts run on.
pub(super) struct State {
    lua: Lua,
    host: NonNull<Host>,
    fiber: Option<Fiber>,
    stack: Option<DefaultStack>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("host", self.host()).finish_non_exhaustive()
    }
}

impl State {
    /// A state with the base, table, string and mathematical libraries, which `prepare` makes into what scripts see.
    pub(super) fn new(host: Host, prepare: Function) -> Self {
        let host = NonNull::from(Box::leak(Box::new(host)));
        // SAFETY: the allocator takes a host, which lives until the state is closed.
        let l = unsafe { ffi::lua_newstate(host::allocate, host.as_ptr().cast()) };
        let lua = Lua(NonNull::new(l).expect("allocations are not refused yet"));
        let mut state = Self { lua, host, fiber: None, stack: None };
        // SAFETY: the state is a fresh one, and the libraries' openers are called as Lua's own `luaL_openlibs` does.
        unsafe {
            ffi::lua_atpanic(l, panicked);
            let libraries = [
                (ffi::luaopen_base as ffi::lua_CFunction, c""),
                (ffi::luaopen_table, c"table"),
                (ffi::luaopen_string, c"string"),
                (ffi::luaopen_math, c"math"),
            ];
            for (open, name) in libraries {
                ffi::lua_pushcclosure(l, open, 0);
                ffi::lua_pushstring_(l, name.as_ptr());
                ffi::lua_call(l, 1, 0);
            }
        }
        lua.push_function(prepare);
        assert!(lua.call(0, 0), "what scripts see is made from what was just opened");
        state.host_mut().lenient.set(false);
        state
    }

    /// The state, for those who do something about it between scripts.
    ///
    /// # Panics
    /// While a script is suspended.
    pub(super) fn lua(&self) -> Lua {
        assert!(self.fiber.is_none(), "the stack is the suspended script's");
        self.lua
    }

    /// What belongs to the state.
    pub(super) fn host(&self) -> &Host {
        // SAFETY: it lives until the state is closed.
        unsafe { self.host.as_ref() }
    }

    fn host_mut(&mut self) -> &Host {
        self.host()
    }

    /// Runs `f` with room for values, without refusing any allocation.
    pub(super) fn with<R>(&self, f: impl FnOnce(Lua) -> R) -> R {
        let lua = self.lua();
        self.host().lenient.set(true);
        let result = f(lua);
        self.host().lenient.set(false);
        result
    }

    /// Calls the function that lies below its `args` arguments, and below it the handler of errors, until it ends or
    /// is suspended. It leaves one result or error.
    pub(super) fn start(&mut self, args: usize, watched: bool, caller: &mut dyn Caller) -> Ended {
        let lua = self.lua();
        let l = lua.0.as_ptr();
        // Also where nobody watches: coroutines keep the hook that they were made with, and may be resumed by another run.
        // SAFETY: the hook is one, and the state is ours.
        unsafe { ffi::lua_sethook(l, Some(hook), ffi::LUA_MASKCOUNT, HOOK_INSTRUCTIONS) };
        self.host().watched.set(watched);
        self.host().killed.set(None);
        let stack = self.stack.take();
        let stack = stack
            .unwrap_or_else(|| DefaultStack::new(STACK_BYTES).expect("there is address space"));
        self.host().floor.set(stack.limit().get());
        let handler = lua.top() - args - 1;
        self.fiber = Some(Coroutine::with_stack(stack, move |yielder, caller| {
            let host = lua.host();
            host.yielder.set(Some(NonNull::from(yielder)));
            host.caller.set(Some(caller));
            // SAFETY: the function and its arguments are there, and so is the handler.
            let status = unsafe { ffi::lua_pcall(l, args as c_int, 1, handler as c_int) };
            host.yielder.set(None);
            status == ffi::LUA_OK
        }));
        self.go_on(caller)
    }

    /// Goes on with the call that was suspended.
    ///
    /// # Panics
    /// If none is.
    pub(super) fn go_on(&mut self, caller: &mut dyn Caller) -> Ended {
        // SAFETY: the lifetime alone changes; the pointer is forgotten before this function returns.
        let caller = unsafe {
            std::mem::transmute::<NonNull<dyn Caller + '_>, CallerPointer>(NonNull::from(caller))
        };
        let fiber = self.fiber.as_mut().expect("a call was begun");
        let result = fiber.resume(caller);
        self.host().caller.set(None);
        match result {
            CoroutineResult::Yield(()) => Ended::Suspended,
            CoroutineResult::Return(well) => {
                self.stack = self.fiber.take().map(Coroutine::into_stack);
                if well { Ended::Well } else { Ended::Badly }
            }
        }
    }

    /// Bytes of memory that the state takes.
    pub(super) fn memory(&self) -> usize {
        self.host().used.get() + size_of::<Host>()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(fiber) = self.fiber.take() {
            // To drop it would unwind through Lua.
            std::mem::forget(fiber);
            return;
        }
        // SAFETY: nothing runs in the state, and nobody uses it or its host after this.
        unsafe {
            ffi::lua_close(self.lua.0.as_ptr());
            drop(Box::from_raw(self.host.as_ptr()));
        }
    }
}

/// How [`enter`] tells [`shim`] what to do.
enum Exit {
    Results(c_int),
    Stock(ffi::lua_CFunction),
    Error(Raised),
}

/// Every function of ours, as Lua calls it. It owns nothing, so an error may leave it.
unsafe extern "C-unwind" fn shim(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls it, with a thread that runs it; what raises errors here is the last thing done.
    unsafe {
        match enter(l) {
            Exit::Results(n) => n,
            Exit::Stock(stock) => stock(l),
            Exit::Error(Raised::Value) => ffi::lua_error(l),
            Exit::Error(Raised::Words(words)) => ffi::luaL_error(l, c"%s".as_ptr(), words.as_ptr()),
            Exit::Error(Raised::Argument(n, words)) => {
                ffi::luaL_argerror(l, n as c_int, words.as_ptr())
            }
            Exit::Error(Raised::Type(n, name)) => ffi::luaL_typerror(l, n as c_int, name.as_ptr()),
        }
    }
}

/// Runs the function that the closure on top of the call holds.
///
/// # Safety
/// `l` runs a closure of [`shim`] that [`Lua::push_function`] or [`Lua::wrap`] made.
unsafe fn enter(l: *mut ffi::lua_State) -> Exit {
    // SAFETY: the first value that the closure holds is a `Function`, and a second one the function it stands in for.
    unsafe {
        let lua = Lua(NonNull::new_unchecked(l));
        let function = ffi::lua_touserdata(l, ffi::lua_upvalueindex(1));
        let function = std::mem::transmute::<*mut c_void, Function>(function);
        let lenient = &lua.host().lenient;
        let before = lenient.replace(true);
        let outcome = function(lua);
        lenient.set(before);
        match outcome {
            Ok(Done::Values(n)) => Exit::Results(n as c_int),
            Ok(Done::Stock) => match ffi::lua_tocfunction(l, ffi::lua_upvalueindex(2)) {
                Some(stock) => Exit::Stock(stock),
                None => Exit::Results(0),
            },
            Err(raised) => Exit::Error(raised),
        }
    }
}

/// Looks at the time now and then while Lua code runs.
unsafe extern "C-unwind" fn hook(l: *mut ffi::lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: Lua calls it, with a thread that runs; raising the error is the last thing done.
    unsafe {
        if Lua(NonNull::new_unchecked(l)).look().is_err() {
            ffi::lua_error(l);
        }
    }
}

/// Lets others have their turn, if it is time; whether the script is to end. The error is on the stack then.
fn is_to_end(lua: Lua) -> bool {
    let host = lua.host();
    let mut turn = lua.with_caller(|caller| caller.poll());
    if turn == super::Turn::Suspend
        && let Some(yielder) = host.yielder.get()
    {
        // SAFETY: it lives as long as the call that runs.
        let caller = unsafe { yielder.as_ref() }.suspend(());
        host.caller.set(Some(caller));
        // Others may have asked for its end meanwhile; else it has its turn now.
        turn = lua.with_caller(|caller| caller.poll());
    }
    if let super::Turn::End(words) = turn {
        host.killed.set(Some(words));
    }
    let lenient = host.lenient.replace(true);
    let ended = lua.end_if_killed().is_err();
    host.lenient.set(lenient);
    ended
}

/// An error outside of every protected call: there is none, or the state is broken.
unsafe extern "C-unwind" fn panicked(_: *mut ffi::lua_State) -> c_int {
    tracing::error!("Lua ended outside of a protected call");
    std::process::abort()
}

/// Where a running function stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The name of its chunk.
    pub(super) source: &'a [u8],
    /// The line that runs.
    pub(super) line: c_int,
    /// It is no Lua function.
    pub(super) is_c: bool,
}

impl Lua {
    /// What belongs to the state.
    pub(super) fn host(&self) -> &Host {
        let mut host = ptr::null_mut();
        // SAFETY: a state of ours has a host for its allocator's data, which lives as long as the state.
        unsafe {
            ffi::lua_getallocf(self.0.as_ptr(), &raw mut host);
            &*host.cast::<Host>()
        }
    }

    /// Lends the caller of the running script.
    ///
    /// # Panics
    /// Where no script runs.
    pub(super) fn with_caller<R>(&self, f: impl FnOnce(&mut dyn Caller) -> R) -> R {
        let host = self.host();
        let mut caller = host.caller.take().expect("a script runs, and its caller is not lent");
        // SAFETY: it is there while the script runs, and lent once.
        let result = f(unsafe { caller.as_mut() });
        host.caller.set(Some(caller));
        result
    }

    /// Bytes that are left of the stack that the script runs on.
    pub(super) fn stack_left(&self) -> usize {
        let here = 0_u8;
        (&raw const here).addr().saturating_sub(self.host().floor.get())
    }

    /// Where the script is to end this raises its error, now and at every line that the thread comes to: what catches it
    /// is ended in turn. Asked where errors are caught.
    pub(super) fn end_if_killed(&self) -> Result<(), Raised> {
        let Some(words) = self.host().killed.get() else { return Ok(()) };
        // SAFETY: the hook is one, and the thread runs.
        unsafe { ffi::lua_sethook(self.0.as_ptr(), Some(hook), ffi::LUA_MASKLINE, 0) };
        self.push(words.as_bytes());
        Err(Raised::Value)
    }

    /// A step of a function of ours that may take very many: now and then it does what the hook does while Lua code runs.
    ///
    /// # Errors
    /// The script is to end.
    pub(super) fn step(&self) -> Result<(), Raised> {
        let steps = &self.host().steps;
        steps.set(steps.get().wrapping_add(1));
        if steps.get().is_multiple_of(LOOK_STEPS) { self.look() } else { Ok(()) }
    }

    /// Does what the hook does while Lua code runs.
    ///
    /// # Errors
    /// The script is to end.
    #[cold]
    pub(super) fn look(&self) -> Result<(), Raised> {
        if self.host().watched.get() && is_to_end(*self) { Err(Raised::Value) } else { Ok(()) }
    }

    /// Where the function at a level of the call stack stands; 0 is the one that asks.
    pub(super) fn place(&self, level: usize) -> Option<Place<'_>> {
        let mut debug = std::mem::MaybeUninit::<ffi::lua_Debug>::zeroed();
        // SAFETY: Lua fills what it is asked for; the chunk's name lives as long as its function, which runs.
        unsafe {
            let debug = debug.as_mut_ptr();
            if ffi::lua_getstack(self.0.as_ptr(), level as c_int, debug) == 0 {
                return None;
            }
            ffi::lua_getinfo(self.0.as_ptr(), c"Sl".as_ptr(), debug);
            let debug = &*debug;
            Some(Place {
                source: CStr::from_ptr(debug.source).to_bytes(),
                line: debug.currentline,
                is_c: CStr::from_ptr(debug.what).to_bytes() == b"C",
            })
        }
    }

    /// The name by which the running function was called.
    pub(super) fn function_name(&self) -> String {
        let mut debug = std::mem::MaybeUninit::<ffi::lua_Debug>::zeroed();
        // SAFETY: Lua fills what it is asked for; a name lives as long as the function that uses it.
        let name = unsafe {
            let debug = debug.as_mut_ptr();
            if ffi::lua_getstack(self.0.as_ptr(), 0, debug) == 0 {
                return "?".to_owned();
            }
            ffi::lua_getinfo(self.0.as_ptr(), c"n".as_ptr(), debug);
            (*debug).name
        };
        if name.is_null() {
            return "?".to_owned();
        }
        // SAFETY: it is a C string that lives on.
        unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
    }

    /// Pushes where the function at a level stands, as errors begin: `user_script:1: `.
    pub(super) fn push_where(&self, level: usize) {
        // SAFETY: there is room.
        unsafe { ffi::luaL_where(self.0.as_ptr(), level as c_int) };
    }

    /// Calls what lies below its arguments, protected; whether it ended well. Results are `results` values, as many as
    /// there are if `None`; an error is one.
    pub(super) fn call(&self, args: usize, results: impl Into<Option<usize>>) -> bool {
        let results = results.into().map_or(ffi::LUA_MULTRET, |n| n as c_int);
        let lenient = &self.host().lenient;
        let before = lenient.replace(self.host().caller.get().is_none() && lenient.get());
        // SAFETY: the function and its arguments are there.
        let status = unsafe { ffi::lua_pcall(self.0.as_ptr(), args as c_int, results, 0) };
        lenient.set(before);
        status == ffi::LUA_OK
    }

    /// Compiles source and pushes its function; on false the error instead. The name says where it comes from.
    pub(super) fn load(&self, source: &[u8], name: &CStr) -> bool {
        let l = self.0.as_ptr();
        // Lua takes the name for a string that somebody holds: held it is, below what is compiled.
        self.push(name.to_bytes());
        let lenient = self.host().lenient.replace(false);
        // SAFETY: the source is what the length says; Lua keeps neither it nor the name's pointer.
        let status = unsafe {
            let start = source.as_ptr().cast::<c_char>();
            ffi::luaL_loadbuffer(l, start, source.len(), name.as_ptr())
        };
        self.host().lenient.set(lenient);
        self.remove(-2);
        status == ffi::LUA_OK
    }
}
