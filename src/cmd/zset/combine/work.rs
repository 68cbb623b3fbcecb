//! The work itself. Results come in no order.
//!
//! A union, and a difference from large inputs, are gathered in a table by member, so that they
//! cost as much as there are members to look at. Members are lent by the inputs, never copied.

use super::inputs::Input;
use super::options::{Options, or_zero};
use crate::ds::listpack::Item;
use crate::stdx::hash::Seed;
use crate::types::zset::Element;
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::ControlFlow;

/// How elements of a sorted set follow one another: by score, then by the bytes of their members.
pub(super) fn order(one: &Element<'_>, other: &Element<'_>) -> Ordering {
    let by_score = one.score.partial_cmp(&other.score).expect("a score is a number");
    by_score.then_with(|| match (one.member, other.member) {
        (Item::Bytes(one), Item::Bytes(other)) => one.cmp(other),
        (one, other) => {
            let (mut digits, mut other_digits) = (itoa::Buffer::new(), itoa::Buffer::new());
            one.bytes(&mut digits).cmp(other.bytes(&mut other_digits))
        }
    })
}

/// The members of any input.
pub(super) fn union<'a>(inputs: &[Input<'a>], options: &Options, seed: Seed) -> Vec<Element<'a>> {
    let ordered = smallest_first(inputs, options);
    let aggregate = options.aggregate;
    let largest = ordered.last().map_or(0, |(input, _)| input.len());
    let mut scores = Table::with_capacity_and_hasher(largest, Seeded(seed));
    for (input, weight) in ordered {
        input.for_each(|Element { member, score }| {
            let score = or_zero(aggregate.weigh(score, weight));
            let merge = |sum: &mut f64| *sum = aggregate.merge(*sum, score);
            scores.entry(Text(member)).and_modify(merge).or_insert(score);
        });
    }
    elements(scores)
}

/// The members that all inputs have. As in Redis, infinity times zero counts as zero in the smallest
/// input, and in another one makes the sum zero.
pub(super) fn inter<'a>(inputs: &[Input<'a>], options: &Options) -> Vec<Element<'a>> {
    let ordered = smallest_first(inputs, options);
    let Some(((smallest, weight), others)) = ordered.split_first() else { return Vec::new() };
    let aggregate = options.aggregate;
    let mut found = Vec::new();
    let mut digits = itoa::Buffer::new();
    smallest.for_each(|Element { member, score }| {
        let text = member.bytes(&mut digits);
        let first = or_zero(aggregate.weigh(score, *weight));
        let sum = others.iter().try_fold(first, |sum, (input, weight)| {
            let score = input.score(text)?;
            Some(aggregate.merge(sum, aggregate.weigh(score, *weight)))
        });
        found.extend(sum.map(|score| Element { member, score }));
    });
    found
}

/// How many members all inputs have; no more than `limit` are counted.
pub(super) fn inter_len(inputs: &[Input<'_>], limit: usize) -> usize {
    let ordered = smallest_first(inputs, &Options::default());
    let Some(((smallest, _), others)) = ordered.split_first() else { return 0 };
    let mut found = 0;
    let mut digits = itoa::Buffer::new();
    smallest.visit(|element| {
        let text = element.member.bytes(&mut digits);
        found += usize::from(others.iter().all(|(input, _)| input.score(text).is_some()));
        if found == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}

/// The members of the first input that no other has: found by looking each up in the others, or by
/// taking the others' members away, whichever has less to look at.
pub(super) fn diff<'a>(inputs: &[Input<'a>], seed: Seed) -> Vec<Element<'a>> {
    let Some((first, others)) = inputs.split_first() else { return Vec::new() };
    // On the average a member is found when half of the others were asked.
    let lookups = first.len().saturating_mul(inputs.len()) / 2;
    let removals = inputs.iter().map(|input| input.len()).sum();
    if lookups <= removals {
        diff_by_lookup(*first, others)
    } else {
        diff_by_removal(*first, others, seed)
    }
}

fn diff_by_lookup<'a>(first: Input<'a>, others: &[Input<'a>]) -> Vec<Element<'a>> {
    let mut others: SmallVec<[Input<'a>; 8]> = others.into();
    // The largest is the likeliest to have a member.
    others.sort_by_key(|input| std::cmp::Reverse(input.len()));
    let mut left = Vec::new();
    let mut digits = itoa::Buffer::new();
    first.for_each(|element| {
        let text = element.member.bytes(&mut digits);
        if others.iter().all(|input| input.score(text).is_none()) {
            left.push(element);
        }
    });
    left
}

fn diff_by_removal<'a>(first: Input<'a>, others: &[Input<'a>], seed: Seed) -> Vec<Element<'a>> {
    let mut left = Table::with_capacity_and_hasher(first.len(), Seeded(seed));
    first.for_each(|Element { member, score }| {
        left.insert(Text(member), score);
    });
    for other in others {
        other.visit(|element| {
            left.remove(&Text(element.member));
            if left.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
    elements(left)
}

/// Each input with its weight, the smallest first. Redis merges in this order too, on which the
/// last digit of a sum may depend.
fn smallest_first<'a>(inputs: &[Input<'a>], options: &Options) -> SmallVec<[(Input<'a>, f64); 8]> {
    let weighted = inputs.iter().enumerate().map(|(at, input)| (*input, options.weight(at)));
    let mut weighted: SmallVec<[_; 8]> = weighted.collect();
    weighted.sort_by_key(|(input, _)| input.len());
    weighted
}

/// Scores by member.
type Table<'a> = HashMap<Text<'a>, f64, Seeded>;

fn elements(table: Table<'_>) -> Vec<Element<'_>> {
    table.into_iter().map(|(Text(member), score)| Element { member, score }).collect()
}

/// A member as its text: some encodings hold it as an integer, others as bytes.
#[derive(Debug, Clone, Copy)]
struct Text<'a>(Item<'a>);

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Item::Int(one), Item::Int(other)) => one == other,
            (item, Item::Bytes(text)) | (Item::Bytes(text), item) => item.equals(text),
        }
    }
}

impl Eq for Text<'_> {}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.bytes(&mut itoa::Buffer::new()));
    }
}

/// Hashes as dicts do: clients choose members.
#[derive(Debug, Clone, Copy)]
struct Seeded(Seed);

/// The hash of the one piece of text that a [`Text`] writes.
#[derive(Debug)]
struct OfText {
    seed: Seed,
    hash: u64,
}

impl BuildHasher for Seeded {
    type Hasher = OfText;

    fn build_hasher(&self) -> OfText {
        OfText { seed: self.0, hash: 0 }
    }
}

impl Hasher for OfText {
    fn write(&mut self, text: &[u8]) {
        self.hash = self.seed.hash(text);
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}
