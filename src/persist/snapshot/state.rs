//! What the server knows of its snapshots.

use super::{InFlight, Part, Purpose, Target};
use crate::client::ClientId;
use crate::stdx::fields::Fields;
use std::sync::mpsc::Receiver;

/// What the thread that writes a snapshot is given.
#[derive(Debug)]
pub struct Task {
    /// Whom to tell how it ended.
    pub purpose: Purpose,
    /// Where it goes.
    pub target: Target,
    /// What it is made of.
    pub parts: Receiver<Part>,
    /// What was sent and is not written yet.
    pub in_flight: InFlight,
}

/// A snapshot that is not a whole file yet.
#[derive(Debug)]
pub struct Current {
    /// What it is for.
    pub purpose: Purpose,
    /// Keys there were at its beginning.
    pub keys: usize,
    /// It was given up on purpose: that it ends without a file is no failure.
    pub aborted: bool,
}

/// The state of taking snapshots.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// Those that are not whole files yet. The last one may be still being read.
    pub current: Vec<Current>,
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

    /// Hands out what waits for a thread.
    pub fn take_tasks(&mut self) -> Vec<Task> {
        std::mem::take(&mut self.tasks)
    }

    /// Whether one for this purpose is being taken or written.
    pub fn runs(&self, purpose: Purpose) -> bool {
        self.current.iter().any(|current| current.purpose == purpose)
    }

    /// One has ended: what was known of it.
    pub fn take(&mut self, purpose: Purpose) -> Option<Current> {
        let at = self.current.iter().position(|current| current.purpose == purpose)?;
        Some(self.current.remove(at))
    }

    /// Its lines of INFO's section `persistence`, of a snapshot that is past so many keys.
    pub fn info(&self, out: &mut Fields, keys_read: usize) {
        let total = self.current.last().map_or(0, |current| current.keys);
        out.put("current_save_keys_processed", keys_read);
        out.put("current_save_keys_total", total);
    }
}
