//! Filters that come from another host: their owners and operators may move them.

use axum::http::HeaderValue;

use super::Permitted;
use crate::api::error::Problem;
use crate::filters::{Expected, FilterChange, FilterError, HandOver, HostInfo, SettingsPatch, State, Status, Upload};
use crate::hosts::{EndError, Held, Hosts, MoveEnd, MoveError, Mover};

/// How a filter is to come from another host.
pub(in crate::api) struct Bring<'a> {
    /// The other hosts.
    pub(in crate::api) hosts: &'a Hosts,
    /// What the caller has said of who they are: they say it to the other host, too.
    pub(in crate::api) authorization: Option<HeaderValue>,
    /// Whether it is to come even if the other host does not answer.
    pub(in crate::api) force: bool,
}

impl Permitted<'_> {
    /// Brings a filter of another host to this one: by position if they are on one cluster, or else from now on, which is said
    /// in the status.
    pub(in crate::api) fn bring(&self, name: &str, expected: Expected, bring: &Bring<'_>) -> Result<Status, Problem> {
        self.control.catch_up()?;
        self.see(name)?;
        let status =
            self.control.change(name, FilterChange::Set(SettingsPatch::default()), &self.expecting(expected))?;
        let Some(from) = self.control.elsewhere(name) else { return Ok(self.with_host(status)) };
        if !status.registered.is_some_and(|kept| kept.version.is_some() && !kept.paused) {
            // It judges nothing, and so has no position.
            return self.reassign(name, None);
        }
        let end = bring.hosts.end(&from, name, bring.authorization.as_ref()).map_err(|error| error.to_string());
        let there = end.and_then(|end| end.info().map(|info| (end, info)).map_err(|error| error.to_string()));
        match there {
            Err(reason) if bring.force && self.is_operator() => {
                let remark = format!(
                    "host {from:?} does not answer ({reason}): the filter begins on this host with the alerts that come from \
                     now on, and those that it has missed are not judged"
                );
                self.reassign(name, Some(remark))
            }
            Err(reason) => {
                let reason = format!(
                    "{reason}; once it answers, the filter moves exactly. An operator may move it without (--force): it then \
                     begins with the alerts that come from that time on"
                );
                Err(Problem::HostUnreachable { host: from, reason })
            }
            Ok((_, info)) if is_elsewhere(&info, &self.control.host()?) => {
                let remark = format!(
                    "host {from:?} reads another Kafka cluster, on which positions are others: the filter begins on this host \
                     with the alerts that come from now on, and may have missed some or judged some on both"
                );
                self.reassign(name, Some(remark))
            }
            Ok((end, _)) => {
                let here = Here { permitted: self, name };
                let waits = |message: &str| tracing::info!(filter = name, message, "a move waits");
                Mover { from: &end, to: &here, module: None, waits: &waits }
                    .run()
                    .map_err(|error| meaning(from, error))?;
                Ok(self.with_host(self.control.get(name)?))
            }
        }
    }

    /// Lets a filter belong to this host, on which it begins with the alerts that come.
    fn reassign(&self, name: &str, remark: Option<String>) -> Result<Status, Problem> {
        let patch = SettingsPatch { host: Some(self.access.host.clone()), ..SettingsPatch::default() };
        let mut status = self.control.change(name, FilterChange::Set(patch), &self.expecting(Expected::Anything))?;
        status.warnings.extend(remark);
        Ok(self.with_host(status))
    }

    /// Whether a hand-over is what this host itself has answered when it let the filter go, so that it can be trusted.
    pub(super) fn is_own_release(&self, name: &str, handover: &HandOver) -> bool {
        let has_gone = |status: &Status| self.sees(status) && status.state == State::Moved(handover.to.clone());
        self.control.get(name).is_ok_and(|status| has_gone(&status))
            && self.control.release(name, &handover.to).is_ok_and(|own| own == *handover)
    }
}

/// Whether positions on one of the hosts mean nothing on the other one.
fn is_elsewhere(one: &HostInfo, other: &HostInfo) -> bool {
    let clusters = one.stream.cluster.as_ref().zip(other.stream.cluster.as_ref());
    clusters.is_some_and(|(one, other)| one != other)
}

fn meaning(host: String, error: MoveError) -> Problem {
    match error {
        MoveError::Refused(reason) => Problem::Filter(FilterError::Conflict(reason)),
        MoveError::Interrupted { .. } => Problem::HostUnreachable { host, reason: error.to_string() },
    }
}

/// This host, to which a filter comes.
struct Here<'a> {
    permitted: &'a Permitted<'a>,
    name: &'a str,
}

impl MoveEnd for Here<'_> {
    fn info(&self) -> Result<HostInfo, EndError> {
        self.permitted.control.host().map_err(end_error)
    }

    fn held(&self) -> Result<Held, EndError> {
        match self.permitted.control.get(self.name) {
            Ok(Status { state: State::Moved(_) | State::Elsewhere(_), .. }) | Err(FilterError::Unknown(_)) => {
                Ok(Held::Nothing)
            }
            Ok(status) => Ok(Held::Filter(status.origin.moved)),
            Err(error) => Err(end_error(error)),
        }
    }

    fn release(&self, to: &str) -> Result<HandOver, EndError> {
        self.permitted.control.release(self.name, to).map_err(end_error)
    }

    fn take(&self, module: &[u8], handover: &HandOver) -> Result<(), EndError> {
        let upload = Upload {
            module: module.to_vec(),
            handover: Some(Box::new(handover.clone())),
            by: self.permitted.caller.user.clone(),
            ..Upload::default()
        };
        self.permitted.control.put(self.name, upload).map(drop).map_err(end_error)
    }

    fn confirm(&self, id: &str) -> Result<(), EndError> {
        self.permitted.control.confirm(self.name, id).map(drop).map_err(end_error)
    }

    fn module(&self) -> Result<Option<Vec<u8>>, EndError> {
        match self.permitted.control.module(self.name) {
            Ok(module) => Ok(Some(Vec::clone(&module))),
            Err(FilterError::Unknown(_) | FilterError::NoModule(_)) => Ok(None),
            Err(error) => Err(end_error(error)),
        }
    }
}

fn end_error(error: FilterError) -> EndError {
    let message = error.to_string();
    match error {
        FilterError::Busy(_) | FilterError::Stopping => EndError::Busy(message),
        FilterError::MovedOn(..) | FilterError::Topic(_) => EndError::Failed(message),
        _ => EndError::Refused(message),
    }
}
