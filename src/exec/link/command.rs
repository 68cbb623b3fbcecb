//! REPLICAOF and its old name SLAVEOF.

use super::{follow, unfollow};
use crate::client::{ClientId, Kind};
use crate::cmd::{Command, DONE, Outcome, Run, connection};
use crate::config::special::PrimaryAddress;
use crate::repl::Role;
use crate::resp::{Argv, CmdError};
use crate::server::Server;
use crate::spec::{Arg, CommandFlags, Group, Spec, acl, arg, flag};

/// Who is followed is for administrators to say, whatever the link's state.
const FOLLOWING: CommandFlags =
    flag::NO_ASYNC_LOADING.with(flag::ADMIN).with(flag::NOSCRIPT).with(flag::STALE);

const ARGS: &[Arg] = &[arg::one_of(
    "args",
    &[
        arg::block("host-port", &[arg::string("host"), arg::integer("port")]),
        arg::block("no-one", &[arg::token("no", "NO"), arg::token("one", "ONE")]),
    ],
)];

/// What both names share.
const FOLLOWS: Spec = Spec {
    summary: "Makes the server follow another, or be a primary again.",
    group: Group::Server,
    complexity: "O(1)",
    arity: 3,
    flags: FOLLOWING,
    acl: acl::ADMIN,
    args: ARGS,
    ..Spec::NEW
};

/// These commands.
pub static COMMANDS: &[Command] = &[
    Command {
        spec: Spec { name: "replicaof", since: "5.0.0", ..FOLLOWS },
        run: Run::Server(replicaof),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "slaveof",
            since: "1.0.0",
            deprecated: Some(("5.0.0", "`REPLICAOF`")),
            ..FOLLOWS
        },
        run: Run::Server(replicaof),
        ..Command::NEW
    },
];

fn replicaof(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    if s.config.cluster_enabled {
        return Err(CmdError::Msg("REPLICAOF not allowed in cluster mode."));
    }
    if s.repl.failover.is_some() {
        return Err(CmdError::Msg("REPLICAOF not allowed while failing over."));
    }
    let is = |at: usize, word: &[u8]| argv[at].eq_ignore_ascii_case(word);
    if is(1, b"no") && is(2, b"one") {
        if !s.repl.is_primary() {
            unfollow(s);
            tracing::info!(
                "MASTER MODE enabled (user request from '{}')",
                connection::describe(s, id)
            );
        }
        s.reply(id).ok();
        return DONE;
    }
    if s.clients.running(id).kind == Kind::Replica {
        return Err(CmdError::Msg("Command is not valid when client is a replica."));
    }
    let port = std::str::from_utf8(&argv[2]).ok().and_then(|text| text.parse().ok());
    let Some(port) = port else {
        return Err(CmdError::Msg("Invalid master port"));
    };
    let host = String::from_utf8_lossy(&argv[1]).into_owned();
    let followed = matches!(&s.repl.role, Role::Replica(known)
        if known.port == port && known.host.eq_ignore_ascii_case(&host));
    if followed {
        tracing::info!(
            "REPLICAOF would result into synchronization with the master we are already connected with. No operation performed."
        );
        s.reply(id).simple("OK Already connected to specified master");
        return DONE;
    }
    follow(s, PrimaryAddress { host, port });
    let who = connection::describe(s, id);
    tracing::info!(
        "REPLICAOF {}:{port} enabled (user request from '{who}')",
        argv[1].escape_ascii()
    );
    s.reply(id).ok();
    DONE
}
