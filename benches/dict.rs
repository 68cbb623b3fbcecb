//! The dict beside std's hash table with the same hash, with the keyspace's entries.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use larder::ds::dict::{Dict, Keyed};
use larder::ds::entry::NewValue;
use larder::stdx::alloc::Jemalloc;
use larder::stdx::hash::Seed;
use larder::types::Entry;
use siphasher::sip::SipHasher13;
use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const SIZES: [usize; 2] = [100_000, 2_000_000];

/// How many lookups of one pipeline are fetched ahead.
const BATCH: usize = 16;

type Key = [u8; 16];

/// A key with a value as long, as the keyspace holds them.
struct Item(Entry);

impl Item {
    fn new(key: &Key) -> Self {
        Self(Entry::new(key, NewValue::Inline(key), None))
    }
}

impl Keyed for Item {
    fn key(&self) -> &[u8] {
        self.0.key()
    }

    fn prefetch(&self) {
        self.0.prefetch();
    }

    fn hint(&self) -> u16 {
        self.0.hint()
    }

    fn set_hint(&mut self, hint: u16) {
        self.0.set_hint(hint);
    }
}

impl Borrow<[u8]> for Item {
    fn borrow(&self) -> &[u8] {
        self.key()
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Item {}

impl Hash for Item {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.key());
    }
}

/// The dict's hash as std wants it.
#[derive(Clone, Copy, Default)]
struct Sip;

/// Keys are written in one piece, so the one-shot hash serves.
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

    /// A slice announces its length first: std's keys would cost a second block.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

type Twin = HashSet<Item, Sip>;

/// Keys in an order that has nothing to do with that of their making.
fn keys(count: usize, salt: u64) -> Vec<Key> {
    let mut keys: Vec<Key> = (0..count as u64)
        .map(|n| {
            let text = format!("key:{:012}", n + salt);
            text.as_bytes().try_into().expect("16 bytes")
        })
        .collect();
    keys.sort_by_cached_key(|key| Seed::new(8, 9).hash(key));
    keys
}

fn dict_of(keys: &[Key]) -> Dict<Item> {
    let mut dict = Dict::new(Seed::new(1, 2));
    for key in keys {
        dict.insert_unique(dict.hash(key), Item::new(key));
    }
    dict
}

fn twin_of(keys: &[Key]) -> Twin {
    let mut twin = Twin::default();
    for key in keys {
        twin.insert(Item::new(key));
    }
    twin
}

fn bench_get(c: &mut Criterion) {
    for size in SIZES {
        let mut present = keys(size, 0);
        let (dict, twin) = (dict_of(&present), twin_of(&present));
        present.sort_by_cached_key(|key| Seed::new(3, 4).hash(key));
        for (name, keys) in [("hit", present), ("miss", keys(size, size as u64))] {
            let mut group = c.benchmark_group(format!("dict/get_{name}"));
            group.throughput(Throughput::Elements(BATCH as u64));
            let mut batches = keys.chunks_exact(BATCH).cycle();
            group.bench_function(BenchmarkId::new("dict", size), |b| {
                b.iter(|| {
                    for key in batches.next().expect("endless") {
                        black_box(dict.get(dict.hash(key), key));
                    }
                });
            });
            group.bench_function(BenchmarkId::new("dict_fetched_ahead", size), |b| {
                b.iter(|| {
                    let batch = batches.next().expect("endless");
                    let mut hashes = [0; BATCH];
                    for (hash, key) in hashes.iter_mut().zip(batch) {
                        *hash = dict.hash(key);
                        dict.prefetch_bucket(*hash);
                    }
                    hashes.iter().for_each(|&hash| dict.prefetch_item(hash));
                    for (&hash, key) in hashes.iter().zip(batch) {
                        black_box(dict.get(hash, key));
                    }
                });
            });
            group.bench_function(BenchmarkId::new("std", size), |b| {
                b.iter(|| {
                    for key in batches.next().expect("endless") {
                        black_box(twin.get(key.as_slice()));
                    }
                });
            });
        }
    }
}

fn bench_change(c: &mut Criterion) {
    for size in SIZES {
        let mut keys = keys(size, 0);
        let mut group = c.benchmark_group("dict/insert");
        group.sample_size(10).throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("dict", size), |b| {
            b.iter_with_large_drop(|| dict_of(&keys));
        });
        group.bench_function(BenchmarkId::new("std", size), |b| {
            b.iter_with_large_drop(|| twin_of(&keys));
        });
        group.finish();

        let mut group = c.benchmark_group("dict/remove");
        group.sample_size(10).throughput(Throughput::Elements(size as u64));
        let made = keys.clone();
        keys.sort_by_cached_key(|key| Seed::new(3, 4).hash(key));
        group.bench_function(BenchmarkId::new("dict", size), |b| {
            b.iter_batched(
                || dict_of(&made),
                |mut dict| {
                    keys.iter().for_each(|key| drop(dict.remove(dict.hash(key), key)));
                    dict
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_function(BenchmarkId::new("std", size), |b| {
            b.iter_batched(
                || twin_of(&made),
                |mut twin| {
                    keys.iter().for_each(|key| drop(twin.take(key.as_slice())));
                    twin
                },
                BatchSize::PerIteration,
            );
        });
    }
}

criterion_group!(benches, bench_get, bench_change);
criterion_main!(benches);
