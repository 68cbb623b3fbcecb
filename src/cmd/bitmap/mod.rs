//! Bitmap commands: strings as bits, and as integers of any width.

mod bit;
mod field;
mod op;
mod range;

use super::Command;
use crate::ds::entry::NewValue;
use crate::ds::sds::Sds;
use crate::keyspace::{Edit, Event};
use crate::resp::CmdError;
use crate::stdx::num;
use crate::types::{Str, Value};

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 4] =
    [bit::COMMANDS, range::COMMANDS, op::COMMANDS, field::COMMANDS];

const SETBIT: Event = Event::string("setbit");
const SET: Event = Event::string("set");
const DEL: Event = Event::generic("del");

const BAD_OFFSET: CmdError = CmdError::Msg("bit offset is not an integer or out of range");

/// The number of a bit, in a string of at most `max_bytes`.
fn bit_offset(arg: &[u8], max_bytes: u64) -> Result<u64, CmdError> {
    let at = num::parse_i64(arg).and_then(|at| u64::try_from(at).ok());
    at.filter(|at| at / 8 < max_bytes).ok_or(BAD_OFFSET)
}

/// The string's bytes to be changed, `len` of them or more; what it lacked is zero. However long it
/// is, it is copied at most once.
fn writable<'e>(edit: &'e mut Edit<'_>, len: usize) -> &'e mut [u8] {
    let grown = match edit.string() {
        Some(Str::Shared(held)) if held.len() < len => {
            let mut grown = Sds::with_capacity(len);
            grown.push_slice(held);
            Some(grown)
        }
        _ => None,
    };
    if let Some(grown) = grown {
        edit.set_value(NewValue::Other(Value::raw(grown)));
    }
    let string = edit.raw_string();
    if string.len() < len {
        string.resize(len);
    }
    string.as_mut_slice()
}
