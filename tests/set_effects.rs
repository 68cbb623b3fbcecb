//! What set commands cause beside their replies: the events that subscribers hear, and the form in
//! which the AOF and the replicas get them.

use larder::client::{ClientId, PeerAddr, Session};
use larder::config::Config;
use larder::exec::{call, table, turn};
use larder::resp::Argv;
use larder::server::{Facts, Server, Timer};
use larder::testing::Recorder;

/// A server with one client.
struct Fixture {
    server: Server,
    client: ClientId,
    fed: Recorder,
}

impl Fixture {
    fn new() -> Self {
        let mut server =
            Server::new(Config::default(), table::describe(), Facts::default(), Timer::still(), 1);
        let client = server.clients.insert(Session::new(PeerAddr::Unix("test".into()), 0, true, 0));
        let fed = Recorder::default();
        server.add_feed(Box::new(fed.clone()));
        Self { server, client, fed }
    }

    /// Runs one command; answers the names of its events, and what it fed.
    fn run(&mut self, line: &str) -> (String, String) {
        let words: Vec<_> = line.split(' ').collect();
        let (buf, spans) = turn::pack(&words);
        let argv = Argv::new(&buf, &spans);
        let command = call::find(&self.server.commands, &argv).expect("a known command");
        call::call(&mut self.server, self.client, command, &argv);
        let changes = self.server.keyspace.shared.take_changes();
        let events: Vec<_> = changes.iter().map(|c| c.event.name).collect();
        self.server.effects.deliver();
        (events.join(" "), self.fed.take_words())
    }
}

/// Runs each line in turn, which must cause these events and feed this.
fn check(cases: &[(&str, &str, &str)]) {
    let mut fixture = Fixture::new();
    for (line, events, fed) in cases {
        let got = fixture.run(line);
        assert_eq!((got.0.as_str(), got.1.as_str()), (*events, *fed), "{line}");
    }
}

#[test]
fn changes_are_told_and_fed_as_received_and_nothing_else_is() {
    check(&[
        ("SADD s a b", "new sadd", "SADD s a b"),
        ("SADD s a", "", ""),
        ("SADD s a c", "sadd", "SADD s a c"),
        ("SREM s x", "", ""),
        ("SREM s x a", "srem", "SREM s x a"),
        ("SMOVE s t x", "", ""),
        ("SMOVE s s b", "", ""),
        ("SMOVE s t b", "srem new sadd", "SMOVE s t b"),
        ("SADD s b", "sadd", "SADD s b"),
        ("SMOVE s t b", "srem", "SMOVE s t b"),
        ("SMOVE s t c", "srem del sadd", "SMOVE s t c"),
        ("SREM t b c", "srem del", "SREM t b c"),
    ]);
}

#[test]
fn stored_results_are_told_as_such_and_empty_ones_as_removals() {
    check(&[
        ("SADD s a b", "new sadd", "SADD s a b"),
        ("SUNIONSTORE d s none", "keymiss new sunionstore", "SUNIONSTORE d s none"),
        ("SINTERSTORE d s s", "sinterstore", "SINTERSTORE d s s"),
        ("SDIFFSTORE d s", "sdiffstore", "SDIFFSTORE d s"),
        ("SDIFFSTORE d s s", "del", "SDIFFSTORE d s s"),
        ("SDIFFSTORE d s s", "", ""),
        ("SINTER s s", "", ""),
        ("SUNIONCARD 1 s", "", ""),
    ]);
}

#[test]
fn a_pop_is_fed_as_the_removal_of_what_came() {
    check(&[
        ("SADD s a", "new sadd", "SADD s a"),
        ("SPOP s", "spop del", "SREM s a"),
        ("SPOP s", "", ""),
        ("SPOP s 3", "", ""),
        ("SADD s a b", "new sadd", "SADD s a b"),
        ("SPOP s 0", "", ""),
        ("SPOP s 2", "spop del", "DEL s"),
        ("CONFIG SET lazyfree-lazy-server-del yes", "", ""),
        ("SADD s a b", "new sadd", "SADD s a b"),
        ("SPOP s 3", "spop del", "UNLINK s"),
    ]);
}

#[test]
fn a_pop_of_thousands_is_fed_in_batches_that_name_each_member_once() {
    let mut fixture = Fixture::new();
    let members: Vec<_> = (0..4000).map(|n| format!("member:{n}")).collect();
    fixture.run(&format!("SADD s {}", members.join(" ")));
    for (count, batches) in [(2500, 3), (1400, 2)] {
        let (events, fed) = fixture.run(&format!("SPOP s {count}"));
        assert_eq!(events, "spop");
        // Several commands are one transaction.
        let fed: Vec<_> = fed.split("; ").filter(|op| !["MULTI", "EXEC"].contains(op)).collect();
        assert_eq!(fed.len(), batches);
        let named: std::collections::BTreeSet<_> =
            fed.iter().flat_map(|srem| srem.strip_prefix("SREM s ").unwrap().split(' ')).collect();
        assert_eq!(named.len(), count, "every member once");
    }
}
