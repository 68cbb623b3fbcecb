//! Loading a data set while clients are told to wait: how a load begins, its keys come in slices, and it
//! ends.

use super::{function, link, primary, reconfigure, save};
use crate::client::ClientId;
use crate::effects::{Action, Reload};
use crate::keyspace::Keeper;
use crate::persist::disk::{File, Open};
use crate::persist::load::{Batch, Done, Failure, Fresh, Options, Progress, Summary, Task};
use crate::resp::CmdError;
use crate::server::Server;
use crate::stdx::os::error::os_words;
use std::io;
use std::path::Path;

/// How long a slice of inserting holds the loop.
const SLICE_NANOS: u64 = 1_000_000;
/// Keys inserted between two looks at the time.
const KEYS: usize = 32;
/// Keys that a batch has twice and the log names, at most.
const TWICE_NAMED: usize = 10;
/// What a client is told whose reload failed.
const FAILED: CmdError = CmdError::Msg("Error trying to load the RDB dump, check server logs.");

/// How far a slice came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slice {
    /// Keys of the batch are left.
    More,
    /// All of it is in the keyspace.
    Whole,
    /// It cannot be: the load is to end.
    Refused,
}

/// Begins the load with which the server starts, if there is a file. The task waits in
/// `persist.loading` then.
///
/// # Errors
/// The file cannot be opened.
pub fn at_start(s: &mut Server) -> Result<(), String> {
    let path = s.config.dbfilename.clone();
    match s.persist.disk.open(Path::new(&path), Open::Read) {
        Ok(file) => {
            begin(s, file, false, Done::Serve);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => {
            let why = os_words(&error);
            tracing::warn!("Fatal error: can't open the RDB file {path} for reading: {why}");
            Err(format!("Fatal error loading the DB, {path}: {why}. Exiting."))
        }
    }
}

/// A client's reload is about to save: a save in the background gives way.
pub fn prepare(s: &mut Server) {
    if save::runs(s) {
        save::abandon(s);
    }
}

/// The data set was saved, or could not be, before a client's reload.
pub fn saved(s: &mut Server, client: ClientId, saved: bool, how: Reload) {
    let begun = match saved {
        true => reload(s, client, how),
        false => Err(CmdError::code("ERR")),
    };
    if let Err(error) = begun {
        reconfigure::answer(s, Some(client), Err(error));
    }
}

/// Begins to load the RDB file for a client that waits for it.
fn reload(s: &mut Server, client: ClientId, how: Reload) -> Result<(), CmdError> {
    let Reload { flush, merge } = how;
    let path = s.config.dbfilename.clone();
    let file = s.persist.disk.open(Path::new(&path), Open::Read).map_err(|error| {
        tracing::warn!("Can't open the RDB file {path} for reading: {}", os_words(&error));
        FAILED
    })?;
    if flush {
        let dirty = s.keyspace.shared.dirty;
        s.keyspace.flush(None);
        function::delete_all(s);
        // What is loaded is what is saved.
        s.keyspace.shared.dirty = dirty;
    }
    begin(s, file, merge, Done::Answer(client));
    s.effects.act(Action::Load);
    Ok(())
}

fn begin(s: &mut Server, file: Box<dyn File>, merge: bool, done: Done) {
    let total = file.size().unwrap_or(0);
    let options = options(s, Some(total));
    s.keyspace.shared.keep_expired(Keeper::Loading, true);
    let began_ms = s.now_ms();
    let loading = &mut s.persist.loading;
    (loading.keys_loaded, loading.keys_expired, loading.keys_empty) = (0, 0, 0);
    loading.task = Some(Task { input: Box::new(file), options });
    loading.running = Some(Progress { merge, ..Progress::new(began_ms, total, done) });
}

/// How an input of so many bytes is loaded, by the configuration.
pub fn options(s: &Server, total: Option<u64>) -> Options {
    Options {
        limits: s.limits.clone(),
        now_ms: s.now_ms(),
        total,
        databases: s.keyspace.len() as u32,
        access: Box::new(s.keyspace.shared.access.clone()),
        // A replica waits for its primary's DEL.
        keep_expired: !s.repl.is_primary(),
        verify: s.config.rdbchecksum && s.dumper.verify,
        sole: false,
        pace: s.persist.loading.pace.clone(),
        quiet: false,
    }
}

/// Inserts keys of a batch, as many as a slice of time allows.
pub fn insert(s: &mut Server, batch: &mut Batch) -> Slice {
    let began = s.timer.now();
    let running = s.persist.loading.running.as_ref();
    if running.is_none_or(|run| run.refused.is_some()) {
        return Slice::Refused;
    }
    let merge = running.is_some_and(|run| run.merge);
    // To refuse what comes by a file when the old data are gone would leave nothing.
    let by_file = s.repl.link.sync.as_ref().is_some_and(|sync| !sync.direct);
    let later_holds = by_file && running.is_some_and(|run| matches!(run.done, Done::Sync(_)));
    let mut twice = 0;
    let keyspace = match &mut s.persist.loading.staged {
        Some(staged) => &mut staged.keyspace,
        None => &mut s.keyspace,
    };
    if batch.expected > 0 {
        keyspace.expect_keys(batch.db, std::mem::take(&mut batch.expected));
    }
    while !batch.keys.is_empty() {
        let next = KEYS.min(batch.keys.len());
        keyspace.prefetch(batch.db, batch.keys.iter().take(next).map(|fresh| fresh.hash));
        for Fresh { at, hash, entry } in batch.keys.drain(..next) {
            if let Err(entry) = keyspace.load(batch.db, hash, entry, merge) {
                let (key, db) = (entry.key().escape_ascii(), batch.db);
                let why = format!("RDB has duplicated key '{key}' in DB {db} at byte {at}");
                if !later_holds {
                    return refuse(s, why);
                }
                twice += 1;
                if twice <= TWICE_NAMED {
                    tracing::warn!("{why}: the later one holds");
                }
                let _ = keyspace.load(batch.db, hash, entry, true);
            }
            s.persist.loading.keys_loaded += 1;
        }
        if s.timer.nanos(s.timer.now().wrapping_sub(began)) >= SLICE_NANOS {
            break;
        }
    }
    if !batch.keys.is_empty() {
        return Slice::More;
    }
    took(s, batch)
}

/// The load that runs is to end, for this reason.
pub(super) fn refuse(s: &mut Server, why: String) -> Slice {
    if let Some(run) = &mut s.persist.loading.running {
        run.refused = Some(why);
    }
    Slice::Refused
}

/// All keys of a batch are in the keyspace.
fn took(s: &mut Server, batch: &mut Batch) -> Slice {
    let loading = &mut s.persist.loading;
    loading.keys_expired += batch.expired;
    if loading.running.as_ref().is_some_and(|run| run.done == Done::Serve) {
        loading.gone.extend(batch.gone.drain(..).map(|key| (batch.db, key)));
    }
    loading.keys_empty += batch.empty;
    if let Some(run) = &mut loading.running {
        run.loaded_bytes = batch.read;
        run.used_memory = batch.used_memory.unwrap_or(run.used_memory);
    }
    // They take their place with the keys.
    if let Some(staged) = &mut loading.staged {
        staged.functions.append(&mut batch.functions);
        return Slice::Whole;
    }
    let merge = loading.running.as_ref().is_some_and(|run| run.merge);
    for text in batch.functions.drain(..) {
        if let Err(why) = function::load_from_file(s, &text, merge) {
            return refuse(s, format!("Failed loading a library of functions: {why}"));
        }
    }
    Slice::Whole
}

/// A load has ended: the server serves, or ends where it has not what it needs.
pub fn ended(s: &mut Server, result: Result<Summary, Failure>) {
    s.keyspace.shared.keep_expired(Keeper::Loading, false);
    let Some(run) = s.persist.loading.running.take() else { return };
    if let Done::Sync(attempt) = run.done {
        if result.is_ok() && run.refused.is_none() {
            tell_done(s, &run);
        }
        return link::sync::loaded(s, attempt, &run, result);
    }
    let path = s.config.dbfilename.clone();
    let (summary, failed) = match result {
        Ok(summary) => (summary, run.refused.clone()),
        Err(failure) => {
            (Summary::default(), Some(run.refused.clone().unwrap_or_else(|| failure.to_string())))
        }
    };
    let Some(why) = failed else {
        tell_done(s, &run);
        if run.done == Done::Serve {
            primary::resume(s, &summary.replication);
            link::loaded_at_start(s, &summary);
        }
        if let Done::Answer(client) = run.done {
            tracing::warn!("DB reloaded by DEBUG RELOAD");
            reconfigure::answer(s, Some(client), Ok(()));
        }
        return;
    };
    match run.done {
        // The data set is as it was, but for keys that were in both.
        Done::Answer(client) if run.refused.is_some() => {
            tracing::warn!("Can't load {path}: {why}");
            reconfigure::answer(s, Some(client), Err(FAILED));
        }
        // A part of a data set is not to be taken for the whole, nor to be saved over the file.
        Done::Serve | Done::Answer(_) | Done::Sync(_) => {
            tracing::warn!("Fatal error loading the DB, {path}: {why}. Exiting.");
            tracing::warn!("Terminating server after rdb file reading failure.");
            s.persist.loading.failed = true;
            s.effects.act(Action::Exit(1));
        }
    }
}

fn tell_done(s: &Server, run: &Progress) {
    let loading = &s.persist.loading;
    let (keys, expired) = (loading.keys_loaded, loading.keys_expired);
    match loading.keys_empty {
        0 => tracing::info!("Done loading RDB, keys loaded: {keys}, keys expired: {expired}."),
        empty => tracing::info!(
            "Done loading RDB, keys loaded: {keys}, keys expired: {expired}, empty keys skipped: \
             {empty}."
        ),
    }
    if run.done == Done::Serve {
        let seconds = s.now_ms().saturating_sub(run.began_ms) as f64 / 1000.0;
        tracing::info!("DB loaded from disk: {seconds:.3} seconds");
    }
}
