//! Taking out the lowest or highest elements, and waiting for some.
//!
//! What waits, and what looks at several keys, goes to the AOF and the replicas as the ZPOPMIN or
//! ZPOPMAX that it came to.

use super::{discard, remove_ranks, reply_elements, reply_pair};
use crate::cmd::args::{self, Args};
use crate::cmd::{Block, Command, DONE, Denied, Flow, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError, Reply};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, counted, flag, key, range};
use crate::types::zset::{Element, Elements};
use crate::types::{Collection, Type, Zset};
use std::ops::Range;

const WHERE: Arg = arg::one_of("where", &[arg::token("min", "MIN"), arg::token("max", "MAX")]);

/// What the rows of pops from one end share.
const POP: Spec = Spec {
    since: "5.0.0",
    group: Group::SortedSet,
    complexity: "O(M*log(N)) for M members removed",
    arity: -2,
    flags: flag::WRITE.with(flag::FAST),
    acl: acl::SORTEDSET,
    keys: &[key(1).rw().access().delete()],
    args: &[arg::key("key"), arg::integer("count").optional()],
    ..Spec::NEW
};

/// What the rows of those that wait share.
const BLOCKING_POP: Spec = Spec {
    since: "5.0.0",
    group: Group::SortedSet,
    complexity: "O(log(N))",
    arity: -3,
    flags: flag::WRITE.with(flag::BLOCKING).with(flag::FAST),
    acl: acl::SORTEDSET,
    keys: &[range(1, -2, 1).rw().access().delete()],
    args: &[arg::key("key").multiple(), arg::double("timeout")],
    history: &[("6.0.0", "Fractions of a second.")],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "zpopmin",
            summary: "Removes and answers the members with the lowest scores.",
            ..POP
        },
        run: Run::Keys(zpopmin),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zpopmax",
            summary: "Removes and answers the members with the highest scores.",
            ..POP
        },
        run: Run::Keys(zpopmax),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "zmpop",
            summary: "Removes and answers members of the first sorted set that has any.",
            since: "7.0.0",
            group: Group::SortedSet,
            complexity: "O(K)+O(M*log(N)) for K keys and M members removed",
            arity: -4,
            flags: flag::WRITE.with(flag::MOVABLE_KEYS),
            acl: acl::SORTEDSET,
            keys: &[counted(1, 1).rw().access().delete()],
            args: &[
                arg::integer("numkeys"),
                arg::key("key").multiple(),
                WHERE,
                arg::integer("count").after("COUNT").optional(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(zmpop),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "bzpopmin",
            summary: "Removes and answers the lowest member of the first sorted set that has any, or waits for one.",
            ..BLOCKING_POP
        },
        run: Run::Keys(bzpopmin),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "bzpopmax",
            summary: "Removes and answers the highest member of the first sorted set that has any, or waits for one.",
            ..BLOCKING_POP
        },
        run: Run::Keys(bzpopmax),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "bzmpop",
            summary: "Removes and answers members of the first sorted set that has any, or waits for one.",
            since: "7.0.0",
            group: Group::SortedSet,
            complexity: "O(K)+O(M*log(N)) for K keys and M members removed",
            arity: -5,
            flags: flag::WRITE.with(flag::BLOCKING).with(flag::MOVABLE_KEYS),
            acl: acl::SORTEDSET,
            keys: &[counted(2, 1).rw().access().delete()],
            args: &[
                arg::double("timeout"),
                arg::integer("numkeys"),
                arg::key("key").multiple(),
                WHERE,
                arg::integer("count").after("COUNT").optional(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(bzmpop),
        ..Command::NEW
    },
];

/// The end that elements are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> Event {
        match self {
            Self::Min => Event::zset("zpopmin"),
            Self::Max => Event::zset("zpopmax"),
        }
    }

    /// The command that takes from this end and does not wait.
    fn command(self) -> &'static [u8] {
        match self {
            Self::Min => b"ZPOPMIN",
            Self::Max => b"ZPOPMAX",
        }
    }
}

fn zpopmin(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    pop(c, argv, End::Min)
}

fn zpopmax(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    pop(c, argv, End::Max)
}

fn bzpopmin(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    pop_or_wait(c, argv, End::Min)
}

fn bzpopmax(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    pop_or_wait(c, argv, End::Max)
}

/// ZPOPMIN and ZPOPMAX. Asked for a number of elements, they answer as ranges with scores do.
fn pop(c: &mut KeysCtx<'_>, argv: &Argv<'_>, end: End) -> Outcome {
    let mut args = Args::new(argv, 2);
    if args.left() > 1 {
        return Err(CmdError::Syntax);
    }
    let count = match args.left() {
        0 => None,
        _ => {
            let out_of_range = CmdError::Msg("value is out of range, must be positive");
            Some(args.int_in(0, i64::MAX, out_of_range)? as usize)
        }
    };
    let taken = take(c, &argv[1], end, count.unwrap_or(1), |reply, elements| match count {
        Some(_) => reply_elements(reply, elements, true),
        None => {
            reply.array(2);
            elements.for_each(|element| reply_pair(reply, element));
        }
    })?;
    if taken == 0 {
        c.reply.array(0);
    }
    DONE
}

/// BZPOPMIN and BZPOPMAX.
fn pop_or_wait(c: &mut KeysCtx<'_>, argv: &Argv<'_>, end: End) -> Outcome {
    let keys = 1..argv.len() - 1;
    let deadline_ms = args::deadline(&argv[keys.end], c.db.now_ms())?;
    for at in keys.clone() {
        let key = &argv[at];
        let taken = take(c, key, end, 1, |reply, elements| {
            reply.array(3);
            reply.bulk(key);
            elements.for_each(|element| reply_pair(reply, element));
        })?;
        if taken > 0 {
            c.propagate_as(&[end.command(), key]);
            return DONE;
        }
    }
    Ok(wait(keys, deadline_ms))
}

/// What ZMPOP and BZMPOP are asked for.
#[derive(Debug)]
struct Request {
    /// Their keys, as numbers of arguments.
    keys: Range<usize>,
    end: End,
    count: usize,
}

impl Request {
    /// Takes the number of keys and all behind it.
    fn parse(mut args: Args<'_>) -> Result<Self, CmdError> {
        let few_keys = CmdError::Msg("numkeys should be greater than 0");
        let keys = args.int_in(1, i64::MAX, few_keys)? as usize;
        if keys >= args.left() {
            return Err(CmdError::Syntax);
        }
        let keys = args.position()..args.position() + keys;
        args.by_ref().take(keys.len()).for_each(drop);
        let end = if args.word("min") {
            End::Min
        } else if args.word("max") {
            End::Max
        } else {
            return Err(CmdError::Syntax);
        };
        let mut count = 1;
        if args.word("count") {
            count = args.int_in(1, i64::MAX, CmdError::Msg("count should be greater than 0"))?;
        }
        args.end()?;
        Ok(Self { keys, end, count: count as usize })
    }

    /// Takes from the first key that holds something; whether one did.
    fn serve(&self, c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Result<bool, CmdError> {
        for key in self.keys.clone().map(|at| &argv[at]) {
            let taken = take(c, key, self.end, self.count, |reply, elements| {
                reply.array(2);
                reply.bulk(key);
                reply.array(elements.len());
                for element in elements {
                    reply.array(2);
                    reply_pair(reply, element);
                }
            })?;
            if taken > 0 {
                let taken = taken.to_string();
                c.propagate_as(&[self.end.command(), key, taken.as_bytes()]);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn zmpop(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let request = Request::parse(Args::new(argv, 1))?;
    if !request.serve(c, argv)? {
        c.reply.null_array();
    }
    DONE
}

fn bzmpop(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let request = Request::parse(Args::new(argv, 2))?;
    let deadline_ms = args::deadline(&argv[1], c.db.now_ms())?;
    if request.serve(c, argv)? { DONE } else { Ok(wait(request.keys, deadline_ms)) }
}

/// Until one of the keys is filled.
fn wait(keys: Range<usize>, deadline_ms: Option<u64>) -> Flow {
    let denied = Denied::NullArray;
    Flow::Block(Block::filled(keys, Type::Zset, 1, deadline_ms, denied))
}

/// Elements that are taken, in the order of the answer.
struct Taken<'a> {
    elements: Elements<'a>,
    end: End,
}

impl<'a> Iterator for Taken<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        match self.end {
            End::Min => self.elements.next(),
            End::Max => self.elements.next_back(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.elements.size_hint()
    }
}

impl ExactSizeIterator for Taken<'_> {}

/// Takes up to `count` elements from an end of the sorted set at `key`, after `answer` has shown
/// them to the client; how many it took. Where it takes none, `answer` is not called.
fn take(
    c: &mut KeysCtx<'_>,
    key: &[u8],
    end: End,
    count: usize,
    answer: impl FnOnce(&mut Reply<'_>, Taken<'_>),
) -> Result<usize, CmdError> {
    let Some(mut zset) = c.db.edit_as::<Zset>(key)? else { return Ok(0) };
    let len = zset.len();
    let count = count.min(len);
    if count == 0 {
        zset.unchanged();
        return Ok(0);
    }
    let ranks = match end {
        End::Min => 0..count,
        End::Max => len - count..len,
    };
    answer(&mut c.reply, Taken { elements: zset.range(ranks.clone()), end });
    let rest = remove_ranks(&mut zset, ranks);
    zset.done_times(end.event(), count as u64);
    discard(c, rest);
    Ok(count)
}
