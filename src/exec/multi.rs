//! Transactions: MULTI queues commands, EXEC runs them as one.
//!
//! EXEC is a command that runs commands. Each of its parts goes through [`call::call`] like any
//! command and notes what it caused; all of that is settled once, after EXEC itself. A command that
//! is refused while it is queued fails the transaction; one that fails when it runs does not, for
//! there is no way back.

use super::{call, gate, limits};
use crate::client::{ClientId, ReplyMode, Transaction};
use crate::cmd::{Command, DONE, Flow, Outcome, Run};
use crate::keyspace::Listener;
use crate::resp::{Argv, CmdError};
use crate::server::{ClientCtx, Server};
use crate::spec::{CommandFlags, CommandId, Group, Spec, acl, arg, flag, range};
use std::rc::Rc;

/// Commands that control a transaction are taken whatever the server's state.
const CONTROL: CommandFlags =
    flag::NOSCRIPT.with(flag::LOADING).with(flag::STALE).with(flag::FAST).with(flag::ALLOW_BUSY);

/// These commands.
pub static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "multi",
            summary: "Begins a transaction: the commands that follow are queued.",
            since: "1.2.0",
            group: Group::Transactions,
            complexity: "O(1)",
            arity: 1,
            flags: CONTROL.with(flag::NOT_QUEUED),
            acl: acl::TRANSACTION,
            ..Spec::NEW
        },
        run: Run::Client(multi),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "exec",
            summary: "Runs the queued commands as one, and ends the transaction.",
            since: "1.2.0",
            group: Group::Transactions,
            complexity: "Depends on the commands",
            arity: 1,
            flags: flag::NOSCRIPT
                .with(flag::LOADING)
                .with(flag::STALE)
                .with(flag::SKIP_SLOWLOG)
                .with(flag::NOT_QUEUED)
                .with(flag::COMPOSITE),
            acl: acl::TRANSACTION,
            ..Spec::NEW
        },
        run: Run::Server(exec),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "discard",
            summary: "Forgets the queued commands, and ends the transaction.",
            since: "2.0.0",
            group: Group::Transactions,
            complexity: "O(N) for N queued commands",
            arity: 1,
            flags: CONTROL.with(flag::NOT_QUEUED),
            acl: acl::TRANSACTION,
            ..Spec::NEW
        },
        run: Run::Server(discard),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "watch",
            summary: "Lets the next EXEC run only if these keys do not change until then.",
            since: "2.2.0",
            group: Group::Transactions,
            complexity: "O(log N) a key, with N keys watched",
            arity: -2,
            flags: CONTROL.with(flag::NOT_QUEUED),
            acl: acl::TRANSACTION,
            keys: &[range(1, -1, 1).ro()],
            args: &[arg::key("key").multiple()],
            ..Spec::NEW
        },
        run: Run::Server(watch),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "unwatch",
            summary: "Forgets the watched keys.",
            since: "2.2.0",
            group: Group::Transactions,
            complexity: "O(N log M) for N keys of this client among M",
            arity: 1,
            flags: CONTROL,
            acl: acl::TRANSACTION,
            ..Spec::NEW
        },
        run: Run::Server(unwatch),
        ..Command::NEW
    },
];

fn multi(c: &mut ClientCtx<'_>, _: &Argv<'_>) -> Outcome {
    if c.session.transaction.is_some() {
        return Err(CmdError::Msg("MULTI calls can not be nested"));
    }
    c.session.transaction = Some(Rc::default());
    c.reply().ok();
    DONE
}

fn discard(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    if s.clients.running(id).transaction.is_none() {
        return Err(CmdError::Msg("DISCARD without MULTI"));
    }
    s.end_transaction(id);
    s.reply(id).ok();
    DONE
}

fn watch(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let Server { clients, effects, keyspace, .. } = s;
    let session = clients.running(id);
    if session.transaction.is_some() {
        return Err(CmdError::Msg("WATCH inside MULTI is not allowed"));
    }
    // The outcome of EXEC is known once a watch is broken.
    if !session.flags.watch_broken {
        for key in argv.from(1) {
            effects.watch.watch(id, session, key, keyspace);
        }
        keyspace.shared.listen(Listener::Watch, true);
    }
    s.reply(id).ok();
    DONE
}

fn unwatch(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.unwatch(id);
    s.reply(id).ok();
    DONE
}

fn exec(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let session = s.clients.running(id);
    let Some(transaction) = session.transaction.clone() else {
        return Err(CmdError::Msg("EXEC without MULTI"));
    };
    let broken = session.flags.watch_broken || s.effects.watch.is_overdue(id, session, &s.keyspace);
    s.unwatch(id);
    let outcome = if transaction.has_failed() {
        const FAILED: &str = "EXECABORT Transaction discarded because of previous errors.";
        Err(CmdError::code(FAILED))
    } else if broken {
        s.reply(id).null_array();
        DONE
    } else {
        begin(s, id, &transaction);
        if run_from(s, id, &transaction, 0) {
            return Ok(Flow::Await);
        }
        DONE
    };
    // Only now: CLIENT LIST among its commands shows it.
    s.clients.running(id).transaction = None;
    outcome
}

fn begin(s: &mut Server, id: ClientId, transaction: &Transaction) {
    s.clients.running(id).flags.deny_blocking = true;
    let mark = s.clients.running(id).out.len();
    s.reply(id).array(transaction.len());
    take_back_if_off(s, id, mark);
}

/// Runs the queued commands from one on. None of them waits, and nothing of another client comes in between. True if one
/// is a script that was suspended: the rest follows when that has run to its end.
fn run_from(s: &mut Server, id: ClientId, transaction: &Transaction, first: usize) -> bool {
    for (number, (command, argv)) in transaction.commands().enumerate().skip(first) {
        let mark = s.clients.running(id).out.len();
        call::call(s, id, command, &argv);
        if let Some(suspended) = &mut s.scripting.suspended {
            suspended.rest = Some(number + 1);
            return true;
        }
        take_back_if_off(s, id, mark);
    }
    s.clients.running(id).flags.deny_blocking = false;
    false
}

/// Goes on with a transaction behind its script that was suspended; true if another one is.
pub(super) fn go_on(s: &mut Server, id: ClientId, next: usize) -> bool {
    let Some(transaction) = s.clients.running(id).transaction.clone() else { return false };
    if run_from(s, id, &transaction, next) {
        return true;
    }
    s.clients.running(id).transaction = None;
    false
}

/// CLIENT REPLY inside a transaction counts from the next of its commands on.
fn take_back_if_off(s: &mut Server, id: ClientId, mark: usize) {
    let session = s.clients.running(id);
    if session.reply_mode == ReplyMode::Off {
        session.out.truncate(mark);
    }
}

/// Takes a command into a client's transaction, if it is to wait there; whether it is.
///
/// # Errors
/// Where the command must not be part of a transaction.
#[cold]
pub fn queue(
    s: &mut Server,
    id: ClientId,
    command: CommandId,
    argv: &Argv<'_>,
) -> Result<bool, CmdError> {
    let flags = gate::flags_of(s, s.commands.row(command).spec, argv);
    let session = s.clients.running(id);
    let watch_broken = session.flags.watch_broken;
    let Some(transaction) = session.queueing() else { return Ok(false) };
    if flags.has(flag::NOT_QUEUED) {
        return Ok(false);
    }
    if flags.has(flag::NO_MULTI) {
        return Err(CmdError::Msg("Command not allowed inside a transaction"));
    }
    // What will not run need not be kept.
    if !transaction.has_failed() && !watch_broken {
        transaction.push(command, flags, argv);
    }
    let held = transaction.bytes();
    s.reply(id).simple("QUEUED");
    // The queue is input that was read and not yet run.
    if held as u64 > s.config.client_query_buffer_limit {
        limits::query_too_long(s, id, held);
    }
    Ok(true)
}

/// A command was refused: the transaction it was to be part of, or was to run, cannot be whole any
/// more. Answers what the client is told.
#[cold]
pub fn refused(
    s: &mut Server,
    id: ClientId,
    command: Option<CommandId>,
    why: CmdError,
) -> CmdError {
    if command.is_some_and(|command| is_exec(s.commands.row(command).spec)) {
        s.end_transaction(id);
        let text = why.text();
        let words = text.strip_prefix("ERR ").unwrap_or(&text);
        let text = format!("EXECABORT Transaction discarded because of: {words}");
        return CmdError::Full(text.into());
    }
    if let Some(transaction) = s.clients.running(id).queueing() {
        transaction.fail();
    }
    why
}

/// Whether this is EXEC: it runs commands, and does so at once inside a transaction.
pub fn is_exec(spec: &Spec) -> bool {
    spec.flags.has(flag::NOT_QUEUED.with(flag::COMPOSITE))
}
