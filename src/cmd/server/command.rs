//! COMMAND: the command table, told to clients.

use crate::client::ClientId;
use crate::cmd::args::{Args, is};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError, Reply};
use crate::server::Server;
use crate::spec::{
    self, Arg, Begin, CommandId, Described, Find, Group, KeyFlags, KeyPosition, KeySpec, Spec,
    Table, acl, arg, flag,
};
use crate::stdx::glob;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "command",
        summary: "Describes every command.",
        since: "2.8.13",
        group: Group::Server,
        complexity: "O(N) for N commands",
        arity: -1,
        flags: flag::LOADING.with(flag::STALE),
        acl: acl::CONNECTION,
        tips: &["nondeterministic_output_order"],
        ..Spec::NEW
    },
    run: Run::Server(command),
    subcommands: &[
        Command {
            spec: Spec {
                name: "docs",
                summary: "Documents commands.",
                since: "7.0.0",
                group: Group::Server,
                complexity: "O(N) for N commands",
                arity: -2,
                flags: flag::LOADING.with(flag::STALE),
                acl: acl::CONNECTION,
                args: &[arg::string("command-name").optional().multiple()],
                tips: &["nondeterministic_output_order"],
                ..Spec::NEW
            },
            run: Run::Server(docs),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "getkeys",
                summary: "Answers the keys of a whole command.",
                since: "2.8.13",
                group: Group::Server,
                complexity: "O(N) for N arguments",
                arity: -3,
                flags: flag::LOADING.with(flag::STALE),
                acl: acl::CONNECTION,
                ..Spec::NEW
            },
            run: Run::Server(getkeys),
            ..Command::NEW
        },
        Command {
            spec: Spec { since: "5.0.0", group: Group::Server, acl: acl::CONNECTION, ..Spec::HELP },
            run: Run::Server(help),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "list",
                summary: "Lists the commands' names.",
                since: "7.0.0",
                group: Group::Server,
                complexity: "O(N) for N commands",
                arity: -2,
                flags: flag::LOADING.with(flag::STALE),
                acl: acl::CONNECTION,
                args: &[arg::one_of(
                    "filterby",
                    &[
                        arg::string("module-name").after("MODULE"),
                        arg::string("category").after("ACLCAT"),
                        arg::pattern("pattern").after("PATTERN"),
                    ],
                )
                .after("FILTERBY")
                .optional()],
                tips: &["nondeterministic_output_order"],
                ..Spec::NEW
            },
            run: Run::Server(list),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "count",
                summary: "Counts the commands.",
                since: "2.8.13",
                group: Group::Server,
                complexity: "O(1)",
                arity: 2,
                flags: flag::LOADING.with(flag::STALE),
                acl: acl::CONNECTION,
                ..Spec::NEW
            },
            run: Run::Server(count),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "getkeysandflags",
                summary: "Answers the keys of a whole command and what it does to them.",
                since: "7.0.0",
                group: Group::Server,
                complexity: "O(N) for N arguments",
                arity: -3,
                flags: flag::LOADING.with(flag::STALE),
                acl: acl::CONNECTION,
                ..Spec::NEW
            },
            run: Run::Server(getkeysandflags),
            ..Command::NEW
        },
        Command {
            spec: Spec {
                name: "info",
                summary: "Describes commands.",
                since: "2.8.13",
                group: Group::Server,
                complexity: "O(N) for N commands",
                arity: -2,
                flags: flag::LOADING.with(flag::STALE),
                acl: acl::CONNECTION,
                args: &[arg::string("command-name").optional().multiple()],
                tips: &["nondeterministic_output_order"],
                history: &[("7.0.0", "Without names it describes every command.")],
                ..Spec::NEW
            },
            run: Run::Server(info),
            ..Command::NEW
        },
    ],
}];

fn command(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let ids: Vec<_> = s.commands.commands().map(|(id, _)| id).collect();
    with_table(s, id, |table, reply| {
        reply.array(ids.len());
        for id in &ids {
            write_info(table, reply, *id);
        }
    });
    DONE
}

/// Writes a reply out of the table, which lies beside the client in the server.
fn with_table(s: &mut Server, id: ClientId, write: impl FnOnce(&Table, &mut Reply<'_>)) {
    let Server { commands, clients, .. } = s;
    let session = clients.running(id);
    write(commands, &mut Reply::new(&mut session.out, session.resp));
}

fn count(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    with_table(s, id, |table, reply| reply.len(table.commands().count()));
    DONE
}

fn info(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    if argv.len() == 2 {
        return command(s, id, argv);
    }
    with_table(s, id, |table, reply| {
        reply.array(argv.len() - 2);
        for name in argv.from(2) {
            match table.find_full(name) {
                Some(found) => write_info(table, reply, found),
                None => reply.null(),
            }
        }
    });
    DONE
}

fn docs(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    with_table(s, id, |table, reply| {
        let found: Vec<CommandId> = if argv.len() == 2 {
            table.commands().map(|(id, _)| id).collect()
        } else {
            argv.from(2).filter_map(|name| table.find_full(name)).collect()
        };
        reply.map(found.len());
        for id in found {
            reply.bulk(table.row(id).full_name.as_bytes());
            write_docs(table, reply, id);
        }
    });
    DONE
}

fn list(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let mut args = Args::new(argv, 2);
    let filter = match (args.word("filterby"), args.next(), args.next()) {
        (true, Some(by), Some(value)) if args.left() == 0 => Some((by, value)),
        (false, None, None) => None,
        _ => return Err(CmdError::Syntax),
    };
    let passes = |row: &Described| match filter {
        None => Ok(true),
        Some((by, _)) if is(by, "module") => Ok(false),
        Some((by, value)) if is(by, "aclcat") => {
            let categories = row.spec.acl_categories();
            Ok(categories.names().any(|name| value.eq_ignore_ascii_case(name.as_bytes())))
        }
        Some((by, pattern)) if is(by, "pattern") => {
            Ok(glob::matches(pattern, row.full_name.as_bytes(), true))
        }
        Some(_) => Err(CmdError::Syntax),
    };
    let mut names = Vec::new();
    for (_, row) in s.commands.all() {
        // Unfiltered and by module, subcommands are not listed on their own.
        if passes(row)? && (filter.is_some() || row.parent.is_none()) {
            names.push(row.full_name.clone());
        }
    }
    let mut reply = s.reply(id);
    reply.array(names.len());
    for name in names {
        reply.bulk(name.as_bytes());
    }
    DONE
}

fn getkeys(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let keys = find_keys(&s.commands, argv)?;
    let mut reply = s.reply(id);
    reply.array(keys.len());
    for key in keys {
        reply.bulk(&argv[key.index + 2]);
    }
    DONE
}

fn getkeysandflags(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let keys = find_keys(&s.commands, argv)?;
    let mut reply = s.reply(id);
    reply.array(keys.len());
    for key in keys {
        reply.array(2);
        reply.bulk(&argv[key.index + 2]);
        write_flags(&mut reply, key.flags);
    }
    DONE
}

/// The keys of the command that begins at argument 2.
fn find_keys(table: &Table, argv: &Argv<'_>) -> Result<Vec<KeyPosition>, CmdError> {
    let unknown = CmdError::Msg("Invalid command specified");
    let container = table.find(&argv[2]).ok_or(unknown.clone())?;
    let found = match (table.row(container).subcommands.is_empty(), argv.get(3)) {
        (false, Some(word)) => table.find_sub(container, word).ok_or(unknown)?,
        _ => container,
    };
    let spec = table.row(found).spec;
    if spec.keys.is_empty() {
        return Err(CmdError::Msg("The command has no key arguments"));
    }
    let argc = argv.len() - 2;
    if !spec.arity_fits(argc) {
        return Err(CmdError::Msg("Invalid number of arguments specified for command"));
    }
    let keys = spec::keys_of(spec, argc, |i| argv.at(i + 2)).map(|keys| settle_flags(keys, argv));
    let keys = keys.unwrap_or_default();
    if keys.is_empty() && !spec.flags.has(spec::flag::NO_MANDATORY_KEYS) {
        return Err(CmdError::Msg("Invalid arguments specified for command"));
    }
    Ok(keys)
}

/// What a command with variable flags does to its key in this very call: SET overwrites it, unless
/// the call also wants or compares the old value.
fn settle_flags(mut keys: Vec<KeyPosition>, argv: &Argv<'_>) -> Vec<KeyPosition> {
    use spec::keyflag::{ACCESS, OW, RW, UPDATE, VARIABLE_FLAGS};
    let reads = argv.from(5).any(|word| is(word, "get") || is(word, "ifeq") || is(word, "ifne"));
    for key in keys.iter_mut().filter(|key| key.flags.has(VARIABLE_FLAGS)) {
        key.flags = if reads { RW | ACCESS | UPDATE } else { OW | UPDATE };
    }
    keys
}

fn write_info(table: &Table, reply: &mut Reply<'_>, id: CommandId) {
    let Described { spec, full_name, subcommands, .. } = table.row(id);
    let (first, last, step) = spec::legacy_range(spec);
    reply.array(10);
    reply.bulk(full_name.as_bytes());
    reply.int(spec.arity.into());
    write_names(reply, spec.flags.names(), "");
    reply.int(first);
    reply.int(last);
    reply.int(step);
    write_names(reply, spec.acl_categories().names(), "@");
    reply.set(spec.tips.len());
    for tip in spec.tips {
        reply.bulk(tip.as_bytes());
    }
    reply.set(spec.keys.len());
    for rule in spec.keys {
        write_key_spec(reply, rule);
    }
    reply.set(subcommands.len());
    for sub in subcommands {
        write_info(table, reply, *sub);
    }
}

fn write_names<'n>(
    reply: &mut Reply<'_>,
    names: impl Iterator<Item = &'n str> + Clone,
    prefix: &str,
) {
    reply.set(names.clone().count());
    for name in names {
        reply.simple(&format!("{prefix}{name}"));
    }
}

fn write_flags(reply: &mut Reply<'_>, flags: KeyFlags) {
    write_names(reply, flags.names(), "");
}

fn write_key_spec(reply: &mut Reply<'_>, rule: &KeySpec) {
    reply.map(if rule.notes.is_empty() { 3 } else { 4 });
    if !rule.notes.is_empty() {
        reply.bulk(b"notes");
        reply.bulk(rule.notes.as_bytes());
    }
    reply.bulk(b"flags");
    write_flags(reply, rule.flags);
    reply.bulk(b"begin_search");
    match rule.begin {
        Begin::Index(index) => write_search(reply, "index", &[("index", index.into())]),
        Begin::Keyword(word, from) => {
            reply.map(2);
            reply.bulk(b"type");
            reply.bulk(b"keyword");
            reply.bulk(b"spec");
            reply.map(2);
            reply.bulk(b"keyword");
            reply.bulk(word.as_bytes());
            reply.bulk(b"startfrom");
            reply.int(from.into());
        }
        Begin::Unknown => write_search(reply, "unknown", &[]),
    }
    reply.bulk(b"find_keys");
    match rule.find {
        Find::Range { last, step, limit } => {
            let fields =
                [("lastkey", last.into()), ("keystep", step.into()), ("limit", limit.into())];
            write_search(reply, "range", &fields);
        }
        Find::KeyNum { num, first, step } => {
            let fields =
                [("keynumidx", num.into()), ("firstkey", first.into()), ("keystep", step.into())];
            write_search(reply, "keynum", &fields);
        }
        Find::Unknown => write_search(reply, "unknown", &[]),
    }
}

fn write_search(reply: &mut Reply<'_>, kind: &str, fields: &[(&str, i64)]) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(fields.len());
    for (name, value) in fields {
        reply.bulk(name.as_bytes());
        reply.int(*value);
    }
}

fn write_docs(table: &Table, reply: &mut Reply<'_>, id: CommandId) {
    let Described { spec, subcommands, .. } = table.row(id);
    let doc_flags: Vec<&str> = [(spec.deprecated.is_some(), "deprecated"), (spec.system, "syscmd")]
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| *name)
        .collect();
    let optional = [
        !doc_flags.is_empty(),
        !spec.history.is_empty(),
        !spec.args.is_empty(),
        !subcommands.is_empty(),
    ];
    let deprecated = if spec.deprecated.is_some() { 2 } else { 0 };
    reply.map(4 + deprecated + optional.iter().filter(|there| **there).count());
    let text = |reply: &mut Reply<'_>, name: &str, value: &str| {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    };
    text(reply, "summary", spec.summary);
    text(reply, "since", spec.since);
    text(reply, "group", spec.group.name());
    text(reply, "complexity", spec.complexity);
    if !doc_flags.is_empty() {
        reply.bulk(b"doc_flags");
        write_names(reply, doc_flags.iter().copied(), "");
    }
    if let Some((since, instead)) = spec.deprecated {
        text(reply, "deprecated_since", since);
        text(reply, "replaced_by", instead);
    }
    if !spec.history.is_empty() {
        reply.bulk(b"history");
        reply.set(spec.history.len());
        for (version, change) in spec.history {
            reply.array(2);
            reply.bulk(version.as_bytes());
            reply.bulk(change.as_bytes());
        }
    }
    if !spec.args.is_empty() {
        reply.bulk(b"arguments");
        write_args(reply, spec.args);
    }
    if !subcommands.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(subcommands.len());
        for sub in subcommands {
            reply.bulk(table.row(*sub).full_name.as_bytes());
            write_docs(table, reply, *sub);
        }
    }
}

fn write_args(reply: &mut Reply<'_>, args: &[Arg]) {
    reply.array(args.len());
    for arg in args {
        let flags: Vec<&str> = [
            (arg.optional, "optional"),
            (arg.multiple, "multiple"),
            (arg.multiple_token, "multiple_token"),
        ]
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| *name)
        .collect();
        let there = [
            arg.key_spec_index.is_some(),
            arg.token.is_some(),
            arg.since.is_some(),
            arg.deprecated_since.is_some(),
            !flags.is_empty(),
            !arg.args.is_empty(),
        ];
        reply.map(2 + there.iter().filter(|there| **there).count());
        reply.bulk(b"name");
        reply.bulk(arg.name.as_bytes());
        reply.bulk(b"type");
        reply.bulk(arg.kind.name().as_bytes());
        if let Some(rule) = arg.key_spec_index {
            reply.bulk(b"key_spec_index");
            reply.int(rule.into());
        }
        if let Some(token) = arg.token {
            reply.bulk(b"token");
            reply.bulk(token.as_bytes());
        }
        if let Some(since) = arg.since {
            reply.bulk(b"since");
            reply.bulk(since.as_bytes());
        }
        if let Some(since) = arg.deprecated_since {
            reply.bulk(b"deprecated_since");
            reply.bulk(since.as_bytes());
        }
        if !flags.is_empty() {
            reply.bulk(b"flags");
            write_names(reply, flags.iter().copied(), "");
        }
        if !arg.args.is_empty() {
            reply.bulk(b"arguments");
            write_args(reply, arg.args);
        }
    }
}

fn help(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.reply(id).help(
        "command",
        &[
            "(no subcommand)",
            "    Describe every command.",
            "COUNT",
            "    How many commands there are.",
            "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
            "    The commands' names.",
            "INFO [<command-name> ...]",
            "    Describe these commands, or all.",
            "DOCS [<command-name> ...]",
            "    Document these commands, or all.",
            "GETKEYS <full-command>",
            "    The keys of a whole command.",
            "GETKEYSANDFLAGS <full-command>",
            "    The same, and what the command does to each.",
        ],
    );
    DONE
}
