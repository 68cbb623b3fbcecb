//! What a server does whose pages fill its control group though `maxmemory` is not reached.

use larder::client::ClientId;
use larder::config::Config;
use larder::server::{AllocatorFigures, Figures};
use larder::stdx::memory::MemoryGroup;
use larder::testing::InProcess;
use std::cell::Cell;

const MB: u64 = 1 << 20;

thread_local! {
    /// Bytes in use, in RAM, and in free pages.
    static SEEN: Cell<[u64; 3]> = const { Cell::new([0; 3]) };
    static PURGED: Cell<u32> = const { Cell::new(0) };
}

/// A server in a group of 256 MB: `maxmemory auto` is 192 MB, the guard's ceiling 240 MB.
fn server(policy: &str) -> (InProcess, ClientId) {
    let mut server = InProcess::new(Config::default(), 1);
    server.server().facts.figures = Figures {
        used_memory: || SEEN.get()[0],
        anonymous: || SEEN.get()[1],
        allocator: || AllocatorFigures { dirty: SEEN.get()[2], ..AllocatorFigures::default() },
        memory_group: || Some(MemoryGroup { limit: 256 * MB, held: 0 }),
        purge: || PURGED.set(PURGED.get() + 1),
        ..Figures::default()
    };
    let client = server.connect();
    let set = format!("CONFIG SET maxmemory auto maxmemory-policy {policy}");
    assert_eq!(ask(&mut server, client, &set), "+OK");
    (server, client)
}

fn ask(server: &mut InProcess, client: ClientId, line: &str) -> String {
    server.send(client, format!("{line}\r\n").as_bytes());
    String::from_utf8(server.take_output(client)).unwrap().trim_end().to_owned()
}

/// So many megabytes are in use, in RAM and free from now on.
fn find(server: &mut InProcess, megabytes: [u64; 3]) {
    SEEN.set(megabytes.map(|n| n * MB));
    server.advance(100);
}

fn effective(server: &mut InProcess, client: ClientId) -> u64 {
    let info = ask(server, client, "INFO memory");
    let line = info.lines().find_map(|line| line.strip_prefix("maxmemory_effective:"));
    line.unwrap().parse::<u64>().unwrap() / MB
}

#[test]
fn without_eviction_writes_are_refused_while_pages_fill_the_group() {
    let (mut server, client) = server("noeviction");
    find(&mut server, [100, 150, 0]);
    assert_eq!(ask(&mut server, client, "SET key value"), "+OK");
    assert_eq!(effective(&mut server, client), 190);
    find(&mut server, [100, 241, 0]);
    assert!(ask(&mut server, client, "SET key value").starts_with("-OOM"));
    assert_eq!(ask(&mut server, client, "GET key"), "$5\r\nvalue");
    assert_eq!(effective(&mut server, client), 92);
    find(&mut server, [100, 150, 0]);
    assert_eq!(ask(&mut server, client, "SET key value"), "+OK");
}

#[test]
fn keys_go_though_maxmemory_is_not_reached() {
    let (mut server, client) = server("allkeys-lru");
    for n in 0..20 {
        ask(&mut server, client, &format!("SETRANGE {n} 1048575 x"));
    }
    find(&mut server, [100, 241, 0]);
    let left = ask(&mut server, client, "DBSIZE");
    assert!(
        ["12", "13"].contains(&&left[1..]),
        "8 MB have to go, of values that take 1.25 MB each: {left}"
    );
    assert_eq!(ask(&mut server, client, "SET new value"), "+OK");
}

#[test]
fn free_pages_are_given_back_before_keys_have_to_go() {
    let (mut server, client) = server("noeviction");
    find(&mut server, [100, 245, 60]);
    assert_eq!((PURGED.get(), effective(&mut server, client)), (1, 155));
    assert_eq!(ask(&mut server, client, "SET key value"), "+OK");
}

#[test]
fn near_the_end_nothing_may_grow_whatever_the_policy() {
    let (mut server, client) = server("allkeys-lru");
    find(&mut server, [1, 252, 0]);
    assert!(ask(&mut server, client, "SET key value").starts_with("-OOM"));
    find(&mut server, [1, 200, 0]);
    assert_eq!(ask(&mut server, client, "SET key value"), "+OK");
}
