//! Filters that are handed from one host to another, or begin in the past: what the threads share about them.
//!
//! ```text
//!   host A, either lane                                       host B, live lane
//!   Release ─▶ withdrawn between two batches                  Arrive ─▶ its positions and counters
//!              │ its last outputs, "gone to B"                          │ are committed
//!              ▼ are committed                                          ▼
//!           Departed, and the answer: HandOver ──── the mover ────▶  Arrived ─▶ slow lane, from its positions
//! ```
//!
//! Until what is in between is committed, the filter's name is taken: nobody judges it, and nobody may replace it.

use std::collections::{BTreeMap, HashSet};

use crossbeam_channel::Sender;
use parking_lot::Mutex;
use skysieve_survey::Visit;

use super::config::Config;
use super::lane_record::{Departure, LaneChange, LaneRecord};
use super::positions::Positions;
use crate::filters::{
    Entry, FilterError, HandOver, Lane, ModuleSource, Modules, Origin, State, Status, StreamIdentity,
};

/// Where a filter begins that is new to this host, and does not begin with the live alerts.
#[derive(Debug)]
pub struct Arrival {
    /// The offsets of the first alerts that it is to judge.
    pub positions: Positions,
    /// How it came there.
    pub origin: Origin,
    /// Its counters on the host that it comes from, in the order of their last changes, and the lane that it was quick
    /// enough for.
    pub brings: Option<(Vec<(Visit, u32)>, Lane)>,
}

impl Arrival {
    /// A new filter begins where its setting `from` says.
    ///
    /// # Errors
    /// Returns [`FilterError::Refused`] if there is no such place, and [`FilterError::Busy`] if nobody says where it is.
    pub fn beginning(config: &Config, from: &str) -> Result<Arrival, FilterError> {
        let topics = config.alert_topics()?;
        topics.check(from).map_err(|error| FilterError::Refused(format!("from: {error}")))?;
        let positions = topics.positions(from).map_err(FilterError::Busy)?;
        Ok(Arrival { positions, origin: Origin { began: Some(from.to_owned()), moved: None }, brings: None })
    }
}

/// A filter that is to go to another host.
pub struct Release {
    /// Its name.
    pub name: String,
    /// The host.
    pub to: String,
    /// The id of the move.
    pub id: String,
    /// The stream that its positions are of.
    pub stream: StreamIdentity,
    /// Takes the answer, once it is committed.
    pub answer: Sender<Result<(), FilterError>>,
}

/// A filter that has gone to another host.
#[derive(Clone, Debug)]
pub struct Departed {
    /// Where it stopped.
    pub record: LaneRecord,
    /// Its counters, in the order of their last changes.
    pub counters: Vec<(Visit, u32)>,
    /// Where its module can be read, as long as the other host may need it.
    pub module: Option<ModuleSource>,
    /// Its last status.
    pub status: Option<Box<Status>>,
    /// Whether the other host is known to have it.
    pub is_confirmed: bool,
}

/// The filters that are on their way.
#[derive(Debug, Default)]
pub struct Moves {
    /// The names of filters about which something has yet to be committed.
    in_transit: HashSet<String>,
    /// The filters that have gone to other hosts.
    departed: BTreeMap<String, Departed>,
}

/// The moves, which the lanes and the handles share.
pub type SharedMoves = Mutex<Moves>;

impl Moves {
    /// Takes a filter's name until its change is committed.
    ///
    /// # Errors
    /// Returns [`FilterError::Busy`] if it is taken.
    pub fn begin(&mut self, name: &str) -> Result<(), FilterError> {
        self.check(name)?;
        self.in_transit.insert(name.to_owned());
        Ok(())
    }

    /// Gives a filter's name back.
    pub fn end(&mut self, name: &str) {
        self.in_transit.remove(name);
    }

    /// Whether something about a filter has yet to be committed.
    pub fn is_in_transit(&self, name: &str) -> bool {
        self.in_transit.contains(name)
    }

    /// Refuses a change of a filter about which something has yet to be committed.
    ///
    /// # Errors
    /// Returns [`FilterError::Busy`].
    pub fn check(&self, name: &str) -> Result<(), FilterError> {
        let busy =
            || FilterError::Busy(format!("filter {name:?} is changing hosts or lanes at this moment; try again"));
        if self.in_transit.contains(name) { Err(busy()) } else { Ok(()) }
    }

    /// Refuses an upload of a filter that was moved away.
    ///
    /// # Errors
    /// Returns [`FilterError::Conflict`].
    pub fn check_upload(&self, name: &str) -> Result<(), FilterError> {
        self.check(name)?;
        let Some(gone) = self.departed.get(name).and_then(|departed| departed.record.gone.as_ref()) else {
            return Ok(());
        };
        Err(FilterError::Conflict(format!(
            "filter {name:?} was moved to host {:?}: upload a new version there, or delete it here, so that this host forgets \
             the move",
            gone.to
        )))
    }

    /// A filter that has gone.
    pub fn departed(&self, name: &str) -> Option<&Departed> {
        self.departed.get(name)
    }

    /// A filter that has gone, for changing what is kept of it.
    pub fn departed_mut(&mut self, name: &str) -> Option<&mut Departed> {
        self.departed.get_mut(name)
    }

    /// Keeps what there is to know of a filter that has gone.
    pub fn depart(&mut self, name: &str, departed: Departed) {
        self.departed.insert(name.to_owned(), departed);
    }

    /// Forgets that a filter has gone.
    pub fn forget(&mut self, name: &str) -> Option<Departed> {
        self.departed.remove(name)
    }

    /// What is to be published about the filters that have gone, and are not about to come back.
    pub fn records(&self) -> Vec<LaneChange> {
        let record =
            |(name, departed): (&String, &Departed)| LaneChange { filter: name.clone(), to: departed.record.clone() };
        self.departed.iter().filter(|(name, _)| !self.in_transit.contains(*name)).map(record).collect()
    }

    /// The statuses of all filters that have gone.
    pub fn statuses(&self) -> Vec<Status> {
        self.departed.iter().map(|(name, departed)| departed.status(name)).collect()
    }
}

impl Departed {
    /// A filter that has just gone.
    pub fn new(entry: &Entry, record: LaneRecord, counters: Vec<(Visit, u32)>) -> Departed {
        let status = Some(Box::new(entry.status()));
        Departed { record, counters, module: entry.source.clone(), status, is_confirmed: false }
    }

    /// One that has gone before a restart.
    pub fn restored(record: LaneRecord, counters: Vec<(Visit, u32)>) -> Departed {
        Departed { record, counters, module: None, status: None, is_confirmed: false }
    }

    /// What is found in the folder of filters after a restart. A file of another version is of no use.
    pub fn find(&mut self, entry: &Entry) {
        if self.record.gone.as_ref().is_some_and(|gone| gone.sha256 == entry.sha256) {
            self.module.clone_from(&entry.source);
            self.status = Some(Box::new(entry.status()));
        }
    }

    /// Takes note that the other host has it. The module need not be in memory any more; in the folder of filters, it costs
    /// nothing.
    pub fn confirm(&mut self, modules: &Modules) {
        self.is_confirmed = true;
        if matches!(self.module, Some(ModuleSource::Memory(_))) {
            self.module = self.record.gone.as_ref().and_then(|gone| modules.file(&gone.sha256));
        }
    }

    /// The description for others.
    pub fn status(&self, name: &str) -> Status {
        let gone = self.record.gone.as_ref();
        let state = State::Moved(gone.map(|gone| gone.to.clone()).unwrap_or_default());
        let mut status = self.status.as_deref().cloned().unwrap_or_else(|| Status {
            sha256: gone.map(|gone| gone.sha256.clone()).unwrap_or_default(),
            lane: self.record.lane,
            cpu_share: gone.and_then(|gone| gone.settings.cpu_share).unwrap_or_default(),
            origin: self.record.origin.clone(),
            settings: gone.map(|gone| gone.settings.clone()).unwrap_or_default(),
            ..Status::new(name, state.clone())
        });
        status.state = state;
        status
    }

    /// What the other host needs.
    pub fn handover(&self, name: &str, from: &str, topic: &str) -> Option<HandOver> {
        let Departure { id, to, sha256, settings, stream } = self.record.gone.clone()?;
        Some(HandOver {
            name: name.to_owned(),
            id,
            from: from.to_owned(),
            to,
            sha256,
            settings,
            lane: self.record.lane,
            topic: topic.to_owned(),
            stream,
            positions: self.record.from.clone().unwrap_or_default().into(),
            published: self.counters.iter().map(|(visit, used)| (visit.key(), *used)).collect(),
        })
    }
}
