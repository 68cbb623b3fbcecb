//! Loading the append-only file: its commands take the road that clients' commands take.

use super::gate::administers;
use super::load::{self, Slice};
use super::{aof, call, function, limits, multi, reconfigure, snapshot, table};
use crate::client::{ClientId, PeerAddr, Session};
use crate::cmd::Run;
use crate::config::PropagationError;
use crate::effects::Action;
use crate::keyspace::Keeper;
use crate::persist::aof::batch::Commands;
use crate::persist::aof::files::Folder;
use crate::persist::aof::load::{Event, GoesOn, Loaded, Task};
use crate::persist::aof::writer::Job;
use crate::persist::aof::{Aof, State};
use crate::persist::load::{Done, Options, Progress};
use crate::resp::{Argv, CmdError};
use crate::server::Server;
use crate::spec::flag;
use std::sync::Arc;

/// How long a slice of commands holds the loop.
const SLICE_NANOS: u64 = 1_000_000;
/// Commands whose keys are fetched ahead together,
const AHEAD: usize = 16;
/// where they are no longer than this.
const KEY_AHEAD_MAX: usize = 256;

/// Begins the load with which the server starts. The task waits in `persist.aof` then.
///
/// # Errors
/// Why the server must not start, as the log tells it.
pub fn at_start(s: &mut Server) -> Result<(), String> {
    begin_at_start(s).map_err(|why| {
        // Whoever ends the process tells the last line.
        let (lines, last) = why.rsplit_once('\n').unwrap_or(("", &why));
        lines.lines().for_each(|line| tracing::warn!("{line}"));
        last.to_owned()
    })
}

fn begin_at_start(s: &mut Server) -> Result<(), String> {
    let folder = Folder::read(Arc::clone(&s.persist.disk), Aof::names(&s.config))?;
    let keeps_history = s.config.aof_disable_auto_gc;
    let snapshot = s.config.aof_use_rdb_preamble;
    let empty_base = snapshot::empty_base(s, snapshot);
    let offset = s.persist.aof.log.end();
    let goes_on = GoesOn { empty_base, snapshot, keeps_history, offset };
    begin(s, folder, Some(goes_on), Done::Serve)
}

/// DEBUG LOADAOF: loads the files in place of what is in memory, once what is logged is in them.
pub fn reload(s: &mut Server, client: ClientId) {
    let aof = &mut s.persist.aof;
    aof.reload = Some((client, aof.log.end()));
    aof.ask(Job::Sync);
    log_is_written(s);
}

/// The log is in its file as far as it went: a client's reload may begin.
pub(super) fn log_is_written(s: &mut Server) {
    let written = s.persist.aof.progress.synced;
    let due = |(_, end): &mut (ClientId, u64)| written >= *end;
    let Some((client, _)) = s.persist.aof.reload.take_if(due) else { return };
    s.keyspace.flush(None);
    function::delete_all(s);
    let folder = Folder::read(Arc::clone(&s.persist.disk), Aof::names(&s.config));
    match folder.and_then(|folder| begin(s, folder, None, Done::Answer(client))) {
        Ok(()) => s.effects.act(Action::Load),
        Err(why) => refuse(s, &why),
    }
}

fn begin(
    s: &mut Server,
    folder: Folder,
    goes_on: Option<GoesOn>,
    done: Done,
) -> Result<(), String> {
    let options = Options { keep_expired: true, ..load::options(s, None) };
    let cut_torn = s.config.aof_load_truncated && goes_on.is_some();
    let task = Task { folder, cut_torn, options, goes_on };
    let total = task.bytes()?;
    s.persist.aof.load = Some(task);
    s.keyspace.shared.keep_expired(Keeper::Loading, true);
    // What is in the log already is not logged again.
    s.effects.set_logged(false);
    s.persist.loading.running = Some(Progress::new(s.now_ms(), total, done));
    Ok(())
}

/// A load has ended: the server serves, or ends where it has not what it needs.
pub fn ended(s: &mut Server, result: Result<Loaded, String>) {
    s.keyspace.shared.keep_expired(Keeper::Loading, false);
    let Some(run) = s.persist.loading.running.take() else { return };
    s.keyspace.shared.dirty = 0;
    let loaded = match (run.refused, result) {
        (None, Ok(loaded)) => loaded,
        (Some(why), _) | (None, Err(why)) => return refuse(s, &why),
    };
    if loaded.any {
        let seconds = s.now_ms().saturating_sub(run.began_ms) as f64 / 1000.0;
        tracing::info!("DB loaded from append only file: {seconds:.3} seconds");
    }
    if let Some(writer) = loaded.writer {
        let aof = &mut s.persist.aof;
        aof.progress = writer.progress();
        aof.base_bytes = if loaded.any { loaded.bytes } else { writer.base_bytes() };
        aof.earlier_bytes = aof.base_bytes.saturating_sub(aof.progress.len);
        aof.set_writer(writer);
        aof.begin(State::On);
    }
    s.follow_log();
    aof::configure(s);
    if let Done::Answer(client) = run.done {
        tracing::warn!("Append Only File loaded by DEBUG LOADAOF");
        reconfigure::answer(s, Some(client), Ok(()));
    }
}

/// A part of a data set is not to be taken for the whole, nor to be written behind.
fn refuse(s: &mut Server, why: &str) {
    why.lines().for_each(|line| tracing::warn!("{line}"));
    s.persist.loading.failed = true;
    s.effects.act(Action::Exit(1));
}

/// Runs what a file holds, as a client that nobody sees would.
#[derive(Debug)]
pub struct Player {
    client: ClientId,
    /// The file that is being loaded, whether it is the base, and when it began.
    file: (String, bool, u64),
    /// Bytes of the files before it.
    before: u64,
    /// The next command of those being run.
    next: usize,
}

impl Player {
    /// One that has not begun.
    pub fn new(s: &mut Server) -> Self {
        let mut session = Session::new(PeerAddr::Unix("".into()), -1, true, s.now_ms());
        session.flags.deny_blocking = true;
        let client = s.clients.insert(session);
        Self { client, file: (String::new(), false, 0), before: 0, next: 0 }
    }

    /// Does what a part of a file says, as much as a slice of time allows.
    pub fn take(&mut self, s: &mut Server, event: &mut Event) -> Slice {
        match event {
            Event::File { name, base, before } => {
                self.file = (std::mem::take(name), *base, s.timer.now());
                self.before = *before;
            }
            Event::Keys(batch) => {
                let slice = load::insert(s, batch);
                self.tell_progress(s, batch.read);
                return slice;
            }
            Event::Commands(commands) => return self.run_some(s, commands),
            Event::All => {}
            Event::End => {
                s.end_transaction(self.client);
                s.clients.running(self.client).db = 0;
                let (name, base, began) = &self.file;
                let kind = if *base { "base" } else { "incr" };
                let nanos = s.timer.nanos(s.timer.now().wrapping_sub(*began));
                let seconds = nanos as f64 / 1e9;
                tracing::info!("DB loaded from {kind} file {name}: {seconds:.3} seconds");
            }
        }
        Slice::Whole
    }

    fn tell_progress(&self, s: &mut Server, read: u64) {
        if let Some(run) = &mut s.persist.loading.running {
            run.loaded_bytes = self.before + read;
        }
    }

    fn run_some(&mut self, s: &mut Server, commands: &Commands) -> Slice {
        let began = s.timer.now();
        s.keyspace.shared.set_timeless(true);
        let mut slice = Slice::Whole;
        while let Some((argv, offset)) = commands.get(self.next) {
            if self.next.is_multiple_of(AHEAD) {
                self.fetch_ahead(s, commands);
            }
            if let Err(why) = self.run(s, &argv, offset) {
                slice = load::refuse(s, why);
                break;
            }
            self.next += 1;
            self.tell_progress(s, offset);
            if s.timer.nanos(s.timer.now().wrapping_sub(began)) >= SLICE_NANOS {
                slice = Slice::More;
                break;
            }
        }
        s.keyspace.shared.set_timeless(false);
        if slice == Slice::Whole {
            self.next = 0;
        }
        slice
    }

    /// Fetches ahead the places of the next commands' keys. What follows a command's name mostly is one; where it is not, nothing
    /// is lost.
    fn fetch_ahead(&self, s: &mut Server, commands: &Commands) {
        let db = s.clients.running(self.client).db;
        let next = (self.next..self.next + AHEAD).map_while(|number| commands.get(number));
        let keys = next.filter(|(argv, _)| argv.len() > 1 && argv.at(1).len() <= KEY_AHEAD_MAX);
        let seed = s.limits.seed;
        s.keyspace.prefetch(db, keys.map(|(argv, _)| seed.hash(argv.at(1))));
    }

    /// Runs one command. What it answers nobody wants to know, and what it causes only the data set shows.
    fn run(&self, s: &mut Server, argv: &Argv<'_>, offset: u64) -> Result<(), String> {
        let name = &self.file.0;
        let Ok(command) = call::find(&s.commands, argv) else {
            let word = String::from_utf8_lossy(&argv[0]);
            return Err(format!("Unknown command '{word}' reading the append only file {name}"));
        };
        let spec = s.commands.row(command).spec;
        let refused = |why: &str| {
            let word = spec.name;
            Err(format!("{why} '{word}' before byte {offset} of the append only file {name}"))
        };
        if !spec.arity_fits(argv.len()) {
            return refused("Wrong number of arguments for command");
        }
        let breaks_off = spec.flags.has(flag::NOT_QUEUED) && !matches!(spec.name, "multi" | "exec");
        if breaks_off || administers(spec) {
            return refused("Impossible command");
        }
        let errors = s.stats.error_replies;
        let queued = match s.clients.running(self.client).transaction {
            Some(_) => multi::queue(s, self.client, command, argv),
            None => Ok(false),
        };
        let done: Result<(), CmdError> = match queued {
            Ok(false) => match table::command(command).run {
                Run::Keys(run) => run(&mut s.keys_ctx(self.client, argv), argv).map(drop),
                Run::Client(run) => run(&mut s.client_ctx(self.client), argv).map(drop),
                Run::Server(run) => run(s, self.client, argv).map(drop),
                Run::Container => unreachable!("the lookup answers a subcommand or an error"),
            },
            queued => queued.map(drop),
        };
        // What others do wrong changes nothing, here as when it was written; but what follows these depends on them.
        let counts = spec.flags.has(flag::NOT_QUEUED) || spec.name == "select";
        let panics = s.config.propagation_error_behavior == PropagationError::Panic;
        let counts = counts && done.is_err();
        let failed = match done {
            Err(error) => Some(error.text().into_owned()),
            Ok(()) if s.stats.error_replies > errors => limits::first_error(s, self.client),
            Ok(()) => None,
        };
        if let Some(error) = failed {
            limits::complain(s, "server", "AOF-loading-client", &error, Some(command));
            if counts || panics {
                return refused("Impossible command");
            }
        }
        s.clients.running(self.client).out.truncate(0);
        drop(s.keyspace.shared.take_changes());
        s.effects.forget();
        Ok(())
    }

    /// All was run.
    pub fn end(self, s: &mut Server) {
        s.end_transaction(self.client);
        s.clients.remove(self.client);
    }
}
