//! Reports made of `name:value` lines in titled sections, as INFO answers them. Every part that
//! owns a number writes its own lines.

use std::fmt::{Display, Write};

/// A report being written.
#[derive(Debug, Default)]
pub struct Fields(String);

impl Fields {
    /// Begins a section; an empty line parts it from the one before.
    pub fn section(&mut self, title: &str) {
        if !self.0.is_empty() {
            self.0.push_str("\r\n");
        }
        self.line(format_args!("# {title}"));
    }

    /// One line.
    pub fn put(&mut self, name: &str, value: impl Display) {
        self.line(format_args!("{name}:{value}"));
    }

    /// Bytes, and the same for human eyes: `name` and `name_human`.
    pub fn bytes(&mut self, name: &str, bytes: u64) {
        self.put(name, bytes);
        self.line(format_args!("{name}_human:{}", human_bytes(bytes)));
    }

    /// A ratio with two decimals.
    pub fn ratio(&mut self, name: &str, value: f64) {
        self.put(name, format_args!("{value:.2}"));
    }

    /// Lines for what there is none of here, all of the same value.
    pub fn all(&mut self, names: &[&str], value: impl Display) {
        for name in names {
            self.put(name, &value);
        }
    }

    /// The finished text.
    pub fn into_text(self) -> String {
        self.0
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = write!(self.0, "{text}\r\n");
    }
}

/// `1.39M`: bytes in the largest binary unit they fill.
pub fn human_bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut value = bytes as f64;
    let mut units = "KMGTP".chars();
    let mut unit = 'B';
    while value >= 1024.0
        && let Some(next) = units.next()
    {
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.2}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_the_largest_unit_they_fill() {
        let cases = [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1_460_712, "1.39M")];
        for (bytes, text) in cases {
            assert_eq!(human_bytes(bytes), text);
        }
        assert_eq!(human_bytes(25_276_510_208), "23.54G");
    }

    #[test]
    fn sections_are_parted_by_an_empty_line() {
        let mut fields = Fields::default();
        fields.section("One");
        fields.put("a", 1);
        fields.section("Two");
        fields.ratio("b", 2.0);
        assert_eq!(fields.into_text(), "# One\r\na:1\r\n\r\n# Two\r\nb:2.00\r\n");
    }
}
