//! The state that handlers share: the host, and limits.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use tokio::sync::{Semaphore, watch};

use super::caller::Caller;
use super::config::ApiConfig;
use super::error::{Problem, panicked};
use super::gate::Gate;
use super::permitted::Permitted;
use super::rights::Rights;
use super::streams::Streams;
use crate::access::{Access, Role, UploadRates};
use crate::filters::check_name;
use crate::jobs::HostControl;

/// The state that handlers share.
pub(super) struct Api {
    pub(super) control: Arc<dyn HostControl>,
    pub(super) access: Arc<Access>,
    pub(super) gate: Gate,
    pub(super) rights: Rights,
    pub(super) config: ApiConfig,
    rates: UploadRates,
    /// A permit for each upload in progress.
    pub(super) uploads: Arc<Semaphore>,
    /// The streams that are open.
    pub(super) streams: Arc<Streams>,
    /// Whether the server is stopping.
    pub(super) stopped: watch::Receiver<bool>,
    /// The machine-readable description of the API, as JSON.
    pub(super) document: String,
}

impl Api {
    pub(super) fn new(
        control: Arc<dyn HostControl>,
        access: Access,
        config: ApiConfig,
        (document, rights): (String, Rights),
        stopped: watch::Receiver<bool>,
    ) -> Api {
        let (access, uploads) = (Arc::new(access), Arc::new(Semaphore::new(config.uploads)));
        // Where there are no tokens, nobody can be told from others.
        let each = if access.open { config.streams } else { config.streams_each };
        Api {
            control,
            streams: Streams::new(config.streams, each),
            stopped,
            gate: Gate::new(access.clone()),
            document,
            rights,
            rates: UploadRates::new(access.limits.uploads),
            access,
            config,
            uploads,
        }
    }

    /// Asks the host for somebody, on a thread that may block. Answers are serialised there, too, because a list of filters
    /// may be large.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        caller: Caller,
        ask: impl FnOnce(&Permitted<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (control, access) = (Arc::clone(&self.control), Arc::clone(&self.access));
        let hosts = self.config.hosts.clone();
        let permitted = move || ask(&Permitted::new(&*control, &access, &caller, hosts.as_deref()));
        let asked = tokio::task::spawn_blocking(permitted).await;
        asked.unwrap_or_else(|error| Err(error.try_into_panic().map_or(Problem::Internal, panicked)))
    }
}

impl Api {
    /// Takes note of an upload, unless it is an operator's.
    pub(super) fn count_upload(&self, caller: &Caller) -> Result<(), Problem> {
        if caller.role == Some(Role::Operator) {
            return Ok(());
        }
        let (user, most) = (caller.user.clone(), self.access.limits.uploads);
        self.rates.take(&caller.user).map_err(|wait| Problem::Uploads { user, most, wait })
    }
}

/// The filter's name from the path.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Name, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(name) = path.map_err(|rejection| Problem::Path(rejection.body_text()))?;
        check_name(&name)?;
        Ok(Name(name))
    }
}
