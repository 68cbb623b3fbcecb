//! Where it listens, and how bytes come in and go out.

use std::net::{Ipv6Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Client, LARDER, Server, Setup, encode, eventually, free_port, start};

#[test]
fn the_unix_socket_has_the_permissions_asked_for() {
    let setup = Setup::new();
    let path = setup.path("socket");
    let options = ["--unixsocket", path.to_str().unwrap(), "--unixsocketperm", "700"];
    let _server = setup.args(&options).start();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
    assert_eq!(Client::unix(&path).ask("PING"), "PONG");
}

#[test]
fn a_unix_socket_left_behind_is_replaced() {
    let setup = Setup::new();
    let path = setup.path("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let _server = setup.args(&["--unixsocket", path.to_str().unwrap()]).start();
    assert_eq!(Client::unix(&path).ask("PING"), "PONG");
}

#[test]
fn clients_of_the_unix_socket_are_listed_with_its_path() {
    let setup = Setup::new();
    let path = setup.path("socket");
    let _server = setup.args(&["--unixsocket", path.to_str().unwrap()]).start();
    let info = Client::unix(&path).ask("CLIENT INFO");
    assert!(info.contains(&format!(" addr={}:0 ", path.display())), "{info}");
}

/// larder listening at these addresses.
fn bound_to(addresses: &[&str]) -> Server {
    let port = free_port();
    let setup = Setup::bare(LARDER).args(&["--port", &port.to_string(), "--bind"]);
    let server = setup.args(addresses).spawn();
    server.logs("Ready to accept connections tcp");
    server.at(port)
}

fn ipv6(server: &Server) -> Option<TcpStream> {
    TcpStream::connect((Ipv6Addr::LOCALHOST, server.port())).ok()
}

/// Whether this machine speaks IPv6; containers often do not.
fn has_ipv6() -> bool {
    std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

#[test]
fn it_listens_on_ipv6() {
    if !has_ipv6() {
        return;
    }
    let server = bound_to(&["::1"]);
    let mut client = Client::over(ipv6(&server).expect("it listens"));
    let info = client.ask("CLIENT INFO");
    assert!(info.contains(&format!(" laddr=[::1]:{} ", server.port())), "{info}");
}

#[test]
fn it_listens_on_several_addresses() {
    let addresses = if has_ipv6() { &["127.0.0.1", "::1"][..] } else { &["127.0.0.1"] };
    let server = bound_to(addresses);
    assert_eq!(server.connect().ask("PING"), "PONG");
    assert_eq!(ipv6(&server).is_some(), has_ipv6());
}

#[test]
fn an_address_with_a_dash_may_be_missing() {
    let server = bound_to(&["127.0.0.1", "-203.0.113.7"]);
    assert_eq!(server.connect().ask("PING"), "PONG");
}

#[test]
fn an_address_without_a_dash_must_not_be_missing() {
    let port = free_port().to_string();
    let setup = Setup::bare(LARDER).args(&["--port", &port, "--bind", "127.0.0.1", "203.0.113.7"]);
    let mut server = setup.spawn();
    assert_eq!(server.ended().code(), Some(1));
    server.logs("203.0.113.7");
}

#[test]
fn a_value_of_100_mb_comes_back_as_it_went_in() {
    let server = start(&[]);
    let mut client = server.connect();
    let value: Vec<u8> =
        (0..100 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    client.send(encode(&[b"SET", b"big", &value]));
    assert_eq!(client.read(), "OK");
    client.send("GET big\r\n");
    assert!(client.read_bytes() == value, "the value is as it was");
}

#[test]
fn a_command_may_arrive_byte_by_byte() {
    let server = start(&[]);
    let mut client = server.connect();
    for byte in b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\nSET  k2 \"in line\"\r\nGET k\r\n" {
        client.send([*byte]);
    }
    let replies = [client.read(), client.read(), client.read()];
    assert_eq!(replies, ["OK", "OK", "a\r\nb"]);
    assert_eq!(client.ask("GET k2"), "in line");
}

#[test]
fn a_hundred_thousand_commands_may_be_sent_before_a_reply_is_read() {
    const COMMANDS: usize = 100_000;
    let server = start(&[]);
    let mut client = server.connect();
    let value = "v".repeat(100);
    client.ask(&format!("SET k {value}"));
    let commands: Vec<u8> = (0..COMMANDS)
        .flat_map(|i| match i % 2 {
            0 => encode(&[b"INCR", b"n"]),
            _ => encode(&[b"GET", b"k"]),
        })
        .collect();
    client.send(commands);
    for i in 0..COMMANDS {
        let expected = if i % 2 == 0 { (i / 2 + 1).to_string() } else { value.clone() };
        assert_eq!(client.read(), expected, "reply {i}");
    }
}

#[test]
fn a_client_that_ends_its_input_gets_the_replies_to_it() {
    let server = start(&[]);
    let mut client = server.connect();
    client.send("PING\r\n".repeat(1000));
    client.end_input();
    assert_eq!(client.rest(), b"+PONG\r\n".repeat(1000));
}

/// Whether nobody but `client` is connected, when the server has noticed what ended.
#[track_caller]
fn check_alone(client: &mut Client) {
    eventually("the other client is gone", || client.info("connected_clients") == "1");
    assert_eq!(client.ask("PING"), "PONG");
}

#[test]
fn a_client_may_go_in_the_middle_of_a_command() {
    let server = start(&[]);
    let mut client = server.connect();
    for part in ["*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\nabc", "*3\r\n$3", "SET k v"] {
        server.connect().send(part);
        check_alone(&mut client);
    }
    assert_eq!(client.ask("EXISTS k"), "0");
}

#[test]
fn a_client_may_go_in_the_middle_of_a_reply() {
    let server = start(&[]);
    let mut client = server.connect();
    client.send(encode(&[b"SET", b"k", &vec![b'x'; 10 << 20]]));
    client.read();
    let mut other = server.connect();
    other.send("GET k\r\n".repeat(10));
    other.exactly(1000);
    drop(other);
    check_alone(&mut client);
}

#[test]
fn a_client_may_go_while_it_is_paused() {
    let server = start(&[]);
    let mut client = server.connect();
    assert_eq!(client.ask("CLIENT PAUSE 1000000 WRITE"), "OK");
    let mut other = server.connect();
    other.send("PING\r\nSET k v\r\n");
    assert_eq!(other.read(), "PONG");
    drop(other);
    check_alone(&mut client);
    assert_eq!(client.ask("CLIENT UNPAUSE"), "OK");
    assert_eq!(client.ask("EXISTS k"), "0");
}

#[test]
fn a_long_value_may_wait_for_the_end_of_a_pause() {
    let server = start(&[]);
    let (mut control, mut client) = (server.connect(), server.connect());
    assert_eq!(control.ask("CLIENT PAUSE 1000000 WRITE"), "OK");
    let value = vec![b'x'; 3 << 20];
    client.send(encode(&[b"SET", b"k", &value]));
    client.send("STRLEN k\r\n");
    eventually("the client waits", || control.info("blocked_clients") == "1");
    // More comes while it waits.
    client.send("GET k\r\n");
    assert_eq!(control.ask("CLIENT UNPAUSE"), "OK");
    assert_eq!([client.read(), client.read()], ["OK".to_owned(), value.len().to_string()]);
    assert!(client.read_bytes() == value);
}
