//! HyperLogLogs looked at from inside.

use super::{NO_HLL, corrupt};
use crate::cmd::args::is;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::ds::hll::{self, Editor, Hll, Registers, Runs};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use std::fmt::Write;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "pfdebug",
            summary: "Looks inside a HyperLogLog.",
            since: "2.8.9",
            group: Group::Hyperloglog,
            complexity: "O(N), N being the registers",
            arity: 3,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::ADMIN),
            acl: acl::HYPERLOGLOG,
            keys: &[key(2).rw().access()],
            args: &[arg::string("subcommand"), arg::key("key")],
            system: true,
            ..Spec::NEW
        },
        run: Run::Keys(pfdebug),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "pfselftest",
            summary: "Tries whether HyperLogLogs count as well as they should.",
            since: "2.8.9",
            group: Group::Hyperloglog,
            complexity: "O(1)",
            arity: 1,
            flags: flag::ADMIN,
            acl: acl::HYPERLOGLOG,
            system: true,
            ..Spec::NEW
        },
        run: Run::Keys(pfselftest),
        ..Command::NEW
    },
];

fn pfselftest(c: &mut KeysCtx<'_>, _: &Argv<'_>) -> Outcome {
    hll::self_test().map_err(|fault| CmdError::Full(format!("TESTFAILED {fault}").into()))?;
    c.reply.ok();
    DONE
}

/// The key is looked at before the subcommand, as Redis does.
fn pfdebug(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (word, key) = (&argv[1], &argv[2]);
    let held = c.db.string(key)?;
    let held = held.ok_or(CmdError::Msg("The specified key does not exist"))?;
    let mut digits = itoa::Buffer::new();
    let hll = Hll::parse(held.bytes(&mut digits)).ok_or(NO_HLL)?;
    match () {
        () if is(word, "GETREG") => {
            let mut registers = Registers::default();
            registers.merge(hll).map_err(corrupt)?;
            make_dense(c, key)?;
            c.reply.array(hll::REGISTERS);
            registers.iter().for_each(|register| c.reply.int(i64::from(register)));
        }
        () if is(word, "DECODE") => {
            let runs = hll.runs().ok_or(CmdError::Msg("HLL encoding is not sparse"))?;
            let text = decode(runs)?;
            c.reply.bulk(text.as_bytes());
        }
        () if is(word, "ENCODING") => {
            let name = if hll.is_dense() { "dense" } else { "sparse" };
            c.reply.simple(name);
        }
        () if is(word, "TODENSE") => {
            hll.validate().map_err(corrupt)?;
            let was_sparse = make_dense(c, key)?;
            c.reply.int(i64::from(was_sparse));
        }
        () => {
            let word = String::from_utf8_lossy(word);
            return Err(CmdError::err(format_args!("Unknown PFDEBUG subcommand '{word}'")));
        }
    }
    DONE
}

/// Makes a valid one dense; whether it was sparse. It is a change without an event.
fn make_dense(c: &mut KeysCtx<'_>, key: &[u8]) -> Result<bool, CmdError> {
    let Some(mut edit) = c.db.edit(key) else { return Ok(false) };
    let held = edit.string().ok_or(CmdError::WrongType)?;
    let mut digits = itoa::Buffer::new();
    if Hll::parse(held.bytes(&mut digits)).ok_or(NO_HLL)?.is_dense() {
        edit.unchanged();
        return Ok(false);
    }
    Editor::new(edit.raw_string(), 0).make_dense();
    edit.done(Event::SILENT);
    Ok(true)
}

/// The runs in letters: `z:` and `Z:` for short and long ones of zeros with their length, `v:` for
/// others with their value and length.
fn decode(runs: Runs<'_>) -> Result<String, CmdError> {
    let mut text = String::new();
    let shown = runs.try_for_each(|run| {
        let gap = if text.is_empty() { "" } else { " " };
        let written = match run.value {
            0 if run.is_long() => write!(text, "{gap}Z:{}", run.len),
            0 => write!(text, "{gap}z:{}", run.len),
            value => write!(text, "{gap}v:{value},{}", run.len),
        };
        written.expect("a string takes everything");
    });
    shown.map_err(corrupt)?;
    Ok(text)
}
