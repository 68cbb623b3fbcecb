//! The end of the process: SHUTDOWN, and the signals that ask for the same.

use crate::effects::{Action, EndHow};
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
    s.effects.act(Action::Shutdown(EndHow { save, now: options.now, force: options.force }));
}

/// Ends the process in order; its exit code, or nothing where it must not end.
pub fn finish(s: &mut Server, how: EndHow) -> Option<i32> {
    tracing::warn!("User requested shutdown...");
    let wanted = how.save.unwrap_or(!s.config.save.0.is_empty());
    if wanted && s.keyspace.total_keys() > 0 {
        tracing::warn!("Nothing is saved: snapshots are not there yet in this version");
        if how.save == Some(true) && !how.force {
            s.shutting_down = false;
            return None;
        }
    }
    tracing::warn!("larder is now ready to exit, bye bye...");
    Some(0)
}
