//! Bounds on what clients may do: their number, their silence, their input, their output.

use crate::harness::{Client, Server, encode, eventually, start};

const MB: usize = 1 << 20;

#[test]
fn one_client_too_many_is_told_so_and_closed() {
    let server = start(&["--maxclients", "3"]);
    let mut first = server.connect();
    // The connection that saw the server come up may not have ended yet.
    eventually("one client is there", || first.info("connected_clients") == "1");
    let mut others = [server.connect(), server.connect()];
    others.iter_mut().for_each(|other| assert_eq!(other.ask("PING"), "PONG"));
    assert_eq!(server.connect().rest(), b"-ERR max number of clients reached\r\n");
    assert_eq!(first.info("rejected_connections"), "1");
    let [gone, _stays] = others;
    drop(gone);
    eventually("its place is free", || first.info("connected_clients") == "2");
    assert_eq!(server.connect().ask("PING"), "PONG");
}

#[test]
fn a_silent_client_is_closed_after_the_timeout() {
    let server = start(&["--timeout", "1"]);
    let mut silent = server.connect();
    assert_eq!(silent.ask("PING"), "PONG");
    assert_eq!(silent.rest(), b"");
}

#[test]
fn a_monitor_may_be_silent() {
    let server = start(&["--timeout", "1"]);
    let mut monitor = server.connect();
    assert_eq!(monitor.ask("MONITOR"), "OK");
    assert_eq!(server.connect().rest(), b"", "one that is no monitor is closed");
    server.connect().ask("ECHO here");
    assert!(monitor.read().ends_with("\"ECHO\" \"here\""));
}

/// A server whose ordinary clients' output is limited so, and a client that has a value of 1 MB in
/// it.
fn limited(limit: &str) -> (Server, Client) {
    let server = start(&["--client-output-buffer-limit", &format!("normal {limit}")]);
    let mut client = server.connect();
    client.send(encode(&[b"SET", b"k", &vec![b'x'; MB]]));
    assert_eq!(client.read(), "OK");
    (server, client)
}

#[track_caller]
fn check_cut_off(client: &mut Client, slow: &mut Client) {
    eventually("the slow client is cut off", || {
        client.info("client_output_buffer_limit_disconnections") == "1"
    });
    assert!(slow.rest().len() < 64 * MB);
    assert_eq!(client.ask("PING"), "PONG");
}

#[test]
fn a_client_that_does_not_read_is_closed_at_the_hard_limit() {
    let (server, mut client) = limited("2mb 0 0");
    let mut slow = server.connect();
    slow.send("GET k\r\n".repeat(64));
    check_cut_off(&mut client, &mut slow);
    server.logs("for overcoming of output buffer limits");
}

#[test]
fn a_client_that_does_not_read_is_closed_some_time_after_the_soft_limit() {
    let (server, mut client) = limited("0 1mb 1");
    let mut slow = server.connect();
    slow.send("GET k\r\n".repeat(64));
    check_cut_off(&mut client, &mut slow);
}

#[test]
fn a_monitor_that_does_not_read_is_closed_at_its_limit() {
    let (server, mut client) = limited("2mb 0 0");
    let mut slow = server.connect();
    assert_eq!(slow.ask("MONITOR"), "OK");
    let echo = encode(&[b"ECHO", &vec![b'y'; MB]]);
    for _ in 0..64 {
        client.send(&echo);
        client.read_bytes();
    }
    check_cut_off(&mut client, &mut slow);
}

#[test]
fn an_endless_command_is_closed_at_the_query_limit() {
    let endless = [
        b"*2\r\n$3\r\nGET\r\n$400000000\r\n".to_vec(),
        b"*1000000\r\n".iter().copied().chain(b"$1\r\nx\r\n".repeat(500_000)).collect(),
    ];
    for start_of_command in endless {
        let server = start(&["--client-query-buffer-limit", "1mb"]);
        let mut client = server.connect();
        // The server may hang up before it has read all.
        let taken =
            client.try_send(&start_of_command) && (0..64).all(|_| client.try_send(&vec![b'x'; MB]));
        if taken {
            assert_eq!(client.rest(), b"");
        }
        server.logs("Closing client that reached max query buffer length");
        let mut other = server.connect();
        assert_eq!(other.info("client_query_buffer_limit_disconnections"), "1");
    }
}

#[test]
fn a_paused_client_is_closed_at_the_query_limit() {
    let server = start(&["--client-query-buffer-limit", "1mb"]);
    let mut control = server.connect();
    assert_eq!(control.ask("CLIENT PAUSE 1000000 WRITE"), "OK");
    let mut client = server.connect();
    let set = encode(&[b"SET", b"k", &[b'x'; 1000]]).repeat(1000);
    while client.try_send(&set) {}
    server.logs("Closing client that reached max query buffer length");
    assert_eq!(control.ask("CLIENT UNPAUSE"), "OK");
    assert_eq!(control.ask("GET k"), "(nil)");
}

/// What a server with these options answers to a request, before it closes the connection.
#[track_caller]
fn check_refused(options: &[&str], request: &str, answer: &str) {
    let server = start(options);
    let mut client = server.connect();
    client.send(request);
    assert_eq!(String::from_utf8_lossy(&client.rest()), format!("{answer}\r\n"), "{request:?}");
}

#[test]
fn before_authentication_requests_must_be_small() {
    let password = ["--requirepass", "secret"];
    check_refused(&password, "*11\r\n", "-ERR Protocol error: unauthenticated multibulk length");
    check_refused(
        &password,
        "*2\r\n$4\r\nAUTH\r\n$16385\r\n",
        "-ERR Protocol error: unauthenticated bulk length",
    );
}

#[test]
fn after_authentication_requests_may_be_large() {
    let server = start(&["--requirepass", "secret"]);
    let mut client = server.connect();
    assert_eq!(client.ask("GET k"), "-NOAUTH Authentication required.");
    assert_eq!(client.ask("AUTH secret"), "OK");
    client.send(encode(&[b"SET", b"k", &[b'x'; 20_000]]));
    assert_eq!(client.read(), "OK");
    assert_eq!(client.ask("DEL 1 2 3 4 5 6 7 8 9 10 k"), "1");
}

#[test]
fn proto_max_bulk_len_bounds_an_argument() {
    let option = ["--proto-max-bulk-len", "1mb"];
    let request = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n";
    check_refused(&option, request, "-ERR Protocol error: invalid bulk length");
}

#[test]
fn proto_max_bulk_len_bounds_a_string_that_grows() {
    let server = start(&["--proto-max-bulk-len", "1mb"]);
    let mut client = server.connect();
    client.send(encode(&[b"SET", b"k", &vec![b'x'; MB]]));
    assert_eq!(client.read(), "OK");
    let refused = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    assert_eq!(client.ask("APPEND k y"), refused);
    assert_eq!(client.ask("SETRANGE k 1048576 y"), refused);
    assert_eq!(client.ask("STRLEN k"), MB.to_string());
}

#[test]
fn an_inline_command_without_an_end_is_refused() {
    check_refused(&[], &"x".repeat(70_000), "-ERR Protocol error: too big inline request");
}
