//! The end of a command about several fields: `FIELDS numfields field …`.

use crate::cmd::args::{Args, int};
use crate::resp::CmdError;
use crate::spec::{Arg, arg};

/// `FIELDS numfields field [field …]`, as COMMAND DOCS tells of it.
pub(super) const FIELDS: Arg =
    arg::block("fields", &[arg::integer("numfields"), arg::string("field").multiple()])
        .after("FIELDS");

/// Takes the word and the number, and leaves as many fields as that says.
///
/// `bad_number` is the command's error where the number is none, or not positive.
pub(super) fn take(
    args: &mut Args<'_>,
    command: &'static str,
    bad_number: &'static str,
) -> Result<(), CmdError> {
    if !args.word("fields") {
        let words = "Mandatory argument FIELDS is missing or not at the right position";
        return Err(CmdError::Msg(words));
    }
    let number = args.next().ok_or(CmdError::Arity(command))?;
    let number = int(number).ok().filter(|n| *n > 0).ok_or(CmdError::Msg(bad_number))?;
    if usize::try_from(number) != Ok(args.left()) {
        let words = "The `numfields` parameter must match the number of arguments";
        return Err(CmdError::Msg(words));
    }
    Ok(())
}

/// The usual error where the number of fields is not positive.
pub(super) const NOT_POSITIVE: &str = "Number of fields must be a positive integer";
