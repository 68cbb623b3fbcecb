//! IDMP and IDMPAUTO of XADD; XCFGSET, XIDMPRECORD.

use super::id;
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, flag, key};
use crate::types::Limits;
use crate::types::stream::{Id, Memory, Stream};
use std::borrow::Cow;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_128;

pub(super) const OPTION: Arg = arg::one_of(
    "idmp",
    &[
        arg::string("pid").after("IDMPAUTO"),
        arg::block("idmp-block", &[arg::string("pid"), arg::string("iid")]).after("IDMP"),
    ],
)
.optional()
.since("8.6.0");

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "xcfgset",
            summary: "Sets for how long, and how many of, the names that producers give a \
                      stream's entries are remembered.",
            since: "8.6.0",
            group: Group::Stream,
            complexity: "O(N), of N names that are forgotten",
            arity: -2,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::STREAM,
            keys: &[key(1).rw().update()],
            args: &[
                arg::key("key"),
                arg::integer("idmp-duration").after("IDMP-DURATION").optional(),
                arg::integer("idmp-maxsize").after("IDMP-MAXSIZE").optional(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(xcfgset),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "xidmprecord",
            summary: "Has it remembered that a producer has added an entry under a name: what the \
                      append-only file and replicas are told.",
            since: "8.6.2",
            group: Group::Stream,
            complexity: "O(log(N)), of N names",
            arity: 5,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::STREAM,
            keys: &[key(1).rw().update()],
            args: &[
                arg::key("key"),
                arg::string("pid"),
                arg::string("iid"),
                arg::string("stream-id"),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(xidmprecord),
        ..Command::NEW
    },
];

/// Seconds and names that may be set.
const DURATION_MAX: i64 = 86_400;
const SIZE_MAX: i64 = 10_000;

/// Who adds an entry, and under what name.
#[derive(Debug, Clone)]
pub(super) struct Named<'a> {
    pub(super) producer: &'a [u8],
    /// `None` is one made of the entry's fields and values.
    name: Option<&'a [u8]>,
    /// The arguments that say so.
    pub(super) at: Range<usize>,
}

impl<'a> Named<'a> {
    /// Takes the option that comes next, if it is one of these; whether it was.
    pub(super) fn take(taken: &mut Option<Self>, args: &mut Args<'a>) -> Result<bool, CmdError> {
        let start = Args::position(args);
        let auto = args.left() > 1 && args.word("IDMPAUTO");
        let named = !auto && args.left() > 2 && args.word("IDMP");
        if !auto && !named {
            return Ok(false);
        }
        if taken.is_some() {
            return Err(CmdError::Msg("IDMP/IDMPAUTO specified multiple times"));
        }
        let producer = args.any()?;
        let name = if auto { None } else { Some(args.any()?) };
        if producer.is_empty() {
            return Err(CmdError::Msg(match auto {
                true => "IDMPAUTO requires a non-empty producer ID",
                false => "IDMP requires a non-empty producer ID",
            }));
        }
        if name.is_some_and(<[u8]>::is_empty) {
            return Err(CmdError::Msg("IDMP requires a non-empty idempotent ID"));
        }
        *taken = Some(Named { producer, name, at: start..Args::position(args) });
        Ok(true)
    }

    /// The name of an entry of these fields and values, by turns. One made of them does not depend on their
    /// order.
    pub(super) fn name_of<'w>(
        &self,
        words: impl ExactSizeIterator<Item = &'w [u8]> + Clone,
    ) -> Cow<'a, [u8]> {
        if let Some(name) = self.name {
            return name.into();
        }
        let pairs = words.clone().step_by(2).zip(words.skip(1).step_by(2));
        let sum = pairs.fold(0u128, |sum, (field, value)| {
            let mut pair = Vec::with_capacity(8 + field.len() + value.len());
            pair.extend_from_slice(&(field.len() as u64).to_le_bytes());
            pair.extend_from_slice(field);
            pair.extend_from_slice(value);
            sum.wrapping_add(xxh3_128(&pair))
        });
        sum.to_be_bytes().to_vec().into()
    }
}

/// What is remembered where nothing else was set.
pub(super) fn usual(limits: &Limits) -> Memory {
    Memory { duration_s: limits.stream_idmp_duration, max_size: limits.stream_idmp_maxsize }
}

fn xcfgset(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (mut duration, mut size) = (None, None);
    let mut args = Args::new(argv, 2);
    while args.left() > 0 {
        if args.left() > 1 && args.word("IDMP-DURATION") {
            duration = Some(args.int()?);
        } else if args.left() > 1 && args.word("IDMP-MAXSIZE") {
            size = Some(args.int()?);
        } else {
            return Err(CmdError::Syntax);
        }
    }
    if duration.is_none() && size.is_none() {
        return Err(CmdError::Msg("At least one parameter must be specified"));
    }
    if duration.is_some_and(|it| !(1..=DURATION_MAX).contains(&it)) {
        return Err(CmdError::Msg("IDMP-DURATION must be between 1 and 86400 seconds"));
    }
    if size.is_some_and(|it| !(1..=SIZE_MAX).contains(&it)) {
        return Err(CmdError::Msg("IDMP-MAXSIZE must be between 1 and 10000 entries"));
    }
    let stream = c.db.edit_as::<Stream>(&argv[1])?;
    let mut stream = stream.ok_or(CmdError::NoSuchKey)?;
    let known = stream.idempotence_mut(usual(c.limits));
    let Memory { duration_s, max_size } = known.memory();
    known.set_memory(Memory {
        duration_s: duration.map_or(duration_s, |it| it as u64),
        max_size: size.map_or(max_size, |it| it as u64),
    });
    stream.done_untold(1);
    c.reply.ok();
    DONE
}

fn xidmprecord(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let id: Id = id::id(&argv[4], 0)?;
    let now_ms = c.db.clock_ms();
    let stream = c.db.edit_as::<Stream>(&argv[1])?;
    let mut stream = stream.ok_or(CmdError::NoSuchKey)?;
    let known = stream.idempotence_mut(usual(c.limits));
    known.record(&argv[2], &argv[3], id, now_ms);
    known.added += 1;
    stream.done_untold(1);
    c.reply.ok();
    DONE
}
