//! The commands about files: SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF.

use super::{aof, save};
use crate::client::ClientId;
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Flow, Outcome, Run};
use crate::effects::Action;
use crate::resp::{Argv, CmdError};
use crate::server::Server;
use crate::spec::{CommandFlags, Group, Spec, acl, arg, flag};

/// What begins to save is for administrators, and not while a primary's data come in.
const SAVING: CommandFlags = flag::ADMIN.with(flag::NOSCRIPT).with(flag::NO_ASYNC_LOADING);

/// These commands.
pub static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "save",
            summary: "Saves the data set while everybody waits.",
            since: "1.0.0",
            group: Group::Server,
            complexity: "O(N) for N keys in all databases",
            arity: 1,
            flags: SAVING.with(flag::NO_MULTI),
            ..Spec::NEW
        },
        run: Run::Server(save_now),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "bgsave",
            summary: "Begins to save the data set in the background.",
            since: "1.0.0",
            group: Group::Server,
            complexity: "O(1)",
            arity: -1,
            flags: SAVING,
            args: &[arg::one_of(
                "operation",
                &[
                    arg::token("schedule", "SCHEDULE").since("3.2.2"),
                    arg::token("cancel", "CANCEL").since("8.1.0"),
                ],
            )
            .optional()],
            history: &[("3.2.2", "The SCHEDULE option."), ("8.1.0", "Valkey's CANCEL option.")],
            ..Spec::NEW
        },
        run: Run::Server(bgsave),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "bgrewriteaof",
            summary: "Begins to rewrite the append-only file in the background.",
            since: "1.0.0",
            group: Group::Server,
            complexity: "O(1)",
            arity: 1,
            flags: SAVING,
            ..Spec::NEW
        },
        run: Run::Server(bgrewriteaof),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "lastsave",
            summary: "Answers when the data set was last saved, in Unix time.",
            since: "1.0.0",
            group: Group::Server,
            complexity: "O(1)",
            arity: 1,
            flags: flag::LOADING.with(flag::STALE).with(flag::FAST),
            acl: acl::ADMIN.with(acl::DANGEROUS),
            tips: &["nondeterministic_output"],
            ..Spec::NEW
        },
        run: Run::Server(lastsave),
        ..Command::NEW
    },
];

fn save_now(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    if save::runs(s) {
        return Err(CmdError::Msg("Background save already in progress"));
    }
    s.effects.act(Action::Save { client: id });
    Ok(Flow::Await)
}

fn bgsave(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let mut args = Args::new(argv, 1);
    let (schedule, cancel) = match args.left() {
        0 => (false, false),
        1 => (args.word("schedule"), args.word("cancel")),
        _ => return Err(CmdError::Syntax),
    };
    if args.left() > 0 {
        return Err(CmdError::Syntax);
    }
    let status = if cancel {
        if !save::cancel(s) {
            return Err(CmdError::Msg(
                "Background saving is currently not in progress or scheduled",
            ));
        }
        "Background saving cancelled"
    } else if s.clients.running(id).flags.deny_blocking {
        // What EXEC does is saved whole or not at all.
        s.persist.saving.scheduled = true;
        "Background saving scheduled"
    } else if schedule && !save::begin_or_schedule(s)? {
        "Background saving scheduled"
    } else {
        if !schedule {
            save::begin(s)?;
        }
        "Background saving started"
    };
    s.reply(id).simple(status);
    DONE
}

fn bgrewriteaof(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let status = aof::bgrewriteaof(s, id)?;
    s.reply(id).simple(status);
    DONE
}

fn lastsave(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let at = s.persist.saving.last_save_ms / 1000;
    s.reply(id).int(at as i64);
    DONE
}
