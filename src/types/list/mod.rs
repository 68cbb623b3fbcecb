//! Lists: one listpack while that stays within the limits of a node, a quicklist beyond.
//!
//! A list changes to a quicklist before an addition would exceed `list-max-listpack-size`, and back
//! when what is left after a removal is one node of half these limits at most.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::{ControlFlow, Range};

use super::value::{OTHER_FORM, Quick, mark};
use super::{Collection, Kinds, Limits, Type, Value, part};
use crate::ds::handle::{Any, OneOf};
use crate::ds::listpack::{Item, Listpack};
use crate::ds::quicklist::{Direction, Limits as NodeLimits, NodeRef, Quicklist};
use crate::stdx::num;

/// More nodes than these are freed on another thread.
const NODES_FREED_AT_ONCE: usize = 32;
/// So is a node of so many bytes, whose pages are given back.
const BYTES_FREED_AT_ONCE: usize = 1 << 20;

/// A list's value.
pub type List = OneOf<Kinds, part::List>;

/// How it is held.
enum Form<P, Q> {
    Packed(P),
    Quick(Q),
}

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The head.
    Left,
    /// The tail.
    Right,
}

/// How a list is held, for those who write it elsewhere as it is.
#[derive(Debug)]
pub enum ListForm<'a> {
    /// In one listpack.
    Packed(&'a Listpack),
    /// In nodes.
    Quick(&'a Quicklist),
}

/// An element that is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Needle<'a> {
    text: &'a [u8],
    /// Its value, if it reads as an integer: elements that do are held as such.
    int: Option<i64>,
}

impl<'a> Needle<'a> {
    /// The element that says `text`.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, int: num::parse_i64(text) }
    }

    /// Whether `item` says the same.
    #[inline]
    #[must_use]
    pub fn is(self, item: Item<'_>) -> bool {
        match item {
            Item::Int(n) => self.int == Some(n),
            Item::Bytes(bytes) => bytes == self.text,
        }
    }
}

impl Default for List {
    fn default() -> Self {
        Self::packed(Listpack::new())
    }
}

impl List {
    /// A list loaded as nodes, in the form that it would have been given here.
    #[must_use]
    pub fn from_quicklist(list: Quicklist, limits: &Limits) -> Self {
        let mut list = Self::quick(list);
        list.pack(limits.list_node());
        list
    }

    /// Adds elements at one end, one after the other.
    pub fn extend<'e>(
        &mut self,
        end: End,
        elements: impl Iterator<Item = &'e [u8]> + Clone,
        limits: &Limits,
    ) {
        let node = limits.list_node();
        self.make_room(elements.clone(), limits);
        match (self.form_mut(), end) {
            (Form::Packed(list), End::Left) => elements.for_each(|e| list.push_front(e)),
            (Form::Packed(list), End::Right) => elements.for_each(|e| list.push_back(e)),
            (Form::Quick(list), End::Left) => elements.for_each(|e| list.push_front(e, node)),
            (Form::Quick(list), End::Right) => elements.for_each(|e| list.push_back(e, node)),
        }
    }

    /// Puts `element` before number `index`, or after all others if there are `index`.
    pub fn insert(&mut self, index: usize, element: &[u8], limits: &Limits) {
        self.make_room(std::iter::once(element), limits);
        match self.form_mut() {
            Form::Packed(list) => match list.seek(index as isize) {
                Some(at) => {
                    list.insert_before(at, element);
                }
                None => list.push_back(element),
            },
            Form::Quick(list) => list.insert(index, element, limits.list_node()),
        }
    }

    /// Puts `element` in the place of number `index`, which there must be.
    pub fn set(&mut self, index: usize, element: &[u8], limits: &Limits) {
        self.make_room(std::iter::once(element), limits);
        match self.form_mut() {
            Form::Packed(list) => {
                if let Some(at) = list.seek(index as isize) {
                    list.replace(at, element);
                }
            }
            Form::Quick(list) => {
                list.set(index, element, limits.list_node());
            }
        }
        self.shrink(limits);
    }

    /// Removes the element at one end, after it was shown to `look`, whose result is returned. When
    /// all that go are gone, [`List::shrink`] is due.
    #[inline]
    pub fn pop<R>(&mut self, end: End, look: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        match (self.form_mut(), end) {
            (Form::Packed(list), _) => {
                let at = if end == End::Left { list.first() } else { list.last() }?;
                let result = look(list.get(at));
                list.remove(at);
                Some(result)
            }
            (Form::Quick(list), End::Left) => list.pop_front(look),
            (Form::Quick(list), End::Right) => list.pop_back(look),
        }
    }

    /// Removes the elements of a range, as far as there are any. What takes long to free comes
    /// back, for that to be done elsewhere.
    #[must_use]
    pub fn remove_range(&mut self, range: Range<usize>, limits: &Limits) -> Option<Self> {
        let removed = match self.form_mut() {
            Form::Packed(list) => {
                let count = range.end.min(list.len()).saturating_sub(range.start);
                if count > 0
                    && let Some(at) = list.seek(range.start as isize)
                {
                    list.remove_range(at, count);
                }
                None
            }
            Form::Quick(list) => Some(list.remove_range(range)),
        };
        self.shrink(limits);
        removed.map(Self::quick).filter(Self::is_slow_to_free)
    }

    /// Removes the elements that `needle` is, at most `limit` of them, beginning at `end`. Returns
    /// how many there were.
    pub fn remove_equal(
        &mut self,
        needle: Needle<'_>,
        end: End,
        limit: usize,
        limits: &Limits,
    ) -> usize {
        let removed = match self.form_mut() {
            Form::Packed(list) => remove_equal(list, needle, end, limit),
            Form::Quick(list) => list.remove_where(direction(end), limit, |item| needle.is(item)),
        };
        self.shrink(limits);
        removed
    }

    /// Changes back to a listpack, if what was removed made the list small enough.
    pub fn shrink(&mut self, limits: &Limits) {
        self.pack(limits.list_node().halved());
    }

    fn pack(&mut self, within: NodeLimits) {
        let Form::Quick(list) = self.form_mut() else { return };
        let fits = |node: NodeRef<'_>| within.fit(node.raw_len(), node.entries());
        if list.sole_listpack().is_some_and(fits)
            && let Ok(listpack) = std::mem::take(list).into_listpack()
        {
            *self = Self::packed(listpack);
        }
    }

    /// Changes to a quicklist, if a listpack would become too large by these elements.
    fn make_room<'e>(&mut self, elements: impl Iterator<Item = &'e [u8]>, limits: &Limits) {
        let Form::Packed(list) = self.form_mut() else { return };
        let (bytes, count) = elements
            .fold((list.byte_len(), list.len()), |(bytes, count), e| (bytes + e.len(), count + 1));
        if !limits.list_node().fit(bytes, count) {
            let list = std::mem::take(list);
            let list = Quicklist::from_listpack(list, limits.list_compress_depth);
            *self = Self::quick(list);
        }
    }

    /// Shows element number `index`, if there is one, and returns what `look` does.
    pub fn get<R>(&self, index: usize, look: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        match self.as_form() {
            Form::Packed(list) => list.seek(index as isize).map(|at| look(list.get(at))),
            Form::Quick(list) => list.get(index, look),
        }
    }

    /// Shows the elements of a range, as far as there are any, in order.
    #[inline]
    pub fn for_each(&self, range: Range<usize>, look: impl FnMut(Item<'_>)) {
        match self.as_form() {
            Form::Packed(list) => {
                if let Some(at) = list.seek(range.start as isize) {
                    list.iter_from(at).take(range.len()).for_each(look);
                }
            }
            Form::Quick(list) => list.for_each(range, look),
        }
    }

    /// Shows the elements beginning at one end, until told to stop.
    pub fn walk<B>(
        &self,
        end: End,
        mut look: impl FnMut(Item<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        match (self.as_form(), end) {
            (Form::Packed(list), End::Left) => list.iter().try_for_each(look),
            (Form::Packed(list), End::Right) => list.iter().rev().try_for_each(look),
            (Form::Quick(list), End::Left) => list.walk(0, Direction::Forward, &mut look),
            (Form::Quick(list), End::Right) => {
                list.walk(list.len().saturating_sub(1), Direction::Backward, &mut look)
            }
        }
    }

    /// Where the first element is that `needle` is.
    #[must_use]
    pub fn position(&self, needle: Needle<'_>) -> Option<usize> {
        let mut index = 0;
        let found = self.walk(End::Left, |item| {
            if needle.is(item) {
                return ControlFlow::Break(());
            }
            index += 1;
            ControlFlow::Continue(())
        });
        found.is_break().then_some(index)
    }

    fn packed(mut list: Listpack) -> Self {
        list.set_mark(mark::LIST);
        Self::hold(Any::Listpack(list))
    }

    fn quick(list: Quicklist) -> Self {
        Self::hold(Quick(Box::new(list)))
    }

    #[inline]
    fn as_form(&self) -> Form<&Listpack, &Quicklist> {
        match self.view() {
            Any::Listpack(list) => Form::Packed(list),
            Quick(list) => Form::Quick(list),
            _ => unreachable!("{OTHER_FORM}"),
        }
    }

    #[inline]
    fn form_mut(&mut self) -> Form<&mut Listpack, &mut Quicklist> {
        match self.view_mut() {
            Any::Listpack(list) => Form::Packed(list),
            Quick(list) => Form::Quick(list),
            _ => unreachable!("{OTHER_FORM}"),
        }
    }

    /// How it is held.
    #[must_use]
    pub fn form(&self) -> ListForm<'_> {
        match self.as_form() {
            Form::Packed(list) => ListForm::Packed(list),
            Form::Quick(list) => ListForm::Quick(list),
        }
    }
}

impl Limits {
    /// What a list's node may hold; a listpack as well, while it is the whole list.
    fn list_node(&self) -> NodeLimits {
        let limits = NodeLimits::new(self.list_max_listpack_size);
        match self.list_packed_threshold {
            Some(threshold) => limits.with_packed_threshold(threshold),
            None => limits,
        }
    }
}

fn direction(end: End) -> Direction {
    match end {
        End::Left => Direction::Forward,
        End::Right => Direction::Backward,
    }
}

fn remove_equal(list: &mut Listpack, needle: Needle<'_>, end: End, limit: usize) -> usize {
    let mut removed = 0;
    let mut next = if end == End::Left { list.first() } else { list.last() };
    while let Some(at) = next
        && removed < limit
    {
        let found = needle.is(list.get(at));
        removed += usize::from(found);
        next = match end {
            End::Left if found => list.remove(at),
            End::Left => list.next(at),
            End::Right => {
                // What lies before a removed element stays where it is.
                let before = list.prev(at);
                if found {
                    list.remove(at);
                }
                before
            }
        };
    }
    removed
}

impl Clone for List {
    fn clone(&self) -> Self {
        match self.as_form() {
            Form::Packed(list) => Self::packed(list.clone()),
            Form::Quick(list) => Self::quick(list.clone()),
        }
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.form().fmt(f)
    }
}

impl Collection for List {
    const TYPE: Type = Type::List;

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
            Form::Packed(list) => list.len(),
            Form::Quick(list) => list.len(),
        }
    }

    fn encoding_name(&self) -> &'static str {
        match self.as_form() {
            Form::Packed(_) => "listpack",
            Form::Quick(_) => "quicklist",
        }
    }

    fn memory(&self, samples: usize) -> usize {
        match self.as_form() {
            Form::Packed(list) => list.alloc_size(),
            Form::Quick(list) => size_of::<Quicklist>() + list.alloc_size(samples),
        }
    }

    fn is_slow_to_free(&self) -> bool {
        match self.as_form() {
            Form::Packed(_) => false,
            Form::Quick(list) => {
                list.node_count() > NODES_FREED_AT_ONCE
                    || list.nodes().any(|node| node.raw_len() >= BYTES_FREED_AT_ONCE)
            }
        }
    }
}
