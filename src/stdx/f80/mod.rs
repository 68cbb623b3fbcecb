//! The x87's 80-bit extended precision in software, for INCRBYFLOAT and HINCRBYFLOAT.
//!
//! Redis adds there in C's `long double` and prints 17 decimals, and both show: 86.23 + 0.8 is
//! `87.03000000000000001`, where doubles would give 87.03 and decimal arithmetic too. A replica,
//! an AOF or a client that compares sees the difference, so larder computes the same digits, on every
//! processor.
//!
//! A finite number is `±mantissa × 2^exp` with a 64-bit mantissa. Its highest bit is set, except
//! with the smallest exponent, where it need not be (subnormal numbers and zero):
//!
//! ```text
//! 1      mantissa 0x8000_0000_0000_0000  exp -63
//! 0.1    mantissa 0xcccc_cccc_cccc_cccd  exp -67     prints 0.1
//! 87.03  mantissa 0xae0f_5c28_f5c2_8f5c  exp -57     prints 87.03
//!   its successor            …5c2_8f5d                prints 87.03000000000000001
//! ```
//!
//! Reading, adding and printing are each exact up to one rounding, to the nearest and of two equally
//! near to the even. Ordinary magnitudes need only 128-bit integers: texts of up to 38
//! digits with up to 19 decimals, any sum, and printing below 2^128. Big integers serve the rest.
//!
//! Invariants:
//! 1. The mantissa has its highest bit set unless `exp` is the format's smallest.
//! 2. Nothing larger than the format's largest number is finite.

mod decimal;

use std::cmp::Ordering;
use std::error::Error;
use std::fmt;
use std::ops::Neg;

use num_bigint::BigUint;
use smallvec::SmallVec;

use super::num::binary::{self, EXTENDED80, Wide};

/// The longest text that is read as a number, in bytes.
pub const TEXT_LEN_MAX: usize = 5 * 1024 - 1;

/// Decimals that are printed, before zeros are cut.
const DECIMALS: usize = 17;
const DECIMALS_SCALE: u128 = 10u128.pow(DECIMALS as u32);

/// The text of a number; only those far above 2^128 are longer than its inline room.
pub type Text = SmallVec<[u8; 64]>;

/// An 80-bit extended-precision number.
#[derive(Clone, Copy, Debug)]
pub struct F80 {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug)]
enum Magnitude {
    Finite { mantissa: u64, exp: i32 },
    Infinite,
    Nan,
}

/// Why a text is no number. Redis has one message for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Not the notation of a number, or NaN.
    Invalid,
    /// Longer than [`TEXT_LEN_MAX`].
    TooLong,
    /// Beyond the largest number, or nearer to zero than to the smallest.
    OutOfRange,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "not a number",
            Self::TooLong => "a number too long to read",
            Self::OutOfRange => "a number out of range",
        })
    }
}

impl Error for ParseError {}

impl F80 {
    /// The largest finite number, 1.19e4932.
    pub const MAX: Self = Self::finite(false, u64::MAX, EXTENDED80.exp_max);

    /// Reads a number as Redis does: decimal or hexadecimal notation or infinity, with an optional
    /// sign and nothing around it.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        if text.len() > TEXT_LEN_MAX {
            return Err(ParseError::TooLong);
        }
        let (negative, body) = binary::split_sign(text);
        if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
            return Ok(Self { negative, magnitude: Magnitude::Infinite });
        }
        let wide = match binary::strip_hex_prefix(body) {
            Some(digits) => binary::parse_hex(digits).ok_or(ParseError::Invalid)?,
            None => decimal::parse(body)?,
        };
        match EXTENDED80.round(wide) {
            Some((0, _)) if wide.mantissa != 0 => Err(ParseError::OutOfRange),
            Some((mantissa, exp)) => Ok(Self::finite(negative, mantissa, exp)),
            None => Err(ParseError::OutOfRange),
        }
    }

    /// The sum, rounded once. It may be infinite, and that of two opposite infinities is NaN.
    #[expect(clippy::should_implement_trait, reason = "rounding and overflow are no plain `+`")]
    pub fn add(self, other: Self) -> Self {
        use Magnitude::{Finite, Infinite, Nan};
        match (self.magnitude, other.magnitude) {
            (Nan, _) => self,
            (_, Nan) => other,
            (Infinite, Infinite) if self.negative != other.negative => {
                Self { negative: true, magnitude: Nan }
            }
            (Infinite, _) => self,
            (_, Infinite) => other,
            (Finite { exp, .. }, Finite { exp: other_exp, .. }) => {
                if exp >= other_exp {
                    self.add_smaller(other)
                } else {
                    other.add_smaller(self)
                }
            }
        }
    }

    /// The sum of two finite numbers, `other` having no larger exponent.
    ///
    /// Both mantissas get 63 more bits. What of `other` still falls off below them cannot reach the
    /// bits that decide, and counts as inexact.
    fn add_smaller(self, other: Self) -> Self {
        const GUARD_BITS: i32 = 63;
        let ((mantissa, exp), (other_mantissa, other_exp)) = (self.parts(), other.parts());
        let distance = (exp - other_exp) as u32;
        let large = u128::from(mantissa) << GUARD_BITS;
        let aligned = u128::from(other_mantissa) << GUARD_BITS;
        let small = aligned.checked_shr(distance).unwrap_or(0);
        let inexact = small.checked_shl(distance).unwrap_or(0) != aligned;

        let mut negative = self.negative;
        let mantissa = if self.negative == other.negative {
            large + small
        } else if inexact {
            // Taking away a little more than `small` leaves a little more than the next lower value.
            large - small - 1
        } else if large >= small {
            large - small
        } else {
            negative = other.negative;
            small - large
        };
        if mantissa == 0 && self.negative != other.negative {
            negative = false;
        }
        let exp = i64::from(exp - GUARD_BITS);
        match EXTENDED80.round(Wide { mantissa, exp, inexact }) {
            Some((mantissa, exp)) => Self::finite(negative, mantissa, exp),
            None => Self { negative, magnitude: Magnitude::Infinite },
        }
    }

    /// Whether it is neither infinite nor NaN.
    pub fn is_finite(self) -> bool {
        matches!(self.magnitude, Magnitude::Finite { .. })
    }

    /// Whether it is NaN.
    pub fn is_nan(self) -> bool {
        matches!(self.magnitude, Magnitude::Nan)
    }

    /// The number in decimal, rounded to 17 decimals of which zeros at the end are cut; never with an
    /// exponent, and zero without a sign.
    pub fn to_text(self) -> Text {
        let (mantissa, exp) = match self.magnitude {
            Magnitude::Finite { mantissa, exp } => (mantissa, exp),
            Magnitude::Infinite if self.negative => return Text::from_slice(b"-inf"),
            Magnitude::Infinite => return Text::from_slice(b"inf"),
            Magnitude::Nan => return Text::from_slice(b"nan"),
        };
        let mut text = Text::new();
        if self.negative {
            text.push(b'-');
        }
        if exp > 64 {
            text.extend_from_slice((BigUint::from(mantissa) << exp).to_string().as_bytes());
        } else if exp >= 0 {
            push_integer(&mut text, u128::from(mantissa) << exp);
        } else {
            let scaled = shift_right_rounded(u128::from(mantissa) * DECIMALS_SCALE, -exp);
            push_integer(&mut text, scaled / DECIMALS_SCALE);
            push_fraction(&mut text, (scaled % DECIMALS_SCALE) as u64);
        }
        if text.as_slice() == b"-0" {
            text.remove(0);
        }
        text
    }

    const fn finite(negative: bool, mantissa: u64, exp: i32) -> Self {
        Self { negative, magnitude: Magnitude::Finite { mantissa, exp } }
    }

    /// Mantissa and exponent of a finite number; the others count as beyond every finite one.
    fn parts(self) -> (u64, i32) {
        match self.magnitude {
            Magnitude::Finite { mantissa, exp } => (mantissa, exp),
            Magnitude::Infinite | Magnitude::Nan => (u64::MAX, i32::MAX),
        }
    }
}

impl Neg for F80 {
    type Output = Self;

    fn neg(self) -> Self {
        Self { negative: !self.negative, ..self }
    }
}

/// Exact: every double is an 80-bit number.
impl From<f64> for F80 {
    fn from(value: f64) -> Self {
        const FRACTION: u64 = (1 << 52) - 1;
        let negative = value.is_sign_negative();
        if !value.is_finite() {
            let magnitude = if value.is_nan() { Magnitude::Nan } else { Magnitude::Infinite };
            return Self { negative, magnitude };
        }
        let bits = value.to_bits();
        let biased = (bits >> 52 & 0x7ff) as i64;
        let implicit = u64::from(biased != 0) << 52;
        let wide = Wide {
            mantissa: u128::from(bits & FRACTION | implicit),
            exp: biased.max(1) - 1075,
            inexact: false,
        };
        let (mantissa, exp) = EXTENDED80.round(wide).expect("the format is wider than a double");
        Self::finite(negative, mantissa, exp)
    }
}

impl PartialEq for F80 {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

/// By value: zeros are equal whatever their sign, NaN compares with nothing.
impl PartialOrd for F80 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        if self.is_nan() || other.is_nan() {
            return None;
        }
        // With the invariant on mantissas the larger exponent is the larger number.
        let key = |number: &Self| {
            let (mantissa, exp) = number.parts();
            (exp, mantissa)
        };
        let magnitudes = key(self).cmp(&key(other));
        Some(match (self.negative, other.negative) {
            _ if self.parts().0 == 0 && other.parts().0 == 0 => Ordering::Equal,
            (false, false) => magnitudes,
            (true, true) => magnitudes.reverse(),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        })
    }
}

/// `value / 2^count` for a count of at least 1, of two equally near integers the even one.
fn shift_right_rounded(value: u128, count: i32) -> u128 {
    // A mantissa times 10^17 is below 2^121, not half of what 128 bits would drop.
    let Some(kept) = value.checked_shr(count as u32) else {
        return 0;
    };
    let rest = value - (kept << count);
    let half = 1u128 << (count - 1);
    kept + u128::from(rest > half || (rest == half && kept & 1 == 1))
}

fn push_integer(text: &mut Text, value: u128) {
    text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends the point and the 17 decimals, or as many as are needed.
fn push_fraction(text: &mut Text, mut decimals: u64) {
    if decimals == 0 {
        return;
    }
    let mut digits = [b'0'; DECIMALS];
    for digit in digits.iter_mut().rev() {
        *digit += (decimals % 10) as u8;
        decimals /= 10;
    }
    let used = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    text.push(b'.');
    text.extend_from_slice(&digits[..used]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What INCRBYFLOAT answers, in the words of `sums.txt`.
    fn sum(one: &[u8], other: &[u8]) -> String {
        let (Ok(one), Ok(other)) = (F80::parse(one), F80::parse(other)) else {
            return "invalid".to_owned();
        };
        match one.add(other) {
            sum if sum.is_finite() => text_of(sum),
            _ => "infinite".to_owned(),
        }
    }

    fn text_of(number: F80) -> String {
        String::from_utf8(number.to_text().to_vec()).unwrap()
    }

    fn parse(text: &str) -> F80 {
        F80::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn sums_are_those_of_the_processor() {
        let mut cases = 0;
        for line in include_str!("sums.txt").lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ').map(str::as_bytes);
            let (one, other) = (words.next().unwrap(), words.next().unwrap());
            assert_eq!(sum(one, other).as_bytes(), words.next().unwrap(), "{line}");
            cases += 1;
        }
        assert!(cases > 300);
    }

    #[test]
    fn what_redis_refuses_is_refused() {
        for text in [
            "", " 1", "1 ", "\t1", "1\0", "-", "+", ".", "-.", "e5", "1e", "1e+", "1_0", "--1",
            "+-1", "0x", "0x.", "0x.p1", "0x1p", "0x1g", "nan", "-nan", "infinit", "inf ", "1.2.3",
            "a",
        ] {
            assert_eq!(F80::parse(text.as_bytes()), Err(ParseError::Invalid), "{text:?}");
        }
        for text in [
            "1e5000",
            "-1e5000",
            "1e999999999999999999999",
            "1e-4951",
            "1e-999999999999999999999",
            "1.18973149535723176509e4932",
            "0x1p16384",
            "0x.ffffffffffffffff8p16384",
            "0x1p-16446",
        ] {
            assert_eq!(F80::parse(text.as_bytes()), Err(ParseError::OutOfRange), "{text}");
        }
    }

    #[test]
    fn texts_are_read_up_to_a_length() {
        let ones = |len: usize| [&b"0."[..], &vec![b'1'; len - 2]].concat();
        assert_eq!(F80::parse(&ones(TEXT_LEN_MAX)), F80::parse(b"0.11111111111111111111111111"));
        assert_eq!(F80::parse(&ones(TEXT_LEN_MAX + 1)), Err(ParseError::TooLong));
    }

    #[test]
    fn odd_notations_are_read() {
        for (text, printed) in [
            ("+1", "1"),
            ("1.", "1"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("007", "7"),
            ("1E3", "1000"),
            ("0X10", "16"),
            ("0x.8", "0.5"),
            ("0x1.P+4", "16"),
            ("0e999999999999999999999", "0"),
            ("0x0p-9999999999999", "0"),
            ("INF", "inf"),
            ("-Infinity", "-inf"),
        ] {
            assert_eq!(text_of(parse(text)), printed, "{text}");
        }
    }

    #[test]
    fn the_mantissa_has_64_bits() {
        assert_eq!(text_of(parse("18446744073709551615")), "18446744073709551615");
        assert_eq!(text_of(parse("18446744073709551617")), "18446744073709551616");
        assert_eq!(text_of(parse("18446744073709551619")), "18446744073709551620");
        assert_eq!(text_of(parse("87.03")), "87.03");
        assert_eq!(sum(b"86.23", b"0.8"), "87.03000000000000001");
        assert_eq!(sum(b"1", b"0x1.00000000000000008p0"), "2");
    }

    #[test]
    fn small_values_print_as_zero_without_a_sign() {
        for text in ["0", "-0", "-1e-30", "5e-18", "-5e-18", "2e-4951", "1e-4940", "0x1p-16445"] {
            assert_eq!(text_of(parse(text)), "0", "{text}");
        }
        assert_eq!(text_of(parse("-1e-17")), "-0.00000000000000001");
        assert_eq!(text_of(parse("5.1e-18")), "0.00000000000000001");
    }

    #[test]
    fn large_values_print_all_their_digits() {
        let text = text_of(parse("1.18973149535723176502e4932"));
        assert_eq!(text.len(), 4933);
        assert!(text.starts_with("118973149535723176502126385303097020516906332229462420044032"));
        assert!(text.ends_with("89770240"));
        assert_eq!(text_of(parse("-0x1p100")), "-1267650600228229401496703205376");
        assert_eq!(
            text_of(parse("0x8000000000000001p64")),
            "170141183460469231750134047789593657344"
        );
    }

    #[test]
    fn sums_may_be_infinite_or_no_number() {
        assert!(!parse("1e4932").add(parse("1e4932")).is_finite());
        assert!(parse("inf").add(parse("-inf")).is_nan());
        assert!(!parse("inf").add(parse("-inf")).is_finite());
        assert!(!parse("inf").add(parse("-1e4932")).is_nan());
        assert!(parse("inf").add(parse("-inf")).add(parse("1")).is_nan());
    }

    #[test]
    fn values_compare_by_size() {
        let ascending =
            ["-inf", "-1e4932", "-2", "-1.5", "-1e-4950", "0", "3e-4940", "1", "1.5", "inf"];
        for (at, one) in ascending.iter().enumerate() {
            for (other_at, other) in ascending.iter().enumerate() {
                let order = parse(one).partial_cmp(&parse(other));
                assert_eq!(order, Some(at.cmp(&other_at)), "{one} {other}");
            }
        }
        assert_eq!(parse("0"), parse("-0"));
        assert_eq!(-parse("1.5"), parse("-1.5"));
        assert_eq!(F80::MAX, parse("0x.ffffffffffffffffp16384"));
        let nan = F80::from(f64::NAN);
        assert_ne!(nan, nan);
    }

    #[test]
    fn doubles_are_taken_exactly() {
        for value in [0.1, -87.03, 5e-324, f64::MIN_POSITIVE, f64::MAX, 1.0, 0.0] {
            assert_eq!(F80::from(value), parse(&format!("{value:.1100}")), "{value}");
        }
        assert_eq!(text_of(F80::from(0.1)), "0.10000000000000001");
        assert_eq!(text_of(F80::from(f64::NEG_INFINITY)), "-inf");
    }

    /// Any number: the format's own bits, from the whole range or near one.
    fn numbers() -> impl Strategy<Value = F80> {
        let exps = prop_oneof![EXTENDED80.exp_min..16321, -100i32..100];
        (any::<bool>(), 1u64 << 63..=u64::MAX, exps)
            .prop_map(|(negative, mantissa, exp)| F80::finite(negative, mantissa, exp))
    }

    proptest! {
        #[test]
        fn sums_do_not_depend_on_the_order(one in numbers(), other in numbers()) {
            prop_assert_eq!(one.add(other).to_text(), other.add(one).to_text());
        }

        #[test]
        fn zero_changes_nothing(number in numbers()) {
            prop_assert_eq!(number.add(parse("0")), number);
        }

        #[test]
        fn hexadecimal_texts_read_back_the_same(number in numbers()) {
            let (mantissa, exp) = number.parts();
            let sign = if number.negative { "-" } else { "" };
            prop_assert_eq!(parse(&format!("{sign}0x{mantissa:x}p{exp}")), number);
        }

        #[test]
        fn printed_integers_read_back_the_same(negative: bool, mantissa: u64, exp in 0i32..2000) {
            let number = F80::finite(negative, mantissa | 1 << 63, exp);
            prop_assert_eq!(F80::parse(&number.to_text()), Ok(number));
        }

        #[test]
        fn both_ways_to_read_decimals_agree(
            digits in "[0-9]{1,38}", point in 0usize..20, noise in "0{30,40}",
        ) {
            let (whole, fraction) = digits.split_at(digits.len().saturating_sub(point));
            // Leading zeros are skipped, so that only the exponent moves the text to the long way.
            let short = format!("{whole}.{fraction}");
            let long = format!("{whole}.{fraction}{noise}e0");
            prop_assert_eq!(F80::parse(short.as_bytes()), F80::parse(long.as_bytes()));
            let shifted = format!("{digits}{noise}e-{}", fraction.len() + noise.len());
            prop_assert_eq!(F80::parse(short.as_bytes()), F80::parse(shifted.as_bytes()));
        }

        #[test]
        fn taking_away_a_far_smaller_number_changes_nothing(
            number in numbers(), distance in 67i32..400, mantissa: u64,
        ) {
            let (_, exp) = number.parts();
            prop_assume!(exp > EXTENDED80.exp_min + distance && exp < 16000);
            let small = F80::finite(!number.negative, mantissa | 1 << 63, exp - distance);
            // Less than an eighth of the last bit, where the neighbour below a power of two is half as
            // far away as others.
            prop_assert_eq!(number.add(small), number);
        }
    }
}
