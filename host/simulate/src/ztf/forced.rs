//! Earlier images at an object's position: forced photometry, and limits where nothing was found.

use super::super::encode::Getter;
use super::super::encode::Value::{self, Real, Text};
use super::super::object::{Measurement, Object};
use super::super::random::Gaussians;
use super::super::schedule::Exposure;
use super::detection::{Reference, reference_field};
use super::frame::{Frame, frame_field};

/// The measurement of an earlier image at an object's position.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// The image.
    pub frame: Frame,
    /// The flux at the position.
    pub measurement: Measurement,
    reference: Reference,
}

impl Epoch {
    /// Measures an object on an exposure.
    pub fn new(exposure: &Exposure, object: &Object, gaussians: &Gaussians) -> Epoch {
        Epoch {
            frame: Frame::new(exposure, object),
            measurement: object.measure(exposure, gaussians),
            reference: Reference::new(object, exposure.band),
        }
    }
}

impl AsRef<Frame> for Epoch {
    fn as_ref(&self) -> &Frame {
        &self.frame
    }
}

impl AsRef<Reference> for Epoch {
    fn as_ref(&self) -> &Reference {
        &self.reference
    }
}

/// The fields of an `fp_hist`. Fluxes are in counts.
pub fn forced(name: &str) -> Option<Getter<Epoch>> {
    match name {
        "forcediffimflux" => get(|e| Real(e.measurement.flux * e.frame.counts())),
        "forcediffimfluxunc" => get(|e| Real(e.measurement.error * e.frame.counts())),
        "sciinpseeing" => get(|e| Real(e.frame.width())),
        "scibckgnd" => get(|e| Real(e.frame.sky())),
        "scisigpix" => get(|e| Real(e.frame.noise())),
        "adpctdif1" => Some(Getter::Same(Real(0.05))),
        "adpctdif2" => Some(Getter::Same(Real(0.06))),
        "procstatus" => Some(Getter::Same(Text("0"))),
        _ => frame_field(name).or_else(|| reference_field(name)),
    }
}

/// The fields of a `prv_candidate` without a detection.
pub fn limit(name: &str) -> Option<Getter<Epoch>> {
    frame_field(name)
}

fn get(getter: impl Fn(&Epoch) -> Value<'_> + Send + Sync + 'static) -> Option<Getter<Epoch>> {
    Some(Getter::Of(Box::new(getter)))
}
