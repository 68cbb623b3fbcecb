//! A server process of a test's own, and connections to it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// The program under test.
pub(crate) const LARDER: &str = env!("CARGO_BIN_EXE_larder");
/// What has not come about by then never will.
const STOP: Duration = Duration::from_secs(120);

/// Waits until something holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let stop = Instant::now() + STOP;
    while !holds() {
        assert!(Instant::now() < stop, "this has not come about: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A port that nobody else has: below those that the system gives to outgoing connections, and
/// each is given once.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Runs at the same time have neighbouring process ids; a stride keeps them apart.
    let start = (u64::from(std::process::id()) * 7_919 % u64::from(COUNT)) as u16;
    loop {
        let step = TAKEN.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (start + step) % COUNT;
        let free = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok();
        // A machine without IPv6 has no use of it either.
        let taken = |e: &std::io::Error| e.kind() == ErrorKind::AddrInUse;
        let free6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).err().is_none_or(|e| !taken(&e));
        if free && free6 {
            return port;
        }
    }
}

/// A server about to be started, in a folder of its own.
pub(crate) struct Setup {
    pub(crate) command: Command,
    folder: TempDir,
    port: u16,
}

impl Setup {
    /// The program without any argument; whatever it writes is kept.
    pub(crate) fn bare(program: impl AsRef<std::ffi::OsStr>) -> Self {
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let mut command = Command::new(program);
        let file = |name| std::fs::File::create(folder.path().join(name)).expect("it is ours");
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
        command.current_dir(folder.path()).env_remove("NOTIFY_SOCKET").env_remove("UPSTART_JOB");
        Self { command, folder, port: 0 }
    }

    /// larder on a port of loopback.
    pub(crate) fn new() -> Self {
        let port = free_port();
        Self { port, ..Self::bare(LARDER) }
            .args(&["--port", &port.to_string()])
            .args(&["--bind", "127.0.0.1"])
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A path in the server's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the server's folder; its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the folder is ours");
        path.to_str().expect("temporary paths are text").to_owned()
    }

    pub(crate) fn spawn(mut self) -> Server {
        let child = self.command.spawn().expect("the program is there");
        Server { child, folder: self.folder, port: self.port }
    }

    /// Starts it and waits until it serves its port, and with that every other endpoint.
    #[track_caller]
    pub(crate) fn start(self) -> Server {
        let mut server = self.spawn();
        eventually("the server listens", || {
            let ended = server.child.try_wait().expect("it is our child");
            assert!(ended.is_none(), "it ended at its start: {}{}", server.out(), server.err());
            serves(server.port)
        });
        server
    }
}

/// Whether a connection that asks for nothing is taken and, as its client has ended, closed. That
/// the kernel takes it is not enough: it does so while the server still binds its other endpoints.
fn serves(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    stream.set_read_timeout(Some(STOP)).expect("the time is not zero");
    stream.end_input();
    matches!(stream.read(&mut [0]), Ok(0))
}

/// Starts larder on a port of loopback with these options.
#[track_caller]
pub(crate) fn start(options: &[&str]) -> Server {
    Setup::new().args(options).start()
}

/// A server process; dropping it ends the process.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Server {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Says at which port it was told to listen.
    pub(crate) fn at(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("process ids fit"))
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it wrote to standard output: its log, unless that goes elsewhere.
    pub(crate) fn out(&self) -> String {
        read(&self.path("out"))
    }

    pub(crate) fn err(&self) -> String {
        read(&self.path("err"))
    }

    #[track_caller]
    pub(crate) fn logs(&self, text: &str) {
        eventually(&format!("{text:?} in the log"), || self.out().contains(text));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it was not waited for yet");
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the process ends", || {
            status = self.child.try_wait().expect("it is our child");
            status.is_some()
        });
        status.expect("it has ended")
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::tcp(self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only when the process has ended, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file's text; nothing while it is not there.
pub(crate) fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// A connected socket, TCP or unix.
trait Socket: Read + Write {
    fn end_input(&self);
}

impl Socket for TcpStream {
    fn end_input(&self) {
        self.shutdown(std::net::Shutdown::Write).expect("it is connected");
    }
}

impl Socket for UnixStream {
    fn end_input(&self) {
        self.shutdown(std::net::Shutdown::Write).expect("it is connected");
    }
}

/// A connection that speaks RESP.
pub(crate) struct Client {
    stream: BufReader<Box<dyn Socket>>,
}

impl Client {
    #[track_caller]
    pub(crate) fn tcp(port: u16) -> Self {
        Self::over(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens"))
    }

    #[track_caller]
    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP socket takes TCP_NODELAY");
        stream.set_read_timeout(Some(STOP)).expect("the time is not zero");
        stream.set_write_timeout(Some(STOP)).expect("the time is not zero");
        Self { stream: BufReader::new(Box::new(stream)) }
    }

    #[track_caller]
    pub(crate) fn unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).expect("it listens");
        stream.set_read_timeout(Some(STOP)).expect("the time is not zero");
        stream.set_write_timeout(Some(STOP)).expect("the time is not zero");
        Self { stream: BufReader::new(Box::new(stream)) }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Sends as far as the server lets it; whether it took all.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.get_mut().write_all(bytes).is_ok()
    }

    /// Says that nothing more will be sent.
    pub(crate) fn end_input(&mut self) {
        self.stream.get_ref().end_input();
    }

    /// Sends a command given as words, and reads its reply.
    #[track_caller]
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.send(encode(&command.split(' ').map(str::as_bytes).collect::<Vec<_>>()));
        self.read()
    }

    /// The next reply as text: elements with spaces between them, errors with their dash.
    #[track_caller]
    pub(crate) fn read(&mut self) -> String {
        String::from_utf8_lossy(&self.read_bytes()).into_owned()
    }

    #[track_caller]
    pub(crate) fn read_bytes(&mut self) -> Vec<u8> {
        let line = self.line();
        let (kind, head) = line.split_first().expect("a reply has a type byte");
        let count = || String::from_utf8_lossy(head).parse::<i64>().expect("a length");
        match kind {
            b'-' => line,
            b'$' | b'=' | b'*' if count() < 0 => b"(nil)".to_vec(),
            b'_' => b"(nil)".to_vec(),
            b'$' | b'=' => {
                let mut bytes = self.exactly(count() as usize + 2);
                assert_eq!(bytes.split_off(bytes.len() - 2), b"\r\n");
                bytes
            }
            b'*' | b'~' | b'>' => self.items(count()),
            b'%' => self.items(count() * 2),
            _ => head.to_vec(),
        }
    }

    #[track_caller]
    fn items(&mut self, count: i64) -> Vec<u8> {
        let items: Vec<_> = (0..count).map(|_| self.read_bytes()).collect();
        items.join(&b' ')
    }

    #[track_caller]
    pub(crate) fn exactly(&mut self, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        self.stream.read_exact(&mut bytes).expect("the server answers");
        bytes
    }

    #[track_caller]
    fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).expect("the server answers");
        assert!(line.ends_with(b"\r\n"), "the connection ended in {line:?}");
        line.truncate(line.len() - 2);
        line
    }

    /// What still comes until the server ends the connection.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => bytes,
            // What it had not read yet makes the server's end of the connection a reset.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => bytes,
            Err(error) => panic!("the server does not end the connection: {error}"),
        }
    }

    /// One field of INFO.
    #[track_caller]
    pub(crate) fn info(&mut self, field: &str) -> String {
        let text = self.ask("INFO everything");
        let prefix = format!("{field}:");
        let value = text.lines().find_map(|line| line.strip_prefix(&prefix));
        value.unwrap_or_else(|| panic!("{field} is in INFO")).to_owned()
    }
}

/// A command as clients send it.
pub(crate) fn encode(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
