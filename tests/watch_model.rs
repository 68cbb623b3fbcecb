//! WATCH against a sequential model: several clients watch, change and run transactions in any
//! order, and every EXEC must decide as a model does that gives each key a version.

use larder::client::ClientId;
use larder::config::Config;
use larder::testing::InProcess;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

const CLIENTS: usize = 3;
const KEYS: [&str; 3] = ["a", "b", ""];
const DATABASES: usize = 2;

/// A command that changes keys, alone or as part of a transaction.
#[derive(Debug, Clone)]
enum Change {
    Set(usize),
    SetFor(usize, u64),
    Del(usize),
    Expire(usize, u64),
    Persist(usize),
    Rename(usize, usize),
    FlushDb,
    FlushAll,
    Select(usize),
}

#[derive(Debug, Clone)]
enum Step {
    Watch(usize),
    Unwatch,
    Multi,
    Exec,
    Discard,
    Do(Change),
    /// Not part of a transaction: two swaps in one change nothing, which the model does not see.
    Swap,
    Reset,
    Reconnect,
    Advance(u64),
}

fn changes() -> impl Strategy<Value = Change> {
    let key = 0..KEYS.len();
    prop_oneof![
        4 => key.clone().prop_map(Change::Set),
        2 => (key.clone(), 1..30u64).prop_map(|(key, ms)| Change::SetFor(key, ms)),
        3 => key.clone().prop_map(Change::Del),
        2 => (key.clone(), 1..30u64).prop_map(|(key, ms)| Change::Expire(key, ms)),
        1 => key.clone().prop_map(Change::Persist),
        1 => (key.clone(), key).prop_map(|(from, to)| Change::Rename(from, to)),
        1 => Just(Change::FlushDb),
        1 => Just(Change::FlushAll),
        2 => (0..DATABASES).prop_map(Change::Select),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..KEYS.len()).prop_map(Step::Watch),
        1 => Just(Step::Unwatch),
        4 => Just(Step::Multi),
        6 => Just(Step::Exec),
        1 => Just(Step::Discard),
        8 => changes().prop_map(Step::Do),
        1 => Just(Step::Swap),
        1 => Just(Step::Reset),
        1 => Just(Step::Reconnect),
        3 => (1..20u64).prop_map(Step::Advance),
    ]
}

/// The databases, each key with its deadline, and how often each key changed.
#[derive(Default)]
struct Model {
    now: u64,
    keys: BTreeMap<(usize, usize), Option<u64>>,
    versions: BTreeMap<(usize, usize), u64>,
}

#[derive(Default)]
struct ModelClient {
    db: usize,
    queue: Option<Vec<Change>>,
    watched: Vec<((usize, usize), u64)>,
}

impl Model {
    fn version(&self, key: (usize, usize)) -> u64 {
        self.versions.get(&key).copied().unwrap_or_default()
    }

    fn touch(&mut self, key: (usize, usize)) {
        *self.versions.entry(key).or_default() += 1;
    }

    fn put(&mut self, key: (usize, usize), deadline: Option<u64>) {
        self.keys.insert(key, deadline);
        self.touch(key);
    }

    fn remove(&mut self, key: (usize, usize)) -> Option<Option<u64>> {
        let removed = self.keys.remove(&key);
        if removed.is_some() {
            self.touch(key);
        }
        removed
    }

    fn remove_where(&mut self, which: impl Fn((usize, usize), Option<u64>) -> bool) {
        let gone: Vec<_> =
            self.keys.iter().filter(|(key, at)| which(**key, **at)).map(|(key, _)| *key).collect();
        for key in gone {
            self.remove(key);
        }
    }

    fn advance(&mut self, ms: u64) {
        self.now += ms;
        let now = self.now;
        self.remove_where(|_, deadline| deadline.is_some_and(|at| at <= now));
    }

    fn swap(&mut self) {
        let before = std::mem::take(&mut self.keys);
        for ((db, key), deadline) in before {
            self.keys.insert((1 - db, key), deadline);
            self.touch((0, key));
            self.touch((1, key));
        }
    }

    fn change(&mut self, client: &mut ModelClient, change: &Change) {
        let at = |key: usize| (client.db, key);
        match *change {
            Change::Set(key) => self.put(at(key), None),
            Change::SetFor(key, ms) => self.put(at(key), Some(self.now + ms)),
            Change::Del(key) => drop(self.remove(at(key))),
            Change::Expire(key, ms) if self.keys.contains_key(&at(key)) => {
                self.put(at(key), Some(self.now + ms));
            }
            Change::Persist(key) if self.keys.get(&at(key)).is_some_and(Option::is_some) => {
                self.put(at(key), None);
            }
            Change::Expire(..) | Change::Persist(_) => {}
            Change::Rename(from, to) if from != to => {
                if let Some(deadline) = self.remove(at(from)) {
                    self.put(at(to), deadline);
                }
            }
            Change::Rename(..) => {}
            Change::FlushDb => self.remove_where(|(db, _), _| db == client.db),
            Change::FlushAll => self.remove_where(|_, _| true),
            Change::Select(db) => client.db = db,
        }
    }
}

impl ModelClient {
    /// Whether EXEC runs; `None` if there is nothing to run.
    fn exec(&mut self, model: &mut Model) -> Option<bool> {
        let queue = self.queue.take()?;
        let watched = std::mem::take(&mut self.watched);
        let runs = watched.iter().all(|(key, version)| model.version(*key) == *version);
        if runs {
            queue.iter().for_each(|change| model.change(self, change));
        }
        Some(runs)
    }
}

fn words(change: &Change) -> Vec<String> {
    let key = |key: &usize| KEYS[*key].to_owned();
    let all = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match change {
        Change::Set(k) => all(&["SET", &key(k), "v"]),
        Change::SetFor(k, ms) => all(&["SET", &key(k), "v", "PX", &ms.to_string()]),
        Change::Del(k) => all(&["DEL", &key(k)]),
        Change::Expire(k, ms) => all(&["PEXPIRE", &key(k), &ms.to_string()]),
        Change::Persist(k) => all(&["PERSIST", &key(k)]),
        Change::Rename(from, to) => all(&["RENAME", &key(from), &key(to)]),
        Change::FlushDb => all(&["FLUSHDB"]),
        Change::FlushAll => all(&["FLUSHALL"]),
        Change::Select(db) => all(&["SELECT", &db.to_string()]),
    }
}

/// The real server and its clients.
struct Real {
    server: InProcess,
    clients: Vec<ClientId>,
}

impl Real {
    fn new(active_expire: bool) -> Self {
        let mut server = InProcess::new(Config::default(), 1);
        server.server().active_expire = active_expire;
        let clients = (0..CLIENTS).map(|_| server.connect()).collect();
        Self { server, clients }
    }

    fn call(&mut self, client: usize, words: &[String]) -> Vec<u8> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.server.send(self.clients[client], request.as_bytes());
        self.server.take_output(self.clients[client])
    }

    fn say(&mut self, client: usize, line: &str) -> Vec<u8> {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        self.call(client, &words)
    }

    fn reconnect(&mut self, client: usize) {
        self.server.disconnect(self.clients[client]);
        self.clients[client] = self.server.connect();
    }
}

/// Takes one step in both worlds and compares what EXEC decides.
fn take(step: &Step, who: usize, model: &mut Model, clients: &mut [ModelClient], real: &mut Real) {
    let client = &mut clients[who];
    match step {
        Step::Watch(key) => {
            if client.queue.is_none() {
                let key = (client.db, *key);
                client.watched.push((key, model.version(key)));
            }
            real.call(who, &["WATCH".to_owned(), KEYS[*key].to_owned()]);
        }
        // Inside a transaction it would only be queued.
        Step::Unwatch if client.queue.is_none() => {
            client.watched.clear();
            real.say(who, "UNWATCH");
        }
        Step::Unwatch => {}
        Step::Multi => {
            client.queue.get_or_insert_default();
            real.say(who, "MULTI");
        }
        Step::Exec => {
            let runs = client.exec(model);
            let reply = real.say(who, "EXEC");
            let ran = match &reply[..] {
                b"*-1\r\n" => Some(false),
                [b'*', ..] => Some(true),
                _ => None,
            };
            assert_eq!(ran, runs, "EXEC answered {:?}", String::from_utf8_lossy(&reply));
        }
        Step::Discard => {
            if client.queue.take().is_some() {
                client.watched.clear();
            }
            real.say(who, "DISCARD");
        }
        Step::Do(change) => {
            match &mut client.queue {
                Some(queue) => queue.push(change.clone()),
                None => model.change(client, change),
            }
            real.call(who, &words(change));
        }
        Step::Swap if client.queue.is_none() => {
            model.swap();
            real.say(who, "SWAPDB 0 1");
        }
        Step::Swap => {}
        Step::Reset => {
            *client = ModelClient::default();
            real.say(who, "RESET");
        }
        Step::Reconnect => {
            *client = ModelClient::default();
            real.reconnect(who);
        }
        Step::Advance(ms) => {
            model.advance(*ms);
            real.server.advance(*ms);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exec_decides_as_the_model_does(
        script in vec((0..CLIENTS, steps()), 1..60),
        active_expire in any::<bool>(),
    ) {
        let mut model = Model::default();
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| ModelClient::default()).collect();
        let mut real = Real::new(active_expire);
        for (who, step) in &script {
            take(step, *who, &mut model, &mut clients, &mut real);
        }
        for id in real.clients.clone() {
            real.server.disconnect(id);
        }
        prop_assert!(real.server.server().effects.watch.is_empty(), "somebody left a watch behind");
    }
}
