//! What producers have added to a stream under names of their own, so that what they add once more for want
//! of an answer is found out.
//!
//! A name is remembered for some time, which counts from the id of the entry that bears it, and as long as
//! it is among a producer's newest. Producers of whom nothing is remembered go, two looked at with each
//! entry that is added.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::Id;
use crate::ds::idmap::IdMap;

/// Producers looked at with each entry added.
const SWEPT: usize = 2;

/// How long, and how much, is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Seconds.
    pub duration_s: u64,
    /// Names of each producer.
    pub max_size: u64,
}

/// What is remembered of producers.
#[derive(Clone, Debug)]
pub struct Idempotence {
    memory: Memory,
    producers: BTreeMap<Box<[u8]>, Producer>,
    /// The producer looked at last.
    swept: Box<[u8]>,
    /// Entries that were ever added with a name.
    pub added: u64,
    /// Entries that were not, for the name was known.
    pub duplicates: u64,
}

/// A producer's names.
#[derive(Clone, Debug, Default)]
pub struct Producer {
    by_name: BTreeMap<Arc<[u8]>, Id>,
    by_id: IdMap<Arc<[u8]>>,
}

impl Idempotence {
    /// Nothing is remembered yet.
    pub fn new(memory: Memory) -> Self {
        let producers = BTreeMap::new();
        Self { memory, producers, swept: Box::default(), added: 0, duplicates: 0 }
    }

    /// How long, and how much, is remembered.
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// Sets that. All is forgotten if it is another than before.
    pub fn set_memory(&mut self, memory: Memory) {
        if memory != self.memory {
            self.memory = memory;
            self.producers.clear();
        }
    }

    /// The entry that a producer has added under a name.
    pub fn find(&self, producer: &[u8], name: &[u8], now_ms: u64) -> Option<Id> {
        let id = *self.producers.get(producer)?.by_name.get(name)?;
        (id >= self.oldest(now_ms)).then_some(id)
    }

    /// Remembers that a producer has added an entry under a name.
    pub fn record(&mut self, producer: &[u8], name: &[u8], id: Id, now_ms: u64) {
        self.sweep(now_ms);
        let (oldest, max) = (self.oldest(now_ms), self.memory.max_size as usize);
        if !self.producers.contains_key(producer) {
            self.producers.insert(producer.into(), Producer::default());
        }
        let Some(found) = self.producers.get_mut(producer) else { return };
        found.insert(name, id);
        found.forget(oldest, max);
        // Where no names are to be remembered not even this one is.
        if found.is_empty() {
            self.producers.remove(producer);
        }
    }

    /// The id below which entries are too old.
    fn oldest(&self, now_ms: u64) -> Id {
        Id::new(now_ms.saturating_sub(self.memory.duration_s.saturating_mul(1000)), 0)
    }

    /// Forgets what is too old of the next few producers.
    fn sweep(&mut self, now_ms: u64) {
        let (oldest, max) = (self.oldest(now_ms), self.memory.max_size as usize);
        for _ in 0..SWEPT {
            let behind = (Excluded(&*self.swept), Unbounded);
            let next = self.producers.range_mut::<[u8], _>(behind).next();
            let Some((name, producer)) = next else {
                self.swept = Box::default();
                return;
            };
            producer.forget(oldest, max);
            self.swept = name.clone();
            if producer.by_id.is_empty() {
                self.producers.remove(&self.swept);
            }
        }
    }

    /// How many producers anything is remembered of, and how many names.
    pub fn tracked(&self, now_ms: u64) -> (usize, usize) {
        let oldest = self.oldest(now_ms);
        let names = self.producers.values().map(|it| it.by_id.range(oldest..=Id::MAX).count());
        let known = names.filter(|names| *names > 0);
        known.fold((0, 0), |(producers, all), names| (producers + 1, all + names))
    }

    /// The producers, by name.
    pub fn producers(&self) -> &BTreeMap<Box<[u8]>, Producer> {
        &self.producers
    }

    /// Bytes of its allocations.
    pub(super) fn size(&self) -> usize {
        let producers = self.producers.iter();
        let producers = producers.map(|(name, it)| name.len() + it.size());
        size_of::<Self>() + producers.sum::<usize>()
    }

    /// How many parts it consists of, roughly.
    pub(super) fn parts(&self) -> usize {
        self.producers.values().map(|it| 1 + it.by_id.len()).sum()
    }
}

impl Producer {
    /// Its names, with the entries that bear them, the oldest first.
    pub fn names(&self) -> impl Iterator<Item = (Id, &[u8])> {
        self.by_id.iter().map(|(id, name)| (*id, &**name))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    fn insert(&mut self, name: &[u8], id: Id) {
        let name: Arc<[u8]> = name.into();
        if let Some(before) = self.by_name.insert(Arc::clone(&name), id) {
            self.by_id.remove(before);
        }
        if let Some(before) = self.by_id.insert(id, Arc::clone(&name)).filter(|it| *it != name) {
            self.by_name.remove(&before);
        }
    }

    fn forget(&mut self, oldest: Id, max: usize) {
        let goes = |it: &Self| {
            it.by_id.len() > max || it.by_id.first().is_some_and(|(id, _)| *id < oldest)
        };
        while goes(self) {
            let Some((_, name)) = self.by_id.pop_first() else { return };
            self.by_name.remove(&name);
        }
    }

    fn size(&self) -> usize {
        let names: usize = self.by_name.keys().map(|name| name.len() + 48).sum();
        size_of::<Self>() + self.by_id.memory() + names
    }
}
