//! Connection commands.

mod client;
mod list;
mod session;
mod tracking;

use super::Command;

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 2] = [session::COMMANDS, client::COMMANDS];
