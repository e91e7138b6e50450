//! The fields that are measured, in the form of structs that serde decoders fill.

#![allow(missing_docs, non_snake_case)]

use serde::Deserialize;

#[derive(Deserialize)]
pub struct LsstCurrent<'a> {
    pub diaSourceId: i64,
    #[serde(borrow)]
    pub diaSource: LsstSource<'a>,
}

#[derive(Deserialize)]
pub struct LsstHistory<'a> {
    pub diaSourceId: i64,
    #[serde(borrow)]
    pub diaSource: LsstSource<'a>,
    #[serde(borrow)]
    pub prvDiaSources: Option<Vec<LsstPrevious<'a>>>,
    pub prvDiaForcedSources: Option<Vec<LsstForced>>,
}

#[derive(Deserialize)]
pub struct LsstSource<'a> {
    pub visit: i64,
    pub midpointMjdTai: f64,
    pub ra: f64,
    pub dec: f64,
    pub psfFlux: Option<f32>,
    pub psfFluxErr: Option<f32>,
    pub snr: Option<f32>,
    pub reliability: Option<f32>,
    #[serde(borrow)]
    pub band: Option<&'a str>,
}

#[derive(Deserialize)]
pub struct LsstPrevious<'a> {
    pub midpointMjdTai: f64,
    pub psfFlux: Option<f32>,
    pub psfFluxErr: Option<f32>,
    #[serde(borrow)]
    pub band: Option<&'a str>,
}

#[derive(Deserialize)]
pub struct LsstForced {
    pub psfFlux: Option<f32>,
}

#[derive(Deserialize)]
pub struct ZtfCurrent<'a> {
    pub candid: i64,
    #[serde(borrow)]
    pub candidate: ZtfCandidate<'a>,
}

#[derive(Deserialize)]
pub struct ZtfHistory<'a> {
    pub candid: i64,
    #[serde(borrow)]
    pub candidate: ZtfCandidate<'a>,
    #[serde(borrow)]
    pub prv_candidates: Option<Vec<ZtfPrevious<'a>>>,
}

#[derive(Deserialize)]
pub struct ZtfCandidate<'a> {
    pub jd: f64,
    pub fid: i32,
    pub ra: f64,
    pub dec: f64,
    pub magpsf: f32,
    pub sigmapsf: f32,
    pub rb: Option<f32>,
    #[serde(borrow)]
    pub ssnamenr: Option<&'a str>,
    #[serde(borrow)]
    pub isdiffpos: &'a str,
}

#[derive(Deserialize)]
pub struct ZtfPrevious<'a> {
    pub jd: f64,
    pub fid: i32,
    pub magpsf: Option<f32>,
    pub sigmapsf: Option<f32>,
    #[serde(borrow)]
    pub isdiffpos: Option<&'a str>,
}
