//! Delivers what a command caused, once for each outermost command, in one fixed order.

use super::{blocked, limits, notify, tracking};
use crate::client::ClientId;
use crate::keyspace::Listener;
use crate::server::Server;

/// Delivers changes and writes to those who asked for them. The command was `actor`'s, if it was one.
#[inline]
pub fn settle(s: &mut Server, actor: Option<ClientId>) {
    // What a script did is settled as a whole.
    if s.scripting.is_suspended() {
        return;
    }
    settle_one(s, actor);
    if s.effects.blocked.has_ready() {
        blocked::serve(s);
    }
}

/// Delivers what one command caused, and notes whose waiting it may end.
#[inline]
pub(super) fn settle_one(s: &mut Server, actor: Option<ClientId>) {
    let shared = &s.keyspace.shared;
    if shared.recorded() > 0 || s.pubsub.has_sent() || s.effects.tracking.has_pending() {
        deliver(s, actor);
    }
    if s.effects.collected() > 0 {
        s.deliver_writes();
        let offset = s.repl.offset();
        if let Some(session) = actor.and_then(|id| s.clients.get_mut(id)) {
            session.streamed_to = offset;
        }
    }
}

#[cold]
fn deliver(s: &mut Server, actor: Option<ClientId>) {
    let mut reached = s.pubsub.settle(&mut s.clients);
    let changes = s.keyspace.shared.take_changes();
    if !s.effects.watch.is_empty() {
        for change in &changes {
            s.effects.watch.handle_change(change, &mut s.clients, &s.keyspace);
        }
        s.keyspace.shared.listen(Listener::Watch, !s.effects.watch.is_empty());
    }
    if s.keyspace.shared.has_listener(Listener::Own) && actor != s.repl.link.client {
        s.keyspace.note_own(&changes);
    }
    if s.keyspace.shared.has_listener(Listener::Moving) {
        s.migrations.moving.handle_changes(&changes);
    }
    tracking::deliver(s, &changes, actor);
    if s.keyspace.shared.has_listener(Listener::Notifications) {
        for change in &changes {
            notify::publish(s, change);
        }
        reached.extend(s.pubsub.settle(&mut s.clients));
    }
    if s.keyspace.shared.has_listener(Listener::Blocked) {
        changes.iter().for_each(|change| s.effects.blocked.handle_change(change));
        s.keyspace.shared.listen(Listener::Blocked, !s.effects.blocked.is_empty());
    }
    for client in reached {
        limits::check_output(s, client);
    }
}
