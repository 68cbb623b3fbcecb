//! Keys change their name, their database, or are copied.

use crate::cmd::args::{Args, db_index, int};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "rename",
            summary: "Gives a key another name, over whatever had that name.",
            since: "1.0.0",
            group: Group::Generic,
            complexity: "O(1)",
            arity: 3,
            flags: flag::WRITE,
            acl: acl::KEYSPACE,
            keys: &[key(1).rw().access().delete(), key(2).ow().update()],
            args: &[arg::key("key"), arg::key_of("newkey", 1)],
            ..Spec::NEW
        },
        run: Run::Keys(rename),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "renamenx",
            summary: "Gives a key another name if no key has it.",
            since: "1.0.0",
            group: Group::Generic,
            complexity: "O(1)",
            arity: 3,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::KEYSPACE,
            keys: &[key(1).rw().access().delete(), key(2).ow().insert()],
            args: &[arg::key("key"), arg::key_of("newkey", 1)],
            history: &[("3.2.0", "Source and destination may be the same key.")],
            ..Spec::NEW
        },
        run: Run::Keys(renamenx),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "copy",
            summary: "Copies a key's value to another key.",
            since: "6.2.0",
            group: Group::Generic,
            complexity: "O(N) for the size of the value",
            arity: -3,
            flags: flag::WRITE.with(flag::DENYOOM),
            acl: acl::KEYSPACE,
            keys: &[key(1).ro().access(), key(2).ow().update()],
            args: &[
                arg::key("source"),
                arg::key_of("destination", 1),
                arg::integer("destination-db").after("DB").optional(),
                arg::token("replace", "REPLACE").optional(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(copy),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "move",
            summary: "Moves a key to another database.",
            since: "1.0.0",
            group: Group::Generic,
            complexity: "O(1)",
            arity: 3,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::KEYSPACE,
            keys: &[key(1).rw().access().update()],
            args: &[arg::key("key"), arg::integer("db")],
            ..Spec::NEW
        },
        run: Run::Keys(move_key),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "swapdb",
            summary: "Swaps two databases.",
            since: "4.0.0",
            group: Group::Server,
            complexity: "O(N) for the clients that watch or wait for keys of either",
            arity: 3,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::KEYSPACE.with(acl::DANGEROUS),
            args: &[arg::integer("index1"), arg::integer("index2")],
            ..Spec::NEW
        },
        run: Run::Keys(swapdb),
        ..Command::NEW
    },
];

fn rename(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    rename_key(c, argv, true)?;
    c.reply.ok();
    DONE
}

fn renamenx(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let renamed = rename_key(c, argv, false)?;
    c.reply.int(i64::from(renamed));
    DONE
}

/// Renames; whether it was done, which it is not where the new name is taken and must not be.
fn rename_key(c: &mut KeysCtx<'_>, argv: &Argv<'_>, over: bool) -> Result<bool, CmdError> {
    let (from, to) = (&argv[1], &argv[2]);
    let Some(edit) = c.db.edit(from) else { return Err(CmdError::NoSuchKey) };
    edit.unchanged();
    if from == to {
        return Ok(over);
    }
    let mut replaced = None;
    if let Some(taken) = c.db.edit(to) {
        if !over {
            taken.unchanged();
            return Ok(false);
        }
        replaced = Some(taken.delete_untold());
    }
    let edit = c.db.edit(from).expect("it was there just now");
    let entry = edit.take_out().rename(to);
    c.db.adopt_as_new(entry);
    c.db.tell(from, Event::generic("rename_from"));
    c.db.done(to, Event::generic("rename_to"));
    if let Some(kind) = replaced {
        c.db.tell_overwritten(to, kind);
    }
    Ok(true)
}

fn copy(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (from, to) = (&argv[1], &argv[2]);
    let mut args = Args::new(argv, 3);
    let mut index = i64::from(c.db.index());
    let mut replace = false;
    while args.left() > 0 {
        if args.word("replace") {
            replace = true;
        } else if args.left() >= 2 && args.word("db") {
            index = db_index(args.any()?)?;
            c.db.other(index)?;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    if index == i64::from(c.db.index()) && from == to {
        return Err(CmdError::Msg("source and destination objects are the same"));
    }
    let Some(copied) = c.db.fetch(from).map(|entry| types::copy(entry, to)) else {
        c.reply.int(0);
        return DONE;
    };
    let mut target = c.db.other(index)?;
    let mut replaced = None;
    if let Some(taken) = target.edit(to) {
        if !replace {
            taken.unchanged();
            c.reply.int(0);
            return DONE;
        }
        replaced = Some(taken.delete_untold());
    }
    target.adopt_as_new(copied);
    target.done(to, Event::generic("copy_to"));
    if let Some(kind) = replaced {
        target.tell_overwritten(to, kind);
    }
    c.reply.int(1);
    DONE
}

fn move_key(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let key = &argv[1];
    let index = db_index(&argv[2])?;
    c.db.other(index)?;
    if index == i64::from(c.db.index()) {
        return Err(CmdError::Msg("source and destination objects are the same"));
    }
    let here = c.db.edit(key).map(crate::keyspace::Edit::unchanged).is_some();
    let there = c.db.other(index)?.edit(key).map(crate::keyspace::Edit::unchanged).is_some();
    if !here || there {
        c.reply.int(0);
        return DONE;
    }
    let edit = c.db.edit(key).expect("it was there just now");
    let entry = edit.take_out();
    c.db.other(index)?.adopt_as_new(entry);
    c.db.tell(key, Event::generic("move_from"));
    c.db.other(index)?.done(key, Event::generic("move_to"));
    c.reply.int(1);
    DONE
}

fn swapdb(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let index = |arg: &[u8], words| {
        let n = int(arg).map_err(|_| CmdError::Msg(words))?;
        i32::try_from(n).map_err(|_| CmdError::Msg(words))
    };
    let a = index(&argv[1], "invalid first DB index")?;
    let b = index(&argv[2], "invalid second DB index")?;
    c.db.other(a.into())?;
    c.db.other(b.into())?;
    c.db.keyspace().swap(a.unsigned_abs(), b.unsigned_abs());
    c.reply.ok();
    DONE
}
