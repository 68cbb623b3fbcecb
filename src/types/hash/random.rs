//! Fields drawn at random, each with the same probability.

use std::collections::HashSet;

use rand::RngExt;

use super::{FieldRef, Form, Hash, is_live};
use crate::ds::listpack::Item;
use crate::types::Collection;

impl Hash {
    /// A field drawn evenly from those whose time is not over.
    pub fn random(&self, rng: &mut impl rand::Rng, now_ms: u64) -> Option<FieldRef<'_>> {
        /// Draws in a row that may hit fields whose time is over: hardly ever are there any.
        const TRIES: usize = 32;
        if let Form::Table(table) = self.as_form() {
            for _ in 0..TRIES {
                let field = table.random(&mut || rng.next_u64())?;
                if is_live(field.deadline, now_ms) {
                    return Some(field);
                }
            }
        }
        let live = self.live_len(now_ms);
        if live == 0 { None } else { self.iter(now_ms).nth(rng.random_range(0..live)) }
    }

    /// Draws `count` fields, the same one perhaps several times, and shows each. Nothing is drawn where
    /// no field is left.
    pub fn draw<'a>(
        &'a self,
        count: usize,
        rng: &mut impl rand::Rng,
        now_ms: u64,
        mut show: impl FnMut(FieldRef<'a>),
    ) {
        match self.as_form() {
            // A field of a table is found at once, one of a listpack by walking: so once for all.
            Form::Packed(_) if count > 1 => {
                let fields: Vec<_> = self.iter(now_ms).collect();
                if !fields.is_empty() {
                    (0..count).for_each(|_| show(fields[rng.random_range(0..fields.len())]));
                }
            }
            _ => (0..count).map_while(|_| self.random(rng, now_ms)).for_each(show),
        }
    }

    /// Draws `count` different fields, or all if there are no more, and shows each.
    pub fn draw_distinct<'a>(
        &'a self,
        count: usize,
        rng: &mut impl rand::Rng,
        now_ms: u64,
        mut show: impl FnMut(FieldRef<'a>),
    ) {
        /// A table with so many fields for each one wanted is drawn from, not read through: to draw
        /// one costs as much as to read a few dozen.
        const SPARSE: usize = 32;
        let live = self.live_len(now_ms);
        if let Form::Table(table) = self.as_form()
            && live == self.len()
            && count <= live / SPARSE
        {
            let mut drawn = HashSet::with_capacity(count);
            while drawn.len() < count
                && let Some(field) = table.random(&mut || rng.next_u64())
            {
                if drawn.insert(field.name_address()) {
                    show(field);
                }
            }
            return;
        }
        // One pass that takes each field with the probability that makes all choices equally likely.
        let (mut wanted, mut left) = (count.min(live), live);
        for field in self.iter(now_ms) {
            if wanted == 0 {
                return;
            }
            if rng.random_range(0..left) < wanted {
                show(field);
                wanted -= 1;
            }
            left -= 1;
        }
    }
}

impl FieldRef<'_> {
    /// Where the name of a table's field lies, by which it is known again without a copy.
    fn name_address(&self) -> Option<usize> {
        match self.name {
            Item::Bytes(name) => Some(name.as_ptr().addr()),
            Item::Int(_) => None,
        }
    }
}
