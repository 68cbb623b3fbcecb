//! XREADGROUP.

use super::read::{STREAMS, reply_key, streams as keys_behind};
use super::streams::{self, From, Request};
use super::{Told, consumer_of, no_group, reply_entry, reply_id};
use crate::cmd::{Block, Command, DONE, Denied, Flow, Outcome, Run};
use crate::keyspace::{Event, Held};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag};
use crate::types::Type;
use crate::types::stream::{ConsumerId, Delivery, Id, Pending, Stream};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "xreadgroup",
        summary: "Gives a consumer entries of streams that its group was not given yet, and waits \
                  for some where there are none; or answers what it has not acknowledged.",
        since: "5.0.0",
        group: Group::Stream,
        complexity: "O(N) for each stream, of N entries answered",
        arity: -7,
        flags: flag::WRITE.with(flag::BLOCKING).with(flag::MOVABLE_KEYS),
        acl: acl::STREAM,
        keys: &[keys_behind(4).ro().access()],
        args: &[
            arg::block("group_consumer", &[arg::string("group"), arg::string("consumer")])
                .after("GROUP"),
            arg::integer("count").after("COUNT").optional(),
            arg::integer("milliseconds").after("BLOCK").optional(),
            arg::token("noack", "NOACK").optional(),
            STREAMS,
        ],
        ..Spec::NEW
    },
    run: Run::Keys(xreadgroup),
    ..Command::NEW
}];

fn xreadgroup(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let request = streams::parse(argv, true, c.db.now_ms())?;
    let Some((group, consumer)) = request.group else { return Err(CmdError::Syntax) };
    let mut all_new = true;
    for key in request.keys.clone() {
        let stream = c.db.fetch_as::<Stream>(&argv[key])?;
        if stream.is_none_or(|stream| stream.group(group).is_none()) {
            return Err(missing(&argv[key], group));
        }
        all_new &= streams::from(&argv[request.start_at(key)], true)? == From::Unread;
    }
    let opened = c.reply.open();
    let mut served = 0;
    for key in request.keys.clone() {
        let from = streams::from(&argv[request.start_at(key)], true)?;
        served += usize::from(read(c, &request, &argv[key], (group, consumer), from)?);
    }
    if served > 0 {
        c.reply.close_map_of_arrays(opened, served);
        return DONE;
    }
    match request.block.filter(|_| all_new) {
        Some(deadline_ms) => Ok(Flow::Block(Block {
            or_gone: true,
            ..Block::filled(request.keys, Type::Stream, 0, deadline_ms, Denied::NullArray)
        })),
        None => {
            c.reply.null_array();
            DONE
        }
    }
}

#[cold]
fn missing(key: &[u8], group: &[u8]) -> CmdError {
    let words = no_group(key, group);
    CmdError::Full(format!("{} in XREADGROUP with GROUP option", words.text()).into())
}

/// Answers what there is for a consumer in one stream; whether it has an answer.
fn read(
    c: &mut KeysCtx<'_>,
    request: &Request<'_>,
    key: &[u8],
    (group, consumer): (&[u8], &[u8]),
    from: From,
) -> Result<bool, CmdError> {
    let now_ms = c.db.clock_ms();
    let is_feeding = c.is_feeding();
    let Some(mut stream) = c.db.edit_as::<Stream>(key)? else { return Ok(false) };
    let Some((id, created)) = consumer_of(&mut stream, group, consumer, now_ms) else {
        return Ok(false);
    };
    if created {
        stream.event(Event::reading("xgroup-createconsumer"));
    }
    if let From::Behind(behind) = from {
        reply_key(&mut c.reply, key);
        history(&mut c.reply, &mut stream, (group, id), behind, request.count, now_ms);
        stream.done_untold(u64::from(created));
        if created {
            let claimed = Vec::new();
            Told { key, group, consumer, created, claimed, progress: None }.propagate(c);
        }
        return Ok(true);
    }
    let mut claimed = Vec::new();
    let to = Delivery { group, consumer: id, max: request.count, now_ms, pends: !request.no_ack };
    let given = deliver(&mut c.reply, &mut stream, key, to, |id| {
        if is_feeding && to.pends {
            let Delivery { consumer, .. } = to;
            claimed.push((id, Pending { consumer, delivered_ms: now_ms, deliveries: 1 }));
        }
    });
    let progress = stream.group(group).filter(|_| given);
    let progress = progress.map(|group| (group.last_id, group.entries_read));
    stream.done_untold(u64::from(created) + u64::from(given));
    if created || given {
        Told { key, group, consumer, created, claimed, progress }.propagate(c);
    }
    Ok(given)
}

/// Gives a consumer what is new, and notes each id; whether there is anything.
fn deliver(
    reply: &mut Reply<'_>,
    stream: &mut Held<'_, Stream>,
    key: &[u8],
    to: Delivery<'_>,
    mut note: impl FnMut(Id),
) -> bool {
    let given = stream.group(to.group).map_or(Id::MAX, |group| group.last_id);
    let next = given.next().and_then(|from| stream.range(from, Id::MAX).next());
    if next.is_none() {
        return false;
    }
    reply_key(reply, key);
    let opened = reply.open();
    let len = stream.deliver(to, |entry| {
        reply_entry(reply, entry);
        note(entry.id);
    });
    reply.close_array(opened, len);
    if to.pends
        && let Some(group) = stream.group_mut(to.group)
    {
        group.consumer_mut(to.consumer).active_ms = Some(to.now_ms);
    }
    true
}

/// Answers what a consumer was given and has not acknowledged, behind an id. What was deleted meanwhile
/// is answered without fields; the others count as given once more.
fn history(
    reply: &mut Reply<'_>,
    stream: &mut Held<'_, Stream>,
    (name, consumer): (&[u8], ConsumerId),
    behind: Id,
    count: usize,
    now_ms: u64,
) {
    let opened = reply.open();
    let mut given = Vec::new();
    let mut len = 0;
    if let (Some(group), Some(from)) = (stream.group(name), behind.next()) {
        for (id, _) in group.pending_of(consumer, from, Id::MAX).take(count) {
            len += 1;
            match stream.get(id) {
                Some(entry) => {
                    reply_entry(reply, &entry);
                    given.push(id);
                }
                None => {
                    reply.array(2);
                    reply_id(reply, id);
                    reply.null_array();
                }
            }
        }
    }
    reply.close_array(opened, len);
    if let Some(group) = stream.group_mut(name) {
        for id in given {
            if let Some(pending) = group.pending_mut(id) {
                pending.delivered_ms = now_ms;
                pending.deliveries += 1;
            }
        }
    }
}
