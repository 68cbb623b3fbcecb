//! Pauses of clients: whose commands wait.

use super::{call, gate};
use crate::client::{ClientId, Kind};
use crate::resp::Argv;
use crate::server::Server;
use crate::spec::{CommandId, flag};

/// Whether a client's next command may run now; if not, the client waits for the pause to end.
#[inline]
pub fn may_run(s: &mut Server, id: ClientId, argv: &Argv<'_>, found: Option<CommandId>) -> bool {
    !s.pause.was_asked() || !waits(s, id, argv, found)
}

#[cold]
fn waits(s: &mut Server, id: ClientId, argv: &Argv<'_>, found: Option<CommandId>) -> bool {
    s.end_overdue_pauses();
    let now_ms = s.now_ms();
    // What replicas say of themselves is heard: who paused may wait for it.
    if !s.pause.is_on(now_ms) || s.clients.running(id).kind == Kind::Replica {
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
    let would_wait = !ends_it && (s.pause.is_of_all(now_ms) || may_write);
    // What is refused anyway is refused at once; nothing that the primary sends is.
    let waits = would_wait && (gate::is_obeyed(s, id) || gate::check(s, id, command, argv).is_ok());
    s.clients.running(id).flags.paused = waits;
    waits
}
