//! Integers: strict to read, one spelling to write.

use bytes::BufMut;

/// Reads a signed integer in its canonical spelling: `0`, or an optional `-` and digits that do
/// not begin with `0`. Whatever it accepts, [`write_i64`] gives back byte for byte, so a value
/// may be kept as the number.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => {
            // The magnitude of i64::MIN is one above i64::MAX; `-0` is not canonical.
            let magnitude = parse_magnitude::<19>(digits)?;
            (1..=1 << 63).contains(&magnitude).then(|| (magnitude as i64).wrapping_neg())
        }
        digits => i64::try_from(parse_magnitude::<19>(digits)?).ok(),
    }
}

/// Reads an unsigned integer in its canonical spelling, see [`parse_i64`].
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    parse_magnitude::<20>(text)
}

/// Reads an unsigned integer in any spelling that C's `strtoull` takes whole: blanks before it, a
/// sign, leading zeros; what follows a NUL is not looked at. A negative number that is not in
/// its canonical spelling wraps around.
pub fn parse_u64_as_c(text: &[u8]) -> Option<u64> {
    if let Some(value) = parse_u64(text) {
        return Some(value);
    }
    if parse_i64(text).is_some() {
        return None;
    }
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let text = &text[text.iter().take_while(|byte| blank(byte)).count()..];
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    let magnitude = match &digits[zeros..] {
        [] if zeros > 0 => 0,
        digits => parse_magnitude::<20>(digits)?,
    };
    Some(if negative { magnitude.wrapping_neg() } else { magnitude })
}

/// Digits without a leading zero, at most `MAX_DIGITS` of them and at most `u64::MAX`.
///
/// Nineteen digits cannot overflow, so only the twentieth is checked.
#[inline]
fn parse_magnitude<const MAX_DIGITS: usize>(digits: &[u8]) -> Option<u64> {
    const UNCHECKED_DIGITS: usize = 19;
    match digits {
        [b'0'] => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= MAX_DIGITS => {}
        _ => return None,
    }
    let (head, last) = digits.split_at(digits.len().min(UNCHECKED_DIGITS));
    let mut value = 0u64;
    for byte in head {
        value = value * 10 + u64::from(decimal_digit(*byte)?);
    }
    match last {
        [] => Some(value),
        [byte] => value.checked_mul(10)?.checked_add(u64::from(decimal_digit(*byte)?)),
        _ => None,
    }
}

#[inline]
fn decimal_digit(byte: u8) -> Option<u8> {
    let digit = byte.wrapping_sub(b'0');
    (digit <= 9).then_some(digit)
}

/// Appends `value` in decimal.
pub fn write_i64(out: &mut impl BufMut, value: i64) {
    out.put_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends `value` in decimal.
pub fn write_u64(out: &mut impl BufMut, value: u64) {
    out.put_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// How many decimal digits `value` has; zero has one.
pub fn digits10(value: u64) -> usize {
    value.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// How many bytes [`write_i64`] appends, its sign included: the length of a number kept as such.
pub fn i64_len(value: i64) -> usize {
    digits10(value.unsigned_abs()) + usize::from(value < 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn canonical_spellings_are_read() {
        for (text, value) in [
            ("0", 0),
            ("7", 7),
            ("-1", -1),
            ("100", 100),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), Some(value), "{text}");
        }
    }

    #[test]
    fn what_strtoull_takes_is_taken_where_it_is_asked_for() {
        for (text, value) in [
            ("18446744073709551615", u64::MAX),
            ("0018446744073709551615", u64::MAX),
            ("00", 0),
            ("-0", 0),
            (" \t\n\x0b\x0c\r+07", 7),
            (" -2", u64::MAX - 1),
            ("-02", u64::MAX - 1),
            ("12\0-", 12),
        ] {
            assert_eq!(parse_u64_as_c(text.as_bytes()), Some(value), "{text:?}");
        }
        for text in ["", " ", "+", "-1", "1 ", "1a", "0x1", "+-1", "\0", "018446744073709551616"] {
            assert_eq!(parse_u64_as_c(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for text in [
            "",
            "-",
            "+1",
            " 1",
            "1 ",
            "01",
            "00",
            "-0",
            "-01",
            "--1",
            "1.0",
            "1e3",
            "0x10",
            "1\0",
            "1a",
            "a",
            "/",
            ":",
            "1:",
            "9223372036854775808",
            "-9223372036854775809",
            "9999999999999999999",
            "10000000000000000000",
            "18446744073709551615",
            "-18446744073709551616",
            "99999999999999999999999",
        ] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn unsigned_reaches_twenty_digits() {
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"10000000000000000000"), Some(10_000_000_000_000_000_000));
        for text in ["18446744073709551616", "99999999999999999999", "-1", "01", "", "+1"] {
            assert_eq!(parse_u64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn lengths_change_at_powers_of_ten() {
        assert_eq!(digits10(0), 1);
        assert_eq!(digits10(u64::MAX), 20);
        for exponent in 1..=19 {
            let power = 10u64.pow(exponent);
            assert_eq!(digits10(power - 1), exponent as usize);
            assert_eq!(digits10(power), exponent as usize + 1);
        }
        assert_eq!(i64_len(i64::MIN), 20);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value: i64, unsigned: u64) {
            let mut out = Vec::new();
            write_i64(&mut out, value);
            prop_assert_eq!(parse_i64(&out), Some(value));
            prop_assert_eq!(i64_len(value), out.len());
            out.clear();
            write_u64(&mut out, unsigned);
            prop_assert_eq!(parse_u64(&out), Some(unsigned));
            prop_assert_eq!(digits10(unsigned), out.len());
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "-?[0-9]{1,21}") {
            let canonical = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
            prop_assert_eq!(parse_i64(text.as_bytes()), canonical);
            let canonical = text.parse::<u64>().ok().filter(|value| value.to_string() == text);
            prop_assert_eq!(parse_u64(text.as_bytes()), canonical);
        }
    }
}
