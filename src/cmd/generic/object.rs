//! OBJECT: a look at a value's inside.

use crate::cmd::{Command, DONE, Outcome, Run};
use crate::config::{Choice, MaxMemory};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types;
use std::ops::Range;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "object",
        summary: "A container for commands that look at a value's inside.",
        since: "2.2.3",
        group: Group::Generic,
        ..Spec::CONTAINER
    },
    subcommands: &[
        Command {
            spec: Spec {
                name: "freq",
                summary: "Answers a key's logarithmic access counter.",
                since: "4.0.0",
                ..LOOK
            },
            run: Run::Keys(freq),
            ..Command::NEW
        },
        Command {
            spec: Spec { since: "6.2.0", group: Group::Generic, acl: acl::KEYSPACE, ..Spec::HELP },
            run: Run::Keys(help),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "encoding",
                summary: "Names the encoding that holds a value.",
                since: "2.2.3",
                ..LOOK
            },
            run: Run::Keys(encoding),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "idletime",
                summary: "Answers for how many seconds a key was not used.",
                since: "2.2.3",
                ..LOOK
            },
            run: Run::Keys(idletime),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "refcount",
                summary: "Answers a value's reference count.",
                since: "2.2.3",
                ..LOOK
            },
            run: Run::Keys(refcount),
            ..Command::NEW
        },
    ],
    ..Command::NEW
}];

/// What the subcommands share that look at one key.
const LOOK: Spec = Spec {
    group: Group::Generic,
    complexity: "O(1)",
    arity: 3,
    flags: flag::READONLY,
    acl: acl::KEYSPACE,
    keys: &[key(2).ro()],
    args: &[arg::key("key")],
    tips: &["nondeterministic_output"],
    ..Spec::NEW
};

fn encoding(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    match c.db.inspect(&argv[2]).map(types::encoding_name) {
        Some(name) => c.reply.bulk(name.as_bytes()),
        None => c.reply.null(),
    }
    DONE
}

/// Values are never shared between keys, so the count is one. Of integers that Redis has once for all keys,
/// which take no memory of their own here either, it is the one that Redis tells of those.
fn refcount(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let ranks =
        matches!(c.config.maxmemory_policy.choice(), Choice::Lru | Choice::Lrm | Choice::Lfu);
    let shares = !ranks || c.config.maxmemory == MaxMemory::Bytes(0);
    let is_shared =
        |entry| shares && types::integer(entry).is_some_and(|n| SHARED_INTEGERS.contains(&n));
    match c.db.inspect(&argv[2]).map(is_shared) {
        Some(true) => c.reply.int(i32::MAX.into()),
        Some(false) => c.reply.int(1),
        None => c.reply.null(),
    }
    DONE
}

/// The integers that Redis has once for all keys, unless the policy is about each key's use.
const SHARED_INTEGERS: Range<i64> = 0..10_000;

/// Whether the access clock counts uses, not seconds.
fn counts_uses(c: &mut KeysCtx<'_>) -> bool {
    c.db.keyspace().shared.access.lfu().is_some()
}

fn idletime(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let idle = c.db.look_at(&argv[2], |entry, access| access.idle_seconds(entry));
    match idle {
        Some(_) if counts_uses(c) => {
            return Err(CmdError::Msg(
                "An LFU maxmemory policy is selected, idle time not tracked. Please note that \
                 when switching between policies at runtime LRU and LFU data will take some time \
                 to adjust.",
            ));
        }
        Some(seconds) => c.reply.int(seconds as i64),
        None => c.reply.null(),
    }
    DONE
}

fn freq(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let counter = c.db.look_at(&argv[2], |entry, access| access.frequency(entry));
    match counter {
        Some(_) if !counts_uses(c) => {
            return Err(CmdError::Msg(
                "An LFU maxmemory policy is not selected, access frequency not tracked. Please \
                 note that when switching between policies at runtime LRU and LFU data will take \
                 some time to adjust.",
            ));
        }
        Some(counter) => c.reply.int(counter.into()),
        None => c.reply.null(),
    }
    DONE
}

fn help(c: &mut KeysCtx<'_>, _: &Argv<'_>) -> Outcome {
    c.reply.help(
        "object",
        &[
            "ENCODING <key>",
            "    The encoding that holds the key's value.",
            "FREQ <key>",
            "    The key's access counter, under an LFU maxmemory-policy.",
            "IDLETIME <key>",
            "    Seconds since the key was last used, under any other policy.",
            "REFCOUNT <key>",
            "    References to the key's value.",
        ],
    );
    DONE
}
