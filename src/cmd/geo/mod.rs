//! Geospatial commands: places in sorted sets, whose scores are geohashes.

mod add;
mod options;
mod read;
mod search;
mod specs;

use super::args::{Args, float, is};
use super::{Command, Run};
use crate::ds::geohash::Point;
use crate::keyspace::Event;
use crate::resp::{CmdError, Reply};
use crate::spec::Spec;
use crate::types::Zset;

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 3] = [add::COMMANDS, read::COMMANDS, search::COMMANDS];

const ZADD: Event = Event::zset("zadd");

const fn command(spec: Spec, run: Run) -> Command {
    Command { spec, run, ..Command::NEW }
}

/// `longitude latitude`.
fn take_point(args: &mut Args<'_>) -> Result<Point, CmdError> {
    let point = Point { longitude: float(args.any()?)?, latitude: float(args.any()?)? };
    if !point.is_valid() {
        let Point { longitude, latitude } = point;
        let words = format_args!("invalid longitude,latitude pair {longitude:.6},{latitude:.6}");
        return Err(CmdError::err(words));
    }
    Ok(point)
}

/// Metres of one unit.
fn unit(arg: &[u8]) -> Result<f64, CmdError> {
    match () {
        () if is(arg, "m") => Ok(1.0),
        () if is(arg, "km") => Ok(1000.0),
        () if is(arg, "ft") => Ok(0.3048),
        () if is(arg, "mi") => Ok(1609.34),
        () => Err(CmdError::Msg("unsupported unit provided. please use M, KM, FT, MI")),
    }
}

/// Where a member is. A score that is no geohash stands for some place as well.
fn place_of(zset: &Zset, member: &[u8]) -> Option<Point> {
    zset.score(member).map(|score| Point::of_score(score as u64))
}

/// `[longitude, latitude]`, with 17 decimals or fewer.
fn reply_point(reply: &mut Reply<'_>, point: Point) {
    reply.array(2);
    for degrees in [point.longitude, point.latitude] {
        let text = format!("{degrees:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        reply.double_text(text.as_bytes());
    }
}

/// A distance of so many metres in a unit, with four decimals. It is a bulk string in both
/// protocols.
fn reply_distance(reply: &mut Reply<'_>, metres: f64, unit: f64) {
    reply.bulk(format!("{:.4}", metres / unit).as_bytes());
}
