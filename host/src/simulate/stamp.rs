//! Cutouts: a source as the exposure, the template and their difference have it.

use super::fits;
use super::object::{Flaw, Measurement, Object};
use super::random::{Gaussians, Random};
use super::schedule::Exposure;
use super::sky::{PIXEL, Place};

/// Pixels on a cutout's side.
pub const SIDE: usize = 30;
const AREA: usize = SIDE * SIDE;
/// Pixels on the side of the image of the point spread function.
const PSF_SIDE: usize = 25;

/// The cutouts of an exposure: what is the same for all its alerts.
pub struct Stamps {
    /// The width (sigma) of a star's image, in pixels.
    width: f64,
    /// The noise of a pixel, in nanojansky.
    noise: f64,
    /// Header of the variance.
    variance: Vec<u8>,
    /// Header and data of the point spread function.
    psf: Vec<u8>,
}

/// The three cutouts of an alert, in nanojansky. The difference is the science image without the template, which is
/// as sharp.
pub struct Cutouts {
    header: Vec<u8>,
    science: Image,
    template: Image,
    difference: Image,
}

/// Pixels and their variance.
#[derive(Clone)]
struct Image {
    pixels: Vec<f32>,
    variance: Vec<f32>,
}

/// Which of an alert's cutouts.
#[derive(Clone, Copy, Debug)]
pub enum Cutout {
    /// What is new.
    Difference,
    /// The exposure.
    Science,
    /// What was there before.
    Template,
}

/// Light with the shape of a bell, as its values along the columns and along the rows.
struct Light {
    columns: [f32; SIDE],
    rows: [f32; SIDE],
}

impl Stamps {
    /// Bytes of a cutout's file: three headers, image and variance of two blocks each, the PSF of one.
    pub const FILE: usize = 8 * fits::BLOCK;

    /// For the alerts of `exposure`.
    pub fn new(exposure: &Exposure) -> Stamps {
        let width = exposure.seeing / PIXEL;
        let mut variance = Vec::new();
        fits::extension(&mut variance, "UNCERT", [SIDE; 2], |cards| cards.text("UTYPE", "VarianceUncertainty"));
        let bell: [f32; PSF_SIDE] = bell((PSF_SIDE / 2) as f64, width);
        let values: Vec<f32> = bell.iter().flat_map(|row| bell.map(|column| row * column)).collect();
        let mut psf = Vec::new();
        fits::extension(&mut psf, "PSFIMAGE", [PSF_SIDE; 2], |_| {});
        fits::pixels(&mut psf, &values);
        // A star's flux is measured over 4 π σ² pixels.
        let noise = exposure.noise / (4.0 * std::f64::consts::PI * width * width).sqrt();
        Stamps { width, noise, variance, psf }
    }

    /// The cutouts of an object measured at a place.
    pub fn draw(
        &self,
        exposure: &Exposure,
        object: &Object,
        place: &Place,
        measurement: &Measurement,
        gaussians: &Gaussians,
    ) -> Cutouts {
        let mut random = object.random(exposure, 2);
        let corner = [place.x, place.y].map(|at| at.round() - (SIDE / 2) as f64);
        let middle = [place.x - corner[0], place.y - corner[1]];
        let header = header(corner, middle, place);

        let steady = object.template[exposure.band as usize];
        let host = (object.extent / PIXEL).hypot(self.width);
        let mut template = Image::empty();
        template.shine(&Light::new(middle, [host; 2]), steady);
        let mut science = template.clone();
        self.add_source(&mut science, object, middle, measurement.flux);

        // Noise differs a little from alert to alert, so that no two cutouts have the same bytes.
        let noise = self.noise * random.between(0.97, 1.03);
        let electrons = exposure.band.electrons();
        science.expose(noise, electrons, gaussians, &mut random);
        template.expose(0.3 * noise, 20.0 * electrons, gaussians, &mut random);
        let difference = science.without(&template);
        Cutouts { header, science, template, difference }
    }

    /// What the exposure has and the template has not.
    fn add_source(&self, image: &mut Image, object: &Object, middle: [f64; 2], flux: f64) {
        let [x, y] = middle;
        match object.flaw {
            Some(Flaw::Dipole) => {
                let lobe = |shift: f64| Light::new([x + shift, y + shift], [self.width; 2]);
                image.shine(&lobe(1.0), 3.0 * flux);
                image.shine(&lobe(-1.0), -2.0 * flux);
            }
            Some(Flaw::CosmicRay) => image.shine(&Light::new(middle, [0.4; 2]), flux),
            Some(Flaw::Streak) => image.shine(&Light::new(middle, [9.0, self.width]), 5.0 * flux),
            Some(Flaw::Saturation) => image.shine(&Light::new(middle, [self.width, 9.0]), 5.0 * flux),
            Some(Flaw::Noise) | None => image.shine(&Light::new(middle, [self.width; 2]), flux),
        }
    }

    /// Appends one of the cutouts as a FITS file: image, variance, point spread function.
    pub fn write(&self, out: &mut Vec<u8>, cutouts: &Cutouts, which: Cutout) {
        let image = match which {
            Cutout::Difference => &cutouts.difference,
            Cutout::Science => &cutouts.science,
            Cutout::Template => &cutouts.template,
        };
        out.extend_from_slice(&cutouts.header);
        fits::pixels(out, &image.pixels);
        out.extend_from_slice(&self.variance);
        fits::pixels(out, &image.variance);
        out.extend_from_slice(&self.psf);
    }
}

/// The primary header: where the cutout is on the detector and in the sky.
fn header(corner: [f64; 2], middle: [f64; 2], place: &Place) -> Vec<u8> {
    let degrees = PIXEL / 3600.0;
    let mut header = Vec::with_capacity(2880);
    fits::primary(&mut header, [SIDE; 2], |cards| {
        cards.add("CUTMINX", corner[0]);
        cards.add("CUTMINY", corner[1]);
        cards.text("BUNIT", "nJy");
        cards.add("WCSAXES", 2);
        cards.text("CTYPE1", "RA---TAN");
        cards.text("CTYPE2", "DEC--TAN");
        cards.text("CUNIT1", "deg");
        cards.text("CUNIT2", "deg");
        cards.add("CRPIX1", format_args!("{:.6}", middle[0] + 1.0));
        cards.add("CRPIX2", format_args!("{:.6}", middle[1] + 1.0));
        cards.add("CRVAL1", format_args!("{:.10}", place.ra));
        cards.add("CRVAL2", format_args!("{:.10}", place.dec));
        cards.add("CDELT1", format_args!("{:.12E}", -degrees));
        cards.add("CDELT2", format_args!("{degrees:.12E}"));
        cards.text("RADESYS", "ICRS");
    });
    header
}

impl Image {
    fn empty() -> Image {
        Image { pixels: vec![0.0; AREA], variance: vec![0.0; AREA] }
    }

    fn shine(&mut self, light: &Light, flux: f64) {
        for (row, height) in self.pixels.chunks_exact_mut(SIDE).zip(light.rows) {
            let height = height * flux as f32;
            row.iter_mut().zip(light.columns).for_each(|(pixel, value)| *pixel += height * value);
        }
    }

    /// Adds the sky's noise, and the variance that light brings.
    fn expose(&mut self, noise: f64, electrons: f64, gaussians: &Gaussians, random: &mut Random) {
        let (sky, light) = ((noise * noise) as f32, (1.0 / electrons) as f32);
        let rows = self.pixels.chunks_exact_mut(SIDE).zip(self.variance.chunks_exact_mut(SIDE));
        for (pixels, variances) in rows {
            let deviates: [f32; SIDE] = gaussians.row(random);
            for ((pixel, variance), deviate) in pixels.iter_mut().zip(variances).zip(deviates) {
                *variance = sky + light * pixel.max(0.0);
                *pixel += variance.sqrt() * deviate;
            }
        }
    }

    fn without(&self, other: &Image) -> Image {
        Image {
            pixels: self.pixels.iter().zip(&other.pixels).map(|(mine, others)| mine - others).collect(),
            variance: self.variance.iter().zip(&other.variance).map(|(mine, others)| mine + others).collect(),
        }
    }
}

impl Light {
    fn new(middle: [f64; 2], widths: [f64; 2]) -> Light {
        Light { columns: bell(middle[0], widths[0]), rows: bell(middle[1], widths[1]) }
    }
}

/// A bell curve of that middle and width (sigma); the sum of an endless one is 1.
fn bell<const N: usize>(middle: f64, width: f64) -> [f32; N] {
    let (height, scale) = (1.0 / (width * std::f64::consts::TAU.sqrt()), -0.5 / (width * width));
    std::array::from_fn(|at| (height * ((at as f64 - middle).powi(2) * scale).exp()) as f32)
}
