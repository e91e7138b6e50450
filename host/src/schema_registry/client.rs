//! Looks up schemas, one at a time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use parking_lot::Mutex;

use super::fetch::fetch;
use super::http::{Failure, Http};
use super::pauses::{Patience, Pauses};
use crate::http_client::Address;
use skysieve_avro::{Lookup, Resolver};

/// Registries number schemas with Java's `int`. A message whose first bytes give a larger number has no id.
const MAX_ID: u32 = i32::MAX as u32;

/// A schema registry.
#[derive(Debug)]
pub struct Registry {
    http: Arc<Http>,
    /// Locked during a lookup, so that threads which want the same id ask only once.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pauses: Pauses,
    /// A lookup that takes so long that its caller has been told that there is no answer yet.
    pending: Option<Pending>,
    /// The result of that lookup, if another thread waited for it to end.
    ready: Option<(u32, Lookup)>,
}

/// A lookup on a thread of its own, because a request can't be cancelled, but the caller may have to stop.
#[derive(Debug)]
struct Pending {
    id: u32,
    begun: Instant,
    answer: Receiver<Result<Lookup, Failure>>,
}

impl Registry {
    /// A registry that has not been asked for anything.
    pub fn new(address: Address) -> Registry {
        Registry::patient(address, Patience::default())
    }

    pub(super) fn patient(address: Address, patience: Patience) -> Registry {
        let state = State { pauses: Pauses::new(patience), pending: None, ready: None };
        Registry { http: Arc::new(Http::new(address)), state: Mutex::new(state) }
    }

    /// Starts a lookup.
    fn begin(&self, id: u32, pauses: &Pauses) -> Result<Pending, Failure> {
        let (http, begun) = (self.http.clone(), Instant::now());
        let deadline = begun + pauses.patience().lookup;
        let (asked, answer) = channel();
        // Sending fails if the caller has gone.
        let ask = move || drop(asked.send(fetch(&http, id, deadline)));
        let thread = std::thread::Builder::new().name("schema-registry".to_owned()).spawn(ask);
        thread.map_err(|error| Failure::Unavailable(format!("no thread to ask the registry on: {error}"), None))?;
        Ok(Pending { id, begun, answer })
    }

    /// Waits a while for an answer. `None` if there is none yet; the lookup continues then.
    fn wait(&self, pending: Pending, state: &mut State) -> Option<(u32, Lookup)> {
        let fetched = match pending.answer.recv_timeout(state.pauses.patience().answer) {
            Ok(fetched) => fetched,
            Err(RecvTimeoutError::Timeout) => {
                state.pending = Some(pending);
                return None;
            }
            Err(RecvTimeoutError::Disconnected) => Err(Failure::Unavailable(
                "the thread that asked the registry ended; please report this".to_owned(),
                None,
            )),
        };
        Some((pending.id, self.note(pending.id, fetched, &mut state.pauses)))
    }

    /// Records the result of a lookup.
    fn note(&self, id: u32, fetched: Result<Lookup, Failure>, pauses: &mut Pauses) -> Lookup {
        let now = Instant::now();
        match fetched {
            Err(Failure::Unavailable(why, retry_after)) => {
                pauses.fails(why.clone(), retry_after, now);
                Lookup::Unavailable(why)
            }
            Err(Failure::Absent) => {
                pauses.works();
                pauses.spend();
                pauses.lacks(id, now);
                Lookup::Unknown
            }
            Err(Failure::Refused(why)) | Ok(Lookup::Unusable(why)) => {
                pauses.works();
                pauses.spend();
                Lookup::Unusable(why)
            }
            Ok(found) => {
                pauses.works();
                pauses.found(id);
                tracing::info!(id, registry = %self.http.address(), "schema looked up");
                found
            }
        }
    }

    fn slow(&self, begun: Instant) -> Lookup {
        let seconds = begun.elapsed().as_secs();
        Lookup::Unavailable(format!("{} has not answered for {seconds} seconds", self.http.address()))
    }
}

impl Resolver for Registry {
    /// Says after 1.5 s that there is no answer yet. The lookup continues, and whoever asks again gets its result.
    fn look_up(&self, id: u32) -> Lookup {
        if id > MAX_ID {
            return Lookup::Unknown;
        }
        let mut state = self.state.lock();
        if let Some((_, lookup)) = state.ready.take_if(|(ready, _)| *ready == id) {
            return lookup;
        }
        if let Some(pending) = state.pending.take() {
            let begun = pending.begun;
            match self.wait(pending, &mut state) {
                None => return self.slow(begun),
                Some((other, lookup)) if other == id => return lookup,
                ready => state.ready = ready,
            }
        }
        let now = Instant::now();
        if state.pauses.is_absent(id, now) {
            return Lookup::Unknown;
        }
        if let Some(why) = state.pauses.obstacle(now) {
            return Lookup::Unavailable(why);
        }
        std::thread::sleep(state.pauses.pace(now));
        let begun = Instant::now();
        let pending = match self.begin(id, &state.pauses) {
            Ok(pending) => pending,
            Err(failure) => return self.note(id, Err(failure), &mut state.pauses),
        };
        self.wait(pending, &mut state).map_or_else(|| self.slow(begun), |(_, lookup)| lookup)
    }
}
