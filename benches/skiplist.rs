//! `ds::skiplist` beside a `BTreeSet` and a `HashMap` with the same hash, at a million members of 16
//! bytes. Neither of std's knows ranks, so those are the skiplist's alone.

use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use criterion::{SamplingMode, measurement::WallTime};
use larder::ds::skiplist::Skiplist;
use larder::stdx::alloc::Jemalloc;
use larder::stdx::hash::Seed;
use siphasher::sip::SipHasher13;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::hint::black_box;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const MEMBERS: u64 = 1_000_000;
/// Operations of one measurement: a time is that of all of them.
const OPERATIONS: u64 = 100_000;
/// Elements of a range.
const RANGE: usize = 100;

type Member = [u8; 16];

/// What both can do.
trait Sorted {
    const NAME: &'static str;
    fn new() -> Self;
    /// Gives a member its score, new or not.
    fn set(&mut self, member: &Member, score: f64);
    fn score(&self, member: &Member) -> Option<f64>;
    fn pop_first(&mut self) -> bool;
    /// Visits the elements from a score on.
    fn range_from(&self, score: f64) -> usize;
}

impl Sorted for Skiplist {
    const NAME: &'static str = "Skiplist";
    fn new() -> Self {
        Self::new(Seed::new(1, 2))
    }
    fn set(&mut self, member: &Member, score: f64) {
        self.insert(member, score);
    }
    fn score(&self, member: &Member) -> Option<f64> {
        self.score(member)
    }
    fn pop_first(&mut self) -> bool {
        let is_there = !self.is_empty();
        self.remove_range(0..usize::from(is_there), |member, _| {
            black_box(member);
        });
        is_there
    }
    fn range_from(&self, score: f64) -> usize {
        let start = self.rank_by_score(|it| it < score);
        let range = self.range(start..self.len().min(start + RANGE));
        range.map(|(member, _)| usize::from(member[0])).sum()
    }
}

/// A score that has an order.
#[derive(Clone, Copy, PartialEq)]
struct Score(f64);

impl Eq for Score {}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The skiplist's hash for std's table.
#[derive(Clone, Default)]
struct Sip;

impl BuildHasher for Sip {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(1, 2)
    }
}

/// Each member twice, as std cannot share it.
struct Twin {
    order: BTreeSet<(Score, Box<[u8]>)>,
    scores: HashMap<Box<[u8]>, f64, Sip>,
}

impl Sorted for Twin {
    const NAME: &'static str = "BTreeSet and HashMap";
    fn new() -> Self {
        Self { order: BTreeSet::new(), scores: HashMap::default() }
    }
    fn set(&mut self, member: &Member, score: f64) {
        let member: Box<[u8]> = Box::from(&member[..]);
        if let Some(former) = self.scores.insert(member.clone(), score) {
            self.order.remove(&(Score(former), member.clone()));
        }
        self.order.insert((Score(score), member));
    }
    fn score(&self, member: &Member) -> Option<f64> {
        self.scores.get(&member[..]).copied()
    }
    fn pop_first(&mut self) -> bool {
        let Some((_, member)) = self.order.pop_first() else { return false };
        self.scores.remove(&member).is_some()
    }
    fn range_from(&self, score: f64) -> usize {
        let range = self.order.range((Score(score), Box::default())..);
        range.take(RANGE).map(|(_, member)| usize::from(member[0])).sum()
    }
}

/// SplitMix64 of `i`: well-mixed numbers that need no storing.
fn mix(i: u64) -> u64 {
    let mut z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn member(i: u64) -> Member {
    let mut member = *b"member:0........";
    member[8..].copy_from_slice(&(i % MEMBERS).to_be_bytes());
    member
}

/// The `i`-th score, whatever came before.
fn score(i: u64) -> f64 {
    (mix(i) % 1_000_000_000) as f64
}

fn filled<S: Sorted>(score: fn(u64) -> f64) -> S {
    let mut set = S::new();
    (0..MEMBERS).for_each(|i| set.set(&member(i), score(i)));
    set
}

/// Members in no order, and each time others.
fn drawn(round: &mut u64) -> impl Iterator<Item = u64> + use<> {
    *round += 1;
    let first = *round * OPERATIONS;
    (first..first + OPERATIONS).map(mix)
}

fn benches_of<S: Sorted>(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.throughput(Throughput::Elements(MEMBERS));
    for (order, score) in [("ascending", (|i| i as f64) as fn(u64) -> f64), ("random", score)] {
        group.bench_function(format!("add {order}/{}", S::NAME), |b| {
            b.iter_batched(|| (), |()| filled::<S>(score), BatchSize::PerIteration);
        });
    }
    group.throughput(Throughput::Elements(OPERATIONS));
    let (mut set, mut round) = (filled::<S>(score), 0);
    group.bench_function(format!("score/{}", S::NAME), |b| {
        b.iter(|| drawn(&mut round).filter(|&i| set.score(&member(i)).is_some()).count());
    });
    group.bench_function(format!("move/{}", S::NAME), |b| {
        b.iter(|| drawn(&mut round).for_each(|i| set.set(&member(i), score(i))));
    });
    group.bench_function(format!("range of {RANGE}/{}", S::NAME), |b| {
        b.iter(|| drawn(&mut round).map(|i| set.range_from(score(i))).sum::<usize>());
    });
    group.bench_function(format!("pop first/{}", S::NAME), |b| {
        let pop = |mut set: S| {
            (0..OPERATIONS).for_each(|_| assert!(set.pop_first()));
            set
        };
        b.iter_batched(|| filled::<S>(score), pop, BatchSize::PerIteration);
    });
}

fn ranks(group: &mut BenchmarkGroup<'_, WallTime>) {
    let (list, mut round) = (filled::<Skiplist>(score), 0);
    group.throughput(Throughput::Elements(OPERATIONS));
    group.bench_function("rank/Skiplist", |b| {
        b.iter(|| drawn(&mut round).filter_map(|i| list.rank(&member(i))).map(|it| it.0).max());
    });
    group.bench_function("get/Skiplist", |b| {
        b.iter(|| drawn(&mut round).filter_map(|i| list.get((i % MEMBERS) as usize)).count());
    });
}

fn skiplist(c: &mut Criterion) {
    let mut group = c.benchmark_group("skiplist");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    benches_of::<Skiplist>(&mut group);
    benches_of::<Twin>(&mut group);
    ranks(&mut group);
}

criterion_group!(benches, skiplist);
criterion_main!(benches);
