//! Whether a foreign listpack is a node.

use super::{DELETED, HEAD, SAME_FIELDS};
use crate::ds::idmap::Id;
use crate::ds::listpack::{Iter, Listpack};

/// Whether a listpack is a node of this master id.
pub(super) fn is_sound(pack: &Listpack, master: Id) -> bool {
    let mut elements = pack.iter();
    let checked = check(&mut elements, pack.len(), master);
    checked.is_some() && elements.next().is_none()
}

fn check(elements: &mut Iter<'_>, len: usize, master: Id) -> Option<()> {
    let live = count(elements, len)?;
    let deleted = count(elements, len)?;
    let fields = count(elements, len)?;
    pass(elements, fields)?;
    if number(elements)? != 0 {
        return None;
    }
    let (mut last, mut marked) = (None, 0);
    for _ in 0..live.checked_add(deleted)? {
        let (id, is_deleted) = entry(elements, len, fields, master)?;
        marked += usize::from(is_deleted);
        if last >= Some(id) || id < master {
            return None;
        }
        last = Some(id);
    }
    (marked == deleted).then_some(())
}

/// Passes over an entry: its id, and whether it is deleted.
fn entry(elements: &mut Iter<'_>, len: usize, fields: usize, master: Id) -> Option<(Id, bool)> {
    let flags = number(elements)?;
    if flags & !(DELETED | SAME_FIELDS) != 0 {
        return None;
    }
    let (ms, seq) = (number(elements)? as u64, number(elements)? as u64);
    let body = if flags & SAME_FIELDS != 0 {
        fields
    } else {
        let own = count(elements, len)?;
        pass(elements, 2 * own)?;
        2 * own + 1
    };
    if flags & SAME_FIELDS != 0 {
        pass(elements, fields)?;
    }
    let back = count(elements, len)?;
    let id = Id::new(master.ms.wrapping_add(ms), master.seq.wrapping_add(seq));
    (back == HEAD + body).then_some((id, flags & DELETED != 0))
}

fn number(elements: &mut Iter<'_>) -> Option<i64> {
    elements.next()?.int()
}

/// A number of things, of which there are no more than elements.
fn count(elements: &mut Iter<'_>, len: usize) -> Option<usize> {
    usize::try_from(number(elements)?).ok().filter(|count| *count <= len)
}

fn pass(elements: &mut Iter<'_>, count: usize) -> Option<()> {
    let mut passed = elements.take(count);
    let there = passed.by_ref().count();
    (there == count).then_some(())
}
