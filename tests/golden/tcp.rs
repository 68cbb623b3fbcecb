//! The driver over TCP: a server process of our own for each script.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::reply::{Replies, Reply};
use crate::run::{Absent, Driver};

const REPLY_WAIT: Duration = Duration::from_secs(120);
const START_WAIT: Duration = Duration::from_secs(120);
/// How long a connection must say nothing to be taken for silent.
const QUIET: Duration = Duration::from_millis(50);

/// A running server and the connections to it; dropping it ends the process.
pub(crate) struct Tcp {
    process: Child,
    port: u16,
    clients: Vec<Client>,
    /// The server's working folder, which goes when the server has gone.
    _folder: tempfile::TempDir,
}

struct Client {
    stream: TcpStream,
    replies: Replies,
}

impl Tcp {
    /// Starts a program that takes redis-server's options; returns when it listens.
    pub(crate) fn start(program: &str, options: &[String]) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let port = free_port().map_err(|error| error.to_string())?;
        let process = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--enable-debug-command", "yes", "--dir"])
            .arg(folder.path())
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let mut server = Self { process, port, clients: Vec::new(), _folder: folder };
        let deadline = Instant::now() + START_WAIT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Ok(Some(status)) = server.process.try_wait() {
                return Err(format!("{program} ended at start: {status}"));
            }
            if Instant::now() > deadline {
                return Err(format!("{program} does not listen after {START_WAIT:?}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket takes TCP_NODELAY");
        Client { stream, replies: Replies::default() }
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        // Killing fails only when the process has ended, and then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        // A server that has closed shows when the reply is read.
        let _ = self.stream.write_all(bytes);
    }

    fn read_reply(&mut self, wait: Duration) -> Result<Reply, Absent> {
        let deadline = Instant::now() + wait;
        loop {
            match self.replies.next() {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => self.fill(deadline)?,
                Err(what) => return Err(Absent::Malformed(what)),
            }
        }
    }

    /// Reads once, waiting until the deadline.
    fn fill(&mut self, deadline: Instant) -> Result<(), Absent> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left)).expect("the time left is not zero");
        let mut chunk = vec![0; 1 << 16];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(Absent::Closed),
            Ok(size) => {
                self.replies.push(&chunk[..size]);
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(Absent::Silent)
            }
            Err(_) => Err(Absent::Closed),
        }
    }
}

impl Driver for Tcp {
    fn open(&mut self) -> usize {
        self.clients.push(self.connect());
        self.clients.len() - 1
    }

    fn close(&mut self, client: usize) {
        // Fails only when the other side has closed first.
        let _ = self.clients[client].stream.shutdown(std::net::Shutdown::Both);
    }

    fn send(&mut self, client: usize, bytes: &[u8]) {
        self.clients[client].send(bytes);
    }

    fn read_reply(&mut self, client: usize) -> Result<Reply, Absent> {
        self.clients[client].read_reply(REPLY_WAIT)
    }

    fn is_silent(&mut self, client: usize) -> bool {
        let client = &mut self.clients[client];
        client.replies.is_empty()
            && matches!(client.fill(Instant::now() + QUIET), Err(Absent::Silent))
    }

    fn is_closed(&mut self, client: usize) -> bool {
        let client = &mut self.clients[client];
        client.replies.is_empty()
            && matches!(client.fill(Instant::now() + REPLY_WAIT), Err(Absent::Closed))
    }

    /// Two round trips on another connection: the first may share its turn of the server's event
    /// loop with what was sent before, the second comes after it. A paused server answers neither; then
    /// some time has passed, which does as well.
    fn settle(&mut self) {
        let mut control = self.connect();
        for _ in 0..2 {
            control.send(b"PING\r\n");
            if control.read_reply(Duration::from_millis(200)).is_err() {
                break;
            }
        }
    }

    fn is_process(&self) -> bool {
        true
    }

    fn advance(&mut self, ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }
}

/// A port that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
