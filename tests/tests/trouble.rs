//! Trouble on real Kafka: too few replicas, hosts that are suspended, a survey's producer that loses its broker.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use skysieve::kafka::{Options, Subscriber};
use skysieve_simulate::{Config, SimulatedAlert, Simulator, Survey};
use skysieve_tests::host::Host;
use skysieve_tests::kafka::{Cluster, create_topic, feed, feeder, read_all, wait_for};
use skysieve_tests::setup::{Setup, ids, packets};
use skysieve_tests::{alerts, binary, text};

/// The number of filters. The nth accepts ids that n divides.
const FILTERS: i64 = 10;

/// A host with those filters.
fn setup(name: &str) -> Setup {
    let setup = Setup::new(name, &[]);
    for every in 1..=FILTERS {
        let settings = format!("quota = 1000000\n[config]\nmode = 'accept'\nevery = {every}");
        setup.add((&filter(every), "odd", &settings));
    }
    setup
}

fn filter(every: i64) -> String {
    format!("every-{every}")
}

fn start(setup: &Setup, cluster: &Cluster, more: &[&str]) -> Host {
    let host = setup.start(&cluster.brokers, "alerts", more);
    host.await_reading();
    host
}

/// Checks that the topic of each filter has exactly the ids that it accepts, none missing and none twice.
fn assert_exact(setup: &Setup, cluster: &Cluster, alerts: &[SimulatedAlert]) {
    let topic = |every: i64| setup.topic(&filter(every));
    let topics: Vec<String> = (1..=FILTERS).map(topic).collect();
    let messages = read_all(&cluster.brokers, &topics);
    for every in 1..=FILTERS {
        let mut accepted: Vec<i64> = alerts.iter().map(|alert| alert.id).filter(|id| id % every == 0).collect();
        accepted.sort_unstable();
        let published = ids(&messages, &topic(every));
        let missing: Vec<_> = accepted.iter().filter(|id| !published.contains(id)).collect();
        let twice: Vec<_> = published.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        assert!(missing.is_empty() && twice.is_empty(), "every {every}: missing {missing:?}, twice {twice:?}");
        assert_eq!(published, accepted, "every {every}");
    }
}

/// Waits until no transaction of this host is open. Returns whether the brokers have aborted one.
fn stopped_in_transaction(setup: &Setup, cluster: &Cluster) -> bool {
    let mut aborted = false;
    for id in [setup.name.clone(), format!("{}#2", setup.name)] {
        wait_for("the transaction to end", || {
            let told =
                cluster.tool("org.apache.kafka.tools.TransactionsCommand", &["describe", "--transactional-id", &id]);
            aborted |= told.contains("CompleteAbort");
            ["CompleteAbort", "CompleteCommit", "Empty"].iter().any(|state| told.contains(state))
        });
    }
    aborted
}

/// Waits until the host says that it is not ready, and has retried a batch more than `retries` times.
fn await_trouble(host: &Host, retries: u64) {
    wait_for("the host to tell of its trouble", || host.health()["ready"] == false && host.retries() > retries);
}

#[test]
fn fewer_replicas_than_a_topic_wants() {
    let Some(cluster) = Cluster::start("few", 3) else { return };
    let setup = setup("few");
    create_topic(&cluster.brokers, "alerts", 6);
    let alerts = alerts(1, 900);
    let mut feeder = feeder(&cluster.brokers, "alerts", 6);
    let host = start(&setup, &cluster, &[]);
    feed(&mut feeder, 6, packets(&alerts[..300]));
    host.await_committed(300);

    let topic = setup.topic(&filter(7));
    cluster.kill(3);
    wait_for("the brokers to miss a replica", || {
        let told = cluster.tool("org.apache.kafka.tools.TopicCommand", &["--describe", "--topic", &topic]);
        let in_sync = told.split_once("Isr: ").and_then(|(_, rest)| rest.split_whitespace().next());
        in_sync.is_some_and(|brokers| !brokers.contains('3'))
    });
    // Two brokers of three are enough, and the host finds out which of them lead the killed broker's partitions.
    feed(&mut feeder, 6, packets(&alerts[300..400]));
    host.await_committed(400);
    let retries = host.retries();

    // The topic of one filter requires all of its three replicas.
    let change = ["--alter", "--entity-type", "topics", "--entity-name", &topic, "--add-config"];
    cluster.tool("kafka.admin.ConfigCommand", &[&change[..], &["min.insync.replicas=3"]].concat());
    feed(&mut feeder, 6, packets(&alerts[400..600]));
    host.await_log("NotEnoughReplicas");
    await_trouble(&host, retries);
    cluster.revive();
    host.await_committed(600);
    assert_eq!(host.health()["ready"], true);

    // One broker of three is not enough for anything.
    let retries = host.retries();
    std::thread::scope(|scope| {
        scope.spawn(|| feed(&mut feeder, 6, packets(&alerts[600..])));
        cluster.kill(2);
        cluster.kill(3);
        await_trouble(&host, retries);
        cluster.revive();
    });
    host.await_committed(900);
    assert_eq!(host.health()["ready"], true);
    assert_eq!(host.stop().0, Some(0));
    assert_exact(&setup, &cluster, &alerts);
}

#[test]
fn a_host_that_stands_still_in_transactions() {
    let Some(cluster) = Cluster::start("still", 1) else { return };
    let setup = setup("still");
    create_topic(&cluster.brokers, "alerts", 2);
    let (part, parts) = (256, 40);
    let alerts = alerts(parts, part);
    let mut feeder = feeder(&cluster.brokers, "alerts", 2);
    let host = start(&setup, &cluster, &["--transaction-timeout", "2"]);
    let (mut fed, mut aborted) = (0, 0);
    while aborted < 3 {
        assert!(fed < alerts.len(), "only {aborted} of {parts} stops were in a transaction");
        let retries = host.retries();
        feed(&mut feeder, 2, packets(&alerts[fed..fed + part]));
        wait_for("alerts to be fetched", || host.health()["messages"].as_u64().unwrap() > fed as u64);
        host.suspend();
        let stopped_in_one = stopped_in_transaction(&setup, &cluster);
        host.resume();
        fed += part;
        host.await_committed(fed as i64);
        assert!(!stopped_in_one || host.retries() > retries);
        aborted += usize::from(stopped_in_one);
    }
    assert_eq!(host.stop().0, Some(0));
    assert_exact(&setup, &cluster, &alerts[..fed]);
}

/// Runs hosts of one name, each of which is suspended while the next one starts. `timeout` is that of the first one's
/// transactions.
fn stand_still_while_another_takes_over(name: &str, timeout: &str, times: usize) {
    let Some(cluster) = Cluster::start(name, 1) else { return };
    let setup = setup(name);
    create_topic(&cluster.brokers, "alerts", 2);
    let part = 256;
    let alerts = alerts(times, 3 * part);
    let mut feeder = feeder(&cluster.brokers, "alerts", 2);
    for (time, alerts) in alerts.chunks(3 * part).enumerate() {
        let done = (time * 3 * part) as i64;
        let first = start(&setup, &cluster, &["--transaction-timeout", timeout]);
        feed(&mut feeder, 2, packets(&alerts[..part]));
        wait_for("alerts to be fetched", || first.health()["messages"].as_u64().unwrap() > 0);
        first.suspend();
        let second = start(&setup, &cluster, &[]);
        feed(&mut feeder, 2, packets(&alerts[part..2 * part]));
        second.await_committed(done + 2 * part as i64);
        first.resume();
        let (status, log) = first.ended();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("has taken over") && log.contains("--name"), "{log}");
        feed(&mut feeder, 2, packets(&alerts[2 * part..]));
        second.await_committed(done + 3 * part as i64);
        assert_eq!(second.stop().0, Some(0));
    }
    assert_exact(&setup, &cluster, &alerts);
}

#[test]
fn a_host_that_stands_still_while_another_takes_over() {
    stand_still_while_another_takes_over("replaced", "60", 2);
}

/// The brokers have given up its transaction by then. It must not take the name over again just to find that out.
#[test]
fn a_host_that_stands_still_for_longer_than_its_transaction_may_take() {
    stand_still_while_another_takes_over("outlived", "1", 3);
}

/// Starts `skysieve produce` for a visit of small alerts, at 300 per second.
fn produce(cluster: &Cluster, more: &[&str]) -> Child {
    let line = "produce --topic survey --simulate lsst --no-stamps --no-history --rate 300 --json";
    let mut command = Command::new(binary());
    command.args(line.split(' ')).args(["--brokers", &cluster.brokers, "--alerts-per-visit", &VISIT.to_string()]);
    command.args(more).env("RUST_LOG", "warn").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The number of alerts in that visit.
const VISIT: usize = 2000;

/// So many alerts in the topic are several batches, of which the first were acknowledged.
const SOME: usize = 200;

/// Waits until some of the visit are in the topic.
fn await_some(cluster: &Cluster) {
    let options = Options::new(&*cluster.brokers);
    wait_for("alerts to arrive", || {
        let Ok(mut subscriber) = Subscriber::new(&options, &["survey".to_owned()]) else { return false };
        (0..SOME).all(|_| subscriber.next(Duration::from_secs(1)).unwrap().is_some())
    });
}

/// The ids in the topic, in ascending order.
fn survey(cluster: &Cluster) -> Vec<i64> {
    ids(&read_all(&cluster.brokers, &["survey".to_owned()]), "survey")
}

/// The counts of the whole run, which are printed last.
fn total(output: &Output) -> Value {
    let last = text(&output.stdout).lines().last().map(str::to_owned).unwrap_or_default();
    serde_json::from_str::<Value>(&last).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))["total"]
        .take()
}

#[test]
fn a_survey_whose_broker_comes_back() {
    let Some(cluster) = Cluster::start("back", 1) else { return };
    let process = produce(&cluster, &[]);
    await_some(&cluster);
    cluster.kill(1);
    cluster.revive();
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let config = Config { stamps: false, history: false, ..Config::default() };
    let mut sent: Vec<i64> = Simulator::new(Survey::Lsst, config).visit(VISIT).map(|alert| alert.id).collect();
    sent.sort_unstable();
    assert_eq!(survey(&cluster), sent);
}

#[test]
fn a_survey_whose_broker_is_gone() {
    let Some(cluster) = Cluster::start("gone", 1) else { return };
    let process = produce(&cluster, &["-X", "message.timeout.ms=5000"]);
    await_some(&cluster);
    cluster.kill(1);
    let output = process.wait_with_output().unwrap();
    let (error, total) = (text(&output.stderr), total(&output));
    assert_eq!(output.status.code(), Some(1), "{error}");
    let (delivered, undelivered) = (total["delivered"].as_u64().unwrap(), total["undelivered"].as_u64().unwrap());
    assert!(delivered > 0 && undelivered > 0 && delivered + undelivered == VISIT as u64, "{total}");
    let told = error.lines().filter_map(|line| line.split_once(" alerts were not delivered, the first with id "));
    let told: u64 = told.map(|(before, _)| before.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(told, undelivered, "{error}");

    // What was acknowledged is there, and perhaps some alerts whose acknowledgement was lost, but none twice.
    cluster.revive();
    let ids = survey(&cluster);
    assert!((delivered..=VISIT as u64).contains(&(ids.len() as u64)), "{total} {}", ids.len());
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
}
