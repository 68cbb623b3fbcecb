//! Active defragmentation: once the allocator's pages are filled badly, the keys are walked through and what
//! lies in the emptiest slabs is moved together, so that slabs become free.
//!
//! It takes a share of the time that grows with the waste, in slices of half a millisecond with others'
//! turns between. After each walk it is looked whether that was enough. A walk that hardly moved
//! anything shows that what fills the pages badly is not under keys (scripts, clients); the next one
//! waits for a while then, or until there is much more in memory, or much less.

use super::notable;
use crate::config::Config;
use crate::keyspace::Round;
use crate::server::Server;
use crate::stdx::alloc::{self, Mover};

/// A slice is over after so long.
const SLICE_NANOS: u64 = 500_000;
/// Time between two looks at how memory is.
const LOOK_EVERY_US: u64 = 100_000;
/// A walk gained nothing if it moved fewer than one in so many allocations,
const GAIN_SHARE: u64 = 500;
/// and another begins after so long,
const REST_US: u64 = 30_000_000;
/// or once such a share of what is allocated has come or gone.
const NEWS_SHARE: u64 = 8;

/// A slice of the work; how many nanoseconds after its beginning the next one is due, or `None` where there is
/// nothing to do.
pub fn slice(s: &mut Server) -> Option<u64> {
    if !s.config.activedefrag {
        stop(s);
        return None;
    }
    if s.pause_cron || s.scripting.is_suspended() {
        return None;
    }
    if s.keyspace.shared.now_us.abs_diff(s.defrag.looked_us) >= LOOK_EVERY_US {
        look(s);
    }
    let (mut round, mut mover) = s.defrag.walk.take()?;
    let percent = u64::from(s.defrag.percent.max(1));
    let now_us = s.keyspace.shared.now_us;
    s.stats.defrag.since_us.get_or_insert(now_us);
    let nanos = walk(s, &mut round, &mut mover);
    match nanos {
        Some(_) => s.defrag.walk = Some((round, mover)),
        None => {
            alloc::flush_thread_cache();
            if mover.hits() * GAIN_SHARE <= mover.hits() + mover.misses() {
                s.defrag.rests_until_us = now_us + REST_US;
                s.defrag.rests_at = (s.facts.figures.allocator)().allocated;
            }
            look(s);
            if s.defrag.walk.is_none() {
                s.stats.defrag.stopped(now_us);
                s.defrag.percent = 0;
            }
        }
    }
    Some(nanos.unwrap_or(SLICE_NANOS) * 100 / percent)
}

/// Goes on with a walk for a slice's time; how long that was, or `None` at the walk's end.
fn walk(s: &mut Server, round: &mut Round, mover: &mut Mover) -> Option<u64> {
    let began = s.timer.now();
    let before = (mover.hits(), mover.misses(), round.key_hits, round.key_misses);
    let parts_max = usize::try_from(s.config.active_defrag_max_scan_fields).unwrap_or(usize::MAX);
    let mut more = true;
    while more && s.timer.nanos(s.timer.now().wrapping_sub(began)) < SLICE_NANOS {
        more = s.keyspace.relocate_on(round, mover, parts_max);
    }
    let stats = &mut s.stats.defrag;
    stats.hits += mover.hits() - before.0;
    stats.misses += mover.misses() - before.1;
    stats.key_hits += round.key_hits - before.2;
    stats.key_misses += round.key_misses - before.3;
    let nanos = notable::lasted(s, "active-defrag-cycle", began);
    more.then_some(nanos)
}

/// Looks how badly pages are filled: begins a walk if it is time for one, and follows with the share of one
/// that is under way.
fn look(s: &mut Server) {
    let now_us = s.keyspace.shared.now_us;
    s.defrag.looked_us = now_us;
    let figures = (s.facts.figures.allocator)();
    let waste = figures.active.saturating_sub(figures.allocated);
    let percent = 100.0 * waste as f64 / figures.allocated.max(1) as f64;
    let share = share_of_time(&s.config, percent);
    if s.defrag.walk.is_some() {
        // It is not slowed down by its own success.
        let most = s.config.active_defrag_cycle_max.max(s.config.active_defrag_cycle_min);
        s.defrag.percent = s.defrag.percent.max(share).min(most);
        return;
    }
    let too_little = waste < s.config.active_defrag_ignore_bytes
        || percent < f64::from(s.config.active_defrag_threshold_lower);
    let news = figures.allocated.abs_diff(s.defrag.rests_at) > figures.allocated / NEWS_SHARE;
    if too_little || (now_us < s.defrag.rests_until_us && !news) {
        return;
    }
    // What the cache keeps of free blocks holds slabs, too.
    alloc::flush_thread_cache();
    s.defrag.walk = Mover::of_sparse().map(|mover| (Round::default(), mover));
    s.defrag.percent = if s.defrag.walk.is_some() { share } else { 0 };
}

/// Percent of the time that so many percent of waste are worth.
fn share_of_time(config: &Config, waste: f64) -> u32 {
    let (min, max) = (config.active_defrag_cycle_min, config.active_defrag_cycle_max);
    let lower = f64::from(config.active_defrag_threshold_lower);
    let span = f64::from(config.active_defrag_threshold_upper) - lower;
    let part = if span > 0.0 { ((waste - lower) / span).clamp(0.0, 1.0) } else { 1.0 };
    min + (f64::from(max.saturating_sub(min)) * part) as u32
}

/// Ends the work where it is.
fn stop(s: &mut Server) {
    if s.defrag.percent > 0 {
        let now_us = s.keyspace.shared.now_us;
        s.stats.defrag.stopped(now_us);
    }
    s.defrag = Default::default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_time_grows_with_the_waste_between_the_thresholds() {
        let mut config = Config::default();
        let shares = [0.0, 10.0, 55.0, 100.0, 900.0].map(|waste| share_of_time(&config, waste));
        assert_eq!(shares, [1, 1, 13, 25, 25]);
        config.active_defrag_threshold_upper = 10;
        assert_eq!(share_of_time(&config, 10.0), 25);
        config.active_defrag_cycle_min = 50;
        assert_eq!(share_of_time(&config, 10.0), 50, "the least may be above the most");
    }
}
