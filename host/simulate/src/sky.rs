//! Positions on the sky and on the camera, and conversions between them.

use super::random::Random;
use super::telescope::Camera;

/// The position of a source.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Right ascension in degrees.
    pub ra: f64,
    /// Declination in degrees.
    pub dec: f64,
    /// The number of the detector that sees it.
    pub detector: i64,
    /// Its column on the detector, in pixels.
    pub x: f64,
    /// Its row on the detector, in pixels.
    pub y: f64,
    /// The size of the detector's pixels, in degrees.
    pub pixel: f64,
}

impl Place {
    /// Draws a position in the field around `centre`.
    pub fn draw(camera: &Camera, centre: (f64, f64), random: &mut Random) -> Place {
        let Camera { across, pitch, sides, margin, .. } = *camera;
        let (middle, pixel) = ((across - 1) as f64 / 2.0, camera.pixel / 3600.0);
        loop {
            let (column, row) = (random.below(across), random.below(across));
            let x = random.between(margin, sides.0 - margin);
            let y = random.between(margin, sides.1 - margin);
            let west = (column as f64 - middle) * pitch + (x - sides.0 / 2.0) * pixel;
            let north = (row as f64 - middle) * pitch + (y - sides.1 / 2.0) * pixel;
            let detector = (camera.detector)(column, row).filter(|_| west.hypot(north) < camera.radius);
            if let Some(detector) = detector {
                let (ra, dec) = offset(centre, -west, north);
                return Place { ra, dec, detector, x, y, pixel };
            }
        }
    }

    /// Returns this position moved to the east and to the north, by small angles in degrees.
    pub fn moved(&self, east: f64, north: f64) -> Place {
        Place {
            ra: (self.ra + east / self.dec.to_radians().cos()).rem_euclid(360.0),
            dec: self.dec + north,
            x: self.x - east / self.pixel,
            y: self.y + north / self.pixel,
            ..*self
        }
    }
}

/// The position at (east, north) on a plane that touches the sky at `centre` (gnomonic projection); all angles in
/// degrees.
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

/// The unit vector towards a position given in degrees.
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

/// The rows of the rotation from equatorial (J2000) to ecliptic coordinates.
pub const ECLIPTIC: [Vector; 3] =
    [[1.0, 0.0, 0.0], [0.0, 0.917_482_06, 0.397_777_16], [0.0, -0.397_777_16, 0.917_482_06]];

/// The rows of the rotation from equatorial (J2000) to galactic coordinates (Hipparcos catalogue, vol. 1, 1.5.3).
pub const GALACTIC: [Vector; 3] = [
    [-0.054_875_560_4, -0.873_437_090_2, -0.483_835_015_5],
    [0.494_109_427_9, -0.444_829_629_9, 0.746_982_244_5],
    [-0.867_666_149_0, -0.198_076_373_4, 0.455_983_776_2],
];

/// Transforms a vector to the axes given by `rows`.
pub fn rotate(rows: &[Vector; 3], vector: Vector) -> Vector {
    rows.map(|row| dot(row, vector))
}

#[cfg(test)]
mod tests {
    use super::super::telescope::LSST;
    use super::*;

    #[test]
    fn places_are_within_the_field() {
        let centre = (359.5, -60.0);
        let mut random = Random::new(&[1]);
        for _ in 0..1000 {
            let place = Place::draw(&LSST.camera, centre, &mut random);
            let distance = dot(unit(place.ra, place.dec), unit(centre.0, centre.1)).acos().to_degrees();
            assert!(distance < LSST.camera.radius, "{place:?}");
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
