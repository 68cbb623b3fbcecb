//! How many elements the registers tell of.
//!
//! The estimator is Otmar Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches",
//! 2017, section 4, the improved raw estimator), which needs no tables and no correction for small
//! or large numbers. All servers round alike only if they add in the same order, so the order below
//! is part of the format, in a way: replies are equal to the last digit.

use super::{RANK_BITS, REGISTERS};

/// How many registers hold each value. Foreign bytes may hold values past the highest rank; those are
/// counted, but the estimate does not look at them.
#[derive(Debug)]
pub(super) struct Histogram([u32; 64]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl Histogram {
    /// `registers` more that hold `value`.
    pub(super) fn add(&mut self, value: u8, registers: usize) {
        self.0[usize::from(value % 64)] += registers as u32;
    }

    /// All of these registers. Neighbours often hold the same value; counting them in tables of
    /// their own spares each addition from waiting for the one before.
    pub(super) fn add_all(&mut self, registers: &[u8]) {
        let mut tables = [[0u32; 64]; 4];
        let (fours, rest) = registers.as_chunks::<4>();
        for four in fours {
            for (table, value) in tables.iter_mut().zip(four) {
                table[usize::from(value % 64)] += 1;
            }
        }
        rest.iter().for_each(|value| self.add(*value, 1));
        for table in &tables {
            self.0.iter_mut().zip(table).for_each(|(all, more)| *all += more);
        }
    }

    /// The estimated cardinality.
    pub(super) fn estimate(&self) -> u64 {
        // 1 / (2 ln 2)
        const ALPHA: f64 = 0.721_347_520_444_481_7;
        let m = REGISTERS as f64;
        let [empty, ranks @ ..] = self.0.map(f64::from);
        let (possible, full) = (&ranks[..RANK_BITS as usize], ranks[RANK_BITS as usize]);
        let mut z = m * tau((m - full) / m);
        for registers in possible.iter().rev() {
            z = (z + registers) * 0.5;
        }
        z += m * sigma(empty / m);
        (ALPHA * m * m / z).round() as u64
    }
}

/// The sum of x^(2^k) · 2^(k-1) over all k from 1 on, and x: what the empty registers contribute.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// A third of 1 - x less the sum of (1 - x^(2^-k))² · 2^-k over all k from 1 on: what the registers
/// at the highest rank contribute.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}
