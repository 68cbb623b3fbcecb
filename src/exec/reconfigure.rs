//! CONFIG commands that wait for `net` to do what they ask.

use crate::client::ClientId;
use crate::config::{Config, SetError};
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
    if let Err(error) = result {
        s.stats.error(&error.text());
    }
}

/// The process cannot follow the configuration, which becomes what it was.
pub fn undo(s: &mut Server, before: Config, why: SetError) -> CmdError {
    s.config = before;
    s.configure();
    CmdError::err(why)
}

/// Says that the addresses cannot be bound which the configuration names now.
pub fn cannot_listen(s: &Server, before: &Config) -> SetError {
    let option = if before.port == s.config.port { "bind" } else { "port" };
    let why = match option {
        "bind" => "Failed to bind to specified addresses.",
        _ => "Unable to listen on this port. Check server logs.",
    };
    SetError::failed(option, why)
}
