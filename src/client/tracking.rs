//! What a client asked for with CLIENT TRACKING: to be told when keys change that it may have in a
//! cache of its own.

use super::ClientId;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Which keys a client is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrackingMode {
    /// Those it reads.
    #[default]
    Read,
    /// Those it reads right after CLIENT CACHING YES.
    OptIn,
    /// Those it reads, but not right after CLIENT CACHING NO.
    OptOut,
    /// All that begin with one of its prefixes, whoever reads them.
    Broadcast,
}

/// Another client that gets the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redirect {
    /// Who: it may be gone.
    pub client: ClientId,
    /// Its CLIENT ID.
    pub number: u64,
}

/// CLIENT TRACKING ON; `effects::TrackingIndex` keeps it.
#[derive(Debug, Default)]
pub struct Tracking {
    /// Which keys.
    pub mode: TrackingMode,
    /// Not of its own changes.
    pub noloop: bool,
    /// Who is told in its place.
    pub redirect: Option<Redirect>,
    /// That client was found to be gone.
    pub is_broken: bool,
    /// CLIENT CACHING was called for the next command.
    pub caching: bool,
    /// What the keys begin with that it is told of, if it broadcasts.
    pub prefixes: PrefixSet,
}

impl Tracking {
    /// Whether keys that its command reads are to be remembered.
    pub fn remembers(&self) -> bool {
        match self.mode {
            TrackingMode::Read => true,
            TrackingMode::OptIn => self.caching,
            TrackingMode::OptOut => !self.caching,
            TrackingMode::Broadcast => false,
        }
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        let prefixes = &self.prefixes;
        size_of::<Self>() + prefixes.names.len() * size_of::<Rc<[u8]>>() + prefixes.bytes
    }
}

/// Prefixes, shared with all who have the same.
#[derive(Debug, Default)]
pub struct PrefixSet {
    names: BTreeSet<Rc<[u8]>>,
    bytes: usize,
}

impl PrefixSet {
    /// Adds one; whether it is new.
    pub fn insert(&mut self, prefix: Rc<[u8]>) -> bool {
        let bytes = prefix.len();
        let is_new = self.names.insert(prefix);
        self.bytes += if is_new { bytes } else { 0 };
        is_new
    }

    /// All, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Rc<[u8]>> {
        self.names.iter()
    }
}
