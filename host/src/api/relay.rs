//! Passes a stream of events on from the host that has it, as it comes.

use std::convert::Infallible;
use std::io::Read;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::sync::{mpsc, oneshot};

use super::caller::Caller;
use super::error::Problem;
use super::forward::{name_host, unreachable};
use super::state::Api;
use crate::hosts::{ForwardError, Forwarded, HeaderMap, OpenAnswer};

/// How many bytes are passed on at a time.
const PIECE: usize = 8 << 10;
/// How many pieces wait for the client.
const WAITING: usize = 4;

/// The head of an answer, or why there is none.
type Head = Result<(u16, HeaderMap), ForwardError>;

impl Api {
    /// Lets another host answer with a stream, which is passed on until either end closes it, or this host stops.
    pub(super) async fn relay(&self, to: &str, caller: &Caller, request: Forwarded) -> Result<Response, Problem> {
        let place = self.streams.enter(&caller.user)?;
        let (head, answered) = oneshot::channel();
        let (pieces, body) = mpsc::channel(WAITING);
        let (hosts, host, life) = (self.config.hosts.clone(), to.to_owned(), self.config.connection_time);
        // A thread of its own, because the runtime would wait for it when the host stops.
        let thread = std::thread::Builder::new().name("relay".to_owned()).spawn(move || {
            let _place = place;
            if let Some(hosts) = hosts {
                pass_on(hosts.open(&host, &request, 2 * life), head, &pieces);
            }
        });
        thread.map_err(|_| Problem::Internal)?;
        let (status, headers) = match answered.await {
            Ok(head) => head.map_err(|error| unreachable(to.to_owned(), error))?,
            Err(_) => return Err(Problem::Internal),
        };
        let body = unfold((body, self.stopped.clone()), async |(mut body, mut stopped)| {
            let piece: Bytes = tokio::select! {
                piece = body.recv() => piece?,
                _ = stopped.wait_for(|stopped| *stopped) => return None,
            };
            Some((Ok::<_, Infallible>(piece), (body, stopped)))
        });
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut response = (status, Body::from_stream(body)).into_response();
        response.headers_mut().extend(headers);
        name_host(response.headers_mut(), to);
        Ok(response)
    }
}

/// Passes an answer on, piece by piece, until it ends or nobody wants it any more.
fn pass_on(answer: Result<OpenAnswer, ForwardError>, head: oneshot::Sender<Head>, pieces: &mpsc::Sender<Bytes>) {
    let (begun, mut body) = match answer {
        Ok(answer) => (Ok((answer.status, answer.headers.clone())), Some(answer.into_reader())),
        Err(error) => (Err(error), None),
    };
    if head.send(begun).is_err() {
        return;
    }
    let mut buffer = vec![0; PIECE];
    while let Some(Ok(count @ 1..)) = body.as_mut().map(|body| body.read(&mut buffer)) {
        if pieces.blocking_send(Bytes::copy_from_slice(&buffer[..count])).is_err() {
            return;
        }
    }
}
