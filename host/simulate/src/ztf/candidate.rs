//! `candidate`: the source that an alert is about.

use super::super::encode::Getter;
use super::super::encode::Value::{self, Real, Text, Whole};
use super::super::object::Object;
use super::super::solar::designations;
use super::catalogue::Catalogue;
use super::detection::{Detection, source_field};
use super::frame::Frame;

/// The values of text and number fields without information.
const NO_NAME: &str = "null";
const NO_NUMBER: f64 = -999.0;

/// A source, and what is known about its surroundings.
pub struct Candidate {
    /// The source.
    pub detection: Detection,
    /// The known sources near it.
    pub catalogue: Catalogue,
    /// The asteroid, if it is one.
    pub asteroid: Option<Asteroid>,
    /// How often it was found, including this time, and how often its position was looked at.
    pub counts: [i64; 2],
    /// The Julian date at which it was first found.
    pub first: f64,
}

/// A known asteroid.
pub struct Asteroid {
    name: String,
    /// The distance from its predicted position, in arcseconds.
    distance: f64,
    magnitude: f64,
}

impl Asteroid {
    /// Makes the asteroid with that number, which `object` is, and as which it was found.
    pub fn new(number: u64, object: &Object, found: &Detection) -> Asteroid {
        let Detection { frame, place, measurement, .. } = found;
        let expected = object.place(&frame.exposure);
        let east = (place.ra - expected.ra + 540.0).rem_euclid(360.0) - 180.0;
        Asteroid {
            name: designations(number).1.replace(' ', ""),
            distance: 3600.0 * (east * place.dec.to_radians().cos()).hypot(place.dec - expected.dec),
            magnitude: super::frame::magnitude(measurement.flux.abs()),
        }
    }
}

impl Candidate {
    /// Returns a value that only asteroids have, or a number for "none".
    fn asteroids(&self, value: impl Fn(&Asteroid) -> f64) -> f64 {
        self.asteroid.as_ref().map_or(NO_NUMBER, value)
    }

    fn frame(&self) -> &Frame {
        &self.detection.frame
    }

    /// The scatter of the image, in counts.
    fn spread(&self) -> f64 {
        self.detection.measurement.snr() * self.frame().noise()
    }
}

/// The fields of `candidate`.
pub fn candidate(name: &str) -> Option<Getter<Candidate>> {
    neighbour(name).or_else(|| known(name)).or_else(|| history(name)).or_else(|| image(name)).or_else(|| {
        source_field(name).map(|getter| match getter {
            Getter::Same(value) => Getter::Same(value),
            Getter::Of(get) => Getter::Of(Box::new(move |candidate: &Candidate| get(&candidate.detection))),
        })
    })
}

/// The fields of a `prv_candidate`, for which asteroids are not looked up again.
pub fn previous(name: &str) -> Option<Getter<Detection>> {
    source_field(name)
}

/// Fields about Pan-STARRS' sources, which are numbered by their rank.
fn neighbour(name: &str) -> Option<Getter<Candidate>> {
    let (name, rank) = name.split_at_checked(name.len().checked_sub(1)?)?;
    let rank = rank.parse::<usize>().ok().filter(|rank| (1..=3).contains(rank))? - 1;
    let bands = ["sgmag", "srmag", "simag", "szmag"];
    match name {
        "objectidps" => get(move |c| Whole(c.catalogue.nearest[rank].id)),
        "sgscore" => get(move |c| Real(c.catalogue.nearest[rank].star)),
        "distpsnr" => get(move |c| Real(c.catalogue.nearest[rank].distance)),
        _ => {
            let band = bands.iter().position(|band| *band == name)?;
            get(move |c| Real(c.catalogue.nearest[rank].magnitudes[band]))
        }
    }
}

/// Fields about known asteroids and stars.
fn known(name: &str) -> Option<Getter<Candidate>> {
    match name {
        "ssnamenr" => get(|c| Text(c.asteroid.as_ref().map_or(NO_NAME, |asteroid| &asteroid.name))),
        "ssdistnr" => get(|c| Real(c.asteroids(|asteroid| asteroid.distance))),
        "ssmagnr" => get(|c| Real(c.asteroids(|asteroid| asteroid.magnitude))),
        "nmtchps" => get(|c| Whole(c.catalogue.matches)),
        "neargaia" => get(|c| Real(c.catalogue.gaia[0])),
        "maggaia" => get(|c| Real(c.catalogue.gaia[1])),
        "neargaiabright" => get(|c| Real(c.catalogue.gaia_bright[0])),
        "maggaiabright" => get(|c| Real(c.catalogue.gaia_bright[1])),
        _ => None,
    }
}

fn history(name: &str) -> Option<Getter<Candidate>> {
    match name {
        "ndethist" => get(|c| Whole(c.counts[0])),
        "ncovhist" => get(|c| Whole(c.counts[1])),
        "jdstarthist" => get(|c| Real(c.first)),
        "jdendhist" => get(|c| Real(c.frame().start)),
        // The reference image was made long before.
        "jdstartref" => get(|c| Real(c.first - 900.0)),
        "jdendref" => get(|c| Real(c.first - 600.0)),
        "nframesref" => Some(Getter::Same(Whole(20))),
        _ => None,
    }
}

/// Fields about the difference image and the stars on it.
fn image(name: &str) -> Option<Getter<Candidate>> {
    match name {
        "drb" => get(|c| Real(if c.detection.real < 0.5 { 0.5 * c.detection.real } else { c.detection.real.sqrt() })),
        "drbversion" => Some(Getter::Same(Text("simulated"))),
        "tooflag" => Some(Getter::Same(Whole(0))),
        "dsnrms" => get(|c| Real(c.spread())),
        "ssnrms" => get(|c| Real(1.1 * c.spread())),
        "dsdiff" => get(|c| Real(-0.1 * c.spread())),
        "nmatches" => Some(Getter::Same(Whole(400))),
        "zpclrcov" => Some(Getter::Same(Real(-6e-6))),
        "zpmed" => get(|c| Real(c.frame().zero_point - 0.05)),
        "clrmed" => Some(Getter::Same(Real(0.65))),
        "clrrms" => Some(Getter::Same(Real(0.25))),
        _ => None,
    }
}

fn get(getter: impl Fn(&Candidate) -> Value<'_> + Send + Sync + 'static) -> Option<Getter<Candidate>> {
    Some(Getter::Of(Box::new(getter)))
}
