//! The end of the process: SHUTDOWN, and the signals that ask for the same.
//!
//! ```text
//!   asked for ──▶ replicas have all, or shutdown-timeout is over ──▶ the data set is saved ──▶ the end
//!                    └──────────── SHUTDOWN ABORT ────────┬──────────────┘ it cannot be
//!                                                         ▼
//!                                        it goes on, and whoever asked is told
//! ```
//! While replicas are waited for nobody writes; while the data set is saved all clients wait.

use super::{primary, reconfigure, save};
use crate::client::{ClientId, Pauser};
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Flow, Outcome, Run};
use crate::effects::{Action, EndHow};
use crate::persist::aof::State;
use crate::repl::Replica;
use crate::resp::{Argv, CmdError};
use crate::server::{EndWait, Ending, Server};
use crate::spec::{Group, Spec, arg, flag};

/// This command.
pub static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "shutdown",
        summary: "Ends the server.",
        since: "1.0.0",
        group: Group::Server,
        complexity: "O(N) for N keys where it saves",
        arity: -1,
        flags: flag::ADMIN
            .with(flag::NOSCRIPT)
            .with(flag::LOADING)
            .with(flag::STALE)
            .with(flag::NO_MULTI)
            .with(flag::ALLOW_BUSY),
        args: &[
            arg::one_of(
                "nosave_save",
                &[arg::token("nosave", "NOSAVE"), arg::token("save", "SAVE")],
            )
            .optional(),
            arg::token("now", "NOW").optional().since("7.0.0"),
            arg::token("force", "FORCE").optional().since("7.0.0"),
            arg::token("abort", "ABORT").optional().since("7.0.0"),
        ],
        history: &[("7.0.0", "The options NOW, FORCE and ABORT.")],
        ..Spec::NEW
    },
    run: Run::Server(shutdown),
    ..Command::NEW
}];

fn shutdown(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let mut args = Args::new(argv, 1);
    let mut how = EndHow::default();
    if argv.len() == 2 && args.word("abort") {
        if !abort(s) {
            return Err(CmdError::Msg("No shutdown in progress."));
        }
        s.reply(id).ok();
        return DONE;
    }
    while args.left() > 0 {
        if args.word("nosave") && how.save != Some(true) {
            how.save = Some(false);
        } else if args.word("save") && how.save != Some(false) {
            how.save = Some(true);
        } else if args.word("now") {
            how.now = true;
        } else if args.word("force") {
            how.force = true;
        } else if args.word("safe") {
            // Only a node of a cluster owns slots that this would refuse to leave.
        } else {
            return Err(CmdError::Syntax);
        }
    }
    // What a script has done so far is nothing to save.
    if s.scripting.is_suspended() && how.save != Some(false) {
        return Err(s.scripting.busy());
    }
    s.told_of_end.push(id);
    // Who asks while one is under way waits for that one.
    if !s.shutting_down {
        s.shutting_down = true;
        s.effects.act(Action::Shutdown(how));
    }
    Ok(Flow::Await)
}

/// Gives up the end that a signal asked for, or that waits for replicas; whether there was one.
fn abort(s: &mut Server) -> bool {
    let waits = waits_for_replicas(s);
    if s.signalled.take().is_none() && !waits {
        return false;
    }
    tracing::warn!("Shutdown manually aborted.");
    if waits {
        go_on_living(s);
    }
    true
}

/// A signal asks for the end; a second one does not wait for the first's to come about.
pub fn on_signal(s: &mut Server, name: &'static str) {
    let waits = waits_for_replicas(s);
    if s.shutting_down && (!waits || s.signalled.is_some()) {
        tracing::warn!("You insist... exiting now.");
        save::remove_temp(s);
        s.effects.act(Action::Exit(1));
        return;
    }
    tracing::warn!("Received {name} scheduling shutdown...");
    s.signalled = Some(name);
    if !s.pause_cron && !s.scripting.is_suspended() {
        obey_signal(s);
    }
}

/// Begins the end that a signal asked for, if SHUTDOWN ABORT did not come first.
pub(super) fn obey_signal(s: &mut Server) {
    if s.shutting_down {
        return;
    }
    let Some(name) = s.signalled.take() else { return };
    let options = match name {
        "SIGINT" => s.config.shutdown_on_sigint,
        _ => s.config.shutdown_on_sigterm,
    };
    let save = match (options.save, options.nosave) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    s.shutting_down = true;
    s.effects.act(Action::Shutdown(EndHow { save, now: options.now, force: options.force }));
}

/// The end was asked for. Where replicas lag behind they are waited for, and nobody writes meanwhile.
pub fn begin(s: &mut Server, how: EndHow) {
    tracing::warn!("User requested shutdown...");
    let timeout_ms = u64::from(s.config.shutdown_timeout) * 1000;
    let offset = s.repl.offset();
    let all_have = !s.repl.replicas.iter().any(|replica| replica.lags(offset));
    if how.now || timeout_ms == 0 || all_have {
        return proceed(s, how, offset);
    }
    tracing::info!("Waiting for replicas before shutting down.");
    let until_ms = s.now_ms().saturating_add(timeout_ms);
    s.ending = Some(Ending { how, waits: EndWait::Replicas { until_ms, offset } });
    primary::ask_how_far(s);
    s.begin_pause(Pauser::Shutdown, u64::MAX, false);
    s.keyspace.shared.nearer_deadline = true;
}

fn waits_for_replicas(s: &Server) -> bool {
    s.ending.as_ref().is_some_and(|ending| ending.replicas_until_ms().is_some())
}

/// Goes on with the end that waits for replicas, if they have all meanwhile, or if the time to wait is over.
pub fn go_on(s: &mut Server) {
    let Some(Ending { how, waits: EndWait::Replicas { until_ms, offset } }) = s.ending else {
        return;
    };
    if until_ms <= s.now_ms() || !s.repl.replicas.iter().any(|replica| replica.lags(offset)) {
        s.ending = None;
        proceed(s, how, offset);
    }
}

/// Nobody is waited for any more. Where the data set is to be saved first, all clients wait, and the save's end
/// decides; what signals ask for meanwhile is heard.
fn proceed(s: &mut Server, how: EndHow, offset: u64) {
    report(s, offset);
    if s.persist.aof.state == State::Beginning {
        if !how.force {
            tracing::warn!("Writing initial AOF, can't exit.");
            return refuse(s);
        }
        tracing::warn!("Writing initial AOF. Exit anyway.");
    }
    if s.persist.aof.lacks_writes() {
        if !how.force {
            tracing::warn!("The append-only file lacks writes that were acknowledged, can't exit.");
            return refuse(s);
        }
        tracing::warn!("The append-only file lacks writes that were acknowledged. Exit anyway.");
    }
    if save::runs(s) {
        tracing::warn!("A snapshot is being saved in the background. It is given up.");
        save::abandon(s);
    }
    // A part of the data set is not to be saved over the whole.
    let loaded = !s.persist.loading.is_on();
    if !loaded || !how.save.unwrap_or(!s.config.save.0.is_empty()) {
        return finish(s, how, true);
    }
    tracing::info!("Saving the final RDB snapshot before exiting.");
    s.ending = Some(Ending { how, waits: EndWait::Save });
    s.begin_pause(Pauser::Shutdown, u64::MAX, true);
    save::begin_last(s);
}

/// Tells the log which replicas do not have all up to this offset.
fn report(s: &Server, offset: u64) {
    let replicas = &s.repl.replicas;
    if replicas.is_empty() {
        return;
    }
    for replica in replicas.iter().filter(|replica| replica.lags(offset)) {
        let Replica { name, acked, phase, .. } = replica;
        let (behind, state) = (offset.saturating_sub(acked.unwrap_or(0)), phase.name());
        let lag = replica.lag_seconds(s.now_ms());
        tracing::warn!(
            "Lagging replica {name} reported offset {behind} behind master, lag={lag}, state={state}."
        );
    }
    let all = replicas.len();
    let synced = all - replicas.iter().filter(|replica| replica.lags(offset)).count();
    tracing::info!("{synced} of {all} replicas are in sync when shutting down.");
}

/// The save before the end is a file, or is not.
pub(super) fn saved(s: &mut Server, saved: bool) {
    let Some(Ending { how, waits: EndWait::Save }) = s.ending else { return };
    finish(s, how, saved);
}

/// Ends the process in order, unless what was to be saved is not.
fn finish(s: &mut Server, how: EndHow, saved: bool) {
    if !saved && !how.force {
        tracing::warn!("Error trying to save the DB, can't exit.");
        return refuse(s);
    }
    if !saved {
        tracing::warn!("Error trying to save the DB. Exiting anyway.");
    }
    if s.persist.aof.log.is_on() {
        tracing::info!("Calling fsync() on the AOF file.");
    }
    s.effects.act(Action::Exit(0));
}

/// The process does not end.
fn refuse(s: &mut Server) {
    tracing::warn!("Errors trying to shut down the server. Check the logs for more information.");
    go_on_living(s);
}

/// The process goes on, and whoever waits for its end is told.
fn go_on_living(s: &mut Server) {
    s.shutting_down = false;
    s.ending = None;
    s.end_pause(Pauser::Shutdown);
    for client in std::mem::take(&mut s.told_of_end) {
        let error = CmdError::Msg("Errors trying to SHUTDOWN. Check logs.");
        reconfigure::answer(s, client, Err(error));
    }
}
