//! Sorted set commands.

mod add;
mod bounds;
mod combine;
mod lookup;
mod pop;
mod random;
mod range;
mod remove;
mod scan;

use super::Command;
use crate::ds::listpack::Item;
use crate::keyspace::Held;
use crate::resp::{Reply, Resp};
use crate::server::KeysCtx;
use crate::types::{Collection, Limits, Zset, zset::Element};
use std::ops::Range;

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 8] = [
    add::COMMANDS,
    remove::COMMANDS,
    lookup::COMMANDS,
    range::COMMANDS,
    random::COMMANDS,
    pop::COMMANDS,
    combine::COMMANDS,
    scan::COMMANDS,
];

/// Answers a member.
fn reply_member(reply: &mut Reply<'_>, member: Item<'_>) {
    match member {
        Item::Int(n) => reply.bulk_int(n),
        Item::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// Answers a member and its score, side by side.
fn reply_pair(reply: &mut Reply<'_>, element: Element<'_>) {
    reply_member(reply, element.member);
    reply.double(element.score);
}

/// Answers elements, if asked with their scores: RESP3 makes a pair of each, RESP2 one array of
/// members and scores by turns.
fn reply_elements<'a>(
    reply: &mut Reply<'_>,
    elements: impl ExactSizeIterator<Item = Element<'a>>,
    with_scores: bool,
) {
    reply_elements_head(reply, elements.len(), with_scores);
    elements.for_each(|element| reply_element(reply, element, with_scores));
}

/// The head of such an answer of `len` elements, each of which follows by [`reply_element`].
fn reply_elements_head(reply: &mut Reply<'_>, len: usize, with_scores: bool) {
    let flat = with_scores && reply.resp() == Resp::V2;
    reply.array(if flat { 2 * len } else { len });
}

fn reply_element(reply: &mut Reply<'_>, element: Element<'_>, with_scores: bool) {
    if !with_scores {
        return reply_member(reply, element.member);
    }
    if reply.resp() == Resp::V3 {
        reply.array(2);
    }
    reply_pair(reply, element);
}

/// A sorted set of these elements, which come in order, in the encoding that suits it.
fn collect<'a>(
    limits: &Limits,
    elements: impl ExactSizeIterator<Item = Element<'a>> + Clone,
) -> Zset {
    let longest = elements.clone().map(|element| element.member.len()).max();
    let mut zset = Zset::with_hints(limits, elements.len(), longest.unwrap_or(0));
    let mut digits = itoa::Buffer::new();
    for element in elements {
        zset.insert(limits, element.member.bytes(&mut digits), element.score);
    }
    zset
}

/// Removes the elements of some ranks. Where these are all there are, the whole value is taken out,
/// to be given to [`discard`] once the change is told.
fn remove_ranks(zset: &mut Held<'_, Zset>, ranks: Range<usize>) -> Option<Zset> {
    if ranks.len() == zset.len() && zset.is_slow_to_free() {
        return Some(std::mem::take(&mut **zset));
    }
    zset.remove_range(ranks, |_| {});
    None
}

/// Has the freeing thread free what was taken out.
fn discard(c: &mut KeysCtx<'_>, rest: Option<Zset>) {
    if let Some(rest) = rest {
        c.db.keyspace().shared.discard(rest);
    }
}
