//! What all databases share: the time, what changed, statistics, and what waits to be freed.

use super::{Change, Database, Event, EventClass, Lfu};
use crate::types::{Entry, Type};

/// State beside the databases.
#[derive(Debug, Default)]
pub struct Shared {
    /// Milliseconds since the epoch, fixed for the duration of a turn: what deadlines are judged by.
    pub now_ms: u64,
    /// The same in microseconds.
    pub now_us: u64,
    /// No deadline is over: a log is being loaded, which says itself when what was removed.
    timeless: bool,
    /// A script runs: what has no order of its own is given one, for scripts go by it.
    pub scripted: bool,
    /// How many times all databases were emptied at once.
    pub flushes: u64,
    /// Changes since the last save; INFO's `rdb_changes_since_last_save`.
    pub dirty: u64,
    /// The [`Listener`]s there are, a bit each; [`Change`]s are recorded while there are any.
    listeners: u8,
    /// The [`Keeper`]s there are, a bit each.
    keepers: u8,
    /// The deadline the expiry timer waits for, ms since the epoch.
    pub armed_ms: u64,
    /// A deadline nearer than that came to be.
    pub nearer_deadline: bool,
    /// Set where access clocks count uses (the LFU policies); they hold seconds otherwise.
    pub lfu: Option<Lfu>,
    /// What was counted.
    pub stats: KeyspaceStats,
    /// Where the randomness of access counters stands; never zero.
    pub(super) chance_state: u64,
    changes: Vec<Change>,
    /// What the next event of a hash is about, where anybody wants to know.
    fields: Vec<Box<[u8]>>,
    garbage: Vec<Garbage>,
    snapshot: Option<Box<dyn Capture>>,
}

/// Who wants [`Change`]s recorded for `settle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// A client watches keys.
    Watch = 1,
    /// The AOF or a replica takes writes: keys that expire are propagated.
    Feed = 2,
    /// `notify-keyspace-events` names events.
    Notifications = 4,
    /// A client waits for a key to be filled.
    Blocked = 8,
    /// `notify-keyspace-events` names the classes that tell of values overwritten, which are recorded
    /// for nobody else.
    Overwrites = 16,
    /// A client tracks keys.
    Tracking = 32,
    /// `notify-keyspace-events` names channels that tell which fields of a hash changed.
    Fields = 64,
}

/// Why keys past their deadline are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// Writing is paused.
    Pause = 1,
    /// A data set is being loaded.
    Loading = 2,
}

/// Counters of the keyspace.
#[derive(Debug, Default, Clone, Copy)]
pub struct KeyspaceStats {
    /// Lookups for reading that found the key.
    pub hits: u64,
    /// Lookups for reading that did not.
    pub misses: u64,
    /// Keys removed at their deadline.
    pub expired: u64,
    /// Fields of hashes removed at theirs.
    pub expired_fields: u64,
    /// Largest number of milliseconds by which a key's removal was late, since the start.
    pub expired_late_ms_max: u64,
}

/// A running snapshot, which holds the keys as they were when it began. It reads the databases bit
/// by bit, and is told here of what would get in its way.
///
/// An entry's epoch says whether the snapshot is done with it: it has been encoded, or is no part of
/// it. So an entry may be taken out of a database and put into another, or under another key, and is
/// still encoded once.
pub trait Capture: std::fmt::Debug {
    /// Called before `entry` of database `db` changes or goes away, once for each guard. What the
    /// snapshot does not have yet it encodes now, and marks the entry's epoch.
    fn before_change(&mut self, db: u32, entry: &mut Entry);

    /// Called before an entry is put into a database. It is no part of the snapshot, or was shown to
    /// it when it was taken out: its epoch is marked.
    fn before_insert(&mut self, entry: &mut Entry);

    /// Called when database `db` was emptied, with all it held. A snapshot that is not done with it
    /// keeps it and goes on reading there; else it is handed back, to be freed.
    fn flushed(&mut self, db: u32, database: Database) -> Option<Database>;

    /// Databases `a` and `b` have changed places: what was to be read in the one is in the other now.
    fn swapped(&mut self, a: u32, b: u32);

    /// Reads a piece of what it does not have yet, out of the databases as they are now: about `buckets`
    /// buckets of them.
    fn read_on(&mut self, databases: &mut [Database], buckets: usize) -> Reading;

    /// Whether `entry` is yet to be encoded and so large that this takes long: whoever would change it had
    /// better wait.
    fn awaits(&self, entry: &Entry) -> bool;

    /// Somebody waits for the entry of `key` in database `db` to be encoded: it is the next one.
    fn hurry(&mut self, db: u32, key: &[u8]);

    /// How many entries were encoded for which somebody may have waited.
    fn served(&self) -> usize;

    /// A database that was handed to it by [`Capture::flushed`] and is read, to be freed.
    fn take_spent(&mut self) -> Option<Database>;

    /// Nobody wants it any more. It goes on reading to mark every entry, for the next snapshot relies on
    /// that, but encodes nothing.
    fn give_up(&mut self);

    /// How many keys it is past.
    fn keys_read(&self) -> usize;
}

/// How far a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// There is more.
    More,
    /// It has all.
    Complete,
}

/// Something taken out of the keyspace whose freeing takes time. Dropping it frees it.
pub struct Garbage {
    #[expect(dead_code, reason = "held to be dropped")]
    what: Box<dyn Send>,
    /// It was so much that the allocator should give the pages back to the system at once.
    pub whole_database: bool,
}

impl std::fmt::Debug for Garbage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Garbage").finish_non_exhaustive()
    }
}

impl Shared {
    /// Sets the time.
    pub fn set_now_us(&mut self, now_us: u64) {
        self.now_us = now_us;
        self.now_ms = if self.timeless { 0 } else { self.clock_ms() };
    }

    /// The time that new deadlines count from, ms since the epoch.
    pub fn clock_ms(&self) -> u64 {
        self.now_us / 1000
    }

    /// Begins to judge no deadline as over, or ends it.
    pub fn set_timeless(&mut self, on: bool) {
        self.timeless = on;
        self.set_now_us(self.now_us);
    }

    /// Whether keys past their deadline are hidden, not removed: a replica waits for its primary's
    /// DEL, a paused server for the pause's end.
    #[inline]
    pub fn keeps_expired(&self) -> bool {
        self.keepers != 0
    }

    /// Begins to keep keys past their deadline for somebody, or ends it: those there are fall due at once
    /// when nobody keeps them any more.
    pub fn keep_expired(&mut self, who: Keeper, on: bool) {
        match on {
            true => self.keepers |= who as u8,
            false => self.keepers &= !(who as u8),
        }
        self.nearer_deadline |= self.keepers == 0;
    }

    /// Begins to record changes for `who`, or ends it.
    pub fn listen(&mut self, who: Listener, on: bool) {
        match on {
            true => self.listeners |= who as u8,
            false => self.listeners &= !(who as u8),
        }
    }

    /// Whether changes are recorded for `who`.
    #[inline]
    pub fn has_listener(&self, who: Listener) -> bool {
        self.listeners & who as u8 != 0
    }

    /// What was removed waits for the freeing thread.
    pub fn discard(&mut self, what: impl Send + 'static) {
        self.garbage.push(Garbage { what: Box::new(what), whole_database: false });
    }

    /// What waits to be freed.
    pub fn take_garbage(&mut self) -> Vec<Garbage> {
        std::mem::take(&mut self.garbage)
    }

    /// Whether something waits to be freed.
    pub fn has_garbage(&self) -> bool {
        !self.garbage.is_empty()
    }

    /// The changes recorded since they were last taken.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// How many changes are recorded.
    pub fn recorded(&self) -> usize {
        self.changes.len()
    }

    /// The changes recorded from number `from` on.
    pub fn recorded_from(&self, from: usize) -> &[Change] {
        &self.changes[from..]
    }

    /// Begins to show changes to a snapshot, or ends it.
    pub fn set_snapshot(&mut self, snapshot: Option<Box<dyn Capture>>) {
        self.snapshot = snapshot;
    }

    /// Whether a snapshot is shown changes.
    pub fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// How many keys the running snapshot is past.
    pub fn snapshot_keys(&self) -> usize {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.keys_read())
    }

    /// The running snapshot, to be asked.
    pub fn snapshot_ref(&self) -> Option<&(dyn Capture + 'static)> {
        self.snapshot.as_deref()
    }

    /// The running snapshot, if there is one.
    pub fn snapshot(&mut self) -> Option<&mut (dyn Capture + 'static)> {
        self.snapshot.as_deref_mut()
    }

    /// The one place where a snapshot learns that an entry is about to change or to go. Those who
    /// call it are two: the guard's first change, and the removal of a key.
    #[inline]
    pub(super) fn before_change(&mut self, db: u32, entry: &mut Entry) {
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.before_change(db, entry);
        }
    }

    /// Where it learns that there is a new one.
    #[inline]
    pub(super) fn before_insert(&mut self, entry: &mut Entry) {
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.before_insert(entry);
        }
    }

    /// A key changed: counted, and recorded for those who listen.
    #[inline]
    pub(super) fn changed(&mut self, db: u32, key: &[u8], event: Event) {
        self.dirty += 1;
        self.tell(db, key, event);
    }

    /// Something happened to a key that is no change to save (`keymiss`, `new`, `expired`).
    #[inline]
    pub fn tell(&mut self, db: u32, key: &[u8], event: Event) {
        if self.listeners != 0 {
            let about_fields = event.class == EventClass::Hash;
            let fields = if about_fields { std::mem::take(&mut self.fields) } else { Vec::new() };
            self.changes.push(Change { db, key: key.into(), event, fields });
        }
    }

    /// The event of a hash that is told next is about these fields.
    #[cold]
    pub(super) fn name_fields<'f>(&mut self, fields: impl Iterator<Item = &'f [u8]>) {
        self.fields = fields.map(Into::into).collect();
    }

    /// The whole value of a key, of type `was`, gives way to one of type `is`.
    #[inline]
    pub(super) fn tell_overwritten(&mut self, db: u32, key: &[u8], was: Type, is: Type) {
        if !self.has_listener(Listener::Overwrites) {
            return;
        }
        self.tell(db, key, Event::OVERWRITTEN);
        if was != is {
            self.tell(db, key, Event::TYPE_CHANGED);
        }
    }

    /// Fields of a hash expired.
    pub(super) fn tell_fields(&mut self, db: u32, key: &[u8], fields: Vec<Box<[u8]>>) {
        if self.listeners != 0 {
            self.changes.push(Change { db, key: key.into(), event: Event::HEXPIRED, fields });
        }
    }

    /// Two databases changed places.
    pub(super) fn swapped(&mut self, a: u32, b: u32) {
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.swapped(a, b);
        }
        self.dirty += 1;
        self.tell(a, b"", Event::DATABASE);
        self.tell(b, b"", Event::DATABASE);
    }

    /// Everything was taken out of a database, as `old`.
    pub(super) fn flushed(&mut self, db: u32, old: Database) {
        self.dirty += old.len() as u64;
        self.tell(db, b"", Event::DATABASE);
        let unneeded = match &mut self.snapshot {
            Some(snapshot) => snapshot.flushed(db, old),
            None => Some(old),
        };
        if let Some(database) = unneeded {
            self.discard_database(database);
        }
    }

    /// One database or all are empty now, and perhaps were so before.
    pub(super) fn tell_flushed(&mut self) {
        if self.has_listener(Listener::Tracking) {
            self.tell(0, b"", Event::FLUSHED);
        }
    }

    /// A whole database waits for the freeing thread.
    pub(super) fn discard_database(&mut self, database: Database) {
        self.garbage.push(Garbage { what: Box::new(database), whole_database: true });
    }
}
