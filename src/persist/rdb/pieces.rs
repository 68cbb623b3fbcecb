//! Writing a big value in pieces, each of which takes a fraction of a millisecond. The value must not change
//! until all are written.
//!
//! The bytes are those that `save` writes at once, but for the order of a hash's fields and a
//! set's members, which has no meaning.

use super::encode::Encoder;
use super::is_of_valkey;
use super::object::type_byte;
use super::save::{FIRST_WITH_LISTPACKS, START_OF_TIME, field as save_field, item, node};
use super::stream::{self, Cursor};
use crate::ds::entry::ValueRef;
use crate::types::{Collection, Entry, Hash, List, ListForm, Set, SetForm, Stream, View, Zset};
use bytes::Bytes;

/// Values with more elements are big, and pieces have about so many.
const ELEMENTS: usize = 512;
/// Lists with more nodes are big, and pieces have so many.
const NODES: usize = 16;
/// Strings with more bytes are big.
const TEXT: usize = 1 << 20;
/// Bytes of a string copied in a piece.
const COPIED: usize = 512 * 1024;

/// What is left to be written of a value.
#[derive(Debug)]
pub struct Pieces(Left);

#[derive(Debug)]
enum Left {
    /// The head.
    All,
    /// A list from this node on.
    Nodes(usize),
    /// A set or a hash from this cursor on; 0 is the beginning.
    Scan(u64),
    /// So many elements of a sorted set, the lowest.
    Lowest(usize),
    /// A stream from here on.
    Stream(Cursor),
    /// A string, of which there is a copy so far.
    Text(Vec<u8>),
}

/// What a step of writing has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// There is more to write.
    More,
    /// All is written.
    Last,
    /// All is written but for this string, which ends the value and is to be [encoded](Encoder::string) behind
    /// it, where that takes nobody's time.
    Text(Bytes),
}

/// Whether writing the value at once would take long. In versions of the format that lack its usual form it
/// is written at once all the same.
pub fn is_big(entry: &Entry, version: u16) -> bool {
    let ValueRef::Other(value) = entry.value() else { return false };
    match value.as_is() {
        View::Raw(text) => text.len() > TEXT,
        View::Shared(text) => text.len() > TEXT,
        View::List(list) => match list.form() {
            ListForm::Packed(_) => false,
            ListForm::Quick(list) => version >= FIRST_WITH_LISTPACKS && list.node_count() > NODES,
        },
        View::Set(set) => matches!(set.form(), SetForm::Table(table) if table.len() > ELEMENTS),
        View::Hash(hash) => {
            let usual = hash.next_deadline().is_none() || !is_of_valkey(version);
            usual && hash.as_listpack().is_none() && value.elements() > Some(ELEMENTS)
        }
        View::Zset(zset) => zset.as_listpack().is_none() && value.elements() > Some(ELEMENTS),
        View::Stream(it) => stream::is_big(it, ELEMENTS),
    }
}

impl Default for Pieces {
    fn default() -> Self {
        Self(Left::All)
    }
}

impl Pieces {
    /// Whether nothing is written yet.
    pub fn is_at_start(&self) -> bool {
        matches!(self.0, Left::All)
    }

    /// Writes the next piece of the entry, which is [big](is_big): type byte, key and value.
    pub fn write(&mut self, entry: &Entry, out: &mut Encoder<'_>) -> Piece {
        let ValueRef::Other(value) = entry.value() else { return Piece::Last };
        match value.as_is() {
            View::Raw(text) => self.copy(entry.key(), text.as_slice(), out),
            View::Shared(text) => {
                begin(type_byte::STRING, entry.key(), out);
                Piece::Text(text.clone())
            }
            View::List(list) => self.list(entry.key(), list, out),
            View::Set(set) => self.set(entry.key(), set, out),
            View::Hash(hash) => self.hash(entry.key(), hash, out),
            View::Zset(zset) => self.zset(entry.key(), zset, out),
            View::Stream(stream) => self.stream(entry.key(), stream, out),
        }
    }

    fn copy(&mut self, key: &[u8], text: &[u8], out: &mut Encoder<'_>) -> Piece {
        if let Left::All = self.0 {
            begin(type_byte::STRING, key, out);
            self.0 = Left::Text(Vec::with_capacity(text.len()));
        }
        let Left::Text(copy) = &mut self.0 else { return Piece::Last };
        let end = text.len().min(copy.len() + COPIED);
        copy.extend_from_slice(&text[copy.len()..end]);
        if end < text.len() { Piece::More } else { Piece::Text(std::mem::take(copy).into()) }
    }

    fn list(&mut self, key: &[u8], list: &List, out: &mut Encoder<'_>) -> Piece {
        let ListForm::Quick(list) = list.form() else { return Piece::Last };
        let from = match self.0 {
            Left::Nodes(from) => from,
            _ => {
                begin(type_byte::LIST_QUICKLIST_2, key, out);
                out.length(list.node_count());
                0
            }
        };
        list.nodes_from(from).take(NODES).for_each(|bytes| node(bytes, out));
        self.0 = Left::Nodes(from + NODES);
        if from + NODES < list.node_count() { Piece::More } else { Piece::Last }
    }

    fn set(&mut self, key: &[u8], set: &Set, out: &mut Encoder<'_>) -> Piece {
        let SetForm::Table(table) = set.form() else { return Piece::Last };
        let cursor = self.cursor(|| {
            begin(type_byte::SET, key, out);
            out.length(table.len());
        });
        self.scan(cursor, |cursor, written| {
            table.scan(cursor, |member| {
                *written += 1;
                out.string(member.key());
            })
        })
    }

    fn hash(&mut self, key: &[u8], hash: &Hash, out: &mut Encoder<'_>) -> Piece {
        let first = hash.next_deadline();
        let cursor = self.cursor(|| {
            begin(first.map_or(type_byte::HASH, |_| type_byte::HASH_METADATA), key, out);
            if let Some(first) = first {
                out.u64_le(first);
            }
            out.length(hash.len());
        });
        self.scan(cursor, |cursor, written| {
            hash.scan(cursor, START_OF_TIME, |field| {
                *written += 1;
                save_field(&field, first, out);
            })
        })
    }

    fn zset(&mut self, key: &[u8], zset: &Zset, out: &mut Encoder<'_>) -> Piece {
        let left = match self.0 {
            Left::Lowest(left) => left,
            _ => {
                begin(type_byte::ZSET_2, key, out);
                out.length(zset.len());
                zset.len()
            }
        };
        let next = left.saturating_sub(ELEMENTS);
        for element in zset.range(next..left).rev() {
            item(element.member, out);
            out.double(element.score);
        }
        self.0 = Left::Lowest(next);
        if next > 0 { Piece::More } else { Piece::Last }
    }

    fn stream(&mut self, key: &[u8], it: &Stream, out: &mut Encoder<'_>) -> Piece {
        let from = match std::mem::replace(&mut self.0, Left::All) {
            Left::Stream(cursor) => cursor,
            _ => {
                begin(stream::type_of(it, out.version()), key, out);
                stream::begin(it, out)
            }
        };
        let cursor = stream::go_on(from, it, ELEMENTS, out);
        let piece = if cursor == Cursor::End { Piece::Last } else { Piece::More };
        self.0 = Left::Stream(cursor);
        piece
    }

    /// Where a scan goes on; `head` is written before it begins.
    fn cursor(&self, head: impl FnOnce()) -> u64 {
        match self.0 {
            Left::Scan(cursor) => cursor,
            _ => {
                head();
                0
            }
        }
    }

    /// Goes on with a scan until it has written enough. `step` does a bucket and counts what it wrote.
    fn scan(&mut self, mut cursor: u64, mut step: impl FnMut(u64, &mut usize) -> u64) -> Piece {
        let mut written = 0;
        while written < ELEMENTS {
            cursor = step(cursor, &mut written);
            if cursor == 0 {
                return Piece::Last;
            }
        }
        self.0 = Left::Scan(cursor);
        Piece::More
    }
}

fn begin(type_byte: u8, key: &[u8], out: &mut Encoder<'_>) {
    out.byte(type_byte);
    out.string(key);
}
