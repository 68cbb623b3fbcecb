//! The command table: sound in itself, and the same as a real server's, as recorded in
//! `tests/recorded/commands-7.0.15.txt`.

use std::collections::{BTreeMap, BTreeSet};

use larder::exec::table;
use larder::spec::{Arg, ArgType, Begin, Described, Find, KeySpec, Spec, keyflag, legacy_range};

const RECORDED: &str = include_str!("recorded/commands-7.0.15.txt");

/// Where larder's rows differ from 7.0.15's on purpose.
struct Difference {
    command: &'static str,
    /// The lines that only 7.0.15 has (`-`) and those that only larder has (`+`), in any order.
    lines: &'static [&'static str],
    reason: &'static str,
}

const SORT_RENAMED: &[&str] = &[
    "+arg by-pattern pattern optional key_spec_index=1 token=BY",
    "+arg get-pattern pattern optional multiple multiple_token key_spec_index=1 token=GET",
    "+arg limit block optional token=LIMIT",
    "-arg offset_count block optional token=LIMIT",
    "-arg pattern pattern optional key_spec_index=1 token=BY",
    "-arg pattern pattern optional multiple multiple_token key_spec_index=1 token=GET",
];

const GEOSEARCH_RENAMED: &[&str] = &[
    "+      arg latitude double",
    "+      arg longitude double",
    "+    arg num-vertices integer token=BYPOLYGON",
    "+    arg vertices block multiple",
    "+  arg fromlonlat block token=FROMLONLAT",
    "+  arg polygon block since=9.0.0",
    "+arg count-block block optional",
    "+arg from oneof optional",
    "-  arg longitude_latitude block token=FROMLONLAT",
    "-arg count block optional",
    "-arg from oneof",
];

const DIFFERENCES: &[Difference] = &[
    Difference {
        command: "script|flush",
        lines: &[
            "+arg flush-type oneof optional since=6.2.0",
            "-arg async oneof optional since=6.2.0",
        ],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "function|flush",
        lines: &["+arg flush-type oneof optional", "-arg async oneof optional"],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "bgsave",
        lines: &[
            "+  arg cancel pure-token token=CANCEL since=8.1.0",
            "+  arg schedule pure-token token=SCHEDULE since=3.2.2",
            "+arg operation oneof optional",
            "-arg schedule pure-token optional token=SCHEDULE since=3.2.2",
        ],
        reason: "Valkey 8.1 added CANCEL",
    },
    Difference {
        command: "set",
        lines: &[
            "+  arg ifdeq-digest string token=IFDEQ since=8.4.0",
            "+  arg ifdne-digest string token=IFDNE since=8.4.0",
            "+  arg ifeq-value string token=IFEQ since=8.4.0",
            "+  arg ifne-value string token=IFNE since=8.4.0",
        ],
        reason: "8.4 added conditions on the old value",
    },
    Difference {
        command: "setnx",
        lines: &["+deprecated_since 2.6.12", "+doc_flags deprecated"],
        reason: "7.2 marked it as deprecated",
    },
    Difference {
        command: "setex",
        lines: &["+deprecated_since 2.6.12", "+doc_flags deprecated"],
        reason: "7.2 marked it as deprecated",
    },
    Difference {
        command: "psetex",
        lines: &["+deprecated_since 2.6.12", "+doc_flags deprecated"],
        reason: "7.2 marked it as deprecated",
    },
    Difference {
        command: "mset",
        lines: &["+arg data block multiple", "-arg key_value block multiple"],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "msetnx",
        lines: &[
            "+arg data block multiple",
            "-arg key_value block multiple",
            "-tip request_policy:multi_shard",
            "-tip response_policy:agg_min",
        ],
        reason: "7.2 renamed the block, and says no longer that a proxy may split the command: \
                 it is atomic over all keys or nothing",
    },
    Difference {
        command: "lcs",
        lines: &[
            "+arg min-match-len integer optional token=MINMATCHLEN",
            "-arg len integer optional token=MINMATCHLEN",
        ],
        reason: "7.2 renamed the argument",
    },
    Difference {
        command: "bitcount",
        lines: &[
            "+      arg bit pure-token token=BIT",
            "+      arg byte pure-token token=BYTE",
            "+    arg end integer",
            "+    arg unit oneof optional since=7.0.0",
            "+  arg end-unit-block block optional",
            "+arg range block optional",
            "-    arg bit pure-token token=BIT",
            "-    arg byte pure-token token=BYTE",
            "-  arg end integer",
            "-  arg index_unit oneof optional since=7.0.0",
            "-arg index block optional",
        ],
        reason: "7.2 renamed the blocks, and Valkey 8.0 lets the end be left out",
    },
    Difference {
        command: "bitpos",
        lines: &[
            "+    arg unit oneof optional since=7.0.0",
            "+  arg end-unit-block block optional",
            "+arg range block optional",
            "-    arg index_unit oneof optional since=7.0.0",
            "-  arg end_index block optional",
            "-arg index block optional",
        ],
        reason: "7.2 renamed the blocks",
    },
    Difference {
        command: "bitop",
        lines: &[
            "+  arg and pure-token token=AND",
            "+  arg andor pure-token token=ANDOR since=8.2.0",
            "+  arg diff pure-token token=DIFF since=8.2.0",
            "+  arg diff1 pure-token token=DIFF1 since=8.2.0",
            "+  arg not pure-token token=NOT",
            "+  arg one pure-token token=ONE since=8.2.0",
            "+  arg or pure-token token=OR",
            "+  arg xor pure-token token=XOR",
            "+arg operation oneof",
            "-arg operation string",
        ],
        reason: "7.2 lists the operations, and 8.2 added four",
    },
    Difference {
        command: "bitfield",
        lines: &[
            "+      arg incrby-block block token=INCRBY",
            "+      arg set-block block token=SET",
            "+    arg overflow-block oneof optional token=OVERFLOW",
            "+    arg write-operation oneof",
            "+  arg get-block block token=GET",
            "-      arg encoding_offset_increment block token=INCRBY",
            "-      arg encoding_offset_value block token=SET",
            "-    arg wrap_sat_fail oneof optional token=OVERFLOW",
            "-    arg write_operation oneof",
            "-  arg encoding_offset block token=GET",
        ],
        reason: "7.2 renamed the blocks",
    },
    Difference {
        command: "bitfield_ro",
        lines: &[
            "+arg get-block block optional multiple multiple_token token=GET",
            "-arg encoding_offset block optional multiple multiple_token token=GET",
        ],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "zadd",
        lines: &["+arg data block multiple", "-arg score_member block multiple"],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "zrank",
        lines: &["+arg withscore pure-token optional token=WITHSCORE", "+arity -3", "-arity 3"],
        reason: "7.2 added WITHSCORE",
    },
    Difference {
        command: "zrevrank",
        lines: &["+arg withscore pure-token optional token=WITHSCORE", "+arity -3", "-arity 3"],
        reason: "7.2 added WITHSCORE",
    },
    Difference {
        command: "zrange",
        lines: &[
            "+arg limit block optional token=LIMIT since=6.2.0",
            "-arg offset_count block optional token=LIMIT since=6.2.0",
        ],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "zrangebyscore",
        lines: &[
            "+arg limit block optional token=LIMIT",
            "-arg offset_count block optional token=LIMIT",
        ],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "zrevrangebyscore",
        lines: &[
            "+arg limit block optional token=LIMIT",
            "-arg offset_count block optional token=LIMIT",
        ],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "zrangebylex",
        lines: &[
            "+arg limit block optional token=LIMIT",
            "-arg offset_count block optional token=LIMIT",
        ],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "zrevrangebylex",
        lines: &[
            "+arg limit block optional token=LIMIT",
            "-arg offset_count block optional token=LIMIT",
        ],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "zrangestore",
        lines: &[
            "+arg limit block optional token=LIMIT",
            "-arg offset_count block optional token=LIMIT",
        ],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "bzpopmin",
        lines: &["+flags blocking fast write", "-flags blocking fast noscript write"],
        reason: "7.2 lets scripts call what blocks elsewhere",
    },
    Difference {
        command: "bzpopmax",
        lines: &["+flags blocking fast write", "-flags blocking fast noscript write"],
        reason: "7.2 lets scripts call what blocks elsewhere",
    },
    Difference {
        command: "zunion",
        lines: &["+  arg count pure-token token=COUNT since=8.8.0"],
        reason: "8.8 added AGGREGATE COUNT",
    },
    Difference {
        command: "xadd",
        lines: &[
            "+  arg acked pure-token token=ACKED",
            "+  arg delref pure-token token=DELREF",
            "+  arg keepref pure-token token=KEEPREF",
            "+arg condition oneof optional since=8.2.0",
            "+    arg iid string",
            "+    arg pid string",
            "+  arg idmp-block block token=IDMP",
            "+  arg pid string token=IDMPAUTO",
            "+arg idmp oneof optional since=8.6.0",
        ],
        reason: "8.2 added what becomes of references, 8.6 names",
    },
    Difference {
        command: "xtrim",
        lines: &[
            "+  arg acked pure-token token=ACKED",
            "+  arg delref pure-token token=DELREF",
            "+  arg keepref pure-token token=KEEPREF",
            "+arg condition oneof optional since=8.2.0",
        ],
        reason: "8.2 added what becomes of references",
    },
    Difference {
        command: "xread",
        lines: &[
            "+arg maxcount integer optional token=MAXCOUNT since=8.10.0",
            "+arg maxsize integer optional token=MAXSIZE since=8.10.0",
        ],
        reason: "8.10 added limits of the whole reply",
    },
    Difference {
        command: "xreadgroup",
        lines: &[
            "+arg maxcount integer optional token=MAXCOUNT since=8.10.0",
            "+arg maxsize integer optional token=MAXSIZE since=8.10.0",
            "+arg min-idle-time integer optional token=CLAIM since=8.4.0",
        ],
        reason: "8.4 added CLAIM, 8.10 limits of the whole reply",
    },
    Difference {
        command: "zinter",
        lines: &["+  arg count pure-token token=COUNT since=8.8.0"],
        reason: "8.8 added AGGREGATE COUNT",
    },
    Difference {
        command: "zunionstore",
        lines: &["+  arg count pure-token token=COUNT since=8.8.0"],
        reason: "8.8 added AGGREGATE COUNT",
    },
    Difference {
        command: "zinterstore",
        lines: &["+  arg count pure-token token=COUNT since=8.8.0"],
        reason: "8.8 added AGGREGATE COUNT",
    },
    Difference {
        command: "hset",
        lines: &["+arg data block multiple", "-arg field_value block multiple"],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "hmset",
        lines: &["+arg data block multiple", "-arg field_value block multiple"],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "hscan",
        lines: &["+arg novalues pure-token optional token=NOVALUES since=7.4.0"],
        reason: "7.4 added NOVALUES",
    },
    Difference {
        command: "zscan",
        lines: &["+arg noscores pure-token optional token=NOSCORES since=8.0.0"],
        reason: "Valkey 8.0 added NOSCORES",
    },
    Difference { command: "sort", lines: SORT_RENAMED, reason: "7.2 renamed the arguments" },
    Difference { command: "sort_ro", lines: SORT_RENAMED, reason: "7.2 renamed the arguments" },
    Difference {
        command: "wait",
        lines: &[
            "+acl @blocking @connection @slow",
            "+flags blocking",
            "-acl @connection @slow",
            "-flags noscript",
        ],
        reason: "7.2 lets scripts call it, which answers at once",
    },
    Difference {
        command: "blpop",
        lines: &["+flags blocking write", "-flags blocking noscript write"],
        reason: "7.2 lets scripts call it, which answers at once",
    },
    Difference {
        command: "brpop",
        lines: &["+flags blocking write", "-flags blocking noscript write"],
        reason: "7.2 lets scripts call it, which answers at once",
    },
    Difference {
        command: "blmove",
        lines: &["+flags blocking denyoom write", "-flags blocking denyoom noscript write"],
        reason: "7.2 lets scripts call it, which answers at once",
    },
    Difference {
        command: "brpoplpush",
        lines: &["+flags blocking denyoom write", "-flags blocking denyoom noscript write"],
        reason: "7.2 lets scripts call it, which answers at once",
    },
    Difference {
        command: "pfmerge",
        lines: &[
            "+arg sourcekey key optional multiple key_spec_index=1",
            "-arg sourcekey key multiple key_spec_index=1",
        ],
        reason: "7.2 says that it may be left out",
    },
    Difference {
        command: "geoadd",
        lines: &["+arg data block multiple", "-arg longitude_latitude_member block multiple"],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "geopos",
        lines: &["+arg member string optional multiple", "-arg member string multiple"],
        reason: "7.2 says that members may be left out",
    },
    Difference {
        command: "geohash",
        lines: &["+arg member string optional multiple", "-arg member string multiple"],
        reason: "7.2 says that members may be left out",
    },
    Difference {
        command: "geosearch",
        lines: GEOSEARCH_RENAMED,
        reason: "7.2 renamed the blocks, and Valkey 9.0 added polygons, which have no centre told",
    },
    Difference {
        command: "geosearchstore",
        lines: GEOSEARCH_RENAMED,
        reason: "7.2 renamed the blocks, and Valkey 9.0 added polygons, which have no centre told",
    },
    Difference {
        command: "georadius",
        lines: &[
            "+  arg storedistkey key key_spec_index=2 token=STOREDIST",
            "+  arg storekey key key_spec_index=1 token=STORE",
            "+arg count-block block optional",
            "+arg store oneof optional",
            "-arg count block optional",
            "-arg key key optional key_spec_index=1 token=STORE",
            "-arg key key optional key_spec_index=2 token=STOREDIST",
        ],
        reason: "7.2 renamed the arguments and says that one key is stored to",
    },
    Difference {
        command: "georadius_ro",
        lines: &["+arg count-block block optional", "-arg count block optional"],
        reason: "7.2 renamed the block",
    },
    Difference {
        command: "georadiusbymember",
        lines: &[
            "+  arg storedistkey key key_spec_index=2 token=STOREDIST",
            "+  arg storekey key key_spec_index=1 token=STORE",
            "+arg count-block block optional",
            "+arg store oneof optional",
            "-arg count block optional",
            "-arg key key optional key_spec_index=1 token=STORE",
            "-arg key key optional key_spec_index=2 token=STOREDIST",
        ],
        reason: "7.2 renamed the arguments and says that one key is stored to",
    },
    Difference {
        command: "georadiusbymember_ro",
        lines: &["+arg count-block block optional", "-arg count block optional"],
        reason: "7.2 renamed the block",
    },
];

/// Commands whose arity says less than their argument tree, with the reason.
const LOOSE_ARITY: &[(&str, &str)] = &[
    ("quit", "whatever follows is ignored, as it always was"),
    ("client|kill", "the tree calls every filter optional, yet one must be there"),
    ("command|getkeys", "the tree leaves out the command that is to be looked at"),
    ("command|getkeysandflags", "the tree leaves out the command that is to be looked at"),
    ("debug", "its subcommands are not documented"),
    ("psync", "it may be told more, of which the tree knows nothing"),
    ("replconf", "its options are not documented"),
    ("geosearch", "it is that of a circle with its centre; a polygon is not told in less"),
    ("geosearchstore", "it is that of a circle with its centre; a polygon is not told in less"),
    ("hotkeys|start", "it answers what is missing in words of its own"),
];

#[test]
fn no_two_commands_have_one_name() {
    let mut seen = BTreeSet::new();
    check(|row| {
        let new = seen.insert(row.full_name.to_ascii_lowercase());
        (!new).then(|| "is there twice".to_owned())
    });
}

#[test]
fn names_are_in_lower_case() {
    check(|row| {
        let odd = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
        row.spec.name.contains(odd).then(|| "is an odd name".to_owned())
    });
}

#[test]
fn summaries_are_sentences() {
    check(|row| {
        let summary = row.spec.summary;
        let fault = if !summary.ends_with('.') {
            "does not end with a full stop"
        } else if !summary.starts_with(|c: char| c.is_uppercase()) {
            "does not begin with a capital"
        } else if summary.contains('\n') || summary.contains("  ") {
            "is not one line of words"
        } else {
            return None;
        };
        Some(format!("its summary {summary:?} {fault}"))
    });
}

#[test]
fn every_command_tells_its_cost_and_its_version() {
    check(|row| {
        let Spec { since, complexity, history, .. } = row.spec;
        let versions = std::iter::once(since).chain(history.iter().map(|(version, _)| version));
        let odd: Vec<_> = versions.filter(|version| !is_version(version)).collect();
        let fault = complexity.is_empty() || !odd.is_empty();
        fault.then(|| format!("complexity {complexity:?}, versions that are none: {odd:?}"))
    });
}

#[test]
fn the_arity_fits_the_arguments() {
    let mut used = BTreeSet::new();
    check(|row| {
        if !row.subcommands.is_empty() {
            return None;
        }
        let names = 1 + usize::from(row.parent.is_some());
        let (least, most) = words_of_all(row.spec.args);
        let (least, most) = (least + names, most.map(|most| most + names));
        let arity = usize::from(row.spec.arity.unsigned_abs());
        let fits = match row.spec.arity {
            0.. => least == arity && most == Some(arity),
            _ => least == arity && most != Some(least),
        };
        if !fits && LOOSE_ARITY.iter().any(|(name, _)| *name == row.full_name) {
            used.insert(row.full_name.clone());
            return None;
        }
        let arity = row.spec.arity;
        (!fits).then(|| format!("arity {arity}, but its arguments take {least} to {most:?} words"))
    });
    let known: BTreeSet<_> = LOOSE_ARITY.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(used, known, "exceptions that are not needed leave the list");
}

#[test]
fn key_specifications_are_in_range() {
    check(|row| of_keys(row.spec).find_map(|(_, rule)| fault_of_rule(row.spec, rule)));
}

#[test]
fn key_arguments_and_key_specifications_name_each_other() {
    check(|row| {
        let mut named = BTreeSet::new();
        each(row.spec.args, &mut |arg| named.extend(arg.key_spec_index));
        let rules: BTreeSet<u8> = of_keys(row.spec).map(|(number, _)| number).collect();
        (named != rules).then(|| format!("arguments name the rules {named:?} of {rules:?}"))
    });
}

#[test]
fn every_word_of_a_choice_is_another() {
    check(|row| {
        let mut fault = None;
        each(row.spec.args, &mut |arg| {
            let tokens: Vec<_> = arg.args.iter().filter_map(|arg| arg.token).collect();
            let different: BTreeSet<_> = tokens.iter().collect();
            let branches = matches!(arg.kind, ArgType::OneOf | ArgType::Block);
            if different.len() < tokens.len() || branches == arg.args.is_empty() {
                fault = Some(format!("its argument `{}` has odd parts", arg.name));
            }
        });
        fault
    });
}

#[test]
fn the_table_is_that_of_a_real_server() {
    let recorded = recorded();
    let known: BTreeMap<_, _> = DIFFERENCES.iter().map(|known| (known.command, known)).collect();
    assert_eq!(known.len(), DIFFERENCES.len(), "each command has one entry");
    let mut compared = BTreeSet::new();
    check(|row| {
        let theirs = recorded.get(row.full_name.as_str())?;
        compared.insert(row.full_name.clone());
        let found = difference(theirs, &described(row));
        let expected = known.get(row.full_name.as_str()).map_or(&[][..], |known| known.lines);
        let expected: BTreeSet<_> = expected.iter().map(|line| (*line).to_owned()).collect();
        (found != expected).then(|| {
            let lines: Vec<_> = found.iter().map(|line| format!("\n      {line:?},")).collect();
            format!("differs:{}", lines.concat())
        })
    });
    for known in DIFFERENCES {
        let Difference { command, reason, .. } = known;
        assert!(!reason.is_empty(), "{command}: a difference has its reason");
        assert!(compared.contains(*command), "{command}: nothing to compare it with");
    }
    eprintln!("{} of {} recorded rows are here", compared.len(), recorded.len());
}

/// The numbered rules that find keys, and not shard channels, which are only routed like keys.
fn of_keys(spec: &Spec) -> impl Iterator<Item = (u8, &KeySpec)> {
    (0..).zip(spec.keys).filter(|(_, rule)| !rule.flags.has(keyflag::NOT_KEY))
}

/// Applies `fault` to every row and fails with what it found.
fn check(mut fault: impl FnMut(&Described) -> Option<String>) {
    let table = table::describe();
    let faults: Vec<String> = table
        .all()
        .filter_map(|(_, row)| fault(row).map(|fault| format!("{}: {fault}", row.full_name)))
        .collect();
    assert!(faults.is_empty(), "faults in the table:\n  {}", faults.join("\n  "));
}

fn is_version(text: &str) -> bool {
    let parts: Vec<_> = text.split('.').map(str::parse::<u8>).collect();
    parts.len() == 3 && parts.iter().all(Result::is_ok)
}

/// The fewest and the most words that an argument list takes; no most where it has no end.
fn words_of_all(args: &[Arg]) -> (usize, Option<usize>) {
    let counts = args.iter().map(words_of);
    counts.fold((0, Some(0)), |(least, most), (more_least, more_most)| {
        (least + more_least, most.zip(more_most).map(|(a, b)| a + b))
    })
}

fn words_of(arg: &Arg) -> (usize, Option<usize>) {
    let (least, most) = match arg.kind {
        ArgType::PureToken => (0, Some(0)),
        ArgType::Block => words_of_all(arg.args),
        ArgType::OneOf => {
            let counts: Vec<_> = arg.args.iter().map(words_of).collect();
            let least = counts.iter().map(|(least, _)| *least).min();
            let most: Option<Vec<_>> = counts.iter().map(|(_, most)| *most).collect();
            (least.unwrap_or(0), most.and_then(|most| most.into_iter().max()))
        }
        _ => (1, Some(1)),
    };
    let token = usize::from(arg.token.is_some());
    let least = if arg.optional { 0 } else { least + token };
    (least, most.map(|most| most + token).filter(|_| !arg.multiple))
}

fn fault_of_rule(spec: &Spec, rule: &KeySpec) -> Option<String> {
    let arity = spec.arity.unsigned_abs();
    let effects = [keyflag::RO, keyflag::RW, keyflag::OW, keyflag::RM];
    let effects = effects.iter().filter(|flag| rule.flags.has(**flag)).count();
    if effects + usize::from(rule.flags.has(keyflag::NOT_KEY)) != 1 {
        return Some("a key is one of RO, RW, OW, RM and not_key".into());
    }
    match rule.begin {
        Begin::Index(0) => return Some("the command's name is no key".into()),
        // The arguments of a range with an open end may all be left out.
        Begin::Index(first) if first == arity && is_open(rule.find) => {}
        Begin::Index(first) if first >= arity => return Some(format!("no argument {first}")),
        Begin::Keyword("", _) | Begin::Keyword(_, 0) => return Some("an odd keyword".into()),
        _ => {}
    }
    match (rule.begin, rule.find) {
        (_, Find::Range { step: 0, .. } | Find::KeyNum { step: 0, .. }) => Some("no step".into()),
        (_, Find::Range { last: 0.., limit: 1.., .. }) => Some("a limit needs an open end".into()),
        (Begin::Index(first), Find::Range { last: last @ 0.., .. })
            if first + last.unsigned_abs() >= arity =>
        {
            Some(format!("no argument {}", first + last.unsigned_abs()))
        }
        (_, Find::KeyNum { num, first, .. }) if first <= num => Some("keys before count".into()),
        _ => None,
    }
}

fn is_open(find: Find) -> bool {
    matches!(find, Find::Range { last: ..0, .. })
}

fn each(args: &[Arg], see: &mut impl FnMut(&Arg)) {
    for arg in args {
        see(arg);
        each(arg.args, see);
    }
}

/// The recorded rows: by name, the lines that larder's own must equal.
fn recorded() -> BTreeMap<&'static str, Vec<String>> {
    let mut rows = BTreeMap::new();
    for record in RECORDED.split("\n\n") {
        let mut lines = record.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let Some(name) = lines.next() else { continue };
        let name = name.strip_prefix("command ").expect("a record begins with its command");
        // Costs are told in words of our own.
        let lines = lines.filter(|line| !line.starts_with("complexity "));
        rows.insert(name, lines.map(in_order).collect());
    }
    assert!(rows.len() > 300, "the recording is whole");
    rows
}

/// A recorded line with the words of a set in the order of the alphabet.
fn in_order(line: &str) -> String {
    let (head, set, tail) = match line.split_once(' ') {
        Some((head @ ("flags" | "acl"), set)) => (head, set, ""),
        Some((head @ "spec", rest)) => {
            let bar = rest.find("| ").expect("a rule has its begin");
            (head, &rest[..bar], &rest[bar..])
        }
        _ => return line.to_owned(),
    };
    line_of(head, set.split_whitespace(), tail)
}

fn line_of<'a>(head: &str, words: impl Iterator<Item = &'a str>, tail: &str) -> String {
    let words: BTreeSet<&str> = words.collect();
    let words = std::iter::once(head).chain(words);
    words.chain(Some(tail).filter(|tail| !tail.is_empty())).collect::<Vec<_>>().join(" ")
}

/// A row of larder's as the recording would tell it.
fn described(row: &Described) -> Vec<String> {
    let Described { spec, .. } = row;
    let (first, last, step) = legacy_range(spec);
    let acl: Vec<_> = spec.acl_categories().names().map(|name| format!("@{name}")).collect();
    let mut lines = vec![
        format!("arity {}", spec.arity),
        line_of("flags", spec.flags.names(), ""),
        format!("keys {first} {last} {step}"),
        line_of("acl", acl.iter().map(String::as_str), ""),
    ];
    lines.extend(spec.tips.iter().map(|tip| format!("tip {tip}")));
    lines.extend(spec.keys.iter().map(rule_line));
    lines.push(format!("since {}", spec.since));
    lines.push(format!("group {}", spec.group.name()));
    if spec.deprecated.is_some() {
        lines.push("doc_flags deprecated".into());
    }
    if spec.system {
        lines.push("doc_flags syscmd".into());
    }
    lines.extend(spec.deprecated.map(|(since, _)| format!("deprecated_since {since}")));
    spec.args.iter().for_each(|arg| argument_lines(arg, 0, &mut lines));
    lines
}

fn rule_line(rule: &KeySpec) -> String {
    let begin = match rule.begin {
        Begin::Index(index) => format!("index index={index}"),
        Begin::Keyword(word, from) => format!("keyword keyword={word} startfrom={from}"),
        Begin::Unknown => "unknown".into(),
    };
    let find = match rule.find {
        Find::Range { last, step, limit } => {
            format!("range lastkey={last} keystep={step} limit={limit}")
        }
        Find::KeyNum { num, first, step } => {
            format!("keynum keynumidx={num} firstkey={first} keystep={step}")
        }
        Find::Unknown => "unknown".into(),
    };
    line_of("spec", rule.flags.names(), &format!("| {begin} | {find}"))
}

fn argument_lines(arg: &Arg, depth: usize, lines: &mut Vec<String>) {
    let Arg { name, kind, token, key_spec_index, since, .. } = arg;
    let mut line = format!("{}arg {name} {}", "  ".repeat(depth), kind.name());
    let flags = [
        (arg.optional, " optional"),
        (arg.multiple, " multiple"),
        (arg.multiple_token, " multiple_token"),
    ];
    line.extend(flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name));
    line.extend(key_spec_index.map(|index| format!(" key_spec_index={index}")));
    line.extend(token.map(|token| match token {
        "" => " token=\"\"".to_owned(),
        token => format!(" token={token}"),
    }));
    line.extend(since.map(|since| format!(" since={since}")));
    line.extend(arg.deprecated_since.map(|since| format!(" deprecated_since={since}")));
    lines.push(line);
    arg.args.iter().for_each(|arg| argument_lines(arg, depth + 1, lines));
}

/// The lines that only one side has, and those both have in another order.
fn difference(theirs: &[String], ours: &[String]) -> BTreeSet<String> {
    let only = |sign: char, these: &[String], those: &[String]| -> Vec<String> {
        let count = |lines: &[String], line: &String| lines.iter().filter(|l| *l == line).count();
        let more = these.iter().filter(|line| count(these, line) > count(those, line));
        more.map(|line| format!("{sign}{line}")).collect()
    };
    let mut found = only('-', theirs, ours);
    found.extend(only('+', ours, theirs));
    if found.is_empty() && theirs != ours {
        found.push("the same lines in another order".into());
    }
    found.into_iter().collect()
}
