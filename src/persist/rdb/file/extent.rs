//! Where a section ends, found out piece by piece without making anything of it.
//!
//! A section that is larger than what has come of the file so far cannot be decoded yet. Trying again
//! with every piece that comes would take a time that grows with the square of its size; walking over
//! its strings, from where the walk stopped last, takes as long as the section is.

use super::opcode;
use crate::persist::rdb::decode::{Corrupt, Decoder};
use crate::persist::rdb::is_of_valkey;
use crate::persist::rdb::object::type_byte as of;

/// What sections are made of.
#[derive(Debug)]
pub(super) enum Part {
    /// So many bytes.
    Bytes(usize),
    Length,
    /// A string in any encoding.
    Text,
    /// A score as text.
    Score,
    /// A length, and so many times these.
    Each(&'static [Part]),
}

use Part::{Bytes, Each, Length, Score, Text};

/// The nodes of a stream.
const NODES: Part = Each(&[Text, Text]);
/// What pends in a group.
const PENDING: Part = Each(&[Bytes(16), Bytes(8), Length]);
/// The groups of the forms of streams.
const GROUPS: Part = Each(&[Text, Length, Length, PENDING, Each(&[Text, Bytes(8), IDS])]);
const GROUPS_2: Part = Each(&[Text, Length, Length, Length, PENDING, Each(&[Text, Bytes(8), IDS])]);
const GROUPS_3: Part =
    Each(&[Text, Length, Length, Length, PENDING, Each(&[Text, Bytes(16), IDS])]);
const GROUPS_5: Part =
    Each(&[Text, Length, Length, Length, PENDING, Each(&[Text, Bytes(16), IDS]), IDS]);
const IDS: Part = Each(&[Bytes(16)]);
/// The producers of a stream, each with its names.
const PRODUCERS: Part = Each(&[Text, Each(&[Text, Length, Length])]);

/// The two newest forms of streams.
const STREAM_4: &[Part] = &[
    Text, NODES, Length, Length, Length, Length, Length, Length, Length, Length, GROUPS_3, Length,
    Length, PRODUCERS, Length, Length,
];
const STREAM_5: &[Part] = &[
    Text, NODES, Length, Length, Length, Length, Length, Length, Length, Length, GROUPS_5, Length,
    Length, PRODUCERS, Length, Length,
];

/// The parts of the section that begins with this byte, in a file of this version; `None` for one that
/// is not known.
pub(super) fn parts(first: u8, version: u16) -> Option<&'static [Part]> {
    Some(match first {
        of::STRING => &[Text, Text],
        of::HASH_ZIPMAP | of::LIST_ZIPLIST | of::SET_INTSET => &[Text, Text],
        of::ZSET_ZIPLIST | of::HASH_ZIPLIST => &[Text, Text],
        of::HASH_LISTPACK | of::ZSET_LISTPACK | of::SET_LISTPACK => &[Text, Text],
        of::LIST | of::SET | of::LIST_QUICKLIST => &[Text, Each(&[Text])],
        of::HASH => &[Text, Each(&[Text, Text])],
        of::ZSET => &[Text, Each(&[Text, Score])],
        of::ZSET_2 => &[Text, Each(&[Text, Bytes(8)])],
        of::LIST_QUICKLIST_2 => &[Text, Each(&[Length, Text])],
        of::HASH_METADATA => &[Text, Bytes(8), Each(&[Length, Text, Text])],
        of::HASH_LISTPACK_EX => &[Text, Bytes(8), Text],
        of::HASH_LISTPACK_EX_PRE => &[Text, Text],
        of::HASH_METADATA_PRE if is_of_valkey(version) => &[Text, Each(&[Text, Text, Bytes(8)])],
        of::HASH_METADATA_PRE => &[Text, Each(&[Length, Text, Text])],
        of::STREAM => &[Text, NODES, Length, Length, Length, GROUPS],
        of::STREAM_2 => {
            &[Text, NODES, Length, Length, Length, Length, Length, Length, Length, Length, GROUPS_2]
        }
        of::STREAM_3 => {
            &[Text, NODES, Length, Length, Length, Length, Length, Length, Length, Length, GROUPS_3]
        }
        of::STREAM_4 => STREAM_4,
        of::STREAM_5 => STREAM_5,
        opcode::AUX => &[Text, Text],
        opcode::FUNCTION => &[Text],
        opcode::SELECT_DB | opcode::IDLE => &[Length],
        opcode::RESIZE_DB => &[Length, Length],
        opcode::SLOT_INFO => &[Length, Length, Length],
        opcode::FREQ => &[Bytes(1)],
        opcode::EXPIRE_MS => &[Bytes(8)],
        opcode::EXPIRE_S => &[Bytes(4)],
        _ => return None,
    })
}

/// Parts that are being walked over.
#[derive(Debug)]
struct Frame {
    parts: &'static [Part],
    /// The next of them.
    next: usize,
    /// How often they are there still, this time included.
    times: usize,
}

/// A walk over one section.
#[derive(Debug)]
pub(super) struct Extent {
    /// How far it has come, from the section's first byte.
    at: usize,
    frames: Vec<Frame>,
}

impl Extent {
    /// The walk over these parts, which follow the section's first byte.
    pub(super) fn new(parts: &'static [Part]) -> Self {
        Self { at: 1, frames: vec![Frame { parts, next: 0, times: 1 }] }
    }

    /// Goes on with what is there of the section; how many bytes are missing at least, 0 once it is
    /// whole.
    ///
    /// # Errors
    /// A part that is no such thing, its place counted from the section's first byte.
    pub(super) fn walk(&mut self, section: &[u8]) -> Result<usize, Corrupt> {
        let mut input = Decoder::new(&section[self.at..]);
        let base = self.at;
        while let Some(frame) = self.frames.last_mut() {
            let Some(part) = frame.parts.get(frame.next).filter(|_| frame.times > 0) else {
                frame.next = 0;
                frame.times = frame.times.saturating_sub(1);
                if frame.times == 0 {
                    self.frames.pop();
                }
                continue;
            };
            let entered = match step(part, &mut input) {
                Ok(entered) => entered,
                Err(_) if input.missing() > 0 => return Ok(input.missing()),
                Err(error) => return Err(Corrupt { at: base + error.at, ..error }),
            };
            frame.next += 1;
            self.at = base + input.at();
            self.frames.extend(entered);
        }
        Ok(0)
    }
}

/// Passes over a part; answers what is to be passed over next inside it.
fn step(part: &Part, input: &mut Decoder<'_>) -> Result<Option<Frame>, Corrupt> {
    match part {
        Bytes(count) => input.skip(*count)?,
        Length => drop(input.length()?),
        Text => input.skip_text()?,
        Score => input.skip_text_double()?,
        Each(parts) => return Ok(Some(Frame { parts, next: 0, times: input.length()? })),
    }
    Ok(None)
}
