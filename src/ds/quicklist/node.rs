//! One node: some of the list's elements, raw or compressed.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use super::pack::Pack;
use super::{Direction, Limits};
use crate::ds::entry::size_class;
use crate::ds::listpack::{At, Item, Listpack};
use crate::stdx::alloc::Mover;
use crate::stdx::lzf::{self, Compressor};

/// A node of fewer bytes is not compressed.
const COMPRESS_MIN: usize = 48;
/// Compression must save so many bytes.
const SAVING_MIN: usize = 8;
/// What each of two listpacks has, and their union has once: a head and an end byte.
const LISTPACK_FRAME: usize = 7;

/// Some elements that follow each other. None is empty but in the middle of an operation.
#[derive(Debug, Clone)]
pub(super) struct Node {
    entries: u32,
    /// Compression was tried in vain since the content last changed.
    stubborn: bool,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Packed(Pack),
    /// One element, too large to stand beside others.
    Plain(Box<[u8]>),
    /// A compressed listpack. What it decompresses to was in memory once, so it is whole; as is
    /// that of the next.
    PackedLzf {
        raw_len: u32,
        bytes: Box<[u8]>,
    },
    /// A compressed element.
    PlainLzf {
        raw_len: u32,
        bytes: Box<[u8]>,
    },
}

/// A node's elements while they are looked at.
pub(super) enum Content<'a> {
    Packed(&'a Pack),
    Plain(&'a [u8]),
}

/// A node's bytes as an RDB file carries them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeBytes<'a> {
    /// As they are.
    Raw(Cow<'a, [u8]>),
    /// LZF, which gives `raw_len` bytes.
    Lzf {
        /// The compressed bytes.
        bytes: &'a [u8],
        /// The length of the raw ones.
        raw_len: usize,
    },
}

/// A node as it lies there.
#[derive(Debug, Clone, Copy)]
pub struct NodeRef<'a>(pub(super) &'a Node);

impl<'a> NodeRef<'a> {
    /// Its elements.
    #[must_use]
    pub fn entries(self) -> usize {
        self.0.entries()
    }

    /// Whether it is one element without a listpack around it.
    #[must_use]
    pub fn is_plain(self) -> bool {
        self.0.is_plain()
    }

    /// The bytes of its listpack or element, compressed or not.
    #[must_use]
    pub fn bytes(self) -> NodeBytes<'a> {
        match &self.0.body {
            Body::Packed(pack) => NodeBytes::Raw(pack.bytes()),
            Body::Plain(bytes) => NodeBytes::Raw(Cow::Borrowed(bytes)),
            Body::PackedLzf { raw_len, bytes } | Body::PlainLzf { raw_len, bytes } => {
                NodeBytes::Lzf { bytes, raw_len: *raw_len as usize }
            }
        }
    }

    /// Bytes of its listpack or element when they are raw.
    #[must_use]
    pub fn raw_len(self) -> usize {
        self.0.raw_len()
    }
}

impl Node {
    /// A node of this element alone.
    pub(super) fn new(element: &[u8], limits: Limits) -> Self {
        if limits.is_large(element) {
            return Self::plain(element.into());
        }
        let mut listpack = Listpack::new();
        listpack.push_back(element);
        Self::packed(listpack)
    }

    pub(super) fn plain(element: Box<[u8]>) -> Self {
        Self { entries: 1, stubborn: false, body: Body::Plain(element) }
    }

    pub(super) fn packed(listpack: Listpack) -> Self {
        let entries = u32::try_from(listpack.len()).expect("each takes two of at most 2^32 bytes");
        Self { entries, stubborn: false, body: Body::Packed(Pack::new(listpack)) }
    }

    #[inline]
    pub(super) fn entries(&self) -> usize {
        self.entries as usize
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self.body, Body::Plain(_) | Body::PlainLzf { .. })
    }

    pub(super) fn is_compressed(&self) -> bool {
        matches!(self.body, Body::PackedLzf { .. } | Body::PlainLzf { .. })
    }

    /// Bytes of the listpack or element when raw.
    pub(super) fn raw_len(&self) -> usize {
        match &self.body {
            Body::Packed(pack) => pack.byte_len(),
            Body::Plain(bytes) => bytes.len(),
            Body::PackedLzf { raw_len, .. } | Body::PlainLzf { raw_len, .. } => *raw_len as usize,
        }
    }

    /// Bytes of its allocation.
    pub(super) fn alloc_size(&self) -> usize {
        match &self.body {
            Body::Packed(pack) => pack.alloc_size(),
            Body::Plain(bytes) | Body::PackedLzf { bytes, .. } | Body::PlainLzf { bytes, .. } => {
                size_class(bytes.len())
            }
        }
    }

    /// Shows the elements; those of a compressed node are decompressed for the occasion.
    #[inline]
    pub(super) fn read<R>(&self, look: impl FnOnce(Content<'_>) -> R) -> R {
        match &self.body {
            Body::Packed(pack) => look(Content::Packed(pack)),
            Body::Plain(bytes) => look(Content::Plain(bytes)),
            Body::PackedLzf { raw_len, bytes } => {
                look(Content::Packed(&Pack::new(listpack_of(*raw_len, bytes))))
            }
            Body::PlainLzf { raw_len, bytes } => look(Content::Plain(&decompress(*raw_len, bytes))),
        }
    }

    /// Shows element number `index`.
    pub(super) fn get<R>(&self, index: usize, look: impl FnOnce(Item<'_>) -> R) -> R {
        self.read(|content| match content {
            Content::Packed(pack) => look(pack.get(pack.at(index, self.entries()))),
            Content::Plain(bytes) => look(Item::Bytes(bytes)),
        })
    }

    /// Shows the first element of a raw node.
    #[inline]
    pub(super) fn first(&self) -> Item<'_> {
        match &self.body {
            Body::Packed(pack) => pack.first(),
            Body::Plain(bytes) => Item::Bytes(bytes),
            Body::PackedLzf { .. } | Body::PlainLzf { .. } => unreachable!("{RAW}"),
        }
    }

    /// Shows the last element of a raw node.
    #[inline]
    pub(super) fn last(&self) -> Item<'_> {
        match &self.body {
            Body::Packed(pack) => pack.last(),
            Body::Plain(bytes) => Item::Bytes(bytes),
            Body::PackedLzf { .. } | Body::PlainLzf { .. } => unreachable!("{RAW}"),
        }
    }

    /// Shows `count` elements from number `from` on, all of which there must be.
    #[inline]
    pub(super) fn for_each(&self, from: usize, count: usize, mut look: impl FnMut(Item<'_>)) {
        self.read(|content| match content {
            Content::Packed(pack) => {
                pack.iter_from(pack.at(from, self.entries())).take(count).for_each(look)
            }
            Content::Plain(bytes) => look(Item::Bytes(bytes)),
        });
    }

    /// Shows the elements from number `from` on, in one direction or the other, until told to stop.
    pub(super) fn walk<B>(
        &self,
        from: usize,
        direction: Direction,
        mut look: impl FnMut(Item<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        self.read(|content| match (content, direction) {
            (Content::Plain(bytes), _) => look(Item::Bytes(bytes)),
            (Content::Packed(pack), Direction::Forward) => {
                pack.iter_from(pack.at(from, self.entries())).try_for_each(look)
            }
            (Content::Packed(pack), Direction::Backward) => {
                let skipped = self.entries() - 1 - from;
                pack.iter().rev().skip(skipped).try_for_each(look)
            }
        })
    }

    /// Whether one more element may be added.
    #[inline]
    pub(super) fn has_room(&self, element: &[u8], limits: Limits) -> bool {
        !self.is_plain() && limits.has_room(self.raw_len(), self.entries(), element)
    }

    /// Whether `next`, which follows this node, may become part of it.
    pub(super) fn may_absorb(&self, next: &Self, limits: Limits) -> bool {
        let bytes = self.raw_len() + next.raw_len() - LISTPACK_FRAME;
        !self.is_plain() && !next.is_plain() && limits.fit(bytes, self.entries() + next.entries())
    }

    /// Takes over the elements of `next`, which followed this node.
    pub(super) fn absorb(&mut self, mut next: Self) {
        next.open();
        self.edit().append(next.edit());
        self.entries += next.entries;
    }

    #[inline]
    pub(super) fn push_front(&mut self, element: &[u8]) {
        self.edit().push_front(element);
        self.entries += 1;
    }

    #[inline]
    pub(super) fn push_back(&mut self, element: &[u8]) {
        self.edit_back().push_back(element);
        self.entries += 1;
    }

    /// Puts an element before number `index`.
    pub(super) fn insert(&mut self, index: usize, element: &[u8]) {
        let listpack = self.edit();
        listpack.insert_before(at(listpack, index), element);
        self.entries += 1;
    }

    /// Puts `element` in the place of number `index`, if the limits allow it.
    pub(super) fn replace(&mut self, index: usize, element: &[u8], limits: Limits) -> bool {
        if self.entries == 1 {
            *self = Self::new(element, limits);
            return true;
        }
        if !limits.has_room_instead(self.raw_len(), element) {
            return false;
        }
        self.open();
        let listpack = self.edit();
        listpack.replace(at(listpack, index), element);
        true
    }

    /// Removes the first element of a raw node; the node may be left empty.
    #[inline]
    pub(super) fn remove_first(&mut self) {
        self.entries -= 1;
        if self.entries > 0 {
            self.stubborn = false;
            self.pack_mut().remove_first();
        }
    }

    /// Removes the last element of a raw node; the node may be left empty.
    #[inline]
    pub(super) fn remove_last(&mut self) {
        self.entries -= 1;
        if self.entries > 0 {
            let listpack = self.edit_back();
            listpack.remove(listpack.last().expect("others are left"));
        }
    }

    /// Removes elements, but not all.
    pub(super) fn remove_range(&mut self, range: Range<usize>) {
        debug_assert!(range.len() < self.entries(), "a node without elements is removed");
        self.open();
        let listpack = self.edit();
        listpack.remove_range(at(listpack, range.start), range.len());
        self.entries -= range.len() as u32;
    }

    /// Removes the elements for which `remove` returns true, at most `limit`, seen in this
    /// direction, and returns how many; the node may be left empty.
    pub(super) fn remove_where(
        &mut self,
        direction: Direction,
        limit: usize,
        mut remove: impl FnMut(Item<'_>) -> bool,
    ) -> usize {
        if self.is_compressed() || self.is_plain() {
            let found = self.walk(self.end(direction), direction, |item| match remove(item) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            });
            if found.is_continue() {
                return 0;
            }
            if self.is_plain() {
                self.entries = 0;
                return 1;
            }
            self.open();
        }
        let removed = remove_items(self.pack_mut().edit(), direction, limit, remove);
        self.stubborn &= removed == 0;
        self.entries -= removed as u32;
        removed
    }

    /// The number of the element that comes first in this direction.
    pub(super) fn end(&self, direction: Direction) -> usize {
        match direction {
            Direction::Forward => 0,
            Direction::Backward => self.entries() - 1,
        }
    }

    /// Leaves the elements before number `index`, and returns the others.
    pub(super) fn split_off(&mut self, index: usize) -> Self {
        self.open();
        let listpack = self.edit();
        let tail = Self::packed(listpack.split_off(at(listpack, index)));
        self.entries -= tail.entries;
        tail
    }

    /// Moves what holds its bytes, if that lies badly.
    pub(super) fn relocate(&mut self, mover: &mut Mover) {
        match &mut self.body {
            Body::Packed(pack) => pack.relocate(mover),
            Body::Plain(bytes) | Body::PackedLzf { bytes, .. } | Body::PlainLzf { bytes, .. } => {
                mover.slice(bytes);
            }
        }
    }

    /// Decompresses the node, if it is compressed.
    pub(super) fn open(&mut self) {
        match &self.body {
            Body::PackedLzf { raw_len, bytes } => {
                self.body = Body::Packed(Pack::new(listpack_of(*raw_len, bytes)));
            }
            Body::PlainLzf { raw_len, bytes } => {
                self.body = Body::Plain(decompress(*raw_len, bytes).into_boxed_slice());
            }
            Body::Packed(_) | Body::Plain(_) => {}
        }
    }

    /// Compresses the node, if it is worth while and not done yet. The compressor is made when it
    /// is needed, for the next node to use again.
    pub(super) fn compress(&mut self, compressor: &mut Option<Compressor>) {
        let bytes = match &mut self.body {
            Body::Packed(pack) => pack.edit().as_bytes(),
            Body::Plain(bytes) => &bytes[..],
            Body::PackedLzf { .. } | Body::PlainLzf { .. } => return,
        };
        let Ok(raw_len) = u32::try_from(bytes.len()) else { return };
        if self.stubborn || bytes.len() < COMPRESS_MIN {
            return;
        }
        let mut out = Vec::new();
        let compressor = compressor.get_or_insert_default();
        if !compressor.compress(bytes, &mut out, bytes.len() - SAVING_MIN) {
            self.stubborn = true;
            return;
        }
        let bytes = out.into_boxed_slice();
        self.body = if self.is_plain() {
            Body::PlainLzf { raw_len, bytes }
        } else {
            Body::PackedLzf { raw_len, bytes }
        };
    }

    /// Whether it is raw and not plain.
    pub(super) fn is_listpack(&self) -> bool {
        matches!(self.body, Body::Packed(_))
    }

    /// The listpack of a raw node that is not plain.
    pub(super) fn into_listpack(self) -> Option<Listpack> {
        match self.body {
            Body::Packed(pack) => Some(pack.into_listpack()),
            Body::Plain(_) | Body::PackedLzf { .. } | Body::PlainLzf { .. } => None,
        }
    }

    /// The listpack, to be changed. The node is raw and not plain.
    #[inline]
    fn edit(&mut self) -> &mut Listpack {
        self.stubborn = false;
        self.pack_mut().edit()
    }

    /// The same, to be changed at its end.
    #[inline]
    fn edit_back(&mut self) -> &mut Listpack {
        self.stubborn = false;
        self.pack_mut().edit_back()
    }

    #[inline]
    fn pack_mut(&mut self) -> &mut Pack {
        match &mut self.body {
            Body::Packed(pack) => pack,
            Body::Plain(_) | Body::PackedLzf { .. } | Body::PlainLzf { .. } => {
                unreachable!("{RAW}")
            }
        }
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self) {
        assert!(self.entries > 0, "no node is empty");
        match &self.body {
            Body::Packed(pack) => assert_eq!(pack.iter().count(), self.entries()),
            Body::PackedLzf { raw_len, bytes } => {
                assert_eq!(listpack_of(*raw_len, bytes).len(), self.entries());
            }
            Body::Plain(_) | Body::PlainLzf { .. } => assert_eq!(self.entries, 1),
        }
        if let NodeBytes::Lzf { raw_len, bytes } = NodeRef(self).bytes() {
            assert!(bytes.len() + SAVING_MIN <= raw_len, "it saves bytes");
        }
    }

    /// Whether an attempt to compress the node would change nothing.
    #[cfg(test)]
    pub(super) fn is_settled(&self) -> bool {
        self.is_compressed() || self.stubborn || self.raw_len() < COMPRESS_MIN
    }
}

/// Why a node is found raw.
const RAW: &str = "the ends of a list are raw, and other nodes are opened before they change";

fn decompress(raw_len: u32, bytes: &[u8]) -> Vec<u8> {
    lzf::decompress(bytes, raw_len as usize).expect("a node compressed it")
}

fn listpack_of(raw_len: u32, bytes: &[u8]) -> Listpack {
    Listpack::from_bytes(&decompress(raw_len, bytes)).expect("it was a listpack")
}

fn at(listpack: &Listpack, index: usize) -> At {
    listpack.seek(index as isize).expect("the index was found by the node's count")
}

fn remove_items(
    listpack: &mut Listpack,
    direction: Direction,
    limit: usize,
    mut remove: impl FnMut(Item<'_>) -> bool,
) -> usize {
    let mut removed = 0;
    let mut next = match direction {
        Direction::Forward => listpack.first(),
        Direction::Backward => listpack.last(),
    };
    while let Some(at) = next
        && removed < limit
    {
        let matches = remove(listpack.get(at));
        removed += usize::from(matches);
        next = match direction {
            Direction::Forward if matches => listpack.remove(at),
            Direction::Forward => listpack.next(at),
            Direction::Backward => {
                // What lies before a removed element stays where it is.
                let before = listpack.prev(at);
                if matches {
                    listpack.remove(at);
                }
                before
            }
        };
    }
    removed
}
