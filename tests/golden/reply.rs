//! Replies as they stand on the wire, RESP2 and RESP3.
//!
//! A reply keeps its type byte: golden scripts prove the wire, where `$-1`, `*-1` and `_` differ.

use crate::script::quote;

/// One reply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    /// The type byte.
    pub(crate) kind: u8,
    pub(crate) data: Data,
    /// The flat list of keys and values that preceded the reply.
    pub(crate) attributes: Option<Vec<Self>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Null,
    Bytes(Vec<u8>),
    /// Elements; keys and values by turns in a map.
    List(Vec<Reply>),
}

/// Bytes received and not yet read as replies.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    bytes: Vec<u8>,
}

impl Replies {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next reply, `None` while it is incomplete; the error says what is not RESP.
    pub(crate) fn next(&mut self) -> Result<Option<Reply>, String> {
        let mut reader = Reader { rest: &self.bytes };
        let reply = reader.reply()?;
        let used = self.bytes.len() - reader.rest.len();
        if reply.is_some() {
            self.bytes.drain(..used);
        }
        Ok(reply)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn reply(&mut self) -> Result<Option<Reply>, String> {
        let Some((kind, head)) = self.head() else {
            return Ok(None);
        };
        let data = match kind {
            b'+' | b'-' | b':' | b',' | b'#' | b'(' => Data::Bytes(head),
            b'_' => Data::Null,
            b'$' | b'=' | b'!' => match length(kind, &head)? {
                None => Data::Null,
                Some(size) => match self.bulk(size)? {
                    Some(bytes) => Data::Bytes(bytes),
                    None => return Ok(None),
                },
            },
            b'*' | b'~' | b'>' | b'%' | b'|' => match length(kind, &head)? {
                None => Data::Null,
                Some(count) => {
                    match self.list(if matches!(kind, b'%' | b'|') { count * 2 } else { count })? {
                        Some(items) => Data::List(items),
                        None => return Ok(None),
                    }
                }
            },
            _ => return Err(format!("type byte {:?}", char::from(kind))),
        };
        match (kind, data) {
            (b'|', Data::List(attributes)) => {
                let mut reply = self.reply()?;
                if let Some(reply) = &mut reply {
                    reply.attributes = Some(attributes);
                }
                Ok(reply)
            }
            (kind, data) => Ok(Some(Reply { kind, data, attributes: None })),
        }
    }

    /// The type byte and the rest of its line.
    fn head(&mut self) -> Option<(u8, Vec<u8>)> {
        let end = self.rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 2..];
        line.split_first().map(|(kind, head)| (*kind, head.to_vec())).or(Some((b'\r', Vec::new())))
    }

    fn bulk(&mut self, size: usize) -> Result<Option<Vec<u8>>, String> {
        if self.rest.len() < size + 2 {
            return Ok(None);
        }
        let bytes = self.rest[..size].to_vec();
        if &self.rest[size..size + 2] != b"\r\n" {
            return Err(format!("a bulk of {size} bytes does not end in CR LF"));
        }
        self.rest = &self.rest[size + 2..];
        Ok(Some(bytes))
    }

    fn list(&mut self, count: usize) -> Result<Option<Vec<Reply>>, String> {
        let mut items = Vec::new();
        for _ in 0..count {
            match self.reply()? {
                Some(item) => items.push(item),
                None => return Ok(None),
            }
        }
        Ok(Some(items))
    }
}

fn length(kind: u8, head: &[u8]) -> Result<Option<usize>, String> {
    let text = std::str::from_utf8(head).unwrap_or_default();
    let number: i64 =
        text.parse().map_err(|_| format!("length {text:?} of a {}", char::from(kind)))?;
    Ok(usize::try_from(number).ok())
}

/// The lines that a golden script writes for a reply.
pub(crate) fn render(reply: &Reply) -> String {
    let mut out = String::new();
    render_at(reply, 0, &mut out);
    out
}

fn render_at(reply: &Reply, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    if let Some(attributes) = &reply.attributes {
        out.push_str(&format!("{pad}|{}\n", attributes.len() / 2));
        attributes.iter().for_each(|item| render_at(item, depth + 1, out));
    }
    let kind = char::from(reply.kind);
    match &reply.data {
        Data::Null if reply.kind == b'_' => out.push_str(&format!("{pad}_\n")),
        Data::Null => out.push_str(&format!("{pad}{kind}nil\n")),
        Data::Bytes(bytes) if matches!(reply.kind, b'$' | b'!') => {
            out.push_str(&format!("{pad}{kind}{}\n", quote(bytes)));
        }
        Data::Bytes(bytes) if reply.kind == b'=' && bytes.len() >= 4 => {
            let format = String::from_utf8_lossy(&bytes[..4]);
            out.push_str(&format!("{pad}={format}{}\n", quote(&bytes[4..])));
        }
        Data::Bytes(bytes) => {
            out.push_str(&format!("{pad}{kind}{}\n", String::from_utf8_lossy(bytes)));
        }
        Data::List(items) => {
            let count = if reply.kind == b'%' { items.len() / 2 } else { items.len() };
            out.push_str(&format!("{pad}{kind}{count}\n"));
            items.iter().for_each(|item| render_at(item, depth + 1, out));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Data, Replies, Reply, render};

    const ALL: &[u8] =
        b"+OK\r\n-ERR no\r\n:-3\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n_\r\n*2\r\n:1\r\n~1\r\n#t\r\n\
        %1\r\n$1\r\nk\r\n,1.5\r\n=5\r\ntxt:x\r\n(12\r\n|1\r\n+a\r\n:1\r\n>1\r\n+p\r\n";

    #[test]
    fn every_type_renders_as_golden_text() {
        let mut replies = Replies::default();
        replies.push(ALL);
        let mut text = String::new();
        while let Some(reply) = replies.next().unwrap() {
            text.push_str(&render(&reply));
        }
        assert!(replies.is_empty());
        assert_eq!(
            text,
            "+OK\n-ERR no\n:-3\n$\"a\\r\\n\"\n$nil\n*nil\n_\n*2\n  :1\n  ~1\n    #t\n%1\n  $\"k\"\n  ,1.5\n\
             =txt:\"x\"\n(12\n|1\n  +a\n  :1\n>1\n  +p\n"
        );
    }

    #[test]
    fn a_reply_in_pieces_is_the_reply() {
        let mut whole = Replies::default();
        whole.push(ALL);
        let mut pieces = Replies::default();
        for byte in ALL {
            pieces.push(&[*byte]);
            if let Some(reply) = pieces.next().unwrap() {
                assert_eq!(Some(reply), whole.next().unwrap());
            }
        }
        assert!(pieces.is_empty() && whole.is_empty());
    }

    #[test]
    fn what_is_not_resp_is_an_error() {
        for bytes in [&b"?\r\n"[..], b"\r\n", b"$x\r\n", b"$1\r\nabc\r\n", b"*y\r\n"] {
            let mut replies = Replies::default();
            replies.push(bytes);
            assert!(replies.next().is_err(), "{bytes:?}");
        }
        let null = Reply { kind: b'$', data: Data::Null, attributes: None };
        let mut replies = Replies::default();
        replies.push(b"$-1\r\n");
        assert_eq!(replies.next(), Ok(Some(null)));
    }
}
