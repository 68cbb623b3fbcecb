//! SET with all its options, and the older commands that are forms of it.

use super::compare::{Condition, IFDEQ, IFDNE, IFEQ, IFNE};
use super::ttl::{self, Deadline, Ttl, fill};
use super::{EXPIRE, SET};
use crate::cmd::args::{Args, is};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, KeyFlags, Spec, acl, arg, flag, key, keyflag};
use crate::types::{Text, Type, new_string};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "set",
            summary: "Sets a key to a string, whatever it held.",
            since: "1.0.0",
            group: Group::String,
            complexity: "O(1), or O(N) to compare digests, N being the length of the old string",
            arity: -3,
            flags: flag::WRITE.with(flag::DENYOOM),
            acl: acl::STRING,
            keys: &[key(1)
                .rw()
                .access()
                .update()
                .variable_flags()
                .notes("Read only where GET or a comparison is given")],
            key_flags: Some(key_flags),
            args: &[
                arg::key("key"),
                arg::string("value"),
                arg::one_of(
                    "condition",
                    &[
                        arg::token("nx", "NX"),
                        arg::token("xx", "XX"),
                        IFEQ.since("8.4.0"),
                        IFNE.since("8.4.0"),
                        IFDEQ.since("8.4.0"),
                        IFDNE.since("8.4.0"),
                    ],
                )
                .optional()
                .since("2.6.12"),
                arg::token("get", "GET").optional().since("6.2.0"),
                arg::one_of(
                    "expiration",
                    &[
                        ttl::EX.since("2.6.12"),
                        ttl::PX.since("2.6.12"),
                        ttl::EXAT.since("6.2.0"),
                        ttl::PXAT.since("6.2.0"),
                        ttl::KEEPTTL.since("6.0.0"),
                    ],
                )
                .optional(),
            ],
            history: &[
                ("2.6.12", "The options EX, PX, NX and XX."),
                ("6.0.0", "The option KEEPTTL."),
                ("6.2.0", "The options GET, EXAT and PXAT."),
                ("7.0.0", "NX and GET may stand together."),
                ("8.4.0", "The conditions IFEQ, IFNE, IFDEQ and IFDNE."),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(set),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "setnx",
            summary: "Sets a key to a string, unless the key is there already.",
            since: "1.0.0",
            group: Group::String,
            complexity: "O(1)",
            arity: 3,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
            acl: acl::STRING,
            keys: &[key(1).ow().insert()],
            args: &[arg::key("key"), arg::string("value")],
            deprecated: Some(("2.6.12", "`SET` with the `NX` argument")),
            ..Spec::NEW
        },
        run: Run::Keys(setnx),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "setex",
            summary: "Sets a key to a string, with a time to live in seconds.",
            since: "2.0.0",
            args: &[arg::key("key"), arg::integer("seconds"), arg::string("value")],
            deprecated: Some(("2.6.12", "`SET` with the `EX` argument")),
            ..SET_WITH_TIME
        },
        run: Run::Keys(setex),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "psetex",
            summary: "Sets a key to a string, with a time to live in milliseconds.",
            since: "2.6.0",
            args: &[arg::key("key"), arg::integer("milliseconds"), arg::string("value")],
            deprecated: Some(("2.6.12", "`SET` with the `PX` argument")),
            ..SET_WITH_TIME
        },
        run: Run::Keys(psetex),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "getset",
            summary: "Sets a key to a string and answers the one it held.",
            since: "1.0.0",
            group: Group::String,
            complexity: "O(1)",
            arity: 3,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
            acl: acl::STRING,
            keys: &[key(1).rw().access().update()],
            args: &[arg::key("key"), arg::string("value")],
            deprecated: Some(("6.2.0", "`SET` with the `!GET` argument")),
            ..Spec::NEW
        },
        run: Run::Keys(getset),
        ..Command::NEW
    },
];

/// What SETEX and PSETEX share.
const SET_WITH_TIME: Spec = Spec {
    group: Group::String,
    complexity: "O(1)",
    arity: 4,
    flags: flag::WRITE.with(flag::DENYOOM),
    acl: acl::STRING,
    keys: &[key(1).ow().update()],
    ..Spec::NEW
};

/// The options of SET.
#[derive(Debug, Default)]
struct Options<'a> {
    condition: Option<Condition<'a>>,
    ttl: Option<Ttl<'a>>,
    get: bool,
}

impl<'a> Options<'a> {
    fn parse(mut args: Args<'a>) -> Result<Self, CmdError> {
        let mut options = Self::default();
        while let Some(word) = args.peek() {
            if args.word("GET") {
                options.get = true;
            } else if args.word("NX") {
                fill(&mut options.condition, Condition::Nx)?;
            } else if args.word("XX") {
                fill(&mut options.condition, Condition::Xx)?;
            } else if args.word("KEEPTTL") {
                fill(&mut options.ttl, Ttl::Keep)?;
            } else if let Some(ttl) = Ttl::take(&mut args)? {
                fill(&mut options.ttl, ttl)?;
            } else {
                let comparison = Condition::comparison(word).ok_or(CmdError::Syntax)?;
                args.any()?;
                fill(&mut options.condition, comparison(args.any()?))?;
            }
        }
        Ok(options)
    }
}

/// Without GET and comparisons the old value is of no concern.
fn key_flags(argv: &mut dyn Iterator<Item = &[u8]>) -> KeyFlags {
    let mut options = argv.skip(3);
    if options.any(|word| is(word, "GET") || Condition::comparison(word).is_some()) {
        keyflag::RW.with(keyflag::ACCESS).with(keyflag::UPDATE)
    } else {
        keyflag::OW.with(keyflag::UPDATE)
    }
}

fn set(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    if argv.len() > 3 {
        return set_with_options(c, argv);
    }
    c.db.set_string(&argv[1], argv.text(2), None, SET);
    c.reply.ok();
    DONE
}

fn set_with_options(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let options = Options::parse(Args::new(argv, 3))?;
    let (key, value) = (&argv[1], argv.text(2));
    let deadline = ttl::resolve(options.ttl, c.db.clock_ms(), "set")?;
    let stored = store(c, key, value, options.condition, deadline, options.get)?;
    match (options.get, stored) {
        (true, _) => {}
        (false, true) => c.reply.ok(),
        (false, false) => c.reply.null(),
    }
    if stored {
        propagate(c, argv, &value, &options, deadline);
    }
    DONE
}

/// Gives the form that others get, where they should not run SET as received: a relative time has
/// become a deadline, nobody there awaits GET's reply, and a comparison was made here, in terms
/// that older versions do not know.
fn propagate(
    c: &mut KeysCtx<'_>,
    argv: &Argv<'_>,
    value: &[u8],
    options: &Options<'_>,
    deadline: Deadline,
) {
    let key = &argv[1];
    if let Deadline::At(at) = deadline {
        propagate_with_deadline(c, key, value, at);
    } else if options.condition.is_some_and(Condition::compares) {
        let mut form: Vec<&[u8]> = vec![b"SET", key, value];
        if deadline == Deadline::Keep {
            form.push(b"KEEPTTL");
        }
        c.propagate_as(&form);
    } else if options.get {
        let words = argv.iter().enumerate().filter(|(at, word)| *at < 3 || !is(word, "get"));
        c.propagate_as(&words.map(|(_, word)| word).collect::<Vec<_>>());
    }
}

fn propagate_with_deadline(c: &mut KeysCtx<'_>, key: &[u8], value: &[u8], at: u64) {
    c.propagate_as(&[b"SET", key, value, b"PXAT", itoa::Buffer::new().format(at).as_bytes()]);
}

fn setnx(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let condition = Some(Condition::Nx);
    let stored = store(c, &argv[1], argv.text(2), condition, Deadline::Clear, false)?;
    c.reply.int(i64::from(stored));
    DONE
}

fn setex(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    set_for(c, argv, Ttl::Ex(argv.at(2)), "setex")
}

fn psetex(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    set_for(c, argv, Ttl::Px(argv.at(2)), "psetex")
}

fn set_for(c: &mut KeysCtx<'_>, argv: &Argv<'_>, ttl: Ttl<'_>, command: &'static str) -> Outcome {
    let (key, value) = (&argv[1], argv.text(3));
    let deadline = ttl.deadline(c.db.clock_ms(), command)?;
    c.db.set_string(key, value, deadline, SET);
    c.db.tell(key, EXPIRE);
    c.reply.ok();
    if let Some(at) = deadline {
        propagate_with_deadline(c, key, &value, at);
    }
    DONE
}

fn getset(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (key, value) = (&argv[1], argv.text(2));
    store(c, key, value, None, Deadline::Clear, true)?;
    c.propagate_as(&[b"SET", key, &value]);
    DONE
}

/// Sets `key` if the condition lets it; whether it did. With `get` what the key held is answered,
/// and must be a string.
fn store(
    c: &mut KeysCtx<'_>,
    key: &[u8],
    value: Text<'_>,
    condition: Option<Condition<'_>>,
    deadline: Deadline,
    get: bool,
) -> Result<bool, CmdError> {
    let found = if get { c.db.upsert_read(key) } else { c.db.upsert(key) };
    match found {
        Ok(mut edit) => {
            if get {
                let held = edit.string().ok_or(CmdError::WrongType)?;
                c.reply.string(held);
            }
            if !condition.map_or(Ok(true), |condition| condition.allows(edit.string()))? {
                return Ok(false);
            }
            let value = new_string(value);
            edit.overwritten_by(Type::String);
            match deadline {
                Deadline::Keep => edit.set_value(value),
                Deadline::Clear => edit.set(value, None),
                Deadline::At(at) => edit.set(value, Some(at)),
            }
            edit.done(SET);
        }
        Err(vacancy) => {
            if get {
                c.reply.null();
            }
            if !condition.is_none_or(Condition::allows_missing) {
                return Ok(false);
            }
            let at = if let Deadline::At(at) = deadline { Some(at) } else { None };
            vacancy.insert(key, new_string(value), at, SET);
        }
    }
    if matches!(deadline, Deadline::At(_)) {
        c.db.tell(key, EXPIRE);
    }
    Ok(true)
}
