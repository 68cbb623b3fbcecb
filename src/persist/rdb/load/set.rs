//! Loaders of sets.

use super::{Source, TWICE};
use crate::ds::intset::Intset;
use crate::persist::rdb::decode::Corrupt;
use crate::types::Set;

/// Each member a string.
pub(super) fn strings(source: &mut Source<'_, '_>) -> Result<Set, Corrupt> {
    let count = source.count(1)?;
    let mut set = match count > source.limits.set_max_intset_entries {
        true => Set::new_table(count, source.limits),
        false => Set::new(),
    };
    for _ in 0..count {
        let member = source.text()?;
        if !set.add(&member, source.limits) {
            return Err(source.corrupt(TWICE));
        }
    }
    Ok(set)
}

/// A sorted array of integers.
pub(super) fn intset(source: &mut Source<'_, '_>) -> Result<Set, Corrupt> {
    let bytes = source.text()?;
    let intset = Intset::from_bytes(&bytes).map_err(|error| source.corrupt(error.what))?;
    Ok(Set::from_ints(intset, source.limits))
}

/// A listpack of the members.
pub(super) fn listpack(source: &mut Source<'_, '_>) -> Result<Set, Corrupt> {
    let listpack = source.listpack()?;
    if listpack.is_empty() {
        return Ok(Set::new());
    }
    Set::from_pack(listpack, source.limits).ok_or(source.corrupt(TWICE))
}
