//! MIGRATE as the other clients, the log and the replicas see it. The other server is played by hand.

use larder::client::ClientId;
use larder::cluster::migrate::Fault;
use larder::testing::FedServer;

/// A server, the client that migrates, and another one.
struct World {
    fed: FedServer,
    other: ClientId,
}

impl World {
    /// Some keys, and a migration that has begun to send: its number, which is 1, and what it sent.
    fn migrating(lines: &str, migrate: &str) -> (Self, String) {
        let mut world = Self::new(lines);
        world.send(world.fed.client, migrate);
        assert_eq!(world.fed.server.take_migrations(), [1]);
        // The database is selected there already.
        let sent = world.fed.server.migration_connected(1, Some(0));
        (world, words(&sent))
    }

    fn new(lines: &str) -> Self {
        let mut fed = FedServer::default();
        let other = fed.server.connect();
        let mut world = Self { fed, other };
        world.asks(lines);
        world.fed.fed.take();
        world
    }

    fn send(&mut self, client: ClientId, lines: &str) {
        for line in lines.split("; ") {
            self.fed.server.send(client, format!("{line}\r\n").as_bytes());
        }
    }

    /// What the other client is answered; nothing, where it has to wait.
    fn asks(&mut self, lines: &str) -> String {
        self.send(self.other, lines);
        self.answered(self.other)
    }

    fn answered(&mut self, client: ClientId) -> String {
        words(&self.fed.server.take_output(client))
    }

    /// What the client is answered that migrates.
    fn ends(&mut self) -> String {
        self.answered(self.fed.client)
    }

    fn receives(&mut self, answers: &str) -> String {
        let next = self.fed.server.migration_receives(1, answers.as_bytes());
        words(&next.expect("these are answers"))
    }

    fn was_fed(&mut self) -> String {
        let fed = self.fed.fed.take().into_iter().map(|(db, words)| format!("{db}:{words}"));
        fed.collect::<Vec<_>>().join("; ")
    }
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", " ").trim_end().to_owned()
}

const ONE: &str = "MIGRATE there 1 k 0 1000";

#[test]
fn a_key_goes_when_the_other_side_has_it_and_that_is_fed_as_its_removal() {
    let (mut world, sent) = World::migrating("SET k v", ONE);
    assert!(sent.starts_with("*4 $7 RESTORE $1 k $1 0 $"), "{sent}");
    assert_eq!((world.ends(), world.was_fed()), (String::new(), String::new()));
    assert_eq!(world.asks("GET k"), "$1 v", "it is read meanwhile");
    assert_eq!(world.receives("+OK\r\n"), "");
    assert_eq!(world.ends(), "+OK");
    assert_eq!(world.was_fed(), "0:DEL k");
    assert_eq!(world.asks("EXISTS k"), ":0");
}

#[test]
fn of_several_keys_those_go_that_were_taken() {
    let lines = "MSET a 1 b 2 c 3";
    let (mut world, sent) = World::migrating(lines, "MIGRATE there 1 \"\" 0 9 KEYS a b no c a");
    assert_eq!(sent.matches("RESTORE").count(), 3, "a key named twice is one key: {sent}");
    assert_eq!(world.receives("+OK\r\n-BUSYKEY x\r\n+OK\r\n"), "");
    assert_eq!(world.ends(), "-ERR Target instance replied with error: BUSYKEY x");
    assert_eq!(world.was_fed(), "0:DEL a c");
    assert_eq!(world.asks("MGET a b c"), "*3 $-1 $1 2 $-1");
}

#[test]
fn a_copy_stays_and_nobody_waits_for_it() {
    let (mut world, sent) = World::migrating("SET k v", "MIGRATE there 1 k 0 9 COPY REPLACE");
    assert!(sent.starts_with("*5 $7 RESTORE") && sent.ends_with("$7 REPLACE"), "{sent}");
    assert_eq!(world.asks("SET k w"), "+OK");
    assert_eq!(world.receives("+OK\r\n"), "");
    assert_eq!((world.ends(), world.asks("GET k")), ("+OK".to_owned(), "$1 w".to_owned()));
}

#[test]
fn the_time_to_live_counts_from_when_the_key_is_sent() {
    let mut world = World::new("SET k v PX 5000; SET gone v PX 10");
    let client = world.fed.client;
    world.send(client, "MIGRATE there 1 \"\" 0 1000 KEYS gone k");
    world.fed.server.advance(1000);
    let sent = words(&world.fed.server.migration_connected(1, Some(0)));
    assert!(sent.starts_with("*4 $7 RESTORE $1 k $4 4000 $"), "{sent}");
}

#[test]
fn who_would_change_the_key_waits_until_it_has_gone() {
    for line in [
        "SET k w",
        "RENAME k other",
        "RENAME other k",
        "EVAL \"return redis.call('set', KEYS[1], 'w')\" 1 k",
        "MULTI; SET k w; EXEC",
        "MULTI; SELECT 0; SET k w; EXEC",
        "MIGRATE there 1 k 0 1000",
    ] {
        let (mut world, _) = World::migrating("SET k v; SET other v", ONE);
        let answer = world.asks(line);
        assert!(answer.is_empty() || answer.ends_with("+QUEUED"), "{line}: {answer}");
        assert_eq!(world.asks(""), "", "{line}");
        world.receives("+OK\r\n");
        assert_eq!(world.ends(), "+OK");
        assert_ne!(world.answered(world.other), "", "{line}");
    }
}

#[test]
fn whoever_names_other_keys_does_not_wait() {
    let (mut world, _) = World::migrating("SET k v", ONE);
    assert_eq!(world.asks("SET other w"), "+OK");
    assert_eq!(world.asks("MULTI; SET other w; GET k; EXEC"), "+OK +QUEUED +QUEUED *2 +OK $1 v");
    assert_eq!(world.asks("SELECT 1; SET k w"), "+OK +OK");
}

#[test]
fn who_waited_goes_on_where_the_migration_fails() {
    let (mut world, _) = World::migrating("SET k v", ONE);
    assert_eq!(world.asks("APPEND k w"), "");
    assert!(!world.fed.server.migration_fails(1, Fault::Reading { again: false }));
    assert_eq!(world.ends(), "-IOERR error or timeout reading to target instance");
    assert_eq!(world.answered(world.other), ":2");
}

#[test]
fn a_key_that_changed_on_its_way_is_not_removed() {
    const SCRIPT: &str = "redis.call('append', 'k', 'w')";
    for (line, left) in [
        (&*format!("EVAL \"{SCRIPT}\" 0"), "$2 vw"),
        ("FLUSHALL", "$-1"),
        ("SWAPDB 0 1", "$-1"),
        ("EVAL \"redis.call('del', 'k')\" 0", "$-1"),
    ] {
        let (mut world, _) = World::migrating("SET k v", ONE);
        assert_ne!(world.asks(line), "", "nobody waits here: {line}");
        world.was_fed();
        world.receives("+OK\r\n");
        assert_eq!(
            world.ends(),
            "-ERR The key 'k' changed while it was migrated: it was not removed here"
        );
        assert_eq!((world.was_fed(), world.asks("GET k")), (String::new(), left.to_owned()));
    }
}

#[test]
fn what_a_script_does_to_a_group_of_readers_is_a_change() {
    let lines = "XADD k 1-1 f v; XGROUP CREATE k g 0; XREADGROUP GROUP g a STREAMS k >";
    let (mut world, _) = World::migrating(lines, ONE);
    world.asks("EVAL \"return redis.call('xautoclaim', 'k', 'g', 'b', 0, 0)\" 0");
    world.receives("+OK\r\n");
    assert!(world.ends().starts_with("-ERR The key 'k' changed"));
}

#[test]
fn a_key_that_expires_on_its_way_is_no_failure() {
    let (mut world, _) = World::migrating("SET k v PX 10", ONE);
    world.fed.server.advance(20);
    assert_eq!(world.was_fed(), "0:DEL k");
    world.receives("+OK\r\n");
    assert_eq!((world.ends(), world.was_fed()), ("+OK".to_owned(), String::new()));
}

#[test]
fn a_client_that_leaves_leaves_a_migration_that_ends() {
    let (mut world, _) = World::migrating("SET k v", ONE);
    let client = world.fed.client;
    world.fed.server.disconnect(client);
    assert_eq!(world.asks("SET k w"), "");
    world.receives("+OK\r\n");
    assert_eq!(world.was_fed(), "0:DEL k; 0:SET k w");
    assert_eq!(world.answered(world.other), "+OK");
}

#[test]
fn a_server_that_follows_another_meanwhile_removes_nothing() {
    let (mut world, _) = World::migrating("SET k v", ONE);
    assert_eq!(world.asks("REPLICAOF there 2"), "+OK");
    world.receives("+OK\r\n");
    assert_eq!(world.ends(), "-READONLY You can't write against a read only replica.");
    assert_eq!(world.asks("GET k"), "$1 v");
}

#[test]
fn its_client_waits_and_hears_of_watched_keys_and_events() {
    let (mut world, _) = World::migrating("SET k v; CONFIG SET notify-keyspace-events KA", ONE);
    assert_eq!(world.asks("WATCH k; MULTI; GET k"), "+OK +OK +QUEUED");
    let listener = world.fed.server.connect();
    world.send(listener, "SUBSCRIBE __keyspace@0__:k");
    world.answered(listener);
    let client = world.fed.client;
    world.send(client, "PING");
    assert_eq!(world.ends(), "");
    world.receives("+OK\r\n");
    assert_eq!(world.ends(), "+OK +PONG");
    assert_eq!(world.answered(listener), "*3 $7 message $16 __keyspace@0__:k $3 del");
    assert_eq!(world.asks("EXEC"), "*-1");
}

#[test]
fn no_more_is_encoded_than_goes_on_the_way_together() {
    let lines = (0..30).map(|i| format!("SET k{i} {}", "x".repeat(16_000)));
    let lines: Vec<String> =
        ["CONFIG SET rdbcompression no".to_owned()].into_iter().chain(lines).collect();
    let keys: Vec<String> = (0..30).map(|i| format!("k{i}")).collect();
    let migrate = format!("MIGRATE there 1 \"\" 0 9 KEYS {}", keys.join(" "));
    let (mut world, sent) = World::migrating(&lines.join("; "), &migrate);
    let mut batches = vec![sent.matches("RESTORE").count()];
    // What changes before it is sent goes along.
    world.asks("EVAL \"redis.call('set', 'k29', 'last')\" 0");
    loop {
        let sent = words(&world.fed.server.migration_goes_on(1));
        match sent.matches("RESTORE").count() {
            0 => break,
            count => batches.push(count),
        }
        assert_eq!(sent.contains("k29"), sent.contains("last"));
    }
    assert_eq!(batches, [5, 5, 5, 5, 5, 5]);
    world.receives(&"+OK\r\n".repeat(30));
    assert_eq!((world.ends(), world.asks("DBSIZE")), ("+OK".to_owned(), ":0".to_owned()));
}
