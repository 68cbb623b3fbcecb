//! What the reader makes of whole, torn and damaged files.

use super::*;
use proptest::prelude::*;

fn command(args: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn file(commands: &[&[&[u8]]]) -> Vec<u8> {
    commands.iter().flat_map(|args| command(args)).collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Owned {
    Command(u64, Vec<Vec<u8>>),
    Annotation(u64, Vec<u8>),
}

/// What was read, how it ended, and how much stands for itself.
type Found = (Vec<Owned>, Result<Result<(), Torn>, Damage>, u64);

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Found {
    let mut reader = Reader::new(0);
    let mut found = Vec::new();
    for piece in pieces {
        reader.push(piece);
        loop {
            let item = match reader.poll_item() {
                Ok(Some(Item::Command(argv))) => {
                    Ok(argv.iter().map(<[u8]>::to_vec).collect::<Vec<_>>())
                }
                Ok(Some(Item::Annotation(text))) => Err(text.to_vec()),
                Ok(None) => break,
                Err(damage) => return (found, Err(damage), reader.whole()),
            };
            let at = reader.item_at();
            found.push(match item {
                Ok(args) => Owned::Command(at, args),
                Err(text) => Owned::Annotation(at, text),
            });
        }
    }
    (found, Ok(reader.finish()), reader.whole())
}

/// Reads a whole command and these bytes: how it ended, and how much stands for itself, both behind that
/// command.
#[track_caller]
fn check_damage(bytes: &[u8], at: u64, fault: Fault) {
    let before = command(&[b"SELECT", b"0"]);
    let (_, end, whole) = read([&[&before, bytes].concat()[..]]);
    assert_eq!(end, Err(Damage { at: before.len() as u64 + at, fault }));
    assert_eq!(whole, before.len() as u64);
}

#[track_caller]
fn check_torn(bytes: &[u8], at: u64, missing: Missing) {
    let before = command(&[b"SELECT", b"0"]);
    let (_, end, whole) = read([&[&before, bytes].concat()[..]]);
    assert_eq!(end, Ok(Err(Torn { at: before.len() as u64 + at, missing })));
    assert_eq!(whole, before.len() as u64);
}

#[test]
fn commands_and_annotations_come_with_their_offsets() {
    let bytes = [&b"#TS:1700000000\r\n"[..], &command(&[b"SET", b"k", b"\r\n*1\r\n"])].concat();
    let (found, end, whole) = read([&bytes[..]]);
    let set = vec![b"SET".to_vec(), b"k".to_vec(), b"\r\n*1\r\n".to_vec()];
    let expected = [Owned::Annotation(0, b"TS:1700000000".to_vec()), Owned::Command(16, set)];
    assert_eq!(found, expected);
    assert_eq!((end, whole), (Ok(Ok(())), bytes.len() as u64));
}

#[test]
fn offsets_count_from_where_the_reader_was_set() {
    let mut reader = Reader::new(1000);
    reader.push(&file(&[&[b"PING"], &[b"PING"]]));
    let mut at = Vec::new();
    while reader.poll_item().expect("it is whole").is_some() {
        at.push(reader.item_at());
    }
    assert_eq!((at, reader.whole()), (vec![1000, 1014], 1028));
}

#[test]
fn no_file_of_commands_has_these() {
    check_damage(b"PING\r\n", 0, Fault::Start(b'P'));
    check_damage(b"\0\0\0", 0, Fault::Start(0));
    check_damage(b"*x\r\n", 0, Fault::LineEnd(*b"x\r"));
    check_damage(b"*111111111111111111111111", 0, Fault::LineEnd([0, 0]));
    check_damage(b"*1\n$4\r\nPING\r\n", 0, Fault::LineEnd(*b"\n$"));
    check_damage(b"*\r\n", 0, Fault::LineEnd(*b"\r\n"));
    check_damage(b"*0\r\n", 0, Fault::Count(0));
    check_damage(b"*-1\r\n", 0, Fault::Count(-1));
    check_damage(b"*2147483648\r\n", 0, Fault::Count(1 << 31));
    check_damage(b"*1\r\n*4\r\nPING\r\n", 4, Fault::Argument(b'*'));
    check_damage(b"*1\r\n$-4\r\n", 4, Fault::Length(-4));
    check_damage(b"*1\r\n$99999999999\r\n", 4, Fault::Length(99_999_999_999));
    check_damage(b"*1\r\n$99999999999999999999\r\n", 4, Fault::Length(i64::MAX));
    check_damage(b"*1\r\n$4\r\nPINGxx", 8, Fault::ArgumentEnd(*b"xx"));
    check_damage(&[b'#'; 1024], 0, Fault::Annotation);
    check_damage(&command(&[b"EXEC"]), 8, Fault::LoneExec);
}

#[test]
fn what_may_yet_become_whole_is_torn() {
    check_torn(b"*", 0, Missing::Line);
    check_torn(b"*3", 0, Missing::Line);
    check_torn(b"*3\r", 0, Missing::Line);
    check_torn(b"*x", 0, Missing::Line);
    check_torn(b"*3\r\n", 4, Missing::Line);
    check_torn(b"*3\r\n$3\r\nSET\r\n$1", 13, Missing::Line);
    check_torn(b"*1\r\n$4\r\nPI", 8, Missing::Bytes { wanted: 6, got: 2 });
    check_torn(b"*1\r\n$4\r\nPING\r", 8, Missing::Bytes { wanted: 6, got: 5 });
    check_torn(b"#TS:17000", 0, Missing::Line);
    check_torn(&file(&[&[b"multi"], &[b"SET", b"x", b"y"]]), 39, Missing::Exec);
    let half = [&command(&[b"MULTI"])[..], b"*1\r\n$4\r\nPI"].concat();
    check_torn(&half, 23, Missing::Bytes { wanted: 6, got: 2 });
}

#[test]
fn a_file_stands_for_itself_only_outside_of_transactions() {
    let multi = command(&[b"MULTI"]);
    let (_, end, whole) = read([&[&multi[..], &multi].concat()[..]]);
    assert_eq!(end, Err(Damage { at: 23, fault: Fault::NestedMulti }));
    assert_eq!(whole, 0);
    let bytes = file(&[&[b"MULTI"], &[b"SET", b"x", b"y"], &[b"exec"]]);
    let (found, end, whole) = read([&bytes[..]]);
    assert_eq!((found.len(), end, whole), (3, Ok(Ok(())), bytes.len() as u64));
}

#[test]
fn only_annotations_of_time_have_a_timestamp() {
    assert_eq!(timestamp(b"TS:1700000000"), Some(1_700_000_000));
    assert_eq!(timestamp(b"TS:"), None);
    assert_eq!(timestamp(b"TS:-1"), None);
    assert_eq!(timestamp(b"hello"), None);
}

#[test]
fn memory_follows_the_bytes_and_not_the_lengths() {
    let mut reader = Reader::new(0);
    reader.push(b"*2000000000\r\n$4000000000\r\nx");
    assert!(reader.poll_item().expect("it is no damage").is_none());
    assert!(reader.buf.capacity() + reader.spans.capacity() < 1000);
}

proptest! {
    #[test]
    fn pieces_give_what_the_whole_gives(
        commands in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..5), 0..8),
        harm in prop::option::of((0.0..1.0, any::<u8>())),
        cut in 0.0..1.0,
        piece in 1usize..20,
    ) {
        let mut bytes = b"#TS:1\r\n".to_vec();
        for args in &commands {
            let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            bytes.extend_from_slice(&command(&args));
        }
        let place = |share: f64, len: usize| (share * len as f64) as usize;
        if let Some((share, byte)) = harm {
            let at = place(share, bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(place(cut * 1.2, bytes.len()).min(bytes.len()));
        let whole = read([&bytes[..]]);
        prop_assert_eq!(&whole, &read(bytes.chunks(piece)));
        prop_assert!(whole.2 <= bytes.len() as u64);
        // What is cut where the file stands for itself is whole.
        let (_, end, again) = read([&bytes[..whole.2 as usize]]);
        prop_assert_eq!((end, again), (Ok(Ok(())), whole.2));
    }
}
