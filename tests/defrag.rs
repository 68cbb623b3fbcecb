//! Active defragmentation of a whole server, over the allocator that the program has.

use larder::client::ClientId;
use larder::config::{Config, Guard};
use larder::exec::defrag;
use larder::server::{AllocatorFigures, Figures, Timer};
use larder::stdx::alloc::{self, Jemalloc};
use larder::testing::InProcess;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[global_allocator]
static ALLOC: Jemalloc = Jemalloc;

/// The allocator's figures are the whole process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A server that knows how the process's memory is.
struct Bench {
    server: InProcess,
    client: ClientId,
    _alone: MutexGuard<'static, ()>,
}

fn figures() -> AllocatorFigures {
    let stats = alloc::stats();
    AllocatorFigures {
        allocated: stats.allocated,
        active: stats.active,
        ..AllocatorFigures::default()
    }
}

/// A clock that goes on by 20 µs whenever somebody looks at it.
fn now() -> u64 {
    static NOW: AtomicU64 = AtomicU64::new(0);
    NOW.fetch_add(20_000, Ordering::Relaxed)
}

impl Bench {
    fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let config = Config { enable_debug_command: Guard::Yes, ..Config::default() };
        let mut server = InProcess::new(config, 1);
        server.server().facts.figures = Figures { allocator: figures, ..Figures::default() };
        server.server().timer = Timer::new(now, |ticks| ticks);
        let client = server.connect();
        Self { server, client, _alone: alone }
    }

    /// One with badly filled pages.
    fn fragmented() -> Self {
        let mut bench = Self::new();
        bench.fragment();
        bench
    }

    fn run(&mut self, line: &str) -> String {
        self.server.send(self.client, format!("{line}\r\n").as_bytes());
        String::from_utf8(self.server.take_output(self.client)).unwrap().trim_end().to_owned()
    }

    /// Keys of every kind, of which every second one goes again.
    fn fragment(&mut self) {
        const KEYS: usize = 10_000;
        for n in 0..KEYS {
            let (long, short) = ("x".repeat(100 + n % 50), n % 1000);
            self.run(&format!("SET key:{n} {long}"));
            self.run(&format!("SETRANGE grown:{n} 1500 x"));
            self.run(&format!("SADD set:{short} member:{n}:{n}"));
            self.run(&format!("HSET hash {n} value:{long}"));
            self.run(&format!("ZADD zset {n} member:{n}"));
            self.run(&format!("RPUSH list:{short} {long}"));
            self.run(&format!("XADD stream:{short} * field {n}"));
            self.run(&format!("EXPIRE key:{n} 100000"));
        }
        for n in (0..KEYS).step_by(2) {
            self.run(&format!("DEL key:{n} grown:{n}"));
            self.run(&format!("HDEL hash {n}"));
            self.run(&format!("ZREM zset member:{n}"));
        }
        let set = "CONFIG SET active-defrag-ignore-bytes 1mb active-defrag-threshold-lower 5";
        assert_eq!(self.run(set), "+OK");
    }

    /// A line of INFO, as a number.
    fn info(&mut self, name: &str) -> u64 {
        let info = self.run("INFO everything");
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name} in INFO")).parse().unwrap()
    }

    /// Bytes of pages that nothing lies in.
    fn waste(&self) -> u64 {
        let figures = figures();
        figures.active - figures.allocated
    }
}

#[test]
fn badly_filled_pages_are_emptied_and_nothing_else_changes() {
    let mut bench = Bench::fragmented();
    let (digest, waste) = (bench.run("DEBUG DIGEST"), bench.waste());
    assert_eq!(bench.run("CONFIG SET activedefrag yes"), "+OK");
    let changes = bench.info("rdb_changes_since_last_save");
    assert!(defrag::slice(bench.server.server()).is_some(), "{waste} bytes are wasted");
    assert!((1..=25).contains(&bench.info("active_defrag_running")));
    let mut slices = 1;
    while defrag::slice(bench.server.server()).is_some() {
        slices += 1;
        bench.server.advance(1);
    }
    assert!(slices > 10, "it took {slices} slices");
    assert_eq!(bench.info("active_defrag_running"), 0);
    let now = bench.waste();
    assert!(now < waste / 2, "{waste} bytes were wasted, {now} are");
    assert!(bench.info("active_defrag_hits") > 5000);
    assert!(bench.info("active_defrag_key_hits") > 5000);
    assert!(bench.info("active_defrag_misses") > 0 && bench.info("active_defrag_key_misses") > 0);
    assert!(bench.info("total_active_defrag_time") > 0);
    assert_eq!(bench.info("current_active_defrag_time"), 0);
    assert_eq!(bench.info("rdb_changes_since_last_save"), changes);
    assert_eq!(bench.run("DEBUG DIGEST"), digest);
}

#[test]
fn it_stops_when_it_is_told_to() {
    let mut bench = Bench::fragmented();
    bench.run("CONFIG SET activedefrag yes");
    for _ in 0..3 {
        assert!(defrag::slice(bench.server.server()).is_some());
    }
    let hits = bench.info("active_defrag_hits");
    assert!(hits > 0 && bench.info("active_defrag_running") > 0);
    bench.run("CONFIG SET activedefrag no");
    assert_eq!(defrag::slice(bench.server.server()), None);
    assert_eq!((bench.info("active_defrag_running"), bench.info("active_defrag_hits")), (0, hits));
}

#[test]
fn nothing_is_walked_through_again_and_again_for_what_is_not_under_keys() {
    let mut bench = Bench::new();
    bench.run("CONFIG SET active-defrag-ignore-bytes 1mb active-defrag-threshold-lower 5");
    let mut blocks: Vec<_> = (0..200_000).map(|_| Some(Box::new([0_u8; 200]))).collect();
    blocks.iter_mut().step_by(2).for_each(|block| *block = None);
    bench.run("CONFIG SET activedefrag yes");
    let slices = |bench: &mut Bench| {
        let more = || defrag::slice(bench.server.server()).is_some();
        std::iter::repeat_with(more).take_while(|more| *more).count()
    };
    bench.server.advance(1000);
    assert!(slices(&mut bench) > 0, "{} bytes are wasted", bench.waste());
    bench.server.advance(20_000);
    assert_eq!(slices(&mut bench), 0, "it rests");
    bench.server.advance(20_000);
    assert!(slices(&mut bench) > 0, "the rest is over");
    // Of another size, so that they do not fill the gaps.
    let others: Vec<_> = (0..50_000).map(|_| Box::new([0_u8; 400])).collect();
    bench.server.advance(1000);
    assert!(slices(&mut bench) > 0, "there is more in memory");
    assert_eq!(blocks.iter().flatten().count() + others.len(), 150_000);
}

#[test]
fn what_the_allocator_tells_is_told() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("DEBUG MALLCTL arenas.page"), ":4096");
    assert!(bench.run("DEBUG MALLCTL no.such").starts_with("-ERR"));
    assert_eq!(bench.run("DEBUG MALLCTL-STR thread.tcache.flush VOID"), "+OK");
    assert!(bench.run("DEBUG MALLCTL-STR arena.0.reset VOID").starts_with("-ERR"));
}
