//! The index as a whole: who is told what.

use super::*;
use crate::client::{PeerAddr, Redirect};
use crate::keyspace::Event;

/// Clients of RESP3 and what they are told.
struct World {
    index: TrackingIndex,
    clients: Clients,
}

impl World {
    fn new() -> Self {
        Self { index: TrackingIndex::new(Seed::new(1, 2)), clients: Clients::default() }
    }

    fn join(&mut self) -> ClientId {
        let id = self.clients.insert(Session::new(PeerAddr::Unix("s".into()), 1, true, 0));
        self.clients.running(id).resp = Resp::V3;
        id
    }

    fn tracker(&mut self, tracking: Tracking, prefixes: &[&[u8]]) -> ClientId {
        let id = self.join();
        self.index.begin(id, self.clients.running(id), tracking, prefixes);
        id
    }

    fn read(&mut self, id: ClientId, key: &str) {
        self.index.remember(id, self.clients.running(id), [key.as_bytes()].into_iter());
    }

    fn leave(&mut self, id: ClientId) {
        self.index.leave(id, self.clients.running(id));
        self.clients.remove(id);
    }

    fn change(&mut self, actor: Option<ClientId>, key: &str, event: Event) {
        let change = Change { db: 0, key: key.as_bytes().into(), event, fields: Vec::new() };
        self.index.note(&[change], actor, &self.clients);
        self.index.settled();
        self.index.deliver(actor, &mut self.clients);
        self.index.broadcast(actor, &mut self.clients);
    }

    /// The last words of the messages that a client got.
    fn told(&mut self, id: ClientId) -> String {
        let out = std::mem::take(&mut self.clients.running(id).out).into_bytes();
        let text = String::from_utf8(out.to_vec()).unwrap();
        let messages = text.split(">2\r\n").skip(1);
        let last = |message: &str| message.trim_end().rsplit("\r\n").next().unwrap().to_owned();
        messages.map(last).collect::<Vec<_>>().join(" ")
    }
}

fn set() -> Event {
    Event::string("set")
}

#[test]
fn a_key_is_told_once_to_those_who_read_it() {
    let mut w = World::new();
    let (a, b, c) =
        (w.tracker(Tracking::default(), &[]), w.tracker(Tracking::default(), &[]), w.join());
    w.read(a, "k");
    w.read(b, "k");
    w.read(b, "other");
    w.change(Some(c), "k", set());
    w.change(Some(c), "k", set());
    assert_eq!((w.told(a).as_str(), w.told(b).as_str(), w.told(c).as_str()), ("k", "k", ""));
    assert_eq!((w.index.table.len(), w.index.table.items()), (1, 1));
}

#[test]
fn what_happens_to_a_key_without_changing_it_is_not_told() {
    let mut w = World::new();
    let a = w.tracker(Tracking::default(), &[]);
    w.read(a, "k");
    for event in [Event::KEY_MISS, Event::NEW, Event::OVERWRITTEN, Event::TYPE_CHANGED] {
        w.change(None, "k", event);
    }
    w.change(None, "", Event::DATABASE);
    assert_eq!(w.told(a), "");
    w.change(None, "k", Event::SILENT);
    assert_eq!(w.told(a), "k");
}

#[test]
fn who_wants_no_loop_hears_of_others_changes_and_of_what_expired() {
    let mut w = World::new();
    let noloop = || Tracking { noloop: true, ..Tracking::default() };
    let a = w.tracker(noloop(), &[]);
    let broadcast = Tracking { mode: TrackingMode::Broadcast, ..noloop() };
    let b = w.tracker(broadcast, &[b""]);
    w.read(a, "k");
    w.change(Some(a), "k", set());
    assert_eq!((w.told(a).as_str(), w.told(b).as_str()), ("", "k"));
    w.read(a, "k");
    w.change(Some(b), "k", set());
    assert_eq!((w.told(a).as_str(), w.told(b).as_str()), ("k", ""));
    w.change(Some(b), "k", Event::EXPIRED);
    assert_eq!(w.told(b), "k");
}

#[test]
fn a_client_that_goes_leaves_nothing_behind() {
    let mut w = World::new();
    let stays = w.tracker(Tracking::default(), &[]);
    let goes = w.tracker(Tracking::default(), &[]);
    let broadcast = Tracking { mode: TrackingMode::Broadcast, ..Tracking::default() };
    let prefixed = w.tracker(broadcast, &[b"a", b"b"]);
    for number in 0..1000 {
        w.read(goes, &number.to_string());
        w.read(stays, &(number * 2).to_string());
    }
    assert_eq!((w.index.table.len(), w.index.table.items()), (1500, 2000));
    w.leave(goes);
    w.leave(prefixed);
    while w.index.sweep() {}
    assert_eq!((w.index.table.len(), w.index.table.items()), (1000, 1000));
    assert_eq!(w.index.prefixes.len(), 0);
    let newcomer = w.tracker(Tracking::default(), &[]);
    w.read(newcomer, "x");
    w.change(None, "2", set());
    assert_eq!((w.told(newcomer).as_str(), w.told(stays).as_str()), ("", "2"));
    w.leave(stays);
    w.leave(newcomer);
    while w.index.sweep() {}
    assert!(!w.index.is_on());
    assert_eq!(w.index.table.items(), 0);
}

#[test]
fn a_redirection_to_nobody_is_told_and_marked() {
    let mut w = World::new();
    let target = w.join();
    let redirect = Some(Redirect { client: target, number: 1 });
    let a = w.tracker(Tracking { redirect, ..Tracking::default() }, &[]);
    w.read(a, "k");
    w.change(None, "k", set());
    assert_eq!((w.told(a).as_str(), w.told(target).as_str()), ("", "k"));
    w.leave(target);
    w.read(a, "k");
    w.change(None, "k", set());
    assert_eq!(w.told(a), ":1");
    assert!(w.clients.running(a).tracking.as_ref().unwrap().is_broken);
}

#[test]
fn all_who_track_are_told_of_a_flush_which_empties_the_table() {
    let mut w = World::new();
    let a = w.tracker(Tracking::default(), &[]);
    let broadcast = Tracking { mode: TrackingMode::Broadcast, ..Tracking::default() };
    let b = w.tracker(broadcast, &[b"p"]);
    w.read(a, "k");
    w.change(Some(a), "", Event::FLUSHED);
    assert_eq!((w.told(a).as_str(), w.told(b).as_str()), ("_", "_"));
    assert_eq!((w.index.table.len(), w.index.table.items()), (0, 0));
    w.change(Some(a), "k", set());
    assert_eq!(w.told(a), "");
}

#[test]
fn the_table_is_cut_to_its_bound_and_the_readers_told() {
    let mut w = World::new();
    let a = w.tracker(Tracking { noloop: true, ..Tracking::default() }, &[]);
    (0..100).for_each(|number| w.read(a, &number.to_string()));
    let mut state = 7u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state
    };
    w.index.trim(40, 50, &mut random, &w.clients);
    assert_eq!(w.index.keys(), 50);
    w.index.trim(40, 50, &mut random, &w.clients);
    assert_eq!(w.index.keys(), 40);
    w.index.deliver(Some(a), &mut w.clients);
    assert_eq!(w.told(a).split(' ').count(), 60);
}

#[test]
fn what_was_noted_behind_one_command_is_not_noted_again() {
    let mut w = World::new();
    let a = w.tracker(Tracking::default(), &[]);
    let change =
        |key: &str| Change { db: 0, key: key.as_bytes().into(), event: set(), fields: Vec::new() };
    let mut changes = vec![change("k")];
    w.index.note(&changes, Some(a), &w.clients);
    // The next command of the transaction reads what the first has written.
    w.read(a, "k");
    changes.push(change("x"));
    w.index.note(&changes, Some(a), &w.clients);
    w.index.settled();
    assert!(!w.index.has_pending());
}
