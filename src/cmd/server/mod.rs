//! Commands about the server as a whole.

mod admin;
mod command;
mod config;
mod debug;
mod digest;
mod hotkeys;
mod info;
mod inspect;
mod latency;
mod lolwut;
mod memory;
mod slowlog;
mod sparkline;

use super::Command;

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 9] = [
    command::COMMANDS,
    config::COMMANDS,
    admin::COMMANDS,
    debug::COMMANDS,
    info::COMMANDS,
    slowlog::COMMANDS,
    hotkeys::COMMANDS,
    latency::COMMANDS,
    memory::COMMANDS,
];
