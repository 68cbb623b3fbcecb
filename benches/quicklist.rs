//! `ds::quicklist` beside a `VecDeque<Box<[u8]>>`: elements of ten bytes in nodes of
//! 8 KB.

use std::collections::VecDeque;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use larder::ds::listpack::Item;
use larder::ds::quicklist::{Limits, Quicklist};

#[global_allocator]
static ALLOCATOR: larder::stdx::alloc::Jemalloc = larder::stdx::alloc::Jemalloc;

const ELEMENT: &[u8] = b"0123456789";
const LIMITS: Limits = Limits::new(-2);
const MANY: usize = 1 << 20;

fn list(len: usize) -> Quicklist {
    let mut list = Quicklist::new(0);
    (0..len).for_each(|_| list.push_back(ELEMENT, LIMITS));
    list
}

fn twin(len: usize) -> VecDeque<Box<[u8]>> {
    std::iter::repeat_n(ELEMENT.into(), len).collect()
}

fn pushes(c: &mut Criterion) {
    let mut group = c.benchmark_group("quicklist/push");
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("front", |b| {
        b.iter_batched_ref(
            Quicklist::default,
            |list| (0..10_000).for_each(|_| list.push_front(black_box(ELEMENT), LIMITS)),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("back", |b| {
        b.iter_batched_ref(
            Quicklist::default,
            |list| (0..10_000).for_each(|_| list.push_back(black_box(ELEMENT), LIMITS)),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("twin", |b| {
        b.iter_batched_ref(
            VecDeque::<Box<[u8]>>::new,
            |twin| (0..10_000).for_each(|_| twin.push_front(black_box(ELEMENT).into())),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn pops(c: &mut Criterion) {
    let mut group = c.benchmark_group("quicklist/pop_front");
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("quicklist", |b| {
        b.iter_batched_ref(
            || list(10_000),
            |list| while list.pop_front(|item| black_box(item.len())).is_some() {},
            BatchSize::LargeInput,
        );
    });
    group.bench_function("twin", |b| {
        b.iter_batched_ref(
            || twin(10_000),
            |twin| while twin.pop_front().is_some_and(|e| black_box(e.len()) > 0) {},
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn first_byte(item: Item<'_>) -> u64 {
    match item {
        Item::Bytes(bytes) => u64::from(bytes[0]),
        Item::Int(n) => n as u64,
    }
}

fn ranges(c: &mut Criterion) {
    let (list, twin) = (list(MANY), twin(MANY));
    let mut group = c.benchmark_group("quicklist/range");
    for len in [100_usize, 600] {
        group.throughput(Throughput::Elements(len as u64));
        group.bench_function(BenchmarkId::new("quicklist", len), |b| {
            b.iter(|| {
                let mut sum = 0;
                list.for_each(0..black_box(len), |item| sum += first_byte(item));
                sum
            });
        });
        group.bench_function(BenchmarkId::new("twin", len), |b| {
            b.iter(|| twin.range(0..black_box(len)).map(|e| u64::from(e[0])).sum::<u64>());
        });
    }
    group.finish();
}

fn middles(c: &mut Criterion) {
    let mut group = c.benchmark_group("quicklist/middle");
    let mut list = list(MANY);
    group.bench_function("get", |b| b.iter(|| list.get(black_box(MANY / 2), first_byte)));
    group.bench_function("insert", |b| {
        b.iter(|| list.insert(black_box(MANY / 2), ELEMENT, LIMITS));
    });
    group.finish();
}

criterion_group!(benches, pushes, pops, ranges, middles);
criterion_main!(benches);
