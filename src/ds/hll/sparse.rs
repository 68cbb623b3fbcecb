//! The sparse form: runs of equal registers.
//!
//! ```text
//! 00nnnnnn            ZERO:  n + 1 registers of 0, up to 64
//! 01nnnnnn nnnnnnnn   XZERO: n + 1 registers of 0, up to 16384, high bits first
//! 1vvvvvnn            VAL:   n + 1 registers of v + 1, up to 4 registers, values up to 32
//! ```

use super::{Corrupt, REGISTERS};

/// The highest value that a run can have.
pub(super) const VALUE_MAX: u8 = 32;

/// The most registers of a run that is not of zeros.
pub(super) const VAL_LEN_MAX: usize = 4;

const ZERO_LEN_MAX: usize = 64;
const XZERO: u8 = 0x40;
const VAL: u8 = 0x80;

/// Registers of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first register.
    pub first: usize,
    /// How many there are.
    pub len: usize,
    /// What they hold.
    pub value: u8,
    /// Its first byte among those of the registers.
    pub(super) at: usize,
    /// Its bytes: one or two.
    pub(super) size: usize,
}

impl Run {
    /// Whether it is of the two-byte form.
    pub fn is_long(&self) -> bool {
        self.size == 2
    }

    /// The byte behind it.
    pub(super) fn end(&self) -> usize {
        self.at + self.size
    }

    /// Reads the run at byte `at`, whose first register is `first`.
    fn read(bytes: &[u8], at: usize, first: usize) -> Result<Self, Corrupt> {
        let byte = *bytes.get(at).ok_or(Corrupt)?;
        let (size, len, value) = match byte {
            0..XZERO => (1, usize::from(byte) + 1, 0),
            XZERO..VAL => {
                let low = *bytes.get(at + 1).ok_or(Corrupt)?;
                (2, (usize::from(byte - XZERO) << 8 | usize::from(low)) + 1, 0)
            }
            VAL.. => (1, usize::from(byte & 3) + 1, (byte >> 2 & 0x1f) + 1),
        };
        let fits = first + len <= REGISTERS;
        fits.then_some(Self { first, len, value, at, size }).ok_or(Corrupt)
    }
}

/// The runs of a sparse one, in order.
#[derive(Debug, Clone)]
pub struct Runs<'a> {
    bytes: &'a [u8],
    at: usize,
    first: usize,
}

impl<'a> Runs<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, first: 0 }
    }

    /// The next run, if there are registers left.
    ///
    /// # Errors
    /// [`Corrupt`], where the runs do not come to the number of registers.
    pub fn try_next(&mut self) -> Result<Option<Run>, Corrupt> {
        if self.at == self.bytes.len() {
            return if self.first == REGISTERS { Ok(None) } else { Err(Corrupt) };
        }
        let run = Run::read(self.bytes, self.at, self.first)?;
        self.at = run.end();
        self.first += run.len;
        Ok(Some(run))
    }

    /// Shows every run that is left.
    ///
    /// # Errors
    /// [`Corrupt`], after those before the damage.
    pub fn try_for_each(mut self, mut show: impl FnMut(Run)) -> Result<(), Corrupt> {
        while let Some(run) = self.try_next()? {
            show(run);
        }
        Ok(())
    }

    /// The run that holds register `index`, which is not behind.
    pub(super) fn find(&mut self, index: usize) -> Result<Run, Corrupt> {
        loop {
            let run = self.try_next()?.ok_or(Corrupt)?;
            if index < run.first + run.len {
                return Ok(run);
            }
        }
    }
}

/// Appends a run of zeros, in the shortest form.
pub(super) fn push_zeros(bytes: &mut impl Extend<u8>, len: usize) {
    debug_assert!((1..=REGISTERS).contains(&len), "a run of {len} zeros");
    let n = len - 1;
    if len <= ZERO_LEN_MAX {
        bytes.extend([n as u8]);
    } else {
        bytes.extend([XZERO | (n >> 8) as u8, n as u8]);
    }
}

/// A run of `len` registers of `value`, not zero.
pub(super) fn value_run(value: u8, len: usize) -> u8 {
    debug_assert!((1..=VALUE_MAX).contains(&value) && (1..=VAL_LEN_MAX).contains(&len));
    VAL | (value - 1) << 2 | (len - 1) as u8
}

/// Whether this is the first byte of a run of zeros in the two-byte form.
pub(super) fn is_long(byte: u8) -> bool {
    (XZERO..VAL).contains(&byte)
}

/// The one-byte run that two neighbours become, if they hold the same value and are few enough.
pub(super) fn joined(left: u8, right: u8) -> Option<u8> {
    let len = usize::from(left & 3) + usize::from(right & 3) + 2;
    let same = left >= VAL && left >> 2 == right >> 2;
    (same && len <= VAL_LEN_MAX).then(|| left & !3 | (len - 1) as u8)
}
