//! Decimal notation to a binary value, exactly.

use num_bigint::BigUint;

use super::ParseError;
use crate::stdx::num::binary::{self, Wide};

/// Digits that surely fit 128 bits.
const DIGITS_MAX_128: usize = 38;
/// The largest power of ten in 64 bits.
const POWER_MAX_64: i64 = 19;
/// A number whose first digit counts more than 10^4932 is above the largest number, 1.19e4932.
const EXP10_MAX: i64 = 4932;
/// One whose first digit counts less than 10^-4951 is below half the smallest number, 3.65e-4951.
const EXP10_MIN: i64 = -4951;
/// Bits that a quotient gets at least: the 64 of a mantissa and enough to round by.
const QUOTIENT_BITS: u64 = 100;

/// A decimal number in its parts: the digits of `whole` and `fraction` in one row, times 10^exp10.
/// Neither has zeros at its outer end.
struct Decimal<'a> {
    whole: &'a [u8],
    fraction: &'a [u8],
    exp10: i64,
}

/// Reads an unsigned number in decimal notation.
pub(super) fn parse(text: &[u8]) -> Result<Wide, ParseError> {
    let decimal = Decimal::split(text).ok_or(ParseError::Invalid)?;
    let Some(first) = decimal.first_exp10() else {
        return Ok(Wide::ZERO);
    };
    if !(EXP10_MIN..=EXP10_MAX).contains(&first) {
        return Err(ParseError::OutOfRange);
    }
    Ok(decimal.to_wide_in_128_bits().unwrap_or_else(|| decimal.to_wide()))
}

impl<'a> Decimal<'a> {
    /// Takes the notation apart: digits with or without a point, then perhaps `e` and a power of ten.
    fn split(text: &'a [u8]) -> Option<Self> {
        let (whole, rest) = split_digits(text);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest),
            _ => (&text[..0], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exp = match rest {
            [] => 0,
            [b'e' | b'E', exponent @ ..] => binary::parse_exponent(exponent)?,
            _ => return None,
        };
        let zeros = leading_zeros(whole.iter());
        let trailing = leading_zeros(fraction.iter().rev());
        let fraction = &fraction[..fraction.len() - trailing];
        Some(Self { whole: &whole[zeros..], fraction, exp10: exp - fraction.len() as i64 })
    }

    /// The power of ten that the first digit counts; `None` if all are zero.
    fn first_exp10(&self) -> Option<i64> {
        let len = match (self.whole, self.fraction) {
            ([], []) => return None,
            ([], fraction) => fraction.len() - leading_zeros(fraction.iter()),
            (whole, fraction) => whole.len() + fraction.len(),
        };
        Some(self.exp10 + len as i64 - 1)
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.iter().chain(self.fraction).map(|byte| byte - b'0')
    }

    /// The value by 128-bit arithmetic, for numbers of everyday size.
    fn to_wide_in_128_bits(&self) -> Option<Wide> {
        if self.whole.len() + self.fraction.len() > DIGITS_MAX_128
            || !(-POWER_MAX_64..=DIGITS_MAX_128 as i64).contains(&self.exp10)
        {
            return None;
        }
        let digits = self.digits().fold(0u128, |value, digit| value * 10 + u128::from(digit));
        if self.exp10 < 0 {
            return Some(divide(digits, 10u64.pow(-self.exp10 as u32)));
        }
        let mantissa = digits.checked_mul(10u128.pow(self.exp10 as u32))?;
        Some(Wide { mantissa, exp: 0, inexact: false })
    }

    /// The value by big integers. The range was checked, so that the power of ten is bounded.
    fn to_wide(&self) -> Wide {
        let digits: Vec<u8> = self.digits().collect();
        let digits =
            BigUint::from_radix_be(&digits, 10).expect("only decimal digits were split off");
        let power = BigUint::from(10u8).pow(self.exp10.unsigned_abs() as u32);
        if self.exp10 >= 0 {
            return narrow(&(digits * power), 0, false);
        }
        let shift = (power.bits() + QUOTIENT_BITS).saturating_sub(digits.bits());
        let dividend = digits << shift;
        let quotient = &dividend / &power;
        let inexact = &quotient * &power != dividend;
        narrow(&quotient, -(shift as i64), inexact)
    }
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

fn leading_zeros<'a>(digits: impl Iterator<Item = &'a u8>) -> usize {
    digits.take_while(|digit| **digit == b'0').count()
}

/// `dividend / divisor` in two steps of long division, both operands first moved up to the top of 128
/// and 64 bits: the first step gives 64 or 65 bits of the quotient, the second 60 more.
fn divide(dividend: u128, divisor: u64) -> Wide {
    const STEP: u32 = 60;
    let (up, divisor_up) = (dividend.leading_zeros(), divisor.leading_zeros());
    let divisor = u128::from(divisor << divisor_up);
    let dividend = dividend << up;
    let remainder = (dividend % divisor) << STEP;
    Wide {
        mantissa: ((dividend / divisor) << STEP) | (remainder / divisor),
        exp: i64::from(divisor_up) - i64::from(up) - i64::from(STEP),
        inexact: !remainder.is_multiple_of(divisor),
    }
}

/// The 128 highest bits of `value × 2^exp`.
fn narrow(value: &BigUint, exp: i64, inexact: bool) -> Wide {
    let dropped = value.bits().saturating_sub(u128::BITS.into());
    let lost = value.trailing_zeros().is_some_and(|zeros| zeros < dropped);
    let mantissa = u128::try_from(value >> dropped).expect("128 bits are left");
    Wide { mantissa, exp: exp + dropped as i64, inexact: inexact || lost }
}
