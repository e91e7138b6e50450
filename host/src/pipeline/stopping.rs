//! The end of a host whose filters may take any time.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use skysieve_sandbox::Cancel;

/// How long filters may go on judging the batches in progress after the host was asked to stop.
const GRACE: Duration = Duration::from_secs(1);

/// How often to check whether the host was asked to stop.
const TICK: Duration = Duration::from_millis(50);

/// Cancels all filters some time after the host was asked to stop. Returns then, or when the sender of `ended` is gone.
pub fn cancel_after_grace(stop: &AtomicBool, ended: &Receiver<Infallible>, cancel: &Cancel) {
    let mut since = None;
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
        if stop.load(Ordering::Relaxed) && since.get_or_insert_with(Instant::now).elapsed() >= GRACE {
            return cancel.cancel();
        }
    }
}
