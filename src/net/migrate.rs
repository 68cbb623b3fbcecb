//! Connections to servers that keys move to: made on request, used by one migration at a time, and kept for a while for
//! the next one to the same server.

use super::door::{Door, Room};
use super::link::connect_any;
use crate::cluster::migrate::{Fault, Target};
use crate::exec::migrate::{self, Next};
use bytes::{Buf, Bytes, BytesMut};
use std::future::pending;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep, timeout};

/// Connections kept,
const IDLE_MAX: usize = 64;
/// and for how long nobody uses them.
const IDLE: Duration = Duration::from_secs(10);
/// Bytes of answers read at once: no more keys go in one turn than these can tell of.
const READ: usize = 4096;
/// How often it is looked whether a migration may go on that waits for something else than its connection.
const LOOK: Duration = Duration::from_millis(2);

/// A connection.
#[derive(Debug)]
struct Connection {
    to: Target,
    stream: TcpStream,
    /// The database that is selected there, where that is known.
    db: Option<i64>,
    used: Instant,
}

/// Connections that nobody uses, the one used last at the end.
#[derive(Debug, Default)]
pub(super) struct Idle(Vec<Connection>);

impl Idle {
    fn take(&mut self, to: &Target) -> Option<Connection> {
        let at = self.0.iter().rposition(|connection| connection.to == *to)?;
        Some(self.0.remove(at))
    }

    fn put(&mut self, connection: Connection) {
        if self.0.len() >= IDLE_MAX {
            self.0.remove(0);
        }
        self.0.push(connection);
    }

    /// Where one was found closed the others are so, too.
    fn forget(&mut self, to: &Target) {
        self.0.retain(|connection| connection.to != *to);
    }
}

impl Room {
    /// Closes connections that nobody has used for long.
    pub(super) fn close_idle(&mut self) {
        let now = Instant::now();
        self.idle.0.retain(|connection| now.duration_since(connection.used) < IDLE);
        self.count_idle();
    }

    fn count_idle(&mut self) {
        self.server.migrations.idle_connections = self.idle.0.len();
    }

    fn take_idle(&mut self, to: &Target) -> Option<Connection> {
        let connection = self.idle.take(to);
        self.count_idle();
        connection
    }
}

/// Runs a migration to its end.
pub(super) async fn run(door: Door, number: u64) {
    let Some((to, patience)) = door.enter(|s| migrate::target(s, number)) else { return };
    let mut kept = door.enter_room(|room| room.take_idle(&to));
    loop {
        let connected = match kept.take() {
            Some(connection) => Ok(connection),
            None => connect(&to, patience).await,
        };
        let result = match connected {
            Ok(connection) => talk(&door, number, connection, patience).await,
            Err(fault) => Err(fault),
        };
        match result {
            Ok(connection) => {
                // INFO tells of it to whoever has the answer.
                door.enter_room(|room| room.idle.put(connection));
                break;
            }
            Err(fault) => {
                door.enter_room(|room| room.idle.forget(&to));
                if !door.enter(|s| migrate::failed(s, number, fault)) {
                    break;
                }
            }
        }
    }
    door.enter_room(|room| {
        room.count_idle();
        migrate::ended(&mut room.server, number);
    });
}

/// Names are looked up on a thread of the runtime's.
async fn connect(to: &Target, patience: Duration) -> Result<Connection, Fault> {
    let connecting = async {
        let addresses = lookup_host((to.host.as_str(), to.port)).await;
        let addresses = addresses.map_err(|_| Fault::Connecting)?;
        let connected = connect_any(addresses, &to.source).await;
        // To whoever asked, a server that refuses is one that cannot be written to.
        connected.map_err(|_| Fault::Writing { again: false })
    };
    let stream = timeout(patience, connecting).await.map_err(|_| Fault::Connecting)??;
    let _ = stream.set_nodelay(true);
    Ok(Connection { to: to.clone(), stream, db: None, used: Instant::now() })
}

/// Has a migration out with the other side; the connection comes back when it has ended.
async fn talk(
    door: &Door,
    number: u64,
    mut connection: Connection,
    patience: Duration,
) -> Result<Connection, Fault> {
    door.enter(|s| migrate::connected(s, number, connection.db));
    let (mut input, mut output) = connection.stream.split();
    let mut unwritten = Bytes::new();
    let mut answers = BytesMut::new();
    let db = loop {
        while door.enter(|s| migrate::must_wait(s)) {
            sleep(LOOK).await;
        }
        if !answers.is_empty() {
            door.enter(|s| migrate::received(s, number, &answers))?;
            answers.clear();
        }
        let mut is_later = false;
        if unwritten.is_empty() {
            match door.enter(|s| migrate::next(s, number)) {
                Next::Talk(bytes) => unwritten = bytes.into(),
                Next::Later => is_later = true,
                Next::End(db) => break db,
            }
        }
        let wait = if is_later { LOOK } else { patience };
        let writes = !unwritten.is_empty();
        tokio::select! {
            written = write(&mut output, &unwritten) => unwritten.advance(written?),
            read = read(&mut input, &mut answers) => read?,
            () = sleep(wait) => match (is_later, writes) {
                (true, _) => {}
                (false, true) => return Err(Fault::Writing { again: false }),
                (false, false) => return Err(Fault::Reading { again: false }),
            },
        }
    };
    Ok(Connection { db, used: Instant::now(), ..connection })
}

/// Writes some of the bytes, if there are any.
async fn write(output: &mut WriteHalf<'_>, bytes: &[u8]) -> Result<usize, Fault> {
    if bytes.is_empty() {
        return pending().await;
    }
    match output.write(bytes).await {
        Ok(written) => Ok(written),
        Err(_) => Err(Fault::Writing { again: true }),
    }
}

/// Reads what has come.
async fn read(input: &mut ReadHalf<'_>, answers: &mut BytesMut) -> Result<(), Fault> {
    answers.reserve(READ);
    match input.read_buf(answers).await {
        Ok(1..) => Ok(()),
        Ok(0) | Err(_) => Err(Fault::Reading { again: true }),
    }
}
