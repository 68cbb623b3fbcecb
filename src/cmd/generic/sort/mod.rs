//! SORT and SORT_RO.
//!
//! The elements to be sorted are copied out of their key first: to weigh and to answer them other keys
//! are looked up, which may change the database (what has expired goes).

mod order;
mod pattern;

use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, KeySpec, Spec, acl, arg, flag, key, unknown_key};
use crate::types::{Collection, End, Entry, List, Set, Type, Zset};
use order::Order;
use pattern::Pattern;
use std::ops::Range;

const SORTSTORE: Event = Event::list("sortstore");

/// Those of the patterns, whose names depend on the elements.
const PATTERN_KEYS: KeySpec =
    unknown_key().ro().access().notes("The keys of BY and GET depend on the elements.");

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "sort",
            summary: "Sorts a list, a set or a sorted set, and may store the result as a list.",
            since: "1.0.0",
            group: Group::Generic,
            complexity: "O(N + M*log(M)) for N elements, M of them answered; O(N) if unsorted",
            arity: -2,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::MOVABLE_KEYS),
            acl: acl::SET.with(acl::SORTEDSET).with(acl::LIST).with(acl::DANGEROUS),
            keys: &[
                key(1).ro().access(),
                PATTERN_KEYS,
                unknown_key().ow().update().notes("STORE may stand anywhere among the options."),
            ],
            movable_key: Some(stored_key),
            args: &[
                arg::key("key"),
                BY,
                LIMIT,
                GET,
                ORDER,
                ALPHA,
                arg::key_of("destination", 2).after("STORE").optional(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(sort),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sort_ro",
            summary: "Answers the elements of a list, a set or a sorted set in order.",
            since: "7.0.0",
            group: Group::Generic,
            complexity: "O(N + M*log(M)) for N elements, M of them answered; O(N) if unsorted",
            arity: -2,
            flags: flag::READONLY.with(flag::MOVABLE_KEYS),
            acl: acl::SET.with(acl::SORTEDSET).with(acl::LIST).with(acl::DANGEROUS),
            keys: &[key(1).ro().access(), PATTERN_KEYS],
            args: &[arg::key("key"), BY, LIMIT, GET, ORDER, ALPHA],
            ..Spec::NEW
        },
        run: Run::Keys(sort_ro),
        ..Command::NEW
    },
];

const BY: Arg = arg::pattern("by-pattern").of_rule(1).after("BY").optional();
const LIMIT: Arg =
    arg::block("limit", &[arg::integer("offset"), arg::integer("count")]).after("LIMIT").optional();
const GET: Arg = arg::pattern("get-pattern").of_rule(1).after("GET").optional().multiple_token();
const ORDER: Arg =
    arg::one_of("order", &[arg::token("asc", "ASC"), arg::token("desc", "DESC")]).optional();
const ALPHA: Arg = arg::token("sorting", "ALPHA").optional();

/// What is asked for.
#[derive(Debug, Default)]
struct Options<'a> {
    descending: bool,
    alpha: bool,
    offset: i64,
    /// Negative: all.
    count: i64,
    by: Option<Pattern<'a>>,
    /// The elements stay as they are: BY names no pattern.
    unsorted: bool,
    get: Vec<Pattern<'a>>,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(mut args: Args<'a>, may_store: bool) -> Result<Self, CmdError> {
        let mut options = Self { count: -1, ..Self::default() };
        while args.left() > 0 {
            if args.word("asc") {
                options.descending = false;
            } else if args.word("desc") {
                options.descending = true;
            } else if args.word("alpha") {
                options.alpha = true;
            } else if args.left() >= 3 && args.word("limit") {
                (options.offset, options.count) = (args.int()?, args.int()?);
            } else if may_store && args.left() >= 2 && args.word("store") {
                options.store = Some(args.any()?);
            } else if args.left() >= 2 && args.word("by") {
                let pattern = Pattern::new(args.any()?);
                options.unsorted |= pattern.is_constant();
                options.by = Some(pattern);
            } else if args.left() >= 2 && args.word("get") {
                options.get.push(Pattern::new(args.any()?));
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }

    /// The part of `len` elements in order that is wanted.
    fn range(&self, len: usize) -> Range<usize> {
        let clamp = |n: i64| usize::try_from(n).unwrap_or(usize::MAX).min(len);
        let start = clamp(self.offset.max(0));
        let end = match self.count {
            ..0 => len,
            count => start.saturating_add(clamp(count)).min(len),
        };
        start..end
    }
}

/// Elements one after another, in memory of their own.
#[derive(Debug, Default)]
struct Elements {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Elements {
    fn push(&mut self, element: &[u8]) {
        self.bytes.extend_from_slice(element);
        self.ends.push(self.bytes.len());
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        (0..self.len()).map(|index| self.get(index))
    }
}

fn sort(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let options = Options::parse(Args::new(argv, 2), true)?;
    sort_key(c, &argv[1], options)
}

fn sort_ro(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let options = Options::parse(Args::new(argv, 2), false)?;
    sort_key(c, &argv[1], options)
}

fn sort_key(c: &mut KeysCtx<'_>, key: &[u8], mut options: Options<'_>) -> Outcome {
    let scripted = c.db.is_scripted();
    let entry = c.db.fetch(key);
    if options.unsorted
        && (options.store.is_some() || scripted)
        && entry.is_some_and(|entry| Type::of(entry) == Type::Set)
    {
        // A set has no order of its own. What is stored must be the same on every server.
        (options.unsorted, options.alpha, options.by) = (false, true, None);
    }
    let mut elements = Elements::default();
    let chosen: Vec<usize> = if options.unsorted {
        copy_in_order(entry, &options, &mut elements)?;
        (0..elements.len()).collect()
    } else {
        copy_all(entry, &mut elements)?;
        let order = Order::new(&options);
        let range = options.range(elements.len());
        order.sort(c, &elements, range)?
    };
    match options.store {
        Some(target) => store(c, target, &options, &elements, &chosen),
        None => answer(c, &options, &elements, &chosen),
    }
    DONE
}

fn copy_all(entry: Option<&Entry>, elements: &mut Elements) -> Result<(), CmdError> {
    let Some(entry) = entry else { return Ok(()) };
    let mut digits = itoa::Buffer::new();
    let value = entry.other().ok_or(CmdError::WrongType)?;
    if let Some(list) = List::of(value) {
        list.for_each(0..list.len(), |item| elements.push(item.bytes(&mut digits)));
    } else if let Some(set) = Set::of(value) {
        set.iter().for_each(|member| elements.push(member.bytes(&mut digits)));
    } else if let Some(zset) = Zset::of(value) {
        zset.iter().for_each(|element| elements.push(element.member.bytes(&mut digits)));
    } else {
        return Err(CmdError::WrongType);
    }
    Ok(())
}

/// Copies the part that is wanted in the value's own order, or the reverse.
fn copy_in_order(
    entry: Option<&Entry>,
    options: &Options<'_>,
    elements: &mut Elements,
) -> Result<(), CmdError> {
    let Some(value) = entry.map(|entry| entry.other().ok_or(CmdError::WrongType)) else {
        return Ok(());
    };
    let value = value?;
    let mut digits = itoa::Buffer::new();
    if let Some(zset) = Zset::of(value) {
        let range = options.range(zset.len());
        let ranks = if options.descending { reversed(range, zset.len()) } else { range };
        let mut push = |element: crate::types::zset::Element<'_>| {
            elements.push(element.member.bytes(&mut digits));
        };
        match options.descending {
            false => zset.range(ranks).for_each(&mut push),
            true => zset.range(ranks).rev().for_each(&mut push),
        }
    } else if let Some(set) = Set::of(value) {
        let range = options.range(set.len());
        let members = set.iter().skip(range.start).take(range.len());
        members.for_each(|member| elements.push(member.bytes(&mut digits)));
    } else if let Some(list) = List::of(value) {
        let range = options.range(list.len());
        if !options.descending {
            list.for_each(range, |item| elements.push(item.bytes(&mut digits)));
            return Ok(());
        }
        let mut forward = Elements::default();
        list.for_each(reversed(range, list.len()), |item| forward.push(item.bytes(&mut digits)));
        (0..forward.len()).rev().for_each(|index| elements.push(forward.get(index)));
    } else {
        return Err(CmdError::WrongType);
    }
    Ok(())
}

/// A range counted from the other end.
fn reversed(range: Range<usize>, len: usize) -> Range<usize> {
    len - range.end..len - range.start
}

fn answer(c: &mut KeysCtx<'_>, options: &Options<'_>, elements: &Elements, chosen: &[usize]) {
    c.reply.array(chosen.len() * options.get.len().max(1));
    let KeysCtx { db, reply, .. } = c;
    for element in chosen.iter().map(|index| elements.get(*index)) {
        if options.get.is_empty() {
            reply.bulk(element);
        }
        for pattern in &options.get {
            pattern.look_up(db, element, |found| match found {
                Some(bytes) => reply.bulk(bytes),
                None => reply.null(),
            });
        }
    }
}

fn store(
    c: &mut KeysCtx<'_>,
    target: &[u8],
    options: &Options<'_>,
    elements: &Elements,
    chosen: &[usize],
) {
    let mut stored = Elements::default();
    for element in chosen.iter().map(|index| elements.get(*index)) {
        if options.get.is_empty() {
            stored.push(element);
        }
        for pattern in &options.get {
            pattern.look_up(&mut c.db, element, |found| stored.push(found.unwrap_or_default()));
        }
    }
    let mut list = List::default();
    list.extend(End::Right, stored.iter(), c.limits);
    c.db.store(target, list, SORTSTORE);
    c.reply.len(stored.len());
}

/// The argument behind the last STORE, which is the one that counts.
fn stored_key(args: &mut dyn Iterator<Item = &[u8]>) -> Option<usize> {
    let args: Vec<&[u8]> = args.collect();
    let (mut at, mut found) = (2, None);
    while at < args.len() {
        let word = |word: &str| args[at].eq_ignore_ascii_case(word.as_bytes());
        let values = match () {
            () if word("limit") => 2,
            () if word("get") || word("by") => 1,
            () if word("store") => {
                found = Some(at + 1).filter(|at| *at < args.len()).or(found);
                1
            }
            () => 0,
        };
        at += 1 + values;
    }
    found
}
