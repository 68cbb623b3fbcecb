//! What PFSELFTEST tries: that registers hold what was written, and that estimates are as good as
//! promised.

use super::{DENSE, Editor, Hll, Mark, REGISTERS, Registers, dense, empty};
use crate::ds::sds::Sds;

/// The most elements that an estimate is tried with.
const ELEMENTS_MAX: u64 = 100_000;

/// Five times the standard error of 16384 registers.
const ERROR_MAX: f64 = 5.0 * 1.04 / 128.0;

/// Tries the dense registers and the estimates of both forms.
///
/// # Errors
/// What went wrong, in words.
pub fn self_test() -> Result<(), String> {
    try_registers()?;
    try_estimates()
}

fn try_registers() -> Result<(), String> {
    let mut packed = [0; dense::LEN];
    let values = |round: usize| (0..REGISTERS).map(move |index| ((index * 7 + round) % 64) as u8);
    for round in 0..3 {
        values(round).enumerate().for_each(|(i, value)| dense::set_register(&mut packed, i, value));
        for (index, value) in values(round).enumerate() {
            let held = dense::register(&packed, index);
            if held != value {
                return Err(format!("register {index} should be {value} but is {held}"));
            }
        }
    }
    Ok(())
}

/// Adds the same elements to a sparse one and a dense one; their registers are the same, and
/// estimates are near at every power of ten.
fn try_estimates() -> Result<(), String> {
    let mut sparse = Sds::from_slice(&empty());
    let mut dense = sparse.clone();
    Editor::new(&mut dense, 0).make_dense();
    debug_assert_eq!(dense[4], DENSE);
    let mut checkpoint = 1;
    for n in 1..=ELEMENTS_MAX {
        // Any permutation of numbers will do.
        let mark = Mark::of(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        Editor::new(&mut dense, 0).mark(mark);
        if n <= 1000 {
            Editor::new(&mut sparse, usize::MAX).mark(mark);
        }
        if n < checkpoint {
            continue;
        }
        checkpoint *= 10;
        let dense = Hll { bytes: &dense };
        check_estimate(n, dense)?;
        if n <= 1000 {
            check_same(n, Hll { bytes: &sparse }, dense)?;
        }
    }
    Ok(())
}

fn check_estimate(n: u64, hll: Hll<'_>) -> Result<(), String> {
    let count = hll.count().map_err(|_| "registers cannot be read".to_owned())?;
    // A handful of elements cannot be off by a fraction.
    let allowed = (n as f64 * ERROR_MAX).ceil() as u64;
    if count.abs_diff(n) > allowed {
        return Err(format!("{n} elements are estimated as {count}"));
    }
    Ok(())
}

fn check_same(n: u64, sparse: Hll<'_>, dense: Hll<'_>) -> Result<(), String> {
    let registers = |hll| {
        let mut registers = Registers::default();
        let merged = registers.merge(hll);
        merged.map(|()| registers).map_err(|_| "registers cannot be read".to_owned())
    };
    if !registers(sparse)?.iter().eq(registers(dense)?.iter()) {
        return Err(format!("both forms differ after {n} elements"));
    }
    Ok(())
}
