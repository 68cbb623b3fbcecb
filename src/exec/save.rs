//! Saving to the RDB file: SAVE, BGSAVE, save points, the last save before the end.

use super::primary::sync;
use super::shutdown;
use super::snapshot::{self, Job};
use crate::client::ClientId;
use crate::persist::Running;
use crate::persist::snapshot::{Destination, Form, Format, Purpose, Target};
use crate::resp::CmdError;
use crate::server::Server;
use std::path::Path;

/// After a failure the save points wait so long, ms.
const RETRY_MS: u64 = 5_000;

/// Begins a save in the background.
///
/// # Errors
/// One runs, or another snapshot is being taken.
pub fn begin(s: &mut Server) -> Result<(), CmdError> {
    if runs(s) {
        return Err(CmdError::Msg("Background save already in progress"));
    }
    if let Err(snapshot::Busy) = start(s, true) {
        return Err(CmdError::Msg(
            "Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in \
             order to schedule a BGSAVE whenever possible.",
        ));
    }
    tracing::info!("Background saving started by pid {}", s.facts.pid);
    Ok(())
}

/// Whether a save in the background runs that another has to wait for.
pub fn runs(s: &Server) -> bool {
    s.persist.saving.running.as_ref().is_some_and(|run| !run.gives_way)
}

/// Gives up what FLUSHALL began, if that runs: what takes its place is of more.
fn take_place(s: &mut Server) {
    if s.persist.saving.running.as_ref().is_some_and(|run| run.gives_way) {
        abandon(s);
        snapshot::finish_given_up(s);
    }
}

/// Begins a save now, or as soon as what is being taken is done; whether it began now.
///
/// # Errors
/// One runs.
pub fn begin_or_schedule(s: &mut Server) -> Result<bool, CmdError> {
    if s.keyspace.shared.has_snapshot() && !runs(s) {
        s.persist.saving.scheduled = true;
        return Ok(false);
    }
    begin(s).map(|()| true)
}

/// Begins the save that SAVE and the end of the process wait for. What is being read for another purpose has
/// to be read to its end before.
///
/// # Errors
/// A save in the background runs.
pub fn begin_now(s: &mut Server) -> Result<(), CmdError> {
    if runs(s) {
        return Err(CmdError::Msg("Background save already in progress"));
    }
    start(s, false).map_err(|snapshot::Busy| CmdError::Msg("A snapshot is being taken"))
}

/// Begins the last save. It is of everything, so what is read for another purpose is given up.
pub(super) fn begin_last(s: &mut Server) {
    snapshot::abort(s, Purpose::Save);
    snapshot::abort(s, Purpose::AofBase);
    snapshot::abort(s, Purpose::Sync);
    snapshot::finish_given_up(s);
    if start(s, false).is_err() {
        shutdown::saved(s, false);
    }
}

/// The file that is being written is of no use any more.
pub(super) fn remove_temp(s: &Server) {
    if let Some(run) = &s.persist.saving.running {
        // It may not be there yet.
        let _ = s.persist.disk.remove(&run.temp);
    }
}

/// All keys were removed: a save that runs would bring them back, and one begins that does not.
pub fn flushed_all(s: &mut Server) {
    let flushes = s.keyspace.shared.flushes;
    // One that has begun since is of what is left.
    if s.persist.saving.running.as_ref().is_some_and(|run| run.flushes < flushes) {
        abandon(s);
        // There is hardly anything left to be marked.
        snapshot::finish_given_up(s);
    }
    let wanted = !s.config.save.0.is_empty() && !s.persist.loading.is_on();
    if !wanted || runs(s) {
        return;
    }
    s.persist.saving.scheduled = begin(s).is_err();
    if s.persist.saving.scheduled {
        return;
    }
    if let Some(run) = &mut s.persist.saving.running {
        run.gives_way = true;
    }
    // Read at once, it is in nobody's way while it is written.
    snapshot::slice(s);
}

fn start(s: &mut Server, background: bool) -> Result<(), snapshot::Busy> {
    take_place(s);
    let target = target(s, background);
    let temp = target.temp.clone();
    let job = Job {
        purpose: Purpose::Save,
        to: Destination::File(target),
        format: Format::Rdb(snapshot::usage(&s.config)),
        version: s.config.rdb_version.number(),
    };
    let (began_ms, dirty) = (s.now_ms(), s.keyspace.shared.dirty);
    let flushes = s.keyspace.shared.flushes;
    s.persist.saving.last_try_ms = began_ms;
    snapshot::begin(s, job)?;
    s.persist.saving.count += 1;
    s.persist.saving.running =
        Some(Running { began_ms, dirty, background, gives_way: false, temp, flushes });
    Ok(())
}

/// Where a save goes. A name of a temporary file is not used again while its thread may be about to remove
/// it.
fn target(s: &Server, background: bool) -> Target {
    let (pid, count) = (s.facts.pid, s.persist.saving.count);
    let temp = match background {
        true => format!("temp-{pid}-{count}.rdb"),
        false => format!("temp-{pid}.rdb"),
    };
    // Where `dir` is now, wherever it will be when the file is whole.
    let dir =
        Some(Path::new(&s.config.dir)).filter(|dir| dir.is_absolute()).unwrap_or(Path::new(""));
    Target {
        temp: dir.join(temp),
        path: dir.join(&s.config.dbfilename),
        form: Form {
            compress: s.config.rdbcompression,
            checksum: Some(s.config.rdbchecksum),
            sync_often: s.config.rdb_save_incremental_fsync,
        },
    }
}

/// A save is a whole file, or has failed, or was `aborted`.
pub(super) fn ended(s: &mut Server, result: Result<u64, String>, aborted: bool) {
    let now_ms = s.now_ms();
    let saving = &mut s.persist.saving;
    let Some(run) = saving.running.take() else { return };
    saving.last_duration_ms = Some(now_ms.saturating_sub(run.began_ms));
    let saved = result.is_ok();
    match result {
        Ok(_) => {
            saving.last_ok = true;
            saving.last_save_ms = now_ms;
            s.keyspace.shared.dirty = s.keyspace.shared.dirty.saturating_sub(run.dirty);
            tracing::info!("DB saved on disk");
        }
        Err(_) if aborted => tracing::warn!("Saving was cancelled"),
        Err(why) => {
            // Whoever waits for a save learns of it; of one in the background nobody would.
            saving.last_ok &= !run.background;
            tracing::warn!("{why}");
        }
    }
    match (run.background, saved) {
        (true, true) => tracing::info!("Background saving terminated with success"),
        (true, false) if !aborted => tracing::warn!("Background saving error"),
        _ => {}
    }
    sync::saved(s, saved);
    shutdown::saved(s, saved);
}

/// Gives up the save that runs and the one that is scheduled; whether there was one.
pub fn cancel(s: &mut Server) -> bool {
    let scheduled = std::mem::take(&mut s.persist.saving.scheduled);
    let runs = runs(s);
    snapshot::abort(s, Purpose::Save);
    scheduled || runs
}

/// Begins the save that a save point asks for, or that was scheduled.
pub(super) fn tick(s: &mut Server) {
    let busy = s.keyspace.shared.has_snapshot() || s.persist.saving.running.is_some();
    if s.shutting_down || busy || s.persist.loading.is_on() {
        return;
    }
    let now_ms = s.now_ms();
    let saving = &s.persist.saving;
    let since_ms = now_ms.saturating_sub(saving.last_save_ms);
    let may_retry = saving.last_ok || now_ms.saturating_sub(saving.last_try_ms) > RETRY_MS;
    if s.persist.saving.scheduled && may_retry {
        s.persist.saving.scheduled = begin(s).is_err();
        return;
    }
    let dirty = s.keyspace.shared.dirty;
    let due = s
        .config
        .save
        .0
        .iter()
        .find(|point| dirty >= point.changes && since_ms / 1000 > point.seconds && may_retry);
    if let Some(point) = due {
        tracing::info!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
        // Nothing else is being read, so it begins.
        let _ = begin(s);
    }
}

/// The save that runs is given up for one that cannot wait for its end.
pub fn abandon(s: &mut Server) {
    s.persist.saving.scheduled = false;
    snapshot::abandon(s, Purpose::Save);
}

/// Why writes are refused while the last save has failed, if they are.
pub fn refuses_writes(s: &Server) -> bool {
    let config = &s.config;
    config.stop_writes_on_bgsave_error && !config.save.0.is_empty() && !s.persist.saving.last_ok
}

/// Answers a client that waits for SAVE.
pub fn answer(s: &mut Server, client: Option<ClientId>, saved: bool) {
    let answer = if saved { Ok(()) } else { Err(CmdError::code("ERR")) };
    super::reconfigure::answer(s, client, answer);
}
