//! The form in which the AOF and the replicas get list commands: those that wait, or choose between
//! keys, as what they came to.

use larder::client::{ClientId, PeerAddr, Session};
use larder::config::Config;
use larder::exec::{call, table, turn};
use larder::resp::Argv;
use larder::server::{Facts, Server, Timer};
use larder::testing::Recorder;

const NOW_MS: u64 = 1_700_000_000_000;

/// A server with one client that acts, and others that wait.
struct Fixture {
    server: Server,
    client: ClientId,
    fed: Recorder,
}

impl Fixture {
    fn new() -> Self {
        let mut server =
            Server::new(Config::default(), table::describe(), Facts::default(), Timer::still(), 1);
        let fed = Recorder::default();
        server.add_feed(Box::new(fed.clone()));
        server.keyspace.shared.now_ms = NOW_MS;
        let client = Self::connect(&mut server);
        Self { server, client, fed }
    }

    fn connect(server: &mut Server) -> ClientId {
        server.clients.insert(Session::new(PeerAddr::Unix("test".into()), 0, true, 0))
    }

    /// Runs one command of a client; answers what it fed, and what those fed whom it served.
    fn run(&mut self, client: ClientId, line: &str) -> String {
        let words: Vec<_> = line.split(' ').collect();
        let (buf, spans) = turn::pack(&words);
        call::process(&mut self.server, client, &Argv::new(&buf, &spans));
        self.fed.take_words()
    }
}

/// Runs each line in turn, which must feed this.
fn check(cases: &[(&str, &str)]) {
    let mut fixture = Fixture::new();
    for (line, fed) in cases {
        let client = fixture.client;
        assert_eq!(fixture.run(client, line), *fed, "{line}");
    }
}

/// Lets a new client wait with each of `waits`; then `filler` must feed this.
fn check_served(waits: &[&str], filler: &str, fed: &str) {
    let mut fixture = Fixture::new();
    for line in waits {
        let client = Fixture::connect(&mut fixture.server);
        assert_eq!(fixture.run(client, line), "", "{line}");
    }
    let client = fixture.client;
    assert_eq!(fixture.run(client, filler), fed, "{filler}");
}

#[test]
fn what_changed_something_is_fed_as_it_came() {
    check(&[
        ("RPUSH l a b c d e f", "RPUSH l a b c d e f"),
        ("LPUSHX nosuch a", ""),
        ("LPOP l", "LPOP l"),
        ("RPOP l 2", "RPOP l 2"),
        ("LPOP l 0", ""),
        ("LSET l 0 q", "LSET l 0 q"),
        ("LINSERT l AFTER q r", "LINSERT l AFTER q r"),
        ("LINSERT l AFTER nosuch r", ""),
        ("LREM l 0 r", "LREM l 0 r"),
        ("LREM l 0 r", ""),
        ("LTRIM l 1 -1", "LTRIM l 1 -1"),
        ("LTRIM l 0 -1", ""),
        ("LMOVE l m LEFT RIGHT", "LMOVE l m LEFT RIGHT"),
        ("LMOVE m m LEFT RIGHT", "LMOVE m m LEFT RIGHT"),
        ("RPOPLPUSH m l", "RPOPLPUSH m l"),
        ("RPOPLPUSH nosuch l", ""),
        ("LMOVEM l m LEFT LEFT COUNT 9 OBO", "LMOVEM l m LEFT LEFT COUNT 9 OBO"),
        ("LMOVEM m l LEFT LEFT EXACTLY 9 OBO", ""),
    ]);
}

#[test]
fn a_choice_of_keys_is_fed_as_the_pop_it_came_to() {
    check(&[
        ("RPUSH l a b c d e", "RPUSH l a b c d e"),
        ("LMPOP 2 nosuch l LEFT COUNT 2", "LPOP l 2"),
        ("LMPOP 1 l RIGHT", "RPOP l 1"),
        ("LMPOP 1 nosuch LEFT", ""),
        ("BLMPOP 0 2 nosuch l RIGHT COUNT 9", "RPOP l 2"),
    ]);
}

#[test]
fn what_need_not_wait_is_fed_as_its_plain_twin() {
    check(&[
        ("RPUSH l a b c d e f", "RPUSH l a b c d e f"),
        ("BLPOP nosuch l 0", "LPOP l"),
        ("BRPOP l 0", "RPOP l"),
        ("BLMOVE l m LEFT RIGHT 0", "LMOVE l m LEFT RIGHT"),
        ("BRPOPLPUSH l m 0", "RPOPLPUSH l m"),
        ("BLMOVEM l m LEFT RIGHT 0", "LMOVEM l m LEFT RIGHT"),
        ("BLMOVEM m l LEFT RIGHT 0 EXACTLY 2 OBO", "LMOVEM m l LEFT RIGHT EXACTLY 2 OBO"),
    ]);
}

#[test]
fn who_waited_is_fed_after_what_served_it() {
    let served = |wait, fed| check_served(&[wait], "RPUSH l a b", fed);
    served("BLPOP x l 0", "RPUSH l a b; LPOP l");
    served("BRPOP x l 0", "RPUSH l a b; RPOP l");
    served("BLMOVE l m LEFT RIGHT 0", "RPUSH l a b; LMOVE l m LEFT RIGHT");
    served("BRPOPLPUSH l m 0", "RPUSH l a b; RPOPLPUSH l m");
    served("BLMPOP 0 2 x l RIGHT COUNT 9", "RPUSH l a b; RPOP l 2");
    served(
        "BLMOVEM l m LEFT LEFT 0 EXACTLY 2 BULK",
        "RPUSH l a b; LMOVEM l m LEFT LEFT EXACTLY 2 BULK",
    );
}

#[test]
fn a_chain_of_waits_is_fed_in_the_order_of_service() {
    check_served(
        &["BLPOP m 0", "BLMOVE l m LEFT RIGHT 0"],
        "RPUSH l a",
        "RPUSH l a; LMOVE l m LEFT RIGHT; LPOP m",
    );
}
