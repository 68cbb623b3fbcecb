//! XNACK.

use super::{delete_ex, no_group};
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::stream::{Id, Pending, Stream};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "xnack",
        summary: "Hands entries that pend in a group back to it, for whoever claims them next.",
        since: "8.8.0",
        group: Group::Stream,
        complexity: "O(log(N)) for each id, of N entries that pend",
        arity: -7,
        flags: flag::WRITE.with(flag::FAST),
        acl: acl::STREAM,
        keys: &[key(1).rw().update()],
        args: &[
            arg::key("key"),
            arg::string("group"),
            arg::one_of(
                "mode",
                &[
                    arg::token("silent", "SILENT"),
                    arg::token("fail", "FAIL"),
                    arg::token("fatal", "FATAL"),
                ],
            ),
            delete_ex::IDS,
            arg::integer("count").after("RETRYCOUNT").optional(),
            arg::token("force", "FORCE").optional(),
        ],
        ..Spec::NEW
    },
    run: Run::Keys(xnack),
    ..Command::NEW
}];

/// Why entries are handed back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// They were not worked on: they count as given out once less.
    Silent,
    /// This consumer could not work them off.
    Fail,
    /// Nobody can.
    Fatal,
}

struct Request {
    mode: Mode,
    ids: Vec<Id>,
    /// How often they count as given out.
    deliveries: Option<u64>,
    /// They are made to pend if they do not.
    force: bool,
}

fn parse(argv: &Argv<'_>) -> Result<Request, CmdError> {
    let mut args = Args::new(argv, 3);
    let mode = if args.word("SILENT") {
        Mode::Silent
    } else if args.word("FAIL") {
        Mode::Fail
    } else if args.word("FATAL") {
        Mode::Fatal
    } else {
        return Err(CmdError::Syntax);
    };
    if !args.word("IDS") {
        return Err(CmdError::Syntax);
    }
    let ids = delete_ex::ids(&mut args)?;
    let mut request = Request { mode, ids, deliveries: None, force: false };
    while args.left() > 0 {
        if args.word("FORCE") {
            request.force = true;
        } else if args.left() > 1 && args.word("RETRYCOUNT") {
            let count = u64::try_from(args.int()?);
            let negative = CmdError::Msg("RETRYCOUNT must be >= 0");
            request.deliveries = Some(count.map_err(|_| negative)?);
        } else {
            return Err(CmdError::Syntax);
        }
    }
    Ok(request)
}

fn xnack(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let request = parse(argv)?;
    let stream = c.db.edit_as::<Stream>(&argv[1])?;
    let stream = stream.filter(|stream| stream.group(&argv[2]).is_some());
    let mut held = stream.ok_or_else(|| no_group(&argv[1], &argv[2]))?;
    let stream: &mut Stream = &mut held;
    let released = request.ids.iter().filter(|id| hand_back(stream, &argv[2], **id, &request));
    let released = released.count();
    if released > 0 {
        held.event(Event::CLAIMABLE);
    }
    held.done_untold(released as u64);
    c.reply.len(released);
    DONE
}

/// Hands one entry back; whether it pended, or was made to.
fn hand_back(stream: &mut Stream, name: &[u8], id: Id, request: &Request) -> bool {
    let is_there = stream.get(id).is_some();
    let Some(group) = stream.group_mut(name) else { return false };
    let before = group.pending().get(id).map(|pending| pending.deliveries);
    let usual = match (before, request.mode) {
        (None, _) if !request.force || !is_there => return false,
        (_, Mode::Fatal) => Pending::FATAL,
        (None, _) => 0,
        (Some(before), Mode::Fail) => before,
        (Some(before), Mode::Silent) => before.saturating_sub(1),
    };
    group.hand_back(id, request.deliveries.unwrap_or(usual));
    true
}
