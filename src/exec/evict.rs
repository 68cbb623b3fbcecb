//! `maxmemory`: before a command runs, keys are evicted until there is room again; where none may go, what
//! needs memory is refused.
//!
//! Evicting takes a slice of time for each command, so that nobody waits long: what is still too much after
//! it is left to the next command, or to the periodic work. Values that take long to free are freed
//! elsewhere, and count as gone from when they are evicted.

use super::gate::Asked;
use super::{evict_clients, guard, notable, settle, throttle, tracking};
use crate::client::ClientId;
use crate::config::Choice;
use crate::keyspace::{Event, Keeper, Wanted};
use crate::resp::CmdError;
use crate::server::{NextLook, Server};
use crate::spec::flag;
use rand::Rng;

/// Keys evicted before the time is looked at,
const BETWEEN_LOOKS: usize = 8;
/// and bytes of them.
const BYTES_BETWEEN_LOOKS: u64 = 64 << 10;
/// So many bytes may be allocated before it is looked again how much is in use,
const STRIDE_MAX: u64 = 16 << 10;
/// and no more than such a share of the limit. Where keys go, as much room is made at once.
const STRIDE_SHARE: u64 = 4096;
/// A slice takes so long for each step of `maxmemory-eviction-tenacity` up to 10,
const STEP_NANOS: f64 = 50_000.0;
const EVEN_STEPS: u32 = 10;
/// and so many times as long for each step beyond,
const STEP_GROWTH: f64 = 1.15;
/// up to this, where it has no end.
const WITHOUT_END: u32 = 100;
/// The longest slice of the periodic work.
const SLICE_NANOS: u64 = 500_000;

/// How memory is after eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// There is some.
    Enough,
    /// More is in use than may be, and more can be evicted.
    Coming,
    /// More is in use than may be; what would help is on its way, and evicting more would not.
    Awaited,
    /// More is in use than may be, and nothing can be evicted.
    None,
}

/// Makes room for a command, or says that it must not take memory.
///
/// # Errors
/// There is no room, and the command may need some.
#[inline]
pub(super) fn gate(s: &mut Server, id: ClientId, asked: Asked<'_>) -> Result<(), CmdError> {
    if s.maxmemory == 0 {
        return Ok(());
    }
    let db = s.clients.running(id).db;
    let allocated = (s.facts.figures.allocated)();
    if allocated < s.next_look.due && db == s.next_look.db {
        return Ok(());
    }
    look(s, id, asked, NextLook { db, due: allocated })
}

/// Looks how much is in use, and makes room where that is too much. `next` has the count of allocated bytes as it is
/// now.
fn look(s: &mut Server, id: ClientId, asked: Asked<'_>, next: NextLook) -> Result<(), CmdError> {
    if leaves_it_to_primary(s) {
        return Ok(());
    }
    guard::look_if_due(s);
    let (counted, limit) = (counted(s), s.memory_limit());
    if counted <= limit && !s.guard.is_critical() {
        let room = limit - counted;
        s.keyspace.set_table_room(next.db, room as usize);
        s.next_look = NextLook { due: next.due + room.min(stride(limit)), ..next };
        if s.keyspace.shared.stats.over_since_us.is_some() || s.out_of_memory {
            has_room(s);
        }
        follow_throttle(s);
        return Ok(());
    }
    s.next_look = NextLook::default();
    if !evict_clients::before_keys(s, id) {
        return Err(OUT_OF_MEMORY);
    }
    if is_enough(s) {
        has_room(s);
        return Ok(());
    }
    make_room(s, slice_nanos(s.config.maxmemory_eviction_tenacity));
    follow_throttle(s);
    if s.out_of_memory { refuse(s, id, asked) } else { Ok(()) }
}

/// Bytes that may be allocated between two looks.
fn stride(limit: u64) -> u64 {
    (limit / STRIDE_SHARE).min(STRIDE_MAX)
}

/// Has those wait who would take memory, where that has to come first.
fn follow_throttle(s: &mut Server) {
    if !s.throttle.is_on() && throttle::is_crowded(s) {
        s.throttle.set_on(true);
    }
}

/// Whether this is a replica that holds what its primary sends, however much that is.
pub(super) fn leaves_it_to_primary(s: &Server) -> bool {
    !s.repl.is_primary() && s.config.replica_ignore_maxmemory
}

/// Whether commands that take memory may run: as it was when the command that is running came. It holds for
/// all that the command runs itself.
pub fn may_grow(s: &Server) -> bool {
    !s.out_of_memory || leaves_it_to_primary(s)
}

/// The refusal of a command that takes memory while there is none.
pub const OUT_OF_MEMORY: CmdError =
    CmdError::code("OOM command not allowed when used memory > 'maxmemory'.");

/// Bytes in use that keys are evicted for: what is about to be freed is left out, and what goes away by itself
/// when it is written.
pub fn counted(s: &Server) -> u64 {
    let coming = s.keyspace.shared.unfreed().bytes() + s.snapshot_surplus();
    taken(s).saturating_sub(coming)
}

/// Bytes in use that `maxmemory` is about.
pub(super) fn taken(s: &Server) -> u64 {
    (s.facts.figures.used_memory)().saturating_sub(s.not_counted_for_eviction())
}

fn is_enough(s: &Server) -> bool {
    counted(s) <= s.memory_limit() && !s.guard.is_critical()
}

/// Whether nothing may be evicted now: while writing is paused or a data set is loaded every key stays.
fn rests(s: &Server) -> bool {
    let shared = &s.keyspace.shared;
    shared.has_keeper(Keeper::Pause) || shared.has_keeper(Keeper::Loading)
}

/// A slice of evicting beside commands; true while there is more to do.
pub fn slice(s: &mut Server) -> bool {
    if s.maxmemory == 0 || leaves_it_to_primary(s) || is_enough(s) {
        has_room(s);
        return false;
    }
    if rests(s) {
        return false;
    }
    make_room(s, SLICE_NANOS) == Room::Coming
}

#[cold]
fn refuse(s: &mut Server, id: ClientId, asked: Asked<'_>) -> Result<(), CmdError> {
    if asked.flags(s, id).has(flag::DENYOOM) { Err(OUT_OF_MEMORY) } else { Ok(()) }
}

fn has_room(s: &mut Server) {
    s.out_of_memory = false;
    let stats = &mut s.keyspace.shared.stats;
    if let Some(since) = stats.over_since_us.take() {
        stats.over_us += s.keyspace.shared.now_us.saturating_sub(since);
    }
}

/// Evicts for as long as a slice takes, and notes how it went.
#[cold]
fn make_room(s: &mut Server, nanos: u64) -> Room {
    let began = s.timer.now();
    let recorded = s.keyspace.shared.recorded();
    let room = evict(s, began, nanos);
    if s.effects.is_feeding() {
        propagate(s, recorded);
    }
    // Who is told of it is told before the command that needed the room is answered.
    settle::settle(s, None);
    tracking::end_turn(s, None);
    notable::lasted(s, "eviction-cycle", began);
    if room == Room::Enough && !s.guard.is_critical() {
        has_room(s);
        return room;
    }
    s.out_of_memory = room == Room::None || s.guard.is_critical();
    let now_us = s.keyspace.shared.now_us;
    s.keyspace.shared.stats.over_since_us.get_or_insert(now_us);
    room
}

fn evict(s: &mut Server, began: u64, nanos: u64) -> Room {
    // Tables are not to grow meanwhile.
    for db in 0..s.keyspace.len() as u32 {
        s.keyspace.set_table_room(db, 0);
    }
    let unfreed = s.keyspace.shared.unfreed();
    // What a database takes is not known until it is freed, so nothing is evicted in its place.
    if unfreed.has_database() || rests(s) {
        return Room::Awaited;
    }
    let policy = s.config.maxmemory_policy;
    let wanted = Wanted {
        choice: policy.choice(),
        volatile: policy.spares_persistent(),
        samples: s.config.maxmemory_samples as usize,
    };
    // What evicted keys took is added up. The allocator's figure would not do: it rises with what is told
    // of them to others.
    let (counted, limit) = (counted(s), s.memory_limit());
    if counted <= limit {
        return Room::Enough;
    }
    let mut over = counted - limit + stride(limit);
    loop {
        let mut keys = 0;
        let mut gone = 0;
        while keys < BETWEEN_LOOKS && gone < BYTES_BETWEEN_LOOKS {
            match s.keyspace.evict(wanted, &mut || s.rng.next_u64()) {
                None => return nothing_left(s, wanted),
                Some(bytes) if bytes as u64 >= over => return Room::Enough,
                Some(bytes) => (over, gone) = (over - bytes as u64, gone + bytes as u64),
            }
            keys += 1;
        }
        if s.timer.nanos(s.timer.now().wrapping_sub(began)) >= nanos {
            return Room::Coming;
        }
    }
}

/// Nothing can be evicted any more, but what was may still be about to be freed, and what a snapshot is yet to take
/// may go after that.
fn nothing_left(s: &Server, wanted: Wanted) -> Room {
    match () {
        () if counted(s) <= s.memory_limit() => Room::Enough,
        () if s.keyspace.spares_for_snapshot() => Room::Awaited,
        () if wanted.choice != Choice::Nothing && !s.keyspace.shared.unfreed().is_empty() => {
            Room::Awaited
        }
        () => Room::None,
    }
}

/// Others hear of evicted keys by their removal. Each is a write of its own.
fn propagate(s: &mut Server, from: usize) {
    let name: &[u8] = if s.config.lazyfree_lazy_eviction { b"UNLINK" } else { b"DEL" };
    for number in from..s.keyspace.shared.recorded() {
        let change = &s.keyspace.shared.recorded_from(number)[0];
        if change.event == Event::EVICTED {
            s.effects.push(change.db, [name, &change.key].into_iter());
            s.deliver_writes();
        }
    }
}

/// How long a command may evict.
fn slice_nanos(tenacity: u32) -> u64 {
    if tenacity >= WITHOUT_END {
        return u64::MAX;
    }
    let even = STEP_NANOS * f64::from(tenacity.min(EVEN_STEPS));
    let beyond = tenacity.saturating_sub(EVEN_STEPS);
    (even * STEP_GROWTH.powi(beyond as i32)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenacity_makes_slices_longer_and_at_last_endless() {
        let millis = [0, 1, 10, 20, 99, 100].map(|tenacity| slice_nanos(tenacity) / 1_000_000);
        assert_eq!(millis[..4], [0, 0, 0, 2]);
        assert_eq!(slice_nanos(10), 500_000);
        assert!((100_000..200_000).contains(&millis[4]), "about two minutes: {millis:?}");
        assert_eq!(slice_nanos(100), u64::MAX);
    }
}
