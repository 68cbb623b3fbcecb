//! Replication under a network that loses, delays and deceives: a primary, replicas of it and replicas of
//! those, clients that write, servers that restart, crash back to what they last saved, and change their places,
//! now and then so that they follow each other in a circle. After healing all of them hold the same at the same
//! offset. What WAIT said that a server has it has when it leads, and FAILOVER loses nothing at all.
//!
//! A seed decides everything that happens; one that fails is in the message. `LARDER_SIM_SEED` runs that
//! one alone, `LARDER_SIM_RUNS` another number of them, from zero on; each CPU takes the next.

use larder::client::ClientId;
use larder::config::special::PrimaryAddress;
use larder::config::{Config, DisklessLoad, Guard};
use larder::persist::disk::Simulated;
use larder::testing::InProcess;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Servers of a run.
const NODES: usize = 4;
/// Time between two looks at the network, ms.
const STEP_MS: u64 = 20;
/// How long the network is bad, ms.
const STORM_MS: u64 = 40_000;
/// What has not come together by then after the storm never will, ms.
const CALM_MS: u64 = 200_000;
/// Silence after which a connection is given up, seconds.
const TIMEOUT_S: u32 = 4;
/// Runs without a number given.
const RUNS: u64 = 24;

/// Bytes on their way, and when they arrive.
type Way = VecDeque<(u64, Vec<u8>)>;

/// A connection of a replica to its primary.
#[derive(Debug)]
struct Wire {
    replica: usize,
    attempt: u64,
    primary: usize,
    client: ClientId,
    /// To the primary, and from it.
    up: Way,
    down: Way,
    delay_ms: u64,
    /// Nothing arrives any more, and neither end knows.
    dead: bool,
}

struct Node {
    server: InProcess,
    /// Who reads and writes here for the test.
    client: ClientId,
    /// Who counts `mark` up here and waits for replicas.
    waiter: ClientId,
    /// The count whose WAIT is not answered.
    waits: Option<u64>,
    /// The count that it is known to have.
    has: u64,
    /// Which start of it this is.
    starts: u64,
}

struct World {
    seed: u64,
    rng: SmallRng,
    now_ms: u64,
    nodes: Vec<Node>,
    wires: Vec<Wire>,
    /// Whom each follows.
    primaries: [Option<usize>; NODES],
    commands: u64,
}

fn port(node: usize) -> u16 {
    7000 + node as u16
}

fn config(node: usize, primary: Option<usize>, seed: u64) -> Config {
    let loads = [DisklessLoad::Disabled, DisklessLoad::OnEmptyDb, DisklessLoad::Swapdb];
    let address = |primary| PrimaryAddress { host: "sim".to_owned(), port: port(primary) };
    Config {
        port: port(node),
        enable_debug_command: Guard::Yes,
        repl_timeout: TIMEOUT_S,
        repl_ping_replica_period: 1,
        repl_diskless_sync_delay: 0,
        repl_diskless_sync: !seed.is_multiple_of(3),
        repl_diskless_load: loads[(seed as usize + node) % loads.len()],
        repl_backlog_size: if seed.is_multiple_of(2) { 16 * 1024 } else { 4 << 20 },
        replicaof: primary.map(address),
        ..Config::default()
    }
}

impl Node {
    fn start(node: usize, primary: Option<usize>, seed: u64, starts: u64, disk: Simulated) -> Self {
        let config = config(node, primary, seed);
        let own = seed.wrapping_mul(31).wrapping_add(node as u64 * 1000 + starts);
        let mut server = InProcess::start(config, own, disk).expect("what it saved it loads");
        let client = server.connect();
        let waiter = server.connect();
        Self { server, client, waiter, waits: None, has: 0, starts }
    }

    /// Sends inline commands; the replies.
    fn ask(&mut self, lines: &str) -> String {
        self.server.send(self.client, format!("{lines}\r\n").as_bytes());
        String::from_utf8_lossy(&self.server.take_output(self.client)).into_owned()
    }

    fn offset(&mut self) -> u64 {
        self.server.server().repl.offset()
    }

    /// All that it holds, in short. Libraries are listed in no order.
    fn digest(&mut self) -> String {
        let libraries = self.ask("FUNCTION LIST WITHCODE");
        let mut lines: Vec<&str> = libraries.lines().collect();
        lines.sort_unstable();
        self.ask("DEBUG DIGEST") + &lines.join(" ")
    }

    /// What `mark` is counted up to.
    fn mark(&mut self) -> u64 {
        let reply = self.ask("SELECT 0\r\nGET mark");
        reply.lines().nth(2).and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// Sends an inline command of the one that waits; the integer it is answered, if it is.
    fn waiter(&mut self, line: &str) -> Option<u64> {
        self.server.send(self.waiter, line.as_bytes());
        let reply = self.server.take_output(self.waiter);
        let reply = String::from_utf8_lossy(&reply).into_owned();
        reply.strip_prefix(':').and_then(|count| count.trim().parse().ok())
    }

    fn fails_over(&mut self) -> bool {
        self.server.server().repl.failover.is_some()
    }

    fn is_up(&mut self) -> bool {
        let repl = &self.server.server().repl;
        repl.is_primary() || repl.link.is_up()
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let primaries = [None, Some(0), Some(0), Some(1)];
        let start = |node| Node::start(node, primaries[node], seed, 0, Simulated::default());
        Self {
            seed,
            rng: SmallRng::seed_from_u64(seed),
            now_ms: 0,
            nodes: (0..NODES).map(start).collect(),
            wires: Vec::new(),
            primaries,
            commands: 0,
        }
    }

    fn chance(&mut self, of: u32) -> bool {
        self.rng.random_range(0..of) == 0
    }

    fn primary(&self) -> usize {
        self.primaries.iter().position(Option::is_none).expect("somebody leads")
    }

    /// Lets a step of time pass for everybody.
    fn step(&mut self) {
        self.now_ms += STEP_MS;
        for node in &mut self.nodes {
            node.server.advance(STEP_MS);
        }
        self.connect();
        self.carry();
    }

    /// Makes the connections that are asked for.
    fn connect(&mut self) {
        for replica in 0..NODES {
            for asked in self.nodes[replica].server.take_connects() {
                let primary = usize::from(asked.port - port(0));
                if !self.nodes[replica].server.link_connected(asked.attempt) {
                    continue;
                }
                let client = self.nodes[primary].server.connect();
                let delay_ms = self.rng.random_range(0..60);
                self.wires.push(Wire {
                    replica,
                    attempt: asked.attempt,
                    primary,
                    client,
                    up: Way::new(),
                    down: Way::new(),
                    delay_ms,
                    dead: false,
                });
            }
        }
    }

    /// Carries bytes, and tells each end that the other has gone.
    fn carry(&mut self) {
        let mut wires = std::mem::take(&mut self.wires);
        wires.retain_mut(|wire| self.carry_over(wire));
        wires.append(&mut self.wires);
        self.wires = wires;
    }

    /// Carries bytes over one connection; whether it is still there.
    fn carry_over(&mut self, wire: &mut Wire) -> bool {
        let at_ms = self.now_ms + wire.delay_ms;
        let open = self.nodes[wire.replica].server.link_is_open(wire.attempt);
        if open {
            let out = self.nodes[wire.replica].server.link_output();
            wire.up.push_back((at_ms, out));
        }
        let sent = self.nodes[wire.primary].server.take_output(wire.client);
        wire.down.push_back((at_ms, sent));
        let closed = self.nodes[wire.primary].server.is_closed(wire.client);
        if wire.dead {
            // Both ends find out by themselves.
            return open || !closed;
        }
        while let Some((_, bytes)) = wire.up.pop_front_if(|(at, _)| *at <= self.now_ms) {
            if !bytes.is_empty() && !closed {
                self.nodes[wire.primary].server.send(wire.client, &bytes);
            }
        }
        while open && let Some((_, bytes)) = wire.down.pop_front_if(|(at, _)| *at <= self.now_ms) {
            self.receive(wire, &bytes);
        }
        if open && !closed {
            return true;
        }
        self.cut(wire);
        false
    }

    /// What arrives comes in pieces of any size.
    fn receive(&mut self, wire: &Wire, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let len = self.rng.random_range(1..=bytes.len());
            let node = &mut self.nodes[wire.replica].server;
            if !node.link_is_open(wire.attempt) {
                return;
            }
            node.link_receive(wire.attempt, &bytes[..len]);
            bytes = &bytes[len..];
        }
    }

    /// Both ends of a connection learn that it has ended.
    fn cut(&mut self, wire: &Wire) {
        self.nodes[wire.primary].server.disconnect(wire.client);
        self.nodes[wire.replica].server.link_closed(wire.attempt);
    }

    /// Something goes wrong, now and then.
    fn trouble(&mut self) {
        if self.chance(60) && !self.wires.is_empty() {
            let number = self.rng.random_range(0..self.wires.len());
            match self.rng.random_range(0..3) {
                0 => self.wires[number].dead = true,
                1 => self.wires[number].delay_ms = self.rng.random_range(0..2500),
                _ => {
                    let wire = self.wires.swap_remove(number);
                    self.cut(&wire);
                }
            }
        }
        let node = self.rng.random_range(0..NODES);
        if self.chance(400) {
            let crashes = self.chance(3);
            self.restart(node, crashes);
        }
        if self.chance(300) {
            self.nodes[node].ask("SAVE");
        }
        if self.chance(700) {
            self.promote();
        }
        if self.chance(1000) {
            self.move_to_another(node);
        }
        if self.chance(200) {
            let kind = if self.chance(2) { "replica" } else { "master" };
            self.nodes[node].ask(&format!("CLIENT KILL TYPE {kind}"));
        }
    }

    /// A replica follows somebody else, who may be one that follows it.
    fn move_to_another(&mut self, node: usize) {
        let other = self.rng.random_range(0..NODES);
        if node == other || node == self.primary() {
            return;
        }
        self.primaries[node] = Some(other);
        self.nodes[node].ask(&format!("REPLICAOF sim {}", port(other)));
        // Who is behind may pass that on.
        self.knows_no_more_than(0);
    }

    /// No server is known to have more than this any more, and nobody waits for it.
    fn knows_no_more_than(&mut self, mark: u64) {
        for node in &mut self.nodes {
            node.has = node.has.min(mark);
            node.waits = None;
            node.server.disconnect(node.waiter);
            node.waiter = node.server.connect();
        }
    }

    /// Whether what the one that leads writes comes to a server, over however many others.
    fn hears(&self, node: usize) -> bool {
        let ways = std::iter::successors(self.primaries[node], |at| self.primaries[*at]);
        let far = ways.take(NODES).any(|at| self.primaries[at].is_none());
        far || self.primaries[node].is_none()
    }

    /// A server saves, ends, and starts again over its disk; or it has no time to save.
    fn restart(&mut self, node: usize, crashes: bool) {
        let saved = !crashes && self.nodes[node].ask("SAVE").starts_with('+');
        let disk = self.nodes[node].server.disk().clone();
        let starts = self.nodes[node].starts + 1;
        let mut new = Node::start(node, self.primaries[node], self.seed, starts, disk);
        new.server.advance(self.now_ms);
        new.has = self.nodes[node].has;
        self.nodes[node] = new;
        let wires = std::mem::take(&mut self.wires);
        for wire in wires {
            match (wire.replica == node, wire.primary == node) {
                (true, _) => self.nodes[wire.primary].server.disconnect(wire.client),
                (_, true) => self.nodes[wire.replica].server.link_closed(wire.attempt),
                _ => self.wires.push(wire),
            }
        }
        if !saved {
            // It may be behind, and lead others back there.
            let mark = self.nodes[node].mark();
            self.knows_no_more_than(mark);
        }
    }

    /// Another server leads, and whom it followed follows it.
    fn promote(&mut self) {
        let old = self.primary();
        let new = self.rng.random_range(0..NODES);
        if new == old {
            return;
        }
        let handed_over = self.chance(2) && self.fail_over(old, new);
        if !handed_over {
            self.nodes[new].ask("REPLICAOF NO ONE");
        }
        self.leads(new);
        self.primaries = [Some(new); NODES];
        self.primaries[new] = None;
        for node in (0..NODES).filter(|node| *node != new) {
            self.nodes[node].ask(&format!("REPLICAOF sim {}", port(new)));
        }
    }

    /// The one that leads asks another to, and follows it if that works; whether it did.
    fn fail_over(&mut self, old: usize, new: usize) -> bool {
        let line = format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 3000", port(new));
        if !self.nodes[old].ask(&line).starts_with('+') {
            return false;
        }
        let mark = self.nodes[old].mark();
        while self.nodes[old].fails_over() {
            self.step();
        }
        let handed_over = !self.nodes[old].server.server().repl.is_primary();
        if handed_over {
            // All that the old one had the new one has.
            self.nodes[new].has = mark;
        }
        handed_over
    }

    /// A server leads from now on: what it is known to have it must have, and what it has not is gone.
    fn leads(&mut self, new: usize) {
        let (mark, has, seed) = (self.nodes[new].mark(), self.nodes[new].has, self.seed);
        assert!(mark >= has, "seed {seed}: {new} had {has} and leads with {mark}");
        self.knows_no_more_than(mark);
    }

    /// Counts up at who leads, and notes who is known to have the count when that is answered.
    fn count(&mut self) {
        let primary = self.primary();
        let followers = self.primaries.iter().filter(|it| **it == Some(primary)).count() as u64;
        let node = &mut self.nodes[primary];
        let answered = match node.waits {
            Some(_) => node.waiter(""),
            None => {
                node.waits = node.waiter("INCR mark\r\n");
                if node.waits.is_none() {
                    return;
                }
                node.waiter(&format!("WAIT {followers} 0\r\n"))
            }
        };
        let (Some(answered), Some(count)) = (answered, node.waits) else { return };
        node.waits = None;
        if answered < followers {
            return;
        }
        for number in 0..NODES {
            if number == primary || self.primaries[number] == Some(primary) {
                self.nodes[number].has = count;
            }
        }
    }

    /// Clients write to who leads.
    fn write(&mut self) {
        self.count();
        let primary = self.primary();
        for _ in 0..self.rng.random_range(0..6) {
            let line = self.command();
            self.nodes[primary].ask(&line);
            self.commands += 1;
        }
    }

    fn command(&mut self) -> String {
        if self.chance(4) {
            return self.rarer_command();
        }
        let rng = &mut self.rng;
        let (key, other) = (rng.random_range(0..30), rng.random_range(0..30));
        let number: i32 = rng.random_range(-50..1000);
        match rng.random_range(0..18) {
            0 => format!("SET s:{key} {}", "v".repeat(number.unsigned_abs() as usize)),
            1 => format!("SET s:{key} {number} PX {}", rng.random_range(1..4000)),
            2 => format!("INCRBY n:{key} {number}"),
            3 => format!("RPUSH l:{key} a b {number}"),
            4 => format!("LPOP l:{key} 2"),
            5 => format!("SADD t:{key} a b {number}"),
            6 => format!("SPOP t:{key} 2"),
            7 => format!("HSET h:{key} f{number} {number}"),
            8 => format!("HPEXPIRE h:{key} {} FIELDS 1 f{number}", rng.random_range(1..3000)),
            9 => format!("ZADD z:{key} {number}.5 m{number}"),
            10 => format!("ZPOPMIN z:{key}"),
            11 => format!("PEXPIRE l:{key} {}", rng.random_range(1..2000)),
            12 => format!("DEL s:{key} l:{other}"),
            13 => format!("RENAME s:{key} s:{other}"),
            14 => format!("SELECT {}", key % 3),
            15 => format!("MULTI\r\nINCR n:{key}\r\nSADD t:{other} x{number}\r\nEXEC"),
            16 => format!("MULTI\r\nSELECT {}\r\nSET s:{key} m\r\nEXEC", key % 3),
            _ => format!("SUNIONSTORE t:{key} t:{key} t:{other}"),
        }
    }

    fn rarer_command(&mut self) -> String {
        let rng = &mut self.rng;
        let (key, other): (u32, u32) = (rng.random_range(0..30), rng.random_range(0..30));
        let code = format!("redis.register_function('f{other}', function() return {key} end)");
        match rng.random_range(0..40) {
            0 => "SWAPDB 1 2".to_owned(),
            1 => format!("SELECT {}\r\nFLUSHDB", 1 + key % 2),
            2 => format!("SET s:{key} {}", "big".repeat(rng.random_range(1..20_000))),
            3 => format!("FUNCTION LOAD REPLACE \"#!lua name=l{}\\n{code}\"", other % 3),
            4 => format!("FUNCTION DELETE l{}", other % 3),
            5 => format!("COPY l:{key} l:{other} REPLACE"),
            6 => format!("GETEX s:{key} PX {}", rng.random_range(1..3000)),
            7 => format!("MOVE s:{key} {}", other % 3),
            8 => {
                format!("MULTI\r\nBLPOP l:{key} 0\r\nBLMOVE l:{other} l:{key} LEFT LEFT 0\r\nEXEC")
            }
            9..12 => format!("XGROUP CREATE x:{key} g $ MKSTREAM"),
            12..20 => format!("XADD x:{key} MAXLEN 20 * f {other}"),
            20..26 => format!("XREADGROUP GROUP g c{} COUNT 2 STREAMS x:{key} >", other % 2),
            26..28 => format!("XAUTOCLAIM x:{key} g c{} 0 0 COUNT 2", other % 2),
            28 => format!("XGROUP DELCONSUMER x:{key} g c{}", other % 2),
            29 => format!("XTRIM x:{key} MAXLEN {}", other % 5),
            30..34 => {
                format!(
                    "EVAL \"redis.call('SET', KEYS[1], math.random(99)) redis.call('SPOP', KEYS[2])\" 2 s:{key} t:{other}"
                )
            }
            34..37 => format!("INCRBYFLOAT f:{key} 0.{other}"),
            _ => format!("PFADD p:{key} {other}"),
        }
    }

    /// The storm is over: connections that are half dead end, and time goes on until everybody has caught up.
    fn heal(&mut self) {
        let end_ms = self.now_ms + CALM_MS;
        let primary = self.primary();
        for node in 0..NODES {
            if !self.hears(node) {
                self.primaries[node] = Some(primary);
                self.nodes[node].ask(&format!("REPLICAOF sim {}", port(primary)));
            }
        }
        // With a PING on its way at any time nobody would ever have all.
        self.wires.iter_mut().for_each(|wire| wire.delay_ms = wire.delay_ms.min(60));
        while !self.agrees() {
            let (seed, late) = (self.seed, self.now_ms >= end_ms);
            assert!(!late, "seed {seed}: they do not come together: {}", self.state());
            self.step();
        }
    }

    fn agrees(&mut self) -> bool {
        let primary = self.primary();
        let wanted = self.nodes[primary].offset();
        self.nodes.iter_mut().all(|node| node.is_up() && node.offset() == wanted)
    }

    fn state(&mut self) -> String {
        let primary = self.primary();
        let told = self.nodes.iter_mut().map(|node| {
            let offset = node.offset();
            let state = node.server.server().repl.link.state_name();
            format!("{state} at {offset}")
        });
        format!("{} leads; {}", primary, told.collect::<Vec<_>>().join(", "))
    }

    fn check(&mut self) {
        let digests: Vec<_> = self.nodes.iter_mut().map(Node::digest).collect();
        let (seed, commands) = (self.seed, self.commands);
        let what = format!("seed {seed}, after {commands} commands: {}", self.state());
        assert!(digests.iter().all(|digest| *digest == digests[0]), "{what}: {digests:?}");
    }

    fn run(mut self) {
        let _told = TellsSeed(self.seed);
        while self.now_ms < STORM_MS {
            self.write();
            self.trouble();
            self.step();
        }
        self.heal();
        self.check();
        // And a little more, now that all is well.
        for _ in 0..20 {
            self.write();
            self.step();
        }
        self.heal();
        self.check();
    }
}

/// Whatever ends a run before its time, a panic of a server too, tells which one it was.
struct TellsSeed(u64);

impl Drop for TellsSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was seed {}: LARDER_SIM_SEED={} runs it alone", self.0, self.0);
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn servers_agree_after_any_storm() {
    let seeds = match number("LARDER_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("LARDER_SIM_RUNS").unwrap_or(RUNS),
    };
    let next = AtomicU64::new(seeds.start);
    let some = || {
        let take = || Some(next.fetch_add(1, Relaxed)).filter(|seed| *seed < seeds.end);
        while let Some(seed) = take() {
            World::new(seed).run();
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        (0..threads).for_each(|_| drop(scope.spawn(some)));
    });
}
