//! The HTTP API of a pipeline, and the handling of signals.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::output::tell;
use crate::api::{ApiConfig, serve};
use crate::filters::Control;

/// An API that is being served on a thread of its own.
pub struct Api {
    /// The address that it listens on.
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Api {
    /// Starts to listen.
    ///
    /// # Errors
    /// Returns an error if the address is malformed or in use.
    pub fn start(listen: &str, control: Arc<dyn Control>) -> anyhow::Result<Api> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("api")
            .enable_all()
            .build()
            .context("cannot start the API's threads")?;
        let listener = runtime.block_on(TcpListener::bind(listen)).with_context(|| format!("--listen {listen}"))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            // An error means that the sender is gone, which is a reason to stop as well.
            let shutdown = async move { drop(stopped.await) };
            if let Err(error) = runtime.block_on(serve(listener, control, ApiConfig::default(), shutdown)) {
                tracing::error!(%error, "the API has ended");
            }
            // A module that is being compiled for an upload must not delay the end.
            runtime.shutdown_background();
        });
        Ok(Api { address, stop, thread })
    }

    /// Answers the requests that have begun, and ends.
    pub fn stop(self) {
        // Sending fails if the server has already ended.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

/// Returns a flag that SIGINT and SIGTERM set. A second signal ends the process at once.
///
/// # Errors
/// Returns an error if signals can't be handled.
pub fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        tell("stopping (a second signal stops at once)");
    })
    .context("cannot handle signals")?;
    Ok(stop)
}
