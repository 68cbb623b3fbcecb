//! Client-side caching: who may have which keys in a cache of its own, and has to be told when they
//! change.
//!
//! A client is told of the keys that it read, which the table remembers until they change, or, if it
//! broadcasts, of all keys that begin with its prefixes. A change is taken note of when the command that
//! made it is over, so that what the next command of a transaction reads is not taken for changed; it is
//! told when the whole transaction is, behind the reply.
//!
//! Keys are known by their names alone, in whatever database they are: that is what the messages say.
//!
//! Invariants:
//! 1. `clients` is the number of sessions with `tracking`.
//! 2. A session has a seat exactly if the table may name it.

mod message;
mod prefixes;
mod seats;
mod table;

use crate::client::{ClientId, Clients, Session, Tracking, TrackingMode, Wait};
use crate::ds::dict::Keyed;
use crate::keyspace::{Change, EventClass};
use crate::resp::Resp;
use crate::stdx::fields::Fields;
use crate::stdx::hash::Seed;
use message::Invalidation;
use prefixes::Prefixes;
use seats::Seats;
use std::rc::Rc;
use table::Table;

/// A message that waits for the end of a command.
#[derive(Debug)]
struct Notice {
    to: ClientId,
    /// Of this key; of all, without.
    key: Option<Rc<[u8]>>,
}

/// Something large that is not needed any more, to be freed by another thread.
pub type Spent = Box<dyn Send>;

/// Everything about client-side caching.
pub struct TrackingIndex {
    clients: usize,
    table: Table,
    seats: Seats,
    prefixes: Prefixes,
    pending: Vec<Notice>,
    /// Messages to clients that wait for the reply that comes before.
    put_off: Vec<Notice>,
    /// How many of the changes recorded and not settled yet were taken note of.
    noted: usize,
    /// Where the walk that looks for clients that have gone is.
    cursor: u64,
    spent: Vec<Spent>,
}

impl std::fmt::Debug for TrackingIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrackingIndex")
            .field("clients", &self.clients)
            .field("table", &self.table)
            .field("prefixes", &self.prefixes)
            .finish_non_exhaustive()
    }
}

impl TrackingIndex {
    /// Nobody tracks; keys will be hashed under `seed`.
    pub fn new(seed: Seed) -> Self {
        Self {
            clients: 0,
            table: Table::new(seed),
            seats: Seats::default(),
            prefixes: Prefixes::default(),
            pending: Vec::new(),
            put_off: Vec::new(),
            noted: 0,
            cursor: 0,
            spent: Vec::new(),
        }
    }

    /// Whether there is anybody who tracks, or a key that anybody has read.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.clients > 0 || self.table.len() > 0
    }

    /// Keys that are remembered.
    pub fn keys(&self) -> usize {
        self.table.len()
    }

    /// INFO's lines about it.
    pub fn info(&self, out: &mut Fields) {
        out.put("tracking_total_keys", self.table.len());
        out.put("tracking_total_items", self.table.items());
        out.put("tracking_total_prefixes", self.prefixes.len());
    }

    /// A client tracks from now on, or goes on in another way. Prefixes are added to those it has.
    pub fn begin(
        &mut self,
        id: ClientId,
        session: &mut Session,
        tracking: Tracking,
        prefixes: &[&[u8]],
    ) {
        let mut new = Box::new(tracking);
        match session.tracking.take() {
            None => self.clients += 1,
            Some(old) => {
                new.caching = old.caching;
                new.prefixes = old.prefixes;
            }
        }
        for prefix in prefixes {
            let prefix = self.prefixes.share(prefix);
            if new.prefixes.insert(Rc::clone(&prefix)) {
                self.prefixes.join(prefix, id);
            }
        }
        session.tracking = Some(new);
    }

    /// A client does not track any more. What it has read stays known for when it does so again.
    pub fn end(&mut self, id: ClientId, session: &mut Session) {
        let Some(tracking) = session.tracking.take() else { return };
        self.clients -= 1;
        tracking.prefixes.iter().for_each(|prefix| self.prefixes.leave(prefix, id));
    }

    /// A client has gone. The walk through the table finds what it has read.
    pub fn leave(&mut self, id: ClientId, session: &mut Session) {
        self.end(id, session);
        self.put_off.retain(|notice| notice.to != id);
        if let Some(seat) = session.tracking_seat.take() {
            self.seats.leave(seat);
        }
    }

    /// A client has read keys; how many of them nobody had.
    pub fn remember<'k>(
        &mut self,
        id: ClientId,
        session: &mut Session,
        keys: impl Iterator<Item = &'k [u8]>,
    ) -> usize {
        let Self { seats, table, .. } = self;
        let seat = &mut session.tracking_seat;
        keys.filter(|key| table.add(key, *seat.get_or_insert_with(|| seats.take(id)))).count()
    }

    /// Takes note of the changes that `actor`'s command made, of those that are not settled yet.
    pub fn note(&mut self, changes: &[Change], actor: Option<ClientId>, clients: &Clients) {
        for change in changes.get(self.noted..).unwrap_or_default() {
            let by_itself = matches!(change.event.class, EventClass::Expired | EventClass::Evicted);
            match change.event.class {
                EventClass::KeyMiss
                | EventClass::New
                | EventClass::Reading
                | EventClass::Claimable
                | EventClass::Untold
                | EventClass::Overwritten
                | EventClass::TypeChanged
                | EventClass::Database => {}
                EventClass::Flushed => self.note_flush(clients),
                _ => {
                    self.prefixes.note(&change.key, actor.filter(|_| !by_itself));
                    if let Some(tracked) = self.table.take(&change.key) {
                        self.note_readers(&tracked, actor, clients);
                    }
                }
            }
        }
        self.noted = changes.len();
    }

    /// The changes so far are settled.
    pub fn settled(&mut self) {
        self.noted = 0;
    }

    /// Everybody who tracks is to be told that all is gone.
    fn note_flush(&mut self, clients: &Clients) {
        self.forget_all();
        let all = clients.iter().filter(|(_, session)| session.tracking.is_some());
        self.pending.extend(all.map(|(to, _)| Notice { to, key: None }));
    }

    fn note_readers(
        &mut self,
        tracked: &table::Tracked,
        actor: Option<ClientId>,
        clients: &Clients,
    ) {
        let mut key: Option<Rc<[u8]>> = None;
        for to in tracked.seats().filter_map(|seat| self.seats.client(seat)) {
            let tracking = clients.get(to).and_then(|session| session.tracking.as_ref());
            let wanted = tracking.is_some_and(|tracking| {
                let own = tracking.noloop && actor == Some(to);
                tracking.mode != TrackingMode::Broadcast && !own
            });
            if wanted {
                let key = key.get_or_insert_with(|| tracked.key().into());
                self.pending.push(Notice { to, key: Some(Rc::clone(key)) });
            }
        }
    }

    /// Forgets keys drawn by lot while there are more than `keys_max`, `at_most` of them; those who have
    /// read them are told.
    pub fn trim(
        &mut self,
        keys_max: usize,
        at_most: usize,
        random: &mut impl FnMut() -> u64,
        clients: &Clients,
    ) {
        for _ in 0..self.table.len().saturating_sub(keys_max).min(at_most) {
            let Some(tracked) = self.table.take_any(random) else { return };
            self.note_readers(&tracked, None, clients);
        }
    }

    /// Whether messages wait for the end of the command.
    #[inline]
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether messages wait for the end of the turn.
    #[inline]
    pub fn has_broadcasts(&self) -> bool {
        self.prefixes.has_changes()
    }

    /// Sends what waits for the end of a command, the client's own that ran it last; answers whose output
    /// grew.
    pub fn deliver(&mut self, actor: Option<ClientId>, clients: &mut Clients) -> Vec<ClientId> {
        let pending = std::mem::take(&mut self.pending);
        let mut post = Post { clients, actor, reached: Vec::new() };
        let (own, others): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|notice| Some(notice.to) == actor);
        post.send_all(&others);
        let session = actor.and_then(|actor| post.clients.get(actor));
        if session.is_some_and(|session| matches!(session.wait, Some(Wait::Process))) {
            self.put_off.extend(own);
        } else {
            post.send_all(&own);
        }
        post.reached
    }

    /// A client that waited has its reply: what was put off follows.
    pub fn answered(&mut self, id: ClientId, clients: &mut Clients) {
        if !self.put_off.is_empty() {
            let put_off = std::mem::take(&mut self.put_off).into_iter();
            let (own, others): (Vec<_>, Vec<_>) = put_off.partition(|notice| notice.to == id);
            self.put_off = others;
            Post { clients, actor: None, reached: Vec::new() }.send_all(&own);
        }
    }

    /// Sends what waits for the end of a turn; answers whose output grew.
    pub fn broadcast(&mut self, actor: Option<ClientId>, clients: &mut Clients) -> Vec<ClientId> {
        let mut post = Post { clients, actor, reached: Vec::new() };
        while let Some((to, changed)) = self.prefixes.next() {
            let keys: Vec<&[u8]> = changed.keys().map(|key| &**key).collect();
            let mut invalidation = Invalidation::new(Some(&keys));
            for id in to {
                let session = post.clients.get(*id);
                let tracking = session.and_then(|session| session.tracking.as_ref());
                let own = |by: &Option<ClientId>| *by == Some(*id);
                if !tracking.is_some_and(|t| t.noloop) || !changed.values().any(own) {
                    post.send(*id, &mut invalidation);
                    continue;
                }
                let of_others = changed.iter().filter(|(_, by)| !own(by));
                let keys: Vec<&[u8]> = of_others.map(|(key, _)| &**key).collect();
                if !keys.is_empty() {
                    post.send(*id, &mut Invalidation::new(Some(&keys)));
                }
            }
        }
        post.reached
    }

    fn forget_all(&mut self) {
        self.seats.forget_left();
        self.cursor = 0;
        self.spent.push(Box::new(self.table.clear()));
    }

    /// Looks through a piece of the table for clients that have gone, if any have; true while there is more
    /// to look through.
    pub fn sweep(&mut self) -> bool {
        if !self.seats.has_left() {
            return false;
        }
        if self.seats.taken() == 0 {
            self.forget_all();
            return false;
        }
        if self.cursor == 0 {
            self.seats.begin_walk();
        }
        let Self { table, seats, cursor, .. } = self;
        *cursor = table.sweep(*cursor, |seat| seats.client(seat).is_some());
        if *cursor == 0 {
            seats.end_walk();
        }
        seats.has_left()
    }

    /// Tables that are outgrown or forgotten, to be freed.
    pub fn take_spent(&mut self) -> Vec<Spent> {
        let outgrown = self.table.take_husk().map(|husk| Box::new(husk) as Spent);
        self.spent.extend(outgrown);
        std::mem::take(&mut self.spent)
    }
}

/// What it takes to send.
struct Post<'a> {
    clients: &'a mut Clients,
    actor: Option<ClientId>,
    reached: Vec<ClientId>,
}

impl Post<'_> {
    /// Sends messages; those in a row about one key are encoded once.
    fn send_all(&mut self, notices: &[Notice]) {
        for of_key in notices.chunk_by(|a, b| a.key == b.key) {
            let key = of_key[0].key.as_ref().map(|key| [&**key]);
            let mut invalidation = Invalidation::new(key.as_ref().map(|key| &key[..]));
            of_key.iter().for_each(|notice| self.send(notice.to, &mut invalidation));
        }
    }

    /// Sends a message to who tracks, or to whom that client redirects it.
    fn send(&mut self, to: ClientId, invalidation: &mut Invalidation<'_>) {
        let redirect = match self.clients.get(to).and_then(|session| session.tracking.as_ref()) {
            Some(tracking) => tracking.redirect,
            None => return,
        };
        let receiver = redirect.map_or(to, |redirect| redirect.client);
        let Some(session) = self.clients.get_mut(receiver) else {
            return self.tell_broken(to);
        };
        // In RESP2 only a client that is subscribed can take what it did not ask for.
        let can_take =
            session.resp == Resp::V3 || (redirect.is_some() && session.subscriptions.is_some());
        if can_take {
            invalidation.append_to(&mut session.out, session.resp);
            self.reach(receiver);
        }
    }

    fn tell_broken(&mut self, to: ClientId) {
        let Some(session) = self.clients.get_mut(to) else { return };
        let Some(tracking) = &mut session.tracking else { return };
        tracking.is_broken = true;
        if let (Some(redirect), Resp::V3) = (tracking.redirect, session.resp) {
            message::append_broken(&mut session.out, redirect.number);
            self.reach(to);
        }
    }

    /// The client whose command runs sends its output anyway.
    fn reach(&mut self, id: ClientId) {
        self.reached.push(id);
        if self.actor != Some(id)
            && let Some(session) = self.clients.get_mut(id)
        {
            session.wake();
        }
    }
}

#[cfg(test)]
mod tests;
