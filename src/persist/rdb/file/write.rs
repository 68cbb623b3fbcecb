//! Writing the sections of an RDB file.

use super::opcode;
use crate::keyspace::Access;
use crate::persist::rdb::FIRST_OF_VALKEY;
use crate::persist::rdb::encode::Encoder;
use crate::persist::rdb::object::Saved;
use crate::persist::rdb::save::save;
use crate::types::Entry;

/// What a file tells of a key's use, after `maxmemory-policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Usage {
    /// Nothing.
    #[default]
    None,
    /// How long ago it was.
    Idle,
    /// How often it was.
    Frequency,
}

/// The magic of a version.
pub fn magic(version: u16) -> String {
    if version < FIRST_OF_VALKEY {
        format!("REDIS{version:04}")
    } else {
        format!("VALKEY{version:03}")
    }
}

/// A fact about the file.
pub fn aux(out: &mut Encoder<'_>, key: &str, value: &str) {
    out.byte(opcode::AUX);
    out.string(key.as_bytes());
    out.string(value.as_bytes());
}

/// A library of functions.
pub fn function(out: &mut Encoder<'_>, code: &[u8]) {
    out.byte(opcode::FUNCTION);
    out.string(code);
}

/// The keys that follow are in database `db`.
pub fn select_db(out: &mut Encoder<'_>, db: u32) {
    out.byte(opcode::SELECT_DB);
    out.length(db as usize);
}

/// How many keys the database has, and how many with a deadline.
pub fn resize_db(out: &mut Encoder<'_>, keys: usize, volatile: usize) {
    out.byte(opcode::RESIZE_DB);
    out.length(keys);
    out.length(volatile);
}

/// A key with its value; `access` reads its access clock.
pub fn key(out: &mut Encoder<'_>, entry: &Entry, usage: Usage, access: &Access) {
    attributes(out, entry, usage, access);
    save(Saved::from(entry), Some(entry.key()), out);
}

/// What stands before the type byte of a key.
pub fn attributes(out: &mut Encoder<'_>, entry: &Entry, usage: Usage, access: &Access) {
    if let Some(deadline) = entry.deadline() {
        out.byte(opcode::EXPIRE_MS);
        out.u64_le(deadline);
    }
    match usage {
        Usage::None => {}
        Usage::Idle => {
            out.byte(opcode::IDLE);
            out.length(access.idle_seconds(entry) as usize);
        }
        Usage::Frequency => {
            out.byte(opcode::FREQ);
            out.byte((entry.clock() & 0xff) as u8);
        }
    }
}
