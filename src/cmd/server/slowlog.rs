//! SLOWLOG and COMMANDLOG: the logs of commands that took long or were large.

use crate::client::ClientId;
use crate::cmd::args::{Args, is};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::Server;
use crate::spec::{Arg, CommandFlags, Group, Spec, arg, flag};
use crate::stats::{LogEntry, LogKind};

const OWN: CommandFlags = flag::ADMIN.with(flag::LOADING).with(flag::STALE);
/// What SLOWLOG GET and COMMANDLOG GET share.
const GET: Spec = Spec {
    group: Group::Server,
    complexity: "O(N) for N entries",
    flags: OWN,
    tips: &["request_policy:all_nodes", "nondeterministic_output"],
    ..Spec::NEW
};
/// The same for LEN.
const LEN: Spec = Spec {
    group: Group::Server,
    complexity: "O(1)",
    flags: OWN,
    tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
    ..Spec::NEW
};
/// The same for RESET.
const RESET: Spec = Spec {
    group: Group::Server,
    complexity: "O(N) for N entries",
    flags: OWN,
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    ..Spec::NEW
};
const TYPE: Arg = arg::one_of(
    "type",
    &[
        arg::token("slow", "SLOW"),
        arg::token("large-request", "LARGE-REQUEST"),
        arg::token("large-reply", "LARGE-REPLY"),
    ],
);

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "slowlog",
            summary: "A container for commands about the log of slow commands.",
            since: "2.2.12",
            group: Group::Server,
            ..Spec::CONTAINER
        },
        subcommands: &[
            Command {
                spec: Spec {
                    name: "get",
                    summary: "Answers the latest entries of the slow log.",
                    since: "2.2.12",
                    arity: -2,
                    args: &[arg::integer("count").optional()],
                    history: &[("4.0.0", "Each entry names the client's address and its name.")],
                    ..GET
                },
                run: Run::Server(slowlog_get),
                ..Command::NEW
            },
            Command {
                spec: Spec {
                    name: "len",
                    summary: "Counts the entries of the slow log.",
                    since: "2.2.12",
                    arity: 2,
                    ..LEN
                },
                run: Run::Server(|s, id, _| len(s, id, LogKind::Slow)),
                ..Command::NEW
            },
            Command {
                spec: Spec {
                    name: "reset",
                    summary: "Empties the slow log.",
                    since: "2.2.12",
                    arity: 2,
                    ..RESET
                },
                run: Run::Server(|s, id, _| reset(s, id, LogKind::Slow)),
                ..Command::NEW
            },
            Command {
                spec: Spec { since: "6.2.0", group: Group::Server, ..Spec::HELP },
                run: Run::Server(slowlog_help),
                ..Command::NEW
            },
        ],
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "commandlog",
            summary: "A container for commands about the logs of slow and large commands.",
            since: "8.1.0",
            group: Group::Server,
            ..Spec::CONTAINER
        },
        subcommands: &[
            Command {
                spec: Spec {
                    name: "get",
                    summary: "Answers the latest entries of a log.",
                    since: "8.1.0",
                    arity: 4,
                    args: &[arg::integer("count"), TYPE],
                    ..GET
                },
                run: Run::Server(commandlog_get),
                ..Command::NEW
            },
            Command {
                spec: Spec {
                    name: "len",
                    summary: "Counts the entries of a log.",
                    since: "8.1.0",
                    arity: 3,
                    args: &[TYPE],
                    ..LEN
                },
                run: Run::Server(|s, id, argv| len(s, id, kind(&argv[2])?)),
                ..Command::NEW
            },
            Command {
                spec: Spec {
                    name: "reset",
                    summary: "Empties a log.",
                    since: "8.1.0",
                    arity: 3,
                    args: &[TYPE],
                    ..RESET
                },
                run: Run::Server(|s, id, argv| reset(s, id, kind(&argv[2])?)),
                ..Command::NEW
            },
            Command {
                spec: Spec { since: "8.1.0", group: Group::Server, ..Spec::HELP },
                run: Run::Server(commandlog_help),
                ..Command::NEW
            },
        ],
        ..Command::NEW
    },
];

/// Entries that SLOWLOG GET answers where it is not told how many.
const GET_COUNT: usize = 10;

fn slowlog_get(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    if argv.len() > 3 {
        let word = String::from_utf8_lossy(&argv[1]).into_owned();
        return Err(CmdError::err(format_args!(
            "unknown subcommand or wrong number of arguments for '{word}'. Try SLOWLOG HELP."
        )));
    }
    let mut args = Args::new(argv, 2);
    let count = if args.left() == 0 { GET_COUNT } else { count(&mut args)? };
    get(s, id, LogKind::Slow, count)
}

fn commandlog_get(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let count = count(&mut Args::new(argv, 2))?;
    get(s, id, kind(&argv[3])?, count)
}

/// How many entries are wanted; -1 is all.
fn count(args: &mut Args<'_>) -> Result<usize, CmdError> {
    let invalid = CmdError::Msg("count should be greater than or equal to -1");
    let count = args.int_in(-1, i64::MAX, invalid)?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn kind(word: &[u8]) -> Result<LogKind, CmdError> {
    let found = LogKind::ALL.into_iter().find(|kind| is(word, kind.name()));
    found.ok_or(CmdError::Msg(
        "type should be one of the following: slow, large-request, large-reply",
    ))
}

fn get(s: &mut Server, id: ClientId, kind: LogKind, count: usize) -> Outcome {
    let Server { stats, clients, .. } = s;
    let session = clients.running(id);
    let mut reply = Reply::new(&mut session.out, session.resp);
    let entries = stats.logs.of(kind).newest(count);
    reply.array(entries.len());
    for entry in entries {
        write_entry(&mut reply, entry);
    }
    DONE
}

fn write_entry(reply: &mut Reply<'_>, entry: &LogEntry) {
    reply.array(6);
    reply.int(entry.id as i64);
    reply.int(entry.time_s as i64);
    reply.int(entry.value as i64);
    reply.array(entry.ran.argv.len());
    for arg in &entry.ran.argv {
        reply.bulk(arg);
    }
    reply.bulk(entry.ran.peer.as_bytes());
    reply.bulk(&entry.ran.client_name);
}

fn len(s: &mut Server, id: ClientId, kind: LogKind) -> Outcome {
    let len = s.stats.logs.of(kind).len();
    s.reply(id).len(len);
    DONE
}

fn reset(s: &mut Server, id: ClientId, kind: LogKind) -> Outcome {
    s.stats.logs.of_mut(kind).clear();
    s.reply(id).ok();
    DONE
}

fn slowlog_help(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.reply(id).help(
        "slowlog",
        &[
            "GET [<count>]",
            "    The latest entries, 10 unless told otherwise; -1 is all. An entry is its id,",
            "    the time, the microseconds taken, the arguments, the client's address and name.",
            "LEN",
            "    How many entries there are.",
            "RESET",
            "    Drop all entries.",
        ],
    );
    DONE
}

fn commandlog_help(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.reply(id).help(
        "commandlog",
        &[
            "GET <count> <type>",
            "    The latest entries of a log; -1 is all. An entry is its id, the time, the",
            "    microseconds taken (slow) or the bytes (large-request, large-reply), the",
            "    arguments, the client's address and name.",
            "LEN <type>",
            "    How many entries a log has.",
            "RESET <type>",
            "    Drop all entries of a log.",
        ],
    );
    DONE
}
