//! Jobs over HTTP.

use serde_json::json;

use super::Server;
use super::fake::status;
use crate::jobs::{JobState, ReplayRequest};

fn server() -> Server {
    let server = Server::start();
    server.control.add(status("bright"));
    server.control.jobs.set_most(2);
    server
}

#[test]
fn a_replay_begins_and_is_asked_about_until_it_ends() {
    let server = server();
    let path = "/api/v1/filters/bright/replay?from=2026-05-08T22:00:00Z&to=1778300000&into=bright.replay";
    let begun = server.send("POST", path, &[], ());
    assert_eq!((begun.status, begun.header("location")), (202, "/api/v1/jobs/1"));
    let request = ReplayRequest {
        from: "2026-05-08T22:00:00Z".to_owned(),
        to: Some("1778300000".to_owned()),
        into: Some("bright.replay".to_owned()),
        owner: None,
    };
    assert_eq!(*server.control.replays.lock(), [("bright".to_owned(), request)]);
    let job = server.get("/api/v1/jobs/1").json();
    assert_eq!((&job["kind"], &job["state"], &job["filter"]), (&json!("replay"), &json!("running"), &json!("bright")));
    assert_eq!(job["counts"]["seen"], 0);
    assert_eq!(server.get("/api/v1/jobs/1/ids").json(), json!({"ids": ["7", "9"], "next": 2}));
    assert_eq!(server.get("/api/v1/jobs/1/ids?from=1").json(), json!({"ids": ["9"], "next": 2}));
    server.control.running.lock().remove(0).end(JobState::Done, None);
    assert_eq!(server.get("/api/v1/jobs").json()[0]["state"], "done");
}

#[test]
fn a_job_is_cancelled() {
    let server = server();
    assert_eq!(server.send("POST", "/api/v1/filters/bright/replay?from=earliest", &[], ()).status, 202);
    let running = server.control.running.lock().remove(0);
    let stop = running.job().stop.clone();
    let thread = std::thread::spawn(move || {
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            std::thread::yield_now();
        }
        running.end(JobState::Cancelled, Some("it was cancelled".to_owned()));
    });
    let cancelled = server.delete("/api/v1/jobs/1");
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (200, &json!("cancelled")));
    thread.join().unwrap();
}

#[test]
fn what_can_t_begin_is_refused_with_a_code_and_a_reason() {
    let server = server();
    let post = |path: &str| server.send("POST", &format!("/api/v1/filters/{path}"), &[], ());
    for query in ["", "?to=1", "?from=1&from=2", "?from=1&when=2"] {
        post(&format!("bright/replay{query}")).error(400, "bad_query");
    }
    post("none/replay?from=1").error(404, "unknown_filter");
    post("bright/replay?from=1&into=bad").error(422, "bad_into");
    post("bright/replay?from=1&into=none").error(404, "no_alerts");
    server.get("/api/v1/jobs/7").error(404, "unknown_job");
    server.delete("/api/v1/jobs/7").error(404, "unknown_job");
    server.get("/api/v1/jobs/x").error(400, "bad_path");
    server.get("/api/v1/jobs/7/ids?from=x").error(400, "bad_query");
    for _ in 0..2 {
        assert_eq!(post("bright/replay?from=1").status, 202);
    }
    let busy = post("bright/replay?from=1");
    assert_eq!(busy.header("retry-after"), "5");
    assert!(busy.error(429, "busy").contains("--replays"));
}
