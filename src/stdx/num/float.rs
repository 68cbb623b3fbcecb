//! Doubles: read as `strtod` reads them, written as Redis 7.2 writes them.

use std::fmt;
use std::ops::Deref;

use bytes::BufMut;

use super::binary::{self, BINARY64};
use super::int::parse_i64;

/// Reads a double as commands take it: decimal or hexadecimal notation, or infinity in any case and
/// either length, signed or not, and nothing around it. NaN is refused, and so is a number too large
/// for a double or too small to differ from zero.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    // Most scores are small integers, which convert exactly.
    if let Some(integer) = parse_i64(text) {
        return Some(integer as f64);
    }
    parse_number(text).filter(|number| !number.out_of_range).map(|number| number.value)
}

/// Reads a double as the bound of a range of scores, where Redis is laxer: white space before it is
/// skipped, what is out of range becomes infinity or zero, the empty text is zero, and a NUL byte
/// ends the text. The `(` of an exclusive bound is the caller's.
pub fn parse_f64_bound(text: &[u8]) -> Option<f64> {
    let text = memchr::memchr(0, text).map_or(text, |end| &text[..end]);
    if text.is_empty() {
        return Some(0.0);
    }
    let start = text.iter().position(|byte| !is_space(*byte))?;
    parse_number(&text[start..]).map(|number| number.value)
}

/// Reads a double as SORT weighs elements: as laxly as [`parse_f64_bound`], but what is out of range is
/// refused, and so is what a double holds with fewer digits than usual.
pub fn parse_f64_weight(text: &[u8]) -> Option<f64> {
    if let Some(integer) = parse_i64(text) {
        return Some(integer as f64);
    }
    let text = memchr::memchr(0, text).map_or(text, |end| &text[..end]);
    if text.is_empty() {
        return Some(0.0);
    }
    let start = text.iter().position(|byte| !is_space(*byte))?;
    let number = parse_number(&text[start..])?;
    (!number.out_of_range && !number.value.is_subnormal()).then_some(number.value)
}

/// C's `isspace`, which has the vertical tab where `is_ascii_whitespace` has not.
fn is_space(byte: u8) -> bool {
    byte == b'\x0b' || byte.is_ascii_whitespace()
}

/// A number as read, rounded to nearest.
struct Number {
    value: f64,
    /// The text was finite and the value is not, or the text was not zero and the value is.
    out_of_range: bool,
}

fn parse_number(text: &[u8]) -> Option<Number> {
    let Ok(value) = str::from_utf8(text).ok()?.parse::<f64>() else {
        return parse_hex(text);
    };
    let out_of_range = if value.is_infinite() {
        // The words end in a letter, a number that overflowed does not.
        !text.last().is_some_and(u8::is_ascii_alphabetic)
    } else {
        let mantissa = text.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
        value == 0.0 && mantissa.into_iter().any(|byte| matches!(byte, b'1'..=b'9'))
    };
    (!value.is_nan()).then_some(Number { value, out_of_range })
}

fn parse_hex(text: &[u8]) -> Option<Number> {
    let (negative, magnitude) = binary::split_sign(text);
    let wide = binary::parse_hex(binary::strip_hex_prefix(magnitude)?)?;
    let (value, out_of_range) = match BINARY64.round(wide) {
        Some((mantissa, exp)) => (compose(mantissa, exp), mantissa == 0 && wide.mantissa != 0),
        None => (f64::INFINITY, true),
    };
    Some(Number { value: if negative { -value } else { value }, out_of_range })
}

/// The double `mantissa × 2^exp`, of a pair that [`BINARY64`] rounded.
fn compose(mantissa: u64, exp: i32) -> f64 {
    const IMPLICIT_BIT: u64 = 1 << 52;
    let biased = match mantissa {
        0..IMPLICIT_BIT => 0,
        _ => (exp - BINARY64.exp_min + 1) as u64,
    };
    f64::from_bits(biased << 52 | (mantissa & (IMPLICIT_BIT - 1)))
}

/// Appends the text of `value`, see [`f64_text`].
pub fn write_f64(out: &mut impl BufMut, value: f64) {
    out.put_slice(&f64_text(value));
}

/// The text of a double, as Redis since 7.2 and Valkey write it: the fewest digits that read back as
/// the same double. Redis 7.0 wrote 17 digits instead (`0.10000000000000001`); larder answers with
/// the newer form in both protocols and everywhere else that a double becomes text.
///
/// * infinite: `inf`, `-inf`, and NaN `nan`;
/// * an integer of a magnitude up to 2^62: its digits, but negative zero is `-0`;
/// * otherwise its digits, the first of which counts 10^e: with up to seven zeros appended, if that
///   makes the integer; with a point, if the last digit counts 10^-6 or more or e is within ±3; else
///   `d.ddde+X`.
///
/// So 0.0001 is `0.0001` but 0.0000001 is `1e-7`, and a long fraction such as 123456.78901234567 is
/// `1.2345678901234567e+5`.
///
/// Their algorithm misses the shortest digits of one double in some hundreds (5e22 becomes
/// `49999999999999996000000`); there larder is shorter.
pub fn f64_text(value: f64) -> FloatText {
    let mut text = FloatText::new();
    if value.is_nan() {
        text.push(b"nan");
    } else if value.is_infinite() {
        text.push(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value == 0.0 {
        text.push(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if let Some(integer) = safe_integer(value) {
        text.push(itoa::Buffer::new().format(integer).as_bytes());
    } else {
        if value < 0.0 {
            text.push(b"-");
        }
        Shortest::of(value.abs()).lay_out(&mut text);
    }
    text
}

/// The text of a double as DEBUG DIGEST takes it: like [`f64_text`], but without its rule for integers, so
/// that 1e17 is `1e+17`.
pub fn f64_shortest_text(value: f64) -> FloatText {
    if value == 0.0 || !value.is_finite() {
        return f64_text(value);
    }
    let mut text = FloatText::new();
    if value < 0.0 {
        text.push(b"-");
    }
    Shortest::of(value.abs()).lay_out(&mut text);
    text
}

/// The integer that a double is, if both types hold it exactly whatever side of it was rounded.
fn safe_integer(value: f64) -> Option<i64> {
    const LIMIT: f64 = (1u64 << 62) as f64;
    (value.abs() <= LIMIT && value.trunc() == value).then_some(value as i64)
}

/// The fewest digits of a positive double: `digits[..len] × 10^exp`.
struct Shortest {
    digits: [u8; 17],
    len: usize,
    exp: i32,
}

impl Shortest {
    /// Takes the digits out of the text that zmij lays out in its own way.
    fn of(value: f64) -> Self {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value).as_bytes();
        let mut shortest = Self { digits: [0; 17], len: 0, exp: 0 };
        let mut after_point = false;
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'.' => after_point = true,
                b'e' => {
                    let exp = binary::parse_exponent(&text[at + 1..]);
                    shortest.exp += exp.expect("zmij writes digits after e") as i32;
                    break;
                }
                digit => shortest.push(*digit, after_point),
            }
        }
        shortest.trim();
        shortest
    }

    /// Appends a digit. Zeros that lead are not kept but count in the exponent; those that trail are
    /// left to [`Shortest::trim`].
    fn push(&mut self, digit: u8, after_point: bool) {
        if after_point {
            self.exp -= 1;
        }
        if self.len == 0 && digit == b'0' {
            return;
        }
        if self.len == self.digits.len() {
            // Only a zero can follow seventeen digits, as in `12345678901234567.0`.
            self.exp += 1;
            return;
        }
        self.digits[self.len] = digit;
        self.len += 1;
    }

    fn trim(&mut self) {
        while self.len > 1 && self.digits[self.len - 1] == b'0' {
            self.len -= 1;
            self.exp += 1;
        }
    }

    /// Chooses among the three layouts that [`f64_text`] describes.
    fn lay_out(&self, text: &mut FloatText) {
        let digits = &self.digits[..self.len];
        let exp_first = self.exp + self.len as i32 - 1;
        let distance = exp_first.abs();
        if (0..=7).contains(&self.exp) {
            text.push(digits);
            text.push_zeros(self.exp as usize);
        } else if self.exp < 0 && (self.exp > -7 || distance < 4) {
            if exp_first < 0 {
                text.push(b"0.");
                text.push_zeros((-exp_first - 1) as usize);
                text.push(digits);
            } else {
                let (whole, fraction) = digits.split_at(exp_first as usize + 1);
                text.push(whole);
                text.push(b".");
                text.push(fraction);
            }
        } else {
            text.push(&digits[..1]);
            if let fraction @ [_, ..] = &digits[1..] {
                text.push(b".");
                text.push(fraction);
            }
            text.push(if exp_first < 0 { b"e-" } else { b"e+" });
            text.push(itoa::Buffer::new().format(distance).as_bytes());
        }
    }
}

/// The text of a double, made without allocating.
#[derive(Clone, Copy)]
pub struct FloatText {
    /// Room for the longest, which is a sign, 17 digits and 7 zeros.
    bytes: [u8; 32],
    len: u8,
}

impl FloatText {
    fn new() -> Self {
        Self { bytes: [0; 32], len: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u8;
    }

    fn push_zeros(&mut self, count: usize) {
        self.push(&[b'0'; 32][..count]);
    }
}

impl Deref for FloatText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Display for FloatText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.escape_ascii())
    }
}

impl fmt::Debug for FloatText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_of(value: f64) -> String {
        f64_text(value).to_string()
    }

    #[test]
    fn what_strtod_takes_is_read() {
        for (text, value) in [
            ("0", 0.0),
            ("+1", 1.0),
            ("01", 1.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("-1.5e3", -1500.0),
            ("1E+2", 100.0),
            ("9007199254740993", 9007199254740992.0),
            ("0x10", 16.0),
            ("-0X1P-2", -0.25),
            ("0x.8", 0.5),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.00000000000008000001p0", 1.0 + f64::EPSILON),
            ("0x1.fffffffffffffp1023", f64::MAX),
            ("0x1p-1074", 5e-324),
            ("4e-324", 5e-324),
            ("inf", f64::INFINITY),
            ("+Inf", f64::INFINITY),
            ("-INFINITY", f64::NEG_INFINITY),
            ("0e999999999999", 0.0),
            ("0x0p999999999999", 0.0),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text}");
        }
        assert!(parse_f64(b"-0").unwrap().is_sign_negative());
        assert!(parse_f64(b"-0x0").unwrap().is_sign_negative());
    }

    #[test]
    fn what_redis_refuses_is_refused() {
        for text in [
            "",
            " 1",
            "1 ",
            "\t1",
            "1\0",
            "-",
            "+",
            ".",
            "e5",
            "1e",
            "1e+",
            "1_0",
            "--1",
            "0x",
            "0x.",
            "0x1p",
            "0x1g",
            "nan",
            "-NaN",
            "nan(1)",
            "infinit",
            "inf ",
            "1e400",
            "-1e400",
            "1e-400",
            "0.0000e-5x",
            "0x1p1024",
            "0x1p-1080",
            "0x1.fffffffffffff8p1023",
            "a",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_f64(b"\xff1"), None);
    }

    #[test]
    fn weights_are_read_laxly_but_within_range() {
        for (text, value) in [
            ("", 0.0),
            ("1\0x", 1.0),
            (" 2.5", 2.5),
            ("0x10", 16.0),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_f64_weight(text.as_bytes()), Some(value), "{text:?}");
        }
        for text in ["1e400", "1e-400", "2e-310", "nan", "1 ", "x", " "] {
            assert_eq!(parse_f64_weight(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn integers_keep_the_layout_of_their_digits_where_asked_for() {
        for (value, text) in [
            (1.0, "1"),
            (-250.0, "-250"),
            (1e16, "1e+16"),
            (123_456_789_012_345_680.0, "123456789012345680"),
            (0.1, "0.1"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(&*f64_shortest_text(value), text.as_bytes());
        }
    }

    #[test]
    fn bounds_of_ranges_are_read_laxly() {
        for (text, value) in [
            ("", 0.0),
            ("\x001", 0.0),
            ("1\0abc", 1.0),
            (" \t\n\x0b\x0c\r1", 1.0),
            (" inf", f64::INFINITY),
            ("1e400", f64::INFINITY),
            ("-1e400", f64::NEG_INFINITY),
            ("0x1p5000", f64::INFINITY),
            ("1e-400", 0.0),
        ] {
            assert_eq!(parse_f64_bound(text.as_bytes()), Some(value), "{text:?}");
        }
        for text in ["  ", "1 ", "nan", "x", " \x00"] {
            assert_eq!(parse_f64_bound(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn doubles_are_written_as_redis_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-3.0, "-3"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (12345678.5, "12345678.5"),
            (1e15, "1000000000000000"),
            (9007199254740993.0, "9007199254740992"),
            (1e18, "1000000000000000000"),
            (123456789012345678.0, "123456789012345680"),
            (4611686018427387904.0, "4611686018427387904"),
            (4611686018427388928.0, "4611686018427389000"),
            (1e19, "1e+19"),
            (1e21, "1e+21"),
            (1.2345678901234567e21, "1234567890123456800000"),
            (0.00001, "0.00001"),
            (0.000001, "0.000001"),
            (1e-7, "1e-7"),
            (0.00001234, "1.234e-5"),
            (0.0012345678901234567, "0.0012345678901234567"),
            (0.00012345678901234567, "1.2345678901234567e-4"),
            (123456.78901234567, "1.2345678901234567e+5"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text_of(value), text);
        }
        let mut out = b"score ".to_vec();
        write_f64(&mut out, 2.5);
        assert_eq!(out, b"score 2.5");
    }

    proptest! {
        #[test]
        fn written_doubles_read_back_the_same(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            let text = f64_text(value);
            prop_assert_eq!(parse_f64(&text).map(f64::to_bits), Some(bits), "{}", text);
        }

        #[test]
        fn decimal_fractions_are_written_as_they_were_typed(cents in -1_000_000_000i64..1_000_000_000) {
            let typed = format!("{:.2}", cents as f64 / 100.0);
            let shortest = typed.trim_end_matches('0').trim_end_matches('.');
            let expected = if shortest == "-0" { "0" } else { shortest };
            prop_assert_eq!(text_of(cents as f64 / 100.0), expected);
        }

        #[test]
        fn hexadecimal_and_decimal_agree(mantissa in 0u64..1 << 53, exp in -1100i32..900) {
            let decimal = mantissa as f64 * 2f64.powi(exp.max(-1000)) * 2f64.powi(exp.min(-1000) + 1000);
            let text = format!("0x{mantissa:x}p{exp}");
            prop_assert_eq!(parse_f64_bound(text.as_bytes()), Some(decimal), "{}", text);
        }
    }
}
