//! Members one by one: added, taken out, moved, looked for, listed.

use super::{SADD, SREM};
use crate::cmd::args::Args;
use crate::cmd::scan::{self, Extra, ScanOptions};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, Bulks};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::{Collection, Set};

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "sadd",
            summary: "Adds members to a set, which is made where the key is missing.",
            since: "1.0.0",
            group: Group::Set,
            complexity: "O(N), N being the number of members given",
            arity: -3,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
            acl: acl::SET,
            keys: &[key(1).rw().insert()],
            args: &[arg::key("key"), arg::string("member").multiple()],
            history: &[("2.4.0", "Takes several members.")],
            ..Spec::NEW
        },
        run: Run::Keys(sadd),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "srem",
            summary: "Takes members out of a set, which is gone with the last.",
            since: "1.0.0",
            group: Group::Set,
            complexity: "O(N), N being the number of members given",
            arity: -3,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::SET,
            keys: &[key(1).rw().delete()],
            args: &[arg::key("key"), arg::string("member").multiple()],
            history: &[("2.4.0", "Takes several members.")],
            ..Spec::NEW
        },
        run: Run::Keys(srem),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "smove",
            summary: "Moves a member from one set to another.",
            since: "1.0.0",
            group: Group::Set,
            complexity: "O(1)",
            arity: 4,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::SET,
            keys: &[key(1).rw().access().delete(), key(2).rw().insert()],
            args: &[arg::key("source"), arg::key_of("destination", 1), arg::string("member")],
            ..Spec::NEW
        },
        run: Run::Keys(smove),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sismember",
            summary: "Tells whether a set has a member.",
            since: "1.0.0",
            group: Group::Set,
            complexity: "O(1)",
            arity: 3,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::SET,
            keys: &[key(1).ro()],
            args: &[arg::key("key"), arg::string("member")],
            ..Spec::NEW
        },
        run: Run::Keys(sismember),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "smismember",
            summary: "Tells of several members whether a set has them.",
            since: "6.2.0",
            group: Group::Set,
            complexity: "O(N), N being the number of members given",
            arity: -3,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::SET,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::string("member").multiple()],
            ..Spec::NEW
        },
        run: Run::Keys(smismember),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "scard",
            summary: "Answers the number of members of a set.",
            since: "1.0.0",
            group: Group::Set,
            complexity: "O(1)",
            arity: 2,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::SET,
            keys: &[key(1).ro()],
            args: &[arg::key("key")],
            ..Spec::NEW
        },
        run: Run::Keys(scard),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "smembers",
            summary: "Answers all members of a set.",
            since: "1.0.0",
            group: Group::Set,
            complexity: "O(N), N being the size of the set",
            arity: 2,
            flags: flag::READONLY,
            acl: acl::SET,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key")],
            tips: &["nondeterministic_output_order"],
            ..Spec::NEW
        },
        run: Run::Keys(smembers),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "sscan",
            summary: "Walks through the members of a set, some with each call.",
            since: "2.8.0",
            group: Group::Set,
            complexity: "O(1) for a call, O(N) for a whole walk, N being the size of the set",
            arity: -3,
            flags: flag::READONLY,
            acl: acl::SET,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key"), arg::integer("cursor"), scan::MATCH, scan::COUNT],
            tips: &["nondeterministic_output"],
            ..Spec::NEW
        },
        run: Run::Keys(sscan),
        ..Command::NEW
    },
];

/// A guard counts whatever it is used for as a change, so the members are looked for first. An addition
/// of nothing new leaves the encoding as it is too.
fn sadd(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (key, members, limits) = (&argv[1], argv.from(2), c.limits);
    let count = members.len();
    let mut held = c.db.edit_or_new(key, || Set::for_members(&argv[2], count, limits))?;
    let known = members.clone().take_while(|member| held.contains(member)).count();
    if known == count {
        held.unchanged();
        c.reply.int(0);
        return DONE;
    }
    let set: &mut Set = &mut held;
    set.expect(count, limits);
    let added = members.skip(known).filter(|member| set.add(member, limits)).count();
    held.done_times(SADD, added as u64);
    c.reply.len(added);
    DONE
}

fn srem(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (key, members) = (&argv[1], argv.from(2));
    let Some(mut held) = c.db.edit_as::<Set>(key)? else {
        c.reply.int(0);
        return DONE;
    };
    let unknown = members.clone().take_while(|member| !held.contains(member)).count();
    if unknown == members.len() {
        held.unchanged();
        c.reply.int(0);
        return DONE;
    }
    let set: &mut Set = &mut held;
    let removed = members.skip(unknown).filter(|member| set.remove(member)).count();
    held.done_times(SREM, removed as u64);
    c.reply.len(removed);
    DONE
}

/// The destination's type matters only where there is a source.
fn smove(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let (from, to, member) = (&argv[1], &argv[2], &argv[3]);
    let Some(source) = c.db.edit_as::<Set>(from)? else {
        c.reply.int(0);
        return DONE;
    };
    let found = source.contains(member);
    source.unchanged();
    if let Some(destination) = c.db.edit_as::<Set>(to)? {
        destination.unchanged();
    }
    c.reply.int(i64::from(found));
    if !found || from == to {
        return DONE;
    }
    if let Some(mut source) = c.db.edit_as::<Set>(from)? {
        source.remove(member);
        source.done(SREM);
    }
    let limits = c.limits;
    let mut destination = c.db.edit_or_new(to, || Set::for_members(member, 1, limits))?;
    if destination.contains(member) {
        destination.unchanged();
        return DONE;
    }
    destination.add(member, limits);
    destination.done(SADD);
    DONE
}

fn sismember(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let set = c.db.fetch_as::<Set>(&argv[1])?;
    let found = set.is_some_and(|set| set.contains(&argv[2]));
    c.reply.int(i64::from(found));
    DONE
}

fn smismember(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let set = c.db.fetch_as::<Set>(&argv[1])?;
    let members = argv.from(2);
    c.reply.array(members.len());
    for member in members {
        let found = set.is_some_and(|set| set.contains(member));
        c.reply.int(i64::from(found));
    }
    DONE
}

fn scard(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let len = c.db.fetch_as::<Set>(&argv[1])?.map_or(0, Set::len);
    c.reply.len(len);
    DONE
}

fn smembers(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let set = c.db.fetch_as::<Set>(&argv[1])?;
    c.reply.set(set.map_or(0, Set::len));
    for member in set.into_iter().flat_map(Set::iter) {
        c.reply.string(member);
    }
    DONE
}

/// The options are looked at only where there is a set.
fn sscan(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let cursor = scan::cursor(&argv[2])?;
    let mut found = Bulks::default();
    let Some(set) = c.db.fetch_as::<Set>(&argv[1])? else {
        scan::reply(&mut c.reply, 0, found);
        return DONE;
    };
    let options = ScanOptions::parse(Args::new(argv, 3), Extra::None)?;
    let next = options.walk(cursor, |cursor, seen| {
        set.scan(cursor, |member| {
            *seen += 1;
            let mut digits = itoa::Buffer::new();
            let member = member.bytes(&mut digits);
            if options.wants(member) {
                found.push(member);
            }
        })
    });
    scan::reply(&mut c.reply, next, found);
    DONE
}
