//! Where members are, and how far from each other.

use super::{command, place_of, reply_distance, reply_point, specs, unit};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Spec, arg};
use crate::types::Zset;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    command(
        Spec {
            name: "geopos",
            summary: "Answers the longitudes and latitudes of members.",
            ..specs::MEMBERS
        },
        Run::Keys(geopos),
    ),
    command(
        Spec {
            name: "geohash",
            summary: "Answers the geohashes of members, in letters.",
            ..specs::MEMBERS
        },
        Run::Keys(geohash),
    ),
    command(
        Spec {
            name: "geodist",
            summary: "Answers the distance between two members.",
            complexity: "O(1)",
            arity: -4,
            args: &[arg::key("key"), arg::string("member1"), arg::string("member2"), specs::UNIT],
            ..specs::MEMBERS
        },
        Run::Keys(geodist),
    ),
];

fn geopos(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let zset = c.db.fetch_as::<Zset>(&argv[1])?;
    c.reply.array(argv.len() - 2);
    for member in argv.from(2) {
        match zset.and_then(|zset| place_of(zset, member)) {
            Some(place) => reply_point(&mut c.reply, place),
            None => c.reply.null_array(),
        }
    }
    DONE
}

fn geohash(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let zset = c.db.fetch_as::<Zset>(&argv[1])?;
    c.reply.array(argv.len() - 2);
    for member in argv.from(2) {
        match zset.and_then(|zset| place_of(zset, member)) {
            Some(place) => c.reply.bulk(&place.geohash()),
            None => c.reply.null(),
        }
    }
    DONE
}

fn geodist(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let unit = match argv.len() {
        4 => 1.0,
        5 => unit(&argv[4])?,
        _ => return Err(CmdError::Syntax),
    };
    let zset = c.db.fetch_as::<Zset>(&argv[1])?;
    let places = zset.and_then(|zset| place_of(zset, &argv[2]).zip(place_of(zset, &argv[3])));
    match places {
        Some((one, other)) => reply_distance(&mut c.reply, one.distance(other), unit),
        None => c.reply.null(),
    }
    DONE
}
