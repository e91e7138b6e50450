//! The HTTP API of a pipeline, and the handling of signals.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use crossbeam_channel::{RecvTimeoutError, bounded};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::common::UsageError;
use super::output::tell;
use crate::access::Access;
use crate::api::{ApiConfig, serve};
use crate::jobs::HostControl;

/// How often a wait checks whether to stop.
const TICK: Duration = Duration::from_millis(50);
/// How long a start that is told to stop may take to end by itself.
const GRACE: Duration = Duration::from_secs(1);

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
    pub fn start(
        listen: &str,
        config: ApiConfig,
        access: Access,
        control: Arc<dyn HostControl>,
    ) -> anyhow::Result<Api> {
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
            if let Err(error) = runtime.block_on(serve(listener, control, access, config, shutdown)) {
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

/// Refuses an address at which others than this machine's users could come to an API that asks for no tokens.
///
/// # Errors
/// Returns a [`UsageError`], which says what to do.
pub fn check_loopback(flag: &str, listen: &str) -> Result<(), UsageError> {
    // An address that is none is refused when it is listened at.
    let Ok(addresses) = listen.to_socket_addrs() else { return Ok(()) };
    match addresses.into_iter().find(|address| !address.ip().is_loopback()) {
        None => Ok(()),
        Some(address) => Err(UsageError(format!(
            "{flag} {listen}: without tokens, whoever reaches {} could change and read everything. Listen on an address of \
             this machine alone, such as 127.0.0.1:8080; or, with `skysieve host`, leave out --open and give the first \
             operator's token with --operator-token-file FILE",
            address.ip()
        ))),
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

/// Runs what a command has to do before it reads or publishes anything. Returns `None` if the process was told to stop
/// before that was done.
///
/// Most waits look at the flag themselves, but a call to librdkafka or to the system can't be interrupted, and may last
/// a minute if a broker says nothing. So this happens on a thread of its own, which nobody waits for if it does not end.
///
/// # Errors
/// Returns `start`'s error.
pub fn unless_stopped<T: Send + 'static>(
    stop: &AtomicBool,
    start: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<Option<T>> {
    let (done, started) = bounded(1);
    let thread = std::thread::Builder::new().name("start".to_owned());
    // Sending fails if nobody waits any more.
    thread.spawn(move || drop(done.send(start()))).context("cannot start a thread")?;
    let mut told: Option<Instant> = None;
    loop {
        match started.recv_timeout(TICK) {
            Ok(started) if !stop.load(Ordering::Relaxed) => return started.map(Some),
            // What failed is no longer needed.
            Ok(started) => return Ok(started.ok()),
            Err(RecvTimeoutError::Disconnected) => return Err(anyhow!("the start has failed; please report this")),
            Err(RecvTimeoutError::Timeout) if !stop.load(Ordering::Relaxed) => {}
            Err(RecvTimeoutError::Timeout) => {
                if told.get_or_insert_with(Instant::now).elapsed() >= GRACE {
                    return Ok(None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_does_not_notice_the_end_is_left_behind() {
        let (hold, never) = bounded::<()>(0);
        let stop = AtomicBool::new(true);
        let begun = Instant::now();
        let wait = move || Ok(never.recv()?);
        assert!(unless_stopped(&stop, wait).unwrap().is_none());
        assert!(begun.elapsed() < 2 * GRACE);
        drop(hold);
    }

    #[test]
    fn errors_matter_unless_the_process_stops() {
        let fail = || -> anyhow::Result<()> { Err(anyhow!("no broker")) };
        assert_eq!(unless_stopped(&AtomicBool::new(false), fail).unwrap_err().to_string(), "no broker");
        assert!(unless_stopped(&AtomicBool::new(true), fail).unwrap().is_none());
        for stopped in [false, true] {
            assert_eq!(unless_stopped(&AtomicBool::new(stopped), || Ok(7)).unwrap(), Some(7));
        }
    }
}
