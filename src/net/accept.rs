//! Listeners, and what happens to a new connection.

use super::connection::Connection;
use super::door::Door;
use super::stream::Stream;
use crate::client::PeerAddr;
use crate::exec::clients::{self, Rejected};
use crate::stdx::os::error::os_words;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoints {
    pub(super) bind: Vec<String>,
    pub(super) port: u16,
    pub(super) backlog: i32,
    pub(super) unix: Option<(PathBuf, u32)>,
}

/// The tasks that accept; dropping it stops them and removes the unix socket.
#[derive(Debug)]
pub(super) struct Listeners {
    tcp: Vec<Accepting>,
    unix: Option<(PathBuf, JoinHandle<()>)>,
}

/// The task that accepts at one TCP address.
#[derive(Debug)]
struct Accepting {
    name: String,
    port: u16,
    task: JoinHandle<()>,
}

/// A TCP address that is bound, and its name in the configuration.
type Bound = (String, TcpListener);

impl Listeners {
    /// Binds every endpoint and begins to accept. Nothing is accepted where one cannot be bound.
    ///
    /// # Errors
    /// What cannot be bound, and why.
    pub(super) fn open(door: &Door, endpoints: &Endpoints) -> Result<Self, String> {
        if endpoints.port == 0 && endpoints.unix.is_none() {
            return Err("Configured to not listen anywhere, exiting.".to_owned());
        }
        let tcp = bind_all(endpoints, &endpoints.tcp_names())?;
        let mut listeners = Self { tcp: Vec::new(), unix: None };
        if let Some((path, mode)) = &endpoints.unix {
            let listener = bind_unix(path, *mode, endpoints.backlog)
                .map_err(|e| format!("Failed opening Unix socket: bind: {}", os_words(&e)))?;
            let accepting = accept_unix(door.clone(), listener, path.clone());
            listeners.unix = Some((path.clone(), tokio::task::spawn_local(accepting)));
        }
        listeners.accept(door, endpoints.port, tcp);
        Ok(listeners)
    }

    /// Listens at other TCP addresses; those that stay are never closed. The ones given up are
    /// closed before the new ones are bound, for one may stand in another's way: `*` and
    /// `127.0.0.1` do. If that fails they are bound again.
    ///
    /// # Errors
    /// What cannot be bound, and why.
    pub(super) async fn move_to(
        &mut self,
        door: &Door,
        endpoints: &Endpoints,
    ) -> Result<(), String> {
        let mut wanted = endpoints.tcp_names();
        let stays = |tcp: &mut Accepting| {
            tcp.port == endpoints.port && wanted.iter().any(|name| plain(name) == tcp.name)
        };
        let given_up: Vec<_> = self.tcp.extract_if(.., |tcp| !stays(tcp)).collect();
        wanted.retain(|name| self.tcp.iter().all(|tcp| tcp.name != plain(name)));
        let mut before = Endpoints { unix: None, ..endpoints.clone() };
        let mut closed = Vec::new();
        for Accepting { name, port, task } in given_up {
            task.abort();
            // It ends by being aborted, and its socket is closed when it has.
            let _ = task.await;
            before.port = port;
            closed.push(name);
        }
        let bound = bind_all(endpoints, &wanted);
        let failed = match bound {
            Ok(bound) => {
                self.accept(door, endpoints.port, bound);
                return Ok(());
            }
            Err(why) => why,
        };
        match bind_all(&before, &closed.iter().map(String::as_str).collect::<Vec<_>>()) {
            Ok(bound) => self.accept(door, before.port, bound),
            Err(why) => tracing::warn!("The addresses before cannot be had again: {why}"),
        }
        Err(failed)
    }

    fn accept(&mut self, door: &Door, port: u16, bound: Vec<Bound>) {
        self.tcp.extend(bound.into_iter().map(|(name, listener)| {
            let task = tokio::task::spawn_local(accept_tcp(door.clone(), listener));
            Accepting { name, port, task }
        }));
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        for accepting in &self.tcp {
            accepting.task.abort();
        }
        if let Some((path, task)) = &self.unix {
            task.abort();
            // Somebody may have removed it by hand.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Endpoints {
    /// The TCP addresses as the configuration names them; none without a port.
    fn tcp_names(&self) -> Vec<&str> {
        let names = self.bind.iter().map(String::as_str);
        names.filter(|_| self.port != 0).collect()
    }
}

/// An address without the dash before it, which says that it may be missing.
fn plain(name: &str) -> &str {
    name.strip_prefix('-').unwrap_or(name)
}

/// Binds TCP addresses, all of them or none.
fn bind_all(endpoints: &Endpoints, names: &[&str]) -> Result<Vec<Bound>, String> {
    let port = endpoints.port;
    let mut bound = Vec::with_capacity(names.len());
    for name in names {
        let optional = name.starts_with('-');
        let name = plain(name);
        match bind_tcp(name, port, endpoints.backlog) {
            Ok(listener) => bound.push((name.to_owned(), listener)),
            Err(e) if optional && is_unavailable(&e) => {}
            Err(e) => {
                tracing::warn!(
                    "Warning: Could not create server TCP listening socket {name}:{port}: bind: {}",
                    os_words(&e)
                );
                return Err(format!("Failed listening on port {port} (tcp), aborting."));
            }
        }
    }
    Ok(bound)
}

/// An address that this machine does not have, or a family that it does not speak.
fn is_unavailable(e: &io::Error) -> bool {
    matches!(
        e.raw_os_error(),
        Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT | libc::ENOPROTOOPT)
    )
}

fn bind_tcp(name: &str, port: u16, backlog: i32) -> io::Result<TcpListener> {
    let ip: IpAddr = match name {
        "*" => Ipv4Addr::UNSPECIFIED.into(),
        "::*" => Ipv6Addr::UNSPECIFIED.into(),
        name => resolve(name)?,
    };
    let addr = SocketAddr::new(ip, port);
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(backlog)?;
    TcpListener::from_std(socket.into())
}

fn resolve(name: &str) -> io::Result<IpAddr> {
    if let Ok(ip) = name.parse() {
        return Ok(ip);
    }
    let mut found = std::net::ToSocketAddrs::to_socket_addrs(&(name, 0))?;
    found.next().map(|a| a.ip()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

fn bind_unix(path: &Path, mode: u32, backlog: i32) -> io::Result<UnixListener> {
    // One left behind by a server that was killed.
    let _ = std::fs::remove_file(path);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(backlog)?;
    if mode != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    UnixListener::from_std(socket.into())
}

async fn accept_tcp(door: Door, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Ok(local) = stream.local_addr() else { continue };
                prepare(&door, &SockRef::from(&stream));
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                let local = SocketAddr::new(local.ip().to_canonical(), local.port());
                take_in(&door, Stream::Tcp(stream), PeerAddr::Tcp { peer, local });
            }
            Err(e) => accept_failed(&e).await,
        }
    }
}

async fn accept_unix(door: Door, listener: UnixListener, path: PathBuf) {
    let path: Rc<str> = path.to_string_lossy().into();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                take_in(&door, Stream::Unix(stream), PeerAddr::Unix(Rc::clone(&path)));
            }
            Err(e) => accept_failed(&e).await,
        }
    }
}

/// Out of descriptors, say: others must end before it can work again, so do not spin.
async fn accept_failed(e: &io::Error) {
    tracing::warn!("Error accepting a client connection: {}", os_words(e));
    tokio::time::sleep(Duration::from_millis(50)).await;
}

fn prepare(door: &Door, socket: &SockRef<'_>) {
    // A socket that has gone already refuses; its first read will say so.
    let _ = socket.set_tcp_nodelay(true);
    let keepalive = door.enter(|s| s.config.tcp_keepalive);
    if keepalive > 0 {
        let every = Duration::from_secs(u64::from(keepalive));
        let probes = TcpKeepalive::new()
            .with_time(every)
            .with_interval((every / 3).max(Duration::from_secs(1)))
            .with_retries(3);
        let _ = socket.set_tcp_keepalive(&probes);
    }
}

fn take_in(door: &Door, stream: Stream, addr: PeerAddr) {
    match door.enter(|s| clients::join(s, addr, stream.fd())) {
        Ok(id) => {
            tokio::task::spawn_local(Connection::new(door.clone(), id, stream));
        }
        Err(why) => reject(stream, why),
    }
}

/// Tells why, as far as the socket takes it at once, and hangs up.
fn reject(stream: Stream, why: Rejected) {
    let text = why.text().as_bytes();
    let _ = match &stream {
        Stream::Tcp(s) => s.try_write(text),
        Stream::Unix(s) => s.try_write(text),
    };
}
