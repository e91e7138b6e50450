//! Simulated alerts, which are the same for the same seed.
//!
//! A simulated survey ([`schedule`]) looks again and again at the same fields of a simulated sky ([`object`]). An
//! object's history is what earlier visits of its field saw of its light curve ([`history`]). From that, the packets of
//! a survey are written: LSST's in [`lsst`], ZTF's in [`ztf`].

mod band;
mod config;
#[cfg(test)]
mod decoded;
mod encode;
mod fits;
mod history;
mod image;
mod lightcurve;
mod lsst;
mod object;
mod packet;
mod plan;
mod random;
mod schedule;
mod sky;
mod solar;
mod survey;
mod telescope;
mod visit;
mod ztf;

pub use band::Band;
pub use config::Config;
pub use object::Population;
pub use packet::Framing;
pub use schedule::Exposure;
pub use survey::Survey;
pub use visit::{SimulatedAlert, SimulatedVisit, Simulator};
