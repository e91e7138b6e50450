//! Who is let in, what they see and change, and what is recorded of it.

pub(super) mod users;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fake::{owned, status};
use crate::access::{UserLimits, WRONG_TOKENS};
use crate::api::rights::{Right, known, right_of};
use crate::filters::{Allowance, Expected, FilterChange};
use crate::health::{Health, RegistryHealth};
use users::{OPERATOR, Users};

/// All operations: method, path, id.
fn operations(users: &Users) -> Vec<(String, String, String)> {
    let document = users.get("", "/api/v1/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, operation)| {
            (method.to_uppercase(), path.clone(), operation["operationId"].as_str().unwrap().to_owned())
        })
    };
    paths.iter().flat_map(of_path).collect()
}

/// A path of the description with something in it.
fn filled(path: &str, name: &str) -> String {
    path.replace("{name}", name).replace("{number}", "1").replace("{id}", "1")
}

#[test]
fn without_a_token_only_public_operations_answer() {
    let users = Users::new();
    users.server.control.add(owned("bright", "ada"));
    let document = users.get("", "/api/v1/openapi.json").json();
    for (method, path, id) in operations(&users) {
        let operation = &document["paths"][&path][method.to_lowercase()];
        let reply = users.send("", &method, &filled(&path, "bright"), "");
        match right_of(&id) {
            Right::Public => {
                assert!(reply.status < 400 || id == "ready", "{method} {path}: {}", reply.body);
                assert_eq!(operation["security"], json!([]), "{id}");
            }
            _ => {
                reply.error(401, "no_token");
                assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"skysieve\"");
                assert!(
                    operation["security"][0]["token"].is_array() && operation["responses"]["401"].is_object(),
                    "{id}"
                );
            }
        }
    }
    // What is not there is not told to strangers either.
    users.get("", "/api/v2").error(401, "no_token");
    users.get("ada", "/api/v2").error(404, "no_such_path");
    users.send("ada", "PUT", "/api/v1/filters", "").error(405, "method_not_allowed");
    assert!(users.server.control.changes.lock().is_empty() && users.server.control.uploads.lock().is_empty());
}

#[test]
fn the_table_of_rights_has_every_operation() {
    let users = Users::new();
    let ids: BTreeSet<String> = operations(&users).into_iter().map(|(_, _, id)| id).collect();
    assert_eq!(ids, known().map(|(id, _)| id.to_owned()).collect());
    assert_eq!(right_of("something_new"), Right::Operator);
}

#[test]
fn roles_may_do_what_the_table_says() {
    let users = Users::new();
    for (method, path, id) in operations(&users) {
        for (user, may) in
            [("wall", [Right::Public, Right::Token].as_slice()), ("ada", &[Right::Public, Right::Token, Right::Author])]
        {
            let reply = users.send(user, &method, &filled(&path, "none"), "");
            assert_eq!(reply.status == 403, !may.contains(&right_of(&id)), "{user} {id}: {}", reply.body);
        }
        let reply = users.send(OPERATOR, &method, &filled(&path, "none"), "");
        assert!(!matches!(reply.status, 401 | 403), "{id}: {}", reply.body);
    }
    let message = users.send("wall", "DELETE", "/api/v1/filters/none", "").error(403, "forbidden");
    assert!(message.contains("author or operator") && message.contains("role viewer"), "{message}");
}

#[test]
fn what_belongs_to_others_is_not_there() {
    let users = Users::new();
    let control = &users.server.control;
    control.jobs.set_most(3);
    for (name, owner) in [("bright", "ada"), ("rising", "bob")] {
        control.add(owned(name, owner));
        let path = format!("/api/v1/filters/{name}/replay?from=earliest");
        assert_eq!(users.send(owner, "POST", &path, "").status, 202);
    }
    control.add(status("shipped"));
    let names = |user: &str, path: &str, key: &str| -> Vec<String> {
        let list = users.get(user, path).json();
        list.as_array().unwrap().iter().map(|one| one[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("ada", "/api/v1/filters", "name"), ["bright"]);
    assert_eq!(names("wall", "/api/v1/filters", "name"), ["bright", "rising", "shipped"]);
    assert_eq!(names("ada", "/api/v1/jobs", "filter"), ["bright"]);
    assert_eq!(names(OPERATOR, "/api/v1/jobs", "filter"), ["bright", "rising"]);
    let metrics = users.get("ada", "/metrics").body;
    assert!(metrics.contains("\"bright\"") && !metrics.contains("\"rising\"") && !metrics.contains("shipped"));

    let changes = control.changes.lock().len();
    for (method, path, id) in operations(&users) {
        if right_of(&id) == Right::Public || !path.contains('{') {
            continue;
        }
        let body = match &*id {
            "activate_version" | "begin_shadow" => r#"{"version": 1}"#,
            "release_filter" => r#"{"to": "there"}"#,
            "confirm_move" => r#"{"id": "7"}"#,
            "check_version" => "",
            _ => "{}",
        };
        let query = if id == "replay_filter" { "?from=1" } else { "" };
        let asked = |name: &str, number: &str| {
            let path = path.replace("{name}", name).replace("{number}", "1").replace("{id}", number);
            users.send("ada", &method, &format!("{path}{query}"), body)
        };
        let (others, absent) = (asked("rising", "2"), asked("nothing", "77"));
        match id.as_str() {
            "put_filter" | "post_filter" | "add_version" => drop(others.error(409, "name_taken")),
            _ if right_of(&id) == Right::Operator => drop(others.error(403, "forbidden")),
            _ => {
                // Nothing tells whether it is there.
                assert_eq!((others.status, absent.status), (404, 404), "{id}: {}", others.body);
                let hidden = others.body.replace("rising", "nothing").replace("job 2;", "job 77;");
                assert_eq!(hidden, absent.body, "{id}");
            }
        }
        assert!(!others.body.contains("bob"), "{id}: {}", others.body);
    }
    users.send("ada", "PUT", "/api/v1/filters/shipped", "module").error(409, "name_taken");
    assert_eq!(control.changes.lock().len(), changes);
    assert!(control.filters.lock().contains_key("rising"));
}

#[test]
fn changes_are_their_authors() {
    let users = Users::with(UserLimits { filters: 3, bytes: 7, ..UserLimits::default() });
    let control = &users.server.control;
    assert_eq!(users.send("ada", "PUT", "/api/v1/filters/bright", "module").status, 201);
    let upload = control.last_upload();
    assert_eq!((&*upload.by, upload.allowance), ("ada", Some(Allowance { filters: 3, bytes: 7 })));
    assert_eq!(upload.expected, Expected::OwnedBy("ada".to_owned(), Box::new(Expected::Anything)));
    assert_eq!(users.send(OPERATOR, "PUT", "/api/v1/filters/other", "module").status, 201);
    let upload = control.last_upload();
    assert_eq!((&*upload.by, upload.allowance, upload.expected), ("operator", None, Expected::Anything));

    // Modules that are only tried wait to be compiled in their users' turns, too, whatever they are called.
    control.jobs.set_most(1);
    assert_eq!(users.send("ada", "POST", "/api/v1/check?name=another", "module").status, 202);
    let check = control.checks.lock().pop().unwrap();
    assert_eq!((&*check.upload.by, check.owner.as_deref()), ("ada", Some("ada")));

    control.add(owned("bright", "ada"));
    let patch = |user: &str, body: &str| users.send(user, "PATCH", "/api/v1/filters/bright", body);
    assert_eq!(patch("ada", r#"{"quota": 5}"#).status, 200);
    let (change, expected) = control.changes.lock().last().unwrap().clone();
    assert!(matches!(change, FilterChange::Set(_)) && matches!(expected, Expected::OwnedBy(user, _) if user == "ada"));
    patch("ada", r#"{"owner": "bob"}"#).error(403, "forbidden");
    assert_eq!(patch(OPERATOR, r#"{"owner": "bob"}"#).status, 200);
    assert!(matches!(control.changes.lock().last().unwrap(), (FilterChange::Set(_), Expected::Anything)));
}

#[test]
fn configs_are_their_owners() {
    let users = Users::new();
    let mut bright = owned("bright", "ada");
    bright.settings.config = "a secret".to_owned();
    users.server.control.add(bright);
    let config = |user: &str| users.get(user, "/api/v1/filters/bright").json()["settings"]["config"].clone();
    assert_eq!((config("ada"), config(OPERATOR), config("wall")), (json!("a secret"), json!("a secret"), json!("")));
    assert!(!users.get("wall", "/api/v1/filters").body.contains("a secret"));
    for path in ["module", "versions/1/module"] {
        let path = format!("/api/v1/filters/bright/{path}");
        users.get("wall", &path).error(403, "forbidden");
    }
    assert_eq!(users.get("ada", "/api/v1/filters/bright/module").body, "\0asm");
}

#[test]
fn health_is_one_word_for_strangers() {
    let users = Users::new();
    let registry = RegistryHealth { refused: vec!["rising: too large".to_owned()], ..RegistryHealth::default() };
    *users.server.control.health.lock() =
        Health { detail: "no broker answers".to_owned(), registry: Some(registry), ..Health::default() };
    let of = |user: &str| {
        let reply = users.get(user, "/health/ready");
        assert_eq!(reply.status, 503);
        reply.json()
    };
    assert_eq!((of(""), of("nobody")), (json!({"ready": false}), json!({"ready": false})));
    assert_eq!((&of("ada")["detail"], &of("ada")["registry"]), (&json!("no broker answers"), &Value::Null));
    assert_eq!(of("wall")["registry"]["refused"][0], "rising: too large");
}

#[test]
fn tokens_are_made_listed_and_revoked() {
    let users = Users::new();
    let new = |body: Value| users.send(OPERATOR, "POST", "/api/v1/tokens", &body.to_string());
    let made = new(json!({"user": "eve", "role": "author", "expires": "30d", "note": "for the summer"}));
    assert_eq!(made.status, 201, "{}", made.body);
    let (token, id) =
        (made.json()["token"].as_str().unwrap().to_owned(), made.json()["id"].as_str().unwrap().to_owned());
    let whoami = |token: &str| users.send_with(Some(token), "GET", "/api/v1/whoami", "");
    let answer = whoami(&token).json();
    assert_eq!((&answer["user"], &answer["role"], &answer["token"]), (&json!("eve"), &json!("author"), &json!(id)));
    assert_eq!(answer["limits"], json!({"filters": 100, "shadows": 4, "uploads_per_hour": 120, "bytes": 1 << 30}));
    assert_eq!(users.get(OPERATOR, "/api/v1/whoami").json()["limits"], Value::Null);

    let list = users.get(OPERATOR, "/api/v1/tokens");
    let listed = list.json().as_array().unwrap().iter().find(|one| one["id"] == json!(id)).cloned().unwrap();
    assert_eq!(
        (&listed["by"], &listed["note"], &listed["expired"]),
        (&json!("operator"), &json!("for the summer"), &json!(false))
    );
    assert!(!list.body.contains("hash") && !list.body.contains(&token[17..]));

    let path = format!("/api/v1/tokens/{id}");
    users.send("ada", "DELETE", &path, "").error(403, "forbidden");
    assert_eq!(users.send(OPERATOR, "DELETE", &path, "").status, 200);
    let refused = whoami(&token);
    let message = refused.error(401, "wrong_token");
    assert!(message.contains("revoked") && !message.contains(&token[17..]), "{message}");
    assert!(refused.header("www-authenticate").ends_with("error=\"invalid_token\""));
    users.send(OPERATOR, "DELETE", &path, "").error(404, "unknown_token");

    for (body, status, code) in [
        (json!({"user": "eve"}), 400, "bad_body"),
        (json!({"user": "eve", "role": "king"}), 400, "bad_body"),
        (json!({"user": "e v e", "role": "author"}), 422, "refused"),
        (json!({"user": "eve", "role": "author", "expires": "yesterday"}), 422, "refused"),
    ] {
        new(body).error(status, code);
    }
}

#[test]
fn a_refusal_is_read_even_by_whoever_sends_a_large_body() {
    let users = Users::new();
    // This is more than sockets can buffer.
    let module = "x".repeat(20_000_000);
    users.send("", "PUT", "/api/v1/filters/bright", &module).error(401, "no_token");
    users.send("wall", "PUT", "/api/v1/filters/bright", &module).error(403, "forbidden");
}

#[test]
fn a_token_that_has_expired_says_so() {
    let users = Users::new();
    let message = users.get("late", "/api/v1/filters").error(401, "wrong_token");
    assert!(message.contains("expired at 2020-01-01T00:00:00Z"), "{message}");
}

#[test]
fn without_a_registry_there_is_the_first_operator_s_token_alone() {
    let users = Users::without_registry();
    let body = json!({"user": "eve", "role": "author"}).to_string();
    users.send(OPERATOR, "POST", "/api/v1/tokens", &body).error(501, "no_registry");
    users.get(OPERATOR, "/api/v1/tokens").error(501, "no_registry");
    assert_eq!(users.get(OPERATOR, "/api/v1/filters").status, 200);
    users.get("ada", "/api/v1/filters").error(401, "wrong_token");
}

#[test]
fn guesses_are_bounded_and_lock_nobody_out_who_has_a_kept_token() {
    let users = Users::new();
    for _ in 0..WRONG_TOKENS {
        // Nobody guesses what was made by a host: perhaps it was revoked, or is so new that this host has yet to know it.
        users.get("nobody", "/api/v1/filters").error(401, "wrong_token");
        users.get("late", "/api/v1/filters").error(401, "wrong_token");
        users.get("", "/api/v1/filters").error(401, "no_token");
    }
    assert_eq!(users.get(OPERATOR, "/api/v1/filters").status, 200);
    for _ in 0..WRONG_TOKENS {
        users.get("mallory", "/api/v1/filters").error(401, "wrong_token");
    }
    for user in ["mallory", OPERATOR] {
        let refused = users.get(user, "/api/v1/filters");
        refused.error(429, "too_many_attempts");
        assert!((1..=60).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    }
    // What strangers may see does not tell either whether a guess was right.
    assert_eq!(users.get(OPERATOR, "/health/ready").json(), json!({"ready": false}));
    assert_eq!(users.get("ada", "/api/v1/filters").status, 200);
}

#[test]
fn uploads_of_a_user_are_bounded_by_the_hour() {
    let users = Users::with(UserLimits { uploads: 2, ..UserLimits::default() });
    let put = |user: &str| users.send(user, "PUT", &format!("/api/v1/filters/of-{user}"), "module");
    users.server.control.add(owned("of-ada", "ada"));
    users.server.control.add(owned("of-bob", "bob"));
    for _ in 0..2 {
        assert_eq!(put("ada").status, 200);
        users.server.control.add(owned("of-ada", "ada"));
    }
    let refused = put("ada");
    let message = refused.error(429, "too_many_uploads");
    assert!(message.starts_with("ada may upload 2 times an hour"), "{message}");
    assert!((1700..=1800).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    assert_eq!(put("bob").status, 200);
    for _ in 0..5 {
        assert!(matches!(put(OPERATOR).status, 200 | 201));
    }
}

#[test]
fn changes_are_recorded_with_whoever_made_them() {
    let users = Users::new();
    users.server.control.add(owned("rising", "bob"));
    users.send("ada", "PUT", "/api/v1/filters/bright?config=hunter2", "module");
    users.send("ada", "DELETE", "/api/v1/filters/rising", "");
    users.send("wall", "POST", "/api/v1/filters/rising/pause", "");
    users.send("", "DELETE", "/api/v1/filters/rising", "");
    users.get("ada", "/api/v1/filters");
    users.send(OPERATOR, "POST", "/api/v1/tokens", &json!({"user": "eve", "role": "viewer"}).to_string());
    let records = users.records();
    let seen: Vec<Value> = records
        .iter()
        .map(|record| {
            json!([
                record["user"],
                record["action"],
                record["filter"],
                record["outcome"],
                record["status"],
                record["code"]
            ])
        })
        .collect();
    assert_eq!(
        json!(seen),
        json!([
            ["ada", "put_filter", "bright", "done", 201, null],
            ["ada", "delete_filter", "rising", "refused", 404, "unknown_filter"],
            ["wall", "pause_filter", "rising", "refused", 403, "forbidden"],
            [null, "delete_filter", "rising", "refused", 401, "no_token"],
            ["operator", "create_token", null, "done", 201, null],
        ])
    );
    assert!(records[0]["detail"].as_str().unwrap().starts_with("SHA-256 5e88"), "{}", records[0]);
    assert_eq!((&records[0]["role"], &records[0]["host"]), (&json!("author"), &json!("here")));
    assert_eq!(records[0]["token"], json!(users.id("ada")));
    assert!(records[0]["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(records[4]["detail"].as_str().unwrap().ends_with(" for eve (viewer)"), "{}", records[4]);
    let all = json!(records).to_string();
    assert!(!all.contains("hunter2") && !all.contains("sky_"), "{all}");
}

#[test]
fn a_client_that_does_not_wait_is_recorded_all_the_same() {
    let users = Users::new();
    let waiting = users.server.control.gate();
    let head = format!(
        "PUT /api/v1/filters/bright HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 4\r\n\r\nwait",
        users.token("ada")
    );
    let mut stream = users.server.connect();
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    waiting.reached();
    drop(stream);
    while users.records().is_empty() {
        std::thread::yield_now();
    }
    let record = users.records().remove(0);
    assert_eq!(
        (&record["user"], &record["outcome"], &record["status"]),
        (&json!("ada"), &json!("unanswered"), &Value::Null)
    );
    waiting.open();
}

#[test]
fn an_open_host_asks_for_nothing_and_owns_nothing() {
    let server = super::Server::start();
    assert_eq!(server.put("/api/v1/filters/bright", b"module").status, 201);
    // Nobody is known. The registry calls that `anyone`, and modules wait in turns of their filters' names.
    assert_eq!(server.control.last_upload().by, "");
    let whoami = server.get("/api/v1/whoami").json();
    assert_eq!((&whoami["user"], &whoami["role"]), (&json!("anyone"), &json!("operator")));
}
