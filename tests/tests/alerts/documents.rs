//! The commands in README and the other documents: all are valid, and the first ones are run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use skysieve::kafka::EmbeddedBroker;
use skysieve_tests::host::Host;
use skysieve_tests::kafka::wait_for;
use skysieve_tests::{alerts, binary, module, root, text};

/// README, the guides, and the README of a new project.
fn documents() -> Vec<(PathBuf, String)> {
    let mut paths = vec![root().join("README.md"), root().join("guest-sdk/README.md")];
    paths.push(root().join("host/src/commands/template/README.md.in"));
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                paths.push(path);
            }
        }
    }
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap().replace("{name}", "my-filter");
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// The blocks of a document that are indented, or fenced as `sh`.
fn blocks(document: &str) -> Vec<Vec<&str>> {
    let (mut blocks, mut fence, mut in_block) = (Vec::<Vec<&str>>::new(), None, false);
    for line in document.lines() {
        let is_fence = line.trim_start().starts_with("```");
        if is_fence {
            fence = if fence.is_some() { None } else { Some(line.trim_start().trim_start_matches('`')) };
        }
        let code = match fence {
            Some("sh" | "bash" | "console") if !is_fence => Some(line),
            None if !is_fence => line.strip_prefix("    "),
            _ => None,
        };
        match (code, in_block) {
            (Some(code), true) => blocks.last_mut().unwrap().push(code),
            (Some(code), false) => blocks.push(vec![code]),
            (None, _) => {}
        }
        in_block = code.is_some();
    }
    blocks
}

/// The lines that begin with a command, including their continuation lines.
fn commands(document: &str, program: &str) -> Vec<String> {
    let mut found = Vec::new();
    for block in blocks(document) {
        let joined = block.join("\n").replace("\\\n", " ");
        found.extend(joined.lines().filter(|line| line.starts_with(&format!("{program} "))).map(str::to_owned));
    }
    found
}

/// The pieces of text in backticks that begin with a command.
fn quoted<'d>(document: &'d str, program: &str) -> Vec<&'d str> {
    let pieces = document.split('`').skip(1).step_by(2);
    pieces.filter(|piece| piece.starts_with(&format!("{program} ")) && !piece.contains('…')).collect()
}

fn bash(script: &str, folder: &Path, variables: &[(&str, &str)]) -> Output {
    let home = std::env::home_dir().unwrap();
    let variable = |name: &str, default: &str| std::env::var_os(name).unwrap_or_else(|| home.join(default).into());
    let path = std::env::join_paths(
        [binary().parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    Command::new("bash")
        .args(["-euc", script])
        .current_dir(folder)
        .env("CARGO_HOME", variable("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", variable("RUSTUP_HOME", ".rustup"))
        .env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
        .env("PATH", path.unwrap())
        .env("HOME", folder)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

#[track_caller]
fn succeeds(output: &Output, script: &str) {
    assert!(output.status.success(), "{script}\n{}\n{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn every_command_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for (path, document) in documents() {
        for command in commands(&document, "skysieve") {
            let others = "cd() { :; }; cargo() { :; }; curl() { :; }; jq() { :; };";
            let script = format!("{others} skysieve() {{ command skysieve \"$@\" --help >/dev/null; }}\n{command}");
            let output = bash(&script, folder.path(), &[]);
            assert!(output.status.success(), "{}: {command}: {}", path.display(), text(&output.stderr));
            count += 1;
        }
    }
    assert!(count > 10, "only {count} commands were found");
}

#[test]
fn the_version_is_shown() {
    let output = Command::new(binary()).arg("--version").output().unwrap();
    assert_eq!(text(&output.stdout), format!("skysieve {}\n", env!("CARGO_PKG_VERSION")));
}

/// A host on a broker of its own. Both have to be kept.
fn host(access: &[&str]) -> (EmbeddedBroker, Host) {
    let broker = EmbeddedBroker::start().unwrap();
    for topic in ["alerts", "lsst-alerts", "my-filter", "x", "t-dead-letters", "t-quotas", "t-filters", "t-modules"] {
        broker.create_topic(topic, 1).unwrap();
    }
    let host = Host::start(broker.brokers(), "lsst-alerts", &[&["--name", "t"], access].concat());
    (broker, host)
}

#[test]
fn the_first_ten_minutes_work() {
    let folder = tempfile::tempdir().unwrap();
    let packets = folder.path().join("alerts");
    std::fs::create_dir(&packets).unwrap();
    for alert in alerts(1, 20) {
        std::fs::write(packets.join(format!("{}.avro", alert.id)), alert.bytes).unwrap();
    }
    let operator = folder.path().join("operator.token");
    std::fs::write(&operator, "the-token-of-the-first-operator").unwrap();
    let (broker, host) = host(&["--operator-token-file", operator.to_str().unwrap()]);
    let token = folder.path().join("skysieve.token");
    let new = format!("skysieve token new --user ada --role author --server {} >{}", host.url(), token.display());
    succeeds(&bash(&new, folder.path(), &[("SKYSIEVE_TOKEN_FILE", operator.to_str().unwrap())]), &new);
    let token = std::fs::read_to_string(token).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let get = |path: &str| host.request("GET", path, &[("authorization", &bearer)], b"").json();

    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = blocks(&readme);
    let first = blocks.iter().find(|block| block[0].starts_with("skysieve new")).expect("a block that begins with it");
    let script = first.join("\n").replace("http://host:8080", host.url());
    succeeds(&bash(&script, folder.path(), &[]), &script);
    let filter = get("/api/v1/filters/my-filter");
    assert_eq!((&filter["state"], &filter["registered"]["owner"]), (&"active".into(), &"ada".into()), "{filter}");
    // The new project's own README says to upload it with its settings file.
    let project = folder.path().join("my-filter");
    let uploads = commands(&std::fs::read_to_string(project.join("README.md")).unwrap(), "skysieve upload");
    assert_eq!(uploads.len(), 1);
    for command in uploads {
        let command = command.replace("http://host:8080", host.url());
        succeeds(&bash(&command, &project, &[("SKYSIEVE_TOKEN", token.trim())]), &command);
        assert_eq!(get("/api/v1/filters/my-filter")["settings"]["config"], "magnitude = 21.0\n");
    }

    let few = [("SKYSIEVE_BROKERS", broker.brokers()), ("SKYSIEVE_INTERVAL", "0"), ("SKYSIEVE_ALERTS_PER_VISIT", "10")];
    for command in commands(&readme, "skysieve produce") {
        let command = command.replace("kafka:9092", broker.brokers());
        succeeds(&bash(&command, folder.path(), &few), &command);
    }
    wait_for("the alerts to be judged", || get("/api/v1/filters/my-filter")["counts"]["seen"].as_u64() >= Some(30));
    for command in commands(&readme, "skysieve consume") {
        let line = command.split(" #").next().unwrap();
        let script = format!("{line} --from earliest --until-end");
        succeeds(&bash(&script, folder.path(), &few), &script);
    }
}

#[test]
fn uploads_by_curl_work() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(module("lsst-bright"), folder.path().join("x.wasm")).unwrap();
    std::fs::copy(module("lsst-bright"), folder.path().join("my-filter.wasm")).unwrap();
    std::fs::write(folder.path().join("x.toml"), "magnitude = 20.0").unwrap();
    let (_broker, host) = host(&[]);
    let documents = documents();
    let forms = documents.iter().flat_map(|(_, document)| {
        let lines = commands(document, "curl").into_iter();
        lines.chain(quoted(document, "curl").into_iter().map(str::to_owned)).collect::<Vec<_>>()
    });
    let mut forms: Vec<String> = forms.filter(|command| command.contains("x.wasm")).collect();
    forms.push("curl -F module=@x.wasm -F config=@x.toml".to_owned());
    forms.push("curl -T x.wasm".to_owned());
    for command in forms {
        let command = command.replace("http://host:8080", host.url());
        let url = format!("{}/api/v1/filters/x", host.url());
        let url = if command.contains("http://") { "" } else { &url };
        let script = format!("curl() {{ command curl -fsS \"$@\"; }}\n{command} {url}");
        succeeds(&bash(&script, folder.path(), &[]), &script);
        let config = host.filter("x")["settings"]["config"].as_str().unwrap().to_owned();
        assert_eq!(config.trim(), if command.contains("-F config") { "magnitude = 20.0" } else { "" }, "{command}");
    }
}
