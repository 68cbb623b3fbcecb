//! Following a primary: how it begins and ends, and what the connection to it is told and asks for.
//!
//! [`repl::link`](crate::repl::link) knows the protocol; here is what it means for the server. `net` makes the connection that
//! [`Action::Connect`] asks for and carries bytes between it and [`poll`], [`received`] and [`work`]; the full
//! synchronisation is in [`sync`], the stream in `stream`.

pub mod command;
mod start;
mod stream;
pub mod sync;

pub use start::{at_start, loaded_at_start};

use super::{aof, clients, failover, primary, settle};
use crate::client::PeerAddr;
use crate::config::special::PrimaryAddress;
use crate::effects::{Action, Connect, GaveUp};
use crate::keyspace::Keeper;
use crate::persist::aof::State;
use crate::persist::load::Options;
use crate::persist::load::receive::ToFile;
use crate::repl::Role;
use crate::repl::link::{Due, Event, Fault, Retry, Terms, address};
use crate::server::Server;
use rand::Rng;
use std::task::Waker;

/// What `net` does next with the connection.
#[derive(Debug)]
pub enum Next {
    /// Look at it again.
    Go,
    /// The same, after others had their turn.
    Yield,
    /// Begin to take a data set.
    Receive(Box<Receipt>),
    /// Hand this part of it to whoever takes it.
    Part(Vec<u8>),
    /// That was all of it.
    Whole,
    /// Close it.
    Close,
}

/// How a data set is taken.
#[derive(Debug)]
pub enum Receipt {
    /// Into a file, which is looked through before anything is given up for it.
    File(ToFile),
    /// Straight into the keyspace: [`load::ended`](super::load::ended) is told of its end.
    Direct(Options),
}

/// What the connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// To be closed.
    End,
    /// Bytes of the primary.
    Input,
    /// To go on with those it has.
    Work,
    /// Something else than its socket.
    Nothing,
}

/// Begins to follow another server, unless it is followed already.
pub fn follow(s: &mut Server, primary: PrimaryAddress) {
    let was_primary = s.repl.is_primary();
    end_attempt(s, "another primary is to be followed");
    let at = address(&primary);
    s.repl.role = Role::Replica(primary.clone());
    s.config.replicaof = Some(primary);
    if was_primary {
        // What was kept for replicas says where this history stands; it may be another's beginning.
        s.repl.link.has_history = s.repl.backlog.is_kept();
        s.repl.backlog.keep();
    }
    become_replica(s);
    let now_ms = s.now_ms();
    s.repl.link.follow(now_ms);
    tracing::info!("Connecting to MASTER {at}");
    tick(s);
}

/// What the role of a replica changes beside the connection.
fn become_replica(s: &mut Server) {
    s.keyspace.shared.keep_expired(Keeper::Replica, true);
    s.follow_stream();
    s.configure();
    unblock_all(s);
    s.effects.act(Action::RoleChanged);
}

/// Clients that wait for keys would wait for what the primary's writes bring, which is not for them; and those that wait for
/// replicas for what none will ever say.
fn unblock_all(s: &mut Server) {
    let for_replicas = std::mem::take(&mut s.repl.waiting);
    for id in for_replicas.into_iter().chain(std::mem::take(&mut s.persist.aof.waiting)) {
        if let Some(session) = s.clients.get_mut(id) {
            let error = GaveUp::RoleChanged.error();
            session.end_sync_wait(|reply| error.iter().for_each(|error| reply.error(error)));
        }
    }
    let waiting: Vec<_> = s.clients.iter().filter(|(_, it)| it.keys_wait().is_some()).collect();
    for id in waiting.into_iter().map(|(id, _)| id).collect::<Vec<_>>() {
        s.effects.blocked.give_up(id, &mut s.clients, GaveUp::RoleChanged);
    }
}

/// Ends following: this server is a primary, whose history goes on where the one before stands.
pub fn unfollow(s: &mut Server) {
    if s.repl.is_primary() {
        return;
    }
    end_attempt(s, "no primary is to be followed any more");
    s.repl.link.stop();
    s.repl.role = Role::Primary;
    s.config.replicaof = None;
    let rng = &mut s.rng;
    s.repl.shift_id(rng);
    // Those that follow have to learn the new name of the history.
    primary::disconnect_all(s);
    s.repl.backlog.forget_db();
    // What is kept for those that come back is kept from now on.
    s.repl.replicas.none_since_ms = s.now_ms();
    s.keyspace.forget_own();
    s.keyspace.shared.keep_expired(Keeper::Replica, false);
    s.follow_stream();
    s.configure();
    aof::configure(s);
    s.effects.act(Action::RoleChanged);
}

/// Ends what runs of the present attempt, for good.
fn end_attempt(s: &mut Server, why: &str) {
    sync::lost(s, why);
    if let Some(client) = s.repl.link.client.take() {
        s.repl.link.db = s.clients.get(client).map_or(0, |session| session.db);
        clients::leave(s, client);
    }
}

/// The connection is given up, and another is made later.
pub(super) fn lose(s: &mut Server, fault: &Fault) {
    if s.repl.is_primary() {
        return;
    }
    match s.repl.link.is_up() {
        true => tracing::warn!("Connection with master lost. {}", fault.why),
        false => tracing::warn!("{}", fault.why),
    }
    end_attempt(s, &fault.why);
    let (now_ms, chance) = (s.now_ms(), s.rng.next_u64());
    // While nobody leads nobody writes, so it is tried again soon.
    let retry = if s.repl.failover.is_some() { Retry::Soonest } else { fault.retry };
    s.repl.link.lost(retry, now_ms, chance);
    tick(s);
}

/// Does what the time asks for.
pub fn tick(s: &mut Server) {
    let Role::Replica(primary) = &s.repl.role else { return };
    // A load of an attempt that has failed may still be ending.
    if s.persist.loading.is_on() && !s.repl.link.is_syncing() {
        return;
    }
    let (now_ms, timeout_ms) = (s.now_ms(), u64::from(s.config.repl_timeout) * 1000);
    match s.repl.link.tick(now_ms, timeout_ms) {
        None => {}
        Some(Due::Ack) => acknowledge(s),
        Some(Due::Fault(fault)) => lose(s, &fault),
        Some(Due::Connect) => {
            tracing::info!("MASTER <-> REPLICA sync started");
            let PrimaryAddress { host, port } = primary.clone();
            let source = s.config.bind_source_addr.clone();
            let attempt = s.repl.link.attempt();
            s.effects.act(Action::Connect(Box::new(Connect { attempt, host, port, source })));
        }
    }
}

/// Tells the primary how far this server is.
pub(super) fn acknowledge(s: &mut Server) {
    let (applied, now_ms) = (s.repl.offset(), s.now_ms());
    let log = &s.persist.aof;
    let synced = match log.state {
        State::On => Some(s.repl.link.synced.at(applied, log.log.end(), log.progress.synced)),
        State::Off | State::Beginning => None,
    };
    s.repl.link.acknowledge(applied, synced, now_ms);
}

/// The connection of an attempt is there; whether it is still wanted.
pub fn connected(s: &mut Server, attempt: u64, peer: PeerAddr, fd: i32) -> bool {
    if s.repl.link.attempt() != attempt || s.repl.is_primary() {
        return false;
    }
    s.repl.link.peer = Some((peer, fd));
    tracing::info!("Non blocking connect for SYNC fired the event.");
    let config = &s.config;
    let announced = config.replica_announce_port;
    let terms = Terms {
        user: config.masteruser.clone(),
        password: config.masterauth.clone(),
        port: if announced > 0 { announced } else { config.port },
        ip: config.replica_announce_ip.clone(),
        history: s.repl.link.has_history.then(|| (s.repl.replid.clone(), s.repl.offset() + 1)),
        failover: s.repl.failover.is_some(),
    };
    let now_ms = s.now_ms();
    s.repl.link.handle_connected(terms, now_ms);
    true
}

/// The connection of an attempt could not be made, or has ended.
pub fn closed(s: &mut Server, attempt: u64, why: &str) {
    if s.repl.link.attempt() == attempt {
        lose(s, &Fault::new(Retry::AtOnce, why));
    }
}

/// What the connection of an attempt waits for; `waker` is told when that changes.
pub fn poll(s: &mut Server, attempt: u64, waker: &Waker) -> Wants {
    let link = &mut s.repl.link;
    if link.attempt() != attempt {
        return Wants::End;
    }
    link.set_waker(waker);
    // A suspended script sees nobody else's changes.
    if s.scripting.is_suspended() {
        return Wants::Nothing;
    }
    let Some(client) = link.client else {
        return match link.reads() {
            true if std::mem::take(&mut link.rerun) => Wants::Work,
            true => Wants::Input,
            false => Wants::Nothing,
        };
    };
    let Some(session) = s.clients.get_mut(client) else { return Wants::End };
    session.set_waker(waker);
    if session.closing.is_some() {
        lose(s, &Fault::new(Retry::AtOnce, "It was closed on request."));
        return Wants::End;
    }
    // What comes meanwhile is taken in, up to a limit: who waits has not lost its primary.
    let has_room = (link.input.len() as u64) < s.config.client_query_buffer_limit;
    match (session.flags.paused, std::mem::take(&mut session.resumed)) {
        (true, _) if has_room => Wants::Input,
        (true, _) => Wants::Nothing,
        (false, true) => Wants::Work,
        (false, false) => Wants::Input,
    }
}

/// What is to be sent over the connection.
pub fn take_output(s: &mut Server) -> Vec<u8> {
    let out = s.repl.link.take_output();
    s.stats.net_out += out.len() as u64;
    out
}

/// So many bytes were read, behind those in the link's input.
pub fn received(s: &mut Server, attempt: u64, bytes: usize) -> Next {
    let now_ms = s.now_ms();
    s.stats.net_in += bytes as u64;
    if s.repl.link.attempt() != attempt {
        return Next::Close;
    }
    s.repl.link.handle_received(bytes, now_ms);
    if let Some(session) = s.repl.link.client.and_then(|client| s.clients.get_mut(client)) {
        session.active_ms = now_ms;
        session.traffic.net_in += bytes as u64;
        session.traffic.reads += 1;
        if session.flags.paused {
            return Next::Go;
        }
    }
    work(s, attempt)
}

/// Goes on with the input there is, for a slice of time.
pub fn work(s: &mut Server, attempt: u64) -> Next {
    if s.repl.link.attempt() != attempt {
        return Next::Close;
    }
    if s.repl.link.is_up() {
        return stream::run(s, attempt);
    }
    match s.repl.link.take() {
        Ok(None) => Next::Go,
        Ok(Some(event)) => handle(s, event),
        Err(fault) => {
            lose(s, &fault);
            Next::Close
        }
    }
}

/// Does what the primary's answer means.
fn handle(s: &mut Server, event: Event) -> Next {
    match event {
        Event::Continues(id) => {
            failover::done(s);
            go_on(s, id);
            Next::Yield
        }
        Event::FullSync(Some((id, offset))) => {
            tracing::info!("Full resync from master: {id}:{offset}");
            failover::done(s);
            work(s, s.repl.link.attempt())
        }
        Event::FullSync(None) => work(s, s.repl.link.attempt()),
        Event::Refused(why) => {
            tracing::warn!("{why}");
            failover::abort(s, "Failover target rejected psync request");
            Next::Close
        }
        Event::PayloadBegins(total) => Next::Receive(Box::new(sync::begin(s, total))),
        Event::Part(bytes) => Next::Part(bytes),
        Event::PayloadEnds => {
            sync::whole(s);
            Next::Whole
        }
    }
}

/// The primary goes on where this server stands.
fn go_on(s: &mut Server, id: Option<String>) {
    tracing::info!("Successful partial resynchronization with master.");
    if let Some(id) = id.filter(|id| *id != s.repl.replid) {
        tracing::warn!("Master replication ID changed to {id}");
        s.repl.replid2 = Some(std::mem::replace(&mut s.repl.replid, id));
        s.repl.second_offset = Some(s.repl.offset() + 1);
        primary::disconnect_all(s);
    }
    tracing::info!("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
    stream::begin(s);
    settle::settle(s, None);
}
