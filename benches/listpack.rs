//! `Listpack` beside what plain Rust would use: a vector of vectors.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use larder::ds::listpack::Listpack;

#[global_allocator]
static ALLOCATOR: larder::stdx::alloc::Jemalloc = larder::stdx::alloc::Jemalloc;

/// Elements of a hash of fifty fields: names and values by turns, every other value a number.
fn elements() -> Vec<Vec<u8>> {
    let value = |n: usize| match n % 2 {
        0 => n.to_string(),
        _ => format!("value-of-field-{n:08}"),
    };
    (0..50).flat_map(|n| [format!("field:{n:04}"), value(n)]).map(String::into_bytes).collect()
}

fn packed(elements: &[Vec<u8>]) -> Listpack {
    let mut listpack = Listpack::new();
    elements.iter().for_each(|element| listpack.push_back(element));
    listpack
}

fn building(c: &mut Criterion) {
    let elements = elements();
    let mut group = c.benchmark_group("listpack/push_back 100");
    group.bench_function("listpack", |b| b.iter(|| packed(black_box(&elements))));
    group.bench_function("twin", |b| b.iter(|| black_box(&elements).clone()));
}

fn finding(c: &mut Criterion) {
    let twin = elements();
    let listpack = packed(&twin);
    let wanted = black_box(b"field:0040");
    let mut group = c.benchmark_group("listpack/find the 41st field");
    group.bench_function("listpack", |b| {
        b.iter(|| listpack.find(wanted, listpack.first()?, 1));
    });
    group.bench_function("twin", |b| {
        b.iter(|| twin.chunks(2).position(|field| field[0] == wanted));
    });
}

fn reading(c: &mut Criterion) {
    let twin = elements();
    let listpack = packed(&twin);
    let mut group = c.benchmark_group("listpack/read 100");
    group.bench_function("listpack", |b| {
        b.iter(|| listpack.iter().map(|item| item.len()).sum::<usize>());
    });
    group.bench_function("twin", |b| b.iter(|| twin.iter().map(Vec::len).sum::<usize>()));
}

fn replacing(c: &mut Criterion) {
    let twin = elements();
    let listpack = packed(&twin);
    let mut group = c.benchmark_group("listpack/replace the 20th by a longer one");
    group.bench_function("listpack", |b| {
        let replace = |mut listpack: Listpack| {
            let at = listpack.seek(19).expect("there are a hundred");
            listpack.replace(at, b"a value that is longer than the other");
            listpack
        };
        b.iter_batched(|| listpack.clone(), replace, BatchSize::SmallInput);
    });
    group.bench_function("twin", |b| {
        let replace = |mut twin: Vec<Vec<u8>>| {
            twin[19] = b"a value that is longer than the other".to_vec();
            twin
        };
        b.iter_batched(|| twin.clone(), replace, BatchSize::SmallInput);
    });
}

criterion_group!(benches, building, finding, reading, replacing);
criterion_main!(benches);
