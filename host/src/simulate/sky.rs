//! Places: on the sky, on the camera, and from one to the other.

use super::random::Random;

/// Arcseconds that a pixel covers.
pub const PIXEL: f64 = 0.2;
const DEGREES_PER_PIXEL: f64 = PIXEL / 3600.0;
/// The field of view's radius in degrees.
pub const RADIUS: f64 = 1.75;
/// The camera: 15 × 15 detectors of 4072 × 4000 pixels without the corners, 9 to a raft.
const ACROSS: usize = 15;
const PITCH: f64 = 2.0 * RADIUS / ACROSS as f64;
const SIDES: (f64, f64) = (4072.0, 4000.0);
/// Sources keep this far from a detector's edge, so that their cutouts are whole and asteroids stay on it.
const MARGIN: f64 = 200.0;

/// Where a source is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Right ascension in degrees.
    pub ra: f64,
    /// Declination in degrees.
    pub dec: f64,
    /// The detector that sees it, 0 to 188.
    pub detector: i64,
    /// Its column there, in pixels.
    pub x: f64,
    /// Its row there, in pixels.
    pub y: f64,
}

impl Place {
    /// Anywhere in the field around `centre`.
    pub fn draw(centre: (f64, f64), random: &mut Random) -> Place {
        loop {
            let (column, row) = (random.below(ACROSS), random.below(ACROSS));
            let x = random.between(MARGIN, SIDES.0 - MARGIN);
            let y = random.between(MARGIN, SIDES.1 - MARGIN);
            let west = (column as f64 - 7.0) * PITCH + (x - SIDES.0 / 2.0) * DEGREES_PER_PIXEL;
            let north = (row as f64 - 7.0) * PITCH + (y - SIDES.1 / 2.0) * DEGREES_PER_PIXEL;
            if let Some(detector) = detector(column, row).filter(|_| west.hypot(north) < RADIUS) {
                let (ra, dec) = offset(centre, -west, north);
                return Place { ra, dec, detector, x, y };
            }
        }
    }

    /// Moved by so many degrees (small) to the east and the north.
    pub fn moved(&self, east: f64, north: f64) -> Place {
        Place {
            ra: (self.ra + east / self.dec.to_radians().cos()).rem_euclid(360.0),
            dec: self.dec + north,
            detector: self.detector,
            x: self.x - east / DEGREES_PER_PIXEL,
            y: self.y + north / DEGREES_PER_PIXEL,
        }
    }
}

/// The number of a detector; the camera's corners have none.
fn detector(column: usize, row: usize) -> Option<i64> {
    // Rafts are numbered row by row; the first and the last row have three of them, the others five.
    const FIRST_RAFTS: [usize; 5] = [0, 3, 8, 13, 18];
    let (raft_column, raft_row) = (column / 3, row / 3);
    let (short, edge) = ([0, 4].contains(&raft_row), [0, 4].contains(&raft_column));
    let raft = FIRST_RAFTS[raft_row] + raft_column - usize::from(short && !edge);
    (!(short && edge)).then_some((raft * 9 + row % 3 * 3 + column % 3) as i64)
}

/// The place that a plane touching the sky at `centre` has at (east, north); all in degrees (gnomonic projection).
fn offset(centre: (f64, f64), east: f64, north: f64) -> (f64, f64) {
    let (xi, eta) = (east.to_radians(), north.to_radians());
    let (sin, cos) = centre.1.to_radians().sin_cos();
    let down = cos - eta * sin;
    let ra = centre.0 + xi.atan2(down).to_degrees();
    let dec = (sin + eta * cos).atan2(xi.hypot(down)).to_degrees();
    (ra.rem_euclid(360.0), dec)
}

/// A direction or position in space.
pub type Vector = [f64; 3];

/// The unit vector to a place given in degrees.
pub fn unit(longitude: f64, latitude: f64) -> Vector {
    let ((sin_l, cos_l), (sin_b, cos_b)) = (longitude.to_radians().sin_cos(), latitude.to_radians().sin_cos());
    [cos_b * cos_l, cos_b * sin_l, sin_b]
}

/// The longitude (0 to 360) and latitude of a direction, in degrees.
pub fn angles([x, y, z]: Vector) -> (f64, f64) {
    (y.atan2(x).to_degrees().rem_euclid(360.0), z.atan2(x.hypot(y)).to_degrees())
}

/// The scalar product.
pub fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Rows of the rotation from equatorial (J2000) to ecliptic coordinates.
pub const ECLIPTIC: [Vector; 3] =
    [[1.0, 0.0, 0.0], [0.0, 0.917_482_06, 0.397_777_16], [0.0, -0.397_777_16, 0.917_482_06]];

/// Rows of the rotation from equatorial (J2000) to galactic coordinates (Hipparcos catalogue, vol. 1, 1.5.3).
pub const GALACTIC: [Vector; 3] = [
    [-0.054_875_560_4, -0.873_437_090_2, -0.483_835_015_5],
    [0.494_109_427_9, -0.444_829_629_9, 0.746_982_244_5],
    [-0.867_666_149_0, -0.198_076_373_4, 0.455_983_776_2],
];

/// A vector in the axes of `rows`.
pub fn rotate(rows: &[Vector; 3], vector: Vector) -> Vector {
    rows.map(|row| dot(row, vector))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_camera_has_189_detectors() {
        let mut numbers: Vec<i64> =
            (0..ACROSS).flat_map(|column| (0..ACROSS).filter_map(move |row| detector(column, row))).collect();
        numbers.sort();
        assert_eq!(numbers, (0..189).collect::<Vec<_>>());
    }

    #[test]
    fn places_are_within_the_field() {
        let centre = (359.5, -60.0);
        let mut random = Random::new(&[1]);
        for _ in 0..1000 {
            let place = Place::draw(centre, &mut random);
            let distance = dot(unit(place.ra, place.dec), unit(centre.0, centre.1)).acos().to_degrees();
            assert!(distance < RADIUS, "{place:?}");
            assert!((0.0..360.0).contains(&place.ra));
        }
    }

    #[test]
    fn the_galactic_centre_is_where_it_is() {
        let (longitude, latitude) = angles(rotate(&GALACTIC, unit(266.405, -28.936)));
        assert!((longitude - 360.0).abs().min(longitude) < 0.01 && latitude.abs() < 0.01, "{longitude} {latitude}");
        let (longitude, latitude) = angles(rotate(&ECLIPTIC, unit(90.0, 23.4393)));
        assert!((longitude - 90.0).abs() < 0.001 && latitude.abs() < 0.001, "{longitude} {latitude}");
    }
}
