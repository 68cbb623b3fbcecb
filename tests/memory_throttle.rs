//! Who writes while memory is full of what is about to go.

use larder::client::ClientId;
use larder::config::Config;
use larder::server::Figures;
use larder::testing::InProcess;
use std::cell::Cell;

const MB: u64 = 1 << 20;

thread_local! {
    /// Bytes in use.
    static USED: Cell<u64> = const { Cell::new(0) };
}

/// A server that may use 64 MB, and whose snapshots wait for the test.
fn server(policy: &str) -> (InProcess, ClientId) {
    USED.set(0);
    let mut server = InProcess::new(Config::default(), 1);
    server.server().facts.figures = Figures { used_memory: || USED.get(), ..Figures::default() };
    server.hold_snapshots();
    let client = server.connect();
    let set = format!("CONFIG SET maxmemory 64mb maxmemory-policy {policy}");
    assert_eq!(ask(&mut server, client, &set), "+OK");
    (server, client)
}

fn ask(server: &mut InProcess, client: ClientId, line: &str) -> String {
    server.send(client, format!("{line}\r\n").as_bytes());
    taken(server, client)
}

fn taken(server: &mut InProcess, client: ClientId) -> String {
    String::from_utf8(server.take_output(client)).unwrap().trim_end().to_owned()
}

/// So many bytes are in use from now on.
fn find(server: &mut InProcess, bytes: u64) {
    USED.set(bytes);
    server.advance(100);
}

/// A server with 4 MB of keys that changed since a snapshot began which is to write them.
fn server_amid_a_snapshot() -> (InProcess, ClientId) {
    let (mut server, client) = server("allkeys-lru");
    for n in 0..4000 {
        ask(&mut server, client, &format!("SETRANGE key:{n} 999 x"));
    }
    assert_eq!(ask(&mut server, client, "BGSAVE"), "+Background saving started");
    for n in 0..4000 {
        assert_eq!(ask(&mut server, client, &format!("APPEND key:{n} x")), ":1001");
    }
    (server, client)
}

#[test]
fn a_write_waits_for_the_snapshot_that_has_yet_to_write_what_is_too_much() {
    let (mut server, client) = server_amid_a_snapshot();
    find(&mut server, 65 * MB);
    let other = server.connect();
    assert_eq!(ask(&mut server, client, "GET none"), "$-1");
    assert_eq!(ask(&mut server, client, "SET key:1 new"), "");
    assert_eq!(ask(&mut server, other, "STRLEN key:1"), ":1001", "others are served");
    assert_eq!(ask(&mut server, other, "DBSIZE"), ":4000", "and no key goes in its place");
    find(&mut server, 63 * MB);
    assert_eq!(taken(&mut server, client), "+OK");
    assert_eq!(ask(&mut server, client, "SET key:2 new"), "+OK");
}

#[test]
fn nobody_waits_for_ever() {
    let (mut server, client) = server_amid_a_snapshot();
    find(&mut server, 65 * MB);
    assert_eq!(ask(&mut server, client, "GET none"), "$-1");
    server.send(client, b"SET a 1\r\nSET b 2\r\n");
    assert_eq!(taken(&mut server, client), "");
    server.advance(99);
    assert_eq!(taken(&mut server, client), "");
    server.advance(1);
    assert_eq!(taken(&mut server, client), "+OK", "one command, and then it waits again");
    server.advance(100);
    assert_eq!(taken(&mut server, client), "+OK");
}

#[test]
fn a_transaction_waits_before_it_runs() {
    let (mut server, client) = server_amid_a_snapshot();
    for line in ["MULTI", "SET a 1", "SET b 2"] {
        ask(&mut server, client, line);
    }
    find(&mut server, 65 * MB);
    ask(&mut server, client, "GET none");
    assert_eq!(ask(&mut server, client, "EXEC"), "");
    server.take_snapshots();
    find(&mut server, 63 * MB);
    assert_eq!(taken(&mut server, client), "*3\r\n+OK\r\n+OK\r\n$-1");
}

#[test]
fn what_is_refused_anyway_does_not_wait() {
    let (mut server, client) = server_amid_a_snapshot();
    ask(&mut server, client, "CONFIG SET maxmemory-policy noeviction");
    find(&mut server, 80 * MB);
    assert!(ask(&mut server, client, "SET a 1").starts_with("-OOM"));
}

#[test]
fn a_big_value_goes_only_when_the_running_snapshot_has_it() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-ttl"] {
        let (mut server, client) = server(policy);
        let fields: String = (0..1000).map(|n| format!(" field:{n} value")).collect();
        ask(&mut server, client, &format!("HSET hash{fields}"));
        ask(&mut server, client, "EXPIRE hash 1000");
        assert_eq!(ask(&mut server, client, "BGSAVE"), "+Background saving started");
        find(&mut server, 65 * MB);
        let exists = ask(&mut server, client, "EXISTS hash");
        assert_eq!(exists, ":1", "{policy}: what the snapshot is yet to take stays");
        assert_eq!(ask(&mut server, client, "SET key value"), "", "{policy}");
        server.take_snapshots();
        assert_eq!(taken(&mut server, client), "+OK", "{policy}");
        assert_eq!(ask(&mut server, client, "EXISTS hash"), ":0", "{policy}");
    }
}
