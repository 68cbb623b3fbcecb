//! Plain values: how booleans, numbers, memory sizes and text are read, bounded and printed.
//!
//! Every field of [`Config`](super::Config) is a [`Setting`]: it is assigned from words, printed
//! for CONFIG GET and written for CONFIG REWRITE. What a type alone cannot know (bounds, units)
//! comes from the [`Rule`] in the option's row. The texts of refusals are part of the protocol:
//! clients and tests compare them.

use crate::stdx::words::quote;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Why a value is refused, in the words that CONFIG SET answers.
pub type Reason = Cow<'static, str>;

/// A check of a text value beyond its type.
pub type TextCheck = fn(&str) -> Result<(), &'static str>;

/// The type of an option as its row states it.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// `yes` or `no`.
    Bool,
    /// A whole number with inclusive bounds.
    Int {
        /// The least value taken.
        min: i64,
        /// The greatest value taken.
        max: i64,
    },
    /// A number that is taken within one pair of bounds and then drawn into a narrower one.
    Drawn {
        /// The greatest value taken; the least is 0.
        max: i64,
        /// What smaller values become.
        low: i64,
        /// What greater values become.
        high: i64,
    },
    /// Bytes, with a unit if wanted: `k m g` count in thousands, `kb mb gb` in 1024.
    Memory {
        /// The least value taken.
        min: u64,
        /// The greatest value taken.
        max: u64,
    },
    /// Bytes as above, or a share of `maxmemory` such as `5%`.
    MemoryOrPercent,
    /// File permissions in octal.
    Octal {
        /// The greatest value taken; the least is 0.
        max: u32,
    },
    /// Text of one word.
    Text {
        /// Whether the empty text means that the option is not set, so that CONFIG REWRITE leaves
        /// it out.
        empty_is_unset: bool,
        /// What the text must satisfy.
        check: TextCheck,
    },
    /// A directory; CONFIG REWRITE always writes it.
    Directory,
    /// One word of a list.
    Word,
    /// A type with a grammar of its own, see `special.rs`.
    Special,
}

impl Rule {
    /// Text that may be empty.
    pub(super) const TEXT: Self = Self::Text { empty_is_unset: false, check: any_text };
    /// Text whose empty value means unset.
    pub(super) const OPTIONAL_TEXT: Self = Self::Text { empty_is_unset: true, check: any_text };
}

fn any_text(_: &str) -> Result<(), &'static str> {
    Ok(())
}

/// Where words come from: some options gather lines in a file, but CONFIG SET always replaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occurrence {
    /// CONFIG SET, or the first time that the option is met while loading.
    First,
    /// The option was met before in this load.
    Again,
}

/// One line of CONFIG REWRITE, without the option's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The value, quoted where needed.
    pub value: String,
    /// Whether the line is added to a file that lacks it.
    pub force: bool,
}

/// A value of the configuration.
pub trait Setting {
    /// Takes the value from the words after the option's name. On failure the value may be half
    /// changed; callers work on a copy.
    ///
    /// # Errors
    /// The reason, as CONFIG SET states it.
    fn assign(&mut self, words: &[&str], rule: &Rule, occurrence: Occurrence)
    -> Result<(), Reason>;

    /// The value as CONFIG GET prints it.
    fn print(&self, rule: &Rule) -> String;

    /// The lines that CONFIG REWRITE keeps for this option; none removes the option from the file.
    fn lines(&self, rule: &Rule, is_default: bool) -> Vec<Line> {
        vec![Line { value: self.print(rule), force: !is_default }]
    }
}

/// The only word of an option that takes one.
pub(super) fn single<'a>(words: &[&'a str]) -> Result<&'a str, Reason> {
    match words {
        [word] => Ok(word),
        _ => Err("wrong number of arguments".into()),
    }
}

impl Setting for bool {
    fn assign(&mut self, words: &[&str], _: &Rule, _: Occurrence) -> Result<(), Reason> {
        let word = single(words)?;
        *self = match () {
            () if word.eq_ignore_ascii_case("yes") => true,
            () if word.eq_ignore_ascii_case("no") => false,
            () => return Err("argument must be 'yes' or 'no'".into()),
        };
        Ok(())
    }

    fn print(&self, _: &Rule) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

/// Reads a number as the row says; the result is within the row's bounds.
fn parse_number(word: &str, rule: &Rule) -> Result<i128, Reason> {
    let within = |n: i128, min: i128, max: i128| {
        if (min..=max).contains(&n) { Ok(n) } else { Err(out_of_bounds(min, max)) }
    };
    match *rule {
        Rule::Memory { min, max } => {
            let n = parse_memory(word).ok_or("argument must be a memory value")?;
            within(n.into(), min.into(), max.into())
        }
        Rule::Octal { max } => parse_octal(word, max).map(i128::from),
        Rule::Drawn { max, low, high } => {
            let n = within(parse_whole(word)?.into(), 0, max.into())?;
            Ok(n.clamp(low.into(), high.into()))
        }
        Rule::Int { min, max } => within(parse_whole(word)?.into(), min.into(), max.into()),
        _ => Ok(parse_whole(word)?.into()),
    }
}

fn out_of_bounds(min: i128, max: i128) -> Reason {
    format!("argument must be between {min} and {max} inclusive").into()
}

/// A whole number in its only canonical spelling: no sign but a minus, no leading zeros or blanks.
fn parse_whole(word: &str) -> Result<i64, Reason> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    let canonical =
        digits.bytes().all(|b| b.is_ascii_digit()) && (word == "0" || !digits.starts_with('0'));
    if !canonical {
        return Err("argument couldn't be parsed into an integer".into());
    }
    word.parse().map_err(|_| "argument couldn't be parsed into an integer".into())
}

/// Octal digits; the refusal states the bounds in octal too.
fn parse_octal(word: &str, max: u32) -> Result<u32, Reason> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    if !digits.bytes().all(|b| matches!(b, b'0'..=b'7')) {
        return Err("argument couldn't be parsed as an octal number".into());
    }
    // No digits at all count as 0, as strtoll has it.
    let n = match digits {
        "" => 0,
        _ => u32::from_str_radix(digits, 8).unwrap_or(u32::MAX),
    };
    if n > max || (word.starts_with('-') && n > 0) {
        return Err(format!("argument must be between 0 and {max:o} inclusive").into());
    }
    Ok(n)
}

/// A memory size: digits and one of the units `b k kb m mb g gb`, in any case. Sizes past 64 bits
/// saturate, so that the bounds refuse them.
pub fn parse_memory(word: &str) -> Option<u64> {
    let unit_at = word.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(word.len());
    let (digits, unit) = word.split_at(unit_at);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    let n = match digits {
        "" => 0,
        _ => digits.parse().unwrap_or(u64::MAX),
    };
    Some(n.saturating_mul(factor))
}

/// A memory size in the greatest unit that divides it, as CONFIG REWRITE writes it.
pub(super) fn print_memory(bytes: u64) -> String {
    for (shift, unit) in [(30, "gb"), (20, "mb"), (10, "kb")] {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// Implements [`Setting`] for integer types; the row's bounds lie within the type's, which a test
/// asserts.
macro_rules! integer_setting {
    ($($ty:ty)*) => {$(
        impl Setting for $ty {
            fn assign(&mut self, words: &[&str], rule: &Rule, _: Occurrence) -> Result<(), Reason> {
                let n = parse_number(single(words)?, rule)?;
                *self = Self::try_from(n)
                    .map_err(|_| out_of_bounds(Self::MIN.into(), Self::MAX.into()))?;
                Ok(())
            }

            fn print(&self, rule: &Rule) -> String {
                match rule {
                    Rule::Octal { .. } => format!("{self:o}"),
                    _ => self.to_string(),
                }
            }

            fn lines(&self, rule: &Rule, is_default: bool) -> Vec<Line> {
                let value = match (rule, u64::try_from(*self)) {
                    (Rule::Memory { .. }, Ok(bytes)) => print_memory(bytes),
                    _ => self.print(rule),
                };
                vec![Line { value, force: !is_default }]
            }
        }
    )*};
}

integer_setting!(u16 u32 u64 i32 i64);

impl Setting for String {
    fn assign(&mut self, words: &[&str], rule: &Rule, _: Occurrence) -> Result<(), Reason> {
        let word = single(words)?;
        if let Rule::Text { check, .. } = rule {
            check(word)?;
        }
        word.clone_into(self);
        Ok(())
    }

    fn print(&self, _: &Rule) -> String {
        self.clone()
    }

    fn lines(&self, rule: &Rule, is_default: bool) -> Vec<Line> {
        if self.is_empty() && matches!(rule, Rule::Text { empty_is_unset: true, .. }) {
            return Vec::new();
        }
        let force = !is_default || matches!(rule, Rule::Directory);
        vec![Line { value: quote(self.as_bytes()), force }]
    }
}

/// Bytes, or a share of `maxmemory`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryOrPercent {
    /// So many bytes; 0 is no limit.
    Bytes(u64),
    /// So many hundredths of `maxmemory`.
    Percent(u8),
}

impl MemoryOrPercent {
    /// The limit in bytes, given `maxmemory`; 0 is no limit.
    pub fn bytes(self, maxmemory: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => {
                let share = u128::from(maxmemory) * u128::from(percent) / 100;
                u64::try_from(share).unwrap_or(u64::MAX)
            }
        }
    }

    fn parse(word: &str) -> Result<Self, Reason> {
        const NEITHER: &str = "argument must be a memory or percent value";
        let Some(digits) = word.strip_suffix('%') else {
            return parse_memory(word).map(Self::Bytes).ok_or(NEITHER.into());
        };
        match parse_whole(digits).map_err(|_| NEITHER)? {
            n if n < 0 => Err(NEITHER.into()),
            n if n > 100 => Err("percentage argument must be less or equal to 100".into()),
            0 => Ok(Self::Bytes(0)),
            n => Ok(Self::Percent(u8::try_from(n).map_err(|_| NEITHER)?)),
        }
    }
}

impl Setting for MemoryOrPercent {
    fn assign(&mut self, words: &[&str], _: &Rule, _: Occurrence) -> Result<(), Reason> {
        *self = Self::parse(single(words)?)?;
        Ok(())
    }

    fn print(&self, _: &Rule) -> String {
        match self {
            Self::Bytes(bytes) => bytes.to_string(),
            Self::Percent(percent) => format!("{percent}%"),
        }
    }

    fn lines(&self, rule: &Rule, is_default: bool) -> Vec<Line> {
        let value = match self {
            Self::Bytes(bytes) => print_memory(*bytes),
            Self::Percent(_) => self.print(rule),
        };
        vec![Line { value, force: !is_default }]
    }
}

/// Joins printed parts with single blanks.
pub(super) fn join<T: std::fmt::Display>(parts: impl IntoIterator<Item = T>) -> String {
    let mut out = String::new();
    for part in parts {
        if !out.is_empty() {
            out.push(' ');
        }
        write!(out, "{part}").expect("writing to a String cannot fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: Rule = Rule::Int { min: 0, max: 65535 };
    const SIZE: Rule = Rule::Memory { min: 1, max: i64::MAX as u64 };

    fn number(word: &str, rule: Rule) -> Result<i64, String> {
        let mut value = 0i64;
        value.assign(&[word], &rule, Occurrence::First).map_err(Cow::into_owned)?;
        Ok(value)
    }

    fn refused(word: &str, rule: Rule, reason: &str) {
        assert_eq!(number(word, rule), Err(reason.to_owned()), "{word:?}");
    }

    #[test]
    fn whole_numbers_have_one_spelling() {
        assert_eq!(number("0", PORT), Ok(0));
        assert_eq!(number("65535", PORT), Ok(65535));
        for word in ["", " 5", "05", "+5", "5 ", "-", "-0", "x", "99999999999999999999"] {
            refused(word, PORT, "argument couldn't be parsed into an integer");
        }
        refused("65536", PORT, "argument must be between 0 and 65535 inclusive");
        refused("-1", PORT, "argument must be between 0 and 65535 inclusive");
    }

    #[test]
    fn memory_has_units_of_both_kinds() {
        for (word, bytes) in [
            ("", 0),
            ("gb", 0),
            ("5B", 5),
            ("1k", 1000),
            ("1Kb", 1024),
            ("2m", 2_000_000),
            ("2MB", 2 << 20),
            ("3g", 3_000_000_000),
            ("3gB", 3 << 30),
            ("99999999999999999999gb", u64::MAX),
        ] {
            assert_eq!(parse_memory(word), Some(bytes), "{word:?}");
        }
        for word in ["1x", "1tb", "1.5gb", "-1", "+5", " 5", "5 mb", "0x10"] {
            refused(word, SIZE, "argument must be a memory value");
        }
        refused("0", SIZE, "argument must be between 1 and 9223372036854775807 inclusive");
    }

    #[test]
    fn memory_is_written_in_the_greatest_unit_that_divides_it() {
        for (bytes, text) in [
            (0, "0"),
            (1025, "1025"),
            (1024, "1kb"),
            (100 << 20, "100mb"),
            (5 << 30, "5gb"),
            (1536 << 20, "1536mb"),
        ] {
            assert_eq!(print_memory(bytes), text);
        }
    }

    #[test]
    fn octal_states_its_bounds_in_octal() {
        let rule = Rule::Octal { max: 0o777 };
        assert_eq!(number("700", rule), Ok(0o700));
        assert_eq!(number("", rule), Ok(0));
        refused("999", rule, "argument couldn't be parsed as an octal number");
        refused("1777", rule, "argument must be between 0 and 777 inclusive");
        refused("-1", rule, "argument must be between 0 and 777 inclusive");
        assert_eq!(0o700u32.print(&rule), "700");
    }

    #[test]
    fn drawn_numbers_move_to_the_nearest_bound() {
        let hz = Rule::Drawn { max: i32::MAX.into(), low: 1, high: 500 };
        assert_eq!(number("0", hz), Ok(1));
        assert_eq!(number("1000", hz), Ok(500));
        refused("-1", hz, "argument must be between 0 and 2147483647 inclusive");
    }

    #[test]
    fn percent_is_a_share_of_maxmemory() {
        assert_eq!(MemoryOrPercent::parse("50%").map(|m| m.bytes(1000)), Ok(500));
        assert_eq!(MemoryOrPercent::parse("10MB"), Ok(MemoryOrPercent::Bytes(10 << 20)));
        assert_eq!(MemoryOrPercent::parse("0%"), Ok(MemoryOrPercent::Bytes(0)));
        assert_eq!(
            MemoryOrPercent::parse("101%"),
            Err("percentage argument must be less or equal to 100".into())
        );
        for word in ["%", "1.5%", "-5%", " 5%", "x", "99999999999999999999%"] {
            let reason = "argument must be a memory or percent value";
            assert_eq!(MemoryOrPercent::parse(word), Err(reason.into()), "{word:?}");
        }
    }

    #[test]
    fn one_word_is_one_word() {
        let mut flag = false;
        for words in [&[][..], &["yes", "no"]] {
            let refusal = flag.assign(words, &Rule::Bool, Occurrence::First);
            assert_eq!(refusal, Err("wrong number of arguments".into()));
        }
        assert!(flag.assign(&["YES"], &Rule::Bool, Occurrence::First).is_ok() && flag);
        let refusal = flag.assign(&["1"], &Rule::Bool, Occurrence::First);
        assert_eq!(refusal, Err("argument must be 'yes' or 'no'".into()));
    }
}
