//! A request's body, bounded in size and time while it comes in.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use tokio::time::timeout;

use crate::api::config::ApiConfig;
use crate::api::error::Problem;

/// What is read of a body that was refused: its bytes, and the time it takes.
const DISCARD: (usize, Duration) = (128 << 20, Duration::from_secs(5));

/// A body on its way in.
pub(super) struct Incoming {
    body: Body,
    /// Whether the client waits for permission to send it, and has not got it yet.
    waits: bool,
}

impl Incoming {
    pub(super) fn new(headers: &HeaderMap, body: Body) -> Incoming {
        Incoming { body, waits: headers.contains_key(header::EXPECT) }
    }

    /// Refuses a body that says itself that it is too large.
    pub(super) fn check_length(&self, what: &'static str, limit: usize) -> Result<(), Problem> {
        let known = usize::try_from(self.body.size_hint().lower()).unwrap_or(usize::MAX);
        if known > limit { Err(Problem::TooLarge { what, limit }) } else { Ok(()) }
    }

    /// The whole body.
    pub(super) async fn read(
        &mut self,
        what: &'static str,
        limit: usize,
        config: &ApiConfig,
    ) -> Result<Vec<u8>, Problem> {
        let whole = async {
            let mut bytes = Vec::new();
            loop {
                let chunk = timeout(config.stall_time, self.chunk()).await;
                let Some(chunk) = chunk.map_err(|_| Problem::Stalled(config.stall_time))? else { return Ok(bytes) };
                let chunk = chunk.map_err(|error| Problem::Body(error.to_string()))?;
                if chunk.len() > limit - bytes.len() {
                    return Err(Problem::TooLarge { what, limit });
                }
                bytes.extend_from_slice(&chunk);
            }
        };
        timeout(config.upload_time, whole).await.unwrap_or(Err(Problem::Slow(config.upload_time)))
    }

    /// The next bytes; `None` at the end.
    async fn chunk(&mut self) -> Option<Result<Bytes, axum::Error>> {
        self.waits = false;
        loop {
            let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await?;
            match frame.map(|frame| frame.into_data()) {
                Ok(Ok(data)) => return Some(Ok(data)),
                // Nothing uses trailers.
                Ok(Err(_)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Goes on reading for a while, to no purpose but that the client gets to read the answer: closing a connection on
    /// which bytes still arrive resets it, and the answer may be lost with it.
    pub(super) fn discard(mut self) {
        if self.waits || self.body.is_end_stream() {
            return;
        }
        tokio::spawn(timeout(DISCARD.1, async move {
            let mut left = DISCARD.0;
            while let Some(Ok(chunk)) = self.chunk().await
                && let Some(less) = left.checked_sub(chunk.len())
            {
                left = less;
            }
        }));
    }
}
