use super::*;
use crate::ds::entry::NewValue;
use crate::keyspace::{Access, Edit, Event, Keyspace};
use crate::persist::disk::{Simulated, read};
use crate::stdx::hash::Seed;
use crate::types::new_string;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, channel};

const DATABASES: u32 = 3;
const BIG: usize = (1 << 20) + 1;

type Contents = BTreeMap<(u32, Vec<u8>), Vec<u8>>;

/// One thing that happens beside a snapshot.
#[derive(Debug, Clone)]
enum Step {
    Set(u32, u8, u16),
    Delete(u32, u8),
    Move(u32, u32, u8),
    Rename(u32, u8, u8),
    Flush(u32),
    Swap(u32, u32),
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let db = || 0..DATABASES;
    prop_oneof![
        4 => (db(), 0u8..60, any::<u16>()).prop_map(|(db, key, value)| Step::Set(db, key, value)),
        2 => (db(), 0u8..60).prop_map(|(db, key)| Step::Delete(db, key)),
        2 => (db(), db(), 0u8..60).prop_map(|(from, to, key)| Step::Move(from, to, key)),
        2 => (db(), 0u8..60, 0u8..60).prop_map(|(db, from, to)| Step::Rename(db, from, to)),
        1 => db().prop_map(Step::Flush),
        1 => (db(), db()).prop_map(|(a, b)| Step::Swap(a, b)),
        4 => (1usize..4).prop_map(Step::Read),
    ]
}

fn name(key: u8) -> Vec<u8> {
    format!("key:{key}").into_bytes()
}

fn set(keyspace: &mut Keyspace, db: u32, key: u8, value: u16) {
    // A few are so long that they are not written at once.
    let len = if value.is_multiple_of(32) { BIG } else { usize::from(value % 40) + 1 };
    let text = vec![b'0' + (value % 10) as u8; len];
    keyspace.db(db).set_string(&name(key), &text[..], None, Event::string("set"));
}

fn change(keyspace: &mut Keyspace, step: &Step) {
    match *step {
        Step::Set(db, key, value) => set(keyspace, db, key, value),
        Step::Delete(db, key) => {
            keyspace.db(db).delete(&name(key), Event::DEL);
        }
        Step::Move(from, to, key) => {
            let taken = keyspace.db(from).edit(&name(key)).map(Edit::take_out);
            if let Some(entry) = taken {
                keyspace.db(to).delete(&name(key), Event::DEL);
                keyspace.db(to).adopt(entry);
            }
        }
        Step::Rename(db, from, to) => {
            let taken = keyspace.db(db).edit(&name(from)).map(Edit::take_out);
            if let Some(entry) = taken {
                keyspace.db(db).delete(&name(to), Event::DEL);
                keyspace.db(db).adopt(entry.rename(&name(to)));
            }
        }
        Step::Flush(db) => {
            keyspace.flush(Some(db));
        }
        Step::Swap(a, b) => keyspace.swap(a, b),
        Step::Read(buckets) => {
            keyspace.read_on_snapshot(buckets);
        }
    }
}

fn contents(keyspace: &Keyspace) -> Contents {
    let all = keyspace.databases();
    let entries = all.flat_map(|(db, database)| database.iter().map(move |entry| (db, entry)));
    entries.map(|(db, entry)| ((db, entry.key().to_vec()), value(entry))).collect()
}

fn value(entry: &Entry) -> Vec<u8> {
    crate::types::Str::of(entry).expect("a string").to_vec()
}

fn begin(keyspace: &mut Keyspace, epoch: u8) -> Receiver<Part> {
    let (out, parts) = channel();
    let format = Format::Rdb(Usage::None);
    let snapshot =
        Snapshot::new(epoch, format, Access::default(), b"REDIS0011".to_vec(), DATABASES, out);
    keyspace.shared.set_snapshot(Some(Box::new(snapshot)));
    parts
}

fn finish(keyspace: &mut Keyspace) {
    while keyspace.read_on_snapshot(1) == Reading::More {}
    keyspace.shared.set_snapshot(None);
}

fn target() -> Target {
    Target {
        temp: "temp.rdb".into(),
        path: "dump.rdb".into(),
        form: Form { compress: true, checksum: Some(true), sync_often: true },
    }
}

/// The keys in the file, which must be whole. Strings alone: what larder reads files with is tested elsewhere.
fn parse(file: &[u8]) -> Contents {
    let (body, sum) = file.split_last_chunk::<8>().expect("a checksum");
    assert_eq!(crate::stdx::crc::crc64(0, body), u64::from_le_bytes(*sum));
    let mut input = crate::persist::rdb::decode::Decoder::new(&body[9..]);
    let (mut db, mut found) = (0, Contents::new());
    loop {
        match input.byte().expect("a section") {
            opcode::SELECT_DB => db = input.length().unwrap() as u32,
            opcode::END => break,
            0 => {
                let (key, value) = (input.string().unwrap(), input.string().unwrap());
                assert_eq!(found.insert((db, key), value), None, "a key is there once");
            }
            other => panic!("section {other}"),
        }
    }
    input.finish().unwrap();
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_is_the_data_set_of_the_moment_it_began(
        before in prop::collection::vec(step(), 0..120),
        rounds in prop::collection::vec((prop::collection::vec(step(), 0..60), any::<bool>()), 1..5),
    ) {
        let mut keyspace = Keyspace::new(DATABASES as usize, Seed::new(1, 2));
        before.iter().for_each(|step| change(&mut keyspace, step));
        for (round, (during, given_up)) in rounds.iter().enumerate() {
            let expected = contents(&keyspace);
            let parts = begin(&mut keyspace, round as u8 % 3 + 1);
            for (number, step) in during.iter().enumerate() {
                if *given_up && number == during.len() / 2 {
                    keyspace.shared.snapshot().unwrap().give_up();
                }
                change(&mut keyspace, step);
            }
            finish(&mut keyspace);
            let disk = Simulated::default();
            let written = write(&disk, &target(), &parts, &InFlight::default());
            prop_assert!(written.is_ok() || *given_up);
            prop_assert!(read(&disk, "temp.rdb".as_ref()).is_err());
            if written.is_ok() {
                prop_assert_eq!(parse(&read(&disk, "dump.rdb".as_ref()).unwrap()), expected);
            }
        }
    }
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all() {
    let mut keyspace = Keyspace::new(DATABASES as usize, Seed::new(1, 2));
    for failing in 0.. {
        let disk = Simulated::default();
        for round in 0..2u16 {
            set(&mut keyspace, 0, 1, round);
            let expected = contents(&keyspace);
            let parts = begin(&mut keyspace, round as u8 + 1);
            finish(&mut keyspace);
            if round == 1 {
                disk.fail_between(failing, failing, io::ErrorKind::StorageFull);
            }
            let written = write(&disk, &target(), &parts, &InFlight::default());
            disk.heal();
            let found = parse(&read(&disk.after_crash(0), "dump.rdb".as_ref()).unwrap());
            if written.is_ok() {
                assert_eq!(found, expected);
                if round == 1 {
                    return assert!(failing > 4, "several operations are there to fail");
                }
            }
        }
        assert!(read(&disk, "temp.rdb".as_ref()).is_err(), "{failing}: nothing is left behind");
    }
}

#[test]
fn an_entry_is_written_as_it_was_with_its_deadline() {
    let mut keyspace = Keyspace::new(DATABASES as usize, Seed::new(1, 2));
    keyspace.db(0).adopt(Entry::new(b"k", new_string(&b"old"[..]), Some(9_999_999_999_999)));
    let parts = begin(&mut keyspace, 1);
    let mut db = keyspace.db(0);
    let mut edit = db.edit(b"k").unwrap();
    edit.set(NewValue::Int(5), None);
    edit.done(Event::string("set"));
    finish(&mut keyspace);
    let disk = Simulated::default();
    write(&disk, &target(), &parts, &InFlight::default()).unwrap();
    let file = read(&disk, "dump.rdb".as_ref()).unwrap();
    let deadline = 9_999_999_999_999_u64.to_le_bytes();
    let expected = [&[opcode::EXPIRE_MS], &deadline[..], b"\x00\x01k\x03old"].concat();
    assert!(file.windows(expected.len()).any(|bytes| bytes == expected));
}
