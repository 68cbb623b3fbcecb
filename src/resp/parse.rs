//! Requests: multibulk (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`) and inline (`GET k\r\n`).
//!
//! The parser never copies: a command is a list of [`Span`]s of the buffer it was read into. What
//! it has seen of an unfinished command it remembers, so that an argument of 512 MB which arrives
//! in pieces of 16 KB is scanned once; the caller keeps the command's bytes together.

use super::Span;
use crate::stdx::{num, words};
use std::mem;

/// No line of a request (inline command, `*n`, `$n`) is longer.
const LINE_MAX: usize = 64 * 1024;
/// An argument that is not there as a whole and has so many bytes is received apart.
const LONG: usize = 64 * 1024;
/// Arguments of a command sent before authentication.
const UNAUTHENTICATED_ARGS: i64 = 10;
/// Bytes of an argument sent before authentication.
const UNAUTHENTICATED_BULK: i64 = 16 * 1024;

/// What bounds a request.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `proto-max-bulk-len`, bytes.
    pub bulk_max: usize,
    /// Whether the client may send more than a handshake.
    pub authenticated: bool,
}

/// What [`Parser::next`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// A whole command; `end` is the offset behind it.
    #[expect(missing_docs, reason = "told above")]
    Command { end: usize },
    /// An inline command with quotes, which ends at `end`: its words do not lie in the buffer as
    /// they are meant, [`words::split`] makes them.
    #[expect(missing_docs, reason = "told above")]
    Quoted { end: usize },
    /// Something to skip (an empty line, `*0`) that ends at `end`.
    #[expect(missing_docs, reason = "told above")]
    Nothing { end: usize },
    /// The command goes on beyond the buffer; a buffer of `wanted` bytes from the command's start
    /// would bring the parser further.
    #[expect(missing_docs, reason = "told above")]
    Incomplete { wanted: usize },
}

/// A request that breaks the protocol; the connection ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolError {
    /// An inline request, or a count, without a line end for too long.
    TooBig(&'static str),
    /// Quotes of an inline request that do not close.
    UnbalancedQuotes,
    /// `*` followed by no count that can be.
    InvalidMultibulkLength,
    /// Too many arguments for a client that has not authenticated.
    UnauthenticatedMultibulk,
    /// An argument that does not begin with `$`.
    Expected(u8),
    /// `$` followed by no length that can be.
    InvalidBulkLength,
    /// Too long an argument for a client that has not authenticated.
    UnauthenticatedBulk,
}

impl ProtocolError {
    /// The words after `-ERR Protocol error: `.
    pub fn text(&self) -> String {
        match self {
            Self::TooBig(what) => format!("too big {what}"),
            Self::UnbalancedQuotes => "unbalanced quotes in request".into(),
            Self::InvalidMultibulkLength => "invalid multibulk length".into(),
            Self::UnauthenticatedMultibulk => "unauthenticated multibulk length".into(),
            Self::Expected(got) => format!("expected '$', got '{}'", char::from(*got)),
            Self::InvalidBulkLength => "invalid bulk length".into(),
            Self::UnauthenticatedBulk => "unauthenticated bulk length".into(),
        }
    }
}

/// The state of one client's unfinished command.
#[derive(Debug, Default)]
pub struct Parser {
    /// Offset behind what was parsed, from the command's start.
    resume: usize,
    /// Arguments still to come; 0 before the count was read.
    remaining: u32,
    /// Length of the argument that is being received.
    bulk: Option<usize>,
    /// Arguments found, from the command's start.
    spans: Vec<Span>,
}

impl Parser {
    /// The state in which the command at `start..end`, whose arguments are `spans`, comes next.
    pub fn complete(spans: &[Span], start: usize, end: usize) -> Self {
        let spans = spans.iter().map(|span| span.since(start as u32)).collect();
        Self { resume: end - start, remaining: 0, bulk: None, spans }
    }

    /// Bytes of memory it holds beyond itself.
    pub fn memory(&self) -> usize {
        self.spans.capacity() * size_of::<Span>()
    }

    /// Bytes of the unfinished command that need not be looked at again.
    pub fn parsed(&self) -> usize {
        self.resume
    }

    /// Bytes of its arguments that are complete, without those received apart.
    pub fn arguments(&self) -> usize {
        self.spans.iter().map(|span| span.len as usize).sum()
    }

    /// The long argument that is being received, if there is one: the offset of its first byte from
    /// the command's start, and its length. Its bytes, and the line end behind them, may be
    /// received into memory of their own; [`Parser::took_apart`] goes on behind it then.
    pub fn long_argument(&self) -> Option<(usize, usize)> {
        self.bulk.filter(|len| *len >= LONG).map(|len| (self.resume, len))
    }

    /// The long argument has been received apart, as number `n`, and none of it lies in the buffer.
    pub fn took_apart(&mut self, n: usize) {
        debug_assert!(self.bulk.is_some(), "no argument is being received");
        self.bulk = None;
        self.spans.push(Span::apart(n));
        self.remaining -= 1;
    }

    /// Reads one command from `buf[start..]` and appends its arguments to `spans`, in offsets of
    /// `buf`. After [`Parsed::Incomplete`] the same command must be given again with more bytes.
    ///
    /// # Errors
    /// What breaks the protocol; the parser is then of no more use.
    #[inline]
    pub fn next(
        &mut self,
        buf: &[u8],
        start: usize,
        limits: Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        match buf.get(start) {
            None => Ok(Parsed::Incomplete { wanted: 1 }),
            Some(b'*') => self.multibulk(buf, start, limits, spans),
            Some(_) => self.inline(buf, start, spans),
        }
    }

    fn multibulk(
        &mut self,
        buf: &[u8],
        start: usize,
        limits: Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        let mut at = start + self.resume;
        if self.resume == 0 {
            match number(buf, at + 1) {
                Number::Is(n, end) if n <= 0 => return Ok(Parsed::Nothing { end }),
                Number::Is(n, _) if n > i64::from(i32::MAX) => {
                    return Err(ProtocolError::InvalidMultibulkLength);
                }
                Number::Is(n, _) if n > UNAUTHENTICATED_ARGS && !limits.authenticated => {
                    return Err(ProtocolError::UnauthenticatedMultibulk);
                }
                Number::Is(n, end) => {
                    self.remaining = n as u32;
                    at = end;
                }
                Number::Cut => return Ok(Parsed::Incomplete { wanted: buf.len() + 1 - start }),
                Number::TooLong => return Err(ProtocolError::TooBig("mbulk count string")),
                Number::Bad => return Err(ProtocolError::InvalidMultibulkLength),
            }
        }
        let first = spans.len();
        while self.remaining > 0 {
            let len = match self.bulk.take() {
                Some(len) => len,
                None => match bulk_header(buf, at, limits)? {
                    Some((len, body)) => {
                        at = body;
                        len
                    }
                    None => {
                        self.save(start, at, first, spans);
                        return Ok(Parsed::Incomplete { wanted: buf.len() + 1 - start });
                    }
                },
            };
            if buf.len() < at + len + 2 {
                self.bulk = Some(len);
                self.save(start, at, first, spans);
                return Ok(Parsed::Incomplete { wanted: at + len + 2 - start });
            }
            spans.push(Span { start: at as u32, len: len as u32 });
            at += len + 2;
            self.remaining -= 1;
        }
        self.resume = 0;
        if !self.spans.is_empty() {
            // Those of earlier calls come first. They are moved once, however many pieces a command
            // of a million arguments comes in.
            // Their memory goes too: the request may have been the only long one.
            let saved = mem::take(&mut self.spans).into_iter();
            let saved = saved.map(|span| span.moved(start as u32));
            spans.splice(first..first, saved);
        }
        Ok(Parsed::Command { end: at })
    }

    /// Remembers what was found of the command that began at `start`, up to `at`.
    #[cold]
    fn save(&mut self, start: usize, at: usize, first: usize, spans: &mut Vec<Span>) {
        self.resume = at - start;
        let moved = start as u32;
        self.spans.extend(spans.drain(first..).map(|span| span.since(moved)));
    }

    fn inline(
        &mut self,
        buf: &[u8],
        start: usize,
        spans: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        let seen = start + self.resume;
        let Some(newline) = memchr::memchr(b'\n', &buf[seen..]).map(|i| seen + i) else {
            if buf.len() - start > LINE_MAX {
                return Err(ProtocolError::TooBig("inline request"));
            }
            self.resume = buf.len() - start;
            return Ok(Parsed::Incomplete { wanted: buf.len() + 1 - start });
        };
        self.resume = 0;
        let line = &buf[start..newline];
        if line.len() > LINE_MAX {
            return Err(ProtocolError::TooBig("inline request"));
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let end = newline + 1;
        let first = spans.len();
        if memchr::memchr2(b'"', b'\'', line).is_some() {
            return Ok(Parsed::Quoted { end });
        }
        spans.extend(
            words::bare(line)
                .map(|word| Span { start: (start + word.start) as u32, len: word.len() as u32 }),
        );
        if spans.len() == first { Ok(Parsed::Nothing { end }) } else { Ok(Parsed::Command { end }) }
    }
}

enum Number {
    /// The value, and the offset behind the line.
    Is(i64, usize),
    /// No line end yet.
    Cut,
    /// No line end where one must have come.
    TooLong,
    Bad,
}

/// The number of a `*n` or `$n` line whose digits begin at `at`.
#[inline]
fn number(buf: &[u8], at: usize) -> Number {
    // One or two digits are what nearly every count and length has.
    if let Some(&[a, b'\r', _]) = buf.get(at..at + 3)
        && a.is_ascii_digit()
    {
        return Number::Is(i64::from(a - b'0'), at + 3);
    }
    if let Some(&[a @ b'1'..=b'9', b, b'\r', _]) = buf.get(at..at + 4)
        && b.is_ascii_digit()
    {
        return Number::Is(i64::from(a - b'0') * 10 + i64::from(b - b'0'), at + 4);
    }
    let rest = buf.get(at..).unwrap_or_default();
    match line_end(rest) {
        LineEnd::At(cr) if rest.len() < cr + 2 => Number::Cut,
        LineEnd::At(cr) => match num::parse_i64(&rest[..cr]) {
            Some(n) => Number::Is(n, at + cr + 2),
            None => Number::Bad,
        },
        LineEnd::NotYet => Number::Cut,
        LineEnd::TooFar => Number::TooLong,
    }
}

enum LineEnd {
    At(usize),
    NotYet,
    TooFar,
}

/// Where the line ends that `rest` begins with. What it answers for good it answers for every
/// longer `rest`, so that errors do not depend on how the bytes arrive.
fn line_end(rest: &[u8]) -> LineEnd {
    match memchr::memchr(b'\r', &rest[..rest.len().min(LINE_MAX)]) {
        Some(cr) => LineEnd::At(cr),
        None if rest.len() < LINE_MAX => LineEnd::NotYet,
        None => LineEnd::TooFar,
    }
}

/// Length and body offset of the argument whose `$n` line begins at `at`; `None` if cut.
#[inline]
fn bulk_header(
    buf: &[u8],
    at: usize,
    limits: Limits,
) -> Result<Option<(usize, usize)>, ProtocolError> {
    let Some(&kind) = buf.get(at) else { return Ok(None) };
    let too_big = ProtocolError::TooBig("bulk count string");
    if kind != b'$' {
        return match line_end(&buf[at..]) {
            LineEnd::At(_) => Err(ProtocolError::Expected(kind)),
            LineEnd::NotYet => Ok(None),
            LineEnd::TooFar => Err(too_big),
        };
    }
    let (len, body) = match number(buf, at + 1) {
        Number::Cut => return Ok(None),
        Number::TooLong => return Err(too_big),
        Number::Is(len, body) => (len, body),
        Number::Bad => return Err(ProtocolError::InvalidBulkLength),
    };
    if len < 0 || len as u64 > limits.bulk_max as u64 {
        return Err(ProtocolError::InvalidBulkLength);
    }
    if len > UNAUTHENTICATED_BULK && !limits.authenticated {
        return Err(ProtocolError::UnauthenticatedBulk);
    }
    Ok(Some((len as usize, body)))
}

#[cfg(test)]
mod tests;
