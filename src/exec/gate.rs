//! May it run now? The gates a command passes, in order; exceptions are flags of its row.

use super::{evict, multi, save, scripting};
use crate::client::{ClientId, Kind, Transaction};
use crate::config::Guard;
use crate::resp::{Argv, CmdError, Resp};
use crate::server::Server;
use crate::spec::{CommandFlags, CommandId, Spec, flag};

/// Lets a command through, or says why not.
///
/// # Errors
/// What the first gate that refuses it answers.
#[inline]
pub fn check(
    s: &mut Server,
    id: ClientId,
    command: CommandId,
    argv: &Argv<'_>,
) -> Result<(), CmdError> {
    let spec = s.commands.row(command).spec;
    let asked = Asked { spec, argv };
    let session = s.clients.running(id);
    let authenticated = session.flags.authenticated;
    let subscribed = session.kind == Kind::Pubsub && session.resp == Resp::V2;
    let follows = session.kind == Kind::Replica;
    arity(s, command, spec, argv)?;
    if !authenticated && !spec.flags.has(flag::NO_AUTH) {
        return Err(CmdError::code("NOAUTH Authentication required."));
    }
    protected(s, id, spec)?;
    if s.scripting.is_suspended() {
        scripting::may_run_beside(s, spec)?;
    }
    evict::gate(s, id, asked)?;
    if !s.persist.saving.last_ok {
        // PING tells those who watch over the server.
        let told = spec.name == "ping" || asked.flags(s, id).has(flag::WRITE);
        saved(s, told)?;
    }
    if s.persist.aof.refuses {
        log_failing(s, id, asked)?;
    }
    if s.config.min_replicas_to_write > 0 {
        let writes = asked.flags(s, id).has(flag::WRITE);
        followed(s, writes)?;
    }
    if !s.repl.is_primary() {
        of_replica(s, id, asked)?;
    }
    if subscribed && !spec.flags.has(flag::IN_PUBSUB) {
        return Err(not_while_subscribed(s, command));
    }
    if !s.repl.is_primary() {
        not_stale(s, id, asked)?;
    }
    loaded(s, id, spec)?;
    if follows {
        apart_from_keys(s, id, asked)?;
    }
    Ok(())
}

/// A command that wants to run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    spec: &'static Spec,
    argv: &'a Argv<'a>,
}

impl Asked<'_> {
    /// Its flags, as [`flags_of`] has them; EXEC has those of the commands it runs, too. To find out what a script says
    /// takes time, so this is asked where something may be refused.
    pub(super) fn flags(self, s: &mut Server, id: ClientId) -> CommandFlags {
        let own = flags_of(s, self.spec, self.argv);
        let queued = queued(s, id, self.spec);
        queued.map_or(own, |transaction| own | transaction.flags())
    }
}

/// What EXEC is to run; nothing for other commands.
pub(super) fn queued<'a>(s: &'a mut Server, id: ClientId, spec: &Spec) -> Option<&'a Transaction> {
    s.clients.running(id).transaction.as_deref().filter(|_| multi::is_exec(spec))
}

/// A command's flags, as the script or function has it that the command runs.
#[inline]
pub(super) fn flags_of(s: &Server, spec: &Spec, argv: &Argv<'_>) -> CommandFlags {
    if spec.flags.has(flag::COMPOSITE) { scripting::flags_of(s, spec, argv) } else { spec.flags }
}

/// Whether a command is for who administers this server, and so for nobody else's stream or log to give.
pub(super) fn administers(spec: &Spec) -> bool {
    spec.flags.has(flag::ADMIN) && !spec.flags.has(flag::WRITE) && spec.name != "replconf"
}

/// Whether a client only repeats what was decided elsewhere, so that nothing it says is refused for this server's
/// state: the log that is loaded, and the primary.
pub(super) fn is_obeyed(s: &mut Server, id: ClientId) -> bool {
    s.clients.running(id).kind == Kind::Primary || s.keyspace.shared.is_timeless()
}

/// With `min-replicas-to-write` nothing is written that too few replicas would have soon.
#[cold]
fn followed(s: &Server, writes: bool) -> Result<(), CmdError> {
    let (least, lag) = (s.config.min_replicas_to_write, s.config.min_replicas_max_lag);
    if lag == 0 || !writes || !s.repl.is_primary() {
        return Ok(());
    }
    if s.repl.replicas.good(lag, s.now_ms()) >= least as usize {
        return Ok(());
    }
    Err(CmdError::code("NOREPLICAS Not enough good replicas to write."))
}

/// The number of arguments is one the command takes.
#[inline]
fn arity(
    s: &Server,
    command: CommandId,
    spec: &'static Spec,
    argv: &Argv<'_>,
) -> Result<(), CmdError> {
    if spec.arity_fits(argv.len()) {
        return Ok(());
    }
    Err(CmdError::err(format_args!(
        "wrong number of arguments for '{}' command",
        s.command_name(command)
    )))
}

/// While the data set is being loaded, only what needs none of it runs.
#[inline]
fn loaded(s: &mut Server, id: ClientId, spec: &Spec) -> Result<(), CmdError> {
    if s.persist.loading.is_on() { wait_for_data(s, id, spec) } else { Ok(()) }
}

#[cold]
fn wait_for_data(s: &mut Server, id: ClientId, spec: &Spec) -> Result<(), CmdError> {
    let served = s.persist.loading.running.as_ref().is_some_and(|run| run.asynchronous);
    let queued = queued(s, id, spec);
    // The old data set is served while the new one is loaded beside it.
    if served {
        let flags = queued.map_or(spec.flags, |transaction| transaction.flags());
        let denied = flags.has(flag::NO_ASYNC_LOADING);
        return if denied { Err(LOADING) } else { Ok(()) };
    }
    let may_run = match queued {
        Some(transaction) => transaction.all_have(flag::LOADING),
        None => spec.flags.has(flag::LOADING),
    };
    if may_run {
        return Ok(());
    }
    Err(LOADING)
}

/// What is answered while a data set is being loaded.
const LOADING: CmdError = CmdError::code("LOADING Redis is loading the dataset in memory");

/// A replica takes its primary's writes, and no others unless it is told to.
#[cold]
fn of_replica(s: &mut Server, id: ClientId, asked: Asked<'_>) -> Result<(), CmdError> {
    if !s.config.replica_read_only {
        return Ok(());
    }
    if !asked.flags(s, id).has(flag::WRITE) {
        return Ok(());
    }
    Err(READ_ONLY)
}

/// What a replica answers who wants to write.
const READ_ONLY: CmdError = CmdError::code("READONLY You can't write against a read only replica.");

/// Whether what this server has may be too old to be told: it lost its primary, and is to say nothing then.
pub(super) fn is_stale(s: &Server) -> bool {
    !s.repl.is_primary() && !s.config.replica_serve_stale_data && !s.repl.link.is_up()
}

/// A replica gets what is written from the stream: on its connection nothing is read or written.
#[cold]
fn apart_from_keys(s: &mut Server, id: ClientId, asked: Asked<'_>) -> Result<(), CmdError> {
    let flags = asked.flags(s, id);
    let keys = [flag::READONLY, flag::WRITE, flag::MAY_REPLICATE];
    if keys.iter().any(|flag| flags.has(*flag)) {
        return Err(CmdError::Msg("Replica can't interact with the keyspace"));
    }
    Ok(())
}

/// Without a link to its primary a replica may have nothing to say.
#[cold]
fn not_stale(s: &mut Server, id: ClientId, asked: Asked<'_>) -> Result<(), CmdError> {
    if !is_stale(s) {
        return Ok(());
    }
    let queued_may = queued(s, id, asked.spec).map(|it| it.all_have(flag::STALE));
    let may = queued_may.unwrap_or_else(|| flags_of(s, asked.spec, asked.argv).has(flag::STALE));
    if may { Ok(()) } else { Err(STALE) }
}

/// What is answered then.
pub(super) const STALE: CmdError = CmdError::code(
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
);

/// A client of RESP2 that is subscribed gets messages where replies would be, so it may do little.
#[cold]
fn not_while_subscribed(s: &Server, command: CommandId) -> CmdError {
    CmdError::err(format_args!(
        "Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
         allowed in this context",
        s.command_name(command)
    ))
}

/// Where the last save failed nothing is written, so that somebody notices.
#[cold]
fn saved(s: &Server, told: bool) -> Result<(), CmdError> {
    const REFUSED: &str = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable \
                           to persist to disk. Commands that may modify the data set are disabled, \
                           because this instance is configured to report errors during writes if \
                           RDB snapshotting fails (stop-writes-on-bgsave-error option). Please \
                           check the Redis logs for details about the RDB error.";
    if s.persist.saving.last_ok || !told || !save::refuses_writes(s) {
        return Ok(());
    }
    Err(CmdError::code(REFUSED))
}

/// Whether a script, or a command of one, may write now.
///
/// # Errors
/// Nothing may be written.
pub(super) fn may_write(s: &mut Server) -> Result<(), CmdError> {
    if !s.repl.is_primary() && s.config.replica_read_only {
        return Err(READ_ONLY);
    }
    if s.config.min_replicas_to_write > 0 {
        followed(s, true)?;
    }
    saved(s, true)?;
    if s.persist.aof.refuses { Err(log_fails(s)) } else { Ok(()) }
}

/// What is answered while the append-only file cannot be written.
fn log_fails(s: &Server) -> CmdError {
    let why = s.persist.aof.refusal();
    CmdError::Full(format!("MISCONF Errors writing to the AOF file: {why}").into())
}

/// While the append-only file cannot be written nothing may change that would have to be in it. PING tells, for those
/// who look after the server by it.
#[cold]
fn log_failing(s: &mut Server, id: ClientId, asked: Asked<'_>) -> Result<(), CmdError> {
    if !asked.flags(s, id).has(flag::WRITE) && asked.spec.name != "ping" {
        return Ok(());
    }
    Err(log_fails(s))
}

/// DEBUG and MODULE run only where the configuration allows them.
#[inline]
fn protected(s: &mut Server, id: ClientId, spec: &Spec) -> Result<(), CmdError> {
    if !spec.flags.has(flag::PROTECTED) {
        return Ok(());
    }
    let local = s.clients.running(id).addr.is_local();
    let (option, guard) = match spec.name {
        "module" => ("enable-module-command", s.config.enable_module_command),
        _ => ("enable-debug-command", s.config.enable_debug_command),
    };
    if guard == Guard::Yes || (guard == Guard::Local && local) {
        return Ok(());
    }
    Err(CmdError::err(format_args!(
        "{} command not allowed. If the {option} option is set to \"local\", you can run it from \
         a local connection, otherwise you need to set this option in the configuration file, and \
         then restart the server.",
        spec.name.to_ascii_uppercase()
    )))
}
