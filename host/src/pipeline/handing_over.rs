//! What handles do to move filters between hosts, and to let them begin in the past.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use skysieve_survey::Visit;

use super::channels::Command;
use super::handle::Handle;
use super::moving::{Arrival, Release};
use super::quota::VISITS_KEPT;
use crate::filters::{FilterError, HandOver, HostInfo, Origin, Status, Upload, check_name, hash};

/// How many bytes the settings of a filter may have that is moved. They are kept in a record, and brokers take at most
/// 1 MiB.
const SETTINGS: usize = 900_000;

impl Handle {
    /// See [`Control::release`](crate::filters::Control::release).
    pub(super) fn let_go(&self, name: &str, to: &str) -> Result<HandOver, FilterError> {
        check_name(name)?;
        let topics = self.state.config.alert_topics()?;
        if to == topics.host() || to.is_empty() {
            return Err(FilterError::Refused(format!(
                "a filter can't be moved from host {:?} to {to:?}",
                topics.host()
            )));
        }
        if let Some(handover) = self.handover(name, to)? {
            return Ok(handover);
        }
        let entry = self.state.entries().get(name).cloned().ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        let bytes = serde_json::to_vec(&entry.settings).map_or(usize::MAX, |settings| settings.len());
        if bytes > SETTINGS {
            let error =
                format!("its config is too large to be moved: the settings have {bytes} bytes, at most {SETTINGS}");
            return Err(FilterError::Refused(error));
        }
        let stream = topics.identity().map_err(FilterError::Busy)?;
        let (name, to, id) = (name.to_owned(), to.to_owned(), new_id());
        let release = |answer| Release { name: name.clone(), to: to.clone(), id, stream, answer };
        self.ask(|answer| Command::Release(Box::new(release(answer))))??;
        self.handover(&name, &to)?.ok_or(FilterError::Unknown(name))
    }

    /// What the host `to` needs, if the filter has gone there.
    fn handover(&self, name: &str, to: &str) -> Result<Option<HandOver>, FilterError> {
        let config = &self.state.config;
        let moves = self.state.moves.lock();
        let Some(departed) = moves.departed(name) else { return Ok(None) };
        let topic = config.topics.output(name).unwrap_or_default();
        match departed.handover(name, config.alert_topics()?.host(), &topic) {
            Some(handover) if handover.to == to => Ok(Some(handover)),
            Some(HandOver { to, .. }) => {
                Err(FilterError::Conflict(format!("filter {name:?} was moved to host {to:?} already")))
            }
            None => Ok(None),
        }
    }

    /// See [`Control::confirm`](crate::filters::Control::confirm).
    pub(super) fn end_move(&self, name: &str, id: &str) -> Result<Status, FilterError> {
        check_name(name)?;
        let mut moves = self.state.moves.lock();
        let departed = moves.departed_mut(name).ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        if departed.record.gone.as_ref().is_none_or(|gone| gone.id != id) {
            return Err(FilterError::Conflict(format!("{id:?} is not the last move of filter {name:?}")));
        }
        departed.confirm(&self.state.modules);
        Ok(departed.status(name))
    }

    /// See [`Control::module`](crate::filters::Control::module).
    pub(super) fn read_module(&self, name: &str) -> Result<Arc<Vec<u8>>, FilterError> {
        check_name(name)?;
        let of_entry = self.state.entries().get(name).map(|entry| (entry.source.clone(), entry.sha256.clone()));
        let found = of_entry.or_else(|| {
            let moves = self.state.moves.lock();
            let departed = moves.departed(name)?;
            Some((departed.module.clone(), departed.record.gone.as_ref()?.sha256.clone()))
        });
        let (module, sha256) = found.ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        module.and_then(|module| module.read(&sha256)).ok_or_else(|| FilterError::NoModule(name.to_owned()))
    }

    /// See [`Control::host`](crate::filters::Control::host).
    pub(super) fn describe_host(&self) -> Result<HostInfo, FilterError> {
        let topics = self.state.config.alert_topics()?;
        let stream = topics.identity().map_err(FilterError::Busy)?;
        let output_prefix = self.state.config.topics.output_prefix.clone();
        Ok(HostInfo { name: topics.host().to_owned(), output_prefix, stream })
    }

    /// Takes a filter that another host has let go.
    pub(super) fn take(&self, upload: Upload, handover: HandOver) -> Result<Status, FilterError> {
        let name = handover.name.clone();
        self.check_handover(&handover, &upload.module)?;
        let here = self.state.entries().get(&name).cloned();
        if let Some(entry) = here.filter(|entry| entry.origin().moved.as_ref() == Some(&handover.id)) {
            return Ok(entry.status());
        }
        let mut counters = Vec::new();
        for (key, used) in &handover.published {
            let visit = Visit::from_key(key);
            counters
                .push((visit.ok_or_else(|| FilterError::Refused(format!("the hand-over: no visit {key:?}")))?, *used));
        }
        counters.drain(..counters.len().saturating_sub(VISITS_KEPT));
        let HandOver { id, settings, lane, positions, .. } = handover;
        let origin = Origin { began: settings.from.clone(), moved: Some(id) };
        let arrival = Arrival { positions: positions.into(), origin, brings: Some((counters, lane)) };
        self.arrive(&name, Upload { settings, ..upload }, |_| Ok(arrival))
    }

    fn check_handover(&self, handover: &HandOver, module: &[u8]) -> Result<(), FilterError> {
        let refused = |text: String| Err(FilterError::Refused(format!("the hand-over: {text}")));
        let config = &self.state.config;
        let topics = config.alert_topics()?;
        let HandOver { name, id, to, sha256, topic, stream, positions, .. } = handover;
        check_name(name)?;
        let comes_back = {
            let moves = self.state.moves.lock();
            let departed = moves.departed(name).filter(|departed| !departed.is_confirmed);
            departed.and_then(|departed| departed.record.gone.as_ref()).is_some_and(|gone| gone.id == *id)
        };
        if *to != topics.host() && !comes_back {
            return refused(format!("it is for host {to:?}, and this is {:?}", topics.host()));
        }
        if hash(module) != *sha256 {
            return refused(format!("the module is not the one that was judged, which has the SHA-256 hash {sha256}"));
        }
        let own = config.topics.output(name).unwrap_or_default();
        if *own != **topic {
            return refused(format!("the filter's topic is {topic}, but would be {own} here (--output-prefix)"));
        }
        let identity = topics.identity().map_err(FilterError::Busy)?;
        if let Some(difference) = stream.difference(&identity) {
            return refused(format!("the hosts read different streams: {difference}"));
        }
        let is_known = |(topic, offsets): (&String, &std::collections::BTreeMap<i32, i64>)| {
            identity.topics.contains_key(topic)
                && offsets.iter().all(|(partition, offset)| *partition >= 0 && *offset >= 0)
        };
        if positions.is_empty() || !positions.iter().all(is_known) {
            return refused("its positions are not those of the topics".to_owned());
        }
        Ok(())
    }

    /// Lets a new filter begin where its settings say.
    pub(super) fn begin(&self, name: &str, upload: Upload, from: &str) -> Result<Status, FilterError> {
        check_name(name)?;
        let here = self.state.entries().get(name).cloned();
        if let Some(entry) = here {
            let began = entry.origin().began;
            if began.as_deref() == Some(from) {
                // A new version goes on where the filter is.
                return self.replace(name, upload);
            }
            return Err(FilterError::Conflict(format!(
                "from: there is a filter {name:?} already, which can't begin once more; delete it first, or choose another name"
            )));
        }
        self.arrive(name, upload, |config| Arrival::beginning(config, from))
    }

    /// Checks and compiles a filter, and lets it begin elsewhere than with the live alerts.
    fn arrive(
        &self,
        name: &str,
        upload: Upload,
        arrival: impl FnOnce(&super::config::Config) -> Result<Arrival, FilterError>,
    ) -> Result<Status, FilterError> {
        let prepared = self.prepare_with_topic(name, upload)?;
        let entry = prepared.entry.clone();
        let arrival = arrival(&self.state.config)?;
        self.ask(|answer| Command::Arrive(Box::new(prepared), Box::new(arrival), answer))??;
        // The stream may have met a new schema since the filter was checked.
        self.state.stream.tell(|| vec![entry.clone()]);
        Ok(entry.status())
    }
}

/// An id that no other move of the host has.
fn new_id() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", since.as_nanos(), std::process::id())
}
