//! Clients that wait for keys: what is asked of the server beyond the replies that the golden scripts
//! hold.

use larder::client::ClientId;
use larder::config::Config;
use larder::testing::InProcess;

fn server() -> InProcess {
    InProcess::new(Config::default(), 1)
}

fn connect(server: &mut InProcess, clients: usize) -> Vec<ClientId> {
    (0..clients).map(|_| server.connect()).collect()
}

/// How often a command was run to its end.
fn calls(server: &mut InProcess, name: &str) -> u64 {
    let server = server.server();
    let command = server.commands.find(name.as_bytes()).expect("the command is there");
    server.stats.of(command).calls
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", " ")
}

#[test]
fn one_element_serves_one_of_thousands_and_runs_no_other() {
    let mut s = server();
    let waiting = connect(&mut s, 2000);
    for client in &waiting {
        s.send(*client, b"BLPOP queue 0\r\n");
    }
    let pusher = s.connect();
    for (n, client) in waiting.iter().take(3).enumerate() {
        s.send(pusher, format!("RPUSH queue {n}\r\n").as_bytes());
        assert_eq!(calls(&mut s, "blpop"), n as u64 + 1);
        assert_eq!(text(&s.take_output(*client)), format!("*2 $5 queue $1 {n} "));
    }
    let untouched = |client: &ClientId| s.take_output(*client).is_empty();
    assert!(waiting[3..].iter().all(untouched));
}

#[test]
fn a_client_that_went_away_takes_no_element() {
    let mut s = server();
    let waiting = connect(&mut s, 3);
    for client in &waiting {
        s.send(*client, b"BLPOP a b 0\r\n");
    }
    s.disconnect(waiting[0]);
    s.disconnect(waiting[1]);
    let pusher = s.connect();
    s.send(pusher, b"RPUSH b x y\r\nLRANGE b 0 -1\r\n");
    assert_eq!(text(&s.take_output(waiting[2])), "*2 $1 b $1 x ");
    assert_eq!(text(&s.take_output(pusher)), ":2 *1 $1 y ");
    assert!(s.server().effects.blocked.is_empty());
}

#[test]
fn those_who_wait_for_more_than_there_is_are_passed_over_without_running() {
    let mut s = server();
    let waiting = connect(&mut s, 200);
    for client in &waiting {
        s.send(*client, b"BLMOVEM src dst LEFT RIGHT 0 EXACTLY 3 BULK\r\n");
    }
    let last = s.connect();
    s.send(last, b"BLPOP src 0\r\n");
    let pusher = s.connect();
    s.send(pusher, b"RPUSH src x y\r\n");
    assert_eq!(calls(&mut s, "blmovem"), 0);
    assert_eq!(text(&s.take_output(last)), "*2 $3 src $1 x ");
    s.send(pusher, b"RPUSH src z u\r\n");
    assert_eq!(calls(&mut s, "blmovem"), 1);
    assert_eq!(text(&s.take_output(waiting[0])), "*3 $1 y $1 z $1 u ");
}

#[test]
fn what_a_served_client_moves_serves_the_next() {
    let mut s = server();
    let [first, second, third] = [s.connect(), s.connect(), s.connect()];
    s.send(first, b"BLMOVE a b LEFT LEFT 0\r\n");
    s.send(second, b"BLMOVE b c LEFT LEFT 0\r\n");
    s.send(third, b"BLPOP c 0\r\n");
    let pusher = s.connect();
    s.send(pusher, b"LPUSH a x\r\n");
    assert_eq!(text(&s.take_output(first)), "$1 x ");
    assert_eq!(text(&s.take_output(second)), "$1 x ");
    assert_eq!(text(&s.take_output(third)), "*2 $1 c $1 x ");
}

#[test]
fn a_client_goes_on_with_what_it_sent_while_it_waited() {
    let mut s = server();
    let client = s.connect();
    s.send(client, b"BLPOP a 0\r\nPING\r\nBLPOP a 0\r\nECHO x\r\n");
    let pusher = s.connect();
    s.send(pusher, b"RPUSH a 1\r\n");
    assert_eq!(text(&s.take_output(client)), "*2 $1 a $1 1 +PONG ");
    s.send(pusher, b"RPUSH a 2\r\n");
    assert_eq!(text(&s.take_output(client)), "*2 $1 a $1 2 $1 x ");
}

#[test]
fn a_wait_ends_at_its_time_to_the_millisecond() {
    let mut s = server();
    let client = s.connect();
    s.send(client, b"BLPOP a 1.2345\r\n");
    s.advance(1234);
    assert!(s.take_output(client).is_empty());
    s.advance(1);
    assert_eq!(text(&s.take_output(client)), "*-1 ");
    assert!(s.server().effects.blocked.is_empty());
}
