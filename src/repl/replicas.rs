//! The replicas of this server, and what each of them is still to be sent.
//!
//! A replica is sent a snapshot first, if it cannot go on with the stream, and then the stream from the offset at which
//! the snapshot was taken. The snapshot's blocks are shared by all who wait for it; the stream's bytes lie in the
//! [`Backlog`](super::Backlog), so a replica's output is a place there.

use super::Repl;
use crate::client::{Announced, ClientId, Content};
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::IoSlice;

/// Bytes of a snapshot that wait for one replica's socket, at most, but for the block that goes beyond it. Who
/// makes the snapshot waits then.
const PAYLOAD_MAX: usize = 1 << 20;

/// How far a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It waits for a snapshot to begin,
    Waits,
    /// or for the one that has begun; if that is no file, it is being sent.
    Snapshot,
    /// It is being sent a file.
    Sending,
    /// It gets the stream.
    Online,
}

/// A snapshot on its way to a replica.
#[derive(Debug, Default)]
struct Payload {
    blocks: VecDeque<Bytes>,
    bytes: usize,
    /// Nothing follows the blocks.
    whole: bool,
    /// When bytes of it were last taken, or there were none to take; ms since the epoch.
    moved_ms: u64,
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
    /// What the log calls it.
    pub name: String,
    /// It takes a snapshot whose length is not known.
    pub eof: bool,
    /// It wants a snapshot alone.
    pub rdb_only: bool,
    /// What it wants in it.
    pub content: Content,
    /// It reads Valkey's own RDB files.
    pub of_valkey: bool,
    /// It asked by SYNC: it does not tell how far it is.
    pub legacy: bool,
    /// How far it is.
    pub phase: Phase,
    /// When it asked, ms since the epoch.
    pub since_ms: u64,
    /// The snapshot it waits for, or gets.
    pub snapshot: u64,
    /// The offset up to which the stream was sent to it.
    pub cursor: u64,
    /// The stream begins when it has said that it has the snapshot: until then it looks for that one's end.
    pub holds_stream: bool,
    /// The offset it last said to have applied, if it has said one: until then it is not known to have even what was
    /// written before the stream began,
    pub acked: Option<u64>,
    /// and when it said so, ms since the epoch.
    pub acked_ms: u64,
    /// The offset it last said to have synced to its own append-only file.
    pub synced: Option<u64>,
    payload: Payload,
}

impl Replica {
    /// A connection that waits for a snapshot.
    pub fn new(client: ClientId, said: &Announced, ip: String, name: String, now_ms: u64) -> Self {
        Self {
            client,
            ip,
            port: said.port,
            name,
            eof: said.eof,
            rdb_only: said.rdb_only,
            content: said.content,
            of_valkey: said.of_valkey,
            legacy: false,
            phase: Phase::Waits,
            since_ms: now_ms,
            snapshot: 0,
            cursor: 0,
            holds_stream: false,
            acked: None,
            acked_ms: now_ms,
            synced: None,
            payload: Payload::default(),
        }
    }

    /// It waits for this snapshot, and goes on with the stream at `offset`.
    pub fn await_snapshot(&mut self, number: u64, offset: u64, now_ms: u64) {
        self.phase = Phase::Snapshot;
        self.snapshot = number;
        self.cursor = offset;
        self.payload = Payload { moved_ms: now_ms, ..Payload::default() };
    }

    /// It gets the stream from `offset` on.
    pub fn go_online(&mut self, offset: u64, now_ms: u64) {
        self.phase = Phase::Online;
        self.cursor = offset;
        self.acked_ms = now_ms;
    }

    /// Seconds since it last spoke.
    pub fn lag_seconds(&self, now_ms: u64) -> u64 {
        match self.phase {
            Phase::Online => now_ms.saturating_sub(self.acked_ms) / 1000,
            _ => 0,
        }
    }

    /// Bytes of the stream that are not sent to it yet.
    pub fn pending(&self, end: u64) -> u64 {
        if self.phase == Phase::Waits { 0 } else { end.saturating_sub(self.cursor) }
    }

    /// Bytes of a snapshot that wait for its socket.
    pub fn payload_bytes(&self) -> usize {
        self.payload.bytes
    }

    /// Whether all of the snapshot was sent.
    pub fn has_snapshot(&self) -> bool {
        let comes = matches!(self.phase, Phase::Snapshot | Phase::Sending);
        comes && self.payload.whole && self.payload.blocks.is_empty()
    }

    /// Since when its socket takes nothing of the snapshot, ms since the epoch.
    pub fn stuck_since_ms(&self) -> Option<u64> {
        (self.payload.bytes > 0).then_some(self.payload.moved_ms)
    }

    /// Whether it is known to have all of a stream that ends there.
    pub fn is_in_sync(&self, end: u64) -> bool {
        self.has(end) && self.acked == Some(end)
    }

    /// Whether it lacks something of the stream up to that offset, as far as it has said what it has: of a stream in
    /// which nothing was written nothing is lacking, wherever it is.
    pub fn lags(&self, offset: u64) -> bool {
        self.acked.unwrap_or(0) < offset
    }

    /// Whether it is known to have the stream up to that offset.
    pub fn has(&self, offset: u64) -> bool {
        self.phase == Phase::Online && !self.legacy && self.acked >= Some(offset)
    }

    /// Whether both say that they listen at the same address.
    fn has_address_of(&self, other: &Self) -> bool {
        self.port != 0 && (self.port, &self.ip) == (other.port, &other.ip)
    }

    /// Whether the stream may be sent to it now.
    fn streams(&self) -> bool {
        self.phase == Phase::Online && !self.holds_stream
    }
}

/// All replicas, in the order they came.
#[derive(Debug, Default)]
pub struct Replicas {
    list: Vec<Replica>,
    /// When the last one left, ms since the epoch.
    pub none_since_ms: u64,
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

    /// All of them, for change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Replica> {
        self.list.iter_mut()
    }

    /// That of a connection.
    pub fn find(&self, client: ClientId) -> Option<&Replica> {
        self.list.iter().find(|replica| replica.client == client)
    }

    /// That of a connection, for change.
    pub fn find_mut(&mut self, client: ClientId) -> Option<&mut Replica> {
        self.list.iter_mut().find(|replica| replica.client == client)
    }

    /// Takes one in.
    pub fn join(&mut self, replica: Replica) {
        self.list.push(replica);
    }

    /// A connection has ended: its replica, if it was one's.
    pub fn leave(&mut self, client: ClientId, now_ms: u64) -> Option<Replica> {
        let at = self.list.iter().position(|replica| replica.client == client)?;
        if self.list.len() == 1 {
            self.none_since_ms = now_ms;
        }
        Some(self.list.remove(at))
    }

    /// How many get the stream and spoke within the last `lag` seconds.
    pub fn good(&self, lag: u32, now_ms: u64) -> usize {
        let is_good = |replica: &&Replica| {
            replica.phase == Phase::Online && replica.lag_seconds(now_ms) <= u64::from(lag)
        };
        self.iter().filter(is_good).count()
    }

    /// How many get the stream and have applied it up to `offset`.
    pub fn applied(&self, offset: u64) -> usize {
        self.online().filter(|it| it.acked >= Some(offset)).count()
    }

    /// How many get the stream and have synced it up to `offset`.
    pub fn synced(&self, offset: u64) -> usize {
        self.online().filter(|it| it.synced >= Some(offset)).count()
    }

    /// Those that get the stream, each server once: a connection that has not spoken since another came from the same
    /// address is the one that server had before, half open.
    fn online(&self) -> impl Iterator<Item = &Replica> {
        let is_left = |(at, old): (usize, &Replica)| {
            let mut later = self.list[at + 1..].iter();
            later.any(|new| old.has_address_of(new) && old.acked_ms <= new.since_ms)
        };
        let online = |(_, it): &(usize, &Replica)| it.phase == Phase::Online;
        let all = self.list.iter().enumerate().filter(online);
        all.filter(move |it| !is_left(*it)).map(|(_, it)| it)
    }

    /// The first offset of the stream that one of them is still to be sent.
    pub fn wanted_from(&self) -> Option<u64> {
        self.iter().filter(|it| it.phase != Phase::Waits).map(|it| it.cursor).min()
    }

    /// Gives those who wait for this snapshot its next block; whether there is anybody.
    pub fn push(&mut self, snapshot: u64, block: &Bytes, now_ms: u64) -> bool {
        let mut any = false;
        for Replica { payload, .. } in self.getting(snapshot) {
            any = true;
            if payload.bytes == 0 {
                payload.moved_ms = now_ms;
            }
            payload.bytes += block.len();
            if !block.is_empty() {
                payload.blocks.push_back(block.clone());
            }
        }
        any
    }

    /// All blocks of this snapshot were given.
    pub fn end(&mut self, snapshot: u64) {
        self.getting(snapshot).for_each(|replica| replica.payload.whole = true);
    }

    /// Whether those who get this snapshot have enough of it waiting.
    pub fn are_full(&self, snapshot: u64) -> bool {
        self.iter().any(|it| it.snapshot == snapshot && it.payload.bytes >= PAYLOAD_MAX)
    }

    fn getting(&mut self, snapshot: u64) -> impl Iterator<Item = &mut Replica> {
        self.list.iter_mut().filter(move |it| {
            it.snapshot == snapshot && matches!(it.phase, Phase::Snapshot | Phase::Sending)
        })
    }
}

impl Repl {
    /// Fills `slices` with what a replica is to be sent next; answers how many were filled.
    pub fn fill<'a>(&'a self, client: ClientId, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(replica) = self.replicas.find(client) else { return 0 };
        let blocks = &replica.payload.blocks;
        if !blocks.is_empty() {
            slices.iter_mut().zip(blocks).for_each(|(slice, block)| *slice = IoSlice::new(block));
            return slices.len().min(blocks.len());
        }
        if replica.streams() { self.backlog.chunks(replica.cursor, slices) } else { 0 }
    }

    /// So many of the bytes that [`Repl::fill`] showed were sent.
    pub fn sent(&mut self, client: ClientId, n: usize, now_ms: u64) {
        let Some(replica) = self.replicas.find_mut(client) else { return };
        let payload = &mut replica.payload;
        if payload.blocks.is_empty() {
            replica.cursor += n as u64;
            return;
        }
        payload.moved_ms = now_ms;
        payload.bytes -= n;
        let mut left = n;
        while let Some(block) = payload.blocks.front_mut() {
            if left < block.len() {
                block.advance(left);
                break;
            }
            left -= block.len();
            payload.blocks.pop_front();
        }
    }

    /// Lets go of the part of the stream that is more than `size` bytes old, and that nobody waits for.
    pub fn trim(&mut self, size: u64) {
        let wanted = self.replicas.wanted_from().unwrap_or(u64::MAX);
        self.backlog.trim(size, wanted);
    }

    /// The clients that there is something of the stream for.
    pub fn ready(&self) -> impl Iterator<Item = ClientId> {
        let end = self.backlog.end();
        self.replicas.iter().filter(move |it| it.streams() && it.cursor < end).map(|it| it.client)
    }
}
