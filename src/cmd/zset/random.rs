//! ZRANDMEMBER: elements chosen at random, each with the same probability.

use super::{reply_element, reply_elements, reply_elements_head, reply_member};
use crate::cmd::args::{self, Args};
use crate::cmd::draw;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, Zset};
use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::index;

/// This command.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "zrandmember",
        summary: "Answers members chosen at random.",
        since: "6.2.0",
        group: Group::SortedSet,
        complexity: "O(M) for M members answered",
        arity: -2,
        flags: flag::READONLY,
        acl: acl::SORTEDSET,
        keys: &[key(1).ro().access()],
        args: &[
            arg::key("key"),
            arg::block(
                "options",
                &[arg::integer("count"), arg::token("withscores", "WITHSCORES").optional()],
            )
            .optional(),
        ],
        tips: &["nondeterministic_output"],
        ..Spec::NEW
    },
    run: Run::Keys(zrandmember),
    ..Command::NEW
}];

/// Where no more than one element in so many is chosen, each is looked up by itself.
const SPARSE: usize = 32;

fn zrandmember(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    if argv.len() > 2 {
        return several(c, argv);
    }
    let zset = c.db.fetch_as::<Zset>(&argv[1])?;
    let rng = &mut *c.rng;
    match zset.and_then(|zset| zset.random(&mut || rng.next_u64())) {
        Some(element) => reply_member(&mut c.reply, element.member),
        None => c.reply.null(),
    }
    DONE
}

/// With a count: so many different elements, or all if there are fewer. With a negative one: exactly
/// so many, each drawn from all.
fn several(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let count = args::int(&argv[2])?;
    if count == i64::MIN {
        let words = "value is out of range, value must between -9223372036854775807 and 9223372036854775807";
        return Err(CmdError::Msg(words));
    }
    let mut args = Args::new(argv, 3);
    let with_scores = args.word("withscores");
    args.end()?;
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(CmdError::Msg("value is out of range"));
    }
    let Some(zset) = c.db.fetch_as::<Zset>(&argv[1])? else {
        c.reply.array(0);
        return DONE;
    };
    let size = count.unsigned_abs() as usize;
    if count >= 0 {
        reply_distinct(&mut c.reply, c.rng, zset, size.min(zset.len()), with_scores);
    } else {
        reply_drawn(&mut c.reply, c.rng, zset, size, with_scores)?;
    }
    DONE
}

/// Answers `size` different elements, in the order in which they stand.
fn reply_distinct(
    reply: &mut Reply<'_>,
    rng: &mut SmallRng,
    zset: &Zset,
    size: usize,
    with_scores: bool,
) {
    if size == zset.len() {
        return reply_elements(reply, zset.range(0..size), with_scores);
    }
    let mut ranks = index::sample(rng, zset.len(), size).into_vec();
    ranks.sort_unstable();
    reply_elements_head(reply, size, with_scores);
    if size * SPARSE <= zset.len() {
        let chosen = ranks.into_iter().filter_map(|rank| zset.get(rank));
        chosen.for_each(|element| reply_element(reply, element, with_scores));
        return;
    }
    let mut ranks = ranks.into_iter().peekable();
    for (rank, element) in zset.range(0..zset.len()).enumerate() {
        if ranks.next_if_eq(&rank).is_some() {
            reply_element(reply, element, with_scores);
        }
    }
}

/// Answers `size` elements, each drawn from all.
fn reply_drawn(
    reply: &mut Reply<'_>,
    rng: &mut SmallRng,
    zset: &Zset,
    size: usize,
    with_scores: bool,
) -> Result<(), CmdError> {
    reply_elements_head(reply, size, with_scores);
    draw::with_repetition(reply, size, |reply, n| {
        for _ in 0..n {
            let element = zset.random(&mut || rng.next_u64());
            reply_element(reply, element.expect("a sorted set is never empty"), with_scores);
        }
    })
}
