//! What a host meets that passes, and what does not.

use super::*;

/// So many times the same error.
fn times(count: usize, error: RDKafkaRespErr) -> Vec<RDKafkaRespErr> {
    vec![error; count]
}

#[test]
fn a_coordinator_that_is_not_ready_is_waited_for_while_brokers_answer() {
    let broker = broker(&[("alerts", 1)]);
    let options = Options { patience: Duration::from_millis(500), ..broker.options() };
    let not_ready = RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE;
    // It is asked again after pauses of 50, 100, 200 … ms: this lasts longer than the patience.
    broker.cluster().request_errors(RDKafkaApiKey::InitProducerId, &times(6, not_ready));
    HostLock::new(&options, "nightwatch").unwrap();
}

#[test]
fn hosts_that_take_a_name_from_each_other_make_pauses() {
    let broker = broker(&[("alerts", 1)]);
    let [works, taken] =
        [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR, RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH];
    // Both of its transactional ids are its own, but then the first one is not any more.
    let rounds = [works, works, taken].repeat(4);
    broker.cluster().request_errors(RDKafkaApiKey::InitProducerId, &rounds);
    let begun = Instant::now();
    HostLock::new(&broker.options(), "nightwatch").unwrap();
    // The pauses begin with 100 ms, and double.
    assert!(begun.elapsed() >= Duration::from_millis(1400), "{:?}", begun.elapsed());
}

#[test]
fn a_host_that_has_published_but_has_no_offsets_stops() {
    let broker = broker(&[("alerts", 1)]);
    publish(&broker.options(), vec![record("alerts", "", "an alert")]);
    let begin = |lost, from| {
        let mut lock = HostLock::new(&broker.options(), "nightwatch").unwrap();
        lock.on_lost_offsets(lost, true);
        lock.open(&["alerts".into()], from, "dead".into())
    };
    let error = begin(LostOffsets::Stop, StartAt::Committed).err().unwrap().to_string();
    assert!(error.contains("\"nightwatch\"") && error.contains("--from") && error.contains("counters"), "{error}");
    for (lost, from) in [(LostOffsets::Earliest, StartAt::Committed), (LostOffsets::Stop, StartAt::Last(1))] {
        assert_eq!(fetch(&mut begin(lost, from).unwrap().0, 1)[0].bytes, "an alert");
    }
}

#[test]
fn a_coordinator_that_is_slow_when_a_partition_is_added_is_asked_again() {
    let broker = broker(&[("alerts", 2)]);
    let options = Options { patience: Duration::from_millis(300), ..broker.options() };
    let (mut source, _) = open(&options, &["alerts"]);
    let long_ago = || Instant::now().checked_sub(LONG).unwrap();
    let added = TopicPartition::new("alerts", 1);
    assert!(source.forget(&added));
    let loading = RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
    broker.cluster().request_errors(RDKafkaApiKey::OffsetFetch, &times(100, loading));
    source.look_again(long_ago());
    fetch_until(&mut source, || true);
    broker.cluster().clear_request_errors(RDKafkaApiKey::OffsetFetch);
    let limits = BatchLimits::default();
    let deadline = Instant::now() + LONG;
    while !source.reads(&added) {
        assert!(Instant::now() < deadline, "the partition is not read");
        source.look_again(long_ago());
        source.fetch(&mut Vec::new(), &limits, Duration::from_millis(10)).unwrap();
    }
}

#[test]
fn a_stop_while_brokers_are_asked_for_partitions_is_no_error() {
    let broker = broker(&[("alerts", 2)]);
    let options = broker.options();
    let (mut source, _) = open(&options, &["alerts"]);
    assert!(source.forget(&TopicPartition::new("alerts", 1)));
    let loading = RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
    broker.cluster().request_errors(RDKafkaApiKey::OffsetFetch, &times(100, loading));
    source.look_again(Instant::now().checked_sub(LONG).unwrap());
    options.stop.store(true, Ordering::Relaxed);
    let limits = BatchLimits::default();
    assert!(source.fetch(&mut Vec::new(), &limits, Duration::from_millis(10)).unwrap());
}

#[test]
fn a_topic_that_is_back_is_given_all_of_the_patience_again() {
    let broker = broker(&[("alerts", 1)]);
    let (mut source, _) = open(&broker.options(), &["alerts"]);
    source.absent_since(Instant::now().checked_sub(LONG).unwrap());
    source.look_again(Instant::now().checked_sub(LONG).unwrap());
    let limits = BatchLimits::default();
    source.fetch(&mut Vec::new(), &limits, Duration::from_millis(10)).unwrap();
    assert!(!source.is_absent());
}
