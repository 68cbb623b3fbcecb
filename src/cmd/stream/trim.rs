//! XTRIM, and the options that it shares with XADD.

use super::id;
use crate::cmd::args::{self, Args};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, flag, key};
use crate::stdx::num;
use crate::types::stream::{Id, References, Stream, Trim, TrimBy};
use crate::types::{Collection, Limits};
use std::ops::Range;

/// Entries that approximate trimming removes at most, in nodes, if the command does not say.
const NODES_AT_ONCE: u64 = 100;
/// The same in entries, where nodes have no bound, and however large they are.
const ENTRIES_AT_ONCE: u64 = 10_000;
const ENTRIES_AT_ONCE_MAX: u64 = 1_000_000;

pub(super) const OPTIONS: &[Arg] = &[
    arg::one_of(
        "strategy",
        &[arg::token("maxlen", "MAXLEN"), arg::token("minid", "MINID").since("6.2.0")],
    ),
    arg::one_of("operator", &[arg::token("equal", "="), arg::token("approximately", "~")])
        .optional(),
    arg::string("threshold"),
    arg::integer("count").after("LIMIT").optional().since("6.2.0"),
];

/// What becomes of entries that pend in groups.
pub(super) const REFERENCES: Arg = arg::one_of(
    "condition",
    &[
        arg::token("keepref", "KEEPREF"),
        arg::token("delref", "DELREF"),
        arg::token("acked", "ACKED"),
    ],
)
.optional()
.since("8.2.0");

/// Takes KEEPREF, DELREF or ACKED if one comes next; whether it was.
///
/// # Errors
/// It is the second one.
pub(super) fn take_references(
    args: &mut Args<'_>,
    taken: &mut Option<References>,
) -> Result<bool, CmdError> {
    let references = if args.word("KEEPREF") {
        References::Keep
    } else if args.word("DELREF") {
        References::Delete
    } else if args.word("ACKED") {
        References::Acked
    } else {
        return Ok(false);
    };
    match taken.replace(references) {
        None => Ok(true),
        Some(_) => Err(CmdError::Syntax),
    }
}

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "xtrim",
        summary: "Removes the oldest entries of a stream.",
        since: "5.0.0",
        group: Group::Stream,
        complexity: "O(N), of N entries removed",
        arity: -4,
        flags: flag::WRITE,
        acl: acl::STREAM,
        tips: &["nondeterministic_output"],
        keys: &[key(1).rw().delete()],
        args: &[arg::key("key"), arg::block("trim", OPTIONS), REFERENCES],
        history: &[
            ("6.2.0", "Takes MINID and LIMIT."),
            ("8.2.0", "Takes KEEPREF, DELREF and ACKED."),
        ],
        ..Spec::NEW
    },
    run: Run::Keys(xtrim),
    ..Command::NEW
}];

/// The options as they are given.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    strategy: Option<TrimBy>,
    approximate: bool,
    limit: Option<u64>,
    references: Option<References>,
    /// The number of the argument that is the threshold.
    threshold_at: usize,
}

impl Options {
    /// Takes the option that comes next, if it is one of these; whether it was.
    pub(super) fn take(&mut self, args: &mut Args<'_>) -> Result<bool, CmdError> {
        if take_references(args, &mut self.references)? {
            return Ok(true);
        }
        if args.left() < 2 {
            return Ok(false);
        }
        if args.word("MAXLEN") {
            self.threshold(args, |arg| match num::parse_i64(arg) {
                None => Err(CmdError::NotInteger),
                Some(max) => u64::try_from(max)
                    .map(TrimBy::MaxLen)
                    .map_err(|_| CmdError::Msg("The MAXLEN argument must be >= 0.")),
            })?;
        } else if args.word("MINID") {
            self.threshold(args, |arg| id::id(arg, 0).map(TrimBy::MinId))?;
        } else if args.word("LIMIT") {
            let limit = u64::try_from(args.int()?);
            let limit = limit.map_err(|_| CmdError::Msg("The LIMIT argument must be >= 0."))?;
            self.limit = Some(limit);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn threshold(
        &mut self,
        args: &mut Args<'_>,
        parse: impl FnOnce(&[u8]) -> Result<TrimBy, CmdError>,
    ) -> Result<(), CmdError> {
        if self.strategy.is_some() {
            return Err(CmdError::Msg(
                "syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        self.approximate = false;
        if args.left() > 1 && args.word("~") {
            self.approximate = true;
        } else if args.left() > 1 {
            args.word("=");
        }
        self.threshold_at = Args::position(args);
        self.strategy = Some(parse(args.any()?)?);
        Ok(())
    }

    /// What is to be trimmed, if anything. What a log says was checked before it was written.
    pub(super) fn finish(
        &self,
        limits: &Limits,
        is_replayed: bool,
    ) -> Result<Option<Trim>, CmdError> {
        let Some(by) = self.strategy else {
            let words = "syntax error, LIMIT cannot be used without specifying a trimming strategy";
            return if self.limit.is_some() { Err(CmdError::Msg(words)) } else { Ok(None) };
        };
        if self.limit.is_some() && !self.approximate && !is_replayed {
            return Err(CmdError::Msg(
                "syntax error, LIMIT cannot be used without the special ~ option",
            ));
        }
        let limit = match self.limit {
            Some(0) => None,
            None if self.approximate => Some(usual_limit(limits)),
            limit => limit,
        };
        let references = self.references.unwrap_or_default();
        Ok(Some(Trim { by, approximate: self.approximate, limit, references }))
    }

    /// The command as others are told it: with the id that an entry got in the place of the argument
    /// behind the options, which end at number `end`, with exactly what trimming has left here, and without
    /// some arguments.
    pub(super) fn propagate(
        &self,
        c: &mut KeysCtx<'_>,
        argv: &Argv<'_>,
        left: &Left,
        (end, id): (usize, Option<Id>),
        untold: Range<usize>,
    ) {
        if !c.is_feeding() || (!self.approximate && id.is_none()) {
            return;
        }
        let (mut text, mut digits) = ([0; Id::TEXT_MAX], itoa::Buffer::new());
        let mut first = [0; Id::TEXT_MAX];
        let mut words: Vec<&[u8]> = argv.iter().collect();
        let mut dropped = vec![untold];
        if let Some(id) = id {
            words[end] = id.text(&mut text);
        }
        if self.approximate {
            words[self.threshold_at - 1] = b"=";
            // Of those that were acknowledged the oldest went: their number says which.
            if self.references == Some(References::Acked) {
                words[self.threshold_at - 2] = b"MAXLEN";
            }
            words[self.threshold_at] = match self.strategy {
                Some(TrimBy::MinId(_)) if self.references != Some(References::Acked) => {
                    left.first_id.text(&mut first)
                }
                _ => digits.format(left.len).as_bytes(),
            };
            let limit = words[..end].iter().rposition(|word| args::is(word, "LIMIT"));
            if self.limit.is_some()
                && let Some(limit) = limit
            {
                dropped.push(limit..limit + 2);
            }
        }
        dropped.sort_unstable_by_key(|range| range.start);
        for range in dropped.into_iter().rev() {
            words.drain(range);
        }
        c.propagate_as(&words);
    }
}

/// What trimming has left of a stream.
pub(super) struct Left {
    pub(super) len: usize,
    pub(super) first_id: Id,
}

impl Left {
    pub(super) fn of(stream: &Stream) -> Self {
        Self { len: stream.len(), first_id: stream.facts().first_id }
    }
}

/// Entries that approximate trimming removes at most if the command does not say.
fn usual_limit(limits: &Limits) -> u64 {
    match limits.stream_node_max_entries as u64 {
        0 => ENTRIES_AT_ONCE,
        entries => entries.saturating_mul(NODES_AT_ONCE).min(ENTRIES_AT_ONCE_MAX),
    }
}

fn xtrim(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let mut args = Args::new(argv, 2);
    let mut options = Options::default();
    while args.left() > 0 {
        if !options.take(&mut args)? {
            return Err(CmdError::Syntax);
        }
    }
    let trim = options.finish(c.limits, c.is_replayed)?;
    let trim =
        trim.ok_or(CmdError::Msg("syntax error, XTRIM must be called with a trimming strategy"))?;
    let Some(mut stream) = c.db.edit_as::<Stream>(&argv[1])? else {
        c.reply.int(0);
        return DONE;
    };
    let removed = stream.trim(&trim);
    let left = Left::of(&stream);
    match removed {
        0 => stream.done_untold(0),
        _ => stream.done_times(Event::stream("xtrim"), removed),
    }
    c.reply.int(removed as i64);
    if removed > 0 {
        options.propagate(c, argv, &left, (argv.len(), None), 0..0);
    }
    DONE
}
