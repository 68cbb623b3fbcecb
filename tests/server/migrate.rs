//! Keys that move over real sockets: to another server, and to a test that plays one.

use std::net::{Ipv4Addr, TcpListener};

use crate::harness::{Client, Server, eventually, start};

const DEBUG: &[&str] = &["--enable-debug-command", "yes"];

/// MIGRATE to another server, with these words behind the port.
fn migrate(from: &mut Client, to: &Server, rest: &str) -> String {
    from.ask(&format!("MIGRATE 127.0.0.1 {} {rest}", to.port()))
}

/// A test that plays the server at this port, and the next connection to it.
struct Played(TcpListener);

impl Played {
    fn new() -> (Self, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        (Self(listener), port)
    }

    fn accept(&self) -> Client {
        Client::over(self.0.accept().unwrap().0)
    }
}

#[test]
fn keys_of_every_type_move_with_their_time_to_live() {
    let (here, there) = (start(&[]), start(&[]));
    let (mut from, mut to) = (here.connect(), there.connect());
    for line in [
        "SET string v EX 1000",
        "RPUSH list a b c",
        "SADD set 1 2 3",
        "HSET hash f v",
        "ZADD zset 1 a",
        "XADD stream 1-1 f v",
    ] {
        from.ask(line);
    }
    let keys = "string list set hash zset stream";
    assert_eq!(migrate(&mut from, &there, &format!(" 9 5000 KEYS {keys}")), "OK");
    assert_eq!(from.ask("DBSIZE"), "0");
    to.ask("SELECT 9");
    assert_eq!(to.ask(&format!("EXISTS {keys}")), "6");
    assert_eq!(to.ask("LRANGE list 0 -1"), "a b c");
    let ttl: u64 = to.ask("TTL string").parse().unwrap();
    assert!((1..=1000).contains(&ttl), "{ttl}");
    assert_eq!(to.ask("TTL list"), "-1");
}

#[test]
fn many_and_large_values_move_and_others_are_served_meanwhile() {
    let (here, there) = (start(DEBUG), start(&[]));
    let (mut from, mut other) = (here.connect(), here.connect());
    from.ask("CONFIG SET rdbcompression no");
    from.ask("DEBUG POPULATE 20000 key 100");
    from.ask(&format!("SET key:0 {}", "x".repeat(8 << 20)));
    let keys: Vec<String> = (0..20_000).map(|i| format!("key:{i}")).collect();
    let keys = keys.join(" ");
    let words = format!("MIGRATE 127.0.0.1 {}  0 60000 KEYS {keys}", there.port());
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    from.send(crate::harness::encode(&words));
    eventually("some have gone", || other.ask("DBSIZE") != "20000");
    assert_eq!(from.read(), "OK");
    assert_eq!(other.ask("DBSIZE"), "0");
    let mut to = there.connect();
    assert_eq!(to.ask("DBSIZE"), "20000");
    assert_eq!(to.ask("STRLEN key:0"), (8 << 20).to_string());
}

#[test]
fn a_password_is_given_each_time() {
    let (here, there) = (start(&[]), start(&["--requirepass", "secret"]));
    let mut from = here.connect();
    from.ask("SET k v");
    let noauth = "-ERR Target instance replied with error: NOAUTH Authentication required.";
    assert_eq!(migrate(&mut from, &there, "k 0 5000"), noauth);
    assert_eq!(migrate(&mut from, &there, "k 0 5000 AUTH secret"), "OK");
    from.ask("SET k v");
    assert_eq!(migrate(&mut from, &there, "k 0 5000 REPLACE AUTH2 default secret"), "OK");
    from.ask("SET k v");
    let refused = migrate(&mut from, &there, "k 0 5000 AUTH wrong");
    assert!(refused.starts_with("-ERR Target instance replied with error: WRONGPASS"), "{refused}");
    assert_eq!(from.ask("GET k"), "v");
}

#[test]
fn a_connection_is_used_again_and_one_that_was_closed_is_made_anew() {
    let (here, (there, port)) = (start(&[]), Played::new());
    let mut from = here.connect();
    assert_eq!(from.info("migrate_cached_sockets"), "0");
    let line = format!("MIGRATE 127.0.0.1 {port} k 1 60000");
    let begin = |from: &mut Client| {
        from.ask("SET k v");
        from.send(crate::harness::encode(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>()));
    };
    begin(&mut from);
    let mut first = there.accept();
    assert_eq!(first.read(), "SELECT 1");
    first.send("+OK\r\n");
    assert!(first.read().starts_with("RESTORE k 0 "));
    first.send("+OK\r\n");
    assert_eq!(from.read(), "OK");
    assert_eq!(from.info("migrate_cached_sockets"), "1");
    begin(&mut from);
    assert!(first.read().starts_with("RESTORE k 0 "), "the database is selected there");
    drop(first);
    let mut second = there.accept();
    assert_eq!(second.read(), "SELECT 1");
    second.send("+OK\r\n");
    assert!(second.read().starts_with("RESTORE k 0 "));
    drop(second);
    assert_eq!(from.read(), "-IOERR error or timeout reading to target instance");
    assert_eq!(from.info("migrate_cached_sockets"), "0");
    assert_eq!(from.ask("GET k"), "v");
}

#[test]
fn a_server_that_does_not_answer_holds_up_nobody_but_who_writes_the_key() {
    let (here, (_there, port)) = (start(&[]), Played::new());
    let (mut from, mut writer, mut reader) = (here.connect(), here.connect(), here.connect());
    from.ask("SET k v");
    from.send(format!("MIGRATE 127.0.0.1 {port} k 0 1000\r\n"));
    eventually("it has begun", || reader.ask("CLIENT LIST").contains("cmd=migrate"));
    writer.send("APPEND k w\r\n");
    assert_eq!(reader.ask("GET k"), "v");
    assert_eq!(reader.ask("SET other v"), "OK");
    assert_eq!(from.read(), "-IOERR error or timeout reading to target instance");
    assert_eq!(writer.read(), "2");
    assert_eq!(reader.ask("GET k"), "vw");
}

#[test]
fn the_connection_comes_from_the_configured_address() {
    let (here, (there, port)) = (start(&["--bind-source-addr", "127.0.0.2"]), Played::new());
    let mut from = here.connect();
    from.ask("SET k v");
    from.send(format!("MIGRATE localhost {port} k 0 60000\r\n"));
    let (stream, peer) = there.0.accept().unwrap();
    assert_eq!(peer.ip().to_string(), "127.0.0.2");
    drop(stream);
    drop(there);
    assert_eq!(from.read(), "-IOERR error or timeout writing to target instance");
}

#[test]
fn replicas_and_the_log_have_what_moved_removed() {
    let (here, there) =
        (start(&[&["--appendonly", "yes", "--appendfsync", "always"], DEBUG].concat()), start(&[]));
    let replica = start(&["--replicaof", &format!("127.0.0.1 {}", here.port())]);
    let (mut from, mut reader) = (here.connect(), replica.connect());
    eventually("the log is loaded", || from.ask("MSET a 1 b 2 stays 3") == "OK");
    eventually("the replica has it", || reader.ask("GET stays") == "3");
    assert_eq!(migrate(&mut from, &there, " 0 5000 KEYS a b"), "OK");
    eventually("the replica has it", || reader.ask("DBSIZE") == "1");
    assert_eq!(from.ask("DEBUG LOADAOF"), "OK");
    assert_eq!(from.ask("KEYS *"), "stays");
}
