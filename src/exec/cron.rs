//! What time asks for, in slices that hold the loop no longer than they must.

use super::{
    aof, blocked, call, evict, evict_clients, failover, guard, limits, link, notable, primary,
    save, settle, shutdown, tracking,
};
use crate::client::{ClientId, Closing, Kind};
use crate::config::MaxMemory;
use crate::repl::Failover;
use crate::server::{NextLook, Server};

/// Keys removed at their deadline before clients have their turn again.
const EXPIRE_SLICE: usize = 256;
/// Buckets moved in one idle slice.
const REHASH_SLICE: usize = 64;
/// Clients looked at in one tick, at least.
const CLIENTS_SLICE: usize = 64;

/// Removes keys whose time is over, and ends waits that lasted long enough; true while there are more
/// such keys.
pub fn expire(s: &mut Server) -> bool {
    // Nothing expires amid a script.
    if s.scripting.is_suspended() {
        return false;
    }
    blocked::serve_by_time(s);
    blocked::end_overdue(s);
    primary::wait::serve(s);
    failover::go_on(s);
    shutdown::go_on(s);
    if !s.active_expire {
        return false;
    }
    let began = s.timer.now();
    let before = s.keyspace.shared.recorded();
    let removed = s.keyspace.expire_due(EXPIRE_SLICE);
    if s.effects.is_feeding() {
        let lazy = s.config.lazyfree_lazy_expire;
        // Each is a write of its own: that they fell due together makes them no transaction.
        for number in before..s.keyspace.shared.recorded() {
            let change = &s.keyspace.shared.recorded_from(number)[0];
            call::collect_if_expired(change, lazy, &mut s.effects);
            s.deliver_writes();
        }
    }
    settle::settle(s, None);
    tracking::end_turn(s, None);
    s.stats.expire_nanos += notable::lasted(s, "expire-cycle", began);
    removed == EXPIRE_SLICE
}

/// When the next key expires or the next client has waited long enough, ms since the epoch.
pub fn next_deadline(s: &Server) -> Option<u64> {
    let on = s.active_expire && !s.keyspace.shared.keeps_expired();
    let expiry = s.keyspace.next_deadline().filter(|_| on);
    let expiry = expiry.or_else(|| s.keyspace.next_own_deadline().filter(|_| s.active_expire));
    let waits = s.effects.blocked.next_deadline().into_iter().chain(aof::next_deadline(s));
    let waits = waits.chain(primary::wait::next_deadline(s)).chain(blocked::next_again(s));
    let failover = s.repl.failover.as_ref().and_then(Failover::waits_until_ms);
    let ending = s.ending.and_then(|ending| ending.replicas_until_ms());
    let waits = waits.chain(failover).chain(ending);
    expiry.into_iter().chain(waits).min()
}

/// Goes on with tables that are being resized, and hands those given up to the freeing thread; true
/// while there is more to do.
pub fn rehash(s: &mut Server) -> bool {
    let buckets = if s.config.activerehashing { REHASH_SLICE } else { 0 };
    // A table that was made for the keys to come is not to be taken for one that keys have left.
    let shrinks = !s.persist.loading.is_on();
    s.keyspace.rehash(buckets, shrinks) && buckets > 0
}

/// Evicts keys where commands have not made room enough; true while there is more to do.
pub fn evict(s: &mut Server) -> bool {
    !s.pause_cron && !s.scripting.is_suspended() && evict::slice(s)
}

/// What is looked at several times a second.
pub fn tick(s: &mut Server) {
    if s.pause_cron || s.scripting.is_suspended() {
        return;
    }
    let now = s.now_ms();
    shutdown::obey_signal(s);
    s.end_overdue_pauses();
    // Should the wall clock have been set forward, the expiry timer sleeps too long.
    s.keyspace.shared.nearer_deadline |= next_deadline(s).is_some_and(|at| at <= now);
    let stats = &mut s.stats;
    let totals = stats.totals();
    stats.rates.sample(now, totals);
    let used = (s.facts.figures.used_memory)();
    stats.peak_memory = stats.peak_memory.max(used);
    s.next_look = NextLook::default();
    look_at_memory(s, now);
    aof::tick(s);
    link::tick(s);
    primary::tick::tick(s);
    look_at_clients(s, now);
    tracking::tick(s);
    save::tick(s);
}

/// Looks at what lies in RAM, and follows the memory that there is, once a second: somebody may give the
/// control group more or less.
fn look_at_memory(s: &mut Server, now: u64) {
    let keys = s.keyspace.total_keys();
    s.keyspace.shared.set_turnover(keys);
    if s.config.maxmemory == MaxMemory::Bytes(0) {
        return;
    }
    if now % 1000 < 1000 / u64::from(s.config.hz.max(1)) {
        let before = s.maxmemory;
        s.follow_memory();
        if s.maxmemory != before {
            tracing::info!(
                "The memory that there is has changed: maxmemory is {} now",
                s.maxmemory
            );
        }
    }
    guard::tick(s);
}

/// Closes clients that are to go, though nothing happens on their connections. Each one's turn to be
/// looked at comes once a second; ten thousand sessions at once would hold the loop up.
fn look_at_clients(s: &mut Server, now: u64) {
    let ticks = s.config.hz.max(1) as usize;
    let share = s.clients.slots().div_ceil(ticks).max(CLIENTS_SLICE);
    let looked_at = s.clients.next_slice(share);
    evict_clients::tick(s, &looked_at);
    for id in looked_at {
        close_if_idle(s, id, now);
        let Some(session) = s.clients.get(id) else { continue };
        // Its output may be above the soft limit for too long though no more is written to it.
        if session.soft_limit_since_ms.is_some() {
            limits::check_output(s, id);
        }
    }
}

/// Closes a client that said nothing for longer than `timeout`.
fn close_if_idle(s: &mut Server, id: ClientId, now: u64) {
    let timeout_ms = u64::from(s.config.timeout) * 1000;
    let Some(session) = s.clients.get_mut(id) else { return };
    let exempt = session.is_waiting() || session.flags.monitor || session.kind != Kind::Normal;
    if timeout_ms > 0 && !exempt && now.saturating_sub(session.active_ms) > timeout_ms {
        tracing::debug!("Closing idle client");
        session.close(Closing::Now);
        session.wake();
    }
}
