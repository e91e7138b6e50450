//! What other surveys have near a source.

use std::f64::consts::TAU;

use super::super::band::Band;
use super::super::object::{Object, Population};
use super::super::random::Random;
use super::super::sky::Place;
use super::frame::magnitude;

/// The radius around a source in which Pan-STARRS is searched, in arcseconds, and the smallest and largest number of
/// sources found there.
const AROUND: f64 = 30.0;
const MATCHES: (f64, f64) = (3.0, 15.0);
/// The magnitude of the faintest stars in Gaia.
const GAIA: f64 = 20.7;

/// What other surveys have near a source.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The three nearest sources of Pan-STARRS.
    pub nearest: [Neighbour; 3],
    /// The number of sources within 30 arcseconds.
    pub matches: i64,
    /// Gaia's nearest star: its distance in arcseconds, and its magnitude.
    pub gaia: [f64; 2],
    /// The same for the nearest star brighter than magnitude 14.
    pub gaia_bright: [f64; 2],
}

/// A source of Pan-STARRS.
#[derive(Clone, Copy, Debug)]
pub struct Neighbour {
    /// Its id, which is composed from its position.
    pub id: i64,
    /// Its magnitudes in g, r, i, z.
    pub magnitudes: [f64; 4],
    /// The probability that it is a star, from 0 to 1.
    pub star: f64,
    /// Its distance from the source in arcseconds.
    pub distance: f64,
}

impl Catalogue {
    /// Returns the surroundings of an object at `place`, which are always the same.
    pub fn new(object: &Object, place: &Place) -> Catalogue {
        let mut random = Random::new(&[object.key, 5]);
        let itself = Neighbour::itself(object, place, &mut random);
        let mut distance = 1.6;
        let mut other = || {
            distance += random.between(0.5, 9.0);
            Neighbour::other(place, distance, &mut random)
        };
        let others = [other(), other(), other()];
        let nearest = match itself {
            Some(itself) => [itself, others[0], others[1]],
            None => others,
        };
        let star = nearest.iter().find(|source| source.star > 0.5 && source.magnitudes[1] < GAIA);
        let far = [random.between(AROUND, 90.0), random.between(15.0, GAIA)];
        Catalogue {
            nearest,
            matches: random.between(MATCHES.0, MATCHES.1) as i64,
            gaia: star.map_or(far, |star| [star.distance, star.magnitudes[1]]),
            gaia_bright: [random.between(AROUND, 90.0), random.between(11.0, 14.0)],
        }
    }
}

impl Neighbour {
    /// The object itself, or the galaxy that it is in.
    fn itself(object: &Object, place: &Place, random: &mut Random) -> Option<Neighbour> {
        let star = match object.population {
            Population::VariableStar => random.between(0.85, 1.0),
            Population::ActiveGalaxy => random.between(0.05, 0.6),
            Population::Supernova => random.between(0.0, 0.2),
            Population::Artefact if object.template[Band::R as usize] > 0.0 => random.between(0.9, 1.0),
            Population::Asteroid | Population::Artefact => return None,
        };
        let bands = [Band::G, Band::R, Band::I, Band::Z];
        let magnitudes = bands.map(|band| magnitude(object.template[band as usize]));
        let distance = random.between(0.05, 0.4 + object.extent / 4.0);
        Some(Neighbour { id: id(place, distance, random), magnitudes, star, distance })
    }

    /// A source that happens to be near.
    fn other(place: &Place, distance: f64, random: &mut Random) -> Neighbour {
        let red = random.between(18.0, 22.0);
        let magnitudes = [0.6, 0.0, -0.2, -0.3].map(|colour| red + colour * random.between(0.8, 1.2));
        let star = if random.below(2) == 0 { random.between(0.0, 0.2) } else { random.between(0.8, 1.0) };
        Neighbour { id: id(place, distance, random), magnitudes, star, distance }
    }
}

/// An id as Pan-STARRS composes it: from the number of a strip of half an arcminute, and from the right ascension.
fn id(place: &Place, distance: f64, random: &mut Random) -> i64 {
    let angle = TAU * random.unit();
    let there = place.moved(distance / 3600.0 * angle.cos(), distance / 3600.0 * angle.sin());
    ((there.dec + 90.0) * 120.0) as i64 * 10_000_000_000_000 + (there.ra * 1e10) as i64
}
