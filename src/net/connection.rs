//! A connection: one future, whose every poll is a whole turn.

use super::door::{Door, READ_SIZE, Room};
use super::stream::Stream;
use crate::client::{ClientId, Closing, Kind, Query, Session};
use crate::exec::limits;
use crate::exec::primary;
use crate::exec::turn::{self, Ended};
use crate::resp::{Out, Span};
use bytes::BytesMut;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;

/// Bytes of the line end behind an argument.
const LINE_END: usize = 2;
/// Bytes written in one turn, so that one client's long reply does not hold up the others.
const WRITE_MAX: usize = 1 << 20;
/// Segments handed to one write.
const SLICES: usize = 64;
/// Input of an unfinished command is read in pieces of at least this size, bytes.
const PIECE: usize = 16 * 1024;
/// And of at most this one, so that one client's long argument does not hold up the others.
const PIECES: usize = 256 * 1024;

/// Serves one client until either side ends it.
#[derive(Debug)]
pub(super) struct Connection {
    door: Door,
    id: ClientId,
    stream: Stream,
}

/// What a connection does next.
enum Next {
    /// Look at the socket again.
    Go,
    /// Wait to be woken.
    Sleep,
    /// Give others their turn, then go on.
    Yield,
    Close,
}

/// Why writing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrote {
    /// Nothing is left, or the socket takes no more; it wakes the task when it does.
    All,
    /// It is others' turn.
    Enough,
}

impl Connection {
    pub(super) fn new(door: Door, id: ClientId, stream: Stream) -> Self {
        Self { door, id, stream }
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { door, id, stream } = &mut *self;
        let id = *id;
        loop {
            let next = door.enter_room(|room| room.turn(cx, id, stream));
            match next {
                Next::Go => {}
                Next::Sleep => return Poll::Pending,
                Next::Yield => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Next::Close => {
                    door.enter(|server| crate::exec::clients::leave(server, id));
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl Room {
    /// Reads once, runs what came, writes what it answered.
    fn turn(&mut self, cx: &mut Context<'_>, id: ClientId, stream: &mut Stream) -> Next {
        let tail = self.lend_tail();
        let Some(session) = self.server.clients.get_mut(id) else { return Next::Close };
        session.set_waker(cx.waker());
        let resumed = std::mem::take(&mut session.resumed);
        if session.closing == Some(Closing::Now) {
            return Next::Close;
        }
        if session.out.is_empty() {
            session.out = Out::with_tail(tail);
        } else {
            self.return_tail(tail);
        }
        let ran = self.ingest(cx, id, stream, resumed);
        let wrote = self.write(cx, id, stream);
        let Some(session) = self.server.clients.get_mut(id) else { return Next::Close };
        let emptied = session.out.is_empty();
        let write_on = matches!(wrote, Ok(Wrote::Enough));
        // Of a replica's output more lies with the server.
        if emptied && session.kind != Kind::Replica {
            session.soft_limit_since_ms = None;
            let tail = session.out.take_tail();
            self.return_tail(tail);
        } else {
            limits::check_output(&mut self.server, id);
        }
        let Some(session) = self.server.clients.get_mut(id) else { return Next::Close };
        match (session.closing, ran, wrote) {
            (_, Next::Close, _) | (_, _, Err(_)) | (Some(Closing::Now), ..) => Next::Close,
            (Some(Closing::AfterReply), ..) if emptied => Next::Close,
            _ if write_on => Next::Yield,
            (None, next, _) => next,
            (Some(Closing::AfterReply), ..) => Next::Sleep,
        }
    }

    /// Reads what the socket has and runs it.
    fn ingest(
        &mut self,
        cx: &mut Context<'_>,
        id: ClientId,
        stream: &mut Stream,
        resumed: bool,
    ) -> Next {
        let session = self.server.clients.running(id);
        if session.closing.is_some() || session.flags.throttled {
            return Next::Sleep;
        }
        let goes_on = session.may_go_on();
        if resumed && goes_on && !session.query.buf.is_empty() {
            let held = std::mem::take(&mut session.query.buf);
            return self.run_held(id, held);
        }
        if !goes_on || !session.query.buf.is_empty() || session.query.receiving.is_some() {
            return self.read_on(cx, id, stream);
        }
        let mut input = std::mem::take(&mut self.input);
        let next = match read(stream, cx, &mut ReadBuf::new(&mut input)) {
            Poll::Pending => Next::Sleep,
            Poll::Ready(Err(_) | Ok(0)) => self.input_ended(id),
            Poll::Ready(Ok(n)) => {
                self.received(id, n);
                let (used, ended) = turn::run(&mut self.server, id, &input[..n], &mut self.scratch);
                if used < n {
                    self.keep(id, &input[used..n], ended == Ended::Again);
                }
                next(ended, n == READ_SIZE)
            }
        };
        self.input = input;
        next
    }

    /// Reads more behind what the client's own buffer holds: the rest of an unfinished command, or
    /// what a client sends while it waits.
    fn read_on(&mut self, cx: &mut Context<'_>, id: ClientId, stream: &mut Stream) -> Next {
        let session = self.server.clients.running(id);
        if session.query.receiving.is_some() {
            return self.receive_apart(cx, id, stream);
        }
        let mut held = std::mem::take(&mut session.query.buf);
        let before = held.len();
        let missing = session.query.wanted.saturating_sub(before);
        held.reserve(missing.clamp(PIECE, PIECES));
        let polled = stream.poll_read_buf(cx, &mut held, PIECES);
        let n = match polled {
            Poll::Pending => 0,
            Poll::Ready(Err(_) | Ok(0)) => return self.input_ended(id),
            Poll::Ready(Ok(n)) => n,
        };
        if n == 0 {
            // A client that waits and says nothing needs no room for what it says.
            if !held.is_empty() {
                self.server.clients.running(id).query.buf = held;
            }
            return Next::Sleep;
        }
        self.received(id, n);
        if limits::query_too_long(&mut self.server, id, held.len()) {
            return Next::Close;
        }
        let session = self.server.clients.running(id);
        if !session.may_go_on() {
            session.query.buf = held;
            return Next::Yield;
        }
        match self.run_held(id, held) {
            Next::Go if n >= PIECES => Next::Yield,
            next => next,
        }
    }

    /// Goes on receiving a long argument into memory of its own, which becomes the value's.
    fn receive_apart(&mut self, cx: &mut Context<'_>, id: ClientId, stream: &mut Stream) -> Next {
        let query = &mut self.server.clients.running(id).query;
        let Some((bytes, whole)) = &mut query.receiving else { return Next::Go };
        let missing = *whole - bytes.len();
        let n = match stream.poll_read_buf(cx, bytes, missing.min(PIECES)) {
            Poll::Pending => return Next::Sleep,
            Poll::Ready(Err(_) | Ok(0)) => return self.input_ended(id),
            Poll::Ready(Ok(n)) => n,
        };
        let complete = n == missing;
        self.received(id, n);
        let held = self.server.clients.running(id).query.held();
        if limits::query_too_long(&mut self.server, id, held) {
            return Next::Close;
        }
        if !complete {
            return if n >= PIECES { Next::Yield } else { Next::Go };
        }
        let query = &mut self.server.clients.running(id).query;
        if let Some((mut bytes, whole)) = query.receiving.take() {
            bytes.truncate(whole - LINE_END);
            query.parser.took_apart(query.apart.len());
            query.apart.push(bytes.freeze());
        }
        let held = std::mem::take(&mut query.buf);
        self.run_held(id, held)
    }

    /// The client sends nothing more. What it is to be answered once its writes are synced it still gets.
    fn input_ended(&mut self, id: ClientId) -> Next {
        let session = self.server.clients.running(id);
        if !session.flags.held {
            return Next::Close;
        }
        session.close(Closing::AfterReply);
        Next::Sleep
    }

    /// Runs input that the client's own buffer holds.
    fn run_held(&mut self, id: ClientId, mut held: Vec<u8>) -> Next {
        let (used, ended) = turn::run(&mut self.server, id, &held, &mut self.scratch);
        if used < held.len() {
            if used > 0 {
                held.drain(..used);
                held.shrink_to(PIECE);
            }
            if let Some(session) = self.server.clients.get_mut(id) {
                session.query.buf = held;
                session.resumed |= ended == Ended::Again;
                set_apart(&mut session.query);
            }
        }
        next(ended, false)
    }

    /// Keeps what was not run: the beginning of a command, or commands whose turn comes later.
    fn keep(&mut self, id: ClientId, rest: &[u8], resume: bool) {
        if let Some(session) = self.server.clients.get_mut(id) {
            session.query.buf = rest.to_vec();
            session.resumed |= resume;
            set_apart(&mut session.query);
        }
    }

    fn received(&mut self, id: ClientId, n: usize) {
        let now = self.server.now_ms();
        let stats = &mut self.server.stats;
        stats.net_in += n as u64;
        stats.reads += 1;
        let session = self.server.clients.running(id);
        session.active_ms = now;
        session.traffic.net_in += n as u64;
        session.traffic.reads += 1;
    }

    /// Writes what waits, as far as the socket takes it and others can wait.
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        id: ClientId,
        stream: &mut Stream,
    ) -> io::Result<Wrote> {
        let mut written = 0;
        // It is woken when what it wrote is synced.
        if self.server.clients.get(id).is_some_and(|session| session.flags.held) {
            return Ok(Wrote::All);
        }
        while let Some(session) = self.server.clients.get_mut(id) {
            if session.out.is_empty() {
                break;
            }
            if written >= WRITE_MAX {
                return Ok(Wrote::Enough);
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = session.out.chunks(&mut slices);
            let Poll::Ready(n) = stream.poll_write(cx, &slices[..filled]) else { break };
            let n = n?;
            written += n;
            session.out.advance(n);
            session.traffic.net_out += n as u64;
            self.server.stats.net_out += n as u64;
            self.server.stats.writes += 1;
        }
        self.write_replica(cx, id, stream, written)
    }

    /// Writes what a replica is to get of a snapshot and of the stream of writes, which lie with the server.
    fn write_replica(
        &mut self,
        cx: &mut Context<'_>,
        id: ClientId,
        stream: &mut Stream,
        mut written: usize,
    ) -> io::Result<Wrote> {
        let is_replica =
            |session: &Session| session.kind == Kind::Replica && session.out.is_empty();
        while self.server.clients.get(id).is_some_and(is_replica) {
            if std::mem::take(&mut self.server.clients.running(id).flags.gathers) {
                stream.gather();
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = self.server.repl.fill(id, &mut slices);
            if filled == 0 {
                break;
            }
            if written >= WRITE_MAX {
                return Ok(Wrote::Enough);
            }
            let Poll::Ready(n) = stream.poll_write(cx, &slices[..filled]) else { break };
            let n = n?;
            written += n;
            self.server.clients.running(id).traffic.net_out += n as u64;
            self.server.stats.net_out += n as u64;
            self.server.stats.writes += 1;
            primary::sent(&mut self.server, id, n);
        }
        Ok(Wrote::All)
    }
}

/// Where the unfinished argument is a long one, what is there of it moves to memory of its own.
fn set_apart(query: &mut Query) {
    if query.receiving.is_some() || query.apart.len() >= Span::APART_MAX {
        return;
    }
    let Some((from, len)) = query.parser.long_argument() else { return };
    let whole = len + LINE_END;
    let mut bytes = BytesMut::with_capacity(whole);
    bytes.extend_from_slice(&query.buf[from..]);
    query.buf.truncate(from);
    query.buf.shrink_to_fit();
    query.receiving = Some((bytes, whole));
}

fn next(ended: Ended, more_to_read: bool) -> Next {
    match ended {
        Ended::NeedsInput if more_to_read => Next::Yield,
        Ended::NeedsInput => Next::Go,
        Ended::Again => Next::Yield,
        // What it sends while it waits is read and kept, and its end is noticed.
        Ended::Stopped => Next::Go,
    }
}

fn read(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<usize>> {
    stream.poll_read(cx, buf).map_ok(|()| buf.filled().len())
}
