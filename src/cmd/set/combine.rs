//! Several sets at once: what they have in common, all together, or in the first alone.

use super::free_later;
use crate::cmd::args::{Args, int};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::ds::hll::{Mark, Registers};
use crate::keyspace::{Db, Event};
use crate::resp::{Argv, Bulks, CmdError, Reply};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, counted, flag, key, range};
use crate::types::{Collection, Limits, Set, SetForm, Str};
use std::cmp::Reverse;
use std::ops::ControlFlow;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "sinter",
            summary: "Answers what several sets have in common.",
            complexity: SMALLEST,
            ..COMBINE
        },
        run: Run::Keys(sinter),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sunion",
            summary: "Answers the members that any of several sets has.",
            ..COMBINE
        },
        run: Run::Keys(sunion),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sdiff",
            summary: "Answers the members of the first set that none of the others has.",
            ..COMBINE
        },
        run: Run::Keys(sdiff),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sinterstore",
            summary: "Keeps what several sets have in common at a key.",
            complexity: SMALLEST,
            keys: &[key(1).rw().update(), range(2, -1, 1).ro().access()],
            ..STORE
        },
        run: Run::Keys(sinterstore),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sunionstore",
            summary: "Keeps the members that any of several sets has at a key.",
            ..STORE
        },
        run: Run::Keys(sunionstore),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sdiffstore",
            summary: "Keeps the members of the first set that none of the others has at a key.",
            ..STORE
        },
        run: Run::Keys(sdiffstore),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sintercard",
            summary: "Answers how many members several sets have in common.",
            since: "7.0.0",
            complexity: SMALLEST,
            ..CARD
        },
        run: Run::Keys(sintercard),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sunioncard",
            summary: "Answers how many members several sets have together.",
            args: &[
                arg::integer("numkeys"),
                arg::key("key").multiple(),
                arg::token("approx", "APPROX").optional(),
                LIMIT,
            ],
            ..CARD
        },
        run: Run::Keys(sunioncard),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sdiffcard",
            summary: "Answers how many members of the first set none of the others has.",
            ..CARD
        },
        run: Run::Keys(sdiffcard),
        ..Command::NEW
    },
];

const SMALLEST: &str = "O(N*M), N being the size of the smallest set and M the number of sets";

/// What those that answer members share.
const COMBINE: Spec = Spec {
    since: "1.0.0",
    group: Group::Set,
    complexity: "O(N), N being the sum of the sizes of the sets",
    arity: -2,
    flags: flag::READONLY,
    acl: acl::SET,
    keys: &[range(1, -1, 1).ro().access()],
    args: &[arg::key("key").multiple()],
    tips: &["nondeterministic_output_order"],
    ..Spec::NEW
};

/// What those that keep them share.
const STORE: Spec = Spec {
    arity: -3,
    flags: flag::WRITE.with(flag::DENYOOM),
    keys: &[key(1).ow().update(), range(2, -1, 1).ro().access()],
    args: &[arg::key("destination"), arg::key_of("key", 1).multiple()],
    tips: &[],
    ..COMBINE
};

/// What those that count them share.
const CARD: Spec = Spec {
    since: "8.10.0",
    arity: -3,
    flags: flag::READONLY.with(flag::MOVABLE_KEYS),
    keys: &[counted(1, 1).ro().access()],
    args: &[arg::integer("numkeys"), arg::key("key").multiple(), LIMIT],
    tips: &[],
    ..COMBINE
};

const LIMIT: Arg = arg::integer("limit").after("LIMIT").optional();

const SINTERSTORE: Event = Event::set("sinterstore");
const SUNIONSTORE: Event = Event::set("sunionstore");
const SDIFFSTORE: Event = Event::set("sdiffstore");

/// Up to so many sets of a union each member is looked for in those before; from more they are gathered.
const PROBED_SETS: usize = 4;

/// Where each member that is found goes; it may say that it has enough.
type Found<'f> = &'f mut dyn FnMut(Str<'_>) -> ControlFlow<()>;

fn sinter(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let mut found = Bulks::default();
    let sets = all(&mut c.db, argv.from(1))?;
    intersect(&sets, &mut |member| push(&mut found, member));
    answer(&mut c.reply, found)
}

fn sunion(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let mut found = Bulks::default();
    let sets = all(&mut c.db, argv.from(1))?;
    let gathered = unite(&sets, c.limits, &mut |member| push(&mut found, member));
    free_later(c, gathered);
    answer(&mut c.reply, found)
}

fn sdiff(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let mut found = Bulks::default();
    let sets = all(&mut c.db, argv.from(1))?;
    let gathered = subtract(&sets, c.limits, &mut |member| push(&mut found, member));
    free_later(c, gathered);
    answer(&mut c.reply, found)
}

/// The result begins in the form of the smallest set. Integers alone end as such, also where they were
/// members of tables.
fn sinterstore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let sets = all(&mut c.db, argv.from(2))?;
    let smallest = sets.iter().flatten().min_by_key(|set| set.len());
    let of_ints = smallest.is_some_and(|set| matches!(set.form(), SetForm::Ints(_)));
    let mut result = if of_ints { Set::new() } else { Set::new_pack() };
    intersect(&sets, &mut |member| add(&mut result, member, c.limits));
    result.prefer_ints(c.limits);
    store(c, &argv[1], result, SINTERSTORE)
}

/// The members are added in the order of the keys, so that the result is held as Redis holds it.
fn sunionstore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let sets = all(&mut c.db, argv.from(2))?;
    let largest = sets.iter().flatten().map(|set| set.len()).max();
    let mut result = Set::with_capacity(largest.unwrap_or(0), c.limits);
    for member in sets.iter().flatten().flat_map(|set| set.iter()) {
        result.add(member.bytes(&mut itoa::Buffer::new()), c.limits);
    }
    store(c, &argv[1], result, SUNIONSTORE)
}

fn sdiffstore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let sets = all(&mut c.db, argv.from(2))?;
    let mut result = Set::new();
    let gathered = subtract(&sets, c.limits, &mut |member| add(&mut result, member, c.limits));
    free_later(c, gathered);
    store(c, &argv[1], result, SDIFFSTORE)
}

fn sintercard(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let asked = Asked::parse(argv, false)?;
    let sets = all(&mut c.db, asked.keys(argv))?;
    let mut count = Count::up_to(asked.limit);
    intersect(&sets, &mut |_| count.one_more());
    c.reply.len(count.seen);
    DONE
}

fn sunioncard(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let asked = Asked::parse(argv, true)?;
    let sets = all(&mut c.db, asked.keys(argv))?;
    if asked.approx {
        let estimate = estimate(&sets);
        c.reply.int(if asked.limit == 0 { estimate } else { estimate.min(asked.limit) } as i64);
        return DONE;
    }
    let mut count = Count::up_to(asked.limit);
    let gathered = unite(&sets, c.limits, &mut |_| count.one_more());
    free_later(c, gathered);
    c.reply.len(count.seen);
    DONE
}

fn sdiffcard(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let asked = Asked::parse(argv, false)?;
    let sets = all(&mut c.db, asked.keys(argv))?;
    let mut count = Count::up_to(asked.limit);
    let gathered = subtract(&sets, c.limits, &mut |_| count.one_more());
    free_later(c, gathered);
    c.reply.len(count.seen);
    DONE
}

/// What the commands that count are asked.
struct Asked {
    keys: usize,
    /// Stop at so many, if not 0.
    limit: u64,
    /// An estimate will do.
    approx: bool,
}

impl Asked {
    fn parse(argv: &Argv<'_>, may_estimate: bool) -> Result<Self, CmdError> {
        let keys = int(&argv[1]).ok().and_then(|keys| usize::try_from(keys).ok());
        let keys = keys.filter(|keys| *keys > 0);
        let keys = keys.ok_or(CmdError::Msg("numkeys should be greater than 0"))?;
        if keys > argv.len() - 2 {
            return Err(CmdError::Msg("Number of keys can't be greater than number of args"));
        }
        let mut asked = Self { keys, limit: 0, approx: false };
        let mut args = Args::new(argv, 2 + keys);
        while args.left() > 0 {
            if args.word("LIMIT") {
                let limit = int(args.any()?).ok().and_then(|limit| u64::try_from(limit).ok());
                asked.limit = limit.ok_or(CmdError::Msg("LIMIT can't be negative"))?;
            } else if may_estimate && args.word("APPROX") {
                asked.approx = true;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(asked)
    }

    fn keys<'a>(&self, argv: &Argv<'a>) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        argv.from(2).take(self.keys)
    }
}

/// Counts until there are enough.
struct Count {
    seen: usize,
    enough: u64,
}

impl Count {
    /// A limit of 0 is none.
    fn up_to(limit: u64) -> Self {
        Self { seen: 0, enough: if limit == 0 { u64::MAX } else { limit } }
    }

    fn one_more(&mut self) -> ControlFlow<()> {
        self.seen += 1;
        if self.seen as u64 >= self.enough {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// The sets at these keys, all held together; `None` stands for a key that is missing. One of another
/// type fails the command wherever it stands.
fn all<'d, 'k>(
    db: &'d mut Db<'_>,
    keys: impl Iterator<Item = &'k [u8]> + Clone,
) -> Result<Vec<Option<&'d Set>>, CmdError> {
    db.prepare(keys.clone());
    let db: &'d Db<'_> = db;
    keys.map(|key| db.peek_as::<Set>(key)).collect()
}

/// Finds what all sets have: each member of the smallest is looked for in the others, smaller ones first.
fn intersect(sets: &[Option<&Set>], found: Found<'_>) {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<_>>>() else { return };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    for member in smallest.iter() {
        if others.iter().all(|set| set.contains_str(member)) && found(member).is_break() {
            return;
        }
    }
}

/// Finds what any set has, each member once. Where the sets are few and quick to search, a member is
/// new if none of the sets before has it, and nothing is copied; the largest come first, so that it is
/// the members of the small ones that are looked for. What was gathered else is given back, for it may
/// take long to free.
fn unite(sets: &[Option<&Set>], limits: &Limits, found: Found<'_>) -> Option<Set> {
    let mut sets: Vec<_> = sets.iter().copied().flatten().collect();
    sets.sort_by_key(|set| (Reverse(set.len()), std::ptr::from_ref(*set)));
    sets.dedup_by(|one, next| std::ptr::eq(*one, *next));
    let (smallest, probed) = sets.split_last()?;
    if probed.len() < PROBED_SETS && !probed.iter().any(|set| set.is_slow_to_search()) {
        for (at, set) in sets.iter().enumerate() {
            let before = &sets[..at];
            for member in set.iter() {
                let is_new = !before.iter().any(|set| set.contains_str(member));
                if is_new && found(member).is_break() {
                    return None;
                }
            }
        }
        return None;
    }
    let most = probed.first().unwrap_or(smallest).len();
    let mut seen = Set::new_table(most, limits);
    for member in sets.iter().flat_map(|set| set.iter()) {
        let is_new = seen.add(member.bytes(&mut itoa::Buffer::new()), limits);
        if is_new && found(member).is_break() {
            break;
        }
    }
    Some(seen)
}

/// About how many members the sets have together: a HyperLogLog sees them all, and nothing is looked up
/// or gathered.
fn estimate(sets: &[Option<&Set>]) -> u64 {
    let mut registers = Registers::default();
    for member in sets.iter().flatten().flat_map(|set| set.iter()) {
        registers.mark(Mark::of(member.bytes(&mut itoa::Buffer::new())));
    }
    registers.count()
}

/// Finds what the first set has and no other. Its members are looked for in each of the others; in all
/// at once where these are small beside it: gathered, which is given back.
fn subtract(sets: &[Option<&Set>], limits: &Limits, found: Found<'_>) -> Option<Set> {
    let Some((Some(first), others)) = sets.split_first() else { return None };
    let mut others: Vec<_> = others.iter().copied().flatten().collect();
    others.sort_by_key(|set| Reverse(set.len()));
    let total: usize = others.iter().map(|set| set.len()).sum();
    let is_slow = others.iter().any(|set| set.is_slow_to_search());
    let probes = first.len().saturating_mul(others.len().saturating_sub(1));
    let mut gathered = None;
    if (is_slow && total < first.len()) || total < probes / 2 {
        let gathered = gathered.insert(Set::new_table(total, limits));
        for member in others.iter().flat_map(|set| set.iter()) {
            gathered.add(member.bytes(&mut itoa::Buffer::new()), limits);
        }
    }
    if let Some(gathered) = &gathered {
        others = vec![gathered];
    }
    for member in first.iter() {
        if !others.iter().any(|set| set.contains_str(member)) && found(member).is_break() {
            break;
        }
    }
    gathered
}

fn push(found: &mut Bulks, member: Str<'_>) -> ControlFlow<()> {
    found.push(member.bytes(&mut itoa::Buffer::new()));
    ControlFlow::Continue(())
}

fn add(result: &mut Set, member: Str<'_>, limits: &Limits) -> ControlFlow<()> {
    result.add(member.bytes(&mut itoa::Buffer::new()), limits);
    ControlFlow::Continue(())
}

fn answer(reply: &mut Reply<'_>, found: Bulks) -> Outcome {
    reply.bulk_set(found);
    DONE
}

/// Keeps a result, or removes the key where there is none, and answers its size.
fn store(c: &mut KeysCtx<'_>, key: &[u8], mut result: Set, event: Event) -> Outcome {
    free_later(c, result.take_garbage());
    c.reply.len(result.len());
    c.db.store(key, result, event);
    DONE
}
