//! XREADGROUP.

use super::read::{BYTES_MAX, STREAMS, TOTAL_MAX, reply_key, streams as keys_behind};
use super::streams::{self, From, Request, Room};
use super::{Claim, Told, consumer_of, no_group, reply_body, reply_entry, reply_id};
use crate::cmd::{Block, Command, DONE, Denied, Flow, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError, Reply};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag};
use crate::types::Type;
use crate::types::stream::{ConsumerId, Delivery, EntryRef, Id, Pending, Stream};

/// One who claims what is idle for less looks again only after so long: what others read meanwhile is
/// not told to him.
const LOOK_AGAIN_MS: u64 = 10;

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
            TOTAL_MAX,
            BYTES_MAX,
            arg::integer("milliseconds").after("BLOCK").optional(),
            arg::integer("min-idle-time").after("CLAIM").optional().since("8.4.0"),
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
    let (mut served, mut room) = (0, Room::new(&c.reply, &request));
    for key in request.keys.clone() {
        let from = streams::from(&argv[request.start_at(key)], true)?;
        let who = (group, consumer);
        served += usize::from(read(c, &request, &mut room, &argv[key], who, from)?);
    }
    if served > 0 {
        c.reply.close_map_of_arrays(opened, served);
        return DONE;
    }
    match request.block.filter(|_| all_new) {
        Some(deadline_ms) => Ok(Flow::Block(Block {
            or_gone: true,
            again_ms: again_ms(c, argv, &request, group)?,
            ..Block::filled(request.keys, Type::Stream, 0, deadline_ms, Denied::NullArray)
        })),
        None => {
            c.reply.null_array();
            DONE
        }
    }
}

/// When one who claims looks again: what pends becomes idle enough by time alone, and what begins to
/// pend from now on is not idle enough sooner. What is handed back wakes him by itself.
fn again_ms(
    c: &mut KeysCtx<'_>,
    argv: &Argv<'_>,
    request: &Request<'_>,
    group: &[u8],
) -> Result<Option<u64>, CmdError> {
    let Some(min_ms) = request.claim_min_ms else { return Ok(None) };
    let now_ms = c.db.clock_ms();
    let mut next = now_ms.saturating_add(min_ms.max(LOOK_AGAIN_MS));
    for key in request.keys.clone() {
        let stream = c.db.fetch_as::<Stream>(&argv[key])?;
        let group = stream.and_then(|stream| stream.group(group));
        let idle = group.and_then(|group| group.next_idle_ms(min_ms));
        next = next.min(idle.unwrap_or(next));
    }
    Ok(Some(next.max(now_ms + 1)))
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
    room: &mut Room,
    key: &[u8],
    (group, consumer): (&[u8], &[u8]),
    from: From,
) -> Result<bool, CmdError> {
    if room.is_full() {
        return Ok(false);
    }
    let now_ms = c.db.clock_ms();
    let is_feeding = c.is_feeding();
    let Some(mut stream) = c.db.edit_as::<Stream>(key)? else { return Ok(false) };
    let Some((id, created)) = consumer_of(&mut stream, group, consumer, now_ms) else {
        return Ok(false);
    };
    if created {
        stream.event(Event::reading("xgroup-createconsumer"));
    }
    let begin = c.reply.open();
    reply_key(&mut c.reply, key);
    let opened = c.reply.open();
    let mut given = Given { is_feeding, ..Given::default() };
    if let From::Behind(behind) = from {
        let count = request.count;
        given.len = history(&mut c.reply, &mut stream, room, (group, id), (behind, count), now_ms);
        c.reply.close_array(opened, given.len);
        stream.done_untold(u64::from(created));
    } else {
        claim(&mut c.reply, &mut stream, (request, room), (group, id), now_ms, &mut given);
        deliver(&mut c.reply, &mut stream, (request, room), (group, id), now_ms, &mut given);
        match given.len {
            0 => c.reply.cut(begin),
            _ => c.reply.close_array(opened, given.len),
        }
        stream.done_untold(u64::from(created) + given.changes);
    }
    if created || given.changes > 0 {
        let Given { told: claimed, progress, .. } = given;
        Told { key, group, consumer, created, claimed, progress }.propagate(c);
    }
    Ok(given.len > 0 || from != From::Unread)
}

/// What a consumer got of one stream.
#[derive(Default)]
struct Given {
    /// Whether others are told.
    is_feeding: bool,
    /// Entries answered.
    len: usize,
    /// What changed by it.
    changes: u64,
    /// What others are told of.
    told: Vec<Claim>,
    /// The group's last id, and how much it has read, if that is new.
    progress: Option<(Id, Option<u64>)>,
}

impl Given {
    fn tell(&mut self, claim: Claim) {
        self.changes += 1;
        if self.is_feeding {
            self.told.push(claim);
        }
    }
}

/// Answers an entry, and to one who claims how long it has been idle and how often it was given out.
fn reply_with(
    reply: &mut Reply<'_>,
    entry: &EntryRef<'_>,
    request: &Request<'_>,
    before: Option<(&Pending, u64)>,
) {
    if request.claim_min_ms.is_none() {
        return reply_entry(reply, entry);
    }
    reply.array(4);
    reply_body(reply, entry);
    let idle = before.map_or(Some(0), |(pending, now_ms)| pending.idle_ms(now_ms));
    reply.int(idle.map_or(-1, |idle| idle as i64));
    reply.int(before.map_or(0, |(pending, _)| pending.deliveries as i64));
}

/// Gives a consumer what has been idle for long enough, if it asks for that. What is gone from the stream
/// pends no longer.
fn claim(
    reply: &mut Reply<'_>,
    stream: &mut Stream,
    (request, room): (&Request<'_>, &mut Room),
    (name, consumer): (&[u8], ConsumerId),
    now_ms: u64,
    given: &mut Given,
) {
    let Some(min_ms) = request.claim_min_ms else { return };
    let idle = stream.idle(name, now_ms, min_ms, request.count.min(room.left()));
    let last = stream.group(name).map_or(Id::MIN, |group| group.last_id);
    for (id, before) in idle.gone {
        stream.group_mut(name).map(|group| group.release(id));
        given.tell(Claim::gone(id, before, stream, name));
    }
    for (id, before) in idle.entries {
        let Some(entry) = stream.get(id) else { continue };
        let seen = Some((&before, now_ms));
        if !room.put(reply, |reply| reply_with(reply, &entry, request, seen)) {
            return;
        }
        let pending = Pending::given(consumer, now_ms, before.once_more());
        let Some(group) = stream.group_mut(name) else { return };
        group.assign(id, pending);
        group.consumer_mut(consumer).active_ms = Some(now_ms);
        given.tell(Claim::given(id, pending, last));
        given.len += 1;
    }
}

/// Gives a consumer what is new.
fn deliver(
    reply: &mut Reply<'_>,
    stream: &mut Stream,
    (request, room): (&Request<'_>, &mut Room),
    (group, consumer): (&[u8], ConsumerId),
    now_ms: u64,
    given: &mut Given,
) {
    let pends = !request.no_ack;
    let max = request.count - given.len;
    let new = stream.deliver(Delivery { group, consumer, max, now_ms, pends }, |entry| {
        let fits = room.put(reply, |reply| reply_with(reply, entry, request, None));
        if fits && pends && given.is_feeding {
            let pending = Pending::given(consumer, now_ms, 1);
            given.told.push(Claim::given(entry.id, pending, entry.id));
        }
        fits
    });
    let Some(group) = stream.group_mut(group).filter(|_| new > 0) else { return };
    if pends {
        group.consumer_mut(consumer).active_ms = Some(now_ms);
    }
    given.progress = Some((group.last_id, group.entries_read));
    given.len += new;
    given.changes += 1;
}

/// Answers what a consumer was given and has not acknowledged, behind an id. What was deleted meanwhile
/// is answered without fields; the others count as given once more. How many there are.
fn history(
    reply: &mut Reply<'_>,
    stream: &mut Stream,
    room: &mut Room,
    (name, consumer): (&[u8], ConsumerId),
    (behind, count): (Id, usize),
    now_ms: u64,
) -> usize {
    let mut again = Vec::new();
    let mut len = 0;
    if let (Some(group), Some(from)) = (stream.group(name), behind.next()) {
        for (id, _) in group.pending_of(consumer, from, Id::MAX).take(count) {
            let entry = stream.get(id);
            let fits = room.put(reply, |reply| match &entry {
                Some(entry) => reply_entry(reply, entry),
                None => {
                    reply.array(2);
                    reply_id(reply, id);
                    reply.null_array();
                }
            });
            if !fits {
                break;
            }
            len += 1;
            again.extend(entry.map(|_| id));
        }
    }
    if let Some(group) = stream.group_mut(name) {
        again.into_iter().for_each(|id| group.deliver_again(id, now_ms));
    }
    len
}
