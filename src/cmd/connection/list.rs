//! CLIENT LIST and CLIENT KILL: clients chosen by filters.

use super::tracking;
use crate::client::{ClientId, Closing, Kind, Session, Topic, TrackingMode};
use crate::cmd::args::{Args, is};
use crate::cmd::{DONE, Flow, Outcome};
use crate::resp::{Argv, CmdError, Resp};
use crate::server::Server;
use std::fmt::Write;

/// One condition on a client.
#[derive(Debug, Clone)]
enum Filter {
    Ids(Vec<u64>),
    Kind(Kind),
    /// The only user there is.
    DefaultUser,
    Addr(Vec<u8>),
    Laddr(Vec<u8>),
    Ip(Vec<u8>),
    Name(Vec<u8>),
    IdleAtLeast(u64),
    AgeAtLeast(u64),
    Flags(Vec<u8>),
    LibName(Vec<u8>),
    LibVer(Vec<u8>),
    Db(u32),
    Capa(Vec<u8>),
}

/// Of the output that waits, so many bytes are shown as `obl`, the rest as `omem`: there is no such line in larder,
/// but who watches for slow readers watches `omem`.
const OUTPUT_SHOWN_FIRST: usize = 16 << 10;

/// Every letter that CLIENT LIST's `flags` may show.
const FLAGS: &[u8] = b"ABbcdeIiMNOPrStTUuxeg";

/// A filter, and whether it is to hold or not to.
#[derive(Debug)]
struct Condition {
    filter: Filter,
    negated: bool,
}

/// All conditions of a request.
#[derive(Debug, Default)]
struct Chosen {
    conditions: Vec<Condition>,
    skip_me: Option<bool>,
}

impl Chosen {
    fn parse(mut args: Args<'_>, databases: usize) -> Result<Self, CmdError> {
        let mut chosen = Self::default();
        while args.left() >= 2 {
            let word = args.any()?.to_ascii_lowercase();
            if word == b"skipme" {
                let yes = args.any()?;
                let no = is(yes, "no");
                if !no && !is(yes, "yes") {
                    return Err(CmdError::Syntax);
                }
                chosen.skip_me = Some(!no);
                continue;
            }
            let (negated, name) = match word.strip_prefix(b"not-") {
                Some(name) => (true, name),
                None => (false, word.as_slice()),
            };
            let filter = filter(name, &mut args, databases)?;
            chosen.conditions.push(Condition { filter, negated });
        }
        args.end()?;
        Ok(chosen)
    }

    fn pass(&self, session: &Session, me: bool, now: u64) -> bool {
        let skipped = me && self.skip_me == Some(true);
        !skipped && self.conditions.iter().all(|c| holds(&c.filter, session, now) != c.negated)
    }
}

fn filter(name: &[u8], args: &mut Args<'_>, databases: usize) -> Result<Filter, CmdError> {
    if name == b"id" {
        return ids(args);
    }
    let value = args.any()?;
    let text = || String::from_utf8_lossy(value).into_owned();
    let number = |words: String| {
        let n = crate::stdx::num::parse_i64(value).and_then(|n| u64::try_from(n).ok());
        n.ok_or_else(|| CmdError::err(words))
    };
    Ok(match name {
        b"type" => Filter::Kind(match value.to_ascii_lowercase().as_slice() {
            b"normal" => Kind::Normal,
            b"slave" | b"replica" => Kind::Replica,
            b"pubsub" => Kind::Pubsub,
            b"master" | b"primary" => Kind::Primary,
            _ => return Err(CmdError::err(format_args!("Unknown client type '{}'", text()))),
        }),
        b"user" if value == b"default" => Filter::DefaultUser,
        b"user" => return Err(CmdError::err(format_args!("No such user '{}'", text()))),
        b"addr" => Filter::Addr(value.to_vec()),
        b"laddr" => Filter::Laddr(value.to_vec()),
        b"ip" => Filter::Ip(value.to_vec()),
        b"name" => Filter::Name(value.to_vec()),
        b"idle" => Filter::IdleAtLeast(positive(number, "idle")?),
        b"maxage" => Filter::AgeAtLeast(positive(number, "maxage")?),
        b"flags" => match value.iter().find(|flag| !FLAGS.contains(flag)) {
            None => Filter::Flags(value.to_vec()),
            Some(_) => {
                return Err(CmdError::err(format_args!(
                    "Unknown flags found in the provided filter: {}",
                    text()
                )));
            }
        },
        b"lib-name" => Filter::LibName(value.to_vec()),
        b"lib-ver" => Filter::LibVer(value.to_vec()),
        b"db" => {
            let db = number("DB is not an integer or out of range".to_owned())?;
            let found = u32::try_from(db).ok().filter(|db| u64::from(*db) < databases as u64);
            Filter::Db(found.ok_or_else(|| {
                CmdError::err(format_args!("DB number should be between 0 and {}", databases - 1))
            })?)
        }
        b"capa" => Filter::Capa(value.to_vec()),
        _ => return Err(CmdError::Syntax),
    })
}

/// A number of seconds, at least one.
fn positive(number: impl Fn(String) -> Result<u64, CmdError>, name: &str) -> Result<u64, CmdError> {
    let seconds = number(format!("{name} is not an integer or out of range"))?;
    if seconds == 0 {
        return Err(CmdError::err(format_args!("{name} should be greater than 0")));
    }
    Ok(seconds)
}

/// One id or more, up to the next word.
fn ids(args: &mut Args<'_>) -> Result<Filter, CmdError> {
    let mut ids = Vec::new();
    while let Some(arg) = args.peek() {
        match crate::stdx::num::parse_i64(arg) {
            Some(n) => ids.push(u64::try_from(n).unwrap_or(0)),
            None if ids.is_empty() => return Err(CmdError::Msg("Invalid client ID")),
            None => break,
        }
        args.any()?;
    }
    Ok(Filter::Ids(ids))
}

fn holds(filter: &Filter, session: &Session, now: u64) -> bool {
    let seconds_since = |ms: u64| now.saturating_sub(ms) / 1000;
    let names = session.names.as_deref();
    let shown = |name: Option<&Vec<u8>>, wanted: &[u8]| name.map_or(&[][..], |n| n) == wanted;
    match filter {
        Filter::Ids(ids) => ids.contains(&session.number),
        Filter::Kind(kind) => session.kind == *kind,
        Filter::DefaultUser => session.flags.authenticated,
        Filter::Addr(addr) => session.addr.peer().as_bytes() == addr,
        Filter::Laddr(addr) => session.addr.local().as_bytes() == addr,
        Filter::Ip(ip) => session.addr.ip().is_some_and(|a| a.to_string().as_bytes() == ip),
        Filter::Name(name) => session.name() == name,
        Filter::IdleAtLeast(seconds) => seconds_since(session.active_ms) >= *seconds,
        Filter::AgeAtLeast(seconds) => seconds_since(session.connected_ms) >= *seconds,
        Filter::Flags(wanted) => {
            let flags = flags(session);
            wanted.iter().all(|flag| flags.as_bytes().contains(flag))
        }
        Filter::LibName(name) => shown(names.map(|n| &n.lib_name), name),
        Filter::LibVer(version) => shown(names.map(|n| &n.lib_ver), version),
        Filter::Db(db) => session.db == *db,
        Filter::Capa(capa) => {
            !capa.is_empty() && capa.iter().all(|c| *c == b'r') && session.flags.capa_redirect
        }
    }
}

pub(super) fn list(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let chosen = Chosen::parse(Args::new(argv, 2), s.keyspace.len())?;
    let now = s.now_ms();
    let mut lines = String::new();
    for client in s.clients.ids_by_age() {
        let Some(session) = s.clients.get(client) else { continue };
        if chosen.pass(session, client == id, now) {
            lines.push_str(&describe(s, client));
            lines.push('\n');
        }
    }
    s.reply(id).verbatim("txt", lines.as_bytes());
    DONE
}

pub(super) fn kill(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    if argv.len() == 3 {
        return kill_one(s, id, &argv[2]);
    }
    let chosen = Chosen::parse_kill(argv, s.keyspace.len())?;
    let now = s.now_ms();
    let passes =
        |(client, session): &(ClientId, &Session)| chosen.pass(session, *client == id, now);
    let doomed: Vec<_> = s.clients.iter().filter(passes).map(|(client, _)| client).collect();
    s.reply(id).len(doomed.len());
    close(s, doomed, id)
}

impl Chosen {
    /// KILL spares the caller unless SKIPME no, and takes no id below 1.
    fn parse_kill(argv: &Argv<'_>, databases: usize) -> Result<Self, CmdError> {
        const BELOW_ONE: CmdError = CmdError::Msg("client-id should be greater than 0");
        let mut chosen =
            Self::parse(Args::new(argv, 2), databases).map_err(|error| match error {
                CmdError::Msg("Invalid client ID") => BELOW_ONE,
                error => error,
            })?;
        for condition in &chosen.conditions {
            if matches!(&condition.filter, Filter::Ids(ids) if ids.contains(&0)) {
                return Err(BELOW_ONE);
            }
        }
        chosen.skip_me.get_or_insert(true);
        Ok(chosen)
    }
}

/// The old form: by the address alone, the caller included.
fn kill_one(s: &mut Server, id: ClientId, addr: &[u8]) -> Outcome {
    let found = s.clients.iter().find(|(_, c)| c.addr.peer().as_bytes() == addr);
    let client = found.map(|(client, _)| client).ok_or(CmdError::Msg("No such client"))?;
    s.reply(id).ok();
    close(s, vec![client], id)
}

/// Closes at once, but for the caller, who still reads the reply.
fn close(s: &mut Server, mut doomed: Vec<ClientId>, caller: ClientId) -> Outcome {
    if let Some(at) = doomed.iter().position(|client| *client == caller) {
        doomed.swap_remove(at);
        s.clients.running(caller).close(Closing::AfterReply);
    }
    Ok(Flow::End(doomed))
}

/// The letters of CLIENT LIST's `flags`.
fn flags(session: &Session) -> String {
    let mut flags = String::new();
    let tracking = session.tracking.as_ref();
    let letters = [
        (session.flags.monitor, 'O'),
        (session.kind == Kind::Replica && !session.flags.monitor, 'S'),
        (session.kind == Kind::Primary, 'M'),
        (session.kind == Kind::Pubsub, 'P'),
        (session.transaction.is_some(), 'x'),
        (session.is_waiting(), 'b'),
        (tracking.is_some(), 't'),
        (tracking.is_some_and(|t| t.is_broken), 'R'),
        (tracking.is_some_and(|t| t.mode == TrackingMode::Broadcast), 'B'),
        (session.flags.watch_broken, 'd'),
        (session.closing == Some(Closing::AfterReply), 'c'),
        (session.closing == Some(Closing::Now), 'A'),
        (matches!(session.addr, crate::client::PeerAddr::Unix(_)), 'U'),
        (session.flags.no_evict, 'e'),
        (session.flags.no_touch, 'T'),
    ];
    flags.extend(letters.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter));
    if flags.is_empty() {
        flags.push('N');
    }
    flags
}

/// A client's line of CLIENT LIST, without its end.
pub fn describe(s: &Server, id: ClientId) -> String {
    let Some(c) = s.clients.get(id) else { return String::new() };
    let now = s.now_ms();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let names = c.names.as_deref().cloned().unwrap_or_default();
    let command = c.last_command.map_or("NULL", |command| s.command_name(command));
    // A replica's output is a place in the stream, which lies with the server.
    let streamed = s.repl.replicas.find(id).map_or(0, |it| it.pending(s.repl.offset()) as usize);
    let events = if c.out.is_empty() && streamed == 0 { "r" } else { "rw" };
    let subscriptions = |topic| c.subscriptions.as_ref().map_or(0, |all| all.count(topic));
    // The buffer that the reply to the running command goes to is nobody's own.
    let lent = if c.out.is_empty() { c.out.memory() } else { 0 };
    let mut line = String::with_capacity(400);
    let _ = write!(
        line,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={}",
        c.number,
        c.addr.peer(),
        c.addr.local(),
        c.fd,
        text(&names.name),
        now.saturating_sub(c.connected_ms) / 1000,
        now.saturating_sub(c.active_ms) / 1000,
        flags(c),
        c.db,
    );
    let _ = write!(
        line,
        " sub={} psub={} ssub={} multi={} qbuf={} qbuf-free={} argv-mem={} multi-mem={} \
         rbs={} rbp={} obl={} oll={} omem={} tot-mem={} events={events} cmd={command} \
         user=default redir={} resp={} lib-name={} lib-ver={} watch={} capa={} tot-net-in={} \
         tot-net-out={} tot-cmds={}",
        subscriptions(Topic::Channel),
        subscriptions(Topic::Pattern),
        subscriptions(Topic::Shard),
        c.transaction.as_ref().map_or(-1, |t| t.len() as i64),
        c.query.unparsed(),
        c.query.buf.capacity() - c.query.buf.len(),
        c.arguments(),
        c.transaction.as_ref().map_or(0, |t| t.memory()),
        c.out.tail_capacity(),
        c.out.tail_capacity(),
        c.out.len().min(OUTPUT_SHOWN_FIRST),
        c.out.segments()
            + usize::from(c.out.len() > OUTPUT_SHOWN_FIRST)
            + usize::from(streamed > 0),
        c.out.len().saturating_sub(OUTPUT_SHOWN_FIRST) + streamed,
        c.memory() - lent + streamed,
        tracking::redirect(c),
        if c.resp == Resp::V3 { 3 } else { 2 },
        text(&names.lib_name),
        text(&names.lib_ver),
        c.watched.len(),
        if c.flags.capa_redirect { "r" } else { "" },
        c.traffic.net_in,
        c.traffic.net_out,
        c.traffic.commands,
    );
    line
}
