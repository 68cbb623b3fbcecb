//! What clients' memory adds up to, and who holds most: for `maxmemory-clients`.
//!
//! A client is measured when it may have come to hold more or less, and put among those whose memory
//! has as many binary digits. So measuring costs nothing but the sum as a rule, and the greatest are
//! found at once.
//!
//! Invariants:
//! 1. `total` is the sum of what was counted of the sessions.
//! 2. A client is in a class exactly if something was counted of it and it may be evicted, and then in
//!    that of its count.

use super::{ClientId, Clients, Kind, Session};
use std::collections::BTreeSet;

/// Numbers of binary digits.
const CLASSES: usize = usize::BITS as usize + 1;

/// The account of what all clients hold.
#[derive(Debug)]
pub(super) struct MemoryAccount {
    on: bool,
    total: usize,
    classes: [BTreeSet<ClientId>; CLASSES],
}

impl Default for MemoryAccount {
    fn default() -> Self {
        Self { on: false, total: 0, classes: [const { BTreeSet::new() }; CLASSES] }
    }
}

impl MemoryAccount {
    /// A client holds so many bytes now; 0 if it is not counted any more.
    pub(super) fn set(&mut self, id: ClientId, session: &mut Session, bytes: usize) {
        let before = std::mem::replace(&mut session.counted, bytes);
        self.total = self.total - before + bytes;
        let evictable = bytes > 0 && !session.flags.no_evict;
        if class(before) != class(bytes) || !evictable {
            self.classes[class(before)].remove(&id);
        }
        if evictable {
            self.classes[class(bytes)].insert(id);
        }
    }
}

fn class(bytes: usize) -> usize {
    (usize::BITS - bytes.leading_zeros()) as usize
}

/// Replicas and primaries have bounds of their own.
fn is_counted(session: &Session) -> bool {
    matches!(session.kind, Kind::Normal | Kind::Pubsub) && session.closing.is_none()
}

impl Clients {
    /// Begins to count what clients hold, or ends it.
    pub fn count_memory(&mut self, on: bool) {
        if on == self.account.on {
            return;
        }
        self.account.on = on;
        let ids: Vec<_> = self.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.measure(id, Session::memory);
        }
    }

    /// Counts what a client holds now.
    pub fn measure(&mut self, id: ClientId, memory: impl Fn(&Session) -> usize) {
        let Some(session) = self.get(id) else { return };
        let bytes = if self.account.on && is_counted(session) { memory(session) } else { 0 };
        let (account, session) = self.account_and_session(id);
        account.set(id, session, bytes);
    }

    /// What all that are counted hold.
    pub fn counted_memory(&self) -> usize {
        self.account.total
    }

    /// One of those who hold most and may be evicted.
    pub fn greatest(&self) -> Option<ClientId> {
        self.account.classes.iter().rev().find_map(|class| class.first().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::PeerAddr;

    fn join(clients: &mut Clients) -> ClientId {
        clients.insert(Session::new(PeerAddr::Unix("s".into()), 1, true, 0))
    }

    #[test]
    fn the_greatest_that_may_be_evicted_comes_first() {
        let mut clients = Clients::default();
        let (a, b, c) = (join(&mut clients), join(&mut clients), join(&mut clients));
        clients.count_memory(true);
        clients.measure(a, |_| 100_000);
        clients.measure(b, |_| 5_000_000);
        clients.running(c).flags.no_evict = true;
        clients.measure(c, |_| 50_000_000);
        assert_eq!((clients.counted_memory(), clients.greatest()), (55_100_000, Some(b)));
        clients.running(b).kind = Kind::Replica;
        clients.measure(b, |_| 5_000_000);
        assert_eq!((clients.counted_memory(), clients.greatest()), (50_100_000, Some(a)));
        clients.remove(a);
        assert_eq!((clients.counted_memory(), clients.greatest()), (50_000_000, None));
        clients.running(c).flags.no_evict = false;
        clients.measure(c, |_| 1);
        assert_eq!((clients.counted_memory(), clients.greatest()), (1, Some(c)));
        clients.count_memory(false);
        assert_eq!((clients.counted_memory(), clients.greatest()), (0, None));
        clients.measure(c, |_| 7);
        assert_eq!(clients.counted_memory(), 0);
    }
}
