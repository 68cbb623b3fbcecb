//! EVAL and its kin, and SCRIPT: scripts that clients bring.

use super::scripting::{self, Job};
use crate::client::ClientId;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::script::{Interpreter, Kind, Name, Script, Sha, script_source};
use crate::server::Server;
use crate::spec::{CommandFlags, Group, KeySpec, Spec, acl, arg, counted, flag};

/// What the commands have in common that run scripts and functions.
pub(super) const RUNNING: CommandFlags = flag::NOSCRIPT
    .with(flag::STALE)
    .with(flag::SKIP_MONITOR)
    .with(flag::NO_MANDATORY_KEYS)
    .with(flag::MOVABLE_KEYS)
    .with(flag::COMPOSITE);

/// A row of those that may write.
pub(super) const RUNS: Spec = Spec {
    since: "2.6.0",
    group: Group::Scripting,
    complexity: "Depends on the script",
    arity: -3,
    flags: RUNNING.with(flag::MAY_REPLICATE),
    acl: acl::SCRIPTING,
    ..Spec::NEW
};

/// Keys that may be written.
pub(super) const WRITTEN_KEYS: KeySpec = counted(2, 1)
    .rw()
    .access()
    .update()
    .notes("We cannot tell how the keys will be used so we assume the worst, RW and UPDATE");
/// Keys that are only read.
pub(super) const READ_KEYS: KeySpec = counted(2, 1)
    .ro()
    .access()
    .notes("We cannot tell how the keys will be used so we assume the worst, RO and ACCESS");

/// A subcommand of SCRIPT.
const SUBCOMMAND: Spec = Spec {
    since: "2.6.0",
    group: Group::Scripting,
    flags: flag::NOSCRIPT,
    acl: acl::SCRIPTING,
    ..Spec::NEW
};

/// These commands.
pub static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "eval",
            summary: "Runs a Lua script.",
            keys: &[WRITTEN_KEYS],
            args: &[
                arg::string("script"),
                arg::integer("numkeys"),
                arg::key("key").optional().multiple(),
                arg::string("arg").optional().multiple(),
            ],
            ..RUNS
        },
        run: Run::Server(eval),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "evalsha",
            summary: "Runs a Lua script that is known, by its SHA-1.",
            keys: &[counted(2, 1).rw().access().update()],
            args: &[
                arg::string("sha1"),
                arg::integer("numkeys"),
                arg::key("key").optional().multiple(),
                arg::string("arg").optional().multiple(),
            ],
            ..RUNS
        },
        run: Run::Server(evalsha),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "eval_ro",
            summary: "Runs a Lua script that writes nothing.",
            since: "7.0.0",
            flags: RUNNING.with(flag::READONLY),
            keys: &[READ_KEYS],
            args: &[
                arg::string("script"),
                arg::integer("numkeys"),
                arg::key("key").optional().multiple(),
                arg::string("arg").optional().multiple(),
            ],
            ..RUNS
        },
        run: Run::Server(eval_ro),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "evalsha_ro",
            summary: "Runs a Lua script that is known and writes nothing, by its SHA-1.",
            since: "7.0.0",
            flags: RUNNING.with(flag::READONLY),
            keys: &[counted(2, 1).ro().access()],
            args: &[
                arg::string("sha1"),
                arg::integer("numkeys"),
                arg::key("key").optional().multiple(),
                arg::string("arg").optional().multiple(),
            ],
            ..RUNS
        },
        run: Run::Server(evalsha_ro),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "script",
            summary: "Looks after the scripts that are known.",
            since: "2.6.0",
            group: Group::Scripting,
            ..Spec::CONTAINER
        },
        subcommands: SUBCOMMANDS,
        ..Command::NEW
    },
];

static SUBCOMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "load",
            summary: "Makes a script known without running it.",
            complexity: "O(N) for a script of N bytes",
            arity: 3,
            flags: flag::NOSCRIPT.with(flag::STALE),
            args: &[arg::string("script")],
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            ..SUBCOMMAND
        },
        run: Run::Server(load),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "exists",
            summary: "Tells which scripts are known.",
            complexity: "O(N) for N scripts",
            arity: -3,
            args: &[arg::string("sha1").multiple()],
            tips: &["request_policy:all_shards", "response_policy:agg_logical_and"],
            ..SUBCOMMAND
        },
        run: Run::Server(exists),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "flush",
            summary: "Forgets all scripts.",
            complexity: "O(N) for N scripts",
            arity: -2,
            args: &[arg::one_of(
                "flush-type",
                &[arg::token("async", "ASYNC"), arg::token("sync", "SYNC")],
            )
            .optional()
            .since("6.2.0")],
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            history: &[("6.2.0", "ASYNC and SYNC.")],
            ..SUBCOMMAND
        },
        run: Run::Server(flush),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "kill",
            summary: "Ends the script that runs, if it has written nothing.",
            arity: 2,
            flags: flag::NOSCRIPT.with(flag::ALLOW_BUSY),
            tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
            ..SUBCOMMAND
        },
        run: Run::Server(kill),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "debug",
            summary: "Asks for the debugger of scripts, which there is none of.",
            since: "3.2.0",
            arity: 3,
            args: &[arg::one_of(
                "mode",
                &[arg::token("yes", "YES"), arg::token("sync", "SYNC"), arg::token("no", "NO")],
            )],
            ..SUBCOMMAND
        },
        run: Run::Server(debug),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "show",
            summary: "Answers the text of a script that is known.",
            since: "8.0.0",
            arity: 3,
            args: &[arg::string("sha1")],
            ..SUBCOMMAND
        },
        run: Run::Server(show),
        ..Command::NEW
    },
    Command {
        spec: Spec { since: "5.0.0", group: Group::Scripting, acl: acl::SCRIPTING, ..Spec::HELP },
        run: Run::Server(help),
        ..Command::NEW
    },
];

/// A SHA-1 is that of no script there is.
const UNKNOWN: CmdError = CmdError::code("NOSCRIPT No matching script. Please use EVAL.");

fn eval(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    eval_text(s, id, argv, false)
}

fn eval_ro(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    eval_text(s, id, argv, true)
}

fn evalsha(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    eval_known(s, id, argv, false)
}

fn evalsha_ro(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    eval_known(s, id, argv, true)
}

fn eval_text(s: &mut Server, id: ClientId, argv: &Argv<'_>, read_only: bool) -> Outcome {
    scripting::tell_monitors(s, id, argv);
    scripting::keys(argv, CmdError::NotInteger)?;
    let sha = Sha::of(&argv[1]);
    if s.scripting.has(&sha) {
        s.scripting.cache.used_again(&sha);
    } else {
        make_known(s, sha, &argv[1], true)?;
    }
    run(s, id, argv, sha, read_only)
}

fn eval_known(s: &mut Server, id: ClientId, argv: &Argv<'_>, read_only: bool) -> Outcome {
    scripting::tell_monitors(s, id, argv);
    let sha = Sha::named(&argv[1]).ok_or(UNKNOWN)?;
    run(s, id, argv, sha, read_only)
}

fn run(s: &mut Server, id: ClientId, argv: &Argv<'_>, sha: Sha, read_only: bool) -> Outcome {
    let keys = scripting::keys(argv, CmdError::NotInteger)?;
    let hashes = scripting::fetch_buckets(s, id, argv, keys);
    let script = s.scripting.cache.get(&sha).ok_or(UNKNOWN)?;
    let job = Job { name: Name::Sha(sha), flags: script.flags, read_only };
    scripting::may_run(s, id, &job)?;
    let mut interpreter = interpreter(s);
    let Some(script) = s.scripting.cache.get(&sha) else { return DONE };
    let args = argv.from(3 + keys);
    interpreter.prepare_script(&script.code, First(argv.from(3), keys), args);
    scripting::fetch_entries(s, id, &hashes);
    scripting::run(s, id, argv, job, interpreter)
}

/// The first so many.
#[derive(Clone)]
pub(super) struct First<I>(pub(super) I, pub(super) usize);

impl<I: Iterator> Iterator for First<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.1 = self.1.checked_sub(1)?;
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.1, Some(self.1))
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for First<I> {}

/// Takes the interpreter of scripts out, to be used.
fn interpreter(s: &mut Server) -> Box<Interpreter> {
    match s.scripting.scripts.take() {
        Some(interpreter) => interpreter,
        None => Box::new(Interpreter::for_scripts(rand::Rng::next_u32(&mut s.rng))),
    }
}

/// Compiles a script and keeps it.
///
/// # Errors
/// It does not compile.
#[cold]
fn make_known(s: &mut Server, sha: Sha, text: &[u8], evaluated: bool) -> Result<(), CmdError> {
    let (flags, code) = script_source(text).map_err(CmdError::err)?;
    let mut interpreter = interpreter(s);
    let compiled = interpreter.compile(code, c"@user_script").map_err(|words| {
        CmdError::err(format_args!("Error compiling script (new function): {words}"))
    });
    if let Ok(code) = compiled {
        let script = Script::new(code, flags, text);
        if let Some(old) = s.scripting.cache.insert(sha, script, evaluated) {
            interpreter.forget(old.code);
        }
        s.scripting.scripts = Some(interpreter);
        return Ok(());
    }
    s.scripting.scripts = Some(interpreter);
    compiled.map(drop)
}

fn load(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let sha = Sha::of(&argv[2]);
    if !s.scripting.has(&sha) {
        make_known(s, sha, &argv[2], false)?;
    }
    s.scripting.cache.keep(&sha);
    s.reply(id).bulk(&sha.0);
    DONE
}

fn exists(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let known = argv.from(2).map(|word| Sha::named(word).is_some_and(|sha| s.scripting.has(&sha)));
    let known: Vec<i64> = known.map(i64::from).collect();
    s.reply(id).ints(&known);
    DONE
}

fn flush(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let how = argv.get(2).map(<[u8]>::to_ascii_lowercase);
    let known = matches!(how.as_deref(), None | Some(b"sync" | b"async"));
    if !known || argv.len() > 3 {
        return Err(CmdError::Msg("SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    // Everything that any script left behind goes with the interpreter.
    s.scripting.scripts = None;
    s.scripting.cache = crate::script::Cache::default();
    s.reply(id).ok();
    DONE
}

fn kill(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    scripting::kill(s, Kind::Script)?;
    s.reply(id).ok();
    DONE
}

fn debug(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    match argv[2].to_ascii_lowercase().as_slice() {
        b"no" => {
            s.reply(id).ok();
            DONE
        }
        b"yes" | b"sync" => Err(CmdError::Msg("There is no debugger of scripts in this version")),
        _ => Err(CmdError::Msg("Use SCRIPT DEBUG YES/SYNC/NO")),
    }
}

fn show(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let sha = Sha::named(&argv[2]).ok_or(UNKNOWN)?;
    let text = s.scripting.cache.get(&sha).ok_or(UNKNOWN)?.text.clone();
    s.reply(id).bulk(&text);
    DONE
}

fn help(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.reply(id).help(
        "script",
        &[
            "DEBUG (YES|SYNC|NO)",
            "    Ask for the debugger of scripts, which there is none of.",
            "EXISTS <sha1> [<sha1> ...]",
            "    Tell which of these scripts are known.",
            "FLUSH [ASYNC|SYNC]",
            "    Forget all scripts.",
            "KILL",
            "    End the script that runs, if it has written nothing.",
            "LOAD <script>",
            "    Make a script known without running it.",
            "SHOW <sha1>",
            "    Answer the text of a script.",
        ],
    );
    DONE
}
