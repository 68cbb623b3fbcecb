//! All registers, one to a byte: what merges and estimates work on.

use super::estimate::Histogram;
use super::{Corrupt, Hll, Mark, REGISTERS, dense};

/// The registers of several HyperLogLogs merged: the highest value that any of them has.
#[derive(Debug, Clone)]
pub struct Registers(Box<[u8; REGISTERS]>);

impl Default for Registers {
    fn default() -> Self {
        Self(Box::new([0; REGISTERS]))
    }
}

impl Registers {
    /// Merges another one in.
    ///
    /// # Errors
    /// [`Corrupt`]; some of its registers may be merged then.
    pub fn merge(&mut self, other: Hll<'_>) -> Result<(), Corrupt> {
        let Some(runs) = other.runs() else {
            self.merge_packed(other.packed());
            return Ok(());
        };
        runs.try_for_each(|run| {
            if run.value > 0 {
                let registers = &mut self.0[run.first..run.first + run.len];
                registers.iter_mut().for_each(|held| *held = run.value.max(*held));
            }
        })
    }

    /// Sees an element.
    pub fn mark(&mut self, mark: Mark) {
        let register = &mut self.0[mark.index];
        *register = mark.rank.max(*register);
    }

    /// The estimate of the union.
    pub fn count(&self) -> u64 {
        let mut histogram = Histogram::default();
        histogram.add_all(&self.0[..]);
        histogram.estimate()
    }

    /// The value of every register.
    pub fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.iter().copied()
    }

    /// Unpacks in blocks, each of which is then compared as vectors.
    fn merge_packed(&mut self, packed: &dense::Packed) {
        let mut unpacked = [0; 64];
        let (blocks, _) = self.0.as_chunks_mut::<64>();
        for (held, packed) in blocks.iter_mut().zip(packed.as_chunks::<48>().0) {
            let fours = unpacked.as_chunks_mut::<4>().0.iter_mut();
            for (four, three) in fours.zip(packed.as_chunks::<3>().0) {
                *four = dense::unpack(*three);
            }
            held.iter_mut().zip(unpacked).for_each(|(held, new)| *held = new.max(*held));
        }
    }

    /// The registers, packed.
    pub(super) fn pack_into(&self, packed: &mut dense::Packed) {
        let fours = self.0.as_chunks::<4>().0.iter();
        for (three, four) in packed.as_chunks_mut::<3>().0.iter_mut().zip(fours) {
            *three = dense::pack(*four);
        }
    }
}
