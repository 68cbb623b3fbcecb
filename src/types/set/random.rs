//! Members drawn at random, to be shown or to be taken out.

use super::{Form, Set, str_of};
use crate::ds::intset::Intset;
use crate::ds::listpack::Listpack;
use crate::types::{Collection, Limits, Str};
use rand::{Rng, RngExt};
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// Distinct members are drawn one by one while there are at least so many times as many; else all are
/// walked through, and some taken.
const DRAW_BELOW: usize = 3;

/// What stays becomes a set of its own when so many times as many are popped.
const REBUILD_ABOVE: usize = 5;

/// Longest member that is copied to the stack on its way out.
const STACK_MEMBER: usize = 64;

/// Selection sampling: so many of those that come by, every choice equally likely.
struct Selection {
    /// How many are still to come.
    left: usize,
    /// How many of them are to be taken.
    wanted: usize,
}

impl Selection {
    fn new(wanted: usize, of: usize) -> Self {
        Self { left: of, wanted }
    }

    /// Whether the next one is taken.
    fn takes_next(&mut self, rng: &mut impl Rng) -> bool {
        let takes = rng.random_range(0..self.left) < self.wanted;
        self.left -= 1;
        self.wanted -= usize::from(takes);
        takes
    }
}

impl Set {
    /// A member chosen at random.
    pub fn random(&self, rng: &mut impl Rng) -> Option<Str<'_>> {
        if self.is_empty() {
            return None;
        }
        match self.as_form() {
            Form::Ints(ints) => ints.get(rng.random_range(0..ints.len())).map(Str::Int),
            Form::Pack(pack) => {
                let at = pack.seek(rng.random_range(0..pack.len()) as isize)?;
                Some(str_of(pack.get(at)))
            }
            Form::Table(table) => {
                let member = table.random(&mut || rng.next_u64())?;
                Some(Str::Bytes(member.key()))
            }
        }
    }

    /// Shows `count` members chosen at random, each anew: some may come several times.
    pub fn draw(&self, count: u64, rng: &mut impl Rng, mut show: impl FnMut(Str<'_>)) {
        // A listpack is walked to any of its members: for many draws it is walked once.
        let walked: Vec<_> = match self.as_form() {
            Form::Pack(_) if count > 1 => self.iter().collect(),
            _ => Vec::new(),
        };
        for _ in 0..count {
            let member = match walked.len() {
                0 => self.random(rng),
                len => Some(walked[rng.random_range(0..len)]),
            };
            let Some(member) = member else { return };
            show(member);
        }
    }

    /// Shows `count` different members chosen at random, or all if there are no more.
    pub fn sample(&self, count: usize, rng: &mut impl Rng, mut show: impl FnMut(Str<'_>)) {
        let len = self.len();
        match self.as_form() {
            Form::Table(table) if count < len / DRAW_BELOW => {
                let mut seen = BTreeSet::new();
                while seen.len() < count {
                    let Some(member) = table.random(&mut || rng.next_u64()) else { return };
                    // Nothing moves meanwhile, so a member is known by where it lies.
                    if seen.insert(std::ptr::from_ref(member)) {
                        show(Str::Bytes(member.key()));
                    }
                }
            }
            _ => {
                let mut selection = Selection::new(count.min(len), len);
                self.iter().filter(|_| selection.takes_next(rng)).for_each(show);
            }
        }
    }

    /// Takes a member chosen at random out, and shows it.
    pub fn pop(&mut self, rng: &mut impl Rng, show: impl FnOnce(Str<'_>)) {
        match self.form_mut() {
            Form::Table(table) => {
                let Some(member) = table.random(&mut || rng.next_u64()) else { return };
                let member = SmallVec::<[u8; STACK_MEMBER]>::from_slice(member.key());
                table.remove(table.hash(&member), &member);
                show(Str::Bytes(&member));
            }
            Form::Ints(ints) if !ints.is_empty() => {
                let rank = rng.random_range(0..ints.len());
                let n = ints.get(rank).expect("the rank is below the length");
                ints.remove(n);
                show(Str::Int(n));
            }
            Form::Pack(pack) if !pack.is_empty() => {
                let at = pack.seek(rng.random_range(0..pack.len()) as isize);
                let at = at.expect("the index is below the length");
                show(str_of(pack.get(at)));
                pack.remove(at);
            }
            Form::Ints(_) | Form::Pack(_) => {}
        }
    }

    /// Takes `count` members chosen at random out, and shows them; fewer than there are. Where few
    /// stay, a table gives way to a new set of them: it is handed out, to be freed where nobody waits.
    pub fn pop_many(
        &mut self,
        count: usize,
        limits: &Limits,
        rng: &mut impl Rng,
        mut show: impl FnMut(Str<'_>),
    ) -> Option<Self> {
        let stay = self.len() - count;
        let mut selection = Selection::new(count, self.len());
        match self.form_mut() {
            Form::Ints(ints) => {
                let mut kept = Intset::new();
                for n in ints.iter() {
                    if selection.takes_next(rng) {
                        show(Str::Int(n));
                    } else {
                        kept.insert(n);
                    }
                }
                *self = Self::ints(kept);
            }
            Form::Pack(pack) => {
                let mut kept = Listpack::new();
                for item in pack.iter() {
                    if selection.takes_next(rng) {
                        show(str_of(item));
                    } else {
                        kept.push_back(item.bytes(&mut itoa::Buffer::new()));
                    }
                }
                *self = Self::pack(kept);
            }
            Form::Table(_) if stay * REBUILD_ABOVE <= count => {
                let mut kept = Self::new_pack();
                for _ in 0..stay {
                    self.pop(rng, |member| {
                        kept.add(member.bytes(&mut itoa::Buffer::new()), limits);
                    });
                }
                self.iter().for_each(show);
                return Some(std::mem::replace(self, kept));
            }
            Form::Table(_) => (0..count).for_each(|_| self.pop(rng, &mut show)),
        }
        None
    }
}
