//! What a change was: recorded here, told to others by `exec::settle`.

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The database.
    pub db: u32,
    /// The key; empty for a whole database ([`EventClass::Database`]).
    pub key: Box<[u8]>,
    /// What happened.
    pub event: Event,
    /// The fields of a hash that it is about: those that expired, and others where somebody listens to
    /// fields.
    pub fields: Vec<Box<[u8]>>,
}

/// An event's name, and the class by which `notify-keyspace-events` selects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// As subscribers see it.
    pub name: &'static str,
    /// Its class.
    pub class: EventClass,
}

/// Classes of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum EventClass {
    Generic,
    String,
    List,
    Set,
    Hash,
    Zset,
    Stream,
    /// Of a stream too: who reads it how far. Those who watch the key or have it in a cache are not told.
    Reading,
    /// Of a stream: told only to those who wait to read it.
    Claimable,
    Expired,
    Evicted,
    New,
    KeyMiss,
    Overwritten,
    TypeChanged,
    /// Told only where the key is being moved to another server.
    Untold,
    /// Told to those who watch, but to no subscriber.
    Silent,
    /// A whole database was emptied or replaced, which is told like `Silent`.
    Database,
    /// Databases were to be emptied, whether they held keys or not: told to caches.
    Flushed,
}

impl EventClass {
    /// Its letter in `notify-keyspace-events`.
    pub fn letter(self) -> Option<u8> {
        Some(match self {
            Self::Generic => b'g',
            Self::String => b'$',
            Self::List => b'l',
            Self::Set => b's',
            Self::Hash => b'h',
            Self::Zset => b'z',
            Self::Stream | Self::Reading => b't',
            Self::Expired => b'x',
            Self::Evicted => b'e',
            Self::New => b'n',
            Self::KeyMiss => b'm',
            Self::Overwritten => b'o',
            Self::TypeChanged => b'c',
            Self::Claimable | Self::Untold | Self::Silent | Self::Database | Self::Flushed => {
                return None;
            }
        })
    }
}

impl Event {
    /// A key expired.
    pub const EXPIRED: Self = Self { name: "expired", class: EventClass::Expired };
    /// A key had to go for its memory.
    pub const EVICTED: Self = Self { name: "evicted", class: EventClass::Evicted };
    /// Fields of a hash expired.
    pub const HEXPIRED: Self = Self::hash("hexpired");
    /// A key was removed.
    pub const DEL: Self = Self::generic("del");
    /// A key came to be.
    pub const NEW: Self = Self { name: "new", class: EventClass::New };
    /// Another value took the whole place of a key's.
    pub const OVERWRITTEN: Self = Self { name: "overwritten", class: EventClass::Overwritten };
    /// The other value is of another type.
    pub const TYPE_CHANGED: Self = Self { name: "type_changed", class: EventClass::TypeChanged };
    /// A key was looked for and is not there.
    pub const KEY_MISS: Self = Self { name: "keymiss", class: EventClass::KeyMiss };
    /// A group of a stream's readers went.
    pub const GROUP_DESTROYED: Self = Self::reading("xgroup-destroy");
    /// What pends in a group of a stream's readers can be claimed sooner than before. Nobody hears of
    /// it but those who wait for that.
    pub const CLAIMABLE: Self = Self { name: "", class: EventClass::Claimable };
    /// Nothing that anybody hears of but who moves the key to another server.
    pub const UNTOLD: Self = Self { name: "", class: EventClass::Untold };
    /// Nothing that subscribers hear of.
    pub const SILENT: Self = Self { name: "", class: EventClass::Silent };

    /// Every key of a database went, or gave way to another's.
    pub const DATABASE: Self = Self { name: "", class: EventClass::Database };
    /// One database or all were emptied: no key that anybody knew of is certain to be there.
    pub const FLUSHED: Self = Self { name: "", class: EventClass::Flushed };

    /// An event of the generic class.
    pub const fn generic(name: &'static str) -> Self {
        Self { name, class: EventClass::Generic }
    }

    /// An event of the string class.
    pub const fn string(name: &'static str) -> Self {
        Self { name, class: EventClass::String }
    }

    /// An event of a list.
    pub const fn list(name: &'static str) -> Self {
        Self { name, class: EventClass::List }
    }

    /// An event of a set.
    pub const fn set(name: &'static str) -> Self {
        Self { name, class: EventClass::Set }
    }

    /// An event of a hash.
    pub const fn hash(name: &'static str) -> Self {
        Self { name, class: EventClass::Hash }
    }

    /// An event of a sorted set.
    pub const fn zset(name: &'static str) -> Self {
        Self { name, class: EventClass::Zset }
    }

    /// An event of a stream.
    pub const fn stream(name: &'static str) -> Self {
        Self { name, class: EventClass::Stream }
    }

    /// An event of those who read a stream.
    pub const fn reading(name: &'static str) -> Self {
        Self { name, class: EventClass::Reading }
    }
}
