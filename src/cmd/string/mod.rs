//! String commands.

mod append;
mod compare;
mod counter;
mod get;
mod increx;
mod lcs;
mod many;
mod set;
mod ttl;

use super::Command;
use crate::keyspace::Event;

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 8] = [
    get::COMMANDS,
    set::COMMANDS,
    counter::COMMANDS,
    increx::COMMANDS,
    many::COMMANDS,
    append::COMMANDS,
    compare::COMMANDS,
    lcs::COMMANDS,
];

const SET: Event = Event::string("set");
const DEL: Event = Event::generic("del");
const EXPIRE: Event = Event::generic("expire");
const PERSIST: Event = Event::generic("persist");
