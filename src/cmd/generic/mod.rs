//! Generic commands: what works on keys of every type.

mod dump;
mod expire;
mod keys;
mod object;
mod rename;
mod sort;

use super::Command;

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 6] = [
    keys::COMMANDS,
    rename::COMMANDS,
    expire::COMMANDS,
    dump::COMMANDS,
    object::COMMANDS,
    sort::COMMANDS,
];
