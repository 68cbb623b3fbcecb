//! Saving over real files: SAVE, BGSAVE, the end of the process, folders that cannot be written.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::harness::{Setup, eventually, start};

#[test]
fn save_writes_a_whole_file_under_its_name() {
    let server = start(&["--dbfilename", "some.rdb"]);
    let mut client = server.connect();
    client.ask("SET k v");
    assert_eq!(client.ask("SAVE"), "OK");
    let file = fs::read(server.path("some.rdb")).unwrap();
    assert!(file.starts_with(b"REDIS0011"));
    assert_eq!(client.info("rdb_changes_since_last_save"), "0");
    assert_eq!(client.info("rdb_last_bgsave_status"), "ok");
}

#[test]
fn bgsave_leaves_no_temporary_file() {
    let server = start(&[]);
    let mut client = server.connect();
    client.ask("SET k v");
    assert_eq!(client.ask("BGSAVE"), "Background saving started");
    eventually("the save ends", || client.info("rdb_bgsave_in_progress") == "0");
    let names: Vec<_> =
        fs::read_dir(server.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().any(|name| name == "dump.rdb"), "{names:?}");
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with("temp-")), "{names:?}");
}

#[test]
fn a_second_save_is_refused_while_one_runs() {
    let server = start(&["--rdb-key-save-delay", "100000"]);
    let mut client = server.connect();
    client.ask("SET k v");
    assert_eq!(client.ask("BGSAVE"), "Background saving started");
    assert_eq!(client.ask("BGSAVE"), "-ERR Background save already in progress");
    assert_eq!(client.ask("SAVE"), "-ERR Background save already in progress");
    assert_eq!(client.ask("BGSAVE CANCEL"), "Background saving cancelled");
    eventually("it ends", || client.info("rdb_bgsave_in_progress") == "0");
    assert!(!server.path("dump.rdb").exists());
}

#[test]
fn a_delay_for_each_key_is_kept_whoever_writes_meanwhile() {
    let server = start(&["--rdb-key-save-delay", "50000"]);
    let mut client = server.connect();
    let keys = (0..40).map(|n| format!(" {n} v")).collect::<String>();
    client.ask(&format!("MSET{keys}"));
    let began = Instant::now();
    client.ask("BGSAVE");
    client.ask(&format!("MSET{keys}"));
    eventually("the save ends", || client.info("rdb_bgsave_in_progress") == "0");
    // All but the last bucket's keys were waited for.
    assert!(began.elapsed() >= Duration::from_millis(30 * 50), "{:?}", began.elapsed());
}

#[test]
fn the_end_saves_where_there_are_save_points() {
    for (save, saved) in [("100 1", true), ("", false)] {
        let mut server = start(&["--save", save]);
        server.connect().ask("SET k v");
        server.signal(Signal::SIGTERM);
        assert_eq!(server.ended().code(), Some(0));
        assert_eq!(server.path("dump.rdb").exists(), saved, "save {save:?}");
    }
}

#[test]
fn shutdown_goes_on_serving_where_it_cannot_save() {
    let setup = Setup::new();
    let folder = setup.path("gone");
    fs::create_dir(&folder).unwrap();
    let mut server = setup.args(&["--enable-protected-configs", "yes"]).start();
    let mut client = server.connect();
    client.ask("SET k v");
    assert_eq!(client.ask(&format!("CONFIG SET dir {}", folder.display())), "OK");
    assert_eq!(client.ask("CONFIG GET dir"), format!("dir {}", folder.display()));
    fs::remove_dir(&folder).unwrap();
    assert_eq!(client.ask("SAVE"), "-ERR");
    assert_eq!(client.ask("SHUTDOWN SAVE"), "-ERR Errors trying to SHUTDOWN. Check logs.");
    assert_eq!(client.ask("GET k"), "v");
    server.logs("Failed opening the temp RDB file");
    client.send("SHUTDOWN SAVE FORCE\r\n");
    assert_eq!(client.rest(), b"");
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn who_insists_ends_the_process_amid_its_last_save() {
    let mut server = start(&["--save", "100 1", "--rdb-key-save-delay", "1000000"]);
    let mut client = server.connect();
    for key in 0..50 {
        client.ask(&format!("SET key:{key} v"));
    }
    server.signal(Signal::SIGINT);
    let temp = server.path(&format!("temp-{}.rdb", server.pid()));
    eventually("the last save begins", || temp.exists());
    server.signal(Signal::SIGINT);
    assert_eq!(server.ended().code(), Some(1));
    assert!(!temp.exists() && !server.path("dump.rdb").exists());
}

#[test]
fn flushall_gives_up_the_save_that_runs_and_saves_what_is_left() {
    let server = start(&["--save", "100000 1", "--rdb-key-save-delay", "1000000"]);
    let mut client = server.connect();
    for key in 0..50 {
        client.ask(&format!("SET key:{key} v"));
    }
    assert_eq!(client.ask("BGSAVE"), "Background saving started");
    assert_eq!(client.ask("FLUSHALL"), "OK");
    assert_eq!(client.ask("CONFIG SET rdb-key-save-delay 0"), "OK");
    eventually("there is a file", || server.path("dump.rdb").exists());
    eventually("nothing is left to save", || client.info("rdb_changes_since_last_save") == "0");
}

#[test]
fn the_last_save_is_of_the_end_though_one_runs_in_the_background() {
    let mut server = start(&["--save", "100000 1", "--rdb-key-save-delay", "10000"]);
    let mut client = server.connect();
    for key in 0..50 {
        client.ask(&format!("SET key:{key} v"));
    }
    assert_eq!(client.ask("BGSAVE"), "Background saving started");
    client.ask("SET later v");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().code(), Some(0), "{}", server.out());
    let file = fs::read(server.path("dump.rdb")).unwrap();
    assert!(file.windows(5).any(|bytes| bytes == b"later"));
}

#[test]
fn bgsave_inside_a_transaction_waits_for_its_end() {
    let server = start(&[]);
    let mut client = server.connect();
    for command in ["MULTI", "SET first v", "BGSAVE", "SET second v"] {
        client.ask(command);
    }
    assert!(client.ask("EXEC").contains("Background saving scheduled"));
    eventually("there is a file", || server.path("dump.rdb").exists());
    let file = fs::read(server.path("dump.rdb")).unwrap();
    assert!(file.windows(6).any(|bytes| bytes == b"second"));
}
