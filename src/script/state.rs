//! The state of scripting: interpreters, what is kept for them, and what runs.

use super::cache::{Cache, Sha};
use super::engine::Interpreter;
use super::library::Libraries;
use super::shebang::ScriptFlags;
use crate::client::{ClientId, Session};
use crate::resp::{CmdError, Out, Resp};

/// What a client is told while a script runs for long.
const BUSY_SCRIPT: &str =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
/// And while a function does.
const BUSY_FUNCTION: &str =
    "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";

/// What kind of code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A script: EVAL.
    Script,
    /// A function: FCALL.
    Function,
}

/// How errors and FUNCTION STATS call what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A script.
    Sha(Sha),
    /// A function.
    Function(Box<[u8]>),
}

impl Name {
    /// As text.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::Sha(sha) => sha.text().into(),
            Self::Function(name) => String::from_utf8_lossy(name),
        }
    }

    /// What kind of code it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sha(_) => Kind::Script,
            Self::Function(_) => Kind::Function,
        }
    }
}

/// The script or function that runs.
#[derive(Debug)]
pub struct Running {
    /// Whose it is.
    pub client: ClientId,
    /// What it is.
    pub name: Name,
    /// What it says about itself.
    pub flags: ScriptFlags,
    /// The client has gone.
    pub orphaned: bool,
    /// Writes are refused.
    pub read_only: bool,
    /// It comes from the log that is loaded or from the primary: what it does is not refused.
    pub obeyed: bool,
    /// It wrote something: to end it now would leave a half of it.
    pub wrote: bool,
    /// It is to end.
    pub killed: bool,
    /// It ran for so long that others were let in.
    pub slow: bool,
    /// It may be suspended.
    pub may_suspend: bool,
    /// When it began, in the timer's ticks.
    pub began: u64,
    /// When it was asked last whether it may go on, in the same.
    pub polled: u64,
    /// The time that its commands see, microseconds since the epoch.
    pub now_us: u64,
}

/// A run that is suspended, until others have had their turn.
#[derive(Debug)]
pub struct Suspended {
    /// The interpreter, amid its run.
    pub interpreter: Box<Interpreter>,
    /// What the session is while it runs.
    pub stage: Stage,
    /// The next command of the transaction that it is part of.
    pub rest: Option<usize>,
    /// The client's command.
    pub command: crate::spec::CommandId,
    /// Its arguments.
    pub argv: Vec<Vec<u8>>,
}

/// What of a session is the script's while it runs, and else the client's.
#[derive(Debug)]
pub struct Stage {
    /// The output.
    pub out: Out,
    /// The database.
    pub db: u32,
    /// The protocol.
    pub resp: Resp,
    /// Whether nobody waits.
    pub deny_blocking: bool,
}

impl Stage {
    /// Exchanges it with what the session has.
    #[inline]
    pub fn swap(&mut self, session: &mut Session) {
        std::mem::swap(&mut self.out, &mut session.out);
        std::mem::swap(&mut self.db, &mut session.db);
        std::mem::swap(&mut self.resp, &mut session.resp);
        std::mem::swap(&mut self.deny_blocking, &mut session.flags.deny_blocking);
    }
}

/// All of it.
#[derive(Debug, Default)]
pub struct Scripting {
    /// What runs scripts, when it is not running.
    pub scripts: Option<Box<Interpreter>>,
    /// What runs functions, when it is not running.
    pub functions: Option<Box<Interpreter>>,
    /// The scripts that EVALSHA finds.
    pub cache: Cache,
    /// The functions that FCALL finds.
    pub libraries: Libraries,
    /// What runs.
    pub running: Option<Running>,
    /// It is suspended.
    pub suspended: Option<Suspended>,
    /// DEBUG SET-DISABLE-DENY-SCRIPTS: scripts may run commands that are not for them.
    pub denies_none: bool,
    /// Room for replies to commands of scripts.
    pub spare: Out,
}

impl Scripting {
    /// Whether a script runs, or is suspended.
    #[inline]
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether a script is suspended: nearly nothing else may run.
    #[inline]
    pub fn is_suspended(&self) -> bool {
        self.suspended.is_some()
    }

    /// What a client is told that has to wait for what runs.
    pub fn busy(&self) -> CmdError {
        let kind = self.running.as_ref().map(|running| running.name.kind());
        CmdError::code(if kind == Some(Kind::Function) { BUSY_FUNCTION } else { BUSY_SCRIPT })
    }

    /// Whether the script with this SHA-1 is there.
    pub fn has(&self, sha: &Sha) -> bool {
        self.cache.get(sha).is_some()
    }

    /// Bytes that the interpreters of scripts and of functions take; while one runs it is not counted.
    pub fn memory(&self) -> (usize, usize) {
        let memory = |interpreter: &Option<Box<Interpreter>>| {
            interpreter.as_ref().map_or(0, |interpreter| interpreter.memory())
        };
        (memory(&self.scripts), memory(&self.functions))
    }
}
