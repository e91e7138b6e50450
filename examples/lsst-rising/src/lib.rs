//! LSST: brighter than before in the same band. This example shows histories, and text in them.

use serde::Deserialize;
use skysieve_sdk::{Alert, Column, Parameters, Verdict, filter};

#[derive(Alert)]
struct Source<'a> {
    /// The time of the detection, as MJD (TAI).
    #[field("diaSource.midpointMjdTai", "diaSource.midPointTai")]
    time: f64,
    #[field("diaSource.band", "diaSource.filterName")]
    band: &'a str,
    /// The flux in nJy.
    #[field("diaSource.psfFlux", "diaSource.psFlux")]
    flux: f64,
    #[field("prvDiaSources[].midpointMjdTai", "prvDiaSources[].midPointTai")]
    earlier_time: Column<'a, f64>,
    #[field("prvDiaSources[].band", "prvDiaSources[].filterName")]
    earlier_band: Column<'a, Option<&'a str>>,
    #[field("prvDiaSources[].psfFlux", "prvDiaSources[].psFlux")]
    earlier_flux: Column<'a, Option<f64>>,
}

#[derive(Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// How many times as bright as every earlier detection it must be.
    factor: f64,
    /// How many days to look back.
    days: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config { factor: 1.3, days: 30.0 }
    }
}

#[filter(description = "LSST: brighter than every detection in the same band within some days, and there is one")]
fn rising(config: &Config, alert: &Source) -> Verdict {
    let earlier = alert.earlier_time.iter().zip(alert.earlier_band).zip(alert.earlier_flux);
    let recent = |time| time < alert.time && alert.time - time <= config.days;
    let brightest = earlier
        .filter(|((time, band), _)| *band == Some(alert.band) && recent(*time))
        .filter_map(|(_, flux)| flux)
        .reduce(f64::max);
    match brightest {
        Some(brightest) if brightest > 0.0 && alert.flux >= brightest * config.factor => {
            Verdict::Accept.with("factor", alert.flux / brightest)
        }
        _ => Verdict::Reject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(time: &[f64], band: &[Option<&str>], flux: &[Option<f64>]) -> Verdict {
        let alert = Source {
            time: 100.0,
            band: "r",
            flux: 3000.0,
            earlier_time: Column::from(time),
            earlier_band: Column::from(band),
            earlier_flux: Column::from(flux),
        };
        rising(&Config::default(), &alert)
    }

    #[test]
    fn brighter_than_all_of_the_band_passes() {
        let verdict = verdict(&[90.0, 99.0], &[Some("r"), Some("g")], &[Some(1500.0), Some(9000.0)]);
        assert_eq!(verdict.annotation("factor"), Some("2"));
    }

    #[test]
    fn old_detections_and_nulls_do_not_count() {
        assert_eq!(verdict(&[60.0, 90.0], &[Some("r"), None], &[Some(1500.0), Some(1500.0)]), Verdict::Reject);
        assert_eq!(verdict(&[], &[], &[]), Verdict::Reject);
    }
}
