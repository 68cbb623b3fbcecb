//! `Entry` and `Sds` beside what plain Rust would use: a boxed struct and a vector.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use larder::ds::entry::{Entry, NewValue, ValueRef};
use larder::ds::sds::Sds;

#[global_allocator]
static ALLOCATOR: larder::stdx::alloc::Jemalloc = larder::stdx::alloc::Jemalloc;

/// More entries than the processor's caches hold.
const MANY: usize = 1 << 20;

/// The twin: three allocations for what an entry has in one.
struct Twin {
    key: Box<[u8]>,
    value: Box<[u8]>,
    deadline: Option<u64>,
}

impl Twin {
    fn new(key: &[u8], value: &[u8]) -> Box<Self> {
        Box::new(Self { key: key.into(), value: value.into(), deadline: None })
    }
}

fn key(n: usize) -> Vec<u8> {
    format!("key:{n:012}").into_bytes()
}

fn entry(key: &[u8], value: &[u8]) -> Entry<Sds> {
    Entry::new(key, NewValue::Inline(value), None)
}

fn first_byte(entry: &Entry<Sds>) -> u8 {
    match entry.value() {
        ValueRef::Int(int) => int as u8,
        ValueRef::Inline(bytes) => bytes[0],
        ValueRef::Other(sds) => sds[0],
    }
}

/// Numbers below `MANY` that lie far apart, in no order that a prefetcher guesses.
fn scattered(n: usize) -> usize {
    n.wrapping_mul(0x9e37_79b1) % MANY
}

fn entry_making(c: &mut Criterion) {
    let mut group = c.benchmark_group("entry/new_and_drop");
    for len in [16, 64] {
        let (key, value) = (key(1), vec![b'v'; len]);
        group.bench_function(BenchmarkId::new("entry", len), |b| {
            b.iter(|| entry(black_box(&key), black_box(&value)));
        });
        group.bench_function(BenchmarkId::new("twin", len), |b| {
            b.iter(|| Twin::new(black_box(&key), black_box(&value)));
        });
    }
}

/// Where a walk goes on depends on what it read, as a server finds the next thing to do only after
/// the last: the loads of one step cannot run beside those of the next.
fn entry_reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("entry/key_deadline_value");
    for (name, count) in [("cached", 64), ("scattered", MANY)] {
        // Longer values among short ones, so that the layouts differ from one to the next.
        let value = |n: usize| vec![b'v'; if n.is_multiple_of(3) { 300 } else { 16 }];
        let entries: Vec<_> = (0..count).map(|n| entry(&key(n), &value(n))).collect();
        group.bench_function(BenchmarkId::new("entry", name), |b| {
            let mut turn = 0;
            b.iter(|| {
                let entry = &entries[scattered(turn) % count];
                turn += usize::from(entry.key()[15]) + usize::from(first_byte(entry));
                turn += usize::from(entry.deadline().is_some());
            });
        });
        drop(entries);
        let twins: Vec<_> = (0..count).map(|n| Twin::new(&key(n), &value(n))).collect();
        group.bench_function(BenchmarkId::new("twin", name), |b| {
            let mut turn = 0;
            b.iter(|| {
                let twin = &twins[scattered(turn) % count];
                turn += usize::from(twin.key[15]) + usize::from(twin.value[0]);
                turn += usize::from(twin.deadline.is_some());
            });
        });
    }
}

fn entry_setting(c: &mut Criterion) {
    let mut group = c.benchmark_group("entry/set");
    let mut stored = entry(&key(1), b"value of 16 byte");
    group.bench_function("entry/same_class", |b| {
        b.iter(|| stored.set(NewValue::Inline(black_box(b"other 16 bytes..")), None));
    });
    let mut turn = 0;
    group.bench_function("entry/other_class", |b| {
        b.iter(|| {
            turn += 1;
            let value: &[u8] = if turn % 2 == 0 { &[1; 60] } else { &[2; 16] };
            stored.set(NewValue::Inline(black_box(value)), None)
        });
    });
    group.bench_function("entry/int", |b| {
        b.iter(|| {
            turn += 1;
            stored.set_value(NewValue::Int(black_box(turn)))
        });
    });
    let mut twin = Twin::new(&key(1), b"value of 16 byte");
    group.bench_function("twin", |b| {
        b.iter(|| twin.value = black_box(b"other 16 bytes..").as_slice().into());
    });
}

fn sds_making(c: &mut Criterion) {
    let mut group = c.benchmark_group("sds/from_slice");
    for len in [20, 2000, 200_000] {
        let bytes = vec![b's'; len];
        group.bench_function(BenchmarkId::new("sds", len), |b| {
            b.iter(|| Sds::from_slice(black_box(&bytes)));
        });
        group.bench_function(BenchmarkId::new("vec", len), |b| {
            b.iter(|| black_box(&bytes).clone());
        });
    }
}

fn sds_appending(c: &mut Criterion) {
    let mut group = c.benchmark_group("sds/append_10_bytes_1000_times");
    group.bench_function("sds", |b| {
        b.iter(|| {
            let mut sds = Sds::new();
            (0..1000).for_each(|_| sds.push_slice(black_box(b"ten bytes.")));
            sds
        });
    });
    group.bench_function("vec", |b| {
        b.iter(|| {
            let mut vec = Vec::new();
            (0..1000).for_each(|_| vec.extend_from_slice(black_box(b"ten bytes.")));
            vec
        });
    });
}

fn sds_reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("sds/len_and_last");
    let lens: Vec<usize> = (0..64).map(|n| [20, 3000, 70_000][scattered(n) % 3]).collect();
    let strings: Vec<_> = lens.iter().map(|&len| Sds::from_slice(&vec![b's'; len])).collect();
    group.bench_function("sds", |b| {
        let mut turn = strings.iter().cycle();
        b.iter(|| turn.next().expect("it is endless").last().copied());
    });
    let vectors: Vec<_> = lens.iter().map(|&len| Box::new(vec![b's'; len])).collect();
    group.bench_function("boxed_vec", |b| {
        let mut turn = vectors.iter().cycle();
        b.iter(|| turn.next().expect("it is endless").last().copied());
    });
}

fn sds_zeroes(c: &mut Criterion) {
    let mut group = c.benchmark_group("sds/resize_to_500_mb");
    group.sample_size(10);
    group.bench_function("sds", |b| {
        b.iter_batched(
            Sds::new,
            |mut sds| {
                sds.resize(500_000_000);
                sds
            },
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(
    benches,
    entry_making,
    entry_reading,
    entry_setting,
    sds_making,
    sds_appending,
    sds_reading,
    sds_zeroes
);
criterion_main!(benches);
