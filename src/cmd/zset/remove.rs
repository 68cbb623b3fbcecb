//! ZREM, and the removal of ranges.

use super::{bounds, discard, remove_ranks};
use crate::cmd::args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::Argv;
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, Zset};
use std::ops::Range;

/// What the rows of removed ranges share.
const REMRANGE: Spec = Spec {
    group: Group::SortedSet,
    complexity: "O(log(N)+M) for M members removed",
    arity: 4,
    flags: flag::WRITE,
    acl: acl::SORTEDSET,
    keys: &[key(1).rw().delete()],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "zrem",
            summary: "Removes members from a sorted set; the key goes with the last one.",
            since: "1.2.0",
            group: Group::SortedSet,
            complexity: "O(M*log(N)) for M members named",
            arity: -3,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::SORTEDSET,
            keys: &[key(1).rw().delete()],
            args: &[arg::key("key"), arg::string("member").multiple()],
            history: &[("2.4.0", "Several members.")],
            ..Spec::NEW
        },
        run: Run::Keys(zrem),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zremrangebyrank",
            summary: "Removes the members whose ranks lie in a range.",
            since: "2.0.0",
            args: &[arg::key("key"), arg::integer("start"), arg::integer("stop")],
            ..REMRANGE
        },
        run: Run::Keys(zremrangebyrank),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zremrangebyscore",
            summary: "Removes the members whose scores lie in a range.",
            since: "1.2.0",
            args: &[arg::key("key"), arg::double("min"), arg::double("max")],
            ..REMRANGE
        },
        run: Run::Keys(zremrangebyscore),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zremrangebylex",
            summary: "Removes the members between two strings, where all scores are equal.",
            since: "2.8.9",
            args: &[arg::key("key"), arg::string("min"), arg::string("max")],
            ..REMRANGE
        },
        run: Run::Keys(zremrangebylex),
        ..Command::NEW
    },
];

const ZREM: Event = Event::zset("zrem");
const ZREMRANGEBYRANK: Event = Event::zset("zremrangebyrank");
const ZREMRANGEBYSCORE: Event = Event::zset("zremrangebyscore");
const ZREMRANGEBYLEX: Event = Event::zset("zremrangebylex");

fn zrem(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let mut removed = 0;
    if let Some(mut zset) = c.db.edit_as::<Zset>(&argv[1])? {
        removed = argv.from(2).filter(|member| zset.remove(member).is_some()).count();
        match removed {
            0 => zset.unchanged(),
            n => zset.done_times(ZREM, n as u64),
        }
    }
    c.reply.len(removed);
    DONE
}

fn zremrangebyrank(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (start, stop) = (args::int(&argv[2])?, args::int(&argv[3])?);
    remove_range(c, &argv[1], ZREMRANGEBYRANK, |zset| bounds::ranks(start, stop, zset.len()))
}

fn zremrangebyscore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let range = bounds::scores(&argv[2], &argv[3])?;
    remove_range(c, &argv[1], ZREMRANGEBYSCORE, |zset| zset.ranks_by_score(&range))
}

fn zremrangebylex(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let range = bounds::lexical(&argv[2], &argv[3])?;
    remove_range(c, &argv[1], ZREMRANGEBYLEX, |zset| zset.ranks_by_lex(&range))
}

/// Removes the ranks that `which` finds, and answers how many these were.
fn remove_range(
    c: &mut KeysCtx<'_>,
    key: &[u8],
    event: Event,
    which: impl Fn(&Zset) -> Range<usize>,
) -> Outcome {
    let mut removed = 0;
    if let Some(mut zset) = c.db.edit_as::<Zset>(key)? {
        let ranks = which(&zset);
        removed = ranks.len();
        if removed == 0 {
            zset.unchanged();
        } else {
            let rest = remove_ranks(&mut zset, ranks);
            zset.done_times(event, removed as u64);
            discard(c, rest);
        }
    }
    c.reply.len(removed);
    DONE
}
