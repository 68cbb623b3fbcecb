//! The primary's stream: its commands take the road that clients' commands take, and its bytes go on to those
//! who follow this server.
//!
//! A transaction is run as one, and counts as one: until EXEC has come the offset stands before MULTI, so that
//! a stream which breaks in between is gone on with from there.

use super::super::gate::administers;
use super::super::{call, held, limits, multi, pause, primary, save, settle, tracking};
use super::{Next, lose};
use crate::client::{ClientId, Kind, PeerAddr, Session};
use crate::config::PropagationError;
use crate::effects::Action;
use crate::repl::link::{Fault, Retry};
use crate::resp::{Argv, CmdError, Limits, Parsed, Span};
use crate::server::Server;
use crate::spec::{CommandId, flag};
use crate::stdx::words;

/// How long a slice of commands holds the loop.
const SLICE_NANOS: u64 = 1_000_000;
/// Bytes of the stream that are shown with a command that cannot be run.
const LATEST: usize = 256;
/// Between two complaints of a disk that fails, ms.
const COMPLAINT_MS: u64 = 10_000;
/// The stream is not read further while so much of a command is missing, bytes.
const COMMAND_MAX: usize = Span::BUFFER_MAX;
/// Room for input that is kept after a command that was larger, bytes.
const INPUT_KEPT: usize = 256 * 1024;

/// How a slice of the stream ended.
enum Slice {
    /// What is left is no whole command.
    Idle,
    /// It is others' turn.
    More,
    /// A snapshot, or the end of a pause, has to be waited for.
    Held,
    Broken(String),
}

/// The stream begins, or goes on, at the offset where this server stands.
pub(super) fn begin(s: &mut Server) {
    let now_ms = s.now_ms();
    let unknown = || (PeerAddr::Unix("".into()), -1);
    let (peer, fd) = s.repl.link.peer.take().unwrap_or_else(unknown);
    let mut session = Session::new(peer, fd, true, now_ms);
    session.kind = Kind::Primary;
    session.db = s.repl.link.db;
    // What came with the answer is gone on with at once.
    session.resumed = true;
    let client = s.clients.insert(session);
    s.repl.link.has_history = true;
    s.repl.link.begin_stream(client, now_ms);
    super::acknowledge(s);
}

/// Runs commands of the stream, as many as a slice of time allows.
pub(super) fn run(s: &mut Server, attempt: u64) -> Next {
    let Some(id) = s.repl.link.client else { return Next::Close };
    let input = std::mem::take(&mut s.repl.link.input);
    let mut spans = std::mem::take(&mut s.repl.link.spans);
    let (used, slice) = run_some(s, id, attempt, &input, &mut spans);
    tracking::end_turn(s, None);
    if s.repl.link.attempt() != attempt {
        return Next::Close;
    }
    spans.clear();
    s.repl.link.spans = spans;
    s.repl.link.input = input;
    s.repl.link.input.drain(..used);
    if s.repl.link.input.len() <= INPUT_KEPT {
        s.repl.link.input.shrink_to(INPUT_KEPT);
    }
    match slice {
        Slice::Idle => Next::Go,
        Slice::More => {
            s.clients.running(id).resumed = true;
            Next::Yield
        }
        // Its session is woken when the value is encoded, or the pause ends.
        Slice::Held => Next::Go,
        Slice::Broken(why) => {
            tracing::warn!("Protocol error from master: {why}");
            // What came before the fault may be wrong as well.
            s.repl.link.has_history = false;
            lose(s, &Fault::new(Retry::Late, "The stream is none of a primary."));
            Next::Close
        }
    }
}

fn run_some(
    s: &mut Server,
    id: ClientId,
    attempt: u64,
    input: &[u8],
    spans: &mut Vec<Span>,
) -> (usize, Slice) {
    let began = s.timer.now();
    s.last_tick = began;
    let mut parser = std::mem::take(&mut s.repl.link.parser);
    let limits = Limits { bulk_max: COMMAND_MAX, authenticated: true };
    let mut at = 0;
    let slice = loop {
        spans.clear();
        // Nobody types into the stream; and an empty line is no command.
        if input.get(at).is_some_and(|first| !b"*\r\n".contains(first)) {
            break Slice::Broken(format!("expected '*', got '{}'", input[at].escape_ascii()));
        }
        let end = match parser.next(input, at, limits, spans) {
            Ok(Parsed::Command { end }) => {
                let argv = Argv::new(input, spans);
                if !pause::may_run(s, id, &argv, None) || !held::may_run(s, id, &argv, None) {
                    // It is parsed anew when it may run.
                    break Slice::Held;
                }
                apply(s, id, &argv);
                end
            }
            Ok(Parsed::Nothing { end }) => end,
            Ok(Parsed::Quoted { .. }) => break Slice::Broken("an inline command".to_owned()),
            Ok(Parsed::Incomplete { wanted }) if wanted > COMMAND_MAX => {
                break Slice::Broken("too long a command".to_owned());
            }
            Ok(Parsed::Incomplete { wanted }) => {
                s.repl.link.parser = parser;
                s.repl.link.wanted = wanted;
                break Slice::Idle;
            }
            Err(error) => break Slice::Broken(error.text()),
        };
        // A command may have ended the connection.
        if s.repl.link.attempt() != attempt {
            break Slice::Idle;
        }
        pass_on(s, id, &input[at..end]);
        at = end;
        if s.timer.nanos(s.timer.now().wrapping_sub(began)) >= SLICE_NANOS {
            break Slice::More;
        }
        if s.clients.running(id).closing.is_some() {
            break Slice::More;
        }
    };
    (at, slice)
}

/// Bytes of the stream were run: they count, and go on to those who follow; those of a transaction when it is whole.
fn pass_on(s: &mut Server, id: ClientId, bytes: &[u8]) {
    s.stats.repl_in += bytes.len() as u64;
    let session = s.clients.running(id);
    let (amid, db) = (session.transaction.is_some(), session.db);
    let Server { repl, .. } = s;
    repl.link.db = db;
    if amid || !repl.link.pending.is_empty() {
        repl.link.pending.extend_from_slice(bytes);
        if amid {
            return;
        }
        let whole = std::mem::take(&mut repl.link.pending);
        primary::append(s, &whole);
        return;
    }
    primary::append(s, bytes);
}

/// Runs one command of the primary. No gate holds it back: it has run already, and what follows relies on it.
fn apply(s: &mut Server, id: ClientId, argv: &Argv<'_>) {
    let asks = |word: &[u8]| argv.get(1).is_some_and(|arg| arg.eq_ignore_ascii_case(word));
    if argv[0].eq_ignore_ascii_case(b"replconf") && asks(b"getack") {
        return super::acknowledge(s);
    }
    let command = match call::find(&s.commands, argv) {
        Ok(command) => command,
        Err(error) => return refused(s, id, None, error),
    };
    let spec = s.commands.row(command).spec;
    if !spec.arity_fits(argv.len()) {
        return refused(s, id, Some(command), CmdError::Arity(spec.name));
    }
    s.clients.running(id).last_command = Some(command);
    if administers(spec) {
        let error = CmdError::Msg("A primary does not administer its replicas");
        return refused(s, id, Some(command), error);
    }
    if spec.flags.has(flag::WRITE) {
        look_at_disk(s);
    }
    let errors = s.stats.error_replies;
    run_one(s, id, command, argv);
    if s.stats.error_replies > errors {
        let text = limits::first_error(s, id).unwrap_or_default();
        failed(s, Some(command), &text);
    }
    s.clients.running(id).out.truncate(0);
    settle::settle(s, Some(id));
}

fn run_one(s: &mut Server, id: ClientId, command: CommandId, argv: &Argv<'_>) {
    let session = s.clients.running(id);
    // The primary's clients have waited; nobody waits here.
    session.flags.deny_blocking = true;
    let in_transaction = session.transaction.is_some();
    if in_transaction && multi::queue(s, id, command, argv).is_ok_and(|queued| queued) {
        return;
    }
    // Keys go when the primary says so, and until then its commands find them.
    s.keyspace.shared.set_timeless(true);
    call::call(s, id, command, argv);
    s.keyspace.shared.set_timeless(false);
}

/// There is no such command here: a transaction that it is part of is not run.
#[cold]
fn refused(s: &mut Server, id: ClientId, command: Option<CommandId>, error: CmdError) {
    let error = multi::refused(s, id, command, error);
    s.stats.error(&error.text());
    failed(s, command, &error.text());
}

/// A command of the primary cannot be run here as it was there.
#[cold]
fn failed(s: &mut Server, command: Option<CommandId>, text: &str) {
    limits::complain(s, "replica", "master", text, command);
    let latest = s.repl.backlog.latest(LATEST);
    if !latest.is_empty() {
        tracing::warn!("Latest backlog is: '{}'", words::quote(&latest));
    }
    // What a replica's own clients wrote may well be in the way.
    let minds = s.config.propagation_error_behavior != PropagationError::Ignore;
    if minds && s.config.replica_read_only {
        tracing::warn!("This server ends: propagation-error-behavior does not let it go on so.");
        s.effects.act(Action::Exit(1));
    }
}

/// Where writes cannot be kept on disk, a replica goes on only if it is told to.
fn look_at_disk(s: &mut Server) {
    if !s.persist.aof.refuses && !save::refuses_writes(s) {
        return;
    }
    let now_ms = s.now_ms();
    if !s.config.replica_ignore_disk_write_errors {
        tracing::warn!("Replica was unable to write command to disk.");
        s.effects.act(Action::Exit(1));
        return;
    }
    if now_ms.saturating_sub(s.repl.link.complained_ms) >= COMPLAINT_MS {
        s.repl.link.complained_ms = now_ms;
        tracing::warn!("Replica is applying a command it is unable to write to disk.");
    }
}
