//! Compiles the filters that a host starts with on all cores, while the API reports the progress.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};
use indicatif::ProgressBar;
use parking_lot::Mutex;

use super::cores;
use crate::commands::common::progress;
use crate::filters::{FilterError, Upload};
use crate::pipeline::{Handle, Prepared};

/// How often to check whether to stop.
const TICK: Duration = Duration::from_millis(100);
/// How often the progress is logged.
const TOLD: Duration = Duration::from_secs(5);

/// A filter's name with its upload or what is wrong with it, as returned by
/// [`read_folder`](crate::filters::read_folder).
pub type Named<T = Upload> = (String, Result<T, FilterError>);
/// The index and the name of a filter, and the result of preparing it.
type Outcome = (usize, String, Result<Prepared, FilterError>);

/// Checks and compiles filters. Refused filters are logged and left out, so that they do not keep the others' authors
/// waiting. Returns `None` if it was stopped before all of them were compiled.
pub fn prepare(handle: &Handle, uploads: Vec<Named>, stop: &AtomicBool) -> Option<Vec<Prepared>> {
    let outcomes = prepare_each(handle, uploads, stop)?;
    Some(outcomes.into_iter().filter_map(|(_, outcome)| outcome.ok()).collect())
}

/// As [`prepare`], with what became of each filter.
pub fn prepare_each(handle: &Handle, uploads: Vec<Named>, stop: &AtomicBool) -> Option<Vec<Named<Prepared>>> {
    let of = uploads.len();
    handle.starting(&format!("compiling filters: 0 of {of}"));
    let outcomes = compile(handle, uploads);
    let bar = progress(of as u64, "compiling filters");
    let (mut prepared, mut told) = (BTreeMap::new(), Instant::now());
    for done in 1..=of {
        let Some((at, name, outcome)) = next(&outcomes, stop) else { break };
        if let Err(error) = &outcome {
            bar.suspend(|| tracing::error!(filter = name, %error, "filter refused"));
        }
        prepared.insert(at, (name, outcome));
        handle.starting(&format!("compiling filters: {done} of {of}"));
        bar.set_position(done as u64);
        tell(&bar, &mut told, done, of);
    }
    bar.finish_and_clear();
    (!stop.load(Ordering::Relaxed)).then(|| prepared.into_values().collect())
}

/// Compiles on threads that nobody waits for: a module may take seconds, but a host that has to stop must end at once.
fn compile(handle: &Handle, uploads: Vec<Named>) -> Receiver<Outcome> {
    let uploads = Arc::new(Mutex::new(uploads.into_iter().enumerate()));
    let (done, outcomes) = unbounded();
    for _ in 0..cores() {
        let (uploads, done, handle) = (uploads.clone(), done.clone(), handle.clone());
        std::thread::spawn(move || {
            loop {
                let next = uploads.lock().next();
                let Some((at, (name, upload))) = next else { break };
                let outcome = upload.and_then(|upload| handle.prepare(&name, upload));
                if done.send((at, name, outcome)).is_err() {
                    break;
                }
            }
        });
    }
    outcomes
}

/// Returns the next result, or `None` if there are no more or the host is to stop.
fn next(outcomes: &Receiver<Outcome>, stop: &AtomicBool) -> Option<Outcome> {
    while !stop.load(Ordering::Relaxed) {
        match outcomes.recv_timeout(TICK) {
            Ok(outcome) => return Some(outcome),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    None
}

/// Logs the progress if there is no visible progress bar.
fn tell(bar: &ProgressBar, told: &mut Instant, done: usize, of: usize) {
    if bar.is_hidden() && done < of && told.elapsed() >= TOLD {
        *told = Instant::now();
        tracing::info!(done, of, "compiling filters");
    }
}
