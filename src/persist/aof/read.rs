//! Reading a file of commands: bytes in, commands and annotations out, each with its offset.
//!
//! # Layout
//! ```text
//!   #text\r\n                        an annotation; `#TS:1700000000` tells when what follows was written
//!   *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n    a command: how many arguments, then length and bytes of each
//! ```
//! Changes that belong together stand between MULTI and EXEC.
//!
//! # Strict
//! A request from a socket may be inline, empty, or end its lines with a bare line feed; here nothing of that can
//! have been written, so it is damage ([`Damage`], with its offset). What could be the beginning of something
//! whole is no damage: when no more bytes come, [`Reader::finish`] tells what is missing, and
//! [`Reader::whole`] how much of the file stands for itself: up to the last whole command, but not into a half
//! MULTI.
//!
//! Memory grows with the bytes of one command, never with a length that a file claims.

#[cfg(test)]
mod tests;

use crate::resp::{Argv, Span};
use std::fmt;

/// A count or length has no more digits, with its sign and its line end.
const LINE_MAX: usize = 24;
/// Bytes of an annotation, with its `#` and its line end.
const ANNOTATION_MAX: usize = 1024;
/// Bytes of a command: what spans can tell of, and some room for commands before it in a batch.
const COMMAND_MAX: usize = Span::BUFFER_MAX - (1 << 20);
/// Memory that the buffer keeps between commands.
const KEPT: usize = 1 << 20;

/// What stands in a file of commands.
#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    /// A command and its arguments.
    Command(Argv<'a>),
    /// An annotation, without `#` and line end.
    Annotation(&'a [u8]),
}

/// What no writer of commands has written, and where it is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// The offset of the line or argument.
    pub at: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A command or an annotation begins otherwise.
    Start(u8),
    /// The line of a count or length does not end behind the digits, but goes on so.
    LineEnd([u8; 2]),
    /// A command has at least one argument.
    Count(i64),
    /// An argument begins otherwise.
    Argument(u8),
    /// An argument has no such length.
    Length(i64),
    /// The argument is longer than its length says.
    ArgumentEnd([u8; 2]),
    /// An annotation does not end.
    Annotation,
    /// MULTI inside MULTI.
    NestedMulti,
    /// EXEC without MULTI.
    LoneExec,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(byte) => {
                write!(f, "'*' or '#' expected, but got '{}'", byte.escape_ascii())
            }
            Self::LineEnd(bytes) => {
                write!(f, "a number's line goes on with '{}'", bytes.escape_ascii())
            }
            Self::Count(n) => write!(f, "a command of {n} arguments"),
            Self::Argument(byte) => write!(f, "'$' expected, but got '{}'", byte.escape_ascii()),
            Self::Length(n) => write!(f, "an argument of {n} bytes"),
            Self::ArgumentEnd(bytes) => {
                write!(f, "an argument goes on with '{}' behind its end", bytes.escape_ascii())
            }
            Self::Annotation => f.write_str("an annotation that does not end"),
            Self::NestedMulti => f.write_str("MULTI inside MULTI"),
            Self::LoneExec => f.write_str("EXEC without MULTI"),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.fault, self.at)
    }
}

impl std::error::Error for Damage {}

/// What a file lacks that ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// The offset of the line or argument that is not whole; of the last argument where EXEC is missing.
    pub at: u64,
    /// What is missing.
    pub missing: Missing,
}

/// What can be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The end of a line, or all of it.
    Line,
    /// The end of an argument.
    #[expect(missing_docs, reason = "bytes, the line end behind the argument included")]
    Bytes { wanted: u64, got: u64 },
    /// The EXEC of a MULTI.
    Exec,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.missing {
            Missing::Line => write!(f, "the line at offset {} does not end", self.at),
            Missing::Bytes { wanted, got } => {
                write!(f, "the argument at offset {} has {got} of {wanted} bytes", self.at)
            }
            Missing::Exec => write!(f, "the EXEC of a MULTI is missing behind offset {}", self.at),
        }
    }
}

/// When what follows an annotation was written, in seconds since the epoch.
#[must_use]
pub fn timestamp(annotation: &[u8]) -> Option<u64> {
    std::str::from_utf8(annotation.strip_prefix(b"TS:")?).ok()?.parse().ok()
}

/// Makes commands of bytes that arrive in pieces.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes that are not used up yet begin at `start`.
    buf: Vec<u8>,
    /// Offset in the file of the buffer's first byte.
    base: u64,
    /// Where in `buf` the item begins that is being read.
    start: usize,
    /// How far it has been read, from `start`.
    seen: usize,
    /// Its arguments that are still to come; 0 before their count is read.
    remaining: u32,
    /// The length of the argument that is being read.
    bulk: Option<usize>,
    /// Its arguments, from `start`.
    spans: Vec<Span>,
    /// The item was handed out and makes room at the next call.
    handed_out: bool,
    /// Offset in the file of the line or argument read last.
    element: u64,
    elements: u64,
    in_multi: bool,
    whole: u64,
}

impl Reader {
    /// A reader whose first byte stands at `offset` of its file.
    pub fn new(offset: u64) -> Self {
        Self { base: offset, whole: offset, element: offset, ..Self::default() }
    }

    /// The next bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.make_room();
        self.base += self.start as u64;
        self.buf.drain(..self.start);
        self.start = 0;
        if self.buf.len() < KEPT {
            self.buf.shrink_to(KEPT);
        }
        self.buf.extend_from_slice(bytes);
    }

    /// The next item; `None` until more bytes are pushed.
    ///
    /// # Errors
    /// What cannot stand in a file of commands; the reader is then of no more use.
    pub fn poll_item(&mut self) -> Result<Option<Item<'_>>, Damage> {
        self.make_room();
        match self.buf.get(self.start) {
            None => Ok(None),
            Some(b'*') => self.command(),
            Some(b'#') => self.annotation(),
            Some(other) => Err(self.damage(0, Fault::Start(*other))),
        }
    }

    /// There are no more bytes, and no more items.
    ///
    /// # Errors
    /// What is missing of the last command or transaction.
    pub fn finish(&self) -> Result<(), Torn> {
        if self.handed_out || self.start == self.buf.len() {
            let torn = Torn { at: self.element, missing: Missing::Exec };
            return if self.in_multi { Err(torn) } else { Ok(()) };
        }
        let got = (self.buf.len() - self.start - self.seen) as u64;
        let missing = match self.bulk {
            Some(len) => Missing::Bytes { wanted: len as u64 + 2, got },
            None => Missing::Line,
        };
        Err(Torn { at: self.offset(self.seen), missing })
    }

    /// Up to which offset the file stands for itself: behind the last whole item that is not inside a MULTI.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// The offset of the item that was handed out last.
    pub fn item_at(&self) -> u64 {
        self.offset(0)
    }

    /// The offset behind the item that was handed out last.
    pub fn item_end(&self) -> u64 {
        self.offset(self.seen)
    }

    /// Whether the EXEC of a MULTI is still to come.
    pub fn in_multi(&self) -> bool {
        self.in_multi
    }

    /// How many counts, lengths and arguments have been read.
    pub fn elements(&self) -> u64 {
        self.elements
    }

    fn offset(&self, from_start: usize) -> u64 {
        self.base + (self.start + from_start) as u64
    }

    fn damage(&self, from_start: usize, fault: Fault) -> Damage {
        Damage { at: self.offset(from_start), fault }
    }

    /// Leaves behind the item that was handed out.
    fn make_room(&mut self) {
        if self.handed_out {
            self.start += self.seen;
            self.seen = 0;
            self.spans.clear();
            self.spans.shrink_to(KEPT / size_of::<Span>());
            self.handed_out = false;
        }
    }

    /// The item has been read as a whole and ends at `seen`.
    fn hand_out(&mut self) {
        self.handed_out = true;
        if !self.in_multi {
            self.whole = self.offset(self.seen);
        }
    }

    fn annotation(&mut self) -> Result<Option<Item<'_>>, Damage> {
        let rest = &self.buf[self.start..];
        let near = &rest[..rest.len().min(ANNOTATION_MAX)];
        let Some(newline) = memchr::memchr(b'\n', near) else {
            let is_long = near.len() == ANNOTATION_MAX;
            return if is_long { Err(self.damage(0, Fault::Annotation)) } else { Ok(None) };
        };
        self.seen = newline + 1;
        self.hand_out();
        let text = &self.buf[self.start + 1..][..newline - 1];
        Ok(Some(Item::Annotation(text.strip_suffix(b"\r").unwrap_or(text))))
    }

    fn command(&mut self) -> Result<Option<Item<'_>>, Damage> {
        if self.seen == 0 {
            let Some((count, end)) = self.number(0)? else { return Ok(None) };
            if !(1..=i64::from(i32::MAX)).contains(&count) {
                return Err(self.damage(0, Fault::Count(count)));
            }
            self.remaining = count as u32;
            self.seen = end;
        }
        while self.remaining > 0 {
            if !self.argument()? {
                return Ok(None);
            }
            self.remaining -= 1;
        }
        self.follow_multi()?;
        self.hand_out();
        Ok(Some(Item::Command(Argv::new(&self.buf[self.start..], &self.spans))))
    }

    /// Reads an argument; false if it is not there as a whole.
    fn argument(&mut self) -> Result<bool, Damage> {
        let len = match self.bulk {
            Some(len) => len,
            None => match self.length()? {
                Some(len) => len,
                None => return Ok(false),
            },
        };
        let rest = &self.buf[self.start + self.seen..];
        let Some(end) = rest.get(len..len + 2) else { return Ok(false) };
        if end != b"\r\n" {
            let end = [end[0], end[1]];
            return Err(self.damage(self.seen, Fault::ArgumentEnd(end)));
        }
        self.element = self.offset(self.seen);
        self.elements += 1;
        // Bounded by `length`.
        self.spans.push(Span { start: self.seen as u32, len: len as u32 });
        self.seen += len + 2;
        self.bulk = None;
        Ok(true)
    }

    /// Reads the length of an argument, which is then known to lie within what spans can tell of.
    fn length(&mut self) -> Result<Option<usize>, Damage> {
        match self.buf.get(self.start + self.seen) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(other) => return Err(self.damage(self.seen, Fault::Argument(*other))),
        }
        let Some((number, end)) = self.number(self.seen)? else { return Ok(None) };
        let len = usize::try_from(number).ok();
        let Some(len) = len.filter(|len| *len <= COMMAND_MAX.saturating_sub(end)) else {
            return Err(self.damage(self.seen, Fault::Length(number)));
        };
        self.seen = end;
        self.bulk = Some(len);
        Ok(Some(len))
    }

    /// The number of the line at `at` from the start, behind its first byte, and where the line ends.
    fn number(&mut self, at: usize) -> Result<Option<(i64, usize)>, Damage> {
        let rest = &self.buf[self.start + at + 1..];
        let line = &rest[..rest.len().min(LINE_MAX)];
        let sign = usize::from(line.first() == Some(&b'-'));
        let digits = line[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (text, behind) = line.split_at(sign + digits);
        match behind {
            [b'\r', b'\n', ..] if digits > 0 => {}
            // Two bytes tell, however the line arrives.
            [] | [_] if line.len() < LINE_MAX => return Ok(None),
            _ => {
                let byte = |i| behind.get(i).copied().unwrap_or(0);
                return Err(self.damage(at, Fault::LineEnd([byte(0), byte(1)])));
            }
        }
        self.element = self.offset(at);
        self.elements += 1;
        Ok(Some((value(text), at + 1 + text.len() + 2)))
    }

    /// Notes where a transaction begins and ends.
    fn follow_multi(&mut self) -> Result<(), Damage> {
        let Some(name) = self.spans.first() else { return Ok(()) };
        let is = |word: &[u8]| {
            name.len == word.len() as u32
                && self.buf[self.start + name.start as usize..][..word.len()]
                    .eq_ignore_ascii_case(word)
        };
        let (multi, exec) = (is(b"MULTI"), is(b"EXEC"));
        if multi && self.in_multi {
            return Err(self.damage(name.start as usize, Fault::NestedMulti));
        }
        if exec && !self.in_multi {
            return Err(self.damage(name.start as usize, Fault::LoneExec));
        }
        self.in_multi = multi || (self.in_multi && !exec);
        Ok(())
    }
}

/// The number that a sign and digits stand for; the greatest there is for more of them.
fn value(text: &[u8]) -> i64 {
    /// So many digits make no number that is too great.
    const FEW: usize = 18;
    if text.len() <= FEW && text.first() != Some(&b'-') {
        // As good as all are lengths, of few digits.
        return text.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(i64::MAX)
}
