//! Where each field of an entry lies: arithmetic only, no memory is touched here.

/// The first eight bytes of an entry as one little-endian word: flags, clock, key length and up to
/// three bytes of what follows them. One load answers every question about the layout but the
/// length of an inline value.
#[derive(Clone, Copy)]
pub(super) struct Head(u64);

/// Bits of [`Head`] that say how the value is stored: 0 to 3 are integers of `1 << kind` bytes.
pub(super) const KIND_INLINE_U8: u8 = 4;
pub(super) const KIND_INLINE_U16: u8 = 5;
pub(super) const KIND_OTHER: u8 = 6;

const KIND_MASK: u64 = 0b111;
/// Its numeric value is the size of the field that it announces.
const DEADLINE: u64 = 8;
const WIDE_KEY_SHIFT: u32 = 4;
const EPOCH_SHIFT: u32 = 5;
const EPOCH_MASK: u64 = 0b11;
const CLOCK_SHIFT: u32 = 8;
const CLOCK_MASK: u64 = 0xff_ffff;
const KEY_LEN_SHIFT: u32 = 32;

/// Alignment of every allocation, and of a value kept as a `V`.
pub(super) const ALIGN: usize = 8;

/// An entry whose fields end before byte 8 could not be read as a word; so short a key gets a wider
/// integer.
const SHORT_KEY: usize = 2;

impl Head {
    /// The head of a fresh entry: clock and epoch are 0, and so are the bytes after the key length.
    pub(super) fn new(plan: &Plan) -> Self {
        Self(plan.flags() | (plan.key_len as u64) << KEY_LEN_SHIFT)
    }

    #[inline(always)]
    pub(super) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    #[inline(always)]
    pub(super) const fn word(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(super) const fn kind(self) -> u8 {
        (self.0 & KIND_MASK) as u8
    }

    #[inline(always)]
    pub(super) const fn has_deadline(self) -> bool {
        self.0 & DEADLINE != 0
    }

    #[inline(always)]
    const fn has_wide_key(self) -> bool {
        self.0 >> WIDE_KEY_SHIFT & 1 != 0
    }

    #[inline(always)]
    pub(super) const fn key_at(self) -> usize {
        key_at(self.has_wide_key())
    }

    #[inline(always)]
    pub(super) const fn key_len(self) -> usize {
        let mask = if self.has_wide_key() { u32::MAX as u64 } else { u8::MAX as u64 };
        (self.0 >> KEY_LEN_SHIFT & mask) as usize
    }

    /// Where the deadline is, if there is one.
    #[inline(always)]
    pub(super) const fn deadline_at(self) -> usize {
        self.key_at() + self.key_len()
    }

    /// Where an integer or the length of an inline value is; a `V` is at the next multiple of
    /// [`ALIGN`].
    #[inline(always)]
    pub(super) const fn tail_at(self) -> usize {
        self.deadline_at() + (self.0 & DEADLINE) as usize
    }

    #[inline(always)]
    pub(super) const fn clock(self) -> u32 {
        (self.0 >> CLOCK_SHIFT & CLOCK_MASK) as u32
    }

    #[inline(always)]
    pub(super) const fn with_clock(self, clock: u32) -> Self {
        let kept = self.0 & !(CLOCK_MASK << CLOCK_SHIFT);
        Self(kept | (clock as u64 & CLOCK_MASK) << CLOCK_SHIFT)
    }

    #[inline(always)]
    pub(super) const fn epoch(self) -> u8 {
        (self.0 >> EPOCH_SHIFT & EPOCH_MASK) as u8
    }

    #[inline(always)]
    pub(super) const fn with_epoch(self, epoch: u8) -> Self {
        let kept = self.0 & !(EPOCH_MASK << EPOCH_SHIFT);
        Self(kept | (epoch as u64 & EPOCH_MASK) << EPOCH_SHIFT)
    }

    /// The head after the value or the deadline changed as `plan` says; the key is the same.
    #[inline]
    pub(super) const fn with_plan(self, plan: &Plan) -> Self {
        Self(self.0 & !(KIND_MASK | DEADLINE) | plan.flags())
    }
}

#[inline(always)]
const fn key_at(wide: bool) -> usize {
    if wide { 8 } else { 5 }
}

/// Where a `V` is, when the fields before it end at `tail_at`.
#[inline(always)]
pub(super) const fn other_at(tail_at: usize) -> usize {
    (tail_at + ALIGN - 1) & !(ALIGN - 1)
}

/// How a value is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// An integer of `1 << log` bytes.
    Int { log: u8 },
    /// So many bytes.
    Inline { len: usize },
    /// A `V`.
    Other,
}

impl Form {
    /// The narrowest form that holds `int` beside a key of this length.
    #[inline]
    pub(super) const fn int(int: i64, key_len: usize) -> Self {
        let log = if int as i8 as i64 == int && key_len >= SHORT_KEY {
            0
        } else if int as i16 as i64 == int && key_len >= SHORT_KEY {
            1
        } else if int as i32 as i64 == int {
            2
        } else {
            3
        };
        Self::Int { log }
    }
}

/// The layout of one entry: its fields' places and the size of its allocation.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) form: Form,
    pub(super) key_len: usize,
    has_deadline: bool,
    /// Where the bytes that belong to the value begin, the length of an inline value included.
    pub(super) body_at: usize,
    /// Where the used bytes end.
    pub(super) end: usize,
    /// Bytes of the allocation.
    pub(super) size: usize,
}

impl Plan {
    /// Panics if the key is longer than its length field can say.
    #[inline]
    pub(super) fn new<V>(key_len: usize, form: Form, has_deadline: bool) -> Self {
        assert!(key_len <= u32::MAX as usize, "a key's length must fit in 32 bits");
        let wide = key_len > u8::MAX as usize;
        let tail_at = key_at(wide) + key_len + if has_deadline { DEADLINE as usize } else { 0 };
        let (body_at, body) = match form {
            Form::Int { log } => (tail_at, 1 << log),
            Form::Inline { len } => (tail_at, inline_prefix(len) + len),
            Form::Other => (other_at(tail_at), size_of::<V>()),
        };
        let end = body_at + body;
        Self { form, key_len, has_deadline, body_at, end, size: size_class(end) }
    }

    /// The same key with a value of this form, and with or without a deadline.
    #[inline]
    pub(super) fn with<V>(self, form: Form, has_deadline: bool) -> Self {
        if form == self.form && has_deadline == self.has_deadline {
            return self;
        }
        Self::new::<V>(self.key_len, form, has_deadline)
    }

    /// Where the key ends.
    #[inline]
    pub(super) const fn key_end(&self) -> usize {
        key_at(self.key_len > u8::MAX as usize) + self.key_len
    }

    #[inline]
    const fn flags(&self) -> u64 {
        let kind = match self.form {
            Form::Int { log } => log,
            Form::Inline { len } if inline_prefix(len) == 1 => KIND_INLINE_U8,
            Form::Inline { .. } => KIND_INLINE_U16,
            Form::Other => KIND_OTHER,
        };
        let wide = (self.key_len > u8::MAX as usize) as u64;
        let deadline = if self.has_deadline { DEADLINE } else { 0 };
        kind as u64 | deadline | wide << WIDE_KEY_SHIFT
    }
}

/// Bytes of an inline value's length field.
#[inline]
pub(super) const fn inline_prefix(len: usize) -> usize {
    if len <= u8::MAX as usize { 1 } else { 2 }
}

/// The allocator's size class for `n` bytes: what such a request really takes from jemalloc built
/// as `.cargo/config.toml` has it. Multiples of 8 up to 128, then eight classes per doubling.
///
/// # Panics
/// If the class is larger than a `usize` can say.
#[inline]
pub const fn size_class(n: usize) -> usize {
    if n <= 128 {
        return if n == 0 { ALIGN } else { (n + ALIGN - 1) & !(ALIGN - 1) };
    }
    let step = 1 << ((n - 1).ilog2() - 3);
    match n.checked_next_multiple_of(step) {
        Some(class) => class,
        None => panic!("allocation size overflow"),
    }
}
