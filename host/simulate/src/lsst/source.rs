//! `diaSource` and `diaForcedSource`.

use super::super::encode::Getter;
use super::super::encode::Value::{self, Flag, Null, Real, Text, Whole};
use super::super::object::{Flaw, Measurement, Object, Population};
use super::super::random::Gaussians;
use super::super::schedule::Exposure;
use super::super::sky::Place;

/// Trails shorter than this (in arcseconds) are not noticed.
const SHORTEST_TRAIL: f64 = 0.7;
/// The number of pixels that a flux is fitted to.
const FITTED: i64 = 41 * 41;

/// The ids of a source, its object and its asteroid.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    /// The id of the source itself.
    pub source: i64,
    /// The id of its object, if it has one.
    pub object: Option<i64>,
    /// The id of its asteroid, if it is one.
    pub asteroid: Option<i64>,
}

/// A source found in a difference image.
#[derive(Clone, Debug)]
pub struct Source {
    ids: Ids,
    exposure: Exposure,
    /// The position where it was found, including the error.
    pub place: Place,
    /// The error of the position, in arcseconds.
    pub place_error: f64,
    measurement: Measurement,
    /// The flux in the template, in nanojansky.
    template: f64,
    flaw: Option<Flaw>,
    /// The flux in an aperture, in nanojansky.
    aperture: f64,
    reliability: f64,
    extendedness: f64,
    chi2: f64,
    /// The width (sigma) along columns and rows, in arcseconds.
    shape: [f64; 2],
    /// The length of its trail in arcseconds and the trail's angle in degrees; NaN if it has no trail.
    trail: [f64; 2],
}

impl Source {
    /// Makes the source that results from a measurement of an object.
    pub fn new(
        ids: Ids,
        object: &Object,
        exposure: &Exposure,
        measurement: Measurement,
        gaussians: &Gaussians,
    ) -> Source {
        let mut random = object.random(exposure, 1);
        let place_error = 1.4 * exposure.seeing / measurement.snr() + 0.01;
        let degrees = [(); 2].map(|()| gaussians.one(&mut random) * place_error / 3600.0);
        let real = object.population != Population::Artefact;
        let blur = match object.flaw {
            Some(Flaw::CosmicRay) => [0.4; 2],
            Some(Flaw::Streak) => [3.0, 1.0],
            Some(Flaw::Saturation) => [1.0, 3.0],
            _ => [1.0; 2],
        };
        Source {
            ids,
            exposure: exposure.clone(),
            place: object.place(exposure).moved(degrees[0], degrees[1]),
            place_error,
            measurement,
            template: object.template[exposure.band as usize],
            flaw: object.flaw,
            aperture: measurement.flux + 1.5 * measurement.error * gaussians.one(&mut random),
            reliability: if real { random.between(0.6, 1.0) } else { random.between(0.0, 0.4) },
            extendedness: if real { random.between(0.0, 0.2) } else { random.between(0.0, 1.0) },
            chi2: FITTED as f64 * if real { random.between(0.9, 1.1) } else { random.between(1.2, 4.0) },
            shape: blur.map(|blur| blur * exposure.seeing * random.between(0.95, 1.05)),
            trail: trail(object),
        }
    }

    /// Whether it is flawed or trailed.
    pub fn is_special(&self) -> bool {
        self.flaw.is_some() || !self.trail[0].is_nan()
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// Returns a value that only trailed sources have, or NaN.
    fn trailed(&self, value: f64) -> f64 {
        if self.trail[0].is_nan() { f64::NAN } else { value }
    }

    /// Returns a value that only dipoles have, or NaN.
    fn dipole(&self, value: f64) -> f64 {
        if self.has(Flaw::Dipole) { value } else { f64::NAN }
    }

    fn fitted(&self, fitted: bool) -> i64 {
        if fitted { FITTED } else { 0 }
    }
}

/// The length and angle of the trail that an object leaves in 30 s.
fn trail(object: &Object) -> [f64; 2] {
    let [east, north] = object.motion;
    let length = east.hypot(north) * 3600.0 * 30.0 / 86_400.0;
    match object.flaw {
        Some(Flaw::Streak) => [18.0, 0.0],
        _ if length > SHORTEST_TRAIL => [length, north.atan2(east).to_degrees()],
        _ => [f64::NAN; 2],
    }
}

/// The fields of `diaSource`. Angles are in degrees, fluxes in nanojansky, and so are their errors.
pub fn dia_source(name: &str) -> Option<Getter<Source>> {
    trail_field(name).or_else(|| dipole_field(name)).or_else(|| flag(name)).or_else(|| plain_source(name))
}

/// The same as [`dia_source`], but without the fields that only [special](Source::is_special) sources have.
pub fn plain_source(name: &str) -> Option<Getter<Source>> {
    match name {
        "diaSourceId" => get(|s| Whole(s.ids.source)),
        "visit" => get(|s| Whole(s.exposure.number)),
        "detector" => get(|s| Whole(s.place.detector)),
        "diaObjectId" => get(|s| s.ids.object.into()),
        "ssObjectId" => get(|s| s.ids.asteroid.into()),
        "midpointMjdTai" => get(|s| Real(s.exposure.mjd)),
        "exposureTime" => Some(Getter::Same(Real(30.0))),
        "ra" => get(|s| Real(s.place.ra)),
        "dec" => get(|s| Real(s.place.dec)),
        "raErr" | "decErr" => get(|s| Real(s.place_error / 3600.0)),
        "ra_dec_Cov" => Some(Getter::Same(Real(0.0))),
        "x" => get(|s| Real(s.place.x)),
        "y" => get(|s| Real(s.place.y)),
        "xErr" | "yErr" => get(|s| Real(s.place_error / 0.2)),
        "apFlux" => get(|s| Real(s.aperture)),
        "apFluxErr" => get(|s| Real(1.8 * s.measurement.error)),
        "isNegative" => get(|s| Flag(s.measurement.flux < 0.0)),
        "snr" => get(|s| Real(s.measurement.snr())),
        "psfFlux" => get(|s| Real(s.measurement.flux)),
        "psfFluxErr" => get(|s| Real(s.measurement.error)),
        "psfChi2" => get(|s| Real(s.chi2)),
        "psfNdata" => Some(Getter::Same(Whole(FITTED))),
        "scienceFlux" => get(|s| Real(s.template + s.measurement.flux)),
        "scienceFluxErr" => get(|s| Real(0.96 * s.measurement.error)),
        "templateFlux" => get(|s| Real(s.template)),
        "templateFluxErr" => get(|s| Real(0.28 * s.measurement.error)),
        "extendedness" => get(|s| Real(s.extendedness)),
        "reliability" => get(|s| Real(s.reliability)),
        "reliabilityVersion" => Some(Getter::Same(Text("simulated"))),
        "band" => get(|s| Text(s.exposure.band.name())),
        "timeProcessedMjdTai" => get(|s| Real(s.exposure.mjd + 60.0 / 86_400.0)),
        "bboxSize" => get(|s| Whole(if s.trail[0].is_nan() { 20 } else { 100 })),
        "trailNdata" | "dipoleNdata" => Some(Getter::Same(Whole(0))),
        _ => shape_field(name),
    }
}

fn trail_field(name: &str) -> Option<Getter<Source>> {
    match name {
        "trailFlux" => get(|s| Real(s.trailed(s.measurement.flux))),
        "trailFluxErr" => get(|s| Real(s.trailed(s.measurement.error))),
        "trailRa" => get(|s| Real(s.trailed(s.place.ra))),
        "trailDec" => get(|s| Real(s.trailed(s.place.dec))),
        "trailRaErr" | "trailDecErr" => get(|s| Real(s.trailed(s.place_error / 3600.0))),
        "trailLength" => get(|s| Real(s.trail[0])),
        "trailLengthErr" => get(|s| Real(s.trailed(0.2))),
        "trailAngle" => get(|s| Real(s.trail[1])),
        "trailAngleErr" => get(|s| Real(s.trailed(5.0))),
        "trailChi2" => get(|s| Real(s.trailed(s.chi2))),
        "trailNdata" => get(|s| Whole(s.fitted(!s.trail[0].is_nan()))),
        _ => None,
    }
}

fn dipole_field(name: &str) -> Option<Getter<Source>> {
    match name {
        "isDipole" | "dipoleFitAttempted" => get(|s| Flag(s.has(Flaw::Dipole))),
        "dipoleMeanFlux" => get(|s| Real(s.dipole(2.5 * s.measurement.flux.abs()))),
        "dipoleMeanFluxErr" | "dipoleFluxDiffErr" => get(|s| Real(s.dipole(s.measurement.error))),
        "dipoleFluxDiff" => get(|s| Real(s.dipole(s.measurement.flux))),
        "dipoleLength" => get(|s| Real(s.dipole(0.4 * std::f64::consts::SQRT_2))),
        "dipoleAngle" => get(|s| Real(s.dipole(if s.measurement.flux < 0.0 { 225.0 } else { 45.0 }))),
        "dipoleChi2" => get(|s| Real(s.dipole(s.chi2))),
        "dipoleNdata" => get(|s| Whole(s.fitted(s.has(Flaw::Dipole)))),
        _ => None,
    }
}

fn shape_field(name: &str) -> Option<Getter<Source>> {
    match name {
        "ixx" => get(|s| Real(s.shape[0] * s.shape[0])),
        "iyy" => get(|s| Real(s.shape[1] * s.shape[1])),
        "ixy" | "ixyPSF" => Some(Getter::Same(Real(0.0))),
        "ixxPSF" | "iyyPSF" => get(|s| Real(s.exposure.seeing * s.exposure.seeing)),
        _ => None,
    }
}

fn flag(name: &str) -> Option<Getter<Source>> {
    match name {
        "pixelFlags" => get(|s| Flag(s.flaw.is_some_and(|flaw| !matches!(flaw, Flaw::Dipole | Flaw::Noise)))),
        "pixelFlags_cr" | "pixelFlags_crCenter" => get(|s| Flag(s.has(Flaw::CosmicRay))),
        "pixelFlags_streak" | "pixelFlags_streakCenter" => get(|s| Flag(s.has(Flaw::Streak))),
        "pixelFlags_saturated" | "pixelFlags_saturatedCenter" => get(|s| Flag(s.has(Flaw::Saturation))),
        "shape_flag" | "centroid_flag" => get(|s| Flag(s.has(Flaw::CosmicRay))),
        _ => None,
    }
}

fn get(getter: impl Fn(&Source) -> Value<'_> + Send + Sync + 'static) -> Option<Getter<Source>> {
    Some(Getter::Of(Box::new(getter)))
}

/// A flux that was measured at an object's position, whether or not a source was found there.
pub struct Forced {
    /// The id of the measurement.
    pub id: i64,
    /// The id of the object.
    pub object: i64,
    /// The exposure that was measured.
    pub exposure: Exposure,
    /// The position that was measured.
    pub place: Place,
    /// The flux and its error.
    pub measurement: Measurement,
    /// The flux in the template, in nanojansky.
    pub template: f64,
}

/// The fields of `diaForcedSource`, in the same units as [`dia_source`].
pub fn forced_source(name: &str) -> Option<Getter<Forced>> {
    match name {
        "diaForcedSourceId" => forced(|f| Whole(f.id)),
        "diaObjectId" => forced(|f| Whole(f.object)),
        "ra" => forced(|f| Real(f.place.ra)),
        "dec" => forced(|f| Real(f.place.dec)),
        "visit" => forced(|f| Whole(f.exposure.number)),
        "detector" => forced(|f| Whole(f.place.detector)),
        "psfFlux" => forced(|f| Real(f.measurement.flux)),
        "psfFluxErr" => forced(|f| Real(f.measurement.error)),
        "midpointMjdTai" => forced(|f| Real(f.exposure.mjd)),
        "scienceFlux" => forced(|f| Real(f.template + f.measurement.flux)),
        "scienceFluxErr" => forced(|f| Real(0.96 * f.measurement.error)),
        "band" => forced(|f| Text(f.exposure.band.name())),
        "timeProcessedMjdTai" => forced(|f| Real(f.exposure.mjd + 1.0)),
        "timeWithdrawnMjdTai" => Some(Getter::Same(Null)),
        _ => None,
    }
}

fn forced(getter: impl Fn(&Forced) -> Value<'_> + Send + Sync + 'static) -> Option<Getter<Forced>> {
    Some(Getter::Of(Box::new(getter)))
}
