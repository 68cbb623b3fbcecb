use proptest::prelude::*;

use super::*;

const PALERMO: Point = Point { longitude: 13.361389, latitude: 38.115556 };
const CATANIA: Point = Point { longitude: 15.087269, latitude: 37.502669 };

/// Numbers as redis-server 7.0 has them.
#[test]
fn known_places_have_known_scores_hashes_and_distances() {
    assert_eq!(PALERMO.score(), 3_479_099_956_230_698);
    assert_eq!(CATANIA.score(), 3_479_447_370_796_909);
    let [palermo, catania] = [PALERMO, CATANIA].map(|place| Point::of_score(place.score()));
    assert_eq!(
        (palermo.longitude, palermo.latitude),
        (13.361_389_338_970_184, 38.115_556_395_496_3)
    );
    assert_eq!(palermo.geohash(), *b"sqc8b49rny0");
    assert_eq!(catania.geohash(), *b"sqdtr74hyu0");
    assert_eq!(format!("{:.4}", palermo.distance(catania)), "166274.1516");
}

#[test]
fn the_edges_of_the_map_have_scores_too() {
    for longitude in [LONGITUDE.min, LONGITUDE.max] {
        for latitude in [LATITUDE.min, LATITUDE.max] {
            let corner = Point { longitude, latitude };
            assert!(corner.is_valid());
            assert!(Point::of_score(corner.score()).distance(corner) < 1.0, "{corner:?}");
        }
    }
    assert!(!Point { longitude: 180.1, latitude: 0.0 }.is_valid());
    assert!(!Point { longitude: 0.0, latitude: -85.06 }.is_valid());
    assert!(!Point { longitude: f64::NAN, latitude: 0.0 }.is_valid());
}

#[test]
fn a_polygon_has_an_inside_whichever_way_it_is_told() {
    let corners = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (2.0, 1.0), (0.0, 4.0)];
    let mut vertices: Vec<Point> = corners
        .iter()
        .map(|(longitude, latitude)| Point { longitude: *longitude, latitude: *latitude })
        .collect();
    for _ in 0..2 {
        let area = Area::polygon(vertices.clone());
        let inside =
            |longitude, latitude| area.distance_inside(Point { longitude, latitude }).is_some();
        assert!(inside(0.5, 0.5) && inside(3.9, 3.0) && inside(0.1, 3.0));
        assert!(!inside(2.0, 2.0) && !inside(-1.0, 0.5) && !inside(5.0, 0.5) && !inside(2.0, 5.0));
        vertices.reverse();
    }
}

#[test]
fn a_polygon_around_the_globe_is_covered() {
    let corners = [(-179.0, -80.0), (179.0, -80.0), (179.0, 80.0), (-179.0, 80.0), (-178.0, 0.0)];
    let corner = |(longitude, latitude)| Point { longitude, latitude };
    let area = Area::polygon(corners.map(corner).to_vec());
    let ranges = area.cover();
    for longitude in (-170..=170).step_by(20) {
        for latitude in (-70..=70).step_by(10) {
            let place = corner((f64::from(longitude), f64::from(latitude)));
            assert!(area.distance_inside(place).is_some(), "{place:?}");
            assert!(ranges.iter().any(|range| range.contains(&place.score())), "{place:?}");
        }
    }
}

fn place() -> impl Strategy<Value = Point> {
    (-180.0..180.0, -85.0..85.0).prop_map(|(longitude, latitude)| Point { longitude, latitude })
}

proptest! {
    #[test]
    fn a_score_stands_for_a_place_nearby(place in place()) {
        let score = place.score();
        prop_assert!(score < 1 << 52);
        let middle = Point::of_score(score);
        prop_assert!(middle.distance(place) < 1.0);
        prop_assert_eq!(middle.score(), score);
    }

    /// The twin of the bit tricks: one bit at a time.
    #[test]
    fn the_bits_of_both_coordinates_take_turns(place in place(), step in 1..=STEP_MAX) {
        let bits = Cell::of(place, LATITUDE, step).bits();
        prop_assert_eq!(Cell::of_bits(bits, step).bits(), bits);
        let (mut longitude, mut latitude) = (LONGITUDE, LATITUDE);
        for bit in (0..2 * step).rev() {
            let (extent, degrees) = match bit % 2 {
                1 => (&mut longitude, place.longitude),
                _ => (&mut latitude, place.latitude),
            };
            let middle = extent.middle();
            let upper = degrees >= middle;
            *(if upper { &mut extent.min } else { &mut extent.max }) = middle;
            prop_assert_eq!(bits >> bit & 1 == 1, upper);
        }
    }

    #[test]
    fn the_ranges_of_scores_hold_every_place_inside(
        centre in (-170.0..170.0, -60.0..60.0)
            .prop_map(|(longitude, latitude)| Point { longitude, latitude }),
        size in 10.0..500_000.0,
        shape in 0..3,
        offsets in proptest::collection::vec((-1.0..1.0, -1.0..1.0), 30),
    ) {
        let offset = |(east, north): (f64, f64)| Point {
            longitude: centre.longitude + east * size / 60_000.0,
            latitude: centre.latitude + north * size / 110_000.0,
        };
        let area = match shape {
            0 => Area { centre, shape: Shape::Circle { radius: size } },
            1 => Area { centre, shape: Shape::Rectangle { width: size, height: size / 2.0 } },
            _ => Area::polygon(offsets[..5].iter().map(|at| offset(*at)).collect()),
        };
        let ranges = area.cover();
        for place in offsets.into_iter().map(offset) {
            let place = Point::of_score(place.score());
            if area.distance_inside(place).is_some() {
                let found = ranges.iter().filter(|range| range.contains(&place.score())).count();
                prop_assert_eq!(found, 1, "{:?} of {:?}", place, area);
            }
        }
    }
}
