//! ZSCAN.

use crate::cmd::args::Args;
use crate::cmd::scan::{self, Extra, ScanOptions};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, Bulks};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::stdx::num;
use crate::types::Zset;
use crate::types::zset::Element;

/// This command.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "zscan",
        summary: "Goes through the members of a sorted set bit by bit.",
        since: "2.8.0",
        group: Group::SortedSet,
        complexity: "O(1) a call, O(N) for all",
        arity: -3,
        flags: flag::READONLY,
        acl: acl::SORTEDSET,
        keys: &[key(1).ro().access()],
        args: &[
            arg::key("key"),
            arg::integer("cursor"),
            scan::MATCH,
            scan::COUNT,
            arg::token("noscores", "NOSCORES").optional().since("8.0.0"),
        ],
        tips: &["nondeterministic_output"],
        ..Spec::NEW
    },
    run: Run::Keys(zscan),
    ..Command::NEW
}];

/// A missing key is answered before the options are looked at, as Redis does.
fn zscan(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let cursor = scan::cursor(&argv[2])?;
    let mut found = Bulks::default();
    let Some(zset) = c.db.fetch_as::<Zset>(&argv[1])? else {
        scan::reply(&mut c.reply, 0, found);
        return DONE;
    };
    let options = ScanOptions::parse(Args::new(argv, 3), Extra::NamesOnly("noscores"))?;
    let mut digits = itoa::Buffer::new();
    let next = options.walk(cursor, |cursor, seen| {
        zset.scan(cursor, |Element { member, score }| {
            *seen += 1;
            let member = member.bytes(&mut digits);
            if options.wants(member) {
                found.push(member);
                if !options.names_only {
                    found.push(&num::f64_text(score));
                }
            }
        })
    });
    scan::reply(&mut c.reply, next, found);
    DONE
}
