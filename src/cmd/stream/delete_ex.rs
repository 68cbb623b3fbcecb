//! XDELEX, XACKDEL.

use super::{id, trim};
use crate::cmd::args::{self, Args};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::{Event, Held};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, flag, key};
use crate::types::stream::{Id, References, Removal, Stream};

pub(super) const IDS: Arg =
    arg::block("ids", &[arg::integer("numids"), arg::string("id").multiple()]).after("IDS");

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "xdelex",
            summary: "Deletes entries of a stream, and says what becomes of them in groups.",
            since: "8.2.0",
            group: Group::Stream,
            complexity: "O(N), of N ids",
            arity: -5,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::STREAM,
            keys: &[key(1).rw().delete()],
            args: &[arg::key("key"), trim::REFERENCES, IDS],
            ..Spec::NEW
        },
        run: Run::Keys(xdelex),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "xackdel",
            summary: "Acknowledges entries that pend in a group, and deletes them.",
            since: "8.2.0",
            group: Group::Stream,
            complexity: "O(N), of N ids",
            arity: -6,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::STREAM,
            keys: &[key(1).rw().update().delete()],
            args: &[arg::key("key"), arg::string("group"), trim::REFERENCES, IDS],
            ..Spec::NEW
        },
        run: Run::Keys(xackdel),
        ..Command::NEW
    },
];

/// What is answered for an entry that is not there, or does not pend,
const MISSING: i64 = -1;
/// for one that was deleted,
const DELETED: i64 = 1;
/// and for one that groups refer to.
const REFERRED: i64 = 2;

/// Takes the ids behind the word IDS: how many, and as many of them.
pub(super) fn ids(args: &mut Args<'_>) -> Result<Vec<Id>, CmdError> {
    let count = args::int(args.any()?).ok().and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count > 0);
    let count = count.ok_or(CmdError::Msg("Number of IDs must be a positive integer"))?;
    if count > args.left() {
        return Err(CmdError::Msg("The `numids` parameter must match the number of arguments"));
    }
    args.take(count).map(|arg| id::id(arg, 0)).collect()
}

/// The arguments from number `at` on: ids, and what becomes of them in groups.
fn parse(argv: &Argv<'_>, at: usize) -> Result<(Vec<Id>, References), CmdError> {
    let (mut args, mut references, mut found) = (Args::new(argv, at), None, None);
    while args.left() > 0 {
        if trim::take_references(&mut args, &mut references)? {
            continue;
        }
        if found.is_some() || !args.word("IDS") {
            return Err(CmdError::Syntax);
        }
        found = Some(ids(&mut args)?);
    }
    Ok((found.ok_or(CmdError::Syntax)?, references.unwrap_or_default()))
}

fn all_missing(reply: &mut Reply<'_>, count: usize) {
    reply.array(count);
    (0..count).for_each(|_| reply.int(MISSING));
}

/// What a command has removed.
#[derive(Default)]
struct Removed {
    entries: u64,
    /// Places in groups.
    pending: u64,
}

impl Removed {
    /// Removes an entry, and what refers to it where that is wanted.
    fn remove(&mut self, stream: &mut Stream, id: Id, references: References) -> Removal {
        let removal = stream.remove_with(id, references);
        if references == References::Delete {
            self.pending += stream.release_everywhere(id) as u64;
        }
        self.entries += u64::from(removal == Removal::Removed);
        removal
    }

    /// Tells of it.
    fn done(self, stream: Held<'_, Stream>) {
        match self.entries {
            0 => stream.done_untold(self.pending),
            _ => stream.done_times(Event::stream("xdel"), self.entries + self.pending),
        }
    }
}

fn xdelex(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (ids, references) = parse(argv, 2)?;
    let Some(mut stream) = c.db.edit_as::<Stream>(&argv[1])? else {
        all_missing(&mut c.reply, ids.len());
        return DONE;
    };
    let mut removed = Removed::default();
    c.reply.array(ids.len());
    for id in ids {
        c.reply.int(match removed.remove(&mut stream, id, references) {
            Removal::Missing => MISSING,
            Removal::Removed => DELETED,
            Removal::Referred => REFERRED,
        });
    }
    removed.done(stream);
    DONE
}

fn xackdel(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (ids, references) = parse(argv, 3)?;
    let stream = c.db.edit_as::<Stream>(&argv[1])?;
    let stream = stream.filter(|stream| stream.group(&argv[2]).is_some());
    let Some(mut stream) = stream else {
        all_missing(&mut c.reply, ids.len());
        return DONE;
    };
    let mut removed = Removed::default();
    c.reply.array(ids.len());
    for id in ids {
        if !stream.group_mut(&argv[2]).is_some_and(|group| group.release(id)) {
            c.reply.int(MISSING);
            continue;
        }
        removed.pending += 1;
        let removal = removed.remove(&mut stream, id, references);
        c.reply.int(if removal == Removal::Referred { REFERRED } else { DELETED });
    }
    removed.done(stream);
    DONE
}
