//! The replicas of this server.

use crate::client::ClientId;

/// How far a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It waits for a snapshot to begin,
    Waits,
    /// or for the one that has begun.
    Snapshot,
    /// It is being sent a file.
    Sending,
    /// It gets the stream.
    Online,
}

/// A replica.
#[derive(Debug)]
pub struct Replica {
    /// Its connection.
    pub client: ClientId,
    /// Where others reach it: what it announced, or where the connection comes from,
    pub ip: String,
    /// and the port that it announced.
    pub port: u16,
    /// How far it is.
    pub phase: Phase,
    /// The offset up to which the stream was sent to it.
    pub cursor: u64,
    /// The offset it last said to have applied,
    pub acked: u64,
    /// and when it said so, ms since the epoch.
    pub acked_ms: u64,
    /// The offset it last said to have synced to its own append-only file.
    pub synced: u64,
}

impl Replica {
    /// Seconds since it last spoke.
    pub fn lag_seconds(&self, now_ms: u64) -> u64 {
        match self.phase {
            Phase::Online => now_ms.saturating_sub(self.acked_ms) / 1000,
            _ => 0,
        }
    }
}

/// All replicas, in the order they came.
#[derive(Debug, Default)]
pub struct Replicas {
    list: Vec<Replica>,
}

impl Replicas {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Replica> {
        self.list.iter()
    }

    /// How many get the stream and spoke within the last `lag` seconds.
    pub fn good(&self, lag: u32, now_ms: u64) -> usize {
        let is_good = |replica: &&Replica| {
            replica.phase == Phase::Online && replica.lag_seconds(now_ms) <= u64::from(lag)
        };
        self.iter().filter(is_good).count()
    }
}
