//! The append-only file of a whole server, over a disk in memory.

use larder::client::ClientId;
use larder::config::{Config, Guard};
use larder::persist::disk::{Disk, Simulated, read};
use larder::testing::InProcess;
use std::io::ErrorKind;
use std::path::Path;

/// A server with an append-only file, started over what a disk holds, and a client of it.
struct Logged {
    server: InProcess,
    client: ClientId,
}

fn config(options: &[(&str, &str)]) -> Config {
    let mut config = Config { enable_debug_command: Guard::Yes, ..Config::default() };
    let pairs: Vec<_> =
        options.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    config.set_many(&[(b"appendonly".as_slice(), b"yes".as_slice())]).unwrap();
    config.set_many(&pairs).unwrap();
    config
}

impl Logged {
    fn start(disk: &Simulated, options: &[(&str, &str)]) -> Self {
        let mut server = InProcess::start(config(options), 1, disk.clone()).unwrap();
        let client = server.connect();
        Self { server, client }
    }

    /// Sends an inline command; what is answered to it now.
    fn run(&mut self, line: &str) -> String {
        self.run_as(self.client, line)
    }

    fn run_as(&mut self, client: ClientId, line: &str) -> String {
        self.server.send(client, format!("{line}\r\n").as_bytes());
        self.output(client)
    }

    fn output(&mut self, client: ClientId) -> String {
        let text = String::from_utf8_lossy(&self.server.take_output(client)).into_owned();
        text.trim_end().replace("\r\n", " ")
    }

    fn digest(&mut self) -> String {
        self.run("debug digest")
    }

    /// A line of INFO.
    fn info(&mut self, name: &str) -> String {
        let info = self.run("info persistence");
        let line = info.split(' ').find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("{name} is not told")).to_owned()
    }
}

fn text(disk: &Simulated, name: &str) -> String {
    let bytes = read(disk, &Path::new("appendonlydir").join(name)).unwrap();
    String::from_utf8_lossy(&bytes).replace("\r\n", " ")
}

#[test]
fn a_server_finds_again_what_it_logged() {
    for preamble in ["yes", "no"] {
        let disk = Simulated::default();
        let options = [("aof-use-rdb-preamble", preamble)];
        let mut first = Logged::start(&disk, &options);
        for line in [
            "set s 1",
            "setex t 100 v",
            "rpush l a b c",
            "sadd i 1 2 3",
            "sadd st a b",
            "zadd z 1.5 a inf b",
            "hset h f 1 g 2",
            "hpexpire h 50000 fields 1 g",
            "select 3",
            "set in3 x",
            "select 0",
            "incr s",
            "multi",
            "incr s",
            "rpop l",
            "exec",
        ] {
            first.run(line);
        }
        for n in 0..200 {
            first.run(&format!("rpush long {n}"));
            first.run(&format!("hset wide f{n} {n}"));
        }
        let digest = first.digest();
        assert_eq!(Logged::start(&disk, &options).digest(), digest, "{preamble}");
        assert_eq!(first.run("bgrewriteaof"), "+Background append only file rewriting started");
        assert_eq!(first.info("aof_last_bgrewrite_status"), "ok");
        first.run("append s behind");
        let digest = first.digest();
        assert_eq!(Logged::start(&disk, &options).digest(), digest, "{preamble}, rewritten");
        first.run("debug loadaof");
        assert_eq!(first.digest(), digest, "{preamble}, loaded anew");
        assert_eq!(first.run("set k v"), "+OK");
    }
}

#[test]
fn nothing_expires_while_the_log_is_loaded() {
    let disk = Simulated::default();
    let mut first = Logged::start(&disk, &[]);
    first.run("set n 1 px 100");
    first.run("incr n");
    first.run("hset h f 1 g 2");
    first.run("hpexpire h 50 fields 1 f");
    first.run("hincrby h f 5");
    first.run("persist n");
    first.run("hpersist h fields 1 f");
    let digest = first.digest();
    let mut second = Logged::start(&disk, &[]);
    second.server.advance(1000);
    assert_eq!(second.digest(), digest);
}

#[test]
fn keys_past_their_deadline_go_once_the_log_is_loaded() {
    let disk = Simulated::default();
    let mut first = Logged::start(&disk, &[]);
    first.run("pexpireat k 1");
    first.run("set k v pxat 1700000000050");
    let mut second = Logged::start(&disk, &[]);
    assert_eq!(second.run("exists k"), ":1");
    second.server.advance(60);
    assert_eq!(second.run("exists k"), ":0");
    assert!(text(&disk, "appendonly.aof.1.incr.aof").ends_with("*2 $3 DEL $1 k "));
}

#[test]
fn with_always_a_reply_waits_for_its_sync_and_others_go_on() {
    let disk = Simulated::default();
    let mut server = Logged::start(&disk, &[("appendfsync", "always")]);
    let (writer, reader) = (server.client, server.server.connect());
    let blocked = server.server.connect();
    assert_eq!(server.run_as(blocked, "blpop q 0"), "");
    server.server.hold_writer(true);
    assert_eq!(server.run("set k v"), "");
    assert_eq!(server.run("rpush q x"), "");
    assert_eq!(server.run("get k"), "", "what it sent before is not answered yet");
    assert_eq!(server.run_as(reader, "get k"), "$1 v");
    assert_eq!(server.output(blocked), "", "its element is not gone from the file yet");
    assert_eq!(server.run_as(reader, "multi"), "+OK");
    assert_eq!(server.run_as(reader, "set k2 v"), "+QUEUED");
    assert_eq!(server.run_as(reader, "exec"), "");
    server.server.hold_writer(false);
    assert_eq!(server.output(writer), "+OK :1 $1 v");
    assert_eq!(server.output(reader), "*1 +OK");
    assert_eq!(server.output(blocked), "*2 $1 q $1 x");
    let found = Logged::start(&disk.after_crash(0), &[]).run("exists k k2 q");
    assert_eq!(found, ":2");
}

#[test]
fn a_disk_that_is_full_refuses_writes_until_it_is_not() {
    for policy in ["always", "everysec", "no"] {
        let disk = Simulated::default();
        let mut server = Logged::start(&disk, &[("appendfsync", policy)]);
        let other = server.server.connect();
        assert_eq!(server.run("set before 1"), "+OK");
        disk.fail_from(0, ErrorKind::StorageFull);
        let answer = if policy == "always" { "" } else { "+OK" };
        assert_eq!(server.run("set while 1"), answer);
        let refusal = "-MISCONF Errors writing to the AOF file: no storage space";
        assert_eq!(server.run_as(other, "set other 1"), refusal);
        assert_eq!(server.run_as(other, "ping"), refusal);
        assert_eq!(server.run_as(other, "get before"), "$1 1");
        server.run_as(other, "multi");
        assert_eq!(server.run_as(other, "set other 1"), refusal);
        server.run_as(other, "discard");
        let info = server.run_as(other, "info persistence");
        assert!(info.contains("aof_last_write_status:err"), "{info}");
        server.server.advance(1000);
        assert_eq!(server.output(server.client), "", "its reply is held as long as it takes");
        disk.heal();
        server.server.advance(1000);
        assert_eq!(server.output(server.client), if policy == "always" { "+OK" } else { "" });
        assert_eq!(server.run_as(other, "set other 1"), "+OK");
        assert_eq!(server.info("aof_last_write_status"), "ok");
        server.server.advance(2000);
        assert_eq!(Logged::start(&disk, &[]).run("exists before while other"), ":3", "{policy}");
    }
}

#[test]
fn appendonly_is_switched_at_run_time() {
    let disk = Simulated::default();
    let mut server = Logged::start(&disk, &[]);
    server.run("set k 1");
    assert_eq!(server.run("config set appendonly no"), "+OK");
    assert_eq!(server.info("aof_enabled"), "0");
    server.run("set k 2");
    assert!(!text(&disk, "appendonly.aof.1.incr.aof").contains("$1 2 "));
    assert_eq!(server.run("config set appendonly yes"), "+OK");
    assert_eq!(server.info("aof_enabled"), "1");
    server.run("set l 3");
    let manifest = "file appendonly.aof.2.base.rdb seq 2 type b\n\
                    file appendonly.aof.2.incr.aof seq 2 type i\n";
    assert_eq!(text(&disk, "appendonly.aof.manifest"), manifest);
    let digest = server.digest();
    assert_eq!(Logged::start(&disk, &[]).digest(), digest);
}

#[test]
fn a_first_rewrite_that_fails_is_begun_again() {
    let disk = Simulated::default();
    let mut server = Logged::start(&disk, &[("appendonly", "no")]);
    server.run("set k 1");
    disk.fail_from(0, ErrorKind::PermissionDenied);
    assert_eq!(server.run("config set appendonly yes"), "+OK");
    assert_eq!(server.info("aof_last_bgrewrite_status"), "err");
    disk.heal();
    server.server.advance(200);
    assert_eq!(server.info("aof_last_bgrewrite_status"), "ok");
    server.run("set l 1");
    let digest = server.digest();
    assert_eq!(Logged::start(&disk, &[]).digest(), digest);
}

#[test]
fn rewrites_that_fail_over_and_over_are_put_off() {
    let disk = Simulated::default();
    let mut server = Logged::start(&disk, &[("appendonly", "no")]);
    disk.fail_from(0, ErrorKind::PermissionDenied);
    server.run("config set appendonly yes");
    server.server.advance(30_000);
    assert_eq!(server.info("aof_rewrites_consecutive_failures"), "3");
    server.server.advance(31_000);
    assert_eq!(server.info("aof_rewrites_consecutive_failures"), "4");
    server.server.advance(110_000);
    assert_eq!(server.info("aof_rewrites_consecutive_failures"), "4");
}

#[test]
fn a_log_that_has_outgrown_its_base_is_rewritten() {
    let disk = Simulated::default();
    let options = [("auto-aof-rewrite-min-size", "1000"), ("auto-aof-rewrite-percentage", "100")];
    let mut server = Logged::start(&disk, &options);
    for _ in 0..50 {
        server.run("set key aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    }
    server.server.advance(200);
    assert_eq!(server.info("aof_rewrites"), "1");
    let names = disk.list(Path::new("appendonlydir")).unwrap();
    assert!(names.contains(&"appendonly.aof.2.base.rdb".to_owned()), "{names:?}");
    assert_eq!(text(&disk, "appendonly.aof.2.incr.aof"), "");
}

#[test]
fn waitaof_waits_for_the_sync() {
    let disk = Simulated::default();
    let mut server = Logged::start(&disk, &[("appendfsync", "everysec")]);
    assert_eq!(server.run("waitaof 1 0 0"), "*2 :1 :0", "it wrote nothing");
    server.server.advance(2000);
    server.run("set a 1");
    server.run("set k v");
    assert_eq!(server.run("waitaof 1 0 0"), "");
    assert_eq!(server.run("ping"), "", "it waits");
    server.server.advance(1100);
    assert_eq!(server.output(server.client), "*2 :1 :0 +PONG");
    server.run("set k v");
    assert_eq!(server.run("waitaof 1 0 50"), "");
    server.server.advance(50);
    assert_eq!(server.output(server.client), "*2 :0 :0");
    server.server.advance(1100);
    assert_eq!(server.run("waitaof 0 1 50"), "");
    server.server.advance(50);
    assert_eq!(server.output(server.client), "*2 :1 :0");
    server.run("config set appendfsync no");
    server.run("set k v");
    assert_eq!(server.run("waitaof 1 0 0"), "");
    let other = server.server.connect();
    server.run_as(other, "config set appendonly no");
    let refusal = "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    assert_eq!(server.output(server.client), refusal);
    assert_eq!(server.run("waitaof 1 0 0"), refusal);
    assert_eq!(server.run("waitaof 0 0 0"), "*2 :0 :0");
}

#[test]
fn waitaof_refuses_what_it_cannot_wait_for() {
    let mut server = Logged::start(&Simulated::default(), &[]);
    for (arguments, refusal) in [
        ("2 0 0", "value is out of range, value must between 0 and 1"),
        ("-1 0 0", "value is out of range, value must between 0 and 1"),
        ("a 0 0", "value is not an integer or out of range"),
        ("0 -1 0", "value is out of range, must be positive"),
        ("0 a 0", "value is out of range, must be positive"),
        ("0 0 -1", "timeout is negative"),
        ("0 0 a", "timeout is not an integer or out of range"),
    ] {
        assert_eq!(server.run(&format!("waitaof {arguments}")), format!("-ERR {refusal}"));
    }
}

#[test]
fn a_waitaof_is_ended_by_hand() {
    let mut server = Logged::start(&Simulated::default(), &[("appendfsync", "no")]);
    let other = server.server.connect();
    let number = server.run("client id").trim_start_matches(':').to_owned();
    server.run("set k v");
    assert_eq!(server.run("waitaof 1 0 0"), "");
    assert_eq!(server.run_as(other, &format!("client unblock {number}")), ":1");
    assert_eq!(server.output(server.client), "*2 :0 :0");
    assert_eq!(server.run("waitaof 1 0 0"), "");
    assert_eq!(server.run_as(other, &format!("client unblock {number} error")), ":1");
    let error = "-UNBLOCKED client unblocked via CLIENT UNBLOCK";
    assert_eq!(server.output(server.client), error);
}

#[test]
fn a_sync_that_is_late_is_counted() {
    let mut server = Logged::start(&Simulated::default(), &[]);
    let writes = server.server.connect();
    server.server.hold_writer(true);
    server.run_as(writes, "set k v");
    server.server.advance(2500);
    assert_eq!(server.info("aof_delayed_fsync"), "1");
    assert_eq!(server.info("aof_pending_bio_fsync"), "1");
    server.server.hold_writer(false);
    server.server.advance(1500);
    assert_eq!(server.info("aof_delayed_fsync"), "1");
    assert_eq!(server.info("aof_pending_bio_fsync"), "0");
}

#[test]
fn no_reply_leaves_before_its_write_is_in_the_file() {
    for policy in ["everysec", "no"] {
        let disk = Simulated::default();
        let mut server = Logged::start(&disk, &[("appendfsync", policy)]);
        let reads = server.server.connect();
        server.server.hold_writer(true);
        assert_eq!(server.run("set k v"), "", "{policy}");
        assert_eq!(server.run_as(reads, "get k"), "$1 v", "{policy}: others go on");
        assert_eq!(text(&disk, "appendonly.aof.1.incr.aof"), "");
        server.server.hold_writer(false);
        assert_eq!(server.output(server.client), "+OK", "{policy}");
        assert!(text(&disk, "appendonly.aof.1.incr.aof").contains("$3 set"), "{policy}");
    }
}

#[test]
fn times_are_noted_where_they_are_wanted() {
    let disk = Simulated::default();
    let mut server = Logged::start(&disk, &[("aof-timestamp-enabled", "yes")]);
    server.run("set k v");
    server.run("set k v");
    server.server.advance(1000);
    server.run("set k v");
    let set = "*3 $3 set $1 k $1 v ";
    let expected = format!("#TS:1700000000 *2 $6 SELECT $1 0 {set}{set}#TS:1700000001 {set}");
    assert_eq!(text(&disk, "appendonly.aof.1.incr.aof"), expected);
    let digest = server.digest();
    assert_eq!(Logged::start(&disk, &[]).digest(), digest);
}

#[test]
fn what_cannot_be_loaded_ends_the_start_and_stays_as_it_is() {
    let set = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    for wrong in [
        "*1\r\n$3\r\nFOO\r\n",
        "*1\r\n$3\r\nSET\r\n",
        "hello",
        "*2\r\n$6\r\nSELECT\r\n$2\r\n99\r\n",
    ] {
        let disk = Simulated::default();
        let torn = "*3\r\n$3\r\nSE";
        let log = [set, wrong, set, torn].concat();
        let put = |name: &str, text: &str| {
            let path = Path::new("appendonlydir").join(name);
            larder::persist::disk::replace(&disk, &path, Path::new("new"), text.as_bytes())
                .unwrap();
        };
        put("1", &log);
        put("appendonly.aof.manifest", "file 1 seq 1 type i\n");
        let operations = disk.operations();
        assert!(InProcess::start(config(&[]), 1, disk.clone()).is_err(), "{wrong}");
        assert_eq!(disk.operations(), operations, "{wrong}: nothing is changed");
    }
}

#[test]
fn a_rewrite_without_a_log_makes_a_base_alone() {
    let disk = Simulated::default();
    let mut server = Logged::start(&disk, &[]);
    server.run("set k 1");
    server.run("config set appendonly no");
    server.run("set l 2");
    assert_eq!(server.run("bgrewriteaof"), "+Background append only file rewriting started");
    assert_eq!(server.info("aof_rewrite_in_progress"), "0");
    let manifest = "file appendonly.aof.2.base.rdb seq 2 type b\n";
    assert_eq!(text(&disk, "appendonly.aof.manifest"), manifest);
    let digest = server.digest();
    server.run("debug loadaof");
    assert_eq!(server.digest(), digest);
}

#[test]
fn files_that_are_needed_no_longer_stay_while_they_are_to() {
    let disk = Simulated::default();
    let mut server = Logged::start(&disk, &[]);
    server.run("config set aof-disable-auto-gc yes");
    server.run("bgrewriteaof");
    server.run("bgrewriteaof");
    let kept = "file appendonly.aof.3.base.rdb seq 3 type b\n\
                file appendonly.aof.2.incr.aof seq 2 type h\n\
                file appendonly.aof.2.base.rdb seq 2 type h\n\
                file appendonly.aof.1.incr.aof seq 1 type h\n\
                file appendonly.aof.1.base.rdb seq 1 type h\n\
                file appendonly.aof.3.incr.aof seq 3 type i\n";
    assert_eq!(text(&disk, "appendonly.aof.manifest"), kept);
    assert_eq!(disk.list(Path::new("appendonlydir")).unwrap().len(), 7);
    server.run("config set aof-disable-auto-gc no");
    assert_eq!(disk.list(Path::new("appendonlydir")).unwrap().len(), 3);
}

#[test]
fn a_rewrite_asked_for_inside_a_transaction_begins_behind_it() {
    let disk = Simulated::default();
    let mut first = Logged::start(&disk, &[]);
    for line in ["multi", "incr a", "bgrewriteaof", "incr a"] {
        first.run(line);
    }
    assert!(first.run("exec").contains("Background append only file rewriting scheduled"));
    first.server.advance(1000);
    assert_eq!(first.info("aof_rewrites"), "1");
    assert_eq!(
        Logged::start(&disk.after_crash(0), &[("appendfsync", "always")]).run("get a"),
        "$1 2"
    );
}
