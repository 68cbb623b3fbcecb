//! A small sorted set: a listpack of members and scores in turn, in order, as Redis lays it out.
//!
//! A score is stored as the text that a reply has for it, which the listpack makes an integer where
//! it is one: `3` takes two bytes, `0.1` five. Negative zero loses its sign here, as in Redis.

use std::ops::Range;

use super::Element;
use crate::ds::listpack::{At, Item, Iter, Listpack};
use crate::stdx::num;
use crate::types::distinct::are_distinct;

/// Elements of the listpack that one of the set takes.
const PAIR: usize = 2;

/// Where a member is, and what follows it.
pub(super) struct Found {
    pub(super) at: At,
    pub(super) score: f64,
}

/// Where `member` is.
pub(super) fn find(pack: &Listpack, member: &[u8]) -> Option<Found> {
    let at = pack.find(member, pack.first()?, PAIR - 1)?;
    Some(Found { at, score: score_after(pack, at) })
}

/// Adds a member that is not there yet.
pub(super) fn insert(pack: &mut Listpack, member: &[u8], score: f64) {
    let text = num::f64_text(if score == 0.0 { 0.0 } else { score });
    match place(pack, member, score) {
        Some(at) => {
            let at = pack.insert_before(at, member);
            pack.insert_after(at, &text);
        }
        None => {
            pack.push_back(member);
            pack.push_back(&text);
        }
    }
}

/// The first member that comes after a new one.
fn place(pack: &Listpack, member: &[u8], score: f64) -> Option<At> {
    let mut digits = itoa::Buffer::new();
    let mut next = pack.first();
    while let Some(at) = next {
        let other = score_after(pack, at);
        if score < other || (score == other && member < pack.get(at).bytes(&mut digits)) {
            break;
        }
        next = pack.next(at).and_then(|at| pack.next(at));
    }
    next
}

/// Removes the member at `at` with its score.
pub(super) fn remove(pack: &mut Listpack, at: At) {
    pack.remove_range(at, PAIR);
}

/// Removes the elements of these ranks, which must be in range and not empty.
pub(super) fn remove_ranks(pack: &mut Listpack, ranks: &Range<usize>) {
    let first = pack.seek((PAIR * ranks.start) as isize).expect("the ranks are in range");
    pack.remove_range(first, PAIR * ranks.len());
}

/// The number of members.
pub(super) fn len(pack: &Listpack) -> usize {
    pack.len() / PAIR
}

/// Whether a listpack that came from outside is one that this module could have made: pairs whose
/// second half is a number, in order, and no member twice.
pub(super) fn is_sound(pack: &Listpack) -> bool {
    let mut former: Option<(f64, Item<'_>)> = None;
    let mut items = pack.iter();
    while let Some(member) = items.next() {
        let Some(score) = items.next().and_then(score_of) else { return false };
        if former.is_some_and(|it| it.0 > score || (it.0 == score && !is_before(it.1, member))) {
            return false;
        }
        former = Some((score, member));
    }
    former.is_some() && are_distinct(pack.iter().step_by(2))
}

/// Whether a member's text comes before another's.
fn is_before(a: Item<'_>, b: Item<'_>) -> bool {
    let (mut room_a, mut room_b) = (itoa::Buffer::new(), itoa::Buffer::new());
    a.bytes(&mut room_a) < b.bytes(&mut room_b)
}

fn score_after(pack: &Listpack, member: At) -> f64 {
    let at = pack.next(member).expect("a score follows each member");
    score_of(pack.get(at)).expect("a score is a number")
}

/// The score that an item says.
fn score_of(item: Item<'_>) -> Option<f64> {
    match item {
        Item::Int(int) => Some(int as f64),
        Item::Bytes(text) => num::parse_f64(text),
    }
}

/// The elements of a range of ranks. What lies before and after it is passed over when the first
/// element is asked for from that side.
#[derive(Debug, Clone)]
pub(super) struct Pairs<'a> {
    items: Iter<'a>,
    before: usize,
    left: usize,
    after: usize,
}

impl<'a> Pairs<'a> {
    pub(super) fn new(pack: &'a Listpack, ranks: Range<usize>) -> Self {
        let (before, after) = (ranks.start, len(pack) - ranks.end);
        Self { items: pack.iter(), before, left: ranks.len(), after }
    }
}

fn element<'a>(member: Item<'a>, score: Item<'a>) -> Element<'a> {
    Element { member, score: score_of(score).expect("a score is a number") }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        self.left = self.left.checked_sub(1)?;
        let skip = PAIR * std::mem::take(&mut self.before);
        let member = self.items.nth(skip)?;
        Some(element(member, self.items.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let skip = PAIR * std::mem::take(&mut self.after);
        let score = self.items.nth_back(skip)?;
        Some(element(self.items.next_back()?, score))
    }
}

impl ExactSizeIterator for Pairs<'_> {}
