//! A host on Kafka with TLS, passwords and access rights.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use skysieve::kafka::Options;
use skysieve_tests::host::{Host, write_filter};
use skysieve_tests::kafka::Cluster;
use skysieve_tests::{alerts, skysieve, text};

const ALERTS: usize = 300;

/// The options in the form of flags.
fn flags(options: &Options) -> Vec<String> {
    let properties = options.overrides.iter().flat_map(|(key, value)| ["-X".to_owned(), format!("{key}={value}")]);
    ["--brokers".to_owned(), options.brokers.clone()].into_iter().chain(properties).collect()
}

fn run(line: &str, options: &Options) -> Output {
    skysieve(line.split(' ').map(str::to_owned).chain(flags(options)))
}

/// Publishes alerts on the topic `alerts`.
fn produce(options: &Options) {
    let line = format!("produce --topic alerts --simulate lsst --no-stamps --alerts-per-visit {ALERTS}");
    let output = run(&line, options);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// The ids of the alerts in a topic, in ascending order.
fn consume(topic: &str, options: &Options) -> Vec<i64> {
    let output = run(&format!("consume {topic} --from earliest --until-end --json"), options);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().parse().unwrap();
    let mut ids: Vec<i64> = text(&output.stdout).lines().map(id).collect();
    ids.sort_unstable();
    ids
}

/// The ids that the filter accepts, in ascending order.
fn third() -> Vec<i64> {
    let mut ids: Vec<i64> = alerts(1, ALERTS).iter().map(|alert| alert.id).filter(|id| id % 3 == 0).collect();
    ids.sort_unstable();
    ids
}

/// Starts a host of that name with a filter that accepts every third id. The names of its topics begin with its own.
fn start(name: &str, options: &Options) -> Host {
    let folder = tempfile::tempdir().unwrap();
    write_filter(folder.path(), "third", "odd", "quota = 1000\n[config]\nmode = 'accept'\nevery = 3");
    let (prefix, filters) = (format!("{name}-"), folder.path().to_str().unwrap());
    let flags = flags(options);
    let mut arguments = vec!["--name", name, "--filters", filters, "--output-prefix", &prefix];
    arguments.extend(flags[2..].iter().map(String::as_str));
    // When the host listens, it has read its filters.
    Host::start(&options.brokers, "alerts", &arguments)
}

/// Checks that the host ends with an error that contains all of these texts.
fn assert_ends(name: &str, options: &Options, parts: &[&str]) {
    let (status, log) = start(name, options).ended();
    let error = log.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    assert!(status.code() == Some(1) && parts.iter().all(|part| error.contains(part)), "{parts:?}: {log}");
}

/// The certificate of an authority that has signed nothing.
fn stranger(folder: &Path) -> String {
    let [key, authority] = ["key.pem", "ca.pem"].map(|name| folder.join(name).display().to_string());
    let line = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=stranger";
    let output = Command::new("openssl").args(line.split(' ')).args(["-keyout", &key, "-out", &authority]).output();
    assert!(output.unwrap().status.success());
    authority
}

/// Sets what `user` may do, or may not do.
fn acl(cluster: &Cluster, effect: &str, operation: &str, resources: &[&str]) {
    let change = ["--add", effect, "User:user", "--operation", operation];
    cluster.tool("org.apache.kafka.tools.AclCommand", &[&change, resources].concat());
}

#[test]
fn who_may_come_in() {
    let Some(cluster) = Cluster::secure("secure") else { return };
    let admin = cluster.login("admin", "admin-secret");
    produce(&admin);
    for mechanism in ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] {
        let (name, login) = (mechanism.to_lowercase(), admin.clone().with("sasl.mechanism", mechanism));
        let host = start(&name, &login);
        host.await_done(ALERTS as u64);
        assert_eq!(host.stop().0, Some(0));
        assert_eq!(consume(&format!("{name}-third"), &login), third(), "{mechanism}");
    }
    let refused = ["Kafka refused to let this client in", "sasl.mechanism and the credentials"];
    assert_ends("wrong-password", &cluster.login("admin", "nonsense"), &refused);
    assert_ends("wrong-user", &cluster.login("nobody", "nobody-secret"), &refused);
    let folder = tempfile::tempdir().unwrap();
    let stranger = admin.with("ssl.ca.location", &stranger(folder.path()));
    assert_ends("wrong-authority", &stranger, &["certificate verify failed", "127.0.0.1"]);
}

#[test]
fn rights_that_are_missing() {
    let Some(cluster) = Cluster::secure("rights") else { return };
    let (admin, user) = (cluster.login("admin", "admin-secret"), cluster.login("user", "user-secret"));
    produce(&admin);
    // The host reserves its name before it creates topics.
    assert_ends("nothing", &user, &["\"nothing\"", "the right to write to that transactional id"]);

    let everything = ["--topic", "*", "--group", "*", "--transactional-id", "*"];
    acl(&cluster, "--allow-principal", "All", &everything);
    for (name, operation, resource, said) in [
        ("no-quotas", "Read", ["--topic", "no-quotas-quotas"], "the right to read topic \"no-quotas-quotas\""),
        ("no-create", "Create", ["--topic", "no-create-third"], "\"no-create-third\" can't be created"),
        ("no-write", "Write", ["--topic", "no-write-third"], "\"no-write-third\": TopicAuthorizationFailed"),
        ("no-id", "Write", ["--transactional-id", "no-id"], "the right to write to that transactional id"),
        ("no-group", "Read", ["--group", "no-group"], "the right to read that consumer group"),
    ] {
        acl(&cluster, "--deny-principal", operation, &resource);
        assert_ends(name, &user, &[said]);
    }
    let host = start("allowed", &user);
    host.await_done(ALERTS as u64);
    assert_eq!(host.stop().0, Some(0));
    assert_eq!(consume("allowed-third", &user), third());

    acl(&cluster, "--deny-principal", "Read", &["--topic", "alerts"]);
    assert_ends("no-stream", &user, &["the right to read", "topic"]);
}

/// Checks that the process ends with an error that contains all of these texts, before its patience of 30 s is over.
fn assert_told(line: &str, options: &Options, parts: &[&str]) {
    let begun = Instant::now();
    let output = run(line, options);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{line}: {errors}");
    assert!(parts.iter().all(|part| errors.contains(part)), "{line}: {parts:?}: {errors}");
    assert!(begun.elapsed() < Duration::from_secs(25), "{line}: {:?}", begun.elapsed());
}

#[test]
fn settings_that_do_not_fit_the_listener_are_named() {
    let Some(cluster) = Cluster::secure("settings") else { return };
    let admin = cluster.login("admin", "admin-secret");
    produce(&admin);
    let elsewhere = |options: &Options| Options { brokers: cluster.plain(), ..options.clone() };
    let plain = Options::new(&*cluster.brokers);
    let tls = ["speaks TLS", "security.protocol=SASL_SSL", "it is PLAINTEXT now"];
    let sasl = ["SASL", "security.protocol=SASL_SSL", "SCRAM-SHA-512", "sasl.username"];
    let no_tls = ["does not speak TLS", "security.protocol=PLAINTEXT"];
    let no_sasl = ["SASL", "security.protocol=PLAINTEXT"];
    let without_sasl = admin.clone().with("security.protocol", "SSL");
    let without_tls = elsewhere(&admin.clone().with("security.protocol", "SASL_PLAINTEXT"));
    for line in [
        "consume alerts --until-end",
        "produce --topic alerts --simulate lsst --no-stamps --alerts-per-visit 1",
        "host --topic alerts --name settings --listen 127.0.0.1:0",
    ] {
        assert_told(line, &plain, &tls);
        assert_told(line, &without_sasl, &sasl);
        assert_told(line, &elsewhere(&admin), &no_tls);
        assert_told(line, &without_tls, &no_sasl);
    }
}

#[test]
fn sessions_are_renewed_before_they_end() {
    const LIFETIME: Duration = Duration::from_secs(3);
    let lifetime = format!("connections.max.reauth.ms={}", LIFETIME.as_millis());
    let Some(cluster) = Cluster::secure_with("sessions", &[&lifetime]) else { return };
    let admin = cluster.login("admin", "admin-secret");
    produce(&admin);
    let host = start("sessions", &admin);
    host.await_done(ALERTS as u64);
    let begun = Instant::now();
    let mut alerts = ALERTS as u64;
    // The connections are in use all the time, and for longer than several sessions.
    while begun.elapsed() < 4 * LIFETIME {
        produce(&admin);
        alerts += ALERTS as u64;
        host.await_done(alerts);
    }
    assert_eq!(host.retries(), 0, "no transaction met a connection that the broker had closed");
    assert_eq!(host.stop().0, Some(0));
}
