//! What string commands cause beside their replies: the events that subscribers hear, and the form in
//! which the AOF and the replicas get them.

use larder::testing::FedServer;

#[test]
fn set_propagates_deadlines_and_no_get() {
    FedServer::check_told(
        &[],
        &[
            ("SET k v", "new set", "SET k v"),
            ("SET k w", "set", "SET k w"),
            ("SET k v EX 10", "set expire", "SET k v PXAT 1700000010000"),
            ("SET k v PX 10 XX GET", "set expire", "SET k v PXAT 1700000000010"),
            ("SET k v PXAT 1700000000020 XX", "set expire", "SET k v PXAT 1700000000020"),
            ("SET k v KEEPTTL", "set", "SET k v KEEPTTL"),
            ("SET k v GET KEEPTTL", "set", "SET k v KEEPTTL"),
            ("SET k v XX GET", "set", "SET k v XX"),
            ("SET k get get Xx xx GET", "set", "SET k get Xx xx"),
            ("SET k v NX", "", ""),
            ("SET k v NX GET", "", ""),
            ("SET none v XX GET", "keymiss", ""),
            ("SET none v NX GET", "keymiss new set", "SET none v NX"),
            ("SETEX k 10 v", "set expire", "SET k v PXAT 1700000010000"),
            ("PSETEX k 10 v", "set expire", "SET k v PXAT 1700000000010"),
            ("SETNX k v", "", ""),
            ("SETNX k2 v", "new set", "SETNX k2 v"),
            ("GETSET k w", "set", "SET k w"),
        ],
    );
}

#[test]
fn comparisons_propagate_as_what_they_came_to() {
    FedServer::check_told(
        &["SET k v"],
        &[
            ("SET k w IFEQ x", "", ""),
            ("SET k w IFEQ v", "set", "SET k w"),
            ("SET k x IFNE v EX 1", "set expire", "SET k x PXAT 1700000001000"),
            ("SET k y IFEQ x PXAT 1700000000020", "set expire", "SET k y PXAT 1700000000020"),
            ("SET k z IFEQ y KEEPTTL", "set", "SET k z KEEPTTL"),
            ("DELEX k IFEQ y", "", ""),
            ("DELEX k IFEQ z", "del", "DEL k"),
            ("DELIFEQ k z", "", ""),
            ("SET k v", "new set", "SET k v"),
            ("DELIFEQ k v", "del", "DEL k"),
        ],
    );
}

#[test]
fn reads_that_change_propagate_the_change() {
    FedServer::check_told(
        &["SET k v"],
        &[
            ("GETEX k", "", ""),
            ("GETEX k EX 10", "expire", "PEXPIREAT k 1700000010000"),
            ("GETEX k PERSIST", "persist", "PERSIST k"),
            ("GETEX k PERSIST", "", ""),
            ("GETEX k PXAT 1", "del", "DEL k"),
            ("GETEX k PXAT 1", "keymiss", ""),
            ("SET k v", "new set", "SET k v"),
            ("GETDEL k", "del", "DEL k"),
            ("GETDEL k", "keymiss", ""),
            ("GET k", "keymiss", ""),
        ],
    );
}

#[test]
fn counters_propagate_sums_where_machines_may_differ() {
    FedServer::check_told(
        &[],
        &[
            ("INCR k", "new incrby", "INCR k"),
            ("DECRBY k 5", "incrby", "DECRBY k 5"),
            ("INCRBYFLOAT k 0.5", "incrbyfloat", "SET k -3.5 KEEPTTL"),
            ("INCRBYFLOAT f 0.5", "new incrbyfloat", "SET f 0.5 KEEPTTL"),
            ("INCREX c", "new incrby", "SET c 1 KEEPTTL"),
            ("INCREX c BYFLOAT 0.5", "incrbyfloat", "SET c 1.5 KEEPTTL"),
            ("INCREX c BYFLOAT 100 UBOUND 42.5 SATURATE", "incrbyfloat", "SET c 42.5 KEEPTTL"),
            ("INCREX c BYFLOAT 100 UBOUND 42.5 EX 10", "", ""),
            ("INCREX d EX 10", "new incrby expire", "SET d 1 PXAT 1700000010000"),
            ("INCREX d EX 20 ENX", "incrby", "SET d 2 KEEPTTL"),
            ("INCREX d PERSIST", "incrby persist", "SET d 3"),
            ("INCREX d PERSIST", "incrby", "SET d 4 KEEPTTL"),
            ("INCREX d EX 20 ENX", "incrby expire", "SET d 5 PXAT 1700000020000"),
            ("INCREX d EXAT 1", "del", "DEL d"),
            ("INCREX d EXAT 1", "", ""),
        ],
    );
}

#[test]
fn parts_and_many_propagate_as_received() {
    FedServer::check_told(
        &[],
        &[
            ("APPEND k ab", "new append", "APPEND k ab"),
            ("APPEND k cd", "append", "APPEND k cd"),
            ("SETRANGE k 1 x", "setrange", "SETRANGE k 1 x"),
            ("SETRANGE n 1 x", "new setrange", "SETRANGE n 1 x"),
            ("MSET a 1 b 2", "new set new set", "MSET a 1 b 2"),
            ("MSETNX a 1 c 2", "", ""),
            ("MSETNX c 1 d 2", "new set new set", "MSETNX c 1 d 2"),
            ("MSETEX 1 a 1 NX", "", ""),
            (
                "MSETEX 2 a 1 e 2 EX 1",
                "set expire new set expire",
                "MULTI; SET a 1 PXAT 1700000001000; SET e 2 PXAT 1700000001000; EXEC",
            ),
            ("MSETEX 1 a 3 KEEPTTL", "set", "SET a 3 KEEPTTL"),
            ("MSETEX 1 a 4", "set", "SET a 4"),
        ],
    );
}

#[test]
fn a_key_that_expired_is_deleted_before_it_is_set_anew() {
    let mut f = FedServer::default();
    f.run_told("SET k v PX 5");
    let shared = &mut f.server.server().keyspace.shared;
    shared.set_now_us(shared.now_us + 10_000);
    let (events, fed) = f.run_told("SET k w PX 5");
    assert_eq!(events, "expired new set expire");
    assert_eq!(fed, "MULTI; DEL k; SET k w PXAT 1700000000015; EXEC");
}
