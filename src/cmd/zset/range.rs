//! Ranges of elements: by rank, score or member, in either direction, answered or stored.

use super::{bounds, collect, reply_elements};
use crate::cmd::args::{self, Args, Choice};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, flag, key};
use crate::types::zset::{LexRange, ScoreRange};
use crate::types::{Collection, Zset};
use std::ops::Range;

const SORT_BY: Arg =
    arg::one_of("sortby", &[arg::token("byscore", "BYSCORE"), arg::token("bylex", "BYLEX")])
        .optional();
const LIMIT: Arg =
    arg::block("limit", &[arg::integer("offset"), arg::integer("count")]).after("LIMIT").optional();

/// What the rows of ranges that are answered share.
const RANGE: Spec = Spec {
    group: Group::SortedSet,
    complexity: "O(log(N)+M) for M members answered",
    arity: -4,
    flags: flag::READONLY,
    acl: acl::SORTEDSET,
    keys: &[key(1).ro().access()],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "zrange",
            summary: "Answers the members in a range of ranks, scores or strings.",
            since: "1.2.0",
            args: &[
                arg::key("key"),
                arg::string("start"),
                arg::string("stop"),
                SORT_BY.since("6.2.0"),
                arg::token("rev", "REV").optional().since("6.2.0"),
                LIMIT.since("6.2.0"),
                arg::token("withscores", "WITHSCORES").optional(),
            ],
            history: &[("6.2.0", "The REV, BYSCORE, BYLEX and LIMIT options.")],
            ..RANGE
        },
        run: Run::Keys(zrange),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zrevrange",
            summary: "Answers the members in a range of ranks counted from the highest, the highest first.",
            since: "1.2.0",
            args: &[
                arg::key("key"),
                arg::integer("start"),
                arg::integer("stop"),
                arg::token("withscores", "WITHSCORES").optional(),
            ],
            deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` argument")),
            ..RANGE
        },
        run: Run::Keys(zrevrange),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zrangebyscore",
            summary: "Answers the members whose scores lie in a range.",
            since: "1.0.5",
            args: &[
                arg::key("key"),
                arg::double("min"),
                arg::double("max"),
                arg::token("withscores", "WITHSCORES").optional().since("2.0.0"),
                LIMIT,
            ],
            history: &[("2.0.0", "The WITHSCORES option.")],
            deprecated: Some(("6.2.0", "`ZRANGE` with the `BYSCORE` argument")),
            ..RANGE
        },
        run: Run::Keys(zrangebyscore),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zrevrangebyscore",
            summary: "Answers the members whose scores lie in a range, the highest first.",
            since: "2.2.0",
            args: &[
                arg::key("key"),
                arg::double("max"),
                arg::double("min"),
                arg::token("withscores", "WITHSCORES").optional(),
                LIMIT,
            ],
            history: &[("2.1.6", "Bounds that are left out themselves.")],
            deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")),
            ..RANGE
        },
        run: Run::Keys(zrevrangebyscore),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zrangebylex",
            summary: "Answers the members between two strings, where all scores are equal.",
            since: "2.8.9",
            args: &[arg::key("key"), arg::string("min"), arg::string("max"), LIMIT],
            deprecated: Some(("6.2.0", "`ZRANGE` with the `BYLEX` argument")),
            ..RANGE
        },
        run: Run::Keys(zrangebylex),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zrevrangebylex",
            summary: "Answers the members between two strings, the highest first, where all scores are equal.",
            since: "2.8.9",
            args: &[arg::key("key"), arg::string("max"), arg::string("min"), LIMIT],
            deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")),
            ..RANGE
        },
        run: Run::Keys(zrevrangebylex),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zrangestore",
            summary: "Stores the members in a range of a sorted set as another one.",
            since: "6.2.0",
            group: Group::SortedSet,
            complexity: "O(log(N)+M) for M members stored",
            arity: -5,
            flags: flag::WRITE.with(flag::DENYOOM),
            acl: acl::SORTEDSET,
            keys: &[key(1).ow().update(), key(2).ro().access()],
            args: &[
                arg::key("dst"),
                arg::key_of("src", 1),
                arg::string("min"),
                arg::string("max"),
                SORT_BY,
                arg::token("rev", "REV").optional(),
                LIMIT,
            ],
            ..Spec::NEW
        },
        run: Run::Keys(zrangestore),
        ..Command::NEW
    },
];

const ZRANGESTORE: Event = Event::zset("zrangestore");

/// By what a range is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// What a command's name says of its range; what it leaves open, options say.
#[derive(Debug, Clone, Copy, Default)]
struct Form {
    by: Option<By>,
    reverse: Option<bool>,
    /// It stores what it finds, and so takes no WITHSCORES.
    stores: bool,
}

/// A range as asked for.
#[derive(Debug)]
struct Query<'a> {
    span: Span<'a>,
    /// The highest comes first.
    reverse: bool,
    /// LIMIT's offset and count, of a range of scores or members.
    limit: Option<(i64, i64)>,
    with_scores: bool,
}

/// From where to where.
#[derive(Debug)]
enum Span<'a> {
    /// Counted from the end where the answer begins, both taken in.
    Ranks(i64, i64),
    Scores(ScoreRange),
    Members(LexRange<'a>),
}

/// The options behind a range's two bounds.
#[derive(Debug, Default)]
struct Options {
    by: Choice<By>,
    reverse: Choice<()>,
    limit: Option<(i64, i64)>,
    with_scores: bool,
}

impl Options {
    fn parse(mut args: Args<'_>, form: Form) -> Result<Self, CmdError> {
        let mut options = Self::default();
        while args.left() > 0 {
            if !form.stores && args.word("withscores") {
                options.with_scores = true;
            } else if args.word("limit") {
                options.limit = Some(limit(&mut args)?);
            } else if form.reverse.is_none() && args.word("rev") {
                options.reverse.set(())?;
            } else if form.by.is_none() && args.word("bylex") {
                options.by.set(By::Lex)?;
            } else if form.by.is_none() && args.word("byscore") {
                options.by.set(By::Score)?;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }
}

/// LIMIT's two numbers; both must be there before either is looked at.
fn limit(args: &mut Args<'_>) -> Result<(i64, i64), CmdError> {
    if args.left() < 2 {
        return Err(CmdError::Syntax);
    }
    Ok((args.int()?, args.int()?))
}

impl<'a> Query<'a> {
    /// Takes the two bounds at argument `at` and the options behind them.
    fn parse(argv: &Argv<'a>, at: usize, form: Form) -> Result<Self, CmdError> {
        let options = Options::parse(Args::new(argv, at + 2), form)?;
        let by = form.by.or(options.by.take()).unwrap_or(By::Rank);
        let reverse = form.reverse.unwrap_or(options.reverse.is_set());
        // A LIMIT without an end counts for none.
        let limit = options.limit.filter(|(_, count)| by != By::Rank || *count != -1);
        if limit.is_some() && by == By::Rank {
            let words =
                "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
            return Err(CmdError::Msg(words));
        }
        if options.with_scores && by == By::Lex {
            let words = "syntax error, WITHSCORES not supported in combination with BYLEX";
            return Err(CmdError::Msg(words));
        }
        let mut args = Args::new(argv, at);
        let (first, second) = (args.any()?, args.any()?);
        // Bounds are given in the direction of the answer.
        let (min, max) = if reverse { (second, first) } else { (first, second) };
        let span = match by {
            By::Rank => Span::Ranks(args::int(first)?, args::int(second)?),
            By::Score => Span::Scores(bounds::scores(min, max)?),
            By::Lex => Span::Members(bounds::lexical(min, max)?),
        };
        Ok(Self { span, reverse, limit, with_scores: options.with_scores })
    }

    /// The ranks of the elements asked for, from the lowest.
    fn ranks(&self, zset: &Zset) -> Range<usize> {
        let len = zset.len();
        let all = match &self.span {
            Span::Ranks(start, stop) => {
                let ranks = bounds::ranks(*start, *stop, len);
                return if self.reverse { len - ranks.end..len - ranks.start } else { ranks };
            }
            Span::Scores(range) => zset.ranks_by_score(range),
            Span::Members(range) => zset.ranks_by_lex(range),
        };
        let Some((offset, count)) = self.limit else { return all };
        // A negative offset has nothing behind it; a negative count stands for all.
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(all.len() - offset);
        if self.reverse {
            all.end - offset - count..all.end - offset
        } else {
            all.start + offset..all.start + offset + count
        }
    }
}

fn zrange(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    answer(c, argv, Form::default())
}

fn zrevrange(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    answer(c, argv, Form { by: Some(By::Rank), reverse: Some(true), stores: false })
}

fn zrangebyscore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    answer(c, argv, Form { by: Some(By::Score), reverse: Some(false), stores: false })
}

fn zrevrangebyscore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    answer(c, argv, Form { by: Some(By::Score), reverse: Some(true), stores: false })
}

fn zrangebylex(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    answer(c, argv, Form { by: Some(By::Lex), reverse: Some(false), stores: false })
}

fn zrevrangebylex(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    answer(c, argv, Form { by: Some(By::Lex), reverse: Some(true), stores: false })
}

fn answer(c: &mut KeysCtx<'_>, argv: &Argv<'_>, form: Form) -> Outcome {
    let query = Query::parse(argv, 2, form)?;
    let Some(zset) = c.db.fetch_as::<Zset>(&argv[1])? else {
        c.reply.array(0);
        return DONE;
    };
    let elements = zset.range(query.ranks(zset));
    if query.reverse {
        reply_elements(&mut c.reply, elements.rev(), query.with_scores);
    } else {
        reply_elements(&mut c.reply, elements, query.with_scores);
    }
    DONE
}

fn zrangestore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let query = Query::parse(argv, 3, Form { stores: true, ..Form::default() })?;
    let limits = c.limits;
    let mut result = Zset::default();
    if let Some(zset) = c.db.fetch_as::<Zset>(&argv[2])? {
        let ranks = query.ranks(zset);
        result = collect(limits, zset.range(ranks));
    }
    let stored = result.len();
    c.db.store(&argv[1], result, ZRANGESTORE);
    c.reply.len(stored);
    DONE
}
