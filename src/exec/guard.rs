//! The guard of resident memory at work: looks when one is due, and has free pages given back.

use super::evict;
use crate::effects::Action;
use crate::server::Server;
use crate::stats::{Relief, Seen};

/// Looks at the pages, if it is time.
#[inline]
pub fn look_if_due(s: &mut Server) {
    if s.guard.is_due((s.facts.figures.allocated)()) {
        look(s);
    }
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
    match s.guard.look(&seen, (figures.allocated)()) {
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
