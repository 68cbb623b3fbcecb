//! Short numbers for the clients whose reads are remembered.
//!
//! A client takes a seat with the first key it reads, and the table names it by that. When it has gone
//! its seat stays empty until the table has been walked through from end to end and nothing names it any
//! more: then another client may have it.

use crate::client::ClientId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seat {
    Taken(ClientId),
    /// Its client went; the table may name it.
    Left,
    /// Its client went before the walk that is going on began.
    Leaving,
    Free,
}

/// The seats.
#[derive(Debug, Default)]
pub(super) struct Seats {
    seats: Vec<Seat>,
    free: Vec<u32>,
    taken: usize,
    left: usize,
}

impl Seats {
    /// A seat for a client.
    pub(super) fn take(&mut self, client: ClientId) -> u32 {
        self.taken += 1;
        let seat = self.free.pop().unwrap_or_else(|| {
            self.seats.push(Seat::Free);
            (self.seats.len() - 1) as u32
        });
        self.seats[seat as usize] = Seat::Taken(client);
        seat
    }

    /// Its client has gone.
    pub(super) fn leave(&mut self, seat: u32) {
        self.taken -= 1;
        self.left += 1;
        self.seats[seat as usize] = Seat::Left;
    }

    /// Who has it.
    pub(super) fn client(&self, seat: u32) -> Option<ClientId> {
        match self.seats.get(seat as usize) {
            Some(Seat::Taken(client)) => Some(*client),
            _ => None,
        }
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Whether the table may name clients that have gone.
    pub(super) fn has_left(&self) -> bool {
        self.left > 0
    }

    /// A walk through the table begins.
    pub(super) fn begin_walk(&mut self) {
        self.seats.iter_mut().filter(|s| **s == Seat::Left).for_each(|s| *s = Seat::Leaving);
    }

    /// The walk is at its end: seats that were empty at its beginning are named nowhere.
    pub(super) fn end_walk(&mut self) {
        for (number, seat) in (0u32..).zip(&mut self.seats) {
            if *seat == Seat::Leaving {
                *seat = Seat::Free;
                self.free.push(number);
                self.left -= 1;
            }
        }
    }

    /// The table is empty: no seat is named anywhere.
    pub(super) fn forget_left(&mut self) {
        self.begin_walk();
        self.end_walk();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Clients, PeerAddr, Session};

    #[test]
    fn a_seat_is_given_away_again_only_after_a_whole_walk() {
        let mut clients = Clients::default();
        let mut client = || clients.insert(Session::new(PeerAddr::Unix("s".into()), 1, true, 0));
        let (a, b) = (client(), client());
        let mut seats = Seats::default();
        assert_eq!((seats.take(a), seats.take(b)), (0, 1));
        seats.leave(0);
        assert_eq!((seats.client(0), seats.client(1)), (None, Some(b)));
        seats.begin_walk();
        seats.leave(1);
        assert_eq!(seats.take(a), 2);
        seats.end_walk();
        assert!(seats.has_left(), "seat 1 was left while the walk was going on");
        assert_eq!((seats.take(a), seats.take(a)), (0, 3));
        seats.begin_walk();
        seats.end_walk();
        assert!(!seats.has_left());
        assert_eq!(seats.take(b), 1);
    }
}
