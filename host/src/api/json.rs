//! Reads small JSON bodies, with limits on their size and time.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::Request;
use serde::Deserialize;
use tokio::time::timeout;

use super::error::Problem;

/// How many bytes such a body may have.
const REQUEST: usize = 4 << 10;
/// How long it may take to send one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads the body. Its content type is not looked at, so that `curl -d` will do.
pub(super) async fn read<T: for<'de> Deserialize<'de>>(request: Request) -> Result<T, Problem> {
    let bytes = timeout(PATIENCE, to_bytes(request.into_body(), REQUEST)).await;
    let bytes = bytes.map_err(|_| Problem::Slow(PATIENCE))?.map_err(|error| Problem::Body(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| Problem::Body(error.to_string()))
}
