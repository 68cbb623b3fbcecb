//! XGROUP.

use super::id;
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::{Event, Held};
use crate::resp::{Argv, CmdError};
use crate::server::{ClientCtx, KeysCtx};
use crate::spec::{Arg, Group as SpecGroup, Spec, acl, arg, flag, key};
use crate::types::stream::{Group, Id, Stream};

const SUBCOMMAND: Spec = Spec {
    since: "5.0.0",
    group: SpecGroup::Stream,
    complexity: "O(1)",
    flags: flag::WRITE,
    acl: acl::STREAM,
    ..Spec::NEW
};

const FROM: Arg = arg::one_of("id", &[arg::string("id"), arg::token("new_id", "$")]);
const ENTRIES_READ: Arg = arg::integer("entries_read").after("ENTRIESREAD").optional();

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "xgroup",
        summary: "A container for commands about groups of consumers.",
        since: "5.0.0",
        group: SpecGroup::Stream,
        ..Spec::CONTAINER
    },
    subcommands: &[
        Command {
            spec: Spec {
                name: "create",
                summary: "Creates a group.",
                arity: -5,
                flags: flag::WRITE.with(flag::DENYOOM),
                keys: &[key(2).rw().insert()],
                args: &[
                    arg::key("key"),
                    arg::string("groupname"),
                    FROM,
                    arg::token("mkstream", "MKSTREAM").optional(),
                    ENTRIES_READ,
                ],
                history: &[("7.0.0", "Takes ENTRIESREAD.")],
                ..SUBCOMMAND
            },
            run: Run::Keys(create),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "setid",
                summary: "Sets how far a group has read.",
                arity: -5,
                keys: &[key(2).rw().update()],
                args: &[arg::key("key"), arg::string("groupname"), FROM, ENTRIES_READ],
                history: &[("7.0.0", "Takes ENTRIESREAD.")],
                ..SUBCOMMAND
            },
            run: Run::Keys(setid),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "destroy",
                summary: "Removes a group.",
                complexity: "O(N), of N entries that pend in it",
                arity: 4,
                keys: &[key(2).rw().delete()],
                args: &[arg::key("key"), arg::string("groupname")],
                ..SUBCOMMAND
            },
            run: Run::Keys(destroy),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "createconsumer",
                summary: "Creates a consumer of a group.",
                since: "6.2.0",
                arity: 5,
                flags: flag::WRITE.with(flag::DENYOOM),
                keys: &[key(2).rw().insert()],
                args: &[arg::key("key"), arg::string("groupname"), arg::string("consumername")],
                ..SUBCOMMAND
            },
            run: Run::Keys(createconsumer),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "delconsumer",
                summary: "Removes a consumer from a group.",
                arity: 5,
                keys: &[key(2).rw().delete()],
                args: &[arg::key("key"), arg::string("groupname"), arg::string("consumername")],
                ..SUBCOMMAND
            },
            run: Run::Keys(delconsumer),
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

const NO_KEY: CmdError = CmdError::Msg(
    "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the \
     MKSTREAM option to create an empty stream automatically.",
);

#[derive(Default)]
struct Options {
    make: bool,
    read: Option<u64>,
}

fn options(argv: &Argv<'_>, may_make: bool) -> Result<Options, CmdError> {
    let mut options = Options::default();
    let mut args = Args::new(argv, 5);
    while args.left() > 0 {
        if may_make && args.word("MKSTREAM") {
            options.make = true;
        } else if args.left() > 1 && args.word("ENTRIESREAD") {
            options.read =
                match args.int()? {
                    -1 => None,
                    read => Some(u64::try_from(read).map_err(|_| {
                        CmdError::Msg("value for ENTRIESREAD must be positive or -1")
                    })?),
                };
        } else {
            return Err(super::unknown_form(&argv[1], "XGROUP"));
        }
    }
    // Words may be said twice, as long as there are no more than all of them once.
    let words_max = if may_make { 8 } else { 7 };
    if argv.len() > words_max {
        return Err(super::unknown_form(&argv[1], "XGROUP"));
    }
    Ok(options)
}

#[cold]
pub(super) fn no_group(key: &[u8], group: &[u8]) -> CmdError {
    let [key, group] = [key, group].map(String::from_utf8_lossy);
    CmdError::Full(format!("NOGROUP No such consumer group '{group}' for key name '{key}'").into())
}

fn create(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let options = options(argv, true)?;
    let (key, name) = (&argv[2], &argv[3]);
    let found = c.db.edit_as::<Stream>(key)?;
    let is_new = found.is_none();
    if is_new && !options.make {
        return Err(NO_KEY);
    }
    let id = match (&argv[4], &found) {
        (b"$", None) => Id::MIN,
        (b"$", Some(stream)) => stream.facts().last_id,
        (arg, _) => id::id(arg, 0)?,
    };
    if let Some(found) = found {
        let is_there = found.group(name).is_some();
        found.unchanged();
        if is_there {
            return Err(CmdError::code("BUSYGROUP Consumer Group name already exists"));
        }
    }
    let mut stream = c.db.edit_or_new(key, Stream::default)?;
    stream.add_group(name, Group::new(id, options.read));
    // Those who watch the key or have it in a cache are told only that it came to be.
    let event = "xgroup-create";
    stream.done(if is_new { Event::stream(event) } else { Event::reading(event) });
    c.reply.ok();
    DONE
}

/// The stream of argument 2, which has the group of argument 3.
fn grouped<'a>(c: &'a mut KeysCtx<'_>, argv: &Argv<'_>) -> Result<Held<'a, Stream>, CmdError> {
    let stream = c.db.edit_as::<Stream>(&argv[2])?.ok_or(NO_KEY)?;
    if stream.group(&argv[3]).is_some() {
        return Ok(stream);
    }
    stream.unchanged();
    Err(no_group(&argv[2], &argv[3]))
}

fn setid(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let options = options(argv, false)?;
    let mut stream = grouped(c, argv)?;
    let id = match go_on(&argv[4], &stream) {
        Ok(id) => id,
        Err(error) => {
            stream.unchanged();
            return Err(error);
        }
    };
    if let Some(group) = stream.group_mut(&argv[3]) {
        group.last_id = id;
        group.entries_read = options.read;
    }
    stream.done(Event::reading("xgroup-setid"));
    c.reply.ok();
    DONE
}

/// The id that a group of the stream is set to go on behind: unlike at its creation, `-` and `+`
/// are taken too.
fn go_on(arg: &[u8], stream: &Stream) -> Result<Id, CmdError> {
    match arg {
        b"$" => Ok(stream.facts().last_id),
        b"-" => Ok(Id::MIN),
        b"+" => Ok(Id::MAX),
        _ => id::id(arg, 0),
    }
}

fn destroy(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let mut stream = c.db.edit_as::<Stream>(&argv[2])?.ok_or(NO_KEY)?;
    let removed = stream.remove_group(&argv[3]);
    match &removed {
        None => stream.done_untold(0),
        Some(_) => stream.done(Event::GROUP_DESTROYED),
    }
    c.reply.int(i64::from(removed.is_some()));
    if let Some(group) = removed.filter(Group::is_slow_to_free) {
        c.db.keyspace().shared.discard(group);
    }
    DONE
}

fn createconsumer(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let now_ms = c.db.clock_ms();
    let mut stream = grouped(c, argv)?;
    let group = stream.group_mut(&argv[3]).filter(|group| group.find(&argv[4]).is_none());
    let is_new = group.map(|group| group.add_consumer(&argv[4], now_ms)).is_some();
    match is_new {
        true => stream.done(Event::reading("xgroup-createconsumer")),
        false => stream.done_untold(0),
    }
    c.reply.int(i64::from(is_new));
    DONE
}

fn delconsumer(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let mut stream = grouped(c, argv)?;
    let removed = stream
        .group_mut(&argv[3])
        .and_then(|group| group.find(&argv[4]).map(|id| group.remove_consumer(id)));
    match removed {
        None => stream.done_untold(0),
        Some(_) => stream.done(Event::reading("xgroup-delconsumer")),
    }
    c.reply.len(removed.unwrap_or(0));
    DONE
}

fn help(c: &mut ClientCtx<'_>, _: &Argv<'_>) -> Outcome {
    c.reply().help(
        "xgroup",
        &[
            "CREATE <key> <groupname> <id|$> [option]",
            "    Create a new consumer group. Options are:",
            "    * MKSTREAM",
            "      Create the empty stream if it does not exist.",
            "    * ENTRIESREAD entries_read",
            "      Set the group's entries_read counter (internal use).",
            "CREATECONSUMER <key> <groupname> <consumer>",
            "    Create a new consumer in the specified group.",
            "DELCONSUMER <key> <groupname> <consumer>",
            "    Remove the specified consumer.",
            "DESTROY <key> <groupname>",
            "    Remove the specified group.",
            "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
            "    Set the current group ID and entries_read counter.",
        ],
    );
    DONE
}
