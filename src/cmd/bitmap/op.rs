//! BITOP: strings combined bit by bit.

use super::{DEL, SET};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::ds::entry::NewValue;
use crate::ds::sds::Sds;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key, range};
use crate::stdx::bits::{self, Combination};
use crate::types::{Str, Type, Value};

/// This command.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "bitop",
        summary: "Combines strings bit by bit and stores the result.",
        since: "2.6.0",
        group: Group::Bitmap,
        complexity: "O(N), N being the length of all strings together",
        arity: -4,
        flags: flag::WRITE.with(flag::DENYOOM),
        acl: acl::BITMAP,
        keys: &[key(2).ow().update(), range(3, -1, 1).ro().access()],
        args: &[
            arg::one_of(
                "operation",
                &[
                    arg::token("and", "AND"),
                    arg::token("or", "OR"),
                    arg::token("xor", "XOR"),
                    arg::token("not", "NOT"),
                    arg::token("diff", "DIFF").since("8.2.0"),
                    arg::token("diff1", "DIFF1").since("8.2.0"),
                    arg::token("andor", "ANDOR").since("8.2.0"),
                    arg::token("one", "ONE").since("8.2.0"),
                ],
            ),
            arg::key("destkey"),
            arg::key_of("key", 1).multiple(),
        ],
        history: &[("8.2.0", "DIFF, DIFF1, ANDOR and ONE.")],
        ..Spec::NEW
    },
    run: Run::Keys(bitop),
    ..Command::NEW
}];

const OPERATIONS: &[(&str, Combination)] = &[
    ("AND", Combination::And),
    ("OR", Combination::Or),
    ("XOR", Combination::Xor),
    ("NOT", Combination::Not),
    ("DIFF", Combination::Diff),
    ("DIFF1", Combination::Diff1),
    ("ANDOR", Combination::AndOr),
    ("ONE", Combination::One),
];

fn bitop(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (word, destination) = (&argv[1], &argv[2]);
    let found = OPERATIONS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    let (name, combination) = *found.ok_or(CmdError::Syntax)?;
    match (combination, argv.len() - 3) {
        (Combination::Not, 2..) => {
            return Err(CmdError::Msg("BITOP NOT must be called with a single source key."));
        }
        (Combination::Diff | Combination::Diff1 | Combination::AndOr, 1) => {
            let fault = format_args!("BITOP {name} must be called with at least two source keys.");
            return Err(CmdError::err(fault));
        }
        _ => {}
    }
    let result = combined(c, argv, combination)?;
    c.reply.len(result.len());
    if result.is_empty() {
        c.db.delete(destination, DEL);
        return DONE;
    }
    let value = NewValue::Other(Value::raw(result));
    match c.db.upsert(destination) {
        Ok(mut edit) => {
            edit.overwritten_by(Type::String);
            edit.set(value, None);
            edit.done(SET);
        }
        Err(vacancy) => vacancy.insert(destination, value, None, SET),
    }
    DONE
}

/// The sources' strings combined. They are looked up twice: once each as a read is, which may
/// expire a key, then all together, to be read where they lie.
fn combined(
    c: &mut KeysCtx<'_>,
    argv: &Argv<'_>,
    combination: Combination,
) -> Result<Sds, CmdError> {
    let mut present = Vec::with_capacity(argv.len() - 3);
    for key in argv.from(3) {
        present.push(c.db.string(key)?.is_some());
    }
    let mut digits = vec![itoa::Buffer::new(); present.len()];
    let database = c.db.database();
    let sources: Vec<&[u8]> = argv
        .from(3)
        .zip(present)
        .zip(&mut digits)
        .map(|((key, present), digits)| {
            let entry = database.peek(key).filter(|_| present);
            entry.and_then(Str::of).map_or(&b""[..], |held| held.bytes(digits))
        })
        .collect();
    let longest = sources.iter().map(|source| source.len()).max();
    let mut result = Sds::new();
    result.resize(longest.unwrap_or(0));
    bits::combine(combination, &sources, result.as_mut_slice());
    Ok(result)
}
