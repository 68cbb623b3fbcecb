//! FAILOVER: a primary hands its role to one of its replicas.
//!
//! ```text
//!   waiting ──▶ a replica has all ──▶ it is followed, and asked to lead ──▶ it does: done
//!      │  └──── time is over, FORCE ──▲            │
//!      └────────── time is over ──▶ given up ◀── it refuses, or FAILOVER ABORT
//! ```
//! From the beginning to either end nobody writes.

use super::Repl;
use crate::client::ClientId;
use crate::config::special::PrimaryAddress;

/// A failover under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failover {
    /// The replica that is to lead; any, while none was named or found.
    pub target: Option<PrimaryAddress>,
    /// When the waiting ends, ms since the epoch.
    pub deadline_ms: Option<u64>,
    /// It goes on then, though the replica does not have all.
    pub force: bool,
    /// This server follows the replica already, and asks it to lead.
    pub asks: bool,
}

impl Failover {
    /// Until when it waits for a replica to have all, ms since the epoch.
    pub fn waits_until_ms(&self) -> Option<u64> {
        self.deadline_ms.filter(|_| !self.asks)
    }

    /// As the log names it.
    pub fn name(&self) -> String {
        match &self.target {
            Some(PrimaryAddress { host, port }) => format!("FAILOVER to {host}:{port}"),
            None => "FAILOVER".to_owned(),
        }
    }
}

impl Repl {
    /// The replica that others reach at this address.
    pub fn replica_at(&self, at: &PrimaryAddress) -> Option<&super::Replica> {
        self.replicas.iter().find(|it| it.port == at.port && it.ip.eq_ignore_ascii_case(&at.host))
    }

    /// A replica that has all of the stream: the one at this address, or any.
    pub fn synced_replica(&self, at: Option<&PrimaryAddress>) -> Option<ClientId> {
        let has_all = |it: &&super::Replica| it.is_in_sync(self.offset());
        match at {
            Some(at) => self.replica_at(at).filter(has_all),
            None => self.replicas.iter().find(has_all),
        }
        .map(|it| it.client)
    }

    /// What INFO calls the state of a failover.
    pub(super) fn failover_state(&self) -> &'static str {
        match &self.failover {
            None => "no-failover",
            Some(Failover { asks: false, .. }) => "waiting-for-sync",
            Some(Failover { asks: true, .. }) => "failover-in-progress",
        }
    }
}
