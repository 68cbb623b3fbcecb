//! Clients come and go.

use super::{link, primary};
use crate::client::{ClientId, Closing, Kind, PeerAddr, Session};
use crate::repl::link::{Fault, Retry};
use crate::server::Server;

/// What a connection that is not served is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// maxclients are connected.
    TooMany,
    /// Protected mode: no password, no explicit address, and not from this machine.
    Protected,
}

impl Rejected {
    /// The error the client reads before the connection ends.
    pub fn text(self) -> &'static str {
        match self {
            Self::TooMany => "-ERR max number of clients reached\r\n",
            Self::Protected => {
                "-DENIED larder is running in protected mode: no password is set for the default \
                 user, and it listens without an explicit bind address, so only connections from \
                 this machine are taken. To connect from elsewhere set a password with \
                 'requirepass', or name the addresses to listen on with 'bind', or switch the \
                 protection off with 'CONFIG SET protected-mode no' from this machine, knowing \
                 that anybody who reaches the port can then do anything.\r\n"
            }
        }
    }
}

/// Takes a connection in.
///
/// # Errors
/// Why it is not served.
pub fn join(s: &mut Server, addr: PeerAddr, fd: i32) -> Result<ClientId, Rejected> {
    let refuse = |s: &mut Server, why| {
        s.stats.connections_rejected += 1;
        Err(why)
    };
    if s.clients.len() >= s.config.maxclients as usize {
        return refuse(s, Rejected::TooMany);
    }
    let open = !s.needs_password();
    if s.config.protected_mode && open && !addr.is_local() {
        return refuse(s, Rejected::Protected);
    }
    s.stats.connections += 1;
    let session = Session::new(addr, fd, open, s.now_ms());
    Ok(s.clients.insert(session))
}

/// Ends other clients at once: what comes next, be it in the same transaction, finds none of them, and gives none
/// of them what it could not take any more.
pub fn end(s: &mut Server, others: Vec<ClientId>) {
    for id in others {
        let Some(session) = s.clients.get_mut(id) else { continue };
        session.close(Closing::Now);
        session.wake();
        let is_link = session.kind == Kind::Primary;
        (s.facts.figures.hang_up)(session.fd);
        match is_link {
            true => link::lose(s, &Fault::new(Retry::AtOnce, "It was closed on request.")),
            false => leave(s, id),
        }
    }
}

/// Lets a client go that ended, or was ended.
pub fn leave(s: &mut Server, id: ClientId) {
    s.monitors.retain(|m| *m != id);
    s.told_of_end.retain(|told| *told != id);
    if s.clients.get(id).is_none() {
        return;
    }
    // A script uses the session until it has run to its end.
    if s.scripting.is_suspended()
        && let Some(running) = s.scripting.running.as_mut().filter(|running| running.client == id)
    {
        running.orphaned = true;
        return;
    }
    s.end_transaction(id);
    s.effects.blocked.end(id, &mut s.clients);
    s.pubsub.leave(id, s.clients.running(id));
    s.effects.tracking.leave(id, s.clients.running(id));
    primary::leave(s, id);
    s.clients.remove(id);
}
