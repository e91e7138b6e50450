//! Computes an asteroid's position in the solar system from its position in the sky.

use super::sky::{ECLIPTIC, Vector, angles, dot, rotate, unit};

/// The positions of asteroid, Earth and Sun. Lengths are in astronomical units, angles in degrees, and vectors
/// ecliptic.
#[derive(Clone, Debug, Default)]
pub struct Geometry {
    /// The vector from the Sun to the asteroid.
    pub helio: Vector,
    /// The vector from the Earth to the asteroid.
    pub topo: Vector,
    /// The length of `helio`.
    pub helio_range: f64,
    /// The length of `topo`.
    pub topo_range: f64,
    /// The angle at the Earth between the asteroid and the Sun.
    pub elongation: f64,
    /// The angle at the asteroid between the Earth and the Sun.
    pub phase: f64,
}

impl Geometry {
    /// The geometry of an asteroid that is seen at a position (degrees) and time, at this distance from the Sun (more
    /// than 1.02).
    pub fn new(ra: f64, dec: f64, mjd: f64, helio_range: f64) -> Geometry {
        let towards = rotate(&ECLIPTIC, unit(ra, dec));
        let sun = sun(mjd);
        // The line of sight meets the sphere around the Sun only once, because the Earth is inside the sphere.
        let along = dot(sun, towards);
        let topo_range = along + (along * along - dot(sun, sun) + helio_range * helio_range).sqrt();
        let topo = towards.map(|part| part * topo_range);
        let helio: Vector = std::array::from_fn(|axis| topo[axis] - sun[axis]);
        Geometry {
            helio,
            topo,
            helio_range,
            topo_range,
            elongation: (along / dot(sun, sun).sqrt()).acos().to_degrees(),
            phase: (dot(helio, topo) / (helio_range * topo_range)).acos().to_degrees(),
        }
    }

    /// The absolute magnitude of an asteroid with this apparent magnitude (the phase slope is 0.04 magnitudes per
    /// degree).
    pub fn absolute(&self, magnitude: f64) -> f64 {
        magnitude - 5.0 * (self.helio_range * self.topo_range).log10() - 0.04 * self.phase
    }
}

/// The vector from the Earth to the Sun (Astronomical Almanac, low precision: 0.01°).
fn sun(mjd: f64) -> Vector {
    let days = mjd - 51_544.5;
    let anomaly = (357.528 + 0.985_600_3 * days).to_radians();
    let longitude = 280.460 + 0.985_647_4 * days + 1.915 * anomaly.sin() + 0.020 * (2.0 * anomaly).sin();
    let range = 1.000_14 - 0.016_71 * anomaly.cos() - 0.000_14 * (2.0 * anomaly).cos();
    unit(longitude, 0.0).map(|part| part * range)
}

/// The ecliptic longitude and latitude of a position, in degrees.
pub fn ecliptic(ra: f64, dec: f64) -> (f64, f64) {
    angles(rotate(&ECLIPTIC, unit(ra, dec)))
}

/// The designations of the `number`th simulated asteroid, packed and unpacked: `K26Q13A` and `2026 QA13`
/// (<https://www.minorplanetcenter.net/iau/info/PackedDes.html>). They repeat after some nine million.
pub fn designations(number: u64) -> (String, String) {
    const LETTERS: &[u8; 25] = b"ABCDEFGHJKLMNOPQRSTUVWXYZ";
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let (rest, letter) = (number / 25, LETTERS[(number % 25) as usize] as char);
    let (rest, half_month) = (rest / 24, LETTERS[(rest % 24) as usize] as char);
    let (rest, year) = (rest / 26, rest % 26);
    let cycle = rest % 620;
    let packed = format!("K{year:02}{half_month}{}{}{letter}", DIGITS[cycle as usize / 10] as char, cycle % 10);
    let count = if cycle == 0 { String::new() } else { cycle.to_string() };
    (packed, format!("20{year:02} {half_month}{letter}{count}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_and_angles_close() {
        // A position opposite the Sun at the June solstice: a fully lit asteroid of the main belt.
        let opposite = Geometry::new(270.0, -23.44, 61_212.4, 2.5);
        assert!((opposite.elongation - 180.0).abs() < 1.0 && opposite.phase < 0.5, "{opposite:?}");
        assert!((opposite.topo_range - 1.484).abs() < 0.01);
        assert!((dot(opposite.helio, opposite.helio).sqrt() - 2.5).abs() < 1e-9);
    }

    #[test]
    fn designations_are_packed_as_the_minor_planet_center_does() {
        assert_eq!(designations(0), ("K00A00A".into(), "2000 AA".into()));
        let (packed, unpacked) = designations(25 * 24 * 26 * 613 + 25 * (24 * 26 - 1) + 1);
        assert_eq!((packed.as_str(), unpacked.as_str()), ("K25Yz3B", "2025 YB613"));
    }
}
