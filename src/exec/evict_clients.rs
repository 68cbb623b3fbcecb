//! `maxmemory-clients`: where clients together hold too much, those that hold most are closed.

use crate::client::{ClientId, Closing, Session};
use crate::resp::Out;
use crate::server::Server;

/// Bytes that all clients may hold together; 0 is no limit.
#[inline]
fn limit(s: &Server) -> u64 {
    s.config.maxmemory_clients.bytes(s.maxmemory)
}

/// A client's turn is over. What it is to be sent has not been tried to be sent yet; of its input so many
/// bytes are kept, which it does not hold at the moment.
#[inline]
pub fn end_turn(s: &mut Server, id: ClientId, kept: usize) {
    if is_on(s) {
        s.clients.measure(id, |session| session.memory() - session.out.memory() + kept);
        evict(s, Some(id));
    }
}

/// A client holds so much input; whether it may go on. The session has it only while an argument is received
/// apart.
pub fn input_grew(s: &mut Server, id: ClientId, held: usize) -> bool {
    if is_on(s) {
        s.clients.measure(id, |session| {
            let outside = if session.query.receiving.is_some() { 0 } else { held };
            session.memory() + outside
        });
        evict(s, Some(id));
    }
    s.clients.get(id).is_some_and(|session| session.closing != Some(Closing::Now))
}

/// Before keys have to go, clients that together hold too much go, what the current one is about to be sent
/// included; whether it may go on.
pub fn before_keys(s: &mut Server, current: ClientId) -> bool {
    if is_on(s) {
        s.clients.measure(current, Session::memory);
        evict(s, Some(current));
    }
    s.clients.running(current).closing != Some(Closing::Now)
}

/// A client's output waits: counted, and acted upon where a turn ends.
#[inline]
pub fn output_waits(s: &mut Server, id: ClientId) {
    if is_on(s) {
        s.clients.measure(id, Session::memory);
    }
}

/// Looks at clients that may have said nothing for long.
pub(super) fn tick(s: &mut Server, ids: &[ClientId]) {
    if is_on(s) {
        ids.iter().for_each(|id| s.clients.measure(*id, Session::memory));
        evict(s, None);
    }
}

/// Whether there is a limit. The configuration may have set one, or taken it away.
#[inline]
fn is_on(s: &mut Server) -> bool {
    let on = limit(s) > 0;
    s.clients.count_memory(on);
    on
}

/// Closes clients until the others hold no more than they may. `current` was measured just now, in its own
/// way; of others what was counted may be out of date.
#[cold]
fn evict(s: &mut Server, current: Option<ClientId>) {
    let limit = limit(s);
    while s.clients.counted_memory() as u64 > limit {
        let Some(id) = s.clients.greatest() else { return };
        let session = s.clients.running(id);
        let counted = session.counted;
        if current != Some(id) && session.memory() < counted {
            s.clients.measure(id, Session::memory);
            continue;
        }
        session.close(Closing::Now);
        session.wake();
        // What it holds is needed now, not when its connection comes to its end.
        session.out = Out::default();
        session.query.buf = Vec::new();
        tracing::debug!(
            "Evicting client: id={} addr={} tot-mem={counted}",
            session.number,
            session.addr.peer()
        );
        s.clients.measure(id, Session::memory);
        s.stats.evicted_clients += 1;
    }
}
