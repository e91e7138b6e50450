//! How bright a source is at a given time in each band, in nanojansky beyond its flux in the template image.

use std::f64::consts::TAU;

use super::band::{Band, flux};
use super::random::Random;

/// A light curve.
#[derive(Clone, Debug)]
pub enum Curve {
    /// A star or an active galaxy. The template has its mean flux in each band, and it varies around that.
    Variable { mean: [f64; 6], variation: Variation },
    /// A source that is not in the template and becomes bright once.
    Supernova(Supernova),
    /// A source that is not in the template. It reflects sunlight, and its brightness changes a little as it rotates.
    Asteroid { bright: [f64; 6], period: f64, phase: f64 },
    /// An artefact, which is there at one time only.
    Once { mjd: f64, flux: f64 },
}

impl Curve {
    /// The flux at a time (MJD) minus that of the template, in nanojansky.
    pub fn flux(&self, mjd: f64, band: Band) -> f64 {
        match self {
            Curve::Variable { mean, variation } => {
                mean[band as usize] * (flux(31.4 + variation.magnitudes(mjd, band)) - 1.0)
            }
            Curve::Supernova(supernova) => supernova.flux(mjd, band),
            Curve::Asteroid { bright, period, phase } => {
                bright[band as usize] * (1.0 + 0.15 * (TAU * (mjd / period + phase)).sin())
            }
            Curve::Once { mjd: then, flux } => {
                if mjd == *then {
                    *flux
                } else {
                    0.0
                }
            }
        }
    }
}

/// How the magnitude of a variable source differs from its mean.
#[derive(Clone, Debug)]
pub enum Variation {
    /// A fast rise and a slow decline, as in RR Lyrae stars.
    Sawtooth { period: f64, phase: f64, amplitude: f64 },
    /// Long periods, as in Cepheids and Miras.
    Sine { period: f64, phase: f64, amplitude: f64 },
    /// Two dips in each period, of which the second is shallower.
    Eclipses { period: f64, phase: f64, amplitude: f64 },
    /// Active galaxies. They have no period, and slower variations are stronger, as in a damped random walk. This is a
    /// sum of sines (each of magnitudes, days, phase).
    Flicker([(f64, f64, f64); 5]),
}

impl Variation {
    /// Draws a variation for a star.
    pub fn star(random: &mut Random) -> Variation {
        let phase = random.unit();
        match random.below(10) {
            0..5 => {
                let (period, amplitude) = (random.between(0.3, 0.8), random.between(0.3, 1.0));
                Variation::Sawtooth { period, phase, amplitude }
            }
            5..8 => {
                let (period, amplitude) = (10.0 * 40f64.powf(random.unit()), random.between(0.1, 1.5));
                Variation::Sine { period, phase, amplitude }
            }
            _ => {
                let (period, amplitude) = (random.between(0.2, 5.0), random.between(0.2, 1.0));
                Variation::Eclipses { period, phase, amplitude }
            }
        }
    }

    /// Draws a variation for an active galaxy.
    pub fn flicker(random: &mut Random) -> Variation {
        let amplitude = random.between(0.1, 0.35);
        let strengths = [0.15, 0.25, 0.4, 0.6, 0.8];
        let mut period = 10.0;
        Variation::Flicker(strengths.map(|strength| {
            period *= random.between(2.0, 3.5);
            (amplitude * strength, period, random.unit())
        }))
    }

    fn magnitudes(&self, mjd: f64, band: Band) -> f64 {
        // Hot stars and accretion discs vary more in the blue.
        let blue = [1.25, 1.2, 1.0, 0.9, 0.85, 0.8][band as usize];
        match self {
            Variation::Sawtooth { period, phase, amplitude } => {
                let at = turn(mjd, *period, *phase);
                let rise = if at < 0.2 { 1.0 - at / 0.2 } else { (at - 0.2) / 0.8 };
                blue * amplitude * (rise - 0.5)
            }
            Variation::Sine { period, phase, amplitude } => 0.5 * amplitude * (TAU * (mjd / period + phase)).sin(),
            Variation::Eclipses { period, phase, amplitude } => {
                let at = turn(mjd, *period, *phase);
                let dip = |middle: f64| (1.0 - (at - middle).abs() / 0.08).max(0.0);
                amplitude * (dip(0.25) + 0.5 * dip(0.75))
            }
            Variation::Flicker(waves) => {
                let wave =
                    |&(strength, period, phase): &(f64, f64, f64)| strength * (TAU * (mjd / period + phase)).sin();
                blue * waves.iter().map(wave).sum::<f64>()
            }
        }
    }
}

/// The phase of a period at a time, in [0, 1).
fn turn(mjd: f64, period: f64, phase: f64) -> f64 {
    (mjd / period + phase).rem_euclid(1.0)
}

/// A supernova of type Ia, whose rise and fall follow Bazin et al. 2009 (<https://doi.org/10.1051/0004-6361/200911847>,
/// eq. 1).
#[derive(Clone, Debug)]
pub struct Supernova {
    middle: f64,
    rise: f64,
    fall: [f64; 6],
    peak: [f64; 6],
}

impl Supernova {
    /// Draws a supernova that first becomes bright enough to be seen some days after `start` (MJD), at a redshift of at
    /// most `farthest`.
    pub fn draw(start: f64, farthest: f64, random: &mut Random) -> Supernova {
        let redshift = farthest * random.unit().cbrt().max(0.06);
        let stretch = random.between(0.8, 1.2) * (1.0 + redshift);
        let megaparsec = 4283.0 * redshift * (1.0 + redshift / 2.0);
        let magnitude = random.between(-19.4, -18.8) + 5.0 * megaparsec.log10() + 25.0;
        let (rise, fall) = (3.5 * stretch, [13.0, 17.0, 24.0, 28.0, 30.0, 32.0].map(|days| days * stretch));
        let colours = [1.0, 0.1, 0.0, 0.3, 0.5, 0.6];
        let peak = std::array::from_fn(|band| flux(magnitude + colours[band]) / height(rise, fall[band]));
        Supernova { middle: start + 4.0 * rise, rise, fall, peak }
    }

    fn flux(&self, mjd: f64, band: Band) -> f64 {
        self.peak[band as usize] * bazin(mjd - self.middle, self.rise, self.fall[band as usize])
    }
}

fn bazin(days: f64, rise: f64, fall: f64) -> f64 {
    // Both branches compute the same function, written so that neither exponential overflows.
    if days < 0.0 {
        (days / rise - days / fall).exp() / (1.0 + (days / rise).exp())
    } else {
        (-days / fall).exp() / (1.0 + (-days / rise).exp())
    }
}

/// The maximum of [`bazin`].
fn height(rise: f64, fall: f64) -> f64 {
    bazin(rise * (fall / rise - 1.0).ln(), rise, fall)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supernovae_rise_then_fall() {
        let supernova = Supernova::draw(60_000.0, 0.35, &mut Random::new(&[3]));
        let curve = Curve::Supernova(supernova.clone());
        let at = |days: f64| curve.flux(supernova.middle + days, Band::R);
        assert!(at(-60.0) < 0.01 * at(0.0));
        assert!(at(-8.0) < at(-4.0) && at(-4.0) < at(0.0));
        assert!(at(20.0) > at(40.0) && at(40.0) > at(80.0));
        assert!(curve.flux(0.0, Band::U) < 1.0);
    }

    #[test]
    fn a_variable_varies_around_its_mean() {
        for seed in 0..50 {
            let mut random = Random::new(&[seed]);
            let variations = [Variation::star(&mut random), Variation::flicker(&mut random)];
            for variation in variations {
                let curve = Curve::Variable { mean: [1000.0; 6], variation: variation.clone() };
                let fluxes: Vec<f64> =
                    (0..4000).map(|step| curve.flux(60_000.0 + step as f64 * 0.37, Band::G)).collect();
                let (low, high) =
                    fluxes.iter().fold((0f64, 0f64), |(low, high), &flux| (low.min(flux), high.max(flux)));
                assert!(low < -20.0, "{variation:?} never fades");
                assert!(low > -1000.0, "{variation:?} goes dark");
                assert!(
                    high > 20.0 || matches!(variation, Variation::Eclipses { .. }),
                    "{variation:?} never brightens"
                );
            }
        }
    }
}
