//! A command described as data.
//!
//! Everything that talks *about* commands reads these rows: COMMAND INFO, DOCS, LIST, COUNT and
//! GETKEYS, the gates' flags, ACL categories, and usage lines. A row stands beside the function
//! it describes, in the family's file under `cmd`; this module knows no function.

mod flags;
mod getkeys;
mod secrets;
mod table;

pub use flags::{AclCategories, CommandFlags, KeyFlags, acl, flag, keyflag};
pub use getkeys::{KeyPosition, keys_of, legacy_range};
pub use secrets::Secrets;
pub use table::{CommandId, Described, Table};

use std::ops::Range;

/// Tells the flags of a command's keys from its arguments.
pub type KeyFlagsOf = for<'a> fn(&mut dyn Iterator<Item = &'a [u8]>) -> KeyFlags;

/// The index of a key among a command's arguments, the name included.
pub type MovableKey = for<'a> fn(&mut dyn Iterator<Item = &'a [u8]>) -> Option<usize>;

/// The places of all of a command's keys among its arguments, the name included; `None`, where the arguments are
/// none of the command's.
pub type AllKeys = for<'a> fn(&mut dyn Iterator<Item = &'a [u8]>) -> Option<Range<usize>>;

/// A command or subcommand, as COMMAND INFO and COMMAND DOCS tell of it.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Lower-case name; of a subcommand only its own word (`list` of CLIENT LIST).
    pub name: &'static str,
    /// One sentence, ended by a full stop.
    pub summary: &'static str,
    /// First Redis version that had it.
    pub since: &'static str,
    /// The group under which documentation lists it.
    pub group: Group,
    /// Cost in big-O words.
    pub complexity: &'static str,
    /// Number of arguments with the name(s); negative: at least that many.
    pub arity: i8,
    /// What the gates and COMMAND INFO need to know.
    pub flags: CommandFlags,
    /// Categories beyond those that follow from the flags (`acl_categories`).
    pub acl: AclCategories,
    /// Where its keys are.
    pub keys: &'static [KeySpec],
    /// What the command does to its keys given these arguments (name included), where that varies.
    pub key_flags: Option<KeyFlagsOf>,
    /// The index of a key that stands where no rule can tell, as the last rule's.
    pub movable_key: Option<MovableKey>,
    /// The places of all keys, where the rules do not tell them from what else the arguments may be.
    pub all_keys: Option<AllKeys>,
    /// The argument tree of COMMAND DOCS.
    pub args: &'static [Arg],
    /// COMMAND INFO's tips.
    pub tips: &'static [&'static str],
    /// `(version, what changed)` pairs.
    pub history: &'static [(&'static str, &'static str)],
    /// `(since, what to use instead)` of a deprecated command.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Whether it is for the system itself and those who test it, not for applications.
    pub system: bool,
    /// Arguments that no log and no monitor may show.
    pub secrets: Secrets,
}

impl Spec {
    /// The row that others are completed from: `..Spec::NEW`.
    pub const NEW: Self = Self {
        name: "",
        summary: "",
        since: "1.0.0",
        group: Group::Generic,
        complexity: "O(1)",
        arity: 1,
        flags: CommandFlags::NONE,
        acl: AclCategories::NONE,
        keys: &[],
        key_flags: None,
        movable_key: None,
        all_keys: None,
        args: &[],
        tips: &[],
        history: &[],
        deprecated: None,
        secrets: Secrets::None,
        system: false,
    };

    /// A command that does nothing without one of its subcommands.
    pub const CONTAINER: Self =
        Self { complexity: "Depends on the subcommand", arity: -2, ..Self::NEW };

    /// The HELP of a container.
    pub const HELP: Self = Self {
        name: "help",
        summary: "Lists the subcommands.",
        arity: 2,
        flags: flag::LOADING.with(flag::STALE),
        ..Self::NEW
    };

    /// Categories as ACL CAT and COMMAND INFO count them: those named in the row, and those that
    /// follow from the flags.
    pub fn acl_categories(&self) -> AclCategories {
        let mut all = self.acl;
        let has = |f| self.flags.has(f);
        if has(flag::WRITE) {
            all = all | acl::WRITE;
        }
        if has(flag::READONLY) && !all.has(acl::SCRIPTING) {
            all = all | acl::READ;
        }
        if has(flag::ADMIN) {
            all = all | acl::ADMIN | acl::DANGEROUS;
        }
        if has(flag::PUBSUB) {
            all = all | acl::PUBSUB;
        }
        if has(flag::BLOCKING) {
            all = all | acl::BLOCKING;
        }
        all | if has(flag::FAST) { acl::FAST } else { acl::SLOW }
    }

    /// Whether `argc` arguments (with the command's name, and the container's) suit the arity.
    pub fn arity_fits(&self, argc: usize) -> bool {
        let arity = i64::from(self.arity);
        let argc = argc as i64;
        if arity >= 0 { argc == arity } else { argc >= -arity }
    }
}

/// COMMAND DOCS' group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Redis's group names")]
pub enum Group {
    Generic,
    String,
    List,
    Set,
    SortedSet,
    Hash,
    Pubsub,
    Transactions,
    Connection,
    Server,
    Scripting,
    Hyperloglog,
    Cluster,
    Sentinel,
    Geo,
    Stream,
    Bitmap,
}

impl Group {
    /// As COMMAND DOCS spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Hash => "hash",
            Self::Pubsub => "pubsub",
            Self::Transactions => "transactions",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::Scripting => "scripting",
            Self::Hyperloglog => "hyperloglog",
            Self::Cluster => "cluster",
            Self::Sentinel => "sentinel",
            Self::Geo => "geo",
            Self::Stream => "stream",
            Self::Bitmap => "bitmap",
        }
    }
}

/// One rule that finds keys among the arguments.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// Where the search begins.
    pub begin: Begin,
    /// How keys follow from there.
    pub find: Find,
    /// What the command does to them.
    pub flags: KeyFlags,
    /// A remark shown by COMMAND INFO.
    pub notes: &'static str,
}

/// Where a [`KeySpec`] begins.
#[derive(Debug, Clone, Copy)]
pub enum Begin {
    /// At a fixed argument.
    Index(u8),
    /// After a word, searched from an argument on (from the end where negative).
    Keyword(&'static str, i8),
    /// Not to be told from the arguments alone.
    Unknown,
}

/// How keys follow from a [`KeySpec`]'s begin.
#[derive(Debug, Clone, Copy)]
pub enum Find {
    /// `last` relative to the begin (negative: from the end of argv), every `step`-th argument;
    /// `limit` of 2 or more: only the first `1/limit` of the rest.
    #[expect(missing_docs, reason = "told above")]
    Range { last: i8, step: u8, limit: u8 },
    /// An argument holds the number of keys; `first` is relative to the begin as well.
    #[expect(missing_docs, reason = "told above")]
    KeyNum { num: u8, first: u8, step: u8 },
    /// Not to be told from the arguments alone.
    Unknown,
}

/// One key at argument `index`.
pub const fn key(index: u8) -> KeySpec {
    range(index, 0, 1)
}

/// Keys from argument `first` on, `last` relative to it (negative: from argv's end), every `step`-th.
pub const fn range(first: u8, last: i8, step: u8) -> KeySpec {
    KeySpec {
        begin: Begin::Index(first),
        find: Find::Range { last, step, limit: 0 },
        flags: KeyFlags::NONE,
        notes: "",
    }
}

/// A count of keys at argument `index`, the keys right behind it.
pub const fn counted(index: u8, step: u8) -> KeySpec {
    KeySpec {
        begin: Begin::Index(index),
        find: Find::KeyNum { num: 0, first: 1, step },
        flags: KeyFlags::NONE,
        notes: "",
    }
}

/// One key behind the word `word`, searched from argument `from` on.
pub const fn keyword(word: &'static str, from: i8) -> KeySpec {
    KeySpec {
        begin: Begin::Keyword(word, from),
        find: Find::Range { last: 0, step: 1, limit: 0 },
        flags: KeyFlags::NONE,
        notes: "",
    }
}

/// Keys of which the arguments' places alone tell nothing.
pub const fn unknown_key() -> KeySpec {
    KeySpec { begin: Begin::Unknown, find: Find::Unknown, flags: KeyFlags::NONE, notes: "" }
}

macro_rules! key_flag_setters {
    ($($method:ident => $flag:ident, $doc:literal;)*) => {
        impl KeySpec {
            $(#[doc = $doc]
            pub const fn $method(mut self) -> Self {
                self.flags = self.flags.with(keyflag::$flag);
                self
            })*

            /// All arguments from there on, in place of the one.
            pub const fn to_end(mut self) -> Self {
                self.find = Find::Range { last: -1, step: 1, limit: 0 };
                self
            }

            /// Adds a remark.
            pub const fn notes(mut self, notes: &'static str) -> Self {
                self.notes = notes;
                self
            }
        }
    };
}

key_flag_setters! {
    ro => RO, "Only read.";
    rw => RW, "Read and changed.";
    ow => OW, "Overwritten whatever it held.";
    rm => RM, "Removed.";
    access => ACCESS, "Its value may be returned, copied or used.";
    update => UPDATE, "Its value is changed.";
    insert => INSERT, "Data is added to it.";
    delete => DELETE, "Data is deleted from it.";
    not_key => NOT_KEY, "Not a key, but routed like one.";
    incomplete => INCOMPLETE, "The rule may miss keys.";
    variable_flags => VARIABLE_FLAGS, "The flags depend on the arguments.";
}

/// A node of COMMAND DOCS' argument tree.
#[derive(Debug, Clone, Copy)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// Its type; [`ArgType::OneOf`] and [`ArgType::Block`] have `args` below them.
    pub kind: ArgType,
    /// The word that introduces it, if any.
    pub token: Option<&'static str>,
    /// Which of the command's [`KeySpec`]s it belongs to.
    pub key_spec_index: Option<u8>,
    /// The version that brought it, where later than the command.
    pub since: Option<&'static str>,
    /// The version since which it is better left alone.
    pub deprecated_since: Option<&'static str>,
    /// May be left out.
    pub optional: bool,
    /// May be repeated.
    pub multiple: bool,
    /// The token is repeated with each value.
    pub multiple_token: bool,
    /// The nodes below.
    pub args: &'static [Self],
}

/// The type of an [`Arg`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Redis's argument types")]
pub enum ArgType {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

impl ArgType {
    /// As COMMAND DOCS spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::PureToken => "pure-token",
            Self::OneOf => "oneof",
            Self::Block => "block",
        }
    }
}

/// Short constructors for argument trees.
pub mod arg {
    use super::{Arg, ArgType};

    const fn new(name: &'static str, kind: ArgType) -> Arg {
        Arg {
            name,
            kind,
            token: None,
            key_spec_index: None,
            since: None,
            deprecated_since: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            args: &[],
        }
    }

    /// A key of the command's first key rule.
    pub const fn key(name: &'static str) -> Arg {
        key_of(name, 0)
    }
    /// A key of the key rule numbered `rule`.
    pub const fn key_of(name: &'static str, rule: u8) -> Arg {
        let mut a = new(name, ArgType::Key);
        a.key_spec_index = Some(rule);
        a
    }
    /// A string.
    pub const fn string(name: &'static str) -> Arg {
        new(name, ArgType::String)
    }
    /// An integer.
    pub const fn integer(name: &'static str) -> Arg {
        new(name, ArgType::Integer)
    }
    /// A floating-point number.
    pub const fn double(name: &'static str) -> Arg {
        new(name, ArgType::Double)
    }
    /// A glob-style pattern.
    pub const fn pattern(name: &'static str) -> Arg {
        new(name, ArgType::Pattern)
    }
    /// Seconds or milliseconds since the epoch.
    pub const fn unix_time(name: &'static str) -> Arg {
        new(name, ArgType::UnixTime)
    }
    /// A word by itself.
    pub const fn token(name: &'static str, token: &'static str) -> Arg {
        let mut a = new(name, ArgType::PureToken);
        a.token = Some(token);
        a
    }
    /// One of several.
    pub const fn one_of(name: &'static str, args: &'static [Arg]) -> Arg {
        let mut a = new(name, ArgType::OneOf);
        a.args = args;
        a
    }
    /// Several that go together.
    pub const fn block(name: &'static str, args: &'static [Arg]) -> Arg {
        let mut a = new(name, ArgType::Block);
        a.args = args;
        a
    }

    impl Arg {
        /// Introduced by `token`.
        pub const fn after(mut self, token: &'static str) -> Self {
            self.token = Some(token);
            self
        }
        /// Names keys of the key rule numbered `rule`, though it is no key itself.
        pub const fn of_rule(mut self, rule: u8) -> Self {
            self.key_spec_index = Some(rule);
            self
        }
        /// May be left out.
        pub const fn optional(mut self) -> Self {
            self.optional = true;
            self
        }
        /// May be repeated.
        pub const fn multiple(mut self) -> Self {
            self.multiple = true;
            self
        }
        /// May be repeated, its token each time.
        pub const fn multiple_token(mut self) -> Self {
            self.multiple = true;
            self.multiple_token = true;
            self
        }
        /// Came with `version`.
        pub const fn since(mut self, version: &'static str) -> Self {
            self.since = Some(version);
            self
        }
        /// Better left alone since `version`.
        pub const fn deprecated_since(mut self, version: &'static str) -> Self {
            self.deprecated_since = Some(version);
            self
        }
    }
}
