//! Commands: argv to keyspace to reply. One file or folder for each family, which declares its own.

pub mod args;
pub mod bitmap;
pub mod connection;
pub mod draw;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod list;
pub mod pubsub;
pub mod scan;
pub mod server;
pub mod set;
pub mod stream;
pub mod string;
pub mod zset;

use crate::client::{ClientId, ReplicasWait, SyncWait};
use crate::resp::{Argv, CmdError};
use crate::server::{ClientCtx, KeysCtx, Server};
use crate::spec::Spec;
use crate::types::Type;
use std::ops::Range;

/// A command: its description, and the function that runs it.
#[derive(Debug)]
pub struct Command {
    /// Its description.
    pub spec: Spec,
    /// What runs it.
    pub run: Run,
    /// Its subcommands, of a container.
    pub subcommands: &'static [Self],
}

impl Command {
    /// The row that others are completed from: `..Command::NEW`.
    pub const NEW: Self = Self { spec: Spec::NEW, run: Run::Container, subcommands: &[] };
}

/// What runs a command; the type says what it may touch.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// Data commands: one database and the reply.
    Keys(fn(&mut KeysCtx<'_>, &Argv<'_>) -> Outcome),
    /// Commands about the client's own session.
    Client(fn(&mut ClientCtx<'_>, &Argv<'_>) -> Outcome),
    /// The marked exception: commands about the server as a whole.
    Server(fn(&mut Server, ClientId, &Argv<'_>) -> Outcome),
    /// A container, whose subcommands run.
    Container,
}

/// How a command ended.
pub type Outcome = Result<Flow, CmdError>;

/// What comes after a command that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// It is done, its reply written.
    Done,
    /// The client asked something of the process with an [`Action`](crate::effects::Action), and is
    /// answered when that is done; the others go on meanwhile.
    Await,
    /// The client waits for one of its keys to be filled; the command runs again then.
    Block(Block),
    /// The client is answered when its writes are synced: WAITAOF.
    AwaitSync(SyncWait),
    /// The client is answered when replicas have applied its writes: WAIT.
    AwaitReplicas(ReplicasWait),
    /// The client is answered OK when what it removed is freed; the others go on meanwhile.
    AwaitFreeing,
    /// It is done, and these other clients have come to their end.
    End(Vec<ClientId>),
}

/// What a command waits for that found nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its keys, as numbers of arguments.
    pub keys: Range<usize>,
    /// What one of them must hold for it,
    pub kind: Type,
    /// and how many elements of it at least; of a stream 0, for whom alone its command can tell.
    pub at_least: usize,
    /// The command goes on as well, to fail, when a key is gone or holds another type.
    pub or_gone: bool,
    /// Arguments, by number, that mean what they meant when the command came, and what that is.
    pub meant: Vec<(usize, Box<[u8]>)>,
    /// When it waits no longer, ms since the epoch, as [`args::deadline`] takes it; `None` for never.
    /// It is answered with a null array then.
    pub deadline_ms: Option<u64>,
    /// When it runs again though nothing of its keys has changed, ms since the epoch.
    pub again_ms: Option<u64>,
    /// What it answers where nobody may wait: inside EXEC, and in scripts.
    pub denied: Denied,
}

impl Block {
    /// The wait for one of some keys to hold so many elements.
    pub fn filled(
        keys: Range<usize>,
        kind: Type,
        at_least: usize,
        deadline_ms: Option<u64>,
        denied: Denied,
    ) -> Self {
        let (meant, again_ms) = (Vec::new(), None);
        Self { keys, kind, at_least, or_gone: false, meant, deadline_ms, again_ms, denied }
    }
}

/// The null that a command answers which may not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// That of a missing value.
    Null,
    /// That of a missing array.
    NullArray,
}

/// The usual end.
pub const DONE: Outcome = Ok(Flow::Done);
