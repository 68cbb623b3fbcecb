//! The machine alone, played against by hand.

use super::*;
use crate::client::Clients;
use crate::client::{PeerAddr, Session};
use crate::keyspace::{Change, Event};

fn somebody() -> ClientId {
    Clients::default().insert(Session::new(PeerAddr::Unix("".into()), -1, true, 0))
}

fn key(name: &str) -> Key {
    name.as_bytes().into()
}

fn request(auth: Option<Auth>) -> Request {
    let to = Target { host: "there".into(), port: 1, source: String::new(), auth };
    Request { to, to_db: 3, timeout_ms: 100, copies: false, replaces: false }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", " ").trim_end().to_owned()
}

/// Migrations of which the first, of these keys, has begun.
fn begun(auth: Option<Auth>, keys: &[&str]) -> Migrations {
    let mut all = Migrations::default();
    all.add(somebody(), 0, request(auth), keys.iter().map(|name| key(name)).collect());
    assert_eq!(all.begin_next(), Some(1));
    all
}

impl Migrations {
    fn connected(&mut self, db: Option<i64>) -> String {
        let (migration, _) = self.parts(1).unwrap();
        migration.handle_connected(db);
        text(&migration.take_output())
    }

    /// Sends the next key with a payload that is its name.
    fn send_next(&mut self) -> String {
        let (migration, moving) = self.parts(1).unwrap();
        assert_eq!(migration.step(), Step::Send);
        let key = migration.next_key().unwrap();
        assert!(moving.sent(1, &key));
        migration.send(key.clone(), 0, &key);
        text(&migration.take_output())
    }

    /// What bytes say of keys, taken ones in capitals.
    fn receives(&mut self, bytes: &str) -> Result<String, Broken> {
        let mut verdicts = Vec::new();
        let (migration, moving) = self.parts(1).unwrap();
        let result = migration.handle_received(bytes.as_bytes(), &mut verdicts);
        let names = verdicts.iter().map(|Verdict { key, taken }| {
            moving.end(1, key);
            let name = text(key);
            if *taken { name.to_uppercase() } else { name }
        });
        let names = names.collect();
        result.map(|()| names)
    }

    fn step(&mut self) -> Step {
        self.parts(1).unwrap().0.step()
    }

    fn ends(&mut self) -> String {
        let Ended { answer, .. } = self.end(1).unwrap();
        assert!(self.moving.is_empty(), "nothing is held any more");
        answer.map_or_else(|error| error.text().into_owned(), |()| "OK".to_owned())
    }
}

#[test]
fn no_key_is_sent_before_the_opening_has_succeeded() {
    let auth = Auth { user: Some(b"me".to_vec()), password: b"pw".to_vec() };
    let mut all = begun(Some(auth), &["a"]);
    assert_eq!(all.connected(None), "*3 $4 AUTH $2 me $2 pw *2 $6 SELECT $1 3");
    assert_eq!(all.step(), Step::Await);
    assert_eq!(all.receives("+OK\r\n+O"), Ok(String::new()));
    assert_eq!(all.step(), Step::Await);
    assert_eq!(all.receives("K\r\n"), Ok(String::new()));
    assert_eq!(all.send_next(), "*4 $7 RESTORE $1 a $1 0 $1 a");
    assert_eq!(all.step(), Step::Await);
    assert_eq!(all.receives("+OK\r\n"), Ok("A".to_owned()));
    assert_eq!(all.step(), Step::End);
    assert_eq!(all.get(1).unwrap().selected(), Some(3));
    assert_eq!(all.ends(), "OK");
}

#[test]
fn a_database_that_is_selected_already_is_not_asked_for() {
    let mut all = begun(None, &["a"]);
    assert_eq!(all.connected(Some(3)), "");
    assert_eq!(all.step(), Step::Send);
    assert_eq!(all.connected(Some(2)), "*2 $6 SELECT $1 3");
}

#[test]
fn where_the_opening_is_refused_every_key_stays() {
    let auth = Auth { user: None, password: b"pw".to_vec() };
    let mut all = begun(Some(auth), &["a", "b"]);
    assert_eq!(all.connected(Some(3)), "*2 $4 AUTH $2 pw");
    assert_eq!(all.receives("-WRONGPASS no\r\n"), Ok(String::new()));
    assert_eq!(all.step(), Step::End);
    assert_eq!(all.get(1).unwrap().selected(), None);
    assert_eq!(all.ends(), "ERR Target instance replied with error: WRONGPASS no");
}

#[test]
fn of_several_keys_those_go_that_were_taken_and_the_first_error_is_told() {
    let mut all = begun(None, &["a", "b", "c", "d"]);
    all.connected(Some(3));
    (0..4).for_each(|_| drop(all.send_next()));
    let answers = "+OK\r\n-BUSYKEY b\r\n+OK\r\n-ERR d\r\n";
    assert_eq!(all.receives(answers), Ok("AbCd".to_owned()));
    assert_eq!(all.ends(), "ERR Target instance replied with error: BUSYKEY b");
}

#[test]
fn a_connection_that_breaks_before_any_answer_is_made_again_once() {
    let mut all = begun(None, &["a", "b"]);
    all.connected(Some(3));
    all.send_next();
    assert!(all.handle_fault(1, Fault::Reading { again: true }));
    all.connected(None);
    assert_eq!(all.receives("+OK\r\n"), Ok(String::new()));
    assert_eq!(all.send_next(), "*4 $7 RESTORE $1 a $1 0 $1 a");
    assert_eq!(all.send_next(), "*4 $7 RESTORE $1 b $1 0 $1 b");
    assert!(!all.handle_fault(1, Fault::Writing { again: true }));
    assert_eq!(all.ends(), "IOERR error or timeout writing to target instance");
}

#[test]
fn nothing_is_done_over_once_a_key_was_answered() {
    let mut all = begun(None, &["a", "b"]);
    all.connected(Some(3));
    all.send_next();
    assert_eq!(all.receives("+OK\r\n"), Ok("A".to_owned()));
    all.send_next();
    assert!(!all.handle_fault(1, Fault::Reading { again: true }));
    assert_eq!(all.ends(), "IOERR error or timeout reading to target instance");
}

#[test]
fn time_that_is_over_is_not_given_again() {
    for (fault, stage) in [
        (Fault::Connecting, "connecting to the client"),
        (Fault::Writing { again: false }, "writing to target instance"),
        (Fault::Reading { again: false }, "reading to target instance"),
    ] {
        let mut all = begun(None, &["a"]);
        assert!(!all.handle_fault(1, fault));
        assert_eq!(all.ends(), format!("IOERR error or timeout {stage}"));
    }
}

#[test]
fn what_is_no_answer_breaks_the_connection() {
    let long = format!("+{}", "x".repeat(2000));
    for bytes in [":1\r\n", "+OK\n", "$2\r\nOK\r\n", "+OK\r\n+OK\r\n", &long] {
        let mut all = begun(None, &["a"]);
        all.connected(Some(3));
        all.send_next();
        assert_eq!(all.receives(bytes), Err(Broken), "{bytes:?}");
    }
}

#[test]
fn a_key_is_held_until_it_is_answered_and_a_copy_is_not() {
    let mut all = begun(None, &["a", "b"]);
    let mut copy = request(None);
    copy.copies = true;
    all.add(somebody(), 0, copy, vec![key("c")]);
    let held =
        |all: &Migrations| ["a", "b", "c"].map(|name| all.moving.holds(Some(0), name.as_bytes()));
    assert_eq!(held(&all), [true, true, false]);
    assert!(!all.moving.holds(Some(1), b"a"));
    assert!(all.moving.holds(None, b"a"));
    all.connected(Some(3));
    all.send_next();
    assert_eq!(all.receives("+OK\r\n"), Ok("A".to_owned()));
    assert_eq!(held(&all), [false, true, false]);
    all.end(1);
    assert_eq!(held(&all), [false; 3]);
}

fn change(db: u32, name: &str, event: Event) -> [Change; 1] {
    [Change { db, key: name.as_bytes().into(), event, fields: Vec::new() }]
}

/// Whether a key that was sent may go after this.
fn may_go(changes: &[Change]) -> bool {
    let (mut moving, name) = (Moving::default(), key("a"));
    moving.begin(1, 0, &name, false);
    assert!(moving.sent(1, &name));
    moving.handle_changes(changes);
    moving.end(1, &name)
}

#[test]
fn a_change_after_a_key_was_sent_keeps_it() {
    assert!(may_go(&[]));
    assert!(!may_go(&change(0, "a", Event::string("set"))));
    assert!(!may_go(&change(0, "a", Event::UNTOLD)));
    assert!(!may_go(&change(0, "", Event::DATABASE)));
    assert!(may_go(&change(1, "a", Event::string("set"))));
    assert!(may_go(&change(0, "b", Event::string("set"))));
    assert!(may_go(&change(1, "", Event::DATABASE)));
    assert!(may_go(&change(0, "a", Event::KEY_MISS)));
    assert!(may_go(&change(0, "a", Event::EXPIRED)), "it goes by itself on the other side, too");
}

#[test]
fn a_change_before_it_is_sent_goes_along_unless_the_whole_database_is_another() {
    let (mut moving, name) = (Moving::default(), key("a"));
    moving.begin(1, 0, &name, false);
    moving.handle_changes(&change(0, "a", Event::string("set")));
    assert!(moving.sent(1, &name));
    moving.again(1, &name);
    moving.handle_changes(&change(0, "", Event::DATABASE));
    assert!(!moving.sent(1, &name));
}

#[test]
fn no_more_run_at_a_time_than_are_meant_to() {
    let mut all = Migrations::default();
    for _ in 0..=RUNNING_MAX {
        all.add(somebody(), 0, request(None), vec![key("a")]);
    }
    for number in 1..=RUNNING_MAX as u64 {
        assert_eq!(all.begin_next(), Some(number));
    }
    assert_eq!(all.begin_next(), None);
    all.end(7);
    assert_eq!(all.begin_next(), Some(RUNNING_MAX as u64 + 1));
    assert_eq!(all.begin_next(), None);
}

#[test]
fn bytes_on_the_way_are_counted_until_they_are_written() {
    let mut all = begun(None, &["a"]);
    all.set_outgoing(1, OUTGOING_MAX);
    assert!(all.is_crowded());
    all.set_outgoing(1, 0);
    assert!(!all.is_crowded());
    all.set_outgoing(1, OUTGOING_MAX);
    all.end(1);
    assert!(!all.is_crowded());
}
