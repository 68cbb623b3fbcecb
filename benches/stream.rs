//! What streams are made of beside what plain Rust would use: `IdMap` beside std's `BTreeMap`, and
//! `StreamNode` beside a vector of entries that own their words.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use larder::ds::idmap::{Id, IdMap};
use larder::ds::streamnode::StreamNode;

#[global_allocator]
static ALLOCATOR: larder::stdx::alloc::Jemalloc = larder::stdx::alloc::Jemalloc;

const PENDING: u64 = 100_000;
const ENTRIES: u64 = 100;

/// The ids of entries that came at one time and a few at once.
fn ids(count: u64) -> impl Iterator<Item = Id> {
    (0..count).map(|n| Id::new(1_700_000_000_000 + n / 3, n % 3))
}

/// What pends, in the map that is measured.
fn pending() -> IdMap<u64> {
    let mut map = IdMap::default();
    ids(PENDING).for_each(|id| assert!(map.insert(id, 1).is_none()));
    map
}

/// The same in std's. Put in one by one as well: to collect would sort and build it at once.
fn pending_twin() -> BTreeMap<Id, u64> {
    let mut map = BTreeMap::new();
    ids(PENDING).for_each(|id| assert!(map.insert(id, 1).is_none()));
    map
}

fn inserting(c: &mut Criterion) {
    let mut group = c.benchmark_group("idmap/insert 100,000 in order");
    group.bench_function("idmap", |b| b.iter(pending));
    group.bench_function("twin", |b| b.iter(pending_twin));
}

fn removing(c: &mut Criterion) {
    let (map, twin) = (pending(), pending_twin());
    let mut group = c.benchmark_group("idmap/remove 100,000 in the order of insertion");
    group.bench_function("idmap", |b| {
        let remove = |mut map: IdMap<u64>| ids(PENDING).filter_map(|id| map.remove(id)).count();
        b.iter_batched(|| map.clone(), remove, BatchSize::LargeInput);
    });
    group.bench_function("twin", |b| {
        let remove =
            |mut map: BTreeMap<Id, u64>| ids(PENDING).filter_map(|id| map.remove(&id)).count();
        b.iter_batched(|| twin.clone(), remove, BatchSize::LargeInput);
    });
}

fn finding(c: &mut Criterion) {
    let (map, twin) = (pending(), pending_twin());
    let wanted: Vec<Id> = ids(PENDING).step_by(97).collect();
    let mut group = c.benchmark_group("idmap/find every 97th of 100,000");
    group.bench_function("idmap", |b| {
        b.iter(|| wanted.iter().filter_map(|id| map.get(*id)).sum::<u64>());
    });
    group.bench_function("twin", |b| {
        b.iter(|| wanted.iter().filter_map(|id| twin.get(id)).sum::<u64>());
    });
}

/// The words of an entry: two fields.
const WORDS: [&[u8]; 4] = [b"temperature", b"21.5", b"sensor", b"kitchen-window"];

fn node() -> StreamNode {
    let words = || WORDS.iter().copied();
    let mut node = StreamNode::new(words());
    let master = Id::new(1_700_000_000_000, 0);
    ids(ENTRIES).for_each(|id| node.append(master, id, words()));
    node
}

fn entries() -> Vec<(Id, Vec<Vec<u8>>)> {
    ids(ENTRIES).map(|id| (id, WORDS.iter().map(|word| word.to_vec()).collect())).collect()
}

fn appending(c: &mut Criterion) {
    let mut group = c.benchmark_group("streamnode/append 100 entries of two fields");
    group.bench_function("streamnode", |b| b.iter(|| black_box(node())));
    group.bench_function("twin", |b| b.iter(|| black_box(entries())));
}

fn reading(c: &mut Criterion) {
    let (node, twin) = (node(), entries());
    let master = Id::new(1_700_000_000_000, 0);
    let mut group = c.benchmark_group("streamnode/read 100 entries of two fields");
    group.bench_function("streamnode", |b| {
        b.iter(|| {
            let pairs = node.entries(master).flat_map(|entry| entry.pairs());
            pairs.map(|(field, value)| field.len() + value.len()).sum::<usize>()
        });
    });
    group.bench_function("twin", |b| {
        b.iter(|| twin.iter().flat_map(|(_, words)| words).map(Vec::len).sum::<usize>());
    });
}

criterion_group!(benches, inserting, removing, finding, appending, reading);
criterion_main!(benches);
