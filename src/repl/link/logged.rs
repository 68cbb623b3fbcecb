//! How much of the stream is on disk, where what it wrote goes to the append-only file.

use std::collections::VecDeque;

/// Points that are waited for, at most.
const POINTS: usize = 64;

/// Which offset of the stream an offset of the log stands for.
#[derive(Debug, Default)]
pub struct Logged {
    /// Offsets of the log that are not synced yet, and those of the stream that were applied by then.
    points: VecDeque<(u64, u64)>,
    synced: u64,
}

impl Logged {
    /// The stream is applied up to `applied`, what it wrote is in the log up to `end`, and that is synced up to `synced`:
    /// how much of the stream is.
    pub fn at(&mut self, applied: u64, end: u64, synced: u64) -> u64 {
        let has_room = self.points.len() < POINTS;
        match self.points.back_mut() {
            Some((known, offset)) if *known == end => *offset = applied,
            _ if has_room => self.points.push_back((end, applied)),
            _ => {}
        }
        while let Some((_, offset)) = self.points.pop_front_if(|(end, _)| *end <= synced) {
            self.synced = offset;
        }
        self.synced
    }

    /// What is applied from now on is of another history.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_as_far_on_disk_as_the_log_is_synced() {
        let mut logged = Logged::default();
        assert_eq!(logged.at(100, 10, 5), 0);
        assert_eq!(logged.at(200, 20, 5), 0);
        assert_eq!(logged.at(200, 20, 10), 100);
        // What writes nothing is on disk with what was before it.
        assert_eq!(logged.at(214, 20, 20), 214);
        assert_eq!(logged.at(228, 20, 20), 228);
    }

    #[test]
    fn a_disk_that_hangs_takes_no_memory() {
        let mut logged = Logged::default();
        for n in 0..1000 {
            assert_eq!(logged.at(n, n, 0), 0, "nothing of {n} is synced");
        }
        assert!(logged.points.len() <= POINTS);
        assert_eq!(logged.at(1000, 1000, 1000), POINTS as u64);
        assert_eq!(logged.at(1000, 1000, 1000), 1000);
    }
}
