//! Running scripts and functions: the server's side of [`script`](crate::script).
//!
//! A script uses its client's session: while it runs, the output, database and protocol of the session are the
//! script's ([`Stage`]). Each of its commands goes through [`call::call`] and notes what it caused; all of that is
//! settled once, after the command that ran the script, as with EXEC.
//!
//! A script that runs longer than `busy-reply-threshold` is suspended now and then. Its client waits, and others are
//! served, though nearly all they are told is that the server is busy; nothing is settled until the script has run to
//! its end.

use super::{call, clients, evict, gate, limits, multi, notable, settle, tracking};
use crate::client::{ClientId, ReplyMode, Wait};
use crate::cmd::{DONE, Flow, Outcome};
use crate::effects::Action;
use crate::keyspace::Listener;
use crate::resp::{Argv, CmdError, Out};
use crate::script::{
    Caller, How, Interpreter, Kind, LogLevel, Name, Progress, Running, ScriptFlags, Sha, Stage,
    Suspended, Targets, Turn, flags, script_source,
};
use crate::server::Server;
use crate::spec::{CommandFlags, CommandId, Spec, flag};
use std::mem;

/// What ends what is killed.
const KILLED: &str = "Script killed by user with SCRIPT KILL...";
/// What ends a script that wrote nothing, when the process is to end.
const SHUT_DOWN: &str = "Script killed because the server is shutting down.";

/// How long the commands of a script may take together before others may have their turn.
const POLL_NANOS: u64 = 10_000_000;

/// What is to run.
#[derive(Debug)]
pub(super) struct Job {
    /// How errors call it.
    pub(super) name: Name,
    /// What it says about itself.
    pub(super) flags: ScriptFlags,
    /// It came by a command that lets nothing be written.
    pub(super) read_only: bool,
}

/// The numbers of arguments that are keys, from the argument that tells how many they are.
///
/// # Errors
/// There cannot be so many.
pub(super) fn keys(argv: &Argv<'_>, otherwise: CmdError) -> Result<usize, CmdError> {
    let count = crate::stdx::num::parse_i64(&argv[2]).ok_or(otherwise)?;
    if count > argv.len() as i64 - 3 {
        return Err(CmdError::Msg("Number of keys can't be greater than number of args"));
    }
    usize::try_from(count).map_err(|_| CmdError::Msg("Number of keys can't be negative"))
}

/// Keys of a script whose memory is fetched ahead.
const FETCHED_AHEAD: usize = 4;

/// The hashes of the first keys of a script.
pub(super) type Hashes = [Option<u64>; FETCHED_AHEAD];

/// Fetches the buckets of a script's first keys ahead, so that they are there by the time that the script asks for them.
pub(super) fn fetch_buckets(s: &mut Server, id: ClientId, argv: &Argv<'_>, keys: usize) -> Hashes {
    let database = s.keyspace.database(s.clients.running(id).db);
    let mut hashes = Hashes::default();
    for (hash, key) in hashes.iter_mut().zip(argv.from(3).take(keys)) {
        *hash = Some(database.prefetch_bucket(key));
    }
    hashes
}

/// Fetches the entries ahead, when the buckets have come.
pub(super) fn fetch_entries(s: &mut Server, id: ClientId, hashes: &Hashes) {
    let database = s.keyspace.database(s.clients.running(id).db);
    hashes.iter().flatten().for_each(|hash| database.prefetch_entry(*hash));
}

/// The flags of a command that runs a script or a function: what that says of itself counts, if it says something.
#[cold]
pub(super) fn flags_of(s: &Server, spec: &Spec, argv: &Argv<'_>) -> CommandFlags {
    let Some(what) = argv.get(1) else { return spec.flags };
    let said = match spec.name {
        "eval" | "eval_ro" => script_source(what).ok().map(|(said, _)| said),
        "evalsha" | "evalsha_ro" => {
            let script = Sha::named(what).and_then(|sha| s.scripting.cache.get(&sha));
            script.map(|script| script.flags)
        }
        "fcall" | "fcall_ro" => s.scripting.libraries.function(what).map(|function| function.flags),
        _ => None,
    };
    let Some(said) = said.filter(|said| !said.has(flags::UNSAID)) else { return spec.flags };
    let writes = !said.has(flags::NO_WRITES);
    let of_said = [
        (flag::STALE, said.has(flags::ALLOW_STALE)),
        (flag::WRITE, writes),
        (flag::MAY_REPLICATE, writes),
        (flag::DENYOOM, writes && !said.has(flags::ALLOW_OOM)),
    ];
    of_said.into_iter().fold(
        spec.flags,
        |all, (flag, on)| {
            if on { all | flag } else { all.without(flag) }
        },
    )
}

/// Whether what says of itself what it does may do that now.
///
/// # Errors
/// Why it may not.
pub(super) fn may_run(s: &mut Server, id: ClientId, job: &Job) -> Result<(), CmdError> {
    if gate::is_obeyed(s, id) {
        return Ok(());
    }
    let said = !job.flags.has(flags::UNSAID);
    if gate::is_stale(s) && !(said && job.flags.has(flags::ALLOW_STALE)) {
        return Err(gate::STALE);
    }
    // Of one that says nothing each command is looked at.
    if !said {
        return Ok(());
    }
    let grows = !job.flags.has(flags::ALLOW_OOM) && !job.flags.has(flags::NO_WRITES);
    if grows && !evict::may_grow(s) {
        return Err(evict::OUT_OF_MEMORY);
    }
    let writes = !job.flags.has(flags::NO_WRITES);
    if job.read_only && writes {
        let words = "Can not execute a script with write flag using *_ro command.";
        return Err(CmdError::Msg(words));
    }
    if writes { gate::may_write(s) } else { Ok(()) }
}

/// Runs what an interpreter was prepared for. It is taken back when that ends.
pub(super) fn run(
    s: &mut Server,
    id: ClientId,
    argv: &Argv<'_>,
    job: Job,
    mut interpreter: Box<Interpreter>,
) -> Outcome {
    let obeyed = gate::is_obeyed(s, id);
    let session = s.clients.running(id);
    // Who loads a file is no client, and waits for nobody.
    let may_suspend = session.fd >= 0;
    let mut stage = Stage {
        out: mem::take(&mut s.scripting.spare),
        db: session.db,
        resp: session.resp,
        deny_blocking: true,
    };
    let watched = s.config.busy_reply_threshold > 0;
    let began = s.timer.now();
    s.scripting.running = Some(Running {
        client: id,
        read_only: job.read_only || job.flags.has(flags::NO_WRITES),
        name: job.name,
        flags: job.flags,
        orphaned: false,
        obeyed,
        wrote: false,
        killed: false,
        slow: false,
        may_suspend,
        began,
        polled: began,
        now_us: s.keyspace.shared.now_us,
    });
    stage.swap(s.clients.running(id));
    let mut caller = ServerCaller { s, id, reply: Vec::new() };
    let progress = interpreter.run(watched, &mut caller);
    stage.swap(s.clients.running(id));
    if progress == Progress::Suspended {
        let command = call::find(&s.commands, argv)?;
        let argv = argv.iter().map(<[u8]>::to_vec).collect();
        s.scripting.suspended = Some(Suspended { interpreter, stage, rest: None, command, argv });
        s.effects.act(Action::GoOnWithScript);
        return Ok(Flow::Await);
    }
    let (outcome, counted) = finish(s, id, interpreter, stage.out);
    if counted {
        let command = call::find(&s.commands, argv)?;
        s.stats.command(command).failed += 1;
    }
    outcome
}

/// Goes on with the script that is suspended; whether it is again.
pub fn go_on(s: &mut Server) -> bool {
    let Some(mut suspended) = s.scripting.suspended.take() else { return false };
    let Some(running) = &s.scripting.running else { return false };
    let (id, now_us) = (running.client, running.now_us);
    // Its commands see the time at which it began.
    s.keyspace.shared.set_now_us(now_us);
    s.last_tick = s.timer.now();
    suspended.stage.swap(s.clients.running(id));
    let mut caller = ServerCaller { s, id, reply: Vec::new() };
    let progress = suspended.interpreter.go_on(&mut caller);
    suspended.stage.swap(s.clients.running(id));
    if progress == Progress::Suspended {
        s.scripting.suspended = Some(suspended);
        return true;
    }
    let orphaned = s.scripting.running.as_ref().is_some_and(|running| running.orphaned);
    let rest = suspended.rest;
    end_suspended(s, id, suspended);
    if let Some(next) = rest
        && multi::go_on(s, id, next)
    {
        // The next one is suspended already, and its turn has been asked for.
        if let Some(running) = &mut s.scripting.running {
            running.orphaned = orphaned;
        }
        return false;
    }
    wake(s, id);
    if orphaned {
        clients::leave(s, id);
    }
    false
}

/// The script that was suspended has run to its end: its reply is there, and all that is noted behind a command.
fn end_suspended(s: &mut Server, id: ClientId, suspended: Suspended) {
    let Suspended { interpreter, stage, command, argv, .. } = suspended;
    let began = s.scripting.running.as_ref().map_or(s.last_tick, |running| running.began);
    let session = s.clients.running(id);
    let mark = session.out.len();
    let (outcome, counted) = finish(s, id, interpreter, stage.out);
    s.stats.command(command).failed += u64::from(counted);
    let (buf, spans) = super::turn::pack(&argv);
    let argv = Argv::new(&buf, &spans);
    let nanos = s.timer.nanos(s.timer.now().wrapping_sub(began));
    if let Err(error) = &outcome {
        call::failed(s, id, command, mark, error);
    }
    s.stats.command(command).ran(nanos, s.config.latency_tracking);
    if nanos >= s.stats.watch.nanos {
        notable::took_long(s, id, command, &argv, nanos);
    }
    if s.keyspace.shared.has_listener(Listener::Tracking) {
        tracking::note(s, id, command, &argv);
    }
    let session = s.clients.running(id);
    if session.reply_mode != ReplyMode::On {
        session.out.truncate(mark);
    }
}

/// The client goes on, and what its command caused is settled.
fn wake(s: &mut Server, id: ClientId) {
    let session = s.clients.running(id);
    if matches!(session.wait, Some(Wait::Process)) {
        session.wait = None;
    }
    session.wake();
    s.repl.link.wake();
    settle::settle(s, Some(id));
    tracking::end_turn(s, Some(id));
    limits::end_turn(s, id);
}

/// What ran has ended: answers what it gave. Whether that is an error which was counted already, when a command of
/// it failed; that the command which ran it failed with that was not.
fn finish(
    s: &mut Server,
    id: ClientId,
    mut interpreter: Box<Interpreter>,
    mut spare: Out,
) -> (Outcome, bool) {
    let running = s.scripting.running.take();
    let result = interpreter.finish(&mut s.reply(id));
    let kind = running.as_ref().map_or(Kind::Script, |running| running.name.kind());
    match kind {
        Kind::Script => s.scripting.scripts = Some(interpreter),
        Kind::Function => s.scripting.functions = Some(interpreter),
    }
    spare.truncate(0);
    s.scripting.spare = spare;
    let Err(failure) = result else { return (DONE, false) };
    let words = match (&failure.place, running) {
        (Some((source, line)), Some(running)) => {
            format!("{} script: {}, on {source}:{line}.", failure.words, running.name.text())
        }
        _ => failure.words,
    };
    let error = CmdError::Full(words.into());
    if !failure.counted {
        return (Err(error), false);
    }
    s.reply(id).error(&error);
    (DONE, true)
}

/// While a script is suspended only what looks after that may run.
///
/// # Errors
/// The server is busy.
#[cold]
pub(super) fn may_run_beside(s: &Server, spec: &Spec) -> Result<(), CmdError> {
    if spec.flags.has(flag::ALLOW_BUSY) {
        return Ok(());
    }
    Err(s.scripting.busy())
}

/// SCRIPT KILL and FUNCTION KILL.
///
/// # Errors
/// Nothing of this kind runs, or it has written.
pub(super) fn kill(s: &mut Server, kind: Kind) -> Result<(), CmdError> {
    let refused = s.scripting.busy();
    let Some(running) = s.scripting.running.as_mut().filter(|running| running.slow) else {
        return Err(CmdError::code("NOTBUSY No scripts in execution right now."));
    };
    if running.name.kind() != kind {
        return Err(refused);
    }
    if running.wrote {
        return Err(CmdError::code(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You \
             can either wait the script termination or kill the server in a hard way using the \
             SHUTDOWN NOSAVE command.",
        ));
    }
    running.killed = true;
    Ok(())
}

/// The server, as the running script sees it.
#[derive(Debug)]
struct ServerCaller<'a> {
    s: &'a mut Server,
    id: ClientId,
    /// Replies that are not in one piece.
    reply: Vec<u8>,
}

impl Caller for ServerCaller<'_> {
    fn call(&mut self, argv: &Argv<'_>, how: How) -> Result<&[u8], String> {
        let Self { s, id, reply } = self;
        let command = let_run(s, argv)?;
        let session = s.clients.running(*id);
        session.out.truncate(0);
        session.resp = how.resp;
        let collected = s.effects.collected();
        let dirty = s.keyspace.shared.dirty;
        s.keyspace.shared.scripted = true;
        call::call(s, *id, command, argv);
        s.keyspace.shared.scripted = false;
        if s.keyspace.shared.dirty > dirty
            && let Some(running) = &mut s.scripting.running
        {
            running.wrote = true;
        }
        if how.targets != Targets::ALL {
            s.effects.keep_for(collected, how.targets);
        }
        let out = &mut s.clients.running(*id).out;
        if out.is_one_piece() {
            return Ok(out.tail());
        }
        *reply = out.copy_from(0);
        Ok(reply)
    }

    fn may_call(&mut self, argv: &Argv<'_>) -> Option<bool> {
        match call::find(&self.s.commands, argv) {
            // A container alone names a command too, though none that runs.
            Ok(_) | Err(CmdError::Arity(_)) => Some(true),
            Err(_) => None,
        }
    }

    fn is_due(&mut self) -> bool {
        let s = &*self.s;
        let polled = s.scripting.running.as_ref().map_or(s.last_tick, |running| running.polled);
        s.timer.nanos(s.last_tick.saturating_sub(polled)) >= POLL_NANOS
    }

    fn poll(&mut self) -> Turn {
        let s = &mut *self.s;
        let Some(running) = &mut s.scripting.running else { return Turn::GoOn };
        let now = s.timer.now();
        running.polled = now;
        if running.killed {
            return Turn::End(KILLED);
        }
        if s.signalled.is_some() && !running.wrote {
            return Turn::End(SHUT_DOWN);
        }
        let nanos = s.timer.nanos(now.wrapping_sub(running.began));
        if nanos / 1_000_000 < s.config.busy_reply_threshold {
            return Turn::GoOn;
        }
        if !running.slow {
            running.slow = true;
            tracing::warn!(
                "Slow script detected: still in execution after {} milliseconds. You can try killing the \
                 script using the {} KILL command. Script name is: {}.",
                nanos / 1_000_000,
                if running.name.kind() == Kind::Script { "SCRIPT" } else { "FUNCTION" },
                running.name.text()
            );
        }
        if running.may_suspend { Turn::Suspend } else { Turn::GoOn }
    }

    fn clock_us(&mut self) -> u64 {
        let (system, user) = (self.s.facts.figures.cpu)().process;
        ((system + user) * 1e6) as u64
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        log(level, text);
    }
}

/// Writes what a script says to the log.
fn log(level: LogLevel, text: &str) {
    match level {
        LogLevel::Debug => tracing::trace!("{text}"),
        LogLevel::Verbose => tracing::debug!("{text}"),
        LogLevel::Notice => tracing::info!("{text}"),
        LogLevel::Warning => tracing::warn!("{text}"),
    }
}

/// Whether a script may run a command now.
///
/// # Errors
/// The words of the error.
fn let_run(s: &mut Server, argv: &Argv<'_>) -> Result<CommandId, String> {
    let refused = |s: &mut Server, command: Option<CommandId>, words: String| {
        if let Some(command) = command {
            s.stats.command(command).rejected += 1;
        }
        s.stats.error(&words);
        words
    };
    let command = match call::find(&s.commands, argv) {
        Ok(command) => command,
        Err(CmdError::Arity(_)) => {
            let words = "ERR Wrong number of args calling Redis command from script";
            return Err(refused(s, None, words.to_owned()));
        }
        Err(_) => {
            let words = "ERR Unknown Redis command called from script";
            return Err(refused(s, None, words.to_owned()));
        }
    };
    match check(s, command, argv) {
        Ok(()) => Ok(command),
        Err(error) => Err(refused(s, Some(command), error.text().into_owned())),
    }
}

fn check(s: &mut Server, command: CommandId, argv: &Argv<'_>) -> Result<(), CmdError> {
    let spec = s.commands.row(command).spec;
    if !spec.arity_fits(argv.len()) {
        return Err(CmdError::Msg("Wrong number of args calling Redis command from script"));
    }
    if spec.flags.has(flag::NOSCRIPT) && !s.scripting.denies_none {
        return Err(CmdError::Msg("This Redis command is not allowed from script"));
    }
    let running = s.scripting.running.as_ref();
    let of_it = |it: &Running| (it.read_only, it.obeyed, it.wrote, it.flags);
    let (read_only, obeyed, wrote, said) = running.map(of_it).unwrap_or_default();
    let writes = spec.flags.has(flag::WRITE) || spec.flags.has(flag::MAY_REPLICATE);
    if writes && read_only {
        return Err(CmdError::Msg("Write commands are not allowed from read-only scripts."));
    }
    if obeyed {
        return Ok(());
    }
    // What was begun is not left half done.
    if spec.flags.has(flag::WRITE) && !wrote {
        gate::may_write(s)?;
    }
    if gate::is_stale(s) && !spec.flags.has(flag::STALE) {
        return Err(CmdError::Msg("Can not execute the command on a stale replica"));
    }
    let may_grow = wrote || said.has(flags::ALLOW_OOM);
    if spec.flags.has(flag::DENYOOM) && !may_grow && !evict::may_grow(s) {
        return Err(evict::OUT_OF_MEMORY);
    }
    Ok(())
}

/// What loads a library: it runs no commands, and not for long.
#[derive(Debug)]
pub(super) struct LoadCaller<'a> {
    pub(super) s: &'a Server,
    pub(super) began: u64,
    /// Milliseconds it may take.
    pub(super) limit_ms: u64,
}

impl Caller for LoadCaller<'_> {
    fn call(&mut self, _: &Argv<'_>, _: How) -> Result<&[u8], String> {
        Err("ERR redis.call can only be called inside a function".to_owned())
    }

    fn may_call(&mut self, _: &Argv<'_>) -> Option<bool> {
        None
    }

    fn is_due(&mut self) -> bool {
        false
    }

    fn poll(&mut self) -> Turn {
        let nanos = self.s.timer.nanos(self.s.timer.now().wrapping_sub(self.began));
        if nanos / 1_000_000 < self.limit_ms {
            Turn::GoOn
        } else {
            Turn::End("FUNCTION LOAD timeout")
        }
    }

    fn clock_us(&mut self) -> u64 {
        0
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        log(level, text);
    }
}

/// Shows a command that runs a script to monitors, before those that the script runs.
pub(super) fn tell_monitors(s: &mut Server, id: ClientId, argv: &Argv<'_>) {
    if !s.monitors.is_empty()
        && let Some(command) = s.clients.running(id).last_command
    {
        let spec = s.commands.row(command).spec;
        limits::show(s, id, spec, argv);
    }
}
