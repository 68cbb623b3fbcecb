//! Where elements are.

use super::opposable;
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, End, List, Needle};
use std::ops::ControlFlow;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "lpos",
        summary: "Answers the indexes at which a list has an element.",
        since: "6.0.6",
        group: Group::List,
        complexity: "O(N), of N elements looked at",
        arity: -3,
        flags: flag::READONLY,
        acl: acl::LIST,
        keys: &[key(1).ro().access()],
        args: &[
            arg::key("key"),
            arg::string("element"),
            arg::integer("rank").after("RANK").optional(),
            arg::integer("num-matches").after("COUNT").optional(),
            arg::integer("len").after("MAXLEN").optional(),
        ],
        ..Spec::NEW
    },
    run: Run::Keys(lpos),
    ..Command::NEW
}];

const ZERO_RANK: CmdError = CmdError::Msg(
    "RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
     negative to start from the end of the list",
);

/// What LPOS looks for.
struct Search {
    end: End,
    /// Matches that are passed over.
    skipped: usize,
    /// Matches that are answered at most, as an array; the first one alone if none is said.
    count: Option<usize>,
    /// Elements that are looked at, at most.
    max_len: usize,
}

impl Search {
    fn parse(mut args: Args<'_>) -> Result<Self, CmdError> {
        let mut search = Self { end: End::Left, skipped: 0, count: None, max_len: usize::MAX };
        while args.left() > 0 {
            // A word without its number is none.
            let has_number = args.left() > 1;
            if has_number && args.word("RANK") {
                search.set_rank(args.int()?)?;
            } else if has_number && args.word("COUNT") {
                search.count = Some(unlimited(&mut args, "COUNT can't be negative")?);
            } else if has_number && args.word("MAXLEN") {
                search.max_len = unlimited(&mut args, "MAXLEN can't be negative")?;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(search)
    }

    fn set_rank(&mut self, rank: i64) -> Result<(), CmdError> {
        let rank = opposable(rank)?;
        self.end = if rank < 0 { End::Right } else { End::Left };
        self.skipped = rank.unsigned_abs().checked_sub(1).ok_or(ZERO_RANK)? as usize;
        Ok(())
    }

    /// Shows the indexes that are to be answered.
    fn run(&self, list: &List, needle: Needle<'_>, mut show: impl FnMut(usize)) {
        let (mut seen, mut matches, mut shown) = (0, 0, 0);
        let most = self.count.unwrap_or(1);
        let _ = list.walk(self.end, |item| {
            if shown == most || seen == self.max_len {
                return ControlFlow::Break(());
            }
            if needle.is(item) {
                matches += 1;
                if matches > self.skipped {
                    shown += 1;
                    show(if self.end == End::Left { seen } else { list.len() - 1 - seen });
                }
            }
            seen += 1;
            ControlFlow::Continue(())
        });
    }
}

/// A number that must not be negative; 0 is no limit.
fn unlimited(args: &mut Args<'_>, negative: &'static str) -> Result<usize, CmdError> {
    let n = args.int_in(0, i64::MAX, CmdError::Msg(negative))?;
    Ok(if n == 0 { usize::MAX } else { n as usize })
}

fn lpos(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let search = Search::parse(Args::new(argv, 3))?;
    let needle = Needle::new(&argv[2]);
    let mut found = Vec::new();
    if let Some(list) = c.db.fetch_as::<List>(&argv[1])? {
        search.run(list, needle, |index| found.push(index));
    }
    if search.count.is_some() {
        c.reply.array(found.len());
    } else if found.is_empty() {
        c.reply.null();
    }
    found.into_iter().for_each(|index| c.reply.len(index));
    DONE
}
