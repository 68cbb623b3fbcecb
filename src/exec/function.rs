//! FCALL and FUNCTION: functions that libraries bring, which are part of the data set.

use super::eval::{First, READ_KEYS, RUNNING, RUNS, WRITTEN_KEYS};
use super::scripting::{self, Job, LoadCaller};
use crate::client::ClientId;
use crate::cmd::args::{Args, is};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::persist::rdb::dump::restore_functions;
use crate::resp::{Argv, CmdError};
use crate::script::{Interpreter, Kind, Libraries, Library, LoadError, Name};
use crate::server::Server;
use crate::spec::{Group, Spec, acl, arg, flag};
use crate::stdx::glob;
use std::mem;

/// Milliseconds that a library a client brings may take to load.
const LOAD_MS: u64 = 500;
/// The argument tree of FCALL.
const CALL_ARGS: &[crate::spec::Arg] = &[
    arg::string("function"),
    arg::integer("numkeys"),
    arg::key("key").optional().multiple(),
    arg::string("arg").optional().multiple(),
];

/// A subcommand of FUNCTION.
const SUBCOMMAND: Spec = Spec {
    since: "7.0.0",
    group: Group::Scripting,
    flags: flag::NOSCRIPT,
    acl: acl::SCRIPTING,
    ..Spec::NEW
};
/// One that changes the libraries.
const CHANGE: Spec = Spec {
    flags: flag::WRITE.with(flag::NOSCRIPT),
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    ..SUBCOMMAND
};

/// These commands.
pub static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "fcall",
            summary: "Calls a function.",
            since: "7.0.0",
            keys: &[WRITTEN_KEYS],
            args: CALL_ARGS,
            ..RUNS
        },
        run: Run::Server(fcall),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "fcall_ro",
            summary: "Calls a function that writes nothing.",
            since: "7.0.0",
            flags: RUNNING.with(flag::READONLY),
            keys: &[READ_KEYS],
            args: CALL_ARGS,
            ..RUNS
        },
        run: Run::Server(fcall_ro),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "function",
            summary: "Looks after libraries of functions.",
            since: "7.0.0",
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
            summary: "Loads a library.",
            complexity: "O(1), without the time it takes to compile",
            arity: -3,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::NOSCRIPT),
            args: &[arg::token("replace", "REPLACE").optional(), arg::string("function-code")],
            ..CHANGE
        },
        run: Run::Server(load),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "delete",
            summary: "Deletes a library.",
            arity: 3,
            args: &[arg::string("library-name")],
            ..CHANGE
        },
        run: Run::Server(delete),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "flush",
            summary: "Deletes all libraries.",
            complexity: "O(N) for N functions",
            arity: -2,
            args: &[arg::one_of(
                "flush-type",
                &[arg::token("async", "ASYNC"), arg::token("sync", "SYNC")],
            )
            .optional()],
            ..CHANGE
        },
        run: Run::Server(flush),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "dump",
            summary: "Answers all libraries as a payload for FUNCTION RESTORE.",
            complexity: "O(N) for N functions",
            arity: 2,
            ..SUBCOMMAND
        },
        run: Run::Server(dump),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "restore",
            summary: "Loads the libraries of a payload.",
            complexity: "O(N) for N functions in it",
            arity: -3,
            flags: flag::WRITE.with(flag::DENYOOM).with(flag::NOSCRIPT),
            args: &[
                arg::string("serialized-value"),
                arg::one_of(
                    "policy",
                    &[
                        arg::token("flush", "FLUSH"),
                        arg::token("append", "APPEND"),
                        arg::token("replace", "REPLACE"),
                    ],
                )
                .optional(),
            ],
            ..CHANGE
        },
        run: Run::Server(restore),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "list",
            summary: "Tells of the libraries and their functions.",
            complexity: "O(N) for N functions",
            arity: -2,
            args: &[
                arg::string("library-name-pattern").after("LIBRARYNAME").optional(),
                arg::token("withcode", "WITHCODE").optional(),
            ],
            tips: &["nondeterministic_output_order"],
            ..SUBCOMMAND
        },
        run: Run::Server(list),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "stats",
            summary: "Tells what runs, and of which kinds of code there is how much.",
            arity: 2,
            flags: flag::NOSCRIPT.with(flag::ALLOW_BUSY),
            tips: &[
                "nondeterministic_output",
                "request_policy:all_shards",
                "response_policy:special",
            ],
            ..SUBCOMMAND
        },
        run: Run::Server(stats),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "kill",
            summary: "Ends the function that runs, if it has written nothing.",
            arity: 2,
            flags: flag::NOSCRIPT.with(flag::ALLOW_BUSY),
            tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
            ..SUBCOMMAND
        },
        run: Run::Server(kill),
        ..Command::NEW
    },
    Command {
        spec: Spec { since: "7.0.0", group: Group::Scripting, acl: acl::SCRIPTING, ..Spec::HELP },
        run: Run::Server(help),
        ..Command::NEW
    },
];

fn fcall(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    call(s, id, argv, false)
}

fn fcall_ro(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    call(s, id, argv, true)
}

fn call(s: &mut Server, id: ClientId, argv: &Argv<'_>, read_only: bool) -> Outcome {
    const UNKNOWN: CmdError = CmdError::Msg("Function not found");
    scripting::tell_monitors(s, id, argv);
    let function = s.scripting.libraries.function(&argv[1]).ok_or(UNKNOWN)?;
    let name = Name::Function(function.name.as_slice().into());
    let job = Job { name, flags: function.flags, read_only };
    let keys = scripting::keys(argv, CmdError::Msg("Bad number of keys provided"))?;
    let hashes = scripting::fetch_buckets(s, id, argv, keys);
    scripting::may_run(s, id, &job)?;
    let mut interpreter = interpreter(s);
    let function = s.scripting.libraries.function(&argv[1]).ok_or(UNKNOWN)?;
    let args = argv.from(3 + keys);
    interpreter.prepare_function(&function.code, First(argv.from(3), keys), args);
    scripting::fetch_entries(s, id, &hashes);
    scripting::run(s, id, argv, job, interpreter)
}

/// Takes the interpreter of functions out, to be used.
fn interpreter(s: &mut Server) -> Box<Interpreter> {
    match s.scripting.functions.take() {
        Some(interpreter) => interpreter,
        None => Box::new(Interpreter::for_functions(rand::Rng::next_u32(&mut s.rng))),
    }
}

/// Loads a library; it is ended where that takes longer than so many milliseconds.
///
/// # Errors
/// What is wrong with it.
fn load_into(
    s: &mut Server,
    libraries: &mut Libraries,
    text: &[u8],
    replace: bool,
    limit_ms: u64,
) -> Result<Vec<u8>, LoadError> {
    let mut interpreter = interpreter(s);
    let mut caller = LoadCaller { s, began: s.timer.now(), limit_ms };
    let loaded = libraries.load(&mut interpreter, text, replace, &mut caller);
    s.scripting.functions = Some(interpreter);
    loaded
}

/// Loads a library that a file holds.
///
/// # Errors
/// What is wrong with it.
pub(super) fn load_from_file(s: &mut Server, text: &[u8], replace: bool) -> Result<(), String> {
    let mut libraries = mem::take(&mut s.scripting.libraries);
    let loaded = load_into(s, &mut libraries, text, replace, u64::MAX);
    s.scripting.libraries = libraries;
    loaded.map(drop).map_err(|LoadError(words)| words)
}

/// Puts libraries that a file holds in the place of all there are.
///
/// # Errors
/// What is wrong with one of them; all is as it was then.
pub(super) fn replace_all(s: &mut Server, texts: &[Vec<u8>]) -> Result<(), String> {
    load_beside(s, texts, true)
}

/// Whether [`replace_all`] would put them there; all is as it was.
///
/// # Errors
/// What is wrong with one of them.
pub(super) fn check_all(s: &mut Server, texts: &[Vec<u8>]) -> Result<(), String> {
    if texts.is_empty() { Ok(()) } else { load_beside(s, texts, false) }
}

fn load_beside(s: &mut Server, texts: &[Vec<u8>], stay: bool) -> Result<(), String> {
    let libraries = mem::take(&mut s.scripting.libraries);
    let interpreter = s.scripting.functions.take();
    let loaded = texts.iter().try_for_each(|text| load_from_file(s, text, false));
    if loaded.is_err() || !stay {
        s.scripting.libraries = libraries;
        s.scripting.functions = interpreter;
    }
    loaded
}

fn load(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let options = argv.iter().skip(2).take(argv.len() - 3);
    let mut replace = false;
    for option in options {
        if !is(option, "replace") {
            let word = String::from_utf8_lossy(option);
            return Err(CmdError::err(format_args!("Unknown option given: {word}")));
        }
        replace = true;
    }
    let mut libraries = mem::take(&mut s.scripting.libraries);
    let limit_ms = if s.persist.loading.is_on() { u64::MAX } else { LOAD_MS };
    let loaded = load_into(s, &mut libraries, &argv[argv.len() - 1], replace, limit_ms);
    s.scripting.libraries = libraries;
    let name = loaded.map_err(|LoadError(words)| CmdError::err(words))?;
    s.keyspace.shared.dirty += 1;
    s.reply(id).bulk(&name);
    DONE
}

fn delete(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let mut interpreter = interpreter(s);
    let deleted = s.scripting.libraries.delete(&mut interpreter, &argv[2]);
    s.scripting.functions = Some(interpreter);
    if !deleted {
        return Err(CmdError::Msg("Library not found"));
    }
    s.keyspace.shared.dirty += 1;
    s.reply(id).ok();
    DONE
}

/// Deletes all libraries; what they left behind goes with their interpreter.
pub(super) fn delete_all(s: &mut Server) {
    s.scripting.libraries = Libraries::default();
    s.scripting.functions = None;
}

fn flush(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    if argv.len() > 3 {
        return Err(wrong_count(argv));
    }
    if argv.get(2).is_some_and(|how| !is(how, "sync") && !is(how, "async")) {
        return Err(CmdError::Msg("FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    delete_all(s);
    s.keyspace.shared.dirty += 1;
    s.reply(id).ok();
    DONE
}

/// There are more arguments than the subcommand takes.
fn wrong_count(argv: &Argv<'_>) -> CmdError {
    let word = String::from_utf8_lossy(&argv[1]).into_owned();
    CmdError::err(format_args!(
        "unknown subcommand or wrong number of arguments for '{word}'. Try FUNCTION HELP."
    ))
}

fn dump(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    let Server { scripting, dumper, config, clients, .. } = s;
    let texts = scripting.libraries.iter().map(|(_, library)| &*library.text);
    let payload = dumper.dump_functions(texts, config.rdbcompression);
    let session = clients.running(id);
    crate::resp::Reply::new(&mut session.out, session.resp).bulk(&payload);
    DONE
}

fn restore(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    const POLICY: CmdError = CmdError::Msg(
        "Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
    );
    if argv.len() > 4 {
        return Err(wrong_count(argv));
    }
    let (flush, replace) = match argv.get(3) {
        None => (false, false),
        Some(word) if is(word, "append") => (false, false),
        Some(word) if is(word, "replace") => (false, true),
        Some(word) if is(word, "flush") => (true, false),
        Some(_) => return Err(POLICY),
    };
    let texts = restore_functions(&argv[2], s.dumper.verify).map_err(CmdError::err)?;
    let mut fresh = Libraries::default();
    let mut result = Ok(());
    for text in texts {
        result = load_into(s, &mut fresh, &text, false, LOAD_MS).map(drop);
        if result.is_err() {
            break;
        }
    }
    let mut interpreter = interpreter(s);
    let libraries = &mut s.scripting.libraries;
    let joined = result.and_then(|()| {
        if flush {
            libraries.delete_all(&mut interpreter);
        }
        libraries.join(&mut interpreter, &mut fresh, replace)
    });
    fresh.delete_all(&mut interpreter);
    s.scripting.functions = Some(interpreter);
    joined.map_err(|LoadError(words)| CmdError::err(words))?;
    s.keyspace.shared.dirty += 1;
    s.reply(id).ok();
    DONE
}

fn list(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let mut args = Args::new(argv, 2);
    let (mut pattern, mut with_code) = (None, false);
    while let Some(word) = args.next() {
        if is(word, "withcode") && !with_code {
            with_code = true;
        } else if is(word, "libraryname") && pattern.is_none() {
            let given = args.next();
            pattern = Some(given.ok_or(CmdError::Msg("library name argument was not given"))?);
        } else {
            let word = String::from_utf8_lossy(word);
            return Err(CmdError::err(format_args!("Unknown argument {word}")));
        }
    }
    let libraries = mem::take(&mut s.scripting.libraries);
    let wanted = |name: &[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name, false));
    let wanted = libraries.iter().filter(|(name, _)| wanted(name));
    s.reply(id).array(wanted.clone().count());
    for (name, library) in wanted {
        tell_library(s, id, name, library, with_code);
    }
    s.scripting.libraries = libraries;
    DONE
}

fn tell_library(s: &mut Server, id: ClientId, name: &[u8], library: &Library, with_code: bool) {
    let mut reply = s.reply(id);
    reply.map(3 + usize::from(with_code));
    reply.bulk(b"library_name");
    reply.bulk(name);
    reply.bulk(b"engine");
    reply.bulk(b"LUA");
    reply.bulk(b"functions");
    reply.array(library.functions.len());
    for function in &library.functions {
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(&function.name);
        reply.bulk(b"description");
        match &function.description {
            Some(description) => reply.bulk(description),
            None => reply.null(),
        }
        reply.bulk(b"flags");
        reply.set(function.flags.names().count());
        function.flags.names().for_each(|flag| reply.simple(flag));
    }
    if with_code {
        reply.bulk(b"library_code");
        reply.bulk(&library.text);
    }
}

fn stats(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    if s.scripting.running.as_ref().is_some_and(|running| running.name.kind() == Kind::Script) {
        return Err(s.scripting.busy());
    }
    let running = s.scripting.running.as_ref().zip(s.scripting.suspended.as_ref());
    let running = running.map(|(running, suspended)| {
        let nanos = s.timer.nanos(s.timer.now().wrapping_sub(running.began));
        (running.name.text().into_owned(), suspended.argv.clone(), nanos / 1_000_000)
    });
    let libraries = (s.scripting.libraries.len(), s.scripting.libraries.functions());
    let mut reply = s.reply(id);
    reply.map(2);
    reply.bulk(b"running_script");
    match running {
        None => reply.null(),
        Some((name, argv, ms)) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(name.as_bytes());
            reply.bulk(b"command");
            reply.array(argv.len());
            argv.iter().for_each(|word| reply.bulk(word));
            reply.bulk(b"duration_ms");
            reply.int(ms as i64);
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.len(libraries.0);
    reply.bulk(b"functions_count");
    reply.len(libraries.1);
    DONE
}

fn kill(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    scripting::kill(s, Kind::Function)?;
    s.reply(id).ok();
    DONE
}

fn help(s: &mut Server, id: ClientId, _: &Argv<'_>) -> Outcome {
    s.reply(id).help(
        "function",
        &[
            "DELETE <library-name>",
            "    Delete a library.",
            "DUMP",
            "    Answer all libraries as a payload for FUNCTION RESTORE.",
            "FLUSH [ASYNC|SYNC]",
            "    Delete all libraries.",
            "KILL",
            "    End the function that runs, if it has written nothing.",
            "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
            "    Tell of the libraries and their functions.",
            "LOAD [REPLACE] <code>",
            "    Load a library.",
            "RESTORE <payload> [FLUSH|APPEND|REPLACE]",
            "    Load the libraries of a payload.",
            "STATS",
            "    Tell what runs.",
        ],
    );
    DONE
}
