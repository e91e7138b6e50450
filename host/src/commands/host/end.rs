//! The end of a host within seconds, whatever it is waiting for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::commands::output::tell;

/// How long a host may take to stop. Those who stop it (systemd, Docker, operators) wait longer than that.
const LONGEST: Duration = Duration::from_millis(4800);

/// How often to check whether the host was asked to stop.
const TICK: Duration = Duration::from_millis(100);

/// Ends the process once it was asked to stop and has taken too long to do so by itself: because Kafka's client waits for
/// brokers that are gone, for example, or an upload for its compilation. As after `kill -9`, nothing is lost or doubled.
/// The exit code says whether `finished` was set by then.
///
/// # Errors
/// Returns an error if the system can't start a thread.
pub fn end_in_time(stop: Arc<AtomicBool>, finished: Arc<AtomicBool>) -> io::Result<()> {
    let wait = move || {
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
        }
        std::thread::sleep(LONGEST);
        let finished = finished.load(Ordering::Relaxed);
        if !finished {
            tell("ended in the middle of its work: what is not committed is read again at the next start");
        }
        std::process::exit(i32::from(!finished));
    };
    std::thread::Builder::new().name("end".to_owned()).spawn(wait)?;
    Ok(())
}
