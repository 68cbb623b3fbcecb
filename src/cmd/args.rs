//! A cursor over a command's arguments whose typed takes return `Result`.

use crate::resp::{Argv, CmdError};
use crate::stdx::num;

/// Arguments from some index on.
#[derive(Debug, Clone)]
pub struct Args<'a> {
    argv: Argv<'a>,
    at: usize,
}

impl<'a> Iterator for Args<'a> {
    type Item = &'a [u8];

    /// Takes the next one, where there is one.
    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let arg = self.argv.get(self.at)?;
        self.at += 1;
        Some(arg)
    }
}

impl<'a> Args<'a> {
    /// The arguments of `argv` from number `at` on.
    pub fn new(argv: &Argv<'a>, at: usize) -> Self {
        Self { argv: *argv, at }
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.argv.len().saturating_sub(self.at)
    }

    /// The next one's index in argv.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next one, without taking it.
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.argv.get(self.at)
    }

    /// The next one; a syntax error if there is none.
    ///
    /// # Errors
    /// [`CmdError::Syntax`].
    pub fn any(&mut self) -> Result<&'a [u8], CmdError> {
        self.next().ok_or(CmdError::Syntax)
    }

    /// Takes the next one if it is `word` in any case.
    pub fn word(&mut self, word: &str) -> bool {
        let is = self.peek().is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
        self.at += usize::from(is);
        is
    }

    /// The next one as an integer.
    ///
    /// # Errors
    /// [`CmdError::Syntax`] at the end, [`CmdError::NotInteger`].
    pub fn int(&mut self) -> Result<i64, CmdError> {
        int(self.any()?)
    }

    /// Takes an integer that must follow.
    ///
    /// # Errors
    /// As [`Args::int`]; `otherwise` where it is no integer from `min` to `max`.
    pub fn int_in(&mut self, min: i64, max: i64, otherwise: CmdError) -> Result<i64, CmdError> {
        let n = num::parse_i64(self.any()?);
        n.filter(|n| (min..=max).contains(n)).ok_or(otherwise)
    }

    /// All that are left.
    pub fn rest(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        self.argv.from(self.at)
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// [`CmdError::Syntax`].
    pub fn end(&self) -> Result<(), CmdError> {
        if self.left() == 0 { Ok(()) } else { Err(CmdError::Syntax) }
    }
}

/// An argument as an integer of 64 bits.
///
/// # Errors
/// [`CmdError::NotInteger`].
#[inline]
pub fn int(arg: &[u8]) -> Result<i64, CmdError> {
    num::parse_i64(arg).ok_or(CmdError::NotInteger)
}

/// An argument as the number of a database, whether there is one or not.
///
/// # Errors
/// [`CmdError::NotInteger`]; it is none of 32 bits.
pub fn db_index(arg: &[u8]) -> Result<i64, CmdError> {
    let index = i32::try_from(int(arg)?);
    let words = "value is out of range, value must between -2147483648 and 2147483647";
    index.map(i64::from).map_err(|_| CmdError::Msg(words))
}

/// An argument as a double.
///
/// # Errors
/// [`CmdError::NotFloat`].
pub fn float(arg: &[u8]) -> Result<f64, CmdError> {
    num::parse_f64(arg).ok_or(CmdError::NotFloat)
}

/// How long a command waits, in seconds with a fraction, as the time when it waits no longer: ms since
/// the epoch, of which it is `now_ms`. `None` is 0, for ever.
///
/// # Errors
/// The timeout is no number, negative, or past the end of time.
pub fn deadline(arg: &[u8], now_ms: u64) -> Result<Option<u64>, CmdError> {
    const OUT_OF_RANGE: CmdError = CmdError::Msg("timeout is out of range");
    // A number too great for a double is one nevertheless.
    let too_great =
        || std::str::from_utf8(arg).ok()?.parse().ok().filter(|s: &f64| s.is_infinite());
    let seconds = num::parse_f64(arg).or_else(too_great);
    let seconds = seconds.ok_or(CmdError::Msg("timeout is not a float or out of range"))?;
    let ms = (seconds * 1000.0).ceil();
    if ms > i64::MAX as f64 {
        return Err(OUT_OF_RANGE);
    }
    if ms < 0.0 {
        return Err(CmdError::Msg("timeout is negative"));
    }
    if ms == 0.0 {
        return Ok(None);
    }
    let at = now_ms.checked_add(ms as u64).filter(|at| i64::try_from(*at).is_ok());
    at.map(Some).ok_or(OUT_OF_RANGE)
}

/// Whether an argument is `word` in any case.
pub fn is(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

/// A slot for words that exclude each other: the second one is a syntax error.
#[derive(Debug, Clone, Copy)]
pub struct Choice<T>(Option<T>);

impl<T> Default for Choice<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Choice<T> {
    /// Fills the slot.
    ///
    /// # Errors
    /// [`CmdError::Syntax`] if it is taken.
    pub fn set(&mut self, value: T) -> Result<(), CmdError> {
        if self.0.is_some() {
            return Err(CmdError::Syntax);
        }
        self.0 = Some(value);
        Ok(())
    }

    /// What filled it.
    pub fn take(self) -> Option<T> {
        self.0
    }

    /// Whether it is taken.
    pub fn is_set(&self) -> bool {
        self.0.is_some()
    }
}
