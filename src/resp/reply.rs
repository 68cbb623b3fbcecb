//! Replies, written straight into the client's output.

use super::{CmdError, Out};
use crate::stdx::num::f64_text;
use crate::types::Str;

/// The protocol a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resp {
    /// RESP2, what every connection begins with.
    #[default]
    V2,
    /// RESP3, after HELLO 3.
    V3,
}

/// Bulk strings whose number is known only with the last of them. They are written down as they will
/// be sent, so that a reply of millions is held once.
#[derive(Debug, Default)]
pub struct Bulks {
    out: Out,
    len: usize,
}

impl Bulks {
    /// Adds one.
    pub fn push(&mut self, bytes: &[u8]) {
        Reply::new(&mut self.out, Resp::V2).bulk(bytes);
        self.len += 1;
    }
}

/// The place of a head that is written later.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Opened(usize);

/// Where a command writes its reply. A type that RESP2 lacks is sent as the RESP2 type that stands
/// for it: maps and sets as arrays, doubles as bulk strings, booleans as 0 and 1.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Out,
    resp: Resp,
}

impl<'a> Reply<'a> {
    /// Writes to `out` as `resp` asks.
    #[inline]
    pub fn new(out: &'a mut Out, resp: Resp) -> Self {
        Self { out, resp }
    }

    /// The protocol in force.
    pub fn resp(&self) -> Resp {
        self.resp
    }

    /// Bytes that wait to be sent, those of earlier replies included.
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.out.tail().extend_from_slice(b"+OK\r\n");
    }

    /// A simple string; `text` holds no line end.
    pub fn simple(&mut self, text: &str) {
        let tail = self.out.tail();
        tail.extend_from_slice(b"+");
        tail.extend_from_slice(text.as_bytes());
        tail.extend_from_slice(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, n: i64) {
        match n {
            0 => self.out.tail().extend_from_slice(b":0\r\n"),
            1 => self.out.tail().extend_from_slice(b":1\r\n"),
            _ => self.header(b':', n),
        }
    }

    /// A count or length.
    #[inline]
    pub fn len(&mut self, n: usize) {
        self.int(n as i64);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.header(b'$', bytes.len() as i64);
        self.out.put(bytes);
        self.out.tail().extend_from_slice(b"\r\n");
    }

    /// A string value; a long one is shared with the keyspace, not copied.
    #[inline]
    pub fn string(&mut self, value: Str<'_>) {
        match value {
            Str::Shared(bytes) => {
                self.header(b'$', bytes.len() as i64);
                self.out.put_shared(bytes.clone());
                self.out.tail().extend_from_slice(b"\r\n");
            }
            Str::Bytes(bytes) => self.bulk(bytes),
            Str::Int(n) => self.bulk_int(n),
        }
    }

    /// An integer as a bulk string, as GET answers a counter.
    #[inline]
    pub fn bulk_int(&mut self, n: i64) {
        let mut digits = itoa::Buffer::new();
        self.bulk(digits.format(n).as_bytes());
    }

    /// The null of a missing value.
    #[inline]
    pub fn null(&mut self) {
        let null: &[u8] = if self.resp == Resp::V3 { b"_\r\n" } else { b"$-1\r\n" };
        self.out.tail().extend_from_slice(null);
    }

    /// The null of a missing array.
    pub fn null_array(&mut self) {
        let null: &[u8] = if self.resp == Resp::V3 { b"_\r\n" } else { b"*-1\r\n" };
        self.out.tail().extend_from_slice(null);
    }

    /// The head of an array of `n` elements, which follow.
    #[inline]
    pub fn array(&mut self, n: usize) {
        self.header(b'*', n as i64);
    }

    /// Where the head of an array or map will stand whose length is known only behind its elements.
    #[inline]
    pub fn open(&self) -> Opened {
        Opened(self.out.len())
    }

    /// The head of an array of `n` elements, which were written since.
    #[inline]
    pub fn close_array(&mut self, opened: Opened, n: usize) {
        self.close(opened, b'*', n);
    }

    /// Takes back what was written since.
    pub fn cut(&mut self, opened: Opened) {
        self.out.truncate(opened.0);
    }

    /// A bulk string in a place before what was written since.
    pub fn insert_bulk(&mut self, opened: Opened, text: &[u8]) {
        let mut whole = format!("${}\r\n", text.len()).into_bytes();
        whole.extend_from_slice(text);
        whole.extend_from_slice(b"\r\n");
        self.out.insert(opened.0, &whole);
    }

    /// The head of a map of `n` pairs, each of which was written since: in RESP2 as an array of arrays of
    /// two, whose heads the caller has written.
    pub fn close_map_of_arrays(&mut self, opened: Opened, n: usize) {
        let kind = if self.resp == Resp::V3 { b'%' } else { b'*' };
        self.close(opened, kind, n);
    }

    #[inline]
    fn close(&mut self, opened: Opened, kind: u8, n: usize) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(n).as_bytes();
        let mut line = [kind; 24];
        line[1..=digits.len()].copy_from_slice(digits);
        line[digits.len() + 1..digits.len() + 3].copy_from_slice(b"\r\n");
        self.out.insert(opened.0, &line[..digits.len() + 3]);
    }

    /// A whole array of bulk strings.
    pub fn bulks(&mut self, elements: Bulks) {
        self.array(elements.len);
        self.out.append(elements.out);
    }

    /// A whole set of bulk strings.
    pub fn bulk_set(&mut self, members: Bulks) {
        self.set(members.len);
        self.out.append(members.out);
    }

    /// The head of a map of `n` pairs, which follow.
    pub fn map(&mut self, n: usize) {
        match self.resp {
            Resp::V2 => self.header(b'*', 2 * n as i64),
            Resp::V3 => self.header(b'%', n as i64),
        }
    }

    /// The head of a set of `n` elements, which follow.
    pub fn set(&mut self, n: usize) {
        let kind = if self.resp == Resp::V3 { b'~' } else { b'*' };
        self.header(kind, n as i64);
    }

    /// The head of a push of `n` elements, which follow; an array in RESP2.
    pub fn push(&mut self, n: usize) {
        let kind = if self.resp == Resp::V3 { b'>' } else { b'*' };
        self.header(kind, n as i64);
    }

    /// The head of an attribute of `n` pairs before the reply it is about; RESP3 alone has them,
    /// so the caller asks [`Reply::resp`] first.
    pub fn attribute(&mut self, n: usize) {
        debug_assert_eq!(self.resp, Resp::V3, "RESP2 has no attributes");
        self.header(b'|', n as i64);
    }

    /// A boolean; 1 or 0 in RESP2.
    pub fn bool(&mut self, yes: bool) {
        match (self.resp, yes) {
            (Resp::V2, _) => self.int(i64::from(yes)),
            (Resp::V3, true) => self.out.tail().extend_from_slice(b"#t\r\n"),
            (Resp::V3, false) => self.out.tail().extend_from_slice(b"#f\r\n"),
        }
    }

    /// A double in its shortest form; a bulk string in RESP2.
    pub fn double(&mut self, value: f64) {
        self.double_text(&f64_text(value));
    }

    /// An array of integers.
    pub fn ints(&mut self, values: &[i64]) {
        self.array(values.len());
        values.iter().for_each(|value| self.int(*value));
    }

    /// A double already written as text.
    pub fn double_text(&mut self, text: &[u8]) {
        match self.resp {
            Resp::V2 => self.bulk(text),
            Resp::V3 => {
                let tail = self.out.tail();
                tail.extend_from_slice(b",");
                tail.extend_from_slice(text);
                tail.extend_from_slice(b"\r\n");
            }
        }
    }

    /// A number past 64 bits, in decimal; a bulk string in RESP2.
    pub fn big_number(&mut self, digits: &str) {
        match self.resp {
            Resp::V2 => self.bulk(digits.as_bytes()),
            Resp::V3 => {
                let tail = self.out.tail();
                tail.extend_from_slice(b"(");
                tail.extend_from_slice(digits.as_bytes());
                tail.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Text with its format (`txt`, `mkd`); a bulk string in RESP2.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        debug_assert_eq!(format.len(), 3, "a verbatim string's format has three letters");
        match self.resp {
            Resp::V2 => self.bulk(text),
            Resp::V3 => {
                self.header(b'=', text.len() as i64 + 4);
                self.out.put(format.as_bytes());
                self.out.put(b":");
                self.out.put(text);
                self.out.put(b"\r\n");
            }
        }
    }

    /// An array of status lines: what every HELP answers.
    pub fn help(&mut self, command: &str, lines: &[&str]) {
        self.array(lines.len() + 3);
        self.simple(&format!(
            "{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            command.to_ascii_uppercase()
        ));
        for line in lines {
            self.simple(line);
        }
        self.simple("HELP");
        self.simple("    Prints this help.");
    }

    /// An error. Line ends inside its words, which may come from the request, become spaces.
    pub fn error(&mut self, error: &CmdError) {
        let text = error.text();
        let tail = self.out.tail();
        tail.extend_from_slice(b"-");
        tail.extend(text.bytes().map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
        tail.extend_from_slice(b"\r\n");
    }

    /// Bytes that are whole replies already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.put(bytes);
    }

    #[inline]
    fn header(&mut self, kind: u8, n: i64) {
        let tail = self.out.tail();
        // Most heads have one or two digits.
        match n {
            0..10 => {
                tail.extend_from_slice(&[kind, b'0' + n as u8, b'\r', b'\n']);
                return;
            }
            10..100 => {
                let (tens, ones) = (n as u8 / 10, n as u8 % 10);
                tail.extend_from_slice(&[kind, b'0' + tens, b'0' + ones, b'\r', b'\n']);
                return;
            }
            _ => {}
        }
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(n).as_bytes();
        let mut line = [0u8; 24];
        line[0] = kind;
        line[1..=digits.len()].copy_from_slice(digits);
        line[digits.len() + 1] = b'\r';
        line[digits.len() + 2] = b'\n';
        tail.extend_from_slice(&line[..digits.len() + 3]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_tell_numbers_of_every_length() {
        for n in [0, 9, 10, 42, 99, 100, 999, 1_000, usize::MAX >> 1] {
            let mut out = Out::default();
            Reply::new(&mut out, Resp::V2).array(n);
            assert_eq!(out.copy_from(0), format!("*{n}\r\n").as_bytes());
        }
    }
}
