//! Publish and subscribe.

use crate::client::{ClientId, ReplyMode, Session, Topic};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError, Out, Reply};
use crate::server::{ClientCtx, Server};
use crate::spec::{CommandFlags, Group, Spec, arg, flag, key, range};
use crate::stdx::glob;

/// What all these commands have in common.
const FLAGS: CommandFlags = flag::PUBSUB.with(flag::LOADING).with(flag::STALE);
/// Those that change subscriptions.
const SUBSCRIBING: CommandFlags = FLAGS.with(flag::NOSCRIPT).with(flag::IN_PUBSUB);

/// These commands.
pub static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "subscribe",
            summary: "Subscribes to channels.",
            since: "2.0.0",
            group: Group::Pubsub,
            complexity: "O(N) for N channels",
            arity: -2,
            flags: SUBSCRIBING,
            args: &[arg::string("channel").multiple()],
            ..Spec::NEW
        },
        run: Run::Server(|s, id, argv| subscribe(s, id, argv, Topic::Channel)),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "unsubscribe",
            summary: "Ends subscriptions to channels, or all of them.",
            since: "2.0.0",
            group: Group::Pubsub,
            complexity: "O(N) for N channels",
            arity: -1,
            flags: SUBSCRIBING,
            args: &[arg::string("channel").optional().multiple()],
            ..Spec::NEW
        },
        run: Run::Server(|s, id, argv| unsubscribe(s, id, argv, Topic::Channel)),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "psubscribe",
            summary: "Subscribes to the channels whose names match patterns.",
            since: "2.0.0",
            group: Group::Pubsub,
            complexity: "O(N) for N patterns",
            arity: -2,
            flags: SUBSCRIBING,
            args: &[arg::block("pattern", &[arg::pattern("pattern")]).multiple()],
            ..Spec::NEW
        },
        run: Run::Server(|s, id, argv| subscribe(s, id, argv, Topic::Pattern)),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "punsubscribe",
            summary: "Ends subscriptions to patterns, or all of them.",
            since: "2.0.0",
            group: Group::Pubsub,
            complexity: "O(N) for N patterns",
            arity: -1,
            flags: SUBSCRIBING,
            args: &[arg::pattern("pattern").optional().multiple()],
            ..Spec::NEW
        },
        run: Run::Server(|s, id, argv| unsubscribe(s, id, argv, Topic::Pattern)),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "ssubscribe",
            summary: "Subscribes to shard channels.",
            since: "7.0.0",
            group: Group::Pubsub,
            complexity: "O(N) for N shard channels",
            arity: -2,
            flags: SUBSCRIBING,
            keys: &[range(1, -1, 1).not_key()],
            args: &[arg::string("shardchannel").multiple()],
            ..Spec::NEW
        },
        run: Run::Server(|s, id, argv| subscribe(s, id, argv, Topic::Shard)),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sunsubscribe",
            summary: "Ends subscriptions to shard channels, or all of them.",
            since: "7.0.0",
            group: Group::Pubsub,
            complexity: "O(N) for N shard channels",
            arity: -1,
            flags: SUBSCRIBING,
            keys: &[range(1, -1, 1).not_key()],
            args: &[arg::string("shardchannel").optional().multiple()],
            ..Spec::NEW
        },
        run: Run::Server(|s, id, argv| unsubscribe(s, id, argv, Topic::Shard)),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "publish",
            summary: "Sends a message to a channel.",
            since: "2.0.0",
            group: Group::Pubsub,
            complexity: "O(N+M) for N receivers and M patterns of all clients",
            arity: 3,
            flags: FLAGS.with(flag::FAST).with(flag::MAY_REPLICATE),
            args: &[arg::string("channel"), arg::string("message")],
            ..Spec::NEW
        },
        run: Run::Server(publish),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "spublish",
            summary: "Sends a message to a shard channel.",
            since: "7.0.0",
            group: Group::Pubsub,
            complexity: "O(N) for N receivers",
            arity: 3,
            flags: FLAGS.with(flag::FAST).with(flag::MAY_REPLICATE),
            keys: &[key(1).not_key()],
            args: &[arg::string("shardchannel"), arg::string("message")],
            ..Spec::NEW
        },
        run: Run::Server(spublish),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "pubsub",
            summary: "A container for commands about subscriptions.",
            since: "2.8.0",
            group: Group::Pubsub,
            ..Spec::CONTAINER
        },
        subcommands: &[
            Command {
                spec: Spec { since: "6.2.0", group: Group::Pubsub, ..Spec::HELP },
                run: Run::Client(help),
                ..Command::NEW
            },
            Command {
                spec: Spec {
                    name: "numpat",
                    summary: "Counts the patterns that have subscribers.",
                    since: "2.8.0",
                    group: Group::Pubsub,
                    complexity: "O(1)",
                    arity: 2,
                    flags: FLAGS,
                    ..Spec::NEW
                },
                run: Run::Server(numpat),
                ..Command::NEW
            },
            Command {
                spec: Spec {
                    name: "shardnumsub",
                    summary: "Counts the subscribers of shard channels.",
                    since: "7.0.0",
                    group: Group::Pubsub,
                    complexity: "O(N) for N shard channels",
                    arity: -2,
                    flags: FLAGS,
                    args: &[arg::string("shardchannel").optional().multiple()],
                    ..Spec::NEW
                },
                run: Run::Server(|s, id, argv| numsub(s, id, argv, Topic::Shard)),
                ..Command::NEW
            },
            Command {
                spec: Spec {
                    name: "channels",
                    summary: "Lists the channels that have subscribers.",
                    since: "2.8.0",
                    group: Group::Pubsub,
                    complexity: "O(N) for N channels",
                    arity: -2,
                    flags: FLAGS,
                    args: &[arg::pattern("pattern").optional()],
                    ..Spec::NEW
                },
                run: Run::Server(|s, id, argv| channels(s, id, argv, Topic::Channel)),
                ..Command::NEW
            },
            Command {
                spec: Spec {
                    name: "numsub",
                    summary: "Counts the subscribers of channels.",
                    since: "2.8.0",
                    group: Group::Pubsub,
                    complexity: "O(N) for N channels",
                    arity: -2,
                    flags: FLAGS,
                    args: &[arg::string("channel").optional().multiple()],
                    ..Spec::NEW
                },
                run: Run::Server(|s, id, argv| numsub(s, id, argv, Topic::Channel)),
                ..Command::NEW
            },
            Command {
                spec: Spec {
                    name: "shardchannels",
                    summary: "Lists the shard channels that have subscribers.",
                    since: "7.0.0",
                    group: Group::Pubsub,
                    complexity: "O(N) for N shard channels",
                    arity: -2,
                    flags: FLAGS,
                    args: &[arg::pattern("pattern").optional()],
                    ..Spec::NEW
                },
                run: Run::Server(|s, id, argv| channels(s, id, argv, Topic::Shard)),
                ..Command::NEW
            },
        ],
        ..Command::NEW
    },
];

fn subscribe(s: &mut Server, id: ClientId, argv: &Argv<'_>, topic: Topic) -> Outcome {
    let word: &[u8] = match topic {
        Topic::Channel => b"subscribe",
        Topic::Pattern => b"psubscribe",
        Topic::Shard => b"ssubscribe",
    };
    for name in argv.from(1) {
        s.pubsub.subscribe(id, s.clients.running(id), topic, name);
        confirm(s, id, topic, word, Some(name));
    }
    DONE
}

fn unsubscribe(s: &mut Server, id: ClientId, argv: &Argv<'_>, topic: Topic) -> Outcome {
    let word: &[u8] = match topic {
        Topic::Channel => b"unsubscribe",
        Topic::Pattern => b"punsubscribe",
        Topic::Shard => b"sunsubscribe",
    };
    let subscriptions = s.clients.running(id).subscriptions.as_deref();
    let all = subscriptions.filter(|_| argv.len() == 1);
    let all: Vec<_> = all.into_iter().flat_map(|all| all.names(topic).cloned()).collect();
    for name in all.iter().map(|name| &**name).chain(argv.from(1)) {
        s.pubsub.unsubscribe(id, s.clients.running(id), topic, name);
        confirm(s, id, topic, word, Some(name));
    }
    if argv.len() == 1 && all.is_empty() {
        confirm(s, id, topic, word, None);
    }
    DONE
}

/// Tells a client of a change of its subscriptions, and how many of the kind it has now. That is a
/// push, so CLIENT REPLY does not hold it back.
fn confirm(s: &mut Server, id: ClientId, topic: Topic, word: &[u8], name: Option<&[u8]>) {
    let session = s.clients.running(id);
    let count = count(session, topic);
    let write = |mut reply: Reply<'_>| {
        reply.push(3);
        reply.bulk(word);
        match name {
            Some(name) => reply.bulk(name),
            None => reply.null(),
        }
        reply.len(count);
    };
    if session.reply_mode == ReplyMode::On {
        return write(Reply::new(&mut session.out, session.resp));
    }
    let mut push = Out::default();
    write(Reply::new(&mut push, session.resp));
    s.pubsub.send_behind_reply(id, push.into_bytes());
}

/// Channels and patterns are counted together.
fn count(session: &Session, topic: Topic) -> usize {
    let Some(subscriptions) = &session.subscriptions else { return 0 };
    match topic {
        Topic::Shard => subscriptions.count(Topic::Shard),
        _ => subscriptions.count(Topic::Channel) + subscriptions.count(Topic::Pattern),
    }
}

fn publish(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let receivers = s.pubsub.publish(&mut s.clients, Some(id), &argv[1], &argv[2]);
    s.reply(id).len(receivers);
    tell_replicas(s, id, argv);
    DONE
}

/// Those who listen at replicas get it, too.
fn tell_replicas(s: &mut Server, id: ClientId, argv: &Argv<'_>) {
    let db = s.clients.running(id).db;
    s.effects.tell_replicas(db, argv.iter());
}

fn spublish(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let receivers = s.pubsub.publish_shard(&mut s.clients, id, &argv[1], &argv[2]);
    s.reply(id).len(receivers);
    tell_replicas(s, id, argv);
    DONE
}

fn channels(s: &mut Server, id: ClientId, argv: &Argv<'_>, topic: Topic) -> Outcome {
    if argv.len() > 3 {
        return Err(CmdError::err(format_args!(
            "unknown subcommand or wrong number of arguments for '{}'. Try PUBSUB HELP.",
            String::from_utf8_lossy(&argv[1])
        )));
    }
    let Server { pubsub, clients, .. } = s;
    let matches = |name: &&[u8]| argv.get(2).is_none_or(|p| glob::matches(p, name, false));
    let found: Vec<_> = pubsub.names(topic).filter(matches).collect();
    let session = clients.running(id);
    let mut reply = Reply::new(&mut session.out, session.resp);
    reply.array(found.len());
    found.iter().for_each(|name| reply.bulk(name));
    DONE
}

fn numsub(s: &mut Server, id: ClientId, argv: &Argv<'_>, topic: Topic) -> Outcome {
    s.reply(id).array(2 * (argv.len() - 2));
    for name in argv.from(2) {
        let subscribers = s.pubsub.subscribers(topic, name);
        let mut reply = s.reply(id);
        reply.bulk(name);
        reply.len(subscribers);
    }
    DONE
}

fn numpat(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let patterns = s.pubsub.patterns();
    s.reply(id).len(patterns);
    DONE
}

fn help(c: &mut ClientCtx<'_>, _: &Argv<'_>) -> Outcome {
    c.reply().help(
        "pubsub",
        &[
            "CHANNELS [<pattern>]",
            "    The channels with subscribers, all or those that match.",
            "NUMPAT",
            "    The number of patterns with subscribers.",
            "NUMSUB [<channel> ...]",
            "    The number of each channel's subscribers, without those of patterns.",
            "SHARDCHANNELS [<pattern>]",
            "    The shard channels with subscribers, all or those that match.",
            "SHARDNUMSUB [<shardchannel> ...]",
            "    The number of each shard channel's subscribers.",
        ],
    );
    DONE
}
