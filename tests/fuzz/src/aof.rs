//! Files of commands: any split of any bytes gives the same items as the whole, each begins where the one before it
//! ends, and what stands for itself is whole.
//!
//! The input's first byte seeds the lengths of the pieces.
#![no_main]

mod pieces;

use larder::persist::aof::read::{Damage, Item, Reader, Torn, timestamp};
use libfuzzer_sys::fuzz_target;
use pieces::Pieces;

/// What was found, how it ended, and up to where it stands for itself.
type Read = (Vec<Vec<Vec<u8>>>, Result<Result<(), Torn>, Damage>, u64);

fuzz_target!(|data: &[u8]| {
    let Some((&seed, file)) = data.split_first() else { return };
    let whole = read(std::iter::once(file));
    assert_eq!(whole, read(Pieces { rest: file, seed }));
    let stands = usize::try_from(whole.2).expect("it is within the file");
    let (_, end, again) = read(std::iter::once(&file[..stands]));
    assert_eq!((end, again), (Ok(Ok(())), whole.2));
});

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Read {
    let mut reader = Reader::new(0);
    let mut found = Vec::new();
    let mut end = 0;
    for piece in pieces {
        reader.push(piece);
        loop {
            let item = match reader.poll_item() {
                Ok(Some(Item::Command(argv))) => argv.iter().map(<[u8]>::to_vec).collect(),
                Ok(Some(Item::Annotation(text))) => {
                    let _ = timestamp(text);
                    vec![vec![], text.to_vec()]
                }
                Ok(None) => break,
                Err(damage) => {
                    assert!(damage.at >= end, "damage is not in what was handed out");
                    return (found, Err(damage), reader.whole());
                }
            };
            assert_eq!(reader.item_at(), end);
            end = reader.item_end();
            assert!(reader.whole() <= end);
            found.push(item);
        }
    }
    (found, Ok(reader.finish()), reader.whole())
}
