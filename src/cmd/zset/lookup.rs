//! What a sorted set says of single members, and of how many there are.

use super::bounds;
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, Zset};

/// What the rows of ranks share.
const RANK: Spec = Spec {
    since: "2.0.0",
    group: Group::SortedSet,
    complexity: "O(log(N))",
    arity: -3,
    flags: flag::READONLY.with(flag::FAST),
    acl: acl::SORTEDSET,
    keys: &[key(1).ro().access()],
    args: &[
        arg::key("key"),
        arg::string("member"),
        arg::token("withscore", "WITHSCORE").optional(),
    ],
    history: &[("7.2.0", "The WITHSCORE option.")],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "zcard",
            summary: "Answers how many members a sorted set has.",
            since: "1.2.0",
            group: Group::SortedSet,
            complexity: "O(1)",
            arity: 2,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::SORTEDSET,
            keys: &[key(1).ro()],
            args: &[arg::key("key")],
            ..Spec::NEW
        },
        run: Run::Keys(zcard),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zscore",
            summary: "Answers the score of a member.",
            since: "1.2.0",
            group: Group::SortedSet,
            complexity: "O(1)",
            arity: 3,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::SORTEDSET,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::string("member")],
            ..Spec::NEW
        },
        run: Run::Keys(zscore),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zmscore",
            summary: "Answers the scores of several members.",
            since: "6.2.0",
            group: Group::SortedSet,
            complexity: "O(M) for M members named",
            arity: -3,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::SORTEDSET,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::string("member").multiple()],
            ..Spec::NEW
        },
        run: Run::Keys(zmscore),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zrank",
            summary: "Answers how many members come before a member.",
            ..RANK
        },
        run: Run::Keys(zrank),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zrevrank",
            summary: "Answers how many members come after a member.",
            ..RANK
        },
        run: Run::Keys(zrevrank),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zcount",
            summary: "Counts the members whose scores lie in a range.",
            since: "2.0.0",
            group: Group::SortedSet,
            complexity: "O(log(N))",
            arity: 4,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::SORTEDSET,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::double("min"), arg::double("max")],
            ..Spec::NEW
        },
        run: Run::Keys(zcount),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zlexcount",
            summary: "Counts the members between two strings, where all scores are equal.",
            since: "2.8.9",
            group: Group::SortedSet,
            complexity: "O(log(N))",
            arity: 4,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::SORTEDSET,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::string("min"), arg::string("max")],
            ..Spec::NEW
        },
        run: Run::Keys(zlexcount),
        ..Command::NEW
    },
];

fn zcard(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let members = c.db.fetch_as::<Zset>(&argv[1])?.map_or(0, Zset::len);
    c.reply.len(members);
    DONE
}

fn zscore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let zset = c.db.fetch_as::<Zset>(&argv[1])?;
    match zset.and_then(|zset| zset.score(&argv[2])) {
        Some(score) => c.reply.double(score),
        None => c.reply.null(),
    }
    DONE
}

fn zmscore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let zset = c.db.fetch_as::<Zset>(&argv[1])?;
    let members = argv.from(2);
    c.reply.array(members.len());
    for member in members {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => c.reply.double(score),
            None => c.reply.null(),
        }
    }
    DONE
}

fn zrank(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    reply_rank(c, argv, "zrank", |rank, _| rank)
}

fn zrevrank(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    reply_rank(c, argv, "zrevrank", |rank, len| len - 1 - rank)
}

/// Answers a member's rank as `counted` counts it, given the rank from the lowest and the number of
/// members.
fn reply_rank(
    c: &mut KeysCtx<'_>,
    argv: &Argv<'_>,
    name: &'static str,
    counted: impl Fn(usize, usize) -> usize,
) -> Outcome {
    let mut args = Args::new(argv, 3);
    if args.left() > 1 {
        return Err(CmdError::Arity(name));
    }
    let with_score = args.word("withscore");
    args.end()?;
    let zset = c.db.fetch_as::<Zset>(&argv[1])?;
    let found = zset.and_then(|zset| Some((zset.len(), zset.rank(&argv[2])?)));
    match found {
        None if with_score => c.reply.null_array(),
        None => c.reply.null(),
        Some((len, (rank, score))) => {
            if with_score {
                c.reply.array(2);
            }
            c.reply.len(counted(rank, len));
            if with_score {
                c.reply.double(score);
            }
        }
    }
    DONE
}

fn zcount(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let range = bounds::scores(&argv[2], &argv[3])?;
    let zset = c.db.fetch_as::<Zset>(&argv[1])?;
    let members = zset.map_or(0, |zset| zset.ranks_by_score(&range).len());
    c.reply.len(members);
    DONE
}

fn zlexcount(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let range = bounds::lexical(&argv[2], &argv[3])?;
    let zset = c.db.fetch_as::<Zset>(&argv[1])?;
    let members = zset.map_or(0, |zset| zset.ranks_by_lex(&range).len());
    c.reply.len(members);
    DONE
}
