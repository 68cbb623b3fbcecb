//! Broadcasting: prefixes of keys, who wants to hear of them, and what changed below them.
//!
//! A key is looked for below as many prefixes as there are different lengths of prefixes, whatever their
//! number. What changed is told at the end of a turn, a prefix at a time, in order.
//!
//! Invariants:
//! 1. A client is among a prefix's exactly if the prefix is among those of its session's `tracking`.
//! 2. A prefix without clients is not kept.
//! 3. `touched` names the prefixes below which something changed, and perhaps some that are gone.

use crate::client::ClientId;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The keys that changed, each with the client that changed it last.
pub(super) type Changed = BTreeMap<Rc<[u8]>, Option<ClientId>>;

#[derive(Debug, Default)]
struct Prefix {
    clients: Vec<ClientId>,
    changed: Changed,
}

/// The prefixes.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    all: BTreeMap<Rc<[u8]>, Prefix>,
    /// How many prefixes have this length.
    lengths: BTreeMap<usize, usize>,
    touched: BTreeSet<Rc<[u8]>>,
}

impl Prefixes {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether something is to be told.
    pub(super) fn has_changes(&self) -> bool {
        !self.touched.is_empty()
    }

    /// The prefix as all its clients share it.
    pub(super) fn share(&self, prefix: &[u8]) -> Rc<[u8]> {
        let known = self.all.get_key_value(prefix);
        known.map_or_else(|| prefix.into(), |(shared, _)| Rc::clone(shared))
    }

    /// A client wants to hear of a prefix that is new to it.
    pub(super) fn join(&mut self, prefix: Rc<[u8]>, client: ClientId) {
        let length = prefix.len();
        let clients = &mut self.all.entry(prefix).or_default().clients;
        if clients.is_empty() {
            *self.lengths.entry(length).or_default() += 1;
        }
        if let Err(place) = clients.binary_search(&client) {
            clients.insert(place, client);
        }
    }

    /// A client does not want to hear of it any more.
    pub(super) fn leave(&mut self, prefix: &[u8], client: ClientId) {
        let Some(known) = self.all.get_mut(prefix) else { return };
        if let Ok(place) = known.clients.binary_search(&client) {
            known.clients.remove(place);
        }
        if known.clients.is_empty() {
            self.all.remove(prefix);
            if let Some(count) = self.lengths.get_mut(&prefix.len()) {
                *count -= 1;
                if *count == 0 {
                    self.lengths.remove(&prefix.len());
                }
            }
        }
    }

    /// A key changed.
    pub(super) fn note(&mut self, key: &[u8], by: Option<ClientId>) {
        let Self { all, lengths, touched } = self;
        let mut shared: Option<Rc<[u8]>> = None;
        for length in lengths.range(..=key.len()).map(|(length, _)| *length) {
            let Some(prefix) = all.get_mut(&key[..length]) else { continue };
            if prefix.changed.is_empty() {
                touched.insert(key[..length].into());
            }
            match prefix.changed.get_mut(key) {
                Some(known) => *known = by,
                None => {
                    let shared = shared.get_or_insert_with(|| key.into());
                    prefix.changed.insert(Rc::clone(shared), by);
                }
            }
        }
    }

    /// The next prefix below which something changed: who wants to hear of it, and what changed.
    pub(super) fn next(&mut self) -> Option<(&[ClientId], Changed)> {
        let Self { all, touched, .. } = self;
        let known =
            std::iter::from_fn(|| touched.pop_first()).find(|name| all.contains_key(name))?;
        let prefix = all.get_mut(&known)?;
        Some((&prefix.clients, std::mem::take(&mut prefix.changed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Clients, PeerAddr, Session};

    fn keys(changed: &Changed) -> Vec<&[u8]> {
        changed.keys().map(|key| &**key).collect()
    }

    #[test]
    fn a_key_is_noted_below_each_prefix_it_has_once() {
        let mut clients = Clients::default();
        let a = clients.insert(Session::new(PeerAddr::Unix("s".into()), 1, true, 0));
        let mut prefixes = Prefixes::default();
        for prefix in ["", "us", "user:", "x"] {
            prefixes.join(prefix.as_bytes().into(), a);
        }
        prefixes.note(b"user:1", Some(a));
        prefixes.note(b"user", None);
        prefixes.note(b"user:1", None);
        let mut told = Vec::new();
        while let Some((to, changed)) = prefixes.next() {
            assert_eq!(to, [a]);
            assert!(changed.values().all(Option::is_none), "who changed it last counts");
            told.push(keys(&changed).len());
        }
        assert_eq!(told, [2, 2, 1]);
        assert!(!prefixes.has_changes());
    }

    #[test]
    fn a_prefix_that_nobody_wants_is_gone_with_what_changed_below() {
        let mut clients = Clients::default();
        let a = clients.insert(Session::new(PeerAddr::Unix("s".into()), 1, true, 0));
        let mut prefixes = Prefixes::default();
        prefixes.join(b"p".as_slice().into(), a);
        prefixes.join(b"q".as_slice().into(), a);
        prefixes.note(b"p1", None);
        prefixes.leave(b"p", a);
        assert_eq!((prefixes.len(), prefixes.lengths.len()), (1, 1));
        assert!(prefixes.next().is_none());
        prefixes.leave(b"q", a);
        assert_eq!((prefixes.len(), prefixes.lengths.len()), (0, 0));
    }
}
