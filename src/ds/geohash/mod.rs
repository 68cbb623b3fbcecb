//! Places on the globe as 52-bit integers, near to each other where the places are: the scores of
//! geospatial sorted sets.
//!
//! # Layout
//! Latitude (within ±85.05112878, where the square map of the web ends) and longitude (within ±180)
//! are each divided into 2^26 steps. The bits of both steps are interleaved, those of the longitude
//! being the higher of each pair:
//! ```text
//! bit 51   50   49   48         1    0
//!    x25  y25  x24  y24  ...   x0   y0      x: longitude, y: latitude
//! ```
//! The score of 13.361389 E, 38.115556 N is 3479099956230698, `0xc5c3915077a2a`. Its first two
//! bits, 11, say east and north; its first 2n bits name the cell of the grid of 2^n by 2^n cells
//! that the place lies in. All places of a cell therefore have scores in one range, which is how
//! areas are searched ([`Area::cover`]).
//!
//! A score stands for the middle of its cell, which is 0.6 m wide and 0.3 m high at the equator.
//!
//! Redis's step counts, limits and formulas are kept as they are: scores, distances and the order
//! of unsorted results are equal to its own.

mod area;
mod cell;
#[cfg(test)]
mod tests;

pub use area::{Area, Shape};

use cell::{Cell, Extent, STEP_MAX};

/// The globe's radius in metres.
pub const EARTH_RADIUS: f64 = 6_372_797.560856;

const LONGITUDE: Extent = Extent { min: -180.0, max: 180.0 };
const LATITUDE: Extent = Extent { min: -85.05112878, max: 85.05112878 };

/// Degrees, eastwards and northwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// -180 to 180.
    pub longitude: f64,
    /// -85.05112878 to 85.05112878.
    pub latitude: f64,
}

impl Point {
    /// Whether it has a score.
    pub fn is_valid(self) -> bool {
        LONGITUDE.holds(self.longitude) && LATITUDE.holds(self.latitude)
    }

    /// The score of a valid point.
    pub fn score(self) -> u64 {
        Cell::of(self, LATITUDE, STEP_MAX).bits()
    }

    /// The place that a score stands for.
    pub fn of_score(score: u64) -> Self {
        let (longitude, latitude) = Cell::of_bits(score, STEP_MAX).bounds();
        Self {
            longitude: longitude.middle().clamp(LONGITUDE.min, LONGITUDE.max),
            latitude: latitude.middle().clamp(LATITUDE.min, LATITUDE.max),
        }
    }

    /// Its geohash as others write it: eleven letters of five bits, over latitudes up to the poles.
    /// There are bits for ten letters and two more bits, so the last letter is always `0`.
    pub fn geohash(self) -> [u8; 11] {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::of(self, Extent { min: -90.0, max: 90.0 }, STEP_MAX).bits();
        let mut text = [LETTERS[0]; 11];
        for (i, letter) in text[..10].iter_mut().enumerate() {
            *letter = LETTERS[(bits >> (47 - 5 * i)) as usize % 32];
        }
        text
    }

    /// Metres to another place along the great circle (haversine).
    pub fn distance(self, other: Self) -> f64 {
        let (lon, other_lon) = (radians(self.longitude), radians(other.longitude));
        let across = ((other_lon - lon) / 2.0).sin();
        if across == 0.0 {
            return self.latitude_distance(other);
        }
        let (lat, other_lat) = (radians(self.latitude), radians(other.latitude));
        let along = ((other_lat - lat) / 2.0).sin();
        let square = along * along + lat.cos() * other_lat.cos() * across * across;
        2.0 * EARTH_RADIUS * square.sqrt().asin()
    }

    /// Metres between the circles of latitude.
    fn latitude_distance(self, other: Self) -> f64 {
        EARTH_RADIUS * (radians(other.latitude) - radians(self.latitude)).abs()
    }
}

/// Radians of one degree.
const DEGREE: f64 = std::f64::consts::PI / 180.0;

fn radians(degrees: f64) -> f64 {
    degrees * DEGREE
}

fn degrees(radians: f64) -> f64 {
    radians / DEGREE
}
