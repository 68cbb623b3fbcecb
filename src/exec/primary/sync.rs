//! Snapshots for replicas: which ones share one, how it begins, and what follows its end.
//!
//! A replica that can tell a snapshot's end by a mark is sent it as it is taken; with `repl-diskless-sync no`, or where one of
//! those who wait cannot, the RDB file is saved and then sent. Either way what is written meanwhile waits for them in
//! the backlog.

use super::super::save;
use super::super::snapshot::{self, Job};
use super::close;
use crate::client::{ClientId, Closing, Content};
use crate::effects::Action;
use crate::persist::disk::{File, Open};
use crate::persist::rdb::FIRST_OF_VALKEY;
use crate::persist::snapshot::{Destination, Form, Format, Purpose};
use crate::repl::{FileTask, Phase, Replica, random_id};
use crate::server::Server;
use crate::stdx::os::error::os_words;
use bytes::Bytes;
use std::path::Path;

/// A replica has asked for a snapshot: it joins one that has begun, or one begins, or it waits.
pub(super) fn asked(s: &mut Server, id: ClientId) {
    if join(s, id) {
        return;
    }
    let waits = s.config.repl_diskless_sync_delay > 0;
    if waits && s.repl.replicas.find(id).is_some_and(|it| may_stream(s, it)) {
        tracing::info!("Delay next BGSAVE for diskless SYNC");
        return consider(s);
    }
    consider(s);
    if s.repl.replicas.find(id).is_some_and(|it| it.phase == Phase::Waits) {
        tracing::info!("Waiting for end of BGSAVE for SYNC");
    }
}

fn may_stream(s: &Server, replica: &Replica) -> bool {
    replica.eof && (s.config.repl_diskless_sync || replica.content != Content::ALL)
}

/// Lets a replica wait for the file that another waits for already; whether it does.
fn join(s: &mut Server, id: ClientId) -> bool {
    let saves = s.persist.saving.running.is_some();
    let is_joined = |it: &&Replica| it.phase == Phase::Snapshot && it.snapshot == FILE;
    let Some(other) = s.repl.replicas.iter().find(is_joined).filter(|_| saves) else {
        return false;
    };
    let cursor = other.cursor;
    if s.repl.replicas.find(id).is_none_or(|it| it.content != Content::ALL) {
        return false;
    }
    tracing::info!("Waiting for end of BGSAVE for SYNC");
    greet(s, &[id], FILE, cursor, None);
    true
}

/// The number under which replicas wait for the RDB file that is being saved.
const FILE: u64 = u64::MAX;

/// Whether a replica waits for the RDB file.
pub(super) fn is_file(replica: &Replica) -> bool {
    replica.snapshot == FILE
}

/// Begins the snapshot that replicas wait for, if it is time.
pub(super) fn consider(s: &mut Server) {
    let Some(first) = s.repl.replicas.iter().find(|it| it.phase == Phase::Waits) else { return };
    if s.persist.loading.is_on() || s.shutting_down {
        return;
    }
    let content = first.content;
    // Who is sent what is taken can have it in its own form.
    let of_valkey = |it: &Replica| it.of_valkey && may_stream(s, it);
    let version = match of_valkey(first) {
        true => FIRST_OF_VALKEY,
        false => s.config.rdb_version.number(),
    };
    let is_alike = |it: &Replica| it.content == content && of_valkey(it) == of_valkey(first);
    let waits = s.repl.replicas.iter().filter(|it| it.phase == Phase::Waits);
    let group: Vec<&Replica> = waits.filter(|it| is_alike(it)).collect();
    let streams = group.iter().all(|it| may_stream(s, it));
    let clients: Vec<ClientId> = group.iter().map(|it| it.client).collect();
    let delay_ms = u64::from(s.config.repl_diskless_sync_delay) * 1000;
    let most = s.config.repl_diskless_sync_max_replicas as usize;
    let waited = group.iter().map(|it| s.now_ms().saturating_sub(it.since_ms)).max();
    let enough = most > 0 && clients.len() >= most;
    if streams && !enough && waited.unwrap_or(0) < delay_ms {
        return;
    }
    if !content.data {
        begin_without_keys(s, &clients, content);
    } else if streams {
        begin_stream(s, &clients, version);
    } else {
        begin_file(s, &clients);
    }
}

/// Takes a snapshot for these replicas, if none is being taken.
fn begin_stream(s: &mut Server, clients: &[ClientId], version: u16) {
    let form = Form {
        compress: s.config.rdbcompression,
        checksum: Some(s.config.rdbchecksum),
        sync_often: false,
    };
    let job = Job {
        purpose: Purpose::Sync,
        to: Destination::Replicas(form),
        format: Format::Rdb(snapshot::usage(&s.config)),
        version,
    };
    let Ok(number) = snapshot::begin(s, job) else { return };
    tracing::info!("Starting BGSAVE for SYNC with target: replicas sockets");
    let mark = random_id(&mut s.rng);
    greet(s, clients, number, s.repl.offset(), Some(&mark));
    s.repl.mark = mark;
}

/// Saves the RDB file for these replicas, if none is being saved.
fn begin_file(s: &mut Server, clients: &[ClientId]) {
    if s.keyspace.shared.has_snapshot() || save::runs(s) {
        return;
    }
    tracing::info!("Starting BGSAVE for SYNC with target: disk");
    if save::begin(s).is_ok() {
        greet(s, clients, FILE, s.repl.offset(), None);
    }
}

/// Sends these replicas a file that has no keys.
fn begin_without_keys(s: &mut Server, clients: &[ClientId], content: Content) {
    let number = s.persist.snapshots.next_number();
    let file = snapshot::without_keys(s, content.functions);
    let mark = random_id(&mut s.rng);
    greet(s, clients, number, s.repl.offset(), Some(&mark));
    let now_ms = s.now_ms();
    s.repl.replicas.push(number, &Bytes::from(file), now_ms);
    s.repl.replicas.push(number, &Bytes::from(mark), now_ms);
    end_payload(s, number);
}

/// Tells replicas the place in the stream that the snapshot stands for, and, where that is sent as it is taken, the mark that
/// ends it.
fn greet(s: &mut Server, clients: &[ClientId], number: u64, offset: u64, mark: Option<&str>) {
    // Who begins there knows of no database.
    s.repl.backlog.forget_db();
    let now_ms = s.now_ms();
    for client in clients {
        let Some(replica) = s.repl.replicas.find_mut(*client) else { continue };
        replica.await_snapshot(number, offset, now_ms);
        let (legacy, replid) = (replica.legacy, &s.repl.replid);
        let Some(session) = s.clients.get_mut(*client) else { continue };
        if !legacy {
            session.out.put(format!("+FULLRESYNC {replid} {offset}\r\n").as_bytes());
        }
        if let Some(mark) = mark {
            session.out.put(format!("$EOF:{mark}\r\n").as_bytes());
        }
        session.wake();
    }
}

/// Gives the replicas the next block of the snapshot that is sent to them; whether any wants it.
pub fn push(s: &mut Server, number: u64, block: &Bytes) -> bool {
    let now_ms = s.now_ms();
    let wanted = s.repl.replicas.push(number, block, now_ms);
    wake(s, number);
    wanted
}

/// Whether the replicas have enough of the snapshot to take for now.
pub fn are_full(s: &Server, number: u64) -> bool {
    s.repl.replicas.are_full(number)
}

/// The snapshot was taken to its end, and all of it given to [`push`]; or it was not.
pub(in crate::exec) fn ended(
    s: &mut Server,
    number: u64,
    result: Result<u64, String>,
    aborted: bool,
) {
    match result {
        Ok(_) => {
            tracing::info!("Background RDB transfer terminated with success");
            let mark = Bytes::from(std::mem::take(&mut s.repl.mark));
            push(s, number, &mark);
            end_payload(s, number);
        }
        Err(why) => {
            if !aborted {
                tracing::warn!("Background transfer error: {why}");
            }
            give_up(s, number);
        }
    }
    consider(s);
}

/// The RDB file was saved, or was not.
pub(in crate::exec) fn saved(s: &mut Server, saved: bool) {
    let waits = |it: &Replica| it.phase == Phase::Snapshot && it.snapshot == FILE;
    if !s.repl.replicas.iter().any(waits) {
        return;
    }
    let opened = if saved { open_file(s) } else { None };
    let Some((file, size)) = opened else {
        return give_up(s, FILE);
    };
    let number = s.persist.snapshots.next_number();
    for replica in s.repl.replicas.iter_mut().filter(|it| waits(it)) {
        replica.snapshot = number;
        replica.phase = Phase::Sending;
    }
    push(s, number, &Bytes::from(format!("${size}\r\n")));
    s.repl.files.push(FileTask { number, file });
    s.effects.act(Action::SendFile);
}

fn open_file(s: &Server) -> Option<(Box<dyn File>, u64)> {
    let path = &s.config.dbfilename;
    let opened = s.persist.disk.open(Path::new(path), Open::Read);
    let sized = opened.and_then(|file| file.size().map(|size| (file, size)));
    sized
        .inspect_err(|error| {
            tracing::warn!("Can't open/stat DB after BGSAVE: {}", os_words(error));
        })
        .ok()
}

/// All of a file was given to [`push`], or it could not be read.
pub fn file_ended(s: &mut Server, number: u64, result: Result<(), String>) {
    match result {
        Ok(()) => end_payload(s, number),
        Err(why) => {
            tracing::warn!("Read error sending DB to replica: {why}");
            give_up(s, number);
        }
    }
}

/// Nothing follows what the replicas were given of this snapshot.
fn end_payload(s: &mut Server, number: u64) {
    s.repl.replicas.end(number);
    let of_it = |it: &&Replica| it.snapshot == number && it.has_snapshot();
    for client in s.repl.replicas.iter().filter(of_it).map(|it| it.client).collect::<Vec<_>>() {
        received(s, client);
    }
    wake(s, number);
}

/// A replica's socket took the last of its snapshot.
pub(super) fn received(s: &mut Server, id: ClientId) {
    let now_ms = s.now_ms();
    let Some(replica) = s.repl.replicas.find_mut(id) else { return };
    let name = &replica.name;
    if replica.rdb_only {
        tracing::info!(
            "RDB transfer completed, rdb only replica ({name}) should be disconnected asap"
        );
        if let Some(session) = s.clients.get_mut(id) {
            session.close(Closing::AfterReply);
            session.wake();
        }
        return;
    }
    // With the mark behind it, what follows the snapshot has to wait until that was found.
    replica.holds_stream = replica.phase == Phase::Snapshot && !replica.legacy;
    if replica.holds_stream {
        tracing::info!(
            "Streamed replica with replica {name} succeeded (socket). Waiting for REPLCONF ACK from replica to \
             enable streaming"
        );
    } else {
        tracing::info!("Synchronization with replica {name} succeeded");
    }
    replica.go_online(replica.cursor, now_ms);
    if let Some(session) = s.clients.get_mut(id) {
        session.wake();
    }
}

/// A replica has said that it has its snapshot.
pub(super) fn stream_may_begin(s: &mut Server, id: ClientId) {
    let Some(replica) = s.repl.replicas.find_mut(id) else { return };
    if replica.phase == Phase::Online && std::mem::take(&mut replica.holds_stream) {
        tracing::info!("Synchronization with replica {} succeeded", replica.name);
        if let Some(session) = s.clients.get_mut(id) {
            session.wake();
        }
    }
}

/// Closes the connections of those who wait for a snapshot that will not be: they ask again.
fn give_up(s: &mut Server, number: u64) {
    for client in getting(s, number) {
        close(s, client);
    }
}

fn wake(s: &mut Server, number: u64) {
    for client in getting(s, number) {
        if let Some(session) = s.clients.get_mut(client) {
            session.wake();
        }
    }
}

fn getting(s: &Server, number: u64) -> Vec<ClientId> {
    let of_it = |it: &&Replica| it.snapshot == number && it.phase != Phase::Waits;
    s.repl.replicas.iter().filter(of_it).map(|it| it.client).collect()
}
