//! ZADD and ZINCRBY.

use crate::cmd::args::{self, Args};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError, Reply};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::zset::{AddOptions, Added, NotANumber};
use crate::types::{Limits, Zset};
use smallvec::SmallVec;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "zadd",
            summary: "Adds members to a sorted set, or changes their scores.",
            since: "1.2.0",
            group: Group::SortedSet,
            complexity: "O(log(N)) for each member",
            arity: -4,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
            acl: acl::SORTEDSET,
            keys: &[key(1).rw().update()],
            args: &[
                arg::key("key"),
                arg::one_of("condition", &[arg::token("nx", "NX"), arg::token("xx", "XX")])
                    .optional()
                    .since("3.0.2"),
                arg::one_of("comparison", &[arg::token("gt", "GT"), arg::token("lt", "LT")])
                    .optional()
                    .since("6.2.0"),
                arg::token("change", "CH").optional().since("3.0.2"),
                arg::token("increment", "INCR").optional().since("3.0.2"),
                arg::block("data", &[arg::double("score"), arg::string("member")]).multiple(),
            ],
            history: &[
                ("2.4.0", "Several members."),
                ("3.0.2", "The XX, NX, CH and INCR options."),
                ("6.2.0", "The GT and LT options."),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(zadd),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zincrby",
            summary: "Adds to the score of a member.",
            since: "1.2.0",
            group: Group::SortedSet,
            complexity: "O(log(N))",
            arity: 4,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
            acl: acl::SORTEDSET,
            keys: &[key(1).rw().access().update()],
            args: &[arg::key("key"), arg::integer("increment"), arg::string("member")],
            ..Spec::NEW
        },
        run: Run::Keys(zincrby),
        ..Command::NEW
    },
];

const ZADD: Event = Event::zset("zadd");
const ZINCR: Event = Event::zset("zincr");

/// Whom ZADD adds or changes, and what it answers.
#[derive(Debug, Default)]
struct Options {
    add: AddOptions,
    /// Answer how many were added or changed, not only added.
    count_changed: bool,
}

impl Options {
    /// Takes the words before the first score.
    fn parse(args: &mut Args<'_>) -> Self {
        let mut options = Self::default();
        loop {
            if args.word("nx") {
                options.add.only_new = true;
            } else if args.word("xx") {
                options.add.only_existing = true;
            } else if args.word("gt") {
                options.add.only_greater = true;
            } else if args.word("lt") {
                options.add.only_less = true;
            } else if args.word("ch") {
                options.count_changed = true;
            } else if args.word("incr") {
                options.add.increment = true;
            } else {
                return options;
            }
        }
    }

    /// Looks for words that exclude each other, `pairs` of a score and a member following.
    fn check(&self, pairs: usize) -> Result<(), CmdError> {
        let add = &self.add;
        if add.only_new && add.only_existing {
            let words = "XX and NX options at the same time are not compatible";
            return Err(CmdError::Msg(words));
        }
        if [add.only_new, add.only_greater, add.only_less].iter().filter(|is| **is).count() > 1 {
            let words = "GT, LT, and/or NX options at the same time are not compatible";
            return Err(CmdError::Msg(words));
        }
        if add.increment && pairs > 1 {
            return Err(CmdError::Msg("INCR option supports a single increment-element pair"));
        }
        Ok(())
    }
}

fn zadd(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let mut args = Args::new(argv, 2);
    let options = Options::parse(&mut args);
    if args.left() == 0 || args.left() % 2 == 1 {
        return Err(CmdError::Syntax);
    }
    options.check(args.left() / 2)?;
    add(c, &argv[1], args, &options)
}

/// ZINCRBY is ZADD with INCR.
fn zincrby(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let add_options = AddOptions { increment: true, ..AddOptions::default() };
    let options = Options { add: add_options, ..Options::default() };
    add(c, &argv[1], Args::new(argv, 2), &options)
}

/// A score and the member that is to have it.
type Pair<'a> = (f64, &'a [u8]);

/// Adds the pairs of a score and a member that are left in `args`.
fn add(c: &mut KeysCtx<'_>, key: &[u8], mut args: Args<'_>, options: &Options) -> Outcome {
    let mut pairs: SmallVec<[Pair<'_>; 8]> = SmallVec::new();
    while let (Some(score), Some(member)) = (args.next(), args.next()) {
        pairs.push((args::float(score)?, member));
    }
    let limits = c.limits;
    let held = if options.add.only_existing {
        c.db.edit_as::<Zset>(key)?
    } else {
        let longest = pairs[0].1.len();
        Some(c.db.edit_or_new(key, || Zset::with_hints(limits, pairs.len(), longest))?)
    };
    let Some(mut zset) = held else {
        answer(&mut c.reply, options, Sum::default());
        return DONE;
    };
    // Redis looks at the number of pairs first, new members or not.
    if pairs.len() > limits.zset_max_listpack_entries {
        zset.expect(limits, pairs.len(), 0);
    }
    let Ok(sum) = add_pairs(&mut zset, limits, &pairs, options.add) else {
        zset.unchanged();
        return Err(CmdError::Msg("resulting score is not a number (NaN)"));
    };
    match sum.added + sum.updated {
        0 => zset.unchanged(),
        changes => {
            let event = if options.add.increment { ZINCR } else { ZADD };
            zset.done_times(event, changes as u64);
        }
    }
    answer(&mut c.reply, options, sum);
    DONE
}

/// What became of the pairs.
#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    added: usize,
    updated: usize,
    /// The last member's score, if no condition kept it as it was.
    score: Option<f64>,
}

/// Only an increment makes what is no number, and it stands alone: then nothing has changed.
fn add_pairs(
    zset: &mut Zset,
    limits: &Limits,
    pairs: &[Pair<'_>],
    options: AddOptions,
) -> Result<Sum, NotANumber> {
    let mut sum = Sum::default();
    for (score, member) in pairs {
        sum.score = match zset.add(limits, member, *score, options)? {
            Added::New(score) => {
                sum.added += 1;
                Some(score)
            }
            Added::Updated(score) => {
                sum.updated += 1;
                Some(score)
            }
            Added::Unchanged(score) => Some(score),
            Added::Skipped => None,
        };
    }
    Ok(sum)
}

/// Answers the counts; with INCR the member's score, if no condition kept it as it was.
fn answer(reply: &mut Reply<'_>, options: &Options, sum: Sum) {
    if options.add.increment {
        match sum.score {
            Some(score) => reply.double(score),
            None => reply.null(),
        }
    } else {
        reply.len(sum.added + if options.count_changed { sum.updated } else { 0 });
    }
}
