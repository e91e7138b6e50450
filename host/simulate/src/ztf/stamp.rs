//! Cutouts: gzipped FITS images of 63 × 63 pixels.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::fits;
use super::super::image::Image;
use super::super::object::{Measurement, Object};
use super::super::random::Gaussians;
use super::super::sky::Place;
use super::frame::{Frame, GAIN};

/// The number of pixels on a cutout's side.
const SIDE: usize = 63;
/// The noise of the reference image, relative to that of the science image; its sky is different, too.
const REFERENCE_NOISE: f64 = 0.3;
const REFERENCE_SKY: f64 = 0.7;

/// The three cutouts of an alert, in counts. The difference is the science image minus the template.
pub struct Cutouts {
    science: Image<SIDE>,
    template: Image<SIDE>,
    difference: Image<SIDE>,
    sky: f32,
}

/// One of an alert's three cutouts.
#[derive(Clone, Copy, Debug)]
pub enum Cutout {
    /// The science image.
    Science,
    /// The template, which shows what was there before.
    Template,
    /// The difference image, which shows what is new.
    Difference,
}

impl Cutout {
    /// The name of the cutout's file, in the alert with that id on that image.
    pub fn file(self, id: i64, frame: &Frame) -> String {
        match self {
            Cutout::Science => format!("candid{id}_pid{}_targ_sci.fits.gz", frame.id),
            Cutout::Template => format!("candid{id}_ref.fits.gz"),
            Cutout::Difference => format!("candid{id}_pid{}_targ_scimref.fits.gz", frame.id),
        }
    }
}

impl Cutouts {
    /// An upper estimate of a cutout's size in bytes.
    pub const FILE: usize = 17_000;

    /// Draws the cutouts of an object that was found at `place`.
    pub fn draw(
        frame: &Frame,
        object: &Object,
        place: &Place,
        measurement: &Measurement,
        gaussians: &Gaussians,
    ) -> Cutouts {
        let (exposure, counts) = (&frame.exposure, frame.counts());
        let mut random = object.random(exposure, 2);
        let middle = [place.x, place.y].map(|at| at - at.round() + (SIDE / 2) as f64);
        let pixel = exposure.telescope.camera.pixel;
        let width = exposure.seeing / pixel;
        let mut template = Image::dark();
        let steady = object.template[exposure.band as usize];
        template.add_steady(middle, (object.extent / pixel).hypot(width), steady * counts);
        let mut science = template.clone();
        science.add_source(object, middle, width, measurement.flux * counts);

        // The noise differs a little from alert to alert, so that no two cutouts have the same bytes.
        let noise = frame.noise() * random.between(0.97, 1.03);
        science.expose(noise, GAIN, gaussians, &mut random, |_| {});
        template.expose(REFERENCE_NOISE * noise, 20.0 * GAIN, gaussians, &mut random, |_| {});
        let difference = science.without(&template);
        Cutouts { science, template, difference, sky: frame.sky() as f32 }
    }

    /// Returns one of the cutouts as a file.
    pub fn file(&self, which: Cutout) -> Vec<u8> {
        let (image, sky) = match which {
            Cutout::Science => (&self.science, self.sky),
            Cutout::Template => (&self.template, REFERENCE_SKY as f32 * self.sky),
            Cutout::Difference => (&self.difference, 0.0),
        };
        let mut plain = Vec::new();
        fits::primary(&mut plain, [SIDE; 2], |cards| cards.text("BUNIT", "DN"));
        let pixels: Vec<f32> = image.0.iter().map(|pixel| pixel + sky).collect();
        fits::pixels(&mut plain, &pixels);
        gzip(&plain)
    }
}

/// Noise hardly repeats itself, so looking long for repetitions would cost time and save nothing.
fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(Cutouts::FILE), Compression::fast());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("memory takes what is written")
}
