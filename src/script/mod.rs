//! Lua scripts: what runs them, what they see, and what is kept of them.
//!
//! A script sees the server by [`Caller`] alone: it runs commands and gets their replies as the bytes a client would
//! get. The server's side of that is `exec::scripting`.
//!
//! | module | what lives there |
//! |---|---|
//! | `raw` | Lua's C interface, behind one that is safe where its rules are kept |
//! | `sandbox` | the globals: which there are, and that no script changes them for others |
//! | `guarded` | Lua's own functions that stand there in a form that cannot be misused |
//! | `api` | `redis.call` and the other functions of that table |
//! | `convert` | replies as Lua values, and Lua values as replies |
//! | `cjson`, `cmsgpack`, `pack`, `bit`, `random` | the other libraries |
//! | `engine` | compiles and runs: [`Interpreter`] |
//! | `cache`, `library` | what EVALSHA and FCALL find |

mod api;
mod bit;
mod cache;
mod cjson;
mod cmsgpack;
mod convert;
mod engine;
mod guarded;
mod library;
mod pack;
mod random;
mod raw;
mod sandbox;
mod shebang;
mod state;

pub use cache::{Cache, Script, Sha};
pub use engine::{Failure, Interpreter, Progress, Source};
pub use library::{Function, Libraries, Library, LoadError};
pub use shebang::{FLAG_NAMES, ScriptFlags, flags, of_script as script_source};
pub use state::{Kind, Name, Running, Scripting, Stage, Suspended};

use crate::resp::{Argv, Resp};

/// The version of Redis that scripts are told.
pub const REDIS_VERSION: &str = "7.2.4";
/// The same as a number: a byte for each part.
pub const REDIS_VERSION_NUM: u32 = 0x0007_0204;

/// How a script wants a command to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    /// The protocol of the reply.
    pub resp: Resp,
    /// Where what it changes is propagated to.
    pub targets: Targets,
}

/// Who gets a write: of a script's it says so with `redis.set_repl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Targets(pub u8);

impl Targets {
    /// Nobody.
    pub const NONE: Self = Self(0);
    /// The append-only file.
    pub const AOF: Self = Self(1);
    /// Replicas.
    pub const REPLICA: Self = Self(2);
    /// Both.
    pub const ALL: Self = Self(3);

    /// Whether one of these is among them.
    pub fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

/// What follows from a look at the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The script goes on.
    GoOn,
    /// Others have their turn.
    Suspend,
    /// The script ends with this error.
    End(&'static str),
}

/// How loud a script speaks to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// `redis.LOG_DEBUG`.
    Debug,
    /// `redis.LOG_VERBOSE`.
    Verbose,
    /// `redis.LOG_NOTICE`.
    Notice,
    /// `redis.LOG_WARNING`.
    Warning,
}

/// The server, as a script sees it.
pub trait Caller {
    /// Runs a command and answers its reply as a client would get it.
    ///
    /// # Errors
    /// It is none that a script may run here: the words of the error.
    fn call(&mut self, argv: &Argv<'_>, how: How) -> Result<&[u8], String>;

    /// Whether the user of the script may run a command; `None` if there is none like it.
    fn may_call(&mut self, argv: &Argv<'_>) -> Option<bool>;

    /// Whether the command that was called last took so long that it is time to ask [`Caller::poll`].
    fn is_due(&mut self) -> bool;

    /// Asked now and then while Lua code runs.
    fn poll(&mut self) -> Turn;

    /// Microseconds of processor time that the process has used.
    fn clock_us(&mut self) -> u64;

    /// Writes a line to the log.
    fn log(&mut self, level: LogLevel, text: &str);
}
