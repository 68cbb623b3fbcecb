//! A full synchronisation: the primary's data set takes the place of this server's.
//!
//! By `repl-diskless-load` it goes to a file first, or into the keyspace as it comes. From a file nothing is given
//! up before all of it is here and was looked through; with `swapdb` nothing before all of it is loaded beside
//! the old. Only into an empty keyspace is it loaded unseen.

use super::super::{aof, function, load, primary, save, settle};
use super::{Receipt, lose, stream};
use crate::config::DisklessLoad;
use crate::effects::Action;
use crate::persist::disk::Open;
use crate::persist::load::receive::ToFile;
use crate::persist::load::{Done, Failure, Options, Progress, Staged, Summary, Task};
use crate::repl::link::{Fault, Retry};
use crate::server::Server;
use crate::stdx::os::error::os_words;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The data set begins to come; how it is taken.
pub(super) fn begin(s: &mut Server, total: Option<u64>) -> Receipt {
    let staged = s.config.repl_diskless_load == DisklessLoad::Swapdb;
    let empty = s.keyspace.total_keys() == 0;
    let direct = staged || (s.config.repl_diskless_load == DisklessLoad::OnEmptyDb && empty);
    let to = if direct { "to parser" } else { "to disk" };
    match total {
        Some(bytes) => {
            tracing::info!("MASTER <-> REPLICA sync: receiving {bytes} bytes from master {to}");
        }
        None => tracing::info!(
            "MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF {to}"
        ),
    }
    let options = Options { keep_expired: true, sole: true, ..load::options(s, total) };
    if !direct {
        let (temp, path) = files(s);
        let disk = Arc::clone(&s.persist.disk);
        return Receipt::File(ToFile { disk, temp, path, options });
    }
    // Another point of the same history may be served until the new one is there; another history must not.
    let theirs = s.repl.link.sync.as_ref().and_then(|sync| sync.history.as_ref());
    let asynchronous = staged && theirs.is_some_and(|(id, _)| *id == s.repl.replid);
    make_way(s, staged);
    if let Some(sync) = &mut s.repl.link.sync {
        sync.direct = true;
    }
    begin_load(s, total.unwrap_or(0));
    if let Some(run) = &mut s.persist.loading.running {
        run.asynchronous = asynchronous;
    }
    Receipt::Direct(options)
}

fn begin_load(s: &mut Server, total: u64) {
    let done = Done::Sync(s.repl.link.attempt());
    let began_ms = s.now_ms();
    let loading = &mut s.persist.loading;
    (loading.keys_loaded, loading.keys_expired, loading.keys_empty) = (0, 0, 0);
    loading.running = Some(Progress::new(began_ms, total, done));
}

/// Where the data set is written to, and the name it has when it is whole.
fn files(s: &Server) -> (PathBuf, PathBuf) {
    let dir =
        Some(Path::new(&s.config.dir)).filter(|dir| dir.is_absolute()).unwrap_or(Path::new(""));
    let temp = format!("temp-{}.{}.rdb", s.repl.link.attempt(), s.facts.pid);
    (dir.join(temp), dir.join(&s.config.dbfilename))
}

/// Makes room for the data set that is to be loaded: beside the old one, or in its place.
fn make_way(s: &mut Server, staged: bool) {
    if save::runs(s) {
        tracing::warn!(
            "Replica is about to load the RDB file received from the master, but a snapshot is being saved. \
             It is given up."
        );
        save::abandon(s);
    }
    if staged {
        s.persist.loading.staged = Some(Staged::new(s.keyspace.len(), s.limits.seed));
    } else {
        part_with_history(s);
        tracing::info!("MASTER <-> REPLICA sync: Flushing old data");
        empty(s);
    }
    tracing::info!("MASTER <-> REPLICA sync: Loading DB in memory");
}

/// The history that this server has is over: its replicas need the new one, and its log a new base.
fn part_with_history(s: &mut Server) {
    s.repl.link.has_history = false;
    primary::disconnect_all(s);
    aof::end_for_sync(s);
}

/// Removes all there is.
fn empty(s: &mut Server) {
    s.keyspace.flush(None);
    function::delete_all(s);
    s.keyspace.shared.dirty = 0;
    settle::settle(s, None);
}

/// Whether the libraries of functions of a data set can be loaded. Nothing is given up for one with which it is otherwise.
///
/// # Errors
/// What is wrong with one of them.
pub fn accept(s: &mut Server, libraries: &[Vec<u8>]) -> Result<(), String> {
    function::check_all(s, libraries)
        .map_err(|why| format!("Failed loading a library of functions: {why}"))
}

/// The whole data set is in its file, or is not to be had.
pub fn received(s: &mut Server, attempt: u64, result: Result<u64, String>) {
    if s.repl.link.attempt() != attempt {
        return;
    }
    let opened = result.and_then(|bytes| {
        let (_, path) = files(s);
        let file = s.persist.disk.open(&path, Open::Read);
        file.map(|file| (file, bytes)).map_err(|error| os_words(&error))
    });
    match opened {
        Ok((file, bytes)) => {
            make_way(s, false);
            begin_load(s, bytes);
            let options = Options { keep_expired: true, ..load::options(s, Some(bytes)) };
            s.persist.loading.task = Some(Task { input: Box::new(file), options });
            s.effects.act(Action::Load);
        }
        Err(why) => {
            let why = format!("Failed trying to load the MASTER synchronization DB: {why}");
            lose(s, &Fault::new(Retry::Late, why));
        }
    }
}

/// All of the payload is here.
pub(super) fn whole(s: &mut Server) {
    finish_if_loaded(s);
}

/// A load has ended that was begun for a synchronisation.
pub(in super::super) fn loaded(
    s: &mut Server,
    attempt: u64,
    run: &Progress,
    result: Result<Summary, Failure>,
) {
    let failed = run.refused.clone().or_else(|| match &result {
        Err(failure) => Some(failure.to_string()),
        Ok(_) => None,
    });
    let current = s.repl.link.attempt() == attempt;
    let summary = match (failed, result) {
        (None, Ok(summary)) if current => summary,
        (why, _) => {
            let why = why.unwrap_or_else(|| "the link is gone".to_owned());
            discard(s);
            aof::configure(s);
            let why = format!("Failed trying to load the MASTER synchronization DB: {why}");
            match current {
                true => lose(s, &Fault::new(Retry::Late, why)),
                false => tracing::warn!("{why}"),
            }
            return;
        }
    };
    let db = summary.number("repl-stream-db").and_then(|db| u32::try_from(db).ok());
    let db = db.filter(|db| (*db as usize) < s.keyspace.len()).unwrap_or(0);
    if let Some(sync) = &mut s.repl.link.sync {
        sync.loaded = Some(db);
    }
    finish_if_loaded(s);
}

/// The link is gone: what runs of a synchronisation ends.
pub(super) fn lost(s: &mut Server, why: &str) {
    let Some(sync) = s.repl.link.sync.take() else { return };
    if sync.loaded.is_some() {
        discard(s);
    } else if let Some(run) = &mut s.persist.loading.running {
        run.refused.get_or_insert_with(|| why.to_owned());
    }
}

/// What was loaded is a part of a data set, or nobody's.
fn discard(s: &mut Server) {
    match s.persist.loading.staged.take() {
        Some(staged) => {
            s.keyspace.discard(staged.keyspace);
            tracing::info!("MASTER <-> REPLICA sync: Discarding temporary DB");
        }
        None => empty(s),
    }
}

/// The data set takes its place once all of it is here and loaded, and the stream begins.
fn finish_if_loaded(s: &mut Server) {
    let sync = s.repl.link.sync.as_ref();
    let loaded = sync.and_then(|sync| Some((sync.loaded?, sync.history.clone(), sync.direct)));
    let Some((db, history, direct)) = loaded.filter(|_| s.repl.link.is_loading()) else { return };
    if let Some(staged) = s.persist.loading.staged.take() {
        if let Err(why) = function::replace_all(s, &staged.functions) {
            s.persist.loading.staged = Some(staged);
            let why = format!("Failed loading a library of functions: {why}");
            return lose(s, &Fault::new(Retry::Late, why));
        }
        tracing::info!("MASTER <-> REPLICA sync: Swapping active DB with loaded DB");
        part_with_history(s);
        s.keyspace.replace(staged.keyspace);
    }
    s.keyspace.shared.dirty = 0;
    let has_history = history.is_some();
    match history {
        Some((id, offset)) => {
            s.repl.replid = id;
            s.repl.backlog.rebase(offset);
        }
        None => {
            let rng = &mut s.rng;
            s.repl.change_id(rng);
            s.repl.backlog.rebase(0);
        }
    }
    s.repl.clear_second_id();
    s.repl.backlog.keep();
    s.repl.link.db = db;
    s.repl.link.synced.forget();
    stream::begin(s);
    s.repl.link.has_history = has_history;
    settle::settle(s, None);
    if !direct {
        remove_file(s);
    }
    aof::configure(s);
    tracing::info!("MASTER <-> REPLICA sync: Finished with success");
}

/// Where nothing is kept on disk, neither is what replication wrote there, if so configured.
fn remove_file(s: &Server) {
    let config = &s.config;
    if config.rdb_del_sync_files && config.save.0.is_empty() && !config.appendonly {
        let (_, path) = files(s);
        // What cannot be removed lies where it did.
        let _ = s.persist.disk.remove(&path);
    }
}
