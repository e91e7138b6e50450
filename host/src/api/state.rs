//! The state that handlers share: the host, and limits.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use tokio::sync::Semaphore;

use super::config::ApiConfig;
use super::error::{Problem, panicked};
use crate::filters::check_name;
use crate::jobs::HostControl;

/// The state that handlers share.
pub(super) struct Api {
    control: Arc<dyn HostControl>,
    pub(super) config: ApiConfig,
    /// A permit for each upload in progress.
    pub(super) uploads: Arc<Semaphore>,
    /// The machine-readable description of the API, as JSON.
    pub(super) document: String,
}

impl Api {
    pub(super) fn new(control: Arc<dyn HostControl>, config: ApiConfig, document: String) -> Api {
        let uploads = Arc::new(Semaphore::new(config.uploads));
        Api { control, config, uploads, document }
    }

    /// Asks the host on a thread that may block. Answers are serialised there, too, because a list of filters
    /// may be large.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn HostControl) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let control = Arc::clone(&self.control);
        let asked = tokio::task::spawn_blocking(move || ask(&*control)).await;
        asked.unwrap_or_else(|error| Err(error.try_into_panic().map_or(Problem::Internal, panicked)))
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
