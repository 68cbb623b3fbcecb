//! Loaders of lists.

use super::Source;
use crate::ds::quicklist::Quicklist;
use crate::persist::rdb::decode::Corrupt;
use crate::persist::rdb::object::container;
use crate::types::{End, List};

/// Each element a string.
pub(super) fn strings(source: &mut Source<'_, '_>) -> Result<List, Corrupt> {
    let mut list = List::default();
    for _ in 0..source.count(1)? {
        let element = source.text()?;
        list.extend(End::Right, std::iter::once(&*element), source.limits);
    }
    Ok(list)
}

/// One ziplist.
pub(super) fn ziplist(source: &mut Source<'_, '_>) -> Result<List, Corrupt> {
    let mut list = empty(source);
    list.append_listpack(source.ziplist()?);
    Ok(from_nodes(list, source))
}

/// Ziplists, each a node.
pub(super) fn ziplists(source: &mut Source<'_, '_>) -> Result<List, Corrupt> {
    let mut list = empty(source);
    for _ in 0..source.count(1)? {
        list.append_listpack(source.ziplist()?);
    }
    Ok(from_nodes(list, source))
}

/// Listpacks, and big elements by themselves, each a node.
pub(super) fn nodes(source: &mut Source<'_, '_>) -> Result<List, Corrupt> {
    let mut list = empty(source);
    for _ in 0..source.count(2)? {
        match source.input.length()? {
            container::PLAIN => list.append_plain(big_element(source)?),
            container::PACKED => list.append_listpack(source.listpack()?),
            _ => return Err(source.corrupt("unknown container of a list's node")),
        }
    }
    Ok(from_nodes(list, source))
}

/// An element that stands by itself, for which it has to be there.
fn big_element(source: &mut Source<'_, '_>) -> Result<Box<[u8]>, Corrupt> {
    let element = source.text()?;
    if element.is_empty() {
        return Err(source.corrupt("a node without bytes"));
    }
    Ok(element.into())
}

fn empty(source: &Source<'_, '_>) -> Quicklist {
    Quicklist::new(source.limits.list_compress_depth)
}

/// The list of these nodes, now that all are there.
fn from_nodes(mut list: Quicklist, source: &Source<'_, '_>) -> List {
    list.compress();
    List::from_quicklist(list, source.limits)
}
