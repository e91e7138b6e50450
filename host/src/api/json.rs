//! Reads small JSON bodies, with limits on their size and time.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
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
    let bytes = whole(request.into_body()).await?;
    serde_json::from_slice(&bytes).map_err(|error| Problem::Body(error.to_string()))
}

/// Reads the whole of a small body.
pub(super) async fn whole(body: Body) -> Result<Bytes, Problem> {
    let bytes = timeout(PATIENCE, to_bytes(body, REQUEST)).await;
    bytes.map_err(|_| Problem::Slow(PATIENCE))?.map_err(|error| Problem::Body(error.to_string()))
}
