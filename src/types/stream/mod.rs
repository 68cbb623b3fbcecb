//! Streams: entries of fields and values under ascending ids, in [nodes](StreamNode), and groups of
//! consumers that share the reading.
//!
//! A stream without entries is a value like any other: it knows its last id and its groups.

mod age;
mod group;
mod idempotence;
mod progress;
mod range;
mod references;
#[cfg(test)]
mod tests;
mod trim;

use std::collections::BTreeMap;

use super::value::Log;
use super::{Collection, Limits, Type, Value};
use crate::ds::handle::Any;
use crate::ds::idmap::IdMap;
use crate::ds::streamnode::StreamNode;
use crate::stdx::alloc::Mover;

pub use crate::ds::idmap::Id;
pub use crate::ds::streamnode::EntryRef;
use group::FEW_PARTS;
pub use group::{Consumer, ConsumerId, Delivery, Group, Idle, Pending};
pub use idempotence::{Idempotence, Memory, Producer};
pub use range::{Backward, Forward};
pub use references::{References, Removal};
pub use trim::{Trim, TrimBy};

/// Bytes of a node at most, whatever the configuration says.
const NODE_MAX: usize = 1 << 30;

/// Entries under ascending ids; see the module.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    nodes: IdMap<StreamNode>,
    /// Bytes of all nodes' allocations.
    node_bytes: usize,
    facts: Facts,
    groups: BTreeMap<Box<[u8]>, Group>,
    /// What is known of its producers, if any has named what it adds.
    idempotence: Option<Box<Idempotence>>,
}

/// What is known of a stream beside what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Entries that are there.
    pub len: u64,
    /// The id of the first of them; 0-0 if there is none.
    pub first_id: Id,
    /// The highest id that an entry ever had, or that was given to the stream.
    pub last_id: Id,
    /// The highest id of an entry that was deleted by name.
    pub max_deleted_id: Id,
    /// Entries that were ever added.
    pub entries_added: u64,
}

/// The id that an entry is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// `*`: the time, if that is above the last id, else the one after that.
    Auto,
    /// `ms-*`: the first that is free in these milliseconds.
    AutoSeq(u64),
    /// This one.
    Given(Id),
}

/// Why an entry cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddError {
    /// The id is not above the last one.
    IdTooLow,
    /// There is no id above the last one.
    Exhausted,
}

impl Stream {
    /// A stream of what came from elsewhere: nodes whose ids ascend, and facts, of which the number of
    /// entries and the first id are found out here.
    pub fn from_nodes(nodes: IdMap<StreamNode>, facts: Facts) -> Self {
        let node_bytes = nodes.iter().map(|(_, node)| node.as_listpack().alloc_size()).sum();
        let len = nodes.iter().map(|(_, node)| node.live() as u64).sum();
        let facts = Facts { len, ..facts };
        let mut stream =
            Self { nodes, node_bytes, facts, groups: BTreeMap::new(), idempotence: None };
        stream.find_first();
        stream
    }

    /// As [`Value::relocate_from`]: the nodes. What is known of groups and producers stays where it is.
    pub(super) fn relocate_from(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        self.nodes.relocate_from(cursor, mover, StreamNode::relocate)
    }

    /// The id that a new entry gets.
    ///
    /// # Errors
    /// It would not be above the last one.
    pub fn next_id(&self, wanted: NewId, now_ms: u64) -> Result<Id, AddError> {
        let last = self.facts.last_id;
        match wanted {
            NewId::Auto if now_ms > last.ms => Ok(Id::new(now_ms, 0)),
            NewId::Auto => last.next().ok_or(AddError::Exhausted),
            _ if last == Id::MAX => Err(AddError::Exhausted),
            NewId::AutoSeq(ms) if ms > last.ms => Ok(Id::new(ms, 0)),
            NewId::AutoSeq(ms) if ms == last.ms && last.seq < u64::MAX => {
                Ok(Id::new(ms, last.seq + 1))
            }
            NewId::Given(id) if id > last => Ok(id),
            NewId::AutoSeq(_) | NewId::Given(_) => Err(AddError::IdTooLow),
        }
    }

    /// Adds an entry of these fields and values, by turns, under an id that [`Stream::next_id`] gave.
    pub fn append<'w>(
        &mut self,
        id: Id,
        words: impl ExactSizeIterator<Item = &'w [u8]> + Clone,
        limits: &Limits,
    ) {
        debug_assert!(id > self.facts.last_id, "ids ascend");
        let bytes: usize = words.clone().map(<[u8]>::len).sum();
        let room = self.nodes.last_mut().filter(|(_, node)| has_room(node, bytes, limits));
        match room {
            Some((master, node)) => {
                let before = node.as_listpack().alloc_size();
                node.append(master, id, words);
                self.node_bytes += node.as_listpack().alloc_size();
                self.node_bytes -= before;
            }
            None => {
                self.close_last();
                let mut node = StreamNode::new(words.clone());
                node.append(id, id, words);
                self.node_bytes += node.as_listpack().alloc_size();
                self.nodes.insert(id, node);
            }
        }
        let facts = &mut self.facts;
        if facts.len == 0 {
            facts.first_id = id;
        }
        facts.len += 1;
        facts.entries_added += 1;
        facts.last_id = id;
    }

    /// Nothing more is appended to the last node.
    fn close_last(&mut self) {
        if let Some((_, node)) = self.nodes.last_mut() {
            self.node_bytes -= node.as_listpack().alloc_size();
            node.shrink_to_fit();
            self.node_bytes += node.as_listpack().alloc_size();
        }
    }

    /// Deletes an entry; whether it was there.
    pub fn remove(&mut self, id: Id) -> bool {
        let Some((master, node)) = self.nodes.floor_mut(id) else { return false };
        let Some(at) = node.find(master, id).map(|entry| entry.at) else { return false };
        if node.live() == 1 {
            self.node_bytes -= node.as_listpack().alloc_size();
            self.nodes.remove(master);
        } else {
            let before = node.as_listpack().alloc_size();
            node.delete(at);
            self.node_bytes = self.node_bytes - before + node.as_listpack().alloc_size();
        }
        self.facts.len -= 1;
        self.facts.max_deleted_id = self.facts.max_deleted_id.max(id);
        if id == self.facts.first_id {
            self.find_first();
        }
        true
    }

    /// Finds out the first entry's id anew.
    fn find_first(&mut self) {
        let first = self.range(Id::MIN, Id::MAX).next();
        self.facts.first_id = first.map_or(Id::MIN, |entry| entry.id);
    }

    /// The entries from one id to another, ascending.
    #[inline]
    pub fn range(&self, from: Id, to: Id) -> Forward<'_> {
        Forward::new(&self.nodes, from, to)
    }

    /// The same, descending.
    pub fn range_back(&self, from: Id, to: Id) -> Backward<'_> {
        Backward::new(&self.nodes, from, to)
    }

    /// The entry with this id.
    pub fn get(&self, id: Id) -> Option<EntryRef<'_>> {
        find(&self.nodes, id)
    }

    /// What is known of it.
    #[inline]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Sets its last id, and what else is given.
    pub fn set_facts(&mut self, last_id: Id, added: Option<u64>, max_deleted_id: Option<Id>) {
        let facts = &mut self.facts;
        facts.last_id = last_id;
        facts.entries_added = added.unwrap_or(facts.entries_added);
        facts.max_deleted_id = max_deleted_id.unwrap_or(facts.max_deleted_id);
    }

    /// What is known of its producers.
    pub fn idempotence(&self) -> Option<&Idempotence> {
        self.idempotence.as_deref()
    }

    /// The same, to be changed; nothing, to be remembered as is usual, if there was none.
    pub fn idempotence_mut(&mut self, usual: Memory) -> &mut Idempotence {
        self.idempotence.get_or_insert_with(|| Box::new(Idempotence::new(usual)))
    }

    /// Sets what is known of its producers.
    pub fn set_idempotence(&mut self, known: Idempotence) {
        self.idempotence = Some(Box::new(known));
    }

    /// Its nodes, each under the id of its first entry.
    pub fn nodes(&self) -> &IdMap<StreamNode> {
        &self.nodes
    }

    /// Its groups, by name.
    pub fn groups(&self) -> &BTreeMap<Box<[u8]>, Group> {
        &self.groups
    }

    /// The group of this name.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    /// The group of this name, to be changed.
    pub fn group_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.groups.get_mut(name)
    }

    /// Puts a group under a name that is free; whether it was.
    pub fn add_group(&mut self, name: &[u8], group: Group) -> bool {
        let free = !self.groups.contains_key(name);
        if free {
            self.groups.insert(name.into(), group);
        }
        free
    }

    /// Takes a group out.
    pub fn remove_group(&mut self, name: &[u8]) -> Option<Group> {
        self.groups.remove(name)
    }
}

/// The entry with this id among nodes.
fn find(nodes: &IdMap<StreamNode>, id: Id) -> Option<EntryRef<'_>> {
    let (master, node) = nodes.floor(id)?;
    node.find(*master, id)
}

/// Whether a node takes another entry of so many bytes.
fn has_room(node: &StreamNode, bytes: usize, limits: &Limits) -> bool {
    let bytes_max = match limits.stream_node_max_bytes {
        0 => NODE_MAX,
        max => max.min(NODE_MAX),
    };
    let entries_max = limits.stream_node_max_entries;
    node.as_listpack().byte_len() + bytes < bytes_max
        && (entries_max == 0 || node.live() + node.deleted() < entries_max)
}

impl Collection for Stream {
    const TYPE: Type = Type::Stream;

    #[inline]
    fn of(value: &Value) -> Option<&Self> {
        match value.view() {
            Log(stream) => Some(stream),
            _ => None,
        }
    }

    #[inline]
    fn of_mut(value: &mut Value) -> Option<&mut Self> {
        match value.view_mut() {
            Log(stream) => Some(stream),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        Value::hold(Any::F(Box::new(self)))
    }

    fn len(&self) -> usize {
        self.facts.len as usize
    }

    fn encoding_name(&self) -> &'static str {
        "stream"
    }

    fn memory(&self, _: usize) -> usize {
        let groups = self.groups.iter().map(|(name, group)| name.len() + group.memory());
        let known = self.idempotence.as_ref().map_or(0, |known| known.size());
        size_of::<Self>() + self.nodes.memory() + self.node_bytes + known + groups.sum::<usize>()
    }

    fn is_slow_to_free(&self) -> bool {
        let of_groups: usize = self.groups.values().map(Group::parts).sum();
        let known = self.idempotence.as_ref().map_or(0, |known| known.parts());
        self.nodes.len() + of_groups + known > FEW_PARTS || self.node_bytes >= 1 << 20
    }
}
