//! Made-up alerts, the same ones for the same seed.
//!
//! A made-up survey ([`schedule`]) looks again and again at the same fields of a made-up sky ([`object`]): an object's
//! history is what earlier visits of its field saw of its light curve ([`history`]). A survey's packets are written
//! from that, LSST's in [`lsst`], ZTF's in [`ztf`].

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
