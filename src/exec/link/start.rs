//! Following from the start on: `replicaof` in the configuration.

use crate::effects::Action;
use crate::keyspace::Keeper;
use crate::persist::load::Summary;
use crate::repl::Role;
use crate::server::Server;

/// The configuration names a primary: it is followed as soon as what is on disk is loaded.
pub fn at_start(s: &mut Server) {
    let Some(primary) = s.config.replicaof.clone() else { return };
    s.repl.role = Role::Replica(primary);
    s.repl.backlog.keep();
    s.keyspace.shared.keep_expired(Keeper::Replica, true);
    s.follow_stream();
    s.configure();
    let now_ms = s.now_ms();
    s.repl.link.follow(now_ms);
    s.effects.act(Action::RoleChanged);
}

/// What was loaded at the start says where in which history it stands: a replica asks to go on there.
pub fn loaded_at_start(s: &mut Server, summary: &Summary) {
    if s.repl.is_primary() {
        return;
    }
    let Some(id) = summary.text("repl-id").filter(|id| id.len() == 40) else { return };
    let Some(offset) = summary.number("repl-offset") else { return };
    s.repl.replid = id;
    s.repl.backlog.rebase(offset);
    s.repl.link.has_history = true;
    let db = summary.number("repl-stream-db").and_then(|db| u32::try_from(db).ok());
    s.repl.link.db = db.filter(|db| (*db as usize) < s.keyspace.len()).unwrap_or(0);
}
