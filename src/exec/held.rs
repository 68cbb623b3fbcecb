//! Commands that wait for a snapshot: who would change a big value that is not encoded yet.
//!
//! To encode it at once would hold everybody up; so its client alone waits, and the value is the next to be
//! encoded. Commands inside EXEC do not wait: the value is encoded at once for them.

use super::call;
use crate::client::ClientId;
use crate::resp::Argv;
use crate::server::Server;
use crate::spec::{CommandId, flag, keys_of};

/// Whether a client's next command may run now; if not, the client waits.
#[inline]
pub fn may_run(s: &mut Server, id: ClientId, argv: &Argv<'_>, found: Option<CommandId>) -> bool {
    !s.keyspace.shared.has_snapshot() || !waits(s, id, argv, found)
}

#[cold]
fn waits(s: &mut Server, id: ClientId, argv: &Argv<'_>, found: Option<CommandId>) -> bool {
    let Some(command) = found.or_else(|| call::find(&s.commands, argv).ok()) else { return false };
    let spec = s.commands.row(command).spec;
    let session = s.clients.running(id);
    if !spec.flags.has(flag::WRITE) || session.transaction.is_some() {
        return false;
    }
    let db = session.db;
    let keys = keys_of(spec, argv.len(), |at| &argv[at]).unwrap_or_default();
    let awaited = keys.into_iter().find(|key| {
        let entry = s.keyspace.database(db).peek(&argv[key.index]);
        let snapshot = s.keyspace.shared.snapshot_ref();
        entry.is_some_and(|entry| snapshot.is_some_and(|snapshot| snapshot.awaits(entry)))
    });
    let Some(key) = awaited else { return false };
    if let Some(snapshot) = s.keyspace.shared.snapshot() {
        snapshot.hurry(db, &argv[key.index]);
    }
    s.clients.running(id).flags.paused = true;
    s.persist.snapshots.held.push(id);
    true
}

/// Lets those go on who wait for what the snapshot has encoded meanwhile, or will never.
pub(super) fn release(s: &mut Server) {
    let served = s.keyspace.shared.snapshot_ref().map(|snapshot| snapshot.served());
    if s.persist.snapshots.held.is_empty() || served == Some(s.persist.snapshots.served) {
        return;
    }
    s.persist.snapshots.served = served.unwrap_or(0);
    for id in std::mem::take(&mut s.persist.snapshots.held) {
        if let Some(session) = s.clients.get_mut(id) {
            session.flags.paused = false;
            session.wake();
        }
    }
}
