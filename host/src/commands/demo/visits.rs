//! The demo's alerts, visit by visit: simulated, or read from files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;

use super::DemoArgs;
use crate::commands::common::UsageError;
use crate::commands::packets;
use crate::pipeline::{Identities, host_projection};
use skysieve_avro::{Decoder, Schemas};
use skysieve_simulate::{self, Config, Simulator};
use skysieve_survey::{Surveys, Visit};

/// The source of alerts.
pub enum Survey {
    /// Simulated LSST visits: how many are left, and the number of alerts in each.
    Simulated { simulator: Box<Simulator>, left: usize, alerts: usize },
    /// Files grouped by visit, last visit first.
    Packets { visits: Vec<(String, Vec<PathBuf>)>, ztf: bool },
}

/// The packets of one visit, which are made or read one by one.
pub struct VisitPackets {
    /// The name of the visit, for people.
    pub label: String,
    /// The number of packets.
    pub count: usize,
    /// The packets.
    pub packets: Box<dyn Iterator<Item = anyhow::Result<Bytes>> + Send>,
}

impl Survey {
    /// Opens the source that the command line asks for.
    ///
    /// # Errors
    /// Returns an error if the packets can't be read, or if none of them is an alert.
    pub fn open(args: &DemoArgs, schemas: &Arc<Schemas>, surveys: &Surveys) -> anyhow::Result<Survey> {
        match &args.packets {
            Some(folder) => by_visit(folder, schemas, surveys),
            None => {
                let config = Config { seed: args.seed, ..Config::default() };
                let simulator = Box::new(Simulator::new(skysieve_simulate::Survey::Lsst, config));
                let left = if args.keep_running { usize::MAX } else { args.visits };
                Ok(Survey::Simulated { simulator, left, alerts: args.alerts_per_visit })
            }
        }
    }

    /// Whether the alerts are ZTF's.
    pub fn is_ztf(&self) -> bool {
        matches!(self, Survey::Packets { ztf: true, .. })
    }

    /// Returns the next visit, if there is one.
    pub fn next_visit(&mut self) -> Option<VisitPackets> {
        match self {
            Survey::Simulated { left: 0, .. } => None,
            Survey::Simulated { simulator, left, alerts } => {
                *left -= 1;
                let mut packets = simulator.visit(*alerts).peekable();
                let label = packets.peek().map(|alert| alert.visit.to_string()).unwrap_or_default();
                Some(VisitPackets {
                    label,
                    count: *alerts,
                    packets: Box::new(packets.map(|alert| Ok(alert.bytes.into()))),
                })
            }
            Survey::Packets { visits, .. } => {
                let (label, files) = visits.pop()?;
                let count = files.len();
                let read = |path: PathBuf| {
                    packets::read(&path).map(Bytes::from).with_context(|| format!("cannot read {}", path.display()))
                };
                Some(VisitPackets { label, count, packets: Box::new(files.into_iter().map(read)) })
            }
        }
    }
}

/// Groups files by the visit of the alert in them. Files without a visit come last.
fn by_visit(folder: &Path, schemas: &Arc<Schemas>, surveys: &Surveys) -> anyhow::Result<Survey> {
    let files = packets::find(&[folder.to_owned()])?;
    let (projection, slots) = host_projection(surveys);
    let mut decoder = Decoder::new(schemas.clone(), projection);
    let mut visits: BTreeMap<Visit, Vec<PathBuf>> = BTreeMap::new();
    let mut ztf = false;
    for path in files {
        let bytes = packets::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let pushed = schemas.frame(&bytes).and_then(|alert| decoder.push(0, &alert));
        let decoded = decoder.finish();
        let visit = match pushed {
            Ok(()) => Identities::of(&decoded, 1, slots).visits()[0].visit,
            Err(_) => Visit::Unknown,
        };
        ztf |= matches!(visit, Visit::Time(_));
        visits.entry(visit).or_default().push(path);
    }
    if visits.keys().all(|visit| *visit == Visit::Unknown) {
        return Err(UsageError(format!("no file in {} holds one alert", folder.display())).into());
    }
    let visits = visits.into_iter().rev().map(|(visit, files)| (visit.to_string(), files)).collect();
    Ok(Survey::Packets { visits, ztf })
}
