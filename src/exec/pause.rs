//! CLIENT PAUSE: whose commands wait, and when they go on.

use super::{call, gate};
use crate::client::{ClientId, Kind};
use crate::keyspace::Keeper;
use crate::resp::Argv;
use crate::server::Server;
use crate::spec::{CommandId, flag};

/// Whether a client's next command may run now; if not, the client waits for the pause to end.
#[inline]
pub fn may_run(s: &mut Server, id: ClientId, argv: &Argv<'_>, found: Option<CommandId>) -> bool {
    s.pause.until_ms == 0 || !waits(s, id, argv, found)
}

#[cold]
fn waits(s: &mut Server, id: ClientId, argv: &Argv<'_>, found: Option<CommandId>) -> bool {
    // What replicas say of themselves is heard: who paused may wait for it.
    if end_if_over(s) || s.clients.running(id).kind == Kind::Replica {
        return false;
    }
    let found = found.or_else(|| call::find(&s.commands, argv).ok());
    let Some(command) = found else { return false };
    let spec = s.commands.row(command).spec;
    let flags = gate::flags_of(s, spec, argv);
    let flags = gate::queued(s, id, spec).map_or(flags, |transaction| transaction.flags());
    let may_write = flags.has(flag::WRITE) || flags.has(flag::MAY_REPLICATE);
    // CLIENT UNPAUSE must get through, whatever waits.
    let ends_it = s.command_name(command) == "client|unpause";
    let would_wait = !ends_it && (s.pause.all || may_write);
    // What is refused anyway is refused at once; nothing that the primary sends is.
    let waits = would_wait && (gate::is_obeyed(s, id) || gate::check(s, id, command, argv).is_ok());
    s.clients.running(id).flags.paused = waits;
    waits
}

/// Ends a pause whose time is over, and with it the keeping of keys past their deadline, which a write
/// would take for live ones; whether it did.
pub fn end_if_over(s: &mut Server) -> bool {
    let over = s.pause.until_ms != 0 && !s.pause.is_on(s.now_ms());
    if over {
        s.pause.end(&mut s.clients);
        s.keyspace.shared.keep_expired(Keeper::Pause, false);
    }
    over
}
