//! What earlier visits saw of an object.

use super::object::{Measurement, Object};
use super::random::Gaussians;
use super::schedule::Exposure;

/// For how many days before its first detection an object's flux is measured.
const BEFORE_DETECTION: f64 = 30.0;

/// An object's measurements in the year before an alert, oldest first, each with the index of its exposure among the
/// field's exposures.
pub struct History {
    /// The measurements that became sources.
    pub detections: Vec<(usize, Measurement)>,
    /// All measurements since a month before the first detection.
    pub forced: Vec<(usize, Measurement)>,
}

impl History {
    /// Makes the history of an object whose field was visited in `earlier`, and which is detected in `now`.
    pub fn new(object: &Object, earlier: &[Exposure], now: &Exposure, gaussians: &Gaussians) -> History {
        let mut forced: Vec<(usize, Measurement)> =
            earlier.iter().enumerate().map(|(index, then)| (index, object.measure(then, gaussians))).collect();
        let first = forced.iter().find(|(_, measurement)| measurement.detected());
        let discovery = first.map_or(now.mjd, |(index, _)| earlier[*index].mjd);
        let detections = forced.iter().copied().filter(|(_, measurement)| measurement.detected()).collect();
        forced.retain(|(index, _)| earlier[*index].mjd >= discovery - BEFORE_DETECTION);
        History { detections, forced }
    }

    /// Keeps only the newest detections and forced measurements, at most as many as given.
    pub fn keep(&mut self, [detections, forced]: [usize; 2]) {
        self.detections.drain(..self.detections.len().saturating_sub(detections));
        self.forced.drain(..self.forced.len().saturating_sub(forced));
    }
}

/// Sums over the measurements in one band, from which an object's statistics are computed.
#[derive(Clone, Copy, Debug)]
pub struct Statistics {
    /// The number of measurements.
    pub count: i64,
    sum: f64,
    squares: f64,
    weights: f64,
    weighted: f64,
    errors: f64,
    /// The smallest flux; NaN if there are no measurements.
    pub least: f64,
    /// The largest flux; NaN if there are no measurements.
    pub greatest: f64,
    /// The steepest change between two consecutive measurements, in nanojansky per day; NaN if there are fewer than
    /// two.
    pub slope: f64,
    last: (f64, f64),
}

impl Statistics {
    const NONE: Statistics = Statistics {
        count: 0,
        sum: 0.0,
        squares: 0.0,
        weights: 0.0,
        weighted: 0.0,
        errors: 0.0,
        least: f64::NAN,
        greatest: f64::NAN,
        slope: f64::NAN,
        last: (f64::NAN, f64::NAN),
    };

    /// Returns the statistics of each band. The measurements must be in order of time.
    pub fn by_band<'a>(measurements: impl Iterator<Item = (&'a Exposure, Measurement)>) -> [Statistics; 6] {
        let mut bands = [Statistics::NONE; 6];
        for (exposure, measurement) in measurements {
            bands[exposure.band as usize].add(exposure.mjd, measurement);
        }
        bands
    }

    fn add(&mut self, mjd: f64, Measurement { flux, error }: Measurement) {
        let slope = (flux - self.last.1) / (mjd - self.last.0);
        // The first comparison involves NaN and so takes the first slope. The smallest and the largest flux work in the
        // same way.
        self.slope = if self.slope.abs() >= slope.abs() { self.slope } else { slope };
        self.count += 1;
        self.sum += flux;
        self.squares += flux * flux;
        self.weights += error.powi(-2);
        self.weighted += flux * error.powi(-2);
        self.errors += error;
        self.least = self.least.min(flux);
        self.greatest = self.greatest.max(flux);
        self.last = (mjd, flux);
    }

    /// The mean weighted by the errors. Like the values below, it is NaN if there are no measurements.
    pub fn mean(&self) -> f64 {
        self.weighted / self.weights
    }

    /// The standard error of the mean.
    pub fn mean_error(&self) -> f64 {
        if self.count == 0 { f64::NAN } else { self.weights.powf(-0.5) }
    }

    /// The standard deviation; NaN if there are fewer than two measurements.
    pub fn sigma(&self) -> f64 {
        let count = self.count as f64;
        let variance = (self.squares - self.sum * self.sum / count) / (count - 1.0);
        if self.count < 2 { f64::NAN } else { variance.max(0.0).sqrt() }
    }

    /// The mean of the errors.
    pub fn error(&self) -> f64 {
        self.errors / self.count as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::band::Band;
    use super::super::telescope::LSST;
    use super::*;

    #[test]
    fn statistics_are_those_of_the_band() {
        let exposures: Vec<Exposure> = [(0.0, Band::G), (1.0, Band::R), (2.0, Band::G)]
            .map(|(mjd, band)| Exposure { mjd, band, ..Exposure::new(&LSST, 1, 0) })
            .into();
        let measurements = [10.0, 99.0, 14.0].map(|flux| Measurement { flux, error: 2.0 });
        let bands = Statistics::by_band(exposures.iter().zip(measurements));
        let green = &bands[Band::G as usize];
        assert_eq!((green.count, green.least, green.greatest, green.slope), (2, 10.0, 14.0, 2.0));
        assert_eq!((green.mean(), green.sigma(), green.error()), (12.0, 8f64.sqrt(), 2.0));
        assert!((green.mean_error() - 2f64.sqrt()).abs() < 1e-12);
        assert!(bands[Band::Y as usize].mean().is_nan() && bands[Band::R as usize].sigma().is_nan());
    }
}
