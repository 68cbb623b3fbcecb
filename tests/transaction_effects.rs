//! What a transaction causes beside its replies: the form in which the AOF and the replicas get it.

use larder::testing::FedServer;

/// Sends inline commands; answers what was fed by them, each with its database.
fn run(f: &mut FedServer, lines: &str) -> String {
    for line in lines.split("; ") {
        f.server.send(f.client, format!("{line}\r\n").as_bytes());
    }
    let fed = f.fed.take().into_iter().map(|(db, words)| format!("{db}:{words}"));
    fed.collect::<Vec<_>>().join("; ")
}

#[test]
fn several_writes_are_fed_as_one_transaction() {
    let mut f = FedServer::default();
    assert_eq!(
        run(&mut f, "MULTI; SET a 1; GET a; INCR a; EXEC"),
        "0:MULTI; 0:SET a 1; 0:INCR a; 0:EXEC"
    );
}

#[test]
fn one_write_is_fed_alone_and_none_not_at_all() {
    let mut f = FedServer::default();
    assert_eq!(run(&mut f, "MULTI; GET a; SET a 1; EXEC"), "0:SET a 1");
    assert_eq!(run(&mut f, "MULTI; GET a; EXEC"), "");
    assert_eq!(run(&mut f, "MULTI; SET a 2; DISCARD"), "");
    assert_eq!(run(&mut f, "WATCH a; SET a 2; MULTI; SET a 3; EXEC"), "0:SET a 2");
    assert_eq!(run(&mut f, "MULTI; NOSUCH; SET a 3; EXEC"), "");
}

#[test]
fn each_write_is_fed_with_its_database() {
    let mut f = FedServer::default();
    assert_eq!(
        run(&mut f, "MULTI; SET a 1; SELECT 3; SET b 1; EXEC"),
        "0:MULTI; 0:SET a 1; 3:SET b 1; 3:EXEC"
    );
}

#[test]
fn a_key_that_expires_under_a_transaction_is_deleted_within_it_and_once() {
    let mut f = FedServer::default();
    f.server.server().active_expire = false;
    run(&mut f, "SET a 1 PX 10; MULTI; GET a; SET b 1");
    f.server.advance(20);
    assert_eq!(run(&mut f, "EXEC"), "0:MULTI; 0:DEL a; 0:SET b 1; 0:EXEC");
}

#[test]
fn a_command_that_gives_its_own_form_is_fed_in_it() {
    let mut f = FedServer::default();
    assert_eq!(
        run(&mut f, "MULTI; SET a 1 EX 10; GETDEL a; EXEC"),
        "0:MULTI; 0:SET a 1 PXAT 1700000010000; 0:DEL a; 0:EXEC"
    );
}

#[test]
fn keys_that_scan_finds_expired_are_deleted_each_by_itself() {
    let mut f = FedServer::default();
    f.server.server().active_expire = false;
    run(&mut f, "SET a 1 PX 10; SET b 1 PX 10; RPUSH other x; PEXPIRE other 10; SET stays 1");
    f.server.advance(20);
    assert_eq!(run(&mut f, "KEYS *"), "");
    // The pattern chooses what goes, the type does not: of what is gone nothing is asked any more.
    assert_eq!(run(&mut f, "SCAN 0 MATCH oth* TYPE string COUNT 1000"), "0:DEL other");
    let fed = run(&mut f, "SCAN 0 COUNT 1000");
    assert!(["0:DEL a; 0:DEL b", "0:DEL b; 0:DEL a"].contains(&fed.as_str()), "{fed}");
    assert_eq!(run(&mut f, "SCAN 0 COUNT 1000; DBSIZE"), "");
}
