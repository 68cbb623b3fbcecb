//! HRANDFIELD and HSCAN: some of the fields.

use rand::rngs::SmallRng;

use super::{bulk, read};
use crate::cmd::args::{Args, is};
use crate::cmd::draw;
use crate::cmd::scan::{self, Extra, ScanOptions};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, Bulks, CmdError, Reply, Resp};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::stdx::num::parse_i64;
use crate::types::{FieldRef, Hash};

/// A row that the commands below complete.
const SOME: Spec = Spec {
    group: Group::Hash,
    flags: flag::READONLY,
    acl: acl::HASH,
    keys: &[key(1).ro().access()],
    tips: &["nondeterministic_output"],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "hrandfield",
            summary: "Answers fields chosen at random.",
            since: "6.2.0",
            complexity: "O(N), N being the number of fields answered",
            arity: -2,
            args: &[
                arg::key("key"),
                arg::block(
                    "options",
                    &[arg::integer("count"), arg::token("withvalues", "WITHVALUES").optional()],
                )
                .optional(),
            ],
            ..SOME
        },
        run: Run::Keys(hrandfield),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "hscan",
            summary: "Goes through the fields step by step.",
            since: "2.8.0",
            complexity: "O(1) a call, O(N) for all N fields",
            arity: -3,
            args: &[
                arg::key("key"),
                arg::integer("cursor"),
                scan::MATCH,
                scan::COUNT,
                arg::token("novalues", "NOVALUES").optional().since("7.4.0"),
            ],
            ..SOME
        },
        run: Run::Keys(hscan),
        ..Command::NEW
    },
];

/// How many fields HRANDFIELD is to draw.
#[derive(Debug, Clone, Copy)]
struct Draw {
    count: usize,
    /// All of them different ones.
    distinct: bool,
    with_values: bool,
}

impl Draw {
    /// The count, and the word that may follow it.
    fn parse(mut args: Args<'_>) -> Result<Option<Self>, CmdError> {
        const LIMITS: &str = "value is out of range, \
                              value must between -9223372036854775807 and 9223372036854775807";
        let Some(count) = args.next() else { return Ok(None) };
        let count = parse_i64(count).ok_or(CmdError::NotInteger)?;
        if count == i64::MIN {
            return Err(CmdError::Msg(LIMITS));
        }
        let with_values = match args.next() {
            None => false,
            Some(word) if args.left() == 0 && is(word, "withvalues") => true,
            Some(_) => return Err(CmdError::Syntax),
        };
        if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
            return Err(CmdError::Msg("value is out of range"));
        }
        let distinct = count >= 0;
        let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(Some(Self { count, distinct, with_values }))
    }

    /// Answers fields of `hash`.
    ///
    /// # Errors
    /// They are more than a reply may hold.
    fn answer(
        self,
        hash: &Hash,
        now_ms: u64,
        rng: &mut SmallRng,
        reply: &mut Reply<'_>,
    ) -> Result<(), CmdError> {
        let live = hash.live_len(now_ms);
        let count = match self.distinct {
            true => self.count.min(live),
            false if live == 0 => 0,
            false => self.count,
        };
        let flat = self.with_values && reply.resp() == Resp::V2;
        reply.array(if flat { 2 * count } else { count });
        let show = |reply: &mut Reply<'_>, field: FieldRef<'_>| {
            if self.with_values && !flat {
                reply.array(2);
            }
            bulk(reply, field.name);
            if self.with_values {
                bulk(reply, field.value);
            }
        };
        if self.distinct {
            hash.draw_distinct(count, rng, now_ms, |field| show(reply, field));
            return Ok(());
        }
        draw::with_repetition(reply, count, |reply, n| {
            hash.draw(n, rng, now_ms, |field| show(reply, field));
        })
    }
}

fn hrandfield(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let draw = Draw::parse(Args::new(argv, 2))?;
    let (hash, now) = read(&mut c.db, &argv[1])?;
    match (draw, hash) {
        (Some(draw), Some(hash)) => draw.answer(hash, now, c.rng, &mut c.reply)?,
        (Some(_), None) => c.reply.array(0),
        (None, hash) => match hash.and_then(|hash| hash.random(c.rng, now)) {
            Some(field) => bulk(&mut c.reply, field.name),
            None => c.reply.null(),
        },
    }
    DONE
}

fn hscan(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let cursor = scan::cursor(&argv[2])?;
    let (hash, now) = read(&mut c.db, &argv[1])?;
    let Some(hash) = hash else {
        scan::reply(&mut c.reply, 0, Bulks::default());
        return DONE;
    };
    let options = ScanOptions::parse(Args::new(argv, 3), Extra::NamesOnly("novalues"))?;
    let mut found = Bulks::default();
    let next = options.walk(cursor, |cursor, seen| {
        hash.scan(cursor, now, |field| {
            *seen += 1;
            let (mut names, mut values) = (itoa::Buffer::new(), itoa::Buffer::new());
            let name = field.name.bytes(&mut names);
            if options.wants(name) {
                found.push(name);
                if !options.names_only {
                    found.push(field.value.bytes(&mut values));
                }
            }
        })
    });
    scan::reply(&mut c.reply, next, found);
    DONE
}
