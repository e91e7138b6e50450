//! Uploads: what is accepted, and what is refused with which message.

use std::io::Write;

use super::{ApiConfig, Reply, Server};

const BOUNDARY: &str = "----boundary";

/// Makes a form of parts `(name, file name or empty, content)`.
pub(super) fn form(parts: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = if file.is_empty() { String::new() } else { format!("; filename=\"{file}\"") };
        write!(body, "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").unwrap();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    write!(body, "--{BOUNDARY}--\r\n").unwrap();
    body
}

pub(super) fn send_form(server: &Server, method: &str, path: &str, body: &[u8]) -> Reply {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    server.send(method, path, &[("content-type", &kind)], body)
}

#[test]
fn a_module_is_taken_and_replaced() {
    let server = Server::start();
    let first = server.put("/api/v1/filters/bright", b"module");
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(first.json()["name"], "bright");
    assert_eq!(server.put("/api/v1/filters/bright", b"other").status, 200);

    let upload = server.control.last_upload();
    assert_eq!(upload.module, b"other");
    assert_eq!(upload.settings.config, "");
    assert_eq!(upload.settings.quota, None);
    assert_eq!(upload.settings.limits, Default::default());
}

#[test]
fn settings_come_in_the_query() {
    let server = Server::start();
    let query = "config=limit%20%3D%2017%0Aband+%3D+%22g%22&quota=5&fuel=1000000&memory=1048576&deadline_ms=250";
    for kind in ["application/wasm", "application/octet-stream", "Application/Wasm; x=y"] {
        let path = format!("/api/v1/filters/bright?{query}");
        let reply = server.send("PUT", &path, &[("content-type", kind)], b"module");
        assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
        check_settings(&server);
    }
}

#[test]
fn topics_come_one_by_one_or_in_a_list() {
    let server = Server::start();
    server.put("/api/v1/filters/bright?topics=ztf,%20lsst&topics=roman", b"module");
    assert_eq!(server.control.last_upload().settings.topics, ["ztf", "lsst", "roman"]);
    let reply = send_form(
        &server,
        "PUT",
        "/api/v1/filters/bright",
        &form(&[("module", "", b"a"), ("topics", "", b"ztf,lsst")]),
    );
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(server.control.last_upload().settings.topics, ["ztf", "lsst"]);
    server.put("/api/v1/filters/bright", b"module");
    assert!(server.control.last_upload().settings.topics.is_empty());
}

/// These are sent as `curl -F module=@x.wasm -F config=@x.toml` and `curl --data-binary @x.wasm` do it.
#[test]
fn post_works_as_put() {
    let server = Server::start();
    let body = form(&[("module", "x.wasm", b"module"), ("config", "x.toml", b"limit = 17")]);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let reply = server.send("POST", "/api/v1/filters/bright", &[("content-type", &kind)], &body);
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(server.control.last_upload().settings.config, "limit = 17");
    let path = "/api/v1/filters/bright?quota=5";
    let reply = server.send("POST", path, &[("content-type", "application/wasm")], b"other");
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(
        (server.control.last_upload().module, server.control.last_upload().settings.quota),
        (b"other".into(), Some(5))
    );
    server.send("POST", "/api/v1/filters/a%20b", &[], b"module").error(400, "bad_name");
}

#[test]
fn settings_come_in_a_form() {
    let server = Server::start();
    let body = form(&[
        ("config", "bright.toml", b"limit = 17\nband = \"g\""),
        ("quota", "", b"5"),
        ("fuel", "", b"1000000\n"),
        ("module", "bright.wasm", b"module"),
        ("memory", "", b"1048576"),
        ("deadline_ms", "", b"250"),
    ]);
    let reply = send_form(&server, "PUT", "/api/v1/filters/bright", &body);
    assert_eq!(reply.status, 201, "{}", reply.body);
    check_settings(&server);
}

#[test]
fn settings_come_in_a_hosts_file() {
    let server = Server::start();
    let file = b"quota = 5\nconfig = \"\"\"limit = 17\nband = \\\"g\\\"\"\"\"\n\
                 [limits]\nfuel = 1000000\nmemory = 1048576\ndeadline_ms = 250";
    let send = |parts: &[(&str, &str, &[u8])]| send_form(&server, "PUT", "/api/v1/filters/bright", &form(parts));
    let reply = send(&[("settings", "bright.toml", file), ("module", "bright.wasm", b"module")]);
    assert_eq!(reply.status, 201, "{}", reply.body);
    check_settings(&server);
    let wrong: [(&[u8], &str); 3] =
        [(b"qouta = 5", "qouta"), (b"quota = 0", "quota is 0"), (b"quota = 'many'", "quota")];
    for (file, wanted) in wrong {
        let reply = send(&[("module", "", b"module"), ("settings", "", file)]);
        let message = reply.error(400, "bad_multipart");
        assert!(message.starts_with("part \"settings\": ") && message.contains(wanted), "{message}");
    }
    let reply = send(&[("module", "", b"module"), ("settings", "", b"quota = 5"), ("quota", "", b"6")]);
    assert_eq!(reply.error(400, "bad_multipart"), "part \"quota\": it is given twice");
}

fn check_settings(server: &Server) {
    let upload = server.control.last_upload();
    assert_eq!(upload.module, b"module");
    assert_eq!(upload.settings.config, "limit = 17\nband = \"g\"");
    assert_eq!(upload.settings.quota, Some(5));
    assert_eq!(upload.settings.limits.fuel, Some(1_000_000));
    assert_eq!(upload.settings.limits.memory, Some(1 << 20));
    assert_eq!(upload.settings.limits.deadline_ms, Some(250));
}

#[test]
fn what_the_filters_refuse_is_answered_with_their_words() {
    let server = Server::start();
    let message = server.put("/api/v1/filters/bright", b"refused").error(422, "refused");
    assert_eq!(message, "it imports wasi:clocks/wall-clock");
    let message = server.put("/api/v1/filters/bright", b"full").error(507, "full");
    assert!(message.contains("3 filters"), "{message}");
    let reply = server.put("/api/v1/filters/bright", b"stopping");
    reply.error(503, "stopping");
    assert_eq!(reply.header("retry-after"), "5");
    assert!(server.control.uploads.lock().is_empty());
}

#[test]
fn an_upload_may_be_strict() {
    let server = Server::start();
    for (query, strict) in [("", false), ("?strict=true", true), ("?strict", true), ("?strict=false", false)] {
        let reply = server.put(&format!("/api/v1/filters/bright{query}"), b"module");
        assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
        assert_eq!(server.control.last_upload().strict, strict, "{query}");
        assert_eq!(reply.json()["warnings"], serde_json::json!([]));
    }
    let body = form(&[("module", "bright.wasm", b"module"), ("strict", "", b"true")]);
    assert_eq!(send_form(&server, "PUT", "/api/v1/filters/bright", &body).status, 200);
    assert!(server.control.last_upload().strict);
}

#[test]
fn wrong_queries_name_the_parameter() {
    let server = Server::start();
    let nines = "9".repeat(2000);
    let cases = [
        ("quota=many", r#"query parameter "quota": "many" is not a whole number"#),
        ("quota=-1", r#"query parameter "quota": "-1" is not"#),
        ("quota=4294967296", r#"query parameter "quota""#),
        (&format!("fuel={nines}"), r#"query parameter "fuel": "9999999999999999999999999999999999999999" is not"#),
        ("memory=", r#"query parameter "memory""#),
        ("quota=0", r#"query parameter "quota": it must be 1 or more"#),
        ("fuel=0", r#"query parameter "fuel": it must be 1 or more"#),
        ("memory=00", r#"query parameter "memory": it must be 1 or more"#),
        ("cpu_share=1.5", r#"query parameter "cpu_share": it is not a number from 0.001 to 1"#),
        ("cpu_share=NaN", r#"query parameter "cpu_share": it is not a number from 0.001 to 1"#),
        ("deadline_ms=0", r#"query parameter "deadline_ms": it must be 1 or more"#),
        ("strict=perhaps", r#"query parameter "strict": "perhaps" is neither true nor false"#),
        ("quota=1&quota=2", r#"query parameter "quota": it is given twice"#),
        ("config=a%FFb", r#"query parameter "config": it is not UTF-8 text"#),
        ("size=1", r#"query parameter "size": there is no such setting; there are predefined, parameters, language,"#),
    ];
    for (query, wanted) in cases {
        let message = server.put(&format!("/api/v1/filters/bright?{query}"), b"module").error(400, "bad_query");
        assert!(message.starts_with(wanted), "{query}: {message}");
    }
    assert!(server.control.uploads.lock().is_empty());
}

#[test]
fn wrong_forms_name_the_part() {
    let server = Server::start();
    let whole = form(&[("module", "x.wasm", b"module")]);
    let twice = form(&[("module", "", b"a"), ("module", "", b"b")]);
    let cases = [
        (form(&[("quota", "", b"5")]), r#"part "module": it is missing"#),
        (form(&[("module", "", b"a"), ("quota", "", b"many")]), r#"part "quota": "many" is not a whole number"#),
        (form(&[("module", "", b"a"), ("deadline_ms", "", b"0")]), r#"part "deadline_ms": it must be 1 or more"#),
        (form(&[("config", "", b"\xff")]), r#"part "config": it is not UTF-8 text"#),
        (form(&[("colour", "", b"red")]), r#"part "colour": there is no such setting"#),
        (twice, r#"part "module": it is given twice"#),
        (whole[..whole.len() - 20].to_vec(), r#"part "module": "#),
        (format!("--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--\r\n").into_bytes(), "cannot read the multipart body: "),
        (b"no form at all".to_vec(), "cannot read the multipart body: "),
        (Vec::new(), "cannot read the multipart body: "),
    ];
    for (body, wanted) in cases {
        let message = send_form(&server, "PUT", "/api/v1/filters/bright", &body).error(400, "bad_multipart");
        assert!(message.starts_with(wanted), "{wanted}: {message}");
    }
    let message = send_form(&server, "PUT", "/api/v1/filters/bright?quota=1", &form(&[("quota", "", b"5")]));
    assert_eq!(message.error(400, "bad_multipart"), r#"part "quota": it is given twice"#);
    assert!(server.control.uploads.lock().is_empty());
}

#[test]
fn bodies_of_another_type_are_refused() {
    let server = Server::start();
    for kind in ["application/x-www-form-urlencoded", "text/html", "\u{e4}", ""] {
        let reply = server.send("PUT", "/api/v1/filters/x", &[("content-type", kind)], ());
        let message = reply.error(415, "unsupported_media_type");
        assert!(message.contains("curl -T FILE"), "{message}");
    }
    let kind = [("content-type", "multipart/form-data")];
    server.send("PUT", "/api/v1/filters/x", &kind, ()).error(400, "bad_multipart");
}

fn small() -> Server {
    Server::with(ApiConfig { max_module: 100_000, ..ApiConfig::default() })
}

const TOO_LARGE: &str = "the module is larger than 100000 bytes, the most that this host takes";

#[test]
fn a_module_that_says_it_is_too_large_is_refused_before_it_is_sent() {
    let server = small();
    for expect in ["", "Expect: 100-continue\r\n"] {
        let head = "PUT /api/v1/filters/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n";
        let line = server.first_line(format!("{head}{expect}\r\n").as_bytes());
        assert!(line.starts_with("HTTP/1.1 413 "), "{line}");
    }
    // This is more than sockets can buffer. The answer must be readable nevertheless.
    let large = vec![0; 20_000_000];
    assert_eq!(server.put("/api/v1/filters/x", &large).error(413, "too_large"), TOO_LARGE);
    assert_eq!(server.put("/api/v1/filters/x", &large[..100_001]).error(413, "too_large"), TOO_LARGE);
    assert_eq!(server.put("/api/v1/filters/x", &large[..100_000]).status, 201);
}

#[test]
fn a_module_that_turns_out_too_large_is_refused() {
    let server = small();
    let large = vec![0; 20_000_000];
    assert_eq!(server.put_stream("/api/v1/filters/x", &large).error(413, "too_large"), TOO_LARGE);
    assert_eq!(server.put_stream("/api/v1/filters/x", &large[..100_001]).error(413, "too_large"), TOO_LARGE);
    assert_eq!(server.put_stream("/api/v1/filters/x", &large[..100_000]).status, 201);
}

#[test]
fn parts_that_are_too_large_are_refused() {
    let server = small();
    let large = vec![b' '; 10_000_000];
    let send = |parts: &[(&str, &str, &[u8])]| send_form(&server, "PUT", "/api/v1/filters/x", &form(parts));
    assert_eq!(send(&[("module", "", &large[..100_001])]).error(413, "too_large"), TOO_LARGE);
    let message = send(&[("module", "", b"module"), ("config", "", &large[..1_048_577])]).error(413, "too_large");
    assert!(message.starts_with("the config is larger than 1048576 bytes"), "{message}");
    let message = send(&[("module", "", &large)]).error(413, "too_large");
    assert!(message.starts_with("the form is larger than "), "{message}");
    assert_eq!(send(&[("module", "", &large[..100_000]), ("config", "", &large[..1_048_576])]).status, 201);
}
