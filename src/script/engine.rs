//! Compiles and runs: an interpreter, and what its functions need beside Lua's stack.

use super::api::{self, Args};
use super::library::Registered;
use super::raw::{Done, Ended, Function, Host, Kept, Kind, Lua, Outcome, State};
use super::{Caller, Targets, convert, random, sandbox};
use crate::resp::{Reply, Resp};
use std::cell::{Cell, RefCell};
use std::ffi::CStr;

/// Bytes that a state may grow to by what scripts do.
const MEMORY_MAX: usize = 512 << 20;

/// What our functions need beside the stack.
#[derive(Default)]
pub(super) struct Engine {
    /// Room for the arguments of commands.
    pub(super) args: Cell<Args>,
    /// Room for what is encoded.
    pub(super) buffer: Cell<Vec<u8>>,
    /// The protocol that the script asked for.
    pub(super) resp: Cell<Resp>,
    /// Who gets what it changes.
    pub(super) targets: Cell<Targets>,
    /// The state of the random numbers.
    pub(super) random: Cell<u64>,
    /// The table of globals, the guard before it, and `next`.
    pub(super) globals: Cell<Option<Kept>>,
    pub(super) globals_guard: Cell<Option<Kept>>,
    pub(super) next: Cell<Option<Kept>>,
    /// A library is being loaded.
    pub(super) loading: Cell<bool>,
    /// The functions of the library that is being loaded.
    pub(super) registered: RefCell<Vec<Registered>>,
}

/// Code that is compiled.
#[derive(Debug)]
pub struct Source(pub(super) Kept);

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It goes on later.
    Suspended,
    /// To its end: [`Interpreter::finish`] answers it.
    Done,
}

/// The error that a run ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Code and words.
    pub words: String,
    /// Where it arose: the chunk and the line.
    pub place: Option<(String, i64)>,
    /// A command failed, and its error was counted then.
    pub counted: bool,
}

/// A Lua state that runs scripts, or functions.
#[derive(Debug)]
pub struct Interpreter {
    state: State,
    handler: Kept,
    /// The names of the globals that every script is given anew.
    keys_name: Kept,
    args_name: Kept,
    /// What a library finds for its globals while it is loaded.
    loading: Option<Kept>,
    /// Arguments of what is prepared.
    arguments: usize,
    ended: Ended,
}

impl Default for Targets {
    fn default() -> Self {
        Self::ALL
    }
}

impl Interpreter {
    /// One for scripts, its random numbers from `seed`.
    pub fn for_scripts(seed: u32) -> Self {
        Self::new(seed, MEMORY_MAX, sandbox::prepare_scripts)
    }

    /// One for functions.
    pub fn for_functions(seed: u32) -> Self {
        let mut interpreter = Self::new(seed, MEMORY_MAX, sandbox::prepare_functions);
        let loading = interpreter.state.with(|lua| {
            sandbox::push_loading_globals(lua);
            lua.keep()
        });
        interpreter.loading = Some(loading);
        interpreter
    }

    fn new(seed: u32, memory_max: usize, prepare: Function) -> Self {
        let engine = Engine { random: Cell::new(random::seeded(seed)), ..Engine::default() };
        let state = State::new(Host::new(memory_max, engine), prepare);
        let (handler, keys_name, args_name) = state.with(|lua| {
            lua.push_function(handle_error);
            let handler = lua.keep();
            let [keys_name, args_name] = [b"KEYS", b"ARGV"].map(|name| {
                lua.push(name);
                lua.keep()
            });
            (handler, keys_name, args_name)
        });
        let ended = Ended::Well;
        Self { state, handler, keys_name, args_name, loading: None, arguments: 0, ended }
    }

    /// Compiles source.
    ///
    /// # Errors
    /// The compiler's words.
    pub fn compile(&mut self, source: &[u8], name: &CStr) -> Result<Source, String> {
        self.state.with(|lua| {
            if source.first() == Some(&0x1b) {
                return Err("precompiled code is not taken".to_owned());
            }
            collect_if_full(lua);
            if lua.load(source, name) {
                return Ok(Source(lua.keep()));
            }
            let words = String::from_utf8_lossy(lua.bytes(-1).unwrap_or_default()).into_owned();
            lua.pop(1);
            Err(words)
        })
    }

    /// Forgets what was compiled.
    pub fn forget(&mut self, source: Source) {
        self.state.with(|lua| lua.let_go(source.0));
    }

    /// Prepares to run a script: its keys and arguments are globals.
    pub fn prepare_script<'a>(
        &mut self,
        code: &Source,
        keys: impl ExactSizeIterator<Item = &'a [u8]>,
        args: impl ExactSizeIterator<Item = &'a [u8]>,
    ) {
        self.begin(0);
        let Self { handler, keys_name, args_name, .. } = &*self;
        self.state.with(|lua| {
            lua.push_kept(handler);
            lua.push_kept(&code.0);
            lua.push_globals();
            lua.push_kept(keys_name);
            push_strings(lua, keys);
            lua.raw_set(-3);
            lua.push_kept(args_name);
            push_strings(lua, args);
            lua.raw_set(-3);
            lua.pop(1);
        });
    }

    /// Prepares to call a function with keys and arguments.
    pub fn prepare_function<'a>(
        &mut self,
        code: &Source,
        keys: impl ExactSizeIterator<Item = &'a [u8]>,
        args: impl ExactSizeIterator<Item = &'a [u8]>,
    ) {
        self.begin(2);
        let handler = &self.handler;
        self.state.with(|lua| {
            lua.push_kept(handler);
            lua.push_kept(&code.0);
            push_strings(lua, keys);
            push_strings(lua, args);
        });
    }

    /// Runs what was prepared. It is watched if it is to be asked now and then whether it may go on.
    pub fn run(&mut self, watched: bool, caller: &mut dyn Caller) -> Progress {
        self.ended = self.state.start(self.arguments, watched, caller);
        self.progress()
    }

    /// Runs the code of a library, which registers its functions. It is never suspended.
    pub(super) fn run_library(
        &mut self,
        source: &Source,
        caller: &mut dyn Caller,
    ) -> (Vec<Registered>, Result<(), Failure>) {
        self.begin(0);
        let handler = &self.handler;
        let loading =
            self.loading.as_ref().expect("libraries are loaded by an interpreter of functions");
        self.state.with(|lua| {
            lua.push_kept(loading);
            sandbox::read_globals_from(lua);
            lua.push_kept(handler);
            lua.push_kept(&source.0);
        });
        self.state.host().engine.loading.set(true);
        self.run(true, caller);
        self.state.host().engine.loading.set(false);
        let result = match self.ended {
            Ended::Well => Ok(()),
            Ended::Badly => Err(self.state.with(failure)),
            Ended::Suspended => unreachable!("who loads a library does not ask for it"),
        };
        self.state.with(|lua| {
            lua.set_top(0);
            lua.push_globals();
            sandbox::read_globals_from(lua);
        });
        (self.state.host().engine.registered.take(), result)
    }

    fn begin(&mut self, arguments: usize) {
        self.arguments = arguments;
        let engine = &self.state.host().engine;
        engine.resp.set(Resp::V2);
        engine.targets.set(Targets::ALL);
    }

    /// Goes on with the run that was suspended.
    pub fn go_on(&mut self, caller: &mut dyn Caller) -> Progress {
        self.ended = self.state.go_on(caller);
        self.progress()
    }

    fn progress(&self) -> Progress {
        if self.ended == Ended::Suspended { Progress::Suspended } else { Progress::Done }
    }

    /// Answers what the run that ended gave.
    ///
    /// # Errors
    /// It ended with one.
    pub fn finish(&mut self, out: &mut Reply<'_>) -> Result<(), Failure> {
        let told = self.state.host().engine.resp.get();
        let ended = self.ended;
        self.state.with(|lua| {
            let result = match ended {
                Ended::Well if is_error(lua) => Err(Failure { place: None, ..failure(lua) }),
                Ended::Well => convert::reply(lua, told, out).map_err(|convert::TooLarge| {
                    let words = "ERR the reply of the script is too large".to_owned();
                    Failure { words, place: None, counted: false }
                }),
                _ => Err(failure(lua)),
            };
            lua.set_top(0);
            collect_if_full(lua);
            result
        })
    }

    /// Bytes of memory that the interpreter takes.
    pub fn memory(&self) -> usize {
        self.state.memory()
    }
}

impl Lua {
    /// Pushes the table of globals.
    pub(super) fn push_globals(self) {
        assert!(self.push_kept_in(&self.host().engine.globals), "the state was prepared");
    }
}

/// Lua collects by its own measure, which knows no limit: what a script left behind must not be in the next one's way.
fn collect_if_full(lua: Lua) {
    if lua.host().room() < MEMORY_MAX / 2 {
        lua.collect();
    }
}

fn push_strings<'a>(lua: Lua, strings: impl ExactSizeIterator<Item = &'a [u8]>) {
    lua.push_table(strings.len(), 0);
    for (index, string) in (1..).zip(strings) {
        lua.push(string);
        lua.raw_set_at(-2, index);
    }
}

/// Makes a table of every error: its words, and where it arose.
fn handle_error(lua: Lua) -> Outcome {
    let arose = lua.place(1).filter(|place| !place.is_c).or_else(|| lua.place(2));
    let place = arose.map(|place| (place.source.to_vec(), place.line));
    lua.set_top(1);
    let guarded = lua.kind(1) == Kind::Table && sandbox::push_guarded(lua, 1);
    if guarded || lua.kind(1) != Kind::Table {
        let words = match lua.bytes(1) {
            Some(words) => words.to_vec(),
            None if lua.kind(1) == Kind::Boolean => lua.bool(1).to_string().into_bytes(),
            None => lua.kind_name(1).as_bytes().to_vec(),
        };
        lua.set_top(0);
        let words = if guarded { b"unknown error".to_vec() } else { words };
        api::push_error(lua, &[b"ERR ", words.as_slice()].concat());
    }
    if let Some((source, line)) = place {
        lua.push(&source);
        lua.set_field(1, b"source");
        lua.push_number(f64::from(line));
        lua.set_field(1, b"line");
    }
    Ok(Done::Values(1))
}

/// Whether the topmost value is what errors are for scripts.
fn is_error(lua: Lua) -> bool {
    if lua.kind(-1) != Kind::Table {
        return false;
    }
    lua.field(-1, b"err");
    let is = lua.kind(-1) == Kind::String;
    lua.pop(1);
    is
}

/// The topmost value as the error that it is.
fn failure(lua: Lua) -> Failure {
    let text = |at: isize| String::from_utf8_lossy(lua.bytes(at).unwrap_or_default()).into_owned();
    if lua.kind(-1) != Kind::Table {
        return Failure { words: format!("ERR {}", text(-1)), place: None, counted: false };
    }
    lua.field(-1, b"err");
    lua.field(-2, b"source");
    lua.field(-3, b"line");
    lua.field(-4, b"ignore_error_stats_update");
    let words = match lua.kind(-4) {
        Kind::String => text(-4),
        _ => "ERR unknown error".to_owned(),
    };
    let line = (lua.kind(-2) == Kind::Number).then(|| lua.number(-2)).flatten();
    let place = line.filter(|_| lua.kind(-3) == Kind::String).map(|line| (text(-3), line as i64));
    let counted = lua.bool(-1);
    lua.pop(4);
    Failure { words, place, counted }
}

#[cfg(test)]
mod tests {
    use super::super::{How, LogLevel, Turn};
    use super::*;
    use crate::resp::{Argv, Out};

    /// Bytes that a state may take here.
    const SMALL: usize = 4 << 20;

    /// Asks the script to end when it was polled so many times.
    struct Impatient(usize);

    impl Caller for Impatient {
        fn call(&mut self, _: &Argv<'_>, _: How) -> Result<&[u8], String> {
            Ok(b"+PONG\r\n")
        }

        fn may_call(&mut self, _: &Argv<'_>) -> Option<bool> {
            None
        }

        fn is_due(&mut self) -> bool {
            true
        }

        fn poll(&mut self) -> Turn {
            self.0 = self.0.saturating_sub(1);
            if self.0 == 0 { Turn::End("it is enough") } else { Turn::GoOn }
        }

        fn clock_us(&mut self) -> u64 {
            0
        }

        fn log(&mut self, _: LogLevel, _: &str) {}
    }

    fn run_with(
        memory_max: usize,
        caller: &mut Impatient,
        script: &str,
    ) -> Result<Vec<u8>, String> {
        let mut interpreter = Interpreter::new(1, memory_max, sandbox::prepare_scripts);
        let code = interpreter.compile(script.as_bytes(), c"@user_script").unwrap();
        interpreter.prepare_script(&code, [].into_iter(), [].into_iter());
        assert_eq!(interpreter.run(true, caller), Progress::Done);
        let mut out = Out::default();
        let result = interpreter.finish(&mut Reply::new(&mut out, Resp::V3));
        result.map(|()| out.copy_from(0)).map_err(|failure| failure.words)
    }

    #[track_caller]
    fn check_too_large(script: &str) {
        let answer = run_with(SMALL, &mut Impatient(usize::MAX), script);
        assert_eq!(answer, Err("ERR the reply of the script is too large".to_owned()), "{script}");
    }

    #[test]
    fn a_reply_in_which_tables_stand_again_and_again_is_refused() {
        check_too_large("local t = {} for i = 1, 60 do t = {t, t} end return t");
        check_too_large("local t = {} t[1] = t t[2] = t return t");
        check_too_large(
            "redis.setresp(3) local t = {} for i = 1, 60 do t = {map = {[t] = t}} end return t",
        );
        check_too_large("local s, t = ('x'):rep(1e5), {} for i = 1, 100 do t[i] = s end return t");
        check_too_large(
            "local s, t = ('x'):rep(1e5), {} for i = 1, 100 do t[i] = {ok = s} end return t",
        );
    }

    #[test]
    fn a_reply_as_large_as_the_state_may_be_is_given() {
        let script = "local t = {} for i = 1, 10000 do t[i] = {i, 'x' .. i} end return t";
        let answer = run_with(SMALL, &mut Impatient(usize::MAX), script).unwrap();
        assert!(answer.starts_with(b"*10000\r\n*2\r\n:1\r\n$2\r\nx1\r\n"));
        let script = format!("return ('x'):rep({})", SMALL / 4);
        let answer = run_with(SMALL, &mut Impatient(usize::MAX), &script).unwrap();
        assert_eq!(answer.len(), SMALL / 4 + 12);
    }

    #[track_caller]
    fn check_ended(script: &str) {
        let answer = run_with(MEMORY_MAX, &mut Impatient(3), script);
        let words = answer.unwrap_err();
        assert!(words.contains("it is enough"), "{words}");
    }

    #[test]
    fn libraries_at_work_for_long_are_ended() {
        check_ended("local t = {} for i = 1, 60 do t = {t, t} end return cjson.encode(t)");
        check_ended("cjson.encode_sparse_array(true, 0) return cjson.encode({[1] = 1, [1e8] = 2})");
        check_ended("local t = {} for i = 1, 1000 do t[i] = t end return cmsgpack.pack(t)");
        check_ended("local t = {} t[1] = t t[2] = t while true do pcall(cmsgpack.pack, t) end");
    }

    #[test]
    fn after_commands_that_take_long_a_script_is_ended() {
        check_ended("redis.call('ping') redis.call('ping') redis.call('ping') return 1");
        check_ended(
            "pcall(redis.call, 'ping') redis.pcall('ping') pcall(redis.pcall, 'ping') return 1",
        );
    }
}
