//! XACK.

use super::id;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Held;
use crate::resp::Argv;
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::stream::Stream;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "xack",
        summary: "Acknowledges entries that pend in a group, and answers how many did.",
        since: "5.0.0",
        group: Group::Stream,
        complexity: "O(N), of N ids",
        arity: -4,
        flags: flag::WRITE.with(flag::FAST),
        acl: acl::STREAM,
        keys: &[key(1).rw().update()],
        args: &[arg::key("key"), arg::string("group"), arg::string("id").multiple()],
        ..Spec::NEW
    },
    run: Run::Keys(xack),
    ..Command::NEW
}];

fn xack(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let with_group = |stream: &Held<'_, Stream>| stream.group(&argv[2]).is_some();
    let Some(mut stream) = c.db.edit_as::<Stream>(&argv[1])?.filter(with_group) else {
        c.db.fetch(&argv[1]);
        c.reply.int(0);
        return DONE;
    };
    let ids = match id::all(argv.from(3)) {
        Ok(ids) => ids,
        Err(error) => {
            stream.unchanged();
            return Err(error);
        }
    };
    let mut released = 0;
    if let Some(group) = stream.group_mut(&argv[2]) {
        released = ids.into_iter().filter(|id| group.release(*id)).count();
    }
    stream.done_untold(released as u64);
    c.reply.len(released);
    DONE
}
