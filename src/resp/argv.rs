//! A command's arguments, borrowed from the buffer they were read into.

use crate::types::Text;
use bytes::Bytes;
use std::ops::Index;

/// Where one argument lies in its buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Offset of its first byte.
    pub start: u32,
    /// Bytes.
    pub len: u32,
}

impl Span {
    /// Arguments that may lie apart.
    pub const APART_MAX: usize = 0xffff;
    /// Bytes of a buffer that spans can tell of.
    pub const BUFFER_MAX: usize = Self::APART as usize;
    /// Spans that start here and above lie in memory of their own, by number.
    const APART: u32 = u32::MAX - Self::APART_MAX as u32;

    /// The argument that lies apart as number `n`.
    pub fn apart(n: usize) -> Self {
        debug_assert!(n < Self::APART_MAX, "no span can tell of it");
        Self { start: Self::APART + n as u32, len: 0 }
    }

    /// The same in a buffer whose start moved by `by`.
    pub(super) fn moved(self, by: u32) -> Self {
        if self.start >= Self::APART { self } else { Self { start: self.start + by, ..self } }
    }

    /// The same counted from `from`.
    pub(super) fn since(self, from: u32) -> Self {
        if self.start >= Self::APART { self } else { Self { start: self.start - from, ..self } }
    }

    #[inline]
    fn of<'a>(self, buf: &'a [u8], apart: &'a [Bytes]) -> &'a [u8] {
        match self.start.checked_sub(Self::APART) {
            None => &buf[self.start as usize..][..self.len as usize],
            Some(n) => &apart[n as usize],
        }
    }
}

/// The name and arguments of one command. Reading it allocates and copies nothing.
#[derive(Debug, Clone, Copy)]
pub struct Argv<'a> {
    buf: &'a [u8],
    /// Long arguments, each received into memory of its own.
    apart: &'a [Bytes],
    spans: &'a [Span],
    first_key_hash: Option<u64>,
}

impl<'a> Argv<'a> {
    /// Arguments that lie at `spans` of `buf`.
    pub fn new(buf: &'a [u8], spans: &'a [Span]) -> Self {
        Self { buf, apart: &[], spans, first_key_hash: None }
    }

    /// Adds the arguments that lie apart.
    pub fn with_apart(mut self, apart: &'a [Bytes]) -> Self {
        self.apart = apart;
        self
    }

    /// Argument `i` as a value to store: without a copy if it lies apart.
    ///
    /// # Panics
    /// As [`Argv::at`].
    #[inline]
    pub fn text(&self, i: usize) -> Text<'a> {
        self.shared(i).map_or_else(|| self.at(i).into(), Text::shared)
    }

    /// Argument `i`, if it lies apart.
    ///
    /// # Panics
    /// As [`Argv::at`].
    #[inline]
    pub fn shared(&self, i: usize) -> Option<&'a Bytes> {
        self.spans[i].start.checked_sub(Span::APART).map(|n| &self.apart[n as usize])
    }

    /// Notes the hash of argument 1, worked out when its bucket was fetched ahead.
    pub fn with_first_key_hash(mut self, hash: Option<u64>) -> Self {
        self.first_key_hash = hash;
        self
    }

    /// The hash of argument 1 as a key of the selected database, if it is known already.
    pub fn first_key_hash(&self) -> Option<u64> {
        self.first_key_hash
    }

    /// Number of arguments, the command's name included.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is not even a name.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Argument `i`, where there is one.
    pub fn get(&self, i: usize) -> Option<&'a [u8]> {
        Some(self.spans.get(i)?.of(self.buf, self.apart))
    }

    /// Argument `i`.
    ///
    /// # Panics
    /// If there are fewer arguments; the arity gate has seen to the declared ones.
    pub fn at(&self, i: usize) -> &'a [u8] {
        self.get(i).expect("arity was checked")
    }

    /// Arguments from `i` on.
    pub fn from(&self, i: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let (buf, apart) = (self.buf, self.apart);
        let rest = self.spans.get(i..).unwrap_or_default();
        rest.iter().map(move |span| span.of(buf, apart))
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        self.from(0)
    }

    /// Bytes from the first argument's begin to the last one's end; some thirty less than
    /// [`Argv::wire_len`].
    #[inline]
    pub fn extent(&self) -> usize {
        match self.spans {
            [first, .., last] => (last.start + last.len - first.start) as usize,
            [only] => only.len as usize,
            [] => 0,
        }
    }

    /// Bytes the request took on the wire as a multibulk.
    pub fn wire_len(&self) -> usize {
        let digits = |n: usize| n.checked_ilog10().unwrap_or(0) as usize + 1;
        let headers = self.iter().map(|arg| digits(arg.len()) + 5);
        digits(self.len()) + 3 + self.bytes() + headers.sum::<usize>()
    }

    /// Bytes of all arguments together.
    pub fn bytes(&self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }
}

impl Index<usize> for Argv<'_> {
    type Output = [u8];

    fn index(&self, i: usize) -> &[u8] {
        self.at(i)
    }
}
