//! Times to live.

use crate::cmd::args::{Args, int};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, flag, key};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "expire",
            summary: "Sets a key's time to live in seconds.",
            since: "1.0.0",
            args: &[arg::key("key"), arg::integer("seconds"), CONDITION],
            ..SET_DEADLINE
        },
        run: Run::Keys(expire),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "pexpire",
            summary: "Sets a key's time to live in milliseconds.",
            since: "2.6.0",
            args: &[arg::key("key"), arg::integer("milliseconds"), CONDITION],
            ..SET_DEADLINE
        },
        run: Run::Keys(pexpire),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "expireat",
            summary: "Sets the time at which a key expires, in unix seconds.",
            since: "1.2.0",
            args: &[arg::key("key"), arg::unix_time("unix-time-seconds"), CONDITION],
            ..SET_DEADLINE
        },
        run: Run::Keys(expireat),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "pexpireat",
            summary: "Sets the time at which a key expires, in unix milliseconds.",
            since: "2.6.0",
            args: &[arg::key("key"), arg::unix_time("unix-time-milliseconds"), CONDITION],
            ..SET_DEADLINE
        },
        run: Run::Keys(pexpireat),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "ttl",
            summary: "Answers a key's time to live in seconds.",
            since: "1.0.0",
            ..TIME_TO_LIVE
        },
        run: Run::Keys(ttl),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "pttl",
            summary: "Answers a key's time to live in milliseconds.",
            since: "2.6.0",
            ..TIME_TO_LIVE
        },
        run: Run::Keys(pttl),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "expiretime",
            summary: "Answers when a key expires, in unix seconds.",
            since: "7.0.0",
            ..DEADLINE
        },
        run: Run::Keys(expiretime),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "pexpiretime",
            summary: "Answers when a key expires, in unix milliseconds.",
            since: "7.0.0",
            ..DEADLINE
        },
        run: Run::Keys(pexpiretime),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "persist",
            summary: "Takes a key's time to live away.",
            since: "2.2.0",
            group: Group::Generic,
            complexity: "O(1)",
            arity: 2,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::KEYSPACE,
            keys: &[key(1).rw().update()],
            args: &[arg::key("key")],
            ..Spec::NEW
        },
        run: Run::Keys(persist),
        ..Command::NEW
    },
];

/// On what terms EXPIRE and its likes set a deadline.
const CONDITION: Arg = arg::one_of(
    "condition",
    &[
        arg::token("nx", "NX"),
        arg::token("xx", "XX"),
        arg::token("gt", "GT"),
        arg::token("lt", "LT"),
    ],
)
.optional()
.since("7.0.0");

/// What EXPIRE and its likes share.
const SET_DEADLINE: Spec = Spec {
    group: Group::Generic,
    complexity: "O(1)",
    arity: -3,
    flags: flag::WRITE.with(flag::FAST),
    acl: acl::KEYSPACE,
    keys: &[key(1).rw().update()],
    history: &[("7.0.0", "The conditions NX, XX, GT and LT.")],
    ..Spec::NEW
};

/// What the commands share that answer when a key expires.
const DEADLINE: Spec = Spec {
    group: Group::Generic,
    complexity: "O(1)",
    arity: 2,
    flags: flag::READONLY.with(flag::FAST),
    acl: acl::KEYSPACE,
    keys: &[key(1).ro().access()],
    args: &[arg::key("key")],
    ..Spec::NEW
};

/// What TTL and PTTL share.
const TIME_TO_LIVE: Spec = Spec {
    tips: &["nondeterministic_output"],
    history: &[("2.8.0", "Answers -2 for a missing key.")],
    ..DEADLINE
};

/// The unit of a time in the request or the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Millis,
}

/// What a time counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Now,
    Epoch,
}

/// On what terms a new deadline takes the old one's place.
#[derive(Debug, Default)]
struct Conditions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Conditions {
    fn parse(args: Args<'_>) -> Result<Self, CmdError> {
        let mut set = Self::default();
        for arg in args {
            let option = match arg.to_ascii_lowercase().as_slice() {
                b"nx" => &mut set.nx,
                b"xx" => &mut set.xx,
                b"gt" => &mut set.gt,
                b"lt" => &mut set.lt,
                _ => {
                    let text = String::from_utf8_lossy(arg).into_owned();
                    return Err(CmdError::err(format_args!("Unsupported option {text}")));
                }
            };
            *option = true;
        }
        if set.nx && (set.xx || set.gt || set.lt) {
            let words = "NX and XX, GT or LT options at the same time are not compatible";
            return Err(CmdError::Msg(words));
        }
        if set.gt && set.lt {
            return Err(CmdError::Msg("GT and LT options at the same time are not compatible"));
        }
        Ok(set)
    }

    /// No deadline counts as one infinitely far away.
    fn allow(&self, old: Option<u64>, new: i64) -> bool {
        let later = old.is_some_and(|old| new > old as i64);
        let sooner = old.is_none_or(|old| new < old as i64);
        (!self.nx || old.is_none())
            && (!self.xx || old.is_some())
            && (!self.gt || later)
            && (!self.lt || sooner)
    }
}

fn expire(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    set_deadline(c, argv, Base::Now, Unit::Seconds, "expire")
}

fn pexpire(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    set_deadline(c, argv, Base::Now, Unit::Millis, "pexpire")
}

fn expireat(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    set_deadline(c, argv, Base::Epoch, Unit::Seconds, "expireat")
}

fn pexpireat(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    set_deadline(c, argv, Base::Epoch, Unit::Millis, "pexpireat")
}

fn set_deadline(
    c: &mut KeysCtx<'_>,
    argv: &Argv<'_>,
    base: Base,
    unit: Unit,
    name: &'static str,
) -> Outcome {
    let key = &argv[1];
    let conditions = Conditions::parse(Args::new(argv, 3))?;
    let now = c.db.now_ms();
    let invalid = || CmdError::InvalidExpire(name);
    let amount = int(&argv[2])?;
    let millis = match unit {
        Unit::Seconds => amount.checked_mul(1000).ok_or_else(invalid)?,
        Unit::Millis => amount,
    };
    let at = match base {
        Base::Now => millis.checked_add(c.db.clock_ms() as i64).ok_or_else(invalid)?,
        Base::Epoch => millis,
    };
    let Some(mut edit) = c.db.edit(key) else {
        c.reply.int(0);
        return DONE;
    };
    if !conditions.allow(edit.deadline(), at) {
        edit.unchanged();
        c.reply.int(0);
        return DONE;
    }
    match u64::try_from(at).ok().filter(|at| *at > now) {
        Some(at) => {
            edit.set_deadline(Some(at));
            edit.done(Event::generic("expire"));
            // What names the very time already goes on as it came.
            if (base, unit) != (Base::Epoch, Unit::Millis) {
                let at = at.to_string();
                let rewritten = [b"PEXPIREAT", key, at.as_bytes()];
                let words: Vec<&[u8]> = rewritten.into_iter().chain(argv.from(3)).collect();
                c.propagate_as(&words);
            }
        }
        None => {
            edit.delete(Event::generic("del"));
            c.propagate_removal(key, c.config.lazyfree_lazy_expire);
        }
    }
    c.reply.int(1);
    DONE
}

fn ttl(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    tell_deadline(c, argv, Base::Now, Unit::Seconds)
}

fn pttl(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    tell_deadline(c, argv, Base::Now, Unit::Millis)
}

fn expiretime(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    tell_deadline(c, argv, Base::Epoch, Unit::Seconds)
}

fn pexpiretime(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    tell_deadline(c, argv, Base::Epoch, Unit::Millis)
}

/// -2 for a missing key, -1 for one that does not expire; seconds are rounded to the nearest.
fn tell_deadline(c: &mut KeysCtx<'_>, argv: &Argv<'_>, base: Base, unit: Unit) -> Outcome {
    let now = c.db.now_ms();
    let answer = match c.db.fetch_untouched(&argv[1]).map(|entry| entry.deadline()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => {
            let millis = if base == Base::Now { at.saturating_sub(now) } else { at };
            match unit {
                Unit::Seconds => ((millis + 500) / 1000) as i64,
                Unit::Millis => millis as i64,
            }
        }
    };
    c.reply.int(answer);
    DONE
}

fn persist(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let volatile = c.db.edit(&argv[1]).and_then(|edit| match edit.deadline() {
        Some(_) => Some(edit),
        None => {
            edit.unchanged();
            None
        }
    });
    let persisted = volatile.is_some();
    if let Some(mut edit) = volatile {
        edit.set_deadline(None);
        edit.done(Event::generic("persist"));
    }
    c.reply.int(i64::from(persisted));
    DONE
}
