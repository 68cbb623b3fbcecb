//! Searches: which members lie inside an area.

use super::options::{Centre, Form, Order, Query, Store, Storing};
use super::{command, reply_distance, reply_point, specs};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::ds::geohash::{Area, Point};
use crate::ds::listpack::Item;
use crate::keyspace::Event;
use crate::resp::{Argv, Reply};
use crate::server::KeysCtx;
use crate::types::zset::ScoreRange;
use crate::types::{Limits, Zset};
use std::ops::Bound;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    command(specs::GEOSEARCH, Run::Keys(geosearch)),
    command(specs::GEOSEARCHSTORE, Run::Keys(geosearchstore)),
    command(specs::GEORADIUS, Run::Keys(georadius)),
    command(specs::GEORADIUS_RO, Run::Keys(georadius_ro)),
    command(specs::GEORADIUSBYMEMBER, Run::Keys(georadiusbymember)),
    command(specs::GEORADIUSBYMEMBER_RO, Run::Keys(georadiusbymember_ro)),
];

const GEOSEARCH: Form = Form { source: 1, centre: Centre::Words, storing: Storing::Never };

fn geosearch(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    search(c, argv, GEOSEARCH)
}

fn geosearchstore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    search(c, argv, Form { source: 2, storing: Storing::Always, ..GEOSEARCH })
}

fn georadius(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    search(c, argv, Form { centre: Centre::Point, storing: Storing::Word, ..GEOSEARCH })
}

fn georadius_ro(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    search(c, argv, Form { centre: Centre::Point, ..GEOSEARCH })
}

fn georadiusbymember(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    search(c, argv, Form { centre: Centre::Member, storing: Storing::Word, ..GEOSEARCH })
}

fn georadiusbymember_ro(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    search(c, argv, Form { centre: Centre::Member, ..GEOSEARCH })
}

/// A member inside the area.
#[derive(Debug, Clone, Copy)]
struct Found<'a> {
    member: Item<'a>,
    score: f64,
    place: Point,
    /// Metres from the centre.
    distance: f64,
}

/// The type of the source is looked at before the other arguments, as Redis does.
fn search(c: &mut KeysCtx<'_>, argv: &Argv<'_>, form: Form) -> Outcome {
    let limits = c.limits;
    let zset = c.db.fetch_as::<Zset>(&argv[form.source])?;
    let query = Query::parse(argv, form, zset)?;
    let found = match (zset, &query.area) {
        (Some(zset), Some(area)) => select(zset, area, &query),
        _ => Vec::new(),
    };
    let Some(store) = query.store else {
        reply_found(&mut c.reply, &found, &query);
        return DONE;
    };
    let places = stored(&found, store, query.unit, limits);
    let len = found.len();
    let event = match form.storing {
        Storing::Always => Event::zset("geosearchstore"),
        Storing::Word | Storing::Never => Event::zset("georadiusstore"),
    };
    c.db.store(store.key, places, event);
    c.reply.len(len);
    DONE
}

/// The members inside the area that the query asks for, in its order.
fn select<'z>(zset: &'z Zset, area: &Area, query: &Query<'_>) -> Vec<Found<'z>> {
    let enough = query.count.filter(|_| query.any).unwrap_or(usize::MAX);
    let mut found = find(zset, area, enough);
    // Some of the places mean the nearest, unless any will do.
    let nearest = (query.count.is_some() && !query.any).then_some(Order::Ascending);
    match query.order.or(nearest) {
        Some(Order::Ascending) => found.sort_by(|a, b| a.distance.total_cmp(&b.distance)),
        Some(Order::Descending) => found.sort_by(|a, b| b.distance.total_cmp(&a.distance)),
        None => {}
    }
    found.truncate(query.count.unwrap_or(usize::MAX));
    found
}

/// The first `enough` members inside the area, cell by cell.
fn find<'z>(zset: &'z Zset, area: &Area, enough: usize) -> Vec<Found<'z>> {
    let mut found = Vec::new();
    for scores in area.cover() {
        let range = ScoreRange {
            min: Bound::Included(scores.start as f64),
            max: Bound::Excluded(scores.end as f64),
        };
        for element in zset.range(zset.ranks_by_score(&range)) {
            let place = Point::of_score(element.score as u64);
            let Some(distance) = area.distance_inside(place) else { continue };
            found.push(Found { member: element.member, score: element.score, place, distance });
            if found.len() >= enough {
                return found;
            }
        }
    }
    found
}

/// What is stored: the members with their geohashes or distances.
fn stored(found: &[Found<'_>], store: Store<'_>, unit: f64, limits: &Limits) -> Zset {
    let longest = found.iter().map(|found| found.member.len()).max();
    let mut zset = Zset::with_hints(limits, found.len(), longest.unwrap_or(0));
    for found in found {
        let score = if store.distances { found.distance / unit } else { found.score };
        let mut digits = itoa::Buffer::new();
        zset.insert(limits, found.member.bytes(&mut digits), score);
    }
    zset
}

fn reply_found(reply: &mut Reply<'_>, found: &[Found<'_>], query: &Query<'_>) {
    let extras = [query.with_distance, query.with_hash, query.with_point];
    let extras = extras.iter().filter(|with| **with).count();
    reply.array(found.len());
    for found in found {
        if extras > 0 {
            reply.array(1 + extras);
        }
        reply.bulk(found.member.bytes(&mut itoa::Buffer::new()));
        if query.with_distance {
            reply_distance(reply, found.distance, query.unit);
        }
        if query.with_hash {
            reply.int(found.score as i64);
        }
        if query.with_point {
            reply_point(reply, found.place);
        }
    }
}
