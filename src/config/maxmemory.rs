//! `maxmemory`: bytes, or what follows from the memory that there is.

use super::value::{Line, Occurrence, Reason, Rule, Setting, parse_memory, print_memory, single};

/// What `auto` is of the memory there is. The rest is for what the allocator does not count: fragments
/// of pages, the program itself, and the copies of pages that the system keeps of files.
const AUTO_PERCENT: u8 = 75;

/// Most bytes that may be in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaxMemory {
    /// So many; 0 is no limit.
    Bytes(u64),
    /// So many hundredths of the memory there is: of the control group's limit, or the machine's.
    Percent(u8),
    /// As many of them as larder thinks right.
    Auto,
}

impl MaxMemory {
    /// The limit in bytes where there is so much memory; 0 is no limit.
    pub fn bytes(self, there_is: u64) -> u64 {
        let share = |percent: u8| {
            let share = u128::from(there_is) * u128::from(percent) / 100;
            u64::try_from(share).unwrap_or(u64::MAX)
        };
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => share(percent),
            Self::Auto => share(AUTO_PERCENT),
        }
    }

    /// Whether it follows from the memory that there is.
    pub fn is_relative(self) -> bool {
        !matches!(self, Self::Bytes(_))
    }

    fn parse(word: &str) -> Result<Self, Reason> {
        if word.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        let Some(digits) = word.strip_suffix('%') else {
            return parse_memory(word)
                .map(Self::Bytes)
                .ok_or("argument must be a memory value".into());
        };
        match digits.parse() {
            Ok(percent @ 1..=100) if !digits.starts_with(['+', '0']) => Ok(Self::Percent(percent)),
            _ => Err("percentage argument must be between 1% and 100%".into()),
        }
    }
}

impl Setting for MaxMemory {
    fn assign(&mut self, words: &[&str], _: &Rule, _: Occurrence) -> Result<(), Reason> {
        *self = Self::parse(single(words)?)?;
        Ok(())
    }

    fn print(&self, _: &Rule) -> String {
        match self {
            Self::Bytes(bytes) => bytes.to_string(),
            Self::Percent(percent) => format!("{percent}%"),
            Self::Auto => "auto".to_owned(),
        }
    }

    fn lines(&self, rule: &Rule, is_default: bool) -> Vec<Line> {
        let value = match self {
            Self::Bytes(bytes) => print_memory(*bytes),
            Self::Percent(_) | Self::Auto => self.print(rule),
        };
        vec![Line { value, force: !is_default }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_bytes_or_a_share_of_what_there_is() {
        for (word, bytes) in
            [("100mb", 100 << 20), ("0", 0), ("50%", 500), ("100%", 1000), ("AUTO", 750)]
        {
            assert_eq!(MaxMemory::parse(word).map(|limit| limit.bytes(1000)), Ok(bytes), "{word}");
        }
        for word in ["0%", "101%", "-5%", "+5%", "05%", "5.5%", "%"] {
            let reason = "percentage argument must be between 1% and 100%";
            assert_eq!(MaxMemory::parse(word), Err(reason.into()), "{word}");
        }
        for word in ["x", "-1", "1.5gb", "automatic"] {
            let reason = "argument must be a memory value";
            assert_eq!(MaxMemory::parse(word), Err(reason.into()), "{word}");
        }
    }

    #[test]
    fn it_is_shown_as_it_was_set() {
        for (limit, get, line) in [
            (MaxMemory::Bytes(1 << 20), "1048576", "1mb"),
            (MaxMemory::Percent(80), "80%", "80%"),
            (MaxMemory::Auto, "auto", "auto"),
        ] {
            assert_eq!(limit.print(&Rule::Special), get);
            assert_eq!(limit.lines(&Rule::Special, false)[0].value, line);
        }
    }
}
