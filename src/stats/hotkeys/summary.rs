//! The keys with the greatest weight in a stream of keys, approximately, in bounded memory: Space-Saving (Metwally, Agrawal, El Abbadi,
//! "Efficient Computation of Frequent and Top-k Elements in Data Streams", 2005), with weights.
//!
//! So many counters are kept. A key that has none takes over the least one, with the weight that stands there, and remembers
//! that weight as its error: its true weight is between its weight less its error and its weight. A key that has more
//! than the whole weight divided by the number of counters is never missed.
//!
//! Invariants: 1. `heap` orders the counters so that none weighs more than its two children; 2. `places` knows for each key where its
//! counter is; 3. there are at most `capacity` counters.

use std::collections::HashMap;
use std::rc::Rc;

/// Keys longer than this are not counted, so that the counters stay small whatever clients send.
const KEY_MAX: usize = 64 << 10;

/// A key and what it weighs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// Its database and its name.
    pub key: (u32, Rc<[u8]>),
    /// What it weighs at most.
    pub weight: u64,
    /// By how much that may be too much.
    pub error: u64,
}

/// The counters.
#[derive(Debug)]
pub struct Summary {
    heap: Vec<Counter>,
    places: HashMap<(u32, Rc<[u8]>), usize>,
    capacity: usize,
}

impl Summary {
    /// Counts at most `capacity` keys, one at least.
    pub fn new(capacity: usize) -> Self {
        Self { heap: Vec::new(), places: HashMap::new(), capacity: capacity.max(1) }
    }

    /// Adds to what a key weighs.
    pub fn add(&mut self, db: u32, key: &[u8], weight: u64) {
        if key.len() > KEY_MAX {
            return;
        }
        let key: (u32, Rc<[u8]>) = (db, key.into());
        if let Some(&place) = self.places.get(&key) {
            self.heap[place].weight += weight;
            self.sink(place);
        } else if self.heap.len() < self.capacity {
            self.places.insert(key.clone(), self.heap.len());
            self.heap.push(Counter { key, weight, error: 0 });
            self.rise(self.heap.len() - 1);
        } else {
            let least = &mut self.heap[0];
            self.places.remove(&least.key);
            self.places.insert(key.clone(), 0);
            *least = Counter { key, weight: least.weight + weight, error: least.weight };
            self.sink(0);
        }
    }

    /// The heaviest keys, the heaviest first; at most so many.
    pub fn top(&self, count: usize) -> Vec<Counter> {
        let mut counters = self.heap.clone();
        counters.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.key.cmp(&b.key)));
        counters.truncate(count);
        counters
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 && self.heap[place].weight < self.heap[(place - 1) / 2].weight {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let children = [2 * place + 1, 2 * place + 2].into_iter();
            let children = children.filter(|child| *child < self.heap.len());
            let Some(least) = children.min_by_key(|child| self.heap[*child].weight) else { return };
            if self.heap[place].weight <= self.heap[least].weight {
                return;
            }
            self.swap(place, least);
            place = least;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        for place in [a, b] {
            *self.places.get_mut(&self.heap[place].key).expect("every counter has its place") =
                place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn check_invariants(summary: &Summary) {
        assert!(summary.heap.len() <= summary.capacity);
        assert_eq!(summary.places.len(), summary.heap.len());
        for (place, counter) in summary.heap.iter().enumerate() {
            assert_eq!(summary.places[&counter.key], place);
            assert!(place == 0 || summary.heap[(place - 1) / 2].weight <= counter.weight);
        }
    }

    proptest! {
        #[test]
        fn weights_lie_between_their_bounds_and_heavy_keys_are_there(
            capacity in 1usize..8,
            stream in proptest::collection::vec((0u8..12, 0u64..50), 0..200),
        ) {
            let mut summary = Summary::new(capacity);
            let mut model = BTreeMap::<u8, u64>::new();
            for (key, weight) in stream {
                summary.add(0, &[key], weight);
                *model.entry(key).or_default() += weight;
                check_invariants(&summary);
            }
            let top = summary.top(capacity);
            for counter in &top {
                let weight = model[&counter.key.1[0]];
                prop_assert!(counter.weight - counter.error <= weight && weight <= counter.weight);
            }
            let total: u64 = model.values().sum();
            for (key, weight) in model {
                let there = top.iter().any(|counter| counter.key.1[0] == key);
                prop_assert!(there || weight <= total / capacity as u64);
            }
        }
    }

    #[test]
    fn keys_of_two_databases_are_two_and_long_ones_are_left_out() {
        let mut summary = Summary::new(4);
        summary.add(0, b"k", 1);
        summary.add(1, b"k", 3);
        summary.add(0, &vec![b'x'; KEY_MAX + 1], 100);
        let top: Vec<_> = summary.top(9).iter().map(|c| (c.key.0, c.weight)).collect();
        assert_eq!(top, [(1, 3), (0, 1)]);
    }
}
