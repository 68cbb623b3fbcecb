//! Those who wait for replicas: WAIT, and the replicas' half of WAITAOF.

use super::super::aof;
use crate::client::{ClientId, ReplicasWait, Wait};
use crate::server::Server;

/// Makes a client wait until replicas have applied its writes. Inside EXEC nobody waits.
pub fn wait(s: &mut Server, id: ClientId, wait: ReplicasWait) {
    let applied = s.repl.replicas.applied(wait.offset);
    let session = s.clients.running(id);
    if applied as u64 >= wait.replicas || session.flags.deny_blocking {
        return s.reply(id).len(applied);
    }
    session.wait = Some(Wait::Replicas(wait));
    s.repl.waiting.push(id);
    s.repl.wants_acks = true;
    s.keyspace.shared.note_deadline(wait.deadline_ms);
}

/// When the first client has waited long enough, ms since the epoch.
pub fn next_deadline(s: &Server) -> Option<u64> {
    let waits = s.repl.waiting.iter().filter_map(|id| s.clients.get(*id)?.replicas_wait());
    waits.filter_map(|wait| wait.deadline_ms).min()
}

/// Answers those whose writes enough replicas have, or whose time is over.
pub fn serve(s: &mut Server) {
    aof::end_overdue(s);
    let now_ms = s.now_ms();
    for id in std::mem::take(&mut s.repl.waiting) {
        let Some(session) = s.clients.get_mut(id) else { continue };
        let Some(wait) = session.replicas_wait() else { continue };
        let applied = s.repl.replicas.applied(wait.offset);
        let overdue = wait.deadline_ms.is_some_and(|at| at <= now_ms);
        if overdue || applied as u64 >= wait.replicas {
            session.end_sync_wait(|reply| reply.len(applied));
        } else {
            s.repl.waiting.push(id);
        }
    }
}
