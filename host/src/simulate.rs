//! Made-up alerts, the same ones for the same seed.
//!
//! A made-up survey ([`schedule`]) looks again and again at the same fields of a made-up sky ([`object`]): an object's
//! history is what earlier visits of its field saw of its light curve ([`history`]). A survey's packets are written
//! from that, LSST's in [`lsst`].

mod encode;
mod fits;
mod history;
mod lightcurve;
mod lsst;
mod object;
mod random;
mod schedule;
mod sky;
mod solar;
mod stamp;

pub use lsst::{Lsst, LsstConfig, SimulatedAlert, Visit};
pub use object::Population;
pub use schedule::{Band, Exposure};
