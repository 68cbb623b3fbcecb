//! Commands that wait for memory which is on its way.
//!
//! What eviction gives up is not always free at once: the freeing thread may still have it, or a running snapshot
//! has to write it down first. To evict more in its place would help nobody, and to let everybody write on
//! would take what is not there. So who would take memory waits while it is so; the others are served. Nobody waits
//! for ever, for the disk may be stuck: after a while one command of each runs all the same.

use super::{call, evict, gate};
use crate::client::{ClientId, Kind};
use crate::resp::Argv;
use crate::server::Server;
use crate::spec::{CommandId, flag};

/// Such a share of the limit may be exceeded before anybody waits.
const TOLERANCE_SHARE: u64 = 200;
/// The log may have such a share of the limit that is not in its file yet.
const LOG_SHARE: u64 = 16;

/// Whether a client's next command may run now; if not, the client waits.
#[inline]
pub fn may_run(s: &mut Server, id: ClientId, argv: &Argv<'_>, found: Option<CommandId>) -> bool {
    !s.throttle.is_on() || !waits(s, id, argv, found)
}

#[cold]
fn waits(s: &mut Server, id: ClientId, argv: &Argv<'_>, found: Option<CommandId>) -> bool {
    if !is_crowded(s) {
        s.throttle.set_on(false);
        return false;
    }
    let found = found.or_else(|| call::find(&s.commands, argv).ok());
    let Some(command) = found else { return false };
    if s.clients.running(id).kind == Kind::Replica || gate::is_obeyed(s, id) {
        return false;
    }
    let spec = s.commands.row(command).spec;
    let flags = gate::flags_of(s, spec, argv);
    let flags = gate::queued(s, id, spec).map_or(flags, |transaction| transaction.flags());
    let takes = flags.has(flag::WRITE) || flags.has(flag::DENYOOM);
    // What is refused anyway is refused at once.
    if !takes || s.throttle.take_pass() || gate::check(s, id, command, argv).is_err() {
        return false;
    }
    s.throttle.hold(id, s.keyspace.shared.now_ms);
    let flags = &mut s.clients.running(id).flags;
    (flags.paused, flags.throttled) = (true, true);
    true
}

/// Whether more is in use than may be, and what would help is on its way.
pub(super) fn is_crowded(s: &Server) -> bool {
    if s.maxmemory == 0 || evict::leaves_it_to_primary(s) {
        return false;
    }
    let limit = s.memory_limit();
    let tolerance = limit / TOLERANCE_SHARE;
    let behind = if s.persist.aof.refuses { 0 } else { s.persist.aof.behind() };
    let log = behind.saturating_sub(limit / LOG_SHARE);
    let shared = &s.keyspace.shared;
    let coming = shared.unfreed().bytes() + s.snapshot_surplus() + log;
    let is_coming =
        coming > tolerance || shared.unfreed().has_database() || s.keyspace.spares_for_snapshot();
    is_coming && evict::taken(s) + log > limit + tolerance
}

/// Lets those go on who wait, once there is room or they have waited for long; whether some still wait.
pub fn release(s: &mut Server) -> bool {
    if !s.throttle.has_waiting() {
        return false;
    }
    let room = !is_crowded(s);
    let now_ms = s.now_ms();
    s.throttle.release(room, now_ms, &mut s.clients);
    s.throttle.has_waiting()
}
