//! Members chosen at random.

use super::{SPOP, SREM_BATCH, free_later};
use crate::cmd::args::int;
use crate::cmd::draw;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, Set};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "spop",
            summary: "Takes members chosen at random out of a set and answers them.",
            since: "1.0.0",
            group: Group::Set,
            complexity: "O(N), N being the count; without one O(1)",
            arity: -2,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::SET,
            keys: &[key(1).rw().access().delete()],
            args: &[arg::key("key"), arg::integer("count").optional().since("3.2.0")],
            tips: &["nondeterministic_output"],
            history: &[("3.2.0", "The count.")],
            ..Spec::NEW
        },
        run: Run::Keys(spop),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "srandmember",
            summary: "Answers members chosen at random from a set.",
            since: "1.0.0",
            group: Group::Set,
            complexity: "O(N), N being the absolute value of the count; without one O(1)",
            arity: -2,
            flags: flag::READONLY,
            acl: acl::SET,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::integer("count").optional().since("2.6.0")],
            tips: &["nondeterministic_output"],
            history: &[("2.6.0", "The count.")],
            ..Spec::NEW
        },
        run: Run::Keys(srandmember),
        ..Command::NEW
    },
];

fn spop(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    match argv.len() {
        2 => spop_one(c, &argv[1]),
        3 => {
            let count = int(&argv[2]).ok().and_then(|count| usize::try_from(count).ok());
            let count = count.ok_or(CmdError::Msg("value is out of range, must be positive"))?;
            spop_count(c, &argv[1], count)
        }
        _ => Err(CmdError::Syntax),
    }
}

fn spop_one(c: &mut KeysCtx<'_>, key: &[u8]) -> Outcome {
    let is_feeding = c.is_feeding();
    let Some(mut held) = c.db.edit_as::<Set>(key)? else {
        c.reply.null();
        return DONE;
    };
    let mut popped = Vec::new();
    held.pop(c.rng, |member| {
        c.reply.string(member);
        if is_feeding {
            popped = member.to_vec();
        }
    });
    held.done(SPOP);
    c.propagate_as(&[b"SREM", key, &popped]);
    DONE
}

fn spop_count(c: &mut KeysCtx<'_>, key: &[u8], count: usize) -> Outcome {
    let is_feeding = c.is_feeding();
    let Some(mut held) = c.db.edit_as::<Set>(key)? else {
        c.reply.set(0);
        return DONE;
    };
    let taken = count.min(held.len());
    c.reply.set(taken);
    if taken == 0 {
        held.unchanged();
        return DONE;
    }
    if taken == held.len() {
        held.iter().for_each(|member| c.reply.string(member));
        held.event(SPOP);
        held.delete(Event::DEL);
        c.propagate_removal(key, c.config.lazyfree_lazy_server_del);
        return DONE;
    }
    let mut popped = Vec::new();
    let rest = held.pop_many(taken, c.limits, c.rng, |member| {
        c.reply.string(member);
        if is_feeding {
            popped.push(member.to_vec());
        }
    });
    held.done_times(SPOP, taken as u64);
    free_later(c, rest);
    for batch in popped.chunks(SREM_BATCH) {
        let members = batch.iter().map(Vec::as_slice);
        let srem: Vec<&[u8]> = [b"SREM", key].into_iter().chain(members).collect();
        c.propagate_as(&srem);
    }
    DONE
}

fn srandmember(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let count = match argv.len() {
        2 => None,
        3 => Some(int(&argv[2])?),
        _ => return Err(CmdError::Syntax),
    };
    if count == Some(i64::MIN) {
        return Err(CmdError::Msg(
            "value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let set = c.db.fetch_as::<Set>(&argv[1])?;
    match (set, count) {
        (None, None) => c.reply.null(),
        (None, Some(_)) => c.reply.array(0),
        (Some(set), None) => match set.random(c.rng) {
            Some(member) => c.reply.string(member),
            None => c.reply.null(),
        },
        (Some(set), Some(count)) if count < 0 => {
            let count = count.unsigned_abs() as usize;
            c.reply.array(count);
            draw::with_repetition(&mut c.reply, count, |reply, n| {
                set.draw(n as u64, c.rng, |member| reply.string(member));
            })?;
        }
        (Some(set), Some(count)) => {
            let count = set.len().min(count as usize);
            c.reply.array(count);
            set.sample(count, c.rng, |member| c.reply.string(member));
        }
    }
    DONE
}
