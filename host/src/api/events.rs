//! Faults and log messages as they come: [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html).
//!
//! A stream reads the filter's journal at its client's pace. If that is too slow, or if the client comes back late, it is told
//! how many it has missed. Whoever may not see the filter any more gets no more of it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::caller::Caller;
use super::error::Problem;
use super::rights::Right;
use super::state::Api;
use super::streams::StreamPlace;
use super::told::Told;
use crate::filters::{Journal, JournalPage};

/// After what silence a comment is sent, so that either side notices when the other one has gone.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How many records are taken from the journal at a time.
const PIECE: usize = 50;
/// The media type of streams of events.
const EVENTS: &str = "text/event-stream";
/// What clients send when they come back.
const LAST_EVENT_ID: &str = "last-event-id";
/// Keeps proxies (nginx) from collecting events before they pass them on.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// Whether a client wants events.
pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case(EVENTS)
    })
}

/// Answers with what a filter has told, at most `limit` records, and with what it tells from now on.
pub(super) async fn follow<T: Told>(
    api: Arc<Api>,
    caller: Caller,
    name: String,
    headers: &HeaderMap,
    limit: usize,
) -> Result<Response, Problem> {
    let of = name.clone();
    let journal = api.ask(caller.clone(), move |control| Ok(T::of(control.journals(&of)?))).await?;
    let place = api.streams.enter(&caller.user)?;
    let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    let credentials = headers.get(header::AUTHORIZATION).cloned();
    let credentials = credentials.into_iter().map(|value| (header::AUTHORIZATION, value)).collect();
    let follower = Follower::new(api, name, credentials, &journal, (last, limit), place);
    let events = unfold(follower, async |mut follower: Follower<T>| {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(([UNBUFFERED], stream).into_response())
}

/// A client that follows a journal.
struct Follower<T> {
    api: Arc<Api>,
    filter: String,
    /// The headers with which it has said who it is.
    credentials: HeaderMap,
    /// It ends when the filter goes, so this must not keep it.
    journal: Weak<Journal<T>>,
    changed: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
    /// The number of the record that it is to be sent next.
    next: u64,
    /// What it is to be sent before that.
    pending: VecDeque<Event>,
    /// When it is checked whether it may go on.
    check: Instant,
    /// When it has to begin anew.
    end: Instant,
    _place: StreamPlace,
}

impl<T: Told> Follower<T> {
    fn new(
        api: Arc<Api>,
        filter: String,
        credentials: HeaderMap,
        journal: &Arc<Journal<T>>,
        (last, limit): (Option<&str>, usize),
        place: StreamPlace,
    ) -> Follower<T> {
        let (now, stopped) = (Instant::now(), api.stopped.clone());
        let (check, life) = (api.config.check_time, api.config.connection_time);
        let mut follower = Follower {
            api,
            filter,
            credentials,
            journal: Arc::downgrade(journal),
            changed: journal.watch(),
            stopped,
            next: 0,
            pending: VecDeque::new(),
            check: now + check,
            end: now + life,
            _place: place,
        };
        match last.map(|last| journal.behind(last)) {
            Some(Some(next)) => follower.next = next,
            Some(None) => {
                // The host or the filter has begun anew since then.
                follower.pending.push_back(missed(None));
                follower.begin_with(journal.newest(usize::MAX));
            }
            None => follower.begin_with(journal.newest(limit)),
        }
        follower
    }

    /// Begins with these records. What was before them, it has not asked for.
    fn begin_with(&mut self, page: JournalPage<T>) {
        self.take(JournalPage { missed: 0, ..page });
    }

    fn take(&mut self, page: JournalPage<T>) {
        self.next = page.next;
        if page.missed > 0 {
            self.pending.push_back(missed(Some(page.missed)));
        }
        self.pending.extend(page.records.iter().map(|record| event(&**record)));
    }

    /// The next event, once there is one. `None`: the stream ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            if *self.stopped.borrow() || Instant::now() >= self.end || !self.may_go_on().await {
                return None;
            }
            self.changed.borrow_and_update();
            let page = self.journal.upgrade()?.read(self.next, PIECE);
            self.take(page);
            if !self.pending.is_empty() {
                continue;
            }
            tokio::select! {
                changed = self.changed.changed() => changed.ok()?,
                _ = self.stopped.wait_for(|stopped| *stopped) => return None,
                () = sleep_until(self.check.min(self.end)) => {}
            }
        }
    }

    /// Whether the client may still see the filter, which is looked at now and then.
    async fn may_go_on(&mut self) -> bool {
        if Instant::now() < self.check {
            return true;
        }
        self.check = Instant::now() + self.api.config.check_time;
        let Ok(caller) = self.api.gate.admit(Right::Token, &self.credentials, None) else { return false };
        let filter = self.filter.clone();
        self.api.ask(caller, move |control| Ok(control.get(&filter).map(drop)?)).await.is_ok()
    }
}

fn event<T: Told>(record: &T) -> Event {
    let data = serde_json::to_value(record).unwrap_or_default();
    let id = data["id"].as_str().unwrap_or_default().to_owned();
    Event::default().event(T::EVENT).id(id).data(data.to_string())
}

/// Tells a client how many records it has missed, if that is known.
fn missed(count: Option<u64>) -> Event {
    Event::default().event("missed").data(json!({ "count": count }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_sent_to_those_who_want_them() {
        for (accept, wants) in [
            ("text/event-stream", true),
            ("application/json, Text/Event-Stream;q=0.9", true),
            ("*/*", false),
            ("application/json", false),
            ("text/event-streams", false),
        ] {
            let headers: HeaderMap = [(header::ACCEPT, accept.parse().unwrap())].into_iter().collect();
            assert_eq!(accepts_events(&headers), wants, "{accept}");
        }
    }
}
