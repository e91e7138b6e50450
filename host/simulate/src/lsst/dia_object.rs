//! `diaObject`.

use super::super::band::Band;
use super::super::encode::Getter;
use super::super::encode::Value::{self, Real, Whole};
use super::super::history::Statistics;
use super::super::sky::Place;

/// An object with everything that was seen of it, including the alert's own source.
pub struct DiaObject {
    /// Its id.
    pub id: i64,
    /// Its position.
    pub place: Place,
    /// The error of the position, in arcseconds.
    pub place_error: f64,
    /// The fluxes of its sources, by band.
    pub sources: [Statistics; 6],
    /// The fluxes measured at its position, by band.
    pub forced: [Statistics; 6],
    /// Its flux in the template, by band.
    pub template: [f64; 6],
    /// The times at which its first and its newest source were seen.
    pub seen: [f64; 2],
}

/// The fields of `diaObject`. Angles are in degrees, fluxes in nanojansky, and so are their errors.
pub fn dia_object(name: &str) -> Option<Getter<DiaObject>> {
    match name {
        "diaObjectId" => get(|o| Whole(o.id)),
        "validityStartMjdTai" => get(|o| Real(o.seen[1] + 60.0 / 86_400.0)),
        "ra" => get(|o| Real(o.place.ra)),
        "dec" => get(|o| Real(o.place.dec)),
        "raErr" | "decErr" => get(|o| Real(o.place_error / 3600.0)),
        "ra_dec_Cov" => Some(Getter::Same(Real(0.0))),
        "firstDiaSourceMjdTai" => get(|o| Real(o.seen[0])),
        "lastDiaSourceMjdTai" => get(|o| Real(o.seen[1])),
        "nDiaSources" => get(|o| Whole(o.sources.iter().map(|band| band.count).sum())),
        _ => {
            let (band, of_band) = name.split_once('_')?;
            let band = Band::ALL.into_iter().find(|candidate| candidate.name() == band)? as usize;
            band_field(band, of_band)
        }
    }
}

/// A field that exists once for each band.
fn band_field(band: usize, name: &str) -> Option<Getter<DiaObject>> {
    match name {
        "psfFluxMean" => get(move |o| Real(o.sources[band].mean())),
        "psfFluxMeanErr" => get(move |o| Real(o.sources[band].mean_error())),
        "psfFluxSigma" => get(move |o| Real(o.sources[band].sigma())),
        "psfFluxNdata" => get(move |o| Whole(o.sources[band].count)),
        "psfFluxMin" => get(move |o| Real(o.sources[band].least)),
        "psfFluxMax" => get(move |o| Real(o.sources[band].greatest)),
        "psfFluxMaxSlope" => get(move |o| Real(o.sources[band].slope)),
        "psfFluxErrMean" => get(move |o| Real(o.sources[band].error())),
        "fpFluxMean" => get(move |o| Real(o.forced[band].mean())),
        "fpFluxMeanErr" => get(move |o| Real(o.forced[band].mean_error())),
        "scienceFluxMean" => get(move |o| Real(o.template[band] + o.forced[band].mean())),
        "scienceFluxMeanErr" => get(move |o| Real(o.forced[band].mean_error())),
        _ => None,
    }
}

fn get(getter: impl Fn(&DiaObject) -> Value<'_> + Send + Sync + 'static) -> Option<Getter<DiaObject>> {
    Some(Getter::Of(Box::new(getter)))
}
