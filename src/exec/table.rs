//! Which commands there are: the families, and nothing else.

use crate::cmd::{self, Command};
use crate::spec::{CommandId, Table};
use std::sync::LazyLock;

/// Every family, each a list of its subjects' commands.
static FAMILIES: &[&[&[Command]]] = &[
    &cmd::string::COMMANDS,
    &cmd::bitmap::COMMANDS,
    &cmd::hyperloglog::COMMANDS,
    &cmd::list::COMMANDS,
    &cmd::set::COMMANDS,
    &cmd::hash::COMMANDS,
    &cmd::zset::COMMANDS,
    &cmd::geo::COMMANDS,
    &cmd::stream::COMMANDS,
    &cmd::generic::COMMANDS,
    &cmd::connection::COMMANDS,
    &cmd::server::COMMANDS,
    &[super::multi::COMMANDS, super::persistence::COMMANDS],
    &[
        super::primary::commands::COMMANDS,
        super::link::command::COMMANDS,
        super::migrate::COMMANDS,
        super::failover::COMMANDS,
        super::shutdown::COMMANDS,
    ],
    &[super::eval::COMMANDS, super::function::COMMANDS],
    &[cmd::pubsub::COMMANDS],
];

/// Commands and subcommands in the order of their [`CommandId`]s.
static COMMANDS: LazyLock<Vec<&'static Command>> = LazyLock::new(|| {
    let all = FAMILIES.iter().copied().flatten().copied().flatten();
    all.flat_map(|command| std::iter::once(command).chain(command.subcommands)).collect()
});

/// The table as data, for a new server.
pub fn describe() -> Table {
    let mut table = Table::default();
    let mut parent = None;
    for command in COMMANDS.iter() {
        let subcommand = parent.filter(|(_, left)| *left > 0);
        let id = table.push(&command.spec, subcommand.map(|(id, _)| id));
        parent = match subcommand {
            Some((id, left)) => Some((id, left - 1)),
            None => Some((id, command.subcommands.len())),
        };
    }
    table
}

/// The command numbered `id`.
#[inline]
pub fn command(id: CommandId) -> &'static Command {
    COMMANDS[usize::from(id.0)]
}
