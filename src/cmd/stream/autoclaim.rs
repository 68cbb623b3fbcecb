//! XAUTOCLAIM.

use super::claim::{Claimed, Terms, claim, idle_min_ms};
use super::{Claim, Told, consumer_of, id, no_group, reply_entry, reply_id};
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::{Event, Held};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::KeysCtx;
use crate::spec::{Group as SpecGroup, Spec, acl, arg, flag, key};
use crate::types::stream::{ConsumerId, Id, Stream};

/// Entries claimed if the command does not say.
const USUAL_COUNT: i64 = 100;
/// Entries looked at for each that may be claimed.
const TRIES: i64 = 10;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "xautoclaim",
        summary: "Gives entries that have pended for some time, with whomever, to a consumer.",
        since: "6.2.0",
        group: SpecGroup::Stream,
        complexity: "O(N), of N the count",
        arity: -6,
        flags: flag::WRITE.with(flag::FAST),
        acl: acl::STREAM,
        tips: &["nondeterministic_output"],
        keys: &[key(1).rw().delete()],
        args: &[
            arg::key("key"),
            arg::string("group"),
            arg::string("consumer"),
            arg::string("min-idle-time"),
            arg::string("start"),
            arg::integer("count").after("COUNT").optional(),
            arg::token("justid", "JUSTID").optional(),
        ],
        history: &[("7.0.0", "Answers the ids of entries that are no longer there.")],
        ..Spec::NEW
    },
    run: Run::Keys(xautoclaim),
    ..Command::NEW
}];

struct Request {
    terms: Terms,
    from: Id,
    count: i64,
}

fn parse(argv: &Argv<'_>, now_ms: u64) -> Result<Request, CmdError> {
    let mut terms = Terms {
        idle_min_ms: idle_min_ms(&argv[4], "XAUTOCLAIM")?,
        delivered_ms: now_ms,
        deliveries: None,
        force: false,
        just_id: false,
    };
    let from = id::start(&argv[5])?;
    let mut count = USUAL_COUNT;
    let mut args = Args::new(argv, 6);
    while args.left() > 0 {
        if args.left() > 1 && args.word("COUNT") {
            let refused = CmdError::Msg("COUNT must be > 0");
            count = args.int_in(1, i64::MAX / TRIES / 16, refused)?;
        } else if args.word("JUSTID") {
            terms.just_id = true;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    Ok(Request { terms, from, count })
}

fn xautoclaim(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (key, group, consumer) = (&argv[1], &argv[2], &argv[3]);
    let now_ms = c.db.clock_ms();
    let request = parse(argv, now_ms)?;
    let with_group = |held: &Held<'_, Stream>| held.group(group).is_some();
    let Some(mut held) = c.db.edit_as::<Stream>(key)?.filter(with_group) else {
        c.db.fetch(key);
        return Err(no_group(key, group));
    };
    let found = consumer_of(&mut held, group, consumer, now_ms);
    let (id, created) = found.expect("the group is there");
    if created {
        held.event(Event::reading("xgroup-createconsumer"));
    }
    let sweep = sweep(&mut c.reply, &mut held, (group, id), &request, now_ms);
    held.done_untold((sweep.claimed.len() + usize::from(created)) as u64);
    c.reply.array(sweep.gone.len());
    sweep.gone.iter().for_each(|id| reply_id(&mut c.reply, *id));
    Told { key, group, consumer, created, claimed: sweep.claimed, progress: None }.propagate(c);
    DONE
}

/// What a sweep has found.
#[derive(Default)]
struct Sweep {
    /// What others are to be told of.
    claimed: Vec<Claim>,
    /// What is no longer in the stream.
    gone: Vec<Id>,
}

/// Claims what pends from an id on, and answers where the next sweep is to begin and what was claimed.
fn sweep(
    reply: &mut Reply<'_>,
    stream: &mut Stream,
    (name, consumer): (&[u8], ConsumerId),
    request: &Request,
    now_ms: u64,
) -> Sweep {
    let mut sweep = Sweep::default();
    let (mut left, mut tries) = (request.count, request.count * TRIES);
    let mut next = next_pending(stream, name, request.from);
    let last = stream.group(name).map_or(Id::MIN, |group| group.last_id);
    reply.array(3);
    let cursor = reply.open();
    let opened = reply.open();
    let mut len = 0;
    while let Some(id) = next.filter(|_| left > 0 && tries > 0) {
        tries -= 1;
        match claim(stream, name, consumer, id, (&request.terms, now_ms)) {
            Claimed::No => {}
            Claimed::Gone(pending) => {
                sweep.claimed.push(Claim::gone(id, pending, stream, name));
                sweep.gone.push(id);
                left -= 1;
            }
            Claimed::Yes(pending) => {
                sweep.claimed.push(Claim::given(id, pending, last));
                match stream.get(id).filter(|_| !request.terms.just_id) {
                    Some(entry) => reply_entry(reply, &entry),
                    None => reply_id(reply, id),
                }
                len += 1;
                left -= 1;
            }
        }
        next = id.next().and_then(|id| next_pending(stream, name, id));
    }
    reply.close_array(opened, len);
    let cursor_text = next.unwrap_or(Id::MIN);
    reply.insert_bulk(cursor, cursor_text.text(&mut [0; Id::TEXT_MAX]));
    sweep
}

/// The first id that pends from one on.
fn next_pending(stream: &Stream, group: &[u8], from: Id) -> Option<Id> {
    let pending = stream.group(group)?.pending();
    pending.range(from..=Id::MAX).next().map(|(id, _)| *id)
}
