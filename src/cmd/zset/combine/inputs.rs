//! The inputs of a union, intersection or difference.

use crate::ds::listpack::Item;
use crate::keyspace::Db;
use crate::resp::CmdError;
use crate::types::zset::Element;
use crate::types::{Collection, Entry, Set, Str, Zset};
use smallvec::SmallVec;
use std::ops::ControlFlow;

/// What one key gives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input<'a> {
    /// Nothing: there is no such key.
    Missing,
    /// The members of a set, each with the score 1.
    Set(&'a Set),
    /// The elements of a sorted set.
    Zset(&'a Zset),
}

/// The inputs of a command, in the order of its keys.
pub(super) type Inputs<'a> = SmallVec<[Input<'a>; 8]>;

/// Reads all keys.
///
/// # Errors
/// [`CmdError::WrongType`] if one holds neither a set nor a sorted set.
pub(super) fn read<'a, 'k>(
    db: &'a mut Db<'_>,
    keys: impl Iterator<Item = &'k [u8]> + Clone,
) -> Result<Inputs<'a>, CmdError> {
    db.prepare(keys.clone());
    let db = &*db;
    keys.map(|key| db.peek(key).map_or(Ok(Input::Missing), Input::of)).collect()
}

impl<'a> Input<'a> {
    fn of(entry: &'a Entry) -> Result<Self, CmdError> {
        let value = entry.other().ok_or(CmdError::WrongType)?;
        let zset = || Zset::of(value).map(Self::Zset);
        let set = || Set::of(value).map(Self::Set);
        zset().or_else(set).ok_or(CmdError::WrongType)
    }

    /// How many members it has.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Set(set) => set.len(),
            Self::Zset(zset) => zset.len(),
        }
    }

    /// The score of a member.
    pub(super) fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Missing => None,
            Self::Set(set) => set.contains(member).then_some(1.0),
            Self::Zset(zset) => zset.score(member),
        }
    }

    /// Shows every element, until `see` breaks off.
    pub(super) fn visit(self, mut see: impl FnMut(Element<'a>) -> ControlFlow<()>) {
        let _ = match self {
            Self::Missing => ControlFlow::Continue(()),
            Self::Set(set) => {
                set.iter().try_for_each(|member| see(Element { member: item(member), score: 1.0 }))
            }
            Self::Zset(zset) => zset.iter().try_for_each(see),
        };
    }

    /// Shows every element.
    pub(super) fn for_each(self, mut see: impl FnMut(Element<'a>)) {
        self.visit(|element| {
            see(element);
            ControlFlow::Continue(())
        });
    }
}

/// A member of a set as one of a sorted set.
fn item(member: Str<'_>) -> Item<'_> {
    match member {
        Str::Int(int) => Item::Int(int),
        Str::Bytes(bytes) => Item::Bytes(bytes),
        Str::Shared(bytes) => Item::Bytes(bytes),
    }
}
