//! The primary's side of replication: who asks to follow is sent a snapshot or the rest of the stream, and watched.
//!
//! [`commands`] has what replicas ask with, [`sync`] the snapshots they get, [`wait`] those who wait for
//! them, [`tick`] what time asks for.

pub mod commands;
pub mod sync;
pub mod tick;
pub mod wait;

use super::{limits, shutdown};
use crate::client::{ClientId, Closing, Kind, Session};
use crate::repl::{Phase, Replica};
use crate::server::Server;

/// What GETACK looks like in the stream.
const GETACK: &[u8] = b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";

/// Replicas are told what came to the stream in this turn.
pub fn end_turn(s: &mut Server) {
    // While clients are paused nothing is added to the stream.
    if s.repl.wants_acks && s.repl.is_primary() && !s.pause.is_on(s.now_ms()) {
        s.repl.wants_acks = false;
        append(s, GETACK);
    }
    if std::mem::take(&mut s.repl.has_news) {
        tell(s);
    }
}

/// Asks the replicas how far they are, ahead of a pause in which nothing is added to the stream.
pub(super) fn ask_how_far(s: &mut Server) {
    if s.repl.is_primary() {
        append(s, GETACK);
    }
}

/// Appends to the stream what is no write.
pub(super) fn append(s: &mut Server, bytes: &[u8]) {
    s.repl.backlog.append(bytes);
    s.repl.has_news = true;
}

/// There is something new in the stream: replicas are woken, and those that have too much of it left to read
/// are closed.
#[cold]
fn tell(s: &mut Server) {
    let clients: Vec<ClientId> = s.repl.replicas.iter().map(|it| it.client).collect();
    for client in clients {
        limits::check_output(s, client);
    }
    for client in s.repl.ready().collect::<Vec<_>>() {
        if let Some(session) = s.clients.get_mut(client) {
            session.wake();
        }
    }
    s.repl.trim(s.config.repl_backlog_size);
}

/// The data set was loaded from a file that says which history it is of: those who followed that go on.
pub fn resume(s: &mut Server, facts: &[(Vec<u8>, Vec<u8>)]) {
    let of = |name: &[u8]| {
        let (_, value) = facts.iter().find(|(fact, _)| fact == name)?;
        str::from_utf8(value).ok()
    };
    let replid = of(b"repl-id").filter(|id| id.len() == 40);
    let offset = of(b"repl-offset").and_then(|offset| offset.parse::<u64>().ok());
    let gone = std::mem::take(&mut s.persist.loading.gone);
    let (Some(replid), Some(offset)) = (replid, offset) else { return };
    if !s.repl.is_primary() {
        return;
    }
    s.repl.replid2 = Some(replid.to_owned());
    s.repl.second_offset = Some(offset + 1);
    s.repl.backlog.keep();
    s.repl.backlog.rebase(offset);
    s.repl.replicas.none_since_ms = s.now_ms();
    s.follow_stream();
    // What expired meanwhile is in the file no more, but those who followed still have it.
    let name: &[u8] = if s.config.lazyfree_lazy_expire { b"UNLINK" } else { b"DEL" };
    for (db, key) in gone {
        s.effects.push(db, [name, &key].into_iter());
        s.deliver_writes();
    }
    s.repl.trim(s.config.repl_backlog_size);
}

/// Takes a connection in as a replica's.
fn attach(s: &mut Server, id: ClientId, legacy: bool) {
    let now_ms = s.now_ms();
    let name = name(s, id);
    let session = s.clients.running(id);
    session.kind = Kind::Replica;
    session.flags.gathers = s.config.repl_disable_tcp_nodelay;
    let ip = ip(session);
    let said = session.announced.get_or_insert_default();
    let mut replica = Replica::new(id, said, ip.unwrap_or_default(), name, now_ms);
    replica.legacy = legacy;
    s.repl.replicas.join(replica);
}

/// What the log calls a replica, or who asks to become one.
fn name(s: &mut Server, id: ClientId) -> String {
    let session = s.clients.running(id);
    let port = session.announced.as_ref().map_or(0, |said| said.port);
    match ip(session) {
        Some(ip) if port > 0 => format!("{ip}:{port}"),
        _ => format!("client id #{}", session.number),
    }
}

/// Where others reach a replica: what it announced, or where its connection comes from.
fn ip(session: &Session) -> Option<String> {
    let said = session.announced.as_ref().and_then(|said| said.ip.clone());
    said.or_else(|| session.addr.ip().map(|ip| ip.to_canonical().to_string()))
}

/// A connection has ended that may have been a replica's.
pub fn leave(s: &mut Server, id: ClientId) {
    let Some(replica) = s.repl.replicas.leave(id, s.now_ms()) else { return };
    tracing::info!("Connection with replica {} lost.", replica.name);
    s.repl.trim(s.config.repl_backlog_size);
    wait::serve(s);
    shutdown::go_on(s);
}

/// A replica's socket took bytes.
pub fn sent(s: &mut Server, id: ClientId, n: usize) {
    let now_ms = s.now_ms();
    s.stats.repl_out += n as u64;
    s.repl.sent(id, n, now_ms);
    let Some(replica) = s.repl.replicas.find(id) else { return };
    if replica.has_snapshot() {
        sync::received(s, id);
    } else if replica.phase == Phase::Online {
        s.repl.trim(s.config.repl_backlog_size);
    }
}

/// Closes a replica's connection at once.
fn close(s: &mut Server, id: ClientId) {
    if let Some(session) = s.clients.get_mut(id) {
        session.close(Closing::Now);
        session.wake();
    }
}

/// Closes the connections of all replicas: what they follow is not what it was.
pub fn disconnect_all(s: &mut Server) {
    for client in s.repl.replicas.iter().map(|it| it.client).collect::<Vec<_>>() {
        close(s, client);
    }
}
