//! XREAD.

use super::reply_entry;
use super::streams::{self, From, Request, Room};
use crate::cmd::{Block, Command, DONE, Denied, Flow, Outcome, Run};
use crate::resp::{Argv, CmdError, Reply, Resp};
use crate::server::KeysCtx;
use crate::spec::{Arg, Begin, Find, Group, KeySpec, Spec, acl, arg, flag, keyword};
use crate::types::Type;
use crate::types::stream::{Id, Stream};

/// Keys behind the word, as many as ids follow them.
pub(super) const fn streams(from: i8) -> KeySpec {
    KeySpec {
        begin: Begin::Keyword("STREAMS", from),
        find: Find::Range { last: -1, step: 1, limit: 2 },
        ..keyword("STREAMS", from)
    }
}

pub(super) const STREAMS: Arg =
    arg::block("streams", &[arg::key("key").multiple(), arg::string("id").multiple()])
        .after("STREAMS");

/// The most that a reply may hold of all streams together.
pub(super) const TOTAL_MAX: Arg =
    arg::integer("maxcount").after("MAXCOUNT").optional().since("8.10.0");
pub(super) const BYTES_MAX: Arg =
    arg::integer("maxsize").after("MAXSIZE").optional().since("8.10.0");

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "xread",
        summary: "Answers the entries of streams behind certain ids, and waits for some where \
                  there are none.",
        since: "5.0.0",
        group: Group::Stream,
        complexity: "O(N) for each stream, of N entries answered",
        arity: -4,
        flags: flag::READONLY.with(flag::BLOCKING).with(flag::MOVABLE_KEYS),
        acl: acl::STREAM,
        keys: &[streams(1).ro().access()],
        args: &[
            arg::integer("count").after("COUNT").optional(),
            TOTAL_MAX,
            BYTES_MAX,
            arg::integer("milliseconds").after("BLOCK").optional(),
            STREAMS,
        ],
        ..Spec::NEW
    },
    run: Run::Keys(xread),
    ..Command::NEW
}];

fn xread(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let request = streams::parse(argv, false, c.db.now_ms())?;
    let mut ids = Vec::with_capacity(request.keys.len());
    for key in request.keys.clone() {
        let from = streams::from(&argv[request.start_at(key)], false);
        if from.is_err() {
            // That a key up to here holds another type is told rather than that.
            for key in request.keys.start..=key {
                c.db.fetch_as::<Stream>(&argv[key])?;
            }
        }
        ids.push(behind(c, &argv[key], from?)?);
    }
    let opened = c.reply.open();
    let (mut served, mut room) = (0, Room::new(&c.reply, &request));
    for (key, behind) in request.keys.clone().zip(&ids) {
        served += usize::from(read(c, &argv[key], *behind, (request.count, &mut room))?);
    }
    if served > 0 {
        c.reply.close_map_of_arrays(opened, served);
        return DONE;
    }
    match request.block {
        Some(deadline_ms) => Ok(Flow::Block(wait(argv, &request, &ids, deadline_ms))),
        None => {
            c.reply.null_array();
            DONE
        }
    }
}

/// The id behind which the reading of a stream begins.
fn behind(c: &mut KeysCtx<'_>, key: &[u8], from: From) -> Result<Id, CmdError> {
    if let From::Behind(id) = from {
        return Ok(id);
    }
    let Some(stream) = c.db.fetch_as::<Stream>(key)? else { return Ok(Id::MIN) };
    let last = stream.facts().last_id;
    if from == From::Top {
        return Ok(last);
    }
    let entry = stream.range_back(Id::MIN, Id::MAX).next();
    Ok(entry.and_then(|entry| entry.id.prev()).unwrap_or(last))
}

/// Answers what a stream holds behind an id; whether it holds anything there.
fn read(
    c: &mut KeysCtx<'_>,
    key: &[u8],
    behind: Id,
    (count, room): (usize, &mut Room),
) -> Result<bool, CmdError> {
    let stream = c.db.fetch_as::<Stream>(key)?;
    let Some(stream) = stream.filter(|stream| stream.facts().last_id > behind) else {
        return Ok(false);
    };
    let entries = stream.range(behind.next().unwrap_or(Id::MAX), Id::MAX).take(count);
    let begin = c.reply.open();
    reply_key(&mut c.reply, key);
    let opened = c.reply.open();
    let mut len = 0;
    for entry in entries {
        if !room.put(&mut c.reply, |reply| reply_entry(reply, &entry)) {
            break;
        }
        len += 1;
    }
    match len {
        0 => c.reply.cut(begin),
        _ => c.reply.close_array(opened, len),
    }
    Ok(len > 0)
}

/// Answers the name of a stream, which its entries are to follow.
pub(super) fn reply_key(reply: &mut Reply<'_>, key: &[u8]) {
    if reply.resp() == Resp::V2 {
        reply.array(2);
    }
    reply.bulk(key);
}

/// The wait for what comes behind these ids.
fn wait(argv: &Argv<'_>, request: &Request<'_>, ids: &[Id], deadline_ms: Option<u64>) -> Block {
    let words = request.keys.clone().map(|key| request.start_at(key)).zip(ids);
    let meant = words.filter(|(at, _)| matches!(&argv[*at], b"$" | b"+"));
    let text = |id: &Id| id.text(&mut [0; Id::TEXT_MAX]).into();
    Block {
        meant: meant.map(|(at, id)| (at, text(id))).collect(),
        ..Block::filled(request.keys.clone(), Type::Stream, 0, deadline_ms, Denied::NullArray)
    }
}
