//! The image of an exposure in one readout channel.

use super::super::band::Band;
use super::super::encode::Getter;
use super::super::encode::Value::{self, Real, Text, Whole};
use super::super::object::Object;
use super::super::schedule::Exposure;

/// The day of night 0, as MJD.
const FIRST_DAY: f64 = 57_754.0;
/// The time from the start to the middle of an exposure, and the difference between TAI and UTC, in seconds.
const TO_MIDDLE: f64 = 15.0;
const TO_TAI: f64 = 37.0;
/// The number of electrons per count.
pub const GAIN: f64 = 6.2;

/// One readout channel's image.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The exposure.
    pub exposure: Exposure,
    /// The start of the exposure: the Julian date (UTC), to a hundredth of a second.
    pub start: f64,
    /// The image's number, composed of the night, the time in it, and the channel.
    pub id: i64,
    /// The magnitude of a source at the detection limit.
    pub limit: f64,
    /// The magnitude of a source that produces one count.
    pub zero_point: f64,
    night: i64,
    /// The number of the readout channel, 0 to 63.
    channel: i64,
    /// The name of the difference image's file.
    file: String,
}

/// The AB magnitude of a flux in nanojansky, which must be positive.
pub fn magnitude(flux: f64) -> f64 {
    31.4 - 2.5 * flux.log10()
}

impl Frame {
    /// Returns the image that `object` is on.
    pub fn new(exposure: &Exposure, object: &Object) -> Frame {
        let channel = object.place.detector;
        let mjd = exposure.mjd - (TO_MIDDLE + TO_TAI) / 86_400.0;
        let (night, part) = ((mjd - FIRST_DAY).floor() as i64, mjd.rem_euclid(1.0));
        let file = format!(
            "ztf_{}{:06}_{:06}_z{}_c{:02}_o_q{}_scimrefdiffimg.fits",
            exposure.number / 100_000,
            (part * 1e6) as i64,
            exposure.field + 1,
            exposure.band.name(),
            channel / 4 + 1,
            channel % 4 + 1,
        );
        Frame {
            exposure: exposure.clone(),
            start: ((mjd + 2_400_000.5) * 1e7).round() / 1e7,
            id: ((night * 100_000 + (part * 1e5) as i64) * 100 + channel) * 100 + 15,
            limit: magnitude(5.0 * exposure.noise),
            zero_point: magnitude(GAIN / exposure.electrons()),
            night,
            channel,
            file,
        }
    }

    /// The number of counts that a flux of one nanojansky produces.
    pub fn counts(&self) -> f64 {
        self.exposure.electrons() / GAIN
    }

    /// The full width at half maximum of a star's image, in pixels.
    pub fn width(&self) -> f64 {
        2.355 * self.exposure.seeing / self.exposure.telescope.camera.pixel
    }

    /// The noise of a pixel, in counts. A star's flux is measured over an area of 4 π σ² pixels.
    pub fn noise(&self) -> f64 {
        let sigma = self.width() / 2.355;
        self.counts() * self.exposure.noise / (4.0 * std::f64::consts::PI * sigma * sigma).sqrt()
    }

    /// The brightness of the sky in counts, which causes a quarter of the noise's variance.
    pub fn sky(&self) -> f64 {
        0.25 * GAIN * self.noise().powi(2)
    }

    /// The number of the band in alerts: 1 for g, 2 for r, 3 for i.
    fn band(&self) -> i64 {
        self.exposure.band as i64 - Band::G as i64 + 1
    }

    fn field(&self) -> i64 {
        self.exposure.field + 1
    }

    /// The correction of magnitudes for the colour of a star.
    fn colour(&self) -> f64 {
        [f64::NAN, -0.06, 0.1, 0.02, f64::NAN, f64::NAN][self.exposure.band as usize]
    }

    /// The number of the reference image, composed of the field, the channel and the band.
    pub fn reference(&self) -> i64 {
        self.field() * 1_000_000 + 120_000 + self.band() * 100 + self.channel
    }
}

/// Fields about the image that a source is on.
pub fn frame_field<T: AsRef<Frame> + 'static>(name: &str) -> Option<Getter<T>> {
    match name {
        "jd" => get(|f| Real(f.start)),
        "fid" => get(|f| Whole(f.band())),
        "pid" => get(|f| Whole(f.id)),
        "diffmaglim" => get(|f| Real(f.limit)),
        "pdiffimfilename" => get(|f| Text(&f.file)),
        "nid" => get(|f| Whole(f.night)),
        "rcid" => get(|f| Whole(f.channel)),
        "field" => get(|f| Whole(f.field())),
        "rfid" => get(|f| Whole(f.reference())),
        "magzpsci" => get(|f| Real(f.zero_point)),
        "clrcoeff" => get(|f| Real(f.colour())),
        "programpi" => Some(Getter::Same(Text("Simulated"))),
        "programid" => Some(Getter::Same(Whole(1))),
        "magzpsciunc" => Some(Getter::Same(Real(5e-6))),
        "magzpscirms" => Some(Getter::Same(Real(0.03))),
        "clrcounc" => Some(Getter::Same(Real(8e-6))),
        "exptime" => Some(Getter::Same(Real(30.0))),
        "rbversion" => Some(Getter::Same(Text("simulated"))),
        _ => None,
    }
}

fn get<T: AsRef<Frame>>(getter: impl Fn(&Frame) -> Value<'_> + Send + Sync + 'static) -> Option<Getter<T>> {
    Some(Getter::Of(Box::new(move |of: &T| getter(of.as_ref()))))
}
