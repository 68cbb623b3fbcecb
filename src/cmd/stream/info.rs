//! XINFO.

use super::group::no_group;
use super::{idempotence, info_full, reply_entry, reply_id};
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::{ClientCtx, KeysCtx};
use crate::spec::{Group as SpecGroup, Spec, acl, arg, flag, key};
use crate::types::Limits;
use crate::types::stream::{EntryRef, Id, Stream};

const SUBCOMMAND: Spec = Spec {
    since: "5.0.0",
    group: SpecGroup::Stream,
    complexity: "O(1)",
    flags: flag::READONLY,
    acl: acl::STREAM,
    keys: &[key(2).ro().access()],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "xinfo",
        summary: "A container for commands that tell of streams and groups.",
        since: "5.0.0",
        group: SpecGroup::Stream,
        ..Spec::CONTAINER
    },
    subcommands: &[
        Command {
            spec: Spec {
                name: "consumers",
                summary: "Tells of the consumers of a group.",
                arity: 4,
                tips: &["nondeterministic_output"],
                args: &[arg::key("key"), arg::string("groupname")],
                history: &[("7.2.0", "Tells how long they have been inactive.")],
                ..SUBCOMMAND
            },
            run: Run::Keys(consumers),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "groups",
                summary: "Tells of the groups of a stream.",
                arity: 3,
                args: &[arg::key("key")],
                history: &[("7.0.0", "Tells of entries read and the lag.")],
                ..SUBCOMMAND
            },
            run: Run::Keys(groups),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "stream",
                summary: "Tells of a stream.",
                arity: -3,
                args: &[
                    arg::key("key"),
                    arg::block("full", &[arg::integer("count").after("COUNT").optional()])
                        .after("FULL")
                        .optional(),
                ],
                history: &[
                    ("6.0.0", "Takes FULL."),
                    ("7.0.0", "Tells of entries that were added and deleted."),
                    ("7.2.0", "Tells when consumers were active."),
                    ("8.6.0", "Tells of the names that producers give entries."),
                    ("8.8.0", "Tells how much was handed back."),
                ],
                ..SUBCOMMAND
            },
            run: Run::Keys(stream),
            ..Command::NEW
        },
        Command {
            spec: Spec { since: "5.0.0", group: SpecGroup::Stream, acl: acl::STREAM, ..Spec::HELP },
            run: Run::Client(help),
            ..Command::NEW
        },
    ],
    ..Command::NEW
}];

/// Entries, and what pends, that FULL shows if it does not say.
const USUAL_COUNT: usize = 10;

fn stream(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let now_ms = c.db.clock_ms();
    let stream = c.db.fetch_as::<Stream>(&argv[2])?;
    let stream = stream.ok_or(CmdError::NoSuchKey)?;
    let full = full_count(argv)?;
    let reply = &mut c.reply;
    match full {
        Some(count) => info_full::stream(reply, stream, (c.limits, now_ms), count),
        None => {
            reply.map(16);
            facts(reply, stream, (c.limits, now_ms));
            field(reply, "groups").len(stream.groups().len());
            edge(field(reply, "first-entry"), stream.range(Id::MIN, Id::MAX).next());
            edge(field(reply, "last-entry"), stream.range_back(Id::MIN, Id::MAX).next());
        }
    }
    DONE
}

/// How many entries FULL asks for, if it stands there.
fn full_count(argv: &Argv<'_>) -> Result<Option<usize>, CmdError> {
    let mut args = Args::new(argv, 3);
    if args.left() == 0 {
        return Ok(None);
    }
    let refused = || super::unknown_form(&argv[1], "XINFO");
    if !args.word("FULL") || !matches!(args.left(), 0 | 2) {
        return Err(refused());
    }
    if args.left() == 0 {
        return Ok(Some(USUAL_COUNT));
    }
    if !args.word("COUNT") {
        return Err(refused());
    }
    Ok(Some(match args.int()? {
        0 => usize::MAX,
        count => usize::try_from(count).unwrap_or(USUAL_COUNT),
    }))
}

/// Answers the thirteen pairs that are told of a stream in any case.
pub(super) fn facts(reply: &mut Reply<'_>, stream: &Stream, (limits, now_ms): (&Limits, u64)) {
    let facts = stream.facts();
    field(reply, "length").int(facts.len as i64);
    let nodes = stream.nodes().len();
    field(reply, "radix-tree-keys").len(nodes);
    field(reply, "radix-tree-nodes").len(nodes + 1);
    reply_id(field(reply, "last-generated-id"), facts.last_id);
    reply_id(field(reply, "max-deleted-entry-id"), facts.max_deleted_id);
    field(reply, "entries-added").int(facts.entries_added as i64);
    reply_id(field(reply, "recorded-first-entry-id"), facts.first_id);
    let known = stream.idempotence();
    let memory = known.map_or_else(|| idempotence::usual(limits), |known| known.memory());
    let (producers, names) = known.map_or((0, 0), |known| known.tracked(now_ms));
    field(reply, "idmp-duration").int(memory.duration_s as i64);
    field(reply, "idmp-maxsize").int(memory.max_size as i64);
    field(reply, "pids-tracked").len(producers);
    field(reply, "iids-tracked").len(names);
    field(reply, "iids-added").int(known.map_or(0, |known| known.added as i64));
    field(reply, "iids-duplicates").int(known.map_or(0, |known| known.duplicates as i64));
}

/// Answers a pair's name.
pub(super) fn field<'a, 'r>(reply: &'a mut Reply<'r>, name: &str) -> &'a mut Reply<'r> {
    reply.bulk(name.as_bytes());
    reply
}

fn edge(reply: &mut Reply<'_>, entry: Option<EntryRef<'_>>) {
    match entry {
        Some(entry) => reply_entry(reply, &entry),
        None => reply.null(),
    }
}

fn groups(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let stream = c.db.fetch_as::<Stream>(&argv[2])?;
    let stream = stream.ok_or(CmdError::NoSuchKey)?;
    let reply = &mut c.reply;
    reply.array(stream.groups().len());
    for (name, group) in stream.groups() {
        reply.map(6);
        field(reply, "name").bulk(name);
        field(reply, "consumers").len(group.consumers().len());
        field(reply, "pending").len(group.pending().len());
        reply_id(field(reply, "last-delivered-id"), group.last_id);
        known(field(reply, "entries-read"), group.entries_read.map(|read| read as i64));
        known(field(reply, "lag"), stream.facts().lag(group));
    }
    DONE
}

/// Answers a number that may be unknown.
pub(super) fn known(reply: &mut Reply<'_>, number: Option<i64>) {
    match number {
        Some(number) => reply.int(number),
        None => reply.null(),
    }
}

fn consumers(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let now_ms = c.db.clock_ms();
    let stream = c.db.fetch_as::<Stream>(&argv[2])?;
    let stream = stream.ok_or(CmdError::NoSuchKey)?;
    let group = stream.group(&argv[3]).ok_or_else(|| no_group(&argv[2], &argv[3]))?;
    let reply = &mut c.reply;
    reply.array(group.consumers().len());
    for (_, consumer) in group.consumers() {
        let active = consumer.active_ms;
        reply.map(4);
        field(reply, "name").bulk(consumer.name());
        field(reply, "pending").len(consumer.pending().len());
        field(reply, "idle").int(now_ms.saturating_sub(consumer.seen_ms) as i64);
        let inactive = active.map_or(-1, |active| now_ms.saturating_sub(active) as i64);
        field(reply, "inactive").int(inactive);
    }
    DONE
}

fn help(c: &mut ClientCtx<'_>, _: &Argv<'_>) -> Outcome {
    c.reply().help(
        "xinfo",
        &[
            "CONSUMERS <key> <groupname>",
            "    Show consumers of <groupname>.",
            "GROUPS <key>",
            "    Show the stream consumer groups.",
            "STREAM <key> [FULL [COUNT <count>]",
            "    Show information about the stream.",
        ],
    );
    DONE
}
