//! Square images of a source.

use super::object::{Flaw, Object};
use super::random::{Gaussians, Random};

/// An image's pixels, row by row.
#[derive(Clone)]
pub struct Image<const SIDE: usize>(pub Vec<f32>);

/// Light with a Gaussian shape, given by its values along the columns and along the rows.
struct Light<const SIDE: usize> {
    columns: [f32; SIDE],
    rows: [f32; SIDE],
}

impl<const SIDE: usize> Image<SIDE> {
    /// Returns an image of a dark sky.
    pub fn dark() -> Self {
        Image(vec![0.0; SIDE * SIDE])
    }

    /// Adds the light of an object in the template. Its image has this width (sigma); all lengths are in pixels.
    pub fn add_steady(&mut self, middle: [f64; 2], width: f64, flux: f64) {
        self.shine(&Light::new(middle, [width; 2]), flux);
    }

    /// Adds the light of an object in the exposure that the template lacks. A star's image has this width (sigma).
    pub fn add_source(&mut self, object: &Object, middle: [f64; 2], width: f64, flux: f64) {
        let [x, y] = middle;
        match object.flaw {
            Some(Flaw::Dipole) => {
                let lobe = |shift: f64| Light::new([x + shift, y + shift], [width; 2]);
                self.shine(&lobe(1.0), 3.0 * flux);
                self.shine(&lobe(-1.0), -2.0 * flux);
            }
            Some(Flaw::CosmicRay) => self.shine(&Light::new(middle, [0.4; 2]), flux),
            Some(Flaw::Streak) => self.shine(&Light::new(middle, [9.0, width]), 5.0 * flux),
            Some(Flaw::Saturation) => self.shine(&Light::new(middle, [width, 9.0]), 5.0 * flux),
            Some(Flaw::Noise) | None => self.shine(&Light::new(middle, [width; 2]), flux),
        }
    }

    fn shine(&mut self, light: &Light<SIDE>, flux: f64) {
        for (row, height) in self.0.chunks_exact_mut(SIDE).zip(light.rows) {
            let height = height * flux as f32;
            row.iter_mut().zip(light.columns).for_each(|(pixel, value)| *pixel += height * value);
        }
    }

    /// Adds the noise of the sky and of the light itself to each pixel, and passes each pixel's variance to
    /// `variances`.
    pub fn expose(
        &mut self,
        noise: f64,
        electrons: f64,
        gaussians: &Gaussians,
        random: &mut Random,
        mut variances: impl FnMut(f32),
    ) {
        let (sky, light) = ((noise * noise) as f32, (1.0 / electrons) as f32);
        for row in self.0.chunks_exact_mut(SIDE) {
            let deviates: [f32; SIDE] = gaussians.row(random);
            for (pixel, deviate) in row.iter_mut().zip(deviates) {
                let variance = sky + light * pixel.max(0.0);
                variances(variance);
                *pixel += variance.sqrt() * deviate;
            }
        }
    }

    /// Subtracts another image.
    pub fn without(&self, other: &Self) -> Self {
        Image(self.0.iter().zip(&other.0).map(|(mine, others)| mine - others).collect())
    }
}

impl<const SIDE: usize> Light<SIDE> {
    fn new(middle: [f64; 2], widths: [f64; 2]) -> Self {
        Light { columns: bell(middle[0], widths[0]), rows: bell(middle[1], widths[1]) }
    }
}

/// A Gaussian around `middle` with this width (sigma), normalised so that its sum over all integers is 1.
pub fn bell<const N: usize>(middle: f64, width: f64) -> [f32; N] {
    let (height, scale) = (1.0 / (width * std::f64::consts::TAU.sqrt()), -0.5 / (width * width));
    std::array::from_fn(|at| (height * ((at as f64 - middle).powi(2) * scale).exp()) as f32)
}
