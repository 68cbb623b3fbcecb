//! One command's view of one database.

use super::place::Place;
use super::{Access, Database, Edit, Event, Held, Keyspace, Vacancy};
use crate::ds::dict::{OccupiedSlot, Slot};
use crate::ds::entry::NewValue;
use crate::resp::CmdError;
use crate::types::{Collection, Entry, Str, Text, Type, new_string};

/// How reading a key changes its access clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Touch {
    /// The key counts as used.
    #[default]
    Use,
    /// It does not: OBJECT, TYPE, TTL, and clients that said NO-TOUCH.
    Leave,
}

/// A key whose hash was worked out when its bucket was fetched ahead. The key is known again by
/// where its bytes lie, so that no command has to carry the hash along.
#[derive(Debug, Clone, Copy, Default)]
pub struct KnownHash {
    at: usize,
    len: usize,
    hash: u64,
}

impl KnownHash {
    /// `hash` is the hash of these very bytes.
    pub fn new(key: &[u8], hash: u64) -> Self {
        Self { at: key.as_ptr().addr(), len: key.len(), hash }
    }
}

/// A database as a command sees it.
#[derive(Debug)]
pub struct Db<'a> {
    keyspace: &'a mut Keyspace,
    index: u32,
    touch: Touch,
    known: KnownHash,
}

impl<'a> Db<'a> {
    pub(super) fn new(keyspace: &'a mut Keyspace, index: u32) -> Self {
        Self { keyspace, index, touch: Touch::Use, known: KnownHash::default() }
    }

    /// With the client's say on access clocks, and a hash that is known already.
    #[inline]
    pub fn with(mut self, touch: Touch, known: KnownHash) -> Self {
        self.touch = touch;
        self.known = known;
        self
    }

    /// The selected database's number.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Whether a script runs the command.
    pub fn is_scripted(&self) -> bool {
        self.keyspace.shared.scripted
    }

    /// Milliseconds since the epoch, the same throughout a command.
    pub fn now_ms(&self) -> u64 {
        self.keyspace.shared.now_ms
    }

    /// The time that new deadlines count from, ms since the epoch.
    pub fn clock_ms(&self) -> u64 {
        self.keyspace.shared.clock_ms()
    }

    /// The same in microseconds.
    pub fn now_us(&self) -> u64 {
        self.keyspace.shared.now_us
    }

    /// All databases: SWAPDB, FLUSHALL, and what looks at them from outside.
    pub fn keyspace(&mut self) -> &mut Keyspace {
        self.keyspace
    }

    /// Another database of the same server.
    ///
    /// # Errors
    /// [`CmdError::DbIndexOutOfRange`].
    pub fn other(&mut self, index: i64) -> Result<Db<'_>, CmdError> {
        let index = u32::try_from(index).ok().filter(|i| (*i as usize) < self.keyspace.len());
        let index = index.ok_or(CmdError::DbIndexOutOfRange)?;
        let touch = self.touch;
        Ok(self.keyspace.db(index).with(touch, KnownHash::default()))
    }

    /// The database as it lies there.
    pub fn database(&self) -> &Database {
        self.keyspace.database(self.index)
    }

    /// Number of keys, those past their deadline included.
    pub fn len(&self) -> usize {
        self.database().len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks `key` up for reading: counts a hit or miss, moves the access clock, removes the key
    /// if its time is over.
    #[inline]
    pub fn fetch(&mut self, key: &[u8]) -> Option<&Entry> {
        let touch = self.touch;
        self.fetch_touching(key, touch, true)
    }

    /// Like [`Db::fetch`], leaving the access clock as it is.
    pub fn fetch_untouched(&mut self, key: &[u8]) -> Option<&Entry> {
        self.fetch_touching(key, Touch::Leave, true)
    }

    /// Like [`Db::fetch_untouched`], telling nobody that the key is missing: for who asks about a
    /// key, not for what it holds.
    pub fn inspect(&mut self, key: &[u8]) -> Option<&Entry> {
        self.fetch_touching(key, Touch::Leave, false)
    }

    /// Like [`Db::inspect`], for what is told of an entry's use.
    pub fn look_at<R>(&mut self, key: &[u8], look: impl FnOnce(&Entry, &Access) -> R) -> Option<R> {
        self.inspect(key)?;
        let entry = self.peek(key)?;
        Some(look(entry, &self.keyspace.shared.access))
    }

    /// Like [`Db::fetch`], moving the access clock whatever the client asked for.
    pub fn fetch_always(&mut self, key: &[u8]) -> Option<&Entry> {
        self.fetch_touching(key, Touch::Use, true)
    }

    fn fetch_touching(&mut self, key: &[u8], touch: Touch, tells: bool) -> Option<&Entry> {
        let db = self.index;
        let (slot, place) = self.locate(key);
        match slot {
            Some(slot) if !place.shared.is_over(slot.get()) => {
                place.shared.stats.hits += 1;
                let entry = slot.into_mut();
                place.shared.access.read(entry, touch);
                Some(entry)
            }
            _ => {
                place.shared.stats.misses += 1;
                if tells {
                    place.shared.tell(db, key, Event::KEY_MISS);
                }
                None
            }
        }
    }

    /// The string at `key`, for reading.
    ///
    /// # Errors
    /// [`CmdError::WrongType`] where the key holds another type.
    #[inline]
    pub fn string(&mut self, key: &[u8]) -> Result<Option<Str<'_>>, CmdError> {
        match self.fetch(key) {
            None => Ok(None),
            Some(entry) => Str::of(entry).map(Some).ok_or(CmdError::WrongType),
        }
    }

    /// The collection at `key`, for reading: `db.fetch_as::<List>(key)`.
    ///
    /// # Errors
    /// [`CmdError::WrongType`] where the key holds another type.
    #[inline]
    pub fn fetch_as<T: Collection>(&mut self, key: &[u8]) -> Result<Option<&T>, CmdError> {
        match self.fetch(key) {
            None => Ok(None),
            Some(entry) => of_type(entry).map(Some),
        }
    }

    /// Reads several keys of one command: each is looked up as by [`Db::fetch`], after which
    /// [`Db::peek`] and [`Db::peek_as`] answer for them without changing anything.
    pub fn prepare<'k>(&mut self, keys: impl IntoIterator<Item = &'k [u8]>) {
        for key in keys {
            self.fetch(key);
        }
    }

    /// What a prepared key holds. Many values may be held together.
    pub fn peek(&self, key: &[u8]) -> Option<&Entry> {
        let entry = self.database().peek(key);
        entry.filter(|entry| !self.keyspace.shared.is_over(entry))
    }

    /// The collection that a prepared key holds.
    ///
    /// # Errors
    /// [`CmdError::WrongType`] where the key holds another type.
    pub fn peek_as<T: Collection>(&self, key: &[u8]) -> Result<Option<&T>, CmdError> {
        self.peek(key).map(of_type).transpose()
    }

    /// The collection at `key`, for writing: `db.edit_as::<List>(key)`. Neither a hit nor a miss.
    ///
    /// # Errors
    /// [`CmdError::WrongType`] where the key holds another type.
    #[inline]
    pub fn edit_as<T: Collection>(&mut self, key: &[u8]) -> Result<Option<Held<'_, T>>, CmdError> {
        self.edit(key).map(Held::new).transpose()
    }

    /// Like [`Db::edit_as`], with an empty collection where the key is missing. It is to be filled, or
    /// given back with [`Held::unchanged`].
    ///
    /// # Errors
    /// [`CmdError::WrongType`] where the key holds another type.
    #[inline]
    pub fn edit_or_new<T: Collection>(
        &mut self,
        key: &[u8],
        new: impl FnOnce() -> T,
    ) -> Result<Held<'_, T>, CmdError> {
        let edit = match self.upsert(key) {
            Ok(edit) => edit,
            Err(vacancy) => Edit::of_new(vacancy, key, new().into_value()),
        };
        Held::new(edit)
    }

    /// Puts a collection at `key` whatever it held, without a deadline, as the `STORE` commands do:
    /// told as `event`. An empty one removes the key, told as `del`; whether the key is there after.
    pub fn store<T: Collection>(&mut self, key: &[u8], value: T, event: Event) -> bool {
        if value.is_empty() {
            self.delete(key, Event::DEL);
            return false;
        }
        let value = NewValue::Other(value.into_value());
        match self.upsert(key) {
            Ok(mut edit) => {
                edit.overwritten_by(T::TYPE);
                edit.set(value, None);
                edit.done(event);
            }
            Err(vacancy) => vacancy.insert(key, value, None, event),
        }
        true
    }

    /// Whether `key` is there; counts and touches like a read.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.fetch(key).is_some()
    }

    /// Looks `key` up for writing; neither a hit nor a miss.
    #[inline]
    pub fn edit(&mut self, key: &[u8]) -> Option<Edit<'_>> {
        self.upsert(key).ok()
    }

    /// An existing key held for writing, or the missing one's place: one probe for both.
    ///
    /// # Errors
    /// The place, where the key is missing.
    #[inline]
    pub fn upsert(&mut self, key: &[u8]) -> Result<Edit<'_>, Vacancy<'_>> {
        let touch = self.touch;
        let hash = self.hash(key);
        let (database, shared) = self.keyspace.parts(self.index);
        let Database { dict, deadlines } = database;
        let place = Place { shared, deadlines, db: self.index, hash };
        match dict.entry(hash, key) {
            Slot::Vacant(slot) => Err(Vacancy::new(slot, place)),
            Slot::Occupied(slot) if !place.is_due(slot.get()) => {
                let mut slot = slot;
                place.shared.access.edited(slot.get_mut(), touch);
                Ok(Edit::new(slot, place))
            }
            Slot::Occupied(slot) => {
                let (slot, place) = place.expire(slot);
                Err(Vacancy::new(slot, place))
            }
        }
    }

    /// Like [`Db::upsert`], for commands that answer what the key held: counts a hit or miss as
    /// [`Db::fetch`] does.
    ///
    /// # Errors
    /// The place, where the key is missing.
    pub fn upsert_read(&mut self, key: &[u8]) -> Result<Edit<'_>, Vacancy<'_>> {
        match self.upsert(key) {
            Ok(mut edit) => {
                edit.count_hit();
                Ok(edit)
            }
            Err(mut vacancy) => {
                vacancy.count_miss(key);
                Err(vacancy)
            }
        }
    }

    /// Sets `key` to a string whatever it held. `deadline` is ms since the epoch, or none.
    #[inline]
    pub fn set_string<'t>(
        &mut self,
        key: &[u8],
        text: impl Into<Text<'t>>,
        deadline: Option<u64>,
        event: Event,
    ) {
        let value = new_string(text);
        match self.upsert(key) {
            Ok(mut edit) => {
                edit.overwritten_by(Type::String);
                edit.set(value, deadline);
                edit.done(event);
            }
            Err(vacancy) => vacancy.insert(key, value, deadline, event),
        }
    }

    /// Names one more event of a change to `key` that is complete and counted.
    pub fn tell(&mut self, key: &[u8], event: Event) {
        let db = self.index;
        self.keyspace.shared.tell(db, key, event);
    }

    /// Names what happened to a value of type `was` which was removed to make room for the one that
    /// `key` holds now.
    pub fn tell_overwritten(&mut self, key: &[u8], was: Type) {
        let db = self.index;
        let (database, shared) = self.keyspace.parts(db);
        if let Some(entry) = database.peek(key) {
            shared.tell_overwritten(db, key, was, Type::of(entry));
        }
    }

    /// Removes `key`; whether it was there.
    pub fn delete(&mut self, key: &[u8], event: Event) -> bool {
        let edit = self.edit(key);
        let found = edit.is_some();
        if let Some(edit) = edit {
            edit.delete(event);
        }
        found
    }

    /// Puts an entry under its own key, which must be missing here, and tells that there is a new
    /// key. What the change was is told with [`Db::done`].
    pub fn adopt(&mut self, entry: Entry) {
        // The vacancy goes by the entry's key, and takes the entry.
        let key = entry.key().to_vec();
        let place = self.upsert(&key);
        place.expect_err("the caller made room for it").put(entry);
    }

    /// The same for an entry that was another key's, or another database's: its uses count from now on.
    pub fn adopt_as_new(&mut self, mut entry: Entry) {
        entry.set_clock(self.keyspace.shared.access.new_clock());
        self.adopt(entry);
    }

    /// A change to `key` made by [`Db::adopt`] is complete: counted, and named for those who listen.
    pub fn done(&mut self, key: &[u8], event: Event) {
        let db = self.index;
        self.keyspace.shared.changed(db, key, event);
    }

    /// One step of SCAN; shows every entry of the step that is not past its deadline. Those past it whose key is
    /// wanted are removed, as by any lookup. The next cursor, 0 at the end.
    pub fn scan_and_expire(
        &mut self,
        cursor: u64,
        wants: impl Fn(&[u8]) -> bool,
        mut show: impl FnMut(&Entry),
    ) -> u64 {
        let shared = &self.keyspace.shared;
        let mut over: Vec<Vec<u8>> = Vec::new();
        let next = self.database().dict.scan(cursor, |entry| match shared.is_over(entry) {
            false => show(entry),
            true if wants(entry.key()) => over.push(entry.key().to_vec()),
            true => {}
        });
        for key in over {
            self.locate(&key);
        }
        next
    }

    /// A step like that of [`Db::scan_and_expire`] that removes nothing.
    pub fn scan(&self, cursor: u64, mut show: impl FnMut(&Entry)) -> u64 {
        let shared = &self.keyspace.shared;
        self.database().dict.scan(cursor, |entry| {
            if !shared.is_over(entry) {
                show(entry);
            }
        })
    }

    /// The access clock of a key that was last used so many seconds ago, or has this LFU counter;
    /// of one used just now if neither is known.
    pub fn access_clock(&self, idle_seconds: Option<i64>, frequency: Option<i64>) -> u32 {
        let frequency = frequency.map(|counter| counter as u8);
        self.keyspace.shared.access.clock_of(idle_seconds.map(i64::unsigned_abs), frequency)
    }

    /// The name of a key chosen evenly from all that are not past their deadline. Those drawn that
    /// are past it are removed, as by any lookup.
    pub fn random_key(&mut self, rng: &mut impl FnMut() -> u64) -> Option<Vec<u8>> {
        // Hardly ever are many keys past their deadline and still there: they are gone within
        // milliseconds, except where they are kept for somebody (`keep_expired`). Then one that is
        // not is looked for in order, so that there is an answer while there is such a key.
        const TRIES: usize = 100;
        for _ in 0..TRIES {
            let entry = self.database().dict.random(rng)?;
            let key = entry.key().to_vec();
            if !self.keyspace.shared.is_over(entry) {
                return Some(key);
            }
            self.locate(&key);
        }
        let shared = &self.keyspace.shared;
        self.database().iter().find(|entry| !shared.is_over(entry)).map(|e| e.key().to_vec())
    }

    /// Finds the slot of `key`, removing the key first if its time is over.
    #[inline]
    fn locate(&mut self, key: &[u8]) -> (Option<OccupiedSlot<'_, Entry>>, Place<'_>) {
        let hash = self.hash(key);
        let (database, shared) = self.keyspace.parts(self.index);
        let Database { dict, deadlines } = database;
        let place = Place { shared, deadlines, db: self.index, hash };
        match dict.entry(hash, key) {
            Slot::Vacant(_) => (None, place),
            Slot::Occupied(slot) if place.is_due(slot.get()) => (None, place.expire(slot).1),
            Slot::Occupied(slot) => (Some(slot), place),
        }
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        if key.as_ptr().addr() == self.known.at && key.len() == self.known.len {
            return self.known.hash;
        }
        self.database().dict.hash(key)
    }
}

/// The collection that an entry holds.
#[inline]
fn of_type<T: Collection>(entry: &Entry) -> Result<&T, CmdError> {
    entry.other().and_then(T::of).ok_or(CmdError::WrongType)
}
