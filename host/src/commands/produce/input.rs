//! Determines what to publish, visit by visit.

use std::path::{Path, PathBuf};

use super::files::{FileVisit, look_into};
use super::fresh::Fresh;
use super::recipe::{Cook, Packet, Recipe, Trouble, framing_of};
use super::{Framing, ProduceArgs};
use crate::commands::common::Survey;
use crate::commands::common::UsageError;
use crate::commands::packets;
use skysieve_simulate::{Config, SimulatedAlert, SimulatedVisit, Simulator};

/// The largest number of threads that read or make alerts.
const MAX_MAKERS: usize = 8;

/// The visits that have yet to be published.
pub struct Input<'a> {
    kind: Kind,
    recipe: &'a Recipe,
    /// The number of the next visit, counted over all passes.
    next: u64,
    /// The total number of visits.
    visits: u64,
    alerts: usize,
    as_is: bool,
}

enum Kind {
    Simulated(Survey, Config, Option<Simulator>),
    Files(Vec<FileVisit>),
}

/// One visit.
pub struct Visit {
    /// The name of the visit, for people.
    pub label: String,
    /// How many times the visit has been published before.
    pub repeat: u64,
    /// The largest number of alerts to publish.
    pub alerts: usize,
    source: Source,
    fresh: Option<Fresh>,
}

enum Source {
    Simulated(SimulatedVisit),
    Many(PathBuf),
    Ones(Vec<PathBuf>),
}

/// Takes an alert's message, or the reason that there is none. Returns false if no more are wanted.
pub type Put<'a> = dyn FnMut(Result<Packet, Trouble>) -> bool + 'a;

impl<'a> Input<'a> {
    /// Opens what the command line asks for. Also returns the number of files without an alert.
    ///
    /// # Errors
    /// Returns an error if files can't be read, or if none of them has an alert.
    pub fn open(args: &ProduceArgs, recipe: &'a Recipe) -> anyhow::Result<(Input<'a>, u64)> {
        let (kind, pass, unreadable) = match args.simulate {
            Some(survey) => {
                let most = survey.simulated().most_alerts();
                if args.visits.alerts_per_visit > most {
                    let message = format!("--alerts-per-visit: a simulated visit has {most} alerts at most");
                    return Err(UsageError(message).into());
                }
                let (history, stamps) = (!args.packets.no_history, !args.packets.no_stamps);
                let config = Config { seed: args.seed, history, stamps, ..Config::default() };
                (Kind::Simulated(survey, config, None), 1, 0)
            }
            None => {
                let found = look_into(packets::find(&args.paths)?, recipe);
                found.unreadable.iter().for_each(|file| tracing::warn!("left out: {file}"));
                if found.visits.is_empty() {
                    let names: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
                    return Err(UsageError(format!("no file in {} holds an alert", names.join(", "))).into());
                }
                let visits = found.visits.len() as u64;
                (Kind::Files(found.visits), visits, found.unreadable.len() as u64)
            }
        };
        let wanted = args.visits.visits;
        let visits = match (args.visits.repeat, &kind) {
            (true, _) => wanted.unwrap_or(u64::MAX).min(pass.saturating_mul(args.visits.max_repeats.saturating_add(1))),
            (false, Kind::Simulated(..)) => wanted.unwrap_or(1),
            (false, Kind::Files(_)) => wanted.unwrap_or(u64::MAX).min(pass),
        };
        let (alerts, as_is) = (args.visits.alerts_per_visit, args.visits.as_is && args.visits.repeat);
        Ok((Input { kind, recipe, next: 0, visits, alerts, as_is }, unreadable))
    }

    /// Returns the next visit, if there is one. The one before must have been published.
    pub fn next_visit(&mut self) -> Option<Visit> {
        let number = self.next;
        self.next += 1;
        (number < self.visits).then(|| match &mut self.kind {
            Kind::Simulated(survey, config, simulator) => {
                let start = || Simulator::new(survey.simulated(), config.clone());
                let simulator =
                    if self.as_is { simulator.insert(start()) } else { simulator.get_or_insert_with(start) };
                let visit = simulator.visit(self.alerts);
                Visit {
                    label: visit.alert(0).visit.to_string(),
                    repeat: if self.as_is { number } else { 0 },
                    alerts: self.alerts,
                    source: Source::Simulated(visit),
                    fresh: None,
                }
            }
            Kind::Files(visits) => {
                let pass = visits.len() as u64;
                let (repeat, at) = (number / pass, (number % pass) as usize);
                // No visit has more alerts than this, so that no id occurs twice.
                let before = (number.saturating_sub(pass)).saturating_mul(self.alerts as u64);
                let fresh = (repeat > 0 && !self.as_is).then(|| self.recipe.fresh(repeat, before));
                let (label, alerts, source) = match visits[at].clone() {
                    FileVisit::Many(path) => (path.display().to_string(), self.alerts, Source::Many(path)),
                    FileVisit::Ones(visit, files) => (visit, self.alerts.min(files.len()), Source::Ones(files)),
                };
                Visit { label, repeat, alerts, source, fresh }
            }
        })
    }
}

impl Visit {
    /// The number of threads that may share the work.
    pub fn makers(&self) -> usize {
        match self.source {
            // Finding the next alert requires walking over the current one.
            Source::Many(_) => 1,
            _ => std::thread::available_parallelism().map_or(1, usize::from).min(MAX_MAKERS),
        }
    }

    /// Passes the alerts with the indices `maker`, `maker + of`, … to `put`, in this order. Returns how many alerts
    /// there are beyond the visit's largest number; only the first maker counts them.
    pub fn make(&self, maker: usize, of: usize, recipe: &Recipe, put: &mut Put<'_>) -> u64 {
        let mut cook = Cook::new(recipe);
        let fresh = self.fresh.as_ref();
        match &self.source {
            Source::Simulated(visit) => {
                for index in (maker..visit.len()).step_by(of) {
                    if !put(simulated(visit.alert(index), index, &mut cook, recipe)) {
                        break;
                    }
                }
                0
            }
            Source::Many(path) => many(path, self.alerts, fresh, &mut cook, recipe, put),
            Source::Ones(files) => {
                for (index, path) in files.iter().enumerate().take(self.alerts).skip(maker).step_by(of) {
                    let packet = packets::read(path).map_err(|error| Trouble::Packet(error.to_string()));
                    let packet = packet.and_then(|packet| cook.packet(packet, index, fresh));
                    if !put(packet.map_err(|trouble| named(path, trouble))) {
                        break;
                    }
                }
                if maker == 0 { files.len().saturating_sub(self.alerts) as u64 } else { 0 }
            }
        }
    }
}

fn simulated(alert: SimulatedAlert, index: usize, cook: &mut Cook<'_>, recipe: &Recipe) -> Result<Packet, Trouble> {
    if recipe.leaves(framing_of(&alert.bytes)) {
        return Ok(Packet { key: alert.id.to_string(), payload: alert.bytes });
    }
    cook.packet(alert.bytes, index, None)
}

/// Passes on the alerts of a file. Returns how many there are beyond `most`.
fn many(
    path: &Path,
    most: usize,
    fresh: Option<&Fresh>,
    cook: &mut Cook<'_>,
    recipe: &Recipe,
    put: &mut Put<'_>,
) -> u64 {
    let bytes = match packets::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            put(Err(named(path, Trouble::Packet(error.to_string()))));
            return 0;
        }
    };
    let framing: Framing = framing_of(&bytes);
    let mut alerts = recipe.schemas.alerts(&bytes);
    for index in 0..most {
        let Some(alert) = alerts.next() else { break };
        // The whole alert is checked: one that can't be read to its end is not sound, and is reported with its place in
        // the file.
        let sound = alert.and_then(|alert| recipe.schemas.validate(&alert).map(|()| alert));
        let sound = sound.map_err(|error| Trouble::Packet(alerts.tell(&error)));
        let packet = sound.and_then(|alert| cook.alert(&alert, framing, index, fresh));
        if !put(packet.map_err(|trouble| named(path, trouble))) {
            return 0;
        }
    }
    alerts.filter(Result::is_ok).count() as u64
}

fn named(path: &Path, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Packet(why) => Trouble::Packet(format!("{}: {why}", path.display())),
        Trouble::Fatal(error) => Trouble::Fatal(error.context(path.display().to_string())),
    }
}
