//! How long to wait before the next attempt.

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// A replica that is to lead is asked: until it has answered, nobody leads.
    Soonest,
    /// A stream that broke: it may go on at once.
    AtOnce,
    /// The primary cannot serve now, or is not there.
    Soon,
    /// A whole data set was sent and is of no use; the next may be as costly.
    Late,
}

/// The pause while nobody leads, ms.
const SOONEST_MS: u64 = 100;
/// The first pause after a failure, ms; each further one is twice as long,
const FIRST_MS: u64 = 1000;
/// up to this,
const SOON_MAX_MS: u64 = 4000;
/// or this.
const LATE_MAX_MS: u64 = 32_000;

/// How often in a row it went wrong.
#[derive(Debug, Default)]
pub(super) struct Patience {
    failures: u32,
}

impl Patience {
    /// The pause before the next attempt, after a failure of a connection that was `proven` good or not. Many
    /// replicas lose one primary at the same moment, so chance parts them.
    pub(super) fn pause_ms(&mut self, retry: Retry, proven: bool, chance: u64) -> u64 {
        if proven {
            self.failures = 0;
        }
        match retry {
            Retry::Soonest => return SOONEST_MS,
            Retry::AtOnce if proven => return 0,
            _ => {}
        }
        let most = if retry == Retry::Late { LATE_MAX_MS } else { SOON_MAX_MS };
        let whole = FIRST_MS.checked_shl(self.failures.min(16)).unwrap_or(most).min(most);
        self.failures += 1;
        whole / 2 + chance % (whole / 2 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_chance_shortens_them_by_half_at_most() {
        let mut patience = Patience::default();
        let longest: Vec<_> = (0..5).map(|_| patience.pause_ms(Retry::Soon, false, 500)).collect();
        assert_eq!(longest, [1000, 1500, 2500, 2500, 2500]);
        let mut patience = Patience::default();
        let shortest: Vec<_> = (0..7).map(|_| patience.pause_ms(Retry::Late, false, 0)).collect();
        assert_eq!(shortest, [500, 1000, 2000, 4000, 8000, 16_000, 16_000]);
    }

    #[test]
    fn a_stream_that_was_good_is_taken_up_at_once() {
        let mut patience = Patience::default();
        patience.pause_ms(Retry::Soon, false, 0);
        assert_eq!(patience.pause_ms(Retry::AtOnce, true, 7), 0);
        assert_eq!(patience.pause_ms(Retry::AtOnce, false, 0), 500);
    }
}
