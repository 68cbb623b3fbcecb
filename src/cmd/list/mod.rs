//! List commands.

mod edit;
mod mpop;
mod pop;
mod push;
mod read;
mod search;
mod shift;
mod shift_many;

use super::args;
use super::{Block, Command, Denied};
use crate::ds::listpack::Item;
use crate::keyspace::{Db, Event, Held};
use crate::resp::{CmdError, Reply};
use crate::spec::{Arg, arg};
use crate::types::{Collection, End, Limits, List, Type};
use std::ops::{ControlFlow, Range};

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 8] = [
    push::COMMANDS,
    pop::COMMANDS,
    mpop::COMMANDS,
    read::COMMANDS,
    search::COMMANDS,
    edit::COMMANDS,
    shift::COMMANDS,
    shift_many::COMMANDS,
];

const ENDS: &[Arg] = &[arg::token("left", "LEFT"), arg::token("right", "RIGHT")];

/// The event of an addition at this end.
fn pushed(end: End) -> Event {
    match end {
        End::Left => Event::list("lpush"),
        End::Right => Event::list("rpush"),
    }
}

/// The event of a removal at this end.
fn popped(end: End) -> Event {
    match end {
        End::Left => Event::list("lpop"),
        End::Right => Event::list("rpop"),
    }
}

/// The command that removes at this end.
fn pop_name(end: End) -> &'static [u8] {
    match end {
        End::Left => b"LPOP",
        End::Right => b"RPOP",
    }
}

/// `LEFT` or `RIGHT`.
fn end(arg: &[u8]) -> Result<End, CmdError> {
    if args::is(arg, "LEFT") {
        Ok(End::Left)
    } else if args::is(arg, "RIGHT") {
        Ok(End::Right)
    } else {
        Err(CmdError::Syntax)
    }
}

/// Answers an element.
#[inline]
fn bulk(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Int(n) => reply.bulk_int(n),
    }
}

/// The elements that `start` and `stop` select of `len`: both count from the tail where they are
/// negative, and `stop` is one of them.
fn span(start: i64, stop: i64, len: usize) -> Range<usize> {
    let from_head = |index: i64| if index < 0 { index.saturating_add(len as i64) } else { index };
    let start = from_head(start).max(0) as usize;
    let stop = from_head(stop).saturating_add(1).clamp(0, len as i64) as usize;
    if start < stop { start..stop } else { 0..0 }
}

/// The element that `index`, which counts from the tail where it is negative, selects of `len`.
fn nth(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(len as i64)? } else { index };
    usize::try_from(index).ok().filter(|index| *index < len)
}

/// A number whose sign says from which end, so that its opposite must be one too.
fn opposable(n: i64) -> Result<i64, CmdError> {
    let refused = CmdError::Msg(
        "value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    n.checked_neg().map(|_| n).ok_or(refused)
}

/// Shows `count` elements, the one at `end` first, all of which there must be.
fn show_from(list: &List, end: End, count: usize, mut show: impl FnMut(Item<'_>)) {
    if end == End::Left {
        return list.for_each(0..count, show);
    }
    let mut left = count;
    let _ = list.walk(end, |item| {
        if left == 0 {
            return ControlFlow::Break(());
        }
        left -= 1;
        show(item);
        ControlFlow::Continue(())
    });
}

/// Removes `count` elements at `end`, at least one of which there must be. What takes long to free
/// comes back, to be discarded.
#[must_use]
fn remove_from(mut list: Held<'_, List>, end: End, count: usize, limits: &Limits) -> Option<List> {
    let range = match end {
        End::Left => 0..count,
        End::Right => list.len() - count..list.len(),
    };
    let removed = list.remove_range(range, limits);
    list.done_times(popped(end), count as u64);
    removed
}

/// Lets what was removed be freed on another thread, if it takes long.
fn discard(db: &mut Db<'_>, removed: Option<List>) {
    if let Some(removed) = removed {
        db.keyspace().shared.discard(removed);
    }
}

/// The wait for one of these keys to become a list of `at_least` elements.
fn wait(keys: Range<usize>, at_least: usize, deadline_ms: Option<u64>, denied: Denied) -> Block {
    Block::filled(keys, Type::List, at_least, deadline_ms, denied)
}
