//! One turn of a connection: parse what was read, fetch ahead what it will touch, run it.

use super::{call, evict_clients, held, limits, pause, throttle, tracking};
use crate::client::{ClientId, Closing, Kind, ReplyMode};
use crate::resp::{Argv, CmdError, Limits, Parsed, Parser, ProtocolError, Span};
use crate::server::Server;
use crate::spec::{Begin, CommandId, KeySpec};
use crate::stdx::words;
use bytes::Bytes;

/// Commands parsed ahead of running, whose keys are fetched ahead together.
const BATCH: usize = 32;
/// Commands of one client run before others have their turn.
const TURN_MAX: usize = 512;
/// How long its commands run before that; the one that is running is not cut short.
const TURN_NANOS: u64 = 1_000_000;
/// Room for spans that is kept from turn to turn.
const SPANS_KEPT: usize = 4096;

/// Buffers reused from turn to turn.
#[derive(Debug, Default)]
pub struct Scratch {
    spans: Vec<Span>,
    batch: Vec<Planned>,
}

/// A command parsed and not yet run.
#[derive(Debug)]
struct Planned {
    /// Its offset in the input, and that behind it.
    start: usize,
    end: usize,
    /// Its spans' range; one span, the whole line, if `quoted`.
    first: usize,
    last: usize,
    quoted: bool,
    /// The command, if it was looked up and found already.
    found: Option<CommandId>,
    key_hash: Option<u64>,
}

/// Why a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The input from the given offset on is no whole command.
    NeedsInput,
    /// More commands are there, but it is others' turn.
    Again,
    /// The client waits, or is being closed.
    Stopped,
}

/// What stopped the parser.
#[derive(Debug)]
enum Stop {
    /// As many commands as go together.
    Full,
    /// The rest of the input is no whole command.
    Incomplete,
    Broken(ProtocolError),
}

/// Runs the commands in `input`; answers how many bytes of it were used up, and why it ended.
/// What is left belongs in front of what the client sends next.
pub fn run(s: &mut Server, id: ClientId, input: &[u8], scratch: &mut Scratch) -> (usize, Ended) {
    let began = s.timer.now();
    s.last_tick = began;
    let result = run_commands(s, id, input, scratch, began);
    tracking::end_turn(s, Some(id));
    limits::end_turn(s, id);
    evict_clients::end_turn(s, id, input.len() - result.0);
    s.clients.running(id).query.running = 0;
    scratch.spans.shrink_to(SPANS_KEPT);
    s.stats.turns += 1;
    s.stats.turn_nanos += s.timer.nanos(s.last_tick.wrapping_sub(began));
    result
}

fn run_commands(
    s: &mut Server,
    id: ClientId,
    input: &[u8],
    scratch: &mut Scratch,
    began: u64,
) -> (usize, Ended) {
    let mut used = 0;
    let mut ran = 0;
    s.clients.running(id).query.running = input.len();
    loop {
        let session = s.clients.running(id);
        if !session.may_go_on() {
            return (used, Ended::Stopped);
        }
        if ran >= TURN_MAX {
            return (used, Ended::Again);
        }
        let mut parser = std::mem::take(&mut session.query.parser);
        let apart = std::mem::take(&mut session.query.apart);
        let (planned_to, stop) = plan(s, id, input, used, &mut parser, scratch);
        if scratch.batch.len() > 1 {
            fetch_ahead(s, id, input, &apart, scratch);
        }
        ran += scratch.batch.len();
        if let Some((number, ended)) = run_batch(s, id, input, &apart, scratch, began) {
            return (put_back(s, id, apart, scratch, number), ended);
        }
        used = planned_to;
        match stop {
            Stop::Full => {}
            Stop::Incomplete => {
                let query = &mut s.clients.running(id).query;
                query.parser = parser;
                if scratch.batch.is_empty() {
                    query.apart = apart;
                }
                return (used, Ended::NeedsInput);
            }
            Stop::Broken(error) => {
                protocol_error(s, id, &error);
                return (used, Ended::Stopped);
            }
        }
    }
}

/// Parses commands of `input` from offset `at` on; answers the offset behind the last of them.
fn plan(
    s: &mut Server,
    id: ClientId,
    input: &[u8],
    mut at: usize,
    parser: &mut Parser,
    scratch: &mut Scratch,
) -> (usize, Stop) {
    scratch.spans.clear();
    scratch.batch.clear();
    let authenticated = s.clients.running(id).flags.authenticated;
    let limits = Limits { bulk_max: s.config.proto_max_bulk_len as usize, authenticated };
    // AUTH and HELLO change what the next command may be.
    let most = if authenticated { BATCH } else { 1 };
    while scratch.batch.len() < most {
        let first = scratch.spans.len();
        let (end, quoted) = match parser.next(input, at, limits, &mut scratch.spans) {
            Ok(Parsed::Command { end }) => (end, false),
            Ok(Parsed::Quoted { end }) => (end, true),
            Ok(Parsed::Nothing { end }) => {
                at = end;
                continue;
            }
            Ok(Parsed::Incomplete { wanted }) => {
                s.clients.running(id).query.wanted = wanted;
                return (at, Stop::Incomplete);
            }
            Err(error) => return (at, Stop::Broken(error)),
        };
        if quoted {
            scratch.spans.push(Span { start: at as u32, len: (end - at) as u32 });
        }
        let last = scratch.spans.len();
        scratch.batch.push(Planned {
            start: at,
            end,
            first,
            last,
            quoted,
            found: None,
            key_hash: None,
        });
        at = end;
    }
    (at, Stop::Full)
}

/// Looks up the commands of a batch and fetches the memory of their first keys: all buckets, then
/// all entries, so that the cache misses of a pipeline overlap.
fn fetch_ahead(s: &mut Server, id: ClientId, input: &[u8], apart: &[Bytes], scratch: &mut Scratch) {
    let Scratch { spans, batch } = scratch;
    let database = s.keyspace.database(s.clients.running(id).db);
    for planned in batch.iter_mut().filter(|p| !p.quoted) {
        let argv = Argv::new(input, &spans[planned.first..planned.last]).with_apart(apart);
        let Ok(command) = call::find(&s.commands, &argv) else { continue };
        planned.found = Some(command);
        let has_key = matches!(
            s.commands.row(command).spec.keys,
            [KeySpec { begin: Begin::Index(1), .. }, ..]
        );
        if let Some(key) = argv.get(1).filter(|_| has_key) {
            planned.key_hash = Some(database.prefetch_bucket(key));
        }
    }
    for hash in batch.iter().filter_map(|p| p.key_hash) {
        database.prefetch_entry(hash);
    }
}

/// Runs a batch; answers the number of the first command that was not run, if any, and why.
fn run_batch(
    s: &mut Server,
    id: ClientId,
    input: &[u8],
    apart: &[Bytes],
    scratch: &Scratch,
    began: u64,
) -> Option<(usize, Ended)> {
    for (number, planned) in scratch.batch.iter().enumerate() {
        if !s.clients.running(id).may_go_on() {
            return Some((number, Ended::Stopped));
        }
        if s.timer.nanos(s.last_tick.wrapping_sub(began)) > TURN_NANOS {
            return Some((number, Ended::Again));
        }
        let spans = &scratch.spans[planned.first..planned.last];
        if planned.quoted {
            let line = &input[spans[0].start as usize..][..spans[0].len as usize];
            if !run_quoted(s, id, line) {
                return Some((number, Ended::Stopped));
            }
            continue;
        }
        let argv = Argv::new(input, spans).with_apart(apart);
        let argv = argv.with_first_key_hash(planned.key_hash);
        if !may_run(s, id, &argv, planned.found) {
            return Some((number, Ended::Stopped));
        }
        match planned.found {
            Some(command) => call::run_found(s, id, &argv, Ok(command)),
            None => call::process(s, id, &argv),
        }
    }
    None
}

/// Leaves the commands from number `stopped` on for when the client goes on; answers the offset of
/// the first. They are parsed anew then, but for the one whose arguments do not all lie in the
/// input: only the first can have such.
fn put_back(
    s: &mut Server,
    id: ClientId,
    apart: Vec<Bytes>,
    scratch: &Scratch,
    stopped: usize,
) -> usize {
    let planned = &scratch.batch[stopped];
    if stopped == 0 && !apart.is_empty() {
        let spans = &scratch.spans[planned.first..planned.last];
        let query = &mut s.clients.running(id).query;
        query.parser = Parser::complete(spans, planned.start, planned.end);
        query.apart = apart;
    }
    planned.start
}

/// Runs an inline command whose words have to be made first; false if it has to wait.
fn run_quoted(s: &mut Server, id: ClientId, line: &[u8]) -> bool {
    let Some(words) = words::split(line) else {
        protocol_error(s, id, &ProtocolError::UnbalancedQuotes);
        return true;
    };
    let (buf, spans) = pack(&words);
    let argv = Argv::new(&buf, &spans);
    if argv.is_empty() {
        return true;
    }
    let may_run = may_run(s, id, &argv, None);
    if may_run {
        call::process(s, id, &argv);
    }
    may_run
}

/// Whether nothing holds the client's next command back.
#[inline]
fn may_run(s: &mut Server, id: ClientId, argv: &Argv<'_>, found: Option<CommandId>) -> bool {
    pause::may_run(s, id, argv, found)
        && held::may_run(s, id, argv, found)
        && throttle::may_run(s, id, argv, found)
}

/// Lays words out one behind the other, as an [`Argv`] wants them.
pub fn pack<W: AsRef<[u8]>>(words: &[W]) -> (Vec<u8>, Vec<Span>) {
    let mut buf = Vec::new();
    let mut spans = Vec::with_capacity(words.len());
    for word in words {
        spans.push(Span { start: buf.len() as u32, len: word.as_ref().len() as u32 });
        buf.extend_from_slice(word.as_ref());
    }
    (buf, spans)
}

/// Answers a request that breaks the protocol; the connection ends after that.
#[cold]
fn protocol_error(s: &mut Server, id: ClientId, error: &ProtocolError) {
    let session = s.clients.running(id);
    tracing::debug!(
        "Protocol error ({}) from client: id={} addr={}",
        error.text(),
        session.number,
        session.addr.peer()
    );
    let error = CmdError::err(format_args!("Protocol error: {}", error.text()));
    s.stats.error(&error.text());
    let session = s.clients.running(id);
    session.close(Closing::AfterReply);
    let (mark, is_replica) = (session.out.len(), session.kind == Kind::Replica);
    if session.reply_mode == ReplyMode::On {
        s.reply(id).error(&error);
    }
    if is_replica {
        limits::check_silence(s, id, mark);
    }
}
