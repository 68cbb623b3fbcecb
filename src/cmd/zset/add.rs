//! ZADD and ZINCRBY.

use crate::cmd::args::{self, Args};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::Zset;
use crate::types::zset::{AddOptions, Added};
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

/// Adds the pairs of a score and a member that are left in `args`.
fn add(c: &mut KeysCtx<'_>, key: &[u8], mut args: Args<'_>, options: &Options) -> Outcome {
    let mut pairs: SmallVec<[(f64, &[u8]); 8]> = SmallVec::new();
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
        answer(c, options, Counts::default(), None);
        return DONE;
    };
    if pairs.len() > limits.zset_max_listpack_entries {
        zset.expect(limits, pairs.len(), 0);
    }
    let mut counts = Counts::default();
    let mut last = None;
    for (score, member) in pairs {
        match zset.add(limits, member, score, options.add) {
            Ok(Added::Skipped) => last = None,
            Ok(Added::Unchanged(score)) => last = Some(score),
            Ok(Added::Updated(score)) => {
                counts.updated += 1;
                last = Some(score);
            }
            Ok(Added::New(score)) => {
                counts.added += 1;
                last = Some(score);
            }
            // Only an increment makes such a score, and that is the command's only one.
            Err(_) => {
                zset.unchanged();
                return Err(CmdError::Msg("resulting score is not a number (NaN)"));
            }
        }
    }
    match counts.added + counts.updated {
        0 => zset.unchanged(),
        n => zset.done_times(if options.add.increment { ZINCR } else { ZADD }, n as u64),
    }
    answer(c, options, counts, last);
    DONE
}

/// What became of the members.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    added: usize,
    updated: usize,
}

/// Answers the counts; with INCR the member's score, if no condition kept it as it was.
fn answer(c: &mut KeysCtx<'_>, options: &Options, counts: Counts, score: Option<f64>) {
    match score {
        _ if !options.add.increment => {
            let changed = if options.count_changed { counts.updated } else { 0 };
            c.reply.len(counts.added + changed);
        }
        Some(score) => c.reply.double(score),
        None => c.reply.null(),
    }
}
