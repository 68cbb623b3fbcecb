//! CONFIG as far as it reaches beyond the server's memory: listeners, the log, the title, the file.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use nix::sys::signal::Signal;

use crate::harness::{Client, LARDER, Setup, encode, free_port, read, start};

fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[test]
fn config_set_port_moves_the_listener_and_back() {
    let server = start(&[]);
    let (first, second) = (server.port(), free_port());
    let mut client = server.connect();
    assert_eq!(client.ask(&format!("CONFIG SET port {second}")), "OK");
    assert_eq!(Client::tcp(second).ask("PING"), "PONG");
    assert!(!listens(first));
    assert_eq!(client.ask(&format!("CONFIG SET port {first}")), "OK");
    assert_eq!(server.connect().ask("CONFIG GET port"), format!("port {first}"));
    assert!(!listens(second));
}

#[test]
fn a_taken_port_is_refused_and_the_old_one_kept() {
    let server = start(&[]);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut client = server.connect();
    let before = client.ask("CONFIG GET maxmemory");
    assert_eq!(
        client.ask(&format!("CONFIG SET maxmemory 5mb port {port}")),
        "-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this \
         port. Check server logs."
    );
    assert_eq!(server.connect().ask("CONFIG GET port"), format!("port {}", server.port()));
    assert_eq!(client.ask("CONFIG GET maxmemory"), before, "all of it or nothing");
    server.logs(&format!("127.0.0.1:{port}: bind: Address already in use"));
}

#[test]
fn port_0_closes_tcp_and_leaves_the_unix_socket() {
    let setup = Setup::new();
    let path = setup.path("socket");
    let server = setup.args(&["--unixsocket", path.to_str().unwrap()]).start();
    let mut client = Client::unix(&path);
    assert_eq!(client.ask("CONFIG SET port 0"), "OK");
    assert!(!listens(server.port()));
    assert_eq!(Client::unix(&path).ask("PING"), "PONG");
    assert_eq!(client.ask(&format!("CONFIG SET port {}", server.port())), "OK");
    assert_eq!(server.connect().ask("PING"), "PONG");
    assert_eq!(Client::unix(&path).ask("PING"), "PONG");
}

#[test]
fn config_set_bind_takes_addresses_that_stand_in_each_others_way() {
    let server = start(&[]);
    let mut client = server.connect();
    for addresses in [&["127.0.0.1", "127.0.0.2"][..], &["*"], &["127.0.0.1"]] {
        let list = addresses.join(" ");
        client.send(crate::harness::encode(&[b"CONFIG", b"SET", b"bind", list.as_bytes()]));
        assert_eq!(client.read(), "OK");
        assert_eq!(server.connect().ask("PING"), "PONG");
        let second = TcpStream::connect((Ipv4Addr::new(127, 0, 0, 2), server.port()));
        assert_eq!(second.is_ok(), addresses != ["127.0.0.1"], "{list}");
    }
}

#[test]
fn an_address_that_cannot_be_bound_is_refused_and_the_old_ones_kept() {
    let server = start(&[]);
    let mut client = server.connect();
    assert_eq!(
        client.ask("CONFIG SET bind 203.0.113.7"),
        "-ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to \
         specified addresses."
    );
    assert_eq!(server.connect().ask("CONFIG GET bind"), "bind 127.0.0.1");
}

#[test]
fn the_log_level_changes_at_once() {
    let server = start(&["--loglevel", "warning"]);
    let mut client = server.connect();
    assert!(!server.out().contains("Ready"));
    assert_eq!(client.ask("CONFIG SET loglevel debug"), "OK");
    server.connect().send("*x\r\n");
    server.logs("Protocol error (invalid multibulk length) from client");
}

#[test]
#[cfg(target_os = "linux")]
fn the_title_follows_the_port() {
    let server = start(&[]);
    let port = free_port();
    server.connect().ask(&format!("CONFIG SET port {port}"));
    let title = format!("/proc/{}/cmdline", server.pid());
    crate::harness::eventually("the new port is in the title", || {
        read(title.as_ref()).contains(&format!("127.0.0.1:{port}"))
    });
}

#[test]
fn a_rewritten_file_keeps_its_comments_and_serves_again() {
    let setup = Setup::bare(LARDER);
    let socket = setup.path("socket");
    let file = setup.file(
        "larder.conf",
        &format!("# ours\nport 0\nunixsocket {}\n# how many\nmaxclients 17\n", socket.display()),
    );
    let mut server = setup.args(&[&file]).spawn();
    server.logs("Ready to accept connections");
    let mut client = Client::unix(&socket);
    assert_eq!(client.ask("CONFIG SET maxclients 18 timeout 7"), "OK");
    assert_eq!(client.ask("CONFIG REWRITE"), "OK");
    let text = read(file.as_ref());
    assert!(text.starts_with("# ours\nport 0\n"), "{text}");
    assert!(text.contains("# how many\nmaxclients 18\n"), "{text}");
    server.signal(Signal::SIGTERM);
    server.ended();
    let again = Setup::bare(LARDER).args(&[&file]).spawn();
    again.logs("Ready to accept connections");
    let mut client = Client::unix(&socket);
    assert_eq!(client.ask("CONFIG GET maxclients"), "maxclients 18");
    assert_eq!(client.ask("CONFIG GET timeout"), "timeout 7");
}

#[test]
fn all_options_may_be_written_and_give_the_same_server() {
    let setup = Setup::bare(LARDER);
    let socket = setup.path("socket");
    let text = format!("port 0\nunixsocket {}\nenable-debug-command yes\n", socket.display());
    let file = setup.file("larder.conf", &text);
    let mut server = setup.args(&[&file]).spawn();
    server.logs("Ready to accept connections");
    let mut client = Client::unix(&socket);
    let before = client.ask("CONFIG GET *");
    assert_eq!(client.ask("DEBUG CONFIG-REWRITE-FORCE-ALL"), "OK");
    let written = read(file.as_ref());
    assert!(written.starts_with("port 0\nunixsocket \""), "{written}");
    assert!(written.contains("\nmaxclients 10000\n"), "{written}");
    server.signal(Signal::SIGTERM);
    server.ended();
    let again = Setup::bare(LARDER).args(&[&file]).spawn();
    again.logs("Ready to accept connections");
    assert_eq!(Client::unix(&socket).ask("CONFIG GET *"), before);
}

#[test]
fn rewrite_without_a_file_is_refused() {
    let server = start(&[]);
    let expected = "-ERR The server is running without a config file";
    assert_eq!(server.connect().ask("CONFIG REWRITE"), expected);
    let server = start(&["--enable-debug-command", "yes"]);
    assert_eq!(server.connect().ask("DEBUG CONFIG-REWRITE-FORCE-ALL"), expected);
}

#[test]
fn a_file_that_cannot_be_rewritten_is_told_to_the_client() {
    let setup = Setup::bare(LARDER);
    std::fs::create_dir(setup.path("conf")).unwrap();
    let socket = setup.path("socket");
    let text = format!("port 0\nunixsocket {}\n", socket.display());
    let file = setup.file("conf/larder.conf", &text);
    let server = setup.args(&[&file]).spawn();
    server.logs("Ready to accept connections");
    // Not even root can write where there is no folder.
    std::fs::remove_dir_all(server.path("conf")).unwrap();
    let answer = Client::unix(&socket).ask("CONFIG REWRITE");
    assert_eq!(answer, "-ERR Rewriting config file: No such file or directory");
    server.logs("CONFIG REWRITE failed: No such file or directory");
}

#[test]
fn the_kernels_score_is_put_back_where_another_option_fails() {
    let server = start(&[]);
    let mut client = server.connect();
    let score = || read(format!("/proc/{}/oom_score_adj", server.pid()).as_ref());
    let before = score();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let values: [&[u8]; 6] =
        [b"CONFIG", b"SET", b"oom-score-adj", b"absolute", b"oom-score-adj-values", b"900 900 900"];
    client.send(encode(&values));
    assert_eq!(client.read(), "OK");
    assert_eq!(score().trim(), "900");
    assert_eq!(client.ask("CONFIG SET oom-score-adj no"), "OK");
    assert_eq!(score(), before);
    let answer = client.ask(&format!("CONFIG SET oom-score-adj absolute port {port}"));
    assert!(answer.contains("Unable to listen on this port"), "{answer}");
    assert_eq!(score(), before);
    assert_eq!(client.ask("CONFIG GET oom-score-adj"), "oom-score-adj no");
}
