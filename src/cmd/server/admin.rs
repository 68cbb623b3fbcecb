//! The server's clock, role and end, and what it shows of itself.

use crate::client::{ClientId, ReplicasWait, SyncWait};
use crate::cmd::args::{Args, int};
use crate::cmd::{Command, DONE, Flow, Outcome, Run};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::{KeysCtx, Server};
use crate::spec::{Group, Spec, acl, arg, flag};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "time",
            summary: "Answers the server's time.",
            since: "2.6.0",
            group: Group::Server,
            complexity: "O(1)",
            arity: 1,
            flags: flag::LOADING.with(flag::STALE).with(flag::FAST),
            tips: &["nondeterministic_output"],
            ..Spec::NEW
        },
        run: Run::Keys(time),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "role",
            summary: "Answers the server's replication role.",
            since: "2.8.12",
            group: Group::Server,
            complexity: "O(1)",
            arity: 1,
            flags: flag::NOSCRIPT.with(flag::LOADING).with(flag::STALE).with(flag::FAST),
            acl: acl::ADMIN.with(acl::DANGEROUS),
            ..Spec::NEW
        },
        run: Run::Server(role),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "monitor",
            summary: "Shows every command the server runs.",
            since: "1.0.0",
            group: Group::Server,
            complexity: "O(1)",
            arity: 1,
            flags: flag::ADMIN.with(flag::NOSCRIPT).with(flag::LOADING).with(flag::STALE),
            ..Spec::NEW
        },
        run: Run::Server(monitor),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "wait",
            summary: "Waits until replicas have the writes of this connection.",
            since: "3.0.0",
            group: Group::Generic,
            complexity: "O(1)",
            arity: 3,
            flags: flag::BLOCKING,
            acl: acl::CONNECTION,
            args: &[arg::integer("numreplicas"), arg::integer("timeout")],
            tips: &["request_policy:all_shards", "response_policy:agg_min"],
            ..Spec::NEW
        },
        run: Run::Server(wait),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "waitaof",
            summary: "Waits until the writes of this connection are synced here, and by replicas.",
            since: "7.2.0",
            group: Group::Generic,
            complexity: "O(1)",
            arity: 4,
            flags: flag::BLOCKING,
            acl: acl::CONNECTION,
            args: &[arg::integer("numlocal"), arg::integer("numreplicas"), arg::integer("timeout")],
            tips: &["request_policy:all_shards", "response_policy:agg_min"],
            ..Spec::NEW
        },
        run: Run::Server(waitaof),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "lolwut",
            summary: "Draws something, and tells the version.",
            since: "5.0.0",
            group: Group::Server,
            complexity: "O(1)",
            arity: -1,
            flags: flag::READONLY.with(flag::FAST),
            args: &[arg::integer("version").after("VERSION").optional()],
            ..Spec::NEW
        },
        run: Run::Server(lolwut),
        ..Command::NEW
    },
];

fn time(c: &mut KeysCtx<'_>, _: &Argv<'_>) -> Outcome {
    let now = c.db.now_us();
    c.reply.array(2);
    c.reply.bulk_int((now / 1_000_000) as i64);
    c.reply.bulk_int((now % 1_000_000) as i64);
    DONE
}

fn role(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let session = s.clients.running(id);
    s.repl.role(&mut Reply::new(&mut session.out, session.resp));
    DONE
}

fn monitor(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let session = s.clients.running(id);
    if session.flags.deny_blocking {
        return Err(CmdError::Msg("MONITOR isn't allowed for DENY BLOCKING client"));
    }
    if !session.flags.monitor {
        session.flags.monitor = true;
        s.monitors.push(id);
    }
    s.reply(id).ok();
    DONE
}

fn wait(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    if !s.repl.is_primary() {
        return Err(CmdError::Msg(
            "WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is \
             configured to be writable (which is not the default) writes to replicas are just local and are \
             not propagated.",
        ));
    }
    let replicas = u64::try_from(int(&argv[1])?).unwrap_or(0);
    let timeout_ms = timeout_ms(&argv[2])?;
    let deadline_ms = (timeout_ms > 0).then(|| s.now_ms().saturating_add(timeout_ms));
    let offset = s.clients.running(id).streamed_to;
    Ok(Flow::AwaitReplicas(ReplicasWait { replicas, offset, deadline_ms }))
}

fn waitaof(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let out_of_range = CmdError::Msg("value is out of range, value must between 0 and 1");
    let local = match int(&argv[1])? {
        0 => false,
        1 => true,
        _ => return Err(out_of_range),
    };
    let negative = CmdError::Msg("value is out of range, must be positive");
    let replicas = int(&argv[2]).ok().and_then(|replicas| u64::try_from(replicas).ok());
    let replicas = replicas.ok_or(negative)?;
    let timeout_ms = timeout_ms(&argv[3])?;
    if !s.repl.is_primary() {
        return Err(CmdError::Msg(
            "WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just \
             local and are not propagated.",
        ));
    }
    if local && !s.config.appendonly {
        return Err(CmdError::Msg(
            "WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    let deadline_ms = (timeout_ms > 0).then(|| s.now_ms().saturating_add(timeout_ms));
    let offset = s.clients.running(id).streamed_to;
    Ok(Flow::AwaitSync(SyncWait { local, replicas, offset, deadline_ms }))
}

/// How long to wait, ms; 0 for ever.
fn timeout_ms(text: &[u8]) -> Result<u64, CmdError> {
    let invalid = CmdError::Msg("timeout is not an integer or out of range");
    let timeout = int(text).map_err(|_| invalid)?;
    u64::try_from(timeout).map_err(|_| CmdError::Msg("timeout is negative"))
}

fn lolwut(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let mut args = Args::new(argv, 1);
    if args.word("version") && args.left() > 0 {
        args.int()?;
    }
    let text =
        format!("{}larder ver. {}\n", super::lolwut::shelf(&mut s.rng), env!("CARGO_PKG_VERSION"));
    s.reply(id).verbatim("txt", text.as_bytes());
    DONE
}
