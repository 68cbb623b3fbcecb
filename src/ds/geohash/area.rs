//! Areas: which places lie inside, and which ranges of scores hold them all.

use super::cell::{Cell, Extent, STEP_MAX};
use super::{EARTH_RADIUS, LATITUDE, Point, degrees, radians};
use std::ops::Range;

/// Half of the equator in metres, on the square map.
const MAP_RADIUS: f64 = 20_037_726.37;

/// The outline of an [`Area`].
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// All within so many metres of the centre.
    Circle {
        /// Metres.
        radius: f64,
    },
    /// Between two circles of latitude and two arcs.
    Rectangle {
        /// Metres from west to east.
        width: f64,
        /// Metres from south to north.
        height: f64,
    },
    /// Inside straight lines on the map between these points in turn, and from the last to the
    /// first.
    Polygon(Vec<Point>),
}

/// A part of the globe.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// What distances are measured from.
    pub centre: Point,
    /// What lies inside.
    pub shape: Shape,
}

impl Area {
    /// A polygon of at least three valid points, around the middle of its vertices on the globe.
    pub fn polygon(vertices: Vec<Point>) -> Self {
        let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
        for vertex in &vertices {
            let (lon, lat) = (radians(vertex.longitude), radians(vertex.latitude));
            x += lat.cos() * lon.cos();
            y += lat.cos() * lon.sin();
            z += lat.sin();
        }
        let n = vertices.len() as f64;
        let (x, y, z) = (x / n, y / n, z / n);
        let centre = Point {
            longitude: degrees(y.atan2(x)),
            latitude: degrees(z.atan2((x * x + y * y).sqrt())),
        };
        Self { centre, shape: Shape::Polygon(vertices) }
    }

    /// The distance of a place from the centre, in metres, if it lies inside.
    pub fn distance_inside(&self, place: Point) -> Option<f64> {
        let inside = match &self.shape {
            Shape::Circle { radius } => {
                let distance = self.centre.distance(place);
                return (distance <= *radius).then_some(distance);
            }
            Shape::Rectangle { width, height } => {
                let level = Point { latitude: place.latitude, ..self.centre };
                place.latitude_distance(self.centre) <= height / 2.0
                    && place.distance(level) <= width / 2.0
            }
            Shape::Polygon(vertices) => is_inside(vertices, place),
        };
        inside.then(|| self.centre.distance(place))
    }

    /// Ranges of scores that hold every place inside: those of the cell that holds the centre and
    /// of its neighbours, in a grid coarse enough for that. They do not overlap; their order is
    /// Redis's, and with it that of unsorted results.
    pub fn cover(&self) -> Vec<Range<u64>> {
        let bounds = self.bounds();
        let mut step = self.step(bounds);
        let mut cell = Cell::of(self.centre, LATITUDE, step);
        // The step of a circle or rectangle is too fine by one at most. A polygon may go around the
        // globe, and its corners be nearer than its bounds are wide.
        let tries = if matches!(self.shape, Shape::Polygon(_)) { step } else { 1 };
        for _ in 0..tries {
            if step > 1 && !reaches(cell, bounds) {
                step -= 1;
                cell = Cell::of(self.centre, LATITUDE, step);
            }
        }
        let mut ranges: Vec<Range<u64>> = Vec::with_capacity(9);
        for (east, north) in NEIGHBOURS {
            if step > 1 && is_needless(cell, bounds, (east, north)) {
                continue;
            }
            let scores = cell.neighbour(east, north).scores();
            // In the coarsest grids both neighbours are the same cell.
            if !ranges.contains(&scores) {
                ranges.push(scores);
            }
        }
        ranges
    }

    /// Longitudes and latitudes between which the area lies. The longitudes may lie beyond the
    /// map's edge.
    fn bounds(&self) -> (Extent, Extent) {
        let (half_width, half_height) = match &self.shape {
            Shape::Circle { radius } => (*radius, *radius),
            Shape::Rectangle { width, height } => (width / 2.0, height / 2.0),
            Shape::Polygon(vertices) => return bounds_of(vertices),
        };
        let Point { longitude, latitude } = self.centre;
        let north = degrees(half_height / EARTH_RADIUS);
        let latitudes = Extent { min: latitude - north, max: latitude + north };
        // The edge nearer to a pole is where a width takes the most degrees.
        let outer = if latitude < 0.0 { latitudes.min } else { latitudes.max };
        let east = degrees(half_width / EARTH_RADIUS / radians(outer).cos());
        (Extent { min: longitude - east, max: longitude + east }, latitudes)
    }

    /// The step of the finest grid in which nine cells may cover the area.
    fn step(&self, (longitudes, latitudes): (Extent, Extent)) -> u32 {
        let mut radius = match &self.shape {
            Shape::Circle { radius } => *radius,
            Shape::Rectangle { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
            Shape::Polygon(_) => {
                let corners = [longitudes.min, longitudes.max].map(|longitude| {
                    [latitudes.min, latitudes.max].map(|latitude| Point { longitude, latitude })
                });
                let distances = corners.as_flattened().iter().map(|c| self.centre.distance(*c));
                distances.fold(0.0, f64::max)
            }
        };
        if radius == 0.0 {
            return STEP_MAX;
        }
        let mut step = 1;
        while radius < MAP_RADIUS {
            radius *= 2.0;
            step += 1;
        }
        // Cells narrow towards the poles.
        let latitude = self.centre.latitude.abs();
        let narrow = i32::from(latitude > 66.0) + i32::from(latitude > 80.0);
        (step - 2 - narrow).clamp(1, STEP_MAX as i32) as u32
    }
}

/// The cell of the centre and those around it: columns to the east, rows to the north.
const NEIGHBOURS: [(i32, i32); 9] =
    [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

/// Whether the cells around this one reach as far as the bounds.
fn reaches(cell: Cell, (longitudes, latitudes): (Extent, Extent)) -> bool {
    let of = |east, north| cell.neighbour(east, north).bounds();
    of(0, 1).1.max >= latitudes.max
        && of(0, -1).1.min <= latitudes.min
        && of(1, 0).0.max >= longitudes.max
        && of(-1, 0).0.min <= longitudes.min
}

/// Whether the cell itself goes beyond the bounds on the side where this neighbour lies.
fn is_needless(cell: Cell, bounds: (Extent, Extent), (east, north): (i32, i32)) -> bool {
    let (longitudes, latitudes) = cell.bounds();
    (north < 0 && latitudes.min < bounds.1.min)
        || (north > 0 && latitudes.max > bounds.1.max)
        || (east < 0 && longitudes.min < bounds.0.min)
        || (east > 0 && longitudes.max > bounds.0.max)
}

fn bounds_of(vertices: &[Point]) -> (Extent, Extent) {
    let extent = |of: fn(&Point) -> f64| {
        let all = vertices.iter().map(of);
        let (min, max) =
            (all.clone().fold(f64::INFINITY, f64::min), all.fold(f64::NEG_INFINITY, f64::max));
        Extent { min, max }
    };
    (extent(|vertex| vertex.longitude), extent(|vertex| vertex.latitude))
}

/// Whether a ray from `place` eastwards crosses the outline an odd number of times.
fn is_inside(vertices: &[Point], place: Point) -> bool {
    let Some(mut before) = vertices.last() else { return false };
    let mut inside = false;
    for vertex in vertices {
        if (vertex.latitude > place.latitude) != (before.latitude > place.latitude) {
            let slope = (before.longitude - vertex.longitude) / (before.latitude - vertex.latitude);
            let crossing = slope * (place.latitude - vertex.latitude) + vertex.longitude;
            inside ^= place.longitude < crossing;
        }
        before = vertex;
    }
    inside
}
