//! Snapshots while commands go on: what the file holds, and who waits for what.

use larder::client::ClientId;
use larder::config::{Config, Guard};
use larder::keyspace::Round;
use larder::stdx::alloc::Mover;
use larder::testing::InProcess;

/// A server whose snapshots are taken step by step.
struct Bench {
    server: InProcess,
    client: ClientId,
}

impl Bench {
    fn new() -> Self {
        let config = Config { enable_debug_command: Guard::Yes, ..Config::default() };
        let mut server = InProcess::new(config, 1);
        server.hold_snapshots();
        let client = server.connect();
        Self { server, client }
    }

    /// Sends one inline command; what is answered.
    fn run(&mut self, line: &str) -> String {
        let client = self.client;
        self.run_as(client, line)
    }

    fn run_as(&mut self, client: ClientId, line: &str) -> String {
        self.server.send(client, format!("{line}\r\n").as_bytes());
        self.answers(client)
    }

    fn answers(&mut self, client: ClientId) -> String {
        String::from_utf8(self.server.take_output(client)).unwrap()
    }

    /// A list, a set, a hash and a sorted set of so many elements, and two long strings: one as it was received, one
    /// that grew.
    fn fill(&mut self, elements: usize) {
        for first in (0..elements).step_by(100) {
            let numbers = first..elements.min(first + 100);
            let words = |word: &dyn Fn(usize) -> String| {
                numbers.clone().map(word).collect::<Vec<_>>().join(" ")
            };
            let texts = words(&|n| format!("{n}{}", "x".repeat(100)));
            self.run(&format!("RPUSH list {texts}"));
            self.run(&format!("SADD set {}", words(&|n| format!("m{n}"))));
            self.run(&format!("HSET hash {}", words(&|n| format!("f{n} v{n}"))));
            self.run(&format!("ZADD zset {}", words(&|n| format!("{n} z{n}"))));
        }
        let long = "0123456789abcdef".repeat(100_000);
        self.server.send(
            self.client,
            format!("*3\r\n$3\r\nSET\r\n$6\r\nshared\r\n${}\r\n{long}\r\n", long.len()).as_bytes(),
        );
        self.run("SETRANGE grown 1500000 end");
        self.run("HPEXPIRE hash 100000 FIELDS 2 f1 f2");
        self.answers(self.client);
    }

    /// Bytes of values that nobody has any more and that are not free yet.
    fn kept(&mut self) -> u64 {
        self.server.server().keyspace.shared.unfreed().bytes()
    }

    fn digest(&mut self) -> String {
        self.run("DEBUG DIGEST")
    }

    /// The digest of what the file holds.
    fn digest_of_file(&mut self) -> String {
        let mut other = Self::new();
        other.server.server().persist.disk = self.server.server().persist.disk.clone();
        other.server.load().expect("the file can be opened");
        other.digest()
    }
}

const BIG: &[&str] = &["list", "set", "hash", "zset", "shared", "grown"];

/// A command that changes each of the big values.
fn change(key: &str) -> String {
    match key {
        "list" => "RPUSH list last".to_owned(),
        "set" => "SADD set other".to_owned(),
        "hash" => "HSET hash other 1".to_owned(),
        "zset" => "ZADD zset 1 other".to_owned(),
        key => format!("APPEND {key} more"),
    }
}

#[test]
fn what_is_moved_in_memory_meanwhile_is_saved_as_it_was() {
    let mut bench = Bench::new();
    bench.fill(3000);
    // A bucket or a piece at a time.
    bench.run("CONFIG SET rdb-key-save-delay 1");
    for n in 0..200 {
        bench.run(&format!("SET key:{n} value:{n} EX 1000"));
        bench.run(&format!("XADD stream * field {n} other {n}"));
    }
    let digest = bench.digest();
    bench.run("BGSAVE");
    let (mut round, mut mover, mut rounds) = (Round::default(), Mover::of_all(), 0);
    while !bench.server.read_snapshot() {
        let keyspace = &mut bench.server.server().keyspace;
        while keyspace.relocate_on(&mut round, &mut mover, 1000) {}
        (round, rounds) = (Round::default(), rounds + 1);
    }
    assert!(rounds > 20, "there were {rounds} pieces");
    assert_eq!(bench.digest(), digest);
    bench.server.take_snapshots();
    assert_eq!(bench.digest_of_file(), digest);
}

#[test]
fn big_values_are_saved_as_they_were_in_pieces_and_at_once() {
    for at_once in [false, true] {
        let mut bench = Bench::new();
        bench.fill(5000);
        let digest = bench.digest();
        bench.run("BGSAVE");
        if at_once {
            // Inside a transaction nobody waits: each value is written when it is about to change, one of
            // them from where its pieces are.
            bench.server.read_snapshot();
            bench.run("MULTI");
            for key in BIG {
                bench.run(&change(key));
            }
            bench.run("EXEC");
            assert_ne!(bench.digest(), digest);
        }
        bench.server.take_snapshots();
        assert_eq!(bench.digest_of_file(), digest, "at once: {at_once}");
    }
}

#[test]
fn a_big_value_that_goes_is_saved_by_and_by_and_nobody_waits() {
    let removals: [fn(&mut Bench, &str); 3] = [
        |bench, key| {
            bench.run("MULTI");
            bench.run(&format!("DEL {key}"));
            bench.run(&format!("SET {key} another"));
            assert_eq!(bench.run("EXEC"), "*2\r\n:1\r\n+OK\r\n");
        },
        |bench, key| {
            assert_eq!(
                bench.run(&format!("EVAL \"return redis.call('del','{key}')\" 0")),
                ":1\r\n"
            );
        },
        |bench, key| {
            bench.server.advance(100_001);
            assert_eq!(bench.run(&format!("EXISTS {key}")), ":0\r\n");
        },
    ];
    for (number, remove) in removals.into_iter().enumerate() {
        for steps in 0..6 {
            let mut bench = Bench::new();
            bench.fill(2000);
            if number == 2 {
                BIG.iter().for_each(|key| drop(bench.run(&format!("PEXPIRE {key} 100000"))));
            }
            let digest = bench.digest();
            bench.run("BGSAVE");
            // As many pieces, of keys or of a big value among them, are read before.
            bench.server.server().keyspace.read_on_snapshot(steps);
            for key in BIG {
                remove(&mut bench, key);
            }
            assert!(steps > 0 || bench.kept() > 3_000_000, "{number}: they are encoded later");
            bench.server.take_snapshots();
            assert_eq!(bench.kept(), 0, "{number} {steps}: and freed");
            assert_eq!(bench.digest_of_file(), digest, "{number} {steps}");
        }
    }
}

#[test]
fn who_would_change_a_big_value_waits_for_it_and_others_go_on() {
    for key in BIG {
        let mut bench = Bench::new();
        bench.fill(5000);
        let other = bench.server.connect();
        bench.run("BGSAVE");
        assert_eq!(bench.run(&change(key)), "", "{key}: it waits");
        assert_eq!(bench.run_as(other, "SET small 1"), "+OK\r\n", "{key}: others go on");
        assert_ne!(bench.run_as(other, &format!("TYPE {key}")), "", "{key}: readers go on");
        let mut complete = false;
        let mut answer = String::new();
        while answer.is_empty() && !complete {
            complete = bench.server.read_snapshot();
            answer = bench.answers(bench.client);
        }
        assert_ne!(answer, "", "{key}: it is answered before the snapshot ends");
    }
}

#[test]
fn a_held_client_is_let_go_when_the_save_is_cancelled() {
    let mut bench = Bench::new();
    bench.fill(5000);
    let other = bench.server.connect();
    bench.run("BGSAVE");
    assert_eq!(bench.run("RPUSH list last"), "");
    assert_eq!(bench.run_as(other, "BGSAVE CANCEL"), "+Background saving cancelled\r\n");
    bench.server.take_snapshots();
    assert_eq!(bench.answers(bench.client), ":5001\r\n");
    assert!(bench.run("INFO persistence").contains("rdb_last_bgsave_status:ok"));
    assert_eq!(bench.run("BGSAVE CANCEL").get(..1), Some("-"));
}

#[test]
fn a_save_that_is_cancelled_leaves_nothing_that_the_next_would_miss() {
    let mut bench = Bench::new();
    bench.fill(1000);
    for round in 0..5 {
        bench.run("BGSAVE");
        bench.server.read_snapshot();
        if round < 4 {
            bench.run("BGSAVE CANCEL");
        }
        bench.server.take_snapshots();
    }
    assert_eq!(bench.digest_of_file(), bench.digest());
}

#[test]
fn a_transaction_that_writes_does_not_run_after_a_save_that_failed() {
    let mut bench = Bench::new();
    bench.run("MULTI");
    assert_eq!(bench.run("SET k 1"), "+QUEUED\r\n");
    bench.server.server().persist.saving.last_ok = false;
    let reply = bench.run("EXEC");
    assert!(
        reply.starts_with("-EXECABORT Transaction discarded because of: MISCONF Redis is"),
        "{reply}"
    );
    bench.run("MULTI");
    assert_eq!(bench.run("GET k"), "+QUEUED\r\n");
    assert_eq!(bench.run("EXEC"), "*1\r\n$-1\r\n");
}

#[test]
fn writes_are_refused_after_a_save_that_failed_until_one_succeeds() {
    let mut bench = Bench::new();
    let disk = larder::persist::disk::Simulated::default();
    bench.server.server().persist.disk = std::sync::Arc::new(disk.clone());
    bench.run("SET k 1");
    disk.fail_from(0, std::io::ErrorKind::StorageFull);
    assert_eq!(bench.run("BGSAVE"), "+Background saving started\r\n");
    bench.server.take_snapshots();
    assert!(bench.run("SET k 2").starts_with("-MISCONF Redis is configured to save RDB snapshots"));
    assert!(bench.run("PING").starts_with("-MISCONF "));
    assert_eq!(bench.run("GET k"), "$1\r\n1\r\n");
    assert!(bench.run("INFO persistence").contains("rdb_last_bgsave_status:err"));
    disk.heal();
    // The save points try again by themselves; the changes are counted still.
    bench.run("CONFIG SET save '1 1'");
    bench.server.advance(8_000);
    bench.server.take_snapshots();
    assert_eq!(bench.run("SET k 3"), "+OK\r\n");
    assert!(bench.run("INFO persistence").contains("rdb_changes_since_last_save:1\r\n"));
}
