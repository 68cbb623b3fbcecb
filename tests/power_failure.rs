//! A whole server whose process is killed, or whose power fails, at every operation on its disk: the next start loads all that was
//! promised, and goes on from there.

use larder::client::ClientId;
use larder::config::{Config, Guard};
use larder::persist::aof::State;
use larder::persist::disk::Simulated;
use larder::testing::InProcess;
use std::io::ErrorKind;

fn config(appendonly: bool, options: &[(&str, &str)]) -> Config {
    let mut config = Config { enable_debug_command: Guard::Yes, ..Config::default() };
    let on = if appendonly { "yes" } else { "no" };
    for (name, value) in [("appendonly", on)].iter().chain(options) {
        config.set_many(&[(name.as_bytes(), value.as_bytes())]).unwrap();
    }
    config
}

/// A server that is written to, and what it promised.
struct Run {
    server: InProcess,
    client: ClientId,
    sent: u32,
    /// Which writes were answered,
    done: Vec<u32>,
    /// which of them the append-only file is to have,
    logged: Vec<u32>,
    /// and which the last save that succeeded.
    saved: Vec<u32>,
}

impl Run {
    fn start(disk: &Simulated, config: Config) -> Result<Self, String> {
        let mut server = InProcess::start(config, 1, disk.clone())?;
        let client = server.connect();
        let (done, logged, saved) = Default::default();
        Ok(Self { server, client, sent: 0, done, logged, saved })
    }

    fn run(&mut self, line: &str) -> String {
        self.server.send(self.client, format!("{line}\r\n").as_bytes());
        String::from_utf8(self.server.take_output(self.client)).unwrap()
    }

    fn logs(&mut self) -> bool {
        self.server.server().persist.aof.state == State::On
    }

    /// Writes. What was written before there was an append-only file is in its base.
    fn write(&mut self) {
        self.sent += 1;
        let number = self.sent;
        let done = self.run(&format!("set k{number} {}", "v".repeat(50))) == "+OK\r\n";
        if done {
            self.done.push(number);
            if self.logs() {
                self.logged.push(number);
            }
        }
    }

    fn save(&mut self, command: &str) {
        self.run(command);
        self.server.take_snapshots();
        if self.run("info persistence").contains("rdb_last_bgsave_status:ok")
            && self.server.server().keyspace.shared.dirty == 0
        {
            self.saved.clone_from(&self.done);
        }
    }

    fn has(&mut self, number: u32) -> bool {
        self.run(&format!("exists k{number}")) == ":1\r\n"
    }
}

/// What a script does, and with what it begins.
struct Case {
    name: &'static str,
    appendonly: bool,
    script: fn(&mut Run),
}

const CASES: &[Case] = &[
    Case { name: "the first rewrite", appendonly: false, script: first_rewrite },
    Case { name: "rewrites", appendonly: true, script: rewrites },
    Case { name: "saves", appendonly: false, script: saves },
    Case { name: "switching off and on", appendonly: true, script: switching },
    Case { name: "a base alone", appendonly: false, script: base_alone },
];

fn first_rewrite(run: &mut Run) {
    run.write();
    run.run("config set appendonly yes");
    run.write();
    run.run("bgrewriteaof");
    run.write();
}

fn rewrites(run: &mut Run) {
    run.write();
    for _ in 0..2 {
        run.run("bgrewriteaof");
        run.write();
    }
}

fn saves(run: &mut Run) {
    for command in ["save", "bgsave", "save"] {
        run.write();
        run.save(command);
    }
    run.write();
}

fn switching(run: &mut Run) {
    run.write();
    run.run("config set appendonly no");
    run.write();
    run.save("save");
    run.run("config set appendonly yes");
    run.write();
}

fn base_alone(run: &mut Run) {
    run.write();
    run.run("bgrewriteaof");
    run.write();
    run.run("config set appendonly yes");
    run.write();
}

/// What may be found of a disk.
fn remains(disk: &Simulated) -> Vec<(String, Simulated)> {
    let mut remains = vec![("killed".to_owned(), disk.after_kill())];
    for kept in [0, 128] {
        remains.push((format!("{kept} kept"), disk.after_crash(kept)));
        remains.push((format!("{kept} kept and all names"), disk.after_crash_with_names(kept)));
    }
    remains
}

/// Starts over what is left; what was promised must be there, and what is written then, too.
fn check(disk: &Simulated, appendonly: bool, options: &[(&str, &str)], promised: &[u32], at: &str) {
    let start = || Run::start(disk, config(appendonly, options));
    let mut next = start().unwrap_or_else(|why| panic!("{at}: it does not start: {why}"));
    for number in promised {
        assert!(next.has(*number), "{at}: write {number} is lost");
    }
    next.sent = 100;
    next.write();
    if appendonly {
        next.run("bgrewriteaof");
    } else {
        next.save("save");
    }
    let mut after = start().unwrap_or_else(|why| panic!("{at}: the start after it: {why}"));
    for number in promised.iter().chain(&[101]) {
        assert!(after.has(*number), "{at}: write {number} is lost at the start after it");
    }
    let mut names = disk_names(disk, ".");
    if appendonly {
        names.extend(disk_names(disk, "appendonlydir"));
    }
    assert!(!names.iter().any(|name| name.starts_with("temp-")), "{at}: {names:?}");
}

fn disk_names(disk: &Simulated, dir: &str) -> Vec<String> {
    larder::persist::disk::Disk::list(disk, dir.as_ref()).unwrap()
}

fn check_remains(run: &Run, disk: &Simulated, options: &[(&str, &str)], at: &str) {
    for (what, left) in remains(disk) {
        check(&left, true, options, &run.logged, &format!("{at}, {what}, with a log"));
    }
    for (what, left) in remains(disk) {
        check(&left, false, options, &run.saved, &format!("{at}, {what}, without one"));
    }
}

fn operations(case: &Case, options: &[(&str, &str)]) -> u64 {
    let disk = Simulated::default();
    let mut run = Run::start(&disk, config(case.appendonly, options)).unwrap();
    (case.script)(&mut run);
    disk.operations()
}

#[test]
fn the_next_start_loads_all_that_was_promised_wherever_the_last_one_stopped() {
    for case in CASES {
        for preamble in ["yes", "no"] {
            let options = [("appendfsync", "always"), ("aof-use-rdb-preamble", preamble)];
            for operation in 0..=operations(case, &options) {
                let disk = Simulated::default();
                disk.fail_from(operation, ErrorKind::StorageFull);
                let at = format!("{}, preamble {preamble}, operation {operation}", case.name);
                match Run::start(&disk, config(case.appendonly, &options)) {
                    Ok(mut run) => {
                        (case.script)(&mut run);
                        check_remains(&run, &disk, &options, &at);
                    }
                    Err(_) => {
                        for (what, left) in remains(&disk) {
                            check(&left, true, &options, &[], &format!("{at}, {what}"));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn one_operation_that_fails_costs_nothing_that_was_promised() {
    let options = [("appendfsync", "always")];
    for case in CASES {
        for operation in 0..=operations(case, &options) {
            let disk = Simulated::default();
            disk.fail_between(operation, operation, ErrorKind::StorageFull);
            let Ok(mut run) = Run::start(&disk, config(case.appendonly, &options)) else {
                continue;
            };
            (case.script)(&mut run);
            run.server.advance(1000);
            let at = format!("{}, operation {operation} failed", case.name);
            check_remains(&run, &disk, &options, &at);
        }
    }
}
