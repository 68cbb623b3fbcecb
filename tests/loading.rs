//! Loading a data set at the start and by DEBUG RELOAD, on a disk in memory.

use larder::client::ClientId;
use larder::config::Config;
use larder::exec::load::{self, Slice};
use larder::persist::disk::{Disk, Open, Simulated};
use larder::persist::load::{Failure, Summary, read_rdb};
use larder::persist::rdb::encode::Encoder;
use larder::persist::rdb::file::{opcode, write};
use larder::stdx::crc::crc64;
use larder::testing::InProcess;
use std::path::Path;
use std::sync::Arc;

const LOADING: &str = "-LOADING Redis is loading the dataset in memory\r\n";

/// A file with these sections, and a right checksum.
fn file(sections: &[u8]) -> Vec<u8> {
    let mut file = [write::magic(11).as_bytes(), sections, &[opcode::END]].concat();
    file.extend_from_slice(&crc64(0, &file).to_le_bytes());
    file
}

fn config() -> Config {
    let mut config = Config::default();
    config.enable_debug_command = larder::config::Guard::Yes;
    config
}

/// A server whose disk has this file.
fn with_file(bytes: &[u8]) -> (InProcess, ClientId, Simulated) {
    let disk = Simulated::default();
    let mut file = disk.open(Path::new("dump.rdb"), Open::Create).unwrap();
    file.write_all(bytes).unwrap();
    file.sync().unwrap();
    let (server, client) = on_disk(&disk);
    (server, client, disk)
}

fn on_disk(disk: &Simulated) -> (InProcess, ClientId) {
    let mut server = InProcess::new(config(), 1);
    server.server().persist.disk = Arc::new(disk.clone());
    let client = server.connect();
    (server, client)
}

fn ask(server: &mut InProcess, client: ClientId, line: &str) -> String {
    server.send(client, format!("{line}\r\n").as_bytes());
    String::from_utf8_lossy(&server.take_output(client)).into_owned()
}

/// The value of a field of INFO.
fn info(server: &mut InProcess, client: ClientId, field: &str) -> String {
    let text = ask(server, client, "INFO persistence");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{field}:")));
    line.unwrap_or("missing").to_owned()
}

#[test]
fn what_was_saved_is_there_after_the_start() {
    let disk = Simulated::default();
    let (mut server, client) = on_disk(&disk);
    for line in [
        "SET text hello",
        "SET number 300",
        "SET timed v PX 5000",
        "RPUSH list a b 3",
        "SADD set x 1",
        "HSET hash f v g w",
        "HPEXPIRE hash 9000 FIELDS 1 f",
        "ZADD zset 1.5 a 2 b",
        "SELECT 3",
        "SET other 1",
        "SAVE",
    ] {
        assert!(!ask(&mut server, client, line).starts_with('-'), "{line}");
    }
    let digest = ask(&mut server, client, "DEBUG DIGEST");
    let (mut again, client) = on_disk(&disk);
    again.load().unwrap();
    assert_eq!(ask(&mut again, client, "DEBUG DIGEST"), digest);
    assert_eq!(ask(&mut again, client, "PTTL timed"), ":5000\r\n");
    assert_eq!(ask(&mut again, client, "HPTTL hash FIELDS 2 f g"), "*2\r\n:9000\r\n:-1\r\n");
    assert_eq!(info(&mut again, client, "rdb_last_load_keys_loaded"), "8");
    assert_eq!(info(&mut again, client, "rdb_changes_since_last_save"), "0");
}

#[test]
fn without_a_file_the_start_is_empty() {
    let (mut server, client) = on_disk(&Simulated::default());
    server.load().unwrap();
    assert_eq!(ask(&mut server, client, "DBSIZE"), ":0\r\n");
}

#[test]
fn keys_past_their_deadline_are_left_out_and_counted() {
    let sections = b"\xfc\x01\0\0\0\0\0\0\0\0\x01k\x01v\0\x01l\x01v";
    let (mut server, client, _) = with_file(&file(sections));
    server.load().unwrap();
    assert_eq!(ask(&mut server, client, "KEYS *"), "*1\r\n$1\r\nl\r\n");
    assert_eq!(info(&mut server, client, "rdb_last_load_keys_expired"), "1");
    assert_eq!(info(&mut server, client, "rdb_last_load_keys_loaded"), "1");
}

#[test]
fn a_base_of_an_append_only_file_brings_them_and_they_expire_then() {
    let sections = b"\xfc\x01\0\0\0\0\0\0\0\0\x01k\x01v";
    let mut bytes = file(sections);
    bytes.extend_from_slice(b"*1\r\n$4\r\nPING\r\n");
    let (mut server, _) = on_disk(&Simulated::default());
    let mut options = load::options(server.server(), Some(bytes.len() as u64));
    options.keep_expired = true;
    let mut keys = Vec::new();
    let summary = read_rdb(&mut &bytes[..], &options, &mut |batch| {
        keys.extend(batch.keys.into_iter().map(|fresh| fresh.entry.deadline()));
        true
    });
    let expected =
        Summary { keys: 1, rest: b"*1\r\n$4\r\nPING\r\n".to_vec(), ..Summary::default() };
    assert_eq!(summary.unwrap(), expected);
    assert_eq!(keys, [Some(1)]);
}

#[test]
fn while_loading_only_commands_that_need_no_data_run() {
    let keys: Vec<u8> = (0..9000).flat_map(|n| format!("\0\x04{n:04}\x01v").into_bytes()).collect();
    let (mut server, client, _) = with_file(&file(&keys));
    ask(&mut server, client, "MULTI");
    ask(&mut server, client, "GET k");
    load::at_start(server.server()).unwrap();
    assert_eq!(
        ask(&mut server, client, "EXEC"),
        "-EXECABORT Transaction discarded because of: LOADING Redis is loading the dataset in memory\r\n"
    );
    for line in ["GET k", "SET k v", "PING", "DBSIZE", "BGSAVE", "CONFIG SET appendonly yes"] {
        assert_eq!(ask(&mut server, client, line), LOADING, "{line}");
    }
    for line in ["HELLO 2", "CONFIG GET maxmemory", "CLIENT ID", "SELECT 0", "LASTSAVE"] {
        assert!(!ask(&mut server, client, line).starts_with('-'), "{line}");
    }
    assert_eq!(ask(&mut server, client, "MULTI"), "+OK\r\n");
    assert_eq!(ask(&mut server, client, "GET k"), LOADING);
    let aborted = "-EXECABORT Transaction discarded because of previous errors.\r\n";
    assert_eq!(ask(&mut server, client, "EXEC"), aborted);
    assert_eq!(info(&mut server, client, "loading"), "1");
    assert_eq!(info(&mut server, client, "loading_loaded_perc"), "0.00");
    assert_eq!(info(&mut server, client, "loading_total_bytes"), (keys.len() + 18).to_string());
    assert_eq!(info(&mut server, client, "loading_eta_seconds"), "1");
    let task = server.server().persist.loading.task.take().unwrap();
    let mut batches = 0;
    let result = task.run(&mut |mut batch| {
        batches += 1;
        let slice = load::insert(server.server(), &mut batch);
        assert_eq!(ask(&mut server, client, "GET 0000"), LOADING);
        slice == Slice::Whole
    });
    assert!(batches >= 4);
    load::ended(server.server(), result);
    assert_eq!(info(&mut server, client, "loading"), "0");
    assert_eq!(info(&mut server, client, "loading_total_bytes"), "missing");
    assert_eq!(ask(&mut server, client, "DBSIZE"), ":9000\r\n");
}

#[test]
fn a_damaged_file_ends_the_start_and_stays_as_it_is() {
    for (bytes, why) in [
        (file(b"\0\x01k\x3fv"), "the file ends inside the section that begins at byte 9"),
        (file(b"\x63"), "unknown type or opcode 99 at byte 9"),
        (file(b"\0\x01k\x01v\0\x01k\x01w"), "RDB has duplicated key 'k' in DB 0 at byte 14"),
        (file(b"\xfe\x10\0\x01k\x01v"), "database 16, where there are only 16"),
        (b"REDIS0011\0\x01k\x01v\xff12345678".to_vec(), "RDB CRC error"),
        (b"REDIS0011\0\x01k\x01v".to_vec(), "the file ends inside"),
        (b"".to_vec(), "wrong magic"),
    ] {
        let (mut server, client, disk) = with_file(&bytes);
        load::at_start(server.server()).unwrap();
        let task = server.server().persist.loading.task.take().unwrap();
        let result =
            task.run(&mut |mut batch| load::insert(server.server(), &mut batch) == Slice::Whole);
        let said = match (&result, &server.server().persist.loading.running) {
            (Err(Failure::Stopped), Some(run)) => run.refused.clone().unwrap(),
            (Err(failure), _) => failure.to_string(),
            (Ok(_), _) => panic!("{why}: it was loaded"),
        };
        assert!(said.contains(why), "{said}");
        load::ended(server.server(), result);
        assert!(server.server().persist.loading.failed);
        assert!(server.server().effects.has_actions(), "the process is to end");
        drop(ask(&mut server, client, "PING"));
        assert_eq!(larder::persist::disk::read(&disk, Path::new("dump.rdb")).unwrap(), bytes);
    }
}

#[test]
fn a_checksum_is_not_looked_at_where_that_is_switched_off() {
    let (mut server, client, _) = with_file(b"REDIS0011\0\x01k\x01v\xff12345678");
    server.server().config.rdbchecksum = false;
    server.load().unwrap();
    assert_eq!(ask(&mut server, client, "GET k"), "$1\r\nv\r\n");
}

#[test]
fn nothing_expires_while_loading_and_all_that_is_due_after() {
    let deadline = 1_700_000_000_500u64.to_le_bytes();
    let sections = [&b"\xfc"[..], &deadline, b"\0\x01k\x01v"].concat();
    let (mut server, client, _) = with_file(&file(&sections));
    load::at_start(server.server()).unwrap();
    let task = server.server().persist.loading.task.take().unwrap();
    let result =
        task.run(&mut |mut batch| load::insert(server.server(), &mut batch) == Slice::Whole);
    server.advance(1000);
    assert_eq!(server.server().keyspace.total_keys(), 1);
    load::ended(server.server(), result);
    server.advance(1);
    assert_eq!(ask(&mut server, client, "DBSIZE"), ":0\r\n");
}

#[test]
fn functions_are_loaded_and_kept_for_the_next_file() {
    let text = "#!lua name=l\nredis.register_function('f', function() return 'called' end)";
    let section = [b"\xf5\x40\x49", text.as_bytes(), b"\0\x01k\x01v"].concat();
    assert_eq!(text.len(), 0x49);
    let (mut server, client, disk) = with_file(&file(&section));
    server.load().unwrap();
    assert_eq!(ask(&mut server, client, "FCALL f 0"), "$6\r\ncalled\r\n");
    assert_eq!(ask(&mut server, client, "SAVE"), "+OK\r\n");
    let bytes = larder::persist::disk::read(&disk, Path::new("dump.rdb")).unwrap();
    assert!(bytes.windows(8).any(|window| window == b"#!lua na"));
    assert_eq!(ask(&mut server, client, "DEBUG RELOAD"), "+OK\r\n");
    assert_eq!(ask(&mut server, client, "FCALL f 0"), "$6\r\ncalled\r\n");
}

#[test]
fn a_file_with_a_library_that_does_not_load_is_refused() {
    let (mut server, ..) = with_file(&file(b"\xf5\x06source\0\x01k\x01v"));
    assert!(server.load().is_err() || server.server().persist.loading.failed);
}

#[test]
fn a_reload_gives_the_same_data() {
    let (mut server, client) = on_disk(&Simulated::default());
    ask(&mut server, client, "SET k v");
    ask(&mut server, client, "RPUSH l a b");
    let digest = ask(&mut server, client, "DEBUG DIGEST");
    assert_eq!(ask(&mut server, client, "DEBUG RELOAD"), "+OK\r\n");
    assert_eq!(ask(&mut server, client, "DEBUG DIGEST"), digest);
    assert_eq!(info(&mut server, client, "rdb_changes_since_last_save"), "0");
}

#[test]
fn options_of_a_reload_say_what_becomes_of_the_keys_that_are_there() {
    const FAILED: &str = "-ERR Error trying to load the RDB dump, check server logs.\r\n";
    let (mut server, client) = on_disk(&Simulated::default());
    assert_eq!(ask(&mut server, client, "DEBUG RELOAD NOSAVE"), FAILED);
    ask(&mut server, client, "SET k saved");
    ask(&mut server, client, "SAVE");
    ask(&mut server, client, "SET k changed");
    ask(&mut server, client, "SET l added");
    assert_eq!(ask(&mut server, client, "DEBUG RELOAD NOFLUSH NOSAVE"), FAILED);
    assert_eq!(ask(&mut server, client, "DEBUG RELOAD NOFLUSH NOSAVE MERGE"), "+OK\r\n");
    assert_eq!(ask(&mut server, client, "MGET k l"), "*2\r\n$5\r\nsaved\r\n$5\r\nadded\r\n");
    ask(&mut server, client, "SET k changed");
    assert_eq!(ask(&mut server, client, "DEBUG RELOAD nosave"), "+OK\r\n");
    assert_eq!(ask(&mut server, client, "MGET k l"), "*2\r\n$5\r\nsaved\r\n$-1\r\n");
    assert_eq!(
        ask(&mut server, client, "DEBUG RELOAD NOW"),
        "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.\r\n"
    );
}

#[test]
fn access_clocks_come_from_the_file() {
    let (mut server, client, _) = with_file(&file(b"\xf8\x40\x64\0\x01k\x01v"));
    server.load().unwrap();
    assert_eq!(ask(&mut server, client, "OBJECT IDLETIME k"), ":100\r\n");
    let (mut server, client, _) = with_file(&file(b"\xf9\x2a\0\x01k\x01v"));
    ask(&mut server, client, "CONFIG SET maxmemory-policy allkeys-lfu");
    server.load().unwrap();
    assert_eq!(ask(&mut server, client, "OBJECT FREQ k"), ":42\r\n");
}

#[test]
fn a_long_string_is_loaded() {
    let mut sections = Vec::new();
    let mut encoder = Encoder::new(&mut sections, None);
    encoder.byte(0);
    encoder.string(b"k");
    encoder.string(&[b'x'; 200_000]);
    let (mut server, client, _) = with_file(&file(&sections));
    server.load().unwrap();
    assert_eq!(ask(&mut server, client, "STRLEN k"), ":200000\r\n");
    assert_eq!(ask(&mut server, client, "APPEND k y"), ":200001\r\n");
}
