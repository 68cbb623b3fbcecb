//! The table `redis`, which is also there as `server`.

use super::raw::{Done, Function, Kind, Lua, Outcome, Raised};
use super::{How, LogLevel, REDIS_VERSION, REDIS_VERSION_NUM, Targets, convert};
use crate::resp::{Argv, Resp, Span};
use crate::stdx::num::f64_text;
use sha1::{Digest, Sha1};

/// Bytes of arguments for which room is kept from call to call.
const ARGS_KEPT: usize = 64 * 1024;

/// Functions that there are while a script or function runs.
pub(super) static FUNCTIONS: &[(&str, Function)] = &[
    ("call", call),
    ("pcall", pcall),
    ("log", log),
    ("setresp", setresp),
    ("sha1hex", sha1hex),
    ("error_reply", error_reply),
    ("status_reply", status_reply),
    ("set_repl", set_repl),
    ("acl_check_cmd", acl_check_cmd),
];

/// Those for scripts alone, not for functions.
pub(super) static SCRIPT_FUNCTIONS: &[(&str, Function)] =
    &[("replicate_commands", replicate_commands), ("breakpoint", breakpoint), ("debug", debug)];

/// Numbers that are there for `log`.
static LOG_LEVELS: &[(&str, f64)] =
    &[("LOG_DEBUG", 0.0), ("LOG_VERBOSE", 1.0), ("LOG_NOTICE", 2.0), ("LOG_WARNING", 3.0)];

/// And those for `set_repl`.
static TARGETS: &[(&str, Targets)] = &[
    ("REPL_NONE", Targets::NONE),
    ("REPL_AOF", Targets::AOF),
    ("REPL_SLAVE", Targets::REPLICA),
    ("REPL_REPLICA", Targets::REPLICA),
    ("REPL_ALL", Targets::ALL),
];

/// The arguments of a command that is called.
#[derive(Debug, Default)]
pub(super) struct Args {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// Adds functions to the topmost value, a table.
pub(super) fn add_functions(lua: Lua, functions: &[(&str, Function)]) {
    for (name, function) in functions {
        lua.push_function(*function);
        lua.set_field(-2, name.as_bytes());
    }
}

/// Adds what is told also to libraries that are being loaded: versions, and the log's levels.
pub(super) fn add_facts(lua: Lua) {
    for (name, level) in LOG_LEVELS {
        lua.push_number(*level);
        lua.set_field(-2, name.as_bytes());
    }
    for (name, text) in [
        ("REDIS_VERSION", REDIS_VERSION),
        ("SERVER_VERSION", env!("CARGO_PKG_VERSION")),
        ("SERVER_NAME", "larder"),
    ] {
        lua.push(text.as_bytes());
        lua.set_field(-2, name.as_bytes());
    }
    for (name, number) in
        [("REDIS_VERSION_NUM", REDIS_VERSION_NUM), ("SERVER_VERSION_NUM", own_version())]
    {
        lua.push_number(f64::from(number));
        lua.set_field(-2, name.as_bytes());
    }
    lua.push_function(log);
    lua.set_field(-2, b"log");
}

/// Adds the numbers for `set_repl`.
pub(super) fn add_targets(lua: Lua) {
    for (name, targets) in TARGETS {
        lua.push_number(f64::from(targets.0));
        lua.set_field(-2, name.as_bytes());
    }
}

/// This program's version as Redis's is told: a byte for each part.
fn own_version() -> u32 {
    let parts = env!("CARGO_PKG_VERSION").split('.');
    parts.fold(0, |number, part| number << 8 | part.parse::<u32>().unwrap_or(0) & 0xff)
}

/// Pushes what errors are for scripts: a table with the words.
pub(super) fn push_error(lua: Lua, words: &[u8]) {
    lua.push_table(0, 1);
    lua.push(words);
    lua.set_field(-2, b"err");
}

/// The same, to be raised.
fn raise(lua: Lua, words: &str) -> Outcome {
    push_error(lua, format!("ERR {words}").as_bytes());
    Err(Raised::Value)
}

fn call(lua: Lua) -> Outcome {
    if run(lua)? { Ok(Done::Values(1)) } else { Err(Raised::Value) }
}

fn pcall(lua: Lua) -> Outcome {
    run(lua)?;
    Ok(Done::Values(1))
}

/// Runs the command that the arguments are, and pushes its reply; false if that is an error.
///
/// # Errors
/// The script is to end.
fn run(lua: Lua) -> Result<bool, Raised> {
    let engine = &lua.host().engine;
    let mut args = engine.args.take();
    let mut due = false;
    let well = match args.take_from(lua) {
        Err(words) => {
            push_error(lua, format!("ERR {words}").as_bytes());
            false
        }
        Ok(()) => {
            // As many as there may have been take the room of the reply.
            lua.set_top(0);
            let how = How { resp: engine.resp.get(), targets: engine.targets.get() };
            let argv = Argv::new(&args.bytes, &args.spans);
            lua.with_caller(|caller| {
                let well = push_answer(lua, caller.call(&argv, how));
                due = caller.is_due();
                well
            })
        }
    };
    args.bytes.shrink_to(ARGS_KEPT);
    engine.args.set(args);
    if due {
        lua.look()?;
    }
    Ok(well)
}

/// Pushes what a command answered, or why it did not run; false if it is an error.
fn push_answer(lua: Lua, answer: Result<&[u8], String>) -> bool {
    match answer {
        Ok(reply) => convert::push_reply(lua, reply),
        Err(words) => {
            push_error(lua, words.as_bytes());
            // It was counted when it was refused.
            lua.push_bool(true);
            lua.set_field(-2, convert::COUNTED);
            false
        }
    }
}

impl Args {
    /// Takes all arguments of the running function.
    fn take_from(&mut self, lua: Lua) -> Result<(), &'static str> {
        let count = lua.top();
        if count == 0 {
            return Err("Please specify at least one argument for this redis lib call");
        }
        self.bytes.clear();
        self.spans.clear();
        for n in 1..=count {
            let start = self.bytes.len();
            match lua.kind(n as isize) {
                Kind::String => {
                    self.bytes.extend_from_slice(lua.bytes(n as isize).unwrap_or_default())
                }
                Kind::Number => {
                    push_number(&mut self.bytes, lua.number(n as isize).unwrap_or_default())
                }
                _ => return Err("Lua redis lib command arguments must be strings or integers"),
            }
            if self.bytes.len() > Span::BUFFER_MAX {
                return Err("Arguments are too long");
            }
            let len = (self.bytes.len() - start) as u32;
            self.spans.push(Span { start: start as u32, len });
        }
        Ok(())
    }
}

/// A number as commands get it: with all its digits, where Lua would print fourteen.
fn push_number(out: &mut Vec<u8>, n: f64) {
    // Beyond this there are doubles that no integer of 64 bits is.
    if n.trunc() == n && n.abs() < 9.2e18 {
        out.extend_from_slice(itoa::Buffer::new().format(n as i64).as_bytes());
    } else if n.is_nan() {
        out.extend_from_slice(if n.is_sign_negative() { b"-nan" } else { b"nan" });
    } else {
        out.extend_from_slice(&f64_text(n));
    }
}

/// Writes to the log: a level, then what to say.
fn log(lua: Lua) -> Outcome {
    if lua.top() < 2 {
        return raise(lua, "redis.log() requires two arguments or more.");
    }
    if lua.kind(1) != Kind::Number {
        return raise(lua, "First argument must be a number (log level).");
    }
    let level = match lua.number(1).unwrap_or_default() as i64 {
        0 => LogLevel::Debug,
        1 => LogLevel::Verbose,
        2 => LogLevel::Notice,
        3 => LogLevel::Warning,
        _ => return raise(lua, "Invalid log level."),
    };
    let words = (2..=lua.top()).filter_map(|n| lua.bytes(n as isize));
    let text = words.map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    lua.with_caller(|caller| caller.log(level, &text));
    Ok(Done::Values(0))
}

fn setresp(lua: Lua) -> Outcome {
    if lua.top() != 1 {
        return raise(lua, "redis.setresp() requires one argument.");
    }
    let resp = match lua.number(1).map(|n| n as i64) {
        Some(2) => Resp::V2,
        Some(3) => Resp::V3,
        _ => return raise(lua, "RESP version must be 2 or 3."),
    };
    lua.host().engine.resp.set(resp);
    Ok(Done::Values(0))
}

fn sha1hex(lua: Lua) -> Outcome {
    if lua.top() != 1 {
        return raise(lua, "wrong number of arguments");
    }
    let digest = Sha1::digest(lua.bytes(1).unwrap_or_default());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    lua.push(hex.as_bytes());
    Ok(Done::Values(1))
}

fn error_reply(lua: Lua) -> Outcome {
    if lua.top() != 1 || lua.kind(1) != Kind::String {
        push_error(lua, b"ERR wrong number or type of arguments");
        return Ok(Done::Values(1));
    }
    let words = lua.bytes(1).unwrap_or_default();
    // The first of several words is the code; it may be given as it is sent.
    let words = words.strip_prefix(b"-").unwrap_or(words);
    match words.contains(&b' ') {
        true => push_error(lua, words),
        false => push_error(lua, &[b"ERR ", words].concat()),
    }
    Ok(Done::Values(1))
}

fn status_reply(lua: Lua) -> Outcome {
    if lua.top() != 1 || lua.kind(1) != Kind::String {
        push_error(lua, b"ERR wrong number or type of arguments");
        return Ok(Done::Values(1));
    }
    lua.push_table(0, 1);
    lua.push_copy(1);
    lua.set_field(-2, b"ok");
    Ok(Done::Values(1))
}

fn set_repl(lua: Lua) -> Outcome {
    if lua.top() != 1 {
        return raise(lua, "redis.set_repl() requires one argument.");
    }
    let targets = lua.number(1).unwrap_or_default() as i64;
    if !(0..=i64::from(Targets::ALL.0)).contains(&targets) {
        let words = "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
        return raise(lua, words);
    }
    lua.host().engine.targets.set(Targets(targets as u8));
    Ok(Done::Values(0))
}

/// What a script changes is always propagated by its effects: the answer is yes.
fn replicate_commands(lua: Lua) -> Outcome {
    lua.push_bool(true);
    Ok(Done::Values(1))
}

/// There is no debugger to stop for.
fn breakpoint(lua: Lua) -> Outcome {
    lua.push_bool(false);
    Ok(Done::Values(1))
}

/// Nor one to speak to.
fn debug(_: Lua) -> Outcome {
    Ok(Done::Values(0))
}

fn acl_check_cmd(lua: Lua) -> Outcome {
    let engine = &lua.host().engine;
    let mut args = engine.args.take();
    let answer = args.take_from(lua).map(|()| {
        let argv = Argv::new(&args.bytes, &args.spans);
        lua.with_caller(|caller| caller.may_call(&argv))
    });
    engine.args.set(args);
    match answer {
        Ok(Some(may)) => lua.push_bool(may),
        Ok(None) => return raise(lua, "Invalid command passed to redis.acl_check_cmd()"),
        Err(words) => return raise(lua, words),
    }
    Ok(Done::Values(1))
}

/// `redis.register_function`, while a library is being loaded: a name and a function, or a table that names these and
/// more.
pub(super) fn register_function(lua: Lua) -> Outcome {
    // A function may have kept hold of it.
    if !lua.host().engine.loading.get() {
        return raise(lua, "redis.register_function can only be called on FUNCTION LOAD command");
    }
    match super::library::registered(lua) {
        Ok(()) => Ok(Done::Values(0)),
        Err(words) => raise(lua, &words),
    }
}
