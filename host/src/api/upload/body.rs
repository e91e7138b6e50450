//! Reads the body of a request, with limits on its size and time.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use tokio::time::timeout;

use crate::api::config::ApiConfig;
use crate::api::error::Problem;

/// How many bytes of a refused body are read, and for how long.
const DISCARD: (usize, Duration) = (128 << 20, Duration::from_secs(5));

/// A body that is being received.
pub(super) struct Incoming {
    body: Body,
    /// Whether the client is still waiting for permission to send it.
    waits: bool,
}

impl Incoming {
    pub(super) fn new(headers: &HeaderMap, body: Body) -> Incoming {
        Incoming { body, waits: headers.contains_key(header::EXPECT) }
    }

    /// Refuses a body whose announced length is too large.
    pub(super) fn check_length(&self, what: &'static str, limit: usize) -> Result<(), Problem> {
        let known = usize::try_from(self.body.size_hint().lower()).unwrap_or(usize::MAX);
        if known > limit { Err(Problem::TooLarge { what, limit }) } else { Ok(()) }
    }

    /// Reads the whole body.
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

    /// Returns the next bytes, or `None` at the end.
    async fn chunk(&mut self) -> Option<Result<Bytes, axum::Error>> {
        self.waits = false;
        loop {
            let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await?;
            match frame.map(|frame| frame.into_data()) {
                Ok(Ok(data)) => return Some(Ok(data)),
                // Trailers are not used.
                Ok(Err(_)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Continues reading for a while only so that the client gets to read the answer: closing a connection on which
    /// bytes still arrive resets it, and the answer may be lost.
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
