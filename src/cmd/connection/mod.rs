//! Connection commands.

mod client;
mod list;
mod session;
mod tracking;

pub use list::describe;

use super::Command;

/// This family's commands, by subject.
pub static COMMANDS: [&[Command]; 2] = [session::COMMANDS, client::COMMANDS];
