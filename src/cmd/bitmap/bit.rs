//! Single bits.

use super::{SETBIT, bit_offset, writable};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::stdx::{bits, num};
use crate::types::new_padded;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "setbit",
            summary: "Sets or clears one bit of the string that a key holds, or creates it.",
            since: "2.2.0",
            group: Group::Bitmap,
            complexity: "O(1); O(N) where the string has to grow",
            arity: 4,
            flags: flag::WRITE.with(flag::DENYOOM),
            acl: acl::BITMAP,
            keys: &[key(1).rw().access().update()],
            args: &[arg::key("key"), arg::integer("offset"), arg::integer("value")],
            ..Spec::NEW
        },
        run: Run::Keys(setbit),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "getbit",
            summary: "Answers one bit of the string that a key holds.",
            since: "2.2.0",
            group: Group::Bitmap,
            complexity: "O(1)",
            arity: 3,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::BITMAP,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::integer("offset")],
            ..Spec::NEW
        },
        run: Run::Keys(getbit),
        ..Command::NEW
    },
];

/// A bit that is so already, in a string that is long enough, is no change.
fn setbit(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let key = &argv[1];
    let at = bit_offset(&argv[2], c.config.proto_max_bulk_len)?;
    let on = match num::parse_i64(&argv[3]) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(CmdError::Msg("bit is not an integer or out of range")),
    };
    let byte = (at / 8) as usize;
    let was = match c.db.upsert(key) {
        Ok(mut edit) => {
            let held = edit.string().ok_or(CmdError::WrongType)?;
            let mut digits = itoa::Buffer::new();
            let held = held.bytes(&mut digits);
            let was = bits::bit(held, at);
            if was == on && byte < held.len() {
                edit.unchanged();
            } else {
                bits::set_bit(writable(&mut edit, byte + 1), at, on);
                edit.done(SETBIT);
            }
            was
        }
        Err(vacancy) => {
            let last = if on { 0x80 >> (at % 8) } else { 0 };
            vacancy.insert(key, new_padded(byte, &[last]), None, SETBIT);
            false
        }
    };
    c.reply.int(i64::from(was));
    DONE
}

fn getbit(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let at = bit_offset(&argv[2], c.config.proto_max_bulk_len)?;
    let held = c.db.string(&argv[1])?;
    let bit = held.is_some_and(|held| bits::bit(held.bytes(&mut itoa::Buffer::new()), at));
    c.reply.int(i64::from(bit));
    DONE
}
