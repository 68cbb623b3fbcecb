//! XDEL, XSETID.

use super::id;
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::stream::{Id, Stream};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "xdel",
            summary: "Deletes entries of a stream, and answers how many.",
            since: "5.0.0",
            group: Group::Stream,
            complexity: "O(N), of N ids",
            arity: -3,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::STREAM,
            keys: &[key(1).rw().delete()],
            args: &[arg::key("key"), arg::string("id").multiple()],
            ..Spec::NEW
        },
        run: Run::Keys(xdel),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "xsetid",
            summary: "Sets what a stream knows of its entries beside those that are there.",
            since: "5.0.0",
            group: Group::Stream,
            arity: -3,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
            acl: acl::STREAM,
            keys: &[key(1).rw().update()],
            args: &[
                arg::key("key"),
                arg::string("last-id"),
                arg::integer("entries_added").after("ENTRIESADDED").optional().since("7.0.0"),
                arg::string("max_deleted_entry_id").after("MAXDELETEDID").optional().since("7.0.0"),
            ],
            history: &[("7.0.0", "Takes ENTRIESADDED and MAXDELETEDID.")],
            ..Spec::NEW
        },
        run: Run::Keys(xsetid),
        ..Command::NEW
    },
];

fn xdel(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let Some(mut stream) = c.db.edit_as::<Stream>(&argv[1])? else {
        c.reply.int(0);
        return DONE;
    };
    let ids = match id::all(argv.from(2)) {
        Ok(ids) => ids,
        Err(error) => {
            stream.unchanged();
            return Err(error);
        }
    };
    let deleted = ids.into_iter().filter(|id| stream.remove(*id)).count();
    match deleted {
        0 => stream.done_untold(0),
        _ => stream.done_times(Event::stream("xdel"), deleted as u64),
    }
    c.reply.len(deleted);
    DONE
}

fn xsetid(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let last_id = id::id(&argv[2], 0)?;
    let (mut added, mut max_deleted) = (None, None);
    let mut args = Args::new(argv, 3);
    while args.left() > 0 {
        if args.left() > 1 && args.word("ENTRIESADDED") {
            let count = u64::try_from(args.int()?);
            added = Some(count.map_err(|_| CmdError::Msg("entries_added must be positive"))?);
        } else if args.left() > 1 && args.word("MAXDELETEDID") {
            let id = id::id(args.any()?, 0)?;
            if last_id < id {
                return Err(CmdError::Msg(
                    "The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
            max_deleted = Some(id);
        } else {
            return Err(CmdError::Syntax);
        }
    }
    let stream = c.db.edit_as::<Stream>(&argv[1])?;
    let mut stream = stream.ok_or(CmdError::NoSuchKey)?;
    if let Err(error) = may_set(&stream, last_id, added) {
        stream.unchanged();
        return Err(error);
    }
    stream.set_facts(last_id, added, max_deleted);
    stream.done(Event::reading("xsetid"));
    c.reply.ok();
    DONE
}

/// Whether a stream may get this last id, and number of entries ever added.
fn may_set(stream: &Stream, last_id: Id, added: Option<u64>) -> Result<(), CmdError> {
    if last_id < stream.facts().max_deleted_id {
        return Err(CmdError::Msg(
            "The ID specified in XSETID is smaller than current max_deleted_entry_id",
        ));
    }
    let top = stream.range_back(Id::MIN, Id::MAX).next();
    if top.is_some_and(|top| last_id < top.id) {
        return Err(CmdError::Msg(
            "The ID specified in XSETID is smaller than the target stream top item",
        ));
    }
    if added.is_some_and(|added| added < stream.facts().len) {
        return Err(CmdError::Msg(
            "The entries_added specified in XSETID is smaller than the target stream length",
        ));
    }
    Ok(())
}
