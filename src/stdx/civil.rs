//! Calendar dates from Unix time, by arithmetic alone: no time zone database, no lock, usable in a
//! signal handler.

/// A date and time of day. Which zone it is in is the caller's business: add the offset to the
/// seconds first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The year, of the Gregorian calendar.
    pub year: i64,
    /// 1 to 12
    pub month: u8,
    /// 1 to 31
    pub day: u8,
    /// 0 to 23
    pub hour: u8,
    /// 0 to 59
    pub minute: u8,
    /// 0 to 59
    pub second: u8,
}

const DAY: i64 = 86_400;
/// Days of 400 years: the calendar repeats after them.
const ERA: i64 = 146_097;
/// From 0000-03-01, where a counted era begins, to 1970-01-01.
const EPOCH_SHIFT: i64 = 719_468;

impl Civil {
    /// The date `seconds` after 1970-01-01 00:00:00.
    ///
    /// Years are counted from March, so that the leap day is a year's last day and needs no
    /// exception.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Self {
        let days = seconds.div_euclid(DAY) + EPOCH_SHIFT;
        let of_day = seconds.rem_euclid(DAY);
        let day_of_era = days.rem_euclid(ERA);
        // Leap days so far: one in 1,460 days, none in 36,524, one in 146,096.
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // From March on, five months have 153 days.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = days.div_euclid(ERA) * 400 + year_of_era + i64::from(month <= 2);
        Self {
            year,
            month: month as u8,
            day: day as u8,
            hour: (of_day / 3600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
        }
    }

    /// `Jan` to `Dec`.
    #[must_use]
    pub fn month_name(&self) -> &'static str {
        const NAMES: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        NAMES[usize::from(self.month) - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: i64, expected: &str) {
        let at = Civil::from_unix(seconds);
        let text = format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            at.year, at.month, at.day, at.hour, at.minute, at.second
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn known_moments() {
        check(0, "1970-01-01 00:00:00");
        check(-1, "1969-12-31 23:59:59");
        check(951_782_400, "2000-02-29 00:00:00");
        check(4_107_542_399, "2100-02-28 23:59:59");
        check(4_107_542_400, "2100-03-01 00:00:00");
        check(1_795_194_251, "2026-11-20 17:04:11");
        check(253_402_300_799, "9999-12-31 23:59:59");
    }

    #[test]
    fn each_day_of_four_centuries_follows_its_yesterday() {
        let step = if cfg!(miri) { 97 } else { 1 };
        for day in (0..ERA).step_by(step) {
            let today = Civil::from_unix(day * DAY);
            let tomorrow = Civil::from_unix((day + 1) * DAY);
            let same_month = tomorrow.day == today.day + 1
                && (tomorrow.year, tomorrow.month) == (today.year, today.month);
            let next_month = tomorrow.day == 1
                && i64::from(tomorrow.month) + 12 * tomorrow.year
                    == i64::from(today.month) + 12 * today.year + 1
                && today.day >= 28;
            assert!(same_month || next_month, "{today:?} {tomorrow:?}");
        }
    }

    #[test]
    fn months_have_names() {
        assert_eq!(Civil::from_unix(0).month_name(), "Jan");
        assert_eq!(Civil::from_unix(-1).month_name(), "Dec");
    }
}
