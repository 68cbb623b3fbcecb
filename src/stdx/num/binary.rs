//! Binary floating point by hand: rounding an exact value to a format, and hexadecimal notation.
//!
//! `std` reads no hexadecimal floats and knows no 80-bit format; both need the same step, from an
//! exact value to the nearest one that the format has.

/// A binary floating-point format, its numbers being `mantissa × 2^exp` with an integer mantissa.
#[derive(Debug)]
pub(crate) struct Format {
    /// Bits of the mantissa; at most 64.
    precision: u32,
    /// Smallest exponent, that of the subnormal numbers.
    pub(crate) exp_min: i32,
    /// Largest exponent.
    pub(crate) exp_max: i32,
}

/// IEEE 754 binary64, Rust's `f64`.
pub(crate) const BINARY64: Format = Format { precision: 53, exp_min: -1074, exp_max: 971 };
/// The x87's extended precision, x86's `long double`.
pub(crate) const EXTENDED80: Format = Format { precision: 64, exp_min: -16445, exp_max: 16320 };

/// The magnitude of a number, not yet rounded: at least `mantissa × 2^exp` and, if `inexact`, more
/// than that, but less than `(mantissa + 1) × 2^exp`.
///
/// An inexact value must have more bits than the format it is rounded to, else there would be none to
/// round by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wide {
    pub(crate) mantissa: u128,
    pub(crate) exp: i64,
    pub(crate) inexact: bool,
}

impl Wide {
    /// Zero.
    pub(crate) const ZERO: Self = Self { mantissa: 0, exp: 0, inexact: false };
}

impl Format {
    /// The nearest number of this format, of two equally near the one with an even mantissa; `None`
    /// if it is too large. The mantissa has its highest bit set unless the exponent is `exp_min`.
    pub(crate) fn round(&self, wide: Wide) -> Option<(u64, i32)> {
        if wide.mantissa == 0 {
            return Some((0, self.exp_min));
        }
        let bits = i64::from(u128::BITS - wide.mantissa.leading_zeros());
        let surplus = bits - i64::from(self.precision);
        let dropped = surplus.max(i64::from(self.exp_min) - wide.exp);
        let mut exp = wide.exp + dropped;
        let mut mantissa = match dropped {
            ..=0 => {
                debug_assert!(!wide.inexact, "nothing left to round by");
                wide.mantissa << -dropped
            }
            1..=128 => round_bits(wide, dropped as u32),
            _ => 0,
        };
        if mantissa >> self.precision != 0 {
            mantissa >>= 1;
            exp += 1;
        }
        if exp > i64::from(self.exp_max) {
            return None;
        }
        Some((mantissa as u64, exp as i32))
    }
}

/// The mantissa without its lowest `dropped` bits (1 to 128), rounded half to even.
fn round_bits(wide: Wide, dropped: u32) -> u128 {
    const HALF: u128 = 1 << 127;
    let kept = wide.mantissa.checked_shr(dropped).unwrap_or(0);
    let rest = wide.mantissa << (128 - dropped);
    let up = rest > HALF || (rest == HALF && (wide.inexact || kept & 1 == 1));
    kept + u128::from(up)
}

/// Splits off a sign; true if it is `-`.
pub(crate) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// What follows `0x`, if the text begins so.
pub(crate) fn strip_hex_prefix(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'0', b'x' | b'X', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// Reads what follows `0x`: digits with or without a point, then perhaps `p` and a power of two.
pub(crate) fn parse_hex(text: &[u8]) -> Option<Wide> {
    let mut wide = Wide::ZERO;
    let (mut digits, mut point) = (0usize, false);
    for (at, byte) in text.iter().enumerate() {
        match *byte {
            b'.' if !point => point = true,
            b'p' | b'P' if digits > 0 => {
                wide.exp += parse_exponent(&text[at + 1..])?;
                return Some(wide);
            }
            byte => {
                let digit = (byte as char).to_digit(16)?;
                digits += 1;
                push_hex_digit(&mut wide, digit.into(), point);
            }
        }
    }
    (digits > 0).then_some(wide)
}

/// Appends a digit to the mantissa while there is room; then only its weight counts, and whether it
/// is zero.
fn push_hex_digit(wide: &mut Wide, digit: u128, after_point: bool) {
    if wide.mantissa >> 124 == 0 {
        wide.mantissa = wide.mantissa << 4 | digit;
        wide.exp -= if after_point { 4 } else { 0 };
    } else {
        wide.inexact |= digit != 0;
        wide.exp += if after_point { 0 } else { 4 };
    }
}

/// Reads a whole decimal exponent, its sign optional. One beyond any format's reach stops growing,
/// far enough out that no number of digits a request can hold brings the value back into range.
pub(crate) fn parse_exponent(text: &[u8]) -> Option<i64> {
    const LIMIT: i64 = 1 << 48;
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for byte in digits {
        let digit = (*byte as char).to_digit(10)?;
        value = (value * 10 + i64::from(digit)).min(LIMIT);
    }
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(mantissa: u128, exp: i64) -> Wide {
        Wide { mantissa, exp, inexact: false }
    }

    #[test]
    fn short_mantissas_are_moved_up() {
        assert_eq!(EXTENDED80.round(exact(1, 0)), Some((1 << 63, -63)));
        assert_eq!(BINARY64.round(exact(1, 0)), Some((1 << 52, -52)));
        assert_eq!(EXTENDED80.round(exact(1, -16445)), Some((1, -16445)));
    }

    #[test]
    fn ties_go_to_the_even_mantissa_unless_inexact() {
        let half = |mantissa: u128| (mantissa << 1) | 1;
        let even = 1u128 << 63;
        assert_eq!(EXTENDED80.round(exact(half(even), 0)), Some((1 << 63, 1)));
        assert_eq!(EXTENDED80.round(exact(half(even + 1), 0)), Some(((1 << 63) + 2, 1)));
        let above = Wide { inexact: true, ..exact(half(even), 0) };
        assert_eq!(EXTENDED80.round(above), Some(((1 << 63) + 1, 1)));
    }

    #[test]
    fn a_carry_out_of_the_mantissa_moves_the_exponent() {
        assert_eq!(EXTENDED80.round(exact((1 << 65) - 1, 0)), Some((1 << 63, 2)));
        assert_eq!(EXTENDED80.round(exact((1 << 65) - 1, 16319)), None);
        assert_eq!(EXTENDED80.round(exact((1 << 64) - 1, 16320)), Some((u64::MAX, 16320)));
        assert_eq!(EXTENDED80.round(exact(1, 16384)), None);
    }

    #[test]
    fn values_below_the_smallest_round_to_it_or_to_zero() {
        let zero = Some((0, -16445));
        assert_eq!(EXTENDED80.round(exact(1, -16446)), zero);
        assert_eq!(EXTENDED80.round(exact(3, -16447)), Some((1, -16445)));
        assert_eq!(EXTENDED80.round(exact(1 << 127, -16445 - 128)), zero);
        assert_eq!(EXTENDED80.round(exact((1 << 127) + 1, -16445 - 128)), Some((1, -16445)));
        assert_eq!(EXTENDED80.round(exact(u128::MAX, -16445 - 129)), zero);
        assert_eq!(EXTENDED80.round(exact(1, -1 << 48)), zero);
    }

    #[test]
    fn hexadecimal_notation_is_read_whole_or_not_at_all() {
        assert_eq!(parse_hex(b"10"), Some(exact(16, 0)));
        assert_eq!(parse_hex(b".8"), Some(exact(8, -4)));
        assert_eq!(parse_hex(b"1."), Some(exact(1, 0)));
        assert_eq!(parse_hex(b"aFp-3"), Some(exact(0xaf, -3)));
        for text in ["", ".", "p1", ".p1", "1p", "1p+", "1.2.3", "1g", "1p1.", "1p0x1", "-1"] {
            assert_eq!(parse_hex(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn hexadecimal_digits_beyond_the_mantissa_only_scale_it() {
        let long = parse_hex(&[b'1'; 40]).unwrap();
        assert_eq!((long.exp, long.inexact), (32, true));
        let zeros = parse_hex(&[&b"1"[..], &[b'0'; 60]].concat()).unwrap();
        assert_eq!(EXTENDED80.round(zeros), EXTENDED80.round(exact(1, 240)));
        let fraction = parse_hex(&[&b"."[..], &[b'0'; 60], b"1"].concat()).unwrap();
        assert_eq!(fraction, exact(1, -244));
    }

    #[test]
    fn exponents_stop_growing() {
        assert_eq!(parse_exponent(b"-0012"), Some(-12));
        assert_eq!(parse_exponent(&[b'9'; 100]), Some(1 << 48));
        assert_eq!(parse_exponent(b""), None);
        assert_eq!(parse_exponent(b"--1"), None);
    }

    proptest! {
        #[test]
        fn binary64_rounds_as_the_processor_does(mantissa: u128) {
            let (bits, exp) = BINARY64.round(exact(mantissa, 0)).unwrap();
            prop_assert_eq!(bits as f64 * 2f64.powi(exp), mantissa as f64);
        }
    }
}
