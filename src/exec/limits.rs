//! Bounds on what clients make the server hold, and output that goes to others than the caller.

use super::{evict_clients, guard};
use crate::client::{ClientId, Closing, Kind};
use crate::cmd::connection;
use crate::config::Config;
use crate::config::special::OutputLimit;
use crate::resp::{Argv, Out, Span};
use crate::server::Server;
use crate::spec::{CommandId, Spec, flag};
use crate::stdx::words::push_quoted;
use bytes::Bytes;
use std::fmt::Write;

/// Closes a client whose turn made its output longer than its class may ever have waiting, before any of it
/// is sent: how fast the client reads decides nothing here.
#[inline]
pub fn end_turn(s: &mut Server, id: ClientId) {
    let session = s.clients.running(id);
    let hard = limit_of(&s.config, session.kind).hard;
    if hard > 0 && session.out.len() as u64 >= hard {
        check_output(s, id);
    }
}

/// Closes a replica that was answered since `mark`: the answer would be in the midst of the stream.
#[cold]
pub fn check_silence(s: &mut Server, id: ClientId, mark: usize) {
    let session = s.clients.running(id);
    if session.out.len() <= mark {
        return;
    }
    let reply = session.out.copy_from(mark);
    session.out.truncate(mark);
    session.close(Closing::Now);
    let command = session.last_command;
    let name = command.map_or("<unknown>", |command| s.command_name(command));
    let who = connection::describe(s, id);
    tracing::warn!("Replica generated a reply to command '{name}', disconnecting it: {who}");
    if let Some(error) = reply.strip_prefix(b"-") {
        let error = String::from_utf8_lossy(error);
        complain(s, "master", "replica", error.trim_end_matches("\r\n"), command);
    }
}

/// The first error among what a client was answered, without the sign of one.
#[cold]
pub(super) fn first_error(s: &mut Server, id: ClientId) -> Option<String> {
    let out = s.clients.running(id).out.copy_from(0);
    let line = out.split(|byte| *byte == b'\n').find(|line| line.first() == Some(&b'-'))?;
    Some(String::from_utf8_lossy(&line[1..]).trim_end().to_owned())
}

/// One end of a replication link answers the other with an error: what is said there is to be obeyed, and was not.
#[cold]
pub(super) fn complain(
    s: &mut Server,
    own: &str,
    other: &str,
    error: &str,
    command: Option<CommandId>,
) {
    let name = command.map_or("<unknown>", |command| s.command_name(command));
    // Redis leaves the code away that says nothing, and the sign of an error with it.
    let shown = error.strip_prefix("ERR ").map_or_else(|| format!("-{error}"), str::to_owned);
    let shown = shown.replace(char::is_control, "?");
    tracing::warn!(
        "== CRITICAL == This {own} is sending an error to its {other}: '{shown}' after processing the command \
         '{name}'"
    );
    s.stats.unexpected_errors += 1;
}

#[inline]
fn limit_of(config: &Config, kind: Kind) -> OutputLimit {
    let limits = &config.client_output_buffer_limit;
    match kind {
        Kind::Normal | Kind::Primary => limits.normal,
        Kind::Replica => limits.replica,
        Kind::Pubsub => limits.pubsub,
    }
}

/// Closes a client whose output is past its class's limits.
#[inline]
pub fn check_output(s: &mut Server, id: ClientId) {
    let now = s.now_ms();
    evict_clients::output_waits(s, id);
    let Some(session) = s.clients.get_mut(id) else { return };
    let waits = s.repl.replicas.find(id).map_or(0, |replica| replica.pending(s.repl.offset()));
    let held = session.out.len() + waits as usize;
    s.stats.largest_output = s.stats.largest_output.max(held);
    let mut limit = limit_of(&s.config, session.kind);
    if session.kind == Kind::Replica {
        // With less than the backlog it would be closed for what it may go on with.
        let least = |limit: u64| if limit > 0 { limit.max(s.config.repl_backlog_size) } else { 0 };
        (limit.hard, limit.soft) = (least(limit.hard), least(limit.soft));
    }
    let hard = limit.hard > 0 && held as u64 >= limit.hard;
    let over_soft = limit.soft > 0 && held as u64 >= limit.soft;
    let since = over_soft.then(|| *session.soft_limit_since_ms.get_or_insert(now));
    session.soft_limit_since_ms = since;
    let soft_ms = limit.soft_seconds.saturating_mul(1000);
    let soft = since.is_some_and(|since| now.saturating_sub(since) > soft_ms);
    if (hard || soft) && session.closing != Some(Closing::Now) {
        session.close(Closing::Now);
        let who = connection::describe(s, id);
        tracing::warn!(
            "Client {who} scheduled to be closed ASAP for overcoming of output buffer limits."
        );
        // Nor is any of it sent: whoever reads half a reply could take it for a whole one.
        let session = s.clients.running(id);
        session.out = Out::default();
        session.wake();
        s.stats.output_limit_closed += 1;
    }
}

/// Closes a client whose unfinished input is past client-query-buffer-limit, or what a request can
/// have at most, or with which all clients hold more than `maxmemory-clients`; whether it was.
pub fn query_too_long(s: &mut Server, id: ClientId, held: usize) -> bool {
    s.stats.largest_input = s.stats.largest_input.max(held);
    if guard::refuses_input(s, held) {
        s.clients.running(id).close(Closing::Now);
        tracing::warn!("RAM is short: closing a client that has sent {held} bytes of a request");
        return true;
    }
    if held as u64 <= s.config.client_query_buffer_limit.min(Span::BUFFER_MAX as u64) {
        return !evict_clients::input_grew(s, id, held);
    }
    s.stats.query_limit_closed += 1;
    let who = connection::describe(s, id);
    tracing::warn!(
        "Closing client that reached max query buffer length: {who} (held: {held} bytes)"
    );
    s.clients.running(id).close(Closing::Now);
    true
}

/// Shows a command that ran to every monitor: `+1700000000.123456 [0 127.0.0.1:5000] "get" "k"`.
/// Commands that administer the server are not for others' eyes.
#[cold]
pub fn tell_monitors(s: &mut Server, id: ClientId, spec: &Spec, argv: &Argv<'_>) {
    if !spec.flags.has(flag::SKIP_MONITOR) && !spec.flags.has(flag::ADMIN) {
        show(s, id, spec, argv);
    }
}

/// Shows it whatever it is.
#[cold]
pub(super) fn show(s: &mut Server, id: ClientId, spec: &Spec, argv: &Argv<'_>) {
    let now = s.keyspace.shared.now_us;
    let session = s.clients.running(id);
    let mut line = format!("+{}.{:06} [{} ", now / 1_000_000, now % 1_000_000, session.db);
    let from = if s.scripting.is_running() { "lua".to_owned() } else { session.addr.peer() };
    let _ = write!(line, "{from}]");
    let mut line = line.into_bytes();
    for (i, arg) in argv.iter().enumerate() {
        let secret = spec.secrets.cover(i, |at| argv.at(at));
        line.push(b' ');
        push_quoted(&mut line, if secret { b"(redacted)" } else { arg });
    }
    line.extend_from_slice(b"\r\n");
    let line = Bytes::from(line);
    for monitor in s.monitors.clone() {
        if let Some(session) = s.clients.get_mut(monitor) {
            session.out.put_shared(line.clone());
            session.wake();
        }
        check_output(s, monitor);
    }
}
