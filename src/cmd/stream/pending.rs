//! XPENDING.

use super::{id, no_group, reply_id};
use crate::cmd::args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::KeysCtx;
use crate::spec::{Group as SpecGroup, Spec, acl, arg, flag, key};
use crate::types::stream::{Group, Id, Pending, Stream};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "xpending",
        summary: "Answers what pends in a group: how much, or which entries.",
        since: "5.0.0",
        group: SpecGroup::Stream,
        complexity: "O(N), of N entries answered or passed over for being too young, or of N \
                     consumers",
        arity: -3,
        flags: flag::READONLY,
        acl: acl::STREAM,
        tips: &["nondeterministic_output"],
        keys: &[key(1).ro().access()],
        args: &[
            arg::key("key"),
            arg::string("group"),
            arg::block(
                "filters",
                &[
                    arg::integer("min-idle-time").after("IDLE").optional().since("6.2.0"),
                    arg::string("start"),
                    arg::string("end"),
                    arg::integer("count"),
                    arg::string("consumer").optional(),
                ],
            )
            .optional(),
        ],
        history: &[("6.2.0", "Takes IDLE, and bounds that are not part of the range.")],
        ..Spec::NEW
    },
    run: Run::Keys(xpending),
    ..Command::NEW
}];

/// Which entries are asked for.
struct Filter<'a> {
    idle_min_ms: u64,
    from: Id,
    to: Id,
    count: usize,
    consumer: Option<&'a [u8]>,
}

fn parse<'a>(argv: &Argv<'a>) -> Result<Option<Filter<'a>>, CmdError> {
    let mut at = 3;
    if argv.len() == at {
        return Ok(None);
    }
    let mut idle_min_ms = 0;
    if !(6..=9).contains(&argv.len()) {
        return Err(CmdError::Syntax);
    }
    if args::is(&argv[3], "IDLE") {
        idle_min_ms = u64::try_from(args::int(&argv[4])?).unwrap_or(0);
        at = 5;
        if argv.len() < 8 {
            return Err(CmdError::Syntax);
        }
    }
    let count = id::count(&argv[at + 2])? as usize;
    let (from, to) = (id::start(&argv[at])?, id::end(&argv[at + 1])?);
    Ok(Some(Filter { idle_min_ms, from, to, count, consumer: argv.get(at + 3) }))
}

fn xpending(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let filter = parse(argv)?;
    let now_ms = c.db.clock_ms();
    let stream = c.db.fetch_as::<Stream>(&argv[1])?;
    let group = stream.and_then(|stream| stream.group(&argv[2]));
    let group = group.ok_or_else(|| no_group(&argv[1], &argv[2]))?;
    match filter {
        None => summary(&mut c.reply, group),
        Some(filter) => entries(&mut c.reply, group, &filter, now_ms),
    }
    DONE
}

/// Answers how many entries pend, between which ids, and how many with whom.
fn summary(reply: &mut Reply<'_>, group: &Group) {
    reply.array(4);
    let pending = group.pending();
    reply.len(pending.len());
    let (Some((first, _)), Some((last, _))) = (pending.first(), pending.last()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    reply_id(reply, *first);
    reply_id(reply, *last);
    let busy = group.consumers().filter(|(_, consumer)| !consumer.pending().is_empty());
    reply.array(busy.clone().count());
    for (_, consumer) in busy {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_int(consumer.pending().len() as i64);
    }
}

/// Answers the entries that a filter lets through.
fn entries(reply: &mut Reply<'_>, group: &Group, filter: &Filter<'_>, now_ms: u64) {
    let Filter { idle_min_ms, from, to, count, .. } = *filter;
    let is_old = |pending: &Pending| pending.is_idle(now_ms, idle_min_ms);
    let opened = reply.open();
    let mut len = 0;
    let mut show = |(id, pending): (Id, &Pending)| {
        reply.array(4);
        reply_id(reply, id);
        reply.bulk(group.holder_name(pending));
        reply.int(pending.idle_ms(now_ms).map_or(-1, |idle| idle as i64));
        reply.int(pending.deliveries as i64);
        len += 1;
    };
    match filter.consumer.map(|name| group.find(name)) {
        None => {
            let all = group.pending().range(from..=to).map(|(id, pending)| (*id, pending));
            all.filter(|(_, pending)| is_old(pending)).take(count).for_each(&mut show);
        }
        Some(Some(consumer)) => {
            let own = group.pending_of(consumer, from, to);
            own.filter(|(_, pending)| is_old(pending)).take(count).for_each(&mut show);
        }
        Some(None) => {}
    }
    reply.close_array(opened, len);
}
