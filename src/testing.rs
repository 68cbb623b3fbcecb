//! A whole server in one thread of a test: no sockets, and a clock that moves when told to.

mod link;
mod migrate;

use crate::client::{ClientId, Closing, PeerAddr};
use crate::config::Config;
use crate::effects::{Action, Connect, Feed, Op};
use crate::exec;
use crate::exec::aof_load::{self, Player};
use crate::exec::primary::{self, sync};
use crate::exec::turn::{self, Ended, Scratch};
use crate::exec::{aof, call, clients, cron, load, reconfigure, save, scripting};
use crate::exec::{shutdown, snapshot, table, throttle};
use crate::keyspace::Reading;
use crate::persist::aof::writer::Writer;
use crate::persist::disk::Simulated;
use crate::persist::leftovers;
use crate::persist::snapshot::{Destination, write, write_blocks};
use crate::repl::FileTask;
use crate::resp::{Argv, CmdError, Limits, Parsed, Parser};
use crate::server::{Facts, Server, Timer};
use std::cell::RefCell;
use std::io::{IoSlice, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

/// When every test begins: 14 November 2023, 22:13:20 UTC.
const START_MS: u64 = 1_700_000_000_000;
/// Time between two runs of the periodic work.
const TICK_MS: u64 = 100;

/// A server, its clients, and its clock.
#[derive(Debug)]
pub struct InProcess {
    server: Server,
    scratch: Scratch,
    /// What was sent to clients and not taken yet, of those that have left too.
    received: Vec<(ClientId, Vec<u8>)>,
    next_port: u16,
    now_ms: u64,
    /// The disk its files are on.
    disk: Simulated,
    /// What writes the append-only file there.
    writer: Option<Box<Writer>>,
    /// It writes only when told to.
    writer_waits: bool,
    /// Snapshots that begin are left to the test.
    holds_snapshots: bool,
    /// Connections to a primary that were asked for.
    connects: Vec<Connect>,
    /// Migrations that are to run.
    migrations: Vec<u64>,
    /// A primary's data set on its way.
    receiving: Option<link::Receiving>,
}

impl InProcess {
    /// A server with this configuration, whose randomness comes from `seed`.
    pub fn new(config: Config, seed: u64) -> Self {
        let facts =
            Facts { pid: 1, run_id: "0".repeat(40), started_ms: START_MS, ..Facts::default() };
        let mut server = Server::new(config, table::describe(), facts, Timer::still(), seed);
        server.keyspace.shared.set_now_us(START_MS * 1000);
        let disk = Simulated::default();
        server.persist.disk = Arc::new(disk.clone());
        Self {
            server,
            scratch: Scratch::default(),
            received: Vec::new(),
            next_port: 50_000,
            now_ms: START_MS,
            disk,
            writer: None,
            writer_waits: false,
            holds_snapshots: false,
            connects: Vec::new(),
            migrations: Vec::new(),
            receiving: None,
        }
    }

    /// A server that is started over what a disk holds, as `net` starts one.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn start(config: Config, seed: u64, disk: Simulated) -> Result<Self, String> {
        let mut this = Self::new(config, seed);
        this.server.persist.disk = Arc::new(disk.clone());
        this.disk = disk;
        let server = &mut this.server;
        leftovers::remove(&*server.persist.disk, server.facts.pid, "dump.rdb", &|_| false);
        exec::link::at_start(server);
        if server.config.appendonly {
            aof_load::at_start(server)?;
        } else {
            load::at_start(server)?;
        }
        load_all(server);
        load_log(server);
        if server.persist.loading.failed {
            return Err("the data set cannot be loaded".to_owned());
        }
        this.work();
        Ok(this)
    }

    /// The disk its files are on.
    pub fn disk(&self) -> &Simulated {
        &self.disk
    }

    /// Lets the append-only file wait to be written, or be written again.
    pub fn hold_writer(&mut self, hold: bool) {
        self.writer_waits = hold;
        self.work();
    }

    /// The server itself.
    pub fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// From now on a snapshot that begins waits for [`InProcess::take_snapshots`].
    pub fn hold_snapshots(&mut self) {
        self.holds_snapshots = true;
    }

    /// Reads a slice of the snapshot that has begun, and lets those go on who waited for it; whether it is
    /// complete.
    pub fn read_snapshot(&mut self) -> bool {
        let reading = snapshot::slice(&mut self.server);
        self.work();
        reading == Reading::Complete
    }

    /// Takes the snapshots that have begun to their end.
    pub fn take_snapshots(&mut self) {
        save_in_background(&mut self.server);
        self.work();
    }

    /// Loads the data set of the server's disk, as at the start of a process.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn load(&mut self) -> Result<(), String> {
        load::at_start(&mut self.server)?;
        load_all(&mut self.server);
        Ok(())
    }

    /// Connects a client from this machine.
    ///
    /// # Panics
    /// If the server does not take it.
    pub fn connect(&mut self) -> ClientId {
        self.next_port += 1;
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let addr = PeerAddr::Tcp { peer: at(self.next_port), local: at(6379) };
        let id = clients::join(&mut self.server, addr, 8).expect("the server takes clients");
        self.received.push((id, Vec::new()));
        id
    }

    /// Disconnects a client.
    pub fn disconnect(&mut self, client: ClientId) {
        clients::leave(&mut self.server, client);
    }

    /// Sends bytes; a connection that has ended takes them in silence. When this returns, the
    /// server has done all it can do with them.
    pub fn send(&mut self, client: ClientId, bytes: &[u8]) {
        if let Some(session) = self.server.clients.get_mut(client) {
            session.query.buf.extend_from_slice(bytes);
            session.resumed = true;
        }
        self.work();
    }

    /// Takes what the server sent to a client.
    pub fn take_output(&mut self, client: ClientId) -> Vec<u8> {
        let mine = self.received.iter_mut().find(|(id, _)| *id == client);
        mine.map(|(_, bytes)| std::mem::take(bytes)).unwrap_or_default()
    }

    /// Whether the server has ended a client's connection.
    pub fn is_closed(&self, client: ClientId) -> bool {
        self.server.clients.get(client).is_none()
    }

    /// Lets time pass: what falls due meanwhile happens at its time.
    pub fn advance(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while self.now_ms < end {
            let tick = (self.now_ms / TICK_MS + 1) * TICK_MS;
            let expiry = cron::next_deadline(&self.server).unwrap_or(u64::MAX).max(self.now_ms + 1);
            self.now_ms = tick.min(expiry).min(end);
            self.server.keyspace.shared.set_now_us(self.now_ms * 1000);
            while cron::expire(&mut self.server) {}
            if self.now_ms.is_multiple_of(TICK_MS) {
                cron::tick(&mut self.server);
            }
            self.work();
        }
    }

    /// Gives every client turns until none has anything to do.
    fn work(&mut self) {
        loop {
            // What is reported now may let clients go on that waited.
            self.follow_up();
            match self.next_ready() {
                Some(client) => self.turn(client),
                None if self.server.effects.has_actions() => {}
                None => break,
            }
        }
        self.deliver();
    }

    fn next_ready(&self) -> Option<ClientId> {
        let ready = |(_, session): &(ClientId, &crate::client::Session)| {
            session.resumed && session.may_go_on() && !session.query.buf.is_empty()
        };
        self.server.clients.iter().find(ready).map(|(id, _)| id)
    }

    fn turn(&mut self, client: ClientId) {
        let session = self.server.clients.running(client);
        session.resumed = false;
        let held = std::mem::take(&mut session.query.buf);
        let (used, ended) = turn::run(&mut self.server, client, &held, &mut self.scratch);
        if let Some(session) = self.server.clients.get_mut(client) {
            session.query.buf = held[used..].to_vec();
            session.resumed |= ended == Ended::Again;
        }
    }

    /// Does what `net` would do, as far as there is something to do without sockets.
    fn follow_up(&mut self) {
        let server = &mut self.server;
        drop(server.keyspace.shared.take_garbage());
        throttle::release(server);
        primary::end_turn(server);
        for action in server.effects.take_actions() {
            match action {
                Action::Answer { client } | Action::AwaitFreeing { client } => {
                    reconfigure::answer(server, Some(client), Ok(()));
                }
                Action::Reconfigure { client, .. } => {
                    aof::configure(server);
                    reconfigure::answer(server, client, Ok(()));
                }
                Action::RewriteConfig { client, .. } => {
                    let error = CmdError::Msg("Rewriting config file: there are no files here");
                    reconfigure::answer(server, client, Err(error));
                }
                Action::SendFile => send_files(server),
                Action::GoOnWithScript => {
                    if scripting::go_on(server) {
                        server.effects.act(Action::GoOnWithScript);
                    }
                }
                Action::WriteSnapshot if self.holds_snapshots => {}
                Action::WriteSnapshot => save_in_background(server),
                Action::Save { client } => {
                    let saved = save_now(server);
                    save::answer(server, Some(client), saved);
                }
                Action::Load => {
                    load_all(server);
                    load_log(server);
                }
                Action::ReloadLog { client } => aof_load::reload(server, client),
                Action::Reload { client, save, how } => {
                    load::prepare(server);
                    let saved = !save || save_now(server);
                    load::saved(server, client, saved, how);
                    load_all(server);
                }
                Action::SnapshotEnded { number, result } => {
                    snapshot::ended(server, number, result);
                }
                Action::Connect(to) => self.connects.push(*to),
                Action::Migrate(number) => self.migrations.push(number),
                Action::RoleChanged => {}
                Action::Purge => (server.facts.figures.purge)(),
                Action::FlushedAll => save::flushed_all(server),
                Action::Shutdown(how) => shutdown::begin(server, how),
                Action::Exit(_) | Action::Crash => {
                    server.clients.iter_mut().for_each(|(_, session)| session.close(Closing::Now));
                }
            }
        }
        self.write_log();
    }

    /// Does what the thread would do that writes the append-only file.
    fn write_log(&mut self) {
        let aof = &mut self.server.persist.aof;
        if let Some(writer) = aof.take_writer() {
            self.writer = Some(writer);
        }
        let Some(writer) = self.writer.as_mut().filter(|_| !self.writer_waits) else { return };
        let mut jobs = Vec::new();
        if aof.has_jobs() {
            aof.hand_over(&mut jobs);
        }
        jobs.into_iter().for_each(|job| writer.add(job));
        loop {
            for report in writer.work(self.now_ms) {
                aof::handle(&mut self.server, report);
            }
            if writer.wake_at().is_none_or(|at| at > self.now_ms) {
                break;
            }
        }
    }

    /// Moves output to where tests take it from, and ends the connections that are to end.
    fn deliver(&mut self) {
        let mut gone = Vec::new();
        for (id, bytes) in &mut self.received {
            let Some(session) = self.server.clients.get_mut(*id) else { continue };
            if session.flags.held {
                continue;
            }
            if session.closing != Some(Closing::Now) {
                bytes.extend(session.out.copy_from(0));
            }
            session.out.take_tail();
            take_stream(&mut self.server, *id, bytes);
            let Some(session) = self.server.clients.get_mut(*id) else { continue };
            if session.closing.is_some() {
                gone.push(*id);
            }
        }
        for id in gone {
            clients::leave(&mut self.server, id);
        }
    }
}

/// Runs the load that has begun to its end, on the same thread.
fn load_all(s: &mut Server) {
    if let Some(task) = s.persist.loading.task.take() {
        link::run(s, task);
    }
}

/// Takes the snapshots that have begun to their end, as if nothing happened meanwhile.
fn save_in_background(s: &mut Server) {
    for task in s.persist.snapshots.take_tasks() {
        while snapshot::slice(s) == Reading::More {}
        let result = match &task.to {
            Destination::File(target) => {
                write(&*s.persist.disk, target, &task.parts, &task.in_flight)
            }
            Destination::Replicas(form) => {
                let mut take = |block| sync::push(s, task.number, &block);
                write_blocks(*form, &task.parts, &task.in_flight, &mut take)
            }
        };
        snapshot::ended(s, task.number, result);
    }
}

/// Gives replicas the files they wait for.
fn send_files(s: &mut Server) {
    for FileTask { number, mut file } in std::mem::take(&mut s.repl.files) {
        let mut bytes = Vec::new();
        let read = file.read_to_end(&mut bytes).map(drop).map_err(|error| error.to_string());
        sync::push(s, number, &bytes.into());
        sync::file_ended(s, number, read);
    }
}

/// Takes what a replica is to be sent of a snapshot and of the stream.
fn take_stream(s: &mut Server, id: ClientId, bytes: &mut Vec<u8>) {
    loop {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = s.repl.fill(id, &mut slices);
        let before = bytes.len();
        slices[..filled].iter().for_each(|slice| bytes.extend_from_slice(slice));
        if bytes.len() == before {
            return;
        }
        primary::sent(s, id, bytes.len() - before);
    }
}

fn save_now(s: &mut Server) -> bool {
    let begun = save::begin_now(s).is_ok();
    save_in_background(s);
    begun && s.persist.saving.last_ok
}

/// Runs the load of the append-only file that has begun, if one has, to its end.
fn load_log(s: &mut Server) {
    let Some(task) = s.persist.aof.load.take() else { return };
    let mut player = Player::new(s);
    let result = task.run(&mut |mut event| loop {
        match player.take(s, &mut event) {
            load::Slice::More => {}
            load::Slice::Whole => return true,
            load::Slice::Refused => return false,
        }
    });
    player.end(s);
    aof_load::ended(s, result);
}

/// A feed that writes down what it is given; its clones share what they wrote.
#[derive(Debug, Default, Clone)]
pub struct Recorder(Rc<RefCell<Vec<(u32, String)>>>);

impl Recorder {
    /// What was fed since this was last asked: databases, and commands as words of printable text.
    pub fn take(&self) -> Vec<(u32, String)> {
        self.0.take()
    }

    /// The same as one line, without the databases.
    pub fn take_words(&self) -> String {
        self.take().into_iter().map(|(_, words)| words).collect::<Vec<_>>().join("; ")
    }
}

impl Feed for Recorder {
    fn feed(&mut self, op: Op<'_>) {
        let limits = Limits { bulk_max: op.request.len(), authenticated: true };
        let mut spans = Vec::new();
        let read = Parser::default().next(op.request, 0, limits, &mut spans);
        assert_eq!(read, Ok(Parsed::Command { end: op.request.len() }), "one whole command is fed");
        let argv = Argv::new(op.request, &spans);
        let words: Vec<_> = argv.iter().map(|word| word.escape_ascii().to_string()).collect();
        self.0.borrow_mut().push((op.db, words.join(" ")));
    }
}

/// A server with one client whose writes are written down.
#[derive(Debug)]
pub struct FedServer {
    /// The server.
    pub server: InProcess,
    /// Its first client.
    pub client: ClientId,
    /// What it feeds.
    pub fed: Recorder,
}

impl Default for FedServer {
    fn default() -> Self {
        let mut server = InProcess::new(Config::default(), 1);
        let fed = Recorder::default();
        server.server().add_feed(Box::new(fed.clone()));
        let client = server.connect();
        Self { server, client, fed }
    }
}

impl FedServer {
    /// Sends an inline command of the first client; answers what was fed by it.
    pub fn run(&mut self, line: &str) -> String {
        self.run_as(self.client, line)
    }

    /// Sends an inline command of any client; answers what was fed by it, and by those it served.
    pub fn run_as(&mut self, client: ClientId, line: &str) -> String {
        self.server.send(client, format!("{line}\r\n").as_bytes());
        self.fed.take_words()
    }

    /// Runs one command of words without quotes; answers the names of its events, and what it fed.
    ///
    /// # Panics
    /// If there is no such command.
    pub fn run_told(&mut self, line: &str) -> (String, String) {
        let words: Vec<_> = line.split(' ').collect();
        let (buf, spans) = turn::pack(&words);
        let argv = Argv::new(&buf, &spans);
        let server = self.server.server();
        let command = call::find(&server.commands, &argv).expect("a known command");
        call::call(server, self.client, command, &argv);
        let changes = server.keyspace.shared.take_changes();
        let events: Vec<_> = changes.iter().map(|change| change.event.name).collect();
        server.deliver_writes();
        (events.join(" "), self.fed.take_words())
    }

    /// Runs each line in turn on a new server, which must feed this.
    ///
    /// # Panics
    /// If it feeds something else.
    pub fn check(cases: &[(&str, &str)]) {
        let mut fed_server = Self::default();
        for (line, fed) in cases {
            assert_eq!(fed_server.run(line), *fed, "{line}");
        }
    }

    /// Runs `setup`, then each line in turn on a new server, which must cause these events and feed
    /// this.
    ///
    /// # Panics
    /// If it causes or feeds something else.
    pub fn check_told(setup: &[&str], cases: &[(&str, &str, &str)]) {
        let mut fed_server = Self::default();
        for line in setup {
            fed_server.run_told(line);
        }
        for (line, events, fed) in cases {
            let got = fed_server.run_told(line);
            assert_eq!((got.0.as_str(), got.1.as_str()), (*events, *fed), "{line}");
        }
    }
}
