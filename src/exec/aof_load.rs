//! Loading the append-only file: its commands take the road that clients' commands take.

use super::{aof, call, multi, snapshot, table};
use crate::client::{ClientId, PeerAddr, Session};
use crate::cmd::Run;
use crate::persist::aof::files::Folder;
use crate::persist::aof::load::{Event, load};
use crate::persist::aof::writer::Writer;
use crate::persist::aof::{Aof, State};
use crate::resp::Argv;
use crate::server::Server;
use crate::spec::flag;
use std::sync::Arc;

/// Loads the files, if there are any, and goes on with them.
///
/// # Errors
/// Why the server must not start, as the log tells it.
pub fn start(s: &mut Server) -> Result<(), String> {
    let mut folder = Folder::read(Arc::clone(&s.persist.disk), Aof::names(&s.config))?;
    let bytes = fill(s, &folder)?;
    folder.keeps_history = s.config.aof_disable_auto_gc;
    let snapshot = s.config.aof_use_rdb_preamble;
    let base = snapshot::empty_base(s, snapshot);
    let opened = folder.open(&base, snapshot).map_err(|error| {
        let why = crate::stdx::os::error::os_words(&error);
        format!("Can't open the append-only file: {why}")
    })?;
    let aof = &mut s.persist.aof;
    let all = if bytes == 0 { base.len() as u64 } else { bytes };
    aof.earlier_bytes = all.saturating_sub(opened.len);
    aof.base_bytes = all;
    aof.progress.len = opened.len;
    let writer = Writer::with_file(folder, opened, aof.log.end());
    aof.begin(State::On, Box::new(writer));
    s.follow_log();
    aof::configure(s);
    Ok(())
}

/// Loads all that the manifest lists; how many bytes that was.
fn fill(s: &mut Server, folder: &Folder) -> Result<u64, String> {
    let mut player = Player::new(s);
    let began = s.timer.now();
    let cut_torn = s.config.aof_load_truncated;
    let loaded = load(folder, cut_torn, &mut |event| player.take(s, event));
    player.end(s);
    let loaded = loaded?;
    if loaded.any {
        let seconds = seconds_since(s, began);
        tracing::info!("DB loaded from append only file: {seconds:.3} seconds");
    }
    Ok(loaded.bytes)
}

fn seconds_since(s: &Server, began: u64) -> f64 {
    s.timer.nanos(s.timer.now().wrapping_sub(began)) as f64 / 1e9
}

/// Runs what a file holds, as a client that nobody sees would.
struct Player {
    client: ClientId,
    /// The file that is being loaded, whether it is the base, and when it began.
    file: (String, bool, u64),
}

impl Player {
    fn new(s: &mut Server) -> Self {
        let mut session = Session::new(PeerAddr::Unix("".into()), -1, true, s.now_ms());
        session.flags.deny_blocking = true;
        Self { client: s.clients.insert(session), file: (String::new(), false, 0) }
    }

    fn take(&mut self, s: &mut Server, event: Event) -> Result<(), String> {
        match event {
            Event::File { name, base, .. } => self.file = (name, base, s.timer.now()),
            Event::Commands(commands) => {
                s.keyspace.shared.set_timeless(true);
                let mut all = commands.iter();
                let ran = all.try_for_each(|(words, offset)| self.run(s, &words, offset));
                s.keyspace.shared.set_timeless(false);
                ran?;
            }
            Event::End => {
                s.end_transaction(self.client);
                s.clients.running(self.client).db = 0;
                let (name, base, began) = &self.file;
                let kind = if *base { "base" } else { "incr" };
                let seconds = seconds_since(s, *began);
                tracing::info!("DB loaded from {kind} file {name}: {seconds:.3} seconds");
            }
        }
        Ok(())
    }

    /// Runs one command. What it answers nobody wants to know, and what it causes only the data set shows.
    fn run(&self, s: &mut Server, words: &[&[u8]], offset: u64) -> Result<(), String> {
        let name = &self.file.0;
        let (buf, spans) = super::turn::pack(words);
        let argv = Argv::new(&buf, &spans);
        let Ok(command) = call::find(&s.commands, &argv) else {
            let word = String::from_utf8_lossy(words[0]);
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
        let queued = match s.clients.running(self.client).transaction {
            Some(_) => multi::queue(s, self.client, command, &argv),
            None => Ok(false),
        };
        let failed = match queued {
            Ok(true) => false,
            Ok(false) => match table::command(command).run {
                Run::Keys(run) => run(&mut s.keys_ctx(self.client, &argv), &argv).is_err(),
                Run::Client(run) => run(&mut s.client_ctx(self.client), &argv).is_err(),
                Run::Server(run) => run(s, self.client, &argv).is_err(),
                Run::Container => unreachable!("the lookup answers a subcommand or an error"),
            },
            Err(_) => true,
        };
        // What others do wrong changes nothing, here as when it was written; but what follows these depends on them.
        if failed && (spec.flags.has(flag::NOT_QUEUED) || spec.name == "select") {
            return refused("Impossible command");
        }
        s.clients.running(self.client).out.truncate(0);
        drop(s.keyspace.shared.take_changes());
        drop(s.keyspace.shared.take_garbage());
        Ok(())
    }

    fn end(self, s: &mut Server) {
        s.end_transaction(self.client);
        s.clients.remove(self.client);
        s.keyspace.shared.dirty = 0;
        s.keyspace.shared.nearer_deadline = true;
    }
}
