//! Simulated alerts, which are the same for the same seed.
//!
//! A simulated survey ([`schedule`]) looks again and again at the same fields of a simulated sky ([`object`]). An
//! object's history is what earlier visits of its field saw of its light curve ([`history`]). From that, the packets of
//! a survey are written: LSST's in [`lsst`], ZTF's in [`ztf`].

mod band;
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
mod random;
mod schedule;
mod sky;
mod solar;
mod telescope;
mod visit;
mod ztf;

pub use band::Band;
pub use object::Population;
pub use packet::Framing;
pub use schedule::Exposure;
pub use visit::{Config, SimulatedAlert, SimulatedVisit, Simulator, Survey};
