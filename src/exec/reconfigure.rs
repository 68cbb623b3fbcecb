//! CONFIG commands that wait for `net` to do what they ask.

use crate::client::ClientId;
use crate::config::{SetError, Undo};
use crate::resp::CmdError;
use crate::server::Server;

/// Answers a client that waited, if one did; it may have gone meanwhile.
pub fn answer(s: &mut Server, client: impl Into<Option<ClientId>>, result: Result<(), CmdError>) {
    let Some(client) = client.into() else { return };
    let Some(session) = s.clients.get_mut(client) else { return };
    session.end_wait(|reply| match &result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    });
    s.effects.tracking.answered(client, &mut s.clients);
    if let Err(error) = result {
        s.stats.error(&error.text());
    }
}

/// The process cannot follow a step of the configuration, which is taken back.
pub fn undo(s: &mut Server, step: &Undo, why: SetError) -> CmdError {
    step.apply(&mut s.config);
    s.configure();
    CmdError::err(why)
}

/// Says that the addresses cannot be bound which the configuration names since this step.
pub fn cannot_listen(step: &Undo) -> SetError {
    if step.changed("port") {
        SetError::failed("port", "Unable to listen on this port. Check server logs.")
    } else {
        SetError::failed("bind", "Failed to bind to specified addresses.")
    }
}
