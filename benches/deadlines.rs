//! `ds::deadlines` beside a `BTreeSet<(u64, u32)>`, at five million elements. A time is that of all
//! of them, so the throughput is the one to read.

use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use criterion::{SamplingMode, measurement::WallTime};
use larder::ds::deadlines::Deadlines;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Duration;

const ELEMENTS: u64 = 5_000_000;
/// 2023-11-14, in milliseconds.
const NOW_MS: u64 = 1_700_000_000_000;
const HOUR_MS: u64 = 3_600_000;

/// What both can do.
trait Index: Default {
    const NAME: &'static str;
    fn add(&mut self, deadline: u64, tag: u32);
    fn take(&mut self, deadline: u64, tag: u32) -> bool;
    fn pop(&mut self, now: u64) -> bool;
}

impl Index for Deadlines {
    const NAME: &'static str = "Deadlines";
    fn add(&mut self, deadline: u64, tag: u32) {
        self.insert(deadline, tag);
    }
    fn take(&mut self, deadline: u64, tag: u32) -> bool {
        self.remove(deadline, tag)
    }
    fn pop(&mut self, now: u64) -> bool {
        self.pop_due(now).is_some()
    }
}

impl Index for BTreeSet<(u64, u32)> {
    const NAME: &'static str = "BTreeSet";
    fn add(&mut self, deadline: u64, tag: u32) {
        self.insert((deadline, tag));
    }
    fn take(&mut self, deadline: u64, tag: u32) -> bool {
        self.remove(&(deadline, tag))
    }
    fn pop(&mut self, now: u64) -> bool {
        self.first().is_some_and(|first| first.0 <= now) && self.pop_first().is_some()
    }
}

/// SplitMix64 of `i`: well-mixed numbers that need no storing.
fn mix(i: u64) -> u64 {
    let mut z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The `i`-th key of a server that sets 500 keys a millisecond, all with one time to live.
fn ascending(i: u64) -> (u64, u32) {
    (NOW_MS + HOUR_MS + i / 500, mix(i) as u32)
}

/// The `i`-th key of a server whose times to live lie anywhere within an hour.
fn random(i: u64) -> (u64, u32) {
    let bits = mix(i);
    (NOW_MS + (bits >> 32) % HOUR_MS, bits as u32)
}

fn filled<I: Index>(key: fn(u64) -> (u64, u32)) -> I {
    let mut index = I::default();
    for (deadline, tag) in (0..ELEMENTS).map(key) {
        index.add(deadline, tag);
    }
    index
}

fn benches_of<I: Index>(group: &mut BenchmarkGroup<'_, WallTime>) {
    for (order, key) in [("ascending", ascending as fn(u64) -> _), ("random", random)] {
        group.bench_function(format!("insert {order}/{}", I::NAME), |b| {
            b.iter_batched(|| (), |()| filled::<I>(key), BatchSize::PerIteration);
        });
    }
    group.bench_function(format!("remove random/{}", I::NAME), |b| {
        let remove_all = |mut index: I| {
            for (deadline, tag) in (0..ELEMENTS).map(random) {
                black_box(index.take(deadline, tag));
            }
        };
        b.iter_batched(|| filled::<I>(random), remove_all, BatchSize::PerIteration);
    });
    group.bench_function(format!("pop due/{}", I::NAME), |b| {
        let pop_all = |mut index: I| while black_box(index.pop(u64::MAX)) {};
        b.iter_batched(|| filled::<I>(random), pop_all, BatchSize::PerIteration);
    });
}

fn deadlines(c: &mut Criterion) {
    let mut group = c.benchmark_group("deadlines");
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10)
        .throughput(Throughput::Elements(ELEMENTS));
    group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    benches_of::<Deadlines>(&mut group);
    benches_of::<BTreeSet<(u64, u32)>>(&mut group);
}

criterion_group!(benches, deadlines);
criterion_main!(benches);
