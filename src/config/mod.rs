//! The configuration of larder, as redis-server takes it.
//!
//! - [`Config`] holds one typed field per option; the table of [`Row`]s says what the options are
//!   called, what they take and what may be done with them. A row and its field are written once,
//!   in `options.rs`.
//! - [`Config::get`] and [`Config::set_many`] are CONFIG GET and CONFIG SET. Setting is atomic and
//!   has no side effects: the server reads [`Changed`], carries the effects out, and takes the step
//!   back by [`Undo`] where one fails.
//! - [`load`] reads files, standard input and the command line; [`rewrite`] is CONFIG REWRITE.
//!
//! Names, aliases, bounds, printed values and the texts of refusals are those of Redis: files,
//! tools and clients depend on them. They are compared with a table recorded from a real server in
//! this module's tests. Two things differ on purpose: values must be UTF-8, and sizes past 64 bits
//! are refused or saturate instead of wrapping round.
//!
//! Invariants: a value is in a [`Config`] only if its row takes it; an alias names the same field
//! as its row.

mod checks;
mod limits;
pub mod load;
mod maxmemory;
mod options;
pub mod rewrite;
pub mod special;
pub mod table;
pub mod value;
pub mod words;

pub use maxmemory::MaxMemory;
pub use options::Config;
pub use table::{Effect, Flags, Row};
pub use words::{
    AclPubsubDefault, AppendFsync, Choice, DisklessLoad, EndpointType, EvictionPolicy, Guard,
    LogFormat, LogLevel, OomScoreAdj, PropagationError, SanitizePayload, Supervised,
    SyslogFacility, TlsAuthClients,
};

use crate::stdx::glob;
use std::borrow::Cow;
use std::fmt;
use value::{Occurrence, Reason};

/// The version of Redis that larder says it is, to clients and in messages that tools read.
pub const REDIS_VERSION: &str = "7.2.4";

/// The rows whose values a CONFIG SET changed, in the order of the table.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    rows: Vec<&'static Row>,
}

impl Changed {
    /// Whether the option of this name changed.
    pub fn contains(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.name == name)
    }

    /// The rows that changed.
    pub fn iter(&self) -> impl Iterator<Item = &'static Row> + '_ {
        self.rows.iter().copied()
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// What takes a CONFIG SET back whose effects cannot be carried out.
#[derive(Clone, Debug)]
pub struct Undo {
    changed: Changed,
    before: Config,
    after: Config,
}

impl Undo {
    /// For the step from `before` to `after`, which changed the rows `changed`.
    pub fn new(changed: Changed, before: Config, after: &Config) -> Self {
        Self { changed, before, after: after.clone() }
    }

    /// Gives back to the options that the step changed the values they had. One that was set again
    /// meanwhile keeps its latest value, and all others are left alone.
    pub fn apply(&self, config: &mut Config) {
        for row in self.changed.iter() {
            if row.print(config) == row.print(&self.after) {
                (row.copy)(config, &self.before);
            }
        }
    }

    /// The configuration before the step.
    pub fn before(&self) -> &Config {
        &self.before
    }

    /// Whether the step changed the option of this name.
    pub fn changed(&self, name: &str) -> bool {
        self.changed.contains(name)
    }
}

/// Why a CONFIG SET is refused. Its text is that of the error reply after the code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetError {
    /// There is no such option.
    Unknown(String),
    /// An option cannot be set, or not to this value.
    Failed {
        /// The option.
        option: String,
        /// Why.
        reason: Reason,
    },
    /// An option cannot be set while a data set is being loaded: the reply is a `-LOADING`, not an
    /// `-ERR`.
    Loading,
}

impl SetError {
    /// A failure of `option`, also for effects that the server could not carry out.
    pub fn failed(option: &str, reason: impl Into<Reason>) -> Self {
        Self::Failed { option: option.to_owned(), reason: reason.into() }
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(f, "Unknown option or number of arguments for CONFIG SET - '{name}'")
            }
            Self::Failed { option, reason } => {
                write!(f, "CONFIG SET failed (possibly related to argument '{option}') - {reason}")
            }
            Self::Loading => f.write_str("Redis is loading the dataset in memory"),
        }
    }
}

impl std::error::Error for SetError {}

/// What the one who sets may do at this moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetRights {
    /// The client is on the loopback interface or the unix socket.
    pub local_client: bool,
    /// A data set is being loaded.
    pub loading: bool,
}

impl Config {
    /// The options that match any of the patterns, each once. A pattern without wildcards is a
    /// name, in any case, and is answered under the spelling asked for; a wildcard lists names and
    /// aliases, but not what is hidden.
    pub fn get<P: AsRef<[u8]>>(&self, patterns: &[P]) -> Vec<(Cow<'static, str>, String)> {
        let mut found: Vec<(Cow<'static, str>, String)> = Vec::new();
        let mut add = |name: Cow<'static, str>, row: &Row| {
            if !found.iter().any(|(listed, _)| listed.eq_ignore_ascii_case(&name)) {
                found.push((name, row.print(self)));
            }
        };
        for pattern in patterns.iter().map(AsRef::as_ref) {
            if !pattern.iter().any(|b| b"[*?".contains(b)) {
                let name = String::from_utf8_lossy(pattern);
                if let Some(row) = Row::find(&name) {
                    add(Cow::Owned(name.into_owned()), row);
                }
                continue;
            }
            for row in Row::all() {
                for name in
                    row.listed_names().filter(|n| glob::matches(pattern, n.as_bytes(), true))
                {
                    add(Cow::Borrowed(name), row);
                }
            }
        }
        found
    }

    /// Sets several options, all or none, for a client without special rights while no data set is
    /// loading.
    ///
    /// # Errors
    /// The first refusal, in the order of the pairs: names and rights are looked at before values.
    pub fn set_many(&mut self, pairs: &[(&[u8], &[u8])]) -> Result<Changed, SetError> {
        self.set_many_as(SetRights::default(), pairs)
    }

    /// Sets several options, all or none.
    ///
    /// # Errors
    /// As [`Config::set_many`].
    pub fn set_many_as(
        &mut self,
        rights: SetRights,
        pairs: &[(&[u8], &[u8])],
    ) -> Result<Changed, SetError> {
        let mut rows: Vec<(&'static Row, Cow<'_, str>)> = Vec::with_capacity(pairs.len());
        for (name, _) in pairs {
            let name = String::from_utf8_lossy(name);
            let row = Row::find(&name).ok_or_else(|| SetError::Unknown(name.to_string()))?;
            self.check_rights(row, listed(row, &name), rights)?;
            // Two spellings of one option are not duplicates: the last one counts, as in Redis.
            if rows.iter().any(|(_, other)| other.eq_ignore_ascii_case(&name)) {
                return Err(SetError::failed(&name, "duplicate parameter"));
            }
            rows.push((row, name));
        }
        let mut next = self.clone();
        for ((row, name), (_, value)) in rows.iter().zip(pairs) {
            next.set_row(row, value)
                .map_err(|reason| SetError::failed(listed(row, name), reason))?;
        }
        let changed = self.changes_to(&next, &rows);
        *self = next;
        Ok(changed)
    }

    fn check_rights(&self, row: &Row, name: &str, rights: SetRights) -> Result<(), SetError> {
        let allowed = match self.enable_protected_configs {
            Guard::Yes => true,
            Guard::Local => rights.local_client,
            Guard::No => false,
        };
        if row.flags.contains(Flags::IMMUTABLE) {
            return Err(SetError::failed(name, "can't set immutable config"));
        }
        if row.flags.contains(Flags::PROTECTED) && !allowed {
            return Err(SetError::failed(name, "can't set protected config"));
        }
        if row.flags.contains(Flags::DENY_LOADING) && rights.loading {
            return Err(SetError::Loading);
        }
        Ok(())
    }

    /// Sets one option from the single argument that CONFIG SET gives it.
    fn set_row(&mut self, row: &Row, value: &[u8]) -> Result<(), Reason> {
        let value = utf8(value)?;
        let words: Vec<&str> = match row.flags.contains(Flags::MULTI_ARG) {
            true if value.is_empty() => Vec::new(),
            true => value.split(' ').collect(),
            false => vec![value],
        };
        (row.value_mut)(self).assign(&words, &row.rule, Occurrence::First)
    }

    fn changes_to(&self, next: &Self, set: &[(&'static Row, Cow<'_, str>)]) -> Changed {
        let differs = |row: &&'static Row| {
            let was_set = set.iter().any(|(other, _)| std::ptr::eq(*other, *row));
            was_set && (row.flags.contains(Flags::VOLATILE) || row.print(self) != row.print(next))
        };
        Changed { rows: Row::all().iter().filter(differs).collect() }
    }
}

/// The name or alias of `row` that `name` spells, as it is listed.
fn listed(row: &Row, name: &str) -> &'static str {
    row.names().find(|listed| listed.eq_ignore_ascii_case(name)).unwrap_or(row.name)
}

/// Values are text; what is not is refused rather than changed.
fn utf8(value: &[u8]) -> Result<&str, Reason> {
    std::str::from_utf8(value).map_err(|_| "argument must be valid UTF-8".into())
}

/// Shows only what differs from the defaults, without secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let defaults = Self::default();
        let mut shown = f.debug_struct("Config");
        for row in Row::all() {
            let value = row.print(self);
            if row.flags.contains(Flags::SENSITIVE) && !value.is_empty() {
                shown.field(row.name, &"(secret)");
            } else if value != row.print(&defaults) {
                shown.field(row.name, &value);
            }
        }
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
