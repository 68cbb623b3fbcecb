//! Groups of consumers: who was given which entry and has not acknowledged it.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::age::{Age, Ages};
use super::{Facts, Id, Stream};
use crate::ds::idmap::{IdMap, Iter};
use crate::ds::streamnode::EntryRef;

/// Parts, each of them an allocation, whose freeing nobody waits for.
pub(super) const FEW_PARTS: usize = 64;

/// A group of consumers.
///
/// Invariants:
/// 1. An entry that pends names one consumer, and pends with that one alone; or it names none, for it was
///    handed back.
/// 2. Where there are ages, each entry that pends has its own among them. There are if any was handed back.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Entries up to this one were given out.
    pub last_id: Id,
    /// How many were, counted from the stream's first ever, where that is known.
    pub entries_read: Option<u64>,
    pending: IdMap<Pending>,
    /// The same by age, once somebody has asked for that.
    ages: Option<Box<Ages>>,
    /// The turn of what is handed back next.
    next_turn: u64,
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
    /// To whom; `None` of one that was handed back.
    pub consumer: Option<ConsumerId>,
    /// How often.
    pub deliveries: u64,
    /// When last, ms since the epoch; of one that was handed back its turn among those.
    since: u64,
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
    /// How often what nobody can work off counts as given out.
    pub const FATAL: u64 = i64::MAX as u64;

    /// What was given to a consumer at a time, in ms since the epoch.
    pub fn given(consumer: ConsumerId, delivered_ms: u64, deliveries: u64) -> Self {
        Self { consumer: Some(consumer), deliveries, since: delivered_ms }
    }

    /// How often it counts as given out once it is so again. It stays at what says that nobody can work it
    /// off.
    pub fn once_more(&self) -> u64 {
        if self.deliveries == Self::FATAL { Self::FATAL } else { self.deliveries.wrapping_add(1) }
    }

    /// When it was given out last, ms since the epoch; 0 of one that was handed back.
    pub fn delivered_ms(&self) -> u64 {
        self.consumer.map_or(0, |_| self.since)
    }

    /// How long ago it was given out, in ms, unless it was handed back.
    pub fn idle_ms(&self, now_ms: u64) -> Option<u64> {
        self.consumer.map(|_| now_ms.saturating_sub(self.since))
    }

    /// Whether it has been with its consumer for so long, or with nobody.
    pub fn is_idle(&self, now_ms: u64, min_ms: u64) -> bool {
        self.idle_ms(now_ms).is_none_or(|idle| idle >= min_ms)
    }

    fn age(&self, id: Id) -> Age {
        Age { is_held: self.consumer.is_some(), since: self.since, id }
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
            self.take(*entry);
        }
        consumer.pending.len()
    }

    /// A consumer.
    #[inline]
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers[id.0 as usize].as_ref().expect(LIVES)
    }

    /// The name of the consumer that an entry of this group pends with; empty of one that was handed back.
    pub fn holder_name(&self, pending: &Pending) -> &[u8] {
        pending.consumer.map_or(b"", |consumer| self.consumer(consumer).name())
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

    /// Notes that an entry pends, whether it did or not.
    pub fn assign(&mut self, id: Id, pending: Pending) {
        let before = self.pending.insert(id, pending);
        if let Some(ages) = &mut self.ages {
            before.iter().for_each(|before| ages.remove(&before.age(id)));
            ages.insert(pending.age(id));
        }
        let before = before.and_then(|before| before.consumer);
        if before == pending.consumer {
            return;
        }
        if let Some(before) = before {
            self.consumer_mut(before).pending.remove(id);
        }
        if let Some(consumer) = pending.consumer {
            self.consumer_mut(consumer).pending.insert(id, ());
        }
    }

    /// An entry pends no longer; whether it did.
    pub fn release(&mut self, id: Id) -> bool {
        let Some(pending) = self.take(id) else { return false };
        if let Some(consumer) = pending.consumer {
            self.consumer_mut(consumer).pending.remove(id);
        }
        true
    }

    /// Takes out what is known of an entry that pends, but for its place with its consumer.
    fn take(&mut self, id: Id) -> Option<Pending> {
        let pending = self.pending.remove(id)?;
        if let Some(ages) = &mut self.ages {
            ages.remove(&pending.age(id));
        }
        Some(pending)
    }

    /// An entry that pends is given to its consumer once more.
    pub fn deliver_again(&mut self, id: Id, now_ms: u64) {
        let Some(pending) = self.pending.get(id).copied() else { return };
        let deliveries = pending.once_more();
        self.assign(id, Pending { since: now_ms, deliveries, ..pending });
    }

    /// An entry goes on to pend, but with nobody, and counts as given out so often. Whoever claims what has
    /// been idle gets it first, and in the order in which it was handed back.
    pub fn hand_back(&mut self, id: Id, deliveries: u64) {
        self.order_by_age();
        let turn = match self.pending.get(id) {
            Some(Pending { consumer: None, since, .. }) => *since,
            _ => self.next_turn,
        };
        self.next_turn = self.next_turn.max(turn + 1);
        self.assign(id, Pending { consumer: None, deliveries, since: turn });
    }

    /// What was handed back, from a turn on, with its turn.
    pub fn handed_back(&self, from: u64) -> impl Iterator<Item = (u64, Id)> {
        let ages = self.ages.iter().flat_map(move |ages| ages.handed_back(from));
        ages.map(|age| (age.since, age.id))
    }

    /// How much was.
    pub fn handed_back_count(&self) -> usize {
        self.ages.as_ref().map_or(0, |ages| ages.handed_back_count())
    }

    /// When what pends now will first have been idle for so long, ms since the epoch; `None` if nothing
    /// pends, or was never [asked for](Stream::idle) by age.
    pub fn next_idle_ms(&self, min_ms: u64) -> Option<u64> {
        let first = self.ages.as_ref()?.iter().next()?;
        Some(if first.is_held { first.since.saturating_add(min_ms) } else { 0 })
    }

    fn order_by_age(&mut self) {
        order_by_age(&mut self.ages, &self.pending);
    }

    /// Bytes of its allocations.
    pub(super) fn memory(&self) -> usize {
        let consumers = self.consumers().map(|(_, consumer)| {
            size_of::<Consumer>() + 2 * consumer.name.len() + consumer.pending.memory()
        });
        let ages = self.ages.as_ref().map_or(0, |ages| ages.memory());
        size_of::<Self>() + self.pending.memory() + ages + consumers.sum::<usize>()
    }

    /// How many parts it consists of, roughly.
    pub(super) fn parts(&self) -> usize {
        let ages = self.ages.as_ref().map_or(0, |ages| ages.parts());
        2 * self.pending.chunk_count() + self.consumers.len() + ages
    }

    /// Whether freeing it takes so long that another thread should do it.
    pub fn is_slow_to_free(&self) -> bool {
        self.parts() > FEW_PARTS
    }
}

/// The ages of what pends, which are put in order if they are not yet.
fn order_by_age<'a>(ages: &'a mut Option<Box<Ages>>, pending: &IdMap<Pending>) -> &'a mut Ages {
    ages.get_or_insert_with(|| Box::new(pending.iter().map(|(id, it)| it.age(*id)).collect()))
}

const LIVES: &str = "the ids of consumers that were removed are not used";

/// What of a group has been idle for long enough.
#[derive(Clone, Debug, Default)]
pub struct Idle {
    /// What can be given to another consumer, the longest idle first.
    pub entries: Vec<(Id, Pending)>,
    /// What is no longer in the stream.
    pub gone: Vec<(Id, Pending)>,
}

impl Stream {
    /// What has been idle in a group for so long; so many entries at most.
    pub fn idle(&mut self, group: &[u8], now_ms: u64, min_ms: u64, max: usize) -> Idle {
        let Self { nodes, groups, .. } = self;
        let mut idle = Idle::default();
        let Some(group) = groups.get_mut(group) else { return idle };
        let pending = &group.pending;
        for age in order_by_age(&mut group.ages, pending).iter() {
            let found = pending.get(age.id).filter(|it| it.is_idle(now_ms, min_ms));
            let Some(found) = found.filter(|_| idle.entries.len() < max) else { break };
            let is_there = super::find(nodes, age.id).is_some();
            let list = if is_there { &mut idle.entries } else { &mut idle.gone };
            list.push((age.id, *found));
        }
        idle
    }

    /// Gives a consumer what its group was not given yet, until `take` refuses one; how many entries.
    pub fn deliver(
        &mut self,
        to: Delivery<'_>,
        mut take: impl FnMut(&EntryRef<'_>) -> bool,
    ) -> usize {
        let Self { nodes, facts, groups, .. } = self;
        let Some(group) = groups.get_mut(to.group) else { return 0 };
        let Some(from) = group.last_id.next() else { return 0 };
        let mut count = 0;
        for entry in super::Forward::new(nodes, from, Id::MAX).take(to.max) {
            if !take(&entry) {
                break;
            }
            group.pass(facts, entry.id);
            if to.pends {
                group.assign(entry.id, Pending::given(to.consumer, to.now_ms, 1));
            }
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
