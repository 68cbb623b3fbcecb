//! Client-side caching: what commands read and change is taken note of, and told.
//!
//! Taking note happens behind each command, also inside a transaction; telling happens where all that a
//! command caused is settled, and of prefixes at the end of a turn, so that a pipeline makes one message.

use super::limits;
use crate::client::ClientId;
use crate::keyspace::{Change, Listener};
use crate::resp::Argv;
use crate::server::Server;
use crate::spec::{CommandId, flag, keys_of};

/// Keys beyond `tracking-table-max-keys` that are forgotten after one command, at least.
const TRIM_SLICE: usize = 128;
/// And in one tick.
const TRIM_TICK: usize = 1024;
/// Pieces of the table looked through in one tick for clients that have gone.
const SWEEP_SLICE: usize = 2048;

/// Takes note of what a command changed, then of what it read: the keys that its key rules find, if its
/// row says that it only reads.
#[cold]
pub fn note(s: &mut Server, id: ClientId, command: CommandId, argv: &Argv<'_>) {
    note_changes(s, Some(id));
    let spec = s.commands.row(command).spec;
    let Server { clients, effects, .. } = s;
    let session = clients.running(id);
    let reads = spec.flags.has(flag::READONLY) && !spec.flags.has(flag::COMPOSITE);
    let mut new = 0;
    if reads && session.tracking.as_ref().is_some_and(|tracking| tracking.remembers()) {
        let keys = keys_of(spec, argv.len(), |at| argv.at(at)).unwrap_or_default();
        new = effects.tracking.remember(id, session, keys.iter().map(|key| argv.at(key.index)));
    }
    end_caching(s, id, Some(command));
    trim(s, TRIM_SLICE.max(new));
    discard(s);
}

/// CLIENT CACHING is for the next command alone, or the next transaction; commands about the connection
/// do not count.
#[inline]
pub fn end_caching(s: &mut Server, id: ClientId, command: Option<CommandId>) {
    let session = s.clients.running(id);
    let in_transaction = session.transaction.is_some() || s.scripting.is_running();
    let Some(tracking) = &mut session.tracking else { return };
    if !tracking.caching || in_transaction {
        return;
    }
    if !command.is_some_and(|command| s.commands.row(command).full_name.starts_with("client|")) {
        tracking.caching = false;
    }
}

fn note_changes(s: &mut Server, actor: Option<ClientId>) {
    let Server { clients, effects, keyspace, .. } = s;
    effects.tracking.note(keyspace.shared.recorded_from(0), actor, clients);
}

/// Tells what a command caused, whose changes these are.
pub(super) fn deliver(s: &mut Server, changes: &[Change], actor: Option<ClientId>) {
    let Server { clients, effects, keyspace, .. } = s;
    if keyspace.shared.has_listener(Listener::Tracking) {
        effects.tracking.note(changes, actor, clients);
        keyspace.shared.listen(Listener::Tracking, effects.tracking.is_on());
    }
    // Whether or not anybody tracks still: the transaction may have ended that.
    effects.tracking.settled();
    if effects.tracking.has_pending() {
        let reached = effects.tracking.deliver(actor, clients);
        reached.into_iter().for_each(|client| limits::check_output(s, client));
    }
    discard(s);
}

/// The end of a turn, of client `actor` if it is one's: tells what changed below prefixes.
#[inline]
pub fn end_turn(s: &mut Server, actor: Option<ClientId>) {
    if s.effects.tracking.has_broadcasts() {
        broadcast(s, actor);
    }
}

#[cold]
fn broadcast(s: &mut Server, actor: Option<ClientId>) {
    let reached = s.effects.tracking.broadcast(actor, &mut s.clients);
    reached.into_iter().for_each(|client| limits::check_output(s, client));
}

/// Keeps the table within its bound, as far as `at_most` keys go.
fn trim(s: &mut Server, at_most: usize) {
    let keys_max = s.config.tracking_table_max_keys as usize;
    let Server { clients, effects, rng, .. } = s;
    if keys_max > 0 && effects.tracking.keys() > keys_max {
        let mut random = || rand::Rng::next_u64(rng);
        effects.tracking.trim(keys_max, at_most, &mut random, clients);
    }
}

fn discard(s: &mut Server) {
    for spent in s.effects.tracking.take_spent() {
        s.keyspace.shared.discard(spent);
    }
}

/// What time asks for: the table's bound, and that those who have gone leave nothing behind.
pub(super) fn tick(s: &mut Server) {
    if !s.effects.tracking.is_on() {
        return;
    }
    trim(s, TRIM_TICK);
    for _ in 0..SWEEP_SLICE {
        if !s.effects.tracking.sweep() {
            break;
        }
    }
    discard(s);
    let on = s.effects.tracking.is_on();
    s.keyspace.shared.listen(Listener::Tracking, on);
    super::settle::settle(s, None);
    end_turn(s, None);
}
