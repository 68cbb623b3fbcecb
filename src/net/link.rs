//! The connection to the primary: made on request, then a loop that carries bytes between the socket and
//! [`exec::link`](crate::exec::link).

use super::door::Door;
use super::load;
use super::stream::Stream;
use crate::client::PeerAddr;
use crate::effects::Connect;
use crate::exec::link::sync;
use crate::exec::link::{self, Next, Receipt, Wants};
use crate::persist::load::Task;
use crate::server::Server;
use crate::stdx::alloc;
use crate::stdx::os::error::os_words;
use bytes::{Buf, Bytes};
use std::future::poll_fn;
use std::io::{self, IoSlice, Read};
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// Bytes read at once.
const READ: usize = 64 * 1024;
/// And of what is to come as a whole before anything can be done with it.
const READ_MAX: usize = 1 << 20;
/// Parts of a data set that wait for the thread which takes them.
const PARTS: usize = 16;

/// Connects to the primary and serves the connection to its end.
pub(super) async fn run(door: Door, to: Connect) {
    let attempt = to.attempt;
    let connected = tokio::select! {
        connected = connect(&to) => connected,
        () = given_up(&door, attempt) => return,
    };
    let stream = match connected {
        Ok(stream) => stream,
        Err(error) => {
            let why = format!("Error condition on socket for SYNC: {}", os_words(&error));
            door.enter(|s| link::closed(s, attempt, &why));
            return;
        }
    };
    // One that has ended already has no addresses.
    let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else {
        door.enter(|s| link::closed(s, attempt, "Socket closed"));
        return;
    };
    let _ = stream.set_nodelay(true);
    let stream = Stream::Tcp(stream);
    let peer = PeerAddr::Tcp { peer, local };
    if door.enter(|s| link::connected(s, attempt, peer, stream.fd())) {
        Talk { door, attempt, stream, out: Bytes::new(), parts: None, receiving: None }.run().await;
    }
}

/// Names are looked up on a thread of the runtime's.
async fn connect(to: &Connect) -> io::Result<TcpStream> {
    connect_any(tokio::net::lookup_host((to.host.as_str(), to.port)).await?, &to.source).await
}

/// Connects to the first of these addresses that takes it.
pub(super) async fn connect_any(
    addresses: impl Iterator<Item = SocketAddr>,
    source: &str,
) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match connect_to(address, source).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Connects from an address, or from any where that is empty.
async fn connect_to(address: SocketAddr, source: &str) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if !source.is_empty() {
        let source: IpAddr =
            source.parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(address).await
}

/// Ends when an attempt is of no interest any more.
async fn given_up(door: &Door, attempt: u64) {
    poll_fn(|cx| match door.enter(|s| link::poll(s, attempt, cx.waker())) {
        Wants::End => Poll::Ready(()),
        _ => Poll::Pending,
    })
    .await;
}

/// A connection to the primary.
struct Talk {
    door: Door,
    attempt: u64,
    stream: Stream,
    /// What is being sent.
    out: Bytes,
    /// Where parts of a data set go.
    parts: Option<mpsc::Sender<Part>>,
    /// The thread that writes them to a file.
    receiving: Option<Receiving>,
}

/// A part of a data set.
#[derive(Debug)]
enum Part {
    Bytes(Vec<u8>),
    /// There are no more.
    End,
}

/// What a thread that writes a data set to a file says, and asks.
struct Receiving {
    /// The libraries of functions in it.
    libraries: oneshot::Receiver<Vec<Vec<u8>>>,
    /// Whether they can be loaded.
    verdict: oneshot::Sender<Result<(), String>>,
    /// How it ended.
    result: oneshot::Receiver<Result<u64, String>>,
}

impl Talk {
    async fn run(mut self) {
        loop {
            match poll_fn(|cx| self.turn(cx)).await {
                Next::Go => {}
                Next::Yield => tokio::task::yield_now().await,
                Next::Receive(receipt) => self.receive(*receipt),
                Next::Part(bytes) => {
                    // Once a thread takes no more, the data set is of no use: why, that thread tells.
                    if let Some(parts) = &self.parts
                        && parts.send(Part::Bytes(bytes)).await.is_err()
                    {
                        self.end_parts().await;
                    }
                    self.go_on();
                }
                Next::Whole => {
                    if let Some(parts) = &self.parts {
                        // A thread that takes no more tells why.
                        let _ = parts.send(Part::End).await;
                    }
                    self.end_parts().await;
                    self.go_on();
                }
                Next::Close => return,
            }
        }
    }

    /// What came with the last piece of input is looked at before more is read.
    fn go_on(&self) {
        self.door.enter(|s| s.repl.link.rerun = true);
    }

    /// One turn: sends what waits, then reads or goes on with what was read.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let attempt = self.attempt;
        loop {
            let wants = self.door.enter(|s| link::poll(s, attempt, cx.waker()));
            if wants == Wants::End {
                return Poll::Ready(Next::Close);
            }
            if let Err(error) = self.send(cx) {
                let why = os_words(&error);
                self.door.enter(|s| link::closed(s, attempt, &why));
                return Poll::Ready(Next::Close);
            }
            match wants {
                Wants::Work => {
                    return Poll::Ready(self.door.enter(|s| link::work(s, attempt)));
                }
                Wants::Input => {}
                Wants::End | Wants::Nothing => return Poll::Pending,
            }
            let Self { door, stream, .. } = self;
            let read = door.enter(|s| read(s, stream, cx));
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => {
                    self.door.enter(|s| link::closed(s, attempt, "Connection lost."));
                    return Poll::Ready(Next::Close);
                }
                Poll::Ready(Ok(n)) => {
                    let next = self.door.enter(|s| link::received(s, attempt, n));
                    if !matches!(next, Next::Go) {
                        return Poll::Ready(next);
                    }
                }
                Poll::Ready(Err(error)) => {
                    let why = os_words(&error);
                    self.door.enter(|s| link::closed(s, attempt, &why));
                    return Poll::Ready(Next::Close);
                }
            }
        }
    }

    fn send(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        loop {
            if self.out.is_empty() {
                self.out = self.door.enter(link::take_output).into();
            }
            if self.out.is_empty() {
                return Ok(());
            }
            match self.stream.poll_write(cx, &[IoSlice::new(&self.out)]) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(n)) => self.out.advance(n),
            }
        }
    }

    /// Begins to take a data set, on a thread of its own.
    fn receive(&mut self, receipt: Receipt) {
        let (parts, queue) = mpsc::channel(PARTS);
        self.parts = Some(parts);
        let input = Parts { queue, part: Bytes::new(), ended: false };
        match receipt {
            Receipt::Direct(options) => {
                let task = Task { input: Box::new(input), options };
                tokio::task::spawn_local(load::run_task(self.door.clone(), task));
            }
            Receipt::File(to) => {
                let (found, libraries) = oneshot::channel();
                let (verdict, said) = oneshot::channel();
                let (done, result) = oneshot::channel();
                self.receiving = Some(Receiving { libraries, verdict, result });
                let mut input = input;
                let accept = move |libraries| {
                    let gone = |_| Err("nobody waits for it any more".to_owned());
                    let _ = found.send(libraries);
                    said.blocking_recv().unwrap_or_else(gone)
                };
                let write = move || {
                    alloc::register_thread();
                    // Nobody waits for it where the connection has ended.
                    let _ = done.send(to.run(&mut input, accept));
                };
                let thread = std::thread::Builder::new().name("larder-sync".into());
                // Where it cannot be started its end of the channel is gone, and that is told.
                drop(thread.spawn(write));
            }
        }
        self.go_on();
    }

    /// No more parts follow. What became of a file is told.
    async fn end_parts(&mut self) {
        self.parts = None;
        let Some(Receiving { libraries, verdict, result }) = self.receiving.take() else { return };
        // Where there are none to be had it has failed already.
        if let Ok(libraries) = libraries.await {
            let _ = verdict.send(self.door.enter(|s| sync::accept(s, &libraries)));
        }
        let died = || Err("the thread that receives it died".to_owned());
        let result = result.await.unwrap_or_else(|_| died());
        let attempt = self.attempt;
        self.door.enter(|s| sync::received(s, attempt, result));
    }
}

/// Reads behind what the link's input holds.
fn read(s: &mut Server, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let link = &mut s.repl.link;
    let missing = link.wanted.saturating_sub(link.input.len());
    let most = missing.clamp(READ, READ_MAX);
    link.input.reserve(most);
    stream.poll_read_buf(cx, &mut link.input, most)
}

/// The parts of a data set, for the thread that reads them.
#[derive(Debug)]
struct Parts {
    queue: mpsc::Receiver<Part>,
    part: Bytes,
    ended: bool,
}

impl Read for Parts {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.part.is_empty() && !self.ended {
            match self.queue.blocking_recv() {
                Some(Part::Bytes(next)) => self.part = next.into(),
                Some(Part::End) => self.ended = true,
                // What came is not all, though it may end where a file can.
                None => return Err(io::Error::other("the connection ended before it")),
            }
        }
        let len = self.part.len().min(buf.len());
        self.part.copy_to_slice(&mut buf[..len]);
        Ok(len)
    }
}
