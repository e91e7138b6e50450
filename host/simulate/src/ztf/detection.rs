//! A source found in a difference image: what `candidate` and `prv_candidates` share.

use super::super::band::Band;
use super::super::encode::Getter;
use super::super::encode::Value::{self, Real, Text, Whole};
use super::super::object::{Flaw, Measurement, Object, Population};
use super::super::random::{Gaussians, Random};
use super::super::sky::Place;
use super::frame::{Frame, frame_field, magnitude};

/// The number of an image's first candidate.
const FIRST: i64 = 10_000;
/// How many candidates an image can have; the rest of an id identifies the image.
const CANDIDATES: i64 = 1_000_000;
/// The error of a magnitude if the relative error of the flux is one.
const MAGNITUDES: f64 = 1.0857;

/// A source found in a difference image.
#[derive(Clone, Debug)]
pub struct Detection {
    /// The image.
    pub frame: Frame,
    /// The id of the source.
    pub id: i64,
    /// The position where it was found, including the error.
    pub place: Place,
    /// Its flux.
    pub measurement: Measurement,
    /// The probability that it is real, from 0 to 1.
    pub real: f64,
    number: i64,
    magnitude: f64,
    error: f64,
    /// The magnitude in an aperture.
    aperture: f64,
    chi: f64,
    /// The full width at half maximum, in pixels.
    width: f64,
    elongation: f64,
    /// The sum of all pixels, divided by the sum of their absolute values.
    sum: f64,
    bad: i64,
    negative: i64,
    reference: Reference,
}

/// The nearest source in the reference image.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// Its distance in pixels.
    distance: f64,
    place: Place,
    magnitude: f64,
    chi: f64,
    sharpness: f64,
}

/// The number that the object of the alert with this index has among an image's candidates.
pub fn number(index: i64, object: &Object) -> i64 {
    index << 4 | object.attempt
}

/// The id of the source that is the image's candidate with that number.
pub fn id(frame: &Frame, number: i64) -> i64 {
    frame.id * CANDIDATES + FIRST + number
}

impl Detection {
    /// Makes the source that results from a measurement of an object in the alert with that index.
    pub fn new(
        frame: Frame,
        index: i64,
        object: &Object,
        measurement: Measurement,
        gaussians: &Gaussians,
    ) -> Detection {
        let exposure = &frame.exposure;
        let mut random = object.random(exposure, 1);
        let degrees = 1.4 * exposure.seeing / measurement.snr() / 3600.0;
        let [east, north] = [(); 2].map(|()| gaussians.one(&mut random) * degrees);
        let place = object.place(exposure).moved(east, north);
        let real = object.population != Population::Artefact;
        let (widening, elongation, bad) = match object.flaw {
            Some(Flaw::CosmicRay) => (0.45, random.between(1.1, 2.0), 2),
            Some(Flaw::Streak) => (3.0, random.between(2.5, 5.0), 0),
            Some(Flaw::Saturation) => (2.5, random.between(2.0, 4.0), 3),
            Some(Flaw::Dipole) => (1.2, random.between(1.3, 1.7), 0),
            Some(Flaw::Noise) => (random.between(0.7, 1.5), random.between(1.0, 1.6), 0),
            None => (1.0, random.between(1.0, 1.25), 0),
        };
        let (magnitude, error) = (magnitude(measurement.flux.abs()), MAGNITUDES / measurement.snr());
        let scatter = if real { 0.8 * error } else { 0.4 };
        let number = number(index, object);
        Detection {
            id: id(&frame, number),
            place,
            measurement,
            real: if real { random.between(0.5, 0.98) } else { random.between(0.0, 0.45) },
            number,
            magnitude,
            error,
            aperture: magnitude + scatter * gaussians.one(&mut random),
            chi: if real { random.between(0.8, 2.5) } else { random.between(3.0, 40.0) },
            width: widening * frame.width() * random.between(0.95, 1.05),
            elongation,
            sum: if real { random.between(0.9, 1.0) } else { random.between(0.2, 0.8) },
            bad,
            negative: if real { random.below(4) } else { 4 + random.below(8) } as i64,
            reference: Reference::new(object, frame.exposure.band),
            frame,
        }
    }

    fn to_edge(&self) -> f64 {
        let (Place { x, y, .. }, (columns, rows)) = (self.place, self.frame.exposure.telescope.camera.sides);
        x.min(y).min(columns - x).min(rows - y)
    }

    /// The width (sigma) along the long or the short axis, in pixels.
    fn axis(&self, long: bool) -> f64 {
        let root = self.elongation.sqrt();
        self.width / 2.355 * if long { root } else { root.recip() }
    }
}

impl AsRef<Frame> for Detection {
    fn as_ref(&self) -> &Frame {
        &self.frame
    }
}

impl AsRef<Reference> for Detection {
    fn as_ref(&self) -> &Reference {
        &self.reference
    }
}

impl Reference {
    /// The object itself, or its galaxy, if it is in the band's reference image.
    pub fn new(object: &Object, band: Band) -> Reference {
        let mut random = Random::new(&[object.key, 4]);
        let flux = object.template[band as usize];
        let pixel = object.place.pixel;
        let (distance, magnitude) = if flux > 0.0 {
            (random.between(0.05, 0.3 + object.extent), magnitude(flux))
        } else {
            (random.between(5.0, 25.0), random.between(16.0, 21.5))
        };
        let (sin, cos) = random.between(0.0, std::f64::consts::TAU).sin_cos();
        Reference {
            distance,
            place: object.place.moved(distance * pixel * cos, distance * pixel * sin),
            magnitude,
            chi: random.between(0.2, 1.5),
            sharpness: random.between(-0.3, 0.2),
        }
    }
}

/// Fields about the nearest source in the reference image.
pub fn reference_field<T: AsRef<Reference> + 'static>(name: &str) -> Option<Getter<T>> {
    fn get<T: AsRef<Reference>>(getter: impl Fn(&Reference) -> f64 + Send + Sync + 'static) -> Option<Getter<T>> {
        Some(Getter::Of(Box::new(move |of: &T| Real(getter(of.as_ref())))))
    }
    match name {
        "distnr" => get(|r| r.distance),
        "ranr" => get(|r| r.place.ra),
        "decnr" => get(|r| r.place.dec),
        "magnr" => get(|r| r.magnitude),
        "sigmagnr" => get(|r| 0.01 + 0.3 * 10f64.powf(0.4 * (r.magnitude - 23.5))),
        "chinr" => get(|r| r.chi),
        "sharpnr" => get(|r| r.sharpness),
        _ => None,
    }
}

/// Fields of a source. Angles are in degrees, lengths in pixels.
pub fn source_field(name: &str) -> Option<Getter<Detection>> {
    match name {
        "candid" => get(|d| Whole(d.id)),
        "isdiffpos" => get(|d| Text(if d.measurement.flux < 0.0 { "f" } else { "t" })),
        "tblid" => get(|d| Whole(d.number)),
        "xpos" => get(|d| Real(d.place.x)),
        "ypos" => get(|d| Real(d.place.y)),
        "ra" => get(|d| Real(d.place.ra)),
        "dec" => get(|d| Real(d.place.dec)),
        "scorr" => get(|d| Real(d.measurement.snr())),
        "rb" => get(|d| Real(d.real)),
        _ => brightness(name).or_else(|| shape(name)).or_else(|| frame_field(name)).or_else(|| reference_field(name)),
    }
}

fn brightness(name: &str) -> Option<Getter<Detection>> {
    match name {
        "magpsf" => get(|d| Real(d.magnitude)),
        "sigmapsf" => get(|d| Real(d.error)),
        "chipsf" => get(|d| Real(d.chi)),
        "magap" => get(|d| Real(d.aperture)),
        "sigmagap" => get(|d| Real(1.2 * d.error)),
        "magapbig" => get(|d| Real(d.aperture - 0.02)),
        "sigmagapbig" => get(|d| Real(1.5 * d.error)),
        "magdiff" => get(|d| Real(d.aperture - d.magnitude)),
        "magfromlim" => get(|d| Real(d.frame.limit - d.aperture)),
        "sky" => Some(Getter::Same(Real(0.0))),
        _ => None,
    }
}

fn shape(name: &str) -> Option<Getter<Detection>> {
    match name {
        "fwhm" => get(|d| Real(d.width)),
        "elong" => get(|d| Real(d.elongation)),
        "aimage" => get(|d| Real(d.axis(true))),
        "bimage" => get(|d| Real(d.axis(false))),
        "aimagerat" => get(|d| Real(d.axis(true) / d.width)),
        "bimagerat" => get(|d| Real(d.axis(false) / d.width)),
        "classtar" => get(|d| Real(d.real.sqrt())),
        "mindtoedge" => get(|d| Real(d.to_edge())),
        "seeratio" => get(|d| Real(d.width / d.frame.width())),
        "sumrat" => get(|d| Real(d.sum)),
        "nneg" => get(|d| Whole(d.negative)),
        "nbad" => get(|d| Whole(d.bad)),
        _ => None,
    }
}

fn get(getter: impl Fn(&Detection) -> Value<'_> + Send + Sync + 'static) -> Option<Getter<Detection>> {
    Some(Getter::Of(Box::new(getter)))
}
