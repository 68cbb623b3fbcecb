//! Several elements from an end of one list to an end of another.

use super::{ENDS, discard, end, popped, pushed, remove_from, show_from, wait};
use crate::cmd::args::{self, Args};
use crate::cmd::{Command, DONE, Denied, Flow, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, End, Limits, List};

/// How many are moved, and in which order.
const HOW_MANY: Arg = arg::block(
    "how-many",
    &[
        arg::one_of(
            "selector",
            &[arg::integer("count").after("COUNT"), arg::integer("exactly").after("EXACTLY")],
        ),
        arg::one_of("ordering", &[arg::token("obo", "OBO"), arg::token("bulk", "BULK")]),
    ],
)
.optional();

const MOVE: Spec = Spec {
    since: "8.10.0",
    group: Group::List,
    complexity: "O(N), of N elements moved",
    flags: flag::WRITE.with(flag::DENYOOM),
    acl: acl::LIST,
    keys: &[key(1).rw().access().delete(), key(2).rw().insert()],
    ..Spec::NEW
};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "lmovem",
            summary: "Moves elements from an end of one list to an end of another, and answers \
                      them.",
            arity: -5,
            args: &[
                arg::key("source"),
                arg::key_of("destination", 1),
                arg::one_of("wherefrom", ENDS),
                arg::one_of("whereto", ENDS),
                HOW_MANY,
            ],
            ..MOVE
        },
        run: Run::Keys(lmovem),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "blmovem",
            summary: "Moves elements from an end of one list to an end of another, answers them, \
                      and waits where there are too few.",
            arity: -6,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::BLOCKING),
            args: &[
                arg::key("source"),
                arg::key_of("destination", 1),
                arg::one_of("wherefrom", ENDS),
                arg::one_of("whereto", ENDS),
                arg::double("timeout"),
                HOW_MANY,
            ],
            ..MOVE
        },
        run: Run::Keys(blmovem),
        ..Command::NEW
    },
];

fn lmovem(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let request = Request::parse(argv, 5)?;
    if request.serve(c, argv)? {
        return DONE;
    }
    if request.at_least > 1 || request.exactly {
        c.reply.null_array();
    } else {
        c.reply.array(0);
    }
    DONE
}

fn blmovem(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let request = Request::parse(argv, 6)?;
    let deadline_ms = args::deadline(&argv[5], c.db.now_ms())?;
    if !request.serve(c, argv)? {
        let at_least = request.at_least;
        return Ok(Flow::Block(wait(1..2, at_least, deadline_ms, Denied::NullArray)));
    }
    let plain = std::iter::once(&b"LMOVEM"[..]).chain((1..5).map(|at| &argv[at]));
    let plain: Vec<_> = plain.chain(argv.from(6)).collect();
    c.propagate_as(&plain);
    DONE
}

/// What is to be moved.
struct Request {
    from: End,
    to: End,
    /// So many at most,
    count: usize,
    /// and so many at least.
    at_least: usize,
    /// EXACTLY was said.
    exactly: bool,
    /// They stand in the other list as they stood in the one, even if they go to the same end.
    keeps_order: bool,
}

impl Request {
    /// What follows the ends of the lists begins at `at`.
    fn parse(argv: &Argv<'_>, at: usize) -> Result<Self, CmdError> {
        let (from, to) = (end(&argv[3])?, end(&argv[4])?);
        let mut args = Args::new(argv, at);
        let mut request =
            Self { from, to, count: 1, at_least: 1, exactly: false, keeps_order: true };
        if args.left() == 0 {
            return Ok(request);
        }
        request.exactly = args.word("EXACTLY");
        if !request.exactly && !args.word("COUNT") {
            return Err(CmdError::Syntax);
        }
        let positive = CmdError::Msg("count should be greater than 0");
        request.count = args.int_in(1, i64::MAX, positive)? as usize;
        request.at_least = if request.exactly { request.count } else { 1 };
        request.keeps_order = args.word("BULK");
        if !request.keeps_order && !args.word("OBO") {
            return Err(CmdError::Syntax);
        }
        args.end()?;
        Ok(request)
    }

    /// Moves the elements and answers them as they stand in the destination; whether there were
    /// enough.
    fn serve(&self, c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Result<bool, CmdError> {
        let (source, destination) = (&argv[1], &argv[2]);
        let Some(list) = c.db.edit_as::<List>(source)? else { return Ok(false) };
        if list.len() < self.at_least {
            list.unchanged();
            return Ok(false);
        }
        let count = self.count.min(list.len());
        let mut elements = Vec::with_capacity(count);
        show_from(&list, self.from, count, |item| elements.push(item.to_vec()));
        list.unchanged();
        // From the order in which they are taken to that in which they are to stand.
        let taken_backwards = self.from == End::Right;
        let reversed = !self.keeps_order && self.from == self.to;
        if taken_backwards != reversed {
            elements.reverse();
        }
        self.write(c, source, destination, &elements)?;
        c.reply.array(elements.len());
        elements.iter().for_each(|element| c.reply.bulk(element));
        Ok(true)
    }

    fn write(
        &self,
        c: &mut KeysCtx<'_>,
        source: &[u8],
        destination: &[u8],
        elements: &[Vec<u8>],
    ) -> Result<(), CmdError> {
        let count = elements.len();
        if source == destination {
            let Some(mut list) = c.db.edit_as::<List>(source)? else { return Ok(()) };
            for _ in 0..count {
                list.pop(self.from, |_| ());
            }
            self.add(&mut list, elements, c.limits);
            list.event(pushed(self.to));
            list.done_times(popped(self.from), count as u64);
            return Ok(());
        }
        let mut list = c.db.edit_or_new(destination, List::default)?;
        self.add(&mut list, elements, c.limits);
        list.done_times(pushed(self.to), 0);
        if let Some(list) = c.db.edit_as::<List>(source)? {
            let removed = remove_from(list, self.from, count, c.limits);
            discard(&mut c.db, removed);
        }
        Ok(())
    }

    fn add(&self, list: &mut List, elements: &[Vec<u8>], limits: &Limits) {
        let elements = elements.iter().map(|element| &element[..]);
        match self.to {
            End::Left => list.extend(End::Left, elements.rev(), limits),
            End::Right => list.extend(End::Right, elements, limits),
        }
    }
}
