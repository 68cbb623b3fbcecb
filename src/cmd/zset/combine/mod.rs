//! Unions, intersections and differences of sorted sets, and of sets, whose members count as having
//! the score 1.

mod inputs;
mod options;
mod work;

use super::{collect, reply_elements};
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, counted, flag, key};
use crate::types::zset::Element;
use crate::types::{Collection, Limits};
use inputs::Input;
use options::{Allowed, Options};

const WEIGHTS: Arg = arg::integer("weight").after("WEIGHTS").optional().multiple();
const AGGREGATE: Arg = arg::one_of(
    "aggregate",
    &[
        arg::token("sum", "SUM"),
        arg::token("min", "MIN"),
        arg::token("max", "MAX"),
        arg::token("count", "COUNT").since("8.8.0"),
    ],
)
.after("AGGREGATE")
.optional();
const WITH_SCORES: Arg = arg::token("withscores", "WITHSCORES").optional();

/// What the rows of stored results with weights share.
const WEIGHTED_STORE: Spec = Spec {
    since: "2.0.0",
    group: Group::SortedSet,
    arity: -4,
    flags: flag::WRITE.with(flag::DENYOOM).with(flag::MOVABLE_KEYS),
    acl: acl::SORTEDSET,
    keys: &[key(1).ow().update(), counted(2, 1).ro().access()],
    args: &[
        arg::key("destination"),
        arg::integer("numkeys"),
        arg::key_of("key", 1).multiple(),
        WEIGHTS,
        AGGREGATE,
    ],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "zunion",
            summary: "Answers the members of any of several sorted sets, with scores made of theirs.",
            since: "6.2.0",
            group: Group::SortedSet,
            complexity: "O(N)+O(M*log(M)) for N members of all inputs and M of the result",
            arity: -3,
            flags: flag::READONLY.with(flag::MOVABLE_KEYS),
            acl: acl::SORTEDSET,
            keys: &[counted(1, 1).ro().access()],
            args: &[
                arg::integer("numkeys"),
                arg::key("key").multiple(),
                WEIGHTS,
                AGGREGATE,
                WITH_SCORES,
            ],
            ..Spec::NEW
        },
        run: Run::Keys(zunion),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zinter",
            summary: "Answers the members that several sorted sets share, with scores made of theirs.",
            since: "6.2.0",
            group: Group::SortedSet,
            complexity: "O(N*K)+O(M*log(M)) for N members of the smallest of K inputs and M of the result",
            arity: -3,
            flags: flag::READONLY.with(flag::MOVABLE_KEYS),
            acl: acl::SORTEDSET,
            keys: &[counted(1, 1).ro().access()],
            args: &[
                arg::integer("numkeys"),
                arg::key("key").multiple(),
                WEIGHTS,
                AGGREGATE,
                WITH_SCORES,
            ],
            ..Spec::NEW
        },
        run: Run::Keys(zinter),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zdiff",
            summary: "Answers the members of a sorted set that others do not have.",
            since: "6.2.0",
            group: Group::SortedSet,
            complexity: "O(L+M*log(M)) for L members of all inputs and M of the result",
            arity: -3,
            flags: flag::READONLY.with(flag::MOVABLE_KEYS),
            acl: acl::SORTEDSET,
            keys: &[counted(1, 1).ro().access()],
            args: &[arg::integer("numkeys"), arg::key("key").multiple(), WITH_SCORES],
            ..Spec::NEW
        },
        run: Run::Keys(zdiff),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zunionstore",
            summary: "Stores the members of any of several sorted sets, with scores made of theirs.",
            complexity: "O(N)+O(M*log(M)) for N members of all inputs and M of the result",
            ..WEIGHTED_STORE
        },
        run: Run::Keys(zunionstore),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zinterstore",
            summary: "Stores the members that several sorted sets share, with scores made of theirs.",
            complexity: "O(N*K)+O(M*log(M)) for N members of the smallest of K inputs and M of the result",
            ..WEIGHTED_STORE
        },
        run: Run::Keys(zinterstore),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zdiffstore",
            summary: "Stores the members of a sorted set that others do not have.",
            since: "6.2.0",
            group: Group::SortedSet,
            complexity: "O(L+M*log(M)) for L members of all inputs and M of the result",
            arity: -4,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::MOVABLE_KEYS),
            acl: acl::SORTEDSET,
            keys: &[key(1).ow().update(), counted(2, 1).ro().access()],
            args: &[
                arg::key("destination"),
                arg::integer("numkeys"),
                arg::key_of("key", 1).multiple(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(zdiffstore),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zintercard",
            summary: "Counts the members that several sorted sets share.",
            since: "7.0.0",
            group: Group::SortedSet,
            complexity: "O(N*K) for N members of the smallest of K inputs",
            arity: -3,
            flags: flag::READONLY.with(flag::MOVABLE_KEYS),
            acl: acl::SORTEDSET,
            keys: &[counted(1, 1).ro().access()],
            args: &[
                arg::integer("numkeys"),
                arg::key("key").multiple(),
                arg::integer("limit").after("LIMIT").optional(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(zintercard),
        ..Command::NEW
    },
];

/// What is made of the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Inter,
    Diff,
}

impl Operation {
    /// The result's elements, in order.
    fn of<'a>(self, inputs: &[Input<'a>], options: &Options, limits: &Limits) -> Vec<Element<'a>> {
        let mut elements = match self {
            Self::Union => work::union(inputs, options, limits.seed),
            Self::Inter => work::inter(inputs, options),
            Self::Diff => work::diff(inputs, limits.seed),
        };
        elements.sort_unstable_by(work::order);
        elements
    }
}

fn zunion(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    answer(c, argv, "zunion", Operation::Union)
}

fn zinter(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    answer(c, argv, "zinter", Operation::Inter)
}

fn zdiff(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    answer(c, argv, "zdiff", Operation::Diff)
}

fn zunionstore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    store(c, argv, "zunionstore", Operation::Union)
}

fn zinterstore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    store(c, argv, "zinterstore", Operation::Inter)
}

fn zdiffstore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    store(c, argv, "zdiffstore", Operation::Diff)
}

fn answer(
    c: &mut KeysCtx<'_>,
    argv: &Argv<'_>,
    name: &'static str,
    operation: Operation,
) -> Outcome {
    let (keys, rest) = keys(argv, 1, name)?;
    let inputs = inputs::read(&mut c.db, keys)?;
    let allowed = Allowed { merging: operation != Operation::Diff, with_scores: true };
    let options = Options::parse(rest, inputs.len(), allowed)?;
    let elements = operation.of(&inputs, &options, c.limits);
    reply_elements(&mut c.reply, elements.into_iter(), options.with_scores);
    DONE
}

/// The event of a stored result has the command's name.
fn store(
    c: &mut KeysCtx<'_>,
    argv: &Argv<'_>,
    name: &'static str,
    operation: Operation,
) -> Outcome {
    let result = {
        let (keys, rest) = keys(argv, 2, name)?;
        let inputs = inputs::read(&mut c.db, keys)?;
        let allowed = Allowed { merging: operation != Operation::Diff, with_scores: false };
        let options = Options::parse(rest, inputs.len(), allowed)?;
        let elements = operation.of(&inputs, &options, c.limits);
        collect(c.limits, elements.iter().copied())
    };
    let stored = result.len();
    c.db.store(&argv[1], result, Event::zset(name));
    c.reply.len(stored);
    DONE
}

fn zintercard(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (keys, mut rest) = keys(argv, 1, "zintercard")?;
    let inputs = inputs::read(&mut c.db, keys)?;
    let mut limit = 0;
    while rest.left() > 0 {
        if !rest.word("limit") {
            return Err(CmdError::Syntax);
        }
        limit = rest.int_in(0, i64::MAX, CmdError::Msg("LIMIT can't be negative"))?;
    }
    let limit = if limit == 0 { usize::MAX } else { limit as usize };
    c.reply.len(work::inter_len(&inputs, limit));
    DONE
}

/// The keys whose number argument `at` tells, and the arguments behind them.
fn keys<'a>(
    argv: &Argv<'a>,
    at: usize,
    name: &'static str,
) -> Result<(impl Iterator<Item = &'a [u8]> + Clone + use<'a>, Args<'a>), CmdError> {
    let mut args = Args::new(argv, at);
    let count = args.int()?;
    if count < 1 {
        let words = format_args!("at least 1 input key is needed for '{name}' command");
        return Err(CmdError::err(words));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > args.left() {
        return Err(CmdError::Syntax);
    }
    let keys = args.rest().take(count);
    Ok((keys, Args::new(argv, at + 1 + count)))
}
