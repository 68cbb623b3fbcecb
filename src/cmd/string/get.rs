//! GET, and its kin that change or remove what they answer.

use super::ttl::{self, Ttl, fill};
use super::{DEL, EXPIRE};
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "get",
            summary: "Answers the string that a key holds.",
            since: "1.0.0",
            group: Group::String,
            complexity: "O(1)",
            arity: 2,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::STRING,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key")],
            ..Spec::NEW
        },
        run: Run::Keys(get),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "getdel",
            summary: "Answers the string that a key holds and deletes the key.",
            since: "6.2.0",
            group: Group::String,
            complexity: "O(1)",
            arity: 2,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::STRING,
            keys: &[key(1).rw().access().delete()],
            args: &[arg::key("key")],
            ..Spec::NEW
        },
        run: Run::Keys(getdel),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "getex",
            summary: "Answers the string that a key holds and sets or removes its time to live.",
            since: "6.2.0",
            group: Group::String,
            complexity: "O(1)",
            arity: -2,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::STRING,
            keys: &[key(1).rw().access().update().notes("Changes the time to live, not the value")],
            args: &[
                arg::key("key"),
                arg::one_of("expiration", &[ttl::EX, ttl::PX, ttl::EXAT, ttl::PXAT, ttl::PERSIST])
                    .optional(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(getex),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "strlen",
            summary: "Answers the length of the string that a key holds.",
            since: "2.2.0",
            group: Group::String,
            complexity: "O(1)",
            arity: 2,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::STRING,
            keys: &[key(1).ro()],
            args: &[arg::key("key")],
            ..Spec::NEW
        },
        run: Run::Keys(strlen),
        ..Command::NEW
    },
];

fn get(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    match c.db.string(&argv[1])? {
        Some(value) => c.reply.string(value),
        None => c.reply.null(),
    }
    DONE
}

fn strlen(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let len = c.db.string(&argv[1])?.map_or(0, |held| held.len());
    c.reply.len(len);
    DONE
}

fn getdel(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let key = &argv[1];
    let Ok(edit) = c.db.upsert_read(key) else {
        c.reply.null();
        return DONE;
    };
    let held = edit.string().ok_or(CmdError::WrongType)?;
    c.reply.string(held);
    edit.delete(DEL);
    c.propagate_as(&[b"DEL", key]);
    DONE
}

/// The number of a time to live is looked at only once the key turned out to be a string.
fn getex(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let key = &argv[1];
    let mut ttl = None;
    let mut args = Args::new(argv, 2);
    while args.left() > 0 {
        if args.word("PERSIST") {
            fill(&mut ttl, Ttl::Persist)?;
        } else {
            fill(&mut ttl, Ttl::take(&mut args)?.ok_or(CmdError::Syntax)?)?;
        }
    }
    let (now, clock) = (c.db.now_ms(), c.db.clock_ms());
    let Ok(mut edit) = c.db.upsert_read(key) else {
        c.reply.null();
        return DONE;
    };
    let held = edit.string().ok_or(CmdError::WrongType)?;
    let deadline = ttl.map_or(Ok(None), |ttl| ttl.deadline(clock, "getex"))?;
    c.reply.string(held);
    match (ttl, deadline) {
        (Some(Ttl::ExAt(_) | Ttl::PxAt(_)), Some(at)) if at <= now => {
            edit.delete(DEL);
            c.propagate_removal(key, c.config.lazyfree_lazy_expire);
        }
        (_, Some(at)) => {
            edit.set_deadline(Some(at));
            edit.done(EXPIRE);
            c.propagate_as(&[b"PEXPIREAT", key, itoa::Buffer::new().format(at).as_bytes()]);
        }
        (Some(Ttl::Persist), None) if edit.deadline().is_some() => {
            edit.set_deadline(None);
            edit.done(super::PERSIST);
            c.propagate_as(&[b"PERSIST", key]);
        }
        _ => edit.unchanged(),
    }
    DONE
}
