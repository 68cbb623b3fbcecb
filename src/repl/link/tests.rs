//! The machine against a primary made of bytes.

use super::*;

const ID: &str = "0123456789012345678901234567890123456789";
const OTHER: &str = "9876543210987654321098765432109876543210";

/// A link that has connected, on these terms.
fn greeted(terms: Terms) -> Link {
    let mut link = Link::default();
    link.follow(1000);
    assert_eq!(link.tick(1000, 60_000), Some(Due::Connect));
    link.handle_connected(terms, 1000);
    link
}

/// Hands it bytes and takes all that comes of them.
fn feed(link: &mut Link, bytes: &[u8]) -> Result<Vec<Event>, Fault> {
    link.input.extend_from_slice(bytes);
    link.handle_received(bytes.len(), 2000);
    let mut events = Vec::new();
    while let Some(event) = link.take()? {
        let ends = matches!(event, Event::PayloadEnds | Event::Continues(_));
        events.push(event);
        if ends {
            break;
        }
    }
    Ok(events)
}

/// What it sends, as words.
fn sent(link: &mut Link) -> String {
    let out = String::from_utf8(link.take_output()).unwrap();
    let words = out.split("\r\n").filter(|word| !word.is_empty() && !word.starts_with('$'));
    let words = words.map(|word| if word.starts_with('*') { "/" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Goes through the handshake up to PSYNC.
fn asked(terms: Terms) -> Link {
    let mut link = greeted(terms);
    assert_eq!(feed(&mut link, b"+PONG\r\n+OK\r\n+OK\r\n+OK\r\n"), Ok(vec![]));
    link
}

fn with_history() -> Terms {
    Terms { history: Some((ID.to_owned(), 7)), ..Terms::default() }
}

#[track_caller]
fn check_fault(result: Result<Vec<Event>, Fault>, retry: Retry, why: &str) {
    assert_eq!(result, Err(Fault::new(retry, why)));
}

#[test]
fn a_handshake_says_who_it_is_and_asks_for_everything() {
    let terms = Terms { port: 6380, ..Terms::default() };
    let mut link = greeted(terms);
    assert_eq!(sent(&mut link), "/ PING");
    feed(&mut link, b"+PONG\r\n").unwrap();
    let words =
        "/ REPLCONF listening-port 6380 / REPLCONF capa eof capa psync2 / REPLCONF version 9.0.0";
    assert_eq!(sent(&mut link), words);
    feed(&mut link, b"+OK\r\n+OK\r\n+O").unwrap();
    assert_eq!(sent(&mut link), "");
    feed(&mut link, b"K\r\n").unwrap();
    assert_eq!(sent(&mut link), "/ PSYNC ? -1");
    let events = feed(&mut link, format!("+FULLRESYNC {ID} 99\r\n").as_bytes());
    assert_eq!(events, Ok(vec![Event::FullSync(Some((ID.to_owned(), 99)))]));
    assert!(link.is_syncing());
}

#[test]
fn a_password_and_an_address_are_told() {
    let terms =
        Terms { user: "u".into(), password: "p".into(), ip: "10.0.0.1".into(), ..with_history() };
    let mut link = greeted(terms);
    feed(&mut link, b"-NOAUTH Authentication required.\r\n").unwrap();
    let words = sent(&mut link);
    assert!(words.starts_with("/ PING / AUTH u p / REPLCONF listening-port 0"), "{words}");
    assert!(words.contains("/ REPLCONF ip-address 10.0.0.1 /"), "{words}");
    feed(&mut link, b"+OK\r\n-ERR what port?\r\n-ERR what address?\r\n+OK\r\n-ERR what?\r\n")
        .unwrap();
    assert_eq!(sent(&mut link), format!("/ PSYNC {ID} 7"));
}

#[test]
fn a_wrong_password_ends_the_attempt() {
    let terms = Terms { password: "p".into(), ..Terms::default() };
    let mut link = greeted(terms);
    let result = feed(&mut link, b"+PONG\r\n-WRONGPASS no\r\n");
    check_fault(result, Retry::Soon, "Unable to AUTH to MASTER: -WRONGPASS no");
}

#[test]
fn a_ping_that_is_refused_ends_the_attempt() {
    let result = feed(&mut greeted(Terms::default()), b"-ERR max number of clients reached\r\n");
    let why = "Error reply to PING from master: '-ERR max number of clients reached'";
    check_fault(result, Retry::Soon, why);
    let result = feed(&mut greeted(Terms::default()), b"HTTP/1.1 400 Bad Request\r\n");
    let why = "Error reply to PING from master: 'HTTP/1.1 400 Bad Request'";
    check_fault(result, Retry::Soon, why);
}

#[test]
fn a_line_without_an_end_is_no_primary() {
    let result = feed(&mut greeted(Terms::default()), &[b'x'; 5000]);
    let why = format!("Bad protocol from MASTER, a line without an end: {}...", "x".repeat(32));
    check_fault(result, Retry::Soon, &why);
}

#[test]
fn the_stream_goes_on_where_it_stopped() {
    let mut link = asked(with_history());
    let events = feed(&mut link, b"\n\n+CONTINUE\r\n*1\r\n$4\r\nPING\r\n");
    assert_eq!(events, Ok(vec![Event::Continues(None)]));
    assert_eq!(link.input, b"*1\r\n$4\r\nPING\r\n", "the stream has begun");
    let mut link = asked(with_history());
    let events = feed(&mut link, format!("+CONTINUE {OTHER}\r\n").as_bytes());
    assert_eq!(events, Ok(vec![Event::Continues(Some(OTHER.to_owned()))]));
}

#[test]
fn nobody_goes_on_who_did_not_ask_for_it() {
    let result = feed(&mut asked(Terms::default()), b"+CONTINUE\r\n");
    check_fault(result, Retry::Soon, "Unexpected reply to PSYNC from master: +CONTINUE");
    let result = feed(&mut asked(Terms::default()), b"+FULLRESYNC nonsense 0\r\n");
    let why = "Unexpected reply to PSYNC from master: +FULLRESYNC nonsense 0";
    check_fault(result, Retry::Soon, why);
}

#[test]
fn a_primary_that_is_busy_is_asked_again() {
    for text in ["-NOMASTERLINK Can't SYNC while not connected with my master", "-LOADING wait"] {
        let result = feed(&mut asked(Terms::default()), format!("{text}\r\n").as_bytes());
        let why =
            format!("Master is currently unable to PSYNC but should be in the future: {text}");
        check_fault(result, Retry::Soon, &why);
    }
}

#[test]
fn a_primary_that_knows_no_psync_is_asked_for_sync() {
    let mut link = asked(Terms::default());
    link.take_output();
    let events = feed(&mut link, b"-ERR unknown command 'PSYNC'\r\n\n$3\r\nabc*1");
    assert_eq!(sent(&mut link), "/ SYNC");
    let expected = vec![
        Event::FullSync(None),
        Event::PayloadBegins(Some(3)),
        Event::Part(b"abc".to_vec()),
        Event::PayloadEnds,
    ];
    assert_eq!(events, Ok(expected));
    link.acknowledge(3, None, 9000);
    assert_eq!(sent(&mut link), "", "it does not know what that is");
}

/// Takes a payload in pieces of every size; what came and what is left.
fn pieces(bytes: &[u8], size: usize) -> (Vec<u8>, Vec<u8>) {
    let mut link = asked(Terms::default());
    feed(&mut link, format!("+FULLRESYNC {ID} 99\r\n").as_bytes()).unwrap();
    let mut whole = Vec::new();
    for piece in bytes.chunks(size) {
        for event in feed(&mut link, piece).unwrap() {
            if let Event::Part(part) = event {
                whole.extend(part);
            }
        }
    }
    assert!(link.is_loading(), "in pieces of {size}");
    (whole, link.input)
}

#[test]
fn a_payload_ends_behind_its_length() {
    let bytes = b"\n\n$10\r\n0123456789*1\r\n$4\r\nPING\r\n";
    for size in 1..bytes.len() {
        let (whole, rest) = pieces(bytes, size);
        assert_eq!((whole.as_slice(), rest.as_slice()), (&b"0123456789"[..], &bytes[17..]));
    }
}

#[test]
fn a_payload_ends_at_its_mark() {
    let mark = "0123456789abcdefghijklmnopqrstuvwxyzABCD";
    for body in ["", "short", &mark[..39], &"0123456789".repeat(20)] {
        let bytes = format!("$EOF:{mark}\r\n{body}{mark}");
        for size in 1..bytes.len() {
            let (whole, rest) = pieces(bytes.as_bytes(), size);
            assert_eq!((whole.as_slice(), rest.as_slice()), (body.as_bytes(), &b""[..]));
        }
    }
}

#[test]
fn what_is_no_payload_ends_the_attempt() {
    let cases = [
        ("-ERR no room", "MASTER aborted replication with an error: -ERR no room"),
        ("$x", "Bad protocol from MASTER, this is no length: $x"),
        ("$EOF:short", "Bad protocol from MASTER, this is no end mark: $EOF:short"),
        (
            "hello",
            "Bad protocol from MASTER, the first byte is not '$' (we received 'hello'), are you sure the \
             host and port are right?",
        ),
    ];
    for (line, why) in cases {
        let mut link = asked(Terms::default());
        feed(&mut link, format!("+FULLRESYNC {ID} 99\r\n").as_bytes()).unwrap();
        check_fault(feed(&mut link, format!("{line}\r\n").as_bytes()), Retry::Soon, why);
    }
}

#[test]
fn silence_ends_every_stage() {
    let fault = |why: &str| Some(Due::Fault(Fault::new(Retry::Soon, why)));
    let mut link = greeted(Terms::default());
    assert_eq!(link.tick(61_000, 60_000), None);
    assert_eq!(link.tick(61_001, 60_000), fault("Timeout connecting to the MASTER..."));
    let mut link = asked(Terms::default());
    feed(&mut link, format!("+FULLRESYNC {ID} 99\r\n").as_bytes()).unwrap();
    let due = link.tick(62_001, 60_000);
    assert!(matches!(&due, Some(Due::Fault(it)) if it.why.starts_with("Timeout receiving bulk")));
    let mut link = asked(with_history());
    feed(&mut link, b"+CONTINUE\r\n").unwrap();
    link.begin_stream(client(), 2000);
    assert_eq!(link.tick(62_001, 60_000), fault("MASTER timeout: no data nor PING received..."));
}

/// A client's id; the machine only keeps it.
fn client() -> ClientId {
    let addr = PeerAddr::Unix("".into());
    crate::client::Clients::default().insert(crate::client::Session::new(addr, -1, true, 0))
}

#[test]
fn a_stream_tells_how_far_it_is_every_second() {
    let mut link = asked(with_history());
    feed(&mut link, b"+CONTINUE\r\n").unwrap();
    link.begin_stream(client(), 2000);
    link.take_output();
    assert_eq!(link.tick(2500, 60_000), Some(Due::Ack));
    link.acknowledge(42, None, 2500);
    assert_eq!(sent(&mut link), "/ REPLCONF ACK 42");
    assert_eq!(link.tick(3499, 60_000), None);
    assert_eq!(link.tick(3500, 60_000), Some(Due::Ack));
    link.acknowledge(43, Some(40), 3500);
    assert_eq!(sent(&mut link), "/ REPLCONF ACK 43 FACK 40");
}

#[test]
fn a_load_gives_signs_of_life() {
    let mut link = asked(Terms::default());
    feed(&mut link, format!("+FULLRESYNC {ID} 99\r\n$1\r\nx").as_bytes()).unwrap();
    link.take_output();
    assert_eq!((link.tick(5000, 60_000), link.take_output()), (None, b"\n".to_vec()));
    assert_eq!((link.tick(5500, 60_000), link.take_output()), (None, b"".to_vec()));
    assert_eq!((link.tick(500_000, 60_000), link.take_output()), (None, b"\n".to_vec()));
}

#[test]
fn an_attempt_that_was_given_up_is_another_than_the_next() {
    let mut link = asked(Terms::default());
    let first = link.attempt();
    link.lost(Retry::Soon, 2000, 0);
    assert_ne!(link.attempt(), first);
    assert_eq!((link.tick(2499, 60_000), link.state_name()), (None, "connect"));
    assert_eq!(link.tick(2500, 60_000), Some(Due::Connect));
    assert_ne!(link.attempt(), first);
    assert_eq!(link.state_name(), "connecting");
    link.stop();
    link.lost(Retry::Soon, 2000, 0);
    assert_eq!((link.tick(99_000, 60_000), link.state_name()), (None, "none"));
}
