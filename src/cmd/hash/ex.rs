//! Fields that are read or written together with their times to live: HGETEX, HSETEX, HGETDEL.

use super::deadline::Form;
use super::expire::propagate_deadline;
use super::fields::{self, FIELDS};
use super::{HDEL, HEXPIRE, HPERSIST, HSET, value_or_null};
use crate::cmd::args::{Args, Choice, int};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Held;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, FieldTtl, Hash};

const EX: Arg = arg::integer("seconds").after("EX");
const PX: Arg = arg::integer("milliseconds").after("PX");
const EXAT: Arg = arg::unix_time("unix-time-seconds").after("EXAT");
const PXAT: Arg = arg::unix_time("unix-time-milliseconds").after("PXAT");
const PERSIST: Arg = arg::token("persist", "PERSIST");
const KEEPTTL: Arg = arg::token("keepttl", "KEEPTTL");

/// A row that the commands below complete.
const SEVERAL: Spec = Spec {
    since: "8.0.0",
    group: Group::Hash,
    complexity: "O(N), N being the number of fields named",
    arity: -5,
    flags: flag::WRITE.with(flag::FAST),
    acl: acl::HASH,
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "hgetex",
            summary: "Answers the values of fields and changes when they expire.",
            keys: &[key(1).rw().access().update().notes("a time to live may change")],
            args: &[
                arg::key("key"),
                arg::one_of("expiration", &[EX, PX, EXAT, PXAT, PERSIST]).optional(),
                FIELDS,
            ],
            ..SEVERAL
        },
        run: Run::Keys(hgetex),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hsetex",
            summary: "Sets fields to values, and when they expire.",
            complexity: "O(N), N being the number of fields",
            arity: -6,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
            keys: &[key(1).rw().update()],
            args: &[
                arg::key("key"),
                arg::one_of("key-condition", &[arg::token("nx", "NX"), arg::token("xx", "XX")])
                    .optional(),
                arg::one_of("condition", &[arg::token("fnx", "FNX"), arg::token("fxx", "FXX")])
                    .optional(),
                arg::one_of("expiration", &[EX, PX, EXAT, PXAT, KEEPTTL]).optional(),
                arg::block(
                    "fields",
                    &[
                        arg::integer("numfields"),
                        arg::block("data", &[arg::string("field"), arg::string("value")])
                            .multiple(),
                    ],
                )
                .after("FIELDS"),
            ],
            ..SEVERAL
        },
        run: Run::Keys(hsetex),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hgetdel",
            summary: "Answers the values of fields and removes them.",
            keys: &[key(1).rw().access().delete()],
            args: &[arg::key("key"), FIELDS],
            ..SEVERAL
        },
        run: Run::Keys(hgetdel),
        ..Command::NEW
    },
];

/// One of the four words that are followed by a time.
fn take_form(args: &mut Args<'_>) -> Option<Form> {
    let words = [("ex", Form::EX), ("px", Form::PX), ("exat", Form::EXAT), ("pxat", Form::PXAT)];
    words.into_iter().find(|(word, _)| args.word(word)).map(|(_, form)| form)
}

/// What HGETEX does to the deadlines; `None`: nothing.
type NewDeadline = Option<Option<u64>>;

fn parse_hgetex(args: &mut Args<'_>, now_ms: u64) -> Result<NewDeadline, CmdError> {
    let deadline = match take_form(args) {
        Some(form) => Some(Some(form.deadline(args.any()?, now_ms, "hgetex")?)),
        None if args.word("persist") => Some(None),
        None => None,
    };
    fields::take(args, "hgetex", fields::NOT_POSITIVE)?;
    Ok(deadline)
}

fn hgetex(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (key, now) = (&argv[1], c.db.now_ms());
    let mut args = Args::new(argv, 2);
    let new = parse_hgetex(&mut args, c.db.clock_ms())?;
    c.reply.array(args.left());
    let Some(mut held) = c.db.edit_as::<Hash>(key)? else {
        (0..args.left()).for_each(|_| c.reply.null());
        return DONE;
    };
    let mut changed = Vec::new();
    for name in args.rest() {
        let field = held.get(name, now);
        value_or_null(&mut c.reply, field);
        if let (Some(field), Some(new)) = (field, new)
            && (field.deadline.is_some() || new.is_some())
        {
            changed.push(name);
            match new {
                Some(at) if at <= now => held.remove(name, now),
                _ => held.set_deadline(name, new, now),
            };
        }
    }
    let times = changed.len() as u64;
    held.name_fields(changed.iter().copied());
    match new.flatten() {
        _ if changed.is_empty() => held.unchanged(),
        Some(at) => {
            held.done_times(if at <= now { HDEL } else { HEXPIRE }, times);
            propagate_deadline(c, key, at, &changed);
        }
        None => {
            held.done_times(HPERSIST, times);
            let number = changed.len().to_string();
            let head: &[&[u8]] = &[b"HPERSIST", key, b"FIELDS", number.as_bytes()];
            c.propagate_as(&[head, &changed].concat());
        }
    }
    DONE
}

/// Whether all of something must be missing, or there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Must {
    BeMissing,
    BeThere,
}

/// HSETEX's options.
#[derive(Debug)]
struct Setting {
    key: Option<Must>,
    fields: Option<Must>,
    ttl: Option<FieldTtl>,
}

impl Setting {
    /// Takes the options and leaves as many pairs as FIELDS says.
    fn parse(args: &mut Args<'_>, now_ms: u64) -> Result<Self, CmdError> {
        const ONE_TTL: &str =
            "Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
        const ONE_CONDITION: &str = "Only one of FXX or FNX arguments can be specified";
        let (mut key, mut fields, mut ttl) =
            (Choice::default(), Choice::default(), Choice::default());
        while args.left() > 0 {
            if args.word("fields") {
                take_pairs(args)?;
                return Ok(Self { key: key.take(), fields: fields.take(), ttl: ttl.take() });
            }
            let once = |set: Result<(), CmdError>, words| set.map_err(|_| CmdError::Msg(words));
            if let Some(form) = take_form(args) {
                if ttl.is_set() {
                    return Err(CmdError::Msg(ONE_TTL));
                }
                ttl.set(FieldTtl::At(form.deadline(args.any()?, now_ms, "hsetex")?))?;
            } else if args.word("keepttl") {
                once(ttl.set(FieldTtl::Keep), ONE_TTL)?;
            } else if args.word("fnx") {
                once(fields.set(Must::BeMissing), ONE_CONDITION)?;
            } else if args.word("fxx") {
                once(fields.set(Must::BeThere), ONE_CONDITION)?;
            } else if args.word("nx") {
                key.set(Must::BeMissing)?;
            } else if args.word("xx") {
                key.set(Must::BeThere)?;
            } else {
                let word = String::from_utf8_lossy(args.any()?);
                return Err(CmdError::err(format_args!("unknown argument: {word}")));
            }
        }
        Err(CmdError::Arity("hsetex"))
    }

    /// Whether the hash, or its absence, is as the conditions say.
    fn allows(&self, held: &Held<'_, Hash>, args: &Args<'_>, now_ms: u64) -> bool {
        let is_key = match self.key {
            None => true,
            Some(must) => held.is_empty() == (must == Must::BeMissing),
        };
        let mut names = args.rest().step_by(2);
        is_key
            && match self.fields {
                None => true,
                Some(Must::BeMissing) => !names.any(|name| held.contains(name, now_ms)),
                Some(Must::BeThere) => names.all(|name| held.contains(name, now_ms)),
            }
    }

    /// Propagates what was set: conditions hold elsewhere as they did here, and a relative time would
    /// count from another now.
    fn propagate(&self, c: &mut KeysCtx<'_>, key: &[u8], args: &Args<'_>) {
        let pairs: Vec<&[u8]> = args.rest().collect();
        let number = (pairs.len() / 2).to_string();
        let at = match self.ttl {
            Some(FieldTtl::At(at)) => at.to_string(),
            _ => String::new(),
        };
        let ttl: &[&[u8]] = match self.ttl {
            Some(FieldTtl::At(_)) => &[b"PXAT", at.as_bytes()],
            Some(FieldTtl::Keep) => &[b"KEEPTTL"],
            Some(FieldTtl::Clear) | None => &[],
        };
        let fields: &[&[u8]] = &[b"FIELDS", number.as_bytes()];
        c.propagate_as(&[&[b"HSETEX", key], ttl, fields, &pairs].concat());
    }
}

/// The number behind FIELDS, and whether as many pairs follow.
fn take_pairs(args: &mut Args<'_>) -> Result<(), CmdError> {
    let number = args.next().ok_or(CmdError::Arity("hsetex"))?;
    let number = int(number).ok().and_then(|n| i32::try_from(n).ok()).filter(|n| *n > 0);
    let number = number.ok_or(CmdError::Msg("invalid number of fields"))?;
    if i64::from(number) * 2 != args.left() as i64 {
        return Err(CmdError::Arity("hsetex"));
    }
    Ok(())
}

fn hsetex(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (key, now) = (&argv[1], c.db.now_ms());
    let mut args = Args::new(argv, 2);
    let setting = Setting::parse(&mut args, c.db.clock_ms())?;
    let mut held = c.db.edit_or_new(key, Hash::new)?;
    if !setting.allows(&held, &args, now) {
        held.unchanged();
        c.reply.int(0);
        return DONE;
    }
    let pairs = args.left() / 2;
    let over = match setting.ttl {
        Some(FieldTtl::At(at)) if at <= now => Some(at),
        _ => None,
    };
    let ttl = setting.ttl.filter(|_| over.is_none()).unwrap_or(FieldTtl::Clear);
    let hash: &mut Hash = &mut held;
    hash.prepare(pairs, c.limits);
    let mut left = args.clone();
    while let (Some(field), Some(value)) = (left.next(), left.next()) {
        hash.set(field, value, ttl, now, c.limits);
    }
    match (over, setting.ttl) {
        (Some(at), _) => {
            let names: Vec<&[u8]> = args.rest().step_by(2).collect();
            held.name_fields(names.iter().copied());
            held.event(HSET);
            for name in &names {
                held.remove(name, now);
            }
            held.name_fields(names.iter().copied());
            held.done_times(HDEL, pairs as u64);
            propagate_deadline(c, key, at, &names);
        }
        (None, ttl) => {
            held.name_fields(args.clone().rest().step_by(2));
            if matches!(ttl, Some(FieldTtl::At(_))) {
                held.event(HSET);
                held.name_fields(args.clone().rest().step_by(2));
                held.done_times(HEXPIRE, pairs as u64);
            } else {
                held.done_times(HSET, pairs as u64);
            }
            setting.propagate(c, key, &args);
        }
    }
    c.reply.int(1);
    DONE
}

fn hgetdel(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (key, now) = (&argv[1], c.db.now_ms());
    let mut args = Args::new(argv, 2);
    fields::take(&mut args, "hgetdel", fields::NOT_POSITIVE)?;
    c.reply.array(args.left());
    let Some(mut held) = c.db.edit_as::<Hash>(key)? else {
        (0..args.left()).for_each(|_| c.reply.null());
        return DONE;
    };
    let mut removed = Vec::new();
    for name in args.rest() {
        let field = held.get(name, now);
        value_or_null(&mut c.reply, field);
        if field.is_some() {
            removed.push(name);
            held.remove(name, now);
        }
    }
    if removed.is_empty() {
        held.unchanged();
        return DONE;
    }
    held.name_fields(removed.iter().copied());
    held.done_times(HDEL, removed.len() as u64);
    let head: &[&[u8]] = &[b"HDEL", key];
    c.propagate_as(&[head, &removed].concat());
    DONE
}
