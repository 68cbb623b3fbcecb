//! Loaders: for each type byte the one that reads its form of a value. Whatever Redis ever wrote is
//! read, and held as the configuration says, not as it was written.
//!
//! The bytes are foreign: a loader checks all that the value's methods rely on (structure, order, no
//! element twice, scores that are numbers, at least one element), and reserves no memory for elements
//! that the bytes left cannot hold.

mod hash;
mod list;
mod set;
mod stream;
mod ziplist;
mod zipmap;
mod zset;

use super::decode::{Corrupt, Decoder};
use super::is_of_valkey;
use super::object::{LoadError, Loaded, type_byte};
use crate::ds::listpack::Listpack;
use crate::types::{Collection, Limits};
use std::borrow::Cow;

const TWICE: &str = "dup elements: one is there twice";

/// What loaders of collections are given.
struct Source<'s, 'a> {
    input: &'s mut Decoder<'a>,
    limits: &'s Limits,
}

/// Reads the value that follows its type byte, `kind`, in a file or payload of this version.
///
/// # Errors
/// The value is of no known type, corrupt, or a collection without elements, which is read to its end.
pub(super) fn load(
    kind: u8,
    version: u16,
    input: &mut Decoder<'_>,
    limits: &Limits,
) -> Result<Loaded, LoadError> {
    use type_byte as of;
    if kind == of::STRING {
        return Ok(Loaded::Str(input.string()?));
    }
    let mut source = Source { input, limits };
    let loaded = match kind {
        of::LIST => list::strings(&mut source)?.loaded(),
        of::LIST_ZIPLIST => list::ziplist(&mut source)?.loaded(),
        of::LIST_QUICKLIST => list::ziplists(&mut source)?.loaded(),
        of::LIST_QUICKLIST_2 => list::nodes(&mut source)?.loaded(),
        of::SET => set::strings(&mut source)?.loaded(),
        of::SET_INTSET => set::intset(&mut source)?.loaded(),
        of::SET_LISTPACK => set::listpack(&mut source)?.loaded(),
        of::ZSET => zset::text_scores(&mut source)?.loaded(),
        of::ZSET_2 => zset::binary_scores(&mut source)?.loaded(),
        of::ZSET_ZIPLIST => zset::ziplist(&mut source)?.loaded(),
        of::ZSET_LISTPACK => zset::listpack(&mut source)?.loaded(),
        of::HASH => hash::strings(&mut source)?.loaded(),
        of::HASH_ZIPMAP => hash::zipmap(&mut source)?.loaded(),
        of::HASH_ZIPLIST => hash::ziplist(&mut source)?.loaded(),
        of::HASH_LISTPACK => hash::listpack(&mut source)?.loaded(),
        of::HASH_LISTPACK_EX => hash::listpack_ex(&mut source)?.loaded(),
        of::HASH_LISTPACK_EX_PRE => hash::listpack_ex_early(&mut source)?.loaded(),
        of::HASH_METADATA => hash::metadata(&mut source)?.loaded(),
        of::HASH_METADATA_PRE if is_of_valkey(version) => hash::valkey(&mut source)?.loaded(),
        of::HASH_METADATA_PRE => hash::metadata_early(&mut source)?.loaded(),
        of::STREAM | of::STREAM_2 | of::STREAM_3 | of::STREAM_4 | of::STREAM_5 => {
            let form = stream::Form {
                facts: kind >= of::STREAM_2,
                activity: kind >= of::STREAM_3,
                names: kind >= of::STREAM_4,
                handed_back: kind >= of::STREAM_5,
            };
            return Ok(Loaded::Value(stream::stream(&mut source, form)?.into_value()));
        }
        unknown => return Err(LoadError::UnsupportedType(unknown)),
    };
    loaded.ok_or(LoadError::Empty)
}

/// What is loaded must hold something: an empty collection is no value.
trait IntoLoaded {
    fn loaded(self) -> Option<Loaded>;
}

impl<T: Collection> IntoLoaded for T {
    fn loaded(self) -> Option<Loaded> {
        (!self.is_empty()).then(|| Loaded::Value(self.into_value()))
    }
}

impl<'a> Source<'_, 'a> {
    /// The number of elements that follow, each of which takes `least` bytes at least.
    fn count(&mut self, least: usize) -> Result<usize, Corrupt> {
        let count = self.input.length()?;
        if !self.input.has(count.saturating_mul(least)) {
            return Err(self.corrupt("more elements than there are bytes"));
        }
        Ok(count)
    }

    fn text(&mut self) -> Result<Cow<'a, [u8]>, Corrupt> {
        self.input.text()
    }

    /// A listpack in a string, whole.
    fn listpack(&mut self) -> Result<Listpack, Corrupt> {
        let bytes = self.text()?;
        Listpack::from_bytes(&bytes).map_err(|error| self.corrupt(error.what))
    }

    /// A ziplist in a string, as a listpack.
    fn ziplist(&mut self) -> Result<Listpack, Corrupt> {
        let bytes = self.text()?;
        let ziplist = ziplist::Ziplist::new(&bytes);
        let listpack = ziplist.and_then(ziplist::Ziplist::into_listpack);
        listpack.map_err(|error| self.corrupt(error.what))
    }

    fn corrupt(&self, what: &'static str) -> Corrupt {
        self.input.corrupt(what)
    }
}
