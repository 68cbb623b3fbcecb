//! A primary and its replicas, as bytes: the handshake, snapshots, the stream, and who may go on with it.

use larder::client::ClientId;
use larder::config::Config;
use larder::persist::disk;
use larder::testing::InProcess;
use std::path::Path;
use std::sync::Arc;

/// A primary with one ordinary client.
struct Primary {
    server: InProcess,
    client: ClientId,
}

impl Default for Primary {
    fn default() -> Self {
        Self::new(Config {
            repl_diskless_sync_delay: 0,
            enable_debug_command: larder::config::Guard::Yes,
            save: larder::config::special::SavePoints(Vec::new()),
            ..Config::default()
        })
    }
}

impl Primary {
    fn new(config: Config) -> Self {
        let mut server = InProcess::new(config, 1);
        let client = server.connect();
        Self { server, client }
    }

    /// Runs an inline command; what is answered.
    fn run(&mut self, line: &str) -> String {
        let client = self.client;
        self.send(client, line)
    }

    fn send(&mut self, client: ClientId, line: &str) -> String {
        self.server.send(client, format!("{line}\r\n").as_bytes());
        self.output(client)
    }

    fn output(&mut self, client: ClientId) -> String {
        self.server.take_output(client).escape_ascii().to_string().replace("\\r\\n", " ")
    }

    /// Connects a replica that can do all, and asks for what it names.
    fn follow(&mut self, psync: &str) -> (ClientId, String) {
        let replica = self.server.connect();
        assert_eq!(self.send(replica, "REPLCONF listening-port 7001 capa eof capa psync2"), "+OK ");
        let answer = self.send(replica, psync);
        (replica, answer)
    }

    /// A replica that has its snapshot, and gets the stream.
    fn follower(&mut self) -> ClientId {
        let (replica, answer) = self.follow("PSYNC ? -1");
        assert!(answer.starts_with("+FULLRESYNC "), "{answer}");
        assert_eq!(self.send(replica, "REPLCONF ACK 0"), "");
        replica
    }

    fn id(&mut self) -> String {
        self.server.server().repl.replid.clone()
    }

    fn offset(&mut self) -> u64 {
        self.server.server().repl.offset()
    }
}

const SELECT_0: &str = "*2 $6 SELECT $1 0 ";

#[test]
fn a_replica_gets_a_snapshot_and_then_the_stream() {
    let mut primary = Primary::default();
    primary.run("SET before 1");
    let (replica, answer) = primary.follow("PSYNC ? -1");
    let (id, mark) = (primary.id(), &answer[answer.len() - 40..]);
    let head = format!("+FULLRESYNC {id} 0 $EOF:{mark} REDIS0011");
    assert!(answer.starts_with(&head), "{answer} begins with {head}");
    assert!(answer.contains("before") && answer.contains(&format!("repl-id({id}")), "{answer}");
    primary.run("SET after 2");
    assert_eq!(primary.output(replica), "", "it has not said yet that it found the mark");
    let stream = primary.send(replica, "REPLCONF ACK 0");
    assert_eq!(stream, format!("{SELECT_0}*3 $3 SET $5 after $1 2 "));
    primary.run("SET more 3");
    assert_eq!(primary.output(replica), "*3 $3 SET $4 more $1 3 ");
}

#[test]
fn a_replica_that_knows_no_mark_is_sent_the_file_with_its_length() {
    let mut primary = Primary::default();
    primary.run("SET before 1");
    let replica = primary.server.connect();
    let answer = primary.send(replica, "SYNC");
    assert!(answer.starts_with('$') && answer.contains(" REDIS0011"), "{answer}");
    primary.run("SET after 2");
    assert_eq!(primary.output(replica), format!("{SELECT_0}*3 $3 SET $5 after $1 2 "));
}

#[test]
fn who_lost_the_link_goes_on_where_it_was() {
    let mut primary = Primary::default();
    let replica = primary.follower();
    primary.run("SET a 1");
    let (id, at) = (primary.id(), primary.offset());
    primary.server.disconnect(replica);
    primary.run("SET b 2");
    let (_, answer) = primary.follow(&format!("PSYNC {id} {}", at + 1));
    assert_eq!(answer, format!("+CONTINUE {id} *3 $3 SET $1 b $1 2 "));
    let stats = primary.run("INFO stats");
    assert!(stats.contains("sync_full:1 sync_partial_ok:1 sync_partial_err:0"), "{stats}");
}

#[test]
fn who_asks_for_what_is_not_there_gets_a_snapshot() {
    let mut primary = Primary::default();
    primary.follower();
    primary.run("SET a 1");
    let (id, at) = (primary.id(), primary.offset());
    let other = "0123456789".repeat(4);
    for psync in [
        format!("PSYNC {id} {}", at + 2),
        format!("PSYNC {id} 0"),
        format!("PSYNC {id} -5"),
        format!("PSYNC {other} 1"),
    ] {
        let (_, answer) = primary.follow(&psync);
        assert!(answer.starts_with("+FULLRESYNC "), "{psync}: {answer}");
    }
    let stats = primary.run("INFO stats");
    assert!(stats.contains("sync_full:5 sync_partial_ok:0 sync_partial_err:4"), "{stats}");
}

#[test]
fn a_restart_leaves_followers_their_place() {
    let mut primary = Primary::default();
    primary.follower();
    primary.run("SET a 1");
    let (id, at) = (primary.id(), primary.offset());
    primary.run("SAVE");
    let saved = primary.server.disk().clone();
    let mut server = InProcess::start(Config::default(), 2, saved).unwrap();
    let client = server.connect();
    let mut primary = Primary { server, client };
    primary.run("SET b 2");
    let new_id = primary.id();
    assert_ne!(id, new_id);
    let (_, answer) = primary.follow(&format!("PSYNC {id} {}", at + 1));
    assert_eq!(answer, format!("+CONTINUE {new_id} {SELECT_0}*3 $3 SET $1 b $1 2 "));
    let beyond = primary.offset() + 1;
    let (_, answer) = primary.follow(&format!("PSYNC {id} {beyond}"));
    assert!(!answer.contains("CONTINUE"), "what came since is not of the history before: {answer}");
}

#[test]
fn what_expired_while_the_primary_was_gone_is_told_to_followers() {
    let mut primary = Primary::default();
    primary.follower();
    primary.run("SET short 1 PX 10");
    primary.run("SET long 1");
    let (id, at) = (primary.id(), primary.offset());
    primary.run("SAVE");
    let disk = primary.server.disk().clone();
    let config = Config { lazyfree_lazy_expire: true, ..Config::default() };
    let mut server = InProcess::new(config, 2);
    server.server().persist.disk = Arc::new(disk);
    server.advance(50);
    server.load().unwrap();
    let client = server.connect();
    let mut primary = Primary { server, client };
    let (_, answer) = primary.follow(&format!("PSYNC {id} {}", at + 1));
    let id = primary.id();
    assert_eq!(answer, format!("+CONTINUE {id} {SELECT_0}*2 $6 UNLINK $5 short "));
}

#[test]
fn several_that_wait_share_a_snapshot() {
    let mut primary = Primary::default();
    primary.run("CONFIG SET repl-diskless-sync-delay 3");
    let (first, answer) = primary.follow("PSYNC ? -1");
    assert_eq!(answer, "");
    primary.server.advance(2000);
    assert_eq!(primary.output(first), "\\n\\n", "a sign of life each second");
    let (second, _) = primary.follow("PSYNC ? -1");
    primary.server.advance(1100);
    let answers = [first, second].map(|replica| primary.output(replica).replace("\\n", ""));
    assert!(answers[0].starts_with("+FULLRESYNC "), "{}", answers[0]);
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn who_reads_files_of_valkey_is_sent_one() {
    let mut primary = Primary::default();
    primary.run("HSET h f v");
    primary.run("HPEXPIRE h 1000 FIELDS 1 f");
    let ask = |primary: &mut Primary, version: &str| {
        let replica = primary.server.connect();
        let told = primary.send(replica, &format!("REPLCONF capa eof version {version}"));
        (primary.send(replica, "PSYNC ? -1"), told)
    };
    for (version, magic) in
        [("8.1.4", "REDIS0011"), ("9.0.0", "VALKEY080"), ("10.1.2", "VALKEY080")]
    {
        let (answer, told) = ask(&mut primary, version);
        assert_eq!(told, "+OK ");
        assert!(answer.contains(&format!(" {magic}")), "{version}: {answer}");
    }
    let (_, told) = ask(&mut primary, "9.0");
    assert_eq!(told, "-ERR Unrecognized version format: 9.0 ");
    // A file on disk is one for all.
    primary.run("CONFIG SET repl-diskless-sync no");
    let (answer, _) = ask(&mut primary, "9.0.0");
    assert!(answer.contains(" REDIS0011"), "{answer}");
}

#[test]
fn who_reads_files_of_valkey_shares_none_with_others() {
    let mut primary = Primary::default();
    primary.run("CONFIG SET repl-diskless-sync-delay 3");
    let (other, _) = primary.follow("PSYNC ? -1");
    let replicas = [primary.server.connect(), primary.server.connect()];
    for replica in replicas {
        primary.send(replica, "REPLCONF capa eof capa psync2 version 9.1.2");
        assert_eq!(primary.send(replica, "PSYNC ? -1"), "");
    }
    primary.server.advance(4000);
    let answer = primary.output(other);
    assert!(answer.contains(" REDIS0011"), "{answer}");
    let answers = replicas.map(|replica| primary.output(replica).replace("\\n", ""));
    assert!(answers[0].contains(" VALKEY080"), "{}", answers[0]);
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn so_many_that_wait_are_enough() {
    let mut primary = Primary::default();
    primary.run("CONFIG SET repl-diskless-sync-delay 100 repl-diskless-sync-max-replicas 2");
    let (first, answer) = primary.follow("PSYNC ? -1");
    assert_eq!(answer, "");
    primary.follow("PSYNC ? -1");
    assert!(primary.output(first).starts_with("+FULLRESYNC "));
}

#[test]
fn several_writes_of_one_command_come_as_a_transaction() {
    let mut primary = Primary::default();
    let replica = primary.follower();
    for line in ["MULTI", "SET a 1", "SELECT 2", "INCR b", "PUBLISH c d", "EXEC"] {
        primary.run(line);
    }
    let expected = format!(
        "{SELECT_0}*1 $5 MULTI *3 $3 SET $1 a $1 1 *2 $6 SELECT $1 2 *2 $4 INCR $1 b *3 $7 PUBLISH $1 c $1 d *1 $4 EXEC "
    );
    assert_eq!(primary.output(replica), expected);
    primary.run("PUBLISH c d");
    assert_eq!(primary.output(replica), "*3 $7 PUBLISH $1 c $1 d ");
}

#[test]
fn a_replica_hears_of_its_primary_and_is_closed_when_it_says_nothing() {
    let mut primary = Primary::default();
    primary.run("CONFIG SET repl-ping-replica-period 2 repl-timeout 5");
    let replica = primary.follower();
    primary.server.advance(4900);
    let heard = primary.output(replica);
    assert_eq!(heard.replace("*1 $4 PING ", "."), "...", "at once, and every two seconds");
    assert!(!primary.server.is_closed(replica));
    primary.send(replica, "REPLCONF ACK 1");
    primary.server.advance(5000);
    assert!(!primary.server.is_closed(replica));
    primary.server.advance(2000);
    assert!(primary.server.is_closed(replica));
}

#[test]
fn a_wait_ends_when_replicas_have_said_so() {
    let mut primary = Primary::default();
    let replica = primary.follower();
    primary.run("SET a 1");
    let at = primary.offset();
    assert_eq!(primary.run("WAIT 1 1000"), "", "it waits");
    let stream = primary.output(replica);
    assert!(stream.ends_with("*3 $8 REPLCONF $6 GETACK $1 * "), "{stream}");
    primary.send(replica, &format!("REPLCONF ACK {}", at - 1));
    let client = primary.client;
    assert_eq!(primary.output(client), "");
    primary.send(replica, &format!("REPLCONF ACK {at}"));
    assert_eq!(primary.output(client), ":1 ");
    assert_eq!(primary.run("WAIT 2 1000"), "");
    primary.server.advance(1001);
    assert_eq!(primary.output(client), ":1 ", "one is not two, but the time is over");
}

#[test]
fn who_has_said_nothing_has_not_even_what_came_before_the_stream() {
    let mut primary = Primary::default();
    primary.run("SET a 1");
    let (replica, _) = primary.follow("PSYNC ? -1");
    assert_eq!(primary.offset(), 0, "the stream begins behind the write");
    assert_eq!(primary.run("WAIT 1 1000"), "", "it may not have loaded its snapshot yet");
    primary.send(replica, "REPLCONF ACK 0");
    let client = primary.client;
    assert_eq!(primary.output(client), ":1 ");
    assert_eq!(primary.run("WAITAOF 0 1 1000"), "", "it has no log, as far as is known");
    primary.server.advance(1001);
    assert_eq!(primary.output(client), "*2 :0 :0 ");
}

#[test]
fn a_server_that_comes_again_is_counted_once() {
    let mut primary = Primary::default();
    let before = primary.follower();
    primary.run("SET a 1");
    let at = primary.offset();
    primary.send(before, &format!("REPLCONF ACK {at}"));
    assert_eq!(primary.run("WAIT 1 0"), ":1 ");
    primary.server.advance(1000);
    let again = primary.follower();
    primary.send(again, &format!("REPLCONF ACK {}", at + 100));
    assert_eq!(primary.run("WAIT 2 1000"), "", "the first connection may well be half open");
    // It is another server behind the same address after all.
    primary.server.advance(10);
    primary.send(before, &format!("REPLCONF ACK {at}"));
    let client = primary.client;
    assert_eq!(primary.output(client), ":2 ");
}

#[test]
fn waitaof_counts_replicas_that_have_synced() {
    let mut primary = Primary::default();
    let replica = primary.follower();
    primary.run("SET a 1");
    let at = primary.offset();
    assert_eq!(primary.run("WAITAOF 0 1 0"), "");
    primary.send(replica, &format!("REPLCONF ACK {at}"));
    let client = primary.client;
    assert_eq!(primary.output(client), "");
    primary.send(replica, &format!("REPLCONF ACK {at} FACK {at}"));
    assert_eq!(primary.output(client), "*2 :0 :1 ");
}

#[test]
fn too_few_followers_stop_writes_where_that_is_asked_for() {
    let mut primary = Primary::default();
    primary.run("CONFIG SET min-replicas-to-write 1 min-replicas-max-lag 3");
    let refused = "-NOREPLICAS Not enough good replicas to write. ";
    assert_eq!(primary.run("SET a 1"), refused);
    assert_eq!(primary.run("GET a"), "$-1 ");
    let replica = primary.follower();
    assert_eq!(primary.run("SET a 1"), "+OK ");
    primary.server.advance(4000);
    assert_eq!(primary.run("SET a 1"), refused);
    primary.send(replica, "REPLCONF ACK 1");
    assert_eq!(primary.run("SET a 1"), "+OK ");
}

#[test]
fn a_stream_that_nobody_follows_is_forgotten() {
    let mut primary = Primary::default();
    primary.run("CONFIG SET repl-backlog-ttl 10");
    let replica = primary.follower();
    primary.run("SET a 1");
    let (id, at) = (primary.id(), primary.offset());
    primary.server.disconnect(replica);
    primary.server.advance(9000);
    assert_eq!(primary.id(), id);
    primary.server.advance(3000);
    assert_ne!(primary.id(), id, "what comes is another history");
    let (_, answer) = primary.follow(&format!("PSYNC {id} {}", at + 1));
    assert!(!answer.contains("CONTINUE"), "{answer}");
}

#[test]
fn who_wants_a_snapshot_alone_is_let_go_behind_it() {
    let mut primary = Primary::default();
    primary.run("SET a 1");
    let client = primary.server.connect();
    primary.send(client, "REPLCONF rdb-only 1");
    let answer = primary.send(client, "SYNC");
    assert!(answer.contains("REDIS0011"), "{answer}");
    assert!(primary.server.is_closed(client));
}

#[test]
fn who_wants_no_keys_gets_none() {
    let mut primary = Primary::default();
    primary.run("SET alpha 1");
    let client = primary.server.connect();
    assert_eq!(primary.send(client, "REPLCONF rdb-filter-only \"\" capa eof"), "+OK ");
    let answer = primary.send(client, "PSYNC ? -1");
    assert!(answer.contains("REDIS0011") && !answer.contains("alpha"), "{answer}");
}

#[test]
fn a_replica_whose_command_is_answered_is_closed() {
    let mut primary = Primary::default();
    let replica = primary.follower();
    primary.send(replica, "GET a");
    assert!(primary.server.is_closed(replica));
}

#[test]
fn a_replica_that_reads_nothing_is_closed_at_its_output_limit() {
    let mut primary = Primary::default();
    primary
        .run("CONFIG SET repl-backlog-size 16kb client-output-buffer-limit \"replica 100kb 0 0\"");
    let (replica, _) = primary.follow("PSYNC ? -1");
    for _ in 0..3 {
        primary.run(&format!("SET a {}", "x".repeat(40_000)));
    }
    assert!(primary.server.is_closed(replica), "it never said that it found the mark");
    let info = primary.run("INFO replication");
    assert!(info.contains("connected_slaves:0"), "{info}");
}

/// One field of INFO replication.
fn field(primary: &mut Primary, name: &str) -> String {
    let info = primary.run("INFO replication");
    let words: Vec<_> = info.split(' ').collect();
    let prefix = format!("{name}:");
    words.iter().find_map(|word| word.strip_prefix(&prefix)).expect("INFO has it").to_owned()
}

/// The connection to the replica that is to lead, up to its answer to PSYNC; what that asks for.
fn greet(primary: &mut Primary) -> (u64, String) {
    let asked = primary.server.take_connects();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!((asked[0].host.as_str(), asked[0].port), ("127.0.0.1", 7001));
    let attempt = asked[0].attempt;
    assert!(primary.server.link_connected(attempt));
    primary.server.link_receive(attempt, b"+PONG\r\n+OK\r\n+OK\r\n+OK\r\n");
    let said = primary.server.link_output().escape_ascii().to_string().replace("\\r\\n", " ");
    let at = said.find("$5 PSYNC").expect("it asks to go on");
    (attempt, said[at..].to_owned())
}

#[test]
fn a_failover_waits_until_a_replica_has_all_and_asks_that_one_to_lead() {
    let mut primary = Primary::default();
    let replica = primary.follower();
    primary.run("SET a 1");
    let writer = primary.server.connect();
    assert_eq!(primary.run("FAILOVER TO 127.0.0.1 7001"), "+OK ");
    assert_eq!(field(&mut primary, "master_failover_state"), "waiting-for-sync");
    assert_eq!(primary.send(writer, "SET b 1"), "");
    let (id, at) = (primary.id(), primary.offset());
    primary.send(replica, &format!("REPLCONF ACK {}", at - 1));
    assert_eq!(field(&mut primary, "role"), "master");
    primary.send(replica, &format!("REPLCONF ACK {at}"));
    assert_eq!(field(&mut primary, "role"), "slave");
    assert_eq!(field(&mut primary, "master_failover_state"), "failover-in-progress");
    assert_eq!(primary.run("FAILOVER"), "-ERR FAILOVER already in progress. ");
    let (attempt, said) = greet(&mut primary);
    let next = (at + 1).to_string();
    assert_eq!(said, format!("$5 PSYNC $40 {id} ${} {next} $8 FAILOVER ", next.len()));
    assert_eq!(primary.output(writer), "", "as long as nobody leads nobody is refused");
    let new_id = "0123456789".repeat(4);
    primary.server.link_receive(attempt, format!("+CONTINUE {new_id}\r\n").as_bytes());
    assert_eq!(field(&mut primary, "master_failover_state"), "no-failover");
    assert_eq!(field(&mut primary, "master_replid"), new_id);
    assert!(primary.output(writer).starts_with("-READONLY "));
}

#[test]
fn a_replica_that_refuses_to_lead_leaves_the_primary_its_role() {
    for refusal in ["-NOPERM no", "-ERR unknown command", "-LOADING not now", "+HELLO"] {
        let mut primary = Primary::default();
        let replica = primary.follower();
        let writer = primary.server.connect();
        primary.run("SET a 1");
        let (id, at) = (primary.id(), primary.offset());
        primary.run("FAILOVER");
        assert_eq!(primary.send(writer, "SET b 1"), "");
        primary.send(replica, &format!("REPLCONF ACK {at}"));
        let (attempt, _) = greet(&mut primary);
        primary.server.link_receive(attempt, format!("{refusal}\r\n").as_bytes());
        assert!(!primary.server.link_is_open(attempt));
        assert_eq!(field(&mut primary, "master_failover_state"), "no-failover");
        assert_eq!(field(&mut primary, "role"), "master");
        assert_eq!(primary.output(writer), "+OK ", "{refusal}");
        // What it wrote since is of another history, which goes on where the one before ended.
        assert!(primary.server.is_closed(replica));
        let (_, answer) = primary.follow(&format!("PSYNC {id} {}", at + 1));
        assert!(answer.starts_with("+CONTINUE "), "{answer}");
    }
}

#[test]
fn a_failover_by_force_goes_on_when_its_time_is_over_and_can_be_given_up_then() {
    let mut primary = Primary::default();
    primary.follower();
    primary.run("SET a 1");
    assert_eq!(primary.run("FAILOVER TO 127.0.0.1 7001 TIMEOUT 50 FORCE"), "+OK ");
    assert_eq!(field(&mut primary, "role"), "master");
    primary.server.advance(50);
    assert_eq!(field(&mut primary, "role"), "slave");
    let attempt = primary.server.take_connects()[0].attempt;
    primary.server.link_closed(attempt);
    primary.server.advance(200);
    assert_eq!(primary.server.take_connects().len(), 1, "it is asked again soon");
    assert_eq!(field(&mut primary, "master_failover_state"), "failover-in-progress");
    assert_eq!(primary.run("REPLICAOF NO ONE"), "-ERR REPLICAOF not allowed while failing over. ");
    assert_eq!(primary.run("FAILOVER ABORT"), "+OK ");
    assert_eq!(field(&mut primary, "role"), "master");
    assert_eq!(primary.run("SET a 2"), "+OK ");
}

#[test]
fn a_replica_leads_if_its_primary_asks_it_to() {
    let mut primary = Primary::default();
    primary.run("REPLICAOF 127.0.0.1 7001");
    let asked = primary.server.take_connects();
    assert!(primary.server.link_connected(asked[0].attempt));
    let id = "0123456789".repeat(4);
    let mut answers =
        format!("+PONG\r\n+OK\r\n+OK\r\n+OK\r\n+FULLRESYNC {id} 100\r\n").into_bytes();
    let mut other = Primary::default();
    other.run("SAVE");
    let rdb = disk::read(other.server.disk(), Path::new("dump.rdb")).expect("it was saved");
    answers.extend(format!("${}\r\n", rdb.len()).into_bytes());
    answers.extend(rdb);
    primary.server.link_receive(asked[0].attempt, &answers);
    assert_eq!(field(&mut primary, "master_link_status"), "up");
    let client = primary.server.connect();
    let wrong = "9".repeat(40);
    assert_eq!(
        primary.send(client, &format!("PSYNC {wrong} 101 FAILOVER")),
        "-ERR PSYNC FAILOVER replid must match my replid. "
    );
    assert_eq!(field(&mut primary, "role"), "slave");
    let answer = primary.send(client, &format!("PSYNC {id} 101 FAILOVER"));
    assert!(answer.starts_with("+CONTINUE"), "{answer}");
    assert_eq!(field(&mut primary, "role"), "master");
    assert_eq!(field(&mut primary, "master_replid2"), id);
    assert_eq!(field(&mut primary, "second_repl_offset"), "101");
}

#[test]
fn a_data_set_with_bytes_behind_it_is_not_taken() {
    const EMPTY: &[u8] = b"REDIS0011\xff\0\0\0\0\0\0\0\0";
    let mark = "0123456789".repeat(4);
    for (behind, status, old) in [("", "up", "$-1 "), ("more", "down", "$1 v ")] {
        let set = [EMPTY, behind.as_bytes()].concat();
        let counted = [format!("${}\r\n", set.len()).as_bytes(), &set].concat();
        let marked = [format!("$EOF:{mark}\r\n").as_bytes(), &set, mark.as_bytes()].concat();
        for (load, payload) in
            ["disabled", "swapdb"].into_iter().flat_map(|load| [(load, &counted), (load, &marked)])
        {
            let mut replica = Primary::default();
            replica.run("SET old v");
            replica.run(&format!("CONFIG SET repl-diskless-load {load}"));
            replica.run("REPLICAOF 127.0.0.1 7001");
            let (attempt, _) = greet(&mut replica);
            let answer = format!("+FULLRESYNC {mark} 100\r\n");
            replica.server.link_receive(attempt, &[answer.as_bytes(), payload].concat());
            assert_eq!(field(&mut replica, "master_link_status"), status, "{load} {behind}");
            assert_eq!(replica.server.link_is_open(attempt), behind.is_empty());
            assert_eq!(replica.run("GET old"), old, "{load} {behind}");
        }
    }
}

/// A primary with a replica that lags behind, and the offset that it lacks.
fn with_laggard() -> (Primary, ClientId, u64) {
    let mut primary = Primary::default();
    let replica = primary.follower();
    primary.run("SET a 1");
    let at = primary.offset();
    (primary, replica, at)
}

#[test]
fn the_end_waits_until_replicas_have_all() {
    let (mut primary, replica, at) = with_laggard();
    let [watcher, writer] = [(); 2].map(|()| primary.server.connect());
    assert_eq!(primary.run("SHUTDOWN"), "");
    let info = primary.send(watcher, "INFO server");
    assert!(info.contains("shutdown_in_milliseconds:10000"), "{info}");
    assert_eq!(primary.send(writer, "SET a 2"), "");
    let stream = primary.output(replica);
    assert!(stream.ends_with("*3 $8 REPLCONF $6 GETACK $1 * "), "{stream}");
    primary.send(replica, &format!("REPLCONF ACK {}", at - 1));
    assert_eq!(primary.send(watcher, "PING"), "+PONG ");
    primary.send(replica, &format!("REPLCONF ACK {at}"));
    assert!(primary.server.is_closed(watcher), "it has ended");
    assert_eq!(primary.output(writer), "", "what came too late was not written");
}

#[test]
fn the_end_waits_for_replicas_no_longer_than_it_may_or_is_to() {
    let (mut primary, _, _) = with_laggard();
    let watcher = primary.server.connect();
    primary.run("SHUTDOWN");
    primary.server.advance(9999);
    assert!(!primary.server.is_closed(watcher));
    primary.server.advance(1);
    assert!(primary.server.is_closed(watcher));
    for given_up in ["CONFIG SET shutdown-timeout 0", "CLIENT KILL TYPE replica", "PING"] {
        let (mut primary, _, _) = with_laggard();
        let watcher = primary.server.connect();
        primary.run(given_up);
        primary.run(if given_up == "PING" { "SHUTDOWN NOW" } else { "SHUTDOWN" });
        assert!(primary.server.is_closed(watcher), "{given_up}");
    }
}

#[test]
fn an_end_that_waits_for_replicas_can_be_given_up() {
    let (mut primary, _, _) = with_laggard();
    let [watcher, other, writer] = [(); 3].map(|()| primary.server.connect());
    assert_eq!(primary.send(watcher, "SHUTDOWN ABORT"), "-ERR No shutdown in progress. ");
    assert_eq!(primary.run("SHUTDOWN"), "");
    assert_eq!(primary.send(other, "SHUTDOWN NOW"), "", "it waits with the first");
    assert_eq!(primary.send(writer, "SET a 2"), "");
    assert_eq!(primary.send(watcher, "CLIENT UNPAUSE"), "+OK ");
    assert_eq!(primary.output(writer), "", "this pause is another's");
    assert_eq!(primary.send(watcher, "SHUTDOWN ABORT now"), "-ERR syntax error ");
    assert_eq!(primary.send(watcher, "SHUTDOWN ABORT"), "+OK ");
    let refused = "-ERR Errors trying to SHUTDOWN. Check logs. ";
    let first = primary.client;
    assert_eq!([primary.output(first), primary.output(other)], [refused, refused]);
    assert_eq!(primary.output(writer), "+OK ");
    primary.server.advance(20_000);
    assert_eq!(primary.send(watcher, "PING"), "+PONG ");
}

#[test]
fn a_snapshot_for_replicas_is_one_that_runs() {
    let mut primary = Primary::default();
    primary.server.hold_snapshots();
    let runs = |primary: &mut Primary| {
        primary.run("INFO persistence").contains("rdb_bgsave_in_progress:1")
    };
    assert!(!runs(&mut primary));
    primary.follow("PSYNC ? -1");
    assert!(runs(&mut primary));
    primary.server.take_snapshots();
    assert!(!runs(&mut primary));
}

#[test]
fn replicas_can_be_sent_what_is_not_run() {
    let mut primary = Primary::default();
    let replica = primary.follower();
    assert_eq!(primary.run("DEBUG REPLICATE set a 1"), "+OK ");
    assert_eq!(primary.output(replica), format!("{SELECT_0}*3 $3 set $1 a $1 1 "));
    assert_eq!(primary.run("EXISTS a"), ":0 ");
}

#[test]
fn what_a_transaction_with_a_failover_wrote_is_waited_for() {
    let mut primary = Primary::default();
    let replica = primary.follower();
    for line in ["MULTI", "SET a 1", "FAILOVER", "SET b 2", "EXEC"] {
        primary.run(line);
    }
    primary.server.advance(1);
    assert_eq!(field(&mut primary, "master_failover_state"), "waiting-for-sync");
    let stream = primary.output(replica);
    assert!(stream.contains("SET $1 a") && stream.contains("SET $1 b"), "{stream}");
    let at = primary.offset();
    primary.send(replica, &format!("REPLCONF ACK {at}"));
    assert_eq!(field(&mut primary, "role"), "slave");
}

#[test]
fn a_failover_begins_at_once_where_a_replica_has_all() {
    let mut primary = Primary::default();
    let replica = primary.follower();
    primary.run("SET a 1");
    let at = primary.offset();
    primary.send(replica, &format!("REPLCONF ACK {at}"));
    assert_eq!(primary.run("FAILOVER"), "+OK ");
    primary.server.advance(1);
    assert_eq!(field(&mut primary, "master_failover_state"), "failover-in-progress");
}
