//! Loaders of sorted sets.

use super::{Source, TWICE};
use crate::ds::listpack::Listpack;
use crate::persist::rdb::decode::Corrupt;
use crate::types::Zset;

const NAN: &str = "a score that is no number";

/// Each member a string, its score text.
pub(super) fn text_scores(source: &mut Source<'_, '_>) -> Result<Zset, Corrupt> {
    scored(source, 2, |source| source.input.text_double())
}

/// Each member a string, its score eight bytes.
pub(super) fn binary_scores(source: &mut Source<'_, '_>) -> Result<Zset, Corrupt> {
    scored(source, 1 + size_of::<f64>(), |source| source.input.double())
}

fn scored<'a>(
    source: &mut Source<'_, 'a>,
    least: usize,
    score: impl Fn(&mut Source<'_, 'a>) -> Result<f64, Corrupt>,
) -> Result<Zset, Corrupt> {
    let count = source.count(least)?;
    let mut zset = Zset::with_hints(source.limits, count, 0);
    for _ in 0..count {
        let member = source.text()?;
        let score = score(source)?;
        if score.is_nan() {
            return Err(source.corrupt(NAN));
        }
        if zset.insert(source.limits, &member, score).is_some() {
            return Err(source.corrupt(TWICE));
        }
    }
    Ok(zset)
}

/// A ziplist of members and scores.
pub(super) fn ziplist(source: &mut Source<'_, '_>) -> Result<Zset, Corrupt> {
    let pairs = source.ziplist()?;
    packed(source, pairs)
}

/// A listpack of members and scores.
pub(super) fn listpack(source: &mut Source<'_, '_>) -> Result<Zset, Corrupt> {
    let pairs = source.listpack()?;
    packed(source, pairs)
}

fn packed(source: &Source<'_, '_>, pairs: Listpack) -> Result<Zset, Corrupt> {
    if pairs.is_empty() {
        return Ok(Zset::with_hints(source.limits, 0, 0));
    }
    let zset = Zset::from_listpack(pairs, source.limits);
    zset.ok_or(source.corrupt("members that make no sorted set"))
}
