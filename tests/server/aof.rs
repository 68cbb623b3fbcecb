//! The append-only file of a process: starts that are refused, rewrites that are given up.

use std::fs;

use crate::harness::{Server, Setup, eventually, start};

/// A server that has begun its append-only file.
fn logged(options: &[&str]) -> Server {
    let server = start(&[&["--appendonly", "yes"], options].concat());
    server.logs("Ready to accept connections");
    server
}

/// Puts a log of these bytes where a server looks for it.
fn log_of(setup: &Setup, log: &str) {
    fs::create_dir(setup.path("appendonlydir")).unwrap();
    let manifest = "file appendonly.aof.1.incr.aof seq 1 type i\n";
    setup.file("appendonlydir/appendonly.aof.manifest", manifest);
    setup.file("appendonlydir/appendonly.aof.1.incr.aof", log);
}

/// Starts over a log of these bytes, which nobody could have written; what the log says at the end.
fn refusal(log: &str) -> String {
    let setup = Setup::new().args(&["--appendonly", "yes"]);
    log_of(&setup, log);
    let mut server = setup.spawn();
    assert_eq!(server.ended().code(), Some(1));
    server.out().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_command_that_cannot_be_ends_the_start_though_all_was_read() {
    let set = "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\nv\r\n";
    let cases = [
        ("*1\r\n$3\r\nbla\r\n", "Unknown command 'bla' reading the append only file"),
        ("*2\r\n$3\r\nset\r\n$1\r\nk\r\n", "Wrong number of arguments for command 'set'"),
        ("*1\r\n$8\r\nshutdown\r\n", "Impossible command 'shutdown' before byte"),
        ("*1\r\n$5\r\nmulti\r\n*1\r\n$7\r\ndiscard\r\n", "Impossible command 'discard'"),
    ];
    for (command, why) in cases {
        let said = refusal(&format!("{set}{command}{set}"));
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn what_fails_in_a_log_is_told_and_the_rest_is_loaded() {
    let setup = Setup::new().args(&["--appendonly", "yes"]);
    let set = |key: &str| format!("*3\r\n$3\r\nset\r\n$1\r\n{key}\r\n$1\r\nv\r\n");
    let push = "*3\r\n$5\r\nlpush\r\n$1\r\nk\r\n$1\r\nx\r\n";
    let multi = format!("*1\r\n$5\r\nmulti\r\n{push}*1\r\n$4\r\nexec\r\n");
    log_of(&setup, &format!("{}{push}{}{multi}", set("k"), set("l")));
    let server = setup.spawn();
    let told = "== CRITICAL == This server is sending an error to its AOF-loading-client: '-WRONGTYPE \
                Operation against a key holding the wrong kind of value' after processing the command ";
    server.logs(&format!("{told}'lpush'"));
    server.logs(&format!("{told}'exec'"));
    server.logs("Ready to accept connections");
    assert_eq!(server.connect().ask("MGET k l"), "v v");
}

#[test]
fn files_that_are_taken_away_are_written_anew_and_nothing_is_acknowledged_meanwhile() {
    type Taking = fn(&Server);
    let dir = |server: &Server| server.path("appendonlydir");
    let takings: [Taking; 5] = [
        |server| fs::remove_dir_all(server.path("appendonlydir")).unwrap(),
        |server| fs::remove_file(server.path("appendonlydir/appendonly.aof.manifest")).unwrap(),
        |server| fs::remove_file(server.path("appendonlydir/appendonly.aof.1.base.rdb")).unwrap(),
        |server| {
            let path = server.path("appendonlydir/appendonly.aof.1.incr.aof");
            fs::rename(&path, server.path("elsewhere")).unwrap();
            fs::write(path, "somebody else's").unwrap();
        },
        |server| {
            let path = server.path("appendonlydir/appendonly.aof.1.incr.aof");
            fs::OpenOptions::new().write(true).open(path).unwrap().set_len(3).unwrap();
        },
    ];
    for taking in takings {
        let mut server = logged(&["--appendfsync", "always"]);
        let mut client = server.connect();
        assert_eq!(client.ask("SET before v"), "OK");
        taking(&server);
        let mut kept = 0;
        eventually("they are there again", || {
            let done = client.ask(&format!("SET k {}", kept + 1)) == "OK";
            kept += u32::from(done);
            done && server.out().contains("Background AOF rewrite finished successfully")
        });
        assert!(dir(&server).exists());
        server.signal(nix::sys::signal::Signal::SIGKILL);
        server.ended();
        let again = start(&["--appendonly", "yes", "--dir", server.path("").to_str().unwrap()]);
        again.logs("Ready to accept connections");
        assert_eq!(again.connect().ask("MGET before k"), format!("v {kept}"));
    }
}

#[test]
fn the_log_names_the_process_only_when_it_can_be_reached() {
    let server = Setup::new().args(&["--always-show-logo", "yes"]).spawn();
    server.logs(" PID: ");
    assert_eq!(server.connect().ask("PING"), "PONG");
}

#[test]
fn a_rewrite_may_follow_one_that_was_given_up_at_once() {
    let server = logged(&["--rdb-key-save-delay", "10000000"]);
    let mut client = server.connect();
    client.ask("SET k v");
    assert_eq!(client.ask("BGREWRITEAOF"), "Background append only file rewriting started");
    assert_eq!(client.ask("CONFIG SET appendonly no rdb-key-save-delay 0"), "OK");
    server.logs("Killing AOF child");
    let begun = client.ask("BGREWRITEAOF");
    assert!(begun.starts_with("Background append only file rewriting s"), "{begun}");
    eventually("the second ends", || {
        server.out().contains("Background AOF rewrite finished successfully")
    });
}

#[test]
fn a_pause_before_writes_delays_their_replies_but_loses_none() {
    let server = logged(&["--appendfsync", "always", "--enable-debug-command", "yes"]);
    let mut client = server.connect();
    assert_eq!(client.ask("DEBUG AOF-FLUSH-SLEEP 1000"), "OK");
    assert_eq!(client.ask("SET k v"), "OK");
    let log = fs::read_to_string(server.path("appendonlydir/appendonly.aof.1.incr.aof")).unwrap();
    assert!(log.contains("SET"), "{log}");
    assert_eq!(client.ask("DEBUG AOF-FLUSH-SLEEP 0"), "OK");
}

#[test]
fn scripts_in_a_log_write_though_the_server_follows_another() {
    let eval = |script: &str| {
        let len = script.len();
        format!("*4\r\n$4\r\neval\r\n${len}\r\n{script}\r\n$1\r\n1\r\n$1\r\nk\r\n")
    };
    let select = "*2\r\n$6\r\nselect\r\n$1\r\n9\r\n".to_owned();
    let set = eval("redis.call('set', KEYS[1], 100)");
    let log = select + &set + &eval("#!lua\nredis.call('incr', KEYS[1])");
    // Nobody listens at port 1, so the primary never answers.
    let options =
        ["--appendonly", "yes", "--replicaof", "127.0.0.1 1", "--replica-serve-stale-data", "no"];
    let setup = Setup::new().args(&options);
    log_of(&setup, &log);
    let server = setup.spawn();
    server.logs("Ready to accept connections");
    let mut client = server.connect();
    assert_eq!(client.ask("CONFIG SET replica-serve-stale-data yes"), "OK");
    assert_eq!(client.ask("SELECT 9"), "OK");
    assert_eq!(client.ask("GET k"), "101");
    assert!(client.ask("EVAL redis.call('incr','k') 0").contains("READONLY"));
}
