//! Set commands.

mod combine;
mod members;
mod random;

use super::Command;
use crate::keyspace::Event;
use crate::server::KeysCtx;

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 3] = [members::COMMANDS, random::COMMANDS, combine::COMMANDS];

const SADD: Event = Event::set("sadd");
const SREM: Event = Event::set("srem");
const SPOP: Event = Event::set("spop");

/// Members that one SREM names where it stands for a SPOP in the AOF and on replicas.
const SREM_BATCH: usize = 1024;

/// Gives what a set no longer needs to the freeing thread.
fn free_later(c: &mut KeysCtx<'_>, garbage: Option<impl Send + 'static>) {
    if let Some(garbage) = garbage {
        c.db.keyspace().shared.discard(garbage);
    }
}
