//! XCLAIM.

use super::{Claim, Told, consumer_of, id, no_group, reply_entry, reply_id};
use crate::cmd::args::{self, Args};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::{Event, Held};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group as SpecGroup, Spec, acl, arg, flag, key};
use crate::types::stream::{ConsumerId, Id, Pending, Stream};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "xclaim",
        summary: "Gives entries that pend with whomever to a consumer.",
        since: "5.0.0",
        group: SpecGroup::Stream,
        complexity: "O(log(N)) for each id, of N entries that pend",
        arity: -6,
        flags: flag::WRITE.with(flag::FAST),
        acl: acl::STREAM,
        tips: &["nondeterministic_output"],
        keys: &[key(1).rw().update()],
        args: &[
            arg::key("key"),
            arg::string("group"),
            arg::string("consumer"),
            arg::string("min-idle-time"),
            arg::string("id").multiple(),
            arg::integer("ms").after("IDLE").optional(),
            arg::unix_time("unix-time-milliseconds").after("TIME").optional(),
            arg::integer("count").after("RETRYCOUNT").optional(),
            arg::token("force", "FORCE").optional(),
            arg::token("justid", "JUSTID").optional(),
            arg::string("id").after("LASTID").optional(),
        ],
        ..Spec::NEW
    },
    run: Run::Keys(xclaim),
    ..Command::NEW
}];

/// How entries are claimed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Those given out since are left alone.
    pub(super) idle_min_ms: u64,
    /// When they count as given out.
    pub(super) delivered_ms: u64,
    /// How often they count as given out; once more if it does not say.
    pub(super) deliveries: Option<u64>,
    /// They are made to pend if they do not.
    pub(super) force: bool,
    /// Their ids are wanted alone; they are not given out then.
    pub(super) just_id: bool,
}

/// What became of an entry that was to be claimed.
pub(super) enum Claimed {
    /// It pends with the claimant.
    Yes(Pending),
    /// It does not pend, or is too young.
    No,
    /// It pended, but is no longer in the stream; it pends no longer.
    Gone(Pending),
}

/// The smallest time since entries were given out, of which what is negative is 0.
pub(super) fn idle_min_ms(arg: &[u8], command: &str) -> Result<u64, CmdError> {
    let ms = args::int(arg)
        .map_err(|_| CmdError::err(format_args!("Invalid min-idle-time argument for {command}")))?;
    Ok(u64::try_from(ms).unwrap_or(0))
}

/// Claims an entry for a consumer.
pub(super) fn claim(
    stream: &mut Stream,
    name: &[u8],
    consumer: ConsumerId,
    id: Id,
    (terms, now_ms): (&Terms, u64),
) -> Claimed {
    let is_there = stream.get(id).is_some();
    let Some(group) = stream.group_mut(name) else { return Claimed::No };
    let found = group.pending().get(id).copied();
    if !is_there {
        group.release(id);
        return found.map_or(Claimed::No, Claimed::Gone);
    }
    let usual = match found {
        Some(found) if !found.is_idle(now_ms, terms.idle_min_ms) => return Claimed::No,
        None if !terms.force => return Claimed::No,
        Some(found) if terms.just_id => found.deliveries,
        Some(found) => found.once_more(),
        None => 1 + u64::from(!terms.just_id),
    };
    let deliveries = terms.deliveries.unwrap_or(usual);
    let pending = Pending::given(consumer, terms.delivered_ms, deliveries);
    group.assign(id, pending);
    group.consumer_mut(consumer).active_ms = Some(now_ms);
    Claimed::Yes(pending)
}

struct Request {
    ids: Vec<Id>,
    terms: Terms,
    last_id: Option<Id>,
}

fn parse(argv: &Argv<'_>, now_ms: u64) -> Result<Request, CmdError> {
    let mut terms = Terms {
        idle_min_ms: idle_min_ms(&argv[4], "XCLAIM")?,
        delivered_ms: now_ms,
        deliveries: None,
        force: false,
        just_id: false,
    };
    let ids: Vec<Id> = argv.from(5).map_while(|arg| id::parse(arg, 0)).collect();
    let mut args = Args::new(argv, 5 + ids.len());
    let mut last_id = None;
    let number = |args: &mut Args<'_>, name: &str| {
        args.int()
            .map_err(|_| CmdError::err(format_args!("Invalid {name} option argument for XCLAIM")))
    };
    let now = now_ms as i64;
    let mut delivered = now;
    while let Some(word) = args.peek() {
        let more = args.left() > 1;
        if args.word("FORCE") {
            terms.force = true;
        } else if args.word("JUSTID") {
            terms.just_id = true;
        } else if more && args.word("IDLE") {
            delivered = now.saturating_sub(number(&mut args, "IDLE")?);
        } else if more && args.word("TIME") {
            delivered = number(&mut args, "TIME")?;
        } else if more && args.word("RETRYCOUNT") {
            terms.deliveries = u64::try_from(number(&mut args, "RETRYCOUNT")?).ok();
        } else if more && args.word("LASTID") {
            last_id = Some(id::id(args.any()?, 0)?);
        } else {
            let word = String::from_utf8_lossy(word);
            return Err(CmdError::err(format_args!("Unrecognized XCLAIM option '{word}'")));
        }
    }
    if (0..=now).contains(&delivered) {
        terms.delivered_ms = delivered as u64;
    }
    Ok(Request { ids, terms, last_id })
}

fn xclaim(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (key, group, consumer) = (&argv[1], &argv[2], &argv[3]);
    let now_ms = c.db.clock_ms();
    let with_group = |held: &Held<'_, Stream>| held.group(group).is_some();
    let Some(mut held) = c.db.edit_as::<Stream>(key)?.filter(with_group) else {
        c.db.fetch(key);
        return Err(no_group(key, group));
    };
    let Request { ids, terms, last_id } = match parse(argv, now_ms) {
        Ok(request) => request,
        Err(error) => {
            held.unchanged();
            return Err(error);
        }
    };
    let found = consumer_of(&mut held, group, consumer, now_ms);
    let (id, created) = found.expect("the group is there");
    if created {
        held.event(Event::reading("xgroup-createconsumer"));
    }
    let stream: &mut Stream = &mut held;
    let mut progress = None;
    if let Some(group) = stream.group_mut(group).filter(|group| Some(group.last_id) < last_id) {
        group.last_id = last_id.unwrap_or_default();
        progress = Some((group.last_id, group.entries_read));
    }
    let last = stream.group(group).map_or(Id::MIN, |group| group.last_id);
    let mut claimed = Vec::new();
    let opened = c.reply.open();
    let mut len = 0;
    for entry in ids {
        match claim(stream, group, id, entry, (&terms, now_ms)) {
            Claimed::No => {}
            Claimed::Gone(pending) => claimed.push(Claim::gone(entry, pending, stream, group)),
            Claimed::Yes(pending) => {
                claimed.push(Claim::given(entry, pending, last));
                len += 1;
                match stream.get(entry).filter(|_| !terms.just_id) {
                    Some(entry) => reply_entry(&mut c.reply, &entry),
                    None => reply_id(&mut c.reply, entry),
                }
            }
        }
    }
    c.reply.close_array(opened, len);
    let changes = claimed.len() + usize::from(created) + usize::from(progress.is_some());
    if terms.delivered_ms < now_ms && len > 0 {
        held.event(Event::CLAIMABLE);
    }
    held.done_untold(changes as u64);
    // What is told of an entry tells the last id as well.
    progress = progress.filter(|_| claimed.is_empty());
    Told { key, group, consumer, created, claimed, progress }.propagate(c);
    DONE
}
