//! Sessions by slot and generation.

use super::Session;
use super::memory::MemoryAccount;

/// A client: its slot, and which of the slot's successive tenants it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    index: u32,
    generation: u32,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    session: Option<Box<Session>>,
}

/// Every connected client. A lookup gives an `Option`, for clients vanish.
#[derive(Debug, Default)]
pub struct Clients {
    slots: Vec<Slot>,
    free: Vec<u32>,
    connected: usize,
    next_number: u64,
    /// Where [`Clients::next_slice`] goes on.
    slice_at: usize,
    pub(super) account: MemoryAccount,
}

impl Clients {
    /// Takes a session in and gives it the next client number.
    pub fn insert(&mut self, mut session: Session) -> ClientId {
        self.next_number += 1;
        session.number = self.next_number;
        self.connected += 1;
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.session = Some(Box::new(session));
        ClientId { index, generation: slot.generation }
    }

    /// Takes a session out.
    pub fn remove(&mut self, id: ClientId) -> Option<Box<Session>> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let mut session = slot.session.take()?;
        self.account.set(id, &mut session, 0);
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.index);
        self.connected -= 1;
        Some(session)
    }

    /// Looks a session up.
    #[inline]
    pub fn get(&self, id: ClientId) -> Option<&Session> {
        let slot = self.slots.get(id.index as usize)?;
        slot.session.as_deref().filter(|_| slot.generation == id.generation)
    }

    /// Looks a session up for change.
    #[inline]
    pub fn get_mut(&mut self, id: ClientId) -> Option<&mut Session> {
        let slot = self.slots.get_mut(id.index as usize)?;
        let generation = slot.generation;
        slot.session.as_deref_mut().filter(|_| generation == id.generation)
    }

    /// The account of memory beside one session in it.
    ///
    /// # Panics
    /// If the session is gone.
    pub(super) fn account_and_session(
        &mut self,
        id: ClientId,
    ) -> (&mut MemoryAccount, &mut Session) {
        let session = self.slots[id.index as usize].session.as_deref_mut();
        (&mut self.account, session.expect("it was looked up before"))
    }

    /// The session whose command is running: it is there until the command's end.
    ///
    /// # Panics
    /// If it is gone.
    #[inline]
    pub fn running(&mut self, id: ClientId) -> &mut Session {
        self.get_mut(id).expect("a running client is removed only after its command")
    }

    /// Every client, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (ClientId, &Session)> {
        (0u32..).zip(&self.slots).filter_map(|(index, slot)| {
            let id = ClientId { index, generation: slot.generation };
            slot.session.as_deref().map(|s| (id, s))
        })
    }

    /// Every client, for change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ClientId, &mut Session)> {
        (0u32..).zip(&mut self.slots).filter_map(|(index, slot)| {
            let id = ClientId { index, generation: slot.generation };
            slot.session.as_deref_mut().map(|s| (id, s))
        })
    }

    /// The clients in the next so many slots, round and round: who wants to see them all from time to
    /// time need not do so at once.
    pub fn next_slice(&mut self, slots: usize) -> Vec<ClientId> {
        let all = self.slots.len();
        let from = if self.slice_at < all { self.slice_at } else { 0 };
        self.slice_at = from + slots;
        let to = self.slice_at.min(all);
        let slice = (from as u32..).zip(&self.slots[from..to]);
        let taken = slice.filter(|(_, slot)| slot.session.is_some());
        taken.map(|(index, slot)| ClientId { index, generation: slot.generation }).collect()
    }

    /// Slots, taken and free.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Every client's id in the order they connected.
    pub fn ids_by_age(&self) -> Vec<ClientId> {
        let mut ids: Vec<_> = self.iter().map(|(id, s)| (s.number, id)).collect();
        ids.sort_unstable_by_key(|(number, _)| *number);
        ids.into_iter().map(|(_, id)| id).collect()
    }

    /// Connected clients.
    pub fn len(&self) -> usize {
        self.connected
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.connected == 0
    }

    /// The number the next client gets.
    pub fn next_number(&self) -> u64 {
        self.next_number + 1
    }
}
