//! Times to live of fields.

use super::deadline::Form;
use super::fields::{self, FIELDS};
use super::{HDEL, HEXPIRE, HPERSIST, read};
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::Argv;
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, flag, key};
use crate::types::Hash;

const CONDITION: Arg = arg::one_of(
    "condition",
    &[
        arg::token("nx", "NX"),
        arg::token("xx", "XX"),
        arg::token("gt", "GT"),
        arg::token("lt", "LT"),
    ],
)
.optional();

/// A row that the commands below complete.
const TTL: Spec = Spec {
    since: "7.4.0",
    group: Group::Hash,
    complexity: "O(N), N being the number of fields named",
    arity: -5,
    flags: flag::READONLY.with(flag::FAST),
    acl: acl::HASH,
    keys: &[key(1).ro().access()],
    args: &[arg::key("key"), FIELDS],
    ..Spec::NEW
};

/// A row of those that set deadlines.
const EXPIRE: Spec =
    Spec { arity: -6, flags: flag::WRITE.with(flag::FAST), keys: &[key(1).rw().update()], ..TTL };

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "hexpire",
            summary: "Sets the time to live of fields in seconds.",
            args: &[arg::key("key"), arg::integer("seconds"), CONDITION, FIELDS],
            ..EXPIRE
        },
        run: Run::Keys(hexpire),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hpexpire",
            summary: "Sets the time to live of fields in milliseconds.",
            args: &[arg::key("key"), arg::integer("milliseconds"), CONDITION, FIELDS],
            ..EXPIRE
        },
        run: Run::Keys(hpexpire),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hexpireat",
            summary: "Sets the time at which fields expire, in unix seconds.",
            args: &[arg::key("key"), arg::unix_time("unix-time-seconds"), CONDITION, FIELDS],
            ..EXPIRE
        },
        run: Run::Keys(hexpireat),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hpexpireat",
            summary: "Sets the time at which fields expire, in unix milliseconds.",
            args: &[arg::key("key"), arg::unix_time("unix-time-milliseconds"), CONDITION, FIELDS],
            ..EXPIRE
        },
        run: Run::Keys(hpexpireat),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "httl",
            summary: "Answers the time to live of fields in seconds.",
            tips: &["nondeterministic_output"],
            ..TTL
        },
        run: Run::Keys(httl),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hpttl",
            summary: "Answers the time to live of fields in milliseconds.",
            tips: &["nondeterministic_output"],
            ..TTL
        },
        run: Run::Keys(hpttl),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hexpiretime",
            summary: "Answers when fields expire, in unix seconds.",
            ..TTL
        },
        run: Run::Keys(hexpiretime),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hpexpiretime",
            summary: "Answers when fields expire, in unix milliseconds.",
            ..TTL
        },
        run: Run::Keys(hpexpiretime),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hpersist",
            summary: "Takes the time to live of fields away.",
            arity: -5,
            args: &[arg::key("key"), FIELDS],
            ..EXPIRE
        },
        run: Run::Keys(hpersist),
        ..Command::NEW
    },
];

/// What is answered for a field that is not there.
const MISSING: i64 = -2;
/// For one without a deadline.
const NO_DEADLINE: i64 = -1;
/// For one whose deadline the condition forbids to set.
const REFUSED: i64 = 0;
/// For one whose deadline was set, or taken away.
const CHANGED: i64 = 1;
/// For one that was removed because its new deadline is over.
const REMOVED: i64 = 2;

/// On what terms a new deadline takes the old one's place.
#[derive(Debug, Clone, Copy)]
enum Condition {
    Always,
    Nx,
    Xx,
    Gt,
    Lt,
}

impl Condition {
    fn take(args: &mut Args<'_>) -> Self {
        let words = [("nx", Self::Nx), ("xx", Self::Xx), ("gt", Self::Gt), ("lt", Self::Lt)];
        words.into_iter().find(|(word, _)| args.word(word)).map_or(Self::Always, |(_, it)| it)
    }

    /// No deadline counts as one infinitely far away.
    fn allows(self, old: Option<u64>, new: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Nx => old.is_none(),
            Self::Xx => old.is_some(),
            Self::Gt => old.is_some_and(|old| new > old),
            Self::Lt => old.is_none_or(|old| new < old),
        }
    }
}

fn hexpire(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    set_deadlines(c, argv, Form::EX, "hexpire")
}

fn hpexpire(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    set_deadlines(c, argv, Form::PX, "hpexpire")
}

fn hexpireat(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    set_deadlines(c, argv, Form::EXAT, "hexpireat")
}

fn hpexpireat(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    set_deadlines(c, argv, Form::PXAT, "hpexpireat")
}

fn set_deadlines(
    c: &mut KeysCtx<'_>,
    argv: &Argv<'_>,
    form: Form,
    command: &'static str,
) -> Outcome {
    let (key, now) = (&argv[1], c.db.now_ms());
    let deadline = form.deadline(&argv[2], c.db.clock_ms(), command)?;
    let mut args = Args::new(argv, 3);
    let condition = Condition::take(&mut args);
    fields::take(&mut args, command, "Parameter `numFields` should be greater than 0")?;
    let Some(mut held) = c.db.edit_as::<Hash>(key)? else {
        return answer_missing(c, &args);
    };
    let is_over = deadline <= now;
    let mut changed = Vec::new();
    c.reply.array(args.left());
    for name in args.rest() {
        c.reply.int(match held.get(name, now) {
            None => MISSING,
            Some(field) if !condition.allows(field.deadline, deadline) => REFUSED,
            Some(_) => {
                changed.push(name);
                if is_over {
                    held.remove(name, now);
                    REMOVED
                } else {
                    held.set_deadline(name, Some(deadline), now);
                    CHANGED
                }
            }
        });
    }
    held.name_fields(changed.iter().copied());
    match changed.len() as u64 {
        0 => held.unchanged(),
        n => held.done_times(if is_over { HDEL } else { HEXPIRE }, n),
    }
    propagate_deadline(c, key, deadline, &changed);
    DONE
}

/// Propagates that these fields got a deadline, which may be over: what a relative time or a condition
/// comes to elsewhere may be another.
pub(super) fn propagate_deadline(c: &mut KeysCtx<'_>, key: &[u8], deadline: u64, fields: &[&[u8]]) {
    if fields.is_empty() {
        return;
    }
    let (at, number) = (deadline.to_string(), fields.len().to_string());
    let head: &[&[u8]] = if deadline <= c.db.now_ms() {
        &[b"HDEL", key]
    } else {
        &[b"HPEXPIREAT", key, at.as_bytes(), b"FIELDS", number.as_bytes()]
    };
    c.propagate_as(&[head, fields].concat());
}

fn httl(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    tell_deadlines(c, argv, Form::EX, "httl")
}

fn hpttl(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    tell_deadlines(c, argv, Form::PX, "hpttl")
}

fn hexpiretime(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    tell_deadlines(c, argv, Form::EXAT, "hexpiretime")
}

fn hpexpiretime(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    tell_deadlines(c, argv, Form::PXAT, "hpexpiretime")
}

fn tell_deadlines(
    c: &mut KeysCtx<'_>,
    argv: &Argv<'_>,
    form: Form,
    command: &'static str,
) -> Outcome {
    let mut args = Args::new(argv, 2);
    fields::take(&mut args, command, fields::NOT_POSITIVE)?;
    let (hash, now) = read(&mut c.db, &argv[1])?;
    c.reply.array(args.left());
    for name in args.rest() {
        let field = hash.and_then(|hash| hash.get(name, now));
        c.reply.int(match field.map(|field| field.deadline) {
            None => MISSING,
            Some(None) => NO_DEADLINE,
            Some(Some(deadline)) => form.answer(deadline, now),
        });
    }
    DONE
}

fn hpersist(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let mut args = Args::new(argv, 2);
    fields::take(&mut args, "hpersist", fields::NOT_POSITIVE)?;
    let now = c.db.now_ms();
    let Some(mut held) = c.db.edit_as::<Hash>(&argv[1])? else {
        return answer_missing(c, &args);
    };
    let (named, mut names) = (held.wants_fields(), Vec::new());
    let mut changed = 0;
    c.reply.array(args.left());
    for name in args.rest() {
        c.reply.int(match held.get(name, now).map(|field| field.deadline) {
            None => MISSING,
            Some(None) => NO_DEADLINE,
            Some(Some(_)) => {
                held.set_deadline(name, None, now);
                changed += 1;
                names.extend(named.then_some(name));
                CHANGED
            }
        });
    }
    held.name_fields(names.into_iter());
    match changed {
        0 => held.unchanged(),
        n => held.done_times(HPERSIST, n),
    }
    DONE
}

/// Every field of a missing hash is missing.
fn answer_missing(c: &mut KeysCtx<'_>, fields: &Args<'_>) -> Outcome {
    c.reply.array(fields.left());
    (0..fields.left()).for_each(|_| c.reply.int(MISSING));
    DONE
}
