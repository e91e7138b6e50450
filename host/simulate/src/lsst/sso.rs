//! `ssSource` and `mpc_orbits`: what is known about an asteroid.

use super::super::encode::Getter;
use super::super::encode::Value::{self, Real, Text, Whole};
use super::super::object::Object;
use super::super::random::Random;
use super::super::schedule::Exposure;
use super::super::sky::{GALACTIC, Place, angles, rotate, unit};
use super::super::solar::{Geometry, designations, ecliptic};

/// An asteroid as it was seen, and its orbit.
pub struct Asteroid {
    /// Its `ssObjectId`: the characters of its packed designation as one number.
    pub id: i64,
    source: i64,
    packed: String,
    designation: String,
    /// The position where it was found.
    found: Place,
    /// The position predicted by its orbit.
    expected: Place,
    geometry: Geometry,
    magnitude: f64,
    /// The motion to the east and to the north, in degrees per day.
    motion: [f64; 2],
    orbit: Orbit,
}

struct Orbit {
    axis: f64,
    eccentricity: f64,
    inclination: f64,
    node: f64,
    perihelion: f64,
    anomaly: f64,
    epoch: f64,
}

impl Asteroid {
    /// Makes the asteroid that `object` is. `number` is unique within the field and the night.
    pub fn new(object: &Object, exposure: &Exposure, number: u64, flux: f64) -> Asteroid {
        let (packed, designation) = designations(number);
        let mut random = Random::new(&[object.key]);
        let near = object.motion[0].hypot(object.motion[1]) > 0.5;
        let range = if near { random.between(1.05, 1.4) } else { random.between(1.9, 3.4) };
        let expected = object.place(exposure);
        let geometry = Geometry::new(expected.ra, expected.dec, exposure.mjd, range);
        let eccentricity = random.between(0.02, 0.3);
        let orbit = Orbit {
            axis: range * random.between(1.0 - eccentricity / 2.0, 1.0 + eccentricity / 2.0),
            eccentricity,
            inclination: angles(geometry.helio).1.abs() + random.between(0.0, 3.0),
            node: random.between(0.0, 360.0),
            perihelion: random.between(0.0, 360.0),
            anomaly: random.between(0.0, 360.0),
            epoch: exposure.mjd.floor(),
        };
        Asteroid {
            id: packed.bytes().fold(0, |id, letter| id << 8 | i64::from(letter)),
            source: 0,
            packed,
            designation,
            found: expected,
            expected,
            geometry,
            magnitude: 31.4 - 2.5 * flux.max(1.0).log10() + [-1.4, -0.3, 0.2, 0.3, 0.3, 0.3][exposure.band as usize],
            motion: object.motion,
            orbit,
        }
    }

    /// Adds the source as which it was found, and its position.
    pub fn found(self, source: i64, found: Place) -> Asteroid {
        Asteroid { source, found, ..self }
    }

    /// The offset of the found position from the predicted one, to the east and to the north, in arcseconds.
    fn offset(&self) -> [f64; 2] {
        let east = (self.found.ra - self.expected.ra + 540.0).rem_euclid(360.0) - 180.0;
        [east * self.expected.dec.to_radians().cos() * 3600.0, (self.found.dec - self.expected.dec) * 3600.0]
    }

    /// The same offset, along the asteroid's path and to the left of it.
    fn offset_on_path(&self) -> [f64; 2] {
        let ([east, north], [x, y]) = (self.motion, self.offset());
        let speed = east.hypot(north);
        [(x * east + y * north) / speed, (y * east - x * north) / speed]
    }
}

/// The fields of `ssSource`: angles are in degrees, offsets in arcseconds, ranges in astronomical units, and rates in
/// degrees per day.
pub fn ss_source(name: &str) -> Option<Getter<Asteroid>> {
    match name {
        "diaSourceId" => get(|a| Whole(a.source)),
        "ssObjectId" => get(|a| Whole(a.id)),
        "designation" => get(|a| Text(&a.designation)),
        "eclLambda" => get(|a| Real(ecliptic(a.found.ra, a.found.dec).0)),
        "eclBeta" => get(|a| Real(ecliptic(a.found.ra, a.found.dec).1)),
        "galLon" => get(|a| Real(angles(rotate(&GALACTIC, unit(a.found.ra, a.found.dec))).0)),
        "galLat" => get(|a| Real(angles(rotate(&GALACTIC, unit(a.found.ra, a.found.dec))).1)),
        "elongation" => get(|a| Real(a.geometry.elongation)),
        "phaseAngle" => get(|a| Real(a.geometry.phase)),
        "topoRange" => get(|a| Real(a.geometry.topo_range)),
        "helioRange" => get(|a| Real(a.geometry.helio_range)),
        "ephRa" => get(|a| Real(a.expected.ra)),
        "ephDec" => get(|a| Real(a.expected.dec)),
        "ephVmag" => get(|a| Real(a.magnitude)),
        "ephRate" => get(|a| Real(a.motion[0].hypot(a.motion[1]))),
        "ephRateRa" => get(|a| Real(a.motion[0])),
        "ephRateDec" => get(|a| Real(a.motion[1])),
        "ephOffset" => get(|a| Real(a.offset()[0].hypot(a.offset()[1]))),
        "ephOffsetRa" => get(|a| Real(a.offset()[0])),
        "ephOffsetDec" => get(|a| Real(a.offset()[1])),
        "ephOffsetAlongTrack" => get(|a| Real(a.offset_on_path()[0])),
        "ephOffsetCrossTrack" => get(|a| Real(a.offset_on_path()[1])),
        "diaDistanceRank" => Some(Getter::Same(Whole(1))),
        _ => {
            let (from, axis) = name.split_once('_')?;
            let axis = ["x", "y", "z"].iter().position(|candidate| *candidate == axis)?;
            match from {
                "helio" => get(move |a| Real(a.geometry.helio[axis])),
                "topo" => get(move |a| Real(a.geometry.topo[axis])),
                _ => None,
            }
        }
    }
}

/// The fields of `mpc_orbits`, for a plain ellipse.
pub fn orbit(name: &str) -> Option<Getter<Asteroid>> {
    match name {
        "id" => get(|a| Whole(a.id & 0x7fff_ffff)),
        "designation" | "unpacked_primary_provisional_designation" => get(|a| Text(&a.designation)),
        "packed_primary_provisional_designation" => get(|a| Text(&a.packed)),
        "a" => get(|a| Real(a.orbit.axis)),
        "q" => get(|a| Real(a.orbit.axis * (1.0 - a.orbit.eccentricity))),
        "e" => get(|a| Real(a.orbit.eccentricity)),
        "i" => get(|a| Real(a.orbit.inclination)),
        "node" => get(|a| Real(a.orbit.node)),
        "argperi" => get(|a| Real(a.orbit.perihelion)),
        "mean_anomaly" => get(|a| Real(a.orbit.anomaly)),
        "period" => get(|a| Real(365.25 * a.orbit.axis.powf(1.5))),
        "mean_motion" => get(|a| Real(360.0 / (365.25 * a.orbit.axis.powf(1.5)))),
        "epoch_mjd" => get(|a| Real(a.orbit.epoch)),
        "h" => get(|a| Real(a.geometry.absolute(a.magnitude))),
        "g" => Some(Getter::Same(Real(0.15))),
        _ => None,
    }
}

fn get(getter: impl Fn(&Asteroid) -> Value<'_> + Send + Sync + 'static) -> Option<Getter<Asteroid>> {
    Some(Getter::Of(Box::new(getter)))
}
