//! Which key goes when memory is short, and its going.
//!
//! True order would need a list through all entries. Instead a few entries are looked at for each that
//! goes, always whole buckets of the dict: they lie in one cache line, and the entries behind it are
//! fetched together. The best of all that were seen wait in a pool, which therefore knows keys nearer to
//! the end of the true order than any one look finds. A key that was used since it was seen is known by
//! its access clock and leaves the pool.
//!
//! The nearest deadline is not sampled: the index of deadlines knows it.

use super::place::Place;
use super::{Access, Database, Event, Keyspace, Shared};
use crate::config::Choice;
use crate::ds::dict::OccupiedSlot;
use crate::types::{self, Entry};

/// Keys in the pool at most.
const POOL: usize = 16;
/// Looks at most for the samples of one key: where most entries are not eligible.
const LOOKS: usize = 16;
/// Deadlines passed over at most that are not a key's own but of fields of hashes.
const FIELDS_PASSED: usize = 64;
/// Where fewer than one in so many keys have a deadline, those that have are drawn from the index.
const RARE: usize = 4;

/// How keys are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// By what.
    pub choice: Choice,
    /// Only those with a deadline.
    pub volatile: bool,
    /// Keys looked at for each that goes, at least.
    pub samples: usize,
}

/// A key that might go.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    /// The greater, the sooner.
    rank: u64,
    hash: u64,
    /// Its access clock when it was seen.
    clock: u32,
    db: u32,
}

/// The best candidates that were seen.
#[derive(Debug, Default)]
pub(super) struct Pool {
    wanted: Option<Wanted>,
    candidates: Vec<Candidate>,
    /// What a new one must reach.
    bar: u64,
    /// The latest key that was wanted and spared, for a snapshot is yet to take it.
    spared: Option<(u32, Box<[u8]>)>,
}

impl Pool {
    /// Forgets all where they were chosen in another way.
    fn follow(&mut self, wanted: Wanted) {
        if self.wanted != Some(wanted) {
            self.wanted = Some(wanted);
            self.candidates.clear();
            self.bar = 0;
        }
    }

    /// What ranks are now: time has gone on.
    fn refresh(&mut self, access: &Access) {
        self.candidates.iter_mut().for_each(|c| c.rank = access.rank(c.clock));
        self.set_bar();
    }

    fn set_bar(&mut self) {
        let is_full = self.candidates.len() >= POOL;
        let least = self.candidates.iter().map(|c| c.rank).min().unwrap_or(0);
        self.bar = if is_full { least + 1 } else { 0 };
    }

    fn offer(&mut self, new: Candidate) {
        let is_known = |c: &Candidate| c.hash == new.hash && c.db == new.db;
        if let Some(known) = self.candidates.iter_mut().find(|c| is_known(c)) {
            *known = new;
        } else if self.candidates.len() < POOL {
            self.candidates.push(new);
        } else if let Some(least) = self.candidates.iter_mut().min_by_key(|c| c.rank) {
            *least = new;
        }
        self.set_bar();
    }

    fn take_best(&mut self) -> Option<Candidate> {
        let numbered = self.candidates.iter().enumerate();
        let best = numbered.max_by_key(|(_, c)| c.rank).map(|(number, _)| number)?;
        self.bar = 0;
        Some(self.candidates.swap_remove(best))
    }
}

impl Keyspace {
    /// Removes the key that should go first; how many bytes it took, if there was one.
    ///
    /// A big value that a running snapshot is yet to take is spared: to encode it at once would hold everybody
    /// up, and set nothing free. Where all others are gone the snapshot takes it next.
    pub fn evict(&mut self, wanted: Wanted, rng: &mut impl FnMut() -> u64) -> Option<usize> {
        let keys = self.total_keys();
        self.shared.set_turnover(keys);
        self.pool.spared = None;
        let evicted = match wanted.choice {
            Choice::Nothing => None,
            Choice::Lru | Choice::Lrm | Choice::Lfu => self.evict_ranked(wanted, rng),
            Choice::Random => self.evict_random(wanted, rng),
            Choice::Ttl => self.evict_nearest(wanted, rng),
        };
        if evicted.is_some() {
            self.pool.spared = None;
            self.shared.access.ticks_mut().key_evicted();
        } else if let Some((db, key)) = &self.pool.spared
            && let Some(snapshot) = self.shared.snapshot()
        {
            snapshot.hurry(*db, key);
        }
        evicted
    }

    /// Whether nothing could be evicted but for what a running snapshot is yet to take.
    pub fn spares_for_snapshot(&self) -> bool {
        self.pool.spared.is_some() && self.shared.has_snapshot()
    }

    /// Lets tables of database `db` grow only within so many bytes.
    #[inline]
    pub fn set_table_room(&mut self, db: u32, bytes: usize) {
        self.dbs[db as usize].dict.set_room(bytes);
    }

    fn evict_ranked(&mut self, wanted: Wanted, rng: &mut impl FnMut() -> u64) -> Option<usize> {
        self.pool.follow(wanted);
        for _ in 0..LOOKS {
            self.look(wanted, rng);
            while let Some(candidate) = self.pool.take_best() {
                if let Some(bytes) = self.remove_candidate(candidate, wanted) {
                    return Some(bytes);
                }
            }
        }
        self.evict_first_volatile(wanted)
    }

    /// Looks at some entries, and keeps the best in mind.
    fn look(&mut self, wanted: Wanted, rng: &mut impl FnMut() -> u64) {
        let Some(db) = self.draw_database(wanted, rng) else { return };
        let Self { dbs, shared, pool } = self;
        let access = &shared.access;
        pool.refresh(access);
        let database = &dbs[db as usize];
        sample(database, wanted, rng, |entry| {
            let clock = entry.clock();
            let rank = access.rank(clock);
            if rank >= pool.bar {
                pool.offer(Candidate { rank, hash: database.dict.hash(entry.key()), clock, db });
            }
        });
    }

    fn remove_candidate(&mut self, candidate: Candidate, wanted: Wanted) -> Option<usize> {
        let Candidate { hash, clock, db, .. } = candidate;
        self.remove_where(db, hash, |entry| entry.clock() == clock && wanted.takes(entry))
    }

    fn evict_random(&mut self, wanted: Wanted, rng: &mut impl FnMut() -> u64) -> Option<usize> {
        let found = (0..LOOKS).find_map(|_| self.evict_drawn(wanted, rng));
        found.or_else(|| self.evict_first_volatile(wanted))
    }

    fn evict_drawn(&mut self, wanted: Wanted, rng: &mut impl FnMut() -> u64) -> Option<usize> {
        let db = self.draw_database(wanted, rng)?;
        let database = &self.dbs[db as usize];
        let mut chosen = None;
        if wanted.volatile {
            let wanted = Wanted { samples: 1, ..wanted };
            let mut chance = rng();
            let mut seen = 0;
            sample(database, wanted, rng, |entry| {
                // Of those in a bucket each is to be as likely as the next.
                seen += 1;
                chance = chance.rotate_right(16);
                if (chance & 0xffff).is_multiple_of(seen) {
                    chosen = Some(database.dict.hash(entry.key()));
                }
            });
        } else {
            chosen = database.dict.random(rng).map(|entry| database.dict.hash(entry.key()));
        }
        chosen.and_then(|hash| self.remove_where(db, hash, |entry| wanted.takes(entry)))
    }

    fn evict_nearest(&mut self, wanted: Wanted, rng: &mut impl FnMut() -> u64) -> Option<usize> {
        let nearest = |(db, database): (u32, &Database)| {
            database.nearest().map(|(deadline, hash)| (deadline, db, hash))
        };
        if let Some((deadline, db, hash)) = self.databases().filter_map(nearest).min() {
            return self.remove_where(db, hash, |entry| entry.deadline() == Some(deadline));
        }
        // Only fields of hashes have deadlines nearby: the nearest of some keys will do.
        let db = self.draw_database(wanted, rng)?;
        let database = &self.dbs[db as usize];
        let mut best = None;
        sample(database, wanted, rng, |entry| {
            let found = (entry.deadline(), database.dict.hash(entry.key()));
            best = Some(best.map_or(found, |best| found.min(best)));
        });
        match best {
            Some((_, hash)) => self.remove_where(db, hash, |entry| wanted.takes(entry)),
            None => self.evict_first_volatile(wanted),
        }
    }

    /// Removes any key that might go, which chance did not find: there are hardly any.
    fn evict_first_volatile(&mut self, wanted: Wanted) -> Option<usize> {
        let snapshot = self.shared.snapshot_ref();
        let may_go = |entry: &Entry| {
            wanted.takes(entry) && !snapshot.is_some_and(|snapshot| snapshot.awaits(entry))
        };
        let first = |(db, database): (u32, &Database)| {
            let entry = database.dict.iter().find(|entry| may_go(entry))?;
            Some((db, database.dict.hash(entry.key())))
        };
        let volatile = self.databases().filter(|(_, database)| wanted.in_database(database) > 0);
        let found = volatile.filter_map(first).next();
        found.and_then(|(db, hash)| self.remove_where(db, hash, |entry| wanted.takes(entry)))
    }

    fn remove_where(
        &mut self,
        db: u32,
        hash: u64,
        is_wanted: impl Fn(&Entry) -> bool,
    ) -> Option<usize> {
        let (Database { dict, deadlines }, shared) = self.parts(db);
        let slot = dict.occupied_where(hash, is_wanted)?;
        if shared.snapshot_ref().is_some_and(|snapshot| snapshot.awaits(slot.get())) {
            let key = slot.get().key().into();
            self.pool.spared = Some((db, key));
            return None;
        }
        Some(Place { shared, deadlines, db, hash }.evict(slot))
    }

    /// A database drawn by how many of its keys might go.
    fn draw_database(&self, wanted: Wanted, rng: &mut impl FnMut() -> u64) -> Option<u32> {
        let total: usize = self.dbs.iter().map(|database| wanted.in_database(database)).sum();
        let mut number = (rng() >> 32) as usize % total.max(1);
        self.databases().find_map(|(db, database)| {
            let keys = wanted.in_database(database);
            let is_here = number < keys;
            number = number.saturating_sub(keys);
            is_here.then_some(db)
        })
    }
}

impl Wanted {
    /// Whether this entry might go.
    #[inline]
    fn takes(self, entry: &Entry) -> bool {
        !self.volatile || entry.deadline().is_some()
    }

    /// How many keys of a database might go, about.
    fn in_database(self, database: &Database) -> usize {
        if self.volatile { database.volatile() } else { database.len() }
    }
}

impl Database {
    /// The nearest deadline of a key, and the key's hash, if it is found at once.
    fn nearest(&self) -> Option<(u64, u64)> {
        self.deadlines.iter().take(FIELDS_PASSED).find_map(|(deadline, tag)| {
            let entry = self.dict.find_tagged(tag, |entry| entry.deadline() == Some(deadline))?;
            Some((deadline, self.dict.hash(entry.key())))
        })
    }
}

/// Shows as many entries that might go as are wanted, or some more; fewer where chance finds no more.
fn sample(
    database: &Database,
    wanted: Wanted,
    rng: &mut impl FnMut() -> u64,
    mut show: impl FnMut(&Entry),
) {
    let mut seen = 0;
    let is_rare = wanted.volatile && database.volatile() < database.len() / RARE;
    for _ in 0..LOOKS.max(wanted.samples) {
        if seen >= wanted.samples {
            return;
        }
        let mut look = |entry: &Entry| {
            if wanted.takes(entry) {
                seen += 1;
                show(entry);
            }
        };
        if is_rare {
            let drawn = database.deadlines.sample(rng);
            let found = drawn.and_then(|(deadline, tag)| {
                database.dict.find_tagged(tag, |entry| entry.deadline() == Some(deadline))
            });
            found.into_iter().for_each(look);
        } else {
            database.dict.scan(rng(), &mut look);
        }
    }
}

impl Place<'_> {
    /// Removes an entry for its memory; how many bytes it is.
    fn evict(mut self, slot: OccupiedSlot<'_, Entry>) -> usize {
        let (entry, _) = self.remove_to_free(slot, false);
        let bytes = types::memory(&entry);
        self.shared.evicted(self.db, &entry);
        self.shared.free_entry(self.db, entry);
        bytes
    }
}

impl Shared {
    fn evicted(&mut self, db: u32, entry: &Entry) {
        self.stats.evicted += 1;
        self.tell(db, entry.key(), Event::EVICTED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::ds::dict::ResizePolicy;
    use crate::keyspace::{Lfu, Listener, Record};
    use crate::stdx::hash::Seed;
    use crate::types::{FieldTtl, Hash};
    use std::collections::BTreeSet;

    const NOW_MS: u64 = 1_700_000_000_000;
    const SEED: Seed = Seed::new(3, 4);

    fn keyspace(choice: Choice) -> Keyspace {
        let mut keyspace = Keyspace::new(4, SEED);
        keyspace.shared.set_now_us(NOW_MS * 1000);
        let lfu = Lfu { log_factor: 10, decay_minutes: 1 };
        let record = match choice {
            Choice::Lfu => Record::Count(lfu),
            Choice::Lrm => Record::Change,
            _ => Record::Use,
        };
        keyspace.shared.access.set_record(record, true, NOW_MS);
        keyspace
    }

    /// A row of numbers that are as good as random, the same in every run.
    fn numbers() -> impl FnMut() -> u64 {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        }
    }

    fn wanted(choice: Choice, volatile: bool) -> Wanted {
        Wanted { choice, volatile, samples: 5 }
    }

    fn name(n: u32) -> Vec<u8> {
        format!("key:{n:06}").into_bytes()
    }

    fn set(keyspace: &mut Keyspace, db: u32, n: u32, deadline: Option<u64>) {
        let set = Event::string("set");
        keyspace.db(db).set_string(&name(n), b"value".as_slice(), deadline, set);
    }

    fn read(keyspace: &mut Keyspace, n: u32) {
        assert!(keyspace.db(0).fetch(&name(n)).is_some());
    }

    fn left(keyspace: &Keyspace, db: u32) -> BTreeSet<Vec<u8>> {
        keyspace.database(db).iter().map(|entry| entry.key().to_vec()).collect()
    }

    fn is_left(keyspace: &Keyspace, n: u32) -> bool {
        keyspace.database(0).peek(&name(n)).is_some()
    }

    fn evict(keyspace: &mut Keyspace, wanted: Wanted, times: u32) {
        let mut rng = numbers();
        for _ in 0..times {
            assert!(keyspace.evict(wanted, &mut rng).is_some());
        }
    }

    #[test]
    fn the_least_recently_used_go_and_the_order_within_a_second_counts() {
        let mut keyspace = keyspace(Choice::Lru);
        (0..4000).for_each(|n| set(&mut keyspace, 0, n, None));
        // What came first is used last.
        for n in 0..1000 {
            keyspace.shared.set_turnover(4000);
            keyspace.shared.access.ticks_mut().key_came();
            read(&mut keyspace, n);
        }
        evict(&mut keyspace, wanted(Choice::Lru, false), 2000);
        let kept = |range: std::ops::Range<u32>| range.filter(|n| is_left(&keyspace, *n)).count();
        assert_eq!(kept(0..1000), 1000);
        assert!(kept(3500..4000) >= 490, "the last: {}", kept(3500..4000));
        assert!(kept(1000..2500) <= 60, "the first: {}", kept(1000..2500));
        assert_eq!(keyspace.shared.stats.evicted, 2000);
    }

    #[test]
    fn a_key_used_after_it_was_seen_stays() {
        let mut keyspace = keyspace(Choice::Lru);
        (0..20).for_each(|n| set(&mut keyspace, 0, n, None));
        let how = wanted(Choice::Lru, false);
        // All are known as candidates after this.
        evict(&mut keyspace, Wanted { samples: 1000, ..how }, 1);
        let used: Vec<u32> = (0..20).filter(|n| is_left(&keyspace, *n)).take(5).collect();
        keyspace.shared.set_now_us((NOW_MS + 5000) * 1000);
        used.iter().for_each(|n| read(&mut keyspace, *n));
        evict(&mut keyspace, Wanted { samples: 1000, ..how }, 14);
        assert!(used.iter().all(|n| is_left(&keyspace, *n)));
    }

    #[test]
    fn the_least_frequently_used_go() {
        let mut keyspace = keyspace(Choice::Lfu);
        (0..2000).for_each(|n| set(&mut keyspace, 0, n, None));
        for n in (0..2000).step_by(4) {
            (0..60).for_each(|_| read(&mut keyspace, n));
        }
        evict(&mut keyspace, wanted(Choice::Lfu, false), 1400);
        let often = (0..2000).step_by(4).filter(|n| is_left(&keyspace, *n)).count();
        assert!(often >= 495, "{often} of 500 left");
    }

    #[test]
    fn under_lrm_reading_spares_no_key_but_changing_does() {
        let mut keyspace = keyspace(Choice::Lrm);
        (0..1000).for_each(|n| set(&mut keyspace, 0, n, None));
        keyspace.shared.set_now_us((NOW_MS + 10_000) * 1000);
        (0..200).for_each(|n| read(&mut keyspace, n));
        (800..1000).for_each(|n| set(&mut keyspace, 0, n, None));
        evict(&mut keyspace, wanted(Choice::Lrm, false), 600);
        let kept = |range: std::ops::Range<u32>| range.filter(|n| is_left(&keyspace, *n)).count();
        assert!(kept(800..1000) >= 199, "changed: {}", kept(800..1000));
        assert!(kept(0..200) < 40, "only read: {}", kept(0..200));
    }

    #[test]
    fn keys_without_a_deadline_are_spared_however_few_have_one() {
        for choice in [Choice::Lru, Choice::Lfu, Choice::Lrm, Choice::Random, Choice::Ttl] {
            for one_in in [2, 500] {
                let mut keyspace = keyspace(choice);
                for n in 0..3000 {
                    let deadline = (n % one_in == 0).then_some(NOW_MS + 1_000_000 + u64::from(n));
                    set(&mut keyspace, n % 3, n, deadline);
                }
                let volatile = 3000 / one_in;
                evict(&mut keyspace, wanted(choice, true), volatile);
                assert_eq!(keyspace.total_keys() as u32, 3000 - volatile, "{choice:?}");
                assert_eq!(
                    keyspace.evict(wanted(choice, true), &mut numbers()),
                    None,
                    "{choice:?}"
                );
                assert_eq!(keyspace.evict(wanted(Choice::Nothing, false), &mut numbers()), None);
            }
        }
    }

    #[test]
    fn deadlines_go_in_their_true_order_through_all_databases() {
        let mut keyspace = keyspace(Choice::Ttl);
        // Fields of hashes have deadlines of their own, which are no reason to evict the hash.
        for n in 0..10 {
            let mut hash = Hash::new();
            let limits = Config::default().limits(SEED);
            hash.set(b"field", b"value", FieldTtl::At(NOW_MS + 1000 + n), NOW_MS, &limits);
            keyspace.db(0).store(format!("hash:{n}").as_bytes(), hash, Event::hash("hset"));
        }
        let deadline = |n: u32| NOW_MS + 10_000 + u64::from(n * 7919 % 1000);
        (0..1000).for_each(|n| set(&mut keyspace, n % 4, n, Some(deadline(n))));
        let mut order: Vec<u32> = (0..1000).collect();
        order.sort_by_key(|n| deadline(*n));
        let mut rng = numbers();
        for n in order {
            assert!(keyspace.evict(wanted(Choice::Ttl, true), &mut rng).is_some());
            assert!(keyspace.database(n % 4).peek(&name(n)).is_none(), "{n} is the next");
        }
        assert_eq!(keyspace.total_keys(), 10);
    }

    #[test]
    fn random_keys_go_from_everywhere() {
        for volatile in [false, true] {
            let mut keyspace = keyspace(Choice::Random);
            for n in 0..4000 {
                set(&mut keyspace, n % 2, n, volatile.then_some(NOW_MS + 1_000_000));
            }
            evict(&mut keyspace, wanted(Choice::Random, volatile), 2000);
            let quarter = |from: u32| {
                let left = |n: &u32| keyspace.database(n % 2).peek(&name(*n)).is_some();
                (from..from + 1000).filter(left).count()
            };
            for from in [0, 1000, 2000, 3000] {
                assert!((400..600).contains(&quarter(from)), "{from}: {}", quarter(from));
            }
        }
    }

    #[test]
    fn all_keys_can_go_also_amid_a_rehash_and_each_is_told() {
        let mut keyspace = keyspace(Choice::Lru);
        keyspace.shared.listen(Listener::Feed, true);
        (0..3000).for_each(|n| set(&mut keyspace, 2, n, Some(NOW_MS + 100_000)));
        keyspace.set_resize_policy(ResizePolicy::Forbid);
        let all = left(&keyspace, 2);
        drop(keyspace.shared.take_changes());
        evict(&mut keyspace, wanted(Choice::Lru, false), 3000);
        assert_eq!(keyspace.evict(wanted(Choice::Lru, false), &mut numbers()), None);
        let told: BTreeSet<Vec<u8>> = keyspace
            .shared
            .take_changes()
            .into_iter()
            .map(|change| {
                assert_eq!((change.db, change.event), (2, Event::EVICTED));
                change.key.into_vec()
            })
            .collect();
        assert_eq!(told, all);
        assert_eq!(keyspace.database(2).volatile(), 0);
    }
}
