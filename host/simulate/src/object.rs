//! The objects in the sky (variable stars, active galaxies, supernovae, asteroids) and the artefacts of the camera.

use super::band::flux;
use super::lightcurve::{Curve, Supernova, Variation};
use super::random::{Gaussians, Random};
use super::schedule::{Exposure, date};
use super::sky::Place;
use super::telescope::LSST;

/// The kind of object that an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Population {
    /// Pulsating and eclipsing stars.
    VariableStar,
    /// Galaxies with a varying nucleus.
    ActiveGalaxy,
    /// Supernovae of type Ia.
    Supernova,
    /// Known asteroids, which have no object of their own in the alert, but an orbit.
    Asteroid,
    /// Sources that are not in the sky: badly subtracted stars, cosmic rays, streaks, noise.
    Artefact,
}

/// The kind of an artefact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A star that is at a slightly different position in the template.
    Dipole,
    /// The hit of a charged particle.
    CosmicRay,
    /// A satellite's trail.
    Streak,
    /// The bleeding of a saturated star.
    Saturation,
    /// Noise above the threshold.
    Noise,
}

/// A source of alerts.
#[derive(Clone, Debug)]
pub struct Object {
    /// The kind of object.
    pub population: Population,
    /// The kind of artefact, if it is one.
    pub flaw: Option<Flaw>,
    /// Which of the candidates for the alert it was. Together with the alert's index, this identifies it within the
    /// field.
    pub attempt: i64,
    /// A counter of the objects that follow each other at the same index: of supernovae, or of each night's asteroids.
    pub generation: i64,
    /// A number that is unique within the whole survey, and seeds the random numbers drawn for the object.
    pub key: i64,
    /// Its position. For an asteroid, the position when its field is first looked at in that night.
    pub place: Place,
    /// The motion to the east and to the north, in degrees per day.
    pub motion: [f64; 2],
    /// The flux of the object, or of the galaxy around it, in the template, in nanojansky for each band.
    pub template: [f64; 6],
    /// The width (sigma) of that galaxy in arcseconds, or 0 for a point source.
    pub extent: f64,
    /// How its flux differs from that in the template.
    pub curve: Curve,
}

/// One measurement of an object's flux in a difference image.
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    /// The flux, in nanojansky.
    pub flux: f64,
    /// The standard error of the flux.
    pub error: f64,
}

impl Measurement {
    /// The ratio of signal to noise, which is never negative.
    pub fn snr(&self) -> f64 {
        self.flux.abs() / self.error
    }

    /// Whether it is significant enough for the survey to make it a source.
    pub fn detected(&self) -> bool {
        self.snr() >= 5.0
    }
}

/// How many candidates are tried for an alert until one is bright enough. The last one is an artefact and taken in any
/// case.
pub const ATTEMPTS: i64 = 16;

/// The number of days after which the next supernova takes the place of one. The old one might still be visible then,
/// but with shorter turns more supernovae are on their rise.
const SUPERNOVA_TURN: f64 = 75.0;

impl Object {
    /// Returns the object that the alert with this index in an exposure is about. The same objects occur again in the
    /// field's other exposures, at the same index, whenever they are bright enough.
    pub fn detected(seed: u64, exposure: &Exposure, index: i64, gaussians: &Gaussians) -> (Object, Measurement) {
        let candidate = |population, attempt| {
            let object = Object::draw(seed, exposure, population, index, attempt);
            let measurement = object.measure(exposure, gaussians);
            (object, measurement)
        };
        let population = population(seed, exposure.field, index);
        let mut candidates = (0..ATTEMPTS - 1).map(|attempt| candidate(population, attempt));
        candidates
            .find(|(_, measurement)| measurement.detected())
            .unwrap_or_else(|| candidate(Population::Artefact, ATTEMPTS - 1))
    }

    fn draw(seed: u64, exposure: &Exposure, population: Population, index: i64, attempt: i64) -> Object {
        let name = [seed as i64, exposure.field, index, attempt];
        let turn = exposure.mjd / SUPERNOVA_TURN + Random::new(&name).unit();
        let generation = match population {
            Population::VariableStar | Population::ActiveGalaxy => 0,
            Population::Supernova => turn.floor() as i64,
            Population::Asteroid => exposure.night(),
            Population::Artefact => exposure.ordinal,
        };
        let mut random = Random::new(&[name[0], name[1], name[2], name[3], generation]);
        let key = random.bits() as i64;
        let place = Place::draw(&exposure.telescope.camera, (exposure.ra, exposure.dec), &mut random);
        let mut object = Object {
            population,
            flaw: None,
            attempt,
            generation,
            key,
            place,
            motion: [0.0; 2],
            template: [0.0; 6],
            extent: 0.0,
            curve: Curve::Once { mjd: 0.0, flux: 0.0 },
        };
        let explosion = exposure.mjd - turn.fract() * SUPERNOVA_TURN;
        match population {
            Population::VariableStar => object.become_star(exposure, &mut random),
            Population::ActiveGalaxy => object.become_active_galaxy(exposure, &mut random),
            Population::Supernova => object.become_supernova(exposure, explosion, &mut random),
            Population::Asteroid => object.become_asteroid(exposure, &mut random),
            Population::Artefact => object.become_artefact(exposure, &mut random),
        }
        object
    }

    fn become_star(&mut self, exposure: &Exposure, random: &mut Random) {
        let red = random.between(0.6, 1.6);
        self.template = spectrum(exposure, random.between(16.5, 22.5), [1.8 * red, 0.5 * red, 0.0, -0.2, -0.3, -0.35]);
        self.curve = Curve::Variable { mean: self.template, variation: Variation::star(random) };
    }

    fn become_active_galaxy(&mut self, exposure: &Exposure, random: &mut Random) {
        self.template = spectrum(exposure, random.between(17.5, 22.0), [0.5, 0.3, 0.0, -0.1, -0.1, -0.2]);
        self.curve = Curve::Variable { mean: self.template, variation: Variation::flicker(random) };
    }

    fn become_supernova(&mut self, exposure: &Exposure, start: f64, random: &mut Random) {
        self.template = spectrum(exposure, random.between(17.5, 23.0), [2.2, 0.8, 0.0, -0.4, -0.6, -0.7]);
        let nearer = LSST.redshift / exposure.telescope.redshift;
        self.extent = nearer * random.between(0.5, 1.5);
        self.curve = Curve::Supernova(Supernova::draw(start, exposure.telescope.redshift, random));
    }

    fn become_asteroid(&mut self, exposure: &Exposure, random: &mut Random) {
        let near = random.below(20) == 0;
        let (speed, angle) = if near {
            (random.between(0.6, 3.0), random.between(0.0, 360.0))
        } else {
            (random.between(0.1, 0.3), 290.0 + 30.0 * random.unit())
        };
        let (north, east) = angle.to_radians().sin_cos();
        self.motion = [speed * east, speed * north];
        let bright = spectrum(exposure, random.between(17.5, 24.0), [1.6, 0.5, 0.0, -0.1, -0.1, -0.1]);
        self.curve = Curve::Asteroid { bright, period: random.between(0.1, 1.0), phase: random.unit() };
    }

    fn become_artefact(&mut self, exposure: &Exposure, random: &mut Random) {
        let flaw =
            [Flaw::Dipole, Flaw::Dipole, Flaw::CosmicRay, Flaw::Streak, Flaw::Saturation, Flaw::Noise][random.below(6)];
        let strength = match flaw {
            Flaw::Noise => random.between(6.0, 7.0),
            Flaw::Dipole => random.between(7.0, 15.0),
            _ => random.between(8.0, 25.0),
        };
        if flaw == Flaw::Dipole {
            self.template = spectrum(exposure, random.between(17.0, 19.0), [1.5, 0.5, 0.0, -0.2, -0.3, -0.3]);
        }
        let sign = if random.below(3) == 0 { -1.0 } else { 1.0 };
        let error = error(exposure, self.template[exposure.band as usize]);
        self.flaw = Some(flaw);
        self.curve = Curve::Once { mjd: exposure.mjd, flux: sign * strength * error };
    }

    /// Its flux in an exposure, including noise. The result is always the same for the same exposure.
    pub fn measure(&self, exposure: &Exposure, gaussians: &Gaussians) -> Measurement {
        let flux = self.curve.flux(exposure.mjd, exposure.band);
        let error = error(exposure, flux + self.template[exposure.band as usize]);
        let noise = gaussians.one(&mut self.random(exposure, 0));
        Measurement { flux: flux + error * noise, error }
    }

    /// Random numbers for one use (`purpose`) of the object in an exposure.
    pub fn random(&self, exposure: &Exposure, purpose: i64) -> Random {
        Random::new(&[self.key, exposure.ordinal, purpose])
    }

    /// The number of the simulated asteroid that it is, if it is one, in the alert with this index. It is different for
    /// each alert of the night's visits of the field.
    pub fn asteroid_number(&self, seed: u64, exposure: &Exposure, index: i64) -> Option<u64> {
        let first = || Random::new(&[seed as i64, exposure.field, exposure.night()]).bits() >> 32;
        (self.population == Population::Asteroid).then(|| first() + (index << 4 | self.attempt) as u64)
    }

    /// The year of its discovery, if it is seen in an exposure.
    pub fn discovered(&self, exposure: &Exposure) -> i64 {
        let day = match self.population {
            // These have been known for a long time.
            Population::VariableStar | Population::ActiveGalaxy => return 2018 + self.key.rem_euclid(8),
            Population::Supernova => (self.generation - 1) * SUPERNOVA_TURN as i64,
            Population::Asteroid | Population::Artefact => exposure.mjd as i64,
        };
        date(day) / 10_000
    }

    /// Its position in an exposure, without error.
    pub fn place(&self, exposure: &Exposure) -> Place {
        let [east, north] = self.motion.map(|speed| speed * exposure.since_first_look());
        self.place.moved(east, north)
    }
}

/// Draws a population; the shares are roughly those of LSST's first months.
fn population(seed: u64, field: i64, index: i64) -> Population {
    match Random::new(&[seed as i64, field, index]).below(100) {
        0..42 => Population::VariableStar,
        42..56 => Population::ActiveGalaxy,
        56..63 => Population::Supernova,
        63..80 => Population::Asteroid,
        _ => Population::Artefact,
    }
}

/// Fluxes in all bands, from a magnitude in r as LSST finds it and from how much fainter the other bands are.
fn spectrum(exposure: &Exposure, magnitude: f64, fainter: [f64; 6]) -> [f64; 6] {
    fainter.map(|difference| flux(magnitude - exposure.telescope.brighter + difference))
}

/// The error of a flux: the noise of the sky and of the source's own light.
fn error(exposure: &Exposure, flux: f64) -> f64 {
    (exposure.noise * exposure.noise + flux.max(0.0) / exposure.electrons()).sqrt()
}
