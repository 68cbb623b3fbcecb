//! FAILOVER: [`repl::Failover`](crate::repl::Failover) has the course of one.

use super::link;
use crate::client::{ClientId, Pauser};
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::config::special::PrimaryAddress;
use crate::repl::{Failover, Phase};
use crate::resp::{Argv, CmdError};
use crate::server::Server;
use crate::spec::{Group, Spec, arg, flag};

/// This command.
pub static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "failover",
        summary: "Hands the role of the primary to one of the replicas.",
        since: "6.2.0",
        group: Group::Server,
        complexity: "O(1)",
        arity: -1,
        flags: flag::ADMIN.with(flag::NOSCRIPT).with(flag::STALE),
        args: &[
            arg::block(
                "target",
                &[
                    arg::string("host"),
                    arg::integer("port"),
                    arg::token("force", "FORCE").optional(),
                ],
            )
            .after("TO")
            .optional(),
            arg::token("abort", "ABORT").optional(),
            arg::integer("milliseconds").after("TIMEOUT").optional(),
        ],
        ..Spec::NEW
    },
    run: Run::Server(failover),
    ..Command::NEW
}];

/// What the command's words say.
#[derive(Default)]
struct Options {
    target: Option<PrimaryAddress>,
    timeout_ms: Option<u64>,
    force: bool,
    abort: bool,
}

fn failover(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    if s.config.cluster_enabled {
        return Err(CmdError::Msg("FAILOVER not allowed in cluster mode."));
    }
    let options = parse(argv)?;
    if options.abort {
        if s.repl.failover.is_none() {
            return Err(CmdError::Msg("No failover in progress."));
        }
        abort(s, "Failover manually aborted");
        s.reply(id).ok();
        return DONE;
    }
    check(s, &options)?;
    let now_ms = s.now_ms();
    match &options.target {
        Some(PrimaryAddress { host, port }) => {
            tracing::info!("FAILOVER requested to {host}:{port}.");
        }
        None => tracing::info!("FAILOVER requested to any replica."),
    }
    s.repl.failover = Some(Failover {
        target: options.target,
        deadline_ms: options.timeout_ms.map(|ms| now_ms.saturating_add(ms)),
        force: options.force,
        asks: false,
    });
    s.begin_pause(Pauser::Failover, u64::MAX, false);
    // What the transaction wrote that this may be part of is in the stream when the timer looks.
    s.keyspace.shared.nearer_deadline = true;
    s.reply(id).ok();
    DONE
}

fn parse(argv: &Argv<'_>) -> Result<Options, CmdError> {
    let mut args = Args::new(argv, 1);
    let mut options = Options::default();
    if argv.len() == 2 && args.word("abort") {
        return Ok(Options { abort: true, ..options });
    }
    while args.left() > 0 {
        if options.timeout_ms.is_none() && args.left() > 1 && args.word("timeout") {
            let timeout = u64::try_from(args.int()?).ok().filter(|ms| *ms > 0);
            let zero = CmdError::Msg("FAILOVER timeout must be greater than 0");
            options.timeout_ms = Some(timeout.ok_or(zero)?);
        } else if options.target.is_none() && args.left() > 2 && args.word("to") {
            let host = String::from_utf8_lossy(args.any()?).into_owned();
            // No replica has a port beyond those that there are.
            let port = u16::try_from(args.int()?).unwrap_or(0);
            options.target = Some(PrimaryAddress { host, port });
        } else if !options.force && args.word("force") {
            options.force = true;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    Ok(options)
}

/// Whether it may begin.
fn check(s: &Server, options: &Options) -> Result<(), CmdError> {
    if s.repl.failover.is_some() {
        return Err(CmdError::Msg("FAILOVER already in progress."));
    }
    if !s.repl.is_primary() {
        return Err(CmdError::Msg("FAILOVER is not valid when server is a replica."));
    }
    if s.repl.replicas.is_empty() {
        return Err(CmdError::Msg("FAILOVER requires connected replicas."));
    }
    if options.force && (options.timeout_ms.is_none() || options.target.is_none()) {
        return Err(CmdError::Msg(
            "FAILOVER with force option requires both a timeout and target HOST and IP.",
        ));
    }
    let Some(target) = &options.target else { return Ok(()) };
    match s.repl.replica_at(target) {
        None => Err(CmdError::Msg("FAILOVER target HOST and PORT is not a replica.")),
        Some(replica) if replica.phase != Phase::Online => {
            Err(CmdError::Msg("FAILOVER target replica is not online."))
        }
        Some(_) => Ok(()),
    }
}

/// Goes on with the failover that waits, if a replica has all meanwhile, or if the time to wait is over.
pub fn go_on(s: &mut Server) {
    let now_ms = s.now_ms();
    let Some(failover) = s.repl.failover.as_ref().filter(|it| !it.asks) else { return };
    let name = failover.name();
    if failover.deadline_ms.is_some_and(|at| at <= now_ms) {
        match (failover.force, failover.target.clone()) {
            (true, Some(target)) => {
                tracing::info!("{name} time out exceeded, failing over.");
                ask(s, target);
            }
            _ => abort(s, "Replica never caught up before timeout"),
        }
        return;
    }
    let synced = s.repl.synced_replica(failover.target.as_ref());
    let Some(replica) = synced.and_then(|client| s.repl.replicas.find(client)) else { return };
    let target = PrimaryAddress { host: replica.ip.clone(), port: replica.port };
    tracing::info!("Failover target {}:{} is synced, failing over.", target.host, target.port);
    ask(s, target);
}

/// Follows the replica that is to lead; that it is to, the handshake tells it.
fn ask(s: &mut Server, target: PrimaryAddress) {
    if let Some(failover) = &mut s.repl.failover {
        failover.target = Some(target.clone());
        failover.asks = true;
    }
    link::follow(s, target);
}

/// The replica leads now.
pub(super) fn done(s: &mut Server) {
    if s.repl.failover.take().is_some() {
        s.end_pause(Pauser::Failover);
    }
}

/// Gives up: this server leads, as it did.
pub(super) fn abort(s: &mut Server, why: &str) {
    let Some(failover) = s.repl.failover.take() else { return };
    tracing::info!("{} aborted: {why}", failover.name());
    if failover.asks {
        link::unfollow(s);
    }
    s.end_pause(Pauser::Failover);
}
