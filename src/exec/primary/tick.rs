//! What time asks of a primary: PINGs, signs of life, replicas that say nothing, a stream that nobody follows.

use super::{append, close, sync};
use crate::client::ClientId;
use crate::repl::{Phase, Replica};
use crate::server::Server;

/// How often most of it is looked at, ms.
const SECOND_MS: u64 = 1000;

/// What is looked at several times a second.
pub fn tick(s: &mut Server) {
    sync::consider(s);
    let now_ms = s.now_ms();
    // The wall clock may be set back.
    if now_ms.abs_diff(s.repl.looked_ms) < SECOND_MS {
        return;
    }
    s.repl.looked_ms = now_ms;
    ping(s, now_ms);
    show_life(s);
    close_silent(s, now_ms);
    forget_stream(s, now_ms);
}

/// A PING in the stream, so that replicas hear of their primary.
fn ping(s: &mut Server, now_ms: u64) {
    let period_ms = u64::from(s.config.repl_ping_replica_period) * 1000;
    // One that waits for a replica to have all does not add to that.
    let held = s.repl.failover.as_ref().is_some_and(|it| it.deadline_ms.is_some());
    if !s.repl.is_primary() || s.repl.replicas.is_empty() || held {
        s.repl.pinged_ms = now_ms;
    } else if now_ms.abs_diff(s.repl.pinged_ms) >= period_ms {
        s.repl.pinged_ms = now_ms;
        append(s, b"*1\r\n$4\r\nPING\r\n");
    }
}

/// An empty line for each replica that waits for its snapshot to begin, or for the file.
fn show_life(s: &mut Server) {
    let waits = |it: &&Replica| {
        let file = it.phase == Phase::Snapshot && sync::is_file(it);
        it.phase == Phase::Waits || file
    };
    for client in s.repl.replicas.iter().filter(waits).map(|it| it.client).collect::<Vec<_>>() {
        if let Some(session) = s.clients.get_mut(client) {
            session.out.put(b"\n");
            session.wake();
        }
    }
}

/// Closes replicas that said nothing, or took nothing, for `repl-timeout`.
fn close_silent(s: &mut Server, now_ms: u64) {
    let timeout_ms = u64::from(s.config.repl_timeout) * 1000;
    let is_over = |since_ms: u64| now_ms.saturating_sub(since_ms) > timeout_ms;
    let mut silent: Vec<ClientId> = Vec::new();
    for replica in s.repl.replicas.iter() {
        let name = &replica.name;
        if replica.phase == Phase::Online && !replica.legacy && is_over(replica.acked_ms) {
            tracing::warn!("Disconnecting timedout replica (streaming sync): {name}");
            silent.push(replica.client);
        } else if replica.stuck_since_ms().is_some_and(is_over) {
            tracing::warn!("Disconnecting timedout replica (full sync): {name}");
            silent.push(replica.client);
        }
    }
    for client in silent {
        close(s, client);
    }
}

/// A stream that nobody followed for `repl-backlog-ttl` is not kept.
fn forget_stream(s: &mut Server, now_ms: u64) {
    let ttl_ms = s.config.repl_backlog_ttl.saturating_mul(1000);
    let repl = &mut s.repl;
    let followed = !repl.replicas.is_empty() || !repl.is_primary();
    if ttl_ms == 0 || followed || !repl.backlog.is_kept() {
        return;
    }
    if now_ms.saturating_sub(repl.replicas.none_since_ms) > ttl_ms {
        // Writes are not counted any more, so what comes has to be another history.
        repl.change_id(&mut s.rng);
        repl.clear_second_id();
        repl.backlog.drop_kept();
        s.follow_stream();
        tracing::info!(
            "Replication backlog freed after {} seconds without connected replicas.",
            s.config.repl_backlog_ttl
        );
    }
}
