//! Answers of brokers that are not what they should be, from a listener that says what a test tells it to.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::{record, together};
use crate::kafka::client::error::{Code, Error, Remedy};
use crate::kafka::client::options::Options;
use crate::kafka::client::stop::Stop;
use crate::kafka::wire::broker::{Broker, patience};
use crate::kafka::wire::cluster::Cluster;
use crate::kafka::wire::produce::plan;
use crate::kafka::wire::requests::{Ask, NEEDED};
use crate::kafka::wire::security::Security;
use crate::kafka::wire::shape::fits;
use crate::kafka::wire::stream::Stream;

/// A request as it came: its key and its number.
#[derive(Clone, Copy)]
struct Asked {
    key: i16,
    id: i32,
}

impl Asked {
    /// An answer to it.
    fn answer(self, body: &[u8]) -> Vec<u8> {
        [&(body.len() as i32 + 4).to_be_bytes(), &self.id.to_be_bytes(), body].concat()
    }

    fn encoded<R: Ask>(self, answer: &R::Response) -> Vec<u8>
    where
        R::Response: Encodable,
    {
        self.answer(&encode::<R>(answer))
    }
}

fn encode<R: Ask>(answer: &R::Response) -> Bytes
where
    R::Response: Encodable,
{
    let mut body = BytesMut::new();
    answer.encode(&mut body, R::VERSION).unwrap();
    body.freeze()
}

/// A listener on which each request gets what `answer` says; its port. The connection ends with the first `None`.
fn listener(mut answer: impl FnMut(Asked) -> Option<Vec<u8>> + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 4];
            while stream.read_exact(&mut length).is_ok() {
                let mut request = vec![0; i32::from_be_bytes(length) as usize];
                stream.read_exact(&mut request).unwrap();
                let key = i16::from_be_bytes([request[0], request[1]]);
                let id = i32::from_be_bytes(request[4..8].try_into().unwrap());
                let Some(bytes) = answer(Asked { key, id }) else { break };
                // The client may have gone.
                let _ = stream.write_all(&bytes);
            }
        }
    });
    port
}

fn stop() -> Stop {
    Stop::at_once(&Options::new("127.0.0.1:1"))
}

/// A connection on which nothing was asked yet.
fn broker(port: u16) -> Broker {
    let time = Duration::from_secs(20);
    let stream = Stream::connect("127.0.0.1", port, None, patience(&stop(), time)).unwrap();
    Broker::new(stream, format!("127.0.0.1:{port}"), &stop(), time)
}

/// What the client says of an answer to its question for a coordinator.
fn said(answer: impl FnMut(Asked) -> Option<Vec<u8>> + Send + 'static) -> String {
    match broker(listener(answer)).ask(&FindCoordinatorRequest::default()) {
        Err(error @ Error::Broker { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(answer) => panic!("{answer:?}"),
    }
}

#[test]
fn answers_that_are_malformed_end_the_connection() {
    let right = encode::<FindCoordinatorRequest>(&FindCoordinatorResponse::default().with_host("kafka".into()));
    for cut in 0..right.len() {
        let part = right.slice(..cut);
        let why = said(move |asked| Some(asked.answer(&part)));
        assert!(why.contains("FindCoordinatorRequest is malformed: it ends early"), "{cut}: {why}");
    }
    // Of the answer itself, too, only a part may come.
    for cut in 0..8 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut broker = broker(listener.local_addr().unwrap().port());
        broker.send::<FindCoordinatorRequest>(|_| {}).unwrap();
        listener.accept().unwrap().0.write_all(&Asked { key: 10, id: 0 }.answer(&right)[..cut]).unwrap();
        let why = broker.receive::<FindCoordinatorRequest>().unwrap_err().to_string();
        assert!(why.contains("closed the connection") || why.contains("reset"), "{cut}: {why}");
    }
}

#[test]
fn lengths_that_lie() {
    for length in [-1, i32::MIN, i32::MAX, 17 << 20] {
        let why = said(move |_| Some(length.to_be_bytes().to_vec()));
        assert!(why.contains("not a Kafka broker") && why.contains("security.protocol"), "{length}: {why}");
    }
    let why = said(|_| None);
    assert!(why.contains("closed the connection"), "{why}");
    let why = said(|asked| Some(Asked { id: asked.id + 1, ..asked }.answer(&[0; 20])));
    assert!(why.contains("it is for another request"), "{why}");
    // Two thousand million brokers of which none follows: no room is made for them.
    // The first byte is the header's: this version is one of the flexible ones.
    let metadata = b"\0\0\0\0\0\xff\xff\xff\xff\x07";
    let port = listener(move |asked| Some(asked.answer(metadata)));
    let why = broker(port).ask(&MetadataRequest::default()).unwrap_err().to_string();
    assert!(why.contains("MetadataRequest is malformed: it ends early"), "{why}");
    let produced = i32::MAX.to_be_bytes();
    let port = listener(move |asked| Some(asked.answer(&produced)));
    let why = broker(port).ask(&ProduceRequest::default()).unwrap_err().to_string();
    assert!(why.contains("ProduceRequest is malformed: it ends early"), "{why}");
}

#[test]
fn errors_without_a_name_are_told_by_their_number() {
    let port = listener(|asked| {
        Some(asked.encoded::<FindCoordinatorRequest>(&FindCoordinatorResponse::default().with_error_code(12_345)))
    });
    let answer = broker(port).ask(&FindCoordinatorRequest::default()).unwrap();
    let error = Code::check(answer.error_code).unwrap_err().to_string();
    assert!(error.contains("12345"), "{error}");
}

#[test]
fn a_client_that_asks_too_much_is_patient() {
    let answers = |throttle| {
        listener(move |asked| {
            let answer = FindCoordinatorResponse::default().with_throttle_time_ms(throttle);
            Some(asked.encoded::<FindCoordinatorRequest>(&answer))
        })
    };
    for (throttle, least, most) in [(0, 20, 20), (-1, 20, 20), (60_000, 75, 80), (i32::MAX, 130, 140)] {
        let mut broker = broker(answers(throttle));
        broker.ask(&FindCoordinatorRequest::default()).unwrap();
        let time = broker.time_to_answer();
        assert!((least..=most).contains(&time.as_secs()), "{throttle}: {time:?}");
    }
}

/// An answer that knows all requests, but one.
fn versions(but: Option<(i16, i16, i16)>) -> ApiVersionsResponse {
    let known = NEEDED.iter().map(|(key, version, _)| match but {
        Some((other, least, most)) if other == *key => (other, least, most),
        _ => (*key, 0, *version + 3),
    });
    let api =
        |(key, least, most)| ApiVersion::default().with_api_key(key).with_min_version(least).with_max_version(most);
    ApiVersionsResponse::default().with_api_keys(known.map(api).collect())
}

#[test]
fn brokers_that_are_too_old_or_too_new() {
    let connect = |but| {
        let port = listener(move |asked| Some(asked.encoded::<ApiVersionsRequest>(&versions(but))));
        Broker::connect("127.0.0.1", port, &Security { tls: None, sasl: None }, &stop()).map(drop)
    };
    assert!(connect(None).is_ok());
    for (least, most) in [(0, 7), (9, 12)] {
        match connect(Some((0, least, most))) {
            Err(error @ Error::TooOld { .. }) => {
                assert!(error.to_string().contains("version 8 of ProduceRequest"), "{error}")
            }
            other => panic!("{:?}", other.err()),
        }
    }
}

#[test]
fn a_broker_that_says_nothing_of_a_topic_is_not_asked_for_ever() {
    let port = listener(|asked| {
        Some(match asked.key {
            18 => asked.encoded::<ApiVersionsRequest>(&versions(None)),
            // Flexible versions have tags behind the number.
            _ => asked.answer(&[&b"\0"[..], &encode::<MetadataRequest>(&MetadataResponse::default())].concat()),
        })
    });
    let patience = Duration::from_millis(200);
    let options = Options { patience, ..Options::new(format!("127.0.0.1:{port}")) };
    let records = [record(&"bright".into(), "17", 10)];
    let error = plan(&mut Cluster::new(&options, "test", "test").unwrap(), &together(&records)).err().unwrap();
    assert!(matches!(&error, Error::NotReady { topic, .. } if topic == "bright"), "{error}");
    assert_eq!(error.remedy(), Remedy::Retry);
}

#[test]
fn a_session_is_renewed_before_it_ends() {
    let options = Options::new("127.0.0.1:1")
        .with("security.protocol", "sasl_plaintext")
        .with("sasl.mechanism", "PLAIN")
        .with("sasl.username", "me")
        .with("sasl.password", "secret");
    let connect = |lifetime| {
        let proofs = Arc::new(AtomicUsize::new(0));
        let counted = proofs.clone();
        let port = listener(move |asked| {
            Some(match asked.key {
                17 => asked.encoded::<SaslHandshakeRequest>(&SaslHandshakeResponse::default()),
                36 => {
                    counted.fetch_add(1, Ordering::Relaxed);
                    let answer = SaslAuthenticateResponse::default().with_session_lifetime_ms(lifetime);
                    asked.encoded::<SaslAuthenticateRequest>(&answer)
                }
                _ => asked.encoded::<ApiVersionsRequest>(&versions(None)),
            })
        });
        let security = Security::of(&options).unwrap();
        let broker = Broker::connect("127.0.0.1", port, &security, &stop()).unwrap();
        (broker, security, proofs)
    };
    let (mut broker, security, proofs) = connect(10);
    let deadline = Instant::now() + Duration::from_secs(20);
    while proofs.load(Ordering::Relaxed) < 4 {
        assert!(Instant::now() < deadline);
        broker.renew(&security).unwrap();
        broker.ask(&ApiVersionsRequest::default()).unwrap();
    }
    for lifetime in [0, -1, i64::MAX, 3_600_000] {
        let (mut broker, security, proofs) = connect(lifetime);
        broker.renew(&security).unwrap();
        assert_eq!(proofs.load(Ordering::Relaxed), 1, "{lifetime}");
    }
}

/// A complete answer fits, and no part of it does.
fn assert_shape<R: Ask>(answer: &R::Response)
where
    R::Response: Encodable,
{
    let bytes = encode::<R>(answer);
    assert!(fits(&bytes, R::ANSWER), "{}", R::NAME);
    for cut in 0..bytes.len() {
        assert!(!fits(&bytes[..cut], R::ANSWER), "{}: {cut} of {} bytes", R::NAME, bytes.len());
    }
}

#[test]
fn shapes_are_those_of_the_protocol() {
    use add_partitions_to_txn_response::*;
    use metadata_response::*;
    use produce_response::*;
    use txn_offset_commit_response::*;
    let name = || TopicName(StrBytes::from_static_str("alerts"));
    let error = BatchIndexAndErrorMessage::default().with_batch_index_error_message(Some("too old".into()));
    let partition = PartitionProduceResponse::default().with_record_errors(vec![error.clone(), error]);
    let topic = TopicProduceResponse::default().with_name(name()).with_partition_responses(vec![partition; 3]);
    assert_shape::<ProduceRequest>(&ProduceResponse::default().with_responses(vec![topic; 2]));

    let partition = MetadataResponsePartition::default()
        .with_replica_nodes(vec![BrokerId(1), BrokerId(2)])
        .with_isr_nodes(vec![BrokerId(1)])
        .with_offline_replicas(vec![BrokerId(2)]);
    let topic = MetadataResponseTopic::default().with_name(Some(name())).with_partitions(vec![partition; 2]);
    let one = MetadataResponseBroker::default().with_host("kafka".into()).with_rack(Some("a".into()));
    assert_shape::<MetadataRequest>(
        &MetadataResponse::default()
            .with_brokers(vec![one.clone(), one.with_rack(None)])
            .with_cluster_id(Some("cluster".into()))
            .with_topics(vec![topic; 3]),
    );
    assert_shape::<FindCoordinatorRequest>(
        &FindCoordinatorResponse::default().with_host("kafka".into()).with_error_message(Some("no".into())),
    );
    assert_shape::<InitProducerIdRequest>(&InitProducerIdResponse::default());
    let result = AddPartitionsToTxnTopicResult::default()
        .with_name(name())
        .with_results_by_partition(vec![AddPartitionsToTxnPartitionResult::default(); 2]);
    assert_shape::<AddPartitionsToTxnRequest>(
        &AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(vec![result; 2]),
    );
    assert_shape::<AddOffsetsToTxnRequest>(&AddOffsetsToTxnResponse::default());
    let topic = TxnOffsetCommitResponseTopic::default()
        .with_name(name())
        .with_partitions(vec![TxnOffsetCommitResponsePartition::default(); 2]);
    assert_shape::<TxnOffsetCommitRequest>(&TxnOffsetCommitResponse::default().with_topics(vec![topic; 2]));
    assert_shape::<EndTxnRequest>(&EndTxnResponse::default());
    assert_shape::<ApiVersionsRequest>(&versions(None));
    let mechanisms = vec!["PLAIN".into(), "SCRAM-SHA-512".into()];
    assert_shape::<SaslHandshakeRequest>(&SaslHandshakeResponse::default().with_mechanisms(mechanisms));
    let token = Bytes::from_static(b"token");
    assert_shape::<SaslAuthenticateRequest>(&SaslAuthenticateResponse::default().with_auth_bytes(token));
}
