//! CLIENT and its subcommands.

use super::session::check_name;
use super::{list, tracking};
use crate::client::{ClientId, Pauser, ReplyMode, Session};
use crate::cmd::args::{int, is};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::effects::GaveUp;
use crate::resp::{Argv, CmdError};
use crate::server::{ClientCtx, Server};
use crate::spec::{CommandFlags, Group, Spec, acl, arg, flag};

const ADMIN: CommandFlags = flag::ADMIN.with(flag::NOSCRIPT).with(flag::LOADING).with(flag::STALE);

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "client",
        summary: "A container for commands about connections.",
        since: "2.4.0",
        group: Group::Connection,
        ..Spec::CONTAINER
    },
    subcommands: &[
        Command {
            spec: Spec {
                name: "setinfo",
                summary: "Names the connection's client library.",
                since: "7.2.0",
                group: Group::Connection,
                complexity: "O(1)",
                arity: 4,
                flags: flag::NOSCRIPT.with(flag::LOADING).with(flag::STALE),
                acl: acl::CONNECTION,
                args: &[arg::one_of(
                    "attr",
                    &[
                        arg::string("libname").after("LIB-NAME"),
                        arg::string("libver").after("LIB-VER"),
                    ],
                )],
                tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
                ..Spec::NEW
            },
            run: Run::Client(setinfo),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "no-touch",
                summary: "Leaves the keys' access clocks alone.",
                since: "7.2.0",
                group: Group::Connection,
                complexity: "O(1)",
                arity: 3,
                flags: flag::NOSCRIPT.with(flag::LOADING).with(flag::STALE),
                acl: acl::CONNECTION,
                args: &[arg::one_of(
                    "enabled",
                    &[arg::token("on", "ON"), arg::token("off", "OFF")],
                )],
                ..Spec::NEW
            },
            run: Run::Client(no_touch),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "capa",
                summary: "Names what the client can deal with.",
                since: "7.2.4",
                group: Group::Connection,
                complexity: "O(N) for N capabilities",
                arity: -3,
                flags: flag::NOSCRIPT.with(flag::LOADING).with(flag::STALE),
                acl: acl::CONNECTION,
                args: &[arg::string("capability").multiple()],
                ..Spec::NEW
            },
            run: Run::Client(capa),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                since: "5.0.0",
                group: Group::Connection,
                acl: acl::CONNECTION,
                ..Spec::HELP
            },
            run: Run::Client(help),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "id",
                summary: "Answers the connection's number.",
                since: "5.0.0",
                group: Group::Connection,
                complexity: "O(1)",
                arity: 2,
                flags: flag::NOSCRIPT.with(flag::LOADING).with(flag::STALE),
                acl: acl::CONNECTION,
                ..Spec::NEW
            },
            run: Run::Client(id),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "pause",
                summary: "Holds clients' commands back for a time.",
                since: "2.9.50",
                group: Group::Connection,
                complexity: "O(1)",
                arity: -3,
                flags: ADMIN,
                acl: acl::CONNECTION,
                args: &[
                    arg::integer("timeout"),
                    arg::one_of("mode", &[arg::token("write", "WRITE"), arg::token("all", "ALL")])
                        .optional()
                        .since("6.2.0"),
                ],
                history: &[("6.2.0", "The WRITE mode.")],
                ..Spec::NEW
            },
            run: Run::Server(pause),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "unblock",
                summary: "Ends another client's blocking command.",
                since: "5.0.0",
                group: Group::Connection,
                complexity: "O(1)",
                arity: -3,
                flags: ADMIN,
                acl: acl::CONNECTION,
                args: &[
                    arg::integer("client-id"),
                    arg::one_of(
                        "timeout_error",
                        &[arg::token("timeout", "TIMEOUT"), arg::token("error", "ERROR")],
                    )
                    .optional(),
                ],
                ..Spec::NEW
            },
            run: Run::Server(unblock),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "kill",
                summary: "Closes connections.",
                since: "2.4.0",
                group: Group::Connection,
                complexity: "O(N) for N connections",
                arity: -3,
                flags: ADMIN,
                acl: acl::CONNECTION,
                args: &[arg::one_of(
                    "filter",
                    &[
                        arg::string("ip:port").deprecated_since("2.8.12"),
                        arg::one_of(
                            "new-format",
                            &[
                                arg::integer("client-id").after("ID").optional().since("2.8.12"),
                                arg::one_of(
                                    "normal_master_slave_pubsub",
                                    &[
                                        arg::token("normal", "NORMAL"),
                                        arg::token("master", "MASTER").since("3.2.0"),
                                        arg::token("slave", "SLAVE"),
                                        arg::token("replica", "REPLICA").since("5.0.0"),
                                        arg::token("pubsub", "PUBSUB"),
                                    ],
                                )
                                .after("TYPE")
                                .optional()
                                .since("2.8.12"),
                                arg::string("username").after("USER").optional(),
                                arg::string("ip:port").after("ADDR").optional(),
                                arg::string("ip:port").after("LADDR").optional().since("6.2.0"),
                                arg::string("yes/no").after("SKIPME").optional(),
                            ],
                        )
                        .multiple(),
                    ],
                )],
                history: &[
                    ("2.8.12", "Filters."),
                    ("2.8.12", "The ID filter."),
                    ("3.2.0", "The type master."),
                    ("5.0.0", "The type replica, slave staying an alias."),
                    ("6.2.0", "The LADDR filter."),
                ],
                ..Spec::NEW
            },
            run: Run::Server(kill),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "info",
                summary: "Describes the connection.",
                since: "6.2.0",
                group: Group::Connection,
                complexity: "O(1)",
                arity: 2,
                flags: flag::NOSCRIPT.with(flag::LOADING).with(flag::STALE),
                acl: acl::CONNECTION,
                tips: &["nondeterministic_output"],
                ..Spec::NEW
            },
            run: Run::Server(info),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "setname",
                summary: "Names the connection.",
                since: "2.6.9",
                group: Group::Connection,
                complexity: "O(1)",
                arity: 3,
                flags: flag::NOSCRIPT.with(flag::LOADING).with(flag::STALE),
                acl: acl::CONNECTION,
                args: &[arg::string("connection-name")],
                ..Spec::NEW
            },
            run: Run::Client(setname),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "unpause",
                summary: "Ends a pause.",
                since: "6.2.0",
                group: Group::Connection,
                complexity: "O(1)",
                arity: 2,
                flags: ADMIN,
                acl: acl::CONNECTION,
                ..Spec::NEW
            },
            run: Run::Server(unpause),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "reply",
                summary: "Chooses which replies are sent.",
                since: "3.2.0",
                group: Group::Connection,
                complexity: "O(1)",
                arity: 3,
                flags: flag::NOSCRIPT.with(flag::LOADING).with(flag::STALE),
                acl: acl::CONNECTION,
                args: &[arg::one_of(
                    "on_off_skip",
                    &[arg::token("on", "ON"), arg::token("off", "OFF"), arg::token("skip", "SKIP")],
                )],
                ..Spec::NEW
            },
            run: Run::Client(reply),
            ..Command::NEW
        },
        tracking::GETREDIR,
        tracking::TRACKING,
        tracking::TRACKINGINFO,
        tracking::CACHING,
        Command {
            spec: Spec {
                name: "list",
                summary: "Describes the connections.",
                since: "2.4.0",
                group: Group::Connection,
                complexity: "O(N) for N connections",
                arity: -2,
                flags: ADMIN,
                acl: acl::CONNECTION,
                args: &[
                    arg::one_of(
                        "normal_master_replica_pubsub",
                        &[
                            arg::token("normal", "NORMAL"),
                            arg::token("master", "MASTER"),
                            arg::token("replica", "REPLICA"),
                            arg::token("pubsub", "PUBSUB"),
                        ],
                    )
                    .after("TYPE")
                    .optional()
                    .since("5.0.0"),
                    arg::block("id", &[arg::integer("client-id").multiple()])
                        .after("ID")
                        .optional()
                        .since("6.2.0"),
                ],
                tips: &["nondeterministic_output"],
                history: &[
                    ("2.8.12", "The field id."),
                    ("5.0.0", "The TYPE filter."),
                    ("6.0.0", "The field user."),
                    ("6.2.0", "The fields argv-mem, tot-mem, laddr and redir, and the ID filter."),
                    ("7.0.0", "The fields resp, multi-mem, rbs and rbp."),
                    ("7.0.3", "The field ssub."),
                ],
                ..Spec::NEW
            },
            run: Run::Server(list_clients),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "no-evict",
                summary: "Spares the connection from client eviction.",
                since: "7.0.0",
                group: Group::Connection,
                complexity: "O(1)",
                arity: 3,
                flags: ADMIN,
                acl: acl::CONNECTION,
                args: &[arg::one_of(
                    "enabled",
                    &[arg::token("on", "ON"), arg::token("off", "OFF")],
                )],
                ..Spec::NEW
            },
            run: Run::Client(no_evict),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "getname",
                summary: "Answers the connection's name.",
                since: "2.6.9",
                group: Group::Connection,
                complexity: "O(1)",
                arity: 2,
                flags: flag::NOSCRIPT.with(flag::LOADING).with(flag::STALE),
                acl: acl::CONNECTION,
                ..Spec::NEW
            },
            run: Run::Client(getname),
            ..Command::NEW
        },
    ],
    ..Command::NEW
}];

fn id(c: &mut ClientCtx<'_>, _: &Argv<'_>) -> Outcome {
    let number = c.session.number;
    c.reply().int(number as i64);
    DONE
}

fn getname(c: &mut ClientCtx<'_>, _: &Argv<'_>) -> Outcome {
    let name = c.session.name().to_vec();
    if name.is_empty() {
        c.reply().null()
    } else {
        c.reply().bulk(&name)
    }
    DONE
}

fn setname(c: &mut ClientCtx<'_>, argv: &Argv<'_>) -> Outcome {
    check_name(&argv[2])?;
    c.session.names_mut().name = argv[2].to_vec();
    c.reply().ok();
    DONE
}

fn setinfo(c: &mut ClientCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (option, value) = (&argv[2], &argv[3]);
    let option = option.to_ascii_lowercase();
    if !matches!(option.as_slice(), b"lib-name" | b"lib-ver") {
        let option = String::from_utf8_lossy(&argv[2]).into_owned();
        return Err(CmdError::err(format_args!("Unrecognized option '{option}'")));
    }
    if !value.iter().all(|b| (b'!'..=b'~').contains(b)) {
        return Err(CmdError::err(format_args!(
            "{} cannot contain spaces, newlines or special characters.",
            String::from_utf8_lossy(&argv[2])
        )));
    }
    let names = c.session.names_mut();
    let field = if option == b"lib-name" { &mut names.lib_name } else { &mut names.lib_ver };
    *field = value.to_vec();
    c.reply().ok();
    DONE
}

/// Reads `on` or `off`.
fn switch(arg: &[u8]) -> Result<bool, CmdError> {
    match arg {
        on if is(on, "on") => Ok(true),
        off if is(off, "off") => Ok(false),
        _ => Err(CmdError::Syntax),
    }
}

fn no_evict(c: &mut ClientCtx<'_>, argv: &Argv<'_>) -> Outcome {
    c.session.flags.no_evict = switch(&argv[2])?;
    c.reply().ok();
    DONE
}

fn no_touch(c: &mut ClientCtx<'_>, argv: &Argv<'_>) -> Outcome {
    c.session.flags.no_touch = switch(&argv[2])?;
    c.reply().ok();
    DONE
}

/// Unknown capabilities are ignored: a client names all it has.
fn capa(c: &mut ClientCtx<'_>, argv: &Argv<'_>) -> Outcome {
    c.session.flags.capa_redirect |= argv.from(2).any(|name| is(name, "redirect"));
    c.reply().ok();
    DONE
}

fn reply(c: &mut ClientCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let mode = match &argv[2] {
        arg if is(arg, "on") => ReplyMode::On,
        arg if is(arg, "off") => ReplyMode::Off,
        // SKIP while replies are off changes nothing.
        arg if is(arg, "skip") && c.session.reply_mode == ReplyMode::Off => ReplyMode::Off,
        arg if is(arg, "skip") => ReplyMode::SkipNext,
        _ => return Err(CmdError::Syntax),
    };
    c.session.reply_mode = mode;
    if mode == ReplyMode::On {
        c.reply().ok();
    }
    DONE
}

/// The error of a subcommand whose arity says "at least" and which takes no more than that.
fn too_many(word: &str) -> CmdError {
    CmdError::err(format_args!(
        "unknown subcommand or wrong number of arguments for '{word}'. Try CLIENT HELP."
    ))
}

fn pause(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    if argv.len() > 4 {
        return Err(too_many(&String::from_utf8_lossy(&argv[1])));
    }
    let all = match argv.get(3) {
        None => true,
        Some(mode) if is(mode, "all") => true,
        Some(mode) if is(mode, "write") => false,
        Some(_) => return Err(CmdError::Msg("CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let invalid = CmdError::Msg("timeout is not an integer or out of range");
    let timeout = int(&argv[2]).map_err(|_| invalid)?;
    if timeout < 0 {
        return Err(CmdError::Msg("timeout is negative"));
    }
    let until = timeout.checked_add(s.now_ms() as i64);
    let until = until.ok_or(CmdError::Msg("timeout is out of range"))?;
    s.begin_pause(Pauser::Client, until as u64, all);
    s.reply(id).ok();
    DONE
}

fn unpause(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.end_pause(Pauser::Client);
    s.reply(id).ok();
    DONE
}

/// A client that waits does so for the process, which no other client can end.
fn unblock(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    if argv.len() > 4 {
        return Err(too_many(&String::from_utf8_lossy(&argv[1])));
    }
    if let Some(how) = argv.get(3)
        && !is(how, "timeout")
        && !is(how, "error")
    {
        return Err(CmdError::Msg("CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
    }
    let number = int(&argv[2])?;
    let how = match argv.get(3) {
        Some(word) if is(word, "error") => GaveUp::Error,
        _ => GaveUp::Timeout,
    };
    let of_number = |(_, session): &(ClientId, &Session)| session.number as i64 == number;
    let client = s.clients.iter().find(of_number).map(|(client, _)| client);
    if client.is_some_and(|client| unblock_sync(s, client, how)) {
        s.reply(id).int(1);
        return DONE;
    }
    let Server { clients, effects, stats, config, .. } = s;
    let waited = client.and_then(|client| effects.blocked.give_up(client, clients, how));
    if let Some(command) = waited {
        stats.command(command).ran(0, config.latency_tracking);
        if let Some(error) = how.error() {
            stats.command(command).failed += 1;
            stats.error(&error.text());
        }
    }
    s.reply(id).int(i64::from(waited.is_some()));
    DONE
}

/// Ends the wait of a client in WAIT or WAITAOF; whether it was in one.
fn unblock_sync(s: &mut Server, client: ClientId, how: GaveUp) -> bool {
    let Server { clients, persist, repl, .. } = s;
    let Some(session) = clients.get_mut(client) else { return false };
    let local = persist.aof.has_synced(session);
    let (in_wait, in_waitaof) = (session.replicas_wait(), session.sync_wait());
    session.end_sync_wait(|reply| match (how.error(), in_wait, in_waitaof) {
        (Some(error), ..) => reply.error(&error),
        (None, Some(wait), _) => reply.len(repl.replicas.applied(wait.offset)),
        (None, None, wait) => {
            let synced = wait.map_or(0, |wait| repl.replicas.synced(wait.offset));
            reply.ints(&[i64::from(local), synced as i64]);
        }
    });
    in_wait.is_some() || in_waitaof.is_some()
}

fn info(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let mut line = list::describe(s, id);
    line.push('\n');
    s.reply(id).verbatim("txt", line.as_bytes());
    DONE
}

fn help(c: &mut ClientCtx<'_>, _: &Argv<'_>) -> Outcome {
    c.reply().help(
        "client",
        &[
            "CACHING (YES|NO)",
            "    Whether the keys of the next command are tracked, in OPTIN or OPTOUT mode.",
            "CAPA <capability> [<capability> ...]",
            "    What this client can deal with; unknown capabilities are ignored.",
            "GETNAME",
            "    The name of this connection.",
            "GETREDIR",
            "    The client that invalidation messages are redirected to.",
            "ID",
            "    The number of this connection.",
            "INFO",
            "    This connection's line of CLIENT LIST.",
            "KILL <ip:port>",
            "    Close the connection from there.",
            "KILL <filter> <value> [<filter> <value> ...]",
            "    Close the connections that pass every filter (see LIST; SKIPME is yes here).",
            "LIST [<filter> <value> ...]",
            "    The connections that pass every filter: ID, TYPE, USER, ADDR, LADDR, IP, NAME,",
            "    IDLE, MAXAGE, FLAGS, LIB-NAME, LIB-VER, DB, CAPA, SKIPME, and NOT-<filter>.",
            "NO-EVICT (ON|OFF)",
            "    Whether client eviction spares this connection.",
            "NO-TOUCH (ON|OFF)",
            "    Whether this connection's commands leave the keys' access clocks alone.",
            "PAUSE <timeout> [WRITE|ALL]",
            "    Hold back clients' commands, or only writes, for so many milliseconds.",
            "REPLY (ON|OFF|SKIP)",
            "    Which replies this connection gets.",
            "SETINFO (LIB-NAME|LIB-VER) <value>",
            "    Name the client library of this connection.",
            "SETNAME <name>",
            "    Name this connection.",
            "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] [NOLOOP]",
            "    Tell this connection when keys change that it may have in a cache.",
            "TRACKINGINFO",
            "    How this connection tracks keys.",
            "UNBLOCK <client-id> [TIMEOUT|ERROR]",
            "    End another connection's blocking command.",
            "UNPAUSE",
            "    End a pause.",
        ],
    );
    DONE
}

fn list_clients(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    list::list(s, id, argv)
}

fn kill(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    list::kill(s, id, argv)
}
