//! What all databases share: the time, what changed, statistics, and what waits to be freed.

use super::own::Own;
use super::{Access, Change, Database, Event, EventClass};
use crate::types::{self, Entry, Type};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

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
    listeners: u16,
    /// The [`Keeper`]s there are, a bit each.
    keepers: u8,
    /// Keys with a deadline that clients of a replica set: it removes them itself.
    pub(super) own: Own,
    /// The deadline the expiry timer waits for, ms since the epoch.
    pub armed_ms: u64,
    /// A deadline nearer than that came to be.
    pub nearer_deadline: bool,
    /// What access clocks hold.
    pub access: Access,
    /// What was counted.
    pub stats: KeyspaceStats,
    changes: Vec<Change>,
    /// What the next event of a hash is about, where anybody wants to know.
    fields: Vec<Box<[u8]>>,
    garbage: Vec<Garbage>,
    unfreed: Arc<Unfreed>,
    /// Bytes at most that may well wait to be freed; 0 for no bound.
    unfreed_max: u64,
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
    /// Keys with a deadline are noted that clients of a replica set.
    Own = 128,
    /// Keys are being moved to another server, also changes that are told to nobody else.
    Moving = 256,
}

/// Why keys past their deadline are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// Writing is paused.
    Pause = 1,
    /// A data set is being loaded.
    Loading = 2,
    /// The primary says when they go.
    Replica = 4,
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
    /// Keys that had to go for their memory.
    pub evicted: u64,
    /// For how long more memory was in use than may be, microseconds, before it is so now,
    pub over_us: u64,
    /// and since when it is, if it is.
    pub over_since_us: Option<u64>,
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

    /// Called when an entry of database `db` that it [awaits](Self::awaits) has left without being shown. The
    /// snapshot keeps it until it is encoded; one that has no use for it hands it back, to be freed.
    fn departed(&mut self, db: u32, entry: Departed) -> Option<Departed>;

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
    fn take_spent(&mut self) -> Option<Spent>;

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
    #[expect(dead_code, reason = "dropped after what it counts")]
    counted: Counted,
}

/// What was given up and is not freed yet, as far as that is known.
#[derive(Debug, Default)]
pub struct Unfreed {
    bytes: AtomicU64,
    values: AtomicU64,
    databases: AtomicU64,
    freed: AtomicU64,
}

impl Unfreed {
    /// Bytes of values and tables; those of whole databases are not known.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Things that wait to be freed.
    pub fn len(&self) -> u64 {
        self.values.load(Relaxed)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a whole database waits.
    pub fn has_database(&self) -> bool {
        self.databases.load(Relaxed) > 0
    }

    /// How many things were freed since the start, or since that was last forgotten.
    pub fn freed(&self) -> u64 {
        self.freed.load(Relaxed)
    }

    /// Forgets how many were freed.
    pub fn forget_freed(&self) {
        self.freed.store(0, Relaxed);
    }
}

/// What a snapshot is done with.
#[derive(Debug)]
pub enum Spent {
    /// A database that was emptied while it was read.
    Database(Box<Database>),
    /// An entry that was removed before it was read.
    Entry(Departed),
}

/// An entry that is nobody's any more but a snapshot's. Its memory counts as that of what waits to be freed.
#[derive(Debug)]
pub struct Departed {
    /// The entry.
    pub entry: Entry,
    counted: Counted,
}

/// One thing among the unfreed, until it is dropped on whatever thread.
#[derive(Debug)]
struct Counted {
    unfreed: Arc<Unfreed>,
    bytes: u64,
    whole_database: bool,
}

impl Counted {
    fn new(unfreed: &Arc<Unfreed>, bytes: u64, whole_database: bool) -> Self {
        unfreed.bytes.fetch_add(bytes, Relaxed);
        unfreed.values.fetch_add(1, Relaxed);
        unfreed.databases.fetch_add(whole_database.into(), Relaxed);
        Self { unfreed: Arc::clone(unfreed), bytes, whole_database }
    }
}

impl Departed {
    /// The entry, to be freed.
    pub(super) fn into_entry(self) -> Entry {
        drop(self.counted);
        self.entry
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.unfreed.bytes.fetch_sub(self.bytes, Relaxed);
        self.unfreed.values.fetch_sub(1, Relaxed);
        self.unfreed.databases.fetch_sub(self.whole_database.into(), Relaxed);
        self.unfreed.freed.fetch_add(1, Relaxed);
    }
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
        let clock_ms = self.clock_ms();
        self.now_ms = if self.timeless { 0 } else { clock_ms };
        self.access.ticks_mut().set_time(clock_ms);
    }

    /// The time that new deadlines count from, ms since the epoch.
    pub fn clock_ms(&self) -> u64 {
        self.now_us / 1000
    }

    /// There are so many keys: that is how many must go until all have gone that nobody uses.
    pub fn set_turnover(&mut self, keys: usize) {
        self.access.ticks_mut().set_keys(keys);
    }

    /// Begins to judge no deadline as over, or ends it.
    pub fn set_timeless(&mut self, on: bool) {
        self.timeless = on;
        self.set_now_us(self.now_us);
    }

    /// Whether no deadline is judged as over: a log is being loaded.
    pub fn is_timeless(&self) -> bool {
        self.timeless
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

    /// Keys past their deadline are kept for the primary alone.
    pub fn waits_for_primary(&self) -> bool {
        self.keepers == Keeper::Replica as u8
    }

    /// Lets what a replica's own client does remove keys past their deadline, until it is done.
    pub fn lift_replica(&mut self, on: bool) {
        match on {
            true => self.keepers &= !(Keeper::Replica as u8),
            false => self.keepers |= Keeper::Replica as u8,
        }
    }

    /// Whether keys past their deadline are kept for `who`.
    pub fn has_keeper(&self, who: Keeper) -> bool {
        self.keepers & who as u8 != 0
    }

    /// Begins to record changes for `who`, or ends it.
    pub fn listen(&mut self, who: Listener, on: bool) {
        match on {
            true => self.listeners |= who as u16,
            false => self.listeners &= !(who as u16),
        }
    }

    /// Whether changes are recorded for `who`.
    #[inline]
    pub fn has_listener(&self, who: Listener) -> bool {
        self.listeners & who as u16 != 0
    }

    /// Something is to happen then, to a key or to a client that waits, in ms since the epoch: the timer must not sleep
    /// longer.
    #[inline]
    pub fn note_deadline(&mut self, at_ms: Option<u64>) {
        self.nearer_deadline |= at_ms.is_some_and(|at| at < self.armed_ms);
    }

    /// What was removed waits for the freeing thread.
    pub fn discard(&mut self, what: impl Send + 'static) {
        self.discard_sized(what, 0);
    }

    /// The same of what is known to take about so many bytes: they count as free from now on.
    pub fn discard_sized(&mut self, what: impl Send + 'static, bytes: usize) {
        self.put_out(Box::new(what), bytes, false);
    }

    fn put_out(&mut self, what: Box<dyn Send>, bytes: usize, whole_database: bool) {
        let counted = Counted::new(&self.unfreed, bytes as u64, whole_database);
        self.garbage.push(Garbage { what, whole_database, counted });
    }

    /// Sets how many bytes may well wait to be freed, where there is little memory; 0 for no bound.
    pub fn set_unfreed_max(&mut self, bytes: u64) {
        self.unfreed_max = bytes;
    }

    /// How many bytes may well wait to be freed.
    pub fn unfreed_max(&self) -> u64 {
        if self.unfreed_max == 0 { u64::MAX } else { self.unfreed_max }
    }

    /// What waits to be freed, here or in the freeing thread.
    pub fn unfreed(&self) -> &Unfreed {
        &self.unfreed
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

    /// Whether a running snapshot is yet to encode the entry, which takes long.
    pub(super) fn awaits(&self, entry: &Entry) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| snapshot.awaits(entry))
    }

    /// Gives an entry that left database `db` to the snapshot, if that awaits it; else it comes back.
    pub(super) fn hand_to_snapshot(&mut self, db: u32, entry: Entry) -> Option<Entry> {
        if !self.awaits(&entry) {
            return Some(entry);
        }
        let counted = Counted::new(&self.unfreed, types::memory(&entry) as u64, false);
        let departed = Departed { entry, counted };
        let snapshot = self.snapshot.as_mut().expect("it was asked just now");
        snapshot.departed(db, departed).map(Departed::into_entry)
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

    /// A key changed in a way that nobody is to hear of but who sends the value elsewhere.
    #[inline]
    pub(super) fn tell_untold(&mut self, db: u32, key: &[u8]) {
        if self.has_listener(Listener::Moving) {
            self.tell(db, key, Event::UNTOLD);
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
        self.put_out(Box::new(database), 0, true);
    }
}
