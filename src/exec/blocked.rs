//! Clients that wait for keys: how they begin to, are served, and give up.
//!
//! A command that finds nothing asks to wait with [`Flow::Block`](crate::cmd::Flow::Block). It is kept,
//! and runs again when one of its keys changed so that there may be something for it; if it asks to
//! wait again it keeps its place in the queues. Those who wait for one key are served in the order
//! they came, after the command that filled it is settled as a whole: what EXEC adds and removes again
//! nobody sees.

use super::{call, settle};
use crate::client::{ClientId, KeysWait, ReplyMode, Session, Transaction, Wait};
use crate::cmd::{Block, Denied};
use crate::effects::GaveUp;
use crate::keyspace::Listener;
use crate::resp::{Argv, Span};
use crate::server::Server;
use crate::spec::{CommandFlags, CommandId};
use crate::types::{Type, elements};

/// Makes the client wait for keys; whether it may. Where nobody may wait it is answered at once.
#[cold]
pub fn block(
    s: &mut Server,
    id: ClientId,
    command: CommandId,
    argv: &Argv<'_>,
    block: Block,
) -> bool {
    if s.clients.running(id).flags.deny_blocking {
        match block.denied {
            Denied::Null => s.reply(id).null(),
            Denied::NullArray => s.reply(id).null_array(),
        }
        return false;
    }
    let flags = s.commands.row(command).spec.flags;
    let Server { clients, effects, keyspace, .. } = s;
    let session = clients.running(id);
    let mut request = Transaction::default();
    if block.meant.is_empty() {
        request.push(command, flags, argv);
    } else {
        push_meant(&mut request, (command, flags), argv, &block.meant);
    }
    let mut keys: Vec<_> =
        block.keys.map(|i| effects.blocked.share(session.db, &argv[i])).collect();
    keys.sort_unstable();
    keys.dedup();
    let wait = KeysWait {
        request,
        db: session.db,
        keys,
        ticket: effects.blocked.next_ticket(),
        kind: block.kind,
        at_least: block.at_least,
        or_gone: block.or_gone,
        deadline_ms: block.deadline_ms,
        again_ms: block.again_ms,
    };
    effects.blocked.join(id, &wait);
    keyspace.shared.listen(Listener::Blocked, true);
    keyspace.shared.note_deadline(block.deadline_ms);
    keyspace.shared.note_deadline(block.again_ms);
    session.wait = Some(Wait::Keys(Box::new(wait)));
    true
}

/// Queues a command with some of its arguments, by number, written out as what they mean now.
fn push_meant(
    request: &mut Transaction,
    (command, flags): (CommandId, CommandFlags),
    argv: &Argv<'_>,
    meant: &[(usize, Box<[u8]>)],
) {
    let mut bytes = Vec::new();
    let mut spans = Vec::with_capacity(argv.len());
    for (at, arg) in argv.iter().enumerate() {
        let arg = meant.iter().find(|(of, _)| *of == at).map_or(arg, |(_, text)| text);
        spans.push(Span { start: bytes.len() as u32, len: arg.len() as u32 });
        bytes.extend_from_slice(arg);
    }
    request.push(command, flags, &Argv::new(&bytes, &spans));
}

/// Runs again who waits for a time as well. While clients are paused nobody does.
pub fn serve_by_time(s: &mut Server) {
    let now = s.now_ms();
    while let Some(client) = s.effects.blocked.first_again(now).filter(|_| !s.pause.is_on(now)) {
        run_again(s, client);
        settle::settle_one(s, Some(client));
    }
}

/// When the next client runs again because of the time, ms since the epoch.
pub fn next_again(s: &Server) -> Option<u64> {
    s.effects.blocked.next_again().filter(|_| !s.pause.was_asked())
}

/// Ends the waits whose time is over.
pub fn end_overdue(s: &mut Server) {
    let now = s.now_ms();
    while let Some(client) = s.effects.blocked.first_overdue(now) {
        let command = s.effects.blocked.give_up(client, &mut s.clients, GaveUp::Timeout);
        if let Some(command) = command {
            s.stats.command(command).ran(0, s.config.latency_tracking);
        }
    }
}

/// Serves those who wait for keys that changed, until nobody can be served: what one of them does may
/// fill another's key.
#[cold]
pub fn serve(s: &mut Server) {
    while let Some((db, key)) = s.effects.blocked.next_ready() {
        let mut ticket = 0;
        loop {
            let held = holds(s, db, &key);
            if held.is_none() && !s.effects.blocked.anybody_heeds_gone() {
                break;
            }
            let next = s.effects.blocked.next_in_queue(db, &key, ticket);
            let Some((its_ticket, client)) = next else { break };
            ticket = its_ticket;
            if would_find(s, client, held) {
                run_again(s, client);
                settle::settle_one(s, Some(client));
            }
        }
    }
}

/// The type of the collection at a key, and the number of its elements, where that says anything.
fn holds(s: &Server, db: u32, key: &[u8]) -> Option<(Type, usize)> {
    let entry = s.keyspace.database(db).peek(key)?;
    // One whose time is over is removed by whoever looks for it, unless it is to be kept.
    let over = entry.deadline().is_some_and(|at| at <= s.now_ms());
    if over && s.keyspace.shared.keeps_expired() {
        return None;
    }
    match Type::of(entry) {
        Type::Stream => Some((Type::Stream, 0)),
        kind => elements(entry).map(|elements| (kind, elements)),
    }
}

/// Whether a key that holds so much has something for a client.
fn would_find(s: &Server, client: ClientId, held: Option<(Type, usize)>) -> bool {
    let wait = s.clients.get(client).and_then(Session::keys_wait);
    wait.is_some_and(|wait| match held {
        Some((kind, elements)) if kind == wait.kind => elements >= wait.at_least,
        _ => wait.or_gone,
    })
}

/// Runs a waiting client's command again. If it ends, so does the wait.
fn run_again(s: &mut Server, id: ClientId) {
    let Some(session) = s.clients.get_mut(id) else { return };
    let Some(mut wait) = session.take_keys_wait() else { return };
    let mark = session.out.len();
    let request = wait.request.commands().next();
    let waits_on = request.and_then(|(command, argv)| call::call_again(s, id, command, &argv));
    if let Some(block) = waits_on {
        s.effects.blocked.put_off(id, &mut wait, block.again_ms);
        s.keyspace.shared.note_deadline(block.again_ms);
        s.clients.running(id).wait = Some(Wait::Keys(wait));
        return;
    }
    s.effects.blocked.leave(id, &wait);
    let session = s.clients.running(id);
    if session.reply_mode != ReplyMode::On {
        session.out.truncate(mark);
    }
    session.wake();
}
