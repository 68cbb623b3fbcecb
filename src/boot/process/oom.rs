//! The kernel's score for choosing whom to kill when memory runs out.
use crate::config::OomScoreAdj;
use std::{fs, io, path::PathBuf};

/// Which of the three values of `oom-score-adj-values` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OomClass {
    /// The first.
    Primary,
    /// The second.
    Replica,
    /// The third.
    Child,
}

/// The score of this process and what it was before.
#[derive(Debug)]
pub struct OomScore {
    file: PathBuf,
    /// The score found when the adjustment was switched on; `None` while it is off.
    base: Option<i32>,
}

impl Default for OomScore {
    fn default() -> Self {
        Self::new()
    }
}

impl OomScore {
    /// The bounds the kernel sets.
    const RANGE: (i32, i32) = (-1000, 1000);

    /// Nothing adjusted yet.
    #[must_use]
    pub fn new() -> Self {
        Self { file: PathBuf::from("/proc/self/oom_score_adj"), base: None }
    }

    /// Makes the score what the options say for this class. To be called at start-up, when an
    /// option changes and when the role does.
    ///
    /// # Errors
    /// What the system says: a process without privilege may not lower its score below the one it
    /// started with. The score and what is remembered of it are then unchanged.
    pub fn apply(
        &mut self,
        mode: OomScoreAdj,
        values: [i32; 3],
        class: OomClass,
    ) -> io::Result<()> {
        if mode == OomScoreAdj::No {
            if let Some(base) = self.base {
                self.write(base)?;
                self.base = None;
            }
            return Ok(());
        }
        let base = match self.base {
            Some(base) => base,
            None => self.read()?,
        };
        let value = values[class as usize];
        let score = match mode {
            OomScoreAdj::Relative => base.saturating_add(value),
            OomScoreAdj::Absolute | OomScoreAdj::No => value,
        };
        self.write(score.clamp(Self::RANGE.0, Self::RANGE.1))?;
        self.base = Some(base);
        Ok(())
    }

    fn read(&self) -> io::Result<i32> {
        let text = fs::read_to_string(&self.file)?;
        text.trim().parse().map_err(io::Error::other)
    }

    fn write(&self, score: i32) -> io::Result<()> {
        fs::write(&self.file, score.to_string())
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    /// A score in an ordinary file.
    fn with_score(start: &str, work: impl FnOnce(&mut OomScore)) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), start).unwrap();
        work(&mut OomScore { file: file.path().to_owned(), base: None });
    }

    #[test]
    fn relative_values_are_added_to_the_score_found() {
        with_score("22\n", |score| {
            let values = [9, 20, 30];
            score.apply(OomScoreAdj::Relative, values, OomClass::Primary).unwrap();
            assert_eq!(score.read().unwrap(), 31);
            score.apply(OomScoreAdj::Relative, values, OomClass::Replica).unwrap();
            assert_eq!(score.read().unwrap(), 42);
            score.apply(OomScoreAdj::Absolute, values, OomClass::Child).unwrap();
            assert_eq!(score.read().unwrap(), 30);
        });
    }

    #[test]
    fn switching_off_restores_once_and_then_leaves_alone() {
        with_score("22", |score| {
            score.apply(OomScoreAdj::Absolute, [5; 3], OomClass::Primary).unwrap();
            score.apply(OomScoreAdj::No, [5; 3], OomClass::Primary).unwrap();
            assert_eq!(score.read().unwrap(), 22);
            score.write(40).unwrap();
            score.apply(OomScoreAdj::No, [6; 3], OomClass::Primary).unwrap();
            assert_eq!(score.read().unwrap(), 40);
        });
    }

    #[test]
    fn the_sum_stays_in_the_kernels_range() {
        with_score("0", |score| {
            score.apply(OomScoreAdj::Relative, [2000; 3], OomClass::Primary).unwrap();
            assert_eq!(score.read().unwrap(), 1000);
            score.apply(OomScoreAdj::Relative, [-2000; 3], OomClass::Primary).unwrap();
            assert_eq!(score.read().unwrap(), -1000);
        });
    }

    #[test]
    fn a_failure_changes_nothing() {
        let mut score = OomScore { file: PathBuf::from("/nonexistent/score"), base: None };
        assert!(score.apply(OomScoreAdj::Relative, [0; 3], OomClass::Primary).is_err());
        assert_eq!(score.base, None);
    }
}
