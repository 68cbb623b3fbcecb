//! INFO's lines about who is connected.

use super::{Clients, Kind};
use crate::stdx::fields::Fields;

/// Bytes that clients hold, by what they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientMemory {
    /// Ordinary clients.
    pub normal: u64,
    /// Replicas.
    pub replicas: u64,
}

impl Clients {
    /// Section `clients`, without the buffers' extremes, which statistics keep; `watched_keys` are
    /// all that are watched.
    pub fn info(&self, out: &mut Fields, maxclients: u64, watched_keys: usize) {
        let count = |is: fn(&super::Session) -> bool| self.iter().filter(|(_, c)| is(c)).count();
        out.put("connected_clients", count(|c| c.kind != Kind::Replica));
        out.put("cluster_connections", 0);
        out.put("maxclients", maxclients);
        out.put("blocked_clients", count(super::Session::is_waiting));
        out.put("tracking_clients", 0);
        out.put("pubsub_clients", count(|c| c.kind == Kind::Pubsub));
        out.put("watching_clients", count(|c| !c.watched.is_empty()));
        out.put("clients_in_timeout_table", 0);
        out.put("total_watched_keys", watched_keys);
        out.all(&["total_blocking_keys", "total_blocking_keys_on_nokey"], 0);
    }

    /// What their sessions hold.
    pub fn memory(&self) -> ClientMemory {
        let mut sum = ClientMemory::default();
        for (_, session) in self.iter() {
            let held = session.memory() as u64;
            match session.kind {
                Kind::Replica => sum.replicas += held,
                Kind::Normal | Kind::Primary | Kind::Pubsub => sum.normal += held,
            }
        }
        sum
    }
}
