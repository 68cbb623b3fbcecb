//! HyperLogLog commands: how many different elements there were, from strings of 12 KB or less.

mod debug;

use super::{Command, DONE, Outcome, Run};
use crate::ds::entry::NewValue;
use crate::ds::hll::{self, Corrupt, Editor, Hll, Mark, Registers};
use crate::ds::sds::Sds;
use crate::keyspace::{Edit, Event};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key, range};
use crate::types::Value;

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 2] = [USUAL, debug::COMMANDS];

const PFADD: Event = Event::string("pfadd");

static USUAL: &[Command] = &[
    Command {
        spec: Spec {
            name: "pfadd",
            summary: "Adds elements to a HyperLogLog, or creates it.",
            since: "2.8.9",
            group: Group::Hyperloglog,
            complexity: "O(1) for each element",
            arity: -2,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
            acl: acl::HYPERLOGLOG,
            keys: &[key(1).rw().insert()],
            args: &[arg::key("key"), arg::string("element").optional().multiple()],
            ..Spec::NEW
        },
        run: Run::Keys(pfadd),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "pfcount",
            summary: "Estimates how many different elements HyperLogLogs saw together.",
            since: "2.8.9",
            group: Group::Hyperloglog,
            complexity: "O(1) for one key that was not changed since; else O(N), N being the keys",
            arity: -2,
            flags: flag::READONLY.with(flag::MAY_REPLICATE),
            acl: acl::HYPERLOGLOG,
            keys: &[range(1, -1, 1)
                .rw()
                .access()
                .notes("The estimate is kept in the value, which is propagated")],
            args: &[arg::key("key").multiple()],
            ..Spec::NEW
        },
        run: Run::Keys(pfcount),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "pfmerge",
            summary: "Merges HyperLogLogs into one of them, or into a new one.",
            since: "2.8.9",
            group: Group::Hyperloglog,
            complexity: "O(N), N being the keys",
            arity: -2,
            flags: flag::WRITE.with(flag::DENYOOM),
            acl: acl::HYPERLOGLOG,
            keys: &[key(1).rw().access().insert(), range(2, -1, 1).ro().access()],
            args: &[arg::key("destkey"), arg::key_of("sourcekey", 1).optional().multiple()],
            ..Spec::NEW
        },
        run: Run::Keys(pfmerge),
        ..Command::NEW
    },
];

const NO_HLL: CmdError = CmdError::code("WRONGTYPE Key is not a valid HyperLogLog string value.");

fn corrupt(_: Corrupt) -> CmdError {
    CmdError::code("INVALIDOBJ Corrupted HLL object detected")
}

fn pfadd(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let key = &argv[1];
    let sparse_max = c.limits.hll_sparse_max_bytes;
    let marks = argv.from(2).map(Mark::of);
    let changes = match c.db.upsert(key) {
        Ok(edit) => add(edit, marks, sparse_max)?,
        Err(vacancy) => {
            let mut new = Sds::from_slice(&hll::empty());
            let mut editor = Editor::new(&mut new, sparse_max);
            // That the key came to be is a change as well.
            let changes = 1 + marks.filter(|mark| editor.mark(*mark)).count() as u64;
            editor.invalidate_count();
            vacancy.insert_times(key, NewValue::Other(Value::raw(new)), None, PFADD, changes);
            changes
        }
    };
    c.reply.int(i64::from(changes > 0));
    DONE
}

/// Adds elements to an existing one; how many of them changed it. One that knows them all already,
/// the usual case, is only read.
fn add(
    mut edit: Edit<'_>,
    mut marks: impl Iterator<Item = Mark>,
    sparse_max: usize,
) -> Result<u64, CmdError> {
    let held = edit.string().ok_or(CmdError::WrongType)?;
    let mut digits = itoa::Buffer::new();
    let hll = Hll::parse(held.bytes(&mut digits)).ok_or(NO_HLL)?;
    let first = loop {
        let Some(mark) = marks.next() else {
            edit.unchanged();
            return Ok(0);
        };
        if hll.lacks(mark).map_err(corrupt)? {
            break mark;
        }
    };
    hll.validate().map_err(corrupt)?;
    let mut editor = Editor::new(edit.raw_string(), sparse_max);
    let changes = std::iter::once(first).chain(marks).filter(|mark| editor.mark(*mark)).count();
    editor.invalidate_count();
    edit.done_times(PFADD, changes as u64);
    Ok(changes as u64)
}

fn pfcount(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    if argv.len() == 2 {
        return pfcount_one(c, &argv[1]);
    }
    let mut merged = Registers::default();
    for key in argv.from(1) {
        merge(c, key, &mut merged)?;
    }
    c.reply.int(merged.count() as i64);
    DONE
}

/// The estimate of one key is kept in its value. That is a change, if one without an event, so that
/// replicas and the AOF have it too.
fn pfcount_one(c: &mut KeysCtx<'_>, key: &[u8]) -> Outcome {
    let Some(held) = c.db.string(key)? else {
        c.reply.int(0);
        return DONE;
    };
    let mut digits = itoa::Buffer::new();
    let hll = Hll::parse(held.bytes(&mut digits)).ok_or(NO_HLL)?;
    if let Some(count) = hll.cached_count() {
        c.reply.int(count as i64);
        return DONE;
    }
    let count = hll.count().map_err(corrupt)?;
    if let Some(mut edit) = c.db.edit(key) {
        Editor::new(edit.raw_string(), c.limits.hll_sparse_max_bytes).cache_count(count);
        edit.done(Event::SILENT);
    }
    c.reply.int(count as i64);
    DONE
}

/// The destination is one of the sources, and dense as soon as one of them is.
fn pfmerge(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let key = &argv[1];
    let mut merged = Registers::default();
    let mut dense = false;
    for source in argv.from(1) {
        dense |= merge(c, source, &mut merged)?;
    }
    let sparse_max = c.limits.hll_sparse_max_bytes;
    match c.db.upsert(key) {
        Ok(mut edit) => {
            assume(edit.raw_string(), &merged, dense, sparse_max);
            edit.done(PFADD);
        }
        Err(vacancy) => {
            let mut new = Sds::from_slice(&hll::empty());
            assume(&mut new, &merged, dense, sparse_max);
            vacancy.insert(key, NewValue::Other(Value::raw(new)), None, PFADD);
        }
    }
    c.reply.ok();
    DONE
}

fn assume(bytes: &mut Sds, merged: &Registers, dense: bool, sparse_max: usize) {
    let mut editor = Editor::new(bytes, sparse_max);
    if dense {
        editor.make_dense();
    }
    editor.assume(merged);
    editor.invalidate_count();
}

/// Merges the HyperLogLog at `key`, if there is one; whether it is dense.
fn merge(c: &mut KeysCtx<'_>, key: &[u8], merged: &mut Registers) -> Result<bool, CmdError> {
    let Some(held) = c.db.string(key)? else { return Ok(false) };
    let mut digits = itoa::Buffer::new();
    let hll = Hll::parse(held.bytes(&mut digits)).ok_or(NO_HLL)?;
    merged.merge(hll).map_err(corrupt)?;
    Ok(hll.is_dense())
}
