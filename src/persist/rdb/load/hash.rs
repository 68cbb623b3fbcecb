//! Loaders of hashes. A deadline is ms since the epoch, and 0 is none where a number must stand. Fields
//! whose time is over are loaded as well: the keyspace removes and tells them.

use super::zipmap::Zipmap;
use super::{Source, TWICE};
use crate::ds::listpack::Listpack;
use crate::persist::rdb::decode::Corrupt;
use crate::types::{Collection, FieldTtl, Hash};

/// The latest deadline there is: they are signed numbers in replies.
const DEADLINE_MAX: u64 = i64::MAX as u64;
/// No field's time is over then.
const START_OF_TIME: u64 = 0;
const NO_DEADLINE: &str = "a deadline that is none";

/// Each field and value a string.
pub(super) fn strings(source: &mut Source<'_, '_>) -> Result<Hash, Corrupt> {
    let mut hash = Hash::new();
    let count = source.count(2)?;
    hash.prepare(count, source.limits);
    for _ in 0..count {
        let (field, value) = (source.text()?, source.text()?);
        insert(source, &mut hash, &field, &value, None)?;
    }
    Ok(hash)
}

/// A zipmap.
pub(super) fn zipmap(source: &mut Source<'_, '_>) -> Result<Hash, Corrupt> {
    let bytes = source.text()?;
    let mut hash = Hash::new();
    let mut zipmap = Zipmap::new(&bytes).map_err(|error| source.corrupt(error.what))?;
    while let Some((field, value)) = zipmap.next().map_err(|error| source.corrupt(error.what))? {
        insert(source, &mut hash, field, value, None)?;
    }
    // Redis has never written one.
    if hash.is_empty() { Err(source.corrupt("no fields")) } else { Ok(hash) }
}

/// A ziplist of fields and values.
pub(super) fn ziplist(source: &mut Source<'_, '_>) -> Result<Hash, Corrupt> {
    let pairs = source.ziplist()?;
    packed(source, pairs, false)
}

/// A listpack of fields and values.
pub(super) fn listpack(source: &mut Source<'_, '_>) -> Result<Hash, Corrupt> {
    let pairs = source.listpack()?;
    packed(source, pairs, false)
}

/// The first deadline, then a listpack of fields, values and deadlines.
pub(super) fn listpack_ex(source: &mut Source<'_, '_>) -> Result<Hash, Corrupt> {
    source.input.u64_le()?;
    listpack_ex_early(source)
}

/// The same without the first deadline, of Redis 7.4's release candidates.
pub(super) fn listpack_ex_early(source: &mut Source<'_, '_>) -> Result<Hash, Corrupt> {
    let triplets = source.listpack()?;
    packed(source, triplets, true)
}

fn packed(source: &Source<'_, '_>, listpack: Listpack, timed: bool) -> Result<Hash, Corrupt> {
    if listpack.is_empty() {
        return Ok(Hash::new());
    }
    let hash = Hash::from_listpack(listpack, timed, source.limits);
    hash.ok_or(source.corrupt("dup elements, or a field without its value"))
}

/// The first deadline, then each field's distance from it plus one, its name and its value.
pub(super) fn metadata(source: &mut Source<'_, '_>) -> Result<Hash, Corrupt> {
    let first = source.input.u64_le()?;
    with_deadlines(source, |distance| match distance {
        0 => Some(0),
        distance => first.checked_add(distance - 1),
    })
}

/// Each field's deadline, name and value, of Redis 7.4's release candidates.
pub(super) fn metadata_early(source: &mut Source<'_, '_>) -> Result<Hash, Corrupt> {
    with_deadlines(source, Some)
}

/// Each field's name, value and deadline, of Valkey.
pub(super) fn valkey(source: &mut Source<'_, '_>) -> Result<Hash, Corrupt> {
    const NONE: u64 = u64::MAX;
    let mut hash = Hash::new();
    let count = source.count(2 + size_of::<u64>())?;
    hash.prepare(count, source.limits);
    for _ in 0..count {
        let (field, value) = (source.text()?, source.text()?);
        let deadline = Some(source.input.u64_le()?).filter(|deadline| *deadline != NONE);
        insert(source, &mut hash, &field, &value, deadline)?;
    }
    Ok(hash)
}

fn with_deadlines(
    source: &mut Source<'_, '_>,
    deadline: impl Fn(u64) -> Option<u64>,
) -> Result<Hash, Corrupt> {
    let mut hash = Hash::new();
    let count = source.count(3)?;
    hash.prepare(count, source.limits);
    for _ in 0..count {
        let deadline = deadline(source.input.length()? as u64);
        let deadline = deadline.ok_or(source.corrupt(NO_DEADLINE))?;
        let (field, value) = (source.text()?, source.text()?);
        insert(source, &mut hash, &field, &value, Some(deadline).filter(|at| *at != 0))?;
    }
    Ok(hash)
}

fn insert(
    source: &Source<'_, '_>,
    hash: &mut Hash,
    field: &[u8],
    value: &[u8],
    deadline: Option<u64>,
) -> Result<(), Corrupt> {
    // 0 would be written as none.
    if deadline.is_some_and(|at| at == 0 || at > DEADLINE_MAX) {
        return Err(source.corrupt(NO_DEADLINE));
    }
    let ttl = deadline.map_or(FieldTtl::Clear, FieldTtl::At);
    match hash.set(field, value, ttl, START_OF_TIME, source.limits) {
        true => Ok(()),
        false => Err(source.corrupt(TWICE)),
    }
}
