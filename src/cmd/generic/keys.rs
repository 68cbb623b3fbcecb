//! Keys as such: their existence, their names, all of them at once.

use crate::cmd::args::Args;
use crate::cmd::scan::{self, Extra, ScanOptions};
use crate::cmd::{Command, DONE, Flow, Outcome, Run};
use crate::effects::Action;
use crate::keyspace::Event;
use crate::resp::{Argv, Bulks, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key, range};
use crate::stdx::glob;
use crate::types::{Entry, Type};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "del",
            summary: "Deletes keys.",
            since: "1.0.0",
            group: Group::Generic,
            complexity: "O(N) for N keys",
            arity: -2,
            flags: flag::WRITE,
            acl: acl::KEYSPACE,
            keys: &[range(1, -1, 1).rm().delete()],
            args: &[arg::key("key").multiple()],
            tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
            ..Spec::NEW
        },
        run: Run::Keys(del),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "unlink",
            summary: "Deletes keys and leaves the freeing of their values to another thread.",
            since: "4.0.0",
            group: Group::Generic,
            complexity: "O(1) for each key, the freeing aside",
            arity: -2,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::KEYSPACE,
            keys: &[range(1, -1, 1).rm().delete()],
            args: &[arg::key("key").multiple()],
            tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
            ..Spec::NEW
        },
        run: Run::Keys(unlink),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "exists",
            summary: "Counts which of the keys exist.",
            since: "1.0.0",
            group: Group::Generic,
            complexity: "O(N) for N keys",
            arity: -2,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::KEYSPACE,
            keys: &[range(1, -1, 1).ro()],
            args: &[arg::key("key").multiple()],
            tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
            history: &[("3.0.3", "Several keys at once.")],
            ..Spec::NEW
        },
        run: Run::Keys(exists),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "type",
            summary: "Names the type of the value a key holds.",
            since: "1.0.0",
            group: Group::Generic,
            complexity: "O(1)",
            arity: 2,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::KEYSPACE,
            keys: &[key(1).ro()],
            args: &[arg::key("key")],
            ..Spec::NEW
        },
        run: Run::Keys(type_of),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "touch",
            summary: "Marks keys as used just now and counts those that exist.",
            since: "3.2.1",
            group: Group::Generic,
            complexity: "O(N) for N keys",
            arity: -2,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::KEYSPACE,
            keys: &[range(1, -1, 1).ro()],
            args: &[arg::key("key").multiple()],
            tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
            ..Spec::NEW
        },
        run: Run::Keys(touch),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "randomkey",
            summary: "Answers a key chosen at random.",
            since: "1.0.0",
            group: Group::Generic,
            complexity: "O(1)",
            arity: 1,
            flags: flag::READONLY.with(flag::TOUCHES_ARBITRARY_KEYS),
            acl: acl::KEYSPACE,
            tips: &["request_policy:all_shards", "nondeterministic_output"],
            ..Spec::NEW
        },
        run: Run::Keys(randomkey),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "dbsize",
            summary: "Counts the keys of the database.",
            since: "1.0.0",
            group: Group::Server,
            complexity: "O(1)",
            arity: 1,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::KEYSPACE,
            tips: &["request_policy:all_shards", "response_policy:agg_sum"],
            ..Spec::NEW
        },
        run: Run::Keys(dbsize),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "keys",
            summary: "Lists the keys that match a pattern.",
            since: "1.0.0",
            group: Group::Generic,
            complexity: "O(N) for N keys in the database",
            arity: 2,
            flags: flag::READONLY,
            acl: acl::KEYSPACE.with(acl::DANGEROUS),
            args: &[arg::pattern("pattern")],
            tips: &["request_policy:all_shards", "nondeterministic_output_order"],
            ..Spec::NEW
        },
        run: Run::Keys(keys),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "scan",
            summary: "Goes through the keys of the database bit by bit.",
            since: "2.8.0",
            group: Group::Generic,
            complexity: "O(1) a call, O(N) for all",
            arity: -2,
            flags: flag::READONLY.with(flag::TOUCHES_ARBITRARY_KEYS),
            acl: acl::KEYSPACE,
            args: &[
                arg::integer("cursor"),
                scan::MATCH,
                scan::COUNT,
                arg::string("type").after("TYPE").optional().since("6.0.0"),
            ],
            tips: &["nondeterministic_output", "request_policy:special"],
            history: &[("6.0.0", "The TYPE filter.")],
            ..Spec::NEW
        },
        run: Run::Keys(scan),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "flushdb",
            summary: "Removes every key of the database.",
            since: "1.0.0",
            ..FLUSH
        },
        run: Run::Keys(flushdb),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "flushall",
            summary: "Removes every key of every database.",
            since: "1.0.0",
            ..FLUSH
        },
        run: Run::Keys(flushall),
        ..Command::NEW
    },
];

/// What FLUSHDB and FLUSHALL share.
const FLUSH: Spec = Spec {
    group: Group::Server,
    complexity: "O(N) for N keys, done by another thread unless SYNC",
    arity: -1,
    flags: flag::WRITE,
    acl: acl::KEYSPACE.with(acl::DANGEROUS),
    args: &[arg::one_of(
        "async",
        &[arg::token("async", "ASYNC").since("4.0.0"), arg::token("sync", "SYNC").since("6.2.0")],
    )
    .optional()],
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    history: &[("4.0.0", "The ASYNC mode."), ("6.2.0", "The SYNC mode.")],
    ..Spec::NEW
};

fn del(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    remove(c, argv)
}

fn unlink(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    remove(c, argv)
}

/// DEL and UNLINK are one: what takes long to free is freed by another thread in both.
fn remove(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let removed = argv.from(1).filter(|key| c.db.delete(key, Event::generic("del"))).count();
    c.reply.len(removed);
    DONE
}

fn exists(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let found = argv.from(1).filter(|key| c.db.fetch_untouched(key).is_some()).count();
    c.reply.len(found);
    DONE
}

fn type_of(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let name = c.db.fetch_untouched(&argv[1]).map_or("none", |entry| Type::of(entry).name());
    c.reply.simple(name);
    DONE
}

fn touch(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let found = argv.from(1).filter(|key| c.db.fetch_always(key).is_some()).count();
    c.reply.len(found);
    DONE
}

fn randomkey(c: &mut KeysCtx<'_>, _: &Argv<'_>) -> Outcome {
    let rng = &mut *c.rng;
    match c.db.random_key(&mut || rand::Rng::next_u64(rng)) {
        Some(key) => c.reply.bulk(&key),
        None => c.reply.null(),
    }
    DONE
}

fn dbsize(c: &mut KeysCtx<'_>, _: &Argv<'_>) -> Outcome {
    let keys = c.db.len();
    c.reply.len(keys);
    DONE
}

fn keys(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let pattern = &argv[1];
    let mut found = Bulks::default();
    let mut cursor = 0;
    loop {
        cursor = c.db.scan(cursor, |entry| {
            if pattern == b"*" || glob::matches(pattern, entry.key(), false) {
                found.push(entry.key());
            }
        });
        if cursor == 0 {
            break;
        }
    }
    c.reply.bulks(found);
    DONE
}

fn scan(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let cursor = scan::cursor(&argv[1])?;
    let options = ScanOptions::parse(Args::new(argv, 2), Extra::Type)?;
    let mut found = Bulks::default();
    let next = options.walk(cursor, |cursor, seen| {
        let show = |entry: &Entry| {
            *seen += 1;
            if options.wants_type(Type::of(entry)) && options.wants(entry.key()) {
                found.push(entry.key());
            }
        };
        c.db.scan_and_expire(cursor, |key| options.wants(key), show)
    });
    scan::reply(&mut c.reply, next, found);
    DONE
}

/// Whether FLUSHDB or FLUSHALL asks for SYNC; without a word `lazyfree-lazy-user-flush` decides.
fn flush_sync(c: &KeysCtx<'_>, argv: &Argv<'_>) -> Result<bool, CmdError> {
    match argv.get(1) {
        None => Ok(!c.config.lazyfree_lazy_user_flush),
        Some(word) if argv.len() == 2 && word.eq_ignore_ascii_case(b"sync") => Ok(true),
        Some(word) if argv.len() == 2 && word.eq_ignore_ascii_case(b"async") => Ok(false),
        Some(_) => Err(CmdError::Syntax),
    }
}

fn flushdb(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let sync = flush_sync(c, argv)?;
    let index = c.db.index();
    c.db.keyspace().flush(Some(index));
    propagate_always(c, argv);
    flushed(c, sync)
}

fn flushall(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let sync = flush_sync(c, argv)?;
    c.db.keyspace().flush(None);
    propagate_always(c, argv);
    c.act(Action::FlushedAll);
    flushed(c, sync)
}

/// Another thread frees what was removed either way; SYNC says when the answer comes.
fn flushed(c: &mut KeysCtx<'_>, sync: bool) -> Outcome {
    if sync {
        return Ok(Flow::AwaitFreeing);
    }
    c.reply.ok();
    DONE
}

/// Emptying an empty database here may still empty a replica's.
fn propagate_always(c: &mut KeysCtx<'_>, argv: &Argv<'_>) {
    let form: Vec<&[u8]> = argv.iter().collect();
    c.propagate_as(&form);
}
