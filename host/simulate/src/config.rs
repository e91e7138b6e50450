//! Which alerts to make.

use super::packet::Framing;

/// Which alerts to make.
#[derive(Clone, Debug)]
pub struct Config {
    /// The seed of all random numbers. The same seed makes the same alerts.
    pub seed: u64,
    /// How many visits of the survey to skip.
    pub skip: u32,
    /// Whether alerts contain the history of earlier detections.
    pub history: bool,
    /// Whether alerts have cutouts.
    pub stamps: bool,
    /// The framing of packets. If it is not given, the survey's own framing is used.
    pub framing: Option<Framing>,
}

impl Default for Config {
    fn default() -> Config {
        Config { seed: 1, skip: 0, history: true, stamps: true, framing: None }
    }
}
