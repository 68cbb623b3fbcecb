//! Sets in each encoding beside std's hash set of byte strings with the same hash.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use larder::config::Config;
use larder::stdx::alloc::Jemalloc;
use larder::stdx::hash::Seed;
use larder::types::{Collection, Limits, Set};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use siphasher::sip::SipHasher13;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Within the limits of the compact encodings, and far above.
const SIZES: [usize; 3] = [100, 500, 100_000];

/// The keyed hash as std wants it.
#[derive(Clone, Copy, Default)]
struct Sip;

/// Byte strings are written in one piece, so the one-shot hash serves.
#[derive(Default)]
struct OneShot(u64);

impl BuildHasher for Sip {
    type Hasher = OneShot;

    fn build_hasher(&self) -> OneShot {
        OneShot(0)
    }
}

impl Hasher for OneShot {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = SipHasher13::new_with_keys(1, 2).hash(bytes);
    }

    /// A slice announces its length first, which would cost a second block.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

type Twin = HashSet<Box<[u8]>, Sip>;

fn limits() -> Limits {
    Config::default().limits(Seed::new(1, 2))
}

/// Members, all integers or none, in an order that has nothing to do with their values.
fn members(count: usize, ints: bool) -> Vec<Vec<u8>> {
    let mut members: Vec<_> = (0..count)
        .map(|n| if ints { n.to_string() } else { format!("member:{n}") }.into_bytes())
        .collect();
    members.sort_by_cached_key(|member| Seed::new(8, 9).hash(member));
    members
}

fn set_of(members: &[Vec<u8>], limits: &Limits) -> Set {
    let mut set = Set::new();
    for member in members {
        set.add(member, limits);
    }
    set
}

fn twin_of(members: &[Vec<u8>]) -> Twin {
    members.iter().map(|member| member.as_slice().into()).collect()
}

/// Every size with its members, integers and texts.
fn cases() -> impl Iterator<Item = (usize, &'static str, Vec<Vec<u8>>)> {
    SIZES.into_iter().flat_map(|size| {
        [("ints", true), ("texts", false)].map(|(name, ints)| (size, name, members(size, ints)))
    })
}

fn bench_add(c: &mut Criterion) {
    let limits = limits();
    for (size, name, members) in cases() {
        let mut group = c.benchmark_group(format!("set/add_{name}"));
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("set", size), |b| {
            b.iter_with_large_drop(|| set_of(&members, &limits));
        });
        group.bench_function(BenchmarkId::new("std", size), |b| {
            b.iter_with_large_drop(|| twin_of(&members));
        });
    }
}

fn bench_contains(c: &mut Criterion) {
    let limits = limits();
    for (size, name, mut members) in cases() {
        let (set, twin) = (set_of(&members, &limits), twin_of(&members));
        members.sort_by_cached_key(|member| Seed::new(3, 4).hash(member));
        let mut group = c.benchmark_group(format!("set/contains_{name}"));
        let mut asked = members.iter().cycle();
        group.bench_function(BenchmarkId::new("set", size), |b| {
            b.iter(|| set.contains(black_box(asked.next().expect("it cycles"))));
        });
        group.bench_function(BenchmarkId::new("std", size), |b| {
            b.iter(|| twin.contains(black_box(asked.next().expect("it cycles").as_slice())));
        });
    }
}

fn bench_iter(c: &mut Criterion) {
    let limits = limits();
    for (size, name, members) in cases() {
        let (set, twin) = (set_of(&members, &limits), twin_of(&members));
        let mut group = c.benchmark_group(format!("set/iter_{name}"));
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("set", size), |b| {
            b.iter(|| set.iter().for_each(|member| _ = black_box(member)));
        });
        group.bench_function(BenchmarkId::new("std", size), |b| {
            b.iter(|| twin.iter().for_each(|member| _ = black_box(member)));
        });
    }
}

/// std's set has no draw: what stands beside it is a removal and an insertion of a known member.
fn bench_random(c: &mut Criterion) {
    let limits = limits();
    for (size, name, members) in cases() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut group = c.benchmark_group(format!("set/random_{name}"));
        let set = set_of(&members, &limits);
        group.bench_function(BenchmarkId::new("draw", size), |b| {
            b.iter(|| _ = black_box(set.random(&mut rng)));
        });
        group.bench_function(BenchmarkId::new("pop_tenth", size), |b| {
            let pop = |set: &mut Set| {
                set.pop_many(set.len() / 10, &limits, &mut rng, |member| _ = black_box(member));
            };
            b.iter_batched_ref(|| set.clone(), pop, BatchSize::LargeInput);
        });
        let mut twin = twin_of(&members);
        let mut known = members.iter().cycle();
        group.bench_function(BenchmarkId::new("std_replace", size), |b| {
            b.iter(|| {
                let member = known.next().expect("it cycles").as_slice();
                let taken = twin.take(member).expect("it was put back");
                twin.insert(black_box(taken));
            });
        });
    }
}

criterion_group!(benches, bench_add, bench_contains, bench_iter, bench_random);
criterion_main!(benches);
