//! Moving keys to other servers: MIGRATE, as a machine. Bytes and values come in; bytes, and keys that may go, come out.
//!
//! ```text
//!   asked for ──▶ waits for its turn ──▶ connects ──▶ opening ──▶ keys go over ──▶ ended, and answered
//!                                           ▲             │            │
//!                                           └── once ─────┴────────────┘ the connection broke before any key was answered
//! ```
//! Nobody else waits meanwhile but who would change such a key ([`Moving`]). A key's value is encoded when there is room
//! for it on the way, so that a migration of many keys holds no more than a few of them twice.

mod exchange;
mod moving;
#[cfg(test)]
mod tests;

pub use exchange::{Auth, Broken, Exchange, Verdict};
pub use moving::Moving;

use crate::client::ClientId;
use crate::resp::CmdError;
use crate::stdx::fields::Fields;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// A key's name, shared by all who keep it.
pub type Key = Rc<[u8]>;

/// Migrations that run at the same time; further ones wait.
const RUNNING_MAX: usize = 64;
/// Bytes on the way of all migrations, beyond which one that has some sends no more.
const OUTGOING_MAX: usize = 64 << 20;

/// The server that keys go to, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name or address,
    pub host: String,
    /// and its port.
    pub port: u16,
    /// The address that the connection comes from; empty for any.
    pub source: String,
    /// Who this server is there, if it has to say.
    pub auth: Option<Auth>,
}

/// What MIGRATE asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where the keys go,
    pub to: Target,
    /// and to which database of it.
    pub to_db: i64,
    /// How long connecting may take, and each step after that, ms.
    pub timeout_ms: u64,
    /// The keys stay here as well.
    pub copies: bool,
    /// They take the place of keys that are there.
    pub replaces: bool,
}

/// How a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is none: its name is not known, or it was not there in time.
    Connecting,
    /// It could not be written to, and not for want of time where `again` is set: another try may help.
    #[expect(missing_docs, reason = "told above")]
    Writing { again: bool },
    /// Nothing could be read of it; `again` as above.
    #[expect(missing_docs, reason = "told above")]
    Reading { again: bool },
}

impl Fault {
    fn may_pass(self) -> bool {
        matches!(self, Self::Writing { again: true } | Self::Reading { again: true })
    }

    fn error(self) -> CmdError {
        CmdError::code(match self {
            Self::Connecting => "IOERR error or timeout connecting to the client",
            Self::Writing { .. } => "IOERR error or timeout writing to target instance",
            Self::Reading { .. } => "IOERR error or timeout reading to target instance",
        })
    }
}

/// One migration.
#[derive(Debug)]
pub struct Migration {
    /// Who waits for it, unless it has left.
    pub client: ClientId,
    /// The database that the keys are in.
    pub db: u32,
    /// What was asked for.
    pub request: Request,
    unsent: VecDeque<Key>,
    exchange: Exchange,
    /// Bytes handed out and not written yet.
    outgoing: usize,
    /// A key was answered, so that nothing can be done over.
    has_verdict: bool,
    /// It was tried again.
    is_second: bool,
    /// Why it has failed on this side, if it has.
    error: Option<CmdError>,
}

/// What a migration does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It sends keys.
    Send,
    /// It waits for an answer.
    Await,
    /// It has ended.
    End,
}

impl Migration {
    /// The connection is there, in database `db`, where that is known.
    pub fn handle_connected(&mut self, db: Option<i64>) {
        let Request { to, to_db, .. } = &self.request;
        let select = Some(*to_db).filter(|to_db| db != Some(*to_db));
        self.exchange = Exchange::open(to.auth.as_ref(), select);
    }

    /// What comes next.
    pub fn step(&self) -> Step {
        match () {
            () if self.exchange.is_open() && !self.unsent.is_empty() => Step::Send,
            () if self.exchange.awaits() => Step::Await,
            () => Step::End,
        }
    }

    /// The next key that is to be sent.
    pub fn next_key(&mut self) -> Option<Key> {
        self.unsent.pop_front()
    }

    /// Sends it.
    pub fn send(&mut self, key: Key, ttl_ms: u64, payload: &[u8]) {
        self.exchange.send(key, ttl_ms, payload, self.request.replaces);
    }

    /// Bytes of what is to be written.
    pub fn unwritten(&self) -> usize {
        self.exchange.unwritten()
    }

    /// What is to be written.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.exchange.take_output()
    }

    /// Bytes came. What they say of keys is in `verdicts`.
    ///
    /// # Errors
    /// They are no answers.
    pub fn handle_received(
        &mut self,
        bytes: &[u8],
        verdicts: &mut Vec<Verdict>,
    ) -> Result<(), Broken> {
        let result = self.exchange.handle_received(bytes, verdicts);
        self.has_verdict |= !verdicts.is_empty();
        result
    }

    /// Something went wrong on this side; the first such thing is told.
    pub fn note_error(&mut self, error: CmdError) {
        self.error.get_or_insert(error);
    }

    /// The connection's database, where it can be relied on.
    pub fn selected(&self) -> Option<i64> {
        Some(self.request.to_db).filter(|_| self.exchange.refusal().is_none())
    }

    /// What is answered now that it has ended. What the other side says comes before what failed here.
    fn outcome(&self) -> Result<(), CmdError> {
        let refusal = self.exchange.refusal().map(|words| {
            CmdError::err(format_args!("Target instance replied with error: {words}"))
        });
        refusal.or_else(|| self.error.clone()).map_or(Ok(()), Err)
    }
}

/// All migrations.
#[derive(Debug, Default)]
pub struct Migrations {
    all: BTreeMap<u64, Migration>,
    /// How many of them run; those with greater numbers wait.
    running: usize,
    /// The greatest number of one that runs or has run.
    begun: u64,
    next_number: u64,
    /// Bytes handed out and not written yet, of all.
    outgoing: usize,
    /// Their keys.
    pub moving: Moving,
    /// Clients that wait to change one of them.
    pub held: Vec<ClientId>,
    /// Connections that are kept for the next migration to the same server.
    pub idle_connections: usize,
}

/// What is left of a migration that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Who waits for it, unless it has left.
    pub client: ClientId,
    /// What it is told.
    pub answer: Result<(), CmdError>,
}

impl Migrations {
    /// Takes a migration of these keys in; it runs when [`Migrations::begin_next`] says so.
    pub fn add(&mut self, client: ClientId, db: u32, request: Request, keys: Vec<Key>) {
        self.next_number += 1;
        let number = self.next_number;
        keys.iter().for_each(|key| self.moving.begin(number, db, key, request.copies));
        let migration = Migration {
            client,
            db,
            request,
            unsent: keys.into(),
            exchange: Exchange::default(),
            outgoing: 0,
            has_verdict: false,
            is_second: false,
            error: None,
        };
        self.all.insert(number, migration);
    }

    /// The number of one that may begin now, if one may: it counts as running from then on.
    pub fn begin_next(&mut self) -> Option<u64> {
        if self.running >= RUNNING_MAX {
            return None;
        }
        let (number, _) = self.all.range(self.begun + 1..).next()?;
        self.begun = *number;
        self.running += 1;
        Some(self.begun)
    }

    /// Bytes of a migration were handed out to be written; 0, once they are.
    pub fn set_outgoing(&mut self, number: u64, bytes: usize) {
        if let Some(migration) = self.all.get_mut(&number) {
            self.outgoing = self.outgoing - migration.outgoing + bytes;
            migration.outgoing = bytes;
        }
    }

    /// Whether so much is on the way that no more values are encoded.
    pub fn is_crowded(&self) -> bool {
        self.outgoing >= OUTGOING_MAX
    }

    /// The connection of a migration failed; whether it is to be tried again with another. Else it has failed.
    pub fn handle_fault(&mut self, number: u64, fault: Fault) -> bool {
        self.set_outgoing(number, 0);
        let Some(migration) = self.all.get_mut(&number) else { return false };
        let untouched = !migration.has_verdict && migration.exchange.refusal().is_none();
        if !fault.may_pass() || migration.is_second || !untouched {
            migration.note_error(fault.error());
            return false;
        }
        migration.is_second = true;
        let awaited = std::mem::take(&mut migration.exchange).into_awaited();
        for key in awaited.into_iter().rev() {
            self.moving.again(number, &key);
            migration.unsent.push_front(key);
        }
        true
    }

    /// A migration has ended. Keys that it is not done with stay as they are.
    pub fn end(&mut self, number: u64) -> Option<Ended> {
        self.set_outgoing(number, 0);
        let migration = self.all.remove(&number)?;
        self.running -= 1;
        let answer = migration.outcome();
        let Migration { client, unsent, exchange, .. } = migration;
        for key in unsent.into_iter().chain(exchange.into_awaited()) {
            self.moving.end(number, &key);
        }
        Some(Ended { client, answer })
    }

    /// A migration, and the keys of all.
    pub fn parts(&mut self, number: u64) -> Option<(&mut Migration, &mut Moving)> {
        Some((self.all.get_mut(&number)?, &mut self.moving))
    }

    /// A migration.
    pub fn get(&self, number: u64) -> Option<&Migration> {
        self.all.get(&number)
    }

    /// The line of INFO's section `stats`.
    pub fn info(&self, out: &mut Fields) {
        out.put("migrate_cached_sockets", self.idle_connections);
    }
}
