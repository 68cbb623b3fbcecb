//! Replication: the stream of writes and who follows it, or whom this server follows.
//!
//! # The stream
//! A primary's writes are one stream of bytes, each write as a client would send it. Its *offset* counts them from the
//! beginning of the history, whose name is the *replication id*. Two servers with the same id and offset have the same
//! keys. Who lost the connection therefore asks to go on at an offset (PSYNC); if the [`Backlog`] still has it,
//! that is all it gets, else a snapshot comes first.
//!
//! # Whose is what
//! - The backlog holds the latest bytes of the stream, once, for all replicas. A replica's output is a place in it.
//! - A primary appends its writes; a replica appends what it gets from its own primary, byte for byte, so that
//!   replicas of it, or those it had in common with the primary, can go on with it.
//! - After a change of primary the history before is known by the second id, up to [`Repl::second_offset`].

mod backlog;
mod failover;
mod info;
pub mod link;
mod replicas;

pub use backlog::Backlog;
pub use failover::Failover;
pub use link::Link;
pub use replicas::{Phase, Replica, Replicas};

use crate::client::ClientId;
use crate::config::special::PrimaryAddress;
use crate::persist::disk::File;
use rand::Rng;

/// What this server is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Role {
    /// It takes writes.
    #[default]
    Primary,
    /// It follows another server.
    Replica(PrimaryAddress),
}

/// How often replicas were served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// With a snapshot.
    pub full: u64,
    /// With the stream alone.
    pub partial: u64,
    /// Who asked for that and could not have it.
    pub refused: u64,
}

/// An RDB file for replicas.
#[derive(Debug)]
pub struct FileTask {
    /// The number of the snapshot, by which those who wait for it know it.
    pub number: u64,
    /// The file.
    pub file: Box<dyn File>,
}

/// All that is known of replication.
#[derive(Debug)]
pub struct Repl {
    /// What this server is.
    pub role: Role,
    /// The name of this history of writes, forty hex digits.
    pub replid: String,
    /// The name of the history before it, if its followers may go on here.
    pub replid2: Option<String>,
    /// The first offset that is not of the history before any more.
    pub second_offset: Option<u64>,
    /// The stream.
    pub backlog: Backlog,
    /// Who follows this server.
    pub replicas: Replicas,
    /// The connection to the primary of this server.
    pub link: Link,
    /// The failover that is under way.
    pub failover: Option<Failover>,
    /// What ends the snapshot that is being sent as it is taken.
    pub mark: String,
    /// How often replicas were served.
    pub counts: Counts,
    /// Clients in WAIT.
    pub waiting: Vec<ClientId>,
    /// RDB files that replicas are to be sent.
    pub files: Vec<FileTask>,
    /// Somebody waits to hear how far the replicas are.
    pub wants_acks: bool,
    /// Something was appended to the stream since this was last asked.
    pub has_news: bool,
    /// When what is looked at once a second was last looked at, ms since the epoch.
    pub looked_ms: u64,
    /// When the replicas were last sent a PING, ms since the epoch.
    pub pinged_ms: u64,
}

impl Repl {
    /// A primary with a new history.
    pub fn new(rng: &mut impl Rng) -> Self {
        Self {
            role: Role::Primary,
            replid: random_id(rng),
            replid2: None,
            second_offset: None,
            backlog: Backlog::default(),
            replicas: Replicas::default(),
            link: Link::default(),
            failover: None,
            mark: String::new(),
            counts: Counts::default(),
            waiting: Vec::new(),
            files: Vec::new(),
            wants_acks: false,
            has_news: false,
            looked_ms: 0,
            pinged_ms: 0,
        }
    }

    /// Whether this server takes writes of its own.
    pub fn is_primary(&self) -> bool {
        self.role == Role::Primary
    }

    /// The offset behind the last byte of the stream.
    pub fn offset(&self) -> u64 {
        self.backlog.end()
    }

    /// The database that a follower is in who begins at the present offset.
    pub fn stream_db(&self) -> u32 {
        match self.role {
            Role::Primary => self.backlog.db().unwrap_or(0),
            Role::Replica(_) => self.link.db,
        }
    }

    /// Begins a new history; the one before has no followers here.
    pub fn change_id(&mut self, rng: &mut impl Rng) {
        self.replid = random_id(rng);
    }

    /// Forgets the history before.
    pub fn clear_second_id(&mut self) {
        self.replid2 = None;
        self.second_offset = None;
    }

    /// Begins a new history that goes on where the present one ends: this server is nobody's replica any more.
    pub fn shift_id(&mut self, rng: &mut impl Rng) {
        let before = std::mem::replace(&mut self.replid, random_id(rng));
        self.replid2 = Some(before);
        self.second_offset = Some(self.offset() + 1);
    }

    /// Begins to keep the stream for those who follow; whether it was not kept before. Nobody can have
    /// followed what was not kept, so a primary's history has a new name then.
    pub fn keep_backlog(&mut self, rng: &mut impl Rng) -> bool {
        if self.backlog.is_kept() {
            return false;
        }
        self.backlog.keep();
        if self.is_primary() {
            self.change_id(rng);
            self.clear_second_id();
        }
        true
    }
}

/// Forty random hex digits.
pub fn random_id(rng: &mut impl Rng) -> String {
    (0..5).map(|_| format!("{:08x}", rng.next_u32())).collect()
}
