//! What a client is subscribed to.

use std::collections::BTreeSet;
use std::rc::Rc;

/// Three kinds of things to subscribe to, each with names of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Channels: SUBSCRIBE.
    Channel,
    /// Patterns of channels' names: PSUBSCRIBE.
    Pattern,
    /// Shard channels: SSUBSCRIBE.
    Shard,
}

/// A client's subscriptions; `pubsub::Pubsub` keeps them. The names are shared with it.
#[derive(Debug, Default)]
pub struct Subscriptions {
    names: [BTreeSet<Rc<[u8]>>; 3],
    bytes: usize,
}

impl Subscriptions {
    /// Adds one; whether it is new.
    pub fn insert(&mut self, topic: Topic, name: Rc<[u8]>) -> bool {
        let bytes = name.len();
        let is_new = self.names[topic as usize].insert(name);
        self.bytes += if is_new { bytes } else { 0 };
        is_new
    }

    /// Removes one; whether it was there.
    pub fn remove(&mut self, topic: Topic, name: &[u8]) -> bool {
        let was_there = self.names[topic as usize].remove(name);
        self.bytes -= if was_there { name.len() } else { 0 };
        was_there
    }

    /// The names of one kind, in order.
    pub fn names(&self, topic: Topic) -> impl Iterator<Item = &Rc<[u8]>> {
        self.names[topic as usize].iter()
    }

    /// How many of one kind.
    pub fn count(&self, topic: Topic) -> usize {
        self.names[topic as usize].len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.iter().all(BTreeSet::is_empty)
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        let count: usize = self.names.iter().map(BTreeSet::len).sum();
        size_of::<Self>() + count * size_of::<Rc<[u8]>>() + self.bytes
    }
}
