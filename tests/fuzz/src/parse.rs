//! The request parser: any split of any bytes gives the same commands as the whole.
//!
//! The input's first byte says how the rest arrives: bit 0, whether the client has authenticated;
//! the others seed the lengths of the pieces.
#![no_main]

mod pieces;

use larder::resp::{Argv, Limits, Parsed, Parser, ProtocolError};
use larder::stdx::words;
use libfuzzer_sys::fuzz_target;
use pieces::Pieces;

/// What the parser made of some input.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Command(Vec<Vec<u8>>),
    /// An inline command with quotes; no words where they do not close.
    Quoted(Option<Vec<Vec<u8>>>),
    Broken(ProtocolError),
}

fuzz_target!(|data: &[u8]| {
    let Some((&how, input)) = data.split_first() else { return };
    let limits = Limits { bulk_max: 1 << 20, authenticated: how & 1 == 0 };
    let whole = parse(std::iter::once(input), limits);
    let pieces = parse(Pieces { rest: input, seed: how >> 1 }, limits);
    assert_eq!(whole, pieces);
});

fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: Limits) -> Vec<Found> {
    let mut parser = Parser::default();
    let mut buf = Vec::new();
    let mut found = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        match commands(&mut parser, &buf, limits, &mut found) {
            Ok(used) => drop(buf.drain(..used)),
            Err(error) => {
                found.push(Found::Broken(error));
                break;
            }
        }
    }
    found
}

/// Takes the commands that are whole; answers how many bytes they have.
fn commands(
    parser: &mut Parser,
    buf: &[u8],
    limits: Limits,
    found: &mut Vec<Found>,
) -> Result<usize, ProtocolError> {
    let mut at = 0;
    loop {
        let mut spans = Vec::new();
        let end = match parser.next(buf, at, limits, &mut spans)? {
            Parsed::Command { end } => {
                let argv = Argv::new(buf, &spans);
                found.push(Found::Command(argv.iter().map(<[u8]>::to_vec).collect()));
                end
            }
            Parsed::Quoted { end } => {
                found.push(Found::Quoted(words::split(&buf[at..end])));
                end
            }
            Parsed::Nothing { end } => end,
            Parsed::Incomplete { wanted } => {
                assert!(wanted > buf.len() - at, "more is wanted than there is");
                assert!(spans.is_empty(), "the parser itself remembers what it has found");
                return Ok(at);
            }
        };
        assert!(end > at && end <= buf.len(), "every answer brings the parser further");
        at = end;
    }
}
