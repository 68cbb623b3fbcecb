//! What the server knows of its snapshots.

use super::{Destination, InFlight, Part, Purpose};
use crate::client::ClientId;
use crate::stdx::fields::Fields;
use std::sync::mpsc::Receiver;

/// What the thread that writes a snapshot is given.
#[derive(Debug)]
pub struct Task {
    /// Which it is.
    pub number: u64,
    /// What it is for.
    pub purpose: Purpose,
    /// Where it goes.
    pub to: Destination,
    /// What it is made of.
    pub parts: Receiver<Part>,
    /// What the loop knows of its writing.
    pub in_flight: InFlight,
}

/// A snapshot that is not a whole file yet.
#[derive(Debug)]
pub struct Current {
    /// Which it is.
    pub number: u64,
    /// What it is for.
    pub purpose: Purpose,
    /// Keys there were at its beginning.
    pub keys: usize,
    /// How far its writing is.
    pub in_flight: InFlight,
    /// It was given up on purpose: that it ends without a file is no failure.
    pub aborted: bool,
}

/// The state of taking snapshots.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// Those that are not whole files yet.
    pub current: Vec<Current>,
    /// The one that is being read, which nobody may want any more.
    pub reading: Option<u64>,
    /// How many there were.
    count: u64,
    /// What waits for a thread to write it.
    pub tasks: Vec<Task>,
    /// Clients that wait for a big value to be encoded.
    pub held: Vec<ClientId>,
    /// How many such values there were when clients were last let go on.
    pub served: usize,
    /// The epoch that every entry of before the latest snapshot bears, or 0.
    epoch: u8,
}

impl Snapshots {
    /// An epoch that no entry bears, once the latest snapshot has marked all with its own.
    pub fn next_epoch(&mut self) -> u8 {
        self.epoch = self.epoch % 3 + 1;
        self.epoch
    }

    /// A number for the next one.
    pub fn next_number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Whether what is being read is marked alone, for nobody wants it any more.
    pub fn is_given_up(&self) -> bool {
        let reading = self.current.iter().find(|current| Some(current.number) == self.reading);
        reading.is_none_or(|current| current.aborted)
    }

    /// Hands out what waits for a thread.
    pub fn take_tasks(&mut self) -> Vec<Task> {
        std::mem::take(&mut self.tasks)
    }

    /// Bytes that were encoded and are yet to be written.
    pub fn in_flight(&self) -> usize {
        self.current.iter().map(|current| current.in_flight.bytes()).sum()
    }

    /// Whether one for this purpose is being taken or written.
    pub fn runs(&self, purpose: Purpose) -> bool {
        self.current.iter().any(|current| current.purpose == purpose)
    }

    /// One has ended: what was known of it, unless it was forgotten before.
    pub fn take(&mut self, number: u64) -> Option<Current> {
        let at = self.current.iter().position(|current| current.number == number)?;
        Some(self.current.remove(at))
    }

    /// Hands out the task of one of this purpose.
    pub fn take_task(&mut self, purpose: Purpose) -> Option<Task> {
        let at = self.tasks.iter().position(|task| task.purpose == purpose)?;
        Some(self.tasks.remove(at))
    }

    /// Its lines of INFO's section `persistence`, of a snapshot that is past so many keys.
    pub fn info(&self, out: &mut Fields, keys_read: usize) {
        let total = self.current.last().map_or(0, |current| current.keys);
        out.put("current_save_keys_processed", keys_read);
        out.put("current_save_keys_total", total);
    }
}
