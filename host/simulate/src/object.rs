//! What there is in the sky: variable stars, active galaxies, supernovae, asteroids, and artefacts of the camera.

use super::band::flux;
use super::lightcurve::{Curve, Supernova, Variation};
use super::random::{Gaussians, Random};
use super::schedule::{Exposure, date};
use super::sky::Place;
use super::telescope::LSST;

/// What an alert is of.
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
    /// What is not in the sky: badly subtracted stars, cosmic rays, streaks, noise.
    Artefact,
}

/// What kind of an artefact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A star that the template has beside where it is.
    Dipole,
    /// A particle's hit.
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
    /// What it is.
    pub population: Population,
    /// Only artefacts have one.
    pub flaw: Option<Flaw>,
    /// Which of the candidates for the alert it was; with the alert's index, its name in the field.
    pub attempt: i64,
    /// Which of those that follow each other in its place: supernovae, a night's asteroids.
    pub generation: i64,
    /// Its own in the whole survey; seeds what is drawn for it.
    pub key: i64,
    /// Where it is; of an asteroid, when its field is first looked at in that night.
    pub place: Place,
    /// Degrees a day to the east and the north.
    pub motion: [f64; 2],
    /// The flux that it, or the galaxy around it, has in the template, in nanojansky for each band.
    pub template: [f64; 6],
    /// The width (sigma) of that galaxy in arcseconds, 0 for a point.
    pub extent: f64,
    /// How its flux differs from the template's.
    pub curve: Curve,
}

/// One measurement of an object's flux in a difference image.
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    /// In nanojansky.
    pub flux: f64,
    /// Its standard error.
    pub error: f64,
}

impl Measurement {
    /// Signal to noise, never negative.
    pub fn snr(&self) -> f64 {
        self.flux.abs() / self.error
    }

    /// Whether the survey makes a source of it.
    pub fn detected(&self) -> bool {
        self.snr() >= 5.0
    }
}

/// Candidates that are tried for an alert until one is bright enough; the last is an artefact and taken anyway.
pub const ATTEMPTS: i64 = 16;

/// Days after which a supernova's place in a field goes to the next. It may still be seen then; but with fewer days there
/// are more that rise.
const SUPERNOVA_TURN: f64 = 75.0;

impl Object {
    /// What the alert of that index in an exposure is of. The same objects come again in the field's other exposures,
    /// at the same index, as often as they are bright enough.
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

    /// Its flux in an exposure, with noise; whenever asked for, the same.
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

    /// Which of the made-up asteroids it is, if it is one, as the alert of that index: another for each alert of the
    /// night's visits of the field.
    pub fn asteroid_number(&self, seed: u64, exposure: &Exposure, index: i64) -> Option<u64> {
        let first = || Random::new(&[seed as i64, exposure.field, exposure.night()]).bits() >> 32;
        (self.population == Population::Asteroid).then(|| first() + (index << 4 | self.attempt) as u64)
    }

    /// The year of its discovery, if it is seen in an exposure.
    pub fn discovered(&self, exposure: &Exposure) -> i64 {
        let day = match self.population {
            // Known for long.
            Population::VariableStar | Population::ActiveGalaxy => return 2018 + self.key.rem_euclid(8),
            Population::Supernova => (self.generation - 1) * SUPERNOVA_TURN as i64,
            Population::Asteroid | Population::Artefact => exposure.mjd as i64,
        };
        date(day) / 10_000
    }

    /// Where it is in an exposure, without error.
    pub fn place(&self, exposure: &Exposure) -> Place {
        let [east, north] = self.motion.map(|speed| speed * exposure.since_first_look());
        self.place.moved(east, north)
    }
}

/// A rough share of each, as LSST's first months had them.
fn population(seed: u64, field: i64, index: i64) -> Population {
    match Random::new(&[seed as i64, field, index]).below(100) {
        0..42 => Population::VariableStar,
        42..56 => Population::ActiveGalaxy,
        56..63 => Population::Supernova,
        63..80 => Population::Asteroid,
        _ => Population::Artefact,
    }
}

/// Fluxes from a magnitude in r, as LSST finds it, and how much fainter the other bands are.
fn spectrum(exposure: &Exposure, magnitude: f64, fainter: [f64; 6]) -> [f64; 6] {
    fainter.map(|difference| flux(magnitude - exposure.telescope.brighter + difference))
}

/// The error of a flux: the sky's noise and that of the source's own light.
fn error(exposure: &Exposure, flux: f64) -> f64 {
    (exposure.noise * exposure.noise + flux.max(0.0) / exposure.electrons()).sqrt()
}
