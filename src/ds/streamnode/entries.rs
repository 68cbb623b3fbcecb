//! Entries of a node one after another, from both ends.

use super::{DELETED, HEAD, SAME_FIELDS, SOUND, int};
use crate::ds::idmap::Id;
use crate::ds::listpack::{At, Item, Iter};

/// The entries of a node that are not deleted.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    master: Id,
    /// The elements from the master's fields on, of which so many are its fields.
    names: Iter<'a>,
    name_count: usize,
    /// The elements of the entries that are left.
    rest: Iter<'a>,
}

/// An entry as its node lends it.
#[derive(Clone, Debug)]
pub struct EntryRef<'a> {
    /// Its id.
    pub id: Id,
    /// Where it begins: good until the node changes.
    pub at: At,
    /// How many fields it has.
    pub len: usize,
    /// The elements from the master's fields on, if it has the same.
    names: Option<Iter<'a>>,
    /// The elements from its first field or value on.
    body: Iter<'a>,
}

/// The fields and values of an entry.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    left: usize,
    names: Option<Iter<'a>>,
    body: Iter<'a>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(master: Id, names: Iter<'a>, name_count: usize, rest: Iter<'a>) -> Self {
        Self { master, names, name_count, rest }
    }

    /// Passes over the entries below `id`.
    #[must_use]
    pub fn from_id(mut self, id: Id) -> Self {
        if id <= self.master {
            return self;
        }
        loop {
            let before = self.rest.clone();
            match self.next() {
                Some(entry) if entry.id < id => {}
                Some(_) => {
                    self.rest = self.rest.starting_at(before.place());
                    return self;
                }
                None => return self,
            }
        }
    }

    /// Reads the head of the entry that `elements` begin with: the flags, and the entry.
    #[inline]
    fn head(&self, elements: &mut Iter<'a>) -> Option<(i64, EntryRef<'a>)> {
        let at = elements.place();
        let flags = int(elements.next()?);
        let mut half = || int(elements.next().expect(SOUND)) as u64;
        let (ms, seq) = (half(), half());
        let same = flags & SAME_FIELDS != 0;
        let len = if same { self.name_count } else { int(elements.next().expect(SOUND)) as usize };
        let entry = EntryRef {
            id: Id::new(self.master.ms.wrapping_add(ms), self.master.seq.wrapping_add(seq)),
            at,
            len,
            names: same.then(|| self.names.clone()),
            body: elements.clone(),
        };
        Some((flags, entry))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = EntryRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<EntryRef<'a>> {
        loop {
            let mut elements = self.rest.clone();
            let (flags, entry) = self.head(&mut elements)?;
            let body = if entry.names.is_some() { entry.len } else { 2 * entry.len };
            elements.pass(body + 1);
            self.rest = elements;
            if flags & DELETED == 0 {
                return Some(entry);
            }
        }
    }
}

impl DoubleEndedIterator for Entries<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            let back = int(self.rest.next_back()?) as usize;
            let end = self.rest.clone();
            self.rest.pass_back(back);
            debug_assert!(back >= HEAD, "an entry has a head");
            let mut elements = end.starting_at(self.rest.end());
            let (flags, entry) = self.head(&mut elements).expect(SOUND);
            if flags & DELETED == 0 {
                return Some(entry);
            }
        }
    }
}

impl<'a> EntryRef<'a> {
    /// Its fields and values.
    #[inline]
    #[must_use]
    pub fn pairs(&self) -> Pairs<'a> {
        Pairs { left: self.len, names: self.names.clone(), body: self.body.clone() }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Item<'a>, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = match &mut self.names {
            Some(names) => names.next(),
            None => self.body.next(),
        };
        Some((name.expect(SOUND), self.body.next().expect(SOUND)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Pairs<'_> {}
