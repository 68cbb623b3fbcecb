//! PSYNC and SYNC, with which a connection becomes a replica's, and REPLCONF, with which it says what it is.

use super::super::{failover, link, shutdown};
use super::{attach, name, sync, wait};
use crate::client::{Announced, ClientId, Content, Kind, ReplyMode};
use crate::cmd::args::int;
use crate::cmd::{Command, DONE, Outcome, Run, connection};
use crate::resp::{Argv, CmdError};
use crate::server::Server;
use crate::spec::{CommandFlags, Group, Spec, arg, flag};

/// Bytes that a replica's own address may have.
const ADDRESS_MAX: usize = 255;
/// Valkey's first version that writes RDB files of its own form. Redis tells no version.
const FIRST_WITH_ITS_OWN: u8 = 9;
/// What begins to follow is for administrators, and not part of a transaction.
const FOLLOWING: CommandFlags =
    flag::ADMIN.with(flag::NOSCRIPT).with(flag::NO_ASYNC_LOADING).with(flag::NO_MULTI);

/// These commands.
pub static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "psync",
            summary: "Begins to follow this server, where the replica left off.",
            since: "2.8.0",
            group: Group::Server,
            arity: -3,
            flags: FOLLOWING,
            args: &[arg::string("replicationid"), arg::integer("offset")],
            ..Spec::NEW
        },
        run: Run::Server(psync),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sync",
            summary: "Begins to follow this server, from a snapshot on.",
            since: "1.0.0",
            group: Group::Server,
            arity: 1,
            flags: FOLLOWING,
            ..Spec::NEW
        },
        run: Run::Server(sync_all),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "replconf",
            summary: "Says what a replica is, wants and has.",
            since: "3.0.0",
            group: Group::Server,
            complexity: "O(1)",
            arity: -1,
            flags: flag::ADMIN
                .with(flag::NOSCRIPT)
                .with(flag::LOADING)
                .with(flag::STALE)
                .with(flag::ALLOW_BUSY),
            system: true,
            ..Spec::NEW
        },
        run: Run::Server(replconf),
        ..Command::NEW
    },
];

fn psync(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let asks_to_lead = argv.get(3).is_some_and(|word| word.eq_ignore_ascii_case(b"failover"));
    if asks_to_lead && s.clients.running(id).kind != Kind::Replica {
        lead(s, id, &argv[1])?;
    }
    let Some(name) = may_follow(s, id)? else { return DONE };
    let offset = int(&argv[2]).inspect_err(|_| {
        tracing::warn!("Replica {name} asks for synchronization but with a wrong offset");
    })?;
    match place(s, &name, &argv[1], offset) {
        Ok(from) => go_on(s, id, &name, from),
        Err(Refused { counts }) => {
            s.repl.counts.refused += u64::from(counts);
            full_sync(s, id, false);
        }
    }
    DONE
}

/// The primary of this server asks it to lead, and to let it follow.
fn lead(s: &mut Server, id: ClientId, replid: &[u8]) -> Result<(), CmdError> {
    tracing::warn!("Failover request received for replid {}.", replid.escape_ascii());
    if s.repl.is_primary() {
        return Err(CmdError::Msg("PSYNC FAILOVER can't be sent to a master."));
    }
    if replid != s.repl.replid.as_bytes() {
        return Err(CmdError::Msg("PSYNC FAILOVER replid must match my replid."));
    }
    link::unfollow(s);
    let who = connection::describe(s, id);
    tracing::info!("MASTER MODE enabled (failover request from '{who}')");
    Ok(())
}

fn sync_all(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    if may_follow(s, id)?.is_some() {
        full_sync(s, id, true);
    }
    DONE
}

/// Whether a connection may become a replica's: what the log calls it, or nothing if it is one already.
fn may_follow(s: &mut Server, id: ClientId) -> Result<Option<String>, CmdError> {
    let session = s.clients.running(id);
    if session.kind == Kind::Replica {
        return Ok(None);
    }
    if !s.repl.is_primary() && !s.repl.link.is_up() {
        return Err(CmdError::code("NOMASTERLINK Can't SYNC while not connected with my master"));
    }
    let session = s.clients.running(id);
    if !session.out.is_empty() {
        return Err(CmdError::Msg("SYNC and PSYNC are invalid with pending output"));
    }
    let name = name(s, id);
    tracing::info!("Replica {name} asks for synchronization");
    Ok(Some(name))
}

/// That a replica cannot go on with the stream.
struct Refused {
    /// It asked for a place in a history; a new one names none.
    counts: bool,
}

/// Where in the stream a replica may go on that asks for the byte numbered `offset` of a history.
fn place(s: &Server, name: &str, replid: &[u8], offset: i64) -> Result<u64, Refused> {
    let repl = &s.repl;
    let second = repl.second_offset.unwrap_or(0) as i64;
    let is_first = replid == repl.replid.as_bytes();
    let is_second = repl.replid2.as_ref().is_some_and(|id| id.as_bytes() == replid);
    if !is_first && (!is_second || offset > second) {
        if replid == b"?" {
            tracing::info!("Full resync requested by replica {name}");
            return Err(Refused { counts: false });
        }
        if is_second {
            tracing::info!(
                "Partial resynchronization not accepted: Requested offset for second ID was {offset}, but I \
                 can reply up to {second}"
            );
        } else {
            let asked = String::from_utf8_lossy(replid);
            let none = "0".repeat(40);
            let (first, second) = (&repl.replid, repl.replid2.as_ref().unwrap_or(&none));
            tracing::info!(
                "Partial resynchronization not accepted: Replication ID mismatch (Replica asked for \
                 '{asked}', my replication IDs are '{first}' and '{second}')"
            );
        }
        return Err(Refused { counts: true });
    }
    // What is asked for is a byte, the first of them numbered 1.
    let from = u64::try_from(offset).ok().and_then(|offset| offset.checked_sub(1));
    from.filter(|from| repl.backlog.has(*from)).ok_or_else(|| {
        tracing::info!(
            "Unable to partial resync with replica {name} for lack of backlog (Replica request was: \
             {offset})."
        );
        if repl.backlog.is_kept() && offset > repl.offset() as i64 {
            tracing::warn!(
                "Warning: replica {name} tried to PSYNC with an offset that is greater than the master \
                 replication offset."
            );
        }
        Refused { counts: true }
    })
}

/// A replica goes on with the stream behind its byte number `from`.
fn go_on(s: &mut Server, id: ClientId, name: &str, from: u64) {
    attach(s, id, false);
    let now_ms = s.now_ms();
    if let Some(replica) = s.repl.replicas.find_mut(id) {
        replica.go_online(from, now_ms);
    }
    s.repl.counts.partial += 1;
    let session = s.clients.running(id);
    let with_id = session.announced.as_ref().is_some_and(|said| said.psync2);
    let answer = match with_id {
        true => format!("CONTINUE {}", s.repl.replid),
        false => "CONTINUE".to_owned(),
    };
    session.reply_mode = ReplyMode::On;
    s.reply(id).simple(&answer);
    let bytes = s.repl.offset() - from;
    tracing::info!(
        "Partial resynchronization request from {name} accepted. Sending {bytes} bytes of backlog starting \
         from offset {}.",
        from + 1
    );
}

/// A replica gets a snapshot.
fn full_sync(s: &mut Server, id: ClientId, legacy: bool) {
    attach(s, id, legacy);
    s.repl.counts.full += 1;
    s.clients.running(id).reply_mode = ReplyMode::On;
    let Server { repl, rng, .. } = s;
    if repl.keep_backlog(rng) {
        tracing::info!("Replication backlog created, my new replication ID is '{}'", repl.replid);
        s.follow_stream();
    }
    sync::asked(s, id);
}

fn replconf(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    if argv.len().is_multiple_of(2) {
        return Err(CmdError::Syntax);
    }
    let mut at = 1;
    while at < argv.len() {
        let (option, value) = (argv[at].to_ascii_lowercase(), &argv[at + 1]);
        match option.as_slice() {
            b"ack" => {
                let synced = argv.get(at + 2).zip(argv.get(at + 3));
                let synced = synced.filter(|(word, _)| word.eq_ignore_ascii_case(b"fack"));
                return acked(s, id, value, synced.map(|(_, offset)| offset));
            }
            // Only its primary asks a replica, and on the connection that the replica made.
            b"getack" => return DONE,
            _ => announce(s.clients.running(id).announced.get_or_insert_default(), &option, value)?,
        }
        at += 2;
    }
    s.reply(id).ok();
    DONE
}

/// Notes what a connection says of itself.
fn announce(said: &mut Announced, option: &[u8], value: &[u8]) -> Result<(), CmdError> {
    match option {
        b"listening-port" => said.port = int(value)?.try_into().unwrap_or(0),
        b"ip-address" if value.len() > ADDRESS_MAX => {
            return Err(CmdError::err(format_args!(
                "REPLCONF ip-address provided by replica instance is too long: {} bytes",
                value.len()
            )));
        }
        b"ip-address" => {
            let ip = String::from_utf8_lossy(value);
            said.ip = Some(ip.into_owned()).filter(|ip| !ip.is_empty());
        }
        // What else it can do is of no use here.
        b"capa" => {
            said.eof |= value.eq_ignore_ascii_case(b"eof");
            said.psync2 |= value.eq_ignore_ascii_case(b"psync2");
        }
        b"rdb-only" => match int(value)? {
            0 => said.rdb_only = false,
            1 => said.rdb_only = true,
            _ => {
                return Err(CmdError::Msg("value is out of range, value must between 0 and 1"));
            }
        },
        b"rdb-filter-only" => said.content = content(value)?,
        b"version" => {
            let text = String::from_utf8_lossy(value);
            let parts: Vec<u8> = text.split('.').filter_map(|part| part.parse().ok()).collect();
            let &[major, _, _] = parts.as_slice() else {
                return Err(CmdError::err(format_args!("Unrecognized version format: {text}")));
            };
            said.of_valkey = major >= FIRST_WITH_ITS_OWN;
        }
        _ => {
            let option = String::from_utf8_lossy(option);
            return Err(CmdError::err(format_args!("Unrecognized REPLCONF option: {option}")));
        }
    }
    Ok(())
}

/// The parts of a snapshot that are asked for by name.
fn content(words: &[u8]) -> Result<Content, CmdError> {
    let mut content = Content { data: false, functions: false };
    for word in words.split(|byte| *byte == b' ').filter(|word| !word.is_empty()) {
        if !word.eq_ignore_ascii_case(b"functions") {
            return Err(CmdError::err(format_args!(
                "Unsupported rdb-filter-only option: {}",
                String::from_utf8_lossy(word)
            )));
        }
        content.functions = true;
    }
    Ok(content)
}

/// A replica says how far it is, and how far its log. It is not answered.
fn acked(s: &mut Server, id: ClientId, offset: &[u8], synced: Option<&[u8]>) -> Outcome {
    let now_ms = s.now_ms();
    let Some(replica) = s.repl.replicas.find_mut(id) else { return DONE };
    let of = |text: &[u8]| int(text).ok().and_then(|offset| u64::try_from(offset).ok());
    let Some(offset) = of(offset) else { return DONE };
    replica.acked = replica.acked.max(Some(offset));
    replica.synced = replica.synced.max(synced.and_then(of));
    replica.acked_ms = now_ms;
    sync::stream_may_begin(s, id);
    wait::serve(s);
    failover::go_on(s);
    shutdown::go_on(s);
    DONE
}
