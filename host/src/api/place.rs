//! Which host takes an upload, where several hosts have one registry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::response::Response;

use super::caller::Caller;
use super::error::Problem;
use super::forward::unreachable;
use super::permitted::Whereabouts;
use super::state::Api;
use crate::filters::FilterError;
use crate::hosts::{ForwardError, Forwarded, Hosts, Placing};

/// What has become of an upload.
pub(super) enum Placed {
    /// Another host has answered.
    Answered(Response),
    /// This host is to take it. Meanwhile, it counts as one of this host's.
    Here(Option<Placing>),
}

/// Passes an upload on to the host that is to take it: the one that the filter belongs to, or the one that is named, or else
/// the live host with the fewest filters.
pub(super) async fn place(
    api: &Api,
    caller: Caller,
    name: &str,
    named: Option<String>,
    request: Forwarded,
) -> Result<Placed, Problem> {
    let (asked, own) = (name.to_owned(), api.access.host.clone());
    let place = api.ask(caller, move |control| control.whereabouts(&asked)).await?;
    let request = Arc::new(request);
    match (place, named) {
        (Whereabouts::Here, Some(named)) if named != own => Err(belongs(name, &own, &named)),
        (Whereabouts::Elsewhere(at), Some(named)) if named != at => Err(belongs(name, &at, &named)),
        (Whereabouts::Elsewhere(at), _) => match api.forward(&at, request).await {
            Ok(response) => Ok(Placed::Answered(response)),
            // The change is kept in the registry, and that host follows when it is back.
            Err(ForwardError::NotReached(_)) => Ok(Placed::Here(None)),
            Err(error) => Err(unreachable(at, error)),
        },
        (Whereabouts::Nowhere(_), Some(named)) if named != own => {
            let answer = api.forward(&named, request).await;
            answer.map(Placed::Answered).map_err(|error| unreachable(named, error))
        }
        (Whereabouts::Nowhere(filters), None) => match &api.config.hosts {
            Some(hosts) => new(api, hosts, &filters, &own, &request).await,
            None => Ok(Placed::Here(None)),
        },
        (Whereabouts::Here | Whereabouts::Nowhere(_), _) => Ok(Placed::Here(None)),
    }
}

/// Passes a new filter on. A host that can't be reached is left out.
async fn new(
    api: &Api,
    hosts: &Hosts,
    filters: &BTreeMap<String, usize>,
    own: &str,
    request: &Arc<Forwarded>,
) -> Result<Placed, Problem> {
    let mut without = BTreeSet::new();
    loop {
        let placing = hosts.directory().place(filters, &without);
        if placing.host == own {
            return Ok(Placed::Here(Some(placing)));
        }
        match api.forward(&placing.host, request.clone()).await {
            Ok(response) => return Ok(Placed::Answered(response)),
            Err(ForwardError::NotReached(reason)) => {
                tracing::warn!(host = placing.host, reason, "a host announces itself, but can't be reached");
                without.insert(placing.host.clone());
            }
            Err(error) => return Err(unreachable(placing.host.clone(), error)),
        }
    }
}

fn belongs(name: &str, at: &str, named: &str) -> Problem {
    Problem::Filter(FilterError::Conflict(format!(
        "filter {name:?} belongs to host {at:?}, and not to {named:?}: move it first (skysieve move {name} --to {named})"
    )))
}
