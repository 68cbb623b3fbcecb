//! CONFIG and its subcommands.

use crate::client::ClientId;
use crate::cmd::{Command, DONE, Flow, Outcome, Run};
use crate::config::rewrite::Missing;
use crate::config::{Changed, Effect, Flags, Row, SetError, SetRights, Undo};
use crate::effects::Action;
use crate::resp::{Argv, CmdError};
use crate::server::Server;
use crate::spec::{Group, Secrets, Spec, arg, flag};
use crate::stdx::alloc::Mover;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "config",
        summary: "A container for commands about the configuration.",
        since: "2.0.0",
        group: Group::Server,
        ..Spec::CONTAINER
    },
    subcommands: &[
        Command {
            spec: Spec {
                name: "rewrite",
                summary: "Writes the configuration in force to its file.",
                since: "2.8.0",
                complexity: "O(1)",
                arity: 2,
                ..OWN
            },
            run: Run::Server(rewrite),
            ..Command::NEW
        },
        Command {
            spec: Spec { since: "5.0.0", group: Group::Server, ..Spec::HELP },
            run: Run::Server(help),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "get",
                summary: "Answers the options that match patterns.",
                since: "2.0.0",
                complexity: "O(N) for N options",
                arity: -3,
                args: &[arg::block("parameter", &[arg::string("parameter")]).multiple()],
                history: &[("7.0.0", "Several patterns at once.")],
                ..OWN
            },
            run: Run::Server(get),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "resetstat",
                summary: "Sets the counters of INFO back.",
                since: "2.0.0",
                complexity: "O(1)",
                arity: 2,
                ..OWN
            },
            run: Run::Server(resetstat),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "set",
                summary: "Sets options at run time.",
                since: "2.0.0",
                complexity: "O(N) for N options",
                arity: -4,
                args: &[arg::block(
                    "parameter_value",
                    &[arg::string("parameter"), arg::string("value")],
                )
                .multiple()],
                tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
                history: &[("7.0.0", "Several options at once.")],
                secrets: Secrets::Values(2, is_sensitive),
                ..OWN
            },
            run: Run::Server(set),
            ..Command::NEW
        },
    ],
    ..Command::NEW
}];

/// What the subcommands share but for HELP.
const OWN: Spec = Spec {
    group: Group::Server,
    flags: flag::ADMIN.with(flag::NOSCRIPT).with(flag::LOADING).with(flag::STALE),
    ..Spec::NEW
};

/// Options whose change means to listen elsewhere.
const LISTENING: &[&str] = &["port", "bind"];

/// Tools know by these words that a server does without. The allocator that larder comes with tells what it
/// takes.
const NO_DEFRAGMENTATION: &str = "Active defragmentation cannot be enabled: it requires a Redis server \
                                  compiled with a modified Jemalloc like the one shipped by default \
                                  with the Redis source distribution";

/// Whether an option of this name holds a secret.
fn is_sensitive(name: &[u8]) -> bool {
    let row = std::str::from_utf8(name).ok().and_then(Row::find);
    row.is_some_and(|row| row.flags.contains(Flags::SENSITIVE))
}

fn get(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let patterns: Vec<&[u8]> = argv.from(2).collect();
    let found = s.config.get(&patterns);
    let mut reply = s.reply(id);
    reply.map(found.len());
    for (name, value) in found {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    DONE
}

fn set(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    if !argv.len().is_multiple_of(2) {
        return Err(CmdError::Syntax);
    }
    let args: Vec<&[u8]> = argv.from(2).collect();
    let pairs: Vec<(&[u8], &[u8])> = args.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let before = s.config.clone();
    let local_client = s.clients.running(id).addr.is_local();
    let rights = SetRights { local_client, loading: s.persist.loading.is_on() };
    let changed = s.config.set_many_as(rights, &pairs).map_err(|error| match error {
        SetError::Loading => CmdError::Full(format!("LOADING {error}").into()),
        error => CmdError::err(error),
    })?;
    let defragments = changed.contains("activedefrag") && s.config.activedefrag;
    if defragments && Mover::of_sparse().is_none() {
        s.config = before;
        return Err(CmdError::err(SetError::failed("activedefrag", NO_DEFRAGMENTATION)));
    }
    warn_of_later(&changed);
    if changed.is_empty() {
        s.reply(id).ok();
        return DONE;
    }
    s.configure();
    let listen = LISTENING.iter().any(|name| changed.contains(name));
    let undo = Box::new(Undo::new(changed, before, &s.config));
    // The answer waits for the process to follow, which may be impossible.
    let client = waiting(s, id);
    s.effects.act(Action::Reconfigure { client, undo, listen });
    Ok(end(s, id, client))
}

/// Options that are known and do nothing yet say so.
fn warn_of_later(changed: &Changed) {
    for row in changed.iter().filter(|row| row.effect == Effect::Later) {
        tracing::warn!("The option '{}' is set, but has no effect in this version", row.name);
    }
}

fn resetstat(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.stats.reset();
    s.repl.counts = Default::default();
    s.keyspace.shared.stats = Default::default();
    s.keyspace.shared.unfreed().forget_freed();
    s.reply(id).ok();
    DONE
}

fn rewrite(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    rewrite_file(s, id, Missing::Changed)
}

/// Has the configuration file written anew, with what is `missing` there.
pub(super) fn rewrite_file(s: &mut Server, id: ClientId, missing: Missing) -> Outcome {
    if s.facts.config_file.is_empty() {
        return Err(CmdError::Msg("The server is running without a config file"));
    }
    let client = waiting(s, id);
    s.effects.act(Action::RewriteConfig { client, missing });
    Ok(end(s, id, client))
}

/// The client that is answered when what it asks of the process is done. Inside EXEC nobody waits:
/// it is told at once that it will be done, and a failure is only logged.
fn waiting(s: &mut Server, id: ClientId) -> Option<ClientId> {
    (!s.clients.running(id).flags.deny_blocking).then_some(id)
}

fn end(s: &mut Server, id: ClientId, waiting: Option<ClientId>) -> Flow {
    if waiting.is_some() {
        return Flow::Await;
    }
    s.reply(id).ok();
    Flow::Done
}

fn help(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.reply(id).help(
        "config",
        &[
            "GET <pattern> [<pattern> ...]",
            "    The options that match, with their values.",
            "SET <option> <value> [<option> <value> ...]",
            "    Set options, all of them or none.",
            "RESETSTAT",
            "    Set INFO's counters back.",
            "REWRITE",
            "    Write the values in force to the configuration file.",
        ],
    );
    DONE
}
