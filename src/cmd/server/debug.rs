//! DEBUG: what tests need.

use super::config::rewrite_file;
use super::{digest, inspect};
use crate::client::{ClientId, Closing};
use crate::cmd::args::{Args, float, int, is};
use crate::cmd::{Command, DONE, Flow, Outcome, Run};
use crate::config::rewrite::Missing;
use crate::ds::dict::{DictStats, ResizePolicy};
use crate::effects::{Action, Reload};
use crate::keyspace::Event;
use crate::persist::aof::writer::Job;
use crate::resp::{Argv, CmdError, Resp};
use crate::server::Server;
use crate::spec::{Group, Spec, flag};
use crate::stdx::alloc;
use crate::stdx::num::parse_i64;
use std::fmt::Write;
use std::time::Duration;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "debug",
        summary: "A container for commands that help to test the server.",
        since: "1.0.0",
        group: Group::Server,
        flags: flag::ADMIN
            .with(flag::NOSCRIPT)
            .with(flag::LOADING)
            .with(flag::STALE)
            .with(flag::PROTECTED),
        system: true,
        ..Spec::CONTAINER
    },
    run: Run::Server(debug),
    ..Command::NEW
}];

/// One DEBUG subcommand: its word, how many arguments follow (at least, at most), what runs it.
type Subcommand = (&'static str, usize, usize, fn(&mut Server, ClientId, Args<'_>) -> Outcome);

static SUBCOMMANDS: &[Subcommand] = &[
    ("sleep", 1, 1, sleep),
    ("aof-flush-sleep", 1, 1, aof_flush_sleep),
    ("loadaof", 0, 0, loadaof),
    ("reload", 0, usize::MAX, reload),
    ("jmap", 0, 0, ok),
    ("set-active-expire", 1, 1, set_active_expire),
    ("set-disable-deny-scripts", 1, 1, set_disable_deny_scripts),
    ("object", 1, 2, inspect::object),
    ("config-rewrite-force-all", 0, 0, config_rewrite_force_all),
    ("sdslen", 1, 1, inspect::sdslen),
    ("listpack", 1, 1, inspect::listpack),
    ("quicklist", 1, 2, inspect::quicklist),
    ("digest", 0, 0, digest_all),
    ("digest-value", 0, usize::MAX, digest_value),
    ("stringmatch-len", 2, 2, stringmatch_len),
    ("protocol", 1, 1, protocol),
    ("error", 1, 1, error),
    ("log", 1, 1, log),
    ("dict-resizing", 1, 1, dict_resizing),
    ("replybuffer", 2, 2, replybuffer),
    ("replybuffer-peak-reset-time", 1, 1, ok),
    ("replybuffer-resizing", 1, 1, ok),
    ("quicklist-packed-threshold", 1, 1, inspect::packed_threshold),
    ("mallctl", 1, 1, mallctl),
    ("mallctl-str", 2, 2, mallctl_str),
    ("set-disable-deny-scripts", 1, 1, ok),
    ("set-skip-checksum-validation", 1, 1, set_skip_checksum_validation),
    ("pause-cron", 1, 1, pause_cron),
    ("populate", 1, 3, populate),
    ("htstats", 1, 2, htstats),
    ("structsize", 0, 0, structsize),
    ("change-repl-id", 0, 0, change_repl_id),
    ("replicate", 1, usize::MAX, replicate),
    ("panic", 0, 0, panic),
    ("segfault", 0, 0, segfault),
    ("help", 0, 0, help),
];

fn debug(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let args = Args::new(argv, 2);
    let found = SUBCOMMANDS.iter().find(|(word, least, most, _)| {
        is(&argv[1], word) && (*least..=*most).contains(&args.left())
    });
    match found {
        Some((_, _, _, run)) => run(s, id, args),
        None => {
            let word = String::from_utf8_lossy(&argv[1]).into_owned();
            Err(CmdError::err(format_args!(
                "unknown subcommand or wrong number of arguments for '{word}'. Try DEBUG HELP."
            )))
        }
    }
}

/// Takes what asks for nothing here: the thing it would change is not made so.
fn ok(s: &mut Server, id: ClientId, _: Args<'_>) -> Outcome {
    s.reply(id).ok();
    DONE
}

fn sleep(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let seconds = float(args.any()?).unwrap_or(0.0).clamp(0.0, 1e6);
    std::thread::sleep(Duration::from_secs_f64(seconds));
    s.reply(id).ok();
    DONE
}

fn reload(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let (mut save, mut how) = (true, Reload { flush: true, merge: false });
    while args.left() > 0 {
        if args.word("merge") {
            how.merge = true;
        } else if args.word("noflush") {
            how.flush = false;
        } else if args.word("nosave") {
            save = false;
        } else {
            const OPTIONS: &str =
                "DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
            return Err(CmdError::Msg(OPTIONS));
        }
    }
    if s.persist.loading.is_on() {
        return Err(CmdError::code("LOADING Redis is loading the dataset in memory"));
    }
    if s.clients.running(id).flags.deny_blocking {
        return Err(CmdError::Msg("DEBUG RELOAD can't be part of a transaction"));
    }
    s.effects.act(Action::Reload { client: id, save, how });
    Ok(Flow::Await)
}

fn aof_flush_sleep(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let micros = parse_i64(args.any()?).map_or(0, |n| n.max(0) as u64);
    s.persist.aof.ask(Job::Pause(Duration::from_micros(micros)));
    s.reply(id).ok();
    DONE
}

fn loadaof(s: &mut Server, id: ClientId, _: Args<'_>) -> Outcome {
    if s.persist.loading.is_on() {
        return Err(CmdError::code("LOADING Redis is loading the dataset in memory"));
    }
    if s.clients.running(id).flags.deny_blocking {
        return Err(CmdError::Msg("DEBUG LOADAOF can't be part of a transaction"));
    }
    s.effects.act(Action::ReloadLog { client: id });
    Ok(Flow::Await)
}

fn set_active_expire(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    s.active_expire = int(args.any()?).unwrap_or(0) != 0;
    // The timer begins anew with the nearest deadline.
    s.keyspace.shared.nearer_deadline = true;
    s.reply(id).ok();
    DONE
}

/// Lets scripts run commands that are not for them.
fn set_disable_deny_scripts(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    s.scripting.denies_none = int(args.any()?).unwrap_or(0) != 0;
    s.reply(id).ok();
    DONE
}

fn set_skip_checksum_validation(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    s.dumper.verify = int(args.any()?).unwrap_or(0) == 0;
    s.reply(id).ok();
    DONE
}

fn change_repl_id(s: &mut Server, id: ClientId, _: Args<'_>) -> Outcome {
    s.change_replication_id();
    s.reply(id).ok();
    DONE
}

/// Replicas are sent a command that is not run here, and need not be one.
fn replicate(s: &mut Server, id: ClientId, args: Args<'_>) -> Outcome {
    let db = s.clients.running(id).db;
    s.effects.tell_replicas(db, args.rest());
    s.reply(id).ok();
    DONE
}

/// A figure of the allocator. None can be set: some are addresses.
fn mallctl(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let name = String::from_utf8_lossy(args.any()?).into_owned();
    let figure = alloc::figure(&name);
    let figure = figure.ok_or(CmdError::Msg("No such file or directory"))?;
    s.reply(id).int(figure as i64);
    DONE
}

/// What the allocator does when told to, as far as it is of use here.
fn mallctl_str(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    if !(args.word("thread.tcache.flush") && args.word("void")) {
        return Err(CmdError::Msg("No such file or directory"));
    }
    alloc::flush_thread_cache();
    s.reply(id).ok();
    DONE
}

fn pause_cron(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    s.pause_cron = int(args.any()?).unwrap_or(0) != 0;
    s.reply(id).ok();
    DONE
}

fn config_rewrite_force_all(s: &mut Server, id: ClientId, _: Args<'_>) -> Outcome {
    rewrite_file(s, id, Missing::All)
}

fn digest_all(s: &mut Server, id: ClientId, _: Args<'_>) -> Outcome {
    let digest = digest::dataset(&s.keyspace);
    s.reply(id).simple(&digest);
    DONE
}

fn digest_value(s: &mut Server, id: ClientId, args: Args<'_>) -> Outcome {
    let db = s.clients.running(id).db;
    let database = s.keyspace.database(db);
    let digests: Vec<String> = args.rest().map(|key| digest::value(database.peek(key))).collect();
    let mut reply = s.reply(id);
    reply.array(digests.len());
    for digest in digests {
        reply.simple(&digest);
    }
    DONE
}

/// Matches a pattern against a run of one letter: how long the matcher takes is what is tested.
fn stringmatch_len(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    const LONGEST: i64 = 1 << 30;
    let length = args.int_in(0, LONGEST, CmdError::NotInteger)?;
    let text = vec![b'a'; length as usize];
    let matched = crate::stdx::glob::matches(args.any()?, &text, false);
    s.reply(id).int(i64::from(matched));
    DONE
}

fn protocol(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let kind = args.any()?.to_ascii_lowercase();
    let mut reply = s.reply(id);
    let v3 = reply.resp() == Resp::V3;
    match kind.as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.int(12345),
        b"double" => reply.double_text(b"3.141"),
        b"null" => reply.null(),
        b"array" | b"set" => {
            if kind == b"set" {
                reply.set(3)
            } else {
                reply.array(3)
            }
            (0..3).for_each(|i| reply.int(i));
        }
        b"map" => {
            reply.map(3);
            for i in 0..3 {
                reply.int(i);
                reply.bool(i == 1);
            }
        }
        b"attrib" => {
            if v3 {
                reply.attribute(1);
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.int(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" if !v3 => return Err(CmdError::Msg("RESP2 is not supported by this command")),
        b"push" => {
            reply.bulk(b"Some real reply following the push reply");
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.int(42);
        }
        b"true" => reply.bool(true),
        b"false" => reply.bool(false),
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        _ => {
            return Err(CmdError::Msg(
                "Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    DONE
}

/// The error is answered as any reply would be: it does not count as the command's failure.
fn error(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let text = String::from_utf8_lossy(args.any()?).into_owned();
    s.reply(id).error(&CmdError::Full(text.into()));
    DONE
}

fn log(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    tracing::warn!("DEBUG LOG: {}", String::from_utf8_lossy(args.any()?));
    s.reply(id).ok();
    DONE
}

fn dict_resizing(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let on = int(args.any()?).unwrap_or(0) != 0;
    let policy = if on { ResizePolicy::Enabled } else { ResizePolicy::Forbid };
    s.keyspace.set_resize_policy(policy);
    s.reply(id).ok();
    DONE
}

/// Replies are written to a buffer that all clients share, so there is none to resize.
fn replybuffer(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    if args.word("peak-reset-time") || args.word("resizing") {
        s.reply(id).ok();
        return DONE;
    }
    Err(CmdError::Msg(
        "unknown subcommand or wrong number of arguments for 'replybuffer'. Try DEBUG HELP.",
    ))
}

fn populate(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let positive = CmdError::Msg("value is out of range, must be positive");
    let count = args.int_in(0, i64::MAX, positive.clone())?;
    let prefix =
        args.next().map_or_else(|| "key".into(), |p| String::from_utf8_lossy(p).into_owned());
    let size = match args.left() {
        0 => None,
        _ => Some(args.int_in(0, s.config.proto_max_bulk_len as i64, positive)? as usize),
    };
    let db = s.clients.running(id).db;
    let dirty = s.keyspace.shared.dirty;
    for n in 0..count {
        let key = format!("{prefix}:{n}");
        let mut value = format!("value:{n}").into_bytes();
        if let Some(size) = size {
            value.resize(size, 0);
        }
        let mut db = s.keyspace.db(db);
        if db.edit(key.as_bytes()).map(crate::keyspace::Edit::unchanged).is_none() {
            db.set_string(key.as_bytes(), &value, None, Event::string("set"));
        }
    }
    // It counts as no change, so that replicas and the append-only file get nothing of it.
    s.keyspace.shared.dirty = dirty;
    s.reply(id).ok();
    DONE
}

fn htstats(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let index = args.int()?;
    let index = u32::try_from(index).ok().filter(|i| (*i as usize) < s.keyspace.len());
    let index = index.ok_or(CmdError::Msg("Out of range database"))?;
    let database = s.keyspace.database(index);
    let stats = database.dict_stats();
    let mut text = "[Dictionary HT]\n".to_owned();
    write_table(&mut text, &stats);
    let _ = write!(text, "[Expires HT]\n number of elements: {}\n", database.volatile());
    s.reply(id).verbatim("txt", text.as_bytes());
    DONE
}

fn write_table(text: &mut String, stats: &DictStats) {
    let _ = write!(
        text,
        "Hash table 0 stats (main hash table):\n table size: {}\n number of elements: {}\n \
         child buckets: {}\n",
        stats.buckets * 7,
        stats.items,
        stats.children,
    );
    if stats.old_buckets > 0 {
        let _ = write!(
            text,
            "Hash table 1 stats (rehashing from):\n table size: {}\n buckets moved: {}\n",
            stats.old_buckets * 7,
            stats.rehash_idx,
        );
    }
}

fn structsize(s: &mut Server, id: ClientId, _: Args<'_>) -> Outcome {
    let text = format!("bits:64 session:{}", size_of::<crate::client::Session>());
    s.reply(id).bulk(text.as_bytes());
    DONE
}

#[expect(clippy::panic, reason = "it is what was asked for")]
fn panic(_: &mut Server, _: ClientId, _: Args<'_>) -> Outcome {
    panic!("called by DEBUG PANIC")
}

fn segfault(s: &mut Server, id: ClientId, _: Args<'_>) -> Outcome {
    s.clients.running(id).close(Closing::Now);
    s.effects.act(Action::Crash);
    DONE
}

fn help(s: &mut Server, id: ClientId, _: Args<'_>) -> Outcome {
    s.reply(id).help(
        "debug",
        &[
            "AOF-FLUSH-SLEEP <microsec>",
            "    Pause so long before each write to the append-only file.",
            "CONFIG-REWRITE-FORCE-ALL",
            "    As CONFIG REWRITE, with the options that have their defaults.",
            "DICT-RESIZING <0|1>",
            "    Whether hash tables grow and shrink.",
            "DIGEST",
            "    A digest of the whole dataset, equal to that of a Redis with the same data.",
            "DIGEST-VALUE <key> [<key> ...]",
            "    A digest of each value.",
            "ERROR <string>",
            "    Answer this error.",
            "HTSTATS <dbid>",
            "    The hash table of a database.",
            "LISTPACK <key>",
            "    Write the listpack that holds a value to the log.",
            "LOADAOF",
            "    Load the append-only file in place of what is in memory.",
            "LOG <message>",
            "    Write to the log.",
            "MALLCTL <name>",
            "    A figure or setting of the allocator that is a number.",
            "MALLCTL-STR thread.tcache.flush VOID",
            "    Empty the thread's cache of free blocks.",
            "OBJECT <key>",
            "    A look at a key's value.",
            "PANIC",
            "    Crash by a panic.",
            "POPULATE <count> [<prefix>] [<size>]",
            "    Make so many string keys.",
            "PROTOCOL <type>",
            "    Answer a reply of this type.",
            "QUICKLIST <key>",
            "    Write the nodes of a list to the log.",
            "QUICKLIST-PACKED-THRESHOLD <size>",
            "    From which size on an element of a list has a node of its own; 0 as usual.",
            "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
            "    Save the data set and load it again; MERGE: over what is there, NOFLUSH: beside it, NOSAVE: \
             as it was saved last.",
            "REPLICATE <word> [<word> ...]",
            "    Send replicas a command that is not run here.",
            "SDSLEN <key>",
            "    Lengths and room of a string.",
            "SEGFAULT",
            "    Crash by a signal.",
            "SET-ACTIVE-EXPIRE <0|1>",
            "    Whether keys are removed at their deadline, or when they are next looked up.",
            "SLEEP <seconds>",
            "    Hold everything up.",
            "STRINGMATCH-LEN <len> <pattern>",
            "    Match a pattern against so many letters a.",
            "STRUCTSIZE",
            "    Sizes of the server's structures.",
        ],
    );
    DONE
}
