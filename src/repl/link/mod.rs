//! The connection to this server's primary, as a machine: bytes and the time go in; bytes, [`Event`]s and
//! [`Fault`]s come out.
//!
//! # The course of a connection
//! ```text
//!   Waiting ──▶ Connecting ──▶ Greeting ──+CONTINUE──────────────────────▶ Streaming
//!      ▲                          └──+FULLRESYNC──▶ Receiving ──▶ Loading ──┘
//!      └──────────── whatever goes wrong, after a pause (Patience) ◀── from any of them
//! ```
//! Each attempt has a number. What a connection of an earlier attempt still has to say concerns nobody.
//!
//! The machine knows the protocol, not the data: who owns it carries out what an [`Event`] says, and tells it when a
//! data set is loaded.

mod handshake;
mod info;
mod logged;
mod patience;
mod payload;
#[cfg(test)]
mod tests;

pub use handshake::Terms;
pub use patience::Retry;

use crate::client::{ClientId, PeerAddr};
use crate::config::special::PrimaryAddress;
use crate::resp::{Parser, Span};
use handshake::{Answer, Handshake};
use logged::Logged;
use patience::Patience;
use payload::{Payload, Taken};
use std::task::Waker;

/// A stream that lasted so long was a good one, ms.
const PROVEN_MS: u64 = 1000;
/// Between two signs of life to the primary, ms.
const SIGN_MS: u64 = 1000;

/// What the connection is at.
#[derive(Debug, Default)]
enum State {
    /// Nobody is followed.
    #[default]
    Off,
    /// The next attempt begins then, ms since the epoch.
    Waiting { until_ms: u64 },
    /// The address is looked up and connected to.
    Connecting,
    /// Both sides say who they are and where they stand.
    Greeting(Box<Handshake>),
    /// The primary's data set is coming in.
    Receiving(Payload),
    /// It is there, and is being loaded.
    Loading,
    /// The primary's writes are coming in.
    Streaming { since_ms: u64 },
}

/// What came of the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The primary goes on with the stream where this server stands; its history has this name now, if it has another.
    Continues(Option<String>),
    /// The primary sends its data set, and then goes on at this place of its history. One that is too old to know of histories
    /// tells none.
    FullSync(Option<(String, u64)>),
    /// The replica that was asked to lead does not.
    Refused(String),
    /// The data set follows; so many bytes, if that is known.
    PayloadBegins(Option<u64>),
    /// A part of it.
    Part(Vec<u8>),
    /// All of it is there.
    PayloadEnds,
}

/// What the time asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// To connect.
    Connect,
    /// To tell the primary how far this server is.
    Ack,
    /// To give the connection up.
    Fault(Fault),
}

/// Why a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What the log is told.
    pub why: String,
    /// When to try again.
    pub retry: Retry,
}

impl Fault {
    /// A fault that is told so.
    pub fn new(retry: Retry, why: impl Into<String>) -> Self {
        Self { why: why.into(), retry }
    }
}

/// A full synchronisation that runs.
#[derive(Debug, Default)]
pub struct FullSync {
    /// The history it belongs to, and how far that was; none of a primary that knows no histories.
    pub history: Option<(String, u64)>,
    /// All bytes of it, if that is known.
    pub total: Option<u64>,
    /// Those that are here.
    pub read: u64,
    /// Keys are loaded as they come, not from a file.
    pub direct: bool,
    /// The database that the stream after it begins in, once all keys are loaded.
    pub loaded: Option<u32>,
}

/// The state of the connection to the primary.
#[derive(Debug, Default)]
pub struct Link {
    state: State,
    /// The number of the present attempt.
    attempt: u64,
    patience: Patience,
    /// When the primary last sent anything, ms since the epoch.
    io_ms: u64,
    /// When it was last told that this server is there.
    sign_ms: u64,
    /// Since when there is no stream though there was one.
    down_since_ms: Option<u64>,
    /// What was read and not used yet.
    pub input: Vec<u8>,
    /// What is to be sent.
    out: Vec<u8>,
    /// The full synchronisation that runs.
    pub sync: Option<FullSync>,
    /// This server's history can be gone on with: it is that of a primary.
    pub has_history: bool,
    /// The primary wants to know how far this server is.
    acknowledges: bool,
    /// The peer's and this end's address, and the socket's number, for CLIENT LIST.
    pub peer: Option<(PeerAddr, i32)>,
    /// The input must be so long before there is anything to be done with it.
    pub wanted: usize,
    /// The input is to be looked at again before more is read.
    pub rerun: bool,
    /// When the log was last told that the disk fails, ms since the epoch.
    pub complained_ms: u64,
    /// How much of the stream is on this server's disk.
    pub synced: Logged,
    /// The session of the stream.
    pub client: Option<ClientId>,
    /// The database in which the stream goes on.
    pub db: u32,
    /// The state of the stream's unfinished command.
    pub parser: Parser,
    /// Room for the arguments of its commands.
    pub spans: Vec<Span>,
    /// The beginning of a transaction whose end has not come.
    pub pending: Vec<u8>,
    waker: Option<Waker>,
}

impl Link {
    /// Begins to follow a primary: the first attempt is due.
    pub fn follow(&mut self, now_ms: u64) {
        self.end_attempt();
        self.patience = Patience::default();
        self.down_since_ms = None;
        self.state = State::Waiting { until_ms: now_ms };
    }

    /// Follows nobody any more.
    pub fn stop(&mut self) {
        self.end_attempt();
        self.state = State::Off;
        self.has_history = false;
    }

    /// The connection is given up; the next attempt comes later.
    pub fn lost(&mut self, retry: Retry, now_ms: u64, chance: u64) {
        let proven = matches!(self.state, State::Streaming { since_ms }
            if now_ms.saturating_sub(since_ms) >= PROVEN_MS);
        if matches!(self.state, State::Off) {
            return;
        }
        if self.is_up() {
            self.down_since_ms = Some(now_ms);
        }
        let pause_ms = self.patience.pause_ms(retry, proven, chance);
        self.end_attempt();
        self.state = State::Waiting { until_ms: now_ms + pause_ms };
    }

    fn end_attempt(&mut self) {
        self.attempt += 1;
        self.input = Vec::new();
        self.out = Vec::new();
        self.pending = Vec::new();
        self.parser = Parser::default();
        self.sync = None;
        self.rerun = false;
        self.wanted = 0;
        self.peer = None;
        self.wake();
    }

    /// What is due by now. Silence of the primary lasts no longer than `timeout_ms`.
    pub fn tick(&mut self, now_ms: u64, timeout_ms: u64) -> Option<Due> {
        let silent = now_ms.saturating_sub(self.io_ms) > timeout_ms;
        let says = now_ms.saturating_sub(self.sign_ms) >= SIGN_MS;
        let fault = |why| Some(Due::Fault(Fault::new(Retry::Soon, why)));
        match self.state {
            State::Waiting { until_ms } if until_ms <= now_ms => {
                self.attempt += 1;
                self.io_ms = now_ms;
                self.state = State::Connecting;
                Some(Due::Connect)
            }
            State::Connecting | State::Greeting(_) if silent => {
                fault("Timeout connecting to the MASTER...")
            }
            State::Receiving(_) if silent => fault(
                "Timeout receiving bulk data from MASTER... If the problem persists try to set the \
                 'repl-timeout' parameter in redis.conf to a larger value.",
            ),
            State::Streaming { .. } if silent => {
                fault("MASTER timeout: no data nor PING received...")
            }
            // An empty line tells the primary that it need not give this server up.
            State::Loading if says => {
                self.sign_ms = now_ms;
                self.say(b"\n");
                None
            }
            State::Streaming { .. } if says && self.acknowledges => Some(Due::Ack),
            _ => None,
        }
    }

    /// The connection is there.
    pub fn handle_connected(&mut self, terms: Terms, now_ms: u64) {
        self.io_ms = now_ms;
        self.acknowledges = true;
        self.state = State::Greeting(Box::new(Handshake::begin(terms, &mut self.out)));
    }

    /// Bytes were received: they are behind [`Link::input`] already.
    pub fn handle_received(&mut self, bytes: usize, now_ms: u64) {
        self.io_ms = now_ms;
        if let (State::Receiving(_), Some(sync)) = (&self.state, &mut self.sync) {
            sync.read += bytes as u64;
        }
    }

    /// Takes the next of what the input holds; nothing where more is needed, or where the stream has begun.
    ///
    /// # Errors
    /// The primary refuses, or is none.
    pub fn take(&mut self) -> Result<Option<Event>, Fault> {
        match &mut self.state {
            State::Greeting(handshake) => match handshake.take(&mut self.input, &mut self.out)? {
                None => Ok(None),
                Some(Answer::Continues(id)) => Ok(Some(Event::Continues(id))),
                Some(Answer::Refused(why)) => Ok(Some(Event::Refused(why))),
                Some(Answer::FullSync(history)) => {
                    self.acknowledges = history.is_some();
                    self.state = State::Receiving(Payload::default());
                    self.sync = Some(FullSync { history: history.clone(), ..FullSync::default() });
                    Ok(Some(Event::FullSync(history)))
                }
            },
            State::Receiving(payload) => {
                let taken = payload.take(&mut self.input)?;
                Ok(taken.map(|taken| self.took(taken)))
            }
            _ => Ok(None),
        }
    }

    fn took(&mut self, taken: Taken) -> Event {
        match taken {
            Taken::Begins(total) => {
                if let Some(sync) = &mut self.sync {
                    sync.total = total;
                }
                Event::PayloadBegins(total)
            }
            Taken::Part(bytes) => Event::Part(bytes),
            Taken::Ends => {
                self.state = State::Loading;
                Event::PayloadEnds
            }
        }
    }

    /// The primary's writes follow, and are run for this client.
    pub fn begin_stream(&mut self, client: ClientId, now_ms: u64) {
        self.state = State::Streaming { since_ms: now_ms };
        self.io_ms = now_ms;
        self.down_since_ms = None;
        self.client = Some(client);
        self.sync = None;
        self.wake();
    }

    /// Tells the primary how far this server is: what is applied, and what of it is on its disk, if it keeps a log.
    pub fn acknowledge(&mut self, applied: u64, synced: Option<u64>, now_ms: u64) {
        if !self.acknowledges {
            return;
        }
        self.sign_ms = now_ms;
        handshake::acknowledge(&mut self.out, applied, synced);
        self.wake();
    }

    /// Says something to the primary.
    pub fn say(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.wake();
    }

    /// What is to be sent.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Notes how the task is woken that serves the connection.
    pub fn set_waker(&mut self, waker: &Waker) {
        self.waker = Some(waker.clone());
    }

    /// Wakes the task that serves the connection.
    pub fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// The number of the present attempt.
    pub fn attempt(&self) -> u64 {
        self.attempt
    }

    /// Whether more is to be read of the connection.
    pub fn reads(&self) -> bool {
        matches!(self.state, State::Greeting(_) | State::Receiving(_) | State::Streaming { .. })
    }

    /// Whether the primary's writes are coming in.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Streaming { .. })
    }

    /// Whether a primary's data set is on its way, or being loaded.
    pub fn is_syncing(&self) -> bool {
        matches!(self.state, State::Receiving(_) | State::Loading)
    }

    /// Whether all of a data set is here, and it is being loaded.
    pub fn is_loading(&self) -> bool {
        matches!(self.state, State::Loading)
    }
}

/// `host:port`, for the log.
pub fn address(primary: &PrimaryAddress) -> String {
    format!("{}:{}", primary.host, primary.port)
}
