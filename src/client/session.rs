//! One client's session.

use super::{
    Announced, KeysWait, ReplicasWait, Subscriptions, SyncWait, Tracking, Transaction, Wait,
};
use crate::resp::{Out, Parser, Reply, Resp};
use bytes::{Bytes, BytesMut};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Waker;

/// What a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerAddr {
    /// TCP: peer and local address.
    #[expect(missing_docs, reason = "told above")]
    Tcp { peer: SocketAddr, local: SocketAddr },
    /// A unix socket at this path.
    Unix(std::rc::Rc<str>),
}

impl PeerAddr {
    /// The peer as CLIENT LIST's `addr` shows it.
    pub fn peer(&self) -> String {
        match self {
            Self::Tcp { peer, .. } => peer.to_string(),
            Self::Unix(path) => format!("{path}:0"),
        }
    }

    /// The local end as CLIENT LIST's `laddr` shows it.
    pub fn local(&self) -> String {
        match self {
            Self::Tcp { local, .. } => local.to_string(),
            Self::Unix(path) => format!("{path}:0"),
        }
    }

    /// The peer's IP address alone, if it has one.
    pub fn ip(&self) -> Option<std::net::IpAddr> {
        match self {
            Self::Tcp { peer, .. } => Some(peer.ip()),
            Self::Unix(_) => None,
        }
    }

    /// Whether it comes from this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp { peer, .. } => match peer.ip() {
                std::net::IpAddr::V6(ip) => ip.to_canonical().is_loopback(),
                std::net::IpAddr::V4(ip) => ip.is_loopback(),
            },
            Self::Unix(_) => true,
        }
    }
}

/// What a client is, for limits and for CLIENT KILL TYPE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// An ordinary client.
    #[default]
    Normal,
    /// A replica of this server.
    Replica,
    /// The primary of this server.
    Primary,
    /// A client in subscribed mode.
    Pubsub,
}

impl Kind {
    /// As CLIENT KILL TYPE names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Replica => "replica",
            Self::Primary => "master",
            Self::Pubsub => "pubsub",
        }
    }
}

/// What CLIENT REPLY asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyMode {
    /// Every reply is sent.
    #[default]
    On,
    /// None is.
    Off,
    /// The next command's reply is not.
    SkipNext,
    /// This command's reply is not.
    Skip,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// When what waits is sent.
    AfterReply,
    /// At once.
    Now,
}

/// Yes-or-no properties of a session.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Flags {
    /// Past AUTH, or none is needed.
    pub authenticated: bool,
    /// Receives every command that runs.
    pub monitor: bool,
    /// CLIENT NO-EVICT.
    pub no_evict: bool,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// CLIENT CAPA redirect.
    pub capa_redirect: bool,
    /// Has input that waits for CLIENT PAUSE to end.
    pub paused: bool,
    /// The command it has sent waits for memory, and so no more is read of it.
    pub throttled: bool,
    /// A key it watched has changed: its EXEC will run nothing.
    pub watch_broken: bool,
    /// Inside EXEC: what would wait ends at once, as if its time were over.
    pub deny_blocking: bool,
    /// Its output waits for its writes to be synced; `persist::Aof` lists it among those whose does.
    pub held: bool,
    /// Its socket is to gather small packets from now on; the connection's task takes note.
    pub gathers: bool,
}

/// The names a client gave itself; most clients give some, so they share one allocation.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// CLIENT SETNAME.
    pub name: Vec<u8>,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: Vec<u8>,
    /// CLIENT SETINFO LIB-VER.
    pub lib_ver: Vec<u8>,
}

/// Bytes and commands of one session.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traffic {
    /// Bytes received.
    pub net_in: u64,
    /// Bytes sent.
    pub net_out: u64,
    /// Commands run.
    pub commands: u64,
    /// Reads that brought something.
    pub reads: u64,
}

/// A key that a client watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedKey {
    /// The database it is in.
    pub db: u32,
    /// Its name, shared with the index of watchers.
    pub key: Rc<[u8]>,
}

/// Input that was read and not yet run.
#[derive(Debug, Default)]
pub struct Query {
    /// The bytes; empty for nearly every client nearly always, for whole commands are run from a
    /// buffer that all clients share.
    pub buf: Vec<u8>,
    /// What was parsed of the unfinished command at its start.
    pub parser: Parser,
    /// Bytes from the command's start that would bring the parser further.
    pub wanted: usize,
    /// Long arguments of the unfinished command that were received apart.
    pub apart: Vec<Bytes>,
    /// The one that is being received, and the length it will have with its line end.
    pub receiving: Option<(BytesMut, usize)>,
    /// Bytes of the input that is being run, wherever it lies.
    pub running: usize,
}

impl Query {
    /// Bytes read and not done with.
    pub fn held(&self) -> usize {
        let receiving = self.receiving.as_ref().map_or(0, |(bytes, _)| bytes.len());
        self.running.max(self.buf.len()) + self.apart_bytes() + receiving
    }

    /// Bytes read and not parsed, for CLIENT LIST's `qbuf`: of an argument that is received apart, the
    /// argument alone.
    pub fn unparsed(&self) -> usize {
        match &self.receiving {
            Some((bytes, _)) => bytes.len(),
            None => self.running.max(self.buf.len()).saturating_sub(self.parser.parsed()),
        }
    }

    /// Bytes of the arguments that are complete, of the command that is not or that has to wait.
    fn arguments(&self) -> usize {
        self.parser.arguments() + self.apart_bytes()
    }

    fn apart_bytes(&self) -> usize {
        self.apart.iter().map(Bytes::len).sum()
    }
}

/// One client.
#[derive(Debug)]
pub struct Session {
    /// CLIENT ID.
    pub number: u64,
    /// Both ends of the connection.
    pub addr: PeerAddr,
    /// The socket's file descriptor, for CLIENT LIST.
    pub fd: i32,
    /// The selected database.
    pub db: u32,
    /// The protocol it speaks.
    pub resp: Resp,
    /// What it is.
    pub kind: Kind,
    /// Yes-or-no properties.
    pub flags: Flags,
    /// What CLIENT REPLY asked for.
    pub reply_mode: ReplyMode,
    /// Set once it is to be closed.
    pub closing: Option<Closing>,
    /// What a command of it waits for.
    pub wait: Option<Wait>,
    /// Input not yet run.
    pub query: Query,
    /// Output not yet sent.
    pub out: Out,
    /// Since when the output is above its soft limit, ms.
    pub soft_limit_since_ms: Option<u64>,
    /// What it queues since MULTI, until EXEC has run it.
    pub transaction: Option<Rc<Transaction>>,
    /// What it watches; `effects::WatchIndex` keeps this.
    pub watched: Vec<WatchedKey>,
    /// What it is subscribed to; `pubsub::Pubsub` keeps this.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// CLIENT TRACKING; `effects::TrackingIndex` keeps this.
    pub tracking: Option<Box<Tracking>>,
    /// Its number among those whose reads are remembered; `effects::TrackingIndex` keeps this.
    pub tracking_seat: Option<u32>,
    /// Names it gave itself.
    pub names: Option<Box<Names>>,
    /// What it said of itself as a replica, until it is one.
    pub announced: Option<Box<Announced>>,
    /// When it connected, ms since the epoch.
    pub connected_ms: u64,
    /// When it last sent or took something, ms since the epoch.
    pub active_ms: u64,
    /// The table index of its last command.
    pub last_command: Option<crate::spec::CommandId>,
    /// Bytes and commands.
    pub traffic: Traffic,
    /// Its writes are all in the log up to this offset.
    pub wrote_to: u64,
    /// Its writes are all in the stream for replicas up to this offset.
    pub streamed_to: u64,
    /// Bytes that `Clients` counted of it for `maxmemory-clients`; 0 where they are not counted.
    pub counted: usize,
    /// It was woken to go on with the input it holds.
    pub resumed: bool,
    /// Wakes its connection's task.
    waker: Option<Waker>,
}

impl Session {
    /// A fresh session.
    pub fn new(addr: PeerAddr, fd: i32, authenticated: bool, now_ms: u64) -> Self {
        Self {
            number: 0,
            addr,
            fd,
            db: 0,
            resp: Resp::V2,
            kind: Kind::Normal,
            flags: Flags { authenticated, ..Flags::default() },
            reply_mode: ReplyMode::On,
            closing: None,
            wait: None,
            query: Query::default(),
            out: Out::default(),
            soft_limit_since_ms: None,
            transaction: None,
            watched: Vec::new(),
            subscriptions: None,
            tracking: None,
            tracking_seat: None,
            names: None,
            announced: None,
            connected_ms: now_ms,
            active_ms: now_ms,
            last_command: None,
            traffic: Traffic::default(),
            wrote_to: 0,
            streamed_to: 0,
            counted: 0,
            resumed: false,
            waker: None,
        }
    }

    /// The name it gave itself, or nothing.
    pub fn name(&self) -> &[u8] {
        self.names.as_ref().map_or(&[], |n| &n.name)
    }

    /// Its names, to be changed.
    pub fn names_mut(&mut self) -> &mut Names {
        self.names.get_or_insert_default()
    }

    /// Whether its next command may run.
    #[inline]
    pub fn may_go_on(&self) -> bool {
        self.closing.is_none() && self.wait.is_none() && !self.flags.paused
    }

    /// Whether a command of it waits, blocked or paused.
    pub fn is_waiting(&self) -> bool {
        self.wait.is_some() || self.flags.paused
    }

    /// Ends the connection; an end at once is not put off again.
    pub fn close(&mut self, how: Closing) {
        if self.closing != Some(Closing::Now) {
            self.closing = Some(how);
        }
    }

    /// The keys it waits for.
    pub fn keys_wait(&self) -> Option<&KeysWait> {
        match &self.wait {
            Some(Wait::Keys(wait)) => Some(wait),
            Some(Wait::Process | Wait::Sync(_) | Wait::Replicas(_)) | None => None,
        }
    }

    /// Ends a wait for keys and hands it out; `effects::BlockedClients` is told by the caller.
    pub fn take_keys_wait(&mut self) -> Option<Box<KeysWait>> {
        match self.wait.take() {
            Some(Wait::Keys(wait)) => Some(wait),
            other => {
                self.wait = other;
                None
            }
        }
    }

    /// What of its writes it waits for.
    pub fn sync_wait(&self) -> Option<SyncWait> {
        match self.wait {
            Some(Wait::Sync(wait)) => Some(wait),
            _ => None,
        }
    }

    /// What it waits for replicas to do.
    pub fn replicas_wait(&self) -> Option<ReplicasWait> {
        match self.wait {
            Some(Wait::Replicas(wait)) => Some(wait),
            _ => None,
        }
    }

    /// Answers WAIT and WAITAOF, as [`Session::end_wait`] does another command.
    pub fn end_sync_wait(&mut self, answer: impl FnOnce(&mut Reply<'_>)) {
        if matches!(self.wait, Some(Wait::Sync(_) | Wait::Replicas(_))) {
            self.wait = Some(Wait::Process);
            self.end_wait(answer);
        }
    }

    /// Answers the command that waits for the process, unless its reply is not wanted, and goes on with the input.
    /// Nothing, where none waits.
    pub fn end_wait(&mut self, answer: impl FnOnce(&mut Reply<'_>)) {
        if !matches!(self.wait, Some(Wait::Process)) {
            return;
        }
        self.wait = None;
        if self.reply_mode == ReplyMode::On {
            answer(&mut Reply::new(&mut self.out, self.resp));
        }
        self.wake();
    }

    /// Notes how its task is woken.
    #[inline]
    pub fn set_waker(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Wakes its task: to send its output, to go on with its input, or to end.
    pub fn wake(&mut self) {
        self.resumed = true;
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// The transaction that takes what the client sends; none while EXEC runs it.
    pub fn queueing(&mut self) -> Option<&mut Transaction> {
        self.transaction.as_mut().and_then(Rc::get_mut)
    }

    /// Bytes of the arguments kept for a command that is not complete or that waits, for CLIENT LIST's
    /// `argv-mem`.
    pub fn arguments(&self) -> usize {
        self.query.arguments() + self.keys_wait().map_or(0, |wait| wait.request.bytes())
    }

    /// Bytes of memory the session holds: itself, its input, its output, its names, what it queued,
    /// watches, tracks and is subscribed to.
    pub fn memory(&self) -> usize {
        let names = self.names.as_ref().map_or(0, |n| {
            size_of::<Names>() + n.name.capacity() + n.lib_name.capacity() + n.lib_ver.capacity()
        });
        let transaction = self.transaction.as_ref().map_or(0, |t| t.memory());
        let subscriptions = self.subscriptions.as_ref().map_or(0, |s| s.memory());
        let tracking = self.tracking.as_ref().map_or(0, |t| t.memory());
        let keys: usize = self.watched.iter().map(|watched| watched.key.len()).sum();
        size_of::<Self>()
            + transaction
            + self.keys_wait().map_or(0, KeysWait::memory)
            + subscriptions
            + tracking
            + self.watched.capacity() * size_of::<WatchedKey>()
            + keys
            + self.query.buf.capacity()
            + self.query.receiving.as_ref().map_or(0, |(bytes, _)| bytes.capacity())
            + self.query.apart_bytes()
            + self.query.parser.memory()
            + self.out.memory()
            + names
    }
}
