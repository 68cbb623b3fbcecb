//! MIGRATE: what it asks for, what of the data set it sends, and what goes when the other side has it.
//!
//! [`cluster::migrate`](crate::cluster::migrate) knows what is said; `net` makes the connection that
//! [`Action::Migrate`] asks for, and carries bytes between it and [`next`] and [`received`].

use super::{aof, call, gate, held, reconfigure, settle, tracking};
use crate::client::ClientId;
use crate::cluster::migrate::{Auth, Ended, Fault, Key, Migration, Request, Step, Target, Verdict};
use crate::cmd::args::{Args, int};
use crate::cmd::{Command, DONE, Flow, Outcome, Run};
use crate::effects::Action;
use crate::keyspace::{Event, Listener};
use crate::resp::{Argv, CmdError};
use crate::server::Server;
use crate::spec::{Group, Secrets, Spec, acl, arg, flag, key, keyword};
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

/// Where the key stands that is the only one.
const ONE_KEY: usize = 3;
/// Where the options begin.
const OPTIONS: usize = 6;
/// How long is waited where no time is asked for, ms.
const TIMEOUT_MS: u64 = 1000;
/// Values are encoded until there are so many bytes of them to be written.
const CHUNK: usize = 64 * 1024;

/// Nobody can wait there, and the server does not.
const NOT_HERE: CmdError = CmdError::Msg(
    "MIGRATE cannot move keys inside a transaction or a script: the server would wait for the target",
);

/// This command.
pub static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "migrate",
        summary: "Moves keys to another server.",
        since: "2.6.0",
        group: Group::Generic,
        complexity: "O(N) for the size of the values, and their way to the other server",
        arity: -6,
        flags: flag::WRITE.with(flag::MOVABLE_KEYS),
        acl: acl::KEYSPACE.with(acl::DANGEROUS),
        keys: &[
            key(ONE_KEY as u8).rw().access().delete(),
            keyword("KEYS", -2).to_end().rw().access().delete().incomplete(),
        ],
        all_keys: Some(|args| places_of_keys(&args.collect::<Vec<_>>())),
        args: &[
            arg::string("host"),
            arg::integer("port"),
            arg::one_of(
                "key_or_empty_string",
                &[arg::key("key"), arg::token("empty_string", "\"\"")],
            ),
            arg::integer("destination-db"),
            arg::integer("timeout"),
            arg::token("copy", "COPY").optional().since("3.0.0"),
            arg::token("replace", "REPLACE").optional().since("3.0.0"),
            arg::one_of(
                "authentication",
                &[
                    arg::string("password").after("AUTH").optional().since("4.0.7"),
                    arg::block(
                        "username_password",
                        &[arg::string("username"), arg::string("password")],
                    )
                    .after("AUTH2")
                    .optional()
                    .since("6.0.0"),
                ],
            )
            .optional(),
            arg::key_of("key", 1).after("KEYS").optional().multiple().since("3.0.6"),
        ],
        tips: &["nondeterministic_output"],
        history: &[
            ("3.0.0", "The COPY and REPLACE options."),
            ("3.0.6", "The KEYS option."),
            ("4.0.7", "The AUTH option."),
            ("6.0.0", "The AUTH2 option."),
        ],
        secrets: Secrets::After(&[("AUTH", 1), ("AUTH2", 2)]),
        ..Spec::NEW
    },
    run: Run::Server(migrate),
    ..Command::NEW
}];

/// Where the keys of MIGRATE stand; `None`, where both places for them are used.
fn places_of_keys(args: &[&[u8]]) -> Option<Range<usize>> {
    let mut at = OPTIONS;
    while let Some(word) = args.get(at) {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("keys") && !args[ONE_KEY].is_empty() => return None,
            () if is("keys") && at + 1 < args.len() => return Some(at + 1..args.len()),
            () if is("auth") => at += 2,
            () if is("auth2") => at += 3,
            () => at += 1,
        }
    }
    Some(ONE_KEY..ONE_KEY + 1)
}

/// What MIGRATE asks for, and where its keys stand.
fn parse(s: &Server, argv: &Argv<'_>) -> Result<(Request, Range<usize>), CmdError> {
    let mut args = Args::new(argv, OPTIONS);
    let (mut copies, mut replaces, mut auth) = (false, false, None);
    let mut keys = ONE_KEY..ONE_KEY + 1;
    while args.left() > 0 {
        if args.word("copy") {
            copies = true;
        } else if args.word("replace") {
            replaces = true;
        } else if args.word("auth") {
            auth = Some(Auth { user: None, password: args.any()?.to_vec() });
        } else if args.left() > 2 && args.word("auth2") {
            let user = Some(args.any()?.to_vec());
            auth = Some(Auth { user, password: args.any()?.to_vec() });
        } else if args.word("keys") {
            if !argv[ONE_KEY].is_empty() {
                return Err(CmdError::Msg(
                    "When using MIGRATE KEYS option, the key argument must be set to the empty string",
                ));
            }
            keys = args.position()..argv.len();
            break;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    let (timeout_ms, to_db) = (int(&argv[5])?, int(&argv[4])?);
    let to = Target {
        host: String::from_utf8_lossy(&argv[1]).into_owned(),
        // What is no port is one where nobody listens.
        port: std::str::from_utf8(&argv[2]).ok().and_then(|port| port.parse().ok()).unwrap_or(0),
        source: s.config.bind_source_addr.clone(),
        auth,
    };
    let timeout_ms = u64::try_from(timeout_ms).ok().filter(|ms| *ms > 0).unwrap_or(TIMEOUT_MS);
    Ok((Request { to, to_db, timeout_ms, copies, replaces }, keys))
}

fn migrate(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let (request, places) = parse(s, argv)?;
    let mut c = s.keys_ctx(id, argv);
    let mut seen = BTreeSet::new();
    let mut keys: Vec<Key> = Vec::new();
    for name in places.map(|at| &argv[at]) {
        if c.db.fetch(name).is_some() && seen.insert(name) {
            keys.push(name.into());
        }
    }
    if keys.is_empty() {
        c.reply.simple("NOKEY");
        return DONE;
    }
    let session = s.clients.running(id);
    if session.flags.deny_blocking {
        return Err(NOT_HERE);
    }
    s.migrations.add(id, session.db, request, keys);
    s.keyspace.shared.listen(Listener::Moving, true);
    begin_next(s);
    Ok(Flow::Await)
}

/// Has the next migration run, if one may.
fn begin_next(s: &mut Server) {
    if let Some(number) = s.migrations.begin_next() {
        s.effects.act(Action::Migrate(number));
    }
}

/// Where a migration goes, and how long each step of it may take.
pub fn target(s: &Server, number: u64) -> Option<(Target, Duration)> {
    let Request { to, timeout_ms, .. } = &s.migrations.get(number)?.request;
    Some((to.clone(), Duration::from_millis(*timeout_ms)))
}

/// Whether nothing may be sent or removed now: amid a script nobody sees what it has done so far, nor amid a load; and
/// while writing is paused no key goes.
pub fn must_wait(s: &Server) -> bool {
    s.scripting.is_suspended() || s.persist.loading.is_on() || s.pause.is_on(s.now_ms())
}

/// The connection of a migration is there, in database `db`, where that is known.
pub fn connected(s: &mut Server, number: u64, db: Option<i64>) {
    if let Some((migration, _)) = s.migrations.parts(number) {
        migration.handle_connected(db);
    }
}

/// What `net` does next for a migration.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Write these bytes, if there are any, and read answers.
    Talk(Vec<u8>),
    /// Look again after a while: others have much on the way.
    Later,
    /// It has ended. The connection is in this database, where it can be relied on.
    End(Option<i64>),
}

/// All that was handed out for a migration is written: what comes next.
pub fn next(s: &mut Server, number: u64) -> Next {
    s.migrations.set_outgoing(number, 0);
    let is_crowded = s.migrations.is_crowded();
    let now_ms = s.now_ms();
    let Server { migrations, keyspace, dumper, config, .. } = s;
    let Some((migration, moving)) = migrations.parts(number) else { return Next::End(None) };
    if migration.step() == Step::Send && is_crowded {
        return Next::Later;
    }
    let db = keyspace.db(migration.db);
    while migration.step() == Step::Send && migration.unwritten() < CHUNK {
        let Some(key) = migration.next_key() else { break };
        if !moving.sent(number, &key) {
            migration.note_error(changed(&key));
            moving.end(number, &key);
            continue;
        }
        // One whose time is over goes by itself.
        let Some(entry) = db.peek(&key) else {
            moving.end(number, &key);
            continue;
        };
        let ttl_ms = entry.deadline().map_or(0, |at| at.saturating_sub(now_ms).max(1));
        let payload = dumper.dump(entry, config.rdbcompression);
        migration.send(key, ttl_ms, &payload);
    }
    let out = migration.take_output();
    if out.is_empty() && migration.step() == Step::End {
        return Next::End(migration.selected());
    }
    migrations.set_outgoing(number, out.len());
    Next::Talk(out)
}

/// A key that changed while it was on its way.
fn changed(key: &Key) -> CmdError {
    let key = String::from_utf8_lossy(key);
    CmdError::err(format_args!(
        "The key '{key}' changed while it was migrated: it was not removed here"
    ))
}

/// Bytes came over the connection of a migration. Keys that the other side has now go.
///
/// # Errors
/// They are no answers.
pub fn received(s: &mut Server, number: u64, bytes: &[u8]) -> Result<(), Fault> {
    let Some((migration, moving)) = s.migrations.parts(number) else { return Ok(()) };
    let mut verdicts = Vec::new();
    let result = migration.handle_received(bytes, &mut verdicts);
    let mut taken = Vec::new();
    for Verdict { key, taken: is_taken } in verdicts {
        let unchanged = moving.end(number, &key);
        if is_taken && !migration.request.copies {
            match unchanged {
                true => taken.push(key),
                false => migration.note_error(changed(&key)),
            }
        }
    }
    if !taken.is_empty() {
        remove(s, number, &taken);
    }
    held::let_go(s);
    result.map_err(|_| Fault::Reading { again: false })
}

/// Removes keys that the other side has.
fn remove(s: &mut Server, number: u64, keys: &[Key]) {
    let refused = gate::may_write(s).err();
    let Some((migration, _)) = s.migrations.parts(number) else { return };
    if let Some(error) = refused {
        return migration.note_error(error);
    }
    let Migration { client, db: index, .. } = *migration;
    let recorded = s.keyspace.shared.recorded();
    let mut db = s.keyspace.db(index);
    let gone: Vec<_> = keys.iter().filter(|key| db.delete(key, Event::DEL)).collect();
    let client = Some(client).filter(|client| s.clients.get(*client).is_some());
    if s.effects.is_feeding() {
        let lazy = s.config.lazyfree_lazy_expire;
        call::collect_expired(&s.keyspace, recorded, lazy, &mut s.effects);
        if !gone.is_empty() {
            let words: Vec<&[u8]> =
                [&b"DEL"[..]].into_iter().chain(gone.iter().map(|key| &***key)).collect();
            s.effects.push(index, words.into_iter());
        }
        if let Some(client) = client {
            aof::wrote(s, client);
        }
    }
    settle::settle(s, client);
    tracking::end_turn(s, client);
}

/// The connection of a migration failed; whether it is to be tried again with another.
pub fn failed(s: &mut Server, number: u64, fault: Fault) -> bool {
    s.migrations.handle_fault(number, fault)
}

/// A migration has ended: its client is answered, and those go on who waited for it.
pub fn ended(s: &mut Server, number: u64) {
    let Some(Ended { client, answer }) = s.migrations.end(number) else { return };
    s.keyspace.shared.listen(Listener::Moving, !s.migrations.moving.is_empty());
    reconfigure::answer(s, client, answer);
    held::let_go(s);
    begin_next(s);
}
