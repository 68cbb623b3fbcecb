//! INFO: which sections there are. Their lines are written by the parts that own the numbers.

use super::memory;
use crate::client::{AwaitedKeys, ClientId};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Shared;
use crate::resp::Argv;
use crate::server::Server;
use crate::spec::{Group, Spec, acl, arg, flag};
use crate::stats::Stats;
use crate::stdx::fields::Fields;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "info",
        summary: "Tells figures and facts of the server.",
        since: "1.0.0",
        group: Group::Server,
        complexity: "O(1)",
        arity: -1,
        flags: flag::LOADING.with(flag::STALE),
        acl: acl::DANGEROUS,
        args: &[arg::string("section").optional().multiple()],
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        history: &[("7.0.0", "Several sections at once.")],
        ..Spec::NEW
    },
    run: Run::Server(info),
    ..Command::NEW
}];

/// A section, in the order of the reply.
struct Section {
    /// The word that asks for it.
    name: &'static str,
    /// Its headline.
    title: &'static str,
    /// Part of what INFO answers unasked.
    standard: bool,
    write: fn(&Server, &mut Fields),
}

const fn section(
    name: &'static str,
    title: &'static str,
    write: fn(&Server, &mut Fields),
) -> Section {
    Section { name, title, standard: true, write }
}

const fn on_demand(
    name: &'static str,
    title: &'static str,
    write: fn(&Server, &mut Fields),
) -> Section {
    Section { name, title, standard: false, write }
}

static SECTIONS: &[Section] = &[
    section("server", "Server", Server::server_info),
    section("clients", "Clients", clients),
    section("memory", "Memory", memory_section),
    section("persistence", "Persistence", persistence),
    section("stats", "Stats", stats),
    section("replication", "Replication", Server::replication_info),
    section("cpu", "CPU", |s, out| (s.facts.figures.cpu)().info(out)),
    section("modules", "Modules", |_, _| {}),
    on_demand("commandstats", "Commandstats", |s, out| s.stats.commands_info(out, &s.commands)),
    section("errorstats", "Errorstats", |s, out| s.stats.errors_info(out)),
    on_demand("latencystats", "Latencystats", latencystats),
    section("cluster", "Cluster", |s, out| {
        out.put("cluster_enabled", u8::from(s.config.cluster_enabled));
    }),
    section("keyspace", "Keyspace", |s, out| s.keyspace.info(out)),
];

fn info(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let mut out = Fields::default();
    for section in SECTIONS.iter().filter(|section| is_asked_for(section, argv)) {
        out.section(section.title);
        (section.write)(s, &mut out);
    }
    s.reply(id).verbatim("txt", out.into_text().as_bytes());
    DONE
}

fn is_asked_for(section: &Section, argv: &Argv<'_>) -> bool {
    if argv.len() == 1 {
        return section.standard;
    }
    argv.from(1).any(|word| {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        is(section.name)
            || is("everything")
            || is("all")
            || (is("default") && section.standard)
            || (is("module_list") && section.name == "modules")
    })
}

fn clients(s: &Server, out: &mut Fields) {
    let keys = AwaitedKeys {
        watched: s.effects.watch.len(),
        blocking: s.effects.blocked.keys(),
        with_deadline: s.effects.blocked.with_deadline(),
    };
    s.clients.info(out, s.config.maxclients.into(), keys);
    s.stats.buffers_info(out);
}

fn memory_section(s: &Server, out: &mut Fields) {
    let account = memory::account(s);
    account.info(out);
    out.bytes("maxmemory", s.maxmemory);
    out.put("maxmemory_policy", s.config.maxmemory_policy.word());
    out.bytes("maxmemory_effective", s.memory_limit());
    account.ratios_info(out);
    out.put("mem_allocator", &s.facts.allocator);
    out.put("allocator_quantum", s.facts.allocator_quantum);
    out.put("allocator_classes_per_doubling", s.facts.allocator_classes);
    out.put("active_defrag_running", s.defrag.percent);
    let unfreed = s.keyspace.shared.unfreed();
    out.put("lazyfree_pending_objects", unfreed.len());
    out.put("lazyfree_pending_bytes", unfreed.bytes());
    out.put("lazyfreed_objects", unfreed.freed());
    out.put("mem_snapshot_buffers", s.persist.snapshots.in_flight());
    out.put("throttled_commands", s.throttle.total());
}

fn persistence(s: &Server, out: &mut Fields) {
    let shared = &s.keyspace.shared;
    s.persist.info(out, shared.dirty, shared.snapshot_keys(), shared.now_ms);
}

fn stats(s: &Server, out: &mut Fields) {
    s.stats.traffic_info(out);
    s.repl.stats_info(out);
    let Shared { stats, now_us, .. } = &s.keyspace.shared;
    stats.info(out, *now_us, s.stats.expire_nanos, s.stats.evicted_clients);
    s.pubsub.info(out);
    s.migrations.info(out);
    Stats::absent_info(out);
    s.stats.defrag.info(out, *now_us);
    s.effects.tracking.info(out);
    s.stats.work_info(out);
}

fn latencystats(s: &Server, out: &mut Fields) {
    let percentiles = &s.config.latency_tracking_info_percentiles.0;
    s.stats.latencies_info(out, &s.commands, percentiles);
}
