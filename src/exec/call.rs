//! One command: found, let through, run, measured.

use super::{
    aof, blocked, clients, gate, limits, multi, notable, primary, settle, table, tracking,
};
use crate::client::{ClientId, Kind, ReplyMode, Session, Wait};
use crate::cmd::{Block, Command, Flow, Run};
use crate::effects::{Action, Effects};
use crate::keyspace::{Change, Event, Keyspace, Listener};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::Server;
use crate::spec::{CommandId, Described, Table, flag};

/// Bytes of a request at most beside its arguments' extent, in the comparison that finds large ones.
const HEADERS_MAX: usize = 32;
/// Words of an unknown command's arguments that its error repeats, in bytes.
const ECHOED_MAX: usize = 128;

/// Finds, checks and runs one command of a client, then settles what it caused.
#[inline]
pub fn process(s: &mut Server, id: ClientId, argv: &Argv<'_>) {
    let found = find(&s.commands, argv);
    run_found(s, id, argv, found);
}

/// Runs a command that was looked up already, or answers why it was not found.
pub fn run_found(
    s: &mut Server,
    id: ClientId,
    argv: &Argv<'_>,
    found: Result<CommandId, CmdError>,
) {
    let session = s.clients.running(id);
    let mode = next_reply_mode(session);
    let in_multi = session.transaction.is_some();
    let mark = session.out.len();
    session.last_command = found.as_ref().ok().copied();
    let of_replica = session.kind == Kind::Replica;
    match found {
        Err(error) => refuse(s, id, None, error),
        Ok(command) => match let_run(s, id, command, argv, in_multi) {
            Ok(true) => call(s, id, command, argv),
            Ok(false) => {}
            Err(error) => refuse(s, id, Some(command), error),
        },
    }
    if mode != ReplyMode::On {
        mute(s, id, mark);
    }
    if of_replica {
        limits::check_silence(s, id, mark);
    }
    settle::settle(s, Some(id));
}

/// Whether a command is to run now, rather than as part of a transaction.
#[inline]
fn let_run(
    s: &mut Server,
    id: ClientId,
    command: CommandId,
    argv: &Argv<'_>,
    in_multi: bool,
) -> Result<bool, CmdError> {
    gate::check(s, id, command, argv)?;
    Ok(!in_multi || !multi::queue(s, id, command, argv)?)
}

/// The command or subcommand that `argv` names.
///
/// # Errors
/// Redis's error for an unknown one.
#[inline]
pub fn find(commands: &Table, argv: &Argv<'_>) -> Result<CommandId, CmdError> {
    let Some(id) = commands.find(&argv[0]) else { return Err(unknown(argv)) };
    let Described { spec, subcommands, .. } = commands.row(id);
    if subcommands.is_empty() {
        return Ok(id);
    }
    match argv.get(1) {
        Some(word) => commands.find_sub(id, word).ok_or_else(|| unknown_sub(spec.name, word)),
        // COMMAND may stand alone.
        None if spec.arity_fits(1) => Ok(id),
        None => Err(CmdError::Arity(spec.name)),
    }
}

#[cold]
fn unknown(argv: &Argv<'_>) -> CmdError {
    // Redis shows them as C strings, which end at a NUL.
    let echo = |bytes: &[u8], max: usize| {
        let shown = bytes.split(|b| *b == 0).next().unwrap_or_default();
        String::from_utf8_lossy(&shown[..shown.len().min(max)]).into_owned()
    };
    let mut args = String::new();
    for arg in argv.from(1) {
        if args.len() >= ECHOED_MAX {
            break;
        }
        args.push_str(&format!("'{}' ", echo(arg, ECHOED_MAX - args.len())));
    }
    CmdError::err(format_args!(
        "unknown command '{}', with args beginning with: {args}",
        echo(&argv[0], ECHOED_MAX)
    ))
}

#[cold]
fn unknown_sub(container: &str, word: &[u8]) -> CmdError {
    let word = String::from_utf8_lossy(&word[..word.len().min(ECHOED_MAX)]).into_owned();
    CmdError::err(format_args!(
        "unknown subcommand '{word}'. Try {} HELP.",
        container.to_ascii_uppercase()
    ))
}

/// Runs one command and notes what it caused. Commands that run commands come back here.
pub fn call(s: &mut Server, id: ClientId, command: CommandId, argv: &Argv<'_>) {
    let Command { spec, run, .. } = table::command(command);
    let mark = s.clients.running(id).out.len();
    let dirty = s.keyspace.shared.dirty;
    let recorded = s.keyspace.shared.recorded();
    let begin = s.last_tick;
    let lifted = s.keyspace.shared.keeps_expired() && lift(s, id, spec.flags.has(flag::WRITE));
    let outcome = match run {
        Run::Keys(f) => f(&mut s.keys_ctx(id, argv), argv),
        Run::Client(f) => f(&mut s.client_ctx(id), argv),
        Run::Server(f) => f(s, id, argv),
        Run::Container => unreachable!("the lookup answers a subcommand or an error"),
    };
    if lifted {
        s.keyspace.shared.lift_replica(false);
    }
    let tick = s.timer.now();
    let nanos = s.timer.nanos(tick.wrapping_sub(begin));
    s.last_tick = tick;
    s.stats.commands_processed += 1;
    s.clients.running(id).traffic.commands += 1;
    if nanos >= s.stats.watch.nanos {
        notable::took_long(s, id, command, argv, nanos);
    }
    let waits = match outcome {
        Ok(Flow::Done) => false,
        Ok(flow) => wait(s, id, command, argv, flow),
        Err(error) => {
            failed(s, id, command, mark, &error);
            false
        }
    };
    if !waits {
        s.stats.command(command).ran(nanos, s.config.latency_tracking);
    }
    let written = s.clients.running(id).out.len().saturating_sub(mark);
    if argv.extent() + HEADERS_MAX + written >= s.stats.watch.bytes {
        notable::was_large(s, id, command, argv, written);
    }
    if !s.monitors.is_empty() {
        limits::tell_monitors(s, id, spec, argv);
    }
    if s.keyspace.shared.has_listener(Listener::Tracking) {
        tracking::note(s, id, command, argv);
    }
    if s.effects.is_feeding() && !spec.flags.has(flag::COMPOSITE) {
        match spec.flags.has(flag::TOUCHES_ARBITRARY_KEYS) {
            true => deliver_each(s, id, recorded),
            false => propagate(s, id, argv, dirty, recorded),
        }
    }
}

/// Delivers what expired under a command that may come to any key. That it came to these makes them no transaction, unless it is
/// part of one.
#[cold]
fn deliver_each(s: &mut Server, id: ClientId, recorded: usize) {
    let lazy = s.config.lazyfree_lazy_expire;
    for number in recorded..s.keyspace.shared.recorded() {
        let change = &s.keyspace.shared.recorded_from(number)[0];
        collect_if_expired(change, lazy, &mut s.effects);
        if !s.clients.running(id).flags.deny_blocking {
            s.deliver_writes();
        }
    }
}

/// A client that writes on a replica must not find keys past their deadline, though they are the primary's
/// to remove: they make room for what it writes. Whether this is such a client.
#[cold]
fn lift(s: &mut Server, id: ClientId, writes: bool) -> bool {
    let lifted = writes && s.keyspace.shared.waits_for_primary() && s.repl.link.client != Some(id);
    if lifted {
        s.keyspace.shared.lift_replica(true);
    }
    lifted
}

/// Runs the command of a client that waited for keys. It was counted and shown to monitors when it
/// came; what it does now is measured and propagated. Whether it has to go on waiting.
pub fn call_again(
    s: &mut Server,
    id: ClientId,
    command: CommandId,
    argv: &Argv<'_>,
) -> Option<Block> {
    let Run::Keys(run) = table::command(command).run else {
        unreachable!("only commands about keys wait for keys")
    };
    let mark = s.clients.running(id).out.len();
    let dirty = s.keyspace.shared.dirty;
    let recorded = s.keyspace.shared.recorded();
    let begin = s.timer.now();
    let outcome = run(&mut s.keys_ctx(id, argv), argv);
    let tick = s.timer.now();
    let nanos = s.timer.nanos(tick.wrapping_sub(begin));
    match outcome {
        Ok(Flow::Block(block)) => {
            if s.effects.is_feeding() {
                propagate(s, id, argv, dirty, recorded);
            }
            return Some(block);
        }
        Ok(_) => {}
        Err(error) => failed(s, id, command, mark, &error),
    }
    s.stats.command(command).ran(nanos, s.config.latency_tracking);
    if nanos >= s.stats.watch.nanos {
        notable::took_long(s, id, command, argv, nanos);
    }
    if s.keyspace.shared.has_listener(Listener::Tracking) {
        tracking::note(s, id, command, argv);
    }
    if s.effects.is_feeding() {
        propagate(s, id, argv, dirty, recorded);
    }
    None
}

/// Counts a command's failure, and answers it in place of what was written since `mark`.
#[cold]
pub(super) fn failed(
    s: &mut Server,
    id: ClientId,
    command: CommandId,
    mark: usize,
    error: &CmdError,
) {
    s.stats.command(command).failed += 1;
    s.stats.error(&error.text());
    let session = s.clients.running(id);
    session.out.truncate(mark);
    Reply::new(&mut session.out, session.resp).error(error);
}

/// Makes the client wait for what its command asked for; whether the command is to run again. Inside
/// EXEC nobody waits: what would be answered later is answered now.
#[cold]
fn wait(s: &mut Server, id: ClientId, command: CommandId, argv: &Argv<'_>, flow: Flow) -> bool {
    let session = s.clients.running(id);
    match flow {
        Flow::Done => {}
        Flow::End(others) => clients::end(s, others),
        Flow::Block(block) => return blocked::block(s, id, command, argv, block),
        Flow::AwaitFreeing if session.flags.deny_blocking => s.reply(id).ok(),
        Flow::AwaitSync(wait) => aof::wait(s, id, wait),
        Flow::AwaitReplicas(wait) => primary::wait::wait(s, id, wait),
        Flow::Await => {
            session.wait = Some(Wait::Process);
            // A script is measured when it has run to its end.
            return s.scripting.is_suspended();
        }
        Flow::AwaitFreeing => {
            session.wait = Some(Wait::Process);
            s.effects.act(Action::AwaitFreeing { client: id });
        }
    }
    false
}

/// Collects what the AOF and the replicas get of the command that just ran: the DELs of keys that
/// expired under it, then the command, if it changed anything.
#[inline(never)]
fn propagate(s: &mut Server, id: ClientId, argv: &Argv<'_>, dirty: u64, recorded: usize) {
    let before = s.effects.collected();
    let lazy = s.config.lazyfree_lazy_expire;
    collect_expired(&s.keyspace, recorded, lazy, &mut s.effects);
    if !s.effects.collect_rewritten() && s.keyspace.shared.dirty > dirty {
        s.effects.push(s.clients.running(id).db, argv.iter());
    }
    if s.effects.collected() > before {
        aof::wrote(s, id);
    }
}

/// Collects what others get of the keys and fields that expired since change number `from`: their removal.
pub(super) fn collect_expired(keyspace: &Keyspace, from: usize, lazy: bool, effects: &mut Effects) {
    for change in keyspace.shared.recorded_from(from) {
        collect_if_expired(change, lazy, effects);
    }
}

/// Collects the removal that a change tells of, if it does. How others free the key is told by its name, as
/// `lazyfree-lazy-expire` has it.
pub(super) fn collect_if_expired(change: &Change, lazy: bool, effects: &mut Effects) {
    let name: &[u8] = match change.event {
        Event::EXPIRED if lazy => b"UNLINK",
        Event::EXPIRED => b"DEL",
        Event::HEXPIRED => b"HDEL",
        _ => return,
    };
    let fields = change.fields.iter().map(|field| &**field);
    let argv: Vec<&[u8]> = [name, &change.key].into_iter().chain(fields).collect();
    effects.push(change.db, argv.into_iter());
}

/// Answers why a command did not run.
#[cold]
fn refuse(s: &mut Server, id: ClientId, found: Option<CommandId>, error: CmdError) {
    let error = multi::refused(s, id, found, error);
    if let Some(command) = found {
        s.stats.command(command).rejected += 1;
    }
    s.stats.error(&error.text());
    s.reply(id).error(&error);
    tracking::end_caching(s, id, found);
}

/// The mode in force for this command; `SkipNext` becomes `Skip` for it.
#[inline]
fn next_reply_mode(session: &mut Session) -> ReplyMode {
    session.reply_mode = match session.reply_mode {
        ReplyMode::SkipNext => ReplyMode::Skip,
        ReplyMode::Skip => ReplyMode::On,
        mode => mode,
    };
    session.reply_mode
}

/// Takes the reply back where CLIENT REPLY says so; CLIENT REPLY ON answers itself.
#[cold]
fn mute(s: &mut Server, id: ClientId, mark: usize) {
    let session = s.clients.running(id);
    if session.reply_mode != ReplyMode::On {
        session.out.truncate(mark);
    }
}
