use super::*;
use crate::resp::Argv;
use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const KNOWN: Limits = Limits { bulk_max: 512 * 1024 * 1024, authenticated: true };
const STRANGER: Limits = Limits { authenticated: false, ..KNOWN };

/// What the parser made of some input.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Command(Vec<Vec<u8>>),
    /// The line of an inline command with quotes.
    Quoted(Vec<u8>),
    Broken(ProtocolError),
}

/// A connection's input, as `net` and `exec` handle it: what was used up leaves the buffer, and an
/// unfinished long argument is received apart.
#[derive(Default)]
struct Input {
    parser: Parser,
    buf: Vec<u8>,
    /// The unfinished command's long arguments that have come.
    apart: Vec<Bytes>,
    /// The one that is coming, with the line end behind it, and its whole length.
    receiving: Option<(Vec<u8>, usize)>,
    found: Vec<Found>,
}

impl Input {
    /// Takes what belongs to a long argument; answers the rest.
    fn receive<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        let Some((mut bytes, whole)) = self.receiving.take() else { return piece };
        let (mine, rest) = piece.split_at(piece.len().min(whole - bytes.len()));
        bytes.extend_from_slice(mine);
        if bytes.len() < whole {
            self.receiving = Some((bytes, whole));
        } else {
            bytes.truncate(whole - 2);
            self.parser.took_apart(self.apart.len());
            self.apart.push(bytes.into());
        }
        rest
    }

    /// Takes the commands that are whole.
    fn run(&mut self, limits: Limits) -> Result<(), ProtocolError> {
        let mut at = 0;
        loop {
            let mut spans = Vec::new();
            let end = match self.parser.next(&self.buf, at, limits, &mut spans)? {
                Parsed::Command { end } => {
                    let argv = Argv::new(&self.buf, &spans).with_apart(&self.apart);
                    self.found.push(Found::Command(argv.iter().map(<[u8]>::to_vec).collect()));
                    self.apart.clear();
                    end
                }
                Parsed::Quoted { end } => {
                    self.found.push(Found::Quoted(self.buf[at..end].to_vec()));
                    end
                }
                Parsed::Nothing { end } => end,
                Parsed::Incomplete { wanted } => {
                    assert!(wanted > self.buf.len() - at, "more is wanted than there is");
                    assert!(spans.is_empty(), "the parser itself remembers what it has found");
                    self.buf.drain(..at);
                    return Ok(());
                }
            };
            assert!(end > at && end <= self.buf.len(), "every answer brings the parser further");
            at = end;
        }
    }

    /// Moves what is there of a long argument out of the buffer.
    fn set_apart(&mut self) {
        if let Some((from, len)) = self.parser.long_argument() {
            self.receiving = Some((self.buf.split_off(from), len + 2));
        }
    }
}

/// Parses input that arrives in pieces.
fn feed<'p>(pieces: impl IntoIterator<Item = &'p [u8]>, limits: Limits) -> Vec<Found> {
    let mut input = Input::default();
    for piece in pieces {
        let rest = input.receive(piece);
        input.buf.extend_from_slice(rest);
        if input.receiving.is_some() {
            continue;
        }
        if let Err(error) = input.run(limits) {
            input.found.push(Found::Broken(error));
            break;
        }
        input.set_apart();
    }
    input.found
}

fn command(words: &[&str]) -> Found {
    Found::Command(words.iter().map(|word| word.as_bytes().to_vec()).collect())
}

fn check_broken(input: &[u8], limits: Limits, error: ProtocolError, text: &str) {
    let broken = Found::Broken(error);
    assert_eq!(feed([input], limits), [broken], "{}", input.escape_ascii());
    assert_eq!(error.text(), text);
    assert_eq!(feed(input.chunks(1), limits).len(), 1);
}

#[test]
fn commands_of_both_forms_follow_one_another() {
    let input = b"*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\nPING\r\n\r\n*0\r\n*-1\r\n  GET  a\tb \nSET \"a b\" c\r\n*1\r\n$0\r\n\r\n";
    let found = feed([&input[..]], KNOWN);
    let expected = [
        command(&["ECHO", "\r\n"]),
        command(&["PING"]),
        command(&["GET", "a", "b"]),
        Found::Quoted(b"SET \"a b\" c\r\n".to_vec()),
        command(&[""]),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_count_that_cannot_be_is_refused() {
    for count in ["*x", "*", "*1x", "*01", "*+1", "* 1", "*2147483648", "*99999999999999999999"] {
        let input = format!("{count}\r\n");
        let error = ProtocolError::InvalidMultibulkLength;
        check_broken(input.as_bytes(), KNOWN, error, "invalid multibulk length");
    }
}

#[test]
fn a_length_that_cannot_be_is_refused() {
    for length in ["x", "", "-1", "1x", "01", "536870913", "99999999999999999999"] {
        let input = format!("*1\r\n${length}\r\n");
        let error = ProtocolError::InvalidBulkLength;
        check_broken(input.as_bytes(), KNOWN, error, "invalid bulk length");
    }
}

#[test]
fn an_argument_begins_with_a_dollar() {
    let error = ProtocolError::Expected(b':');
    check_broken(b"*1\r\n:1\r\n", KNOWN, error, "expected '$', got ':'");
    let error = ProtocolError::Expected(b'\r');
    check_broken(b"*1\r\n\r\n", KNOWN, error, "expected '$', got '\r'");
}

#[test]
fn a_stranger_may_send_no_more_than_a_handshake() {
    let error = ProtocolError::UnauthenticatedMultibulk;
    check_broken(b"*11\r\n", STRANGER, error, "unauthenticated multibulk length");
    let error = ProtocolError::UnauthenticatedBulk;
    check_broken(b"*1\r\n$16385\r\n", STRANGER, error, "unauthenticated bulk length");
    assert_eq!(feed([&b"*10\r\n$16384\r\n"[..]], STRANGER), []);
    assert_eq!(feed([&b"*11\r\n$16385\r\n"[..]], KNOWN), []);
}

#[test]
fn a_line_without_an_end_is_too_big() {
    for (start, what) in
        [("*", "mbulk count string"), ("*1\r\n$", "bulk count string"), ("", "inline request")]
    {
        // An inline request may have one byte more: counts are measured behind their sign.
        let most = LINE_MAX - usize::from(!start.is_empty());
        let mut input = start.as_bytes().to_vec();
        input.resize(start.len() + most, b'1');
        assert_eq!(feed([&input[..]], KNOWN), [], "{what}");
        input.push(b'1');
        check_broken(&input, KNOWN, ProtocolError::TooBig(what), &format!("too big {what}"));
    }
}

#[test]
fn a_line_is_too_long_whether_or_not_its_end_is_there() {
    for start in ["*", "*1\r\n$", "*1\r\n:", ""] {
        for surplus in [-2, -1, 0, 1, 2] {
            let mut input = start.as_bytes().to_vec();
            input.resize(LINE_MAX.strict_add_signed(surplus) + start.len(), b'1');
            input.extend_from_slice(b"\r\nPING\r\n");
            let whole = feed([&input[..]], KNOWN);
            let pieces = feed(input.chunks(1), KNOWN);
            assert_eq!(whole, pieces, "{start:?} {surplus}");
        }
    }
}

#[test]
fn an_argument_received_apart_is_scanned_once() {
    let mut parser = Parser::default();
    let mut buf = b"*2\r\n$3\r\nSET\r\n$1000000\r\n".to_vec();
    let mut spans = Vec::new();
    let parsed = parser.next(&buf, 0, KNOWN, &mut spans);
    assert_eq!(parsed, Ok(Parsed::Incomplete { wanted: buf.len() + 1_000_002 }));
    assert_eq!(parser.long_argument(), Some((buf.len(), 1_000_000)));
    parser.took_apart(0);
    let end = buf.len();
    buf.extend_from_slice(b"PING\r\n");
    assert_eq!(parser.next(&buf, 0, KNOWN, &mut spans), Ok(Parsed::Command { end }));
    assert_eq!(spans, [Span { start: 8, len: 3 }, Span::apart(0)]);
}

/// A request, or something like one.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let byte = || select(&b"*$\r\n0123456789-+ \"'\\xaz\0\xff"[..]);
    let words = prop::collection::vec(prop::collection::vec(byte(), 0..20), 0..5);
    let multibulk = words.prop_map(|words| {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend(format!("${}\r\n", word.len()).into_bytes());
            request.extend(word);
            request.extend(b"\r\n");
        }
        request
    });
    let long = (LONG - 2..LONG + 3, 0..3usize).prop_map(|(len, behind)| {
        let mut request = format!("*{}\r\n${len}\r\n", behind + 1).into_bytes();
        request.resize(request.len() + len, b'*');
        request.extend(b"\r\n");
        request.extend(b"$1\r\na\r\n".repeat(behind));
        request
    });
    let line = prop::collection::vec(byte(), 0..30).prop_map(|mut line| {
        line.extend(b"\r\n");
        line
    });
    prop_oneof![
        8 => multibulk,
        4 => line,
        2 => prop::collection::vec(byte(), 0..30),
        1 => long,
    ]
}

proptest! {
    #[test]
    fn any_split_of_any_bytes_gives_the_same_commands(
        requests in prop::collection::vec(request(), 0..6),
        cuts in prop::collection::vec(any::<Index>(), 0..12),
        authenticated in any::<bool>(),
    ) {
        let input = requests.concat();
        let limits = Limits { authenticated, ..KNOWN };
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|ends| &input[ends[0]..ends[1]]);
        prop_assert_eq!(feed(pieces, limits), feed([&input[..]], limits));
    }

    #[test]
    fn bytes_one_by_one_give_the_same_commands(
        requests in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..6),
    ) {
        let input = requests.concat();
        prop_assert_eq!(feed(input.chunks(1), KNOWN), feed([&input[..]], KNOWN));
    }
}
