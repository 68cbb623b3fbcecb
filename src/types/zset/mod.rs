//! Sorted sets: a listpack while small, else a [`Skiplist`]. Both speak in ranks: whatever bounds a
//! range, what is read or removed is a range of ranks, 0 being the lowest.

mod bounds;
mod elements;
mod packed;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use super::value::{OTHER_FORM, Tree, mark};
use super::{Collection, Kinds, Limits, Type, Value, part};
use crate::ds::handle::{Any, OneOf};
use crate::ds::listpack::Listpack;
use crate::ds::skiplist::Skiplist;
pub use bounds::{LexBound, LexRange, ScoreRange};
use elements::Form;
pub use elements::{Element, Elements};
use packed::Pairs;

/// Members with scores, in order of score and then of bytes.
pub type Zset = OneOf<Kinds, part::Zset>;

#[derive(Debug)]
enum Encoding<P, T> {
    Packed(P),
    Tree(T),
}

/// What ZADD's options ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AddOptions {
    /// NX: members that are there keep their scores.
    pub only_new: bool,
    /// XX: nothing is added.
    pub only_existing: bool,
    /// GT: a score may only rise.
    pub only_greater: bool,
    /// LT: a score may only fall.
    pub only_less: bool,
    /// INCR: the score given is added to the one there is.
    pub increment: bool,
}

/// What [`Zset::add`] did, with the score that the member has now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Added {
    /// There is a new member.
    New(f64),
    /// A member has another score.
    Updated(f64),
    /// A member has the same score.
    Unchanged(f64),
    /// An option forbade it.
    Skipped,
}

/// The sum of two infinities of different sign is no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotANumber;

impl AddOptions {
    /// What adding `score` means for a member whose score is `former`, if it has one.
    fn decide(self, former: Option<f64>, score: f64) -> Result<Added, NotANumber> {
        let Some(former) = former else {
            return Ok(if self.only_existing { Added::Skipped } else { Added::New(score) });
        };
        if self.only_new {
            return Ok(Added::Skipped);
        }
        let score = if self.increment { former + score } else { score };
        if score.is_nan() {
            return Err(NotANumber);
        }
        if (self.only_greater && score <= former) || (self.only_less && score >= former) {
            return Ok(Added::Skipped);
        }
        Ok(if score == former { Added::Unchanged(former) } else { Added::Updated(score) })
    }
}

impl Zset {
    /// An empty one, a listpack.
    pub fn new() -> Self {
        Self::packed(Listpack::new())
    }

    /// An empty one, in the encoding that so many members need, of which the longest has so many
    /// bytes.
    pub fn with_hints(limits: &Limits, members: usize, longest: usize) -> Self {
        let mut zset = Self::new();
        zset.expect(limits, members, longest);
        zset
    }

    /// A set that came as a listpack; `None` unless it is a sound one. It is converted if it has
    /// more members than a listpack may have here.
    pub fn from_listpack(pack: Listpack, limits: &Limits) -> Option<Self> {
        if !packed::is_sound(&pack) {
            return None;
        }
        let mut zset = Self::packed(pack);
        if zset.len() > limits.zset_max_listpack_entries {
            zset.convert(limits, 0);
        }
        Some(zset)
    }

    /// Converts it already if so many more members, of which the longest has so many bytes, would
    /// make it necessary.
    pub fn expect(&mut self, limits: &Limits, members: usize, longest: usize) {
        if self.len().saturating_add(members) > limits.zset_max_listpack_entries
            || longest > limits.zset_max_listpack_value
        {
            self.convert(limits, 0);
        }
    }

    /// The same set as a listpack if it is small enough for one: the results of commands that
    /// cannot know beforehand how large they become.
    pub fn compacted(self, limits: &Limits) -> Self {
        let Encoding::Tree(tree) = self.as_form() else { return self };
        if tree.len() > limits.zset_max_listpack_entries
            || tree.iter().any(|(member, _)| member.len() > limits.zset_max_listpack_value)
            || tree.iter().map(|(member, _)| member.len()).sum::<usize>() > Listpack::SIZE_MAX
        {
            return self;
        }
        let mut pack = Listpack::new();
        for (member, score) in tree.iter() {
            packed::insert(&mut pack, member, score);
        }
        Self::packed(pack)
    }

    /// Adds a member or changes its score, as far as `options` allow. `score` must not be NaN.
    pub fn add(
        &mut self,
        limits: &Limits,
        member: &[u8],
        score: f64,
        options: AddOptions,
    ) -> Result<Added, NotANumber> {
        let tree = match self.form_mut() {
            Encoding::Tree(tree) => tree,
            Encoding::Packed(pack) => {
                let found = packed::find(pack, member);
                let added = options.decide(found.as_ref().map(|it| it.score), score)?;
                match (added, found) {
                    (Added::Updated(score), Some(found)) => {
                        packed::remove(pack, found.at);
                        packed::insert(pack, member, score);
                    }
                    (Added::New(score), _) => self.insert_new(limits, member, score),
                    _ => {}
                }
                return Ok(added);
            }
        };
        let mut outcome = Ok(Added::Skipped);
        tree.update(member, |former| {
            outcome = options.decide(former, score);
            match outcome {
                Ok(Added::New(score) | Added::Updated(score)) => Some(score),
                Ok(Added::Unchanged(_) | Added::Skipped) | Err(NotANumber) => None,
            }
        });
        outcome
    }

    /// Gives a member its score, and adds it if it is new; returns its former score.
    pub fn insert(&mut self, limits: &Limits, member: &[u8], score: f64) -> Option<f64> {
        match self.form_mut() {
            Encoding::Tree(tree) => tree.insert(member, score),
            Encoding::Packed(pack) => {
                let Some(found) = packed::find(pack, member) else {
                    self.insert_new(limits, member, score);
                    return None;
                };
                packed::remove(pack, found.at);
                packed::insert(pack, member, score);
                Some(found.score)
            }
        }
    }

    /// Adds a member that is not there, and converts a listpack before if it is too much for one.
    fn insert_new(&mut self, limits: &Limits, member: &[u8], score: f64) {
        if let Encoding::Packed(pack) = self.form_mut()
            && packed::len(pack) < limits.zset_max_listpack_entries
            && member.len() <= limits.zset_max_listpack_value
            && pack.byte_len() + member.len() <= Listpack::SIZE_MAX
        {
            packed::insert(pack, member, score);
            return;
        }
        self.convert(limits, 1).insert(member, score);
    }

    /// Makes it a skiplist, with room for so many more members.
    fn convert(&mut self, limits: &Limits, more: usize) -> &mut Skiplist {
        if let Encoding::Packed(pack) = self.as_form() {
            let len = packed::len(pack);
            let mut tree = Skiplist::new(limits.seed);
            tree.reserve(len + more);
            let mut digits = itoa::Buffer::new();
            for Element { member, score } in Pairs::new(pack, 0..len) {
                tree.insert(member.bytes(&mut digits), score);
            }
            *self = Self::tree(tree);
        }
        match self.form_mut() {
            Encoding::Tree(tree) => tree,
            Encoding::Packed(_) => unreachable!("it was just converted"),
        }
    }

    /// Removes a member; returns its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match self.form_mut() {
            Encoding::Tree(tree) => tree.remove(member),
            Encoding::Packed(pack) => {
                let found = packed::find(pack, member)?;
                packed::remove(pack, found.at);
                Some(found.score)
            }
        }
    }

    /// Removes the elements of these ranks and hands each, ascending, to `removed`.
    ///
    /// # Panics
    /// If the range reaches past the end.
    pub fn remove_range(&mut self, ranks: Range<usize>, mut removed: impl FnMut(Element<'_>)) {
        match self.form_mut() {
            Encoding::Tree(tree) => {
                tree.remove_range(ranks, |member, score| removed((member, score).into()));
            }
            Encoding::Packed(pack) => {
                Pairs::new(pack, ranks.clone()).for_each(removed);
                if !ranks.is_empty() {
                    packed::remove_ranks(pack, &ranks);
                }
            }
        }
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.as_form() {
            Encoding::Tree(tree) => tree.score(member),
            Encoding::Packed(pack) => packed::find(pack, member).map(|found| found.score),
        }
    }

    /// The rank of a member, 0 for the lowest, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match self.as_form() {
            Encoding::Tree(tree) => tree.rank(member),
            Encoding::Packed(_) => {
                let is_it = |(_, element): &(usize, Element<'_>)| element.member.equals(member);
                self.iter().enumerate().find(is_it).map(|(rank, element)| (rank, element.score))
            }
        }
    }

    /// The element of this rank.
    pub fn get(&self, rank: usize) -> Option<Element<'_>> {
        match self.as_form() {
            Encoding::Tree(tree) => tree.get(rank).map(Element::from),
            Encoding::Packed(_) if rank < self.len() => self.range(rank..rank + 1).next(),
            Encoding::Packed(_) => None,
        }
    }

    /// The ranks of the elements whose scores are in a range.
    pub fn ranks_by_score(&self, range: &ScoreRange) -> Range<usize> {
        match self.as_form() {
            Encoding::Tree(tree) => {
                let start = tree.rank_by_score(|score| range.is_after(score));
                start..tree.rank_by_score(|score| range.reaches(score)).max(start)
            }
            Encoding::Packed(_) => self.ranks_where(
                |element| range.is_after(element.score),
                |element| range.reaches(element.score),
            ),
        }
    }

    /// The ranks of the elements whose members are in a range.
    pub fn ranks_by_lex(&self, range: &LexRange<'_>) -> Range<usize> {
        match self.as_form() {
            Encoding::Tree(tree) => {
                let start = tree.rank_by(|_, member| range.is_after(member));
                start..tree.rank_by(|_, member| range.reaches(member)).max(start)
            }
            Encoding::Packed(_) => {
                let (mut digits, mut more) = (itoa::Buffer::new(), itoa::Buffer::new());
                self.ranks_where(
                    |element| range.is_after(element.member.bytes(&mut digits)),
                    |element| range.reaches(element.member.bytes(&mut more)),
                )
            }
        }
    }

    /// The ranks of the elements after those that are `before` a range, as far as it `reaches`.
    fn ranks_where(
        &self,
        mut before: impl FnMut(&Element<'_>) -> bool,
        reaches: impl FnMut(&Element<'_>) -> bool,
    ) -> Range<usize> {
        let start = self.iter().take_while(&mut before).count();
        start..start + self.iter().skip(start).take_while(reaches).count()
    }

    /// The elements of these ranks.
    ///
    /// # Panics
    /// If the range reaches past the end.
    pub fn range(&self, ranks: Range<usize>) -> Elements<'_> {
        Elements(match self.as_form() {
            Encoding::Packed(pack) => Form::Packed(Pairs::new(pack, ranks)),
            Encoding::Tree(tree) => Form::Tree(tree.range(ranks)),
        })
    }

    /// All elements, ascending.
    pub fn iter(&self) -> Elements<'_> {
        self.range(0..self.len())
    }

    /// An element chosen at random, each with exactly the same probability.
    pub fn random(&self, rng: &mut impl FnMut() -> u64) -> Option<Element<'_>> {
        match self.as_form() {
            Encoding::Tree(tree) => tree.random(rng).map(Element::from),
            Encoding::Packed(_) => {
                let len = self.len() as u64;
                // A listpack is too short for the remainder to favour anything noticeably; the
                // draws that would are refused all the same.
                let fair = u64::MAX - u64::MAX.checked_rem(len)?;
                let draw = std::iter::repeat_with(rng).find(|&draw| draw < fair)?;
                self.get((draw % len) as usize)
            }
        }
    }

    /// One step of a scan from `cursor`, 0 at first: hands some elements to `emit` and returns the
    /// next cursor, 0 at the end. A listpack is handed out in one step.
    pub fn scan(&self, cursor: u64, mut emit: impl FnMut(Element<'_>)) -> u64 {
        match self.as_form() {
            Encoding::Tree(tree) => tree.scan(cursor, |member, score| emit((member, score).into())),
            Encoding::Packed(_) => {
                self.iter().for_each(emit);
                0
            }
        }
    }

    fn packed(mut pack: Listpack) -> Self {
        pack.set_mark(mark::ZSET);
        Self::hold(Any::Listpack(pack))
    }

    fn tree(tree: Skiplist) -> Self {
        Self::hold(Tree(Box::new(tree)))
    }

    #[inline]
    fn as_form(&self) -> Encoding<&Listpack, &Skiplist> {
        match self.view() {
            Any::Listpack(pack) => Encoding::Packed(pack),
            Tree(tree) => Encoding::Tree(tree),
            _ => unreachable!("{OTHER_FORM}"),
        }
    }

    #[inline]
    fn form_mut(&mut self) -> Encoding<&mut Listpack, &mut Skiplist> {
        match self.view_mut() {
            Any::Listpack(pack) => Encoding::Packed(pack),
            Tree(tree) => Encoding::Tree(tree),
            _ => unreachable!("{OTHER_FORM}"),
        }
    }

    /// The listpack that holds it, if one does.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match self.as_form() {
            Encoding::Packed(pack) => Some(pack),
            Encoding::Tree(_) => None,
        }
    }
}

impl Default for Zset {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Zset {
    fn clone(&self) -> Self {
        match self.as_form() {
            Encoding::Packed(pack) => Self::packed(pack.clone()),
            Encoding::Tree(tree) => Self::tree(tree.clone()),
        }
    }
}

impl fmt::Debug for Zset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_form().fmt(f)
    }
}

impl Collection for Zset {
    const TYPE: Type = Type::Zset;

    fn of(value: &Value) -> Option<&Self> {
        (value.kind() == Self::TYPE).then(|| value.as_part())
    }

    fn of_mut(value: &mut Value) -> Option<&mut Self> {
        (value.kind() == Self::TYPE).then(|| value.as_part_mut())
    }

    fn into_value(self) -> Value {
        self.into_part()
    }

    fn len(&self) -> usize {
        match self.as_form() {
            Encoding::Packed(pack) => packed::len(pack),
            Encoding::Tree(tree) => tree.len(),
        }
    }

    fn encoding_name(&self) -> &'static str {
        match self.as_form() {
            Encoding::Packed(_) => "listpack",
            Encoding::Tree(_) => "skiplist",
        }
    }

    fn memory(&self, _: usize) -> usize {
        match self.as_form() {
            Encoding::Packed(pack) => pack.alloc_size(),
            Encoding::Tree(tree) => size_of::<Skiplist>() + tree.memory(),
        }
    }

    fn is_slow_to_free(&self) -> bool {
        /// Each has an allocation of its own.
        const FEW_MEMBERS: usize = 64;
        match self.as_form() {
            Encoding::Packed(pack) => pack.alloc_size() >= 1 << 20,
            Encoding::Tree(tree) => tree.len() > FEW_MEMBERS,
        }
    }

    fn take_garbage(&mut self) -> Option<Box<dyn Send>> {
        match self.form_mut() {
            Encoding::Packed(_) => None,
            Encoding::Tree(tree) => Some(Box::new(tree.take_husk()?)),
        }
    }
}
