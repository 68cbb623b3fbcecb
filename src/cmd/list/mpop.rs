//! Removals of several elements from the first of several lists that there is.

use super::{ENDS, bulk, discard, end, pop_name, remove_from, show_from, wait};
use crate::cmd::args::{self, Args};
use crate::cmd::{Command, DONE, Denied, Flow, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, counted, flag};
use crate::types::{Collection, End, List};
use std::ops::Range;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "lmpop",
            summary: "Removes and answers elements at one end of the first of these lists that \
                      there is.",
            since: "7.0.0",
            group: Group::List,
            complexity: "O(N+M), of N keys and M elements answered",
            arity: -4,
            flags: flag::WRITE.with(flag::MOVABLE_KEYS),
            acl: acl::LIST,
            keys: &[counted(1, 1).rw().access().delete()],
            args: &[
                arg::integer("numkeys"),
                arg::key("key").multiple(),
                arg::one_of("where", ENDS),
                arg::integer("count").after("COUNT").optional(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(lmpop),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "blmpop",
            summary: "Removes and answers elements at one end of the first of these lists that \
                      there is, and waits for one where there is none.",
            since: "7.0.0",
            group: Group::List,
            complexity: "O(N+M), of N keys and M elements answered",
            arity: -5,
            flags: flag::WRITE.with(flag::BLOCKING).with(flag::MOVABLE_KEYS),
            acl: acl::LIST,
            keys: &[counted(2, 1).rw().access().delete()],
            args: &[
                arg::double("timeout"),
                arg::integer("numkeys"),
                arg::key("key").multiple(),
                arg::one_of("where", ENDS),
                arg::integer("count").after("COUNT").optional(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(blmpop),
        ..Command::NEW
    },
];

fn lmpop(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let request = Request::parse(argv, 1)?;
    if !request.serve(c, argv)? {
        c.reply.null_array();
    }
    DONE
}

fn blmpop(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let request = Request::parse(argv, 2)?;
    let deadline_ms = args::deadline(&argv[1], c.db.now_ms())?;
    if request.serve(c, argv)? {
        return DONE;
    }
    Ok(Flow::Block(wait(request.keys, 1, deadline_ms, Denied::NullArray)))
}

/// What is to be removed.
struct Request {
    /// From the first of these, as numbers of arguments,
    keys: Range<usize>,
    /// at this end,
    end: End,
    /// at most so many.
    count: usize,
}

impl Request {
    /// The number of keys is at `at`, and what belongs to the request behind it.
    fn parse(argv: &Argv<'_>, at: usize) -> Result<Self, CmdError> {
        let mut args = Args::new(argv, at);
        let numkeys = CmdError::Msg("numkeys should be greater than 0");
        let numkeys = args.int_in(1, i64::MAX, numkeys)? as usize;
        if numkeys >= args.left() {
            return Err(CmdError::Syntax);
        }
        let keys = at + 1..at + 1 + numkeys;
        let mut args = Args::new(argv, keys.end);
        let end = end(args.any()?)?;
        let mut count = None;
        while args.left() > 0 {
            if count.is_some() || !args.word("COUNT") {
                return Err(CmdError::Syntax);
            }
            let positive = CmdError::Msg("count should be greater than 0");
            count = Some(args.int_in(1, i64::MAX, positive)? as usize);
        }
        Ok(Self { keys, end, count: count.unwrap_or(1) })
    }

    /// Answers the elements of the first list that there is; whether there is one.
    fn serve(&self, c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Result<bool, CmdError> {
        for key in self.keys.clone().map(|at| &argv[at]) {
            let Some(list) = c.db.edit_as::<List>(key)? else { continue };
            let count = self.count.min(list.len());
            c.reply.array(2);
            c.reply.bulk(key);
            c.reply.array(count);
            show_from(&list, self.end, count, |item| bulk(&mut c.reply, item));
            let removed = remove_from(list, self.end, count, c.limits);
            discard(&mut c.db, removed);
            let mut digits = itoa::Buffer::new();
            c.propagate_as(&[pop_name(self.end), key, digits.format(count).as_bytes()]);
            return Ok(true);
        }
        Ok(false)
    }
}
