//! MEMORY: where the memory goes.

use crate::client::ClientId;
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Database;
use crate::resp::{Argv, CmdError, Reply};
use crate::server::{KeysCtx, Server};
use crate::spec::{Group, Spec, arg, flag, key};
use crate::stats::{Breakdown, DatabaseOverhead, Excess, Memory, ScriptFigures};
use crate::types;

/// What the subcommands share that report on the whole server.
const REPORT: Spec = Spec {
    since: "4.0.0",
    group: Group::Server,
    complexity: "O(1)",
    arity: 2,
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "memory",
        summary: "A container for commands about memory.",
        since: "4.0.0",
        group: Group::Server,
        ..Spec::CONTAINER
    },
    subcommands: &[
        Command {
            spec: Spec {
                name: "usage",
                summary: "Answers how many bytes a key takes.",
                since: "4.0.0",
                group: Group::Server,
                complexity: "O(N) for N samples",
                arity: -3,
                flags: flag::READONLY,
                keys: &[key(2).ro()],
                args: &[arg::key("key"), arg::integer("count").after("SAMPLES").optional()],
                ..Spec::NEW
            },
            run: Run::Keys(usage),
            ..Command::NEW
        },
        Command {
            spec: Spec { name: "stats", summary: "Answers figures of memory use.", ..REPORT },
            run: Run::Server(stats),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "doctor",
                summary: "Answers what looks wrong with the use of memory.",
                ..REPORT
            },
            run: Run::Server(doctor),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "malloc-stats",
                summary: "Answers the allocator's own report.",
                complexity: "Depends on the memory allocated",
                ..REPORT
            },
            run: Run::Server(malloc_stats),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "purge",
                summary: "Gives free memory back to the system.",
                since: "4.0.0",
                group: Group::Server,
                complexity: "Depends on the memory to give back",
                arity: 2,
                tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
                ..Spec::NEW
            },
            run: Run::Server(purge),
            ..Command::NEW
        },
        Command {
            spec: Spec { since: "4.0.0", group: Group::Server, ..Spec::HELP },
            run: Run::Server(help),
            ..Command::NEW
        },
    ],
    ..Command::NEW
}];

/// A key's share of the table: the pointer to its entry, and the fingerprint beside it.
const TABLE_SHARE: usize = size_of::<usize>() + 1;
/// A deadline's share of the index of deadlines.
const DEADLINE_SHARE: usize = size_of::<u64>() + size_of::<u32>();

fn usage(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let mut args = Args::new(argv, 3);
    let mut samples = types::MEMORY_SAMPLES;
    while args.left() > 0 {
        if !args.word("samples") {
            return Err(CmdError::Syntax);
        }
        samples = match usize::try_from(args.int()?) {
            Ok(0) => usize::MAX,
            Ok(samples) => samples,
            Err(_) => return Err(CmdError::Syntax),
        };
    }
    let bytes = c.db.database().peek(&argv[2]).map(|entry| {
        let deadline = if entry.deadline().is_some() { DEADLINE_SHARE } else { 0 };
        types::memory_by(entry, samples) + TABLE_SHARE + deadline
    });
    match bytes {
        Some(bytes) => c.reply.len(bytes),
        None => c.reply.null(),
    }
    DONE
}

/// The account of the server's memory.
pub(super) fn account(s: &Server) -> Memory {
    let allocator = (s.facts.figures.allocator)();
    let used = (s.facts.figures.used_memory)();
    let clients = s.clients.memory();
    let stream = s.repl.backlog.memory() as u64;
    let backlog = stream - s.stream_for_replicas();
    let databases = s.keyspace.databases().filter(|(_, db)| !db.is_empty());
    Memory::new(Breakdown {
        used,
        peak: s.stats.peak_memory.max(used),
        startup: s.stats.startup_memory,
        rss: (s.facts.figures.rss)(),
        total_system: (s.facts.figures.total_memory)(),
        allocated: allocator.allocated,
        active: allocator.active,
        resident: allocator.resident,
        muzzy: allocator.muzzy,
        clients_normal: clients.normal,
        clients_replicas: clients.replicas + (stream - backlog),
        backlog,
        stream,
        aof_buffer: s.persist.aof.behind(),
        not_counted: s.not_counted_for_eviction(),
        databases: databases.map(|(index, db)| overhead(index, db)).collect(),
        keys: s.keyspace.total_keys() as u64,
        scripts: scripts(s),
    })
}

fn scripts(s: &Server) -> ScriptFigures {
    let scripting = &s.scripting;
    let (interpreter, function_interpreter) = scripting.memory();
    let (cache, libraries) = (&scripting.cache, &scripting.libraries);
    ScriptFigures {
        interpreter: interpreter as u64,
        function_interpreter: function_interpreter as u64,
        cache: cache.memory() as u64,
        libraries: libraries.memory() as u64,
        counts: [cache.len(), libraries.functions(), libraries.len()],
    }
}

fn overhead(index: u32, db: &Database) -> DatabaseOverhead {
    let (table, deadlines) = db.overhead();
    let buckets = db.dict_stats();
    let all = buckets.buckets + buckets.old_buckets + buckets.children;
    let rehashing = (table * buckets.old_buckets).checked_div(all).unwrap_or(0);
    DatabaseOverhead {
        index,
        table: table as u64,
        deadlines: deadlines as u64,
        rehashing: rehashing as u64,
    }
}

/// One figure of MEMORY STATS.
enum Figure {
    Count(u64),
    Bytes(i64),
    Ratio(f64),
    Database(DatabaseOverhead),
}

fn stats(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let figures = figures(&account(s), s);
    let mut reply = s.reply(id);
    reply.map(figures.len());
    for (name, figure) in figures {
        match figure {
            Figure::Database(db) => {
                reply.bulk(format!("db.{}", db.index).as_bytes());
                write_database(&mut reply, db);
                continue;
            }
            Figure::Count(_) | Figure::Bytes(_) | Figure::Ratio(_) => reply.bulk(name.as_bytes()),
        }
        match figure {
            Figure::Count(n) => reply.int(n as i64),
            Figure::Bytes(n) => reply.int(n),
            Figure::Ratio(ratio) => reply.double(ratio),
            Figure::Database(_) => {}
        }
    }
    DONE
}

fn write_database(reply: &mut Reply<'_>, db: DatabaseOverhead) {
    let figures = [
        ("overhead.hashtable.main", db.table),
        ("overhead.hashtable.expires", db.deadlines),
        ("overhead.hashtable.slot-to-keys", 0),
    ];
    reply.map(figures.len());
    for (name, n) in figures {
        reply.bulk(name.as_bytes());
        reply.int(n as i64);
    }
}

fn figures(memory: &Memory, s: &Server) -> Vec<(&'static str, Figure)> {
    use Figure::{Count, Database, Ratio};
    let found = &memory.found;
    let resizing = found.databases.iter().filter(|db| db.rehashing > 0).count() as u64;
    let mut figures = vec![
        ("peak.allocated", Count(found.peak)),
        ("total.allocated", Count(found.used)),
        ("startup.allocated", Count(found.startup)),
        ("replication.backlog", Count(found.backlog)),
        ("replica.fullsync.buffer", Count(0)),
        ("clients.slaves", Count(found.clients_replicas)),
        ("clients.normal", Count(found.clients_normal)),
        ("cluster.links", Count(0)),
        ("aof.buffer", Count(found.aof_buffer)),
        ("lua.caches", Count(found.scripts.cache)),
        ("functions.caches", Count(found.scripts.libraries)),
        ("script.VMs", Count(found.scripts.interpreter + found.scripts.function_interpreter)),
    ];
    figures.extend(found.databases.iter().map(|db| ("", Database(*db))));
    figures.extend([
        ("overhead.db.hashtable.lut", Count(memory.tables())),
        ("overhead.db.hashtable.rehashing", Count(memory.rehashing())),
        ("overhead.total", Count(memory.overhead)),
        ("db.dict.rehashing.count", Count(resizing)),
        ("keys.count", Count(s.keyspace.total_keys() as u64)),
        ("keys.bytes-per-key", Count(memory.per_key)),
        ("dataset.bytes", Count(memory.dataset)),
        ("dataset.percentage", Ratio(memory.dataset_percent())),
        ("peak.percentage", Ratio(memory.peak_percent())),
        ("allocator.allocated", Count(found.allocated)),
        ("allocator.active", Count(found.active)),
        ("allocator.resident", Count(found.resident)),
        ("allocator.muzzy", Count(found.muzzy)),
    ]);
    let excesses: [(&str, &str, Excess); 4] = [
        (
            "allocator-fragmentation.ratio",
            "allocator-fragmentation.bytes",
            memory.allocator_fragmentation(),
        ),
        ("allocator-rss.ratio", "allocator-rss.bytes", memory.allocator_rss()),
        ("rss-overhead.ratio", "rss-overhead.bytes", memory.rss_overhead()),
        ("fragmentation", "fragmentation.bytes", memory.fragmentation()),
    ];
    for (ratio, bytes, excess) in excesses {
        figures.push((ratio, Ratio(excess.ratio)));
        figures.push((bytes, Figure::Bytes(excess.bytes)));
    }
    figures
}

fn doctor(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let report = diagnosis(&account(s), s.clients.len() as u64);
    s.reply(id).verbatim("txt", report.as_bytes());
    DONE
}

/// Below this there is too little in use to judge by.
const JUDGED_FROM: u64 = 5 << 20;
/// Bytes per client from which on clients are worth a word.
const CLIENT_LARGE: u64 = 200 << 10;
/// Bytes of replicas' output from which on it is.
const REPLICAS_LARGE: u64 = 10 << 20;
/// More scripts than these are.
const SCRIPTS_MANY: usize = 1000;

fn diagnosis(memory: &Memory, clients: u64) -> String {
    let found = &memory.found;
    if found.used < JUDGED_FROM {
        return "Hardly any memory is in use: there is nothing to judge yet. Ask again when the \
                server holds data.\n"
            .to_owned();
    }
    let peak_left = found.peak as f64 / found.used as f64 > 1.5;
    let client_large = found.clients_normal / clients.max(1) > CLIENT_LARGE;
    let findings = [
        (
            peak_left,
            "Peak: the most memory ever in use was more than half as much again as is now. The \
             allocator may keep pages of it, so RSS can stay high; MEMORY PURGE gives back what is \
             free.",
        ),
        (
            memory.fragmentation().is_over(1.4),
            "Fragmentation: the process holds more than 1.4 times the memory in use. The ratios \
             below say where.",
        ),
        (
            memory.allocator_fragmentation().is_over(1.1),
            "Allocator: pages are filled badly (allocator_frag_ratio above 1.1), as happens when \
             values of changing sizes replace each other. CONFIG SET activedefrag yes moves them \
             together.",
        ),
        (
            memory.allocator_rss().is_over(1.1),
            "Allocator: free pages are kept (allocator_rss_ratio above 1.1). MEMORY PURGE gives \
             them back.",
        ),
        (
            memory.rss_overhead().is_over(1.1),
            "Process: RAM is held beside the allocator's (rss_overhead_ratio above 1.1).",
        ),
        (
            found.clients_replicas > REPLICAS_LARGE,
            "Replicas: more than 10 MB wait to be sent to them. A replica may be slow, or its \
             link.",
        ),
        (
            found.scripts.counts[0] > SCRIPTS_MANY,
            "Scripts: more than 1000 are kept. A script that is made anew for each call, instead of \
             being given its values as arguments, fills this cache.",
        ),
        (
            client_large,
            "Clients: they hold more than 200 KB each. CLIENT LIST shows whose buffers are large.",
        ),
    ];
    let said: Vec<String> =
        findings.iter().filter(|(is, _)| *is).map(|(_, text)| format!("* {text}\n")).collect();
    if said.is_empty() {
        return "No memory problems found.\n".to_owned();
    }
    format!("Found in this server's use of memory:\n\n{}", said.join("\n"))
}

fn malloc_stats(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let report = (s.facts.figures.malloc_stats)();
    s.reply(id).verbatim("txt", report.as_bytes());
    DONE
}

fn purge(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    (s.facts.figures.purge)();
    s.reply(id).ok();
    DONE
}

fn help(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.reply(id).help(
        "memory",
        &[
            "DOCTOR",
            "    What looks wrong with the use of memory.",
            "MALLOC-STATS",
            "    The allocator's own report.",
            "PURGE",
            "    Give free memory back to the system.",
            "STATS",
            "    Figures of memory use.",
            "USAGE <key> [SAMPLES <count>]",
            "    Bytes that a key takes with its value. So many elements stand for all (256 unless",
            "    told otherwise, 0 looks at all), but where what they take is known anyway.",
        ],
    );
    DONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doctor_names_what_it_finds() {
        let found = Breakdown { used: 1 << 20, ..Breakdown::default() };
        assert!(diagnosis(&Memory::new(found), 1).starts_with("Hardly"));
        let healthy = Breakdown { used: 64 << 20, peak: 64 << 20, ..Breakdown::default() };
        assert!(diagnosis(&Memory::new(healthy.clone()), 1).starts_with("No memory problems"));
        let sick = Breakdown {
            peak: 128 << 20,
            rss: 128 << 20,
            clients_replicas: 11 << 20,
            scripts: ScriptFigures { counts: [1001, 0, 0], ..ScriptFigures::default() },
            ..healthy
        };
        let report = diagnosis(&Memory::new(sick), 1);
        for finding in ["Peak", "Fragmentation", "Replicas", "Scripts"] {
            assert!(report.contains(&format!("* {finding}: ")), "{finding} in {report}");
        }
    }
}
