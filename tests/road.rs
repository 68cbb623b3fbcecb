//! The road of a command, driven in process: turns and where they end, pauses, replies that are not
//! wanted, and what others get to see of a write.

use larder::client::ClientId;
use larder::config::Config;
use larder::exec::turn::{self, Ended, Scratch};
use larder::server::Timer;
use larder::testing::{InProcess, Recorder};
use proptest::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// A server with one client.
struct Fixture {
    server: InProcess,
    client: ClientId,
    fed: Recorder,
}

impl Fixture {
    fn new() -> Self {
        let mut server = InProcess::new(Config::default(), 1);
        let client = server.connect();
        Self { server, client, fed: Recorder::default() }
    }

    /// One whose writes are fed to somebody, and whose keys expire only when they are looked up.
    fn fed() -> Self {
        let mut fixture = Self::new();
        let fed = fixture.fed.clone();
        fixture.server.server().add_feed(Box::new(fed));
        fixture.server.server().active_expire = false;
        fixture
    }

    fn send(&mut self, bytes: &[u8]) -> String {
        let client = self.client;
        self.send_as(client, bytes)
    }

    fn send_as(&mut self, client: ClientId, bytes: &[u8]) -> String {
        self.server.send(client, bytes);
        String::from_utf8_lossy(&self.server.take_output(client)).into_owned()
    }

    /// Runs a line; answers the reply.
    fn run(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes())
    }

    /// What was fed since this was last asked.
    fn take_fed(&mut self) -> String {
        self.fed.take_words()
    }

    /// Runs lines without a look at their replies, then each case, which must feed this.
    fn check_fed(&mut self, setup: &[&str], cases: &[(&str, &str)]) {
        for line in setup {
            self.run(line);
        }
        self.take_fed();
        for (line, fed) in cases {
            let reply = self.run(line);
            assert_eq!(self.take_fed(), *fed, "{line} answered {reply}");
        }
    }
}

fn multibulk(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// What a new server answers to these pieces, and whether it ended the connection.
fn replies(pieces: &[&[u8]]) -> (String, bool) {
    let mut fixture = Fixture::new();
    let mut output = String::new();
    for piece in pieces {
        output.push_str(&fixture.send(piece));
    }
    (output, fixture.server.is_closed(fixture.client))
}

/// Commands of every shape: multibulk and inline, with quotes, that wait, that queue, that fail.
fn commands() -> Vec<Vec<u8>> {
    vec![
        multibulk(&[b"SET", b"k", b"value"]),
        multibulk(&[b"GET", b"k"]),
        multibulk(&[b"SET", b"", &[b'x'; 70]]),
        multibulk(&[b"APPEND", b"k", b"\r\n$3\r\n"]),
        multibulk(&[b"MGET", b"k", b"", b"none"]),
        multibulk(&[b"INCR", b"k"]),
        multibulk(&[b"NOSUCH", b"word"]),
        multibulk(&[b"FLUSHALL", b"SYNC"]),
        multibulk(&[b"MULTI"]),
        multibulk(&[b"EXEC"]),
        multibulk(&[b"CLIENT", b"REPLY", b"SKIP"]),
        multibulk(&[b"SELECT", b"1"]),
        b"INCR counter\r\n".to_vec(),
        b"SET \"quoted key\" 'it\\'s'\r\n".to_vec(),
        b"GET \"quoted\\x20key\"\n".to_vec(),
        b"\r\n".to_vec(),
        b"*0\r\n".to_vec(),
        b"*-1\r\n".to_vec(),
    ]
}

#[test]
fn a_pipeline_cut_at_any_byte_is_answered_like_a_whole_one() {
    let mut pipeline = commands().concat();
    pipeline.extend_from_slice(b"*1\r\n!broken\r\nPING\r\n");
    let whole = replies(&[&pipeline]);
    assert!(whole.1 && whole.0.ends_with("-ERR Protocol error: expected '$', got '!'\r\n"));
    for cut in 0..=pipeline.len() {
        let (first, second) = pipeline.split_at(cut);
        assert_eq!(replies(&[first, second]), whole, "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn pieces_of_any_sizes_are_answered_like_a_whole(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..700),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let commands = commands();
        let pipeline: Vec<u8> =
            picks.iter().flat_map(|pick| pick.get(&commands).iter().copied()).collect();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(pipeline.len())).collect();
        cuts.extend([0, pipeline.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|at| &pipeline[at[0]..at[1]]).collect();
        prop_assert_eq!(replies(&pieces), replies(&[&pipeline]));
    }
}

#[test]
fn others_have_their_turn_after_so_many_commands() {
    let mut fixture = Fixture::new();
    let input = b"INCR k\r\n".repeat(1000);
    let mut scratch = Scratch::default();
    let (used, ended) = turn::run(fixture.server.server(), fixture.client, &input, &mut scratch);
    assert_eq!((used, ended), (512 * 8, Ended::Again));
    let (used, ended) =
        turn::run(fixture.server.server(), fixture.client, &input[used..], &mut scratch);
    assert_eq!((used, ended), (488 * 8, Ended::NeedsInput));
    assert_eq!(
        fixture.run("GET k"),
        (1..=1000).map(|n| format!(":{n}\r\n")).collect::<String>() + "$4\r\n1000\r\n"
    );
}

#[test]
fn others_have_their_turn_after_a_millisecond() {
    static TICKS: AtomicU64 = AtomicU64::new(0);
    let mut fixture = Fixture::new();
    // Every reading is 300 microseconds after the one before.
    fixture.server.server().timer =
        Timer::new(|| TICKS.fetch_add(300, Ordering::Relaxed), |ticks| ticks * 1000);
    let input = b"PING\r\n".repeat(10);
    let (used, ended) =
        turn::run(fixture.server.server(), fixture.client, &input, &mut Scratch::default());
    assert_eq!((used, ended), (4 * 6, Ended::Again));
    let (used, ended) =
        turn::run(fixture.server.server(), fixture.client, &input[..6], &mut Scratch::default());
    assert_eq!((used, ended), (6, Ended::NeedsInput), "a turn runs one command at least");
}

#[test]
fn a_client_that_waits_leaves_its_input_until_it_is_answered() {
    let mut fixture = Fixture::new();
    let input = b"SET k v\r\nFLUSHALL SYNC\r\nDBSIZE\r\nSET \"k\" v\r\n";
    let server = fixture.server.server();
    let (used, ended) = turn::run(server, fixture.client, input, &mut Scratch::default());
    assert_eq!((used, ended), (b"SET k v\r\nFLUSHALL SYNC\r\n".len(), Ended::Stopped));
    let (used, ended) = turn::run(server, fixture.client, &input[used..], &mut Scratch::default());
    assert_eq!((used, ended), (0, Ended::Stopped), "it still waits");
    // The actions are carried out behind any client's turn.
    let other = fixture.server.connect();
    assert_eq!(fixture.send_as(other, b"PING\r\n"), "+PONG\r\n");
    assert_eq!(fixture.send(&input[24..]), "+OK\r\n+OK\r\n:0\r\n+OK\r\n");
}

#[test]
fn no_client_ends_anothers_wait_for_the_process() {
    let mut fixture = Fixture::new();
    let input = b"FLUSHALL SYNC\r\n";
    turn::run(fixture.server.server(), fixture.client, input, &mut Scratch::default());
    let other = fixture.server.connect();
    assert_eq!(fixture.send_as(other, b"CLIENT UNBLOCK 1\r\n"), ":0\r\n");
    assert_eq!(fixture.run("PING"), "+OK\r\n+PONG\r\n");
}

#[test]
fn a_late_answer_finds_its_client_gone() {
    let mut fixture = Fixture::new();
    let input = b"FLUSHALL SYNC\r\n";
    turn::run(fixture.server.server(), fixture.client, input, &mut Scratch::default());
    fixture.server.disconnect(fixture.client);
    let next = fixture.server.connect();
    assert_eq!(fixture.send_as(next, b"PING\r\n"), "+PONG\r\n", "its slot has a new tenant");
}

#[test]
fn replies_that_are_not_wanted_are_not_sent() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.run("CLIENT REPLY OFF"), "");
    assert_eq!(fixture.send(b"SET k v\r\nGET k\r\nNOSUCH\r\nGET\r\nFLUSHALL SYNC\r\n"), "");
    assert_eq!(fixture.run("CLIENT REPLY SKIP"), "", "it stays off");
    assert_eq!(fixture.run("CLIENT REPLY ON"), "+OK\r\n");
    assert_eq!(fixture.send(b"CLIENT REPLY SKIP\r\nPING\r\nECHO a\r\n"), "$1\r\na\r\n");
    assert_eq!(fixture.send(b"CLIENT REPLY SKIP\r\nFLUSHALL SYNC\r\nECHO b\r\n"), "$1\r\nb\r\n");
    assert_eq!(fixture.send(b"CLIENT REPLY OFF\r\n*1\r\n!\r\n"), "");
    assert!(fixture.server.is_closed(fixture.client), "a protocol error ends it all the same");
}

#[test]
fn a_protocol_error_is_answered_behind_what_came_before_it() {
    let mut fixture = Fixture::new();
    let replies = fixture.send(b"PING\r\nSET k v\r\n*1\r\n$x\r\nPING\r\n");
    assert_eq!(replies, "+PONG\r\n+OK\r\n-ERR Protocol error: invalid bulk length\r\n");
    assert!(fixture.server.is_closed(fixture.client));
    assert_eq!(fixture.send(b"PING\r\n"), "");
}

#[test]
fn a_paused_client_goes_on_where_it_stopped() {
    let mut fixture = Fixture::new();
    let admin = fixture.server.connect();
    assert_eq!(fixture.send_as(admin, b"CLIENT PAUSE 1000 WRITE\r\n"), "+OK\r\n");
    assert_eq!(fixture.send(b"GET k\r\nSET k v\r\nGET k\r\n"), "$-1\r\n");
    assert_eq!(fixture.send(b"SET 'k' w\r\n"), "", "input behind it waits as well");
    fixture.server.advance(900);
    assert_eq!(fixture.send(b""), "");
    fixture.server.advance(200);
    assert_eq!(fixture.send(b""), "+OK\r\n$1\r\nv\r\n+OK\r\n");
}

#[test]
fn quotes_do_not_get_a_write_past_a_pause() {
    let mut fixture = Fixture::new();
    let admin = fixture.server.connect();
    fixture.send_as(admin, b"CLIENT PAUSE 1000 WRITE\r\n");
    assert_eq!(fixture.send(b"SET \"k\" v\r\nPING\r\n"), "");
    assert_eq!(fixture.send_as(admin, b"CLIENT UNPAUSE\r\n"), "+OK\r\n");
    assert_eq!(fixture.send(b""), "+OK\r\n+PONG\r\n");
}

#[test]
fn a_write_just_after_a_pause_finds_expired_keys_gone() {
    let mut fixture = Fixture::new();
    let admin = fixture.server.connect();
    fixture.run("SET k 41 PX 30");
    fixture.send_as(admin, b"CLIENT PAUSE 50\r\n");
    // The next tick is at 100 ms.
    fixture.server.advance(60);
    assert_eq!(fixture.run("INCR k"), ":1\r\n");
}

#[test]
fn keys_that_expired_during_a_pause_leave_when_it_ends() {
    let mut fixture = Fixture::new();
    let admin = fixture.server.connect();
    fixture.run("SET k v PX 30");
    fixture.send_as(admin, b"CLIENT PAUSE 1000 WRITE\r\n");
    fixture.server.advance(60);
    assert_eq!(fixture.run("DBSIZE"), ":1\r\n");
    assert_eq!(fixture.run("GET k"), "$-1\r\n");
    fixture.server.server().keyspace.shared.nearer_deadline = false;
    fixture.send_as(admin, b"CLIENT UNPAUSE\r\n");
    assert!(fixture.server.server().keyspace.shared.nearer_deadline, "the timer is woken");
    fixture.server.advance(1);
    assert_eq!(fixture.run("DBSIZE"), ":0\r\n");
}

#[test]
fn every_idle_client_is_closed_within_a_second() {
    let mut fixture = Fixture::new();
    fixture.run("CONFIG SET timeout 1");
    let clients: Vec<_> = (0..1000).map(|_| fixture.server.connect()).collect();
    fixture.server.advance(1000);
    assert!(clients.iter().all(|client| !fixture.server.is_closed(*client)));
    fixture.server.advance(1200);
    assert!(clients.iter().all(|client| fixture.server.is_closed(*client)));
}

#[test]
fn times_to_live_are_fed_as_deadlines() {
    Fixture::fed().check_fed(
        &["SET k v"],
        &[
            ("EXPIRE k 10", "PEXPIREAT k 1700000010000"),
            ("PEXPIRE k 1500", "PEXPIREAT k 1700000001500"),
            ("EXPIREAT k 1700000020", "PEXPIREAT k 1700000020000"),
            ("PEXPIREAT k 1700000000007", "PEXPIREAT k 1700000000007"),
            ("EXPIRE k 10 NX", ""),
            ("EXPIRE none 10", ""),
            ("PERSIST k", "PERSIST k"),
            ("PERSIST k", ""),
            ("TTL k", ""),
            ("TOUCH k", ""),
            ("EXPIRE k -1", "DEL k"),
            ("EXPIRE k -1", ""),
        ],
    );
}

#[test]
fn keys_that_go_elsewhere_are_fed_as_received() {
    Fixture::fed().check_fed(
        &["MSET a 1 b 2 c 3"],
        &[
            ("RENAME a d", "RENAME a d"),
            ("RENAME a d", ""),
            ("RENAMENX b c", ""),
            ("RENAMENX b a", "RENAMENX b a"),
            ("COPY a d", ""),
            ("COPY a d REPLACE", "COPY a d REPLACE"),
            ("COPY a a DB 1", "COPY a a DB 1"),
            ("MOVE a 1", ""),
            ("MOVE d 1", "MOVE d 1"),
            ("SWAPDB 0 1", "SWAPDB 0 1"),
            ("SWAPDB 1 1", "SWAPDB 1 1"),
            ("DEL none", ""),
            ("DEL a none d", "DEL a none d"),
            ("UNLINK c", ""),
            ("FLUSHDB", "FLUSHDB"),
            ("FLUSHALL ASYNC", "FLUSHALL ASYNC"),
            ("DBSIZE", ""),
        ],
    );
}

#[test]
fn restore_is_fed_with_the_time_at_which_the_key_expires() {
    let mut fixture = Fixture::fed();
    fixture.run("SET k 12");
    fixture.server.send(fixture.client, b"DUMP k\r\n");
    let reply = fixture.server.take_output(fixture.client);
    let start = reply.iter().position(|b| *b == b'\n').expect("a bulk") + 1;
    let payload = reply[start..reply.len() - 2].to_vec();
    let shown = payload.escape_ascii().to_string();
    let mut restore = |words: &[&[u8]]| {
        fixture.take_fed();
        let mut argv: Vec<&[u8]> = vec![b"RESTORE", words[0], words[1], &payload];
        argv.extend(&words[2..]);
        let reply = fixture.send(&multibulk(&argv));
        (reply, fixture.take_fed())
    };
    let ok = |fed: String| ("+OK\r\n".to_owned(), fed);
    assert_eq!(restore(&[b"n", b"0"]), ok(format!("RESTORE n 0 {shown}")));
    assert_eq!(
        restore(&[b"n", b"1000", b"REPLACE"]),
        ok(format!("RESTORE n 1700000001000 {shown} REPLACE ABSTTL"))
    );
    assert_eq!(
        restore(&[b"n", b"1700000000500", b"REPLACE", b"ABSTTL"]),
        ok(format!("RESTORE n 1700000000500 {shown} REPLACE ABSTTL"))
    );
    assert_eq!(restore(&[b"n", b"1", b"REPLACE", b"ABSTTL"]), ok("DEL n".to_owned()));
    assert_eq!(restore(&[b"n", b"1", b"REPLACE", b"ABSTTL"]), ok(String::new()));
    // Past the end of time there is none.
    let (reply, _) = restore(&[b"n", b"9223372036854775807"]);
    assert_eq!(reply, "+OK\r\n");
    assert_eq!(fixture.run("PEXPIRETIME n"), ":9223372036854775807\r\n");
}

#[test]
fn keys_that_expire_under_a_command_are_deleted_before_it() {
    let mut fixture = Fixture::fed();
    fixture.check_fed(&["SET a 1 PX 10", "SET b 2 PX 10", "SET c 3 PX 10", "SET d 4 PX 10"], &[]);
    fixture.server.advance(20);
    fixture.check_fed(
        &[],
        &[
            ("GET a", "DEL a"),
            ("GET a", ""),
            ("MSET b x c y", "MULTI; DEL b; DEL c; MSET b x c y; EXEC"),
            ("EXPIRE d 10", "DEL d"),
        ],
    );
}

#[test]
fn keys_that_expire_by_themselves_are_deleted_one_by_one() {
    let mut fixture = Fixture::fed();
    fixture.server.server().active_expire = true;
    fixture.check_fed(&["SET a 1 PX 10", "SELECT 1", "SET b 2 PX 10"], &[]);
    fixture.server.advance(10);
    let fed = fixture.fed.take();
    assert_eq!(fed, [(0, "DEL a".to_owned()), (1, "DEL b".to_owned())]);
}

#[test]
fn a_transaction_is_fed_as_one() {
    let mut fixture = Fixture::fed();
    for line in ["MULTI", "SET a 1", "GET a", "EXPIRE a 10", "DEL none"] {
        fixture.run(line);
        assert_eq!(fixture.take_fed(), "");
    }
    fixture.run("EXEC");
    assert_eq!(fixture.take_fed(), "MULTI; SET a 1; PEXPIREAT a 1700000010000; EXEC");
}
