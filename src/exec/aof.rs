//! The append-only file: when it is begun, rewritten and ended, and whose replies wait for it.
//!
//! What is written goes to a writer on a thread of its own ([`Writer`]), which reports back to
//! [`handle`]. A rewrite is a snapshot ([`snapshot`]) and a change of files at the same point of the history: what is written from
//! then on belongs behind the snapshot.

use super::aof_load;
use super::snapshot::{self, Job as SnapshotJob};
use crate::client::{ClientId, SyncWait, Wait};
use crate::config::AppendFsync;
use crate::persist::aof::files::{Base, temp_base, whole_base};
use crate::persist::aof::writer::{Failure, Job, Policy, Progress, Report, Writer};
use crate::persist::aof::{Aof, Rewrite, State};
use crate::persist::snapshot::{Destination, Form, Format, Purpose, Target};
use crate::resp::CmdError;
use crate::server::Server;
use std::sync::Arc;

/// How long after it is due a sync may come before that is told, ms.
const LATE_MS: u64 = 2000;

/// A command of this client has written. Its reply waits until that is in the file, with `appendfsync always` until it is synced; a turn's
/// writes go together, so the offset need only be of this turn.
#[inline]
pub fn wrote(s: &mut Server, id: ClientId) {
    let aof = &mut s.persist.aof;
    if !aof.log.is_on() {
        return;
    }
    let session = s.clients.running(id);
    session.wrote_to = aof.log.end() + 1;
    if aof.holds && !session.flags.held {
        session.flags.held = true;
        aof.held.push(id);
        aof.held_ever += 1;
    }
}

/// Makes the append-only file follow the configuration.
pub fn configure(s: &mut Server) {
    if s.persist.loading.is_on() {
        return;
    }
    match (s.config.appendonly, s.persist.aof.state) {
        (true, State::Off) => begin(s),
        (false, State::Beginning | State::On) => end(s),
        _ => {}
    }
    follow(s);
}

/// What the writer reports.
pub fn handle(s: &mut Server, report: Report) {
    match report {
        Report::Progress(progress) => progressed(s, progress),
        Report::Failing(failure) => failing(s, failure),
        Report::Lost => begin_anew(s),
        Report::Healed => {
            tracing::warn!("AOF write error looks solved, Redis can write again.");
            let failure = s.persist.aof.failure.take();
            s.persist.aof.judge();
            if failure.is_some_and(|failure| failure.syncing) {
                // A kernel that could not write a page forgets that it has to.
                tracing::warn!(
                    "What could not be synced may be lacking on the disk: the AOF is rewritten."
                );
                s.persist.aof.rewrites.scheduled = true;
            }
        }
        Report::Began(Ok(())) => {
            let aof = &mut s.persist.aof;
            if aof.state == State::On {
                aof.earlier_bytes += aof.progress.len;
                aof.progress.len = 0;
            }
        }
        Report::Began(Err(why)) => {
            tracing::warn!("Can't open a new AOF incr file for the rewrite: {why}");
            snapshot::abort(s, Purpose::AofBase);
        }
        Report::Finished(result) => finished(s, result),
    }
}

/// What is looked at several times a second: rewrites that are due, and syncs that are late.
pub fn tick(s: &mut Server) {
    if s.persist.aof.state == State::Off && !s.persist.aof.rewrites.scheduled {
        return;
    }
    follow(s);
    look_at_delay(s);
    if is_busy(s) || !s.persist.aof.rewrites.may_begin(s.now_ms()) {
        return;
    }
    if s.persist.aof.rewrites.scheduled {
        begin_rewrite(s);
    } else if let Some(percent) = overgrown(s) {
        tracing::info!("Starting automatic rewriting of AOF on {percent}% growth");
        begin_rewrite(s);
    }
}

/// BGREWRITEAOF: begins a rewrite, or notes that one is to begin; what is answered.
///
/// # Errors
/// One runs.
pub fn bgrewriteaof(s: &mut Server, id: ClientId) -> Result<&'static str, CmdError> {
    let running = s.persist.aof.rewrites.running.as_ref();
    // One that is given up has ended for whoever asks; the next begins when it has for the disk, too.
    if running.is_some_and(|run| !run.given_up) {
        return Err(CmdError::Msg("Background append only file rewriting already in progress"));
    }
    // It was asked for by hand, so it does not wait for those that failed.
    s.persist.aof.rewrites.forgive();
    // What EXEC does belongs before the rewrite, or behind it, as a whole.
    if is_busy(s) || s.clients.running(id).flags.deny_blocking {
        s.persist.aof.rewrites.scheduled = true;
        return Ok("Background append only file rewriting scheduled");
    }
    begin_rewrite(s);
    Ok("Background append only file rewriting started")
}

/// The snapshot of a rewrite has ended: so many bytes lie where it was to be, whole and synced, or why not.
pub fn base_ended(s: &mut Server, result: Result<u64, String>) {
    let Some(run) = &mut s.persist.aof.rewrites.running else { return };
    match result {
        Ok(bytes) => {
            tracing::info!("Background AOF rewrite terminated with success");
            run.base_bytes = Some(bytes);
            let Rewrite { first, alone, snapshot, .. } = *run;
            let base = Base { temp: whole_base(s.facts.pid), snapshot };
            let job = if alone { Job::Replace(base) } else { Job::Finish { first, base } };
            s.persist.aof.ask(job);
        }
        Err(why) => failed(s, &why),
    }
    follow(s);
}

/// Makes a client wait until its writes are synced. Inside EXEC nobody waits.
pub fn wait(s: &mut Server, id: ClientId, wait: SyncWait) {
    let session = s.clients.running(id);
    let local = s.persist.aof.has_synced(session);
    let synced = s.repl.replicas.synced(wait.offset);
    let enough = synced as u64 >= wait.replicas && (local || !wait.local);
    if enough || session.flags.deny_blocking {
        return s.reply(id).ints(&[i64::from(local), synced as i64]);
    }
    s.repl.wants_acks |= wait.replicas > 0;
    session.wait = Some(Wait::Sync(wait));
    s.persist.aof.waiting.push(id);
    s.keyspace.shared.note_deadline(wait.deadline_ms);
}

/// When the first client has waited long enough for a sync, ms since the epoch.
pub fn next_deadline(s: &Server) -> Option<u64> {
    let waits = s.persist.aof.waiting.iter().filter_map(|id| s.clients.get(*id)?.sync_wait());
    waits.filter_map(|wait| wait.deadline_ms).min()
}

/// Answers those who have waited long enough for a sync.
pub fn end_overdue(s: &mut Server) {
    if !s.persist.aof.waiting.is_empty() {
        serve_waiting(s);
    }
}

/// Whether a rewrite has to wait: for a load, another rewrite, or a snapshot that is being read. One that is read
/// and still being written is in nobody's way.
fn is_busy(s: &Server) -> bool {
    let loads = s.persist.loading.is_on();
    loads || s.persist.aof.rewrites.running.is_some() || s.keyspace.shared.has_snapshot()
}

/// Tells the writer how the file is kept now.
fn follow(s: &mut Server) {
    if !s.persist.aof.log.is_on() {
        return;
    }
    let config = &s.config;
    let policy = Policy {
        sync: config.appendfsync,
        rests: config.no_appendfsync_on_rewrite && keeps_disk_busy(s),
        keeps_history: config.aof_disable_auto_gc,
    };
    s.persist.aof.follow(policy);
}

/// Whether the disk has much else to write.
fn keeps_disk_busy(s: &Server) -> bool {
    is_busy(s) || s.persist.saving.running.is_some()
}

/// Begins to log behind a base that is yet to be written.
fn begin(s: &mut Server) {
    s.persist.aof.state = State::Beginning;
    if is_busy(s) {
        tracing::warn!(
            "AOF was enabled but there is already another background operation. An AOF background was \
             scheduled to start when possible."
        );
        s.persist.aof.rewrites.scheduled = true;
        return;
    }
    begin_rewrite(s);
}

/// The files of the log are not there any more. Writes are refused until there are new ones.
fn begin_anew(s: &mut Server) {
    if s.persist.aof.state == State::Off {
        return;
    }
    tracing::warn!("The append-only file is written anew, for its files were taken away.");
    stop(s, Job::Abandon);
    s.persist.aof.lost = true;
    s.persist.aof.judge();
    s.persist.aof.rewrites.forgive();
    begin(s);
    follow(s);
}

/// What is logged is of a history that has ended for this server; the next base is that of another.
pub(super) fn end_for_sync(s: &mut Server) {
    if s.persist.aof.state != State::Off {
        end(s);
    }
}

/// Ends the append-only file. What is written is synced first; replies that wait leave then.
fn end(s: &mut Server) {
    let first = s.persist.aof.state == State::Beginning;
    stop(s, if first { Job::GiveUp } else { Job::Close });
}

fn stop(s: &mut Server, last: Job) {
    let aof = &mut s.persist.aof;
    aof.state = State::Off;
    aof.rewrites.scheduled = false;
    aof.end(last);
    aof.failure = None;
    aof.lost = false;
    aof.holds = false;
    aof.refuses = false;
    s.follow_log();
    if let Some(run) = &mut s.persist.aof.rewrites.running {
        run.given_up = true;
        tracing::info!("Killing AOF child: there is none, but the running AOF rewrite is given up");
        snapshot::abort(s, Purpose::AofBase);
    }
    serve_waiting(s);
}

fn begin_rewrite(s: &mut Server) {
    s.persist.aof.rewrites.scheduled = false;
    let state = s.persist.aof.state;
    let (first, alone) = (state == State::Beginning, state == State::Off);
    if s.persist.aof.needs_writer() {
        let writer = Writer::new(Arc::clone(&s.persist.disk), Aof::names(&s.config));
        s.persist.aof.set_writer(Box::new(writer));
    }
    if first {
        s.persist.aof.begin(State::Beginning);
        s.follow_log();
    }
    let snapshot = s.config.aof_use_rdb_preamble;
    let job = base_job(s, snapshot);
    let began_ms = s.now_ms();
    let aof = &mut s.persist.aof;
    if !alone {
        aof.ask(Job::Begin { first });
        aof.log.begin_file();
    }
    aof.rewrites.count += 1;
    aof.rewrites.running =
        Some(Rewrite { began_ms, first, alone, snapshot, base_bytes: None, given_up: false });
    follow(s);
    tracing::info!("Background append only file rewriting started by pid {}", s.facts.pid);
    if snapshot::begin(s, job).is_err() {
        failed(s, "another snapshot is being written");
    }
}

/// The snapshot that is to be the base, or its commands.
fn base_job(s: &Server, snapshot: bool) -> SnapshotJob {
    let format = if snapshot { Format::Rdb(snapshot::usage(&s.config)) } else { Format::Commands };
    let target = Target {
        temp: temp_base(s.facts.pid),
        path: whole_base(s.facts.pid).into(),
        form: Form {
            compress: snapshot && s.config.rdbcompression,
            checksum: snapshot.then_some(s.config.rdbchecksum),
            sync_often: s.config.aof_rewrite_incremental_fsync,
        },
    };
    let version = s.config.rdb_version.number();
    SnapshotJob { purpose: Purpose::AofBase, to: Destination::File(target), format, version }
}

fn finished(s: &mut Server, result: Result<(), String>) {
    let Some(run) = &s.persist.aof.rewrites.running else { return };
    let (first, base_bytes) = (run.first, run.base_bytes.unwrap_or_default());
    // The log was switched off while the last of it was put in place.
    let given_up = run.given_up;
    if let Err(why) = result {
        return failed(s, &why);
    }
    if given_up {
        s.persist.aof.rewrites.running = None;
        return;
    }
    let aof = &mut s.persist.aof;
    aof.earlier_bytes = base_bytes;
    aof.base_bytes = aof.bytes();
    if first {
        aof.state = State::On;
        aof.lost = false;
        aof.judge();
    }
    let now_ms = s.now_ms();
    s.persist.aof.rewrites.ended(true, now_ms);
    tracing::info!("Background AOF rewrite finished successfully");
    follow(s);
    serve_waiting(s);
}

/// A rewrite came to nothing. What was written meanwhile follows what there was; if there was nothing, it is begun anew.
fn failed(s: &mut Server, why: &str) {
    tracing::warn!("Background AOF rewrite terminated with error: {why}");
    let now_ms = s.now_ms();
    let aof = &mut s.persist.aof;
    let given_up = aof.rewrites.running.take_if(|run| run.given_up).is_some();
    if given_up {
        return;
    }
    if let Some(minutes) = aof.rewrites.ended(false, now_ms) {
        tracing::warn!(
            "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {minutes} \
             minutes"
        );
    }
    if aof.state == State::Beginning {
        aof.rewrites.scheduled = true;
        aof.end(Job::GiveUp);
        aof.judge();
        s.follow_log();
    }
}

/// By how many percent the files have outgrown what makes a rewrite begin, if they have.
fn overgrown(s: &Server) -> Option<u64> {
    let (aof, config) = (&s.persist.aof, &s.config);
    let percentage = u64::from(config.auto_aof_rewrite_percentage);
    let bytes = aof.bytes();
    if aof.state != State::On || percentage == 0 || bytes <= config.auto_aof_rewrite_min_size {
        return None;
    }
    let base = aof.base_bytes.max(1);
    let growth = (bytes * 100 / base).saturating_sub(100);
    (growth >= percentage).then_some(growth)
}

fn progressed(s: &mut Server, progress: Progress) {
    s.persist.aof.progress = progress;
    s.persist.aof.judge();
    let Server { persist, clients, .. } = s;
    let aof = &mut persist.aof;
    let log_is_on = aof.log.is_on();
    aof.held.retain(|id| {
        let Some(session) = clients.get_mut(*id) else { return false };
        if log_is_on && session.wrote_to > progress.answerable {
            return true;
        }
        session.flags.held = false;
        session.wake();
        false
    });
    if !s.persist.aof.waiting.is_empty() {
        serve_waiting(s);
    }
    if s.persist.aof.reload.is_some() {
        aof_load::log_is_written(s);
    }
}

/// Answers those in WAITAOF whose writes are synced, whose time is over, or whose log is gone.
fn serve_waiting(s: &mut Server) {
    let now_ms = s.now_ms();
    let on = s.persist.aof.state != State::Off;
    for id in std::mem::take(&mut s.persist.aof.waiting) {
        let Some(session) = s.clients.get_mut(id) else { continue };
        let Some(wait) = session.sync_wait() else { continue };
        let local = s.persist.aof.has_synced(session);
        let synced = s.repl.replicas.synced(wait.offset);
        let overdue = wait.deadline_ms.is_some_and(|at| at <= now_ms);
        if wait.local && !on {
            session.end_sync_wait(|reply| reply.error(&no_log()));
        } else if overdue || (synced as u64 >= wait.replicas && (local || !wait.local)) {
            session.end_sync_wait(|reply| reply.ints(&[i64::from(local), synced as i64]));
        } else {
            s.persist.aof.waiting.push(id);
        }
    }
}

/// WAITAOF is to wait for a log that there is not.
fn no_log() -> CmdError {
    CmdError::Msg("WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
}

fn failing(s: &mut Server, failure: Failure) {
    let Failure { syncing, why } = &failure;
    if *syncing {
        tracing::warn!("Error syncing the AOF file: {why}");
    } else {
        tracing::warn!("Error writing to the AOF file: {why}");
    }
    s.persist.aof.failure = Some(failure);
    s.persist.aof.judge();
}

/// Sees whether what is due every second comes much later.
fn look_at_delay(s: &mut Server) {
    let now_ms = s.now_ms();
    let awaited = s.config.appendfsync == AppendFsync::Everysec;
    let aof = &mut s.persist.aof;
    let synced = aof.progress.synced;
    if !awaited || aof.due.is_some_and(|(offset, _)| synced >= offset) {
        aof.due = None;
        aof.late = false;
    }
    if awaited && aof.due.is_none() && synced < aof.log.end() {
        aof.due = Some((aof.log.end(), now_ms));
    }
    let late = aof.due.is_some_and(|(_, since_ms)| now_ms.saturating_sub(since_ms) > LATE_MS);
    if late && !aof.late {
        aof.late = true;
        aof.delayed += 1;
        tracing::info!(
            "Asynchronous AOF fsync is taking too long (disk is busy?). What is written meanwhile waits for it, the \
             server does not."
        );
    }
}
