//! The guard of resident memory at work: looks when one is due, and has free pages given back.

use super::evict;
use crate::effects::Action;
use crate::server::Server;
use crate::stats::{Relief, Seen};

/// Bytes of an unfinished request that a client may hold though nothing may grow.
const INPUT_AT_THE_END: usize = 1 << 20;

/// Looks at the pages, if it is time.
#[inline]
pub fn look_if_due(s: &mut Server) {
    if s.guard.is_due(grown(s)) {
        look(s);
    }
}

/// By what pages may have been filled: what was allocated, and what came into memory that had been before.
fn grown(s: &Server) -> u64 {
    (s.facts.figures.allocated)() + s.stats.net_in
}

/// Whether a client has to go that has sent so much of a request: so near to the end what is received may be what
/// is too much.
pub fn refuses_input(s: &mut Server, held: usize) -> bool {
    look_if_due(s);
    s.guard.is_critical() && held >= INPUT_AT_THE_END
}

#[cold]
fn look(s: &mut Server) {
    let figures = &s.facts.figures;
    let allocator = (figures.allocator)();
    let seen = Seen {
        resident: (figures.anonymous)(),
        free: allocator.dirty + allocator.muzzy,
        unfreed: s.keyspace.shared.unfreed().bytes(),
        coming: s.keyspace.databases().map(|(_, db)| db.unfilled_bytes() as u64).sum(),
        counted: evict::counted(s),
    };
    match s.guard.look(&seen, grown(s)) {
        Relief::Unneeded => {}
        Relief::Soon => s.effects.act(Action::Purge),
        Relief::Now => (figures.purge)(),
    }
}

/// Looks anew, and tells where there is less room than `maxmemory` says.
pub fn tick(s: &mut Server) {
    look(s);
    let now_ms = s.now_ms();
    if s.guard.is_news(s.maxmemory, now_ms) {
        tracing::warn!(
            "RAM is short: {} bytes may be in use for now, where maxmemory is {}",
            s.guard.bound(),
            s.maxmemory
        );
    }
}
