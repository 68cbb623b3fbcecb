//! Commands about the session itself.

use crate::client::ClientId;
use crate::client::{Closing, Kind, ReplyMode};
use crate::cmd::args::{Args, db_index, int};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError, Resp};
use crate::server::{ClientCtx, Server};
use crate::spec::{CommandFlags, Group, Secrets, Spec, acl, arg, flag};

/// What a client may send at any time, also before it has authenticated.
const ANY_TIME: CommandFlags = flag::NOSCRIPT
    .with(flag::LOADING)
    .with(flag::STALE)
    .with(flag::FAST)
    .with(flag::NO_AUTH)
    .with(flag::ALLOW_BUSY);

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "auth",
            summary: "Authenticates the connection.",
            since: "1.0.0",
            group: Group::Connection,
            complexity: "O(1)",
            arity: -2,
            flags: ANY_TIME,
            acl: acl::CONNECTION,
            args: &[arg::string("username").optional().since("6.0.0"), arg::string("password")],
            history: &[("6.0.0", "A user name before the password.")],
            secrets: Secrets::From(1),
            ..Spec::NEW
        },
        run: Run::Server(auth),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hello",
            summary: "Greets the server, chooses the protocol, and may authenticate.",
            since: "6.0.0",
            group: Group::Connection,
            complexity: "O(1)",
            arity: -1,
            flags: ANY_TIME,
            acl: acl::CONNECTION,
            args: &[arg::block(
                "arguments",
                &[
                    arg::integer("protover"),
                    arg::block(
                        "username_password",
                        &[arg::string("username"), arg::string("password")],
                    )
                    .after("AUTH")
                    .optional(),
                    arg::string("clientname").after("SETNAME").optional(),
                ],
            )
            .optional()],
            history: &[("6.2.0", "Without arguments it only reports.")],
            secrets: Secrets::After(&[("AUTH", 2)]),
            ..Spec::NEW
        },
        run: Run::Server(hello),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "select",
            summary: "Selects a database.",
            since: "1.0.0",
            group: Group::Connection,
            complexity: "O(1)",
            arity: 2,
            flags: flag::LOADING.with(flag::STALE).with(flag::FAST),
            acl: acl::CONNECTION,
            args: &[arg::integer("index")],
            ..Spec::NEW
        },
        run: Run::Client(select),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "echo",
            summary: "Answers what it is given.",
            since: "1.0.0",
            group: Group::Connection,
            complexity: "O(1)",
            arity: 2,
            flags: flag::LOADING.with(flag::STALE).with(flag::FAST),
            acl: acl::CONNECTION,
            args: &[arg::string("message")],
            ..Spec::NEW
        },
        run: Run::Client(echo),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "ping",
            summary: "Answers PONG, or the message it is given.",
            since: "1.0.0",
            group: Group::Connection,
            complexity: "O(1)",
            arity: -1,
            flags: flag::FAST.with(flag::IN_PUBSUB),
            acl: acl::CONNECTION,
            args: &[arg::string("message").optional()],
            tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
            ..Spec::NEW
        },
        run: Run::Client(ping),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "quit",
            summary: "Closes the connection.",
            since: "1.0.0",
            group: Group::Connection,
            complexity: "O(1)",
            arity: -1,
            flags: ANY_TIME.with(flag::NOT_QUEUED).with(flag::IN_PUBSUB),
            acl: acl::CONNECTION,
            ..Spec::NEW
        },
        run: Run::Client(quit),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "reset",
            summary: "Makes the session what it was when it connected.",
            since: "6.2.0",
            group: Group::Connection,
            complexity: "O(1)",
            arity: 1,
            flags: ANY_TIME.with(flag::NOT_QUEUED).with(flag::IN_PUBSUB),
            acl: acl::CONNECTION,
            ..Spec::NEW
        },
        run: Run::Server(reset),
        ..Command::NEW
    },
];

const WRONG_PASSWORD: CmdError =
    CmdError::code("WRONGPASS invalid username-password pair or user is disabled.");

fn auth(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let (user, password) = match argv.len() {
        2 if s.config.requirepass.is_empty() => {
            return Err(CmdError::Msg(
                "AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?",
            ));
        }
        2 => (&b"default"[..], argv.at(1)),
        3 => (argv.at(1), argv.at(2)),
        _ => return Err(CmdError::Syntax),
    };
    authenticate(s, id, user, password)?;
    s.reply(id).ok();
    DONE
}

/// Lets a client in. There is one user, `default`; without `requirepass` any password is right.
fn authenticate(
    s: &mut Server,
    id: ClientId,
    user: &[u8],
    password: &[u8],
) -> Result<(), CmdError> {
    let right = s.config.requirepass.as_bytes();
    if user != b"default" || !(right.is_empty() || same(password, right)) {
        s.stats.auth_denied += 1;
        return Err(WRONG_PASSWORD);
    }
    s.clients.running(id).flags.authenticated = true;
    Ok(())
}

/// Compares in a time that does not tell how much is equal.
fn same(a: &[u8], b: &[u8]) -> bool {
    let differ = a.iter().zip(b).fold(0, |d, (a, b)| d | (a ^ b));
    a.len() == b.len() && std::hint::black_box(differ) == 0
}

fn hello(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let mut args = Args::new(argv, 1);
    let mut resp = s.clients.running(id).resp;
    if args.left() > 0 {
        let version = int(args.any()?)
            .map_err(|_| CmdError::Msg("Protocol version is not an integer or out of range"))?;
        resp = match version {
            2 => Resp::V2,
            3 => Resp::V3,
            _ => return Err(CmdError::code("NOPROTO unsupported protocol version")),
        };
    }
    let mut login = None;
    let mut name = None;
    while let Some(word) = args.peek() {
        if args.left() >= 3 && args.word("auth") {
            login = Some((args.any()?, args.any()?));
        } else if args.left() >= 2 && args.word("setname") {
            let new = args.any()?;
            check_name(new)?;
            name = Some(new);
        } else {
            let word = String::from_utf8_lossy(word).into_owned();
            return Err(CmdError::err(format_args!("Syntax error in HELLO option '{word}'")));
        }
    }
    if let Some((user, password)) = login {
        authenticate(s, id, user, password)?;
    }
    if !s.clients.running(id).flags.authenticated {
        return Err(CmdError::code(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
             select the RESP protocol version at the same time",
        ));
    }
    let session = s.clients.running(id);
    if let Some(name) = name {
        session.names_mut().name = name.to_vec();
    }
    session.resp = resp;
    greet(s, id);
    DONE
}

fn greet(s: &mut Server, id: ClientId) {
    let number = s.clients.running(id).number;
    let mut reply = s.reply(id);
    let proto = if reply.resp() == Resp::V3 { 3 } else { 2 };
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(crate::server::REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.int(proto);
    reply.bulk(b"id");
    reply.int(number as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
}

/// Names show in CLIENT LIST, whose fields blanks and line ends part.
///
/// # Errors
/// Redis's words for a name that has some.
pub(super) fn check_name(name: &[u8]) -> Result<(), CmdError> {
    if name.iter().all(|b| (b'!'..=b'~').contains(b)) {
        return Ok(());
    }
    Err(CmdError::Msg("Client names cannot contain spaces, newlines or special characters."))
}

fn select(c: &mut ClientCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let index = db_index(&argv[1])?;
    let index = u32::try_from(index).ok().filter(|i| u64::from(*i) < c.config.databases as u64);
    c.session.db = index.ok_or(CmdError::DbIndexOutOfRange)?;
    c.reply().ok();
    DONE
}

fn echo(c: &mut ClientCtx<'_>, argv: &Argv<'_>) -> Outcome {
    c.reply().bulk(&argv[1]);
    DONE
}

fn ping(c: &mut ClientCtx<'_>, argv: &Argv<'_>) -> Outcome {
    if argv.len() > 2 {
        return Err(CmdError::Arity("ping"));
    }
    match (c.session.kind, c.session.resp, argv.get(1)) {
        (Kind::Pubsub, Resp::V2, message) => {
            let mut reply = c.reply();
            reply.array(2);
            reply.bulk(b"pong");
            reply.bulk(message.unwrap_or_default());
        }
        (_, _, Some(message)) => c.reply().bulk(message),
        (_, _, None) => c.reply().simple("PONG"),
    }
    DONE
}

fn quit(c: &mut ClientCtx<'_>, _: &Argv<'_>) -> Outcome {
    c.reply().ok();
    c.session.close(Closing::AfterReply);
    DONE
}

/// Makes the session what it was when it connected; the name it gave its library stays.
fn reset(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.monitors.retain(|monitor| *monitor != id);
    s.end_transaction(id);
    s.pubsub.leave(id, s.clients.running(id));
    s.effects.tracking.end(id, s.clients.running(id));
    let authenticated = !s.needs_password();
    let session = s.clients.running(id);
    session.flags = crate::client::Flags { authenticated, ..Default::default() };
    session.db = 0;
    session.resp = Resp::V2;
    session.reply_mode = ReplyMode::On;
    if let Some(names) = &mut session.names {
        names.name.clear();
    }
    s.reply(id).simple("RESET");
    DONE
}
