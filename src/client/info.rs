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

/// What clients watch and wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AwaitedKeys {
    /// Keys that are watched.
    pub watched: usize,
    /// Keys that are waited for.
    pub blocking: usize,
    /// Clients that wait for keys, and not for ever.
    pub with_deadline: usize,
}

impl Clients {
    /// Section `clients`, without the buffers' extremes, which statistics keep.
    pub fn info(&self, out: &mut Fields, maxclients: u64, keys: AwaitedKeys) {
        let count = |is: fn(&super::Session) -> bool| self.iter().filter(|(_, c)| is(c)).count();
        out.put("connected_clients", count(|c| c.kind != Kind::Replica));
        out.put("cluster_connections", 0);
        out.put("maxclients", maxclients);
        out.put("blocked_clients", count(super::Session::is_waiting));
        out.put("tracking_clients", count(|c| c.tracking.is_some()));
        out.put("pubsub_clients", count(|c| c.kind == Kind::Pubsub));
        out.put("watching_clients", count(|c| !c.watched.is_empty()));
        out.put("clients_in_timeout_table", keys.with_deadline);
        out.put("total_watched_keys", keys.watched);
        out.put("total_blocking_keys", keys.blocking);
        out.put("total_blocking_keys_on_nokey", 0);
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
