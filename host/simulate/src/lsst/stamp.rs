//! Cutouts: a source in the exposure, in the template and in their difference.

use super::super::fits;
use super::super::image::{Image, bell};
use super::super::object::{Measurement, Object};
use super::super::random::{Gaussians, Random};
use super::super::schedule::Exposure;
use super::super::sky::Place;
use super::super::telescope::LSST;

/// The number of pixels on a cutout's side.
pub const SIDE: usize = 30;
/// The size of a pixel in arcseconds.
const PIXEL: f64 = LSST.camera.pixel;
const AREA: usize = SIDE * SIDE;
/// The number of pixels on a side of the image of the point spread function.
const PSF_SIDE: usize = 25;

/// What the cutouts of all alerts of an exposure have in common.
pub struct Stamps {
    /// The width (sigma) of a star's image, in pixels.
    width: f64,
    /// The noise of a pixel, in nanojansky.
    noise: f64,
    /// The header of the variance.
    variance: Vec<u8>,
    /// The header and the data of the point spread function.
    psf: Vec<u8>,
}

/// The three cutouts of an alert, in nanojansky. The difference is the science image minus the template, which is
/// equally sharp.
pub struct Cutouts {
    header: Vec<u8>,
    science: Exposed,
    template: Exposed,
    difference: Exposed,
}

/// An image and its variance.
struct Exposed {
    image: Image<SIDE>,
    variance: Vec<f32>,
}

/// One of an alert's three cutouts.
#[derive(Clone, Copy, Debug)]
pub enum Cutout {
    /// The difference image, which shows what is new.
    Difference,
    /// The science image.
    Science,
    /// The template, which shows what was there before.
    Template,
}

impl Stamps {
    /// The size of a cutout's file in bytes: three headers, two blocks each for the image and its variance, and one for
    /// the point spread function.
    pub const FILE: usize = 8 * fits::BLOCK;

    /// Prepares the cutouts for the alerts of `exposure`.
    pub fn new(exposure: &Exposure) -> Stamps {
        let width = exposure.seeing / PIXEL;
        let mut variance = Vec::new();
        fits::extension(&mut variance, "UNCERT", [SIDE; 2], |cards| cards.text("UTYPE", "VarianceUncertainty"));
        let bell: [f32; PSF_SIDE] = bell((PSF_SIDE / 2) as f64, width);
        let values: Vec<f32> = bell.iter().flat_map(|row| bell.map(|column| row * column)).collect();
        let mut psf = Vec::new();
        fits::extension(&mut psf, "PSFIMAGE", [PSF_SIDE; 2], |_| {});
        fits::pixels(&mut psf, &values);
        // A star's flux is measured over an area of 4 π σ² pixels.
        let noise = exposure.noise / (4.0 * std::f64::consts::PI * width * width).sqrt();
        Stamps { width, noise, variance, psf }
    }

    /// Draws the cutouts of an object that was measured at a position.
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
        let mut template = Image::dark();
        template.add_steady(middle, host, steady);
        let mut science = template.clone();
        science.add_source(object, middle, self.width, measurement.flux);

        // The noise differs a little from alert to alert, so that no two cutouts have the same bytes.
        let noise = self.noise * random.between(0.97, 1.03);
        let electrons = exposure.electrons();
        let science = Exposed::new(science, noise, electrons, gaussians, &mut random);
        let template = Exposed::new(template, 0.3 * noise, 20.0 * electrons, gaussians, &mut random);
        let difference = science.without(&template);
        Cutouts { header, science, template, difference }
    }

    /// Appends one of the cutouts as a FITS file: image, variance and point spread function.
    pub fn write(&self, out: &mut Vec<u8>, cutouts: &Cutouts, which: Cutout) {
        let exposed = match which {
            Cutout::Difference => &cutouts.difference,
            Cutout::Science => &cutouts.science,
            Cutout::Template => &cutouts.template,
        };
        out.extend_from_slice(&cutouts.header);
        fits::pixels(out, &exposed.image.0);
        out.extend_from_slice(&self.variance);
        fits::pixels(out, &exposed.variance);
        out.extend_from_slice(&self.psf);
    }
}

/// The primary header, which gives the position of the cutout on the detector and in the sky.
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

impl Exposed {
    fn new(mut image: Image<SIDE>, noise: f64, electrons: f64, gaussians: &Gaussians, random: &mut Random) -> Exposed {
        let mut variance = Vec::with_capacity(AREA);
        image.expose(noise, electrons, gaussians, random, |pixel| variance.push(pixel));
        Exposed { image, variance }
    }

    fn without(&self, other: &Exposed) -> Exposed {
        let variance = self.variance.iter().zip(&other.variance).map(|(mine, others)| mine + others);
        Exposed { image: self.image.without(&other.image), variance: variance.collect() }
    }
}
