//! Runs a script against a server, however that is reached.

use std::collections::HashMap;

use crate::pattern::Variables;
use crate::reply::{Data, Reply, render};
use crate::script::{Action, Condition, Script, Step, parse_version, substitute};

/// A way to a server: the runner's only view of it. Clients are numbered as they are opened.
pub(crate) trait Driver {
    /// Connects a client.
    fn open(&mut self) -> usize;
    /// Disconnects a client.
    fn close(&mut self, client: usize);
    /// Sends bytes; a connection that the server has closed takes them in silence.
    fn send(&mut self, client: usize, bytes: &[u8]);
    /// The next reply to a client, waiting for it as long as is sensible.
    fn read_reply(&mut self, client: usize) -> Result<Reply, Absent>;
    /// Whether nothing is there to be read.
    fn is_silent(&mut self, client: usize) -> bool;
    /// Whether the server has closed the connection and left nothing to be read.
    fn is_closed(&mut self, client: usize) -> bool;
    /// Returns when the server has handled all that was sent.
    fn settle(&mut self);
    /// Whether the server is a process of its own.
    fn is_process(&self) -> bool;
    /// Lets time pass for the server.
    fn advance(&mut self, ms: u64);
}

/// Why there is no reply.
#[derive(Debug)]
pub(crate) enum Absent {
    Silent,
    Closed,
    /// What came is not RESP.
    Malformed(String),
}

/// Runs a script to its end; returns what went wrong, a `line: text` each.
pub(crate) fn run(script: &Script, driver: &mut dyn Driver) -> Vec<String> {
    let mut run = Run {
        driver,
        clients: HashMap::new(),
        variables: Variables::new(),
        skipping: false,
        failures: Vec::new(),
    };
    let (server, version) = run.identify();
    for step in &script.steps {
        if let Err(failure) = run.step(step, &server, &version) {
            run.failures.push(format!("{}: {failure} (rest of the file not run)", step.line));
            break;
        }
    }
    run.failures
}

struct Run<'a> {
    driver: &'a mut dyn Driver,
    clients: HashMap<String, usize>,
    variables: Variables,
    skipping: bool,
    failures: Vec<String>,
}

impl Run<'_> {
    /// The server's name and version, from INFO. One that cannot tell is larder in the making.
    fn identify(&mut self) -> (String, Vec<u64>) {
        let client = self.driver.open();
        self.driver.send(client, &encode(&["INFO", "server"]));
        let reply = self.driver.read_reply(client);
        self.driver.close(client);
        let text = match reply {
            Ok(Reply { kind: b'$' | b'=', data: Data::Bytes(text), .. }) => text,
            _ => Vec::new(),
        };
        let text = String::from_utf8_lossy(&text);
        for name in ["larder", "valkey", "redis"] {
            let field = format!("{name}_version:");
            if let Some(version) = text.lines().find_map(|line| line.strip_prefix(&field)) {
                return (name.to_owned(), parse_version(version).unwrap_or_default());
            }
        }
        ("larder".to_owned(), Vec::new())
    }

    fn meets(&self, condition: &Condition, server: &str, version: &[u64]) -> bool {
        match condition.wants_process() {
            true => self.driver.is_process(),
            false => condition.holds(server, version),
        }
    }

    fn step(&mut self, step: &Step, server: &str, version: &[u64]) -> Result<(), String> {
        match &step.action {
            Action::End => self.skipping = false,
            Action::Needs(alternatives) => {
                self.skipping = !alternatives
                    .iter()
                    .any(|all| all.iter().all(|condition| self.meets(condition, server, version)));
            }
            _ if self.skipping => {}
            Action::Command(args) => {
                let args: Vec<Vec<u8>> = args
                    .iter()
                    .map(|arg| substitute(arg, &self.variables))
                    .collect::<Result<_, _>>()?;
                self.exchange(step, &encode(&args))?;
            }
            Action::Raw(bytes) => self.exchange(step, bytes)?,
            Action::Read => self.expect(step)?,
            Action::Resp(version) => self.must(step, &["HELLO", version])?,
            Action::Db(number) => self.must(step, &["SELECT", number])?,
            Action::Closed => {
                let client = self.client(&step.client);
                if !self.driver.is_closed(client) {
                    self.failures.push(format!("{}: the connection is not closed", step.line));
                }
                self.clients.remove(&step.client);
            }
            Action::Nothing => {
                let client = self.client(&step.client);
                if !self.driver.is_silent(client) {
                    self.failures.push(format!("{}: something is there to be read", step.line));
                }
            }
            Action::AdvanceMs(ms) => self.driver.advance(*ms),
            Action::Reset => {
                for (_, client) in self.clients.drain() {
                    self.driver.close(client);
                }
                self.variables.clear();
                self.must(step, &["FLUSHALL"])?;
            }
            // They took effect when the server was started.
            Action::Options(_) => {}
        }
        Ok(())
    }

    fn exchange(&mut self, step: &Step, bytes: &[u8]) -> Result<(), String> {
        let client = self.client(&step.client);
        self.driver.send(client, bytes);
        if step.expects.is_empty() {
            self.driver.settle();
        }
        self.expect(step)
    }

    fn expect(&mut self, step: &Step) -> Result<(), String> {
        for pattern in &step.expects {
            let reply = self.read(&step.client)?;
            if !pattern.matches(&reply, &mut self.variables) {
                let (line, wanted, got) = (pattern.line, &pattern.source, render(&reply));
                self.failures.push(format!("{line}: expected {wanted}\n  got\n{got}"));
            }
        }
        Ok(())
    }

    fn must(&mut self, step: &Step, args: &[&str]) -> Result<(), String> {
        let client = self.client(&step.client);
        self.driver.send(client, &encode(args));
        match self.read(&step.client)? {
            reply if reply.kind == b'-' => Err(render(&reply)),
            _ => Ok(()),
        }
    }

    fn read(&mut self, name: &str) -> Result<Reply, String> {
        let client = self.client(name);
        self.driver.read_reply(client).map_err(|absent| match absent {
            Absent::Silent => "no reply".into(),
            Absent::Closed => "the server closed the connection".into(),
            Absent::Malformed(what) => format!("not RESP: {what}"),
        })
    }

    fn client(&mut self, name: &str) -> usize {
        if let Some(client) = self.clients.get(name) {
            return *client;
        }
        let client = self.driver.open();
        self.clients.insert(name.to_owned(), client);
        client
    }
}

/// A request as a multibulk.
fn encode<T: AsRef<[u8]>>(args: &[T]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}
