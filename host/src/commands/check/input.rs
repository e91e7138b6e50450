//! The packets of a check: files, or simulated alerts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use skysieve_simulate::{Config, SimulatedVisit, Simulator, Survey};

use crate::commands::packets;

/// A packet that is to be checked.
pub enum Packet {
    /// A file of one or many alerts.
    File(PathBuf),
    /// The alert with this index in a simulated visit.
    Simulated(Arc<Simulated>, usize),
}

/// A simulated visit.
pub struct Simulated {
    /// What stands for a file's path in the report.
    path: PathBuf,
    visit: SimulatedVisit,
}

/// Simulates one visit of that many alerts.
pub fn simulated(survey: Survey, seed: u64, alerts: usize) -> Vec<Packet> {
    let visit = Simulator::new(survey, Config { seed, ..Config::default() }).visit(alerts);
    let count = visit.len();
    let path = "a simulated visit".into();
    let simulated = Arc::new(Simulated { path, visit });
    (0..count).map(|index| Packet::Simulated(simulated.clone(), index)).collect()
}

impl Packet {
    /// The file, or what stands for it.
    pub fn path(&self) -> &Path {
        match self {
            Packet::File(path) => path,
            Packet::Simulated(simulated, _) => &simulated.path,
        }
    }

    /// Reads or makes the packet.
    ///
    /// # Errors
    /// Returns the errors of [`packets::read`].
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        match self {
            Packet::File(path) => packets::read(path),
            Packet::Simulated(simulated, index) => Ok(simulated.visit.alert(*index).bytes),
        }
    }
}
