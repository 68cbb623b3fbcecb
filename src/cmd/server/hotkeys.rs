//! HOTKEYS: the keys that cost most. START, STOP, GET and RESET are Redis's; GET and RESET also serve Valkey's form, whose
//! windows `hotkey-top-k` switches on.

use crate::client::ClientId;
use crate::cmd::args::{Args, is};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::Server;
use crate::spec::{CommandFlags, Group, Spec, arg, flag};
use crate::stats::hotkeys::{Counter, Session, Wanted};

const OWN: CommandFlags = flag::ADMIN.with(flag::NOSCRIPT);
/// What the subcommands share.
const SUB: Spec = Spec { since: "8.6.0", group: Group::Server, arity: 2, flags: OWN, ..Spec::NEW };
/// Keys that are told where START does not say how many, and at most.
const COUNT: usize = 10;
const COUNT_MAX: i64 = 64;
/// Longest session, seconds.
const DURATION_MAX: i64 = 1_000_000;
/// The last slot of a cluster; without one all are selected.
const SLOT_LAST: i64 = 16_383;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "hotkeys",
        summary: "A container for commands about the keys that cost most.",
        since: "8.6.0",
        group: Group::Server,
        ..Spec::CONTAINER
    },
    subcommands: &[
        Command {
            spec: Spec {
                name: "start",
                summary: "Begins to sum up what keys cost.",
                complexity: "O(1)",
                arity: -2,
                args: &[
                    arg::block(
                        "metrics",
                        &[
                            arg::integer("count"),
                            arg::token("cpu", "CPU").optional(),
                            arg::token("net", "NET").optional(),
                        ],
                    )
                    .after("METRICS"),
                    arg::integer("k").after("COUNT").optional(),
                    arg::integer("seconds").after("DURATION").optional(),
                    arg::integer("ratio").after("SAMPLE").optional(),
                    arg::block("slots", &[arg::integer("count"), arg::integer("slot").multiple()])
                        .after("SLOTS")
                        .optional(),
                ],
                ..SUB
            },
            run: Run::Server(start),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "stop",
                summary: "Ends the summing up; what was found stays.",
                complexity: "O(1)",
                ..SUB
            },
            run: Run::Server(stop),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "get",
                summary: "Answers the keys that cost most.",
                complexity: "O(K) for K keys",
                ..SUB
            },
            run: Run::Server(get),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "reset",
                summary: "Forgets what was found.",
                complexity: "O(K) for K keys",
                ..SUB
            },
            run: Run::Server(reset),
            ..Command::NEW
        },
        Command {
            spec: Spec { since: "8.6.0", group: Group::Server, ..Spec::HELP },
            run: Run::Server(help),
            ..Command::NEW
        },
    ],
    ..Command::NEW
}];

fn start(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let wanted = parse(&mut Args::new(argv, 2), s.now_ms())?;
    if runs(s) {
        return Err(CmdError::Msg("hotkey tracking session already in progress"));
    }
    s.stats.hotkeys.session =
        Some(Session::new(wanted, s.now_ms(), (s.facts.figures.cpu)().process));
    s.stats.follow_watch(&s.config);
    s.reply(id).ok();
    DONE
}

fn parse(args: &mut Args<'_>, now_ms: u64) -> Result<Wanted, CmdError> {
    if !args.word("METRICS") {
        return Err(CmdError::Msg("METRICS parameter is required"));
    }
    let (cpu, net) = metrics(args)?;
    let mut wanted = Wanted { cpu, net, count: COUNT, sample: 1, until_ms: None };
    while args.left() > 0 {
        if args.word("COUNT") {
            let invalid = CmdError::Msg("COUNT must be between 1 and 64");
            wanted.count = args.int_in(1, COUNT_MAX, invalid)? as usize;
        } else if args.word("DURATION") {
            let invalid = CmdError::Msg("DURATION must be between 0 and 1000000");
            let seconds = args.int_in(0, DURATION_MAX, invalid)? as u64;
            wanted.until_ms = (seconds > 0).then_some(now_ms + seconds * 1000);
        } else if args.word("SAMPLE") {
            let invalid = CmdError::Msg("SAMPLE ratio must be positive");
            wanted.sample = args.int_in(1, i64::MAX, invalid)? as u64;
        } else if args.word("SLOTS") {
            return Err(CmdError::Msg("SLOTS parameter cannot be used in non-cluster mode"));
        } else {
            return Err(CmdError::Syntax);
        }
    }
    Ok(wanted)
}

/// Whether time, and whether bytes are to be summed up. Metrics of a newer server are passed over.
fn metrics(args: &mut Args<'_>) -> Result<(bool, bool), CmdError> {
    let mismatch = "METRICS count does not match number of metric types provided";
    let count = args.int_in(1, i64::MAX, CmdError::Msg("METRICS count must be positive"))?;
    let (mut cpu, mut net) = (false, false);
    for _ in 0..count {
        match args.peek() {
            Some(word) if is(word, "CPU") && cpu => {
                return Err(CmdError::Msg("METRICS CPU already specified"));
            }
            Some(word) if is(word, "NET") && net => {
                return Err(CmdError::Msg("METRICS NET already specified"));
            }
            Some(word) => {
                cpu |= is(word, "CPU");
                net |= is(word, "NET");
            }
            None => return Err(CmdError::Msg(mismatch)),
        }
        args.any()?;
    }
    if !cpu && !net {
        return Err(CmdError::Msg("METRICS no valid metrics passed. Supported: CPU, NET"));
    }
    Ok((cpu, net))
}

fn stop(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let (now_ms, cpu) = (s.now_ms(), s.facts.figures.cpu);
    if s.stats.end_hotkeys(&s.config, now_ms, false, || cpu().process) {
        s.reply(id).ok();
    } else {
        s.reply(id).null();
    }
    DONE
}

fn reset(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    if runs(s) {
        return Err(CmdError::Msg("hotkey tracking session in progress, stop tracking first"));
    }
    let now_ms = s.now_ms();
    s.stats.hotkeys.reset(now_ms);
    s.reply(id).ok();
    DONE
}

/// Whether a session runs, once one whose time is over has been ended.
fn runs(s: &mut Server) -> bool {
    let (now_ms, cpu) = (s.now_ms(), s.facts.figures.cpu);
    s.stats.end_hotkeys(&s.config, now_ms, true, || cpu().process);
    s.stats.hotkeys.runs()
}

fn get(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let runs = runs(s);
    let (now_ms, cpu) = (s.now_ms(), s.facts.figures.cpu);
    let Server { stats, clients, .. } = s;
    let session = clients.running(id);
    let mut reply = Reply::new(&mut session.out, session.resp);
    match (&stats.hotkeys.session, &mut stats.hotkeys.windows) {
        (Some(found), _) => {
            let cpu_ms = found.cpu_ms(cpu().process);
            write_session(&mut reply, found, runs, cpu_ms, now_ms);
        }
        (None, Some(windows)) => write_rates(&mut reply, &windows.rates(now_ms)),
        (None, None) => reply.null(),
    }
    DONE
}

fn write_session(
    reply: &mut Reply<'_>,
    session: &Session,
    runs: bool,
    (system_ms, user_ms): (u64, u64),
    now_ms: u64,
) {
    let Wanted { cpu, net, sample, .. } = session.wanted;
    reply.array(1);
    reply.map(7 + 3 * usize::from(cpu) + 2 * usize::from(net));
    put(reply, "tracking-active", u64::from(runs));
    put(reply, "sample-ratio", sample);
    reply.bulk(b"selected-slots");
    reply.array(1);
    reply.ints(&[0, SLOT_LAST]);
    put(reply, "all-commands-all-slots-us", session.nanos / 1000);
    put(reply, "net-bytes-all-commands-all-slots", session.bytes);
    put(reply, "collection-start-time-unix-ms", session.began_ms);
    put(reply, "collection-duration-ms", session.lasted_ms(now_ms));
    if cpu {
        put(reply, "total-cpu-time-user-ms", user_ms);
        put(reply, "total-cpu-time-sys-ms", system_ms);
    }
    if net {
        put(reply, "total-net-bytes", session.bytes);
    }
    if cpu {
        write_counters(reply, "by-cpu-time-us", &session.by_time(), 1000);
    }
    if net {
        write_counters(reply, "by-net-bytes", &session.by_bytes(), 1);
    }
}

fn put(reply: &mut Reply<'_>, name: &str, value: u64) {
    reply.bulk(name.as_bytes());
    reply.int(value as i64);
}

fn write_counters(reply: &mut Reply<'_>, name: &str, counters: &[Counter], unit: u64) {
    // What comes to nothing in whole units is not told.
    let counters = counters.iter().map(|counter| (&counter.key.1, counter.weight / unit));
    let counters: Vec<_> = counters.filter(|(_, weight)| *weight > 0).collect();
    reply.bulk(name.as_bytes());
    reply.array(2 * counters.len());
    for (key, weight) in counters {
        reply.bulk(key);
        reply.int(weight as i64);
    }
}

fn write_rates(reply: &mut Reply<'_>, rates: &[(Counter, u64)]) {
    reply.array(rates.len());
    for (counter, rate) in rates {
        let (db, key) = &counter.key;
        reply.map(3);
        reply.bulk(b"key");
        reply.bulk(key);
        reply.bulk(b"db");
        reply.int(i64::from(*db));
        reply.bulk(b"qps");
        reply.int(*rate as i64);
    }
}

fn help(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.reply(id).help(
        "hotkeys",
        &[
            "START METRICS <count> [CPU] [NET] [COUNT <k>] [DURATION <seconds>] [SAMPLE <ratio>]",
            "    Begin to sum up the time and the bytes that the commands of each key take.",
            "STOP",
            "    End that; what was found stays.",
            "GET",
            "    What was found; without a session, the keys accessed most in the last window,",
            "    where hotkey-top-k lets them be counted.",
            "RESET",
            "    Forget what was found.",
        ],
    );
    DONE
}
