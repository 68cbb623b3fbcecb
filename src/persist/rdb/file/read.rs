//! Reading an RDB file, or a full sync, as its bytes come: they are pushed in, [`Item`]s are taken out.
//!
//! What has come and is not taken yet lies in a window. It holds no more than the largest section and
//! one piece of input; a long string goes to its own memory as it comes. A section that is not whole is
//! walked over as it comes (`extent`), and decoded once it is whole, so the work grows with the
//! input alone. Nothing is reserved for bytes that only a length speaks of, unless the input is known to
//! be long enough.

pub use super::error::{Fault, ReadError};
use super::extent::{Extent, parts};
use super::opcode;
use crate::persist::rdb::decode::{Corrupt, Decoder, EARLY_END, TextHead};
use crate::persist::rdb::load::load;
use crate::persist::rdb::object::{LoadError, Loaded, type_byte};
use crate::persist::rdb::{FIRST_OF_VALKEY, is_readable_version};
use crate::stdx::crc::crc64;
use crate::types::Limits;
use std::borrow::Cow;

/// Bytes of the magic with its version.
const MAGIC_LEN: usize = 9;
/// Files of earlier versions end without a checksum.
pub const FIRST_SUMMED_VERSION: u16 = 5;
/// A plain string of so many bytes that is not there as a whole gets memory of its own.
const LONG: usize = 64 * 1024;
/// Bytes of the checksum.
const CHECKSUM_LEN: usize = 8;
/// A key's name and its value: so many buffers are kept to be filled again,
const SPARE_MAX: usize = 2;
/// none of which is larger.
const SPARE_BYTES_MAX: usize = 4096;

/// What was found in the input.
#[derive(Debug, Clone)]
pub struct Found {
    /// Offset of its first byte.
    pub at: u64,
    /// What it is.
    pub item: Item,
}

/// What a file is made of.
#[derive(Debug, Clone)]
pub enum Item {
    /// A fact about the file.
    #[expect(missing_docs, reason = "told above")]
    Aux { name: Vec<u8>, value: Vec<u8> },
    /// The source of a library of functions.
    Function(Vec<u8>),
    /// The keys that follow are in this database.
    SelectDb(u64),
    /// How many keys follow in it, and how many of them with a deadline.
    #[expect(missing_docs, reason = "told above")]
    ResizeDb { keys: u64, volatile: u64 },
    /// How many keys of a slot follow, and how many of them with a deadline.
    #[expect(missing_docs, reason = "told above")]
    SlotInfo { slot: u64, keys: u64, volatile: u64 },
    /// A key.
    Key(Key),
    /// The end, and what the checksum before it says.
    End(Checksum),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its database.
    pub db: u64,
    /// Its name.
    pub name: Vec<u8>,
    /// The type byte.
    pub kind: u8,
    /// Its value; `None` for a collection without elements, which Redis has written at times.
    pub value: Option<Loaded>,
    /// Its deadline, ms since the epoch.
    pub deadline: Option<u64>,
    /// Seconds since it was last used.
    pub idle_seconds: Option<u64>,
    /// How often it was used.
    pub frequency: Option<u8>,
}

/// Whether the input is what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// It is.
    Right,
    /// The version has no checksum, or it was switched off.
    Missing,
    /// It is not.
    #[expect(missing_docs, reason = "told above")]
    Wrong { stored: u64, computed: u64 },
}

/// What comes before a key and belongs to it.
#[derive(Debug, Default)]
struct Ahead {
    /// Where the first of it begins.
    at: Option<u64>,
    deadline: Option<u64>,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

/// What earlier sections tell of those that follow.
#[derive(Debug, Default)]
struct Known {
    /// The version, once it is known; 0 before.
    version: u16,
    db: u64,
    ahead: Ahead,
    /// Buffers that were taken back: to allocate one for each name and each string takes longer than to fill it.
    spare: Vec<Vec<u8>>,
}

/// A long string on its way.
#[derive(Debug)]
struct LongText {
    at: u64,
    name: Vec<u8>,
    len: usize,
    text: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Magic,
    Sections,
    Text(LongText),
    Ended,
}

/// What became of a section.
enum Section {
    Found(Item),
    /// It belongs to what follows.
    Ahead,
    /// So many bytes more are needed, at least.
    Missing(usize),
}

/// A reader of one input.
#[derive(Debug)]
pub struct Reader {
    state: State,
    known: Known,
    /// How long the input is, if that is known.
    total: Option<u64>,
    window: Vec<u8>,
    /// What is before this in the window was taken.
    start: usize,
    /// What is before this in the window is part of the checksum.
    summed: usize,
    /// Offset of the window's first byte in the input.
    base: u64,
    checksum: u64,
    /// The walk over a section that was not whole.
    extent: Option<Extent>,
    /// The window must reach so far from `start` before there is anything to be done.
    wanted: usize,
}

impl Reader {
    /// A reader of an input of so many bytes, if that is known.
    #[must_use]
    pub fn new(total: Option<u64>) -> Self {
        Self {
            state: State::Magic,
            known: Known::default(),
            total,
            window: Vec::new(),
            start: 0,
            summed: 0,
            base: 0,
            checksum: 0,
            extent: None,
            wanted: MAGIC_LEN,
        }
    }

    /// Takes the next bytes of the input.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        if let State::Text(long) = &mut self.state {
            let taken = bytes.len().min(long.len - long.text.len());
            long.text.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
        }
        self.forget_taken();
        self.window.extend_from_slice(bytes);
    }

    /// The next item; `None` if it is not whole yet, or after the end.
    ///
    /// # Errors
    /// The input cannot be read; the same whenever this is called from then on.
    pub fn next(&mut self, limits: &Limits) -> Result<Option<Found>, ReadError> {
        loop {
            match self.state {
                State::Ended => return Ok(None),
                State::Text(_) => return self.take_text(),
                _ if self.window.len() - self.start < self.wanted => return Ok(None),
                State::Magic => self.take_magic()?,
                State::Sections => {
                    let at = self.known.ahead.at.unwrap_or(self.at());
                    match self.section(limits)? {
                        Section::Found(item) => return Ok(Some(Found { at, item })),
                        Section::Ahead => self.known.ahead.at = Some(at),
                        Section::Missing(_) if matches!(self.state, State::Text(_)) => {}
                        Section::Missing(missing) => self.wait_for(missing)?,
                    }
                }
            }
        }
    }

    /// The input has ended.
    ///
    /// # Errors
    /// It has not come to its end.
    pub fn finish(&self) -> Result<(), ReadError> {
        match &self.state {
            State::Ended => Ok(()),
            State::Magic => Err(ReadError { at: 0, fault: Fault::Magic }),
            State::Sections => Err(ReadError { at: self.at(), fault: Fault::EarlyEnd }),
            State::Text(long) => Err(ReadError { at: long.at, fault: Fault::EarlyEnd }),
        }
    }

    /// Takes back the buffer of a name or a string that is needed no longer.
    pub fn take_back(&mut self, mut buffer: Vec<u8>) {
        let spare = &mut self.known.spare;
        if spare.len() < SPARE_MAX && buffer.capacity() <= SPARE_BYTES_MAX {
            buffer.clear();
            spare.push(buffer);
        }
    }

    /// Offset of the first byte that is not taken yet.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.base + self.start as u64
    }

    /// The version of the format, once it is known.
    #[must_use]
    pub fn version(&self) -> Option<u16> {
        Some(self.known.version).filter(|version| *version != 0)
    }

    /// What is being read: the byte that says what the section is, and of a key its name, as far as they
    /// have come.
    #[must_use]
    pub fn in_hand(&self) -> Option<(u8, Option<Vec<u8>>)> {
        if let State::Text(long) = &self.state {
            return Some((type_byte::STRING, Some(long.name.clone())));
        }
        if matches!(self.state, State::Magic | State::Ended) {
            return None;
        }
        let mut input = Decoder::new(&self.window[self.start..]);
        let first = input.byte().ok()?;
        let is_key = first < opcode::SLOT_INFO;
        Some((first, is_key.then(|| input.string().ok()).flatten()))
    }

    /// What came behind the end, as it came with it.
    #[must_use]
    pub fn into_rest(mut self) -> Vec<u8> {
        self.window.split_off(self.start)
    }

    /// Lets go of what was taken from the window.
    fn forget_taken(&mut self) {
        self.sum_taken();
        self.base += self.start as u64;
        self.window.drain(..self.start);
        (self.start, self.summed) = (0, 0);
    }

    /// Goes on with the checksum: whole blocks, for each call of it has its price.
    fn sum_taken(&mut self) {
        self.checksum = crc64(self.checksum, &self.window[self.summed..self.start]);
        self.summed = self.start;
    }

    fn take_magic(&mut self) -> Result<(), ReadError> {
        let magic = &self.window[..MAGIC_LEN];
        let (of_valkey, digits) =
            match (magic.strip_prefix(b"REDIS"), magic.strip_prefix(b"VALKEY")) {
                (Some(digits), _) => (false, digits),
                (_, Some(digits)) => (true, digits),
                _ => return Err(ReadError { at: 0, fault: Fault::Magic }),
            };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(ReadError { at: 0, fault: Fault::Magic });
        }
        let version = digits.iter().fold(0, |n, digit| n * 10 + u16::from(digit - b'0'));
        if !is_readable_version(version) || of_valkey != (version >= FIRST_OF_VALKEY) {
            return Err(ReadError { at: 0, fault: Fault::Version(version) });
        }
        self.known.version = version;
        self.start = MAGIC_LEN;
        self.wanted = 1;
        self.state = State::Sections;
        Ok(())
    }

    /// Takes the section at the window's start, if it is whole.
    fn section(&mut self, limits: &Limits) -> Result<Section, ReadError> {
        let whole = match &mut self.extent {
            None => false,
            Some(extent) => match extent.walk(&self.window[self.start..]) {
                Ok(0) => true,
                Ok(missing) => return Ok(Section::Missing(missing)),
                Err(error) => return Err(self.error(error)),
            },
        };
        let mut input = Decoder::new(&self.window[self.start..]);
        let first = input.byte().map_err(|error| self.error(error))?;
        if first == opcode::END {
            return Ok(self.end());
        }
        match self.known.decode(first, &mut input, limits) {
            Ok(section) => {
                self.start += input.at();
                self.extent = None;
                self.wanted = 1;
                if matches!(section, Section::Found(Item::Key(_))) {
                    self.known.ahead = Ahead::default();
                }
                Ok(section)
            }
            Err(Refused::Fault(fault)) => Err(ReadError { at: self.at(), fault }),
            Err(Refused::Corrupt(error)) => match input.missing() {
                0 => Err(self.error(error)),
                _ if whole => Err(self.error(error)),
                missing if self.lies_beyond(missing) && error.what == EARLY_END => {
                    Err(ReadError { at: self.at(), fault: Fault::EarlyEnd })
                }
                missing if self.lies_beyond(missing) => Err(self.error(error)),
                missing => {
                    self.begin_text(first);
                    self.extent = parts(first, self.known.version).map(Extent::new);
                    Ok(Section::Missing(missing))
                }
            },
        }
    }

    /// Takes the end, if the checksum is there.
    fn end(&mut self) -> Section {
        let summed_to = self.start + 1;
        if self.known.version < FIRST_SUMMED_VERSION {
            (self.start, self.state) = (summed_to, State::Ended);
            return Section::Found(Item::End(Checksum::Missing));
        }
        let Some(stored) = self.window[summed_to..].first_chunk::<CHECKSUM_LEN>() else {
            return Section::Missing(summed_to + CHECKSUM_LEN - self.window.len());
        };
        let stored = u64::from_le_bytes(*stored);
        self.start = summed_to;
        self.sum_taken();
        self.start += CHECKSUM_LEN;
        self.summed = self.start;
        self.state = State::Ended;
        let computed = self.checksum;
        Section::Found(Item::End(match stored {
            0 => Checksum::Missing,
            stored if stored == computed => Checksum::Right,
            stored => Checksum::Wrong { stored, computed },
        }))
    }

    /// Begins to collect a long string in memory of its own, if there is one at the window's start.
    fn begin_text(&mut self, first: u8) {
        let section = &self.window[self.start..];
        let mut input = Decoder::new(&section[1..]);
        if first != type_byte::STRING {
            return;
        }
        let Ok(name) = input.string() else { return };
        let Ok(TextHead::Verbatim(len)) = input.text_head() else { return };
        if len < LONG {
            return;
        }
        let at = self.known.ahead.at.unwrap_or(self.at());
        let text_at = self.start + 1 + input.at();
        // Where the input's length is known, all of the string is there to come.
        let reserved = if self.total.is_some() { len } else { 0 };
        let mut text = Vec::with_capacity(reserved);
        text.extend_from_slice(&self.window[text_at..]);
        self.start = text_at;
        self.forget_taken();
        self.window.clear();
        self.state = State::Text(LongText { at, name, len, text });
    }

    /// Takes a long string, if it is whole.
    fn take_text(&mut self) -> Result<Option<Found>, ReadError> {
        let State::Text(long) = &self.state else { return Ok(None) };
        if long.text.len() < long.len {
            return Ok(None);
        }
        let State::Text(long) = std::mem::replace(&mut self.state, State::Sections) else {
            return Ok(None);
        };
        self.checksum = crc64(self.checksum, &long.text);
        self.base += long.len as u64;
        (self.extent, self.wanted) = (None, 1);
        let value = Some(Loaded::Str(long.text));
        let key = self.known.ahead.key(self.known.db, long.name, type_byte::STRING, value);
        self.known.ahead = Ahead::default();
        Ok(Some(Found { at: long.at, item: Item::Key(key) }))
    }

    /// Nothing can be done before so many bytes more have come.
    fn wait_for(&mut self, missing: usize) -> Result<(), ReadError> {
        if self.lies_beyond(missing) {
            return Err(ReadError { at: self.at(), fault: Fault::EarlyEnd });
        }
        self.wanted = (self.window.len() - self.start).saturating_add(missing);
        Ok(())
    }

    /// Whether the input is known to be shorter than that.
    fn lies_beyond(&self, missing: usize) -> bool {
        let come = self.base + self.window.len() as u64;
        self.total.is_some_and(|total| missing as u64 > total.saturating_sub(come))
    }

    /// A fault counted from the window's start.
    fn error(&self, error: Corrupt) -> ReadError {
        ReadError { at: self.at() + error.at as u64, fault: Fault::Corrupt(error.what) }
    }
}

impl Known {
    fn decode(
        &mut self,
        first: u8,
        input: &mut Decoder<'_>,
        limits: &Limits,
    ) -> Result<Section, Refused> {
        let item = match first {
            opcode::AUX => Item::Aux { name: input.string()?, value: input.string()? },
            opcode::FUNCTION => Item::Function(input.string()?),
            opcode::SELECT_DB => {
                self.db = input.length()? as u64;
                Item::SelectDb(self.db)
            }
            opcode::RESIZE_DB => {
                Item::ResizeDb { keys: input.length()? as u64, volatile: input.length()? as u64 }
            }
            opcode::SLOT_INFO => Item::SlotInfo {
                slot: input.length()? as u64,
                keys: input.length()? as u64,
                volatile: input.length()? as u64,
            },
            opcode::EXPIRE_MS | opcode::EXPIRE_S | opcode::IDLE | opcode::FREQ => {
                return self.ahead.take(first, input).map(|()| Section::Ahead);
            }
            opcode::FUNCTION_PRE => return Err(Refused::Fault(Fault::EarlyFunction)),
            opcode::MODULE_AUX => {
                let id = input.length()? as u64;
                return Err(Refused::Fault(Fault::module(id, None)));
            }
            kind => self.key(kind, input, limits).map(Item::Key)?,
        };
        Ok(Section::Found(item))
    }

    fn key(&mut self, kind: u8, input: &mut Decoder<'_>, limits: &Limits) -> Result<Key, Refused> {
        match kind {
            type_byte::MODULE | type_byte::MODULE_2 => {
                input.skip_text()?;
                let id = input.length()? as u64;
                return Err(Refused::Fault(Fault::module(id, Some(kind))));
            }
            _ if parts(kind, self.version).is_none() => {
                return Err(Refused::Fault(Fault::Unknown(kind)));
            }
            _ => {}
        }
        let name = self.owned(input.text()?);
        if kind == type_byte::STRING {
            let text = self.owned(input.text()?);
            return Ok(self.ahead.key(self.db, name, kind, Some(Loaded::Str(text))));
        }
        let value = match load(kind, self.version, input, limits) {
            Ok(value) => Some(value),
            Err(LoadError::Empty) => None,
            Err(LoadError::Corrupt(error)) => return Err(error.into()),
            Err(LoadError::UnsupportedType(kind)) => {
                return Err(Refused::Fault(Fault::Unknown(kind)));
            }
        };
        Ok(self.ahead.key(self.db, name, kind, value))
    }

    fn owned(&mut self, text: Cow<'_, [u8]>) -> Vec<u8> {
        match text {
            Cow::Owned(text) => text,
            Cow::Borrowed(text) => {
                let mut buffer = self.spare.pop().unwrap_or_default();
                buffer.extend_from_slice(text);
                buffer
            }
        }
    }
}

/// Why a section could not be decoded.
enum Refused {
    Corrupt(Corrupt),
    /// It is one that is not taken.
    Fault(Fault),
}

impl From<Corrupt> for Refused {
    fn from(error: Corrupt) -> Self {
        Self::Corrupt(error)
    }
}

impl Ahead {
    fn take(&mut self, first: u8, input: &mut Decoder<'_>) -> Result<(), Refused> {
        match first {
            opcode::EXPIRE_MS => self.deadline = deadline(input.u64_le()?.cast_signed()),
            opcode::EXPIRE_S => self.deadline = deadline(i64::from(input.i32_le()?) * 1000),
            opcode::IDLE => self.idle_seconds = Some(input.length()? as u64),
            _ => self.frequency = Some(input.byte()?),
        }
        Ok(())
    }

    fn key(&self, db: u64, name: Vec<u8>, kind: u8, value: Option<Loaded>) -> Key {
        Key {
            db,
            name,
            kind,
            value,
            deadline: self.deadline,
            idle_seconds: self.idle_seconds,
            frequency: self.frequency,
        }
    }
}

/// A deadline as it is written: a signed number, of which -1 is none and all below was over long ago.
fn deadline(at: i64) -> Option<u64> {
    (at != -1).then(|| u64::try_from(at).unwrap_or(0))
}
