//! The bit sets of a command row, with the names COMMAND INFO and ACL CAT give their bits.

use std::ops::{BitAnd, BitOr};

macro_rules! bits {
    ($(#[$doc:meta])* $set:ident: $int:ty, $module:ident, $names:ident, { $($bit:ident = $shift:literal, $name:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $set(pub $int);

        impl $set {
            /// The empty set.
            pub const NONE: Self = Self(0);

            /// Whether every bit of `other` is here.
            pub const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Both sets' bits.
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Without the bits of the other.
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// The names of the bits that are set, in Redis's order; nameless bits are internal.
            pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
                $names.iter().filter(move |(bit, name)| self.has(*bit) && !name.is_empty()).map(|(_, name)| *name)
            }

            /// Every bit with its name.
            pub fn all() -> impl Iterator<Item = (Self, &'static str)> {
                $names.iter().copied().filter(|(_, name)| !name.is_empty())
            }
        }

        impl BitAnd for $set {
            type Output = Self;
            fn bitand(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }
        }

        impl BitOr for $set {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                self.with(other)
            }
        }

        static $names: &[($set, &str)] = &[$(($module::$bit, $name)),*];

        #[expect(missing_docs, reason = "the bits carry Redis's names for them")]
        pub mod $module {
            use super::$set;
            $(pub const $bit: $set = $set(1 << $shift);)*
        }
    };
}

bits! {
    /// What a command does and when it may run.
    CommandFlags: u32, flag, FLAG_NAMES, {
        WRITE = 0, "write";
        READONLY = 1, "readonly";
        DENYOOM = 2, "denyoom";
        MODULE = 3, "module";
        ADMIN = 4, "admin";
        PUBSUB = 5, "pubsub";
        NOSCRIPT = 6, "noscript";
        BLOCKING = 7, "blocking";
        LOADING = 8, "loading";
        STALE = 9, "stale";
        SKIP_MONITOR = 10, "skip_monitor";
        SKIP_SLOWLOG = 11, "skip_slowlog";
        ASKING = 12, "asking";
        FAST = 13, "fast";
        NO_AUTH = 14, "no_auth";
        // Replicas may be told of it, though it writes nothing.
        MAY_REPLICATE = 15, "";
        NO_MANDATORY_KEYS = 16, "no_mandatory_keys";
        PROTECTED = 17, "";
        NO_ASYNC_LOADING = 18, "no_async_loading";
        NO_MULTI = 19, "no_multi";
        MOVABLE_KEYS = 20, "movablekeys";
        ALLOW_BUSY = 21, "allow_busy";
        TOUCHES_ARBITRARY_KEYS = 22, "";
        // Runs at once inside MULTI.
        NOT_QUEUED = 23, "";
        // Runs other commands, which propagate themselves.
        COMPOSITE = 24, "";
        // Runs for a subscribed client of RESP2.
        IN_PUBSUB = 25, "";
    }
}

bits! {
    /// ACL categories.
    AclCategories: u32, acl, ACL_NAMES, {
        KEYSPACE = 0, "keyspace";
        READ = 1, "read";
        WRITE = 2, "write";
        SET = 3, "set";
        SORTEDSET = 4, "sortedset";
        LIST = 5, "list";
        HASH = 6, "hash";
        STRING = 7, "string";
        BITMAP = 8, "bitmap";
        HYPERLOGLOG = 9, "hyperloglog";
        GEO = 10, "geo";
        STREAM = 11, "stream";
        PUBSUB = 12, "pubsub";
        ADMIN = 13, "admin";
        FAST = 14, "fast";
        SLOW = 15, "slow";
        BLOCKING = 16, "blocking";
        DANGEROUS = 17, "dangerous";
        CONNECTION = 18, "connection";
        TRANSACTION = 19, "transaction";
        SCRIPTING = 20, "scripting";
    }
}

bits! {
    /// What a command does to a key.
    KeyFlags: u16, keyflag, KEY_NAMES, {
        RO = 0, "RO";
        RW = 1, "RW";
        OW = 2, "OW";
        RM = 3, "RM";
        ACCESS = 4, "access";
        UPDATE = 5, "update";
        INSERT = 6, "insert";
        DELETE = 7, "delete";
        NOT_KEY = 8, "not_key";
        INCOMPLETE = 9, "incomplete";
        VARIABLE_FLAGS = 10, "variable_flags";
    }
}
