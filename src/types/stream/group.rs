//! Groups of consumers: who was given which entry and has not acknowledged it.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::{Facts, Id, Stream};
use crate::ds::idmap::{IdMap, Iter};
use crate::ds::streamnode::EntryRef;

/// Parts, each of them an allocation, whose freeing nobody waits for.
pub(super) const FEW_PARTS: usize = 64;

/// A group of consumers.
///
/// Invariant: an entry pends in the group exactly if it pends with one consumer, the one it names.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Entries up to this one were given out.
    pub last_id: Id,
    /// How many were, counted from the stream's first ever, where that is known.
    pub entries_read: Option<u64>,
    pending: IdMap<Pending>,
    by_name: BTreeMap<Arc<[u8]>, ConsumerId>,
    consumers: Vec<Option<Consumer>>,
    free: Vec<ConsumerId>,
}

/// A consumer among those of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(u32);

/// An entry that was given out and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// To whom.
    pub consumer: ConsumerId,
    /// When last, ms since the epoch.
    pub delivered_ms: u64,
    /// How often.
    pub deliveries: u64,
}

/// Who reads for a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Arc<[u8]>,
    /// When it last asked for something, ms since the epoch.
    pub seen_ms: u64,
    /// When it last got something; `None` if it never did.
    pub active_ms: Option<u64>,
    pending: IdMap<()>,
}

/// A reading of entries that no consumer of the group was given.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The group.
    pub group: &'a [u8],
    /// Who gets them.
    pub consumer: ConsumerId,
    /// At most so many.
    pub max: usize,
    /// The time, ms since the epoch.
    pub now_ms: u64,
    /// Whether they pend until they are acknowledged.
    pub pends: bool,
}

impl Pending {
    /// How long ago it was given out, in ms.
    pub fn idle_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.delivered_ms)
    }
}

impl Consumer {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The ids of what it was given and has not acknowledged.
    pub fn pending(&self) -> &IdMap<()> {
        &self.pending
    }
}

impl Group {
    /// A group that begins behind `last_id`.
    pub fn new(last_id: Id, entries_read: Option<u64>) -> Self {
        Self { last_id, entries_read, ..Self::default() }
    }

    /// The consumer of this name.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<ConsumerId> {
        self.by_name.get(name).copied()
    }

    /// A new consumer, whose name is free.
    pub fn add_consumer(&mut self, name: &[u8], now_ms: u64) -> ConsumerId {
        let name: Arc<[u8]> = name.into();
        let consumer = Consumer {
            name: Arc::clone(&name),
            seen_ms: now_ms,
            active_ms: None,
            pending: IdMap::default(),
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.consumers[id.0 as usize] = Some(consumer);
                id
            }
            None => {
                self.consumers.push(Some(consumer));
                ConsumerId(self.consumers.len() as u32 - 1)
            }
        };
        self.by_name.insert(name, id);
        id
    }

    /// Removes a consumer with all that pends with it; how much that was.
    pub fn remove_consumer(&mut self, id: ConsumerId) -> usize {
        let Some(consumer) = self.consumers[id.0 as usize].take() else { return 0 };
        self.by_name.remove(&consumer.name);
        self.free.push(id);
        for (entry, ()) in consumer.pending.iter() {
            self.pending.remove(*entry);
        }
        consumer.pending.len()
    }

    /// A consumer.
    #[inline]
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers[id.0 as usize].as_ref().expect(LIVES)
    }

    /// A consumer, to be changed.
    #[inline]
    pub fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.consumers[id.0 as usize].as_mut().expect(LIVES)
    }

    /// All consumers, by name.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = (ConsumerId, &Consumer)> + Clone {
        self.by_name.values().map(|id| (*id, self.consumer(*id)))
    }

    /// The consumer whose name comes next behind `before`, or the first.
    pub fn next_consumer(&self, before: Option<&[u8]>) -> Option<(ConsumerId, &Consumer)> {
        let behind = before.map_or(Unbounded, Excluded);
        let mut rest = self.by_name.range::<[u8], _>((behind, Unbounded));
        rest.next().map(|(_, id)| (*id, self.consumer(*id)))
    }

    /// What was given out and not acknowledged.
    #[inline]
    pub fn pending(&self) -> &IdMap<Pending> {
        &self.pending
    }

    /// What pends with a consumer, from one id to another.
    pub fn pending_of(
        &self,
        consumer: ConsumerId,
        from: Id,
        to: Id,
    ) -> impl Iterator<Item = (Id, &Pending)> {
        let ids: Iter<'_, ()> = self.consumer(consumer).pending.range(from..=to);
        ids.filter_map(|(id, ())| self.pending.get(*id).map(|pending| (*id, pending)))
    }

    /// Notes that an entry pends, whether it did or not; with whom it pended before.
    pub fn assign(&mut self, id: Id, pending: Pending) -> Option<ConsumerId> {
        let before = self.pending.insert(id, pending).map(|before| before.consumer);
        if before == Some(pending.consumer) {
            return before;
        }
        if let Some(before) = before {
            self.consumer_mut(before).pending.remove(id);
        }
        self.consumer_mut(pending.consumer).pending.insert(id, ());
        before
    }

    /// An entry pends no longer; whether it did.
    pub fn release(&mut self, id: Id) -> bool {
        let Some(pending) = self.pending.remove(id) else { return false };
        self.consumer_mut(pending.consumer).pending.remove(id);
        true
    }

    /// What is known of an entry that pends, to be changed; not with whom.
    pub fn pending_mut(&mut self, id: Id) -> Option<&mut Pending> {
        self.pending.get_mut(id)
    }

    /// Bytes of its allocations.
    pub(super) fn memory(&self) -> usize {
        let consumers = self.consumers().map(|(_, consumer)| {
            size_of::<Consumer>() + 2 * consumer.name.len() + consumer.pending.memory()
        });
        size_of::<Self>() + self.pending.memory() + consumers.sum::<usize>()
    }

    /// How many parts it consists of, roughly.
    pub(super) fn parts(&self) -> usize {
        2 * self.pending.chunk_count() + self.consumers.len()
    }

    /// Whether freeing it takes so long that another thread should do it.
    pub fn is_slow_to_free(&self) -> bool {
        self.parts() > FEW_PARTS
    }
}

const LIVES: &str = "the ids of consumers that were removed are not used";

impl Stream {
    /// Gives a consumer what its group was not given yet; how many entries. Each is shown.
    pub fn deliver(&mut self, to: Delivery<'_>, mut show: impl FnMut(&EntryRef<'_>)) -> usize {
        let Self { nodes, facts, groups, .. } = self;
        let Some(group) = groups.get_mut(to.group) else { return 0 };
        let Some(from) = group.last_id.next() else { return 0 };
        let mut count = 0;
        for entry in super::Forward::new(nodes, from, Id::MAX).take(to.max) {
            group.pass(facts, entry.id);
            if to.pends {
                let Delivery { consumer, now_ms, .. } = to;
                let pending = Pending { consumer, delivered_ms: now_ms, deliveries: 1 };
                group.assign(entry.id, pending);
            }
            show(&entry);
            count += 1;
        }
        count
    }
}

impl Group {
    /// The next entry behind the last one was given out.
    fn pass(&mut self, facts: &Facts, id: Id) {
        self.entries_read = facts.read_up_to(self, id);
        self.last_id = id;
    }
}
