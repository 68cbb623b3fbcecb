//! The end of the process: SHUTDOWN, and the signals that ask for the same.

use super::{pause, reconfigure, save};
use crate::client::Pauser;
use crate::effects::{Action, EndHow};
use crate::persist::aof::State;
use crate::resp::CmdError;
use crate::server::{Ending, Server};

/// A signal asks for the end; a second one does not wait for the first's to come about.
pub fn on_signal(s: &mut Server, name: &'static str) {
    if s.shutting_down {
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
    s.effects.act(Action::Shutdown(EndHow {
        save,
        now: options.now,
        force: options.force,
        client: None,
    }));
}

/// The end was asked for. Where the data set is to be saved first, all clients wait, and the save's end
/// decides; what signals ask for meanwhile is heard.
pub fn begin(s: &mut Server, how: EndHow) {
    tracing::warn!("User requested shutdown...");
    if s.persist.aof.state == State::Beginning {
        if !how.force {
            tracing::warn!("Writing initial AOF, can't exit.");
            return refuse(s, how);
        }
        tracing::warn!("Writing initial AOF. Exit anyway.");
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
    s.ending = Some(Ending { how });
    pause::begin(s, Pauser::Shutdown, u64::MAX, true);
    save::begin_last(s);
}

/// The save before the end is a file, or is not.
pub(super) fn saved(s: &mut Server, saved: bool) {
    let Some(Ending { how }) = s.ending.take() else { return };
    if !saved && !how.force {
        pause::end(s, Pauser::Shutdown);
    }
    finish(s, how, saved);
}

/// Ends the process in order, unless what was to be saved is not.
fn finish(s: &mut Server, how: EndHow, saved: bool) {
    if !saved && !how.force {
        tracing::warn!("Error trying to save the DB, can't exit.");
        return refuse(s, how);
    }
    if !saved {
        tracing::warn!("Error trying to save the DB. Exiting anyway.");
    }
    if s.persist.aof.log.is_on() {
        tracing::info!("Calling fsync() on the AOF file.");
    }
    s.effects.act(Action::Exit(0));
}

/// The process goes on.
fn refuse(s: &mut Server, how: EndHow) {
    s.shutting_down = false;
    let error = CmdError::Msg("Errors trying to SHUTDOWN. Check logs.");
    reconfigure::answer(s, how.client, Err(error));
}
