//! Cells of the grids that the map is divided into.

use super::{LATITUDE, LONGITUDE, Point};
use std::ops::Range;

/// The finest grid has 2^26 by 2^26 cells.
pub(super) const STEP_MAX: u32 = 26;

/// Degrees between two bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extent {
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Extent {
    pub(super) fn holds(self, degrees: f64) -> bool {
        (self.min..=self.max).contains(&degrees)
    }

    pub(super) fn middle(self) -> f64 {
        (self.min + self.max) / 2.0
    }

    fn size(self) -> f64 {
        self.max - self.min
    }

    /// Which of 2^`step` parts holds `degrees`. The upper bound itself is one past the last.
    fn index(self, degrees: f64, step: u32) -> u32 {
        let offset = (degrees - self.min) / self.size();
        (offset * f64::from(1 << step)) as u32
    }

    /// The part numbered `index` of 2^`step`.
    fn part(self, index: u32, step: u32) -> Self {
        let bound = |index: f64| self.min + index / f64::from(1 << step) * self.size();
        Self { min: bound(f64::from(index)), max: bound(f64::from(index) + 1.0) }
    }
}

/// One cell of the grid of 2^`step` by 2^`step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    /// Steps eastwards.
    x: u32,
    /// Steps northwards.
    y: u32,
    step: u32,
}

impl Cell {
    /// The cell that holds a point, of a map of these latitudes.
    pub(super) fn of(point: Point, latitudes: Extent, step: u32) -> Self {
        let x = LONGITUDE.index(point.longitude, step);
        let y = latitudes.index(point.latitude, step);
        Self { x, y, step }
    }

    /// The cell of these interleaved bits.
    pub(super) fn of_bits(bits: u64, step: u32) -> Self {
        Self { x: every_second(bits >> 1), y: every_second(bits), step }
    }

    /// The bits of both numbers interleaved.
    pub(super) fn bits(self) -> u64 {
        spread(self.x) << 1 | spread(self.y)
    }

    /// Its longitudes and latitudes.
    pub(super) fn bounds(self) -> (Extent, Extent) {
        (LONGITUDE.part(self.x, self.step), LATITUDE.part(self.y, self.step))
    }

    /// The cell so many columns to the east and rows to the north; the map goes on at its other
    /// side. A place on the eastern or northern edge lies in a cell of its own behind the last
    /// one, which is left only where there is a move.
    pub(super) fn neighbour(self, east: i32, north: i32) -> Self {
        let last = (1 << self.step) - 1;
        let moved = |at: u32, by: i32| match by {
            0 => at,
            _ => at.wrapping_add_signed(by) & last,
        };
        Self { x: moved(self.x, east), y: moved(self.y, north), step: self.step }
    }

    /// The scores of the places in it.
    pub(super) fn scores(self) -> Range<u64> {
        let unused = 2 * (STEP_MAX - self.step);
        let bits = self.bits();
        bits << unused..(bits + 1) << unused
    }
}

/// Puts a zero bit above every bit.
fn spread(bits: u32) -> u64 {
    let mut spread = u64::from(bits);
    for (shift, mask) in SPREADS.into_iter().rev() {
        spread = (spread | spread << shift) & mask;
    }
    spread
}

/// Bits 0, 2, 4 and so on, put together.
fn every_second(bits: u64) -> u32 {
    let mut packed = bits & SPREADS[0].1;
    for (i, (shift, _)) in SPREADS.iter().enumerate() {
        let mask = SPREADS.get(i + 1).map_or(0xffff_ffff, |(_, mask)| *mask);
        packed = (packed | packed >> shift) & mask;
    }
    packed as u32
}

/// How far groups of bits move apart, and where they stand then: single ones first, halves last.
const SPREADS: [(u32, u64); 5] = [
    (1, 0x5555_5555_5555_5555),
    (2, 0x3333_3333_3333_3333),
    (4, 0x0f0f_0f0f_0f0f_0f0f),
    (8, 0x00ff_00ff_00ff_00ff),
    (16, 0x0000_ffff_0000_ffff),
];
