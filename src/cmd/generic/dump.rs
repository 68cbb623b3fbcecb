//! DUMP and RESTORE.

use crate::cmd::args::{Args, int};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::ds::entry::NewValue;
use crate::keyspace::{Edit, Event};
use crate::persist::rdb::{self, Loaded, PayloadError};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{Entry, new_string};

const RESTORE: Spec = Spec {
    name: "restore",
    summary: "Creates a key from what DUMP answered.",
    since: "2.6.0",
    group: Group::Generic,
    complexity: "O(N) for the size of the value",
    arity: -4,
    flags: flag::WRITE.with(flag::DENYOOM),
    acl: acl::KEYSPACE.with(acl::DANGEROUS),
    keys: &[key(1).ow().update()],
    args: &[
        arg::key("key"),
        arg::integer("ttl"),
        arg::string("serialized-value"),
        arg::token("replace", "REPLACE").optional().since("3.0.0"),
        arg::token("absttl", "ABSTTL").optional().since("5.0.0"),
        arg::integer("seconds").after("IDLETIME").optional().since("5.0.0"),
        arg::integer("frequency").after("FREQ").optional().since("5.0.0"),
    ],
    history: &[
        ("3.0.0", "The REPLACE option."),
        ("5.0.0", "The ABSTTL option."),
        ("5.0.0", "The IDLETIME and FREQ options."),
    ],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "dump",
            summary: "Answers a key's value as RESTORE takes it.",
            since: "2.6.0",
            group: Group::Generic,
            complexity: "O(N) for the size of the value",
            arity: 2,
            flags: flag::READONLY,
            acl: acl::KEYSPACE,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key")],
            tips: &["nondeterministic_output"],
            ..Spec::NEW
        },
        run: Run::Keys(dump),
        ..Command::NEW
    },
    Command { spec: RESTORE, run: Run::Keys(restore), ..Command::NEW },
    // What a node of a cluster sends that moves a slot.
    Command {
        spec: Spec {
            name: "restore-asking",
            since: "3.0.0",
            group: Group::Server,
            flags: RESTORE.flags.with(flag::ASKING),
            history: &[],
            system: true,
            ..RESTORE
        },
        run: Run::Keys(restore),
        ..Command::NEW
    },
];

fn dump(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let compress = c.config.rdbcompression;
    let dumper = &mut *c.dumper;
    let payload = c.db.fetch(&argv[1]).map(|entry| dumper.dump(entry, compress));
    match payload {
        Some(payload) => c.reply.bulk(&payload),
        None => c.reply.null(),
    }
    DONE
}

/// RESTORE's options.
#[derive(Debug, Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<i64>,
    frequency: Option<i64>,
}

impl Options {
    fn parse(mut args: Args<'_>) -> Result<Self, CmdError> {
        let mut options = Self::default();
        while args.left() > 0 {
            if args.word("replace") {
                options.replace = true;
            } else if args.word("absttl") {
                options.absolute = true;
            } else if args.left() >= 2 && options.frequency.is_none() && args.word("idletime") {
                let invalid = CmdError::Msg("Invalid IDLETIME value, must be >= 0");
                options.idle_seconds = Some(at_least_zero(args.int()?, i64::MAX, invalid)?);
            } else if args.left() >= 2 && options.idle_seconds.is_none() && args.word("freq") {
                let invalid = CmdError::Msg("Invalid FREQ value, must be >= 0 and <= 255");
                options.frequency = Some(at_least_zero(args.int()?, 255, invalid)?);
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }
}

fn at_least_zero(n: i64, max: i64, otherwise: CmdError) -> Result<i64, CmdError> {
    if (0..=max).contains(&n) { Ok(n) } else { Err(otherwise) }
}

fn restore(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let key = &argv[1];
    let options = Options::parse(Args::new(argv, 4))?;
    let taken = c.db.edit(key).map(crate::keyspace::Edit::unchanged).is_some();
    if taken && !options.replace {
        return Err(CmdError::code("BUSYKEY Target key name already exists."));
    }
    let ttl = int(&argv[2])?;
    let now = c.db.now_ms();
    let ttl = u64::try_from(ttl).map_err(|_| CmdError::Msg("Invalid TTL value, must be >= 0"))?;
    let deadline = match (ttl, options.absolute) {
        (0, _) => None,
        (at, true) => Some(at),
        // Times are signed numbers in requests and replies.
        (after, false) => Some(c.db.clock_ms().saturating_add(after).min(i64::MAX as u64)),
    };
    let loaded =
        rdb::restore(&argv[3], c.dumper.verify, c.limits).map_err(|error| match error {
            PayloadError::BadVersionOrChecksum => {
                CmdError::Msg("DUMP payload version or checksum are wrong")
            }
            PayloadError::BadFormat | PayloadError::UnsupportedType(_) => {
                CmdError::Msg("Bad data format")
            }
        })?;
    let old = c.db.edit(key);
    if deadline.is_some_and(|at| at <= now) {
        // Its time is over: nothing is created, and what was there is gone.
        if let Some(old) = old {
            old.delete(Event::generic("del"));
            c.propagate_removal(key, c.config.lazyfree_lazy_server_del);
        }
        c.reply.ok();
        return DONE;
    }
    let replaced = old.map(Edit::delete_untold);
    let mut entry = match loaded {
        Loaded::Str(bytes) => Entry::new(key, new_string(&bytes), deadline),
        Loaded::Value(value) => Entry::new(key, NewValue::Other(value), deadline),
    };
    let clock = c.db.access_clock(options.idle_seconds, options.frequency);
    entry.set_clock(clock);
    c.db.adopt(entry);
    if let Some(kind) = replaced {
        c.db.tell_overwritten(key, kind);
    }
    c.db.done(key, Event::generic("restore"));
    if let Some(at) = deadline.filter(|_| !options.absolute) {
        propagate_absolute(c, argv, at);
    }
    c.reply.ok();
    DONE
}

/// The time to live travels as the time it ends at.
fn propagate_absolute(c: &mut KeysCtx<'_>, argv: &Argv<'_>, at: u64) {
    let at = at.to_string();
    let mut form: Vec<&[u8]> = argv.iter().collect();
    form[2] = at.as_bytes();
    form.push(b"ABSTTL");
    c.propagate_as(&form);
}
