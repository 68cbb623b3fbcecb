//! The databases against a plain model: maps of keys to values and deadlines, from which every event,
//! every count and the contents of a snapshot follow.

use super::{
    Capture, Database, Db, Departed, Event, EventClass, Keeper, Keyspace, Listener, Reading, Spent,
};
use crate::config::Config;
use crate::ds::dict::tag;
use crate::stdx::hash::Seed;
use crate::types::{Entry, Set, Str, new_string};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

const DATABASES: u32 = 3;
const START_MS: u64 = 1000;

const SET: Event = Event::string("set");
const APPEND: Event = Event::string("append");
const DEL: Event = Event::generic("del");
const EXPIRE: Event = Event::generic("expire");
const PERSIST: Event = Event::generic("persist");
const RENAME_FROM: Event = Event::generic("rename_from");
const RENAME_TO: Event = Event::generic("rename_to");
const MOVE_FROM: Event = Event::generic("move_from");
const MOVE_TO: Event = Event::generic("move_to");

/// What is done; databases and keys are small numbers, times are relative.
#[derive(Debug, Clone)]
enum Op {
    Set {
        db: u32,
        key: u8,
        value: u16,
        ttl: Option<u64>,
    },
    Append {
        db: u32,
        key: u8,
    },
    /// Changes a key twice and removes it, with one guard.
    ChangeAndDelete {
        db: u32,
        key: u8,
    },
    Delete {
        db: u32,
        key: u8,
    },
    Fetch {
        db: u32,
        key: u8,
    },
    Expire {
        db: u32,
        key: u8,
        ttl: u64,
    },
    Persist {
        db: u32,
        key: u8,
    },
    Rename {
        db: u32,
        from: u8,
        to: u8,
    },
    Move {
        from: u32,
        to: u32,
        key: u8,
    },
    RandomKey {
        db: u32,
    },
    Scan {
        db: u32,
    },
    Swap {
        a: u32,
        b: u32,
    },
    Flush {
        db: Option<u32>,
    },
    Advance {
        ms: u64,
    },
    ExpireDue,
    KeepExpired(bool),
    Listen(bool),
    BeginSnapshot,
    EndSnapshot,
}

fn op() -> impl Strategy<Value = Op> {
    let db = || 0..DATABASES;
    let key = || 0..8u8;
    let ttl = || 1..50u64;
    prop_oneof![
        6 => (db(), key(), any::<u16>(), proptest::option::of(ttl()))
            .prop_map(|(db, key, value, ttl)| Op::Set { db, key, value, ttl }),
        2 => (db(), key()).prop_map(|(db, key)| Op::Append { db, key }),
        1 => (db(), key()).prop_map(|(db, key)| Op::ChangeAndDelete { db, key }),
        2 => (db(), key()).prop_map(|(db, key)| Op::Delete { db, key }),
        2 => (db(), key()).prop_map(|(db, key)| Op::Fetch { db, key }),
        3 => (db(), key(), ttl()).prop_map(|(db, key, ttl)| Op::Expire { db, key, ttl }),
        1 => (db(), key()).prop_map(|(db, key)| Op::Persist { db, key }),
        2 => (db(), key(), key()).prop_map(|(db, from, to)| Op::Rename { db, from, to }),
        2 => (db(), db(), key()).prop_map(|(from, to, key)| Op::Move { from, to, key }),
        1 => db().prop_map(|db| Op::RandomKey { db }),
        1 => db().prop_map(|db| Op::Scan { db }),
        1 => (db(), db()).prop_map(|(a, b)| Op::Swap { a, b }),
        1 => proptest::option::of(db()).prop_map(|db| Op::Flush { db }),
        3 => (0..20u64).prop_map(|ms| Op::Advance { ms }),
        1 => Just(Op::ExpireDue),
        1 => any::<bool>().prop_map(Op::KeepExpired),
        1 => any::<bool>().prop_map(Op::Listen),
        2 => Just(Op::BeginSnapshot),
        2 => Just(Op::EndSnapshot),
    ]
}

/// Short names, and one too long for the small form of an entry's header.
fn name(key: u8) -> Vec<u8> {
    if key == 7 { vec![b'k'; 300] } else { vec![b'a' + key] }
}

/// Values of every form: an integer, inline text, text of its own.
fn text(value: u16) -> Vec<u8> {
    match value % 3 {
        0 => value.to_string().into_bytes(),
        1 => format!("value {value}").into_bytes(),
        _ => vec![value as u8; 1100],
    }
}

fn read(entry: &Entry) -> Held {
    (Str::of(entry).expect("a string").to_vec(), entry.deadline())
}

/// A value and its deadline.
type Held = (Vec<u8>, Option<u64>);
/// What a snapshot holds, by the database's number when it began.
type Contents = BTreeMap<(u32, Vec<u8>), Held>;

/// A snapshot that copies what it is shown.
#[derive(Debug, Default)]
struct Copies {
    epoch: u8,
    taken: Contents,
    /// The number that each database had at the beginning; none where what it had was given away.
    was: Vec<Option<u32>>,
    given: Vec<(u32, Database)>,
    shown: usize,
}

impl Copies {
    fn take(&mut self, db: u32, entry: &Entry) {
        let before = self.taken.insert((db, entry.key().to_vec()), read(entry));
        assert_eq!(before, None, "an entry is taken once");
    }
}

#[derive(Debug, Clone)]
struct Recorder(Rc<RefCell<Copies>>);

impl Capture for Recorder {
    fn before_change(&mut self, db: u32, entry: &mut Entry) {
        let copies = &mut *self.0.borrow_mut();
        copies.shown += 1;
        if entry.epoch() != copies.epoch {
            let was = copies.was[db as usize].expect("what came later bears the epoch");
            copies.take(was, entry);
            entry.set_epoch(copies.epoch);
        }
    }

    fn before_insert(&mut self, entry: &mut Entry) {
        entry.set_epoch(self.0.borrow().epoch);
    }

    fn departed(&mut self, _: u32, _: Departed) -> Option<Departed> {
        unreachable!("it awaits nothing")
    }

    fn flushed(&mut self, db: u32, database: Database) -> Option<Database> {
        let copies = &mut *self.0.borrow_mut();
        match copies.was[db as usize].take() {
            Some(was) => copies.given.push((was, database)),
            None => return Some(database),
        }
        None
    }

    fn swapped(&mut self, a: u32, b: u32) {
        self.0.borrow_mut().was.swap(a as usize, b as usize);
    }

    fn read_on(&mut self, _: &mut [Database], _: usize) -> Reading {
        Reading::More
    }

    fn awaits(&self, _: &Entry) -> bool {
        false
    }

    fn hurry(&mut self, _: u32, _: &[u8]) {}

    fn served(&self) -> usize {
        0
    }

    fn take_spent(&mut self) -> Option<Spent> {
        None
    }

    fn give_up(&mut self) {}

    fn keys_read(&self) -> usize {
        0
    }
}

/// The keyspace, and what it ought to be.
struct Twin {
    keyspace: Keyspace,
    dbs: Vec<BTreeMap<Vec<u8>, Held>>,
    dirty: u64,
    events: Vec<(u32, Vec<u8>, Event)>,
    listening: bool,
    keeps: bool,
    snapshot: Option<(Recorder, Contents)>,
    epoch: u8,
    random: u64,
}

impl Twin {
    fn new() -> Self {
        let mut keyspace = Keyspace::new(DATABASES as usize, Seed::new(1, 2));
        keyspace.shared.set_now_us(START_MS * 1000);
        Self {
            keyspace,
            dbs: vec![BTreeMap::new(); DATABASES as usize],
            dirty: 0,
            events: Vec::new(),
            listening: false,
            keeps: false,
            snapshot: None,
            epoch: 0,
            random: 1,
        }
    }

    fn db(&mut self, db: u32) -> Db<'_> {
        self.keyspace.db(db)
    }

    fn now(&self) -> u64 {
        self.keyspace.shared.now_ms
    }

    fn is_over(&self, held: &Held) -> bool {
        held.1.is_some_and(|at| at <= self.now())
    }

    fn tell(&mut self, db: u32, key: &[u8], event: Event) {
        self.events.push((db, key.to_vec(), event));
    }

    fn changed(&mut self, db: u32, key: &[u8], event: Event) {
        self.dirty += 1;
        self.tell(db, key, event);
    }

    /// What a lookup does to a key past its deadline; whether the key is there for a writer.
    fn look_up(&mut self, db: u32, key: &[u8]) -> bool {
        let Some(held) = self.dbs[db as usize].get(key) else { return false };
        if self.keeps || !self.is_over(held) {
            return true;
        }
        self.dbs[db as usize].remove(key);
        self.tell(db, key, Event::EXPIRED);
        false
    }

    fn insert(&mut self, db: u32, key: &[u8], held: Held) {
        self.dbs[db as usize].insert(key.to_vec(), held);
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Set { db, key, value, ttl } => self.set(db, &name(key), value, ttl),
            Op::Append { db, key } => self.append(db, &name(key)),
            Op::ChangeAndDelete { db, key } => self.change_and_delete(db, &name(key)),
            Op::Delete { db, key } => self.delete(db, &name(key)),
            Op::Fetch { db, key } => self.fetch(db, &name(key)),
            Op::Expire { db, key, ttl } => {
                let at = self.now() + ttl;
                self.set_deadline(db, &name(key), Some(at), EXPIRE);
            }
            Op::Persist { db, key } => self.set_deadline(db, &name(key), None, PERSIST),
            Op::Rename { db, from, to } => self.rename(db, &name(from), &name(to)),
            Op::Move { from, to, key } => self.move_key(from, to, &name(key)),
            Op::RandomKey { db } => self.random_key(db),
            Op::Scan { db } => self.scan(db),
            Op::Swap { a, b } => self.swap(a, b),
            Op::Flush { db } => self.flush(db),
            Op::Advance { ms } => {
                let now = self.now() + ms;
                self.keyspace.shared.set_now_us(now * 1000);
            }
            Op::ExpireDue => self.expire_due(),
            Op::KeepExpired(on) => {
                self.keyspace.shared.keep_expired(Keeper::Pause, on);
                self.keeps = on;
            }
            Op::Listen(on) => {
                self.keyspace.shared.listen(Listener::Notifications, on);
                self.listening = on;
            }
            Op::BeginSnapshot => self.begin_snapshot(),
            Op::EndSnapshot => self.end_snapshot(),
        }
    }

    fn set(&mut self, db: u32, key: &[u8], value: u16, ttl: Option<u64>) {
        let deadline = ttl.map(|ttl| self.now() + ttl);
        self.db(db).set_string(key, &text(value), deadline, SET);
        if !self.look_up(db, key) {
            self.tell(db, key, Event::NEW);
        }
        self.changed(db, key, SET);
        self.insert(db, key, (text(value), deadline));
    }

    fn append(&mut self, db: u32, key: &[u8]) {
        if let Some(mut edit) = self.db(db).edit(key) {
            edit.raw_string().push_slice(b"+");
            edit.done(APPEND);
        }
        if self.look_up(db, key) {
            self.dbs[db as usize].get_mut(key).expect("just seen").0.push(b'+');
            self.changed(db, key, APPEND);
        }
    }

    fn change_and_delete(&mut self, db: u32, key: &[u8]) {
        if let Some(mut edit) = self.db(db).edit(key) {
            edit.set_value(new_string(&b"changed"[..]));
            edit.set_deadline(Some(u64::MAX));
            edit.delete(DEL);
        }
        self.model_delete(db, key);
    }

    fn delete(&mut self, db: u32, key: &[u8]) {
        let found = self.db(db).delete(key, DEL);
        assert_eq!(self.model_delete(db, key), found);
    }

    fn model_delete(&mut self, db: u32, key: &[u8]) -> bool {
        let found = self.look_up(db, key);
        if found {
            self.dbs[db as usize].remove(key);
            self.changed(db, key, DEL);
        }
        found
    }

    fn fetch(&mut self, db: u32, key: &[u8]) {
        let found = self.db(db).fetch(key).map(read);
        self.look_up(db, key);
        let held = self.dbs[db as usize].get(key).filter(|held| !self.is_over(held)).cloned();
        if held.is_none() {
            self.tell(db, key, Event::KEY_MISS);
        }
        assert_eq!(found, held);
    }

    fn set_deadline(&mut self, db: u32, key: &[u8], deadline: Option<u64>, event: Event) {
        if let Some(mut edit) = self.db(db).edit(key) {
            edit.set_deadline(deadline);
            edit.done(event);
        }
        if self.look_up(db, key) {
            self.dbs[db as usize].get_mut(key).expect("just seen").1 = deadline;
            self.changed(db, key, event);
        }
    }

    fn rename(&mut self, db: u32, from: &[u8], to: &[u8]) {
        let mut view = self.db(db);
        if from != to && view.edit(from).is_some() {
            if let Some(taken) = view.edit(to) {
                taken.delete_untold();
            }
            let entry = view.edit(from).expect("just seen").take_out();
            view.adopt(entry.rename(to));
            view.tell(from, RENAME_FROM);
            view.done(to, RENAME_TO);
        }
        if from != to && self.look_up(db, from) {
            if self.look_up(db, to) {
                self.tell(db, to, Event::SILENT);
            }
            let held = self.dbs[db as usize].remove(from).expect("just seen");
            self.insert(db, to, held);
            self.tell(db, to, Event::NEW);
            self.tell(db, from, RENAME_FROM);
            self.changed(db, to, RENAME_TO);
        }
    }

    fn move_key(&mut self, from: u32, to: u32, key: &[u8]) {
        if from == to {
            return;
        }
        let free = self.db(to).edit(key).is_none();
        if free && let Some(edit) = self.db(from).edit(key) {
            let entry = edit.take_out();
            self.db(to).adopt(entry);
            self.db(from).tell(key, MOVE_FROM);
            self.db(to).done(key, MOVE_TO);
        }
        if !self.look_up(to, key) && self.look_up(from, key) {
            let held = self.dbs[from as usize].remove(key).expect("just seen");
            self.insert(to, key, held);
            self.tell(to, key, Event::NEW);
            self.tell(from, key, MOVE_FROM);
            self.changed(to, key, MOVE_TO);
        }
    }

    /// Which keys past their deadline are drawn, and so removed, is left to chance.
    fn random_key(&mut self, db: u32) {
        let mut state = self.random;
        let mut rng = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state ^ state >> 33
        };
        let drawn = self.db(db).random_key(&mut rng);
        self.random = state;
        self.model_removals();
        let live = |twin: &Self, key: &Vec<u8>| !twin.is_over(&twin.dbs[db as usize][key]);
        match drawn {
            Some(key) => assert!(live(self, &key), "a key past its deadline was drawn"),
            None => assert!(!self.dbs[db as usize].keys().any(|key| live(self, key))),
        }
    }

    /// Takes over that some keys past their deadline were removed, and that just this was told.
    fn model_removals(&mut self) {
        let (keyspace, now) = (&self.keyspace, self.now());
        let mut gone = Vec::new();
        for (db, keys) in (0u32..).zip(&mut self.dbs) {
            let removed = |key: &Vec<u8>| keyspace.database(db).peek(key).is_none();
            for (key, held) in keys.extract_if(.., |key, _| removed(key)) {
                let is_over = held.1.is_some_and(|at| at <= now);
                assert!(is_over && !self.keeps, "a live key was removed");
                gone.push((db, key, Event::EXPIRED));
            }
        }
        if self.listening {
            let told = self.keyspace.shared.recorded_from(0).iter();
            self.events = told.map(|c| (c.db, c.key.to_vec(), c.event)).collect();
            let mut told = self.events.clone();
            told.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
            assert_eq!(told, gone);
        }
    }

    fn expire_due(&mut self) {
        let before = self.dbs.clone();
        let removed = self.keyspace.expire_due(usize::MAX);
        let due = |held: &Held| !self.keeps && self.is_over(held);
        let expected = self.dbs.iter().flat_map(BTreeMap::values).filter(|held| due(held)).count();
        assert_eq!(removed, expected);
        let told = self.keyspace.shared.recorded_from(0).iter();
        let order: Vec<_> =
            told.map(|c| (c.db, before[c.db as usize][&*c.key].1.expect("it expired"))).collect();
        assert!(order.is_sorted(), "keys leave in the order of their deadlines: {order:?}");
        self.model_removals();
    }

    fn scan(&mut self, db: u32) {
        let mut seen = Vec::new();
        let mut cursor = 0;
        loop {
            cursor = self.db(db).scan(cursor, |entry| seen.push(entry.key().to_vec()));
            if cursor == 0 {
                break;
            }
        }
        seen.sort();
        let live = self.dbs[db as usize].iter().filter(|(_, held)| !self.is_over(held));
        assert!(live.map(|(key, _)| key).eq(&seen), "{seen:?}");
    }

    fn swap(&mut self, a: u32, b: u32) {
        self.keyspace.swap(a, b);
        if a == b {
            self.dirty += 1;
            return;
        }
        self.dbs.swap(a as usize, b as usize);
        self.changed(a, b"", Event::DATABASE);
        self.tell(b, b"", Event::DATABASE);
    }

    fn flush(&mut self, db: Option<u32>) {
        let removed = self.keyspace.flush(db);
        let mut expected = 0;
        for db in db.map_or(0..DATABASES, |db| db..db + 1) {
            let len = std::mem::take(&mut self.dbs[db as usize]).len();
            if len > 0 {
                self.tell(db, b"", Event::DATABASE);
            }
            expected += len;
        }
        self.dirty += expected as u64;
        assert_eq!(removed, expected);
        self.keyspace.shared.take_garbage();
    }

    fn begin_snapshot(&mut self) {
        if self.snapshot.is_some() {
            return;
        }
        self.epoch = self.epoch % 3 + 1;
        let copies = Copies {
            epoch: self.epoch,
            was: (0..DATABASES).map(Some).collect(),
            ..Copies::default()
        };
        let recorder = Recorder(Rc::new(RefCell::new(copies)));
        self.keyspace.shared.set_snapshot(Some(Box::new(recorder.clone())));
        let all = (0u32..).zip(&self.dbs);
        let contents = all.flat_map(|(db, keys)| {
            keys.iter().map(move |(key, held)| ((db, key.clone()), held.clone()))
        });
        self.snapshot = Some((recorder, contents.collect()));
    }

    /// The snapshot reads what it was not shown. It holds then what was there when it began.
    fn end_snapshot(&mut self) {
        let Some((recorder, expected)) = self.snapshot.take() else { return };
        self.keyspace.shared.set_snapshot(None);
        let mut copies = recorder.0.take();
        let epoch = copies.epoch;
        let left = (0..DATABASES as usize).filter_map(|i| Some((i, copies.was[i]?)));
        for (index, was) in left.collect::<Vec<_>>() {
            for entry in self.keyspace.dbs[index].iter().filter(|e| e.epoch() != epoch) {
                copies.take(was, entry);
            }
        }
        for (was, database) in std::mem::take(&mut copies.given) {
            for entry in database.iter().filter(|entry| entry.epoch() != epoch) {
                copies.take(was, entry);
            }
        }
        for database in &mut self.keyspace.dbs {
            database.dict.for_each_mut(|entry| entry.set_epoch(epoch));
        }
        assert_eq!(copies.taken, expected);
    }

    fn check(&mut self) {
        assert_eq!(self.keyspace.shared.dirty, self.dirty, "changes are counted");
        let changes = self.keyspace.shared.take_changes();
        let told: Vec<_> = changes.into_iter().map(|c| (c.db, c.key.to_vec(), c.event)).collect();
        let expected = std::mem::take(&mut self.events);
        assert_eq!(told, if self.listening { expected } else { Vec::new() });
        for (index, model) in (0u32..).zip(&self.dbs) {
            let database = self.keyspace.database(index);
            assert_eq!((database.len(), database.iter().count()), (model.len(), model.len()));
            let mut deadlines = Vec::new();
            for (key, held) in model {
                let entry = database.peek(key).expect("a key of the model");
                assert_eq!(&read(entry), held);
                deadlines.extend(held.1.map(|at| (at, tag(database.dict.hash(key)))));
            }
            deadlines.sort_unstable();
            assert!(database.deadlines.iter().eq(deadlines), "the index of deadlines");
            database.dict.check_invariants();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn databases_behave_as_maps_with_deadlines(ops in prop::collection::vec(op(), 1..120)) {
        let mut twin = Twin::new();
        for op in &ops {
            twin.apply(op);
            twin.check();
        }
        twin.end_snapshot();
    }
}

/// A keyspace with one key, and a snapshot that has begun.
fn watched() -> (Keyspace, Recorder) {
    let mut twin = Twin::new();
    twin.apply(&Op::Set { db: 0, key: 0, value: 1, ttl: Some(10) });
    twin.begin_snapshot();
    let (recorder, _) = twin.snapshot.take().expect("it began just now");
    (twin.keyspace, recorder)
}

#[test]
fn a_guard_shows_its_entry_to_the_snapshot_once() {
    let changes: [fn(&mut Keyspace); 7] = [
        |k| k.db(0).set_string(b"a", &b"2"[..], None, SET),
        |k| assert!(k.db(0).delete(b"a", DEL)),
        |k| {
            let mut db = k.db(0);
            let mut edit = db.edit(b"a").expect("it is there");
            edit.raw_string().push_slice(b"more");
            edit.set_deadline(None);
            edit.done(APPEND);
        },
        |k| {
            let mut db = k.db(0);
            let mut edit = db.edit(b"a").expect("it is there");
            edit.set_int(2);
            edit.delete(DEL);
        },
        |k| {
            let entry = k.db(0).edit(b"a").expect("it is there").take_out();
            k.db(1).adopt(entry);
        },
        |k| {
            k.shared.set_now_us((START_MS + 10) * 1000);
            assert_eq!(k.expire_due(10), 1);
        },
        |k| {
            k.shared.set_now_us((START_MS + 10) * 1000);
            assert!(k.db(0).fetch(b"a").is_none());
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let (mut keyspace, recorder) = watched();
        change(&mut keyspace);
        let copies = recorder.0.borrow();
        let held = (b"value 1".to_vec(), Some(START_MS + 10));
        assert_eq!(copies.shown, 1, "change {number}");
        assert_eq!(copies.taken, BTreeMap::from([((0, b"a".to_vec()), held)]), "change {number}");
    }
}

#[test]
fn what_is_only_looked_at_is_not_shown() {
    let (mut keyspace, recorder) = watched();
    assert!(keyspace.db(0).fetch(b"a").is_some());
    keyspace.db(0).edit(b"a").expect("it is there").unchanged();
    keyspace.db(0).set_string(b"b", &b"new"[..], None, SET);
    assert_eq!(recorder.0.borrow().shown, 0);
}

#[test]
fn a_nearer_deadline_wakes_the_timer() {
    let mut keyspace = Keyspace::new(1, Seed::new(1, 2));
    keyspace.shared.armed_ms = 500;
    keyspace.db(0).set_string(b"later", &b"v"[..], Some(501), SET);
    assert!(!keyspace.shared.nearer_deadline);
    keyspace.db(0).set_string(b"sooner", &b"v"[..], Some(499), SET);
    assert!(keyspace.shared.nearer_deadline);
}

#[test]
fn keys_that_were_kept_fall_due_when_keeping_ends() {
    let mut keyspace = Keyspace::new(1, Seed::new(1, 2));
    keyspace.db(0).set_string(b"k", &b"v"[..], Some(5), SET);
    keyspace.shared.keep_expired(Keeper::Pause, true);
    keyspace.shared.set_now_us(6000);
    assert_eq!((keyspace.expire_due(1), keyspace.total_keys()), (0, 1));
    assert!(keyspace.db(0).fetch(b"k").is_none(), "readers do not see it");
    keyspace.shared.nearer_deadline = false;
    keyspace.shared.keep_expired(Keeper::Pause, false);
    assert!(keyspace.shared.nearer_deadline, "the timer has to look");
    assert_eq!(keyspace.expire_due(1), 1);
}

#[test]
fn a_live_key_is_drawn_however_many_are_past_their_deadline() {
    for keeps in [false, true] {
        let mut keyspace = Keyspace::new(1, Seed::new(1, 2));
        for n in 0..5000u32 {
            keyspace.db(0).set_string(&n.to_le_bytes(), &b"v"[..], Some(5), SET);
        }
        keyspace.db(0).set_string(b"alive", &b"v"[..], None, SET);
        keyspace.shared.set_now_us(6000);
        keyspace.shared.keep_expired(Keeper::Pause, keeps);
        let mut state = 7u64;
        let mut rng = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state ^ state >> 29
        };
        assert_eq!(keyspace.db(0).random_key(&mut rng).as_deref(), Some(&b"alive"[..]));
        assert_eq!(keyspace.total_keys() == 5001, keeps);
    }
}

#[test]
fn values_overwritten_are_told_to_those_who_asked() {
    let mut keyspace = Keyspace::new(1, Seed::new(1, 2));
    let set = || {
        let mut set = Set::new();
        set.add(b"1", &Config::default().limits(Seed::new(1, 2)));
        set
    };
    let told = |keyspace: &mut Keyspace| {
        let changes = keyspace.shared.take_changes();
        changes.iter().map(|change| change.event.name).collect::<Vec<_>>().join(" ")
    };
    keyspace.shared.listen(Listener::Notifications, true);
    keyspace.db(0).set_string(b"k", &b"v"[..], None, SET);
    keyspace.db(0).set_string(b"k", &b"v"[..], None, SET);
    assert_eq!(told(&mut keyspace), "new set set");
    keyspace.shared.listen(Listener::Overwrites, true);
    keyspace.db(0).set_string(b"k", &b"v"[..], None, SET);
    assert_eq!(told(&mut keyspace), "overwritten set");
    keyspace.db(0).store(b"k", set(), SET);
    assert_eq!(told(&mut keyspace), "overwritten type_changed set");
    keyspace.db(0).store(b"k", set(), SET);
    assert_eq!(told(&mut keyspace), "overwritten set");
    keyspace.db(0).store(b"new", set(), SET);
    assert_eq!(told(&mut keyspace), "new set");
    keyspace.db(0).set_string(b"k", &b"v"[..], None, SET);
    assert_eq!(told(&mut keyspace), "overwritten type_changed set");
    let was = keyspace.db(0).edit(b"k").expect("it is there").delete_untold();
    keyspace.db(0).store(b"k", set(), SET);
    keyspace.db(0).tell_overwritten(b"k", was);
    assert_eq!(told(&mut keyspace), " new set overwritten type_changed");
}

#[test]
fn silent_events_reach_no_subscriber() {
    assert_eq!(EventClass::Silent.letter(), None);
    assert_eq!(EventClass::Database.letter(), None);
    assert_eq!(EventClass::Flushed.letter(), None);
}

#[test]
fn a_flush_is_told_to_caches_whatever_it_removes() {
    let mut keyspace = Keyspace::new(2, Seed::new(1, 2));
    keyspace.flush(None);
    assert_eq!(keyspace.shared.recorded(), 0);
    keyspace.shared.listen(Listener::Tracking, true);
    keyspace.flush(Some(1));
    keyspace.flush(None);
    let told: Vec<_> = keyspace.shared.take_changes().iter().map(|change| change.event).collect();
    assert_eq!(told, [Event::FLUSHED, Event::FLUSHED]);
}
