//! When the simulated survey looks at which field, and in which band.
//!
//! A night has 25 blocks of 36 visits: 18 fields along the meridian are each looked at twice, 12 minutes apart and in
//! two bands. Three nights later the same blocks follow again. Every six nights the sky has moved on by one block, and
//! after a year by 61. In this way a field is seen 100 times a year, in one season.

use super::band::{Band, flux};
use super::random::Random;
use super::telescope::Telescope;

const FIELDS: i64 = 18;
const BLOCK: i64 = 2 * FIELDS;
const BLOCKS: i64 = 25;
const NIGHT: i64 = BLOCKS * BLOCK;
/// The number of nights until it is a field's turn again.
const LANES: i64 = 3;
/// The number of blocks around the sky.
const COLUMNS: i64 = 61;
/// The number of turns in a year: a field stays in one block for two turns, and moves to the block before it then.
const TURNS: i64 = 2 * COLUMNS;

/// One visit.
#[derive(Clone, Debug)]
pub struct Exposure {
    /// The telescope that it was made with.
    pub(super) telescope: &'static Telescope,
    /// The number of the visit, counted from the survey's first one. Earlier visits, which occur only in histories,
    /// have negative numbers.
    pub ordinal: i64,
    /// The visit's public number: the date of the night and a count, as YYYYMMDDnnnnn.
    pub number: i64,
    /// The middle of the exposure, as MJD (TAI).
    pub mjd: f64,
    /// The filter of the telescope.
    pub band: Band,
    /// The number of the field; there are some 3,300.
    pub field: i64,
    /// The right ascension of the field's centre, in degrees.
    pub ra: f64,
    /// The declination of the field's centre, in degrees.
    pub dec: f64,
    /// The width (sigma) of a star's image, in arcseconds.
    pub seeing: f64,
    /// The error of a faint star's flux, in nanojansky.
    pub noise: f64,
}

impl Exposure {
    /// Returns the survey's visit of that ordinal.
    pub(super) fn new(telescope: &'static Telescope, seed: u64, ordinal: i64) -> Exposure {
        let (night, slot) = (ordinal.div_euclid(NIGHT), ordinal.rem_euclid(NIGHT));
        let (turn, lane) = (night.div_euclid(LANES), night.rem_euclid(LANES));
        let (block, look, row) = (slot / BLOCK, slot % BLOCK / FIELDS, slot % FIELDS);
        let column = (block + turn.div_euclid(2)).rem_euclid(COLUMNS);
        let pairs = telescope.pairs;
        let band = pairs[(turn + column).rem_euclid(pairs.len() as i64) as usize][look as usize];
        let mjd = telescope.first_night + night as f64 + slot as f64 * telescope.cadence / 86_400.0;
        let mut random = Random::new(&[seed as i64, ordinal]);
        let [sharpest, blurred, usual] = telescope.seeing;
        let fwhm = random.between(sharpest, blurred);
        let (ra, dec) = telescope.first_field;
        Exposure {
            telescope,
            ordinal,
            number: date(telescope.first_night as i64 + night) * 100_000 + slot + 1,
            mjd,
            band,
            field: (column * LANES + lane) * FIELDS + row,
            ra: (ra + (column as f64 + lane as f64 / LANES as f64) * 360.0 / COLUMNS as f64) % 360.0,
            dec: dec + telescope.step * row as f64,
            seeing: fwhm / 2.355,
            noise: flux(telescope.depth[band as usize]) / 5.0 * fwhm / usual * random.between(0.95, 1.1),
        }
    }

    /// Returns the visits of the same field in the year before this one, oldest first.
    pub(super) fn earlier(&self, seed: u64) -> Vec<Exposure> {
        let turn = self.ordinal.div_euclid(NIGHT).div_euclid(LANES);
        let (column, rest) = (self.field / (LANES * FIELDS), self.field % (LANES * FIELDS));
        let (lane, row) = (rest / FIELDS, rest % FIELDS);
        let looks = |turn: i64| {
            let block = (column - turn.div_euclid(2)).rem_euclid(COLUMNS);
            let first = (turn * LANES + lane) * NIGHT + block * BLOCK + row;
            [first, first + FIELDS].into_iter().filter(move |_| block < BLOCKS)
        };
        let ordinals = (turn - TURNS..=turn).flat_map(looks).filter(|&ordinal| ordinal < self.ordinal);
        ordinals
            .map(|ordinal| Exposure::new(self.telescope, seed, ordinal))
            .filter(|then| self.mjd - then.mjd < 365.0)
            .collect()
    }

    /// The number of electrons that a flux of one nanojansky produces.
    pub(super) fn electrons(&self) -> f64 {
        self.telescope.electrons(self.band)
    }

    /// The number of the night, counted from that of the survey's first visit.
    pub fn night(&self) -> i64 {
        self.ordinal.div_euclid(NIGHT)
    }

    /// The number of days since the field was first looked at in this night.
    pub fn since_first_look(&self) -> f64 {
        let look = self.ordinal.rem_euclid(BLOCK) / FIELDS;
        (look * FIELDS) as f64 * self.telescope.cadence / 86_400.0
    }
}

/// The date of a day given as MJD, in the form YYYYMMDD (<https://howardhinnant.github.io/date_algorithms.html>).
pub(super) fn date(mjd: i64) -> i64 {
    let days = mjd + 678_881; // since 0000-03-01, where the calendar's 400 years begin
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // from March
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year) } else { (month - 9, year + 1) };
    (era * 400 + year) * 10_000 + month * 100 + day
}

#[cfg(test)]
mod tests {
    use super::super::telescope::{LSST, ZTF};
    use super::*;

    #[test]
    fn dates_are_the_calendars() {
        assert_eq!(date(61_169), 20260509);
        assert_eq!(date(51_544), 20000101);
        assert_eq!(date(60_369), 20240229);
        assert_eq!(date(61_169 + 365), 20270509);
    }

    #[test]
    fn visits_follow_each_other() {
        let [first, second] = [0, 1].map(|ordinal| Exposure::new(&LSST, 7, ordinal));
        assert_eq!((first.number, second.number), (2026050900001, 2026050900002));
        assert_eq!((first.ra, first.dec), LSST.first_field);
        assert!(((second.mjd - first.mjd) * 86_400.0 - LSST.cadence).abs() < 1e-3);
        assert_eq!(Exposure::new(&LSST, 7, NIGHT).number, 2026051000001);
    }

    #[test]
    fn earlier_visits_are_of_the_same_field() {
        for (telescope, bands) in [(&LSST, 6), (&ZTF, 3)] {
            for ordinal in [0, 17, 18, 450, 899, 123_456] {
                let now = Exposure::new(telescope, 7, ordinal);
                let earlier = now.earlier(7);
                assert!((90..=100).contains(&earlier.len()), "{} of visit {ordinal}", earlier.len());
                assert!(earlier.iter().all(|then| then.field == now.field && (then.ra, then.dec) == (now.ra, now.dec)));
                assert!(earlier.windows(2).all(|pair| pair[0].mjd < pair[1].mjd));
                let seen: std::collections::HashSet<Band> = earlier.iter().map(|then| then.band).collect();
                assert_eq!(seen.len(), bands);
            }
        }
        let now = Exposure::new(&LSST, 7, 18);
        assert_eq!(now.earlier(7).last().map(|then| then.ordinal), Some(0));
    }
}
