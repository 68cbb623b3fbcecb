//! The end of the process: SHUTDOWN, and the signals that ask for the same.

use super::{reconfigure, save};
use crate::effects::{Action, EndHow};
use crate::resp::CmdError;
use crate::server::Server;

/// A signal asks for the end; a second one does not wait for the first's to come about.
pub fn on_signal(s: &mut Server, name: &str) {
    if s.shutting_down {
        tracing::warn!("You insist... exiting now.");
        s.effects.act(Action::Exit(1));
        return;
    }
    tracing::warn!("Received {name} scheduling shutdown...");
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

/// The end was asked for; whether the data set is to be saved before.
pub fn begin(s: &mut Server, how: EndHow) -> bool {
    tracing::warn!("User requested shutdown...");
    if save::runs(s) {
        tracing::warn!("A snapshot is being saved in the background. It is given up.");
        save::abandon(s);
    }
    // A part of the data set is not to be saved over the whole.
    let loaded = !s.persist.loading.is_on();
    let wanted = loaded && how.save.unwrap_or(!s.config.save.0.is_empty());
    if wanted {
        tracing::info!("Saving the final RDB snapshot before exiting.");
    }
    wanted
}

/// Ends the process in order, unless what was to be saved is not; its exit code, or nothing where it must
/// not end.
pub fn finish(s: &mut Server, how: EndHow, saved: bool) -> Option<i32> {
    if !saved {
        if !how.force {
            tracing::warn!("Error trying to save the DB, can't exit.");
            s.shutting_down = false;
            let error = CmdError::Msg("Errors trying to SHUTDOWN. Check logs.");
            reconfigure::answer(s, how.client, Err(error));
            return None;
        }
        tracing::warn!("Error trying to save the DB. Exiting anyway.");
    }
    if s.persist.aof.log.is_on() {
        tracing::info!("Calling fsync() on the AOF file.");
    }
    tracing::warn!("larder is now ready to exit, bye bye...");
    Some(0)
}
