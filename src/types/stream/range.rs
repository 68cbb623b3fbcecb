//! The entries of a range of ids, in either direction.

use super::Id;
use crate::ds::idmap::{IdMap, Iter};
use crate::ds::streamnode::{Entries, EntryRef, StreamNode};

/// Entries in the order of their ids.
#[derive(Clone, Debug)]
pub struct Forward<'a> {
    nodes: Iter<'a, StreamNode>,
    /// The entries of the node that is being read.
    entries: Option<Entries<'a>>,
    to: Id,
}

/// Entries in the opposite order.
#[derive(Clone, Debug)]
pub struct Backward<'a> {
    nodes: Iter<'a, StreamNode>,
    entries: Option<Entries<'a>>,
    from: Id,
    to: Id,
}

/// The nodes that may hold entries of these ids.
fn nodes(nodes: &IdMap<StreamNode>, from: Id, to: Id) -> Iter<'_, StreamNode> {
    let first = nodes.floor(from).map_or(from, |(master, _)| *master);
    nodes.range(first..=to)
}

impl<'a> Forward<'a> {
    pub(super) fn new(all: &'a IdMap<StreamNode>, from: Id, to: Id) -> Self {
        let mut nodes = nodes(all, from, to);
        let first = nodes.next();
        let entries = first.map(|(master, node)| node.entries(*master).from_id(from));
        Self { nodes, entries, to }
    }
}

impl<'a> Iterator for Forward<'a> {
    type Item = EntryRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<EntryRef<'a>> {
        loop {
            if let Some(entry) = self.entries.as_mut()?.next() {
                return (entry.id <= self.to).then_some(entry);
            }
            self.entries = self.nodes.next().map(|(master, node)| node.entries(*master));
        }
    }
}

impl<'a> Backward<'a> {
    pub(super) fn new(all: &'a IdMap<StreamNode>, from: Id, to: Id) -> Self {
        let mut nodes = nodes(all, from, to);
        let last = nodes.next_back();
        let entries = last.map(|(master, node)| node.entries(*master));
        Self { nodes, entries, from, to }
    }
}

impl<'a> Iterator for Backward<'a> {
    type Item = EntryRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<EntryRef<'a>> {
        loop {
            match self.entries.as_mut()?.next_back() {
                Some(entry) if entry.id > self.to => {}
                Some(entry) => return (entry.id >= self.from).then_some(entry),
                None => {
                    let before = self.nodes.next_back();
                    self.entries = before.map(|(master, node)| node.entries(*master));
                }
            }
        }
    }
}
