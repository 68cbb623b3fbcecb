//! Commands that wait because they would change what somebody else is not done with: a big value that a snapshot has
//! not encoded yet, or a key that is on its way to another server.
//!
//! To encode a big value at once would hold everybody up; so its client alone waits, and the value is the next to be
//! encoded. Commands inside EXEC do not wait for that: the value is encoded at once for them. For a key on its way
//! EXEC waits as well, and so does a script that names it: what they change would be lost with it.

use super::{call, gate, multi};
use crate::client::ClientId;
use crate::cluster::migrate::Moving;
use crate::resp::Argv;
use crate::server::Server;
use crate::spec::{CommandFlags, CommandId, Spec, flag, keys_of};

/// Whether a client's next command may run now; if not, the client waits.
#[inline]
pub fn may_run(s: &mut Server, id: ClientId, argv: &Argv<'_>, found: Option<CommandId>) -> bool {
    let nothing_held = !s.keyspace.shared.has_snapshot() && s.migrations.moving.is_empty();
    nothing_held || !waits(s, id, argv, found)
}

#[cold]
fn waits(s: &mut Server, id: ClientId, argv: &Argv<'_>, found: Option<CommandId>) -> bool {
    let Some(command) = found.or_else(|| call::find(&s.commands, argv).ok()) else { return false };
    let spec = s.commands.row(command).spec;
    let for_key = waits_for_key(s, id, spec, argv);
    let for_snapshot = !for_key && waits_for_snapshot(s, id, spec, argv);
    let held = match () {
        () if for_key => &mut s.migrations.held,
        () if for_snapshot => &mut s.persist.snapshots.held,
        () => return false,
    };
    held.push(id);
    s.clients.running(id).flags.paused = true;
    true
}

fn waits_for_snapshot(s: &mut Server, id: ClientId, spec: &Spec, argv: &Argv<'_>) -> bool {
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
    true
}

/// Whether a command would change a key that is on its way. What is decided elsewhere does not wait.
fn waits_for_key(s: &mut Server, id: ClientId, spec: &Spec, argv: &Argv<'_>) -> bool {
    if s.migrations.moving.is_empty() || gate::is_obeyed(s, id) {
        return false;
    }
    let flags = gate::flags_of(s, spec, argv);
    let Server { clients, migrations, commands, .. } = s;
    let moving = &migrations.moving;
    let session = clients.running(id);
    let writes = |flags: CommandFlags| flags.has(flag::WRITE) || flags.has(flag::MAY_REPLICATE);
    let Some(transaction) = &session.transaction else {
        return writes(flags) && touches(moving, Some(session.db), spec, argv);
    };
    if !multi::is_exec(spec) || !writes(transaction.flags()) {
        return false;
    }
    // Among its commands may be one that selects another database.
    transaction.commands().any(|(command, argv)| {
        let spec = commands.row(command).spec;
        writes(spec.flags) && touches(moving, None, spec, &argv)
    })
}

/// Whether a command names a key that nobody may change now.
fn touches(moving: &Moving, db: Option<u32>, spec: &Spec, argv: &Argv<'_>) -> bool {
    let keys = keys_of(spec, argv.len(), |at| argv.at(at)).unwrap_or_default();
    keys.into_iter().any(|key| moving.holds(db, argv.at(key.index)))
}

/// Lets those go on who wait for what the snapshot has encoded meanwhile, or will never.
pub(super) fn release(s: &mut Server) {
    let served = s.keyspace.shared.snapshot_ref().map(|snapshot| snapshot.served());
    if s.persist.snapshots.held.is_empty() || served == Some(s.persist.snapshots.served) {
        return;
    }
    s.persist.snapshots.served = served.unwrap_or(0);
    let held = std::mem::take(&mut s.persist.snapshots.held);
    wake(s, held);
}

/// Lets those go on who wait for keys on their way, some of which have arrived.
pub(super) fn let_go(s: &mut Server) {
    let held = std::mem::take(&mut s.migrations.held);
    wake(s, held);
}

/// They look again whether they may go on.
fn wake(s: &mut Server, held: Vec<ClientId>) {
    for id in held {
        if let Some(session) = s.clients.get_mut(id) {
            session.flags.paused = false;
            session.wake();
        }
    }
}
