//! Accepts connections, limits them, and waits for them at the end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::caller::Peer;
use super::config::ApiConfig;
use super::routes;
use crate::access::Access;
use crate::jobs::HostControl;

/// How many bytes a request's line and headers may take together.
const HEAD: usize = 64 << 10;
/// How many times accepting may fail, at intervals of a second, before the server gives up.
const ACCEPT_FAILURES: u32 = 30;

/// Why the API could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The listener no longer works.
    #[error("cannot accept HTTP connections: {0}")]
    Accept(#[source] io::Error),
}

/// Answers requests that arrive at `listener`, from those whom `access` lets in, until `shutdown` completes. Then closes the listener, and gives the
/// requests in progress [`ApiConfig::drain_time`] to end.
///
/// # Errors
/// Returns [`ApiError::Accept`] if the listener keeps failing.
pub async fn serve(
    listener: TcpListener,
    control: Arc<dyn HostControl>,
    access: Access,
    config: ApiConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ApiError> {
    let (stop, stopped) = watch::channel(false);
    let permits = Arc::new(Semaphore::new(config.connections));
    let app = routes::router(control, access, config.clone(), stopped.clone());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut failures = 0;
    let result = loop {
        tokio::select! {
            () = &mut shutdown => break Ok(()),
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &permits) => match accepted {
                Ok((stream, peer, permit)) => {
                    failures = 0;
                    let app = Client { app: TowerToHyperService::new(app.clone()), peer: Peer(peer) };
                    connections.spawn(connection(stream, permit, app, config.clone(), stopped.clone()));
                }
                Err(error) if failures == ACCEPT_FAILURES => break Err(ApiError::Accept(error)),
                // Most likely, file descriptors or memory have run out; connections that end will free some.
                Err(error) => {
                    failures += 1;
                    warn!(%error, "cannot accept a connection");
                    sleep(Duration::from_secs(1)).await;
                }
            },
        }
    };
    drop(listener);
    stop.send_replace(true);
    drain(connections, config.drain_time).await;
    result
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Ok((stream, peer, permit)),
            Err(error) if gave_up(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether the client went away before it was accepted.
fn gave_up(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The routes, for the requests of one client.
struct Client {
    app: TowerToHyperService<Router>,
    peer: Peer,
}

impl Service<Request<Incoming>> for Client {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.app.call(request)
    }
}

async fn connection(
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
    app: Client,
    config: ApiConfig,
    stopped: watch::Receiver<bool>,
) {
    let Some(tls) = &config.tls else { return answer(stream, app, &config, stopped).await };
    match timeout(config.header_time, tls.accept(stream)).await {
        Ok(Ok(stream)) => answer(stream, app, &config, stopped).await,
        Ok(Err(error)) => debug!(%error, "a client without TLS, or one that does not trust the certificate"),
        Err(_) => debug!("a client took too long to begin TLS"),
    }
}

/// Answers the requests that come on a connection.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    app: Client,
    config: &ApiConfig,
    mut stopped: watch::Receiver<bool>,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_time)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), app);
    let mut connection = pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return log_end(result),
        _ = stopped.wait_for(|&stopped| stopped) => {}
        () = sleep(config.connection_time) => {}
    }
    connection.as_mut().graceful_shutdown();
    // What remains is one request: its upload, a compilation, and the answer. This limits clients that never read the
    // answer.
    match timeout(2 * config.upload_time, connection).await {
        Ok(result) => log_end(result),
        Err(_) => debug!("connection cut"),
    }
}

fn log_end(result: hyper::Result<()>) {
    if let Err(error) = result {
        debug!(%error, "connection ended");
    }
}

/// Waits for the connections to end, and cuts off those that take too long.
async fn drain(mut connections: JoinSet<()>, time: Duration) {
    let ended = timeout(time, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        warn!(connections = connections.len(), "cutting off requests that are still in progress");
        connections.shutdown().await;
    }
}
