//! Following over real sockets: the link is made, broken, mended; data sets that are none change nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use nix::sys::signal::Signal;

use crate::harness::{Client, Server, eventually, start};

fn port(server: &Server) -> String {
    server.port().to_string()
}

/// A primary, and a replica of it with these options more that has its data.
fn pair(options: &[&str]) -> (Server, Server) {
    let primary = start(&["--repl-diskless-sync-delay", "0"]);
    primary.connect().ask("SET k v");
    let mut all = vec!["--replicaof".to_owned(), format!("127.0.0.1 {}", port(&primary))];
    all.extend(options.iter().map(|option| (*option).to_owned()));
    let replica = start(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let mut client = replica.connect();
    eventually("the replica has the data", || client.ask("GET k") == "v");
    (primary, replica)
}

#[test]
fn a_link_that_is_cut_is_gone_on_with_from_either_side() {
    let (primary, replica) = pair(&[]);
    let (mut writer, mut reader) = (primary.connect(), replica.connect());
    assert_eq!(reader.ask("CLIENT KILL TYPE master"), "1");
    writer.ask("SET k 2");
    eventually("the replica has it", || reader.ask("GET k") == "2");
    assert_eq!(writer.ask("CLIENT KILL TYPE replica"), "1");
    writer.ask("SET k 3");
    eventually("the replica has it", || reader.ask("GET k") == "3");
    assert_eq!(writer.info("sync_full"), "1");
    assert_eq!(writer.info("sync_partial_ok"), "2");
    assert_eq!(writer.info("sync_partial_err"), "0");
}

#[test]
fn a_restarted_replica_goes_on_where_its_file_ends() {
    let (primary, replica) = pair(&[]);
    let mut client = replica.connect();
    assert_eq!(client.ask("SAVE"), "OK");
    let dir = replica.path("").to_str().unwrap().to_owned();
    let of = format!("127.0.0.1 {}", port(&primary));
    let again = start(&["--replicaof", &of, "--dir", &dir]);
    let mut client = again.connect();
    eventually("the link is up", || client.info("master_link_status") == "up");
    assert_eq!(primary.connect().info("sync_full"), "1");
}

#[test]
fn a_replica_with_a_log_keeps_what_it_was_sent() {
    let (primary, mut replica) = pair(&["--appendonly", "yes"]);
    let mut client = replica.connect();
    eventually("the log has a base", || client.info("aof_rewrite_in_progress") == "0");
    primary.connect().ask("SET later w");
    eventually("the replica has it", || client.ask("GET later") == "w");
    let mut writer = primary.connect();
    writer.ask("SET more x");
    assert_eq!(writer.ask("WAITAOF 0 1 0"), "0 1");
    let dir = replica.path("").to_str().unwrap().to_owned();
    replica.signal(Signal::SIGKILL);
    replica.ended();
    let again = start(&["--appendonly", "yes", "--dir", &dir]);
    let mut client = again.connect();
    eventually("it is loaded", || client.ask("GET k") == "v");
    assert_eq!(client.ask("MGET later more"), "w x");
}

#[test]
fn old_data_stay_where_the_new_are_none() {
    for load in ["disabled", "swapdb"] {
        let (listener, replica, mut client) = with_old_data(load);
        for payload in [&b"$20\r\nthis is no RDB file."[..], b"$100\r\nREDIS0011 and no more"] {
            let (stream, _) = listener.accept().unwrap();
            pretend(&stream, payload);
            replica.logs("Failed trying to load the MASTER synchronization DB");
            drop(stream);
            eventually("the old data are served", || client.ask("GET old") == "v");
        }
    }
}

#[test]
fn old_data_stay_where_the_new_do_not_end_with_their_file() {
    const BEHIND: &str = "there are bytes behind the end of the RDB file, at byte 18";
    let mark = "m".repeat(40);
    for load in ["disabled", "swapdb"] {
        let (listener, replica, mut client) = with_old_data(load);
        let (marked, tail) = (format!("$EOF:{mark}\r\n"), format!("more{mark}"));
        for (times, (head, tail)) in [("$22\r\n", "more"), (&*marked, &*tail)].iter().enumerate() {
            let (mut stream, _) = listener.accept().unwrap();
            pretend(&stream, &[head.as_bytes(), EMPTY].concat());
            stream.write_all(tail.as_bytes()).unwrap();
            eventually("it is told", || replica.out().matches(BEHIND).count() == times + 1);
            eventually("the old data are served", || client.ask("GET old") == "v");
        }
    }
}

#[test]
fn old_data_and_their_file_stay_where_the_new_are_cut_short() {
    let mark = "m".repeat(40);
    for head in ["$1000\r\n".to_owned(), format!("$EOF:{mark}\r\n")] {
        let (listener, mut replica, mut client) = with_old_data("disabled");
        assert_eq!(client.ask("SAVE"), "OK");
        let (stream, _) = listener.accept().unwrap();
        // It ends where a file can, but not where it was said to.
        pretend(&stream, &[head.as_bytes(), EMPTY].concat());
        replica.logs("receiving");
        drop(stream);
        replica.logs("Connection lost.");
        assert_eq!(client.ask("GET old"), "v");
        replica.signal(Signal::SIGKILL);
        replica.ended();
        let again = start(&["--dir", replica.path("").to_str().unwrap()]);
        let mut client = again.connect();
        eventually("it is loaded", || client.ask("GET old") == "v");
    }
}

#[test]
fn old_data_stay_where_a_library_of_the_new_cannot_be_loaded() {
    // A library without its first line, and the end.
    let payload = b"$20\r\nREDIS0011\xf5\x00\xff\0\0\0\0\0\0\0\0";
    for load in ["disabled", "swapdb"] {
        let (listener, replica, mut client) = with_old_data(load);
        let (stream, _) = listener.accept().unwrap();
        pretend(&stream, &payload[..]);
        replica.logs("Failed loading a library of functions: Missing library metadata");
        assert_eq!(client.ask("GET old"), "v");
    }
}

#[test]
fn of_a_key_that_comes_twice_by_a_file_the_later_holds() {
    let (listener, replica, mut client) = with_old_data("disabled");
    let (stream, _) = listener.accept().unwrap();
    let payload = b"$32\r\nREDIS0011\x00\x03new\x01v\x00\x03new\x01w\xff\0\0\0\0\0\0\0\0";
    pretend(&stream, &payload[..]);
    replica.logs("RDB has duplicated key 'new' in DB 0 at byte 16: the later one holds");
    eventually("the new data are there", || client.ask("GET new") == "w");
    assert_eq!(client.ask("EXISTS old"), "0");
}

#[test]
fn a_primary_does_not_administer_its_replicas() {
    let (stream, replica) = following_nobody();
    let mut output = &stream;
    let line = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|it| format!("${}\r\n{it}\r\n", it.len())).collect();
        format!("*{}\r\n{}", words.len(), words.concat())
    };
    output.write_all(line(&["REPLICAOF", "NO", "ONE"]).as_bytes()).unwrap();
    output.write_all(line(&["SHUTDOWN"]).as_bytes()).unwrap();
    output.write_all(line(&["SET", "k", "v"]).as_bytes()).unwrap();
    for name in ["replicaof", "shutdown"] {
        replica.logs(&format!(
            "This replica is sending an error to its master: 'A primary does not administer its replicas' after \
             processing the command '{name}'"
        ));
    }
    let mut client = replica.connect();
    eventually("the stream goes on", || client.ask("GET k") == "v");
    assert_eq!(client.info("role"), "slave");
}

#[test]
fn who_waits_for_replicas_is_told_when_the_server_becomes_one() {
    let server = start(&[]);
    let mut waiting = ["WAIT 5 0", "WAITAOF 0 5 0"].map(|line| {
        let mut client = server.connect();
        client.ask("SET k v");
        client.send(format!("{line}\r\n"));
        client
    });
    let mut client = server.connect();
    eventually("they wait", || client.info("blocked_clients") == "2");
    assert_eq!(client.ask("REPLICAOF 127.0.0.1 1"), "OK");
    for client in &mut waiting {
        assert!(client.read().starts_with("-UNBLOCKED force unblock from blocking operation"));
    }
    assert!(client.ask("WAITAOF 0 1 0").starts_with("-ERR WAITAOF cannot be used with replica"));
}

/// A replica that has the key `old`, and where it looks for its primary.
fn with_old_data(load: &str) -> (TcpListener, Server, Client) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let replica = start(&["--repl-diskless-load", load]);
    let mut client = replica.connect();
    client.ask("SET old v");
    client.ask(&format!("REPLICAOF 127.0.0.1 {port}"));
    (listener, replica, client)
}

/// A replica without keys, and the stream of what plays its primary.
fn following_nobody() -> (TcpStream, Server) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let of = format!("127.0.0.1 {}", listener.local_addr().unwrap().port());
    let replica = start(&["--replicaof", &of]);
    let (stream, _) = listener.accept().unwrap();
    pretend(&stream, &[&b"$18\r\n"[..], EMPTY].concat());
    (stream, replica)
}

/// A data set without keys.
const EMPTY: &[u8] = b"REDIS0011\xff\0\0\0\0\0\0\0\0";

/// Plays a primary up to its data set.
fn pretend(stream: &TcpStream, payload: &[u8]) {
    let (mut input, mut output) = (stream, stream);
    let mut until = |word: &str| {
        let mut come = String::new();
        while !come.contains(word) {
            let mut piece = [0; 512];
            let len = input.read(&mut piece).unwrap();
            assert!(len > 0, "it waits for {word}");
            come.push_str(&String::from_utf8_lossy(&piece[..len]));
        }
    };
    until("PING");
    output.write_all(b"+PONG\r\n").unwrap();
    until("9.0.0");
    output.write_all(b"+OK\r\n+OK\r\n+OK\r\n").unwrap();
    until("PSYNC");
    let id = "0".repeat(40);
    let answer = format!("+FULLRESYNC {id} 0\r\n");
    output.write_all(&[answer.as_bytes(), payload].concat()).unwrap();
}

#[test]
fn what_a_replica_cannot_run_is_told_with_what_came_before_it() {
    let (stream, replica) = following_nobody();
    let mut output = &stream;
    output.write_all(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n").unwrap();
    output.write_all(b"*3\r\n$5\r\nLPUSH\r\n$1\r\nk\r\n$1\r\nx\r\n").unwrap();
    // One that it does not know spoils the transaction that it is part of.
    let word = |word: &str| format!("*1\r\n${}\r\n{word}\r\n", word.len());
    let words = ["MULTI", "FROB", "SET", "FLUSHALL", "EXEC"].map(word).concat();
    output.write_all(words.as_bytes()).unwrap();
    let told = "== CRITICAL == This replica is sending an error to its master: ";
    let wrong_type = "'-WRONGTYPE Operation against a key holding the wrong kind of value'";
    replica.logs(&format!("{told}{wrong_type} after processing the command 'lpush'"));
    replica.logs(r#"Latest backlog is: '"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"'"#);
    replica.logs("args beginning with: ' after processing the command '<unknown>'");
    replica
        .logs("'wrong number of arguments for 'set' command' after processing the command 'set'");
    replica.logs("'-EXECABORT Transaction discarded because of previous errors.' after processing the command 'exec'");
    let mut client = replica.connect();
    assert_eq!(client.ask("GET k"), "v");
    assert_eq!(client.info("unexpected_error_replies"), "4");
    assert_eq!(client.info("total_error_replies"), "4");
}

#[test]
fn a_chain_hears_of_the_first() {
    let (primary, middle) = pair(&["--repl-diskless-sync-delay", "0"]);
    let of = format!("127.0.0.1 {}", port(&middle));
    let last = start(&["--replicaof", &of]);
    let (mut writer, mut reader): (Client, Client) = (primary.connect(), last.connect());
    eventually("the last has the data", || reader.ask("GET k") == "v");
    writer.ask("SET k 2");
    eventually("the last has what is new", || reader.ask("GET k") == "2");
    // The middle leads: the last goes on with it without a snapshot.
    let mut leader = middle.connect();
    assert_eq!(leader.ask("REPLICAOF NO ONE"), "OK");
    leader.ask("SET k 3");
    eventually("the last has what is new", || reader.ask("GET k") == "3");
    assert_eq!(leader.info("sync_full"), "1");
    eventually("it was gone on with", || leader.info("sync_partial_ok") == "1");
}

#[test]
fn a_failover_swaps_the_roles_and_loses_nothing() {
    let (first, second) = pair(&["--repl-diskless-sync-delay", "0"]);
    let (mut one, mut two) = (first.connect(), second.connect());
    for round in 0..4 {
        let (leader, follower) = if round % 2 == 0 { (&first, &second) } else { (&second, &first) };
        let mut client = leader.connect();
        let mut writer = leader.connect();
        let mut written = 0;
        while written < 100 {
            written += 1;
            writer.ask(&format!("SET k {round}-{written}"));
        }
        assert_eq!(client.ask(&format!("FAILOVER TO 127.0.0.1 {}", port(follower))), "OK");
        // It waits for the end, and is not written here any more.
        while writer.ask(&format!("SET k {round}-{}", written + 1)) == "OK" {
            written += 1;
        }
        eventually("it is done", || client.info("master_failover_state") == "no-failover");
        eventually("the link is up", || client.info("master_link_status") == "up");
        let mut reader = follower.connect();
        assert_eq!(reader.ask("GET k"), format!("{round}-{written}"));
        assert_eq!(reader.info("role"), "master");
        assert_eq!(reader.ask("SET new v"), "OK");
        eventually("the old primary follows", || client.ask("GET new") == "v");
        assert_eq!(reader.ask("DEL new"), "1");
    }
    assert_eq!(one.info("sync_full"), "1");
    assert_eq!(two.info("sync_full"), "0");
}

#[test]
fn a_replica_that_is_answered_is_closed_and_writes_nothing() {
    let answered = [
        ("PING", "ping", None),
        ("XINFO HELP", "xinfo|help", None),
        ("GET k", "get", Some("Replica can't interact with the keyspace")),
        ("SET k w", "set", Some("Replica can't interact with the keyspace")),
        ("PUBLISH k w", "publish", Some("Replica can't interact with the keyspace")),
        ("NOSUCH k", "<unknown>", Some("unknown command 'NOSUCH', with args beginning with: 'k' ")),
        ("SHUTDOWN k", "shutdown", Some("syntax error")),
        ("*1\r\n$x", "psync", Some("Protocol error: invalid bulk length")),
    ];
    for (line, name, error) in answered {
        let primary = start(&["--repl-diskless-sync-delay", "0"]);
        let mut client = primary.connect();
        client.ask("SET k v");
        let replica = TcpStream::connect((Ipv4Addr::LOCALHOST, primary.port())).unwrap();
        let (mut input, mut output) = (&replica, &replica);
        output.write_all(b"PSYNC ? -1\r\n").unwrap();
        primary.logs("Full resync requested by replica");
        output.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        let mut sent = Vec::new();
        input.read_to_end(&mut sent).unwrap();
        assert!(sent.starts_with(b"+FULLRESYNC "));
        let sent = String::from_utf8_lossy(&sent);
        assert!(!["+PONG", "-ERR", "XINFO"].iter().any(|answer| sent.contains(answer)), "{line}");
        primary
            .logs(&format!("Replica generated a reply to command '{name}', disconnecting it: id="));
        if let Some(error) = error {
            primary.logs(&format!(
                "== CRITICAL == This master is sending an error to its replica: '{error}' after processing \
                 the command '{name}'"
            ));
        }
        assert_eq!(client.ask("GET k"), "v");
    }
}

#[test]
fn the_end_does_not_wait_for_a_replica_that_nothing_was_written_for() {
    let mut primary = start(&["--rdb-key-save-delay", "1000000000"]);
    let mut client = primary.connect();
    client.ask("DEBUG POPULATE 2");
    let replica = TcpStream::connect((Ipv4Addr::LOCALHOST, primary.port())).unwrap();
    (&replica).write_all(b"PSYNC ? -1\r\n").unwrap();
    primary.logs("Full resync requested by replica");
    primary.signal(Signal::SIGTERM);
    assert!(primary.ended().success());
    assert!(!primary.out().contains("Waiting for replicas"));
}

#[test]
fn the_end_waits_for_a_replica_that_stands_still() {
    let (mut primary, replica) = pair(&[]);
    let mut writer = primary.connect();
    assert_eq!(writer.ask("CONFIG SET shutdown-timeout 1000"), "OK");
    replica.signal(Signal::SIGSTOP);
    assert_eq!(writer.ask("SET k last"), "OK");
    primary.signal(Signal::SIGTERM);
    primary.logs("Waiting for replicas before shutting down.");
    assert!(writer.info("shutdown_in_milliseconds").parse::<u64>().unwrap() > 0);
    assert_eq!(writer.ask("GET k"), "last");
    replica.signal(Signal::SIGCONT);
    assert!(primary.ended().success());
    primary.logs("1 of 1 replicas are in sync when shutting down.");
    let mut reader = replica.connect();
    eventually("the replica has it", || reader.ask("GET k") == "last");
}

#[test]
fn a_paused_replica_reads_on_and_applies_nothing() {
    let (primary, replica) = pair(&[]);
    let (mut writer, mut reader) = (primary.connect(), replica.connect());
    writer.ask("SET k 2");
    eventually("the stream is at its database", || reader.ask("GET k") == "2");
    assert_eq!(reader.ask("CLIENT PAUSE 100000 WRITE"), "OK");
    let before = reader.info("slave_repl_offset");
    writer.ask("SET k 3");
    writer.ask("SET k 4");
    let sent = writer.info("master_repl_offset");
    eventually("all was read", || reader.info("slave_read_repl_offset") == sent);
    assert_eq!(reader.ask("GET k"), "2");
    assert_eq!(reader.info("slave_repl_offset"), before);
    assert_eq!(reader.ask("CLIENT UNPAUSE"), "OK");
    eventually("all was applied", || reader.info("slave_repl_offset") == sent);
    assert_eq!(reader.ask("GET k"), "4");
}
