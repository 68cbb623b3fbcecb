//! The keys that clients have read, and who has.
//!
//! # Layout
//! One allocation a key: its name, the seats of its readers in rising order, and how many these are.
//! ```text
//!   name              seats, 4 bytes each    count
//!   75 73 65 72       03 00 00 00            01 00 00 00
//! ```
//! is the key `user`, read by the client in seat 3.
//!
//! # Invariants
//! 1. A key has at least one reader, and each seat once.
//! 2. `items` is the number of all readers of all keys.

use crate::ds::dict::{Dict, Husk, Keyed, Slot, prefetch};
use crate::ds::sds::Sds;
use crate::stdx::hash::Seed;

/// Bytes of a seat, and of the count.
const WORD: usize = 4;

/// A key and its readers.
pub(super) struct Tracked(Sds);

/// The keys.
#[derive(Debug)]
pub(super) struct Table {
    dict: Dict<Tracked>,
    items: usize,
}

impl Tracked {
    fn new(key: &[u8], seat: u32) -> Self {
        let mut bytes = Sds::with_capacity(key.len() + 2 * WORD);
        bytes.push_slice(key);
        bytes.push_slice(&seat.to_le_bytes());
        bytes.push_slice(&1u32.to_le_bytes());
        Self(bytes)
    }

    /// How many readers there are.
    pub(super) fn len(&self) -> usize {
        let (_, count) = self.0.as_slice().split_last_chunk().expect("the count is always there");
        u32::from_le_bytes(*count) as usize
    }

    /// Its readers' seats.
    pub(super) fn seats(&self) -> impl Iterator<Item = u32> {
        let (words, _) = self.words().as_chunks::<WORD>();
        words.iter().map(|word| u32::from_le_bytes(*word))
    }

    fn words(&self) -> &[u8] {
        let bytes = self.0.as_slice();
        let end = bytes.len() - WORD;
        &bytes[end - self.len() * WORD..end]
    }

    /// Adds a reader; whether it is new.
    fn add(&mut self, seat: u32) -> bool {
        let count = self.len();
        let (words, _) = self.words().as_chunks::<WORD>();
        let Err(place) = words.binary_search_by_key(&seat, |word| u32::from_le_bytes(*word)) else {
            return false;
        };
        // The count makes room for the seat and comes behind it anew.
        self.0.push_slice(&(count as u32 + 1).to_le_bytes());
        let end = self.0.len() - WORD;
        let words = &mut self.0.as_mut_slice()[end - (count + 1) * WORD..end];
        words.copy_within(place * WORD..count * WORD, (place + 1) * WORD);
        words[place * WORD..][..WORD].copy_from_slice(&seat.to_le_bytes());
        true
    }

    /// Keeps the readers for whom `stays` holds; how many went.
    fn retain(&mut self, stays: impl Fn(u32) -> bool) -> usize {
        let left: Vec<u32> = self.seats().filter(|seat| stays(*seat)).collect();
        let gone = self.len() - left.len();
        if gone > 0 {
            let key = self.key().len();
            self.0.truncate(key);
            left.iter().for_each(|seat| self.0.push_slice(&seat.to_le_bytes()));
            self.0.push_slice(&(left.len() as u32).to_le_bytes());
            self.0.shrink_to_fit();
        }
        gone
    }
}

impl Keyed for Tracked {
    fn key(&self) -> &[u8] {
        let bytes = self.0.as_slice();
        &bytes[..bytes.len() - (self.len() + 1) * WORD]
    }

    fn prefetch(&self) {
        prefetch(self.0.as_slice().as_ptr());
    }
}

impl Table {
    pub(super) fn new(seed: Seed) -> Self {
        Self { dict: Dict::new(seed), items: 0 }
    }

    /// Keys.
    pub(super) fn len(&self) -> usize {
        self.dict.len()
    }

    /// Readers of all keys.
    pub(super) fn items(&self) -> usize {
        self.items
    }

    /// A client has read a key; whether the key is new here.
    pub(super) fn add(&mut self, key: &[u8], seat: u32) -> bool {
        match self.dict.entry(self.dict.hash(key), key) {
            Slot::Occupied(mut slot) => {
                self.items += usize::from(slot.get_mut().add(seat));
                false
            }
            Slot::Vacant(slot) => {
                slot.insert(Tracked::new(key, seat));
                self.items += 1;
                true
            }
        }
    }

    /// Forgets a key, and says who has read it.
    pub(super) fn take(&mut self, key: &[u8]) -> Option<Tracked> {
        let tracked = self.dict.remove(self.dict.hash(key), key)?;
        self.items -= tracked.len();
        Some(tracked)
    }

    /// Forgets a key drawn by lot, and says who has read it.
    pub(super) fn take_any(&mut self, random: &mut impl FnMut() -> u64) -> Option<Tracked> {
        let key = self.dict.random(random)?.key().to_vec();
        self.take(&key)
    }

    /// Forgets the readers in a piece of the table for whom `stays` does not hold; the next cursor, 0 at
    /// the end.
    pub(super) fn sweep(&mut self, cursor: u64, stays: impl Fn(u32) -> bool) -> u64 {
        let mut unread = Vec::new();
        let mut gone = 0;
        let next = self.dict.scan_mut(cursor, |tracked| {
            gone += tracked.retain(&stays);
            if tracked.len() == 0 {
                unread.push(tracked.key().to_vec());
            }
        });
        self.items -= gone;
        for key in unread {
            self.take(&key);
        }
        next
    }

    /// Forgets everything; the old table is the caller's to free.
    pub(super) fn clear(&mut self) -> Husk<Tracked> {
        let empty = Self::new(self.dict.seed());
        std::mem::replace(self, empty).dict.into_husk()
    }

    /// What a resize left to be freed.
    pub(super) fn take_husk(&mut self) -> Option<Husk<Tracked>> {
        self.dict.take_husk()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::new(Seed::new(1, 2))
    }

    fn seats(tracked: &Tracked) -> Vec<u32> {
        tracked.seats().collect()
    }

    #[test]
    fn a_key_has_each_reader_once_in_order() {
        let mut table = table();
        assert!(table.add(b"k", 7));
        for seat in [3, 9, 7, 3, 8] {
            assert!(!table.add(b"k", seat));
        }
        assert_eq!((table.len(), table.items()), (1, 4));
        let tracked = table.take(b"k").unwrap();
        assert_eq!((tracked.key(), seats(&tracked)), (&b"k"[..], vec![3, 7, 8, 9]));
        assert_eq!((table.len(), table.items()), (0, 0));
        assert!(table.take(b"k").is_none());
    }

    #[test]
    fn keys_may_be_empty_and_look_like_seats() {
        let mut table = table();
        table.add(b"", 1);
        table.add(&[1, 0, 0, 0, 1, 0, 0, 0], 2);
        assert_eq!(seats(&table.take(b"").unwrap()), [1]);
        assert_eq!(seats(&table.take(&[1, 0, 0, 0, 1, 0, 0, 0]).unwrap()), [2]);
    }

    #[test]
    fn a_sweep_leaves_no_reader_that_went_and_no_key_without_readers() {
        let mut table = table();
        for number in 0..1000u32 {
            let key = number.to_string();
            table.add(key.as_bytes(), number % 3);
            table.add(key.as_bytes(), 3 + number % 2);
        }
        let mut cursor = 0;
        loop {
            cursor = table.sweep(cursor, |seat| seat == 0 || seat == 4);
            if cursor == 0 {
                break;
            }
        }
        // 334 keys were read from seat 0, 500 from seat 4, 167 of them from both.
        assert_eq!((table.len(), table.items()), (334 + 500 - 167, 834));
        table.dict.check_invariants();
        assert_eq!(seats(&table.take(b"3").unwrap()), [0, 4]);
        assert!(table.take(b"2").is_none());
    }

    #[test]
    fn what_is_drawn_by_lot_is_gone() {
        let mut table = table();
        for n in 0..100u32 {
            table.add(n.to_string().as_bytes(), 1);
        }
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state
        };
        for left in (0..100).rev() {
            assert!(table.take_any(&mut random).is_some());
            assert_eq!((table.len(), table.items()), (left, left));
        }
        assert!(table.take_any(&mut random).is_none());
    }
}
