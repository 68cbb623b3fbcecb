//! LATENCY: what the latency monitor saw, and how long each command takes.

use super::sparkline;
use crate::client::ClientId;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::Server;
use crate::spec::{CommandFlags, CommandId, Group, Spec, Table, arg, flag};
use crate::stats::{Histogram, LatencyMonitor, LatencySample, Stats};
use std::fmt::Write;

const OWN: CommandFlags = flag::ADMIN.with(flag::NOSCRIPT).with(flag::LOADING).with(flag::STALE);
/// What the subcommands share that report.
const REPORT: Spec = Spec {
    since: "2.8.13",
    group: Group::Server,
    complexity: "O(1)",
    arity: 2,
    flags: OWN,
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "latency",
        summary: "A container for commands about latency.",
        since: "2.8.13",
        group: Group::Server,
        ..Spec::CONTAINER
    },
    subcommands: &[
        Command {
            spec: Spec {
                name: "latest",
                summary: "Answers the latest sample of each event.",
                ..REPORT
            },
            run: Run::Server(latest),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "history",
                summary: "Answers an event's samples.",
                arity: 3,
                args: &[arg::string("event")],
                ..REPORT
            },
            run: Run::Server(history),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "reset",
                summary: "Forgets the samples of events.",
                since: "2.8.13",
                group: Group::Server,
                complexity: "O(1)",
                arity: -2,
                flags: OWN,
                args: &[arg::string("event").optional().multiple()],
                tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
                ..Spec::NEW
            },
            run: Run::Server(reset),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "graph",
                summary: "Draws an event's samples.",
                arity: 3,
                args: &[arg::string("event")],
                ..REPORT
            },
            run: Run::Server(graph),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "doctor",
                summary: "Answers what held the server up, and what may help.",
                ..REPORT
            },
            run: Run::Server(doctor),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "histogram",
                summary: "Answers how the durations of commands are distributed.",
                since: "7.0.0",
                complexity: "O(N) for N commands asked for",
                arity: -2,
                args: &[arg::string("command").optional().multiple()],
                ..REPORT
            },
            run: Run::Server(histogram),
            ..Command::NEW
        },
        Command {
            spec: Spec { since: "2.8.13", group: Group::Server, ..Spec::HELP },
            run: Run::Server(help),
            ..Command::NEW
        },
    ],
    ..Command::NEW
}];

/// Writes a reply out of the statistics, which lie beside the client in the server.
fn with_stats(s: &mut Server, id: ClientId, write: impl FnOnce(&Stats, &Table, &mut Reply<'_>)) {
    let Server { stats, commands, clients, .. } = s;
    let session = clients.running(id);
    write(stats, commands, &mut Reply::new(&mut session.out, session.resp));
}

fn latest(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    with_stats(s, id, |stats, _, reply| {
        let events = stats.latency.iter();
        reply.array(events.len());
        for (event, series) in events {
            let LatencySample { time_s, ms } = series.latest().unwrap_or_default();
            reply.array(4);
            reply.bulk(event.as_bytes());
            reply.int(time_s as i64);
            reply.int(ms as i64);
            reply.int(series.max_ms() as i64);
        }
    });
    DONE
}

fn history(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    with_stats(s, id, |stats, _, reply| {
        let Some((_, series)) = stats.latency.find(&argv[2]) else { return reply.array(0) };
        reply.array(series.samples().len());
        for LatencySample { time_s, ms } in series.samples() {
            reply.array(2);
            reply.int(time_s as i64);
            reply.int(ms as i64);
        }
    });
    DONE
}

fn reset(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let named = |event: &str| argv.from(2).any(|arg| arg.eq_ignore_ascii_case(event.as_bytes()));
    let gone = s.stats.latency.reset(|event| argv.len() == 2 || named(event));
    s.reply(id).len(gone);
    DONE
}

fn graph(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let Some((event, series)) = s.stats.latency.find(&argv[2]) else {
        let event = String::from_utf8_lossy(&argv[2]).into_owned();
        return Err(CmdError::err(format_args!("No samples available for event '{event}'")));
    };
    let drawing = sparkline::draw(event, series, s.now_ms() / 1000);
    s.reply(id).verbatim("txt", drawing.as_bytes());
    DONE
}

/// Commands with their durations: all that ran, or the named ones with their subcommands.
fn histogram(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    with_stats(s, id, |stats, table, reply| {
        let mut ids: Vec<CommandId> = Vec::new();
        if argv.len() == 2 {
            ids.extend(table.all().map(|(id, _)| id));
        }
        for id in argv.from(2).filter_map(|name| table.find_full(name)) {
            ids.push(id);
            ids.extend(&table.row(id).subcommands);
        }
        let measured: Vec<_> = ids
            .iter()
            .filter_map(|id| Some((&table.row(*id).full_name, stats.of(*id).histogram()?)))
            .collect();
        reply.map(measured.len());
        for (name, histogram) in measured {
            reply.bulk(name.as_bytes());
            write_histogram(reply, histogram);
        }
    });
    DONE
}

fn write_histogram(reply: &mut Reply<'_>, histogram: &Histogram) {
    let steps = cumulative(histogram);
    reply.map(2);
    reply.bulk(b"calls");
    reply.int(histogram.len() as i64);
    reply.bulk(b"histogram_usec");
    reply.map(steps.len());
    for (us, count) in steps {
        reply.int(us as i64);
        reply.int(count as i64);
    }
}

/// Bounds in µs, each about twice the one before, with how many calls took no longer; bounds that
/// no further call reached are left out.
fn cumulative(histogram: &Histogram) -> Vec<(u64, u64)> {
    const FIRST_NS: u64 = 1024;
    let mut steps: Vec<(u64, u64)> = Vec::new();
    let mut bound = FIRST_NS;
    let mut below = 0;
    for value in histogram.iter_recorded() {
        let reached = value.value_iterated_to();
        while reached > histogram.highest_equivalent(bound) {
            bound *= 2;
        }
        below += value.count_since_last_iteration();
        let us = histogram.highest_equivalent(bound) / 1000;
        match steps.last_mut() {
            Some((last, count)) if *last == us => *count = below,
            _ => steps.push((us, below)),
        }
    }
    steps
}

fn doctor(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let report = match s.config.latency_monitor_threshold {
        0 => "The latency monitor is off. Switch it on with CONFIG SET latency-monitor-threshold \
              and the milliseconds from which on an event is worth noting.\n"
            .to_owned(),
        _ => diagnosis(&s.stats.latency, &s.config),
    };
    s.reply(id).verbatim("txt", report.as_bytes());
    DONE
}

fn diagnosis(monitor: &LatencyMonitor, config: &crate::config::Config) -> String {
    if monitor.iter().len() == 0 {
        return "Nothing took longer than latency-monitor-threshold since the monitor was last \
                reset.\n"
            .to_owned();
    }
    let mut text = "These events held the server up:\n\n".to_owned();
    for (number, (event, series)) in (1..).zip(monitor.iter()) {
        let all = series.summary();
        let _ = writeln!(
            text,
            "{number}. {event}: {} latency spikes (average {:.0} ms, mean deviation {:.0} ms, \
             period {:.2} s). The worst ever: {} ms.",
            all.count, all.mean_ms, all.deviation_ms, all.period_s, all.max_ms
        );
    }
    let advice = advice(monitor, config);
    if !advice.is_empty() {
        let _ = write!(text, "\nWhat may help:\n\n- {}\n", advice.join("\n- "));
    }
    text
}

/// What may help against the events seen.
fn advice(monitor: &LatencyMonitor, config: &crate::config::Config) -> Vec<&'static str> {
    let seen = |event: &str| monitor.find(event.as_bytes()).is_some();
    let mut advice = Vec::new();
    if seen("command") {
        let logs = config.slowlog_log_slower_than;
        if logs < 0 || logs as u64 / 1000 > config.latency_monitor_threshold {
            advice.push(
                "The slow log does not hold commands this short. Lower slowlog-log-slower-than \
                 to see which they are.",
            );
        } else {
            advice.push("SLOWLOG GET tells which commands they were.");
        }
        advice.push(
            "A command's time grows with what it looks at: use the SCAN family for KEYS, and \
             parts of large values for the whole.",
        );
    }
    if seen("fast-command") {
        advice.push(
            "Commands that never take long did: the machine did not let the server run, or \
             swapped its memory. Look at its load and its swap.",
        );
    }
    if seen("expire-cycle") {
        advice.push("Many keys expire at once: spread their deadlines.");
    }
    advice
}

fn help(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.reply(id).help(
        "latency",
        &[
            "DOCTOR",
            "    What held the server up, and what may help.",
            "GRAPH <event>",
            "    Draw an event's samples.",
            "HISTOGRAM [<command> ...]",
            "    How many calls of the commands took how long; of all that ran, if none is named.",
            "HISTORY <event>",
            "    An event's samples: time and milliseconds.",
            "LATEST",
            "    The latest sample of each event, and the worst ever.",
            "RESET [<event> ...]",
            "    Forget the samples of the events; of all, if none is named.",
        ],
    );
    DONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_and_counts_add_up() {
        let mut histogram = Histogram::new_with_bounds(1, 1_000_000_000, 2).unwrap();
        for us in [0, 1, 2, 3, 4, 33, 34, 500_000] {
            histogram.record((us * 1000).max(1)).unwrap();
        }
        let steps = cumulative(&histogram);
        assert_eq!(steps, [(1, 2), (2, 3), (4, 5), (33, 6), (66, 7), (541_065, 8)]);
    }
}
