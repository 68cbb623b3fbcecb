//! Scripts that run for long: others are told that the server is busy, and may end them.

use crate::harness::{Client, Server, encode, eventually, start};

/// A server that is busy with a script or function as soon as it can be.
#[track_caller]
fn server() -> Server {
    start(&["--busy-reply-threshold", "1"])
}

/// Has a client send a script that does not end by itself, and waits until others are told that the server is busy.
#[track_caller]
fn begin(server: &Server, command: &[&[u8]]) -> (Client, Client) {
    let (mut runs, mut other) = (server.connect(), server.connect());
    assert_eq!(other.ask("PING"), "PONG");
    runs.send(encode(command));
    eventually("the server is busy", || other.ask("PING").starts_with("-BUSY"));
    (runs, other)
}

#[track_caller]
fn begin_script(server: &Server, script: &str) -> (Client, Client) {
    begin(server, &[b"EVAL", script.as_bytes(), b"0"])
}

const FOREVER: &str = "while true do end";
const KILLED: &str = "Script killed by user with SCRIPT KILL";

#[track_caller]
fn check_killed(script: &str) {
    let server = server();
    let (mut runs, mut other) = begin_script(&server, script);
    assert_eq!(other.ask("SCRIPT KILL"), "OK");
    let reply = runs.read();
    assert!(reply.starts_with('-') && reply.contains(KILLED), "{reply}");
    assert_eq!(other.ask("PING"), "PONG");
    assert_eq!(other.ask("SCRIPT KILL"), "-NOTBUSY No scripts in execution right now.");
    assert_eq!(runs.ask("EVAL return{1} 0"), "1");
}

#[test]
fn a_script_that_does_not_end_is_killed() {
    check_killed(FOREVER);
}

#[test]
fn what_catches_errors_is_killed_as_well() {
    check_killed("local function f() while true do end end while true do pcall(f) end");
    check_killed(
        "while true do xpcall(function() while true do end end, function() return 1 end) end",
    );
    check_killed("local function f() while true do end end while true do pcall(pcall, f) end");
}

#[test]
fn a_coroutine_is_killed_as_well() {
    check_killed(
        "while true do local c = coroutine.create(function() while true do end end) coroutine.resume(c) end",
    );
    check_killed(
        "local c = coroutine.wrap(function() while true do coroutine.yield(1) end end) while true do c() end",
    );
}

#[test]
fn a_script_that_only_runs_commands_is_killed_as_well() {
    check_killed("while true do redis.pcall('get', 'k') end");
}

#[test]
fn while_a_script_runs_others_are_told_that_the_server_is_busy() {
    const BUSY: &str =
        "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    let server = server();
    let (mut runs, mut other) = begin_script(&server, FOREVER);
    for command in
        ["GET k", "SET k v", "EVAL return{1} 0", "FUNCTION KILL", "FCALL f 0", "SHUTDOWN"]
    {
        assert_eq!(other.ask(command), BUSY, "{command}");
    }
    let mut third = server.connect();
    assert_eq!(third.ask("GET k"), BUSY, "who comes now is answered too");
    assert_eq!(third.ask("SCRIPT KILL"), "OK");
    assert!(runs.read().contains(KILLED));
}

#[test]
fn a_script_that_wrote_is_not_killed() {
    let server = server();
    let (_runs, mut other) = begin_script(&server, "redis.call('set', 'k', 'v') while true do end");
    let reply = other.ask("SCRIPT KILL");
    assert!(reply.starts_with("-UNKILLABLE "), "{reply}");
    assert!(other.ask("PING").starts_with("-BUSY"));
    other.send(encode(&[b"SHUTDOWN", b"NOSAVE"]));
    let mut server = server;
    server.ended();
}

#[test]
fn a_function_is_killed_by_its_own_command() {
    const LIBRARY: &[u8] = b"#!lua name=l\nredis.register_function('f', function() while true do pcall(function() while \
                             true do end end) end end)";
    let server = server();
    let mut client = server.connect();
    client.send(encode(&[b"FUNCTION", b"LOAD", LIBRARY]));
    assert_eq!(client.read(), "l");
    let (mut runs, mut other) = begin(&server, &[b"FCALL", b"f", b"0"]);
    let busy =
        "-BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    assert_eq!(other.ask("SCRIPT KILL"), busy);
    assert!(other.ask("FUNCTION STATS").contains("FCALL f 0"));
    assert_eq!(other.ask("FUNCTION KILL"), "OK");
    let reply = runs.read();
    assert!(reply.starts_with('-') && reply.contains(KILLED), "{reply}");
    assert_eq!(other.ask("FUNCTION KILL"), "-NOTBUSY No scripts in execution right now.");
}

#[test]
fn a_library_of_ours_is_killed_at_its_work() {
    check_killed("local t = {} for i = 1, 60 do t = {t, t} end return #cjson.encode(t)");
    check_killed("local t = {} for i = 1, 1000 do t[i] = t end return #cmsgpack.pack(t)");
}

#[test]
fn a_coroutine_that_was_made_while_nobody_watched_is_killed_as_well() {
    const LIBRARY: &[u8] = b"#!lua name=l\nlocal held\nredis.register_function('make', function() held = coroutine.wrap(function() \
                             while true do end end) end)\nredis.register_function('run', function() held() end)";
    let server = server();
    let mut client = server.connect();
    client.send(encode(&[b"FUNCTION", b"LOAD", LIBRARY]));
    assert_eq!(client.read(), "l");
    assert_eq!(client.ask("CONFIG SET busy-reply-threshold 0"), "OK");
    client.ask("FCALL make 0");
    assert_eq!(client.ask("CONFIG SET busy-reply-threshold 1"), "OK");
    let (mut runs, mut other) = begin(&server, &[b"FCALL", b"run", b"0"]);
    assert_eq!(other.ask("FUNCTION KILL"), "OK");
    assert!(runs.read().contains(KILLED));
}

#[test]
fn a_reply_that_would_not_end_is_refused() {
    let server = start(&[]);
    let mut client = server.connect();
    let script = "local n, t = {}, {} for i = 1, 1000 do n[i] = false end \
                  for i = 1, 60 do t = {t, t, unpack(n)} end return t";
    client.send(encode(&[b"EVAL", script.as_bytes(), b"0"]));
    assert_eq!(client.read(), "-ERR the reply of the script is too large");
    assert_eq!(client.ask("PING"), "PONG");
}

#[test]
fn a_script_in_a_transaction_is_killed_and_what_follows_runs() {
    let server = server();
    let (mut runs, mut other) = (server.connect(), server.connect());
    runs.ask("MULTI");
    runs.send(encode(&[b"EVAL", FOREVER.as_bytes(), b"0"]));
    assert_eq!(runs.read(), "QUEUED");
    assert_eq!(runs.ask("SET k v"), "QUEUED");
    runs.send(encode(&[b"EXEC"]));
    eventually("the server is busy", || other.ask("PING").starts_with("-BUSY"));
    assert_eq!(other.ask("SCRIPT KILL"), "OK");
    let reply = runs.read();
    assert!(reply.contains(KILLED) && reply.ends_with(" OK"), "{reply}");
    assert_eq!(other.ask("GET k"), "v");
}

#[test]
fn a_script_whose_client_has_gone_is_killed() {
    let server = server();
    let (runs, mut other) = begin_script(&server, FOREVER);
    drop(runs);
    assert!(other.ask("PING").starts_with("-BUSY"));
    assert_eq!(other.ask("SCRIPT KILL"), "OK");
    eventually("the server is idle", || other.ask("PING") == "PONG");
}

/// Scripts and functions that say what they do, and one that does not.
const WRITES: &[u8] = b"#!lua\nreturn 1";
const READS: &[u8] = b"#!lua flags=no-writes\nreturn 1";

#[test]
fn a_transaction_on_a_replica_takes_no_script_that_says_that_it_writes() {
    let server = start(&[]);
    let mut client = server.connect();
    client.send(encode(&[
        b"FUNCTION",
        b"LOAD",
        b"#!lua name=l\nredis.register_function('f', function() return 1 end)",
    ]));
    assert_eq!(client.read(), "l");
    assert_eq!(client.ask("REPLICAOF 127.0.0.1 1"), "OK");
    for writes in [&[b"EVAL", WRITES, b"0"], &[b"FCALL".as_slice(), b"f", b"0"]] {
        assert_eq!(client.ask("MULTI"), "OK");
        client.send(encode(writes));
        assert_eq!(client.read(), "-READONLY You can't write against a read only replica.");
        assert_eq!(
            client.ask("EXEC"),
            "-EXECABORT Transaction discarded because of previous errors."
        );
    }
    for reads in [READS, b"return 1"] {
        assert_eq!(client.ask("MULTI"), "OK");
        client.send(encode(&[b"EVAL", reads, b"0"]));
        assert_eq!(client.read(), "QUEUED");
        assert_eq!(client.ask("EXEC"), "1");
    }
}

#[test]
fn what_a_queued_script_says_counts_when_the_transaction_runs() {
    let server = start(&[]);
    let mut other = server.connect();
    let queued = |script: &[u8]| {
        let mut client = server.connect();
        assert_eq!(client.ask("MULTI"), "OK");
        client.send(encode(&[b"EVAL", script, b"0"]));
        assert_eq!(client.read(), "QUEUED");
        client
    };
    let mut clients =
        [WRITES, READS, b"return 1", b"return redis.call('set', 'k', 'v')"].map(queued);
    assert_eq!(other.ask("REPLICAOF 127.0.0.1 1"), "OK");
    let [writes, reads, unsaid, refused] = clients.each_mut().map(|client| client.ask("EXEC"));
    let words = "READONLY You can't write against a read only replica.";
    assert_eq!(writes, format!("-EXECABORT Transaction discarded because of: {words}"));
    assert_eq!((reads.as_str(), unsaid.as_str()), ("1", "1"));
    assert!(refused.starts_with(&format!("-{words} script: ")), "{refused}");
}

#[test]
fn a_transaction_with_a_script_that_takes_memory_does_not_run_without_any() {
    let server = start(&[]);
    let mut other = server.connect();
    let mut queued = |script: &[u8]| {
        let mut client = server.connect();
        assert_eq!(client.ask("MULTI"), "OK");
        client.send(encode(&[b"EVAL", script, b"0"]));
        (client.read(), client)
    };
    let scripts: [&[u8]; 3] = [WRITES, READS, b"#!lua flags=allow-oom\nreturn 1"];
    let mut clients = scripts.map(&mut queued);
    assert_eq!(other.ask("CONFIG SET maxmemory 1"), "OK");
    let words = "OOM command not allowed when used memory > 'maxmemory'.";
    let [writes, reads, may] = clients.each_mut().map(|(_, client)| client.ask("EXEC"));
    assert_eq!(writes, format!("-EXECABORT Transaction discarded because of: {words}"));
    assert_eq!((reads.as_str(), may.as_str()), ("1", "1"));
    assert_eq!(queued(WRITES).0, format!("-{words}"));
    assert_eq!(queued(READS).0, "QUEUED");
}

#[test]
fn memory_of_scripts_is_counted() {
    let server = start(&[]);
    let mut client = server.connect();
    let figure = |client: &mut Client, field: &str| {
        client.info(field).parse::<usize>().expect("it is a number")
    };
    assert_eq!(figure(&mut client, "number_of_cached_scripts"), 0);
    assert_eq!(figure(&mut client, "used_memory_scripts_eval"), 0);
    let text = format!("local x = '{}' return 1", "x".repeat(100_000));
    client.send(encode(&[b"SCRIPT", b"LOAD", text.as_bytes()]));
    client.read();
    let before = figure(&mut client, "used_memory_vm_eval");
    assert_eq!(figure(&mut client, "number_of_cached_scripts"), 1);
    assert!(figure(&mut client, "used_memory_scripts_eval") >= 100_000);
    assert!(before >= 100_000, "the compiled script has the string too");
    client.send(encode(&[b"SCRIPT", b"FLUSH"]));
    assert_eq!(client.read(), "OK");
    assert_eq!(figure(&mut client, "number_of_cached_scripts"), 0);
    assert_eq!(figure(&mut client, "used_memory_scripts_eval"), 0);
    assert!(figure(&mut client, "used_memory_vm_eval") < before - 100_000 + 1);
}
