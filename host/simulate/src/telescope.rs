//! The telescopes and cameras of the surveys, and how they are used.

use super::band::{Band, flux};

/// A survey's telescope and how it is used.
#[derive(Debug)]
pub struct Telescope {
    /// The time from one visit to the next, in seconds.
    pub cadence: f64,
    /// The start of the first night, as MJD (TAI).
    pub first_night: f64,
    /// The first field, in degrees; it is on the observatory's meridian at that time.
    pub first_field: (f64, f64),
    /// The distance from one field along the meridian to the next, in degrees to the north.
    pub step: f64,
    /// The pairs of bands in which a field is looked at during one turn.
    pub pairs: &'static [[Band; 2]],
    /// The magnitude that a visit reaches at five sigma, for each band.
    pub depth: [f64; 6],
    /// The magnitude of a source that produces one electron in a visit, for each band.
    pub one_electron: [f64; 6],
    /// The seeing, as full width at half maximum in arcseconds: the smallest, the largest, and the one at which the
    /// depth is reached.
    pub seeing: [f64; 3],
    /// How much brighter the survey's sources are than LSST's, in magnitudes.
    pub brighter: f64,
    /// The redshift up to which the survey finds supernovae.
    pub redshift: f64,
    /// Its camera.
    pub camera: Camera,
}

/// A camera: a square of detectors, some of which may be missing.
#[derive(Debug)]
pub struct Camera {
    /// The size of a pixel in arcseconds.
    pub pixel: f64,
    /// The number of detectors on a side.
    pub across: usize,
    /// The distance from one detector to the next, in degrees.
    pub pitch: f64,
    /// The radius, in degrees, beyond which nothing is seen.
    pub radius: f64,
    /// The numbers of columns and rows of a detector, in pixels.
    pub sides: (f64, f64),
    /// The distance in pixels that sources keep from a detector's edge, so that their cutouts are complete and
    /// asteroids stay on the detector.
    pub margin: f64,
    /// The number of the detector in a given column and row. The camera's corners may have none.
    pub detector: fn(usize, usize) -> Option<i64>,
}

/// Rubin Observatory, from 2026-05-09, 23:31 on, when the COSMOS field is on its meridian.
pub static LSST: Telescope = Telescope {
    cadence: 39.0,
    first_night: 61_169.98,
    first_field: (150.1, 2.2),
    step: -3.5,
    pairs: &[
        [Band::R, Band::I],
        [Band::G, Band::R],
        [Band::I, Band::Z],
        [Band::U, Band::G],
        [Band::Z, Band::Y],
        [Band::R, Band::G],
    ],
    // Ivezić et al. 2019, table 2.
    depth: [23.9, 25.0, 24.7, 24.0, 23.3, 22.1],
    // The values are for 30 s, computed from the magnitude that produces one electron in 1 s (Rubin's SMTN-002).
    one_electron: [26.52, 28.51, 28.36, 28.17, 27.78, 26.82],
    seeing: [0.65, 1.1, 0.83],
    brighter: 0.0,
    redshift: 0.35,
    camera: Camera {
        pixel: 0.2,
        across: 15,
        pitch: 3.5 / 15.0,
        radius: 1.75,
        sides: (4072.0, 4000.0),
        margin: 200.0,
        detector: lsst_detector,
    },
};

/// Palomar's 48-inch telescope with ZTF's camera, from 2026-12-27, 02:24 on (Bellm et al. 2019,
/// <https://doi.org/10.1088/1538-3873/aaecbe>).
pub static ZTF: Telescope = Telescope {
    cadence: 40.0,
    first_night: 61_401.1,
    first_field: (15.1, -15.5),
    step: 5.9,
    pairs: &[[Band::G, Band::R], [Band::R, Band::G], [Band::G, Band::R], [Band::R, Band::I]],
    depth: [f64::NAN, 20.8, 20.6, 19.9, f64::NAN, f64::NAN],
    // These values are such that a source of magnitude 26.3 (i: 25.6) produces one count, which is 6.2 electrons.
    one_electron: [f64::NAN, 24.59, 24.59, 23.89, f64::NAN, f64::NAN],
    seeing: [1.6, 2.6, 2.0],
    brighter: 4.0,
    redshift: 0.09,
    camera: Camera {
        pixel: 1.012,
        across: 8,
        pitch: 0.915,
        radius: f64::INFINITY,
        sides: (3072.0, 3080.0),
        margin: 100.0,
        detector: ztf_channel,
    },
};

impl Telescope {
    /// The number of electrons that a flux of one nanojansky produces in a visit of 30 s.
    pub fn electrons(&self, band: Band) -> f64 {
        30.0 / flux(self.one_electron[band as usize])
    }
}

/// The detectors: 15 × 15 without the corners, 9 to a raft. Rafts are numbered row by row; the first and the last row
/// have three of them, the others five.
fn lsst_detector(column: usize, row: usize) -> Option<i64> {
    const FIRST_RAFTS: [usize; 5] = [0, 3, 8, 13, 18];
    let (raft_column, raft_row) = (column / 3, row / 3);
    let (short, edge) = ([0, 4].contains(&raft_row), [0, 4].contains(&raft_column));
    let raft = FIRST_RAFTS[raft_row] + raft_column - usize::from(short && !edge);
    (!(short && edge)).then_some((raft * 9 + row % 3 * 3 + column % 3) as i64)
}

/// The readout channels: 4 × 4 detectors, each of which is read through its four corners.
fn ztf_channel(column: usize, row: usize) -> Option<i64> {
    let (detector, corner) = (row / 2 * 4 + column / 2, row % 2 * 2 + column % 2);
    Some((detector * 4 + corner) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detectors_are_numbered_without_gaps() {
        for (telescope, count) in [(&LSST, 189), (&ZTF, 64)] {
            let Camera { across, detector, .. } = telescope.camera;
            let mut numbers: Vec<i64> =
                (0..across).flat_map(|column| (0..across).filter_map(move |row| detector(column, row))).collect();
            numbers.sort();
            assert_eq!(numbers, (0..count).collect::<Vec<_>>());
        }
    }
}
