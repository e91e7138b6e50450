//! Who publishes under the name of a host, which has two transactional ids, on real Kafka.

use std::time::Duration;

use skysieve::kafka::{HostLock, KafkaSink, Options, StartAt};
use skysieve::pipeline::{Position, Published, Record, Sink, SinkError};
use skysieve_tests::kafka::{create_topic, feed, feeder, kafka, read_all, unique};

/// A stream and an output with one partition each, and a host, which all have the same name.
struct Stage {
    options: Options,
    name: String,
    output: String,
}

impl Stage {
    fn new(name: &str) -> Option<Stage> {
        let options = Options::new(kafka()?);
        let name = unique(name);
        let output = format!("{name}-output");
        create_topic(&options.brokers, &name, 1);
        create_topic(&options.brokers, &output, 1);
        // A host refuses to continue from offsets that the stream does not have.
        feed(&mut feeder(&options.brokers, &name, 1), 1, [(); 12].map(|()| "an alert".into()));
        Some(Stage { options, name, output })
    }

    fn begin(&self) -> [KafkaSink; 2] {
        let lock = HostLock::new(&self.options, &self.name).unwrap();
        lock.open(std::slice::from_ref(&self.name), StartAt::Committed, "dead".into()).unwrap().1
    }

    /// Sends the alert at an offset without committing it.
    fn send(&self, sink: &mut KafkaSink, offset: i64) -> <KafkaSink as Sink>::Sent {
        let (topic, payload) = ((*self.output).into(), offset.to_string().into());
        let record = Record { topic, key: Vec::new(), payload, headers: Vec::new() };
        sink.send(vec![record], vec![Position { topic: (*self.name).into(), partition: 0, offset: offset + 1 }])
    }

    fn publish(&self, sink: &mut KafkaSink, offset: i64) -> Result<Published, SinkError> {
        let sent = self.send(sink, offset);
        sink.commit(sent)
    }

    fn published(&self) -> Vec<String> {
        let messages = read_all(&self.options.brokers, std::slice::from_ref(&self.output));
        messages.iter().map(|message| String::from_utf8(message.payload.to_vec()).unwrap()).collect()
    }
}

fn assert_fenced(result: Result<Published, SinkError>) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains("has taken over") && error.contains("--name"), "{error}");
}

#[test]
fn sinks_publish_in_turn_until_another_host_takes_over() {
    let Some(stage) = Stage::new("turn") else { return };
    let [mut first, mut second] = stage.begin();
    let zero = stage.send(&mut first, 0);
    let one = stage.send(&mut second, 1);
    first.commit(zero).unwrap();
    let two = stage.send(&mut first, 2);
    second.commit(one).unwrap();
    let three = stage.send(&mut second, 3);
    let [mut later, mut last] = stage.begin();
    assert_fenced(first.commit(two));
    assert_fenced(second.commit(three));
    stage.publish(&mut later, 2).unwrap();
    stage.publish(&mut last, 3).unwrap();
    assert_fenced(stage.publish(&mut second, 4));
    assert_eq!(stage.published(), ["0", "1", "2", "3"]);
}

#[test]
fn a_host_that_was_away_takes_all_of_its_name_over_again() {
    let Some(mut stage) = Stage::new("away") else { return };
    stage.options.transaction_timeout = Duration::from_secs(1);
    let [_, mut early] = stage.begin();
    let sent = stage.send(&mut early, 0);
    std::thread::sleep(stage.options.transaction_timeout);
    let late = stage.begin();
    // It can't tell whether the brokers ended its transaction because of the timeout or because of the other host,
    // which has committed nothing yet.
    early.commit(sent).unwrap();
    for mut late in late {
        assert_fenced(stage.publish(&mut late, 0));
    }
    stage.publish(&mut early, 1).unwrap();
    assert_eq!(stage.published(), ["0", "1"]);
}

#[test]
fn of_hosts_that_begin_at_the_same_time_one_is_left() {
    let Some(stage) = Stage::new("race") else { return };
    for round in 0..5 {
        let hosts = std::thread::scope(|scope| {
            let started = [0; 4].map(|_| scope.spawn(|| stage.begin()));
            started.map(|host| host.join().unwrap())
        });
        let mut left = 0;
        for [mut first, mut second] in hosts {
            let published = stage.publish(&mut first, 2 * round);
            match published {
                Ok(_) => {
                    stage.publish(&mut second, 2 * round + 1).unwrap();
                    left += 1;
                }
                fenced => {
                    assert_fenced(fenced);
                    assert_fenced(stage.publish(&mut second, 2 * round + 1));
                }
            }
        }
        assert_eq!(left, 1);
    }
    let expected: Vec<String> = (0..10).map(|offset| offset.to_string()).collect();
    assert_eq!(stage.published(), expected);
}
